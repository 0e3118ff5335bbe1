/* gold.c - expected answers resolved against a plan, and the right way at each decision. */
#include "san/gold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "walk_unsaid.h"

static const char *const reason_texts[] = {"can be expressed",
#define GOLD_TEXT(name, text) text,
                                           SAN_GOLD_REASONS(GOLD_TEXT)
#undef GOLD_TEXT
};

const char *san_gold_reason_text(enum san_gold_reason r)
{
    return reason_texts[r];
}

static int has_name(const struct san_entity *e, const char *name)
{
    int found = !strcasecmp(e->name, name) || !strcmp(e->id, name);
    for (int i = 0; i < e->n_alias && !found; i++) found = !strcasecmp(e->alias[i], name);
    return found;
}

static int is_listed(char *const *list, int n, const char *s)
{
    if (!n) return 1;
    for (int i = 0; i < n; i++)
        if (s && !strcmp(list[i], s)) return 1;
    return 0;
}

struct filters {
    const char *domain, *cls, *area, *floor;
};

static int find_param(const struct san_tool_plan *t, const char *path)
{
    for (int i = 0; i < t->n_params; i++)
        if (!strcmp(t->params[i].path, path)) return i;
    return -1;
}

/* The one entity of that name that tool and filters leave; -1 none, -2 several. */
static int resolve_entity(const struct san_home_plan *h, const struct san_param *p,
                          const char *name, const struct filters *f)
{
    int found = -1;
    for (int pass = 0; pass < 2; pass++) { /* canonical names first, then aliases */
        for (int i = 0; i < h->n_entities; i++) {
            const struct san_entity *e = &h->entities[i];
            int named = pass == 0 ? !strcasecmp(e->name, name) : has_name(e, name);
            const struct san_area *a = e->area >= 0 ? &h->areas[e->area] : NULL;
            const char *floor = a && a->floor >= 0 ? h->floors[a->floor].name : NULL;
            if (!named || !is_listed(p->filter, p->n_filter, e->domain) ||
                !is_listed(p->filter_class, p->n_filter_class, e->device_class) ||
                (f->domain && strcmp(e->domain, f->domain)) ||
                (f->cls && (!e->device_class || strcmp(e->device_class, f->cls))) ||
                (f->area && (!a || strcasecmp(a->name, f->area))) ||
                (f->floor && (!floor || strcasecmp(floor, f->floor))))
                continue;
            if (found >= 0 && found != i) return -2;
            found = i;
        }
        if (found >= 0) return found;
    }
    return found;
}

static int find_floor(const struct san_home_plan *h, const char *name)
{
    for (int i = 0; i < h->n_floors; i++)
        if (!strcasecmp(h->floors[i].name, name)) return i;
    return -1;
}

static int find_kind(const struct san_home_plan *h, const struct san_param *p, const char *name)
{
    for (int i = 0; i < h->n_kinds; i++)
        if (h->kinds[i].is_class == p->kind_is_class && !strcmp(h->kinds[i].name, name)) return i;
    return -1;
}

static int same_json(const char *listed, const json_t *value)
{
    json_t *x = json_loads(listed, JSON_DECODE_ANY, NULL);
    int same = json_is_string(x) && json_is_string(value)
                   ? !strcasecmp(json_string_value(x), json_string_value(value))
               : json_is_number(x) && json_is_number(value)
                   ? json_number_value(x) == json_number_value(value)
               : json_is_number(x) && json_is_string(value)
                   ? !strcmp(listed, json_string_value(value))
                   : json_equal(x, value);
    json_decref(x);
    return same;
}

