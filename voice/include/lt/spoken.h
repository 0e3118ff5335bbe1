/* lt/spoken.h - the sentences people may say to a home: teacher phrasings over a catalogue.
 *
 * Phrasings ("turn the {name} on", "set {area} to {brightness}") come from files of the shape that
 * engine/data/teacher/README.md gives for the home tool set. Those whose tool and kind of device the
 * catalogue has are filled with its names, rooms, floors and with drawn values, common forms more often
 * than rare ones, some with "please" or "can you". The draw is seeded: the same catalogue gives the same
 * sentences. Every text becomes words as they are spoken: lower case, numbers spelled out, "%" as
 * "percent", accents and punctuation dropped. */
#ifndef LT_SPOKEN_H
#define LT_SPOKEN_H

#include <jansson.h>

#include "lt/ngram.h"

#define LT_SPOKEN_MAX_BYTES 1024 /* longest sentence; the rest is dropped */

/* Write `text` as spoken words, single spaces between, to out (cap > 0 bytes). Returns the length. */
size_t lt_spoken_words(const char *text, char *out, size_t cap);

/* How many sentences are drawn: more take longer to count and learn rare fillings better. */
struct lt_spoken_options {
    unsigned per_phrase;   /* for the most common phrase of a group, before its names count */
    unsigned polite_share; /* percent of sentences with "please" and the like */
    unsigned name_share;   /* how often each name stands alone */
};
void lt_spoken_defaults(struct lt_spoken_options *o);

/* Count the sentences of one phrasing file for the catalogue (its JSON, "tools" and "home") into m.
 * LT_ERR_NOMEM, LT_ERR_LIMIT, LT_ERR_INVALID (no such file shape). */
LT_NODISCARD enum lt_err lt_spoken_count(const json_t *phrasings, const json_t *catalog,
                                         const struct lt_spoken_options *o, struct lt_ngram *m);
/* Count what every catalogue brings by itself: names, rooms, floors and, for tools no phrasing is
 * known for, their names and enumerated values as words. */
LT_NODISCARD enum lt_err
lt_spoken_count_names(const json_t *catalog, const struct lt_spoken_options *o, struct lt_ngram *m);

#endif
