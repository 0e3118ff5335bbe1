/* generate_home.c - homes: what is known of any home, and random ones.
 *
 * Random homes take area and device names from the homes of the data files and from own lists.
 * Names collide now and then, areas nest ("Bedroom", "Master Bedroom"), floors and the speaker's
 * area may be missing, because homes are like that. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate_internal.h"

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

int gen_home_init(struct gen_home *h, json_t *json)
{
    memset(h, 0, sizeof *h);
    json_t *areas = json_object_get(json, "areas"), *entities = json_object_get(json, "entities");
    h->json = json_incref(json);
    h->area = calloc(json_array_size(areas) + 1, sizeof *h->area);
    h->e = calloc(json_array_size(entities) + 1, sizeof *h->e);
    if (!h->area || !h->e) return 0;
    size_t i;
    json_t *one;
    json_array_foreach(areas, i, one)
    {
        struct gen_area *a = &h->area[h->n_area++];
        a->name = or_empty(json_string_value(json_object_get(one, "name")));
        a->floor = or_empty(json_string_value(json_object_get(one, "floor")));
        a->aliases = json_object_get(one, "aliases");
        int known = !*a->floor;
        for (int k = 0; k < h->n_floor; k++) known |= !strcmp(h->floor[k], a->floor);
        if (!known && h->n_floor < 16) h->floor[h->n_floor++] = a->floor;
    }
    json_array_foreach(entities, i, one)
    {
        struct gen_entity *e = &h->e[h->n++];
        e->json = one;
        e->name = or_empty(json_string_value(json_object_get(one, "name")));
        e->domain = or_empty(json_string_value(json_object_get(one, "domain")));
        e->device_class = or_empty(json_string_value(json_object_get(one, "device_class")));
        e->area = or_empty(json_string_value(json_object_get(one, "area")));
        e->aliases = json_object_get(one, "aliases");
        e->floor = "";
        for (int k = 0; k < h->n_area; k++)
            if (*e->area && !strcmp(h->area[k].name, e->area)) e->floor = h->area[k].floor;
        h->has_shopping_todo |=
            !strcmp(e->domain, "todo") && gen_find_words(e->name, "shopping list");
    }
    return 1;
}

void gen_home_fini(struct gen_home *h)
{
    json_decref(h->json);
    free(h->area);
    free(h->e);
    memset(h, 0, sizeof *h);
}

json_t *gen_home_view(const struct gen_home *h, const char *here)
{
    json_t *view = json_pack("{s:O,s:O}", "areas", json_object_get(h->json, "areas"), "entities",
                             json_object_get(h->json, "entities"));
    if (view && here && *here) json_object_set_new(view, "here", json_string(here));
    return view;
}

int gen_kind_matches(const struct gen_entity *e, const char *domain, const char *device_class)
{
    if (domain && strcmp(e->domain, domain)) return 0;
    return !device_class || !strcmp(e->device_class, device_class);
}

int gen_home_count(const struct gen_home *h, const char *domain, const char *device_class,
                   const char *area, const char *floor, int *which)
{
    int n = 0;
    for (int i = 0; i < h->n; i++) {
        const struct gen_entity *e = &h->e[i];
        if (!gen_kind_matches(e, domain, device_class)) continue;
        if (area && *area && strcmp(e->area, area)) continue;
        if (floor && *floor && strcmp(e->floor, floor)) continue;
        if (which) *which = i;
        n++;
    }
    return n;
}

int gen_home_mentions(const struct gen_home *h, const char *text, int except)
{
    for (int i = 0; i < h->n; i++) {
        if (i == except) continue;
        if (gen_find_words(text, h->e[i].name)) return 1;
        size_t k;
        json_t *alias;
        json_array_foreach(h->e[i].aliases, k,
                           alias) if (gen_find_words(text, json_string_value(alias))) return 1;
    }
    return 0;
}

/* ---- vocabulary ------------------------------------------------------------------------------ */

int gen_home_is_english(const char *id)
{
    return !strncmp(id, "home-", 5) || !strncmp(id, "en-", 3);
}

