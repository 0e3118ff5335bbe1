/* Judging answers, and the numbers that many judgements give, against values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "san/score.h"
#include "tiny_lang.h"

#define HOME                                                                                       \
    "'home':{'areas':[{'name':'Kitchen','floor':'Ground'},{'name':'Attic','floor':'Up'}],"         \
    "'entities':[{'id':'light.k','name':'Kitchen Light','aliases':['spots'],'area':'Kitchen',"     \
    "'domain':'light','device_class':null},{'id':'cover.g','name':'Opener','aliases':[],'area':"   \
    "'Kitchen','domain':'cover','device_class':'garage'},{'id':'light.g','name':'Opener',"         \
    "'aliases':[],'area':'Kitchen','domain':'light','device_class':null},{'id':'fan.u','name':"    \
    "'Fan','area':'Attic','domain':'fan'},{'id':'fan.d','name':'fan','area':'Kitchen','domain':"   \
    "'fan'}]},"

#define CALL(name, args) "{'name':'" name "','arguments':{" args "}}"

static struct san_judgement judge(const char *home, const char *expected, const char *answered)
{
    char text[4096];
    snprintf(text, sizeof text, "{%s'answers':%s}", home, expected);
    json_t *c = tiny_json(text), *calls = tiny_json(answered);
    struct san_judgement j = san_judge(c, calls);
    json_decref(c);
    json_decref(calls);
    return j;
}

static void test_judge__pairs__name_exact_equiv(void **state)
{
    (void)state;
    static const struct {
        const char *home, *expected, *answered, *levels; /* of "nxe": name, exact, equiv */
    } rows[] = {
        /* case and blanks; names of arguments; aliases; filters that change nothing */
        {HOME, "[" CALL("HassTurnOn", "'name':'Kitchen Light'") "]",
         "[" CALL("HassTurnOn", "'name':'kitchen  light '") "]", "nxe"},
        {HOME, "[" CALL("HassTurnOn", "'name':'Kitchen Light'") "]",
         "[" CALL("HassTurnOn", "'name':'Spots','domain':['light'],'area':'kitchen'") "]", "n-e"},
        {HOME, "[" CALL("HassTurnOn", "'name':'Kitchen Light'") "]",
         "[" CALL("HassTurnOn", "'name':'light.k','floor':'GROUND'") "]", "n-e"},
        {HOME, "[" CALL("HassTurnOn", "'name':'Kitchen Light'") "]",
         "[" CALL("HassTurnOn", "'name':'Kitchen Light','area':'Garage'") "]", "n--"},
        {HOME, "[" CALL("HassTurnOff", "'name':'Opener','domain':'cover'") "]",
         "[" CALL("HassTurnOff", "'name':'Opener','device_class':'garage'") "]", "n-e"},
        {HOME, "[" CALL("HassTurnOff", "'name':'Opener','domain':'cover'") "]",
         "[" CALL("HassTurnOff", "'name':'Opener','domain':'light'") "]", "n--"},
        {HOME, "[" CALL("HassTurnOff", "'name':'Opener','domain':'cover'") "]",
         "[" CALL("HassTurnOff", "'name':'Opener'") "]", "n--"},
        {HOME, "[" CALL("HassTurnOn", "'name':'Fan','floor':'Up'") "]",
         "[" CALL("HassTurnOn", "'name':'fan','area':'Attic','domain':'fan'") "]", "n-e"},
        {HOME, "[" CALL("HassTurnOn", "'name':'Fan','floor':'Up'") "]",
         "[" CALL("HassTurnOn", "'name':'Fan','floor':'Ground'") "]", "n--"},
        /* names of lists and timers are no devices; other tools are taken literally */
        {HOME, "[" CALL("HassListAddItem", "'name':'Spots','item':'x'") "]",
         "[" CALL("HassListAddItem", "'name':'Kitchen Light','item':'x'") "]", "n--"},
        {HOME, "[" CALL("turn_on", "'name':'Kitchen Light'") "]",
         "[" CALL("turn_on", "'name':'Spots'") "]", "n--"},
        /* domains that the tool says already */
        {"", "[" CALL("HassLightSet", "'area':'Kitchen','brightness':50") "]",
         "[" CALL("HassLightSet", "'area':'kitchen','brightness':'50','domain':'light'") "]",
         "n-e"},
        {"", "[" CALL("HassLightSet", "'area':'Kitchen','brightness':50") "]",
         "[" CALL("HassLightSet", "'area':'kitchen','brightness':'50','domain':['light']") "]",
         "n-e"},
        {"", "[" CALL("HassLightSet", "'area':'Kitchen','brightness':50") "]",
         "[" CALL("HassLightSet", "'area':'kitchen','brightness':50.0") "]", "nxe"},
        {"", "[" CALL("HassLightSet", "'area':'Kitchen','brightness':50") "]",
         "[" CALL("HassLightSet", "'area':'kitchen','brightness':50,'domain':'fan'") "]", "n--"},
        {"", "[" CALL("HassTurnOn", "'area':'A','device_class':'blind'") "]",
         "[" CALL("HassTurnOn", "'area':'A','device_class':'blind','domain':'cover'") "]", "n-e"},
        {"", "[" CALL("HassTurnOn", "'area':'A','device_class':'tv'") "]",
         "[" CALL("HassTurnOn", "'area':'A','device_class':'tv','domain':'cover'") "]", "n--"},
        {"", "[" CALL("HassSetPosition", "'area':'A','position':5") "]",
         "[" CALL("HassSetPosition", "'area':'A','position':5,'domain':'cover'") "]", "n-e"},
        /* nothing */
        {"", "[]", "[]", "nxe"},
        {"", "[]", "[" CALL("x", "") "]", "---"},
        {"", "[" CALL("x", "") "]", "[]", "---"},
        /* values */
        {"", "[" CALL("x", "'a':true") "]", "[" CALL("x", "'a':true") "]", "nxe"},
        {"", "[" CALL("x", "'a':true") "]", "[" CALL("x", "'a':1") "]", "n--"},
        {"", "[" CALL("x", "'a':true") "]", "[" CALL("x", "'a':'true'") "]", "n--"},
        {"", "[" CALL("x", "'a':'1e1'") "]", "[" CALL("x", "'a':10") "]", "nxe"},
        {"", "[" CALL("x", "'a':'nan'") "]", "[" CALL("x", "'a':'NaN'") "]", "nxe"},
        {"", "[" CALL("x", "'a':0.1") "]", "[" CALL("x", "'a':0.1000000001") "]", "nxe"},
        {"", "[" CALL("x", "'a':['p','Q']") "]", "[" CALL("x", "'a':['q','p']") "]", "nxe"},
        {"", "[" CALL("x", "'a':['p']") "]", "[" CALL("x", "'a':'P'") "]", "nxe"},
        {"", "[" CALL("x", "'a':['p','q']") "]", "[" CALL("x", "'a':'p'") "]", "n--"},
        {"", "[" CALL("x", "'a':null,'b':2") "]", "[" CALL("x", "'b':2") "]", "nxe"},
        {"", "[" CALL("x", "'b':2") "]", "[" CALL("x", "'a':null,'b':2,'c':null") "]", "nxe"},
        {"", "[" CALL("x", "'b':2") "]", "[" CALL("x", "'b':2,'c':3") "]", "n--"},
        {"", "[" CALL("x", "'o':{'k':1,'j':2}") "]", "[" CALL("x", "'o':{'j':2,'k':1}") "]", "nxe"},
        {"", "[" CALL("x", "'a':'\\u00c4RGER'") "]", "[" CALL("x", "'a':'\\u00e4rger'") "]", "nxe"},
        /* several calls, in any order, each paired with one of its own */
        {"", "[" CALL("x", "'a':1") "," CALL("y", "") "]",
         "[" CALL("y", "") "," CALL("x", "'a':1") "]", "nxe"},
        {"", "[" CALL("x", "'a':1") "," CALL("x", "'a':2") "]",
         "[" CALL("x", "'a':2") "," CALL("x", "'a':1") "]", "nxe"},
        {"", "[" CALL("x", "'a':1") "," CALL("x", "'a':2") "]",
         "[" CALL("x", "'a':1") "," CALL("x", "'a':1") "]", "n--"},
        {"", "[" CALL("x", "") "]", "[" CALL("x", "") "," CALL("x", "") "]", "---"},
        /* answers that are no calls at all are wrong and do no harm */
        {"", "[" CALL("x", "") "]", "null", "---"},
        {"", "[" CALL("x", "") "]", "[null]", "---"},
        {"", "[" CALL("x", "") "]", "[{'name':3}]", "---"},
        {"", "[" CALL("x", "") "]", "[{'name':'x','arguments':'y'}]", "n--"},
        {"", "[" CALL("x", "") "]", "[{'name':'x'}]", "nxe"},
        {"", "[" CALL("x", "") "]", "'text'", "---"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_judgement j = judge(rows[i].home, rows[i].expected, rows[i].answered);
        char got[4] = {j.name ? 'n' : '-', j.exact ? 'x' : '-', j.equiv ? 'e' : '-', '\0'};
        if (strcmp(got, rows[i].levels))
            fail_msg("%s answered with %s: %s, not %s", rows[i].expected, rows[i].answered, got,
                     rows[i].levels);
        assert_int_equal(j.is_nothing_expected, !strcmp(rows[i].expected, "[]"));
    }
}

