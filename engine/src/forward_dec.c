/* forward_dec.c - the decoder: a causal cache of its own steps, and attention over the source.
 *
 * One routine runs any number of steps at once; a decision is a panel of one row, forced tokens
 * are a panel of several. */
#include <string.h>

#include "forward_impl.h"

void san_dec_begin(struct san_session *s)
{
    s->n_step = 0;
}

int san_dec_n_step(const struct san_session *s)
{
    return s->n_step;
}

void san_dec_rewind(struct san_session *s, int n_step)
{
    if (n_step >= 0 && n_step < s->n_step) s->n_step = n_step;
}

static enum lt_err check_room(const struct san_session *s, int n, struct lt_diag *diag)
{
    if (s->n_source == 0)
        return lt_fail(diag, LT_ERR_INVALID, "decoder: nothing was encoded to decode from");
    if (n > s->limits.n_step - s->n_step)
        return lt_fail(diag, LT_ERR_LIMIT, "decoder: %d steps, the limit is %d", s->n_step + n,
                       s->limits.n_step);
    return LT_OK;
}

static void self_attention(struct san_session *s, int n, int layer)
{
    const struct san_hparams *h = &s->net->h;
    const struct san_params *p = &s->net->p;
    int C = h->width, KC = san_kv_width(h), cap = s->limits.n_step;
    size_t D = (size_t)san_head_width(h);

    san__norm_rows(h, s->h, s->x, san__layer(p->dec_norm, layer, (size_t)C), n);
    san__input(s, s->h, n);
    san__product(s, s->q, SAN_T_dec_q, layer, 1, 0);
    san__product(s, s->k, SAN_T_dec_k, layer, 1, 0);
    san__product(s, s->v, SAN_T_dec_v, layer, 1, 0);
    for (int t = 0; t < n; t++) {
        int pos = s->n_step + t;
        san__norm_heads(s->net, s->q + san__rows(h, t), san__layer(p->dec_q_norm, layer, D),
                        h->n_head, pos);
        san__norm_heads(s->net, s->k + (size_t)t * (size_t)KC, san__layer(p->dec_k_norm, layer, D),
                        h->n_kv_head, pos);
    }
    float *pieces = s->cache + san__piece_at(h, layer, 0, cap);
    san__kv_store(s, pieces, cap, s->n_step, 0, n);
    san__attend_begin(s, 0, n, san__layer(p->dec_k_norm, layer, D));
    for (int g = 0; g < h->n_kv_head; g++) san__attend_add_causal(s, g, n, pieces, cap, s->n_step);
    san__attend_end(s, 0, n);
    san__input(s, s->att, n);
    san__product(s, s->x, SAN_T_dec_o, layer, san__gate(p->dec_gate[layer]), 1);
}

static void cross_attention(struct san_session *s, int n, int layer)
{
    const struct san_hparams *h = &s->net->h;
    const struct san_params *p = &s->net->p;
    int C = h->width, n_source = s->n_source;
    size_t D = (size_t)san_head_width(h);

    san__norm_rows(h, s->h, s->x, san__layer(p->cross_norm, layer, (size_t)C), n);
    san__input(s, s->h, n);
    san__product(s, s->q, SAN_T_cross_q, layer, 1, 0);
    for (int t = 0; t < n; t++)
        san__norm_heads(s->net, s->q + san__rows(h, t), san__layer(p->cross_q_norm, layer, D),
                        h->n_head, -1);
    san__attend_begin(s, 0, n, san__layer(p->cross_k_norm, layer, D));
    const char *own = (const char *)s->src_cross +
                      san__piece_at(h, layer, 0, n_source) * san__element_size(s->src_is_half);
    san__attend_add(s, n, own, s->src_is_half, n_source, s->blocks, s->n_block, h->n_enc + layer);
    san__attend_end(s, 0, n);
    san__input(s, s->att, n);
    san__product(s, s->x, SAN_T_cross_o, layer, san__gate(p->cross_gate[layer]), 1);
}

/* Run the n steps whose inputs stand in s->x; their normed outputs are then in s->h. */
static void run_steps(struct san_session *s, int n)
{
    const struct san_hparams *h = &s->net->h;
    for (int l = 0; l < h->n_dec; l++) {
        self_attention(s, n, l);
        cross_attention(s, n, l);
    }
    san__norm_rows(h, s->h, s->x, s->net->p.dec_out_norm, n);
    s->n_step += n;
}

enum lt_err san_dec_step(struct san_session *s, int32_t kind, int32_t prev_id, const float *prev_in,
                         float *h, struct lt_diag *diag)
{
    size_t C = (size_t)s->net->h.width;
    enum lt_err err = check_room(s, 1, diag);
    if (!err) err = san__embed(s->net, s->x, &kind, NULL, 1, diag);
    if (!err && !prev_in && prev_id != -1) {
        err = san__embed(s->net, s->h, &prev_id, NULL, 1, diag);
        prev_in = s->h;
    }
    if (err) return err;
    for (size_t c = 0; prev_in && c < C; c++) s->x[c] += prev_in[c];
    run_steps(s, 1);
    memcpy(h, s->h, C * sizeof *h);
    return LT_OK;
}

enum lt_err san_joint_feed(struct san_session *s, const int32_t *ids, int n, float *logits,
                           int n_logits, struct lt_diag *diag)
{
    const struct san_hparams *h = &s->net->h;
    enum lt_err err = check_room(s, n, diag);
    if (!err && (n < 1 || n_logits < 0 || n_logits > n))
        err = lt_fail(diag, LT_ERR_INVALID, "decoder: %d logits asked of %d tokens", n_logits, n);
    if (!err) err = san__embed(s->net, s->x, ids, NULL, n, diag);
    if (err) return err;
    run_steps(s, n);
    if (!n_logits) return LT_OK;
    san__input(s, s->h + san__rows(h, n - n_logits), n_logits);
    san__product(s, logits, SAN_T_tok_embd, 0, 1, 0);
    return LT_OK;
}
