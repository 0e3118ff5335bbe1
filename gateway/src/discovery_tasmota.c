/* discovery_tasmota.c - Tasmota's own announcements, tasmota/discovery/<MAC>/config and …/sensors.
 *
 * The config tells topics and what each relay is: a switch, a light, or half of a shutter; an iFan is
 * told apart by a flag. Sensors come in a message of their own, which has no topics, so a device's
 * things are made again whenever one of the two changes. A device reports what a command did on
 * stat/<topic>/RESULT, and everything now and then on tele/<topic>/STATE (lt_feature.full_topic).
 * Source: Tasmota, "Discovery" and "Commands"; keys as written by xdrv_12_discovery. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/json.h"

#define MAX_RELAYS      32 /* Tasmota has 28 */
#define MAX_SENSORS     32 /* most readings taken of one device */
#define CT_MIN          153
#define CT_MAX          500
#define RELAY_SWITCH    1
#define RELAY_LIGHT     2
#define RELAY_SHUTTER   3
#define LIGHT_CW        2
#define LIGHT_RGB       3
#define LIGHT_RGBCW     5
#define SHUTTER_INVERTS 1 /* bit of sho: positions count the other way */

struct device {
    struct lt_discovery *d;
    const json_t *json;
    const char *topic; /* of the announcement */
    const char *mac;
    char name[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    char cmnd[LT_DISCOVERY_MAX_TOPIC_BYTES], stat[LT_DISCOVERY_MAX_TOPIC_BYTES];
    char tele[LT_DISCOVERY_MAX_TOPIC_BYTES]; /* each ends with '/' */
    int n_power, always_numbered;
    struct lt__things *out;
    struct lt_diag *diag;
};

static const char *text_at(const json_t *array, size_t i, const char *other)
{
    const char *s = json_string_value(json_array_get(array, i));
    return s && *s ? s : other;
}

static const char *text_of(const json_t *o, const char *key, const char *other)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && *s ? s : other;
}

