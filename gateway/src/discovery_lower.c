/* discovery_lower.c - what an entity of Home Assistant's discovery can do, as features.
 *
 * Home Assistant has a vocabulary of keys per component; the tables below say which of them make up
 * which feature. What a table cannot say (a light's three schemas, valves that report a position,
 * vacuums that support some commands) is code. Strings are borrowed from the config, which the thing
 * keeps, or static. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/json.h"

#define MAX_CHOICES 500 /* most modes, effects, options of one feature */

/* What people speak to; the rest of Home Assistant's components is passed over. */
static const char *const wanted[] = {
    "alarm_control_panel",
    "binary_sensor",
    "button",
    "climate",
    "cover",
    "fan",
    "humidifier",
    "lawn_mower",
    "light",
    "lock",
    "media_player",
    "number",
    "scene",
    "select",
    "sensor",
    "siren",
    "switch",
    "vacuum",
    "valve",
    "water_heater",
};

int lt__ha_is_wanted(const char *component)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strcmp(wanted[i], component)) return 1;
    return 0;
}

/* ---- reading a config; the first error stays ---- */

struct reader {
    struct lt__thing *t;
    const json_t *c;
    struct lt_diag *diag;
    enum lt_err err;
};

static void wrong(struct reader *r, const char *key, const char *expected, const json_t *v)
{
    if (!r->err)
        r->err = lt_fail(r->diag, LT_ERR_INVALID, "%s: expected %s, got %s", key, expected,
                         lt_json_type_name(v));
}

static const json_t *member(const struct reader *r, const char *key)
{
    const json_t *v = key ? json_object_get(r->c, key) : NULL;
    return v && !json_is_null(v) ? v : NULL;
}

static const char *text(struct reader *r, const char *key)
{
    const json_t *v = member(r, key);
    if (v && !json_is_string(v)) wrong(r, key, "string", v);
    return json_string_value(v);
}

static const char *topic(struct reader *r, const char *key)
{
    const char *s = text(r, key);
    if (s && !r->err) r->err = lt__topic_check(s, key, r->diag);
    return s;
}

/* Where something is reported: may be a filter. */
static const char *reports(struct reader *r, const char *key)
{
    const char *s = text(r, key);
    if (s && !r->err) r->err = lt__filter_check(s, key, r->diag);
    return s;
}

/* Numbers may be written as text, as Home Assistant takes them. */
static double number(struct reader *r, const char *key, double otherwise)
{
    const json_t *v = member(r, key);
    if (!v) return otherwise;
    if (json_is_number(v)) return json_number_value(v);
    const char *s = json_string_value(v);
    char *end = NULL;
    double d = s ? strtod(s, &end) : 0;
    if (s && *s && !*end && isfinite(d)) return d;
    wrong(r, key, "number", v);
    return otherwise;
}

static int flag(struct reader *r, const char *key, int otherwise)
{
    const json_t *v = member(r, key);
    if (!v) return otherwise;
    int is = lt__flag(v);
    if (is < 0) wrong(r, key, "boolean", v);
    return is == 1;
}

/* A list of texts, or NULL. `otherwise` is "a|b", used when the key is absent; NULL for none. */
static const json_t *list(struct reader *r, const char *key, const char *otherwise)
{
    const json_t *v = member(r, key);
    if (!v && otherwise) {
        json_t *made = lt__keep_new(r->t, json_array());
        for (const char *p = otherwise; made && *p;) {
            size_t n = strcspn(p, "|");
            if (json_array_append_new(made, json_stringn(p, n))) r->t->is_broken = 1;
            p += n + (p[n] == '|');
        }
        return made;
    }
    if (!v) return NULL;
    if (!json_is_array(v) || json_array_size(v) > MAX_CHOICES) {
        wrong(r, key, "a list of at most 500 texts", v);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i))) {
            wrong(r, key, "a list of texts", json_array_get(v, i));
            return NULL;
        }
    return v;
}

/* A payload as text, whatever JSON type it is written in. Explicit null: NULL. */
static const char *payload(struct reader *r, const char *key, const char *otherwise)
{
    const json_t *v = key ? json_object_get(r->c, key) : NULL;
    if (!v) return otherwise;
    switch (json_typeof(v)) {
    case JSON_NULL:
        return NULL;
    case JSON_STRING:
        return json_string_value(v);
    case JSON_INTEGER:
        return lt__keepf(r->t, "%lld", (long long)json_integer_value(v));
    case JSON_REAL:
        return lt__keepf(r->t, "%.10g", json_real_value(v));
    case JSON_TRUE:
        return "True"; /* as Home Assistant writes it */
    case JSON_FALSE:
        return "False";
    default:
        wrong(r, key, "a payload", v);
        return otherwise;
    }
}

