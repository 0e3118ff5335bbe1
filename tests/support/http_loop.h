/* http_loop.h - a libuv loop for tests of what lives on lt/io.h. */
#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include <uv.h>

#include "io_uv.h"

struct http_loop {
    uv_loop_t loop;
    struct lt_io_uv io;
};

static inline void http_loop_init(struct http_loop *l)
{
    uv_loop_init(&l->loop);
    lt_io_uv_init(&l->io, &l->loop);
}

/* Run until *is_done. The test's own time limit ends it otherwise. */
static inline void http_loop_until(struct http_loop *l, const int *is_done)
{
    while (!*is_done) uv_run(&l->loop, UV_RUN_ONCE);
}

static inline void http_loop_no_op(uv_timer_t *t)
{
    (void)t;
}

/* Run for about `ms` milliseconds. */
static inline void http_loop_for(struct http_loop *l, int64_t ms)
{
    uv_timer_t t;
    uint64_t end;
    uv_update_time(&l->loop);
    end = uv_now(&l->loop) + (uint64_t)ms;
    uv_timer_init(&l->loop, &t);
    uv_timer_start(&t, http_loop_no_op, (uint64_t)ms, 0);
    while (uv_now(&l->loop) < end) uv_run(&l->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&l->loop, UV_RUN_NOWAIT);
}

/* 0 when nothing was left open. Everything on the loop must have been freed. */
static inline int http_loop_fini(struct http_loop *l)
{
    uv_run(&l->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&l->loop);
}

#endif
