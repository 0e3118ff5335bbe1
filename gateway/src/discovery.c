/* discovery.c - the model of the home: sources by key, what is told to the user of it, faults. */
#include "discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "embedded.h"
#include "lt/json.h"

extern const struct lt__embedded lt__embedded_home_tools[];

/* ---- life ---- */

static enum lt_err add_filter(struct lt_discovery *d, const char *prefix, const char *rest)
{
    size_t i = 0, n = strlen(prefix) + strlen(rest) + 2;
    while (d->filters[i]) i++;
    d->filters[i] = malloc(n);
    if (!d->filters[i]) return LT_ERR_NOMEM;
    snprintf(d->filters[i], n, "%s/%s", prefix, rest);
    return LT_OK;
}

static enum lt_err take_prefix(const char *s, const char *key, char **out, struct lt_diag *diag)
{
    if (!s) return LT_OK;
    enum lt_err err = lt__topic_check(s, key, diag);
    if (err) return err;
    if (s[strlen(s) - 1] == '/') return lt_fail(diag, LT_ERR_INVALID, "%s: ends with '/'", key);
    *out = strdup(s);
    return *out ? LT_OK : LT_ERR_NOMEM;
}

/* The home tool set, and those for further devices behind it. */
static enum lt_err read_tools(struct lt_discovery *d, struct lt_diag *diag)
{
    const struct lt__embedded *e = lt__embedded_home_tools;
    json_t *more = NULL;
    enum lt_err err = lt_json_parse(e[0].text, e[0].n, e[0].n, &d->home_tools, diag);
    if (!err) err = lt_json_parse(e[1].text, e[1].n, e[1].n, &more, diag);
    if (!err && (json_array_extend(json_object_get(d->home_tools, "tools"),
                                   json_object_get(more, "tools")) ||
                 json_object_update(json_object_get(d->home_tools, "needs"),
                                    json_object_get(more, "needs"))))
        err = LT_ERR_NOMEM;
    json_decref(more);
    return err;
}

enum lt_err lt_discovery_new(const struct lt_discovery_options *o, struct lt_discovery **out,
                             struct lt_diag *diag)
{
    struct lt_discovery *d = calloc(1, sizeof *d);
    if (!d) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for discovery");
    enum lt_err err = take_prefix(o->ha_prefix, "ha_prefix", &d->ha_prefix, diag);
    if (!err) err = take_prefix(o->z2m_base, "z2m_base", &d->z2m_base, diag);
    if (!err) err = take_prefix(o->tasmota_prefix, "tasmota_prefix", &d->tasmota_prefix, diag);
    if (!err && d->ha_prefix) err = add_filter(d, d->ha_prefix, "+/+/config");
    if (!err && d->ha_prefix) err = add_filter(d, d->ha_prefix, "+/+/+/config");
    if (!err && d->z2m_base) err = add_filter(d, d->z2m_base, "bridge/devices");
    if (!err && d->z2m_base) err = add_filter(d, d->z2m_base, "bridge/groups");
    if (!err && d->tasmota_prefix) err = add_filter(d, d->tasmota_prefix, "+/config");
    if (!err && d->tasmota_prefix) err = add_filter(d, d->tasmota_prefix, "+/sensors");
    d->faults = calloc(LT_DISCOVERY_MAX_ERRORS, sizeof *d->faults);
    d->overrides = json_array();
    d->override_index = json_object();
    d->areas = json_array();
    d->tasmota = json_object();
    if (!d->faults || !d->overrides || !d->override_index || !d->areas || !d->tasmota)
        err = LT_ERR_NOMEM;
    if (!err) err = read_tools(d, diag);
    if (err) {
        lt_discovery_free(d);
        return lt_fail(diag, err, "out of memory for discovery");
    }
    *out = d;
    return LT_OK;
}

static void source_free(struct lt__source *s)
{
    if (!s) return;
    lt__things_free(s->v, s->n);
    free(s->key);
    free(s);
}

void lt_discovery_free(struct lt_discovery *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->n_sources; i++) source_free(d->sources[i]);
    for (size_t i = 0; d->filters[i]; i++) free(d->filters[i]);
    free(d->sources);
    free(d->things);
    free(d->faults);
    free(d->ha_prefix);
    free(d->z2m_base);
    free(d->tasmota_prefix);
    json_decref(d->tasmota);
    json_decref(d->home_tools);
    json_decref(d->overrides);
    json_decref(d->override_index);
    json_decref(d->areas);
    json_decref(d->z2m_groups);
    json_decref(d->index_keep);
    json_decref(d->index_areas);
    json_decref(d->index_lookup);
    free(d);
}

const char *const *lt_discovery_subscriptions(const struct lt_discovery *d)
{
    return (const char *const *)d->filters;
}

/* ---- sources ---- */

