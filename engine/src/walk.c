/* walk.c - which continuations are admissible, and what taking one means. */
#include "san/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "walk_number.h"
#include "walk_scope.h"
#include "walk_unsaid.h"

void san_walk_init(struct san_walk *w)
{
    memset(w, 0, sizeof *w);
}

void san_walk_fini(struct san_walk *w)
{
    free(w->cand);
    memset(w, 0, sizeof *w);
}

void san_walk_begin(struct san_walk *w, const struct san_pieces *v, const struct san_plan *plan,
                    const struct san_utterance *u)
{
    w->v = v;
    w->plan = plan;
    w->u = u;
    w->phase = SAN_WALK_TOOL;
    w->n_calls = w->n_unclear = w->call = w->n_cand = w->has_prev = w->is_nomem = w->is_more = 0;
    w->param = -1;
}

static struct san_candidate *push(struct san_walk *w)
{
    if (w->n_cand == w->cap_cand) {
        int cap = w->cap_cand ? w->cap_cand * 2 : 256;
        struct san_candidate *c = realloc(w->cand, (size_t)cap * sizeof *c);
        if (!c) {
            w->is_nomem = 1;
            return NULL;
        }
        w->cand = c;
        w->cap_cand = cap;
    }
    struct san_candidate *c = &w->cand[w->n_cand++];
    memset(c, 0, sizeof *c);
    return c;
}

static void push_vocab(struct san_walk *w, int32_t id, int ref)
{
    struct san_candidate *c = push(w);
    if (!c) return;
    c->from = SAN_FROM_VOCAB;
    c->id = id;
    c->ref = ref;
}

static void push_tool_item(struct san_walk *w, int tool, int item, int ref)
{
    struct san_candidate *c = push(w);
    if (!c) return;
    c->from = SAN_FROM_TOOL;
    c->cls = w->plan->tools[tool]->items[item].cls;
    c->tool = tool;
    c->item = item;
    c->ref = ref;
    c->feat = w->u->tool_feat + ((size_t)w->u->tool_feat_off[tool] + (size_t)item) * SAN_N_FEAT;
}

static void push_home_item(struct san_walk *w, int item, int ref)
{
    struct san_candidate *c = push(w);
    if (!c) return;
    c->from = SAN_FROM_HOME;
    c->cls = w->plan->home->items[item].cls;
    c->item = item;
    c->ref = ref;
    c->feat = w->u->home_feat + (size_t)item * SAN_N_FEAT;
}

static void push_word(struct san_walk *w, int cls, int token, int ref)
{
    static const float no_feat[SAN_N_FEAT];
    struct san_candidate *c = push(w);
    if (!c) return;
    c->from = SAN_FROM_UTTERANCE;
    c->cls = (uint8_t)cls;
    c->item = token;
    c->ref = ref;
    c->feat = no_feat;
}

static struct san_call_plan *call_of(struct san_walk *w)
{
    return &w->calls[w->call];
}
static const struct san_tool_plan *tool_of(const struct san_walk *w)
{
    return w->plan->tools[w->calls[w->call].tool];
}

static int is_listed(char *const *list, int n, const char *s)
{
    if (!n) return 1;
    for (int i = 0; i < n; i++)
        if (s && !strcmp(list[i], s)) return 1;
    return 0;
}

static int kind_fits(const struct san_param *p, const struct san_kind *k)
{
    return k->is_class == p->kind_is_class && is_listed(p->filter, p->n_filter, k->name);
}

/* How many entities, areas or floors of the home take part, and which the i-th is. */
static int n_of(const struct san_walk *w, int cls)
{
    const struct san_home_plan *h = w->plan->home;
    const struct san_shown *s = w->plan->shown;
    if (!h) return 0;
    return cls == SAN_CLASS_ENTITY ? (s ? s->n_entities : h->n_entities)
           : cls == SAN_CLASS_AREA ? (s ? s->n_areas : h->n_areas)
                                   : (s ? s->n_floors : h->n_floors);
}
static int nth_of(const struct san_walk *w, int cls, int i)
{
    const struct san_shown *s = w->plan->shown;
    if (!s) return i;
    return (cls == SAN_CLASS_ENTITY ? s->entities
            : cls == SAN_CLASS_AREA ? s->areas
                                    : s->floors)[i];
}

