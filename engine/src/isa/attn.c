/* attn.c - attention of a few query rows over many keys: the loop that inference spends most of
 * its time in. Interface and layout of pieces: kernels.h.
 *
 * Keys are taken in spans of up to 64. For NR rows at a time the scores of a span come from sums
 * that stay in registers (a vector holds 16 keys, a query component is spread over it), then
 * follow the exponentials of the whole span, then the values, whose sums stay in registers again.
 * With few rows, tiles are read where they lie. With many, keys and values of all pieces are first
 * gathered, without padding and in single precision, in a span in the nearest cache, which all
 * rows then use: short blocks cost no more than one long one, and half precision is converted
 * once. Where the processor has sums of products of bfloat16 pairs and the caller allows them, the
 * span holds those (attn_pairs.h). */
#include <math.h>

#include "kernels.h"
#include "vec.h"
#if defined(__AMX_BF16__)
#include "attn_tiles.h"
#define HAS_PAIRS 1
#elif defined(__AVX512BF16__)
#include "attn_pairs.h"
#define HAS_PAIRS 1
#else
#define HAS_PAIRS 0
#endif

#define TILE SAN__TILE
#define SPAN SAN__SPAN
#define STRIDE                                                                                     \
    (SPAN + TILE) /* floats from component to component of gathered keys: copies of 16
                              * may run over */
#define NR_MAX 6

/* What fits the registers: vectors of keys a score loop holds for each row, and vectors of 8 that
 * a value loop holds. 32 registers of 16 floats, or 16 of 8. */
#if defined(__AVX512F__)
enum { KEYS_WIDE = 2, VALUES_WIDE = 4 };
#else
enum { KEYS_WIDE = 1, VALUES_WIDE = 2 };
#endif

/* Keys and values of one span, floats or halves; steps in elements. */
struct view {
    const void *keys;
    size_t tile_step; /* from 16 keys to the next 16 */
    size_t d_step;    /* from a component to the next */
    const void *values;
};

/* ---- pieces ---- */

void san__kv_put(float *piece, int cap, int i, const float *k, const float *v, int D)
{
    float *key = piece + (size_t)(i / TILE) * TILE * (size_t)D + i % TILE;
    for (int d = 0; d < D; d++) key[(size_t)d * TILE] = k[d];
    float *value = piece + san__keys_size(cap, D) + (size_t)i * (size_t)D;
    memcpy(value, v, (size_t)D * sizeof *v);
}

int san__half_is_fast(void)
{
    return SAN__HALF_IS_FAST;
}

int san__pairs_are_fast(void)
{
    return HAS_PAIRS;
}

