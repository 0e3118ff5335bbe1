/* worker.c - mutex, condition and two lists; results come back through an event that the loop polls.
 *
 * Not a uv_async: its sender writes to the loop first and says then that it is through, and a loop that is
 * woken in between (always, where both share a core) spins until it is. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lt/log.h"

#define WORKER_STACK_BYTES (4u << 20) /* the engine keeps small work arrays on the stack */

struct list {
    struct lt_job *first, *last;
    int n;
};

struct lt_worker {
    uv_poll_t wake_loop;
    int event; /* eventfd(2): readable while the loop is to look at `finished` */
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t has_job;
    struct list waiting, finished; /* under mutex */
    int is_stopping, many_max;     /* under mutex */
    int is_loop_told;              /* under mutex: the event is set and not yet looked at */
    int n_pending;                 /* loop thread only */
    int queue_max;
    struct lt_worker_group group;
    char name[16];
};

static void push(struct list *l, struct lt_job *job)
{
    job->next = NULL;
    if (l->last)
        l->last->next = job;
    else
        l->first = job;
    l->last = job;
    l->n++;
}

static struct lt_job *take_up_to(struct list *l, int max)
{
    struct lt_job *first = l->first, *last = first;
    if (!first) return NULL;
    for (l->n--; max > 1 && last->next; max--, l->n--) last = last->next;
    l->first = last->next;
    if (!l->first) l->last = NULL;
    last->next = NULL;
    return first;
}

/* How many of the waiting jobs make the next group: a job that runs alone is one by itself. */
static int group_size(const struct lt_worker *w)
{
    int n = 0;
    const struct lt_job *first = w->waiting.first;
    if (first && first->run_many) {
        for (const struct lt_job *j = first;
             j && j->run_many == first->run_many && n < w->many_max;)
            j = j->next, n++;
        return n;
    }
    if (!w->group.begin || (first && first->is_alone)) return 1;
    for (const struct lt_job *j = first;
         j && !j->is_alone && !j->run_many && n < w->group.group_max;)
        j = j->next, n++;
    return n;
}

/* Run a list of jobs as one group (or one without hooks). */
static void run_group(struct lt_worker *w, struct lt_job *first)
{
    struct lt_diag diag = {0};
    enum lt_err err = LT_OK;
    int is_durable = 0;
    if (first->run_many && first->next) {
        first->run_many(first);
        return;
    }
    for (struct lt_job *j = first; j; j = j->next) is_durable |= j->is_durable;
    int has_hooks = w->group.begin && !first->is_alone;
    if (has_hooks) err = w->group.begin(w->group.ctx, is_durable, &diag);
    for (struct lt_job *j = first; j && !err; j = j->next) j->err = j->run(j, &j->diag);
    if (!err && has_hooks) err = w->group.end(w->group.ctx, &diag);
    if (!err) return;
    for (struct lt_job *j = first; j; j = j->next) {
        j->err = err;
        j->diag = diag;
    }
}

/* The counter of an eventfd holds far more than the one that is ever in it, so writing does not fail. */
static void tell_loop(const struct lt_worker *w)
{
    uint64_t one = 1;
    ssize_t n = write(w->event, &one, sizeof one);
    (void)n;
}

static void worker_main(void *arg)
{
    struct lt_worker *w = arg;
    prctl(PR_SET_NAME, w->name);
    uv_mutex_lock(&w->mutex);
    for (;;) {
        while (!w->waiting.first && !w->is_stopping) uv_cond_wait(&w->has_job, &w->mutex);
        struct lt_job *first = take_up_to(&w->waiting, group_size(w));
        if (!first) break; /* stopping, and nothing is left */
        uv_mutex_unlock(&w->mutex);
        run_group(w, first);
        uv_mutex_lock(&w->mutex);
        for (struct lt_job *next; first; first = next) {
            next = first->next;
            push(&w->finished, first);
        }
        if (w->is_loop_told) continue;
        w->is_loop_told = 1;
        uv_mutex_unlock(&w->mutex); /* or the loop would wake only to wait for it */
        tell_loop(w);
        uv_mutex_lock(&w->mutex);
    }
    uv_mutex_unlock(&w->mutex);
}

