/* Tokenizer: the same ids as SentencePiece, every byte survives, training and encoder agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "san/bpe_train.h"
#include "san/rand.h"
#include "san/tokenizer.h"

#define CAP 8192

static int32_t ids[CAP];
static struct san_span spans[CAP];

static int tokenize(const struct san_tokenizer *t, struct san_tok_work *w, const char *s, size_t n,
                    unsigned flags)
{
    int n_ids = san_tokenize(t, w, s, n, flags, ids, spans, CAP);
    assert_in_range(n_ids, 0, CAP);
    uint32_t at = 0;
    for (int i = 0; i < n_ids; i++) { /* in order, inside, not overlapping */
        assert_true(spans[i].begin >= at && spans[i].begin <= spans[i].end && spans[i].end <= n);
        at = spans[i].end;
    }
    return n_ids;
}

/* ---- parity ---- */

static void check_fixture(const char *name, int n_lines_expected)
{
    char path[512];
    struct lt_diag diag = {0};
    struct san_tokenizer *t = NULL;
    struct san_tok_work w = {0};
    snprintf(path, sizeof path, "%s/%s.gguf", TEST_DATA_DIR, name);
    assert_int_equal(san_tokenizer_load(path, &t, &diag), LT_OK);
    snprintf(path, sizeof path, "%s/%s.jsonl", TEST_DATA_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int n_lines = 0;
    json_t *line;
    while ((line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL))) {
        const char *text = json_string_value(json_object_get(line, "text"));
        const json_t *want = json_object_get(line, "ids");
        int n = tokenize(t, &w, text, strlen(text), 0);
        int is_same = (size_t)n == json_array_size(want);
        for (int i = 0; is_same && i < n; i++)
            is_same = ids[i] == (int32_t)json_integer_value(json_array_get(want, (size_t)i));
        if (!is_same) {
            fprintf(stderr, "%s line %d: %s\n", name, n_lines + 1, text);
            for (int i = 0; i < n; i++) fprintf(stderr, "%d ", (int)ids[i]);
            fprintf(stderr, "\n");
        }
        assert_true(is_same);
        json_decref(line);
        n_lines++;
    }
    assert_int_equal(n_lines, n_lines_expected);
    fclose(f);
    san_tok_work_free(&w);
    san_tokenizer_free(t);
}

static void test_tokenize__vocabulary_with_bytes__gives_sentencepieces_ids(void **state)
{
    (void)state;
    check_fixture("sentencepiece-bytes", 1000);
}

static void test_tokenize__vocabulary_without_bytes__gives_sentencepieces_ids(void **state)
{
    (void)state;
    check_fixture("sentencepiece-plain", 500);
}

/* ---- a vocabulary of our own ---- */

static const char *const words[] = {
    "turn",   "on",     "off",   "the",    "kitchen", "light",  "living", "room",   "set",
    "dim",    "bright", "ness",  "heater", "heating", "please", "window", "blinds", "thermostat",
    "wetter", "lampe",  "küche", "żółw",   "señor",   "abcab",  "bcabc",  "cabca",  "aaaaa"};
#define N_WORDS (sizeof words / sizeof words[0])

static size_t sentence(struct san_rand *r, char *out, size_t cap)
{
    size_t n = 0;
    int count = 1 + (int)san_rand_below(r, 9);
    for (int i = 0; i < count; i++) {
        size_t k = san_rand_below(r, N_WORDS);
        if (san_rand_below(r, 2)) k = san_rand_below(r, k + 1);
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? " " : "", words[k]);
        if (san_rand_below(r, 4) == 0) /* the words also as parts of longer ones */
            n += (size_t)snprintf(out + n, cap - n, "%s", words[san_rand_below(r, N_WORDS)]);
    }
    return n;
}

static const struct san_bpe_special specials[] = {
    {"<pad>", SAN_TOKEN_CONTROL}, {"<eos>", SAN_TOKEN_CONTROL}, {"<tools>", SAN_TOKEN_USER}};

