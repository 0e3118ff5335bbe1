/* mqtt.h - libmosquitto on the gateway's libuv loop: connects, stays connected, and acknowledges
 * only when told that the message is safe.
 *
 * Acknowledgement. libmosquitto queues the PUBACK of a QoS 1 message before it calls us, and with
 * an external loop in threaded mode nothing of its queue reaches the socket before
 * mosquitto_loop_write(). So the handler of a message that must be durable first calls
 * lt_mqtt_hold(); while a hold is open this module neither writes nor reads, and the broker learns
 * nothing. When the caller has committed, lt_mqtt_release() lets everything go in order. Reading
 * stops as well, so that a stream of messages cannot keep the hold open for ever: messages arrive,
 * one group commit covers them, then acknowledgements and answers leave together. A crash in
 * between leaves the broker with unacknowledged messages, which it delivers again.
 *
 *      lt_mqtt_start          connect returned       CONNACK 0            lt_mqtt_stop
 *  IDLE ---------> CONNECTING ---------> GREETING ---------> UP ------------> CLOSED
 *                   ^    | failed           | refused, lost    | lost
 *                   |    v                  v                  v
 *                   +-- WAITING (jittered, growing) <----------+
 *
 * mosquitto_connect() blocks on name resolution and TCP, so CONNECTING runs on libuv's thread
 * pool; in that state nobody else touches the library's handle. A refused CONNACK is one more
 * reason to wait, never the end. Threads: all functions on the loop's thread; handlers run there.
 * Only this file sees mosquitto.h. */
#ifndef LT_MQTT_H
#define LT_MQTT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "lt/err.h"
#include "lt/secret.h"

#define LT_MQTT_MAX_CORRELATION 1024 /* longest correlation data kept; a longer one is ignored */

struct lt_mqtt; /* opaque */

/* Strings are copied by lt_mqtt_new. */
struct lt_mqtt_options {
    const char *host;
    int port;
    const char *username; /* "" for none */
    const struct lt_secret *password;
    const char *client_id;
    int version; /* 5 or 4 */
    int is_tls, is_tls_insecure;
    const char *ca_file, *cert_file, *key_file; /* "" for none */
    int keepalive_s;
    uint32_t session_expiry_s; /* 0: a clean session */
    uint16_t receive_maximum;
    int64_t reconnect_min_ms, reconnect_max_ms;
    const char *will_topic, *will_payload; /* retained, QoS 1; NULL for none */
};

/* What the configuration says of the broker; a clean session without a will until the caller sets them. All is
 * borrowed. */
struct lt_config;
struct lt_mqtt_options lt_mqtt_options_of(const struct lt_config *c,
                                          const struct lt_secret *password, const char *client_id);

struct lt_mqtt_message { /* borrowed for the callback */
    const char *topic;
    const char *payload; /* followed by a NUL; never NULL */
    size_t payload_len;
    int qos, is_retained;
    int packet_id;              /* of QoS 1; a redelivery in the same session has the same */
    const char *response_topic; /* NULL: none */
    const char *content_type;   /* NULL: none */
    const void *correlation;
    size_t correlation_len;
};

struct lt_mqtt_publish {
    const char *topic;
    const char *payload;
    size_t payload_len;
    int qos, is_retained;
    uint32_t expiry_s; /* 0: none */
    const void *correlation;
    size_t correlation_len; /* 0: none */
    int is_binary;          /* neither text nor JSON: no format and no content type are said */
    int is_text;            /* plain text instead of JSON, for the content type */
};

struct lt_mqtt_handlers {
    void *ctx;
    void (*on_up)(void *ctx, int has_session); /* has_session: the broker kept ours */
    void (*on_down)(void *ctx, const char *why);
    void (*on_message)(void *ctx, const struct lt_mqtt_message *msg);
    /* The broker acknowledged a QoS 1 publish; reason >= 128 is a refusal. */
    void (*on_delivered)(void *ctx, int publish_id, int reason);
    /* granted is the QoS, or >= 128 when the broker's access list refuses. */
    void (*on_subscribed)(void *ctx, int subscribe_id, int granted);
};

/* Make a client; nothing is sent yet. LT_ERR_INVALID (the text says which option), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_mqtt_new(uv_loop_t *loop, const struct lt_mqtt_options *opt,
                                     const struct lt_mqtt_handlers *handlers, struct lt_mqtt **out,
                                     struct lt_diag *diag);
void lt_mqtt_start(struct lt_mqtt *m);
int lt_mqtt_is_up(const struct lt_mqtt *m);
/* Why the connection is down, one line; "" while up. */
const char *lt_mqtt_fault(const struct lt_mqtt *m);
/* Longest wait between attempts, from now on. */
void lt_mqtt_set_reconnect_max(struct lt_mqtt *m, int64_t max_ms);

/* Subscribe. LT_ERR_NETWORK when down: do it in on_up. With `is_new_only` retained messages come
 * only when the subscription did not exist; retained ones never come with `is_live_only`. */
LT_NODISCARD enum lt_err lt_mqtt_subscribe(struct lt_mqtt *m, const char *filter, int qos,
                                           int is_live_only, int *subscribe_id);
/* Queue a message; it leaves when no hold is open. LT_ERR_NETWORK when down: nothing is queued.
 * `publish_id` may be NULL. LT_ERR_INVALID, LT_ERR_LIMIT (over the broker's packet size). */
LT_NODISCARD enum lt_err lt_mqtt_send(struct lt_mqtt *m, const struct lt_mqtt_publish *p,
                                      int *publish_id);

/* How many more QoS 1 messages can be sent at once before the library would queue them behind the
 * broker's acknowledgements of earlier ones. */
int lt_mqtt_room(const struct lt_mqtt *m);
/* QoS 1 messages sent and not yet acknowledged. */
int lt_mqtt_unacknowledged(const struct lt_mqtt *m);

/* Open and close a hold; they nest. A lost connection does not close them. */
void lt_mqtt_hold(struct lt_mqtt *m);
void lt_mqtt_release(struct lt_mqtt *m);

/* Stop and start reading, apart from holds: nothing new is accepted while writing goes on. */
void lt_mqtt_pause(struct lt_mqtt *m, int is_paused);

/* Send what is queued (when no hold is open), say goodbye, and call `fn` when the loop no longer
 * needs this object: then lt_mqtt_free may be called. Returns 0 when a connection attempt still
 * blocks a pool thread: `fn` runs when that ends, which may take minutes; a caller in a hurry ends
 * the process instead. */
int lt_mqtt_stop(struct lt_mqtt *m, void (*fn)(void *ctx));
void lt_mqtt_free(struct lt_mqtt *m); /* NULL is fine; after _stop's fn, or when never started */

#endif
