/* http.c - the one file that sees libcurl.
 *
 * curl_multi tells which sockets it wants watched (on_curl_socket) and when it wants to be woken
 * (on_curl_timer); both go to the loop through lt/io.h. The loop's events come back through
 * on_socket_event and on_wake, which let curl work and then collect finished requests. Nothing here
 * waits. User callbacks run from tell_fresh(), collect() and on_watchdog() only, never inside one of
 * curl's own callbacks, so they may start and cancel requests as they like.
 *
 * Each request has a watchdog timer for the clocks curl does not keep: first byte, gap, total. It
 * is set at the start and at the first byte, not for every byte; when it rings it looks at the
 * clocks and rings again later if none has run out. */
#include "lt/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lt/buf.h"

#define CONNECT_MS      3000  /* a house's uplink answers in well under a second */
#define FIRST_MS        15000 /* the slow end of large models */
#define GAP_MS          10000
#define TOTAL_MS        30000
#define KEPT_CONNS      16
#define KEEPALIVE_S     30                          /* below the idle limit of home routers */
#define RETRY_AFTER_MAX (7LL * 24 * 60 * 60 * 1000) /* longer wishes are cut to this, in ms */
#define TEXT_BYTES      640                         /* a host, our words and curl's */

struct lt_http {
    struct lt_io *io;
    CURLM *multi;
    struct lt_io_timer *wake; /* curl's own timer */
    struct lt_http_call *calls;
    struct lt_http_call *telling; /* in its on_data; NULL again when that cancelled it */
    int has_fresh;                /* a streamed body has bytes that were not told */
    char *ca_file;
    char *user_agent;
};

struct lt_http_call {
    struct lt_http *http;
    struct lt_http_call *next, **link; /* list of the client */
    CURL *easy;
    struct curl_slist *headers; /* holds the credential: wiped when freed */
    void *body;
    char host[256];
    struct lt_buf head;     /* header lines of the last response */
    struct lt_buf answer;   /* body */
    enum lt_http_end fault; /* why one of our own callbacks stopped curl, or DONE */
    lt_us start_us;
    lt_us last_byte_us; /* 0: no byte of the body yet */
    int64_t first_ms, gap_ms, total_ms;
    struct lt_io_timer *watchdog;
    lt_http_fn fn;
    lt_http_data_fn on_data;
    void *ctx;
    size_t n_told; /* bytes that went to on_data */
    int has_body, is_streamed, is_enough;
    char curl_text[CURL_ERROR_SIZE];
};

static const struct {
    const char *name;
    const char *text;
} END[] = {
#define END_ROW(name, retry, text) {#name, text},
    LT_HTTP_END_MAP(END_ROW)
#undef END_ROW
};

const char *lt_http_end_name(enum lt_http_end end)
{
    return (size_t)end < sizeof END / sizeof *END ? END[end].name : "UNKNOWN";
}

const char *lt_http_end_text(enum lt_http_end end)
{
    return (size_t)end < sizeof END / sizeof *END ? END[end].text : "unknown end";
}

/* ---- the life of a call --------------------------------------------------------------------- */

