/* generate_function.c - cases over the teacher's functions.
 *
 * A group has a pool of function tools from a few categories, each in one variant, so that the
 * catalogues of its cases share blocks and hold near misses: functions of the same category. */
#include <ctype.h>
#include <string.h>

#include "generate_internal.h"

#define POOL_CATEGORIES_MIN 3
#define POOL_CATEGORIES_MAX 5

/* All categories in random order, of the first POOL_CATEGORIES_MAX a share that is composed. One with
 * a weight has as many lots in the draw and stands where the first of them falls. */
static void pick_categories(struct gen_rng *r, const struct gen_teacher *t, double composed,
                            int *out)
{
    int lots[GEN_CATEGORIES_MAX * GEN_WEIGHT_MAX], n_lots = 0;
    int told[GEN_CATEGORIES_MAX], made[GEN_CATEGORIES_MAX], n_told = 0, n_made = 0, n = 0;
    char is_drawn[GEN_CATEGORIES_MAX] = {0};
    for (int i = 0; i < t->n_cat; i++) {
        if (t->cat[i].is_composed) made[n_made++] = i;
        for (int k = 0; k < t->cat[i].weight && !t->cat[i].is_composed; k++) lots[n_lots++] = i;
    }
    gen_shuffle_ints(r, lots, n_lots);
    gen_shuffle_ints(r, made, n_made);
    for (int i = 0; i < n_lots; i++) {
        if (!is_drawn[lots[i]]) told[n_told++] = lots[i];
        is_drawn[lots[i]] = 1;
    }
    for (int a = 0, b = 0; n < t->n_cat; n++)
        out[n] = a == n_told || (b < n_made && gen_chance(r, composed)) ? made[b++] : told[a++];
}

int gen_function_pool(struct gen_group *gg)
{
    const struct gen_teacher *t = &gg->g->teacher;
    struct gen_rng *r = &gg->r;
    int cats[GEN_CATEGORIES_MAX], fns[64];
    pick_categories(r, t, gg->g->mix.composed, cats);
    int n_cats =
        POOL_CATEGORIES_MIN + (int)gen_below(r, POOL_CATEGORIES_MAX - POOL_CATEGORIES_MIN + 1);
    if (n_cats > t->n_cat) n_cats = t->n_cat;
    int want = gg->g->mix.pool;
    for (int i = 0; i < n_cats; i++) {
        const struct gen_category *c = &t->cat[cats[i]];
        int n = c->n < 64 ? c->n : 64, take = (want - gg->n_pool) / (n_cats - i);
        for (int k = 0; k < n; k++) fns[k] = c->first + k;
        gen_shuffle_ints(r, fns, n);
        for (int k = 0; k < n && k < take && gg->n_pool < GEN_POOL_MAX; k++) {
            const struct gen_function *f = &t->fn[fns[k]];
            size_t n_schemas = json_array_size(f->schemas);
            size_t pick = gen_below(r, n_schemas);
            json_t *schema = json_array_get(f->schemas, pick);
            const char *texts[3];
            int n_texts = 0;
            for (size_t m = 0; m < n_schemas; m++) {
                const char *s = json_string_value(
                    json_object_get(json_array_get(f->schemas, m), "description"));
                if (s && *s) texts[n_texts++] = s;
            }
            enum gen_style style = gg->g->plain
                                       ? GEN_STYLE_ORIGINAL
                                       : (enum gen_style)gen_weighted(r, gg->g->mix.fn_style, 4);
            struct gen_variant *v = &gg->pool[gg->n_pool];
            if (!gen_variant_make(r, style, schema, texts, n_texts, f->coded[pick], 0, v)) return 0;
            if (style == GEN_STYLE_ORIGINAL) { /* the map is no part of a tool */
                json_t *clean = json_copy(v->tool);
                json_object_del(clean, "map");
                json_decref(v->tool);
                v->tool = clean;
            }
            v->function = fns[k];
            v->schema = schema;
            gg->n_pool++;
        }
    }
    return 1;
}

/* Canonical arguments as the schema's. 0 when the pairing is to be skipped: an argument that the
 * schema has no parameter for, or a value that it refuses; *lacks counts unfilled required ones. */
