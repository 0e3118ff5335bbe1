/* trainer.c - a training step from end to end (docs/network.md section 3).
 *
 * Forward: embed the packed tokens, run the encoder's layers and its norm (e), embed the steps,
 * run the decoder's layers and its norm (hd), decide. Backward: the same in reverse. The sub-layers
 * and decisions live in files of their own; here they are put in order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "retrieval_head.h"
#include "trainer_int.h"

#define STRIPE 64 /* columns a thread owns where rows of a table are shared by tokens */

const char *san_phase_name(enum san_phase phase)
{
    static const char *const names[] = {
#define SAN_PHASE_NAME(name, text) text,
        SAN_PHASES(SAN_PHASE_NAME)
#undef SAN_PHASE_NAME
    };

    return (unsigned)phase < SAN_PHASE_COUNT ? names[phase] : "unknown";
}

int64_t san_trainer_phase_us(const struct san_trainer *t, enum san_phase phase)
{
    return (unsigned)phase < SAN_PHASE_COUNT ? t->phase_us[phase] : 0;
}

void san_trainer_phase_reset(struct san_trainer *t)
{
    memset(t->phase_us, 0, sizeof t->phase_us);
}

enum lt_err san_trainer_new(const struct san_hparams *h, const struct san_trainer_opts *opts,
                            struct san_trainer **out, struct lt_diag *diag)
{
    struct san_trainer *t;
    enum lt_err err = san_hparams_check(h, diag);

    if (err) return err;
    if (h->render != SAN_RENDER_LINTEL || h->mask != SAN_MASK_BLOCK || h->n_class < 1)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "trainer: only render \"lintel\" with mask \"block\" can be trained");
    if (!san__attn_is_supported(san_head_width(h)))
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "trainer: head width %d, must be %s",
                       san_head_width(h), SAN_TRAIN_HEAD_WIDTHS);
    if (opts && opts->is_bf16 && !san__bf16_is_available())
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "trainer: this build has no bfloat16 products; train in fp32");
    t = calloc(1, sizeof *t);
    if (!t) return lt_fail(diag, LT_ERR_NOMEM, "trainer: out of memory");
    t->h = *h;
    t->nt = opts && opts->n_threads > 0 ? opts->n_threads : omp_get_max_threads();
    t->team.nt = t->exact.nt = t->nt;
    if (opts && opts->is_bf16) t->team.bf16_bytes = san__bf16_bytes();
    t->enc = calloc((size_t)h->n_enc, sizeof *t->enc);
    t->self = calloc((size_t)h->n_dec, sizeof *t->self);
    t->cross = calloc((size_t)h->n_dec, sizeof *t->cross);
    t->x_enc = calloc((size_t)h->n_enc + 1, sizeof *t->x_enc);
    t->x_dec = calloc(2 * (size_t)h->n_dec + 1, sizeof *t->x_dec);
    if (!t->enc || !t->self || !t->cross || !t->x_enc || !t->x_dec) {
        san_trainer_free(t);
        return lt_fail(diag, LT_ERR_NOMEM, "trainer: out of memory");
    }
    *out = t;
    return LT_OK;
}

int san_trainer_has_bf16(void)
{
    return san__bf16_is_available();
}

void san_trainer_free(struct san_trainer *t)
{
    if (!t) return;
    san__workspace_free(t);
    san__ret_free(t->ret);
    free(t->enc);
    free(t->self);
    free(t->cross);
    free(t->x_enc);
    free(t->x_dec);
    free(t);
}

/* --- sub-layers of layer l: their tensors and their attention -------------------------------- */

static struct san__sub enc_sub(const struct san_params *p, const struct san_hparams *h, int l)
{
    const size_t i = (size_t)l, c = (size_t)h->width, kc = (size_t)san_kv_width(h);
    const size_t d = (size_t)san_head_width(h);

    return (struct san__sub){p->enc_norm + i * c,   p->enc_q + i * c * c, p->enc_k + i * kc * c,
                             p->enc_v + i * kc * c, p->enc_o + i * c * c, p->enc_q_norm + i * d,
                             p->enc_k_norm + i * d, p->enc_gate + i};
}

static struct san__sub self_sub(const struct san_params *p, const struct san_hparams *h, int l)
{
    const size_t i = (size_t)l, c = (size_t)h->width, kc = (size_t)san_kv_width(h);
    const size_t d = (size_t)san_head_width(h);

