/* stats.c - counters to JSON, rings to percentiles. */
#include "stats.h"

#include <stdlib.h>
#include <string.h>

void lt_stats_add(struct lt_stats_ring *r, int64_t us)
{
    r->us[r->n++ % LT_STATS_RING] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The smallest value that at least `percent` of all do not exceed. */
static json_int_t percentile(const uint32_t *sorted, size_t n, size_t percent)
{
    size_t rank = (n * percent + 99) / 100;
    return n ? (json_int_t)sorted[rank ? rank - 1 : 0] : 0;
}

json_t *lt_stats_percentiles(const struct lt_stats_ring *r)
{
    uint32_t sorted[LT_STATS_RING];
    size_t n = r->n < LT_STATS_RING ? (size_t)r->n : LT_STATS_RING;
    memcpy(sorted, r->us, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "n", (json_int_t)n, "p50", percentile(sorted, n, 50),
                     "p95", percentile(sorted, n, 95), "p99", percentile(sorted, n, 99), "max",
                     n ? (json_int_t)sorted[n - 1] : (json_int_t)0);
}

json_t *lt_stats_json(const struct lt_stats *s)
{
    json_t *routes = json_object(), *why = json_object();
    for (int i = 0; i < LT_ROUTE_COUNT; i++)
        if (s->by_route[i])
            json_object_set_new(routes, lt_route_word((enum lt_route)i),
                                json_integer(s->by_route[i]));
    for (int i = 0; i < LT_WHY_COUNT; i++)
        if (s->by_why[i])
            json_object_set_new(why, lt_why_code((enum lt_why)i), json_integer(s->by_why[i]));
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o}", "requests", (json_int_t)s->n_requests,
                     "errors", (json_int_t)s->n_errors, "duplicates", (json_int_t)s->n_duplicates,
                     "calls", (json_int_t)s->n_calls, "routes", routes, "why", why, "latency_us",
                     lt_stats_percentiles(&s->total), "engine_us", lt_stats_percentiles(&s->engine),
                     "commit_us", lt_stats_percentiles(&s->commit));
}
