/* worker.h - one thread that does jobs in order, off the loop.
 *
 * The gateway has two: the inference worker, since a forward pass takes longer than a turn of the
 * loop may, and the store writer, since a commit waits for the disk. A job is a struct the caller
 * embeds in its own; `run` is called on the worker's thread, then `done` on the loop's. The queue is
 * bounded: when it is full, lt_worker_submit says LT_ERR_BUSY and the caller answers so.
 *
 * With group hooks the worker takes all that waits (up to group_max) as one group: begin, the runs,
 * end; when begin or end fails, every job of the group carries that error into its done. That is how
 * many traces share one disk flush.
 * Threads: submit and stop on the loop's thread. Memory: jobs are the caller's, from submit to done. */
#ifndef LT_WORKER_H
#define LT_WORKER_H

#include <uv.h>

#include "lt/err.h"

struct lt_worker; /* opaque */

struct lt_job {
    enum lt_err (*run)(struct lt_job *job, struct lt_diag *diag); /* on the worker's thread */
    void (*done)(struct lt_job *job);                             /* on the loop's thread */
    /* NULL, or: jobs that follow each other and have the same run_many are given to it together, chained
     * by `next`, instead of each to its run; it sets each one's err and diag */
    void (*run_many)(struct lt_job *first);
    int is_alone;        /* no group hooks around it: it brings its own transactions */
    int is_durable;      /* passed to the group's begin when one job of it wants it */
    enum lt_err err;     /* what run, or else the group, returned */
    struct lt_diag diag; /* its text */
    struct lt_job *next; /* the worker's while queued */
};

struct lt_worker_group {
    void *ctx;
    enum lt_err (*begin)(void *ctx, int is_durable, struct lt_diag *diag);
    enum lt_err (*end)(void *ctx, struct lt_diag *diag);
    int group_max;
};

/* Start the thread. `name` (at most 15 bytes) shows in ps; `group` may be NULL, is copied.
 * LT_ERR_NOMEM, LT_ERR_IO when no thread can be had. */
LT_NODISCARD enum lt_err lt_worker_start(uv_loop_t *loop, const char *name, int queue_max,
                                         const struct lt_worker_group *group,
                                         struct lt_worker **out, struct lt_diag *diag);
/* Queue a job at the end. LT_ERR_BUSY: the queue is full, the job stays untouched. */
LT_NODISCARD enum lt_err lt_worker_submit(struct lt_worker *w, struct lt_job *job);
/* The same, past the bound: for what follows from a job that was accepted already. */
void lt_worker_follow(struct lt_worker *w, struct lt_job *job);
/* Jobs submitted whose done has not run yet. */
int lt_worker_pending(const struct lt_worker *w);
/* The most jobs that run_many gets at once (1 at first: none together). Loop thread. */
void lt_worker_set_many(struct lt_worker *w, int most);
/* Finish all queued jobs, their done calls included, and end the thread. The object frees itself in
 * the loop's next turn. NULL is fine. */
void lt_worker_stop(struct lt_worker *w);

#endif