static int compare_names(const void *a, const void *b)
{
    const struct gen_name *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    if (!c) c = strcmp(x->domain, y->domain);
    return c ? c : strcmp(x->device_class, y->device_class);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int gen_vocabulary_init(struct gen_vocabulary *v, const json_t *homes)
{
    size_t n_names = 0, n_areas = 0, i;
    json_t *home, *one;
    void *it = json_object_iter((json_t *)(uintptr_t)homes), *first = it;
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)homes, it)) {
        home = json_object_iter_value(it);
        n_names += json_array_size(json_object_get(home, "entities"));
        n_areas += json_array_size(json_object_get(home, "areas"));
    }
    v->name = calloc(n_names + 1, sizeof *v->name);
    v->area = calloc(n_areas + 1, sizeof *v->area);
    if (!v->name || !v->area) return 0;
    for (it = first; it; it = json_object_iter_next((json_t *)(uintptr_t)homes, it)) {
        if (!gen_home_is_english(json_object_iter_key(it))) continue;
        home = json_object_iter_value(it);
        json_array_foreach(json_object_get(home, "entities"), i, one)
        {
            struct gen_name *name = &v->name[v->n_name++];
            name->name = or_empty(json_string_value(json_object_get(one, "name")));
            name->domain = or_empty(json_string_value(json_object_get(one, "domain")));
            name->device_class = or_empty(json_string_value(json_object_get(one, "device_class")));
        }
        json_array_foreach(json_object_get(home, "areas"), i, one) v->area[v->n_area++] =
            or_empty(json_string_value(json_object_get(one, "name")));
    }
    qsort(v->name, (size_t)v->n_name, sizeof *v->name, compare_names);
    qsort(v->area, (size_t)v->n_area, sizeof *v->area, compare_strings);
    int m = 0;
    for (int k = 0; k < v->n_name; k++)
        if (!m || compare_names(&v->name[m - 1], &v->name[k])) v->name[m++] = v->name[k];
    v->n_name = m;
    m = 0;
    for (int k = 0; k < v->n_area; k++)
        if (*v->area[k] && (!m || strcmp(v->area[m - 1], v->area[k]))) v->area[m++] = v->area[k];
    v->n_area = m;
    return 1;
}

void gen_vocabulary_fini(struct gen_vocabulary *v)
{
    free(v->name);
    free(v->area);
    memset(v, 0, sizeof *v);
}

/* ---- random homes ---------------------------------------------------------------------------- */

static const char *const own_areas[] = {"Kitchen",
                                        "Living Room",
                                        "Bedroom",
                                        "Bathroom",
                                        "Hallway",
                                        "Office",
                                        "Garage",
                                        "Garden",
                                        "Dining Room",
                                        "Master Bedroom",
                                        "Guest Room",
                                        "Kids Room",
                                        "Nursery",
                                        "Basement",
                                        "Attic",
                                        "Balcony",
                                        "Terrace",
                                        "Patio",
                                        "Laundry Room",
                                        "Utility Room",
                                        "Pantry",
                                        "Lounge",
                                        "Study",
                                        "Library",
                                        "Conservatory",
                                        "Home Cinema",
                                        "Gym",
                                        "Workshop",
                                        "Shed",
                                        "Greenhouse",
                                        "Driveway",
                                        "Front Yard",
                                        "Backyard",
                                        "Porch",
                                        "Loft",
                                        "Landing",
                                        "Stairwell",
                                        "Closet",
                                        "Wardrobe",
                                        "Toilet",
                                        "Guest Toilet",
                                        "Ensuite",
                                        "Wet Room",
                                        "Sauna",
                                        "Pool",
                                        "Games Room",
                                        "Music Room",
                                        "Mudroom",
                                        "Corridor",
                                        "Entrance Hall",
                                        "Main Hall",
                                        "Sitting Room",
                                        "Drawing Room",
                                        "Snug",
                                        "Den",
                                        "Granny Flat",
                                        "Studio",
                                        "Server Room",
                                        "Boot Room",
                                        "Larder",
                                        "Wine Cellar",
                                        "Barn",
                                        "Stable",
                                        "Orchard",
                                        "Upstairs Bathroom",
                                        "Downstairs Bathroom",
                                        "Spare Bedroom",
                                        "Bedroom 2",
                                        "Bedroom 3",
                                        "Anna's Room",
                                        "Tom's Room",
                                        "Mia's Bedroom",
                                        "The Cave",
                                        "Playroom",
                                        "Flat",
                                        "Caravan",
                                        "Tool Shed",
                                        "Carport",
                                        "Roof Terrace",
                                        "Reception",
                                        "Meeting Room",
                                        "Showroom"};

