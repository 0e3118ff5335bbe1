/* san/packed.h - a network's matrices as inference multiplies with them: still quantised.
 *
 * Where a file holds a matrix (attention, pointers, token embedding) as Q8_0 or Q4_0, it need not
 * become floats: it is laid out for the processor's products of bytes (src/mat.h), at the size it
 * has in the file, and the rows it is multiplied with are quantised to 8 bits on the way. Vectors,
 * gates, norms, the retrieval head and everything that is stored as F32, F16 or BF16 stay floats.
 * One allocation, read-only once made, shared by all threads. */
#ifndef SAN_PACKED_H
#define SAN_PACKED_H

#include "lt/err.h"
#include "san/gguf.h"
#include "san/net.h"
#include "san/quant.h"

struct san_packed; /* opaque */

/* Load `g`: *p gets what stays floats, *out the rest, NULL when nothing is quantised. In *p a
 * tensor that was packed has a NULL pointer and no memory. Refuses what san_model_params refuses.
 * On LT_OK free both: san_params_free, san_packed_free. */
LT_NODISCARD enum lt_err san_packed_load(const struct san_gguf *g, const struct san_hparams *h,
                                         struct san_params *p, struct san_packed **out,
                                         struct lt_diag *diag);
/* The same from parameters in memory, their matrices quantised to `type` (Q8_0 or Q4_0); `p` keeps
 * all of its floats. LT_ERR_UNSUPPORTED where no matrix has a multiple of 32 columns. */
LT_NODISCARD enum lt_err san_packed_of(const struct san_params *p, enum san_type type,
                                       struct san_packed **out, struct lt_diag *diag);
void san_packed_free(struct san_packed *k); /* NULL is fine */

#endif