    return (struct san__sub){p->dec_norm + i * c,   p->dec_q + i * c * c, p->dec_k + i * kc * c,
                             p->dec_v + i * kc * c, p->dec_o + i * c * c, p->dec_q_norm + i * d,
                             p->dec_k_norm + i * d, p->dec_gate + i};
}

static struct san__sub cross_sub(const struct san_params *p, const struct san_hparams *h, int l)
{
    const size_t i = (size_t)l, c = (size_t)h->width, kc = (size_t)san_kv_width(h);
    const size_t d = (size_t)san_head_width(h);

    return (struct san__sub){p->cross_norm + i * c,   p->cross_q + i * c * c,
                             p->cross_k + i * kc * c, p->cross_v + i * kc * c,
                             p->cross_o + i * c * c,  p->cross_q_norm + i * d,
                             p->cross_k_norm + i * d, p->cross_gate + i};
}

static struct san__sub_io enc_io(struct san_trainer *t, const struct san_batch *b, int l,
                                 const struct san__sub *w, const struct san__sub *dw,
                                 const struct san__rope *rope)
{
    struct san__sub_io io = {.w = w, .dw = dw, .a = t->enc + l, .n = b->n_tok, .n_key = b->n_tok};

    io.rope = rope;
    io.n_owned = b->block_off[b->n_block];
    io.own = t->job_block;
    io.n_own = b->n_block;
    io.shared = t->job_utt;
    io.n_shared = b->n_ex;
    io.own_phase = SAN_PHASE_ATTN_BLOCK;
    io.shared_phase = SAN_PHASE_ATTN_UTT;
    return io;
}

static struct san__sub_io self_io(struct san_trainer *t, const struct san_batch *b, int l,
                                  const struct san__sub *w, const struct san__sub *dw,
                                  const struct san__rope *rope)
{
    struct san__sub_io io = {.w = w, .dw = dw, .a = t->self + l, .n = b->n_step};

    io.n_key = io.n_owned = b->n_step;
    io.rope = rope;
    io.own = t->job_self;
    io.n_own = b->n_ex;
    io.own_phase = io.shared_phase = SAN_PHASE_ATTN_DEC;
    return io;
}

static struct san__sub_io cross_io(struct san_trainer *t, const struct san_batch *b, int l,
                                   const struct san__sub *w, const struct san__sub *dw)
{
    struct san__sub_io io = {.w = w, .dw = dw, .a = t->cross + l, .n = b->n_step};

    io.e = t->e;
    io.de = t->de;
    io.n_key = b->n_tok;
    io.shared = t->job_cross;
    io.n_shared = b->n_ex;
    io.own_phase = io.shared_phase = SAN_PHASE_ATTN_DEC;
    return io;
}

/* --- inputs ---------------------------------------------------------------------------------- */

static size_t row(int i, int c)
{
    return (size_t)i * (size_t)c;
}

static void add_scaled(float *restrict y, const float *restrict x, float k, int n)
{
#pragma omp simd
    for (int i = 0; i < n; i++) y[i] += k * x[i];
}

/* x = sqrt(C) * (E[token] + sum of F[flag]) */
static void embed_tokens(struct san_trainer *t, const struct san_params *p,
                         const struct san_batch *b)
{
    const int c = t->h.width;
    const float k = sqrtf((float)c);

#pragma omp parallel for num_threads(t->nt) schedule(static)
    for (int i = 0; i < b->n_tok; i++) {
        const float *e = p->tok_embd + row(b->tok[i], c);
        float *x = t->x_enc[0] + row(i, c);

        for (int d = 0; d < c; d++) x[d] = k * e[d];
        for (int f = 0; f < t->h.n_flag; f++)
            if (b->flag[i] >> f & 1) add_scaled(x, p->flag_embd + row(f, c), k, c);
    }
}

static void embed_tokens_backward(struct san_trainer *t, struct san_params *g,
                                  const struct san_batch *b)
{
    const int c = t->h.width;
    const float k = sqrtf((float)c);

#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 1)
    for (int c0 = 0; c0 < c; c0 += STRIPE) {
        const int n = c - c0 < STRIPE ? c - c0 : STRIPE;

        for (int i = 0; i < b->n_tok; i++) {
            const float *dx = t->dx_enc + row(i, c) + c0;

            add_scaled(g->tok_embd + row(b->tok[i], c) + c0, dx, k, n);
            for (int f = 0; f < t->h.n_flag; f++)
                if (b->flag[i] >> f & 1) add_scaled(g->flag_embd + row(f, c) + c0, dx, k, n);
        }
    }
}