static long long number_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* "kitchen/ceiling light" and "Kitchen - Ceiling" as they are spoken. */
static void spoken(const char *s, char *out, size_t cap)
{
    char flat[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    size_t n = 0;
    for (; *s && n + 1 < sizeof flat; s++) {
        int is_dash = *s == '-' && n && flat[n - 1] == ' ' && s[1] == ' ';
        flat[n++] = *s == '/' || is_dash ? ' ' : *s;
    }
    flat[n] = '\0';
    lt__pretty(flat, out, cap);
}

/* ---- topics ---- */

static enum lt_err put(struct device *v, char *out, size_t *n, const char *s, size_t n_s)
{
    if (*n + n_s >= LT_DISCOVERY_MAX_TOPIC_BYTES - 40) /* room for the command */
        return lt_fail(v->diag, LT_ERR_LIMIT, "ft: the topic is too long");
    memcpy(out + *n, s, n_s);
    out[ *n += n_s] = '\0';
    return LT_OK;
}

/* ft, "%prefix%/%topic%/", with prefix number `which` of tp. */
static enum lt_err full_topic(struct device *v, size_t which, const char *usual, char *out)
{
    const char *prefix = text_at(json_object_get(v->json, "tp"), which, usual);
    const char *p = text_of(v->json, "ft", "%prefix%/%topic%/");
    size_t n = 0, n_mac = strlen(v->mac);
    const struct {
        const char *token, *text;
    } tokens[] = {{"%prefix%", prefix},
                  {"%topic%", text_of(v->json, "t", "")},
                  {"%hostname%", text_of(v->json, "hn", "")},
                  {"%id%", v->mac + (n_mac > 6 ? n_mac - 6 : 0)}};
    enum lt_err err = LT_OK;
    while (*p && !err) {
        size_t i = 0, n_tokens = sizeof tokens / sizeof *tokens;
        while (i < n_tokens && strncmp(p, tokens[i].token, strlen(tokens[i].token)) != 0) i++;
        if (i == n_tokens && *p == '%')
            return lt_fail(v->diag, LT_ERR_UNSUPPORTED, "ft: \"%.40s\" is not understood", p);
        if (i == n_tokens) {
            err = put(v, out, &n, p++, 1);
        } else {
            err = put(v, out, &n, tokens[i].text, strlen(tokens[i].text));
            p += strlen(tokens[i].token);
        }
    }
    if (!err && n && out[n - 1] != '/') err = put(v, out, &n, "/", 1);
    return err ? err : lt__topic_check(out, "ft", v->diag);
}

/* ---- things ---- */

static enum lt_err add_thing(struct device *v, const char *domain, const char *object,
                             const char *name, struct lt__thing **out)
{
    struct lt__things *all = v->out;
    if (all->n == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 8;
        struct lt__thing **more = realloc(all->v, cap * sizeof *more);
        if (!more) return lt_fail(v->diag, LT_ERR_NOMEM, "out of memory for a device");
        all->v = more;
        all->cap = cap;
    }
    struct lt__thing *t = lt__thing_new();
    if (!t) return lt_fail(v->diag, LT_ERR_NOMEM, "out of memory for a device");
    all->v[all->n++] = t;
    t->pub.kind = LT_THING_HA; /* plain values, one topic a value */
    t->pub.config = lt__keep_json(t, v->json);
    t->pub.domain = lt__keep(t, domain);
    t->pub.topic = lt__keep(t, v->topic);
    t->component = lt__keep(t, object);
    t->pub.device_name = lt__keep(t, v->name);
    t->pub.identifier = lt__keepf(t, "tasmota_%s", v->mac);
    t->pub.unique_id = lt__keepf(t, "%s_%s", v->mac, object);
    t->pub.query_topic = lt__keepf(t, "%sSTATE", v->cmnd);
    t->found_name = lt__keep(t, name);
    t->room_text = t->found_name;
    lt__availability_add(
        t, (struct lt_thing_availability){
               .topic = lt__keepf(t, "%sLWT", v->tele),
               .payload_available = lt__keep(t, text_of(v->json, "onln", "Online")),
               .payload_not_available = lt__keep(t, text_of(v->json, "ofln", "Offline"))});
    *out = t;
    return lt__name_check(t->found_name, "fn", v->diag);
}

static struct lt_feature *add_feature(struct device *v, struct lt__thing *t, const char *name,
                                      enum lt_feature_type type, const char *command,
                                      const char *key)
{
    struct lt_feature *f = lt__feature_add(t, name, type);
    if (!f) return NULL;
    if (command) f->command_topic = lt__keepf(t, "%s%s", v->cmnd, command);
    if (key) f->key = lt__keep(t, key);
    f->state_topic = lt__keepf(t, "%sRESULT", v->stat);
    f->full_topic = lt__keepf(t, "%sSTATE", v->tele);
    return f;
}

static void range(struct lt_feature *f, double min, double max)
{
    if (!f) return;
    f->has_range = 1;
    f->min = min;
    f->max = max;
    f->step = 1;
}

static void add_power(struct device *v, struct lt__thing *t, size_t i)
{
    char command[24];
    const json_t *words = json_object_get(v->json, "state");
    const char *off = text_at(words, 0, "OFF"), *on = text_at(words, 1, "ON");
    snprintf(command, sizeof command, "POWER%zu", i + 1);
    if (v->n_power == 1 && !v->always_numbered) command[5] = '\0';
    struct lt_feature *f = add_feature(v, t, "state", LT_FEATURE_WORD, command, command);
    if (!f) return;
    f->words = lt__keep_new(t, json_pack("{s:s,s:s}", "on", on, "off", off));
    f->states = f->words;
}

static void add_light(struct device *v, struct lt__thing *t, size_t i)
{
    long long kind = number_of(v->json, "lt_st");
    add_power(v, t, i);
    if (kind < 1) return;
    range(add_feature(v, t, "brightness", LT_FEATURE_NUMBER, "Dimmer", "Dimmer"), 0, 100);
    if (kind == LIGHT_CW || kind == LIGHT_RGBCW) {
        struct lt_feature *f = add_feature(v, t, "color_temp", LT_FEATURE_NUMBER, "CT", "CT");
        range(f, CT_MIN, CT_MAX);
        if (f) f->unit = "mired";
    }
    /* Color2 keeps the brightness; what is reported ("Color") is not in its form */
    if (kind >= LIGHT_RGB) (void)add_feature(v, t, "rgb", LT_FEATURE_RGB, "Color2", NULL);
}

/* Opening and closing are commands of their own names, so they are sent as a list of one. */
static void add_shutter(struct device *v, struct lt__thing *t, int number)
{
    long long options =
        json_integer_value(json_array_get(json_object_get(v->json, "sho"), (size_t)number - 1));
    char text[3][32];
    snprintf(text[0], sizeof text[0], "ShutterOpen%d", number);
    snprintf(text[1], sizeof text[1], "ShutterClose%d", number);
    snprintf(text[2], sizeof text[2], "ShutterStop%d", number);
    struct lt_feature *f = add_feature(v, t, "state", LT_FEATURE_WORD, "Backlog", NULL);
    if (f) {
        f->words = lt__keep_new(
            t, json_pack("{s:s,s:s,s:s}", "open", text[0], "close", text[1], "stop", text[2]));
        f->states = lt__keep_new(t, json_pack("{s:s,s:s}", "open", "open", "closed", "closed"));
        int low = options & SHUTTER_INVERTS ? 100 : 0;
        f->state_template = lt__keepf(
            t, "{{ 'closed' if value_json.Shutter%d.Position == %d else 'open' }}", number, low);
    }
    if (options & SHUTTER_INVERTS) return; /* its numbers would be taken the wrong way round */
    snprintf(text[0], sizeof text[0], "ShutterPosition%d", number);
    f = add_feature(v, t, "position", LT_FEATURE_NUMBER, text[0], NULL);
    range(f, 0, 100);
    if (f) f->state_template = lt__keepf(t, "{{ value_json.Shutter%d.Position }}", number);
}

static enum lt_err add_fan(struct device *v)
{
    struct lt__thing *t = NULL;
    enum lt_err err = add_thing(v, "fan", "fan_fan_ifan", v->name, &t);
    if (err) return err;
    struct lt_feature *f = add_feature(v, t, "state", LT_FEATURE_WORD, "FanSpeed", NULL);
    if (f) {
        f->words = lt__keep_new(t, json_pack("{s:s,s:s}", "on", "2", "off", "0"));
        f->states = lt__keep_new(t, json_pack("{s:s,s:s}", "on", "on", "off", "off"));
        f->state_template = "{{ 'off' if value_json.FanSpeed == 0 else 'on' }}";
    }
    range(add_feature(v, t, "percentage", LT_FEATURE_NUMBER, "FanSpeed", "FanSpeed"), 0, 3);
    return LT_OK;
}

static enum lt_err add_relay(struct device *v, size_t i, long long kind, int *n_halves)
{
    char object[32], name[LT_DISCOVERY_MAX_NAME_BYTES + 1], given[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    const json_t *so = json_object_get(v->json, "so");
    const char *domain = "switch", *own = text_at(json_object_get(v->json, "fn"), i, NULL);
    struct lt__thing *t = NULL;
    int number = 0;
    if (kind == RELAY_SHUTTER) {
        domain = "cover";
        if (++*n_halves % 2 == 0) return LT_OK; /* the second half */
        number = (*n_halves + 1) / 2;
    } else if (kind == RELAY_LIGHT || number_of(so, "30")) {
        domain = "light";
    }
    if (own) {
        enum lt_err err = lt__name_check(own, "fn", v->diag);
        if (err) return err;
        spoken(own, given, sizeof given);
        snprintf(name, sizeof name, "%s", given);
    } else if (v->n_power > 1 && i) {
        snprintf(name, sizeof name, "%.180s %zu", v->name, i + 1);
    } else {
        snprintf(name, sizeof name, "%s", v->name);
    }
    snprintf(object, sizeof object, "%s_%zu", domain, i + 1);
    enum lt_err err = add_thing(v, domain, object, name, &t);
    if (err) return err;
    if (number)
        add_shutter(v, t, number);
    else if (kind == RELAY_LIGHT)
        add_light(v, t, i);
    else
        add_power(v, t, i);
    return LT_OK;
}

/* ---- sensors ---- */

/* clang-format off */
static const struct { const char *key, *device_class, *unit, *word; } readings[] = {
    {"Temperature", "temperature", "°C", "Temperature"}, {"Humidity", "humidity", "%", "Humidity"},
    {"Illuminance", "illuminance", "lx", "Illuminance"}, {"Pressure", "pressure", "hPa", "Pressure"},
    {"CarbonDioxide", "carbon_dioxide", "ppm", "Carbon Dioxide"}, {"Power", "power", "W", "Power"},
};
/* clang-format on */

static int is_plain(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-') return 0;
    return n && n <= 40;
}

static enum lt_err add_reading(struct device *v, const json_t *sensors, const char *sensor,
                               size_t which)
{
    char object[96], name[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    const char *key = readings[which].key, *unit = readings[which].unit;
    struct lt__thing *t = NULL;
    snprintf(object, sizeof object, "sensor_%s_%s", sensor, key);
    snprintf(name, sizeof name, "%.170s %s", v->name, readings[which].word);
    enum lt_err err = add_thing(v, "sensor", object, name, &t);
    if (err) return err;
    if (!which && !strcmp(text_of(sensors, "TempUnit", "C"), "F")) unit = "°F";
    if (!strcmp(key, "Pressure")) unit = text_of(sensors, "PressureUnit", unit);
    t->pub.device_class = readings[which].device_class;
    t->pub.unit = lt__keep(t, unit);
    t->suffix = readings[which].word;
    struct lt_feature *f = lt__feature_add(t, "state", LT_FEATURE_NUMBER);
    if (!f) return LT_OK; /* out of memory: is_broken says so */
    f->state_topic = lt__keepf(t, "%sSENSOR", v->tele);
    f->state_template = lt__keepf(t, "{{ value_json['%s'].%s }}", sensor, key);
    f->unit = t->pub.unit;
    return LT_OK;
}

static enum lt_err add_sensors(struct device *v, const json_t *sensors)
{
    enum lt_err err = LT_OK;
    size_t n = 0;
    json_t *sn = json_object_get(sensors, "sn");
    const char *sensor;
    json_t *one;
    json_object_foreach(sn, sensor, one)
    {
        if (!json_is_object(one) || !is_plain(sensor)) continue;
        for (size_t i = 0; i < sizeof readings / sizeof *readings && !err; i++)
            if (json_is_number(json_object_get(one, readings[i].key)) && n++ < MAX_SENSORS)
                err = add_reading(v, sn, sensor, i);
    }
    return err;
}

/* ---- a device ---- */

static enum lt_err read_device(struct device *v, const json_t *sensors)
{
    const json_t *relays = json_object_get(v->json, "rl");
    const char *name = text_of(v->json, "dn", text_of(v->json, "hn", ""));
    int n_halves = 0;
    if (!json_is_object(v->json))
        return lt_fail(v->diag, LT_ERR_INVALID, "expected object, got %s",
                       lt_json_type_name(v->json));
    if (!*text_of(v->json, "t", "")) return lt_fail(v->diag, LT_ERR_INVALID, "t: is missing");
    if (relays && !json_is_array(relays))
        return lt_fail(v->diag, LT_ERR_INVALID, "rl: expected array, got %s",
                       lt_json_type_name(relays));
    if (json_array_size(relays) > MAX_RELAYS)
        return lt_fail(v->diag, LT_ERR_LIMIT, "rl: more than %d relays", MAX_RELAYS);
    enum lt_err err = lt__name_check(name, "dn", v->diag);
    if (!err) err = full_topic(v, 0, "cmnd", v->cmnd);
    if (!err) err = full_topic(v, 1, "stat", v->stat);
    if (!err) err = full_topic(v, 2, "tele", v->tele);
    if (err) return err;
    spoken(name, v->name, sizeof v->name);
    v->always_numbered = number_of(json_object_get(v->json, "so"), "26") != 0;
    for (size_t i = 0; i < json_array_size(relays); i++)
        v->n_power += json_integer_value(json_array_get(relays, i)) > 0;
    for (size_t i = 0; i < json_array_size(relays) && !err; i++) {
        long long kind = json_integer_value(json_array_get(relays, i));
        if (kind >= RELAY_SWITCH && kind <= RELAY_SHUTTER) err = add_relay(v, i, kind, &n_halves);
    }
    if (!err && number_of(v->json, "if")) err = add_fan(v);
    return err ? err : add_sensors(v, sensors);
}

/* ---- messages ---- */

/* "AABBCCDDEEFF" of <prefix>/<MAC>/<rest>; 0 when the topic is not one of ours. */
static int mac_of(const struct lt_discovery *d, const char *topic, const char **rest, char *mac,
                  size_t cap)
{
    size_t n = d->tasmota_prefix ? strlen(d->tasmota_prefix) : 0, k = 0;
    if (!n || strncmp(topic, d->tasmota_prefix, n) != 0 || topic[n] != '/') return 0;
    for (topic += n + 1; isxdigit((unsigned char)topic[k]); k++)
        if (k + 1 >= cap) return 0;
    if (!k || topic[k] != '/') return 0;
    memcpy(mac, topic, k);
    mac[k] = '\0';
    *rest = topic + k + 1;
    return 1;
}

static enum lt_err make(struct lt_discovery *d, const char *topic, const char *mac,
                        struct lt_diag *diag)
{
    const json_t *known = json_object_get(d->tasmota, mac);
    struct lt__things things = {0};
    struct device *v = calloc(1, sizeof *v);
    if (!v) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a device");
    v->d = d;
    v->json = json_object_get(known, "config");
    v->topic = topic;
    v->mac = mac;
    v->out = &things;
    v->diag = diag;
    enum lt_err err = read_device(v, json_object_get(known, "sensors"));
    for (size_t i = 0; i < things.n && !err; i++)
        if (things.v[i]->is_broken) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    struct lt__source *s = err ? NULL : lt__source_get(d, topic);
    if (!err && !s) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory for a device");
    if (!err) err = lt__source_set(d, s, things.v, things.n, diag);
    if (err) lt__things_free(things.v, things.n);
    free(v);
    return err;
}

/* Keep the message; LT_ERR_EXISTS when it is the same again. */
static enum lt_err keep(struct lt_discovery *d, const char *mac, const char *part, json_t *msg,
                        json_t **before, struct lt_diag *diag)
{
    json_t *known = json_object_get(d->tasmota, mac);
    if (!known && json_object_size(d->tasmota) >= LT_DISCOVERY_MAX_ENTITIES)
        return lt_fail(diag, LT_ERR_LIMIT, "more than %d devices", LT_DISCOVERY_MAX_ENTITIES);
    if (!known && (!(known = json_object()) || json_object_set_new(d->tasmota, mac, known)))
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a device");
    if (json_equal(json_object_get(known, part), msg)) return LT_ERR_EXISTS;
    *before = json_incref(json_object_get(known, part));
    return json_object_set(known, part, msg) ? lt_fail(diag, LT_ERR_NOMEM, "out of memory") : LT_OK;
}

static void forget(struct lt_discovery *d, const char *mac, const char *part)
{
    json_t *known = json_object_get(d->tasmota, mac);
    if (known) (void)json_object_del(known, part);
    if (known && !json_object_size(known)) (void)json_object_del(d->tasmota, mac);
}

int lt__tasmota_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n,
                     int *changed)
{
    char mac[33], source[LT_DISCOVERY_MAX_TOPIC_BYTES + 64];
    const char *rest = "";
    struct lt_diag diag = {0};
    json_t *msg = NULL, *before = NULL;
    if (!mac_of(d, topic, &rest, mac, sizeof mac)) return 0;
    int is_config = !strcmp(rest, "config");
    if (!is_config && strcmp(rest, "sensors") != 0) return 0;
    const char *part = is_config ? "config" : "sensors";
    snprintf(source, sizeof source, "%s/%s/config", d->tasmota_prefix, mac);
    if (!n) { /* taken back */
        forget(d, mac, part);
        lt__discovery_fault_over(d, topic);
        *changed = lt__source_find(d, source) != NULL;
        if (is_config)
            lt__source_remove(d, source);
        else if (*changed && make(d, source, mac, &diag))
            lt__discovery_fault(d, topic, diag.text);
        return 1;
    }
    enum lt_err err = lt_json_parse(payload, n, LT_DISCOVERY_MAX_CONFIG_BYTES, &msg, &diag);
    if (!err && !json_is_object(msg))
        err = lt_fail(&diag, LT_ERR_INVALID, "expected object, got %s", lt_json_type_name(msg));
    if (!err) err = keep(d, mac, part, msg, &before, &diag);
    int is_same = err == LT_ERR_EXISTS;
    if (!err && json_object_get(json_object_get(d->tasmota, mac), "config")) {
        err = make(d, source, mac, &diag);
        *changed = !err;
        if (err && before) /* what was known before stays */
            (void)json_object_set(json_object_get(d->tasmota, mac), part, before);
        else if (err)
            forget(d, mac, part);
    }
    if (err && !is_same)
        lt__discovery_fault(d, topic, lt_diag_text(&diag, err));
    else
        lt__discovery_fault_over(d, topic);
    json_decref(before);
    json_decref(msg);
    return 1;
}
