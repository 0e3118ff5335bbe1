/* act_target.h - which devices a call means, as Home Assistant resolves names, areas, floors, domains and
 * device classes: all that is given must hold (docs: Home Assistant, "Intents"). */
#ifndef LT_ACT_TARGET_H
#define LT_ACT_TARGET_H

#include "discovery.h"

/* Numbers of the things meant, at most cap; returns how many there are in all. `areas` are the
 * catalogue's ({"name","floor"}), for floors. A call that names neither device, place nor kind means
 * nothing. */
/* A question may mean what a command to a whole room never does: sensors, doors, heating. */
size_t lt_act_targets(struct lt_discovery *d, const json_t *areas, const char *tool,
                      const json_t *args, size_t *out, size_t cap);

#endif
