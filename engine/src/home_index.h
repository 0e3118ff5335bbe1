/* home_index.h - which of thousands of devices an utterance may be about. Private to the engine.
 *
 * A home of more than SAN_SHOW_FROM entities shows each utterance only a few of them, the way a
 * catalogue of many tools shows only some (pick.c). They are found by words: an inverted index leads
 * from a folded, stemmed word (san/lex.h) to the entities, areas and floors that bear it.
 *
 *   term      a word of a name or alias, of the area's or floor's name, of the domain or class
 *   weight    1 in the own name, less where it only lies in the area, on the floor, or is the kind;
 *             longer names share theirs
 *   score     sum over the utterance's words of idf * weight; the best few are looked at again: what
 *             share of the whole name was said?
 *
 * A word that no name bears is looked up by its letters (trigrams), so that misspelt, inflected and
 * compounded words find theirs. What room is left is filled from the speaker's room and with one device
 * of each kind. Work is bounded: at most SAN_INDEX_POSTINGS_MAX entries are read, the rarest words
 * first. The same home and utterance give the same devices, in the home's order.
 *
 * Threads: an index is read-only once made. Memory: one owner; some 150 bytes an entity. */
#ifndef SAN_HOME_INDEX_H
#define SAN_HOME_INDEX_H

#include "san/engine.h"
#include "san/plan.h"

#define SAN_INDEX_POSTINGS_MAX 32768 /* entries read for one utterance */

struct san__home_index;

/* LT_ERR_NOMEM. The home is borrowed for the index's life. */
LT_NODISCARD enum lt_err san__home_index_new(const struct san_home_plan *h,
                                             struct san__home_index **out);
void san__home_index_free(struct san__home_index *x); /* NULL is fine */

/* What one thread needs to look things up; reusable, zero at first. */
struct san__home_pick {
    struct san_shown shown; /* points into the arrays below */
    int entities[SAN_SHOW_ENTITIES], areas[SAN_SHOW_AREAS], floors[SAN_SHOW_FLOORS];
    int *items;    /* (n_items of the home) */
    float *score;  /* (docs) zero between calls */
    int *touched;  /* (docs) */
    uint8_t *mark; /* (docs or items) zero between calls */
    size_t cap;
};
void san__home_pick_free(struct san__home_pick *p);

/* Choose for an utterance of n words; `here` is the speaker's area or -1. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__home_pick(const struct san__home_index *x, const char *text,
                                        const struct san_word *words, int n, int here,
                                        struct san__home_pick *p);

#endif
