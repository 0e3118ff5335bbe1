/* discovery_z2m_lower.c - what Zigbee2MQTT's devices and groups can do, as things with features.
 *
 * A device's definition "exposes" its abilities: specific ones (light, switch, fan, cover, lock,
 * climate) with features, and generic ones (binary, numeric, enum). A specific one becomes an entity
 * with the device's name; a generic one an entity called by its label as well. Friendly names tell
 * the room by convention: "kitchen/ceiling" is "Kitchen Ceiling" in the kitchen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/json.h"

#define ACCESS_STATE 1
#define ACCESS_SET   2
#define ACCESS_GET   4
#define MAX_EXPOSES  500 /* most abilities of one device */
#define MAX_MEMBERS  1000
#define MAX_SCENES   256

/* A device or group while its things are made. */
struct owner {
    struct lt_discovery *d;
    const json_t *json;                         /* the entry */
    const char *list;                           /* "bridge/devices" or "bridge/groups" */
    const char *friendly;                       /* as in topics */
    const char *id;                             /* address or group number */
    const char *description;                    /* of the model, "" */
    char area[LT_DISCOVERY_MAX_NAME_BYTES + 1]; /* from the friendly name, "" */
    char floor[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    char name[2 * LT_DISCOVERY_MAX_NAME_BYTES + 2], short_name[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    int n_of_kind[6]; /* specific abilities, by kind */
    int has_main;     /* something has the device's plain name already */
    struct lt__things *out;
    struct lt_diag *diag;
};

/* ---- names ---- */

static enum lt_err read_friendly(struct owner *o)
{
    o->friendly = json_string_value(json_object_get(o->json, "friendly_name"));
    if (!o->friendly)
        return lt_fail(o->diag, LT_ERR_INVALID, "friendly_name: is missing or no string");
    enum lt_err err = lt__name_check(o->friendly, "friendly_name", o->diag);
    if (!err) err = lt__topic_check(o->friendly, "friendly_name", o->diag);
    if (err) return err;
    const char *slash = strrchr(o->friendly, '/');
    lt__pretty(slash ? slash + 1 : o->friendly, o->short_name, sizeof o->short_name);
    if (slash) { /* upstairs/kitchen/ceiling: floor, room and thing */
        char part[LT_DISCOVERY_MAX_NAME_BYTES + 1];
        const char *start = slash;
        while (start > o->friendly && start[-1] != '/') start--;
        snprintf(part, sizeof part, "%.*s", (int)(slash - start), start);
        lt__pretty(part, o->area, sizeof o->area);
        const char *end = start > o->friendly ? start - 1 : start;
        for (start = end; start > o->friendly && start[-1] != '/';) start--;
        snprintf(part, sizeof part, "%.*s", (int)(end - start), start);
        lt__pretty(part, o->floor, sizeof o->floor);
    }
    if (!*o->area || lt__after_words(o->short_name, o->area))
        snprintf(o->name, sizeof o->name, "%s", o->short_name);
    else
        snprintf(o->name, sizeof o->name, "%s %s", o->area, o->short_name);
    if (!slash) o->short_name[0] = '\0';
    return lt__name_check(o->name, "friendly_name", o->diag);
}

static enum lt_err add_thing(struct owner *o, const char *domain, const char *object,
                             const char *suffix, const json_t *config, struct lt__thing **out)
{
    struct lt__things *v = o->out;
    if (v->n == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 8;
        struct lt__thing **more = realloc(v->v, cap * sizeof *more);
        if (!more) return lt_fail(o->diag, LT_ERR_NOMEM, "out of memory for a device");
        v->v = more;
        v->cap = cap;
    }
    struct lt__thing *t = lt__thing_new();
    if (!t) return lt_fail(o->diag, LT_ERR_NOMEM, "out of memory for a device");
    v->v[v->n++] = t;
    const char *gap = *suffix ? " " : "", *base = o->d->z2m_base;
    t->pub.kind = LT_THING_Z2M;
    t->pub.config = lt__keep_json(t, config);
    t->pub.domain = lt__keep(t, domain);
    t->pub.topic = lt__keepf(t, "%s/%s", base, o->list);
    t->pub.device_name = lt__keep(t, o->friendly);
    t->pub.identifier = lt__keepf(t, "zigbee2mqtt_%s", o->id);
    t->pub.unique_id = lt__keepf(t, "%s_%s_%s", o->id, object, base);
    t->found_name = lt__keepf(t, "%s%s%s", o->name, gap, suffix);
    t->suffix = lt__keep(t, suffix);
    t->found_area = lt__keep(t, o->area);
    t->found_floor = lt__keep(t, o->floor);
    t->room_text = lt__keep(t, o->name);
    if (*o->short_name) t->short_name = lt__keepf(t, "%s%s%s", o->short_name, gap, suffix);
    t->pub.availability_mode = "all";
    lt__availability_add(
        t, (struct lt_thing_availability){.topic = lt__keepf(t, "%s/bridge/state", base),
                                          .template_text = "{{ value_json.state }}",
                                          .payload_available = "online",
                                          .payload_not_available = "offline"});
    lt__availability_add(t, (struct lt_thing_availability){
                                .topic = lt__keepf(t, "%s/%s/availability", base, o->friendly),
                                .template_text = "{{ value_json.state }}",
                                .payload_available = "online",
                                .payload_not_available = "offline"});
    *out = t;
    return lt__name_check(t->found_name, "friendly_name", o->diag);
}

/* ---- features ---- */

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static struct lt_feature *add_feature(struct owner *o, struct lt__thing *t, const char *name,
                                      enum lt_feature_type type, const json_t *expose)
{
    const json_t *access = json_object_get(expose, "access");
    long long bits = json_is_integer(access) ? json_integer_value(access) : 7;
    const char *property = text(expose, "property");
    struct lt_feature *f = lt__feature_add(t, name, type);
    if (!f) return NULL;
    if (bits & ACCESS_SET)
        f->command_topic = lt__keepf(t, "%s/%s/set", o->d->z2m_base, o->friendly);
    if (bits & ACCESS_STATE) f->state_topic = lt__keepf(t, "%s/%s", o->d->z2m_base, o->friendly);
    f->key = *property ? property : text(expose, "name");
    f->unit = json_string_value(json_object_get(expose, "unit"));
    const json_t *min = json_object_get(expose, "value_min");
    const json_t *max = json_object_get(expose, "value_max");
    if (type == LT_FEATURE_NUMBER && json_is_number(min) && json_is_number(max) &&
        json_number_value(min) < json_number_value(max)) {
        f->has_range = 1;
        f->min = json_number_value(min);
        f->max = json_number_value(max);
        f->step = json_number_value(json_object_get(expose, "value_step"));
    }
    const json_t *values = json_object_get(expose, "values");
    if (type == LT_FEATURE_CHOICE && json_is_array(values)) f->choices = values;
    return f;
}

/* {meaning: payload} of the two values; NULL when the expose does not give them. */
static json_t *two_words(struct lt__thing *t, const json_t *expose, const char *on, const char *off)
{
    json_t *value_on = json_object_get(expose, "value_on");
    json_t *value_off = json_object_get(expose, "value_off");
    if (!value_on || !value_off) return NULL;
    return lt__keep_new(t, json_pack("{s:O,s:O}", on, value_on, off, value_off));
}

/* Specific abilities; the order decides which one has the device's plain name. */
enum kind { LIGHT, SWITCH, COVER, LOCK, FAN, CLIMATE, N_KINDS };
static const char *const kind_names[N_KINDS] = {"light", "switch", "cover",
                                                "lock",  "fan",    "climate"};

/* clang-format off */
static const struct { enum kind kind; const char *from, *name; enum lt_feature_type type; } map[] = {
    {LIGHT, "state", "state", LT_FEATURE_WORD}, {LIGHT, "brightness", "brightness", LT_FEATURE_NUMBER},
    {LIGHT, "color_temp", "color_temp", LT_FEATURE_NUMBER},
    {LIGHT, "color_xy", "xy", LT_FEATURE_XY}, {LIGHT, "color_hs", "hs", LT_FEATURE_HS},
    {SWITCH, "state", "state", LT_FEATURE_WORD},
    {COVER, "state", "state", LT_FEATURE_WORD}, {COVER, "position", "position", LT_FEATURE_NUMBER},
    {COVER, "tilt", "tilt", LT_FEATURE_NUMBER},
    {LOCK, "state", "state", LT_FEATURE_WORD}, {LOCK, "lock_state", "lock_state", LT_FEATURE_CHOICE},
    {FAN, "state", "state", LT_FEATURE_WORD}, {FAN, "fan_state", "state", LT_FEATURE_WORD},
    {FAN, "mode", "preset_mode", LT_FEATURE_CHOICE}, {FAN, "fan_mode", "preset_mode", LT_FEATURE_CHOICE},
    {FAN, "speed", "percentage", LT_FEATURE_NUMBER},
    {CLIMATE, "occupied_heating_setpoint", "temperature", LT_FEATURE_NUMBER},
    {CLIMATE, "current_heating_setpoint", "temperature", LT_FEATURE_NUMBER},
    {CLIMATE, "occupied_cooling_setpoint", "temperature_high", LT_FEATURE_NUMBER},
    {CLIMATE, "local_temperature", "current_temperature", LT_FEATURE_NUMBER},
    {CLIMATE, "system_mode", "mode", LT_FEATURE_CHOICE}, {CLIMATE, "running_state", "action", LT_FEATURE_CHOICE},
    {CLIMATE, "preset", "preset_mode", LT_FEATURE_CHOICE}, {CLIMATE, "fan_mode", "fan_mode", LT_FEATURE_CHOICE},
    {CLIMATE, "swing_mode", "swing_mode", LT_FEATURE_CHOICE},
};

/* Words in a model's description that tell the class. */
static const struct { enum kind kind; const char *word, *device_class; } class_words[] = {
    {COVER, "garage", "garage"}, {COVER, "gate", "gate"}, {COVER, "curtain", "curtain"},
    {COVER, "shutter", "shutter"}, {COVER, "awning", "awning"}, {COVER, "shade", "shade"},
    {COVER, "blind", "blind"}, {COVER, "window", "window"},
    {SWITCH, "plug", "outlet"}, {SWITCH, "outlet", "outlet"}, {SWITCH, "socket", "outlet"},
};

/* Generic abilities and the class Home Assistant has for them. */
static const struct { const char *name, *device_class; } generic_classes[] = {
    {"battery", "battery"}, {"battery_low", "battery"}, {"carbon_monoxide", "carbon_monoxide"},
    {"co2", "carbon_dioxide"}, {"contact", "door"}, {"current", "current"}, {"device_temperature", "temperature"},
    {"energy", "energy"}, {"formaldehyd", "volatile_organic_compounds"}, {"gas", "gas"}, {"humidity", "humidity"},
    {"illuminance", "illuminance"}, {"moving", "moving"}, {"noise_detected", "sound"}, {"occupancy", "occupancy"},
    {"pm10", "pm10"}, {"pm25", "pm25"}, {"power", "power"}, {"presence", "presence"}, {"pressure", "pressure"},
    {"rain", "moisture"}, {"smoke", "smoke"}, {"soil_moisture", "moisture"}, {"tamper", "tamper"},
    {"temperature", "temperature"}, {"vibration", "vibration"}, {"voc", "volatile_organic_compounds"},
    {"voltage", "voltage"}, {"water_leak", "moisture"},
};

/* Not for people: radio quality, button events, one-off actions on the device itself. */
static const char *const passed_over[] = {
    "action", "effect", "identify", "linkquality", "update", "update_available",
};
/* clang-format on */
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static int has_word(const char *s, const char *word)
{
    for (; *s; s++) {
        size_t i = 0;
        while (word[i] && (s[i] | 0x20) == word[i]) i++;
        if (!word[i]) return 1;
    }
    return 0;
}

static int kind_of(const char *type)
{
    for (int k = 0; k < N_KINDS; k++)
        if (!strcmp(kind_names[k], type)) return k;
    return -1;
}

static void set_words(struct lt__thing *t, struct lt_feature *f, enum kind kind,
                      const json_t *expose)
{
    if (kind == COVER) {
        f->words = lt__keep_new(
            t, json_pack("{s:s,s:s,s:s}", "open", "OPEN", "close", "CLOSE", "stop", "STOP"));
        f->states = lt__keep_new(t, json_pack("{s:s,s:s}", "open", "OPEN", "closed", "CLOSE"));
    } else if (kind == LOCK) {
        f->words = two_words(t, expose, "lock", "unlock");
        f->states = two_words(t, expose, "locked", "unlocked");
    } else {
        f->words = f->states = two_words(t, expose, "on", "off");
    }
    if (!f->command_topic) f->words = NULL;
}

static void add_specific_features(struct owner *o, struct lt__thing *t, enum kind kind,
                                  const json_t *features)
{
    for (size_t i = 0; i < json_array_size(features) && i < MAX_EXPOSES; i++) {
        const json_t *e = json_array_get(features, i);
        const char *name = text(e, "name");
        for (size_t k = 0; k < COUNT(map); k++) {
            if (map[k].kind != kind || strcmp(map[k].from, name) != 0) continue;
            if (lt_thing_feature(&t->pub, map[k].name)) break;
            struct lt_feature *f = add_feature(o, t, map[k].name, map[k].type, e);
            if (!f) break;
            if (map[k].type == LT_FEATURE_WORD) set_words(t, f, kind, e);
            if (kind == LIGHT && !strcmp(name, "color_temp")) f->unit = "mired";
            break;
        }
    }
    if (kind != CLIMATE) return;
    struct lt_feature *low = NULL; /* heating and cooling: the pair low and high */
    int has_high = lt_thing_feature(&t->pub, "temperature_high") != NULL;
    for (size_t i = 0; i < t->pub.n_features; i++)
        if (!strcmp(t->features[i].name, "temperature")) low = t->features + i;
    if (low && has_high) low->name = "temperature_low";
    for (size_t i = 0; !low && i < t->pub.n_features; i++) /* cooling only: one temperature */
        if (!strcmp(t->features[i].name, "temperature_high")) t->features[i].name = "temperature";
}

/* Its state may never have been reported since we are here; devices on mains answer when asked. */
static void add_query(struct owner *o, struct lt__thing *t, const json_t *features)
{
    char payload[256] = "{";
    size_t used = 1;
    if (!strcmp(text(o->json, "power_source"), "Battery")) return; /* asleep */
    for (size_t i = 0; i < json_array_size(features); i++) {
        const json_t *e = json_array_get(features, i);
        const char *property = text(e, "property");
        int is_plain = *property && !strpbrk(property, "\"\\") && strlen(property) < 64;
        if (!(json_integer_value(json_object_get(e, "access")) & ACCESS_GET) || !is_plain) continue;
        if (used + strlen(property) + 8 > sizeof payload) break;
        used += (size_t)snprintf(payload + used, sizeof payload - used, "%s\"%s\":\"\"",
                                 used > 1 ? "," : "", property);
    }
    if (used == 1) return;
    t->pub.query_topic = lt__keepf(t, "%s/%s/get", o->d->z2m_base, o->friendly);
    t->pub.query_payload = lt__keepf(t, "%s}", payload);
}

/* A specific ability worth an entity: its main feature is there and not a setting by another name. A
 * radiator valve's child lock is a "lock" and its valve detection a "switch", told by their property. */
static int is_main(enum kind kind, const json_t *features)
{
    if (kind == CLIMATE || kind == FAN || kind == COVER) return json_array_size(features) > 0;
    for (size_t i = 0; i < json_array_size(features); i++) {
        const json_t *e = json_array_get(features, i);
        const char *property = text(e, "property");
        if (strcmp(text(e, "name"), "state") != 0) continue;
        return kind == LIGHT || !*property || !strncmp(property, "state", 5);
    }
    return 0;
}

static enum lt_err add_specific(struct owner *o, const json_t *expose, enum kind kind)
{
    char suffix[LT_DISCOVERY_MAX_NAME_BYTES + 1] = "", object[96];
    const char *endpoint = text(expose, "endpoint");
    const json_t *features = json_object_get(expose, "features");
    struct lt__thing *t;
    if (!is_main(kind, features)) return LT_OK;
    int is_first_kind = 1;
    for (int k = 0; k < (int)kind; k++) is_first_kind &= !o->n_of_kind[k];
    if (o->n_of_kind[kind] > 1 && *endpoint) lt__pretty(endpoint, suffix, sizeof suffix);
    if (!*suffix && !is_first_kind) lt__pretty(kind_names[kind], suffix, sizeof suffix);
    snprintf(object, sizeof object, "%s%s%.40s", kind_names[kind], *endpoint ? "_" : "", endpoint);
    enum lt_err err = add_thing(o, kind_names[kind], object, suffix, expose, &t);
    if (err) return err;
    t->endpoint = endpoint;
    t->component = kind_names[kind]; /* groups are made of these */
    for (size_t i = 0; i < COUNT(class_words) && !*t->pub.device_class; i++)
        if (class_words[i].kind == kind && has_word(o->description, class_words[i].word))
            t->pub.device_class = class_words[i].device_class;
    add_specific_features(o, t, kind, features);
    add_query(o, t, features);
    return LT_OK;
}

/* What a sensor is there for: the first of these has the device's own name. */
static int is_purpose(const char *name)
{
    static const char *const purposes[] = {"contact",         "occupancy", "presence",
                                           "water_leak",      "smoke",     "gas",
                                           "carbon_monoxide", "vibration", "rain"};
    for (size_t i = 0; i < COUNT(purposes); i++)
        if (!strcmp(purposes[i], name)) return 1;
    return 0;
}

/* A contact is a door's unless the names tell another thing. */
static const char *class_of_contact(const struct owner *o)
{
    char all[LT_DISCOVERY_MAX_NAME_BYTES * 2 + 2];
    snprintf(all, sizeof all, "%s", o->name);
    if (has_word(all, "window") || has_word(all, "fenster") || has_word(all, "skylight"))
        return "window";
    return has_word(all, "garage") ? "garage_door" : "door";
}

static enum lt_err add_generic(struct owner *o, const json_t *expose)
{
    char suffix[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    const char *type = text(expose, "type"), *name = text(expose, "name");
    const json_t *access = json_object_get(expose, "access");
    int is_settable = json_integer_value(access) & ACCESS_SET ? 1 : 0;
    const char *label = text(expose, "label"), *property = text(expose, "property");
    enum lt_feature_type feature = LT_FEATURE_CHOICE;
    const char *domain = is_settable ? "select" : "sensor";
    if (!strcmp(type, "binary")) {
        domain = is_settable ? "switch" : "binary_sensor";
        feature = LT_FEATURE_WORD;
    } else if (!strcmp(type, "numeric")) {
        domain = is_settable ? "number" : "sensor";
        feature = LT_FEATURE_NUMBER;
    } else if (strcmp(type, "enum") != 0) {
        return LT_OK;
    }
    for (size_t i = 0; i < COUNT(passed_over); i++)
        if (!strcmp(name, passed_over[i])) return LT_OK;
    lt__pretty(*label ? label : name, suffix, sizeof suffix);
    if (!o->has_main && is_purpose(name)) {
        o->has_main = 1;
        suffix[0] = '\0';
    }
    enum lt_err err = *suffix ? lt__name_check(suffix, "exposes/name", o->diag) : LT_OK;
    struct lt__thing *t;
    if (!err) err = add_thing(o, domain, *property ? property : name, suffix, expose, &t);
    if (err) return err;
    struct lt_feature *f = add_feature(o, t, "state", feature, expose);
    if (f && f->unit) t->pub.unit = f->unit;
    if (f && feature == LT_FEATURE_WORD) {
        f->states = two_words(t, expose, "on", "off");
        f->words = is_settable ? f->states : NULL;
    }
    for (size_t i = 0; i < COUNT(generic_classes); i++)
        if (!strcmp(generic_classes[i].name, name))
            t->pub.device_class = generic_classes[i].device_class;
    if (!strcmp(name, "contact")) t->pub.device_class = class_of_contact(o);
    return LT_OK;
}

/* ---- scenes ---- */

static enum lt_err add_scenes(struct owner *o, const json_t *scenes)
{
    for (size_t i = 0; i < json_array_size(scenes) && i < MAX_SCENES; i++) {
        const json_t *scene = json_array_get(scenes, i);
        json_t *id = json_object_get(scene, "id");
        const char *name = text(scene, "name");
        char object[32];
        struct lt__thing *t;
        struct lt_diag inner = {0};
        if (!json_is_integer(id) || lt__name_check(name, "scenes/name", &inner))
            return lt_fail(o->diag, LT_ERR_INVALID, "scenes/%zu: needs id and name", i);
        snprintf(object, sizeof object, "scene_%lld", (long long)json_integer_value(id));
        enum lt_err err = add_thing(o, "scene", object, name, scene, &t);
        if (err) return err;
        struct lt_feature *f = lt__feature_add(t, "state", LT_FEATURE_WORD);
        if (!f) continue;
        t->short_name = lt__keep(t, name);
        f->command_topic = lt__keepf(t, "%s/%s/set", o->d->z2m_base, o->friendly);
        f->key = "scene_recall";
        f->words = lt__keep_new(t, json_pack("{s:O}", "on", id));
    }
    return LT_OK;
}

static enum lt_err check_made(const struct owner *o, enum lt_err err)
{
    for (size_t i = 0; !err && i < o->out->n; i++)
        if (o->out->v[i]->is_broken)
            err = lt_fail(o->diag, LT_ERR_NOMEM, "out of memory for a device");
    return err;
}

enum lt_err lt__z2m_device_things(struct lt_discovery *d, const json_t *device,
                                  struct lt__things *out, struct lt_diag *diag)
{
    const json_t *definition = json_object_get(device, "definition");
    const json_t *exposes = json_object_get(definition, "exposes");
    struct owner o = {.d = d, .json = device, .list = "bridge/devices", .out = out, .diag = diag};
    o.id = text(device, "ieee_address");
    o.description = text(definition, "description");
    enum lt_err err = read_friendly(&o);
    if (!err && (!json_is_array(exposes) || json_array_size(exposes) > MAX_EXPOSES))
        err = lt_fail(diag, LT_ERR_INVALID, "definition/exposes: expected an array of at most %d",
                      MAX_EXPOSES);
    for (size_t i = 0; !err && i < json_array_size(exposes); i++) {
        int k = kind_of(text(json_array_get(exposes, i), "type"));
        if (k >= 0 &&
            is_main((enum kind)k, json_object_get(json_array_get(exposes, i), "features")))
            o.has_main = ++o.n_of_kind[k] > 0;
    }
    for (size_t i = 0; !err && i < json_array_size(exposes); i++) {
        const json_t *e = json_array_get(exposes, i);
        const char *category = text(e, "category");
        int k = kind_of(text(e, "type"));
        if (!strcmp(category, "config") || !strcmp(category, "diagnostic")) continue;
        err = k >= 0 ? add_specific(&o, e, (enum kind)k) : add_generic(&o, e);
    }
    const json_t *endpoints = json_object_get(device, "endpoints");
    void *at = json_object_iter((json_t *)(uintptr_t)endpoints); /* only reads */
    for (; !err && at; at = json_object_iter_next((json_t *)(uintptr_t)endpoints, at))
        err = add_scenes(&o, json_object_get(json_object_iter_value(at), "scenes"));
    return check_made(&o, err);
}

/* ---- groups ---- */

/* Narrow `f` to what `other` can do too. */
static void narrow(struct lt__thing *t, struct lt_feature *f, const struct lt_feature *other)
{
    if (f->has_range && other->has_range) {
        if (other->min > f->min) f->min = other->min;
        if (other->max < f->max) f->max = other->max;
        if (f->min >= f->max) f->has_range = 0; /* nothing in common */
    }
    if (!f->choices || !other->choices) return;
    json_t *both = lt__keep_new(t, json_array());
    for (size_t i = 0; both && i < json_array_size(f->choices); i++) {
        json_t *v = json_array_get(f->choices, i);
        for (size_t k = 0; k < json_array_size(other->choices); k++)
            if (json_equal(v, json_array_get(other->choices, k))) {
                if (json_array_append(both, v)) t->is_broken = 1;
                break;
            }
    }
    f->choices = both;
}

/* The property as the group has it: without the member's endpoint ("state_left" -> "state"). */
static const char *plain_key(struct lt__thing *t, const struct lt_feature *f, const char *endpoint)
{
    const char *key = f->key ? f->key : f->name;
    size_t n = strlen(key), n_end = strlen(endpoint);
    if (n_end && n > n_end + 1 && !strcmp(key + n - n_end, endpoint) && key[n - n_end - 1] == '_')
        return lt__keepf(t, "%.*s", (int)(n - n_end - 1), key);
    return lt__keep(t, key);
}

static void copy_features(struct owner *o, struct lt__thing *t, const struct lt__thing *from)
{
    for (size_t i = 0; i < from->pub.n_features; i++) {
        const struct lt_feature *src = from->pub.features + i;
        struct lt_feature *f = src->command_topic ? lt__feature_add(t, src->name, src->type) : NULL;
        if (!f) continue;
        *f = *src; /* names and units of features are static or the member's: keep those */
        f->command_topic = lt__keepf(t, "%s/%s/set", o->d->z2m_base, o->friendly);
        f->state_topic =
            src->state_topic ? lt__keepf(t, "%s/%s", o->d->z2m_base, o->friendly) : NULL;
        f->key = plain_key(t, src, from->endpoint);
        f->unit = src->unit ? lt__keep(t, src->unit) : NULL;
        f->choices = src->choices ? lt__keep_json(t, src->choices) : NULL;
        f->words = src->words ? lt__keep_json(t, src->words) : NULL;
        f->states = src->states ? lt__keep_json(t, src->states) : NULL;
    }
}

/* A group's entity of one kind: what all members of that kind can do. */
static enum lt_err add_group_kind(struct owner *o, enum kind kind, struct lt__thing *const *members,
                                  size_t n_members)
{
    struct lt__thing *t = NULL;
    for (size_t i = 0; i < n_members; i++) {
        const struct lt__thing *m = members[i];
        if (strcmp(m->component, kind_names[kind]) != 0) continue;
        if (!t) {
            char suffix[32] = "";
            if (o->out->n) lt__pretty(kind_names[kind], suffix, sizeof suffix);
            enum lt_err err = add_thing(o, kind_names[kind], kind_names[kind], suffix, o->json, &t);
            if (err) return err;
            t->pub.device_class = lt__keep(t, m->pub.device_class);
            copy_features(o, t, m);
            continue;
        }
        if (strcmp(t->pub.device_class, m->pub.device_class) != 0) t->pub.device_class = "";
        for (size_t k = t->pub.n_features; k-- > 0;) {
            const struct lt_feature *other = lt_thing_feature(&m->pub, t->features[k].name);
            if (other && other->command_topic) {
                narrow(t, t->features + k, other);
                continue;
            }
            t->pub.n_features--;
            memmove(t->features + k, t->features + k + 1,
                    (t->pub.n_features - k) * sizeof *t->features);
        }
    }
    return LT_OK;
}

enum lt_err lt__z2m_group_things(struct lt_discovery *d, const json_t *group,
                                 struct lt__things *out, struct lt_diag *diag)
{
    char id[32];
    const json_t *list = json_object_get(group, "members");
    struct owner o = {.d = d, .json = group, .list = "bridge/groups", .out = out, .diag = diag};
    o.id = id;
    o.description = "";
    snprintf(id, sizeof id, "%lld", (long long)json_integer_value(json_object_get(group, "id")));
    enum lt_err err = read_friendly(&o);
    if (err) return err;
    if (!strcmp(o.friendly, "default_bind_group")) return LT_OK; /* Zigbee2MQTT's own */
    if (list && (!json_is_array(list) || json_array_size(list) > MAX_MEMBERS))
        return lt_fail(diag, LT_ERR_INVALID, "members: expected an array of at most %d",
                       MAX_MEMBERS);
    struct lt__thing **members = NULL;
    size_t n = 0;
    for (size_t i = 0; !err && i < json_array_size(list); i++) {
        char key[LT_DISCOVERY_MAX_TOPIC_BYTES + 64];
        const char *ieee = text(json_array_get(list, i), "ieee_address");
        struct lt_diag inner = {0};
        const struct lt__source *s =
            lt__z2m_key(d, ieee, key, sizeof key, &inner) ? NULL : lt__source_find(d, key);
        if (!s || !s->n) continue; /* not known (yet), or not usable */
        struct lt__thing **more = realloc(members, (n + s->n) * sizeof *more);
        if (!more) {
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory for a group");
            break;
        }
        members = more;
        memcpy(members + n, s->v, s->n * sizeof *members);
        n += s->n;
    }
    for (int k = 0; !err && k < N_KINDS; k++) err = add_group_kind(&o, (enum kind)k, members, n);
    free(members);
    if (!err) err = add_scenes(&o, json_object_get(group, "scenes"));
    return check_made(&o, err);
}
