/* forward_impl.h - what the forward_*.c files share: the session's memory and the steps that
 * encoder and decoder have in common.
 *
 * A session is one allocation cut into the arrays below. Scratch arrays hold N rows, N being the
 * largest of the three limits; nothing in them survives a public call.
 * Legend: N rows of scratch, C width, KC key/value width, D head width, H query heads, G key/value
 * heads, rep = H/G, S source tokens, T steps, Le/Ld layers. "Piece": kernels.h. */
#ifndef SAN_FORWARD_IMPL_H
#define SAN_FORWARD_IMPL_H

#include <stdatomic.h>

#include "kernels.h"
#include "packed.h"
#include "san/forward.h"

/* array, floats */
#define SAN__SESSION_ARRAYS(XX)                                                                    \
    XX(x, N *C)                   /* (N,C) residual stream */                                      \
    XX(h, N *C)                   /* (N,C) its normed copy, input of the products */               \
    XX(q, N *C)                   /* (N,C) queries; retrieval: the mean */                         \
    XX(att, N *C)                 /* (N,C) attention output, heads side by side */                 \
    XX(k, N *KC)                  /* (N,KC) keys */                                                \
    XX(v, N *KC)                  /* (N,KC) values */                                              \
    XX(row_q, N *C)               /* (G,n*rep,D) queries by key/value head, scaled */              \
    XX(row_o, N *C)               /* their outputs */                                              \
    XX(row_m, N *H)               /* their running maxima */                                       \
    XX(row_l, N *H * 16)          /* their running sums */                                         \
    XX(in_q, (N * C + 3) / 4)     /* (N,C) bytes: the rows of san__input, quantised */             \
    XX(in_d, N *C / SAN__GROUP)   /* their scales */                                               \
    XX(in_sum, N *C / SAN__GROUP) /* int32_t: sums of their groups */                              \
    XX(ret, ret_hidden)           /* retrieval head's hidden layer */                              \
    XX(src_e, S *C)               /* (S,C) the source's encoder output */                          \
    XX(src_key, S_ptr *C)         /* (S,C) its pointer keys */                                     \
    XX(src_in, S_ptr *C)          /* (S,C) its pointer inputs */                                   \
    XX(pieces, G *piece_N)        /* (G) pieces being made or, of the source, in use */            \
    XX(span, span_D)              /* keys gathered, kernels.h */                                   \
    XX(src_cross, cross_S)        /* (Ld,G) pieces for the decoder, of halves if src_is_half */    \
    XX(cache, Ld *G *piece_T)     /* (Ld,G) pieces of the decoder's own steps */

struct san_session {
    const struct san_net *net;
    struct san_limits limits;
    struct san_block *const *blocks; /* borrowed */
    int n_block;
    int n_source;    /* tokens of the source; 0: none */
    int has_ptr;     /* src_key and src_in belong to the source */
    int n_step;      /* steps in the cache */
    int src_is_half; /* src_cross holds halves: a quantised network's steps wait for what they read */
    int is_bounded;  /* of the attention under way, see kernels.h */
    const float *in; /* rows that products are to be made with, see san__input */
    int n_in;
    struct san__qrows in_rows; /* the same quantised, where matrices are */
    float *mem;
#define SAN__SESSION_FIELD(name, size) float *name;
    SAN__SESSION_ARRAYS(SAN__SESSION_FIELD)
#undef SAN__SESSION_FIELD
};

/* A block with what lies behind the public fields. */
struct san__block {
    struct san_block pub; /* first, so that a pointer to it is a pointer to the whole */
    atomic_int refs;
    int is_half;      /* pieces of halves, not of floats */
    const void *self; /* (Le,G) pieces for n keys, RoPE applied; the cross pieces follow */
};

/* Of what lies behind a block's struct; blocks kept in files are of one layout. Count it up with every
 * change of order or of what is stored. */
#define SAN__BLOCK_LAYOUT 1
/* A block of n tokens, n_e of them with encoder output, and n_mark marks, all zero: one reference.
 * NULL when out of memory. */
struct san__block *san__block_alloc(const struct san_net *net, int n, int n_e, int n_mark);

/* Piece (layer, g) in an array of pieces (layers, G) made for `cap` keys. */
static inline size_t san__piece_at(const struct san_hparams *h, int layer, int g, int cap)
{
    return (size_t)(layer * h->n_kv_head + g) * san__piece_size(cap, san_head_width(h));
}

/* Bytes of an element of a block's pieces. */
static inline size_t san__element_size(int is_half)
{
    return is_half ? sizeof(uint16_t) : sizeof(float);
}

/* Parameters of layer `layer` of a tensor with `size` floats a layer. */
static inline const float *san__layer(const float *tensor, int layer, size_t size)
{
    return tensor + (size_t)layer * size;
}

/* n rows of width C. */
static inline size_t san__rows(const struct san_hparams *h, int n)
{
    return (size_t)n * (size_t)h->width;
}

float san__gate(float a); /* sigmoid */

/* x (n,C) is what the next products multiply; it must stay as it is until the last of them. */
void san__input(struct san_session *s, const float *x, int n);
/* y (n,rows) = alpha * X W^T + beta * y, W being layer `layer` of tensor `id`. */
void san__product(struct san_session *s, float *y, enum san_tensor_id id, int layer, float alpha,
                  float beta);

/* x (n,C) = sqrt(C) * (E[id] + flagged rows of F). LT_ERR_INVALID names the bad id. */
enum lt_err san__embed(const struct san_net *net, float *x, const int32_t *ids,
                       const uint32_t *flags, int n, struct lt_diag *diag);
/* ZCN of n rows of width C. */
void san__norm_rows(const struct san_hparams *h, float *out, const float *x, const float *g, int n);
/* Per head of one row x (n_head heads): ZCN with gain g (D), then RoPE at `pos` (-1: none). */
void san__norm_heads(const struct san_net *net, float *x, const float *g, int n_head, int pos);

/* Attention of rows [t0, t0 + n) of s->q over any number of key sets: begin, add in any order, end;
 * the outputs are then in the same rows of s->att. */
/* g_k (D): gain of the norm that all the keys went through; it bounds their length. */
void san__attend_begin(struct san_session *s, int t0, int n, const float *g_k);
/* What the rows see: n_own keys in `own`, the G pieces of one layer made for as many keys, and of
 * each block the keys of piece row `layer`: encoder layers first, decoder layers behind them. */
void san__attend_add(struct san_session *s, int n, const void *own, int own_is_half, int n_own,
                     struct san_block *const *blocks, int n_block, int layer);
/* Causal over the decoder's cache: row t sees base + t + 1 keys. */
void san__attend_add_causal(struct san_session *s, int g, int n, const float *pieces, int cap,
                            int base);
void san__attend_end(struct san_session *s, int t0, int n);

/* Cross keys and values for decoder layer `layer` of the encoder outputs given to san__input: s->k
 * (normed) and s->v. */
void san__cross_kv(struct san_session *s, int layer);
/* Self keys (normed, not yet rotated: positions are the caller's), values and queries of encoder
 * layer `layer` from s->x: s->q, s->k, s->v. */
void san__enc_qkv(struct san_session *s, int n, int layer);
/* Make the G pieces of rows [t0, t0 + n) of s->k and s->v in s->pieces. */
void san__kv_make(struct san_session *s, int t0, int n);
/* Store rows [t0, t0 + n) of s->k and s->v as keys i0.. of the layer's G pieces. */
void san__kv_store(struct san_session *s, float *pieces, int cap, int i0, int t0, int n);

#endif
