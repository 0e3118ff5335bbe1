/* test_coarse.c - sentences over made-up notes: of an utterance whose every moment is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../voice/src/coarse.h"
#include "../../voice/src/walk.h"

/* A model of four phones (SIL, A, B, C) of three states, and 20 senones in all. */
#define N_PHONES  4
#define N_SENONES 20

static char folder[] = "/tmp/lintel-coarse-XXXXXX";

static char *say(void *ctx, const char *word)
{
    static const char *const words[][2] = {{"ab", "A B"}, {"ac", "A C"}, {"b", "B"},
                                           {"c", "C"},    {"c(2)", "B"}, {"odd", "A X"}};
    (void)ctx;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], word)) return strdup(words[i][1]);
    return NULL;
}

static void write_mdef(const char *magic, int32_t states)
{
    char path[100];
    int32_t head[2] = {1, 4};
    int32_t v[10] = {N_PHONES, 100, states, N_PHONES * 3, N_SENONES, N_PHONES, 9, 3, 0, 0};
    snprintf(path, sizeof path, "%s/mdef", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fwrite(magic, 4, 1, f) && fwrite(head, sizeof head, 1, f) &&
                fwrite("text", 4, 1, f) && fwrite(v, sizeof v, 1, f) &&
                fwrite("SIL\0A\0B\0C", 10, 1, f));
    assert_int_equal(fclose(f), 0);
}

static struct lt_coarse *make(void)
{
    struct lt_coarse *c = NULL;
    write_mdef("BMDF", 3);
    assert_int_equal(lt_coarse_new(folder, say, NULL, &c), LT_OK);
    return c;
}

/* Notes of phones (numbers as in the model), three moments each: their own state costs 1, others 50. */
static FILE *notes_of(const char *phones, int16_t n_senones)
{
    FILE *f = tmpfile();
    int32_t order = 0x11223344;
    assert_non_null(f);
    fputs("s3\nversion 0.1\nn_sen 20\nendhdr\n", f);
    assert_true(fwrite(&order, sizeof order, 1, f));
    for (const char *p = phones; *p; p++)
        for (int k = 0; k < 3; k++) {
            int16_t scores[N_SENONES];
            for (int i = 0; i < N_SENONES; i++) scores[i] = i == (*p - '0') * 3 + k ? 1 : 50;
            assert_true(fwrite(&n_senones, sizeof n_senones, 1, f) &&
                        fwrite(scores, sizeof scores, 1, f));
        }
    return f;
}

static void test_coarse__what_was_said__costs_least(void **state)
{
    struct lt_coarse *c = make();
    FILE *f = notes_of("01203", N_SENONES); /* silence, A B, silence, C */
    (void)state;
    assert_int_equal(lt_coarse_take(c, f), 15);
    assert_int_equal(lt_coarse_score(c, "ab c"), -15);
    assert_true(lt_coarse_score(c, "ac c") < -15);
    assert_true(lt_coarse_score(c, "ab") < -15);
    assert_true(lt_coarse_score(c, "ab b") < lt_coarse_score(c, "ab c"));
    assert_int_equal(lt_coarse_score(c, "ab c"), -15); /* nothing is left of the others */
    fclose(f);
    f = notes_of("2", N_SENONES);
    assert_int_equal(lt_coarse_take(c, f), 3);
    assert_int_equal(lt_coarse_score(c, "c"), -3); /* its second pronunciation */
    fclose(f);
    lt_coarse_free(c);
}

