/* hermes.c - Hermes messages in and out; the requests themselves are submit.h's. */
#include "hermes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define QUERY    "hermes/nlu/query"
#define CAPTURED "hermes/asr/textCaptured"

/* One query under way. */
struct turn {
    struct lt_gateway *gw;
    json_t *query; /* as it came: what we echo is in it */
    const char *input, *site_id, *session_id;
    int is_session, is_listener, is_ours; /* is_ours: of a dialogue that we manage */
    int is_trial;                         /* decided without acting, to look at the intent filter */
};

static void turn_free(struct turn *t)
{
    json_decref(t->query);
    free(t);
}

void lt_hermes_publish(struct lt_gateway *gw, const char *topic, json_t *o)
{
    char *text = o ? lt_json_dump(o) : NULL;
    json_decref(o);
    if (!text) return;
    struct lt_mqtt_publish p = {.topic = topic, .payload = text, .payload_len = strlen(text)};
    enum lt_err err = lt_mqtt_send(gw->mqtt, &p, NULL);
    if (err) LT_LOG(WARN, "hermes.unsent", LF_STR("topic", topic), LF_STR("why", lt_strerror(err)));
    free(text);
}

/* An object with the members of the query that are echoed unchanged. */
static json_t *echo(const struct turn *t, const char *const *keys)
{
    json_t *o = json_object();
    for (; o && *keys; keys++) {
        json_t *v = json_object_get(t->query, *keys);
        if (v) json_object_set(o, *keys, v);
    }
    if (o) json_object_set_new(o, "siteId", json_string(t->site_id));
    return o;
}

/* Of what is said: the query's, or what the answer told. */
static const char *text_lang(const struct turn *t)
{
    return json_string_value(json_object_get(t->query, "lang"));
}

static void say(const struct turn *t, const char *text)
{
    static const char *const keys[] = {"id", "sessionId", "lang", NULL};
    json_t *o = *text ? echo(t, keys) : NULL;
    if (o) json_object_set_new(o, "text", json_string(text));
    lt_hermes_publish(t->gw, "hermes/tts/say", o);
}

static void end_session(const struct turn *t, const char *text)
{
    static const char *const keys[] = {"sessionId", "customData", NULL};
    if (t->is_ours) {
        lt_hermes_dialogue_say(t->gw, t->session_id, text, text_lang(t), LT_HERMES_THEN_END);
        return;
    }
    if (!t->is_session) {
        say(t, text);
        return;
    }
    json_t *o = echo(t, keys);
    json_object_del(o, "siteId");
    if (*text) json_object_set_new(o, "text", json_string(text));
    lt_hermes_publish(t->gw, "hermes/dialogueManager/endSession", o);
}

static void continue_session(const struct turn *t, const char *text)
{
    static const char *const keys[] = {"sessionId", "customData", "lang", NULL};
    if (t->is_ours) {
        lt_hermes_dialogue_say(t->gw, t->session_id, text, text_lang(t), LT_HERMES_THEN_LISTEN);
        return;
    }
    if (!t->is_session) {
        say(t, text);
        return;
    }
    json_t *o = echo(t, keys);
    json_object_del(o, "siteId");
    json_object_set_new(o, "text", json_string(text));
    json_object_set_new(o, "sendIntentNotRecognized", json_false());
    lt_hermes_publish(t->gw, "hermes/dialogueManager/continueSession", o);
}

static void not_recognized(const struct turn *t, const char *text)
{
    static const char *const keys[] = {"id", "sessionId", "customData", NULL};
    if (t->is_ours) {
        json_t *unknown = echo(t, keys);
        json_object_set_new(unknown, "input", json_string(t->input));
        lt_hermes_publish(t->gw, "hermes/dialogueManager/intentNotRecognized", unknown);
        lt_hermes_dialogue_say(t->gw, t->session_id, text, text_lang(t), LT_HERMES_THEN_GIVE_UP);
        return;
    }
    if (t->is_listener) {
        say(t, text);
        return;
    }
    json_t *o = echo(t, keys);
    json_object_set_new(o, "input", json_string(t->input));
    lt_hermes_publish(t->gw, "hermes/nlu/intentNotRecognized", o);
    if (!t->is_session) say(t, text);
}

static void failed(const struct turn *t, const char *why, const char *text)
{
    static const char *const keys[] = {"sessionId", NULL};
    json_t *o = echo(t, keys);
    json_object_set_new(o, "error", json_string(why));
    json_object_set_new(o, "context", json_string("lintel"));
    lt_hermes_publish(t->gw, "hermes/error/nlu", o);
    end_session(t, text);
}

/* Characters, not bytes, before `at`. */
static json_int_t chars(const char *s, const char *at)
{
    json_int_t n = 0;
    for (; s < at; s++) n += (*s & 0xc0) != 0x80;
    return n;
}