void san__to_half(uint16_t *out, const float *x, size_t n)
{
    size_t i = 0;
#if defined(__F16C__)
    const __m256 most = _mm256_set1_ps(65504.0f);
    for (; i + 8 <= n; i += 8) {
        __m256 f = _mm256_min_ps(_mm256_loadu_ps(x + i), most);
        f = _mm256_max_ps(f, _mm256_sub_ps(_mm256_setzero_ps(), most));
        _mm_storeu_si128((__m128i_u *)(void *)(out + i),
                         _mm256_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
#endif
    for (; i < n; i++) out[i] = float_to_half(x[i]);
}

void san__from_half(float *out, const uint16_t *x, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) load8_half((vec8 *)(out + i), x + i);
    for (; i < n; i++) out[i] = half_to_float(x[i]);
}

void san__exp16(float *p)
{
    vec16 x = *(const vec16 *)p;
    exp16(&x);
    *(vec16 *)p = x;
}

/* ---- NR rows against one span; NR, D, HALF are constants once inlined ---- */

INLINE void load_keys(vec16 *to, const struct view *w, size_t at, int HALF)
{
    if (HALF)
        load16_half(to, (const uint16_t *)w->keys + at);
    else
        *to = *(const vec16 *)((const float *)w->keys + at);
}

INLINE void load_values(vec8 *to, const struct view *w, size_t at, int HALF)
{
    if (HALF)
        load8_half(to, (const uint16_t *)w->values + at);
    else
        *to = *(const vec8 *)((const float *)w->values + at);
}

/* Scores of NV * 16 keys from key `j` on. */
INLINE void span_scores(float *p, const float *q, const struct view *w, int j, int NR, int NV,
                        int D, int HALF)
{
    vec16 s[NR_MAX][2] = {{{0}}};
    size_t at = (size_t)(j / TILE) * w->tile_step;
    for (int d = 0; d < D; d++) {
        vec16 k[2] = {{0}};
        for (int v = 0; v < NV; v++)
            load_keys(&k[v], w, at + (size_t)v * w->tile_step + (size_t)d * w->d_step, HALF);
        for (int r = 0; r < NR; r++)
            for (int v = 0; v < NV; v++) s[r][v] += k[v] * q[r * D + d];
    }
    for (int r = 0; r < NR; r++)
        for (int v = 0; v < NV; v++) *(vec16 *)(p + r * SPAN + j + v * TILE) = s[r][v];
}

/* Scores p of row r become exp(score - m); returns by what earlier sums shrink. `n` is a multiple
 * of 16, keys from `visible` on are hidden. */
INLINE float span_softmax(struct san__attn *a, int r, float *p, int n, int visible)
{
    static const ivec16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const vec16 lowest = {-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
                                 -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
                                 -INFINITY, -INFINITY, -INFINITY, -INFINITY};
    float m = a->m[r], rescale = 1;
    for (int j = visible / TILE * TILE; j < n; j += TILE) {
        ivec16 sees = lane < visible - j, s = *(const ivec16 *)(p + j);
        *(ivec16 *)(p + j) = (s & sees) | ((ivec16)lowest & ~sees);
    }
    if (!a->is_bounded) {
        float before = m;
        for (int j = 0; j < n; j += TILE) {
            float max = max16((const vec16 *)(p + j));
            if (max > m) m = max;
        }
        if (m > before) rescale = expf(before - m);
        a->m[r] = m;
    }
    vec16 l = *(const vec16 *)(a->l + (size_t)r * TILE) * rescale;
    for (int j = 0; j < n; j += TILE) {
        vec16 s = *(const vec16 *)(p + j) - m;
        exp16(&s);
        l += s;
        *(vec16 *)(p + j) = s;
    }
    *(vec16 *)(a->l + (size_t)r * TILE) = l;
    return rescale;
}

/* o = o * rescale + p V over n_key keys, 8 * WIDE columns from d on. */
INLINE void span_values(float *o, const float *p, const float *rescale, const struct view *w,
                        int n_key, int d, int NR, int WIDE, int D, int HALF)
{
    vec8 sum[NR_MAX][4];
    for (int r = 0; r < NR; r++)
        for (int c = 0; c < WIDE; c++)
            sum[r][c] = *(const vec8 *)(o + r * D + d + 8 * c) * rescale[r];
    for (int j = 0; j < n_key; j++) {
        vec8 v[4];
        for (int c = 0; c < WIDE; c++)
            load_values(&v[c], w, (size_t)j * (size_t)D + (size_t)(d + 8 * c), HALF);
        for (int r = 0; r < NR; r++)
            for (int c = 0; c < WIDE; c++) sum[r][c] += v[c] * p[r * SPAN + j];
    }
    for (int r = 0; r < NR; r++)
        for (int c = 0; c < WIDE; c++) *(vec8 *)(o + r * D + d + 8 * c) = sum[r][c];
}

/* visible[r]: keys of the span that row r0 + r sees, at least 1 in its first span (so that m is
 * finite), possibly 0 afterwards; n_key is the largest of them. */
INLINE void span_rows(struct san__attn *a, int r0, const struct view *w, const int *visible,
                      int n_key, int NR, int D, int HALF)
{
    float p[NR_MAX * SPAN] __attribute__((aligned(64))), rescale[NR_MAX];
    const float *q = a->q + (size_t)r0 * (size_t)D;
    float *o = a->o + (size_t)r0 * (size_t)D;
    int j = 0, n = (n_key + TILE - 1) / TILE * TILE;
    for (; KEYS_WIDE == 2 && j + TILE < n; j += 2 * TILE) span_scores(p, q, w, j, NR, 2, D, HALF);
    for (; j < n; j += TILE) span_scores(p, q, w, j, NR, 1, D, HALF);
    for (int r = 0; r < NR; r++) rescale[r] = span_softmax(a, r0 + r, p + r * SPAN, n, visible[r]);
    const int WIDE = VALUES_WIDE == 4 && D % 32 == 0 ? 4 : D % 24 == 0 ? 3 : 2;
    for (int d = 0; d < D; d += 8 * WIDE)
        span_values(o, p, rescale, w, n_key, d, NR, WIDE, D, HALF);
}

/* Keys of the span from `first` on that row r sees. per_token 0: all `n`; else causal. */
INLINE int span_visible(int r, int n, int base, int per_token, int first)
{
    int all = per_token ? base + r / per_token + 1 : n;
    int seen = (all < n ? all : n) - first;
    return seen < 0 ? 0 : seen > SPAN ? SPAN : seen;
}

/* All rows against the span that begins at key `first` of n. */
INLINE void span_add(struct san__attn *a, const struct view *w, int first, int n, int base,
                     int per_token, int D, int HALF)
{
    for (int r = 0, NR; r < a->n_row; r += NR) {
        int left = a->n_row - r, visible[NR_MAX] = {0}, n_key = 0;
        NR = left == 6 && !HALF ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        for (int i = 0; i < NR; i++) {
            visible[i] = span_visible(r + i, n, base, per_token, first);
            if (visible[i] > n_key) n_key = visible[i];
        }
        if (!n_key) continue;
        if (NR == 4)
            span_rows(a, r, w, visible, n_key, 4, D, HALF);
        else if (NR == 6)
            span_rows(a, r, w, visible, n_key, 6, D, 0);
        else if (NR == 2)
            span_rows(a, r, w, visible, n_key, 2, D, HALF);
        else
            span_rows(a, r, w, visible, n_key, 1, D, HALF);
    }
}

/* A head width known when compiling is worth a third of the time. */
#define WIDTHS(XX) XX(16) XX(24) XX(32) XX(48) XX(64)

#define SPAN_OF_WIDTH(width)                                                                       \
    static void span_##width(struct san__attn *a, const struct view *w, int first, int n,          \
                             int base, int per_token)                                              \
    {                                                                                              \
        span_add(a, w, first, n, base, per_token, width, 0);                                       \
    }                                                                                              \
    static void span_half_##width(struct san__attn *a, const struct view *w, int first, int n,     \
                                  int base, int per_token)                                         \
    {                                                                                              \
        span_add(a, w, first, n, base, per_token, width, 1);                                       \
    }