/* Entities among those shown that the parameter takes; counts no further than `need`. */
static int n_shown_fitting(const struct san_plan *plan, const struct san_param *p, int need)
{
    int n = 0;
    for (int i = 0; i < plan->shown->n_entities && n < need; i++)
        n += san__entity_fits(p, &plan->home->entities[plan->shown->entities[i]]);
    return n;
}

/* Has the parameter any value here, and a list of values that do not come twice enough of them? */
static int param_has_values(const struct san_walk *w, const struct san_param *p)
{
    const struct san_home_plan *h = w->plan->home;
    int need = p->is_list && !p->is_list_or_one ? p->min_items : 1, n = 0;
    switch (p->kind) {
    case SAN_PARAM_ENUM:
        return p->n_value >= need;
    case SAN_PARAM_ENTITY:
        if (w->plan->shown) return n_shown_fitting(w->plan, p, need) >= need;
        for (int i = 0; h && i < h->n_profiles && n < need; i++)
            if (san__entity_fits(p, &h->entities[h->profiles[i].entity])) n += h->profiles[i].n;
        return n >= need;
    case SAN_PARAM_AREA:
        return h && n_of(w, SAN_CLASS_AREA) >= need;
    case SAN_PARAM_FLOOR:
        return h && n_of(w, SAN_CLASS_FLOOR) >= need;
    case SAN_PARAM_KIND:
        for (int i = 0; h && i < h->n_kinds && n < need; i++) n += kind_fits(p, &h->kinds[i]);
        return n >= need;
    case SAN_PARAM_INTEGER:
    case SAN_PARAM_NUMBER:
        return san__number_can_become(p, "") && !(p->is_unique && need > 1);
    default:
        return !(p->is_unique && need > 1);
    }
}

static int tool_is_offered(const struct san_walk *w, const struct san_tool_plan *t)
{
    if (t->unusable_why) return 0;
    for (int i = 0; i < t->n_params; i++)
        if (t->params[i].is_required && t->params[i].group < 0 &&
            !param_has_values(w, &t->params[i]))
            return 0;
    if (t->target_entity < 0 || !t->params[t->target_entity].is_required) return 1;
    const struct san_home_plan *h = w->plan->home;
    const struct san_shown *s = w->plan->shown;
    for (int i = 0; !s && i < h->n_profiles; i++)
        if (san__entity_is_target(t, &h->entities[h->profiles[i].entity])) return 1;
    for (int i = 0; s && i < s->n_entities; i++)
        if (san__entity_is_target(t, &h->entities[s->entities[i]])) return 1;
    return 0;
}

static void offer_tools(struct san_walk *w)
{
    push_vocab(w, w->n_calls ? w->v->done : w->v->none, -1);
    for (int t = 0; t < w->plan->n_tools && w->n_calls < SAN_CALLS_MAX; t++)
        if (tool_is_offered(w, w->plan->tools[t])) push_tool_item(w, t, 0, t);
    w->kind = w->n_calls ? w->v->q_next : w->v->q_tool;
    w->kind_name = "tool";
}

/* Has an earlier call of the answer done the same with this entity? */
static int entity_is_done(const struct san_walk *w, int entity)
{
    const struct san_call_plan *c = &w->calls[w->call];
    for (int i = 0; i < w->call; i++)
        if (w->calls[i].tool == c->tool && w->calls[i].target == SAN_TARGET_ENTITY &&
            w->calls[i].target_ref == entity)
            return 1;
    return 0;
}

