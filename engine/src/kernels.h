/* kernels.h - the few loops an inference spends its time in, each in a plain and a fast version.
 *
 * `x_ref` is the formula written down; `x` computes the same in another order of summation and is
 * what the network calls. tests/unit/test_kernels.c holds the two together. Outputs come first.
 * Nothing here allocates or keeps state.
 * Legend: n tokens, C width, D head width, R query rows of one key/value head.
 *
 * Keys and values of one (layer, key/value head) lie in one piece of memory ("kv piece"):
 *
 *     keys    (ceil(n/16), D, 16)   tile of 16 keys, transposed, so that one vector holds the d-th
 *                                   component of 16 keys; the last tile is padded with zeros
 *     values  (n, D)
 *
 * padded to a multiple of 16 elements, so that pieces can stand one after the other. Elements are
 * floats, or halves (IEEE binary16) for what is kept long: half the memory and half the traffic,
 * at 11 bits of precision. */
#ifndef SAN_KERNELS_H
#define SAN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "mat.h"

/* ---- instruction sets ----
 *
 * The fast versions are compiled once for each instruction set that the target may have (folder isa,
 * engine/CMakeLists.txt), under names that end in the set's; isa.c chooses the best one that this
 * processor has when the first is called, and san__isa_use another. */

/* result, name, parameters, arguments: functions with a result, and without */
#define SAN__KERNELS(XX)                                                                           \
    XX(float, san__dot, (const float *a, const float *b, int n), (a, b, n))                        \
    XX(int, san__half_is_fast, (void), ())                                                         \
    XX(int, san__pairs_are_fast, (void), ())                                                       \
    XX(double, san__peak_floats, (long rounds, float factor), (rounds, factor))                    \
    XX(double, san__peak_bytes, (long rounds, int32_t factor), (rounds, factor))                   \
    XX(double, san__peak_pairs, (long rounds, float factor), (rounds, factor))                     \
    XX(float, san__peak_read, (const float *p, size_t n), (p, n))
#define SAN__KERNEL_ACTIONS(XX)                                                                    \
    XX(san__matvec,                                                                                \
       (float *restrict y, const float *restrict w, const float *restrict x, int n_out, int n_in,  \
        float alpha, float beta),                                                                  \
       (y, w, x, n_out, n_in, alpha, beta))                                                        \
    XX(san__zcn, (float *out, const float *x, const float *g, int n, float eps),                   \
       (out, x, g, n, eps))                                                                        \
    XX(san__rope, (float *x, const float *cos_row, const float *sin_row, int D),                   \
       (x, cos_row, sin_row, D))                                                                   \
    XX(san__kv_put, (float *piece, int cap, int i, const float *k, const float *v, int D),         \
       (piece, cap, i, k, v, D))                                                                   \
    XX(san__to_half, (uint16_t * out, const float *x, size_t n), (out, x, n))                      \
    XX(san__from_half, (float *out, const uint16_t *x, size_t n), (out, x, n))                     \
    XX(san__exp16, (float *p), (p))                                                                \
    XX(san__attn_begin, (struct san__attn * a), (a))                                               \
    XX(san__attn_add, (struct san__attn * a, const void *piece, int is_half, int cap, int n),      \
       (a, piece, is_half, cap, n))                                                                \
    XX(san__attn_add_causal,                                                                       \
       (struct san__attn * a, const float *piece, int cap, int base, int rows_per_token),          \
       (a, piece, cap, base, rows_per_token))                                                      \
    XX(san__attn_end, (struct san__attn * a), (a))                                                 \
    XX(san__attn_gather,                                                                           \
       (struct san__attn * a, struct san__span * s, const void *piece, int is_half, int cap,       \
        int n),                                                                                    \
       (a, s, piece, is_half, cap, n))                                                             \
    XX(san__attn_flush, (struct san__attn * a, struct san__span * s), (a, s))                      \
    XX(san__quant_rows, (const struct san__qrows *to, const float *x, int n), (to, x, n))          \
    XX(san__qgemm,                                                                                 \
       (float *y, const struct san__mat *w, const struct san__qrows *x, int m, float alpha,        \
        float beta),                                                                               \
       (y, w, x, m, alpha, beta))

