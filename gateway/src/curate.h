/* curate.h - labelled traces as data lines: which, once each, and in which split.
 *
 * A trace becomes a line when its label says what would have been right: the calls told, or the
 * answered ones where the label says they were. The label that counts is the newest of the most
 * trusted source (lt/store.h). A trace whose label carries the note "exclude" never becomes a line.
 * Of the same words over the same catalogue and room the newest trace counts. The split is made by
 * the words alone (san/finetune.h), so it stays while the data grows. */
#ifndef LT_CURATE_H
#define LT_CURATE_H

#include <stdio.h>

#include "lt/store.h"

#define LT_CURATE_EXCLUDE "exclude" /* note of a label that keeps its trace from learning */

struct lt_curate {
    const char *site, *route, *label; /* only these; NULL: any. label: "console", "user", "cloud" */
    int64_t since_unix_ms, until_unix_ms;
    double min_confidence, max_confidence; /* of the network's answer; 0 and 0: any */
    int split;                             /* 0: all; 1, 2, 3: train, dev, test */
    int per_tool;                          /* most lines of one tool, the newest; 0: all */
    int keep_repeats;
    /* results */
    int64_t n_written, n_skipped, n_excluded, n_repeated, n_contrary, n_over;
};

/* Write the lines to `to`, oldest first. LT_ERR_IO when it cannot be written. */
LT_NODISCARD enum lt_err lt_curate_export(struct lt_store *s, struct lt_curate *c, FILE *to,
                                          struct lt_diag *diag);

#endif
