/* same_calls.c - the only device of its kind in a room is meant by the room and the kind. */
#include "same_calls.h"

#include <string.h>

#include "lt/docs.h"
#include "lt/fold.h"
#include "lt/json.h"

/* Tools that take a room without a kind, because they have only one. */
static const struct {
    const char *tool, *domain;
} kinds[] = {{"HassLightSet", "light"},
             {"HassFanSetSpeed", "fan"},
             {"HassClimateSetTemperature", "climate"},
             {"HassVacuumStart", "vacuum"}};

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* A list of one domain counts as that domain. */
static const char *domain_of(const char *tool, const json_t *args)
{
    const json_t *d = json_object_get(args, "domain");
    if (json_array_size(d) == 1) d = json_array_get(d, 0);
    if (d) return json_is_string(d) ? json_string_value(d) : NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].tool, tool)) return kinds[i].domain;
    return NULL;
}

static const struct lt_entity *only_one(const struct lt_catalog *c, const char *area,
                                        const char *domain)
{
    const struct lt_entity *one = NULL;
    for (size_t i = 0; i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        if (!e->area || !e->domain || strcmp(e->domain, domain) != 0 ||
            !lt_fold_same(e->area, area))
            continue;
        if (one) return NULL;
        one = e;
    }
    return one;
}

static int name_the_only(const struct lt_catalog *c, json_t *call)
{
    json_t *args = json_object_get(call, "arguments");
    const char *domain = domain_of(text_of(call, "name"), args), *area = text_of(args, "area");
    if (!domain || !*area || json_object_get(args, "name") || json_object_get(args, "floor") ||
        json_object_get(args, "device_class"))
        return 1;
    const struct lt_entity *e = only_one(c, area, domain);
    if (!e) return 1;
    json_object_del(args, "area");
    json_object_del(args, "domain");
    return !json_object_set_new(args, "name", json_string(e->name));
}

char *lt_same_calls_key(const struct lt_catalog *c, const char *calls_json)
{
    size_t i;
    json_t *call, *calls = NULL;
    char *key = NULL;
    int is_well =
        !lt_json_parse(calls_json, strlen(calls_json), LT_DOC_MAX_BYTES_REQUEST, &calls, NULL);
    json_array_foreach(calls, i, call)
    {
        is_well = is_well && name_the_only(c, call);
    }
    if (is_well) key = json_dumps(calls, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(calls);
    return key;
}
