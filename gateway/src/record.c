/* record.c - what the store learns of a request, as jobs of its writer.
 *
 *   accept    durable: the trace exists before the broker is told that we have the message
 *   step      a cloud model's calls of which it is to hear: before they go out, while it is being asked
 *   record    decision, cloud attempts, spend, answer: before the answer goes out
 *   executed  after the broker has every call
 *
 * Jobs run in the order submitted, so a record never overtakes its accept, and a repeated id finds
 * either the first's result in the store or the first still alive on the loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "result.h"
#include "shadow.h"

#define REQ_OF(job, member) ((struct lt_req *)((char *)(job)-offsetof(struct lt_req, member)))

/* ---- accept ---- */

static enum lt_err run_accept(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_req *r = REQ_OF(job, accept_job);
    const struct lt_gw_reply *to = r->replies;
    struct lt_trace_new t = {.site = r->site_name,
                             .source = r->door,
                             .request_id = r->key,
                             .text = r->text,
                             .text_len = r->text_len,
                             .here = r->here,
                             .lang = r->lang,
                             .session = r->session,
                             .catalog_hash = r->catalog_hash[0] ? r->catalog_hash : NULL,
                             .reply_topic = to ? to->topic : NULL,
                             .correlation = to ? to->correlation : NULL,
                             .correlation_len = to ? to->correlation_len : 0,
                             .is_dry_run = r->is_dry_run,
                             .received_unix_ms = r->received_unix_ms,
                             .deadline_ms = r->deadline_ms};
    enum lt_err err = lt_store_trace_accept(r->gw->store, &t, r->new_trace, &r->is_repeated, diag);
    if (!err && r->is_cache_used && !r->is_repeated && r->catalog_hash[0] && !r->session)
        (void)!lt_store_answer_find(r->gw->store, r->site_name, r->catalog_hash, r->text, r->here,
                                    &r->cached_json,
                                    NULL); /* without it the request still goes on */
    if (!err && r->is_repeated)
        err = lt_store_trace_result(r->gw->store, r->new_trace, &r->first_result, diag);
    return err;
}

static int is_same_reply(const struct lt_gw_reply *a, const struct lt_gw_reply *b)
{
    return !strcmp(a->topic ? a->topic : "", b->topic ? b->topic : "") &&
           a->correlation_len == b->correlation_len &&
           (!a->correlation_len || !memcmp(a->correlation, b->correlation, a->correlation_len));
}

/* Give r's replies to the living request of the same id. After a restart of ours the message is a
 * redelivery of the one that made the row, and its very same reply is there already. */
static void hand_replies(struct lt_req *r, struct lt_req *first)
{
    while (r->replies) {
        struct lt_gw_reply *reply = r->replies, *known = first->row_state ? first->replies : NULL;
        r->replies = reply->next;
        while (known && !is_same_reply(known, reply)) known = known->next;
        if (known) {
            free(reply->topic);
            free(reply->correlation);
            free(reply);
        } else {
            reply->next = first->replies;
            first->replies = reply;
        }
    }
}

static void answer_duplicate(struct lt_req *r)
{
    struct lt_req *first = lt_index_of_trace(&r->gw->index, r->trace);
    LT_LOG(INFO, "request.duplicate", LF_STR("trace", r->trace),
           LF_STR("answer", r->first_result ? "stored"
                            : first         ? "pending"
                                            : "lost"));
    if (r->site) r->site->stats.n_duplicates++;
    if (r->first_result) {
        lt_req_send_result(r, r->first_result);
    } else if (first && first->result && first->state != LT_REQ_RECOVERING) {
        lt_req_send_result(r, first->result);
    } else if (first) {
        hand_replies(r, first);
    } else {
        r->bad_why = LT_WHY_REQUEST_DUPLICATE;
        r->bad_code = "duplicate";
        lt_req_build_result(r);
        lt_req_send_result(r, r->result);
    }
    lt_req_set_state(r, LT_REQ_DONE);
}

