/* label.h - a judgement about a trace, checked before it is written.
 *
 * The right calls that a label tells must fit the catalogue the trace was decided with: a label that the
 * house could never carry out would teach the network nonsense. */
#ifndef LT_LABEL_H
#define LT_LABEL_H

#include "lt/docs.h"
#include "lt/store.h"

#define LT_LABEL_FEEDBACK_PER_MINUTE 120 /* further feedback of a site is refused: a flood */

/* lt_store_label_add after that check. LT_ERR_NOTFOUND (no such trace), LT_ERR_INVALID with the path of
 * what does not fit. The store's thread. */
LT_NODISCARD enum lt_err lt_label_put(struct lt_store *s, const struct lt_docs *docs,
                                      const char *trace, const struct lt_label *label,
                                      struct lt_diag *diag);

#endif
