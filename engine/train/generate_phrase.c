/* generate_phrase.c - home phrases over a home: what is said, and the call that it means.
 *
 * The answers follow the conventions of the data files: a device by its canonical name; a room or
 * floor with the domain (device class for covers) where the tool serves several kinds; the
 * speaker's room where nothing is said and it has such a device, else the only one of the home,
 * else nothing. A phrase whose text could mean something else in this home is drawn anew. */
#include <stdio.h>
#include <string.h>

#include "floor_words.h"
#include "generate_phrase.h"

const char *const gen_forms[] = {"by_name", "by_area", "by_floor", "here", "everywhere"};
static const double form_weight[] = {0.42, 0.30, 0.08, 0.15, 0.05};

static int ends_with(const struct gen_text *t, const char *tail)
{
    size_t n = strlen(tail);
    if (n > t->n) return 0;
    for (size_t i = 0; i < n; i++)
        if ((t->s[t->n - n + i] | 32) != (tail[i] | 32)) return 0;
    return t->n == n || t->s[t->n - n - 1] == ' ';
}

int gen_starts_possessive(const char *s)
{
    size_t n = strcspn(s, " ");
    if (!strncmp(s, "the ", 4) || !strncmp(s, "The ", 4) || !strncmp(s, "my ", 3) ||
        !strncmp(s, "both ", 5))
        return 1;
    return n > 2 && s[n] == ' ' && ((s[n - 2] == '\'' && s[n - 1] == 's') || s[n - 1] == '\'');
}

/* Adds a name; an article before it goes where the name brings its own. */
int gen_fill_placeholder(void *ctx, const char *placeholder, struct gen_text *text)
{
    const struct gen_saying *s = ctx;
    const char *what = !strcmp(placeholder, "name")    ? s->name
                       : !strcmp(placeholder, "area")  ? s->area
                       : !strcmp(placeholder, "floor") ? s->floor
                                                       : "";
    if (!*what) return 0;
    static const char *const articles[] = {"the ", "my ", "a "};
    int brings_its_own =
        gen_starts_possessive(what) || !strcmp(what, "it") || !strcmp(what, "them");
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

int gen_same_text(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && gen_find_words(a, b) == a;
}

/* Whether an entity that is neither e nor f (-1: none) could be meant by the words of the text. Names
 * that are part of what was said for these do not count: the longest name wins. */
int gen_names_a_third(const struct gen_home *h, const char *text, int e, const char *said, int f,
                      const char *said_f)
{
    for (int i = 0; i < h->n; i++) {
        if (i == e || i == f || gen_same_text(h->e[i].name, h->e[e].name)) continue;
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

int gen_names_another(const struct gen_home *h, const char *text, int e, const char *said)
{
    return gen_names_a_third(h, text, e, said, -1, "");
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
        if (gen_find_words(h->e[i].name, said) || gen_same_text(h->e[i].name, h->e[e].name))
            return 0;
        size_t k;
        json_t *alias;
        json_array_foreach(h->e[i].aliases, k,
                           alias) if (gen_find_words(json_string_value(alias), said)) return 0;
    }
    return 1;
}

/* How people call entity e: its name, an alias, or a part that is enough. */
void gen_say_name(struct gen_rng *r, const struct gen_home *h, int e, const char *here, char *out,
                  size_t cap)
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
            int is_kind = 0;
            for (size_t i = 0; last && i < sizeof kinds / sizeof *kinds; i++)
                is_kind |= gen_same_text(last + 1, kinds[i]);
            if (is_kind)
                *last = 0;
            else if (last && gen_chance(r, 0.7)) /* "the AC" for the Office AC */
                memmove(part, last + 1, strlen(last + 1) + 1);
        }
        if (strcmp(part, en->name) && strlen(part) > 2 && short_is_unique(h, e, part))
            snprintf(out, cap, "%s", part);
    }
    if (strcmp(en->domain, "person") && gen_chance(r, 0.45)) gen_lower(out);
}

/* "Emma's Desk Lamp" of Emma's Room -> "Desk Lamp", to be said with the room: only then does it tell which of
 * several desk lamps is meant. 0 where nothing is left that would tell. */
static int say_name_without_room(const struct gen_home *h, int e, char *out, size_t cap)
{
    const struct gen_entity *en = &h->e[e];
    const char *rest = en->name;

    for (;;) {
        char word[80];
        const size_t n = strcspn(rest, " ");

        if (!rest[n] || n >= sizeof word) break;
        snprintf(word, sizeof word, "%.*s", (int)n, rest);
        if (!gen_find_words(en->area, word)) break;
        rest += n + 1;
    }
    if (rest == en->name || !strchr(rest, ' ')) return 0;
    for (int i = 0; i < h->n; i++)
        if (i != e && !strcmp(h->e[i].area, en->area) && gen_find_words(h->e[i].name, rest))
            return 0;
    snprintf(out, cap, "%s", rest);
    return 1;
}

