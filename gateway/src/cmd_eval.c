/* cmd_eval.c - `lintel eval`: run a data file through the network and the gate, print the scores.
 *
 * Nothing is sent anywhere: what the gate would hand on has route "cloud" and still carries the
 * local calls and the confidence, so that any threshold can be studied afterwards. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/budget.h"
#include "lt/clock.h"
#include "lt/docs.h"
#include "lt/router.h"
#include "model.h"
#include "san/data.h"
#include "san/engine.h"
#include "san/home_eval.h"
#include "san/model_file.h"
#include "san/retrieval_eval.h"
#include "san/score.h"

enum {
    OPT_TOOLS,
    OPT_HOMES,
    OPT_MODEL,
    OPT_OUT,
    OPT_BY,
    OPT_GATE,
    OPT_THREADS,
    OPT_LIMIT,
    OPT_JSON,
    OPT_ERRORS,
    OPT_DATA,
    OPT_RETRIEVAL,
    OPT_ENTITIES,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_TOOLS] = {"tools", 0, "FILE", "tools that lines name by key"},
    [OPT_HOMES] = {"homes", 0, "FILE", "homes that lines name by id"},
    [OPT_MODEL] = {"model", 0, "FILE", "network (default: the shipped one)"},
    [OPT_OUT] = {"out", 0, "FILE", "write one result object per line"},
    [OPT_BY] = {"by", 0, "FIELD", "group the table by this field (default source)"},
    [OPT_GATE] = {"gate", 0, "X", "least confidence to answer locally (default 0.85)"},
    [OPT_THREADS] = {"threads", 0, "N", "lines answered at the same time (default 1)"},
    [OPT_LIMIT] = {"limit", 0, "N", "read at most N lines"},
    [OPT_JSON] = {"json", 0, NULL, "print the scores as JSON"},
    [OPT_ERRORS] = {"errors", 0, NULL, "list the wrong answers on standard error"},
    [OPT_DATA] = {"data", 'd', "FILE", "data lines, plain or gzip; further files may follow"},
    [OPT_RETRIEVAL] = {"retrieval", 0, "N",
                       "only rank N tools of the data for each line that calls one"},
    [OPT_ENTITIES] = {"entities", 0, "N",
                      "only look whether the device meant is seen in its home grown to N devices"},
};
static const struct lt_cli_spec spec = {
    "lintel eval --data FILE [options] [FILE...]",
    "Answer every line of data files with the network, compare with the expected answers and "
    "print\n"
    "scores, calibration and risk-coverage. Nothing is sent anywhere: what the gate would hand on\n"
    "has route \"cloud\" and still carries the local calls.",
    options, N_OPTIONS};

#define MAX_FILES   16
#define MAX_GROUPS  256
#define MAX_THREADS 64

struct group {
    char name[64];
    struct san_tally tally;
};

struct eval {
    const char *files[MAX_FILES];
    int n_files;
    const char *tools, *homes, *model, *out_path, *by;
    double gate;
    int n_threads, is_json, has_errors;
    int n_tools, n_entities; /* of --retrieval and --entities; 0: not asked for */
    size_t limit;
    /* shared by the workers, under the lock */
    pthread_mutex_t lock;
    struct san_engine *engine;
    struct lt_docs *docs;
    struct san_cases cases;
    size_t next;
    json_t **results; /* (n) result objects */
    int64_t *total_us;
    enum lt_err err;
    struct lt_diag diag;
};

/* The router's decision on the network's answer, as a gateway with a cloud would take it. */
static void decide(const struct eval *e, json_t *catalog_json, const char *here,
                   const json_t *calls, double confidence, struct lt_decision *out)
{
    struct lt_policy policy;
    struct lt_provider_rule provider = {.name = "cloud"};
    struct lt_facts facts = {.site = "eval",
                             .here = here,
                             .left_ms = INT64_MAX,
                             .budget_left_usd_micro = LT_BUDGET_UNLIMITED};
    struct lt_local local = {.calls = calls, .confidence = confidence};
    struct lt_catalog *catalog = NULL;
    struct lt_diag ignored = {0}; /* a catalogue the gateway would refuse answers nothing locally */
    if (lt_catalog_new(e->docs, catalog_json, &catalog, &ignored)) catalog = NULL;
    lt_policy_init(&policy);
    policy.gate = policy.gate_nothing = e->gate;
    policy.providers = &provider;
    policy.n_providers = 1;
    lt_router_decide(&policy, catalog, &facts, &local, out, NULL);
    lt_catalog_unref(catalog);
}

