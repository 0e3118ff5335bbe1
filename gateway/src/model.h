/* model.h - which network file is used: the configured one, else the one activated with `lintel
 * models`, else the shipped one. Pure but for looking at the file system. */
#ifndef LT_MODEL_H
#define LT_MODEL_H

#include <stddef.h>

#include <jansson.h>

#include "config.h"
#include "lt/store.h"

#define LT_MODEL_SHIPPED "models/lintel-home-7.gguf" /* as lt_config_find_shipped() wants it */

/* Write the path of the network file to out. `store` may be NULL (none yet): then nothing is
 * activated. An activated file that cannot be read any more is logged and passed over. LT_ERR_NOTFOUND
 * when there is none at all. */
LT_NODISCARD enum lt_err lt_model_choose(const struct lt_config *c, struct lt_store *store,
                                         char *out, size_t out_bytes, struct lt_diag *diag);

/* What `lintel finetune` found out about a network, from the metrics it is registered with. */
struct lt_model_says {
    double gate;    /* that keeps the promise on labels the network has not learnt; 0: none does */
    json_t *learnt; /* object {tool: examples} of the tools it has learnt, or NULL */
    char hash[LT_SHA256_HEX_CAP]; /* "" when it is not registered */
};
/* Of the registered network in `path`; all zero for one that says nothing. */
LT_NODISCARD enum lt_err lt_model_says_of(struct lt_store *store, const char *path,
                                          struct lt_model_says *out, struct lt_diag *diag);
void lt_model_says_free(struct lt_model_says *s); /* zeroes it */

/* Register a network file with the store: it must open; its name, size and hash are noted, with the
 * scores in metrics_json (or NULL). hash receives its name. LT_ERR_NOTFOUND, LT_ERR_PARSE,
 * LT_ERR_UNSUPPORTED: nothing changed. */
LT_NODISCARD enum lt_err lt_model_register(struct lt_store *store, const char *file,
                                           const char *metrics_json, char hash[LT_SHA256_HEX_CAP],
                                           struct lt_diag *diag);

#endif
