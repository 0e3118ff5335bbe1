/* sim_ha.c - things that announce themselves through Home Assistant's discovery, as ESPHome and others
 * do: topics and payloads are those of their own announcement, long or abbreviated. States are retained,
 * as ESPHome retains them (Home Assistant, "MQTT"; ESPHome, "MQTT Client Component"). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim_device.h"

/* A key of the announcement by its long or short name; `~` is written out. "" when absent. */
static const char *key_of(const struct sim_device *d, const char *name, const char *brief,
                          char out[256])
{
    const json_t *v = json_object_get(d->config, name);
    if (!v) v = json_object_get(d->config, brief);
    const char *s = json_string_value(v),
               *base = json_string_value(json_object_get(d->config, "~"));
    out[0] = '\0';
    if (!s && json_is_number(v)) snprintf(out, 256, "%g", json_number_value(v));
    if (!s) return out;
    size_t n = strlen(s);
    if (base && *s == '~')
        snprintf(out, 256, "%s%s", base, s + 1);
    else if (base && n && s[n - 1] == '~')
        snprintf(out, 256, "%.*s%s", (int)n - 1, s, base);
    else
        snprintf(out, 256, "%s", s);
    return out;
}

static int is_topic(const struct sim_device *d, const char *name, const char *brief,
                    const char *topic)
{
    char own[256];
    return *key_of(d, name, brief, own) && !strcmp(own, topic);
}

static int is_payload(const struct sim_device *d, const char *name, const char *brief,
                      const char *otherwise, const char *payload)
{
    char own[256];
    key_of(d, name, brief, own);
    return !strcmp(*own ? own : otherwise, payload);
}

static void say(struct sim *s, const struct sim_device *d, const char *name, const char *brief,
                const char *payload)
{
    char topic[256];
    if (*key_of(d, name, brief, topic)) sim__publish(s, topic, payload, 1);
}

static void set_text(struct sim_device *d, const char *key, const char *value)
{
    json_object_set_new(d->state, key, json_string(value));
}

static void set_number(struct sim_device *d, const char *key, double value)
{
    json_object_set_new(d->state, key,
                        value == floor(value) ? json_integer((json_int_t)value) : json_real(value));
}

/* What a report of one key looks like: through a template "{{ value_json.X }}" it is an object. */
static void say_value(struct sim *s, const struct sim_device *d, const char *name,
                      const char *brief, const char *key, const char *tpl, const char *brief_tpl)
{
    char text[256], template[256], member[64], wrapped[400];
    const json_t *v = json_object_get(d->state, key);
    if (!v) return;
    if (json_is_string(v))
        snprintf(text, sizeof text, "%s", json_string_value(v));
    else
        snprintf(text, sizeof text, "%g", json_number_value(v));
    key_of(d, tpl, brief_tpl, template);
    if (sscanf(template, "{{ value_json.%63[a-zA-Z0-9_]", member) == 1) {
        snprintf(wrapped, sizeof wrapped, json_is_string(v) ? "{\"%s\":\"%s\"}" : "{\"%s\":%s}",
                 member, text);
        say(s, d, name, brief, wrapped);
        return;
    }
    say(s, d, name, brief, text);
}

