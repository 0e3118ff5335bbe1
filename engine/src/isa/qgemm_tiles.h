/* qgemm_tiles.h - products of several rows with a quantised matrix by TDPBSSD, whole numbers again: the
 * bits are those of the loop in qgemm.c. Included by it in sets that have tiles of bytes.
 *
 * A group's 32 weights of 16 output rows lie as the instruction wants its second factor: eight
 * rows of 64 bytes, four columns of each output row in turn (mat.h). So one unit of output rows is
 * made signed bytes once for up to 64 rows of x, and each group of it gives 16 x 16 sums with 16 rows
 * of x by one instruction. What is left is theirs: to floats, scaled, added up in 16 registers. That
 * takes longer than the product, hence nothing is gained by more than one group in a tile. */
#ifndef SAN_QGEMM_TILES_H
#define SAN_QGEMM_TILES_H

#include "bytes.h"
#include "tiles.h"

#define TILES_FROM  9    /* rows; fewer are as fast without */
#define AHEAD       3    /* groups whose sums are on the way: a tile's stores are slow to be read */
#define RING        4    /* places for sums */
#define TILES_IN    2048 /* columns; what is made on the stack has this limit */
#define PANEL_TILES 4    /* of 16 rows of x */
#define WEIGHTS     ((size_t)SAN__GROUP * SAN__MAT_ROWS) /* bytes of a group of a unit */

/* A call's rows in tiles, and a unit's weights. */
struct panel {
    float d[PANEL_TILES][TILES_IN / SAN__GROUP][TILE_ROWS]; /* scales of x by group */
    int8_t w[TILES_IN / SAN__GROUP][WEIGHTS];
    int32_t s[RING][TILE_ROWS][LANES];
} __attribute__((aligned(64)));

/* Registers: of a whole tile of rows, and of what is left. */
#define S0     0
#define S1     1
#define X      2
#define S0_END 3
#define S1_END 4
#define X_END  5
#define W0     6
#define W1     7

INLINE void panel_shapes(int rows_end)
{
    struct tile_shapes s = {0};
    tile_shape(&s, S0, TILE_ROWS, TILE_BYTES);
    tile_shape(&s, S1, TILE_ROWS, TILE_BYTES);
    tile_shape(&s, X, TILE_ROWS, SAN__GROUP);
    if (rows_end) {
        tile_shape(&s, S0_END, rows_end, TILE_BYTES);
        tile_shape(&s, S1_END, rows_end, TILE_BYTES);
        tile_shape(&s, X_END, rows_end, SAN__GROUP);
    }
    tile_shape(&s, W0, SAN__GROUP / 4, TILE_BYTES);
    tile_shape(&s, W1, SAN__GROUP / 4, TILE_BYTES);
    tiles_begin(&s);
}

/* Scales of rows [row, row + n) by group, zeros for those that make up a tile. */
INLINE void panel_scales(float (*d)[TILE_ROWS], const struct san__qrows *x, int row, int n)
{
    int n_group = x->n_in / SAN__GROUP;
    for (int g = 0; g < n_group; g++)
        for (int r = 0; r < TILE_ROWS; r++)
            d[g][r] = r < n ? x->d[(size_t)(row + r) * (size_t)n_group + (size_t)g] : 0;
}

/* The weights of unit `unit` as signed bytes, columns in order. */
INLINE void panel_weights(int8_t (*w)[WEIGHTS], const uint8_t *pieces, int n_group, int BITS)
{
    for (int g = 0; g < n_group; g++, w++) {
        for (int i = 0; BITS == 8 && i < 8; i++, pieces += PIECE)
            _mm512_store_si512(&w[0][i * PIECE],
                               _mm512_xor_si512(load(pieces), _mm512_set1_epi8(-128)));
        for (int i = 0; BITS == 4 && i < 4; i++, pieces += PIECE) {
            bytes b = load(pieces);
            const __m512i offset = _mm512_set1_epi8(OFFSET_4);
            _mm512_store_si512(&w[0][i * PIECE], _mm512_sub_epi8(low(b), offset));
            _mm512_store_si512(&w[0][(i + 4) * PIECE], _mm512_sub_epi8(high(b), offset));
        }
    }
}