/* Words a..b of the utterance that spell `s` (folded), beginning at or after word `from`. */
static int find_span(const struct san_utterance *u, const char *s, int from, int *b)
{
    char want[1024], have[1024];
    size_t n = strlen(s);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    while (n && *s == ' ') s++, n--;
    if (!n || n >= sizeof want) return -1;
    san_fold(s, n, want);
    for (int i = from; i < u->n_words; i++) {
        if (u->word_first[i] < 0) continue;
        for (int k = i; k < u->n_words && k < i + SAN_SPAN_MAX_WORDS; k++) {
            size_t len = (size_t)(u->words[k].end - u->words[i].begin);
            if (len > n) break;
            if (len < n || u->word_last[k] < 0) continue;
            san_fold(u->text + u->words[i].begin, len, have);
            if (!strcmp(want, have)) {
                *b = k;
                return i;
            }
        }
    }
    return -1;
}

static int can_be_spelled(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < SAN_SPELL_MAX && strspn(s, SAN_SPELL_ALPHABET) == n;
}

static enum san_gold_reason resolve_value(const struct san_plan *plan,
                                          const struct san_utterance *u, const struct san_param *p,
                                          const json_t *value, struct san_value *out)
{
    const struct san_home_plan *h = plan->home;
    const char *s = json_string_value(value);
    *out = (struct san_value){.a = -1};
    for (int i = 0; i < p->n_value; i++)
        if (same_json(p->value_json[i], value)) {
            out->kind = SAN_VALUE_LISTED;
            out->a = i;
            return SAN_GOLD_OK;
        }
    switch (p->kind) {
    case SAN_PARAM_BOOLEAN:
        if (!json_is_boolean(value)) return SAN_GOLD_NO_VALUE;
        out->kind = SAN_VALUE_BOOLEAN;
        out->a = json_is_true(value);
        return SAN_GOLD_OK;
    case SAN_PARAM_INTEGER:
    case SAN_PARAM_NUMBER: {
        char *end = NULL;
        out->kind = SAN_VALUE_NUMBER;
        out->number = json_is_number(value) ? json_number_value(value) : s ? strtod(s, &end) : NAN;
        if ((s && *end) || isnan(out->number) || out->number < p->min || out->number > p->max ||
            (p->kind == SAN_PARAM_INTEGER && out->number != floor(out->number)))
            return SAN_GOLD_NO_VALUE;
        snprintf(out->text, sizeof out->text, "%.10g", out->number);
        return can_be_spelled(out->text) ? SAN_GOLD_OK : SAN_GOLD_NO_VALUE;
    }
    case SAN_PARAM_ENTITY: {
        struct filters none = {0};
        out->kind = SAN_VALUE_ENTITY;
        out->a = h && s ? resolve_entity(h, p, s, &none) : -1;
        return out->a == -1 ? SAN_GOLD_NO_ENTITY : out->a < 0 ? SAN_GOLD_AMBIGUOUS : SAN_GOLD_OK;
    }
    case SAN_PARAM_AREA:
        out->kind = SAN_VALUE_AREA;
        out->a = h && s ? san_home_area(h, s) : -1;
        return out->a < 0 ? SAN_GOLD_NO_PLACE : SAN_GOLD_OK;
    case SAN_PARAM_FLOOR:
        out->kind = SAN_VALUE_FLOOR;
        out->a = h && s ? find_floor(h, s) : -1;
        return out->a < 0 ? SAN_GOLD_NO_PLACE : SAN_GOLD_OK;
    case SAN_PARAM_KIND:
        out->kind = SAN_VALUE_KIND;
        out->a = h && s ? find_kind(h, p, s) : -1;
        return out->a < 0 ? SAN_GOLD_NO_PLACE : SAN_GOLD_OK;
    case SAN_PARAM_ENUM:
        return SAN_GOLD_NO_VALUE;
    case SAN_PARAM_STRING:
        break;
    }
    char number[32];
    if (json_is_number(value)) {
        snprintf(number, sizeof number, "%.10g", json_number_value(value));
        s = number;
    }
    if (!s) return SAN_GOLD_NO_VALUE;
    out->kind = SAN_VALUE_SPAN;
    out->a = find_span(u, s, 0, &out->b);
    if (out->a >= 0) return SAN_GOLD_OK;
    if (!can_be_spelled(s)) return SAN_GOLD_NO_VALUE;
    out->kind = SAN_VALUE_SPELLED;
    memcpy(out->text, s, strlen(s) + 1); /* can_be_spelled has seen to the length */
    return SAN_GOLD_OK;
}

