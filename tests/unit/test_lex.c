/* Words, folding, identifiers, spoken numbers and UTF-8: tables of texts and what they must give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "san/lex.h"

/* A copy that ends where the text ends, so that a sanitizer sees every read beyond it. */
static char *exact(const char *text, size_t n)
{
    char *p = malloc(n ? n : 1);
    assert_non_null(p);
    memcpy(p, text, n);
    return p;
}

static uint32_t hash_of(const char *word)
{
    struct san_word w[4];
    assert_int_equal(san_words(word, strlen(word), w, 4), 1);
    return w[0].hash;
}

/* ---- words ---- */

static void test_words__texts__cut_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words, *kinds; /* l letters, d digits, p punctuation */
    } rows[] = {
        {"", "", ""},
        {" \t\n ", "", ""},
        {"light", "light", "l"},
        {"Turn on the Lights", "Turn|on|the|Lights", "llll"},
        {"  two   blanks  ", "two|blanks", "ll"},
        {"Emma's room's", "Emma|'s|room|'s", "lplp"},
        {"EMMA'S room", "EMMA|'S|room", "lpl"},
        {"'s", "'|s", "pl"},
        {"a 's", "a|'|s", "lpl"},
        {"it's", "it|'s", "lp"},
        {"x'sam", "x|'|sam", "lpl"},
        {"don't", "don|'|t", "lpl"},
        {"boys'", "boys|'", "lp"},
        {"7's", "7|'s", "dp"},
        {"21.5", "21|.|5", "dpd"},
        {"a1b22", "a|1|b|22", "ldld"},
        {"20%", "20|%", "dp"},
        {"what?!", "what|?|!", "lpp"},
        {"hass_turn-on", "hass|_|turn|-|on", "lplpl"},
        {"a\x01"
         "b",
         "a|b", "ll"},
        {"wait\xe2\x80\x94now\xe2\x80\xa6", "wait|\xe2\x80\x94|now|\xe2\x80\xa6", "lplp"},
        {"\xe2\x80\x9chi\xe2\x80\x9d", "\xe2\x80\x9c|hi|\xe2\x80\x9d", "plp"},
        {"21\xc2\xb0"
         "C",
         "21|\xc2\xb0"
         "C",
         "dl"},
        {"K\xc3\xbc"
         "che \xc5\x81\xc3\xb3"
         "d\xc5\xba",
         "K\xc3\xbc"
         "che|\xc5\x81\xc3\xb3"
         "d\xc5\xba",
         "ll"},
        {"5 \xe2\x82\xac", "5|\xe2\x82\xac", "dl"},
        {"\xe2\x80", "\xe2\x80", "l"},
        {"a\xe2", "a\xe2", "l"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].text);
        char *text = exact(rows[i].text, n), got[256] = "", kinds[32] = "";
        struct san_word w[32];
        int k = san_words(text, n, w, 32), end = 0;
        for (int j = 0; j < k; j++) {
            assert_true(w[j].begin >= end && w[j].end > w[j].begin && w[j].end <= (int)n);
            int has_space = w[j].begin == 0;
            for (int b = end; b < w[j].begin; b++) has_space = 1;
            assert_int_equal(w[j].has_space, has_space);
            assert_int_not_equal(w[j].hash, 0);
            if (j) strcat(got, "|");
            strncat(got, text + w[j].begin, (size_t)(w[j].end - w[j].begin));
            kinds[j] = "ldp"[w[j].kind];
            end = w[j].end;
        }
        if (strcmp(got, rows[i].words) || strcmp(kinds, rows[i].kinds))
            fail_msg("\"%s\": %s (%s), not %s (%s)", rows[i].text, got, kinds, rows[i].words,
                     rows[i].kinds);
        free(text);
    }
}

static void test_words__more_than_cap__rest_is_dropped(void **state)
{
    (void)state;
    static char text[2 * (SAN_WORDS_MAX + 100)];
    static struct san_word w[SAN_WORDS_MAX];
    for (size_t i = 0; i < sizeof text; i++) text[i] = i % 2 ? ' ' : 'a';
    assert_int_equal(san_words(text, sizeof text, w, SAN_WORDS_MAX), SAN_WORDS_MAX);
    assert_int_equal(w[SAN_WORDS_MAX - 1].begin, 2 * (SAN_WORDS_MAX - 1));
    assert_int_equal(san_words(text, sizeof text, w, 3), 3);
}

