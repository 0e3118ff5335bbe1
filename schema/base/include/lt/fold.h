/* lt/fold.h - when are two names the same, however they are written?
 *
 * "KÜCHE", "Küche", "küche" with the dots as a character of their own, and "kuche" as a recogniser or a
 * keyboard without umlauts writes it: people mean one thing. Everything here that compares names of
 * the home with each other or with what was said folds them with this one function: letters become
 * small, accents go (Latin letters U+00C0..U+024F and U+1E00..U+1EFF by Unicode's decompositions,
 * combining marks U+0300..U+036F; ß is "ss", æ "ae", ø "o", ł "l"), Greek and Cyrillic capitals
 * become small and lose their accents. Other scripts, and bytes that are no UTF-8, stay as they are.
 * Pure; any thread. */
#ifndef LT_FOLD_H
#define LT_FOLD_H

#include <stddef.h>

/* Fold n bytes of text into out (cap bytes with NUL); what does not fit is left away, never half a
 * letter. Returns the bytes written, at most n: folding never makes a text longer. */
size_t lt_fold(const char *text, size_t n, char *out, size_t cap);
/* Are the two alike when folded? NULL is like nothing. Any length. */
int lt_fold_same(const char *a, const char *b);

#endif
