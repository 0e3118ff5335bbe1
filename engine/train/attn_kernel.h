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
INLINE void AFN(score_tile)(float *s, size_t lds, const float *q, const float *kt, size_t ldt,
                            const int mr)
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
        *(vk *)(void *)(s + (size_t)r * lds) = acc[r][0];
        *(vk *)(void *)(s + (size_t)r * lds + KW) = acc[r][1];
    }
}

/* s(rows, n) = q · kt; columns up to the next multiple of 2*KW are written as well. */
static void AFN(scores)(float *s, size_t lds, const float *q, const float *kt, size_t ldt, int rows,
                        int n)
{
    for (int j = 0; j < n; j += 2 * KW) {
        int r = 0;

        for (; r + RMAIN <= rows; r += RMAIN)
            AFN(score_tile)(s + (size_t)r * lds + j, lds, q + r * AD, kt + j, ldt, RMAIN);
        for (; r < rows; r += RTAIL)
            AFN(score_tile)(s + (size_t)r * lds + j, lds, q + r * AD, kt + j, ldt, RTAIL);
    }
}

/* o(mr, AD) += p(mr, n) · v(n, AD) */
INLINE void AFN(mix_tile)(float *o, const float *p, size_t ldp, const float *v, size_t ldv, int n,
                          const int mr)
{
    ADV acc[DROWS][ND];

    for (int r = 0; r < mr; r++)
        for (int c = 0; c < ND; c++) acc[r][c] = *(const ADV *)(const void *)(o + r * AD + c * DW);
    for (int k = 0; k < n; k++) {
        const float *vr = v + (size_t)k * ldv;

        for (int r = 0; r < mr; r++) {
            const float x = p[(size_t)r * ldp + (size_t)k];

            for (int c = 0; c < ND; c++) acc[r][c] += *(const ADV *)(const void *)(vr + c * DW) * x;
        }
    }
    for (int r = 0; r < mr; r++)
        for (int c = 0; c < ND; c++) *(ADV *)(void *)(o + r * AD + c * DW) = acc[r][c];
}

static void AFN(mix)(float *o, const float *p, size_t ldp, const float *v, size_t ldv, int rows,
                     int n)
{
    int r = 0;

    for (; r + DROWS <= rows; r += DROWS)
        AFN(mix_tile)(o + r * AD, p + (size_t)r * ldp, ldp, v, ldv, n, DROWS);
    for (; r < rows; r += RTAIL)
        AFN(mix_tile)(o + r * AD, p + (size_t)r * ldp, ldp, v, ldv, n, RTAIL);
}

/* dv(mk keys, AD) = p(rows, mk)^T · y(rows, AD) */
INLINE void AFN(key_tile)(float *dv, const float *p, size_t ldp, const float *y, int rows,
                          const int mk)
{
    ADV acc[DROWS][ND];

    for (int k = 0; k < mk; k++)
        for (int c = 0; c < ND; c++) acc[k][c] = (ADV){0};
    for (int r = 0; r < rows; r++) {
        const float *yr = y + r * AD, *pr = p + (size_t)r * ldp;

        for (int k = 0; k < mk; k++)
            for (int c = 0; c < ND; c++)
                acc[k][c] += *(const ADV *)(const void *)(yr + c * DW) * pr[k];
    }
    for (int k = 0; k < mk; k++)
        for (int c = 0; c < ND; c++) *(ADV *)(void *)(dv + k * AD + c * DW) = acc[k][c];
}