/* Sums of group g to their place in the ring. */
INLINE void group_sums(struct panel *p, const int8_t *q, int n_in, int g, int IS_END)
{
    const int8_t *x = q + (size_t)g * SAN__GROUP;
#define SUMS(S, X_, W)                                                                             \
    TILE_LOAD(X_, x, n_in);                                                                        \
    TILE_LOAD(W, p->w[g], PIECE);                                                                  \
    _tile_zero(S);                                                                                 \
    _tile_dpbssd(S, X_, W);                                                                        \
    _tile_stored(S, p->s[g % RING], TILE_BYTES)
    if (IS_END) {
        SUMS(S0_END, X_END, W0);
    } else {
        SUMS(S0, X, W0);
    }
#undef SUMS
}

/* Scale a group's sums of MR rows, add them to f. */
INLINE void group_add(floats *f, const int32_t (*s)[LANES], floats d_w, const float *d_x, int MR)
{
    for (int r = 0; r < MR; r++) f[r] = scaled(f[r], _mm512_load_si512(s[r]), d_w, d_x[r]);
}

/* `n` rows of x at q, in a tile or the last tile, against one unit; MR >= n registers of sums. */
INLINE void tile_rows(const struct work *k, struct panel *p, const uint16_t *scale, int tile,
                      int row, int unit, int n, int MR, int IS_END)
{
    const int n_in = k->w->n_in, n_group = n_in / SAN__GROUP;
    const int8_t *q = k->x->q + (size_t)row * (size_t)n_in;
    floats f[TILE_ROWS];
    for (int r = 0; r < MR; r++) f[r] = _mm512_setzero_ps();
    for (int g = 0; g < AHEAD && g < n_group; g++) group_sums(p, q, n_in, g, IS_END);
    for (int g = 0; g < n_group; g++) {
        if (g + AHEAD < n_group) group_sums(p, q, n_in, g + AHEAD, IS_END);
        group_add(f, p->s[g % RING], scales(scale + (size_t)g * SAN__MAT_ROWS), p->d[tile][g], MR);
    }
    for (int r = 0; r < MR && r < n; r++) put(k, row + r, unit, &f[r]);
}

/* The last n < 16 rows: as many registers as they need, in steps of four. */
INLINE void tile_end(const struct work *k, struct panel *p, const uint16_t *scale, int tile,
                     int row, int unit, int n)
{
    if (n > 12)
        tile_rows(k, p, scale, tile, row, unit, n, 16, 1);
    else if (n > 8)
        tile_rows(k, p, scale, tile, row, unit, n, 12, 1);
    else if (n > 4)
        tile_rows(k, p, scale, tile, row, unit, n, 8, 1);
    else
        tile_rows(k, p, scale, tile, row, unit, n, 4, 1);
}

/* All m rows against all units. */
INLINE void product_tiles(const struct work *k, int m, int BITS)
{
    const int n_in = k->w->n_in, n_group = n_in / SAN__GROUP;
    const int n_unit = (k->w->n_out + LANES - 1) / LANES;
    struct panel p;
    memset(p.s, 0, sizeof p.s); /* rows that make up a tile stay zero */
    panel_shapes(m % TILE_ROWS);
    for (int first = 0; first < m; first += PANEL_TILES * TILE_ROWS) {
        int n = m - first < PANEL_TILES * TILE_ROWS ? m - first : PANEL_TILES * TILE_ROWS;
        for (int r = 0; r < n; r += TILE_ROWS)
            panel_scales(p.d[r / TILE_ROWS], k->x, first + r, n - r);
        for (int unit = 0; unit < n_unit; unit++) {
            const uint8_t *tile = k->w->mem + (size_t)unit * san__mat_tile_bytes(n_in, BITS);
            const uint16_t *scale = (const uint16_t *)(const void *)tile;
            panel_weights(p.w, tile + san__mat_scale_bytes(n_in), n_group, BITS);
            int r = 0;
            for (; r + TILE_ROWS <= n; r += TILE_ROWS)
                tile_rows(k, &p, scale, r / TILE_ROWS, first + r, unit, TILE_ROWS, TILE_ROWS, 0);
            if (r < n) tile_end(k, &p, scale, r / TILE_ROWS, first + r, unit, n - r);
        }
    }
    _tile_release();
}

#endif
