/* wyoming.c - connections, events and answers of the Wyoming server. */
#include "wyoming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "wyoming_frame.h"

struct client {
    struct client *next, **prev;
    struct lt_wyoming *w;
    uv_tcp_t tcp;
    uv_timer_t idle;
    struct lt_wyoming_reader *reader;
    uint64_t ticket;                             /* of the request under way; 0: none */
    int is_asking, is_ended, is_closing, n_open; /* is_ended: the client sends no more */
    struct lt_ear *ear;                          /* while its audio is heard */
    int is_transcribing;                         /* it asked for words only */
    struct {
        char lang[LT_GW_FIELD_BYTES], here[LT_GW_FIELD_BYTES * 2], session[LT_GW_FIELD_BYTES * 2];
    } speaker;                    /* of its audio */
    char lang[LT_GW_FIELD_BYTES]; /* of the request under way, as given */
    char bytes[16384];
};

struct lt_wyoming {
    struct lt_gateway *gw;
    uv_tcp_t listener;
    int is_listening, n_clients, is_closed, is_handle_open;
    struct client *clients;
};

struct outgoing {
    uv_write_t req;
    struct lt_buf buf;
};

static void free_when_done(struct lt_wyoming *w)
{
    if (w->is_closed && !w->clients && !w->is_handle_open) free(w);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *h)
{
    struct client *c = h->data;
    struct lt_wyoming *w = c->w;
    if (--c->n_open) return;
    *c->prev = c->next;
    if (c->next) c->next->prev = c->prev;
    w->n_clients--;
    lt_wyoming_reader_free(c->reader);
    free(c);
    free_when_done(w);
}

static void close_client(struct client *c)
{
    if (c->is_closing) return;
    c->is_closing = 1;
    if (c->is_asking) lt_submit_cancel(c->w->gw, c->ticket);
    c->is_asking = 0;
    lt_ear_cancel(c->ear);
    c->ear = NULL;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    uv_close((uv_handle_t *)&c->idle, on_closed);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    (void)status;
    struct client *c = req->handle->data;
    free(req);
    close_client(c);
}

/* Close after what is written has left. */
static void finish_client(struct client *c)
{
    uv_shutdown_t *req = c->is_closing ? NULL : malloc(sizeof *req);
    if (!req || uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shut)) {
        free(req);
        close_client(c);
    }
}

static void on_idle(uv_timer_t *t)
{
    struct client *c = t->data;
    if (!c->is_asking && !c->ear) close_client(c);
    if (c->ear) lt_ear_end(c->ear); /* audio that stopped coming */
}

/* ---- sending ---- */

static void on_written(uv_write_t *req, int status)
{
    struct outgoing *o = (struct outgoing *)req;
    struct client *c = req->handle->data;
    lt_buf_free(&o->buf);
    free(o);
    if (status) close_client(c);
}

static void send_event(struct client *c, const char *type, json_t *data)
{
    struct outgoing *o = c->is_closing ? NULL : calloc(1, sizeof *o);
    if (o) {
        lt_buf_init(&o->buf, LT_WYOMING_DATA_MAX + LT_WYOMING_HEADER_MAX);
        if (!lt_wyoming_write(&o->buf, type, data, NULL, 0)) {
            uv_buf_t b = uv_buf_init(o->buf.p, (unsigned)o->buf.n);
            if (!uv_write(&o->req, (uv_stream_t *)&c->tcp, &b, 1, on_written)) o = NULL;
        }
    }
    if (o) {
        lt_buf_free(&o->buf);
        free(o);
        close_client(c);
    }
    json_decref(data);
    if (!c->is_closing &&
        uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) > LT_WYOMING_UNSENT)
        close_client(c);
}

static void send_text(struct client *c, const char *type, const char *text)
{
    send_event(c, type, json_pack("{s:s}", "text", text));
}

/* ---- what we are ---- */

static json_t *languages(const struct lt_config *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->wyoming.languages.n; i++)
        json_array_append_new(list, json_string(c->wyoming.languages.v[i]));
    return list;
}

static int is_intent_mode(const struct client *c)
{
    return !strcmp(c->w->gw->started.wyoming.mode, "intent");
}

