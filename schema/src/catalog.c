/* catalog.c - tools with compiled parameters, and the home's names in sorted lists.
 *
 * Names are folded (outer blanks, case, accents: lt/fold.h) once; lookups are binary searches, so that a home
 * of ten thousand entities costs no more than a small one. */
#include "lt/catalog.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/fold.h"
#include "lt/json.h"
#include "lt/validate.h"

struct tool {
    const char *name; /* borrowed from the JSON */
    const json_t *json;
    json_t *parameters;
    struct lt_schema *schema;
};
struct name_ref {
    char *folded;
    size_t index; /* of the entity, area or tool */
};
struct name_list {
    struct name_ref *v;
    size_t n, cap;
};

/* What targets are looked for by, for each entity: ids of `words`, and which of the home's areas. */
struct entity_key {
    long domain, device_class, floor, area; /* area -1: none */
};

struct lt_catalog {
    atomic_int refs;
    json_t *json;
    char *text;
    char hash[LT_SHA256_HEX_CAP];
    struct tool *tools;
    size_t n_tools;
    struct lt_entity *entities;
    struct entity_key *keys;
    size_t n_entities;
    struct name_list entity_names, area_names, floor_names, tool_names;
    struct name_list words; /* the domains, classes and floors there are, once each; index: an id */
};

/* ---- names ---- */

/* Folded copy, blanks at both ends gone. NULL when out of memory. */
static char *fold(const char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    size_t n = strlen(s);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    char *out = malloc(n + 1);
    if (out) lt_fold(s, n, out, n + 1);
    return out;
}

static int add_name(struct name_list *l, const char *name, size_t index)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        struct name_ref *v = realloc(l->v, cap * sizeof *v);
        if (!v) return 0;
        l->v = v;
        l->cap = cap;
    }
    char *f = fold(name);
    if (!f) return 0;
    l->v[l->n++] = (struct name_ref){f, index};
    return 1;
}

static int by_name(const void *a, const void *b)
{
    const struct name_ref *x = a, *y = b;
    int c = strcmp(x->folded, y->folded);
    return c ? c : x->index < y->index ? -1 : x->index > y->index;
}

static void sort_names(struct name_list *l)
{
    if (l->n) qsort(l->v, l->n, sizeof *l->v, by_name);
}

/* First entry with this name; *n is how many there are. */
static const struct name_ref *find_names(const struct name_list *l, const char *name, size_t *n)
{
    size_t lo = 0, hi = l->n;
    char *key = fold(name);
    *n = 0;
    if (!key) return l->v;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(l->v[mid].folded, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    size_t end = lo;
    while (end < l->n && !strcmp(l->v[end].folded, key)) end++;
    *n = end - lo;
    free(key);
    return l->v + lo;
}

static long index_of(const struct name_list *l, const char *name)
{
    size_t n;
    const struct name_ref *r = find_names(l, name, &n);
    return n ? (long)r->index : -1;
}

/* Its id, a new one for a new word; the list stays sorted. -1: out of memory. */
static long id_of(struct name_list *l, const char *word)
{
    size_t n, at = (size_t)(find_names(l, word, &n) - l->v);
    if (n) return (long)l->v[at].index;
    if (!add_name(l, word, l->n)) return -1;
    struct name_ref fresh = l->v[l->n - 1];
    memmove(l->v + at + 1, l->v + at, (l->n - 1 - at) * sizeof *l->v);
    l->v[at] = fresh;
    return (long)fresh.index;
}

static void free_names(struct name_list *l)
{
    for (size_t i = 0; i < l->n; i++) free(l->v[i].folded);
    free(l->v);
}

/* ---- making ---- */

static const char *text_or(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));
    return s ? s : "";
}

static enum lt_err no_memory(struct lt_diag *diag)
{
    return lt_fail(diag, LT_ERR_NOMEM, "out of memory reading a catalogue");
}

