/* Which traces become lines, and what a month of traces says about the network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "curate.h"
#include "drift.h"
#include "lt/catalog.h"
#include "san/finetune.h"

#define T0      INT64_C(1767571200000)
#define DAY_MS  INT64_C(86400000)
#define WEEK_MS (7 * DAY_MS)
#define CATALOG                                                                                    \
    "{\"tools\":[{\"name\":\"ring\",\"description\":\"Ring\",\"parameters\":{\"type\":\"object\"," \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}}}]}"

struct bed {
    char path[64];
    struct lt_store *s;
    char hash[LT_SHA256_HEX_CAP];
};

static struct lt_diag diag;

static void ok(enum lt_err err)
{
    if (err) fail_msg("%s: %s", lt_strerror(err), diag.text);
}

static int setup(void **state)
{
    struct bed *b = calloc(1, sizeof *b);
    struct lt_docs *docs = NULL;
    struct lt_catalog *c = NULL;
    snprintf(b->path, sizeof b->path, "/tmp/test_curate_XXXXXX");
    int fd = mkstemp(b->path);
    if (fd < 0 || close(fd) || unlink(b->path)) return -1;
    struct lt_store_options o = {.path = b->path};
    ok(lt_store_open(&o, &b->s, &diag));
    ok(lt_docs_open(&docs, &diag));
    ok(lt_catalog_parse(docs, CATALOG, strlen(CATALOG), &c, &diag));
    snprintf(b->hash, sizeof b->hash, "%s", lt_catalog_hash(c));
    ok(lt_store_catalog_put(b->s, b->hash, lt_catalog_text(c), T0, &diag));
    lt_catalog_unref(c);
    lt_docs_close(docs);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bed *b = *state;
    char extra[80];
    lt_store_close(b->s);
    unlink(b->path);
    snprintf(extra, sizeof extra, "%s-wal", b->path);
    unlink(extra);
    snprintf(extra, sizeof extra, "%s-shm", b->path);
    unlink(extra);
    free(b);
    return 0;
}

static const char *ring(int n)
{
    static char text[4][80];
    static int at;
    at = (at + 1) % 4;
    snprintf(text[at], sizeof text[at], "[{\"name\":\"ring\",\"arguments\":{\"n\":%d}}]", n);
    return text[at];
}

/* A trace: the network said `local`, and `calls` were carried out by `route`. */
static void add(struct bed *b, const char *said, const char *route, int local, int calls,
                double confidence, int64_t at, int is_executed, char trace[LT_ULID_CAP])
{
    int is_duplicate;
    struct lt_trace_new t = {.site = "home",
                             .source = "mqtt",
                             .text = said,
                             .text_len = strlen(said),
                             .catalog_hash = b->hash,
                             .received_unix_ms = at};
    struct lt_trace_decision d = {.route = route,
                                  .why = "gate.accepted",
                                  .model = "net",
                                  .calls_json = ring(local),
                                  .confidence = confidence};
    struct lt_trace_answer a = {
        .route = route, .why = "gate.accepted", .calls_json = ring(calls), .result_json = "{}"};
    ok(lt_store_trace_accept(b->s, &t, trace, &is_duplicate, &diag));
    ok(lt_store_trace_decided(b->s, trace, &d, &diag));
    ok(lt_store_trace_answered(b->s, trace, &a, &diag));
    if (is_executed) ok(lt_store_trace_executed(b->s, trace, NULL, at, &diag));
}

static void judge(struct bed *b, const char *trace, const char *source, int is_correct,
                  const char *calls)
{
    struct lt_label l = {
        .source = source, .is_correct = is_correct, .calls_json = calls, .now_unix_ms = T0};
    ok(lt_store_label_add(b->s, trace, &l, &diag));
}

static int append_text(const struct lt_trace_row *r, void *user)
{
    char *text = user;
    size_t n = strlen(text);
    snprintf(text + n, 512 - n, "%s ", r->text);
    return 0;
}

/* The texts of the traces whose labels came after number `after`, each with a space; and the next number. */
static const char *came_after(struct bed *b, int64_t after, int64_t now, int64_t limit,
                              int64_t *last)
{
    static char text[512];
    struct lt_label_filter f = {
        .site = "home", .after_id = after, .now_unix_ms = now, .settle_ms = 1000, .limit = limit};
    text[0] = '\0';
    ok(lt_store_label_list(b->s, &f, append_text, text, last, &diag));
    return text;
}

/* The export's text; the caller's. */
static char *exported(struct bed *b, struct lt_curate *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    ok(lt_curate_export(b->s, c, f, &diag));
    assert_int_equal(fclose(f), 0);
    return text;
}