/* ---- features by table ---- */

struct row {
    const char *component, *name;
    enum lt_feature_type type;
    const char *command_topic, *command_template, *state_topic, *state_template;
    const char *min_key, *max_key;
    double min, max;
    const char *step_key;
    double step;
    const char *choices_key, *choices;
};

#define FOUR(x)  x "_command_topic", x "_command_template", x "_state_topic", x "_value_template"
#define STATE(x) x "_command_topic", x "_command_template", x "_state_topic", x "_state_template"
#define READ(x)  NULL, NULL, x "_topic", x "_template"
#define PLAIN    "command_topic", "command_template", "state_topic", "value_template"
#define NO_RANGE NULL, NULL, 0, 0, NULL, 0
#define NO_LIST  NULL, NULL
#define WORD     LT_FEATURE_WORD
#define NUMBER   LT_FEATURE_NUMBER
#define CHOICE   LT_FEATURE_CHOICE
#define TEXT     LT_FEATURE_TEXT

/* clang-format off */
static const struct row rows[] = {
    {"light", "state", WORD, "command_topic", NULL, "state_topic", "state_value_template", NO_RANGE, NO_LIST},
    {"light", "brightness", NUMBER, FOUR("brightness"), NULL, "brightness_scale", 0, 255, NULL, 1, NO_LIST},
    {"light", "rgb", LT_FEATURE_RGB, FOUR("rgb"), NO_RANGE, NO_LIST},
    {"light", "rgbw", LT_FEATURE_RGBW, FOUR("rgbw"), NO_RANGE, NO_LIST},
    {"light", "rgbww", LT_FEATURE_RGBWW, FOUR("rgbww"), NO_RANGE, NO_LIST},
    {"light", "hs", LT_FEATURE_HS, FOUR("hs"), NO_RANGE, NO_LIST},
    {"light", "xy", LT_FEATURE_XY, FOUR("xy"), NO_RANGE, NO_LIST},
    {"light", "white", NUMBER, "white_command_topic", NULL, NULL, NULL, NULL, "white_scale", 0, 255, NULL, 1, NO_LIST},
    {"light", "effect", CHOICE, FOUR("effect"), NO_RANGE, "effect_list", NULL},
    {"light", "color_mode", TEXT, NULL, NULL, "color_mode_state_topic", "color_mode_value_template", NO_RANGE, NO_LIST},
    {"switch", "state", WORD, PLAIN, NO_RANGE, NO_LIST},
    {"siren", "state", WORD, "command_topic", "command_template", "state_topic", "state_value_template", NO_RANGE, NO_LIST},
    {"alarm_control_panel", "state", WORD, PLAIN, NO_RANGE, NO_LIST},
    {"cover", "state", WORD, "command_topic", NULL, "state_topic", "value_template", NO_RANGE, NO_LIST},
    {"cover", "position", NUMBER, "set_position_topic", "set_position_template", "position_topic", "position_template",
     "position_closed", "position_open", 0, 100, NULL, 1, NO_LIST},
    {"cover", "tilt", NUMBER, "tilt_command_topic", "tilt_command_template", "tilt_status_topic", "tilt_status_template",
     "tilt_min", "tilt_max", 0, 100, NULL, 1, NO_LIST},
    {"valve", "state", WORD, PLAIN, NO_RANGE, NO_LIST},
    {"lock", "state", WORD, PLAIN, NO_RANGE, NO_LIST},
    {"fan", "state", WORD, "command_topic", "command_template", "state_topic", "state_value_template", NO_RANGE, NO_LIST},
    {"fan", "percentage", NUMBER, FOUR("percentage"), "speed_range_min", "speed_range_max", 1, 100, NULL, 1, NO_LIST},
    {"fan", "preset_mode", CHOICE, FOUR("preset_mode"), NO_RANGE, "preset_modes", NULL},
    {"fan", "oscillation", WORD, FOUR("oscillation"), NO_RANGE, NO_LIST},
    {"fan", "direction", WORD, FOUR("direction"), NO_RANGE, NO_LIST},
    {"climate", "power", WORD, "power_command_topic", "power_command_template", NULL, NULL, NO_RANGE, NO_LIST},
    {"climate", "mode", CHOICE, STATE("mode"), NO_RANGE, "modes", "auto|off|cool|heat|dry|fan_only"},
    {"climate", "temperature", NUMBER, STATE("temperature"), "min_temp", "max_temp", 7, 35, "temp_step", 1, NO_LIST},
    {"climate", "temperature_low", NUMBER, STATE("temperature_low"), "min_temp", "max_temp", 7, 35, "temp_step", 1, NO_LIST},
    {"climate", "temperature_high", NUMBER, STATE("temperature_high"), "min_temp", "max_temp", 7, 35, "temp_step", 1, NO_LIST},
    {"climate", "fan_mode", CHOICE, STATE("fan_mode"), NO_RANGE, "fan_modes", "auto|low|medium|high"},
    {"climate", "swing_mode", CHOICE, STATE("swing_mode"), NO_RANGE, "swing_modes", "on|off"},
    {"climate", "swing_horizontal_mode", CHOICE, STATE("swing_horizontal_mode"), NULL, NULL, 0, 0, NULL, 0,
     "swing_horizontal_modes", "on|off"},
    {"climate", "preset_mode", CHOICE, FOUR("preset_mode"), NO_RANGE, "preset_modes", NULL},
    {"climate", "humidity", NUMBER, STATE("target_humidity"), "min_humidity", "max_humidity", 30, 99, NULL, 1, NO_LIST},
    {"climate", "current_temperature", NUMBER, READ("current_temperature"), NO_RANGE, NO_LIST},
    {"climate", "current_humidity", NUMBER, READ("current_humidity"), NO_RANGE, NO_LIST},
    {"climate", "action", TEXT, READ("action"), NO_RANGE, NO_LIST},
    {"water_heater", "power", WORD, "power_command_topic", "power_command_template", NULL, NULL, NO_RANGE, NO_LIST},
    {"water_heater", "mode", CHOICE, STATE("mode"), NO_RANGE, "modes",
     "off|eco|electric|gas|heat_pump|high_demand|performance"},
    {"water_heater", "temperature", NUMBER, STATE("temperature"), "min_temp", "max_temp", 43, 60, "temp_step", 1, NO_LIST},
    {"water_heater", "current_temperature", NUMBER, READ("current_temperature"), NO_RANGE, NO_LIST},
    {"humidifier", "state", WORD, "command_topic", "command_template", "state_topic", "state_value_template", NO_RANGE, NO_LIST},
    {"humidifier", "humidity", NUMBER, STATE("target_humidity"), "min_humidity", "max_humidity", 0, 100, NULL, 1, NO_LIST},
    {"humidifier", "mode", CHOICE, STATE("mode"), NO_RANGE, "modes", NULL},
    {"humidifier", "current_humidity", NUMBER, READ("current_humidity"), NO_RANGE, NO_LIST},
    {"humidifier", "action", TEXT, READ("action"), NO_RANGE, NO_LIST},
    {"lawn_mower", "start_mowing", WORD, "start_mowing_command_topic", "start_mowing_command_template", NULL, NULL, NO_RANGE, NO_LIST},
    {"lawn_mower", "pause", WORD, "pause_command_topic", "pause_command_template", NULL, NULL, NO_RANGE, NO_LIST},
    {"lawn_mower", "dock", WORD, "dock_command_topic", "dock_command_template", NULL, NULL, NO_RANGE, NO_LIST},
    {"lawn_mower", "state", TEXT, NULL, NULL, "activity_state_topic", "activity_value_template", NO_RANGE, NO_LIST},
    {"button", "state", WORD, "command_topic", "command_template", NULL, NULL, NO_RANGE, NO_LIST},
    {"scene", "state", WORD, "command_topic", NULL, NULL, NULL, NO_RANGE, NO_LIST},
    {"number", "state", NUMBER, PLAIN, "min", "max", 0, 100, "step", 1, NO_LIST},
    {"select", "state", CHOICE, PLAIN, NO_RANGE, "options", NULL},
    {"sensor", "state", TEXT, NULL, NULL, "state_topic", "value_template", NO_RANGE, NO_LIST},
    {"binary_sensor", "state", WORD, NULL, NULL, "state_topic", "value_template", NO_RANGE, NO_LIST},
};

