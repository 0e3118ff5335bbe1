/* mqtt.c - the only file that sees mosquitto.h.
 *
 * The library's handle is used from the loop thread, except in CONNECTING, when the pool thread
 * alone has it. The socket is polled through a duplicate descriptor: the library closes its own
 * whenever it likes, and the loop must not be left with a number that means something else. */
#include "mqtt.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lt/clock.h"
#include "lt/log.h"

#define GREETING_MS    10000 /* a broker that says nothing for this long is given up */
#define MISC_MS        1000  /* keep-alive is looked at this often, as the library asks */
#define GOODBYE_MS     2000  /* longest time to get the last bytes out on stop */
#define READ_BURST     256   /* most packets of one turn: bounds the group that one commit covers */
#define FAULT_BYTES    256
#define SEND_MAXIMUM   256  /* most QoS 1 messages that wait for the broker's acknowledgement */
#define STEADY_MS      5000 /* a connection that held so long was a good one */
#define N_SHORT        3 /* so many shorter ones in a row look like a quarrel over the client id */
#define REASON_REFUSED 128 /* MQTT 5 reason codes from here on are failures */

enum state { IDLE, CONNECTING, GREETING, UP, WAITING, GOODBYE, CLOSED };
static const char *const state_names[] = {"idle",    "connecting", "greeting", "up",
                                          "waiting", "goodbye",    "closed"};

struct lt_mqtt {
    uv_loop_t *loop;
    struct lt_mqtt_handlers on;
    struct mosquitto *mosq;
    mosquitto_property *connect_props;
    char *host;
    int port, keepalive_s, is_v5;
    uint32_t session_expiry_s;
    int64_t wait_min_ms, wait_max_ms, wait_ms;
    lt_us up_us; /* when the connection came up */
    int n_short; /* connections in a row that did not hold */

    enum state state;
    int n_holds, is_paused, has_output, is_refused, is_stopping, is_in_library, is_goodbye_due;
    char fault[FAULT_BYTES];

    uv_work_t connect_work;
    int connect_rc;
    uv_timer_t timer, misc_timer;
    uv_prepare_t before_sleep;
    int n_open_handles;
    struct polled *polled; /* NULL while there is no socket */
    void (*on_stopped)(void *ctx);

    /* QoS 1 messages out; the library tells of QoS 0 ones too, so those that count are marked */
    int n_unacknowledged, room;
    uint8_t is_counted[65536 / 8]; /* a bit per packet id */
};

/* A polled duplicate of the library's socket; freed by its close callback. */
struct polled {
    uv_poll_t poll;
    int fd;
};

static void wait_and_retry(struct lt_mqtt *m);
static void begin_connect(struct lt_mqtt *m);
static void finish_stop(struct lt_mqtt *m);

static void set_state(struct lt_mqtt *m, enum state next)
{
    if (m->state == next) return;
    LT_LOG(DEBUG, "mqtt.state", LF_STR("from", state_names[m->state]),
           LF_STR("to", state_names[next]));
    m->state = next;
}

static void set_fault(struct lt_mqtt *m, const char *what, const char *detail)
{
    snprintf(m->fault, sizeof m->fault, "broker %s:%d: %s: %s", m->host, m->port, what, detail);
}

/* ---- the socket on the loop ---- */

static void polled_closed(uv_handle_t *h)
{
    struct polled *p = h->data;
    close(p->fd);
    free(p);
}

