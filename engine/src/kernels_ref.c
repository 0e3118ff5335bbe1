/* kernels_ref.c - the formulas of kernels.h written down; what the fast versions are held against. */
#include "kernels.h"

#include <math.h>

float san__dot_ref(const float *a, const float *b, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

void san__matvec_ref(float *restrict y, const float *restrict w, const float *restrict x, int n_out,
                     int n_in, float alpha, float beta)
{
    for (int o = 0; o < n_out; o++) {
        float dot = san__dot_ref(w + (size_t)o * (size_t)n_in, x, n_in);
        y[o] = alpha * dot + (beta != 0 ? beta * y[o] : 0);
    }
}

void san__zcn_ref(float *out, const float *x, const float *g, int n, float eps)
{
    float r = 1 / sqrtf(san__dot_ref(x, x, n) / (float)n + eps);
    for (int i = 0; i < n; i++) out[i] = (1 + g[i]) * (x[i] * r);
}

void san__attn_ref(float *out, const float *q, const float *k, const float *v, int R, int n, int D,
                   const int *visible, float *score)
{
    for (int r = 0; r < R; r++) {
        const float *q_r = q + (size_t)r * (size_t)D;
        float *out_r = out + (size_t)r * (size_t)D;
        int n_r = visible ? visible[r] : n;
        float max = -INFINITY, sum = 0;
        for (int j = 0; j < n_r; j++) {
            score[j] = san__dot_ref(q_r, k + (size_t)j * (size_t)D, D);
            if (score[j] > max) max = score[j];
        }
        for (int j = 0; j < n_r; j++) {
            score[j] = expf(score[j] - max);
            sum += score[j];
        }
        for (int d = 0; d < D; d++) {
            float o = 0;
            for (int j = 0; j < n_r; j++) o += score[j] * v[(size_t)j * (size_t)D + (size_t)d];
            out_r[d] = o / sum;
        }
    }
}
