/* promote.h - old network against new, by one set of rules: after `lintel finetune`, by `lintel models
 * activate --check`, and for a network that came over the fleet's topic.
 *
 * The rules are the engine's (san/finetune.h); what judges is the test tenth of the labelled traces of the
 * database, and base cases of the generator as installed. One thread; processor time of seconds. */
#ifndef LT_PROMOTE_H
#define LT_PROMOTE_H

#include <jansson.h>

#include "san/finetune.h"

#define LT_PROMOTE_KEEP 600 /* base cases that judge */

struct lt_promote {
    struct san_finetune_report report;
    char *metrics; /* the report as JSON text, for lt_model_register */
};

/* Compare two network files over the traces of the database `db`, which is only read; the lines lie in
 * a file beside it meanwhile. LT_ERR_INVALID when the labelled traces are too few to say anything.
 * Release with lt_promote_free, also after an error. */
LT_NODISCARD enum lt_err lt_promote_compare(const char *db, const char *old_path,
                                            const char *new_path, int n_keep,
                                            struct lt_promote *out, struct lt_diag *diag);
void lt_promote_free(struct lt_promote *p);

/* The report as JSON, a new reference; and as a table for people on stdout. */
json_t *lt_promote_json(const struct san_finetune_report *r, double seconds, double peak_mb);
void lt_promote_print(const struct san_finetune_options *o, const struct san_finetune_report *r,
                      double seconds, double peak_mb);
/* Labelled traces of one site (NULL: all) of the last `days` (0: all) as data lines in `to`,
 * which only we may read, whole or absent; noted in the database, so that erasing a site reaches into it (exports.h). */
LT_NODISCARD enum lt_err lt_promote_export(const char *db, const char *site, int64_t days,
                                           const char *to, struct lt_diag *diag);
/* Remove that file again, and what is noted of it. */
void lt_promote_export_end(const char *db, const char *file);
/* Where the base data and its weights lie. */
void lt_promote_tree(char *tree, size_t tree_bytes, char *mix, size_t mix_bytes);

#endif
