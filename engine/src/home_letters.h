/* home_letters.h - words that look alike: a dictionary searched by trigrams. Private to the engine.
 *
 * A word of n letters has n trigrams, counting one that begins at the word's start. Two words are
 * alike by the share of trigrams they have in common (Dice's coefficient), or when one stands nearly
 * whole within the other ("Küchenlampe", "Lampe"). Words of fewer than four bytes have no say.
 * Threads: read-only once done. Memory: some 20 bytes a letter of the dictionary. */
#ifndef SAN_HOME_LETTERS_H
#define SAN_HOME_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"

#define SAN__ALIKE_MAX 4 /* words found for one */

struct san__letters {
    struct san__gram {
        uint32_t gram; /* three bytes */
        int term;
    } * grams; /* sorted once done */
    size_t n, cap;
    uint8_t *len; /* (n_terms) trigrams of each, 0: not in the dictionary */
    int n_terms;
};

struct san__alike {
    int term;
    float share; /* 0..1 */
};

LT_NODISCARD enum lt_err san__letters_init(struct san__letters *l, int n_terms);
void san__letters_fini(struct san__letters *l);
/* Enter term number `term`, whose text has n bytes; a term already there stays. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__letters_add(struct san__letters *l, int term, const char *text,
                                          size_t n);
LT_NODISCARD enum lt_err san__letters_done(struct san__letters *l);
/* The terms most alike to a word, best first; returns how many. `count` (n_terms) must be zero and is
 * so again afterwards; `seen` (n_terms) is scratch. */
int san__letters_find(const struct san__letters *l, const char *word, size_t n, uint8_t *count,
                      int *seen, struct san__alike out[SAN__ALIKE_MAX]);

#endif
