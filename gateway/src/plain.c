/* plain.c - tables of verbs, target words, calls. */
#include "plain_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lt/fold.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- words ---- */

enum verb { NONE, ON, OFF, OPEN, CLOSE, LOCK, UNLOCK, ARM, DISARM, SET, UP, DOWN, ASK };

/* A word of the sentence's frame; `verb` NONE: it says nothing by itself. */
static const struct {
    const char *word;
    enum verb verb;
    const char *domain; /* it is about this kind alone */
} frame[] = {
    {"turn", NONE, ""},
    {"switch", NONE, ""},
    {"put", NONE, ""},
    {"power", NONE, ""},
    {"make", NONE, ""},
    {"can", NONE, ""},
    {"could", NONE, ""},
    {"would", NONE, ""},
    {"you", NONE, ""},
    {"please", NONE, ""},
    {"me", NONE, ""},
    {"the", NONE, ""},
    {"a", NONE, ""},
    {"an", NONE, ""},
    {"my", NONE, ""},
    {"in", NONE, ""},
    {"at", NONE, ""},
    {"of", NONE, ""},
    {"for", NONE, ""},
    {"to", NONE, ""},
    {"it", NONE, ""},
    {"here", NONE, ""},
    {"now", NONE, ""},
    {"by", NONE, ""},
    {"percent", NONE, ""},
    {"degrees", NONE, ""},
    {"degree", NONE, ""},
    {"our", NONE, ""},
    {"this", NONE, ""},
    {"that", NONE, ""},
    {"on", ON, ""},
    {"activate", ON, ""},
    {"start", ON, ""},
    {"press", ON, "button"},
    {"off", OFF, ""},
    {"deactivate", OFF, ""},
    {"open", OPEN, "cover"},
    {"raise", OPEN, "cover"},
    {"extend", OPEN, "cover"},
    {"close", CLOSE, "cover"},
    {"shut", CLOSE, "cover"},
    {"retract", CLOSE, "cover"},
    {"lower", CLOSE, "cover"},
    {"lock", LOCK, "lock"},
    {"unlock", UNLOCK, "lock"},
    {"arm", ARM, "alarm_control_panel"},
    {"disarm", DISARM, "alarm_control_panel"},
    {"set", SET, ""},
    {"dim", DOWN, "light"},
    {"brighten", UP, "light"},
    {"brighter", UP, "light"},
    {"dimmer", DOWN, "light"},
    {"darker", DOWN, "light"},
    {"warmer", UP, "climate"},
    {"hotter", UP, "climate"},
    {"cooler", DOWN, "climate"},
    {"colder", DOWN, "climate"},
    {"faster", UP, "fan"},
    {"slower", DOWN, "fan"},
    {"up", UP, ""},
    {"down", DOWN, ""},
    {"increase", UP, ""},
    {"decrease", DOWN, ""},
    {"reduce", DOWN, ""},
    {"higher", UP, ""},
};
/* How much, in relative requests. */
static const struct {
    const char *word;
    int size; /* 0: a bit, 2: a lot */
} sizes[] = {{"bit", 0}, {"little", 0}, {"slightly", 0}, {"lot", 2}, {"much", 2}, {"way", 2}};
/* "it's too bright" before or instead of a command: what is wished is the opposite. */
static const struct {
    const char *word;
    enum verb wish;
    const char *domain;
} moods[] = {{"bright", DOWN, "light"}, {"dark", UP, "light"},   {"warm", DOWN, "climate"},
             {"hot", DOWN, "climate"},  {"cold", UP, "climate"}, {"chilly", UP, "climate"}};
static const char *const mood_frame[] = {"its", "is", "too", "im"};
/* What kinds of things are called. */
static const struct {
    const char *word, *domain;
} kinds[] = {{"light", "light"},
             {"lamp", "light"},
             {"blind", "cover"},
             {"shutter", "cover"},
             {"curtain", "cover"},
             {"shade", "cover"},
             {"fan", "fan"},
             {"lock", "lock"},
             {"plug", "switch"},
             {"socket", "switch"},
             {"outlet", "switch"},
             {"heating", "climate"},
             {"heater", "climate"},
             {"radiator", "climate"},
             {"thermostat", "climate"},
             {"temperature", "climate"},
             {"alarm", "alarm_control_panel"},
             {"house", "alarm_control_panel"},
             {"system", "alarm_control_panel"}};
