/* fleet_link.c - a loop of its own around one MQTT client, for the commands of the fleet.
 *
 * When has everything come that waits at the broker? No packet says so, but a broker works off what a
 * client sends in its order, and sends the next waiting message when one is acknowledged. So the link
 * subscribes once more to what it has already: when that is granted and no waiting message came since it
 * was asked, there is none.
 *
 *     SUBSCRIBE --granted--> again --granted, messages came between--> again
 *                              | granted, none came
 *                              v
 *                            on_quiet
 *
 * Retained messages come once for the first subscription, before the second is granted; version 3.1.1
 * sends them again for every further one, so they do not count as news. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet.h"
#include "lt/log.h"

#define TICK_MS        1000
#define HOST_NAME_MAX_ 64

struct lt_fleet_link {
    uv_loop_t loop;
    struct lt_mqtt *mqtt;
    struct lt_secret *password;
    uv_timer_t tick, give_up;
    uv_signal_t on_term, on_int;
    struct lt_fleet_hooks hooks;
    int is_stopping, is_stopped, is_aborted, is_lost;
    int64_t wait_ms;                     /* longest time without a connection; 0: any */
    char filter[LT_TOPIC_MAX_BYTES + 1]; /* subscribed to */
    int subscribe_id;                    /* whose answer is awaited; 0: none */
    int is_again;                        /* it is not the first */
    int64_t n_came, n_came_before;       /* messages that waited: all, when it was asked */
};

static void on_give_up(uv_timer_t *t);

static void on_up(void *ctx, int has_session)
{
    struct lt_fleet_link *l = ctx;
    (void)has_session;
    uv_timer_stop(&l->give_up);
    if (!l->is_stopping) l->hooks.on_up(l->hooks.ctx);
}

static void on_down(void *ctx, const char *why)
{
    struct lt_fleet_link *l = ctx;
    LT_LOG(WARN, "fleet.down", LF_STR("why", why));
    l->subscribe_id = 0;
    uv_update_time(&l->loop); /* a hook may have taken long: judging a network */
    if (l->wait_ms && !l->is_stopping)
        uv_timer_start(&l->give_up, on_give_up, (uint64_t)l->wait_ms, 0);
}

static void on_message(void *ctx, const struct lt_mqtt_message *msg)
{
    struct lt_fleet_link *l = ctx;
    l->n_came += !msg->is_retained;
    if (!l->is_aborted) l->hooks.on_message(l->hooks.ctx, msg);
}

static void on_delivered(void *ctx, int publish_id, int reason)
{
    struct lt_fleet_link *l = ctx;
    l->hooks.on_delivered(l->hooks.ctx, publish_id, reason);
}

static enum lt_err ask(struct lt_fleet_link *l, int is_again)
{
    l->is_again = is_again;
    l->n_came_before = l->n_came;
    return lt_mqtt_subscribe(l->mqtt, l->filter, 1, is_again, &l->subscribe_id);
}

enum lt_err lt_fleet_subscribe(struct lt_fleet_link *l, const char *filter)
{
    snprintf(l->filter, sizeof l->filter, "%s", filter);
    return ask(l, 0);
}

static void on_subscribed(void *ctx, int subscribe_id, int granted)
{
    struct lt_fleet_link *l = ctx;
    int is_allowed = granted < 128;
    if (!is_allowed) LT_LOG(ERROR, "fleet.not_allowed", LF_INT("reason", granted));
    if (subscribe_id != l->subscribe_id || !l->hooks.on_quiet || l->is_stopping) return;
    l->subscribe_id = 0;
    if (is_allowed && (!l->is_again || l->n_came != l->n_came_before)) {
        (void)!ask(l, 1); /* down: begun anew when it is up */
        return;
    }
    l->hooks.on_quiet(l->hooks.ctx, is_allowed);
}

static void on_tick(uv_timer_t *t)
{
    struct lt_fleet_link *l = t->data;
    if (lt_mqtt_is_up(l->mqtt) && !l->is_stopping) l->hooks.on_tick(l->hooks.ctx);
}

static void on_give_up(uv_timer_t *t)
{
    struct lt_fleet_link *l = t->data;
    l->is_lost = 1;
    lt_fleet_stop(l);
}

