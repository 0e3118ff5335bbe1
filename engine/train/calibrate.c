/* calibrate.c - answers to held-out cases, and the confidence fitted on them. */
#include "san/calibrate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"
#include "san/data.h"
#include "san/model_file.h"
#include "san/score.h"
#include "san/train_run.h"

#define GROUP         96        /* generated cases looked at together */
#define MAX_GENERATED 20000000u /* generated cases looked at, at most */
/* The generator's stream of training begins at group 0; calibration starts far behind it. */
#define FIRST_GROUP UINT64_C(1000000000)

struct san_calibrate_options san_calibrate_options_default(void)
{
    return (struct san_calibrate_options){.type = SAN_TYPE_F16,
                                          .n_cases = 4000,
                                          .l2 = 3000,
                                          .n_threads = 1,
                                          .retrieval = san_retrieval_fit_default()};
}

struct job {
    struct san_engine *engine;
    struct san_cases cases;
    int n_feature;
    float *features;  /* (n, n_feature) */
    uint8_t *right;   /* (n) */
    uint8_t *is_made; /* (n) answered */
    pthread_mutex_t lock;
    size_t next;
};

static enum lt_err keep(struct san_cases *c, json_t *one)
{
    if (c->n == c->alloc) {
        size_t alloc = c->alloc ? c->alloc * 2 : 1024;
        json_t **p = realloc(c->p, alloc * sizeof(json_t *));
        if (!p) return LT_ERR_NOMEM;
        c->p = p;
        c->alloc = alloc;
    }
    c->p[c->n++] = json_incref(one);
    return LT_OK;
}

static enum lt_err draw(struct job *j, const struct san_calibrate_options *o, struct lt_diag *diag)
{
    struct san_gen *gen = NULL;
    json_t *cases[GROUP];
    enum lt_err err = san_gen_new(&o->gen, &gen, diag);
    size_t looked_at = 0;
    for (uint64_t g = FIRST_GROUP;
         !err && j->cases.n < (size_t)o->n_cases && looked_at < MAX_GENERATED; g++) {
        err = san_gen_group_at(gen, g, GROUP, cases, diag);
        if (err) break;
        looked_at += GROUP;
        for (int i = 0; i < GROUP; i++) {
            const char *query = json_string_value(json_object_get(cases[i], "query"));
            if (!err && query && san_train_is_held_out(query) && j->cases.n < (size_t)o->n_cases)
                err = keep(&j->cases, cases[i]);
            json_decref(cases[i]);
        }
    }
    san_gen_free(gen);
    return err;
}

static enum lt_err answer(struct job *j, size_t i)
{
    const json_t *c = j->cases.p[i];
    json_t *home = json_object_get(c, "home");
    json_t *root = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
    if (json_is_object(home)) json_object_set(root, "home", home);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text) return LT_ERR_NOMEM;
    struct san_catalog *catalog = NULL;
    struct san_answer a = {0};
    struct san_request req = {.text = json_string_value(json_object_get(c, "query")),
                              .here = json_string_value(json_object_get(home, "here"))};
    enum lt_err err = san_catalog_new(j->engine, text, strlen(text), &catalog, NULL);
    if (!err)
        err = san__call(j->engine, catalog, &req, &a, j->features + i * (size_t)j->n_feature, NULL);
    if (!err) {
        json_t *calls = json_loads(a.calls_json, 0, NULL);
        j->right[i] = san_judge(c, calls).equiv;
        j->is_made[i] = 1;
        json_decref(calls);
    }
    free(text);
    san_answer_free(&a);
    san_catalog_unref(catalog);
    return err;
}

static void *work(void *arg)
{
    struct job *j = arg;
    for (;;) {
        pthread_mutex_lock(&j->lock);
        size_t i = j->next++;
        pthread_mutex_unlock(&j->lock);
        if (i >= j->cases.n) return NULL;
        (void)!answer(j, i); /* a case that cannot be answered is left out: is_made stays 0 */
    }
}

/* Move the answered rows to the front; returns how many. */
static int compact(struct job *j)
{
    size_t n = 0, k = (size_t)j->n_feature;
    for (size_t i = 0; i < j->cases.n; i++) {
        if (!j->is_made[i]) continue;
        if (n != i) memcpy(j->features + n * k, j->features + i * k, k * sizeof(float));
        j->right[n++] = j->right[i];
    }
    return (int)n;
}

/* Fit on even rows, measure on odd ones (the draw's order is random). */
static enum lt_err measure(const struct job *j, int n, double l2,
                           const struct san_confidence *before, struct san_calibrate_report *out,
                           struct lt_diag *diag)
{
    size_t k = (size_t)j->n_feature;
    int n_fit = (n + 1) / 2;
    float *x = malloc((size_t)n_fit * k * sizeof *x);
    uint8_t *y = malloc((size_t)n_fit);
    struct san_confidence head = {0};
    struct san_tally t[2] = {{0}, {0}};
    enum lt_err err = x && y ? LT_OK : LT_ERR_NOMEM;
    for (int i = 0; i < n_fit && !err; i++) {
        memcpy(x + (size_t)i * k, j->features + (size_t)(2 * i) * k, k * sizeof *x);
        y[i] = j->right[2 * i];
    }
    if (!err) err = san_confidence_fit(&head, x, y, n_fit, j->n_feature, l2, diag);
    for (int i = 1; i < n && !err; i += 2) {
        const float *f = j->features + (size_t)i * k;
        struct san_judgement judgement = {.equiv = j->right[i]};
        err = san_tally_add(&t[0], &judgement, san_confidence_of(before, f), 0);
        if (!err) err = san_tally_add(&t[1], &judgement, san_confidence_of(&head, f), 0);
    }
    out->ece_before = san_tally_ece(&t[0]);
    out->ece_after = san_tally_ece(&t[1]);
    out->brier_before = san_tally_brier(&t[0]);
    out->brier_after = san_tally_brier(&t[1]);
    out->cover99_before = san_tally_coverage(&t[0], 0.99);
    out->cover99_after = san_tally_coverage(&t[1], 0.99);
    san_tally_free(&t[0]);
    san_tally_free(&t[1]);
    san_confidence_free(&head);
    free(x);
    free(y);
    return err;
}

