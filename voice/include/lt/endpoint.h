/* lt/endpoint.h - where in a stream of sound somebody begins and stops speaking.
 *
 * Loudness of 20 ms pieces against the quietest of the last second, the background: speech has begun
 * after three pieces out of five that stand out, and ended after `silence_ms` without one.
 *
 *              3 of 5 pieces loud             silence_ms quiet, or max_ms
 *     WAITING -------------------> SPEAKING -----------------------------> ENDED
 *        | wait_ms and nobody spoke                                          ^
 *        +-------------------------> NOTHING --------------------------------+ (both for good)
 *
 * Pure state, 16 kHz samples, no memory of its own. */
#ifndef LT_ENDPOINT_H
#define LT_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#define LT_ENDPOINT_PIECE  320 /* samples judged at a time: 20 ms */
#define LT_ENDPOINT_MEMORY 60  /* pieces among which the background is looked for */

enum lt_endpoint_state {
    LT_ENDPOINT_WAITING,
    LT_ENDPOINT_SPEAKING,
    LT_ENDPOINT_ENDED,
    LT_ENDPOINT_NOTHING
};

struct lt_endpoint {
    enum lt_endpoint_state state;
    int silence_ms, wait_ms, max_ms;   /* settings, see lt_endpoint_init */
    int64_t heard_ms;                  /* all that was looked at */
    int64_t spoken_ms, quiet_ms;       /* since speech began; since the last loud piece */
    float past_db[LT_ENDPOINT_MEMORY]; /* loudness of the last pieces, a ring */
    int64_t n_pieces;
    unsigned recent; /* a bit for each of the last pieces, 1: loud */
    double energy;   /* of the piece under way */
    size_t n;
};

/* silence_ms ends an utterance (700 suits), wait_ms gives up when nobody speaks, max_ms cuts. */
void lt_endpoint_init(struct lt_endpoint *e, int silence_ms, int wait_ms, int max_ms);
/* Take samples; returns the state after them. */
enum lt_endpoint_state lt_endpoint_hear(struct lt_endpoint *e, const int16_t *samples, size_t n);

#endif
