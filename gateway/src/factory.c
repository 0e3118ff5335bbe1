/* factory.c - ask for a batch, keep what holds, until there is enough.
 *
 *   load file -> choose kind and tool -> reserve -> ask -> check each example -> append -> again */
#include "factory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli.h"
#include "io_uv.h"
#include "lt/budget.h"
#include "lt/cloud.h"
#include "lt/json.h"
#include "lt/store.h"
#include "privacy.h"

#define MAX_LINE_BYTES  (4u << 20)
#define MAX_QUERY_BYTES 2000
#define FOCUS_FREE      3 /* near-misses and talk need no balance between tools */

static const struct {
    const char *word;
    int percent;
    const char *wish;
} kinds[LT_FACTORY_KINDS] = {
    {"plain", 40, "Each query asks directly for something the tool %s does; the answer calls it."},
    {"varied", 30,
     "Each query asks for something the tool %s does, in a less direct way: indirect wishes, "
     "slang, "
     "half sentences, a typing or hearing error, two wishes in one; the answer calls it."},
    {"near-miss", 15,
     "Each query sounds as if it were for the tool %s, but is not: another tool is right, or none "
     "(an empty list of calls), for example because the thing named does not exist here."},
    {"nothing", 15,
     "Each query is something people say to such an assistant that no tool here answers (not even "
     "%s): small talk, knowledge, wishes it cannot fulfil. The list of calls is empty."},
};

struct factory {
    const struct lt_factory_options *o;
    struct lt_factory_report *report;
    FILE *to;
    json_t *seen;     /* normalised queries, as keys */
    int64_t *by_tool; /* lines that call tool i */
    json_t *tools, *home;
    char *prompt, *summary;
    struct lt_cloud_tools *submit;
    uv_loop_t loop;
    struct lt_io_uv io;
    struct lt_cloud *cloud;
    struct lt_budget budget;
};

/* ---- what is there ---- */

/* Count a line; 0 when its query is known already. */
static int take(struct factory *f, const char *query, const json_t *answers, const char *kind)
{
    char *key = lt_text_normal(query);
    int is_new = key && *key && !json_object_get(f->seen, key);
    if (is_new) json_object_set_new(f->seen, key, json_true());
    free(key);
    if (!is_new) return 0;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(answers, i), "name"));
        long tool = name ? lt_catalog_find_tool(f->o->catalog, name) : -1;
        if (tool >= 0) f->by_tool[tool]++;
    }
    for (int k = 0; kind && k < LT_FACTORY_KINDS; k++)
        if (!strcmp(kind, kinds[k].word)) f->report->by_kind[k]++;
    f->report->n_lines++;
    return 1;
}

/* Read the lines that are there; what was cut by a crash is cut off. */
static enum lt_err load(struct factory *f, struct lt_diag *diag)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    long good = 0;
    f->to = fopen(f->o->path, "a+e");
    if (!f->to) return lt_fail_errno(diag, "cannot write %s", f->o->path);
    rewind(f->to);
    while ((n = getline(&line, &cap, f->to)) > 0 && line[n - 1] == '\n') {
        json_t *o = NULL;
        const char *query;
        if (!lt_json_parse(line, (size_t)n, MAX_LINE_BYTES, &o, NULL) &&
            (query = json_string_value(json_object_get(o, "query"))))
            (void)take(f, query, json_object_get(o, "answers"),
                       json_string_value(json_object_get(o, "kind")));
        json_decref(o);
        good = ftell(f->to);
    }
    free(line);
    f->report->n_before = f->report->n_lines;
    if (ferror(f->to) || ftruncate(fileno(f->to), good) || fseek(f->to, 0, SEEK_END))
        return lt_fail_errno(diag, "cannot go on with %s", f->o->path);
    return LT_OK;
}

/* ---- what is asked for ---- */

/* The kind that lags most behind its share, and the tool with the fewest lines. */
static void choose(const struct factory *f, int *kind, size_t *tool)
{
    double worst = 1e9;
    size_t n = lt_catalog_n_tools(f->o->catalog);
    *kind = 0;
    for (int k = 0; k < LT_FACTORY_KINDS; k++) {
        double share = (double)f->report->by_kind[k] / kinds[k].percent;
        if (share < worst) {
            worst = share;
            *kind = k;
        }
    }
    *tool = 0;
    for (size_t i = 1; i < n; i++)
        if (f->by_tool[i] < f->by_tool[*tool]) *tool = i;
    if (*kind == LT_FACTORY_NEAR || *kind == LT_FACTORY_NOTHING)
        *tool = (size_t)f->report->n_lines / FOCUS_FREE % n;
}

