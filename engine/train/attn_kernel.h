/* attn_kernel.h - attention of one job and one key/value head, for the head width AD.
 *
 * attn_train.c includes this file once per width with AD (floats, a multiple of 8) and AFN(name)
 * defined. Scores are computed against the transposed keys (AD, keys), so that a vector runs along
 * keys; outputs against the plain rows, so that a vector runs along the head. Query heads that
 * share the key/value head are stacked as rows r = head * n_q + t, padded with zero rows to a
 * multiple of RTAIL. */

#if AD % KW == 0
#define DW  KW
#define ADV vk
#else
#define DW  8
#define ADV v8
#endif
#define ND    (AD / DW)
#define DROWS (ND <= 2 ? RMAIN : RTAIL)

/* s(mr, kw2) = q(mr, AD) · kt(AD, 2*KW) */
INLINE void AFN(score_tile)(float *s, const float *q, const float *kt, size_t ldt, const int mr)
{
    vk acc[RMAIN][2];

    for (int r = 0; r < mr; r++) acc[r][0] = acc[r][1] = (vk){0};
    for (int d = 0; d < AD; d++) {
        const vk k0 = *(const vk *)(const void *)(kt + (size_t)d * ldt);
        const vk k1 = *(const vk *)(const void *)(kt + (size_t)d * ldt + KW);

        for (int r = 0; r < mr; r++) {
            const float x = q[r * AD + d];

            acc[r][0] += k0 * x;
            acc[r][1] += k1 * x;
        }
    }
    for (int r = 0; r < mr; r++) {
        *(vk *)(void *)(s + r * KEY_TILE) = acc[r][0];
        *(vk *)(void *)(s + r * KEY_TILE + KW) = acc[r][1];
    }
}

/* s(rows, n) = q · kt; columns up to the next multiple of 2*KW are written as well. */
static void AFN(scores)(float *s, const float *q, const float *kt, size_t ldt, int rows, int n)
{
    for (int j = 0; j < n; j += 2 * KW) {
        int r = 0;

        for (; r + RMAIN <= rows; r += RMAIN)
            AFN(score_tile)(s + r * KEY_TILE + j, q + r * AD, kt + j, ldt, RMAIN);
        for (; r < rows; r += RTAIL)
            AFN(score_tile)(s + r * KEY_TILE + j, q + r * AD, kt + j, ldt, RTAIL);
    }
}

/* o(mr, AD) += p(mr, n) · v(n, AD) */
INLINE void AFN(mix_tile)(float *o, const float *p, const float *v, size_t ldv, int n, const int mr)
{
    ADV acc[DROWS][ND];

    for (int r = 0; r < mr; r++)
        for (int c = 0; c < ND; c++) acc[r][c] = *(const ADV *)(const void *)(o + r * AD + c * DW);
    for (int k = 0; k < n; k++) {
        const float *vr = v + (size_t)k * ldv;

        for (int r = 0; r < mr; r++) {
            const float x = p[r * KEY_TILE + k];

            for (int c = 0; c < ND; c++) acc[r][c] += *(const ADV *)(const void *)(vr + c * DW) * x;
        }
    }
    for (int r = 0; r < mr; r++)
        for (int c = 0; c < ND; c++) *(ADV *)(void *)(o + r * AD + c * DW) = acc[r][c];
}

static void AFN(mix)(float *o, const float *p, const float *v, size_t ldv, int rows, int n)
{
    int r = 0;

    for (; r + DROWS <= rows; r += DROWS)
        AFN(mix_tile)(o + r * AD, p + r * KEY_TILE, v, ldv, n, DROWS);
    for (; r < rows; r += RTAIL) AFN(mix_tile)(o + r * AD, p + r * KEY_TILE, v, ldv, n, RTAIL);
}

