/* sim_device.c - devices behind Zigbee2MQTT, and Tasmota's.
 *
 * Zigbee2MQTT: commands are JSON objects on <base>/<name>/set, or one value on …/set/<attribute>; every
 * change is reported, not retained, as the whole state on <base>/<name>; "get" asks for it (Zigbee2MQTT,
 * "MQTT topics and messages"). Tasmota: commands on cmnd/<topic>/<Command>, the result on
 * stat/<topic>/RESULT (Tasmota, "Commands"). */
#include "sim_device.h"

#include <math.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BASE "zigbee2mqtt"

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static int can(const json_t *config, const char *what)
{
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(config, "can"), i, v)
    {
        if (json_is_string(v) && !strcmp(json_string_value(v), what)) return 1;
    }
    return 0;
}

/* ---- colours by name, for the score ---- */

static const char *name_of(double hue, double saturation)
{
    static const struct {
        double to;
        const char *name;
    } names[] = {{15, "red"},   {45, "orange"}, {70, "yellow"},  {160, "green"},
                 {200, "cyan"}, {255, "blue"},  {335, "purple"}, {361, "red"}};
    if (saturation < 12) return "white";
    if (saturation < 40 && (hue > 320 || hue < 10)) return "pink";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (hue < names[i].to) return names[i].name;
    return "?";
}

static void hsv_of(const double c[3], double *hue, double *saturation)
{
    double high = fmax(c[0], fmax(c[1], c[2])), low = fmin(c[0], fmin(c[1], c[2])), d = high - low;
    *hue = d <= 0         ? 0
           : high == c[0] ? 60 * fmod((c[1] - c[2]) / d + 6, 6)
           : high == c[1] ? 60 * ((c[2] - c[0]) / d + 2)
                          : 60 * ((c[0] - c[1]) / d + 4);
    *saturation = high > 0 ? 100 * d / high : 0;
}

static const char *name_of_rgb(double r, double g, double b)
{
    double hue, saturation;
    hsv_of((const double[3]){r, g, b}, &hue, &saturation);
    return name_of(hue, saturation);
}

static const char *name_of_xy(double x, double y)
{
    double z = 1 - x - y, Y = 1, X = x / y, Z = z / y;
    double c[3] = {3.2406 * X - 1.5372 * Y - 0.4986 * Z, -0.9689 * X + 1.8758 * Y + 0.0415 * Z,
                   0.0557 * X - 0.2040 * Y + 1.0570 * Z};
    double high = fmax(c[0], fmax(c[1], c[2]));
    for (int i = 0; i < 3; i++) {
        c[i] = fmax(c[i] / high, 0);
        c[i] = c[i] <= 0.0031308 ? 12.92 * c[i] : 1.055 * pow(c[i], 1 / 2.4) - 0.055;
    }
    return name_of_rgb(c[0], c[1], c[2]);
}

json_t *sim__view(const json_t *state)
{
    json_t *v = json_deep_copy(state);
    json_t *c = json_object_get(v, "color");
    const char *hsb = text(v, "HSBColor"), *name = NULL;
    double h, s, b;
    if (sscanf(hsb, "%lf,%lf,%lf", &h, &s, &b) == 3) name = name_of(h, s);
    if (name) json_object_set_new(v, "HSBColor", json_string(name));
    json_t *shutter = json_object_get(v, "Shutter1");
    if (shutter) {
        json_object_set(v, "position", json_object_get(shutter, "Position"));
        json_object_del(v, "Shutter1");
    }
    name = NULL;
    if (json_object_get(c, "x"))
        name = name_of_xy(number(c, "x"), number(c, "y"));
    else if (json_object_get(c, "hue"))
        name = name_of(number(c, "hue"), number(c, "saturation"));
    else if (json_object_get(c, "h"))
        name = name_of(number(c, "h"), number(c, "s"));
    else if (json_object_get(c, "r"))
        name = name_of_rgb(number(c, "r"), number(c, "g"), number(c, "b"));
    if (name) json_object_set_new(v, "color", json_string(name));
    return v;
}