static void wipe_headers(struct curl_slist *list)
{
    for (struct curl_slist *h = list; h; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(list);
}

/* Unlink and free; also for half-built calls. */
static void call_free(struct lt_http_call *c)
{
    if (!c) return;
    if (c->http->telling == c) c->http->telling = NULL;
    if (c->link) {
        *c->link = c->next;
        if (c->next) c->next->link = c->link;
    }
    if (c->easy) {
        curl_multi_remove_handle(c->http->multi, c->easy);
        curl_easy_cleanup(c->easy);
    }
    lt_io_timer_free(c->http->io, c->watchdog);
    wipe_headers(c->headers);
    free(c->body);
    lt_buf_free(&c->head);
    lt_buf_free(&c->answer);
    free(c);
}

static enum lt_http_end end_of(CURLcode code, const struct lt_http_call *c)
{
    if (c->fault != LT_HTTP_DONE) return c->fault;
    switch (code) {
    case CURLE_OK:
        return LT_HTTP_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return LT_HTTP_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return LT_HTTP_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
        return LT_HTTP_TLS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return LT_HTTP_CERT;
    case CURLE_OPERATION_TIMEDOUT: /* the connect limit is the only one curl keeps */
        return LT_HTTP_TIMEOUT_CONNECT;
    case CURLE_OUT_OF_MEMORY:
        return LT_HTTP_NOMEM;
    default:
        return LT_HTTP_BROKEN;
    }
}

static int64_t retry_after_of(const struct lt_http_response *r)
{
    char v[64];
    char *end;
    double ms = -1;
    if (lt_http_header_get(r, "retry-after-ms", v, sizeof v)) {
        ms = strtod(v, &end);
        if (end == v) ms = -1;
    } else if (lt_http_header_get(r, "retry-after", v, sizeof v)) {
        ms = strtod(v, &end) * 1000;
        if (end == v) {
            time_t date = curl_getdate(v, NULL);
            ms = date < 0 ? -1 : (double)date * 1000 - (double)lt_now_unix_ms();
            if (date >= 0 && ms < 0) ms = 0; /* a date in the past: at once */
        }
    }
    if (!(ms >= 0)) return -1; /* also what is not a number */
    return ms > (double)RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (int64_t)ms;
}

/* Tell the owner how it ended; the call is gone afterwards. */
static void finish(struct lt_http_call *c, enum lt_http_end end)
{
    struct lt_http_response r = {.end = end, .should_retry = -1, .retry_after_ms = -1};
    long status = 0;
    curl_off_t us = 0;
    char v[16], text[TEXT_BYTES];
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    r.status = (int)status;
    r.body = lt_buf_str(&c->answer);
    r.body_len = c->answer.n;
    r.headers = lt_buf_str(&c->head);
    if (!curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &us)) r.connect_us = us;
    if (!curl_easy_getinfo(c->easy, CURLINFO_STARTTRANSFER_TIME_T, &us)) r.first_us = us;
    r.total_us = lt_now_us() - c->start_us;
    r.is_streamed = c->is_streamed;
    r.retry_after_ms = retry_after_of(&r);
    if (lt_http_header_get(&r, "x-should-retry", v, sizeof v))
        r.should_retry = strcasecmp(v, "true") == 0 ? 1 : strcasecmp(v, "false") == 0 ? 0 : -1;
    if (end == LT_HTTP_DONE)
        snprintf(text, sizeof text, "%s: HTTP status %d", c->host, r.status);
    else
        snprintf(text, sizeof text, "%s: %s after %lld ms%s%s", c->host, lt_http_end_text(end),
                 (long long)(r.total_us / 1000), c->curl_text[0] ? ": " : "", c->curl_text);
    r.text = text;

    /* Out of curl and of the list first: the owner may do anything in its callback. */
    curl_multi_remove_handle(c->http->multi, c->easy);
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    c->link = NULL;
    lt_io_timer_set(c->http->io, c->watchdog, -1);
    c->fn(c->ctx, &r);
    call_free(c);
}

/* ---- the loop's events ---------------------------------------------------------------------- */

/* Progress: from now on the gap counts, which may be the shorter clock. */
static void note_progress(struct lt_http_call *c)
{
    int is_first = !c->last_byte_us;
    c->last_byte_us = lt_now_us();
    if (!is_first) return;
    int64_t left_ms = c->total_ms - (c->last_byte_us - c->start_us) / 1000;
    if (left_ms < 0) left_ms = 0;
    lt_io_timer_set(c->http->io, c->watchdog, c->gap_ms < left_ms ? c->gap_ms : left_ms);
}

/* Give out what came of a streamed body. */
static void tell(struct lt_http_call *c)
{
    struct lt_http *h = c->http;
    struct lt_buf piece = c->answer;
    lt_buf_init(&c->answer, piece.cap_bytes);
    c->n_told += piece.n;
    h->telling = c;
    enum lt_http_take take = c->on_data(c->ctx, piece.p, piece.n);
    int is_alive = h->telling == c;
    h->telling = NULL;
    lt_buf_free(&piece);
    if (!is_alive) return;
    if (take == LT_HTTP_TAKE_STOP) {
        finish(c, LT_HTTP_DONE);
    } else if (take == LT_HTTP_TAKE_ENOUGH) {
        int64_t left_ms = c->total_ms - (lt_now_us() - c->start_us) / 1000;
        if (!c->is_enough) /* a server that goes on talking gets no further time */
            lt_io_timer_set(h->io, c->watchdog,
                            left_ms < 0                 ? 0
                            : left_ms < LT_HTTP_TAIL_MS ? left_ms
                                                        : LT_HTTP_TAIL_MS);
        c->is_enough = 1;
    } else if (take == LT_HTTP_TAKE_USEFUL && !c->is_enough) {
        note_progress(c);
    }
}

/* The list is looked through from its start again after each, since a reader may change it. */
static void tell_fresh(struct lt_http *h)
{
    while (h->has_fresh) {
        struct lt_http_call *c = h->calls;
        while (c && !(c->is_streamed && c->answer.n)) c = c->next;
        h->has_fresh = c != NULL;
        if (c) tell(c);
    }
}

