/* act_restore.h - how it was before: the calls that bring back the states that calls are about to change.
 *
 * Asked right before calls are carried out, so that "undo that" restores what the devices reported
 * then: a lamp that was at 30 % goes back to 30 %, one that was off goes off, one that already was as
 * it was told stays. Only devices that discovery knows and that report can be restored. */
#ifndef LT_ACT_RESTORE_H
#define LT_ACT_RESTORE_H

#include <jansson.h>

#include "act.h"
#include "lt/catalog.h"

#define LT_RESTORE_MAX 8 /* most devices brought back by one undoing */

/* A new array of calls; NULL when one of the states is not known, or there are too many. `c` is the
 * catalogue that was made of the same discovery. */
json_t *lt_act_restore(const struct lt_act *a, const struct lt_catalog *c,
                       const json_t *calls);

#endif
