/* recheck.h - how well given sentences fit an utterance that was heard already.
 *
 * A search writes down what it thought of every sound at every moment (PocketSphinx's senone scores)
 * while it listens. From those notes a sentence's own score is found without looking at the sound again,
 * in a millisecond or two, so that many sentences can be compared exactly. The notes lie in memory (/dev/shm,
 * else /tmp) in a folder that nobody else may read; once an utterance has begun, file and folder have no
 * name any more, and nothing is left of them when the process ends. Inside recogniser.c only. */
#ifndef LT_RECHECK_H
#define LT_RECHECK_H

#include <stdint.h>
#include <stdio.h>

#include "lt/err.h"

struct lt_recheck; /* opaque */

#define LT_RECHECK_FOLDER_BYTES 64

/* Find a place and a name for the folder; the search that notes gets it as -senlogdir. LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_recheck_folder(char path[LT_RECHECK_FOLDER_BYTES]);
/* Make the folder, before the search is told that an utterance begins. LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_recheck_begin(const char *folder);
/* After that: the notes, opened for reading; their name and the folder's are taken away. NULL: there are
 * none. */
FILE *lt_recheck_notes(const char *folder);

/* With the acoustic model and dictionary of the search. LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_recheck_new(const char *hmm, const char *dict, double weight,
                                        struct lt_recheck **out);
void lt_recheck_free(struct lt_recheck *r); /* NULL is fine */
/* The score of a sentence (words of the dictionary, single spaces between) by the notes, the better the
 * higher; 0 when it does not fit at all. */
int32_t lt_recheck_score(struct lt_recheck *r, FILE *notes, const char *words);

#endif
