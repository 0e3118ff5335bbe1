/* sound.h - sound for tests of the voice doors: a tone in bursts, that is taken for speech, and how it
 * is brought by MQTT, Wyoming and Hermes; and what is expected back. Fails the running test. */
#ifndef TEST_SOUND_H
#define TEST_SOUND_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "lt/wav.h"
#include "wyoming_client.h"

#define SECONDS     1 /* of make_wav */
#define LOUD        9000.0
#define FRAME_BYTES 3200 /* 100 ms at 16 kHz */

/* Bursts of a tone with pauses: loud enough to be taken for speech. */
static inline size_t make_wav(uint8_t *out, int rate, int channels, double level)
{
    size_t n = (size_t)(rate * SECONDS * channels);
    lt_wav_header(out, rate, channels, (uint32_t)(2 * n));
    for (size_t i = 0; i < n; i++) {
        double t = (double)(i / (size_t)channels) / rate;
        int16_t v = fmod(t, 0.4) < 0.25 ? (int16_t)(level * sin(1500 * t)) : 0;
        memcpy(out + LT_WAV_HEADER_BYTES + 2 * i, &v, 2);
    }
    return LT_WAV_HEADER_BYTES + 2 * n;
}

static inline void send_wav(struct env *e, const char *topic, const uint8_t *wav, size_t n)
{
    client_publish(
        e,
        (struct publish){.topic = topic, .payload = (const char *)wav, .payload_len = n, .qos = 1});
}

static inline void expect_error(struct env *e, const char *code)
{
    json_t *r = take_json(e, "lintel/home/response", "result");
    const json_t *error = json_object_get(r, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    assert_true(strlen(json_string_value(json_object_get(error, "text"))) > 10);
    json_decref(r);
}

static inline void send_chunk(int fd, int rate, const void *pcm, size_t n)
{
    char header[200];
    int len = snprintf(header, sizeof header,
                       "{\"type\": \"audio-chunk\", \"data\": {\"rate\": %d, \"width\": 2, "
                       "\"channels\": 1}, \"payload_length\": %zu}\n",
                       rate, n);
    assert_true(wy_send_bytes(fd, header, (size_t)len) && wy_send_bytes(fd, pcm, n));
}

static inline void expect_event(int fd, const char *type, const char *text)
{
    json_t *event = wy_take(fd);
    const char *got = json_string_value(json_object_get(event, "type"));
    assert_string_equal(got ? got : "(nothing)", type);
    if (text)
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(event, "data"), "text")), text);
    json_decref(event);
}

static inline void tell(struct env *e, const char *topic, const char *payload)
{
    client_publish(e, (struct publish){.topic = topic, .payload = payload, .qos = 1});
}

static inline json_t *take(struct env *e, const char *topic)
{
    struct message *m = client_take(e, topic, WAIT_MS);
    json_t *o = json_loadb(m->payload, m->payload_len, 0, NULL);
    message_free(m);
    assert_non_null(o);
    return o;
}

/* A second of sound in frames of 100 ms, each a WAV. */
static inline void send_frames(struct env *e, const char *site, double level)
{
    static uint8_t wav[16000 * 2 + 100];
    char topic[100];
    uint8_t piece[LT_WAV_HEADER_BYTES + FRAME_BYTES];
    size_t n = make_wav(wav, 16000, 1, level);
    snprintf(topic, sizeof topic, "hermes/audioServer/%s/audioFrame", site);
    for (size_t i = LT_WAV_HEADER_BYTES; i + FRAME_BYTES <= n; i += FRAME_BYTES) {
        lt_wav_header(piece, 16000, 1, FRAME_BYTES);
        memcpy(piece + LT_WAV_HEADER_BYTES, wav + i, FRAME_BYTES);
        send_wav(e, topic, piece, sizeof piece);
    }
}

/* Wake word until Lintel listens; returns the session. */
static inline char *wake(struct env *e)
{
    tell(e, "hermes/hotword/default/detected",
         "{\"siteId\":\"bed\",\"modelId\":\"default\",\"currentSensitivity\":1}");
    json_t *o = take(e, "hermes/dialogueManager/sessionStarted");
    char *session = strdup(json_string_value(json_object_get(o, "sessionId")));
    json_decref(o);
    json_decref(take(e, "hermes/hotword/toggleOff"));
    json_decref(take(e, "hermes/asr/startListening"));
    return session;
}

static inline void expect_end(struct env *e, const char *session, const char *reason)
{
    json_t *o = take(e, "hermes/dialogueManager/sessionEnded");
    const json_t *termination = json_object_get(o, "termination");
    assert_string_equal(json_string_value(json_object_get(o, "sessionId")), session);
    assert_string_equal(json_string_value(json_object_get(termination, "reason")), reason);
    json_decref(o);
    json_decref(take(e, "hermes/hotword/toggleOn"));
}

#endif
