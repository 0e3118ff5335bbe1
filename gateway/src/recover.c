/* recover.c - what an earlier run of the process left unfinished.
 *
 * A trace that was accepted must be answered and carried out once, even when the process was killed
 * at any point. What is missing in the store after a crash is whether its calls went out. The broker
 * knows: we subscribe to our own call topics in a session that outlives us, so it keeps a copy of
 * every call we published for us (an echo). After a restart these copies come first, then a barrier
 * message that we send ourselves. When the barrier is back, every trace without an echo was not
 * carried out and is done now, if its time has not passed; one with an echo was, and is only recorded
 * and answered. If the broker lost our session nobody can know, and nothing is carried out: a lamp
 * that stays dark is better than a door that opens twice.
 * Echoes expire like the calls (mqtt.call_expiry_s), so older traces are not carried out either. */
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

static char *copy(const char *s)
{
    return s ? strdup(s) : NULL;
}

static int take_row(const struct lt_trace_row *row, void *user)
{
    struct lt_gateway *gw = user;
    struct lt_req *r = lt_req_new(gw, row->site);
    int64_t age_ms = lt_now_unix_ms() - row->received_unix_ms;
    int64_t allowed_ms = row->deadline_ms ? row->deadline_ms : gw->config.limits.deadline_ms;
    if (!r) return 1;
    lt_req_set_state(r, LT_REQ_RECOVERING);
    strncpy(r->trace, row->trace, sizeof r->trace - 1);
    r->key = copy(row->request_id);
    if (r->key && strncmp(r->key, LT_GW_KEY_PREFIX, strlen(LT_GW_KEY_PREFIX)) != 0)
        r->id = strdup(r->key);
    r->text = copy(row->text);
    r->text_len = r->text ? strlen(r->text) : 0;
    r->here = copy(row->here);
    r->lang = copy(row->lang);
    r->session = copy(row->session);
    r->row_state = copy(row->state);
    r->is_dry_run = row->is_dry_run;
    r->is_committed = 1;
    r->received_unix_ms = row->received_unix_ms;
    if (allowed_ms > gw->config.mqtt.call_expiry_s * 1000)
        allowed_ms = gw->config.mqtt.call_expiry_s * 1000;
    r->deadline_ms = allowed_ms;
    r->arrived_us = lt_now_us() - age_ms * 1000;
    r->deadline_us = r->arrived_us + allowed_ms * 1000;
    if (row->result_json) { /* answered: what was published, and which calls */
        struct lt_diag diag = {0};
        r->result = strdup(row->result_json);
        if (row->calls_json)
            (void)!lt_json_parse(row->calls_json, strlen(row->calls_json), LT_DOC_MAX_BYTES_CATALOG,
                                 &r->calls, &diag);
        for (int i = 0; row->route && i < LT_ROUTE_COUNT; i++)
            if (!strcmp(row->route, lt_route_word((enum lt_route)i))) r->route = (enum lt_route)i;
    }
    struct lt_gw_reply *reply = calloc(1, sizeof *reply);
    if (reply) {
        reply->qos = 1;
        reply->topic = copy(row->reply_topic);
        if (row->correlation_len && (reply->correlation = malloc(row->correlation_len))) {
            memcpy(reply->correlation, row->correlation, row->correlation_len);
            reply->correlation_len = row->correlation_len;
        }
        r->replies = reply;
    }
    return 0;
}

enum lt_err lt_recover_load(struct lt_gateway *gw, struct lt_diag *diag)
{
    struct lt_trace_filter f = {.is_unfinished = 1, .limit = gw->started.limits.queue};
    enum lt_err err = lt_store_trace_list(gw->store, &f, take_row, gw, diag);
    if (!err && gw->n_requests) LT_LOG(WARN, "recover.begin", LF_INT("unfinished", gw->n_requests));
    return err;
}