WIDTHS(SPAN_OF_WIDTH)
#undef SPAN_OF_WIDTH

typedef void (*span_fn)(struct san__attn *a, const struct view *w, int first, int n, int base,
                        int per_token);

/* NULL: no fast version of this width. */
static span_fn span_of(int D, int is_half)
{
#define CASE(width)                                                                                \
    case width:                                                                                    \
        return is_half ? span_half_##width : span_##width;
    switch (D) {
        WIDTHS(CASE)
    default:
        return NULL;
    }
#undef CASE
}

/* ---- any head width, in plain loops ---- */

static float element(const void *p, size_t i, int is_half)
{
    return is_half ? half_to_float(((const uint16_t *)p)[i]) : ((const float *)p)[i];
}

/* One row against one tile. */
static void tile_any(struct san__attn *a, int r, const struct view *w, int visible, int is_half)
{
    int D = a->D;
    const float *q = a->q + (size_t)r * (size_t)D;
    float *o = a->o + (size_t)r * (size_t)D;
    float s[TILE] = {0}, m = a->m[r];
    for (int d = 0; d < D; d++)
        for (int j = 0; j < visible; j++)
            s[j] += q[d] * element(w->keys, (size_t)d * TILE + (size_t)j, is_half);
    for (int j = 0; !a->is_bounded && j < visible; j++) m = s[j] > m ? s[j] : m;
    float rescale = a->is_bounded ? 1 : expf(a->m[r] - m);
    for (int i = 0; i < TILE; i++) a->l[(size_t)r * TILE + (size_t)i] *= rescale;
    for (int d = 0; d < D; d++) o[d] *= rescale;
    a->m[r] = m;
    for (int j = 0; j < visible; j++) {
        float p = expf(s[j] - m);
        a->l[(size_t)r * TILE + (size_t)j] += p;
        for (int d = 0; d < D; d++)
            o[d] += p * element(w->values, (size_t)j * (size_t)D + (size_t)d, is_half);
    }
}

