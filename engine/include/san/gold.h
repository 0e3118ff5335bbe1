/* san/gold.h - the expected answer as a way through the walk.
 *
 * An expected answer (JSON calls) is resolved against a plan once: names become entities, areas
 * and listed values, strings become the words of the utterance they stand at. san_gold_mark then
 * says, at every decision of a walk, which candidates lead to it. An answer that the grammar
 * cannot produce is refused with the reason: such a case cannot be learnt from.
 * Conventions: docs/network.md. Threads: one. Memory: fixed, in the caller's struct. */
#ifndef SAN_GOLD_H
#define SAN_GOLD_H

#include <jansson.h>

#include "san/walk.h"

struct san_gold {
    int n_calls;
    struct san_call_plan calls[SAN_CALLS_MAX];
};

/* Why a case cannot be expressed; counted in training's report. */
#define SAN_GOLD_REASONS(XX)                                                                       \
    XX(TOO_MANY_CALLS, "more calls than an answer may have")                                       \
    XX(NO_TOOL, "names a tool that the catalogue lacks or that cannot be offered")                 \
    XX(NO_PARAM, "names a parameter that the tool lacks")                                          \
    XX(NO_ENTITY, "names a device that the home lacks")                                            \
    XX(AMBIGUOUS, "names several devices at once")                                                 \
    XX(NO_PLACE, "names an area, floor or kind that the home lacks")                               \
    XX(NO_VALUE, "has a value that is neither listed, nor said, nor spelled")                      \
    XX(OFF_WALK, "lacks a required argument or breaks the order of the grammar")

enum san_gold_reason {
    SAN_GOLD_OK = 0,
#define SAN_GOLD_ENUM(name, text) SAN_GOLD_##name,
    SAN_GOLD_REASONS(SAN_GOLD_ENUM)
#undef SAN_GOLD_ENUM
        SAN_GOLD_COUNT
};

/* The reason in words, for a report; static. */
const char *san_gold_reason_text(enum san_gold_reason r);

/* Resolve `answers` (array of {"name","arguments"}). */
enum san_gold_reason san_gold_init(struct san_gold *g, const struct san_plan *plan,
                                   const struct san_utterance *u, const json_t *answers);
/* The same for a case (san/data.h), as the grammar of `v` has it: where the utterance does not say
 * the place and counting comes to the expected target, the way leads over <unsaid>. "unsaid": true
 * says that an expected device was meant by its kind alone; "meant" holds, beside the answer [], the
 * calls (without a target) that nobody can tell the device of. */
enum san_gold_reason san_gold_init_case(struct san_gold *g, const struct san_pieces *v,
                                        const struct san_plan *plan, const struct san_utterance *u,
                                        const json_t *c);
/* Mark the right candidates of the decision that is due (right: (w->n_cand), set to 0 or 1) and
 * return the index of the one to follow, or -1 when none is right. */
int san_gold_mark(const struct san_gold *g, const struct san_walk *w, uint8_t *right);

#endif
