/* walk_unsaid.h - what is meant when nobody says where. Private to the walk and the gold.
 *
 * "Turn on the light" names a kind of device and no place. Which device that is, is no matter of
 * language but of counting, and counting is done here, not by the network: the speaker's room if it
 * has such a device, else the only one of the home, else nobody can tell (docs/network.md 4). */
#ifndef SAN_WALK_UNSAID_H
#define SAN_WALK_UNSAID_H

#include "san/walk.h"

/* Turn the target SAN_TARGET_UNSAID of `c` into a room (its kinds of device stay) or an entity (they
 * go). `here` is an area or -1. Returns how many devices of the home could be meant: 0 and, unless c
 * was changed, 2 and more mean that it cannot be told. Non-zero *is_clear: c was changed. */
int san__unsaid_resolve(const struct san_plan *plan, int here, struct san_call_plan *c,
                        int *is_clear);

#endif
