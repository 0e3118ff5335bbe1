/* batch_call.c - requests that wait at the same moment, answered in one go.
 *
 * Each is answered by the very code that answers one alone, so an answer does not depend on its
 * company. What a batch saves: equal requests (a phrase heard by several satellites, a rush of retries)
 * are computed once, and several cores work at the rest. The engine keeps its helping threads asleep
 * between batches; the caller's thread works too and needs no helper for a batch of one. */
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"

struct san__crew {
    pthread_mutex_t lock;
    pthread_cond_t has_work, is_idle;
    pthread_t thread[SAN_BATCH_THREADS_MAX];
    int n_threads;
    int is_stopping;
    /* the batch under way, under the lock */
    struct san_batch_call *calls;
    int n, next, n_working, n_wanted;
};

static int is_same(const struct san_batch_call *a, const struct san_batch_call *b)
{
    const char *x = a->request.here ? a->request.here : "",
               *y = b->request.here ? b->request.here : "";
    return a->catalog == b->catalog && !strcmp(a->request.text, b->request.text) && !strcmp(x, y);
}

static void answer(struct san_batch_call *c)
{
    if (c->same_as >= 0) return;
    c->err = san__call(c->catalog->engine, c->catalog, &c->request, &c->answer, NULL, &c->diag);
}

/* Work at the batch until nothing of it is left to begin; the lock is held. */
static void work(struct san__crew *w)
{
    while (w->next < w->n) {
        struct san_batch_call *c = &w->calls[w->next++];
        pthread_mutex_unlock(&w->lock);
        answer(c);
        pthread_mutex_lock(&w->lock);
    }
}

static void *help(void *arg)
{
    struct san__crew *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->is_stopping && !(w->next < w->n && w->n_wanted > 0))
            pthread_cond_wait(&w->has_work, &w->lock);
        if (w->is_stopping) break;
        w->n_wanted--;
        w->n_working++;
        work(w);
        if (!--w->n_working) pthread_cond_signal(&w->is_idle);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The engine's helpers, at least n of them where the system gives so many; the batch lock is held. */
static struct san__crew *crew_of(struct san_engine *e, int n)
{
    struct san__crew *w = e->crew;
    if (!w) {
        w = e->crew = calloc(1, sizeof *w);
        if (!w) return NULL;
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->has_work, NULL);
        pthread_cond_init(&w->is_idle, NULL);
    }
    while (w->n_threads < n) {
        if (pthread_create(&w->thread[w->n_threads], NULL, help, w)) break;
        w->n_threads++;
    }
    return w;
}

void san__crew_free(struct san__crew *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->is_stopping = 1;
    pthread_cond_broadcast(&w->has_work);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n_threads; i++) pthread_join(w->thread[i], NULL);
    pthread_cond_destroy(&w->has_work);
    pthread_cond_destroy(&w->is_idle);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static char *copy_text(const char *s)
{
    size_t n = s ? strlen(s) + 1 : 0;
    char *p = s ? malloc(n) : NULL;
    if (p) memcpy(p, s, n);
    return p;
}

static void copy_answer(struct san_batch_call *to, const struct san_batch_call *from)
{
    const struct san_answer *a = &from->answer;
    size_t bytes = (size_t)a->n_decisions * sizeof *a->decisions;
    to->err = from->err;
    to->diag = from->diag;
    to->answer = (struct san_answer){0};
    if (to->err) return;
    to->answer = *a;
    to->answer.calls_json = copy_text(a->calls_json);
    to->answer.unclear_memory = to->answer.unclear_json = copy_text(a->unclear_json);
    to->answer.mended_memory = to->answer.mended = copy_text(a->mended);
    to->answer.decisions = malloc(bytes + 1);
    to->answer.cap_mended = to->answer.cap_calls = to->answer.cap_unclear =
        to->answer.cap_decisions = 0;
    if (!to->answer.calls_json || !to->answer.decisions ||
        (a->unclear_json && !to->answer.unclear_json) || (a->mended && !to->answer.mended)) {
        san_answer_free(&to->answer);
        to->err = lt_fail(&to->diag, LT_ERR_NOMEM, "out of memory");
        return;
    }
    if (bytes) memcpy(to->answer.decisions, a->decisions, bytes);
}

/* Split the batch over this thread and its helpers. */
static void with_crew(struct san_engine *e, struct san_batch_call *calls, int n, int n_threads)
{
    pthread_mutex_lock(&e->batch_lock);
    struct san__crew *w = crew_of(e, n_threads - 1);
    if (!w) {
        for (int i = 0; i < n; i++) answer(&calls[i]);
    } else {
        pthread_mutex_lock(&w->lock);
        w->calls = calls;
        w->n = n;
        w->next = 0;
        w->n_wanted = n_threads - 1;
        pthread_cond_broadcast(&w->has_work);
        work(w);
        while (w->n_working) pthread_cond_wait(&w->is_idle, &w->lock);
        w->calls = NULL;
        w->n = w->next = 0;
        pthread_mutex_unlock(&w->lock);
    }
    pthread_mutex_unlock(&e->batch_lock);
}

void san_call_batch(struct san_batch_call *calls, int n, int n_threads)
{
    int n_own = 0;
    for (int i = 0; i < n; i++) {
        calls[i].err = LT_OK;
        calls[i].answer = (struct san_answer){0};
        calls[i].same_as = -1;
        for (int k = 0; k < i && calls[i].same_as < 0; k++)
            if (calls[k].same_as < 0 && is_same(&calls[k], &calls[i])) calls[i].same_as = k;
        n_own += calls[i].same_as < 0;
    }
    if (n_threads > SAN_BATCH_THREADS_MAX) n_threads = SAN_BATCH_THREADS_MAX;
    if (n_threads > n_own) n_threads = n_own;
    if (n_threads > 1)
        with_crew(calls[0].catalog->engine, calls, n, n_threads);
    else
        for (int i = 0; i < n; i++) answer(&calls[i]);
    for (int i = 0; i < n; i++)
        if (calls[i].same_as >= 0) copy_answer(&calls[i], &calls[calls[i].same_as]);
}
