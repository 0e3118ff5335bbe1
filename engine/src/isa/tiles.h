/* tiles.h - the tile registers of Intel's AMX: eight, each of at most 16 rows of 64 bytes. See Intel 64
 * and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
 *
 * Every function that uses tiles gives them their shapes when it begins and releases them before it
 * returns, so that nothing stays in a thread's state for the kernel to save. TILES_READ tells the
 * compiler that memory is read, which the intrinsics of GCC 12 do not. */
#ifndef SAN_TILES_H
#define SAN_TILES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vec.h"

#define TILE_ROWS  16
#define TILE_BYTES 64 /* of a row */

struct tile_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row, by register */
    uint8_t rows[16];
} __attribute__((aligned(64)));

#define TILES_READ(p) __asm__ volatile("" ::"r"(p) : "memory")

INLINE void tile_shape(struct tile_shapes *s, int tile, int rows, int row_bytes)
{
    s->palette = 1;
    s->rows[tile] = (uint8_t)rows;
    s->bytes[tile] = (uint16_t)row_bytes;
}

INLINE void tiles_begin(const struct tile_shapes *s)
{
    TILES_READ(s);
    _tile_loadconfig(s);
}

#define TILE_LOAD(tile, from, step)                                                                \
    do {                                                                                           \
        TILES_READ(from);                                                                          \
        _tile_loadd(tile, from, step);                                                             \
    } while (0)

#endif