static void collect(struct lt_http *h)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        if (m->msg != CURLMSG_DONE) continue;
        struct lt_http_call *c = NULL;
        CURLcode code = m->data.result; /* m dies with the next call to curl */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        finish(c, end_of(code, c));
    }
}

static void on_socket_event(void *ctx, int fd, int events)
{
    struct lt_http *h = ctx;
    int mask = 0, running;
    if (events & LT_IO_READ) mask |= CURL_CSELECT_IN;
    if (events & LT_IO_WRITE) mask |= CURL_CSELECT_OUT;
    if (events & LT_IO_ERROR) mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(h->multi, fd, mask, &running);
    tell_fresh(h);
    collect(h);
}

static void on_wake(void *ctx)
{
    struct lt_http *h = ctx;
    int running;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell_fresh(h);
    collect(h);
}

static void on_watchdog(void *ctx)
{
    struct lt_http_call *c = ctx;
    int64_t now_ms = (lt_now_us() - c->start_us) / 1000;
    int64_t byte_ms = c->last_byte_us ? (c->last_byte_us - c->start_us) / 1000 : -1;
    int64_t wait_ms = c->total_ms - now_ms;
    int64_t next_ms = byte_ms < 0 ? c->first_ms - now_ms : byte_ms + c->gap_ms - now_ms;
    if (c->is_enough)
        finish(c, LT_HTTP_DONE);
    else if (wait_ms <= 0)
        finish(c, LT_HTTP_TIMEOUT_TOTAL);
    else if (next_ms <= 0)
        finish(c, byte_ms < 0 ? LT_HTTP_TIMEOUT_FIRST : LT_HTTP_TIMEOUT_GAP);
    else
        lt_io_timer_set(c->http->io, c->watchdog, next_ms < wait_ms ? next_ms : wait_ms);
}

/* ---- curl's wishes -------------------------------------------------------------------------- */

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *per_socket)
{
    struct lt_http *h = user;
    struct lt_io_watch *w = per_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        lt_io_watch_free(h->io, w);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (!w) {
        if (lt_io_watch_new(h->io, fd, on_socket_event, h, &w)) return -1;
        curl_multi_assign(h->multi, fd, w);
    }
    int events = (what & CURL_POLL_IN ? LT_IO_READ : 0) | (what & CURL_POLL_OUT ? LT_IO_WRITE : 0);
    return lt_io_watch_set(h->io, w, events) ? -1 : 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct lt_http *h = user;
    (void)multi;
    lt_io_timer_set(h->io, h->wake, timeout_ms);
    return 0;
}

static size_t on_curl_header(char *p, size_t size, size_t n, void *user)
{
    struct lt_http_call *c = user;
    (void)size;                                /* always 1 */
    if (n > 5 && memcmp(p, "HTTP/", 5) == 0) { /* a new response: drop the interim one */
        lt_buf_reset(&c->head);
        return n;
    }
    enum lt_err err = lt_buf_add(&c->head, p, n);
    if (!err) return n;
    c->fault = err == LT_ERR_LIMIT ? LT_HTTP_TOO_LARGE : LT_HTTP_NOMEM;
    return 0;
}

/* A good answer that comes as events? */
static int is_event_stream(const struct lt_http_call *c)
{
    static const char type[] = "text/event-stream";
    struct lt_http_response r = {.headers = lt_buf_str(&c->head)};
    char v[64];
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300 && lt_http_header_get(&r, "content-type", v, sizeof v) &&
           strncasecmp(v, type, sizeof type - 1) == 0;
}

static size_t on_curl_body(char *p, size_t size, size_t n, void *user)
{
    struct lt_http_call *c = user;
    (void)size; /* always 1 */
    if (!c->has_body) c->is_streamed = c->on_data && is_event_stream(c);
    c->has_body = 1;
    if (c->is_streamed)
        c->http->has_fresh = 1; /* its reader says what is progress */
    else
        note_progress(c);
    if (c->n_told + c->answer.n + n > c->answer.cap_bytes) {
        c->fault = LT_HTTP_TOO_LARGE;
        return 0;
    }
    enum lt_err err = lt_buf_add(&c->answer, p, n);
    if (!err) return n;
    c->fault = err == LT_ERR_LIMIT ? LT_HTTP_TOO_LARGE : LT_HTTP_NOMEM;
    return 0;
}

/* ---- starting a call ------------------------------------------------------------------------ */

static int is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0;
}

