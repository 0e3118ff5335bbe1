/* site.c - from catalogue text to everything made of it. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home_tools.h"
#include "lt/json.h"

enum lt_err lt_site_engine_open(const char *path, struct lt_site_engine **out, struct lt_diag *diag)
{
    struct lt_site_engine *e = calloc(1, sizeof *e);
    if (!e) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    e->n_refs = 1;
    snprintf(e->path, sizeof e->path, "%s", path);
    enum lt_err err = san_engine_open(path, &e->engine, diag);
    if (err) {
        free(e);
        return err;
    }
    *out = e;
    return LT_OK;
}

struct lt_site_engine *lt_site_engine_ref(struct lt_site_engine *e)
{
    __atomic_add_fetch(&e->n_refs, 1, __ATOMIC_RELAXED);
    return e;
}

void lt_site_engine_unref(struct lt_site_engine *e)
{
    if (!e || __atomic_sub_fetch(&e->n_refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    san_engine_close(e->engine);
    lt_model_says_free(&e->says);
    free(e);
}

/* Those of the home set were learnt before the network was shipped, others at home or not at all. */
static json_t *new_tools_of(const struct lt_catalog *c, const struct lt_site_engine *e)
{
    json_t *out = json_object();
    for (size_t i = 0; i < lt_catalog_n_tools(c); i++) {
        const char *name = json_string_value(json_object_get(lt_catalog_tool(c, i), "name"));
        if (!lt_is_home_tool(name) && !json_object_get(e->says.learnt, name))
            json_object_set_new(out, name, json_true());
    }
    return out;
}

enum lt_err lt_site_catalog_new(const struct lt_docs *docs, struct lt_site_engine *engine,
                                const char *json, size_t n, struct lt_site_catalog **out,
                                struct lt_diag *diag)
{
    struct lt_site_catalog *c = calloc(1, sizeof *c);
    if (!c) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    c->n_refs = 1;
    c->engine = lt_site_engine_ref(engine);
    enum lt_err err = lt_catalog_parse(docs, json, n, &c->checked, diag);
    if (!err) {
        /* the canonical text, not the sender's: equal catalogues give equal blocks and one hash */
        const char *text = lt_catalog_text(c->checked);
        err = san_catalog_new(engine->engine, text, strlen(text), &c->compiled, diag);
    }
    if (!err) err = lt_plausible_home_new(c->checked, &c->names);
    if (!err && !(c->new_tools = new_tools_of(c->checked, engine))) err = LT_ERR_NOMEM;
    if (err) {
        lt_fail(diag, err, "out of memory");
        lt_site_catalog_unref(c);
        return err;
    }
    *out = c;
    return LT_OK;
}

struct lt_site_catalog *lt_site_catalog_ref(struct lt_site_catalog *c)
{
    if (c) __atomic_add_fetch(&c->n_refs, 1, __ATOMIC_RELAXED);
    return c;
}

void lt_site_catalog_unref(struct lt_site_catalog *c)
{
    if (!c || __atomic_sub_fetch(&c->n_refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    lt_plausible_home_free(c->names);
    lt_catalog_unref(c->checked);
    san_catalog_unref(c->compiled);
    json_decref(c->new_tools);
    lt_veil_home_unref(c->veil);
    lt_site_engine_unref(c->engine); /* after what was compiled for it */
    free(c);
}

struct lt_veil_home *lt_site_catalog_veil(struct lt_site_catalog *c,
                                          const struct lt_privacy_rules *rules, int version)
{
    if (c->veil && c->veil_version == version) return c->veil;
    struct lt_veil_home *fresh = NULL;
    if (lt_veil_home_new(c->checked, rules, &fresh)) return NULL;
    lt_veil_home_unref(c->veil);
    c->veil = fresh;
    c->veil_version = version;
    return c->veil;
}
