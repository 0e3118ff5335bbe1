/* metrics.c - text from counters, and the small server that hands it out. */
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drift_watch.h"
#include "gateway_int.h"
#include "lt/log.h"
#include "otel_names.h"

/* ---- the text ---- */

const char *lt_metrics_label(const char *s, char *out, size_t cap)
{
    size_t n = 0;
    for (; *s && n + 3 < cap; s++) {
        if (*s == '"' || *s == '\\') out[n++] = '\\';
        if (*s == '\n') {
            out[n++] = '\\';
            out[n++] = 'n';
        } else {
            out[n++] = *s;
        }
    }
    out[n] = '\0';
    return out;
}

struct text {
    struct lt_buf *out;
    enum lt_err err;
};

static void add(struct text *t, const char *fmt, ...) LT_PRINTF(2, 3);
static void add(struct text *t, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (!t->err) t->err = lt_buf_adds(t->out, line);
}

static void head(struct text *t, const char *name, const char *type, const char *help)
{
    add(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void ring(struct text *t, const char *name, const char *site, const struct lt_stats_ring *r)
{
    json_t *p = lt_stats_percentiles(r);
    static const char *const keys[] = {"p50", "p95", "p99"}, *const q[] = {"0.5", "0.95", "0.99"};
    for (int i = 0; i < 3; i++)
        add(t, "%s{site=\"%s\",quantile=\"%s\"} %.6f\n", name, site, q[i],
            (double)json_integer_value(json_object_get(p, keys[i])) / 1e6);
    json_decref(p);
}

static void sites(struct text *t, const struct lt_gateway *gw)
{
    char s[LT_SITE_MAX_BYTES * 2 + 8];
    head(t, "lintel_requests_total", "counter", "Requests answered, by route and reason.");
    for (size_t i = 0; i < gw->n_sites; i++) {
        const struct lt_stats *st = &gw->sites[i].stats;
        for (int r = 0; r < LT_ROUTE_COUNT; r++)
            if (st->by_route[r])
                add(t, "lintel_requests_total{site=\"%s\",route=\"%s\"} %lld\n",
                    lt_metrics_label(gw->sites[i].name, s, sizeof s),
                    lt_route_word((enum lt_route)r), (long long)st->by_route[r]);
    }
    head(t, "lintel_reasons_total", "counter", "The same by reason code.");
    for (size_t i = 0; i < gw->n_sites; i++)
        for (int w = 0; w < LT_WHY_COUNT; w++)
            if (gw->sites[i].stats.by_why[w])
                add(t, "lintel_reasons_total{site=\"%s\",why=\"%s\"} %lld\n",
                    lt_metrics_label(gw->sites[i].name, s, sizeof s), lt_why_code((enum lt_why)w),
                    (long long)gw->sites[i].stats.by_why[w]);
    head(t, "lintel_calls_total", "counter", "Tool calls published.");
    for (size_t i = 0; i < gw->n_sites; i++)
        add(t, "lintel_calls_total{site=\"%s\"} %lld\n",
            lt_metrics_label(gw->sites[i].name, s, sizeof s),
            (long long)gw->sites[i].stats.n_calls);
    head(t, "lintel_request_duration_seconds", "gauge", "Receipt to answer, of the last requests.");
    for (size_t i = 0; i < gw->n_sites; i++)
        ring(t, "lintel_request_duration_seconds", lt_metrics_label(gw->sites[i].name, s, sizeof s),
             &gw->sites[i].stats.total);
    head(t, "lintel_engine_duration_seconds", "gauge", "The network alone.");
    for (size_t i = 0; i < gw->n_sites; i++)
        ring(t, "lintel_engine_duration_seconds", lt_metrics_label(gw->sites[i].name, s, sizeof s),
             &gw->sites[i].stats.engine);
}

/* OpenTelemetry's word for a provider of the price list. */
static const char *provider_word(const char *provider)
{
    return !strcmp(provider, "gemini") || !strcmp(provider, "google") ? "gcp.gemini" : provider;
}

/* The labels that all lines of an endpoint share. */
static const char *labels(int i, const struct lt_tier_counts *c, char *out, size_t cap)
{
    char p[80], m[280];
    snprintf(out, cap,
             "endpoint=\"%d\"," LT_OTEL_OPERATION "=\"chat\"," LT_OTEL_PROVIDER
             "=\"%s\"," LT_OTEL_MODEL "=\"%s\"",
             i + 1, lt_metrics_label(provider_word(c->provider), p, sizeof p),
             lt_metrics_label(c->model, m, sizeof m));
    return out;
}

static void tokens(struct text *t, const char *l, const char *type, const int64_t *buckets,
                   int64_t sum)
{
    int64_t n = 0;
    for (size_t b = 0; b < LT_TIER_TOKEN_BUCKETS; b++) {
        n += buckets[b];
        if (b + 1 == LT_TIER_TOKEN_BUCKETS)
            add(t, LT_OTEL_TOKENS "_bucket{%s," LT_OTEL_TOKEN "=\"%s\",le=\"+Inf\"} %lld\n", l,
                type, (long long)n);
        else
            add(t, LT_OTEL_TOKENS "_bucket{%s," LT_OTEL_TOKEN "=\"%s\",le=\"%lld\"} %lld\n", l,
                type, 1LL << 2 * b, (long long)n);
    }
    add(t, LT_OTEL_TOKENS "_sum{%s," LT_OTEL_TOKEN "=\"%s\"} %lld\n", l, type, (long long)sum);
    add(t, LT_OTEL_TOKENS "_count{%s," LT_OTEL_TOKEN "=\"%s\"} %lld\n", l, type, (long long)n);
}

static void durations(struct text *t, const struct lt_gateway *gw)
{
    static const char name[] = LT_OTEL_DURATION;
    struct lt_tier_counts c;
    char l[640];
    head(t, name, "histogram", "Attempts at cloud models.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++) {
        int64_t n = 0;
        labels(i, &c, l, sizeof l);
        for (size_t b = 0; b < sizeof c.buckets / sizeof c.buckets[0]; b++) {
            n += c.buckets[b];
            if (lt_tier_bucket_ms[b] == INT64_MAX)
                add(t, "%s_bucket{%s,le=\"+Inf\"} %lld\n", name, l, (long long)n);
            else
                add(t, "%s_bucket{%s,le=\"%g\"} %lld\n", name, l,
                    (double)lt_tier_bucket_ms[b] / 1e3, (long long)n);
        }
        add(t, "%s_sum{%s} %.6f\n%s_count{%s} %lld\n", name, l, (double)c.duration_us / 1e6, name,
            l, (long long)n);
    }
    head(t, LT_OTEL_TOKENS, "histogram", "Tokens billed of each attempt, cached input included.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++) {
        labels(i, &c, l, sizeof l);
        tokens(t, l, "input", c.input_buckets, c.input_tokens);
        tokens(t, l, "output", c.output_buckets, c.output_tokens);
    }
    head(t, "lintel_cloud_cached_tokens_total", "counter",
         "Of the input, read from the vendor's cache.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++)
        add(t, "lintel_cloud_cached_tokens_total{%s} %lld\n", labels(i, &c, l, sizeof l),
            (long long)c.cached_tokens);
}

static void endpoints(struct text *t, const struct lt_gateway *gw)
{
    struct lt_tier_counts c;
    char l[640];
    durations(t, gw);
    head(t, "lintel_cloud_attempts_total", "counter", "Attempts by how they ended.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++)
        for (int k = 0; k < 16; k++)
            if (c.by_class[k])
                add(t, "lintel_cloud_attempts_total{%s," LT_OTEL_ERROR "=\"%s\"} %lld\n",
                    labels(i, &c, l, sizeof l),
                    k == LT_CLS_OK ? "" : lt_cloud_class_name((enum lt_cloud_class)k),
                    (long long)c.by_class[k]);
    head(t, "lintel_cloud_cost_usd_total", "counter", "Cost by the price list.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++)
        add(t, "lintel_cloud_cost_usd_total{%s} %.6f\n", labels(i, &c, l, sizeof l),
            (double)c.cost_usd_micro / 1e6);
    head(t, "lintel_cloud_breaker_open", "gauge",
         "1 while the endpoint is left alone, 0.5 on trial.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++)
        add(t, "lintel_cloud_breaker_open{%s} %s\n", labels(i, &c, l, sizeof l),
            c.breaker == LT_BREAKER_OPEN     ? "1"
            : c.breaker == LT_BREAKER_CLOSED ? "0"
                                             : "0.5");
    head(t, "lintel_cloud_repairs_total", "counter", "Wrong calls that went back with the reason.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++)
        add(t, "lintel_cloud_repairs_total{%s} %lld\n", labels(i, &c, l, sizeof l),
            (long long)c.n_repairs);
    head(t, "lintel_cloud_hedges_total", "counter", "Times it was asked beside a slow one.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++)
        add(t, "lintel_cloud_hedges_total{%s} %lld\n", labels(i, &c, l, sizeof l),
            (long long)c.n_hedges);
    head(t, "lintel_cloud_limit_left", "gauge", "What the vendor last said is left of its limits.");
    for (int i = 0; lt_tier_counts(gw->tier, i, &c); i++) {
        labels(i, &c, l, sizeof l);
        if (c.left_requests >= 0)
            add(t, "lintel_cloud_limit_left{%s,of=\"requests\"} %lld\n", l,
                (long long)c.left_requests);
        if (c.left_tokens >= 0)
            add(t, "lintel_cloud_limit_left{%s,of=\"tokens\"} %lld\n", l, (long long)c.left_tokens);
    }
}

enum lt_err lt_metrics_text(struct lt_gateway *gw, struct lt_buf *out)
{
    struct text t = {out, LT_OK};
    const struct lt_budget *b = &gw->budget;
    lt_budget_roll(&gw->budget, lt_now_unix_ms());
    head(&t, "lintel_uptime_seconds", "gauge", "Since the start.");
    add(&t, "lintel_uptime_seconds %.3f\n", (double)(lt_now_us() - gw->started_us) / 1e6);
    head(&t, "lintel_requests_in_flight", "gauge", "Requests under way.");
    add(&t, "lintel_requests_in_flight %d\n", gw->n_requests);
    sites(&t, gw);
    endpoints(&t, gw);
    head(&t, "lintel_spend_usd", "gauge", "Spent on cloud answers in this UTC day and month.");
    add(&t, "lintel_spend_usd{span=\"day\"} %.6f\nlintel_spend_usd{span=\"month\"} %.6f\n",
        (double)b->day_spent_usd_micro / 1e6, (double)b->month_spent_usd_micro / 1e6);
    head(&t, "lintel_spend_reserved_usd", "gauge", "Reserved for requests under way.");
    add(&t, "lintel_spend_reserved_usd %.6f\n", (double)b->reserved_usd_micro / 1e6);
    return t.err ? t.err : lt_drift_watch_metrics(gw, out);
}

enum lt_err lt_metrics_write(struct lt_gateway *gw, const char *path, struct lt_diag *diag)
{
    struct lt_buf text;
    char part[1040];
    lt_buf_init(&text, LT_METRICS_MAX_BYTES);
    snprintf(part, sizeof part, "%s.part", path); /* readers never see half a file */
    enum lt_err err = lt_metrics_text(gw, &text);
    FILE *f = err ? NULL : fopen(part, "we");
    if (!err && !f) err = lt_fail_errno(diag, "cannot write %s", part);
    if (f) {
        int ok = fwrite(lt_buf_str(&text), 1, text.n, f) == text.n;
        if (fclose(f) || !ok) err = lt_fail_errno(diag, "cannot write %s", part);
        if (!err && rename(part, path)) err = lt_fail_errno(diag, "cannot rename to %s", path);
    }
    lt_buf_free(&text);
    return err;
}

/* ---- the endpoint ---- */

struct client {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    struct lt_metrics *metrics;
    struct client *next, **prev;
    char head[LT_METRICS_REQUEST_BYTES + 1];
    size_t n_head;
    struct lt_buf answer;
    int n_open; /* handles */
};

struct lt_metrics {
    uv_tcp_t tcp;
    struct lt_gateway *gw;
    struct client *clients;
    int n_clients, is_closed, is_listening;
};

static void metrics_settle(struct lt_metrics *m)
{
    if (m->is_closed && !m->is_listening && !m->clients) free(m);
}

static void on_client_closed(uv_handle_t *h)
{
    struct client *c = h->data;
    struct lt_metrics *m = c->metrics;
    if (--c->n_open) return;
    *c->prev = c->next;
    if (c->next) c->next->prev = c->prev;
    m->n_clients--;
    lt_buf_free(&c->answer);
    free(c);
    metrics_settle(m);
}

static void drop(struct client *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_client_closed);
    if (!uv_is_closing((uv_handle_t *)&c->timer))
        uv_close((uv_handle_t *)&c->timer, on_client_closed);
}

static void on_written(uv_write_t *w, int status)
{
    (void)status;
    drop(w->data);
}

static void on_wait_over(uv_timer_t *t)
{
    drop(t->data);
}

static void answer(struct client *c)
{
    static const char type[] = "text/plain; version=0.0.4; charset=utf-8";
    struct lt_buf text;
    int is_get = !strncmp(c->head, "GET ", 4);
    int is_ours = is_get && !strncmp(c->head + 4, "/metrics", 8) && strchr(" ?", c->head[12]);
    lt_buf_init(&text, LT_METRICS_MAX_BYTES);
    lt_buf_init(&c->answer, LT_METRICS_MAX_BYTES + 512);
    enum lt_err err =
        is_ours ? lt_metrics_text(c->metrics->gw, &text) : lt_buf_adds(&text, "GET /metrics\n");
    const char *status = err       ? "500 Internal Server Error"
                         : is_ours ? "200 OK"
                         : is_get  ? "404 Not Found"
                                   : "405 Method Not Allowed";
    if (!err)
        err = lt_buf_addf(&c->answer,
                          "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n",
                          status, type, text.n);
    if (!err) err = lt_buf_add(&c->answer, lt_buf_str(&text), text.n);
    lt_buf_free(&text);
    uv_buf_t b = uv_buf_init(c->answer.p, (unsigned)c->answer.n);
    c->write.data = c;
    uv_read_stop((uv_stream_t *)&c->tcp);
    if (err || uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written)) drop(c);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    struct client *c = h->data;
    (void)suggested;
    *b = uv_buf_init(c->head + c->n_head, (unsigned)(LT_METRICS_REQUEST_BYTES - c->n_head));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct client *c = s->data;
    (void)b;
    if (n < 0) {
        drop(c);
        return;
    }
    c->n_head += (size_t)n;
    c->head[c->n_head] = '\0';
    if (strstr(c->head, "\r\n\r\n") || strstr(c->head, "\n\n"))
        answer(c);
    else if (c->n_head == LT_METRICS_REQUEST_BYTES)
        drop(c);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct lt_metrics *m = server->data;
    struct client *c = status ? NULL : calloc(1, sizeof *c);
    if (!c) return;
    c->metrics = m;
    c->next = m->clients;
    c->prev = &m->clients;
    if (c->next) c->next->prev = &c->next;
    m->clients = c;
    m->n_clients++;
    uv_tcp_init(&m->gw->loop, &c->tcp);
    uv_timer_init(&m->gw->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    c->n_open = 2;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) || m->n_clients > LT_METRICS_MAX_CLIENTS ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read)) {
        drop(c);
        return;
    }
    uv_timer_start(&c->timer, on_wait_over, LT_METRICS_WAIT_MS, 0);
}

static void on_listener_closed(uv_handle_t *h)
{
    struct lt_metrics *m = h->data;
    m->is_listening = 0;
    metrics_settle(m);
}

enum lt_err lt_metrics_listen(struct lt_gateway *gw, int port, struct lt_metrics **out,
                              struct lt_diag *diag)
{
    struct sockaddr_in address;
    struct lt_metrics *m = calloc(1, sizeof *m);
    if (!m) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    m->gw = gw;
    uv_tcp_init(&gw->loop, &m->tcp);
    m->tcp.data = m;
    m->is_listening = 1;
    *out = m;
    uv_ip4_addr("127.0.0.1", port, &address);
    int rc = uv_tcp_bind(&m->tcp, (const struct sockaddr *)&address, 0);
    if (!rc) rc = uv_listen((uv_stream_t *)&m->tcp, LT_METRICS_MAX_CLIENTS, on_connection);
    if (!rc) return LT_OK;
    *out = NULL;
    lt_metrics_close(m);
    return lt_fail(diag, LT_ERR_IO,
                   "cannot listen on 127.0.0.1:%d: %s; set metrics.port to another", port,
                   uv_strerror(rc));
}

void lt_metrics_close(struct lt_metrics *m)
{
    if (!m || m->is_closed) return;
    m->is_closed = 1;
    for (struct client *c = m->clients; c; c = c->next) drop(c);
    uv_close((uv_handle_t *)&m->tcp, on_listener_closed);
}
