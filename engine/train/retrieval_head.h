/* retrieval_head.h - the retrieval head with its gradient. Private to the trainer.
 *
 * z(x) = W2·relu(W1·x + b1), u = z / |z|; scores are cosines u(q)·u(t). Loss of an utterance:
 * -log of the softmax's share of its right tools, cosines divided by the temperature 0.05 (van den
 * Oord et al. 2018, "InfoNCE"). Weights and gradients are the caller's; the head has the room to
 * compute in. One thread. */
#ifndef SAN_RETRIEVAL_HEAD_H
#define SAN_RETRIEVAL_HEAD_H

#include <stdint.h>

#include "lt/err.h"

struct san__ret_head;

struct san__ret_weights {
    float *w1, *b1, *w2; /* (hidden, width), (hidden), (dim, hidden) */
};

/* For at most max_q utterances and max_t tools at once, pooled to `width` numbers. */
LT_NODISCARD enum lt_err san__ret_new(int width, int hidden, int dim, int max_q, int max_t,
                                      struct san__ret_head **out);
void san__ret_free(struct san__ret_head *r); /* NULL is fine */
int san__ret_has_room(const struct san__ret_head *r, int n_q, int n_t);
/* Compute with these weights from now on; gradients are added to `g` (NULL: none will be asked). */
void san__ret_bind(struct san__ret_head *r, const struct san__ret_weights *w,
                   const struct san__ret_weights *g);
/* Mean loss of utterances q (n_q, width) over tools t (n_t, width); right (n_q, n_t). The gradient of
 * weight * loss is added to the bound ones; *dq, *dt receive that by the inputs, valid until the next
 * call. */
float san__ret_gradient(struct san__ret_head *r, const float *q, int n_q, const float *t, int n_t,
                        const uint8_t *right, float weight, const float **dq, const float **dt);
/* Cosines (n_q, n_t), valid until the next call. */
const float *san__ret_scores(struct san__ret_head *r, const float *q, int n_q, const float *t,
                             int n_t);
/* Smallest |z| of the tools scored last. */
float san__ret_least_norm(const struct san__ret_head *r);

#endif
