/* Drift as the serving gateway tells it: on <site>/drift, in the gauges and in the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "lt/clock.h"
#include "lt/store.h"

#define DAY_MS   INT64_C(86400000)
#define WEEK_MS  (7 * DAY_MS)
#define CALLS(n) "[{\"name\":\"ring\",\"arguments\":{\"n\":" #n "}}]"

static struct lt_diag diag;

static void ok(enum lt_err err)
{
    if (err) fail_msg("%s: %s", lt_strerror(err), diag.text);
}

/* `n` labelled traces in the middle of the week that ended weeks_ago weeks before now; to the first
 * n_wrong the network had said something else than the label. */
static void add_week(struct lt_store *s, const char *site, int weeks_ago, int n, int n_wrong,
                     const char *said)
{
    int64_t at = lt_now_unix_ms() - weeks_ago * WEEK_MS - WEEK_MS / 2;
    ok(lt_store_begin(s, 0, &diag));
    for (int i = 0; i < n; i++) {
        char trace[LT_ULID_CAP];
        int is_duplicate;
        struct lt_trace_new t = {.site = site,
                                 .source = "mqtt",
                                 .text = said,
                                 .text_len = strlen(said),
                                 .received_unix_ms = at + i};
        struct lt_trace_decision d = {.route = "cloud",
                                      .why = "gate.low_confidence",
                                      .model = "net",
                                      .calls_json = i < n_wrong ? CALLS(9) : CALLS(1),
                                      .confidence = 0.95};
        struct lt_trace_answer a = {
            .route = "cloud", .why = "cloud.answered", .calls_json = CALLS(1), .result_json = "{}"};
        struct lt_label l = {
            .source = "cloud", .is_correct = 0, .calls_json = CALLS(1), .now_unix_ms = at + i};
        ok(lt_store_trace_accept(s, &t, trace, &is_duplicate, &diag));
        ok(lt_store_trace_decided(s, trace, &d, &diag));
        ok(lt_store_trace_answered(s, trace, &a, &diag));
        ok(lt_store_trace_executed(s, trace, NULL, at + i, &diag));
        ok(lt_store_label_add(s, trace, &l, &diag));
    }
    ok(lt_store_commit(s, &diag));
}

static int setup(void **state)
{
    *state = env_start();
    return 0;
}

static int teardown(void **state)
{
    env_stop(*state);
    return 0;
}

static struct lt_store *open_store(struct env *e)
{
    struct lt_store *s = NULL;
    struct lt_store_options o = {.path = env_path(e, "lintel.db")};
    ok(lt_store_open(&o, &s, &diag));
    return s;
}

/* The first message on the topic whose state is `word`. */
static json_t *drift_is(struct env *e, const char *topic, const char *word)
{
    for (;;) {
        json_t *o = take_json(e, topic, "drift");
        if (!strcmp(json_string_value(json_object_get(o, "state")), word)) return o;
        json_decref(o);
    }
}

static void assert_signs(const json_t *o, int disagreement, int new_words, int calibration)
{
    const json_t *s = json_object_get(o, "signs");
    assert_int_equal(json_is_true(json_object_get(s, "disagreement")), disagreement);
    assert_int_equal(json_is_true(json_object_get(s, "new_words")), new_words);
    assert_int_equal(json_is_true(json_object_get(s, "calibration")), calibration);
}

static void wait_for_gauge(struct env *e, const char *line)
{
    static char text[1 << 18];
    for (int i = 0; i < WAIT_MS; i += 20) {
        FILE *f = fopen(env_path(e, "metrics"), "r");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        if (f) fclose(f);
        text[n] = '\0';
        if (strstr(text, line)) return;
        sleep_ms(20);
    }
    fail_msg("no %s in\n%s", line, text);
}

static void test_drift__a_worse_week__told_on_the_topic_in_gauges_and_the_log(void **state)
{
    struct env *e = *state;
    char extra[512];
    struct lt_store *s = open_store(e);
    for (int w = 1; w < 4; w++) {
        add_week(s, "home", w, 60, 3, "ring the bell");
        add_week(s, "cabin", w, 60, 3, "ring the bell");
    }
    add_week(s, "home", 0, 60, 20, "sound our carillon");
    add_week(s, "cabin", 0, 60, 3, "the bell, ring");
    snprintf(extra, sizeof extra,
             "sites: [home, cabin, empty]\ndrift:\n  every_s: 1\nstats:\n  interval_s: 1\n"
             "metrics:\n  file: %s\n",
             env_path(e, "metrics"));
    gateway_config(e, extra);
    gateway_spawn(e);
    json_t *o = drift_is(e, "lintel/home/drift", "drift");
    assert_signs(o, 1, 1, 1);
    assert_int_equal(json_array_size(json_object_get(o, "drift")), 3);
    assert_int_equal(json_array_size(json_object_get(o, "weeks")), 8);
    char *all = json_dumps(o, 0);
    assert_null(strstr(all, "carillon")); /* what was said is not told */
    free(all);
    json_decref(o);
    o = drift_is(e, "lintel/cabin/drift", "steady");
    assert_signs(o, 0, 0, 0);
    json_decref(o);
    json_decref(drift_is(e, "lintel/empty/drift", "unknown"));
    wait_for_gauge(e, "\nlintel_drift{site=\"home\",sign=\"disagreement\"} 1\n");
    wait_for_gauge(e, "\nlintel_drift{site=\"home\",sign=\"new_words\"} 1\n");
    wait_for_gauge(e, "\nlintel_drift{site=\"home\",sign=\"calibration\"} 1\n");
    wait_for_gauge(e, "\nlintel_drift{site=\"cabin\",sign=\"disagreement\"} 0\n");
    wait_for_gauge(e, "\nlintel_drift_disagreement{site=\"home\",weeks_ago=\"0\"} 0.333333\n");
    wait_for_gauge(e, "\nlintel_drift_disagreement{site=\"home\",weeks_ago=\"3\"} 0.050000\n");
    wait_for_gauge(e, "\nlintel_drift_new_words{site=\"home\",weeks_ago=\"0\"} 1.000000\n");
    wait_for_gauge(e, "\nlintel_drift_calibration{site=\"home\",weeks_ago=\"0\"} 0.283333\n");
    gateway_log_wait(e, "drift.seen");
    assert_int_equal(gateway_log_count(e, "drift.seen"), 3); /* once, not at every look */
    /* somebody who comes later is told as well */
    client_forget(e);
    client_restart(e);
    for (int is_retained = 0; !is_retained;) {
        struct message *m = client_take(e, "lintel/home/drift", WAIT_MS);
        is_retained = m->is_retained;
        message_free(m);
    }
    /* and it is told when it is over */
    add_week(s, "home", 0, 1500, 60, "ring the bell");
    o = drift_is(e, "lintel/home/drift", "steady");
    assert_signs(o, 0, 0, 0);
    json_decref(o);
    gateway_log_wait(e, "drift.over");
    lt_store_close(s);
    assert_int_equal(gateway_stop(e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_drift__a_worse_week__told_on_the_topic_in_gauges_and_the_log, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
