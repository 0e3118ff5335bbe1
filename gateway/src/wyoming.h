/* wyoming.h - a Wyoming server: Home Assistant's way to a conversation agent.
 *
 * Home Assistant asks what we are (`describe`), lists us, and sends what was said as `transcript`, a
 * connection for each; the answer is `handled` with the words to speak, or `intent`, which Home
 * Assistant carries out itself (wyoming.mode). An `intent` always names a device or an area: Home
 * Assistant checks nothing more, and one without would switch the whole house. No room comes with a
 * transcript, so wyoming.rooms maps satellites and devices to rooms.
 *
 *     OPEN --(bytes)--> events: ping, describe: answered at once
 *       |                       transcript, recognize: ASKING -> one answer -> OPEN
 *       |                       audio-start, -chunk, -stop: `transcript`, and unless `transcribe` came
 *       |                       before it (Lintel as speech-to-text only), ASKING as if it had said so
 *       | half-closed by the client: what is under way is answered, then closed
 *       +--> CLOSING on a broken stream (after an `error` event), too long a silence, or shutdown
 *
 * A client that leaves before its answer cancels what has not acted yet. There is no authentication in
 * the protocol: bind it where only those who may command the home can reach it. Threads: the loop's. */
#ifndef LT_WYOMING_H
#define LT_WYOMING_H

#include "lt/err.h"

#define LT_WYOMING_IDLE_S 60        /* a connection that says nothing for this long is closed */
#define LT_WYOMING_UNSENT (1 << 20) /* bytes a client may leave unread before it is closed */

struct lt_gateway;
struct lt_wyoming; /* opaque */

/* Listen as configured; *out stays NULL when wyoming.port is 0. LT_ERR_NETWORK (address in use, text
 * says which), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_wyoming_open(struct lt_gateway *gw, struct lt_wyoming **out,
                                         struct lt_diag *diag);
/* Stop listening; connections end when their answers are out. NULL is fine. */
void lt_wyoming_stop(struct lt_wyoming *w);
/* Close everything; memory goes in the loop's next turns. NULL is fine. */
void lt_wyoming_close(struct lt_wyoming *w);

#endif