static const char *argument(const json_t *args, const struct san_tool_plan *t, int param)
{
    return param < 0 ? NULL : json_string_value(json_object_get(args, t->params[param].path));
}

static enum san_gold_reason resolve_target(const struct san_plan *plan,
                                           const struct san_tool_plan *t, const json_t *args,
                                           struct san_call_plan *c)
{
    const struct san_home_plan *h = plan->home;
    const char *name = argument(args, t, t->target_entity);
    const char *area = argument(args, t, t->target_area);
    const char *floor = argument(args, t, t->target_floor);
    c->target = SAN_TARGET_NONE;
    c->target_ref = -1;
    if (!h) return name || area || floor ? SAN_GOLD_NO_PLACE : SAN_GOLD_OK;
    if (name) {
        struct filters f = {.area = area, .floor = floor};
        for (int i = 0; i < t->n_params; i++)
            if (t->params[i].kind == SAN_PARAM_KIND)
                *(t->params[i].kind_is_class ? &f.cls : &f.domain) = argument(args, t, i);
        c->target = SAN_TARGET_ENTITY;
        c->target_ref = resolve_entity(h, &t->params[t->target_entity], name, &f);
        return c->target_ref == -1 ? SAN_GOLD_NO_ENTITY
               : c->target_ref < 0 ? SAN_GOLD_AMBIGUOUS
                                   : SAN_GOLD_OK;
    }
    if (area) {
        c->target = SAN_TARGET_AREA;
        c->target_ref = san_home_area(h, area);
    } else if (floor) {
        c->target = SAN_TARGET_FLOOR;
        c->target_ref = find_floor(h, floor);
    }
    return c->target != SAN_TARGET_NONE && c->target_ref < 0 ? SAN_GOLD_NO_PLACE : SAN_GOLD_OK;
}

/* Collect the leaves of `args` into c->args (unsorted). */
static enum san_gold_reason collect(const struct san_plan *plan, const struct san_utterance *u,
                                    const struct san_tool_plan *t, const json_t *args,
                                    const char *prefix, struct san_call_plan *c)
{
    void *it = json_object_iter((json_t *)(uintptr_t)args);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)args, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *value = json_object_iter_value(it);
        char path[1024];
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "\x1f" : "", key);
        enum san_gold_reason r = SAN_GOLD_OK;
        int i = find_param(t, path);
        if (i < 0 && json_is_object(value)) {
            r = collect(plan, u, t, value, path, c);
            if (r) return r;
            continue;
        }
        if (i < 0) return SAN_GOLD_NO_PARAM;
        const struct san_param *p = &t->params[i];
        if (json_is_null(value) || p->is_target || p->is_implied) continue;
        if (p->kind == SAN_PARAM_KIND && c->target == SAN_TARGET_ENTITY) continue;
        if (c->n_args == SAN_ARGS_MAX) return SAN_GOLD_NO_PARAM;
        struct san_arg *a = &c->args[c->n_args++];
        *a = (struct san_arg){.param = i};
        size_t n = json_is_array(value) ? json_array_size(value) : 1;
        if (n > SAN_LIST_MAX || (n > 1 && !p->is_list)) return SAN_GOLD_NO_VALUE;
        for (size_t k = 0; k < n && !r; k++)
            r = resolve_value(plan, u, p, json_is_array(value) ? json_array_get(value, k) : value,
                              &a->values[a->n_values++]);
        if (r) return r;
        if (!a->n_values) c->n_args--;
    }
    return SAN_GOLD_OK;
}

static int by_param(const void *a, const void *b)
{
    return ((const struct san_arg *)a)->param - ((const struct san_arg *)b)->param;
}