static json_t *map_arguments(const struct gen_variant *v, const json_t *canonical, int *lacks)
{
    const json_t *map = json_object_get(v->schema, "map");
    const json_t *schema = json_object_get(v->schema, "parameters");
    const json_t *props = json_object_get(schema, "properties");
    json_t *out = json_object(), *value, *one;
    const char *key;
    void *it = json_object_iter((json_t *)(uintptr_t)canonical);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)canonical, it)) {
        key = json_object_iter_key(it);
        value = json_object_iter_value(it);
        const char *p = json_string_value(json_object_get(map, key));
        const json_t *prop = p ? json_object_get(props, p) : NULL;
        if (!prop || !san_schema_allows(prop, value)) {
            json_decref(out);
            return NULL;
        }
        json_object_set(out, p, value);
    }
    size_t i;
    *lacks = 0;
    json_array_foreach(json_object_get(schema, "required"), i, one) *lacks +=
        !json_object_get(out, json_string_value(one));
    return out;
}

/* Whether each free string can be had from the words: a literal span, a clock time or digits. A few
 * pairings pass a code ("GBP" for "quid") where the schema lists none; nobody could know it. */
static int strings_are_said(const struct gen_variant *v, const json_t *args, const char *text)
{
    const json_t *props = json_object_get(json_object_get(v->schema, "parameters"), "properties");
    void *it = json_object_iter((json_t *)(uintptr_t)args);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)args, it)) {
        const char *s = json_string_value(json_object_iter_value(it));
        const json_t *prop = json_object_get(props, json_object_iter_key(it));
        if (!s || json_object_get(prop, "enum") || gen_find_words(text, s)) continue;
        if (s[strspn(s, "0123456789:")]) return 0;
    }
    return 1;
}

/* A phrase without its last slot: "navigate to {place}" -> "navigate". 1 if it can be cut. */
static int cut_last_slot(const char *phrase, char *out, size_t cap, char *canonical, size_t cap2)
{
    static const char *const little[] = {"to",   "on", "at",     "for", "by",   "in",
                                         "with", "of", "from",   "the", "a",    "an",
                                         "my",   "as", "called", "is",  "about"};
    const char *open = strchr(phrase, '{');
    size_t len = strlen(phrase);
    if (!open || strchr(open + 1, '{') || phrase[len - 1] != '}' || len >= cap) return 0;
    const char *name = strchr(open, ':') ? strchr(open, ':') + 1 : open + 1;
    size_t n = strcspn(name, "}");
    if (n >= cap2) return 0;
    memcpy(canonical, name, n);
    canonical[n] = 0;
    len = (size_t)(open - phrase);
    memcpy(out, phrase, len);
    for (;;) {
        while (len && strchr(" ,", out[len - 1])) len--;
        out[len] = 0;
        const char *last = strrchr(out, ' ');
        last = last ? last + 1 : out;
        size_t i = 0;
        while (i < sizeof little / sizeof *little && strcmp(last, little[i])) i++;
        if (i == sizeof little / sizeof *little) return len > 2;
        len = (size_t)(last - out);
        if (!len) return 0;
    }
}

/* A request that leaves out what the schema requires: nothing can be called. */
static int call_without_value(struct gen_group *gg, struct gen_draft *d, int pool_index)
{
    const struct gen_variant *v = &gg->pool[pool_index];
    const struct gen_function *f = &gg->g->teacher.fn[v->function];
    const json_t *required = json_object_get(json_object_get(v->schema, "parameters"), "required");
    for (int tries = 0; tries < 12; tries++) {
        const char *phrase = json_string_value(
            json_array_get(f->utterances, gen_below(&gg->r, json_array_size(f->utterances))));
        char cut[200], canonical[64];
        if (!phrase || !cut_last_slot(phrase, cut, sizeof cut, canonical, sizeof canonical))
            continue;
        const char *p =
            json_string_value(json_object_get(json_object_get(v->schema, "map"), canonical));
        size_t i = 0;
        while (p && i < json_array_size(required) &&
               strcmp(json_string_value(json_array_get(required, i)), p))
            i++;
        if (!p || i == json_array_size(required)) continue;
        gen_text_clear(&d->text);
        gen_text_adds(&d->text, cut);
        return 1;
    }
    return 0;
}

