/* gemm_bf16.c - products of fp32 matrices through bfloat16, for processors that have them.
 *
 * AVX512-BF16 multiplies pairs of bfloat16 and adds them to fp32 sums at twice the rate of fp32.
 * Operands are rounded to 8 bits of mantissa while they are packed; sums, results and everything
 * outside the products stay fp32. BLIS 0.9 has no such product, hence this one.
 *
 *     B, a chunk of KC x NC, is packed into panels of 32 columns:  [k/2][32] pairs (k, k+1)
 *     A, 8 rows at a time:  op(A) = A    [8][KC/2] pairs, rows one behind the other
 *                           op(A) = A^T  [k/2][8] pairs, as A's own rows deliver them
 *     a tile of 8 x 32 sums stays in 16 registers over the whole chunk
 *
 * Ends of k are padded with zeros; ends of rows and columns are computed and not stored. */
#include "train_int.h"

#ifdef __AVX512BF16__

#include <immintrin.h>

#define KC      512
#define NC      512
#define MR      8
#define NR      32
#define A_WORDS ((size_t)2 * MR * KC / 2) /* two panels: packing a transpose yields 16 columns */
#define B_WORDS ((size_t)NC * KC / 2)

#define INLINE static inline __attribute__((always_inline))

int san__bf16_is_available(void)
{
    return 1;
}
size_t san__bf16_bytes(void)
{
    return (A_WORDS + B_WORDS) * sizeof(uint32_t);
}

static __mmask16 first(int n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << (n < 0 ? 0 : n)) - 1);
}

/* 16 floats, those behind the mask 0, as bfloat16. */
INLINE __m256i narrow(const float *x, __mmask16 m)
{
    return (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, x));
}

/* 16 pairs from two rows; the second may be missing. */
INLINE __m512i pairs(const float *even, const float *odd, __mmask16 m)
{
    const __m512i lo = _mm512_cvtepu16_epi32(narrow(even, m));

    if (!odd) return lo;
    return _mm512_or_si512(lo, _mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow(odd, m)), 16));
}

/* Panels of B(k,n) from its rows. */
static void pack_rows(uint32_t *to, const float *b, size_t ldb, int k, int n)
{
    for (int j = 0; j < n; j += NR) {
        for (int p = 0; p < k; p += 2, to += NR) {
            const float *row = b + (size_t)p * ldb + j, *odd = p + 1 < k ? row + ldb : NULL;

            _mm512_storeu_si512(to, pairs(row, odd, first(n - j)));
            _mm512_storeu_si512(
                to + 16, n - j > 16 ? pairs(row + 16, odd ? odd + 16 : NULL, first(n - j - 16))
                                    : _mm512_setzero_si512());
        }
    }
}

/* 16 x 16 words, rows become columns. */
INLINE void transpose(__m512i r[16])
{
    __m512i t[16];

    for (int i = 0; i < 16; i += 2) { /* pairs of rows, word by word */
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16;
         i += 4) { /* four rows: r[i + c] holds columns c, 4 + c, 8 + c, 12 + c */
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int c = 0; c < 4; c++) { /* quarters of 128 bits to their places */
        const __m512i lo = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x44);
        const __m512i hi = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xee);
        const __m512i lo2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x44);
        const __m512i hi2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xee);

        t[c] = _mm512_shuffle_i32x4(lo, lo2, 0x88);
        t[4 + c] = _mm512_shuffle_i32x4(lo, lo2, 0xdd);
        t[8 + c] = _mm512_shuffle_i32x4(hi, hi2, 0x88);
        t[12 + c] = _mm512_shuffle_i32x4(hi, hi2, 0xdd);
    }
    for (int i = 0; i < 16; i++) r[i] = t[i];
}

/* Panels of B^T from the rows of B(n,k), 16 rows by 16 pairs at a time. */
static void pack_columns(uint32_t *to, const float *b, size_t ldb, int k, int n)
{
    const int half = (k + 1) / 2;

    for (int j = 0; j < n; j += 16) {
        uint32_t *panel = to + (size_t)(j / NR) * (size_t)half * NR + j % NR;

        for (int p = 0; p < half; p += 16) {
            const int left = k - 2 * p;
            const __mmask16 m0 = first(left), m1 = first(left - 16);
            __m512i r[16];

            for (int c = 0; c < 16; c++) {
                const float *x = b + (size_t)(j + c) * ldb + 2 * p;

                r[c] = j + c < n ? (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(m1, x + 16),
                                                                _mm512_maskz_loadu_ps(m0, x))
                                 : _mm512_setzero_si512();
            }
            transpose(r);
            for (int i = 0; i < 16 && p + i < half; i++)
                _mm512_storeu_si512(panel + (size_t)(p + i) * NR, r[i]);
        }
    }
    if (n % NR > 0 && n % NR <= 16) /* the last panel's second half */
        for (int p = 0; p < half; p++)
            _mm512_storeu_si512(to + (size_t)(n / NR) * (size_t)half * NR + (size_t)p * NR + 16,
                                _mm512_setzero_si512());
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
                pack_rows(pb, b + (size_t)p * lb + j, lb, kc, nc);
            else
                pack_columns(pb, b + (size_t)j * lb + p, lb, kc, nc);
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