/* ---- Zigbee2MQTT: announcements ---- */

static json_t *numeric(const char *name, int access, double min, double max, const char *unit)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:f,s:f,s:s*}", "type", "numeric", "name", name, "label",
                     name, "property", name, "access", access, "value_min", min, "value_max", max,
                     "unit", unit);
}

static json_t *binary(const char *name, const char *property, int access, const char *on,
                      const char *off)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:s,s:s}", "type", "binary", "name", name, "label", name,
                     "property", property, "access", access, "value_on", on, "value_off", off);
}

static json_t *choice(const char *name, int access, const char *values)
{
    json_t *list = json_array();
    char copy[256], *save = NULL;
    snprintf(copy, sizeof copy, "%s", values);
    for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save))
        json_array_append_new(list, json_string(p));
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:o}", "type", "enum", "name", name, "label", name,
                     "property", name, "access", access, "values", list);
}

static json_t *specific(const char *type, json_t *features)
{
    return json_pack("{s:s,s:o}", "type", type, "features", features);
}

static json_t *exposes_of(const json_t *d)
{
    const char *is = text(d, "is");
    json_t *list = json_array(), *f = json_array();
    if (!strcmp(is, "light")) {
        json_array_append_new(f, binary("state", "state", 7, "ON", "OFF"));
        if (can(d, "brightness")) json_array_append_new(f, numeric("brightness", 7, 0, 254, NULL));
        if (can(d, "color_temp"))
            json_array_append_new(f, numeric("color_temp", 7, 153, 500, "mired"));
        if (can(d, "color"))
            json_array_append_new(
                f, json_pack("{s:s,s:s,s:s,s:s,s:i,s:[o,o]}", "type", "composite", "name",
                             "color_xy", "label", "Color (X/Y)", "property", "color", "access", 7,
                             "features", numeric("x", 7, 0, 1, NULL), numeric("y", 7, 0, 1, NULL)));
        json_array_append_new(list, specific("light", f));
        json_array_append_new(list, choice("effect", 2, "blink|breathe|okay"));
    } else if (!strcmp(is, "switch")) {
        json_array_append_new(f, binary("state", "state", 7, "ON", "OFF"));
        json_array_append_new(list, specific("switch", f));
        if (can(d, "power")) json_array_append_new(list, numeric("power", 1, 0, 4000, "W"));
    } else if (!strcmp(is, "switch2")) { /* two channels */
        json_t *g = json_array();
        json_array_append_new(f, binary("state", "state_left", 7, "ON", "OFF"));
        json_array_append_new(g, binary("state", "state_right", 7, "ON", "OFF"));
        json_t *left = specific("switch", f), *right = specific("switch", g);
        json_object_set_new(left, "endpoint", json_string("left"));
        json_object_set_new(right, "endpoint", json_string("right"));
        json_array_append_new(list, left);
        json_array_append_new(list, right);
    } else if (!strcmp(is, "cover")) {
        json_array_append_new(f, choice("state", 3, "OPEN|CLOSE|STOP"));
        json_array_append_new(f, numeric("position", 7, 0, 100, "%"));
        json_array_append_new(list, specific("cover", f));
    } else if (!strcmp(is, "lock")) {
        json_array_append_new(f, binary("state", "state", 7, "LOCK", "UNLOCK"));
        json_array_append_new(f, choice("lock_state", 1, "not_fully_locked|locked|unlocked"));
        json_array_append_new(list, specific("lock", f));
    } else if (!strcmp(is, "climate")) {
        json_array_append_new(f, numeric("occupied_heating_setpoint", 7, 5, 30, "°C"));
        json_array_append_new(f, numeric("local_temperature", 5, -40, 80, "°C"));
        json_array_append_new(f, choice("system_mode", 7, "off|auto|heat"));
        json_array_append_new(f, choice("running_state", 5, "idle|heat"));
        json_array_append_new(list, specific("climate", f));
    } else if (!strcmp(is, "fan")) {
        json_array_append_new(f, binary("state", "fan_state", 7, "ON", "OFF"));
        json_array_append_new(f, choice("mode", 7, "off|low|medium|high"));
        json_object_set_new(json_array_get(f, 1), "property", json_string("fan_mode"));
        json_array_append_new(list, specific("fan", f));
    } else { /* a sensor: what it reports */
        const char *key;
        json_t *v, *e;
        json_decref(f);
        json_object_foreach(json_object_get(d, "state"), key, v)
        {
            const char *unit = !strcmp(key, "temperature")                           ? "°C"
                               : !strcmp(key, "humidity") || !strcmp(key, "battery") ? "%"
                                                                                     : NULL;
            if (json_is_boolean(v)) {
                e = binary(key, key, 1, "", "");
                json_object_set_new(e, "value_on", json_boolean(strcmp(key, "contact") != 0));
                json_object_set_new(e, "value_off", json_boolean(!strcmp(key, "contact")));
            } else {
                e = numeric(key, 1, -100, 100000, unit);
            }
            if (!strcmp(key, "battery"))
                json_object_set_new(e, "category", json_string("diagnostic"));
            json_array_append_new(list, e);
        }
    }
    json_t *quality = numeric("linkquality", 1, 0, 255, "lqi");
    json_object_set_new(quality, "category", json_string("diagnostic"));
    json_array_append_new(list, quality);
    return list;
}

