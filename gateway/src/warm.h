/* warm.h - encoded blocks kept over a restart, beside the database.
 *
 * `<store.path>.blocks` holds what the engine had encoded (san/engine.h), so that the first request
 * after a start does not wait for it. It is a copy of what can be made again: absent, damaged or of
 * another network it is ignored with one line in the log. It is written on a thread of libuv's pool some
 * time after catalogues changed, and on the way out, when there is something new in it.
 * Threads: loop thread. */
#ifndef LT_WARM_H
#define LT_WARM_H

#include <jansson.h>

#include "lt/err.h"

struct lt_gateway;
struct lt_site_engine;

/* Right after the engine is opened, before any catalogue. Never fails the start: without it the gateway
 * works the same. */
void lt_warm_open(struct lt_gateway *gw);
/* The loop runs: look from time to time whether something is to be written. */
void lt_warm_start(struct lt_gateway *gw);
/* Give an engine that takes over the configured budget. Any thread. */
void lt_warm_tune(const struct lt_gateway *gw, struct lt_site_engine *e);
/* The cache's counters (struct san_cache_stats) for the stats message; a new reference. */
json_t *lt_warm_stats(const struct lt_gateway *gw);
/* The inference worker has ended: write what is new and free everything. NULL is fine. */
void lt_warm_close(struct lt_gateway *gw);

#endif
