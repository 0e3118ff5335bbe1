/* fleet.h - many homes learn together: what a hub sends to a collector, and what comes back.
 *
 *     hub                       broker                                  collector
 *     lintel share  --- <prefix>/<site>/trace, QoS 1 --------------->   lintel collect
 *       mark moves with the acknowledgement       committed before it is acknowledged
 *     lintel share  <-- <prefix>/fleet/network, retained, QoS 1 ----    lintel collect --publish FILE
 *       size, hash, Ed25519 signature, vocabulary, then the rules of promote.h
 *
 * A trace leaves only when fleet.share names its site, when it has a label that says what is right, and
 * redacted (fleet_trace.c). Nothing of either command runs in the serving process.
 *
 * A network message is one line of JSON, {"lintel":"network","name","bytes","sha256","signature"}, a line
 * break, and the file. One message, so that a hub sees all of it or nothing; the signature (sign.h) is over
 * the file, the rest of the line only lets a hub say what is wrong.
 * Threads: one. */
#ifndef LT_FLEET_H
#define LT_FLEET_H

#include <jansson.h>
#include <uv.h>

#include "config.h"
#include "lt/docs.h"
#include "lt/store.h"
#include "mqtt.h"
#include "privacy.h"
#include "topics.h"

#define LT_FLEET_TRACE_MAX   (1u << 20)  /* longest trace message */
#define LT_FLEET_NETWORK_MAX (64u << 20) /* longest network file */
#define LT_FLEET_PER_DAY     2000        /* traces that a collector takes of one site in a day */
#define LT_FLEET_TOOLS       15          /* tools sent besides those that are called */
#define LT_FLEET_ENTITIES    16          /* devices sent besides those that are named */
#define LT_FLEET_NETWORK     "fleet/network" /* topic below the prefix */

/* ---- traces: fleet_trace.c ---- */

/* What a trace looks like outside: a data line in which listed people, long numbers and addresses are
 * placeholders, devices have no state, rooms that the cloud never hears of are missing, and of tools and
 * devices only the called ones and a few more are left. *out is a new reference, or NULL when the trace
 * stays here: no label that teaches, excluded, said in a private room, or what is left no longer fits. */
LT_NODISCARD enum lt_err lt_fleet_line(const struct lt_docs *docs,
                                       const struct lt_privacy_rules *rules,
                                       const struct lt_trace_row *row, const char *catalog,
                                       json_t **out, struct lt_diag *diag);

/* Take a message that came for `site` into the collector's store; the same trace again only gets its
 * label anew (*is_known 1). LT_ERR_PARSE, LT_ERR_INVALID, LT_ERR_LIMIT, LT_ERR_UNSUPPORTED: the message
 * is no good, nothing changed. Other errors are the store's: it must come again. */
LT_NODISCARD enum lt_err lt_fleet_take(struct lt_store *s, const struct lt_docs *docs,
                                       const char *site, const char *payload, size_t n,
                                       int *is_known, struct lt_diag *diag);

/* ---- networks: fleet_network.c ---- */

/* The message for a network file, signed with the private key in `key` (FILE.sig is written as `lintel
 * models sign` does). *out is malloc'ed. */
LT_NODISCARD enum lt_err lt_fleet_pack(const char *file, const char *key, char **out, size_t *n,
                                       struct lt_diag *diag);

/* Check a message in this order: form, size, hash, signature by `trust`, that it opens, vocabulary of the
 * network in `active`. On LT_OK the file lies in `folder` under its hash and `path` names it; on any error
 * nothing of it is left. */
LT_NODISCARD enum lt_err lt_fleet_unpack(const char *payload, size_t n, const char *trust,
                                         const char *active, const char *folder, char *path,
                                         size_t path_bytes, struct lt_diag *diag);
/* The hash that the message says it has, "" for none: to pass over what is known. */
void lt_fleet_hash(const char *payload, size_t n, char hash[LT_SHA256_HEX_CAP]);

/* ---- the connection: fleet_link.c ---- */

struct lt_fleet_link; /* opaque: a loop, a client, two timers */

struct lt_fleet_hooks {
    void *ctx;
    void (*on_up)(void *ctx);
    void (*on_message)(void *ctx, const struct lt_mqtt_message *msg);
    void (*on_delivered)(void *ctx, int publish_id, int reason);
    void (*on_tick)(void *ctx); /* every second while up */
    /* Everything that waited at the broker when lt_fleet_subscribe was called has come; or the broker
     * does not allow the subscription (is_allowed 0). NULL: not asked. */
    void (*on_quiet)(void *ctx, int is_allowed);
};
/* A client named <role>-<client id or host and site>, with a session that the broker keeps for
 * session_s. LT_ERR_INVALID, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_fleet_open(const struct lt_config *c, const char *role,
                                       uint32_t session_s, const struct lt_fleet_hooks *hooks,
                                       struct lt_fleet_link **out, struct lt_diag *diag);
struct lt_mqtt *lt_fleet_mqtt(struct lt_fleet_link *l);
/* From on_up: subscribe at QoS 1. LT_ERR_NETWORK when down again, LT_ERR_INVALID for a bad filter. */
LT_NODISCARD enum lt_err lt_fleet_subscribe(struct lt_fleet_link *l, const char *filter);
/* Run until lt_fleet_stop, SIGTERM or SIGINT, or until there was no connection for wait_ms (0: for ever).
 * LT_ERR_NETWORK with the broker's fault for the last. */
LT_NODISCARD enum lt_err lt_fleet_run(struct lt_fleet_link *l, int64_t wait_ms,
                                      struct lt_diag *diag);
/* From a hook: say goodbye and end the run. */
void lt_fleet_stop(struct lt_fleet_link *l);
/* From on_message: end the run at once, with nothing acknowledged since the last turn. */
void lt_fleet_abort(struct lt_fleet_link *l);
void lt_fleet_close(struct lt_fleet_link *l); /* NULL is fine */

#endif
