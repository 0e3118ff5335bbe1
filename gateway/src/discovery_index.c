/* discovery_index.c - from what the sources made to the home: which things count, their ids, names and
 * areas.
 *
 * Everything is derived from the sources in the order of their keys, so the order in which messages
 * came leaves no trace. Ids follow Home Assistant's rule: the default_entity_id, else a slug of the
 * name; a second of the same gets "_2", and so on in the order of keys. An area is, first one wins:
 * what the user says, what the device suggests or its friendly name has before '/', an area whose
 * name the device's name begins with. Areas known that way are those of the user, those announced,
 * and the usual rooms of a house. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"

/* Rooms that a device's name may begin with ("kitchen light"), whether or not anybody announced
 * them as areas. Longer ones first where one begins another. */
static const char *const usual_rooms[] = {
    "Attic",         "Balcony",         "Basement",       "Bathroom",      "Bedroom",
    "Cellar",        "Children's Room", "Closet",         "Conservatory",  "Corridor",
    "Dining Room",   "Driveway",        "Entrance",       "Entryway",      "Family Room",
    "Foyer",         "Front Garden",    "Garage",         "Garden",        "Guest Bathroom",
    "Guest Bedroom", "Guest Room",      "Hall",           "Hallway",       "Home Office",
    "Kids Bedroom",  "Kids Room",       "Kitchen",        "Landing",       "Laundry",
    "Laundry Room",  "Library",         "Living Room",    "Loft",          "Lounge",
    "Main Bedroom",  "Master Bathroom", "Master Bedroom", "Nursery",       "Office",
    "Pantry",        "Patio",           "Playroom",       "Porch",         "Shed",
    "Stairs",        "Study",           "Sunroom",        "Terrace",       "Toilet",
    "Utility Room",  "Workshop",        "Yard",           "Arbeitszimmer", "Bad",
    "Badezimmer",    "Balkon",          "Dachboden",      "Diele",         "Esszimmer",
    "Flur",          "Gäste-WC",        "Gästezimmer",    "Garten",        "Hauswirtschaftsraum",
    "Keller",        "Kinderzimmer",    "Küche",          "Schlafzimmer",  "Terrasse",
    "Treppenhaus",   "Waschküche",      "Wohnzimmer",
};

/* An area while the index is made: folded name or alias -> {"name": …, "floor": …, "aliases": […]};
 * objects are shared with the list of areas. */
struct areas {
    json_t *by_name; /* folded -> area object */
    json_t *list;    /* areas of the catalogue */
    int is_broken;
};

