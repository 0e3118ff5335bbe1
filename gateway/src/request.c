/* request.c - the life of one request.
 *
 *              lt_req_arrived              lt_req_advance: decide()       on_upper: judge
 *  (message) ---> ARRIVED ----> WORKING ----------+---------> ASKING ----------+
 *                                 | bad input,    | answered here              |
 *                                 | expired       v                            |
 *                                 +---------> RECORDING <----------------------+
 *                                                 | in the store: lt_req_deliver
 *                                  UNSENT <-------+ broker away, or takes no more now
 *                                     |           v
 *                                     +----> DELIVERING   calls and answer are out
 *      lt_recover_*   lt_req_resend               | PUBACK of every call (lt_req_delivered)
 *  (row) ---> RECOVERING -> WORKING, RECORDING    v
 *                           or DELIVERING        DONE  -> freed when no job needs it (lt_req_settle)
 *
 * WORKING runs two jobs at once: the store writer commits the trace (lt_req_accept) and the worker
 * runs the network (lt_req_infer). Nothing is published before that commit; the broker's
 * acknowledgement waits for it too (mqtt.h). RECORDING writes the answer down before it goes out, so
 * that after a crash a trace that is not answered was certainly not carried out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consult.h"
#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "result.h"
#include "speak.h"

static const char *const state_words[] = {
#define STATE_WORD(name, word) word,
    LT_REQ_STATE_MAP(STATE_WORD)
#undef STATE_WORD
};

/* Legal edges, a bit per next state. */
#define TO(s) (1u << LT_REQ_##s)
static const unsigned edges[] = {
    [LT_REQ_ARRIVED] = TO(WORKING) | TO(RECOVERING) | TO(DONE),
    [LT_REQ_WORKING] = TO(ASKING) | TO(RECORDING) | TO(DONE),
    [LT_REQ_ASKING] = TO(RECORDING),
    [LT_REQ_RECORDING] = TO(UNSENT) | TO(DELIVERING),
    [LT_REQ_UNSENT] = TO(DELIVERING) | TO(RECORDING),
    [LT_REQ_DELIVERING] = TO(DONE),
    [LT_REQ_RECOVERING] = TO(WORKING) | TO(RECORDING) | TO(UNSENT) | TO(DELIVERING),
    [LT_REQ_DONE] = 0,
};

struct lt_act *lt_req_act(const struct lt_req *r)
{
    return r->site ? r->site->act : NULL;
}

void lt_req_set_state(struct lt_req *r, enum lt_req_state next)
{
    if (!(edges[r->state] & (1u << next))) {
        LT_LOG(ERROR, "request.bad_edge", LF_STR("trace", r->trace),
               LF_STR("from", state_words[r->state]), LF_STR("to", state_words[next]));
        return;
    }
    LT_LOG(DEBUG, "request.state", LF_STR("trace", r->trace), LF_STR("from", state_words[r->state]),
           LF_STR("to", state_words[next]));
    r->state = next;
}

struct lt_req *lt_req_new(struct lt_gateway *gw, const char *site)
{
    struct lt_req *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->gw = gw;
    r->door = "mqtt";
    snprintf(r->site_name, sizeof r->site_name, "%s", site);
    r->site = lt_gw_find_site(gw, site);
    r->arrived_us = lt_now_us();
    r->received_unix_ms = lt_now_unix_ms();
    r->serial = ++gw->next_serial;
    r->next = gw->requests;
    r->prev = &gw->requests;
    if (r->next) r->next->prev = &r->next;
    gw->requests = r;
    gw->n_requests++;
    return r;
}

static void free_replies(struct lt_req *r)
{
    for (struct lt_gw_reply *next; r->replies; r->replies = next) {
        next = r->replies->next;
        free(r->replies->topic);
        free(r->replies->correlation);
        free(r->replies);
    }
}

