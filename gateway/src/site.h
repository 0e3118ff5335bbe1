/* site.h - a home's or car's catalogue in the forms the tiers need.
 *
 * lt_site_catalog bundles the checked catalogue (schema), the compiled one (engine), the cloud's tool
 * set and a summary of the home in words. It is made once per catalogue, off the loop since encoding
 * takes its time, is read-only afterwards (the tool set is made and used on the loop only) and
 * reference counted, so that a request keeps the catalogue it was answered with while a newer one
 * takes over. */
#ifndef LT_SITE_H
#define LT_SITE_H

#include "lt/adapter.h"
#include "lt/catalog.h"
#include "san/engine.h"

#define LT_SITE_SUMMARY_MAX_BYTES (64 * 1024) /* a larger home is summarised in part */

struct lt_site_catalog {
    struct lt_catalog *checked;
    struct san_catalog *compiled;
    struct lt_cloud_tools *tools; /* NULL until lt_site_catalog_tools */
    char *summary;                /* areas and devices by name */
    int n_refs;                   /* atomic */
};

/* Check, compile and summarise n bytes of JSON. LT_ERR_PARSE, LT_ERR_INVALID, LT_ERR_LIMIT with path
 * and reason. On LT_OK *out holds one reference. Any thread. */
LT_NODISCARD enum lt_err lt_site_catalog_new(const struct lt_docs *docs, struct san_engine *engine,
                                             const char *json, size_t n,
                                             struct lt_site_catalog **out, struct lt_diag *diag);
struct lt_site_catalog *
lt_site_catalog_ref(struct lt_site_catalog *c);        /* returns c; NULL is fine */
void lt_site_catalog_unref(struct lt_site_catalog *c); /* NULL is fine */
/* The tool set for the cloud, made on first use; NULL with diag when it cannot be made (too many
 * tools for any vendor). Loop thread; borrowed. */
struct lt_cloud_tools *lt_site_catalog_tools(struct lt_site_catalog *c, struct lt_diag *diag);

#endif