enum san_gold_reason san_gold_init(struct san_gold *g, const struct san_plan *plan,
                                   const struct san_utterance *u, const json_t *answers)
{
    g->n_calls = 0;
    size_t i;
    json_t *call;
    json_array_foreach(answers, i, call)
    {
        if (g->n_calls == SAN_CALLS_MAX) return SAN_GOLD_TOO_MANY_CALLS;
        const char *name = json_string_value(json_object_get(call, "name"));
        const json_t *args = json_object_get(call, "arguments");
        struct san_call_plan *c = &g->calls[g->n_calls];
        c->tool = -1;
        c->n_args = 0;
        for (int t = 0; t < plan->n_tools && name; t++)
            if (!strcmp(plan->tools[t]->name, name)) c->tool = t;
        if (c->tool < 0 || plan->tools[c->tool]->unusable_why) return SAN_GOLD_NO_TOOL;
        const struct san_tool_plan *tool = plan->tools[c->tool];
        enum san_gold_reason r = resolve_target(plan, tool, args, c);
        if (!r) r = collect(plan, u, tool, args, "", c);
        if (r) return r;
        qsort(c->args, (size_t)c->n_args, sizeof *c->args, by_param);
        g->n_calls++;
    }
    return SAN_GOLD_OK;
}

/* ---- nobody said where ---- */

static uint32_t hash_of(const char *word)
{
    struct san_word w[4];
    return san_words(word, strlen(word), w, 4) == 1 ? w[0].hash : 0;
}

/* Is a word of the area's name or of its aliases among the utterance's? "Room" and "the" tell
 * nothing. */
static int is_mentioned(const struct san_utterance *u, const struct san_home_plan *h, int area)
{
    const struct san_item *it = &h->items[h->areas[area].item];
    const uint32_t room = hash_of("room"), the = hash_of("the");
    for (int k = 0; k < it->n_phrase; k++) {
        const struct san_phrase *p = &h->phrases[it->phrase + k];
        for (int i = 0; i < p->n; i++) {
            uint32_t word = h->words[p->first + i];
            for (int j = 0; j < u->n_words && word != room && word != the; j++)
                if (u->words[j].hash == word) return 1;
        }
    }
    return 0;
}

/* Does the utterance name the speaker's room, or point at it? */
static int says_here(const struct san_utterance *u, const struct san_home_plan *h)
{
    static const char *const words[] = {"here", "this room", "my room"};
    int end, found = is_mentioned(u, h, u->here);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        found |= find_span(u, words[i], 0, &end) >= 0;
    return found;
}

/* Adds the kind that a speaker names when the entity is "the fan" or "the blinds": the class of a
 * cover, else the domain, where the tool asks for them. */
static void add_kind(const struct san_plan *plan, struct san_call_plan *c, int entity)
{
    const struct san_tool_plan *t = plan->tools[c->tool];
    const struct san_home_plan *h = plan->home;
    const struct san_entity *e = &h->entities[entity];
    int by_class = !strcmp(e->domain, "cover") && e->device_class, found = -1;
    for (int pass = by_class; pass >= 0 && found < 0; pass--)
        for (int i = 0; i < t->n_params && found < 0; i++)
            if (t->params[i].kind == SAN_PARAM_KIND && t->params[i].kind_is_class == pass)
                found = i;
    if (found < 0 || t->params[found].is_implied || c->n_args == SAN_ARGS_MAX) return;
    const struct san_param *p = &t->params[found];
    int kind = find_kind(h, p, p->kind_is_class ? e->device_class : e->domain);
    if (kind < 0) return;
    struct san_arg *a = &c->args[c->n_args++];
    *a = (struct san_arg){.param = found, .n_values = 1};
    a->values[0] = (struct san_value){.kind = SAN_VALUE_KIND, .a = kind};
    qsort(c->args, (size_t)c->n_args, sizeof *c->args, by_param);
}

/* Let the grammar count where the answer's place was nowhere said: only if it comes to the same.
 * `is_told`: the case says so itself. */
