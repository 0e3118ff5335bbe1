/* doctor_speech.c - a speech server is asked what it is, and the answer put into one line. */
#include "doctor_speech.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "lt/json.h"
#include "lt/recogniser.h"
#include "wyoming_peer.h"

#define N_LANGUAGES 128 /* different ones told apart */
#define NAME_BYTES  40  /* longest name told whole */

/* A kind of server, as `info` has it. */
struct kind {
    const char *key;             /* of the configuration */
    const char *services, *what; /* member of `info`; words for it */
    const char *models;          /* member of a program */
    const char *model, *example; /* words for one of them; a server that has them */
};
static const struct kind hears = {"voice.stt", "asr",   "speech-to-text",
                                  "models",    "model", "wyoming-faster-whisper"};
static const struct kind speaks = {"voice.tts", "tts",   "text-to-speech",
                                   "voices",    "voice", "wyoming-piper"};

struct question {
    const char *file, *address;
    const struct kind *kind;
    const struct lt_strings *wanted; /* languages */
    uv_timer_t timer;
    struct lt_wyoming_peer *peer; /* NULL: it is over */
    int is_ok;
    char text[1024]; /* the finding */
};

/* ---- what a server says of itself ---- */

/* Names in a row, of which only the first are told. */
struct row {
    char text[LT_DOCTOR_SPEECH_NAMES * (NAME_BYTES + 2) + 32];
    int n;
};

static void add_name(struct row *r, const char *name)
{
    size_t n = strlen(r->text), length = strlen(name);
    if (r->n++ >= LT_DOCTOR_SPEECH_NAMES) return;
    if (length > NAME_BYTES) /* not in the middle of a letter */
        for (length = NAME_BYTES; length && (name[length] & 0xc0) == 0x80;) length--;
    n += (size_t)snprintf(r->text + n, sizeof r->text - n, "%s", n ? ", " : "");
    for (size_t i = 0; i < length; i++) /* it stays one line */
        r->text[n++] = (char)((unsigned char)name[i] < ' ' ? ' ' : name[i]);
    r->text[n] = '\0';
}

static const char *row_text(struct row *r)
{
    size_t n = strlen(r->text);
    if (r->n > LT_DOCTOR_SPEECH_NAMES)
        snprintf(r->text + n, sizeof r->text - n, " and %d more", r->n - LT_DOCTOR_SPEECH_NAMES);
    return r->text;
}

struct summary {
    struct row programs, models, languages;
    char seen[N_LANGUAGES][12]; /* languages told already */
    int n_seen, n_missing;      /* n_missing: models that are known there and not installed */
};

static int is_installed(const json_t *o)
{
    return !json_is_false(json_object_get(o, "installed")); /* it may be left out */
}

static void add_language(struct summary *s, const char *language)
{
    for (int i = 0; i < s->n_seen; i++)
        if (!strcmp(s->seen[i], language)) return;
    if (s->n_seen == N_LANGUAGES) return;
    snprintf(s->seen[s->n_seen++], sizeof s->seen[0], "%s", language);
    add_name(&s->languages, language);
}

static void add_program(struct summary *s, const struct kind *k, const json_t *program)
{
    const json_t *models = json_object_get(program, k->models), *m, *l;
    const char *name = json_string_value(json_object_get(program, "name"));
    size_t i, j;
    add_name(&s->programs, name ? name : "unnamed");
    json_array_foreach(models, i, m)
    {
        name = json_string_value(json_object_get(m, "name"));
        if (!is_installed(m)) {
            s->n_missing++;
            continue;
        }
        add_name(&s->models, name ? name : "unnamed");
        json_array_foreach(json_object_get(m, "languages"), j, l)
        {
            if (json_is_string(l)) add_language(s, json_string_value(l));
        }
    }
}

/* Is one of the languages people speak here among those of its models? "en" is also "en_US". */
static int has_a_language(const struct summary *s, const struct lt_strings *wanted)
{
    if (!wanted->n || !s->n_seen || s->n_seen == N_LANGUAGES) return 1; /* it cannot be told */
    for (size_t i = 0; i < wanted->n; i++)
        for (int k = 0; k < s->n_seen; k++)
            if (!strncmp(wanted->v[i], s->seen[k], 2)) return 1;
    return 0;
}

