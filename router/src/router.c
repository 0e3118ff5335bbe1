/* router.c - the decision, rule after rule, as lt/router.h lists them. */
#include "lt/router.h"

#include "policy.h"

/* What rules 2 to 4 found out about the network's answer. */
struct guess {
    const json_t *calls; /* usable calls, or NULL */
    double confidence;   /* 0 when there are none */
    double gate;
    int is_sensitive;
    int is_question; /* nothing is changed by it */
};

/* Is the answer one that the network may not yet give by itself? */
static int is_new(const struct lt_facts *f, const json_t *calls)
{
    const json_t *call;
    size_t i;
    if (!json_object_size(f->new_tools)) return 0;
    json_array_foreach(calls, i, call)
    {
        const char *tool = json_string_value(json_object_get(call, "name"));
        if (tool && json_object_get(f->new_tools, tool)) return 1;
    }
    return !json_array_size(calls); /* it may be for one of them */
}

static struct guess look_at(const struct lt_policy *p, const struct lt_facts *f,
                            const struct lt_catalog *catalog, const struct lt_local *local,
                            enum lt_why *why, struct lt_diag *detail)
{
    struct guess g = {.gate = p->gate};
    *why = LT_WHY_LOCAL_FAILED;
    if (!local || !local->calls) return g;
    *why = LT_WHY_LOCAL_INVALID;
    if (lt_router_validate_calls(catalog, local->calls, detail)) return g;
    *why = LT_WHY_GATE_LOW_CONFIDENCE;
    g.calls = local->calls;
    g.confidence = local->confidence >= 0 ? local->confidence : 0; /* also for NaN */
    g.gate = lt_router_gate(p, catalog, g.calls, &g.is_sensitive);
    g.is_question = lt__policy_is_question(catalog, g.calls);
    if (g.gate < p->gate_new && is_new(f, g.calls)) g.gate = p->gate_new;
    return g;
}

/* Rule 5: fill the chain. LT_WHY_COUNT when there is one, else the reason why there is none: the
 * one that came closest to asking. */
static enum lt_why find_providers(const struct lt_policy *p, const struct lt_facts *f,
                                  enum lt_why why, double confidence, struct lt_decision *out)
{
    unsigned kind = why == LT_WHY_GATE_NOTHING_ESCALATED ? LT_KIND_NOTHING
                    : why == LT_WHY_GATE_LOW_CONFIDENCE  ? LT_KIND_UNSURE
                                                         : LT_KIND_FAILED;
    if (lt__policy_is_never_cloud(p, f)) return LT_WHY_POLICY_NEVER_CLOUD;
    int n_fit = 0, n_in_time = 0, n_affordable = 0;
    for (int i = 0; i < p->n_providers && i < LT_ROUTER_MAX_PROVIDERS; i++) {
        const struct lt_provider_rule *r = p->providers + i;
        if (!lt__policy_applies(r, f, kind, confidence)) continue;
        n_fit++;
        if (f->left_ms < r->min_ms || f->left_ms <= 0) continue;
        n_in_time++;
        /* one that costs nothing may go on when the money is spent */
        if (r->estimate_usd_micro > 0 && r->estimate_usd_micro > f->budget_left_usd_micro) continue;
        n_affordable++;
        if (f->is_open && f->is_open[i]) continue;
        out->providers[out->n_providers++] = i;
    }
    if (out->n_providers) return LT_WHY_COUNT;
    return n_affordable ? LT_WHY_BREAKER_OPEN
           : n_in_time  ? LT_WHY_BUDGET_SPENT
           : n_fit      ? LT_WHY_DEADLINE_SHORT
                        : LT_WHY_POLICY_NO_CLOUD;
}

static void settle(struct lt_decision *out, enum lt_route route, enum lt_why why,
                   const json_t *calls)
{
    out->route = route;
    out->why = why;
    out->calls = calls;
}

/* Rule 6: no cloud answer can be had. A guess is for faults that pass; where policy keeps a request
 * in the house, the gate is the user's last word on risk. */
static void without_cloud(const struct lt_policy *p, const struct guess *g, enum lt_why why,
                          struct lt_decision *out)
{
    int is_empty = g->calls && !json_array_size(g->calls);
    int may_ask = g->calls && !is_empty && p->no_answer != LT_NO_ANSWER_APOLOGISE &&
                  g->confidence >= p->clarify;
    int may_guess = p->no_answer == LT_NO_ANSWER_GUESS && why != LT_WHY_POLICY_NEVER_CLOUD &&
                    why != LT_WHY_POLICY_NO_CLOUD;
    if (g->calls && !is_empty && !g->is_sensitive && may_guess && g->confidence >= p->guess)
        settle(out, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_GUESS, g->calls);
    else if (may_ask && g->is_question && !g->is_sensitive)
        settle(out, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_QUESTION, g->calls);
    else if (may_ask)
        settle(out, LT_ROUTE_CLARIFY, why, g->calls);
    else
        settle(out, is_empty ? LT_ROUTE_NONE : LT_ROUTE_REFUSED, why, NULL);
}