/* Carry on with one trace. `is_known`: the broker has told us which calls went out. */
static void carry_on(struct lt_req *r, int is_known)
{
    int is_answered = r->result && !strcmp(r->row_state, "answered");
    size_t n_echoes = json_array_size(r->echoed);
    if (n_echoes && !is_answered) { /* went out before the answer was recorded */
        size_t i;
        json_t *e, *calls = json_array();
        json_array_foreach(r->echoed, i, e) json_array_append(calls, json_object_get(e, "call"));
        json_decref(r->calls);
        r->calls = calls;
        r->route = LT_ROUTE_LOCAL;
        r->why = LT_WHY_GATE_ACCEPTED;
        lt_req_publish(r);
    } else if (n_echoes || (is_answered && is_known && lt_now_us() <= r->deadline_us)) {
        lt_req_publish(r); /* sends the calls that have no echo */
    } else if (is_known && lt_now_us() <= r->deadline_us && r->text && r->site) {
        lt_req_set_state(r, LT_REQ_WORKING);
        lt_req_infer(r);
    } else {
        lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                    is_known
                        ? "the gateway was restarted and the deadline has passed; nothing more "
                          "was called"
                        : "the gateway and the broker were restarted and cannot tell whether "
                          "this was carried out; nothing more was called");
    }
}

static void carry_on_all(struct lt_gateway *gw, int is_known)
{
    for (struct lt_req *r = gw->requests, *next; r; r = next) {
        next = r->next;
        if (r->state == LT_REQ_RECOVERING) carry_on(r, is_known);
    }
}

static int has_recovering(const struct lt_gateway *gw)
{
    for (const struct lt_req *r = gw->requests; r; r = r->next)
        if (r->state == LT_REQ_RECOVERING) return 1;
    return 0;
}

static void on_barrier_timeout(uv_timer_t *timer)
{
    struct lt_gateway *gw = timer->data;
    LT_LOG(WARN, "recover.no_barrier", LF_INT("waited_ms", LT_GW_BARRIER_MS));
    gw->is_barrier_out = 0;
    carry_on_all(gw, 0);
}

void lt_recover_up(struct lt_gateway *gw, int has_session)
{
    if (!has_recovering(gw)) return;
    if (!has_session) {
        carry_on_all(gw, 0);
        return;
    }
    struct lt_mqtt_publish p = {.topic = gw->barrier_topic,
                                .payload = gw->barrier,
                                .payload_len = strlen(gw->barrier),
                                .qos = 1,
                                .is_text = 1};
    if (lt_mqtt_send(gw->mqtt, &p, NULL)) return; /* down again: the next on_up tries again */
    gw->is_barrier_out = 1;
    uv_timer_start(&gw->barrier_timer, on_barrier_timeout, LT_GW_BARRIER_MS, 0);
}

int lt_recover_barrier(struct lt_gateway *gw, const struct lt_mqtt_message *msg)
{
    if (strcmp(msg->topic, gw->barrier_topic) != 0) return 0;
    int is_ours = gw->is_barrier_out && !strcmp(msg->payload, gw->barrier);
    if (!is_ours) return 1; /* of an earlier run */
    gw->is_barrier_out = 0;
    uv_timer_stop(&gw->barrier_timer);
    carry_on_all(gw, 1);
    return 1;
}

void lt_recover_echo(struct lt_gateway *gw, const struct lt_topic *topic,
                     const struct lt_mqtt_message *msg)
{
    json_t *o = NULL;
    struct lt_diag diag = {0};
    if (!has_recovering(gw)) return; /* in peace our own calls tell us nothing */
    if (lt_json_parse(msg->payload, msg->payload_len, LT_DOC_MAX_BYTES_REQUEST, &o, &diag)) return;
    const char *trace = json_string_value(json_object_get(o, "trace"));
    for (struct lt_req *r = gw->requests; trace && r; r = r->next) {
        if (r->state != LT_REQ_RECOVERING || strcmp(r->trace, trace) != 0) continue;
        if (!r->echoed) r->echoed = json_array();
        json_array_append_new(r->echoed,
                              json_pack("{s:O?,s:{s:s,s:O?}}", "index", json_object_get(o, "index"),
                                        "call", "name", topic->rest, "arguments",
                                        json_object_get(o, "arguments")));
    }
    json_decref(o);
}
