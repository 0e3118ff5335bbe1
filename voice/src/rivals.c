/* rivals.c - what a network says that means something else than one sentence of it.
 *
 * Every way through the network is followed with a note of which words of the sentence it has had, in
 * any order ("turn on the lamp" and "turn the lamp on" have the same ones). As long as it had nothing
 * else it is in step with the sentence; the first word of another meaning takes it out of step, into a
 * plain copy of the network. A way that is in step at its end and has had every word is the sentence
 * said in another way, and is left out; what had fewer words, or is out of step, is a rival. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lt/commands.h"

#define MAX_WORDS  16 /* words of the sentence that are told apart; further ones lead out of step */
#define MAX_STATES 60000
#define FIRST_KEYS 4096

struct pair {
    int state;
    unsigned had; /* a bit for each word */
};

struct rivals {
    const struct lt_commands *c;
    const char *words[MAX_WORDS]; /* in the sentence */
    size_t lengths[MAX_WORDS];
    int n_words;
    struct pair *v; /* states in step; number i of them is state i + n of the result */
    size_t n, cap;
    int *table; /* hash of them; 0 free, else number + 1 */
    size_t cap_table;
    struct lt_arcs *out;
};

static int is_empty_word(const char *w, size_t n)
{
    /* nobody means another thing by saying or leaving these out */
    static const char *const words[] = {"the", "a",     "an",   "my",     "please", "can", "you",
                                        "to",  "could", "turn", "switch", "of",     "in"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && !strncmp(words[i], w, n)) return 1;
    return 0;
}

static void split(struct rivals *r, const char *sentence)
{
    for (const char *p = sentence; *p;) {
        size_t n = strcspn(p, " _");
        if (n && !is_empty_word(p, n) && r->n_words < MAX_WORDS) {
            r->words[r->n_words] = p;
            r->lengths[r->n_words++] = n;
        }
        p += n + (p[n] != '\0');
    }
}

/* The words had after another one; *is_out when it is none of the sentence's that are left. */
static unsigned with_word(const struct rivals *r, unsigned had, const char *word, int *is_out)
{
    *is_out = 0;
    for (const char *w = word; w && *w && !*is_out;) {
        size_t n = strcspn(w, "_");
        *is_out = !is_empty_word(w, n);
        for (int i = 0; i < r->n_words && *is_out; i++)
            if (!(had >> i & 1) && r->lengths[i] == n && !strncmp(r->words[i], w, n)) {
                had |= 1u << i;
                *is_out = 0;
            }
        w += n + (w[n] == '_');
    }
    return had;
}

static size_t slot_of(const struct rivals *r, struct pair p)
{
    size_t at = ((uint32_t)p.state * 0x9e3779b9u ^ p.had * 0x85ebca6bu) & (r->cap_table - 1);
    while (r->table[at] &&
           (r->v[r->table[at] - 1].state != p.state || r->v[r->table[at] - 1].had != p.had))
        at = (at + 1) & (r->cap_table - 1);
    return at;
}

/* The number of a state in step, made when new. */
static enum lt_err number_of(struct rivals *r, struct pair p, int *out)
{
    size_t at = slot_of(r, p);
    if (r->table[at]) {
        *out = r->table[at] - 1;
        return LT_OK;
    }
    if (r->n >= MAX_STATES) return LT_ERR_LIMIT;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 1024;
        struct pair *more = realloc(r->v, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        r->v = more;
        r->cap = cap;
    }
    *out = (int)r->n;
    r->v[r->n++] = p;
    r->table[at] = *out + 1;
    if (r->n * 2 < r->cap_table) return LT_OK;
    int *bigger = calloc(r->cap_table * 2, sizeof *bigger);
    if (!bigger) return LT_ERR_NOMEM;
    free(r->table);
    r->table = bigger;
    r->cap_table *= 2;
    for (size_t i = 0; i < r->n; i++) r->table[slot_of(r, r->v[i])] = (int)i + 1;
    return LT_OK;
}

/* Arcs grouped by the state they leave: order[first[s]] to order[first[s + 1] - 1]. */
static enum lt_err group(const struct lt_arcs *a, int **first, int **order)
{
    *first = calloc((size_t)a->n_states + 2, sizeof **first);
    *order = malloc((a->n + 1) * sizeof **order);
    if (!*first || !*order) return LT_ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++) (*first)[a->v[i].from + 2]++;
    for (int s = 2; s <= a->n_states + 1; s++) (*first)[s] += (*first)[s - 1];
    for (size_t i = 0; i < a->n; i++) (*order)[(*first)[a->v[i].from + 1]++] = (int)i;
    return LT_OK;
}

static enum lt_err walk(struct rivals *r, const int *first, const int *order)
{
    const struct lt_arcs *a = lt_commands_arcs(r->c);
    const unsigned all = (1u << r->n_words) - 1;
    int at = 0, next = 0, is_out = 0, n = a->n_states;
    enum lt_err err = number_of(r, (struct pair){0, 0}, &at);
    for (size_t i = 0; !err && i < r->n; i++) {
        const struct pair p = r->v[i];
        if (p.state == 1 && p.had != all) /* its end, too early */
            err = lt_arcs_add(r->out, n + (int)i, 1, 1, NULL);
        for (int k = first[p.state]; !err && k < first[p.state + 1]; k++) {
            const struct lt_arc *arc = &a->v[order[k]];
            unsigned had = with_word(r, p.had, arc->word, &is_out);
            next = arc->to;
            if (!is_out) {
                err = number_of(r, (struct pair){arc->to, had}, &next);
                next += n;
            }
            if (!err) err = lt_arcs_add(r->out, n + (int)i, next, arc->share, arc->word);
        }
    }
    r->out->n_states = n + (int)r->n;
    return err;
}

enum lt_err lt_commands_rivals(const struct lt_commands *c, const char *sentence,
                               struct lt_arcs *out)
{
    const struct lt_arcs *a = lt_commands_arcs(c);
    struct rivals r = {.c = c, .out = out, .cap_table = FIRST_KEYS};
    int *first = NULL, *order = NULL;
    split(&r, sentence);
    r.table = calloc(r.cap_table, sizeof *r.table);
    enum lt_err err = r.table ? group(a, &first, &order) : LT_ERR_NOMEM;
    for (size_t i = 0; i < a->n && !err; i++)
        err = lt_arcs_add(out, a->v[i].from, a->v[i].to, a->v[i].share, a->v[i].word);
    if (!err) err = walk(&r, first, order);
    out->start = a->n_states; /* in step, with no word had */
    free(first);
    free(order);
    free(r.table);
    free(r.v);
    return err;
}

int lt_commands_is_same(const char *a, const char *b)
{
    char word[LT_NETWORK_NAME_MAX];
    struct rivals r = {0};
    unsigned had = 0;
    int is_out = 0;
    split(&r, a);
    for (const char *p = b; *p && !is_out;) {
        size_t n = strcspn(p, " ");
        if (n >= sizeof word) return 0;
        memcpy(word, p, n);
        word[n] = '\0';
        had = with_word(&r, had, word, &is_out);
        p += n + (p[n] == ' ');
    }
    return !is_out && had == (1u << r.n_words) - 1;
}