static void ieee(const json_t *devices, const char *name, char out[32])
{
    size_t i, k = 0;
    json_t *d;
    json_array_foreach((json_t *)(uintptr_t)devices, i, d)
    {
        if (!strcmp(text(d, "name"), name)) k = i + 1;
    }
    snprintf(out, 32, "0x%016zx", k + 0xa4c13800000000);
}

static void publish_json(struct sim *s, const char *topic, json_t *o, int is_retained)
{
    char *p = json_dumps(o, JSON_COMPACT);
    sim__publish(s, topic, p, is_retained);
    free(p);
    json_decref(o);
}

void sim__announce_bridge(struct sim *s, const json_t *z2m)
{
    const json_t *from = json_object_get(z2m, "devices");
    json_t *devices = json_array(), *groups = json_array(), *d, *one;
    size_t i, k;
    char id[32];
    json_array_append_new(
        devices, json_pack("{s:s,s:s,s:s,s:b,s:b,s:s,s:n}", "ieee_address", "0x00124b0000000001",
                           "type", "Coordinator", "friendly_name", "Coordinator", "disabled", 0,
                           "supported", 1, "interview_state", "SUCCESSFUL", "definition"));
    json_array_foreach((json_t *)(uintptr_t)from, i, d)
    {
        int is_sensor = !json_object_get(d, "is") || !strcmp(text(d, "is"), "sensor");
        ieee(from, text(d, "name"), id);
        json_array_append_new(
            devices,
            json_pack("{s:s,s:s,s:i,s:s,s:b,s:b,s:s,s:s,s:s,s:{s:s,s:s,s:s,s:o,s:b}}",
                      "ieee_address", id, "type", is_sensor ? "EndDevice" : "Router",
                      "network_address", (int)(1000 + i), "friendly_name", text(d, "name"),
                      "disabled", 0, "supported", 1, "interview_state", "SUCCESSFUL",
                      "power_source", is_sensor ? "Battery" : "Mains (single phase)", "model_id",
                      "M1", "definition", "model", "M1", "vendor", "Acme", "description",
                      text(d, "model"), "exposes", exposes_of(d), "supports_ota", 0));
    }
    json_array_foreach(json_object_get(z2m, "groups"), i, d)
    {
        json_t *members = json_array();
        json_array_foreach(json_object_get(d, "members"), k, one)
        {
            ieee(from, json_string_value(one), id);
            json_array_append_new(members,
                                  json_pack("{s:s,s:i}", "ieee_address", id, "endpoint", 1));
        }
        json_array_append_new(groups,
                              json_pack("{s:i,s:s,s:[],s:o}", "id", (int)i + 1, "friendly_name",
                                        text(d, "name"), "scenes", "members", members));
    }
    sim__publish(s, BASE "/bridge/state", "{\"state\":\"online\"}", 1);
    publish_json(s, BASE "/bridge/info",
                 json_pack("{s:s,s:b}", "version", "2.14.1", "permit_join", 0), 1);
    publish_json(s, BASE "/bridge/devices", devices, 1);
    publish_json(s, BASE "/bridge/groups", groups, 1);
}

