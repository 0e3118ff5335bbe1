/* tier.c - who is asked, and who next.
 *
 *   lt_tier_ask --[timer 0]--> first leg: the first endpoint that can be asked
 *                  [timer hedge_ms] --> second leg: the next one, beside it
 *   a leg answers --> the other is stopped, the owner is told
 *   a leg's calls are being carried out --> the other is stopped [timer: the deadline]
 *   a leg fails   --> it takes the next endpoint; none left and the other idle: those that named a
 *                     time are waited for once it fits the deadline, else nobody answered */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"
#include "lt/log.h"
#include "tier_int.h"

const int64_t lt_tier_bucket_ms[12] = {50,   100,  250,   500,   1000,  2000,
                                       4000, 8000, 15000, 30000, 60000, INT64_MAX};

static void attempt_fini(struct lt_tier_attempt *a)
{
    free(a->provider);
    free(a->model);
    free(a->calls);
    free(a->error);
    free(a->sent);
}

void lt_tier_answer_fini(struct lt_tier_answer *a)
{
    json_decref(a->calls);
    free(a->speech);
    free(a->rest);
    free(a->model);
    for (size_t i = 0; i < a->n_attempts; i++) attempt_fini(&a->attempts[i]);
    free(a->attempts);
    memset(a, 0, sizeof *a);
}

static void ask_free(struct lt_tier_ask *ask)
{
    for (int i = 0; i < N_LEGS; i++) lt__leg_stop(&ask->legs[i]);
    *ask->prev = ask->next;
    if (ask->next) ask->next->prev = ask->prev;
    lt_io_timer_free(ask->tier->io, ask->timer);
    lt_veil_free(ask->veil);
    lt_veil_home_unref(ask->home);
    lt_site_catalog_unref(ask->catalog);
    lt_tier_answer_fini(&ask->answer);
    lt_buf_free(&ask->voice.heard);
    free(ask->text);
    free(ask->here);
    free(ask);
}

static void report(struct lt_tier_ask *ask)
{
    for (int i = 0; i < N_LEGS; i++) lt__leg_stop(&ask->legs[i]); /* before the cost is told */
    ask->answer.total_us = lt_now_us() - ask->started_us;
    ask->answer.n_said = ask->voice.n_sentences;
    ask->fn(ask->ctx, &ask->answer);
    ask_free(ask);
}

void lt__ask_answered(struct lt_tier_ask *ask)
{
    report(ask);
}

/* The next endpoint that can be asked now, or NULL. */
static struct endpoint *next_endpoint(struct lt_tier_ask *ask)
{
    struct lt_tier *t = ask->tier;
    while (ask->i_next < ask->n_providers) {
        int i = ask->providers[ask->i_next++];
        if (i >= t->n_endpoints || t->endpoints[i].is_unusable) continue;
        if (lt_breaker_allows(&t->endpoints[i].breaker, lt_now_us())) return &t->endpoints[i];
        if (t->endpoints[i].breaker.is_told) ask->later[ask->n_later++] = i;
    }
    return NULL;
}

/* Nobody is left but those who named a time: wait for the first of them, if that is soon enough. */
static int wait_for_one(struct lt_tier_ask *ask)
{
    lt_us now = lt_now_us(), first = INT64_MAX;
    for (int k = 0; k < ask->n_later; k++) {
        lt_us until = ask->tier->endpoints[ask->later[k]].breaker.until_us;
        if (until < first) first = until;
    }
    if (first == INT64_MAX || first + LT_CLOUD_MIN_TRY_MS * 1000 > ask->deadline_us) return 0;
    memcpy(ask->providers, ask->later, sizeof ask->providers);
    ask->n_providers = ask->n_later;
    ask->n_later = ask->i_next = 0;
    ask->is_waiting = 1;
    lt_io_timer_set(ask->tier->io, ask->timer, first > now ? (first - now) / 1000 + 1 : 0);
    return 1;
}

void lt__ask_next(struct lt_tier_ask *ask, struct leg *l)
{
    struct endpoint *e = next_endpoint(ask);
    if (e) {
        lt__leg_start(l, ask, e);
        return;
    }
    for (int i = 0; i < N_LEGS; i++)
        if (ask->legs[i].ask) return; /* the other may still answer */
    if (!wait_for_one(ask)) report(ask);
}

