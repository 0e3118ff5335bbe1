/* act_known.c - from the last reports to arguments. */
#include "act_known.h"

#include <math.h>
#include <string.h>

/* The light's brightness in per cent when it is on; 0: off or not known. */
static int level_of(const struct lt_act *a, const struct lt_thing *t)
{
    struct lt_plain_state s;
    /* the reader of relative requests takes it as void */
    if (!lt_act_plain_state((void *)(uintptr_t)a, t->id, &s) || isnan(s.level) || s.level < 1)
        return 0;
    return (int)round(s.level);
}

json_t *lt_act_known_arguments(const struct lt_act *a, const struct lt_thing *t, const char *tool,
                               const json_t *args)
{
    json_t *same = json_incref((json_t *)(uintptr_t)args); /* the count alone changes */
    const char *type = json_string_value(json_object_get(t->config, "on_command_type"));
    if (!strcmp(tool, "HassLightSet") && type && !strcmp(type, "brightness") &&
        !json_object_get(args, "brightness")) {
        int percent = level_of(a, t);
        json_t *more = percent ? json_copy(same) : NULL;
        if (!more) return same;
        json_decref(same);
        (void)json_object_set_new(more, "brightness", json_integer(percent));
        return more;
    }
    return same;
}