void sim__set_will(struct mosquitto *m, const json_t *file)
{
    static const char will[] = "{\"state\":\"offline\"}";
    if (json_object_get(file, "zigbee2mqtt"))
        mosquitto_will_set(m, BASE "/bridge/state", (int)sizeof will - 1, will, 1, true);
}

/* ---- Zigbee2MQTT: devices ---- */

static void z2m_report(struct sim *s, const struct sim_device *d)
{
    char topic[256];
    json_t *o = json_deep_copy(d->state);
    json_object_set_new(o, "linkquality", json_integer(120));
    snprintf(topic, sizeof topic, BASE "/%s", d->name);
    publish_json(s, topic, o, 0);
}

/* One property of a set message; 0 when the device has none such. */
static int z2m_set_one(struct sim *s, struct sim_device *d, const char *key, json_t *v)
{
    const char *word = json_string_value(v), *is = d->kind;
    char flipped[8];
    if (!strncmp(key, "state", 5) && word && !strcasecmp(word, "TOGGLE")) {
        snprintf(flipped, sizeof flipped, "%s", !strcmp(text(d->state, key), "ON") ? "OFF" : "ON");
        word = flipped;
    }
    if (!strcmp(is, "cover") && !strcmp(key, "state") && word) {
        if (!strcasecmp(word, "OPEN")) sim__move(s, d, 100);
        if (!strcasecmp(word, "CLOSE")) sim__move(s, d, 0);
        if (!strcasecmp(word, "STOP")) sim__move(s, d, sim__position(d));
        return 1;
    }
    if (!strcmp(is, "cover") && !strcmp(key, "position") && json_is_number(v)) {
        sim__move(s, d, fmin(fmax(json_number_value(v), 0), 100));
        return 1;
    }
    if (!strcmp(is, "lock") && !strcmp(key, "state") && word) {
        json_object_set_new(d->state, "state", json_string(word));
        json_object_set_new(d->state, "lock_state",
                            json_string(!strcmp(word, "LOCK") ? "locked" : "unlocked"));
        return 1;
    }
    if (!strcmp(key, "brightness") || !strcmp(key, "color_temp") || !strcmp(key, "color")) {
        if (strcmp(is, "light") || !can(d->config, key)) return 0;
        if (!strcmp(key, "brightness"))
            json_object_set_new(d->state, "state",
                                json_string(json_number_value(v) > 0 ? "ON" : "OFF"));
        if (!strcmp(key, "color")) json_object_set_new(d->state, "color_mode", json_string("xy"));
        if (!strcmp(key, "color_temp"))
            json_object_set_new(d->state, "color_mode", json_string("color_temp"));
        json_object_set_new(d->state, key, json_deep_copy(v));
        return 1;
    }
    if (!strcmp(is, "climate") &&
        (!strcmp(key, "occupied_heating_setpoint") || !strcmp(key, "system_mode"))) {
        json_object_set_new(d->state, key, json_deep_copy(v));
        return 1;
    }
    if (!strcmp(is, "fan") && !strcmp(key, "fan_mode") && word) {
        json_object_set_new(d->state, "fan_mode", json_string(word));
        json_object_set_new(d->state, "fan_state", json_string(strcmp(word, "off") ? "ON" : "OFF"));
        return 1;
    }
    if (!strcmp(is, "fan") && !strcmp(key, "fan_state") && word) {
        json_object_set_new(d->state, "fan_state", json_string(word));
        return 1;
    }
    if (json_object_get(d->state, key) && !strncmp(key, "state", 5) && word) {
        json_object_set_new(d->state, key, json_string(word));
        return 1;
    }
    return 0; /* Zigbee2MQTT writes it to bridge/logging */
}

