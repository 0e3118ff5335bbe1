/* replay.c - facts from a row, the decision again, and two columns to compare. */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "lt/adapter.h"
#include "lt/json.h"
#include "privacy.h"

#define TYPICAL_PROMPT_TOKENS 1500
#define TYPICAL_ANSWER_TOKENS 80

int64_t lt_typical_usd_micro(const struct lt_config *c, const struct lt_prices *prices,
                             int64_t now_unix_ms)
{
    struct lt_cloud_usage u = {.input_tokens = TYPICAL_PROMPT_TOKENS,
                               .output_tokens = TYPICAL_ANSWER_TOKENS,
                               .price_percent = 100};
    int64_t cost = 0;
    for (size_t i = 0; !cost && i < c->cloud.n_endpoints; i++) {
        const struct lt_config_endpoint *e = &c->cloud.endpoints[i];
        const struct lt_adapter *a = lt_adapter_find(e->provider);
        const char *model = *e->model ? e->model : a ? a->default_model : NULL;
        (void)lt_cost_of(prices,
                         *e->price_as ? e->price_as
                         : a          ? a->provider
                                      : NULL,
                         model, &u, now_unix_ms, &cost);
    }
    return cost;
}

enum lt_err lt_replay_init(struct lt_replay *r, const struct lt_config *c,
                           int64_t mean_cloud_usd_micro, int64_t first_unix_ms)
{
    memset(r, 0, sizeof *r);
    r->deadline_ms = c->limits.deadline_ms;
    r->mean_cloud_usd_micro = mean_cloud_usd_micro;
    lt_budget_init(&r->budget, first_unix_ms);
    lt_gateway_budget_caps(&r->budget, c);
    return lt_gateway_policy_init(&r->policy, c);
}

void lt_replay_fini(struct lt_replay *r)
{
    lt_gateway_policy_fini(&r->policy);
}

static int route_of(const char *word)
{
    for (int i = 0; word && i < LT_ROUTE_COUNT; i++)
        if (!strcmp(word, lt_route_word((enum lt_route)i))) return i;
    return -1;
}

/* Was the network's own answer wrong? 0 or 1 where a label tells, else what confidence makes likely. */
static double error_of(const struct lt_trace_row *row, const json_t *local)
{
    double guess = row->confidence < 0 ? 1 : row->confidence > 1 ? 0 : 1 - row->confidence;
    if (!row->label_source) return guess;
    if (row->label_calls_json) {
        json_t *right = NULL;
        if (lt_json_parse(row->label_calls_json, strlen(row->label_calls_json),
                          LT_DOC_MAX_BYTES_REQUEST, &right, NULL))
            return guess;
        guess = !json_equal(local, right);
        json_decref(right);
    } else if (row->route && !strcmp(row->route, "local")) {
        guess = !row->label_is_correct;
    }
    return guess;
}

