/* san/forward.h - the network run forward: tokens in, states, scores and logits out.
 *
 * Everything here follows docs/network.md and reads a `struct san_net`, which is read-only after
 * san_net_init and shared by all threads. What a thread writes lives in its `struct san_session`:
 * scratch, the source it encoded last (an utterance or a joint sequence) and the decoder's cache.
 * A session is allocated once at its planned size; after that neither encoding a source nor a
 * decoder step allocates. Encoding blocks allocates exactly one buffer per block.
 *
 * Order of use, render "lintel":  san_blocks_encode (when a catalogue arrives; keep the blocks),
 * then per utterance  san_utter_encode, san_dec_begin, and per decision  san_dec_step followed by
 * san_score_vocab / san_score_pointer on the h it gave.
 * Render "needle-json":  san_joint_encode, san_joint_feed until EOS; san_retrieval_vector.
 *
 * Numbers: the same call on the same inputs gives the same bits. Matrices are fp32, or quantised
 * (san/packed.h) and then multiplied with rows of 8 bits. A block encoded alone, or in a
 * batch with others, agrees to rounding (the products sum in another order), as does an utterance
 * whose blocks come in another order.
 * Legend: n tokens, C width, V vocabulary. Matrices are row-major. */
#ifndef SAN_FORWARD_H
#define SAN_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"
#include "san/net.h"
#include "san/packed.h"

/* ---- the network ---- */

struct san_net {
    struct san_hparams h;
    struct san_params p; /* views; the memory stays with whoever loaded it */
    /* Matrices that `p` lacks because they stay quantised; NULL: p has all. Borrowed, set by the
     * owner after san_net_init. */
    const struct san_packed *packed;
    float *rope_cos; /* (n_ctx, D/2) cos(pos * base^(-2i/D)) */
    float *rope_sin; /* (n_ctx, D/2) */
    /* Blocks encoded from now on keep keys and values as halves (IEEE binary16), which takes half
     * the memory and time and costs some 1e-3 of a state's size in precision. san_net_init sets
     * it where the processor converts halves; it may be changed before the net is shared. */
    int has_half_keys;
};

/* Make `net` from checked sizes and loaded parameters. `p` is copied as views: its memory must
 * outlive the net and stays the caller's. LT_ERR_INVALID (san_hparams_check), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_net_init(struct san_net *net, const struct san_hparams *h,
                                      const struct san_params *p, struct lt_diag *diag);
void san_net_fini(struct san_net *net); /* a zeroed struct is fine */

/* ---- the session: one per thread ---- */

/* What a session must be able to hold. All counts are at least 1 and at most 65536; source tokens
 * and steps at most n_ctx. */
struct san_limits {
    int n_source; /* tokens of the longest utterance or joint sequence */
    int n_panel;  /* block tokens encoded at once; the longest block must fit. 512 is good */
    int n_step;   /* decoder steps */
};

struct san_session; /* opaque: san_session_new makes it, san_session_free releases it */

/* Bytes san_session_new will allocate for these limits. */
size_t san_session_plan_bytes(const struct san_net *net, const struct san_limits *limits);
/* LT_ERR_INVALID (a limit out of range), LT_ERR_NOMEM. The net is borrowed for the session's life
 * and is the one every call below computes with. */
LT_NODISCARD enum lt_err san_session_new(const struct san_net *net, const struct san_limits *limits,
                                         struct san_session **out, struct lt_diag *diag);
void san_session_free(struct san_session *s); /* NULL is fine */

/* ---- blocks: encoded once, shared by all utterances (render "lintel") ---- */

/* Tokens of one block, borrowed for the call. `marks` are indices (0..n-1) of the tokens that a
 * decision may point at; only for them are pointer vectors kept. */
struct san_block_src {
    const int32_t *ids;
    const uint32_t *flags; /* bit i adds F[i] to the token's embedding; NULL: none is set */
    int n;                 /* tokens, at least 1 */
    const int32_t *marks;
    int n_mark; /* may be 0 */
};

/* One encoded block: one heap allocation, read-only, reference counted (atomic). The fields below
 * may be read; keys and values lie behind them. */
struct san_block {
    int n;                /* tokens */
    int n_mark;           /* marked tokens */
    size_t n_bytes;       /* of the whole allocation */
    const float *e;       /* (n, C) encoder output after its final norm */
    const float *ptr_key; /* (n_mark, C) Wp e_j: what san_score_pointer wants */
    const float *ptr_in;  /* (n_mark, C) Wi e_j: what san_dec_step wants as previous choice */
};

/* Encode `n_block` blocks, packed into panels of at most the session's n_panel tokens; out[i]
 * belongs to src[i] and holds one reference each that the caller releases. Does not touch the
 * session's source or decoder. LT_ERR_INVALID (token id, mark or length out of range),
 * LT_ERR_LIMIT (a block longer than n_panel or n_ctx), LT_ERR_NOMEM; on failure every out[i] is
 * NULL. */
