/* shadow.c - one request at a time through another network.
 *
 *     idle --offer--> answering (a thread of libuv's pool) --> writing (the store's writer) --> idle
 *
 * The pool's thread opens the network when another one is named, and compiles the catalogue when it is
 * another one than last time; `engine`, `compiled` and `hash` are its own while it is answering. */
#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "lt/store_house.h"

struct lt_shadow {
    struct lt_gateway *gw;
    struct lt_shadow_choice wanted;
    char refused[LT_SHA256_HEX_CAP]; /* did not open; not tried again */
    /* the pool's thread, while is_busy */
    struct lt_shadow_choice asked, used; /* for this request; open now */
    struct san_engine *engine;
    struct san_catalog *compiled;
    char catalog_hash[LT_SHA256_HEX_CAP];
    struct lt_site_catalog *catalog; /* of the request */
    char *text, *here;
    json_t *local;
    char trace[LT_ULID_CAP];
    char *calls;
    double confidence;
    int is_same, is_busy;
    enum lt_err err;
    struct lt_diag diag;
    uv_work_t work;
    struct lt_job job;
};

struct finding {
    const char *hash;
    char *path;
    size_t cap;
};

static int find(const struct lt_model *m, void *user)
{
    struct finding *f = user;
    if (strcmp(m->sha256, f->hash) != 0) return 0;
    snprintf(f->path, f->cap, "%s", m->path);
    return 1;
}

enum lt_err lt_shadow_choose(struct lt_store *s, struct lt_shadow_choice *out, struct lt_diag *diag)
{
    struct finding f = {out->hash, out->path, sizeof out->path};
    out->path[0] = '\0';
    enum lt_err err =
        lt_store_setting_get(s, "", LT_MODEL_SHADOW, out->hash, sizeof out->hash, diag);
    if (!err && out->hash[0]) err = lt_store_model_list(s, find, &f, diag);
    if (!out->path[0]) out->hash[0] = '\0';
    return err;
}

void lt_shadow_set(struct lt_gateway *gw, const struct lt_shadow_choice *c)
{
    if (!gw->shadow && !c->hash[0]) return;
    if (!gw->shadow && !(gw->shadow = calloc(1, sizeof *gw->shadow))) return;
    gw->shadow->gw = gw;
    if (strcmp(gw->shadow->wanted.hash, c->hash) != 0)
        LT_LOG(INFO, "shadow.set", LF_STR("model", c->hash[0] ? c->hash : "none"));
    gw->shadow->wanted = *c;
}

/* ---- answering ---- */

static void close_network(struct lt_shadow *s)
{
    san_catalog_unref(s->compiled);
    san_engine_close(s->engine);
    s->compiled = NULL;
    s->engine = NULL;
    s->catalog_hash[0] = s->used.hash[0] = '\0';
}

static void answer(uv_work_t *work)
{
    struct lt_shadow *s = work->data;
    struct san_request ask = {.text = s->text, .here = s->here};
    struct san_answer a = {0};
    const char *hash = lt_catalog_hash(s->catalog->checked);
    const char *text = lt_catalog_text(s->catalog->checked);
    json_t *calls = NULL;
    if (strcmp(s->used.hash, s->asked.hash) != 0) {
        close_network(s);
        s->err = san_engine_open(s->asked.path, &s->engine, &s->diag);
        if (!s->err) s->used = s->asked;
    }
    if (!s->err && strcmp(s->catalog_hash, hash) != 0) {
        san_catalog_unref(s->compiled);
        s->compiled = NULL;
        s->err = san_catalog_new(s->engine, text, strlen(text), &s->compiled, &s->diag);
        snprintf(s->catalog_hash, sizeof s->catalog_hash, "%s", s->err ? "" : hash);
    }
    if (!s->err) s->err = san_call(s->engine, s->compiled, &ask, &a, &s->diag);
    if (!s->err)
        s->err = lt_json_parse(a.calls_json, strlen(a.calls_json), LT_DOC_MAX_BYTES_REQUEST, &calls,
                               &s->diag);
    if (!s->err) {
        s->confidence = a.confidence;
        s->is_same = json_equal(calls, s->local);
        s->calls = strdup(a.calls_json);
    }
    json_decref(calls);
    san_answer_free(&a);
}

static void let_go(struct lt_shadow *s)
{
    lt_site_catalog_unref(s->catalog);
    json_decref(s->local);
    free(s->text);
    free(s->here);
    free(s->calls);
    s->catalog = NULL;
    s->local = NULL;
    s->text = s->here = s->calls = NULL;
    s->is_busy = 0;
}

static enum lt_err write_down(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_shadow *s = (struct lt_shadow *)((char *)job - offsetof(struct lt_shadow, job));
    return lt_store_shadow_add(s->gw->store, s->trace, s->used.hash, s->calls, s->confidence,
                               s->is_same, lt_now_unix_ms(), diag);
}

static void written(struct lt_job *job)
{
    struct lt_shadow *s = (struct lt_shadow *)((char *)job - offsetof(struct lt_shadow, job));
    if (job->err) LT_LOG(WARN, "shadow.unwritten", LF_STR("why", job->diag.text));
    let_go(s);
}

static void answered(uv_work_t *work, int status)
{
    struct lt_shadow *s = work->data;
    if (s->err && strcmp(s->refused, s->asked.hash) != 0) {
        LT_LOG(ERROR, "shadow.failed", LF_STR("model", s->asked.hash),
               LF_STR("why", lt_diag_text(&s->diag, s->err)));
        if (!s->engine) memcpy(s->refused, s->asked.hash, sizeof s->refused);
    }
    if (status || s->err || !s->calls || s->gw->is_draining) {
        let_go(s);
        return;
    }
    s->job = (struct lt_job){.run = write_down, .done = written};
    lt_worker_follow(s->gw->writer, &s->job);
}

void lt_shadow_offer(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    struct lt_shadow *s = gw->shadow;
    if (!s || s->is_busy || !s->wanted.hash[0] || !strcmp(s->refused, s->wanted.hash) ||
        gw->is_draining || !r->local_calls || !r->catalog || !r->text || r->is_dry_run)
        return;
    s->catalog = lt_site_catalog_ref(r->catalog);
    s->local = json_incref(r->local_calls);
    s->text = strdup(r->text);
    s->here = r->here ? strdup(r->here) : NULL;
    memcpy(s->trace, r->trace, sizeof s->trace);
    s->err = LT_OK;
    s->diag = (struct lt_diag){0};
    s->is_busy = 1;
    s->asked = s->wanted;
    s->work.data = s;
    if (!s->text || uv_queue_work(&gw->loop, &s->work, answer, answered)) let_go(s);
}

void lt_shadow_free(struct lt_gateway *gw)
{
    if (gw->shadow) {
        let_go(gw->shadow);
        close_network(gw->shadow);
    }
    free(gw->shadow);
    gw->shadow = NULL;
}