static void send_info(struct client *c)
{
    const struct lt_gateway *gw = c->w->gw;
    json_t *by = json_pack("{s:s,s:s}", "name", "Lintel", "url", "https://lintel.invalid");
    json_t *model =
        json_pack("{s:s,s:s,s:s,s:b,s:o,s:O}", "name", gw->model_name, "description",
                  "attention-only network for tool calls", "version", LINTEL_VERSION, "installed",
                  1, "languages", languages(&gw->started), "attribution", by);
    json_t *program = json_pack("{s:s,s:s,s:s,s:b,s:O,s:[o]}", "name", "Lintel", "description",
                                "Commands for the home, decided on this network", "version",
                                LINTEL_VERSION, "installed", 1, "attribution", by, "models", model);
    if (!is_intent_mode(c)) {
        json_object_set_new(program, "supports_handled_streaming", json_false());
        json_object_set_new(program, "supports_home_control", json_true());
    }
    json_t *info = json_pack("{s:[],s:[],s:[],s:[],s:[],s:[],s:[]}", "asr", "tts", "wake", "mic",
                             "snd", "handle", "intent");
    json_array_append(json_object_get(info, is_intent_mode(c) ? "intent" : "handle"), program);
    if (lt_speech_can_hear(gw)) { /* the same names serve as its speech-to-text */
        json_t *asr = json_deep_copy(program);
        json_object_del(asr, "supports_handled_streaming");
        json_object_del(asr, "supports_home_control");
        json_object_set_new(asr, "supports_transcript_streaming", json_false());
        if (!strcmp(gw->started.voice.recogniser, "embedded"))
            json_object_set_new(json_array_get(json_object_get(asr, "models"), 0), "languages",
                                json_pack("[s]", LT_RECOGNISER_LANG));
        json_array_append_new(json_object_get(info, "asr"), asr);
    }
    json_decref(program);
    json_decref(by);
    send_event(c, "info", info);
}

/* ---- answers ---- */

static void note(char *out, size_t cap, const char *s)
{
    snprintf(out, cap, "%s", s ? s : "");
}

/* A call as an intent for Home Assistant; NULL when it has no name and no area, and so would be
 * carried out on more than was said. */
static json_t *intent_of(const json_t *call, const char *speech)
{
    const char *name = json_string_value(json_object_get(call, "name")), *key;
    const json_t *arguments = json_object_get(call, "arguments");
    json_t *value, *entities = json_array();
    int has_place = json_object_get(arguments, "name") || json_object_get(arguments, "area") ||
                    !json_object_get(arguments, "domain");
    static const char *const on_devices[] = {"HassTurnOn",    "HassTurnOff",     "HassToggle",
                                             "HassLightSet",  "HassSetPosition", "HassFanSetSpeed",
                                             "HassStopMoving"};
    for (size_t i = 0; i < sizeof on_devices / sizeof *on_devices; i++)
        if (name && !strcmp(name, on_devices[i]) && !json_object_get(arguments, "name") &&
            !json_object_get(arguments, "area"))
            has_place = 0;
    if (!name || strncmp(name, "Hass", 4) != 0 || !has_place) {
        json_decref(entities);
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)arguments, key, value)
    {
        json_array_append_new(entities, json_pack("{s:s,s:O}", "name", key, "value", value));
    }
    json_t *intent = json_pack("{s:s,s:o}", "name", name, "entities", entities);
    if (speech && *speech) json_object_set_new(intent, "text", json_string(speech));
    return intent;
}

/* Home Assistant reads `text` as a template: braces in it must not be. */
static void plain_text(char *out, size_t cap, const char *in)
{
    size_t n = 0;
    for (; in && *in && n + 1 < cap; in++)
        if (*in != '{' && *in != '}') out[n++] = *in;
    out[n] = '\0';
}

static int send_intents(struct client *c, const json_t *calls, const char *speech)
{
    size_t i, n = json_array_size(calls);
    json_t *call, *list = json_array();
    char text[1024];
    plain_text(text, sizeof text, speech);
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        json_t *intent = intent_of(call, i + 1 == n ? text : NULL);
        if (intent) json_array_append_new(list, intent);
    }
    int is_whole = json_array_size(list) == n;
    if (is_whole && n > 1) send_event(c, "intents-start", NULL);
    json_array_foreach(list, i, call)
    {
        if (is_whole) send_event(c, "intent", json_incref(call));
    }
    if (is_whole && n > 1) send_event(c, "intents-stop", NULL);
    json_decref(list);
    return is_whole;
}