static void unpoll(struct lt_mqtt *m)
{
    if (!m->polled) return;
    struct polled *p = m->polled;
    m->polled = NULL;
    uv_poll_stop(&p->poll);
    p->poll.data = p;
    uv_close((uv_handle_t *)&p->poll, polled_closed);
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void update_poll(struct lt_mqtt *m)
{
    if (!m->polled) return;
    int events = 0;
    if (!m->n_holds || m->state == GREETING) {
        if (!m->is_paused || m->state == GREETING) events |= UV_READABLE;
        if (mosquitto_want_write(m->mosq)) events |= UV_WRITABLE;
    }
    if (events)
        uv_poll_start(&m->polled->poll, events, on_poll);
    else
        uv_poll_stop(&m->polled->poll);
}

/* A connection that had come up is gone. Only one that held makes the next attempt a quick one: two clients
 * of one id throw each other out, and the broker mostly does not say so. */
static void judge_connection(struct lt_mqtt *m)
{
    if (lt_now_us() - m->up_us >= STEADY_MS * 1000LL) {
        m->n_short = 0;
        m->wait_ms = m->wait_min_ms;
    } else if (++m->n_short >= N_SHORT) {
        set_fault(m, "connection lost again soon after it came up",
                  "does another client use our client id? Give each its own mqtt.client_id");
    }
}

/* The connection is gone or must go. */
static void drop(struct lt_mqtt *m)
{
    int was_up = m->state == UP;
    if (was_up) judge_connection(m);
    unpoll(m);
    uv_timer_stop(&m->misc_timer);
    if (m->state == GOODBYE || m->is_stopping) {
        finish_stop(m);
        return;
    }
    set_state(m, WAITING); /* before the handler, which may ask whether we are up */
    if (was_up) m->on.on_down(m->on.ctx, m->fault);
    wait_and_retry(m);
}

/* Look at what a library call returned; 0 when the connection was given up. */
static int went_well(struct lt_mqtt *m, int rc)
{
    if (rc == MOSQ_ERR_SUCCESS && !m->is_refused && mosquitto_socket(m->mosq) >= 0) return 1;
    if (m->state != GREETING && m->state != UP && m->state != GOODBYE) return 0;
    if (!m->is_refused) set_fault(m, "connection lost", mosquitto_strerror(rc));
    drop(m);
    return 0;
}

/* The library sends every packet by itself. Corked, those of one turn (acknowledgements, calls, an answer) leave
 * as one segment, which the broker is woken for once. */
static void cork(const struct lt_mqtt *m, int is_corked)
{
#ifdef TCP_CORK
    if (m->polled) /* refused: slower, not wrong */
        setsockopt(m->polled->fd, IPPROTO_TCP, TCP_CORK, &is_corked, sizeof is_corked);
#else
    (void)m, (void)is_corked;
#endif
}

static void flush(struct lt_mqtt *m)
{
    m->has_output = 0;
    if (m->state != UP && m->state != GREETING && m->state != GOODBYE) return;
    cork(m, 1);
    m->is_in_library++;
    int rc = mosquitto_loop_write(m->mosq, 1);
    m->is_in_library--;
    cork(m, 0);
    if (went_well(m, rc)) update_poll(m);
}

static int is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && p.revents;
}

/* A broker that leaves Nagle's algorithm on (mosquitto does by default) keeps a small packet back until
 * the one before is acknowledged, and the kernel delays an acknowledgement that has nothing to ride on
 * by 40 ms. Ask for it at once; the kernel forgets the wish, so it is repeated. */
static void acknowledge_now(int fd)
{
#ifdef TCP_QUICKACK
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on); /* refused: slower, not wrong */
#else
    (void)fd;
#endif
}

/* Take in what has arrived, all of it up to the burst: the handlers open holds, and one commit
 * then covers the group. */
static void read_burst(struct lt_mqtt *m)
{
    for (int i = 0; i < READ_BURST; i++) {
        m->is_in_library++;
        int rc = mosquitto_loop_read(m->mosq, 1);
        m->is_in_library--;
        if (!went_well(m, rc)) return;
        if (!m->polled || m->is_paused || !is_readable(m->polled->fd)) break;
    }
    if (m->polled) acknowledge_now(m->polled->fd);
    if (!m->n_holds) m->has_output = 1;
    update_poll(m);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct lt_mqtt *m = handle->data;
    if (status < 0) events = UV_READABLE | UV_WRITABLE; /* let the library find the error */
    if (events & UV_WRITABLE) flush(m);
    if (m->polled && (events & UV_READABLE)) read_burst(m);
}

/* The last phase of a turn: send what the turn has queued. Saying goodbye waits for it too, since a
 * stop may be asked for inside a callback, where the library holds its locks. */
static void on_before_sleep(uv_prepare_t *handle)
{
    struct lt_mqtt *m = handle->data;
    if (m->state == GOODBYE && m->is_goodbye_due) {
        m->is_goodbye_due = 0;
        if (m->n_holds) { /* what is not committed must not be acknowledged: leave without a word */
            finish_stop(m);
            return;
        }
        mosquitto_disconnect_v5(m->mosq, 0, NULL);
        m->has_output = 1; /* the library closes the socket once it is out; went_well() sees it */
    }
    if (m->has_output && (!m->n_holds || m->state == GREETING)) flush(m);
}

static void on_misc(uv_timer_t *handle)
{
    struct lt_mqtt *m = handle->data;
    if (m->state != UP) return;
    m->is_in_library++;
    int rc = mosquitto_loop_misc(m->mosq);
    m->is_in_library--;
    if (went_well(m, rc)) m->has_output = 1;
}