static void offer_targets(struct san_walk *w)
{
    const struct san_tool_plan *t = tool_of(w);
    const struct san_home_plan *h = w->plan->home;
    const struct san_param *e = t->target_entity >= 0 ? &t->params[t->target_entity] : NULL;
    const struct san_param *a = t->target_area >= 0 ? &t->params[t->target_area] : NULL;
    const struct san_param *f = t->target_floor >= 0 ? &t->params[t->target_floor] : NULL;
    int needs_e = e && e->is_required, needs_a = a && a->is_required, needs_f = f && f->is_required;
    if (!needs_e && !needs_a && !needs_f) push_vocab(w, w->v->all, -1);
    if (w->v->has_unsaid && h && e && !needs_a && !needs_f) push_vocab(w, w->v->unsaid, -1);
    for (int k = 0; e && !(needs_a || needs_f) && k < n_of(w, SAN_CLASS_ENTITY); k++) {
        int i = nth_of(w, SAN_CLASS_ENTITY, k);
        if (san__entity_is_target(t, &h->entities[i]) && (!entity_is_done(w, i) || needs_e))
            push_home_item(w, h->entities[i].item, i);
    }
    for (int k = 0; a && !(needs_e || needs_f) && k < n_of(w, SAN_CLASS_AREA); k++) {
        int i = nth_of(w, SAN_CLASS_AREA, k);
        if (san__scope_has_area(w, i)) push_home_item(w, h->areas[i].item, i);
    }
    for (int k = 0; f && !(needs_e || needs_a) && k < n_of(w, SAN_CLASS_FLOOR); k++) {
        int i = nth_of(w, SAN_CLASS_FLOOR, k);
        if (san__scope_has_floor(w, i)) push_home_item(w, h->floors[i].item, i);
    }
    w->kind = w->v->q_target;
    w->kind_name = "target";
}

static int arg_is_given(const struct san_call_plan *c, int param)
{
    for (int i = 0; i < c->n_args; i++)
        if (c->args[i].param == param) return 1;
    return 0;
}

static int group_is_open(const struct san_walk *w, int group)
{
    const struct san_call_plan *c = &w->calls[w->call];
    const struct san_tool_plan *t = w->plan->tools[c->tool];
    for (int i = 0; i < t->n_params; i++)
        for (int k = 0; k < t->params[i].n_groups; k++)
            if (t->params[i].groups[k] == group && arg_is_given(c, i)) return 1;
    return 0;
}

/* May parameter i be the first of an optional object that is given? Not behind a required property
 * of it that was passed over, nor when one of them has no value here. */
static int can_enter(const struct san_walk *w, const struct san_tool_plan *t, int i, int group)
{
    for (int k = 0; k < t->n_params; k++)
        if (t->params[k].group == group && t->params[k].is_required &&
            (k < i || !param_has_values(w, &t->params[k])))
            return 0;
    return 1;
}

/* Are there kinds in reach, and enough of them where a list wants several? */
static int has_kinds_in_scope(const struct san_walk *w, const struct san_param *p)
{
    const struct san_home_plan *h = w->plan->home;
    int need = p->is_list && !p->is_list_or_one ? p->min_items : 1, n = 0;
    for (int i = 0; i < h->n_kinds && n < need; i++) n += san__scope_has_kind(w, p, &h->kinds[i]);
    return n >= need;
}

/* Parameters after the last one given, in schema order, up to the first that may not be left
 * out; <end> when none is due. A nested optional object is entered at its first required
 * property or passed over as a whole. */
static void offer_keys(struct san_walk *w)
{
    const struct san_tool_plan *t = tool_of(w);
    const struct san_call_plan *c = call_of(w);
    int is_due = 0;
    push_vocab(w, w->v->end, -1);
    for (int i = w->param + 1; i < t->n_params && !is_due; i++) {
        const struct san_param *p = &t->params[i];
        if (p->is_target || p->is_implied || !param_has_values(w, p)) continue;
        if (p->kind == SAN_PARAM_KIND && c->target == SAN_TARGET_ENTITY) continue;
        if (p->kind == SAN_PARAM_KIND && !p->is_required && !has_kinds_in_scope(w, p)) continue;
        int is_open = p->group >= 0 && group_is_open(w, p->group), can = 1;
        for (int k = 0; k < p->n_groups && can; k++)
            can = group_is_open(w, p->groups[k]) || can_enter(w, t, i, p->groups[k]);
        if (!can) continue;
        push_tool_item(w, c->tool, p->item, i);
        is_due = p->is_required && (p->group < 0 || is_open);
    }
    if (is_due) { /* <end> is not admissible: drop it from the front */
        memmove(w->cand, w->cand + 1, (size_t)(w->n_cand - 1) * sizeof *w->cand);
        w->n_cand--;
    }
    w->kind = w->v->q_key;
    w->kind_name = "argument";
}

