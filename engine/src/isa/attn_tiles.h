/* attn_tiles.h - attention of many rows over a gathered span in tiles: spans of bfloat16 pairs as in
 * attn_pairs.h, which lie as TDPBF16PS wants its second factor. Included by attn.c in sets that have it.
 *
 * Up to 16 rows at a time: scores with 32 keys in two tiles of sums, then the weights of the whole
 * span in vectors, then 32 components of the output in the same two tiles. All rows go this way
 * whatever their number, so that a row's result does not depend on it. */
#ifndef SAN_ATTN_TILES_H
#define SAN_ATTN_TILES_H

#include "attn_pairs.h"
#include "tiles.h"

#define PAIRS TILE_ROWS /* 32-bit pairs in a row of a tile: 32 components, or 32 keys */

/* Registers: of a whole tile of rows, and of what is left. */
#define S0     0
#define S1     1
#define Q      2
#define S0_END 3
#define S1_END 4
#define Q_END  5
#define K0     6
#define K1     7

INLINE void attn_shapes(int n_row)
{
    struct tile_shapes s = {0};
    const int end = n_row % TILE_ROWS;
    for (int tile = S0; n_row >= TILE_ROWS && tile <= Q; tile++)
        tile_shape(&s, tile, TILE_ROWS, TILE_BYTES);
    for (int tile = S0_END; end && tile <= Q_END; tile++) tile_shape(&s, tile, end, TILE_BYTES);
    tile_shape(&s, K0, TILE_ROWS, TILE_BYTES);
    tile_shape(&s, K1, TILE_ROWS, TILE_BYTES);
    tiles_begin(&s);
}

/* exp(x) for x <= 0 to 4e-6 of itself, which is little beside the rounding to bfloat16 that follows;
 * 2^f on [-1/2, 1/2] is its Taylor polynomial of degree 5. Below -86 it gives exp(-86), 4e-38: a
 * smaller number would be denormal, which takes the processor a hundred times as long. */
INLINE __m512 exp_short(__m512 x)
{
    __m512 t = _mm512_mul_ps(_mm512_max_ps(x, _mm512_set1_ps(-86.0f)), _mm512_set1_ps(1.44269504f));
    __m512 f = _mm512_reduce_ps(t, 8); /* less the nearest whole number */
    __m512 y = _mm512_fmadd_ps(f, _mm512_set1_ps(1.3333558e-3f), _mm512_set1_ps(9.6181291e-3f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(5.5504109e-2f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.24022651f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.69314718f));
    y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1));
    return _mm512_scalef_ps(y, _mm512_sub_ps(t, f));
}

/* Scores p of row r, of which the first n_key are seen, become weights as pairs, zeros up to `n`, a
 * multiple of 32; where the largest score so far grows, the row's output and sums shrink. */
INLINE void tile_weights(struct san__attn *a, int r, uint32_t *weights, const float *p, int n_key,
                         int n, int D)
{
    __m512 l = _mm512_loadu_ps(a->l + (size_t)r * SAN__TILE);
    if (!a->is_bounded) {
        __m512 most = _mm512_set1_ps(-INFINITY);
        for (int j = 0; j < n_key; j += 16) {
            __mmask16 seen = (__mmask16)(n_key - j < 16 ? (1u << (n_key - j)) - 1 : 0xffff);
            most = _mm512_mask_max_ps(most, seen, most, _mm512_loadu_ps(p + j));
        }
        float m = _mm512_reduce_max_ps(most), *o = a->o + (size_t)r * (size_t)D;
        if (m > a->m[r]) {
            __m512 rescale = _mm512_set1_ps(expf(a->m[r] - m));
            for (int d = 0; d < D; d += 16)
                _mm512_storeu_ps(o + d, _mm512_mul_ps(_mm512_loadu_ps(o + d), rescale));
            l = _mm512_mul_ps(l, rescale);
            a->m[r] = m;
        }
    }
    const __m512 m = _mm512_set1_ps(a->m[r]);
    for (int j = 0; j < n; j += 32) {
        __m512 e[2];
        for (int i = 0; i < 2; i++) {
            int left = n_key - j - 16 * i;
            __mmask16 seen = (__mmask16)(left >= 16 ? 0xffff : left > 0 ? (1u << left) - 1 : 0);
            __m512 s = _mm512_maskz_loadu_ps(seen, p + j + 16 * i);
            e[i] = _mm512_maskz_mov_ps(seen, exp_short(_mm512_sub_ps(s, m)));
            l = _mm512_add_ps(l, e[i]);
        }
        _mm512_storeu_si512(weights + j / 2, (__m512i)_mm512_cvtne2ps_pbh(e[1], e[0]));
    }
    _mm512_storeu_ps(a->l + (size_t)r * SAN__TILE, l);
}

