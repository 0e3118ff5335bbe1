/* Mistyped words read as they were meant, and the list of known words behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "respell.h"
#include "san/known_count.h"
#include "san/tokenizer.h"
#include "tiny_lang.h"

static struct san_tokenizer *tokenizer;
static struct san_pieces pieces;
static struct san_plan plan;
static struct san_known *known;

static struct san_known *list_of(const char *const *words, size_t n)
{
    struct san_gguf_str text[64];
    struct san_known *k = NULL;
    struct lt_diag diag = {0};
    assert_in_range(n, 0, 64);
    for (size_t i = 0; i < n; i++) text[i] = (struct san_gguf_str){words[i], strlen(words[i])};
    if (san_known_new(text, n, &k, &diag)) fail_msg("%s", diag.text);
    return k;
}

static const char *const words[] = {"turn",   "the", "light", "set",   "off",   "dim",
                                    "rewind", "one", "honey", "money", "volume"};
#define N_WORDS (sizeof words / sizeof *words)

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    tokenizer = tiny_tokenizer(700, NULL);
    known = list_of(words, N_WORDS);
    json_t *catalog =
        tiny_json("{\"tools\":[{\"name\":\"set_timer\",\"description\":\"Remind somebody.\","
                  "\"parameters\":{\"type\":\"object\",\"properties\":{\"remind\":{\"type\":"
                  "\"string\"}}}}],\"home\":{\"areas\":[{\"name\":\"Kitchen\"}],\"entities\":["
                  "{\"id\":\"light.a\",\"name\":\"Ceiling Light\",\"area\":\"Kitchen\","
                  "\"domain\":\"light\"}]}}");
    int bad = san_pieces_init(&pieces, tokenizer, SAN_GRAMMAR, &diag) ||
              san_plan_init(&plan, &pieces, catalog, &diag);
    json_decref(catalog);
    return bad;
}

static int teardown(void **state)
{
    (void)state;
    san_plan_fini(&plan);
    san_known_free(known);
    san_tokenizer_free(tokenizer);
    return 0;
}

static const char *mended(const char *text)
{
    static char out[4096];
    struct san_word w[SAN_WORDS_MAX];
    int n = san_words(text, strlen(text), w, SAN_WORDS_MAX);
    memset(out, '#', sizeof out); /* nothing beyond the promised room is touched */
    int k = san__respell(known, &plan, text, w, n, out);
    for (size_t i = strlen(text) + SAN_RESPELL_MAX + 1; i < sizeof out; i++)
        assert_int_equal(out[i], '#');
    return k ? out : text;
}

static void test_respell__each_kind_of_mistake__mended(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"turn off the kitchne light", "turn off the kitchen light"},  /* exchanged */
        {"turn off the kiitchen light", "turn off the kitchen light"}, /* one too many */
        {"turn off the kichen light", "turn off the kitchen light"},   /* missing */
        {"turn off the kitchem light", "turn off the kitchen light"},  /* wrong */
        {"Turn off the Kichen light.", "Turn off the kitchen light."}, /* a capital of the home */
        {"trun off the cieling ligth", "turn off the ceiling light"},  /* three in one sentence */
        {"set the volme to 20%", "set the volume to 20%"},             /* known, not in the home */
        {"KICHEN LIGHTT OFF", "kitchen light OFF"},                    /* all in capitals */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(mended(cases[i][0]), cases[i][1]);
}

static void test_respell__word_that_is_one__stays(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "rewind the light",        /* known, though the catalogue has "remind" */
        "the honey light",         /* known, though "money" is near */
        "dimming dimmed the dims", /* known with an ending */
        "the kitchens lights",     /* the catalogue's, in the plural */
        "play Volumn by Moneyy",   /* names: only the catalogue is looked at */
        "onn teh",                 /* too short */
        "set K\xc3\xbc"
        "chen",                      /* not of a to z */
        "set kitch3n off",           /* digits part it */
        "completely unheard things", /* nothing is near */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(mended(cases[i]), cases[i]);
}