static enum lt_err fit_retrieval(const struct san_calibrate_options *o, struct san_hparams *h,
                                 struct san_params *p, const struct san_tokenizer *tok,
                                 struct san_retrieval_fit_report *out, struct lt_diag *diag)
{
    struct san_pieces v;
    struct san_hparams with_h;
    struct san_params with = {0};
    enum lt_err err = san_pieces_init(&v, tok, h->grammar, diag);
    if (!err) err = san_retrieval_fit(&o->retrieval, &o->gen, h, p, &v, &with_h, &with, out, diag);
    if (err) return err;
    san_params_free(p);
    *p = with;
    *h = with_h;
    return LT_OK;
}

static enum lt_err store(const struct san_calibrate_options *o, const struct san_confidence *head,
                         struct san_calibrate_report *out, struct lt_diag *diag)
{
    struct san_hparams h;
    struct san_params p;
    struct san_tokenizer *tok = NULL;
    struct san_gguf *file = NULL;
    enum lt_err err = san_model_load(o->model_path, &h, &p, &tok, &file, diag);
    if (err) return err;
    if (o->retrieval.n_groups) err = fit_retrieval(o, &h, &p, tok, &out->retrieval, diag);
    const struct san_extra extra[] = {
        {.key = "general.name", .str = san_gguf_str_or(file, "general.name", "")},
        {.key = "general.license", .str = san_gguf_str_or(file, "general.license", "apache-2.0")},
        {.key = "general.training", .str = san_gguf_str_or(file, "general.training", "")},
        {.key = "san.confidence.weight", .f32 = head->weight, .n = (size_t)head->n},
        {.key = "san.confidence.mean", .f32 = head->mean, .n = (size_t)head->n},
        {.key = "san.confidence.scale", .f32 = head->scale, .n = (size_t)head->n},
    };
    if (!err)
        err = san_model_save(o->out_path, &h, &p, tok, extra, sizeof extra / sizeof extra[0],
                             o->type, diag);
    san_params_free(&p);
    san_tokenizer_free(tok);
    san_gguf_close(file);
    return err;
}

enum lt_err san_calibrate_run(const struct san_calibrate_options *o,
                              struct san_calibrate_report *out, struct lt_diag *diag)
{
    struct job j = {0};
    struct san_data_report report = {0};
    struct san_confidence head = {0};
    pthread_t threads[64];
    int n_started = 0;
    *out = (struct san_calibrate_report){0};
    pthread_mutex_init(&j.lock, NULL);
    enum lt_err err = san_engine_open(o->model_path, &j.engine, diag);
    if (!err && j.engine->needle)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED,
                      "%s: a network of the render \"needle-json\" has no confidence head to fit",
                      o->model_path);
    if (!err && o->n_cases) err = draw(&j, o, diag);
    for (int i = 0; i < o->n_files && !err; i++)
        err = san_cases_load(&j.cases, o->files[i], 0, NULL, &report, diag);
    if (!err) {
        j.n_feature = san_confidence_n_feature(j.engine->h.width);
        j.features = calloc(j.cases.n + 1, (size_t)j.n_feature * sizeof *j.features);
        j.right = calloc(j.cases.n + 1, 1);
        j.is_made = calloc(j.cases.n + 1, 1);
        if (!j.features || !j.right || !j.is_made) err = LT_ERR_NOMEM;
    }
    while (!err && n_started < o->n_threads - 1 && n_started < 64 &&
           !pthread_create(&threads[n_started], NULL, work, &j))
        n_started++;
    if (!err) work(&j);
    for (int i = 0; i < n_started; i++) pthread_join(threads[i], NULL);
    if (!err) {
        out->n = compact(&j);
        int n_right = 0;
        for (int i = 0; i < out->n; i++) n_right += j.right[i];
        out->right = out->n ? (double)n_right / out->n : 0;
        err = measure(&j, out->n, o->l2, &j.engine->confidence, out, diag);
    }
    if (!err)
        err = san_confidence_fit(&head, j.features, j.right, out->n, j.n_feature, o->l2, diag);
    if (!err) err = store(o, &head, out, diag);
    san_confidence_free(&head);
    free(j.features);
    free(j.right);
    free(j.is_made);
    san_cases_free(&j.cases);
    san_engine_close(j.engine);
    pthread_mutex_destroy(&j.lock);
    return err ? lt_fail(diag, err, "calibration failed: %s", lt_strerror(err)) : LT_OK;
}
