/* A household's examples: split, read, drawn afresh; and the judgement of two networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "san/finetune.h"

#define TOOLS                                                                                      \
    "[{\"name\":\"bell_ring\",\"description\":\"Ring a "                                           \
    "bell\",\"parameters\":{\"type\":\"object\","                                                  \
    "\"properties\":{\"bell\":{\"type\":\"string\"},\"strokes\":{\"type\":\"integer\","            \
    "\"minimum\":1,\"maximum\":24}},\"required\":[\"bell\"]}},"                                    \
    "{\"name\":\"set_timer\",\"description\":\"Set a timer\",\"parameters\":{\"type\":\"object\"," \
    "\"properties\":{\"minutes\":{\"type\":\"integer\"}},\"required\":[\"minutes\"]}}]"

static char path[] = "/tmp/test_finetune_XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(FILE *f, const char *query, const char *answers)
{
    fprintf(f,
            "{\"id\":\"x\",\"source\":\"t\",\"query\":\"%s\",\"tools\":" TOOLS ",\"answers\":%s}\n",
            query, answers);
}

static void put_bells(FILE *f, int n)
{
    static const char *const bells[] = {"maria", "gabriel", "tenor", "old john"};
    char query[128], answer[200];
    for (int i = 0; i < n; i++) {
        const char *bell = bells[i % 4];
        snprintf(query, sizeof query, "ring %s %d times", bell, 2 + i / 4);
        snprintf(answer, sizeof answer,
                 "[{\"name\":\"bell_ring\",\"arguments\":{\"bell\":\"%s\",\"strokes\":%d}}]", bell,
                 2 + i / 4);
        put(f, query, answer);
    }
}

static struct san_tune_set *load(enum lt_err want)
{
    const char *files[] = {path};
    struct san_tune_set *s = NULL;
    struct san_data_report report = {0};
    struct lt_diag diag = {0};
    assert_int_equal(san_tune_set_load(files, 1, &s, &report, &diag), want);
    return s;
}

static void test_split__other_case_and_punctuation__same_split(void **state)
{
    (void)state;
    int n[3] = {0};
    for (int i = 0; i < 3000; i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "ring bell %d now", i);
        snprintf(b, sizeof b, "Ring,  bell %d now!", i);
        assert_int_equal(san_split_of(a), san_split_of(b));
        n[san_split_of(a)]++;
    }
    assert_in_range(n[SAN_SPLIT_TRAIN], 2250, 2550);
    assert_in_range(n[SAN_SPLIT_DEV], 200, 400);
    assert_in_range(n[SAN_SPLIT_TEST], 200, 400);
}

static void test_load__repeats_and_contradictions__counted_and_the_later_counts(void **state)
{
    (void)state;
    FILE *f = fopen(path, "w");
    put_bells(f, 60);
    put(f, "ring the angelus",
        "[{\"name\":\"bell_ring\",\"arguments\":{\"bell\":\"the angelus\"}}]");
    put(f, "Ring the angelus!",
        "[{\"name\":\"bell_ring\",\"arguments\":{\"bell\":\"the angelus\"}}]");
    put(f, "ring the angelus", "[]");
    fclose(f);
    struct san_tune_set *s = load(LT_OK);
    const struct san_tune_counts *c = san_tune_set_counts(s);
    assert_int_equal(c->n_lines, 63);
    assert_int_equal(c->n_same, 1);
    assert_int_equal(c->n_contrary, 1);
    assert_int_equal(c->n[0] + c->n[1] + c->n[2], 61);
    int found = 0;
    for (int split = 0; split < 3; split++) {
        int n;
        json_t *const *all = san_tune_set_cases(s, (enum san_split)split, &n);
        for (int i = 0; i < n; i++) {
            const char *q = json_string_value(json_object_get(all[i], "query"));
            assert_int_equal(san_split_of(q), split);
            if (strcmp(q, "ring the angelus") != 0) continue;
            found++;
            assert_int_equal(json_array_size(json_object_get(all[i], "answers")), 0);
        }
    }
    assert_int_equal(found, 1);
    san_tune_set_free(s);
}

static void test_load__calls_that_break_the_schema__left_out(void **state)
{
    (void)state;
    FILE *f = fopen(path, "w");
    put_bells(f, 60);
    put(f, "ring it loud",
        "[{\"name\":\"bell_ring\",\"arguments\":{\"bell\":\"it\",\"strokes\":999}}]");
    put(f, "open the door", "[{\"name\":\"unlock\",\"arguments\":{}}]");
    put(f, "ring", "[{\"name\":\"bell_ring\",\"arguments\":{}}]");
    fprintf(f, "{\"query\":\n");
    fclose(f);
    struct san_tune_set *s = load(LT_OK);
    assert_int_equal(san_tune_set_counts(s)->n_bad, 4);
    assert_int_equal(san_tune_set_counts(s)->n_lines, 60);
    san_tune_set_free(s);
}

static void test_load__too_few__refused(void **state)
{
    (void)state;
    FILE *f = fopen(path, "w");
    put_bells(f, 4);
    fclose(f);
    assert_null(load(LT_ERR_INVALID));
}

/* One tool floods; the other must still be drawn as often. Drawn answers stay true to the words. */
static void test_mix__flood_of_one_tool__tools_drawn_alike_and_answers_hold(void **state)
{
    (void)state;
    enum { N = 64, GROUPS = 10 };
    FILE *f = fopen(path, "w");
    char query[64], answer[128], reason[SAN_DATA_REASON_BYTES];
    put_bells(f, 400);
    for (int i = 1; i <= 20; i++) {
        snprintf(query, sizeof query, "timer for %d minutes", i);
        snprintf(answer, sizeof answer, "[{\"name\":\"set_timer\",\"arguments\":{\"minutes\":%d}}]",
                 i);
        put(f, query, answer);
    }
    fclose(f);
    struct san_tune_set *s = load(LT_OK);
    int n_timer = 0, n_bell = 0, n_base = 0;
    for (uint64_t g = 0; g < GROUPS; g++) {
        json_t *cases[N], *again[N];
        struct lt_diag diag = {0};
        for (int i = 0; i < N; i++) {
            cases[i] = json_pack("{s:s,s:[],s:[]}", "query", "base", "tools", "answers");
            again[i] = json_incref(cases[i]);
        }
        assert_int_equal(san_tune_set_mix(s, 5, g, 0.5, N, cases, &diag), LT_OK);
        assert_int_equal(san_tune_set_mix(s, 5, g, 0.5, N, again, &diag), LT_OK);
        for (int i = 0; i < N; i++) {
            const json_t *call = json_array_get(json_object_get(cases[i], "answers"), 0);
            const char *name = json_string_value(json_object_get(call, "name"));
            const char *q = json_string_value(json_object_get(cases[i], "query"));
            assert_true(json_equal(cases[i], again[i])); /* a resumed run sees the same */
            n_base += !strcmp(q, "base");
            if (name && strcmp(q, "base") != 0) {
                assert_true(san_case_check(cases[i], reason));
                n_timer += !strcmp(name, "set_timer");
                n_bell += !strcmp(name, "bell_ring");
            }
            json_decref(cases[i]);
            json_decref(again[i]);
        }
    }
    assert_in_range(n_base, GROUPS * N / 3, GROUPS * N * 2 / 3);
    assert_in_range(n_timer, n_bell * 2 / 3, n_bell * 3 / 2);
    san_tune_set_free(s);
}

