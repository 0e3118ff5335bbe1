/* san/quant.h - how numbers lie in a model file, and back to fp32.
 *
 * A tensor type stores items in blocks: `block_items` numbers in `block_bytes` bytes. F32, F16 and
 * BF16 have blocks of one. Q8_0 and Q4_0 are GGML's: 32 numbers share one fp16 scale d; Q8_0
 * holds x = q*d with q in -127..127, Q4_0 holds x = (q-8)*d with q in 0..15, low nibbles first
 * (item i and item i+16 share byte i). A block of zeroes has d = 0 and reads back as zeroes.
 * Blocks never cross rows: a row of a quantised tensor is a multiple of 32 long.
 * Everything here is pure and allocates nothing. */
#ifndef SAN_QUANT_H
#define SAN_QUANT_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"

/* Numbers as in GGUF files. */
enum san_type {
    SAN_TYPE_F32 = 0,
    SAN_TYPE_F16 = 1,
    SAN_TYPE_Q4_0 = 2,
    SAN_TYPE_Q8_0 = 8,
    SAN_TYPE_BF16 = 30,
};

#define SAN_QBLOCK 32 /* numbers in one block of Q8_0 and Q4_0 */

struct san_block_q8_0 {
    uint16_t d; /* scale, fp16 */
    int8_t q[SAN_QBLOCK];
};
struct san_block_q4_0 {
    uint16_t d; /* scale, fp16 */
    uint8_t q[SAN_QBLOCK / 2];
};
_Static_assert(sizeof(struct san_block_q8_0) == 34, "Q8_0 block is 34 bytes in files");
_Static_assert(sizeof(struct san_block_q4_0) == 18, "Q4_0 block is 18 bytes in files");

struct san_type_traits {
    enum san_type type;
    const char *name; /* "Q8_0" */
    size_t block_items, block_bytes;
};

/* The row of type number `type` as found in a file, or NULL when it is none of ours. */
const struct san_type_traits *san_type_traits(uint32_t type);
/* The type called `name` ("f16", "Q8_0"; case does not matter), or -1. */
int san_type_from_name(const char *name);
/* Bytes of n items, 0 when n is no multiple of the block or the size overflows. */
size_t san_type_bytes(enum san_type type, size_t n_items);

/* Half precision (IEEE 754 binary16, its 16 bits) to single, exactly, and back. */
float san_f16_to_f32(uint16_t h);
uint16_t san_f32_to_f16(float x); /* to nearest even; beyond 65504 becomes infinity */

/* n items of `type` at src (any alignment) as fp32 to dst. n is a multiple of the block. */
void san_dequantize(float *restrict dst, const void *restrict src, enum san_type type, size_t n);
/* The reverse, rounding to nearest. n is a multiple of the block; infinities and NaN in quantised
 * blocks are the caller's bug and become 0. Largest error per item: Q8_0 max|x|/254, Q4_0
 * max|x|/8 of the block (and d's own fp16 rounding). */
void san_quantize(void *restrict dst, const float *restrict src, enum san_type type, size_t n);

#endif