/* ---- connecting ---- */

static void connect_work(uv_work_t *work)
{
    struct lt_mqtt *m = work->data;
    m->connect_rc = mosquitto_connect_bind_v5(m->mosq, m->host, m->port, m->keepalive_s, NULL,
                                              m->connect_props);
}

static void on_greeting_timeout(uv_timer_t *handle)
{
    struct lt_mqtt *m = handle->data;
    if (m->state != GREETING) return;
    set_fault(m, "no greeting", "is another service listening there?");
    drop(m);
}

static void connect_done(uv_work_t *work, int status)
{
    struct lt_mqtt *m = work->data;
    (void)status;
    if (m->is_stopping) {
        finish_stop(m);
        return;
    }
    if (m->connect_rc != MOSQ_ERR_SUCCESS) {
        set_fault(m, "cannot connect",
                  m->connect_rc == MOSQ_ERR_ERRNO ? "refused or unreachable; is the broker running?"
                  : m->connect_rc == MOSQ_ERR_EAI ? "no such host is known; check mqtt.host"
                                                  : mosquitto_strerror(m->connect_rc));
        set_state(m, WAITING);
        wait_and_retry(m);
        return;
    }
    set_state(m, GREETING);
    struct polled *p = calloc(1, sizeof *p);
    int fd = p ? dup(mosquitto_socket(m->mosq)) : -1;
    if (fd < 0 || uv_poll_init(m->loop, &p->poll, fd)) {
        if (fd >= 0) close(fd);
        free(p);
        set_fault(m, "cannot watch the socket", "too many open files or out of memory");
        drop(m);
        return;
    }
    p->fd = fd;
    p->poll.data = m;
    m->polled = p;
    m->is_refused = 0;
    m->has_output = 1;
    uv_timer_start(&m->timer, on_greeting_timeout, GREETING_MS, 0);
    update_poll(m);
}

static void begin_connect(struct lt_mqtt *m)
{
    set_state(m, CONNECTING);
    m->connect_work.data = m;
    if (uv_queue_work(m->loop, &m->connect_work, connect_work, connect_done)) {
        set_fault(m, "cannot connect", "no worker thread");
        set_state(m, WAITING);
        wait_and_retry(m);
    }
}

static void on_wait_over(uv_timer_t *handle)
{
    begin_connect(handle->data);
}

static void wait_and_retry(struct lt_mqtt *m)
{
    uint32_t dice = 0;
    if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) != sizeof dice)
        dice = (uint32_t)lt_now_us() * 2654435761u;
    /* between half and all of the wait, so that many gateways do not return in step */
    int64_t ms = m->wait_ms / 2 + (int64_t)(dice % (uint32_t)(m->wait_ms / 2 + 1));
    LT_LOG(WARN, "mqtt.down", LF_STR("why", m->fault), LF_INT("retry_ms", ms));
    uv_timer_start(&m->timer, on_wait_over, (uint64_t)ms, 0);
    m->wait_ms = m->wait_ms * 2 < m->wait_max_ms ? m->wait_ms * 2 : m->wait_max_ms;
}

/* ---- callbacks of the library, all on the loop thread ---- */

static void on_connect(struct mosquitto *mosq, void *user, int rc, int flags,
                       const mosquitto_property *props)
{
    struct lt_mqtt *m = user;
    (void)mosq;
    uv_timer_stop(&m->timer);
    if (rc) {
        m->is_refused = 1;
        set_fault(m, "connection refused by the broker",
                  m->is_v5 ? mosquitto_reason_string(rc) : mosquitto_connack_string(rc));
        return; /* the caller of the library sees is_refused and drops the connection */
    }
    uint16_t broker_maximum = UINT16_MAX;
    mosquitto_property_read_int16(props, MQTT_PROP_RECEIVE_MAXIMUM, &broker_maximum, false);
    m->room = broker_maximum < SEND_MAXIMUM ? broker_maximum : SEND_MAXIMUM;
    set_state(m, UP);
    m->fault[0] = '\0';
    m->up_us = lt_now_us();
    uv_timer_start(&m->misc_timer, on_misc, MISC_MS, MISC_MS);
    LT_LOG(INFO, "mqtt.up", LF_STR("host", m->host), LF_INT("port", m->port),
           LF_INT("has_session", flags & 1));
    m->on.on_up(m->on.ctx, flags & 1);
    m->has_output = 1;
}

