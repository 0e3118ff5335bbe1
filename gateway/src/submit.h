/* submit.h - one entry into the request journey for every door that is not MQTT's request topic.
 *
 * A door (Wyoming, Hermes, a microphone's audio, a timer) hands over what somebody said, where and
 * how; lt_submit takes it through the same life as a message on <prefix>/<site>/request: the trace
 * row is on the disk before anything acts, the network and if need be the cloud decide, the answer
 * is written down before calls go out, and recover.c finds what a crash left. The result object
 * (schema/json/result.schema.json) comes to a callback instead of a topic.
 *
 * A speech recogniser knows several readings of what it heard. Given as alternatives, each is put to
 * the network; readings that lead to the same calls add up, and the answer with the greatest sum of
 * (share of the reading x the network's confidence in its answer) wins. That sum is the confidence
 * the gate sees, so what was barely heard is not carried out. The trace keeps the reading that won.
 *
 * After a crash a door's speaker is gone: what was not answered is not taken up again.
 * Threads: the loop's. Memory: everything passed in is copied. */
#ifndef LT_SUBMIT_H
#define LT_SUBMIT_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"

#define LT_SUBMIT_MAX_ALTERNATIVES 8 /* more are ignored: the recogniser gives the best first */

struct lt_gateway;

/* One reading of what was heard. */
struct lt_alternative {
    const char *text; /* UTF-8 */
    double share;     /* of the recogniser's belief, 0..1; all readings together at most 1 */
};

struct lt_submission {
    const char *site;           /* one of `sites` */
    const char *door;           /* "wyoming", "hermes", "audio", …: lives for ever (a literal) */
    const char *text;           /* what was said; NULL when alternatives are given */
    const char *here;           /* room of the speaker, or NULL */
    const char *lang, *session; /* or NULL */
    const char *id;             /* the caller's, for deduplication, or NULL */
    const struct lt_alternative *alternatives; /* best first; NULL for none */
    size_t n_alternatives;
    int64_t deadline_ms; /* from now; 0: limits.deadline_ms */
    int is_hands_off;    /* decide only: the caller carries the calls out; nothing is published */
    int is_dry_run;      /* decide only, and never ask a cloud */
};

/* The result, borrowed for the call; NULL when the gateway stops before there is one. Called exactly
 * once for every lt_submit that returned LT_OK, unless lt_submit_cancel came first, and never from
 * within lt_submit. It may call lt_submit. */
typedef void (*lt_submit_fn)(void *ctx, const json_t *result);

/* Take it. `ticket` (may be NULL) names it for lt_submit_cancel. LT_ERR_NOTFOUND (no such site),
 * LT_ERR_INVALID (empty, not UTF-8), LT_ERR_LIMIT (longer than limits.text_bytes), LT_ERR_BUSY (too
 * many under way, or stopping), LT_ERR_NOMEM; then `fn` is never called. */
LT_NODISCARD enum lt_err lt_submit(struct lt_gateway *gw, const struct lt_submission *s,
                                   lt_submit_fn fn, void *ctx, uint64_t *ticket,
                                   struct lt_diag *diag);
/* The speaker is gone: `fn` is not called any more, and what has not acted yet will not. An unknown
 * ticket is harmless. */
void lt_submit_cancel(struct lt_gateway *gw, uint64_t ticket);

/* What to say aloud for a result; "" for NULL and for nothing to say. Borrowed from the result. */
const char *lt_submit_speech(const json_t *result);

#endif
