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

#include "attn_rows.h"

/* Where the pieces of a thread's scratch lie. Tiles of keys lie one behind the other: s is
 * (tiles, rows, KEY_TILE), the others hold one tile. */
struct layout {
    float *q, *dout, *o, *lse, *sum, *s, *kt, *vt, *k, *ds, *dk, *dv;
};

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
    const size_t amx = san__attn_amx_scratch_floats(d, n_row, n_key);
    struct layout w;
    const size_t own = lay_out(&w, NULL, d, n_row, n_key);

    return own > amx ? own : amx;
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

    if (a->is_bf16 && san__attn_amx_is_supported(a->d)) {
        san__attn_amx_forward(a, j, g, scratch);
        return;
    }
    lay_out(&l, scratch, a->d, a->n_head / a->n_kv * j->n_q, j->n_key);
    DISPATCH(forward)
}

void san__attn_backward(const struct san__attn *a, const struct san__job *j, int g, float *scratch)
{
    struct layout l;

    if (a->is_bf16 && san__attn_amx_is_supported(a->d)) {
        san__attn_amx_backward(a, j, g, scratch);
        return;
    }
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