/* The trace could not be written, so nothing is carried out; the sender is told. */
static void answer_unstored(struct lt_req *r, const char *text)
{
    LT_LOG(ERROR, "store.failed", LF_STR("why", text));
    r->bad_code = "store";
    r->bad_why = LT_WHY_STORE_FAILED;
    snprintf(r->bad_text, sizeof r->bad_text, "%s", text);
    lt_req_build_result(r);
    lt_req_send_result(r, r->result);
    if (r->site) r->site->stats.n_errors++;
    lt_req_set_state(r, LT_REQ_DONE);
}

static void accept_done(struct lt_job *job)
{
    struct lt_req *r = REQ_OF(job, accept_job);
    struct lt_gateway *gw = r->gw;
    r->n_busy--;
    r->is_committed = 1;
    if (!job->err) memcpy(r->trace, r->new_trace, sizeof r->trace);
    r->is_duplicate = r->is_repeated;
    if (!r->is_duplicate) lt_index_trace(r);
    r->committed_us = lt_now_us();
    if (r->site) lt_stats_add(&r->site->stats.commit, r->committed_us - r->arrived_us);
    int had_hold = r->has_hold;
    r->has_hold = 0;
    if (job->err)
        answer_unstored(r, job->diag.text);
    else if (r->is_duplicate)
        answer_duplicate(r);
    lt_req_advance(r); /* may free r */
    if (had_hold) lt_mqtt_release(gw->mqtt);
}

void lt_req_accept(struct lt_req *r)
{
    r->is_cache_used = r->gw->config.cloud.cache;
    r->accept_job.run = run_accept;
    r->accept_job.done = accept_done;
    r->accept_job.is_durable = 1;
    r->n_busy++;
    lt_worker_follow(r->gw->writer, &r->accept_job); /* bounded by limits.queue already */
}

/* ---- record ---- */

static struct lt_trace_decision decision_of(const struct lt_req *r)
{
    return (struct lt_trace_decision){.route =
                                          lt_route_word(r->was_asked ? r->first_route : r->route),
                                      .why = lt_why_code(r->was_asked ? r->first_why : r->why),
                                      .model = r->local_calls ? lt_req_network(r) : NULL,
                                      .calls_json = r->local_calls ? r->answer.calls_json : NULL,
                                      .confidence = r->answer.confidence,
                                      .decisions_json = r->decisions_json,
                                      .n_tokens = r->answer.n_tokens,
                                      .encode_us = r->answer.encode_us,
                                      .decode_us = r->answer.decode_us};
}

/* Has a step, or the run before a restart, written the decision? */
static int has_decision(const struct lt_req *r)
{
    return r->is_stepped || (r->row_state && strcmp(r->row_state, "accepted") != 0);
}

/* The attempts, and what they teach: an accepted cloud answer is a label. */
static enum lt_err record_cloud(struct lt_req *r, const char *calls, struct lt_diag *diag)
{
    struct lt_store *s = r->gw->store;
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < r->upper.n_attempts; i++) {
        const struct lt_store_attempt *a = &r->upper.attempts[i].row;
        err = lt_store_attempt_add(s, r->trace, a, diag); /* the tier has booked what it cost */
    }
    if (err || r->bad_code || r->route != LT_ROUTE_CLOUD || r->is_dry_run) return err;
    /* what failed, was refused or was given up in the middle is nothing to learn from */
    if (r->has_trouble || r->why != LT_WHY_CLOUD_ANSWERED) return LT_OK;
    struct lt_label label = {.source = "cloud",
                             .is_correct = r->local_calls && json_equal(r->local_calls, r->calls),
                             .calls_json = calls,
                             .now_unix_ms = lt_now_unix_ms()};
    return lt_store_label_add(s, r->trace, &label, diag);
}

/* The speaker took the deed before back, or said it again another way: it was wrong. */
static enum lt_err record_doubt(struct lt_req *r, struct lt_diag *diag)
{
    if (!r->doubt_source) return LT_OK;
    struct lt_label label = {.source = r->doubt_source, .now_unix_ms = lt_now_unix_ms()};
    enum lt_err err = lt_store_label_add(r->gw->store, r->doubted, &label, diag);
    return err == LT_ERR_NOTFOUND ? LT_OK : err; /* removed in the meantime */
}

