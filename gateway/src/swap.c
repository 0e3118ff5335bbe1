/* swap.c - another network takes over while requests go on.
 *
 *     watching --another is active--> preparing --ready--> installing --> retiring --> watching
 *         ^                               |                    |
 *         +------- refused (said once) <--+--------------------+
 *
 * Every two seconds, and on SIGHUP, the store writer is asked which network is active. If it is
 * another file, a thread of its own, of low priority, opens it and compiles every site's catalogue for
 * it: that takes the time, and requests go on meanwhile and come first. Then one job of the inference worker exchanges the
 * catalogues, between two requests; one that changed in the meantime is compiled there. A request
 * that began keeps its catalogue, which keeps its network (site.h), and so ends on the old one. The old
 * network is let go at the next look, when those requests are over, and by a thread of the pool: giving back
 * its memory must not keep the loop. A
 * file that does not open, or a catalogue that it cannot hold, leaves everything as it was; it is
 * tried again when another file is activated or on SIGHUP. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "gateway_int.h"
#include "lt/log.h"
#include "model.h"
#include "shadow.h"

#define LOOK_MS 2000
#define PREPARE_NICE                                                                               \
    15 /* of the thread that prepares; a thread of the pool could not go back to 0 */

enum stage { WATCHING, LOOKING, PREPARING, INSTALLING, RETIRING, FREEING };

struct lt_swap {
    struct lt_gateway *gw;
    uv_timer_t timer;
    uv_work_t work;
    struct lt_job look_job, install_job;
    enum stage stage;
    char path[1024];                /* of the network that is active by the store */
    char refused[1024];             /* the last one that could not take over, "" */
    struct lt_site_engine *fresh;   /* being prepared, then installed */
    struct lt_site_catalog **ready; /* (n_sites) for `fresh`; NULL for a site without a catalogue */
    struct lt_model_says says;      /* about it */
    struct lt_shadow_choice beside; /* the network that is to answer beside it */
    lt_us began_us;                 /* preparing */
    int64_t cpu_us;                 /* processor time of preparing */
    lt_us held_us;                  /* how long installing kept the inference worker */
    enum lt_err err;
    struct lt_diag diag;
    int is_stopping;
};

static void release(struct lt_swap *w)
{
    for (size_t i = 0; w->ready && i < w->gw->n_sites; i++) lt_site_catalog_unref(w->ready[i]);
    free(w->ready);
    w->ready = NULL;
    lt_site_engine_unref(w->fresh);
    w->fresh = NULL;
}

static void drop(struct lt_swap *w)
{
    release(w);
    lt_model_says_free(&w->says);
    w->stage = WATCHING;
}

static void refuse(struct lt_swap *w, enum lt_err err, const struct lt_diag *diag)
{
    snprintf(w->refused, sizeof w->refused, "%s", w->path);
    LT_LOG(ERROR, "model.refused", LF_STR("path", w->path), LF_STR("why", lt_diag_text(diag, err)),
           LF_STR("in_use", w->gw->model_name));
    drop(w);
}

static struct lt_site_catalog *catalog_of(struct lt_gw_site *site)
{
    uv_mutex_lock(&site->lock);
    struct lt_site_catalog *c = lt_site_catalog_ref(site->catalog);
    uv_mutex_unlock(&site->lock);
    return c;
}

static enum lt_err compile(struct lt_swap *w, const struct lt_site_catalog *from,
                           struct lt_site_catalog **out, struct lt_diag *diag)
{
    const char *text = lt_catalog_text(from->checked);
    return lt_site_catalog_new(w->gw->docs, w->fresh, text, strlen(text), out, diag);
}

/* ---- installing: on the inference worker, so that no request sees half of it ---- */

static enum lt_err install(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_swap *w = (struct lt_swap *)((char *)job - offsetof(struct lt_swap, install_job));
    struct lt_gateway *gw = w->gw;
    lt_us began = lt_now_us();
    enum lt_err err = LT_OK;
    for (size_t i = 0; i < gw->n_sites && !err; i++) { /* catalogues that came while preparing */
        struct lt_site_catalog *now = catalog_of(&gw->sites[i]);
        int is_same = now && w->ready[i] &&
                      !strcmp(lt_catalog_hash(now->checked), lt_catalog_hash(w->ready[i]->checked));
        if (now && !is_same) {
            lt_site_catalog_unref(w->ready[i]);
            w->ready[i] = NULL;
            err = compile(w, now, &w->ready[i], diag);
        }
        lt_site_catalog_unref(now);
    }
    if (err) return err;
    for (size_t i = 0; i < gw->n_sites; i++) {
        uv_mutex_lock(&gw->sites[i].lock);
        struct lt_site_catalog *old = gw->sites[i].catalog;
        gw->sites[i].catalog = w->ready[i];
        uv_mutex_unlock(&gw->sites[i].lock);
        w->ready[i] = old; /* dropped later: freeing takes time too */
    }
    struct lt_site_engine *old = gw->engine;
    __atomic_store_n(&gw->engine, w->fresh, __ATOMIC_RELEASE); /* the loop looks at its counters */
    w->fresh = old;
    w->held_us = lt_now_us() - began;
    return LT_OK;
}