void lt_req_settle(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    if (r->n_busy || r->state != LT_REQ_DONE) {
        lt_gw_check_drained(gw);
        return;
    }
    if (r->on_answer) r->on_answer(r->on_answer_ctx, NULL); /* stopping: there will be none */
    char site[sizeof r->site_name], *session = r->session;
    memcpy(site, r->site_name, sizeof site);
    *r->prev = r->next;
    if (r->next) r->next->prev = r->prev;
    gw->n_requests--;
    free_replies(r);
    for (int i = 0; i < r->n_readings; i++) free(r->readings[i].text);
    free(r->id);
    free(r->key);
    free(r->text);
    free(r->here);
    free(r->lang);
    free(r->announce);
    lt_changes_free(&r->changes);
    json_decref(r->choices);
    free(r->first_result);
    free(r->decisions_json);
    free(r->speech);
    free(r->result);
    free(r->model);
    free(r->row_state);
    free(r->cached_json);
    json_decref(r->cached_calls);
    json_decref(r->local_calls);
    json_decref(r->calls);
    json_decref(r->outcome);
    san_answer_free(&r->answer);
    lt_tier_answer_fini(&r->upper);
    lt_site_catalog_unref(r->catalog);
    free(r);
    if (session) lt_gw_talk_next(gw, site, session);
    free(session);
    lt_gw_check_drained(gw);
}

/* ---- what came in ---- */

static void set_bad(struct lt_req *r, enum lt_why why, const char *code, const char *field,
                    const char *text)
{
    if (r->bad_code) return; /* the first fault counts */
    r->bad_why = why;
    r->bad_code = code;
    snprintf(r->bad_field, sizeof r->bad_field, "%s", field);
    snprintf(r->bad_text, sizeof r->bad_text, "%s", text);
}

static void bad_input(struct lt_req *r, const char *code, const char *field, const char *text)
{
    set_bad(r, LT_WHY_REQUEST_INVALID, code, field, text);
}

/* The JSON pointer that a schema's complaint begins with. */
static void field_of(const char *text, char *out, size_t cap)
{
    size_t n = *text == '/' ? strcspn(text, ": ") : 0;
    snprintf(out, cap, "%.*s", (int)(n < cap ? n : cap - 1), text);
}

static char *copy_member(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? strdup(s) : NULL;
}

/* Members that help to answer are taken even from a request that is wrong elsewhere. */
static void take_members(struct lt_req *r, const json_t *o)
{
    const json_t *ms = json_object_get(o, "deadline_ms");
    r->id = copy_member(o, "id");
    if (r->id && (!*r->id || strlen(r->id) > LT_STORE_REQUEST_ID_MAX)) {
        free(r->id);
        r->id = NULL;
    }
    r->text = copy_member(o, "text");
    r->text_len = r->text ? strlen(r->text) : 0;
    r->here = copy_member(o, "here");
    r->lang = copy_member(o, "lang");
    r->session = copy_member(o, "session");
    r->is_dry_run = json_is_true(json_object_get(o, "dry_run"));
    if (json_is_integer(ms) && json_integer_value(ms) > 0 && json_integer_value(ms) <= 600000)
        r->deadline_ms = json_integer_value(ms);
}

static void take_json(struct lt_req *r, const struct lt_mqtt_message *msg)
{
    struct lt_diag diag = {0};
    json_t *o = NULL;
    char field[LT_GW_FIELD_BYTES];
    if (lt_json_parse(msg->payload, msg->payload_len, msg->payload_len, &o, &diag)) {
        bad_input(r, "not_json", "/", diag.text);
        return;
    }
    take_members(r, o);
    if (lt_docs_check(r->gw->docs, LT_DOC_REQUEST, o, &diag)) {
        field_of(diag.text, field, sizeof field);
        bad_input(r, "invalid", field, diag.text);
    }
    json_decref(o);
}

static void take_plain(struct lt_req *r, const struct lt_mqtt_message *msg)
{
    size_t n = msg->payload_len;
    while (n && strchr(" \t\r\n", msg->payload[n - 1])) n--; /* mosquitto_pub -l, echo | */
    r->text = malloc(n + 1);
    if (!r->text) return;
    memcpy(r->text, msg->payload, n);
    r->text[n] = '\0';
    r->text_len = n;
}

