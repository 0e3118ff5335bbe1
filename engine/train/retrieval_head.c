/* retrieval_head.c - forward and backward of the retrieval head. */
#include "retrieval_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train_int.h"

#define TEMPERATURE 0.05f

struct san__ret_head {
    int width, hidden, dim, max_q, max_t;
    struct san__ret_weights w, g;
    float *x, *a, *z, *u;     /* rows: q then t; inputs, hidden, outputs, unit outputs */
    float *norm;              /* (rows) |z| */
    float *dx, *du, *dz, *da; /* their gradients */
    float *score, *dscore;    /* (max_q, max_t) */
    int n_q, n_t;
    struct san__team team;
};

enum lt_err san__ret_new(int width, int hidden, int dim, int max_q, int max_t,
                         struct san__ret_head **out)
{
    struct san__ret_head *r = calloc(1, sizeof *r);
    if (!r) return LT_ERR_NOMEM;
    r->width = width;
    r->hidden = hidden;
    r->dim = dim;
    r->max_q = max_q;
    r->max_t = max_t;
    r->team.nt = 1;
    size_t rows = (size_t)max_q + (size_t)max_t, nc = (size_t)width, nh = (size_t)hidden,
           nd = (size_t)dim, ns = (size_t)max_q * (size_t)max_t;
    struct {
        float **p;
        size_t n;
    } part[] = {{&r->x, rows * nc}, {&r->dx, rows * nc}, {&r->a, rows * nh}, {&r->da, rows * nh},
                {&r->z, rows * nd}, {&r->dz, rows * nd}, {&r->u, rows * nd}, {&r->du, rows * nd},
                {&r->norm, rows},   {&r->score, ns},     {&r->dscore, ns}};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (!(*part[i].p = calloc(part[i].n + 1, sizeof(float)))) {
            san__ret_free(r);
            return LT_ERR_NOMEM;
        }
    *out = r;
    return LT_OK;
}

void san__ret_free(struct san__ret_head *r)
{
    if (!r) return;
    float *part[] = {r->x, r->dx, r->a,    r->da,    r->z,     r->dz,
                     r->u, r->du, r->norm, r->score, r->dscore};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) free(part[i]);
    free(r);
}

void san__ret_bind(struct san__ret_head *r, const struct san__ret_weights *w,
                   const struct san__ret_weights *g)
{
    r->w = *w;
    r->g = g ? *g : (struct san__ret_weights){0};
}

int san__ret_has_room(const struct san__ret_head *r, int n_q, int n_t)
{
    return n_q <= r->max_q && n_t <= r->max_t;
}

static void forward(struct san__ret_head *r, const float *q, int n_q, const float *t, int n_t)
{
    const int C = r->width, H = r->hidden, D = r->dim, n = n_q + n_t;
    r->n_q = n_q;
    r->n_t = n_t;
    memcpy(r->x, q, (size_t)n_q * (size_t)C * sizeof(float));
    memcpy(r->x + (size_t)n_q * (size_t)C, t, (size_t)n_t * (size_t)C * sizeof(float));
    san__sgemm(&r->team, SAN__N, SAN__T, n, H, C, 1, r->x, C, r->w.w1, C, 0, r->a, H);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < H; k++) {
            float *a = &r->a[(size_t)i * (size_t)H + (size_t)k];
            *a = fmaxf(0, *a + r->w.b1[k]);
        }
    san__sgemm(&r->team, SAN__N, SAN__T, n, D, H, 1, r->a, H, r->w.w2, H, 0, r->z, D);
    for (int i = 0; i < n; i++) {
        const float *z = r->z + (size_t)i * (size_t)D;
        float sum = 0;
        for (int k = 0; k < D; k++) sum += z[k] * z[k];
        r->norm[i] = sqrtf(sum) + 1e-12f;
        for (int k = 0; k < D; k++) r->u[(size_t)i * (size_t)D + (size_t)k] = z[k] / r->norm[i];
    }
    san__sgemm(&r->team, SAN__N, SAN__T, n_q, n_t, D, 1, r->u, D, r->u + (size_t)n_q * (size_t)D, D,
               0, r->score, n_t);
}

