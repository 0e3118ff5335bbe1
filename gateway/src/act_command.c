/* act_command.c - calls become payloads, payloads become meanings. */
#include "act_command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lt/fold.h"
#include "template.h"

/* ---- tools ---- */

enum verb {
    TURN_ON,
    TURN_OFF,
    LIGHT_SET,
    SET_POSITION,
    STOP,
    FAN_SPEED,
    SET_TEMPERATURE,
    VACUUM_START,
    VACUUM_DOCK,
    MOWER_START,
    MOWER_DOCK,
    SET_HUMIDITY,
    SET_NUMBER,
    SELECT_OPTION,
    ALARM_ARM,
    ALARM_DISARM,
    MEDIA_PAUSE,
    MEDIA_PLAY,
    MEDIA_NEXT,
    MEDIA_PREVIOUS,
    SET_VOLUME,
    CHANGE_VOLUME,
    MUTE,
    UNMUTE,
    SEARCH,
};

#define DOMAINS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* clang-format off */
static const struct tool {
    const char *name;
    enum verb verb;
    const char *domains[4];
} tools[] = {
    {"HassTurnOn", TURN_ON, {NULL}},
    {"HassTurnOff", TURN_OFF, {NULL}},
    {"HassLock", TURN_ON, {"lock"}},
    {"HassUnlock", TURN_OFF, {"lock"}},
    {"HassOpen", TURN_ON, {"cover", "valve"}},
    {"HassClose", TURN_OFF, {"cover", "valve"}},
    {"HassLightSet", LIGHT_SET, {"light"}},
    {"HassSetPosition", SET_POSITION, {"cover", "valve"}},
    {"HassStopMoving", STOP, {"cover", "valve"}},
    {"HassFanSetSpeed", FAN_SPEED, {"fan"}},
    {"HassClimateSetTemperature", SET_TEMPERATURE, {"climate", "water_heater"}},
    {"HassVacuumStart", VACUUM_START, {"vacuum"}},
    {"HassVacuumReturnToBase", VACUUM_DOCK, {"vacuum"}},
    {"HassLawnMowerStartMowing", MOWER_START, {"lawn_mower"}},
    {"HassLawnMowerDock", MOWER_DOCK, {"lawn_mower"}},
    {"HassHumidifierSetpoint", SET_HUMIDITY, {"humidifier"}},
    {"HassSetNumber", SET_NUMBER, {"number"}},
    {"HassSelectOption", SELECT_OPTION, {"select"}},
    {"HassAlarmArm", ALARM_ARM, {"alarm_control_panel"}},
    {"HassAlarmDisarm", ALARM_DISARM, {"alarm_control_panel"}},
    {"HassMediaPause", MEDIA_PAUSE, {"media_player"}},
    {"HassMediaUnpause", MEDIA_PLAY, {"media_player"}},
    {"HassMediaNext", MEDIA_NEXT, {"media_player"}},
    {"HassMediaPrevious", MEDIA_PREVIOUS, {"media_player"}},
    {"HassSetVolume", SET_VOLUME, {"media_player"}},
    {"HassSetVolumeRelative", CHANGE_VOLUME, {"media_player"}},
    {"HassMediaPlayerMute", MUTE, {"media_player"}},
    {"HassMediaPlayerUnmute", UNMUTE, {"media_player"}},
    {"HassMediaSearchAndPlay", SEARCH, {"media_player"}},
};
/* clang-format on */

static const struct tool *tool_of(const char *name)
{
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (!strcmp(tools[i].name, name)) return &tools[i];
    return NULL;
}

int lt_act_is_for_devices(const char *tool)
{
    return tool_of(tool) != NULL;
}

const char *const *lt_act_domains(const char *tool)
{
    const struct tool *t = tool_of(tool);
    return t && t->domains[0] ? t->domains : NULL;
}

/* ---- colours ---- */

static const struct {
    const char *name;
    unsigned char r, g, b;
} colours[] = {{"white", 255, 255, 255}, {"red", 255, 0, 0},          {"green", 0, 255, 0},
               {"blue", 0, 0, 255},      {"yellow", 255, 255, 0},     {"orange", 255, 165, 0},
               {"purple", 128, 0, 128},  {"pink", 255, 192, 203},     {"cyan", 0, 255, 255},
               {"magenta", 255, 0, 255}, {"turquoise", 64, 224, 208}, {"violet", 238, 130, 238},
               {"gold", 255, 215, 0},    {"lime", 0, 255, 0},         {"teal", 0, 128, 128},
               {"brown", 165, 42, 42},   {"black", 0, 0, 0}};

