/* policy.c - one field after the other. */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

/* A NULL-terminated view of a list; NULL for an empty one. Owned by p. */
static const char *const *view(struct lt_gateway_policy *p, const struct lt_strings *s, int *bad)
{
    if (!s->n) return NULL;
    const char **v = calloc(s->n + 1, sizeof *v);
    if (!v) {
        *bad = 1;
        return NULL;
    }
    for (size_t i = 0; i < s->n; i++) v[i] = s->v[i];
    p->lists[p->n_lists++] = v;
    return v;
}

static int64_t usd_micro(double usd)
{
    return usd > 0 ? (int64_t)(usd * 1e6) : LT_BUDGET_UNLIMITED;
}

enum lt_err lt_gateway_policy_init(struct lt_gateway_policy *p, const struct lt_config *c)
{
    int bad = 0, n_default = 0;
    memset(p, 0, sizeof *p);
    struct lt_policy *q = &p->policy;
    lt_policy_init(q);
    q->gate = c->gate.threshold;
    q->gate_nothing = c->gate.nothing;
    q->gate_new = c->gate.new_tool;
    q->clarify = c->gate.clarify;
    q->guess = c->gate.guess;
    q->no_answer = !strcmp(c->gate.no_answer, "guess")       ? LT_NO_ANSWER_GUESS
                   : !strcmp(c->gate.no_answer, "apologise") ? LT_NO_ANSWER_APOLOGISE
                                                             : LT_NO_ANSWER_ASK;
    q->is_nothing_escalated = c->gate.nothing_escalated;
    q->is_clarify_first = c->gate.clarify_first;
    q->is_sensitive_cloud_ok = c->gate.sensitive_cloud;
    q->is_never_cloud = c->cloud.never_cloud;
    q->never_cloud_sites = view(p, &c->cloud.never_cloud_sites, &bad);
    q->never_cloud_areas = view(p, &c->cloud.never_cloud_areas, &bad);

    const struct lt_gate_rule *defaults = lt_policy_default_rules(&n_default);
    if (!c->gate.default_rules) n_default = 0;
    size_t n = (size_t)n_default + c->gate.sensitive_tools.n;
    if (n && !(p->rules = calloc(n, sizeof *p->rules))) bad = 1;
    for (int i = 0; p->rules && i < n_default; i++) p->rules[q->n_rules++] = defaults[i];
    for (size_t i = 0; p->rules && i < c->gate.sensitive_tools.n; i++)
        p->rules[q->n_rules++] = (struct lt_gate_rule){.tool = c->gate.sensitive_tools.v[i],
                                                       .gate = c->gate.sensitive_threshold,
                                                       .is_sensitive = 1};
    q->rules = p->rules;

    for (size_t i = 0; i < c->cloud.n_endpoints && i < LT_ROUTER_MAX_PROVIDERS; i++) {
        const struct lt_config_endpoint *e = &c->cloud.endpoints[i];
        struct lt_provider_rule *r = &p->providers[q->n_providers++];
        r->name = e->provider;
        r->estimate_usd_micro = lt_config_estimate_usd_micro(e);
        r->min_ms = e->min_ms;
        r->langs = view(p, &e->languages, &bad);
        r->sites = view(p, &e->sites, &bad);
        (void)lt_config_hours(e->hours, &r->hour_from, &r->hour_to);
        r->confidence_min = e->confidence_min;
        r->confidence_max = e->confidence_max;
        r->spent_below_usd_micro = (int64_t)(e->spent_below_usd * 1e6);
        for (size_t k = 0; k < e->kinds.n; k++)
            r->kinds |= !strcmp(e->kinds.v[k], "unsure")    ? LT_KIND_UNSURE
                        : !strcmp(e->kinds.v[k], "nothing") ? LT_KIND_NOTHING
                                                            : LT_KIND_FAILED;
    }
    q->providers = p->providers;
    if (bad) lt_gateway_policy_fini(p);
    return bad ? LT_ERR_NOMEM : LT_OK;
}

void lt_gateway_policy_fini(struct lt_gateway_policy *p)
{
    for (int i = 0; i < p->n_lists; i++) free(p->lists[i]);
    free(p->rules);
    memset(p, 0, sizeof *p);
}

void lt_gateway_budget_caps(struct lt_budget *b, const struct lt_config *c)
{
    b->request_cap_usd_micro = usd_micro(c->cloud.usd_per_request);
    b->day_cap_usd_micro = usd_micro(c->cloud.usd_per_day);
    b->month_cap_usd_micro = usd_micro(c->cloud.usd_per_month);
}
