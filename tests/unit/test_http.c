/* test_http.c - the HTTP core against a real server on loopback, on a real libuv loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_loop.h"
#include "lt/http.h"
#include "stub_http.h"

struct world {
    struct http_loop loop;
    struct lt_http *http;
    struct stub *stub;
    char url[128];
};

/* What a callback saw. */
struct seen {
    int n; /* callbacks */
    enum lt_http_end end;
    int status;
    char body[256];
    size_t body_len;
    char text[512];
    char id[64];
    int64_t retry_after_ms;
    int should_retry;
    lt_us total_us;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    http_loop_init(&w->loop);
    assert_int_equal(lt_http_new(&w->loop.io.io, NULL, &w->http, NULL), LT_OK);
    w->stub = stub_start(NULL, NULL);
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d/v1/ask", stub_port(w->stub));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    lt_http_free(w->http);
    int rc = http_loop_fini(&w->loop);
    stub_stop(w->stub);
    free(w);
    return rc;
}

static void on_done(void *ctx, const struct lt_http_response *r)
{
    struct seen *s = ctx;
    s->n++;
    s->end = r->end;
    s->status = r->status;
    s->body_len = r->body_len;
    snprintf(s->body, sizeof s->body, "%s", r->body);
    snprintf(s->text, sizeof s->text, "%s", r->text);
    s->retry_after_ms = r->retry_after_ms;
    s->should_retry = r->should_retry;
    s->total_us = r->total_us;
    lt_http_header_get(r, "request-id", s->id, sizeof s->id);
}

static struct lt_http_request post(struct world *w, const char *body)
{
    return (struct lt_http_request){
        .method = "POST", .url = w->url, .body = body, .body_len = strlen(body), .total_ms = 4000};
}

static struct seen ask(struct world *w, const struct lt_http_request *req)
{
    struct seen s = {0};
    struct lt_diag d = {0};
    if (lt_http_send(w->http, req, on_done, &s, NULL, &d)) fail_msg("%s", d.text);
    assert_int_equal(s.n, 0); /* never from inside the call */
    http_loop_until(&w->loop, &s.n);
    http_loop_for(&w->loop, 5);
    assert_int_equal(s.n, 1);
    return s;
}

static void test_http__plain_answer__is_delivered_with_headers(void **state)
{
    struct world *w = *state;
    char v[64];
    stub_push(w->stub, (struct stub_reply){.status = 200,
                                           .headers = "Request-ID:  abc \r\nRetry-After: 2\r\n",
                                           .body = "{\"a\":1}"});
    struct lt_http_header h[] = {{"content-type", "application/json"}};
    struct lt_http_request req = post(w, "hello");
    req.headers = h;
    req.n_headers = 1;
    struct seen s = ask(w, &req);
    assert_int_equal(s.end, LT_HTTP_DONE);
    assert_int_equal(s.status, 200);
    assert_string_equal(s.body, "{\"a\":1}");
    assert_string_equal(s.id, "abc");
    assert_int_equal(s.retry_after_ms, 2000);
    const struct stub_request *r = stub_request(w->stub, 0);
    assert_string_equal(r->method, "POST");
    assert_string_equal(r->path, "/v1/ask");
    assert_string_equal(r->body, "hello");
    assert_string_equal(stub_header(r, "content-type", v, sizeof v), "application/json");
    assert_null(stub_header(r, "expect", v, sizeof v));
    assert_non_null(strstr(stub_header(r, "user-agent", v, sizeof v), "lintel/"));
}

static void test_http__chunked_answer__is_put_together(void **state)
{
    struct world *w = *state;
    stub_push(w->stub, (struct stub_reply){.kind = STUB_CHUNKED,
                                           .status = 200,
                                           .body = "0123456789012345678901234567890123456789"});
    struct lt_http_request req = post(w, "x");
    struct seen s = ask(w, &req);
    assert_int_equal(s.end, LT_HTTP_DONE);
    assert_int_equal(s.body_len, 40);
}

static void test_http__second_request__reuses_the_connection(void **state)
{
    struct world *w = *state;
    struct lt_http_request req = post(w, "x");
    for (int i = 0; i < 3; i++) {
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = "ok"});
        assert_int_equal(ask(w, &req).end, LT_HTTP_DONE);
    }
    assert_int_equal(stub_n_connections(w->stub), 1);
    assert_int_equal(stub_n_requests(w->stub), 3);
}

