/* config_check.c - what no single row of the configuration can see: sites that are named but not served,
 * topics that cannot be, options that belong together, an endpoint with no address. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"

#define KEY_MAX_BYTES 256

/* What is checked, and where its keys stand. */
struct check {
    const struct lt_config *c;
    const char *file;
    lt__config_line_fn line_of;
    void *ctx;
    struct lt_diag *diag;
};

static enum lt_err bad_at(const struct check *k, size_t line, const char *key, const char *what)
{
    char where[32] = "";
    if (line) snprintf(where, sizeof where, ":%zu", line);
    return lt_fail(k->diag, LT_ERR_INVALID, "%s%s: key '%s': %s", k->file, where, key, what);
}

static enum lt_err bad(const struct check *k, const char *key, const char *what)
{
    return bad_at(k, k->line_of(k->ctx, key), key, what);
}

/* One value of a key that names sites; of "cabin=houses/cabin" what stands before the '='. */
static enum lt_err check_site(const struct check *k, size_t line, const char *key,
                              const char *value, int is_pair)
{
    char name[80], what[128];
    snprintf(name, sizeof name, "%.*s", is_pair ? (int)strcspn(value, "=") : (int)strlen(value),
             value);
    if (lt_config_has_site(k->c, name)) return LT_OK;
    snprintf(what, sizeof what, "'%.64s' is none of `sites`", name);
    return bad_at(k, line, key, what);
}

/* A site that is not served is never matched: what is meant to hold back, or to be spoken to, would be
 * nothing at all. */
static enum lt_err check_sites_named(const struct check *k)
{
    for (size_t i = 0; i < lt__config_n_rows; i++) {
        const struct lt_config_row *row = &lt__config_rows[i];
        const void *field = (const char *)k->c + row->offset;
        int is_pair = (row->flags & LT_CFG_PAIR) != 0;
        if (!(row->flags & LT_CFG_SITE)) continue;
        size_t line = k->line_of(k->ctx, row->key);
        enum lt_err err = LT_OK;
        if (row->type == LT_CFG_STR) {
            const char *site = *(char *const *)field;
            if (*site) err = check_site(k, line, row->key, site, is_pair);
        } else {
            const struct lt_strings *list = field;
            for (size_t j = 0; !err && j < list->n; j++)
                err = check_site(k, line, row->key, list->v[j], is_pair);
        }
        if (err) return err;
    }
    return LT_OK;
}

static enum lt_err check_sites(const struct check *k)
{
    const struct lt_strings *s = &k->c->sites;
    if (!s->n) return bad(k, "sites", "at least one site is needed");
    for (size_t i = 0; i < s->n; i++) {
        if (strpbrk(s->v[i], "/+#") || s->v[i][0] == '$')
            return bad(k, "sites",
                       "a site is one topic level: no '/', '+', '#' and no leading '$'");
        for (size_t j = 0; j < i; j++)
            if (!strcmp(s->v[i], s->v[j])) return bad(k, "sites", "a site is listed twice");
    }
    return LT_OK;
}

static enum lt_err check_mqtt(const struct check *k)
{
    const char *prefix = k->c->mqtt.prefix;
    if (strpbrk(prefix, "+#") || *prefix == '$' || *prefix == '/' ||
        prefix[strlen(prefix) - 1] == '/' || strstr(prefix, "//"))
        return bad(k, "mqtt.prefix", "no '+', '#', leading '$', and no empty level");
    if (strpbrk(k->c->mqtt.share_group, "/+#"))
        return bad(k, "mqtt.share_group", "no '/', '+' or '#' in a group");
    if (!*k->c->mqtt.cert_file != !*k->c->mqtt.key_file)
        return bad(k, "mqtt.key_file", "mqtt.cert_file and mqtt.key_file belong together");
    return LT_OK;
}

/* What no single key of an endpoint can see. */
static enum lt_err check_endpoint(const struct check *k, size_t index)
{
    const struct lt_config_endpoint *ep = &k->c->cloud.endpoints[index];
    const char *part = NULL, *what = NULL;
    char full[KEY_MAX_BYTES];
    int from, to;
    int is_own = !strcmp(ep->provider, "openai-chat"); /* any server: nothing is known of it */
    if (!lt_config_hours(ep->hours, &from, &to)) {
        part = "hours";
        what = "hours are two of 0 to 24 as 22-6, the first included";
    } else if (ep->confidence_min > ep->confidence_max) {
        part = "confidence_min";
        what = "more than confidence_max: no request would fit";
    } else if (is_own && !*ep->model) {
        part = "model";
        what = "a model is needed: openai-chat has no default";
    } else if (is_own && !*ep->base_url) {
        part = "base_url";
        what = "an address is needed: openai-chat has none of its own";
    } else if (*ep->base_url && strncmp(ep->base_url, "http://", 7) != 0 &&
               strncmp(ep->base_url, "https://", 8) != 0) {
        part = "base_url";
        what = "an address begins with https:// (or http:// in your own network)";
    }
    snprintf(full, sizeof full, "cloud.endpoints[%zu].%s", index, what ? part : "sites");
    if (what) return bad_at(k, (size_t)ep->line, full, what);
    for (size_t i = 0; i < ep->sites.n; i++) {
        enum lt_err err = check_site(k, (size_t)ep->line, full, ep->sites.v[i], 0);
        if (err) return err;
    }
    return LT_OK;
}

enum lt_err lt__config_check(const struct lt_config *c, const char *file,
                             lt__config_line_fn line_of, void *ctx, struct lt_diag *diag)
{
    const struct check k = {c, file, line_of, ctx, diag};
    enum lt_err err = check_sites(&k);
    if (!err) err = check_mqtt(&k);
    if (!err) err = check_sites_named(&k);
    for (size_t i = 0; !err && i < c->cloud.n_endpoints; i++) err = check_endpoint(&k, i);
    return err;
}
