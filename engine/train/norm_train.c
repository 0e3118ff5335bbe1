/* norm_train.c - ZCN over rows and over heads, with the rotation of positions.
 *
 *     y = (1+g) * x * inv,  inv = 1/sqrt(mean(x^2) + eps)
 *     dx = inv * (u - x * inv^2 * mean(x*u)),  u = (1+g) * dy;   dg = sum over rows of dy * x * inv
 *
 * Gradients of gains are summed by each thread over its own rows and then in thread order, so that
 * a run repeats bit for bit for a given number of threads. */
#include "train_int.h"

#include <math.h>
#include <string.h>

void san__zcn_forward(float *restrict y, float *restrict inv, const float *x, const float *g, int n,
                      int c, float eps, int nt)
{
    (void)nt; /* read by the pragma alone */
#pragma omp parallel for num_threads(nt) schedule(static)
    for (int t = 0; t < n; t++) {
        const float *xt = x + (size_t)t * (size_t)c;
        float *yt = y + (size_t)t * (size_t)c;
        float ss = 0;

#pragma omp simd reduction(+ : ss)
        for (int i = 0; i < c; i++) ss += xt[i] * xt[i];
        const float r = 1.0f / sqrtf(ss / (float)c + eps);
        inv[t] = r;
#pragma omp simd
        for (int i = 0; i < c; i++) yt[i] = (1.0f + g[i]) * xt[i] * r;
    }
}

/* dg(c) += the nt partial sums in part(nt, c), in order. */
static void add_parts(float *dg, const float *part, int c, int nt)
{
    for (int k = 0; k < nt; k++)
        for (int i = 0; i < c; i++) dg[i] += part[(size_t)k * (size_t)c + (size_t)i];
}

void san__zcn_backward(float *restrict dx, float beta, float *dg, const float *dy, const float *x,
                       const float *inv, const float *g, int n, int c, float *part, int nt)
{
    memset(part, 0, (size_t)nt * (size_t)c * sizeof *part);
#pragma omp parallel num_threads(nt)
    {
        float *restrict pg = part + (size_t)omp_get_thread_num() * (size_t)c;

#pragma omp for schedule(static)
        for (int t = 0; t < n; t++) {
            const float *restrict xt = x + (size_t)t * (size_t)c;
            const float *restrict dyt = dy + (size_t)t * (size_t)c;
            float *restrict dxt = dx + (size_t)t * (size_t)c;
            const float r = inv[t];
            float dot = 0;

#pragma omp simd reduction(+ : dot)
            for (int i = 0; i < c; i++) dot += (1.0f + g[i]) * dyt[i] * xt[i];
            const float m = dot * r * r * r / (float)c;
            if (beta == 0) {
#pragma omp simd
                for (int i = 0; i < c; i++) dxt[i] = (1.0f + g[i]) * dyt[i] * r - xt[i] * m;
            } else {
#pragma omp simd
                for (int i = 0; i < c; i++) dxt[i] += (1.0f + g[i]) * dyt[i] * r - xt[i] * m;
            }
#pragma omp simd
            for (int i = 0; i < c; i++) pg[i] += dyt[i] * xt[i] * r;
        }
    }
    add_parts(dg, part, c, nt);
}

#define INLINE static inline __attribute__((always_inline))

/* Both directions are inlined for each usual head width, so that the loops over D have a constant
 * length. D is even (it is a multiple of 8). */
INLINE void head_forward(float *restrict y, float *restrict inv, const float *restrict x,
                         const float *restrict g, int d, const float *cs, const float *sn,
                         float eps)
{
    const int half = d / 2;
    float ss = 0;

#pragma omp simd reduction(+ : ss)
    for (int i = 0; i < d; i++) ss += x[i] * x[i];
    const float r = 1.0f / sqrtf(ss / (float)d + eps);
    *inv = r;
    if (!cs) {
        for (int i = 0; i < d; i++) y[i] = (1.0f + g[i]) * x[i] * r;
        return;
    }
#pragma omp simd
    for (int i = 0; i < half; i++) {
        const float a = (1.0f + g[i]) * x[i] * r, b = (1.0f + g[half + i]) * x[half + i] * r;

        y[i] = a * cs[i] - b * sn[i];
        y[half + i] = b * cs[i] + a * sn[i];
    }
}

