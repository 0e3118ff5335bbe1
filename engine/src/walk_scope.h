/* walk_scope.h - which areas, floors and kinds of device are in reach of the call so far. Private to
 * the walk; functions of `w` read its current call; the home must exist. */
#ifndef SAN_WALK_SCOPE_H
#define SAN_WALK_SCOPE_H

#include "san/walk.h"

/* Do the parameter's domain and class filters admit the entity? This and the next two look at nothing
 * but the entity's domain and class. */
int san__entity_fits(const struct san_param *p, const struct san_entity *e);
/* Can the entity be the target of a call of the tool, which must have an entity parameter? */
int san__entity_is_target(const struct san_tool_plan *t, const struct san_entity *e);
/* Is the entity one that the tool of `c` works on, of the kinds that c names (less parameter `skip`,
 * -1 for none)? */
int san__scope_is_meant(const struct san_plan *plan, const struct san_call_plan *c,
                        const struct san_entity *e, int skip);
/* The profiles within the area or floor that is the target of `c`; returns how many. */
int san__scope_share(const struct san_home_plan *h, const struct san_call_plan *c,
                     const struct san_profile_share **out);
/* Is there a device in the area (on the floor) that the call can mean? Non-zero for tools that are
 * not about devices. */
int san__scope_has_area(const struct san_walk *w, int area);
int san__scope_has_floor(const struct san_walk *w, int floor);
/* Does the parameter take the kind, and is there such a device within the call's target? */
int san__scope_has_kind(const struct san_walk *w, const struct san_param *p,
                        const struct san_kind *k);

#endif
