/* ask_words.c - calls and choices in words: which one, shall I, what was done. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ask.h"
#include "house.h"

#define SENTENCES_MAX 3 /* an answer of more is not listened to */

static const char *text_at(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    const char *s = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
    return s ? s : "";
}

/* ---- which one? ---- */

/* Different rooms of the choices, in order; their number. */
static size_t rooms_of(const json_t *choices, const char **out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const char *area = text_at(json_array_get(choices, i), "area");
        size_t k = 0;
        while (k < n && k < cap && strcmp(out[k], area) != 0) k++;
        if (!*area || (k < n && k < cap)) continue;
        if (n < cap) out[n] = area;
        n++;
    }
    return n;
}

static const char *joint(size_t i, size_t n)
{
    return i + 1 == n ? "or" : "comma";
}

/* "in the Kitchen, the Bedroom or the Hallway"; "" where there is no telling them apart so. */
static void list_rooms(const struct lt_tongue *t, const json_t *choices, char *out, size_t cap)
{
    const char *rooms[LT_ASK_SPOKEN_MAX];
    char one[256], list[LT_ASK_SPEECH] = "";
    size_t n = rooms_of(choices, rooms, LT_ASK_SPOKEN_MAX);
    *out = '\0';
    if (n < 2 || n > LT_ASK_SPOKEN_MAX) return;
    for (size_t i = 0; i < n; i++) {
        lt_say_part(t, "choice.room", LT_HOLES({"area", rooms[i]}), one, sizeof one);
        lt_say_join(t, joint(i, n), one, list, sizeof list);
    }
    lt_say_part(t, "choice.rooms", LT_HOLES({"it", list}), out, cap);
}

/* "the Ceiling Light, the Floor Lamp or the Bedside Lamp"; with the rooms of those that are called alike. */
static void list_choices(const struct lt_tongue *t, const json_t *choices, char *out, size_t cap)
{
    size_t n = json_array_size(choices);
    *out = '\0';
    if (n > LT_ASK_SPOKEN_MAX) {
        list_rooms(t, choices, out, cap);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *choice = json_array_get(choices, i);
        const char *label = text_at(choice, "label");
        char one[256];
        int n_same = 0;
        for (size_t k = 0; k < n; k++)
            n_same += !strcasecmp(text_at(json_array_get(choices, k), "label"), label);
        lt_say_part(t, "choice",
                    LT_HOLES({"name", label}, {"area", n_same > 1 ? text_at(choice, "area") : ""}),
                    one, sizeof one);
        lt_say_join(t, joint(i, n), one, out, cap);
    }
}

void lt_ask_word_which(const struct lt_tongue *t, const char *kind, const json_t *choices,
                       char *out, size_t cap)
{
    char list[LT_ASK_SPEECH / 2];
    list_choices(t, choices, list, sizeof list);
    lt_say(t, "which", LT_HOLES({"kind", kind}, {"it", list}), out, cap);
}

/* ---- what a call does ---- */

/* What sentences about a call can name besides its arguments. */
struct about {
    char span[128], timer[256], tool[128], details[256];
    struct lt_hole holes[6];
};

/* "HassStartTimer" and "start_timer" as "start timer". */
static void tool_words(const char *tool, char *out, size_t cap)
{
    size_t n = 0;
    if (!strncmp(tool, "Hass", 4)) tool += 4;
    for (const char *p = tool; *p && n + 2 < cap; p++) {
        int is_capital = *p >= 'A' && *p <= 'Z';
        if (is_capital && n) out[n++] = ' ';
        out[n++] = (char)(is_capital ? *p + 32 : *p == '_' ? ' ' : *p);
    }
    out[n] = '\0';
}

/* "minutes 5, name pasta" */
static void detail_words(const json_t *arguments, char *out, size_t cap)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    *out = '\0';
    json_object_foreach((json_t *)(uintptr_t)arguments, key, value)
    {
        const char *text = text_at(arguments, key);
        char number[32] = "";
        if (json_is_number(value)) snprintf(number, sizeof number, "%g", json_number_value(value));
        if ((!*text && !*number) || n >= cap) continue;
        size_t at = n;
        n += (size_t)snprintf(out + n, cap - n, "%s%.40s %s%s", n ? ", " : "", key, text, number);
        if (n >= cap) {
            out[at] = '\0'; /* whole ones only */
            return;
        }
        for (char *p = out + at; *p && p < out + at + strlen(key) + 2; p++)
            if (*p == '_') *p = ' ';
    }
}

static void learn(const struct lt_tongue *t, const json_t *call, struct about *a)
{
    const json_t *arguments = json_object_get(call, "arguments");
    const char *kind = text_at(arguments, "device_class"), *name = text_at(arguments, "name");
    int64_t span = lt_house_span_ms(arguments, ""), start = lt_house_span_ms(arguments, "start_");
    memset(a, 0, sizeof *a);
    if (!*kind) kind = text_at(arguments, "domain");
    if (span > 0) lt_say_span(t, span, a->span, sizeof a->span);
    if (*name || start > 0) lt_say_timer(t, name, start, a->timer, sizeof a->timer);
    tool_words(text_at(call, "name"), a->tool, sizeof a->tool);
    detail_words(arguments, a->details, sizeof a->details);
    const struct lt_hole holes[] = {{"domain", kind},  {"span", a->span},       {"timer", a->timer},
                                    {"tool", a->tool}, {"details", a->details}, {NULL, NULL}};
    memcpy(a->holes, holes, sizeof holes);
}

