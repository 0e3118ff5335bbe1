/* warm.c - when encoded blocks are read and written. */
#include "warm.h"

#include <stdlib.h>

#include "gateway_int.h"
#include "lt/log.h"

#define LOOK_MS 60000 /* how often it is looked whether there is something new */

struct lt_warm {
    struct lt_gateway *gw;
    uv_timer_t timer;
    uv_work_t work;
    struct lt_site_engine *writing; /* NULL: no write is under way */
    uint64_t n_saved, n_writing;    /* blocks encoded by then */
    struct lt_diag diag;
    enum lt_err err;
    char path[1100];
};

void lt_warm_tune(const struct lt_gateway *gw, struct lt_site_engine *e)
{
    san_engine_cache_limit(e->engine, (size_t)gw->started.model.cache_mb << 20);
}

json_t *lt_warm_stats(const struct lt_gateway *gw)
{
    struct san_cache_stats s;
    san_engine_cache_stats(__atomic_load_n(&gw->engine, __ATOMIC_ACQUIRE)->engine, &s);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "bytes", (json_int_t)s.n_bytes,
                     "bytes_most", (json_int_t)s.n_bytes_most, "blocks", (json_int_t)s.n_blocks,
                     "catalogs", (json_int_t)s.n_catalogs, "found", (json_int_t)s.n_found,
                     "encoded", (json_int_t)s.n_encoded, "restored", (json_int_t)s.n_restored,
                     "evicted", (json_int_t)s.n_evicted, "let_go", (json_int_t)s.n_let_go);
}

void lt_warm_open(struct lt_gateway *gw)
{
    char store[1024];
    struct lt_diag diag = {0};
    struct lt_warm *w = calloc(1, sizeof *w);
    lt_warm_tune(gw, gw->engine);
    if (!w) return;
    w->gw = gw;
    gw->warm = w;
    lt_config_store_path(&gw->started, store, sizeof store);
    snprintf(w->path, sizeof w->path, "%s.blocks", store);
    enum lt_err err = san_engine_cache_load(gw->engine->engine, w->path, &diag);
    if (err && err != LT_ERR_NOTFOUND)
        LT_LOG(WARN, "blocks.ignored", LF_STR("why", lt_diag_text(&diag, err)),
               LF_STR("effect", "catalogues are encoded again"));
}

static uint64_t n_encoded(struct lt_site_engine *e)
{
    struct san_cache_stats s;
    san_engine_cache_stats(e->engine, &s);
    return s.n_encoded;
}

static void save(uv_work_t *work)
{
    struct lt_warm *w = work->data;
    w->err = san_engine_cache_save(w->writing->engine, w->path, &w->diag);
}

static void told(const struct lt_warm *w)
{
    if (w->err)
        LT_LOG(WARN, "blocks.unwritten", LF_STR("why", lt_diag_text(&w->diag, w->err)),
               LF_STR("effect", "the next start encodes catalogues again"));
}

static void saved(uv_work_t *work, int status)
{
    struct lt_warm *w = work->data;
    (void)status;
    told(w);
    w->n_saved = w->n_writing;
    lt_site_engine_unref(w->writing);
    w->writing = NULL;
}

/* A network that took over begins to count anew, and so differs from what was saved. */
static void on_timer(uv_timer_t *t)
{
    struct lt_warm *w = t->data;
    struct lt_site_engine *e = __atomic_load_n(&w->gw->engine, __ATOMIC_ACQUIRE);
    uint64_t now = n_encoded(e);
    if (w->writing || now == w->n_saved) return;
    w->writing =
        lt_site_engine_ref(e); /* networks that were replaced are released on this thread */
    w->n_writing = now;
    w->work.data = w;
    if (!uv_queue_work(&w->gw->loop, &w->work, save, saved)) return;
    lt_site_engine_unref(w->writing);
    w->writing = NULL;
}

void lt_warm_start(struct lt_gateway *gw)
{
    if (!gw->warm) return;
    uv_timer_init(&gw->loop, &gw->warm->timer);
    gw->warm->timer.data = gw->warm;
    uv_timer_start(&gw->warm->timer, on_timer, LOOK_MS, LOOK_MS);
}

void lt_warm_close(struct lt_gateway *gw)
{
    struct lt_warm *w = gw->warm;
    if (!w) return;
    if (gw->engine && n_encoded(gw->engine) != w->n_saved) {
        w->err = san_engine_cache_save(gw->engine->engine, w->path, &w->diag);
        told(w);
    }
    free(w);
    gw->warm = NULL;
}