static void drain(struct lt_worker *w)
{
    uv_mutex_lock(&w->mutex);
    struct lt_job *job = w->finished.first;
    memset(&w->finished, 0, sizeof w->finished);
    w->is_loop_told = 0;
    uv_mutex_unlock(&w->mutex);
    for (struct lt_job *next; job; job = next) {
        next = job->next; /* done may free the job */
        w->n_pending--;
        job->done(job);
    }
}

static void on_wake(uv_poll_t *handle, int status, int events)
{
    struct lt_worker *w = handle->data;
    uint64_t n;
    ssize_t got = read(w->event, &n, sizeof n); /* before looking: what comes later sets it again */
    (void)got, (void)status, (void)events;
    drain(w);
}

enum lt_err lt_worker_start(uv_loop_t *loop, const char *name, int queue_max,
                            const struct lt_worker_group *group, struct lt_worker **out,
                            struct lt_diag *diag)
{
    uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                   .stack_size = WORKER_STACK_BYTES};
    struct lt_worker *w = calloc(1, sizeof *w);
    if (!w) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->event < 0 || uv_poll_init(loop, &w->wake_loop, w->event)) {
        if (w->event >= 0) close(w->event);
        free(w);
        return lt_fail(diag, LT_ERR_IO,
                       "cannot watch the thread '%s'; raise the limit of open files", name);
    }
    strncpy(w->name, name, sizeof w->name - 1);
    w->queue_max = queue_max;
    w->many_max = 1;
    if (group) w->group = *group;
    uv_mutex_init(&w->mutex);
    uv_cond_init(&w->has_job);
    w->wake_loop.data = w;
    uv_poll_start(&w->wake_loop, UV_READABLE, on_wake);
    if (uv_thread_create_ex(&w->thread, &options, worker_main, w)) {
        lt_worker_stop(w);
        return lt_fail(diag, LT_ERR_IO, "cannot start the thread '%s'; raise the limit of threads",
                       name);
    }
    *out = w;
    return LT_OK;
}

void lt_worker_follow(struct lt_worker *w, struct lt_job *job)
{
    job->err = LT_OK;
    memset(&job->diag, 0, sizeof job->diag);
    w->n_pending++;
    uv_mutex_lock(&w->mutex);
    push(&w->waiting, job);
    uv_mutex_unlock(&w->mutex);
    uv_cond_signal(&w->has_job); /* after it, so that the thread need not wait for the mutex */
}

enum lt_err lt_worker_submit(struct lt_worker *w, struct lt_job *job)
{
    uv_mutex_lock(&w->mutex);
    int is_full = w->waiting.n >= w->queue_max;
    uv_mutex_unlock(&w->mutex);
    if (is_full) return LT_ERR_BUSY;
    lt_worker_follow(w, job);
    return LT_OK;
}

void lt_worker_set_many(struct lt_worker *w, int most)
{
    uv_mutex_lock(&w->mutex);
    w->many_max = most > 1 ? most : 1;
    uv_mutex_unlock(&w->mutex);
}

int lt_worker_pending(const struct lt_worker *w)
{
    return w->n_pending;
}

static void on_closed(uv_handle_t *handle)
{
    struct lt_worker *w = handle->data;
    uv_cond_destroy(&w->has_job);
    uv_mutex_destroy(&w->mutex);
    close(w->event);
    free(w);
}

void lt_worker_stop(struct lt_worker *w)
{
    if (!w) return;
    uv_mutex_lock(&w->mutex);
    w->is_stopping = 1;
    uv_cond_signal(&w->has_job);
    uv_mutex_unlock(&w->mutex);
    if (w->thread) uv_thread_join(&w->thread);
    drain(w);
    uv_close((uv_handle_t *)&w->wake_loop, on_closed);
}
