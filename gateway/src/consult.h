/* consult.h - what comes of a cloud model's calls before it has said its last word.
 *
 *     turn with calls --> refused by policy or safety --> the reasons go back, once a request
 *                    \--> all for devices that we work --> [store has them] --> call topics and devices
 *                    |                                     --> what each device reported goes back
 *                    \--> anything else: they are the answer, judged and settled as always
 *
 * So a model that reads ("is the hall light on?") gets what the devices reported last, one that acts gets what
 * happened to each device, and goes on until it is done (cloud.follow_up, cloud.max_steps, the deadline, the
 * money). "Anything else" are calls that somebody has to confirm first, that the house itself carries out and
 * speaks of (timers, lists), or that nobody here can follow: their turn ends the conversation.
 *
 * What moves something is written down before it goes out, as an answer of its own: after a crash it is carried
 * out once and answered with, and the model is not asked again. Devices of areas that must stay private are
 * left out of what goes back. Threads: the loop's. */
#ifndef LT_CONSULT_H
#define LT_CONSULT_H

#include <jansson.h>
#include <stdint.h>

#include "tier.h"

struct lt_req;

/* An lt_tier_run_fn whose ctx is the request. */
enum lt_tier_run lt_consult(void *req, const json_t *calls, uint64_t ticket, json_t **results);

#endif
