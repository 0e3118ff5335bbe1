/* io_uv.c - watches are uv_poll_t and timers uv_timer_t, each in an allocation of its own that is
 * released by libuv's close callback. A freed object has no callback function any more, so an
 * event that libuv has collected already reaches nobody. */
#include "io_uv.h"

#include <stdlib.h>

struct lt_io_watch {
    uv_poll_t poll;
    int fd;
    lt_io_watch_fn fn; /* NULL once freed */
    void *ctx;
};

struct lt_io_timer {
    uv_timer_t timer;
    lt_io_timer_fn fn; /* NULL once freed */
    void *ctx;
};

static uv_loop_t *loop_of(struct lt_io *io)
{
    return ((struct lt_io_uv *)io)->loop;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct lt_io_watch *w = poll->data;
    int mask = 0;
    if (events & UV_READABLE) mask |= LT_IO_READ;
    if (events & UV_DISCONNECT) mask |= LT_IO_READ;
    if (events & UV_WRITABLE) mask |= LT_IO_WRITE;
    if (status < 0) mask |= LT_IO_ERROR;
    if (w->fn && mask) w->fn(w->ctx, w->fd, mask);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static enum lt_err watch_new(struct lt_io *io, int fd, lt_io_watch_fn fn, void *ctx,
                             struct lt_io_watch **out)
{
    struct lt_io_watch *w = calloc(1, sizeof *w);
    if (!w) return LT_ERR_NOMEM;
    int rc = uv_poll_init(loop_of(io), &w->poll, fd);
    if (rc < 0) {
        free(w);
        return rc == UV_EEXIST ? LT_ERR_EXISTS : LT_ERR_IO;
    }
    w->poll.data = w;
    w->fd = fd;
    w->fn = fn;
    w->ctx = ctx;
    *out = w;
    return LT_OK;
}

static enum lt_err watch_set(struct lt_io_watch *w, int events)
{
    int mask = 0;
    if (events & LT_IO_READ) mask |= UV_READABLE;
    if (events & LT_IO_WRITE) mask |= UV_WRITABLE;
    int rc = mask ? uv_poll_start(&w->poll, mask, on_poll) : uv_poll_stop(&w->poll);
    return rc < 0 ? LT_ERR_IO : LT_OK;
}

static void watch_free(struct lt_io_watch *w)
{
    w->fn = NULL;
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void on_timer(uv_timer_t *timer)
{
    struct lt_io_timer *t = timer->data;
    if (t->fn) t->fn(t->ctx);
}

static enum lt_err timer_new(struct lt_io *io, lt_io_timer_fn fn, void *ctx,
                             struct lt_io_timer **out)
{
    struct lt_io_timer *t = calloc(1, sizeof *t);
    if (!t) return LT_ERR_NOMEM;
    if (uv_timer_init(loop_of(io), &t->timer) < 0) {
        free(t);
        return LT_ERR_NOMEM;
    }
    t->timer.data = t;
    t->fn = fn;
    t->ctx = ctx;
    *out = t;
    return LT_OK;
}

static void timer_set(struct lt_io_timer *t, int64_t delay_ms)
{
    /* Starting and stopping an open timer with a callback cannot fail. The loop's clock may be a
     * long callback old; without the update a short delay would end before it began. */
    if (delay_ms < 0) {
        uv_timer_stop(&t->timer);
        return;
    }
    uv_update_time(t->timer.loop);
    uv_timer_start(&t->timer, on_timer, (uint64_t)delay_ms, 0);
}

static void timer_free(struct lt_io_timer *t)
{
    t->fn = NULL;
    uv_close((uv_handle_t *)&t->timer, on_closed);
}

void lt_io_uv_init(struct lt_io_uv *u, uv_loop_t *loop)
{
    static const struct lt_io_ops ops = {
        .watch_new = watch_new,
        .watch_set = watch_set,
        .watch_free = watch_free,
        .timer_new = timer_new,
        .timer_set = timer_set,
        .timer_free = timer_free,
    };
    u->io.ops = &ops;
    u->loop = loop;
}
