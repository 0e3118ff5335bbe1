/* Tests of the trainer's products through bfloat16 (engine/train/gemm_bf16.c, gemm_amx.c) against sums in
 * double precision over operands rounded the same way: every kind of transpose, ends that fill no tile,
 * chunks, scaling, and what must not be written. Without such a processor there is nothing to run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "san/rand.h"
#include "train_int.h"

#define GUARD 12345.0f /* around C: never touched */

/* x to the nearest bfloat16, ties to even. */
static float rounded(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    u += 0x7fff + (u >> 16 & 1);
    u &= 0xffff0000u;
    memcpy(&x, &u, sizeof x);
    return x;
}

static float *numbers(uint64_t seed, size_t n)
{
    float *x = malloc(n * sizeof *x);
    struct san_rand r;

    assert_non_null(x);
    san_rand_seed(&r, seed);
    for (size_t i = 0; i < n; i++) x[i] = (float)(2 * san_rand_double(&r) - 1);
    return x;
}

struct product {
    enum san__trans ta, tb;
    int m, n, k;
    float alpha, beta;
};

static double expected(const struct product *p, const float *a, int lda, const float *b, int ldb,
                       int i, int j)
{
    double sum = 0;

    for (int k = 0; k < p->k; k++) {
        const float x = p->ta == SAN__N ? a[i * lda + k] : a[k * lda + i];
        const float y = p->tb == SAN__N ? b[k * ldb + j] : b[j * ldb + k];

        sum += (double)rounded(x) * (double)rounded(y);
    }
    return sum;
}

static void check(const struct product *p, int is_symmetric)
{
    const int lda = (p->ta == SAN__N ? p->k : p->m) + 3, ldb = (p->tb == SAN__N ? p->n : p->k) + 5;
    const int ldc = p->n + 2;
    float *a = numbers(1, (size_t)(lda * (p->ta == SAN__N ? p->m : p->k)));
    float *b = is_symmetric ? a : numbers(2, (size_t)(ldb * (p->tb == SAN__N ? p->k : p->n)));
    float *c = numbers(3, (size_t)(ldc * p->m)), *was = malloc((size_t)(ldc * p->m) * sizeof *was);
    void *buf = aligned_alloc(64, san__bf16_bytes());

    assert_non_null(was);
    assert_non_null(buf);
    memset(buf, 0x7f, san__bf16_bytes()); /* large numbers where nothing was packed */
    for (int i = 0; i < p->m; i++) {
        for (int j = 0; j < i && is_symmetric; j++) c[j * ldc + i] = c[i * ldc + j];
        for (int j = p->n; j < ldc; j++) c[i * ldc + j] = GUARD;
    }
    memcpy(was, c, (size_t)(ldc * p->m) * sizeof *was);
    if (is_symmetric)
        san__gemm_bf16_symmetric(p->ta, p->tb, p->n, p->k, p->alpha, a, lda, b, lda, p->beta, c,
                                 ldc, buf);
    else
        san__gemm_bf16(p->ta, p->tb, p->m, p->n, p->k, p->alpha, a, lda, b, ldb, p->beta, c, ldc,
                       buf);
    for (int i = 0; i < p->m; i++) {
        for (int j = 0; j < ldc; j++) {
            const float got = c[i * ldc + j];

            if (j >= p->n) {
                assert_true(got == GUARD);
                continue;
            }
            const double want =
                (double)p->alpha * expected(p, a, lda, b, is_symmetric ? lda : ldb, i, j) +
                (double)(p->beta * was[i * ldc + j]);
            if (!(fabs((double)got - want) < 1e-5 * (1 + sqrt((double)p->k))))
                fail_msg("%d x %d x %d, transposed %d %d: C[%d][%d] is %g, not %g", p->m, p->n,
                         p->k, p->ta, p->tb, i, j, (double)got, want);
        }
    }
    free(buf);
    free(was);
    free(c);
    if (!is_symmetric) free(b);
    free(a);
}

/* With tiles, where there are some, and without. */
static void check_all(const struct product *p, int is_symmetric)
{
    check(p, is_symmetric);
    san__amx_allow(0);
    check(p, is_symmetric);
    san__amx_allow(1);
}

static void test_products__ends_and_chunks__are_the_sums_of_rounded_operands(void **state)
{
    static const int size[][3] = {{1, 1, 1},    {16, 16, 32}, {15, 17, 31},  {33, 31, 33},
                                  {48, 64, 64}, {7, 513, 40}, {65, 20, 513}, {40, 530, 1030}};

    (void)state;
    if (!san__bf16_is_available()) skip();
    for (size_t s = 0; s < sizeof size / sizeof size[0]; s++) {
        for (int t = 0; t < 4; t++) {
            struct product p = {t & 1 ? SAN__T : SAN__N,
                                t & 2 ? SAN__T : SAN__N,
                                size[s][0],
                                size[s][1],
                                size[s][2],
                                1,
                                0};

            check_all(&p, 0);
            p.alpha = -0.5f;
            p.beta = 2;
            check_all(&p, 0);
        }
    }
}

static void test_products__symmetric__have_both_triangles(void **state)
{
    static const int size[][2] = {{1, 1}, {16, 32}, {37, 31}, {65, 100}, {530, 40}};

    (void)state;
    if (!san__bf16_is_available()) skip();
    for (size_t s = 0; s < sizeof size / sizeof size[0]; s++) {
        const struct product p = {SAN__N, SAN__T, size[s][0], size[s][0], size[s][1], 0.5f, 2};

        check_all(&p, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products__ends_and_chunks__are_the_sums_of_rounded_operands),
        cmocka_unit_test(test_products__symmetric__have_both_triangles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
