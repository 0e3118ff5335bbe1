/* sentence.h - where a sentence ends in words that are still coming.
 *
 * A speaker should begin before the whole answer is there, but not in the middle of a sentence. So a
 * sentence counts as complete only when what follows it has begun: "It is 20." may go on with "5 degrees".
 * Titles, single letters and ordinals ("Dr. Who", "z. B.", "5. March") end none, and after a full stop the
 * next word must not begin in lower case. A line end ends one, and so do the full stops of Chinese and
 * Japanese, which no blank follows. What grows over LT_SENTENCE_MAX_BYTES is cut between words.
 * Threads: a pure function. */
#ifndef LT_SENTENCE_H
#define LT_SENTENCE_H

#include <stddef.h>

#define LT_SENTENCE_MAX_BYTES 400

/* Bytes of the first complete sentence of the n bytes of UTF-8 at `text`, blanks behind it included; 0 when
 * none is complete yet. Never cuts a character. */
size_t lt_sentence_end(const char *text, size_t n);

#endif
