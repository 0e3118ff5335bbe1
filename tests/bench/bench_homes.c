/* bench_homes.c - spoken requests to simulated homes, scored by the final state of every device.
 *
 *     bench_homes [--least PERCENT] [HOME...]
 *
 * For each home of tests/data/homes (the five of the first list without names; terrace-2 and so on
 * are the same homes with a second list, written when the first was right): a fresh broker, the simulated devices
 * (sim_home.h), and `lintel serve` with discovery and actuation on, the shipped network, the default
 * gate, no catalogue and no cloud. Each request is said to a home in a known state. It is
 *
 *     right   every device is as the file says it should be, and the answer holds what it should tell,
 *             or the file wants a question ("ask"), or to hear that nothing here does it ("nothing")
 *     asked   the gateway asked back or said that it did not know; nothing moved
 *     wrong   anything else
 *
 * Prints what was not right on stderr and the figures as JSON on stdout; exits with 1 when less than
 * PERCENT (97) were right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "harness.h"
#include "sim_home.h"

struct score {
    int n, n_right, n_asked, n_wrong, n_questions;
};

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static int holds(const char *speech, const char *part)
{
    size_t n = strlen(part);
    for (; *speech; speech++)
        if (!strncasecmp(speech, part, n)) return 1;
    return !n;
}

static int is_calm(const char *route)
{
    return strcmp(route, "local") != 0 && strcmp(route, "cloud") != 0 &&
           strcmp(route, "cache") != 0;
}

/* Does the answer say of a device that it did something? */
static int has_done(const json_t *answer)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "outcome"), i, row)
    {
        if (!strcmp(text(row, "outcome"), "done") || !strcmp(text(row, "outcome"), "sent"))
            return 1;
    }
    return 0;
}

/* Say all turns; the last answer. */
static json_t *say(struct sim *s, const json_t *request, int number)
{
    char session[32];
    const json_t *what = json_object_get(request, "say");
    const char *here = json_string_value(json_object_get(request, "here"));
    snprintf(session, sizeof session, "s%d", number);
    if (json_is_string(what)) return sim_ask(s, json_string_value(what), here, session);
    json_t *answer = NULL;
    for (size_t i = 0; i < json_array_size(what); i++) {
        json_decref(answer);
        answer = sim_ask(s, json_string_value(json_array_get(what, i)), here, session);
    }
    return answer;
}

static void one(struct sim *s, const json_t *request, int number, struct score *score)
{
    char why[256] = "", moved[256] = "";
    const json_t *set = json_object_get(request, "set"), *then = json_object_get(request, "then");
    sim_reset(s, set);
    json_t *a = say(s, request, number);
    sim_settle(s, 20);
    const char *route = text(a, "route"), *speech = text(a, "speech");
    int is_question = !strcmp(route, "clarify"),
        wants = json_is_true(json_object_get(request, "ask"));
    int may = json_is_true(json_object_get(request, "may_ask"));
    int is_state = sim_is(s, set, then, why), is_still = sim_is(s, set, NULL, moved);
    int is_heard = holds(speech, text(request, "hear"));
    int is_right = wants ? is_question && is_still : is_state && is_heard && !is_question;
    if (json_is_true(json_object_get(request, "nothing"))) is_right = is_still && !has_done(a);
    if (may && is_calm(route) && is_still) is_right = 1;
    if (json_is_array(json_object_get(request, "say")) && is_state && is_heard) is_right = 1;
    int is_asked = !is_right && is_calm(route) && is_still;
    score->n++;
    score->n_right += is_right;
    score->n_asked += is_asked;
    score->n_wrong += !is_right && !is_asked;
    score->n_questions += is_question;
    if (!is_right) {
        char *calls = json_dumps(json_object_get(a, "calls"), JSON_COMPACT);
        char *said = json_dumps(json_object_get(request, "say"), JSON_COMPACT | JSON_ENCODE_ANY);
        fprintf(stderr, "%s %s\n    %s (%s, %.2f) %s \"%s\"\n    %s\n",
                is_asked ? "asked" : "WRONG", said, route, text(a, "why"),
                json_number_value(json_object_get(a, "confidence")), calls, speech,
                is_state ? "state is right" : why);
        free(calls);
        free(said);
    }
    json_decref(a);
}

static void write_config(struct env *e, const json_t *home)
{
    FILE *f = fopen(env_path(e, "lintel.yaml"), "w");
    size_t i;
    json_t *source;
    if (!f) fail_msg("cannot write the configuration");
    fprintf(f, "mqtt: {port: %d, client_id: gw}\nstore: {path: %s", env_port(e),
            env_path(e, "lintel.db"));
    fprintf(f, "}\nmodel: {file: %s}\nactuate: {enabled: true}\ndiscovery:\n", test_model());
    json_array_foreach(json_object_get(home, "sources"), i, source)
    {
        fprintf(f, "  %s: true\n", json_string_value(source));
    }
    fclose(f);
}

static int run_home(const char *name, struct score *score)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/homes/%s.json", SOURCE_DIR, name);
    struct env *e = env_start();
    struct sim *s = sim_start(env_port(e), path);
    const json_t *home = sim_file(s);
    int n_want = (int)json_integer_value(json_object_get(home, "entities"));
    write_config(e, home);
    gateway_spawn(e);
    int n = sim_wait_catalog(s, n_want);
    if (n != n_want) fprintf(stderr, "%s: %d entities instead of %d\n", name, n, n_want);
    sim_settle(s, 300);
    sim_sensors_report(s);
    size_t i;
    json_t *request;
    json_array_foreach(json_object_get(home, "requests"), i, request)
    {
        one(s, request, (int)i, score);
    }
    gateway_stop(e);
    sim_stop(s);
    env_stop(e);
    return n == n_want;
}

int main(int argc, char **argv)
{
    static const char *const all[] = {"terrace", "flat", "workshop", "esphome", "mixed"};
    struct score total = {0};
    double least = 97;
    int i_arg = 1, ok = 1;
    if (argc > 2 && !strcmp(argv[1], "--least")) {
        least = atof(argv[2]);
        i_arg = 3;
    }
    int n_homes = argc > i_arg ? argc - i_arg : (int)(sizeof all / sizeof *all);
    printf("{");
    for (int i = 0; i < n_homes; i++) {
        const char *name = argc > i_arg ? argv[i_arg + i] : all[i];
        struct score s = {0};
        ok &= run_home(name, &s);
        printf("\"%s\":{\"requests\":%d,\"right\":%d,\"asked\":%d,\"wrong\":%d},", name, s.n,
               s.n_right, s.n_asked, s.n_wrong);
        fflush(stdout);
        total.n += s.n;
        total.n_right += s.n_right;
        total.n_asked += s.n_asked;
        total.n_wrong += s.n_wrong;
    }
    double share = total.n ? 100.0 * total.n_right / total.n : 0;
    printf("\"all\":{\"requests\":%d,\"right\":%d,\"asked\":%d,\"wrong\":%d,\"right_percent\":%.1f}"
           "}\n",
           total.n, total.n_right, total.n_asked, total.n_wrong, share);
    return ok && share >= least ? 0 : 1;
}
