/* mat.h - weight matrices that stay quantised, and the rows they are multiplied with.
 *
 * A matrix W (n_out, n_in) of a Q8_0 or Q4_0 tensor is laid out anew when a network is loaded, so
 * that one load brings what 16 output rows need for four columns:
 *
 *     tile of 16 rows      scales (n_in/32, 16) fp16, padded to 64 bytes, then the groups in order
 *     group of 32 columns  8 bits: 8 pieces, 4 bits: 4 pieces of 64 bytes
 *     piece                byte 4*r + c: row r, column 4*i + c of piece i; of 4 bits the low
 *                          nibble, the high one is column 16 + 4*i + c
 *
 * Weights are stored unsigned, as q + 128 and q + 8: the instruction that matters (VPDPBUSD)
 * multiplies unsigned bytes with signed ones, and what the offset adds to a sum is known beforehand
 * from the other factor. Rows beyond n_out have scale 0.
 *
 * The other factor, rows x (n, n_in), is quantised on the way: each group of 32 shares the scale
 * max|x| / 127 (as Q8_0 does, but in fp32), and the sum of its 32 numbers is kept beside it. */
#ifndef SAN_MAT_H
#define SAN_MAT_H

#include <stddef.h>
#include <stdint.h>

#include "san/quant.h"

#define SAN__MAT_ROWS 16         /* output rows of a tile */
#define SAN__GROUP    SAN_QBLOCK /* columns that share a scale */

struct san__mat {
    int n_out, n_in; /* n_in is a multiple of 32 */
    int bits;        /* 8 or 4; 0: there is no matrix */
    uint8_t *mem;    /* 64-byte aligned, san__mat_bytes of it; not owned */
};

/* Bytes of a tile's scales, of a tile, and of a whole matrix. */
static inline size_t san__mat_scale_bytes(int n_in)
{
    return ((size_t)(n_in / SAN__GROUP) * SAN__MAT_ROWS * sizeof(uint16_t) + 63) / 64 * 64;
}
static inline size_t san__mat_tile_bytes(int n_in, int bits)
{
    return san__mat_scale_bytes(n_in) + (size_t)n_in * SAN__MAT_ROWS * (size_t)bits / 8;
}
static inline size_t san__mat_bytes(int n_out, int n_in, int bits)
{
    return (size_t)((n_out + SAN__MAT_ROWS - 1) / SAN__MAT_ROWS) * san__mat_tile_bytes(n_in, bits);
}

/* Fill w->mem (its sizes are set) from `blocks`, the tensor as a file holds it: Q8_0 for 8 bits,
 * Q4_0 for 4, any alignment. A q of -128, which no quantiser writes, becomes -127. */
void san__mat_pack(const struct san__mat *w, const void *blocks);
/* Row `row` as floats to out (n_in). */
void san__mat_row(const struct san__mat *w, int row, float *out);
/* Dot product of row `row` with x (n_in), in floats. */
float san__mat_dot(const struct san__mat *w, int row, const float *x);

/* Room for quantised rows, all of it the caller's. */
struct san__qrows {
    int n_in;
    int8_t *q;    /* (n, n_in) */
    float *d;     /* (n, n_in/32) scales */
    int32_t *sum; /* (n, n_in/32) sums of q */
};

#endif
