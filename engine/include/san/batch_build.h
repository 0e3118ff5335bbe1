/* san/batch_build.h - cases (JSON of design 3.2) packed into a san_batch.
 *
 * Tools and homes that several cases share (the same JSON object, or a block of the same tokens)
 * become one block. A case whose answer the grammar cannot produce is left out and counted by
 * reason. Threads: one. Memory: grows to the largest batch and is reused; the san_batch is a view
 * that lives until the next reset. */
#ifndef SAN_BATCH_BUILD_H
#define SAN_BATCH_BUILD_H

#include <jansson.h>

#include "san/batch.h"
#include "san/gold.h"

/* Weights of the kinds of decision in the loss. */
struct san_loss_weights {
    float tool, target, key, value, end, spell;
};

struct san_batch_builder; /* opaque */

/* `pieces` is borrowed for the builder's life. */
LT_NODISCARD enum lt_err san_batch_builder_new(const struct san_pieces *pieces,
                                               const struct san_loss_weights *weights,
                                               struct san_batch_builder **out);
void san_batch_builder_free(struct san_batch_builder *b);
/* Fill the batch's retrieval part too (off at first): utterances that call something come once more,
 * as blocks without flags and the speaker's room (san/retrieve.h), among the tools of all cases. */
void san_batch_builder_retrieve(struct san_batch_builder *b, int is_on);
/* Forget the cases; JSON objects seen before may be freed now. */
void san_batch_builder_reset(struct san_batch_builder *b);
/* Add one case. LT_OK also when it was left out: *reason says so. LT_ERR_INVALID for a catalogue
 * that cannot be planned. The JSON objects must live until the reset. */
LT_NODISCARD enum lt_err san_batch_builder_add(struct san_batch_builder *b, const json_t *c,
                                               enum san_gold_reason *reason, struct lt_diag *diag);
/* View of what was added. */
struct san_batch san_batch_builder_view(struct san_batch_builder *b);

#endif
