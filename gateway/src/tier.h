/* tier.h - the cloud tier as the gateway uses it: endpoints in order, breakers, budget, privacy.
 *
 * lt_tier_ask() tries the endpoints the router named, one after the other (with cloud.hedge_ms, two
 * at once when the first is slow), until one answers or the deadline comes; lt/cloud.h does the
 * single attempt. A conversation with one endpoint may take several turns (tier_leg.c): calls that do
 * not fit the catalogue go back once with the reason, and what came of calls that the owner carried
 * out or refused goes back until the model is done (cloud.follow_up), up to cloud.max_steps turns, the
 * deadline, and cloud.usd_per_request for all turns together. What is sent has passed privacy.h; what
 * each attempt cost and said comes back for the trace.
 * Money: before a turn is sent, the most it may cost is reserved in the budget and booked in the
 * store; the booking is committed before the first byte leaves, and corrected when the cost is known.
 * So a crash in between counts the estimate as spent, and no cap is passed by more than what one
 * request costs above its estimate.
 * An endpoint whose key cannot be read stays in the list, closed, so that the home keeps working and
 * the status says why.
 * Threads: the loop's thread. */
#ifndef LT_TIER_H
#define LT_TIER_H

#include <jansson.h>

#include "config.h"
#include "lt/breaker.h"
#include "lt/budget.h"
#include "lt/clock.h"
#include "lt/cloud.h"
#include "lt/router.h"
#include "lt/store.h"
#include "site.h"
#include "worker.h"

#define LT_TIER_MAX_STEPS     16 /* ceiling of cloud.max_steps */
#define LT_TIER_TOKEN_BUCKETS 12

struct lt_tier; /* opaque */
struct lt_tier_ask;

/* One attempt, with strings of its own. */
struct lt_tier_attempt {
    struct lt_store_attempt row; /* its strings point into the members below or are static */
    char *provider, *model, *calls, *error, *sent;
};

struct lt_tier_answer {
    enum lt_outcome outcome;
    json_t *calls; /* array, or NULL; the first n_done are carried out already */
    size_t n_done;
    int is_refused; /* the owner refused calls of an earlier turn */
    char *speech, *model;
    int n_said; /* sentences that were given out while the answer came */
    char *
        rest; /* what of `speech` was not ("" when all was); NULL: nothing was said, or what was said is not
                   the beginning of `speech` */
    int64_t cost_usd_micro;
    lt_us total_us;
    struct lt_tier_attempt *attempts;
    size_t n_attempts;
};
void lt_tier_answer_fini(struct lt_tier_answer *a); /* zeroes it */

/* The calls of a turn, while more turns are possible. `calls` fits the catalogue; whether policy allows
 * each is the callee's to judge. */
enum lt_tier_run {
    LT_TIER_RUN_NOT,   /* they count as the answer, and the model is asked no more */
    LT_TIER_RUN_LATER, /* being carried out: lt_tier_ran(tier, ticket, …) comes, not from inside */
    LT_TIER_RUN_REFUSED /* not carried out, any of them: *results says why, a new reference */
};
typedef enum lt_tier_run (*lt_tier_run_fn)(void *ctx, const json_t *calls, uint64_t ticket,
                                           json_t **results);

/* A sentence of the answer, while the rest is still coming. Runs from the loop, before the answer; it must
 * not end the tier. Whether it stands is known only with the answer (rest). */
typedef void (*lt_tier_say_fn)(void *ctx, const char *sentence);

struct lt_tier_question { /* borrowed for the call of lt_tier_ask; the catalogue is referenced */
    const char *text, *here, *site;
    struct lt_site_catalog *catalog;
    const int *providers;
    int n_providers;
    lt_us deadline_us;
    lt_tier_run_fn run; /* NULL: no call is carried out in between; ctx is that of lt_tier_ask */
    lt_tier_say_fn say; /* NULL: the answer comes in one; the same ctx */
};

/* Runs once, from the loop; `a` is the callback's to keep (copy the struct and zero it) or to leave. */
typedef void (*lt_tier_fn)(void *ctx, struct lt_tier_answer *a);

/* Make the tier from c->cloud (its strings are borrowed for the tier's life). `budget` is the caller's. */
LT_NODISCARD enum lt_err lt_tier_new(struct lt_io *io, const struct lt_config *c,
                                     struct lt_budget *budget, struct lt_tier **out,
                                     struct lt_diag *diag);
/* Book spend in `store`, which belongs to the thread of `writer`, and load what each site has spent
 * today (before the writer's first job). Without this nothing is booked. */
LT_NODISCARD enum lt_err lt_tier_book(struct lt_tier *t, struct lt_store *store,
                                      struct lt_worker *writer, struct lt_diag *diag);
/* Asks in flight end without their callback; bookings under way must be done (lt_worker_stop).
 * NULL is fine. */
void lt_tier_free(struct lt_tier *t);
/* Why an endpoint cannot be used, one line; "" when all can. */
const char *lt_tier_fault(const struct lt_tier *t);
/* n flags for lt_facts.is_open: the endpoint must not be asked now. */
void lt_tier_closed(const struct lt_tier *t, lt_us now_us, int *is_open, int n);
/* Left of the site's own cap for today; LT_BUDGET_UNLIMITED when it has none. */
int64_t lt_tier_site_left(struct lt_tier *t, const char *site);
/* The areas that must stay unnamed have changed (SIGHUP); `areas` is borrowed until the next. */
void lt_tier_set_private_areas(struct lt_tier *t, const char *const *areas);
/* LT_ERR_NOMEM; otherwise fn runs later. */
LT_NODISCARD enum lt_err lt_tier_ask(struct lt_tier *t, const struct lt_tier_question *q,
                                     lt_tier_fn fn, void *ctx);
/* What came of the calls of `ticket`, in their order, borrowed: an array of {"output", "failed"?} (carried
 * out; "failed": not with the success that was meant) or {"error"} (was not carried out). Whether the model
 * hears of it is cloud.follow_up's to say. A ticket whose ask is over is ignored. */
void lt_tier_ran(struct lt_tier *t, uint64_t ticket, const json_t *results);

/* What a cloud answer costs here: the mean since the start, else a typical one by the price list. */
int64_t lt_tier_typical_usd_micro(const struct lt_tier *t);

/* ---- for metrics ---- */

/* Counters of one endpoint since the start. */
struct lt_tier_counts {
    const char *provider, *model;
    enum lt_breaker_state breaker;
    int64_t by_class[16]; /* attempts by enum lt_cloud_class */
    int64_t input_tokens, cached_tokens, output_tokens, cost_usd_micro;
    int64_t left_requests, left_tokens; /* vendor's rate limits as last said; -1: never */
    int64_t n_repairs, n_hedges, n_adapted;
    int64_t duration_us; /* all attempts together */
    int64_t buckets[12]; /* attempts that took at most LT_TIER_BUCKET_MS[i] */
    /* attempts that were billed, by their tokens: at most 4^i, the last any number */
    int64_t input_buckets[LT_TIER_TOKEN_BUCKETS], output_buckets[LT_TIER_TOKEN_BUCKETS];
};
extern const int64_t lt_tier_bucket_ms[12]; /* upper ends, the last INT64_MAX */
/* Endpoint number i; 0 past the last. */
int lt_tier_counts(const struct lt_tier *t, int i, struct lt_tier_counts *out);

#endif