static const char *const floor_sets[][4] = {{"Ground Floor", "First Floor", "Second Floor", NULL},
                                            {"Downstairs", "Upstairs", NULL, NULL},
                                            {"Ground", "Upper", NULL, NULL},
                                            {"Basement", "Ground Floor", "Upstairs", NULL},
                                            {"Main Level", "Lower Level", "Upper Level", NULL},
                                            {"First Floor", "Second Floor", "Third Floor", NULL},
                                            {"Level 1", "Level 2", "Level 3", NULL},
                                            {"Cellar", "Ground Floor", "Top Floor", NULL}};

/* Kinds of devices: how often, how they are called, and their states. */
struct device_kind {
    const char *domain, *device_class;
    double weight;
    const char *nouns[7];
    const char *states[4];
};

static const struct device_kind kinds[] = {
    {"light",
     "",
     26,
     {"Light", "Lamp", "Lights", "Ceiling Light", "Floor Lamp", "LED Strip", "Spots"},
     {"on", "off"}},
    {"switch",
     "",
     5,
     {"Switch", "Pump", "Socket", "Charger", "Coffee Machine", "Printer", "Kettle"},
     {"on", "off"}},
    {"switch", "outlet", 3, {"Outlet", "Plug", "Smart Plug", "Wall Socket"}, {"on", "off"}},
    {"fan",
     "",
     5,
     {"Fan", "Ceiling Fan", "Extractor", "Ventilation", "Exhaust Fan"},
     {"on", "off"}},
    {"lock", "", 4, {"Lock", "Door Lock", "Door", "Smart Lock"}, {"locked", "unlocked"}},
    {"climate",
     "",
     5,
     {"Thermostat", "Heating", "AC", "Radiator", "Heater", "Climate", "Heat Pump"},
     {"heat", "cool", "off"}},
    {"cover",
     "blind",
     4,
     {"Blinds", "Blind", "Roller Blind", "Left Blind", "Right Blind"},
     {"open", "closed"}},
    {"cover", "curtain", 3, {"Curtains", "Curtain", "Drapes"}, {"open", "closed"}},
    {"cover", "shade", 2, {"Shades", "Shade", "Sunshade"}, {"open", "closed"}},
    {"cover", "shutter", 2, {"Shutters", "Shutter", "Roller Shutter"}, {"open", "closed"}},
    {"cover",
     "garage",
     2,
     {"Garage Door", "Left Garage Door", "Overhead Door"},
     {"open", "closed"}},
    {"cover", "gate", 1.2, {"Gate", "Front Gate", "Driveway Gate"}, {"open", "closed"}},
    {"cover", "awning", 1, {"Awning", "Canopy"}, {"open", "closed"}},
    {"cover", "window", 1.6, {"Window", "Skylight", "Roof Window"}, {"open", "closed"}},
    {"cover", "door", 1, {"Door", "Sliding Door", "Patio Door"}, {"open", "closed"}},
    {"cover", "damper", 0.4, {"Damper", "Vent Flap"}, {"open", "closed"}},
    {"media_player", "tv", 4, {"TV", "Television", "Smart TV"}, {"on", "off", "playing"}},
    {"media_player",
     "speaker",
     4,
     {"Speaker", "Speakers", "Soundbar", "Echo", "Sonos"},
     {"playing", "paused", "idle"}},
    {"media_player", "receiver", 1, {"Receiver", "Amplifier", "Stereo"}, {"on", "off"}},
    {"media_player",
     "",
     3,
     {"Media Player", "Radio", "Chromecast", "Music Player"},
     {"playing", "paused", "off"}},
    {"vacuum",
     "",
     2.5,
     {"Vacuum", "Robot Vacuum", "Hoover", "Roomba", "Cleaning Robot"},
     {"docked", "cleaning"}},
    {"lawn_mower", "", 1, {"Mower", "Lawn Mower", "Robot Mower"}, {"docked", "mowing"}},
    {"valve", "water", 0.8, {"Water Valve", "Sprinkler Valve", "Main Valve"}, {"open", "closed"}},
    {"valve", "", 0.6, {"Valve", "Shutoff Valve", "Gas Valve"}, {"open", "closed"}},
    {"siren", "", 0.6, {"Siren", "Alarm Siren"}, {"off", "on"}},
    {"scene",
     "",
     3,
     {"Movie Night", "Good Night", "Relax", "Dinner Time", "Morning", "Reading"},
     {"unknown"}},
    {"script",
     "",
     2,
     {"Leaving Home", "Bedtime", "Arrive Home", "Water Plants", "Party Time"},
     {"off"}},
    {"input_boolean",
     "",
     1.5,
     {"Guest Mode", "Vacation Mode", "Night Mode", "Quiet Hours"},
     {"off", "on"}},
    {"button", "", 0.5, {"Doorbell Chime", "Feed Button", "Wake Button"}, {"unknown"}},
    {"button", "restart", 0.4, {"Router Restart", "Hub Restart"}, {"unknown"}},
    {"button", "identify", 0.3, {"Identify", "Find Tag"}, {"unknown"}},
    {"button", "update", 0.2, {"Firmware Update"}, {"unknown"}},
    {"todo",
     "",
     3,
     {"Shopping List", "Groceries", "Chores", "To-do", "Weekend", "Packing List"},
     {"3"}},
    {"weather",
     "",
     1.2,
     {"Home", "London", "Forecast Home", "Berlin", "Holiday Cottage"},
     {"sunny", "cloudy"}},
    {"person",
     "",
     2.2,
     {"Anna", "Paul", "Grace", "Omar", "Yuki", "Priya", "Tomas"},
     {"home", "not_home"}},
    {"sensor", "temperature", 1.2, {"Temperature", "Thermometer"}, {"21.5"}},
    {"sensor", "humidity", 1.0, {"Humidity", "Hygrometer"}, {"48"}},
    {"sensor", "power", 0.7, {"Power", "Power Meter"}, {"120"}},
    {"sensor", "energy", 0.5, {"Energy", "Energy Today"}, {"3.4"}},
    {"sensor", "carbon_dioxide", 0.5, {"CO2", "Air Sensor CO2"}, {"640"}},
    {"sensor", "illuminance", 0.4, {"Illuminance", "Light Level"}, {"200"}},
    {"sensor", "aqi", 0.3, {"Air Quality"}, {"32"}},
    {"sensor", "battery", 0.7, {"Phone Battery", "Remote Battery", "Tablet Battery"}, {"77"}},
    {"binary_sensor", "motion", 1.0, {"Motion", "Motion Sensor"}, {"off", "on"}},
    {"binary_sensor", "occupancy", 0.5, {"Occupancy", "Presence Sensor"}, {"off", "on"}},
    {"binary_sensor", "door", 0.9, {"Door Sensor", "Door Contact"}, {"off", "on"}},
    {"binary_sensor", "window", 0.7, {"Window Sensor", "Window Contact"}, {"off", "on"}},
    {"binary_sensor", "smoke", 0.5, {"Smoke Detector", "Smoke Alarm"}, {"off"}},
    {"binary_sensor", "moisture", 0.5, {"Leak Sensor", "Water Sensor"}, {"off"}},
};
#define N_KINDS ((int)(sizeof kinds / sizeof *kinds))