/* Who is in the house, of alarm panels that are armed. */
static const struct {
    const char *word, *mode;
} arm_modes[] = {{"away", "away"},   {"home", "home"},         {"stay", "home"},
                 {"night", "night"}, {"vacation", "vacation"}, {"holidays", "vacation"}};
/* What is asked for, as device classes. */
static const struct {
    const char *word, *device_class;
} readings[] = {{"temperature", "temperature"}, {"warm", "temperature"},
                {"hot", "temperature"},         {"cold", "temperature"},
                {"humidity", "humidity"},       {"humid", "humidity"},
                {"co2", "carbon_dioxide"},      {"moisture", "moisture"},
                {"battery", "battery"},         {"power", "power"},
                {"pressure", "pressure"},       {"brightness", "illuminance"}};
static const char *const asking[] = {"what", "whats", "how",   "hows",     "is",
                                     "are",  "level", "there", "currently"};
static const struct {
    const char *word, *state;
} states[] = {{"on", "on"},
              {"off", "off"},
              {"open", "open"},
              {"closed", "closed"},
              {"shut", "closed"},
              {"locked", "locked"},
              {"unlocked", "unlocked"},
              {"armed", "armed"},
              {"disarmed", "disarmed"}};

static const char *text_of(const char *s)
{
    return s ? s : "";
}

/* ---- what was said ---- */

struct reading {
    const struct lt_tongue *t;
    const struct lt_catalog *c;
    const char *here;
    lt_plain_read_fn read;
    void *ctx;
    enum verb verb;
    const char *domain; /* "" any */
    const char *state;  /* that is asked about */
    const char *mode;   /* in which an alarm is armed */
    const char *device_class;
    int is_all, is_both, is_either, size, has_number, is_relative;
    int is_degrees; /* "degrees" was said: no percentage is meant */
    double number;
    struct lt_words part[LT_PLAIN_PARTS_MAX]; /* target words; v[] point into the caller's */
    int n_parts;
    struct lt_plain *out;
};

static int is_one_of(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], word)) return 1;
    return 0;
}

static void add_target(struct reading *r, char *word)
{
    struct lt_words *p = &r->part[r->n_parts - 1];
    if (p->n < LT_WORDS_MAX) p->v[p->n++] = word;
}

/* Take one verb; another one that says something else makes the whole unreadable. */
static int take_verb(struct reading *r, enum verb verb, const char *domain)
{
    int is_turn = (r->verb == SET && (verb == UP || verb == DOWN)) ||
                  ((r->verb == UP || r->verb == DOWN) && verb == r->verb) || r->verb == NONE;
    if (!is_turn && !(verb == SET)) return 0;
    if (verb != SET || r->verb == NONE) r->verb = verb;
    if (*domain) {
        if (*r->domain && strcmp(r->domain, domain) != 0) return 0;
        r->domain = domain;
    }
    return 1;
}

static int find_frame(const char *word)
{
    for (size_t i = 0; i < N_OF(frame); i++)
        if (!strcmp(frame[i].word, word)) return (int)i;
    return -1;
}

/* "it's too bright", "it is cold in the bedroom": words it takes from i on; 0: none. */
static int take_mood(struct reading *r, const struct lt_words *said, int i)
{
    int k = i;
    while (k < said->n &&
           (is_one_of(mood_frame, N_OF(mood_frame), said->v[k]) || !strcmp(said->v[k], "it") ||
            !strcmp(said->v[k], "i") || !strcmp(said->v[k], "am")))
        k++;
    if (k == i || k >= said->n) return 0;
    for (size_t m = 0; m < N_OF(moods); m++) {
        if (strcmp(moods[m].word, said->v[k]) != 0) continue;
        r->domain = moods[m].domain;
        r->verb = moods[m].wish;
        return k - i + 1;
    }
    return 0;
}