static void hue_of(const double rgb[3], double *hue, double *saturation)
{
    double high = fmax(rgb[0], fmax(rgb[1], rgb[2])), low = fmin(rgb[0], fmin(rgb[1], rgb[2]));
    double d = high - low;
    *saturation = high > 0 ? 100 * d / high : 0;
    *hue = d == 0           ? 0
           : high == rgb[0] ? 60 * fmod((rgb[1] - rgb[2]) / d + 6, 6)
           : high == rgb[1] ? 60 * ((rgb[2] - rgb[0]) / d + 2)
                            : 60 * ((rgb[0] - rgb[1]) / d + 4);
}

/* sRGB to CIE 1931 xy (IEC 61966-2-1). */
static void xy_of(const double rgb[3], double *x, double *y)
{
    double lin[3];
    for (int i = 0; i < 3; i++) {
        double c = rgb[i] / 255;
        lin[i] = c > 0.04045 ? pow((c + 0.055) / 1.055, 2.4) : c / 12.92;
    }
    double X = 0.4124 * lin[0] + 0.3576 * lin[1] + 0.1805 * lin[2];
    double Y = 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2];
    double Z = 0.0193 * lin[0] + 0.1192 * lin[1] + 0.9505 * lin[2], sum = X + Y + Z;
    *x = sum > 0 ? round(X / sum * 10000) / 10000 : 0.3127;
    *y = sum > 0 ? round(Y / sum * 10000) / 10000 : 0.3290;
}

/* ---- a plan under way: values by feature, then messages ---- */

struct set {
    const struct lt_feature *f;
    json_t *value; /* as in the payload */
};
struct maker {
    const struct lt_thing *t;
    struct set set[LT_ACT_SENDS_MAX];
    int n;
    struct lt_act_plan *plan;
    struct lt_diag *diag;
};

/* Why not: the plan keeps the key and what fills it, for the speaker's tongue; the error tells it in English. */
static enum lt_err refuse(struct maker *m, enum lt_err err, const struct lt_act_refusal *why)
{
    char text[LT_ACT_REFUSAL_BYTES];
    m->plan->refusal = *why;
    lt_act_say_refusal(NULL, m->t->name, why, text, sizeof text);
    size_t n = strlen(text);
    if (n && text[n - 1] == '.') text[n - 1] = '\0'; /* a reason, not a sentence */
    return lt_fail(m->diag, err, "%s", text);
}

static enum lt_err cannot(struct maker *m, const char *key)
{
    return refuse(m, LT_ERR_UNSUPPORTED, &(struct lt_act_refusal){.key = key});
}

static enum lt_err add(struct maker *m, const struct lt_feature *f, json_t *value)
{
    if (!value) return lt_fail(m->diag, LT_ERR_NOMEM, "out of memory");
    if (m->n == LT_ACT_SENDS_MAX) {
        json_decref(value);
        return lt_fail(m->diag, LT_ERR_LIMIT, "%s: too many values at once", m->t->name);
    }
    m->set[m->n++] = (struct set){f, value};
    return LT_OK;
}

static void expect(struct maker *m, const struct lt_feature *f, const char *meaning, double number,
                   double tolerance)
{
    struct lt_act_plan *p = m->plan;
    if (!f->state_topic || p->n_expects == LT_ACT_SENDS_MAX) return;
    if (meaning && f->type != LT_FEATURE_CHOICE && f->type != LT_FEATURE_TEXT &&
        !json_object_get(f->states, meaning) && !json_object_get(f->words, meaning))
        return;
    struct lt_act_expect *e = &p->expects[p->n_expects++];
    *e = (struct lt_act_expect){.feature = f, .number = number, .tolerance = tolerance};
    if (meaning) snprintf(e->meaning, sizeof e->meaning, "%s", meaning);
}

static const struct lt_feature *settable(const struct maker *m, const char *name)
{
    const struct lt_feature *f = lt_thing_feature(m->t, name);
    return f && f->command_topic ? f : NULL;
}

/* The word for `meaning`; `then` is what the state will mean. */
static enum lt_err say(struct maker *m, const struct lt_feature *f, const char *meaning,
                       const char *then)
{
    const json_t *word = f ? json_object_get(f->words, meaning) : NULL;
    if (!word) return LT_ERR_NOTFOUND;
    enum lt_err err = add(m, f, json_deep_copy(word));
    if (!err && then) expect(m, f, then, 0, 0);
    return err;
}

/* The feature's choice of this name, as the device writes it; NULL: it has none. */
static const char *choice_of(const struct lt_feature *f, const char *what)
{
    for (size_t i = 0; i < json_array_size(f->choices); i++) {
        const char *c = json_string_value(json_array_get(f->choices, i));
        if (lt_fold_same(c, what)) return c;
    }
    return NULL;
}

