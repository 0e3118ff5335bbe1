/* replay.h - past traces through another policy: what would have been decided, missed and paid.
 *
 * The router is a pure function of a trace's facts, so a changed policy can be tried on what people
 * really said before it is trusted with it. Nothing is sent and nothing is called: where the new
 * policy asks the cloud and the old did not, the mean cost of the recorded cloud answers is taken
 * (or, when there are none, that of a typical request by the price list). The money caps of the new
 * policy hold in the replay as they would have held then, day by day.
 * Errors are expected ones: of an answer the network gave by itself, a labelled trace counts 0 or 1,
 * an unlabelled one counts 1 - confidence. Threads: one. */
#ifndef LT_REPLAY_H
#define LT_REPLAY_H

#include <jansson.h>

#include "config.h"
#include "lt/budget.h"
#include "lt/catalog.h"
#include "lt/cost.h"
#include "lt/store.h"
#include "policy.h"

struct lt_replay_side {
    int64_t by_route[LT_ROUTE_COUNT];
    double errors; /* expected, of answers given at home */
    int64_t cost_usd_micro;
};

struct lt_replay {
    struct lt_gateway_policy policy;
    struct lt_budget budget;
    int64_t deadline_ms;          /* of requests that named none */
    int64_t mean_cloud_usd_micro; /* of a cloud answer */
    int64_t n, n_skipped;         /* traces decided anew; without a decision or catalogue */
    struct lt_replay_side before, after;
    int64_t moved[LT_ROUTE_COUNT][LT_ROUTE_COUNT]; /* from, to */
};

/* Begin with the policy of `c` (borrowed for its life). mean: see the head. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_replay_init(struct lt_replay *r, const struct lt_config *c,
                                        int64_t mean_cloud_usd_micro, int64_t first_unix_ms);
void lt_replay_fini(struct lt_replay *r);
/* One trace, oldest first; `catalog` is the one it was decided with, NULL when it is gone. */
void lt_replay_row(struct lt_replay *r, const struct lt_trace_row *row,
                   const struct lt_catalog *catalog);
/* What came of it; a new reference, NULL without memory. */
json_t *lt_replay_json(const struct lt_replay *r);
/* The same as a table for people, on stdout. 0 when it could not be written. */
int lt_replay_print(const struct lt_replay *r);

/* Cost of a typical home command (1,500 prompt and 80 answer tokens) at the first endpoint of `c` that
 * has a price; 0 when none has. */
int64_t lt_typical_usd_micro(const struct lt_config *c, const struct lt_prices *prices,
                             int64_t now_unix_ms);

/* The command `lintel traces replay --policy FILE`: all traces of `site` (NULL: all) since then. */
LT_NODISCARD enum lt_err lt_replay_run(struct lt_store *s, const char *policy_path,
                                       const char *site, int64_t since_unix_ms, int is_json,
                                       struct lt_diag *diag);
/* Add to stats (as lt_store_trace_stats gives them) what answering at home saved: "saved". */
void lt_stats_add_saved(json_t *stats, const struct lt_config *c);

#endif
