/* act_known.h - calls that mean something only with what the device reported last.
 *
 * act_command.h plans a call from its arguments alone. Some need more: a colour for a light that is turned
 * on by its brightness must keep the brightness it has. What is known is written into the
 * arguments before the plan is made, so that the plan stays a pure function. */
#ifndef LT_ACT_KNOWN_H
#define LT_ACT_KNOWN_H

#include "act.h"
#include "discovery.h"

/* The arguments of the call for this thing, completed; a new reference, the same object where nothing
 * is missing. */
json_t *lt_act_known_arguments(const struct lt_act *a, const struct lt_thing *t, const char *tool,
                               const json_t *args);

#endif
