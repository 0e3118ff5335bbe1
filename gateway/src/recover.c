/* recover.c - what an earlier run of the process left unfinished.
 *
 * A trace that was accepted must be answered and carried out once, even when the process was killed
 * at any point. A trace that the store has only as accepted was not carried out: the answer is
 * written down before it goes out. One that it has as answered may have been, in part or whole (a
 * broker that meets a dead connection drops what it has not read). The broker knows: we subscribe to
 * our own call topics in a session that outlives us, so it keeps a copy of every call that it took (an
 * echo) until we acknowledge it, and we acknowledge it only when the store knows. Calls go out in order,
 * so an echo stands for all calls before it.
 *
 * After a restart the echoes come first, then a barrier message that we send ourselves. When the
 * barrier is back, calls without an echo were not carried out and are sent now, if their time has not
 * passed. If the broker lost our session nobody can know, and nothing more is carried out: a lamp that
 * stays dark is better than a door that opens twice. Echoes expire like the calls (mqtt.call_expiry_s),
 * so older traces are not carried out either. */
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
    lt_index_trace(r);
    r->key = copy(row->request_id);
    if (r->key && strncmp(r->key, LT_GW_KEY_PREFIX, strlen(LT_GW_KEY_PREFIX)) != 0)
        r->id = strdup(r->key);
    r->text = copy(row->text);
    r->text_len = r->text ? strlen(r->text) : 0;
    r->here = copy(row->here);
    r->lang = copy(row->lang);
    r->session = copy(row->session);
    lt_talk_key(r->site_name, r->session, r->here, row->source, r->talk_key);
    lt_index_session(r);
    r->row_state = copy(row->state);
    r->is_dry_run = row->is_dry_run;
    r->is_committed = 1;
    r->received_unix_ms = row->received_unix_ms;
    r->is_recorded = !strcmp(row->state, "answered");
    r->n_sent = row->calls_sent;
    if (r->is_recorded && allowed_ms > gw->config.mqtt.call_expiry_s * 1000)
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
    r->door = strcmp(row->source, "mqtt") ? "door" : "mqtt";
    struct lt_gw_reply *reply = strcmp(row->source, "mqtt") ? NULL : calloc(1, sizeof *reply);
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

static int is_answered(const struct lt_req *r)
{
    return r->result && !strcmp(r->row_state, "answered");
}

/* Carry on with a trace that had no echo. `is_known`: that means its calls did not go out. */
static void carry_on(struct lt_req *r, int is_known)
{
    /* what the store was not allowed to keep as it was cannot be taken up again */
    int can_go_on = !strcmp(r->gw->started.store.text, "keep") && lt_now_us() <= r->deadline_us;
    if (strcmp(r->door, "mqtt") != 0 && !is_answered(r)) can_go_on = 0; /* its speaker is gone */
    if (is_answered(r) && r->n_sent && (size_t)r->n_sent >= json_array_size(r->calls)) {
        lt_req_executed(r); /* a step of consult.h: all was out before the model had done */
        lt_req_deliver(r);
    } else if (can_go_on && is_known && is_answered(r)) {
        lt_req_deliver(r);
    } else if (can_go_on && !is_answered(r) && r->site && r->text) {
        lt_req_set_state(r, LT_REQ_WORKING); /* never answered, so never carried out */
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

/* An echo of a trace that the store has as accepted: a power cut took the record. The echo is the best
 * there is. */
static void settle_unrecorded(struct lt_req *r, const char *tool, const json_t *echo)
{
    json_decref(r->calls);
    r->calls =
        json_pack("[{s:s,s:O?}]", "name", tool, "arguments", json_object_get(echo, "arguments"));
    r->n_sent = 1;
    r->route = LT_ROUTE_LOCAL;
    r->why = LT_WHY_GATE_ACCEPTED;
    lt_req_finish(r);
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
    if (lt_json_parse(msg->payload, msg->payload_len, LT_DOC_MAX_BYTES_CATALOG, &o, &diag)) return;
    const char *trace = json_string_value(json_object_get(o, "trace"));
    struct lt_req *r = trace ? lt_index_of_trace(&gw->index, trace) : NULL;
    int n = (int)json_integer_value(json_object_get(o, "index")) + 1;
    if (r && r->state == LT_REQ_RECOVERING && !is_answered(r)) {
        settle_unrecorded(r, topic->rest, o);
    } else if (r && (r->state == LT_REQ_RECOVERING || r->n_calls_sent)) {
        if (r->n_sent < n) r->n_sent = n;
        r->n_busy++; /* delivering may finish it */
        lt_req_confirm(r, n);
        if (r->state == LT_REQ_RECOVERING && (size_t)n >= json_array_size(r->calls))
            lt_req_deliver(r); /* the answer once more: it may not have got through */
        r->n_busy--;
        lt_req_settle(r);
    }
    json_decref(o);
}
