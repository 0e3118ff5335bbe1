/* tier.h - the cloud tier as the gateway uses it: endpoints in order, breakers, budget.
 *
 * lt_tier_ask() tries the endpoints the router named, one after the other, until one answers or the
 * deadline comes; lt/cloud.h does the single attempt. What each attempt cost and said comes back for
 * the trace. An endpoint whose key cannot be read stays in the list, closed, so that the home keeps
 * working and the status says why.
 * Threads: the loop's thread. */
#ifndef LT_TIER_H
#define LT_TIER_H

#include <jansson.h>

#include "config.h"
#include "lt/budget.h"
#include "lt/clock.h"
#include "lt/cloud.h"
#include "lt/router.h"
#include "lt/store.h"
#include "site.h"

struct lt_tier; /* opaque */
struct lt_tier_ask;

/* One attempt, with strings of its own. */
struct lt_tier_attempt {
    struct lt_store_attempt row; /* its strings point into the members below or are static */
    char *provider, *model, *calls, *error, *sent;
};

struct lt_tier_answer {
    enum lt_outcome outcome;
    json_t *calls; /* array, or NULL */
    char *speech, *model;
    int64_t cost_usd_micro;
    lt_us total_us;
    struct lt_tier_attempt *attempts;
    size_t n_attempts;
};
void lt_tier_answer_fini(struct lt_tier_answer *a); /* zeroes it */

struct lt_tier_question { /* borrowed for the call of lt_tier_ask; the catalogue is referenced */
    const char *text, *here;
    struct lt_site_catalog *catalog;
    const int *providers;
    int n_providers;
    lt_us deadline_us;
};

/* Runs once, from the loop; `a` is the callback's to keep (copy the struct and zero it) or to leave. */
typedef void (*lt_tier_fn)(void *ctx, struct lt_tier_answer *a);

/* Make the tier from c->cloud (its strings are borrowed for the tier's life). `budget` is the caller's. */
LT_NODISCARD enum lt_err lt_tier_new(struct lt_io *io, const struct lt_config *c,
                                     struct lt_budget *budget, struct lt_tier **out,
                                     struct lt_diag *diag);
/* Asks in flight end without their callback. NULL is fine. */
void lt_tier_free(struct lt_tier *t);
/* Why an endpoint cannot be used, one line; "" when all can. */
const char *lt_tier_fault(const struct lt_tier *t);
/* n flags for lt_facts.is_open: the endpoint must not be asked now. */
void lt_tier_closed(const struct lt_tier *t, lt_us now_us, int *is_open, int n);
/* LT_ERR_NOMEM; otherwise fn runs later. */
LT_NODISCARD enum lt_err lt_tier_ask(struct lt_tier *t, const struct lt_tier_question *q,
                                     lt_tier_fn fn, void *ctx);

#endif
