/* models_diff.h - two networks over the same requests: where do they answer differently?
 *
 * The requests are the newest traces with text and catalogue, or data lines. */
#ifndef LT_MODELS_DIFF_H
#define LT_MODELS_DIFF_H

#include <jansson.h>

#include "lt/store.h"

#define LT_MODELS_DIFF_MAX 20000 /* most requests */

struct lt_models_diff {
    const char *a, *b;     /* network files */
    const char *data_path; /* data lines instead of traces, or NULL */
    const char *site;      /* traces of this site only, or NULL */
    int64_t limit;         /* most requests */
};
/* Object {"n","same","different","known","a_right","b_right","rows":[{"text","a","b","a_confidence",
 * "b_confidence","right"?}]}: rows are those that differ; of `known` it is told what would be right. A new
 * reference. LT_ERR_NOTFOUND when there is nothing to compare over. */
LT_NODISCARD enum lt_err lt_models_diff(struct lt_store *s, const struct lt_models_diff *o,
                                        json_t **out, struct lt_diag *diag);

#endif
