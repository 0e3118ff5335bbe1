/* lt/near.h - the sentences of a network that sound most like a given one.
 *
 * "turn on the lamp" sounds much like "turn off the lamp", less like "turn on the fan" and hardly like "what
 * time is it". Sounds are compared as phones (ARPAbet, as dictionaries have them): the distance of two
 * sentences is the cheapest way to make one's phones into the other's, where to change T into D or
 * one vowel into another costs little, to change, leave out or add unlike ones more. The nearest sentences are
 * found best first (A*: Hart, Nilsson, Raphael 1968) over the network, with the exact cost of the
 * cheapest end as the guess for what is left. Of sentences that differ only in words nobody minds
 * ("the", "please", lt_commands_is_same) the nearest one is given. One owner; between calls nothing changes. */
#ifndef LT_NEAR_H
#define LT_NEAR_H

#include "lt/commands.h"

#define LT_NEAR_MAX        64   /* sentences given */
#define LT_NEAR_PHONES_MAX 160  /* of the sentence looked for; what is beyond is not compared */
#define LT_NEAR_STEPS_MAX  3000 /* beginnings of sentences gone on with, in one search */

struct lt_near; /* opaque */

/* The phones of a word of the network, single spaces between, to be freed with free(); NULL: unknown,
 * its sentences are never near. */
typedef char *(*lt_near_say_fn)(void *ctx, const char *word);

struct lt_near_sentence {
    char words[LT_COMMANDS_TEXT_MAX]; /* of the network: names joined by '_' */
    float distance;
    float chance; /* ln of how often it is said, by the shares of its arcs */
};

/* For the arcs, which are borrowed. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_near_new(const struct lt_arcs *arcs, lt_near_say_fn say, void *ctx,
                                     struct lt_near **out);
void lt_near_free(struct lt_near *n); /* NULL is fine */
/* The sentences nearest to `phones`, nearest first, at most `max` (LT_NEAR_MAX), none beyond
 * `distance`; *n_out of them. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_near_find(const struct lt_near *n, const char *phones, float distance,
                                      size_t max, struct lt_near_sentence *out, size_t *n_out);

#endif
