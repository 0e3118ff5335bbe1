/* request_take.c - a message becomes a request: its payload and properties, or why it is bad. States:
 * request.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

void lt_req_set_bad(struct lt_req *r, enum lt_why why, const char *code, const char *field,
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
    lt_req_set_bad(r, LT_WHY_REQUEST_INVALID, code, field, text);
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
        lt_req_set_bad(r, LT_WHY_REQUEST_UNKNOWN_SITE, "unknown_site", "site", text);
    } else {
        r->site->stats.n_requests++;
        memcpy(r->catalog_hash, r->site->used_hash, sizeof r->catalog_hash);
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