static void test_http__many_at_once__each_gets_its_callback(void **state)
{
    struct world *w = *state;
    enum { N = 40 };
    struct seen s[N];
    int done = 0;
    memset(s, 0, sizeof s);
    struct lt_http_request req = post(w, "x");
    for (int i = 0; i < N; i++) {
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = "ok"});
        assert_int_equal(lt_http_send(w->http, &req, on_done, &s[i], NULL, NULL), LT_OK);
    }
    while (done < N) {
        uv_run(&w->loop.loop, UV_RUN_ONCE);
        done = 0;
        for (int i = 0; i < N; i++) done += s[i].n;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(s[i].n, 1);
        assert_int_equal(s[i].end, LT_HTTP_DONE);
    }
}

/* One row for each way a server can fail below HTTP. */
static void test_http__bad_servers__end_in_their_class_in_time(void **state)
{
    static const struct {
        const char *name;
        struct stub_reply reply;
        int64_t first_ms, gap_ms, total_ms;
        enum lt_http_end end;
        int64_t least_ms, most_ms;
    } rows[] = {
        {"stall after headers",
         {.kind = STUB_STALL, .status = 200, .body = "0123456789"},
         150,
         1000,
         2000,
         LT_HTTP_TIMEOUT_FIRST,
         140,
         900},
        {"silence", {.kind = STUB_SILENT}, 150, 1000, 2000, LT_HTTP_TIMEOUT_FIRST, 140, 900},
        {"stall in the body",
         {.kind = STUB_HALF, .status = 200, .body = "0123456789"},
         1500,
         150,
         3000,
         LT_HTTP_TIMEOUT_GAP,
         140,
         1200},
        {"drip",
         {.kind = STUB_DRIP, .status = 200, .fill = 10000},
         500,
         300,
         400,
         LT_HTTP_TIMEOUT_TOTAL,
         390,
         1200},
        {"cut",
         {.kind = STUB_CUT, .status = 200, .body = "0123456789"},
         1000,
         1000,
         2000,
         LT_HTTP_BROKEN,
         0,
         900},
        {"dropped", {.kind = STUB_DROP}, 1000, 1000, 2000, LT_HTTP_BROKEN, 0, 900},
        {"too large", {.status = 200, .fill = 300000}, 1000, 1000, 2000, LT_HTTP_TOO_LARGE, 0, 900},
        {"too large, length unknown",
         {.kind = STUB_CHUNKED, .status = 200, .fill = 90000},
         1000,
         1000,
         2000,
         LT_HTTP_TOO_LARGE,
         0,
         1500},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_http_request req = post(w, "x");
        req.first_ms = rows[i].first_ms;
        req.gap_ms = rows[i].gap_ms;
        req.total_ms = rows[i].total_ms;
        req.cap_bytes = 64 * 1024;
        stub_clear(w->stub);
        /* curl asks again by itself when a kept connection was closed before a byte came */
        stub_push(w->stub, rows[i].reply);
        stub_push(w->stub, rows[i].reply);
        struct seen s = ask(w, &req);
        if (s.end != rows[i].end)
            fail_msg("%s: ended as %s (%s)", rows[i].name, lt_http_end_name(s.end), s.text);
        if (s.total_us / 1000 < rows[i].least_ms || s.total_us / 1000 > rows[i].most_ms)
            fail_msg("%s: took %lld ms", rows[i].name, (long long)s.total_us / 1000);
        assert_true(s.body_len <= 64 * 1024);
        assert_non_null(strstr(s.text, "127.0.0.1"));
    }
}

static void test_http__nobody_listens__is_connect(void **state)
{
    struct world *w = *state;
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d/", stub_dead_port());
    struct lt_http_request req = post(w, "x");
    assert_int_equal(ask(w, &req).end, LT_HTTP_CONNECT);
}

static void test_http__unknown_host__is_resolve(void **state)
{
    struct world *w = *state;
    snprintf(w->url, sizeof w->url, "https://no-such-host.invalid/");
    setenv("no_proxy", "*", 1); /* a proxy of this machine would look the name up for us */
    struct lt_http_request req = post(w, "x");
    req.connect_ms = 3500;
    struct seen s = ask(w, &req);
    unsetenv("no_proxy");
    /* A machine whose name servers are out of reach may only run into the connect clock. */
    assert_true(s.end == LT_HTTP_RESOLVE || s.end == LT_HTTP_TIMEOUT_CONNECT);
}