void gen_say_area(struct gen_rng *r, const struct gen_area *a, char *out, size_t cap)
{
    size_t n = json_array_size(a->aliases);
    const char *s = n && gen_chance(r, 0.3)
                        ? json_string_value(json_array_get(a->aliases, gen_below(r, n)))
                        : a->name;
    snprintf(out, cap, "%s", s ? s : a->name);
    if (gen_chance(r, 0.5)) gen_lower(out);
}

/* "Television" of the Living Room -> "living room television". */
void gen_say_room_before(struct gen_rng *r, const char *area, char *name, size_t cap)
{
    size_t n = strlen(area), len = strlen(name);
    if (n + 1 + len >= cap) return;
    memmove(name + n + 1, name, len + 1);
    memcpy(name, area, n);
    name[n] = ' ';
    if (gen_chance(r, 0.6)) gen_lower(name);
}

/* "... in the living room" at the end of what is said. */
void gen_say_room_after(struct gen_rng *r, const char *area, struct gen_text *t)
{
    size_t n = t->n;
    gen_text_adds(t, gen_starts_possessive(area) ? " in " : " in the ");
    gen_text_adds(t, area);
    if (gen_chance(r, 0.5)) gen_lower(t->s + n);
}

const json_t *gen_tool_properties(const struct gen_group *gg, const char *tool)
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

