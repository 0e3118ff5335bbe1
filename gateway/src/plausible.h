/* plausible.h - does the thing that a call names fit the words that were said?
 *
 * The network's confidence is learnt and may be wrong about a thing it has hardly seen. Some of its
 * mistakes can be known without learning, from the names of this home alone. A call that means one
 * thing (by name, or the only one of its tool's kind) is held against the words in three ways, and any
 * call for devices in two more:
 *
 *   another is named    no word said belongs to the thing (its name, aliases, kind, class), while
 *                       the whole name or alias of another thing was said and no call is for that:
 *                       "bathroom mirror to 80 percent" is nothing for the humidifier
 *   a word is left      the words that name the thing name another one just as well, neither is said
 *                       in full, and a word is left over that no call's tool, argument or thing
 *                       accounts for: "water the lawn", with Lawn Mower and Lawn
 *                       Sprinkler
 *
 *   a thing is left out things are listed ("and"), every call means one, and one more was named in full, by
 *                       a word that is of none of these: "turn off the printer, the monitor
 *                       and the speakers", with two calls
 *
 *   elsewhere           rooms were named, and a call is for things that stand in none of them and bear no
 *                       room's name, or one of the rooms has no call: "turn off the kitchen TV" is
 *                       nothing for the living room's
 *   another kind        a kind of device was said, and the call is for a room's things of another kind, which was
 *                       not: "the bathroom fan" is nothing for the bathroom's light
 *
 *   the contrary        one call switches off where the last word is "on" and no word is "off", or the other way
 *                       round; or starts what was sent home: "only leave the sofa lamp on" is nothing for HassTurnOff
 *
 * Such a call is not refused: the caller asks. Room and floor names alone name no thing. Words are
 * compared folded; words that begin alike ("mow", "mower") count for the call, never against it, so
 * that what is not understood errs on the side of doing what the network says. Queries are left
 * alone, nothing moves there. Pure; any thread. What the names consist of is found out once for a home; then
 * a large one costs a call some nanoseconds for each of its names. */
#ifndef LT_PLAUSIBLE_H
#define LT_PLAUSIBLE_H

#include <jansson.h>

#include "lt/catalog.h"
#include "phrases.h"

#define LT_PLAUSIBLE_CALLS_MAX 8 /* rooms of more calls are not judged */

enum lt_plausible {
    LT_PLAUSIBLE,       /* nothing speaks against any of the calls */
    LT_PLAUSIBLE_OTHER, /* another thing was named in full */
    LT_PLAUSIBLE_LEFT,  /* the words fit another as well, and one of them is left over */
    LT_PLAUSIBLE_OUT,   /* a thing of several that were listed has no call */
    LT_PLAUSIBLE_ROOM, /* a room was named that a call's things are not in, or that no call is for */
    LT_PLAUSIBLE_KIND,    /* a kind of device was said that is not the call's */
    LT_PLAUSIBLE_CONTRARY /* the words end with the opposite of what the call does */
};

struct lt_plausible_home; /* opaque; read-only once made */

/* Read the names of the catalogue's home; holds a reference to the catalogue. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_plausible_home_new(struct lt_catalog *c,
                                               struct lt_plausible_home **out);
void lt_plausible_home_free(struct lt_plausible_home *h); /* NULL is fine */

/* Judge calls ([{"name","arguments"}]; NULL counts as none) by the words. `rival` (may be NULL) gets
 * the other thing, borrowed from the catalogue, or NULL. Words that were cut are not judged, nor are any when
 * memory is out. */
enum lt_plausible lt_plausible_judge(const struct lt_plausible_home *h, const struct lt_words *said,
                                     const json_t *calls, const struct lt_entity **rival);

#endif