/* Fill text and members from the payload; faults go to r->bad_*. */
static void take_payload(struct lt_req *r, const struct lt_mqtt_message *msg)
{
    const struct lt_config *c = &r->gw->config;
    char text[128];
    size_t offset = 0;
    int is_announced = msg->content_type && !strncmp(msg->content_type, "application/json", 16);
    r->deadline_ms = c->limits.deadline_ms;
    if ((int64_t)msg->payload_len > c->limits.payload_bytes) {
        snprintf(text, sizeof text, "message of %zu bytes; at most %lld are taken",
                 msg->payload_len, (long long)c->limits.payload_bytes);
        bad_input(r, "too_long", "/", text);
    } else if (!lt_utf8_is_valid(msg->payload, msg->payload_len, &offset)) {
        snprintf(text, sizeof text, "not UTF-8 at byte %zu; send text as UTF-8", offset);
        bad_input(r, "not_utf8", "/text", text);
        take_plain(r, msg); /* for the trace, which keeps what came */
    } else if (is_announced || msg->payload[0] == '{') {
        take_json(r, msg);
    } else {
        take_plain(r, msg);
    }
    if (r->bad_code) return;
    if (!r->text_len) {
        bad_input(r, "empty", "/text", "no words; send what was said");
    } else if (memchr(r->text, '\0', r->text_len)) {
        bad_input(r, "not_text", "/text", "the text holds a NUL byte");
    } else if ((int64_t)r->text_len > c->limits.text_bytes) {
        snprintf(text, sizeof text, "text of %zu bytes; at most %lld are taken", r->text_len,
                 (long long)c->limits.text_bytes);
        bad_input(r, "too_long", "/text", text);
    }
}

/* A QoS 1 message without an id may come again after a crash of ours. Within one session of the
 * broker its packet id stays, and packet ids repeat only after 65535 messages. */
static char *packet_key(struct lt_gateway *gw, const struct lt_mqtt_message *msg, int is_hidden)
{
    uint64_t h = 1469598103934665603ull; /* FNV-1a */
    char key[LT_STORE_REQUEST_ID_MAX];
    if (!msg->qos) return NULL;
    for (const char *p = msg->topic; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211ull;
    for (size_t i = 0; i < msg->payload_len && !is_hidden; i++) /* a code is too short to hide so */
        h = (h ^ (unsigned char)msg->payload[i]) * 1099511628211ull;
    for (size_t i = 0; i < msg->correlation_len; i++)
        h = (h ^ ((const unsigned char *)msg->correlation)[i]) * 1099511628211ull;
    snprintf(key, sizeof key, LT_GW_KEY_PREFIX "%s/%d/%016llx", gw->session, msg->packet_id,
             (unsigned long long)h);
    return strdup(key);
}

static void take_reply(struct lt_req *r, const struct lt_mqtt_message *msg)
{
    struct lt_gw_reply *reply = calloc(1, sizeof *reply);
    if (!reply) return; /* the answer then goes nowhere; memory is out anyway */
    reply->qos = msg->qos > 1 ? 1 : msg->qos;
    if (msg->response_topic) {
        if (lt_topic_may_reply(r->gw->started.mqtt.prefix, r->site_name, msg->response_topic))
            reply->topic = strdup(msg->response_topic);
        else
            LT_LOG(WARN, "request.reply_topic_ignored", LF_STR("topic", msg->response_topic),
                   LF_STR("site", r->site_name));
    }
    if (msg->correlation_len && (reply->correlation = malloc(msg->correlation_len))) {
        memcpy(reply->correlation, msg->correlation, msg->correlation_len);
        reply->correlation_len = msg->correlation_len;
    }
    reply->next = r->replies;
    r->replies = reply;
}

/* No room: answered at once, without a trace, since the store is what is behind. */
static void answer_busy(struct lt_req *r, enum lt_why why, const char *text)
{
    r->bad_why = why;
    r->bad_code = "busy";
    snprintf(r->bad_text, sizeof r->bad_text, "%s", text);
    lt_req_build_result(r);
    lt_req_send_result(r, r->result);
    lt_req_set_state(r, LT_REQ_DONE);
    lt_req_settle(r);
}

void lt_req_arrived(struct lt_gateway *gw, const struct lt_topic *topic,
                    const struct lt_mqtt_message *msg)
{
    if (msg->is_retained) {
        LT_LOG(WARN, "request.retained_ignored", LF_STR("topic", msg->topic));
        return;
    }
    if (lt_gw_talk_is_own(msg)) {
        LT_LOG(WARN, "request.own_message_ignored", LF_STR("topic", msg->topic),
               LF_STR("what_to_do", "something sends our messages back to us: look for a bridge"));
        return;
    }
    struct lt_req *r = lt_req_new(gw, topic->site);
    if (!r) {
        LT_LOG(ERROR, "request.lost", LF_STR("why", "out of memory"));
        return;
    }
    take_reply(r, msg);
    take_payload(r, msg);
    if (!r->site) {
        char text[LT_GW_TEXT_BYTES];
        snprintf(text, sizeof text,
                 "site '%s' is not served here; `sites` in lintel.yaml lists those "
                 "that are",
                 r->site_name);
        r->bad_code = NULL; /* whatever else is wrong with it, this comes first */
        set_bad(r, LT_WHY_REQUEST_UNKNOWN_SITE, "unknown_site", "site", text);
    } else {
        r->site->stats.n_requests++;
        memcpy(r->catalog_hash, r->site->stored_hash, sizeof r->catalog_hash);
    }
    int is_welcome = lt_gw_talk_arrived(r);
    r->key = r->id ? strdup(r->id) : packet_key(gw, msg, r->is_text_hidden);
    r->deadline_us = r->arrived_us + r->deadline_ms * 1000;
    if (!is_welcome || gw->n_requests > gw->started.limits.queue) {
        answer_busy(r, is_welcome ? LT_WHY_QUEUE_FULL : LT_WHY_SAFETY_RATE,
                    is_welcome ? "too many requests are waiting; send it again later"
                               : "too many requests from this source; wait a little "
                                 "(safety.per_minute)");
        return;
    }
    lt_req_set_state(r, LT_REQ_WORKING);
    lt_mqtt_hold(gw->mqtt);
    r->has_hold = 1;
    lt_req_accept(r);
    if (!r->bad_code)
        lt_req_infer(r);
    else
        r->is_inferred = 1;
}

/* ---- the network ---- */

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
    char *text = lt_json_dump(list);
    json_decref(list);
    return text;
}