/* A question's first word decides; 0 when it is none. */
static int read_question(struct reading *r, const struct lt_words *said)
{
    int n_asking = 0;
    if (!said->n || !is_one_of(asking, 6, said->v[0])) return 0;
    r->verb = ASK;
    for (int i = 0; i < said->n; i++) {
        char *w = said->v[i];
        int k = find_frame(w);
        const char *state = NULL, *cls = NULL;
        for (size_t m = 0; m < N_OF(states); m++)
            if (!strcmp(states[m].word, w)) state = states[m].state;
        for (size_t m = 0; m < N_OF(readings); m++)
            if (!strcmp(readings[m].word, w)) cls = readings[m].device_class;
        if (is_one_of(asking, N_OF(asking), w)) {
            n_asking++;
        } else if (state && i > 1 && (!strcmp(said->v[0], "is") || !strcmp(said->v[0], "are")) &&
                   i == said->n - 1) {
            r->state = state;
        } else if (cls && !r->device_class) {
            r->device_class = cls;
        } else if (k < 0 || frame[k].verb != NONE) {
            add_target(r, w);
        }
    }
    if (!r->state && !r->device_class && !r->part[0].n) return -1;
    int is_yes_no = !strcmp(said->v[0], "is") || !strcmp(said->v[0], "are");
    return is_yes_no && !r->state ? -1 : n_asking > 0 ? 1 : -1;
}

static int has_word_in(const char *name, const char *word)
{
    struct lt_words w;
    char text[LT_WORDS_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)sizeof text - 8, name);
    for (char *p = text; *p; p++)
        if (*p == '_') *p = ' ';
    lt_words_split(text, &w);
    return lt__ask_has_word(&w, word);
}

/* Is something in this home called so, a "Dimmer" that is no wish to make it darker? */
static int is_in_a_name(const struct reading *r, const char *word)
{
    for (size_t i = 0; i < lt_catalog_n_entities(r->c); i++)
        if (has_word_in(lt_catalog_entity(r->c, i)->name, word)) return 1;
    return 0;
}

/* 0 when a word has no place. */
static int read_command(struct reading *r, const struct lt_words *said)
{
    int i = take_mood(r, said, 0), n, k;
    int is_mood = i > 0;
    for (; i < said->n; i += n) {
        char *w = said->v[i];
        n = 1;
        if (is_mood && (r->verb == UP || r->verb == DOWN) && (k = find_frame(w)) >= 0 &&
            (frame[k].verb == UP || frame[k].verb == DOWN) && frame[k].verb != r->verb &&
            !strcmp(r->domain, "climate") == !strcmp(frame[k].domain, "climate") &&
            *frame[k].domain)
            return 0; /* "too cold, make it colder" */
        if (is_mood && (k = find_frame(w)) >= 0 && (frame[k].verb == UP || frame[k].verb == DOWN)) {
            r->verb = frame[k].verb;
            continue;
        }
        if (!strcmp(w, "all") || !strcmp(w, "every") || !strcmp(w, "everything")) {
            r->is_all = strcmp(w, "everything") ? 1 : 2;
            continue;
        }
        if (r->verb == ARM && r->mode && !strcmp(w, "mode")) continue;
        if (r->verb == ARM && !is_in_a_name(r, w)) {
            const char *mode = NULL;
            for (size_t m = 0; m < N_OF(arm_modes); m++)
                if (!strcmp(arm_modes[m].word, w)) mode = arm_modes[m].mode;
            if (mode && r->mode && strcmp(mode, r->mode) != 0) return 0;
            if (mode) r->mode = mode;
            if (mode) continue;
        }
        if (!strcmp(w, "both")) {
            r->is_both = 1;
            continue;
        }
        if (!strcmp(w, "and")) {
            if (!r->part[r->n_parts - 1].n || r->n_parts == LT_PLAIN_PARTS_MAX) return 0;
            r->n_parts++;
            continue;
        }
        int is_size = 0;
        for (size_t m = 0; m < N_OF(sizes); m++)
            if (!strcmp(sizes[m].word, w)) {
                r->size = sizes[m].size;
                is_size = 1;
            }
        if (is_size) continue;
        double x;
        int is_value =
            i > 0 && (!strcmp(said->v[i - 1], "to") || !strcmp(said->v[i - 1], "at") ||
                      !strcmp(said->v[i - 1], "by") ||
                      (i + 1 == said->n && strcmp(w, "one")) || /* "the left one" */
                      !strcmp(said->v[i + 1], "percent") || !strncmp(said->v[i + 1], "degree", 6));
        if (is_value && (k = lt_phrases_number(said, i, &x)) > 0) {
            if (r->has_number) return 0;
            r->has_number = 1;
            r->number = x;
            r->is_relative = i > 0 && !strcmp(said->v[i - 1], "by");
            n = k;
            continue;
        }
        k = find_frame(w);
        if (k >= 0 && frame[k].verb == NONE) {
            r->is_degrees |= !strncmp(w, "degree", 6);
            continue;
        }
        if (k >= 0 && (r->verb == SET || r->verb == ON || r->verb == OFF) && is_in_a_name(r, w))
            k = -1; /* "set the study dimmer to 80" */
        if (k >= 0) {
            if (!take_verb(r, frame[k].verb, frame[k].domain)) return 0;
            r->is_either |= !strcmp(w, "lower") || !strcmp(w, "raise");
            continue;
        }
        add_target(r, w);
    }
    return 1;
}

