/* home_eval.c - homes grown large, and who is seen of them. */
#include "san/home_eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home_index.h"
#include "lt/clock.h"
#include "lt/fold.h"
#include "san/gold.h"

#define SAMPLES_MAX 4096

struct job {
    const struct san_pieces *v;
    json_t *pool; /* entities of all homes, of different names */
    struct san__home_pick pick;
    struct san_utterance u;
    double us[SAMPLES_MAX];
    int n_us;
    void (*on_miss)(const char *query, const char *missed);
    struct san_home_score *out;
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* Every entity of every case once, by name. */
static enum lt_err make_pool(struct job *j, const struct san_cases *cases)
{
    json_t *known = json_object();
    j->pool = json_array();
    for (size_t i = 0; i < cases->n && known && j->pool; i++) {
        size_t k;
        json_t *e;
        json_array_foreach(json_object_get(json_object_get(cases->p[i], "home"), "entities"), k, e)
        {
            if (json_object_get(known, text_of(e, "name"))) continue;
            json_object_set_new(known, text_of(e, "name"), json_true());
            json_array_append(j->pool, e);
        }
    }
    json_decref(known);
    return known && j->pool ? LT_OK : LT_ERR_NOMEM;
}

static int is_own(const json_t *home, const char *name)
{
    size_t k;
    json_t *e, *alias;
    json_array_foreach(json_object_get(home, "entities"), k, e)
    {
        size_t a;
        if (lt_fold_same(text_of(e, "name"), name)) return 1;
        json_array_foreach(json_object_get(e, "aliases"), a,
                           alias) if (lt_fold_same(json_string_value(alias), name)) return 1;
    }
    return 0;
}

/* "name" or, from the second round on, "name 2". */
static json_t *numbered(const char *s, int round)
{
    char buf[512];
    if (!round) return json_string(s);
    snprintf(buf, sizeof buf, "%.480s %d", s, round + 1);
    return json_string(buf);
}

/* The home with its own entities and areas first. NULL when out of memory or of the pool. */
static json_t *grow(const struct job *j, const json_t *home, int n)
{
    json_t *big = json_deep_copy(home), *known = json_object();
    json_t *entities = json_object_get(big, "entities"), *areas = json_object_get(big, "areas");
    size_t k, n_pool = json_array_size(j->pool);
    json_t *a;
    if (!areas) json_object_set_new(big, "areas", areas = json_array());
    json_array_foreach(areas, k, a) json_object_set_new(
        known, json_is_string(a) ? json_string_value(a) : text_of(a, "name"), json_true());
    for (int i = 0; n_pool && (int)json_array_size(entities) < n && i < 8 * n; i++) {
        int round = i / (int)n_pool;
        const json_t *from = json_array_get(j->pool, (size_t)i % n_pool);
        if (!round && is_own(home, text_of(from, "name"))) continue;
        json_t *e = json_object();
        json_object_set_new(e, "name", numbered(text_of(from, "name"), round));
        if (json_object_get(from, "domain"))
            json_object_set(e, "domain", json_object_get(from, "domain"));
        if (json_object_get(from, "id")) json_object_set(e, "id", json_object_get(from, "id"));
        if (json_object_get(from, "device_class"))
            json_object_set(e, "device_class", json_object_get(from, "device_class"));
        if (*text_of(from, "area")) {
            json_t *area = numbered(text_of(from, "area"), round);
            if (!json_object_get(known, json_string_value(area))) {
                json_object_set_new(known, json_string_value(area), json_true());
                json_array_append_new(areas, json_pack("{s:O}", "name", area));
            }
            json_object_set_new(e, "area", area);
        }
        json_array_append_new(entities, e);
    }
    json_decref(known);
    return big;
}

static int has(const int *list, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (list[i] == x) return 1;
    return 0;
}

/* Did the speaker say a word of it, or stand there? Who else could be meant cannot be known in a grown
 * home: the engine asks back. */
static int is_named(const struct job *j, const struct san_home_plan *h, int item, int area)
{
    if (area >= 0 && area == h->here) return 1;
    const struct san_item *it = &h->items[item];
    for (int k = it->phrase; k < it->phrase + it->n_phrase; k++)
        for (int i = 0; i < h->phrases[k].n; i++)
            for (int u = 0; u < j->u.n_words; u++)
                if (j->u.words[u].hash == h->words[h->phrases[k].first + i]) return 1;
    return 0;
}

static int has_word(const struct san_home_plan *h, int item, uint32_t hash)
{
    const struct san_item *it = &h->items[item];
    for (int k = it->phrase; k < it->phrase + it->n_phrase; k++)
        for (int i = 0; i < h->phrases[k].n; i++)
            if (h->words[h->phrases[k].first + i] == hash) return 1;
    return 0;
}

/* Does the word stand in the device's own names, its area's or its floor's? */
static int bears(const struct san_home_plan *h, const struct san_entity *e, uint32_t hash)
{
    if (has_word(h, e->item, hash)) return 1;
    if (e->area < 0) return 0;
    int floor = h->areas[e->area].floor;
    return has_word(h, h->areas[e->area].item, hash) ||
           (floor >= 0 && has_word(h, h->floors[floor].item, hash));
}

static int is_said(const struct job *j, uint32_t hash)
{
    for (int u = 0; u < j->u.n_words; u++)
        if (j->u.words[u].kind != SAN_WORD_PUNCT && j->u.words[u].hash == hash) return 1;
    return 0;
}

/* Were all words of one of its names said? */
static int is_said_whole(const struct job *j, const struct san_home_plan *h, int item)
{
    const struct san_item *it = &h->items[item];
    for (int k = it->phrase; k < it->phrase + it->n_phrase; k++) {
        int i = 0;
        while (i < h->phrases[k].n && is_said(j, h->words[h->phrases[k].first + i])) i++;
        if (i == h->phrases[k].n) return 1;
    }
    return 0;
}

/* Could so many others be meant that nobody could tell? See the header. */
static int is_ambiguous(const struct job *j, const struct san_home_plan *h, int ref)
{
    const struct san_entity *e = &h->entities[ref];
    uint32_t said[SAN_WORDS_MAX];
    int n_said = 0, n_others = 0;
    int is_here = e->area >= 0 && e->area == h->here, is_whole = is_said_whole(j, h, e->item);
    for (int u = 0; u < j->u.n_words; u++)
        if (j->u.words[u].kind != SAN_WORD_PUNCT && bears(h, e, j->u.words[u].hash))
            said[n_said++] = j->u.words[u].hash;
    for (int i = 0; i < h->n_entities && n_others < SAN_SHOW_ENTITIES; i++) {
        const struct san_entity *x = &h->entities[i];
        int k = 0;
        if (i == ref || (is_here && x->area != h->here)) continue;
        while (k < n_said && bears(h, x, said[k])) k++;
        n_others += k == n_said && (!is_whole || is_said_whole(j, h, x->item));
    }
    return n_others == SAN_SHOW_ENTITIES;
}

static void see(struct job *j, const char *query, const struct san_home_plan *h, int is_area,
                int ref)
{
    const struct san_shown *s = &j->pick.shown;
    if (!is_named(j, h, is_area ? h->areas[ref].item : h->entities[ref].item,
                  is_area ? ref : h->entities[ref].area)) {
        j->out->n_unnamed++;
        return;
    }
    int is_shown = is_area ? has(s->areas, s->n_areas, ref) : has(s->entities, s->n_entities, ref);
    if (!is_area && is_ambiguous(j, h, ref)) {
        j->out->n_ambiguous++;
        j->out->ambiguous += is_shown;
        return;
    }
    *(is_area ? &j->out->n_areas : &j->out->n_entities) += 1;
    *(is_area ? &j->out->areas : &j->out->entities) += is_shown;
    if (!is_shown && j->on_miss)
        j->on_miss(query, is_area ? h->areas[ref].name : h->entities[ref].name);
}

static void see_call(struct job *j, const char *query, const struct san_home_plan *h,
                     const struct san_call_plan *c)
{
    if (c->target == SAN_TARGET_ENTITY) see(j, query, h, 0, c->target_ref);
    if (c->target == SAN_TARGET_AREA) see(j, query, h, 1, c->target_ref);
    for (int i = 0; i < c->n_args; i++)
        for (int k = 0; k < c->args[i].n_values; k++) {
            const struct san_value *x = &c->args[i].values[k];
            if (x->kind == SAN_VALUE_ENTITY) see(j, query, h, 0, x->a);
            if (x->kind == SAN_VALUE_AREA) see(j, query, h, 1, x->a);
        }
}

static enum lt_err one_case(struct job *j, const json_t *c, int n_entities, struct lt_diag *diag)
{
    const char *query = text_of(c, "query");
    json_t *home = json_object_get(c, "home");
    json_t *big = NULL,
           *root = json_pack("{s:O, s:O}", "tools", json_object_get(c, "tools"), "home", home);
    struct san_plan small = {0};
    struct san_home_plan *large = NULL;
    struct san__home_index *x = NULL;
    struct san_gold gold;
    enum lt_err err = root ? san_plan_init(&small, j->v, root, diag) : LT_ERR_NOMEM;
    if (!err) err = san_utterance_set(&j->u, j->v, &small, query, NULL, diag);
    if (!err && !san_gold_init(&gold, &small, &j->u, json_object_get(c, "answers")) &&
        gold.n_calls) {
        big = grow(j, home, n_entities);
        err = big ? san_home_plan_new(j->v, big, &large, diag) : LT_ERR_NOMEM;
        if (!err) err = san__home_index_new(large, &x);
        if (!err) {
            lt_us t0 = lt_now_us();
            err = san__home_pick(x, query, j->u.words, j->u.n_words, large->here, &j->pick);
            if (j->n_us < SAMPLES_MAX) j->us[j->n_us++] = (double)(lt_now_us() - t0);
        }
        for (int i = 0; i < gold.n_calls && !err; i++) see_call(j, query, large, &gold.calls[i]);
        if (!err) {
            j->out->n_cases++;
            j->out->n_in_home = large->n_entities;
        }
    }
    san__home_index_free(x);
    san_home_plan_unref(large);
    san_plan_fini(&small);
    json_decref(root);
    json_decref(big);
    return err;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum lt_err san_home_eval(const struct san_pieces *v, const struct san_cases *cases, int n_entities,
                          void (*on_miss)(const char *query, const char *missed),
                          struct san_home_score *out, struct lt_diag *diag)
{
    struct job *j = calloc(1, sizeof *j);
    *out = (struct san_home_score){0};
    if (!j) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    j->v = v;
    j->on_miss = on_miss;
    j->out = out;
    san_utterance_init(&j->u);
    enum lt_err err = make_pool(j, cases);
    for (size_t i = 0; i < cases->n && !err; i++)
        if (json_array_size(json_object_get(json_object_get(cases->p[i], "home"), "entities")))
            err = one_case(j, cases->p[i], n_entities, diag);
    if (!err && !out->n_cases)
        err = lt_fail(diag, LT_ERR_INVALID, "no line has a home and an answer about it");
    if (out->n_entities) out->entities /= out->n_entities;
    if (out->n_ambiguous) out->ambiguous /= out->n_ambiguous;
    if (out->n_areas) out->areas /= out->n_areas;
    if (j->n_us) {
        qsort(j->us, (size_t)j->n_us, sizeof *j->us, by_value);
        out->us = j->us[j->n_us / 2];
    }
    json_decref(j->pool);
    san__home_pick_free(&j->pick);
    san_utterance_fini(&j->u);
    free(j);
    return err;
}
