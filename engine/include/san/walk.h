/* san/walk.h - the grammar of answers, walked decision by decision.
 *
 * A walk goes from "which tool, if any?" over target, arguments and values to "is that all?".
 * Wherever a catalogue leaves more than one continuation it stops with the list of admissible
 * candidates; what has only one continuation is taken without asking. Training follows the right
 * answer through the same walk that inference takes, so the two cannot differ. Every finished walk
 * is a list of calls that fits the tools' schemas: names, kinds, enums, ranges, lengths of lists,
 * required parameters; names of the home exist; strings are words of the utterance. Whether such
 * a string keeps to pattern, minLength and maxLength is left to whoever checks the calls.
 *
 *   tool    {<none>, tools}                      next   {<done>, tools}
 *   target  {<all>, <unsaid>, entities, areas, floors}   key    {<end>, parameters still open, in order}
 *   value   listed values | true, false | numbers said, <spell> | first word, listed, <spell>
 *   end     last word of a copied string         spell  characters, <end>
 *   more    further items of a list, <end>
 *
 * Threads: a walk has one thread; it borrows plan, pieces and utterance. Memory: grows its
 * candidate list on the first uses and keeps it. */
#ifndef SAN_WALK_H
#define SAN_WALK_H

#include "lt/buf.h"
#include "san/engine.h"
#include "san/plan.h"

#define SAN_SPELL_MAX 16 /* longest spelled value, characters */
#define SAN_ARGS_MAX  SAN_TOOL_MAX_PARAMS

enum san_source_kind { SAN_FROM_VOCAB, SAN_FROM_TOOL, SAN_FROM_HOME, SAN_FROM_UTTERANCE };

/* One admissible continuation. */
struct san_candidate {
    uint8_t from; /* enum san_source_kind */
    uint8_t cls;  /* enum san_class; not for SAN_FROM_VOCAB */
    int32_t id;   /* SAN_FROM_VOCAB: the token */
    int tool;     /* SAN_FROM_TOOL: index into plan->tools */
    int item;     /* SAN_FROM_TOOL, _HOME: index into items; _UTTERANCE: token of the utterance */
    int ref;      /* what it means: word, mention, parameter, value, entity, … by class */
    const float *feat; /* (SAN_N_FEAT) or NULL for SAN_FROM_VOCAB */
};

enum san_value_kind {
    SAN_VALUE_LISTED,  /* a: index of the parameter's listed value */
    SAN_VALUE_BOOLEAN, /* a: 0 or 1 */
    SAN_VALUE_NUMBER,  /* number */
    SAN_VALUE_SPAN,    /* words a..b of the utterance */
    SAN_VALUE_SPELLED, /* text */
    SAN_VALUE_ENTITY,  /* a: entity */
    SAN_VALUE_AREA,
    SAN_VALUE_FLOOR,
    SAN_VALUE_KIND
};

struct san_value {
    uint8_t kind;
    int a, b;
    double number;
    char text[SAN_SPELL_MAX + 1];
};

struct san_arg {
    int param;
    int n_values;
    struct san_value values[SAN_LIST_MAX];
};

enum san_target_kind {
    SAN_TARGET_NONE,
    SAN_TARGET_ENTITY,
    SAN_TARGET_AREA,
    SAN_TARGET_FLOOR,
    SAN_TARGET_UNSAID /* a kind of device, no place; none is left when the walk is finished, but in
                       * calls that are unclear */
};

struct san_call_plan {
    int tool;
    uint8_t target; /* enum san_target_kind */
    int target_ref;
    int n_args;
    struct san_arg args[SAN_ARGS_MAX];
};

enum san_phase_of_walk {
    SAN_WALK_TOOL,
    SAN_WALK_TARGET,
    SAN_WALK_KEY,
    SAN_WALK_VALUE,
    SAN_WALK_END,
    SAN_WALK_SPELL,
    SAN_WALK_FINISHED
};

struct san_walk {
    const struct san_pieces *v;
    const struct san_plan *plan;
    const struct san_utterance *u;
    enum san_phase_of_walk phase;
    int n_calls;
    int n_unclear; /* finished: calls[] has so many, but nobody can tell what one of them means; then
                    * n_calls is 0 */
    struct san_call_plan calls[SAN_CALLS_MAX];
    /* where the walk is within the current call */
    int call;    /* index of the current call */
    int param;   /* parameter being filled, or the last one filled */
    int is_more; /* the value due is a further item of a list */
    /* the decision that is due */
    int32_t kind;          /* its kind token */
    const char *kind_name; /* as in struct san_decision */
    struct san_candidate *cand;
    int n_cand, cap_cand;
    /* the last choice, forced or not: the decoder's next input */
    struct san_candidate prev;
    int has_prev;
    int is_nomem;
};

/* A walk with no memory yet, and its memory released. One walk serves many answers, one after the other. */
void san_walk_init(struct san_walk *w);
void san_walk_fini(struct san_walk *w);
/* Begin an answer. The arguments are borrowed until the walk is finished and written. */
void san_walk_begin(struct san_walk *w, const struct san_pieces *v, const struct san_plan *plan,
                    const struct san_utterance *u);
/* Go on to the next decision with at least two candidates. Non-zero: cand, n_cand, kind are set;
 * zero: the walk is finished (or out of memory: is_nomem). */
int san_walk_next(struct san_walk *w);
/* Take candidate i of the decision that is due. */
void san_walk_take(struct san_walk *w, int i);
/* The finished walk's calls as a JSON array; entities as the fewest arguments that resolve to
 * exactly them. LT_ERR_LIMIT, LT_ERR_NOMEM from the buffer. */
LT_NODISCARD enum lt_err san_walk_write(const struct san_walk *w, struct lt_buf *out);
/* The n_unclear calls of a finished walk in the same form: as far as they were said, the target left
 * out of those that could mean several devices or none. */
LT_NODISCARD enum lt_err san_walk_write_unclear(const struct san_walk *w, struct lt_buf *out);

#endif
