/* wyoming_peer.c - looking up, connecting, events out and in. */
#include "wyoming_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lt_wyoming_peer {
    struct lt_wyoming_peer_handlers handlers;
    uv_loop_t *loop;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uv_tcp_t tcp;
    uv_timer_t timer;
    int n_open; /* handles and the look-up that still hold us */
    int is_open, is_over;
    int64_t expect_ms;
    struct lt_wyoming_reader *reader;
    struct lt_buf waiting; /* bytes to send once the connection stands */
    char address[300], host[256], port[8], why[200];
    char bytes[16384];
};

struct outgoing {
    uv_write_t req;
    struct lt_wyoming_peer *p;
    char *bytes;
};

static void let_go(struct lt_wyoming_peer *p)
{
    if (--p->n_open) return;
    lt_wyoming_reader_free(p->reader);
    lt_buf_free(&p->waiting);
    free(p);
}

static void on_closed(uv_handle_t *h)
{
    let_go(h->data);
}

void lt_wyoming_peer_close(struct lt_wyoming_peer *p)
{
    if (!p || p->is_over) return;
    p->is_over = 1;
    uv_cancel((uv_req_t *)&p->lookup);
    uv_close((uv_handle_t *)&p->tcp, on_closed);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

static void fail(struct lt_wyoming_peer *p, const char *why)
{
    char text[600];
    if (p->is_over) return;
    snprintf(text, sizeof text, "speech server %s: %.250s", p->address, why);
    lt_wyoming_peer_close(p); /* first: the handler may not use it any more */
    p->handlers.on_fail(p->handlers.ctx, text);
}

static void on_timer(uv_timer_t *t)
{
    struct lt_wyoming_peer *p = t->data;
    fail(p, *p->why ? p->why : p->is_open ? "no answer in time" : "no connection in time");
}

/* Fail in a later turn: the caller is in the middle of something. */
static void fail_soon(struct lt_wyoming_peer *p, const char *why)
{
    if (p->is_over) return;
    snprintf(p->why, sizeof p->why, "%s", why);
    uv_timer_start(&p->timer, on_timer, 0, 0);
}

static int on_event(void *ctx, const struct lt_wyoming_event *e)
{
    struct lt_wyoming_peer *p = ctx;
    if (p->expect_ms && !*p->why) uv_timer_start(&p->timer, on_timer, (uint64_t)p->expect_ms, 0);
    p->handlers.on_event(p->handlers.ctx, e);
    return p->is_over;
}

static void give_bytes(uv_handle_t *h, size_t hint, uv_buf_t *out)
{
    struct lt_wyoming_peer *p = h->data;
    (void)hint;
    *out = uv_buf_init(p->bytes, sizeof p->bytes);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct lt_wyoming_peer *p = s->data;
    struct lt_diag diag = {0};
    if (n == UV_EOF)
        fail(p, "it closed the connection before its answer was complete");
    else if (n < 0)
        fail(p, uv_strerror((int)n));
    else if (lt_wyoming_read(p->reader, buf->base, (size_t)n, on_event, p, &diag))
        fail(p, diag.text);
}

static void on_written(uv_write_t *req, int status)
{
    struct outgoing *o = (struct outgoing *)req;
    struct lt_wyoming_peer *p = o->p;
    free(o->bytes);
    free(o);
    if (status && status != UV_ECANCELED) fail(p, uv_strerror(status));
}

static void flush(struct lt_wyoming_peer *p)
{
    size_t n = p->waiting.n;
    struct outgoing *o = n ? calloc(1, sizeof *o) : NULL;
    if (!n) return;
    if (!o || !(o->bytes = lt_buf_take(&p->waiting))) {
        free(o);
        fail_soon(p, "out of memory");
        return;
    }
    o->p = p;
    uv_buf_t b = uv_buf_init(o->bytes, (unsigned)n);
    if (uv_write(&o->req, (uv_stream_t *)&p->tcp, &b, 1, on_written)) {
        free(o->bytes);
        free(o);
        fail_soon(p, "the connection takes no more");
    } else if (uv_stream_get_write_queue_size((uv_stream_t *)&p->tcp) > LT_WYOMING_PEER_UNSENT) {
        fail_soon(p, "it does not read what it is sent");
    }
}

static void on_connected(uv_connect_t *req, int status)
{
    struct lt_wyoming_peer *p = req->data;
    if (p->is_over) return;
    if (!status) status = uv_read_start((uv_stream_t *)&p->tcp, give_bytes, on_read);
    if (status) {
        fail(p, uv_strerror(status));
        return;
    }
    p->is_open = 1;
    uv_tcp_nodelay(&p->tcp, 1);
    lt_wyoming_peer_expect(p, p->expect_ms);
    flush(p);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct lt_wyoming_peer *p = req->data;
    if (!p->is_over) {
        p->connect.data = p;
        if (!status) status = uv_tcp_connect(&p->connect, &p->tcp, res->ai_addr, on_connected);
        if (status) fail(p, uv_strerror(status));
    }
    uv_freeaddrinfo(res);
    let_go(p);
}

/* "host:port", "[::1]:port". */
static int split(struct lt_wyoming_peer *p, const char *address)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;
    if (!n || n >= sizeof p->host || strlen(colon + 1) >= sizeof p->port || !colon[1] ||
        colon[1 + strspn(colon + 1, "0123456789")] || strtol(colon + 1, NULL, 10) < 1 ||
        strtol(colon + 1, NULL, 10) > 65535)
        return 0;
    snprintf(p->address, sizeof p->address, "%s", address);
    snprintf(p->port, sizeof p->port, "%s", colon + 1);
    if (*address == '[' && address[n - 1] == ']')
        snprintf(p->host, sizeof p->host, "%.*s", (int)n - 2, address + 1);
    else
        snprintf(p->host, sizeof p->host, "%.*s", (int)n, address);
    return 1;
}

