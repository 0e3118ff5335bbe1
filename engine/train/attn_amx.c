/* attn_amx.c - the attention of attn_train.c with its products by tiles (Intel AMX, gemm_amx.c).
 *
 * Every product's operands are packed as pairs of bfloat16 (bf16_pack.h): queries and gradients once a job,
 * keys and values once a tile of KEY_TILE keys, as they come from their spans. Scores, softmax and sums stay
 * fp32. Rows are made up to 32 and keys to whole tiles with zeros, which add nothing to any sum. */
#include "train_int.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)

#include <string.h>

#include "bf16_pack.h"

#include "attn_rows.h"

#define TILE 16
#define HALF (KEY_TILE / 2)

/* A thread's scratch. Words are pairs; rows R of queries, d head width, keys of one tile but for s. */
struct layout {
    uint32_t *q, *dout;   /* (R, d/2) pairs along the head */
    uint32_t *q2, *dout2; /* (R/2, d) pairs of rows */
    uint32_t *kt, *vt;    /* (d/2, KEY_TILE) pairs along the head */
    uint32_t *k2;         /* (HALF, d) pairs of keys; of v when forward */
    uint32_t *p;          /* (R, HALF) pairs along the keys */
    uint32_t *pt;         /* (KEY_TILE, R/2) pairs of rows */
    float *s;             /* (tiles, R, KEY_TILE) */
    float *ds;            /* (R, KEY_TILE) */
    float *o;             /* (R, d) */
    float *dk, *dv;       /* (KEY_TILE, d) */
    float *lse, *sum;     /* (R) */
};

static size_t take(float *base, void *field, size_t at, size_t n)
{
    float *p = base ? base + at : NULL;

    memcpy(field, &p, sizeof p);
    return at + (n + 15) / 16 * 16;
}

/* Fill `w` from `base` (NULL: only measure) and return the floats needed. */
static size_t lay_out(struct layout *w, float *base, int d, int n_row, int n_key)
{
    const size_t rows = (size_t)(n_row + 31) / 32 * 32, dd = (size_t)d;
    const size_t tiles = (size_t)(n_key + KEY_TILE - 1) / KEY_TILE;
    size_t at = 0;

    at = take(base, &w->q, at, rows * dd / 2);
    at = take(base, &w->dout, at, rows * dd / 2);
    at = take(base, &w->q2, at, rows * dd / 2);
    at = take(base, &w->dout2, at, rows * dd / 2);
    at = take(base, &w->kt, at, KEY_TILE * dd / 2);
    at = take(base, &w->vt, at, KEY_TILE * dd / 2);
    at = take(base, &w->k2, at, KEY_TILE * dd / 2);
    at = take(base, &w->p, at, rows * HALF);
    at = take(base, &w->pt, at, rows * HALF);
    at = take(base, &w->ds, at, rows * KEY_TILE);
    at = take(base, &w->o, at, rows * dd);
    at = take(base, &w->dk, at, KEY_TILE * dd);
    at = take(base, &w->dv, at, KEY_TILE * dd);
    at = take(base, &w->lse, at, rows);
    at = take(base, &w->sum, at, rows);
    at = take(base, &w->s, at, tiles * rows * KEY_TILE);
    return at;
}

int san__attn_amx_is_supported(int d)
{
    return (d == 32 || d == 64) && san__amx_is_available();
}

size_t san__attn_amx_scratch_floats(int d, int n_row, int n_key)
{
    struct layout w;

    return san__attn_amx_is_supported(d) ? lay_out(&w, NULL, d, n_row, n_key) : 0;
}

/* c(m, n) = or += a · b by tiles: a (m, n_pair) and b (n_pair, n) words; m, n and n_pair are multiples of
 * 16. Two by two tiles of sums, so that each operand's tile is read once for two products. */