static enum lt_err choose(struct maker *m, const char *feature, const char *const *wishes)
{
    const struct lt_feature *f = settable(m, feature);
    for (; f && *wishes; wishes++) {
        const char *c = choice_of(f, *wishes);
        if (!c) continue;
        enum lt_err err = add(m, f, json_string(c));
        if (!err) expect(m, f, c, 0, 0);
        return err;
    }
    return LT_ERR_NOTFOUND;
}

static json_t *plain(double x)
{
    return x == floor(x) ? json_integer((json_int_t)x) : json_real(x);
}

/* per cent of the feature's range */
static enum lt_err set_percent(struct maker *m, const struct lt_feature *f, double percent)
{
    double low = f->has_range ? f->min : 0, high = f->has_range ? f->max : 100;
    double value = low + (high - low) * percent / 100;
    if (!strcmp(f->name, "percentage")) /* speeds count from 1: 33 % of three is the first */
        value = ceil((high - low + 1) * percent / 100 + low - 1 - 1e-9);
    double step = f->step > 0 ? f->step : 1; /* some volumes count from 0 to 1 */
    value = step >= 1 ? round(value) : round(value / step) * step;
    enum lt_err err = add(m, f, plain(value));
    if (!err) expect(m, f, NULL, value, fmax(fabs(high - low) * 0.02, step));
    return err;
}

/* A cover that reports its position alone: at which end it will be. */
static void expect_end(struct maker *m, int is_open)
{
    const struct lt_feature *f = lt_thing_feature(m->t, "position");
    if (!f || !f->has_range) return;
    expect(m, f, NULL, is_open ? f->max : f->min, fmax(fabs(f->max - f->min) * 0.02, 1));
}

/* How a light of Home Assistant's default schema is turned on: "last" (values, then ON), "first", or
 * "brightness" (ON is never sent: a brightness turns it on). Others: "first". */
static const char *on_type(const struct lt_thing *t)
{
    const char *s = json_string_value(json_object_get(t->config, "on_command_type"));
    if (t->kind != LT_THING_HA || !json_object_get(t->config, "command_topic")) return "first";
    return s ? s : "last";
}

static int is_on_by_level(const struct maker *m)
{
    return !strcmp(on_type(m->t), "brightness") && settable(m, "brightness");
}

/* It is on: what its brightness, or else its state, will tell. */
static enum lt_err turn_on_by_level(struct maker *m, double percent)
{
    const struct lt_feature *state = settable(m, "state");
    if (state) expect(m, state, "on", 0, 0);
    return set_percent(m, settable(m, "brightness"), percent);
}

static enum lt_err turn(struct maker *m, int on)
{
    static const char *const pairs[][4] = {/* on word, its state, off word, its state */
                                           {"on", "on", "off", "off"},
                                           {"open", "open", "close", "closed"},
                                           {"lock", "locked", "unlock", "unlocked"},
                                           {"start", "cleaning", "return_to_base", "docked"}};
    static const char *const warm[] = {"heat", "auto", "heat_cool", "on", "cool", NULL};
    static const char *const speeds[] = {"on", "auto", "medium", "low", "high", NULL};
    static const char *const off[] = {"off", NULL};
    const struct lt_feature *f = settable(m, "state");
    if (on && is_on_by_level(m)) return turn_on_by_level(m, 100);
    if (f)
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
            if (json_object_get(f->words, pairs[i][on ? 0 : 2])) {
                if (!f->state_topic) expect_end(m, on);
                return say(m, f, pairs[i][on ? 0 : 2], pairs[i][on ? 1 : 3]);
            }
    if (f && on && json_object_get(f->words, "press")) return say(m, f, "press", NULL);
    if (f && f->type == LT_FEATURE_CHOICE && choice_of(f, on ? "on" : "off"))
        return choose(m, "state", on ? (const char *const[]){"on", NULL} : off);
    f = settable(m, "position");
    if (f && (!strcmp(m->t->domain, "cover") || !strcmp(m->t->domain, "valve")))
        return set_percent(m, f, on ? 100 : 0);
    f = settable(m, "power");
    if (f) return say(m, f, on ? "on" : "off", NULL);
    if (!choose(m, "mode", on ? warm : off)) return LT_OK;
    if (!strcmp(m->t->domain, "fan") && !choose(m, "preset_mode", on ? speeds : off)) return LT_OK;
    return cannot(m, on ? "cannot.turn_on" : "cannot.turn_off");
}

/* A text or number argument; 0 when it is absent. */
static int argument(const json_t *args, const char *key, double *out)
{
    const json_t *v = json_object_get(args, key);
    if (json_is_number(v)) *out = json_number_value(v);
    return json_is_number(v);
}

