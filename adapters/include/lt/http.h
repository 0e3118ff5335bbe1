/* lt/http.h - asynchronous HTTP(S) requests on the loop of lt/io.h.
 *
 * One client holds one curl_multi handle, so connections are kept alive and reused. A request
 * ends exactly once: either its callback runs, always from the loop and never from inside
 * lt_http_send(), or lt_http_cancel() is called and the callback never runs. Four clocks bound it:
 * connect, first byte of the body (both counted from the start), gap between bytes, and the whole
 * request; a server that sends headers and then nothing is caught by the second, one that drips by
 * the last.
 * Certificates are verified. Redirects are never followed, so a credential reaches only the origin
 * it was given for; it travels in a header only and appears in no error text.
 * Proxies: as the environment says (HTTPS_PROXY, NO_PROXY and so on), curl's defaults, except that
 * loopback is never reached through one.
 * Threads: all functions on the loop's thread. */
#ifndef LT_HTTP_H
#define LT_HTTP_H

#include "lt/clock.h"
#include "lt/err.h"
#include "lt/io.h"
#include "lt/secret.h"

#define LT_HTTP_MAX_HEADERS      16          /* request headers beside the secret one */
#define LT_HTTP_MAX_HEADER_BYTES (32 * 1024) /* response headers kept; more fails the request */
#define LT_HTTP_MAX_BODY_BYTES   (8u << 20)  /* default ceiling of a response body */

struct lt_http;      /* opaque: a client; lt_http_new makes it, lt_http_free releases it */
struct lt_http_call; /* opaque: a request in flight; valid until its callback or its cancel */

/* How a request ended below HTTP: name, may a retry help?, text. */
#define LT_HTTP_END_MAP(XX)                                                                        \
    XX(DONE, 0, "answered")                                                                        \
    XX(RESOLVE, 1, "host name not found")                                                          \
    XX(CONNECT, 1, "connection failed")                                                            \
    XX(TLS, 1, "TLS handshake failed")                                                             \
    XX(CERT, 0, "certificate not trusted")                                                         \
    XX(TIMEOUT_CONNECT, 1, "no connection in time")                                                \
    XX(TIMEOUT_FIRST, 1, "connected, but no answer began in time")                                 \
    XX(TIMEOUT_GAP, 1, "answer stalled")                                                           \
    XX(TIMEOUT_TOTAL, 1, "deadline passed")                                                        \
    XX(BROKEN, 1, "connection closed in the middle of the answer")                                 \
    XX(TOO_LARGE, 0, "answer over the size limit")                                                 \
    XX(NOMEM, 0, "out of memory")

enum lt_http_end {
#define LT_HTTP_END_ENUM(name, retry, text) LT_HTTP_##name,
    LT_HTTP_END_MAP(LT_HTTP_END_ENUM)
#undef LT_HTTP_END_ENUM
};

/* What the reader of a body that comes in pieces makes of the bytes it was given. */
enum lt_http_take {
    LT_HTTP_TAKE_IDLE,   /* nothing that counts: the clocks for first byte and gap go on */
    LT_HTTP_TAKE_USEFUL, /* progress: the gap is counted anew */
    LT_HTTP_TAKE_ENOUGH, /* complete: the rest is waited for a moment only (LT_HTTP_TAIL_MS) */
    LT_HTTP_TAKE_STOP,   /* of no use: end the request now, as DONE */
};
/* Runs from the loop; may cancel this request and start others. */
typedef enum lt_http_take (*lt_http_data_fn)(void *ctx, const char *bytes, size_t n);
#define LT_HTTP_TAIL_MS 500

struct lt_http_header {
    const char *name;
    const char *value;
};

/* One request. Everything is borrowed for the call of lt_http_send() only, the secret included. */
struct lt_http_request {
    const char *method;                   /* "POST", "GET" */
    const char *url;                      /* http:// or https:// */
    const struct lt_http_header *headers; /* without the credential */
    size_t n_headers;
    const char *secret_header;      /* e.g. "x-api-key"; NULL: no credential */
    const char *secret_prefix;      /* e.g. "Bearer "; NULL: none */
    const struct lt_secret *secret; /* NULL: no credential */
    int is_plain_secret_ok; /* allow the credential over http:// to hosts other than loopback */
    const void *body;       /* NULL: none */
    size_t body_len;
    int64_t connect_ms; /* the four clocks, see above; 0: 3 s, 15 s, 10 s, 30 s */
    int64_t first_ms;
    int64_t gap_ms;
    int64_t total_ms;
    size_t cap_bytes; /* ceiling of the body; 0: LT_HTTP_MAX_BODY_BYTES */
    lt_http_data_fn
        on_data; /* NULL: none; else a 2xx answer of type text/event-stream is given out in pieces
                                as it comes, with the context of lt_http_send, and its body is "" in the end.
                                First byte and gap are then counted between pieces that it calls useful, so
                                that a server which only keeps the line warm is not waited for */
};

/* What came back; borrowed for the callback. */
struct lt_http_response {
    enum lt_http_end end;
    int status;       /* HTTP status, 0 when no status line came */
    const char *body; /* NUL-terminated; "" when none; what had come when end != DONE */
    size_t body_len;
    const char *headers;    /* raw header lines of the final response; see lt_http_header_get */
    int64_t retry_after_ms; /* retry-after-ms, else Retry-After (seconds or date); -1: not said */
    int should_retry;       /* x-should-retry: 1 or 0; -1: not said */
    int is_streamed;        /* the body went to on_data */
    const char *text;       /* one line for people; no credential */
    lt_us connect_us;       /* until connected (0 when a connection was reused) */
    lt_us first_us;         /* until the first byte of the answer */
    lt_us total_us;         /* whole request */
};

typedef void (*lt_http_fn)(void *ctx, const struct lt_http_response *r);

struct lt_http_options {
    const char *ca_file;    /* certificate authorities; NULL: the system's */
    const char *user_agent; /* NULL: "lintel/<version>" */
    long max_connections;   /* kept open; 0: 16 */
};

/* Make a client on `io` (borrowed). `opt` may be NULL. LT_ERR_NOMEM, LT_ERR_UNSUPPORTED when this
 * libcurl would resolve names with a blocking call. */
LT_NODISCARD enum lt_err lt_http_new(struct lt_io *io, const struct lt_http_options *opt,
                                     struct lt_http **out, struct lt_diag *diag);
/* Cancels what is in flight; no callback runs. NULL is fine. Not from inside a callback. */
void lt_http_free(struct lt_http *h);

/* Start a request. On LT_OK `fn` will run once, unless cancelled. LT_ERR_INVALID (URL, header or
 * a credential that would go over plain http), LT_ERR_NOMEM; then `fn` does not run. */
LT_NODISCARD enum lt_err lt_http_send(struct lt_http *h, const struct lt_http_request *req,
                                      lt_http_fn fn, void *ctx, struct lt_http_call **out,
                                      struct lt_diag *diag);
/* Drop a request: its connection is closed and `fn` never runs. NULL is fine. */
void lt_http_cancel(struct lt_http_call *call);

/* Value of the response header `name` (any case), copied into buf, cut to its size. Returns buf, or
 * NULL when the header did not come. */
const char *lt_http_header_get(const struct lt_http_response *r, const char *name, char *buf,
                               size_t buf_bytes);
/* "CONNECT"; "connection failed". Never NULL. */
const char *lt_http_end_name(enum lt_http_end end);
const char *lt_http_end_text(enum lt_http_end end);

#endif