static void test_words__hashes__equal_for_case_and_plural(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"lights", "light"},
        {"LIGHT", "Lights"},
        {"K\xc3\x9c"
         "CHE",
         "k\xc3\xbc"
         "che"},
        {"\xc5\x81\xc3\x93\xc5\xb9", "\xc5\x82\xc3\xb3\xc5\xba"},
        {"news", "new"},
        {"kuche", "k\xc3\xbc"
                  "che"},
    };
    static const char *const other[][2] = {{"glass", "glas"},
                                           {"bus", "bu"},
                                           {"light", "lamp"},
                                           {"kuchen", "k\xc3\xbc"
                                                      "che"},
                                           {"20", "2"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_int_equal(hash_of(same[i][0]), hash_of(same[i][1]));
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_int_not_equal(hash_of(other[i][0]), hash_of(other[i][1]));
    char longer[200];
    memset(longer, 'q', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_not_equal(hash_of(longer), 0);
}

/* ---- folding ---- */

static size_t put_utf8(unsigned c, char *out)
{
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
}

/* Ranges of capitals: from, to, step, distance to the small letter (Unicode's simple mappings). */
static const struct {
    unsigned from, to, step;
    int by;
} capitals[] = {
    {'A', 'Z', 1, 0x20},     {0xc0, 0xd6, 1, 0x20},    {0xd8, 0xde, 1, 0x20},
    {0x100, 0x12e, 2, 1},    {0x132, 0x136, 2, 1},     {0x139, 0x147, 2, 1},
    {0x14a, 0x176, 2, 1},    {0x178, 0x178, 1, -0x79}, {0x179, 0x17d, 2, 1},
    {0x386, 0x386, 1, 0x26}, {0x388, 0x38a, 1, 0x25},  {0x38c, 0x38c, 1, 0x40},
    {0x38e, 0x38f, 1, 0x3f}, {0x391, 0x3a1, 1, 0x20},  {0x3a3, 0x3ab, 1, 0x20},
    {0x400, 0x40f, 1, 0x50}, {0x410, 0x42f, 1, 0x20},
};

static unsigned small_of(unsigned c)
{
    for (size_t i = 0; i < sizeof capitals / sizeof capitals[0]; i++)
        if (c >= capitals[i].from && c <= capitals[i].to &&
            (c - capitals[i].from) % capitals[i].step == 0)
            return (unsigned)((int)c + capitals[i].by);
    return c;
}

static void test_fold__every_letter_to_cyrillic__small_letter_of_equal_length(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 0x460; c++) {
        char in[8], want[8], got[8];
        size_t n = put_utf8(c, in), k = put_utf8(small_of(c), want);
        assert_int_equal(n, k);
        char *text = exact(in, n);
        san_fold(text, n, got);
        free(text);
        if (memcmp(got, want, n) || got[n])
            fail_msg("U+%04X folds to other than U+%04X", c, small_of(c));
    }
}

static void test_fold__anything__twice_is_once(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 0x3000; c++) {
        char in[16], once[16], twice[16];
        size_t n = put_utf8(c, in);
        n += put_utf8(0xc1, in + n);
        san_fold(in, n, once);
        assert_int_equal(strlen(once), n);
        san_fold(once, n, twice);
        assert_string_equal(once, twice);
    }
    char out[8];
    san_fold("\xc3", 1, out); /* half a letter stays as it is */
    assert_string_equal(out, "\xc3");
    san_fold("\xc3"
             "A",
             2, out);
    assert_string_equal(out, "\xc3"
                             "a");
}

static void test_fold__words_of_several_languages__small(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\xc3\x84RGER \xc3\x96"
         "L \xc3\x9c"
         "BER",
         "\xc3\xa4rger \xc3\xb6l \xc3\xbc"
         "ber"},
        {"\xc3\x89T\xc3\x89 \xc3\x87"
         "A \xc5\x92UVRE",
         "\xc3\xa9t\xc3\xa9 \xc3\xa7"
         "a \xc5\x93uvre"},
        {"\xc5\x81\xc3\x93\xc5\xbb\xc5\x81\xc5\x81 "
         "\xc4\x84\xc4\x86\xc4\x98\xc5\x83\xc5\x9a\xc5\xb9",
         "\xc5\x82\xc3\xb3\xc5\xbc\xc5\x82\xc5\x82 "
         "\xc4\x85\xc4\x87\xc4\x99\xc5\x84\xc5\x9b\xc5\xba"},
        {"\xc4\x8c\xc4\x8e\xc4\x9a\xc5\x87\xc5\x98\xc5\xa0\xc5\xa4\xc5\xae\xc5\xbd",
         "\xc4\x8d\xc4\x8f\xc4\x9b\xc5\x88\xc5\x99\xc5\xa1\xc5\xa5\xc5\xaf\xc5\xbe"},
        {"\xc3\x97 \xc3\x9f \xc3\xb7", "\xc3\x97 \xc3\x9f \xc3\xb7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[128];
        san_fold(rows[i][0], strlen(rows[i][0]), out);
        assert_string_equal(out, rows[i][1]);
    }
}

