/* cmd_tokenize.c - `lintel tokenize`: learn a vocabulary, or show how a text is cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "san/bpe_train.h"
#include "san/generate.h"
#include "san/known_count.h"
#include "san/lex.h"
#include "san/pieces.h"

enum {
    OPT_OUT,
    OPT_VOCAB,
    OPT_CASES,
    OPT_DATA,
    OPT_TREE,
    OPT_MIX,
    OPT_SEED,
    OPT_MODEL,
    OPT_WORDS_FOR,
    OPT_SHOW,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_OUT] = {"out", 'o', "FILE", "vocabulary to write (GGUF)"},
    [OPT_VOCAB] = {"vocab", 0, "N", "size (default 4096)"},
    [OPT_CASES] = {"cases", 0, "N", "generated cases to learn from (default 40000; 0: none)"},
    [OPT_DATA] = {"data", 0, "DIR", "folder of data files for the generator"},
    [OPT_TREE] = {"tree", 0, "DIR", "the tree's own data (default engine/data)"},
    [OPT_MIX] = {"mix", 0, "FILE", "table of sources (default engine/train/mix.json)"},
    [OPT_SEED] = {"seed", 0, "N", "of the generator (default 1)"},
    [OPT_MODEL] = {"model", 0, "FILE", "with --show: whose vocabulary"},
    [OPT_WORDS_FOR] = {"words-for", 0, "FILE",
                       "add the known words to this vocabulary (default 400000 cases)"},
    [OPT_SHOW] = {"show", 0, "TEXT", "print the tokens of TEXT"},
};
static const struct lt_cli_spec spec = {
    "lintel tokenize --out FILE [options] [TEXTFILE...], or --model FILE --show TEXT",
    "Learn a BPE vocabulary with byte fallback from text files and from generated cases, and "
    "write\n"
    "it as a GGUF; or show how a text is cut.",
    options, N_OPTIONS};

#define MAX_SPECIALS 128
#define WORD_CASES   400000 /* cases that known words are counted in */

/* Learn from every line of f, folded to lower case as the network's texts are. */
static enum lt_err add_lines(struct san_bpe_trainer *t, FILE *f)
{
    char *line = NULL, *folded = NULL;
    size_t cap = 0;
    ssize_t n;
    enum lt_err err = LT_OK;
    while (!err && (n = getline(&line, &cap, f)) >= 0) {
        char *p = realloc(folded, cap + 1);
        if (!p) {
            err = LT_ERR_NOMEM;
            break;
        }
        folded = p;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
        san_fold(line, (size_t)n, folded);
        err = san_bpe_trainer_add(t, folded, (size_t)n, 1);
    }
    free(line);
    free(folded);
    return err;
}

static enum lt_err add_generated(struct san_bpe_trainer *t, const struct san_gen_options *o,
                                 uint64_t n_cases, struct lt_diag *diag)
{
    struct san_gen *g = NULL;
    FILE *f = tmpfile();
    if (!f) return lt_fail_errno(diag, "cannot make a temporary file");
    enum lt_err err = san_gen_new(o, &g, diag);
    if (!err) err = san_gen_corpus(g, n_cases, f, diag);
    if (!err && fseek(f, 0, SEEK_SET)) err = lt_fail_errno(diag, "temporary file");
    if (!err) err = add_lines(t, f);
    if (!err)
        for (int k = 0; k < 200 && !err; k++) /* the spelling alphabet is always there */
            err = san_bpe_trainer_add(t, SAN_SPELL_ALPHABET, strlen(SAN_SPELL_ALPHABET), 1);
    san_gen_free(g);
    fclose(f);
    return err;
}

