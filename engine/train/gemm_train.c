/* gemm_train.c - the trainer's matrix products, on BLIS.
 *
 * BLIS takes a row and a column stride for every operand, so a transpose is a swap of strides and
 * no flag is needed. The number of threads travels with each call (rntm) instead of being global
 * state: inside a parallel region callers ask for one. */
#include "train_int.h"

#include <blis.h>

static rntm_t threads(int nt)
{
    rntm_t r = BLIS_RNTM_INITIALIZER;

    bli_rntm_set_num_threads(nt, &r);
    return r;
}

/* BLIS 0.9 declares its inputs without const and does not write them. */
static float *input(const float *p)
{
    union {
        const float *in;
        float *out;
    } u = {p};

    return u.out;
}

void san__gemm(int nt, enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
               const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    rntm_t r = threads(nt);

    if (m == 0 || n == 0) return;
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &alpha, input(a),
                 ta == SAN__N ? lda : 1, ta == SAN__N ? 1 : lda, input(b), tb == SAN__N ? ldb : 1,
                 tb == SAN__N ? 1 : ldb, &beta, c, ldc, 1, NULL, &r);
}

void san__gemm_lower(enum san__trans ta, enum san__trans tb, int n, int k, float alpha,
                     const float *a, int lda, const float *b, int ldb, float beta, float *c,
                     int ldc)
{
    rntm_t r = threads(1);

    bli_sgemmt_ex(BLIS_LOWER, BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, n, k, &alpha, input(a),
                  ta == SAN__N ? lda : 1, ta == SAN__N ? 1 : lda, input(b), tb == SAN__N ? ldb : 1,
                  tb == SAN__N ? 1 : ldb, &beta, c, ldc, 1, NULL, &r);
}