void sim__ha_report(struct sim *s, struct sim_device *d)
{
    const char *is = d->kind;
    char schema[256], topic[256];
    if (*key_of(d, "availability_topic", "avty_t", topic)) sim__publish(s, topic, "online", 1);
    if (d->root &&
        *key_of(&(struct sim_device){.config = d->root}, "availability_topic", "avty_t", topic))
        sim__publish(s, topic, "online", 1);
    if (!strcmp(is, "light") && !strcmp(key_of(d, "schema", "schema", schema), "json")) {
        char *text = json_dumps(d->state, JSON_COMPACT);
        say(s, d, "state_topic", "stat_t", text);
        free(text);
        return;
    }
    if (!strcmp(is, "vacuum")) {
        char text[128];
        snprintf(text, sizeof text, "{\"state\":\"%s\",\"battery_level\":90}",
                 json_string_value(json_object_get(d->state, "state")));
        say(s, d, "state_topic", "stat_t", text);
        return;
    }
    if (!strcmp(is, "lawn_mower")) {
        say_value(s, d, "activity_state_topic", "act_stat_t", "state", "activity_value_template",
                  "act_val_tpl");
        return;
    }
    const char *tpl =
        !strcmp(is, "light") || !strcmp(is, "fan") ? "state_value_template" : "value_template";
    say_value(s, d, "state_topic", "stat_t", "state", tpl,
              strcmp(tpl, "value_template") ? "stat_val_tpl" : "val_tpl");
    say_value(s, d, "brightness_state_topic", "bri_stat_t", "brightness",
              "brightness_value_template", "bri_val_tpl");
    say_value(s, d, "rgb_state_topic", "rgb_stat_t", "rgb", "rgb_value_template", "rgb_val_tpl");
    say_value(s, d, "percentage_state_topic", "pct_stat_t", "percentage",
              "percentage_value_template", "pct_val_tpl");
    say_value(s, d, "position_topic", "pos_t", "position", "position_template", "pos_tpl");
    say_value(s, d, "mode_state_topic", "mode_stat_t", "mode", "mode_state_template",
              "mode_stat_tpl");
    say_value(s, d, "temperature_state_topic", "temp_stat_t", "temperature",
              "temperature_state_template", "temp_stat_tpl");
    say_value(s, d, "current_temperature_topic", "curr_temp_t", "current_temperature",
              "current_temperature_template", "curr_temp_tpl");
    say_value(s, d, "target_humidity_state_topic", "hum_stat_t", "humidity",
              "target_humidity_state_template", "hum_state_tpl");
}

/* ---- commands, one component after the other ---- */

static void json_light(struct sim_device *d, const char *payload)
{
    static const char *const keys[] = {"brightness", "color_temp", "color", "effect"};
    json_t *o = json_loads(payload, 0, NULL);
    const char *state = json_string_value(json_object_get(o, "state"));
    if (!state) { /* Home Assistant's schema: the state is always there */
        json_decref(o);
        return;
    }
    set_text(d, "state", state);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(o, keys[i]) && json_object_get(d->state, keys[i]))
            json_object_set(d->state, keys[i], json_object_get(o, keys[i]));
    json_decref(o);
}

static void plain_light(struct sim_device *d, const char *topic, const char *payload)
{
    if (is_topic(d, "command_topic", "cmd_t", topic)) {
        if (is_payload(d, "payload_on", "pl_on", "ON", payload)) set_text(d, "state", payload);
        if (is_payload(d, "payload_off", "pl_off", "OFF", payload)) set_text(d, "state", payload);
    } else if (is_topic(d, "brightness_command_topic", "bri_cmd_t", topic)) {
        set_number(d, "brightness", atof(payload));
        set_text(d, "state", atof(payload) > 0 ? "ON" : "OFF");
    } else if (is_topic(d, "rgb_command_topic", "rgb_cmd_t", topic)) {
        set_text(d, "rgb", payload);
    }
}

static void cover(struct sim *s, struct sim_device *d, const char *topic, const char *payload)
{
    int is_command = is_topic(d, "command_topic", "cmd_t", topic);
    if (is_command && is_payload(d, "payload_open", "pl_open", "OPEN", payload))
        sim__move(s, d, 100);
    if (is_command && is_payload(d, "payload_close", "pl_cls", "CLOSE", payload))
        sim__move(s, d, 0);
    if (is_command && is_payload(d, "payload_stop", "pl_stop", "STOP", payload))
        sim__move(s, d, sim__position(d));
    if (is_topic(d, "set_position_topic", "set_pos_t", topic)) sim__move(s, d, atof(payload));
}