/* ---- who is meant ---- */

static int entity_has(const struct lt_entity *e, const char *word)
{
    if (has_word_in(e->name, word) || has_word_in(e->area, word) || has_word_in(e->floor, word) ||
        has_word_in(e->device_class, word))
        return 1;
    for (size_t i = 0; i < json_array_size(e->aliases); i++)
        if (has_word_in(text_of(json_string_value(json_array_get(e->aliases, i))), word)) return 1;
    for (size_t i = 0; i < N_OF(kinds); i++)
        if (!strcmp(kinds[i].domain, e->domain) && lt__ask_is_like(kinds[i].word, word)) return 1;
    return 0;
}

/* Is the thing called exactly so, by name or alias? */
static int is_called(const struct lt_entity *e, const struct lt_words *part)
{
    for (size_t a = 0; a <= json_array_size(e->aliases); a++) {
        const char *name = a ? json_string_value(json_array_get(e->aliases, a - 1)) : e->name;
        struct lt_words w;
        lt_words_split(text_of(name), &w);
        int same = w.n == part->n;
        for (int i = 0; i < w.n && same; i++) same = lt__ask_is_like(w.v[i], part->v[i]);
        if (same) return 1;
    }
    return 0;
}

/* Can the verb be said of the kind? */
static int fits(const struct reading *r, const struct lt_entity *e)
{
    static const char *const switched[] = {
        "light", "switch", "fan",          "climate",       "humidifier", "siren",
        "scene", "button", "media_player", "input_boolean", "script",     "water_heater"};
    static const char *const set[] = {"light",      "cover",  "fan",  "climate",
                                      "humidifier", "number", "valve"};
    static const char *const levels[] = {"light", "fan", "climate"};
    switch (r->verb) {
    case ON:
    case OFF:
        if (*r->domain && strcmp(r->domain, e->domain) != 0) return 0;
        return is_one_of(switched, N_OF(switched), e->domain);
    case OPEN:
    case CLOSE:
        return !strcmp(e->domain, "cover") || !strcmp(e->domain, "valve");
    case LOCK:
    case UNLOCK:
        return !strcmp(e->domain, "lock");
    case ARM:
    case DISARM:
        return !strcmp(e->domain, "alarm_control_panel");
    case SET:
        return is_one_of(set, N_OF(set), e->domain);
    case UP:
    case DOWN:
        if (*r->domain) return !strcmp(e->domain, r->domain);
        return is_one_of(levels, N_OF(levels), e->domain);
    default:
        if (r->device_class) return !strcmp(e->device_class, r->device_class);
        return 1;
    }
}

static size_t candidates(const struct reading *r, const struct lt_words *part,
                         const struct lt_entity **out, size_t cap, int *is_exact)
{
    size_t n = 0, n_called = 0;
    const struct lt_entity *called = NULL;
    *is_exact = 0;
    for (size_t i = 0; i < lt_catalog_n_entities(r->c); i++) {
        const struct lt_entity *e = lt_catalog_entity(r->c, i);
        int has = fits(r, e);
        for (int k = 0; k < part->n && has; k++) has = entity_has(e, part->v[k]);
        if (!has) continue;
        if (part->n && is_called(e, part)) {
            called = e;
            n_called++;
        }
        if (n < cap) out[n] = e;
        n++;
    }
    if (n_called == 1) {
        out[0] = called;
        *is_exact = 1;
        return 1;
    }
    return n;
}