INLINE void product(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b,
                    size_t ldb, int m, int n, int n_pair, const int is_added)
{
    TILES_SEE_MEMORY();
    for (int i = 0; i < m; i += 2 * TILE) {
        for (int j = 0; j < n; j += 2 * TILE) {
            const uint32_t *pa = a + (size_t)i * lda, *pb = b + j;
            float *pc = c + (size_t)i * ldc + j;
            const int is_low = i + TILE < m, is_wide = j + TILE < n;

            if (is_added) {
                _tile_loadd(0, pc, ldc * 4);
                if (is_wide) _tile_loadd(1, pc + TILE, ldc * 4);
                if (is_low) _tile_loadd(2, pc + TILE * ldc, ldc * 4);
                if (is_low && is_wide) _tile_loadd(3, pc + TILE * ldc + TILE, ldc * 4);
            } else {
                _tile_zero(0);
                _tile_zero(1);
                _tile_zero(2);
                _tile_zero(3);
            }
            for (int p = 0; p < n_pair; p += TILE, pa += TILE, pb += TILE * ldb) {
                _tile_loadd(4, pa, lda * 4);
                _tile_loadd(6, pb, ldb * 4);
                _tile_dpbf16ps(0, 4, 6);
                if (is_wide) {
                    _tile_loadd(7, pb + TILE, ldb * 4);
                    _tile_dpbf16ps(1, 4, 7);
                }
                if (is_low) {
                    _tile_loadd(5, pa + TILE * lda, lda * 4);
                    _tile_dpbf16ps(2, 5, 6);
                    if (is_wide) _tile_dpbf16ps(3, 5, 7);
                }
            }
            _tile_stored(0, pc, ldc * 4);
            if (is_wide) _tile_stored(1, pc + TILE, ldc * 4);
            if (is_low) _tile_stored(2, pc + TILE * ldc, ldc * 4);
            if (is_low && is_wide) _tile_stored(3, pc + TILE * ldc + TILE, ldc * 4);
        }
    }
    TILES_SEE_MEMORY();
}

/* 32 floats as 16 pairs along the row. */
INLINE __m512i along(const float *x)
{
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
}

/* The rows of this job and key/value head times `scale`: along the head in `to` (rows, d/2), by pairs of
 * rows in `two` (rows/2, d) unless it is NULL. */
static void pack_rows_of(uint32_t *to, uint32_t *two, const float *x, size_t ldx, float scale,
                         const struct san__job *j, int rep, int g, int d, int rows)
{
    const size_t half = (size_t)d / 2;
    int r = 0;

    for (int h = 0; h < rep; h++) {
        for (int t = 0; t < j->n_q; t++, r++) {
            const float *xr = x + (size_t)(j->q0 + t) * ldx + (size_t)((g * rep + h) * d);

            for (int i = 0; i < d; i += 32) {
                const __m512 v = _mm512_set1_ps(scale);

                _mm512_storeu_si512(
                    to + (size_t)r * half + i / 2,
                    (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(_mm512_loadu_ps(xr + i + 16), v),
                                                 _mm512_mul_ps(_mm512_loadu_ps(xr + i), v)));
            }
        }
    }
    memset(to + (size_t)r * half, 0, (size_t)(rows - r) * half * sizeof *to);
    if (!two) return;
    for (r = 0; r < rows; r += 2) {
        for (int i = 0; i < d; i += 16) {
            const uint32_t *a = to + (size_t)r * half + i / 2;
            const __m512i x0 = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)a));
            const __m512i x1 = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(a + half)));

            _mm512_storeu_si512(two + (size_t)r * half + i,
                                _mm512_or_si512(x0, _mm512_slli_epi32(x1, 16)));
        }
    }
}

/* Addresses of the tile's keys' rows in x(S, ldx): keys [k0, k0 + n). */
static void rows_of_keys(const float **row, const float *x, size_t ldx, const struct san__job *j,
                         int k0, int n)
{
    struct cursor c = find_key(j, k0);

    for (int left = n; left > 0; c.i++, c.from = 0) {
        const int rest = j->span[c.i].len - c.from, len = rest < left ? rest : left;
        const float *f = x + (size_t)(j->span[c.i].start + c.from) * ldx;

        for (int k = 0; k < len; k++, f += ldx) *row++ = f;
        left -= len;
    }
}

/* Keys along the head, columns beside each other: (d/2, KEY_TILE), zeros behind n up to whole tiles. */
static void pack_across(uint32_t *to, const float *const *row, int n, int d)
{
    for (int k = 0; k < n; k += TILE) {
        for (int i = 0; i < d; i += 32) {
            __m512i r[TILE];

            for (int t = 0; t < TILE; t++)
                r[t] = k + t < n ? along(row[k + t] + i) : _mm512_setzero_si512();
            transpose(r);
            for (int t = 0; t < TILE; t++)
                _mm512_storeu_si512(to + (size_t)(i / 2 + t) * KEY_TILE + k, r[t]);
        }
    }
}

/* Pairs of keys: (HALF, d), zeros behind n up to whole tiles of 32 keys. */
static void pack_pairs(uint32_t *to, const float *const *row, int n, int d)
{
    const int n_pad = (n + 31) / 32 * 32;

    for (int k = 0; k < n_pad; k += 2) {
        for (int i = 0; i < d; i += 16, to += 16)
            _mm512_storeu_si512(to,
                                k < n ? pairs(row[k] + i, k + 1 < n ? row[k + 1] + i : NULL, 0xffff)
                                      : _mm512_setzero_si512());
    }
}

