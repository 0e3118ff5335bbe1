/* test_safety.c - who may do what: verdicts, the code, rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "safety.h"

#define S 1000000 /* a second, in lt_us */

static struct lt_config config;
static struct lt_safety *safety;

static int open_with(const char *yaml)
{
    struct lt_diag diag = {0};
    lt_safety_free(safety);
    safety = NULL;
    lt_config_free(&config);
    if (lt_config_parse(yaml, strlen(yaml), "test", &config, &diag)) fail_msg("%s", diag.text);
    return lt_safety_new(&config, &safety, &diag);
}

static int each_teardown(void **state)
{
    (void)state;
    lt_safety_free(safety);
    safety = NULL;
    lt_config_free(&config);
    return 0;
}

static enum lt_verdict judge(struct lt_safety_question q, const char *calls)
{
    const char *why = NULL;
    json_t *list = json_loads(calls, 0, NULL);
    assert_non_null(list);
    q.calls = list;
    q.site = "home";
    if (!q.source) q.source = "mqtt";
    if (!q.key) q.key = "k";
    enum lt_verdict v = lt_safety_judge(safety, &q, &why);
    assert_true((v == LT_VERDICT_REFUSE) == (*why != '\0'));
    json_decref(list);
    return v;
}

#define UNLOCK  "[{\"name\":\"HassUnlock\",\"arguments\":{}}]"
#define HEAT(t) "[{\"name\":\"HassClimateSetTemperature\",\"arguments\":{\"temperature\":" #t "}}]"
#define Q(...)  ((struct lt_safety_question){__VA_ARGS__})

static void test_judge__modes__go_ask_or_code(void **state)
{
    (void)state;
    assert_int_equal(open_with("safety:\n  confirm: gate\n"), LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 1, .is_cloud = 1), UNLOCK), LT_VERDICT_ASK);
    assert_int_equal(judge(Q(.is_cloud = 1), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(open_with("gate:\n  sensitive_cloud: true\nsafety:\n  confirm: gate\n"),
                     LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 1, .is_cloud = 1), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(open_with(""), LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 0), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_ASK);
    assert_int_equal(judge(Q(.is_sensitive = 1, .is_confirmed = 1), UNLOCK), LT_VERDICT_GO);
    setenv("TEST_CODE", "4711", 1);
    assert_int_equal(open_with("safety:\n  confirm: pin\n  pin: env:TEST_CODE\n"), LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_PIN);
    assert_int_equal(judge(Q(.is_sensitive = 1, .is_confirmed = 1), UNLOCK), LT_VERDICT_PIN);
    assert_int_equal(judge(Q(.is_sensitive = 1, .is_pin = 1), UNLOCK), LT_VERDICT_GO);
    /* heat is asked about, a code is not needed */
    assert_int_equal(judge(Q(.is_sensitive = 0), HEAT(31)), LT_VERDICT_ASK);
    assert_int_equal(judge(Q(.is_confirmed = 1), HEAT(31)), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 0), HEAT(30)), LT_VERDICT_GO);
    assert_int_equal(open_with("safety:\n  max_heat: 0\n"), LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 0), HEAT(300)), LT_VERDICT_GO);
}

static void test_judge__lists__door_and_room_must_be_there(void **state)
{
    (void)state;
    assert_int_equal(open_with("safety:\n  allow_sources: [wyoming, timer]\n"
                               "  allow_areas: [Hallway]\n  confirm: gate\n"),
                     LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 1, .here = "Hallway"), UNLOCK), LT_VERDICT_REFUSE);
    assert_int_equal(judge(Q(.is_sensitive = 1, .source = "wyoming"), UNLOCK), LT_VERDICT_REFUSE);
    assert_int_equal(judge(Q(.is_sensitive = 1, .source = "wyoming", .here = "Bath"), UNLOCK),
                     LT_VERDICT_REFUSE);
    assert_int_equal(judge(Q(.is_sensitive = 1, .source = "wyoming", .here = "hallway"), UNLOCK),
                     LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 0), UNLOCK), LT_VERDICT_GO);
}

static void test_judge__too_often__refused_for_this_source_alone(void **state)
{
    (void)state;
    assert_int_equal(open_with("safety:\n  confirm: gate\n  sensitive_per_minute: 2\n"), LT_OK);
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_REFUSE);
    assert_int_equal(judge(Q(.is_sensitive = 1, .key = "other"), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 1, .now_us = 31 * S), UNLOCK), LT_VERDICT_GO);
    assert_int_equal(judge(Q(.is_sensitive = 1, .now_us = 31 * S), UNLOCK), LT_VERDICT_REFUSE);
}

static void test_rate__many_sources__memory_is_bounded(void **state)
{
    char key[32];
    (void)state;
    assert_int_equal(open_with("safety:\n  per_minute: 1\n"), LT_OK);
    for (int i = 0; i < 3 * LT_SAFETY_SOURCES; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(lt_safety_may_ask(safety, "mqtt", key, i));
    }
    assert_false(lt_safety_may_ask(safety, "mqtt", key, 3 * LT_SAFETY_SOURCES));
    assert_int_equal(open_with("safety:\n  per_minute: 0\n"), LT_OK);
    for (int i = 0; i < 10000; i++) assert_true(lt_safety_may_ask(safety, "mqtt", "k", 0));
}

