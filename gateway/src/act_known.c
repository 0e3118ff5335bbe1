/* act_known.c - from the last reports to arguments and targets. */
#include "act_known.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "act_command.h"

#define VOLUME_STEP 10 /* per cent of "louder", as Home Assistant's players step */

/* The light's brightness in per cent when it is on; 0: off or not known. */
static int level_of(const struct lt_act *a, const struct lt_thing *t)
{
    struct lt_plain_state s;
    /* the reader of relative requests takes it as void */
    if (!lt_act_plain_state((void *)(uintptr_t)a, t->id, &s) || isnan(s.level) || s.level < 1)
        return 0;
    return (int)round(s.level);
}

/* What a feature reported last; 0: nothing. */
static int reported(const struct lt_act *a, const struct lt_thing *t, const char *feature,
                    char word[64], double *number)
{
    const struct lt_feature *f = lt_thing_feature(t, feature);
    const char *payload = f ? lt_act_last(a, f->state_topic) : NULL;
    return payload && !lt_act_read(f, payload, word, 64, number);
}

/* Per cent after "up", "down" or a number of points; -1 when the volume is not known. */
static int volume_after(const struct lt_act *a, const struct lt_thing *t, const json_t *args)
{
    const json_t *step = json_object_get(args, "volume_step");
    const struct lt_feature *f = lt_thing_feature(t, "volume");
    const char *s = json_string_value(step);
    char word[64];
    double x,
        points = s ? (!strcasecmp(s, "up") ? VOLUME_STEP : -VOLUME_STEP) : json_number_value(step);
    if (!f || !f->command_topic || !reported(a, t, "volume", word, &x) || isnan(x)) return -1;
    double now = 100 * (x - f->min) / (f->max - f->min);
    return (int)round(fmin(fmax(now + points, 0), 100));
}

/* A copy with one more member; the same object when memory ran out. Takes `same`. */
static json_t *with(json_t *same, const char *key, int value)
{
    json_t *more = json_copy(same);
    if (!more || json_object_set_new(more, key, json_integer(value))) {
        json_decref(more);
        return same;
    }
    json_decref(same);
    return more;
}

json_t *lt_act_known_arguments(const struct lt_act *a, const struct lt_thing *t, const char *tool,
                               const json_t *args)
{
    json_t *same = json_incref((json_t *)(uintptr_t)args); /* the count alone changes */
    const char *type = json_string_value(json_object_get(t->config, "on_command_type"));
    if (!strcmp(tool, "HassLightSet") && type && !strcmp(type, "brightness") &&
        !json_object_get(args, "brightness")) {
        int percent = level_of(a, t);
        return percent ? with(same, "brightness", percent) : same;
    }
    if (!strcmp(tool, "HassSetVolumeRelative")) {
        int percent = volume_after(a, t, args);
        return percent >= 0 ? with(same, "volume_level", percent) : same;
    }
    return same;
}

size_t lt_act_known_players(const struct lt_act *a, const char *tool, const json_t *args,
                            size_t *targets, size_t n)
{
    const char *const *domains = lt_act_domains(tool);
    const char *want = strcmp(tool, "HassMediaUnpause") ? "playing" : "paused";
    size_t k = 0;
    if (!domains || strcmp(domains[0], "media_player") != 0 || json_object_get(args, "name"))
        return n;
    for (size_t i = 0; i < n; i++) {
        char word[64];
        double x;
        const struct lt_thing *t = lt_discovery_thing(lt_act_discovery(a), targets[i]);
        if (!reported(a, t, "state", word, &x) || strcmp(word, want) != 0) continue;
        size_t one = targets[i];
        targets[i] = targets[k];
        targets[k++] = one;
    }
    return k ? k : n;
}
