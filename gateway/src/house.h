/* house.h - what the gateway itself does for the house: timers, lists, announcements, the time.
 *
 * The home tool set has tools that need no device (HassStartTimer, HassShoppingListAddItem,
 * HassGetCurrentTime, …). On a bare broker nobody would carry them out, so the gateway does. A house
 * holds the timers and list items of all sites in memory. lt_house_call carries out one call and
 * tells what to say; what it changed comes back as a list of changes, each with the row before and
 * after. The caller writes that list in the same group as the answer (lt_changes_write), takes it back
 * when the answer cannot be written (lt_changes_revert), and may take it back later: "undo that".
 *
 *               start                  due, broker up
 *     (none) ---------> RUNNING ------------------------> rings, removed
 *        ^               |   ^ unpause
 *        | cancel  pause v   |
 *        +------------- PAUSED          increase, decrease: stays, with another end
 *
 * Times are Unix milliseconds, since a timer outlives the process. Nothing here reads a clock, a
 * socket or the disk: `now` comes with the call. Threads: one owner; lt_changes_write may run on
 * another thread, over a list that its owner leaves alone meanwhile. */
#ifndef LT_HOUSE_H
#define LT_HOUSE_H

#include <jansson.h>

#include "answers.h"
#include "lt/store_house.h"
#include "lt/ulid.h"

#define LT_HOUSE_TIMERS_MAX 100       /* most timers of a site */
#define LT_HOUSE_ITEMS_MAX  1000      /* most items of a site's lists */
#define LT_HOUSE_TIMER_MS   360000000 /* longest timer: 100 hours */
#define LT_HOUSE_SPEECH     1024      /* longest thing to say, bytes */

struct lt_house; /* opaque */

LT_NODISCARD struct lt_house *lt_house_new(void); /* NULL when out of memory */
void lt_house_free(struct lt_house *h);           /* NULL is fine */
/* Read all rows of the store, before its writer runs. */
LT_NODISCARD enum lt_err lt_house_load(struct lt_house *h, struct lt_store *s,
                                       struct lt_diag *diag);

/* ---- changes ---- */

enum lt_change_kind { LT_CHANGE_TIMER, LT_CHANGE_ITEM };
struct lt_change {
    enum lt_change_kind kind;
    int has_before, has_after; /* neither: nothing happened */
    union {
        struct lt_timer_row timer;
        struct lt_item_row item;
    } before, after;
};
struct lt_changes {
    struct lt_change *v;
    size_t n;
};
void lt_changes_free(struct lt_changes *c); /* zeroes it */
/* In the store: the rows after. Any thread that owns the store. */
LT_NODISCARD enum lt_err lt_changes_write(const struct lt_changes *c, struct lt_store *s,
                                          struct lt_diag *diag);
/* In memory: the rows before. A row that changed again since then, or rang, is left as it is; returns
 * how many rows went back. `done` (may be NULL) receives these as changes to be written. */
size_t lt_changes_revert(struct lt_house *h, const struct lt_changes *c, int64_t now_unix_ms,
                         struct lt_changes *done);

/* ---- calls ---- */

struct lt_house_ask {
    const char *site;
    const char *area;               /* of the speaking device, or NULL */
    const char *session;            /* or NULL */
    const struct lt_tongue *tongue; /* in which it is answered; NULL: English */
    int64_t now_unix_ms;
    struct lt_ulid_gen *ids;
};
enum lt_house_end {
    LT_HOUSE_NOT_OURS, /* another tool */
    LT_HOUSE_DONE,
    LT_HOUSE_FAILED, /* nothing changed; speech says why ("There is no pasta timer.") */
    LT_HOUSE_ASKS,   /* nothing changed; speech asks which, choices has what may be meant */
};
struct lt_house_answer { /* zero-initialise; lt_house_answer_free */
    char speech[LT_HOUSE_SPEECH];
    char announce[LT_HOUSE_SPEECH]; /* to be said on all speakers; "" for nothing */
    struct lt_changes changes;
    json_t *choices; /* array of {"label","arguments"}: arguments to add to the call */
};
void lt_house_answer_free(struct lt_house_answer *a); /* zeroes it */

/* Does the gateway carry this tool out by itself? */
int lt_house_is_ours(const char *tool);
/* Carry out one call; arguments need not have been checked. Changes are in memory when this returns. */
enum lt_house_end lt_house_call(struct lt_house *h, const struct lt_house_ask *ask,
                                const char *tool, const json_t *arguments,
                                struct lt_house_answer *out);

/* ---- time goes by ---- */

/* When the next timer rings; 0: none runs. */
int64_t lt_house_next_due(const struct lt_house *h);
/* Take one timer that is due out of memory; 0 when none is. Its row stays in the store until the
 * caller removes it: not before the world has heard of it. */
int lt_house_take_due(struct lt_house *h, int64_t now_unix_ms, struct lt_timer_row *out);
/* Put one back that could not be told. */
void lt_house_put_back(struct lt_house *h, const struct lt_timer_row *t);
/* Timers of a site; for status. */
size_t lt_house_n_timers(const struct lt_house *h, const char *site);
/* A site's timers and lists as JSON ({"timers":[…],"lists":{name:[…]}}); a new reference. */
json_t *lt_house_json(const struct lt_house *h, const char *site, int64_t now_unix_ms);

/* A call's hours, minutes and seconds (names with `prefix`: "start_") in milliseconds; -1 when none is given
 * or they are absurd. */
int64_t lt_house_span_ms(const json_t *arguments, const char *prefix);

#endif