static void z2m_set(struct sim *s, struct sim_device *d, const json_t *o)
{
    const char *key;
    json_t *v;
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)o, key, v) n += z2m_set_one(s, d, key, v);
    if (n && !d->is_silent) z2m_report(s, d);
}

static int has_member(const struct sim_device *group, const char *name)
{
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(group->config, "members"), i, v)
    {
        if (!strcmp(json_string_value(v), name)) return 1;
    }
    return 0;
}

static void report_group(struct sim *s, struct sim_device *v, size_t n, const struct sim_device *g)
{
    char topic[256];
    json_t *o = json_object();
    int is_on = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i].proto != SIM_Z2M || !has_member(g, v[i].name)) continue;
        is_on |= !strcmp(text(v[i].state, "state"), "ON");
        json_object_update(o, v[i].state);
    }
    json_object_set_new(o, "state", json_string(is_on ? "ON" : "OFF"));
    snprintf(topic, sizeof topic, BASE "/%s", g->name);
    publish_json(s, topic, o, 0);
}

void sim__report_groups(struct sim *s, struct sim_device *v, size_t n, const char *member)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].proto == SIM_Z2M_GROUP && has_member(&v[i], member)) report_group(s, v, n, &v[i]);
}

static void z2m_command(struct sim *s, struct sim_device *v, size_t n, size_t i, const char *topic,
                        const char *payload)
{
    struct sim_device *d = &v[i];
    size_t len = strlen(d->name);
    if (strncmp(topic, BASE "/", sizeof BASE) || strncmp(topic + sizeof BASE, d->name, len)) return;
    const char *rest = topic + sizeof BASE + len;
    if (!strcmp(rest, "/get") && d->state) {
        z2m_report(s, d);
        return;
    }
    if (strncmp(rest, "/set", 4) || (rest[4] && rest[4] != '/')) return;
    json_t *value = json_loads(payload, JSON_DECODE_ANY, NULL);
    if (!value) value = json_string(payload);
    json_t *o = rest[4]                 ? json_pack("{s:o}", rest + 5, value)
                : json_is_object(value) ? value
                                        : json_pack("{s:o}", "state", value);
    if (d->proto == SIM_Z2M_GROUP) {
        for (size_t k = 0; k < n; k++)
            if (v[k].proto == SIM_Z2M && has_member(d, v[k].name)) z2m_set(s, &v[k], o);
        report_group(s, v, n, d);
    } else {
        z2m_set(s, d, o);
        sim__report_groups(s, v, n, d->name);
    }
    json_decref(o);
}

/* ---- Tasmota ---- */

void sim__announce_tasmota(struct sim *s, const json_t *d)
{
    char topic[128];
    const json_t *config = json_object_get(d, "config");
    snprintf(topic, sizeof topic, "tasmota/discovery/%s/config", text(config, "mac"));
    publish_json(s, topic, json_deep_copy(config), 1);
    if (!json_object_get(d, "sensors")) return;
    snprintf(topic, sizeof topic, "tasmota/discovery/%s/sensors", text(config, "mac"));
    publish_json(s, topic, json_deep_copy(json_object_get(d, "sensors")), 1);
}

static void tasmota_say(struct sim *s, const struct sim_device *d, const char *tail, json_t *o)
{
    char topic[128];
    snprintf(topic, sizeof topic, "stat/%s/%s", d->name, tail);
    if (d->is_silent)
        json_decref(o);
    else
        publish_json(s, topic, o, 0);
}

static json_t *tasmota_light(const struct sim_device *d)
{
    json_t *o = json_object();
    static const char *const keys[] = {"POWER", "Dimmer", "CT", "HSBColor"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(d->state, keys[i]))
            json_object_set(o, keys[i], json_object_get(d->state, keys[i]));
    return o;
}