static char *question(const struct factory *f, int kind, const char *tool)
{
    struct lt_buf b;
    char wish[512];
    int64_t k = f->report->n_lines;
    /* the wishes are our own texts with one %s each */
    const char *gap = strstr(kinds[kind].wish, "%s");
    snprintf(wish, sizeof wish, "%.*s%.128s%s", (int)(gap - kinds[kind].wish), kinds[kind].wish,
             tool, gap + 2);
    lt_buf_init(&b, 8192);
    enum lt_err err = lt_buf_addf(
        &b,
        "Write %d examples, all different from each other in wording, names and values (batch "
        "%lld, "
        "so do not repeat what comes to mind first). %s\nLanguages: %s. Hand them in with "
        "submit_examples. In each call arguments_json is the arguments as JSON text.",
        LT_FACTORY_BATCH, (long long)k, wish, f->o->langs ? f->o->langs : "English");
    char *text = err ? NULL : lt_buf_take(&b);
    lt_buf_free(&b);
    return text;
}

static enum lt_err prepare(struct factory *f, struct lt_diag *diag)
{
    static const char submit[] =
        "[{\"name\":\"submit_examples\",\"description\":\"Hand in examples.\",\"parameters\":{"
        "\"type\":\"object\",\"properties\":{\"examples\":{\"type\":\"array\",\"items\":{\"type\":"
        "\"object\",\"properties\":{\"query\":{\"type\":\"string\"},\"calls\":{\"type\":\"array\","
        "\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
        "\"arguments_json\":{\"type\":\"string\"}},\"required\":[\"name\",\"arguments_json\"],"
        "\"additionalProperties\":false}}},\"required\":[\"query\",\"calls\"],"
        "\"additionalProperties\":false}}},\"required\":[\"examples\"],"
        "\"additionalProperties\":false}}]";
    const json_t *catalog = lt_catalog_json(f->o->catalog);
    struct lt_privacy_rules none = {0};
    struct lt_veil_home *home = NULL;
    struct lt_buf b;
    f->tools = json_object_get(catalog, "tools");
    f->home = json_object_get(catalog, "home");
    char *tools = lt_json_dump(f->tools);
    lt_buf_init(&b, LT_CLOUD_MAX_BODY_BYTES);
    enum lt_err err = tools
                          ? lt_buf_addf(&b,
                                        "You write examples of what people say to an assistant and "
                                        "of the tool calls that are right. Calls must fit the "
                                        "schemas exactly and use only names that are listed.\n"
                                        "Tools:\n%s",
                                        tools)
                          : LT_ERR_NOMEM;
    free(tools);
    if (!err) f->prompt = lt_buf_take(&b);
    lt_buf_free(&b);
    if (!err && f->home) {
        err = lt_veil_home_new(f->o->catalog, &none, &home);
        if (!err) f->summary = strdup(lt_veil_home_summary(home));
        lt_veil_home_unref(home);
    }
    if (!err) err = lt_cloud_tools_new(submit, sizeof submit - 1, &f->submit, diag);
    f->seen = json_object();
    f->by_tool = calloc(lt_catalog_n_tools(f->o->catalog) + 1, sizeof *f->by_tool);
    if (!err && (!f->prompt || !f->seen || !f->by_tool)) err = LT_ERR_NOMEM;
    if (!err && !lt_catalog_n_tools(f->o->catalog))
        err = lt_fail(diag, LT_ERR_INVALID, "the catalogue has no tools to write examples for");
    return err;
}

/* ---- what came ---- */

