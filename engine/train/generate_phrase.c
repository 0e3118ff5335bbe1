/* generate_phrase.c - home phrases over a home: what is said, and the call that it means.
 *
 * The answers follow the conventions of the data files: a device by its canonical name; a room or
 * floor with the domain (device class for covers) where the tool serves several kinds; the
 * speaker's room where nothing is said and it has such a device, else the only one of the home,
 * else nothing. A phrase whose text could mean something else in this home is drawn anew. */
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

static const char *const forms[] = {"by_name", "by_area", "by_floor", "here", "everywhere"};
static const double form_weight[] = {0.42, 0.30, 0.08, 0.15, 0.05};
enum { BY_NAME, BY_AREA, BY_FLOOR, BY_HERE, BY_ALL };

/* Of the cases where two commands share words, those whose second says "it" or "them". */
#define AGAIN_SHARE 0.35
/* Of the cases about a room that the home lacks, those about a floor. */
#define FLOOR_SHARE 0.35
/* Of the cases about a room without the device, those where the home has it in another room. */
#define MISPLACED_SHARE 0.6

struct saying { /* what stands for the placeholders */
    char name[200], area[120], floor[80];
};

static int ends_with(const struct gen_text *t, const char *tail)
{
    size_t n = strlen(tail);
    if (n > t->n) return 0;
    for (size_t i = 0; i < n; i++)
        if ((t->s[t->n - n + i] | 32) != (tail[i] | 32)) return 0;
    return t->n == n || t->s[t->n - n - 1] == ' ';
}

static int starts_possessive(const char *s)
{
    size_t n = strcspn(s, " ");
    if (!strncmp(s, "the ", 4) || !strncmp(s, "The ", 4) || !strncmp(s, "my ", 3)) return 1;
    return n > 2 && s[n] == ' ' && ((s[n - 2] == '\'' && s[n - 1] == 's') || s[n - 1] == '\'');
}

/* Adds a name; an article before it goes where the name brings its own. */
static int fill_placeholder(void *ctx, const char *placeholder, struct gen_text *text)
{
    const struct saying *s = ctx;
    const char *what = !strcmp(placeholder, "name")    ? s->name
                       : !strcmp(placeholder, "area")  ? s->area
                       : !strcmp(placeholder, "floor") ? s->floor
                                                       : "";
    if (!*what) return 0;
    static const char *const articles[] = {"the ", "my ", "a "};
    int brings_its_own = starts_possessive(what) || !strcmp(what, "it") || !strcmp(what, "them");
    for (size_t i = 0; i < 3 && brings_its_own; i++)
        if (ends_with(text, articles[i])) {
            gen_text_erase(text, text->n - strlen(articles[i]), strlen(articles[i]));
            break;
        }
    if (!strcmp(placeholder, "floor") &&
        (gen_find_words(what, "upstairs") == what || gen_find_words(what, "downstairs") == what)) {
        static const char *const lead[] = {"on the ", "in the ", "of the ", "for the ", "the "};
        for (size_t i = 0; i < 5; i++)
            if (ends_with(text, lead[i])) {
                gen_text_erase(text, text->n - strlen(lead[i]), strlen(lead[i]));
                break;
            }
    }
    gen_text_adds(text, what);
    return 1;
}

/* "the Groceries List list" -> "the Groceries List" */
static void drop_double_list(struct gen_text *t, const char *name)
{
    size_t n = strlen(name);
    if (n < 4 || (strcmp(name + n - 4, "list") && strcmp(name + n - 4, "List"))) return;
    char twice[220];
    snprintf(twice, sizeof twice, "%s list", name);
    const char *at = gen_find_words(t->s, twice);
    if (at) gen_text_erase(t, (size_t)(at - t->s) + n, 5);
}

static int same_text(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && gen_find_words(a, b) == a;
}

/* Whether an entity that is neither e nor f (-1: none) could be meant by the words of the text. Names
 * that are part of what was said for these do not count: the longest name wins. */
