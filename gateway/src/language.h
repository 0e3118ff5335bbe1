/* language.h - in which language somebody speaks.
 *
 * Given with the request, or told by small words that only that language has; of what cannot be told
 * nothing is assumed. Pure; any thread. */
#ifndef LT_LANGUAGE_H
#define LT_LANGUAGE_H

#define LT_LANG_CAP 3 /* two letters */

/* The two letters of a given language ("de-AT" is "de"), or of the one the text is in; "" when it
 * cannot be told. `given` may be NULL. */
void lt_language_of(const char *given, const char *text, char out[LT_LANG_CAP]);

#endif
