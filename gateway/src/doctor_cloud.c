/* doctor_cloud.c - one endpoint after the other; the first fault of each is told. */
#include "doctor_cloud.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "io_uv.h"
#include "lt/cloud.h"

struct answer {
    int is_there;
    enum lt_cloud_class cls;
    char text[256];
};

static void on_probe(void *ctx, enum lt_cloud_class cls, const char *text)
{
    struct answer *a = ctx;
    a->is_there = 1;
    a->cls = cls;
    snprintf(a->text, sizeof a->text, "%s", text);
}

/* Ask the vendor; blocks for at most LT_DOCTOR_WAIT_MS. */
static void probe(const struct lt_cloud_endpoint *e, const char *ca_file, struct answer *a,
                  struct lt_diag *diag)
{
    struct lt_http_options options = {.ca_file = *ca_file ? ca_file : NULL};
    uv_loop_t loop;
    struct lt_io_uv io;
    struct lt_http *http = NULL;
    uv_loop_init(&loop);
    lt_io_uv_init(&io, &loop);
    if (!lt_http_new(&io.io, &options, &http, diag) &&
        !lt_cloud_probe(http, e, LT_DOCTOR_WAIT_MS, on_probe, a, diag))
        while (!a->is_there) uv_run(&loop, UV_RUN_ONCE);
    lt_http_free(http);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

struct finding {
    char check[80], where[400], text[1024];
};

/* "lintel.yaml:12: cloud.endpoints[0].key" */
static const char *where(struct finding *f, const char *file, const struct lt_config_endpoint *e,
                         size_t i, const char *key)
{
    snprintf(f->where, sizeof f->where, "%.250s:%lld: cloud.endpoints[%zu].%s", file,
             (long long)e->line, i, key);
    return f->where;
}

static int check(struct finding *f, const struct lt_config *c, const struct lt_prices *prices,
                 const char *file, int is_offline, size_t i)
{
    const struct lt_config_endpoint *e = &c->cloud.endpoints[i];
    const struct lt_adapter *a = lt_adapter_find(e->provider);
    const char *model = *e->model ? e->model : a ? a->default_model : NULL;
    const char *priced = *e->price_as ? e->price_as : a ? a->provider : NULL;
    struct lt_cloud_usage one = {.input_tokens = 1, .price_percent = 100};
    struct lt_secret *key = NULL;
    struct lt_diag diag = {0};
    struct answer answer = {0};
    int64_t cost;
    int is_ok = 0;
    if (!a || !model) {
        snprintf(f->text, sizeof f->text, "%s: no such provider, or it needs a model",
                 where(f, file, e, i, "provider"));
    } else if (*e->key && lt_secret_read(e->key, &key, &diag)) {
        snprintf(f->text, sizeof f->text, "%s: %.300s", where(f, file, e, i, "key"), diag.text);
    } else if (!*e->key && !*e->base_url) {
        snprintf(f->text, sizeof f->text, "%s: none is given; write env:NAME or file:/path",
                 where(f, file, e, i, "key"));
    } else if (!lt_cost_of(prices, priced, model, &one, lt_now_unix_ms(), &cost)) {
        snprintf(f->text, sizeof f->text,
                 "%s: the price list of %s has no '%s' of %s, so each request counts as its "
                 "estimate_usd; "
                 "set price_as, free for a server of your own, or a cloud.price_file that has it",
                 where(f, file, e, i, "model"), lt_prices_as_of(prices), model, priced);
    } else if (is_offline) {
        is_ok = 1;
        snprintf(f->text, sizeof f->text, "%s, key %s, not asked", model, *e->key ? "set" : "none");
    } else {
        struct lt_cloud_endpoint ep = {.adapter = e->provider,
                                       .base_url = *e->base_url ? e->base_url : NULL,
                                       .model = *e->model ? e->model : NULL,
                                       .key = key,
                                       .is_plain_key_ok = e->plain_key};
        probe(&ep, c->cloud.ca_file, &answer, &diag);
        is_ok = answer.is_there && answer.cls == LT_CLS_OK;
        if (is_ok)
            snprintf(f->text, sizeof f->text, "%s answers, key %s", model,
                     *e->key ? "taken" : "none");
        else
            snprintf(f->text, sizeof f->text, "%s: %.300s",
                     where(f, file, e, i,
                           answer.cls == LT_CLS_AUTH        ? "key"
                           : answer.cls == LT_CLS_NOT_FOUND ? "model"
                                                            : "base_url"),
                     answer.is_there ? answer.text : diag.text);
    }
    lt_secret_free(key);
    return is_ok;
}

void lt_doctor_cloud(const struct lt_config *c, const char *file, int is_offline,
                     lt_doctor_note_fn note, void *ctx)
{
    struct lt_prices *prices = NULL;
    struct lt_diag diag = {0};
    if (!c->cloud.n_endpoints) {
        note(ctx, "cloud", 1, "no endpoints: nothing leaves this machine");
        return;
    }
    if (lt_prices_load(*c->cloud.price_file ? c->cloud.price_file : NULL, &prices, &diag)) {
        char text[LT_DIAG_TEXT + 300];
        snprintf(text, sizeof text, "%.250s: cloud.price_file: %s", file, diag.text);
        note(ctx, "cloud prices", 0, text);
        return;
    }
    for (size_t i = 0; i < c->cloud.n_endpoints; i++) {
        struct finding f = {.text = ""};
        snprintf(f.check, sizeof f.check, "cloud %zu %.40s", i + 1, c->cloud.endpoints[i].provider);
        int is_ok = check(&f, c, prices, file, is_offline, i);
        note(ctx, f.check, is_ok, f.text);
    }
    lt_prices_free(prices);
}
