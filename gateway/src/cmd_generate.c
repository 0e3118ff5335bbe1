/* cmd_generate.c - `lintel generate`: examples to train on, as data lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "factory.h"
#include "san/batch_file.h"
#include "san/generate.h"

enum {
    OPT_GRAMMAR,
    OPT_N,
    OPT_SEED,
    OPT_DATA,
    OPT_EXCLUDE,
    OPT_PLAIN,
    OPT_OUT,
    OPT_TREE,
    OPT_MIX,
    OPT_TOOLS,
    OPT_PROVIDER,
    OPT_LANGS,
    OPT_USD,
    OPT_CONFIG,
    OPT_BATCHES,
    OPT_TOKENIZER,
    OPT_BATCH,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_GRAMMAR] = {"grammar", 'g', NULL, "make them from the phrasings that come with Lintel"},
    [OPT_N] = {"n", 'n', "N", "examples"},
    [OPT_SEED] = {"seed", 0, "N", "same seed, same examples (default 1)"},
    [OPT_DATA] = {"data", 0, "DIR", "folder of data files to mix in"},
    [OPT_EXCLUDE] = {"exclude", 0, "A,B", "categories and data files that must not be used"},
    [OPT_PLAIN] = {"plain", 0, NULL, "no noise on the queries, no renaming of schemas"},
    [OPT_OUT] = {"out", 'o', "FILE", "write here (default: standard output)"},
    [OPT_TREE] = {"tree", 0, "DIR", "the tree's own data (default engine/data)"},
    [OPT_MIX] = {"mix", 0, "FILE", "sources and weights (default engine/train/mix.json)"},
    [OPT_TOOLS] = {"tools", 0, "FILE",
                   "from a cloud model: for this catalogue (or array of tools)"},
    [OPT_PROVIDER] = {"provider", 0, "P", "its endpoint in the configuration, as anthropic"},
    [OPT_LANGS] = {"langs", 0, "L", "what the people speak (default English)"},
    [OPT_USD] = {"usd", 0, "X", "stop before more than this is spent (default 1)"},
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration with the endpoint"},
    [OPT_BATCHES] = {"batches", 0, NULL,
                     "training batches for another trainer (engine/convert/pretrain)"},
    [OPT_TOKENIZER] = {"tokenizer", 0, "FILE", "batches: vocabulary, or a network with one"},
    [OPT_BATCH] = {"batch", 0, "N", "batches: examples of each (default 48)"},
};
static const struct lt_cli_spec spec = {
    "lintel generate --grammar --n N | --tools FILE --n N --provider P -o FILE",
    "Write N examples as data lines, one JSON object a line (docs/data.md). From a cloud model "
    "every "
    "example\nis checked against the schemas; run again, it goes on where the file ends.",
    options, N_OPTIONS};

#define GROUP 48                     /* cases that share catalogues, as in training */
#define CHUNK ((uint64_t)10 * GROUP) /* cases between two signs of life */

/* What is written: lines, or batches of so many cases for this vocabulary. */
struct form {
    const char *vocab; /* NULL: lines */
    int batch;
};

static void on_batch(uint64_t done, void *user)
{
    lt_progress_update(user, (int64_t)done, NULL);
}

static enum lt_err write_batches(const struct san_gen_options *o, const struct form *form,
                                 uint64_t n, FILE *out, struct lt_diag *diag)
{
    struct lt_progress progress;
    uint64_t n_batches = (n + (uint64_t)form->batch - 1) / (uint64_t)form->batch;
    lt_progress_start(&progress, "generate", "batches", (int64_t)n_batches);
    enum lt_err err =
        san_batches_write(o, form->vocab, form->batch, n_batches, out, on_batch, &progress, diag);
    if (!err) lt_progress_end(&progress, NULL);
    return err;
}

static enum lt_err write_lines(const struct san_gen_options *o, const struct form *form, uint64_t n,
                               FILE *out, struct lt_diag *diag)
{
    if (form->vocab) return write_batches(o, form, n, out, diag);
    struct san_gen *g = NULL;
    struct lt_progress progress;
    enum lt_err err = san_gen_new(o, &g, diag);
    if (err) return err;
    if (o->data_dir) fputs(san_gen_notes(g), stderr); /* else: all data files are absent */
    lt_progress_start(&progress, "generate", "examples", (int64_t)n);
    for (uint64_t done = 0; done < n && !err;) {
        uint64_t k = n - done < CHUNK ? n - done : CHUNK;
        err = san_gen_write_lines(g, k, GROUP, out, diag);
        done += k;
        lt_progress_update(&progress, (int64_t)done, NULL);
    }
    if (!err) lt_progress_end(&progress, NULL);
    san_gen_free(g);
    return err;
}