void lt_router_decide(const struct lt_policy *policy, const struct lt_catalog *catalog,
                      const struct lt_facts *facts, const struct lt_local *local,
                      struct lt_decision *out, struct lt_diag *detail)
{
    enum lt_why why;
    *out = (struct lt_decision){0};
    struct guess g = look_at(policy, facts, catalog, local, &why, detail);
    out->gate = g.gate;
    out->is_sensitive = g.is_sensitive;

    /* 1: a confirmed answer to the same words; a door is not opened from memory */
    if (facts->cached_calls && !lt__policy_is_blocked(policy, facts->cached_calls) &&
        !lt_router_validate_calls(catalog, facts->cached_calls, NULL)) {
        int is_sensitive = 0;
        lt_router_gate(policy, catalog, facts->cached_calls, &is_sensitive);
        if (!is_sensitive) {
            settle(out, LT_ROUTE_CACHE, LT_WHY_CACHE_HIT, facts->cached_calls);
            return;
        }
    }
    /* 2 */
    if (g.calls && lt__policy_is_blocked(policy, g.calls)) {
        settle(out, LT_ROUTE_REFUSED, LT_WHY_POLICY_BLOCKED, NULL);
        return;
    }
    /* 3 */
    int n_calls = (int)json_array_size(g.calls);
    if (g.calls && g.confidence >= g.gate) {
        if (n_calls) {
            settle(out, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, g.calls);
            return;
        }
        if (!policy->is_nothing_escalated) {
            settle(out, LT_ROUTE_NONE, LT_WHY_GATE_NOTHING, g.calls);
            return;
        }
        why = LT_WHY_GATE_NOTHING_ESCALATED;
    }
    /* 4 */
    if (n_calls && g.confidence >= policy->clarify && g.is_sensitive) {
        settle(out, LT_ROUTE_CLARIFY, LT_WHY_POLICY_SENSITIVE, g.calls);
        return;
    }
    if (n_calls && g.confidence >= policy->clarify && policy->is_clarify_first && !g.is_question) {
        settle(out, LT_ROUTE_CLARIFY, why, g.calls);
        return;
    }
    /* 5 */
    enum lt_why obstacle = find_providers(policy, facts, why, g.confidence, out);
    if (obstacle == LT_WHY_COUNT) {
        settle(out, LT_ROUTE_CLOUD, why, NULL);
        if (facts->is_dry_run) out->n_providers = 0;
        return;
    }
    /* 6 */
    if (why == LT_WHY_GATE_NOTHING_ESCALATED) {
        settle(out, LT_ROUTE_NONE, LT_WHY_GATE_NOTHING, g.calls); /* it was sure by itself */
        return;
    }
    without_cloud(policy, &g, obstacle, out);
}

void lt_router_judge(const struct lt_policy *policy, const struct lt_catalog *catalog,
                     const struct lt_facts *facts, const struct lt_local *local,
                     const struct lt_upper_answer *cloud, struct lt_decision *out,
                     struct lt_diag *detail)
{
    enum lt_why why;
    *out = (struct lt_decision){0};
    struct guess g = look_at(policy, facts, catalog, local, &why, NULL);
    if (g.calls && lt__policy_is_blocked(policy, g.calls)) g.calls = NULL;
    out->gate = g.gate;
    out->is_sensitive = g.is_sensitive;

    /* policy may have changed while the cloud was asked, or in a replay */
    if (lt__policy_is_never_cloud(policy, facts)) {
        without_cloud(policy, &g, LT_WHY_POLICY_NEVER_CLOUD, out);
        return;
    }
    if (cloud->outcome != LT_OUTCOME_ANSWERED) {
        why = cloud->outcome == LT_OUTCOME_FAILED ? LT_WHY_CLOUD_FAILED : LT_WHY_CLOUD_REFUSED;
        without_cloud(policy, &g, why, out);
        return;
    }
    if (!json_array_size(cloud->calls)) {
        int has_speech = cloud->speech && *cloud->speech;
        settle(out, has_speech ? LT_ROUTE_CLOUD : LT_ROUTE_NONE, LT_WHY_CLOUD_ANSWERED, NULL);
        return;
    }
    if (lt_router_validate_calls(catalog, cloud->calls, detail)) {
        without_cloud(policy, &g, LT_WHY_CLOUD_INVALID, out);
        return;
    }
    if (lt__policy_is_blocked(policy, cloud->calls)) {
        settle(out, LT_ROUTE_REFUSED, LT_WHY_POLICY_BLOCKED, NULL);
        return;
    }
    int is_sensitive = 0;
    lt_router_gate(policy, catalog, cloud->calls, &is_sensitive);
    out->is_sensitive = is_sensitive;
    if (is_sensitive && !policy->is_sensitive_cloud_ok) {
        /* the person may still confirm what the cloud proposed */
        if (policy->no_answer == LT_NO_ANSWER_APOLOGISE)
            settle(out, LT_ROUTE_REFUSED, LT_WHY_POLICY_SENSITIVE, NULL);
        else
            settle(out, LT_ROUTE_CLARIFY, LT_WHY_POLICY_SENSITIVE, cloud->calls);
        return;
    }
    settle(out, LT_ROUTE_CLOUD, LT_WHY_CLOUD_ANSWERED, cloud->calls);
}
