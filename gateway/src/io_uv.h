/* io_uv.h - lt/io.h on a libuv loop.
 *
 * Objects are closed asynchronously, as libuv wants it: _free stops an object at once and its
 * memory goes when the loop turns again, so the loop must be run until it has no handles left
 * before it is closed. Threads: the loop's thread only. */
#ifndef LT_IO_UV_H
#define LT_IO_UV_H

#include <uv.h>

#include "lt/io.h"

struct lt_io_uv {
    struct lt_io io; /* hand this down */
    uv_loop_t *loop; /* borrowed */
};

/* Fill `u` (caller's storage); `loop` must outlive every object made through it. */
void lt_io_uv_init(struct lt_io_uv *u, uv_loop_t *loop);

#endif