enum lt_err lt_wyoming_peer_new(uv_loop_t *loop, const char *address,
                                const struct lt_wyoming_peer_handlers *handlers,
                                struct lt_wyoming_peer **out, struct lt_diag *diag)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lt_wyoming_peer *p = calloc(1, sizeof *p);
    if (p) p->reader = lt_wyoming_reader_new();
    if (!p || !p->reader) {
        free(p);
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    if (!split(p, address)) {
        lt_wyoming_reader_free(p->reader);
        free(p);
        return lt_fail(diag, LT_ERR_INVALID, "'%s' is no address; write host:port", address);
    }
    p->loop = loop;
    p->handlers = *handlers;
    lt_buf_init(&p->waiting, LT_WYOMING_PEER_UNSENT);
    uv_tcp_init(loop, &p->tcp);
    uv_timer_init(loop, &p->timer);
    p->tcp.data = p->timer.data = p->lookup.data = p;
    p->n_open = 2;
    uv_timer_start(&p->timer, on_timer, LT_WYOMING_PEER_CONNECT_MS, 0);
    if (uv_getaddrinfo(loop, &p->lookup, on_looked_up, p->host, p->port, &hints))
        fail_soon(p, "its name cannot be looked up");
    else
        p->n_open++;
    *out = p;
    return LT_OK;
}

void lt_wyoming_peer_send(struct lt_wyoming_peer *p, const char *type, json_t *data,
                          const void *payload, size_t payload_len)
{
    if (!p->is_over) {
        if (lt_wyoming_write(&p->waiting, type, data, payload, payload_len))
            fail_soon(p, "too much waits to be sent");
        else if (p->is_open)
            flush(p);
    }
    json_decref(data);
}

void lt_wyoming_peer_expect(struct lt_wyoming_peer *p, int64_t ms)
{
    p->expect_ms = ms;
    if (p->is_over || !p->is_open || *p->why) return;
    if (ms)
        uv_timer_start(&p->timer, on_timer, (uint64_t)ms, 0);
    else
        uv_timer_stop(&p->timer);
}