static int names_a_third(const struct gen_home *h, const char *text, int e, const char *said, int f,
                         const char *said_f)
{
    for (int i = 0; i < h->n; i++) {
        if (i == e || i == f || same_text(h->e[i].name, h->e[e].name)) continue;
        size_t n = json_array_size(h->e[i].aliases);
        for (size_t k = 0; k <= n; k++) {
            const char *name =
                k < n ? json_string_value(json_array_get(h->e[i].aliases, k)) : h->e[i].name;
            if (!name || !gen_find_words(text, name)) continue;
            if (strlen(name) < strlen(said) && gen_find_words(said, name)) continue;
            if (f >= 0 && strlen(name) < strlen(said_f) && gen_find_words(said_f, name)) continue;
            return 1;
        }
    }
    return 0;
}

static int names_another(const struct gen_home *h, const char *text, int e, const char *said)
{
    return names_a_third(h, text, e, said, -1, "");
}

/* Whether a shortened name would still mean only entity e. */
static int short_is_unique(const struct gen_home *h, int e, const char *said)
{
    for (int i = 0; i < h->n_area; i++)
        if (gen_find_words(h->area[i].name, said)) return 0;
    for (int i = 0; i < h->n_floor; i++)
        if (gen_find_words(h->floor[i], said)) return 0;
    for (int i = 0; i < h->n; i++) {
        if (i == e) continue;
        if (gen_find_words(h->e[i].name, said) || same_text(h->e[i].name, h->e[e].name)) return 0;
        size_t k;
        json_t *alias;
        json_array_foreach(h->e[i].aliases, k,
                           alias) if (gen_find_words(json_string_value(alias), said)) return 0;
    }
    return 1;
}

/* How people call entity e: its name, an alias, or a part that is enough. */
static void say_name(struct gen_rng *r, const struct gen_home *h, int e, const char *here,
                     char *out, size_t cap)
{
    static const char *const kinds[] = {"light", "lights",   "lamp",       "blinds",
                                        "blind", "curtains", "thermostat", "speaker",
                                        "fan",   "switch",   "lock"};
    const struct gen_entity *en = &h->e[e];
    snprintf(out, cap, "%s", en->name);
    if (json_array_size(en->aliases) && gen_chance(r, 0.5)) {
        snprintf(out, cap, "%s",
                 json_string_value(
                     json_array_get(en->aliases, gen_below(r, json_array_size(en->aliases)))));
    } else if (gen_chance(r, 0.22)) {
        char part[200];
        size_t area = strlen(en->area);
        snprintf(part, sizeof part, "%s", en->name);
        if (*en->area && here && !strcmp(here, en->area) && !strncmp(part, en->area, area) &&
            part[area] == ' ' && strchr(part + area + 1, ' '))
            memmove(part, part + area + 1, strlen(part + area + 1) + 1);
        else {
            char *last = strrchr(part, ' ');
            for (size_t i = 0; last && i < sizeof kinds / sizeof *kinds; i++)
                if (same_text(last + 1, kinds[i])) {
                    *last = 0;
                    break;
                }
        }
        if (strcmp(part, en->name) && strlen(part) > 2 && short_is_unique(h, e, part))
            snprintf(out, cap, "%s", part);
    }
    if (strcmp(en->domain, "person") && gen_chance(r, 0.45)) gen_lower(out);
}

static void say_area(struct gen_rng *r, const struct gen_area *a, char *out, size_t cap)
{
    size_t n = json_array_size(a->aliases);
    const char *s = n && gen_chance(r, 0.3)
                        ? json_string_value(json_array_get(a->aliases, gen_below(r, n)))
                        : a->name;
    snprintf(out, cap, "%s", s ? s : a->name);
    if (gen_chance(r, 0.5)) gen_lower(out);
}

/* "Television" of the Living Room -> "living room television". */
static void say_room_before(struct gen_rng *r, const char *area, char *name, size_t cap)
{
    size_t n = strlen(area), len = strlen(name);
    if (n + 1 + len >= cap) return;
    memmove(name + n + 1, name, len + 1);
    memcpy(name, area, n);
    name[n] = ' ';
    if (gen_chance(r, 0.6)) gen_lower(name);
}