static void test_coarse__too_long_unknown_or_empty__no_score(void **state)
{
    char many[400] = "";
    struct lt_coarse *c = make();
    FILE *f = notes_of("12", N_SENONES);
    (void)state;
    assert_int_equal(lt_coarse_take(c, f), 6);
    assert_int_equal(lt_coarse_score(c, "ab ab"), 0); /* 12 states in 6 moments */
    assert_int_equal(lt_coarse_score(c, "nobody"), 0);
    assert_int_equal(lt_coarse_score(c, "odd"), 0);
    assert_int_equal(lt_coarse_score(c, ""), 0);
    assert_int_equal(lt_coarse_score(c, " ab"), 0);
    for (int i = 0; i < 65; i++) strcat(many, i ? " ab" : "ab");
    assert_int_equal(lt_coarse_score(c, many), 0);
    fclose(f);
    f = notes_of("12", N_SENONES - 1); /* only some of the senones: not to be compared */
    assert_int_equal(lt_coarse_take(c, f), 0);
    assert_int_equal(lt_coarse_score(c, "ab"), 0);
    fclose(f);
    f = tmpfile();
    assert_int_equal(lt_coarse_take(c, f), 0);
    fclose(f);
    lt_coarse_free(c);
}

static void test_coarse__other_models__unsupported(void **state)
{
    struct lt_coarse *c = NULL;
    (void)state;
    write_mdef("0.3\n", 3);
    assert_int_equal(lt_coarse_new(folder, say, NULL, &c), LT_ERR_UNSUPPORTED);
    write_mdef("BMDF", 5);
    assert_int_equal(lt_coarse_new(folder, say, NULL, &c), LT_ERR_UNSUPPORTED);
    assert_int_equal(lt_coarse_new("/nowhere", say, NULL, &c), LT_ERR_UNSUPPORTED);
    assert_null(c);
}

/* States: 0 begins, 1 ends. "ab" or "ac", then "b" or "c" or nothing; "nobody" cannot be said. */
static struct lt_arc some[] = {{0, 2, 0.5, "ab"}, {0, 2, 0.4, "ac"}, {0, 2, 0.1, "nobody"},
                               {2, 3, 1, NULL},   {3, 1, 0.5, "b"},  {3, 1, 0.25, "c"},
                               {3, 1, 0.25, NULL}};
static struct lt_arcs arcs = {.v = some, .n = 7, .cap = 7, .n_states = 4, .start = 0};

static void walk(struct lt_walk *w, struct lt_coarse *c, const char *phones, const char *expected)
{
    char words[LT_COMMANDS_TEXT_MAX];
    FILE *f = notes_of(phones, N_SENONES);
    assert_int_equal(lt_coarse_take(c, f), 3 * strlen(phones));
    assert_int_equal(lt_walk_find(w, words), LT_OK);
    assert_string_equal(words, expected);
    fclose(f);
}

static void test_walk__what_was_said__is_found_with_and_without_silence(void **state)
{
    struct lt_coarse *c = make();
    struct lt_walk *w = NULL;
    (void)state;
    assert_int_equal(lt_walk_new(&arcs, c, 1, &w), LT_OK);
    walk(w, c, "12", "ab");
    walk(w, c, "13", "ac");
    walk(w, c, "012030", "ab c");
    walk(w, c, "133", "ac c");
    walk(w, c, "0130020", "ac b"); /* "c" can be said so too, and is said less often */
    walk(w, c, "12", "ab");        /* nothing is left of the others */
    walk(w, c, "1", "");           /* no word is so short */
    walk(w, c, "", "");
    lt_walk_free(w);
    lt_coarse_free(c);
}

static void test_walk__what_is_said_more_often__wins_where_the_sound_is_alike(void **state)
{
    struct lt_coarse *c = make();
    struct lt_walk *w = NULL;
    (void)state;
    assert_int_equal(lt_walk_new(&arcs, c, 1000, &w), LT_OK);
    walk(w, c, "13", "ab"); /* by what it is worth to be said more often */
    lt_walk_free(w);
    lt_coarse_free(c);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[100];
    (void)state;
    snprintf(path, sizeof path, "%s/mdef", folder);
    remove(path);
    return remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coarse__what_was_said__costs_least),
        cmocka_unit_test(test_coarse__too_long_unknown_or_empty__no_score),
        cmocka_unit_test(test_coarse__other_models__unsupported),
        cmocka_unit_test(test_walk__what_was_said__is_found_with_and_without_silence),
        cmocka_unit_test(test_walk__what_is_said_more_often__wins_where_the_sound_is_alike),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