static enum lt_err read_tools(struct lt_catalog *c, struct lt_diag *diag)
{
    const json_t *tools = json_object_get(c->json, "tools");
    size_t n = json_array_size(tools);
    c->tools = calloc(n + 1, sizeof *c->tools);
    if (!c->tools) return no_memory(diag);
    for (size_t i = 0; i < n; i++) {
        struct tool *t = c->tools + i;
        t->json = json_array_get(tools, i);
        t->name = text_or(t->json, "name");
        c->n_tools++;
        struct lt_diag inner = {0};
        enum lt_err err = lt_schema_from_parameters(json_object_get(t->json, "parameters"),
                                                    &t->parameters, &inner);
        if (!err) err = lt_schema_compile(t->parameters, NULL, NULL, &t->schema, &inner);
        if (err)
            return lt_fail(diag, err, "/tools/%zu/parameters (%s): %s", i, t->name,
                           lt_diag_text(&inner, err));
        if (!add_name(&c->tool_names, t->name, i)) return no_memory(diag);
    }
    sort_names(&c->tool_names);
    /* folded: two names that differ in case only would be mixed up by people and by models */
    for (size_t i = 1; i < c->tool_names.n; i++)
        if (!strcmp(c->tool_names.v[i - 1].folded, c->tool_names.v[i].folded))
            return lt_fail(diag, LT_ERR_INVALID,
                           "/tools/%zu/name: \"%s\" is the name of tool %zu too",
                           c->tool_names.v[i].index, c->tools[c->tool_names.v[i].index].name,
                           c->tool_names.v[i - 1].index);
    return LT_OK;
}

static int add_aliases(struct name_list *l, const json_t *aliases, size_t index)
{
    for (size_t i = 0; i < json_array_size(aliases); i++)
        if (!add_name(l, json_string_value(json_array_get(aliases, i)), index)) return 0;
    return 1;
}

static enum lt_err read_areas(struct lt_catalog *c, const json_t *areas, struct lt_diag *diag)
{
    for (size_t i = 0; i < json_array_size(areas); i++) {
        const json_t *a = json_array_get(areas, i);
        const char *floor = text_or(a, "floor");
        if (!add_name(&c->area_names, text_or(a, "name"), i) ||
            !add_aliases(&c->area_names, json_object_get(a, "aliases"), i) ||
            (*floor && !add_name(&c->floor_names, floor, i)))
            return no_memory(diag);
    }
    sort_names(&c->area_names);
    sort_names(&c->floor_names);
    for (size_t i = 1; i < c->area_names.n; i++) {
        const struct name_ref *x = c->area_names.v + i - 1, *y = x + 1;
        if (x->index != y->index && !strcmp(x->folded, y->folded))
            return lt_fail(diag, LT_ERR_INVALID,
                           "/home/areas/%zu: \"%s\" is a name of area %zu too", y->index, y->folded,
                           x->index);
    }
    return LT_OK;
}

static enum lt_err read_entities(struct lt_catalog *c, const json_t *areas, const json_t *entities,
                                 struct lt_diag *diag)
{
    size_t n = json_array_size(entities);
    c->entities = calloc(n + 1, sizeof *c->entities);
    c->keys = calloc(n + 1, sizeof *c->keys);
    if (!c->entities || !c->keys) return no_memory(diag);
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(entities, i);
        struct lt_entity *e = c->entities + i;
        *e = (struct lt_entity){.id = text_or(j, "id"),
                                .name = text_or(j, "name"),
                                .area = text_or(j, "area"),
                                .domain = text_or(j, "domain"),
                                .device_class = text_or(j, "device_class"),
                                .floor = "",
                                .aliases = json_object_get(j, "aliases"),
                                .json = j};
        c->n_entities++;
        size_t n_area = 0;
        const struct name_ref *area = find_names(&c->area_names, e->area, &n_area);
        if (*e->area && !n_area)
            return lt_fail(diag, LT_ERR_INVALID,
                           "/home/entities/%zu/area: \"%s\" is not among /home/areas", i, e->area);
        if (*e->area) {
            const json_t *a = json_array_get(areas, area->index);
            e->area = text_or(a, "name"); /* the area's own name where an alias was written */
            e->floor = text_or(a, "floor");
        }
        struct entity_key *k = c->keys + i;
        k->area = *e->area ? (long)area->index : -1;
        k->domain = id_of(&c->words, e->domain);
        k->device_class = id_of(&c->words, e->device_class);
        k->floor = id_of(&c->words, e->floor);
        if (k->domain < 0 || k->device_class < 0 || k->floor < 0 ||
            !add_name(&c->entity_names, e->name, i) ||
            (*e->id && !add_name(&c->entity_names, e->id, i)) ||
            !add_aliases(&c->entity_names, e->aliases, i))
            return no_memory(diag);
    }
    sort_names(&c->entity_names);
    return LT_OK;
}