/* dv(mk keys, AD) = p(rows, mk)^T · y(rows, AD) */
INLINE void AFN(key_tile)(float *dv, const float *p, const float *y, int rows, const int mk)
{
    ADV acc[DROWS][ND];

    for (int k = 0; k < mk; k++)
        for (int c = 0; c < ND; c++) acc[k][c] = (ADV){0};
    for (int r = 0; r < rows; r++) {
        const float *yr = y + r * AD, *pr = p + r * KEY_TILE;

        for (int k = 0; k < mk; k++)
            for (int c = 0; c < ND; c++)
                acc[k][c] += *(const ADV *)(const void *)(yr + c * DW) * pr[k];
    }
    for (int k = 0; k < mk; k++)
        for (int c = 0; c < ND; c++) *(ADV *)(void *)(dv + k * AD + c * DW) = acc[k][c];
}

/* dv(n, AD) = p(rows, n)^T · y(rows, AD); rows up to the next multiple of RMAIN are written. */
static void AFN(keys)(float *dv, const float *p, const float *y, int rows, int n)
{
    for (int k = 0; k < n; k += DROWS) AFN(key_tile)(dv + k * AD, p + k, y, rows, DROWS);
}

/* y(rows, AD) = scale * the rows of this job and key/value head, zeros behind them. */
static void AFN(gather_rows)(float *y, const float *x, size_t ldx, float scale,
                             const struct san__job *j, int rep, int g, int rows)
{
    int r = 0;

    for (int h = 0; h < rep; h++) {
        for (int t = 0; t < j->n_q; t++, r++) {
            const float *xr = x + (size_t)(j->q0 + t) * ldx + (size_t)(g * rep + h) * AD;

            for (int d = 0; d < AD; d++) y[r * AD + d] = xr[d] * scale;
        }
    }
    for (; r < rows; r++)
        for (int d = 0; d < AD; d++) y[r * AD + d] = 0;
}

/* tile(AD, KEY_TILE) = columns [k0, k0+n) of the job's keys in xt(AD, ldt). Copies whole vectors:
 * what lands behind a span's end is overwritten by the next span or row, or lies in the slack. */
static void AFN(gather_columns)(float *tile, const float *xt, size_t ldt, const struct san__job *j,
                                int k0, int n)
{
    const struct cursor first = find_key(j, k0);

    for (int d = 0; d < AD; d++) {
        const float *from = xt + (size_t)d * ldt;
        float *to = tile + d * KEY_TILE;
        struct cursor c = first;

        for (int left = n; left > 0; c.i++, c.from = 0) {
            const int rest = j->span[c.i].len - c.from, len = rest < left ? rest : left;
            const float *f = from + j->span[c.i].start + c.from;

            for (int k = 0; k < len; k += KW) store(to + k, load(f + k));
            to += len;
            left -= len;
        }
    }
}

/* tile(KEY_TILE, AD) = keys [k0, k0+n) of the job in x(S, ldx). */
static void AFN(gather_keys)(float *restrict tile, const float *restrict x, size_t ldx,
                             const struct san__job *j, int k0, int n)
{
    struct cursor c = find_key(j, k0);

    for (int left = n; left > 0; c.i++, c.from = 0) {
        const int rest = j->span[c.i].len - c.from, len = rest < left ? rest : left;
        const float *f = x + (size_t)(j->span[c.i].start + c.from) * ldx;

        for (int k = 0; k < len; k++, tile += AD, f += ldx)
            for (int i = 0; i < ND; i++)
                *(ADV *)(void *)(tile + i * DW) = *(const ADV *)(const void *)(f + i * DW);
        left -= len;
    }
}

