/* doctor_home.c - a look at what is announced.
 *
 *  CONNECTING -- up: subscribe --> READING -- quiet, or out of time --> over
 *      |                                                                 ^
 *      +---------------------------- out of time ------------------------+
 */
#include "doctor_home.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "gateway_int.h"
#include "lt/secret.h"

struct place {
    const char *site;
    struct lt_discovery *d;
    char root[LT_TOPIC_MAX_BYTES + 1];
};
struct look {
    uv_loop_t loop;
    uv_timer_t quiet, limit;
    struct lt_mqtt *mqtt;
    struct place *places;
    size_t n_places;
    int was_up;
    char fault[LT_DIAG_TEXT];
};

static void on_stopped(void *ctx)
{
    struct look *l = ctx;
    uv_stop(&l->loop);
}

static void on_over(uv_timer_t *t)
{
    struct look *l = t->data;
    uv_timer_stop(&l->quiet);
    uv_timer_stop(&l->limit);
    snprintf(l->fault, sizeof l->fault, "%s", lt_mqtt_fault(l->mqtt));
    (void)lt_mqtt_stop(l->mqtt, on_stopped);
}

static void on_up(void *ctx, int has_session)
{
    struct look *l = ctx;
    char filter[2 * LT_TOPIC_MAX_BYTES];
    (void)has_session;
    l->was_up = 1;
    for (size_t i = 0; i < l->n_places; i++)
        for (const char *const *f = lt_discovery_subscriptions(l->places[i].d); *f; f++) {
            snprintf(filter, sizeof filter, "%s%s", l->places[i].root, *f);
            (void)!lt_mqtt_subscribe(l->mqtt, filter, 0, 0, NULL);
        }
    uv_timer_start(&l->quiet, on_over, LT_DOCTOR_HOME_QUIET_MS, 0);
}

static void on_message(void *ctx, const struct lt_mqtt_message *msg)
{
    struct look *l = ctx;
    if (strstr(msg->topic, "/device/lintel_")) return; /* Lintel itself: self.c */
    for (size_t i = 0; i < l->n_places; i++) {
        size_t n = strlen(l->places[i].root);
        if (!strncmp(msg->topic, l->places[i].root, n))
            (void)lt_discovery_feed(l->places[i].d, msg->topic + n, msg->payload, msg->payload_len);
    }
    if (uv_is_active((uv_handle_t *)&l->quiet))
        uv_timer_start(&l->quiet, on_over, LT_DOCTOR_HOME_QUIET_MS, 0);
}

static void on_down(void *ctx, const char *why)
{
    (void)ctx, (void)why;
}
static void on_delivered(void *ctx, int publish_id, int reason)
{
    (void)ctx, (void)publish_id, (void)reason;
}
static void on_subscribed(void *ctx, int subscribe_id, int granted)
{
    (void)ctx, (void)subscribe_id, (void)granted;
}

static enum lt_err connect_client(struct look *l, const struct lt_config *c,
                                  const struct lt_secret *password, struct lt_diag *diag)
{
    char id[64];
    snprintf(id, sizeof id, "lintel-doctor-%d", (int)getpid());
    struct lt_mqtt_options o = lt_mqtt_options_of(c, password, id);
    o.reconnect_min_ms = o.reconnect_max_ms = LT_DOCTOR_HOME_QUIET_MS;
    struct lt_mqtt_handlers h = {l, on_up, on_down, on_message, on_delivered, on_subscribed};
    return lt_mqtt_new(&l->loop, &o, &h, &l->mqtt, diag);
}

static void close_handle(uv_handle_t *h, void *user)
{
    (void)user;
    if (!uv_is_closing(h)) uv_close(h, NULL);
}

static void read_all(struct look *l, const struct lt_config *c, struct lt_diag *diag)
{
    struct lt_secret *password = NULL;
    uv_loop_init(&l->loop);
    uv_timer_init(&l->loop, &l->quiet);
    uv_timer_init(&l->loop, &l->limit);
    l->quiet.data = l->limit.data = l;
    enum lt_err err = *c->mqtt.password ? lt_secret_read(c->mqtt.password, &password, diag) : LT_OK;
    if (!err) err = connect_client(l, c, password, diag);
    if (!err) {
        uv_timer_start(&l->limit, on_over, LT_DOCTOR_HOME_MS, 0);
        lt_mqtt_start(l->mqtt);
        uv_run(&l->loop, UV_RUN_DEFAULT);
    } else {
        snprintf(l->fault, sizeof l->fault, "%s", lt_diag_text(diag, err));
    }
    uv_walk(&l->loop, close_handle, NULL);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    lt_mqtt_free(l->mqtt);
    uv_loop_close(&l->loop);
    lt_secret_free(password);
}

static void tell(struct place *p, lt_doctor_note_fn note, void *ctx)
{
    char text[LT_DIAG_TEXT], filters[300] = "";
    const struct lt_discovery_error *e;
    size_t n = lt_discovery_n_things(p->d), n_bad = lt_discovery_errors(p->d, &e);
    for (const char *const *f = lt_discovery_subscriptions(p->d); *f; f++) {
        size_t used = strlen(filters);
        snprintf(filters + used, sizeof filters - used, "%s%.80s%.80s", used ? ", " : "", p->root,
                 *f);
    }
    if (n)
        snprintf(text, sizeof text, "%s: things announced: %zu", p->site, n);
    else
        snprintf(
            text, sizeof text,
            "%.60s: nothing is announced on %s; do bridges and devices use this broker and these "
            "prefixes (discovery)?",
            p->site, filters);
    note(ctx, "devices", n > 0, text);
    for (size_t i = 0; i < n_bad; i++) {
        snprintf(text, sizeof text, "%.60s: %.80s%.160s: %.180s", p->site, p->root, e[i].topic,
                 e[i].reason);
        note(ctx, "devices", 0, text);
    }
}

void lt_doctor_home(const struct lt_config *c, lt_doctor_note_fn note, void *ctx)
{
    struct look l = {.places = calloc(c->sites.n, sizeof *l.places)};
    struct lt_diag diag = {0};
    enum lt_err err = l.places ? LT_OK : LT_ERR_NOMEM;
    for (size_t i = 0; i < c->sites.n && !err; i++) {
        struct place *p = &l.places[l.n_places];
        p->site = c->sites.v[i];
        err = lt_home_root(c, p->site, p->root, sizeof p->root, &diag);
        if (!err) err = lt_home_discovery(c, p->site, &p->d, &diag);
        if (!err && p->d) l.n_places++;
    }
    if (err) {
        note(ctx, "devices", 0, lt_diag_text(&diag, err));
    } else if (l.n_places) {
        read_all(&l, c, &diag);
        if (l.was_up)
            for (size_t i = 0; i < l.n_places; i++) tell(&l.places[i], note, ctx);
        else
            note(ctx, "devices", 0, *l.fault ? l.fault : "the broker did not answer in time");
    }
    for (size_t i = 0; i < l.n_places; i++) lt_discovery_free(l.places[i].d);
    free(l.places);
}