/* dv(n, AD) = p(rows, n)^T · y(rows, AD); rows up to the next multiple of RMAIN are written. */
static void AFN(keys)(float *dv, const float *p, size_t ldp, const float *y, int rows, int n)
{
    for (int k = 0; k < n; k += DROWS) AFN(key_tile)(dv + k * AD, p + k, ldp, y, rows, DROWS);
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

/* panel(AD, ld) = the columns of xt(AD, ldt) named by the job's spans. Copies whole vectors: what
 * lands behind a span is overwritten by the next one or lies in the slack. */
static void AFN(gather_columns)(float *panel, size_t ld, const float *xt, size_t ldt,
                                const struct san__job *j)
{
    for (int d = 0; d < AD; d++) {
        float *to = panel + (size_t)d * ld;
        const float *from = xt + (size_t)d * ldt;

        for (int i = 0; i < j->n_span; i++) {
            const float *f = from + j->span[i].start;

            for (int k = 0; k < j->span[i].len; k += KW)
                *(vk *)(void *)(to + k) = *(const vk *)(const void *)(f + k);
            to += j->span[i].len;
        }
    }
}

/* panel(n_key, AD) = the rows of x named by the job's spans. */
static void AFN(gather_keys)(float *panel, const float *x, size_t ldx, const struct san__job *j)
{
    for (int i = 0; i < j->n_span; i++) {
        const float *f = x + (size_t)j->span[i].start * ldx;

        for (int k = 0; k < j->span[i].len; k++, panel += AD, f += ldx)
            for (int c = 0; c < ND; c++)
                *(ADV *)(void *)(panel + c * DW) = *(const ADV *)(const void *)(f + c * DW);
    }
}

static void AFN(forward)(const struct san__attn *a, const struct san__job *j, int g,
                         const struct layout *w)
{
    const int rep = a->n_head / a->n_kv, n = j->n_key, real = rep * j->n_q;
    const int rows = (real + RTAIL - 1) / RTAIL * RTAIL, n_pad = (n + 15) / 16 * 16;
    const float scale = 1.0f / sqrtf((float)AD);
    const float *kt = a->kt + (size_t)g * AD * (size_t)a->ldt, *v = a->v + g * AD;
    size_t ldt = (size_t)a->ldt, ldv = (size_t)a->ldv;

    AFN(gather_rows)(w->q, a->q, (size_t)a->ldq, scale, j, rep, g, rows);
    if (j->n_span == 1) {
        kt += j->span[0].start;
        v += (size_t)j->span[0].start * ldv;
    } else {
        AFN(gather_columns)(w->kt, w->ld, kt, ldt, j);
        AFN(gather_keys)(w->k, v, ldv, j);
        kt = w->kt, ldt = w->ld, v = w->k, ldv = AD;
    }
    AFN(scores)(w->s, w->ld, w->q, kt, ldt, rows, n);
    memset(w->o, 0, (size_t)rows * AD * sizeof *w->o);
    for (int r = 0; r < real; r++) {
        float *s = w->s + (size_t)r * w->ld;

        mask_row(s, j->is_causal ? r % j->n_q + 1 : n, n_pad);
        w->lse[r] = softmax_row(s, n_pad, &w->sum[r]);
    }
    AFN(mix)(w->o, w->s, w->ld, v, ldv, rows, n);
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
    int at = 0, i = 0, k = 0;

    while (at + j->span[i].len <= k0) at += j->span[i++].len;
    for (; k < n; i++) {
        const int from = k0 + k - at;
        const int len = j->span[i].len - from < n - k ? j->span[i].len - from : n - k;
        const size_t to = (size_t)(j->span[i].start + from) * (size_t)a->lddkv + (size_t)(g * AD);

        for (int x = 0; x < len; x++, k++) {
            float *dk = a->dk + to + (size_t)x * (size_t)a->lddkv;
            float *dv = a->dv + to + (size_t)x * (size_t)a->lddkv;

            for (int c = 0; c < ND; c++) {
                ADV *pk = (ADV *)(void *)(dk + c * DW), *pv = (ADV *)(void *)(dv + c * DW);
                const ADV tk = *(const ADV *)(const void *)(w->dk + k * AD + c * DW);
                const ADV tv = *(const ADV *)(const void *)(w->dv + k * AD + c * DW);

                if (a->is_accumulated) {
                    *pk += tk;
                    *pv += tv;
                } else {
                    *pk = tk;
                    *pv = tv;
                }
            }
        }
        at += j->span[i].len;
    }
}

static void AFN(backward)(const struct san__attn *a, const struct san__job *j, int g,
                          const struct layout *w)
{
    const int rep = a->n_head / a->n_kv, n = j->n_key, real = rep * j->n_q;
    const int rows = (real + RTAIL - 1) / RTAIL * RTAIL;
    const float scale = 1.0f / sqrtf((float)AD);
    const float *kt = a->kt + (size_t)g * AD * (size_t)a->ldt, *k = a->k + g * AD;
    const float *vt = a->vt + (size_t)g * AD * (size_t)a->ldt;
    size_t ldt = (size_t)a->ldt, ldk = (size_t)a->ldk;

    AFN(gather_rows)(w->q, a->q, (size_t)a->ldq, scale, j, rep, g, rows);
    AFN(gather_rows)(w->dout, a->dout, (size_t)(a->n_head * AD), 1, j, rep, g, rows);
    AFN(row_sums)(a, j, g, w, rep, real, rows);
    if (j->n_span == 1) {
        kt += j->span[0].start;
        vt += j->span[0].start;
        k += (size_t)j->span[0].start * ldk;
    } else {
        AFN(gather_columns)(w->kt, w->ld, kt, ldt, j);
        AFN(gather_columns)(w->vt, w->ld, vt, ldt, j);
        AFN(gather_keys)(w->k, k, ldk, j);
        kt = w->kt, vt = w->vt, ldt = w->ld, k = w->k, ldk = AD;
    }
    memset(w->o, 0, (size_t)rows * AD * sizeof *w->o); /* becomes dq */
    for (int k0 = 0; k0 < n; k0 += KEY_TILE) {
        const int tn = n - k0 < KEY_TILE ? n - k0 : KEY_TILE, t_pad = (tn + 15) / 16 * 16;

        AFN(scores)(w->p, KEY_TILE, w->q, kt + k0, ldt, rows, tn);
        AFN(scores)(w->ds, KEY_TILE, w->dout, vt + k0, ldt, rows, tn);
        for (int r = 0; r < rows; r++) {
            float *p = w->p + r * KEY_TILE;

            if (j->is_causal) mask_row(p, r % j->n_q + 1 - k0, t_pad);
            score_gradient_row(p, w->ds + r * KEY_TILE, t_pad, w->lse[r], w->sum[r]);
        }
        AFN(mix)(w->o, w->ds, KEY_TILE, k + (size_t)k0 * ldk, ldk, rows, tn);
        AFN(keys)(w->dk, w->ds, KEY_TILE, w->q, rows, tn);
        AFN(keys)(w->dv, w->p, KEY_TILE, w->dout, rows, tn);
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