static enum lt_err run_record(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_req *r = REQ_OF(job, record_job);
    struct lt_store *s = r->gw->store;
    const char *result = r->result ? r->result : "{}";
    /* calls that a question or a refusal only names are no calls of this trace */
    int is_acting =
        r->route == LT_ROUTE_LOCAL || r->route == LT_ROUTE_CLOUD || r->route == LT_ROUTE_CACHE;
    char *calls = is_acting ? lt_json_dump(r->calls) : r->done ? lt_json_dump(r->done) : NULL;
    enum lt_err err = LT_OK;
    int is_refused =
        r->bad_why == LT_WHY_REQUEST_INVALID || r->bad_why == LT_WHY_REQUEST_UNKNOWN_SITE;
    if (r->bad_code) {
        err = (is_refused ? lt_store_trace_refused : lt_store_trace_failed)(
            s, r->trace, lt_why_code(r->bad_why), r->bad_text, result, diag);
        if (!err && r->was_asked && !r->is_recorded) err = record_cloud(r, NULL, diag);
        goto out;
    }
    err = record_cloud(r, calls, diag);
    struct lt_trace_answer a = {.route = lt_route_word(r->route),
                                .why = lt_why_code(r->why),
                                .calls_json = calls ? calls : "[]",
                                .speech = r->speech,
                                .result_json = result,
                                .total_us = r->total_us,
                                .cost_usd_micro = r->upper.cost_usd_micro,
                                .is_more = r->is_stepped};
    struct lt_trace_decision d = decision_of(r);
    if (!err)
        err = has_decision(r) ? lt_store_trace_answered(s, r->trace, &a, diag)
                              : lt_store_trace_settled(s, r->trace, &d, &a, diag);
    if (!err) err = lt_gw_talk_write(r, diag);
    if (!err) err = record_doubt(r, diag);
out:
    free(calls);
    return err;
}

static void record_done(struct lt_job *job)
{
    struct lt_req *r = REQ_OF(job, record_job);
    r->n_busy--;
    r->is_recorded = !job->err;
    if (job->err) { /* what cannot be written down is not carried out */
        LT_LOG(ERROR, "store.failed", LF_STR("trace", r->trace), LF_STR("why", job->diag.text));
        r->bad_code = "store";
        r->bad_why = LT_WHY_STORE_FAILED;
        r->bad_field[0] = '\0';
        snprintf(r->bad_text, sizeof r->bad_text, "%s", job->diag.text);
        lt_gw_talk_unrecorded(r);
        lt_req_build_result(r);
    } else {
        lt_gw_talk_recorded(r);
        lt_shadow_offer(r);
    }
    if (r->is_recorded && r->n_sent && !r->n_calls_sent &&
        (size_t)r->n_sent >= json_array_size(r->calls))
        lt_req_executed(r); /* out before a restart */
    lt_req_deliver(r);
}

void lt_req_record(struct lt_req *r)
{
    r->record_job.run = run_record;
    r->record_job.done = record_done;
    r->record_job.is_durable = r->changes.n > 0; /* a timer that was promised must ring */
    r->n_busy++;
    lt_worker_follow(r->gw->writer, &r->record_job);
}

/* ---- a step ---- */

struct step_job {
    struct lt_job job;
    struct lt_req *r;
    char *calls, *result;
    lt_req_step_fn fn;
    void *ctx;
};

static enum lt_err run_step(struct lt_job *job, struct lt_diag *diag)
{
    struct step_job *s = (struct step_job *)job;
    struct lt_req *r = s->r;
    struct lt_trace_answer a = {.route = lt_route_word(LT_ROUTE_CLOUD),
                                .why = lt_why_code(LT_WHY_CLOUD_ANSWERED),
                                .calls_json = s->calls,
                                .result_json = s->result,
                                .total_us = lt_now_us() - r->arrived_us,
                                .is_more = r->is_stepped};
    struct lt_trace_decision d = decision_of(r);
    enum lt_err err =
        has_decision(r) ? LT_OK : lt_store_trace_decided(r->gw->store, r->trace, &d, diag);
    return err ? err : lt_store_trace_answered(r->gw->store, r->trace, &a, diag);
}

