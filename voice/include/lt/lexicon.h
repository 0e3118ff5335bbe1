/* lt/lexicon.h - how words are pronounced, in the 39 phones of the CMU dictionary.
 *
 * Pronunciations of the words that a language model uses are taken from a dictionary file (a word and
 * its phones a line, further pronunciations as "word(2)"). A word that is not there is taken apart:
 * a plural or possessive of a known word, two known words written as one ("sideboard"), and otherwise
 * rules of English spelling, longest piece first. Pure but for reading the file. */
#ifndef LT_LEXICON_H
#define LT_LEXICON_H

#include <stddef.h>
#include <stdio.h>

#include "lt/err.h"

#define LT_LEXICON_PHONES_BYTES 256

/* Pronounce `word` (lower case a-z and apostrophe) by rule alone; writes phones to out. */
void lt_lexicon_by_rule(const char *word, char out[LT_LEXICON_PHONES_BYTES]);

/* Write the entries of n words to `out`, from the dictionary file or by rule. *n_unknown (may be NULL)
 * counts those that were pronounced by rule. LT_ERR_NOTFOUND, LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_lexicon_write(const char *const *words, size_t n,
                                          const char *dictionary_path, FILE *out, size_t *n_unknown,
                                          struct lt_diag *diag);

/* The same for words joined by '_' ("living_room"): the pronunciations of their parts after one
 * another, in every combination up to LT_LEXICON_VARIANTS. *n_unknown counts parts. */
#define LT_LEXICON_VARIANTS 6
LT_NODISCARD enum lt_err lt_lexicon_write_joined(const char *const *words, size_t n,
                                                 const char *dictionary_path, FILE *out,
                                                 size_t *n_unknown, struct lt_diag *diag);

/* Write a dictionary's text (as the above write it) to `out` with British pronunciations added as
 * further ones: an R that no vowel follows is not said ("AA R" "AA", "IH R" "IH AH", "ER" "AH"); and with
 * the vowels of "off" and "hot" changed for each other, which are one for many Americans; and with the
 * weak vowel of "minutes" as in "bit"; and with all vowels as open as in London's suburbs or Australia ("EY"
 * "AY", "AE" "AA", "EH" "AE", "OW" "AH UH", "AY" "AA IY").
 * Source: Wells, Accents of English (1982), 3.2.2, 4.2.4 and 6.1.2. LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_lexicon_add_british(const char *dictionary, FILE *out);

#endif
