/* cloud.c - one ask: try, perhaps wait, try once more, answer.
 *
 *     lt_cloud_ask ---> start_try ---> [lt_http] ---> on_response ---> finish ---> owner's fn
 *                          ^                               |
 *                          +------- [retry timer] <--------+   a failure that may pass, time left
 *
 * The body is rendered once and sent again unchanged. Each try gets all the time that is left, so
 * the deadline bounds the ask as a whole, not the single try. */
#include "lt/cloud.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/log.h"
#include "stream.h"

#define MAX_URL_BYTES 1024

struct lt_cloud {
    struct lt_io *io;
    struct lt_http *http;
    bool is_http_ours;
    const struct lt_prices *prices;
    uint64_t rng;
    struct lt_cloud_ask *asks;
};

struct lt_cloud_ask {
    struct lt_cloud *cloud;
    struct lt_cloud_ask *next, **link;
    const struct lt_adapter *adapter;
    const struct lt_cloud_endpoint *endpoint;
    struct lt_cloud_tools *tools;
    char *model;
    struct lt_buf url, body;
    lt_us deadline_us;
    struct lt_http_call *call;
    struct lt_io_timer *retry;
    struct lt_cloud_reply reply;
    struct lt_cloud_try tries[LT_CLOUD_MAX_TRIES];
    size_t n_tries;
    int64_t wait_ms;          /* before the next try */
    lt_cloud_say_fn say;      /* NULL: the answer comes in one */
    struct lt_stream *stream; /* of the try under way */
    void *say_ctx;
    lt_cloud_fn fn;
    void *ctx;
};

static void on_retry(void *ctx);
static void on_response(void *ctx, const struct lt_http_response *r);

/* ---- helpers -------------------------------------------------------------------------------- */

/* xorshift64*: spreads retries of many hubs, needs no secrecy. */
static uint64_t next_random(struct lt_cloud *c)
{
    c->rng ^= c->rng >> 12;
    c->rng ^= c->rng << 25;
    c->rng ^= c->rng >> 27;
    return c->rng * 0x2545f4914f6cdd1du;
}

static int64_t left_ms(const struct lt_cloud_ask *a)
{
    return (a->deadline_us - lt_now_us()) / 1000;
}

static void ask_free(struct lt_cloud_ask *a)
{
    if (!a) return;
    if (a->link) {
        *a->link = a->next;
        if (a->next) a->next->link = a->link;
    }
    lt_http_cancel(a->call);
    lt__stream_free(a->stream);
    lt_io_timer_free(a->cloud->io, a->retry);
    lt_cloud_tools_unref(a->tools);
    lt_cloud_reply_fini(&a->reply);
    lt_buf_free(&a->url);
    lt_buf_free(&a->body);
    free(a->model);
    free(a);
}

/* Tell the owner; the ask is gone afterwards. */
static void finish(struct lt_cloud_ask *a, bool is_wish_unmet)
{
    const struct lt_cloud_try *last = &a->tries[a->n_tries - 1];
    struct lt_cloud_result r = {.cls = last->cls,
                                .reply = &a->reply,
                                .tries = a->tries,
                                .n_tries = a->n_tries,
                                .is_price_known = a->reply.is_price_known,
                                .retry_after_ms = is_wish_unmet ? last->retry_after_ms : -1,
                                .text = last->text,
                                .sent_body = lt_buf_str(&a->body),
                                .sent_len = a->body.n};
    for (size_t i = 0; i < a->n_tries; i++) r.cost_usd_micro += a->tries[i].cost_usd_micro;
    *a->link = a->next;
    if (a->next) a->next->link = a->link;
    a->link = NULL;
    a->fn(a->ctx, &r);
    ask_free(a);
}

/* ---- one try -------------------------------------------------------------------------------- */

static enum lt_http_take on_piece(void *ctx, const char *bytes, size_t n)
{
    struct lt_cloud_ask *a = ctx;
    enum lt_http_take take = lt__stream_take(a->stream, bytes, n);
    if (!a->stream->said.n) return take;
    char *text = lt_buf_take(&a->stream->said);
    if (text)
        a->say(a->say_ctx, text); /* the owner may have cancelled us: `a` is not looked at again */
    free(text);
    return take;
}