static void on_disconnect(struct mosquitto *mosq, void *user, int rc,
                          const mosquitto_property *props)
{
    struct lt_mqtt *m = user;
    (void)mosq;
    (void)props;
    /* A v5 broker says why it closes; the caller of the library then sees the closed socket. */
    if (rc >= REASON_REFUSED && m->state == UP)
        LT_LOG(WARN, "mqtt.closed_by_broker", LF_STR("why", mosquitto_reason_string(rc)),
               LF_INT("reason", rc));
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *msg,
                       const mosquitto_property *props)
{
    struct lt_mqtt *m = user;
    char *response_topic = NULL, *content_type = NULL;
    void *correlation = NULL;
    uint16_t correlation_len = 0;
    (void)mosq;
    if (props) {
        mosquitto_property_read_string(props, MQTT_PROP_RESPONSE_TOPIC, &response_topic, false);
        mosquitto_property_read_string(props, MQTT_PROP_CONTENT_TYPE, &content_type, false);
        mosquitto_property_read_binary(props, MQTT_PROP_CORRELATION_DATA, &correlation,
                                       &correlation_len, false);
    }
    if (correlation_len > LT_MQTT_MAX_CORRELATION) correlation_len = 0;
    struct lt_mqtt_message out = {.topic = msg->topic,
                                  .payload = msg->payloadlen > 0 ? msg->payload : "",
                                  .payload_len =
                                      (size_t)(msg->payloadlen > 0 ? msg->payloadlen : 0),
                                  .qos = msg->qos,
                                  .is_retained = msg->retain,
                                  .packet_id = msg->mid,
                                  .response_topic = response_topic,
                                  .content_type = content_type,
                                  .correlation = correlation,
                                  .correlation_len = correlation_len};
    m->on.on_message(m->on.ctx, &out);
    free(response_topic);
    free(content_type);
    free(correlation);
}

static void on_publish(struct mosquitto *mosq, void *user, int mid, int reason,
                       const mosquitto_property *props)
{
    struct lt_mqtt *m = user;
    (void)mosq;
    (void)props;
    uint8_t *byte = &m->is_counted[(mid & 0xffff) / 8], bit = (uint8_t)(1u << (mid & 7));
    if (!(*byte & bit)) return; /* QoS 0 */
    *byte &= (uint8_t)~bit;
    m->n_unacknowledged--;
    m->on.on_delivered(m->on.ctx, mid, reason);
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int n, const int *granted,
                         const mosquitto_property *props)
{
    struct lt_mqtt *m = user;
    (void)mosq;
    (void)props;
    if (n > 0) m->on.on_subscribed(m->on.ctx, mid, granted[0]);
}

/* ---- life ---- */

static enum lt_err set_tls(struct lt_mqtt *m, const struct lt_mqtt_options *o, struct lt_diag *diag)
{
    const char *ca = *o->ca_file ? o->ca_file : NULL;
    const char *cert = *o->cert_file ? o->cert_file : NULL;
    const char *key = *o->key_file ? o->key_file : NULL;
    int rc = mosquitto_tls_set(m->mosq, ca, ca ? NULL : "/etc/ssl/certs", cert, key, NULL);
    if (!rc) rc = mosquitto_tls_opts_set(m->mosq, 1, "tlsv1.2", NULL);
    if (!rc && o->is_tls_insecure) rc = mosquitto_tls_insecure_set(m->mosq, true);
    const struct {
        const char *key, *path;
    } files[] = {{"ca_file", ca}, {"cert_file", cert}, {"key_file", key}};
    for (size_t i = 0; rc && i < sizeof files / sizeof *files; i++)
        if (files[i].path && access(files[i].path, R_OK))
            return lt_fail_errno(diag, "TLS for the broker: cannot read mqtt.%s %s", files[i].key,
                                 files[i].path);
    if (rc)
        return lt_fail(diag, LT_ERR_INVALID,
                       "TLS for the broker: %s; check mqtt.ca_file, mqtt.cert_file, mqtt.key_file",
                       mosquitto_strerror(rc));
    return LT_OK;
}

