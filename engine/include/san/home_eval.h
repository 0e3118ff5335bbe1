/* san/home_eval.h - is the right device among those that an utterance sees of a large home?
 *
 * For each case whose expected answer names a device or a place of its home, that home is grown to
 * n_entities by devices of the other cases' homes, again and again with a number behind name and area
 * ("Ceiling Light 7" in "Kitchen 7"), none of them named like one of its own. Then it is looked up as the
 * engine does it (SAN_SHOW_ENTITIES of them are shown).
 *
 * A device that nobody could tell from the words is counted apart: when at least SAN_SHOW_ENTITIES others
 * also bear, in their own, their area's or their floor's names, every word that was said of it. If one of
 * its names was said whole, only others of which that holds too count as such; if it stands in the
 * speaker's room, only others in there. The rule looks at names alone, not at what the index finds. */
#ifndef SAN_HOME_EVAL_H
#define SAN_HOME_EVAL_H

#include "san/data.h"
#include "san/pieces.h"

struct san_home_score {
    int n_entities,
        n_areas; /* devices and areas that answers name, and speakers by a word or by being there */
    int n_ambiguous;        /* devices that could be too many others, see above; not in n_entities */
    int n_unnamed;          /* others, not counted: in a grown home nobody could tell */
    double entities, areas; /* shares of them that were shown */
    double ambiguous;       /* share of n_ambiguous that was shown all the same */
    double us;              /* median time of looking up */
    int n_cases, n_in_home; /* cases; devices of the last grown home */
};

/* `on_miss` (may be NULL) is told of each utterance whose device or area is not shown. LT_ERR_NOMEM,
 * LT_ERR_INVALID (no case with a home). */
LT_NODISCARD enum lt_err san_home_eval(const struct san_pieces *v, const struct san_cases *cases,
                                       int n_entities,
                                       void (*on_miss)(const char *query, const char *missed),
                                       struct san_home_score *out, struct lt_diag *diag);

#endif