static void word(struct sim_device *d, const char *name, const char *brief, const char *otherwise,
                 const char *payload, const char *state)
{
    if (is_payload(d, name, brief, otherwise, payload)) set_text(d, "state", state);
}

static void vacuum(struct sim_device *d, const char *payload)
{
    word(d, "payload_start", "pl_strt", "start", payload, "cleaning");
    word(d, "payload_pause", "pl_paus", "pause", payload, "paused");
    word(d, "payload_stop", "pl_stop", "stop", payload, "idle");
    word(d, "payload_return_to_base", "pl_ret", "return_to_base", payload, "docked");
}

static void climate(struct sim_device *d, const char *topic, const char *payload)
{
    if (is_topic(d, "temperature_command_topic", "temp_cmd_t", topic))
        set_number(d, "temperature", atof(payload));
    if (is_topic(d, "mode_command_topic", "mode_cmd_t", topic)) set_text(d, "mode", payload);
}

void sim__ha_command(struct sim *s, struct sim_device *d, const char *topic, const char *payload)
{
    static const struct {
        const char *name, *brief;
    } topics[] = {{"command_topic", "cmd_t"},
                  {"brightness_command_topic", "bri_cmd_t"},
                  {"rgb_command_topic", "rgb_cmd_t"},
                  {"set_position_topic", "set_pos_t"},
                  {"percentage_command_topic", "pct_cmd_t"},
                  {"temperature_command_topic", "temp_cmd_t"},
                  {"mode_command_topic", "mode_cmd_t"},
                  {"target_humidity_command_topic", "hum_cmd_t"},
                  {"start_mowing_command_topic", "strt_mw_cmd_t"},
                  {"dock_command_topic", "dock_cmd_t"}};
    const char *is = d->kind;
    char schema[256];
    int is_ours = 0;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        is_ours |= is_topic(d, topics[i].name, topics[i].brief, topic);
    if (!is_ours) return;
    int is_command = is_topic(d, "command_topic", "cmd_t", topic);
    if (!strcmp(is, "light") && !strcmp(key_of(d, "schema", "schema", schema), "json"))
        json_light(d, payload);
    else if (!strcmp(is, "light"))
        plain_light(d, topic, payload);
    else if (!strcmp(is, "cover"))
        cover(s, d, topic, payload);
    else if (!strcmp(is, "climate"))
        climate(d, topic, payload);
    else if (!strcmp(is, "vacuum"))
        vacuum(d, payload);
    else if (!strcmp(is, "lawn_mower"))
        set_text(d, "state",
                 is_topic(d, "dock_command_topic", "dock_cmd_t", topic) ? "docked" : "mowing");
    else if (!strcmp(is, "lock")) {
        word(d, "payload_lock", "pl_lock", "LOCK", payload, "LOCKED");
        word(d, "payload_unlock", "pl_unlk", "UNLOCK", payload, "UNLOCKED");
    } else if (!strcmp(is, "valve")) {
        word(d, "payload_open", "pl_open", "OPEN", payload, "open");
        word(d, "payload_close", "pl_cls", "CLOSE", payload, "closed");
    } else if (!strcmp(is, "fan") && is_topic(d, "percentage_command_topic", "pct_cmd_t", topic)) {
        set_number(d, "percentage", atof(payload));
        set_text(d, "state", atof(payload) > 0 ? "ON" : "OFF");
    } else if (!strcmp(is, "humidifier") &&
               is_topic(d, "target_humidity_command_topic", "hum_cmd_t", topic)) {
        set_number(d, "humidity", atof(payload));
    } else if (!strcmp(is, "number")) {
        set_number(d, "state", atof(payload));
    } else if (!strcmp(is, "button") || !strcmp(is, "scene")) {
        set_number(d, "presses", json_number_value(json_object_get(d->state, "presses")) + 1);
    } else if (is_command) { /* switch, fan, select, siren: the word is the state */
        set_text(d, "state", payload);
    }
    if (!d->is_silent) sim__ha_report(s, d);
}
