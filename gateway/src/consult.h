/* consult.h - what a cloud model asks of the home before it answers.
 *
 * A model that calls tools which only read ("is the hall light on?") gets their results from the last
 * reports of the devices, and then speaks. Only answers in which every call reads are taken this way:
 * a call that moves something waits until the answer stands, is judged, asked about where it is
 * sensitive and written down, as always. Devices of areas that must stay private are left out of the
 * results. Threads: the loop's. */
#ifndef LT_CONSULT_H
#define LT_CONSULT_H

#include <jansson.h>
#include <stdint.h>

struct lt_req;

/* An lt_tier_run_fn whose ctx is the request. 0: not ours to answer, the calls count as the answer. */
int lt_consult(void *req, const json_t *calls, uint64_t ticket);

#endif