/* Answer one case; *result is a new reference. */
static enum lt_err answer(struct eval *e, const json_t *c, json_t **result, int64_t *total_us,
                          struct lt_diag *diag)
{
    struct san_catalog *catalog = NULL;
    struct san_answer a = {0};
    json_t *home = json_object_get(c, "home");
    json_t *json = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
    if (json_is_object(home)) json_object_set(json, "home", home);
    char *text = json_dumps(json, JSON_COMPACT);
    struct san_request req = {.text = json_string_value(json_object_get(c, "query")),
                              .here = json_string_value(json_object_get(home, "here"))};
    enum lt_err err =
        text ? san_catalog_new(e->engine, text, strlen(text), &catalog, diag) : LT_ERR_NOMEM;
    lt_us t0 = lt_now_us();
    if (!err) err = san_call(e->engine, catalog, &req, &a, diag);
    *total_us = lt_now_us() - t0;
    free(text);
    if (!err) {
        struct lt_decision d;
        json_t *calls = json_loads(a.calls_json, 0, NULL);
        decide(e, json, req.here, calls, a.confidence, &d);
        *result = json_pack("{s:O?, s:s, s:O, s:f, s:s, s:{s:I, s:I, s:I}, s:s}", "id",
                            json_object_get(c, "id"), "route", lt_route_word(d.route), "calls",
                            calls, "confidence", a.confidence, "model",
                            san_engine_model_name(e->engine), "latency_us", "total",
                            (json_int_t)*total_us, "encode", (json_int_t)a.encode_us, "decode",
                            (json_int_t)a.decode_us, "why", lt_why_code(d.why));
        json_decref(calls);
        if (!*result) err = LT_ERR_NOMEM;
    }
    san_answer_free(&a);
    san_catalog_unref(catalog);
    json_decref(json);
    return err;
}

static void *work(void *arg)
{
    struct eval *e = arg;
    for (;;) {
        pthread_mutex_lock(&e->lock);
        size_t i = e->err ? e->cases.n : e->next++;
        pthread_mutex_unlock(&e->lock);
        if (i >= e->cases.n) return NULL;
        struct lt_diag diag = {0};
        enum lt_err err = answer(e, e->cases.p[i], &e->results[i], &e->total_us[i], &diag);
        if (!err) continue;
        /* one odd line does not end an evaluation: it counts as handed on */
        fprintf(stderr, "lintel eval: line %zu: %s\n", i + 1, lt_diag_text(&diag, err));
        if (err != LT_ERR_NOMEM) continue;
        pthread_mutex_lock(&e->lock);
        e->err = err;
        pthread_mutex_unlock(&e->lock);
    }
}

/* ---- the table ---- */

static struct group *group_of(struct group *groups, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (!strcmp(groups[i].name, name)) return &groups[i];
    if (*n == MAX_GROUPS) return &groups[MAX_GROUPS - 1]; /* the last group takes the rest */
    snprintf(groups[*n].name, sizeof groups[*n].name, "%s", name);
    return &groups[(*n)++];
}

static double share(int a, int b)
{
    return b ? 100.0 * a / b : 0;
}

static void print_row(const char *name, const struct san_tally *t)
{
    printf("%-22.22s %5d  %6.2f %6.2f %6.2f  %6.2f  %6.2f %6.2f  %6.2f %6.2f  %6.1f %6.1f %6.1f  "
           "%.3f %.3f\n",
           name, t->n, share(t->name, t->n), share(t->exact, t->n), share(t->equiv, t->n),
           share(t->call_equiv, t->n_call), share(t->nothing_hit, t->nothing_made),
           share(t->nothing_hit, t->n_nothing), share(t->n_local, t->n),
           share(t->local_right, t->n_local), 100 * san_tally_coverage(t, 0.99),
           100 * san_tally_coverage(t, 0.97), 100 * san_tally_coverage(t, 0.95), san_tally_ece(t),
           san_tally_brier(t));
}