static void test_labels__after_a_number__only_what_came_since(void **state)
{
    struct bed *b = *state;
    char t[4][LT_ULID_CAP];
    int64_t last = 0, now = T0 + 5000;
    for (int i = 0; i < 3; i++)
        add(b, i ? i > 1 ? "c" : "b" : "a", "local", 1, 1, 0.9, T0, 1, t[i]);
    assert_string_equal(came_after(b, 0, now, 0, &last), "");
    judge(b, t[1], "user", 1, NULL);
    judge(b, t[0], "user", 1, NULL);
    assert_string_equal(came_after(b, 0, T0 + 999, 0, &last), ""); /* too young */
    assert_true(last == 0);
    assert_string_equal(came_after(b, 0, now, 1, &last), "b ");
    assert_string_equal(came_after(b, last, now, 1, &last), "a ");
    assert_string_equal(came_after(b, last, now, 1, &last), "");
    judge(b, t[1], "console", 0, NULL); /* a changed mind comes again, one less trusted does not */
    judge(b, t[0], "import", 1, NULL);
    assert_string_equal(came_after(b, last, now, 0, &last), "b ");
    /* a number is not used twice, though its label was taken back */
    judge(b, t[2], "user", 1, NULL);
    assert_string_equal(came_after(b, last, now, 0, &last), "c ");
    int64_t n = 0;
    ok(lt_store_label_remove(b->s, t[2], "user", &n, &diag));
    judge(b, t[2], "user", 0, ring(2));
    assert_string_equal(came_after(b, last, now, 0, &last), "c ");
    /* a cloud answer waits until it was carried out, and what came after it waits too */
    add(b, "d", "cloud", 9, 1, 0.3, T0, 0, t[3]);
    judge(b, t[3], "cloud", 1, ring(1));
    judge(b, t[0], "console", 1, NULL);
    assert_string_equal(came_after(b, last, now, 0, &last), "");
    ok(lt_store_trace_executed(b->s, t[3], NULL, T0, &diag));
    assert_string_equal(came_after(b, last, now, 0, &last), "d a ");
    assert_string_equal(came_after(b, last, now, 0, &last), "");
}

static void test_export__cloud_answer__teaches_once_carried_out_and_not_taken_back(void **state)
{
    struct bed *b = *state;
    char t[LT_ULID_CAP];
    struct lt_curate c = {0};
    add(b, "ring once", "cloud", 9, 1, 0.3, T0, 0, t); /* answered, not carried out */
    judge(b, t, "cloud", 0, ring(1));
    char *text = exported(b, &c);
    assert_string_equal(text, "");
    free(text);
    ok(lt_store_trace_executed(b->s, t, NULL, T0, &diag));
    c = (struct lt_curate){0};
    text = exported(b, &c);
    assert_int_equal(c.n_written, 1);
    assert_non_null(strstr(text, "\"trace.cloud\""));
    free(text);
    judge(b, t, "rephrase", 0, NULL);
    c = (struct lt_curate){0};
    text = exported(b, &c);
    assert_string_equal(text, "");
    free(text);
}

static void test_export__same_words_other_answers__trust_first_then_newest(void **state)
{
    struct bed *b = *state;
    char t[LT_ULID_CAP];
    struct lt_curate c = {0};
    add(b, "ring it", "cloud", 9, 1, 0.3, T0, 1, t);
    judge(b, t, "user", 0, ring(2));
    add(b, "Ring it!", "cloud", 9, 3, 0.3, T0 + 1000, 1, t);
    judge(b, t, "cloud", 0, ring(3));
    add(b, "ring it.", "cloud", 9, 4, 0.3, T0 + 2000, 1, t);
    judge(b, t, "cloud", 0, ring(4));
    char *text = exported(b, &c);
    assert_int_equal(c.n_written, 1); /* the user's, though it is the oldest */
    assert_int_equal(c.n_contrary, 2);
    assert_non_null(strstr(text, "\"trace.user\""));
    assert_non_null(strstr(text, "{\"n\":2}"));
    free(text);
}

static void test_export__flood_of_one_source__bounded_but_not_for_the_console(void **state)
{
    struct bed *b = *state;
    char t[LT_ULID_CAP], said[64];
    struct lt_curate c = {0};
    ok(lt_store_begin(b->s, 0, &diag));
    for (int i = 0; i < LT_CURATE_PER_DAY + 50; i++) {
        snprintf(said, sizeof said, "ring %d times", i);
        add(b, said, "cloud", 9, i, 0.3, T0 + i, 1, t);
        judge(b, t, i < 20 ? "console" : "user", 1, NULL);
    }
    ok(lt_store_commit(b->s, &diag));
    char *text = exported(b, &c);
    assert_int_equal(c.n_flood, 30);
    assert_int_equal(c.n_written, LT_CURATE_PER_DAY + 20);
    free(text);
}

