/* wire.c - over libmosquitto's loop, without a thread. */
#include "wire.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_S  60
#define TURN_MS 50

struct seen {
    struct seen *next;
    char *topic, *payload;
};

struct wire {
    struct mosquitto *m;
    struct seen *first, **last;
    int is_subscribed, n_sent, n_acknowledged;
};

static void stop(const char *why)
{
    fprintf(stderr, "wire: %s\n", why);
    abort();
}

static void on_message(struct mosquitto *m, void *ctx, const struct mosquitto_message *msg)
{
    struct wire *w = ctx;
    (void)m;
    if (msg->retain) return;
    struct seen *s = calloc(1, sizeof *s);
    if (!s) stop("out of memory");
    s->topic = strdup(msg->topic);
    s->payload = calloc(1, (size_t)msg->payloadlen + 1);
    if (!s->topic || !s->payload) stop("out of memory");
    if (msg->payloadlen) memcpy(s->payload, msg->payload, (size_t)msg->payloadlen);
    *w->last = s;
    w->last = &s->next;
}

static void on_subscribe(struct mosquitto *m, void *ctx, int mid, int n, const int *granted)
{
    (void)m, (void)mid, (void)n, (void)granted;
    ((struct wire *)ctx)->is_subscribed = 1;
}

static void on_publish(struct mosquitto *m, void *ctx, int mid)
{
    (void)m, (void)mid;
    ((struct wire *)ctx)->n_acknowledged++;
}

static void turn(struct wire *w)
{
    if (mosquitto_loop(w->m, TURN_MS, 1)) stop("the broker is gone");
}

struct wire *wire_open(int port)
{
    struct wire *w = calloc(1, sizeof *w);
    mosquitto_lib_init();
    if (!w || !(w->m = mosquitto_new(NULL, 1, w))) stop("out of memory");
    w->last = &w->first;
    mosquitto_int_option(w->m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_message_callback_set(w->m, on_message);
    mosquitto_subscribe_callback_set(w->m, on_subscribe);
    mosquitto_publish_callback_set(w->m, on_publish);
    if (mosquitto_connect(w->m, "127.0.0.1", port, 60)) stop("cannot connect");
    if (mosquitto_subscribe_v5(w->m, NULL, "#", 1, MQTT_SUB_OPT_NO_LOCAL, NULL))
        stop("cannot subscribe");
    while (!w->is_subscribed) turn(w);
    return w;
}

void wire_forget(struct wire *w)
{
    for (struct seen *s = w->first, *next; s; s = next) {
        next = s->next;
        free(s->topic);
        free(s->payload);
        free(s);
    }
    w->first = NULL;
    w->last = &w->first;
}

void wire_close(struct wire *w)
{
    wire_forget(w);
    mosquitto_disconnect(w->m);
    mosquitto_destroy(w->m);
    mosquitto_lib_cleanup();
    free(w);
}

void wire_publish(struct wire *w, const char *topic, const char *payload, int is_retained)
{
    if (mosquitto_publish(w->m, NULL, topic, (int)strlen(payload), payload, 1, is_retained))
        stop("cannot publish");
    w->n_sent++;
    while (w->n_acknowledged < w->n_sent) turn(w); /* the broker has it */
}

char *wire_take(struct wire *w, const char *topic)
{
    time_t until = time(NULL) + WAIT_S;
    for (;;) {
        while (w->first) {
            struct seen *s = w->first;
            char *payload = s->payload;
            int is = !strcmp(s->topic, topic);
            w->first = s->next;
            if (!w->first) w->last = &w->first;
            if (!is) free(payload);
            free(s->topic);
            free(s);
            if (is) return payload;
        }
        if (time(NULL) > until) return NULL;
        turn(w);
    }
}
