/* sim_home.c - the client, the home file, the score; sim_device.c has the devices. */
#include "sim_home.h"

#include <math.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim_device.h"

#define WAIT_MS 60000 /* longest wait for anything expected; a sanitizer build is slow */

struct sim {
    struct mosquitto *m;
    json_t *file, *view, *answer;
    struct sim_device *devices;
    size_t n;
    int n_messages, n_entities, is_subscribed, serial;
    char want_id[32];
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "sim_home: %s: %s\n", what, why);
    abort();
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the broker ---- */

/* Is the connection gone? ERRNO is a write to a socket that the broker has closed. */
static int is_lost(int rc)
{
    return rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_ERRNO;
}

void sim__publish(struct sim *s, const char *topic, const char *payload, int is_retained)
{
    int rc = 0;
    for (int i = 0; i < 100; i++) { /* the broker may be starting again */
        rc = mosquitto_publish(s->m, NULL, topic, (int)strlen(payload), payload, 1, is_retained);
        if (!is_lost(rc) || rc == MOSQ_ERR_NO_CONN) break;
        struct timespec t = {0, 50000000};
        nanosleep(&t, NULL);
        (void)mosquitto_reconnect(s->m);
    }
    if (rc && rc != MOSQ_ERR_NO_CONN) die(topic, mosquitto_strerror(rc));
}

static void on_connect(struct mosquitto *m, void *user, int rc, int flags,
                       const mosquitto_property *props)
{
    (void)user, (void)flags, (void)props;
    if (rc) die("broker", mosquitto_connack_string(rc));
    mosquitto_subscribe_v5(m, NULL, "#", 1, MQTT_SUB_OPT_NO_LOCAL, NULL);
}

static void on_subscribe(struct mosquitto *m, void *user, int mid, int n, const int *granted)
{
    (void)m, (void)mid, (void)n, (void)granted;
    ((struct sim *)user)->is_subscribed = 1;
}

static void on_status(struct sim *s, const json_t *o)
{
    const json_t *c = json_object_get(o, "catalog");
    if (c) s->n_entities = (int)json_integer_value(json_object_get(c, "entities"));
}

static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *msg,
                       const mosquitto_property *props)
{
    struct sim *s = user;
    char payload[4096];
    (void)m, (void)props;
    size_t n =
        (size_t)msg->payloadlen < sizeof payload ? (size_t)msg->payloadlen : sizeof payload - 1;
    if (n) memcpy(payload, msg->payload, n);
    payload[n] = '\0';
    s->n_messages++;
    if (!strncmp(msg->topic, "lintel/", 7)) {
        json_t *o = json_loadb(msg->payload, (size_t)msg->payloadlen, 0, NULL);
        const char *id = json_string_value(json_object_get(o, "id"));
        if (!strcmp(msg->topic, "lintel/home/status")) on_status(s, o);
        if (!strcmp(msg->topic, "lintel/home/response") && id && !strcmp(id, s->want_id)) {
            json_decref(s->answer);
            s->answer = json_incref(o);
        }
        json_decref(o);
        return;
    }
    if (msg->retain) return; /* commands are never retained */
    for (size_t i = 0; i < s->n; i++) sim__command(s, s->devices, s->n, i, msg->topic, payload);
}

static void turn(struct sim *s)
{
    int rc = mosquitto_loop(s->m, 5, 1);
    if (is_lost(rc)) {
        struct timespec t = {0, 20000000};
        nanosleep(&t, NULL);
        (void)mosquitto_reconnect(s->m); /* the broker is away: again with the next turn */
    }
    for (size_t i = 0; i < s->n; i++) sim__tick(s, &s->devices[i], now_ms());
}

void sim_settle(struct sim *s, int quiet_ms)
{
    int64_t until = now_ms() + quiet_ms;
    for (int n = s->n_messages; now_ms() < until;) {
        turn(s);
        if (s->n_messages == n) continue;
        n = s->n_messages;
        until = now_ms() + quiet_ms;
    }
}

/* ---- the file ---- */

static void add(struct sim *s, struct sim_device d)
{
    struct sim_device *v = realloc(s->devices, (s->n + 1) * sizeof *v);
    if (!v) die(d.name, "out of memory");
    s->devices = v;
    d.initial = json_deep_copy(d.state);
    d.state = json_deep_copy(d.state);
    v[s->n++] = d;
}

