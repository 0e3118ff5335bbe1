/* generate_absent.c - what is said over a home that lacks it: a device, a room, a floor, or the device in
 * that room; and the lists of what no home does. Nothing is to be called. */
#include <stdio.h>
#include <string.h>

#include "generate_phrase.h"

/* Of the cases about a room that the home lacks, those about a floor. */
#define FLOOR_SHARE 0.35
/* Of the cases about a room without the device, those where the home has it in another room. */
#define MISPLACED_SHARE 0.6

static int home_shares_word(const struct gen_home *h, const char *name)
{
    for (int i = 0; i < h->n; i++) {
        if (gen_share_word(name, h->e[i].name)) return 1;
        size_t k;
        json_t *alias;
        json_array_foreach(h->e[i].aliases, k,
                           alias) if (gen_share_word(name, json_string_value(alias))) return 1;
    }
    for (int i = 0; i < h->n_area; i++)
        if (gen_share_word(name, h->area[i].name)) return 1;
    for (int i = 0; i < h->n_floor; i++)
        if (gen_share_word(name, h->floor[i])) return 1;
    return 0;
}

/* Whether a room's or floor's name is part of the name. */
static int home_area_in(const struct gen_home *h, const char *name)
{
    for (int i = 0; i < h->n_area; i++)
        if (gen_find_words(name, h->area[i].name)) return 1;
    for (int i = 0; i < h->n_floor; i++)
        if (gen_find_words(name, h->floor[i])) return 1;
    return 0;
}

/* Whether any word of the name says more than its kind ("Light", "Speaker" alone do not). */
static int is_distinctive(const char *name)
{
    return gen_share_word(name, name);
}

/* "the patio door" is what people call the only door that moves, whatever its name. */
static int says_a_kind(const struct gen_home *h, const struct gen_name *n)
{
    return gen_same_text(n->name, "Patio Door") && gen_home_count(h, "cover", "door", "", "", NULL);
}

static const char *const floors[] = {
    "Ground Floor", "First Floor", "Second Floor", "Third Floor",  "Top Floor", "Upstairs",
    "Downstairs",   "Basement",    "Attic",        "Lower Level",  "Cellar",    "Upper Floor",
    "Loft",         "Mezzanine",   "Lower Floor",  "Fourth Floor", "Main Floor"};

/* "First Floor" may be what somebody calls Upstairs: of words for high and low, one of each is enough. */
static int has_that_floor(const struct gen_home *h, const char *floor)
{
    static const char *const high[] = {"first",  "upstairs", "upper", "top",
                                       "second", "1",        "loft",  "attic"},
                             *const low[] = {"ground",   "downstairs", "lower", "main",
                                             "basement", "cellar",     "0"};
    for (int i = 0; i < h->n_floor; i++) {
        if (gen_same_text(h->floor[i], floor)) return 1;
        int is_high[2] = {0, 0}, is_low[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            const char *name = k ? floor : h->floor[i];
            for (size_t w = 0; w < sizeof high / sizeof *high; w++)
                is_high[k] |= gen_find_words(name, high[w]) != NULL;
            for (size_t w = 0; w < sizeof low / sizeof *low; w++)
                is_low[k] |= gen_find_words(name, low[w]) != NULL;
        }
        if ((is_high[0] && is_high[1]) || (is_low[0] && is_low[1])) return 1;
    }
    return 0;
}

/* Whether a device of the room, of whatever kind, is said by its name without the room's: "unlatch
 * the door in the Craft Room" may well mean the cover "Craft Room Door". */
static int says_one_there(const struct gen_home *h, const char *room, const char *said)
{
    size_t n = strlen(room);
    for (int i = 0; i < h->n; i++) {
        const char *name = h->e[i].name;
        if (strcmp(h->e[i].area, room)) continue;
        if (gen_find_words(name, room) == name && name[n] == ' ') name += n + 1;
        if (gen_find_words(said, name)) return 1;
    }
    return 0;
}