static const char *const qualifiers[] = {
    "Desk",   "Bedside", "Corner",  "Reading", "Big",    "Small", "Old",    "New",   "Left",
    "Right",  "Main",    "Wall",    "Front",   "Back",   "Floor", "Window", "Upper", "Lower",
    "Second", "Ambient", "Counter", "Sofa",    "Mirror", "Tall",  "Blue"};
static const char *const alias_heads[] = {"big",      "the little", "my",    "favourite",
                                          "old",      "second",     "mum's", "dad's",
                                          "the main", "fancy",      "Rosa's"};

#define TWINS_SHARE 0.3 /* of the random homes have two devices that share a word */

/* Kinds that stand in no room. */
static int is_placeless(const char *domain)
{
    static const char *const names[] = {"scene", "script",  "input_boolean",
                                        "todo",  "weather", "person"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(domain, names[i])) return 1;
    return 0;
}

static const char *pick_nonnull(struct gen_rng *r, const char *const *list, size_t max)
{
    size_t n = 0;
    while (n < max && list[n]) n++;
    return list[gen_below(r, n)];
}

/* Names of random size classes: median near 18, some tiny, some of 80. */
static int random_size(struct gen_rng *r)
{
    double x = gen_unit(r);
    if (x < 0.08) return 1 + (int)gen_below(r, 5);
    if (x < 0.70) return 8 + (int)gen_below(r, 20);
    if (x < 0.93) return 20 + (int)gen_below(r, 25);
    return 45 + (int)gen_below(r, SAN_GEN_ENTITIES_MAX - 44);
}