static void AFN(forward)(const struct san__attn *a, const struct san__job *j, int g,
                         const struct layout *w)
{
    const int rep = a->n_head / a->n_kv, n = j->n_key, real = rep * j->n_q;
    const int rows = (real + RTAIL - 1) / RTAIL * RTAIL, n_pad = (n + KW - 1) / KW * KW;
    const int last = (n - 1) / KEY_TILE * KEY_TILE; /* where the last tile begins */
    const size_t next = (size_t)rows * KEY_TILE;    /* from tile to tile of s */
    const float scale = 1.0f / sqrtf((float)AD);
    const float *kt = a->kt + (size_t)g * AD * (size_t)a->ldt, *v = a->v + g * AD;

    AFN(gather_rows)(w->q, a->q, (size_t)a->ldq, scale, j, rep, g, rows);
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE;
        const float *from = kt + j->span[0].start + k0;

        if (j->n_span > 1) AFN(gather_columns)(w->kt, kt, (size_t)a->ldt, j, k0, tn);
        AFN(scores)
        (w->s + (size_t)(k0 / KEY_TILE) * next, w->q, j->n_span > 1 ? w->kt : from,
         j->n_span > 1 ? KEY_TILE : (size_t)a->ldt, rows, tn);
    }
    for (int r = 0; r < real; r++) {
        float *s = w->s + r * KEY_TILE;

        if (j->is_causal) {
            for (int k0 = 0; k0 < n; k0 += KEY_TILE)
                mask_row(s + (size_t)(k0 / KEY_TILE) * next, r % j->n_q + 1 - k0, KEY_TILE);
        }
        mask_row(s + (size_t)(last / KEY_TILE) * next, n - last, n_pad - last);
        w->lse[r] = softmax_row(s, next, n_pad, &w->sum[r]);
    }
    memset(w->o, 0, (size_t)rows * AD * sizeof *w->o);
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE;
        const float *from = v + (size_t)(j->span[0].start + k0) * (size_t)a->ldv;

        if (j->n_span > 1) AFN(gather_keys)(w->k, v, (size_t)a->ldv, j, k0, tn);
        AFN(mix)
        (w->o, w->s + (size_t)(k0 / KEY_TILE) * next, j->n_span > 1 ? w->k : from,
         j->n_span > 1 ? AD : (size_t)a->ldv, rows, tn);
    }
    for (int r = 0; r < real; r++) {
        const size_t t = (size_t)(j->q0 + r % j->n_q), h = (size_t)(g * rep + r / j->n_q);
        const float inv = 1.0f / w->sum[r];

        a->lse[t * (size_t)a->n_head + h] = w->lse[r];
        for (int d = 0; d < AD; d++)
            a->o[(t * (size_t)a->n_head + h) * AD + (size_t)d] = w->o[r * AD + d] * inv;
    }
}

/* delta(r) = sum over d of dout * o, kept for the caller as well; lse(r) fetched. */
static void AFN(row_sums)(const struct san__attn *a, const struct san__job *j, int g,
                          const struct layout *w, int rep, int real, int rows)
{
    for (int r = 0; r < real; r++) {
        const size_t t = (size_t)(j->q0 + r % j->n_q), h = (size_t)(g * rep + r / j->n_q);
        const float *o = a->o + (t * (size_t)a->n_head + h) * AD, *y = w->dout + r * AD;
        float sum = 0;

#pragma omp simd reduction(+ : sum)
        for (int d = 0; d < AD; d++) sum += o[d] * y[d];
        w->sum[r] = a->delta[t * (size_t)a->n_head + h] = sum;
        w->lse[r] = a->lse[t * (size_t)a->n_head + h];
    }
    for (int r = real; r < rows; r++) w->sum[r] = w->lse[r] = 0; /* zero rows give zero gradient */
}

/* Add or assign the tile's gradients of keys [k0, k0+n) to the rows they came from. */
static void AFN(scatter)(const struct san__attn *a, const struct san__job *j, int g,
                         const struct layout *w, int k0, int n)
{
    struct cursor s = find_key(j, k0);
    const size_t ld = (size_t)a->lddkv;
    const float *restrict tk = w->dk, *restrict tv = w->dv;

    for (int left = n; left > 0; s.i++, s.from = 0) {
        const int rest = j->span[s.i].len - s.from, len = rest < left ? rest : left;
        const size_t to = (size_t)(j->span[s.i].start + s.from) * ld + (size_t)(g * AD);
        float *restrict dk = a->dk + to, *restrict dv = a->dv + to;

        for (int k = 0; k < len; k++, dk += ld, dv += ld, tk += AD, tv += AD) {
            for (int c = 0; c < ND; c++) {
                ADV x = *(const ADV *)(const void *)(tk + c * DW);
                ADV y = *(const ADV *)(const void *)(tv + c * DW);

                if (a->is_accumulated) {
                    x += *(const ADV *)(const void *)(dk + c * DW);
                    y += *(const ADV *)(const void *)(dv + c * DW);
                }
                *(ADV *)(void *)(dk + c * DW) = x;
                *(ADV *)(void *)(dv + c * DW) = y;
            }
        }
        left -= len;
    }
}