static int absent_once(struct gen_group *gg, const struct gen_home *h, enum gen_home_family family,
                       struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    const struct gen_vocabulary *v = &gg->g->vocabulary;
    const struct gen_teacher *t = &gg->g->teacher;
    if (!t->n_entry || !v->n_name || !v->n_area) return 0;
    int is_floor = family == GEN_HOME_NO_AREA && gen_chance(r, FLOOR_SHARE);
    int form = family == GEN_HOME_NO_DEVICE ? GEN_BY_NAME : is_floor ? GEN_BY_FLOOR : GEN_BY_AREA;
    const struct gen_entry *en = &t->entry[gen_below(r, (size_t)t->n_entry)];
    if (!json_array_size(json_object_get(en->json, gen_forms[form])) || !en->domain ||
        en->any_kind || en->with_name || !gen_home_offers(gg->g, h, en->tool))
        return 0;
    const char *phrase = gen_pick_phrase(r, en, form);
    struct gen_saying s = {.name = ""};
    const struct gen_area *room = NULL; /* of the home, without such a device */
    if (family == GEN_HOME_NO_DEVICE) {
        if (!strcmp(en->domain, "todo") || !strcmp(en->domain, "weather")) return 0;
        const struct gen_name *n = NULL;
        for (int tries = 0; tries < 40 && !n; tries++) {
            n = &v->name[gen_below(r, (size_t)v->n_name)];
            if (strcmp(n->domain, en->domain) || home_shares_word(h, n->name) ||
                !is_distinctive(n->name) || says_a_kind(h, n))
                n = NULL;
        }
        if (!n) return 0;
        snprintf(s.name, sizeof s.name, "%s", n->name);
        if (gen_chance(r, 0.5)) gen_lower(s.name);
    } else if (is_floor) {
        const char *f = GEN_PICK(r, floors);
        if (home_shares_word(h, f) || has_that_floor(h, f)) return 0;
        snprintf(s.floor, sizeof s.floor, "%s", f);
        if (gen_chance(r, 0.6)) gen_lower(s.floor);
    } else if (family == GEN_HOME_NO_AREA) {
        const char *a = v->area[gen_below(r, (size_t)v->n_area)];
        if (home_shares_word(h, a) || !is_distinctive(a)) return 0;
        snprintf(s.area, sizeof s.area, "%s", a);
        if (gen_chance(r, 0.5)) gen_lower(s.area);
    } else {
        if (!h->n_area || !strcmp(en->tool, "HassVacuumCleanArea")) return 0;
        room = &h->area[gen_below(r, (size_t)h->n_area)];
        if (gen_home_count(h, en->domain, NULL, room->name, "", NULL)) return 0;
        for (int i = 0; i < h->n; i++) /* a device called after the room but standing elsewhere */
            if (!strcmp(h->e[i].domain, en->domain) && gen_share_word(h->e[i].name, room->name))
                return 0;
        if (!strcmp(en->tool, "HassClimateGetTemperature") &&
            gen_home_count(h, "sensor", "temperature", room->name, "", NULL))
            return 0;
        gen_say_area(r, room, s.area, sizeof s.area);
    }
    json_t *args = json_object();
    gen_text_clear(&d->text);
    int ok =
        gen_fill(r, &gg->g->values, en->slots, phrase, gen_fill_placeholder, &s, args, &d->text) &&
        !gen_home_mentions(h, d->text.s, -1) && !(room && says_one_there(h, room->name, d->text.s));
    json_decref(args);
    if (ok) gen_draft_show(d, gen_home_tool(gg, en->tool));
    return ok;
}