INLINE void head_backward(float *restrict dy, float *restrict dg, const float *restrict x, float r,
                          const float *restrict g, int d, const float *cs, const float *sn)
{
    const int half = d / 2;
    float dot = 0;

    if (cs) {
#pragma omp simd
        for (int i = 0; i < half; i++) {
            const float a = dy[i], b = dy[half + i];

            dy[i] = a * cs[i] + b * sn[i];
            dy[half + i] = b * cs[i] - a * sn[i];
        }
    }
#pragma omp simd reduction(+ : dot)
    for (int i = 0; i < d; i++) dot += (1.0f + g[i]) * dy[i] * x[i];
    const float m = dot * r * r * r / (float)d;
#pragma omp simd
    for (int i = 0; i < d; i++) {
        const float v = dy[i];

        dg[i] += v * x[i] * r;
        dy[i] = (1.0f + g[i]) * v * r - x[i] * m;
    }
}

INLINE void row_forward(float *y, float *inv, const float *x, const float *g, int n_head, int d,
                        const float *cs, const float *sn, float eps)
{
    for (int k = 0; k < n_head; k++) head_forward(y + k * d, inv + k, x + k * d, g, d, cs, sn, eps);
}

INLINE void row_backward(float *dy, float *dg, const float *x, const float *inv, const float *g,
                         int n_head, int d, const float *cs, const float *sn)
{
    for (int k = 0; k < n_head; k++) head_backward(dy + k * d, dg, x + k * d, inv[k], g, d, cs, sn);
}

void san__heads_forward(float *y, int ldy, float *inv, const float *x, int ldx, const float *g,
                        int n, int n_head, int d, const struct san__rope *rope, float eps, int nt)
{
    (void)nt; /* read by the pragma alone */
#pragma omp parallel for num_threads(nt) schedule(static)
    for (int t = 0; t < n; t++) {
        const float *xt = x + (size_t)t * (size_t)ldx;
        float *yt = y + (size_t)t * (size_t)ldy, *it = inv + (size_t)t * (size_t)n_head;
        const size_t at = rope ? (size_t)rope->pos[t] * (size_t)(d / 2) : 0;
        const float *cs = rope ? rope->cs + at : NULL, *sn = rope ? rope->sn + at : NULL;

        switch (d) {
        case 16:
            row_forward(yt, it, xt, g, n_head, 16, cs, sn, eps);
            break;
        case 32:
            row_forward(yt, it, xt, g, n_head, 32, cs, sn, eps);
            break;
        case 64:
            row_forward(yt, it, xt, g, n_head, 64, cs, sn, eps);
            break;
        default:
            row_forward(yt, it, xt, g, n_head, d, cs, sn, eps);
            break;
        }
    }
}

void san__heads_backward(float *dy, int lddy, float *dg, const float *x, int ldx, const float *inv,
                         const float *g, int n, int n_head, int d, const struct san__rope *rope,
                         float *part, int nt)
{
    memset(part, 0, (size_t)nt * (size_t)d * sizeof *part);
#pragma omp parallel num_threads(nt)
    {
        float *pg = part + (size_t)omp_get_thread_num() * (size_t)d;

#pragma omp for schedule(static)
        for (int t = 0; t < n; t++) {
            const float *xt = x + (size_t)t * (size_t)ldx;
            const float *it = inv + (size_t)t * (size_t)n_head;
            float *dt = dy + (size_t)t * (size_t)lddy;
            const size_t at = rope ? (size_t)rope->pos[t] * (size_t)(d / 2) : 0;
            const float *cs = rope ? rope->cs + at : NULL, *sn = rope ? rope->sn + at : NULL;

            switch (d) {
            case 16:
                row_backward(dt, pg, xt, it, g, n_head, 16, cs, sn);
                break;
            case 32:
                row_backward(dt, pg, xt, it, g, n_head, 32, cs, sn);
                break;
            case 64:
                row_backward(dt, pg, xt, it, g, n_head, 64, cs, sn);
                break;
            default:
                row_backward(dt, pg, xt, it, g, n_head, d, cs, sn);
                break;
            }
        }
    }
    add_parts(dg, part, d, nt);
}
