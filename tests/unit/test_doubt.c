/* What a later utterance says about the deed before it: taken back, said again, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doubt.h"

#define S  INT64_C(1000000)
#define T1 "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static json_t *calls_of(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    return j;
}

/* The deed `was`, then `text` for `now`, after_s later. */
static const char *judged(const char *was_text, const char *was, const char *text, const char *now,
                          int is_undo, int64_t after_s)
{
    struct lt_doubt *d = lt_doubt_new();
    char trace[LT_ULID_CAP] = "";
    json_t *a = calls_of(was), *b = calls_of(now);
    assert_non_null(d);
    lt_doubt_note(d, "home\ns:1", T1, was_text, a, 100 * S);
    assert_null(lt_doubt_judge(d, "home\ns:2", text, b, is_undo, 60 * S, 20 * S, 101 * S, trace));
    const char *source = lt_doubt_judge(d, "home\ns:1", text, b, is_undo, 60 * S, 20 * S,
                                        (100 + after_s) * S, trace);
    if (source) {
        assert_string_equal(trace, T1);
        /* once only */
        assert_null(lt_doubt_judge(d, "home\ns:1", text, b, is_undo, 60 * S, 20 * S,
                                   (100 + after_s) * S, trace));
    }
    json_decref(a);
    json_decref(b);
    lt_doubt_free(d);
    return source;
}

#define LIGHT "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Kitchen Light\"}}]"
#define FAN   "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Kitchen Fan\"}}]"
#define BED   "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Bed Light\"}}]"

static void test_doubt__undo_in_time__names_the_deed(void **state)
{
    (void)state;
    assert_string_equal(judged("turn on the light", LIGHT, "undo that", "[]", 1, 59), "undo");
    assert_null(judged("turn on the light", LIGHT, "undo that", "[]", 1, 61));
}

static void test_doubt__same_words_other_calls__is_a_rephrase(void **state)
{
    (void)state;
    assert_string_equal(judged("turn on the light in the kitchen", BED,
                               "no turn the light in the kitchen on", LIGHT, 0, 5),
                        "rephrase");
    assert_null(judged("turn on the light in the kitchen", BED,
                       "no turn the light in the kitchen on", LIGHT, 0, 25));
}

static void test_doubt__new_value_or_same_calls_or_other_words__is_none(void **state)
{
    (void)state;
    assert_null(judged("turn on the kitchen light", LIGHT, "turn on the kitchen fan", FAN, 0, 5));
    assert_null(
        judged("turn on the kitchen light", LIGHT, "turn the kitchen light on", LIGHT, 0, 5));
    assert_null(judged("turn on the kitchen light", LIGHT, "what time is it", BED, 0, 5));
    assert_null(
        judged("turn on the kitchen light", LIGHT, "turn on the kitchen light", "[]", 0, 5));
    assert_null(judged("dim the lamp to 20", "[{\"name\":\"dim\",\"arguments\":{\"to\":20}}]",
                       "dim the lamp to 30", "[{\"name\":\"dim\",\"arguments\":{\"to\":30}}]", 0,
                       3));
}

static void test_doubt__more_conversations_than_places__oldest_is_forgotten(void **state)
{
    (void)state;
    struct lt_doubt *d = lt_doubt_new();
    json_t *a = calls_of(LIGHT), *none = calls_of("[]");
    char key[32], trace[LT_ULID_CAP];
    assert_non_null(d);
    for (int i = 0; i <= LT_DOUBT_DEEDS_MAX; i++) {
        snprintf(key, sizeof key, "home\ns:%d", i);
        lt_doubt_note(d, key, T1, "turn on the light", a, i);
    }
    assert_null(lt_doubt_judge(d, "home\ns:0", "undo", none, 1, S, S, 1000, trace));
    assert_string_equal(lt_doubt_judge(d, "home\ns:1", "undo", none, 1, S, S, 1000, trace), "undo");
    char *far_too_long = test_malloc(5000);
    memset(far_too_long, 'x', 4999);
    far_too_long[4999] = '\0';
    lt_doubt_note(d, "home\ns:2", T1, far_too_long, a, 2000); /* replaces, and is not compared */
    assert_null(lt_doubt_judge(d, "home\ns:2", "undo", none, 1, S, S, 2001, trace));
    test_free(far_too_long);
    json_decref(a);
    json_decref(none);
    lt_doubt_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubt__undo_in_time__names_the_deed),
        cmocka_unit_test(test_doubt__same_words_other_calls__is_a_rephrase),
        cmocka_unit_test(test_doubt__new_value_or_same_calls_or_other_words__is_none),
        cmocka_unit_test(test_doubt__more_conversations_than_places__oldest_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
