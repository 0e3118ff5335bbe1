/* walk_write.c - the calls of a finished walk as JSON.
 *
 * An entity is written as its name; where another entity shares that name (Home Assistant would
 * refuse the call as ambiguous), domain, area, device class or floor are added, the first that
 * tells it apart and that the tool takes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_build.h"
#include "san/walk.h"

static enum lt_err put_string(struct lt_buf *out, const char *s, size_t n)
{
    enum lt_err err = lt_buf_add(out, "\"", 1);
    for (size_t i = 0; i < n && !err; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            err = lt_buf_addf(out, "\\%c", c);
        else if (c < ' ')
            err = lt_buf_addf(out, "\\u%04x", c);
        else
            err = lt_buf_add(out, s + i, 1);
    }
    return err ? err : lt_buf_add(out, "\"", 1);
}

static enum lt_err put_text(struct lt_buf *out, const char *s)
{
    return put_string(out, s, strlen(s));
}

static enum lt_err put_number(struct lt_buf *out, double x)
{
    char text[40];
    if (x == floor(x) && fabs(x) < 1e15) return lt_buf_addf(out, "%.0f", x);
    snprintf(text, sizeof text, "%.15g", x);
    if (strtod(text, NULL) != x) snprintf(text, sizeof text, "%.17g", x);
    return lt_buf_adds(out, text);
}

static enum lt_err put_value(const struct san_walk *w, const struct san_param *p,
                             const struct san_value *x, struct lt_buf *out)
{
    const struct san_home_plan *h = w->plan->home;
    const struct san_utterance *u = w->u;
    switch (x->kind) {
    case SAN_VALUE_LISTED:
        return lt_buf_adds(out, p->value_json[x->a]);
    case SAN_VALUE_BOOLEAN:
        return lt_buf_adds(out, x->a ? "true" : "false");
    case SAN_VALUE_NUMBER:
        return put_number(out, x->number);
    case SAN_VALUE_SPELLED:
        return put_text(out, x->text);
    case SAN_VALUE_ENTITY:
        return put_text(out, h->entities[x->a].name);
    case SAN_VALUE_AREA:
        return put_text(out, h->areas[x->a].name);
    case SAN_VALUE_FLOOR:
        return put_text(out, h->floors[x->a].name);
    case SAN_VALUE_KIND:
        return put_text(out, h->kinds[x->a].name);
    default:
        return put_string(out, u->text + u->words[x->a].begin,
                          (size_t)(u->words[x->b].end - u->words[x->a].begin));
    }
}

static enum lt_err put_arg(const struct san_walk *w, const struct san_param *p,
                           const struct san_arg *a, struct lt_buf *out)
{
    int is_array = p->is_list && !(p->is_list_or_one && a->n_values == 1);
    enum lt_err err = is_array ? lt_buf_adds(out, "[") : LT_OK;
    for (int i = 0; i < a->n_values && !err; i++) {
        if (i) err = lt_buf_adds(out, ",");
        if (!err) err = put_value(w, p, &a->values[i], out);
    }
    return err || !is_array ? err : lt_buf_adds(out, "]");
}

static int same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && !strcmp(a, b));
}

enum { BY_DOMAIN = 1, BY_AREA = 2, BY_CLASS = 4, BY_FLOOR = 8 };

static int floor_of(const struct san_home_plan *h, const struct san_entity *e)
{
    return e->area >= 0 ? h->areas[e->area].floor : -1;
}

/* Entities that the name and the chosen attributes of entity i leave. */
static int n_left(const struct san_home_plan *h, int i, int by)
{
    const struct san_entity *e = &h->entities[i];
    int n = 0, n_owners, first = san__home_named(h, e->name, &n_owners);
    for (int k = first; k < first + n_owners; k++) {
        if (k > first && h->owners[k].entity == h->owners[k - 1].entity) continue;
        const struct san_entity *x = &h->entities[h->owners[k].entity];
        n += (!(by & BY_DOMAIN) || !strcmp(x->domain, e->domain)) &&
             (!(by & BY_AREA) || x->area == e->area) &&
             (!(by & BY_CLASS) || same_text(x->device_class, e->device_class)) &&
             (!(by & BY_FLOOR) || floor_of(h, x) == floor_of(h, e));
    }
    return n;
}

static const struct san_param *kind_param(const struct san_tool_plan *t, int is_class)
{
    for (int i = 0; i < t->n_params; i++)
        if (t->params[i].kind == SAN_PARAM_KIND && t->params[i].kind_is_class == is_class)
            return &t->params[i];
    return NULL;
}

static int kind_is_taken(const struct san_param *p, const char *name)
{
    if (!p || !name) return 0;
    if (p->is_list && !p->is_list_or_one && p->min_items > 1) return 0; /* one is too few */
    if (!p->n_filter) return 1;
    for (int i = 0; i < p->n_filter; i++)
        if (!strcmp(p->filter[i], name)) return 1;
    return 0;
}

static enum lt_err put_pair(struct lt_buf *out, int *n, const char *key, const char *text)
{
    enum lt_err err = (*n)++ ? lt_buf_adds(out, ",") : LT_OK;
    if (!err) err = put_text(out, key);
    if (!err) err = lt_buf_adds(out, ":");
    return err ? err : put_text(out, text);
}

