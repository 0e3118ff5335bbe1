/* drift_watch.h - the serving gateway tells when the network no longer fits the house.
 *
 * Every drift.every_s the traces of the last LT_DRIFT_WATCH_WEEKS weeks are read (drift.h) on a thread of
 * libuv's pool, over a database handle of its own, so that no request and no commit waits for it. What was
 * found goes, retained, to <prefix>/<site>/drift, to the gauges lintel_drift_* (metrics.h), and, when
 * it changes between drift and not, to the log. Threads: the loop's, but for the reading. */
#ifndef LT_DRIFT_WATCH_H
#define LT_DRIFT_WATCH_H

#include "lt/buf.h"
#include "lt/err.h"

#define LT_DRIFT_WATCH_WEEKS 8

struct lt_gateway;

void lt_drift_watch_start(struct lt_gateway *gw); /* nothing with drift.every_s 0 */
/* The broker is there: publish again what was found last. */
void lt_drift_watch_up(struct lt_gateway *gw);
void lt_drift_watch_stop(struct lt_gateway *gw); /* a reading under way ends soon */
void lt_drift_watch_free(struct lt_gateway *gw); /* after the loop has run out */
/* Append the gauges. LT_ERR_LIMIT, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_drift_watch_metrics(const struct lt_gateway *gw, struct lt_buf *out);

#endif
