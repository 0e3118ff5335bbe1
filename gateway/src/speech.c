/* speech.c - ears: sound of any rate, where speech begins, the server's recogniser; spoken answers. */
#include "speech.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "language.h"
#include "lt/log.h"
#include "speech_int.h"

#define MAX_SAMPLES   ((size_t)LT_RECOGNISER_MAX_S * LT_RECOGNISER_RATE)
#define LEAD_SAMPLES  (LT_RECOGNISER_RATE / 2) /* kept from before somebody spoke */
#define CHUNK_SAMPLES 4096                     /* resampled, and sent to a server, at a time */
#define END_SILENCE_MS                                                                             \
    60000 /* here the sender says where it ends; the endpoint only hears speech */

/* An answer being spoken. */
struct voice {
    struct voice *next, **prev;
    struct lt_speech *s;
    struct lt_wyoming_peer *peer;
    struct lt_buf wav; /* header first, filled in at the end */
    int rate, channels;
    lt_spoken_fn fn;
    void *ctx;
};

static int is_server(const struct lt_gateway *gw)
{
    return !strcmp(gw->started.voice.recogniser, "server");
}

int lt_speech_can_hear(const struct lt_gateway *gw)
{
    return gw->speech && strcmp(gw->started.voice.recogniser, "none") != 0;
}

int lt_speech_can_speak(const struct lt_gateway *gw)
{
    return gw->speech && *gw->started.voice.tts;
}

/* ---- the end of an ear ---- */

static void ear_free(struct lt_ear *e)
{
    struct lt_speech *s = e->s;
    *e->prev = e->next;
    if (e->next) e->next->prev = e->prev;
    s->n_ears--;
    lt_wyoming_peer_close(e->peer);
    if (s->local) lt__local_forget(s->local, e);
    lt_resample_free(e->resample);
    free(e->pending);
    free(e->heard);
    free(e);
}

static void on_soon(uv_timer_t *t)
{
    struct lt_speech *s = t->data;
    for (struct lt_ear *e = s->ears, *next; e; e = next) {
        next = e->next;
        if (!e->is_settled) continue;
        static const struct lt_heard nothing;
        lt_heard_fn fn = e->fn;
        void *ctx = e->ctx;
        struct lt_heard heard = e->heard ? *e->heard : nothing;
        char error[sizeof e->error];
        memcpy(error, e->error, sizeof error);
        heard.audio_s = (double)e->n_samples / LT_RECOGNISER_RATE;
        ear_free(e); /* fn may open another */
        fn(ctx, &heard, *error ? error : NULL);
        next = s->ears; /* fn may have changed the list */
    }
}

void lt__ear_settle(struct lt_ear *e, const struct lt_heard *heard, const char *error)
{
    if (e->is_settled) return;
    e->is_settled = e->is_ended = 1;
    snprintf(e->error, sizeof e->error, "%.390s", error ? error : "");
    if (heard && (e->heard = malloc(sizeof *heard))) *e->heard = *heard;
    lt_wyoming_peer_close(e->peer);
    e->peer = NULL;
    e->n_pending = 0;
    uv_timer_start(&e->s->soon, on_soon, 0, 0);
}

/* ---- a server's recogniser ---- */

/* In which language its words are, if it tells. Of a few words a server that was told none guesses badly: words
 * that tell it themselves are believed more. */
static void note_language(struct lt_heard *heard, const json_t *data)
{
    char told[LT_LANG_CAP];
    const char *lang = json_string_value(json_object_get(data, "language"));
    lt_language_of(NULL, heard->readings[0].text, told);
    if (lang && !*told && strlen(lang) < sizeof heard->lang)
        snprintf(heard->lang, sizeof heard->lang, "%s", lang);
}

static void on_server_event(void *ctx, const struct lt_wyoming_event *event)
{
    struct lt_ear *e = ctx;
    const char *text = json_string_value(json_object_get(event->data, "text"));
    struct lt_heard heard = {.n_readings = 0};
    char why[300];
    if (!strcmp(event->type, "error")) {
        snprintf(why, sizeof why, "speech server %s: %.200s", e->s->gw->started.voice.stt,
                 text ? text : "error");
        lt__ear_settle(e, NULL, why);
    } else if (!strcmp(event->type, "transcript")) {
        if (text && text[strspn(text, " \t\r\n")]) {
            text += strspn(text, " \t\r\n");
            snprintf(heard.readings[0].text, sizeof heard.readings[0].text, "%s", text);
            heard.readings[0].share = 1; /* it tells no other */
            heard.n_readings = 1;
            note_language(&heard, event->data);
        }
        lt__ear_settle(e, &heard, NULL);
    } /* transcript-start and -chunk: the whole follows */
}