static void test_http__tls_to_a_plain_server__is_tls(void **state)
{
    struct world *w = *state;
    snprintf(w->url, sizeof w->url, "https://127.0.0.1:%d/", stub_port(w->stub));
    struct lt_http_request req = post(w, "x");
    req.total_ms = 1500;
    struct seen s = ask(w, &req);
    /* The stub waits for the end of what it takes for headers, so the clock may ring first. */
    assert_true(s.end == LT_HTTP_TLS || s.end == LT_HTTP_TIMEOUT_TOTAL);
    assert_int_equal(stub_n_requests(w->stub), 0);
}

static void test_http__redirect__is_not_followed(void **state)
{
    struct world *w = *state;
    char location[160];
    snprintf(location, sizeof location, "Location: %s\r\n", w->url);
    setenv("LT_TEST_KEY", "sk-secret", 1);
    struct lt_secret *key = NULL;
    assert_int_equal(lt_secret_read("env:LT_TEST_KEY", &key, NULL), LT_OK);
    stub_push(w->stub, (struct stub_reply){.status = 307, .headers = location, .body = ""});
    struct lt_http_request req = post(w, "x");
    req.secret = key;
    req.secret_header = "authorization";
    req.secret_prefix = "Bearer ";
    struct seen s = ask(w, &req);
    lt_secret_free(key);
    char v[64];
    assert_int_equal(s.status, 307);
    assert_int_equal(stub_n_requests(w->stub), 1);
    assert_string_equal(stub_header(stub_request(w->stub, 0), "authorization", v, sizeof v),
                        "Bearer sk-secret");
    assert_null(strstr(s.text, "sk-secret"));
}

static void test_http__key_over_plain_http__is_refused_beyond_loopback(void **state)
{
    struct world *w = *state;
    struct lt_diag d = {0};
    struct seen s = {0};
    setenv("LT_TEST_KEY", "sk-secret", 1);
    struct lt_secret *key = NULL;
    assert_int_equal(lt_secret_read("env:LT_TEST_KEY", &key, NULL), LT_OK);
    struct lt_http_request req = post(w, "x");
    req.url = "http://192.0.2.1/v1";
    req.secret = key;
    req.secret_header = "authorization";
    assert_int_equal(lt_http_send(w->http, &req, on_done, &s, NULL, &d), LT_ERR_INVALID);
    assert_non_null(strstr(d.text, "https"));
    assert_null(strstr(d.text, "sk-secret"));
    lt_secret_free(key);
}

static void test_http__bad_requests__are_refused_at_once(void **state)
{
    struct world *w = *state;
    static const char *const urls[] = {"", "no url", "ftp://127.0.0.1/x", "file:///etc/passwd",
                                       "http://user:pw@127.0.0.1/"};
    struct seen s = {0};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct lt_diag d = {0};
        struct lt_http_request req = post(w, "x");
        req.url = urls[i];
        if (lt_http_send(w->http, &req, on_done, &s, NULL, &d) != LT_ERR_INVALID)
            fail_msg("'%s' was taken", urls[i]);
        assert_true(d.text[0]);
    }
    struct lt_http_header evil = {"x-a", "1\r\nx-b: 2"};
    struct lt_http_request req = post(w, "x");
    req.headers = &evil;
    req.n_headers = 1;
    assert_int_equal(lt_http_send(w->http, &req, on_done, &s, NULL, NULL), LT_ERR_INVALID);
    assert_int_equal(s.n, 0);
}

static void test_http__cancelled__never_calls_back(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    struct lt_http_call *call = NULL;
    struct lt_http_request req = post(w, "x");
    stub_push(w->stub, (struct stub_reply){.kind = STUB_STALL, .status = 200, .body = "x"});
    assert_int_equal(lt_http_send(w->http, &req, on_done, &s, &call, NULL), LT_OK);
    http_loop_for(&w->loop, 60);
    lt_http_cancel(call);
    http_loop_for(&w->loop, 60);
    assert_int_equal(s.n, 0);
    /* and before a byte was sent */
    assert_int_equal(lt_http_send(w->http, &req, on_done, &s, &call, NULL), LT_OK);
    lt_http_cancel(call);
    http_loop_for(&w->loop, 20);
    assert_int_equal(s.n, 0);
}