static int word_can_begin(const struct san_utterance *u, int i)
{
    return u->word_first[i] >= 0 && u->words[i].kind != SAN_WORD_PUNCT;
}

static int word_can_end(const struct san_utterance *u, int i)
{
    if (u->word_last[i] < 0) return 0;
    int n = u->words[i].end - u->words[i].begin;
    if (n == 1 && u->text[u->words[i].begin] == '.' && i + 1 < u->n_words) return 1; /* "u. s." */
    return u->words[i].kind != SAN_WORD_PUNCT || n > 1 ||
           !strchr(".,;:!?\"", u->text[u->words[i].begin]);
}

static int value_is_given(const struct san_arg *a, int kind, int ref)
{
    for (int i = 0; a && i < a->n_values; i++)
        if (a->values[i].kind == kind && a->values[i].a == ref) return 1;
    return 0;
}

static void offer_values(struct san_walk *w)
{
    const struct san_tool_plan *t = tool_of(w);
    const struct san_param *p = &t->params[w->param];
    const struct san_home_plan *h = w->plan->home;
    const struct san_utterance *u = w->u;
    const struct san_call_plan *c = call_of(w);
    const struct san_arg *given = w->is_more ? &c->args[c->n_args - 1] : NULL;
    w->kind_name = "value";
    if (w->is_more && (given->n_values >= p->min_items || p->is_list_or_one))
        push_vocab(w, w->v->end, -1);
    switch (p->kind) {
    case SAN_PARAM_ENUM:
        for (int i = 0; i < p->n_value; i++)
            if (!value_is_given(given, SAN_VALUE_LISTED, i))
                push_tool_item(w, c->tool, p->value_item + i, i);
        w->kind = w->v->q_enum;
        break;
    case SAN_PARAM_BOOLEAN:
        push_vocab(w, w->v->true_, 1);
        push_vocab(w, w->v->false_, 0);
        w->kind = w->v->q_bool;
        break;
    case SAN_PARAM_INTEGER:
    case SAN_PARAM_NUMBER:
        push_vocab(w, w->v->spell, -1);
        for (int i = 0; i < u->n_mentions; i++)
            if (u->word_first[u->mentions[i].first] >= 0 &&
                san__number_fits(p, u->mentions[i].value))
                push_word(w, SAN_CLASS_NUMBER, u->word_first[u->mentions[i].first], i);
        w->kind = w->v->q_num;
        break;
    case SAN_PARAM_ENTITY:
        for (int k = 0; k < n_of(w, SAN_CLASS_ENTITY); k++) {
            int i = nth_of(w, SAN_CLASS_ENTITY, k);
            if (san__entity_fits(p, &h->entities[i]) && !value_is_given(given, SAN_VALUE_ENTITY, i))
                push_home_item(w, h->entities[i].item, i);
        }
        w->kind = w->v->q_home;
        break;
    case SAN_PARAM_AREA:
        for (int k = 0; k < n_of(w, SAN_CLASS_AREA); k++) {
            int i = nth_of(w, SAN_CLASS_AREA, k);
            if (!value_is_given(given, SAN_VALUE_AREA, i)) push_home_item(w, h->areas[i].item, i);
        }
        w->kind = w->v->q_home;
        break;
    case SAN_PARAM_FLOOR:
        for (int k = 0; k < n_of(w, SAN_CLASS_FLOOR); k++) {
            int i = nth_of(w, SAN_CLASS_FLOOR, k);
            if (!value_is_given(given, SAN_VALUE_FLOOR, i)) push_home_item(w, h->floors[i].item, i);
        }
        w->kind = w->v->q_home;
        break;
    case SAN_PARAM_KIND:
        /* a required kind must have a value, in reach or not */
        for (int i = 0; i < h->n_kinds; i++)
            if ((p->is_required ? kind_fits(p, &h->kinds[i])
                                : san__scope_has_kind(w, p, &h->kinds[i])) &&
                !value_is_given(given, SAN_VALUE_KIND, i))
                push_home_item(w, h->kinds[i].item, i);
        w->kind = w->v->q_home;
        break;
    case SAN_PARAM_STRING:
        push_vocab(w, w->v->spell, -1);
        for (int i = 0; i < p->n_value; i++)
            if (!value_is_given(given, SAN_VALUE_LISTED, i))
                push_tool_item(w, c->tool, p->value_item + i, i);
        for (int i = 0; i < u->n_words; i++)
            if (word_can_begin(u, i)) push_word(w, SAN_CLASS_WORD, u->word_first[i], i);
        w->kind = w->v->q_str;
        break;
    }
    if (w->is_more) w->kind = w->v->q_more;
}

