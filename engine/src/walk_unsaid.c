/* walk_unsaid.c - the speaker's room, or the only one. */
#include "walk_unsaid.h"

#include "walk_scope.h"

static void drop_kinds(const struct san_tool_plan *t, struct san_call_plan *c)
{
    int n = 0;
    for (int i = 0; i < c->n_args; i++)
        if (t->params[c->args[i].param].kind != SAN_PARAM_KIND) c->args[n++] = c->args[i];
    c->n_args = n;
}

int san__unsaid_resolve(const struct san_plan *plan, int here, struct san_call_plan *c,
                        int *is_clear)
{
    const struct san_tool_plan *t = plan->tools[c->tool];
    const struct san_home_plan *h = plan->home;
    int n_home = 0, n_here = 0, one = -1, one_here = -1;
    *is_clear = 0;
    if (!h || t->target_entity < 0) return 0;
    for (int i = 0; i < h->n_profiles; i++) {
        const struct san_entity *e = &h->entities[h->profiles[i].entity];
        if (!san__entity_is_target(t, e) || !san__scope_is_meant(plan, c, e, -1)) continue;
        n_home += h->profiles[i].n;
        one = h->profiles[i].entity;
    }
    const struct san_call_plan room = {.target = SAN_TARGET_AREA, .target_ref = here};
    const struct san_profile_share *s = NULL;
    int n = here < 0 ? 0 : san__scope_share(h, &room, &s);
    for (int i = 0; i < n; i++) {
        const struct san_entity *e = &h->entities[s[i].entity];
        if (!san__entity_is_target(t, e) || !san__scope_is_meant(plan, c, e, -1)) continue;
        n_here += s[i].n;
        one_here = s[i].entity;
    }
    int takes_area = t->target_area >= 0 && !t->params[t->target_entity].is_required;
    if (n_here && takes_area) {
        c->target = SAN_TARGET_AREA;
        c->target_ref = here;
    } else if (n_here == 1 || n_home == 1) {
        c->target = SAN_TARGET_ENTITY;
        c->target_ref = n_here == 1 ? one_here : one;
        drop_kinds(t, c);
    } else {
        return n_home;
    }
    *is_clear = 1;
    return n_home;
}
