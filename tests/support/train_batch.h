/* train_batch.h - random but lawful batches for tests and benchmarks of the trainer. */
#ifndef TRAIN_BATCH_H
#define TRAIN_BATCH_H

#include <stdlib.h>
#include <string.h>

#include "san/batch.h"
#include "san/net.h"
#include "san/rand.h"

/* How large a batch to make: lengths are drawn evenly from least to most. */
struct train_batch_plan {
    int n_block, block_least, block_most;
    int n_ex, utt_least, utt_most;
    int cat_least, cat_most; /* blocks of a catalogue; at most n_block */
    int step_least, step_most;
    int cand_least, cand_most;
};

static int32_t *train_batch_ints(int n)
{
    int32_t *p = calloc((size_t)n + 1, sizeof *p);

    if (!p) abort();
    return p;
}

static int train_batch_draw(struct san_rand *r, int least, int most)
{
    return least + (int)san_rand_below(r, (uint64_t)(most - least + 1));
}

/* An encoder position that example x sees, as -2-x. */
static int32_t train_batch_position(struct san_rand *r, const struct san_batch *b, int x)
{
    const int n = b->cat_off[x + 1] - b->cat_off[x];
    const int i = train_batch_draw(r, 0, n);
    const int32_t *off = i == n ? b->utt_off + x : b->block_off + b->cat_block[b->cat_off[x] + i];

    return -2 - train_batch_draw(r, off[0], off[1] - 1);
}

static int32_t *train_batch_rows(struct san_rand *r, int n, int32_t first, int least, int most)
{
    int32_t *off = train_batch_ints(n + 1);

    off[0] = first;
    for (int i = 0; i < n; i++) off[i + 1] = off[i] + train_batch_draw(r, least, most);
    return off;
}

/* The caller frees it with train_batch_free. Two of five candidates are vocabulary ids, about one
 * in four is right, weights are 0.5, 1 or 1.5. */
static void train_batch_make(struct san_batch *b, const struct san_hparams *h,
                             const struct train_batch_plan *p, uint64_t seed)
{
    struct san_rand r;
    int32_t *block_off, *utt_off, *cat_off, *cat, *step_off, *tok, *kind, *prev, *cand_off, *cand;
    uint32_t *flag;
    float *weight, *feat;
    uint8_t *cls, *right;

    memset(b, 0, sizeof *b);
    san_rand_seed(&r, seed);
    b->n_block = p->n_block;
    b->n_ex = p->n_ex;
    b->block_off = block_off = train_batch_rows(&r, p->n_block, 0, p->block_least, p->block_most);
    b->utt_off = utt_off =
        train_batch_rows(&r, p->n_ex, block_off[p->n_block], p->utt_least, p->utt_most);
    b->n_tok = utt_off[p->n_ex];
    b->tok = tok = train_batch_ints(b->n_tok);
    b->flag = flag = calloc((size_t)b->n_tok, sizeof *flag);
    b->cat_off = cat_off = train_batch_rows(&r, p->n_ex, 0, p->cat_least, p->cat_most);
    b->cat_block = cat = train_batch_ints(cat_off[p->n_ex]);
    if (!flag) abort();
    for (int i = 0; i < b->n_tok; i++) {
        tok[i] = train_batch_draw(&r, 0, h->n_vocab - 1);
        if (i >= utt_off[0] && h->n_flag > 0)
            flag[i] = (uint32_t)san_rand_below(&r, UINT64_C(1) << h->n_flag);
    }
    for (int x = 0; x < p->n_ex; x++) { /* distinct blocks, a random run with random gaps */
        const int n = cat_off[x + 1] - cat_off[x];
        int at = train_batch_draw(&r, 0, p->n_block - 1), gaps = p->n_block - n;

        for (int i = 0; i < n; i++) {
            if (gaps > 0 && san_rand_below(&r, 3) == 0) at++, gaps--;
            cat[cat_off[x] + i] = at++ % p->n_block;
        }
    }
    b->step_off = step_off = train_batch_rows(&r, p->n_ex, 0, p->step_least, p->step_most);
    b->n_step = step_off[p->n_ex];
    b->step_kind = kind = train_batch_ints(b->n_step);
    b->step_prev = prev = train_batch_ints(b->n_step);
    b->step_weight = weight = calloc((size_t)b->n_step, sizeof *weight);
    b->cand_off = cand_off = train_batch_rows(&r, b->n_step, 0, p->cand_least, p->cand_most);
    const size_t n_cand = (size_t)cand_off[b->n_step];
    b->cand = cand = train_batch_ints((int)n_cand);
    b->cand_class = cls = calloc(n_cand, 1);
    b->cand_right = right = calloc(n_cand, 1);
    b->cand_feat = feat = calloc(n_cand * (size_t)h->n_feat, sizeof *feat);
    if (!weight || !cls || !right || !feat) abort();
    for (int x = 0; x < p->n_ex; x++) {
        for (int t = step_off[x]; t < step_off[x + 1]; t++) {
            kind[t] = train_batch_draw(&r, 0, h->n_vocab - 1);
            prev[t] = t == step_off[x]        ? -1
                      : san_rand_below(&r, 2) ? train_batch_position(&r, b, x)
                                              : train_batch_draw(&r, 0, h->n_vocab - 1);
            weight[t] = 0.5f * (float)train_batch_draw(&r, 1, 3);
            for (int i = cand_off[t]; i < cand_off[t + 1]; i++) {
                cand[i] = san_rand_below(&r, 5) < 2 ? train_batch_draw(&r, 0, h->n_vocab - 1)
                                                    : train_batch_position(&r, b, x);
                cls[i] = (uint8_t)san_rand_below(&r, (uint64_t)h->n_class);
                right[i] = i == cand_off[t] || san_rand_below(&r, 4) == 0;
                for (int f = 0; f < h->n_feat; f++)
                    feat[i * h->n_feat + f] = (float)san_rand_double(&r);
                for (int k = cand_off[t]; k < i; k++) /* twice the same is equally right */
                    if (cand[k] == cand[i]) right[i] = right[k];
            }
        }
    }
}

static void train_batch_free(struct san_batch *b)
{
    union {
        const void *in;
        void *out;
    } p[] = {{b->tok},       {b->flag},     {b->block_off},  {b->utt_off},   {b->cat_off},
             {b->cat_block}, {b->step_off}, {b->step_kind},  {b->step_prev}, {b->step_weight},
             {b->cand_off},  {b->cand},     {b->cand_class}, {b->cand_feat}, {b->cand_right}};

    for (size_t i = 0; i < sizeof p / sizeof *p; i++) free(p[i].out);
    memset(b, 0, sizeof *b);
}

#endif
