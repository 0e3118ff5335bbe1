/* san/lex.h - an utterance as words: where each begins, what it folds to, which are numbers.
 *
 * The network copies values from the utterance word by word, and names of the home are compared
 * with it word by word; this module is the one place that says what a word is. A word is a run of
 * letters (bytes >= 0x80 count as letters), a run of digits, the ending 's, or one other
 * character that is not white space. Words are folded without accents (lt/fold.h: "Küche",
 * "KÜCHE" and "kuche" are one word) and hashed; a plural s is dropped from words of four letters and
 * more, so that "lights" meets "light". san_fold, which keeps lengths, only makes letters small: ASCII
 * and the Latin-1, Latin Extended-A, Greek and Cyrillic capitals U+00C0..U+042F.
 * Threads: pure functions. Memory: results go into caller's storage. */
#ifndef SAN_LEX_H
#define SAN_LEX_H

#include <stddef.h>
#include <stdint.h>

#define SAN_WORDS_MAX 512 /* most words of one text; later ones are dropped */

enum san_word_kind { SAN_WORD_LETTERS, SAN_WORD_DIGITS, SAN_WORD_PUNCT };

struct san_word {
    int begin, end;    /* bytes [begin, end) of the text */
    uint32_t hash;     /* of the folded, stemmed word; never 0 */
    uint8_t kind;      /* enum san_word_kind */
    uint8_t has_space; /* white space (or the text's start) stands before it */
};

/* A number said in the utterance: "20", "21.5", "twenty five", "nineteen and a half". */
struct san_mention {
    int first, last; /* words [first, last] */
    double value;
    uint8_t is_integer;
};

/* Split `text` (n bytes of UTF-8) into at most cap words; returns how many. */
int san_words(const char *text, size_t n, struct san_word *out, int cap);
/* Hash of a word that is folded already (struct san_word's); a plural s is dropped. */
uint32_t san__word_hash(const char *s, size_t n);
/* Split an identifier ("HassTurnOn", "set_light.brightness", "turn-on") as san_words would split
 * it after breaking camelCase: writes the lower-case, space-separated form (at most cap-1 bytes
 * and a NUL) to `out` and returns its length. */
size_t san_identifier_words(const char *name, char *out, size_t cap);
/* Lower-case copy of n bytes into out (cap > n, NUL-terminated); same length. */
void san_fold(const char *text, size_t n, char *out);
/* Numbers among the words, left to right and not overlapping; returns how many (<= cap). */
int san_mentions(const char *text, const struct san_word *words, int n_words,
                 struct san_mention *out, int cap);
/* Non-zero when the n bytes are well-formed UTF-8 (RFC 3629) without NUL. */
int san_utf8_is_valid(const char *text, size_t n);

#endif