/* ---- the interface ---- */

/* View of a piece from key `first` on, a multiple of 16. */
static struct view piece_view(const void *piece, int is_half, int cap, int D, int first)
{
    size_t size = is_half ? sizeof(uint16_t) : sizeof(float), from = (size_t)first * (size_t)D;
    const char *at = piece;
    return (struct view){.keys = at + from * size,
                         .tile_step = (size_t)TILE * (size_t)D,
                         .d_step = TILE,
                         .values = at + (san__keys_size(cap, D) + from) * size};
}

static void add_piece(struct san__attn *a, const void *piece, int is_half, int cap, int n, int base,
                      int per_token)
{
    span_fn add = span_of(a->D, is_half);
    for (int first = 0; add && first < n; first += SPAN) {
        struct view w = piece_view(piece, is_half, cap, a->D, first);
        add(a, &w, first, n, base, per_token);
    }
    for (int r = 0; !add && r < a->n_row; r++)
        for (int first = 0; first < n; first += TILE) {
            struct view w = piece_view(piece, is_half, cap, a->D, first);
            int visible = span_visible(r, n, base, per_token, first);
            tile_any(a, r, &w, visible < TILE ? visible : TILE, is_half);
        }
}

void san__attn_begin(struct san__attn *a)
{
    memset(a->o, 0, (size_t)a->n_row * (size_t)a->D * sizeof *a->o);
    memset(a->l, 0, (size_t)a->n_row * TILE * sizeof *a->l);
    for (int r = 0; !a->is_bounded && r < a->n_row; r++) a->m[r] = -INFINITY;
}

void san__attn_add(struct san__attn *a, const void *piece, int is_half, int cap, int n)
{
    add_piece(a, piece, is_half, cap, n, 0, 0);
}