/* Check the address and store the host for texts. */
static enum lt_err check_url(struct lt_http_call *c, const struct lt_http_request *req,
                             int *is_local, struct lt_diag *diag)
{
    enum lt_err err = LT_ERR_NOMEM;
    char *scheme = NULL, *host = NULL, *user = NULL;
    CURLU *u = curl_url();
    if (!u) goto out;
    err = LT_ERR_INVALID;
    if (curl_url_set(u, CURLUPART_URL, req->url, 0) ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(u, CURLUPART_HOST, &host, 0)) {
        lt_fail(diag, err, "'%s' is not an address: write http(s)://host[:port]/path", req->url);
        goto out;
    }
    snprintf(c->host, sizeof c->host, "%s", host);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        lt_fail(diag, err, "%s: scheme '%s' is not supported: use http or https", host, scheme);
        goto out;
    }
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        lt_fail(diag, err, "%s: credentials in an address would reach logs: use a key", host);
        goto out;
    }
    *is_local = is_loopback(host);
    if (req->secret && strcmp(scheme, "http") == 0 && !*is_local && !req->is_plain_secret_ok) {
        lt_fail(diag, err, "%s: not sending the key over plain http: use https", host);
        goto out;
    }
    err = LT_OK;
out:
    if (err == LT_ERR_NOMEM) lt_fail(diag, err, "no memory for a request");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(u);
    return err;
}

/* Visible bytes and blanks only: a line break would start a header of its own. */
static int is_header_text(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return *s == '\t';
    return 1;
}

static enum lt_err add_header(struct lt_http_call *c, const char *name, const char *prefix,
                              const char *value, struct lt_diag *diag)
{
    if (!is_header_text(name) || !is_header_text(prefix) || !is_header_text(value))
        return lt_fail(diag, LT_ERR_INVALID, "%s: header '%.40s' holds a control character",
                       c->host, name);
    size_t n = strlen(name) + strlen(prefix) + strlen(value) + 3;
    char *line = malloc(n);
    if (!line) return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    snprintf(line, n, "%s: %s%s", name, prefix, value);
    struct curl_slist *list = curl_slist_append(c->headers, line);
    explicit_bzero(line, n);
    free(line);
    if (!list) return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    c->headers = list;
    return LT_OK;
}

static enum lt_err add_headers(struct lt_http_call *c, const struct lt_http_request *req,
                               struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    if (req->n_headers > LT_HTTP_MAX_HEADERS)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: more than %d request headers", c->host,
                       LT_HTTP_MAX_HEADERS);
    for (size_t i = 0; !err && i < req->n_headers; i++)
        err = add_header(c, req->headers[i].name, "", req->headers[i].value, diag);
    if (!err && req->secret && req->secret_header)
        err = add_header(c, req->secret_header, req->secret_prefix ? req->secret_prefix : "",
                         lt_secret_reveal(req->secret), diag);
    if (err) return err;
    /* Without this curl waits a second for "100 Continue" before larger bodies. */
    struct curl_slist *list = curl_slist_append(c->headers, "Expect:");
    if (!list) return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    c->headers = list;
    return LT_OK;
}

/* Every option either takes or the request does not start: a client that silently lost its
 * certificate check or its limits would be worse than none. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(c->easy, option, value) != CURLE_OK)                                  \
            return lt_fail(diag, LT_ERR_UNSUPPORTED, "this libcurl refuses option " #option);      \
    } while (0)

static enum lt_err set_options(struct lt_http_call *c, const struct lt_http_request *req,
                               int is_local, struct lt_diag *diag)
{
    SET(CURLOPT_PRIVATE, c);
    SET(CURLOPT_ERRORBUFFER, c->curl_text);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_URL, req->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (c->http->ca_file) SET(CURLOPT_CAINFO, c->http->ca_file);
    if (is_local) SET(CURLOPT_PROXY, "");
    SET(CURLOPT_USERAGENT, c->http->user_agent);
    SET(CURLOPT_ACCEPT_ENCODING, ""); /* whatever this build can unpack */
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(req->connect_ms > 0 ? req->connect_ms : CONNECT_MS));
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* cancelling must not wait for a name lookup's thread */
#endif
    SET(CURLOPT_HTTPHEADER, c->headers);
    SET(CURLOPT_HEADERFUNCTION, on_curl_header);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_WRITEFUNCTION, on_curl_body);
    SET(CURLOPT_WRITEDATA, c);
    if (c->body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
        SET(CURLOPT_POSTFIELDS, (char *)c->body);
    }
    if (strcmp(req->method, c->body ? "POST" : "GET") != 0) SET(CURLOPT_CUSTOMREQUEST, req->method);
    return LT_OK;
}

