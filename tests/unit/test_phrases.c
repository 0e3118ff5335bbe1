/* test_phrases.c - small words: what is a yes, a number, a duration, a code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "phrases.h"

static struct lt_words words;

static const struct lt_words *cut(const char *text)
{
    lt_words_split(text, &words);
    return &words;
}

static void test_split__punctuation_case_fillers__words(void **state)
{
    (void)state;
    cut("  No, DON'T!  Um... the \xc3\x84rmel (please) 21.5\xe2\x80\x99s ");
    assert_int_equal(words.n, 5);
    assert_string_equal(words.v[0], "no");
    assert_string_equal(words.v[1], "dont");
    assert_string_equal(words.v[2], "the");
    assert_string_equal(words.v[3], "\xc3\xa4rmel");
    assert_string_equal(words.v[4], "21.5s");
    assert_string_equal(cut("\xc5\x9awiat\xc5\x81O")->v[0], "\xc5\x9bwiat\xc5\x82o"); /* Polish */
    assert_int_equal(cut("")->n, 0);
    assert_int_equal(cut(" ,.;!? ")->n, 0);
}

static void test_split__too_many_words__is_cut_and_no_phrase(void **state)
{
    char text[4000] = "";
    (void)state;
    for (int i = 0; i < 300; i++) strcat(text, "yes ");
    assert_true(cut(text)->is_cut);
    assert_false(lt_phrases_is(NULL, LT_PHRASE_YES, &words));
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(cut(text)->is_cut);
}

static void test_phrase__seven_languages__is_known(void **state)
{
    static const struct {
        enum lt_phrase kind;
        const char *text;
    } rows[] = {
        {LT_PHRASE_YES, "Yes, please."},
        {LT_PHRASE_YES, "ja"},
        {LT_PHRASE_YES, "S\xc3\xad"},
        {LT_PHRASE_YES, "d'accord"},
        {LT_PHRASE_YES, "Tak!"},
        {LT_PHRASE_NO, "nein"},
        {LT_PHRASE_NEVER_MIND, "Never mind"},
        {LT_PHRASE_NEVER_MIND, "vergiss es"},
        {LT_PHRASE_UNDO, "undo that please"},
        {LT_PHRASE_UNDO, "cofnij"},
        {LT_PHRASE_OTHER, "No, the other one"},
        {LT_PHRASE_OTHER, "non, l'autre"},
        {LT_PHRASE_ALL, "all of them"},
        {LT_PHRASE_ALL, "les deux"},
        {LT_PHRASE_YES, "ja, graag"},
        {LT_PHRASE_YES, "S\xc3\xac, grazie"},
        {LT_PHRASE_NO, "Nie, dzi\xc4\x99kuj\xc4\x99"},
        {LT_PHRASE_NEVER_MIND, "Laat maar."},
        {LT_PHRASE_NEVER_MIND, "lascia perdere"},
        {LT_PHRASE_UNDO, "rimetti com'era"},
        {LT_PHRASE_OTHER, "Nee, de andere"},
        {LT_PHRASE_ALL, "entrambe"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int k = 0; k < LT_PHRASE_COUNT; k++)
            if (lt_phrases_is(NULL, (enum lt_phrase)k, cut(rows[i].text)) !=
                (k == (int)rows[i].kind))
                fail_msg("\"%s\" as kind %d", rows[i].text, k);
}

static void test_phrase__users_own__counts(void **state)
{
    static const char *const own[] = {"Make it so!"};
    struct lt_phrases p = {.extra = {[LT_PHRASE_YES] = own}, .n_extra = {[LT_PHRASE_YES] = 1}};
    (void)state;
    assert_true(lt_phrases_is(&p, LT_PHRASE_YES, cut("make it so")));
    assert_false(lt_phrases_is(&p, LT_PHRASE_NO, cut("make it so")));
    assert_false(lt_phrases_is(&p, LT_PHRASE_YES, cut("make it so so")));
}

static void test_number__words_and_digits__value(void **state)
{
    static const struct {
        const char *text;
        double value;
        int n;
    } rows[] = {
        {"21", 21, 1},
        {"21.5", 21.5, 1},
        {"twenty one", 21, 2},
        {"two hundred and five", 205, 4},
        {"a hundred", 100, 0}, /* 'a' hundred takes two words */
        {"f\xc3\xbcnfundzwanzig", 25, 1},
        {"einundf\xc3\xbcnfzig", 51, 1},
        {"quinze", 15, 1},
        {"quindici", 15, 1},
        {"vijftien", 15, 1},
        {"dwadzie\xc5\x9b"
         "cia",
         20, 1},
    };
    double v = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int n = lt_phrases_number(cut(rows[i].text), 0, &v);
        if (!n || v != rows[i].value || (rows[i].n && n != rows[i].n))
            fail_msg("%s: %g of %d words", rows[i].text, v, n);
    }
    assert_int_equal(lt_phrases_number(cut("light"), 0, &v), 0);
    assert_int_equal(lt_phrases_number(cut("12345678901234567890"), 0, &v), 0);
    assert_int_equal(lt_phrases_number(cut("hundund"), 0, &v), 0);
}

static void test_duration__ways_to_say_it__milliseconds(void **state)
{
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {
        {"ten minutes", 600},
        {"10", 600},
        {"for 10 min", 600},
        {"an hour and a half", 5400},
        {"half an hour", 1800},
        {"a quarter of an hour", 900},
        {"1 hour 20 minutes", 4800},
        {"one hour and twenty minutes", 4800},
        {"1 hour 20", 4800},
        {"20min", 1200},
        {"90 seconds", 90},
        {"zehn Minuten", 600},
        {"eine halbe Stunde", 1800},
        {"une heure", 3600},
        {"diez minutos", 600},
        {"due ore", 7200},
        {"twee uur", 7200},
        {"30 seconden", 30},
        {"dziesi\xc4\x99\xc4\x87 minut", 600},
        {"1.5 hours", 5400},
        {"two and a half hours", 0},
        {"the kitchen", 0},
        {"", 0},
        {"ten apples", 0},
        {"101 hours", 0},
        {"-5 minutes of fame", 0},
        {"minutes", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = lt_phrases_duration_ms(cut(rows[i].text));
        if (ms != rows[i].s * 1000) fail_msg("%s: %lld ms", rows[i].text, (long long)ms);
    }
}

static void test_ordinal__alone__place_and_last(void **state)
{
    static const struct {
        const char *text;
        int place;
    } rows[] = {
        {"the second one", 2}, {"second", 2},       {"number 3", 3}, {"the last one", -1},
        {"die zweite", 2},     {"la primera", 1},   {"2", 2},        {"second floor lamp", 0},
        {"the one", 0},        {"first second", 0}, {"the lamp", 0}, {"pierwsza", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int place = lt_phrases_ordinal(cut(rows[i].text));
        if (place != rows[i].place) fail_msg("%s: %d", rows[i].text, place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split__punctuation_case_fillers__words),
        cmocka_unit_test(test_split__too_many_words__is_cut_and_no_phrase),
        cmocka_unit_test(test_phrase__seven_languages__is_known),
        cmocka_unit_test(test_phrase__users_own__counts),
        cmocka_unit_test(test_number__words_and_digits__value),
        cmocka_unit_test(test_duration__ways_to_say_it__milliseconds),
        cmocka_unit_test(test_ordinal__alone__place_and_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