static void on_timer(void *ctx)
{
    struct lt_tier_ask *ask = ctx;
    int64_t hedge_ms = ask->tier->config->cloud.hedge_ms;
    struct endpoint *e;
    for (int i = 0; i < N_LEGS; i++)
        if (ask->legs[i].ask && ask->legs[i].ticket) {
            lt__leg_late(&ask->legs[i]);
            return;
        }
    if (ask->is_waiting) {
        ask->is_waiting = 0;
        lt__ask_next(ask, &ask->legs[0]);
    } else if (!ask->is_started) {
        ask->is_started = 1;
        if (hedge_ms > 0 && ask->n_providers > 1)
            lt_io_timer_set(ask->tier->io, ask->timer, hedge_ms);
        lt__ask_next(ask, &ask->legs[0]);
    } else if (!ask->legs[1].ask && !ask->voice.leg && (e = next_endpoint(ask))) {
        e->counts.n_hedges++;
        lt__leg_start(&ask->legs[1], ask, e);
    }
}

enum lt_err lt_tier_ask(struct lt_tier *t, const struct lt_tier_question *q, lt_tier_fn fn,
                        void *ctx)
{
    struct lt_tier_ask *ask = calloc(1, sizeof *ask);
    if (!ask) return LT_ERR_NOMEM;
    ask->tier = t;
    ask->next = t->asks;
    ask->prev = &t->asks;
    if (ask->next) ask->next->prev = &ask->next;
    t->asks = ask;
    ask->site = "";
    for (size_t i = 0; q->site && i < t->config->sites.n; i++)
        if (!strcmp(t->config->sites.v[i], q->site)) ask->site = t->config->sites.v[i];
    ask->catalog = lt_site_catalog_ref(q->catalog);
    ask->home = lt_site_catalog_veil(ask->catalog, &t->rules, t->rules_version);
    if (ask->home) lt_veil_home_ref(ask->home);
    if (ask->home && !lt_veil_new(ask->home, &t->rules, &ask->veil)) {
        ask->text = lt_veil_hide(ask->veil, q->text);
        ask->here = q->here ? lt_veil_hide(ask->veil, q->here) : NULL;
    }
    ask->n_providers = q->n_providers;
    memcpy(ask->providers, q->providers, (size_t)q->n_providers * sizeof *q->providers);
    ask->started_us = lt_now_us();
    ask->deadline_us = q->deadline_us;
    ask->answer.outcome = LT_OUTCOME_FAILED;
    ask->run = q->run;
    ask->say = q->say;
    ask->fn = fn;
    ask->ctx = ctx;
    if (!ask->text || lt_io_timer_new(t->io, on_timer, ask, &ask->timer)) {
        ask_free(ask);
        return LT_ERR_NOMEM;
    }
    lt_io_timer_set(t->io, ask->timer, 0); /* so that fn never runs from inside this call */
    return LT_OK;
}

void lt_tier_ran(struct lt_tier *t, uint64_t ticket, const json_t *results)
{
    for (struct lt_tier_ask *ask = t->asks; ask; ask = ask->next)
        for (int i = 0; i < N_LEGS; i++)
            if (ticket && ask->legs[i].ask && ask->legs[i].ticket == ticket) {
                lt__leg_ran(&ask->legs[i], results);
                return;
            }
}

/* ---- the endpoints ---- */

