/* bench_sites.c - requests of several homes that wait at the same moment, on several threads. */
#include <stdlib.h>

#include "bench_impl.h"
#include "engine_impl.h"

#define SITE_TOOLS    20
#define SITE_ENTITIES 20
#define SITE_BYTES    ((size_t)1 << 16) /* of such a catalogue as JSON */
#define WAITING       32                /* requests of a batch at most; no two are equal */

/* Homes have the same tools, and devices with names of their own. */
static enum lt_err new_sites(struct san_engine *e, struct san_catalog **sites, int n,
                             struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    for (int i = 0; i < n && !err; i++) {
        struct lt_buf json;
        lt_buf_init(&json, SITE_BYTES);
        err = san__bench_catalog(SITE_TOOLS, SITE_ENTITIES, i * SITE_ENTITIES, &json);
        if (!err) err = san_catalog_new(e, json.p, json.n, &sites[i], diag);
        lt_buf_free(&json);
    }
    return err;
}

/* One batch, the next of all pairs of a home and a text; *at is where in them the last one ended.
 * Returns how many were answered. */
static int answer(const struct san_bench_sites_plan *plan, struct san_catalog **sites, int *at,
                  enum lt_err *err)
{
    struct san_batch_call calls[WAITING] = {{0}};
    int pairs = plan->n_sites * plan->n_texts, n = pairs < WAITING ? pairs : WAITING;
    for (int i = 0; i < n; i++, *at = (*at + 1) % pairs) {
        calls[i].catalog = sites[*at % plan->n_sites];
        calls[i].request.text = plan->texts[*at / plan->n_sites];
    }
    san_call_batch(calls, n, plan->n_threads);
    for (int i = 0; i < n; i++) {
        if (calls[i].err) *err = calls[i].err;
        san_answer_free(&calls[i].answer);
    }
    return n;
}

enum lt_err san_bench_sites(struct san_engine *e, const struct san_bench_sites_plan *plan,
                            struct san_bench_sites *out, struct lt_diag *diag)
{
    struct san_catalog **sites = calloc((size_t)plan->n_sites, sizeof(struct san_catalog *));
    struct san__bench_run *r = malloc(sizeof *r);
    struct san_cache_stats before, after;
    san_engine_cache_stats(e, &before);
    size_t budget = before.n_bytes_most;
    san_engine_cache_limit(e, 0); /* what was measured before goes */
    san_engine_cache_limit(e, SAN_BENCH_SITES_CACHE);
    san_engine_cache_stats(e, &before);
    enum lt_err err = sites && r ? LT_OK : LT_ERR_NOMEM;
    lt_us t0 = lt_thread_us();
    int at = 0;
    *out = (struct san_bench_sites){.n_sites = plan->n_sites, .n_threads = plan->n_threads};
    if (!err) err = new_sites(e, sites, plan->n_sites, diag);
    out->compile_ms = (double)(lt_thread_us() - t0) / 1e3 / plan->n_sites;
    if (!err) answer(plan, sites, &at, &err); /* warms up */
    san_engine_cache_stats(e, &after);
    out->site_bytes = (after.n_bytes - before.n_bytes) / (size_t)plan->n_sites;
    int is_alone = plan->n_threads == 1; /* a thread's own time says nothing of the others' */
    if (!err) san__bench_start(r, 3, plan->max_us);
    while (!err && san__bench_goes_on(r)) {
        t0 = is_alone ? lt_thread_us() : lt_now_us();
        int n = answer(plan, sites, &at, &err);
        r->x[r->n++] = n * 1e6 / (double)((is_alone ? lt_thread_us() : lt_now_us()) - t0 + 1);
    }
    if (!err) out->per_s = san_bench_stat_of(r->x, r->n);
    san_engine_cache_stats(e, &after);
    out->is_over = after.n_let_go > before.n_let_go;
    for (int i = 0; sites && i < plan->n_sites; i++) san_catalog_unref(sites[i]);
    san_engine_cache_limit(e, budget);
    free(sites);
    free(r);
    return err ? lt_fail(diag, err, "bench: %s", lt_strerror(err)) : LT_OK;
}
