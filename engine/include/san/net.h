/* san/net.h - the network as numbers: sizes, the list of tensors, and one flat parameter buffer.
 *
 * SAN_TENSORS is the one list from which struct, sizes, file names, initialisation and gradient
 * checks are generated. Parameters live in one contiguous fp32 allocation; gradients and
 * optimiser states use the same layout. Shapes use the legend of docs/network.md: C width, KC
 * key/value width (G*D), D head width, V vocabulary, Le/Ld encoder/decoder layers, R/Rh
 * retrieval dimensions. Matrices are (out, in), row-major. */
#ifndef SAN_NET_H
#define SAN_NET_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"

enum san_mask { SAN_MASK_JOINT, SAN_MASK_BLOCK };
enum san_render { SAN_RENDER_NEEDLE_JSON, SAN_RENDER_LINTEL };

/* Sizes of a network. All are checked by san_hparams_check before anything is allocated. */
struct san_hparams {
    int n_vocab;
    int width;                   /* C, a multiple of n_head */
    int n_head;                  /* H */
    int n_kv_head;               /* G, divides H */
    int n_enc;                   /* Le */
    int n_dec;                   /* Ld */
    int n_ctx;                   /* longest token sequence */
    int ret_hidden, ret_dim;     /* retrieval head; 0 when absent */
    int n_flag, n_class, n_feat; /* render "lintel" only; 0 otherwise */
    int grammar; /* render "lintel": version of the walk, SAN_GRAMMAR; 0 for files before 2 */
    float rope_base;
    float rms_eps;
    enum san_mask mask;
    enum san_render render;
};

/* field, GGUF name ("%d" is the layer), layers, rows, columns, group
 * group: M attention matrix (Muon), E embedding, N norm gain or gate or other vector, P pointer
 * matrix (Muon), R retrieval head */
#define SAN_TENSORS(XX)                                                                            \
    XX(tok_embd, "token_embd.weight", 1, h->n_vocab, h->width, E)                                  \
    XX(enc_norm, "enc.blk.%d.attn_norm.weight", h->n_enc, 1, h->width, N)                          \
    XX(enc_q, "enc.blk.%d.attn_q.weight", h->n_enc, h->width, h->width, M)                         \
    XX(enc_k, "enc.blk.%d.attn_k.weight", h->n_enc, san_kv_width(h), h->width, M)                  \
    XX(enc_v, "enc.blk.%d.attn_v.weight", h->n_enc, san_kv_width(h), h->width, M)                  \
    XX(enc_o, "enc.blk.%d.attn_output.weight", h->n_enc, h->width, h->width, M)                    \
    XX(enc_q_norm, "enc.blk.%d.attn_q_norm.weight", h->n_enc, 1, san_head_width(h), N)             \
    XX(enc_k_norm, "enc.blk.%d.attn_k_norm.weight", h->n_enc, 1, san_head_width(h), N)             \
    XX(enc_gate, "enc.blk.%d.attn_gate", h->n_enc, 1, 1, N)                                        \
    XX(enc_out_norm, "enc.output_norm.weight", 1, 1, h->width, N)                                  \
    XX(dec_norm, "dec.blk.%d.attn_norm.weight", h->n_dec, 1, h->width, N)                          \
    XX(dec_q, "dec.blk.%d.attn_q.weight", h->n_dec, h->width, h->width, M)                         \
    XX(dec_k, "dec.blk.%d.attn_k.weight", h->n_dec, san_kv_width(h), h->width, M)                  \
    XX(dec_v, "dec.blk.%d.attn_v.weight", h->n_dec, san_kv_width(h), h->width, M)                  \
    XX(dec_o, "dec.blk.%d.attn_output.weight", h->n_dec, h->width, h->width, M)                    \
    XX(dec_q_norm, "dec.blk.%d.attn_q_norm.weight", h->n_dec, 1, san_head_width(h), N)             \
    XX(dec_k_norm, "dec.blk.%d.attn_k_norm.weight", h->n_dec, 1, san_head_width(h), N)             \
    XX(dec_gate, "dec.blk.%d.attn_gate", h->n_dec, 1, 1, N)                                        \
    XX(cross_norm, "dec.blk.%d.cross_norm.weight", h->n_dec, 1, h->width, N)                       \
    XX(cross_q, "dec.blk.%d.cross_q.weight", h->n_dec, h->width, h->width, M)                      \
    XX(cross_k, "dec.blk.%d.cross_k.weight", h->n_dec, san_kv_width(h), h->width, M)               \
    XX(cross_v, "dec.blk.%d.cross_v.weight", h->n_dec, san_kv_width(h), h->width, M)               \
    XX(cross_o, "dec.blk.%d.cross_output.weight", h->n_dec, h->width, h->width, M)                 \
    XX(cross_q_norm, "dec.blk.%d.cross_q_norm.weight", h->n_dec, 1, san_head_width(h), N)          \
    XX(cross_k_norm, "dec.blk.%d.cross_k_norm.weight", h->n_dec, 1, san_head_width(h), N)          \
    XX(cross_gate, "dec.blk.%d.cross_gate", h->n_dec, 1, 1, N)                                     \
    XX(dec_out_norm, "dec.output_norm.weight", 1, 1, h->width, N)                                  \
    XX(ret_w1, "retrieval.hidden.weight", h->ret_dim > 0, h->ret_hidden, h->width, R)              \
    XX(ret_b1, "retrieval.hidden.bias", h->ret_dim > 0, 1, h->ret_hidden, R)                       \
    XX(ret_w2, "retrieval.proj.weight", h->ret_dim > 0, h->ret_dim, h->ret_hidden, R)              \
    XX(flag_embd, "flag_embd.weight", h->n_flag > 0, h->n_flag, h->width, E)                       \
    XX(ptr_key, "pointer.key.weight", h->n_class > 0, h->width, h->width, P)                       \
    XX(ptr_in, "pointer.input.weight", h->n_class > 0, h->width, h->width, P)                      \
    XX(ptr_scale, "pointer.scale", h->n_class > 0, 1, 2, N)                                        \
    XX(ptr_feat, "pointer.feature.weight", h->n_class > 0, h->n_class, h->n_feat, N)