static void judge(struct question *q, const json_t *info)
{
    const struct kind *k = q->kind, *other = k == &hears ? &speaks : &hears;
    const json_t *programs = json_object_get(info, k->services), *p;
    struct summary s = {.n_seen = 0};
    size_t i;
    json_array_foreach(programs, i, p)
    {
        if (is_installed(p)) add_program(&s, k, p);
    }
    if (!s.programs.n)
        snprintf(
            q->text, sizeof q->text, "%s: %s is no %s server%s%s; give the address of one (%s)",
            q->file, q->address, k->what,
            json_array_size(json_object_get(info, other->services)) ? ", it does " : "",
            json_array_size(json_object_get(info, other->services)) ? other->what : "", k->example);
    else if (!s.models.n)
        snprintf(q->text, sizeof q->text, "%s: %s has no %s installed (%d it could have); %s",
                 q->address, row_text(&s.programs), k->model, s.n_missing,
                 "install one there, see its manual");
    else if (!has_a_language(&s, q->wanted))
        snprintf(q->text, sizeof q->text,
                 "%s: its %ss are for %s, and talk.languages has none of these; install another "
                 "there",
                 q->address, k->model, row_text(&s.languages));
    else {
        q->is_ok = 1;
        snprintf(q->text, sizeof q->text, "%s: %s, %s%s %s%s%s", q->address, row_text(&s.programs),
                 k->model, s.models.n > 1 ? "s" : "", row_text(&s.models), s.n_seen ? ", for " : "",
                 s.n_seen ? row_text(&s.languages) : "");
    }
}

/* ---- the conversation ---- */

static void hang_up(struct question *q)
{
    lt_wyoming_peer_close(q->peer);
    q->peer = NULL;
    uv_close((uv_handle_t *)&q->timer, NULL);
}

static void on_event(void *ctx, const struct lt_wyoming_event *e)
{
    struct question *q = ctx;
    if (strcmp(e->type, "info") != 0) return;
    judge(q, e->data);
    hang_up(q);
}

static void tell_fault(struct question *q, const char *why)
{
    snprintf(q->text, sizeof q->text, "%s: %.400s; start the server or correct %s", q->file, why,
             q->kind->key);
}

static void on_fail(void *ctx, const char *why)
{
    struct question *q = ctx;
    q->peer = NULL; /* it went by itself */
    tell_fault(q, why);
    hang_up(q);
}

static void on_timer(uv_timer_t *t)
{
    struct question *q = t->data;
    char why[300];
    snprintf(why, sizeof why, "speech server %.200s: no answer to \"describe\" in %d s", q->address,
             LT_DOCTOR_SPEECH_MS / 1000);
    tell_fault(q, why);
    hang_up(q);
}

static void ask(const struct lt_config *c, const char *file, const char *address,
                const struct kind *kind, lt_doctor_note_fn note, void *ctx)
{
    struct question q = {
        .file = file, .address = address, .kind = kind, .wanted = &c->talk.languages};
    const struct lt_wyoming_peer_handlers handlers = {&q, on_event, on_fail};
    struct lt_diag diag = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    if (lt_wyoming_peer_new(&loop, address, &handlers, &q.peer, &diag)) {
        snprintf(q.text, sizeof q.text, "%s: %s: %s", file, kind->key, diag.text);
    } else {
        uv_timer_init(&loop, &q.timer);
        q.timer.data = &q;
        uv_timer_start(&q.timer, on_timer, LT_DOCTOR_SPEECH_MS, 0);
        lt_wyoming_peer_send(q.peer, "describe", NULL, NULL, 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    note(ctx, kind->key, q.is_ok, q.text);
}

void lt_doctor_speech(const struct lt_config *c, const char *file, lt_doctor_note_fn note,
                      void *ctx)
{
    const char *recogniser = c->voice.recogniser;
    int is_server = !strcmp(recogniser, "server");
    struct lt_diag diag = {0};
    char text[LT_DIAG_TEXT + 300];
    if (!strcmp(recogniser, "embedded")) {
        int is_there = lt_recogniser_is_there(c->voice.model_folder, &diag);
        snprintf(text, sizeof text, "%.250s: %s", file, diag.text);
        note(ctx, "voice.recogniser", is_there,
             is_there ? "embedded: its model is there; it hears English" : text);
    }
    if (*c->voice.stt && !is_server) {
        snprintf(text, sizeof text,
                 "%.250s: %s is not asked while voice.recogniser is %s; set that to server, or "
                 "leave voice.stt out",
                 file, c->voice.stt, recogniser);
        note(ctx, "voice.stt", 0, text);
    } else if (is_server && !*c->voice.stt) {
        snprintf(text, sizeof text,
                 "%.250s: voice.recogniser is server and voice.stt is empty; write its host:port",
                 file);
        note(ctx, "voice.stt", 0, text);
    } else if (is_server) {
        ask(c, file, c->voice.stt, &hears, note, ctx);
    }
    if (*c->voice.tts) ask(c, file, c->voice.tts, &speaks, note, ctx);
}