/* Put every reading to the network. Readings with the same calls add up; the best sum wins and is the
 * confidence. */
static enum lt_err call_readings(struct lt_req *r, struct lt_diag *diag)
{
    struct san_answer answers[LT_SUBMIT_MAX_ALTERNATIVES] = {0};
    double best_sum = -1;
    enum lt_err err = LT_OK;
    int n = 0, best = 0;
    for (; !err && n < r->n_readings; n++) {
        struct san_request ask = {.text = r->readings[n].text, .here = r->here};
        err = san_call(r->catalog->engine->engine, r->catalog->compiled, &ask, &answers[n], diag);
    }
    for (int i = 0; !err && i < n; i++) {
        double sum = 0;
        for (int k = 0; k < n; k++)
            if (!strcmp(answers[i].calls_json, answers[k].calls_json))
                sum += r->readings[k].share * answers[k].confidence;
        if (sum <= best_sum) continue; /* of equal sums the reading heard best */
        best_sum = sum;
        best = i;
    }
    if (!err) {
        r->reading = best;
        r->answer = answers[best];
        r->answer.confidence = best_sum < 1 ? best_sum : 1;
        memset(&answers[best], 0, sizeof answers[best]);
    }
    for (int i = 0; i < n; i++) san_answer_free(&answers[i]);
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

/* ---- the decision ---- */

static void set_calls(struct lt_req *r, const json_t *calls)
{
    json_decref(r->calls);
    r->calls = calls ? json_deep_copy(calls) : json_array();
}

static void facts_of(const struct lt_req *r, struct lt_facts *f, int *is_open)
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    lt_budget_roll(&r->gw->budget, lt_now_unix_ms());
    int64_t left = lt_budget_left(&r->gw->budget);
    int64_t site_left = lt_tier_site_left(r->gw->tier, r->site_name);
    const struct lt_catalog *catalog = r->catalog ? r->catalog->checked : NULL;
    lt_tier_closed(r->gw->tier, lt_now_us(), is_open, LT_ROUTER_MAX_PROVIDERS);
    *f = (struct lt_facts){.site = r->site_name,
                           .here = r->here,
                           .lang = r->lang,
                           .hour = tm.tm_hour,
                           .is_dry_run = r->is_dry_run,
                           .left_ms = (r->deadline_us - lt_now_us()) / 1000,
                           .budget_left_usd_micro = site_left < left ? site_left : left,
                           .spent_usd_micro = r->gw->budget.day_spent_usd_micro,
                           .is_private = lt_privacy_is_private(
                               catalog, r->gw->policy.policy.never_cloud_areas, r->text),
                           .is_cloud_off = r->site && !r->site->self.is_cloud_on,
                           .is_open = is_open,
                           .new_tools = r->catalog ? r->catalog->new_tools : NULL,
                           .cached_calls = r->cached_calls};
}