static void test_respell__no_list_or_many_mistakes__bounded(void **state)
{
    (void)state;
    struct san_word w[SAN_WORDS_MAX];
    char out[64];
    const char *text = "kichen";
    assert_int_equal(san__respell(NULL, &plan, text, w, san_words(text, 6, w, 512), out), 0);
    /* all but SAN_RESPELL_MAX stay */
    char many[200] = "", want[200] = "";
    for (int i = 0; i < SAN_RESPELL_MAX + 4; i++) {
        strcat(many, "kichen ");
        strcat(want, i < SAN_RESPELL_MAX ? "kitchen " : "kichen ");
    }
    assert_string_equal(mended(many), want);
    char longest[2048];
    memset(longest, 'k', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_string_equal(mended(longest), longest);
}

/* What is copied from the utterance is copied as it was typed; what is compared is what was meant. */
static void test_utterance__mistyped__read_as_meant_and_copied_as_typed(void **state)
{
    (void)state;
    struct san_utterance typed, meant;
    struct lt_diag diag = {0};
    san_utterance_init(&typed);
    san_utterance_init(&meant);
    san_tokenizer_set_known(tokenizer, list_of(words, N_WORDS));
    const char *text = "turn the kichen light off";
    assert_int_equal(san_utterance_set(&typed, &pieces, &plan, text, "", &diag), LT_OK);
    assert_int_equal(
        san_utterance_set(&meant, &pieces, &plan, "turn the kitchen light off", "", &diag), LT_OK);
    assert_int_equal(typed.n_tok, meant.n_tok);
    assert_memory_equal(typed.tok, meant.tok, (size_t)meant.n_tok * sizeof *meant.tok);
    assert_memory_equal(typed.flag, meant.flag, (size_t)meant.n_tok * sizeof *meant.flag);
    size_t n = (size_t)plan.home->n_items * SAN_N_FEAT;
    assert_memory_equal(typed.home_feat, meant.home_feat, n * sizeof *meant.home_feat);
    assert_ptr_equal(typed.text, text);
    assert_int_equal(typed.words[2].end - typed.words[2].begin, 6);
    assert_int_equal(typed.words[4].begin, 22);
    san_tokenizer_set_known(tokenizer, NULL);
    assert_int_equal(san_utterance_set(&typed, &pieces, &plan, text, "", &diag), LT_OK);
    assert_true(typed.n_tok != meant.n_tok ||
                memcmp(typed.tok, meant.tok, (size_t)meant.n_tok * sizeof *meant.tok));
    san_utterance_fini(&typed);
    san_utterance_fini(&meant);
}

static void test_known__list__ranks_and_survives_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/lintel-known-XXXXXX";
    int fd = mkstemp(path);
    struct lt_diag diag = {0};
    struct san_tokenizer *t = NULL;
    assert_true(fd >= 0);
    for (size_t i = 0; i < N_WORDS; i++)
        assert_int_equal(san_known_rank(known, words[i], strlen(words[i])), (int)i);
    assert_int_equal(san_known_rank(known, "lights", 6), -1);
    assert_int_equal(san_known_rank(known, "", 0), -1);
    assert_int_equal(san_known_rank(NULL, "turn", 4), -1);
    san_tokenizer_set_known(tokenizer, list_of(words, N_WORDS));
    assert_int_equal(san_tokenizer_save(tokenizer, path, &diag), LT_OK);
    if (san_tokenizer_load(path, &t, &diag)) fail_msg("%s", diag.text);
    assert_int_equal(san_known_count(san_tokenizer_known(t)), (int)N_WORDS);
    for (size_t i = 0; i < N_WORDS; i++)
        assert_string_equal(san_known_word(san_tokenizer_known(t), (int)i), words[i]);
    san_tokenizer_free(t);
    san_tokenizer_set_known(tokenizer, NULL);
    close(fd);
    unlink(path);
}

static void test_known__bad_lists__refused(void **state)
{
    (void)state;
    struct san_known *k = NULL;
    struct lt_diag diag = {0};
    const struct san_gguf_str twice[] = {{"turn", 4}, {"turn", 4}}, empty[] = {{"", 0}},
                              zero[] = {{"a\0b", 3}},
                              longest[] = {{"abcdefghijklmnopqrstuvwxyzabcdef", 32}};
    assert_int_equal(san_known_new(twice, 2, &k, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "\"turn\" twice"));
    assert_int_equal(san_known_new(empty, 1, &k, &diag), LT_ERR_INVALID);
    assert_int_equal(san_known_new(zero, 1, &k, &diag), LT_ERR_INVALID);
    assert_int_equal(san_known_new(longest, 1, &k, &diag), LT_ERR_INVALID);
    assert_int_equal(san_known_new(NULL, SAN_KNOWN_MAX + 1, &k, &diag), LT_ERR_LIMIT);
    assert_null(k);
}

static void test_known_count__generated_cases__frequent_words_and_nothing_odd(void **state)
{
    (void)state;
    struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                .seed = 3};
    struct san_known *k = NULL;
    struct lt_diag diag = {0};
    if (san_known_count_words(&o, 4000, &k, &diag)) fail_msg("%s", diag.text);
    int n = san_known_count(k), the = san_known_rank(k, "the", 3);
    assert_in_range(the, 0, 3);
    assert_true(san_known_rank(k, "light", 5) > the);
    assert_true(n > 500);
    for (int i = 0; i < n; i++) {
        const char *w = san_known_word(k, i);
        assert_int_equal(strspn(w, "abcdefghijklmnopqrstuvwxyz"), strlen(w));
        assert_true(strlen(w) >= 3);
    }
    san_known_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_respell__each_kind_of_mistake__mended),
        cmocka_unit_test(test_respell__word_that_is_one__stays),
        cmocka_unit_test(test_respell__no_list_or_many_mistakes__bounded),
        cmocka_unit_test(test_utterance__mistyped__read_as_meant_and_copied_as_typed),
        cmocka_unit_test(test_known__list__ranks_and_survives_the_file),
        cmocka_unit_test(test_known__bad_lists__refused),
        cmocka_unit_test(test_known_count__generated_cases__frequent_words_and_nothing_odd),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