/* {"name","arguments_json"} to {"name","arguments"}; NULL when one is not JSON. */
static json_t *answers_of(const json_t *calls)
{
    json_t *out = json_array(), *call;
    size_t i;
    json_array_foreach(calls, i, call)
    {
        const char *name = json_string_value(json_object_get(call, "name"));
        const char *text = json_string_value(json_object_get(call, "arguments_json"));
        json_t *arguments = NULL;
        if (!name || !text ||
            lt_json_parse(*text ? text : "{}", *text ? strlen(text) : 2, MAX_LINE_BYTES, &arguments,
                          NULL)) {
            json_decref(out);
            return NULL;
        }
        json_array_append_new(out, json_pack("{s:s,s:o}", "name", name, "arguments", arguments));
    }
    return out;
}

static int calls_tool(const json_t *answers, const char *tool)
{
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(answers, i), "name"));
        if (name && !strcmp(name, tool)) return 1;
    }
    return 0;
}

static int fits_kind(int kind, const char *tool, const json_t *answers)
{
    if (kind == LT_FACTORY_NOTHING) return !json_array_size(answers);
    if (kind == LT_FACTORY_NEAR) return !calls_tool(answers, tool);
    return calls_tool(answers, tool);
}

static enum lt_err write_line(struct factory *f, int kind, const char *query, json_t *answers,
                              struct lt_diag *diag)
{
    char id[32], source[160];
    snprintf(id, sizeof id, "cloud-%06lld", (long long)f->report->n_lines);
    snprintf(source, sizeof source, "cloud/%.40s/%.100s", f->o->provider, f->o->model);
    json_t *line =
        json_pack("{s:s,s:s,s:s,s:s,s:O,s:O}", "id", id, "source", source, "kind", kinds[kind].word,
                  "query", query, "tools", f->tools, "answers", answers);
    if (line && f->home) json_object_set(line, "home", f->home);
    char *text = line ? lt_json_dump(line) : NULL;
    json_decref(line);
    if (!text) return LT_ERR_NOMEM;
    int ok = fprintf(f->to, "%s\n", text) > 0;
    free(text);
    return ok ? LT_OK : lt_fail_errno(diag, "cannot write %s", f->o->path);
}

/* One example through all checks; `why` keeps the last reason for a refusal. */
static enum lt_err take_example(struct factory *f, int kind, const char *tool,
                                const json_t *example, struct lt_diag *why, struct lt_diag *diag)
{
    const char *query = json_string_value(json_object_get(example, "query"));
    json_t *answers = answers_of(json_object_get(example, "calls"));
    enum lt_err err = LT_OK;
    if (!query || !*query || strlen(query) > MAX_QUERY_BYTES || !answers ||
        lt_catalog_check_calls(f->o->catalog, answers, why))
        f->report->n_invalid++;
    else if (!fits_kind(kind, tool, answers))
        f->report->n_off_kind++;
    else if (!take(f, query, answers, kinds[kind].word))
        f->report->n_repeated++;
    else
        err = write_line(f, kind, query, answers, diag);
    json_decref(answers);
    return err;
}

struct batch {
    struct factory *f;
    int kind, is_over;
    const char *tool;
    int64_t reserved;
    enum lt_err err;
    struct lt_diag *why, *diag;
};

static void on_batch(void *ctx, const struct lt_cloud_result *r)
{
    struct batch *b = ctx;
    struct factory *f = b->f;
    json_t *given = NULL, *example;
    size_t i;
    b->is_over = 1;
    lt_budget_settle(&f->budget, b->reserved, r->cost_usd_micro);
    f->report->cost_usd_micro += r->cost_usd_micro;
    if (r->cls == LT_CLS_AUTH || r->cls == LT_CLS_QUOTA || r->cls == LT_CLS_NOT_FOUND) {
        b->err = lt_fail(b->diag, LT_ERR_INVALID, "%s", r->text); /* asking again cannot help */
        return;
    }
    if (!r->reply->n_calls ||
        lt_json_parse(r->reply->calls[0].arguments_json, strlen(r->reply->calls[0].arguments_json),
                      LT_CLOUD_MAX_ANSWER_BYTES, &given, NULL)) {
        f->report->n_failed++;
        lt_fail(b->why, LT_ERR_IO, "%s", *r->text ? r->text : "the model handed nothing in");
        return;
    }
    json_array_foreach(json_object_get(given, "examples"), i, example)
    {
        if (!b->err && f->report->n_lines < f->o->n)
            b->err = take_example(f, b->kind, b->tool, example, b->why, b->diag);
    }
    json_decref(given);
}

