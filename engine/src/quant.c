/* quant.c - tensor types and their conversion to and from fp32. */
#include "san/quant.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const struct san_type_traits traits[] = {
    {SAN_TYPE_F32, "F32", 1, 4},
    {SAN_TYPE_F16, "F16", 1, 2},
    {SAN_TYPE_Q4_0, "Q4_0", SAN_QBLOCK, sizeof(struct san_block_q4_0)},
    {SAN_TYPE_Q8_0, "Q8_0", SAN_QBLOCK, sizeof(struct san_block_q8_0)},
    {SAN_TYPE_BF16, "BF16", 1, 2},
};
#define N_TRAITS (sizeof traits / sizeof traits[0])

const struct san_type_traits *san_type_traits(uint32_t type)
{
    for (size_t i = 0; i < N_TRAITS; i++)
        if ((uint32_t)traits[i].type == type) return &traits[i];
    return NULL;
}

int san_type_from_name(const char *name)
{
    for (size_t i = 0; i < N_TRAITS; i++)
        if (strcasecmp(traits[i].name, name) == 0) return (int)traits[i].type;
    return -1;
}

size_t san_type_bytes(enum san_type type, size_t n_items)
{
    const struct san_type_traits *t = san_type_traits((uint32_t)type);
    if (!t || n_items % t->block_items) return 0;
    size_t n_blocks = n_items / t->block_items;
    return n_blocks > SIZE_MAX / t->block_bytes ? 0 : n_blocks * t->block_bytes;
}

static float f32_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_from_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

float san_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exp = (h >> 10) & 0x1fu;
    uint32_t frac = h & 0x3ffu;
    if (exp == 0x1f) return f32_from_bits(sign | 0x7f800000u | frac << 13);
    if (exp != 0) return f32_from_bits(sign | (exp + 112) << 23 | frac << 13);
    float tiny = (float)frac * 0x1p-24f; /* subnormal or zero */
    return sign ? -tiny : tiny;
}

uint16_t san_f32_to_f16(float x)
{
    uint32_t bits = bits_from_f32(x);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t mag = bits & 0x7fffffffu;
    if (mag > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);  /* NaN */
    if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to 65536 or more */
    if (mag < 0x38800000u) {                                   /* below 2^-14: subnormal */
        /* adding 0.5 lets the fp32 adder round to the 2^-24 grid, ties to even */
        uint32_t grid = bits_from_f32(f32_from_bits(mag) + 0.5f);
        return (uint16_t)(sign | (grid & 0x7ffu));
    }
    uint32_t odd = mag >> 13 & 1;
    mag += 0xfffu + odd; /* half an ulp of fp16, ties to even */
    return (uint16_t)(sign | ((mag - 0x38000000u) >> 13));
}

static void dequantize_q8_0(float *restrict dst, const uint8_t *restrict src, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++) {
        struct san_block_q8_0 blk;
        memcpy(&blk, src + b * sizeof blk, sizeof blk);
        float d = san_f16_to_f32(blk.d);
        for (int i = 0; i < SAN_QBLOCK; i++) dst[b * SAN_QBLOCK + (size_t)i] = d * blk.q[i];
    }
}

static void dequantize_q4_0(float *restrict dst, const uint8_t *restrict src, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++) {
        struct san_block_q4_0 blk;
        memcpy(&blk, src + b * sizeof blk, sizeof blk);
        float d = san_f16_to_f32(blk.d);
        float *out = dst + b * SAN_QBLOCK;
        for (int i = 0; i < SAN_QBLOCK / 2; i++) {
            out[i] = d * (float)((blk.q[i] & 15) - 8);
            out[i + SAN_QBLOCK / 2] = d * (float)((blk.q[i] >> 4) - 8);
        }
    }
}