/* What a payload means, in commands or (is_state) in reports. `like`: the command whose payload is
 * reported when the key is absent. */
static const struct word {
    const char *component, *feature, *meaning, *key, *otherwise, *like;
    int is_state;
} words[] = {
    {"light", "state", "on", "payload_on", "ON", NULL, 0}, {"light", "state", "off", "payload_off", "OFF", NULL, 0},
    {"light", "state", "on", NULL, NULL, "on", 1}, {"light", "state", "off", NULL, NULL, "off", 1},
    {"switch", "state", "on", "payload_on", "ON", NULL, 0}, {"switch", "state", "off", "payload_off", "OFF", NULL, 0},
    {"switch", "state", "on", "state_on", NULL, "on", 1}, {"switch", "state", "off", "state_off", NULL, "off", 1},
    {"siren", "state", "on", "payload_on", "ON", NULL, 0}, {"siren", "state", "off", "payload_off", "OFF", NULL, 0},
    {"siren", "state", "on", "state_on", NULL, "on", 1}, {"siren", "state", "off", "state_off", NULL, "off", 1},
    {"fan", "state", "on", "payload_on", "ON", NULL, 0}, {"fan", "state", "off", "payload_off", "OFF", NULL, 0},
    {"fan", "state", "on", NULL, NULL, "on", 1}, {"fan", "state", "off", NULL, NULL, "off", 1},
    {"fan", "oscillation", "on", "payload_oscillation_on", "oscillate_on", NULL, 0},
    {"fan", "oscillation", "off", "payload_oscillation_off", "oscillate_off", NULL, 0},
    {"fan", "direction", "forward", NULL, "forward", NULL, 0}, {"fan", "direction", "reverse", NULL, "reverse", NULL, 0},
    {"humidifier", "state", "on", "payload_on", "ON", NULL, 0}, {"humidifier", "state", "off", "payload_off", "OFF", NULL, 0},
    {"humidifier", "state", "on", NULL, NULL, "on", 1}, {"humidifier", "state", "off", NULL, NULL, "off", 1},
    {"climate", "power", "on", "payload_on", "ON", NULL, 0}, {"climate", "power", "off", "payload_off", "OFF", NULL, 0},
    {"water_heater", "power", "on", "payload_on", "ON", NULL, 0}, {"water_heater", "power", "off", "payload_off", "OFF", NULL, 0},
    {"cover", "state", "open", "payload_open", "OPEN", NULL, 0}, {"cover", "state", "close", "payload_close", "CLOSE", NULL, 0},
    {"cover", "state", "stop", "payload_stop", "STOP", NULL, 0},
    {"cover", "state", "open", "state_open", "open", NULL, 1}, {"cover", "state", "opening", "state_opening", "opening", NULL, 1},
    {"cover", "state", "closed", "state_closed", "closed", NULL, 1}, {"cover", "state", "closing", "state_closing", "closing", NULL, 1},
    {"cover", "state", "stopped", "state_stopped", "stopped", NULL, 1},
    {"cover", "tilt", "open", "tilt_opened_value", "100", NULL, 0}, {"cover", "tilt", "close", "tilt_closed_value", "0", NULL, 0},
    {"cover", "tilt", "stop", "payload_stop_tilt", "STOP", NULL, 0},
    {"valve", "state", "open", "payload_open", "OPEN", NULL, 0}, {"valve", "state", "close", "payload_close", "CLOSE", NULL, 0},
    {"valve", "state", "stop", "payload_stop", NULL, NULL, 0},
    {"valve", "state", "open", "state_open", "open", NULL, 1}, {"valve", "state", "opening", "state_opening", "opening", NULL, 1},
    {"valve", "state", "closed", "state_closed", "closed", NULL, 1}, {"valve", "state", "closing", "state_closing", "closing", NULL, 1},
    {"lock", "state", "lock", "payload_lock", "LOCK", NULL, 0}, {"lock", "state", "unlock", "payload_unlock", "UNLOCK", NULL, 0},
    {"lock", "state", "open", "payload_open", NULL, NULL, 0},
    {"lock", "state", "locked", "state_locked", "LOCKED", NULL, 1}, {"lock", "state", "locking", "state_locking", "LOCKING", NULL, 1},
    {"lock", "state", "unlocked", "state_unlocked", "UNLOCKED", NULL, 1},
    {"lock", "state", "unlocking", "state_unlocking", "UNLOCKING", NULL, 1},
    {"lock", "state", "jammed", "state_jammed", "JAMMED", NULL, 1},
    {"alarm_control_panel", "state", "arm_away", "payload_arm_away", "ARM_AWAY", NULL, 0},
    {"alarm_control_panel", "state", "arm_home", "payload_arm_home", "ARM_HOME", NULL, 0},
    {"alarm_control_panel", "state", "arm_night", "payload_arm_night", "ARM_NIGHT", NULL, 0},
    {"alarm_control_panel", "state", "arm_vacation", "payload_arm_vacation", "ARM_VACATION", NULL, 0},
    {"alarm_control_panel", "state", "disarm", "payload_disarm", "DISARM", NULL, 0},
    {"alarm_control_panel", "state", "armed_away", NULL, "armed_away", NULL, 1},
    {"alarm_control_panel", "state", "armed_home", NULL, "armed_home", NULL, 1},
    {"alarm_control_panel", "state", "armed_night", NULL, "armed_night", NULL, 1},
    {"alarm_control_panel", "state", "armed_vacation", NULL, "armed_vacation", NULL, 1},
    {"alarm_control_panel", "state", "disarmed", NULL, "disarmed", NULL, 1},
    {"alarm_control_panel", "state", "arming", NULL, "arming", NULL, 1},
    {"lawn_mower", "start_mowing", "start", NULL, "start_mowing", NULL, 0}, {"lawn_mower", "pause", "pause", NULL, "pause", NULL, 0},
    {"lawn_mower", "dock", "dock", NULL, "dock", NULL, 0},
    {"button", "state", "press", "payload_press", "PRESS", NULL, 0},
    {"scene", "state", "on", "payload_on", "ON", NULL, 0},
    {"binary_sensor", "state", "on", "payload_on", "ON", NULL, 1}, {"binary_sensor", "state", "off", "payload_off", "OFF", NULL, 1},
};

