/* hermes_dialogue.c - sessions of satellites. */
#include "hermes_dialogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/log.h"

#define MANAGER "hermes/dialogueManager/"

enum state { QUEUED, LISTENING, THINKING, SPEAKING };

struct lt_hermes_session {
    struct lt_hermes_session *next;
    struct lt_gateway *gw;
    char id[LT_ULID_CAP], site_id[128], lang[LT_GW_FIELD_BYTES];
    json_t *custom; /* customData, or NULL */
    json_t *filter; /* intentFilter: the only intents allowed now; or NULL */
    int tells;      /* sendIntentNotRecognized: who began it wants to go on itself */
    enum state state;
    enum lt_hermes_then then; /* after SPEAKING */
    char *text;               /* QUEUED: what is said first */
    uv_timer_t timer;
};

void lt_hermes_dialogue_up(struct lt_gateway *gw)
{
    static const char *const topics[] = {"hermes/hotword/+/detected", MANAGER "startSession",
                                         MANAGER "continueSession", MANAGER "endSession",
                                         "hermes/tts/sayFinished"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        if (lt_mqtt_subscribe(gw->mqtt, topics[i], 0, 1, NULL))
            LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("filter", topics[i]));
}

static struct lt_hermes_session *find(struct lt_gateway *gw, const char *id)
{
    for (struct lt_hermes_session *s = gw->hermes_sessions; s; s = s->next)
        if (id && !strcmp(s->id, id)) return s;
    return NULL;
}

