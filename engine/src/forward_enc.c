/* forward_enc.c - the encoder: blocks in packed panels, utterances and joint sequences.
 *
 * A panel is rows of tokens of several blocks, one after the other. All products run over the
 * whole panel; only attention goes block by block. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "forward_impl.h"

/* x += gate * att Wo^T over n rows. */
static void add_output(struct san_session *s, int n, int layer)
{
    san__input(s, s->att, n);
    san__product(s, s->x, SAN_T_enc_o, layer, san__gate(s->net->p.enc_gate[layer]), 1);
}

/* Norm and rotate rows [t0, t0 + n) of s->q and s->k, whose positions start at 0. */
static void finish_qk(struct san_session *s, int layer, int t0, int n)
{
    const struct san_hparams *h = &s->net->h;
    const struct san_params *p = &s->net->p;
    size_t D = (size_t)san_head_width(h), KC = (size_t)san_kv_width(h);
    for (int t = 0; t < n; t++) {
        san__norm_heads(s->net, s->q + san__rows(h, t0 + t), san__layer(p->enc_q_norm, layer, D),
                        h->n_head, t);
        san__norm_heads(s->net, s->k + (size_t)(t0 + t) * KC, san__layer(p->enc_k_norm, layer, D),
                        h->n_kv_head, t);
    }
}

/* ---- blocks ---- */

static enum lt_err check_block(const struct san_session *s, const struct san_block_src *src, int i,
                               struct lt_diag *diag)
{
    const struct san_hparams *h = &s->net->h;
    if (src->n < 1 || src->n_mark < 0 || src->n_mark > src->n)
        return lt_fail(diag, LT_ERR_INVALID, "block %d: %d tokens with %d marks", i, src->n,
                       src->n_mark);
    if (src->n_mark && h->n_class <= 0)
        return lt_fail(diag, LT_ERR_INVALID, "block %d: marks, but the model has no pointers", i);
    for (int m = 0; m < src->n_mark; m++)
        if (src->marks[m] < 0 || src->marks[m] >= src->n)
            return lt_fail(diag, LT_ERR_INVALID, "block %d: mark %d is outside its %d tokens", i,
                           (int)src->marks[m], src->n);
    int most = s->limits.n_panel < h->n_ctx ? s->limits.n_panel : h->n_ctx;
    if (src->n > most)
        return lt_fail(diag, LT_ERR_LIMIT,
                       "block %d: %d tokens, the limit is %d; shorten its description", i, src->n,
                       most);
    return LT_OK;
}

/* One allocation: struct, then encoder pieces, cross pieces, e, pointer keys, pointer inputs. */
struct san__block *san__block_alloc(const struct san_net *net, int n, int n_e, int n_mark)
{
    const struct san_hparams *h = &net->h;
    size_t head = (sizeof(struct san__block) + 63) / 64 * 64;
    size_t pieces =
        san__piece_at(h, h->n_enc + h->n_dec, 0, n) * san__element_size(net->has_half_keys);
    size_t e = san__rows(h, n_e), ptr = san__rows(h, n_mark);
    size_t n_bytes = head + pieces + (e + 2 * ptr) * sizeof(float);
    n_bytes = (n_bytes + 63) / 64 * 64;
    char *mem = aligned_alloc(64, n_bytes);
    if (!mem) return NULL;
    memset(mem, 0, n_bytes);
    struct san__block *b = (struct san__block *)(void *)mem;
    atomic_init(&b->refs, 1);
    b->is_half = net->has_half_keys;
    b->self = mem + head;
    b->pub = (struct san_block){.n = n, .n_mark = n_mark, .n_bytes = n_bytes};
    if (!n_e) return b;
    b->pub.e = (const float *)(const void *)(mem + head + pieces);
    b->pub.ptr_key = b->pub.e + e;
    b->pub.ptr_in = b->pub.ptr_key + ptr;
    return b;
}

struct san_block *san_block_ref(struct san_block *b)
{
    atomic_fetch_add(&((struct san__block *)b)->refs, 1);
    return b;
}