/* Scores (rows, KEY_TILE) as pairs along the keys, zeros behind n up to whole tiles of 32 keys. */
static void pack_scores(uint32_t *to, const float *s, int rows, int n)
{
    for (int r = 0; r < rows; r++, to += HALF, s += KEY_TILE)
        for (int k = 0; k < n; k += 32)
            _mm512_storeu_si512(
                to + k / 2,
                (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(first(n - k - 16), s + k + 16),
                                             _mm512_maskz_loadu_ps(first(n - k), s + k)));
}

/* The same transposed, pairs of rows: (KEY_TILE, rows/2). */
static void pack_scores_across(uint32_t *to, const float *s, int rows, int n)
{
    for (int k = 0; k < n; k += TILE) {
        for (int r = 0; r < rows; r += 32) {
            __m512i x[TILE];

            for (int i = 0; i < TILE; i++) {
                const float *even = s + (size_t)(r + 2 * i) * KEY_TILE + k;

                x[i] = pairs(even, even + KEY_TILE, 0xffff);
            }
            transpose(x);
            for (int i = 0; i < TILE; i++)
                _mm512_storeu_si512(to + (size_t)(k + i) * (size_t)(rows / 2) + r / 2, x[i]);
        }
    }
}

static int whole(int n, int of)
{
    return (n + of - 1) / of * of;
}

void san__attn_amx_forward(const struct san__attn *a, const struct san__job *j, int g,
                           float *scratch)
{
    const int d = a->d, rep = a->n_head / a->n_kv, n = j->n_key, real = rep * j->n_q;
    const int rows = whole(real, 32), m = whole(real, TILE), n_pad = whole(n, KW);
    const int last = (n - 1) / KEY_TILE * KEY_TILE; /* where the last tile begins */
    const size_t next = (size_t)rows * KEY_TILE, half = (size_t)d / 2;
    const float *row[KEY_TILE];
    struct layout w;

    lay_out(&w, scratch, d, real, n);
    san__amx_begin();
    pack_rows_of(w.q, NULL, a->q, (size_t)a->ldq, 1.0f / sqrtf((float)d), j, rep, g, d, rows);
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE;

        rows_of_keys(row, a->k + g * d, (size_t)a->ldk, j, k0, tn);
        pack_across(w.kt, row, tn, d);
        product(w.s + (size_t)(k0 / KEY_TILE) * next, KEY_TILE, w.q, half, w.kt, KEY_TILE, m,
                whole(tn, TILE), d / 2, 0);
    }
    for (int r = 0; r < real; r++) {
        float *s = w.s + r * KEY_TILE;

        if (j->is_causal) {
            for (int k0 = 0; k0 < n; k0 += KEY_TILE)
                mask_row(s + (size_t)(k0 / KEY_TILE) * next, r % j->n_q + 1 - k0, KEY_TILE);
        }
        mask_row(s + (size_t)(last / KEY_TILE) * next, n - last, n_pad - last);
        w.lse[r] = softmax_row(s, next, n_pad, &w.sum[r]);
    }
    memset(w.o, 0, (size_t)m * (size_t)d * sizeof *w.o);
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE;

        rows_of_keys(row, a->v + g * d, (size_t)a->ldv, j, k0, tn);
        pack_pairs(w.k2, row, tn, d);
        pack_scores(w.p, w.s + (size_t)(k0 / KEY_TILE) * next, m, tn);
        product(w.o, (size_t)d, w.p, HALF, w.k2, (size_t)d, m, d, whole(tn, 32) / 2, 1);
    }
    for (int r = 0; r < real; r++) {
        const size_t t = (size_t)(j->q0 + r % j->n_q), h = (size_t)(g * rep + r / j->n_q);
        const float inv = 1.0f / w.sum[r];
        float *o = a->o + (t * (size_t)a->n_head + h) * (size_t)d;

        a->lse[t * (size_t)a->n_head + h] = w.lse[r];
        for (int i = 0; i < d; i++) o[i] = w.o[(size_t)r * (size_t)d + (size_t)i] * inv;
    }
    san__amx_end();
}

/* delta(r) = sum over the head of dout * o, kept for the caller as well; lse(r) fetched. */
static void row_sums(const struct san__attn *a, const struct san__job *j, int g,
                     const struct layout *w, int rep, int real, int rows)
{
    for (int r = 0; r < real; r++) {
        const size_t t = (size_t)(j->q0 + r % j->n_q), h = (size_t)(g * rep + r / j->n_q);
        const size_t at = (t * (size_t)a->n_head + h) * (size_t)a->d;
        float sum = 0;

#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < a->d; i++) sum += a->o[at + (size_t)i] * a->dout[at + (size_t)i];
        w->sum[r] = a->delta[t * (size_t)a->n_head + h] = sum;
        w->lse[r] = a->lse[t * (size_t)a->n_head + h];
    }
    for (int r = real; r < rows; r++) w->sum[r] = w->lse[r] = 0; /* zero rows give zero gradient */
}

