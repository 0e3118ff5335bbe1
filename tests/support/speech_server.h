/* speech_server.h - a Wyoming speech server for tests: it counts the sound it is sent and answers with
 * given words, a tone, or the faults that servers have. A thread for each connection. */
#ifndef TEST_SPEECH_SERVER_H
#define TEST_SPEECH_SERVER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "wyoming_client.h"

enum speech_fault {
    SPEECH_WELL,
    SPEECH_DIES, /* at the first sound */
    SPEECH_SAYS_ERROR,
    SPEECH_IS_NO_WYOMING,
    SPEECH_DIES_SPEAKING, /* within the first chunk of an answer */
};

struct speech_server {
    int fd, port;
    const char *words; /* of every transcript */
    const char *hears; /* the language it says they are in; NULL: none */
    const char *info;  /* what it is, as JSON; NULL: it answers no "describe" */
    _Atomic int fault; /* enum speech_fault */
    _Atomic long n_bytes, n_spoken;
    char language[8];            /* asked for with the last words to speak; read after n_spoken */
    _Atomic int is_over, n_open; /* n_open: threads of connections */
    pthread_t thread;
};

static inline int speech__bytes(int fd, char *p, size_t n)
{
    for (ssize_t k; n; p += k, n -= (size_t)k)
        if ((k = recv(fd, p, n, 0)) <= 0) return 0;
    return 1;
}

/* One event: its header as JSON with its data, its payload thrown away after counting. NULL: the end. */
static inline json_t *speech__event(int fd, size_t *payload)
{
    char line[4096], rest[65536], sound[65536];
    size_t n = 0;
    while (n + 1 < sizeof line && recv(fd, line + n, 1, 0) == 1 && line[n] != '\n') n++;
    line[n] = '\0';
    json_t *o = n ? json_loads(line, 0, NULL) : NULL;
    size_t data = (size_t)json_integer_value(json_object_get(o, "data_length"));
    *payload = (size_t)json_integer_value(json_object_get(o, "payload_length"));
    if (o && (data > sizeof rest || *payload > sizeof rest || !speech__bytes(fd, rest, data) ||
              !speech__bytes(fd, sound, *payload))) {
        json_decref(o);
        return NULL;
    }
    if (o && data) json_object_set_new(o, "data", json_loadb(rest, data, 0, NULL));
    return o;
}

static inline void speech__tone(int fd, int is_cut)
{
    static const char form[] = "{\"rate\": 22050, \"width\": 2, \"channels\": 1}";
    static const char head[] = "{\"type\": \"audio-chunk\", \"data\": {\"rate\": 22050, \"width\": "
                               "2, \"channels\": 1}, \"payload_length\": 4410}\n";
    char pcm[4410];
    for (size_t i = 0; i < sizeof pcm; i++) pcm[i] = (char)(i * 7);
    wy_send(fd, "audio-start", form);
    wy_send_bytes(fd, head, sizeof head - 1);
    wy_send_bytes(fd, pcm, is_cut ? sizeof pcm / 2 : sizeof pcm);
    if (!is_cut) wy_send(fd, "audio-stop", NULL);
}

static inline void speech__serve(struct speech_server *s, int fd)
{
    char words[400];
    size_t n;
    json_t *o;
    if (s->fault == SPEECH_IS_NO_WYOMING) wy_send_bytes(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    while ((o = speech__event(fd, &n))) {
        const char *type = json_string_value(json_object_get(o, "type"));
        s->n_bytes += (long)n;
        int is_end = !strcmp(type, "audio-stop"), is_sound = !strcmp(type, "audio-chunk");
        int is_text = !strcmp(type, "synthesize"), is_asked = !strcmp(type, "describe");
        const json_t *voice = json_object_get(json_object_get(o, "data"), "voice");
        const char *lang = json_string_value(json_object_get(voice, "language"));
        if (is_text) snprintf(s->language, sizeof s->language, "%s", lang ? lang : "");
        json_decref(o);
        if (is_asked && s->info) wy_send(fd, "info", s->info);
        if (is_sound && s->fault == SPEECH_DIES) return;
        if (is_end && s->fault == SPEECH_SAYS_ERROR)
            wy_send(fd, "error", "{\"text\": \"no model\"}");
        snprintf(words, sizeof words, "{\"text\": \" %s\", \"language\": \"%s\"}", s->words,
                 s->hears ? s->hears : "");
        if (is_end && (s->fault == SPEECH_WELL || s->fault == SPEECH_DIES_SPEAKING))
            wy_send(fd, "transcript", words);
        if (is_text) {
            int is_cut = s->fault == SPEECH_DIES_SPEAKING;
            s->n_spoken++;
            speech__tone(fd, is_cut);
            if (is_cut) return;
        }
    }
}

struct speech_connection {
    struct speech_server *s;
    int fd;
};

static inline void *speech__connection(void *arg)
{
    struct speech_connection *c = arg;
    struct speech_server *s = c->s;
    speech__serve(s, c->fd);
    close(c->fd);
    free(c);
    s->n_open--;
    return NULL;
}

static inline void *speech__main(void *arg)
{
    struct speech_server *s = arg;
    while (!s->is_over) {
        struct pollfd p = {s->fd, POLLIN, 0};
        if (poll(&p, 1, 50) <= 0) continue;
        struct speech_connection *c = malloc(sizeof *c);
        struct timeval wait = {20, 0};
        pthread_t thread;
        if (!c || (c->fd = accept(s->fd, NULL, NULL)) < 0) {
            free(c);
            continue;
        }
        c->s = s;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        s->n_open++;
        if (pthread_create(&thread, NULL, speech__connection, c)) abort();
        pthread_detach(thread);
    }
    while (s->n_open) poll(NULL, 0, 10); /* the gateway is gone: they end */
    return NULL;
}

static inline void speech_server_start(struct speech_server *s, const char *words)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    memset(s, 0, sizeof *s);
    s->words = words;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s->fd, (struct sockaddr *)&at, n) || listen(s->fd, 64) ||
        getsockname(s->fd, (struct sockaddr *)&at, &n))
        abort();
    s->port = ntohs(at.sin_port);
    pthread_create(&s->thread, NULL, speech__main, s);
}

static inline void speech_server_stop(struct speech_server *s)
{
    s->is_over = 1;
    pthread_join(s->thread, NULL);
    close(s->fd);
}

#endif
