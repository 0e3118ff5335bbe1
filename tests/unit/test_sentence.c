/* test_sentence.c - where sentences end in words that are still coming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sentence.h"

/* `text` cut into sentences as it comes, `step` bytes at a time: | behind each, the rest in the end. */
static const char *cut(const char *text, size_t step)
{
    static char out[4096];
    size_t n = strlen(text), from = 0, used = 0;
    for (size_t to = 0; to < n;) {
        size_t end;
        to = to + step < n ? to + step : n;
        while ((end = lt_sentence_end(text + from, to - from))) {
            used += (size_t)snprintf(out + used, sizeof out - used, "%.*s|", (int)end, text + from);
            from += end;
        }
    }
    snprintf(out + used, sizeof out - used, "%s", text + from);
    return out;
}

static void test_sentence__texts__cut_where_a_speaker_may_pause(void **state)
{
    static const struct {
        const char *text, *cut;
    } rows[] = {
        {"", ""},
        {"It is on", "It is on"},
        {"It is on.", "It is on."}, /* more may follow */
        {"It is on. ", "It is on. "},
        {"It is on. It is 20.5 degrees. Yes", "It is on. |It is 20.5 degrees. |Yes"},
        {"Really?! Yes... Good", "Really?! |Yes... |Good"},
        {"\"Go.\" (Now.) Then", "\"Go.\" |(Now.) |Then"},
        {"At 5. March Dr. Who left. He", "At 5. March Dr. Who left. |He"},
        {"Left at 5.30. In 2026. Ok", "Left at 5.30. |In 2026. |Ok"},
        {"z. B. so. Und", "z. B. so. |Und"},
        {"Milk, eggs etc. are in. Good", "Milk, eggs etc. are in. |Good"},
        {"One\nTwo\n\nThree", "One\n|Two\n\n|Three"},
        {"- a\n- b", "- a\n|- b"},
        {"lintel.example is up. Fine", "lintel.example is up. |Fine"},
        {"K\xc3\xbc"
         "che an. \xc3\x84"
         "ndern?  Ja",
         "K\xc3\xbc"
         "che an. |\xc3\x84"
         "ndern?  |Ja"},
        {"\xe7\x82\xb9\xe3\x80\x82\xe5\xa5\xbd", "\xe7\x82\xb9\xe3\x80\x82|\xe5\xa5\xbd"},
        {"   ", "   "},
        {".", "."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t step = 1; step < 6; step++) /* the same however the words come */
            if (strcmp(cut(rows[i].text, step), rows[i].cut) != 0)
                fail_msg("row %zu by %zu: %s", i, step, cut(rows[i].text, step));
}

static void test_sentence__no_end_in_sight__cut_between_words_or_characters(void **state)
{
    char words[LT_SENTENCE_MAX_BYTES * 2 + 1], wide[LT_SENTENCE_MAX_BYTES * 2 + 1];
    (void)state;
    memset(words, 'a', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    words[350] = ' ';
    assert_int_equal(lt_sentence_end(words, LT_SENTENCE_MAX_BYTES), 0);
    assert_int_equal(lt_sentence_end(words, sizeof words - 1), 351);
    words[350] = 'a';
    assert_int_equal(lt_sentence_end(words, sizeof words - 1), LT_SENTENCE_MAX_BYTES);
    for (size_t i = 0; i + 3 < sizeof wide; i += 3) memcpy(wide + i, "\xe7\x82\xb9", 4);
    assert_int_equal(lt_sentence_end(wide, strlen(wide)), LT_SENTENCE_MAX_BYTES / 3 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentence__texts__cut_where_a_speaker_may_pause),
        cmocka_unit_test(test_sentence__no_end_in_sight__cut_between_words_or_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
