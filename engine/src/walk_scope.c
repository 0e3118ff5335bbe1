/* walk_scope.c - what is in reach of the call so far.
 *
 * A call on an area, a floor or a kind of device means every device there that the tool works on. An
 * area without any such device, or a kind that the chosen area lacks, would be a call on nothing:
 * Home Assistant refuses it, and a speaker who said "the shade" meant one elsewhere. So these are
 * not admissible. Tools that are not about devices (no entity parameter) are not narrowed. All this is
 * asked of profiles (san/plan.h): whether an entity is meant depends on its domain and class alone. */
#include <string.h>

#include "walk_scope.h"

static int is_listed(char *const *list, int n, const char *s)
{
    if (!n) return 1;
    for (int i = 0; i < n; i++)
        if (s && !strcmp(list[i], s)) return 1;
    return 0;
}

int san__entity_fits(const struct san_param *p, const struct san_entity *e)
{
    return is_listed(p->filter, p->n_filter, e->domain) &&
           is_listed(p->filter_class, p->n_filter_class, e->device_class);
}

int san__scope_is_meant(const struct san_plan *plan, const struct san_call_plan *c,
                        const struct san_entity *e, int skip)
{
    const struct san_tool_plan *t = plan->tools[c->tool];
    const struct san_home_plan *h = plan->home;
    if (!san__entity_fits(&t->params[t->target_entity], e)) return 0;
    for (int i = 0; i < c->n_args; i++) {
        const struct san_arg *a = &c->args[i];
        const struct san_param *p = &t->params[a->param];
        const char *kind = p->kind_is_class ? e->device_class : e->domain;
        int is_one = p->kind != SAN_PARAM_KIND || a->param == skip;
        for (int k = 0; k < a->n_values && !is_one; k++)
            is_one = a->values[k].kind == SAN_VALUE_KIND && kind &&
                     !strcmp(h->kinds[a->values[k].a].name, kind);
        if (!is_one) return 0;
    }
    return 1;
}

static int is_meant(const struct san_walk *w, const struct san_entity *e, int skip)
{
    return san__scope_is_meant(w->plan, &w->calls[w->call], e, skip);
}

/* An entity's kind is not asked for; a required one must be among those the tool takes. */
int san__entity_is_target(const struct san_tool_plan *t, const struct san_entity *e)
{
    if (!san__entity_fits(&t->params[t->target_entity], e)) return 0;
    for (int i = 0; i < t->n_params; i++) {
        const struct san_param *p = &t->params[i];
        const char *kind = p->kind_is_class ? e->device_class : e->domain;
        if (p->kind == SAN_PARAM_KIND && p->is_required &&
            (!kind || !is_listed(p->filter, p->n_filter, kind) ||
             (p->is_list && !p->is_list_or_one && p->min_items > 1)))
            return 0;
    }
    return 1;
}

int san__scope_share(const struct san_home_plan *h, const struct san_call_plan *c,
                     const struct san_profile_share **out)
{
    const int *off = c->target == SAN_TARGET_AREA ? h->area_share_off : h->floor_share_off;
    const struct san_profile_share *s =
        c->target == SAN_TARGET_AREA ? h->area_share : h->floor_share;
    *out = s + off[c->target_ref];
    return off[c->target_ref + 1] - off[c->target_ref];
}

static int has_place(const struct san_walk *w, int target, int ref)
{
    const struct san_home_plan *h = w->plan->home;
    const struct san_call_plan place = {.target = (uint8_t)target, .target_ref = ref};
    const struct san_profile_share *s;
    if (w->plan->tools[w->calls[w->call].tool]->target_entity < 0) return 1;
    int n = san__scope_share(h, &place, &s);
    for (int i = 0; i < n; i++)
        if (is_meant(w, &h->entities[s[i].entity], -1)) return 1;
    return 0;
}

int san__scope_has_area(const struct san_walk *w, int area)
{
    return has_place(w, SAN_TARGET_AREA, area);
}

int san__scope_has_floor(const struct san_walk *w, int floor)
{
    return has_place(w, SAN_TARGET_FLOOR, floor);
}

int san__scope_has_kind(const struct san_walk *w, const struct san_param *p,
                        const struct san_kind *k)
{
    const struct san_home_plan *h = w->plan->home;
    const struct san_call_plan *c = &w->calls[w->call];
    if (k->is_class != p->kind_is_class || !is_listed(p->filter, p->n_filter, k->name)) return 0;
    const struct san_tool_plan *t = w->plan->tools[c->tool];
    if (t->target_entity < 0) return 1;
    const struct san_profile_share *s = NULL;
    int is_place = c->target == SAN_TARGET_AREA || c->target == SAN_TARGET_FLOOR;
    int n = is_place ? san__scope_share(h, c, &s) : h->n_profiles;
    for (int i = 0; i < n; i++) {
        const struct san_entity *e = &h->entities[s ? s[i].entity : h->profiles[i].entity];
        const char *kind = p->kind_is_class ? e->device_class : e->domain;
        if (kind && !strcmp(kind, k->name) && is_meant(w, e, (int)(p - t->params))) return 1;
    }
    return 0;
}