/* The policy, with the gate that the network in use was measured to need. */
static struct lt_policy policy_of(const struct lt_req *r)
{
    struct lt_policy p = r->gw->policy.policy;
    if (r->gw->config.gate.automatic && r->catalog && r->catalog->engine->says.gate > 0)
        p.gate = r->catalog->engine->says.gate;
    return p;
}

static void take_decision(struct lt_req *r, const struct lt_decision *d)
{
    r->route = d->route;
    r->why = d->why;
    set_calls(r, d->calls);
}

static void settle_and_finish(struct lt_req *r)
{
    lt_gw_talk_settle(r);
    lt_req_finish(r);
}

static void on_upper(void *ctx, struct lt_tier_answer *a)
{
    struct lt_req *r = ctx;
    struct lt_facts facts;
    struct lt_decision d;
    struct lt_diag detail = {0};
    int is_open[LT_ROUTER_MAX_PROVIDERS];
    struct lt_local local = {r->local_calls, r->answer.confidence};
    r->n_busy--;
    r->upper = *a;
    memset(a, 0, sizeof *a);
    /* what the model read on the way stands with its attempts; it is not to be called again */
    for (size_t i = 0; i < r->upper.n_done; i++) json_array_remove(r->upper.calls, 0);
    struct lt_upper_answer answer = {r->upper.outcome, r->upper.calls, r->upper.speech};
    facts_of(r, &facts, is_open);
    struct lt_policy policy = policy_of(r);
    lt_router_judge(&policy, r->catalog->checked, &facts, &local, &answer, &d, &detail);
    if (detail.code)
        LT_LOG(WARN, "cloud.calls_refused", LF_STR("trace", r->trace), LF_STR("why", detail.text));
    take_decision(r, &d);
    if (d.route == LT_ROUTE_CLOUD || d.why == LT_WHY_CLOUD_ANSWERED) {
        r->speech = r->upper.speech ? strdup(r->upper.speech) : NULL;
        r->model = r->upper.model ? strdup(r->upper.model) : NULL;
    }
    if (lt_now_us() > r->deadline_us)
        lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                    "the cloud's answer came after the deadline; nothing was called");
    else
        settle_and_finish(r);
}

static void decide(struct lt_req *r)
{
    struct lt_facts facts;
    struct lt_decision d;
    struct lt_diag detail = {0};
    int is_open[LT_ROUTER_MAX_PROVIDERS];
    if (lt_gw_talk_before(r)) {
        settle_and_finish(r);
        return;
    }
    if (lt_req_is_foreign(r)) { /* what the network made of it is a guess */
        json_decref(r->local_calls);
        r->local_calls = NULL;
        r->answer.confidence = 0;
    }
    struct lt_local local = {r->local_calls, r->answer.confidence};
    if (r->cached_json && !r->cached_calls)
        (void)!lt_json_parse(r->cached_json, strlen(r->cached_json), LT_DOC_MAX_BYTES_REQUEST,
                             &r->cached_calls, NULL);
    facts_of(r, &facts, is_open);
    struct lt_policy policy = policy_of(r);
    lt_router_decide(&policy, r->catalog->checked, &facts, &local, &d, &detail);
    if (detail.code)
        LT_LOG(WARN, "local.calls_refused", LF_STR("trace", r->trace), LF_STR("why", detail.text));
    take_decision(r, &d);
    lt_gw_talk_after(r, &d);
    r->first_route = d.route;
    r->first_why = d.why;
    if (d.route != LT_ROUTE_CLOUD || !d.n_providers) {
        settle_and_finish(r);
        return;
    }
    struct lt_tier_question q = {.text = r->text,
                                 .here = r->here,
                                 .site = r->site_name,
                                 .catalog = r->catalog,
                                 .providers = d.providers,
                                 .n_providers = d.n_providers,
                                 .deadline_us = r->deadline_us,
                                 .run = r->is_dry_run ? NULL : lt_consult,
                                 .say = lt_speak_wanted(r) ? lt_speak : NULL};
    r->was_asked = 1;
    r->n_busy++;
    lt_req_set_state(r, LT_REQ_ASKING);
    if (lt_tier_ask(r->gw->tier, &q, on_upper, r)) {
        struct lt_tier_answer none = {.outcome = LT_OUTCOME_FAILED};
        on_upper(r, &none);
    }
}