static void step_done(struct lt_job *job)
{
    struct step_job *s = (struct step_job *)job;
    struct lt_req *r = s->r;
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("trace", r->trace), LF_STR("why", job->diag.text));
    else
        r->is_stepped = 1;
    s->fn(s->ctx, job->err);
    free(s->calls);
    free(s->result);
    free(s);
    r->n_busy--;
    lt_req_settle(r);
}

int lt_req_record_step(struct lt_req *r, lt_req_step_fn fn, void *ctx)
{
    struct step_job *s = calloc(1, sizeof *s);
    if (!s) return 0;
    /* what is answered if nothing more comes of it */
    struct lt_result out;
    lt_result_init(&out);
    out.id = r->id ? r->id : r->trace;
    out.trace = r->trace;
    out.route = LT_ROUTE_CLOUD;
    out.why = lt_why_code(LT_WHY_CLOUD_ANSWERED);
    out.calls = r->done;
    json_t *o = lt_result_json(&out);
    s->result = o ? lt_json_dump(o) : NULL;
    json_decref(o);
    s->calls = lt_json_dump(r->done);
    if (!s->calls || !s->result) {
        free(s->calls);
        free(s->result);
        free(s);
        return 0;
    }
    s->r = r;
    s->fn = fn;
    s->ctx = ctx;
    s->job.run = run_step;
    s->job.done = step_done;
    r->n_busy++;
    lt_worker_follow(r->gw->writer, &s->job);
    return 1;
}

/* ---- executed ---- */

static enum lt_err run_executed(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_req *r = REQ_OF(job, executed_job);
    if (r->refused_reason)
        return lt_store_trace_failed(r->gw->store, r->trace, "call.refused",
                                     "the broker refused a call; its access list must let us "
                                     "publish on call/#",
                                     NULL, diag);
    return lt_store_trace_executed(r->gw->store, r->trace, NULL, lt_now_unix_ms(), diag);
}

static void executed_done(struct lt_job *job)
{
    struct lt_req *r = REQ_OF(job, executed_job);
    r->n_busy--;
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("trace", r->trace), LF_STR("why", job->diag.text));
    r->is_executed_done = 1;
    for (; r->n_echo_holds; r->n_echo_holds--) lt_mqtt_release(r->gw->mqtt);
    lt_req_settle(r);
}

void lt_req_executed(struct lt_req *r)
{
    if (r->is_executed_out) return;
    r->is_executed_out = 1;
    r->executed_job.run = run_executed;
    r->executed_job.done = executed_done;
    r->n_busy++;
    lt_worker_follow(r->gw->writer, &r->executed_job);
}

/* ---- confirmed, before all of it is ---- */

struct sent_job {
    struct lt_job job;
    struct lt_req *r;
    int n;
};

static enum lt_err run_sent(struct lt_job *job, struct lt_diag *diag)
{
    struct sent_job *s = (struct sent_job *)job;
    return lt_store_trace_sent(s->r->gw->store, s->r->trace, s->n, diag);
}

static void sent_done(struct lt_job *job)
{
    struct sent_job *s = (struct sent_job *)job;
    struct lt_req *r = s->r;
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("trace", r->trace), LF_STR("why", job->diag.text));
    free(s);
    r->n_busy--;
    lt_mqtt_release(r->gw->mqtt);
    lt_req_settle(r);
}

void lt_req_confirm(struct lt_req *r, int n)
{
    int is_whole =
        r->state != LT_REQ_ASKING && (size_t)n >= json_array_size(r->done ? r->done : r->calls);
    if (is_whole) {
        lt_req_executed(r);
        if (r->is_executed_done) return;
        r->n_echo_holds++;
        lt_mqtt_hold(r->gw->mqtt);
        return;
    }
    struct sent_job *s = calloc(1, sizeof *s);
    if (!s) return; /* a crash now could repeat these calls; memory is out anyway */
    s->r = r;
    s->n = n;
    s->job.run = run_sent;
    s->job.done = sent_done;
    r->n_busy++;
    lt_mqtt_hold(r->gw->mqtt);
    lt_worker_follow(r->gw->writer, &s->job);
}