/* Rows [r0, r0 + nr), a tile's or the last ones, against n keys, a multiple of 32. */
INLINE void tiles_rows(struct san__attn *a, int r0, int nr, const uint32_t *keys, size_t k_step,
                       const uint32_t *values, int n_key, int n, int D, int IS_END)
{
    enum { WIDE = (SAN__SPAN + 31) / 32 * PAIRS };
    float p[TILE_ROWS][SAN__SPAN] __attribute__((aligned(64)));
    uint32_t q[TILE_ROWS][2 * PAIRS] __attribute__((aligned(64)));
    uint32_t weights[TILE_ROWS][WIDE] __attribute__((aligned(64)));
    float *o = a->o + (size_t)r0 * (size_t)D;
    for (int r = 0; r < nr; r++) {
        to_pairs(q[r], a->q + (size_t)(r0 + r) * (size_t)D, D);
        if (D % 32) memset(&q[r][D / 2], 0, 8 * sizeof q[r][0]);
    }
#define SUM(T0, T1, A, a_from, a_step, b_from, b_step)                                             \
    TILE_LOAD(A, a_from, a_step);                                                                  \
    TILE_LOAD(K0, b_from, b_step);                                                                 \
    _tile_dpbf16ps(T0, A, K0);                                                                     \
    TILE_LOAD(K1, (b_from) + 16, b_step);                                                          \
    _tile_dpbf16ps(T1, A, K1)
#define SCORES(T0, T1, A)                                                                          \
    for (int j = 0; j < n; j += 32) {                                                              \
        _tile_zero(T0);                                                                            \
        _tile_zero(T1);                                                                            \
        for (int d = 0; d < D; d += 32) {                                                          \
            SUM(T0, T1, A, &q[0][d / 2], sizeof q[0], keys + (size_t)(d / 2) * k_step + j,         \
                k_step * sizeof *keys);                                                            \
        }                                                                                          \
        _tile_stored(T0, &p[0][j], sizeof p[0]);                                                   \
        _tile_stored(T1, &p[0][j + 16], sizeof p[0]);                                              \
    }
    if (IS_END) {
        SCORES(S0_END, S1_END, Q_END)
    } else {
        SCORES(S0, S1, Q)
    }
    for (int r = 0; r < nr; r++) tile_weights(a, r0 + r, weights[r], p[r], n_key, n, D);
#define VALUES(T0, T1, A)                                                                          \
    for (int d = 0; d + 32 <= D; d += 32) {                                                        \
        TILE_LOAD(T0, o + d, (size_t)D * sizeof *o);                                               \
        TILE_LOAD(T1, o + d + 16, (size_t)D * sizeof *o);                                          \
        for (int j = 0; j < n; j += 32) {                                                          \
            SUM(T0, T1, A, &weights[0][j / 2], sizeof weights[0],                                  \
                values + (size_t)(j / 2) * (size_t)D + d, (size_t)D * sizeof *values);             \
        }                                                                                          \
        _tile_stored(T0, o + d, (size_t)D * sizeof *o);                                            \
        _tile_stored(T1, o + d + 16, (size_t)D * sizeof *o);                                       \
    }                                                                                              \
    if (D % 32) { /* 16 more components */                                                         \
        const int d = D / 32 * 32;                                                                 \
        TILE_LOAD(T0, o + d, (size_t)D * sizeof *o);                                               \
        for (int j = 0; j < n; j += 32) {                                                          \
            TILE_LOAD(A, &weights[0][j / 2], sizeof weights[0]);                                   \
            TILE_LOAD(K0, values + (size_t)(j / 2) * (size_t)D + d, (size_t)D * sizeof *values);   \
            _tile_dpbf16ps(T0, A, K0);                                                             \
        }                                                                                          \
        _tile_stored(T0, o + d, (size_t)D * sizeof *o);                                            \
    }
    if (IS_END) {
        VALUES(S0_END, S1_END, Q_END)
    } else {
        VALUES(S0, S1, Q)
    }
#undef VALUES
#undef SCORES
#undef SUM
}

/* All rows against the n_key keys gathered in mem. What a tile reads beyond them must not be a NaN where
 * the other factor is zero: pairs of components that are not there, and values. */
INLINE void tiles_span(struct san__attn *a, float *mem, size_t k_step, int n_key, int D)
{
    uint32_t *keys = (uint32_t *)(void *)mem;
    uint32_t *values = (uint32_t *)(void *)(mem + k_step * (size_t)D);
    int n = (n_key + 31) / 32 * 32, n_pair = (n_key + 1) / 2, r = 0;
    if (D % 32) memset(keys + (size_t)(D / 2) * k_step, 0, 8 * k_step * sizeof *keys);
    memset(values + (size_t)n_pair * (size_t)D, 0,
           (size_t)(n / 2 - n_pair) * (size_t)D * sizeof *values);
    attn_shapes(a->n_row);
    for (; r + TILE_ROWS <= a->n_row; r += TILE_ROWS)
        tiles_rows(a, r, TILE_ROWS, keys, k_step, values, n_key, n, D, 0);
    if (r < a->n_row) tiles_rows(a, r, a->n_row - r, keys, k_step, values, n_key, n, D, 1);
    _tile_release();
}

#undef S0
#undef S1
#undef Q
#undef S0_END
#undef S1_END
#undef Q_END
#undef K0
#undef K1

#endif
