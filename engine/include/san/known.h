/* san/known.h - the words that a network's training has shown, the most frequent first.
 *
 * A vocabulary of a few thousand pieces cuts every other word into parts, a mistyped one too, and
 * what is left of "kichen" says nothing of a kitchen. With this list the engine can tell a word that
 * it has never met from one that it has, and read the former as the nearest of the latter
 * (src/respell.h). The list stands in the network's file beside the vocabulary, under
 * "tokenizer.lintel.words"; `lintel tokenize --words-for` makes it. Without one nothing is respelt.
 * Threads: read-only after _new. */
#ifndef SAN_KNOWN_H
#define SAN_KNOWN_H

#include <stddef.h>

#include "lt/err.h"
#include "san/gguf.h"

#define SAN_KNOWN_MAX        65536 /* most words of a list */
#define SAN_KNOWN_WORD_BYTES 31    /* longest word */

struct san_known;

/* Of n words in small letters, the most frequent first; copies them. LT_ERR_LIMIT, LT_ERR_INVALID for an
 * empty word or one twice, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_known_new(const struct san_gguf_str *words, size_t n,
                                       struct san_known **out, struct lt_diag *diag);
void san_known_free(struct san_known *k); /* NULL is fine */
int san_known_count(const struct san_known *k);
/* Word of a rank, 0 to count - 1; NUL-terminated and borrowed. */
const char *san_known_word(const struct san_known *k, int rank);
/* Rank of the n bytes at word, or -1. Of k NULL, -1. */
int san_known_rank(const struct san_known *k, const char *word, size_t n);

#endif