/* x = sqrt(C) * E[kind] + r(previous choice) */
static void embed_steps(struct san_trainer *t, const struct san_params *p,
                        const struct san_batch *b)
{
    const int c = t->h.width;
    const float k = sqrtf((float)c);
    float *x = t->x_dec[0], *r = t->u; /* u is free until the decisions */

    for (int i = 0; i < b->n_step; i++) {
        const float *e = p->tok_embd + row(b->step_kind[i], c);

        for (int d = 0; d < c; d++) x[row(i, c) + (size_t)d] = k * e[d];
        if (b->step_prev[i] >= 0)
            add_scaled(x + row(i, c), p->tok_embd + row(b->step_prev[i], c), k, c);
    }
    for (int i = 0; i < t->n_ptr; i++)
        memcpy(t->e_ptr + row(i, c), t->e + row(-2 - b->step_prev[t->ptr_step[i]], c),
               (size_t)c * sizeof *r);
    san__sgemm(&t->exact, SAN__N, SAN__T, t->n_ptr, c, c, 1, t->e_ptr, c, p->ptr_in, c, 0, r, c);
    for (int i = 0; i < t->n_ptr; i++) add_scaled(x + row(t->ptr_step[i], c), r + row(i, c), 1, c);
}

/* From dx_dec: gradients of E and Wi, and of the rows of e that were read. */
static void embed_steps_backward(struct san_trainer *t, const struct san_params *p,
                                 struct san_params *g, const struct san_batch *b)
{
    const int c = t->h.width;
    const float k = sqrtf((float)c);
    float *dr = t->de_ptr, *de = t->du; /* du is free after the decisions */

    for (int i = 0; i < b->n_step; i++) {
        add_scaled(g->tok_embd + row(b->step_kind[i], c), t->dx_dec + row(i, c), k, c);
        if (b->step_prev[i] >= 0)
            add_scaled(g->tok_embd + row(b->step_prev[i], c), t->dx_dec + row(i, c), k, c);
    }
    for (int i = 0; i < t->n_ptr; i++)
        memcpy(dr + row(i, c), t->dx_dec + row(t->ptr_step[i], c), (size_t)c * sizeof *dr);
    san__sgemm(&t->exact, SAN__T, SAN__N, c, c, t->n_ptr, 1, dr, c, t->e_ptr, c, 1, g->ptr_in, c);
    san__sgemm(&t->exact, SAN__N, SAN__N, t->n_ptr, c, c, 1, dr, c, p->ptr_in, c, 0, de, c);
    for (int i = 0; i < t->n_ptr; i++)
        add_scaled(t->de + row(-2 - b->step_prev[t->ptr_step[i]], c), de + row(i, c), 1, c);
}

/* --- the step -------------------------------------------------------------------------------- */

static void forward(struct san_trainer *t, const struct san_params *p, const struct san_batch *b,
                    const struct san__rope *enc_rope, const struct san__rope *dec_rope)
{
    const int c = t->h.width;
    lt_us now = lt_now_us();

    embed_tokens(t, p, b);
    san__phase(t, SAN_PHASE_EMBED, &now);
    for (int l = 0; l < t->h.n_enc; l++) {
        const struct san__sub w = enc_sub(p, &t->h, l);
        const struct san__sub_io io = enc_io(t, b, l, &w, NULL, enc_rope);

        san__sub_forward(t, t->x_enc[l + 1], t->x_enc[l], &io);
    }
    now = lt_now_us();
    san__zcn_forward(t->e, t->inv_e, t->x_enc[t->h.n_enc], p->enc_out_norm, b->n_tok, c,
                     t->h.rms_eps, t->nt);
    san__phase(t, SAN_PHASE_NORM, &now);
    embed_steps(t, p, b);
    san__phase(t, SAN_PHASE_EMBED, &now);
    for (int l = 0; l < t->h.n_dec; l++) {
        const struct san__sub ws = self_sub(p, &t->h, l), wc = cross_sub(p, &t->h, l);
        const struct san__sub_io self = self_io(t, b, l, &ws, NULL, dec_rope);
        const struct san__sub_io cross = cross_io(t, b, l, &wc, NULL);

        san__sub_forward(t, t->x_dec[2 * l + 1], t->x_dec[2 * l], &self);
        san__sub_forward(t, t->x_dec[2 * l + 2], t->x_dec[2 * l + 1], &cross);
    }
    san__zcn_forward(t->hd, t->inv_hd, t->x_dec[2 * t->h.n_dec], p->dec_out_norm, b->n_step, c,
                     t->h.rms_eps, t->nt);
}

