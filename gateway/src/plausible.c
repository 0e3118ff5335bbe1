/* plausible.c - words against things. */
#include "plausible.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "lt/fold.h"
#include "plausible_home.h"

#define STEM_MIN 3 /* fewest bytes of a word that begins another ("mow", "mower") */
#define ROOT_MIN 5 /* fewest bytes that two words of one root have in common ("humidity") */

/* ---- words ---- */

/* Does one begin the other, or have they a root in common? */
static int is_akin(const char *a, const char *b)
{
    char x[LT_WORDS_BYTES], y[LT_WORDS_BYTES];
    size_t na = lt_fold(a, strlen(a), x, sizeof x), nb = lt_fold(b, strlen(b), y, sizeof y), k = 0;
    while (k < na && k < nb && x[k] == y[k]) k++;
    return k >= ROOT_MIN || (k >= STEM_MIN && (k == na || k == nb));
}

static int has_akin(const char *text, const char *word)
{
    struct lt_words w;
    lt__plausible_split(text, &w);
    for (int i = 0; i < w.n; i++)
        if (is_akin(w.v[i], word)) return 1;
    return 0;
}

static int has_word(const char *text, const char *word)
{
    struct lt_words w;
    lt__plausible_split(text, &w);
    return lt__ask_has_word(&w, word);
}

/* Name (0) and aliases (1 and on) of a thing; NULL after the last. */
static const char *called(const struct lt_entity *e, size_t i)
{
    return i ? json_string_value(json_array_get(e->aliases, i - 1)) : e->name;
}

/* Does a word speak for the thing, be it from afar? */
static int is_for(const struct lt_entity *e, const char *word)
{
    const char *name;
    if (has_akin(e->domain, word) || has_akin(e->device_class, word) ||
        lt__ask_is_kind(e->domain, word))
        return 1;
    for (size_t i = 0; (name = called(e, i)); i++)
        if (has_akin(name, word)) return 1;
    return 0;
}

/* ---- what was said ---- */

struct speech {
    const struct lt_plausible_home *h;
    const struct lt_catalog *c;
    const uint64_t *heard; /* of the home's words: which of `said` are like it */
    const char
        *word[LT_WORDS_MAX];    /* without numbers, small words, verbs and kinds of every home */
    uint64_t bit[LT_WORDS_MAX]; /* of word[i], as in `heard` */
    int is_place[LT_WORDS_MAX];
    int n;
    struct lt_words const *said;
};

/* The words said that the text has one like. */
static uint64_t heard_in(const struct speech *s, struct lt__run text)
{
    uint64_t mask = 0;
    for (uint32_t k = 0; k < text.n; k++) mask |= s->heard[s->h->ids[text.from + k]];
    return mask;
}

/* Was every word of the text said? */
static int is_all_heard(const struct speech *s, struct lt__run text)
{
    for (uint32_t k = 0; k < text.n; k++)
        if (!s->heard[s->h->ids[text.from + k]]) return 0;
    return 1;
}

static const struct lt__thing *thing_of(const struct speech *s, const struct lt_entity *e)
{
    return s->h->things + (e - lt_catalog_entity(s->c, 0));
}

/* Words said that its name or an alias has. */
static uint64_t heard_in_names(const struct speech *s, const struct lt_entity *e)
{
    const struct lt__thing *t = thing_of(s, e);
    uint64_t mask = 0;
    for (uint32_t i = 0; i < t->n_names; i++) mask |= heard_in(s, s->h->names[t->name + i]);
    return mask;
}

/* Words said that anything has that the home says of the thing. */
static uint64_t heard_of(const struct speech *s, const struct lt_entity *e)
{
    const struct lt__thing *t = thing_of(s, e);
    uint64_t mask = heard_in_names(s, e);
    if (t->area >= 0) mask |= heard_in(s, s->h->places[t->area].words);
    if (t->floor >= 0) mask |= heard_in(s, s->h->places[t->floor].words);
    return mask;
}

static void hear(struct speech *s, const struct lt_plausible_home *h, const struct lt_words *said,
                 const uint64_t *heard)
{
    double v;
    uint64_t in_places = 0;
    s->h = h;
    s->c = h->catalog;
    s->heard = heard;
    s->said = said;
    s->n = 0;
    for (size_t i = 0; i < h->n_places; i++) in_places |= heard_in(s, h->places[i].words);
    for (int i = 0; i < said->n; i++) {
        int k = lt_phrases_number(said, i, &v);
        if (k) {
            i += k - 1;
            continue;
        }
        if (lt_phrases_is_small(said->v[i]) || lt__ask_is_verb(said->v[i])) continue;
        s->bit[s->n] = 1ull << i;
        s->is_place[s->n] = (in_places >> i) & 1;
        s->word[s->n++] = said->v[i];
    }
}

