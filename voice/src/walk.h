/* walk.h - the sentence of a network that an utterance fits best by phones in general.
 *
 * The library searches the network by phones in their neighbourhood. Where those err, the right sentence is not
 * among what it finds, nor near to it, and no second look (coarse.h) can bring it back. So the network is walked
 * once more, over the general phones of the notes: every way through all of it at once, one moment after the
 * other, what is worse than the best by a beam left behind (token passing: Young, Russell, Thornton 1989).
 * The tokens of a word are three states a phone; a state of the network has an optional silence.
 *
 *      at a state --word's first state--> ... --word's last state--> at the next state
 *          |  ^
 *          v  |                                   an arc without a word is taken in no time
 *         silence
 *
 * Inside recogniser.c only. One owner. */
#ifndef LT_WALK_H
#define LT_WALK_H

#include "coarse.h"
#include "lt/commands.h"

struct lt_walk; /* opaque */

/* For arcs and a model, both borrowed; `chance_unit` is what a sentence e times as often said is worth in
 * scores. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_walk_new(const struct lt_arcs *arcs, struct lt_coarse *coarse,
                                     double chance_unit, struct lt_walk **out);
void lt_walk_free(struct lt_walk *w); /* NULL is fine */
/* The best sentence over what `coarse` took, words as the network has them, single spaces between;
 * empty: none reaches the end. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_walk_find(struct lt_walk *w, char words[LT_COMMANDS_TEXT_MAX]);

#endif
