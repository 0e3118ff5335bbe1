/* exports.h - erasing reaches into the files that traces were exported to.
 *
 * `lintel traces export` and `lintel finetune` note every file and the traces in it (lt/store_export.h). When a site is
 * erased, its lines are taken out of each of these files: a new file is written beside the old one, flushed, put
 * in its place, and the old one's bytes are overwritten. Killed in between, the old file stands whole and is
 * still noted, so the same command does the rest. What cannot be reached is said, by name:
 *
 *     rewritten    its lines are gone
 *     gone         no file is there any more; a copy elsewhere is yours to remove, and import refuses its lines
 *     pipe         it went to another program
 *     failed       it is there and could not be rewritten: it stays noted
 *
 * Threads: the store's. */
#ifndef LT_EXPORTS_H
#define LT_EXPORTS_H

#include <stdio.h>

#include "lt/store_export.h"

/* A file may be written under its name and this, and renamed when it is whole; both are looked at. */
#define LT_EXPORTS_PART ".part"

/* What became of one file. `n` lines of `at_unix_ms`; `why` for "failed". */
struct lt_exports_said {
    const char *what, *path; /* path NULL for "pipe" */
    int64_t n, at_unix_ms;
    const char *why;
};
typedef void (*lt_exports_fn)(const struct lt_exports_said *said);

/* Take the lines of such traces out of all files. LT_OK also when some failed: *n_failed counts them. */
LT_NODISCARD enum lt_err lt_exports_purge(struct lt_store *s, enum lt_export_of of,
                                          const char *site, lt_exports_fn said, int *n_failed,
                                          struct lt_diag *diag);

/* What `f` writes to, to be noted: a file (*path is from the root; release with free()) or a pipe (*path is
 * NULL). 0 when it is neither, a terminal say: nothing is kept there. *is_appended: it writes at the end. */
int lt_exports_place_of(FILE *f, char **path, int *is_appended);

#endif
