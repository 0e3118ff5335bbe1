/* tiny_lang.h - a small vocabulary and the sample cases, for tests of what stands above the tokenizer.
 *
 * The vocabulary is learnt as `lintel tokenize` does it (the special pieces first, folded text)
 * from the queries of tests/data/generate, in a fraction of a second. Everything here aborts on
 * failure: it is a precondition of a test, not its subject. */
#ifndef TINY_LANG_H
#define TINY_LANG_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "san/bpe_train.h"
#include "san/data.h"
#include "san/lex.h"
#include "san/pieces.h"
#include "san/tokenizer.h"

static const char *const tiny_files[] = {
    "car-own",         "clinc150",    "ha-generic",  "ha-negatives", "ha-templates",
    "ha-two-commands", "home-llm-de", "home-llm-en", "hwu64",        "slurp-devel"};
#define TINY_N_FILES (sizeof tiny_files / sizeof tiny_files[0])

static inline void tiny_check(enum lt_err err, const struct lt_diag *diag)
{
    if (!err) return;
    fprintf(stderr, "%s\n", lt_diag_text(diag, err));
    abort();
}

/* All sample cases in the full form; *lookup owns what they share and outlives them. */
static inline struct san_cases tiny_cases(struct san_lookup **lookup)
{
    struct san_cases cases = {0};
    struct san_data_report report = {0};
    struct lt_diag diag = {0};
    tiny_check(san_lookup_new(SOURCE_DIR "/engine/data/tools.json",
                              SOURCE_DIR "/engine/data/homes.jsonl.gz", lookup, &diag),
               &diag);
    for (size_t i = 0; i < TINY_N_FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/generate/%s.jsonl", TEST_DATA_DIR, tiny_files[i]);
        tiny_check(san_cases_load(&cases, path, 0, *lookup, &report, &diag), &diag);
    }
    if (report.n_bad || cases.n < 200) abort();
    return cases;
}

/* A vocabulary of about n pieces. `without` (may be NULL) is a special piece to leave out. */
static inline struct san_tokenizer *tiny_tokenizer(int n, const char *without)
{
    struct san_bpe_special specials[128] = {
        {"<unk>", SAN_TOKEN_UNKNOWN}, {"<s>", SAN_TOKEN_CONTROL}, {"</s>", SAN_TOKEN_CONTROL}};
    int n_pieces = 0, k = 3;
    const char *const *pieces = san_pieces_list(&n_pieces);
    for (int i = 0; i < n_pieces; i++)
        if (!without || strcmp(without, pieces[i]))
            specials[k++] = (struct san_bpe_special){pieces[i], SAN_TOKEN_CONTROL};
    struct san_bpe_options o = san_bpe_options_default();
    o.n_vocab = n;
    o.specials = specials;
    o.n_specials = k;
    o.bos = "<s>";
    o.eos = "</s>";
    o.add_space_prefix = 1;
    struct san_bpe_trainer *t = NULL;
    struct san_tokenizer *tokenizer = NULL;
    struct san_lookup *lookup = NULL;
    struct lt_diag diag = {0};
    struct san_cases cases = tiny_cases(&lookup);
    tiny_check(san_bpe_trainer_new(&o, &t, &diag), &diag);
    for (size_t i = 0; i < cases.n; i++) {
        const char *query = json_string_value(json_object_get(cases.p[i], "query"));
        size_t len = strlen(query);
        char folded[SAN_DATA_QUERY_MAX_BYTES + 1];
        san_fold(query, len, folded);
        tiny_check(san_bpe_trainer_add(t, folded, len, 1), &diag);
    }
    for (int i = 0; i < 200; i++)
        tiny_check(san_bpe_trainer_add(t, SAN_SPELL_ALPHABET, strlen(SAN_SPELL_ALPHABET), 1),
                   &diag);
    tiny_check(san_bpe_trainer_finish(t, &tokenizer, &diag), &diag);
    san_bpe_trainer_free(t);
    san_cases_free(&cases);
    san_lookup_free(lookup);
    return tokenizer;
}

/* JSON with ' for ", so that it reads well in C. New reference. */
static inline json_t *tiny_json(const char *text)
{
    size_t n = strlen(text);
    char *copy = malloc(n + 1);
    json_error_t e;
    if (!copy) abort();
    for (size_t i = 0; i <= n; i++) copy[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    json_t *j = json_loads(copy, JSON_DECODE_ANY, &e);
    if (!j) {
        fprintf(stderr, "%s\n%s at %d\n", text, e.text, e.position);
        abort();
    }
    free(copy);
    return j;
}

#endif
