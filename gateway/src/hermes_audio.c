/* hermes_audio.c - asr and tts of satellites. */
#include "hermes_audio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define AUDIO      "hermes/audioServer/"
#define ID_BYTES   128
#define PLAY_EXTRA 3000 /* ms after a WAV's length: the satellite never said that it was played */

struct lt_hermes_ear {
    struct lt_hermes_ear *next;
    struct lt_gateway *gw;
    char site_id[ID_BYTES], session[ID_BYTES], lang[LT_GW_FIELD_BYTES];
    struct lt_ear *ear;
};

struct lt_hermes_play {
    struct lt_hermes_play *next;
    struct lt_gateway *gw;
    json_t *say; /* what was asked */
    char site_id[ID_BYTES], id[LT_ULID_CAP];
    uv_timer_t timer;
    int is_speaking; /* the WAV is being made */
};

static int has_service(const struct lt_gateway *gw, const char *name)
{
    const struct lt_strings *s = &gw->started.hermes.services;
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->v[i], name)) return 1;
    return 0;
}

static int hears(const struct lt_gateway *gw)
{
    return lt_speech_can_hear(gw) && has_service(gw, "asr");
}

static int speaks(const struct lt_gateway *gw)
{
    return lt_speech_can_speak(gw) && has_service(gw, "tts");
}

void lt_hermes_audio_up(struct lt_gateway *gw)
{
    static const char *const ears[] = {"hermes/asr/startListening",   "hermes/asr/stopListening",
                                       "hermes/asr/toggleOff",        AUDIO "+/audioFrame",
                                       AUDIO "+/+/audioSessionFrame", NULL};
    static const char *const mouth[] = {"hermes/tts/say", AUDIO "+/playFinished", NULL};
    for (int k = 0; k < 2; k++) {
        if (!(k ? speaks(gw) : hears(gw))) continue;
        for (const char *const *t = k ? mouth : ears; *t; t++)
            if (lt_mqtt_subscribe(gw->mqtt, *t, 0, 1, NULL))
                LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("filter", *t));
    }
}

static const char *text_of(const json_t *o, const char *key, const char *other)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : other;
}

/* ---- asr ---- */

static struct lt_hermes_ear *ear_of(struct lt_gateway *gw, const char *site_id, size_t n)
{
    for (struct lt_hermes_ear *e = gw->hermes_ears; e; e = e->next)
        if (strlen(e->site_id) == n && !strncmp(e->site_id, site_id, n)) return e;
    return NULL;
}

static void ear_free(struct lt_hermes_ear *gone)
{
    struct lt_hermes_ear **at = &gone->gw->hermes_ears;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    lt_ear_cancel(gone->ear);
    free(gone);
}

static json_t *who(const struct lt_hermes_ear *e)
{
    return json_pack("{s:s,s:o,s:o}", "siteId", e->site_id, "sessionId",
                     *e->session ? json_string(e->session) : json_null(), "lang",
                     *e->lang ? json_string(e->lang) : json_null());
}

static void ear_failed(const struct lt_hermes_ear *e, const char *why)
{
    json_t *o = who(e);
    json_object_set_new(o, "error", json_string(why));
    json_object_set_new(o, "context", json_string("lintel"));
    lt_hermes_publish(e->gw, "hermes/error/asr", o);
}

/* Hermes knows one text; all readings are beside it for the request (LT_HERMES_READINGS). */
static void captured(const struct lt_hermes_ear *e, const struct lt_heard *heard)
{
    int has_words = heard->n_readings > 0;
    json_t *o = who(e), *readings = json_array();
    if (!*e->lang && *heard->lang) json_object_set_new(o, "lang", json_string(heard->lang));
    for (int i = 0; i < heard->n_readings; i++)
        json_array_append_new(readings, json_pack("{s:s,s:f}", "text", heard->readings[i].text,
                                                  "likelihood", heard->readings[i].share));
    json_object_set_new(o, "text", json_string(has_words ? heard->readings[0].text : ""));
    json_object_set_new(o, "likelihood", json_real(has_words ? heard->readings[0].share : 0));
    json_object_set_new(o, "seconds", json_real(heard->audio_s));
    json_object_set_new(o, LT_HERMES_READINGS, readings);
    lt_hermes_publish(e->gw, "hermes/asr/textCaptured", o);
}