/* "... in the living room" at the end of what is said. */
static void say_room_after(struct gen_rng *r, const char *area, struct gen_text *t)
{
    size_t n = t->n;
    gen_text_adds(t, starts_possessive(area) ? " in " : " in the ");
    gen_text_adds(t, area);
    if (gen_chance(r, 0.5)) gen_lower(t->s + n);
}

static const json_t *properties(const struct gen_group *gg, const char *tool)
{
    for (int i = 0; i < gg->g->n_home_tools; i++) {
        const json_t *t = gg->g->home_tool[i];
        if (!strcmp(json_string_value(json_object_get(t, "name")), tool))
            return json_object_get(json_object_get(t, "parameters"), "properties");
    }
    return NULL;
}

static int set_string(json_t *args, const json_t *props, const char *key, const char *value)
{
    const json_t *p = json_object_get(props, key);
    json_t *v = json_string(value);
    int ok = p && v && san_schema_allows(p, v) && !json_object_set(args, key, v);
    json_decref(v);
    return ok;
}

/* Adds to a room, a floor or the whole home what kind of device is meant. */
static int set_kind(const struct gen_entry *en, const json_t *props, int everywhere, json_t *args)
{
    if (!en->domain) return 1;
    int cover = !strcmp(en->domain, "cover"), media = !strcmp(en->domain, "media_player");
    if ((cover || media) && en->device_class && json_object_get(props, "device_class"))
        return set_string(args, props, "device_class", en->device_class);
    int several =
        !strcmp(en->tool, "HassTurnOn") || !strcmp(en->tool, "HassTurnOff") ||
        !strcmp(en->tool, "HassGetState") ||
        ((!strcmp(en->tool, "HassSetPosition") || !strcmp(en->tool, "HassStopMoving")) && !cover);
    if (several || everywhere) return set_string(args, props, "domain", en->domain);
    return 1;
}

/* "Heating" wording does not go with an air conditioner, nor "cooling" with a radiator. */
static int wording_fits(const struct gen_entry *en, const struct gen_home *h, const char *area,
                        const char *floor)
{
    static const char *const cool[] = {"ac",     "air con",    "air conditioner", "aircon",
                                       "cooler", "mini split", "cooling"};
    static const char *const heat[] = {"radiator", "heating",       "heater",   "furnace",
                                       "boiler",   "floor heating", "fireplace"};
    if (!en->note || (strcmp(en->note, "heating") && strcmp(en->note, "cooling"))) return 1;
    const char *const *bad = !strcmp(en->note, "heating") ? cool : heat;
    for (int i = 0; i < h->n; i++) {
        const struct gen_entity *e = &h->e[i];
        if (strcmp(e->domain, "climate") || (*area && strcmp(e->area, area)) ||
            (*floor && strcmp(e->floor, floor)))
            continue;
        for (int k = 0; k < 7; k++)
            if (gen_find_words(e->name, bad[k])) return 0;
    }
    return 1;
}

/* Plugs said of a room are its switches: only where it has no others. */
static int outlets_only(const struct gen_entry *en, const struct gen_home *h, const char *area,
                        const char *floor)
{
    if (!en->device_class || strcmp(en->device_class, "outlet")) return 1;
    return gen_home_count(h, "switch", NULL, area, floor, NULL) ==
           gen_home_count(h, "switch", "outlet", area, floor, NULL);
}

/* {name} and what makes it unique: a domain where another kind has the name too. */
static int target_by_name(const struct gen_home *h, int e, const json_t *props, int area_said,
                          json_t *args)
{
    const struct gen_entity *en = &h->e[e];
    int other_domain = 0;
    for (int i = 0; i < h->n; i++) {
        if (i == e || !same_text(h->e[i].name, en->name)) continue;
        if (strcmp(h->e[i].domain, en->domain))
            other_domain = 1;
        else if (!area_said || !strcmp(h->e[i].area, en->area))
            return 0; /* two of one kind: the words do not tell which */
    }
    json_object_set_new(args, "name", json_string(en->name));
    if (area_said && !set_string(args, props, "area", en->area)) return 0;
    if (other_domain && json_object_get(props, "domain"))
        return set_string(args, props, "domain", en->domain);
    return 1;
}

