/* speech_int.h - what speech.c and the two recognisers behind it share: an utterance being heard. */
#ifndef LT_SPEECH_INT_H
#define LT_SPEECH_INT_H

#include "gateway_int.h"
#include "lt/endpoint.h"
#include "lt/resample.h"
#include "speech.h"
#include "wyoming_peer.h"

struct lt__local; /* speech_local.c */

struct lt_speech {
    struct lt_gateway *gw;
    struct lt_ear *ears;
    int n_ears, is_closed, n_voices, is_timer_open;
    uv_timer_t soon;         /* tells what was known at once, in a turn of its own */
    struct lt__local *local; /* NULL: a server hears, or nobody */
    struct voice *voices;    /* answers being spoken */
};

struct lt_ear {
    struct lt_ear *next, **prev;
    struct lt_speech *s;
    char site[LT_SITE_MAX_BYTES + 1], lang[LT_GW_FIELD_BYTES];
    lt_heard_fn fn;
    void *ctx;
    struct lt_wav format; /* of the sound; rate 0: none came yet */
    struct lt_resample *resample;
    struct lt_endpoint endpoint;
    size_t n_samples;         /* at 16 kHz */
    int is_begun;             /* somebody speaks: the recogniser listens */
    int is_ended, is_settled; /* is_settled: the outcome is known and will be told soon */
    char error[400];
    struct lt_heard *heard; /* outcome; NULL: nothing */
    int16_t *pending;       /* sound the recogniser did not get yet */
    size_t n_pending, cap_pending;
    struct lt_wyoming_peer *peer; /* of a server; NULL when it is through */
};

/* The outcome is known: tell it in a turn of the loop's own. `heard` is copied; NULL for nothing.
 * `error` NULL for none. */
void lt__ear_settle(struct lt_ear *e, const struct lt_heard *heard, const char *error);

/* speech_local.c: the recogniser inside. */
LT_NODISCARD enum lt_err lt__local_open(struct lt_speech *s, struct lt__local **out,
                                        struct lt_diag *diag);
void lt__local_close(struct lt__local *l);                    /* ends its thread */
void lt__local_pump(struct lt__local *l);                     /* there is sound, or an end */
void lt__local_forget(struct lt__local *l, struct lt_ear *e); /* it is about to be freed */

#endif