/* Of several those in the speaker's room, if there are any. */
static size_t near(const struct reading *r, const struct lt_entity **v, size_t n, size_t cap)
{
    size_t k = 0;
    if (!r->here || n > cap) return n;
    for (size_t i = 0; i < n; i++)
        if (lt_fold_same(v[i]->area, r->here)) {
            const struct lt_entity *e = v[i];
            v[i] = v[k];
            v[k++] = e;
        }
    return k ? k : n;
}

/* ---- calls ---- */

static const char *tool_of(const struct reading *r, const struct lt_entity *e, const char **key)
{
    static const struct {
        const char *domain, *tool, *key;
    } sets[] = {{"light", "HassLightSet", "brightness"},
                {"cover", "HassSetPosition", "position"},
                {"valve", "HassSetPosition", "position"},
                {"fan", "HassFanSetSpeed", "percentage"},
                {"climate", "HassClimateSetTemperature", "temperature"},
                {"humidifier", "HassHumidifierSetpoint", "humidity"},
                {"number", "HassSetNumber", "value"}};
    *key = NULL;
    if (r->verb == ASK) return "HassGetState";
    if (r->verb == ARM) return "HassAlarmArm";
    if (r->verb == DISARM) return "HassAlarmDisarm";
    if (r->verb == ON || r->verb == OPEN || r->verb == LOCK) return "HassTurnOn";
    if (r->verb == OFF || r->verb == CLOSE || r->verb == UNLOCK) return "HassTurnOff";
    for (size_t i = 0; i < N_OF(sets); i++)
        if (!strcmp(sets[i].domain, e->domain)) {
            if (r->is_degrees && strcmp(e->domain, "climate") && strcmp(e->domain, "number"))
                return NULL; /* "set the hallway to 20 degrees" is nothing for its lamp */
            *key = sets[i].key;
            return sets[i].tool;
        }
    return NULL;
}

/* The level a relative request means; 0 when it is not known from what. */
static int level_of(const struct reading *r, const struct lt_entity *e, double *out)
{
    struct lt_plain_state s = {.is_on = -1, .level = NAN};
    if (!r->read || !r->read(r->ctx, e->id, &s) || !s.has_level || isnan(s.level)) return 0;
    int is_degrees = !strcmp(e->domain, "climate"), up = r->verb == UP;
    double step = is_degrees     ? (r->size == 2 ? 2 : 1) * (s.is_fahrenheit ? 2 : 1)
                  : r->size == 2 ? 40
                  : r->size      ? 20
                                 : 15;
    if (r->has_number) step = r->number;
    double low = is_degrees ? s.min : 1, high = is_degrees ? s.max : 100;
    *out = s.level + (up ? step : -step);
    if (!is_degrees) *out = round(*out);
    *out = fmin(fmax(*out, low), high);
    return 1;
}

static json_t *number_json(double x)
{
    return x == floor(x) ? json_integer((json_int_t)x) : json_real(x);
}

/* The call for one thing; NULL when it cannot be made. */
static json_t *call_of(const struct reading *r, const struct lt_entity *e)
{
    const char *key, *tool = tool_of(r, e, &key);
    double x = r->number;
    if (!tool || lt_catalog_find_tool(r->c, tool) < 0) return NULL;
    if (key && r->is_relative && !level_of(r, e, &x)) return NULL;
    json_t *choice = lt__ask_choice(r->c, e);
    json_t *arguments = json_deep_copy(json_object_get(choice, "arguments"));
    json_decref(choice);
    if (arguments && key) json_object_set_new(arguments, key, number_json(x));
    if (arguments && r->state) json_object_set_new(arguments, "state", json_string(r->state));
    if (arguments && r->mode) json_object_set_new(arguments, "mode", json_string(r->mode));
    return json_pack("{s:s,s:o}", "name", tool, "arguments", arguments);
}

void lt__plain_which(const struct lt_tongue *t, const struct lt_catalog *c,
                     const struct lt_entity *const *v, json_t **call, size_t n, const char *noun,
                     struct lt_question *q)
{
    json_t *choices = json_array(), *first = NULL;
    for (size_t i = 0; i < n; i++) {
        json_t *choice = lt__ask_choice(c, v[i]);
        if (call[i] && choice) {
            json_object_set(choice, "arguments", json_object_get(call[i], "arguments"));
            json_array_append(choices, choice);
            if (!first) first = json_incref(call[i]);
        }
        json_decref(call[i]);
        json_decref(choice);
    }
    if (json_array_size(choices) < 2) {
        json_decref(choices);
        json_decref(first);
        return;
    }
    json_object_set_new(first, "arguments", json_object()); /* the choice brings them */
    q->kind = LT_ASK_CHOICE;
    q->calls = json_pack("[o]", first);
    q->choices = choices;
    lt_ask_word_which(t, noun, choices, q->speech, sizeof q->speech);
}