static void on_stop_signal(uv_signal_t *s, int signum)
{
    (void)signum;
    lt_fleet_stop(s->data);
}

static void stopped(void *ctx)
{
    struct lt_fleet_link *l = ctx;
    l->is_stopped = 1;
    uv_stop(&l->loop);
}

void lt_fleet_stop(struct lt_fleet_link *l)
{
    if (l->is_stopping) return;
    l->is_stopping = 1;
    uv_timer_stop(&l->tick);
    uv_timer_stop(&l->give_up);
    if (!lt_mqtt_stop(l->mqtt, stopped)) uv_stop(&l->loop);
}

void lt_fleet_abort(struct lt_fleet_link *l)
{
    l->is_aborted = l->is_stopping = 1;
    lt_mqtt_hold(l->mqtt); /* never released: the acknowledgement stays here */
    uv_stop(&l->loop);
}

struct lt_mqtt *lt_fleet_mqtt(struct lt_fleet_link *l)
{
    return l->mqtt;
}

enum lt_err lt_fleet_open(const struct lt_config *c, const char *role, uint32_t session_s,
                          const struct lt_fleet_hooks *hooks, struct lt_fleet_link **out,
                          struct lt_diag *diag)
{
    struct lt_fleet_link *l = calloc(1, sizeof *l);
    char host[HOST_NAME_MAX_] = "host", id[200];
    if (!l) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    l->hooks = *hooks;
    uv_loop_init(&l->loop);
    uv_timer_init(&l->loop, &l->tick);
    uv_timer_init(&l->loop, &l->give_up);
    uv_signal_init(&l->loop, &l->on_term);
    uv_signal_init(&l->loop, &l->on_int);
    l->tick.data = l->give_up.data = l->on_term.data = l->on_int.data = l;
    gethostname(host, sizeof host - 1);
    if (*c->mqtt.client_id)
        snprintf(id, sizeof id, "%s-%.120s", role, c->mqtt.client_id);
    else
        snprintf(id, sizeof id, "%s-%s-%.64s", role, host, c->sites.n ? c->sites.v[0] : "");
    enum lt_err err =
        *c->mqtt.password ? lt_secret_read(c->mqtt.password, &l->password, diag) : LT_OK;
    struct lt_mqtt_options o = lt_mqtt_options_of(c, l->password, id);
    o.session_expiry_s = session_s;
    const struct lt_mqtt_handlers handlers = {l,          on_up,        on_down,
                                              on_message, on_delivered, on_subscribed};
    if (!err) err = lt_mqtt_new(&l->loop, &o, &handlers, &l->mqtt, diag);
    *out = l;
    if (!err) return LT_OK;
    l->is_stopped = 1;
    lt_fleet_close(l);
    *out = NULL;
    return err;
}

enum lt_err lt_fleet_run(struct lt_fleet_link *l, int64_t wait_ms, struct lt_diag *diag)
{
    signal(SIGPIPE, SIG_IGN);
    l->wait_ms = wait_ms;
    uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
    if (wait_ms) uv_timer_start(&l->give_up, on_give_up, (uint64_t)wait_ms, 0);
    uv_signal_start(&l->on_term, on_stop_signal, SIGTERM);
    uv_signal_start(&l->on_int, on_stop_signal, SIGINT);
    lt_mqtt_start(l->mqtt);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    if (l->is_lost)
        return lt_fail(diag, LT_ERR_NETWORK, "no connection to the broker: %s",
                       lt_mqtt_fault(l->mqtt));
    return LT_OK;
}

static void nothing(uv_handle_t *h)
{
    (void)h;
}

void lt_fleet_close(struct lt_fleet_link *l)
{
    if (!l) return;
    if (l->mqtt && !l->is_stopped) return; /* a pool thread still has it; the process ends anyway */
    uv_close((uv_handle_t *)&l->tick, nothing);
    uv_close((uv_handle_t *)&l->give_up, nothing);
    uv_close((uv_handle_t *)&l->on_term, nothing);
    uv_close((uv_handle_t *)&l->on_int, nothing);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    lt_mqtt_free(l->mqtt);
    uv_loop_close(&l->loop);
    lt_secret_free(l->password);
    free(l);
}
