/* network.c - a trie, made small from its leaves up. */
#include "lt/network.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH   4 /* classes in classes */
#define FIRST_NODES 256

struct node {
    double weight, final; /* of sentences that pass; that end here */
    uint32_t child, next; /* node numbers, 0: none; children in the order of their tokens */
    uint32_t token;       /* on the arc that leads here */
    uint32_t same;        /* after shrinking: the node that stands for this one */
};

struct lt_network {
    struct node *v; /* 0 is the root */
    size_t n, cap;
    char **tokens;
    size_t n_tokens, cap_tokens;
    uint32_t *kept; /* hash of nodes that stand for others; 0 free */
    size_t cap_kept, n_states, n_arcs;
};

struct lt_network *lt_network_new(void)
{
    struct lt_network *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->v = calloc(FIRST_NODES, sizeof *n->v);
    n->cap = FIRST_NODES;
    n->n = 1;
    if (n->v) return n;
    lt_network_free(n);
    return NULL;
}

void lt_network_free(struct lt_network *n)
{
    if (!n) return;
    for (size_t i = 0; i < n->n_tokens; i++) free(n->tokens[i]);
    free(n->tokens);
    free(n->kept);
    free(n->v);
    free(n);
}

/* The token's number, made when new. Few hundred tokens: looked for one by one. */
static enum lt_err token_number(struct lt_network *n, const char *s, size_t len, uint32_t *out)
{
    if (len >= LT_NETWORK_NAME_MAX) return LT_ERR_LIMIT;
    for (size_t i = 0; i < n->n_tokens; i++)
        if (!strncmp(n->tokens[i], s, len) && !n->tokens[i][len]) {
            *out = (uint32_t)i;
            return LT_OK;
        }
    if (n->n_tokens == n->cap_tokens) {
        size_t cap = n->cap_tokens ? n->cap_tokens * 2 : 64;
        char **more = realloc(n->tokens, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        n->tokens = more;
        n->cap_tokens = cap;
    }
    if (!(n->tokens[n->n_tokens] = strndup(s, len))) return LT_ERR_NOMEM;
    *out = (uint32_t)n->n_tokens++;
    return LT_OK;
}

/* The child of `at` over the token, made when new. */
static enum lt_err step(struct lt_network *n, uint32_t at, uint32_t token, uint32_t *out)
{
    uint32_t before = 0, c = n->v[at].child;
    while (c && n->v[c].token < token) {
        before = c;
        c = n->v[c].next;
    }
    if (c && n->v[c].token == token) {
        *out = c;
        return LT_OK;
    }
    if (n->n >= LT_NETWORK_MAX_NODES) return LT_ERR_LIMIT;
    if (n->n == n->cap) {
        struct node *more = realloc(n->v, n->cap * 2 * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        n->v = more;
        n->cap *= 2;
    }
    *out = (uint32_t)n->n++;
    n->v[*out] = (struct node){.next = c, .token = token};
    if (before)
        n->v[before].next = *out;
    else
        n->v[at].child = *out;
    return LT_OK;
}

enum lt_err lt_network_add(struct lt_network *n, const char *sentence, double weight)
{
    uint32_t at = 0, token = 0;
    n->v[0].weight += weight;
    for (const char *p = sentence; *p;) {
        size_t len = strcspn(p, " ");
        if (len) {
            enum lt_err err = token_number(n, p, len, &token);
            if (!err) err = step(n, at, token, &at);
            if (err) return err;
            n->v[at].weight += weight;
        }
        p += len + (p[len] == ' ');
    }
    n->v[at].final += weight;
    return LT_OK;
}

/* ---- making it small ---- */

static uint64_t hash_of(const struct lt_network *n, uint32_t i)
{
    uint64_t h = n->v[i].final > 0 ? 77 : 13;
    for (uint32_t c = n->v[i].child; c; c = n->v[c].next)
        h = (h ^ ((uint64_t)n->v[c].token << 32 | n->v[c].same)) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

static int is_alike(const struct lt_network *n, uint32_t a, uint32_t b)
{
    if ((n->v[a].final > 0) != (n->v[b].final > 0)) return 0;
    uint32_t x = n->v[a].child, y = n->v[b].child;
    for (; x && y; x = n->v[x].next, y = n->v[y].next)
        if (n->v[x].token != n->v[y].token || n->v[x].same != n->v[y].same) return 0;
    return x == y; /* both at their end */
}

/* Children first; depth is that of the longest sentence. */
static void merge(struct lt_network *n, uint32_t i)
{
    for (uint32_t c = n->v[i].child; c; c = n->v[c].next) merge(n, c);
    size_t at = hash_of(n, i) & (n->cap_kept - 1);
    while (n->kept[at] && !is_alike(n, n->kept[at] - 1, i)) at = (at + 1) & (n->cap_kept - 1);
    if (!n->kept[at]) {
        n->kept[at] = i + 1;
        n->v[i].same = i;
        n->n_states++;
        for (uint32_t c = n->v[i].child; c; c = n->v[c].next) n->n_arcs++;
        return;
    }
    uint32_t same = n->v[i].same = n->kept[at] - 1;
    n->v[same].final += n->v[i].final;
    for (uint32_t x = n->v[i].child, y = n->v[same].child; x; x = n->v[x].next, y = n->v[y].next)
        n->v[y].weight += n->v[x].weight; /* of the arc that leads to it */
}

enum lt_err lt_network_shrink(struct lt_network *n)
{
    for (n->cap_kept = 1024; n->cap_kept < n->n * 2;) n->cap_kept *= 2;
    if (!(n->kept = calloc(n->cap_kept, sizeof *n->kept))) return LT_ERR_NOMEM;
    merge(n, 0);
    free(n->kept);
    n->kept = NULL;
    return LT_OK;
}

void lt_network_size(const struct lt_network *n, size_t *n_states, size_t *n_arcs)
{
    *n_states = n->n_states;
    *n_arcs = n->n_arcs;
}

/* ---- laying it out ---- */

enum lt_err lt_arcs_add(struct lt_arcs *a, int from, int to, double share, const char *word)
{
    if (a->n >= LT_NETWORK_MAX_ARCS) return LT_ERR_LIMIT;
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 1024;
        struct lt_arc *more = realloc(a->v, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        a->v = more;
        a->cap = cap;
    }
    a->v[a->n++] = (struct lt_arc){from, to, share, word};
    return LT_OK;
}

struct layer {
    lt_network_class_fn classes;
    void *ctx;
    struct lt_arcs *out;
};

static enum lt_err lay(const struct layer *l, const struct lt_network *n, int from, int to,
                       double share, int depth);

/* The arcs that leave node i, which is state `from`, and those behind them. `states` has the number
 * of each node that was laid, -1 for the others. */
static enum lt_err lay_node(const struct layer *l, const struct lt_network *n, uint32_t i, int from,
                            int to, double share, int *states, int depth)
{
    double sum = n->v[i].final;
    enum lt_err err = LT_OK;
    for (uint32_t c = n->v[i].child; c; c = n->v[c].next) sum += n->v[c].weight;
    if (sum <= 0) return LT_OK;
    if (n->v[i].final > 0) err = lt_arcs_add(l->out, from, to, share * n->v[i].final / sum, NULL);
    for (uint32_t c = n->v[i].child; c && !err; c = n->v[c].next) {
        uint32_t next = n->v[c].same;
        const char *token = n->tokens[n->v[c].token];
        double part = share * n->v[c].weight / sum;
        int is_new = states[next] < 0;
        if (!n->v[next].child) states[next] = to;
        if (states[next] < 0) states[next] = l->out->n_states++;
        if (*token == '{') {
            const struct lt_network *inner = l->classes(l->ctx, token);
            err = inner ? lay(l, inner, from, states[next], part, depth + 1) : LT_ERR_NOTFOUND;
        } else {
            err = lt_arcs_add(l->out, from, states[next], part, token);
        }
        if (!err && is_new && n->v[next].child)
            err = lay_node(l, n, next, states[next], to, 1, states, depth);
    }
    return err;
}

static enum lt_err lay(const struct layer *l, const struct lt_network *n, int from, int to,
                       double share, int depth)
{
    if (depth > MAX_DEPTH) return LT_ERR_LIMIT;
    int *states = malloc(n->n * sizeof *states);
    if (!states) return LT_ERR_NOMEM;
    for (size_t i = 0; i < n->n; i++) states[i] = -1;
    enum lt_err err = lay_node(l, n, n->v[0].same, from, to, share, states, depth);
    free(states);
    return err;
}

enum lt_err lt_network_lay(const struct lt_network *n, int from, int to, double share,
                           lt_network_class_fn classes, void *ctx, struct lt_arcs *out)
{
    const struct layer l = {classes, ctx, out};
    return lay(&l, n, from, to, share, 0);
}