static json_t *slots_of(const struct turn *t, const json_t *call)
{
    const char *key;
    json_t *value, *slots = json_array();
    json_object_foreach(json_object_get(call, "arguments"), key, value)
    {
        char *raw = json_is_string(value) ? strdup(json_string_value(value)) : lt_json_dump(value);
        const char *at = raw ? strstr(t->input, raw) : NULL;
        json_t *slot =
            json_pack("{s:s,s:s,s:s?,s:{s:s,s:O},s:f}", "entity", key, "slotName", key, "rawValue",
                      raw, "value", "kind", json_is_number(value) ? "Number" : "Custom", "value",
                      value, "confidence", 1.0);
        if (slot && at)
            json_object_set_new(slot, "range",
                                json_pack("{s:I,s:I}", "start", chars(t->input, at), "end",
                                          chars(t->input, at + strlen(raw))));
        json_array_append_new(slots, slot);
        free(raw);
    }
    return slots;
}

static void tell_intent(const struct turn *t, const json_t *call, double confidence)
{
    static const char *const keys[] = {"id",         "sessionId",     "customData", "lang",
                                       "wakewordId", "asrConfidence", NULL};
    const char *name = json_string_value(json_object_get(call, "name"));
    char topic[LT_TOPIC_MAX_BYTES + 1];
    if (!name || strpbrk(name, "/+#")) return;
    json_t *o = echo(t, keys);
    json_object_set_new(o, "input", json_string(t->input));
    json_object_set_new(o, "rawInput", json_string(t->input));
    json_object_set_new(o, "intent",
                        json_pack("{s:s,s:f}", "intentName", name, "confidenceScore", confidence));
    json_object_set_new(o, "slots", slots_of(t, call));
    lt_hermes_publish(t->gw, "hermes/nlu/intentParsed", json_incref(o));
    if (snprintf(topic, sizeof topic, "hermes/intent/%s", name) < (int)sizeof topic)
        lt_hermes_publish(t->gw, topic, json_incref(o));
    json_decref(o);
}

static int submit(struct turn *t, struct lt_diag *diag);

/* Are all calls among those the dialogue allows now? */
static int is_allowed(const struct turn *t, const json_t *calls)
{
    const json_t *filter = json_object_get(t->query, "intentFilter");
    size_t i, k;
    json_t *call, *name;
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        int is_in = 0;
        json_array_foreach((json_t *)(uintptr_t)filter, k, name)
        {
            is_in |= json_equal(name, json_object_get(call, "name"));
        }
        if (!is_in) return 0;
    }
    return json_array_size(calls) > 0;
}

static void on_result(void *ctx, const json_t *result)
{
    struct turn *t = ctx;
    struct lt_diag diag = {0};
    const char *route = json_string_value(json_object_get(result, "route"));
    const char *speech = lt_submit_speech(result);
    const char *lang = json_string_value(json_object_get(result, "lang"));
    const json_t *calls = json_object_get(result, "calls"),
                 *error = json_object_get(result, "error");
    double confidence = json_number_value(json_object_get(result, "confidence"));
    size_t i;
    json_t *call;
    if (!route) route = "";
    int is_acting = !strcmp(route, "local") || !strcmp(route, "cloud") || !strcmp(route, "cache");
    if (t->is_trial && result && !error) {
        t->is_trial = 0;
        if (is_acting && is_allowed(t, calls) && submit(t, &diag)) return;
        not_recognized(t, "");
        turn_free(t);
        return;
    }
    if (lang && !text_lang(t)) json_object_set_new(t->query, "lang", json_string(lang));
    if (!result || error) {
        const char *why = json_string_value(json_object_get(error, "text"));
        failed(t, why ? why : "Lintel is stopping", speech);
    } else if (is_acting && json_array_size(calls)) {
        if (!t->is_listener || t->is_ours)
            json_array_foreach((json_t *)(uintptr_t)calls, i, call)
                tell_intent(t, call, confidence);
        end_session(t, speech);
    } else if (is_acting) { /* words without a deed */
        end_session(t, speech);
    } else if (!strcmp(route, "clarify")) {
        continue_session(t, speech);
    } else {
        not_recognized(t, speech);
    }
    turn_free(t);
}

/* Room of a Hermes site: hermes.rooms holds "siteId=Room". */
static const char *room_of(const struct lt_config *c, const char *id)
{
    size_t n = strlen(id);
    for (size_t i = 0; i < c->hermes.rooms.n; i++) {
        const char *row = c->hermes.rooms.v[i];
        if (!strncmp(row, id, n) && row[n] == '=') return row + n + 1;
    }
    return NULL;
}

int lt_hermes_is_served(const struct lt_gateway *gw, const char *site_id)
{
    const struct lt_config *c = &gw->started;
    for (size_t i = 0; i < c->hermes.site_ids.n; i++)
        if (!strcmp(c->hermes.site_ids.v[i], site_id)) return 1;
    return !c->hermes.site_ids.n;
}

