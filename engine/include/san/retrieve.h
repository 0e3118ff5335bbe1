/* san/retrieve.h - which tools an utterance may be about, by the network's retrieval head.
 *
 * A tool and an utterance are encoded alike, each alone and as one block, pooled and brought to unit
 * vectors (design section 4: unit(W2·relu(W1·mean(e)+b1))); their cosine ranks the tools. An
 * utterance is encoded without flags and without the speaker's room, so that its vector depends on no
 * catalogue. Networks without the head (ret_dim 0) are LT_ERR_UNSUPPORTED.
 * Threads: as the session's. */
#ifndef SAN_RETRIEVE_H
#define SAN_RETRIEVE_H

#include "san/forward.h"
#include "san/pieces.h"
#include "san/plan.h"

/* Tokens of the text alone, <utt> first, into tok (SAN_BLOCK_MAX_TOKENS); *n receives how many.
 * `u` is scratch. LT_ERR_INVALID (empty, not UTF-8), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_retrieve_tokens(struct san_utterance *u, const struct san_pieces *v,
                                             const char *text, int32_t *tok, int *n,
                                             struct lt_diag *diag);
/* Mean (C) of the encoder's output over a sequence that sees only itself. */
LT_NODISCARD enum lt_err san_retrieve_pool(struct san_session *s, const int32_t *tok, int n,
                                           float *mean, struct lt_diag *diag);
/* The unit vector (ret_dim) of such a sequence: of san_retrieve_tokens, or of a tool's block. */
LT_NODISCARD enum lt_err san_retrieve_vector(struct san_session *s, const int32_t *tok, int n,
                                             float *out, struct lt_diag *diag);

#endif
