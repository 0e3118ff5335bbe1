/* audio.c - utterances from the audio topic. */
#include "audio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "result.h"

struct lt_audio {
    struct lt_audio *next, **prev;
    struct lt_gateway *gw;
    char site[LT_SITE_MAX_BYTES + 1], room[LT_GW_FIELD_BYTES * 2];
    struct lt_ear *ear; /* while listening */
    uint64_t ticket;    /* while answering; 0: not */
    int is_speaking;    /* the answer's WAV is being made */
};

static void audio_free(struct lt_audio *a)
{
    *a->prev = a->next;
    if (a->next) a->next->prev = a->prev;
    free(a);
}

static void publish(const struct lt_audio *a, enum lt_topic_kind kind, const char *rest,
                    const void *payload, size_t n)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    struct lt_mqtt_publish p = {.topic = topic,
                                .payload = payload,
                                .payload_len = n,
                                .expiry_s = (uint32_t)a->gw->started.mqtt.response_expiry_s};
    enum lt_err err = lt_topic_build(a->gw->started.mqtt.prefix, a->site, kind, rest, topic);
    if (!err) err = lt_mqtt_send(a->gw->mqtt, &p, NULL);
    if (err) LT_LOG(WARN, "audio.unsent", LF_STR("topic", topic), LF_STR("why", lt_strerror(err)));
}

static void publish_json(const struct lt_audio *a, const json_t *o)
{
    char *text = o ? lt_json_dump(o) : NULL;
    if (text) publish(a, LT_TOPIC_RESPONSE, NULL, text, strlen(text));
    free(text);
}

/* What became of audio that gave no request. */
static void refuse(const struct lt_audio *a, const char *code, const char *why)
{
    struct lt_result r;
    lt_result_init(&r);
    r.route = LT_ROUTE_REFUSED;
    r.why = lt_why_code(LT_WHY_REQUEST_INVALID);
    r.error_code = code;
    r.error_field = "/audio";
    r.error_text = why;
    json_t *o = lt_result_json(&r);
    LT_LOG(WARN, "audio.refused", LF_STR("site", a->site), LF_STR("code", code),
           LF_STR("why", why));
    publish_json(a, o);
    json_decref(o);
}

static void on_spoken(void *ctx, const void *wav, size_t n, const char *error)
{
    struct lt_audio *a = ctx;
    if (error)
        LT_LOG(WARN, "audio.not_spoken", LF_STR("why", error));
    else
        publish(a, LT_TOPIC_VOICE, *a->room ? a->room : NULL, wav, n);
    audio_free(a);
}

static void on_result(void *ctx, const json_t *result)
{
    struct lt_audio *a = ctx;
    struct lt_diag diag = {0};
    const char *speech = lt_submit_speech(result);
    const char *lang = json_string_value(json_object_get(result, "lang"));
    a->ticket = 0;
    if (result) publish_json(a, result);
    if (result && *speech && lt_speech_can_speak(a->gw)) {
        a->is_speaking = !lt_speech_say(a->gw, speech, lang, on_spoken, a, &diag);
        if (a->is_speaking) return;
        LT_LOG(WARN, "audio.not_spoken", LF_STR("why", diag.text));
    }
    audio_free(a);
}

static void on_heard(void *ctx, const struct lt_heard *heard, const char *error)
{
    struct lt_audio *a = ctx;
    struct lt_alternative readings[LT_RECOGNISER_READINGS];
    struct lt_diag diag = {0};
    a->ear = NULL;
    for (int i = 0; i < heard->n_readings; i++)
        readings[i] = (struct lt_alternative){heard->readings[i].text, heard->readings[i].share};
    const struct lt_submission s = {.site = a->site,
                                    .door = "audio",
                                    .here = *a->room ? a->room : NULL,
                                    .lang = *heard->lang ? heard->lang : NULL,
                                    .alternatives = readings,
                                    .n_alternatives = (size_t)heard->n_readings};
    if (error)
        refuse(a, "recogniser", error);
    else if (!heard->n_readings)
        refuse(a, "no_words", "no words were heard; speak up, or nearer to the microphone");
    else if (lt_submit(a->gw, &s, on_result, a, &a->ticket, &diag))
        refuse(a, "refused", diag.text);
    else
        return;
    audio_free(a);
}

void lt_audio_up(struct lt_gateway *gw)
{
    static const char *const rests[] = {NULL, "+"};
    if (!lt_speech_can_hear(gw)) return;
    for (size_t i = 0; i < gw->n_sites; i++)
        for (size_t k = 0; k < 2; k++) {
            char topic[LT_TOPIC_MAX_BYTES + 1];
            enum lt_err err = lt_topic_build(gw->started.mqtt.prefix, gw->sites[i].name,
                                             LT_TOPIC_AUDIO, rests[k], topic);
            if (!err) err = lt_mqtt_subscribe(gw->mqtt, topic, 1, 1, NULL);
            if (err)
                LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("filter", topic),
                       LF_STR("why", lt_strerror(err)));
        }
}

static const char *code_of(enum lt_err err)
{
    return err == LT_ERR_IO            ? "truncated"
           : err == LT_ERR_UNSUPPORTED ? "unsupported"
           : err == LT_ERR_BUSY        ? "busy"
           : err == LT_ERR_LIMIT       ? "too_long"
                                       : "not_wav";
}

void lt_audio_message(struct lt_gateway *gw, const struct lt_topic *topic,
                      const struct lt_mqtt_message *msg)
{
    struct lt_diag diag = {0};
    struct lt_wav wav;
    if (msg->is_retained || !lt_gw_find_site(gw, topic->site)) return; /* said long ago */
    struct lt_audio *a = calloc(1, sizeof *a);
    if (!a) return;
    a->gw = gw;
    snprintf(a->site, sizeof a->site, "%s", topic->site);
    snprintf(a->room, sizeof a->room, "%s", topic->rest);
    a->next = gw->audio;
    a->prev = &gw->audio;
    if (a->next) a->next->prev = &a->next;
    gw->audio = a;
    enum lt_err err = LT_OK;
    if (msg->payload_len > LT_AUDIO_BYTES_MAX)
        err = lt_fail(&diag, LT_ERR_LIMIT, "audio of %zu bytes; at most %d are taken",
                      msg->payload_len, LT_AUDIO_BYTES_MAX);
    if (!err) err = lt_wav_read(msg->payload, msg->payload_len, &wav, &diag);
    if (!err) err = lt_ear_new(gw, a->site, NULL, on_heard, a, &a->ear, &diag);
    if (!err) err = lt_ear_hear(a->ear, &wav);
    if (!err) {
        lt_ear_end(a->ear);
        return;
    }
    refuse(a, code_of(err), *diag.text ? diag.text : lt_strerror(err));
    lt_ear_cancel(a->ear);
    audio_free(a);
}

void lt_audio_close(struct lt_gateway *gw)
{
    for (struct lt_audio *a = gw->audio, *next; a; a = next) {
        next = a->next;
        if (a->is_speaking) continue; /* lt_speech_close ends it */
        lt_ear_cancel(a->ear);
        if (a->ticket) lt_submit_cancel(gw, a->ticket);
        audio_free(a);
    }
}
