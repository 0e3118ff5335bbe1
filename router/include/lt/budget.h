/* lt/budget.h - money, in micro-USD, with no floating point and no overflow.
 *
 * A request's cost is reserved before it is sent and settled when it is known, so that requests in
 * flight at the same moment cannot together pass a cap. Pure arithmetic on the caller's struct; one
 * thread. The spent figures come from the store at start (lt_store_spend_sum). */
#ifndef LT_BUDGET_H
#define LT_BUDGET_H

#include <stdint.h>

#define LT_BUDGET_UNLIMITED INT64_MAX

struct lt_budget {
    int64_t request_cap_usd_micro, day_cap_usd_micro, month_cap_usd_micro;
    int64_t day_spent_usd_micro, month_spent_usd_micro;
    int64_t reserved_usd_micro; /* sent and not yet settled */
    int32_t day_number;         /* days since 1970 (UTC) that the day figure belongs to */
    int32_t month_number;       /* months since 1970 of the month figure */
};

/* Caps of LT_BUDGET_UNLIMITED, nothing spent, at now. */
void lt_budget_init(struct lt_budget *b, int64_t now_unix_ms);
/* Begin a new day or month when now lies in one (the figures become 0). */
void lt_budget_roll(struct lt_budget *b, int64_t now_unix_ms);
/* Most that one more request may cost now; 0 when a cap is reached. */
int64_t lt_budget_left(const struct lt_budget *b);
/* Reserve an estimate. 0 when it does not fit (nothing is changed), 1 when it is reserved. */
int lt_budget_reserve(struct lt_budget *b, int64_t estimate_usd_micro);
/* The request that reserved `estimate` has cost `cost` (0 when it was never sent). */
void lt_budget_settle(struct lt_budget *b, int64_t estimate_usd_micro, int64_t cost_usd_micro);

#endif