static enum lt_err backward(struct san_trainer *t, const struct san_params *p, struct san_params *g,
                            const struct san_batch *b, const struct san__rope *enc_rope,
                            const struct san__rope *dec_rope, double *ret_loss)
{
    const int c = t->h.width;
    lt_us now = lt_now_us();

    san__decide_backward(t, p, g, b);
    san__phase(t, SAN_PHASE_LOSS, &now);
    san__zcn_backward(t->dx_dec, 0, g->dec_out_norm, t->dhd, t->x_dec[2 * t->h.n_dec], t->inv_hd,
                      p->dec_out_norm, b->n_step, c, t->part, t->nt);
    for (int l = t->h.n_dec - 1; l >= 0; l--) {
        const struct san__sub ws = self_sub(p, &t->h, l), wc = cross_sub(p, &t->h, l);
        const struct san__sub ds = self_sub(g, &t->h, l), dc = cross_sub(g, &t->h, l);
        const struct san__sub_io self = self_io(t, b, l, &ws, &ds, dec_rope);
        const struct san__sub_io cross = cross_io(t, b, l, &wc, &dc);

        san__sub_backward(t, t->dx_dec, t->x_dec[2 * l + 1], &cross);
        san__sub_backward(t, t->dx_dec, t->x_dec[2 * l], &self);
    }
    now = lt_now_us();
    embed_steps_backward(t, p, g, b);
    san__phase(t, SAN_PHASE_EMBED, &now);
    if (san__retrieval_step(t, p, g, b, ret_loss)) return LT_ERR_NOMEM;
    san__phase(t, SAN_PHASE_LOSS, &now);
    san__zcn_backward(t->dx_enc, 0, g->enc_out_norm, t->de, t->x_enc[t->h.n_enc], t->inv_e,
                      p->enc_out_norm, b->n_tok, c, t->part, t->nt);
    san__phase(t, SAN_PHASE_NORM, &now);
    for (int l = t->h.n_enc - 1; l >= 0; l--) {
        const struct san__sub w = enc_sub(p, &t->h, l), dw = enc_sub(g, &t->h, l);
        const struct san__sub_io io = enc_io(t, b, l, &w, &dw, enc_rope);

        san__sub_backward(t, t->dx_enc, t->x_enc[l], &io);
    }
    now = lt_now_us();
    embed_tokens_backward(t, g, b);
    san__phase(t, SAN_PHASE_EMBED, &now);
    return LT_OK;
}

enum lt_err san_trainer_forward_backward(struct san_trainer *t, const struct san_params *params,
                                         struct san_params *grads, const struct san_batch *b,
                                         struct san_step_stats *stats, struct lt_diag *diag)
{
    enum lt_err err = san_batch_check(&t->h, b, diag);
    lt_us now;

    if (!err) err = san__workspace_prepare(t, b, diag);
    if (err) return err;
    const struct san__rope enc_rope = {t->rope_cs, t->rope_sn, t->pos_enc};
    const struct san__rope dec_rope = {t->rope_cs, t->rope_sn, t->pos_dec};
    forward(t, params, b, &enc_rope, &dec_rope);
    now = lt_now_us();
    san__decide_forward(t, params, b, stats, grads != NULL);
    san__phase(t, SAN_PHASE_LOSS, &now);
    if (!isfinite(stats->loss))
        return lt_fail(
            diag, LT_ERR_INVALID,
            "trainer: the loss is %g; lower the learning rate or go back to a saved state",
            stats->loss);
    stats->retrieval_loss = 0;
    if (grads && stats->weight > 0)
        err = backward(t, params, grads, b, &enc_rope, &dec_rope, &stats->retrieval_loss);
    return err ? lt_fail(diag, err, "trainer: out of memory") : LT_OK;
}