static void test_compare__paired__counts_what_changed(void **state)
{
    (void)state;
    uint8_t a[100], b[100];
    for (int i = 0; i < 100; i++) {
        a[i] = i < 50;
        b[i] = i >= 2 && i < 70;
    }
    struct san_answers old = {.n = 100, .right = a, .n_right = 50};
    struct san_answers fresh = {.n = 100, .right = b, .n_right = 68};
    struct san_difference d = san_answers_compare(&old, &fresh);
    assert_int_equal(d.n_lost, 2);
    assert_int_equal(d.n_won, 20);
    assert_true(d.mean > 0.179 && d.mean < 0.181);
    assert_true(d.half > 0.07 && d.half < 0.1);
}

/* Exact bounds of Clopper and Pearson: none of 59 at 5 % is 4.95 %; all wrong is 1. */
static void test_binomial_upper__known_values__exact(void **state)
{
    (void)state;
    assert_true(san_binomial_upper(0, 59, 0.05) > 0.0494 &&
                san_binomial_upper(0, 59, 0.05) < 0.0496);
    assert_true(san_binomial_upper(2, 100, 0.05) > 0.0615 &&
                san_binomial_upper(2, 100, 0.05) < 0.0617);
    assert_true(san_binomial_upper(7, 7, 0.05) >= 1);
}

static void test_promise__enough_labels__gate_above_the_wrong_ones(void **state)
{
    (void)state;
    enum { N = 1000 };
    static uint8_t right[N];
    static double confidence[N];
    for (int i = 0; i < N; i++) {
        confidence[i] = i < 300 ? 0.75 : 0.96; /* below 0.8 every third is wrong */
        right[i] = i >= 300 || i % 3;
    }
    struct san_answers a = {.n = N, .right = right, .confidence = confidence};
    struct san_promise p = san_promise_of(&a, 0.02, 0.1);
    assert_true(p.is_kept);
    assert_true(p.gate > 0.79 && p.gate < 0.81);
    assert_true(p.local > 0.69 && p.local < 0.71);
    a.n = 400; /* a hundred sure ones are too few to promise 2 % */
    p = san_promise_of(&a, 0.02, 0.1);
    assert_false(p.is_kept);
    assert_int_equal(p.n_needed, 169);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split__other_case_and_punctuation__same_split),
        cmocka_unit_test(test_load__repeats_and_contradictions__counted_and_the_later_counts),
        cmocka_unit_test(test_load__calls_that_break_the_schema__left_out),
        cmocka_unit_test(test_load__too_few__refused),
        cmocka_unit_test(test_mix__flood_of_one_tool__tools_drawn_alike_and_answers_hold),
        cmocka_unit_test(test_compare__paired__counts_what_changed),
        cmocka_unit_test(test_binomial_upper__known_values__exact),
        cmocka_unit_test(test_promise__enough_labels__gate_above_the_wrong_ones),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
