/* forward_session.c - a session's memory, and the steps that encoder and decoder share. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "forward_impl.h"

#define LIMIT_MAX 65536 /* keeps every size below far from overflow */

/* ---- memory ---- */

/* Floats of an array, rounded up so that each begins on a cache line of 64 bytes. */
static size_t rounded(size_t n)
{
    return (n + 15) / 16 * 16;
}

static int src_is_half(const struct san_net *net)
{
    return net->packed && net->has_half_keys;
}

/* Sum the arrays; when s is given, also point its fields into s->mem. */
static size_t lay_out(const struct san_net *net, const struct san_limits *limits,
                      struct san_session *s)
{
    const struct san_hparams *h = &net->h;
    int rows = limits->n_source > limits->n_panel ? limits->n_source : limits->n_panel;
    if (limits->n_step > rows) rows = limits->n_step;
    size_t N = (size_t)rows, C = (size_t)h->width, KC = (size_t)san_kv_width(h),
           H = (size_t)h->n_head, G = (size_t)h->n_kv_head, Ld = (size_t)h->n_dec,
           S = (size_t)limits->n_source, S_ptr = h->n_class > 0 ? S : 0,
           ret_hidden = h->ret_dim > 0 ? (size_t)h->ret_hidden : 0,
           piece_S = san__piece_size(limits->n_source, san_head_width(h)),
           piece_N = san__piece_size(rows, san_head_width(h)),
           span_D = san__span_size(san_head_width(h)),
           piece_T = san__piece_size(limits->n_step, san_head_width(h)),
           cross_S = (Ld * G * piece_S * san__element_size(src_is_half(net)) + 3) / sizeof(float),
           at = 0;
#define PLACE(name, size)                                                                          \
    if (s) s->name = s->mem + at;                                                                  \
    at += rounded(size);
    SAN__SESSION_ARRAYS(PLACE)
#undef PLACE
    return at;
}

size_t san_session_plan_bytes(const struct san_net *net, const struct san_limits *limits)
{
    return sizeof(struct san_session) + lay_out(net, limits, NULL) * sizeof(float);
}

static enum lt_err check_limit(const char *name, int value, int max, struct lt_diag *diag)
{
    if (value >= 1 && value <= max) return LT_OK;
    return lt_fail(diag, LT_ERR_INVALID, "session: %s is %d, must be 1 to %d", name, value, max);
}

enum lt_err san_session_new(const struct san_net *net, const struct san_limits *limits,
                            struct san_session **out, struct lt_diag *diag)
{
    int n_ctx = net->h.n_ctx < LIMIT_MAX ? net->h.n_ctx : LIMIT_MAX;
    enum lt_err err = check_limit("n_source", limits->n_source, n_ctx, diag);
    if (!err) err = check_limit("n_panel", limits->n_panel, LIMIT_MAX, diag);
    if (!err) err = check_limit("n_step", limits->n_step, n_ctx, diag);
    if (err) return err;
    size_t n = lay_out(net, limits, NULL);
    struct san_session *s = calloc(1, sizeof *s);
    if (s) s->mem = san__large_alloc(n * sizeof(float));
    if (!s || !s->mem) {
        free(s);
        return lt_fail(diag, LT_ERR_NOMEM, "session: no memory for %zu bytes", n * sizeof(float));
    }
    /* unwritten lanes of key tiles are computed with before they are masked: no NaN may lie there */
    memset(s->mem, 0, n * sizeof(float));
    s->net = net;
    s->limits = *limits;
    s->src_is_half = src_is_half(net);
    lay_out(net, limits, s);
    s->in_rows = (struct san__qrows){.n_in = net->h.width,
                                     .q = (int8_t *)(void *)s->in_q,
                                     .d = s->in_d,
                                     .sum = (int32_t *)(void *)s->in_sum};
    *out = s;
    return LT_OK;
}

void san_session_free(struct san_session *s)
{
    if (!s) return;
    free(s->mem);
    free(s);
}

struct san_source san_session_source(const struct san_session *s)
{
    struct san_source source = {.n = s->n_source, .e = s->src_e};
    if (s->has_ptr) {
        source.ptr_key = s->src_key;
        source.ptr_in = s->src_in;
    }
    return source;
}

/* ---- shared steps ---- */

float san__gate(float a)
{
    return 1 / (1 + expf(-a));
}

void san__input(struct san_session *s, const float *x, int n)
{
    s->in = x;
    s->n_in = n;
    if (s->net->packed) san__quant_rows(&s->in_rows, x, n);
}