/* How people call floor k: its name, or what follows from the others ("upstairs"). */
static void say_floor(struct gen_rng *r, const struct gen_home *h, int k, char *out, size_t cap)
{
    const char *others[SAN__FLOOR_WORDS];
    int n = san__floor_words(h->floor, h->n_floor, k, others), is_room = 0;

    snprintf(out, cap, "%s", h->floor[k]);
    if (n && gen_chance(r, 0.35)) { /* the first is English */
        for (int i = 0; i < h->n_area; i++) is_room |= gen_same_text(h->area[i].name, others[0]);
        if (!is_room) snprintf(out, cap, "%s", others[0]);
    }
    if (gen_chance(r, 0.6)) gen_lower(out);
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
int gen_target_by_name(const struct gen_home *h, int e, const json_t *props, int area_said,
                       json_t *args)
{
    const struct gen_entity *en = &h->e[e];
    int other_domain = 0;
    for (int i = 0; i < h->n; i++) {
        if (i == e || !gen_same_text(h->e[i].name, en->name)) continue;
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

int gen_is_stateful(const char *domain)
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
int gen_target_by_place(const struct gen_entry *en, const struct gen_home *h, const json_t *props,
                        const char *area, const char *floor, json_t *args)
{
    int is_tv = en->domain && !strcmp(en->domain, "media_player") && en->device_class;
    if (!wording_fits(en, h, area, floor) || !outlets_only(en, h, area, floor)) return 0;
    if (is_named_in_rooms(en)) {
        int e = only_one(en, h, area, floor);
        if (en->unsure) {
            json_object_del(args, "domain");
            json_object_del(args, "device_class");
        }
        return e >= 0 && gen_target_by_name(h, e, props, 0, args);
    }
    if (is_tv && *area) {
        int e = only_one(en, h, area, floor);
        if (e >= 0) return gen_target_by_name(h, e, props, 0, args);
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
        return gen_target_by_place(en, h, props, here, "", args);
    if (!wording_fits(en, h, "", "")) return 0;
    int e = -1, n = gen_home_count(h, en->domain, en->device_class, "", "", &e);
    if (en->unsure) {
        json_object_del(args, "domain");
        json_object_del(args, "device_class");
    }
    if (n == 1) return gen_target_by_name(h, e, props, 0, args);
    *empty = n > 1;
    return n > 1;
}

const struct gen_entry *gen_pick_entry(struct gen_group *gg, const struct gen_home *h, int form)
{
    const struct gen_teacher *t = &gg->g->teacher;
    for (int tries = 0; tries < 60 && t->n_entry; tries++) {
        const struct gen_entry *en = &t->entry[gen_below(&gg->r, (size_t)t->n_entry)];
        size_t n = json_array_size(json_object_get(en->json, gen_forms[form]));
        if (!n) continue;
        /* Entries with many wordings stand for what people say often. */
        if (n < 30 && !gen_chance(&gg->r, 0.15 + (double)n / 36)) continue;
        if (en->domain && !en->any_kind &&
            !gen_home_count(h, en->domain, form == GEN_BY_NAME ? NULL : en->device_class, "", "",
                            NULL))
            continue;
        if (!gen_home_offers(gg->g, h, en->tool)) continue;
        return en;
    }
    return NULL;
}

const char *gen_pick_phrase(struct gen_rng *r, const struct gen_entry *en, int form)
{
    const json_t *list = json_object_get(en->json, gen_forms[form]);
    return json_string_value(json_array_get(list, gen_below(r, json_array_size(list))));
}

/* One of the entities that the entry speaks of, or -1. */
int gen_pick_entity(struct gen_rng *r, const struct gen_entry *en, const struct gen_home *h)
{
    for (int tries = 0; tries < 30 && h->n; tries++) {
        int i = (int)gen_below(r, (size_t)h->n);
        if (en->any_kind ? gen_is_stateful(h->e[i].domain)
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
    int form = want_empty ? GEN_BY_HERE : gen_weighted(r, form_weight, 5), empty = 0, e = -1, ok;
    const struct gen_entry *en = gen_pick_entry(gg, h, form);
    const json_t *props = en ? gen_tool_properties(gg, en->tool) : NULL;
    const char *phrase = en ? gen_pick_phrase(r, en, form) : NULL;
    if (!props || !phrase) return 0;
    struct gen_saying s = {.name = ""};
    json_t *args = json_copy(en->args);
    gen_text_clear(&d->text);
    d->is_unsaid = d->is_unclear = 0;
    const char *area = "", *floor = "";
    int in_room = 0; /* "... in the kitchen" after a device's name, or "kitchen ..." before it */
    int is_before = 0, is_short = 0; /* the room is said, and its words in the name are not */
    if (form == GEN_BY_NAME || (en->with_name && strstr(phrase, "{name}"))) {
        e = gen_pick_entity(r, en, h);
        if (e < 0) goto fail;
        gen_say_name(r, h, e, here, s.name, sizeof s.name);
        in_room = form == GEN_BY_NAME && *h->e[e].area && json_object_get(props, "area") &&
                  gen_chance(r, 0.16) && !strstr(phrase, "{name}'");
        is_short =
            in_room && gen_chance(r, 0.4) && say_name_without_room(h, e, s.name, sizeof s.name);
        if (is_short && gen_chance(r, 0.5)) gen_lower(s.name);
        in_room = in_room && (is_short || !gen_find_words(s.name, h->e[e].area));
        if (in_room && !is_short && gen_chance(r, 0.5)) {
            gen_say_room_before(r, h->e[e].area, s.name, sizeof s.name);
            is_before = 1;
        }
    }
    if (form == GEN_BY_AREA || form == GEN_BY_FLOOR) {
        int any_room = !en->domain || !strcmp(en->tool, "HassVacuumCleanArea");
        if (form == GEN_BY_FLOOR) {
            if (!h->n_floor) goto fail;
            int k = (int)gen_below(r, (size_t)h->n_floor);
            floor = h->floor[k];
            say_floor(r, h, k, s.floor, sizeof s.floor);
        } else {
            if (!h->n_area) goto fail;
            const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
            area = a->name;
            gen_say_area(r, a, s.area, sizeof s.area);
        }
        if (!any_room && !gen_home_count(h, en->domain, en->device_class, area, floor, NULL))
            goto fail;
    }
    if (!gen_fill(r, &gg->g->values, en->slots, phrase, gen_fill_placeholder, &s, args, &d->text))
        goto fail;
    if (*s.name) drop_double_list(&d->text, s.name);
    if (in_room && !is_before) gen_say_room_after(r, h->e[e].area, &d->text);

    switch (form) {
    case GEN_BY_NAME:
        ok = gen_target_by_name(h, e, props, in_room, args) &&
             (is_short || !gen_names_another(h, d->text.s, e, s.name));
        break;
    case GEN_BY_AREA:
    case GEN_BY_FLOOR:
        if (en->with_name) {
            ok = gen_target_by_name(h, e, props, 0, args) && set_string(args, props, "area", area);
            ok = ok && !gen_names_another(h, d->text.s, e, s.name);
        } else if (!en->domain || !strcmp(en->tool, "HassVacuumCleanArea")) {
            ok = set_string(args, props, "area", area) && !gen_home_mentions(h, d->text.s, -1);
        } else {
            ok = gen_target_by_place(en, h, props, area, floor, args) &&
                 !gen_home_mentions(h, d->text.s, -1);
        }
        break;
    case GEN_BY_HERE:
        if (en->with_name) {
            ok = here && *here && gen_target_by_name(h, e, props, 0, args) &&
                 set_string(args, props, "area", here) &&
                 !gen_names_another(h, d->text.s, e, s.name);
        } else {
            ok = target_here(en, h, props, here, args, &empty) &&
                 !gen_home_mentions(h, d->text.s, -1);
            d->is_unsaid |= !en->here_adds_nothing;
        }
        break;
    default:
        ok =
            gen_target_by_place(en, h, props, "", "", args) && !gen_home_mentions(h, d->text.s, -1);
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