static void add_endpoint(struct lt_tier *t, const struct lt_config_endpoint *c,
                         int64_t default_timeout_ms)
{
    struct lt_breaker_config breaker = LT_BREAKER_DEFAULTS;
    breaker.fail_max = (int)t->config->cloud.breaker_failures;
    breaker.open_us = t->config->cloud.breaker_wait_ms * 1000;
    struct endpoint *e = &t->endpoints[t->n_endpoints++];
    const struct lt_adapter *a = lt_adapter_find(c->provider);
    struct lt_diag diag = {0};
    e->e = (struct lt_cloud_endpoint){
        .adapter = c->provider,
        .base_url = *c->base_url ? c->base_url : NULL,
        .model = *c->model ? c->model : NULL,
        .effort = *c->effort ? c->effort : NULL,
        .price_as = *c->price_as ? c->price_as : NULL,
        .is_plain_key_ok = c->plain_key,
        .is_stream_off = !c->stream,
    };
    e->counts.provider = e->e.price_as ? e->e.price_as : a ? a->provider : c->provider;
    e->counts.model = e->e.model ? e->e.model : a && a->default_model ? a->default_model : "";
    e->counts.left_requests = e->counts.left_tokens = -1;
    e->timeout_ms = c->timeout_ms ? c->timeout_ms : default_timeout_ms;
    e->max_tokens = (int)c->max_tokens;
    e->estimate_usd_micro = lt_config_estimate_usd_micro(c);
    lt_breaker_init(&e->breaker, &breaker);
    enum lt_err err = LT_OK;
    if (*c->key)
        err = lt_secret_read(c->key, &e->key, &diag);
    else if (!*c->base_url) /* a vendor's own address asks for one */
        err = lt_fail(&diag, LT_ERR_INVALID,
                      "it has no key; name it as key: env:NAME, file:/path or credential:NAME");
    if (err) {
        e->is_unusable = 1;
        snprintf(t->fault, sizeof t->fault, "cloud endpoint %d (%s) is left out: %.300s",
                 t->n_endpoints, c->provider, diag.text);
        LT_LOG(ERROR, "cloud.no_key", LF_STR("provider", c->provider), LF_STR("why", diag.text));
    }
    e->e.key = e->key;
}

static enum lt_err load_prices(struct lt_tier *t, const char *file, struct lt_diag *diag)
{
    struct lt_diag why = {0};
    enum lt_err err = lt_prices_load(*file ? file : NULL, &t->prices, &why);
    return err ? lt_fail(diag, err, "cloud.price_file: %.400s", why.text) : LT_OK;
}

/* Whose model has no price: its requests count as their estimate, which somebody should know. */
static void look_for_prices(struct lt_tier *t)
{
    struct lt_cloud_usage one = {.input_tokens = 1, .price_percent = 100};
    int64_t cost;
    for (int i = 0; i < t->n_endpoints; i++) {
        const struct lt_tier_counts *c = &t->endpoints[i].counts;
        if (lt_cost_of(t->prices, c->provider, c->model, &one, lt_now_unix_ms(), &cost)) continue;
        LT_LOG(WARN, "cloud.no_price", LF_STR("provider", c->provider), LF_STR("model", c->model));
        if (t->fault[0]) continue;
        snprintf(
            t->fault, sizeof t->fault,
            "line %lld: cloud.endpoints[%d].model: no price of '%.60s' of %.30s is known, each "
            "request counts as its estimate_usd; set price_as or price_file",
            (long long)t->config->cloud.endpoints[i].line, i, c->model, c->provider);
    }
}

static enum lt_err set_rules(struct lt_tier *t, const struct lt_config *c)
{
    const struct lt_strings *names = &c->cloud.redact_names;
    t->names = calloc(names->n + 1, sizeof *t->names);
    if (!t->names) return LT_ERR_NOMEM;
    for (size_t i = 0; i < names->n; i++) t->names[i] = names->v[i];
    t->rules.names = t->names;
    for (size_t i = 0; i < c->cloud.redact.n; i++)
        t->rules.hide |= lt_privacy_word(c->cloud.redact.v[i]);
    return LT_OK;
}

enum lt_err lt_tier_new(struct lt_io *io, const struct lt_config *c, struct lt_budget *budget,
                        struct lt_tier **out, struct lt_diag *diag)
{
    struct lt_tier *t = calloc(1, sizeof *t);
    if (!t) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    t->io = io;
    t->config = c;
    t->budget = budget;
    enum lt_err err = set_rules(t, c);
    for (size_t i = 0; i < c->cloud.n_endpoints; i++)
        add_endpoint(t, &c->cloud.endpoints[i], c->cloud.timeout_ms);
    if (!err) err = load_prices(t, c->cloud.price_file, diag);
    if (!err) look_for_prices(t);
    struct lt_http_options http = {.ca_file = *c->cloud.ca_file ? c->cloud.ca_file : NULL};
    if (!err && t->n_endpoints) err = lt_http_new(io, &http, &t->http, diag);
    if (!err && t->n_endpoints) err = lt_cloud_new(io, t->http, t->prices, 0, &t->cloud, diag);
    if (err) {
        lt_tier_free(t);
        return err;
    }
    *out = t;
    return LT_OK;
}