void san__product(struct san_session *s, float *y, enum san_tensor_id id, int layer, float alpha,
                  float beta)
{
    const struct san_packed *k = s->net->packed;
    if (k && k->first[id].bits) {
        struct san__mat w = san__packed_mat(k, id, layer);
        san__qgemm(y, &w, &s->in_rows, s->n_in, alpha, beta);
        return;
    }
    const struct san_params *p = &s->net->p;
    const struct san_tensor_info *t = &p->info[id];
    size_t at = t->offset + (size_t)layer * (size_t)t->rows * (size_t)t->cols;
    san__gemm(y, s->in, p->mem + at, s->n_in, t->rows, t->cols, alpha, beta);
}

enum lt_err san__embed(const struct san_net *net, float *x, const int32_t *ids,
                       const uint32_t *flags, int n, struct lt_diag *diag)
{
    const struct san_hparams *h = &net->h;
    int C = h->width;
    float scale = sqrtf((float)C);
    for (int t = 0; t < n; t++) {
        if (ids[t] < 0 || ids[t] >= h->n_vocab)
            return lt_fail(diag, LT_ERR_INVALID,
                           "network: token %d is %d, the vocabulary has 0 to %d; is the tokenizer "
                           "this model's?",
                           t, (int)ids[t], h->n_vocab - 1);
        float *x_t = x + san__rows(h, t);
        if (net->packed && net->packed->first[SAN_T_tok_embd].bits)
            san__mat_row(&net->packed->first[SAN_T_tok_embd], ids[t], x_t);
        else
            memcpy(x_t, net->p.tok_embd + san__rows(h, ids[t]), (size_t)C * sizeof *x_t);
        for (int f = 0; flags && f < h->n_flag && f < 32; f++) {
            if (!(flags[t] >> f & 1)) continue;
            const float *flag_f = net->p.flag_embd + san__rows(h, f);
            for (int c = 0; c < C; c++) x_t[c] += flag_f[c];
        }
        for (int c = 0; c < C; c++) x_t[c] *= scale;
    }
    return LT_OK;
}

void san__norm_rows(const struct san_hparams *h, float *out, const float *x, const float *g, int n)
{
    for (int t = 0; t < n; t++)
        san__zcn(out + san__rows(h, t), x + san__rows(h, t), g, h->width, h->rms_eps);
}

void san__norm_heads(const struct san_net *net, float *x, const float *g, int n_head, int pos)
{
    int D = san_head_width(&net->h);
    for (int i = 0; i < n_head; i++) {
        float *x_i = x + (size_t)i * (size_t)D;
        san__zcn(x_i, x_i, g, D, net->h.rms_eps);
        if (pos < 0) continue;
        size_t row = (size_t)pos * (size_t)(D / 2);
        san__rope(x_i, net->rope_cos + row, net->rope_sin + row, D);
    }
}

/* The state of key/value head g over n tokens: its share of the row arrays. */
static struct san__attn head_rows(struct san_session *s, int g, int n)
{
    const struct san_hparams *h = &s->net->h;
    int n_row = n * (h->n_head / h->n_kv_head), D = san_head_width(h);
    size_t r0 = (size_t)g * (size_t)n_row;
    return (struct san__attn){.n_row = n_row,
                              .D = D,
                              .q = s->row_q + r0 * (size_t)D,
                              .o = s->row_o + r0 * (size_t)D,
                              .m = s->row_m + r0,
                              .l = s->row_l + r0 * SAN__TILE,
                              .is_bounded = s->is_bounded,
                              .may_round = s->net->packed != NULL};
}

/* No key is longer: ZCN gives sqrt(D) at most before its gain, and rotation keeps the length. The
 * slack covers rounding. */
static float key_length_max(const float *g_k, int D)
{
    float max = 0;
    for (int d = 0; d < D; d++) max = fmaxf(max, fabsf(1 + g_k[d]));
    return 1.0001f * max * sqrtf((float)D);
}

/* Queries of head g, scaled, as rows; m gets the bound |q| |k| of each row's scores. Returns the
 * largest bound. */
static float gather_rows(struct san_session *s, int g, int t0, int n, float key_length)
{
    const struct san_hparams *h = &s->net->h;
    struct san__attn a = head_rows(s, g, n);
    size_t D = (size_t)a.D, head = (size_t)(h->n_head / h->n_kv_head) * D;
    float scale = 1 / sqrtf((float)a.D), max = 0;
    for (int t = 0; t < n; t++) {
        const float *from = s->q + san__rows(h, t0 + t) + (size_t)g * head;
        float *to = a.q + (size_t)t * head;
        for (size_t i = 0; i < head; i++) to[i] = from[i] * scale;
    }
    for (int r = 0; r < a.n_row; r++) {
        const float *q_r = a.q + (size_t)r * D;
        a.m[r] = sqrtf(san__dot(q_r, q_r, a.D)) * key_length;
        max = fmaxf(max, a.m[r]);
    }
    return max;
}