/* Was the whole of a name said, with a word in it that is no room's? */
static int is_said_in_full(const struct speech *s, const struct lt_entity *e)
{
    const struct lt__thing *t = thing_of(s, e);
    for (uint32_t i = 0; i < t->n_names; i++) {
        struct lt__run name = s->h->names[t->name + i];
        if (!is_all_heard(s, name)) continue;
        for (uint32_t k = 0; k < name.n; k++)
            if (s->h->words[s->h->ids[name.from + k]].is_own) return 1;
    }
    return 0;
}

/* Things that only tell are no rivals for what is to be done. */
static int only_tells(const struct lt_entity *e)
{
    return !strcmp(e->domain, "sensor") || !strcmp(e->domain, "binary_sensor") ||
           !strcmp(e->domain, "event") || !strcmp(e->domain, "update") ||
           !strcmp(e->domain, "device_tracker") || !strcmp(e->domain, "camera") ||
           !strcmp(e->domain, "image") || !strcmp(e->domain, "weather");
}

/* Is there a call for this thing, by whatever words? */
static int is_called_for(const struct lt_catalog *c, const json_t *calls, const struct lt_entity *e)
{
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const struct lt_entity *v[LT_ASK_CHOICES_MAX];
        size_t n = lt_catalog_targets(c, json_object_get(json_array_get(calls, i), "arguments"), v,
                                      LT_ASK_CHOICES_MAX);
        if (n > LT_ASK_CHOICES_MAX) return 1;
        for (size_t k = 0; k < n; k++)
            if (v[k] == e) return 1;
    }
    return 0;
}

/* ---- the rules ---- */

static const struct lt_entity *other_named(const struct speech *s, const json_t *calls,
                                           const struct lt_entity *e)
{
    for (int i = 0; i < s->n; i++)
        if (!s->is_place[i] && is_for(e, s->word[i])) return NULL;
    if (is_said_in_full(s, e)) return NULL; /* made of small words and rooms alone */
    for (size_t i = 0; i < lt_catalog_n_entities(s->c); i++) {
        const struct lt_entity *o = lt_catalog_entity(s->c, i);
        if (o != e && !only_tells(o) && is_said_in_full(s, o) && !is_called_for(s->c, calls, o))
            return o;
    }
    return NULL;
}

/* Has the other every word that the thing has? At least one must be more than a place. */
static int is_named_alike(const struct speech *s, const struct lt_entity *e,
                          const struct lt_entity *o)
{
    uint64_t of_e = heard_of(s, e), of_o = heard_of(s, o), both = 0;
    for (int i = 0; i < s->n; i++) {
        if (of_e & ~of_o & s->bit[i]) return 0;
        if (!s->is_place[i]) both |= s->bit[i];
    }
    return (both & heard_in_names(s, e) & heard_in_names(s, o)) != 0;
}

/* Has a thing that a call is for this word? */
static int is_of_called(const struct speech *s, const json_t *calls, uint64_t bit)
{
    const struct lt_entity *v[LT_ASK_CHOICES_MAX];
    for (size_t i = 0; i < json_array_size(calls); i++) {
        size_t n = lt_catalog_targets(s->c, json_object_get(json_array_get(calls, i), "arguments"),
                                      v, LT_ASK_CHOICES_MAX);
        int is_all = n > LT_ASK_CHOICES_MAX;
        if (is_all) n = lt_catalog_n_entities(s->c);
        for (size_t k = 0; k < n; k++)
            if (heard_of(s, is_all ? lt_catalog_entity(s->c, k) : v[k]) & bit) return 1;
    }
    return 0;
}

/* Can anything of the calls tell what the word is about: the tool, its arguments, the things? */
static int is_accounted(const struct speech *s, const struct lt_entity *e, const json_t *calls,
                        const json_t *call, int i)
{
    const char *tool = json_string_value(json_object_get(call, "name"));
    long at = tool ? lt_catalog_find_tool(s->c, tool) : -1;
    const char *about =
        at < 0
            ? NULL
            : json_string_value(json_object_get(lt_catalog_tool(s->c, (size_t)at), "description"));
    const json_t *value;
    const char *key;
    if (s->is_place[i] || is_for(e, s->word[i]) || has_akin(tool, s->word[i]) ||
        has_akin(about, s->word[i]))
        return 1;
    json_object_foreach(json_object_get(call, "arguments"), key, value)
    {
        if (has_akin(key, s->word[i]) || has_akin(json_string_value(value), s->word[i])) return 1;
    }
    return is_of_called(s, calls, s->bit[i]);
}