static enum lt_err set_kelvin(struct maker *m, double kelvin)
{
    const struct lt_feature *f = settable(m, "color_temp");
    if (!f) return cannot(m, "cannot.white");
    double value = f->unit && !strcmp(f->unit, "mired") ? round(1e6 / kelvin) : kelvin;
    if (f->has_range) value = fmin(fmax(value, f->min), f->max);
    enum lt_err err = add(m, f, plain(value));
    if (!err) expect(m, f, NULL, value, fmax(value * 0.03, 2));
    return err;
}

/* Red, green and blue as the feature takes them; channels of white stay dark. */
static json_t *rgb_value(const struct maker *m, const struct lt_feature *f, const double rgb[3])
{
    static const char *const more[] = {"", ",0", ",0,0"};
    int n_white = f->type == LT_FEATURE_RGBW ? 1 : f->type == LT_FEATURE_RGBWW ? 2 : 0;
    char text[64];
    if (m->t->kind == LT_THING_HA) {
        snprintf(text, sizeof text, "%.0f,%.0f,%.0f%s", rgb[0], rgb[1], rgb[2], more[n_white]);
        return json_string(text);
    }
    json_t *v = json_pack("{s:i,s:i,s:i}", "r", (int)rgb[0], "g", (int)rgb[1], "b", (int)rgb[2]);
    if (n_white == 2) (void)json_object_set_new(v, "c", json_integer(0));
    if (n_white) (void)json_object_set_new(v, "w", json_integer(0));
    return v;
}

static const struct lt_feature *rgb_feature(const struct maker *m)
{
    const struct lt_feature *f = settable(m, "rgb");
    if (!f) f = settable(m, "rgbw");
    return f ? f : settable(m, "rgbww");
}

/* `share` of 0..1 darkens the colour itself, for lights without a brightness of their own. */
static enum lt_err set_colour(struct maker *m, const char *name, double share)
{
    double rgb[3] = {0}, a, b;
    int found = 0;
    for (size_t i = 0; i < sizeof colours / sizeof *colours && !found; i++)
        if (!strcasecmp(colours[i].name, name)) {
            found = 1;
            rgb[0] = round(colours[i].r * share);
            rgb[1] = round(colours[i].g * share);
            rgb[2] = round(colours[i].b * share);
        }
    if (!found)
        return refuse(m, LT_ERR_INVALID,
                      &(struct lt_act_refusal){.key = "cannot.color", .word = name});
    const struct lt_feature *f = rgb_feature(m);
    int as_text = m->t->kind == LT_THING_HA;
    char text[64];
    if (f) return add(m, f, rgb_value(m, f, rgb));
    if ((f = settable(m, "hs"))) {
        hue_of(rgb, &a, &b);
        snprintf(text, sizeof text, "%.1f,%.1f", a, b);
        int is_z2m = m->t->kind == LT_THING_Z2M;
        return add(m, f,
                   as_text ? json_string(text)
                           : json_pack("{s:f,s:f}", is_z2m ? "hue" : "h", round(a),
                                       is_z2m ? "saturation" : "s", round(b)));
    }
    if ((f = settable(m, "xy"))) {
        xy_of(rgb, &a, &b);
        snprintf(text, sizeof text, "%.4f,%.4f", a, b);
        return add(m, f, as_text ? json_string(text) : json_pack("{s:f,s:f}", "x", a, "y", b));
    }
    if (!strcasecmp(name, "white")) return set_kelvin(m, 4000);
    return cannot(m, "cannot.colors");
}

static enum lt_err light_set(struct maker *m, const json_t *args)
{
    double x = 0, share = 1;
    enum lt_err err = LT_OK;
    const char *colour = json_string_value(json_object_get(args, "color"));
    const struct lt_feature *state = settable(m, "state"), *level = settable(m, "brightness");
    int has_level = argument(args, "brightness", &x);
    if (has_level && x <= 0) return turn(m, 0);
    /* most lights keep settings of a dark lamp for later. Those of the default schema are told before or
     * after the values, as they say themselves */
    int by_level = is_on_by_level(m);
    int is_last = !strcmp(on_type(m->t), "last");
    if (state && !is_last && !by_level) (void)!say(m, state, "on", "on");
    if (has_level && !level) {
        if (m->t->kind != LT_THING_HA || !rgb_feature(m)) return cannot(m, "cannot.dim");
        share = fmin(x, 100) / 100; /* as Home Assistant does: the colour itself is darker */
        if (!colour) colour = "white";
    }
    if (by_level)
        err = turn_on_by_level(m, has_level ? fmin(x, 100) : 100);
    else if (has_level && level)
        err = set_percent(m, level, fmin(x, 100));
    if (!err && colour) err = set_colour(m, colour, share);
    if (!err && argument(args, "temperature", &x)) err = set_kelvin(m, fmax(x, 500));
    if (!err && state && is_last) (void)!say(m, state, "on", "on");
    return err;
}

