/* act_target.c - every condition of the call, over every device. */
#include "act_target.h"

#include <string.h>

#include "act_command.h"
#include "lt/fold.h"

/* Is `have` the wanted text, or among the wanted texts? An absent wish admits all. */
static int admits(const json_t *want, const char *have)
{
    size_t i;
    json_t *one;
    if (!want) return 1;
    if (json_is_string(want)) return lt_fold_same(json_string_value(want), have);
    json_array_foreach((json_t *)(uintptr_t)want, i,
                       one) if (lt_fold_same(json_string_value(one), have)) return 1;
    return 0;
}

static const char *floor_of(const json_t *areas, const char *area)
{
    size_t i;
    json_t *a;
    json_array_foreach((json_t *)(uintptr_t)areas, i, a)
    {
        const char *name = json_string_value(json_object_get(a, "name"));
        if (lt_fold_same(name, area)) return json_string_value(json_object_get(a, "floor"));
    }
    return NULL;
}

static int in_domains(const char *const *domains, const char *domain)
{
    for (; domains && *domains; domains++)
        if (!strcmp(*domains, domain)) return 1;
    return !domains;
}

/* Kinds that "everything in the kitchen" does not mean: doors and what only reports. */
static int is_for_all(const char *domain)
{
    static const char *const out[] = {
        "lock",   "cover",  "valve",   "sensor", "binary_sensor", "button", "scene",
        "number", "select", "climate", "vacuum", "water_heater",  "siren",  "alarm_control_panel"};
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (!strcmp(out[i], domain)) return 0;
    return 1;
}

size_t lt_act_targets(struct lt_discovery *d, const json_t *areas, const char *tool,
                      const json_t *args, size_t *out, size_t cap)
{
    const json_t *name = json_object_get(args, "name"), *area = json_object_get(args, "area");
    const json_t *floor = json_object_get(args, "floor"), *domain = json_object_get(args, "domain");
    const json_t *cls = json_object_get(args, "device_class");
    const char *const *domains = lt_act_domains(tool);
    size_t n = 0, n_things = lt_discovery_n_things(d);
    if (!name && !area && !floor && !domain && !cls && !domains) return 0;
    for (size_t i = 0; i < n_things; i++) {
        const struct lt_thing *t = lt_discovery_thing(d, i);
        if (name && !admits(name, t->name) && !admits(name, t->id)) continue;
        if (area && !admits(area, t->area)) continue;
        if (floor && !admits(floor, floor_of(areas, t->area))) continue;
        if (!admits(domain, t->domain) || !admits(cls, t->device_class)) continue;
        if (!in_domains(domains, t->domain)) continue;
        if (!name && !domain && !cls && !domains && !is_for_all(t->domain) &&
            lt_act_is_for_devices(tool))
            continue;
        if (n < cap) out[n] = i;
        n++;
    }
    return n;
}
