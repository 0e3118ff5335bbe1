/* forward_net.c - the network itself: rotation tables, and what needs no session. */
#include <math.h>
#include <stdlib.h>

#include "kernels.h"
#include "packed.h"
#include "san/forward.h"

enum lt_err san_net_init(struct san_net *net, const struct san_hparams *h,
                         const struct san_params *p, struct lt_diag *diag)
{
    *net = (struct san_net){0};
    enum lt_err err = san_hparams_check(h, diag);
    if (err) return err;
    int D = san_head_width(h);
    size_t half = (size_t)D / 2, n = (size_t)h->n_ctx * half;
    float *cos_table = malloc(2 * n * sizeof *cos_table);
    if (!cos_table) return lt_fail(diag, LT_ERR_NOMEM, "network: no memory for rotation tables");
    net->h = *h;
    net->p = *p;
    net->has_half_keys = san__half_is_fast();
    net->rope_cos = cos_table;
    net->rope_sin = cos_table + n;
    for (int pos = 0; pos < h->n_ctx; pos++) {
        for (size_t i = 0; i < half; i++) {
            double angle = pos * pow((double)h->rope_base, -2.0 * (double)i / D);
            net->rope_cos[(size_t)pos * half + i] = (float)cos(angle);
            net->rope_sin[(size_t)pos * half + i] = (float)sin(angle);
        }
    }
    return LT_OK;
}

void san_net_fini(struct san_net *net)
{
    free(net->rope_cos); /* rope_sin is its second half */
    *net = (struct san_net){0};
}

void san_score_vocab(const struct san_net *net, const float *h, const int32_t *ids, int n,
                     float *out)
{
    int C = net->h.width;
    float scale = expf(net->p.ptr_scale[0]) / sqrtf((float)C);
    const struct san_packed *k = net->packed;
    if (k && k->first[SAN_T_tok_embd].bits) {
        for (int i = 0; i < n; i++)
            out[i] = scale * san__mat_dot(&k->first[SAN_T_tok_embd], ids[i], h);
        return;
    }
    for (int i = 0; i < n; i++)
        out[i] = scale * san__dot(h, net->p.tok_embd + (size_t)ids[i] * (size_t)C, C);
}

void san_score_pointer(const struct san_net *net, const float *h, const float *const *keys,
                       const uint8_t *cls, const float *feat, int n, float *out)
{
    int C = net->h.width, F = net->h.n_feat;
    float scale = expf(net->p.ptr_scale[1]) / sqrtf((float)C);
    for (int i = 0; i < n; i++) {
        const float *w_i = net->p.ptr_feat + (size_t)cls[i] * (size_t)F;
        float lexical = san__dot(w_i, feat + (size_t)i * (size_t)F, F);
        out[i] = scale * san__dot(h, keys[i], C) + lexical;
    }
}