struct nest {
    struct world *w;
    struct lt_http_call *other;
    struct seen first, second;
};

static void on_nested(void *ctx, const struct lt_http_response *r)
{
    struct nest *n = ctx;
    on_done(&n->first, r);
    lt_http_cancel(n->other); /* another request, from inside a callback */
    stub_push(n->w->stub, (struct stub_reply){.status = 201, .body = "again"});
    struct lt_http_request req = post(n->w, "y");
    assert_int_equal(lt_http_send(n->w->http, &req, on_done, &n->second, NULL, NULL), LT_OK);
}

static void test_http__callback__may_send_and_cancel(void **state)
{
    struct world *w = *state;
    struct nest n = {.w = w};
    struct seen never = {0};
    struct lt_http_request req = post(w, "x");
    stub_push(w->stub, (struct stub_reply){.kind = STUB_STALL, .status = 200, .body = "x"});
    assert_int_equal(lt_http_send(w->http, &req, on_done, &never, &n.other, NULL), LT_OK);
    while (stub_n_requests(w->stub) < 1) http_loop_for(&w->loop, 5);
    stub_push(w->stub, (struct stub_reply){.status = 200, .body = "ok"});
    assert_int_equal(lt_http_send(w->http, &req, on_nested, &n, NULL, NULL), LT_OK);
    http_loop_until(&w->loop, &n.second.n);
    assert_int_equal(n.first.status, 200);
    assert_int_equal(n.second.status, 201);
    assert_int_equal(never.n, 0);
}

static void test_http__free_with_requests_in_flight__is_clean(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    struct lt_http_request req = post(w, "x");
    for (int i = 0; i < 3; i++) {
        stub_push(w->stub, (struct stub_reply){.kind = STUB_STALL, .status = 200, .body = "x"});
        assert_int_equal(lt_http_send(w->http, &req, on_done, &s, NULL, NULL), LT_OK);
    }
    http_loop_for(&w->loop, 50);
    lt_http_free(w->http); /* teardown asserts that the loop is empty */
    w->http = NULL;
    assert_int_equal(s.n, 0);
}

static void test_http__retry_after__is_read_in_every_form(void **state)
{
    static const struct {
        const char *headers;
        int64_t least_ms, most_ms;
        int should_retry;
    } rows[] = {
        {"Retry-After: 7\r\n", 7000, 7000, -1},
        {"Retry-After: 0.5\r\n", 500, 500, -1},
        {"retry-after-ms: 120\r\nRetry-After: 7\r\n", 120, 120, -1},
        {"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", 0, 0, -1},
        {"Retry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n", 604800000, 604800000, -1},
        {"Retry-After: soon\r\nx-should-retry: false\r\n", -1, -1, 0},
        {"Retry-After: -3\r\nx-should-retry: true\r\n", -1, -1, 1},
        {"Retry-After: nan\r\n", -1, -1, -1},
        {"Retry-After: 1e30\r\n", 604800000, 604800000, -1},
        {NULL, -1, -1, -1},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stub_push(w->stub,
                  (struct stub_reply){.status = 429, .headers = rows[i].headers, .body = "{}"});
        struct lt_http_request req = post(w, "x");
        struct seen s = ask(w, &req);
        if (s.retry_after_ms < rows[i].least_ms || s.retry_after_ms > rows[i].most_ms)
            fail_msg("row %zu: %lld ms", i, (long long)s.retry_after_ms);
        assert_int_equal(s.should_retry, rows[i].should_retry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(test_http__plain_answer__is_delivered_with_headers),
        T(test_http__chunked_answer__is_put_together),
        T(test_http__second_request__reuses_the_connection),
        T(test_http__many_at_once__each_gets_its_callback),
        T(test_http__bad_servers__end_in_their_class_in_time),
        T(test_http__nobody_listens__is_connect),
        T(test_http__unknown_host__is_resolve),
        T(test_http__tls_to_a_plain_server__is_tls),
        T(test_http__redirect__is_not_followed),
        T(test_http__key_over_plain_http__is_refused_beyond_loopback),
        T(test_http__bad_requests__are_refused_at_once),
        T(test_http__cancelled__never_calls_back),
        T(test_http__callback__may_send_and_cancel),
        T(test_http__free_with_requests_in_flight__is_clean),
        T(test_http__retry_after__is_read_in_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
