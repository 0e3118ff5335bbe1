/* san/requantize.h - a network file written again with its matrices in another tensor type.
 *
 * Everything else stays as it is: sizes, vocabulary, general.*, the confidence head, and keys and
 * tensors that this version does not know. Which tensors are converted is decided by the same
 * rule as when a network is saved (san_model_save): matrices and embeddings are, vectors, gates
 * and norms stay fp32. What was lost in an earlier conversion does not come back: quantise from
 * the most exact file there is. The confidence head was fitted on the answers of the old file;
 * fit it again (lintel calibrate) before its numbers are relied on. */
#ifndef SAN_REQUANTIZE_H
#define SAN_REQUANTIZE_H

#include "san/net.h"
#include "san/quant.h"

#define SAN_N_GROUP (SAN_GROUP_R + 1) /* enum san_tensor_group */

/* What happened to the tensors of one group. */
struct san_requantize_group {
    int n_tensors; /* 0: the network has none */
    size_t n_items;
    size_t bytes_in, bytes_out;
    double error_max; /* largest |new - old|, relative to the largest |old| of its tensor */
    double error_rms; /* sqrt(sum (new - old)^2 / sum old^2) over the group */
};

struct san_requantize_report {
    struct san_requantize_group group[SAN_N_GROUP];
    int n_unknown;            /* tensors that are not of the network, copied as they were */
    size_t file_in, file_out; /* bytes of the files */
    int has_confidence;       /* the file holds a confidence head */
};

/* "attention", "embeddings", …: the name of a group for people; static. */
const char *san_tensor_group_name(enum san_tensor_group g);

/* Read the network at `in` and write it to `out` (which may be the same file: it is replaced
 * whole) with matrices of `type`: SAN_TYPE_F32, _F16, _BF16, _Q8_0 or _Q4_0. Errors as of
 * san_model_load and san_gguf_write; on failure nothing was written. `report` may be NULL. */
LT_NODISCARD enum lt_err san_model_requantize(const char *in, const char *out, enum san_type type,
                                              struct san_requantize_report *report,
                                              struct lt_diag *diag);

#endif