/* Add or assign the tile's gradients of keys [k0, k0+n) to the rows they came from. */
static void scatter(const struct san__attn *a, const struct san__job *j, int g,
                    const struct layout *w, int k0, int n)
{
    const int d = a->d;
    struct cursor s = find_key(j, k0);
    const size_t ld = (size_t)a->lddkv;
    const float *tk = w->dk, *tv = w->dv;

    for (int left = n; left > 0; s.i++, s.from = 0) {
        const int rest = j->span[s.i].len - s.from, len = rest < left ? rest : left;
        const size_t to = (size_t)(j->span[s.i].start + s.from) * ld + (size_t)(g * d);
        float *dk = a->dk + to, *dv = a->dv + to;

        for (int k = 0; k < len; k++, dk += ld, dv += ld, tk += d, tv += d) {
            for (int i = 0; i < d; i += KW) {
                vk x = load(tk + i), y = load(tv + i);

                if (a->is_accumulated) {
                    x += load(dk + i);
                    y += load(dv + i);
                }
                store(dk + i, x);
                store(dv + i, y);
            }
        }
        left -= len;
    }
}

void san__attn_amx_backward(const struct san__attn *a, const struct san__job *j, int g,
                            float *scratch)
{
    const int d = a->d, rep = a->n_head / a->n_kv, n = j->n_key, real = rep * j->n_q;
    const int rows = whole(real, 32), m = whole(real, TILE);
    const size_t half = (size_t)d / 2;
    const float scale = 1.0f / sqrtf((float)d);
    const float *row[KEY_TILE];
    struct layout w;

    lay_out(&w, scratch, d, real, n);
    san__amx_begin();
    pack_rows_of(w.q, w.q2, a->q, (size_t)a->ldq, scale, j, rep, g, d, rows);
    pack_rows_of(w.dout, w.dout2, a->dout, (size_t)(a->n_head * d), 1, j, rep, g, d, rows);
    row_sums(a, j, g, &w, rep, real, rows);
    memset(w.o, 0, (size_t)m * (size_t)d * sizeof *w.o); /* becomes dq */
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE, t16 = whole(tn, TILE);

        rows_of_keys(row, a->v + g * d, (size_t)a->ldv, j, k0, tn);
        pack_across(w.vt, row, tn, d);
        rows_of_keys(row, a->k + g * d, (size_t)a->ldk, j, k0, tn);
        pack_across(w.kt, row, tn, d);
        pack_pairs(w.k2, row, tn, d);
        product(w.s, KEY_TILE, w.q, half, w.kt, KEY_TILE, rows, t16, d / 2, 0);
        product(w.ds, KEY_TILE, w.dout, half, w.vt, KEY_TILE, rows, t16, d / 2, 0);
        for (int r = 0; r < rows; r++) {
            float *p = w.s + r * KEY_TILE;

            if (j->is_causal) mask_row(p, r % j->n_q + 1 - k0, t16);
            score_gradient_row(p, w.ds + r * KEY_TILE, t16, w.lse[r], w.sum[r]);
        }
        pack_scores(w.p, w.ds, m, tn);
        product(w.o, (size_t)d, w.p, HALF, w.k2, (size_t)d, m, d, whole(tn, 32) / 2, 1);
        pack_scores_across(w.pt, w.ds, rows, tn);
        product(w.dk, (size_t)d, w.pt, (size_t)rows / 2, w.q2, (size_t)d, t16, d, rows / 2, 0);
        pack_scores_across(w.pt, w.s, rows, tn);
        product(w.dv, (size_t)d, w.pt, (size_t)rows / 2, w.dout2, (size_t)d, t16, d, rows / 2, 0);
        scatter(a, j, g, &w, k0, tn);
    }
    for (int r = 0; r < real; r++) {
        const size_t t = (size_t)(j->q0 + r % j->n_q), h = (size_t)(g * rep + r / j->n_q);
        float *dq = a->dq + t * (size_t)a->lddq + h * (size_t)d;

        for (int i = 0; i < d; i++) dq[i] = w.o[(size_t)r * (size_t)d + (size_t)i] * scale;
    }
    san__amx_end();
}

#else

int san__attn_amx_is_supported(int d)
{
    (void)d; /* no width is */
    return 0;
}
size_t san__attn_amx_scratch_floats(int d, int n_row, int n_key)
{
    (void)d, (void)n_row, (void)n_key;
    return 0;
}
void san__attn_amx_forward(const struct san__attn *a, const struct san__job *j, int g,
                           float *scratch)
{
    (void)a, (void)j, (void)g, (void)scratch; /* never called: nothing is supported */
}
void san__attn_amx_backward(const struct san__attn *a, const struct san__job *j, int g,
                            float *scratch)
{
    (void)a, (void)j, (void)g, (void)scratch; /* never called, as above */
}

#endif