void san_block_unref(struct san_block *b)
{
    if (b && atomic_fetch_sub(&((struct san__block *)b)->refs, 1) == 1) free(b);
}

/* The memory behind a block's const views; used only while it is being filled. */
static void *writable(struct san__block *b, const void *view)
{
    return (char *)b + ((const char *)view - (const char *)b);
}

/* Keep the G pieces in s->pieces as the block's row `layer` (as san__attend_add counts). */
static void block_keep(struct san_session *s, struct san__block *b, int layer)
{
    const struct san_hparams *h = &s->net->h;
    size_t at = san__piece_at(h, layer, 0, b->pub.n), n = san__piece_at(h, 1, 0, b->pub.n);
    void *to = writable(b, (const char *)b->self + at * san__element_size(b->is_half));
    if (b->is_half)
        san__to_half(to, s->pieces, n);
    else
        memcpy(to, s->pieces, n * sizeof *s->pieces);
}

/* Pointer vectors of the panel's marked tokens: out = W e, gathered to s->h first. */
static void block_pointers(struct san_session *s, const struct san_block_src *src, int n_block,
                           struct san_block **out)
{
    const struct san_hparams *h = &s->net->h;
    int C = h->width, n_mark = 0, t0 = 0;
    size_t row = (size_t)C * sizeof(float);
    /* the panel's e stands in s->att, which is free by now */
    for (int b = 0; b < n_block; t0 += src[b++].n)
        for (int m = 0; m < src[b].n_mark; m++)
            memcpy(s->h + san__rows(h, n_mark++), s->att + san__rows(h, t0 + src[b].marks[m]), row);
    if (!n_mark) return;
    san__input(s, s->h, n_mark);
    san__product(s, s->x, SAN_T_ptr_key, 0, 1, 0);
    san__product(s, s->q, SAN_T_ptr_in, 0, 1, 0);
    for (int b = 0, m = 0; b < n_block; m += src[b++].n_mark) {
        struct san__block *to = (struct san__block *)out[b];
        size_t n = (size_t)src[b].n_mark;
        memcpy(writable(to, to->pub.ptr_key), s->x + san__rows(h, m), n * row);
        memcpy(writable(to, to->pub.ptr_in), s->q + san__rows(h, m), n * row);
    }
}

static void panel_layer(struct san_session *s, const struct san_block_src *src, int n_block,
                        struct san_block **out, int n_tok, int layer)
{
    const struct san_hparams *h = &s->net->h;
    const struct san_params *p = &s->net->p;
    const float *g_k = san__layer(p->enc_k_norm, layer, (size_t)san_head_width(h));
    san__enc_qkv(s, n_tok, layer);
    for (int b = 0, t0 = 0; b < n_block; t0 += src[b++].n) {
        int n = src[b].n;
        finish_qk(s, layer, t0, n);
        san__kv_make(s, t0, n);
        block_keep(s, (struct san__block *)out[b], layer);
        san__attend_begin(s, t0, n, g_k);
        san__attend_add(s, n, s->pieces, 0, n, NULL, 0, layer);
        san__attend_end(s, t0, n);
    }
    add_output(s, n_tok, layer);
}

/* Encode blocks whose tokens fit the panel; out[] holds their allocations already. */
static enum lt_err panel_encode(struct san_session *s, const struct san_block_src *src, int n_block,
                                struct san_block **out, struct lt_diag *diag)
{
    const struct san_hparams *h = &s->net->h;
    int n_tok = 0;
    for (int b = 0; b < n_block; n_tok += src[b++].n) {
        enum lt_err err = san__embed(s->net, s->x + san__rows(h, n_tok), src[b].ids, src[b].flags,
                                     src[b].n, diag);
        if (err) return err;
    }
    for (int l = 0; l < h->n_enc; l++) panel_layer(s, src, n_block, out, n_tok, l);