static enum lt_err set_temperature(struct maker *m, const json_t *args)
{
    double x = 0;
    const struct lt_feature *f = settable(m, "temperature");
    if (!argument(args, "temperature", &x) || !f) return cannot(m, "cannot.temperature");
    /* Celsius said to a device of the other unit: nothing it could mean as it is */
    if (f->unit && strchr(f->unit, 'F') && f->has_range && x < f->min) x = round(x * 9 / 5 + 32);
    if (f->has_range && (x < f->min || x > f->max))
        return refuse(m, LT_ERR_INVALID,
                      &(struct lt_act_refusal){"cannot.degrees", NULL, f->min, f->max, x});
    enum lt_err err = add(m, f, plain(x));
    if (!err) expect(m, f, NULL, x, 0.26);
    return err;
}

static enum lt_err position(struct maker *m, const json_t *args)
{
    double x = 0;
    const struct lt_feature *f = settable(m, "position");
    if (!argument(args, "position", &x)) return cannot(m, "cannot.no_value");
    if (f) return set_percent(m, f, fmin(fmax(x, 0), 100));
    if (x >= 100 || x <= 0) return turn(m, x >= 100);
    return cannot(m, "cannot.position");
}

static enum lt_err fan_speed(struct maker *m, const json_t *args)
{
    double x = 0;
    const struct lt_feature *f = settable(m, "percentage");
    if (!argument(args, "percentage", &x)) return cannot(m, "cannot.no_value");
    if (x <= 0) return turn(m, 0);
    const struct lt_feature *state = settable(m, "state");
    if (state) (void)!say(m, state, "on", "on");
    if (f) return set_percent(m, f, fmin(x, 100));
    /* named speeds only */
    const char *const names[] = {x <= 33 ? "low" : x <= 67 ? "medium" : "high", NULL};
    return choose(m, "preset_mode", names) ? cannot(m, "cannot.speed") : LT_OK;
}

/* A value within the feature's range, in steps. */
static enum lt_err set_value(struct maker *m, const char *feature, const json_t *args,
                             const char *key)
{
    double x = 0;
    const struct lt_feature *f = settable(m, feature);
    if (!argument(args, key, &x) || !f) return cannot(m, "cannot.value");
    if (f->has_range && (x < f->min || x > f->max))
        return refuse(m, LT_ERR_INVALID,
                      &(struct lt_act_refusal){"cannot.range", NULL, f->min, f->max, x});
    if (f->has_range && f->step > 0) x = f->min + round((x - f->min) / f->step) * f->step;
    enum lt_err err = add(m, f, plain(x));
    if (!err) expect(m, f, NULL, x, f->step > 0 ? f->step / 2 : 0.01);
    return err;
}

static enum lt_err select_option(struct maker *m, const json_t *args)
{
    const char *const wish[] = {json_string_value(json_object_get(args, "option")), NULL};
    if (!wish[0] || choose(m, "state", wish))
        return refuse(
            m, LT_ERR_INVALID,
            &(struct lt_act_refusal){.key = "cannot.option", .word = wish[0] ? wish[0] : "?"});
    return LT_OK;
}

/* The first of the features that has the word; `then` is what "state" will mean. */
static enum lt_err one_word(struct maker *m, const char *const *features, const char *const *words,
                            const char *then)
{
    const struct lt_feature *state = lt_thing_feature(m->t, "state");
    for (; *features; features++, words++) {
        const struct lt_feature *f = settable(m, *features);
        if (!f || say(m, f, *words, NULL)) continue;
        if (then && state) expect(m, state, then, 0, 0);
        return LT_OK;
    }
    return cannot(m, "cannot.do");
}

/* Arm in a mode, or (NULL) disarm. A panel that waits until people have left says "arming" first. */
static enum lt_err alarm_panel(struct maker *m, const char *mode)
{
    char word[32] = "disarm", then[32] = "disarmed";
    if (mode) {
        snprintf(word, sizeof word, "arm_%.20s", mode);
        snprintf(then, sizeof then, "armed_%.20s", mode);
    }
    if (!say(m, settable(m, "state"), word, then)) return LT_OK;
    return cannot(m, mode ? "cannot.arm" : "cannot.disarm");
}

/* ---- media players ---- */

/* The word of a player, as discovery_media.c keeps it; LT_ERR_NOTFOUND: it has none. */
static enum lt_err tell(struct maker *m, const char *verb, const char *then)
{
    const struct lt_feature *f = settable(m, verb), *state = lt_thing_feature(m->t, "state");
    if (!f || say(m, f, "do", NULL)) return LT_ERR_NOTFOUND;
    if (then && state) expect(m, state, then, 0, 0);
    return LT_OK;
}