const char *lt_ask_verb(const struct lt_catalog *c, const json_t *call)
{
    static const struct {
        const char *tool, *domain, *verb;
    } verbs[] = {
        {"HassTurnOn", "lock", "lock"},
        {"HassTurnOff", "lock", "unlock"},
        {"HassTurnOn", "cover", "open"},
        {"HassTurnOff", "cover", "close"},
        {"HassTurnOn", "valve", "open"},
        {"HassTurnOff", "valve", "close"},
        {"HassTurnOn", "scene", "run"},
        {"HassTurnOn", "script", "run"},
        {"HassTurnOn", "button", "press"},
        {"HassTurnOn", "alarm_control_panel", "HassAlarmArm"},
        {"HassTurnOff", "alarm_control_panel", "HassAlarmDisarm"},
        {"HassLock", "", "lock"},
        {"HassUnlock", "", "unlock"},
        {"HassOpen", "", "open"},
        {"HassClose", "", "close"},
        {"HassOpenCover", "", "open"},
        {"HassCloseCover", "", "close"},
    };
    const json_t *arguments = json_object_get(call, "arguments");
    const char *tool = text_at(call, "name"), *domain = text_at(arguments, "domain");
    const struct lt_entity *one[1];
    int is_of_a_kind =
        *domain || *text_at(arguments, "name") || *text_at(arguments, "device_class");
    if (c && is_of_a_kind && lt_catalog_targets(c, arguments, one, 1) >= 1) domain = one[0]->domain;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (!strcmp(verbs[i].tool, tool) && (!*verbs[i].domain || !strcmp(verbs[i].domain, domain)))
            return verbs[i].verb;
    return tool;
}

/* "floor" where that is all that says which devices are meant: then it must be said, for "every light" would
 * be more than was asked for. Else NULL. */
static const char *floor_of(const json_t *arguments)
{
    int is_all = !*text_at(arguments, "name") && !*text_at(arguments, "area");
    return is_all && *text_at(arguments, "floor") ? "floor" : NULL;
}

void lt_ask_describe(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *call,
                     char *out, size_t cap)
{
    const json_t *arguments = json_object_get(call, "arguments");
    struct about a;
    char key[LT_ANSWERS_KEY], whole[LT_ASK_SPEECH];
    const char *floor = floor_of(arguments);
    learn(t, call, &a);
    snprintf(key, sizeof key, "do.%.100s", lt_ask_verb(c, call));
    if (lt_say_call(t, key, arguments, a.holes, floor, out, cap)) return;
    if (!lt_say_call(t, key, arguments, a.holes, NULL, out, cap)) {
        lt_say_call(t, "do", arguments, a.holes, NULL, out, cap);
    } else if (floor) {
        lt_say_call(t, "do_floor", arguments, LT_HOLES({"do", out}), NULL, whole, sizeof whole);
        snprintf(out, cap, "%s", whole);
    }
}

/* ---- shall I? ---- */

/* The question in the tongue's language; 0 when the table has no words for all of it. */
static int word_confirm(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *calls,
                        const char *key, char *out, size_t cap)
{
    size_t n = json_array_size(calls);
    char one[256], all[LT_ASK_SPEECH - 80] = "";
    if (n == 1 && !strcmp(key, "ask")) { /* a question of its own */
        const json_t *call = json_array_get(calls, 0);
        struct about a;
        char own[LT_ANSWERS_KEY];
        learn(t, call, &a);
        snprintf(own, sizeof own, "ask.%.100s", lt_ask_verb(c, call));
        if (lt_say_call(t, own, json_object_get(call, "arguments"), a.holes,
                        floor_of(json_object_get(call, "arguments")), out, cap))
            return 1;
    }
    for (size_t i = 0; i < n; i++) {
        lt_ask_describe(t, c, json_array_get(calls, i), one, sizeof one);
        if (!*one) return 0;
        lt_say_join(t, i + 1 == n ? "and" : "comma", one, all, sizeof all);
    }
    return lt_say_call(t, key, NULL, LT_HOLES({"do", all}), NULL, out, cap);
}

void lt_ask_confirm(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *calls,
                    int is_pin, struct lt_question *out)
{
    const char *key = is_pin ? "code" : "ask";
    struct lt_tongue english = {.own = t ? t->own : NULL};
    out->kind = is_pin ? LT_ASK_PIN : LT_ASK_CONFIRM;
    out->calls = json_deep_copy(calls);
    out->is_guarded = 1;
    if (!word_confirm(t, c, calls, key, out->speech, sizeof out->speech))
        (void)word_confirm(&english, c, calls, key, out->speech, sizeof out->speech);
    lt_say_capital(out->speech);
}

/* ---- what was done ---- */

void lt_ask_done(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *calls,
                 char *out, size_t cap)
{
    size_t i;
    json_t *call;
    *out = '\0';
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        struct about a;
        char one[400];
        if (i == SENTENCES_MAX) return;
        const json_t *arguments = json_object_get(call, "arguments");
        learn(t, call, &a);
        if (!lt_say_call(t, lt_ask_verb(c, call), arguments, a.holes, floor_of(arguments), one,
                         sizeof one)) {
            *out = '\0'; /* half an answer would be wrong */
            return;
        }
        lt_say_capital(one);
        lt_say_join(t, "sentences", one, out, cap);
    }
}
