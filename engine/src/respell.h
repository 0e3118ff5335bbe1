/* respell.h - an utterance as it was meant where a word of it is mistyped.
 *
 * A word of letters that is neither in the catalogue's names nor among the words that training has
 * shown (san/known.h; endings as of "dimming" allowed for) is read as the nearest word that is, if
 * one mistake leads there: two neighbours exchanged, a letter too many, one missing, one wrong, tried
 * in this order (Damerau 1964), never the first letter unless exchanged with the second. The catalogue's
 * words come first, then the more frequent ones. Words of three letters and less stay; of four, only
 * exchanged and missing letters are mended. A capital inside the sentence is a name: the catalogue's
 * alone are looked at. Values that are copied from the utterance are copied as they were typed: this is
 * for the network's reading only. */
#ifndef SAN_RESPELL_H
#define SAN_RESPELL_H

#include "san/known.h"
#include "san/lex.h"
#include "san/plan.h"

#define SAN_RESPELL_MAX                                                                            \
    8 /* words of one utterance that are mended; a text that needs more is not English */

/* Copy text with its mistyped words mended into out, and return how many were; 0 leaves out alone. `words`
 * are the text's. out has room for strlen(text) + SAN_RESPELL_MAX + 1 bytes. */
int san__respell(const struct san_known *known, const struct san_plan *plan, const char *text,
                 const struct san_word *words, int n_words, char *out);

#endif
