/* walk_scope.h - which areas, floors and kinds of device are in reach of the call so far. Private to
 * the walk; all functions read the current call of `w` and the home, which must exist. */
#ifndef SAN_WALK_SCOPE_H
#define SAN_WALK_SCOPE_H

#include "san/walk.h"

/* Do the parameter's domain and class filters admit the entity? */
int san__entity_fits(const struct san_param *p, const struct san_entity *e);
/* Is there a device in the area (on the floor) that the call can mean? Non-zero for tools that are
 * not about devices. */
int san__scope_has_area(const struct san_walk *w, int area);
int san__scope_has_floor(const struct san_walk *w, int floor);
/* Does the parameter take the kind, and is there such a device within the call's target? */
int san__scope_has_kind(const struct san_walk *w, const struct san_param *p,
                        const struct san_kind *k);

#endif
