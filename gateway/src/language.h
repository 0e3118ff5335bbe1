/* language.h - in which language somebody speaks.
 *
 * Given with the request, or told by small words that only that language has; of what cannot be told
 * nothing is assumed. Pure; any thread. */
#ifndef LT_LANGUAGE_H
#define LT_LANGUAGE_H

#include <stddef.h>

#define LT_LANG_CAP 3 /* two letters */

/* The two letters of a given language ("de-AT" is "de"), or of the one the text is in; "" when it
 * cannot be told. `given` may be NULL. */
void lt_language_of(const char *given, const char *text, char out[LT_LANG_CAP]);

/* Is a request in one of these languages, so far as can be told? Not when another is given with it or told by
 * its words, nor when what its words do not tell is written in letters that none of them uses (Cyrillic, Han).
 * Either string may be NULL. */
int lt_language_is_known(const char *given, const char *text, const char *const *langs,
                         size_t n_langs);

#endif