/* A file appears under its name only when it is whole. */
static enum lt_err write_file(const struct san_gen_options *o, const struct form *form, uint64_t n,
                              const char *path, struct lt_diag *diag)
{
    static const char suffix[] = ".part";
    char *part = malloc(strlen(path) + sizeof suffix);
    if (!part) return LT_ERR_NOMEM;
    memcpy(part, path, strlen(path));
    memcpy(part + strlen(path), suffix, sizeof suffix);
    FILE *out = fopen(part, "w");
    if (!out) {
        enum lt_err err = lt_fail_errno(diag, "cannot write %s", part);
        free(part);
        return err;
    }
    enum lt_err err = write_lines(o, form, n, out, diag);
    if (fclose(out) && !err) err = lt_fail_errno(diag, "cannot write %s", part);
    if (!err && rename(part, path)) err = lt_fail_errno(diag, "cannot rename %s to %s", part, path);
    if (err) remove(part);
    free(part);
    return err;
}

int lt_cmd_generate(int argc, char **argv)
{
    const char *value[N_OPTIONS], *exclude[SAN_GEN_EXCLUDE_MAX];
    int first, n_exclude = 0, status = lt_cli_parse(&spec, argc, argv, value, &first);
    int64_t n = 0, seed = 1;
    if (status >= 0) return status;
    if (first < argc) return lt_cli_usage(&spec, "unexpected argument \"%s\"", argv[first]);
    struct lt_diag diag = {0};
    if (!value[OPT_GRAMMAR] && (!value[OPT_TOOLS] || !value[OPT_PROVIDER] || !value[OPT_OUT]))
        return lt_cli_usage(&spec, "--grammar, or --tools FILE, --provider P and --out FILE");
    if (!value[OPT_N]) return lt_cli_usage(&spec, "--n N is needed");
    if (!lt_cli_int(&spec, "n", value[OPT_N], 1, INT64_C(1000000000), &n) ||
        !lt_cli_int(&spec, "seed", value[OPT_SEED], 0, INT64_MAX, &seed))
        return LT_EXIT_USAGE;
    int64_t batch = 48;
    if (!lt_cli_int(&spec, "batch", value[OPT_BATCH], 1, SAN_GEN_GROUP_MAX, &batch))
        return LT_EXIT_USAGE;
    if (value[OPT_BATCHES] && (!value[OPT_GRAMMAR] || !value[OPT_TOKENIZER]))
        return lt_cli_usage(&spec, "--batches needs --grammar and --tokenizer FILE");
    const struct form form = {value[OPT_BATCHES] ? value[OPT_TOKENIZER] : NULL, (int)batch};
    double usd = 1;
    if (!lt_cli_num(&spec, "usd", value[OPT_USD], 0, 1e6, &usd)) return LT_EXIT_USAGE;
    if (!value[OPT_GRAMMAR]) {
        enum lt_err bad =
            lt_factory_command(value[OPT_CONFIG], value[OPT_TOOLS], value[OPT_PROVIDER],
                               value[OPT_OUT], value[OPT_LANGS], n, usd, &diag);
        return bad ? lt_cli_fail(&spec, bad, &diag) : LT_EXIT_DONE;
    }
    char *names = value[OPT_EXCLUDE] ? strdup(value[OPT_EXCLUDE]) : NULL, *rest = NULL;
    for (char *s = names ? strtok_r(names, ",", &rest) : NULL; s; s = strtok_r(NULL, ",", &rest)) {
        if (n_exclude == SAN_GEN_EXCLUDE_MAX) {
            free(names);
            return lt_cli_usage(&spec, "--exclude: at most %d names", SAN_GEN_EXCLUDE_MAX);
        }
        exclude[n_exclude++] = s;
    }
    struct san_gen_options o = {.tree_dir = value[OPT_TREE] ? value[OPT_TREE] : "engine/data",
                                .data_dir = value[OPT_DATA],
                                .mix_path =
                                    value[OPT_MIX] ? value[OPT_MIX] : "engine/train/mix.json",
                                .seed = (uint64_t)seed,
                                .exclude = exclude,
                                .n_exclude = n_exclude,
                                .plain = value[OPT_PLAIN] != NULL};
    enum lt_err err = value[OPT_OUT] ? write_file(&o, &form, (uint64_t)n, value[OPT_OUT], &diag)
                                     : write_lines(&o, &form, (uint64_t)n, stdout, &diag);
    free(names);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
