/* config_print.c - the configuration as text: annotated example, effective values, differences. */
#include <stdio.h>
#include <string.h>

#include "config_table.h"
#include "lt/secret.h"

static const void *field(const struct lt_config_row *row, const void *base)
{
    return (const char *)base + row->offset;
}

/* The comment above a key: what it is, then unit, bounds and choices where they say something. */
static enum lt_err comment(const struct lt_config_row *row, const char *indent, struct lt_buf *out)
{
    enum lt_err err = lt_buf_addf(out, "%s# %s", indent, row->doc);
    if (!err && row->choices) err = lt_buf_addf(out, " [%s]", row->choices);
    if (!err && (row->type == LT_CFG_INT || row->type == LT_CFG_NUM))
        err = lt_buf_addf(out, " [%.15g to %.15g%s%s]", row->min, row->max, *row->unit ? " " : "",
                          row->unit);
    if (!err && row->flags & LT_CFG_RELOAD) err = lt_buf_adds(out, " (reload)");
    return err ? err : lt_buf_adds(out, "\n");
}

static const char *quote(const struct lt_config_row *row)
{
    return row->type == LT_CFG_STR && !*row->def ? "\"\"" : row->def;
}

static enum lt_err sample_endpoints(struct lt_buf *out)
{
    enum lt_err err = lt_buf_adds(
        out, "  # Models that may be asked, in this order. An endpoint's keys:\n  #endpoints:\n");
    for (size_t i = 0; !err && i < lt__config_n_endpoint_rows; i++) {
        const struct lt_config_row *row = &lt__config_endpoint_rows[i];
        err = comment(row, "  #    ", out);
        if (!err) err = lt_buf_addf(out, "  #  %s %s: %s\n", i ? " " : "-", row->key, quote(row));
    }
    return err;
}

enum lt_err lt_config_sample(struct lt_buf *out)
{
    char section[64] = "";
    enum lt_err err = lt_buf_adds(
        out,
        "# Configuration of lintel: every key, commented out at its default.\n"
        "# Written by `lintel doctor --sample`; check yours with `lintel doctor -c FILE`.\n"
        "# Any key can be set in the environment too: LINTEL_MQTT_HOST for mqtt.host.\n"
        "# (reload): a changed value is taken over on SIGHUP, the others at the next start.\n");
    for (size_t i = 0; !err && i < lt__config_n_rows; i++) {
        const struct lt_config_row *row = &lt__config_rows[i];
        const char *dot = strchr(row->key, '.');
        size_t n = dot ? (size_t)(dot - row->key) : 0;
        if (strlen(section) != n || strncmp(section, row->key, n)) {
            snprintf(section, sizeof section, "%.*s", (int)n, row->key);
            err = lt_buf_addf(out, "\n%s:\n", section);
        } else if (!n) {
            err = lt_buf_adds(out, "\n");
        }
        if (!err) err = comment(row, n ? "  " : "", out);
        const char *open = row->type == LT_CFG_LIST ? "[" : "";
        const char *close = row->type == LT_CFG_LIST ? "]" : "";
        if (!err)
            err = lt_buf_addf(out, "%s#%s: %s%s%s\n", n ? "  " : "", dot ? dot + 1 : row->key, open,
                              quote(row), close);
        int is_last_of_cloud =
            !strcmp(section, "cloud") &&
            (i + 1 == lt__config_n_rows || strncmp(lt__config_rows[i + 1].key, "cloud.", 6) != 0);
        if (!err && is_last_of_cloud) err = sample_endpoints(out);
    }
    return err;
}

static enum lt_err value(const struct lt_config_row *row, const void *base, struct lt_buf *out)
{
    const void *at = field(row, base);
    switch (row->type) {
    case LT_CFG_INT:
        return lt_buf_addf(out, "%lld", (long long)*(const int64_t *)at);
    case LT_CFG_NUM:
        return lt_buf_addf(out, "%.15g", *(const double *)at);
    case LT_CFG_BOOL:
        return lt_buf_adds(out, *(const int *)at ? "true" : "false");
    case LT_CFG_STR: {
        const char *s = *(char *const *)at;
        if (!(row->flags & LT_CFG_SECRET) || !*s) return lt_buf_addf(out, "%s", *s ? s : "\"\"");
        struct lt_secret *secret = NULL;
        enum lt_err missing = lt_secret_read(s, &secret, NULL);
        lt_secret_free(secret);
        return lt_buf_addf(out, "%s (%s)", s, missing ? "missing" : "set");
    }
    case LT_CFG_LIST: {
        const struct lt_strings *list = at;
        enum lt_err err = lt_buf_adds(out, "[");
        for (size_t i = 0; !err && i < list->n; i++)
            err = lt_buf_addf(out, "%s%s", i ? ", " : "", list->v[i]);
        return err ? err : lt_buf_adds(out, "]");
    }
    }
    return LT_ERR_INTERNAL;
}

enum lt_err lt_config_print(const struct lt_config *c, struct lt_buf *out)
{
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < lt__config_n_rows; i++) {
        err = lt_buf_addf(out, "%s: ", lt__config_rows[i].key);
        if (!err) err = value(&lt__config_rows[i], c, out);
        if (!err) err = lt_buf_adds(out, "\n");
    }
    for (size_t e = 0; e < c->cloud.n_endpoints; e++)
        for (size_t i = 0; !err && i < lt__config_n_endpoint_rows; i++) {
            err = lt_buf_addf(out, "cloud.endpoints[%zu].%s: ", e, lt__config_endpoint_rows[i].key);
            if (!err) err = value(&lt__config_endpoint_rows[i], &c->cloud.endpoints[e], out);
            if (!err) err = lt_buf_adds(out, "\n");
        }
    return err;
}

static int is_same(const struct lt_config_row *row, const void *a, const void *b)
{
    const void *x = field(row, a), *y = field(row, b);
    switch (row->type) {
    case LT_CFG_INT:
        return *(const int64_t *)x == *(const int64_t *)y;
    case LT_CFG_NUM:
        return *(const double *)x == *(const double *)y;
    case LT_CFG_BOOL:
        return *(const int *)x == *(const int *)y;
    case LT_CFG_STR:
        return !strcmp(*(char *const *)x, *(char *const *)y);
    case LT_CFG_LIST: {
        const struct lt_strings *p = x, *q = y;
        int same = p->n == q->n;
        for (size_t i = 0; same && i < p->n; i++) same = !strcmp(p->v[i], q->v[i]);
        return same;
    }
    }
    return 0;
}

void lt_config_compare(const struct lt_config *a, const struct lt_config *b, lt_config_diff_fn fn,
                       void *user)
{
    for (size_t i = 0; i < lt__config_n_rows; i++)
        if (!is_same(&lt__config_rows[i], a, b))
            fn(lt__config_rows[i].key, lt__config_rows[i].flags & LT_CFG_RELOAD, user);
    int same = a->cloud.n_endpoints == b->cloud.n_endpoints;
    for (size_t e = 0; same && e < a->cloud.n_endpoints; e++)
        for (size_t i = 0; same && i < lt__config_n_endpoint_rows; i++)
            same = is_same(&lt__config_endpoint_rows[i], &a->cloud.endpoints[e],
                           &b->cloud.endpoints[e]);
    if (!same) fn("cloud.endpoints", 0, user);
}
