/* lt/ngram.h - which word follows which: a language model counted from sentences.
 *
 * Sentences of lower-case words are counted as runs of up to three words and written as an ARPA
 * file, the text form every recogniser reads. What was never seen keeps some probability: a run that
 * is unknown is judged by its last two words, those by the last one (Witten-Bell interpolation;
 * Chen and Goodman 1998, section 2.5). One owner; memory grows with the distinct runs and is bounded
 * by LT_NGRAM_MAX_RUNS. */
#ifndef LT_NGRAM_H
#define LT_NGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lt/err.h"

#define LT_NGRAM_MAX_WORDS 60000 /* most distinct words; further ones end the count of a sentence */
#define LT_NGRAM_MAX_RUNS  2000000 /* most distinct runs of two, and of three */

struct lt_ngram; /* opaque */

LT_NODISCARD struct lt_ngram *lt_ngram_new(void); /* NULL: out of memory */
void lt_ngram_free(struct lt_ngram *m);           /* NULL is fine */
/* Count one sentence, words apart by single spaces, `count` times. LT_ERR_NOMEM, LT_ERR_LIMIT. */
LT_NODISCARD enum lt_err lt_ngram_add(struct lt_ngram *m, const char *sentence, unsigned count);
/* Distinct words so far, and the i-th; borrowed. */
size_t lt_ngram_n_words(const struct lt_ngram *m);
const char *lt_ngram_word(const struct lt_ngram *m, size_t i);
/* Write it as ARPA. `openness` is how far an unknown run is believed possible: 1 is Witten-Bell's
 * own, larger gives more to what was not seen. LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_ngram_write(const struct lt_ngram *m, double openness, FILE *out);

#endif