static void tasmota_command(struct sim *s, struct sim_device *d, const char *topic,
                            const char *payload)
{
    char prefix[128];
    int n = snprintf(prefix, sizeof prefix, "cmnd/%s/", d->name);
    if (strncmp(topic, prefix, (size_t)n)) return;
    const char *c = topic + n;
    int i_shutter;
    char word[16] = "";
    if (!strncasecmp(c, "POWER", 5)) {
        char key[16], to[8];
        snprintf(key, sizeof key, "POWER%s", c + 5);
        if (!json_object_get(d->state, key)) snprintf(key, sizeof key, "POWER");
        if (!json_object_get(d->state, key)) snprintf(key, sizeof key, "POWER1");
        snprintf(to, sizeof to, "%s",
                 !strcasecmp(payload, "ON") || !strcmp(payload, "1")    ? "ON"
                 : !strcasecmp(payload, "OFF") || !strcmp(payload, "0") ? "OFF"
                 : !strcmp(text(d->state, key), "ON")                   ? "OFF"
                                                                        : "ON");
        json_object_set_new(d->state, key, json_string(to));
        tasmota_say(s, d, "RESULT", json_pack("{s:s}", key, to));
    } else if (!strcasecmp(c, "STATE")) {
        tasmota_say(s, d, "RESULT", json_deep_copy(d->state));
    } else if (!strcasecmp(c, "Dimmer") || !strcasecmp(c, "CT") || !strcasecmp(c, "HSBColor")) {
        const char *key = !strcasecmp(c, "Dimmer") ? "Dimmer"
                          : !strcasecmp(c, "CT")   ? "CT"
                                                   : "HSBColor";
        if (!json_object_get(d->state, key)) {
            tasmota_say(s, d, "RESULT", json_pack("{s:s}", "Command", "Unknown"));
            return;
        }
        json_object_set_new(d->state, key,
                            !strcmp(key, "HSBColor") ? json_string(payload)
                                                     : json_integer(atoi(payload)));
        if (strcmp(key, "CT")) json_object_set_new(d->state, "POWER", json_string("ON"));
        tasmota_say(s, d, "RESULT", tasmota_light(d));
    } else if (!strcasecmp(c, "Color2")) { /* keeps the brightness */
        double rgb[3], hue, saturation, now[3] = {0, 0, 50};
        char hsb[64];
        if (!json_object_get(d->state, "HSBColor") ||
            sscanf(payload, "%lf,%lf,%lf", &rgb[0], &rgb[1], &rgb[2]) != 3)
            return;
        hsv_of(rgb, &hue, &saturation);
        sscanf(text(d->state, "HSBColor"), "%lf,%lf,%lf", &now[0], &now[1], &now[2]);
        snprintf(hsb, sizeof hsb, "%.0f,%.0f,%.0f", hue, saturation, now[2]);
        json_object_set_new(d->state, "HSBColor", json_string(hsb));
        json_object_set_new(d->state, "POWER", json_string("ON"));
        tasmota_say(s, d, "RESULT", tasmota_light(d));
    } else if (!strcasecmp(c, "Backlog")) { /* here a list of one: "ShutterOpen1" */
        char inner[160], *value;
        snprintf(inner, sizeof inner, "%s%s", prefix, payload);
        value = strchr(inner + n, ' ');
        if (value) *value++ = '\0';
        tasmota_command(s, d, inner, value ? value : "");
    } else if (sscanf(c, "Shutter%15[A-Za-z]%d", word, &i_shutter) == 2) {
        double to = !strcasecmp(word, "Open")    ? 100
                    : !strcasecmp(word, "Close") ? 0
                    : !strcasecmp(word, "Stop")  ? sim__position(d)
                                                 : atof(payload);
        sim__move(s, d, to);
        if (!d->is_silent) sim__report(s, d);
    } else if (!strcasecmp(c, "FanSpeed")) {
        json_object_set_new(d->state, "FanSpeed", json_integer(atoi(payload)));
        tasmota_say(s, d, "RESULT", json_pack("{s:i}", "FanSpeed", atoi(payload)));
    }
}

