/* test_replay.c - a month of traces through changed policies, with the real command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"
#include "lt/catalog.h"
#include "lt/json.h"
#include "lt/store.h"

#define N_TRACES 3000
#define DAY_MS   86400000LL
#define CALLS    "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Kitchen Light\"}}]"
#define OTHER    "[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Kitchen Light\"}}]"

struct world {
    char folder[64], db[96], policy[96];
};

static void ok(enum lt_err err, const struct lt_diag *d)
{
    if (err) fail_msg("%s", lt_diag_text(d, err));
}

/* Trace i: confidence from 0.40 to 0.99 in turn; the gate of then was 0.85, the cloud took the rest at
 * 200 millionths each; every tenth is labelled, and of these the unsure ones were wrong. */
static void put(struct lt_store *s, int i, const char *hash, int64_t now)
{
    struct lt_diag d = {0};
    char trace[LT_ULID_CAP], text[64];
    int is_repeated = 0;
    double confidence = 0.40 + (double)(i % 60) / 100;
    int is_local = confidence >= 0.85;
    snprintf(text, sizeof text, "kitchen light on, number %d", i);
    struct lt_trace_new t = {.site = "home",
                             .source = "mqtt",
                             .text = text,
                             .text_len = strlen(text),
                             .here = i % 7 ? "Kitchen" : "Bedroom",
                             .catalog_hash = hash,
                             .received_unix_ms =
                                 now - 30 * DAY_MS + (int64_t)i * 30 * DAY_MS / N_TRACES,
                             .deadline_ms = 15000};
    ok(lt_store_trace_accept(s, &t, trace, &is_repeated, &d), &d);
    struct lt_trace_decision dec = {.route = is_local ? "local" : "cloud",
                                    .why = is_local ? "gate.accepted" : "gate.low_confidence",
                                    .model = "test",
                                    .calls_json = CALLS,
                                    .confidence = confidence};
    ok(lt_store_trace_decided(s, trace, &dec, &d), &d);
    struct lt_trace_answer a = {.route = is_local ? "local" : "cloud",
                                .why = is_local ? "gate.accepted" : "cloud.answered",
                                .calls_json = CALLS,
                                .result_json = "{}",
                                .total_us = is_local ? 20000 : 900000,
                                .cost_usd_micro = is_local ? 0 : 200};
    ok(lt_store_trace_answered(s, trace, &a, &d), &d);
    if (i % 10) return;
    struct lt_label l = {.source = "user",
                         .is_correct = 1,
                         .calls_json = confidence < 0.7 ? OTHER : CALLS,
                         .now_unix_ms = now};
    ok(lt_store_label_add(s, trace, &l, &d), &d);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct lt_store *s = NULL;
    struct lt_docs *docs = NULL;
    struct lt_catalog *c = NULL;
    struct lt_diag d = {0};
    json_t *json = NULL;
    int64_t now = (int64_t)time(NULL) * 1000;
    snprintf(w->folder, sizeof w->folder, "/tmp/lintel-replay-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->db, sizeof w->db, "%s/lintel.db", w->folder);
    snprintf(w->policy, sizeof w->policy, "%s/new.yaml", w->folder);
    struct lt_store_options o = {.path = w->db};
    ok(lt_store_open(&o, &s, &d), &d);
    ok(lt_docs_open(&docs, &d), &d);
    ok(lt_json_read_file(test_catalog(), 1 << 24, &json, &d), &d);
    ok(lt_catalog_new(docs, json, &c, &d), &d);
    ok(lt_store_catalog_put(s, lt_catalog_hash(c), lt_catalog_text(c), now, &d), &d);
    ok(lt_store_begin(s, 0, &d), &d);
    for (int i = 0; i < N_TRACES; i++) put(s, i, lt_catalog_hash(c), now);
    ok(lt_store_commit(s, &d), &d);
    lt_store_close(s);
    lt_catalog_unref(c);
    json_decref(json);
    lt_docs_close(docs);
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
        cmocka_unit_test(test_stats__cost_and_what_home_saved__are_shown),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
