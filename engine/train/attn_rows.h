/* attn_rows.h - what both attentions of the trainer share (attn_train.c, attn_amx.c): vectors along keys,
 * rows of scores and their softmax, and where a job's keys lie. */
#ifndef SAN_ATTN_ROWS_H
#define SAN_ATTN_ROWS_H

#include <math.h>

#include "train_int.h"

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

/* Vectors along keys: KW floats. A tile holds RMAIN x 2 of them in registers (RTAIL where rows run
 * out): 16 of AVX-512's 32, else 8 of 16. */
#ifdef __AVX512F__
#define KW    16
#define RMAIN 8
#elif defined(__AVX__)
#define KW    8
#define RMAIN 4
#else /* SSE, NEON */
#define KW    4
#define RMAIN 4
#endif
#define RTAIL 4

/* Keys per tile of the backward pass: three tiles of 32 rows and two operand tiles fit in 64 KiB. */
#define KEY_TILE 128

typedef float vk __attribute__((vector_size(KW * 4), aligned(4), may_alias));
typedef uint32_t vku __attribute__((vector_size(KW * 4), aligned(4), may_alias));
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias, unused));

/* The part of a job's keys that a tile [k0, ...) begins with: span i, from key `from` of it. */
struct cursor {
    int i, from;
};

static inline struct cursor find_key(const struct san__job *j, int k0)
{
    struct cursor c = {0, k0};

    while (c.from >= j->span[c.i].len) c.from -= j->span[c.i++].len;
    return c;
}

INLINE vk load(const float *p)
{
    return *(const vk *)(const void *)p;
}
INLINE void store(float *p, vk v)
{
    *(vk *)(void *)p = v;
}

INLINE vk larger(vk a, vk b)
{
    const vku is_a = (vku)(a > b);

    return (vk)(((vku)a & is_a) | ((vku)b & ~is_a));
}

#ifdef __FAST_MATH__
#error "fast_exp rounds by adding and subtracting a constant: do not compile this with -ffast-math"
#endif
#define ROUND_BIAS 12582912.0f /* 1.5 * 2^23: a sum with it is rounded to an integer */

/* exp(x) for -87 <= x <= 0 with a relative error below 3e-7: 2^n * exp(f), |f| <= ln(2)/2, the
 * Taylor series of exp(f) up to f^6. Below -87 it stays at exp(-87), which is 0 beside any 1. */
INLINE vk fast_exp(vk x)
{
    x = larger(x, (vk){0} - 87.0f);
    const vk t = x * 1.44269504f + ROUND_BIAS;
    const vk n = t - ROUND_BIAS;
    const vk f = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts */
    vk y = f * (1.0f / 720) + 1.0f / 120;

    y = y * f + 1.0f / 24;
    y = y * f + 1.0f / 6;
    y = y * f + 0.5f;
    y = y * f + 1.0f;
    y = y * f + 1.0f;
    return (vk)((vku)y + ((vku)t << 23)); /* n is in the low bits of t: add it to the exponent */
}

/* Scores from column n on become so low that their probability is 0. */
INLINE void mask_row(float *s, int n, int n_pad)
{
    for (int i = n < 0 ? 0 : n; i < n_pad; i++) s[i] = -1e30f;
}

/* One row of scores in tiles `next` floats apart, n_pad columns of which those behind the last key
 * are masked: s = exp(s - max); *sum their sum; returns log(sum of exp(s)). */
INLINE float softmax_row(float *s, size_t next, int n_pad, float *sum)
{
    vk top = load(s), acc = {0};
    float most, total = 0;

    for (int k0 = 0; k0 < n_pad; k0 += KEY_TILE)
        for (int i = 0; i < KEY_TILE && k0 + i < n_pad; i += KW)
            top = larger(load(s + (size_t)(k0 / KEY_TILE) * next + i), top);
    most = top[0];
    for (int i = 1; i < KW; i++) most = top[i] > most ? top[i] : most;
    for (int k0 = 0; k0 < n_pad; k0 += KEY_TILE) {
        float *p = s + (size_t)(k0 / KEY_TILE) * next;

        for (int i = 0; i < KEY_TILE && k0 + i < n_pad; i += KW) {
            const vk e = fast_exp(load(p + i) - most);

            store(p + i, e);
            acc += e;
        }
    }
    for (int i = 0; i < KW; i++) total += acc[i];
    *sum = total;
    return most + logf(total);
}

/* s becomes the probability exp(s - lse), dp the score's gradient p * (dp - delta). Scores are
 * capped at lse: garbage behind the last key, which nobody reads, must not overflow. */
INLINE void score_gradient_row(float *s, float *dp, int n, float lse, float delta)
{
    for (int i = 0; i < n; i += KW) {
        const vk below = lse - load(s + i);
        const vk p = fast_exp(-larger(below, (vk){0}));

        store(s + i, p);
        store(dp + i, p * (load(dp + i) - delta));
    }
}

#endif