static const struct lt_entity *other_as_well(const struct speech *s, const json_t *calls,
                                             const json_t *call, const struct lt_entity *e)
{
    int is_left = 0;
    for (int i = 0; i < s->n && !is_left; i++) is_left = !is_accounted(s, e, calls, call, i);
    if (!is_left || is_said_in_full(s, e)) return NULL;
    for (size_t i = 0; i < lt_catalog_n_entities(s->c); i++) {
        const struct lt_entity *o = lt_catalog_entity(s->c, i);
        if (o != e && !only_tells(o) && is_named_alike(s, e, o) && !is_called_for(s->c, calls, o))
            return o;
    }
    return NULL;
}

/* Is the word one of what the calls pass on: an item of a list, a title, a message? */
static int is_passed(const json_t *calls, const char *word)
{
    const json_t *value;
    const char *key;
    for (size_t i = 0; i < json_array_size(calls); i++)
        json_object_foreach(json_object_get(json_array_get(calls, i), "arguments"), key, value)
        {
            const char *text = strcmp(key, "name") ? json_string_value(value) : NULL;
            if (text && has_word(text, word)) return 1;
        }
    return 0;
}

/* Does the word speak for a thing of the calls, each of which is for a few? */
static int is_for_called(const struct speech *s, const json_t *calls, const char *word)
{
    const struct lt_entity *v[LT_ASK_CHOICES_MAX];
    for (size_t i = 0; i < json_array_size(calls); i++) {
        size_t n = lt_catalog_targets(s->c, json_object_get(json_array_get(calls, i), "arguments"),
                                      v, LT_ASK_CHOICES_MAX);
        for (size_t k = 0; k < n && k < LT_ASK_CHOICES_MAX; k++)
            if (is_for(v[k], word)) return 1;
    }
    return 0;
}

/* Has the thing, which no call is for, a word said of it that is no room's and in the name of nothing that the
 * calls mean? */
static int is_named_apart(const struct speech *s, const json_t *calls, const struct lt_entity *o)
{
    uint64_t named = heard_in_names(s, o);
    for (int i = 0; i < s->n; i++)
        if (!s->is_place[i] && (named & s->bit[i]) && !is_passed(calls, s->word[i]) &&
            !is_for_called(s, calls, s->word[i]))
            return 1;
    return 0;
}

/* Of things that were listed, one that no call is for. */
static const struct lt_entity *left_out(const struct speech *s, const json_t *calls)
{
    if (!lt__ask_has_word(s->said, "and")) return NULL;
    for (size_t i = 0; i < lt_catalog_n_entities(s->c); i++) {
        const struct lt_entity *o = lt_catalog_entity(s->c, i);
        if (!only_tells(o) && is_said_in_full(s, o) && !is_called_for(s->c, calls, o) &&
            is_named_apart(s, calls, o))
            return o;
    }
    return NULL;
}

/* ---- rooms ---- */

#define TARGETS_MAX 64 /* a call for more things is for the whole home, and touches every room */

/* The things of one call; `n` above TARGETS_MAX: all of them. */
struct targets {
    const struct lt_entity *e[TARGETS_MAX];
    size_t n;
};

static int is_whole_home(const struct targets *t)
{
    return t->n > TARGETS_MAX;
}

/* What stands in a room and stays there. */
static int has_place(const struct lt_entity *e)
{
    static const char *const wander[] = {"vacuum", "lawn_mower", "person",
                                         "todo",   "scene",      "script"};
    for (size_t i = 0; i < sizeof wander / sizeof wander[0]; i++)
        if (!strcmp(e->domain, wander[i])) return 0;
    return e->area && *e->area;
}

static int has_all_words(const char *text, const char *name)
{
    struct lt_words w;
    lt__plausible_split(name, &w);
    for (int i = 0; i < w.n; i++)
        if (!has_word(text, w.v[i])) return 0;
    return w.n > 0;
}