static struct san_value *value_of(struct san_walk *w)
{
    struct san_call_plan *c = call_of(w);
    struct san_arg *a = &c->args[c->n_args - 1];
    return &a->values[a->n_values - 1];
}

static void offer_ends(struct san_walk *w)
{
    const struct san_utterance *u = w->u;
    int first = value_of(w)->a;
    for (int i = first; i < u->n_words && i < first + SAN_SPAN_MAX_WORDS; i++)
        if (word_can_end(u, i)) push_word(w, SAN_CLASS_LAST, u->word_last[i], i);
    if (!w->n_cand) push_word(w, SAN_CLASS_LAST, u->word_last[first], first);
    w->kind = w->v->q_end;
    w->kind_name = "end";
}

static int spelled_is_complete(const struct san_param *p, const char *text)
{
    size_t n = strlen(text);
    if (p->kind == SAN_PARAM_STRING) return n > 0;
    if (!n || text[n - 1] == '.' || text[n - 1] == '-') return 0;
    return san__number_fits(p, strtod(text, NULL));
}

static void offer_characters(struct san_walk *w)
{
    const struct san_param *p = &tool_of(w)->params[w->param];
    char *text = value_of(w)->text;
    size_t n = strlen(text);
    if (spelled_is_complete(p, text)) push_vocab(w, w->v->end, -1);
    for (int i = 0; n < SAN_SPELL_MAX - 1 && i < (int)sizeof SAN_SPELL_ALPHABET - 1; i++) {
        char c = SAN_SPELL_ALPHABET[i];
        if (p->kind != SAN_PARAM_STRING) {
            if (c == ':' || (c == '-' && n) || (c == '.' && strchr(text, '.'))) continue;
            char longer[SAN_SPELL_MAX + 2];
            memcpy(longer, text, n);
            longer[n] = c;
            longer[n + 1] = '\0';
            if (!san__number_can_become(p, longer)) continue;
        }
        push_vocab(w, w->v->spell_char[i], c);
    }
    if (!w->n_cand) push_vocab(w, w->v->end, -1);
    w->kind = w->v->q_spell;
    w->kind_name = "digit";
}

int san_walk_next(struct san_walk *w)
{
    while (w->phase != SAN_WALK_FINISHED && !w->is_nomem) {
        w->n_cand = 0;
        switch (w->phase) {
        case SAN_WALK_TOOL:
            offer_tools(w);
            break;
        case SAN_WALK_TARGET:
            offer_targets(w);
            break;
        case SAN_WALK_KEY:
            offer_keys(w);
            break;
        case SAN_WALK_VALUE:
            offer_values(w);
            break;
        case SAN_WALK_END:
            offer_ends(w);
            break;
        case SAN_WALK_SPELL:
            offer_characters(w);
            break;
        case SAN_WALK_FINISHED:
            break;
        }
        if (w->n_cand > 1) return !w->is_nomem;
        if (!w->n_cand) { /* cannot happen for an offered tool; end rather than loop */
            w->phase = SAN_WALK_FINISHED;
            break;
        }
        san_walk_take(w, 0);
    }
    return 0;
}

