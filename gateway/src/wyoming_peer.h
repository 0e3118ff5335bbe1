/* wyoming_peer.h - a connection of ours to somebody else's Wyoming server: speech to text, text to
 * speech.
 *
 * One connection serves one utterance and ends in exactly one of two ways, told once:
 *
 *     CONNECTING --> OPEN --(events both ways)--> the owner closes it: lt_wyoming_peer_close
 *         |            |
 *         +------------+--> on_fail(why): no such host, refused, timed out, broken stream, EOF
 *
 * What is sent before the connection stands waits, at most LT_WYOMING_PEER_UNSENT bytes. Threads: the
 * loop's. The object goes in the loop's next turns after close or on_fail. */
#ifndef LT_WYOMING_PEER_H
#define LT_WYOMING_PEER_H

#include <uv.h>

#include "wyoming_frame.h"

#define LT_WYOMING_PEER_CONNECT_MS 3000      /* longest wait for the connection */
#define LT_WYOMING_PEER_UNSENT     (2 << 20) /* bytes that may wait to be sent */

struct lt_wyoming_peer; /* opaque */

struct lt_wyoming_peer_handlers {
    void *ctx;
    void (*on_event)(void *ctx, const struct lt_wyoming_event *e); /* may close the peer */
    void (*on_fail)(void *ctx, const char *why); /* one line; the peer is gone after it */
};

/* Connect to "host:port". Fails only for LT_ERR_INVALID (no such form) and LT_ERR_NOMEM; all else
 * comes to on_fail, never from within this call. */
LT_NODISCARD enum lt_err lt_wyoming_peer_new(uv_loop_t *loop, const char *address,
                                             const struct lt_wyoming_peer_handlers *handlers,
                                             struct lt_wyoming_peer **out, struct lt_diag *diag);
/* Send an event; steals `data` (may be NULL). What cannot be sent fails the peer in a later turn. */
void lt_wyoming_peer_send(struct lt_wyoming_peer *p, const char *type, json_t *data,
                          const void *payload, size_t payload_len);
/* From now on something must come within ms; 0: no limit. */
void lt_wyoming_peer_expect(struct lt_wyoming_peer *p, int64_t ms);
void lt_wyoming_peer_close(struct lt_wyoming_peer *p); /* NULL is fine; no handler runs after it */

#endif
