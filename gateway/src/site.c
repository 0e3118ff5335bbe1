/* site.c - from catalogue text to everything made of it. */
#include "site.h"

#include <stdlib.h>
#include <string.h>

#include "lt/json.h"

/* "Areas: Kitchen (Downstairs), …" and one line per device. A cut summary is still true. */
static enum lt_err summarise(const struct lt_catalog *c, char **out)
{
    struct lt_buf b;
    size_t i;
    json_t *area;
    const json_t *home = json_object_get(lt_catalog_json(c), "home");
    lt_buf_init(&b, LT_SITE_SUMMARY_MAX_BYTES);
    enum lt_err err = lt_buf_adds(&b, "Areas:");
    json_array_foreach(json_object_get(home, "areas"), i, area)
    {
        const char *name = json_string_value(json_object_get(area, "name"));
        const char *floor = json_string_value(json_object_get(area, "floor"));
        if (!err && name)
            err = lt_buf_addf(&b, "%s %s%s%s%s", i ? "," : "", name, floor ? " (" : "",
                              floor ? floor : "", floor ? ")" : "");
    }
    if (!err) err = lt_buf_adds(&b, "\nDevices:\n");
    for (i = 0; !err && i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        err =
            lt_buf_addf(&b, "- %s [%s%s%s]%s%s\n", e->name, e->domain, *e->device_class ? "/" : "",
                        e->device_class, *e->area ? " in " : "", e->area);
    }
    *out = err && err != LT_ERR_LIMIT ? NULL : lt_buf_take(&b);
    lt_buf_free(&b);
    return *out ? LT_OK : LT_ERR_NOMEM;
}

enum lt_err lt_site_catalog_new(const struct lt_docs *docs, struct san_engine *engine,
                                const char *json, size_t n, struct lt_site_catalog **out,
                                struct lt_diag *diag)
{
    struct lt_site_catalog *c = calloc(1, sizeof *c);
    if (!c) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    c->n_refs = 1;
    enum lt_err err = lt_catalog_parse(docs, json, n, &c->checked, diag);
    if (!err) {
        /* the canonical text, not the sender's: equal catalogues give equal blocks and one hash */
        const char *text = lt_catalog_text(c->checked);
        err = san_catalog_new(engine, text, strlen(text), &c->compiled, diag);
    }
    if (!err) err = summarise(c->checked, &c->summary);
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
    lt_catalog_unref(c->checked);
    san_catalog_unref(c->compiled);
    lt_cloud_tools_unref(c->tools);
    free(c->summary);
    free(c);
}

struct lt_cloud_tools *lt_site_catalog_tools(struct lt_site_catalog *c, struct lt_diag *diag)
{
    if (c->tools) return c->tools;
    char *text = lt_json_dump(json_object_get(lt_catalog_json(c->checked), "tools"));
    enum lt_err err = text ? lt_cloud_tools_new(text, strlen(text), &c->tools, diag) : LT_ERR_NOMEM;
    free(text);
    return err ? NULL : c->tools;
}