/* The text of a listed, spelled or copied value; NULL for values of other sorts. */
static const char *text_of(const struct san_walk *w, const struct san_param *p,
                           const struct san_value *x, size_t *n)
{
    const struct san_utterance *u = w->u;
    const char *s = x->text;
    *n = strlen(s);
    if (x->kind == SAN_VALUE_LISTED) {
        s = p->value_json[x->a];
        *n = strlen(s);
        return *s == '"' ? (*n -= 2, s + 1) : s;
    }
    if (x->kind == SAN_VALUE_SPAN) {
        *n = (size_t)(u->words[x->b].end - u->words[x->a].begin);
        return u->text + u->words[x->a].begin;
    }
    return x->kind == SAN_VALUE_SPELLED ? s : NULL;
}

/* ---- taking -------------------------------------------------------------------------------- */

/* Was the last value given before? Listed values and names cannot be; numbers and texts can. A
 * listed text and the same word copied count as one. */
static int is_repeated(const struct san_walk *w, const struct san_arg *a)
{
    const struct san_param *p = &tool_of(w)->params[w->param];
    const struct san_value *x = &a->values[a->n_values - 1];
    size_t n, k;
    const char *s = text_of(w, p, x, &n);
    for (int i = 0; i < a->n_values - 1; i++) {
        const struct san_value *y = &a->values[i];
        if (x->kind == SAN_VALUE_BOOLEAN && y->a == x->a) return 1;
        if (x->kind == SAN_VALUE_NUMBER && y->number == x->number) return 1;
        const char *other = text_of(w, p, y, &k);
        if (s && other && n == k && !memcmp(s, other, n)) return 1;
    }
    return 0;
}

static void value_done(struct san_walk *w)
{
    const struct san_param *p = &tool_of(w)->params[w->param];
    struct san_call_plan *c = call_of(w);
    struct san_arg *a = &c->args[c->n_args - 1];
    int is_over = p->is_unique && a->n_values > 1 && is_repeated(w, a);
    a->n_values -= is_over; /* what is said again ends the list, or it might never end */
    w->is_more = p->is_list && !is_over && a->n_values < p->max_items;
    w->phase = w->is_more ? SAN_WALK_VALUE : SAN_WALK_KEY;
}

/* The answer is complete: see what was meant where nobody said where. One call that cannot be told
 * makes the answer nothing. */
static void finish(struct san_walk *w)
{
    w->phase = SAN_WALK_FINISHED;
    for (int i = 0; i < w->n_calls; i++) {
        int is_clear = 1;
        if (w->calls[i].target == SAN_TARGET_UNSAID)
            san__unsaid_resolve(w->plan, w->u->here, &w->calls[i], &is_clear);
        if (is_clear) continue;
        w->n_unclear = w->n_calls;
        w->n_calls = 0;
        return;
    }
}

static void take_tool(struct san_walk *w, const struct san_candidate *c)
{
    if (c->from == SAN_FROM_VOCAB) {
        finish(w);
        return;
    }
    w->call = w->n_calls++;
    struct san_call_plan *call = call_of(w);
    call->tool = c->ref;
    call->target = SAN_TARGET_NONE;
    call->target_ref = -1;
    call->n_args = 0;
    w->param = -1;
    const struct san_tool_plan *t = tool_of(w);
    int has_target = t->target_entity >= 0 || t->target_area >= 0 || t->target_floor >= 0;
    w->phase = has_target ? SAN_WALK_TARGET : SAN_WALK_KEY;
}