static void decide(struct lt_replay *r, const struct lt_trace_row *row,
                   const struct lt_catalog *catalog, const json_t *local, struct lt_decision *d)
{
    time_t t = (time_t)(row->received_unix_ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    lt_budget_roll(&r->budget, row->received_unix_ms);
    const struct lt_policy *p = &r->policy.policy;
    struct lt_facts f = {.site = row->site,
                         .here = row->here,
                         .lang = row->lang,
                         .hour = tm.tm_hour,
                         .left_ms = row->deadline_ms ? row->deadline_ms : r->deadline_ms,
                         .budget_left_usd_micro = lt_budget_left(&r->budget),
                         .spent_usd_micro = r->budget.day_spent_usd_micro,
                         .is_private =
                             lt_privacy_is_private(catalog, p->never_cloud_areas, row->text),
                         /* what was in memory then is answered from memory again */
                         .cached_calls = row->route && !strcmp(row->route, "cache") ? local : NULL};
    struct lt_local l = {local, row->confidence};
    lt_router_decide(p, catalog, &f, &l, d, NULL);
}

void lt_replay_row(struct lt_replay *r, const struct lt_trace_row *row,
                   const struct lt_catalog *catalog)
{
    struct lt_decision d;
    json_t *local = NULL;
    int from = route_of(row->route);
    if (from < 0 || !catalog || row->is_dry_run ||
        (row->local_calls_json &&
         lt_json_parse(row->local_calls_json, strlen(row->local_calls_json),
                       LT_DOC_MAX_BYTES_REQUEST, &local, NULL))) {
        r->n_skipped++;
        return;
    }
    decide(r, row, catalog, local, &d);
    double error = error_of(row, local);
    int to = (int)d.route;
    r->n++;
    r->before.by_route[from]++;
    r->after.by_route[to]++;
    r->moved[from][to]++;
    if (from == LT_ROUTE_LOCAL) r->before.errors += error;
    if (to == LT_ROUTE_LOCAL) r->after.errors += error;
    r->before.cost_usd_micro += row->cost_usd_micro;
    if (to == LT_ROUTE_CLOUD) {
        int64_t cost = row->cost_usd_micro ? row->cost_usd_micro : r->mean_cloud_usd_micro;
        r->after.cost_usd_micro += cost;
        if (lt_budget_reserve(&r->budget, cost)) lt_budget_settle(&r->budget, cost, cost);
    }
    json_decref(local);
}

/* Answers that nothing outside was asked for. */
static double home_share(const struct lt_replay_side *s, int64_t n)
{
    return n ? (double)(n - s->by_route[LT_ROUTE_CLOUD]) / (double)n : 0;
}

static json_t *side_json(const struct lt_replay_side *s, int64_t n)
{
    json_t *routes = json_object();
    for (int i = 0; i < LT_ROUTE_COUNT; i++)
        if (s->by_route[i])
            json_object_set_new(routes, lt_route_word((enum lt_route)i),
                                json_integer(s->by_route[i]));
    return json_pack("{s:o,s:f,s:f,s:I}", "routes", routes, "home_share", home_share(s, n),
                     "expected_errors", s->errors, "cost_usd_micro", (json_int_t)s->cost_usd_micro);
}

json_t *lt_replay_json(const struct lt_replay *r)
{
    json_t *moved = json_array();
    for (int a = 0; a < LT_ROUTE_COUNT; a++)
        for (int b = 0; b < LT_ROUTE_COUNT; b++)
            if (a != b && r->moved[a][b])
                json_array_append_new(moved, json_pack("{s:s,s:s,s:I}", "from",
                                                       lt_route_word((enum lt_route)a), "to",
                                                       lt_route_word((enum lt_route)b), "traces",
                                                       (json_int_t)r->moved[a][b]));
    return json_pack("{s:I,s:I,s:o,s:o,s:o}", "traces", (json_int_t)r->n, "skipped",
                     (json_int_t)r->n_skipped, "before", side_json(&r->before, r->n), "after",
                     side_json(&r->after, r->n), "moved", moved);
}

int lt_replay_print(const struct lt_replay *r)
{
    const struct lt_replay_side *a = &r->before, *b = &r->after;
    printf("%-22s %10s %10s %10s\n", "", "before", "after", "change");
    for (int i = 0; i < LT_ROUTE_COUNT; i++)
        if (a->by_route[i] || b->by_route[i])
            printf("%-22s %10lld %10lld %+10lld\n", lt_route_word((enum lt_route)i),
                   (long long)a->by_route[i], (long long)b->by_route[i],
                   (long long)(b->by_route[i] - a->by_route[i]));
    double x = 100 * home_share(a, r->n), y = 100 * home_share(b, r->n);
    printf("%-22s %9.1f%% %9.1f%% %+9.1f%%\n", "answered at home", x, y, y - x);
    printf("%-22s %10.1f %10.1f %+10.1f\n", "expected local errors", a->errors, b->errors,
           b->errors - a->errors);
    printf("%-22s %10.4f %10.4f %+10.4f\n", "cost (USD)", (double)a->cost_usd_micro / 1e6,
           (double)b->cost_usd_micro / 1e6, (double)(b->cost_usd_micro - a->cost_usd_micro) / 1e6);
    for (int f = 0; f < LT_ROUTE_COUNT; f++)
        for (int t = 0; t < LT_ROUTE_COUNT; t++)
            if (f != t && r->moved[f][t])
                printf("%s -> %s: %lld\n", lt_route_word((enum lt_route)f),
                       lt_route_word((enum lt_route)t), (long long)r->moved[f][t]);
    printf("%lld traces, %lld left out (dry run, undecided, or catalogue gone)\n", (long long)r->n,
           (long long)r->n_skipped);
    return !fflush(stdout);
}

/* ---- the command ---- */

struct pass {
    struct lt_store *store;
    struct lt_replay replay;
    struct lt_docs *docs;
    char hash[LT_SHA256_HEX_CAP]; /* of the catalogue at hand */
    struct lt_catalog *catalog;
    int64_t n_cloud, cloud_usd_micro, first_unix_ms;
};

static int count_row(const struct lt_trace_row *row, void *user)
{
    struct pass *p = user;
    if (!p->first_unix_ms) p->first_unix_ms = row->received_unix_ms;
    if (row->cost_usd_micro > 0) {
        p->n_cloud++;
        p->cloud_usd_micro += row->cost_usd_micro;
    }
    return 0;
}

static int replay_row(const struct lt_trace_row *row, void *user)
{
    struct pass *p = user;
    char *text = NULL;
    if (row->catalog_hash && strcmp(p->hash, row->catalog_hash) != 0) {
        lt_catalog_unref(p->catalog);
        p->catalog = NULL;
        snprintf(p->hash, sizeof p->hash, "%s", row->catalog_hash);
        if (!lt_store_catalog_get(p->store, p->hash, &text, NULL) &&
            lt_catalog_parse(p->docs, text, strlen(text), &p->catalog, NULL))
            p->catalog = NULL;
        free(text);
    }
    lt_replay_row(&p->replay, row, row->catalog_hash ? p->catalog : NULL);
    return 0;
}

enum lt_err lt_replay_run(struct lt_store *s, const char *policy_path, const char *site,
                          int64_t since_unix_ms, int is_json, struct lt_diag *diag)
{
    struct pass p = {.store = s};
    struct lt_config c;
    struct lt_prices *prices = NULL;
    struct lt_trace_filter f = {.site = site, .since_unix_ms = since_unix_ms, .is_oldest_first = 1};
    enum lt_err err = lt_config_load(policy_path, &c, diag);
    if (err) return err;
    err = lt_docs_open(&p.docs, diag);
    if (!err) err = lt_prices_load(*c.cloud.price_file ? c.cloud.price_file : NULL, &prices, diag);
    if (!err) err = lt_store_trace_list(s, &f, count_row, &p, diag);
    int64_t mean = err         ? 0
                   : p.n_cloud ? p.cloud_usd_micro / p.n_cloud
                               : lt_typical_usd_micro(&c, prices, lt_now_unix_ms());
    if (!err) err = lt_replay_init(&p.replay, &c, mean, p.first_unix_ms);
    if (!err) {
        err = lt_store_trace_list(s, &f, replay_row, &p, diag);
        json_t *o = !err && is_json ? lt_replay_json(&p.replay) : NULL;
        if (!err && !(is_json ? lt_cli_print_json(o) : lt_replay_print(&p.replay)))
            err = lt_fail(diag, LT_ERR_IO, "cannot write to stdout");
        json_decref(o);
        lt_replay_fini(&p.replay);
    }
    lt_catalog_unref(p.catalog);
    lt_prices_free(prices);
    lt_docs_close(p.docs);
    lt_config_free(&c);
    return err;
}

void lt_stats_add_saved(json_t *stats, const struct lt_config *c)
{
    const json_t *routes = json_object_get(stats, "routes");
    int64_t n_home = json_integer_value(json_object_get(routes, "local")) +
                     json_integer_value(json_object_get(routes, "cache"));
    int64_t n_cloud = json_integer_value(json_object_get(routes, "cloud"));
    int64_t cost = json_integer_value(json_object_get(stats, "cost_usd_micro")), each;
    int is_measured = n_cloud > 0 && cost > 0;
    struct lt_prices *prices = NULL;
    if (is_measured) {
        each = cost / n_cloud;
    } else {
        if (lt_prices_load(*c->cloud.price_file ? c->cloud.price_file : NULL, &prices, NULL))
            return;
        each = lt_typical_usd_micro(c, prices, lt_now_unix_ms());
        lt_prices_free(prices);
    }
    if (!each) return; /* no endpoint, or none that costs anything: nothing was saved */
    json_object_set_new(stats, "saved",
                        json_pack("{s:I,s:I,s:I,s:s}", "usd_micro", (json_int_t)(n_home * each),
                                  "requests", (json_int_t)n_home, "each_usd_micro",
                                  (json_int_t)each, "each_is",
                                  is_measured ? "mean of the cloud answers here"
                                              : "a typical request by the price list"));
}