void lt_req_advance(struct lt_req *r)
{
    if (!r->is_committed || !r->is_inferred || r->state != LT_REQ_WORKING) {
        lt_req_settle(r);
        return;
    }
    r->is_waiting = lt_gw_talk_must_wait(r); /* commands of a session stay in order */
    if (r->is_waiting) return;
    if (r->bad_code)
        lt_req_finish(r);
    else if (r->infer_job.err == LT_ERR_TIMEOUT || lt_now_us() > r->deadline_us)
        lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                    "the deadline passed before the request was looked at; nothing was called");
    else if (!r->catalog)
        lt_req_fail(r, LT_WHY_LOCAL_FAILED, "no_catalog", "site",
                    "the site has no catalogue; publish one, retained, on its catalog topic");
    else {
        if (r->infer_job.err)
            LT_LOG(ERROR, "local.failed", LF_STR("trace", r->trace),
                   LF_STR("why", r->infer_job.diag.text));
        decide(r);
    }
}

/* ---- the answer ---- */

static const char *why_code(const struct lt_req *r)
{
    return lt_why_code(r->bad_code ? r->bad_why : r->why);
}

void lt_req_build_result(struct lt_req *r)
{
    struct lt_result out;
    char speech[1024];
    lt_result_init(&out);
    r->total_us = lt_now_us() - r->arrived_us;
    out.id = r->id ? r->id : r->trace[0] ? r->trace : NULL;
    out.trace = r->trace[0] ? r->trace : NULL;
    out.route = r->bad_code ? LT_ROUTE_REFUSED : r->route;
    out.why = why_code(r);
    out.calls = r->bad_code ? NULL : r->calls;
    out.total_us = r->total_us;
    if (r->local_calls) {
        out.confidence = r->answer.confidence;
        out.encode_us = r->answer.encode_us;
        out.decode_us = r->answer.decode_us;
    }
    if (r->was_asked) out.cloud_us = r->upper.total_us;
    out.cost_usd_micro = r->upper.cost_usd_micro;
    out.model = r->model ? r->model : r->local_calls ? lt_req_network(r) : NULL;
    out.speech = r->bad_code ? r->speech : lt_req_speech(r, out.route, speech, sizeof speech);
    if (out.route == LT_ROUTE_CLARIFY) out.choices = r->choices;
    out.outcome = r->outcome;
    out.error_code = r->bad_code;
    out.error_field = r->bad_field[0] ? r->bad_field : NULL;
    out.error_text = r->bad_text;
    json_t *o = lt_result_json(&out);
    free(r->result);
    r->result = o ? lt_json_dump(o) : NULL;
    json_decref(o);
}

void lt_req_send_result(struct lt_req *r, const char *result)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    if (r->on_answer) {
        lt_submit_fn fn = r->on_answer;
        json_t *o = result ? json_loads(result, 0, NULL) : NULL;
        r->on_answer = NULL;
        fn(r->on_answer_ctx, o);
        json_decref(o);
    }
    if (!result ||
        lt_topic_build(r->gw->started.mqtt.prefix, r->site_name, LT_TOPIC_RESPONSE, NULL, topic))
        return;
    for (const struct lt_gw_reply *to = r->replies; to; to = to->next) {
        struct lt_mqtt_publish p = {.topic = to->topic ? to->topic : topic,
                                    .payload = result,
                                    .payload_len = strlen(result),
                                    .qos = to->qos,
                                    .expiry_s = (uint32_t)r->gw->config.mqtt.response_expiry_s,
                                    .correlation = to->correlation,
                                    .correlation_len = to->correlation_len};
        enum lt_err err = lt_mqtt_send(r->gw->mqtt, &p, NULL);
        if (err)
            LT_LOG(WARN, "response.unsent", LF_STR("trace", r->trace),
                   LF_STR("why", lt_strerror(err)));
    }
}