/* A kind of device as the parameter wants it: bare, or as a list of one. */
static enum lt_err put_kind(struct lt_buf *out, int *n, const struct san_param *p, const char *kind)
{
    if (!p->is_list || p->is_list_or_one) return put_pair(out, n, p->path, kind);
    enum lt_err err = (*n)++ ? lt_buf_adds(out, ",") : LT_OK;
    if (!err) err = put_text(out, p->path);
    if (!err) err = lt_buf_adds(out, ":[");
    if (!err) err = put_text(out, kind);
    return err ? err : lt_buf_adds(out, "]");
}

static enum lt_err put_entity(const struct san_walk *w, const struct san_tool_plan *t, int i,
                              struct lt_buf *out, int *n)
{
    const struct san_home_plan *h = w->plan->home;
    const struct san_entity *e = &h->entities[i];
    enum lt_err err = put_pair(out, n, t->params[t->target_entity].path, e->name);
    const struct san_param *domain = kind_param(t, 0), *cls = kind_param(t, 1);
    int must =
        (domain && domain->is_required ? BY_DOMAIN : 0) | (cls && cls->is_required ? BY_CLASS : 0);
    if ((!e->is_name_shared && !must) || err) return err;
    int can = (kind_is_taken(domain, e->domain) ? BY_DOMAIN : 0) |
              (t->target_area >= 0 && e->area >= 0 ? BY_AREA : 0) |
              (kind_is_taken(cls, e->device_class) ? BY_CLASS : 0) |
              (t->target_floor >= 0 && floor_of(h, e) >= 0 ? BY_FLOOR : 0);
    int best = must, best_left = n_left(h, i, must), best_bits = 0;
    for (int by = 1; by < 16 && best_left > 1; by++) {
        if (by & ~can || (by & must) != must) continue;
        int left = n_left(h, i, by), bits = __builtin_popcount((unsigned)by);
        if (left < best_left || (left == best_left && bits < best_bits)) {
            best = by;
            best_left = left;
            best_bits = bits;
        }
    }
    if (best & BY_DOMAIN) err = put_kind(out, n, domain, e->domain);
    if (!err && best & BY_AREA)
        err = put_pair(out, n, t->params[t->target_area].path, h->areas[e->area].name);
    if (!err && best & BY_CLASS) err = put_kind(out, n, cls, e->device_class);
    if (!err && best & BY_FLOOR)
        err = put_pair(out, n, t->params[t->target_floor].path, h->floors[floor_of(h, e)].name);
    return err;
}

/* Arguments of call c whose path begins with `prefix` (of length n), as the members of one
 * object; nested objects in turn. Arguments are in schema order, so a nested object's are
 * adjacent. */
static enum lt_err put_args(const struct san_walk *w, const struct san_call_plan *c, int *i,
                            const char *prefix, size_t n, struct lt_buf *out, int *count)
{
    const struct san_tool_plan *t = w->plan->tools[c->tool];
    enum lt_err err = LT_OK;
    while (*i < c->n_args && !err) {
        const struct san_param *p = &t->params[c->args[*i].param];
        if (strncmp(p->path, prefix, n)) break;
        const char *rest = p->path + n;
        const char *cut = strchr(rest, '\x1f');
        size_t len = cut ? (size_t)(cut - rest) : strlen(rest);
        if ((*count)++) err = lt_buf_adds(out, ",");
        if (!err) err = put_string(out, rest, len);
        if (!err) err = lt_buf_adds(out, ":");
        if (err) break;
        if (cut) {
            int inner = 0;
            err = lt_buf_adds(out, "{");
            if (!err) err = put_args(w, c, i, p->path, (size_t)(cut + 1 - p->path), out, &inner);
            if (!err) err = lt_buf_adds(out, "}");
        } else {
            err = put_arg(w, p, &c->args[(*i)++], out);
        }
    }
    return err;
}

static enum lt_err put_calls(const struct san_walk *w, int n, struct lt_buf *out)
{
    const struct san_home_plan *h = w->plan->home;
    enum lt_err err = lt_buf_adds(out, "[");
    for (int k = 0; k < n && !err; k++) {
        const struct san_call_plan *c = &w->calls[k];
        const struct san_tool_plan *t = w->plan->tools[c->tool];
        int count = 0, i = 0;
        if (k) err = lt_buf_adds(out, ",");
        if (!err) err = lt_buf_adds(out, "{\"name\":");
        if (!err) err = put_text(out, t->name);
        if (!err) err = lt_buf_adds(out, ",\"arguments\":{");
        if (err) break;
        if (c->target == SAN_TARGET_ENTITY)
            err = put_entity(w, t, c->target_ref, out, &count);
        else if (c->target == SAN_TARGET_AREA)
            err =
                put_pair(out, &count, t->params[t->target_area].path, h->areas[c->target_ref].name);
        else if (c->target == SAN_TARGET_FLOOR)
            err = put_pair(out, &count, t->params[t->target_floor].path,
                           h->floors[c->target_ref].name);
        if (!err) err = put_args(w, c, &i, "", 0, out, &count);
        if (!err) err = lt_buf_adds(out, "}}");
    }
    return err ? err : lt_buf_adds(out, "]");
}

enum lt_err san_walk_write(const struct san_walk *w, struct lt_buf *out)
{
    return put_calls(w, w->n_calls, out);
}

enum lt_err san_walk_write_unclear(const struct san_walk *w, struct lt_buf *out)
{
    return put_calls(w, w->n_unclear, out);
}
