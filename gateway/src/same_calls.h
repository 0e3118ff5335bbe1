/* same_calls.h - do two lists of calls do the same?
 *
 * "The hallway lights" and "the hallway light" are two targets in words, a room's lights and one of
 * them, and one lamp where the room has no other. Of readings of the same sound both come up, and their
 * shares belong together: half for each of two ways to say what the speaker wants is no doubt about it.
 * Pure, over a catalogue. */
#ifndef LT_SAME_CALLS_H
#define LT_SAME_CALLS_H

#include <jansson.h>

#include "lt/catalog.h"

/* The calls ([{"name","arguments"}]) as a text that is equal for calls that do the same: a room with a kind of
 * device that has only one there becomes that device. NULL: no JSON, or out of memory; to be freed. */
char *lt_same_calls_key(const struct lt_catalog *c, const char *calls_json);

#endif