/* Keys without which an entity of the component is none. */
static const struct { const char *component, *key; } required[] = {
    {"light", "command_topic"}, {"switch", "command_topic"}, {"lock", "command_topic"},
    {"fan", "command_topic"}, {"button", "command_topic"}, {"scene", "command_topic"},
    {"number", "command_topic"}, {"select", "command_topic"}, {"select", "options"},
    {"humidifier", "command_topic"}, {"humidifier", "target_humidity_command_topic"},
    {"sensor", "state_topic"}, {"binary_sensor", "state_topic"},
    {"alarm_control_panel", "command_topic"}, {"alarm_control_panel", "state_topic"},
};
/* clang-format on */
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void add_words(struct reader *r, struct lt_feature *f)
{
    json_t *commands = NULL, *states = NULL;
    for (size_t i = 0; i < COUNT(words); i++) {
        const struct word *w = words + i;
        if (strcmp(w->component, r->t->pub.domain) != 0 || strcmp(w->feature, f->name) != 0)
            continue;
        json_t **into = w->is_state ? &states : &commands;
        const char *p = payload(r, w->key, w->otherwise);
        if (!p && w->like && !member(r, w->key))
            p = json_string_value(json_object_get(commands, w->like));
        if (!p || (!w->is_state && !f->command_topic) || (w->is_state && !f->state_topic)) continue;
        if (!*into) *into = lt__keep_new(r->t, json_object());
        if (!*into || json_object_set_new(*into, w->meaning, json_string(p))) r->t->is_broken = 1;
    }
    f->words = commands;
    f->states = states;
}