static void on_server_fail(void *ctx, const char *why)
{
    struct lt_ear *e = ctx;
    e->peer = NULL;
    lt__ear_settle(e, NULL, why);
}

static json_t *format_of(int rate)
{
    return json_pack("{s:i,s:i,s:i}", "rate", rate, "width", 2, "channels", 1);
}

static void server_begin(struct lt_ear *e)
{
    const struct lt_wyoming_peer_handlers handlers = {e, on_server_event, on_server_fail};
    struct lt_diag diag = {0};
    if (lt_wyoming_peer_new(&e->s->gw->loop, e->s->gw->started.voice.stt, &handlers, &e->peer,
                            &diag)) {
        lt__ear_settle(e, NULL, diag.text);
        return;
    }
    lt_wyoming_peer_send(e->peer, "transcribe",
                         *e->lang ? json_pack("{s:s}", "language", e->lang) : NULL, NULL, 0);
    lt_wyoming_peer_send(e->peer, "audio-start", format_of(LT_RECOGNISER_RATE), NULL, 0);
}

static void server_flush(struct lt_ear *e)
{
    for (size_t i = 0; e->peer && i < e->n_pending; i += CHUNK_SAMPLES) {
        size_t n = e->n_pending - i < CHUNK_SAMPLES ? e->n_pending - i : CHUNK_SAMPLES;
        lt_wyoming_peer_send(e->peer, "audio-chunk", format_of(LT_RECOGNISER_RATE), e->pending + i,
                             n * sizeof *e->pending);
    }
    e->n_pending = 0;
}

/* ---- hearing ---- */

enum lt_err lt_ear_new(struct lt_gateway *gw, const char *site, const char *lang, lt_heard_fn fn,
                       void *ctx, struct lt_ear **out, struct lt_diag *diag)
{
    char spoken[LT_LANG_CAP];
    if (!lt_speech_can_hear(gw))
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "nothing here recognises speech; set voice.recogniser in lintel.yaml");
    lt_language_of(lang, NULL, spoken);
    if (gw->speech->local && *spoken && strcmp(spoken, LT_RECOGNISER_LANG) != 0)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "the recogniser inside hears English, not '%s'; name a speech server in "
                       "voice.stt and set voice.recogniser to server",
                       spoken);
    if (gw->speech->n_ears >= LT_SPEECH_EARS_MAX || gw->is_draining)
        return lt_fail(diag, LT_ERR_BUSY, "too many people speak at once; say it again later");
    struct lt_ear *e = calloc(1, sizeof *e);
    if (!e) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    struct lt_speech *s = gw->speech;
    e->s = s;
    e->fn = fn;
    e->ctx = ctx;
    snprintf(e->site, sizeof e->site, "%s", site);
    snprintf(e->lang, sizeof e->lang, "%s", lang ? lang : "");
    lt_endpoint_init(&e->endpoint, END_SILENCE_MS, END_SILENCE_MS, END_SILENCE_MS);
    e->next = s->ears;
    e->prev = &s->ears;
    if (e->next) e->next->prev = &e->next;
    s->ears = e;
    s->n_ears++;
    *out = e;
    return LT_OK;
}

static void pump(struct lt_ear *e)
{
    if (!e->is_begun || e->is_settled) return;
    if (e->s->local)
        lt__local_pump(e->s->local);
    else
        server_flush(e);
}

