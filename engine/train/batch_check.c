/* batch_check.c - is a packed batch what san/batch.h promises?
 *
 * The trainer's loops index with what the batch says; this is where a fault of whoever packed it
 * becomes one readable line instead of a wild read. */
#include "san/train_step.h"

/* Most encoder tokens, steps, candidates or catalogue entries of one batch: sizes stay far below
 * what an int holds after a multiplication by 8. */
#define PACKED_MAX (1 << 27)

static enum lt_err check_count(const char *what, int n, struct lt_diag *diag)
{
    if (n < 1 || n > PACKED_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "batch: %s is %d, must be 1..%d", what, n, PACKED_MAX);
    return LT_OK;
}

/* off[0] == first, each row at least `least` and at most `most` long, off[n] == last (any for -1). */
static enum lt_err check_rows(const char *what, const int32_t *off, int n, int32_t first, int least,
                              int most, int32_t last, struct lt_diag *diag)
{
    if (off[0] != first)
        return lt_fail(diag, LT_ERR_INVALID, "batch: %s[0] is %d, must be %d", what, off[0], first);
    for (int i = 0; i < n; i++) {
        const int64_t len = (int64_t)off[i + 1] - off[i];

        if (len < least || len > most)
            return lt_fail(diag, LT_ERR_INVALID,
                           "batch: %s: row %d has %lld entries, must be %d..%d", what, i,
                           (long long)len, least, most);
    }
    if (last >= 0 && off[n] != last)
        return lt_fail(diag, LT_ERR_INVALID, "batch: %s[%d] is %d, must be %d", what, n, off[n],
                       last);
    return LT_OK;
}

/* A vocabulary id, or an encoder position as -2-x. */
static int is_choice(const struct san_hparams *h, const struct san_batch *b, int32_t c)
{
    return c >= 0 ? c < h->n_vocab : c <= -2 && -2 - (int64_t)c < b->n_tok;
}

static enum lt_err check_tokens(const struct san_hparams *h, const struct san_batch *b,
                                struct lt_diag *diag)
{
    for (int i = 0; i < b->n_tok; i++) {
        if (b->tok[i] < 0 || b->tok[i] >= h->n_vocab)
            return lt_fail(diag, LT_ERR_INVALID, "batch: token %d is %d, vocabulary has %d", i,
                           b->tok[i], h->n_vocab);
        if (h->n_flag < 32 && b->flag[i] >> h->n_flag)
            return lt_fail(diag, LT_ERR_INVALID, "batch: token %d has flags 0x%x, network has %d",
                           i, (unsigned)b->flag[i], h->n_flag);
    }
    for (int i = 0; i < b->cat_off[b->n_ex]; i++) {
        if (b->cat_block[i] < 0 || b->cat_block[i] >= b->n_block)
            return lt_fail(diag, LT_ERR_INVALID, "batch: cat_block[%d] is %d, there are %d blocks",
                           i, b->cat_block[i], b->n_block);
    }
    return LT_OK;
}

static enum lt_err check_candidates(const struct san_hparams *h, const struct san_batch *b, int t,
                                    struct lt_diag *diag)
{
    int n_right = 0;

    for (int i = b->cand_off[t]; i < b->cand_off[t + 1]; i++) {
        if (!is_choice(h, b, b->cand[i]))
            return lt_fail(diag, LT_ERR_INVALID, "batch: step %d: candidate %d is %d", t, i,
                           b->cand[i]);
        if (b->cand[i] < 0 && b->cand_class[i] >= h->n_class)
            return lt_fail(diag, LT_ERR_INVALID, "batch: step %d: class %d, network has %d", t,
                           b->cand_class[i], h->n_class);
        n_right += b->cand_right[i] != 0;
    }
    if (n_right == 0)
        return lt_fail(diag, LT_ERR_INVALID, "batch: step %d has no right candidate", t);
    return LT_OK;
}

static enum lt_err check_steps(const struct san_hparams *h, const struct san_batch *b,
                               struct lt_diag *diag)
{
    enum lt_err err = LT_OK;

    for (int t = 0; t < b->n_step && !err; t++) {
        if (b->step_kind[t] < 0 || b->step_kind[t] >= h->n_vocab)
            return lt_fail(diag, LT_ERR_INVALID, "batch: step %d: kind %d, vocabulary has %d", t,
                           b->step_kind[t], h->n_vocab);
        if (b->step_prev[t] != -1 && !is_choice(h, b, b->step_prev[t]))
            return lt_fail(diag, LT_ERR_INVALID, "batch: step %d: previous choice %d", t,
                           b->step_prev[t]);
        if (!(b->step_weight[t] >= 0 && b->step_weight[t] < 1e6f))
            return lt_fail(diag, LT_ERR_INVALID, "batch: step %d: weight %g, must be 0..1e6", t,
                           (double)b->step_weight[t]);
        err = check_candidates(h, b, t, diag);
    }
    return err;
}

static enum lt_err check_retrieval(const struct san_batch *b, struct lt_diag *diag)
{
    if (b->n_ret < 0 || b->n_ret > b->n_ex || b->n_ret_tool < 0 || b->n_ret_tool > b->n_block)
        return lt_fail(diag, LT_ERR_INVALID, "batch: %d utterances and %d tools for retrieval",
                       b->n_ret, b->n_ret_tool);
    for (int i = 0; i < b->n_ret_tool && b->n_ret; i++)
        if (b->ret_tool[i] < 0 || b->ret_tool[i] >= b->n_block)
            return lt_fail(diag, LT_ERR_INVALID, "batch: ret_tool[%d] is no block", i);
    for (int r = 0; r < b->n_ret; r++) {
        int32_t from = b->ret_right_off[r], to = b->ret_right_off[r + 1];
        if (b->ret_block[r] < 0 || b->ret_block[r] >= b->n_block || from < 0 || from >= to ||
            (!r && from))
            return lt_fail(diag, LT_ERR_INVALID, "batch: retrieval of utterance %d", r);
        for (int32_t i = from; i < to; i++)
            if (b->ret_right[i] < 0 || b->ret_right[i] >= b->n_block)
                return lt_fail(diag, LT_ERR_INVALID, "batch: ret_right[%d] is no block", (int)i);
    }
    return LT_OK;
}

enum lt_err san_batch_check(const struct san_hparams *h, const struct san_batch *b,
                            struct lt_diag *diag)
{
    enum lt_err err = check_count("n_tok", b->n_tok, diag);

    if (!err) err = check_count("n_ex", b->n_ex, diag);
    if (!err) err = check_count("n_step", b->n_step, diag);
    if (!err && (b->n_block < 0 || b->n_block > PACKED_MAX))
        err = lt_fail(diag, LT_ERR_LIMIT, "batch: n_block is %d", b->n_block);
    if (!err) err = check_rows("block_off", b->block_off, b->n_block, 0, 1, h->n_ctx, -1, diag);
    if (!err)
        err = check_rows("utt_off", b->utt_off, b->n_ex, b->block_off[b->n_block], 1, h->n_ctx,
                         b->n_tok, diag);
    if (!err) err = check_rows("cat_off", b->cat_off, b->n_ex, 0, 0, b->n_block, -1, diag);
    if (!err) err = check_rows("step_off", b->step_off, b->n_ex, 0, 0, h->n_ctx, b->n_step, diag);
    if (!err) err = check_rows("cand_off", b->cand_off, b->n_step, 0, 1, PACKED_MAX / 2, -1, diag);
    if (!err) err = check_tokens(h, b, diag);
    if (!err) err = check_steps(h, b, diag);
    if (!err) err = check_retrieval(b, diag);
    return err;
}