void san__attn_add_causal(struct san__attn *a, const float *piece, int cap, int base,
                          int rows_per_token)
{
    add_piece(a, piece, 0, cap, base + a->n_row / rows_per_token, base, rows_per_token);
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

/* ---- bfloat16 pairs ---- */

#if HAS_PAIRS
#if defined(__AMX_BF16__)
#define PAIRS_OF_WIDTH(width)                                                                      \
    static void pairs_##width(struct san__attn *a, float *mem, int n)                              \
    {                                                                                              \
        tiles_span(a, mem, STRIDE, n, width);                                                      \
    }
#else
/* NR rows against the n keys gathered in mem, all of them seen. */
INLINE void pairs_rows(struct san__attn *a, int r0, const float *mem, int n_key, int NR, int D)
{
    float p[PAIR_ROWS * SPAN] __attribute__((aligned(64))), rescale[PAIR_ROWS];
    uint32_t q[PAIR_ROWS * 32] __attribute__((aligned(64)));
    uint32_t weights[PAIR_ROWS * SPAN / 2] __attribute__((aligned(64)));
    const uint32_t *keys = (const uint32_t *)(const void *)mem;
    const uint32_t *values = (const uint32_t *)(const void *)(mem + (size_t)STRIDE * (size_t)D);
    float *o = a->o + (size_t)r0 * (size_t)D;
    int j = 0, n = (n_key + TILE - 1) / TILE * TILE;
    to_pairs(q, a->q + (size_t)r0 * (size_t)D, NR * D);
    for (; j + TILE < n; j += 2 * TILE) pairs_scores(p + j, SPAN, q, keys + j, STRIDE, NR, 2, D);
    if (j < n) pairs_scores(p + j, SPAN, q, keys + j, STRIDE, NR, 1, D);
    for (int r = 0; r < NR; r++) {
        rescale[r] = span_softmax(a, r0 + r, p + r * SPAN, n, n_key);
        to_pairs(weights + r * SPAN / 2, p + r * SPAN, n);
    }
    const int WIDE = D % 32 == 0 ? 2 : 1;
    for (int d = 0; d < D; d += 16 * WIDE)
        pairs_sum(o + d, weights, SPAN / 2, rescale, values + d, (n_key + 1) / 2, NR, WIDE, D);
}

#define PAIRS_OF_WIDTH(width)                                                                      \
    static void pairs_##width(struct san__attn *a, float *mem, int n)                              \
    {                                                                                              \
        int r = 0;                                                                                 \
        for (; r + 6 <= a->n_row; r += 6) pairs_rows(a, r, mem, n, 6, width);                      \
        for (; r + 2 <= a->n_row; r += 2) pairs_rows(a, r, mem, n, 2, width);                      \
        if (r < a->n_row) pairs_rows(a, r, mem, n, 1, width);                                      \
    }
#endif

#define PAIR_WIDTHS(XX) XX(16) XX(32) XX(48) XX(64)
PAIR_WIDTHS(PAIRS_OF_WIDTH)
#undef PAIRS_OF_WIDTH
#endif

typedef void (*pairs_fn)(struct san__attn *a, float *mem, int n);

/* NULL: spans of floats. */
static pairs_fn pairs_of(const struct san__attn *a)
{
#if HAS_PAIRS
#define CASE(width)                                                                                \
    case width:                                                                                    \
        return pairs_##width;
    if (a->may_round) switch (a->D) {
            PAIR_WIDTHS(CASE)
        }
#undef CASE
#endif
    (void)a;
    return NULL;
}

/* ---- gathering ---- */

/* Append `n` keys of a piece from key `first` on. Copies of 16 keys that are not all wanted leave
 * something behind the last one, where the next copy begins; it is hidden otherwise. They may
 * read up to 15 elements over the keys, which are values then. */
static void gather(struct san__span *s, const void *piece, int is_half, int cap, int first, int n,
                   int D, int as_pairs)
{
    struct view w = piece_view(piece, is_half, cap, D, 0);
    float *values = s->mem + (size_t)STRIDE * (size_t)D;
    size_t from = (size_t)first * (size_t)D, count = (size_t)n * (size_t)D;
    for (int i = 0, run; i < n; i += run) {
        int in_tile = (first + i) % TILE;
        size_t at = (size_t)((first + i) / TILE) * w.tile_step + (size_t)in_tile;
        float *to = s->mem + s->n + i;
        run = TILE - in_tile < n - i ? TILE - in_tile : n - i;
#if HAS_PAIRS
        if (as_pairs) {
            pairs_keys((uint32_t *)(void *)to, STRIDE, w.keys, at, D, is_half);
            continue;
        }
#endif
        for (int d = 0; d < D; d++, at += TILE, to += STRIDE) {
            vec16 k;
            load_keys(&k, &w, at, is_half);
            *(vec16 *)to = k;
        }
    }
    s->n += n;
#if HAS_PAIRS
    if (as_pairs) {
        pairs_values((uint32_t *)(void *)values, s->n - n, w.values, from, n, D, is_half);
        return;
    }
#endif
    (void)as_pairs;
    values += (size_t)(s->n - n) * (size_t)D;
    if (is_half)
        san__from_half(values, (const uint16_t *)w.values + from, count);
    else
        memcpy(values, (const float *)w.values + from, count * sizeof(float));
}

void san__attn_gather(struct san__attn *a, struct san__span *s, const void *piece, int is_half,
                      int cap, int n)
{
    if (!span_of(a->D, is_half)) {
        add_piece(a, piece, is_half, cap, n, 0, 0);
        return;
    }
    for (int first = 0, take; first < n; first += take) {
        take = SPAN - s->n < n - first ? SPAN - s->n : n - first;
        gather(s, piece, is_half, cap, first, take, a->D, pairs_of(a) != NULL);
        if (s->n == SPAN) san__attn_flush(a, s);
    }
}

void san__attn_flush(struct san__attn *a, struct san__span *s)
{
    if (!s->n) return;
    pairs_fn pairs = pairs_of(a);
    if (pairs) {
        pairs(a, s->mem, s->n);
        s->n = 0;
        return;
    }
    struct view w = {.keys = s->mem,
                     .tile_step = TILE,
                     .d_step = STRIDE,
                     .values = s->mem + (size_t)STRIDE * (size_t)a->D};
    span_of(a->D, 0)(a, &w, 0, s->n, 0, 0);
    s->n = 0;
}