static void test_code__in_what_was_said__hidden_and_known(void **state)
{
    static const struct {
        const char *text, *hidden;
        int is_asked, is_right;
    } rows[] = {
        {"unlock the door, 4711", "unlock the door [code]", 0, 1},
        {"the code is four seven one one thanks", "the code is [code]", 0, 1},
        {"forty seven eleven open up", "[code] open up", 0, 1},
        {"call 004711 now", "call [code] now", 0,
         0}, /* holds it, so it is hidden, but it is more */
        {"set the lamp to 47", NULL, 0, 0},
        {"4 7 1 1", "[code]", 1, 1},
        {"it is 4711", "[code]", 1, 1},
        {"4712", "[code]", 1, 0},
        {"never mind", NULL, 1, 0},
    };
    (void)state;
    setenv("TEST_CODE", "4711", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *hidden = NULL;
        assert_int_equal(open_with("safety:\n  pin: env:TEST_CODE\n"), LT_OK);
        int is_right = lt_safety_scan(safety, "home", rows[i].text, rows[i].is_asked, 0, &hidden);
        if (is_right != rows[i].is_right ||
            strcmp(hidden ? hidden : "-", rows[i].hidden ? rows[i].hidden : "-") != 0)
            fail_msg("%s: %d %s", rows[i].text, is_right, hidden);
        free(hidden);
    }
}

static void test_code__long_text__hidden_without_opening(void **state)
{
    char text[1200], *hidden = NULL;
    (void)state;
    setenv("TEST_CODE", "4711", 1);
    assert_int_equal(open_with("safety:\n  pin: env:TEST_CODE\n"), LT_OK);
    memset(text, 'a', sizeof text);
    memcpy(text + 1000, " 4711", 6);
    assert_int_equal(lt_safety_scan(safety, "home", text, 0, 0, &hidden), 0);
    assert_non_null(hidden);
    assert_null(strstr(hidden, "4711"));
    free(hidden);
}

static void test_code__three_wrong__locked_for_a_while(void **state)
{
    char *hidden;
    (void)state;
    setenv("TEST_CODE", "4711", 1);
    assert_int_equal(open_with("safety:\n  confirm: pin\n  pin: env:TEST_CODE\n  lock_s: 60\n"),
                     LT_OK);
    for (int i = 0; i < LT_SAFETY_TRIES; i++) {
        assert_false(lt_safety_is_locked(safety, "home", 0));
        assert_false(lt_safety_scan(safety, "home", "1234", 1, 0, &hidden));
        free(hidden);
    }
    assert_true(lt_safety_is_locked(safety, "home", 59 * S));
    assert_false(lt_safety_is_locked(safety, "boat", 0));
    assert_false(
        lt_safety_scan(safety, "home", "4711", 0, 59 * S, &hidden)); /* right, but too late */
    free(hidden);
    assert_int_equal(judge(Q(.is_sensitive = 1, .now_us = 59 * S), UNLOCK), LT_VERDICT_REFUSE);
    assert_true(lt_safety_scan(safety, "home", "4711", 0, 61 * S, &hidden));
    free(hidden);
}

static void test_open__bad_codes__refused_with_the_key(void **state)
{
    struct lt_diag diag = {0};
    (void)state;
    setenv("TEST_CODE", "12a4", 1);
    assert_int_equal(open_with("safety:\n  pin: env:TEST_CODE\n"), LT_ERR_INVALID);
    setenv("TEST_CODE", "123", 1);
    assert_int_equal(open_with("safety:\n  pin: env:TEST_CODE\n"), LT_ERR_INVALID);
    assert_int_equal(open_with("safety:\n  confirm: pin\n"), LT_ERR_INVALID);
    unsetenv("TEST_CODE");
    assert_int_equal(open_with("safety:\n  pin: env:TEST_CODE\n"), LT_ERR_NOTFOUND);
    /* a reload with a bad one keeps the rules before */
    setenv("TEST_CODE", "4711", 1);
    assert_int_equal(open_with("safety:\n  confirm: pin\n  pin: env:TEST_CODE\n"), LT_OK);
    setenv("TEST_CODE", "x", 1);
    assert_int_equal(lt_safety_reload(safety, &config, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "safety.pin"));
    assert_int_equal(judge(Q(.is_sensitive = 1), UNLOCK), LT_VERDICT_PIN);
}

#define TEST(t) cmocka_unit_test_teardown(t, each_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_judge__modes__go_ask_or_code),
        TEST(test_judge__lists__door_and_room_must_be_there),
        TEST(test_judge__too_often__refused_for_this_source_alone),
        TEST(test_rate__many_sources__memory_is_bounded),
        TEST(test_code__in_what_was_said__hidden_and_known),
        TEST(test_code__long_text__hidden_without_opening),
        TEST(test_code__three_wrong__locked_for_a_while),
        TEST(test_open__bad_codes__refused_with_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