static int is_stateful(const char *domain)
{
    return strcmp(domain, "scene") && strcmp(domain, "button") && strcmp(domain, "todo") &&
           strcmp(domain, "script") && strcmp(domain, "weather");
}

/* The entity that stands for a room said of a TV, a sensor or a button: the only one there. */
static int only_one(const struct gen_entry *en, const struct gen_home *h, const char *area,
                    const char *floor)
{
    int e = -1;
    return gen_home_count(h, en->domain, en->device_class, area, floor, &e) == 1 ? e : -1;
}

static int is_named_in_rooms(const struct gen_entry *en)
{
    if (!en->domain) return 0;
    return en->unsure || !strcmp(en->domain, "button") || !strcmp(en->domain, "siren");
}

/* Fill room, floor or home into args. */
static int target_by_place(const struct gen_entry *en, const struct gen_home *h,
                           const json_t *props, const char *area, const char *floor, json_t *args)
{
    int is_tv = en->domain && !strcmp(en->domain, "media_player") && en->device_class;
    if (!wording_fits(en, h, area, floor) || !outlets_only(en, h, area, floor)) return 0;
    if (is_named_in_rooms(en)) {
        int e = only_one(en, h, area, floor);
        if (en->unsure) {
            json_object_del(args, "domain");
            json_object_del(args, "device_class");
        }
        return e >= 0 && target_by_name(h, e, props, 0, args);
    }
    if (is_tv && *area) {
        int e = only_one(en, h, area, floor);
        if (e >= 0) return target_by_name(h, e, props, 0, args);
    }
    if (*area && !set_string(args, props, "area", area)) return 0;
    if (*floor && !set_string(args, props, "floor", floor)) return 0;
    return set_kind(en, props, !*area && !*floor, args);
}

/* Nothing is said of the place. *empty is set when nobody could tell what is meant. */
static int target_here(const struct gen_entry *en, const struct gen_home *h, const json_t *props,
                       const char *here, json_t *args, int *empty)
{
    *empty = 0;
    if (en->here_adds_nothing) return 1;
    if (!strcmp(en->tool, "HassVacuumCleanArea")) {
        if (here && *here) return set_string(args, props, "area", here);
        *empty = 1;
        return 1;
    }
    if (!en->domain) return 0;
    if (here && *here && json_object_get(props, "area") &&
        gen_home_count(h, en->domain, en->device_class, here, "", NULL))
        return target_by_place(en, h, props, here, "", args);
    if (!wording_fits(en, h, "", "")) return 0;
    int e = -1, n = gen_home_count(h, en->domain, en->device_class, "", "", &e);
    if (en->unsure) {
        json_object_del(args, "domain");
        json_object_del(args, "device_class");
    }
    if (n == 1) return target_by_name(h, e, props, 0, args);
    *empty = n > 1;
    return n > 1;
}

static const struct gen_entry *pick_entry(struct gen_group *gg, const struct gen_home *h, int form)
{
    const struct gen_teacher *t = &gg->g->teacher;
    for (int tries = 0; tries < 60 && t->n_entry; tries++) {
        const struct gen_entry *en = &t->entry[gen_below(&gg->r, (size_t)t->n_entry)];
        size_t n = json_array_size(json_object_get(en->json, forms[form]));
        if (!n) continue;
        /* Entries with many wordings stand for what people say often. */
        if (n < 30 && !gen_chance(&gg->r, 0.15 + (double)n / 36)) continue;
        if (en->domain && !en->any_kind &&
            !gen_home_count(h, en->domain, form == BY_NAME ? NULL : en->device_class, "", "", NULL))
            continue;
        if (!gen_home_offers(gg->g, h, en->tool)) continue;
        return en;
    }
    return NULL;
}

static const char *pick_phrase(struct gen_rng *r, const struct gen_entry *en, int form)
{
    const json_t *list = json_object_get(en->json, forms[form]);
    return json_string_value(json_array_get(list, gen_below(r, json_array_size(list))));
}