static void set_range(struct reader *r, struct lt_feature *f, double min, double max, double step)
{
    f->has_range = 1;
    f->min = min;
    f->max = max;
    f->step = step;
    /* a cover's position may run backwards: closed 100, open 0 */
    int may_fall = !strcmp(f->name, "position") || !strcmp(f->name, "tilt");
    if (!r->err && (min == max || (min > max && !may_fall)))
        r->err =
            lt_fail(r->diag, LT_ERR_INVALID, "%s: the range %g to %g is empty", f->name, min, max);
}

static void add_by_row(struct reader *r, const struct row *row)
{
    const char *command = topic(r, row->command_topic), *state = reports(r, row->state_topic);
    if (!command && !state) return;
    struct lt_feature *f = lt__feature_add(r->t, row->name, row->type);
    if (!f) return;
    f->command_topic = command;
    f->command_template = text(r, row->command_template);
    f->state_topic = state;
    f->state_template = text(r, row->state_template);
    if (row->type == NUMBER && row->max > row->min)
        set_range(r, f, number(r, row->min_key, row->min), number(r, row->max_key, row->max),
                  number(r, row->step_key, row->step));
    if (row->choices_key) f->choices = list(r, row->choices_key, row->choices);
    if (row->type == WORD || !strcmp(row->name, "tilt")) add_words(r, f);
}