#ifdef SAN__ISA /* inside one of the versions */
#define SAN__PASTE_(a, b)    a##_##b
#define SAN__PASTE(a, b)     SAN__PASTE_(a, b)
#define san__dot             SAN__PASTE(san__dot, SAN__ISA)
#define san__half_is_fast    SAN__PASTE(san__half_is_fast, SAN__ISA)
#define san__pairs_are_fast  SAN__PASTE(san__pairs_are_fast, SAN__ISA)
#define san__matvec          SAN__PASTE(san__matvec, SAN__ISA)
#define san__zcn             SAN__PASTE(san__zcn, SAN__ISA)
#define san__rope            SAN__PASTE(san__rope, SAN__ISA)
#define san__kv_put          SAN__PASTE(san__kv_put, SAN__ISA)
#define san__to_half         SAN__PASTE(san__to_half, SAN__ISA)
#define san__from_half       SAN__PASTE(san__from_half, SAN__ISA)
#define san__exp16           SAN__PASTE(san__exp16, SAN__ISA)
#define san__attn_begin      SAN__PASTE(san__attn_begin, SAN__ISA)
#define san__attn_add        SAN__PASTE(san__attn_add, SAN__ISA)
#define san__attn_add_causal SAN__PASTE(san__attn_add_causal, SAN__ISA)
#define san__attn_end        SAN__PASTE(san__attn_end, SAN__ISA)
#define san__attn_gather     SAN__PASTE(san__attn_gather, SAN__ISA)
#define san__attn_flush      SAN__PASTE(san__attn_flush, SAN__ISA)
#define san__quant_rows      SAN__PASTE(san__quant_rows, SAN__ISA)
#define san__qgemm           SAN__PASTE(san__qgemm, SAN__ISA)
#define san__peak_floats     SAN__PASTE(san__peak_floats, SAN__ISA)
#define san__peak_bytes      SAN__PASTE(san__peak_bytes, SAN__ISA)
#define san__peak_pairs      SAN__PASTE(san__peak_pairs, SAN__ISA)
#define san__peak_read       SAN__PASTE(san__peak_read, SAN__ISA)
#endif

/* Name of instruction set i of those that were compiled and that this processor has, the plainest
 * first ("base", "avx2", "avx512" or "base", "dotprod"); NULL beyond the last. */
const char *san__isa_name(int i);
/* The one in use. */
const char *san__isa_now(void);
/* From now on, in all threads, use set i; -1 chooses the best again. For tests and benchmarks:
 * memory laid out under one is valid under all. */
void san__isa_use(int i);

#define SAN__TILE 16 /* keys of a tile; one AVX-512 register, two AVX2, four NEON */

/* Elements of the keys of a piece for n keys, and of the whole piece. */
static inline size_t san__keys_size(int n, int D)
{
    return ((size_t)n + SAN__TILE - 1) / SAN__TILE * SAN__TILE * (size_t)D;
}
static inline size_t san__piece_size(int n, int D)
{
    size_t size = san__keys_size(n, D) + (size_t)n * (size_t)D;
    return (size + SAN__TILE - 1) / SAN__TILE * SAN__TILE;
}

/* y (n_out) = alpha * W x + beta * y; W (n_out, n_in) row-major. beta 0 does not read y. */
void san__matvec(float *restrict y, const float *restrict w, const float *restrict x, int n_out,
                 int n_in, float alpha, float beta);
void san__matvec_ref(float *restrict y, const float *restrict w, const float *restrict x, int n_out,
                     int n_in, float alpha, float beta);

/* y (m, n) = alpha * X (m, k) W^T + beta * y, W (n, k); all row-major and dense. One row goes to
 * san__matvec, more to BLIS on this thread alone. */
void san__gemm(float *y, const float *x, const float *w, int m, int n, int k, float alpha,
               float beta);

/* Rows x (n, to->n_in) as 8-bit numbers, see mat.h. */
void san__quant_rows(const struct san__qrows *to, const float *x, int n);
void san__quant_rows_ref(const struct san__qrows *to, const float *x, int n);
/* y (m, n_out) = alpha * X W^T + beta * y of the first m rows of x; whole products are exact in
 * integers within a group of 32, groups are summed in their order. A row's result does not depend
 * on how many others there are. beta 0 does not read y. */
void san__qgemm(float *y, const struct san__mat *w, const struct san__qrows *x, int m, float alpha,
                float beta);
void san__qgemm_ref(float *y, const struct san__mat *w, const struct san__qrows *x, int m,
                    float alpha, float beta);

float san__dot(const float *a, const float *b, int n);
float san__dot_ref(const float *a, const float *b, int n);