/* One of the entities that the entry speaks of, or -1. */
static int pick_entity(struct gen_rng *r, const struct gen_entry *en, const struct gen_home *h)
{
    for (int tries = 0; tries < 30 && h->n; tries++) {
        int i = (int)gen_below(r, (size_t)h->n);
        if (en->any_kind ? is_stateful(h->e[i].domain)
                         : gen_kind_matches(&h->e[i], en->domain, en->device_class))
            return i;
    }
    int e = -1;
    if (!en->any_kind) gen_home_count(h, en->domain, en->device_class, "", "", &e);
    return e;
}

static int phrase_once(struct gen_group *gg, const struct gen_home *h, const char *here,
                       int want_empty, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    int form = want_empty ? BY_HERE : gen_weighted(r, form_weight, 5), empty = 0, e = -1, ok;
    const struct gen_entry *en = pick_entry(gg, h, form);
    const json_t *props = en ? properties(gg, en->tool) : NULL;
    const char *phrase = en ? pick_phrase(r, en, form) : NULL;
    if (!props || !phrase) return 0;
    struct saying s = {.name = ""};
    json_t *args = json_copy(en->args);
    gen_text_clear(&d->text);
    d->is_unsaid = d->is_unclear = 0;
    const char *area = "", *floor = "";
    int in_room = 0; /* "... in the kitchen" after a device's name, or "kitchen ..." before it */
    int is_before = 0;
    if (form == BY_NAME || (en->with_name && strstr(phrase, "{name}"))) {
        e = pick_entity(r, en, h);
        if (e < 0) goto fail;
        say_name(r, h, e, here, s.name, sizeof s.name);
        in_room = form == BY_NAME && *h->e[e].area && json_object_get(props, "area") &&
                  gen_chance(r, 0.13) && !gen_find_words(s.name, h->e[e].area) &&
                  !strstr(phrase, "{name}'");
        if (in_room && gen_chance(r, 0.5)) {
            say_room_before(r, h->e[e].area, s.name, sizeof s.name);
            is_before = 1;
        }
    }
    if (form == BY_AREA || form == BY_FLOOR) {
        int any_room = !en->domain || !strcmp(en->tool, "HassVacuumCleanArea");
        if (form == BY_FLOOR) {
            if (!h->n_floor) goto fail;
            floor = h->floor[gen_below(r, (size_t)h->n_floor)];
            snprintf(s.floor, sizeof s.floor, "%s", floor);
            if (gen_chance(r, 0.6)) gen_lower(s.floor);
        } else {
            if (!h->n_area) goto fail;
            const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
            area = a->name;
            say_area(r, a, s.area, sizeof s.area);
        }
        if (!any_room && !gen_home_count(h, en->domain, en->device_class, area, floor, NULL))
            goto fail;
    }
    if (!gen_fill(r, &gg->g->values, en->slots, phrase, fill_placeholder, &s, args, &d->text))
        goto fail;
    if (*s.name) drop_double_list(&d->text, s.name);
    if (in_room && !is_before) say_room_after(r, h->e[e].area, &d->text);

    switch (form) {
    case BY_NAME:
        ok = target_by_name(h, e, props, in_room, args) && !names_another(h, d->text.s, e, s.name);
        break;
    case BY_AREA:
    case BY_FLOOR:
        if (en->with_name) {
            ok = target_by_name(h, e, props, 0, args) && set_string(args, props, "area", area);
            ok = ok && !names_another(h, d->text.s, e, s.name);
        } else if (!en->domain || !strcmp(en->tool, "HassVacuumCleanArea")) {
            ok = set_string(args, props, "area", area) && !gen_home_mentions(h, d->text.s, -1);
        } else {
            ok = target_by_place(en, h, props, area, floor, args) &&
                 !gen_home_mentions(h, d->text.s, -1);
        }
        break;
    case BY_HERE:
        if (en->with_name) {
            ok = here && *here && target_by_name(h, e, props, 0, args) &&
                 set_string(args, props, "area", here) && !names_another(h, d->text.s, e, s.name);
        } else {
            ok = target_here(en, h, props, here, args, &empty) &&
                 !gen_home_mentions(h, d->text.s, -1);
            d->is_unsaid |= !en->here_adds_nothing;
        }
        break;
    default:
        ok = target_by_place(en, h, props, "", "", args) && !gen_home_mentions(h, d->text.s, -1);
    }
    if (!ok || empty != want_empty || d->text.over) goto fail;
    const struct gen_variant *v = gen_home_tool(gg, en->tool);
    if (!v) goto fail;
    if (empty) { /* the call as far as it was said */
        gen_draft_show(d, v);
        if (en->domain && strcmp(en->tool, "HassVacuumCleanArea") && !en->unsure) {
            if (!set_kind(en, props, 0, args)) goto fail;
            d->is_unclear = 1;
        } else {
            json_decref(args);
            return 1;
        }
    }
    d->calls[0].v = v;
    d->calls[0].args = args;
    d->n_calls = 1;
    return 1;
fail:
    json_decref(args);
    return 0;
}