int gen_function_call(struct gen_group *gg, struct gen_draft *d, int pool_index)
{
    struct gen_rng *r = &gg->r;
    const struct gen_variant *v = &gg->pool[pool_index];
    const struct gen_function *f = &gg->g->teacher.fn[v->function];
    const json_t *slots = gg->g->teacher.cat[f->category].slots;
    for (int tries = 0; tries < 8; tries++) {
        const json_t *u =
            json_array_get(f->utterances, gen_below(r, json_array_size(f->utterances)));
        const char *phrase =
            json_is_string(u) ? json_string_value(u) : json_string_value(json_object_get(u, "u"));
        if (!phrase) continue;
        json_t *constants = json_object_get(u, "args");
        json_t *canonical = constants ? json_copy(constants) : json_object();
        int lacks = 0;
        gen_text_clear(&d->text);
        json_t *args = gen_fill(r, &gg->g->values, slots, phrase, NULL, NULL, canonical, &d->text)
                           ? map_arguments(v, canonical, &lacks)
                           : NULL;
        json_decref(canonical);
        if (args && !lacks && d->text.n && strings_are_said(v, args, d->text.s)) {
            d->calls[0].v = v;
            d->calls[0].args = args;
            d->n_calls = 1;
            return 1;
        }
        json_decref(args);
    }
    return 0;
}

/* Phrases such as "too bright" or "open it" are clear only where their own function is the single
 * one that fits: few words, nothing filled in, or a pronoun for the thing. */
static int is_elliptical(const char *text, const struct gen_draft *d)
{
    int words = 1;
    for (const char *p = text; *p; p++) words += *p == ' ';
    if (words <= 3 && !json_object_size(d->calls[0].args)) return 1;
    if (words > 7) return 0;
    return gen_find_words(text, "it") || gen_find_words(text, "that") ||
           gen_find_words(text, "them") || gen_find_words(text, "this") ||
           gen_find_words(text, "one") || gen_find_words(text, "more") || words <= 2;
}

/* Categories whose elliptical phrases sound alike: things that are switched, turned and opened. */
static int is_device_category(const struct gen_teacher *t, int f)
{
    static const char *const names[] = {"lighting",
                                        "climate",
                                        "openings_security",
                                        "appliances",
                                        "media",
                                        "car_cabin",
                                        "car_drive",
                                        "device_settings",
                                        "timers_alarms",
                                        "phone_messaging",
                                        "navigation",
                                        "assistant_meta",
                                        "audio_books_radio",
                                        "alarms_datetime",
                                        "garden_energy_pets",
                                        "studio_printers_robots",
                                        "assistant_house",
                                        "assistant_sound",
                                        "assistant_agenda"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(t->cat[t->fn[f].category].name, names[i])) return 1;
    return 0;
}

/* Fill the catalogue from the pool: none of `out_of` (pool indices), nothing that clashes with
 * them or with the calls, and only `category` unless that is -1. */
static void pool_catalogue(struct gen_group *gg, struct gen_draft *d, const int *out_of, int n_out,
                           int category, int elliptical, int no_knowing, int at_least)
{
    const struct gen_teacher *t = &gg->g->teacher;
    int order[GEN_POOL_MAX], size = gen_catalogue_size(&gg->r, 40);
    if (size < at_least) size = at_least;
    if (size < d->n_calls) size = d->n_calls;
    for (int i = 0; i < d->n_calls; i++) gen_draft_show(d, d->calls[i].v);
    for (int i = 0; i < gg->n_pool; i++) order[i] = i;
    gen_shuffle_ints(&gg->r, order, gg->n_pool);
    for (int near = 1; near >= 0; near--) { /* near misses of the same category come first */
        for (int i = 0; i < gg->n_pool && d->n_cat < size; i++) {
            const struct gen_variant *v = &gg->pool[order[i]];
            int out = 0, same = 0;
            for (int k = 0; k < n_out; k++) {
                const struct gen_variant *o = &gg->pool[out_of[k]];
                out |= v == o || gen_functions_clash(t, v->function, o->function);
                same |= t->fn[v->function].category == t->fn[o->function].category;
                out |= elliptical && t->fn[v->function].category != t->fn[o->function].category &&
                       is_device_category(t, v->function) && is_device_category(t, o->function);
            }
            for (int k = 0; k < d->n_calls; k++) {
                const struct gen_variant *o = d->calls[k].v;
                out |= v == o || gen_functions_clash(t, v->function, o->function);
                same |= t->fn[v->function].category == t->fn[o->function].category;
                out |= elliptical && t->fn[v->function].category != t->fn[o->function].category &&
                       is_device_category(t, v->function) && is_device_category(t, o->function);
            }
            out |= category >= 0 && t->fn[v->function].category != category;
            out |= no_knowing && t->fn[v->function].knows;
            if (out || (near && !same) || (near && d->n_cat >= (size + 1) / 2 + 1)) continue;
            gen_draft_show(d, v);
        }
    }
}