/* out (n) = (1 + g) * x / sqrt(mean(x^2) + eps); out may be x. A zero x gives zeros. */
void san__zcn(float *out, const float *x, const float *g, int n, float eps);
void san__zcn_ref(float *out, const float *x, const float *g, int n, float eps);

/* Rotate the pairs (i, i + D/2) of x (D) by the angles whose cosines and sines are given (D/2). */
void san__rope(float *x, const float *cos_row, const float *sin_row, int D);

/* Store key i and value i of a piece of floats made for `cap` keys. */
void san__kv_put(float *piece, int cap, int i, const float *k, const float *v, int D);

/* Does the processor this was built for convert halves? */
int san__half_is_fast(void);
/* Are gathered keys faster than keys where they lie, when may_round is set? */
int san__pairs_are_fast(void);
/* Nearest halves, ties to even; beyond 65504 the largest finite one. And back, which is exact. */
void san__to_half(uint16_t *out, const float *x, size_t n);
void san__from_half(float *out, const uint16_t *x, size_t n);

/* State of the attention of R query rows, built up one piece of keys at a time (a running
 * softmax: m is the largest score so far, l and o are sums of exp(score - m) and of the values
 * weighted with it). Begin, add pieces in any order, end. */
struct san__attn {
    int n_row, D;
    float *q; /* (R, D) queries, scaled by 1/sqrt(D) by the caller */
    float *o; /* (R, D) after san__attn_end: the attention's output */
    float *m; /* (R) */
    float *l; /* (R, 16) partial sums */
    /* Set: m holds bounds of the scores, given by the caller, instead of running maxima; each at
     * most SAN__BOUND_MAX. A softmax is the same whatever is subtracted, and that saves a fifth of
     * the time. */
    int is_bounded;
    /* Set: gathered keys and values, queries and weights may be rounded to bfloat16 (8 bits of
     * precision, sums stay floats) where the processor multiplies those faster. For networks whose
     * matrices have no more precision themselves. */
    int may_round;
};
/* With scores in [-40, 40], exp(score - 40) is at least 1e-35: nothing underflows. */
#define SAN__BOUND_MAX 40.0f
void san__attn_begin(struct san__attn *a);
/* Let every row see the first `n` keys of a piece made for `cap` keys (n >= 1). */
void san__attn_add(struct san__attn *a, const void *piece, int is_half, int cap, int n);
/* Causal: rows_per_token rows belong to a token; those of token t see base + t + 1 keys. */
void san__attn_add_causal(struct san__attn *a, const float *piece, int cap, int base,
                          int rows_per_token);
void san__attn_end(struct san__attn *a);

/* With more rows than this, it is worth to gather keys in spans. */
#define SAN__DIRECT_ROWS 4
#define SAN__SPAN        64 /* keys of a span */
/* Keys gathered for rows to see: mem is san__span_size(D) floats of the caller's; n begins at 0. */
struct san__span {
    float *mem;
    int n;
};
static inline size_t san__span_size(int D)
{
    return (size_t)(SAN__SPAN + SAN__TILE + SAN__SPAN) * (size_t)D;
}
/* The same as san__attn_add for many rows: keys may wait in the span until it is full, or until
 * the flush that must follow the last piece. */
void san__attn_gather(struct san__attn *a, struct san__span *s, const void *piece, int is_half,
                      int cap, int n);
void san__attn_flush(struct san__attn *a, struct san__span *s);

/* out (R, D) of softmax(q k) v over dense k, v (n, D), row r seeing visible[r] keys (NULL: all);
 * q is scaled already, `score` holds n floats. */
void san__attn_ref(float *out, const float *q, const float *k, const float *v, int R, int n, int D,
                   const int *visible, float *score);

/* For benchmarks: `rounds` times twelve independent multiply-adds of a vector of floats, or of the
 * sums of products of bytes that san__qgemm is made of, in vectors or tiles; returns the floating
 * point or whole-number operations that were done, products and sums counted. The factor keeps the
 * compiler from knowing the result. */
double san__peak_floats(long rounds, float factor);
double san__peak_bytes(long rounds, int32_t factor);
/* Of sums of products of bfloat16 pairs; san__peak_floats where there are none. */
double san__peak_pairs(long rounds, float factor);
/* The sum of n floats, read as fast as they come. */
float san__peak_read(const float *p, size_t n);

/* p[i] = exp(p[i]) for 16 values <= 0 to 2 units in the last place; below -87 gives 0. */
void san__exp16(float *p);

#endif
