/* request_infer.c - the network's part of a request, on the worker: one alone, or those that wait
 * together in one batch. States: request.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "same_calls.h"

const char *lt_req_network(const struct lt_req *r)
{
    return r->catalog ? san_engine_model_name(r->catalog->engine->engine) : r->gw->model_name;
}

static char *decisions_text(const struct san_answer *a)
{
    json_t *list = json_array();
    for (int i = 0; i < a->n_decisions; i++) {
        const struct san_decision *d = &a->decisions[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:f,s:f,s:i}", "kind", d->kind, "p", (double)d->p,
                                        "margin", (double)d->margin, "options", d->n_options));
    }
    /* five digits tell enough; with 17 the database is a tenth larger */
    char *text = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(5));
    json_decref(list);
    return text;
}

/* Put every reading to the network. Readings whose calls do the same add up; the best sum wins and is the
 * confidence. */
static enum lt_err call_readings(struct lt_req *r, struct lt_diag *diag)
{
    struct san_answer answers[LT_SUBMIT_MAX_ALTERNATIVES] = {0};
    char *keys[LT_SUBMIT_MAX_ALTERNATIVES] = {0};
    double best_sum = -1, heard = 0;
    enum lt_err err = LT_OK;
    int n = 0, best = 0;
    for (; !err && n < r->n_readings; n++) {
        struct san_request ask = {.text = r->readings[n].text, .here = r->here};
        err = san_call(r->catalog->engine->engine, r->catalog->compiled, &ask, &answers[n], diag);
        if (!err && !(keys[n] = lt_same_calls_key(r->catalog->checked, answers[n].calls_json)))
            err = lt_fail(diag, LT_ERR_NOMEM, "calls of a reading: no memory, or no JSON");
    }
    for (int i = 0; !err && i < n; i++) {
        double sum = 0, share = 0;
        for (int k = 0; k < n; k++) {
            if (strcmp(keys[i], keys[k]) != 0) continue;
            share += r->readings[k].share;
            sum += r->readings[k].share * answers[k].confidence;
        }
        if (sum <= best_sum) continue; /* of equal sums the reading heard best */
        best_sum = sum;
        heard = share;
        best = i;
    }
    if (!err) {
        r->reading = best;
        r->heard = heard;
        r->answer = answers[best];
        r->answer.confidence = best_sum < 1 ? best_sum : 1;
        memset(&answers[best], 0, sizeof answers[best]);
    }
    for (int i = 0; i < n; i++) {
        san_answer_free(&answers[i]);
        free(keys[i]);
    }
    return err;
}

/* What the network needs before it is asked. */
static enum lt_err begin_infer(struct lt_req *r, struct lt_diag *diag)
{
    uv_mutex_lock(&r->site->lock);
    r->catalog = lt_site_catalog_ref(r->site->catalog);
    uv_mutex_unlock(&r->site->lock);
    if (!r->catalog) return lt_fail(diag, LT_ERR_NOTFOUND, "the site has no catalogue yet");
    if (lt_now_us() > r->deadline_us) return lt_fail(diag, LT_ERR_TIMEOUT, "deadline passed");
    return LT_OK;
}

/* What is made of its answer, still off the loop. */
static enum lt_err end_infer(struct lt_req *r, struct lt_diag *diag)
{
    r->decisions_json = decisions_text(&r->answer);
    return lt_json_parse(r->answer.calls_json, strlen(r->answer.calls_json),
                         LT_DOC_MAX_BYTES_REQUEST, &r->local_calls, diag);
}

static struct lt_req *infer_req(struct lt_job *job)
{
    return (struct lt_req *)((char *)job - offsetof(struct lt_req, infer_job));
}

static enum lt_err run_infer(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_req *r = infer_req(job);
    struct san_request ask = {.text = r->text, .here = r->here};
    enum lt_err err = begin_infer(r, diag);
    if (!err)
        err = r->n_readings ? call_readings(r, diag)
                            : san_call(r->catalog->engine->engine, r->catalog->compiled, &ask,
                                       &r->answer, diag);
    return err ? err : end_infer(r, diag);
}

/* Requests that waited at the same moment. Those with several readings go their own way. */
static void run_infer_many(struct lt_job *first)
{
    struct san_batch_call calls[LT_INFER_MANY];
    struct lt_job *jobs[LT_INFER_MANY];
    int n = 0;
    for (struct lt_job *j = first; j; j = j->next) {
        struct lt_req *r = infer_req(j);
        if (r->n_readings || n == LT_INFER_MANY) {
            j->err = run_infer(j, &j->diag);
            continue;
        }
        j->err = begin_infer(r, &j->diag);
        if (j->err) continue;
        calls[n] = (struct san_batch_call){.catalog = r->catalog->compiled,
                                           .request = {.text = r->text, .here = r->here}};
        jobs[n++] = j;
    }
    if (n) san_call_batch(calls, n, (int)infer_req(first)->gw->started.model.threads);
    for (int i = 0; i < n; i++) {
        struct lt_req *r = infer_req(jobs[i]);
        jobs[i]->err = calls[i].err;
        jobs[i]->diag = calls[i].diag;
        r->answer = calls[i].answer;
        if (!jobs[i]->err) jobs[i]->err = end_infer(r, &jobs[i]->diag);
    }
}

/* So many requests together as `model.batch_ms` has time for, going by what they took lately. */
static void fit_batch(struct lt_gateway *gw, int64_t us)
{
    const struct lt_config *c = &gw->started;
    gw->call_us = gw->call_us ? (gw->call_us * 15 + us) / 16 : us;
    int64_t most = c->model.batch_ms * 1000 * c->model.threads / (gw->call_us + 1);
    lt_worker_set_many(gw->infer, most > LT_INFER_MANY ? LT_INFER_MANY : (int)most);
}

static void infer_done(struct lt_job *job)
{
    struct lt_req *r = (struct lt_req *)((char *)job - offsetof(struct lt_req, infer_job));
    r->n_busy--;
    r->is_inferred = 1;
    if (!job->err) fit_batch(r->gw, r->answer.encode_us + r->answer.decode_us);
    if (!job->err && r->site)
        lt_stats_add(&r->site->stats.engine, r->answer.encode_us + r->answer.decode_us);
    if (r->n_readings && !r->is_committed) { /* now it is known what was said */
        char *text = r->readings[r->reading].text;
        r->readings[r->reading].text = r->text;
        r->text = text;
        r->text_len = strlen(text);
        lt_gw_talk_hide(r);
        lt_req_accept(r);
        return;
    }
    lt_req_advance(r);
}

void lt_req_infer(struct lt_req *r)
{
    r->infer_job.run = run_infer;
    r->infer_job.run_many = run_infer_many;
    r->infer_job.done = infer_done;
    r->n_busy++;
    lt_worker_follow(r->gw->infer, &r->infer_job); /* bounded by limits.queue already */
}