static void take_devices(struct sim *s)
{
    const char *key;
    size_t i;
    json_t *d, *one;
    const json_t *z = json_object_get(s->file, "zigbee2mqtt");
    json_array_foreach(json_object_get(z, "devices"), i, d)
    {
        add(s, (struct sim_device){.proto = SIM_Z2M,
                                   .name = json_string_value(json_object_get(d, "name")),
                                   .kind = json_string_value(json_object_get(d, "is")),
                                   .config = d,
                                   .state = json_object_get(d, "state")});
    }
    json_array_foreach(json_object_get(z, "groups"), i, d)
    {
        add(s, (struct sim_device){.proto = SIM_Z2M_GROUP,
                                   .name = json_string_value(json_object_get(d, "name")),
                                   .kind = "group",
                                   .config = d,
                                   .state = NULL});
    }
    json_array_foreach(json_object_get(s->file, "tasmota"), i, d)
    {
        add(s, (struct sim_device){
                   .proto = SIM_TASMOTA,
                   .name = json_string_value(json_object_get(json_object_get(d, "config"), "t")),
                   .kind = "tasmota",
                   .config = json_object_get(d, "config"),
                   .state = json_object_get(d, "state")});
    }
    json_array_foreach(json_object_get(s->file, "homeassistant"), i, d)
    {
        json_t *config = json_object_get(d, "config");
        json_object_foreach(json_object_get(d, "things"), key, one)
        {
            json_t *c = *key ? json_object_get(json_object_get(config, "cmps"), key) : config;
            if (!c) die(key, "the home file has no such component");
            add(s, (struct sim_device){.proto = SIM_HA,
                                       .name = json_string_value(json_object_get(one, "name")),
                                       .kind = json_string_value(json_object_get(one, "is")),
                                       .config = c,
                                       .root = config,
                                       .state = json_object_get(one, "state")});
        }
    }
}

static void announce(struct sim *s, int with_bridge)
{
    size_t i;
    json_t *d;
    if (with_bridge && json_object_get(s->file, "zigbee2mqtt"))
        sim__announce_bridge(s, json_object_get(s->file, "zigbee2mqtt"));
    json_array_foreach(json_object_get(s->file, "tasmota"), i, d) sim__announce_tasmota(s, d);
    json_array_foreach(json_object_get(s->file, "homeassistant"), i, d)
    {
        char *text = json_dumps(json_object_get(d, "config"), JSON_COMPACT);
        sim__publish(s, json_string_value(json_object_get(d, "topic")), text, 1);
        free(text);
    }
    for (i = 0; i < s->n; i++) sim__hello(s, &s->devices[i]);
}

/* "like": a home described in another file of the folder, with requests of its own. */
static void take_like(json_t *file, const char *path)
{
    const char *like = json_string_value(json_object_get(file, "like"));
    const char *slash = strrchr(path, '/');
    char other[512];
    json_error_t e;
    if (!like) return;
    int n = slash ? (int)(slash - path) + 1 : 0;
    if (snprintf(other, sizeof other, "%.*s%s.json", n, path, like) >= (int)sizeof other)
        die(path, "the path is too long");
    json_t *home = json_load_file(other, JSON_REJECT_DUPLICATES, &e);
    if (!home) die(other, e.text);
    json_object_update_missing(file, home);
    json_decref(home);
}

struct sim *sim_start(int port, const char *path)
{
    struct sim *s = calloc(1, sizeof *s);
    json_error_t e;
    if (!s) die(path, "out of memory");
    s->file = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!s->file) {
        fprintf(stderr, "%s:%d: ", path, e.line);
        die(path, e.text);
    }
    take_like(s->file, path);
    take_devices(s);
    s->n_entities = -1;
    mosquitto_lib_init();
    s->m = mosquitto_new(NULL, true, s);
    if (!s->m) die(path, "out of memory");
    mosquitto_int_option(s->m, MOSQ_OPT_PROTOCOL_VERSION, 5);
    mosquitto_int_option(s->m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(s->m, on_connect);
    mosquitto_subscribe_callback_set(s->m, on_subscribe);
    mosquitto_message_v5_callback_set(s->m, on_message);
    sim__set_will(s->m, s->file);
    if (mosquitto_connect_bind_v5(s->m, "127.0.0.1", port, 60, NULL, NULL)) die(path, "no broker");
    for (int64_t until = now_ms() + WAIT_MS; !s->is_subscribed && now_ms() < until;) turn(s);
    if (!s->is_subscribed) die(path, "the broker does not answer");
    announce(s, 1);
    sim_settle(s, 50);
    return s;
}

void sim_stop(struct sim *s)
{
    if (!s) return;
    mosquitto_disconnect(s->m);
    mosquitto_destroy(s->m);
    for (size_t i = 0; i < s->n; i++) {
        json_decref(s->devices[i].state);
        json_decref(s->devices[i].initial);
    }
    free(s->devices);
    json_decref(s->file);
    json_decref(s->view);
    json_decref(s->answer);
    free(s);
    mosquitto_lib_cleanup();
}

const json_t *sim_file(const struct sim *s)
{
    return s->file;
}

/* ---- states ---- */

