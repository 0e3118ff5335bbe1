/* kernels.c - see kernels.h. The fast versions use vectors of 4 to 16 floats in the compiler's
 * own notation; on narrower machines it splits them. */
#include "kernels.h"

#include <math.h>
#include <string.h>

#define TILE SAN__TILE

/* Loads and stores through these need only float alignment, whatever the struct looks like. */
typedef float vec16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float vec4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int ivec4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int ivec8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int ivec16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef unsigned uvec16 __attribute__((vector_size(64), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* ---- reference versions ---- */

float san__dot_ref(const float *a, const float *b, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

void san__matvec_ref(float *restrict y, const float *restrict w, const float *restrict x, int n_out,
                     int n_in, float alpha, float beta)
{
    for (int o = 0; o < n_out; o++) {
        float dot = san__dot_ref(w + (size_t)o * (size_t)n_in, x, n_in);
        y[o] = alpha * dot + (beta != 0 ? beta * y[o] : 0);
    }
}

void san__zcn_ref(float *out, const float *x, const float *g, int n, float eps)
{
    float r = 1 / sqrtf(san__dot_ref(x, x, n) / (float)n + eps);
    for (int i = 0; i < n; i++) out[i] = (1 + g[i]) * (x[i] * r);
}

void san__attn_ref(float *out, const float *q, const float *k, const float *v, int R, int n, int D,
                   const int *visible, float *score)
{
    for (int r = 0; r < R; r++) {
        const float *q_r = q + (size_t)r * (size_t)D;
        float *out_r = out + (size_t)r * (size_t)D;
        int n_r = visible ? visible[r] : n;
        float max = -INFINITY, sum = 0;
        for (int j = 0; j < n_r; j++) {
            score[j] = san__dot_ref(q_r, k + (size_t)j * (size_t)D, D);
            if (score[j] > max) max = score[j];
        }
        for (int j = 0; j < n_r; j++) {
            score[j] = expf(score[j] - max);
            sum += score[j];
        }
        for (int d = 0; d < D; d++) {
            float o = 0;
            for (int j = 0; j < n_r; j++) o += score[j] * v[(size_t)j * (size_t)D + (size_t)d];
            out_r[d] = o / sum;
        }
    }
}

/* ---- products of one row ---- */

/* Sum and largest of 16 lanes, halving: 16, 8, 4, then one by one. */
INLINE float sum16(const vec16 *v)
{
    vec8 s8 = ((const vec8 *)v)[0] + ((const vec8 *)v)[1];
    vec4 s4 = ((const vec4 *)&s8)[0] + ((const vec4 *)&s8)[1];
    return (s4[0] + s4[2]) + (s4[1] + s4[3]);
}

INLINE float max16(const vec16 *v)
{
    vec8 a8 = ((const vec8 *)v)[0], b8 = ((const vec8 *)v)[1];
    ivec8 is_a8 = a8 > b8;
    vec8 m8 = (vec8)(((ivec8)a8 & is_a8) | ((ivec8)b8 & ~is_a8));
    vec4 a4 = ((const vec4 *)&m8)[0], b4 = ((const vec4 *)&m8)[1];
    ivec4 is_a4 = a4 > b4;
    vec4 m4 = (vec4)(((ivec4)a4 & is_a4) | ((ivec4)b4 & ~is_a4));
    float even = m4[0] > m4[2] ? m4[0] : m4[2], odd = m4[1] > m4[3] ? m4[1] : m4[3];
    return even > odd ? even : odd;
}

float san__dot(const float *a, const float *b, int n)
{
    vec16 acc0 = {0}, acc1 = {0};
    int i = 0;
    for (; i + 2 * TILE <= n; i += 2 * TILE) {
        acc0 += *(const vec16 *)(a + i) * *(const vec16 *)(b + i);
        acc1 += *(const vec16 *)(a + i + TILE) * *(const vec16 *)(b + i + TILE);
    }
    for (; i + TILE <= n; i += TILE) acc0 += *(const vec16 *)(a + i) * *(const vec16 *)(b + i);
    acc0 += acc1;
    float sum = sum16(&acc0);
    for (; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Four rows of W at a time share each load of x and keep four sums running. */
void san__matvec(float *restrict y, const float *restrict w, const float *restrict x, int n_out,
                 int n_in, float alpha, float beta)
{
    int o = 0;
    for (; o + 4 <= n_out; o += 4) {
        const float *w0 = w + (size_t)o * (size_t)n_in, *w1 = w0 + n_in, *w2 = w1 + n_in,
                    *w3 = w2 + n_in;
        vec16 a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
        int i = 0;
        for (; i + TILE <= n_in; i += TILE) {
            vec16 xi = *(const vec16 *)(x + i);
            a0 += *(const vec16 *)(w0 + i) * xi;
            a1 += *(const vec16 *)(w1 + i) * xi;
            a2 += *(const vec16 *)(w2 + i) * xi;
            a3 += *(const vec16 *)(w3 + i) * xi;
        }
        float s[4] = {sum16(&a0), sum16(&a1), sum16(&a2), sum16(&a3)};
        for (; i < n_in; i++) {
            s[0] += w0[i] * x[i];
            s[1] += w1[i] * x[i];
            s[2] += w2[i] * x[i];
            s[3] += w3[i] * x[i];
        }
        for (int r = 0; r < 4; r++) y[o + r] = alpha * s[r] + (beta != 0 ? beta * y[o + r] : 0);
    }
    for (; o < n_out; o++) {
        float dot = san__dot(w + (size_t)o * (size_t)n_in, x, n_in);
        y[o] = alpha * dot + (beta != 0 ? beta * y[o] : 0);
    }
}

/* ---- norm and rotation ---- */

void san__zcn(float *out, const float *x, const float *g, int n, float eps)
{
    float r = 1 / sqrtf(san__dot(x, x, n) / (float)n + eps);
    for (int i = 0; i < n; i++) out[i] = (1 + g[i]) * (x[i] * r);
}

void san__rope(float *x, const float *cos_row, const float *sin_row, int D)
{
    int half = D / 2;
    for (int i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos_row[i] - b * sin_row[i];
        x[i + half] = b * cos_row[i] + a * sin_row[i];
    }
}

/* ---- attention ---- */

void san__kv_put(float *piece, int cap, int i, const float *k, const float *v, int D)
{
    float *key = piece + (size_t)(i / TILE) * TILE * (size_t)D + i % TILE;
    for (int d = 0; d < D; d++) key[(size_t)d * TILE] = k[d];
    float *value = piece + san__keys_size(cap, D) + (size_t)i * (size_t)D;
    memcpy(value, v, (size_t)D * sizeof *v);
}

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln2 / 2; the rounding uses that adding
 * 1.5 * 2^23 to a float leaves no bits for a fraction. exp(r) is its Taylor polynomial of degree
 * 7, whose remainder is below 1e-8. ln 2 is subtracted in two parts to keep r exact. */
INLINE void exp16(vec16 *p)
{
    const float magic = 12582912.0f;
    vec16 x = *p;
    ivec16 is_normal = x > -87.0f;
    x = (vec16)((ivec16)x & is_normal); /* the others become 0 here and in the end */
    vec16 t = x * 1.44269504f + magic;
    uvec16 n = (uvec16)t - 0x4B400000u;
    vec16 nf = t - magic;
    vec16 r = x - nf * 0.693359375f;
    r = r - nf * -2.12194440e-4f;
    vec16 y = r * (1.0f / 5040) + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    *p = (vec16)(((uvec16)y + (n << 23)) & (uvec16)is_normal);
}

void san__exp16(float *p)
{
    vec16 x = *(const vec16 *)p;
    exp16(&x);
    *(vec16 *)p = x;
}

void san__attn_begin(struct san__attn *a)
{
    memset(a->o, 0, (size_t)a->n_row * (size_t)a->D * sizeof *a->o);
    memset(a->l, 0, (size_t)a->n_row * TILE * sizeof *a->l);
    for (int r = 0; !a->is_bounded && r < a->n_row; r++) a->m[r] = -INFINITY;
}

/* NR rows from row r0 on against one tile of `n_key` keys. visible[r]: keys of this tile that row
 * sees, 1..16 in the row's first tile (so that m is finite), possibly 0 afterwards. NR, D and
 * BOUNDED are constants once inlined: the sums below stay in registers. */
INLINE void attn_tile(struct san__attn *a, int r0, const float *kt, const float *v,
                      const int *visible, int n_key, int NR, int D, int BOUNDED)
{
    static const ivec16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const vec16 lowest = {-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
                                 -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
                                 -INFINITY, -INFINITY, -INFINITY, -INFINITY};
    const float *q = a->q + (size_t)r0 * (size_t)D;
    float *o = a->o + (size_t)r0 * (size_t)D;
    vec16 s[4] = {{0}, {0}, {0}, {0}}, s_odd[4] = {{0}, {0}, {0}, {0}};
    float p[4][TILE], rescale[4] = {1, 1, 1, 1};

    /* even and odd components apart, so that one sum need not wait for the other */
    for (int d = 0; d < D; d += 2) {
        vec16 k_even = *(const vec16 *)(kt + (size_t)d * TILE);
        vec16 k_odd = *(const vec16 *)(kt + (size_t)d * TILE + TILE);
        for (int r = 0; r < NR; r++) {
            s[r] += k_even * q[r * D + d];
            s_odd[r] += k_odd * q[r * D + d + 1];
        }
    }
    for (int r = 0; r < NR; r++) {
        s[r] += s_odd[r];
        if (visible[r] < TILE) {
            ivec16 sees = lane < visible[r];
            s[r] = (vec16)(((ivec16)s[r] & sees) | ((ivec16)lowest & ~sees));
        }
        if (!BOUNDED) {
            float max = max16(&s[r]), before = a->m[r0 + r];
            float m = max > before ? max : before;
            rescale[r] = m > before ? expf(before - m) : 1;
            a->m[r0 + r] = m;
        }
        s[r] = s[r] - a->m[r0 + r];
        exp16(&s[r]);
        vec16 *l = (vec16 *)(a->l + (size_t)(r0 + r) * TILE);
        *l = BOUNDED ? *l + s[r] : *l * rescale[r] + s[r];
        memcpy(p[r], &s[r], sizeof p[r]);
    }
    /* 32 columns of the values at a time, or all 24: that fills the registers */
    const int WIDE = D % 32 == 0 ? 4 : D % 24 == 0 ? 3 : 2;
    for (int d = 0; d < D; d += 8 * WIDE) {
        vec8 sum[4][4];
        for (int r = 0; r < NR; r++)
            for (int w = 0; w < WIDE; w++) {
                sum[r][w] = *(const vec8 *)(o + r * D + d + 8 * w);
                if (!BOUNDED) sum[r][w] *= rescale[r];
            }
        for (int j = 0; j < n_key; j++) {
            const float *v_j = v + (size_t)j * (size_t)D + d;
            for (int w = 0; w < WIDE; w++) {
                vec8 v_jw = *(const vec8 *)(v_j + 8 * w);
                for (int r = 0; r < NR; r++) sum[r][w] += v_jw * p[r][j];
            }
        }
        for (int r = 0; r < NR; r++)
            for (int w = 0; w < WIDE; w++) *(vec8 *)(o + r * D + d + 8 * w) = sum[r][w];
    }
}

/* The same for any D, one row at a time, in plain loops. */
static void attn_tile_any(struct san__attn *a, int r, const float *kt, const float *v, int visible,
                          int D)
{
    const float *q = a->q + (size_t)r * (size_t)D;
    float *o = a->o + (size_t)r * (size_t)D;
    float s[TILE] = {0}, m = a->m[r];
    for (int d = 0; d < D; d++)
        for (int j = 0; j < TILE; j++) s[j] += q[d] * kt[(size_t)d * TILE + (size_t)j];
    for (int j = 0; !a->is_bounded && j < visible; j++) m = s[j] > m ? s[j] : m;
    float rescale = a->is_bounded ? 1 : expf(a->m[r] - m);
    for (int i = 0; i < TILE; i++) a->l[(size_t)r * TILE + (size_t)i] *= rescale;
    for (int d = 0; d < D; d++) o[d] *= rescale;
    a->m[r] = m;
    for (int j = 0; j < visible; j++) {
        float p = expf(s[j] - m);
        a->l[(size_t)r * TILE + (size_t)j] += p;
        for (int d = 0; d < D; d++) o[d] += p * v[(size_t)j * (size_t)D + (size_t)d];
    }
}

/* Keys of tile `first` that row r sees. per_token 0: all `n`; else causal, as in the header. */
INLINE int tile_visible(int r, int n, int base, int per_token, int first)
{
    int all = per_token ? base + r / per_token + 1 : n;
    if (all > n) all = n;
    int in_tile = all - first;
    return in_tile < 0 ? 0 : in_tile > TILE ? TILE : in_tile;
}

INLINE void attn_piece(struct san__attn *a, const float *piece, int cap, int n, int base,
                       int per_token, int D, int BOUNDED)
{
    const float *values = piece + san__keys_size(cap, D);
    for (int r = 0; r < a->n_row;) {
        int left = a->n_row - r, NR = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        for (int first = 0; first < n; first += TILE) {
            const float *kt = piece + (size_t)first * (size_t)D;
            const float *v = values + (size_t)first * (size_t)D;
            int n_key = n - first < TILE ? n - first : TILE;
            int visible[4] = {0};
            for (int i = 0; i < NR; i++)
                visible[i] = tile_visible(r + i, n, base, per_token, first);
            if (NR == 4)
                attn_tile(a, r, kt, v, visible, n_key, 4, D, BOUNDED);
            else if (NR == 2)
                attn_tile(a, r, kt, v, visible, n_key, 2, D, BOUNDED);
            else
                attn_tile(a, r, kt, v, visible, n_key, 1, D, BOUNDED);
        }
        r += NR;
    }
}

static void attn_piece_any(struct san__attn *a, const float *piece, int cap, int n, int base,
                           int per_token)
{
    int D = a->D;
    const float *values = piece + san__keys_size(cap, D);
    for (int r = 0; r < a->n_row; r++)
        for (int first = 0; first < n; first += TILE)
            attn_tile_any(a, r, piece + (size_t)first * (size_t)D,
                          values + (size_t)first * (size_t)D,
                          tile_visible(r, n, base, per_token, first), D);
}

/* A head width known when compiling is worth a third of the time. */
static void attn_dispatch(struct san__attn *a, const float *piece, int cap, int n, int base,
                          int per_token)
{
#define WITH_WIDTH(width)                                                                          \
    case width:                                                                                    \
        if (a->is_bounded)                                                                         \
            attn_piece(a, piece, cap, n, base, per_token, width, 1);                               \
        else                                                                                       \
            attn_piece(a, piece, cap, n, base, per_token, width, 0);                               \
        break;
    switch (a->D) {
        WITH_WIDTH(16)
        WITH_WIDTH(24)
        WITH_WIDTH(32)
        WITH_WIDTH(48)
        WITH_WIDTH(64)
    default:
        attn_piece_any(a, piece, cap, n, base, per_token);
    }
#undef WITH_WIDTH
}

void san__attn_add(struct san__attn *a, const float *piece, int cap, int n)
{
    attn_dispatch(a, piece, cap, n, 0, 0);
}

void san__attn_add_causal(struct san__attn *a, const float *piece, int cap, int base,
                          int rows_per_token)
{
    int n = base + a->n_row / rows_per_token;
    attn_dispatch(a, piece, cap, n, base, rows_per_token);
}

void san__attn_end(struct san__attn *a)
{
    for (int r = 0; r < a->n_row; r++) {
        float sum = sum16((const vec16 *)(a->l + (size_t)r * TILE));
        float scale = 1 / sum;
        float *o = a->o + (size_t)r * (size_t)a->D;
        for (int d = 0; d < a->D; d++) o[d] *= scale;
    }
}