static enum lt_err turn_player(struct maker *m, int on)
{
    if (on ? !tell(m, "on", NULL) || !tell(m, "play", "playing")
           : !tell(m, "off", "off") || !tell(m, "stop", NULL) || !tell(m, "pause", "paused"))
        return LT_OK;
    return cannot(m, on ? "cannot.turn_on" : "cannot.turn_off");
}

/* act_known.c has made a volume of the step where the player tells its own. */
static enum lt_err volume(struct maker *m, const json_t *args)
{
    double x = 0;
    const struct lt_feature *f = settable(m, "volume");
    const char *step = json_string_value(json_object_get(args, "volume_step"));
    if (argument(args, "volume_level", &x))
        return f ? set_percent(m, f, fmin(fmax(x, 0), 100)) : cannot(m, "cannot.volume");
    int is_up = step ? !strcasecmp(step, "up") : argument(args, "volume_step", &x) && x > 0;
    if (!tell(m, is_up ? "volume_up" : "volume_down", NULL)) return LT_OK;
    return cannot(m, f ? "cannot.volume_yet" : "cannot.volume");
}

static enum lt_err mute(struct maker *m, int on)
{
    const struct lt_feature *f = settable(m, "mute");
    const char *word = on ? "on" : "off";
    return f && !say(m, f, word, word) ? LT_OK : cannot(m, on ? "cannot.mute" : "cannot.unmute");
}

static enum lt_err search(struct maker *m, const json_t *args)
{
    const struct lt_feature *f = settable(m, "search");
    json_t *query = json_object_get(args, "search_query");
    if (!f || !json_is_string(query)) return cannot(m, "cannot.search");
    return add(m, f, json_deep_copy(query));
}

static enum lt_err play(struct maker *m, enum verb verb, const json_t *args)
{
    switch (verb) {
    case MEDIA_PAUSE:
        return tell(m, "pause", "paused") ? cannot(m, "cannot.pause") : LT_OK;
    case MEDIA_PLAY:
        return tell(m, "play", "playing") ? cannot(m, "cannot.play") : LT_OK;
    case MEDIA_NEXT:
        return tell(m, "next", NULL) ? cannot(m, "cannot.next") : LT_OK;
    case MEDIA_PREVIOUS:
        return tell(m, "previous", NULL) ? cannot(m, "cannot.previous") : LT_OK;
    case MUTE:
    case UNMUTE:
        return mute(m, verb == MUTE);
    case SEARCH:
        return search(m, args);
    default:
        return volume(m, args);
    }
}

static enum lt_err fill(struct maker *m, enum verb verb, const json_t *args)
{
    int is_player = !strcmp(m->t->domain, "media_player");
    switch (verb) {
    case TURN_ON:
    case TURN_OFF:
        if (!strcmp(m->t->domain, "alarm_control_panel"))
            return alarm_panel(m, verb == TURN_ON ? "away" : NULL);
        return is_player ? turn_player(m, verb == TURN_ON) : turn(m, verb == TURN_ON);
    case LIGHT_SET:
        return light_set(m, args);
    case SET_POSITION:
        return position(m, args);
    case STOP:
        return one_word(m, DOMAINS("state"), DOMAINS("stop"), NULL);
    case FAN_SPEED:
        return fan_speed(m, args);
    case SET_TEMPERATURE:
        return set_temperature(m, args);
    case VACUUM_START:
        return one_word(m, DOMAINS("state", "send_command"), DOMAINS("start", "start"), "cleaning");
    case VACUUM_DOCK:
        return one_word(m, DOMAINS("state", "dock"), DOMAINS("return_to_base", "dock"), "docked");
    case SET_HUMIDITY:
        return set_value(m, "humidity", args, "humidity");
    case SET_NUMBER:
        return set_value(m, "state", args, "value");
    case SELECT_OPTION:
        return select_option(m, args);
    case ALARM_ARM:
        return alarm_panel(m, json_object_get(args, "mode")
                                  ? json_string_value(json_object_get(args, "mode"))
                                  : "away");
    case ALARM_DISARM:
        return alarm_panel(m, NULL);
    case MOWER_START:
        return one_word(m, DOMAINS("start_mowing"), DOMAINS("start"), "mowing");
    case MOWER_DOCK:
        return one_word(m, DOMAINS("dock"), DOMAINS("dock"), "docked");
    default:
        return play(m, verb, args);
    }
}

/* ---- messages ---- */

static enum lt_err new_send(struct maker *m, const char *topic, struct lt_act_send **out)
{
    struct lt_act_plan *p = m->plan;
    if (p->n_sends == LT_ACT_SENDS_MAX)
        return lt_fail(m->diag, LT_ERR_LIMIT, "%s: too many messages", m->t->name);
    *out = &p->sends[p->n_sends++];
    (*out)->topic = topic;
    return LT_OK;
}