static void find_unsaid(const struct san_plan *plan, const struct san_utterance *u, int is_told,
                        struct san_call_plan *c)
{
    const struct san_tool_plan *t = plan->tools[c->tool];
    struct san_call_plan unsaid = *c, found;
    int is_clear;
    if (!plan->home || t->target_entity < 0) return;
    if (c->target == SAN_TARGET_AREA) {
        if (c->target_ref != u->here) return;
        if (!is_told && says_here(u, plan->home)) return;
    } else if (c->target != SAN_TARGET_ENTITY || !is_told) {
        return;
    }
    unsaid.target = SAN_TARGET_UNSAID;
    unsaid.target_ref = -1;
    if (c->target == SAN_TARGET_ENTITY) add_kind(plan, &unsaid, c->target_ref);
    found = unsaid;
    san__unsaid_resolve(plan, u->here, &found, &is_clear);
    if (is_clear && found.target == c->target && found.target_ref == c->target_ref) *c = unsaid;
}

enum san_gold_reason san_gold_init_case(struct san_gold *g, const struct san_pieces *v,
                                        const struct san_plan *plan, const struct san_utterance *u,
                                        const json_t *c)
{
    const json_t *answers = json_object_get(c, "answers"), *meant = json_object_get(c, "meant");
    const char *kind = json_string_value(json_object_get(c, "kind"));
    int is_told =
        json_is_true(json_object_get(c, "unsaid")) || (kind && !strncmp(kind, "generic-", 8));
    if (!v->has_unsaid || !json_array_size(meant)) {
        enum san_gold_reason r = san_gold_init(g, plan, u, answers);
        for (int i = 0; !r && v->has_unsaid && i < g->n_calls; i++)
            find_unsaid(plan, u, is_told, &g->calls[i]);
        return r;
    }
    enum san_gold_reason r = san_gold_init(g, plan, u, meant);
    for (int i = 0; !r && i < g->n_calls; i++) {
        struct san_call_plan found;
        int is_clear;
        if (g->calls[i].target != SAN_TARGET_NONE) return SAN_GOLD_NO_PLACE;
        g->calls[i].target = SAN_TARGET_UNSAID;
        found = g->calls[i];
        san__unsaid_resolve(plan, u->here, &found, &is_clear);
        if (is_clear) return SAN_GOLD_AMBIGUOUS; /* then it is not: the case is wrong */
    }
    return r;
}

/* The expected argument that the walk is filling, or NULL. */
static const struct san_arg *expected_arg(const struct san_call_plan *c, int param)
{
    for (int i = 0; i < c->n_args; i++)
        if (c->args[i].param == param) return &c->args[i];
    return NULL;
}

static int key_is_right(const struct san_call_plan *c, const struct san_walk *w,
                        const struct san_candidate *x)
{
    int next = -1; /* first expected parameter behind the last one given */
    for (int i = c->n_args - 1; i >= 0; i--)
        if (c->args[i].param > w->param) next = c->args[i].param;
    return x->from == SAN_FROM_VOCAB ? next < 0 : x->ref == next;
}

static int value_is_right(const struct san_value *v, const struct san_walk *w,
                          const struct san_candidate *x, int has_other)
{
    const struct san_utterance *u = w->u;
    if (x->from == SAN_FROM_VOCAB && x->id == w->v->spell) {
        if (v->kind == SAN_VALUE_SPELLED) return 1;
        if (v->kind != SAN_VALUE_NUMBER || has_other) return 0;
        return 1;
    }
    switch (v->kind) {
    case SAN_VALUE_LISTED:
        return x->from == SAN_FROM_TOOL && x->ref == v->a;
    case SAN_VALUE_BOOLEAN:
        return x->from == SAN_FROM_VOCAB && x->ref == v->a;
    case SAN_VALUE_NUMBER:
        return x->from == SAN_FROM_UTTERANCE && x->cls == SAN_CLASS_NUMBER &&
               u->mentions[x->ref].value == v->number;
    case SAN_VALUE_SPAN: {
        char want[1024], have[1024];
        size_t n = (size_t)(u->words[v->b].end - u->words[v->a].begin);
        if (x->from != SAN_FROM_UTTERANCE || x->cls != SAN_CLASS_WORD || n >= sizeof want) return 0;
        size_t at = (size_t)u->words[x->ref].begin;
        if (at + n > strlen(u->text)) return 0;
        int is_end = 0; /* the same text must end with a word there too */
        for (int k = x->ref; k < u->n_words; k++)
            is_end |= (size_t)u->words[k].end == at + n && u->word_last[k] >= 0;
        san_fold(u->text + u->words[v->a].begin, n, want);
        san_fold(u->text + at, n, have);
        return is_end && !strcmp(want, have);
    }
    case SAN_VALUE_ENTITY:
    case SAN_VALUE_AREA:
    case SAN_VALUE_FLOOR:
    case SAN_VALUE_KIND:
        return x->from == SAN_FROM_HOME && x->ref == v->a;
    default:
        return 0;
    }
}

