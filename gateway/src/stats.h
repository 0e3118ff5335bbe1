/* stats.h - what a site's stats message counts: requests, routes, reasons, latencies.
 *
 * Counters run since the start; latencies cover the last LT_STATS_RING values. Threads: one owner. */
#ifndef LT_STATS_H
#define LT_STATS_H

#include <jansson.h>
#include <stdint.h>

#include "lt/router.h"

#define LT_STATS_RING 1024 /* latencies kept for percentiles */

struct lt_stats_ring {
    uint32_t us[LT_STATS_RING];
    uint64_t n; /* ever added */
};

struct lt_stats {
    int64_t n_requests, n_errors, n_duplicates, n_calls;
    int64_t by_route[LT_ROUTE_COUNT], by_why[LT_WHY_COUNT];
    struct lt_stats_ring total, engine, commit;
};

void lt_stats_add(struct lt_stats_ring *r, int64_t us);
/* {"n","p50","p95","p99","max"}; a new reference. */
json_t *lt_stats_percentiles(const struct lt_stats_ring *r);
/* The stats message without what only the gateway knows; a new reference. */
json_t *lt_stats_json(const struct lt_stats *s);

#endif
