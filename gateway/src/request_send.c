/* request_send.c - the answer of a request: its result, its calls, what moved, and the broker's
 * acknowledgements. States: request.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consult.h"
#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "result.h"
#include "speak.h"

static const char *why_code(const struct lt_req *r)
{
    return lt_why_code(r->bad_code ? r->bad_why : r->why);
}

void lt_req_build_result(struct lt_req *r)
{
    struct lt_result out;
    char speech[LT_HOUSE_SPEECH], lang[LT_LANG_CAP];
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
    out.lang = lt_req_speech_language(r, out.speech, lang);
    if (out.route == LT_ROUTE_CLARIFY) out.choices = r->choices;
    out.done = r->done;
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
        lt_index_unacknowledged(r, 1);
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

void lt_req_send_done(struct lt_req *r, size_t first)
{
    for (size_t i = first; i < json_array_size(r->done); i++) {
        enum lt_err err = send_call(r, i, json_array_get(r->done, i));
        if (err)
            LT_LOG(ERROR, "call.unsent", LF_STR("trace", r->trace),
                   LF_STR("why", lt_strerror(err)));
    }
    r->n_sent = (int)json_array_size(r->done);
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
int lt_req_has_room(const struct lt_req *r, int n)
{
    return lt_mqtt_room(r->gw->mqtt) >= n || !lt_mqtt_unacknowledged(r->gw->mqtt);
}

static int has_room(const struct lt_req *r)
{
    return lt_req_has_room(r, 1 + (has_calls_to_send(r) ? (int)json_array_size(r->calls) : 0));
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
    if (r->outcome) { /* behind what happened in steps before */
        json_t *more = json_deep_copy(outcome);
        json_array_extend(r->outcome, more);
        json_decref(more);
    } else {
        r->outcome = json_deep_copy(outcome);
    }
    if (*speech && !r->speech) r->speech = strdup(speech);
    lt_req_build_result(r);
    tell(r);
}

static void start_acting(struct lt_req *r, size_t first)
{
    if (!lt_act_takes(lt_req_act(r), r->calls, first)) return;
    r->n_busy++;
    r->is_acting = 1;
    if (lt_act_start(lt_req_act(r), r->calls, first, lt_req_tongue(r), r->trace, on_acted, r)) {
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
                    r->n_sent ? "who asked went away before the answer; nothing more was called"
                              : "who asked went away before the answer; nothing was called");
        return;
    }
    const struct lt_req *waits = TAILQ_FIRST(&r->gw->index.unsent);
    int is_behind = waits && waits != r; /* who waits longest goes first */
    if (needs_broker && (is_behind || !lt_mqtt_is_up(r->gw->mqtt) || !has_room(r))) {
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
    lt_req_set_bad(r, why, code, field ? field : "", text);
    free(r->speech);
    r->speech = NULL;
    lt_req_finish(r);
}

void lt_req_delivered(struct lt_gateway *gw, int publish_id, int reason)
{
    struct lt_req *r;
    LIST_FOREACH(r, &gw->index.unacknowledged, links.unacknowledged)
    {
        if (r->state < LT_REQ_ASKING || r->state > LT_REQ_DELIVERING) continue;
        for (int i = 0; i < r->n_calls_sent; i++) {
            if (r->publish_ids[i] != publish_id) continue;
            r->publish_ids[i] = 0; /* packet ids start at 1 */
            if (reason >= 128) {
                r->refused_reason = reason;
                LT_LOG(ERROR, "call.refused", LF_STR("trace", r->trace), LF_INT("reason", reason),
                       LF_STR("what_to_do", "allow us to publish on call/# at the broker"));
            }
            if (!--r->n_undelivered) lt_index_unacknowledged(r, 0);
            if (!r->n_undelivered && r->state == LT_REQ_DELIVERING) {
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
    for (struct lt_req *r; (r = TAILQ_FIRST(&gw->index.unsent)) != NULL;) {
        if (!r->bad_code && lt_now_us() > r->deadline_us)
            lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                        r->n_sent ? "the broker was away past the deadline; nothing more was called"
                                  : "the broker was away past the deadline; nothing was called");
        else if (lt_mqtt_is_up(gw->mqtt))
            lt_req_deliver(r);
        if (TAILQ_FIRST(&gw->index.unsent) == r) return; /* the others wait behind it */
    }
}