static json_t *row_json(const struct san_tally *t)
{
    return json_pack(
        "{s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "n", t->n, "name",
        share(t->name, t->n), "exact", share(t->exact, t->n), "equiv", share(t->equiv, t->n),
        "calls_equiv", share(t->call_equiv, t->n_call), "nothing_precision",
        share(t->nothing_hit, t->nothing_made), "nothing_recall",
        share(t->nothing_hit, t->n_nothing), "local", share(t->n_local, t->n), "local_precision",
        share(t->local_right, t->n_local), "cover_99", 100 * san_tally_coverage(t, 0.99),
        "cover_97", 100 * san_tally_coverage(t, 0.97), "cover_95",
        100 * san_tally_coverage(t, 0.95), "ece", san_tally_ece(t), "brier", san_tally_brier(t));
}

static int by_us(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_group(const void *a, const void *b)
{
    return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

static enum lt_err tally(struct eval *e, struct group *groups, int *n_groups, struct san_tally *all,
                         FILE *out)
{
    enum lt_err err = LT_OK;
    for (size_t i = 0; i < e->cases.n && !err; i++) {
        const json_t *c = e->cases.p[i], *r = e->results[i];
        json_t *none = r ? NULL : json_array();
        const json_t *calls = r ? json_object_get(r, "calls") : none;
        const char *route = r ? json_string_value(json_object_get(r, "route")) : "cloud";
        struct san_judgement j = san_judge(c, calls);
        if (!r) j = (struct san_judgement){.is_nothing_expected = j.is_nothing_expected};
        double confidence = r ? json_number_value(json_object_get(r, "confidence")) : 0;
        int is_local = !strcmp(route, "local") || !strcmp(route, "none");
        const char *name = json_string_value(json_object_get(c, e->by));
        struct group *g = group_of(groups, n_groups, name ? name : "?");
        err = san_tally_add(&g->tally, &j, confidence, is_local);
        if (!err) err = san_tally_add(all, &j, confidence, is_local);
        if (r && out) {
            json_dumpf(r, out, JSON_COMPACT);
            fputc('\n', out);
        }
        if (e->has_errors && !j.equiv) {
            char *want = json_dumps(json_object_get(c, "answers"), JSON_COMPACT);
            char *have = json_dumps(calls, JSON_COMPACT);
            fprintf(stderr, "%.2f  %s: %s\n        want %s\n        got  %s\n", confidence,
                    name ? name : "?", json_string_value(json_object_get(c, "query")), want, have);
            free(want);
            free(have);
        }
        json_decref(none);
    }
    return err;
}

static void print_scores(struct eval *e, struct group *groups, int n_groups,
                         const struct san_tally *all, double seconds)
{
    size_t n = e->cases.n;
    qsort(groups, (size_t)n_groups, sizeof *groups, by_group);
    qsort(e->total_us, n, sizeof *e->total_us, by_us);
    if (e->is_json) {
        json_t *by = json_object();
        for (int i = 0; i < n_groups; i++)
            json_object_set_new(by, groups[i].name, row_json(&groups[i].tally));
        json_t *root =
            json_pack("{s:s,s:f,s:o,s:o,s:{s:I,s:I}}", "model", san_engine_model_name(e->engine),
                      "gate", e->gate, "all", row_json(all), "by", by, "latency_us", "p50",
                      (json_int_t)(n ? e->total_us[n / 2] : 0), "p99",
                      (json_int_t)(n ? e->total_us[n * 99 / 100] : 0));
        json_dumpf(root, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(root);
        return;
    }
    printf("%-22s %5s  %6s %6s %6s  %6s  %6s %6s  %6s %6s  %6s %6s %6s  %5s %5s\n", e->by, "n",
           "tool", "exact", "whole", "calls", "[]prec", "[]rec", "local", "right", "@99%", "@97%",
           "@95%", "ECE", "Brier");
    for (int i = 0; i < n_groups; i++) print_row(groups[i].name, &groups[i].tally);
    print_row("ALL", all);
    if (n)
        printf("%zu lines in %.1f s; one answer p50 %.2f ms, p99 %.2f ms (catalogue encoded)\n", n,
               seconds, (double)e->total_us[n / 2] / 1000,
               (double)e->total_us[n * 99 / 100] / 1000);
}

/* ---- retrieval alone ---- */

static void print_miss(const char *query, const char *missed)
{
    fprintf(stderr, "not seen: %s | %s\n", missed, query);
}

static enum lt_err print_tools(const struct eval *e, const struct san_hparams *h,
                               const struct san_params *p, const struct san_pieces *pieces,
                               const struct san_cases *cases, struct lt_diag *diag)
{
    static const char *const names[] = {"vector", "words", "both"};
    struct san_retrieval_score s;
    enum lt_err err = san_retrieval_eval(h, p, pieces, cases, e->n_tools, &s, diag);
    if (!err)
        printf("%d lines, %.0f tools each\nranked by   top 1   top 5  top 20\n", s.n, s.mean_tools);
    for (int i = 0; i < 3 && !err; i++)
        printf("%-9s %7.2f %7.2f %7.2f\n", names[i], 100 * s.top1[i], 100 * s.top5[i],
               100 * s.top20[i]);
    return err;
}

static enum lt_err print_entities(const struct eval *e, const struct san_pieces *pieces,
                                  const struct san_cases *cases, struct lt_diag *diag)
{
    struct san_home_score s;
    enum lt_err err =
        san_home_eval(pieces, cases, e->n_entities, e->has_errors ? print_miss : NULL, &s, diag);
    if (!err)
        printf(
            "%d lines, homes of %d devices\n"
            "devices meant: %d, seen %.2f %% (among %d shown)\n"
            "areas meant:   %d, seen %.2f %% (among %d shown)\n"
            "counted apart: %d that share all words said of them with %d others or more, of which "
            "%.2f %% seen\n"
            "not counted: %d that no word of the utterance names\n"
            "looked up in %.0f us (p50)\n",
            s.n_cases, s.n_in_home, s.n_entities, 100 * s.entities, SAN_SHOW_ENTITIES, s.n_areas,
            100 * s.areas, SAN_SHOW_AREAS, s.n_ambiguous, SAN_SHOW_ENTITIES, 100 * s.ambiguous,
            s.n_unnamed, s.us);
    return err;
}

static enum lt_err retrieval(const struct eval *e, struct lt_diag *diag)
{
    struct san_hparams h;
    struct san_params p = {0};
    struct san_tokenizer *tokenizer = NULL;
    struct san_pieces pieces;
    struct san_cases cases = {0};
    struct san_data_report report = {0};
    enum lt_err err = san_model_load(e->model, &h, &p, &tokenizer, NULL, diag);
    if (!err && !tokenizer)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED, "%s: holds no tokenizer", e->model);
    if (!err) err = san_pieces_init(&pieces, tokenizer, h.grammar, diag);
    for (int i = 0; i < e->n_files && !err; i++)
        err = san_cases_load(&cases, e->files[i], e->limit, NULL, &report, diag);
    if (!err && e->n_tools) err = print_tools(e, &h, &p, &pieces, &cases, diag);
    if (!err && e->n_entities) err = print_entities(e, &pieces, &cases, diag);
    san_cases_free(&cases);
    san_params_free(&p);
    san_tokenizer_free(tokenizer);
    return err;
}

/* ---- the command ---- */

static enum lt_err run(struct eval *e, struct lt_diag *diag)
{
    struct san_lookup *lookup = NULL;
    struct san_data_report report = {0};
    static struct group groups[MAX_GROUPS];
    struct san_tally all = {0};
    int n_groups = 0;
    FILE *out = NULL;
    pthread_t threads[MAX_THREADS];
    int n_started = 0;
    enum lt_err err = lt_docs_open(&e->docs, diag);
    if (!err) err = san_engine_open(e->model, &e->engine, diag);
    if (!err && (e->tools || e->homes)) err = san_lookup_new(e->tools, e->homes, &lookup, diag);
    for (int i = 0; i < e->n_files && !err; i++) {
        size_t left = e->limit ? e->limit - e->cases.n : 0;
        if (!e->limit || left)
            err = san_cases_load(&e->cases, e->files[i], left, lookup, &report, diag);
    }
    for (int i = 0; i < report.n_samples && !err; i++)
        fprintf(stderr, "lintel eval: %s: %s (line skipped)\n", report.sample[i].where,
                report.sample[i].reason);
    if (!err && e->out_path && !(out = fopen(e->out_path, "w")))
        err = lt_fail_errno(diag, "cannot write %s", e->out_path);
    size_t n = e->cases.n;
    e->results = calloc(n + 1, sizeof(json_t *));
    e->total_us = calloc(n + 1, sizeof *e->total_us);
    if (!err && (!e->results || !e->total_us)) err = LT_ERR_NOMEM;
    lt_us t0 = lt_now_us();
    while (!err && n_started < e->n_threads - 1 &&
           !pthread_create(&threads[n_started], NULL, work, e))
        n_started++;
    if (!err) work(e);
    for (int i = 0; i < n_started; i++) pthread_join(threads[i], NULL);
    double seconds = (double)(lt_now_us() - t0) / 1e6;
    if (!err) err = e->err;
    if (!err) err = tally(e, groups, &n_groups, &all, out);
    if (!err) print_scores(e, groups, n_groups, &all, seconds);
    if (!err && report.n_bad)
        fprintf(stderr, "lintel eval: %llu bad lines were skipped\n",
                (unsigned long long)report.n_bad);
    if (out && fclose(out) && !err) err = lt_fail_errno(diag, "cannot write %s", e->out_path);
    for (size_t i = 0; i < n && e->results; i++) json_decref(e->results[i]);
    free(e->results);
    free(e->total_us);
    for (int i = 0; i < n_groups; i++) san_tally_free(&groups[i].tally);
    san_tally_free(&all);
    san_cases_free(&e->cases);
    san_lookup_free(lookup);
    san_engine_close(e->engine);
    lt_docs_close(e->docs);
    return err;
}

int lt_cmd_eval(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    struct eval e = {.tools = value[OPT_TOOLS],
                     .homes = value[OPT_HOMES],
                     .model = value[OPT_MODEL],
                     .out_path = value[OPT_OUT],
                     .by = value[OPT_BY] ? value[OPT_BY] : "source",
                     .gate = 0.85,
                     .is_json = value[OPT_JSON] != NULL,
                     .has_errors = value[OPT_ERRORS] != NULL};
    int64_t n_threads = 1, limit = 0, n_tools = 0, n_entities = 0;
    char shipped[1024];
    if (!lt_cli_num(&spec, "gate", value[OPT_GATE], 0, 1, &e.gate) ||
        !lt_cli_int(&spec, "threads", value[OPT_THREADS], 1, MAX_THREADS, &n_threads) ||
        !lt_cli_int(&spec, "retrieval", value[OPT_RETRIEVAL], 2, 10000, &n_tools) ||
        !lt_cli_int(&spec, "entities", value[OPT_ENTITIES], 2, SAN_CATALOG_MAX_ENTITIES,
                    &n_entities) ||
        !lt_cli_int(&spec, "limit", value[OPT_LIMIT], 1, INT32_MAX, &limit))
        return LT_EXIT_USAGE;
    e.n_threads = (int)n_threads;
    e.limit = (size_t)limit;
    if (value[OPT_DATA]) e.files[e.n_files++] = value[OPT_DATA];
    for (; first < argc; first++) {
        if (e.n_files == MAX_FILES) return lt_cli_usage(&spec, "at most %d files", MAX_FILES);
        e.files[e.n_files++] = argv[first];
    }
    if (!e.n_files) return lt_cli_usage(&spec, "--data FILE is needed");
    if (!e.model && !lt_config_find_shipped(LT_MODEL_SHIPPED, shipped, sizeof shipped))
        return lt_cli_usage(&spec, "no network is installed; name one with --model");
    if (!e.model) e.model = shipped;
    pthread_mutex_init(&e.lock, NULL);
    struct lt_diag diag = {0};
    e.n_tools = (int)n_tools;
    e.n_entities = (int)n_entities;
    enum lt_err err = n_tools || n_entities ? retrieval(&e, &diag) : run(&e, &diag);
    pthread_mutex_destroy(&e.lock);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
