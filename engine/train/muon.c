/* muon.c - momentum whose every step is an almost orthogonal matrix (Jordan and others, 2024).
 *
 * The update U of a matrix is replaced by the nearest matrix whose singular values are all about 1:
 * five Newton-Schulz steps of the odd quintic X <- aX + b(XX^T)X + c(XX^T)^2 X, which starts from
 * U / |U| and sends every singular value into about [0.7, 1.2]. The coefficients are chosen for
 * speed at 0, not for a limit of exactly 1. The Gram matrix is built on the shorter side and, as it
 * and its square are symmetric, only their lower triangles are computed. With bfloat16 the operands of
 * these products are rounded as those of the layers are; the published Muon keeps X itself in bfloat16,
 * here X and all sums stay fp32. */
#include "optim_int.h"

#include <math.h>
#include <string.h>

#define NS_STEPS 5
#define NS_A     3.4445f
#define NS_B     (-4.7750f)
#define NS_C     2.0315f
/* Keeps a zero update zero; far below any norm that a gradient has. */
#define NORM_EPS 1e-12

size_t san__muon_scratch_floats(int rows, int cols)
{
    const size_t n = (size_t)(rows < cols ? rows : cols), m = (size_t)(rows < cols ? cols : rows);

    return 2 * n * m + 2 * n * n;
}

/* The five steps on x(n,m), n <= m; returns where the result lies: x or y. */
static float *orthogonalise(const struct san__team *team, float *x, float *y, float *gram,
                            float *poly, int n, int m)
{
    for (int s = 0; s < NS_STEPS; s++) {
        float *t = x;

        san__gemm_symmetric(team, SAN__N, SAN__T, n, m, 1, x, m, x, m, 0, gram, n);
        memcpy(poly, gram, (size_t)n * (size_t)n * sizeof *poly);
        san__gemm_symmetric(team, SAN__N, SAN__N, n, n, NS_C, gram, n, gram, n, NS_B, poly, n);
        for (int i = 0; i < n; i++) poly[(size_t)i * (size_t)n + (size_t)i] += NS_A;
        san__sgemm(team, SAN__N, SAN__N, n, m, n, 1, poly, n, x, m, 0, y, m);
        x = y;
        y = t;
    }
    return x;
}

void san__muon_step(float *w, float *m, const float *g, float k, int rows, int cols, float lr,
                    float momentum, float decay, float *scratch, char *bf16)
{
    const struct san__team team = {1, bf16, 0};
    const size_t size = (size_t)rows * (size_t)cols;
    const int is_tall = rows > cols, n = is_tall ? cols : rows, wide = is_tall ? rows : cols;
    float *x = scratch, *y = x + size, *gram = y + size, *poly = gram + (size_t)n * (size_t)n;
    const float step = lr * sqrtf(is_tall ? (float)rows / (float)cols : 1.0f);
    const float keep = 1.0f - lr * decay;
    double ss = 0;

#pragma omp simd reduction(+ : ss)
    for (size_t i = 0; i < size; i++) {
        m[i] = momentum * m[i] + k * g[i];
        y[i] = k * g[i] + momentum * m[i]; /* Nesterov: look one step ahead */
        ss += (double)y[i] * (double)y[i];
    }
    const float inv = (float)(1 / (sqrt(ss) + NORM_EPS));
    if (is_tall)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++)
                x[(size_t)j * (size_t)rows + (size_t)i] =
                    y[(size_t)i * (size_t)cols + (size_t)j] * inv;
    else
        for (size_t i = 0; i < size; i++) x[i] = y[i] * inv;
    const float *o = orthogonalise(&team, x, y, gram, poly, n, wide);
    if (is_tall)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++) {
                const size_t at = (size_t)i * (size_t)cols + (size_t)j;

                w[at] = keep * w[at] - step * o[(size_t)j * (size_t)rows + (size_t)i];
            }
    else
        for (size_t i = 0; i < size; i++) w[i] = keep * w[i] - step * o[i];
}
