/* curate.h - labelled traces as data lines: which, once each, and in which split.
 *
 * A trace becomes a line when its label says what would have been right: the calls told, or the
 * answered ones where the label says they were. The rules, in this order:
 *
 *   1. of one trace the label of the most trusted source counts (lt/store.h); undo and rephrase say only
 *      that it was wrong, so it becomes no line, whatever the cloud says
 *   2. a trace whose label carries the note "exclude" becomes no line
 *   3. no source but console gives more than LT_CURATE_PER_DAY lines of one UTC day: a flood, or one
 *      that poisons, is bounded
 *   4. of the same words over the same catalogue and room the most trusted label counts, among equals the
 *      newest
 *   5. silence (nobody minded what the network did by itself) is the weakest: asked for, old enough,
 *      never against another label, at most LT_CURATE_SILENT lines of a tool
 *
 * The line's "source" says which: "trace.user", "trace.silence". The split is made by the words alone
 * (san/finetune.h), so it stays while the data grows. */
#ifndef LT_CURATE_H
#define LT_CURATE_H

#include <stdio.h>

#include "lt/docs.h"
#include "lt/store.h"

#define LT_CURATE_EXCLUDE "exclude" /* note of a label that keeps its trace from learning */
#define LT_CURATE_PER_DAY 500       /* lines that one source may give of one day */
#define LT_CURATE_SILENT  40        /* lines of one tool that only silence speaks for */
#define LT_CURATE_HOURS   24        /* silence so long counts */

struct lt_curate {
    const char *site, *route, *label; /* only these; NULL: any. label: a source */
    int64_t since_unix_ms, until_unix_ms;
    double min_confidence, max_confidence; /* of the network's answer; 0 and 0: any */
    int split;                             /* 0: all; 1, 2, 3: train, dev, test */
    int per_tool;                          /* most lines of one tool, the newest; 0: all */
    int keep_repeats;
    int64_t silent_before_unix_ms; /* what nobody minded until then counts as right; 0: not */
    int is_noted;        /* note in the store, before the first line, which traces go where */
    int is_appended;     /* to lines that stay */
    const char *to_path; /* from the root; NULL: a pipe */
    /* results */
    int64_t n_written, n_skipped, n_excluded, n_repeated, n_contrary, n_over, n_flood;
};

/* Write the lines to `to`, oldest first. LT_ERR_IO when it cannot be written. With is_noted the store must
 * be open for writing, and erasing a site reaches into the file (exports.h). */
LT_NODISCARD enum lt_err lt_curate_export(struct lt_store *s, struct lt_curate *c, FILE *to,
                                          struct lt_diag *diag);

/* The calls that would have been right by the row's label, a new reference; NULL when it says none, or
 * when the trace teaches nothing by itself (a word of a conversation, a question back). */
json_t *lt_curate_right_calls(const struct lt_trace_row *r);

/* Data lines (plain or gzip) as executed traces of `site`, labelled by the source "import". A line whose
 * calls do not fit its own catalogue is refused, and so is one of a trace that was erased; the same line again is known. All in one transaction.
 * `refused` (may be NULL) hears why. LT_ERR_INVALID when not one line is good. */
struct lt_curate_import {
    const char *site;
    void (*refused)(const char *where, const char *why);
    int64_t n_taken, n_known, n_refused; /* results */
};
LT_NODISCARD enum lt_err lt_curate_import(struct lt_store *s, const char *path,
                                          struct lt_curate_import *c, struct lt_diag *diag);

/* One data line as an executed trace of `site`, known by request_id and labelled by `source`. A line that
 * is known gets the label anew (*is_known 1). LT_ERR_INVALID, LT_ERR_UNSUPPORTED, LT_ERR_LIMIT: the line
 * cannot be taken (its calls do not fit its own catalogue), nothing changed; others are the store's. */
LT_NODISCARD enum lt_err lt_curate_take(struct lt_store *s, const struct lt_docs *docs,
                                        const char *site, const char *request_id,
                                        const char *source, const json_t *line, int *is_known,
                                        struct lt_diag *diag);

#endif
