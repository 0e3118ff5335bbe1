/* safety.h - who may do what, how often, and after which question.
 *
 * The router knows which calls are sensitive (lt/router.h: unlocking, opening garage and gate,
 * disarming, what gate.sensitive_tools adds) and asks more certainty for them. This module decides
 * what else a sensitive call needs before it is carried out:
 *
 *     door and room allowed? --no--> REFUSE      (safety.allow_sources, safety.allow_areas)
 *            | yes
 *     too many lately? -------yes--> REFUSE      (safety.sensitive_per_minute)
 *            | no
 *     safety.confirm: gate -----------------------------------------> GO
 *                     ask  -- the speaker said yes? ------- no -----> ASK
 *                     pin  -- the code was said, and right? - no ---> PIN; locked: REFUSE
 *
 * A target temperature above safety.max_heat is sensitive too and is asked about at least. Of every
 * source (door, and conversation or room) at most safety.per_minute requests are taken.
 *
 * The code is digits, read by reference once, compared by hash in constant time, and cut out of what
 * was said before anything is stored, logged or sent: lt_safety_scan. After LT_SAFETY_TRIES wrong
 * codes a site takes none for safety.lock_s. Pure but for its memory; the time comes with each call.
 * Threads: one owner. */
#ifndef LT_SAFETY_H
#define LT_SAFETY_H

#include <jansson.h>

#include "config.h"
#include "lt/clock.h"
#include "lt/secret.h"

#define LT_SAFETY_TRIES   3   /* wrong codes before a site is locked */
#define LT_SAFETY_SOURCES 256 /* sources whose rate is remembered; the longest silent goes */
#define LT_SAFETY_PIN_MIN 4   /* least digits of a code */
#define LT_SAFETY_PIN_MAX 16  /* and most */
#define LT_SAFETY_HIDDEN  "[code]"

struct lt_safety; /* opaque */

/* LT_ERR_NOMEM; the error of lt_secret_read, LT_ERR_INVALID for a code that is not 4 to 16 digits or
 * that is asked for (safety.confirm: pin) and not there. */
LT_NODISCARD enum lt_err lt_safety_new(const struct lt_config *c, struct lt_safety **out,
                                       struct lt_diag *diag);
/* The same from a fresh configuration; what was counted stays. On an error nothing changes. */
LT_NODISCARD enum lt_err lt_safety_reload(struct lt_safety *s, const struct lt_config *c,
                                          struct lt_diag *diag);
void lt_safety_free(struct lt_safety *s); /* NULL is fine */

/* May this source send one more request? `key` as lt_talk_key makes it. */
int lt_safety_may_ask(struct lt_safety *s, const char *source, const char *key, lt_us now_us);

/* Look for the code in what was said. `is_asked`: it was asked for, so that all of the text is hidden.
 * *hidden is malloc'ed, or NULL when nothing needs hiding. Returns 1 when the right code is there and
 * the site is not locked. */
int lt_safety_scan(struct lt_safety *s, const char *site, const char *text, int is_asked,
                   lt_us now_us, char **hidden);
int lt_safety_is_locked(const struct lt_safety *s, const char *site, lt_us now_us);

enum lt_verdict { LT_VERDICT_GO, LT_VERDICT_ASK, LT_VERDICT_PIN, LT_VERDICT_REFUSE };
struct lt_safety_question {
    const char *site, *source, *key;
    const char *here;    /* area of the speaking device, or NULL */
    const json_t *calls; /* about to be carried out */
    int is_sensitive;    /* as the router says */
    int is_cloud;        /* a cloud model gave them, and nobody confirmed */
    int is_confirmed;    /* the speaker was asked and said yes */
    int is_pin;          /* the right code was said */
    int is_look;         /* only to know: it does not count as one more (sensitive_per_minute) */
    lt_us now_us;
};
/* `why` receives the key of what the speaker is told (answers.h) with REFUSE, else ""; static. */
enum lt_verdict lt_safety_judge(struct lt_safety *s, const struct lt_safety_question *q,
                                const char **why);
/* Is one of the calls a temperature above the limit? */
int lt_safety_is_hot(const struct lt_safety *s, const json_t *calls);

#endif
