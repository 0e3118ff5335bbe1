/* recheck.h - how well given sentences fit an utterance that was heard already.
 *
 * A search writes down what it thought of every sound at every moment (PocketSphinx's senone scores)
 * while it listens. From those notes a sentence's own score is found without looking at the sound again,
 * in a millisecond or two, so that many sentences can be compared exactly. The notes lie in a folder of
 * its own in memory (/dev/shm), readable by nobody else, and have no name any more once the utterance has
 * begun. Inside recogniser.c only. */
#ifndef LT_RECHECK_H
#define LT_RECHECK_H

#include <stdint.h>
#include <stdio.h>

#include "lt/err.h"

struct lt_recheck; /* opaque */

#define LT_RECHECK_FOLDER_BYTES 64

/* Make the folder and write its path; the search that notes gets it as -senlogdir. LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_recheck_folder(char path[LT_RECHECK_FOLDER_BYTES]);
/* The notes of the utterance whose beginning was just told to the search: opened for reading, their
 * name taken away. NULL: there are none. */
FILE *lt_recheck_notes(const char *folder);

/* With the acoustic model and dictionary of the search. LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_recheck_new(const char *hmm, const char *dict, double weight,
                                        struct lt_recheck **out);
void lt_recheck_free(struct lt_recheck *r); /* NULL is fine */
/* The score of a sentence (words of the dictionary, single spaces between) by the notes, the better the
 * higher; 0 when it does not fit at all. */
int32_t lt_recheck_score(struct lt_recheck *r, FILE *notes, const char *words);

#endif