/* Data files call all covers of some homes blinds: a name that says another kind does not fit. */
static int says_other_cover(const char *name, const char *device_class)
{
    static const char *const classes[] = {"awning", "blind", "curtain", "damper",  "door",
                                          "garage", "gate",  "shade",   "shutter", "window"};
    int says_own = 0, says_other = 0;
    char lower[200];
    snprintf(lower, sizeof lower, "%s", name);
    gen_lower(lower);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strstr(lower, classes[i])) {
            if (!strcmp(classes[i], device_class))
                says_own = 1;
            else
                says_other = 1;
        }
    return says_other && !says_own;
}

static void entity_name(struct gen_rng *r, const struct gen_vocabulary *v,
                        const struct device_kind *k, const char *area, char *out, size_t cap)
{
    const char *noun = pick_nonnull(r, k->nouns, 7);
    if (is_placeless(k->domain) || !*area) {
        for (int tries = 0; tries < 40 && gen_chance(r, 0.97); tries++) {
            const struct gen_name *n = &v->name[gen_below(r, (size_t)v->n_name)];
            if (strcmp(n->domain, k->domain)) continue;
            snprintf(out, cap, "%s", n->name);
            return;
        }
        snprintf(out, cap, "%s", noun);
        return;
    }
    double x = gen_unit(r);
    if (x < 0.40)
        snprintf(out, cap, "%s %s", area, noun);
    else if (x < 0.52)
        snprintf(out, cap, "%s %s", GEN_PICK(r, qualifiers), noun);
    else if (x < 0.62)
        snprintf(out, cap, "%s %s %s", area, GEN_PICK(r, qualifiers), noun);
    else if (x < 0.66)
        snprintf(out, cap, "%s", noun);
    else if (x < 0.68)
        snprintf(out, cap, "%s %s %u", area, noun, 1 + gen_below(r, 4));
    else {
        snprintf(out, cap, "%s %s", area, noun);
        for (int tries = 0; tries < 60; tries++) {
            const struct gen_name *n = &v->name[gen_below(r, (size_t)v->n_name)];
            if (strcmp(n->domain, k->domain) || strcmp(n->device_class, k->device_class)) continue;
            if (!strcmp(k->domain, "cover") && says_other_cover(n->name, k->device_class)) continue;
            const char *rest = n->name;
            for (int a = 0; a < v->n_area; a++) { /* another room's name gives way to this one's */
                size_t len = strlen(v->area[a]);
                if (!strncmp(n->name, v->area[a], len) && n->name[len] == ' ' &&
                    n->name + len + 1 > rest)
                    rest = n->name + len + 1;
            }
            if (rest != n->name)
                snprintf(out, cap, "%s %s", area, rest);
            else
                snprintf(out, cap, "%s", n->name);
            return;
        }
    }
}