/* The states now, or those of the file with changes on top. */
static json_t *view_of(const struct sim *s, int is_now, const json_t *changes)
{
    json_t *v = json_object();
    for (size_t i = 0; i < s->n; i++) {
        const struct sim_device *d = &s->devices[i];
        if (!d->state) continue;
        json_t *raw = json_deep_copy(is_now ? d->state : d->initial);
        json_t *more = is_now ? NULL : json_object_get(changes, d->name);
        if (more) json_object_update(raw, more);
        json_object_set_new(v, d->name, sim__view(raw));
        json_decref(raw);
    }
    return v;
}

const json_t *sim_states(const struct sim *s)
{
    struct sim *w = (struct sim *)(uintptr_t)s; /* the view is no part of what s is */
    json_decref(w->view);
    w->view = view_of(s, 1, NULL);
    return w->view;
}

void sim_reset(struct sim *s, const json_t *changes)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sim_device *d = &s->devices[i];
        if (!d->state) continue;
        json_t *want = json_deep_copy(d->initial);
        json_t *more = json_object_get(changes, d->name);
        if (more) json_object_update(want, more);
        d->moving_until_ms = 0;
        if (json_equal(want, d->state)) {
            json_decref(want);
            continue;
        }
        json_decref(d->state);
        d->state = want;
        sim__report(s, d);
        sim__report_groups(s, s->devices, s->n, d->name);
    }
}

static int is_same(const json_t *want, const json_t *have)
{
    if (json_is_array(want) && json_is_number(have))
        return json_number_value(have) >= json_number_value(json_array_get(want, 0)) &&
               json_number_value(have) <= json_number_value(json_array_get(want, 1));
    if (json_is_number(want) && json_is_number(have))
        return fabs(json_number_value(want) - json_number_value(have)) < 0.05;
    const char *any = json_string_value(want);
    return (any && !strcmp(any, "*")) || json_equal(want, have);
}

int sim_is(const struct sim *s, const json_t *changes, const json_t *then, char *why)
{
    json_t *want = view_of(s, 0, changes);
    const json_t *have = sim_states(s);
    const char *name, *key;
    json_t *state, *v;
    int ok = 1;
    json_object_foreach((json_t *)(uintptr_t)then, name, state)
    {
        if (!json_object_get(want, name)) die(name, "no such device in the home file");
        json_object_update(json_object_get(want, name), state);
    }
    json_object_foreach(want, name, state)
    {
        json_object_foreach(state, key, v)
        {
            const json_t *is = json_object_get(json_object_get(have, name), key);
            if (is_same(v, is) || !ok) continue;
            char *a = json_dumps(v, JSON_ENCODE_ANY),
                 *b = is ? json_dumps(is, JSON_ENCODE_ANY) : NULL;
            snprintf(why, 200, "%.60s %.30s: %.40s instead of %.40s", name, key, b ? b : "nothing",
                     a);
            free(a);
            free(b);
            ok = 0;
        }
    }
    json_decref(want);
    return ok;
}

/* ---- talking ---- */

json_t *sim_ask(struct sim *s, const char *text, const char *here, const char *session)
{
    snprintf(s->want_id, sizeof s->want_id, "q%d", ++s->serial);
    json_t *o = json_pack("{s:s,s:s}", "id", s->want_id, "text", text);
    if (here) json_object_set_new(o, "here", json_string(here));
    if (session) json_object_set_new(o, "session", json_string(session));
    char *payload = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    json_decref(s->answer);
    s->answer = NULL;
    sim__publish(s, "lintel/home/request", payload, 0);
    free(payload);
    for (int64_t until = now_ms() + WAIT_MS; !s->answer && now_ms() < until;) turn(s);
    if (!s->answer) die(text, "no answer in a minute");
    return json_incref(s->answer);
}

int sim_wait_catalog(struct sim *s, int n)
{
    int64_t until = now_ms() + WAIT_MS;
    while ((n ? s->n_entities != n : s->n_entities <= 0) && now_ms() < until) turn(s);
    return s->n_entities;
}

void sim_sensors_report(struct sim *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->devices[i].kind && !strcmp(s->devices[i].kind, "sensor"))
            sim__report(s, &s->devices[i]);
    sim_settle(s, 50);
}

/* ---- faults ---- */

void sim_bridge_down(struct sim *s)
{
    sim__publish(s, "zigbee2mqtt/bridge/state", "{\"state\":\"offline\"}", 1);
    for (size_t i = 0; i < s->n; i++) s->devices[i].is_down = s->devices[i].proto <= SIM_Z2M_GROUP;
    sim_settle(s, 20);
}

void sim_bridge_up(struct sim *s)
{
    for (size_t i = 0; i < s->n; i++) s->devices[i].is_down = 0;
    announce(s, 1);
    sim_settle(s, 50);
}

void sim_silence(struct sim *s, const char *device, int is_silent)
{
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->devices[i].name, device)) s->devices[i].is_silent = is_silent;
}

void sim_set_travel_ms(struct sim *s, int ms)
{
    for (size_t i = 0; i < s->n; i++) s->devices[i].travel_ms = ms;
}
