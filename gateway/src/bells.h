/* bells.h - timers that ring, what is told about them, and words for the speakers.
 *
 * A timer that is due rings when the broker is there: its event and the words go out, and its row
 * leaves the store when the broker has acknowledged the event. So a timer rings at least once,
 * whatever is restarted in between; the event names the timer's id. A command that hangs on it becomes
 * a request with the id "timer/<id>", which is carried out once. Threads: the loop's. */
#ifndef LT_BELLS_H
#define LT_BELLS_H

#include "house.h"

struct lt_gateway;

/* Start (again) the clock for the next timer. */
void lt_bells_arm(struct lt_gateway *gw);
/* Publish what became of a timer: <site>/timer. Other changes say nothing. */
void lt_bells_tell(struct lt_gateway *gw, const struct lt_change *c);
/* Publish the site's timers and lists, retained: <site>/house. */
void lt_bells_show(struct lt_gateway *gw, const char *site);
/* A publish was acknowledged: is it a ring's? */
void lt_bells_delivered(struct lt_gateway *gw, int publish_id);
void lt_bells_close(struct lt_gateway *gw);

#endif