/* A call that can stand beside others in one sentence. */
static int joinable_call(struct gen_group *gg, struct gen_draft *d, int pool_index)
{
    static const char *const questions[] = {
        "what",  "what's", "whats", "how",  "how's", "is",  "are", "when", "where", "who",
        "which", "why",    "did",   "does", "am",    "any", "do",  "will", "can"};
    if (!gen_function_call(gg, d, pool_index)) return 0;
    const char *s = d->text.s;
    if (d->text.n > 70 || strchr(s, '?') || strchr(s, ',') || is_elliptical(s, d)) return 0;
    size_t first = strcspn(s, " ");
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        if (strlen(questions[i]) == first && !strncmp(s, questions[i], first)) return 0;
    if (gen_find_words(s, "and") || gen_find_words(s, "then")) return 0;
    const char *key;
    json_t *v;
    json_object_foreach(d->calls[0].args, key, v)
    {
        const char *span = json_string_value(v);
        size_t n = span ? strlen(span) : 0; /* a long span at the end would swallow what follows */
        if (n > 16 && n <= d->text.n && !strcmp(s + d->text.n - n, span)) return 0;
    }
    return 1;
}

static int joined(struct gen_group *gg, struct gen_draft *d, int n)
{
    struct gen_draft parts[3];
    int picked[3], ok = 0;
    memset(parts, 0, sizeof parts);
    for (int i = 0; i < n; i++) {
        ok = 0;
        for (int tries = 0; tries < 12 && !ok; tries++) {
            picked[i] = (int)gen_below(&gg->r, (size_t)gg->n_pool);
            int twice = 0;
            for (int k = 0; k < i; k++) twice |= picked[k] == picked[i];
            gen_draft_clear(&parts[i]);
            ok = !twice && joinable_call(gg, &parts[i], picked[i]);
        }
        if (!ok) break;
    }
    ok = ok && gen_join(&gg->r, d, parts, n);
    for (int i = 0; i < n; i++) gen_draft_clear(&parts[i]);
    if (!ok) return 0;
    if (n > 2) { /* three commands are handed on; their tools are all there */
        for (int i = 0; i < d->n_calls; i++) {
            gen_draft_show(d, d->calls[i].v);
            json_decref(d->calls[i].args);
        }
        d->n_calls = 0;
    }
    pool_catalogue(gg, d, NULL, 0, -1, 0, 0, 2);
    return 1;
}

/* Functions whose requests may carry a condition without their own parameters meaning it. */
static int takes_condition(const struct gen_teacher *t, int f)
{
    static const char *const names[] = {"lighting",   "climate",        "openings_security",
                                        "appliances", "media",          "car_cabin",
                                        "car_drive",  "device_settings"};
    const char *id = t->fn[f].id;
    if (strstr(id, "schedule") || strstr(id, "delay") || strstr(id, "vacation") ||
        strstr(id, "motion") || strstr(id, "irrigation") || strstr(id, "status"))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(t->cat[t->fn[f].category].name, names[i])) return 1;
    return 0;
}