void san_dequantize(float *restrict dst, const void *restrict src, enum san_type type, size_t n)
{
    const uint8_t *s = src;
    switch (type) {
    case SAN_TYPE_F32:
        memcpy(dst, src, n * sizeof(float));
        return;
    case SAN_TYPE_F16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, s + 2 * i, sizeof h);
            dst[i] = san_f16_to_f32(h);
        }
        return;
    case SAN_TYPE_BF16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, s + 2 * i, sizeof h);
            dst[i] = f32_from_bits((uint32_t)h << 16);
        }
        return;
    case SAN_TYPE_Q8_0:
        dequantize_q8_0(dst, s, n / SAN_QBLOCK);
        return;
    case SAN_TYPE_Q4_0:
        dequantize_q4_0(dst, s, n / SAN_QBLOCK);
        return;
    }
}

static int round_clamped(float x, int lo, int hi)
{
    if (!(x > (float)lo)) return isnan(x) ? 0 : lo;
    if (x >= (float)hi) return hi;
    return (int)lrintf(x);
}

/* The item of largest magnitude, with its sign; values that are not finite count as 0. */
static float block_extreme(const float *x)
{
    float best = 0;
    for (int i = 0; i < SAN_QBLOCK; i++)
        if (isfinite(x[i]) && fabsf(x[i]) > fabsf(best)) best = x[i];
    return best;
}

/* The stored fp16 scale and the factor that brings items to its grid; 0 for a block of zeroes or
 * one too small for fp16 to tell from zero. */
static uint16_t block_scale(float d, float *inv)
{
    if (fabsf(d) > 65504.0f) d = copysignf(65504.0f, d);
    uint16_t h = san_f32_to_f16(d);
    float stored = san_f16_to_f32(h);
    *inv = stored != 0 ? 1.0f / stored : 0;
    return h;
}

static void quantize_q8_0(uint8_t *restrict dst, const float *restrict src, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++) {
        const float *x = src + b * SAN_QBLOCK;
        struct san_block_q8_0 blk;
        float inv;
        blk.d = block_scale(fabsf(block_extreme(x)) / 127.0f, &inv);
        for (int i = 0; i < SAN_QBLOCK; i++)
            blk.q[i] = (int8_t)(isfinite(x[i]) ? round_clamped(x[i] * inv, -127, 127) : 0);
        memcpy(dst + b * sizeof blk, &blk, sizeof blk);
    }
}

static void quantize_q4_0(uint8_t *restrict dst, const float *restrict src, size_t n_blocks)
{
    for (size_t b = 0; b < n_blocks; b++) {
        const float *x = src + b * SAN_QBLOCK;
        struct san_block_q4_0 blk;
        float inv;
        /* the grid has one more step below zero than above: give it to the largest item */
        blk.d = block_scale(block_extreme(x) / -8.0f, &inv);
        for (int i = 0; i < SAN_QBLOCK / 2; i++) {
            float lo = isfinite(x[i]) ? x[i] : 0;
            float hi = isfinite(x[i + SAN_QBLOCK / 2]) ? x[i + SAN_QBLOCK / 2] : 0;
            blk.q[i] = (uint8_t)(round_clamped(lo * inv + 8, 0, 15) |
                                 round_clamped(hi * inv + 8, 0, 15) << 4);
        }
        memcpy(dst + b * sizeof blk, &blk, sizeof blk);
    }
}

void san_quantize(void *restrict dst, const float *restrict src, enum san_type type, size_t n)
{
    uint8_t *d = dst;
    switch (type) {
    case SAN_TYPE_F32:
        memcpy(dst, src, n * sizeof(float));
        return;
    case SAN_TYPE_F16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h = san_f32_to_f16(src[i]);
            memcpy(d + 2 * i, &h, sizeof h);
        }
        return;
    case SAN_TYPE_BF16:
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = bits_from_f32(src[i]);
            if (!isnan(src[i])) bits += 0x7fffu + (bits >> 16 & 1);
            uint16_t h = (uint16_t)(bits >> 16 | (isnan(src[i]) ? 0x40u : 0));
            memcpy(d + 2 * i, &h, sizeof h);
        }
        return;
    case SAN_TYPE_Q8_0:
        quantize_q8_0(d, src, n / SAN_QBLOCK);
        return;
    case SAN_TYPE_Q4_0:
        quantize_q4_0(d, src, n / SAN_QBLOCK);
        return;
    }
}
