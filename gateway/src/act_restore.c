/* act_restore.c - from reports to calls. */
#include "act_restore.h"

#include <math.h>
#include <string.h>

#include "act_command.h"
#include "act_known.h"
#include "act_target.h"
#include "ask.h"
#include "gateway_int.h"

#define DEFAULT_LEVEL_MAX 255.0 /* brightness where no range was announced */

/* What the device reported last of a feature; 0 when nothing. */
static int reported(const struct lt_act *a, const struct lt_thing *t, const char *feature,
                    char *word, size_t cap, double *number)
{
    const struct lt_feature *f = lt_thing_feature(t, feature);
    const char *payload = f ? lt_act_last(a, f->state_topic) : NULL;
    return payload && !lt_act_read(f, payload, word, cap, number);
}

/* The tool that brings the device's state back, and its number (NAN: none); NULL when unknown. */
static const char *way_back(const struct lt_act *a, const struct lt_thing *t, const char *tool_done,
                            const char **key, double *value)
{
    char word[64];
    double x;
    *value = NAN;
    if (!strcmp(t->domain, "climate")) {
        if (!reported(a, t, "temperature", word, sizeof word, value) || isnan(*value)) return NULL;
        *key = "temperature";
        return "HassClimateSetTemperature";
    }
    if ((!strcmp(t->domain, "cover") || !strcmp(t->domain, "valve")) &&
        reported(a, t, "position", word, sizeof word, value) && !isnan(*value)) {
        *key = "position";
        return "HassSetPosition";
    }
    if (!strcmp(t->domain, "media_player")) { /* pausing and muting have opposites (session.c) */
        const struct lt_feature *f = lt_thing_feature(t, "volume");
        if (strncmp(tool_done, "HassSetVolume", 13) != 0 || !f ||
            !reported(a, t, "volume", word, sizeof word, value) || isnan(*value))
            return NULL;
        *value = round(100 * (*value - f->min) / (f->max - f->min));
        *key = "volume_level";
        return "HassSetVolume";
    }
    if (!reported(a, t, "state", word, sizeof word, &x)) return NULL;
    if (!strcmp(word, "off") || !strcmp(word, "closed") || !strcmp(word, "unlocked"))
        return "HassTurnOff";
    if (strcmp(word, "on") != 0 && strcmp(word, "open") != 0 && strcmp(word, "locked") != 0)
        return NULL; /* moving, jammed: no state to go back to */
    const struct lt_feature *level = lt_thing_feature(t, "brightness");
    if (!strcmp(t->domain, "light") && level &&
        reported(a, t, "brightness", word, sizeof word, value) && !isnan(*value)) {
        double max = level->has_range && level->max > 0 ? level->max : DEFAULT_LEVEL_MAX;
        *value = round(100 * *value / max);
        *value = fmin(fmax(*value, 1), 100);
        *key = "brightness";
        return "HassLightSet";
    }
    *value = NAN;
    return "HassTurnOn";
}

/* The call for one device; NULL when it cannot be made, or the catalogue has no such tool. */
static json_t *call_back(const struct lt_act *a, const struct lt_catalog *c,
                         const struct lt_thing *t, const char *tool_done)
{
    const char *key = NULL, *tool;
    double value;
    tool = way_back(a, t, tool_done, &key, &value);
    if (!tool || lt_catalog_find_tool(c, tool) < 0) return NULL;
    for (size_t i = 0; i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        if (strcmp(e->id, t->id) != 0) continue;
        json_t *choice = lt__ask_choice(c, e);
        json_t *arguments = json_deep_copy(json_object_get(choice, "arguments"));
        json_decref(choice);
        if (key && value == floor(value))
            json_object_set_new(arguments, key, json_integer((json_int_t)value));
        else if (key)
            json_object_set_new(arguments, key, json_real(value));
        return json_pack("{s:s,s:o}", "name", tool, "arguments", arguments);
    }
    return NULL;
}

json_t *lt_act_restore(const struct lt_act *a, const struct lt_catalog *c, const json_t *calls)
{
    if (!lt_act_takes(a, calls, 0)) return NULL;
    struct lt_discovery *d = lt_act_discovery(a);
    const json_t *areas = json_object_get(json_object_get(lt_catalog_json(c), "home"), "areas");
    json_t *back = json_array();
    int is_known = 1;
    for (size_t i = json_array_size(calls); i-- > 0 && is_known;) {
        const json_t *call = json_array_get(calls, i);
        const char *tool = json_string_value(json_object_get(call, "name"));
        size_t targets[LT_RESTORE_MAX];
        if (!tool || !lt_act_is_for_devices(tool)) {
            is_known = lt_house_is_ours(tool); /* the house takes its own rows back */
            continue;
        }
        size_t n = lt_act_targets(d, areas, tool, json_object_get(call, "arguments"), targets,
                                  LT_RESTORE_MAX);
        is_known = n > 0 && n <= LT_RESTORE_MAX;
        if (is_known)
            n = lt_act_known_players(a, tool, json_object_get(call, "arguments"), targets, n);
        for (size_t k = 0; is_known && k < n; k++) {
            json_t *one = call_back(a, c, lt_discovery_thing(d, targets[k]), tool);
            is_known =
                one && json_array_size(back) < LT_RESTORE_MAX && !json_array_append(back, one);
            json_decref(one);
        }
    }
    if (is_known && json_array_size(back)) return back;
    json_decref(back);
    return NULL;
}
