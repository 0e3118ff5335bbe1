/* gemm_bf16.c - products of fp32 matrices through bfloat16, for processors that have them.
 *
 * AVX512-BF16 multiplies pairs of bfloat16 and adds them to fp32 sums at twice the rate of fp32.
 * Operands are rounded to 8 bits of mantissa while they are packed; sums, results and everything
 * outside the products stay fp32. BLIS 0.9 has no such product, hence this one. Where the processor has
 * tiles, gemm_amx.c does it.
 *
 *     B, a chunk of KC x NC, is packed into panels of 32 columns:  [k/2][32] pairs (k, k+1)
 *     A, 8 rows at a time:  op(A) = A    [8][KC/2] pairs, rows one behind the other
 *                           op(A) = A^T  [k/2][8] pairs, as A's own rows deliver them
 *     a tile of 8 x 32 sums stays in 16 registers over the whole chunk
 *
 * Ends of k are padded with zeros; ends of rows and columns are computed and not stored. */
#include "train_int.h"

#ifdef __AVX512BF16__

#include "bf16_pack.h"

#define KC      BF16_KC
#define NC      BF16_NC
#define MR      8
#define NR      BF16_NR
#define A_WORDS ((size_t)2 * MR * KC / 2) /* two panels: packing a transpose yields 16 columns */
#define B_WORDS ((size_t)NC * KC / 2)

int san__bf16_is_available(void)
{
    return 1;
}
size_t san__bf16_bytes(void)
{
    const size_t own = (A_WORDS + B_WORDS) * sizeof(uint32_t), amx = san__amx_bytes();

    return own > amx ? own : amx;
}

/* Rows of A(m,k), m <= MR: [MR][KC/2]. */
static void pack_a_rows(uint32_t *to, const float *a, size_t lda, int m, int k)
{
    for (int r = 0; r < MR; r++)
        for (int p = 0; p < k; p += 16)
            _mm256_storeu_si256((__m256i *)(void *)(to + (size_t)r * (KC / 2) + p / 2),
                                r < m ? narrow(a + (size_t)r * lda + p, first(k - p))
                                      : _mm256_setzero_si256());
}

/* Columns of A(k,m), m <= 2*MR: two panels [k/2][MR], the second KC/2*MR words behind. */
static void pack_a_columns(uint32_t *to, const float *a, size_t lda, int m, int k)
{
    for (int p = 0; p < k; p += 2) {
        const float *row = a + (size_t)p * lda;
        const __m512i v = pairs(row, p + 1 < k ? row + lda : NULL, first(m));

        _mm256_storeu_si256((__m256i *)(void *)(to + (size_t)(p / 2) * MR),
                            _mm512_castsi512_si256(v));
        _mm256_storeu_si256((__m256i *)(void *)(to + (size_t)(KC / 2 + p / 2) * MR),
                            _mm512_extracti64x4_epi64(v, 1));
    }
}

/* One tile of C: rows x cols of it are stored. rs, cs: distance of A's rows and pairs in words. */
INLINE void tile(float *c, size_t ldc, const uint32_t *a, const size_t rs, const size_t cs,
                 const uint32_t *b, int half, int rows, int cols, float alpha, float beta)
{
    __m512 sum[MR][2];

    for (int r = 0; r < MR; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int p = 0; p < half; p++) {
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b + (size_t)p * NR);
        const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + (size_t)p * NR + 16);

        for (int r = 0; r < MR; r++) {
            const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[(size_t)r * rs + (size_t)p * cs]);

            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int h = 0; h < 2; h++) {
            const __mmask16 m = first(cols - 16 * h);
            float *y = c + (size_t)r * ldc + 16 * h;
            __m512 v = _mm512_mul_ps(sum[r][h], _mm512_set1_ps(alpha));

            if (!m) continue;
            if (beta != 0)
                v = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, y), _mm512_set1_ps(beta), v);
            _mm512_mask_storeu_ps(y, m, v);
        }
    }
}

static void panel_rows(float *c, size_t ldc, const uint32_t *a, const uint32_t *b, int k, int rows,
                       int n, float alpha, float beta)
{
    const int half = (k + 1) / 2;

    for (int j = 0; j < n; j += NR, b += (size_t)half * NR)
        tile(c + j, ldc, a, KC / 2, 1, b, half, rows, n - j, alpha, beta);
}