/* Loss, and its gradient by the cosines into dscore. */
static float loss_of(struct san__ret_head *r, const uint8_t *right, float weight)
{
    double loss = 0;
    for (int q = 0; q < r->n_q; q++) {
        const float *s = r->score + (size_t)q * (size_t)r->n_t;
        float *d = r->dscore + (size_t)q * (size_t)r->n_t, top = -INFINITY;
        const uint8_t *ok = right + (size_t)q * (size_t)r->n_t;
        double all = 0, good = 0;
        for (int t = 0; t < r->n_t; t++) top = fmaxf(top, s[t]);
        for (int t = 0; t < r->n_t; t++) {
            double e = exp((double)(s[t] - top) / (double)TEMPERATURE);
            all += e;
            good += ok[t] ? e : 0;
        }
        for (int t = 0; t < r->n_t; t++) {
            double e = exp((double)(s[t] - top) / (double)TEMPERATURE);
            double want = ok[t] && good > 0 ? e / good : 0;
            d[t] = (float)((double)weight * (e / all - want) / (double)TEMPERATURE / r->n_q);
        }
        loss += good > 0 ? log(all) - log(good) : 0;
    }
    return (float)(loss / r->n_q);
}

static float backward(struct san__ret_head *r, const uint8_t *right, float weight)
{
    const int C = r->width, H = r->hidden, D = r->dim, nq = r->n_q, nt = r->n_t, n = nq + nt;
    float loss = loss_of(r, right, weight);
    float *ut = r->u + (size_t)nq * (size_t)D, *dut = r->du + (size_t)nq * (size_t)D;
    san__sgemm(&r->team, SAN__N, SAN__N, nq, D, nt, 1, r->dscore, nt, ut, D, 0, r->du, D);
    san__sgemm(&r->team, SAN__T, SAN__N, nt, D, nq, 1, r->dscore, nt, r->u, D, 0, dut, D);
    for (int i = 0; i < n; i++) { /* through u = z / |z| */
        const float *u = r->u + (size_t)i * (size_t)D, *du = r->du + (size_t)i * (size_t)D;
        float *dz = r->dz + (size_t)i * (size_t)D, dot = 0;
        for (int k = 0; k < D; k++) dot += u[k] * du[k];
        for (int k = 0; k < D; k++) dz[k] = (du[k] - dot * u[k]) / r->norm[i];
    }
    san__sgemm(&r->team, SAN__T, SAN__N, D, H, n, 1, r->dz, D, r->a, H, 1, r->g.w2, H);
    san__sgemm(&r->team, SAN__N, SAN__N, n, H, D, 1, r->dz, D, r->w.w2, H, 0, r->da, H);
    float *gb = r->g.b1;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < H; k++) {
            size_t at = (size_t)i * (size_t)H + (size_t)k;
            if (r->a[at] <= 0) r->da[at] = 0;
            gb[k] += r->da[at];
        }
    san__sgemm(&r->team, SAN__T, SAN__N, H, C, n, 1, r->da, H, r->x, C, 1, r->g.w1, C);
    san__sgemm(&r->team, SAN__N, SAN__N, n, C, H, 1, r->da, H, r->w.w1, C, 0, r->dx, C);
    return loss;
}

float san__ret_gradient(struct san__ret_head *r, const float *q, int n_q, const float *t, int n_t,
                        const uint8_t *right, float weight, const float **dq, const float **dt)
{
    forward(r, q, n_q, t, n_t);
    float loss = backward(r, right, weight);
    *dq = r->dx;
    *dt = r->dx + (size_t)n_q * (size_t)r->width;
    return loss;
}

const float *san__ret_scores(struct san__ret_head *r, const float *q, int n_q, const float *t,
                             int n_t)
{
    forward(r, q, n_q, t, n_t);
    return r->score;
}

float san__ret_least_norm(const struct san__ret_head *r)
{
    float least = INFINITY;
    for (int i = r->n_q; i < r->n_q + r->n_t; i++) least = fminf(least, r->norm[i]);
    return least;
}