static enum lt_err put_text(struct maker *m, struct lt_act_send *s, const char *text)
{
    int n = snprintf(s->payload, sizeof s->payload, "%s", text);
    return (size_t)n < sizeof s->payload
               ? LT_OK
               : lt_fail(m->diag, LT_ERR_LIMIT, "%s: the payload is too long", m->t->name);
}

static enum lt_err put_json(struct maker *m, struct lt_act_send *s, const json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(8));
    enum lt_err err = text ? put_text(m, s, text) : LT_ERR_NOMEM;
    free(text);
    return err;
}

/* One JSON object a topic. */
static enum lt_err emit_objects(struct maker *m)
{
    enum lt_err err = LT_OK;
    for (int i = 0; i < m->n && !err; i++) {
        int is_first = 1;
        for (int k = 0; k < i; k++)
            is_first &= strcmp(m->set[k].f->command_topic, m->set[i].f->command_topic) != 0;
        if (!is_first) continue;
        json_t *o = json_object();
        for (int k = i; k < m->n; k++)
            if (!strcmp(m->set[k].f->command_topic, m->set[i].f->command_topic)) {
                enum lt_feature_type type = m->set[k].f->type;
                int is_colour = type >= LT_FEATURE_XY;
                const char *key = m->set[k].f->key ? m->set[k].f->key
                                  : is_colour      ? "color"
                                                   : m->set[k].f->name;
                json_object_set(o, key, m->set[k].value);
            }
        struct lt_act_send *s = NULL;
        err = o ? new_send(m, m->set[i].f->command_topic, &s) : LT_ERR_NOMEM;
        if (!err) err = put_json(m, s, o);
        json_decref(o);
    }
    return err;
}

/* Numbers of "255,0,0" or {"r": 255, …}, to the names that templates have for them. */
static void add_parts(json_t *vars, const struct lt_feature *f, const json_t *v)
{
    static const struct {
        enum lt_feature_type type;
        const char *names[5], *keys[5];
    } parts[] = {
        {LT_FEATURE_RGB, {"red", "green", "blue"}, {"r", "g", "b"}},
        {LT_FEATURE_RGBW, {"red", "green", "blue", "white"}, {"r", "g", "b", "w"}},
        {LT_FEATURE_RGBWW,
         {"red", "green", "blue", "cold_white", "warm_white"},
         {"r", "g", "b", "c", "w"}},
        {LT_FEATURE_HS, {"hue", "sat"}, {"h", "s"}},
        {LT_FEATURE_XY, {"x", "y"}, {"x", "y"}},
    };
    const char *at = json_string_value(v);
    char *end;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].type != f->type) continue;
        for (int k = 0; k < 5 && parts[i].names[k]; k++) {
            double x =
                at ? strtod(at, &end) : json_number_value(json_object_get(v, parts[i].keys[k]));
            if (at) at = *end == ',' ? end + 1 : end;
            (void)json_object_set_new(vars, parts[i].names[k], plain(x));
        }
    }
}

/* What a command's template may name: `value` in the device's own range, the feature by its name, and
 * for covers the per cent ("{ \"position\": {{ position }} }"). A new reference. */
static json_t *template_vars(const struct lt_feature *f, const json_t *v)
{
    json_t *vars = json_pack("{s:O,s:O}", "value", v, f->name, v);
    if (!vars) return NULL;
    if (f->type == LT_FEATURE_WORD)
        (void)json_object_set(vars, "action", (json_t *)(uintptr_t)v); /* alarm panels */
    int is_tilt = !strcmp(f->name, "tilt");
    if ((is_tilt || !strcmp(f->name, "position")) && json_is_number(v)) {
        double percent = f->has_range && f->max != f->min
                             ? round(100 * (json_number_value(v) - f->min) / (f->max - f->min))
                             : json_number_value(v);
        (void)json_object_set_new(vars, is_tilt ? "tilt_position" : "position", plain(percent));
    }
    add_parts(vars, f, v);
    return vars;
}

/* One message a value, through its template if it has one. */
static enum lt_err emit_values(struct maker *m)
{
    enum lt_err err = LT_OK;
    for (int i = 0; i < m->n && !err; i++) {
        const struct lt_feature *f = m->set[i].f;
        const json_t *v = m->set[i].value;
        struct lt_act_send *s = NULL;
        err = new_send(m, f->command_topic, &s);
        if (err) return err;
        if (f->command_template) {
            json_t *vars = template_vars(f, v);
            err = vars ? lt_template_eval(f->command_template, vars, s->payload, sizeof s->payload,
                                          m->diag)
                       : LT_ERR_NOMEM;
            json_decref(vars);
        } else {
            err = json_is_string(v) ? put_text(m, s, json_string_value(v)) : put_json(m, s, v);
        }
    }
    return err;
}