static struct san_tokenizer *train(int n_vocab, int n_lines, int has_camel_and_numbers)
{
    struct san_bpe_options o = san_bpe_options_default();
    struct san_bpe_trainer *tr = NULL;
    struct san_tokenizer *t = NULL;
    struct san_rand r;
    struct lt_diag diag = {0};
    char line[1024];
    o.n_vocab = n_vocab;
    o.specials = specials;
    o.n_specials = 3;
    o.pad = "<pad>";
    o.eos = "<eos>";
    assert_int_equal(san_bpe_trainer_new(&o, &tr, &diag), LT_OK);
    san_rand_seed(&r, 3);
    for (int i = 0; i < n_lines; i++) {
        size_t n = sentence(&r, line, sizeof line);
        assert_int_equal(san_bpe_trainer_add(tr, line, n, 1), LT_OK);
        if (!has_camel_and_numbers) continue;
        n = (size_t)snprintf(line, sizeof line, "HassTurnOn living_room.light 2025 (on): it's %d%%",
                             i % 100);
        assert_int_equal(san_bpe_trainer_add(tr, line, n, 1), LT_OK);
    }
    enum lt_err err = san_bpe_trainer_finish(tr, &t, &diag);
    if (err) fprintf(stderr, "%s\n", diag.text);
    assert_int_equal(err, LT_OK);
    san_bpe_trainer_free(tr);
    return t;
}

static void check_round_trip(const struct san_tokenizer *t, struct san_tok_work *w, const char *s,
                             size_t n)
{
    char back[8192];
    int n_ids = tokenize(t, w, s, n, 0);
    assert_int_equal(san_detokenize(t, ids, (size_t)n_ids, back, sizeof back), n);
    assert_memory_equal(back, s, n);
}

static void test_tokenize__any_bytes__survive_the_round_trip(void **state)
{
    (void)state;
    struct san_tokenizer *t = train(700, 300, 1);
    struct san_tok_work w = {0};
    struct san_rand r;
    char s[600];
    san_rand_seed(&r, 5);
    for (int round = 0; round < 3000; round++) {
        size_t n = 0, want = san_rand_below(&r, 120);
        int is_random = round % 3 == 0;
        while (n < want) {
            uint32_t c = (uint32_t)san_rand_below(&r, round % 3 == 1 ? 0x250 : 0x20000);
            if (c == 0x2581 || (c >= 0xd800 && c < 0xe000)) c = ' ';
            if (is_random) { /* mostly not UTF-8; never the space mark itself */
                s[n++] = (char)(c & 0xff);
                if (n > 2 && memcmp(s + n - 3, "\xe2\x96\x81", 3) == 0) n--;
            } else if (c < 0x80) {
                s[n++] = (char)c;
            } else if (c < 0x800) {
                s[n++] = (char)(0xc0 | c >> 6);
                s[n++] = (char)(0x80 | (c & 63));
            } else if (c < 0x10000) {
                s[n++] = (char)(0xe0 | c >> 12);
                s[n++] = (char)(0x80 | (c >> 6 & 63));
                s[n++] = (char)(0x80 | (c & 63));
            } else {
                s[n++] = (char)(0xf0 | c >> 18);
                s[n++] = (char)(0x80 | (c >> 12 & 63));
                s[n++] = (char)(0x80 | (c >> 6 & 63));
                s[n++] = (char)(0x80 | (c & 63));
            }
        }
        check_round_trip(t, &w, s, n);
    }
    check_round_trip(t, &w, "  two  spaces ", 14);
    check_round_trip(t, &w, "<tools> and <eos>", 17);
    san_tok_work_free(&w);
    san_tokenizer_free(t);
}