/* Position of the key, or where it would be. */
static size_t place(const struct lt_discovery *d, const char *key, int *is_there)
{
    size_t lo = 0, hi = d->n_sources;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(d->sources[mid]->key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *is_there = lo < d->n_sources && !strcmp(d->sources[lo]->key, key);
    return lo;
}

struct lt__source *lt__source_find(const struct lt_discovery *d, const char *key)
{
    int is_there;
    size_t i = place(d, key, &is_there);
    return is_there ? d->sources[i] : NULL;
}

struct lt__source *lt__source_get(struct lt_discovery *d, const char *key)
{
    int is_there;
    size_t i = place(d, key, &is_there);
    if (is_there) return d->sources[i];
    if (d->n_sources == d->cap_sources) {
        size_t cap = d->cap_sources ? 2 * d->cap_sources : 64;
        struct lt__source **more = realloc(d->sources, cap * sizeof *more);
        if (!more) return NULL;
        d->sources = more;
        d->cap_sources = cap;
    }
    struct lt__source *s = calloc(1, sizeof *s);
    if (!s || !(s->key = strdup(key))) {
        free(s);
        return NULL;
    }
    memmove(d->sources + i + 1, d->sources + i, (d->n_sources - i) * sizeof *d->sources);
    d->sources[i] = s;
    d->n_sources++;
    return s;
}

enum lt_err lt__source_set(struct lt_discovery *d, struct lt__source *s, struct lt__thing **v,
                           size_t n, struct lt_diag *diag)
{
    if (d->n_made - s->n + n > LT_DISCOVERY_MAX_ENTITIES && n > s->n)
        return lt_fail(diag, LT_ERR_LIMIT, "more than %d entities; this one is not taken",
                       LT_DISCOVERY_MAX_ENTITIES);
    d->n_made = d->n_made - s->n + n;
    lt__things_free(s->v, s->n);
    s->v = v;
    s->n = n;
    d->is_indexed = 0;
    return LT_OK;
}

/* `key` may be the source's own. */
void lt__source_remove(struct lt_discovery *d, const char *key)
{
    int is_there;
    size_t i = place(d, key, &is_there);
    if (!is_there) return;
    d->n_made -= d->sources[i]->n;
    source_free(d->sources[i]);
    d->n_sources--;
    memmove(d->sources + i, d->sources + i + 1, (d->n_sources - i) * sizeof *d->sources);
    d->is_indexed = 0;
}

void lt__digest(const void *payload, size_t n, char out[LT_SHA256_HEX_CAP])
{
    struct lt_sha256 c;
    lt_sha256_init(&c);
    lt_sha256_add(&c, payload, n);
    lt_sha256_hex(&c, out);
}

/* ---- messages ---- */

int lt_discovery_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n)
{
    int changed = 0;
    if (!lt__ha_feed(d, topic, payload, n, &changed) &&
        !lt__z2m_feed(d, topic, payload, n, &changed))
        (void)lt__tasmota_feed(d, topic, payload, n, &changed);
    if (changed) d->is_indexed = 0;
    return changed;
}

/* ---- faults ---- */

/* One printable line, cut to fit at the start of a character. */
static void line(const char *s, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (; *s && n + 1 < out_bytes; s++)
        out[n++] = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
    if (*s)
        while (n && ((unsigned char)out[n - 1] & 0x80)) n--;
    out[n] = '\0';
}

void lt__discovery_fault(struct lt_discovery *d, const char *topic, const char *reason)
{
    char name[sizeof d->faults->topic];
    size_t i = 0;
    line(topic, name, sizeof name);
    d->n_bad++;
    while (i < d->n_faults && strcmp(d->faults[i].topic, name) != 0) i++;
    if (i == LT_DISCOVERY_MAX_ERRORS) { /* the oldest makes room */
        memmove(d->faults, d->faults + 1, (i - 1) * sizeof *d->faults);
        i--;
        d->n_faults--;
    }
    struct lt__fault *f = d->faults + i;
    if (i == d->n_faults) {
        *f = (struct lt__fault){.n = 0};
        memcpy(f->topic, name, sizeof name);
        d->n_faults++;
    }
    line(reason, f->reason, sizeof f->reason);
    f->n++;
}

void lt__discovery_fault_over(struct lt_discovery *d, const char *topic)
{
    char name[sizeof d->faults->topic];
    line(topic, name, sizeof name);
    for (size_t i = 0; i < d->n_faults; i++) {
        if (strcmp(d->faults[i].topic, name) != 0) continue;
        d->n_faults--;
        memmove(d->faults + i, d->faults + i + 1, (d->n_faults - i) * sizeof *d->faults);
        return;
    }
}

size_t lt_discovery_errors(const struct lt_discovery *d, const struct lt_discovery_error **out)
{
    /* the list is a view of the faults, not part of what d is */
    struct lt_discovery_error *e = ((struct lt_discovery *)(uintptr_t)d)->errors;
    for (size_t i = 0; i < d->n_faults; i++)
        e[i] = (struct lt_discovery_error){
            .topic = d->faults[i].topic, .reason = d->faults[i].reason, .n = d->faults[i].n};
    *out = e;
    return d->n_faults;
}

uint64_t lt_discovery_n_bad(const struct lt_discovery *d)
{
    return d->n_bad;
}

/* ---- what the user says ---- */