/* It hears no more, and the dialogue is told: it must not wait until its time is over. */
static void give_up(struct lt_hermes_ear *e, const char *why)
{
    static const struct lt_heard nothing;
    ear_failed(e, why);
    captured(e, &nothing);
    ear_free(e);
}

static void on_heard(void *ctx, const struct lt_heard *heard, const char *error)
{
    struct lt_hermes_ear *e = ctx;
    e->ear = NULL;
    if (error) {
        give_up(e, error);
        return;
    }
    captured(e, heard);
    ear_free(e);
}

static void open_ear(struct lt_gateway *gw, const json_t *o)
{
    const struct lt_config *c = &gw->started;
    const char *site_id = text_of(o, "siteId", "default");
    struct lt_diag diag = {0};
    struct lt_hermes_ear *e = ear_of(gw, site_id, strlen(site_id));
    int n = 0;
    if (e) ear_free(e);
    for (e = gw->hermes_ears; e; e = e->next) n++;
    if (n >= LT_HERMES_EARS_MAX || !(e = calloc(1, sizeof *e))) return;
    e->gw = gw;
    snprintf(e->site_id, sizeof e->site_id, "%s", site_id);
    snprintf(e->session, sizeof e->session, "%s", text_of(o, "sessionId", ""));
    snprintf(e->lang, sizeof e->lang, "%s", text_of(o, "lang", ""));
    e->next = gw->hermes_ears;
    gw->hermes_ears = e;
    if (lt_ear_new(gw, *c->hermes.site ? c->hermes.site : gw->sites[0].name, e->lang, on_heard, e,
                   &e->ear, &diag)) {
        give_up(e, diag.text);
    } else if (!json_is_false(json_object_get(o, "stopOnSilence"))) {
        lt_ear_end_on_silence(e->ear);
    }
}

/* "hermes/audioServer/<siteId>/audioFrame", "…/<siteId>/<sessionId>/audioSessionFrame" */
static void frame(struct lt_gateway *gw, const struct lt_mqtt_message *msg)
{
    const char *site_id = msg->topic + strlen(AUDIO);
    struct lt_hermes_ear *e = ear_of(gw, site_id, strcspn(site_id, "/"));
    struct lt_diag diag = {0};
    struct lt_wav wav;
    if (!e || !e->ear) return;
    enum lt_err err = lt_wav_read(msg->payload, msg->payload_len, &wav, &diag);
    if (!err) err = lt_ear_hear(e->ear, &wav);
    if (!err) return;
    give_up(e, *diag.text ? diag.text : "the audio changes its form");
}

/* ---- tts ---- */

static void on_play_closed(uv_handle_t *h)
{
    struct lt_hermes_play *p = h->data;
    json_decref(p->say);
    free(p);
}

static void play_free(struct lt_hermes_play *gone)
{
    struct lt_hermes_play **at = &gone->gw->hermes_plays;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
    uv_close((uv_handle_t *)&gone->timer, on_play_closed);
}

static void finish_play(struct lt_hermes_play *p)
{
    json_t *o = json_pack("{s:s}", "siteId", p->site_id);
    static const char *const keys[] = {"id", "sessionId"};
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(p->say, keys[i]))
            json_object_set(o, keys[i], json_object_get(p->say, keys[i]));
    lt_hermes_publish(p->gw, "hermes/tts/sayFinished", o);
    play_free(p);
}

static void on_play_timer(uv_timer_t *t)
{
    finish_play(t->data);
}