static int name_taken(const json_t *entities, const char *name, const char *domain,
                      const char *area, int *same_name)
{
    size_t i;
    json_t *e;
    *same_name = 0;
    json_array_foreach((json_t *)(uintptr_t)entities, i, e)
    {
        const char *n = json_string_value(json_object_get(e, "name"));
        if (gen_find_words(n, name) != n || strlen(n) != strlen(name)) continue;
        *same_name = 1;
        const char *a = json_string_value(json_object_get(e, "area"));
        if (!strcmp(json_string_value(json_object_get(e, "domain")), domain) &&
            !strcmp(a ? a : "", area))
            return 1;
    }
    return 0;
}

static json_t *new_entity(const struct device_kind *k, const char *name, const char *area,
                          const char *state, size_t number)
{
    char id[200];
    size_t n = (size_t)snprintf(id, sizeof id, "%s.", k->domain);
    for (const char *p = name; *p && n < 150; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x80 && isalnum(c))
            id[n++] = (char)tolower(c);
        else if (id[n - 1] != '_' && id[n - 1] != '.')
            id[n++] = '_';
    }
    snprintf(id + n, sizeof id - n, "_%zu", number);
    json_t *e = json_pack("{s:s,s:s,s:[],s:s*,s:s,s:s*,s:s}", "id", id, "name", name, "aliases",
                          "area", *area ? area : NULL, "domain", k->domain, "device_class",
                          *k->device_class ? k->device_class : NULL, "state", state);
    if (e && !*area) json_object_set_new(e, "area", json_null());
    if (e && !*k->device_class) json_object_set_new(e, "device_class", json_null());
    return e;
}

static json_t *random_areas(struct gen_rng *r, const struct gen_vocabulary *v, int n, int lower)
{
    json_t *areas = json_array();
    int set = (int)gen_below(r, sizeof floor_sets / sizeof *floor_sets), n_floors = 0;
    if (gen_chance(r, 0.55)) {
        while (n_floors < 4 && floor_sets[set][n_floors]) n_floors++;
        if (n_floors > 2 && gen_chance(r, 0.5)) n_floors = 2;
    }
    for (int tries = 0; tries < 4 * n && (int)json_array_size(areas) < n; tries++) {
        char name[80];
        if (v->n_area && gen_chance(r, 0.4))
            snprintf(name, sizeof name, "%s", v->area[gen_below(r, (size_t)v->n_area)]);
        else
            snprintf(name, sizeof name, "%s", GEN_PICK(r, own_areas));
        if (lower) gen_lower(name);
        int known = 0;
        size_t i;
        json_t *a;
        json_array_foreach(areas, i, a)
        {
            const char *other = json_string_value(json_object_get(a, "name"));
            known |= strlen(other) == strlen(name) && gen_find_words(other, name) == other;
        }
        for (int k = 0; k < n_floors; k++)
            known |= gen_find_words(floor_sets[set][k], name) != NULL;
        if (known) continue;
        a = json_pack("{s:s,s:n}", "name", name, "floor");
        if (n_floors && gen_chance(r, 0.93))
            json_object_set_new(a, "floor",
                                json_string(floor_sets[set][gen_below(r, (size_t)n_floors)]));
        json_array_append_new(areas, a);
    }
    return areas;
}

