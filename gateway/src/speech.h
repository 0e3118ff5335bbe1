/* speech.h - hearing and speaking: audio in, words out; words in, audio out.
 *
 * Whatever brings audio (a WAV on <prefix>/<site>/audio, Wyoming, Hermes) opens an ear, gives it sound of
 * any rate as it comes, ends it, and gets readings of what was said. Behind it is one of two
 * recognisers, by voice.recogniser: the one inside (lt/recogniser.h, on a thread of its own, one
 * utterance after the other), or a Wyoming speech-to-text server elsewhere.
 *
 *     lt_ear_new --> HEARING --(lt_ear_end, or LT_RECOGNISER_MAX_S of sound)--> ENDED --> fn, freed
 *                       +--(lt_ear_cancel)--> freed, fn is not called
 *
 * Silence gives no readings and asks nobody. lt_speech_say is the way back: a Wyoming text-to-speech server
 * (voice.tts) makes a WAV of an answer. Nothing here costs memory while voice.recogniser is "none".
 * Threads: the loop's. */
#ifndef LT_SPEECH_H
#define LT_SPEECH_H

#include "lt/recogniser.h"
#include "lt/wav.h"

#define LT_SPEECH_EARS_MAX   64        /* utterances heard at once; one more is refused */
#define LT_SPEECH_SILENCE_MS 800       /* with lt_ear_end_on_silence: this ends an utterance, */
#define LT_SPEECH_NOBODY_MS  6000      /* nobody speaking for this long ends it too, */
#define LT_SPEECH_LONGEST_MS 15000     /* and nobody is listened to for longer */
#define LT_SPEECH_WAIT_MS    15000     /* longest wait for a server's answer */
#define LT_SPEECH_WAV_MAX    (8 << 20) /* bytes of one spoken answer */
#define LT_SPEECH_TEXT_BYTES 1000      /* longest text handed to be spoken */

struct lt_gateway;
struct lt_speech; /* opaque; gw->speech */
struct lt_ear;    /* opaque */

/* What was heard, borrowed for the call: perhaps nothing (n_readings 0); or `error`, one line, when
 * the recogniser failed. */
typedef void (*lt_heard_fn)(void *ctx, const struct lt_heard *heard, const char *error);
/* A WAV of n bytes, or `error` with wav NULL. Borrowed. */
typedef void (*lt_spoken_fn)(void *ctx, const void *wav, size_t n, const char *error);

/* As configured; *out is NULL when neither hears nor speaks. LT_ERR_INVALID, LT_ERR_UNSUPPORTED (the
 * recogniser inside was asked for and is not there; says what to install), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_speech_open(struct lt_gateway *gw, struct lt_speech **out,
                                        struct lt_diag *diag);
void lt_speech_close(struct lt_speech *s); /* every ear is cancelled; NULL is fine */
int lt_speech_can_hear(const struct lt_gateway *gw);
int lt_speech_can_speak(const struct lt_gateway *gw);

/* Begin to listen for `site`; lang may be NULL. LT_ERR_UNSUPPORTED (nothing hears, or not that language),
 * LT_ERR_BUSY, LT_ERR_NOMEM. `fn` is called once, never from within this or lt_ear_*. */
LT_NODISCARD enum lt_err lt_ear_new(struct lt_gateway *gw, const char *site, const char *lang,
                                    lt_heard_fn fn, void *ctx, struct lt_ear **out,
                                    struct lt_diag *diag);
/* Hear sound; the format must stay the same (LT_ERR_INVALID). After the most it takes, or after its
 * end, sound is ignored. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_ear_hear(struct lt_ear *e, const struct lt_wav *sound);
/* 16 kHz samples as they are. */
LT_NODISCARD enum lt_err lt_ear_samples(struct lt_ear *e, const int16_t *samples, size_t n);
void lt_ear_end(struct lt_ear *e);
/* From now on it ends by itself where the speaker does; before any sound. */
void lt_ear_end_on_silence(struct lt_ear *e);
void lt_ear_cancel(struct lt_ear *e); /* NULL is fine */

/* Have `text` spoken. LT_ERR_UNSUPPORTED, LT_ERR_INVALID, LT_ERR_NOMEM: fn is never called. */
LT_NODISCARD enum lt_err lt_speech_say(struct lt_gateway *gw, const char *text, const char *lang,
                                       lt_spoken_fn fn, void *ctx, struct lt_diag *diag);

#endif
