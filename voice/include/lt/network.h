/* lt/network.h - weighted sentences as the smallest network that says exactly them.
 *
 * A network takes sentences of tokens and merges what begins alike and what ends alike: a trie whose
 * equal subtrees are one (the minimal acyclic automaton; Daciuk and others 2000, section 3). "turn on
 * the lamp", "turn off the lamp" become six arcs instead of eight. A token is a word or stands for
 * another network ("{name}"), which is laid in where it occurs when arcs are written. The weight of
 * an arc is the share of sentences that take it, of those that pass its state. One owner; bounded by
 * LT_NETWORK_MAX_NODES. */
#ifndef LT_NETWORK_H
#define LT_NETWORK_H

#include <stddef.h>

#include "lt/err.h"

#define LT_NETWORK_MAX_NODES 400000 /* of the trie, before it is made small */
#define LT_NETWORK_MAX_ARCS  60000  /* written */
#define LT_NETWORK_NAME_MAX  128    /* longest token, bytes with the 0 */

struct lt_network; /* opaque */

LT_NODISCARD struct lt_network *lt_network_new(void); /* NULL: out of memory */
void lt_network_free(struct lt_network *n);           /* NULL is fine */
/* Take one sentence, tokens apart by single spaces. Not after lt_network_shrink. LT_ERR_NOMEM,
 * LT_ERR_LIMIT; a token that is too long is LT_ERR_LIMIT too. */
LT_NODISCARD enum lt_err lt_network_add(struct lt_network *n, const char *sentence, double weight);
/* Merge what ends alike; once, after the last sentence. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_network_shrink(struct lt_network *n);
/* States and arcs after shrinking; 0 before. */
void lt_network_size(const struct lt_network *n, size_t *n_states, size_t *n_arcs);

struct lt_arc {
    int from, to;
    double share;     /* 0..1, of all arcs that leave `from` */
    const char *word; /* borrowed from the networks; NULL: taken without a word */
};
struct lt_arcs {
    struct lt_arc *v; /* free with free() */
    size_t n, cap;
    int n_states; /* so far; new states are numbered from here */
    int start;    /* where sentences begin; they end in state 1 */
};
/* The network that a token in braces stands for; NULL: there is none. */
typedef const struct lt_network *(*lt_network_class_fn)(void *ctx, const char *token);

/* Append the arcs of shrunken `n` that lead from state `from` to state `to`, the first ones times
 * `share`. Tokens in braces become what `classes` gives. LT_ERR_NOMEM, LT_ERR_LIMIT (too many arcs, or
 * classes in each other too deep), LT_ERR_NOTFOUND (no such class). */
LT_NODISCARD enum lt_err lt_network_lay(const struct lt_network *n, int from, int to, double share,
                                        lt_network_class_fn classes, void *ctx,
                                        struct lt_arcs *out);
/* Append one arc. `word` may be NULL. */
LT_NODISCARD enum lt_err lt_arcs_add(struct lt_arcs *a, int from, int to, double share,
                                     const char *word);

#endif