enum lt_err lt_ear_samples(struct lt_ear *e, const int16_t *samples, size_t n)
{
    if (e->is_ended) return LT_OK;
    if (n > MAX_SAMPLES - e->n_samples) n = MAX_SAMPLES - e->n_samples;
    if (e->n_pending + n > e->cap_pending) {
        size_t cap = e->n_pending + n + LT_RECOGNISER_RATE;
        int16_t *more = realloc(e->pending, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        e->pending = more;
        e->cap_pending = cap;
    }
    memcpy(e->pending + e->n_pending, samples, n * sizeof *samples);
    e->n_pending += n;
    e->n_samples += n;
    enum lt_endpoint_state state = lt_endpoint_hear(&e->endpoint, samples, n);
    if (!e->is_begun && (state == LT_ENDPOINT_SPEAKING || state == LT_ENDPOINT_ENDED)) {
        e->is_begun = 1;
        if (!e->s->local) server_begin(e);
    } else if (!e->is_begun && e->n_pending > 2 * LEAD_SAMPLES) {
        memmove(e->pending, e->pending + e->n_pending - LEAD_SAMPLES,
                LEAD_SAMPLES * sizeof *e->pending);
        e->n_pending = LEAD_SAMPLES;
    }
    pump(e);
    if (e->n_samples >= MAX_SAMPLES || state > LT_ENDPOINT_SPEAKING) lt_ear_end(e);
    return LT_OK;
}

static enum lt_err take_format(struct lt_ear *e, const struct lt_wav *sound)
{
    if (e->format.rate)
        return e->format.rate == sound->rate && e->format.channels == sound->channels &&
                       e->format.bytes == sound->bytes
                   ? LT_OK
                   : LT_ERR_INVALID;
    e->format = *sound;
    if (sound->rate == LT_RECOGNISER_RATE) return LT_OK;
    e->resample = lt_resample_new(sound->rate, LT_RECOGNISER_RATE);
    return e->resample ? LT_OK : LT_ERR_NOMEM;
}

enum lt_err lt_ear_hear(struct lt_ear *e, const struct lt_wav *sound)
{
    int16_t mono[CHUNK_SAMPLES], *out = mono;
    size_t n_frames = lt_wav_n_frames(sound);
    enum lt_err err = e->is_ended ? LT_OK : take_format(e, sound);
    if (e->is_ended || err) return err;
    if (e->resample && !(out = malloc(lt_resample_room(e->resample, CHUNK_SAMPLES) * sizeof *out)))
        return LT_ERR_NOMEM;
    for (size_t i = 0; !err && !e->is_ended && i < n_frames;) {
        size_t n = 0;
        for (; n < CHUNK_SAMPLES && i < n_frames; n++, i++) mono[n] = lt_wav_sample(sound, i);
        if (e->resample) n = lt_resample_push(e->resample, mono, n, out);
        err = lt_ear_samples(e, out, n);
    }
    if (e->resample) free(out);
    return err;
}

void lt_ear_end_on_silence(struct lt_ear *e)
{
    lt_endpoint_init(&e->endpoint, LT_SPEECH_SILENCE_MS, LT_SPEECH_NOBODY_MS, LT_SPEECH_LONGEST_MS);
}

void lt_ear_end(struct lt_ear *e)
{
    if (e->is_ended) return;
    e->is_ended = 1;
    if (!e->is_begun) { /* nobody spoke */
        lt__ear_settle(e, NULL, NULL);
    } else if (e->s->local) {
        lt__local_pump(e->s->local);
    } else if (e->peer) {
        lt_wyoming_peer_send(e->peer, "audio-stop", NULL, NULL, 0);
        lt_wyoming_peer_expect(e->peer, LT_SPEECH_WAIT_MS);
    }
}

void lt_ear_cancel(struct lt_ear *e)
{
    if (e) ear_free(e);
}

/* ---- speaking ---- */

static void voice_end(struct voice *v, const char *error)
{
    struct lt_speech *s = v->s;
    lt_wyoming_peer_close(v->peer);
    *v->prev = v->next;
    if (v->next) v->next->prev = v->prev;
    s->n_voices--;
    if (error) {
        v->fn(v->ctx, NULL, 0, error);
    } else {
        lt_wav_header((uint8_t *)v->wav.p, v->rate, v->channels,
                      (uint32_t)(v->wav.n - LT_WAV_HEADER_BYTES));
        v->fn(v->ctx, v->wav.p, v->wav.n, NULL);
    }
    lt_buf_free(&v->wav);
    free(v);
}

static int int_of(const json_t *o, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(o, key));
    return v < 0 || v > INT32_MAX ? 0 : (int)v;
}