static enum lt_err set_options(struct lt_mqtt *m, const struct lt_mqtt_options *o,
                               struct lt_diag *diag)
{
    int rc = mosquitto_int_option(m->mosq, MOSQ_OPT_PROTOCOL_VERSION,
                                  m->is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (!rc) rc = mosquitto_int_option(m->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    if (!rc) rc = mosquitto_int_option(m->mosq, MOSQ_OPT_RECEIVE_MAXIMUM, o->receive_maximum);
    if (!rc) rc = mosquitto_int_option(m->mosq, MOSQ_OPT_SEND_MAXIMUM, SEND_MAXIMUM);
    /* "threaded": the library queues every packet and writes only in mosquitto_loop_write(); the
     * guarantee of this module rests on that (see mqtt.h, and test_mqtt.c which would notice) */
    if (!rc) rc = mosquitto_threaded_set(m->mosq, true);
    if (!rc && *o->username)
        rc = mosquitto_username_pw_set(m->mosq, o->username,
                                       o->password ? lt_secret_reveal(o->password) : NULL);
    if (rc) return lt_fail(diag, LT_ERR_INVALID, "MQTT client options: %s", mosquitto_strerror(rc));
    if (o->will_topic)
        rc = mosquitto_will_set(m->mosq, o->will_topic, (int)strlen(o->will_payload),
                                o->will_payload, 1, true);
    if (rc) return lt_fail(diag, LT_ERR_INVALID, "MQTT will: %s", mosquitto_strerror(rc));
    if (m->is_v5 && o->session_expiry_s)
        rc = mosquitto_property_add_int32(&m->connect_props, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                          o->session_expiry_s);
    if (!rc && m->is_v5)
        rc = mosquitto_property_add_int16(&m->connect_props, MQTT_PROP_RECEIVE_MAXIMUM,
                                          o->receive_maximum);
    if (rc) return lt_fail(diag, LT_ERR_NOMEM, "MQTT client: %s", mosquitto_strerror(rc));
    return o->is_tls ? set_tls(m, o, diag) : LT_OK;
}

enum lt_err lt_mqtt_new(uv_loop_t *loop, const struct lt_mqtt_options *opt,
                        const struct lt_mqtt_handlers *handlers, struct lt_mqtt **out,
                        struct lt_diag *diag)
{
    enum lt_err err = LT_ERR_NOMEM;
    mosquitto_lib_init();
    struct lt_mqtt *m = calloc(1, sizeof *m);
    if (!m) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    m->loop = loop;
    m->on = *handlers;
    m->host = strdup(opt->host);
    m->port = opt->port;
    m->is_v5 = opt->version == 5;
    m->keepalive_s = opt->keepalive_s;
    m->session_expiry_s = opt->session_expiry_s;
    m->wait_min_ms = m->wait_ms = opt->reconnect_min_ms;
    m->wait_max_ms = opt->reconnect_max_ms;
    m->mosq = mosquitto_new(opt->client_id, !opt->session_expiry_s, m);
    if (!m->host || !m->mosq) {
        lt_fail(diag, err, "MQTT client: out of memory, or mqtt.client_id is no valid text");
        goto out;
    }
    err = set_options(m, opt, diag);
    if (err) goto out;
    mosquitto_connect_v5_callback_set(m->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(m->mosq, on_disconnect);
    mosquitto_message_v5_callback_set(m->mosq, on_message);
    mosquitto_publish_v5_callback_set(m->mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(m->mosq, on_subscribe);
    *out = m;
    m = NULL;
out:
    lt_mqtt_free(m);
    return err;
}

void lt_mqtt_start(struct lt_mqtt *m)
{
    uv_timer_init(m->loop, &m->timer);
    uv_timer_init(m->loop, &m->misc_timer);
    uv_prepare_init(m->loop, &m->before_sleep);
    m->timer.data = m->misc_timer.data = m->before_sleep.data = m;
    m->n_open_handles = 3;
    uv_prepare_start(&m->before_sleep, on_before_sleep);
    begin_connect(m);
}

static void handle_closed(uv_handle_t *h)
{
    struct lt_mqtt *m = h->data;
    if (--m->n_open_handles == 0 && m->on_stopped) m->on_stopped(m->on.ctx);
}

static void finish_stop(struct lt_mqtt *m)
{
    if (m->state == CLOSED) return;
    unpoll(m);
    set_state(m, CLOSED);
    uv_close((uv_handle_t *)&m->timer, handle_closed);
    uv_close((uv_handle_t *)&m->misc_timer, handle_closed);
    uv_close((uv_handle_t *)&m->before_sleep, handle_closed);
}

static void on_goodbye_timeout(uv_timer_t *handle)
{
    finish_stop(handle->data);
}

int lt_mqtt_stop(struct lt_mqtt *m, void (*fn)(void *ctx))
{
    m->on_stopped = fn;
    m->is_stopping = 1;
    if (m->state == CONNECTING) return 0;
    if (m->state != UP) {
        finish_stop(m);
        return 1;
    }
    set_state(m, GOODBYE);
    m->is_paused = 1;
    m->is_goodbye_due = 1;
    uv_timer_start(&m->timer, on_goodbye_timeout, GOODBYE_MS, 0);
    return 1;
}

void lt_mqtt_free(struct lt_mqtt *m)
{
    if (!m) return;
    mosquitto_destroy(m->mosq);
    mosquitto_property_free_all(&m->connect_props);
    free(m->host);
    free(m);
    mosquitto_lib_cleanup();
}

/* ---- use ---- */

int lt_mqtt_is_up(const struct lt_mqtt *m)
{
    return m->state == UP;
}
const char *lt_mqtt_fault(const struct lt_mqtt *m)
{
    return m->fault;
}
void lt_mqtt_set_reconnect_max(struct lt_mqtt *m, int64_t max_ms)
{
    m->wait_max_ms = max_ms;
}

enum lt_err lt_mqtt_subscribe(struct lt_mqtt *m, const char *filter, int qos, int is_live_only,
                              int *subscribe_id)
{
    /* retain handling 2: never send retained messages; exists in version 5 only */
    int options = m->is_v5 && is_live_only ? MQTT_SUB_OPT_SEND_RETAIN_NEVER : 0;
    if (m->state != UP) return LT_ERR_NETWORK;
    int rc = mosquitto_subscribe_v5(m->mosq, subscribe_id, filter, qos, options, NULL);
    m->has_output = 1;
    return rc == MOSQ_ERR_SUCCESS   ? LT_OK
           : rc == MOSQ_ERR_NO_CONN ? LT_ERR_NETWORK
                                    : LT_ERR_INVALID;
}

enum lt_err lt_mqtt_send(struct lt_mqtt *m, const struct lt_mqtt_publish *p, int *publish_id)
{
    mosquitto_property *props = NULL;
    int rc = MOSQ_ERR_SUCCESS;
    if (m->state != UP) return LT_ERR_NETWORK; /* the library would queue it without bound */
    if (m->is_v5) {
        if (!p->is_binary)
            rc = mosquitto_property_add_byte(&props, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 1);
        if (!rc && !p->is_binary)
            rc = mosquitto_property_add_string(&props, MQTT_PROP_CONTENT_TYPE,
                                               p->is_text ? "text/plain" : "application/json");
        if (!rc && p->expiry_s)
            rc = mosquitto_property_add_int32(&props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                              p->expiry_s);
        if (!rc && p->correlation_len)
            rc = mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, p->correlation,
                                               (uint16_t)p->correlation_len);
    }
    int mid = 0;
    if (!rc)
        rc = mosquitto_publish_v5(m->mosq, &mid, p->topic, (int)p->payload_len, p->payload, p->qos,
                                  p->is_retained, props);
    mosquitto_property_free_all(&props);
    m->has_output = 1;
    if ((rc == MOSQ_ERR_SUCCESS || rc == MOSQ_ERR_NO_CONN) && p->qos > 0) {
        m->is_counted[(mid & 0xffff) / 8] |= (uint8_t)(1u << (mid & 7));
        m->n_unacknowledged++;
    }
    if (publish_id) *publish_id = mid;
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
        return LT_OK;
    case MOSQ_ERR_NO_CONN:
        return LT_OK; /* queued by the library; it sends after reconnecting */
    case MOSQ_ERR_NOMEM:
        return LT_ERR_NOMEM;
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return LT_ERR_LIMIT;
    default:
        return LT_ERR_INVALID;
    }
}

int lt_mqtt_room(const struct lt_mqtt *m)
{
    int left = m->room - m->n_unacknowledged;
    return left > 0 ? left : 0;
}

int lt_mqtt_unacknowledged(const struct lt_mqtt *m)
{
    return m->n_unacknowledged;
}

void lt_mqtt_hold(struct lt_mqtt *m)
{
    m->n_holds++;
    if (!m->is_in_library) update_poll(m);
}

void lt_mqtt_release(struct lt_mqtt *m)
{
    if (--m->n_holds > 0) return;
    m->has_output = 1;
    update_poll(m);
}

void lt_mqtt_pause(struct lt_mqtt *m, int is_paused)
{
    m->is_paused = is_paused;
    if (!m->is_in_library) update_poll(m);
}