static void test_export__silence__asked_for_old_enough_few_and_never_against_a_label(void **state)
{
    struct bed *b = *state;
    char t[LT_ULID_CAP], said[64];
    struct lt_curate c = {0};
    add(b, "ring now", "local", 7, 7, 0.9, T0, 1, t); /* nobody minded */
    add(b, "ring now", "cloud", 9, 8, 0.9, T0 - 1000, 1, t);
    judge(b, t, "cloud", 0, ring(8));
    char *text = exported(b, &c);
    assert_non_null(strstr(text, "{\"n\":8}"));
    assert_int_equal(c.n_written, 1);
    free(text);
    for (int i = 0; i < LT_CURATE_SILENT + 5; i++) {
        snprintf(said, sizeof said, "ring %d times", i);
        add(b, said, "local", i, i, 0.9, T0 + i, 1, t);
    }
    c = (struct lt_curate){.silent_before_unix_ms = T0 + 10 * DAY_MS};
    text = exported(b, &c);
    assert_non_null(strstr(text, "{\"n\":8}")); /* the label, not the newer silence */
    assert_null(strstr(text, "\"query\":\"ring now\",\"source\":\"trace.silence\""));
    assert_true(c.n_written <= LT_CURATE_SILENT + 1 && c.n_over >= 5);
    free(text);
    c = (struct lt_curate){.silent_before_unix_ms = T0 - DAY_MS};
    text = exported(b, &c);
    assert_int_equal(c.n_written, 1); /* it is not old enough */
    free(text);
}

/* A week of labelled traces: `n`, of which the first n_wrong were answered wrong by the network. */
static void add_week(struct bed *b, int week, int n, int n_wrong, double confidence,
                     const char *said)
{
    char t[LT_ULID_CAP];
    ok(lt_store_begin(b->s, 0, &diag));
    for (int i = 0; i < n; i++) {
        add(b, said, "cloud", i < n_wrong ? 99 : 1, 1, confidence, T0 + week * WEEK_MS + i * 1000,
            1, t);
        judge(b, t, "cloud", i >= n_wrong, ring(1));
    }
    ok(lt_store_commit(b->s, &diag));
}

static json_t *drift(struct bed *b)
{
    struct lt_drift_options o = {
        .n_weeks = 4, .now_unix_ms = T0 + 4 * WEEK_MS, .alpha = 0.02, .delta = 0.1};
    json_t *out = NULL;
    ok(lt_drift_report(b->s, &o, &out, &diag));
    return out;
}

static void test_drift__steady_month__says_nothing_and_promises(void **state)
{
    struct bed *b = *state;
    for (int w = 0; w < 4; w++) add_week(b, w, 100, 0, 0.99, "ring the bell");
    json_t *o = drift(b), *promise = json_object_get(o, "promise");
    assert_int_equal(json_array_size(json_object_get(o, "drift")), 0);
    assert_int_equal(json_array_size(json_object_get(o, "weeks")), 4);
    assert_true(json_is_true(json_object_get(promise, "kept")));
    assert_int_equal(json_integer_value(json_object_get(promise, "labels")), 400);
    json_decref(o);
}

static void test_drift__last_week_other_words_and_wrong__said(void **state)
{
    struct bed *b = *state;
    for (int w = 0; w < 3; w++) add_week(b, w, 60, 3, 0.94, "ring the bell");
    add_week(b, 3, 60, 20, 0.95, "sound our carillon");
    json_t *o = drift(b), *list = json_object_get(o, "drift");
    assert_int_equal(json_array_size(list), 3); /* disagreement, confidence, new words */
    assert_true(json_is_false(json_object_get(json_object_get(o, "promise"), "kept")));
    json_decref(o);
}

static void test_drift__few_labels__says_nothing_and_promises_nothing(void **state)
{
    struct bed *b = *state;
    add_week(b, 2, 20, 0, 0.99, "ring the bell");
    add_week(b, 3, 20, 10, 0.99, "ring the bell");
    json_t *o = drift(b);
    assert_int_equal(json_array_size(json_object_get(o, "drift")), 0);
    assert_true(json_is_false(json_object_get(json_object_get(o, "promise"), "kept")));
    json_decref(o);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_labels__after_a_number__only_what_came_since),
        TEST(test_export__cloud_answer__teaches_once_carried_out_and_not_taken_back),
        TEST(test_export__same_words_other_answers__trust_first_then_newest),
        TEST(test_export__flood_of_one_source__bounded_but_not_for_the_console),
        TEST(test_export__silence__asked_for_old_enough_few_and_never_against_a_label),
        TEST(test_drift__steady_month__says_nothing_and_promises),
        TEST(test_drift__last_week_other_words_and_wrong__said),
        TEST(test_drift__few_labels__says_nothing_and_promises_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
