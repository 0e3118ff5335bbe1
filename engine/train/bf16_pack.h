/* bf16_pack.h - floats packed as pairs of bfloat16, for the two products of gemm_bf16.c and gemm_amx.c.
 *
 * A pair holds the bfloat16 of k and k + 1 in the low and high n_pair of a word: what VDPBF16PS and
 * TDPBF16PS multiply and add. A panel of B is [pairs][BF16_NR] words; as sixteen of its rows, sixteen
 * words wide, it is the second operand of a tile product as it stands. */
#ifndef SAN_BF16_PACK_H
#define SAN_BF16_PACK_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define BF16_KC 512 /* of k in a chunk */
#define BF16_NC 512 /* columns of B in a chunk */
#define BF16_NR 32  /* columns of a panel */

/* GCC's tile instructions do not say what memory they read and write: nothing may be moved past this. */
#define TILES_SEE_MEMORY() __asm__ volatile("" ::: "memory")

#define INLINE static inline __attribute__((always_inline))

INLINE __mmask16 first(int n)
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

/* Panels of B(k,n) from its rows, of n_pair pairs each; those behind k are zeros. */
static inline void pack_rows(uint32_t *to, const float *b, size_t ldb, int k, int n, int n_pair)
{
    for (int j = 0; j < n; j += BF16_NR) {
        for (int p = 0; p < 2 * n_pair; p += 2, to += BF16_NR) {
            const float *row = b + (size_t)p * ldb + j, *odd = p + 1 < k ? row + ldb : NULL;

            if (p >= k) {
                _mm512_storeu_si512(to, _mm512_setzero_si512());
                _mm512_storeu_si512(to + 16, _mm512_setzero_si512());
                continue;
            }

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

/* Panels of B^T from the rows of B(n,k), 16 rows by 16 pairs at a time; pairs as above. */
static inline void pack_columns(uint32_t *to, const float *b, size_t ldb, int k, int n, int n_pair)
{
    for (int j = 0; j < n; j += 16) {
        uint32_t *panel = to + (size_t)(j / BF16_NR) * (size_t)n_pair * BF16_NR + j % BF16_NR;

        for (int p = 0; p < n_pair; p += 16) {
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
            for (int i = 0; i < 16 && p + i < n_pair; i++)
                _mm512_storeu_si512(panel + (size_t)(p + i) * BF16_NR, r[i]);
        }
    }
    if (n % BF16_NR > 0 && n % BF16_NR <= 16) /* the last panel's second n_pair */
        for (int p = 0; p < n_pair; p++)
            _mm512_storeu_si512(to + (size_t)(n / BF16_NR) * (size_t)n_pair * BF16_NR +
                                    (size_t)p * BF16_NR + 16,
                                _mm512_setzero_si512());
}

#endif
