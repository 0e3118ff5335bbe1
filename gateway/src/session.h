/* session.h - conversations of two turns: a question and its answer, a deed and its undoing.
 *
 * A session is the turns that share a site and a `session` of the request; without one, the room of
 * the speaking device stands for it, and without that the front door. Of each the memory keeps one
 * open question and the last deed, for a short time:
 *
 *                   asked                            answered: LT_TURN_CALLS
 *     (nothing) ------------> QUESTION ---------------------------------------> carried out
 *         ^                     |  |  ^ narrowed, not understood: asked again        |
 *         |   never mind, no    |  +--+ (at most LT_TALK_TRIES times)                | lt_talk_executed
 *         +---------------------+                                                    v
 *         |   talk.question_s passed, or another command came                      DEED
 *         +--------------------------------------------------------------------------+
 *             talk.undo_s passed, undone ("undo that"), or the next deed
 *
 * "No, the other one" is an undoing and the same deed on another device. An utterance that has nothing
 * to do with what went before is LT_TURN_NEW and goes its usual way. Pure but for the memory: the time
 * comes with each call, nothing is read or sent. Threads: one owner. */
#ifndef LT_SESSION_H
#define LT_SESSION_H

#include "ask.h"
#include "house.h"
#include "lt/clock.h"

#define LT_TALK_SESSIONS_MAX 256 /* most sessions remembered; the one longest silent goes */
#define LT_TALK_KEY_MAX      320 /* longest key, bytes */
#define LT_TALK_TRIES        2 /* times a question is repeated when the answer is not understood */
#define LT_TALK_CALLS_MAX    8 /* most calls of an answer such as "all of them" */

struct lt_talk; /* opaque */

struct lt_talk_options {
    lt_us question_us; /* how long a question stays open */
    lt_us undo_us;     /* how long a deed can be undone */
    struct lt_phrases phrases;
};
LT_NODISCARD struct lt_talk *lt_talk_new(const struct lt_talk_options *o); /* NULL: no memory */
void lt_talk_set(struct lt_talk *t, const struct lt_talk_options *o);
void lt_talk_free(struct lt_talk *t); /* NULL is fine */

/* The key of a session: site and session, or site and room, or site and door. */
void lt_talk_key(const char *site, const char *session, const char *here, const char *source,
                 char out[LT_TALK_KEY_MAX + 1]);

/* ---- a turn ---- */

struct lt_turn_in {
    const char *key, *text;
    const struct lt_tongue *tongue; /* in which it is answered; NULL: English */
    const struct lt_catalog *catalog;
    lt_us now_us;
    int is_command; /* the network is sure of a call for these words alone */
};
enum lt_turn_kind {
    LT_TURN_NEW,   /* nothing to do with what went before */
    LT_TURN_CALLS, /* carry these out */
    LT_TURN_ASK,   /* ask (again): what is to be said is in speech */
    LT_TURN_DROP,  /* the speaker wants nothing, or nothing can be done: say why */
};
struct lt_turn { /* zero-initialise; lt_turn_free */
    enum lt_turn_kind kind;
    json_t *calls;   /* CALLS; ASK: what the question is about */
    json_t *choices; /* ASK: labels, an array of strings; may be NULL */
    struct lt_changes
        *undo;        /* CALLS: first take these changes back; borrowed until the next call */
    int is_undo;      /* CALLS: an undoing, perhaps with a deed after it */
    int is_confirmed; /* CALLS: the speaker was asked and said yes */
    int is_pin;       /* CALLS: ... and the code was right */
    char speech[LT_ASK_SPEECH];
};
void lt_turn_free(struct lt_turn *t); /* zeroes it */

/* What does this utterance mean after what went before? `is_pin_right`: the code was said with it. */
void lt_talk_turn(struct lt_talk *t, const struct lt_turn_in *in, int is_pin_right,
                  struct lt_turn *out);
/* Is the code asked for in this session? Then what comes must not be written down. */
int lt_talk_wants_pin(const struct lt_talk *t, const char *key, lt_us now_us);

/* A question goes out: remember it (its content moves here; q is zeroed). */
void lt_talk_ask(struct lt_talk *t, const char *key, struct lt_question *q, lt_us now_us);
/* Calls were carried out. `restore`: calls that bring the former states back, NULL when nobody knows
 * them: then the opposite calls are taken where there are such. `changes` (may be NULL) moves here. */
void lt_talk_executed(struct lt_talk *t, const char *key, const json_t *calls,
                      const json_t *restore, struct lt_changes *changes, lt_us now_us);
/* In which language the session is held: noted when somebody speaks it, known for talk.question_s; "" when
 * nothing is noted. "Yes" and "the second one" tell no language by themselves. */
void lt_talk_speaks(struct lt_talk *t, const char *key, const char *lang, lt_us now_us);
void lt_talk_language(const struct lt_talk *t, const char *key, lt_us now_us,
                      char out[LT_LANG_CAP]);
/* Forget question and deed of a session. */
void lt_talk_forget(struct lt_talk *t, const char *key);

/* The opposite of a call ("turn off" of "turn on") as a new reference; NULL where there is none. */
json_t *lt_talk_opposite(const json_t *call);

#endif