void san__attend_begin(struct san_session *s, int t0, int n, const float *g_k)
{
    const struct san_hparams *h = &s->net->h;
    float key_length = key_length_max(g_k, san_head_width(h)), max = 0;
    for (int g = 0; g < h->n_kv_head; g++) max = fmaxf(max, gather_rows(s, g, t0, n, key_length));
    s->is_bounded = max <= SAN__BOUND_MAX;
    for (int g = 0; g < h->n_kv_head; g++) {
        struct san__attn a = head_rows(s, g, n);
        san__attn_begin(&a);
    }
}

/* Piece g of a block. */
static const void *block_piece(const struct san_hparams *h, const struct san__block *b, int layer,
                               int g)
{
    size_t at = san__piece_at(h, layer, g, b->pub.n) * san__element_size(b->is_half);
    return (const char *)b->self + at;
}

/* Ask for the next block's piece while this one's is computed with: blocks lie anywhere, and what
 * they hold is larger than the nearer caches. */
static void fetch_piece(const struct san_hparams *h, struct san_block *const *blocks, int n_block,
                        int b, int layer, int g)
{
    enum { LINE = 64 };
    if (b >= n_block) return;
    const struct san__block *block = (const struct san__block *)blocks[b];
    const char *at = block_piece(h, block, layer, g);
    size_t n = san__piece_at(h, 0, 1, block->pub.n) * san__element_size(block->is_half);
    for (size_t i = 0; i < n; i += LINE) __builtin_prefetch(at + i);
}

/* Piece g of a row's own pieces for n keys. */
static const void *piece_of(const struct san_hparams *h, const void *own, int is_half, int g, int n)
{
    return (const char *)own + san__piece_at(h, 0, g, n) * san__element_size(is_half);
}

/* One row of the decoder: it stays with one block, whose pieces of one layer stand one after the
 * other. */
static void add_few(struct san_session *s, int n, const void *own, int own_is_half, int n_own,
                    struct san_block *const *blocks, int n_block, int layer)
{
    const struct san_hparams *h = &s->net->h;
    for (int g = 0; g < h->n_kv_head; g++) {
        struct san__attn a = head_rows(s, g, n);
        san__attn_add(&a, piece_of(h, own, own_is_half, g, n_own), own_is_half, n_own, n_own);
    }
    for (int b = 0; b < n_block; b++) {
        const struct san__block *block = (const struct san__block *)blocks[b];
        int n_b = block->pub.n;
        for (int g = 0; g < h->n_kv_head; g++) {
            struct san__attn a = head_rows(s, g, n);
            fetch_piece(h, blocks, n_block, b + 1, layer, g);
            san__attn_add(&a, block_piece(h, block, layer, g), block->is_half, n_b, n_b);
        }
    }
}

/* Many rows stay with one head, whose state then stays in the nearest cache. */
static void add_many(struct san_session *s, int n, const void *own, int own_is_half, int n_own,
                     struct san_block *const *blocks, int n_block, int layer)
{
    const struct san_hparams *h = &s->net->h;
    for (int g = 0; g < h->n_kv_head; g++) {
        struct san__attn a = head_rows(s, g, n);
        struct san__span span = {.mem = s->span};
        san__attn_gather(&a, &span, piece_of(h, own, own_is_half, g, n_own), own_is_half, n_own,
                         n_own);
        for (int b = 0; b < n_block; b++) {
            const struct san__block *block = (const struct san__block *)blocks[b];
            int n_b = block->pub.n;
            fetch_piece(h, blocks, n_block, b + 1, layer, g);
            san__attn_gather(&a, &span, block_piece(h, block, layer, g), block->is_half, n_b, n_b);
        }
        san__attn_flush(&a, &span);
    }
}

void san__attend_add(struct san_session *s, int n, const void *own, int own_is_half, int n_own,
                     struct san_block *const *blocks, int n_block, int layer)
{
    int n_row = n * (s->net->h.n_head / s->net->h.n_kv_head);
    int is_long = n_block || (s->net->packed && san__pairs_are_fast());
    if (n_row <= SAN__DIRECT_ROWS || !is_long)
        add_few(s, n, own, own_is_half, n_own, blocks, n_block, layer);
    else
        add_many(s, n, own, own_is_half, n_own, blocks, n_block, layer);
}