/* ---- what tables cannot say ---- */

static void add_color_temp(struct reader *r, const char *command, const char *command_template,
                           const char *state, const char *state_template, const char *key)
{
    struct lt_feature *f = lt__feature_add(r->t, "color_temp", NUMBER);
    int is_kelvin = flag(r, "color_temp_kelvin", 0);
    if (!f) return;
    f->command_topic = command;
    f->command_template = command_template;
    f->state_topic = state;
    f->state_template = state_template;
    f->key = key;
    f->unit = is_kelvin ? "K" : "mired";
    if (is_kelvin)
        set_range(r, f, number(r, "min_kelvin", 2000), number(r, "max_kelvin", 6535), 1);
    else
        set_range(r, f, number(r, "min_mireds", 153), number(r, "max_mireds", 500), 1);
}

static struct lt_feature *json_feature(struct reader *r, const char *name,
                                       enum lt_feature_type type, const char *key)
{
    struct lt_feature *f = lt__feature_add(r->t, name, type);
    if (!f) return NULL;
    f->command_topic = topic(r, "command_topic");
    f->state_topic = reports(r, "state_topic");
    f->key = key;
    return f;
}

static const struct {
    const char *mode;
    enum lt_feature_type type;
} color_modes[] = {
    {"hs", LT_FEATURE_HS},     {"xy", LT_FEATURE_XY},       {"rgb", LT_FEATURE_RGB},
    {"rgbw", LT_FEATURE_RGBW}, {"rgbww", LT_FEATURE_RGBWW},
};

static void add_color_mode(struct reader *r, const char *mode, int *is_dimmable)
{
    struct lt_feature *f;
    if (strcmp(mode, "onoff") != 0) *is_dimmable = 1;
    if (!strcmp(mode, "onoff") || !strcmp(mode, "brightness")) return;
    if (!strcmp(mode, "color_temp")) {
        add_color_temp(r, topic(r, "command_topic"), NULL, reports(r, "state_topic"), NULL, mode);
        return;
    }
    if (!strcmp(mode, "white")) {
        if ((f = json_feature(r, "white", NUMBER, "white")))
            set_range(r, f, 0, number(r, "white_scale", 255), 1);
        return;
    }
    for (size_t i = 0; i < COUNT(color_modes); i++)
        if (!strcmp(color_modes[i].mode, mode)) {
            json_feature(r, color_modes[i].mode, color_modes[i].type, "color");
            return;
        }
    if (!r->err)
        r->err = lt_fail(r->diag, LT_ERR_INVALID,
                         "supported_color_modes: \"%.40s\" is no colour mode", mode);
}

static void lower_json_light(struct reader *r)
{
    struct lt_feature *f = json_feature(r, "state", WORD, "state");
    const json_t *modes = list(r, "supported_color_modes", NULL);
    const json_t *effects = list(r, "effect_list", NULL);
    int is_dimmable = flag(r, "brightness", 0);
    r->t->pub.kind = LT_THING_HA_JSON;
    if (f) add_words(r, f);
    for (size_t i = 0; i < json_array_size(modes) && i < 16; i++)
        add_color_mode(r, json_string_value(json_array_get(modes, i)), &is_dimmable);
    if (is_dimmable && (f = json_feature(r, "brightness", NUMBER, "brightness")))
        set_range(r, f, 0, number(r, "brightness_scale", 255), 1);
    if (effects && (f = json_feature(r, "effect", CHOICE, "effect"))) f->choices = effects;
}

/* A part of a template light: it can be set when the template for "on" speaks of it. */
static struct lt_feature *template_feature(struct reader *r, const char *name,
                                           enum lt_feature_type type, const char *word,
                                           const char *state_key)
{
    const char *on = text(r, "command_on_template"), *state = text(r, state_key);
    int is_settable = on && strstr(on, word);
    if (!is_settable && !state) return NULL;
    struct lt_feature *f = lt__feature_add(r->t, name, type);
    if (!f) return NULL;
    f->command_topic = is_settable ? topic(r, "command_topic") : NULL;
    f->command_template = is_settable ? on : NULL;
    f->state_topic = state ? reports(r, "state_topic") : NULL;
    f->state_template = state;
    return f;
}

