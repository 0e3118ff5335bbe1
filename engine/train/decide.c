/* decide.c - candidates, their probabilities, the loss, and the gradient of all that.
 *
 *     score(v) = (h · E[v]) / sqrt(C) * s_v
 *     score(j) = (u · e_j) * s_p + w[class] · x,   u = h·Wp, so that Wp·e_j is never formed
 *     loss     = -log(sum of p over the right candidates) * weight
 *     dscore_c = weight * (p_c - right_c * p_c / sum of p over the right ones)
 *
 * Rows of E and e are shared by many candidates. Their gradients are added column stripe by column
 * stripe, each stripe by one thread over all candidates in order: no locks, and always the same
 * sums. */
#include <math.h>
#include <string.h>

#include "trainer_int.h"

#define STRIPE 64 /* columns: 256 bytes, four cache lines */

static float dot(const float *a, const float *b, int n)
{
    float s = 0;

#pragma omp simd reduction(+ : s)
    for (int i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

static void add_scaled(float *restrict y, const float *restrict x, float k, int n)
{
#pragma omp simd
    for (int i = 0; i < n; i++) y[i] += k * x[i];
}

static size_t row(int i, int c)
{
    return (size_t)i * (size_t)c;
}

/* logit and dot of step t's candidates. */
static void score_step(struct san_trainer *t, const struct san_params *p, const struct san_batch *b,
                       int step)
{
    const int c = t->h.width, n_feat = t->h.n_feat;
    const float kv = expf(p->ptr_scale[0]) / sqrtf((float)c);
    const float kp = expf(p->ptr_scale[1]) / sqrtf((float)c);
    const float *h = t->hd + row(step, c), *u = t->u + row(step, c);

    for (int i = b->cand_off[step]; i < b->cand_off[step + 1]; i++) {
        const int32_t x = b->cand[i];

        if (x >= 0) {
            t->logit[i] = t->dot[i] = kv * dot(h, p->tok_embd + row(x, c), c);
        } else {
            t->dot[i] = kp * dot(u, t->e + row(-2 - x, c), c);
            t->logit[i] = t->dot[i] + dot(p->ptr_feat + row(b->cand_class[i], n_feat),
                                          b->cand_feat + row(i, n_feat), n_feat);
        }
    }
}

/* log(sum of p over the right candidates); with `weight` not 0 dlogit gets the gradient of
 * -weight * that. *is_ok: the best candidate is right. */
static double judge_step(struct san_trainer *t, const struct san_batch *b, int step, float weight,
                         uint8_t *is_ok)
{
    const int c0 = b->cand_off[step], c1 = b->cand_off[step + 1];
    double top = -INFINITY, top_right = -INFINITY, sum = 0, sum_right = 0;

    *is_ok = 0;
    for (int i = c0; i < c1; i++) {
        const double x = (double)t->logit[i];

        if (x > top) {
            top = x;
            *is_ok = b->cand_right[i] != 0;
        }
        if (b->cand_right[i] && x > top_right) top_right = x;
    }
    for (int i = c0; i < c1; i++) {
        sum += exp((double)t->logit[i] - top);
        if (b->cand_right[i]) sum_right += exp((double)t->logit[i] - top_right);
    }
    const double log_all = top + log(sum), log_right = top_right + log(sum_right);
    for (int i = c0; i < c1 && weight != 0; i++) {
        const double x = (double)t->logit[i];
        const double q = b->cand_right[i] ? exp(x - log_right) : 0;

        t->dlogit[i] = (float)((double)weight * (exp(x - log_all) - q));
    }
    return log_right - log_all;
}

void san__decide_forward(struct san_trainer *t, const struct san_params *p,
                         const struct san_batch *b, struct san_step_stats *stats, int is_training)
{
    const int c = t->h.width;
    double weight = 0, loss = 0;
    int n_ok = 0;

    for (int i = 0; i < b->n_step; i++) weight += (double)b->step_weight[i];
    const double per_weight = is_training && weight > 0 ? 1 / weight : 0;
    san__sgemm(&t->exact, SAN__N, SAN__N, b->n_step, c, c, 1, t->hd, c, p->ptr_key, c, 0, t->u, c);
#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 8)
    for (int i = 0; i < b->n_step; i++) score_step(t, p, b, i);
    memset(t->dlogit, 0, (size_t)b->cand_off[b->n_step] * sizeof *t->dlogit);
    for (int i = 0; i < b->n_step; i++) {
        const double w = (double)b->step_weight[i];
        uint8_t is_ok;
        const double logp = judge_step(t, b, i, (float)(w * per_weight), &is_ok);

        if (w > 0) loss -= w * logp;
        n_ok += is_ok;
        if (stats->step_logp) stats->step_logp[i] = (float)logp;
        if (stats->step_ok) stats->step_ok[i] = is_ok;
    }
    stats->weight = weight;
    stats->loss = weight > 0 ? loss / weight : 0;
    stats->n_step = b->n_step;
    stats->n_ok = n_ok;
}

/* dhd and du of one step. */
static void backward_step(struct san_trainer *t, const struct san_params *p,
                          const struct san_batch *b, int step)
{
    const int c = t->h.width;
    const float kv = expf(p->ptr_scale[0]) / sqrtf((float)c);
    const float kp = expf(p->ptr_scale[1]) / sqrtf((float)c);
    float *dh = t->dhd + row(step, c), *du = t->du + row(step, c);

    memset(dh, 0, (size_t)c * sizeof *dh);
    memset(du, 0, (size_t)c * sizeof *du);
    for (int i = b->cand_off[step]; i < b->cand_off[step + 1]; i++) {
        const int32_t x = b->cand[i];

        if (x >= 0)
            add_scaled(dh, p->tok_embd + row(x, c), kv * t->dlogit[i], c);
        else
            add_scaled(du, t->e + row(-2 - x, c), kp * t->dlogit[i], c);
    }
}

/* Columns [c0, c0+n) of the gradients of the rows that candidates name. */
static void backward_stripe(struct san_trainer *t, const struct san_params *p, float *d_embd,
                            const struct san_batch *b, int c0, int n)
{
    const int c = t->h.width;
    const float kv = expf(p->ptr_scale[0]) / sqrtf((float)c);
    const float kp = expf(p->ptr_scale[1]) / sqrtf((float)c);

    for (int s = 0; s < b->n_step; s++) {
        for (int i = b->cand_off[s]; i < b->cand_off[s + 1]; i++) {
            const int32_t x = b->cand[i];

            if (x >= 0)
                add_scaled(d_embd + row(x, c) + c0, t->hd + row(s, c) + c0, kv * t->dlogit[i], n);
            else
                add_scaled(t->de + row(-2 - x, c) + c0, t->u + row(s, c) + c0, kp * t->dlogit[i],
                           n);
        }
    }
}

static void backward_scales(const struct san_trainer *t, struct san_params *g,
                            const struct san_batch *b)
{
    const int n_feat = t->h.n_feat;
    double ds[2] = {0, 0};

    for (int i = 0; i < b->cand_off[b->n_step]; i++) {
        const int is_ptr = b->cand[i] < 0;

        ds[is_ptr] += (double)t->dlogit[i] * (double)t->dot[i];
        if (is_ptr)
            add_scaled(g->ptr_feat + row(b->cand_class[i], n_feat), b->cand_feat + row(i, n_feat),
                       t->dlogit[i], n_feat);
    }
    g->ptr_scale[0] += (float)ds[0];
    g->ptr_scale[1] += (float)ds[1];
}

void san__decide_backward(struct san_trainer *t, const struct san_params *p, struct san_params *g,
                          const struct san_batch *b)
{
    const int c = t->h.width;

    memset(t->de, 0, row(b->n_tok, c) * sizeof *t->de);
#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 8)
    for (int i = 0; i < b->n_step; i++) backward_step(t, p, b, i);
#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 1)
    for (int c0 = 0; c0 < c; c0 += STRIPE)
        backward_stripe(t, p, g->tok_embd, b, c0, c - c0 < STRIPE ? c - c0 : STRIPE);
    backward_scales(t, g, b);
    /* u = hd·Wp: dWp += hd^T·du, dhd += du·Wp^T */
    san__sgemm(&t->exact, SAN__T, SAN__N, c, c, b->n_step, 1, t->hd, c, t->du, c, 1, g->ptr_key, c);
    san__sgemm(&t->exact, SAN__N, SAN__T, b->n_step, c, c, 1, t->du, c, p->ptr_key, c, 1, t->dhd,
               c);
}