int gen_phrase_call(struct gen_group *gg, const struct gen_home *h, const char *here,
                    int want_empty, struct gen_draft *d)
{
    for (int i = 0; i < GEN_TRIES; i++)
        if (phrase_once(gg, h, here, want_empty, d)) return 1;
    return 0;
}

/* ---- one command for two places or devices ------------------------------------------------------ */

/* "kitchen" and "hallway" -> "kitchen and the hallway" where an article stands before the first. */
static int say_both(struct gen_rng *r, const char *phrase, const char *placeholder, char *first,
                    size_t cap, const char *second)
{
    const char *at = strstr(phrase, placeholder);
    if (!at || strstr(at + 1, placeholder) || at[strlen(placeholder)] == '\'') return 0;
    int has_article = at - phrase >= 4 && !memcmp(at - 4, "the ", 4);
    size_t n = strlen(first);
    const char *with =
        has_article && !starts_possessive(second) && gen_chance(r, 0.6) ? " and the " : " and ";
    return (size_t)snprintf(first + n, cap - n, "%s%s", with, second) < cap - n;
}

/* "turn off the kitchen and hallway lights", "set the lamp and the chandelier to 20": the command
 * for each of the two. */
static int pair_once(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    int form = gen_chance(r, 0.6) ? BY_AREA : BY_NAME, e = -1, f = -1, ok = 0;
    const struct gen_entry *en = pick_entry(gg, h, form);
    const json_t *props = en ? properties(gg, en->tool) : NULL;
    if (!props || en->with_name || en->any_kind || !en->domain) return 0;
    const char *phrase = pick_phrase(r, en, form);
    struct saying s = {.name = ""};
    char said[2][200] = {"", ""};
    const char *area[2] = {"", ""};
    if (form == BY_AREA) {
        if (h->n_area < 2) return 0;
        for (int k = 0; k < 2; k++) {
            const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
            area[k] = a->name;
            say_area(r, a, k ? said[1] : s.area, sizeof s.area);
            if (!gen_home_count(h, en->domain, en->device_class, a->name, "", NULL)) return 0;
        }
        if (!strcmp(area[0], area[1]) ||
            !say_both(r, phrase, "{area}", s.area, sizeof s.area, said[1]))
            return 0;
    } else {
        e = pick_entity(r, en, h);
        f = pick_entity(r, en, h);
        if (e < 0 || f < 0 || e == f || same_text(h->e[e].name, h->e[f].name)) return 0;
        say_name(r, h, e, NULL, said[0], sizeof said[0]);
        say_name(r, h, f, NULL, said[1], sizeof said[1]);
        snprintf(s.name, sizeof s.name, "%s", said[0]);
        if (!say_both(r, phrase, "{name}", s.name, sizeof s.name, said[1])) return 0;
    }
    json_t *args[2] = {json_copy(en->args), NULL};
    gen_text_clear(&d->text);
    const struct gen_variant *v = gen_home_tool(gg, en->tool);
    if (v &&
        gen_fill(r, &gg->g->values, en->slots, phrase, fill_placeholder, &s, args[0], &d->text)) {
        args[1] = json_copy(args[0]);
        ok = !d->text.over && d->text.n <= GEN_PART_BYTES;
        for (int k = 0; ok && k < 2; k++)
            ok = form == BY_AREA ? target_by_place(en, h, props, area[k], "", args[k])
                                 : target_by_name(h, k ? f : e, props, 0, args[k]);
        ok = ok && (form == BY_AREA ? !gen_home_mentions(h, d->text.s, -1)
                                    : !names_a_third(h, d->text.s, e, said[0], f, said[1]));
    }
    if (ok) {
        for (int k = 0; k < 2; k++) d->calls[k] = (struct gen_call){.v = v, .args = args[k]};
        d->n_calls = 2;
    } else {
        json_decref(args[0]);
        json_decref(args[1]);
    }
    return ok;
}

