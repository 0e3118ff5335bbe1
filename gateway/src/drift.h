/* drift.h - does the network still fit the house? Week by week, from the traces.
 *
 * Of every week: how often the network disagreed with the label (with the teacher, the user, …), how many
 * of the words were never said in the weeks before, and how far its confidence is from the share that was
 * right. Drift is said when the last seven days are worse than the weeks before by more than chance explains.
 * The promise is that of san/finetune.h, from the labels that came since the network in use was activated:
 * it has not learnt from these. */
#ifndef LT_DRIFT_H
#define LT_DRIFT_H

#include <jansson.h>

#include "lt/store.h"

#define LT_DRIFT_WEEKS_MAX 52
#define LT_DRIFT_LEAST     30    /* labels of a week that say anything */
#define LT_DRIFT_WORDS_MAX 20000 /* different words remembered */

struct lt_drift_options {
    const char *site; /* NULL: all */
    int n_weeks;      /* back from now */
    int64_t now_unix_ms;
    double alpha, delta; /* of the promise */
    const int
        *is_stopped; /* read atomically at every trace: non-zero ends it early; NULL: nobody will */
};
/* Object {"state", "signs", "weeks": [...], "drift": ["..."], "promise": {...}}; a new reference. `state` is
 * "drift" when one of the signs (disagreement, new_words, calibration) is true, "steady" when none is and
 * the labels of the last week say anything, else "unknown". LT_ERR_BUSY when it was stopped. */
LT_NODISCARD enum lt_err lt_drift_report(struct lt_store *s, const struct lt_drift_options *o,
                                         json_t **out, struct lt_diag *diag);

#endif