static void lower_template_light(struct reader *r)
{
    const char *on = text(r, "command_on_template"), *off = text(r, "command_off_template");
    const json_t *effects = list(r, "effect_list", NULL);
    r->t->pub.kind = LT_THING_HA_TEMPLATE;
    if (!on || !off) {
        if (!r->err)
            r->err = lt_fail(r->diag, LT_ERR_INVALID, "%s: is missing",
                             on ? "command_off_template" : "command_on_template");
        return;
    }
    struct lt_feature *f = lt__feature_add(r->t, "state", WORD);
    if (f) {
        f->command_topic = topic(r, "command_topic");
        f->state_template = text(r, "state_template");
        f->state_topic = f->state_template ? reports(r, "state_topic") : NULL;
        f->words = lt__keep_new(r->t, json_pack("{s:s,s:s}", "on", on, "off", off));
        f->states = lt__keep_new(r->t, json_pack("{s:s,s:s}", "on", "on", "off", "off"));
    }
    f = template_feature(r, "brightness", NUMBER, "brightness", "brightness_template");
    if (f) set_range(r, f, 0, 255, 1);
    template_feature(r, "rgb", LT_FEATURE_RGB, "red", "red_template");
    template_feature(r, "hs", LT_FEATURE_HS, "hue", "hue_template");
    f = effects ? template_feature(r, "effect", CHOICE, "effect", "effect_template") : NULL;
    if (f) f->choices = effects;
    if (strstr(on, "color_temp")) {
        const char *state = text(r, "color_temp_template");
        add_color_temp(r, topic(r, "command_topic"), on, state ? reports(r, "state_topic") : NULL,
                       state, NULL);
    }
}

/* A valve that reports its position is set by number on the same topic. */
static void lower_valve_position(struct reader *r)
{
    struct lt_feature *f = r->t->features;
    if (!f) return;
    f->name = "position";
    f->type = NUMBER;
    const char *stop = payload(r, "payload_stop", NULL);
    f->words = stop ? lt__keep_new(r->t, json_pack("{s:s}", "stop", stop)) : NULL;
    set_range(r, f, number(r, "position_closed", 0), number(r, "position_open", 100), 1);
}

/* clang-format off */
static const struct { const char *support, *meaning, *key, *payload; } vacuum_words[] = {
    {"start", "start", "payload_start", "start"}, {"pause", "pause", "payload_pause", "pause"},
    {"stop", "stop", "payload_stop", "stop"},
    {"return_home", "return_to_base", "payload_return_to_base", "return_to_base"},
    {"clean_spot", "clean_spot", "payload_clean_spot", "clean_spot"}, {"locate", "locate", "payload_locate", "locate"},
};
/* clang-format on */

static int has_text(const json_t *a, const char *s)
{
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!strcmp(json_string_value(json_array_get(a, i)), s)) return 1;
    return 0;
}

static void lower_vacuum(struct reader *r)
{
    const json_t *support = list(r, "supported_features", "start|stop|return_home|clean_spot");
    const json_t *speeds = list(r, "fan_speed_list", NULL);
    const char *command = topic(r, "command_topic"), *state = reports(r, "state_topic");
    struct lt_feature *f = command || state ? lt__feature_add(r->t, "state", WORD) : NULL;
    if (f) {
        json_t *known = lt__keep_new(r->t, json_object());
        f->command_topic = command;
        f->state_topic = state;
        f->state_template = state ? "{{ value_json.state }}" : NULL;
        f->words = command ? known : NULL;
        if (state)
            f->states = lt__keep_new(r->t, json_pack("{s:s,s:s,s:s}", "cleaning", "cleaning",
                                                     "docked", "docked", "returning", "returning"));
        for (size_t i = 0; known && i < COUNT(vacuum_words); i++) {
            const char *p = payload(r, vacuum_words[i].key, vacuum_words[i].payload);
            if (p && has_text(support, vacuum_words[i].support) &&
                json_object_set_new(known, vacuum_words[i].meaning, json_string(p)))
                r->t->is_broken = 1;
        }
    }
    const char *speed = topic(r, "set_fan_speed_topic");
    if (speed && speeds && (f = lt__feature_add(r->t, "fan_speed", CHOICE))) {
        f->command_topic = speed;
        f->state_topic = state;
        f->state_template = state ? "{{ value_json.fan_speed }}" : NULL;
        f->choices = speeds;
    }
    const char *send = topic(r, "send_command_topic");
    if (send && (f = lt__feature_add(r->t, "send_command", TEXT))) f->command_topic = send;
}