static enum lt_err start_try(struct lt_cloud_ask *a, struct lt_diag *diag)
{
    const struct lt_adapter *ad = a->adapter;
    const struct lt_cloud_endpoint *e = a->endpoint;
    struct lt_http_header headers[LT_HTTP_MAX_HEADERS] = {
        {"content-type", "application/json"},
        {"accept", a->say ? "text/event-stream, application/json" : "application/json"}};
    size_t n = 2;
    for (const struct lt_http_header *h = ad->extra; h && h->name && n < LT_HTTP_MAX_HEADERS; h++)
        headers[n++] = *h;
    struct lt_http_request req = {
        .method = "POST",
        .url = lt_buf_str(&a->url),
        .headers = headers,
        .n_headers = n,
        .secret_header = ad->key_header,
        .secret_prefix = ad->key_prefix,
        .secret = e->key,
        .is_plain_secret_ok = e->is_plain_key_ok,
        .body = a->body.p,
        .body_len = a->body.n,
        .connect_ms = e->connect_ms,
        .first_ms = e->first_ms,
        .gap_ms = e->gap_ms,
        .total_ms = left_ms(a) > 0 ? left_ms(a) : 1,
        .cap_bytes = a->say ? LT_CLOUD_MAX_STREAM_BYTES : LT_CLOUD_MAX_ANSWER_BYTES,
        .on_data = a->say ? on_piece : NULL,
    };
    if (a->say && !(a->stream = lt__stream_new(ad)))
        return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    enum lt_err err = lt_http_send(a->cloud->http, &req, on_response, a, &a->call, diag);
    if (err) return err;
    struct lt_cloud_try *t = &a->tries[a->n_tries++];
    memset(t, 0, sizeof *t);
    t->adapter = ad->name;
    t->provider = e->price_as ? e->price_as : ad->provider;
    t->model = a->model;
    t->wait_ms = a->wait_ms;
    t->retry_after_ms = -1;
    t->started_unix_ms = lt_now_unix_ms();
    return LT_OK;
}

/* Book what the try cost. Bytes stand in for tokens where a server does not count. */
static void book(struct lt_cloud_ask *a, struct lt_cloud_try *t, size_t answer_bytes)
{
    struct lt_cloud_usage *u = &a->reply.usage;
    if (u->is_estimated) {
        u->input_tokens = (int64_t)(a->body.n / 4);
        u->output_tokens = (int64_t)(answer_bytes / 4);
    }
    a->reply.is_price_known = lt_cost_of(a->cloud->prices, t->provider, a->model, u,
                                         lt_now_unix_ms(), &a->reply.cost_usd_micro);
    t->usage = *u;
    t->cost_usd_micro = a->reply.cost_usd_micro;
    t->n_calls = a->reply.n_calls;
}

/* How long to wait before trying again; -1: do not. */
static int64_t retry_delay_ms(struct lt_cloud_ask *a, const struct lt_cloud_fault *f)
{
    const int64_t span = LT_CLOUD_BACKOFF_MAX_MS - LT_CLOUD_BACKOFF_MIN_MS + 1;
    if (a->n_tries >= LT_CLOUD_MAX_TRIES || f->is_final || !lt_cloud_class_is_retryable(f->cls))
        return -1;
    if (a->reply.n_calls > 0) return -1; /* it did answer: repairing that is another question */
    int64_t wait = LT_CLOUD_BACKOFF_MIN_MS + (int64_t)(next_random(a->cloud) % (uint64_t)span);
    int64_t room = left_ms(a) - LT_CLOUD_MIN_TRY_MS;
    if (f->retry_after_ms >= 0) return f->retry_after_ms <= room ? f->retry_after_ms : -1;
    /* With little time left a shorter pause is better than none at all. */
    if (wait > room) wait = LT_CLOUD_BACKOFF_MIN_MS;
    return wait <= room ? wait : -1;
}

/* A whole number in the first header that came; -1 when none did. */
static int64_t header_number(const struct lt_http_response *r, const char *name, const char *also)
{
    char text[24], *end;
    if (!lt_http_header_get(r, name, text, sizeof text) &&
        !lt_http_header_get(r, also, text, sizeof text))
        return -1;
    long long n = strtoll(text, &end, 10);
    return end == text || *end || n < 0 ? -1 : n;
}

static void on_response(void *ctx, const struct lt_http_response *r)
{
    struct lt_cloud_ask *a = ctx;
    struct lt_cloud_try *t = &a->tries[a->n_tries - 1];
    struct lt_cloud_fault f = {.retry_after_ms = -1};
    a->call = NULL;
    size_t answer_bytes = r->is_streamed ? a->stream->n_bytes : r->body_len;
    if (r->is_streamed)
        t->cls = lt__stream_read(a->stream, a->tools, r, &a->reply, &f);
    else
        t->cls = lt_adapter_read(a->adapter, a->tools, r, &a->reply, &f);
    t->end = r->end;
    t->http_status = r->status;
    t->total_us = r->total_us;
    t->retry_after_ms = f.retry_after_ms;
    t->left_requests = header_number(r, "anthropic-ratelimit-requests-remaining",
                                     "x-ratelimit-remaining-requests");
    t->left_tokens =
        header_number(r, "anthropic-ratelimit-tokens-remaining", "x-ratelimit-remaining-tokens");
    if (a->adapter->request_id_header)
        lt_http_header_get(r, a->adapter->request_id_header, t->request_id, sizeof t->request_id);
    if (t->cls != LT_CLS_OK) {
        memcpy(t->code, f.code, sizeof t->code);
        snprintf(t->text, sizeof t->text, "%s: %s", a->adapter->name, f.text);
    }
    book(a, t, answer_bytes);
    if (r->is_streamed && a->stream->has_told && t->cls != LT_CLS_OK) a->say(a->say_ctx, NULL);
    lt__stream_free(a->stream);
    a->stream = NULL;
    LT_LOG(DEBUG, "cloud.tried", LF_STR("adapter", t->adapter), LF_STR("model", t->model),
           LF_STR("class", lt_cloud_class_name(t->cls)), LF_INT("status", t->http_status),
           LF_INT("total_us", t->total_us), LF_INT("cost_usd_micro", t->cost_usd_micro));
    if (t->cls == LT_CLS_OK) {
        finish(a, false);
        return;
    }
    a->wait_ms = retry_delay_ms(a, &f);
    if (a->wait_ms < 0) {
        finish(a, f.retry_after_ms >= 0);
        return;
    }
    lt_cloud_reply_fini(&a->reply);
    lt_io_timer_set(a->cloud->io, a->retry, a->wait_ms);
}