LT_NODISCARD enum lt_err san_blocks_encode(struct san_session *s, const struct san_block_src *src,
                                           int n_block, struct san_block **out,
                                           struct lt_diag *diag);
/* One block with the keys and values of all, in their order: an utterance that sees it sees them,
 * and reads one long run of memory where many short ones cost twice the time. It has no e, no
 * marks and pointers (NULL). One reference, the caller's. LT_ERR_INVALID (no block, or blocks that
 * were encoded under another has_half_keys), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_blocks_join(const struct san_net *net, struct san_block *const *blocks,
                                         int n_block, struct san_block **out, struct lt_diag *diag);
struct san_block *san_block_ref(struct san_block *b); /* returns b */
void san_block_unref(struct san_block *b);            /* NULL is fine; the last one frees */

/* ---- the source: what the session encoded last ---- */

struct san_source {
    int n;                /* tokens; 0 before the first encoding */
    const float *e;       /* (n, C) encoder output after its final norm */
    const float *ptr_key; /* (n, C) as in san_block, for every token; NULL in joint mode */
    const float *ptr_in;  /* (n, C) */
};

/* Encode an utterance that sees itself and the given blocks. The `blocks` array is borrowed until
 * the session's next encoding of a source (no reference is taken): keep array and blocks as long.
 * Flags as in san_block_src. Ends a running decoding. LT_ERR_INVALID, LT_ERR_LIMIT. */
LT_NODISCARD enum lt_err san_utter_encode(struct san_session *s, const int32_t *ids,
                                          const uint32_t *flags, int n,
                                          struct san_block *const *blocks, int n_block,
                                          struct lt_diag *diag);
/* Encode one sequence with full self-attention (mask "joint"). Give it without padding. */
LT_NODISCARD enum lt_err san_joint_encode(struct san_session *s, const int32_t *ids, int n,
                                          struct lt_diag *diag);
/* Views into the session, valid until it encodes another source. */
struct san_source san_session_source(const struct san_session *s);

/* ---- the decoder ---- */

/* Start decoding over the session's source; also forgets the steps taken so far. */
void san_dec_begin(struct san_session *s);
/* Steps taken since san_dec_begin. */
int san_dec_n_step(const struct san_session *s);
/* Go back to just after step number n_step (0..san_dec_n_step), to try another continuation. */
void san_dec_rewind(struct san_session *s, int n_step);

/* One decision (render "lintel"): `kind` is the special token that names it. The previous choice
 * is `prev_in` when not NULL (the ptr_in row of a position), else the vocabulary id `prev_id`,
 * else (prev_id -1) none. Writes h (C), the decoder's output after its final norm.
 * LT_ERR_INVALID (an id out of range, no source), LT_ERR_LIMIT (the session's n_step). */
LT_NODISCARD enum lt_err san_dec_step(struct san_session *s, int32_t kind, int32_t prev_id,
                                      const float *prev_in, float *h, struct lt_diag *diag);

/* Scores of candidates, before the softmax. Vocabulary: out[i] for ids[i] (ids in range). */
void san_score_vocab(const struct san_net *net, const float *h, const int32_t *ids, int n,
                     float *out);
/* Positions: keys[i] is a ptr_key row, cls[i] (< n_class) its row of the feature table and
 * feat (n, n_feat) its lexical features. */
void san_score_pointer(const struct san_net *net, const float *h, const float *const *keys,
                       const uint8_t *cls, const float *feat, int n, float *out);

/* Feed `n` output tokens in one batch (the first fed after san_dec_begin is EOS) and write the
 * logits (n_logits, V) that follow each of the last n_logits of them (0..n; NULL when 0).
 * Errors as san_dec_step. */
LT_NODISCARD enum lt_err san_joint_feed(struct san_session *s, const int32_t *ids, int n,
                                        float *logits, int n_logits, struct lt_diag *diag);

/* ---- retrieval ---- */

/* The encoder's output over one sequence that sees only itself, for san_retrieval_vector: *e (n, C), the
 * session's, valid until it encodes another source. The same bits as san_utter_encode without flags and
 * blocks, less what only a decoder needs: no source stands afterwards. LT_ERR_INVALID, LT_ERR_LIMIT. */
LT_NODISCARD enum lt_err san_retrieval_encode(struct san_session *s, const int32_t *ids, int n,
                                              const float **e, struct lt_diag *diag);
/* Unit vector (ret_dim) of encoder outputs e (n, C): W2·relu(W1·mean(e)+b1), scaled to length 1.
 * LT_ERR_UNSUPPORTED when the network has no retrieval head. Uses the session's scratch. */
LT_NODISCARD enum lt_err san_retrieval_vector(struct san_session *s, const float *e, int n,
                                              float *out, struct lt_diag *diag);

#endif