static void test_judge__more_calls_than_are_compared__wrong(void **state)
{
    (void)state;
    json_t *calls = json_array();
    for (int i = 0; i < 17; i++)
        json_array_append_new(calls, json_pack("{s:s,s:{}}", "name", "x", "arguments"));
    json_t *c = json_pack("{s:O}", "answers", calls);
    struct san_judgement j = san_judge(c, calls);
    assert_false(j.name || j.exact || j.equiv);
    json_decref(c);
    json_decref(calls);
}

static void put(struct san_tally *t, double confidence, int right)
{
    struct san_judgement j = {.name = 1, .exact = (uint8_t)right, .equiv = (uint8_t)right};
    assert_int_equal(san_tally_add(t, &j, confidence, 0), LT_OK);
}

static int near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void test_tally__four_cases__numbers_worked_out_by_hand(void **state)
{
    (void)state;
    struct san_tally t = {0};
    put(&t, 0.9, 1);
    put(&t, 0.2, 0);
    put(&t, 0.8, 1);
    put(&t, 0.7, 1);
    assert_true(near(san_tally_coverage(&t, 0.99), 0.75));
    assert_true(near(san_tally_coverage(&t, 0.75), 1));
    /* each in a bin of its own: (0.1 + 0.2 + 0.2 + 0.3) / 4 */
    assert_true(near(san_tally_ece(&t), 0.2));
    assert_true(near(san_tally_brier(&t), (0.01 + 0.04 + 0.04 + 0.09) / 4));
    san_tally_free(&t);
    assert_int_equal(t.n, 0);
}

