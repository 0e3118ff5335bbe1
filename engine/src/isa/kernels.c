/* kernels.c - see kernels.h: products of one row, norm, rotation. Compiled once per instruction set. */
#include "kernels.h"

#include <math.h>

#include "vec.h"

#define TILE SAN__TILE

/* ---- products of one row ---- */

float san__dot(const float *a, const float *b, int n)
{
    vec16 acc0 = {0}, acc1 = {0};
    int i = 0;
    for (; i + 2 * TILE <= n; i += 2 * TILE) {
        acc0 += *(const vec16 *)(a + i) * *(const vec16 *)(b + i);
        acc1 += *(const vec16 *)(a + i + TILE) * *(const vec16 *)(b + i + TILE);
    }
    for (; i + TILE <= n; i += TILE) acc0 += *(const vec16 *)(a + i) * *(const vec16 *)(b + i);
    acc0 += acc1;
    float sum = sum16(&acc0);
    for (; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Four rows of W at a time share each load of x and keep four sums running. */
void san__matvec(float *restrict y, const float *restrict w, const float *restrict x, int n_out,
                 int n_in, float alpha, float beta)
{
    int o = 0;
    for (; o + 4 <= n_out; o += 4) {
        const float *w0 = w + (size_t)o * (size_t)n_in, *w1 = w0 + n_in, *w2 = w1 + n_in,
                    *w3 = w2 + n_in;
        vec16 a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
        int i = 0;
        for (; i + TILE <= n_in; i += TILE) {
            vec16 xi = *(const vec16 *)(x + i);
            a0 += *(const vec16 *)(w0 + i) * xi;
            a1 += *(const vec16 *)(w1 + i) * xi;
            a2 += *(const vec16 *)(w2 + i) * xi;
            a3 += *(const vec16 *)(w3 + i) * xi;
        }
        float s[4] = {sum16(&a0), sum16(&a1), sum16(&a2), sum16(&a3)};
        for (; i < n_in; i++) {
            s[0] += w0[i] * x[i];
            s[1] += w1[i] * x[i];
            s[2] += w2[i] * x[i];
            s[3] += w3[i] * x[i];
        }
        for (int r = 0; r < 4; r++) y[o + r] = alpha * s[r] + (beta != 0 ? beta * y[o + r] : 0);
    }
    for (; o < n_out; o++) {
        float dot = san__dot(w + (size_t)o * (size_t)n_in, x, n_in);
        y[o] = alpha * dot + (beta != 0 ? beta * y[o] : 0);
    }
}

/* ---- norm and rotation ---- */

void san__zcn(float *out, const float *x, const float *g, int n, float eps)
{
    float r = 1 / sqrtf(san__dot(x, x, n) / (float)n + eps);
    for (int i = 0; i < n; i++) out[i] = (1 + g[i]) * (x[i] * r);
}

void san__rope(float *x, const float *cos_row, const float *sin_row, int D)
{
    int half = D / 2;
    for (int i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos_row[i] - b * sin_row[i];
        x[i + half] = b * cos_row[i] + a * sin_row[i];
    }
}
