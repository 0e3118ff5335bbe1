/* batch_file.c - batches written for another trainer. */
#include "san/batch_file.h"

#include <stdlib.h>
#include <string.h>

#include "san/batch_build.h"
#include "san/tokenizer.h"
#include "san/train_run.h"

enum lt_err san_batch_file_begin(FILE *out, struct lt_diag *diag)
{
    return fwrite(SAN_BATCH_FILE_MAGIC, 8, 1, out) == 1
               ? LT_OK
               : lt_fail_errno(diag, "cannot write batches");
}

static int put(FILE *out, const void *p, size_t n)
{
    return n == 0 || fwrite(p, 4, n, out) == n;
}

static int put_bytes(FILE *out, const uint8_t *p, size_t n)
{
    int ok = 1;
    for (size_t i = 0; i < n && ok; i++) ok = put(out, &(int32_t){p[i]}, 1);
    return ok;
}

enum lt_err san_batch_file_add(FILE *out, const struct san_batch *b, int n_feat,
                               struct lt_diag *diag)
{
    const size_t n_tok = (size_t)b->n_tok, n_block = (size_t)b->n_block, n_ex = (size_t)b->n_ex;
    const size_t n_cat = (size_t)b->cat_off[n_ex], n_step = (size_t)b->n_step;
    const size_t n_cand = (size_t)b->cand_off[n_step];
    const int32_t counts[] = {b->n_tok,  b->n_block,      b->n_ex, (int32_t)n_cat,
                              b->n_step, (int32_t)n_cand, n_feat};
    int ok = put(out, counts, sizeof counts / sizeof counts[0]) && put(out, b->tok, n_tok) &&
             put(out, b->flag, n_tok) && put(out, b->block_off, n_block + 1) &&
             put(out, b->utt_off, n_ex + 1) && put(out, b->cat_off, n_ex + 1) &&
             put(out, b->cat_block, n_cat) && put(out, b->step_off, n_ex + 1) &&
             put(out, b->step_kind, n_step) && put(out, b->step_prev, n_step) &&
             put(out, b->step_weight, n_step) && put(out, b->cand_off, n_step + 1) &&
             put(out, b->cand, n_cand) && put_bytes(out, b->cand_class, n_cand) &&
             put_bytes(out, b->cand_right, n_cand) &&
             put(out, b->cand_feat, n_cand * (size_t)n_feat);
    return ok ? LT_OK : lt_fail_errno(diag, "cannot write batches");
}

/* Add the group's cases but the held-out ones and those the grammar cannot produce. */
static enum lt_err fill(struct san_batch_builder *b, json_t *const *cases, int n)
{
    enum lt_err err = LT_OK;
    for (int i = 0; i < n && !err; i++) {
        const char *query = json_string_value(json_object_get(cases[i], "query"));
        enum san_gold_reason reason;
        struct lt_diag ignored = {0};
        if (query && san_train_is_held_out(query)) continue;
        if (san_batch_builder_add(b, cases[i], &reason, &ignored) == LT_ERR_NOMEM)
            err = LT_ERR_NOMEM;
    }
    return err;
}

enum lt_err san_batches_write(const struct san_gen_options *gen, const char *vocab_path, int batch,
                              uint64_t n_batches, FILE *out,
                              void (*on_batch)(uint64_t done, void *user), void *user,
                              struct lt_diag *diag)
{
    const struct san_train_options defaults = san_train_options_default();
    struct san_tokenizer *tokenizer = NULL;
    struct san_pieces pieces;
    struct san_gen *g = NULL;
    struct san_batch_builder *b = NULL;
    json_t **cases = calloc((size_t)batch + 1, sizeof(json_t *));
    enum lt_err err = cases ? san_tokenizer_load(vocab_path, &tokenizer, diag) : LT_ERR_NOMEM;
    if (!err) err = san_pieces_init(&pieces, tokenizer, SAN_GRAMMAR, diag);
    if (!err) err = san_gen_new(gen, &g, diag);
    if (!err) err = san_batch_builder_new(&pieces, &defaults.weights, &b);
    if (!err) err = san_batch_file_begin(out, diag);
    for (uint64_t i = 0; i < n_batches && !err; i++) {
        err = san_gen_group_at(g, i, batch, cases, diag);
        if (err) break;
        err = fill(b, cases, batch);
        const struct san_batch made = san_batch_builder_view(b);
        if (!err && made.n_step) err = san_batch_file_add(out, &made, SAN_N_FEAT, diag);
        san_batch_builder_reset(b);
        for (int k = 0; k < batch; k++) json_decref(cases[k]);
        if (!err && on_batch) on_batch(i + 1, user);
    }
    san_batch_builder_free(b);
    san_gen_free(g);
    san_tokenizer_free(tokenizer);
    free(cases);
    return err ? lt_fail(diag, err, "cannot make batches: %s", lt_strerror(err)) : LT_OK;
}
