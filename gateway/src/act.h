/* act.h - the home moves: accepted calls go to the devices that discovery knows, and are confirmed.
 *
 *   lt_act_start:  targets of each call (name, area, floor, kind) -> plan a device (act_command.h)
 *                  -> publish with an expiry -> wait for the state topics -> what happened to each
 *
 * A device is "done" only when its state topic says so within actuate.confirm_ms; one that reports
 * nothing is "sent", one that did not answer "unconfirmed", one that is known to be away
 * "unavailable", one that cannot do what was asked "failed". Questions (HassGetState,
 * HassClimateGetTemperature) are answered from the last reports. Commands are at most once: after a
 * crash between the answer's record and its commands nothing is sent again (recover.c).
 * A cover that has begun to move where it was told counts as done ("state" opening or closing).
 * One for each site whose devices are known. Where the site has a root (home.c), topics are sent to and
 * heard below it. Threads: the loop's. */
#ifndef LT_ACT_H
#define LT_ACT_H

#include <jansson.h>

#include "lt/err.h"
#include "plain.h"

#define LT_ACT_DEVICES_MAX 200 /* most devices of one call; more are refused as too many */

struct lt_discovery;
struct lt_gw_site;
struct lt_mqtt_message;
struct lt_act; /* opaque */

/* What happened: an array of {"call","id","name","outcome","state"?,"why"?} and a sentence to say: what went
 * wrong or was asked, "" when all is done. Both are borrowed for the call. */
typedef void (*lt_act_fn)(void *ctx, const json_t *outcome, const char *speech);

LT_NODISCARD enum lt_err lt_act_new(struct lt_gw_site *site, struct lt_act **out);
/* Runs under way end without their callback. NULL is fine. */
void lt_act_free(struct lt_act *a);
/* The broker is back, or the home's devices changed: listen to their state topics. */
void lt_act_listen(struct lt_act *a, int is_new_session);
/* 1 when the message reports a state; `on` is its topic without the site's root. */
int lt_act_message(struct lt_act *a, const char *on, const struct lt_mqtt_message *msg);
/* The last payload on a state topic, or NULL; borrowed until the next message. For act_restore.c. */
const char *lt_act_last(const struct lt_act *a, const char *topic);
/* What the thing with this id reported: for relative requests (plain.h). `a` as void; 0 for none. */
int lt_act_plain_state(void *a, const char *id, struct lt_plain_state *out);
/* Does the call set a temperature of devices that count in Fahrenheit? */
int lt_act_is_fahrenheit(const struct lt_act *a, const json_t *call);
struct lt_discovery *lt_act_discovery(const struct lt_act *a);
/* Are devices worked? NULL works none. */
int lt_act_serves(const struct lt_act *a);
/* Is one of the calls, from number `first` on, ours to carry out? */
int lt_act_takes(const struct lt_act *a, const json_t *calls, size_t first);
/* Is it a question, which is answered from the last reports and moves nothing? */
int lt_act_is_question(const json_t *call);
/* Carry out those calls and word what came of it in `tongue`, whose table must stay; fn comes later, at the latest after actuate.confirm_ms. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_act_start(struct lt_act *a, const json_t *calls, size_t first,
                                      const struct lt_tongue *tongue, const char *trace,
                                      lt_act_fn fn, void *ctx);

#endif