enum lt_err lt_http_send(struct lt_http *h, const struct lt_http_request *req, lt_http_fn fn,
                         void *ctx, struct lt_http_call **out, struct lt_diag *diag)
{
    int is_local = 0;
    enum lt_err err;
    struct lt_http_call *c = calloc(1, sizeof *c);
    if (!c) return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    c->http = h;
    c->fn = fn;
    c->on_data = req->on_data;
    c->ctx = ctx;
    c->first_ms = req->first_ms > 0 ? req->first_ms : FIRST_MS;
    c->gap_ms = req->gap_ms > 0 ? req->gap_ms : GAP_MS;
    c->total_ms = req->total_ms > 0 ? req->total_ms : TOTAL_MS;
    lt_buf_init(&c->head, LT_HTTP_MAX_HEADER_BYTES);
    lt_buf_init(&c->answer, req->cap_bytes ? req->cap_bytes : LT_HTTP_MAX_BODY_BYTES);
    err = check_url(c, req, &is_local, diag);
    if (!err) err = add_headers(c, req, diag);
    if (err) goto out;
    if (req->body) {
        c->body = malloc(req->body_len ? req->body_len : 1);
        if (!c->body) err = lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
        if (err) goto out;
        memcpy(c->body, req->body, req->body_len);
    }
    c->easy = curl_easy_init();
    err = c->easy ? set_options(c, req, is_local, diag)
                  : lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    if (!err && lt_io_timer_new(h->io, on_watchdog, c, &c->watchdog))
        err = lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    if (!err && curl_multi_add_handle(h->multi, c->easy) != CURLM_OK)
        err = lt_fail(diag, LT_ERR_INTERNAL, "%s: libcurl would not take the request", c->host);
    if (err) goto out;
    c->next = h->calls;
    c->link = &h->calls;
    if (c->next) c->next->link = &c->next;
    h->calls = c;
    c->start_us = lt_now_us();
    lt_io_timer_set(h->io, c->watchdog, c->first_ms < c->total_ms ? c->first_ms : c->total_ms);
    if (out) *out = c;
    c = NULL; /* in flight now */
out:
    call_free(c);
    return err;
}

void lt_http_cancel(struct lt_http_call *call)
{
    call_free(call);
}

/* ---- the client ----------------------------------------------------------------------------- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum lt_err lt_http_new(struct lt_io *io, const struct lt_http_options *opt, struct lt_http **out,
                        struct lt_diag *diag)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    enum lt_err err = LT_ERR_NOMEM;
    pthread_once(&once, init_curl);
    if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "this libcurl resolves names with a blocking call: install one built with "
                       "the threaded resolver or c-ares");
    struct lt_http *h = calloc(1, sizeof *h);
    if (!h) goto out;
    h->io = io;
    h->user_agent = strdup(opt && opt->user_agent ? opt->user_agent : "lintel/" LINTEL_VERSION);
    if (!h->user_agent) goto out;
    if (opt && opt->ca_file && !(h->ca_file = strdup(opt->ca_file))) goto out;
    h->multi = curl_multi_init();
    if (!h->multi || lt_io_timer_new(io, on_wake, h, &h->wake)) goto out;
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
                      opt && opt->max_connections > 0 ? opt->max_connections : (long)KEPT_CONNS);
    *out = h;
    return LT_OK;
out:
    lt_http_free(h);
    return lt_fail(diag, err, "no memory for the HTTP client");
}

void lt_http_free(struct lt_http *h)
{
    if (!h) return;
    while (h->calls) call_free(h->calls);
    if (h->multi) curl_multi_cleanup(h->multi); /* may still call on_curl_socket and _timer */
    lt_io_timer_free(h->io, h->wake);
    free(h->ca_file);
    free(h->user_agent);
    free(h);
}

const char *lt_http_header_get(const struct lt_http_response *r, const char *name, char *buf,
                               size_t buf_bytes)
{
    size_t n = strlen(name);
    for (const char *line = r->headers; line && *line;) {
        size_t len = strcspn(line, "\r\n");
        if (len > n && line[n] == ':' && strncasecmp(line, name, n) == 0) {
            const char *v = line + n + 1, *end = line + len;
            while (v < end && (*v == ' ' || *v == '\t')) v++;
            while (end > v && (end[-1] == ' ' || end[-1] == '\t')) end--;
            snprintf(buf, buf_bytes, "%.*s", (int)(end - v), v);
            return buf;
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return NULL;
}
