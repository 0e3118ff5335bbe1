/* lt/cloud.h - ask a cloud model one thing, within a deadline.
 *
 * lt_cloud_ask() sends one model turn to one endpoint: it renders the request, sends it, reads the
 * answer, and repeats at most once after a failure that may pass, if the deadline leaves time
 * (waiting as long as the vendor asks, or a random time between LT_CLOUD_BACKOFF_MIN_MS and _MAX_MS).
 * Choosing the endpoint, the next one after a failure, and carrying out calls belong to the caller. To continue
 * a turn after calls, append an LT_TURN_RAW with the reply's raw_turn and an LT_TURN_RESULTS to
 * `turns` and ask the same endpoint again.
 * The callback runs once per ask, always from the loop; after lt_cloud_cancel() it never runs.
 * Threads: all functions on the loop's thread. */
#ifndef LT_CLOUD_H
#define LT_CLOUD_H

#include "lt/adapter.h"
#include "lt/cost.h"

#define LT_CLOUD_MAX_TRIES      2    /* the first and one retry */
#define LT_CLOUD_BACKOFF_MIN_MS 250  /* wait before the retry is random between these ... */
#define LT_CLOUD_BACKOFF_MAX_MS 2000 /* ... unless the vendor states one */
#define LT_CLOUD_MIN_TRY_MS     300  /* no retry when less time than this would be left for it */

struct lt_cloud;     /* opaque: client, one per loop */
struct lt_cloud_ask; /* opaque: an ask in flight */

/* One HTTP exchange, as a row of the trace (lt_store_cloud_attempt). Borrowed for the callback. */
struct lt_cloud_try {
    const char *adapter;
    const char *provider;
    const char *model; /* as asked */
    enum lt_cloud_class cls;
    enum lt_http_end end;   /* what happened below HTTP */
    int http_status;        /* 0: none came */
    char code[64];          /* vendor's error word */
    char text[320];         /* one line: why it failed; "" when it did not */
    char request_id[128];   /* vendor's id for support; "" when none */
    int64_t retry_after_ms; /* -1: not said */
    int64_t left_requests;  /* vendor's rate limit: requests left; -1: not said */
    int64_t left_tokens;    /* the same in tokens */
    int64_t wait_ms;        /* waited before this attempt */
    int64_t started_unix_ms;
    lt_us total_us;
    struct lt_cloud_usage usage; /* zero when nothing was billed */
    int64_t cost_usd_micro;
    size_t n_calls;
};

struct lt_cloud_result {
    enum lt_cloud_class cls;            /* of the last attempt */
    const struct lt_cloud_reply *reply; /* of the last attempt; never NULL; empty unless it spoke */
    const struct lt_cloud_try *tries;
    size_t n_tries;
    int64_t cost_usd_micro; /* all attempts together */
    bool is_price_known;
    int64_t retry_after_ms; /* vendor's wish that did not fit the deadline; -1: none */
    const char *text;       /* one line: what, where, what to do; "" when OK */
    const char *sent_body;  /* what was sent, without the credential, for the trace */
    size_t sent_len;
};

typedef void (*lt_cloud_fn)(void *ctx, const struct lt_cloud_result *r);

/* Make a client on `io` with `prices` (both borrowed for its life). `http` NULL: one of its own with
 * defaults; else borrowed. `seed` feeds the jitter; 0: from the clock. */
LT_NODISCARD enum lt_err lt_cloud_new(struct lt_io *io, struct lt_http *http,
                                      const struct lt_prices *prices, uint64_t seed,
                                      struct lt_cloud **out, struct lt_diag *diag);
/* Cancels every ask in flight; no callback runs. NULL is fine. Not from inside a callback. */
void lt_cloud_free(struct lt_cloud *c);

/* Ask `endpoint` (borrowed until the end) for one turn. `req` is borrowed for this call only.
 * `deadline_us` is a point of lt_now_us(); all attempts end before it. On LT_OK `fn` will run once,
 * unless cancelled; *out (may be NULL) is valid until then. LT_ERR_NOTFOUND unknown adapter,
 * LT_ERR_INVALID (what is missing), LT_ERR_TIMEOUT deadline passed already, LT_ERR_LIMIT,
 * LT_ERR_NOMEM: then `fn` does not run. */
LT_NODISCARD enum lt_err lt_cloud_ask(struct lt_cloud *c, const struct lt_cloud_endpoint *endpoint,
                                      const struct lt_cloud_request *req, lt_us deadline_us,
                                      lt_cloud_fn fn, void *ctx, struct lt_cloud_ask **out,
                                      struct lt_diag *diag);
/* How an endpoint took a free question about its model: OK, AUTH (key), NOT_FOUND (model), or what is
 * in the way; `text` is one line, "" when OK. */
typedef void (*lt_cloud_probe_fn)(void *ctx, enum lt_cloud_class cls, const char *text);
/* Ask whether key and model are good. On LT_OK `fn` runs once, within `wait_ms`. LT_ERR_INVALID,
 * LT_ERR_NOMEM: then it does not. */
LT_NODISCARD enum lt_err lt_cloud_probe(struct lt_http *http, const struct lt_cloud_endpoint *e,
                                        int64_t wait_ms, lt_cloud_probe_fn fn, void *ctx,
                                        struct lt_diag *diag);
void lt_cloud_cancel(struct lt_cloud_ask *ask); /* NULL is fine */

#endif