/* An alarm panel arms in the ways that it supports. Where the panel itself wants a code with the command
 * ("REMOTE_CODE"), that command is not to be had here: Lintel keeps no such code (its own, safety.pin, is
 * asked of the speaker and never published). */
static void lower_alarm(struct reader *r)
{
    const json_t *support =
        list(r, "supported_features", "arm_home|arm_away|arm_night|arm_vacation");
    const char *code = text(r, "code");
    int is_remote = code && !strncmp(code, "REMOTE_CODE", 11);
    int arms = !is_remote || !flag(r, "code_arm_required", 1);
    int disarms = !is_remote || !flag(r, "code_disarm_required", 1);
    struct lt_feature *f = r->t->features;
    json_t *known = f ? (json_t *)(uintptr_t)f->words : NULL;
    const char *word;
    json_t *v;
    void *next;
    json_object_foreach_safe(known, next, word, v)
    {
        int is_disarm = !strcmp(word, "disarm");
        if (is_disarm ? !disarms : !arms || !has_text(support, word)) json_object_del(known, word);
    }
}

/* Temperatures carry their unit; Fahrenheit has other limits where none are given. */
static void set_units(struct reader *r)
{
    const char *unit = text(r, "temperature_unit");
    int is_f = unit && (*unit == 'F' || *unit == 'f');
    for (size_t i = 0; i < r->t->pub.n_features; i++) {
        struct lt_feature *f = r->t->features + i;
        if (!strncmp(f->name, "temperature", 11) || !strcmp(f->name, "current_temperature"))
            f->unit = unit;
        if (!is_f || !f->has_range || strncmp(f->name, "temperature", 11) != 0) continue;
        if (!member(r, "min_temp")) f->min = f->min * 9 / 5 + 32;
        if (!member(r, "max_temp")) f->max = f->max * 9 / 5 + 32;
    }
}

enum lt_err lt__ha_lower(struct lt__thing *t, const json_t *config, struct lt_diag *diag)
{
    struct reader r = {.t = t, .c = config, .diag = diag};
    const char *domain = t->pub.domain, *schema = "basic";
    for (size_t i = 0; i < COUNT(required); i++)
        if (!strcmp(required[i].component, domain) && !member(&r, required[i].key))
            return lt_fail(diag, LT_ERR_INVALID, "%s: is missing", required[i].key);
    if (!strcmp(domain, "media_player")) return lt__media_lower(t, config, diag);
    if (!strcmp(domain, "light") && text(&r, "schema")) schema = text(&r, "schema");
    if (!strcmp(schema, "json")) {
        lower_json_light(&r);
        return r.err;
    }
    if (!strcmp(schema, "template")) {
        lower_template_light(&r);
        return r.err;
    }
    if (strcmp(schema, "basic") != 0 && strcmp(schema, "default") != 0)
        return lt_fail(diag, LT_ERR_INVALID, "schema: \"%.40s\" is none of basic, json, template",
                       schema);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!strcmp(rows[i].component, domain)) add_by_row(&r, rows + i);
    if (!strcmp(domain, "light") &&
        (member(&r, "color_temp_command_topic") || member(&r, "color_temp_state_topic")))
        add_color_temp(
            &r, topic(&r, "color_temp_command_topic"), text(&r, "color_temp_command_template"),
            reports(&r, "color_temp_state_topic"), text(&r, "color_temp_value_template"), NULL);
    if (!strcmp(domain, "valve") && flag(&r, "reports_position", 0)) lower_valve_position(&r);
    if (!strcmp(domain, "vacuum")) lower_vacuum(&r);
    if (!strcmp(domain, "alarm_control_panel")) lower_alarm(&r);
    if (!strcmp(domain, "climate") || !strcmp(domain, "water_heater")) set_units(&r);
    if (t->pub.n_features && *t->pub.unit) t->features[0].unit = t->pub.unit;
    if (!r.err && !t->pub.n_features && !t->is_broken)
        return lt_fail(diag, LT_ERR_INVALID, "no topic by which a %s could be used", domain);
    return r.err;
}