enum lt_err lt_tier_book(struct lt_tier *t, struct lt_store *store, struct lt_worker *writer,
                         struct lt_diag *diag)
{
    const struct lt_config *c = t->config;
    int64_t now = lt_now_unix_ms();
    t->store = store;
    t->writer = writer;
    if (c->cloud.usd_per_site_day <= 0) return LT_OK;
    t->sites = calloc(c->sites.n, sizeof *t->sites);
    if (!t->sites) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < c->sites.n; i++) {
        struct site_budget *s = &t->sites[i];
        s->site = c->sites.v[i];
        lt_budget_init(&s->budget, now);
        s->budget.day_cap_usd_micro = (int64_t)(c->cloud.usd_per_site_day * 1e6);
        enum lt_err err = lt_store_spend_sum(store, s->site, LT_SPEND_DAY, now,
                                             &s->budget.day_spent_usd_micro, diag);
        if (err) return err;
    }
    return LT_OK;
}

void lt_tier_free(struct lt_tier *t)
{
    if (!t) return;
    t->writer = NULL; /* it has stopped */
    while (t->asks) ask_free(t->asks);
    lt_cloud_free(t->cloud);
    lt_http_free(t->http);
    lt_prices_free(t->prices);
    for (int i = 0; i < t->n_endpoints; i++) lt_secret_free(t->endpoints[i].key);
    free(t->names);
    free(t->sites);
    free(t);
}

const char *lt_tier_fault(const struct lt_tier *t)
{
    return t->fault;
}

void lt_tier_closed(const struct lt_tier *t, lt_us now_us, int *is_open, int n)
{
    for (int i = 0; i < n; i++)
        is_open[i] = i >= t->n_endpoints || t->endpoints[i].is_unusable ||
                     /* one that named a short time is waited for */
                     !lt_breaker_allows(&t->endpoints[i].breaker,
                                        now_us + (t->endpoints[i].breaker.is_told ? 1000000 : 0));
}

struct lt_budget *lt__tier_site_budget(struct lt_tier *t, const char *site)
{
    for (size_t i = 0; t->sites && i < t->config->sites.n; i++)
        if (!strcmp(t->sites[i].site, site)) return &t->sites[i].budget;
    return NULL;
}

int64_t lt_tier_site_left(struct lt_tier *t, const char *site)
{
    struct lt_budget *b = lt__tier_site_budget(t, site);
    if (!b) return LT_BUDGET_UNLIMITED;
    lt_budget_roll(b, lt_now_unix_ms());
    return lt_budget_left(b);
}

void lt_tier_set_private_areas(struct lt_tier *t, const char *const *areas)
{
    t->rules.private_areas = areas;
    t->rules_version++;
}

int lt_tier_counts(const struct lt_tier *t, int i, struct lt_tier_counts *out)
{
    if (i >= t->n_endpoints) return 0;
    *out = t->endpoints[i].counts;
    out->breaker = t->endpoints[i].breaker.state;
    return 1;
}

int64_t lt_tier_typical_usd_micro(const struct lt_tier *t)
{
    struct lt_cloud_usage u = {.input_tokens = 1500, .output_tokens = 80, .price_percent = 100};
    int64_t n = 0, cost = 0;
    for (int i = 0; i < t->n_endpoints; i++) {
        n += t->endpoints[i].counts.by_class[LT_CLS_OK];
        cost += t->endpoints[i].counts.cost_usd_micro;
    }
    if (n && cost) return cost / n;
    for (int i = 0; !cost && i < t->n_endpoints; i++)
        (void)lt_cost_of(t->prices, t->endpoints[i].counts.provider, t->endpoints[i].counts.model,
                         &u, lt_now_unix_ms(), &cost);
    return cost;
}
