/* plain.h - plain commands, read word by word against the names of the home.
 *
 * Beside the network stands a strict reader for the commands that need none: "turn on the pond pump",
 * "close the gate", "set the hall lamp to 20", "is the shed locked?", and for relative ones, which no
 * tool of the home tool set has words for: "a bit brighter", "make it warmer in the bedroom", "turn
 * the heating down". Strict means that every word that was said is a verb or small word of the tables, a
 * number, or a word of the names, room, floor or kind of the things that are meant, and that these are
 * the only ones with all of them. One word that is none of these, and the reader says nothing at all.
 *
 *     words -> verb, number -> target words (one part, or several joined by "and")
 *           -> per part: the one thing exactly called so, else the only one with all the words
 *              (of several: those in the speaker's room) -> calls, or "which one?"
 *
 * A relative request becomes an absolute call from what the device reported last: 20 points of light or
 * fan (a bit: 15, a lot: 40), one degree (a lot: 2; twice that in Fahrenheit). Pure, over a catalogue
 * and a reader of states. English only, as the replies are. */
#ifndef LT_PLAIN_H
#define LT_PLAIN_H

#include "ask.h"

#define LT_PLAIN_PARTS_MAX   4 /* most targets joined by "and" */
#define LT_PLAIN_TARGETS_MAX 8 /* most things of one relative request, and of "both" or "all" */

/* What a thing reported. */
struct lt_plain_state {
    int is_on;       /* -1: not known; of players: whether it plays */
    int has_level;   /* can be set: light in per cent, fan in per cent, temperature in degrees */
    double level;    /* NAN: not known */
    double min, max; /* of the level */
    int is_fahrenheit;
};
/* Fill *out for the entity with this id; 0 when nothing works it. */
typedef int (*lt_plain_read_fn)(void *ctx, const char *id, struct lt_plain_state *out);

struct lt_plain {  /* zero-initialise; lt_plain_free */
    json_t *calls; /* NULL: nothing was read */
    int is_relative;
    int is_question;             /* it asks for a state */
    struct lt_question question; /* kind LT_ASK_NOTHING, or which one of several (then no calls) */
};
void lt_plain_free(struct lt_plain *p); /* zeroes it */

/* Read `said`; a question is asked in the tongue `t`. `here`: room of the speaker, or NULL; `read` may be NULL: then nothing is relative. Only
 * tools of the catalogue are called. */
void lt_plain_read(const struct lt_tongue *t, const struct lt_catalog *c,
                   const struct lt_words *said, const char *here, lt_plain_read_fn read, void *ctx,
                   struct lt_plain *out);

#endif
