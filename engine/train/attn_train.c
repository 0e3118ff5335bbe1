/* attn_train.c - softmax attention over lists of spans, forward and backward.
 *
 * A job's keys are a handful of spans of the packed tokens (the blocks of a catalogue and the
 * utterance). With one span the operands are read in place; with several they are gathered into
 * contiguous panels, which costs little beside the products and keeps those free of indices. The
 * backward pass recomputes the probabilities from the saved log-sum-exp, key tile by key tile, so
 * that they never leave the nearest caches. */
#include "train_int.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

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

/* Where the pieces of a thread's scratch lie. Tiles of keys lie one behind the other: s is
 * (tiles, rows, KEY_TILE), the others hold one tile. */
struct layout {
    float *q, *dout, *o, *lse, *sum, *s, *kt, *vt, *k, *ds, *dk, *dv;
};

/* The part of a job's keys that a tile [k0, ...) begins with: span i, from key `from` of it. */
struct cursor {
    int i, from;
};

static struct cursor find_key(const struct san__job *j, int k0)
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

#define AD        8
#define AFN(name) name##_8
#include "attn_kernel.h"
#define AD        16
#define AFN(name) name##_16
#include "attn_kernel.h"
#define AD        24
#define AFN(name) name##_24
#include "attn_kernel.h"
#define AD        32
#define AFN(name) name##_32
#include "attn_kernel.h"
#define AD        48
#define AFN(name) name##_48
#include "attn_kernel.h"
#define AD        64
#define AFN(name) name##_64
#include "attn_kernel.h"

int san__attn_is_supported(int d)
{
    return d == 8 || d == 16 || d == 24 || d == 32 || d == 48 || d == 64;
}

static size_t take(float *base, float **field, size_t at, size_t n)
{
    *field = base ? base + at : NULL;
    return at + (n + 15) / 16 * 16;
}

/* Fill `w` from `base` (NULL: only measure) and return the floats needed. */
static size_t lay_out(struct layout *w, float *base, int d, int n_row, int n_key)
{
    const size_t rows = (size_t)(n_row + 15) / 16 * 16, dd = (size_t)d;
    const size_t tiles = (size_t)(n_key + KEY_TILE - 1) / KEY_TILE;
    size_t at = 0;

    at = take(base, &w->q, at, rows * dd);
    at = take(base, &w->dout, at, rows * dd);
    at = take(base, &w->o, at, rows * dd);
    at = take(base, &w->lse, at, rows);
    at = take(base, &w->sum, at, rows);
    at = take(base, &w->kt, at, KEY_TILE * dd + SAN__SLACK);
    at = take(base, &w->vt, at, KEY_TILE * dd + SAN__SLACK);
    at = take(base, &w->k, at, KEY_TILE * dd);
    at = take(base, &w->ds, at, rows * KEY_TILE);
    at = take(base, &w->dk, at, KEY_TILE * dd);
    at = take(base, &w->dv, at, KEY_TILE * dd);
    at = take(base, &w->s, at, tiles * rows * KEY_TILE);
    return at;
}

size_t san__attn_scratch_floats(int d, int n_row, int n_key)
{
    struct layout w;

    return lay_out(&w, NULL, d, n_row, n_key);
}

#define DISPATCH(direction)                                                                        \
    switch (a->d) {                                                                                \
    case 8:                                                                                        \
        direction##_8(a, j, g, &l);                                                                \
        break;                                                                                     \
    case 16:                                                                                       \
        direction##_16(a, j, g, &l);                                                               \
        break;                                                                                     \
    case 24:                                                                                       \
        direction##_24(a, j, g, &l);                                                               \
        break;                                                                                     \
    case 32:                                                                                       \
        direction##_32(a, j, g, &l);                                                               \
        break;                                                                                     \
    case 48:                                                                                       \
        direction##_48(a, j, g, &l);                                                               \
        break;                                                                                     \
    default:                                                                                       \
        direction##_64(a, j, g, &l);                                                               \
        break;                                                                                     \
    }

void san__attn_forward(const struct san__attn *a, const struct san__job *j, int g, float *scratch)
{
    struct layout l;

    lay_out(&l, scratch, a->d, a->n_head / a->n_kv * j->n_q, j->n_key);
    DISPATCH(forward)
}

void san__attn_backward(const struct san__attn *a, const struct san__job *j, int g, float *scratch)
{
    struct layout l;

    lay_out(&l, scratch, a->d, a->n_head / a->n_kv * j->n_q, j->n_key);
    DISPATCH(backward)
}

void san__transpose(float *xt, int ldt, const float *x, int ldx, int n, int d_all, int nt)
{
    (void)nt; /* read by the pragma alone */
    /* a tile of 16 tokens by 16 columns is read and written in whole cache lines */
#pragma omp parallel for num_threads(nt) schedule(static)
    for (int c0 = 0; c0 < d_all; c0 += 8) {
        for (int t0 = 0; t0 < n; t0 += 16) {
            const int tn = n - t0 < 16 ? n - t0 : 16;

            for (int c = c0; c < c0 + 8; c++)
                for (int t = t0; t < t0 + tn; t++)
                    xt[(size_t)c * (size_t)ldt + (size_t)t] =
                        x[(size_t)t * (size_t)ldx + (size_t)c];
        }
        for (int c = c0; c < c0 + 8; c++)
            memset(xt + (size_t)c * (size_t)ldt + n, 0, SAN__SLACK * sizeof *xt);
    }
}
