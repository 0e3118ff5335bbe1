/* doubt.h - what a later utterance says about an earlier deed: that it was wrong.
 *
 * Two things count, both only for the last deed of the same conversation (lt_talk_key):
 *   undo      the speaker took it back ("undo that", "no, the other one")
 *   rephrase  the speaker said nearly the same again at once, and this time something else was done
 * "Nearly the same" means that at least half of the different words of both are in both, and that no
 * word of the second names a new value: "turn on the kitchen fan" after "turn on the kitchen light" is a
 * new command, "switch the light on in the kitchen" after a wrong "turn on the light in the kitchen" is a
 * rephrase. The same calls again are no complaint either: a lamp may just have missed the first.
 * Such a judgement says that the deed was wrong, not what would have been right.
 * Threads: the loop's. Memory: fixed; the conversation that was silent longest goes first. */
#ifndef LT_DOUBT_H
#define LT_DOUBT_H

#include <jansson.h>

#include "lt/clock.h"
#include "lt/err.h"
#include "lt/ulid.h"

#define LT_DOUBT_DEEDS_MAX  64   /* conversations remembered */
#define LT_DOUBT_WORDS_MAX  32   /* words of an utterance that are compared */
#define LT_DOUBT_CALLS_JSON 2048 /* longer calls are not compared */

struct lt_doubt; /* opaque */

struct lt_doubt *lt_doubt_new(void); /* NULL when out of memory */
void lt_doubt_free(struct lt_doubt *d);

/* A deed: `calls` were carried out for `text` under this trace. Replaces the conversation's last. */
void lt_doubt_note(struct lt_doubt *d, const char *key, const char *trace, const char *text,
                   const json_t *calls, lt_us now_us);

/* The same conversation goes on with `text` and `calls`: "undo", "rephrase", or NULL when that says
 * nothing about the last deed. On non-NULL `trace` names the deed, which is then forgotten. A deed older
 * than undo_us or rephrase_us is not judged so. */
const char *lt_doubt_judge(struct lt_doubt *d, const char *key, const char *text,
                           const json_t *calls, int is_undo, lt_us undo_us, lt_us rephrase_us,
                           lt_us now_us, char trace[LT_ULID_CAP]);

#endif
