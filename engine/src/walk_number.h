/* walk_number.h - which numbers a parameter takes, and which prefixes of spelled ones still lead
 * to such a number. Private to the engine. */
#ifndef SAN_WALK_NUMBER_H
#define SAN_WALK_NUMBER_H

#include "san/plan.h"

/* Does x keep to the parameter's kind, range and step? */
int san__number_fits(const struct san_param *p, double x);
/* Can `text` (a spelled number so far, "" at first) be made a number that fits by appending
 * characters, of at most SAN_SPELL_MAX-1 in all and with at most three decimals? */
int san__number_can_become(const struct san_param *p, const char *text);

#endif
