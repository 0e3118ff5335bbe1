/* train_ref.h - docs/network.md section 3 written down once more, naively and in double precision.
 *
 * The trainer is compared with this: values directly, gradients through central differences, which
 * in double precision are exact to about 1e-8 and leave the trainer's fp32 rounding as the only
 * error. Nothing here shares code with the engine beyond the layout of the parameters. */
#ifndef TRAIN_REF_H
#define TRAIN_REF_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "san/batch.h"
#include "san/net.h"

struct ref {
    const struct san_hparams *h;
    const struct san_params *lay; /* for the layout alone */
    const double *mem;            /* parameters */
};

static const double *ref_p(const struct ref *r, enum san_tensor_id id, int layer)
{
    const struct san_tensor_info *i = &r->lay->info[id];

    return r->mem + i->offset + (size_t)layer * (size_t)i->rows * (size_t)i->cols;
}

static double *ref_new(int n)
{
    double *p = calloc((size_t)n + 1, sizeof *p);

    if (!p) abort();
    return p;
}

static void ref_zcn(const struct ref *r, double *y, const double *x, const double *g, int n)
{
    double ss = 0;

    for (int i = 0; i < n; i++) ss += x[i] * x[i];
    for (int i = 0; i < n; i++) y[i] = (1 + g[i]) * x[i] / sqrt(ss / n + (double)r->h->rms_eps);
}

static void ref_matvec(double *y, const double *w, const double *x, int rows, int cols)
{
    for (int i = 0; i < rows; i++) {
        y[i] = 0;
        for (int k = 0; k < cols; k++) y[i] += w[i * cols + k] * x[k];
    }
}

static void ref_rope(const struct ref *r, double *x, int pos, int d)
{
    for (int i = 0; i < d / 2; i++) {
        const double a = pos * pow((double)r->h->rope_base, -2.0 * i / d);
        const double x1 = x[i], x2 = x[i + d / 2];

        x[i] = x1 * cos(a) - x2 * sin(a);
        x[i + d / 2] = x2 * cos(a) + x1 * sin(a);
    }
}

/* x(n,C) += sigmoid(gate) * Wo·Attn(...). Tensors are norm, q, k, v, o, q_norm, k_norm, gate, which
 * stand in this order from `first` in SAN_TENSORS. e NULL: self-attention with positions. */
static void ref_sublayer(const struct ref *r, double *x, int n, const double *e, int m,
                         enum san_tensor_id first, int l, const int *pos, const char *sees)
{
    const int c = r->h->width, d = san_head_width(r->h), kc = san_kv_width(r->h);
    const int n_head = r->h->n_head, n_kv = r->h->n_kv_head;
    const double *w[8];
    double *h = ref_new(n * c), *q = ref_new(n * c), *k = ref_new(m * kc), *v = ref_new(m * kc);
    double *o = ref_new(c), *y = ref_new(c), *p = ref_new(m), *t = ref_new(c);

    for (int i = 0; i < 8; i++) w[i] = ref_p(r, (enum san_tensor_id)((int)first + i), l);
    for (int i = 0; i < n; i++) {
        ref_zcn(r, h + i * c, x + i * c, w[0], c);
        ref_matvec(t, w[1], h + i * c, c, c);
        for (int a = 0; a < n_head; a++) {
            ref_zcn(r, q + i * c + a * d, t + a * d, w[5], d);
            if (!e) ref_rope(r, q + i * c + a * d, pos[i], d);
        }
    }
    for (int i = 0; i < m; i++) {
        const double *from = e ? e + i * c : h + i * c;

        ref_matvec(t, w[2], from, kc, c);
        for (int a = 0; a < n_kv; a++) {
            ref_zcn(r, k + i * kc + a * d, t + a * d, w[6], d);
            if (!e) ref_rope(r, k + i * kc + a * d, pos[i], d);
        }
        ref_matvec(v + i * kc, w[3], from, kc, c);
    }
    for (int i = 0; i < n; i++) {
        for (int a = 0; a < n_head; a++) {
            const int g = a / (n_head / n_kv);
            double top = -INFINITY, sum = 0;

            for (int j = 0; j < m; j++) {
                p[j] = 0;
                for (int b = 0; b < d; b++) p[j] += q[i * c + a * d + b] * k[j * kc + g * d + b];
                p[j] = sees[i * m + j] ? p[j] / sqrt(d) : -INFINITY;
                top = fmax(top, p[j]);
            }
            for (int j = 0; j < m; j++) sum += p[j] = exp(p[j] - top);
            for (int b = 0; b < d; b++) {
                o[a * d + b] = 0;
                for (int j = 0; j < m; j++) o[a * d + b] += p[j] / sum * v[j * kc + g * d + b];
            }
        }
        ref_matvec(y, w[4], o, c, c);
        for (int b = 0; b < c; b++) x[i * c + b] += y[b] / (1 + exp(-w[7][0]));
    }
    free(h), free(q), free(k), free(v), free(o), free(y), free(p), free(t);
}

/* Example of encoder token i when it is in an utterance, else -1; *block its block or -1. */
static int ref_owner(const struct san_batch *b, int i, int *block, int *pos)
{
    *block = -1;
    for (int k = 0; k < b->n_block; k++) {
        if (i >= b->block_off[k] && i < b->block_off[k + 1]) {
            *block = k;
            *pos = i - b->block_off[k];
            return -1;
        }
    }
    for (int x = 0; x < b->n_ex; x++) {
        if (i >= b->utt_off[x] && i < b->utt_off[x + 1]) {
            *pos = i - b->utt_off[x];
            return x;
        }
    }
    abort();
}