static void on_result(void *ctx, const json_t *result)
{
    struct client *c = ctx;
    const char *route = json_string_value(json_object_get(result, "route"));
    const char *speech = lt_submit_speech(result);
    const json_t *calls = json_object_get(result, "calls");
    const json_t *error = json_object_get(result, "error");
    int is_acting =
        route && (!strcmp(route, "local") || !strcmp(route, "cloud") || !strcmp(route, "cache"));
    c->is_asking = 0;
    if (!result)
        send_text(c, "error", "Lintel is stopping.");
    else if (error)
        send_event(c, "error",
                   json_pack("{s:s,s:s?}", "text",
                             speech && *speech ? speech
                                               : json_string_value(json_object_get(error, "text")),
                             "code", json_string_value(json_object_get(error, "code"))));
    else if (is_acting && is_intent_mode(c) && json_array_size(calls)) {
        if (!send_intents(c, calls, speech)) {
            struct lt_tongue t = lt_gw_tongue(c->w->gw, c->lang);
            char text[200];
            lt_say(&t, "need_name", NULL, text, sizeof text);
            send_text(c, "not-handled", text);
        }
    } else if (is_acting || !strcmp(route ? route : "", "clarify"))
        send_text(c, "handled", speech ? speech : "");
    else if (!strcmp(route ? route : "", "none"))
        send_text(c, "not-recognized", speech ? speech : "");
    else
        send_text(c, "not-handled", speech ? speech : "");
    if (c->is_ended) finish_client(c);
}

/* Room of a satellite or device: wyoming.rooms holds "id=Room". */
static const char *room_of(const struct lt_config *config, const char *id)
{
    size_t n = id ? strlen(id) : 0;
    for (size_t i = 0; n && i < config->wyoming.rooms.n; i++) {
        const char *row = config->wyoming.rooms.v[i];
        if (!strncmp(row, id, n) && row[n] == '=') return row + n + 1;
    }
    return NULL;
}

static void ask(struct client *c, const struct lt_wyoming_event *e)
{
    struct lt_gateway *gw = c->w->gw;
    struct lt_diag diag = {0};
    const json_t *context = json_object_get(e->data, "context");
    const struct lt_config *config = &gw->started;
    const char *here = room_of(config, json_string_value(json_object_get(context, "satellite_id")));
    if (!here) here = room_of(config, json_string_value(json_object_get(context, "device_id")));
    struct lt_submission s = {
        .site = *config->wyoming.site ? config->wyoming.site : gw->sites[0].name,
        .door = "wyoming",
        .text = json_string_value(json_object_get(e->data, "text")),
        .here = here,
        .lang = json_string_value(json_object_get(e->data, "language")),
        .session = json_string_value(json_object_get(context, "conversation_id")),
        .is_hands_off = is_intent_mode(c)};
    if (s.session && strlen(s.session) > LT_STORE_REQUEST_ID_MAX) s.session = NULL;
    if (c->is_asking) {
        send_text(c, "error", "one request at a time on a connection");
        return;
    }
    note(c->lang, sizeof c->lang, s.lang);
    if (lt_submit(gw, &s, on_result, c, &c->ticket, &diag))
        send_event(c, "error", json_pack("{s:s,s:s}", "text", diag.text, "code", "refused"));
    else
        c->is_asking = 1;
}

/* ---- audio ---- */

static void on_heard(void *ctx, const struct lt_heard *heard, const char *error)
{
    struct client *c = ctx;
    const struct lt_config *config = &c->w->gw->started;
    struct lt_alternative readings[LT_RECOGNISER_READINGS];
    struct lt_diag diag = {0};
    int n = heard->n_readings;
    c->ear = NULL;
    for (int i = 0; i < n; i++)
        readings[i] = (struct lt_alternative){heard->readings[i].text, heard->readings[i].share};
    const struct lt_submission s = {.site = *config->wyoming.site ? config->wyoming.site
                                                                  : c->w->gw->sites[0].name,
                                    .door = "wyoming",
                                    .here = *c->speaker.here ? c->speaker.here : NULL,
                                    .lang = *c->speaker.lang ? c->speaker.lang : heard->lang,
                                    .session = *c->speaker.session ? c->speaker.session : NULL,
                                    .alternatives = readings,
                                    .n_alternatives = (size_t)n,
                                    .is_hands_off = is_intent_mode(c)};
    if (error)
        send_event(c, "error", json_pack("{s:s,s:s}", "text", error, "code", "recogniser"));
    else {
        send_text(c, "transcript", n ? heard->readings[0].text : "");
        if (!n && !c->is_transcribing) send_text(c, "not-recognized", "");
    }
    if (!error && n && !c->is_transcribing && !c->is_closing) {
        note(c->lang, sizeof c->lang, s.lang);
        if (lt_submit(c->w->gw, &s, on_result, c, &c->ticket, &diag))
            send_event(c, "error", json_pack("{s:s,s:s}", "text", diag.text, "code", "refused"));
        else
            c->is_asking = 1;
    }
    if (c->is_ended && !c->is_asking) finish_client(c);
}