static enum lt_err learn(const struct san_gen_options *gen, uint64_t n_cases, int n_vocab,
                         char **files, int n_files, const char *out, struct lt_diag *diag)
{
    struct san_bpe_special specials[MAX_SPECIALS] = {
        {"<unk>", SAN_TOKEN_UNKNOWN}, {"<s>", SAN_TOKEN_CONTROL}, {"</s>", SAN_TOKEN_CONTROL}};
    int n = 0;
    const char *const *pieces = san_pieces_list(&n);
    for (int i = 0; i < n; i++)
        specials[3 + i] = (struct san_bpe_special){pieces[i], SAN_TOKEN_CONTROL};
    struct san_bpe_options o = san_bpe_options_default();
    o.n_vocab = n_vocab;
    o.specials = specials;
    o.n_specials = 3 + n;
    o.bos = "<s>";
    o.eos = "</s>";
    o.add_space_prefix = 1;
    struct san_bpe_trainer *t = NULL;
    struct san_tokenizer *tokenizer = NULL;
    enum lt_err err = san_bpe_trainer_new(&o, &t, diag);
    if (!err && n_cases) err = add_generated(t, gen, n_cases, diag);
    for (int i = 0; i < n_files && !err; i++) {
        FILE *f = fopen(files[i], "r");
        if (!f) {
            err = lt_fail_errno(diag, "cannot read %s", files[i]);
            break;
        }
        err = add_lines(t, f);
        fclose(f);
    }
    if (!err) err = san_bpe_trainer_finish(t, &tokenizer, diag);
    if (!err) err = san_tokenizer_save(tokenizer, out, diag);
    if (!err) fprintf(stderr, "%s: %d pieces\n", out, san_tokenizer_n_vocab(tokenizer));
    san_tokenizer_free(tokenizer);
    san_bpe_trainer_free(t);
    return err;
}

/* The vocabulary of `from` with the words of generated cases. */
static enum lt_err add_words(const struct san_gen_options *gen, uint64_t n_cases, const char *from,
                             const char *out, struct lt_diag *diag)
{
    struct san_tokenizer *t = NULL;
    struct san_known *known = NULL;
    enum lt_err err = san_tokenizer_load(from, &t, diag);
    if (!err) err = san_known_count_words(gen, n_cases, &known, diag);
    if (!err) {
        san_tokenizer_set_known(t, known);
        err = san_tokenizer_save(t, out, diag);
    }
    if (!err) fprintf(stderr, "%s: %d known words\n", out, san_known_count(known));
    san_tokenizer_free(t);
    return err;
}

static enum lt_err show(const char *model, const char *text, struct lt_diag *diag)
{
    struct san_tokenizer *t = NULL;
    struct san_tok_work work = {0};
    enum lt_err err = san_tokenizer_load(model, &t, diag);
    if (err) return err;
    int n = san_tokenize(t, &work, text, strlen(text), 0, NULL, NULL, 0);
    int32_t *ids = n > 0 ? malloc((size_t)n * sizeof *ids) : NULL;
    if (ids) {
        n = san_tokenize(t, &work, text, strlen(text), 0, ids, NULL, n);
        for (int i = 0; i < n; i++) printf("%d\t%s\n", ids[i], san_token_piece(t, ids[i]));
    }
    free(ids);
    san_tok_work_free(&work);
    san_tokenizer_free(t);
    return LT_OK;
}

int lt_cmd_tokenize(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    int64_t n_vocab = 4096, n_cases = 40000, seed = 1;
    if (!lt_cli_int(&spec, "vocab", value[OPT_VOCAB], 300, SAN_VOCAB_MAX, &n_vocab) ||
        !lt_cli_int(&spec, "cases", value[OPT_CASES], 0, INT32_MAX, &n_cases) ||
        !lt_cli_int(&spec, "seed", value[OPT_SEED], 0, INT64_MAX, &seed))
        return LT_EXIT_USAGE;
    struct san_gen_options gen = {.tree_dir = value[OPT_TREE] ? value[OPT_TREE] : "engine/data",
                                  .data_dir = value[OPT_DATA],
                                  .mix_path =
                                      value[OPT_MIX] ? value[OPT_MIX] : "engine/train/mix.json",
                                  .seed = (uint64_t)seed};
    struct lt_diag diag = {0};
    enum lt_err err;
    if (value[OPT_MODEL] && value[OPT_SHOW])
        err = show(value[OPT_MODEL], value[OPT_SHOW], &diag);
    else if (value[OPT_OUT] && value[OPT_WORDS_FOR])
        err = add_words(&gen, value[OPT_CASES] ? (uint64_t)n_cases : WORD_CASES,
                        value[OPT_WORDS_FOR], value[OPT_OUT], &diag);
    else if (value[OPT_OUT])
        err = learn(&gen, (uint64_t)n_cases, (int)n_vocab, argv + first, argc - first,
                    value[OPT_OUT], &diag);
    else
        return lt_cli_usage(&spec, "--out FILE, or --model FILE --show TEXT, is needed");
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