static int ref_in_catalogue(const struct san_batch *b, int x, int block)
{
    for (int i = b->cat_off[x]; i < b->cat_off[x + 1]; i++)
        if (b->cat_block[i] == block) return 1;
    return 0;
}

/* e(S,C), the encoder's output. */
static void ref_encode(const struct ref *r, double *e, const struct san_batch *b)
{
    const int c = r->h->width, s = b->n_tok;
    double *x = ref_new(s * c);
    char *sees = calloc((size_t)(s * s), 1);
    int *pos = calloc((size_t)s, sizeof *pos);

    if (!sees || !pos) abort();
    for (int i = 0; i < s; i++) {
        int bi, bj, pj;
        const int xi = ref_owner(b, i, &bi, &pos[i]);

        for (int j = 0; j < s; j++) {
            const int xj = ref_owner(b, j, &bj, &pj);

            sees[i * s + j] = xi < 0    ? bi == bj && xj < 0
                              : xj >= 0 ? xi == xj
                                        : ref_in_catalogue(b, xi, bj);
        }
        for (int d = 0; d < c; d++) {
            double sum = ref_p(r, SAN_T_tok_embd, 0)[b->tok[i] * c + d];

            for (int f = 0; f < r->h->n_flag; f++)
                if (b->flag[i] >> f & 1) sum += ref_p(r, SAN_T_flag_embd, 0)[f * c + d];
            x[i * c + d] = sqrt(c) * sum;
        }
    }
    for (int l = 0; l < r->h->n_enc; l++)
        ref_sublayer(r, x, s, NULL, s, SAN_T_enc_norm, l, pos, sees);
    for (int i = 0; i < s; i++)
        ref_zcn(r, e + i * c, x + i * c, ref_p(r, SAN_T_enc_out_norm, 0), c);
    free(x), free(sees), free(pos);
}

/* hd(T,C), the decoder's output. */
static void ref_decode(const struct ref *r, double *hd, const double *e, const struct san_batch *b)
{
    const int c = r->h->width, n = b->n_step, s = b->n_tok;
    const double *embd = ref_p(r, SAN_T_tok_embd, 0);
    double *x = ref_new(n * c), *y = ref_new(c);
    char *self = calloc((size_t)(n * n), 1), *cross = calloc((size_t)(n * s), 1);
    int *pos = calloc((size_t)n, sizeof *pos), block, unused;

    if (!self || !cross || !pos) abort();
    for (int ex = 0; ex < b->n_ex; ex++) {
        for (int i = b->step_off[ex]; i < b->step_off[ex + 1]; i++) {
            pos[i] = i - b->step_off[ex];
            for (int j = b->step_off[ex]; j <= i; j++) self[i * n + j] = 1;
            for (int j = 0; j < s; j++) {
                const int xj = ref_owner(b, j, &block, &unused);

                cross[i * s + j] = xj >= 0 ? xj == ex : ref_in_catalogue(b, ex, block);
            }
            memset(y, 0, (size_t)c * sizeof *y);
            if (b->step_prev[i] <= -2)
                ref_matvec(y, ref_p(r, SAN_T_ptr_in, 0), e + (-2 - b->step_prev[i]) * c, c, c);
            for (int d = 0; d < c; d++) {
                x[i * c + d] = y[d] + sqrt(c) * embd[b->step_kind[i] * c + d];
                if (b->step_prev[i] >= 0) x[i * c + d] += sqrt(c) * embd[b->step_prev[i] * c + d];
            }
        }
    }
    for (int l = 0; l < r->h->n_dec; l++) {
        ref_sublayer(r, x, n, NULL, n, SAN_T_dec_norm, l, pos, self);
        ref_sublayer(r, x, n, e, s, SAN_T_cross_norm, l, pos, cross);
    }
    for (int i = 0; i < n; i++)
        ref_zcn(r, hd + i * c, x + i * c, ref_p(r, SAN_T_dec_out_norm, 0), c);
    free(x), free(y), free(self), free(cross), free(pos);
}

/* Mean loss per weight; logp (n_step) may be NULL. */
static double ref_loss(const struct ref *r, const struct san_batch *b, double *logp)
{
    const int c = r->h->width;
    double *e = ref_new(b->n_tok * c), *hd = ref_new(b->n_step * c), *y = ref_new(c);
    const double *scale = ref_p(r, SAN_T_ptr_scale, 0);
    double loss = 0, weight = 0;

    ref_encode(r, e, b);
    ref_decode(r, hd, e, b);
    for (int t = 0; t < b->n_step; t++) {
        double all = 0, right = 0;

        for (int i = b->cand_off[t]; i < b->cand_off[t + 1]; i++) {
            const int32_t v = b->cand[i];
            const double *with = ref_p(r, SAN_T_tok_embd, 0) + v * c;
            double score = 0;

            if (v < 0) {
                ref_matvec(y, ref_p(r, SAN_T_ptr_key, 0), e + (-2 - v) * c, c, c);
                with = y;
            }
            for (int d = 0; d < c; d++) score += hd[t * c + d] * with[d];
            score *= v < 0 ? exp(scale[1]) / sqrt(c) : exp(scale[0]) / sqrt(c);
            for (int f = 0; v < 0 && f < r->h->n_feat; f++)
                score += ref_p(r, SAN_T_ptr_feat, 0)[b->cand_class[i] * r->h->n_feat + f] *
                         (double)b->cand_feat[i * r->h->n_feat + f];
            all += exp(score);
            if (b->cand_right[i]) right += exp(score);
        }
        if (logp) logp[t] = log(right / all);
        loss -= (double)b->step_weight[t] * log(right / all);
        weight += (double)b->step_weight[t];
    }
    free(e), free(hd), free(y);
    return loss / weight;
}

#endif