static void test_tally__one_bin__confidences_cancel(void **state)
{
    (void)state;
    struct san_tally t = {0};
    put(&t, 0.94, 1); /* bin 14 of 15: 0.9333..1 */
    put(&t, 1.0, 1);
    put(&t, 0.96, 0);
    assert_true(near(san_tally_ece(&t), (0.94 + 1.0 + 0.96 - 2) / 3));
    put(&t, 0.0, 0);
    assert_true(near(san_tally_ece(&t), 0.9 / 4));
    san_tally_free(&t);
}

static void test_tally__coverage__ties_together_and_best_prefix(void **state)
{
    (void)state;
    struct san_tally t = {0};
    put(&t, 0.5, 1);
    put(&t, 0.5, 0);
    assert_true(near(san_tally_coverage(&t, 0.9), 0)); /* the right one cannot be kept alone */
    assert_true(near(san_tally_coverage(&t, 0.5), 1));
    put(&t, 0.6, 1);
    assert_true(near(san_tally_coverage(&t, 0.9), 1.0 / 3));
    san_tally_free(&t);
    put(&t, 0.99, 0); /* a wrong one on top is outweighed further down */
    for (int i = 0; i < 99; i++) put(&t, 0.9 - i * 0.001, 1);
    put(&t, 0.1, 0);
    assert_true(near(san_tally_coverage(&t, 0.99), 100.0 / 101));
    assert_true(near(san_tally_coverage(&t, 0.995), 0));
    san_tally_free(&t);
}

static void test_tally__nothing_in_it__zero(void **state)
{
    (void)state;
    struct san_tally t = {0};
    assert_true(san_tally_coverage(&t, 0.9) == 0 && san_tally_ece(&t) == 0 &&
                san_tally_brier(&t) == 0);
    san_tally_free(&t);
}

static void test_tally__counts__by_what_was_expected_and_answered(void **state)
{
    (void)state;
    struct san_tally t = {0};
    static const struct {
        struct san_judgement j;
        int is_local;
    } rows[] = {
        {{1, 1, 1, 0, 0}, 1}, {{1, 0, 1, 0, 0}, 1}, {{1, 0, 0, 0, 0}, 1},
        {{0, 0, 0, 0, 1}, 0}, {{1, 1, 1, 1, 1}, 1}, {{0, 0, 0, 1, 0}, 0},
    };
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(san_tally_add(&t, &rows[i].j, 0.5, rows[i].is_local), LT_OK);
    assert_int_equal(t.n, 6);
    assert_int_equal(t.name, 4);
    assert_int_equal(t.exact, 2);
    assert_int_equal(t.equiv, 3);
    assert_int_equal(t.n_call, 4);
    assert_int_equal(t.call_equiv, 2);
    assert_int_equal(t.n_nothing, 2);
    assert_int_equal(t.nothing_hit, 1);
    assert_int_equal(t.nothing_made, 2);
    assert_int_equal(t.n_local, 4);
    assert_int_equal(t.local_right, 3);
    san_tally_free(&t);
}

static void test_tally__many_cases__all_kept(void **state)
{
    (void)state;
    struct san_tally t = {0};
    for (int i = 0; i < 1000; i++) put(&t, i / 1000.0, i >= 500);
    assert_int_equal(t.n, 1000);
    assert_true(near(san_tally_coverage(&t, 1), 0.5));
    assert_true(t.confidence[999] == 0.999 && t.right[500] && !t.right[499]);
    san_tally_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__pairs__name_exact_equiv),
        cmocka_unit_test(test_judge__more_calls_than_are_compared__wrong),
        cmocka_unit_test(test_tally__four_cases__numbers_worked_out_by_hand),
        cmocka_unit_test(test_tally__one_bin__confidences_cancel),
        cmocka_unit_test(test_tally__coverage__ties_together_and_best_prefix),
        cmocka_unit_test(test_tally__nothing_in_it__zero),
        cmocka_unit_test(test_tally__counts__by_what_was_expected_and_answered),
        cmocka_unit_test(test_tally__many_cases__all_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
