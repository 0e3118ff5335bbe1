/* coarse.h - how well sentences fit an utterance by their phones alone.
 *
 * The acoustic model knows a phone in thousands of neighbourhoods (recheck.h scores by those), and each
 * phone in general. The former is sharper, but wrong now and then where a voice says something its
 * way; the latter errs elsewhere. Half of each tells sentences apart better than either. The notes of a search
 * (recheck.h) have the scores of both; here the best way through a sentence's phones, three states
 * each, silence allowed between words, is found over the general ones (Viterbi), a tenth of a
 * millisecond or two a sentence. Inside recogniser.c only. One owner. */
#ifndef LT_COARSE_H
#define LT_COARSE_H

#include <stdint.h>
#include <stdio.h>

#include "lt/err.h"

#define LT_COARSE_STATES   3  /* of a phone */
#define LT_COARSE_VARIANTS 8  /* pronunciations of a word, further ones are not looked at */
#define LT_COARSE_IN_WORD  48 /* phones; names of several words are one */

struct lt_coarse; /* opaque */

/* The phones of a word ("word(2)": its second pronunciation), to be freed with free(); NULL: none. */
typedef char *(*lt_coarse_say_fn)(void *ctx, const char *word);

/* For an acoustic model; `hmm` is its folder. LT_ERR_UNSUPPORTED: its mdef is not the binary one with
 * three states a phone, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_coarse_new(const char *hmm, lt_coarse_say_fn say, void *ctx,
                                       struct lt_coarse **out);
void lt_coarse_free(struct lt_coarse *c); /* NULL is fine */
/* Take the notes of an utterance; how many moments they have. 0: none. */
size_t lt_coarse_take(struct lt_coarse *c, FILE *notes);
/* The score of a sentence (words of the dictionary, single spaces between) by what was taken, the
 * better the higher, on the scale of lt_recheck_score; 0: it does not fit at all, or a word is unknown. */
int32_t lt_coarse_score(struct lt_coarse *c, const char *words);

/* For walk.h: the costs of all states of all phones (phone * LT_COARSE_STATES + state) at a moment of what was
 * taken, NULL after the last; a word's phones in its `variant`th pronunciation (from 1), how many, 0: too many
 * or one that is unknown, -1: it has no such variant; the phone that is silence. */
const int16_t *lt_coarse_moment(const struct lt_coarse *c, size_t t);
int lt_coarse_phones(const struct lt_coarse *c, const char *word, int variant,
                     uint8_t out[LT_COARSE_IN_WORD]);
int lt_coarse_silence(const struct lt_coarse *c);

#endif
