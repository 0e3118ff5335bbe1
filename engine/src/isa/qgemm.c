/* qgemm.c - products with matrices that stay quantised (mat.h). Compiled once per instruction set.
 *
 * One loop for all sets: MR rows of x against NU units of output rows, a unit being as many as a
 * vector holds sums (16, 8 or 4). Sums over a group of 32 are whole numbers in 32 bits and exact;
 * they are scaled and added up in float, group after group, so that an output is the same whatever
 * MR and NU computed it. */
#include "bytes.h"

/* What one call works on; y and ldy count floats. */
struct work {
    const struct san__mat *w;
    const struct san__qrows *x;
    float *y;
    float alpha, beta;
};

INLINE int32_t four_of(const int8_t *q)
{
    int32_t x;
    memcpy(&x, q, sizeof x);
    return x;
}

/* Outputs [unit * LANES, ...) of row `row`: what of them there is. */
INLINE void put(const struct work *k, int row, int unit, const floats *f)
{
    int o = unit * LANES, n = k->w->n_out - o < LANES ? k->w->n_out - o : LANES;
    float *y = k->y + (size_t)row * (size_t)k->w->n_out + (size_t)o;
#if defined(__AVX512F__)
    __mmask16 there = (__mmask16)((1u << n) - 1);
    __m512 sum = _mm512_mul_ps(_mm512_set1_ps(k->alpha), *f);
    if (k->beta != 0)
        sum = _mm512_fmadd_ps(_mm512_set1_ps(k->beta), _mm512_maskz_loadu_ps(there, y), sum);
    _mm512_mask_storeu_ps(y, there, sum);
#else
    float sum[LANES];
    memcpy(sum, f, sizeof sum);
    for (int i = 0; i < n; i++) y[i] = k->alpha * sum[i] + (k->beta != 0 ? k->beta * y[i] : 0);
#endif
}

/* One row reads every weight once: ask, for the second cache, for those that come when these units
 * are done; the first is too small for as many. Beyond the last tile this names other memory or
 * none, which does no harm: hence a number, no pointer. */
INLINE void fetch(const uint8_t *piece, size_t ahead, int n)
{
    for (int i = 0; i < n; i++)
        __builtin_prefetch((const void *)((uintptr_t)piece + ahead + (size_t)i * PIECE), 0, 2);
}

/* Rows [row, row + MR) against units [unit, unit + NU). MR, NU and BITS are constants. */
INLINE void block(const struct work *k, int row, int unit, int MR, int NU, int BITS)
{
    const int n_in = k->w->n_in, n_group = n_in / SAN__GROUP, N_PIECE = BITS == 8 ? 8 : 4;
    const int OFFSET = BITS == 8 ? OFFSET_8 : OFFSET_4;
    const uint8_t *piece[4];
    const uint16_t *scale[4];
    floats f[MR_MAX * NU_MAX];
    for (int u = 0; u < NU; u++) {
        int lane = (unit + u) * LANES, in_tile = lane % SAN__MAT_ROWS;
        const uint8_t *tile =
            k->w->mem + (size_t)(lane / SAN__MAT_ROWS) * san__mat_tile_bytes(n_in, BITS);
        scale[u] = (const uint16_t *)(const void *)tile + in_tile;
        piece[u] = tile + san__mat_scale_bytes(n_in) + (size_t)in_tile * 4;
    }
    for (int i = 0; i < MR * NU; i++) memset(&f[i], 0, sizeof f[i]);
    const size_t ahead =
        NU > 1 && NU * LANES >= SAN__MAT_ROWS
            ? (size_t)(NU * LANES / SAN__MAT_ROWS) * san__mat_tile_bytes(n_in, BITS)
            : 0;
    for (int g = 0; g < n_group; g++) {
        sums s[MR_MAX * NU_MAX];
        for (int u = 0; MR == 1 && ahead && u < NU; u += SAN__MAT_ROWS / LANES)
            fetch(piece[u], ahead, N_PIECE);
        const int8_t *q[MR_MAX];
        for (int r = 0; r < MR; r++) {
            q[r] = k->x->q + (size_t)(row + r) * (size_t)n_in + (size_t)g * SAN__GROUP;
            int32_t sum = OFFSET ? k->x->sum[(size_t)(row + r) * (size_t)n_group + (size_t)g] : 0;
            for (int u = 0; u < NU; u++) s[r * NU + u] = all(-OFFSET * sum);
        }
        for (int i = 0; i < N_PIECE; i++)
            for (int u = 0; u < NU; u++) {
                bytes b = load(piece[u] + i * PIECE);
                if (BITS == 8) {
                    for (int r = 0; r < MR; r++)
                        s[r * NU + u] = dot4(s[r * NU + u], b, four_of(q[r] + 4 * i), 8);
                } else {
                    bytes first = low(b), second = high(b);
                    for (int r = 0; r < MR; r++)
                        s[r * NU + u] = dot4(s[r * NU + u], first, four_of(q[r] + 4 * i), 4);
                    for (int r = 0; r < MR; r++)
                        s[r * NU + u] =
                            dot4(s[r * NU + u], second, four_of(q[r] + SAN__GROUP / 2 + 4 * i), 4);
                }
            }
        for (int u = 0; u < NU; u++) {
            floats d = scales(scale[u] + (size_t)g * SAN__MAT_ROWS);
            for (int r = 0; r < MR; r++)
                f[r * NU + u] = scaled(f[r * NU + u], s[r * NU + u], d,
                                       k->x->d[(size_t)(row + r) * (size_t)n_group + (size_t)g]);
            piece[u] += N_PIECE * PIECE;
        }
    }
    for (int r = 0; r < MR; r++)
        for (int u = 0; u < NU; u++) put(k, row + r, unit + u, &f[r * NU + u]);
}

/* All rows against one unit, or all units against one or two rows: weights are read once, and stay
 * near while the rows go by. */
INLINE void product(const struct work *k, int m, int BITS)
{
    int n_unit = (k->w->n_out + LANES - 1) / LANES, unit = 0;
    if (m <= 2) {
        for (; NU_MAX == 4 && unit + 4 <= n_unit; unit += 4) {
            if (m == 2)
                block(k, 0, unit, 2, 4 * (NU_MAX == 4), BITS);
            else
                block(k, 0, unit, 1, 4 * (NU_MAX == 4), BITS);
        }
    }
    for (; unit < n_unit; unit++) {
        int row = 0;
        for (; MR_MAX >= 8 && row + 8 <= m; row += 8) block(k, row, unit, MR_MAX, 1, BITS);
        for (; MR_MAX >= 4 && row + 4 <= m; row += 4)
            block(k, row, unit, MR_MAX < 4 ? 1 : 4, 1, BITS);
        for (; row + 2 <= m; row += 2) block(k, row, unit, 2, 1, BITS);
        for (; row < m; row++) block(k, row, unit, 1, 1, BITS);
    }
}

#if defined(__AMX_INT8__)
#include "qgemm_tiles.h"
#endif

void san__qgemm(float *y, const struct san__mat *w, const struct san__qrows *x, int m, float alpha,
                float beta)
{
    const struct work k = {w, x, y, alpha, beta};
#if defined(__AMX_INT8__)
    if (m >= TILES_FROM && w->n_in <= TILES_IN) {
        if (w->bits == 8)
            product_tiles(&k, m, 8);
        else
            product_tiles(&k, m, 4);
        return;
    }
#endif
    if (w->bits == 8)
        product(&k, m, 8);
    else
        product(&k, m, 4);
}