/* Two devices that stand side by side and share a word: Bedside Left and Bedside Right. */
static void add_twins(struct gen_rng *r, json_t *areas, json_t *entities, int lower)
{
    static const char *const heads[] = {
        "Bedside", "Sofa",    "Porch",  "Mirror",    "Counter", "Cabinet", "Couch",   "Reading",
        "Mantel",  "Vanity",  "Alcove", "Shelf",     "Stairs",  "Piano",   "Balcony", "Gable",
        "Bay",     "Terrace", "Sink",   "Headboard", "Island",  "Corner",  "Fence",   "Dresser"};
    static const char *const sides[][2] = {{"Left", "Right"}, {"1", "2"},         {"A", "B"},
                                           {"Front", "Back"}, {"Upper", "Lower"}, {"Big", "Small"}};
    const char *head = GEN_PICK(r, heads);
    const int side = (int)gen_below(r, sizeof sides / sizeof *sides), form = (int)gen_below(r, 3);
    const char *area = json_string_value(
        json_object_get(json_array_get(areas, gen_below(r, json_array_size(areas))), "name"));
    const struct device_kind *k;
    char name[2][160];
    int same = 0, is_fit = 0;

    do {
        k = &kinds[gen_below(r, N_KINDS)];
        is_fit = !strcmp(k->domain, "light") || !strcmp(k->domain, "fan") ||
                 (!strcmp(k->domain, "cover") && strcmp(k->device_class, "garage"));
    } while (!is_fit || (strcmp(k->domain, "light") && gen_chance(r, 0.7)));
    const char *noun = pick_nonnull(r, k->nouns, 7);
    for (int i = 0; i < 2; i++) {
        if (form == 0 && !strcmp(k->domain, "light"))
            snprintf(name[i], sizeof name[i], "%s %s", head, sides[side][i]);
        else if (form == 1)
            snprintf(name[i], sizeof name[i], "%s %s %s", head, noun, sides[side][i]);
        else
            snprintf(name[i], sizeof name[i], "%s %s %s", sides[side][i], head, noun);
        if (lower) gen_lower(name[i]);
        if (name_taken(entities, name[i], k->domain, area, &same) || same) return;
    }
    for (int i = 0; i < 2; i++)
        json_array_append_new(entities, new_entity(k, name[i], area, pick_nonnull(r, k->states, 4),
                                                   json_array_size(entities)));
}

json_t *gen_home_random(struct gen_rng *r, const struct gen_vocabulary *v)
{
    int n = random_size(r), lower = gen_chance(r, 0.12);
    int n_areas = 1 + n / 4 + (int)gen_below(r, 3);
    if (n_areas > 14) n_areas = 14;
    json_t *areas = gen_chance(r, 0.05) ? json_array() : random_areas(r, v, n_areas, lower);
    json_t *entities = json_array();
    double weight[N_KINDS];
    for (int i = 0; i < N_KINDS; i++)
        weight[i] = kinds[i].weight * (gen_chance(r, 0.25) ? 0.15 : 1.0); /* homes differ */
    for (int tries = 0; tries < 6 * n && (int)json_array_size(entities) < n; tries++) {
        const struct device_kind *k = &kinds[gen_weighted(r, weight, N_KINDS)];
        const char *area = "";
        if (!is_placeless(k->domain) && json_array_size(areas) && gen_chance(r, 0.95))
            area = json_string_value(json_object_get(
                json_array_get(areas, gen_below(r, json_array_size(areas))), "name"));
        char name[160];
        int same = 0;
        entity_name(r, v, k, area, name, sizeof name);
        if (lower) gen_lower(name);
        /* Two devices of one name: rare across domains or rooms, never of one kind in one room. */
        if (name_taken(entities, name, k->domain, area, &same) || (same && !gen_chance(r, 0.25)))
            continue;
        json_t *e =
            new_entity(k, name, area, pick_nonnull(r, k->states, 4), json_array_size(entities));
        if (gen_chance(r, 0.12)) {
            char alias[200];
            const char *noun = pick_nonnull(r, k->nouns, 7);
            if (gen_chance(r, 0.5))
                snprintf(alias, sizeof alias, "%s %s", GEN_PICK(r, alias_heads), noun);
            else
                snprintf(alias, sizeof alias, "%s %s", GEN_PICK(r, qualifiers), noun);
            if (!name_taken(entities, alias, k->domain, area, &same) && !same)
                json_array_append_new(json_object_get(e, "aliases"), json_string(alias));
        }
        json_array_append_new(entities, e);
    }
    if (json_array_size(areas) && json_array_size(entities) + 2 <= SAN_GEN_ENTITIES_MAX &&
        gen_chance(r, TWINS_SHARE))
        add_twins(r, areas, entities, lower);
    return json_pack("{s:o,s:o}", "areas", areas, "entities", entities);
}
