/* plain_int.h - what the files of the plain reader (plain.h) share: the question which one of several things is
 * meant, and the reader of words for players that name none, which plain.c asks first. */
#ifndef LT_PLAIN_INT_H
#define LT_PLAIN_INT_H

#include "plain.h"

/* Ask which of n things (n <= LT_ASK_CHOICES_MAX) is meant: call[i] is made if it is v[i] (its reference
 * is taken; NULL: that thing cannot be meant). No question with fewer than two left. */
void lt__plain_which(const struct lt_tongue *t, const struct lt_catalog *c,
                     const struct lt_entity *const *v, json_t **call, size_t n, const char *noun,
                     struct lt_question *q);

/* plain_player.c: words for players that name none ("next song", "louder", "pause the music"). 1 when
 * they are such and there are several players; *out holds calls, a question, or nothing. */
int lt__plain_player(const struct lt_tongue *t, const struct lt_catalog *c,
                     const struct lt_words *said, const char *here, lt_plain_read_fn read,
                     void *ctx, struct lt_plain *out);

#endif
