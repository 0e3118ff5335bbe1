/* attn_pairs.h - attention of many rows over a gathered span in bfloat16: what a processor with sums of
 * products of pairs does in half the time. Included by attn.c in sets that have them.
 *
 * A span holds 32-bit pairs of bfloat16, the first in the lower half:
 *
 *     keys    (D/2, SPAN + 16)  components 2d and 2d + 1 of a key
 *     values  (SPAN/2, D)       a component of keys 2j and 2j + 1
 *
 * so that one instruction adds two products to each of 16 scores, or of 16 components of the
 * output. Sums are floats; scores are off by up to |q| |k| / 256, weights by 1/512 of themselves. */
#ifndef SAN_ATTN_PAIRS_H
#define SAN_ATTN_PAIRS_H

#include <immintrin.h>

#include "kernels.h"
#include "vec.h"

#define PAIR_ROWS 6 /* at most at a time: 12 sums of scores */

/* Lanes 16 lower, 16 upper -> lower and upper by turns. */
INLINE __m512i paired(__m512bh two)
{
    const __m512i turns =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(turns, (__m512i)two);
}

/* 16 floats at element `at` of floats or halves. */
INLINE __m512 sixteen(const void *p, size_t at, int is_half)
{
    if (is_half)
        return _mm512_cvtph_ps(
            _mm256_loadu_si256((const __m256i_u *)(const void *)((const uint16_t *)p + at)));
    return _mm512_loadu_ps((const float *)p + at);
}

/* Keys are copied 16 at a time, see gather() in attn.c. `from`: component 0 of 16 keys. */
INLINE void pairs_keys(uint32_t *to, size_t to_step, const void *from, size_t at, int D,
                       int is_half)
{
    for (int d = 0; d < D; d += 2, at += 2 * SAN__TILE, to += to_step) {
        __m512 first = sixteen(from, at, is_half), second = sixteen(from, at + SAN__TILE, is_half);
        _mm512_storeu_si512(to, paired(_mm512_cvtne2ps_pbh(second, first)));
    }
}

/* Values of n keys from element `at` on become those of keys `key`... of the span. The partner of a
 * last key without one is zero until it comes. */
INLINE void pairs_values(uint32_t *values, int key, const void *from, size_t at, int n, int D,
                         int is_half)
{
    for (int i = 0, run; i < n; i += run) {
        uint32_t *to = values + (size_t)((key + i) / 2) * (size_t)D;
        run = (key + i) % 2 || i + 1 == n ? 1 : 2;
        for (int d = 0; d < D; d += SAN__TILE) {
            __m512 first = sixteen(from, at + (size_t)d, is_half);
            if ((key + i) % 2) { /* the upper half of what is there */
                __m512i there = _mm512_loadu_si512(to + d);
                __m512i here = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
                _mm512_storeu_si512(to + d, _mm512_or_si512(there, _mm512_slli_epi32(here, 16)));
                continue;
            }
            __m512 second =
                run == 2 ? sixteen(from, at + (size_t)(D + d), is_half) : _mm512_setzero_ps();
            _mm512_storeu_si512(to + d, paired(_mm512_cvtne2ps_pbh(second, first)));
        }
        at += (size_t)run * (size_t)D;
    }
}

/* n floats, a multiple of 16, as bfloat16. */
INLINE void to_pairs(uint32_t *to, const float *x, int n)
{
    for (int i = 0; i < n; i += 16)
        _mm256_storeu_si256((__m256i_u *)(void *)(to + i / 2),
                            (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
}

INLINE __m512 add_pairs(__m512 sum, __m512i a, uint32_t b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)_mm512_set1_epi32((int)b));
}

/* Scores of NV * 16 keys from key j on; q holds D/2 pairs a row. */
INLINE void pairs_scores(float *p, size_t p_step, const uint32_t *q, const uint32_t *keys,
                         size_t k_step, int NR, int NV, int D)
{
    __m512 s[PAIR_ROWS][2];
    for (int r = 0; r < NR; r++)
        for (int v = 0; v < NV; v++) s[r][v] = _mm512_setzero_ps();
    for (int d = 0; d < D / 2; d++) {
        __m512i k[2];
        for (int v = 0; v < NV; v++)
            k[v] = _mm512_loadu_si512(keys + (size_t)d * k_step + (size_t)v * SAN__TILE);
        for (int r = 0; r < NR; r++)
            for (int v = 0; v < NV; v++) s[r][v] = add_pairs(s[r][v], k[v], q[r * (D / 2) + d]);
    }
    for (int r = 0; r < NR; r++)
        for (int v = 0; v < NV; v++)
            _mm512_storeu_ps(p + (size_t)r * p_step + (size_t)v * SAN__TILE, s[r][v]);
}

/* 16 * WIDE columns of o (NR, D) = o * rescale + p V over n_pair pairs of keys. */
INLINE void pairs_sum(float *o, const uint32_t *p, size_t p_step, const float *rescale,
                      const uint32_t *values, int n_pair, int NR, int WIDE, int D)
{
    __m512 sum[PAIR_ROWS][2];
    for (int r = 0; r < NR; r++)
        for (int c = 0; c < WIDE; c++)
            sum[r][c] =
                _mm512_mul_ps(_mm512_loadu_ps(o + r * D + 16 * c), _mm512_set1_ps(rescale[r]));
    for (int j = 0; j < n_pair; j++) {
        __m512i v[2];
        for (int c = 0; c < WIDE; c++)
            v[c] = _mm512_loadu_si512(values + (size_t)j * (size_t)D + (size_t)(16 * c));
        for (int r = 0; r < NR; r++)
            for (int c = 0; c < WIDE; c++)
                sum[r][c] = add_pairs(sum[r][c], v[c], p[(size_t)r * p_step + (size_t)j]);
    }
    for (int r = 0; r < NR; r++)
        for (int c = 0; c < WIDE; c++) _mm512_storeu_ps(o + r * D + 16 * c, sum[r][c]);
}

#endif