/* Now and then a home stands beside functions that have nothing to do with it. */
static void maybe_home(struct gen_group *gg, struct gen_draft *d, int f)
{
    const struct gen_home *h = gg->random.json ? &gg->random : &gg->filed;
    if (!h->json || !gg->g->teacher.fn[f].is_remote || !gen_chance(&gg->r, 0.12)) return;
    for (int i = 0; i < d->n_cat; i++)
        if (d->cat[i]->function >= 0 && !gg->g->teacher.fn[d->cat[i]->function].is_remote) return;
    d->home =
        gen_home_view(h, h->n_area ? h->area[gen_below(&gg->r, (size_t)h->n_area)].name : NULL);
    int n = 1 + (int)gen_below(&gg->r, 16);
    for (int i = 0; i < n; i++) {
        int k = (int)gen_below(&gg->r, (size_t)gg->g->n_home_tools);
        const char *name = json_string_value(json_object_get(gg->g->home_tool[k], "name"));
        int overlaps = strstr(name, "List") || strstr(name, "Weather") || strstr(name, "Timer");
        if (!overlaps && gen_home_offers(gg->g, h, name))
            gen_draft_show(d, gen_home_tool(gg, name));
    }
}

static void forget_calls(struct gen_draft *d)
{
    for (int i = 0; i < d->n_calls; i++) json_decref(d->calls[i].args);
    d->n_calls = 0;
}

int gen_function_draft(struct gen_group *gg, struct gen_draft *d)
{
    static const char *const kinds[GEN_FN_FAMILIES] = {
        "function",          "function-two",     "function-absent",    "function-nothing",
        "function-escalate", "function-missing", "function-condition", "function-three"};
    const struct gen_teacher *t = &gg->g->teacher;
    struct gen_rng *r = &gg->r;
    if (!gg->n_pool) return 0;
    enum gen_fn_family family =
        (enum gen_fn_family)gen_weighted(r, gg->g->mix.fn_family, GEN_FN_FAMILIES);
    int at = (int)gen_below(r, (size_t)gg->n_pool), f = gg->pool[at].function;
    int category = t->fn[f].category;
    d->source = "teacher-functions";
    d->kind = kinds[family];
    switch (family) {
    case GEN_FN_CALL: {
        if (!gen_function_call(gg, d, at)) return 0;
        pool_catalogue(gg, d, NULL, 0, -1, is_elliptical(d->text.s, d), 0, 1);
        maybe_home(gg, d, f);
        return 1;
    }
    case GEN_FN_TWO:
        return joined(gg, d, 2);
    case GEN_FN_THREE:
        return joined(gg, d, 3);
    case GEN_FN_ABSENT:
        if (!gen_function_call(gg, d, at)) return 0;
        forget_calls(d);
        pool_catalogue(gg, d, &at, 1, -1, 1, 0, 2);
        return d->n_cat > 0;
    case GEN_FN_MISSING:
        if (!call_without_value(gg, d, at)) return 0;
        gen_draft_show(d, &gg->pool[at]);
        pool_catalogue(gg, d, &at, 1, -1, 1, 0, 1);
        return 1;
    case GEN_FN_CONDITION: {
        if (!takes_condition(t, f) || !gen_function_call(gg, d, at) || d->text.n > 100) return 0;
        const char *key;
        json_t *v;
        json_object_foreach(d->calls[0].args, key, v) /* a literal span could swallow it */
            if (json_is_string(v) && strlen(json_string_value(v)) > 20) return 0;
        gen_draft_show(d, d->calls[0].v);
        forget_calls(d);
        gen_add_condition(r, &d->text, 0);
        pool_catalogue(gg, d, &at, 1, -1, 1, 0, 1);
        return !d->text.over;
    }
    case GEN_FN_NOTHING: {
        const json_t *list = t->cat[category].nothing;
        if (!json_array_size(list)) return 0;
        gen_text_adds(&d->text,
                      json_string_value(json_array_get(list, gen_below(r, json_array_size(list)))));
        pool_catalogue(gg, d, NULL, 0, category, 0, 1, 1);
        return d->n_cat > 0;
    }
    case GEN_FN_ESCALATE: {
        size_t n = json_array_size(t->escalate);
        if (!n) return 0;
        gen_text_adds(&d->text, json_string_value(json_array_get(t->escalate, gen_below(r, n))));
        pool_catalogue(gg, d, NULL, 0, -1, 0, 1, 1);
        return d->n_cat > 0;
    }
    default:
        return 0;
    }
}
