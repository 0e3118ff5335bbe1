/* lt/store_export.h - which files hold lines of which traces, and which traces were erased.
 *
 * Whoever writes traces into a file notes it here first: the file, what was asked for, and every trace of
 * it. So erasing a site can reach into files that were exported long ago (gateway/src/exports.h does the
 * reaching), also for traces that have been pruned since. Of an erased trace a hash of its id stays, so
 * that a copy of the file which nobody knows of cannot bring it back: import refuses its lines.
 * Threads, groups and errors as lt/store.h says. */
#ifndef LT_STORE_EXPORT_H
#define LT_STORE_EXPORT_H

#include "lt/store.h"

struct lt_export_new {
    const char *path;         /* from the root; NULL: a pipe */
    const char *filters_json; /* what was asked for */
    int is_appended;          /* what the file held before stays, and what is noted of it */
    int64_t now_unix_ms;
};
/* Note a file that is about to be written; *id is for lt_store_export_add. What was noted of an earlier
 * file at this path is forgotten unless is_appended. */
LT_NODISCARD enum lt_err lt_store_export_put(struct lt_store *s, const struct lt_export_new *e,
                                             int64_t *id, struct lt_diag *diag);
/* Note that the trace is in it. LT_ERR_NOTFOUND for an unknown trace. */
LT_NODISCARD enum lt_err lt_store_export_add(struct lt_store *s, int64_t id, const char *trace,
                                             struct lt_diag *diag);

struct lt_export_row {
    int64_t id, at_unix_ms;
    const char *path; /* NULL: a pipe */
    const char *filters_json;
    int64_t n_traces; /* of the traces asked for */
};
/* Return non-zero to stop. The store must not be written to from inside. */
typedef int (*lt_export_fn)(const struct lt_export_row *row, void *user);
typedef int (*lt_export_trace_fn)(const char *trace, void *user);

/* Which traces of the files: those of a site, those that are in the store no more, or all. */
enum lt_export_of { LT_EXPORT_OF_SITE, LT_EXPORT_OF_REMOVED, LT_EXPORT_OF_ALL };
/* The files that hold such traces, oldest first. `site` only for LT_EXPORT_OF_SITE. */
LT_NODISCARD enum lt_err lt_store_export_list(struct lt_store *s, enum lt_export_of of,
                                              const char *site, lt_export_fn fn, void *user,
                                              struct lt_diag *diag);
/* Such traces of one file. */
LT_NODISCARD enum lt_err lt_store_export_traces(struct lt_store *s, int64_t id,
                                                enum lt_export_of of, const char *site,
                                                lt_export_trace_fn fn, void *user,
                                                struct lt_diag *diag);
/* Forget such traces of one file, and the file when none is left. */
LT_NODISCARD enum lt_err lt_store_export_forget(struct lt_store *s, int64_t id,
                                                enum lt_export_of of, const char *site,
                                                struct lt_diag *diag);
/* Forget the file at a path; fine when it is not known. */
LT_NODISCARD enum lt_err lt_store_export_forget_path(struct lt_store *s, const char *path,
                                                     struct lt_diag *diag);

/* Was the trace of this id erased with its site? */
LT_NODISCARD enum lt_err lt_store_is_erased(struct lt_store *s, const char *trace, int *is_erased,
                                            struct lt_diag *diag);

#endif