enum lt_err lt_catalog_new(const struct lt_docs *docs, json_t *json, struct lt_catalog **out,
                           struct lt_diag *diag)
{
    enum lt_err err = lt_docs_check(docs, LT_DOC_CATALOG, json, diag);
    if (err) return err;
    struct lt_catalog *c = calloc(1, sizeof *c);
    if (!c) return no_memory(diag);
    atomic_init(&c->refs, 1);
    c->json = json_incref(json);
    c->text = lt_json_dump_sorted(json);
    if (!c->text) err = no_memory(diag);
    if (!err) {
        struct lt_sha256 sha;
        lt_sha256_init(&sha);
        lt_sha256_add(&sha, c->text, strlen(c->text));
        lt_sha256_hex(&sha, c->hash);
    }
    const json_t *home = json_object_get(json, "home");
    const json_t *areas = json_object_get(home, "areas");
    if (!err) err = read_tools(c, diag);
    if (!err) err = read_areas(c, areas, diag);
    if (!err) err = read_entities(c, areas, json_object_get(home, "entities"), diag);
    if (err) {
        lt_catalog_unref(c);
        return err;
    }
    *out = c;
    return LT_OK;
}

enum lt_err lt_catalog_parse(const struct lt_docs *docs, const char *text, size_t n,
                             struct lt_catalog **out, struct lt_diag *diag)
{
    json_t *json = NULL;
    enum lt_err err = lt_json_parse(text, n, LT_DOC_MAX_BYTES_CATALOG, &json, diag);
    if (!err) err = lt_catalog_new(docs, json, out, diag);
    json_decref(json);
    return err;
}

struct lt_catalog *lt_catalog_ref(struct lt_catalog *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void lt_catalog_unref(struct lt_catalog *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1) return;
    for (size_t i = 0; i < c->n_tools; i++) {
        lt_schema_free(c->tools[i].schema);
        json_decref(c->tools[i].parameters);
    }
    free(c->tools);
    free(c->entities);
    free(c->keys);
    free_names(&c->entity_names);
    free_names(&c->area_names);
    free_names(&c->floor_names);
    free_names(&c->tool_names);
    free_names(&c->words);
    free(c->text);
    json_decref(c->json);
    free(c);
}

/* ---- looking ---- */

const char *lt_catalog_hash(const struct lt_catalog *c)
{
    return c->hash;
}
const json_t *lt_catalog_json(const struct lt_catalog *c)
{
    return c->json;
}
const char *lt_catalog_text(const struct lt_catalog *c)
{
    return c->text;
}
size_t lt_catalog_n_tools(const struct lt_catalog *c)
{
    return c->n_tools;
}
const json_t *lt_catalog_tool(const struct lt_catalog *c, size_t i)
{
    return c->tools[i].json;
}
const json_t *lt_catalog_tool_schema(const struct lt_catalog *c, size_t i)
{
    return c->tools[i].parameters;
}
size_t lt_catalog_n_entities(const struct lt_catalog *c)
{
    return c->n_entities;
}
const struct lt_entity *lt_catalog_entity(const struct lt_catalog *c, size_t i)
{
    return c->entities + i;
}

long lt_catalog_find_tool(const struct lt_catalog *c, const char *name)
{
    long i = index_of(&c->tool_names, name);
    return i >= 0 && !strcmp(c->tools[i].name, name) ? i : -1;
}

/* An argument that says which entities are meant: a string or an array of strings, as the ids (of areas: the
 * indices) of its words, -1 for a word that the home has not. */
#define RULE_WORDS 16

struct rule {
    const json_t *json;
    const struct name_list *list;
    size_t n;           /* words */
    int is_any;         /* absent or null: all entities fit */
    long v[RULE_WORDS]; /* the first of them; later ones are looked up when they are needed */
};

static const char *word_at(const json_t *rule, size_t i)
{
    return json_string_value(json_is_string(rule) ? rule : json_array_get(rule, i));
}

static void read_rule(struct rule *r, const struct name_list *list, const json_t *json)
{
    r->json = json;
    r->list = list;
    r->is_any = !json || json_is_null(json);
    r->n = json_is_string(json) ? 1 : json_array_size(json);
    for (size_t i = 0; i < r->n && i < RULE_WORDS; i++) {
        const char *word = word_at(json, i);
        r->v[i] = word ? index_of(list, word) : -1;
    }
}

static int fits(const struct rule *r, long id)
{
    if (r->is_any) return 1;
    for (size_t i = 0; id >= 0 && i < r->n; i++) {
        const char *word = i < RULE_WORDS ? NULL : word_at(r->json, i);
        if ((i < RULE_WORDS ? r->v[i] : word ? index_of(r->list, word) : -1) == id) return 1;
    }
    return 0;
}

