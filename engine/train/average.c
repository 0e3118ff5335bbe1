/* average.c - the weighted average of networks. Sums run in double, one file at a time. */
#include "san/average.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "san/model_file.h"

#define NOTE_BYTES 1024

struct sum {
    struct san_hparams h;
    struct san_params p;
    struct san_tokenizer *tok;
    struct san_gguf *file; /* the first one's */
    double *value;         /* p.n */
};

/* The first size in which the networks differ, or NULL. */
static const char *difference(const struct san_hparams *a, const struct san_hparams *b)
{
    const struct {
        const char *what;
        int differs;
    } rows[] = {{"vocabulary size", a->n_vocab != b->n_vocab},
                {"width", a->width != b->width},
                {"query heads", a->n_head != b->n_head},
                {"key/value heads", a->n_kv_head != b->n_kv_head},
                {"encoder layers", a->n_enc != b->n_enc},
                {"decoder layers", a->n_dec != b->n_dec},
                {"retrieval head", a->ret_hidden != b->ret_hidden || a->ret_dim != b->ret_dim},
                {"pointer features",
                 a->n_flag != b->n_flag || a->n_class != b->n_class || a->n_feat != b->n_feat},
                {"grammar", a->grammar != b->grammar},
                {"mask", a->mask != b->mask},
                {"rendering", a->render != b->render},
                {"rope base", a->rope_base < b->rope_base || a->rope_base > b->rope_base}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].differs) return rows[i].what;
    return NULL;
}

/* Whether both files have the same tokens in the same order; files without any do not. */
static int same_tokens(const struct san_gguf *a, const struct san_gguf *b)
{
    const struct san_gguf_str *x, *y;
    size_t n, m;
    if (san_gguf_get_str_array(a, "tokenizer.ggml.tokens", &x, &n, NULL) ||
        san_gguf_get_str_array(b, "tokenizer.ggml.tokens", &y, &m, NULL) || n != m)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (x[i].n != y[i].n || memcmp(x[i].p, y[i].p, x[i].n) != 0) return 0;
    return 1;
}

static enum lt_err start(struct sum *s, const struct san_average_part *part, double share,
                         struct lt_diag *diag)
{
    enum lt_err err = san_model_load(part->path, &s->h, &s->p, &s->tok, &s->file, diag);
    if (err) return err;
    s->value = malloc(s->p.n * sizeof *s->value);
    if (!s->value) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", part->path);
    for (size_t i = 0; i < s->p.n; i++) s->value[i] = share * (double)s->p.mem[i];
    return LT_OK;
}

static enum lt_err add(struct sum *s, const struct san_average_part *first,
                       const struct san_average_part *part, double share, struct lt_diag *diag)
{
    struct san_hparams h;
    struct san_params p = {0};
    struct san_gguf *file = NULL;
    enum lt_err err = san_model_load(part->path, &h, &p, NULL, &file, diag);
    if (err) return err;
    const char *what = difference(&s->h, &h);
    if (!what && !same_tokens(s->file, file)) what = "vocabulary";
    if (what)
        err = lt_fail(
            diag, LT_ERR_INVALID,
            "%s and %s cannot be averaged: another %s; take networks of one line of training",
            part->path, first->path, what);
    for (size_t i = 0; !err && i < s->p.n; i++) s->value[i] += share * (double)p.mem[i];
    san_params_free(&p);
    san_gguf_close(file);
    return err;
}

/* "average of 0.75 new.gguf, 0.25 old.gguf" as general.training has it. */
static void say(char *note, const struct san_average_part *part, int n, double sum)
{
    size_t at = (size_t)snprintf(note, NOTE_BYTES, "average of");
    for (int i = 0; i < n && at < NOTE_BYTES; i++) {
        const char *base = strrchr(part[i].path, '/');
        at += (size_t)snprintf(note + at, NOTE_BYTES - at, "%s %.3g %s", i ? "," : "",
                               part[i].weight / sum, base ? base + 1 : part[i].path);
    }
}

enum lt_err san_model_average(const struct san_average_part *part, int n, const char *name,
                              const char *out, struct lt_diag *diag)
{
    struct sum s = {0};
    double total = 0;
    char note[NOTE_BYTES];
    if (n < 2 || n > SAN_AVERAGE_MAX)
        return lt_fail(diag, LT_ERR_INVALID, "an average takes 2 to %d networks, not %d",
                       SAN_AVERAGE_MAX, n);
    for (int i = 0; i < n; i++) {
        if (!(part[i].weight > 0 && part[i].weight < 1e6))
            return lt_fail(diag, LT_ERR_INVALID, "%s: weight %g; it must be above 0 and below 1e6",
                           part[i].path, part[i].weight);
        total += part[i].weight;
    }
    enum lt_err err = start(&s, &part[0], part[0].weight / total, diag);
    for (int i = 1; i < n && !err; i++)
        err = add(&s, &part[0], &part[i], part[i].weight / total, diag);
    if (!err) {
        for (size_t i = 0; i < s.p.n; i++) s.p.mem[i] = (float)s.value[i];
        say(note, part, n, total);
        struct san_extra extra[] = {
            {.key = "general.name",
             .str = name ? name : san_gguf_str_or(s.file, "general.name", "")},
            {.key = "general.training", .str = note}};
        err = san_model_save(out, &s.h, &s.p, s.tok, extra, 2, SAN_TYPE_F32, diag);
    }
    free(s.value);
    san_params_free(&s.p);
    san_tokenizer_free(s.tok);
    san_gguf_close(s.file);
    return err;
}