/* One command by a device's name, a second one by "it"; by a room, and by "them". */
static int again_once(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    int form = gen_chance(r, 0.6) ? BY_NAME : BY_AREA, e = -1, ok = 0;
    const struct gen_entry *en[2] = {pick_entry(gg, h, form), pick_entry(gg, h, BY_NAME)};
    struct saying said = {.name = ""}, again = {.name = "it"};
    const char *area = "";
    if (!en[0] || !en[1] || !strcmp(en[0]->tool, en[1]->tool)) return 0;
    for (int k = 0; k < 2; k++)
        if (!en[k]->domain || en[k]->with_name || en[k]->any_kind ||
            !strcmp(en[k]->domain, "todo") || strcmp(en[k]->domain, en[0]->domain) ||
            !strcmp(en[k]->tool, "HassGetState"))
            return 0;
    if (form == BY_NAME) {
        e = pick_entity(r, en[0], h);
        if (e < 0 || !gen_kind_matches(&h->e[e], en[1]->domain, en[1]->device_class)) return 0;
        say_name(r, h, e, NULL, said.name, sizeof said.name);
    } else {
        if (!h->n_area) return 0;
        const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
        area = a->name;
        say_area(r, a, said.area, sizeof said.area);
        snprintf(again.name, sizeof again.name, "them");
        for (int k = 0; k < 2; k++)
            if (gen_home_count(h, en[k]->domain, en[k]->device_class, area, "", NULL) < 2) return 0;
    }
    struct gen_draft part[2];
    memset(part, 0, sizeof part);
    for (int k = 0; k < 2; k++) {
        const struct gen_variant *v = gen_home_tool(gg, en[k]->tool);
        const json_t *props = properties(gg, en[k]->tool);
        const char *phrase = pick_phrase(r, en[k], k ? BY_NAME : form);
        json_t *args = json_copy(en[k]->args);
        ok = v && props && !strstr(phrase, "{name}'") &&
             gen_fill(r, &gg->g->values, en[k]->slots, phrase, fill_placeholder, k ? &again : &said,
                      args, &part[k].text) &&
             (form == BY_NAME ? target_by_name(h, e, props, 0, args)
                              : target_by_place(en[k], h, props, area, "", args));
        part[k].calls[0] = (struct gen_call){.v = v, .args = args};
        part[k].n_calls = 1;
        ok = ok && gen_phrase_can_join(&part[k], 0);
        ok = ok && (form == BY_NAME && !k ? !names_another(h, part[k].text.s, e, said.name)
                                          : !gen_home_mentions(h, part[k].text.s, -1));
        if (!ok) break;
    }
    ok = ok && gen_join(r, d, part, 2);
    for (int k = 0; k < 2; k++) gen_draft_clear(&part[k]);
    return ok;
}

int gen_phrase_pair(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    int is_again = gen_chance(&gg->r, AGAIN_SHARE);
    for (int i = 0; i < 3 * GEN_TRIES; i++)
        if (is_again ? again_once(gg, h, d) : pair_once(gg, h, d)) return 1;
    return 0;
}

/* ---- things that the home does not have ------------------------------------------------------ */

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
    return same_text(n->name, "Patio Door") && gen_home_count(h, "cover", "door", "", "", NULL);
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
        if (same_text(h->floor[i], floor)) return 1;
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