    float *e = s->att;
    san__norm_rows(h, e, s->x, s->net->p.enc_out_norm, n_tok);
    for (int b = 0, t0 = 0; b < n_block; t0 += src[b++].n) {
        struct san__block *to = (struct san__block *)out[b];
        memcpy(writable(to, to->pub.e), e + san__rows(h, t0), san__rows(h, src[b].n) * sizeof *e);
    }
    san__input(s, e, n_tok);
    for (int l = 0; l < h->n_dec; l++) {
        san__cross_kv(s, l);
        for (int b = 0, t0 = 0; b < n_block; t0 += src[b++].n) {
            san__kv_make(s, t0, src[b].n);
            block_keep(s, (struct san__block *)out[b], h->n_enc + l);
        }
    }
    if (h->n_class > 0) block_pointers(s, src, n_block, out);
    return LT_OK;
}

enum lt_err san_blocks_encode(struct san_session *s, const struct san_block_src *src, int n_block,
                              struct san_block **out, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    for (int b = 0; b < n_block; b++) out[b] = NULL;
    for (int b = 0; b < n_block && !err; b++) err = check_block(s, &src[b], b, diag);
    for (int b = 0; b < n_block && !err; b++) {
        out[b] = (struct san_block *)san__block_alloc(s->net, src[b].n, src[b].n, src[b].n_mark);
        if (!out[b]) err = lt_fail(diag, LT_ERR_NOMEM, "block %d: out of memory", b);
    }
    for (int first = 0, next = 0; first < n_block && !err; first = next) {
        int n_tok = 0;
        while (next < n_block && n_tok + src[next].n <= s->limits.n_panel) n_tok += src[next++].n;
        err = panel_encode(s, src + first, next - first, out + first, diag);
    }
    for (int b = 0; err && b < n_block; b++) {
        san_block_unref(out[b]);
        out[b] = NULL;
    }
    return err;
}

/* Copy n keys of a piece to key `at` on of another, elements being `size` bytes. */
static void copy_keys(char *to, int cap_to, int at, const char *from, int n, int D, size_t size)
{
    size_t row = SAN__TILE * size, step = row * (size_t)D, values = (size_t)n * (size_t)D * size;
    for (int i = 0, run; i < n; i += run) {
        int lane_from = i % SAN__TILE, lane_to = (at + i) % SAN__TILE;
        int left = SAN__TILE - (lane_from > lane_to ? lane_from : lane_to);
        run = n - i < left ? n - i : left;
        const char *x = from + (size_t)(i / SAN__TILE) * step + (size_t)lane_from * size;
        char *y = to + (size_t)((at + i) / SAN__TILE) * step + (size_t)lane_to * size;
        for (int d = 0; d < D; d++, x += row, y += row) memcpy(y, x, (size_t)run * size);
    }
    memcpy(to + (san__keys_size(cap_to, D) + (size_t)at * (size_t)D) * size,
           from + san__keys_size(n, D) * size, values);
}

enum lt_err san_blocks_join(const struct san_net *net, struct san_block *const *blocks, int n_block,
                            struct san_block **out, struct lt_diag *diag)
{
    const struct san_hparams *h = &net->h;
    int D = san_head_width(h), n = 0, n_piece = (h->n_enc + h->n_dec) * h->n_kv_head;
    *out = NULL;
    for (int b = 0; b < n_block; b++) {
        const struct san__block *x = (const struct san__block *)blocks[b];
        if (x->is_half != net->has_half_keys || x->pub.n > INT_MAX - n)
            return lt_fail(diag, LT_ERR_INVALID, "blocks: number %d cannot be joined", b);
        n += x->pub.n;
    }
    if (!n) return lt_fail(diag, LT_ERR_INVALID, "blocks: none to join");
    struct san__block *to = san__block_alloc(net, n, 0, 0);
    if (!to) return lt_fail(diag, LT_ERR_NOMEM, "blocks: no memory to join %d tokens", n);
    size_t size = san__element_size(to->is_half);
    for (int i = 0; i < n_piece; i++) {
        char *piece = (char *)writable(to, to->self) + san__piece_at(h, 0, i, n) * size;
        for (int b = 0, at = 0; b < n_block; at += blocks[b++]->n) {
            const struct san__block *x = (const struct san__block *)blocks[b];
            const char *from = (const char *)x->self + san__piece_at(h, 0, i, x->pub.n) * size;
            copy_keys(piece, n, at, from, x->pub.n, D, size);
        }
    }
    *out = &to->pub;
    return LT_OK;
}