/* `transcribe` says that words are all that is wanted; audio without it is a request by itself. */
static void audio_begins(struct client *c)
{
    struct lt_gateway *gw = c->w->gw;
    const struct lt_config *config = &gw->started;
    struct lt_diag diag = {0};
    if (c->is_asking || c->ear) {
        send_text(c, "error", "one request at a time on a connection");
        return;
    }
    if (lt_ear_new(gw, *config->wyoming.site ? config->wyoming.site : gw->sites[0].name,
                   c->speaker.lang, on_heard, c, &c->ear, &diag))
        send_event(c, "error", json_pack("{s:s,s:s}", "text", diag.text, "code", "recogniser"));
}

/* Who speaks, of `transcribe` or `audio-start`. */
static void note_speaker(struct client *c, const struct lt_wyoming_event *e)
{
    const json_t *context = json_object_get(e->data, "context");
    const struct lt_config *config = &c->w->gw->started;
    const char *lang = json_string_value(json_object_get(e->data, "language"));
    const char *here = room_of(config, json_string_value(json_object_get(context, "satellite_id")));
    const char *session = json_string_value(json_object_get(context, "conversation_id"));
    if (!here) here = room_of(config, json_string_value(json_object_get(context, "device_id")));
    if (lang) note(c->speaker.lang, sizeof c->speaker.lang, lang);
    if (here) note(c->speaker.here, sizeof c->speaker.here, here);
    if (session) note(c->speaker.session, sizeof c->speaker.session, session);
}

static int int_of(const json_t *o, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(o, key));
    return v < 0 || v > INT32_MAX ? 0 : (int)v;
}

static void audio_comes(struct client *c, const struct lt_wyoming_event *e)
{
    struct lt_diag diag = {0};
    struct lt_wav sound = {.rate = int_of(e->data, "rate"),
                           .channels = int_of(e->data, "channels"),
                           .bytes = int_of(e->data, "width"),
                           .data = (const uint8_t *)e->payload,
                           .n = e->payload_len};
    if (!c->ear) return; /* it was refused already */
    enum lt_err err = lt_wav_check(&sound, &diag);
    if (!err) err = lt_ear_hear(c->ear, &sound);
    if (!err) return;
    send_event(c, "error",
               json_pack("{s:s,s:s}", "text", *diag.text ? diag.text : "the audio changes its form",
                         "code", "audio"));
    lt_ear_cancel(c->ear);
    c->ear = NULL;
}

static int on_event(void *ctx, const struct lt_wyoming_event *e)
{
    struct client *c = ctx;
    if (!strcmp(e->type, "describe")) {
        send_info(c);
    } else if (!strcmp(e->type, "ping")) {
        const json_t *text = json_object_get(e->data, "text");
        send_event(c, "pong", text ? json_pack("{s:O}", "text", text) : NULL);
    } else if (!strcmp(e->type, "transcript") || !strcmp(e->type, "recognize")) {
        ask(c, e);
    } else if (!strcmp(e->type, "transcribe")) {
        c->is_transcribing = 1;
        note_speaker(c, e);
    } else if (!strcmp(e->type, "audio-start")) {
        note_speaker(c, e);
        audio_begins(c);
    } else if (!strcmp(e->type, "audio-chunk")) {
        audio_comes(c, e);
    } else if (!strcmp(e->type, "audio-stop")) {
        if (c->ear) lt_ear_end(c->ear);
    } else if (!strcmp(e->type, "intent")) {
        send_text(c, "not-handled", "Lintel takes words, not intents.");
    } /* everything else is for others */
    return c->is_closing;
}

/* ---- connections ---- */

static void give_bytes(uv_handle_t *h, size_t hint, uv_buf_t *out)
{
    (void)hint;
    struct client *c = h->data;
    *out = uv_buf_init(c->bytes, sizeof c->bytes);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = s->data;
    struct lt_diag diag = {0};
    if (n == UV_EOF) { /* a health check half-closes at once: answer first */
        c->is_ended = 1;
        uv_read_stop(s);
        /* Home Assistant closes both ways when it gives up, and there is no telling: a transcript
         * under way is answered, and the write then fails */
        if (c->ear && !c->is_asking) lt_ear_end(c->ear); /* it will bring no audio-stop */
        if (!c->is_asking && !c->ear) finish_client(c);
        return;
    }
    if (n < 0) {
        close_client(c);
        return;
    }
    uv_timer_again(&c->idle);
    if (lt_wyoming_read(c->reader, buf->base, (size_t)n, on_event, c, &diag) && !c->is_closing) {
        LT_LOG(WARN, "wyoming.bad_stream", LF_STR("why", diag.text));
        send_event(c, "error", json_pack("{s:s,s:s}", "text", diag.text, "code", "protocol"));
        uv_read_stop(s);
        finish_client(c);
    }
}

