/* mat.c - packing of quantised matrices and reading single rows of them; the references of the
 * products. Layout: mat.h. */
#include "mat.h"

#include <math.h>
#include <string.h>

#include "kernels.h"

/* Where the numbers of (row, group) lie: item i in byte at(i) from here. */
static uint8_t *group_place(const struct san__mat *w, int row, int group)
{
    size_t group_bytes = (size_t)SAN__GROUP * SAN__MAT_ROWS * (size_t)w->bits / 8;
    uint8_t *tile = w->mem + (size_t)(row / SAN__MAT_ROWS) * san__mat_tile_bytes(w->n_in, w->bits);
    return tile + san__mat_scale_bytes(w->n_in) + (size_t)group * group_bytes +
           (size_t)(row % SAN__MAT_ROWS) * 4;
}

static size_t at(int i)
{
    return (size_t)(i / 4) * 64 + (size_t)(i % 4);
}

static uint16_t *scale_place(const struct san__mat *w, int row, int group)
{
    uint8_t *tile = w->mem + (size_t)(row / SAN__MAT_ROWS) * san__mat_tile_bytes(w->n_in, w->bits);
    return (uint16_t *)(void *)tile + (size_t)group * SAN__MAT_ROWS + row % SAN__MAT_ROWS;
}

/* The 32 numbers of (row, group). */
static void group_get(const struct san__mat *w, int row, int group, int8_t q[SAN__GROUP])
{
    enum { HALF = SAN__GROUP / 2 };
    const uint8_t *from = group_place(w, row, group);
    for (int i = 0; w->bits == 8 && i < SAN__GROUP; i++) q[i] = (int8_t)(from[at(i)] - 128);
    for (int i = 0; w->bits == 4 && i < HALF; i++) {
        q[i] = (int8_t)((from[at(i)] & 15) - 8);
        q[i + HALF] = (int8_t)((from[at(i)] >> 4) - 8);
    }
}

static void pack_q8_0(const struct san__mat *w, int row, int group, const uint8_t *block)
{
    struct san_block_q8_0 b;
    memcpy(&b, block, sizeof b);
    *scale_place(w, row, group) = b.d;
    uint8_t *to = group_place(w, row, group);
    for (int i = 0; i < SAN__GROUP; i++)
        to[at(i)] = (uint8_t)((b.q[i] == -128 ? -127 : b.q[i]) + 128);
}

/* A file's byte holds items i and i + 16, as ours does. */
static void pack_q4_0(const struct san__mat *w, int row, int group, const uint8_t *block)
{
    struct san_block_q4_0 b;
    memcpy(&b, block, sizeof b);
    *scale_place(w, row, group) = b.d;
    uint8_t *to = group_place(w, row, group);
    for (int i = 0; i < SAN__GROUP / 2; i++) to[at(i)] = b.q[i];
}

void san__mat_pack(const struct san__mat *w, const void *blocks)
{
    const uint8_t *block = blocks;
    memset(w->mem, 0, san__mat_bytes(w->n_out, w->n_in, w->bits));
    for (int row = 0; row < w->n_out; row++)
        for (int g = 0; g < w->n_in / SAN__GROUP; g++) {
            if (w->bits == 8)
                pack_q8_0(w, row, g, block);
            else
                pack_q4_0(w, row, g, block);
            block += w->bits == 8 ? sizeof(struct san_block_q8_0) : sizeof(struct san_block_q4_0);
        }
}

void san__mat_row(const struct san__mat *w, int row, float *out)
{
    for (int g = 0; g < w->n_in / SAN__GROUP; g++, out += SAN__GROUP) {
        int8_t q[SAN__GROUP];
        float d = san_f16_to_f32(*scale_place(w, row, g));
        group_get(w, row, g, q);
        for (int i = 0; i < SAN__GROUP; i++) out[i] = d * (float)q[i];
    }
}

float san__mat_dot(const struct san__mat *w, int row, const float *x)
{
    float sum = 0;
    for (int g = 0; g < w->n_in / SAN__GROUP; g++, x += SAN__GROUP) {
        int8_t q[SAN__GROUP];
        float part = 0;
        group_get(w, row, g, q);
        for (int i = 0; i < SAN__GROUP; i++) part += (float)q[i] * x[i];
        sum += san_f16_to_f32(*scale_place(w, row, g)) * part;
    }
    return sum;
}

/* ---- references ---- */

void san__quant_rows_ref(const struct san__qrows *to, const float *x, int n)
{
    for (int g = 0; g < n * (to->n_in / SAN__GROUP); g++) {
        const float *from = x + (size_t)g * SAN__GROUP;
        float max = 0;
        for (int i = 0; i < SAN__GROUP; i++) max = fmaxf(max, fabsf(from[i]));
        float inv = max > 0 ? 127 / max : 0;
        to->d[g] = max / 127;
        to->sum[g] = 0;
        for (int i = 0; i < SAN__GROUP; i++) {
            int q = (int)lrintf(from[i] * inv);
            to->q[(size_t)g * SAN__GROUP + (size_t)i] = (int8_t)q;
            to->sum[g] += q;
        }
    }
}

void san__qgemm_ref(float *y, const struct san__mat *w, const struct san__qrows *x, int m,
                    float alpha, float beta)
{
    int n_group = w->n_in / SAN__GROUP;
    for (int o = 0; o < w->n_out; o++)
        for (int r = 0; r < m; r++) {
            float sum = 0, *out = y + (size_t)r * (size_t)w->n_out + (size_t)o;
            for (int g = 0; g < n_group; g++) {
                size_t at_g = (size_t)r * (size_t)n_group + (size_t)g;
                int8_t q[SAN__GROUP];
                int dot = 0;
                group_get(w, o, g, q);
                for (int i = 0; i < SAN__GROUP; i++)
                    dot += q[i] * x->q[at_g * SAN__GROUP + (size_t)i];
                sum += (float)dot * san_f16_to_f32(*scale_place(w, o, g)) * x->d[at_g];
            }
            *out = alpha * sum + (beta != 0 ? beta * *out : 0);
        }
}