/* One batch; *is_spent when the budget does not cover it. */
static enum lt_err ask(struct factory *f, struct lt_diag *why, int *is_spent, struct lt_diag *diag)
{
    struct batch b = {.f = f, .why = why, .diag = diag};
    size_t tool;
    choose(f, &b.kind, &tool);
    b.tool = json_string_value(json_object_get(lt_catalog_tool(f->o->catalog, tool), "name"));
    char *text = question(f, b.kind, b.tool);
    if (!text) return LT_ERR_NOMEM;
    struct lt_cloud_request req = {.system_text = f->prompt,
                                   .home_summary = f->summary,
                                   .tools = f->submit,
                                   .utterance = text,
                                   .choice = LT_CHOICE_MUST,
                                   .is_one_call_only = true,
                                   .max_tokens = LT_FACTORY_MAX_TOKENS};
    size_t bytes = strlen(f->prompt) + (f->summary ? strlen(f->summary) : 0) + strlen(text) + 2048;
    enum lt_err err = LT_OK;
    if (!lt_cost_ceiling(f->o->prices, f->o->provider, f->o->model, bytes, LT_FACTORY_MAX_TOKENS,
                         lt_now_unix_ms(), &b.reserved))
        err = lt_fail(diag, LT_ERR_INVALID,
                      "the price list has no '%s' of %s, so the budget cannot hold", f->o->model,
                      f->o->provider);
    b.reserved *= LT_CLOUD_MAX_TRIES;
    *is_spent = !err && b.reserved > 0 && !lt_budget_reserve(&f->budget, b.reserved);
    if (!err && !*is_spent)
        err =
            lt_cloud_ask(f->cloud, f->o->endpoint, &req,
                         lt_now_us() + (lt_us)LT_FACTORY_WAIT_MS * 1000, on_batch, &b, NULL, diag);
    while (!err && !*is_spent && !b.is_over) uv_run(&f->loop, UV_RUN_ONCE);
    free(text);
    if (!err) err = b.err;
    if (!err && fflush(f->to)) err = lt_fail_errno(diag, "cannot write %s", f->o->path);
    return err;
}

static enum lt_err run(struct factory *f, struct lt_diag *diag)
{
    struct lt_diag why = {0};
    int n_dry = 0;
    enum lt_err err = LT_OK;
    while (!err && f->report->n_lines < f->o->n) {
        int64_t before = f->report->n_lines;
        err = ask(f, &why, &f->report->is_budget_spent, diag);
        if (err || f->report->is_budget_spent) break;
        n_dry = f->report->n_lines > before ? 0 : n_dry + 1;
        if (f->o->progress) f->o->progress(f->o->ctx, f->report->n_lines);
        if (n_dry == LT_FACTORY_DRY_MAX)
            err = lt_fail(diag, LT_ERR_IO,
                          "%d batches in a row gave no usable line; last reason: %.300s", n_dry,
                          why.code ? why.text : "all repeated earlier ones");
    }
    return err;
}

enum lt_err lt_factory_run(const struct lt_factory_options *o, struct lt_factory_report *report,
                           struct lt_diag *diag)
{
    struct factory f = {.o = o, .report = report};
    memset(report, 0, sizeof *report);
    uv_loop_init(&f.loop);
    lt_io_uv_init(&f.io, &f.loop);
    lt_budget_init(&f.budget, lt_now_unix_ms());
    f.budget.month_cap_usd_micro = o->budget_usd_micro;
    enum lt_err err = prepare(&f, diag);
    if (!err) err = load(&f, diag);
    if (!err) err = lt_cloud_new(&f.io.io, NULL, o->prices, 0, &f.cloud, diag);
    if (!err) err = run(&f, diag);
    if (f.to && fclose(f.to) && !err) err = lt_fail_errno(diag, "cannot write %s", o->path);
    lt_cloud_free(f.cloud);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    uv_loop_close(&f.loop);
    lt_cloud_tools_unref(f.submit);
    json_decref(f.seen);
    free(f.by_tool);
    free(f.prompt);
    free(f.summary);
    return err;
}

/* ---- the command ---- */

static void on_progress(void *ctx, int64_t n_lines)
{
    lt_progress_update(ctx, n_lines, NULL);
}

