/* discovery_catalog.c - the home as a catalogue: its tools, areas and entities. */
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"

size_t lt_discovery_n_things(struct lt_discovery *d)
{
    return lt__discovery_index(d) ? 0 : d->n_things;
}

const struct lt_thing *lt_discovery_thing(struct lt_discovery *d, size_t i)
{
    return i < lt_discovery_n_things(d) ? &d->things[i]->pub : NULL;
}

const struct lt_thing *lt_discovery_find(struct lt_discovery *d, const char *id)
{
    if (lt__discovery_index(d)) return NULL;
    const json_t *i = json_object_get(d->index_lookup, id);
    return i ? &d->things[json_integer_value(i)]->pub : NULL;
}

/* ---- tools ---- */

static int has_domain(const struct lt_discovery *d, const char *domain)
{
    for (size_t i = 0; i < d->n_things; i++)
        if (!strcmp(d->things[i]->pub.domain, domain)) return 1;
    return 0;
}

/* Is there a device for it? */
static int is_of_use(const struct lt_discovery *d, const char *tool)
{
    const json_t *needs = json_object_get(json_object_get(d->home_tools, "needs"), tool);
    for (size_t i = 0; i < json_array_size(needs); i++)
        if (has_domain(d, json_string_value(json_array_get(needs, i)))) return 1;
    return !json_array_size(needs);
}

/* A tool of the user's that is a plain copy of a home tool (as in the demo catalogue) is that tool. */
static int is_copy(const json_t *home, const json_t *own)
{
    for (size_t i = 0; i < json_array_size(home); i++)
        if (json_equal(json_array_get(home, i), own)) return 1;
    return 0;
}

static int is_own(const json_t *own_tools, const char *name)
{
    for (size_t i = 0; i < json_array_size(own_tools); i++) {
        const char *s = json_string_value(json_object_get(json_array_get(own_tools, i), "name"));
        if (s && lt__same(s, name)) return 1;
    }
    return 0;
}

/* A copy: whoever has the catalogue may be in another thread, and counts are not atomic there. */
static int add_copy(json_t *tools, const json_t *tool)
{
    return !json_array_append_new(tools, json_deep_copy(tool));
}

static json_t *make_tools(const struct lt_discovery *d, const json_t *own_tools)
{
    const json_t *home = json_object_get(d->home_tools, "tools");
    json_t *tools = json_array(), *own = json_array();
    int is_ok = tools && own;
    for (size_t i = 0; is_ok && i < json_array_size(own_tools); i++)
        if (!is_copy(home, json_array_get(own_tools, i)))
            is_ok = add_copy(own, json_array_get(own_tools, i));
    for (size_t i = 0; is_ok && i < json_array_size(home); i++) {
        const json_t *tool = json_array_get(home, i);
        const char *name = json_string_value(json_object_get(tool, "name"));
        if (!is_own(own, name) && is_of_use(d, name)) is_ok = add_copy(tools, tool);
    }
    if (is_ok) is_ok = !json_array_extend(tools, own);
    json_decref(own);
    if (is_ok) return tools;
    json_decref(tools);
    return NULL;
}

/* ---- entities ---- */

/* How often each name is used, folded; a short form is an alias only where it is nobody else's. */
static void count_name(json_t *names, const char *name)
{
    char folded[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    if (!*name) return;
    lt__fold(name, folded, sizeof folded);
    const json_t *n = json_object_get(names, folded);
    /* out of memory: one alias more or less */
    (void)json_object_set_new(names, folded, json_integer(json_integer_value(n) + 1));
}

static int is_unique(const json_t *names, const char *name)
{
    char folded[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    lt__fold(name, folded, sizeof folded);
    return json_integer_value(json_object_get(names, folded)) == 1;
}

static json_t *count_names(const struct lt_discovery *d)
{
    json_t *names = json_object();
    for (size_t i = 0; names && i < d->n_things; i++) {
        const struct lt__thing *t = d->things[i];
        count_name(names, t->pub.name);
        if (*t->short_name && !lt__same(t->short_name, t->pub.name))
            count_name(names, t->short_name);
        for (size_t k = 0; k < json_array_size(t->aliases); k++)
            count_name(names, json_string_value(json_array_get(t->aliases, k)));
    }
    for (size_t i = 0; names && i < json_array_size(d->index_areas); i++)
        count_name(names,
                   json_string_value(json_object_get(json_array_get(d->index_areas, i), "name")));
    return names;
}

static json_t *make_aliases(const struct lt__thing *t, const json_t *names)
{
    json_t *aliases = t->aliases ? json_deep_copy(t->aliases) : json_array();
    if (aliases && *t->short_name && !lt__same(t->short_name, t->pub.name) &&
        json_array_size(aliases) < LT_DISCOVERY_MAX_ALIASES && is_unique(names, t->short_name) &&
        json_array_append_new(aliases, json_string(t->short_name))) {
        json_decref(aliases);
        return NULL;
    }
    return aliases;
}

static json_t *make_entities(const struct lt_discovery *d)
{
    json_t *names = count_names(d), *entities = json_array();
    int is_broken = !names || !entities;
    for (size_t i = 0; !is_broken && i < d->n_things; i++) {
        const struct lt_thing *p = &d->things[i]->pub;
        json_t *e = json_pack("{s:s,s:s,s:o,s:s?,s:s,s:s?}", "id", p->id, "name", p->name,
                              "aliases", make_aliases(d->things[i], names), "area",
                              *p->area ? p->area : NULL, "domain", p->domain, "device_class",
                              *p->device_class ? p->device_class : NULL);
        is_broken = !e || json_array_append_new(entities, e);
    }
    json_decref(names);
    if (!is_broken) return entities;
    json_decref(entities);
    return NULL;
}

json_t *lt_discovery_catalog(struct lt_discovery *d, const json_t *own_tools)
{
    if (lt__discovery_index(d)) return NULL;
    return json_pack("{s:o,s:{s:o,s:o}}", "tools", make_tools(d, own_tools), "home", "areas",
                     json_deep_copy(d->index_areas), "entities", make_entities(d));
}
