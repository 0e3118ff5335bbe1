/* test_replay.c - a month of traces through changed policies, with the real command. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"
#include "month.h"

#define N_TRACES MONTH_TRACES

struct world {
    char folder[64], db[96], policy[96];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct lt_diag d = {0};
    int64_t now = (int64_t)time(NULL) * 1000;
    snprintf(w->folder, sizeof w->folder, "/tmp/lintel-replay-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->db, sizeof w->db, "%s/lintel.db", w->folder);
    snprintf(w->policy, sizeof w->policy, "%s/new.yaml", w->folder);
    if (month_write(w->db, test_catalog(), N_TRACES, now, &d)) fail_msg("%s", d.text);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    static const char *const suffix[] = {"", "-wal", "-shm"};
    struct world *w = *state;
    char path[128];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", w->db, suffix[i]);
        unlink(path);
    }
    unlink(w->policy);
    rmdir(w->folder);
    free(w);
    return 0;
}

static json_t *replay(struct world *w, const char *policy, int *status)
{
    static char out[1 << 16], err[4096];
    FILE *f = fopen(w->policy, "w");
    fputs(policy, f);
    fclose(f);
    *status = run_lintel(out, sizeof out, err, sizeof err, "traces", "replay", "--db", w->db,
                         "--policy", w->policy, "--json", NULL);
    if (*status) {
        fprintf(stderr, "%s", err);
        return json_string(err);
    }
    return json_loads(out, 0, NULL);
}

static int64_t of(const json_t *o, const char *side, const char *route)
{
    return json_integer_value(
        json_object_get(json_object_get(json_object_get(o, side), "routes"), route));
}

static double number(const json_t *o, const char *side, const char *key)
{
    return json_number_value(json_object_get(json_object_get(o, side), key));
}

#define CLOUD "cloud:\n  endpoints:\n    - provider: anthropic\n"

static void test_replay__same_policy__changes_nothing(void **state)
{
    int status;
    json_t *o = replay(*state, CLOUD, &status);
    assert_int_equal(status, 0);
    assert_int_equal(json_integer_value(json_object_get(o, "traces")), N_TRACES);
    assert_int_equal(json_integer_value(json_object_get(o, "skipped")), 0);
    assert_int_equal(of(o, "before", "local"), 750);
    assert_int_equal(of(o, "after", "local"), 750);
    assert_int_equal(of(o, "after", "cloud"), 2250);
    assert_int_equal(json_array_size(json_object_get(o, "moved")), 0);
    assert_int_equal((int)number(o, "after", "cost_usd_micro"), 450000);
    json_decref(o);
}

static void test_replay__lower_gate__more_at_home_more_errors_less_cost(void **state)
{
    int status;
    json_t *o = replay(*state, "gate:\n  threshold: 0.60\n" CLOUD, &status);
    assert_int_equal(status, 0);
    assert_int_equal(of(o, "after", "local"), 2000); /* 40 of 60 */
    assert_int_equal(of(o, "after", "cloud"), 1000);
    assert_int_equal((int)number(o, "after", "cost_usd_micro"), 200000);
    assert_true(number(o, "after", "expected_errors") >
                number(o, "before", "expected_errors") + 100);
    const json_t *moved = json_array_get(json_object_get(o, "moved"), 0);
    assert_string_equal(json_string_value(json_object_get(moved, "from")), "cloud");
    assert_int_equal(json_integer_value(json_object_get(moved, "traces")), 1250);
    json_decref(o);
}

static void test_replay__private_area_and_small_cap__stay_home(void **state)
{
    int status;
    json_t *o = replay(*state,
                       "cloud:\n  never_cloud_areas: [Bedroom]\n  endpoints:\n"
                       "    - provider: anthropic\n",
                       &status);
    assert_int_equal(status, 0);
    assert_true(of(o, "after", "cloud") < 2000);
    assert_true(of(o, "after", "clarify") > 300);
    json_decref(o);
    /* 0.011 a day with 0.01 set aside: five or six answers at 0.0002 fit, each day anew */
    o = replay(*state, "cloud:\n  usd_per_day: 0.011\n  endpoints:\n    - provider: anthropic\n",
               &status);
    assert_in_range(of(o, "after", "cloud"), 150, 217);
    json_decref(o);
}

static void test_replay__bad_policy__refused_with_line_and_key(void **state)
{
    int status;
    json_t *o = replay(*state, "gate:\n  threshold: 2\n", &status);
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(json_string_value(o), "new.yaml:2"));
    assert_non_null(strstr(json_string_value(o), "gate.threshold"));
    json_decref(o);
    o = replay(*state, "cloud:\n  endpoints:\n    - provider: claudius\n", &status);
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(json_string_value(o), "new.yaml:3"));
    json_decref(o);
}

/* On a terminal: the table that docs/cloud.md shows. */
static void test_replay__on_a_terminal__prints_the_table(void **state)
{
    static const char *const lines[] = {
        "local                         750       2000      +1250",
        "cloud                        2250       1000      -1250",
        "answered at home            25.0%      66.7%     +41.7%",
        "expected local errors        55.0      410.0     +355.0",
        "cost (USD)                 0.4500     0.2000    -0.2500",
        "cloud -> local: 1250",
    };
    static char out[1 << 14];
    struct world *w = *state;
    size_t n = 0;
    ssize_t got;
    FILE *f = fopen(w->policy, "w");
    fputs("gate:\n  threshold: 0.60\n" CLOUD, f);
    fclose(f);
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    pid_t pid = fork();
    if (!pid) {
        dup2(slave, STDOUT_FILENO);
        close(slave);
        close(master);
        execl(LINTEL_BIN, LINTEL_BIN, "traces", "replay", "--db", w->db, "--policy", w->policy,
              "--days", "31", (char *)NULL);
        _exit(127);
    }
    close(slave);
    while (n + 1 < sizeof out && (got = read(master, out + n, sizeof out - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(master);
    waitpid(pid, NULL, 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(out, lines[i])) fail_msg("no '%s' in\n%s", lines[i], out);
}

static void test_stats__cost_and_what_home_saved__are_shown(void **state)
{
    static char out[1 << 16];
    struct world *w = *state;
    assert_int_equal(run_lintel(out, sizeof out, NULL, 0, "traces", "stats", "--db", w->db, NULL),
                     0);
    json_t *o = json_loads(out, 0, NULL);
    const json_t *saved = json_object_get(o, "saved");
    assert_int_equal(json_integer_value(json_object_get(o, "cost_usd_micro")), 450000);
    assert_int_equal(json_integer_value(json_object_get(saved, "each_usd_micro")), 200);
    assert_int_equal(json_integer_value(json_object_get(saved, "usd_micro")), 150000);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay__same_policy__changes_nothing),
        cmocka_unit_test(test_replay__lower_gate__more_at_home_more_errors_less_cost),
        cmocka_unit_test(test_replay__private_area_and_small_cap__stay_home),
        cmocka_unit_test(test_replay__bad_policy__refused_with_line_and_key),
        cmocka_unit_test(test_replay__on_a_terminal__prints_the_table),
        cmocka_unit_test(test_stats__cost_and_what_home_saved__are_shown),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