static void tell(const struct lt_factory_report *r, const char *path)
{
    fprintf(stderr, "%s: %lld lines (%lld new):", path, (long long)r->n_lines,
            (long long)(r->n_lines - r->n_before));
    for (int k = 0; k < LT_FACTORY_KINDS; k++)
        fprintf(stderr, " %s %lld", kinds[k].word, (long long)r->by_kind[k]);
    fprintf(stderr,
            "; dropped: %lld invalid, %lld repeated, %lld of another kind, %lld batches failed; "
            "%.4f USD%s\n",
            (long long)r->n_invalid, (long long)r->n_repeated, (long long)r->n_off_kind,
            (long long)r->n_failed, (double)r->cost_usd_micro / 1e6,
            r->is_budget_spent ? "; stopped at the budget, raise --usd to go on" : "");
}

/* The endpoint that the configuration has for this provider. */
static const struct lt_config_endpoint *find_endpoint(const struct lt_config *c,
                                                      const char *provider)
{
    for (size_t i = 0; i < c->cloud.n_endpoints; i++)
        if (!strcmp(c->cloud.endpoints[i].provider, provider)) return &c->cloud.endpoints[i];
    return NULL;
}

enum lt_err lt_factory_command(const char *config_path, const char *tools_path,
                               const char *provider, const char *out_path, const char *langs,
                               int64_t n, double usd, struct lt_diag *diag)
{
    struct lt_config c = {0};
    struct lt_docs *docs = NULL;
    struct lt_catalog *catalog = NULL;
    struct lt_prices *prices = NULL;
    struct lt_secret *key = NULL;
    struct lt_factory_report report = {0};
    struct lt_progress progress;
    json_t *json = NULL;
    const struct lt_adapter *a = lt_adapter_find(provider);
    const struct lt_config_endpoint *e = NULL;
    enum lt_err err = lt_config_load(config_path, &c, diag);
    if (!err && !(e = find_endpoint(&c, provider)))
        err = lt_fail(
            diag, LT_ERR_NOTFOUND,
            "the configuration has no endpoint of provider '%s'; add one to cloud.endpoints",
            provider);
    if (!err && c.cloud.never_cloud)
        err = lt_fail(diag, LT_ERR_INVALID,
                      "cloud.never_cloud is on, and tools and home would leave the house");
    if (!err && *e->key) err = lt_secret_read(e->key, &key, diag);
    if (!err) err = lt_prices_load(*c.cloud.price_file ? c.cloud.price_file : NULL, &prices, diag);
    if (!err) err = lt_docs_open(&docs, diag);
    if (!err) err = lt_json_read_file(tools_path, LT_DOC_MAX_BYTES_CATALOG, &json, diag);
    if (!err && json_is_array(json)) { /* tools alone */
        json_t *o = json_pack("{s:o}", "tools", json);
        json = o;
    }
    if (!err) err = lt_catalog_new(docs, json, &catalog, diag);
    if (!err) {
        struct lt_cloud_endpoint ep = {.adapter = e->provider,
                                       .base_url = *e->base_url ? e->base_url : NULL,
                                       .model = *e->model ? e->model : NULL,
                                       .key = key,
                                       .effort = *e->effort ? e->effort : NULL,
                                       .price_as = *e->price_as ? e->price_as : NULL,
                                       .is_plain_key_ok = e->plain_key,
                                       .first_ms = LT_FACTORY_WAIT_MS,
                                       .gap_ms = LT_FACTORY_WAIT_MS};
        struct lt_factory_options o = {.catalog = catalog,
                                       .endpoint = &ep,
                                       .prices = prices,
                                       .provider = ep.price_as ? ep.price_as : a->provider,
                                       .model = ep.model ? ep.model : a->default_model,
                                       .path = out_path,
                                       .langs = langs,
                                       .n = n,
                                       .budget_usd_micro = (int64_t)(usd * 1e6),
                                       .progress = on_progress,
                                       .ctx = &progress};
        lt_progress_start(&progress, "generate", "examples", n);
        err = lt_factory_run(&o, &report, diag);
        lt_progress_end(&progress, NULL);
        tell(&report, out_path);
    }
    lt_catalog_unref(catalog);
    json_decref(json);
    lt_docs_close(docs);
    lt_prices_free(prices);
    lt_secret_free(key);
    lt_config_free(&c);
    return err;
}