static void drop_connection(uv_handle_t *h)
{
    free(h);
}

/* Take it off the listener's queue and close it. */
static void refuse(uv_stream_t *listener)
{
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (!tcp || uv_tcp_init(listener->loop, tcp)) {
        free(tcp);
        return;
    }
    (void)!uv_accept(listener, (uv_stream_t *)tcp);
    uv_close((uv_handle_t *)tcp, drop_connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct lt_wyoming *w = listener->data;
    if (status < 0) return;
    struct client *c = w->n_clients < w->gw->started.wyoming.clients ? calloc(1, sizeof *c) : NULL;
    if (c) c->reader = lt_wyoming_reader_new();
    if (!c || !c->reader) {
        LT_LOG(WARN, "wyoming.refused", LF_INT("clients", w->n_clients));
        free(c);
        refuse(listener);
        return;
    }
    c->w = w;
    c->tcp.data = c->idle.data = c;
    c->n_open = 2;
    uv_tcp_init(listener->loop, &c->tcp);
    uv_timer_init(listener->loop, &c->idle);
    c->tcp.data = c->idle.data = c;
    c->next = w->clients;
    c->prev = &w->clients;
    if (c->next) c->next->prev = &c->next;
    w->clients = c;
    w->n_clients++;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) ||
        uv_read_start((uv_stream_t *)&c->tcp, give_bytes, on_read)) {
        close_client(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    uv_timer_start(&c->idle, on_idle, LT_WYOMING_IDLE_S * 1000, LT_WYOMING_IDLE_S * 1000);
}

enum lt_err lt_wyoming_open(struct lt_gateway *gw, struct lt_wyoming **out, struct lt_diag *diag)
{
    const struct lt_config *c = &gw->started;
    struct sockaddr_storage at;
    int port = (int)c->wyoming.port;
    if (!port) return LT_OK;
    if (uv_ip4_addr(c->wyoming.bind, port, (struct sockaddr_in *)&at) &&
        uv_ip6_addr(c->wyoming.bind, port, (struct sockaddr_in6 *)&at))
        return lt_fail(diag, LT_ERR_INVALID, "wyoming.bind: '%s' is no address", c->wyoming.bind);
    if (*c->wyoming.site && !lt_gw_find_site(gw, c->wyoming.site))
        return lt_fail(diag, LT_ERR_INVALID, "wyoming.site: '%s' is not in `sites`",
                       c->wyoming.site);
    struct lt_wyoming *w = calloc(1, sizeof *w);
    if (!w) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    w->gw = gw;
    uv_tcp_init(&gw->loop, &w->listener);
    w->listener.data = w;
    w->is_handle_open = 1;
    int err = uv_tcp_bind(&w->listener, (const struct sockaddr *)&at, 0);
    if (!err) err = uv_listen((uv_stream_t *)&w->listener, 128, on_connection);
    *out = w;
    if (err)
        return lt_fail(diag, LT_ERR_NETWORK, "wyoming.port: cannot listen on %s port %d: %s",
                       c->wyoming.bind, port, uv_strerror(err));
    w->is_listening = 1;
    LT_LOG(INFO, "wyoming.listening", LF_STR("bind", c->wyoming.bind), LF_INT("port", port));
    return LT_OK;
}

static void on_listener_closed(uv_handle_t *h)
{
    struct lt_wyoming *w = h->data;
    w->is_handle_open = 0;
    free_when_done(w);
}

void lt_wyoming_stop(struct lt_wyoming *w)
{
    if (!w || !w->is_listening) return;
    w->is_listening = 0;
    uv_close((uv_handle_t *)&w->listener, on_listener_closed);
}

void lt_wyoming_close(struct lt_wyoming *w)
{
    if (!w) return;
    if (w->is_listening || !uv_is_closing((uv_handle_t *)&w->listener)) {
        if (w->is_handle_open && !uv_is_closing((uv_handle_t *)&w->listener))
            uv_close((uv_handle_t *)&w->listener, on_listener_closed);
        w->is_listening = 0;
    }
    w->is_closed = 1;
    for (struct client *c = w->clients; c; c = c->next) close_client(c);
    free_when_done(w);
}
