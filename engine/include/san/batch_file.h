/* san/batch_file.h - training batches in a file, for a trainer that is not this one.
 *
 * What a batch holds is decided by the walk, the features and the grammar; a second trainer (see
 * engine/convert/pretrain) reads finished batches, so that nothing of that exists twice. The file is
 * a stream and may be a pipe. All numbers are little-endian and 4 bytes wide:
 *
 *     file    "SANBAT01", then batches until the end
 *     batch   int32 counts: n_tok n_block n_ex n_cat n_step n_cand n_feat
 *             tok[n_tok] flag[n_tok] block_off[n_block+1] utt_off[n_ex+1] cat_off[n_ex+1]
 *             cat_block[n_cat] step_off[n_ex+1] step_kind[n_step] step_prev[n_step]
 *             float step_weight[n_step]
 *             cand_off[n_step+1] cand[n_cand] cand_class[n_cand] cand_right[n_cand]
 *             float cand_feat[n_cand * n_feat]
 *
 * with the meanings of san/batch.h. The retrieval part is not written. */
#ifndef SAN_BATCH_FILE_H
#define SAN_BATCH_FILE_H

#include <stdio.h>

#include "lt/err.h"
#include "san/batch.h"
#include "san/generate.h"

#define SAN_BATCH_FILE_MAGIC "SANBAT01"

/* LT_ERR_IO. */
LT_NODISCARD enum lt_err san_batch_file_begin(FILE *out, struct lt_diag *diag);
/* Append one batch whose candidates have n_feat features each. LT_ERR_IO. */
LT_NODISCARD enum lt_err san_batch_file_add(FILE *out, const struct san_batch *b, int n_feat,
                                            struct lt_diag *diag);

/* Generate n_batches of `batch` cases each, as `lintel train` with the same seed and data would,
 * held-out utterances left out, for the vocabulary in `vocab_path`, and write them. `on_batch`
 * (may be NULL) is told after each. Errors of the parts. */
LT_NODISCARD enum lt_err san_batches_write(const struct san_gen_options *gen,
                                           const char *vocab_path, int batch, uint64_t n_batches,
                                           FILE *out, void (*on_batch)(uint64_t done, void *user),
                                           void *user, struct lt_diag *diag);

#endif