static void install_done(struct lt_job *job)
{
    struct lt_swap *w = (struct lt_swap *)((char *)job - offsetof(struct lt_swap, install_job));
    struct lt_gateway *gw = w->gw;
    if (job->err) {
        refuse(w, job->err, &job->diag);
        return;
    }
    LT_LOG(INFO, "model.swapped", LF_STR("from", gw->model_name),
           LF_STR("to", san_engine_model_name(gw->engine->engine)), LF_STR("path", w->path),
           LF_INT("took_ms", (lt_now_us() - w->began_us) / 1000),
           LF_INT("cpu_ms", w->cpu_us / 1000), LF_INT("held_us", w->held_us));
    snprintf(gw->model_name, sizeof gw->model_name, "%s",
             san_engine_model_name(gw->engine->engine));
    w->refused[0] = '\0';
    w->stage = RETIRING;
    for (size_t i = 0; i < gw->n_sites && !w->is_stopping; i++)
        lt_front_status(gw, &gw->sites[i], 1);
}

/* ---- preparing: on a thread that a thread of the pool waits for ---- */

static int64_t thread_cpu_us(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void prepare(void *arg)
{
    struct lt_swap *w = arg;
    (void)setpriority(PRIO_PROCESS, 0, PREPARE_NICE); /* Linux: of this thread alone */
    w->err = lt_site_engine_open(w->path, &w->fresh, &w->diag);
    if (!w->err) {
        w->fresh->says = w->says;
        w->says = (struct lt_model_says){0};
    }
    if (!w->err) lt_warm_tune(w->gw, w->fresh);
    for (size_t i = 0; i < w->gw->n_sites && !w->err; i++) {
        struct lt_site_catalog *now = catalog_of(&w->gw->sites[i]);
        if (now) w->err = compile(w, now, &w->ready[i], &w->diag);
        lt_site_catalog_unref(now);
    }
    w->cpu_us = thread_cpu_us();
}

static void prepare_apart(uv_work_t *work)
{
    struct lt_swap *w = work->data;
    uv_thread_t thread;
    if (uv_thread_create(&thread, prepare, w))
        w->err = lt_fail(&w->diag, LT_ERR_NOMEM, "no thread to prepare the network on");
    else
        uv_thread_join(&thread);
}

static void prepared(uv_work_t *work, int status)
{
    struct lt_swap *w = work->data;
    if (status || w->is_stopping) {
        drop(w);
    } else if (w->err) {
        refuse(w, w->err, &w->diag);
    } else {
        w->stage = INSTALLING;
        w->install_job = (struct lt_job){.run = install, .done = install_done, .is_alone = 1};
        lt_worker_follow(w->gw->infer, &w->install_job);
    }
}

/* ---- retiring: what was exchanged is let go ---- */

static void retire(uv_work_t *work)
{
    release(work->data);
}

static void retired(uv_work_t *work, int status)
{
    (void)status; /* cancelled: dropped here */
    drop(work->data);
}

/* ---- watching ---- */

static enum lt_err look(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_swap *w = (struct lt_swap *)((char *)job - offsetof(struct lt_swap, look_job));
    lt_model_says_free(&w->says);
    enum lt_err err = lt_model_choose(&w->gw->started, w->gw->store, w->path, sizeof w->path, diag);
    if (!err) err = lt_model_says_of(w->gw->store, w->path, &w->says, diag);
    return err ? err : lt_shadow_choose(w->gw->store, &w->beside, diag);
}

static void look_done(struct lt_job *job)
{
    struct lt_swap *w = (struct lt_swap *)((char *)job - offsetof(struct lt_swap, look_job));
    w->stage = WATCHING;
    if (!job->err && !w->is_stopping) lt_shadow_set(w->gw, &w->beside);
    if (job->err || w->is_stopping || !strcmp(w->path, w->gw->engine->path) ||
        !strcmp(w->path, w->refused))
        return;
    w->ready = calloc(w->gw->n_sites + 1, sizeof *w->ready);
    if (!w->ready) return;
    w->stage = PREPARING;
    w->diag = (struct lt_diag){0};
    w->work.data = w;
    w->began_us = lt_now_us();
    if (uv_queue_work(&w->gw->loop, &w->work, prepare_apart, prepared)) drop(w);
}

static void on_timer(uv_timer_t *t)
{
    struct lt_swap *w = t->data;
    if (w->stage == RETIRING) {
        w->stage = FREEING;
        w->work.data = w;
        if (uv_queue_work(&w->gw->loop, &w->work, retire, retired)) drop(w);
        return;
    }
    if (w->stage != WATCHING || w->is_stopping || w->gw->is_draining) return;
    w->stage = LOOKING;
    w->look_job = (struct lt_job){.run = look, .done = look_done, .is_alone = 1};
    lt_worker_follow(w->gw->writer, &w->look_job);
}

void lt_swap_start(struct lt_gateway *gw)
{
    struct lt_swap *w = calloc(1, sizeof *w);
    if (!w) {
        LT_LOG(ERROR, "model.unwatched", LF_STR("why", "out of memory"));
        return;
    }
    gw->swap = w;
    w->gw = gw;
    uv_timer_init(&gw->loop, &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_timer, LOOK_MS, LOOK_MS);
}

void lt_swap_look(struct lt_gateway *gw)
{
    if (!gw->swap) return;
    gw->swap->refused[0] = '\0';
    on_timer(&gw->swap->timer);
}

void lt_swap_stop(struct lt_gateway *gw)
{
    if (!gw->swap) return;
    gw->swap->is_stopping = 1;
    uv_timer_stop(&gw->swap->timer);
}

void lt_swap_free(struct lt_gateway *gw)
{
    lt_shadow_free(gw);
    if (gw->swap) drop(gw->swap);
    free(gw->swap);
    gw->swap = NULL;
}
