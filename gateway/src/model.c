/* model.c - three places, in order; and how a file gets into the second. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lt/clock.h"
#include "lt/log.h"
#include "lt/sha256.h"
#include "san/engine.h"

struct active {
    char *path;
    size_t cap;
};

static int take_active(const struct lt_model *m, void *user)
{
    struct active *a = user;
    if (!m->is_active) return 0;
    snprintf(a->path, a->cap, "%s", m->path);
    return 1;
}

enum lt_err lt_model_choose(const struct lt_config *c, struct lt_store *store, char *out,
                            size_t out_bytes, struct lt_diag *diag)
{
    struct active a = {out, out_bytes};
    *out = '\0';
    if (*c->model.file) {
        snprintf(out, out_bytes, "%s", c->model.file);
        return LT_OK;
    }
    enum lt_err err = store ? lt_store_model_list(store, take_active, &a, diag) : LT_OK;
    if (err) return err;
    if (*out && !access(out, R_OK)) return LT_OK;
    if (*out)
        LT_LOG(
            ERROR, "model.missing", LF_STR("path", out),
            LF_STR("what_to_do", "activate another with lintel models; the shipped one is used"));
    if (lt_config_find_shipped(LT_MODEL_SHIPPED, out, out_bytes)) return LT_OK;
    return lt_fail(diag, LT_ERR_NOTFOUND,
                   "no network: " LT_MODEL_SHIPPED " is not installed; name one with model.file");
}

struct saying {
    const char *path;
    struct lt_model_says *out;
};

static int take_says(const struct lt_model *m, void *user)
{
    struct saying *s = user;
    if (strcmp(m->path, s->path) != 0) return 0;
    json_t *o = m->metrics_json ? json_loads(m->metrics_json, 0, NULL) : NULL;
    const json_t *promise = json_object_get(o, "promise_new");
    s->out->learnt = json_incref(json_object_get(o, "learnt"));
    s->out->gate = json_is_true(json_object_get(promise, "kept"))
                       ? json_number_value(json_object_get(promise, "gate"))
                       : 0;
    snprintf(s->out->hash, sizeof s->out->hash, "%s", m->sha256);
    json_decref(o);
    return 1; /* the newest of that path */
}

enum lt_err lt_model_says_of(struct lt_store *store, const char *path, struct lt_model_says *out,
                             struct lt_diag *diag)
{
    struct saying s = {path, out};
    *out = (struct lt_model_says){0};
    return store ? lt_store_model_list(store, take_says, &s, diag) : LT_OK;
}

void lt_model_says_free(struct lt_model_says *s)
{
    json_decref(s->learnt);
    *s = (struct lt_model_says){0};
}

static enum lt_err hash_file(const char *path, char out[LT_SHA256_HEX_CAP], int64_t *n_bytes,
                             struct lt_diag *diag)
{
    struct lt_sha256 h;
    unsigned char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f) return lt_fail_errno(diag, "cannot read the network %s", path);
    lt_sha256_init(&h);
    *n_bytes = 0;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        lt_sha256_add(&h, chunk, n);
        *n_bytes += (int64_t)n;
    }
    enum lt_err err = ferror(f) ? lt_fail_errno(diag, "cannot read the network %s", path) : LT_OK;
    lt_sha256_hex(&h, out);
    fclose(f);
    return err;
}

enum lt_err lt_model_register(struct lt_store *store, const char *file, const char *metrics_json,
                              char hash[LT_SHA256_HEX_CAP], struct lt_diag *diag)
{
    struct san_engine *engine = NULL;
    char *path = realpath(file, NULL);
    struct lt_model m = {
        .sha256 = hash, .metrics_json = metrics_json, .added_unix_ms = lt_now_unix_ms()};
    enum lt_err err = path ? san_engine_open(path, &engine, diag)
                           : lt_fail_errno(diag, "cannot read the network %s", file);
    if (!err) err = hash_file(path, hash, &m.n_bytes, diag);
    if (!err) {
        m.name = san_engine_model_name(engine);
        m.path = path;
        err = lt_store_model_put(store, &m, diag);
    }
    san_engine_close(engine);
    free(path);
    return err;
}
