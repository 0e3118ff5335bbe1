/* needle_grammar_impl.h - a compiled grammar: nodes and the sorted texts they choose among. Shared
 * by needle_grammar.c, which walks it, and needle_compile.c, which makes it. */
#ifndef SAN_NEEDLE_GRAMMAR_IMPL_H
#define SAN_NEEDLE_GRAMMAR_IMPL_H

#include "needle_grammar.h"

#define SAN__G_DIGITS     15 /* most digits of a number, decimals included */
#define SAN__G_DECIMALS   3  /* of a "number"; an "integer" has none */
#define SAN__G_NUMBER_MAX INT64_C(999999999999999)

enum san__g_node_kind {
    SAN__G_CALLS,
    SAN__G_OBJECT,
    SAN__G_ARRAY,
    SAN__G_WORDS,
    SAN__G_STRING,
    SAN__G_NUMBER,
};

struct san__g_text {
    char *s;
    size_t n;
    int node; /* what follows it: the value of a key, the arguments of a call; -1 nothing */
};

struct san__g_node {
    enum san__g_node_kind kind;
    int first, n;         /* calls, object, words: texts [first, first + n), sorted by bytes */
    uint64_t required;    /* object: bit i is key first + i */
    int item;             /* array: node of its items */
    int min, max;         /* calls, array: how many; string: code points */
    int64_t lo, hi, step; /* number, times 10^decimals */
    int decimals;
};

struct san__grammar {
    struct san__g_node *nodes; /* [0] is the list of calls */
    int n_nodes, cap_nodes;
    struct san__g_text *texts;
    int n_texts, cap_texts;
};

#endif