/* What has no fixed place, or no place that anybody would say. */
static int has_a_place(const struct gen_entity *e)
{
    static const char *const none[] = {"vacuum", "lawn_mower", "todo",   "weather",
                                       "person", "scene",      "script", "button"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (!strcmp(e->domain, none[i])) return 0;
    return *e->area != 0;
}

/* Whether room b has a device that could be meant by the kind of e, or by words of `said`, or one
 * that stands elsewhere is called after the room. */
static int could_be_there(const struct gen_home *h, int e, const char *b, const char *said)
{
    for (int i = 0; i < h->n; i++) {
        const struct gen_entity *x = &h->e[i];
        int is_there = !strcmp(x->area, b), is_kind = !strcmp(x->domain, h->e[e].domain);
        if (is_there && is_kind) return 1;
        if (gen_share_word(x->name, b) && (is_kind || gen_share_word(said, x->name))) return 1;
        size_t k;
        json_t *alias;
        if (is_there && gen_share_word(said, x->name)) return 1;
        json_array_foreach(x->aliases, k, alias)
        {
            const char *a = json_string_value(alias);
            if (is_there && (gen_share_word(said, a) || gen_find_words(said, a))) return 1;
        }
    }
    return 0;
}

/* A device that the home has, said of a room where it is not: "the bathroom fan" where the only
 * fan is the bedroom's, "the TV in the kitchen" of the living room's. Nothing is to be called:
 * neither the other room's device nor what else is in the room. */
static int misplaced_once(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    const struct gen_entry *en = gen_pick_entry(gg, h, GEN_BY_NAME);
    if (!en || en->with_name || h->n_area < 2) return 0;
    const char *phrase = gen_pick_phrase(r, en, GEN_BY_NAME);
    int e = gen_pick_entity(r, en, h);
    if (e < 0 || !has_a_place(&h->e[e]) || strstr(phrase, "{name}'")) return 0;
    const char *b = h->area[gen_below(r, (size_t)h->n_area)].name, *a = h->e[e].area;
    struct gen_saying s = {.name = ""};
    gen_say_name(r, h, e, NULL, s.name, sizeof s.name);
    /* "Bedroom Fan" -> "fan"; a name with more of its room in it stays out. */
    size_t n = strlen(a);
    if (gen_find_words(s.name, a) == s.name && s.name[n] == ' ')
        memmove(s.name, s.name + n + 1, strlen(s.name + n + 1) + 1);
    if (!strcmp(a, b) || home_area_in(h, s.name) || gen_starts_possessive(s.name) ||
        could_be_there(h, e, b, s.name))
        return 0;
    int is_before = gen_chance(r, 0.6);
    if (is_before) gen_say_room_before(r, b, s.name, sizeof s.name);
    json_t *args = json_object();
    gen_text_clear(&d->text);
    int ok =
        gen_fill(r, &gg->g->values, en->slots, phrase, gen_fill_placeholder, &s, args, &d->text);
    json_decref(args);
    if (ok && !is_before) gen_say_room_after(r, b, &d->text);
    ok = ok && !d->text.over && !gen_names_another(h, d->text.s, e, s.name) &&
         !says_one_there(h, b, d->text.s);
    if (ok) gen_draft_show(d, gen_home_tool(gg, en->tool));
    return ok;
}

int gen_phrase_absent(struct gen_group *gg, const struct gen_home *h, const char *here,
                      enum gen_home_family family, struct gen_draft *d)
{
    (void)here;
    int is_misplaced = family == GEN_HOME_EMPTY_AREA && gen_chance(&gg->r, MISPLACED_SHARE);
    for (int i = 0; i < 3 * GEN_TRIES; i++)
        if (is_misplaced ? misplaced_once(gg, h, d) : absent_once(gg, h, family, d)) return 1;
    return 0;
}

/* A line of the lists for which nothing is to be called, over this home. */
int gen_phrase_nothing(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    const json_t *list = gg->g->teacher.home_nothing;
    for (int tries = 0; tries < GEN_TRIES && json_array_size(list); tries++) {
        const char *line =
            json_string_value(json_array_get(list, gen_below(r, json_array_size(list))));
        struct gen_saying s = {.name = ""};
        if (strstr(line, "{name}")) {
            int e = h->n ? (int)gen_below(r, (size_t)h->n) : -1;
            if (e < 0 || !gen_is_stateful(h->e[e].domain) || !strcmp(h->e[e].domain, "person"))
                continue;
            gen_say_name(r, h, e, NULL, s.name, sizeof s.name);
        }
        if (strstr(line, "{area}")) {
            if (!h->n_area) continue;
            gen_say_area(r, &h->area[gen_below(r, (size_t)h->n_area)], s.area, sizeof s.area);
        }
        json_t *args = json_object();
        gen_text_clear(&d->text);
        int ok = gen_fill(r, &gg->g->values, NULL, line, gen_fill_placeholder, &s, args, &d->text);
        json_decref(args);
        for (int i = 0; ok && i < h->n; i++) /* a scene may be called "Bedtime" or "I'm back" */
            if ((!strcmp(h->e[i].domain, "scene") || !strcmp(h->e[i].domain, "script")) &&
                gen_find_words(d->text.s, h->e[i].name))
                ok = 0;
        if (ok) return 1;
    }
    return 0;
}