static void take_target(struct san_walk *w, const struct san_candidate *c)
{
    struct san_call_plan *call = call_of(w);
    if (c->from == SAN_FROM_HOME) {
        call->target = c->cls == SAN_CLASS_ENTITY ? SAN_TARGET_ENTITY
                       : c->cls == SAN_CLASS_AREA ? SAN_TARGET_AREA
                                                  : SAN_TARGET_FLOOR;
        call->target_ref = c->ref;
    } else if (c->id == w->v->unsaid) {
        call->target = SAN_TARGET_UNSAID;
    }
    w->phase = SAN_WALK_KEY;
}

static void take_key(struct san_walk *w, const struct san_candidate *c)
{
    struct san_call_plan *call = call_of(w);
    if (c->from == SAN_FROM_VOCAB) { /* <end> */
        w->phase = SAN_WALK_TOOL;
        return;
    }
    w->param = c->ref;
    w->is_more = 0;
    call->args[call->n_args++] = (struct san_arg){.param = c->ref};
    w->phase = SAN_WALK_VALUE;
}

static void take_value(struct san_walk *w, const struct san_candidate *c)
{
    struct san_call_plan *call = call_of(w);
    const struct san_param *p = &tool_of(w)->params[w->param];
    if (w->is_more && c->from == SAN_FROM_VOCAB && c->id == w->v->end) {
        w->phase = SAN_WALK_KEY;
        w->is_more = 0;
        return;
    }
    struct san_arg *arg = &call->args[call->n_args - 1];
    struct san_value *x = &arg->values[arg->n_values++];
    *x = (struct san_value){.a = c->ref};
    if (c->from == SAN_FROM_VOCAB && c->id == w->v->spell) {
        x->kind = SAN_VALUE_SPELLED;
        w->phase = SAN_WALK_SPELL;
        return;
    }
    if (c->from == SAN_FROM_VOCAB) {
        x->kind = SAN_VALUE_BOOLEAN;
    } else if (c->from == SAN_FROM_TOOL) {
        x->kind = SAN_VALUE_LISTED;
    } else if (c->from == SAN_FROM_HOME) {
        x->kind = p->kind == SAN_PARAM_ENTITY  ? SAN_VALUE_ENTITY
                  : p->kind == SAN_PARAM_AREA  ? SAN_VALUE_AREA
                  : p->kind == SAN_PARAM_FLOOR ? SAN_VALUE_FLOOR
                                               : SAN_VALUE_KIND;
    } else if (c->cls == SAN_CLASS_NUMBER) {
        x->kind = SAN_VALUE_NUMBER;
        x->number = w->u->mentions[c->ref].value;
    } else {
        x->kind = SAN_VALUE_SPAN;
        x->b = c->ref;
        w->phase = SAN_WALK_END;
        return;
    }
    value_done(w);
}

static void take_character(struct san_walk *w, const struct san_candidate *c)
{
    const struct san_param *p = &tool_of(w)->params[w->param];
    struct san_value *x = value_of(w);
    size_t n = strlen(x->text);
    if (c->id != w->v->end) {
        x->text[n] = (char)c->ref;
        x->text[n + 1] = '\0';
        return;
    }
    if (p->kind != SAN_PARAM_STRING) {
        x->kind = SAN_VALUE_NUMBER;
        x->number = strtod(x->text, NULL);
    }
    value_done(w);
}

void san_walk_take(struct san_walk *w, int i)
{
    struct san_candidate c = w->cand[i];
    w->prev = c;
    w->has_prev = 1;
    switch (w->phase) {
    case SAN_WALK_TOOL:
        take_tool(w, &c);
        break;
    case SAN_WALK_TARGET:
        take_target(w, &c);
        break;
    case SAN_WALK_KEY:
        take_key(w, &c);
        break;
    case SAN_WALK_VALUE:
        take_value(w, &c);
        break;
    case SAN_WALK_END:
        value_of(w)->b = c.ref;
        value_done(w);
        break;
    case SAN_WALK_SPELL:
        take_character(w, &c);
        break;
    case SAN_WALK_FINISHED:
        break;
    }
}