/* ---- identifiers ---- */

static void test_identifier_words__names__as_listed(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"HassTurnOn", "hass turn on"},
        {"set_light.brightness", "set light brightness"},
        {"turn-on", "turn on"},
        {"getHTTPServer", "get http server"},
        {"HTTP", "http"},
        {"a/b:c d", "a b c d"},
        {"__init__", "init"},
        {"room2Light", "room 2 light"},
        {"v10", "v 10"},
        {"3d", "3 d"},
        {"living room", "living room"},
        {"", ""},
        {"___", ""},
        {"X", "x"},
        {"not_home", "not home"},
        {"K\xc3\xbc"
         "che",
         "k\xc3\xbc"
         "che"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        assert_int_equal(san_identifier_words(rows[i][0], out, sizeof out), strlen(rows[i][1]));
        assert_string_equal(out, rows[i][1]);
    }
}

static void test_identifier_words__small_buffers__cut_and_terminated(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 20; cap++) {
        char *out = malloc(cap);
        assert_non_null(out);
        size_t n = san_identifier_words("HassTurnOn2x", out, cap);
        assert_true(n < cap);
        assert_int_equal(strlen(out), n);
        assert_memory_equal("hass turn on 2 x", out, n);
        free(out);
    }
}

/* ---- numbers ---- */

static void test_mentions__texts__first_last_and_value(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mentions; /* first-last:value */
    } rows[] = {
        {"turn on the light", ""},
        {"set it to 20", "3-3:20"},
        {"0", "0-0:0"},
        {"007", "0-0:7"},
        {"21.5 degrees", "0-2:21.5"},
        {"21,5 Grad", "0-2:21.5"},
        {"1,000 and 2", "0-2:1000 4-4:2"},
        {"1,234,567", "0-4:1234567"},
        {"1,000.25", "0-4:1000.25"},
        {"1.000", "0-2:1"},
        {"10, 20", "0-0:10 2-2:20"},
        {"3 . 5", "0-0:3 2-2:5"},
        {"at 12:30", "1-1:12 3-3:30"},
        {"1.2.3", "0-2:1.2 4-4:3"},
        {"version 5.", "1-1:5"},
        {"0.001", "0-2:0.001"},
        {"-5", "1-1:-5"},
        {"to -5.5 now", "2-4:-5.5"},
        {"5-10", "0-0:5 2-2:10"},
        {"5 - 10", "0-0:5 2-2:10"},
        {"5 -10", "0-0:5 2-2:-10"},
        {"minus 5", "1-1:-5"},
        {"negative twenty five", "1-2:-25"},
        {"minus zero", "1-1:0"},
        {"50%", "0-0:50"},
        {"five", "0-0:5"},
        {"Twenty Five", "0-1:25"},
        {"twenty-five", "0-2:25"},
        {"twenty - five", "0-2:25"},
        {"fourty two", "0-1:42"},
        {"seven thirty", "0-0:7 1-1:30"},
        {"twenty twenty", "0-0:20 1-1:20"},
        {"ten five", "0-0:10 1-1:5"},
        {"twenty eleven", "0-0:20 1-1:11"},
        {"twenty zero", "0-0:20 1-1:0"},
        {"one hundred", "0-1:100"},
        {"a hundred", "0-1:100"},
        {"a hundred and five", "0-3:105"},
        {"one hundred five", "0-2:105"},
        {"two hundred and twenty-five", "0-5:225"},
        {"one hundred ten", "0-2:110"},
        {"a hundred and", "0-1:100"},
        {"a thousand", "0-1:1000"},
        {"two thousand three hundred and four", "0-5:2304"},
        {"five hundred thousand", "0-2:500000"},
        {"three thousand and one", "0-3:3001"},
        {"twelve hundred", "0-1:1200"},
        {"a light", ""},
        {"a five", "1-1:5"},
        {"hundred", ""},
        {"fifteen-minute timer", "0-0:15"},
        {"twenty-minute timer", "0-0:20"},
        {"20-minute timer", "0-0:20"},
        {"nineteen and a half", "0-3:19.5"},
        {"5 and a half hours", "0-3:5.5"},
        {"nineteen and a quarter", "0-0:19"},
        {"twenty one point five", "0-3:21.5"},
        {"three point one four", "0-3:3.14"},
        {"21 point 5", "0-2:21.5"},
        {"twenty point zero five", "0-3:20.05"},
        {"point five", "1-1:5"},
        {"five point", "0-0:5"},
        {"twenties someone", ""},
        {"tenth", ""},
        {"2 and 3", "0-0:2 2-2:3"},
        {"two and three", "0-0:2 2-2:3"},
        {"123456789012", "0-0:123456789012"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_word w[32];
        struct san_mention m[32];
        char got[256] = "";
        size_t n = strlen(rows[i].text);
        char *text = exact(rows[i].text, n);
        int n_words = san_words(text, n, w, 32), k = san_mentions(text, w, n_words, m, 32), end = 0;
        for (int j = 0; j < k; j++) {
            size_t at = strlen(got);
            snprintf(got + at, sizeof got - at, "%s%d-%d:%.13g", j ? " " : "", m[j].first,
                     m[j].last, m[j].value);
            assert_true(m[j].first >= end && m[j].last >= m[j].first && m[j].last < n_words);
            end = m[j].last + 1;
            assert_int_equal(m[j].is_integer, m[j].value == (double)(long long)m[j].value);
        }
        if (strcmp(got, rows[i].mentions))
            fail_msg("\"%s\": %s, not %s", rows[i].text, got, rows[i].mentions);
        free(text);
    }
}