static void on_voice_event(void *ctx, const struct lt_wyoming_event *event)
{
    struct voice *v = ctx;
    struct lt_diag diag = {0};
    struct lt_wav sound = {.rate = int_of(event->data, "rate"),
                           .channels = int_of(event->data, "channels"),
                           .bytes = int_of(event->data, "width")};
    if (!strcmp(event->type, "audio-start")) {
        v->rate = sound.rate;
        v->channels = sound.channels;
        if (lt_wav_check(&sound, &diag) || sound.bytes != 2)
            voice_end(v, "the text-to-speech server sends audio that is not 16 bit PCM");
    } else if (!strcmp(event->type, "audio-chunk") && v->rate) {
        if (lt_buf_add(&v->wav, event->payload, event->payload_len))
            voice_end(v, "the text-to-speech server sends more than 8 MiB for one answer");
    } else if (!strcmp(event->type, "audio-stop")) {
        voice_end(v,
                  v->wav.n > LT_WAV_HEADER_BYTES ? NULL : "the text-to-speech server was silent");
    } else if (!strcmp(event->type, "error")) {
        const char *text = json_string_value(json_object_get(event->data, "text"));
        char why[300];
        snprintf(why, sizeof why, "text-to-speech server: %.200s", text ? text : "error");
        voice_end(v, why);
    }
}

static void on_voice_fail(void *ctx, const char *why)
{
    struct voice *v = ctx;
    v->peer = NULL;
    voice_end(v, why);
}

enum lt_err lt_speech_say(struct lt_gateway *gw, const char *text, const char *lang,
                          lt_spoken_fn fn, void *ctx, struct lt_diag *diag)
{
    static const uint8_t header[LT_WAV_HEADER_BYTES];
    struct lt_speech *s = gw->speech;
    char cut[LT_SPEECH_TEXT_BYTES + 1];
    if (!lt_speech_can_speak(gw))
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "nothing speaks; set voice.tts in lintel.yaml");
    if (!*text) return lt_fail(diag, LT_ERR_INVALID, "no words to speak");
    if (s->n_voices >= LT_SPEECH_EARS_MAX)
        return lt_fail(diag, LT_ERR_BUSY, "too many answers are being spoken");
    struct voice *v = calloc(1, sizeof *v);
    if (!v) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    lt_buf_init(&v->wav, LT_SPEECH_WAV_MAX);
    const struct lt_wyoming_peer_handlers handlers = {v, on_voice_event, on_voice_fail};
    enum lt_err err = lt_buf_add(&v->wav, header, sizeof header);
    if (!err)
        err = lt_wyoming_peer_new(&gw->loop, gw->started.voice.tts, &handlers, &v->peer, diag);
    if (err) {
        lt_buf_free(&v->wav);
        free(v);
        return err;
    }
    v->s = s;
    v->fn = fn;
    v->ctx = ctx;
    v->next = s->voices;
    v->prev = &s->voices;
    if (v->next) v->next->prev = &v->next;
    s->voices = v;
    s->n_voices++;
    size_t n = strlen(text);
    if (n > LT_SPEECH_TEXT_BYTES) /* not in the middle of a letter */
        for (n = LT_SPEECH_TEXT_BYTES; n && (text[n] & 0xc0) == 0x80;) n--;
    snprintf(cut, sizeof cut, "%.*s", (int)n, text);
    json_t *data = json_pack("{s:s}", "text", cut);
    if (lang && *lang) json_object_set_new(data, "voice", json_pack("{s:s}", "language", lang));
    lt_wyoming_peer_send(v->peer, "synthesize", data, NULL, 0);
    lt_wyoming_peer_expect(v->peer, LT_SPEECH_WAIT_MS);
    return LT_OK;
}

/* ---- the whole ---- */

enum lt_err lt_speech_open(struct lt_gateway *gw, struct lt_speech **out, struct lt_diag *diag)
{
    const struct lt_config *c = &gw->started;
    int is_local = !strcmp(c->voice.recogniser, "embedded");
    if (!is_local && !is_server(gw) && !*c->voice.tts) return LT_OK;
    if (is_server(gw) && !*c->voice.stt)
        return lt_fail(
            diag, LT_ERR_INVALID,
            "voice.stt: the address (host:port) of the speech-to-text server is missing");
    struct lt_speech *s = calloc(1, sizeof *s);
    if (!s) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    s->gw = gw;
    uv_timer_init(&gw->loop, &s->soon);
    s->soon.data = s;
    s->is_timer_open = 1;
    *out = s;
    return is_local ? lt__local_open(s, &s->local, diag) : LT_OK;
}

static void on_timer_closed(uv_handle_t *h)
{
    free(h->data);
}

void lt_speech_close(struct lt_speech *s)
{
    if (!s) return;
    while (s->ears) ear_free(s->ears);
    while (s->voices) voice_end(s->voices, "stopping");
    if (s->local) lt__local_close(s->local);
    s->local = NULL;
    uv_close((uv_handle_t *)&s->soon, on_timer_closed);
}