/* Were the room's words said one after the other, and are they not passed on as an item or a title? */
static int is_room_said(const struct speech *s, const json_t *calls, const char *room)
{
    struct lt_words w;
    lt__plausible_split(room, &w);
    for (int i = 0; w.n && i + w.n <= s->said->n; i++) {
        int k = 0;
        while (k < w.n && lt_fold_same(s->said->v[i + k], w.v[k])) k++;
        if (k < w.n) continue;
        const json_t *value;
        const char *key;
        for (size_t c = 0; c < json_array_size(calls); c++)
            json_object_foreach(json_object_get(json_array_get(calls, c), "arguments"), key, value)
            {
                if (strcmp(key, "name") && strcmp(key, "area") && json_is_string(value) &&
                    has_all_words(json_string_value(value), room))
                    return 0;
            }
        return 1;
    }
    return 0;
}

/* Is the room only a part of a longer room's name that was said ("Bedroom", "Master Bedroom")? */
static int is_part_of_another(const struct speech *s, const json_t *calls, const char *room)
{
    for (size_t i = 0; i < s->h->n_places; i++) {
        const struct lt__place *p = s->h->places + i;
        if (p->first && is_all_heard(s, p->words) && strlen(p->text) > strlen(room) &&
            has_all_words(p->text, room) && is_room_said(s, calls, p->text))
            return 1;
    }
    return 0;
}

/* Does a thing of the call stand in the room, or bear its name? */
static int touches(const struct targets *t, const char *room)
{
    if (is_whole_home(t)) return 1;
    for (size_t i = 0; i < t->n; i++) {
        const char *name;
        if (t->e[i]->area && lt_fold_same(t->e[i]->area, room)) return 1;
        for (size_t k = 0; (name = called(t->e[i], k)); k++)
            if (has_all_words(name, room)) return 1;
    }
    return 0;
}

/* Rooms were named: is there a call for none of them, or a room that no call is for? Only where all calls
 * are for things with a place, none of them a question. */
static enum lt_plausible elsewhere(const struct speech *s, const json_t *calls,
                                   const struct lt_entity **rival)
{
    struct targets t[LT_PLAUSIBLE_CALLS_MAX];
    size_t n = json_array_size(calls);
    int touched[LT_PLAUSIBLE_CALLS_MAX] = {0}, n_rooms = 0;
    if (!n || n > LT_PLAUSIBLE_CALLS_MAX) return LT_PLAUSIBLE;
    for (size_t i = 0; i < n; i++) {
        const json_t *call = json_array_get(calls, i);
        const char *tool = json_string_value(json_object_get(call, "name"));
        t[i].n = lt_catalog_targets(s->c, json_object_get(call, "arguments"), t[i].e, TARGETS_MAX);
        if (!tool || !strncmp(tool, "HassGet", 7) || !t[i].n) return LT_PLAUSIBLE;
        for (size_t k = 0; k < t[i].n && !is_whole_home(&t[i]); k++)
            if (!has_place(t[i].e[k])) return LT_PLAUSIBLE;
    }
    for (size_t i = 0; i < s->h->n_places; i++) {
        const struct lt__place *p = s->h->places + i;
        if (!p->first || !is_all_heard(s, p->words) || !is_room_said(s, calls, p->text) ||
            is_part_of_another(s, calls, p->text))
            continue;
        int is_touched = 0;
        n_rooms++;
        for (size_t k = 0; k < n; k++) {
            int is_it = touches(&t[k], p->text);
            touched[k] |= is_it;
            is_touched |= is_it;
        }
        if (is_touched) continue;
        *rival = p->first;
        return LT_PLAUSIBLE_ROOM;
    }
    for (size_t k = 0; n_rooms && k < n; k++) {
        /* of several calls, one for a thing by its name needs no room ("... and the humidifier") */
        const json_t *a = json_object_get(json_array_get(calls, k), "arguments");
        if (touched[k] || (n > 1 && json_object_get(a, "name"))) continue;
        *rival = t[k].e[0];
        return LT_PLAUSIBLE_ROOM;
    }
    return LT_PLAUSIBLE;
}

/* A kind of device was said ("fan", "curtains"), and the things of a call are of another, which was not. */
static int is_another_kind(const struct speech *s, const json_t *call)
{
    struct targets t;
    const char *tool = json_string_value(json_object_get(call, "name"));
    t.n = lt_catalog_targets(s->c, json_object_get(call, "arguments"), t.e, TARGETS_MAX);
    if (!tool || !strncmp(tool, "HassGet", 7) || !t.n || is_whole_home(&t)) return 0;
    int is_said = 0;
    for (int i = 0; i < s->n; i++) {
        for (size_t k = 0; k < t.n; k++)
            if (!s->is_place[i] && is_for(t.e[k], s->word[i])) return 0;
        is_said |= lt__ask_is_kind(NULL, s->word[i]);
    }
    return is_said;
}