/* Operands of one tile: in place for a job of one span, else gathered. */
struct AFN(tile) {
    const float *kt, *vt, *k;
    size_t ldt, ldk;
};

static struct AFN(tile) AFN(tile_of)(const struct san__attn *a, const struct san__job *j, int g,
                                     const struct layout *w, int k0, int n)
{
    const float *kt = a->kt + (size_t)g * AD * (size_t)a->ldt, *k = a->k + g * AD;
    const float *vt = a->vt + (size_t)g * AD * (size_t)a->ldt;
    const int at = j->span[0].start + k0;

    if (j->n_span == 1)
        return (struct AFN(tile)){kt + at, vt + at, k + (size_t)at * (size_t)a->ldk, (size_t)a->ldt,
                                  (size_t)a->ldk};
    AFN(gather_columns)(w->kt, kt, (size_t)a->ldt, j, k0, n);
    AFN(gather_columns)(w->vt, vt, (size_t)a->ldt, j, k0, n);
    AFN(gather_keys)(w->k, k, (size_t)a->ldk, j, k0, n);
    return (struct AFN(tile)){w->kt, w->vt, w->k, KEY_TILE, AD};
}

static void AFN(backward)(const struct san__attn *a, const struct san__job *j, int g,
                          const struct layout *w)
{
    const int rep = a->n_head / a->n_kv, n = j->n_key, real = rep * j->n_q;
    const int rows = (real + RTAIL - 1) / RTAIL * RTAIL;
    const float scale = 1.0f / sqrtf((float)AD);

    AFN(gather_rows)(w->q, a->q, (size_t)a->ldq, scale, j, rep, g, rows);
    AFN(gather_rows)(w->dout, a->dout, (size_t)(a->n_head * AD), 1, j, rep, g, rows);
    AFN(row_sums)(a, j, g, w, rep, real, rows);
    memset(w->o, 0, (size_t)rows * AD * sizeof *w->o); /* becomes dq */
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE, t_pad = (tn + KW - 1) / KW * KW;
        const struct AFN(tile) t = AFN(tile_of)(a, j, g, w, k0, tn);

        AFN(scores)(w->s, w->q, t.kt, t.ldt, rows, tn);
        AFN(scores)(w->ds, w->dout, t.vt, t.ldt, rows, tn);
        for (int r = 0; r < rows; r++) {
            float *p = w->s + r * KEY_TILE;

            if (j->is_causal) mask_row(p, r % j->n_q + 1 - k0, t_pad);
            score_gradient_row(p, w->ds + r * KEY_TILE, t_pad, w->lse[r], w->sum[r]);
        }
        AFN(mix)(w->o, w->ds, t.k, t.ldk, rows, tn);
        AFN(keys)(w->dk, w->ds, w->q, rows, tn);
        AFN(keys)(w->dv, w->s, w->dout, rows, tn);
        AFN(scatter)(a, j, g, w, k0, tn);
    }
    for (int r = 0; r < real; r++) {
        const size_t t = (size_t)(j->q0 + r % j->n_q), h = (size_t)(g * rep + r / j->n_q);
        float *dq = a->dq + t * (size_t)a->lddq + h * AD;

        for (int d = 0; d < AD; d++) dq[d] = w->o[r * AD + d] * scale;
    }
}

#undef DROWS
#undef ND
#undef ADV
#undef DW
#undef AFN
#undef AD