/* Which of several? Every choice brings its own value. */
static void ask_which(struct reading *r, const struct lt_entity *const *v, size_t n,
                      const char *noun)
{
    json_t *call[LT_ASK_CHOICES_MAX] = {0};
    for (size_t i = 0; i < n && i < LT_ASK_CHOICES_MAX; i++) call[i] = call_of(r, v[i]);
    lt__plain_which(r->t, r->c, v, call, n < LT_ASK_CHOICES_MAX ? n : LT_ASK_CHOICES_MAX, noun,
                    &r->out->question);
}

/* Lights of a relative request without a name: those that burn, if any do. */
static size_t only_on(const struct reading *r, const struct lt_entity **v, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        struct lt_plain_state s = {.is_on = -1, .level = NAN};
        if (!r->read || !r->read(r->ctx, v[i]->id, &s) || s.is_on != 1) continue;
        const struct lt_entity *e = v[i];
        v[i] = v[k];
        v[k++] = e;
    }
    return k ? k : n;
}

/* The calls of one part to `calls`; 0 when they cannot be told. */
static int add_part(struct reading *r, const struct lt_words *part, json_t *calls)
{
    const struct lt_entity *v[LT_ASK_CHOICES_MAX];
    int is_exact, is_many = r->is_both || r->is_all;
    size_t n = candidates(r, part, v, LT_ASK_CHOICES_MAX, &is_exact);
    if (!n || n > LT_ASK_CHOICES_MAX) return 0;
    if (r->is_both && n != 2) return 0;
    if (r->verb == ASK && !r->state && !r->device_class && !is_exact)
        return 0; /* "what is the pond" */
    if (!is_many) n = near(r, v, n, LT_ASK_CHOICES_MAX);
    if (r->is_relative && n > 1 && !strcmp(v[0]->domain, "light")) n = only_on(r, v, n);
    /* "brighter" in a room is said of what burns there, "warmer" of its heating */
    int is_room = r->is_relative && n > 1 && *v[0]->area;
    for (size_t i = 1; i < n; i++)
        is_room &= lt_fold_same(v[i]->area, v[0]->area) && !strcmp(v[i]->domain, v[0]->domain);
    if (n > 1 && !is_many && !is_room) {
        if (r->n_parts == 1 && r->verb != ASK)
            ask_which(r, v, n, part->n ? part->v[part->n - 1] : "one");
        return 0;
    }
    if (n > LT_PLAIN_TARGETS_MAX) return 0;
    for (size_t i = 0; i < n; i++) {
        json_t *call = call_of(r, v[i]);
        if (!call || json_array_append_new(calls, call)) return 0;
    }
    return 1;
}

static json_t *calls_of(struct reading *r)
{
    json_t *calls = json_array();
    int ok = calls != NULL;
    for (int i = 0; ok && i < r->n_parts; i++) ok = add_part(r, &r->part[i], calls);
    if (ok && json_array_size(calls)) return calls;
    json_decref(calls);
    return NULL;
}

/* "everything off in the kitchen": one call for the room. */
static json_t *everything(const struct reading *r)
{
    const char *tool = r->verb == OFF ? "HassTurnOff" : r->verb == ON ? "HassTurnOn" : NULL;
    const char *area = NULL;
    struct lt_words name;
    if (!tool || r->n_parts != 1 || !r->part[0].n || lt_catalog_find_tool(r->c, tool) < 0)
        return NULL;
    for (size_t i = 0; i < lt_catalog_n_entities(r->c); i++) {
        const struct lt_entity *e = lt_catalog_entity(r->c, i);
        lt_words_split(e->area, &name);
        int same = name.n && name.n == r->part[0].n;
        for (int k = 0; k < name.n && same; k++) same = lt__ask_is_like(name.v[k], r->part[0].v[k]);
        if (same) area = e->area;
    }
    return area ? json_pack("[{s:s,s:{s:s}}]", "name", tool, "arguments", "area", area) : NULL;
}