static void test_train__pieces__never_cross_a_cut(void **state)
{
    (void)state;
    struct san_tokenizer *t = train(700, 300, 1);
    struct san_tok_work w = {0};
    for (int id = 3 + 256; id < san_tokenizer_n_vocab(t); id++) {
        const char *p = san_token_piece(t, id);
        size_t n = strlen(p);
        for (size_t i = 0; i + 1 < n; i++) {
            int a = (uint8_t)p[i], b = (uint8_t)p[i + 1];
            int is_low = a >= 'a' && a <= 'z', is_up = b >= 'A' && b <= 'Z';
            assert_false(is_low && is_up);
            if (a < 0x80 || b < 0x80) { /* ASCII in a longer piece is letters alone */
                int x = a < 0x80 ? a : b;
                assert_true((x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z'));
            }
        }
        assert_null(n > 3 ? strstr(p + 1, "\xe2\x96\x81") : NULL);
    }
    /* a word of the text is one piece, also inside a name */
    assert_true(san_token_id(t, "\xe2\x96\x81light") >= 0 && san_token_id(t, "room") >= 0);
    assert_int_equal(tokenize(t, &w, "2025", 4, 0), 5); /* mark, 2, 0, 2, 5 */
    san_tok_work_free(&w);
    san_tokenizer_free(t);
}

/* A tokenizer with the first k learnt pieces of `t`. */
static struct san_tokenizer *prefix_of(const struct san_tokenizer *t, int n_learnt, int k)
{
    int n = 0, n_all = san_tokenizer_n_vocab(t);
    struct san_gguf_str *text = calloc((size_t)n_all, sizeof *text);
    float *score = calloc((size_t)n_all, sizeof *score);
    int32_t *type = calloc((size_t)n_all, sizeof *type);
    struct san_tokenizer *out = NULL;
    assert_true(text && score && type);
    for (int id = 0; id < n_all; id++) {
        if (id >= 259 + k && id < 259 + n_learnt) continue;
        const char *p = san_token_piece(t, id);
        text[n] = (struct san_gguf_str){p, strlen(p)};
        score[n] = san_token_score(t, id);
        type[n++] = (int32_t)san_token_type(t, id);
    }
    struct san_vocab v = {.n = n,
                          .text = text,
                          .score = score,
                          .type = type,
                          .add_space_prefix = 1,
                          .bos = -1,
                          .eos = -1,
                          .pad = -1};
    assert_int_equal(san_tokenizer_new(&v, &out, NULL), LT_OK);
    free(text);
    free(score);
    free(type);
    return out;
}

/* The definition of BPE, by brute force: with the first k pieces the text is cut by the encoder,
 * and piece k+1 must join the commonest pair of that. */
static void test_train__every_piece__joins_the_commonest_pair_of_the_encoders_cut(void **state)
{
    (void)state;
    enum { N_LINES = 60, MAX_PAIRS = 20000 };
    struct san_tokenizer *t = train(500, N_LINES, 0);
    int n_chars = 0, n_all = san_tokenizer_n_vocab(t);
    for (int id = 259; id < n_all; id++) { /* characters come last */
        const uint8_t *p = (const uint8_t *)san_token_piece(t, id);
        int n_leads = 0;
        for (; *p; p++) n_leads += (*p & 0xc0) != 0x80;
        n_chars += n_leads == 1;
    }
    int n_learnt = n_all - 259 - n_chars;
    assert_in_range(n_learnt, 60, 200);
    struct pair {
        int32_t left, right;
        int count;
    } *pairs = malloc(MAX_PAIRS * sizeof *pairs);
    assert_non_null(pairs);
    struct san_tok_work w = {0};
    for (int k = 0; k < n_learnt; k++) {
        struct san_tokenizer *tk = prefix_of(t, n_learnt, k);
        struct san_rand r;
        char line[1024], joined[256];
        int n_pairs = 0, best = 0, best_of_piece = 0;
        san_rand_seed(&r, 3); /* the training text once more */
        for (int i = 0; i < N_LINES; i++) {
            int n = tokenize(tk, &w, line, sentence(&r, line, sizeof line), 0);
            for (int x = 0; x + 1 < n; x++) {
                const char *b = san_token_piece(tk, ids[x + 1]);
                if (san_token_type(tk, ids[x]) != SAN_TOKEN_NORMAL ||
                    san_token_type(tk, ids[x + 1]) != SAN_TOKEN_NORMAL ||
                    strncmp(b, "\xe2\x96\x81", 3) == 0)
                    continue;
                int p = 0;
                while (p < n_pairs && (pairs[p].left != ids[x] || pairs[p].right != ids[x + 1]))
                    p++;
                assert_true(p < MAX_PAIRS);
                if (p == n_pairs) pairs[n_pairs++] = (struct pair){ids[x], ids[x + 1], 0};
                pairs[p].count++;
            }
        }
        const char *piece = san_token_piece(t, 259 + k);
        for (int p = 0; p < n_pairs; p++) {
            snprintf(joined, sizeof joined, "%s%s", san_token_piece(tk, pairs[p].left),
                     san_token_piece(tk, pairs[p].right));
            assert_int_equal(san_token_id(tk, joined), -1); /* else the encoder stopped early */
            if (pairs[p].count > best && strlen(joined) <= 16) best = pairs[p].count;
            if (strcmp(joined, piece) == 0 && pairs[p].count > best_of_piece)
                best_of_piece = pairs[p].count;
        }
        assert_true(best > 0);
        assert_true(best_of_piece >= best);
        san_tokenizer_free(tk);
    }
    free(pairs);
    san_tok_work_free(&w);
    san_tokenizer_free(t);
}

static void test_train__bad_options__are_named(void **state)
{
    (void)state;
    struct san_bpe_trainer *tr = NULL;
    struct san_tokenizer *t = NULL;
    struct lt_diag diag = {0};
    struct san_bpe_options o = san_bpe_options_default();
    o.eos = "<eos>";
    assert_int_equal(san_bpe_trainer_new(&o, &tr, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "<eos>"));
    o = san_bpe_options_default();
    o.n_vocab = 300; /* 256 bytes and 95 characters do not fit */
    memset(&diag, 0, sizeof diag);
    assert_int_equal(san_bpe_trainer_new(&o, &tr, &diag), LT_OK);
    assert_int_equal(san_bpe_trainer_finish(tr, &t, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "351"));
    san_bpe_trainer_free(tr);
}

/* ---- specials, prefixes, limits ---- */

static void test_tokenize__special_text__is_found_only_when_allowed(void **state)
{
    (void)state;
    struct san_tokenizer *t = train(500, 60, 0);
    struct san_tok_work w = {0};
    int eos = san_token_id(t, "<eos>"), tools = san_token_id(t, "<tools>");
    const char *s = "on<tools><eos>";
    int n = tokenize(t, &w, s, strlen(s), SAN_TOKENIZE_CONTROL);
    assert_true(n >= 3 && ids[n - 1] == eos && ids[n - 2] == tools);
    assert_true(spans[n - 2].begin == 2 && spans[n - 2].end == 9);
    n = tokenize(t, &w, s, strlen(s), 0);
    int n_tools = 0;
    for (int i = 0; i < n; i++) {
        assert_int_not_equal(ids[i], eos);
        n_tools += ids[i] == tools;
    }
    assert_int_equal(n_tools, 1);
    n = tokenize(t, &w, s, strlen(s), SAN_TOKENIZE_NO_USER);
    for (int i = 0; i < n; i++) assert_int_not_equal(ids[i], tools);
    int with = tokenize(t, &w, "on", 2, 0);
    assert_true(with == 1 && ids[0] == san_token_id(t, "\xe2\x96\x81on"));
    tokenize(t, &w, "on", 2, SAN_TOKENIZE_NO_PREFIX);
    assert_int_equal(ids[0], san_token_id(t, "on"));
    san_tok_work_free(&w);
    san_tokenizer_free(t);
}

static void test_tokenize__short_output_and_long_text__keep_to_their_limits(void **state)
{
    (void)state;
    struct san_tokenizer *t = train(500, 60, 0);
    struct san_tok_work w = {0};
    int32_t few[3] = {-9, -9, -9};
    int n = san_tokenize(t, &w, "zq zq zq", 8, 0, few, NULL, 2);
    assert_true(n > 2 && few[0] >= 0 && few[1] >= 0 && few[2] == -9);
    const void *mem = w.mem;
    assert_true(san_tokenize(t, &w, "zq zq", 5, 0, few, NULL, 2) > 0);
    assert_ptr_equal(w.mem, mem); /* the workspace is reused */
    char *big = malloc(SAN_TOKENIZE_MAX_BYTES + 1);
    assert_non_null(big);
    memset(big, 'a', SAN_TOKENIZE_MAX_BYTES + 1);
    assert_int_equal(san_tokenize(t, &w, big, SAN_TOKENIZE_MAX_BYTES + 1, 0, few, NULL, 2),
                     -LT_ERR_LIMIT);
    assert_true(san_tokenize(t, &w, big, SAN_TOKENIZE_MAX_BYTES, 0, few, NULL, 2) > 1000);
    free(big);
    char out[4];
    assert_int_equal(tokenize(t, &w, "kitchen", 7, 0) > 0, 1);
    assert_int_equal(san_detokenize(t, ids, (size_t)tokenize(t, &w, "kitchen", 7, 0), out, 4), 7);
    assert_string_equal(out, "kit");
    san_tok_work_free(&w);
    san_tokenizer_free(t);
}

static void test_save__and_load__give_the_same_tokenizer(void **state)
{
    (void)state;
    struct san_tokenizer *a = train(500, 60, 1), *b = NULL;
    struct lt_diag diag = {0};
    char path[] = "/tmp/test_tokenizer_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(san_tokenizer_save(a, path, &diag), LT_OK);
    assert_int_equal(san_tokenizer_load(path, &b, &diag), LT_OK);
    assert_int_equal(san_tokenizer_n_vocab(a), san_tokenizer_n_vocab(b));
    for (int i = 0; i < san_tokenizer_n_vocab(a); i++) {
        assert_string_equal(san_token_piece(a, i), san_token_piece(b, i));
        assert_true(san_token_score(a, i) == san_token_score(b, i));
        assert_int_equal(san_token_type(a, i), san_token_type(b, i));
    }
    assert_int_equal(san_tokenizer_eos(b), 1);
    assert_int_equal(san_tokenizer_pad(b), 0);
    assert_int_equal(san_tokenizer_bos(b), -1);
    assert_int_equal(san_tokenizer_adds_prefix(b), 1);
    unlink(path);
    san_tokenizer_free(a);
    san_tokenizer_free(b);
}

static void test_new__bad_vocabularies__are_refused_by_piece(void **state)
{
    (void)state;
    static const struct {
        const char *text[3];
        int32_t type[3];
        const char *complaint;
    } rows[] = {
        {{"<unk>", "a", "a"}, {2, 1, 1}, "twice"},
        {{"<unk>", "a", ""}, {2, 1, 1}, "empty"},
        {{"<unk>", "a", "\xff"}, {2, 1, 1}, "UTF-8"},
        {{"<unk>", "a", "<0xZZ>"}, {2, 1, 6}, "<0x00>"},
        {{"<unk>", "a", "b"}, {2, 1, 9}, "type 9"},
        {{"c", "a", "b"}, {1, 1, 1}, "unknown piece"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_gguf_str text[3];
        float score[3] = {0};
        struct lt_diag diag = {0};
        struct san_tokenizer *t = NULL;
        for (int k = 0; k < 3; k++)
            text[k] = (struct san_gguf_str){rows[i].text[k], strlen(rows[i].text[k])};
        struct san_vocab v = {.n = 3,
                              .text = text,
                              .score = score,
                              .type = rows[i].type,
                              .bos = -1,
                              .eos = -1,
                              .pad = -1};
        assert_int_equal(san_tokenizer_new(&v, &t, &diag), LT_ERR_INVALID);
        assert_non_null(strstr(diag.text, rows[i].complaint));
        assert_null(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenize__vocabulary_with_bytes__gives_sentencepieces_ids),
        cmocka_unit_test(test_tokenize__vocabulary_without_bytes__gives_sentencepieces_ids),
        cmocka_unit_test(test_tokenize__any_bytes__survive_the_round_trip),
        cmocka_unit_test(test_train__pieces__never_cross_a_cut),
        cmocka_unit_test(test_train__every_piece__joins_the_commonest_pair_of_the_encoders_cut),
        cmocka_unit_test(test_train__bad_options__are_named),
        cmocka_unit_test(test_tokenize__special_text__is_found_only_when_allowed),
        cmocka_unit_test(test_tokenize__short_output_and_long_text__keep_to_their_limits),
        cmocka_unit_test(test_save__and_load__give_the_same_tokenizer),
        cmocka_unit_test(test_new__bad_vocabularies__are_refused_by_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
