/* lt/cost.h - what an answer cost, from a dated list of prices.
 *
 * Prices are US dollars per million tokens and live in a JSON file; the one in adapters/data is
 * built in. A row may hold a step (`above`: other prices once the prompt passes a number of
 * tokens) and an end date with the prices that follow. Adapters bring each vendor's way of
 * counting into the kinds of struct lt_cloud_usage, so one formula prices them all.
 * Threads: a list is read-only after it is loaded. */
#ifndef LT_COST_H
#define LT_COST_H

#include "lt/adapter.h"

struct lt_prices; /* opaque */

/* Read the list at `path`, or the built-in one for NULL. LT_ERR_NOTFOUND, LT_ERR_PARSE,
 * LT_ERR_INVALID (names the row), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_prices_load(const char *path, struct lt_prices **out,
                                        struct lt_diag *diag);
void lt_prices_free(struct lt_prices *p);               /* NULL is fine */
const char *lt_prices_as_of(const struct lt_prices *p); /* "2026-11-22" */

/* Cost of `usage` in millionths of a dollar, rounded up. `model` may be a dated form of a listed id
 * ("id-2026-10-07"). `provider` "free" costs 0. Returns false, and *out = 0, when the list has no
 * such model. `now_unix_ms` decides which dated prices hold. */
bool lt_cost_of(const struct lt_prices *p, const char *provider, const char *model,
                const struct lt_cloud_usage *usage, int64_t now_unix_ms, int64_t *out_usd_micro);

/* Most that a request of `request_bytes` with at most `max_tokens` of answer may cost: a token is
 * taken to be two bytes, and all of the prompt to be written to the vendor's cache. false, and 0,
 * when the list has no such model. */
bool lt_cost_ceiling(const struct lt_prices *p, const char *provider, const char *model,
                     size_t request_bytes, int64_t max_tokens, int64_t now_unix_ms,
                     int64_t *out_usd_micro);

#endif