/* The session that a satellite is in, or the first one that waits for it. */
static struct lt_hermes_session *at_site(struct lt_gateway *gw, const char *site_id, int is_queued)
{
    for (struct lt_hermes_session *s = gw->hermes_sessions; s; s = s->next)
        if (!strcmp(s->site_id, site_id) && (s->state == QUEUED) == is_queued) return s;
    return NULL;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* siteId, sessionId, and lang or customData where there are any. */
static json_t *about(const struct lt_hermes_session *s, int has_custom)
{
    json_t *o = json_pack("{s:s,s:s}", "siteId", s->site_id, "sessionId", s->id);
    if (*s->lang) json_object_set_new(o, "lang", json_string(s->lang));
    if (has_custom && s->custom) json_object_set(o, "customData", s->custom);
    return o;
}

static void toggle_hotword(const struct lt_hermes_session *s, const char *topic)
{
    lt_hermes_publish(s->gw, topic,
                      json_pack("{s:s,s:s}", "siteId", s->site_id, "reason", "dialogueSession"));
}

static void on_closed(uv_handle_t *h)
{
    struct lt_hermes_session *s = h->data;
    json_decref(s->custom);
    json_decref(s->filter);
    free(s->text);
    free(s);
}

static void forget(struct lt_hermes_session *s)
{
    struct lt_hermes_session **at = &s->gw->hermes_sessions;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void start(struct lt_hermes_session *s);

static void end(struct lt_hermes_session *s, const char *reason)
{
    json_t *o = about(s, 1);
    struct lt_hermes_session *next = at_site(s->gw, s->site_id, 1);
    int was_queued = s->state == QUEUED;
    json_object_set_new(o, "termination", json_pack("{s:s}", "reason", reason));
    if (!was_queued) lt_hermes_publish(s->gw, "hermes/asr/stopListening", about(s, 0));
    lt_hermes_publish(s->gw, MANAGER "sessionEnded", o);
    if (!was_queued) toggle_hotword(s, "hermes/hotword/toggleOn");
    forget(s);
    if (next && !was_queued) start(next);
}

static void go_on(struct lt_hermes_session *s);

static void on_timer(uv_timer_t *t)
{
    struct lt_hermes_session *s = t->data;
    if (s->state == SPEAKING)
        go_on(s); /* nobody told that it was said */
    else
        end(s, "timeout");
}

static void enter(struct lt_hermes_session *s, enum state state)
{
    s->state = state;
    uv_timer_start(&s->timer, on_timer, state == SPEAKING ? LT_HERMES_SAY_MS : LT_HERMES_SESSION_MS,
                   0);
}

static void go_on(struct lt_hermes_session *s)
{
    if (s->then == LT_HERMES_THEN_LISTEN) {
        enter(s, LISTENING);
        json_t *o = about(s, 0);
        json_object_set_new(o, "stopOnSilence", json_true());
        json_object_set_new(o, "sendAudioCaptured", json_false());
        if (s->filter) json_object_set(o, "intentFilter", s->filter);
        lt_hermes_publish(s->gw, "hermes/asr/startListening", o);
    } else {
        end(s, s->then == LT_HERMES_THEN_END ? "nominal" : "intentNotRecognized");
    }
}

/* `lang`: of the text, where the session has none; may be NULL. */
static void say(struct lt_hermes_session *s, const char *text, const char *lang,
                enum lt_hermes_then then)
{
    s->then = then;
    if (!*text) {
        go_on(s);
        return;
    }
    enter(s, SPEAKING);
    json_t *o = about(s, 0);
    if (lang && !*s->lang) json_object_set_new(o, "lang", json_string(lang));
    json_object_set_new(o, "text", json_string(text));
    json_object_set_new(o, "id", json_string(s->id));
    lt_hermes_publish(s->gw, "hermes/tts/say", o);
}

void lt_hermes_dialogue_say(struct lt_gateway *gw, const char *session_id, const char *text,
                            const char *lang, enum lt_hermes_then then)
{
    struct lt_hermes_session *s = find(gw, session_id);
    if (!s || s->state != THINKING) return; /* it was ended meanwhile */
    if (then == LT_HERMES_THEN_GIVE_UP && s->tells)
        enter(s, THINKING); /* who was told of it continues or ends, or time does */
    else
        say(s, text, lang, then);
}

const json_t *lt_hermes_dialogue_filter(struct lt_gateway *gw, const char *session_id)
{
    const struct lt_hermes_session *s = find(gw, session_id);
    return s ? s->filter : NULL;
}

int lt_hermes_dialogue_heard(struct lt_gateway *gw, const char *session_id)
{
    struct lt_hermes_session *s = session_id ? find(gw, session_id) : NULL;
    if (!s || s->state != LISTENING) return 0;
    enter(s, THINKING);
    return 1;
}

static void refuse(struct lt_gateway *gw, const char *site_id, const char *why)
{
    lt_hermes_publish(
        gw, "hermes/error/dialogueManager",
        json_pack("{s:s,s:s,s:s}", "error", why, "siteId", site_id, "context", "lintel"));
}

/* What startSession's init and continueSession say alike. */
static void allow(struct lt_hermes_session *s, const json_t *o)
{
    json_t *filter = json_object_get(o, "intentFilter");
    json_decref(s->filter);
    s->filter = json_array_size(filter) ? json_incref(filter) : NULL;
    s->tells = json_is_true(json_object_get(o, "sendIntentNotRecognized"));
}

static void start(struct lt_hermes_session *s)
{
    char *text = s->text;
    s->text = NULL;
    lt_hermes_publish(s->gw, MANAGER "sessionStarted", about(s, 1));
    toggle_hotword(s, "hermes/hotword/toggleOff");
    s->state = SPEAKING; /* not QUEUED any more, also with nothing to say */
    say(s, text ? text : "", NULL, s->then);
    free(text);
}

static void begin(struct lt_gateway *gw, const json_t *o, int is_awoken)
{
    const json_t *init = json_object_get(o, "init");
    const char *site_id = *text_of(o, "siteId") ? text_of(o, "siteId") : "default";
    int is_note = !strcmp(text_of(init, "type"), "notification");
    struct lt_hermes_session *s, **at = &gw->hermes_sessions;
    struct lt_ulid_gen gen;
    int n = 0;
    if (!lt_hermes_is_served(gw, site_id)) return;
    for (s = gw->hermes_sessions; s; s = s->next) n++;
    /* the hotword is off in a session: who says it all the same wants to be heard at once */
    if (is_awoken && (s = at_site(gw, site_id, 0))) {
        struct lt_hermes_session *waiting = at_site(gw, site_id, 1);
        if (waiting || s->state == LISTENING || s->state == THINKING) {
            refuse(gw, site_id, "a session is under way at this satellite; say it again after it");
            return;
        }
        end(s, "abortedByUser");
        n--;
    }
    int is_queued = at_site(gw, site_id, 0) != NULL;
    if (n >= LT_HERMES_SESSIONS_MAX ||
        (is_queued && !is_note && json_is_false(json_object_get(init, "canBeEnqueued")))) {
        refuse(gw, site_id, "a session is under way at this satellite; say it again after it");
        return;
    }
    s = calloc(1, sizeof *s);
    if (!s) return;
    s->gw = gw;
    lt_ulid_init(&gen);
    lt_ulid_next(&gen, lt_now_unix_ms(), s->id);
    snprintf(s->site_id, sizeof s->site_id, "%s", site_id);
    snprintf(s->lang, sizeof s->lang, "%s", text_of(o, "lang"));
    s->custom = json_incref(json_object_get(o, "customData"));
    s->text = strdup(text_of(init, "text"));
    s->then = is_note ? LT_HERMES_THEN_END : LT_HERMES_THEN_LISTEN;
    allow(s, init);
    uv_timer_init(&gw->loop, &s->timer);
    s->timer.data = s;
    while (*at) at = &(*at)->next; /* the oldest first: that one is next */
    *at = s;
    if (is_queued)
        lt_hermes_publish(gw, MANAGER "sessionQueued", about(s, 1));
    else
        start(s);
}

static void go_on_with(struct lt_hermes_session *s, const json_t *o)
{
    json_t *custom = json_object_get(o, "customData");
    if (s->state == QUEUED) return;
    if (json_is_string(custom)) {
        json_decref(s->custom);
        s->custom = json_incref(custom);
    }
    allow(s, o);
    say(s, text_of(o, "text"), NULL, LT_HERMES_THEN_LISTEN);
}

void lt_hermes_dialogue_message(struct lt_gateway *gw, const char *topic, const json_t *o)
{
    struct lt_hermes_session *s = find(gw, text_of(o, "sessionId"));
    if (strcmp(gw->started.hermes.role, "dialogue") != 0) return;
    int is_awoken = !strncmp(topic, "hermes/hotword/", 15);
    if (is_awoken || !strcmp(topic, MANAGER "startSession"))
        begin(gw, o, is_awoken);
    else if (s && !strcmp(topic, MANAGER "endSession"))
        s->state == QUEUED ? end(s, "nominal")
                           : say(s, text_of(o, "text"), NULL, LT_HERMES_THEN_END);
    else if (s && !strcmp(topic, MANAGER "continueSession"))
        go_on_with(s, o);
    else if (!strcmp(topic, "hermes/tts/sayFinished")) {
        if (!s) s = find(gw, text_of(o, "id")); /* sessionId is optional there */
        if (s && s->state == SPEAKING) go_on(s);
    }
}

void lt_hermes_dialogue_close(struct lt_gateway *gw)
{
    while (gw->hermes_sessions) forget(gw->hermes_sessions);
}