enum san_tensor_id {
#define SAN_TENSOR_ENUM(f, name, layers, rows, cols, group) SAN_T_##f,
    SAN_TENSORS(SAN_TENSOR_ENUM)
#undef SAN_TENSOR_ENUM
        SAN_T_COUNT
};

enum san_tensor_group { SAN_GROUP_M, SAN_GROUP_E, SAN_GROUP_N, SAN_GROUP_P, SAN_GROUP_R };

static inline int san_head_width(const struct san_hparams *h)
{
    return h->width / h->n_head;
}
static inline int san_kv_width(const struct san_hparams *h)
{
    return h->n_kv_head * san_head_width(h);
}

/* One row of the tensor table: where a tensor's layers lie in the flat buffer. */
struct san_tensor_info {
    const char *name; /* GGUF name; contains "%d" when `is_layered` */
    int is_layered;
    int layers; /* 0: this network does not have it */
    int rows, cols;
    enum san_tensor_group group;
    size_t offset; /* floats from the start of the buffer; layer l at offset + l*rows*cols */
};

/* Parameters (or gradients) as views into `mem`. p[SAN_T_x] + l*rows*cols is layer l of tensor x,
 * and every field below is the same pointer under its name. */
struct san_params {
    float *mem;
    size_t n; /* floats in mem */
    struct san_tensor_info info[SAN_T_COUNT];
#define SAN_TENSOR_FIELD(f, name, layers, rows, cols, group) float *f;
    SAN_TENSORS(SAN_TENSOR_FIELD)
#undef SAN_TENSOR_FIELD
};

/* LT_ERR_INVALID names the first size that is out of range. */
LT_NODISCARD enum lt_err san_hparams_check(const struct san_hparams *h, struct lt_diag *diag);
/* Fill `info` and `n` and set all pointers to NULL: the layout without its memory. */
void san_params_layout(const struct san_hparams *h, struct san_params *out);
/* Lay out and allocate (64-byte aligned, zeroed). LT_ERR_NOMEM. Free with san_params_free. */
LT_NODISCARD enum lt_err san_params_new(const struct san_hparams *h, struct san_params *out);
/* The same without the tensors i whose without[i] (SAN_T_COUNT of them) is set: their pointers are
 * NULL and they take no memory. */
LT_NODISCARD enum lt_err san_params_new_without(const struct san_hparams *h, const uint8_t *without,
                                                struct san_params *out);
void san_params_free(struct san_params *p); /* zeroed struct is fine */
/* Copy from `src` every tensor that both have in the same shape; returns how many of dst's tensors
 * stayed as they were because src lacks them. */
int san_params_take(struct san_params *dst, const struct san_params *src);
/* Start values: matrices and embeddings normal(0, 1/sqrt(cols)) from `seed` with embeddings
 * normal(0, 1/sqrt(C)) (so that sqrt(C)*E has unit variance), ptr_key and ptr_in likewise, gains,
 * gates, feature weights, biases and log scales 0. */
void san_params_init(struct san_params *p, const struct san_hparams *h, uint64_t seed);

#endif
