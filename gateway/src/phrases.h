/* phrases.h - the small words of a conversation: yes, never mind, the second one, ten minutes.
 *
 * A network that maps commands to calls has no use for them, and they need no network: a table of
 * phrases in English, German, French, Spanish and Polish, which `talk.*` in lintel.yaml extends, and
 * a reader of numbers, ordinals and durations. A text is cut into lower-case words; punctuation and
 * apostrophes go, fillers ("please", "um") do not count. All functions are pure; any bytes may be
 * given, what is no word is skipped. */
#ifndef LT_PHRASES_H
#define LT_PHRASES_H

#include <stddef.h>
#include <stdint.h>

#define LT_WORDS_MAX     48  /* most words looked at; a longer text is no answer to a question */
#define LT_WORDS_BYTES   512 /* and most bytes */
#define LT_PHRASES_EXTRA 64  /* most phrases of a kind that a user adds */

struct lt_words {
    int n;      /* words, without fillers */
    int is_cut; /* the text had more than fits */
    char *v[LT_WORDS_MAX];
    char text[LT_WORDS_BYTES];
};

enum lt_phrase { /* what a whole utterance may be */
                 LT_PHRASE_YES,
                 LT_PHRASE_NO,
                 LT_PHRASE_NEVER_MIND,
                 LT_PHRASE_UNDO,
                 LT_PHRASE_OTHER, /* "no, the other one" */
                 LT_PHRASE_ALL,   /* "all of them" */
                 LT_PHRASE_COUNT
};

/* Phrases that a user adds; strings are borrowed. A zeroed one adds nothing. */
struct lt_phrases {
    const char *const *extra[LT_PHRASE_COUNT];
    size_t n_extra[LT_PHRASE_COUNT];
};

/* Cut text (NUL-terminated UTF-8) into words. */
void lt_words_split(const char *text, struct lt_words *out);
/* Is the whole utterance a phrase of this kind? */
int lt_phrases_is(const struct lt_phrases *p, enum lt_phrase kind, const struct lt_words *w);
/* Does it begin with "no" or a word like it, with something after? */
int lt_phrases_begins_with_no(const struct lt_words *w);
/* A word that carries no choice by itself: articles, "one", "in", "mean", "room words" stay out. */
int lt_phrases_is_small(const char *word);

/* The number that begins at word i: digits ("21", "21.5"), or words of the five languages up to 999.
 * Returns how many words it takes, 0 for none. */
int lt_phrases_number(const struct lt_words *w, int i, double *out);
/* Is there a number, or a word of amount ("half", "full", "brighter", "low"), anywhere? */
int lt_phrases_has_amount(const struct lt_words *w);
/* 1 for "the first one", 2 …, -1 for "the last"; 0 when the utterance is no ordinal alone. */
int lt_phrases_ordinal(const struct lt_words *w);
/* Milliseconds of "ten minutes", "an hour and a half", "1 h 20", "half an hour". A number alone means
 * minutes. 0 when the utterance is not a duration and nothing else, or is over 100 hours. */
int64_t lt_phrases_duration_ms(const struct lt_words *w);

#endif