/* ---- covers move ---- */

double sim__position(const struct sim_device *d)
{
    const json_t *shutter = json_object_get(d->state, "Shutter1");
    if (shutter) return number(shutter, "Position");
    return number(d->state, "position");
}

void sim__set_position(struct sim_device *d, double position, int direction)
{
    json_t *shutter = json_object_get(d->state, "Shutter1");
    position = round(position);
    if (shutter) {
        json_object_set_new(shutter, "Position", json_integer((json_int_t)position));
        json_object_set_new(shutter, "Direction", json_integer(direction));
        return;
    }
    if (json_object_get(d->state, "position"))
        json_object_set_new(d->state, "position", json_integer((json_int_t)position));
    int is_z2m = d->proto == SIM_Z2M;
    json_object_set_new(d->state, "state",
                        json_string(is_z2m          ? position > 0 ? "OPEN" : "CLOSE"
                                    : direction > 0 ? "opening"
                                    : direction < 0 ? "closing"
                                    : position > 0  ? "open"
                                                    : "closed"));
}

void sim__move(struct sim *s, struct sim_device *d, double position)
{
    (void)s;
    double at = sim__position(d);
    d->moving_until_ms = 0;
    if (!d->travel_ms || fabs(at - position) < 1) {
        sim__set_position(d, position, 0);
        return;
    }
    d->from = at;
    d->to = position;
    d->moving_since_ms = now_ms();
    d->moving_until_ms =
        d->moving_since_ms + (int64_t)(d->travel_ms * fabs(position - at) / 100) + 1;
    sim__set_position(d, at, position > at ? 1 : -1);
}

void sim__tick(struct sim *s, struct sim_device *d, int64_t now)
{
    if (!d->moving_until_ms) return;
    double share =
        (double)(now - d->moving_since_ms) / (double)(d->moving_until_ms - d->moving_since_ms);
    double at = d->from + (d->to - d->from) * fmin(share, 1), before = sim__position(d);
    if (share < 1 && fabs(at - before) < 10) return; /* a report every now and then */
    if (share >= 1) d->moving_until_ms = 0;
    sim__set_position(d, at, share >= 1 ? 0 : d->to > d->from ? 1 : -1);
    if (!d->is_silent) sim__report(s, d);
}

/* ---- all ---- */

void sim__command(struct sim *s, struct sim_device *v, size_t n, size_t i, const char *topic,
                  const char *payload)
{
    struct sim_device *d = &v[i];
    if (d->is_down) return;
    if (d->proto <= SIM_Z2M_GROUP)
        z2m_command(s, v, n, i, topic, payload);
    else if (d->proto == SIM_TASMOTA)
        tasmota_command(s, d, topic, payload);
    else
        sim__ha_command(s, d, topic, payload);
}

void sim__report(struct sim *s, struct sim_device *d)
{
    if (!d->state) return;
    if (d->proto == SIM_Z2M)
        z2m_report(s, d);
    else if (d->proto == SIM_TASMOTA)
        tasmota_say(s, d, "RESULT", json_deep_copy(d->state));
    else
        sim__ha_report(s, d);
}

void sim__hello(struct sim *s, struct sim_device *d)
{
    char topic[128];
    if (d->proto == SIM_TASMOTA) {
        snprintf(topic, sizeof topic, "tele/%s/LWT", d->name);
        sim__publish(s, topic, "Online", 1);
        snprintf(topic, sizeof topic, "tele/%s/STATE", d->name);
        publish_json(s, topic, json_deep_copy(d->state), 0);
        if (json_object_get(d->state, "sensor")) {
            snprintf(topic, sizeof topic, "tele/%s/SENSOR", d->name);
            publish_json(s, topic, json_deep_copy(json_object_get(d->state, "sensor")), 1);
        }
    } else {
        sim__report(s, d); /* Zigbee2MQTT tells the states it remembers; ESPHome retains them */
    }
}
