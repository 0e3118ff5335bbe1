/* test_voice.c - words as spoken, the language model counted from them, pronunciations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/lexicon.h"
#include "lt/spoken.h"

static void test_spoken__numbers_signs_and_accents__words_as_they_are_said(void **state)
{
    static const char *const cases[][2] = {
        {"Set it to 21.5 °C!", "set it to twenty one point five degrees c"},
        {"dim to 100%", "dim to one hundred percent"},
        {"Café  de l'Été", "cafe de l'ete"},
        {"the twins' room", "the twins room"},
        {"1234567", "one two three four five six seven"},
        {"115 & 2000K", "one hundred and fifteen and two thousand k"},
        {"...", ""},
    };
    char out[128];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_spoken_words(cases[i][0], out, sizeof out);
        assert_string_equal(out, cases[i][1]);
    }
    assert_int_equal(lt_spoken_words("kitchen", out, 4), 3); /* cut, still a string */
    assert_string_equal(out, "kit");
    lt_spoken_words("\xc3", out, sizeof out); /* half a letter at the end */
}

/* log10 probability that the ARPA text gives to a run; 1 when it is not there. */
static double look_up(const char *arpa, const char *run)
{
    char pattern[128];
    snprintf(pattern, sizeof pattern, " %s", run);
    for (const char *p = strstr(arpa, pattern); p; p = strstr(p + 1, pattern)) {
        const char *line = p, *end = p + strlen(pattern);
        while (line > arpa && line[-1] != '\n') line--;
        if (strcspn(line, " ") == (size_t)(p - line) && (*end == ' ' || *end == '\n'))
            return atof(line);
    }
    return 1;
}

static void test_ngram__counted_sentences__likelier_than_unseen(void **state)
{
    struct lt_ngram *m = lt_ngram_new();
    char *arpa = NULL;
    size_t n;
    (void)state;
    assert_int_equal(lt_ngram_add(m, "turn on the light", 3), LT_OK);
    assert_int_equal(lt_ngram_add(m, "turn off the fan", 1), LT_OK);
    assert_int_equal(lt_ngram_n_words(m), 6);
    FILE *f = open_memstream(&arpa, &n);
    assert_int_equal(lt_ngram_write(m, 1, f), LT_OK);
    fclose(f);
    assert_non_null(strstr(arpa, "ngram 1=8\n"));
    assert_true(look_up(arpa, "turn on") > look_up(arpa, "turn off"));
    assert_true(look_up(arpa, "the light") < 0 && look_up(arpa, "the fan") < 0);
    assert_int_equal(look_up(arpa, "fan light"), 1); /* never seen */
    lt_ngram_free(m);
    free(arpa);
}

static void test_spoken__demo_home__its_names_are_in_the_model_and_others_are_not(void **state)
{
    struct lt_ngram *m = lt_ngram_new();
    struct lt_spoken_options o;
    json_t *catalog = json_load_file(SOURCE_DIR "/deploy/demo/catalog.json", 0, NULL);
    json_t *phrasings =
        json_load_file(SOURCE_DIR "/engine/data/teacher/home_devices.json", 0, NULL);
    int has_thermostat = 0, has_valve = 0;
    (void)state;
    assert_true(m && catalog && phrasings);
    lt_spoken_defaults(&o);
    assert_int_equal(lt_spoken_count_names(catalog, &o, m), LT_OK);
    assert_int_equal(lt_spoken_count(phrasings, catalog, &o, m), LT_OK);
    for (size_t i = 0; i < lt_ngram_n_words(m); i++) {
        has_thermostat |= !strcmp(lt_ngram_word(m, i), "thermostat");
        has_valve |= !strcmp(lt_ngram_word(m, i), "sprinkler");
    }
    assert_true(has_thermostat && !has_valve);
    assert_int_equal(lt_spoken_count(catalog, catalog, &o, m), LT_ERR_INVALID);
    json_decref(catalog);
    json_decref(phrasings);
    lt_ngram_free(m);
}

static void test_lexicon__known_plural_compound_and_strange_words__all_pronounced(void **state)
{
    static const char *const words[] = {"lamp", "lamps", "bedlamp", "dvd", "zwake"};
    char path[] = "/tmp/lintel-dict-XXXXXX", *out = NULL;
    size_t n, n_unknown;
    struct lt_diag diag = {0};
    int fd = mkstemp(path);
    FILE *dict = fdopen(fd, "w"), *f = open_memstream(&out, &n);
    (void)state;
    fputs("bed B EH D\nlamp L AE M P\nlamp(2) L AA M P\n", dict);
    fclose(dict);
    assert_int_equal(lt_lexicon_write(words, 5, path, f, &n_unknown, &diag), LT_OK);
    fclose(f);
    assert_non_null(strstr(out, "lamp L AE M P\n"));
    assert_non_null(strstr(out, "lamp(2) L AA M P\n"));
    assert_non_null(strstr(out, "lamps L AE M P Z\n"));
    assert_non_null(strstr(out, "bedlamp B EH D L AE M P\n"));
    assert_non_null(strstr(out, "dvd D IY V IY D IY\n"));
    assert_non_null(strstr(out, "zwake Z W EY K\n"));
    assert_int_equal(n_unknown, 2);
    free(out);
    remove(path);
    f = open_memstream(&out, &n);
    assert_int_equal(lt_lexicon_write(words, 5, path, f, NULL, &diag), LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, path));
    fclose(f);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spoken__numbers_signs_and_accents__words_as_they_are_said),
        cmocka_unit_test(test_ngram__counted_sentences__likelier_than_unseen),
        cmocka_unit_test(test_spoken__demo_home__its_names_are_in_the_model_and_others_are_not),
        cmocka_unit_test(test_lexicon__known_plural_compound_and_strange_words__all_pronounced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