static void area_put(struct areas *a, const char *name, json_t *area)
{
    char folded[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    lt__fold(name, folded, sizeof folded);
    if (!json_object_get(a->by_name, folded) && json_object_set(a->by_name, folded, area))
        a->is_broken = 1;
}

static json_t *area_get(const struct areas *a, const char *name)
{
    char folded[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    lt__fold(name, folded, sizeof folded);
    return json_object_get(a->by_name, folded);
}

/* The area of this name; made and listed when there is none. NULL: too many. */
static json_t *area_need(struct areas *a, const char *name)
{
    json_t *area = area_get(a, name);
    if (area || json_array_size(a->list) >= LT_DISCOVERY_MAX_AREAS) return area;
    area = json_pack("{s:s,s:n,s:[]}", "name", name, "floor", "aliases");
    if (!area || json_array_append_new(a->list, area)) {
        a->is_broken = 1;
        return NULL;
    }
    area_put(a, name, area);
    return area;
}

/* The user's areas, as told. */
static void areas_told(struct areas *a, const json_t *told)
{
    for (size_t i = 0; i < json_array_size(told); i++) {
        json_t *area = json_deep_copy(json_array_get(told, i));
        if (!area || json_array_append_new(a->list, area)) {
            a->is_broken = 1;
            return;
        }
        area_put(a, json_string_value(json_object_get(area, "name")), area);
        const json_t *aliases = json_object_get(area, "aliases");
        for (size_t k = 0; k < json_array_size(aliases); k++)
            area_put(a, json_string_value(json_array_get(aliases, k)), area);
    }
}

/* ---- which things count ---- */

/* Does another thing, earlier in the order, have this domain and unique id already? */
static int is_second(struct lt_discovery *d, json_t *seen, const struct lt__thing *t)
{
    char key[64 + LT_DISCOVERY_MAX_NAME_BYTES], reason[LT_DIAG_TEXT];
    if (!*t->pub.unique_id || strlen(t->pub.unique_id) > LT_DISCOVERY_MAX_NAME_BYTES) return 0;
    snprintf(key, sizeof key, "%s %s", t->pub.domain, t->pub.unique_id);
    const json_t *first = json_object_get(seen, key);
    if (!first) {
        /* a lost entry would only show a duplicate */
        (void)json_object_set_new(seen, key, json_string(t->pub.topic));
        return 0;
    }
    snprintf(reason, sizeof reason, "unique_id: \"%.100s\" is taken by %.200s", t->pub.unique_id,
             json_string_value(first));
    lt__discovery_fault(d, t->pub.topic, reason);
    return 1;
}

static const json_t *override_by(const struct lt_discovery *d, const char *match)
{
    const json_t *i = *match ? json_object_get(d->override_index, match) : NULL;
    return i ? json_array_get(d->overrides, (size_t)json_integer_value(i)) : NULL;
}

static int is_by_z2m(const struct lt_discovery *d, const struct lt__thing *t)
{
    return d->has_z2m && t->pub.kind != LT_THING_Z2M &&
           !strncmp(t->pub.identifier, "zigbee2mqtt_", 12);
}

static enum lt_err collect(struct lt_discovery *d)
{
    json_t *seen = json_object();
    struct lt__thing **v = malloc((d->n_made + 1) * sizeof *v);
    if (!seen || !v) {
        json_decref(seen);
        free(v);
        return LT_ERR_NOMEM;
    }
    free(d->things);
    d->things = v;
    d->n_things = 0;
    for (size_t i = 0; i < d->n_sources; i++)
        for (size_t k = 0; k < d->sources[i]->n; k++) {
            struct lt__thing *t = d->sources[i]->v[k];
            if (!is_by_z2m(d, t) && !is_second(d, seen, t)) v[d->n_things++] = t;
        }
    json_decref(seen);
    return LT_OK;
}

/* ---- ids ---- */

static const char *keep_text(struct lt_discovery *d, const char *s, int *is_broken)
{
    json_t *v = json_string(s);
    if (!v || json_array_append_new(d->index_keep, v)) {
        *is_broken = 1;
        return "";
    }
    return json_string_value(v);
}

static void base_id(const struct lt__thing *t, char *out, size_t out_bytes)
{
    char slug[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    lt__slug(*t->object ? t->object : t->found_name, slug, sizeof slug);
    if (!*slug) lt__slug(t->pub.unique_id, slug, sizeof slug); /* a name without Latin letters */
    snprintf(out, out_bytes, "%s.%s", t->pub.domain, *slug ? slug : "unnamed");
}

/* First round: whoever comes first has the plain id. Second: the others get the next free number. */
static enum lt_err give_ids(struct lt_discovery *d)
{
    char base[320], id[340];
    int is_broken = 0;
    json_t *taken = json_object(), *next = json_object();
    for (size_t i = 0; taken && next && i < d->n_things; i++) {
        struct lt__thing *t = d->things[i];
        base_id(t, base, sizeof base);
        t->pub.id = json_object_get(taken, base) ? "" : keep_text(d, base, &is_broken);
        if (*t->pub.id && json_object_set_new(taken, base, json_true())) is_broken = 1;
    }
    for (size_t i = 0; taken && next && i < d->n_things; i++) {
        struct lt__thing *t = d->things[i];
        if (*t->pub.id) continue;
        base_id(t, base, sizeof base);
        const json_t *last = json_object_get(next, base);
        long long k = last ? json_integer_value(last) : 2;
        do snprintf(id, sizeof id, "%s_%lld", base, k++);
        while (json_object_get(taken, id));
        t->pub.id = keep_text(d, id, &is_broken);
        if (json_object_set_new(taken, id, json_true()) ||
            json_object_set_new(next, base, json_integer(k)))
            is_broken = 1;
    }
    if (!taken || !next) is_broken = 1;
    json_decref(taken);
    json_decref(next);
    return is_broken ? LT_ERR_NOMEM : LT_OK;
}

/* ---- names and areas ---- */

/* What the user says about the thing: *by_device when it is said about the whole device. */
static const json_t *override_of(const struct lt_discovery *d, const struct lt__thing *t,
                                 int *by_device)
{
    const json_t *o = override_by(d, t->pub.id);
    *by_device = 0;
    if (!o) o = override_by(d, t->pub.unique_id);
    if (!o && !*t->component) o = override_by(d, t->pub.topic); /* one entity, one topic */
    if (o) return o;
    *by_device = *t->suffix != '\0';
    o = override_by(d, t->pub.device_name);
    if (!o) o = override_by(d, t->pub.identifier);
    /* zigbee2mqtt_0x0017880100000006: people know the address */
    const char *address = strchr(t->pub.identifier, '_');
    return o || !address ? o : override_by(d, address + 1);
}

/* What the user says goes before what was found; hidden things leave the list. A device's new name
 * is the first part of the names of its sensors. */
static enum lt_err apply_overrides(struct lt_discovery *d)
{
    size_t n = 0;
    int is_broken = 0, by_device;
    char joined[2 * LT_DISCOVERY_MAX_NAME_BYTES + 2];
    for (size_t i = 0; i < d->n_things; i++) {
        struct lt__thing *t = d->things[i];
        const json_t *o = override_of(d, t, &by_device);
        const char *name = json_string_value(json_object_get(o, "name"));
        const char *area = json_string_value(json_object_get(o, "area"));
        t->pub.name = name ? name : t->found_name;
        if (name && by_device) {
            snprintf(joined, sizeof joined, "%s %s", name, t->suffix);
            t->pub.name = strlen(joined) > LT_DISCOVERY_MAX_NAME_BYTES
                              ? name
                              : keep_text(d, joined, &is_broken);
        }
        t->pub.area = area ? area : t->found_area;
        t->has_area = area || *t->found_area;
        t->aliases = by_device ? NULL : json_object_get(o, "aliases");
        if (!json_is_true(json_object_get(o, "hidden"))) d->things[n++] = t;
    }
    d->n_things = n;
    return is_broken ? LT_ERR_NOMEM : LT_OK;
}

static int by_area_spelling(const void *a, const void *b)
{
    const struct lt__thing *const *x = a, *const *y = b;
    return strcmp((*x)->pub.area, (*y)->pub.area);
}

/* The longest area whose name the text begins with; "" for none. */
static const char *area_in(const struct areas *a, const json_t *rooms, const char *text)
{
    const char *best = "";
    size_t best_n = 0;
    char head[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    snprintf(head, sizeof head, "%s", text);
    /* try the first n words, most words first */
    for (size_t n = strlen(head); n && !best_n; n--) {
        if (n < strlen(text) && text[n] != ' ' && text[n] != '-' && text[n] != '_') continue;
        head[n] = '\0';
        for (char *p = head; *p; p++)
            if (*p == '_' || *p == '-') *p = ' ';
        json_t *area = area_get(a, head);
        char folded[LT_DISCOVERY_MAX_NAME_BYTES + 1];
        lt__fold(head, folded, sizeof folded);
        const char *found = area ? json_string_value(json_object_get(area, "name"))
                                 : json_string_value(json_object_get(rooms, folded));
        if (found) {
            best = found;
            best_n = n;
        }
    }
    return best;
}

static json_t *room_table(void)
{
    json_t *o = json_object();
    for (size_t i = 0; o && i < sizeof usual_rooms / sizeof usual_rooms[0]; i++) {
        char folded[64];
        lt__fold(usual_rooms[i], folded, sizeof folded);
        if (json_object_set_new(o, folded, json_string(usual_rooms[i]))) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
                  json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

static int sort_areas(json_t *list)
{
    size_t n = json_array_size(list);
    json_t **v = malloc((n + 1) * sizeof *v);
    if (!v) return 0;
    for (size_t i = 0; i < n; i++) v[i] = json_incref(json_array_get(list, i));
    qsort(v, n, sizeof *v, by_name);
    json_array_clear(list);
    int is_ok = 1;
    for (size_t i = 0; i < n; i++) is_ok &= !json_array_append_new(list, v[i]);
    free(v);
    return is_ok;
}

/* Floors that names told, for areas of which the user told none; of several the first by spelling. */
static void give_floors(struct lt_discovery *d, struct areas *a)
{
    json_t *floors = json_object(); /* area -> floor */
    for (size_t i = 0; floors && i < d->n_things; i++) {
        const struct lt__thing *t = d->things[i];
        if (!*t->found_floor || !lt__same(t->pub.area, t->found_area)) continue;
        const char *have = json_string_value(json_object_get(floors, t->pub.area));
        if ((!have || strcmp(t->found_floor, have) < 0) &&
            json_object_set_new(floors, t->pub.area, json_string(t->found_floor)))
            a->is_broken = 1;
    }
    for (size_t i = 0; i < json_array_size(a->list); i++) {
        json_t *area = json_array_get(a->list, i);
        json_t *floor = json_object_get(floors, json_string_value(json_object_get(area, "name")));
        if (floor && json_is_null(json_object_get(area, "floor")) &&
            json_object_set(area, "floor", floor))
            a->is_broken = 1;
    }
    if (!floors) a->is_broken = 1;
    json_decref(floors);
}

/* Areas are made in the order of spelling, so that of two spellings one wins in any order. */
static enum lt_err give_areas(struct lt_discovery *d)
{
    json_t *rooms = room_table();
    struct areas a = {.by_name = json_object(), .list = json_array()};
    struct lt__thing **v = malloc((d->n_things + 1) * sizeof *v);
    if (!rooms || !a.by_name || !a.list || !v) a.is_broken = 1;
    size_t n = 0;
    for (size_t i = 0; !a.is_broken && i < d->n_things; i++)
        if (*d->things[i]->pub.area) v[n++] = d->things[i];
    if (!a.is_broken) qsort(v, n, sizeof *v, by_area_spelling);
    if (!a.is_broken) areas_told(&a, d->areas);
    for (size_t i = 0; !a.is_broken && i < n; i++) (void)area_need(&a, v[i]->pub.area);
    for (size_t i = 0; !a.is_broken && i < d->n_things; i++) {
        struct lt__thing *t = d->things[i];
        if (!t->has_area) t->pub.area = area_in(&a, rooms, t->room_text);
        if (!t->has_area && !*t->pub.area) t->pub.area = area_in(&a, rooms, t->room_more);
    }
    /* rooms found in names become areas only now, so that none depends on another's name */
    for (size_t i = 0; !a.is_broken && i < d->n_things; i++) {
        struct lt__thing *t = d->things[i];
        if (!*t->pub.area) continue;
        json_t *area = area_need(&a, t->pub.area);
        int is_broken = 0;
        t->pub.area =
            area ? keep_text(d, json_string_value(json_object_get(area, "name")), &is_broken) : "";
        a.is_broken |= is_broken;
    }
    if (!a.is_broken) give_floors(d, &a);
    free(v);
    json_decref(rooms);
    json_decref(a.by_name);
    if (a.is_broken || !sort_areas(a.list)) {
        json_decref(a.list);
        return LT_ERR_NOMEM;
    }
    json_decref(d->index_areas);
    d->index_areas = a.list;
    return LT_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct lt__thing *const *x = a, *const *y = b;
    return strcmp((*x)->pub.id, (*y)->pub.id);
}

enum lt_err lt__discovery_index(struct lt_discovery *d)
{
    if (d->is_indexed) return LT_OK;
    json_decref(d->index_keep);
    json_decref(d->index_lookup);
    d->index_keep = json_array();
    d->index_lookup = json_object();
    enum lt_err err = d->index_keep && d->index_lookup ? collect(d) : LT_ERR_NOMEM;
    if (!err) err = give_ids(d);
    if (!err) err = apply_overrides(d);
    if (!err) err = give_areas(d);
    if (err) {
        d->n_things = 0; /* names may be half made */
        return err;
    }
    qsort(d->things, d->n_things, sizeof *d->things, by_id);
    for (size_t i = 0; i < d->n_things; i++)
        if (json_object_set_new(d->index_lookup, d->things[i]->pub.id, json_integer((json_int_t)i)))
            return LT_ERR_NOMEM;
    d->is_indexed = 1;
    return LT_OK;
}