static void on_spoken(void *ctx, const void *bytes, size_t n, const char *error)
{
    struct lt_hermes_play *p = ctx;
    char topic[LT_TOPIC_MAX_BYTES + 1];
    struct lt_wav wav;
    p->is_speaking = 0;
    if (error) {
        lt_hermes_publish(p->gw, "hermes/error/tts",
                          json_pack("{s:s,s:s}", "error", error, "siteId", p->site_id));
        finish_play(p);
        return;
    }
    snprintf(topic, sizeof topic, AUDIO "%s/playBytes/%s", p->site_id, p->id);
    const struct lt_mqtt_publish out = {.topic = topic, .payload = bytes, .payload_len = n};
    uint64_t ms = PLAY_EXTRA;
    if (!lt_wav_read(bytes, n, &wav, NULL))
        ms += (uint64_t)lt_wav_n_frames(&wav) * 1000 / (uint64_t)wav.rate;
    if (lt_mqtt_send(p->gw->mqtt, &out, NULL)) ms = 0;
    uv_timer_start(&p->timer, on_play_timer, ms, 0);
}

static void say(struct lt_gateway *gw, json_t *o)
{
    struct lt_diag diag = {0};
    struct lt_ulid_gen gen;
    const char *site_id = text_of(o, "siteId", "default");
    int n = 0;
    for (struct lt_hermes_play *p = gw->hermes_plays; p; p = p->next) n++;
    struct lt_hermes_play *p =
        n < LT_HERMES_EARS_MAX && !strpbrk(site_id, "/+#") ? calloc(1, sizeof *p) : NULL;
    if (!p) return;
    p->gw = gw;
    p->say = json_incref(o);
    snprintf(p->site_id, sizeof p->site_id, "%s", site_id);
    lt_ulid_init(&gen);
    lt_ulid_next(&gen, lt_now_unix_ms(), p->id);
    uv_timer_init(&gw->loop, &p->timer);
    p->timer.data = p;
    p->next = gw->hermes_plays;
    gw->hermes_plays = p;
    p->is_speaking =
        !lt_speech_say(gw, text_of(o, "text", ""), text_of(o, "lang", NULL), on_spoken, p, &diag);
    if (!p->is_speaking) finish_play(p);
}

static void played(struct lt_gateway *gw, const char *id)
{
    for (struct lt_hermes_play *p = gw->hermes_plays; p; p = p->next)
        if (!strcmp(p->id, id) && !p->is_speaking) {
            finish_play(p);
            return;
        }
}

/* ---- both ---- */

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

int lt_hermes_audio_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg)
{
    const char *t = msg->topic;
    json_t *o = NULL;
    struct lt_diag diag = {0};
    if (ends_with(t, "/audioFrame") || ends_with(t, "/audioSessionFrame")) {
        frame(gw, msg);
        return 1;
    }
    int is_listen = !strcmp(t, "hermes/asr/startListening"),
        is_stop = !strcmp(t, "hermes/asr/stopListening"),
        is_off = !strcmp(t, "hermes/asr/toggleOff"), is_say = !strcmp(t, "hermes/tts/say"),
        is_played = ends_with(t, "/playFinished");
    if (!is_listen && !is_stop && !is_off && !is_say && !is_played) return 0;
    if (lt_json_parse(msg->payload, msg->payload_len, (size_t)gw->config.limits.payload_bytes, &o,
                      &diag)) {
        LT_LOG(WARN, "hermes.refused", LF_STR("topic", t), LF_STR("why", diag.text));
        return 1;
    }
    const char *site_id = text_of(o, "siteId", "default");
    struct lt_hermes_ear *e = ear_of(gw, site_id, strlen(site_id));
    if (is_listen && hears(gw) && lt_hermes_is_served(gw, site_id))
        open_ear(gw, o);
    else if (is_stop && e && e->ear)
        lt_ear_end(e->ear);
    else if (is_off && e)
        ear_free(e);
    else if (is_say && speaks(gw) && lt_hermes_is_served(gw, site_id))
        say(gw, o);
    else if (is_played)
        played(gw, text_of(o, "id", ""));
    json_decref(o);
    return !(is_say && !speaks(gw));
}

void lt_hermes_audio_close(struct lt_gateway *gw)
{
    while (gw->hermes_ears) ear_free(gw->hermes_ears);
    for (struct lt_hermes_play *p = gw->hermes_plays, *next; p; p = next) {
        next = p->next;
        if (!p->is_speaking) play_free(p); /* lt_speech_close ends the others */
    }
}
