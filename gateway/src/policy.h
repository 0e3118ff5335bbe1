/* policy.h - the configuration, as the router wants it.
 *
 * Memory: pointers inside borrow from the configuration it was made from, which must live longer. */
#ifndef LT_GATEWAY_POLICY_H
#define LT_GATEWAY_POLICY_H

#include "config.h"
#include "lt/budget.h"
#include "lt/router.h"

struct lt_gateway_policy {
    struct lt_policy policy; /* hand this to the router */
    struct lt_gate_rule *rules;
    struct lt_provider_rule providers[LT_ROUTER_MAX_PROVIDERS];
    const char **lists[4 + 2 * LT_ROUTER_MAX_PROVIDERS]; /* NULL-terminated copies of lists */
    int n_lists;
};

/* LT_ERR_NOMEM. Release with _fini. */
LT_NODISCARD enum lt_err lt_gateway_policy_init(struct lt_gateway_policy *p,
                                                const struct lt_config *c);
void lt_gateway_policy_fini(struct lt_gateway_policy *p); /* a zeroed one is fine */
/* Set the caps of a budget from the configuration; what was spent stays. */
void lt_gateway_budget_caps(struct lt_budget *b, const struct lt_config *c);

#endif