/* The readings of our own ear, so far as they are sound: how many. */
static size_t readings_of(const struct turn *t, struct lt_alternative *out)
{
    const json_t *list = t->is_listener ? json_object_get(t->query, LT_HERMES_READINGS) : NULL;
    size_t n = 0;
    double sum = 0;
    for (size_t i = 0; i < json_array_size(list) && n < LT_SUBMIT_MAX_ALTERNATIVES; i++) {
        const json_t *one = json_array_get(list, i);
        const char *text = json_string_value(json_object_get(one, "text"));
        double share = json_number_value(json_object_get(one, "likelihood"));
        if (!text || !*text || !(share > 0) || sum + share > 1.001) continue;
        sum += share;
        out[n++] = (struct lt_alternative){text, share};
    }
    return n;
}

static int submit(struct turn *t, struct lt_diag *diag)
{
    const struct lt_config *c = &t->gw->started;
    char session[LT_STORE_REQUEST_ID_MAX];
    const char *id = json_string_value(json_object_get(t->query, "sessionId"));
    double heard = json_number_value(
        json_object_get(t->query, t->is_listener ? "likelihood" : "asrConfidence"));
    struct lt_alternative readings[LT_SUBMIT_MAX_ALTERNATIVES];
    size_t n = readings_of(t, readings);
    snprintf(session, sizeof session, "hermes/%.100s", id ? id : t->site_id);
    struct lt_submission s = {.site = *c->hermes.site ? c->hermes.site : t->gw->sites[0].name,
                              .door = "hermes",
                              .here = room_of(c, t->site_id),
                              .lang = json_string_value(json_object_get(t->query, "lang")),
                              .session = session,
                              .is_dry_run = t->is_trial};
    if (!n && heard > 0 && heard < 1) /* one, and the recogniser's doubt counts */
        readings[n++] = (struct lt_alternative){t->input, heard};
    if (n) {
        s.alternatives = readings;
        s.n_alternatives = n;
    } else {
        s.text = t->input;
    }
    return !lt_submit(t->gw, &s, on_result, t, NULL, diag);
}

void lt_hermes_up(struct lt_gateway *gw)
{
    const struct lt_config *c = &gw->started;
    if (!c->hermes.enabled) return;
    const char *topic = !strcmp(c->hermes.role, "nlu") ? QUERY : CAPTURED;
    lt_hermes_audio_up(gw);
    if (!strcmp(c->hermes.role, "dialogue")) lt_hermes_dialogue_up(gw);
    if (lt_mqtt_subscribe(gw->mqtt, topic, 0, 1, NULL))
        LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("filter", topic));
}

int lt_hermes_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg)
{
    struct lt_diag diag = {0};
    json_t *o = NULL;
    int is_query = !strcmp(msg->topic, QUERY), is_captured = !strcmp(msg->topic, CAPTURED);
    if (!gw->started.hermes.enabled || strncmp(msg->topic, "hermes/", 7) != 0) return 0;
    if (msg->is_retained || lt_hermes_audio_message(gw, msg)) return 1;
    if (lt_json_parse(msg->payload, msg->payload_len, (size_t)gw->config.limits.payload_bytes, &o,
                      &diag) ||
        !json_is_object(o)) {
        LT_LOG(WARN, "hermes.refused", LF_STR("topic", msg->topic), LF_STR("why", diag.text));
        json_decref(o);
        return 1;
    }
    if (!is_query && !is_captured) {
        lt_hermes_dialogue_message(gw, msg->topic, o);
        json_decref(o);
        return 1;
    }
    struct turn *t = calloc(1, sizeof *t);
    if (!t) {
        json_decref(o);
        return 1;
    }
    t->gw = gw;
    t->query = o;
    t->is_listener = is_captured;
    t->input = json_string_value(json_object_get(o, is_captured ? "text" : "input"));
    t->site_id = json_string_value(json_object_get(o, "siteId"));
    if (!t->input) t->input = "";
    if (!t->site_id) t->site_id = "default";
    t->session_id = json_string_value(json_object_get(o, "sessionId"));
    t->is_ours = is_captured && lt_hermes_dialogue_heard(gw, t->session_id);
    t->is_session = !is_captured && json_is_string(json_object_get(o, "sessionId"));
    const json_t *filter = t->is_ours ? lt_hermes_dialogue_filter(gw, t->session_id) : NULL;
    if (filter) json_object_set(o, "intentFilter", (json_t *)(uintptr_t)filter);
    t->is_trial = json_array_size(json_object_get(o, "intentFilter")) > 0;
    if (!lt_hermes_is_served(gw, t->site_id) ||
        (is_captured && !t->is_ours && !strcmp(gw->started.hermes.role, "dialogue"))) {
        turn_free(t);
    } else if (!t->input[strspn(t->input, " \t\r\n")]) { /* silence */
        not_recognized(t, "");
        turn_free(t);
    } else if (!submit(t, &diag)) {
        failed(t, diag.text, "");
        turn_free(t);
    }
    return 1;
}