/* ---- sources ---- */

static void source_layer(struct san_session *s, int n, int layer)
{
    const struct san_hparams *h = &s->net->h;
    const struct san_params *p = &s->net->p;
    const float *g_k = san__layer(p->enc_k_norm, layer, (size_t)san_head_width(h));
    san__enc_qkv(s, n, layer);
    finish_qk(s, layer, 0, n);
    san__kv_make(s, 0, n);
    san__attend_begin(s, 0, n, g_k);
    san__attend_add(s, n, s->pieces, 0, n, s->blocks, s->n_block, layer);
    san__attend_end(s, 0, n);
    add_output(s, n, layer);
}

/* The encoder over a source: s->src_e, and nothing yet that a decoder needs. */
static enum lt_err source_rows(struct san_session *s, const int32_t *ids, const uint32_t *flags,
                               int n, struct lt_diag *diag)
{
    const struct san_hparams *h = &s->net->h;
    s->n_source = 0;
    s->n_step = 0;
    s->has_ptr = 0;
    if (n < 1) return lt_fail(diag, LT_ERR_INVALID, "encoder: an input without tokens");
    if (n > s->limits.n_source)
        return lt_fail(diag, LT_ERR_LIMIT, "encoder: %d tokens, the limit is %d", n,
                       s->limits.n_source);
    enum lt_err err = san__embed(s->net, s->x, ids, flags, n, diag);
    if (err) return err;
    for (int l = 0; l < h->n_enc; l++) source_layer(s, n, l);
    san__norm_rows(h, s->src_e, s->x, s->net->p.enc_out_norm, n);
    return LT_OK;
}

static enum lt_err source_encode(struct san_session *s, const int32_t *ids, const uint32_t *flags,
                                 int n, struct lt_diag *diag)
{
    const struct san_hparams *h = &s->net->h;
    enum lt_err err = source_rows(s, ids, flags, n, diag);
    if (err) return err;
    san__input(s, s->src_e, n);
    for (int l = 0; l < h->n_dec; l++) {
        san__cross_kv(s, l);
        if (!s->src_is_half) {
            san__kv_store(s, s->src_cross + san__piece_at(h, l, 0, n), n, 0, 0, n);
            continue;
        }
        san__kv_store(s, s->pieces, n, 0, 0, n);
        san__to_half((uint16_t *)(void *)s->src_cross + san__piece_at(h, l, 0, n), s->pieces,
                     san__piece_at(h, 1, 0, n));
    }
    s->n_source = n;
    if (h->render == SAN_RENDER_LINTEL && h->n_class > 0) {
        san__product(s, s->src_key, SAN_T_ptr_key, 0, 1, 0);
        san__product(s, s->src_in, SAN_T_ptr_in, 0, 1, 0);
        s->has_ptr = 1;
    }
    return LT_OK;
}

enum lt_err san_utter_encode(struct san_session *s, const int32_t *ids, const uint32_t *flags,
                             int n, struct san_block *const *blocks, int n_block,
                             struct lt_diag *diag)
{
    s->blocks = blocks;
    s->n_block = n_block;
    return source_encode(s, ids, flags, n, diag);
}

enum lt_err san_joint_encode(struct san_session *s, const int32_t *ids, int n, struct lt_diag *diag)
{
    s->blocks = NULL;
    s->n_block = 0;
    return source_encode(s, ids, NULL, n, diag);
}

enum lt_err san_retrieval_encode(struct san_session *s, const int32_t *ids, int n, const float **e,
                                 struct lt_diag *diag)
{
    s->blocks = NULL;
    s->n_block = 0;
    enum lt_err err = source_rows(s, ids, NULL, n, diag);
    *e = err ? NULL : s->src_e;
    return err;
}
