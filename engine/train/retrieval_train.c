/* retrieval_train.c - the retrieval head's share of a training step: utterances alone against the
 * tools of the batch, pooled from the encoder's output. Its gradient flows into head and encoder. */
#include <stdlib.h>
#include <string.h>

#include "retrieval_head.h"
#include "trainer_int.h"

#define WEIGHT 0.25f /* of the mean contrastive loss beside the decisions' */

static void pool(const struct san_trainer *t, const struct san_batch *b, int32_t block, float *mean)
{
    const int c = t->h.width;
    const int32_t from = b->block_off[block], to = b->block_off[block + 1];
    memset(mean, 0, (size_t)c * sizeof *mean);
    for (int32_t i = from; i < to; i++)
        for (int d = 0; d < c; d++) mean[d] += t->e[(size_t)i * (size_t)c + (size_t)d];
    for (int d = 0; d < c; d++) mean[d] /= (float)(to - from);
}

static void spread(struct san_trainer *t, const struct san_batch *b, int32_t block, const float *dx)
{
    const int c = t->h.width;
    const int32_t from = b->block_off[block], to = b->block_off[block + 1];
    const float k = 1.0f / (float)(to - from);
    for (int32_t i = from; i < to; i++)
        for (int d = 0; d < c; d++) t->de[(size_t)i * (size_t)c + (size_t)d] += k * dx[d];
}

enum lt_err san__retrieval_step(struct san_trainer *t, const struct san_params *p,
                                struct san_params *g, const struct san_batch *b, double *loss)
{
    const int c = t->h.width;
    *loss = 0;
    if (!t->h.ret_dim || !b->n_ret || b->n_ret_tool < 2) return LT_OK;
    if (!t->ret || !san__ret_has_room(t->ret, b->n_ret, b->n_ret_tool)) {
        san__ret_free(t->ret);
        t->ret = NULL;
        if (san__ret_new(c, t->h.ret_hidden, t->h.ret_dim, b->n_ret + b->n_ret / 2,
                         b->n_ret_tool + b->n_ret_tool / 2, &t->ret))
            return LT_ERR_NOMEM;
    }
    const size_t nq = (size_t)b->n_ret, nt = (size_t)b->n_ret_tool;
    float *q = calloc((nq + nt) * (size_t)c, sizeof *q), *tool = q ? q + nq * (size_t)c : NULL;
    uint8_t *right = calloc(nq, nt);
    if (!q || !right) {
        free(q);
        free(right);
        return LT_ERR_NOMEM;
    }
    for (size_t i = 0; i < nq; i++) {
        pool(t, b, b->ret_block[i], q + i * (size_t)c);
        for (int32_t k = b->ret_right_off[i]; k < b->ret_right_off[i + 1]; k++)
            for (size_t j = 0; j < nt; j++) right[i * nt + j] |= b->ret_tool[j] == b->ret_right[k];
    }
    for (size_t j = 0; j < nt; j++) pool(t, b, b->ret_tool[j], tool + j * (size_t)c);
    const struct san__ret_weights w = {p->ret_w1, p->ret_b1, p->ret_w2},
                                  dw = {g->ret_w1, g->ret_b1, g->ret_w2};
    const float *dq, *dt;
    san__ret_bind(t->ret, &w, &dw);
    *loss = (double)san__ret_gradient(t->ret, q, b->n_ret, tool, b->n_ret_tool, right, WEIGHT, &dq,
                                      &dt);
    for (size_t i = 0; i < nq; i++) spread(t, b, b->ret_block[i], dq + i * (size_t)c);
    for (size_t j = 0; j < nt; j++) spread(t, b, b->ret_tool[j], dt + j * (size_t)c);
    free(q);
    free(right);
    return LT_OK;
}
