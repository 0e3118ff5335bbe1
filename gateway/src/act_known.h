/* act_known.h - calls that mean something only with what the device reported last.
 *
 * act_command.h plans a call from its arguments alone. Some need more: a colour for a light that is
 * turned on by its brightness must keep the brightness it has, "louder" is counted from the volume, and
 * "pause" means the player that plays. What is known is written into the arguments, or taken from the
 * targets, before the plan is made, so that the plan stays a pure function. */
#ifndef LT_ACT_KNOWN_H
#define LT_ACT_KNOWN_H

#include "act.h"
#include "discovery.h"

/* The arguments of the call for this thing, completed; a new reference, the same object where nothing
 * is missing. */
json_t *lt_act_known_arguments(const struct lt_act *a, const struct lt_thing *t, const char *tool,
                               const json_t *args);

/* Of n targets of a call to media players that names none: those that play (paused ones for going on), moved
 * to the front; their number, n when there are none or the call is another. */
size_t lt_act_known_players(const struct lt_act *a, const char *tool, const json_t *args,
                            size_t *targets, size_t n);

#endif