static void on_retry(void *ctx)
{
    struct lt_cloud_ask *a = ctx;
    /* The same request was accepted before, so only memory can fail here: report the first try. */
    if (start_try(a, NULL)) finish(a, false);
}

/* ---- public --------------------------------------------------------------------------------- */

static enum lt_err prepare(struct lt_cloud_ask *a, const struct lt_cloud_request *req,
                           struct lt_diag *diag)
{
    const struct lt_cloud_endpoint *e = a->endpoint;
    const char *base = e->base_url ? e->base_url : a->adapter->default_url;
    const char *model = e->model ? e->model : a->adapter->default_model;
    if (!base || !model)
        return lt_fail(diag, LT_ERR_INVALID, "adapter '%s' needs a %s: set it", a->adapter->name,
                       base ? "model" : "base_url");
    a->model = strdup(model);
    if (!a->model) return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    enum lt_err err = a->adapter->url(e, base, model, a->say != NULL, &a->url, diag);
    return err ? err : a->adapter->build(e, model, req, &a->body, diag);
}

enum lt_err lt_cloud_ask(struct lt_cloud *c, const struct lt_cloud_endpoint *endpoint,
                         const struct lt_cloud_request *req, lt_us deadline_us, lt_cloud_fn fn,
                         void *ctx, struct lt_cloud_ask **out, struct lt_diag *diag)
{
    const struct lt_adapter *adapter = lt_adapter_find(endpoint->adapter);
    struct lt_cloud_ask *a;
    enum lt_err err;
    if (!adapter)
        return lt_fail(diag, LT_ERR_NOTFOUND,
                       "no adapter '%s': use anthropic, gemini, openai or openai-chat",
                       endpoint->adapter ? endpoint->adapter : "");
    if (deadline_us <= lt_now_us())
        return lt_fail(diag, LT_ERR_TIMEOUT, "%s: no time left to ask", adapter->name);
    a = calloc(1, sizeof *a);
    if (!a) return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    a->cloud = c;
    a->adapter = adapter;
    a->endpoint = endpoint;
    a->tools = lt_cloud_tools_ref(req->tools);
    a->deadline_us = deadline_us;
    if (lt__is_streamed(endpoint, req)) {
        a->say = req->say;
        a->say_ctx = req->say_ctx;
    }
    a->fn = fn;
    a->ctx = ctx;
    lt_buf_init(&a->url, MAX_URL_BYTES);
    lt_buf_init(&a->body, LT_CLOUD_MAX_BODY_BYTES);
    err = prepare(a, req, diag);
    if (!err && lt_io_timer_new(c->io, on_retry, a, &a->retry))
        err = lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    if (!err) err = start_try(a, diag);
    if (err) {
        ask_free(a);
        return err;
    }
    a->next = c->asks;
    a->link = &c->asks;
    if (a->next) a->next->link = &a->next;
    c->asks = a;
    if (out) *out = a;
    return LT_OK;
}

void lt_cloud_cancel(struct lt_cloud_ask *ask)
{
    ask_free(ask);
}

enum lt_err lt_cloud_new(struct lt_io *io, struct lt_http *http, const struct lt_prices *prices,
                         uint64_t seed, struct lt_cloud **out, struct lt_diag *diag)
{
    struct lt_cloud *c = calloc(1, sizeof *c);
    if (!c) return lt_fail(diag, LT_ERR_NOMEM, "no memory for the cloud client");
    c->io = io;
    c->http = http;
    c->prices = prices;
    c->rng = seed ? seed : (uint64_t)lt_now_us() * 2654435761u | 1; /* zero would stay zero */
    if (!http) {
        enum lt_err err = lt_http_new(io, NULL, &c->http, diag);
        if (err) {
            free(c);
            return err;
        }
        c->is_http_ours = true;
    }
    *out = c;
    return LT_OK;
}

void lt_cloud_free(struct lt_cloud *c)
{
    if (!c) return;
    while (c->asks) ask_free(c->asks);
    if (c->is_http_ours) lt_http_free(c->http);
    free(c);
}