/* The one thing that a call means: by name, or the only one of the kind that the tool is called after
 * ("HassLawnMowerStartMowing" without arguments). NULL where it means several, or a room. */
static const struct lt_entity *meant(const struct lt_plausible_home *h, const char *tool,
                                     const json_t *a)
{
    static const char *const others[] = {"area", "floor", "domain", "device_class"};
    const struct lt_entity *one[1], *found = NULL;
    if (json_is_string(json_object_get(a, "name")))
        return lt_catalog_targets(h->catalog, a, one, 1) == 1 ? one[0] : NULL;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (json_object_get(a, others[i])) return NULL;
    for (size_t i = 0; i < h->n_kinds; i++) {
        if (!has_all_words(tool, h->kinds[i].text)) continue;
        if (found || h->kinds[i].n > 1) return NULL;
        found = h->kinds[i].first;
    }
    return found;
}

static int is_among(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0) list++;
    return *list != NULL;
}

static int is_any_said(const struct lt_words *said, const char *const *list)
{
    for (int i = 0; i < said->n; i++)
        if (is_among(said->v[i], list)) return 1;
    return 0;
}

/* Do the words say the opposite of the one call? English and German, where a verb's last part ends a command. */
static int is_contrary(const struct lt_words *said, const json_t *calls)
{
    static const char *const on[] = {"on", "an", "ein", NULL}, *const off[] = {"off", "aus", NULL};
    static const char *const move[] = {"go", "back", "return", "send", "bring", NULL};
    static const char *const base[] = {"home", "dock", "base", "charger", "station", NULL};
    const char *tool = json_string_value(json_object_get(json_array_get(calls, 0), "name"));

    if (json_array_size(calls) != 1 || !tool || !said->n) return 0;
    const char *last = said->v[said->n - 1];

    if (!strcmp(tool, "HassTurnOff")) return is_among(last, on) && !is_any_said(said, off);
    if (!strcmp(tool, "HassTurnOn")) return is_among(last, off) && !is_any_said(said, on);
    if (!strcmp(tool, "HassVacuumStart") || !strcmp(tool, "HassLawnMowerStartMowing"))
        return is_any_said(said, move) && is_among(last, base);
    return 0;
}

static enum lt_plausible judge(const struct speech *s, const json_t *calls,
                               const struct lt_entity **rival)
{
    const struct lt_entity *o;
    size_t n_meant = 0;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i), *a = json_object_get(call, "arguments");
        if (json_array_size(calls) == 1 && !json_object_get(a, "name") && is_another_kind(s, call))
            return LT_PLAUSIBLE_KIND;
        const char *tool = json_string_value(json_object_get(call, "name"));
        const struct lt_entity *e =
            tool && strncmp(tool, "HassGet", 7) != 0 ? meant(s->h, tool, a) : NULL;
        if (!e) continue;
        n_meant++;
        enum lt_plausible p = LT_PLAUSIBLE_OTHER;
        if (!(o = other_named(s, calls, e))) {
            p = LT_PLAUSIBLE_LEFT;
            o = other_as_well(s, calls, call, e);
        }
        if (!o) continue;
        *rival = o;
        return p;
    }
    if (n_meant && n_meant == json_array_size(calls) && (o = left_out(s, calls))) {
        *rival = o;
        return LT_PLAUSIBLE_OUT;
    }
    enum lt_plausible p = elsewhere(s, calls, &o);
    if (p != LT_PLAUSIBLE) *rival = o;
    return p;
}

enum lt_plausible lt_plausible_judge(const struct lt_plausible_home *h, const struct lt_words *said,
                                     const json_t *calls, const struct lt_entity **rival)
{
    struct speech s;
    const struct lt_entity *other = NULL;
    enum lt_plausible p = LT_PLAUSIBLE;
    if (rival) *rival = NULL;
    if (!said->is_cut && is_contrary(said, calls)) return LT_PLAUSIBLE_CONTRARY;
    uint64_t *heard = said->is_cut || !said->n ? NULL : lt__heard(h, said);
    if (heard) {
        hear(&s, h, said, heard);
        p = judge(&s, calls, &other);
    }
    free(heard);
    if (rival) *rival = other;
    return p;
}