static void panel_columns(float *c, size_t ldc, const uint32_t *a, const uint32_t *b, int k,
                          int rows, int n, float alpha, float beta)
{
    const int half = (k + 1) / 2;

    for (int j = 0; j < n; j += NR, b += (size_t)half * NR)
        tile(c + j, ldc, a, 1, MR, b, half, rows, n - j, alpha, beta);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* The product; of a symmetric one only the tiles that touch the lower triangle. */
INLINE void multiply(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                     const float *a, int lda, const float *b, int ldb, float beta, float *c,
                     int ldc, void *buf, const int is_lower)
{
    uint32_t *pa = buf, *pb = pa + A_WORDS;
    const size_t la = (size_t)lda, lb = (size_t)ldb, lc = (size_t)ldc;

    for (int j = 0; j < n; j += NC) {
        for (int p = 0; p < k; p += KC) {
            const int nc = least(n - j, NC), kc = least(k - p, KC);
            const float keep = p == 0 ? beta : 1;

            if (tb == SAN__N)
                pack_rows(pb, b + (size_t)p * lb + j, lb, kc, nc, (kc + 1) / 2);
            else
                pack_columns(pb, b + (size_t)j * lb + p, lb, kc, nc, (kc + 1) / 2);
            for (int i = is_lower ? j : 0; i < m; i += MR) {
                float *ci = c + (size_t)i * lc + j;
                const int cols = is_lower ? least(i + MR - j, nc) : nc;

                if (ta == SAN__N) {
                    pack_a_rows(pa, a + (size_t)i * la + p, la, least(m - i, MR), kc);
                    panel_rows(ci, lc, pa, pb, kc, least(m - i, MR), cols, alpha, keep);
                    continue;
                }
                if (i % (2 * MR) == 0)
                    pack_a_columns(pa, a + (size_t)p * la + i, la, least(m - i, 2 * MR), kc);
                panel_columns(ci, lc, pa + (i % (2 * MR) ? (size_t)(KC / 2) * MR : 0), pb, kc,
                              least(m - i, MR), cols, alpha, keep);
            }
        }
    }
}

void san__gemm_bf16(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                    const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc,
                    void *buf)
{
    if (san__amx_is_available())
        san__gemm_amx(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buf, 0);
    else
        multiply(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buf, 0);
}

/* Copy the lower triangle of s(n,n) to the upper one. */
static void mirror(float *s, size_t ld, int n)
{
    for (int i = 0; i < n; i += 16)
        for (int j = 0; j <= i; j += 16) {
            const __mmask16 rows = first(n - i), cols = first(n - j);
            __m512i r[16];

            for (int k = 0; k < 16; k++)
                r[k] = i + k < n ? _mm512_maskz_loadu_epi32(cols, s + (size_t)(i + k) * ld + j)
                                 : _mm512_setzero_si512();
            transpose(r);
            for (int k = 0; k < 16 && j + k < n; k++) {
                const __mmask16 above = i == j ? (__mmask16)(0xfffe << k) : 0xffff;

                _mm512_mask_storeu_epi32(s + (size_t)(j + k) * ld + i, rows & above, r[k]);
            }
        }
}

void san__gemm_bf16_symmetric(enum san__trans ta, enum san__trans tb, int n, int k, float alpha,
                              const float *a, int lda, const float *b, int ldb, float beta,
                              float *c, int ldc, void *buf)
{
    if (san__amx_is_available())
        san__gemm_amx(ta, tb, n, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buf, 1);
    else
        multiply(ta, tb, n, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buf, 1);
    mirror(c, (size_t)ldc, n);
}

#else

int san__bf16_is_available(void)
{
    return 0;
}
size_t san__bf16_bytes(void)
{
    return 0;
}
void san__gemm_bf16(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                    const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc,
                    void *buf)
{
    (void)buf; /* never asked for: san__bf16_is_available says no. The fp32 product is the same */
    san__sgemm(&(struct san__team){1, NULL, 0}, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c,
               ldc);
}
void san__gemm_bf16_symmetric(enum san__trans ta, enum san__trans tb, int n, int k, float alpha,
                              const float *a, int lda, const float *b, int ldb, float beta,
                              float *c, int ldc, void *buf)
{
    (void)buf; /* as above */
    san__gemm_symmetric(&(struct san__team){1, NULL, 0}, ta, tb, n, k, alpha, a, lda, b, ldb, beta,
                        c, ldc);
}

#endif