static void test_mentions__number_beyond_all_range__left_out(void **state)
{
    (void)state;
    char text[500];
    struct san_word w[8];
    struct san_mention m[8];
    memset(text, '9', sizeof text);
    memcpy(text + 400, " and 5", 7);
    int n = san_words(text, 406, w, 8);
    assert_int_equal(san_mentions(text, w, n, m, 8), 1);
    assert_true(m[0].value == 5);
    assert_int_equal(m[0].first, 2);
}

static void test_mentions__cap__respected(void **state)
{
    (void)state;
    struct san_word w[8];
    struct san_mention m[2];
    int n = san_words("1 2 3 4", 7, w, 8);
    assert_int_equal(san_mentions("1 2 3 4", w, n, m, 2), 2);
    assert_true(m[1].value == 2);
    assert_int_equal(san_mentions("1 2 3 4", w, n, m, 0), 0);
}

/* ---- UTF-8 ---- */

static void test_utf8__table__valid_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        int is_valid;
    } rows[] = {
        {"", 0, 1},
        {"plain", 5, 1},
        {"\x7f", 1, 1},
        {"a\0b", 3, 0},
        {"\xc2\x80", 2, 1},
        {"\xdf\xbf", 2, 1},
        {"\xe0\xa0\x80", 3, 1},
        {"\xed\x9f\xbf", 3, 1},
        {"\xee\x80\x80", 3, 1},
        {"\xef\xbf\xbf", 3, 1},
        {"\xf0\x90\x80\x80", 4, 1},
        {"\xf4\x8f\xbf\xbf", 4, 1},
        {"\x80", 1, 0},
        {"\xbf", 1, 0},
        {"\xc0\x80", 2, 0},
        {"\xc1\xbf", 2, 0},
        {"\xe0\x9f\xbf", 3, 0},
        {"\xf0\x8f\xbf\xbf", 4, 0},
        {"\xed\xa0\x80", 3, 0},
        {"\xed\xbf\xbf", 3, 0},
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xff", 1, 0},
        {"\xfe", 1, 0},
        {"\xc3", 1, 0},
        {"a\xc3", 2, 0},
        {"\xe2\x82", 2, 0},
        {"\xe2", 1, 0},
        {"\xf0\x9f\x98", 3, 0},
        {"\xc3\x41", 2, 0},
        {"\xe2\x41\x80", 3, 0},
        {"\xe2\x82\x41", 3, 0},
        {"\xf0\x9f\x98\x80!", 5, 1},
        {"\xc3\xa9\xc3", 3, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = exact(rows[i].text, rows[i].n);
        if (san_utf8_is_valid(text, rows[i].n) != rows[i].is_valid) fail_msg("row %zu", i);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words__texts__cut_as_listed),
        cmocka_unit_test(test_words__more_than_cap__rest_is_dropped),
        cmocka_unit_test(test_words__hashes__equal_for_case_and_plural),
        cmocka_unit_test(test_fold__every_letter_to_cyrillic__small_letter_of_equal_length),
        cmocka_unit_test(test_fold__anything__twice_is_once),
        cmocka_unit_test(test_fold__words_of_several_languages__small),
        cmocka_unit_test(test_identifier_words__names__as_listed),
        cmocka_unit_test(test_identifier_words__small_buffers__cut_and_terminated),
        cmocka_unit_test(test_mentions__texts__first_last_and_value),
        cmocka_unit_test(test_mentions__number_beyond_all_range__left_out),
        cmocka_unit_test(test_mentions__cap__respected),
        cmocka_unit_test(test_utf8__table__valid_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