/* Are the answer's calls to be carried out? A question or a refusal only names them. */
static int has_calls_to_send(const struct lt_req *r)
{
    return !r->bad_code && !r->is_dry_run && !r->is_hands_off &&
           json_array_size(r->calls) > (size_t)r->n_sent &&
           (r->route == LT_ROUTE_LOCAL || r->route == LT_ROUTE_CLOUD || r->route == LT_ROUTE_CACHE);
}

static enum lt_err send_call(struct lt_req *r, size_t index, const json_t *call)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    const char *name = json_string_value(json_object_get(call, "name"));
    enum lt_err err =
        name ? lt_topic_build(r->gw->started.mqtt.prefix, r->site_name, LT_TOPIC_CALL, name, topic)
             : LT_ERR_INVALID;
    if (err) return err;
    json_t *o =
        json_pack("{s:O,s:s,s:s,s:I}", "arguments", json_object_get(call, "arguments"), "trace",
                  r->trace, "route", lt_route_word(r->route), "index", (json_int_t)index);
    if (o && r->session) json_object_set_new(o, "session", json_string(r->session));
    if (o && r->gw->config.house.tools && lt_house_is_ours(name))
        json_object_set_new(o, "x-handled", json_string("lintel")); /* nobody else needs to */
    char *payload = o ? lt_json_dump(o) : NULL;
    json_decref(o);
    if (!payload) return LT_ERR_NOMEM;
    struct lt_mqtt_publish p = {.topic = topic,
                                .payload = payload,
                                .payload_len = strlen(payload),
                                .qos = 1,
                                .expiry_s = (uint32_t)r->gw->config.mqtt.call_expiry_s};
    err = lt_mqtt_send(r->gw->mqtt, &p, &r->publish_ids[r->n_calls_sent]);
    if (!err) {
        r->n_calls_sent++;
        r->n_undelivered++;
        if (r->site) r->site->stats.n_calls++;
    }
    free(payload);
    return err;
}

static void send_calls(struct lt_req *r)
{
    size_t i;
    json_t *call;
    json_array_foreach(r->calls, i, call)
    {
        if (i < (size_t)r->n_sent) continue;
        if (i >= LT_GW_CALLS_MAX) break;
        enum lt_err err = send_call(r, i, call);
        if (err)
            LT_LOG(ERROR, "call.unsent", LF_STR("trace", r->trace),
                   LF_STR("why", lt_strerror(err)));
    }
}

static void log_answer(const struct lt_req *r)
{
    LT_LOG(INFO, "request.answered", LF_STR("trace", r->trace), LF_STR("site", r->site_name),
           LF_STR("route", lt_route_word(r->bad_code ? LT_ROUTE_REFUSED : r->route)),
           LF_STR("why", why_code(r)), LF_INT("calls", r->n_calls_sent),
           LF_NUM("confidence", r->local_calls ? r->answer.confidence : -1.0),
           LF_INT("total_us", r->total_us));
    LT_LOG(DEBUG, "request.text", LF_STR("trace", r->trace), LF_STR("text", r->text));
}

static void count(struct lt_req *r)
{
    struct lt_stats *s = r->site ? &r->site->stats : NULL;
    if (!s) return;
    s->by_route[r->bad_code ? LT_ROUTE_REFUSED : r->route]++;
    s->by_why[r->bad_code ? r->bad_why : r->why]++;
    if (r->bad_code) s->n_errors++;
    lt_stats_add(&s->total, r->total_us);
}

/* Can everything of this answer go to the broker now? What the library would queue behind other
 * acknowledgements is kept here, where a deadline watches over it. An answer larger than the broker ever
 * takes at once goes when it is alone. */
static int has_room(const struct lt_req *r)
{
    int n = 1 + (has_calls_to_send(r) ? (int)json_array_size(r->calls) : 0);
    return lt_mqtt_room(r->gw->mqtt) >= n || !lt_mqtt_unacknowledged(r->gw->mqtt);
}

