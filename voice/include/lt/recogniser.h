/* lt/recogniser.h - speech to text on this machine: PocketSphinx over a home's own sentences.
 *
 * A recogniser is made for one catalogue: sentences people may say to it are counted into a language
 * model (lt/spoken.h, lt/ngram.h), the words get pronunciations (lt/lexicon.h), and both are handed to
 * PocketSphinx with its American English acoustic model. Nothing is left on the disk. Audio is 16 kHz,
 * 16 bit, one channel; it may be fed as it comes, so that little is left to do when the speaker stops.
 * The answer is the best readings with their share of the recogniser's belief.
 *
 * Two searches listen side by side. One looks among the plain commands of the home (lt/commands.h)
 * and nothing else: it hears those well, and hears one in everything. The other is free, by the
 * language model, and hears badly what the first would hear well; how much better it explains the sound
 * says whether it was a command at all. When the utterance is over, the sentences of the network that sound
 * like what was heard (lt/near.h: "on" for "off", "fifty" for "fifteen") are scored one by one against the
 * same sounds, and share the belief among them. What means the same adds up later, where calls are known.
 *
 * Where Lintel was built without PocketSphinx, or its acoustic model is not installed,
 * lt_recogniser_new says LT_ERR_UNSUPPORTED and what to install. Threads: one at a time. */
#ifndef LT_RECOGNISER_H
#define LT_RECOGNISER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"

#define LT_RECOGNISER_RATE     16000
#define LT_RECOGNISER_LANG     "en" /* what its acoustic model hears */
#define LT_RECOGNISER_LANG_CAP 16
#define LT_RECOGNISER_READINGS 8   /* most readings given */
#define LT_RECOGNISER_TEXT_MAX 512 /* longest reading, bytes */
#define LT_RECOGNISER_MAX_S    30  /* audio after this is not listened to */

struct lt_recogniser; /* opaque */

struct lt_recogniser_options {
    const char *model_folder;        /* acoustic model and dictionary; NULL or "": the system's */
    const char *const *phrase_files; /* of the shape lt_spoken_count takes */
    size_t n_phrase_files;
    const char *commands_file;        /* see lt/commands.h; NULL: the free search alone */
    const json_t *catalog;            /* "tools" and "home" */
    double language_weight, openness; /* 0: the defaults */
};

struct lt_reading {
    char text[LT_RECOGNISER_TEXT_MAX];
    double share; /* of all readings', 0..1 */
};
struct lt_heard {
    struct lt_reading readings[LT_RECOGNISER_READINGS]; /* best first */
    int n_readings;                                     /* 0: nothing that could be words */
    double audio_s;                                     /* how much was listened to */
    char lang[LT_RECOGNISER_LANG_CAP];                  /* of the words, as "de-AT"; "" not known */
};

/* LT_ERR_UNSUPPORTED, LT_ERR_NOTFOUND, LT_ERR_PARSE (a phrase file), LT_ERR_NOMEM. Takes a second
 * or two; off the loop. On LT_OK *out is the caller's. */
LT_NODISCARD enum lt_err lt_recogniser_new(const struct lt_recogniser_options *o,
                                           struct lt_recogniser **out, struct lt_diag *diag);
void lt_recogniser_free(struct lt_recogniser *r); /* NULL is fine */
/* Words known, and how many of them were pronounced by rule. */
void lt_recogniser_size(const struct lt_recogniser *r, size_t *n_words, size_t *n_unknown);

/* Begin an utterance, hear samples, end it. LT_ERR_INVALID out of order; LT_ERR_IO when the library
 * fails, which ends the utterance. What comes after LT_RECOGNISER_MAX_S is ignored. */
LT_NODISCARD enum lt_err lt_recogniser_begin(struct lt_recogniser *r);
LT_NODISCARD enum lt_err lt_recogniser_hear(struct lt_recogniser *r, const int16_t *samples,
                                            size_t n);
LT_NODISCARD enum lt_err lt_recogniser_end(struct lt_recogniser *r, struct lt_heard *out);
/* All at once, a little more exact than in pieces: the whole sets the level. */
LT_NODISCARD enum lt_err lt_recogniser_whole(struct lt_recogniser *r, const int16_t *samples,
                                             size_t n, struct lt_heard *out);

/* Can a recogniser be made here? 0, with why in diag. */
int lt_recogniser_is_there(const char *model_folder, struct lt_diag *diag);

#endif