static enum lt_err check_aliases(const char *const *aliases, size_t n, const char *key,
                                 struct lt_diag *diag)
{
    enum lt_err err =
        n > LT_DISCOVERY_MAX_ALIASES
            ? lt_fail(diag, LT_ERR_LIMIT, "%s: more than %d aliases", key, LT_DISCOVERY_MAX_ALIASES)
            : LT_OK;
    for (size_t i = 0; !err && i < n; i++) err = lt__name_check(aliases[i], key, diag);
    return err;
}

static json_t *strings(const char *const *v, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; a && i < n; i++)
        if (json_array_append_new(a, json_string(v[i]))) {
            json_decref(a);
            return NULL;
        }
    return a;
}

static enum lt_err add_override(json_t *list, json_t *index, const struct lt_discovery_override *o,
                                size_t i, struct lt_diag *diag)
{
    char key[64];
    snprintf(key, sizeof key, "overrides/%zu", i);
    if (!o->match || !*o->match || strlen(o->match) > LT_DISCOVERY_MAX_TOPIC_BYTES)
        return lt_fail(diag, LT_ERR_INVALID, "%s: names no entity (id, topic or friendly name)",
                       key);
    enum lt_err err = o->name ? lt__name_check(o->name, key, diag) : LT_OK;
    if (!err && o->area && *o->area) err = lt__name_check(o->area, key, diag);
    if (!err) err = check_aliases(o->aliases, o->n_aliases, key, diag);
    if (err) return err;
    if (json_object_get(index, o->match))
        return lt_fail(diag, LT_ERR_EXISTS, "%s: \"%.100s\" is there twice", key, o->match);
    json_t *v = json_pack("{s:s?,s:s?,s:o,s:b}", "name", o->name, "area", o->area, "aliases",
                          strings(o->aliases, o->n_aliases), "hidden", o->is_hidden);
    if (!v || json_array_append_new(list, v) ||
        json_object_set_new(index, o->match, json_integer((json_int_t)i)))
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory for overrides");
    return LT_OK;
}

/* No two areas may share a name or alias. */
static enum lt_err claim(json_t *taken, const char *name, const char *key, size_t i,
                         struct lt_diag *diag)
{
    char folded[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    lt__fold(name, folded, sizeof folded);
    const json_t *owner = json_object_get(taken, folded);
    if (owner && json_integer_value(owner) != (json_int_t)i)
        return lt_fail(diag, LT_ERR_EXISTS, "%s: \"%.100s\" is the name of another area too", key,
                       name);
    if (json_object_set_new(taken, folded, json_integer((json_int_t)i)))
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory for areas");
    return LT_OK;
}

static enum lt_err add_area(json_t *list, json_t *taken, const struct lt_discovery_area *a,
                            size_t i, struct lt_diag *diag)
{
    char key[64];
    snprintf(key, sizeof key, "areas/%zu", i);
    if (!a->name) return lt_fail(diag, LT_ERR_INVALID, "%s: has no name", key);
    enum lt_err err = lt__name_check(a->name, key, diag);
    if (!err && a->floor) err = lt__name_check(a->floor, key, diag);
    if (!err) err = check_aliases(a->aliases, a->n_aliases, key, diag);
    if (!err) err = claim(taken, a->name, key, i, diag);
    for (size_t k = 0; !err && k < a->n_aliases; k++)
        err = claim(taken, a->aliases[k], key, i, diag);
    if (err) return err;
    json_t *v = json_pack("{s:s,s:s?,s:o}", "name", a->name, "floor", a->floor, "aliases",
                          strings(a->aliases, a->n_aliases));
    if (!v || json_array_append_new(list, v))
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory for areas");
    return LT_OK;
}

enum lt_err lt_discovery_set_overrides(struct lt_discovery *d,
                                       const struct lt_discovery_override *overrides,
                                       size_t n_overrides, const struct lt_discovery_area *areas,
                                       size_t n_areas, struct lt_diag *diag)
{
    if (n_overrides > LT_DISCOVERY_MAX_OVERRIDES || n_areas > LT_DISCOVERY_MAX_AREAS)
        return lt_fail(diag, LT_ERR_LIMIT, "more than %d overrides or %d areas",
                       LT_DISCOVERY_MAX_OVERRIDES, LT_DISCOVERY_MAX_AREAS);
    json_t *list = json_array(), *index = json_object(), *told = json_array();
    json_t *taken = json_object();
    enum lt_err err = LT_OK;
    if (!list || !index || !told || !taken)
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory for overrides");
    for (size_t i = 0; !err && i < n_overrides; i++)
        err = add_override(list, index, overrides + i, i, diag);
    for (size_t i = 0; !err && i < n_areas; i++) err = add_area(told, taken, areas + i, i, diag);
    json_decref(taken);
    if (err) {
        json_decref(list);
        json_decref(index);
        json_decref(told);
        return err;
    }
    json_decref(d->overrides);
    json_decref(d->override_index);
    json_decref(d->areas);
    d->overrides = list;
    d->override_index = index;
    d->areas = told;
    d->is_indexed = 0;
    return LT_OK;
}