/* A light of schema template: its words are templates over everything that is set. */
static enum lt_err emit_template(struct maker *m)
{
    const struct lt_feature *state = settable(m, "state");
    const char *word = NULL;
    json_t *vars = json_object();
    struct lt_act_send *s = NULL;
    for (int i = 0; i < m->n; i++) {
        if (m->set[i].f == state) word = json_string_value(m->set[i].value);
        json_object_set(vars, m->set[i].f->name, m->set[i].value);
        add_parts(vars, m->set[i].f, m->set[i].value);
    }
    if (!word && state) word = json_string_value(json_object_get(state->words, "on"));
    json_object_set_new(vars, "state", json_string(word == NULL ? "" : "on"));
    enum lt_err err = word ? new_send(m, state->command_topic, &s) : cannot(m, "cannot.do");
    if (!err) err = lt_template_eval(word, vars, s->payload, sizeof s->payload, m->diag);
    json_decref(vars);
    return err;
}

enum lt_err lt_act_plan_call(const struct lt_thing *t, const char *tool, const json_t *args,
                             struct lt_act_plan *out, struct lt_diag *diag)
{
    const struct tool *one = tool_of(tool);
    struct maker m = {.t = t, .plan = out, .diag = diag};
    memset(out, 0, sizeof *out);
    if (!one) return lt_fail(diag, LT_ERR_UNSUPPORTED, "%s works no devices", tool);
    enum lt_err err = fill(&m, one->verb, args);
    if (!err)
        err = t->kind == LT_THING_HA            ? emit_values(&m)
              : t->kind == LT_THING_HA_TEMPLATE ? emit_template(&m)
                                                : emit_objects(&m);
    for (int i = 0; i < m.n; i++) json_decref(m.set[i].value);
    if (t->is_optimistic) out->n_expects = 0;
    return err;
}

int lt_act_say_refusal(const struct lt_tongue *t, const char *name,
                       const struct lt_act_refusal *why, char *out, size_t cap)
{
    char low[32], high[32], value[32];
    snprintf(low, sizeof low, "%g", why->low);
    snprintf(high, sizeof high, "%g", why->high);
    snprintf(value, sizeof value, "%g", why->value);
    return why->key && lt_say(t, why->key,
                              LT_HOLES({"name", name}, {"color", why->word}, {"option", why->word},
                                       {"low", low}, {"high", high}, {"value", value}),
                              out, cap);
}

/* ---- reports ---- */

static enum lt_err text_of(const struct lt_feature *f, const char *payload, char *out, size_t cap)
{
    if (f->state_template) return lt_template_value(f->state_template, payload, out, cap, NULL);
    if (!f->key) {
        snprintf(out, cap, "%s", payload);
        return LT_OK;
    }
    json_t *o = json_loads(payload, 0, NULL);
    const json_t *v = json_object_get(o, f->key);
    enum lt_err err = v && !json_is_null(v) ? LT_OK : LT_ERR_NOTFOUND;
    if (!err && json_is_string(v)) {
        snprintf(out, cap, "%s", json_string_value(v));
    } else if (!err) {
        char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10));
        snprintf(out, cap, "%s", s ? s : "");
        free(s);
    }
    json_decref(o);
    return err;
}

static const char *meaning_in(const json_t *words, const char *text)
{
    void *it = json_object_iter((json_t *)(uintptr_t)words);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)words, it)) {
        const json_t *v = json_object_iter_value(it);
        char *other = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        const char *want = json_is_string(v) ? json_string_value(v) : other ? other : "";
        int same = !strcmp(want, text);
        free(other);
        if (same) return json_object_iter_key(it);
    }
    return NULL;
}

enum lt_err lt_act_read(const struct lt_feature *f, const char *payload, char *meaning, size_t cap,
                        double *number)
{
    char text[512], *end;
    *number = NAN;
    enum lt_err err = text_of(f, payload, text, sizeof text);
    if (err) return err;
    const char *m = meaning_in(f->states, text);
    if (!m && f->type == LT_FEATURE_WORD) m = meaning_in(f->words, text);
    snprintf(meaning, cap, "%.*s", (int)cap - 1, m ? m : text);
    double x = strtod(text, &end);
    if (end != text && !*end) *number = x;
    return LT_OK;
}

int lt_act_is_met(const struct lt_act_expect *e, const char *payload)
{
    char meaning[128];
    double x;
    if (lt_act_read(e->feature, payload, meaning, sizeof meaning, &x)) return 0;
    if (!strcmp(e->meaning, "docked") && !strcmp(meaning, "returning")) return 1;  /* on its way */
    if (!strncmp(e->meaning, "armed_", 6) && !strcmp(meaning, "arming")) return 1; /* the same */
    return *e->meaning ? !strcmp(meaning, e->meaning)
                       : !isnan(x) && fabs(x - e->number) <= e->tolerance;
}