/* "set the fountain mode to splash": a selector's whole name, then one of its options. */
static json_t *option_of(const struct reading *r)
{
    const struct lt_words *part = &r->part[0];
    const struct lt_entity *found = NULL;
    char option[LT_WORDS_BYTES];
    int n_found = 0, n_name = 0;
    if (lt_catalog_find_tool(r->c, "HassSelectOption") < 0) return NULL;
    for (size_t i = 0; i < lt_catalog_n_entities(r->c); i++) {
        const struct lt_entity *e = lt_catalog_entity(r->c, i);
        if (strcmp(e->domain, "select") != 0) continue;
        for (int n = 1; n < part->n; n++) {
            struct lt_words head = {.n = n};
            memcpy(head.v, part->v, (size_t)n * sizeof *head.v);
            if (!is_called(e, &head)) continue;
            found = e;
            n_name = n;
            n_found++;
            break;
        }
    }
    if (n_found != 1) return NULL;
    option[0] = '\0';
    for (int i = n_name; i < part->n; i++)
        snprintf(option + strlen(option), sizeof option - strlen(option), "%s%s",
                 i > n_name ? " " : "", part->v[i]);
    json_t *choice = lt__ask_choice(r->c, found);
    json_t *arguments = json_deep_copy(json_object_get(choice, "arguments"));
    json_decref(choice);
    if (arguments) json_object_set_new(arguments, "option", json_string(option));
    return json_pack("[{s:s,s:o}]", "name", "HassSelectOption", "arguments", arguments);
}

void lt_plain_free(struct lt_plain *p)
{
    json_decref(p->calls);
    lt_question_free(&p->question);
    memset(p, 0, sizeof *p);
}

void lt_plain_read(const struct lt_tongue *t, const struct lt_catalog *c,
                   const struct lt_words *said, const char *here, lt_plain_read_fn read, void *ctx,
                   struct lt_plain *out)
{
    struct reading r = {.t = t,
                        .c = c,
                        .here = here && *here ? here : NULL,
                        .read = read,
                        .ctx = ctx,
                        .domain = "",
                        .size = 1,
                        .n_parts = 1,
                        .out = out};
    memset(out, 0, sizeof *out);
    if (!said->n || said->is_cut) return;
    if (lt__plain_player(t, c, said, r.here, read, ctx, out)) return;
    int asks = read_question(&r, said);
    if (asks < 0) return;
    if (!asks && !read_command(&r, said)) return;
    if (r.is_all == 2) {
        out->calls = everything(&r);
        return;
    }
    if (r.verb == NONE && r.has_number && !r.is_relative) r.verb = SET; /* "hall lamp to 20" */
    if (r.verb == NONE || (r.is_all && !r.part[0].n)) return;
    if (r.is_all) return; /* "all the lights": the network knows these well */
    if (r.verb == SET && !r.has_number) {
        if (r.n_parts == 1 && !asks) out->calls = option_of(&r);
        return;
    }
    if ((r.verb == ON || r.verb == OFF) && (r.has_number || r.size != 1)) return;
    if ((r.verb == UP || r.verb == DOWN) && r.has_number && !r.is_relative) { /* "dim it to 20" */
        r.verb = SET;
    } else if (r.verb == UP || r.verb == DOWN) {
        r.is_relative = 1;
    } else if (r.is_relative) {
        return; /* "set it by 5" */
    }
    if (r.has_number && (r.verb == OPEN || r.verb == CLOSE)) r.verb = SET; /* "raise it to 20" */
    /* targets must be said, but for relative requests, which may mean the room */
    int is_kind = (r.is_relative && (*r.domain || r.here)) || r.device_class;
    if (!r.part[0].n && !is_kind) return;
    if (r.n_parts > 1 && !r.part[r.n_parts - 1].n) return;
    json_t *calls = calls_of(&r);
    if (!calls && out->question.kind == LT_ASK_NOTHING && r.is_either && r.verb != SET) {
        r.verb = r.verb == OPEN ? UP : DOWN; /* "lower the heating": no cover is meant */
        r.domain = "";
        r.is_relative = 1;
        calls = calls_of(&r);
    }
    out->is_relative = r.is_relative && (calls || out->question.kind != LT_ASK_NOTHING);
    if (!calls) return;
    out->calls = calls;
    out->is_question = r.verb == ASK;
}