void san__attend_add_causal(struct san_session *s, int g, int n, const float *pieces, int cap,
                            int base)
{
    const struct san_hparams *h = &s->net->h;
    struct san__attn a = head_rows(s, g, n);
    san__attn_add_causal(&a, pieces + san__piece_at(h, 0, g, cap), cap, base,
                         h->n_head / h->n_kv_head);
}

void san__attend_end(struct san_session *s, int t0, int n)
{
    const struct san_hparams *h = &s->net->h;
    size_t head = (size_t)(h->n_head / h->n_kv_head) * (size_t)san_head_width(h);
    for (int g = 0; g < h->n_kv_head; g++) {
        struct san__attn a = head_rows(s, g, n);
        san__attn_end(&a);
        for (int t = 0; t < n; t++)
            memcpy(s->att + san__rows(h, t0 + t) + (size_t)g * head, a.o + (size_t)t * head,
                   head * sizeof *a.o);
    }
}

void san__enc_qkv(struct san_session *s, int n, int layer)
{
    const struct san_hparams *h = &s->net->h;
    san__norm_rows(h, s->h, s->x, san__layer(s->net->p.enc_norm, layer, (size_t)h->width), n);
    san__input(s, s->h, n);
    san__product(s, s->q, SAN_T_enc_q, layer, 1, 0);
    san__product(s, s->k, SAN_T_enc_k, layer, 1, 0);
    san__product(s, s->v, SAN_T_enc_v, layer, 1, 0);
}

void san__cross_kv(struct san_session *s, int layer)
{
    const struct san_hparams *h = &s->net->h;
    int KC = san_kv_width(h), D = san_head_width(h);
    san__product(s, s->k, SAN_T_cross_k, layer, 1, 0);
    san__product(s, s->v, SAN_T_cross_v, layer, 1, 0);
    const float *g = san__layer(s->net->p.cross_k_norm, layer, (size_t)D);
    for (int t = 0; t < s->n_in; t++)
        san__norm_heads(s->net, s->k + (size_t)t * (size_t)KC, g, h->n_kv_head, -1);
}

void san__kv_make(struct san_session *s, int t0, int n)
{
    /* the padding of key tiles must be zero */
    memset(s->pieces, 0, san__piece_at(&s->net->h, 1, 0, n) * sizeof *s->pieces);
    san__kv_store(s, s->pieces, n, 0, t0, n);
}

void san__kv_store(struct san_session *s, float *pieces, int cap, int i0, int t0, int n)
{
    const struct san_hparams *h = &s->net->h;
    int KC = san_kv_width(h), D = san_head_width(h);
    for (int g = 0; g < h->n_kv_head; g++) {
        float *piece = pieces + san__piece_at(h, 0, g, cap);
        for (int t = 0; t < n; t++) {
            size_t at = (size_t)(t0 + t) * (size_t)KC + (size_t)g * (size_t)D;
            san__kv_put(piece, cap, i0 + t, s->k + at, s->v + at, D);
        }
    }
}

/* ---- retrieval ---- */

enum lt_err san_retrieval_vector(struct san_session *s, const float *e, int n, float *out,
                                 struct lt_diag *diag)
{
    const struct san_hparams *h = &s->net->h;
    const struct san_params *p = &s->net->p;
    if (h->ret_dim <= 0)
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "network: this model has no retrieval head");
    if (n < 1) return lt_fail(diag, LT_ERR_INVALID, "retrieval: no encoder output to pool");
    float *mean = s->q, *hidden = s->ret;
    memset(mean, 0, (size_t)h->width * sizeof *mean);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < h->width; c++) mean[c] += e[san__rows(h, t) + (size_t)c];
    for (int c = 0; c < h->width; c++) mean[c] /= (float)n;
    san__matvec(hidden, p->ret_w1, mean, h->ret_hidden, h->width, 1, 0);
    for (int i = 0; i < h->ret_hidden; i++) {
        hidden[i] += p->ret_b1[i];
        if (hidden[i] < 0) hidden[i] = 0;
    }
    san__matvec(out, p->ret_w2, hidden, h->ret_dim, h->ret_hidden, 1, 0);
    float norm = sqrtf(san__dot(out, out, h->ret_dim));
    for (int i = 0; norm > 0 && i < h->ret_dim; i++) out[i] /= norm;
    return LT_OK;
}
