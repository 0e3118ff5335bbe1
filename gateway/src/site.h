/* site.h - a home's or car's catalogue in the forms the tiers need.
 *
 * lt_site_catalog bundles the checked catalogue (schema), the compiled one (engine), and what
 * the cloud sees of it (privacy). It is made once per catalogue, off the loop since encoding takes its
 * time, is read-only afterwards (the cloud's view is made and used on the loop only) and reference
 * counted, so that a request keeps the catalogue it was answered with while a newer one
 * takes over. */
#ifndef LT_SITE_H
#define LT_SITE_H

#include "lt/catalog.h"
#include "model.h"
#include "plausible.h"
#include "privacy.h"
#include "san/engine.h"

/* A network in use. Every catalogue compiled for it holds a reference, so that requests under way end
 * on the network they began with when another takes over; the last reference closes it. */
struct lt_site_engine {
    struct san_engine *engine;
    char path[1024];           /* of its file */
    struct lt_model_says says; /* what its training found out; set before anything is compiled */
    int n_refs;                /* atomic */
};
/* Open the network in `path`. Errors of san_engine_open. On LT_OK *out holds one reference. */
LT_NODISCARD enum lt_err lt_site_engine_open(const char *path, struct lt_site_engine **out,
                                             struct lt_diag *diag);
struct lt_site_engine *lt_site_engine_ref(struct lt_site_engine *e); /* returns e */
void lt_site_engine_unref(struct lt_site_engine *e);                 /* NULL is fine */

struct lt_site_catalog {
    struct lt_site_engine *engine; /* what `compiled` is for */
    struct lt_catalog *checked;
    struct san_catalog *compiled;
    struct lt_plausible_home *names; /* of `checked` */
    json_t *new_tools; /* object with a member for each tool that the network has not learnt */
    struct lt_veil_home *veil; /* NULL until lt_site_catalog_veil */
    int veil_version;
    int n_refs; /* atomic */
};

/* Check, compile and summarise n bytes of JSON. LT_ERR_PARSE, LT_ERR_INVALID, LT_ERR_LIMIT with path
 * and reason. On LT_OK *out holds one reference. Any thread. */
LT_NODISCARD enum lt_err lt_site_catalog_new(const struct lt_docs *docs,
                                             struct lt_site_engine *engine, const char *json,
                                             size_t n, struct lt_site_catalog **out,
                                             struct lt_diag *diag);
struct lt_site_catalog *
lt_site_catalog_ref(struct lt_site_catalog *c);        /* returns c; NULL is fine */
void lt_site_catalog_unref(struct lt_site_catalog *c); /* NULL is fine */
/* What the cloud sees of it under the rules, made on first use and again when `version` changes;
 * NULL when out of memory. Loop thread; borrowed until the version changes. */
struct lt_veil_home *lt_site_catalog_veil(struct lt_site_catalog *c,
                                          const struct lt_privacy_rules *rules, int version);

#endif