static int absent_once(struct gen_group *gg, const struct gen_home *h, enum gen_home_family family,
                       struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    const struct gen_vocabulary *v = &gg->g->vocabulary;
    const struct gen_teacher *t = &gg->g->teacher;
    if (!t->n_entry || !v->n_name || !v->n_area) return 0;
    int is_floor = family == GEN_HOME_NO_AREA && gen_chance(r, FLOOR_SHARE);
    int form = family == GEN_HOME_NO_DEVICE ? BY_NAME : is_floor ? BY_FLOOR : BY_AREA;
    const struct gen_entry *en = &t->entry[gen_below(r, (size_t)t->n_entry)];
    if (!json_array_size(json_object_get(en->json, forms[form])) || !en->domain || en->any_kind ||
        en->with_name || !gen_home_offers(gg->g, h, en->tool))
        return 0;
    const char *phrase = pick_phrase(r, en, form);
    struct saying s = {.name = ""};
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
        const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
        if (gen_home_count(h, en->domain, NULL, a->name, "", NULL)) return 0;
        for (int i = 0; i < h->n; i++) /* a device called after the room but standing elsewhere */
            if (!strcmp(h->e[i].domain, en->domain) && gen_share_word(h->e[i].name, a->name))
                return 0;
        if (!strcmp(en->tool, "HassClimateGetTemperature") &&
            gen_home_count(h, "sensor", "temperature", a->name, "", NULL))
            return 0;
        say_area(r, a, s.area, sizeof s.area);
    }
    json_t *args = json_object();
    gen_text_clear(&d->text);
    int ok = gen_fill(r, &gg->g->values, en->slots, phrase, fill_placeholder, &s, args, &d->text) &&
             !gen_home_mentions(h, d->text.s, -1);
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
    const struct gen_entry *en = pick_entry(gg, h, BY_NAME);
    if (!en || en->with_name || h->n_area < 2) return 0;
    const char *phrase = pick_phrase(r, en, BY_NAME);
    int e = pick_entity(r, en, h);
    if (e < 0 || !has_a_place(&h->e[e]) || strstr(phrase, "{name}'")) return 0;
    const char *b = h->area[gen_below(r, (size_t)h->n_area)].name, *a = h->e[e].area;
    struct saying s = {.name = ""};
    say_name(r, h, e, NULL, s.name, sizeof s.name);
    /* "Bedroom Fan" -> "fan"; a name with more of its room in it stays out. */
    size_t n = strlen(a);
    if (gen_find_words(s.name, a) == s.name && s.name[n] == ' ')
        memmove(s.name, s.name + n + 1, strlen(s.name + n + 1) + 1);
    if (!strcmp(a, b) || home_area_in(h, s.name) || starts_possessive(s.name) ||
        could_be_there(h, e, b, s.name))
        return 0;
    int is_before = gen_chance(r, 0.6);
    if (is_before) say_room_before(r, b, s.name, sizeof s.name);
    json_t *args = json_object();
    gen_text_clear(&d->text);
    int ok = gen_fill(r, &gg->g->values, en->slots, phrase, fill_placeholder, &s, args, &d->text);
    json_decref(args);
    if (ok && !is_before) say_room_after(r, b, &d->text);
    ok = ok && !d->text.over && !names_another(h, d->text.s, e, s.name);
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
        struct saying s = {.name = ""};
        if (strstr(line, "{name}")) {
            int e = h->n ? (int)gen_below(r, (size_t)h->n) : -1;
            if (e < 0 || !is_stateful(h->e[e].domain) || !strcmp(h->e[e].domain, "person"))
                continue;
            say_name(r, h, e, NULL, s.name, sizeof s.name);
        }
        if (strstr(line, "{area}")) {
            if (!h->n_area) continue;
            say_area(r, &h->area[gen_below(r, (size_t)h->n_area)], s.area, sizeof s.area);
        }
        json_t *args = json_object();
        gen_text_clear(&d->text);
        int ok = gen_fill(r, &gg->g->values, NULL, line, fill_placeholder, &s, args, &d->text);
        json_decref(args);
        for (int i = 0; ok && i < h->n; i++) /* a scene may be called "Bedtime" or "I'm back" */
            if ((!strcmp(h->e[i].domain, "scene") || !strcmp(h->e[i].domain, "script")) &&
                gen_find_words(d->text.s, h->e[i].name))
                ok = 0;
        if (ok) return 1;
    }
    return 0;
}
