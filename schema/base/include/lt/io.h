/* lt/io.h - what a lower folder needs from an event loop, without knowing the loop.
 *
 * The gateway runs one loop thread (libuv) and hands a `struct lt_io` down; the HTTP core of
 * adapters/ lives on that loop through this page. Two kinds of object exist: a watch tells when a
 * file descriptor can be read or written, a timer calls back once after a delay. Both are made
 * idle, started with _set and released with _free, which may be called from any callback, the
 * object's own included: after _free returns its callback is never called again.
 * Threads: everything here belongs to the loop's thread. Memory: objects are the implementation's;
 * `ctx` is the caller's and must outlive the object. */
#ifndef LT_IO_H
#define LT_IO_H

#include <stdint.h>

#include "lt/err.h"

#define LT_IO_READ  1 /* readable, or closed by the peer */
#define LT_IO_WRITE 2 /* writable */
#define LT_IO_ERROR 4 /* reported only: the descriptor is in error; read or write to learn why */

struct lt_io;
struct lt_io_watch; /* opaque: the implementation's */
struct lt_io_timer; /* opaque: the implementation's */

/* `events` is a mask of LT_IO_*. */
typedef void (*lt_io_watch_fn)(void *ctx, int fd, int events);
typedef void (*lt_io_timer_fn)(void *ctx);

/* What an implementation provides; all MUST be set. */
struct lt_io_ops {
    enum lt_err (*watch_new)(struct lt_io *io, int fd, lt_io_watch_fn fn, void *ctx,
                             struct lt_io_watch **out);
    enum lt_err (*watch_set)(struct lt_io_watch *w, int events);
    void (*watch_free)(struct lt_io_watch *w);
    enum lt_err (*timer_new)(struct lt_io *io, lt_io_timer_fn fn, void *ctx,
                             struct lt_io_timer **out);
    void (*timer_set)(struct lt_io_timer *t, int64_t delay_ms);
    void (*timer_free)(struct lt_io_timer *t);
};

/* Embed this as the first member of an implementation. */
struct lt_io {
    const struct lt_io_ops *ops;
};

/* Make an idle watch of `fd`, which stays the caller's and must stay open until _free. One watch
 * per descriptor. LT_ERR_NOMEM, LT_ERR_IO (cannot be polled), LT_ERR_EXISTS (watched already). */
LT_NODISCARD static inline enum lt_err lt_io_watch_new(struct lt_io *io, int fd, lt_io_watch_fn fn,
                                                       void *ctx, struct lt_io_watch **out)
{
    return io->ops->watch_new(io, fd, fn, ctx, out);
}

/* Call back whenever one of `events` (LT_IO_READ, LT_IO_WRITE; 0 pauses) holds; level-triggered.
 * LT_ERR_IO when the system refuses. */
LT_NODISCARD static inline enum lt_err lt_io_watch_set(struct lt_io *io, struct lt_io_watch *w,
                                                       int events)
{
    return io->ops->watch_set(w, events);
}

static inline void lt_io_watch_free(struct lt_io *io, struct lt_io_watch *w) /* NULL is fine */
{
    if (w) io->ops->watch_free(w);
}

/* Make an idle one-shot timer. LT_ERR_NOMEM. */
LT_NODISCARD static inline enum lt_err lt_io_timer_new(struct lt_io *io, lt_io_timer_fn fn,
                                                       void *ctx, struct lt_io_timer **out)
{
    return io->ops->timer_new(io, fn, ctx, out);
}

/* Call back once, in `delay_ms` from now (0: on the next turn of the loop, never from inside this
 * call); a new value replaces the old one, a negative value stops the timer. */
static inline void lt_io_timer_set(struct lt_io *io, struct lt_io_timer *t, int64_t delay_ms)
{
    io->ops->timer_set(t, delay_ms);
}

static inline void lt_io_timer_free(struct lt_io *io, struct lt_io_timer *t) /* NULL is fine */
{
    if (t) io->ops->timer_free(t);
}

#endif
