/* gemm_train.c - the trainer's matrix products, on BLIS.
 *
 * BLIS takes a row and a column stride for every operand, so a transpose is a swap of strides and
 * no flag is needed. Each call runs on one thread; several threads take chunks of the rows (or of
 * the long inner dimension) from a shared counter. BLIS's own threads meet at spinning barriers
 * many times within a product, which on a machine with other work to do costs most of the speed:
 * with chunks a thread that was set aside for a moment holds nobody up before the end. */
#include "train_int.h"

#include <blis.h>

/* Rows of a chunk: large enough that packing B again for each costs little, small enough that
 * every thread has several. */
#define ROWS_LEAST 96
#define ROWS_MOST  512
/* Least length of a piece of the inner dimension in san__gemm_long. */
#define INNER_LEAST 512

/* BLIS 0.9 declares its inputs without const and does not write them. */
static float *input(const float *p)
{
    union {
        const float *in;
        float *out;
    } u = {p};

    return u.out;
}

/* On the calling thread. */
static void gemm_one(const struct san__team *team, enum san__trans ta, enum san__trans tb, int m,
                     int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                     float beta, float *c, int ldc)
{
    rntm_t r = BLIS_RNTM_INITIALIZER;

    if (team->bf16) {
        const size_t i = team->nt > 1 ? (size_t)omp_get_thread_num() : 0;

        san__gemm_bf16(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc,
                       team->bf16 + i * team->bf16_bytes);
        return;
    }

    bli_rntm_set_num_threads(1, &r);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &alpha, input(a),
                 ta == SAN__N ? lda : 1, ta == SAN__N ? 1 : lda, input(b), tb == SAN__N ? ldb : 1,
                 tb == SAN__N ? 1 : ldb, &beta, c, ldc, 1, NULL, &r);
}

void san__sgemm(const struct san__team *team, enum san__trans ta, enum san__trans tb, int m, int n,
                int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                float *c, int ldc)
{
    const int nt = team->nt;
    int rows = (m / (4 * nt) + 15) / 16 * 16;

    if (m == 0 || n == 0) return;
    if (nt == 1) {
        gemm_one(team, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    rows = rows < ROWS_LEAST ? ROWS_LEAST : rows > ROWS_MOST ? ROWS_MOST : rows;
#pragma omp parallel for num_threads(nt) schedule(dynamic, 1)
    for (int i = 0; i < m; i += rows) {
        const float *from = a + (size_t)i * (ta == SAN__N ? (size_t)lda : 1);

        gemm_one(team, ta, tb, m - i < rows ? m - i : rows, n, k, alpha, from, lda, b, ldb, beta,
                 c + (size_t)i * (size_t)ldc, ldc);
    }
}

void san__gemm_long(const struct san__team *team, int m, int n, int k, float alpha, const float *a,
                    int lda, const float *b, int ldb, float beta, float *c, int ldc, float *part)
{
    const int nt = team->nt;
    const int most = k / INNER_LEAST < SAN__PARTS ? k / INNER_LEAST : SAN__PARTS;
    const int n_part = nt == 1 || most < 1 ? 1 : most, len = (k + n_part - 1) / n_part;

    if (n_part == 1) {
        san__sgemm(team, SAN__T, SAN__N, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
#pragma omp parallel for num_threads(nt) schedule(dynamic, 1)
    for (int i = 0; i < n_part; i++) {
        const size_t from = (size_t)i * (size_t)len;
        const int count = k - i * len < len ? k - i * len : len;

        gemm_one(team, SAN__T, SAN__N, m, n, count, alpha, a + from * (size_t)lda, lda,
                 b + from * (size_t)ldb, ldb, 0, part + (size_t)i * (size_t)m * (size_t)n, n);
    }
#pragma omp parallel for num_threads(nt) schedule(static)
    for (int r = 0; r < m; r++) {
        float *restrict y = c + (size_t)r * (size_t)ldc;

#pragma omp simd
        for (int j = 0; j < n; j++) y[j] = beta == 0 ? 0 : beta * y[j];
        for (int i = 0; i < n_part; i++) { /* in order, whoever made them */
            const float *restrict x = part + ((size_t)i * (size_t)m + (size_t)r) * (size_t)n;

#pragma omp simd
            for (int j = 0; j < n; j++) y[j] += x[j];
        }
    }
}

#define TILE 16 /* floats of a cache line */

/* Copy the lower triangle of s(n,n) to the upper one, tile by tile. */
static void mirror(float *s, int n, int lds)
{
    const size_t ld = (size_t)lds;

    for (int i0 = 0; i0 < n; i0 += TILE)
        for (int j0 = 0; j0 <= i0; j0 += TILE)
            for (int i = i0; i < n && i < i0 + TILE; i++)
                for (int j = j0; j < i && j < j0 + TILE; j++)
                    s[(size_t)j * ld + (size_t)i] = s[(size_t)i * ld + (size_t)j];
}

void san__gemm_symmetric(const struct san__team *team, enum san__trans ta, enum san__trans tb,
                         int n, int k, float alpha, const float *a, int lda, const float *b,
                         int ldb, float beta, float *c, int ldc)
{
    rntm_t r = BLIS_RNTM_INITIALIZER;

    if (team->bf16) {
        san__gemm_bf16_symmetric(ta, tb, n, k, alpha, a, lda, b, ldb, beta, c, ldc, team->bf16);
        return;
    }
    bli_rntm_set_num_threads(1, &r);
    bli_sgemmt_ex(BLIS_LOWER, BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, n, k, &alpha, input(a),
                  ta == SAN__N ? lda : 1, ta == SAN__N ? 1 : lda, input(b), tb == SAN__N ? ldb : 1,
                  tb == SAN__N ? 1 : ldb, &beta, c, ldc, 1, NULL, &r);
    mirror(c, n, ldc);
}