void lt_req_finish(struct lt_req *r)
{
    lt_req_build_result(r);
    lt_req_set_state(r, LT_REQ_RECORDING);
    lt_req_record(r);
}

static void tell(struct lt_req *r);

static void on_acted(void *ctx, const json_t *outcome, const char *speech)
{
    struct lt_req *r = ctx;
    r->n_busy--;
    r->is_acting = 0;
    r->outcome = json_deep_copy(outcome);
    if (*speech && !r->speech) r->speech = strdup(speech);
    lt_req_build_result(r);
    tell(r);
}

static void start_acting(struct lt_req *r, size_t first)
{
    if (!lt_act_takes(lt_req_act(r), r->calls, first)) return;
    r->n_busy++;
    r->is_acting = 1;
    if (lt_act_start(lt_req_act(r), r->calls, first, r->trace, on_acted, r)) {
        r->n_busy--;
        r->is_acting = 0;
    }
}

void lt_req_deliver(struct lt_req *r)
{
    int needs_broker = r->replies || has_calls_to_send(r);
    if (r->is_cancelled && has_calls_to_send(r)) {
        if (r->state != LT_REQ_UNSENT) lt_req_set_state(r, LT_REQ_UNSENT);
        lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "cancelled", NULL,
                    "who asked went away before the answer; nothing was called");
        return;
    }
    if (needs_broker && (!lt_mqtt_is_up(r->gw->mqtt) || !has_room(r))) {
        if (r->state != LT_REQ_UNSENT) lt_req_set_state(r, LT_REQ_UNSENT);
        lt_gw_check_drained(r->gw);
        return;
    }
    lt_req_set_state(r, LT_REQ_DELIVERING);
    if (has_calls_to_send(r)) {
        size_t first = (size_t)r->n_sent;
        send_calls(r);
        start_acting(r, first);
    }
    if (!r->is_acting) tell(r);
}

/* The answer goes out, and with the last acknowledgement the request is over. */
static void tell(struct lt_req *r)
{
    r->is_told = 1;
    lt_speak_end(r);
    lt_req_send_result(r, r->result);
    count(r);
    log_answer(r);
    if (r->n_undelivered) return;
    if (r->n_calls_sent) lt_req_executed(r);
    if (r->is_hands_off && !r->bad_code && json_array_size(r->calls))
        lt_req_executed(r); /* by whom we answered: nothing is left to us */
    lt_req_set_state(r, LT_REQ_DONE);
    lt_req_settle(r);
}

void lt_req_fail(struct lt_req *r, enum lt_why why, const char *code, const char *field,
                 const char *text)
{
    r->bad_code = NULL;
    set_bad(r, why, code, field ? field : "", text);
    free(r->speech);
    r->speech = NULL;
    lt_req_finish(r);
}

void lt_req_delivered(struct lt_gateway *gw, int publish_id, int reason)
{
    for (struct lt_req *r = gw->requests; r; r = r->next) {
        if (r->state != LT_REQ_DELIVERING) continue;
        for (int i = 0; i < r->n_calls_sent; i++) {
            if (r->publish_ids[i] != publish_id) continue;
            r->publish_ids[i] = 0; /* packet ids start at 1 */
            if (reason >= 128) {
                r->refused_reason = reason;
                LT_LOG(ERROR, "call.refused", LF_STR("trace", r->trace), LF_INT("reason", reason),
                       LF_STR("what_to_do", "allow us to publish on call/# at the broker"));
            }
            if (!--r->n_undelivered) {
                lt_req_executed(r);
                if (r->is_told) {
                    lt_req_set_state(r, LT_REQ_DONE);
                    lt_req_settle(r);
                }
            }
            lt_req_resend(gw); /* there is room again */
            return;
        }
    }
    lt_req_resend(gw); /* a response was acknowledged */
}

void lt_req_resend(struct lt_gateway *gw)
{
    for (struct lt_req *r = gw->requests, *next; r; r = next) {
        next = r->next;
        if (r->state != LT_REQ_UNSENT) continue;
        if (!r->bad_code && lt_now_us() > r->deadline_us)
            lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                        "the broker was away past the deadline; nothing was called");
        else if (lt_mqtt_is_up(gw->mqtt))
            lt_req_deliver(r);
    }
}