static int has_mention(const struct san_walk *w, double number)
{
    for (int i = 0; i < w->n_cand; i++)
        if (w->cand[i].from == SAN_FROM_UTTERANCE && w->cand[i].cls == SAN_CLASS_NUMBER &&
            w->u->mentions[w->cand[i].ref].value == number)
            return 1;
    return 0;
}

static int candidate_is_right(const struct san_gold *g, const struct san_walk *w, int i)
{
    const struct san_candidate *x = &w->cand[i];
    if (w->phase == SAN_WALK_TOOL)
        return x->from == SAN_FROM_VOCAB
                   ? w->n_calls == g->n_calls
                   : w->n_calls < g->n_calls && x->ref == g->calls[w->n_calls].tool;
    const struct san_call_plan *c = &g->calls[w->call];
    if (w->phase == SAN_WALK_TARGET) {
        static const uint8_t cls[] = {[SAN_TARGET_ENTITY] = SAN_CLASS_ENTITY,
                                      [SAN_TARGET_AREA] = SAN_CLASS_AREA,
                                      [SAN_TARGET_FLOOR] = SAN_CLASS_FLOOR};
        if (x->from == SAN_FROM_VOCAB)
            return c->target == (x->id == w->v->unsaid ? SAN_TARGET_UNSAID : SAN_TARGET_NONE);
        return c->target != SAN_TARGET_NONE && c->target != SAN_TARGET_UNSAID &&
               x->cls == cls[c->target] && x->ref == c->target_ref;
    }
    if (w->phase == SAN_WALK_KEY) return key_is_right(c, w, x);
    const struct san_arg *a = expected_arg(c, w->param);
    if (!a) return 0;
    const struct san_call_plan *have = &w->calls[w->call];
    int n_values = have->args[have->n_args - 1].n_values;
    const struct san_value *last =
        n_values ? &have->args[have->n_args - 1].values[n_values - 1] : NULL;
    if (w->phase == SAN_WALK_VALUE) {
        if (w->is_more && x->from == SAN_FROM_VOCAB && x->id == w->v->end)
            return n_values == a->n_values;
        if (n_values >= a->n_values) return 0;
        const struct san_value *v = &a->values[n_values];
        return value_is_right(v, w, x, v->kind == SAN_VALUE_NUMBER && has_mention(w, v->number));
    }
    if (n_values > a->n_values || !last) return 0;
    const struct san_value *v = &a->values[n_values - 1];
    if (w->phase == SAN_WALK_END) {
        int n = w->u->words[v->b].end - w->u->words[v->a].begin;
        return w->u->words[x->ref].end == w->u->words[last->a].begin + n;
    }
    size_t n = strlen(last->text); /* spelling */
    return v->text[n] ? x->id != w->v->end && x->ref == v->text[n] : x->id == w->v->end;
}

int san_gold_mark(const struct san_gold *g, const struct san_walk *w, uint8_t *right)
{
    int follow = -1;
    for (int i = 0; i < w->n_cand; i++) {
        right[i] = (uint8_t)candidate_is_right(g, w, i);
        if (right[i] && (follow < 0 || (w->cand[i].from == SAN_FROM_TOOL &&
                                        w->cand[follow].from != SAN_FROM_TOOL)))
            follow = i;
    }
    return follow;
}