/* Is one of the words a name of this entity? */
static int fits_name(const struct lt_catalog *c, const json_t *rule, size_t entity)
{
    if (!rule || json_is_null(rule)) return 1;
    size_t n_words = json_is_string(rule) ? 1 : json_array_size(rule), n;
    for (size_t i = 0; i < n_words; i++) {
        const char *word = word_at(rule, i);
        const struct name_ref *r = word ? find_names(&c->entity_names, word, &n) : NULL;
        for (size_t k = 0; r && k < n; k++)
            if (r[k].index == entity) return 1;
    }
    return 0;
}

size_t lt_catalog_targets(const struct lt_catalog *c, const json_t *arguments,
                          const struct lt_entity **out, size_t cap)
{
    static const char *const keys[] = {"area", "floor", "domain", "device_class"};
    const struct name_list *const lists[] = {&c->area_names, &c->words, &c->words, &c->words};
    const json_t *name = json_object_get(arguments, "name");
    struct rule rules[4];
    int has_rule = name != NULL;
    for (size_t i = 0; i < 4; i++) {
        const json_t *json = json_object_get(arguments, keys[i]);
        has_rule |= json != NULL;
        read_rule(&rules[i], lists[i], json);
    }
    if (!has_rule) return 0;
    /* one name, as nearly always: those that bear it, in the order of the catalogue */
    size_t n_bearers = c->n_entities, n = 0;
    const struct name_ref *bearers =
        json_is_string(name) ? find_names(&c->entity_names, json_string_value(name), &n_bearers)
                             : NULL;
    for (size_t i = 0; i < n_bearers; i++) {
        if (bearers && i && bearers[i].index == bearers[i - 1].index) continue; /* alias too */
        size_t at = bearers ? bearers[i].index : i;
        const struct entity_key *k = c->keys + at;
        if (!fits(&rules[0], k->area) || !fits(&rules[1], k->floor) ||
            !fits(&rules[2], k->domain) || !fits(&rules[3], k->device_class) ||
            (!bearers && !fits_name(c, name, at)))
            continue;
        if (n < cap) out[n] = c->entities + at;
        n++;
    }
    return n;
}

static int is_name(enum lt_name_kind kind, const json_t *rule, const char *name, void *user)
{
    const struct lt_catalog *c = user;
    size_t n;
    if (kind == LT_NAME_AREA || kind == LT_NAME_FLOOR) {
        find_names(kind == LT_NAME_AREA ? &c->area_names : &c->floor_names, name, &n);
        return n > 0;
    }
    const struct name_ref *r = find_names(&c->entity_names, name, &n);
    struct rule domain, device_class;
    read_rule(&domain, &c->words, json_object_get(rule, "domain"));
    read_rule(&device_class, &c->words, json_object_get(rule, "device_class"));
    for (size_t i = 0; i < n; i++) {
        const struct entity_key *k = c->keys + r[i].index;
        if (fits(&domain, k->domain) && fits(&device_class, k->device_class)) return 1;
    }
    return 0;
}

static enum lt_err check_call(const struct lt_catalog *c, const char *root, const char *name,
                              const json_t *arguments, struct lt_diag *diag)
{
    long i = lt_catalog_find_tool(c, name);
    if (i < 0)
        return lt_fail(diag, LT_ERR_NOTFOUND, "%s: the catalogue has no tool \"%.100s\"",
                       *root ? root : "/", name);
    json_t *none = arguments ? NULL : json_object();
    if (!arguments && !none) return no_memory(diag);
    enum lt_err err = lt_schema_validate_names(c->tools[i].schema, arguments ? arguments : none,
                                               root, is_name, (void *)(uintptr_t)c, diag);
    json_decref(none);
    return err;
}

enum lt_err lt_catalog_check_call(const struct lt_catalog *c, const char *name,
                                  const json_t *arguments, struct lt_diag *diag)
{
    return check_call(c, "", name, arguments, diag);
}

enum lt_err lt_catalog_check_calls(const struct lt_catalog *c, const json_t *calls,
                                   struct lt_diag *diag)
{
    if (!json_is_array(calls))
        return lt_fail(diag, LT_ERR_INVALID, "/: expected array, got %s", lt_json_type_name(calls));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        const char *name = json_string_value(json_object_get(call, "name"));
        const json_t *arguments = json_object_get(call, "arguments");
        char root[40];
        if (!name)
            return lt_fail(diag, LT_ERR_INVALID, "/%zu/name: a call needs the name of a tool", i);
        if (arguments && !json_is_object(arguments))
            return lt_fail(diag, LT_ERR_INVALID, "/%zu/arguments: expected object, got %s", i,
                           lt_json_type_name(arguments));
        snprintf(root, sizeof root, "/%zu/arguments", i);
        enum lt_err err = check_call(c, root, name, arguments, diag);
        if (err) return err;
    }
    return LT_OK;
}
