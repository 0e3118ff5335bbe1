/* known_count.c - utterances' words into a growing table of counts, then sorted. */
#include "san/known_count.h"

#include <stdlib.h>
#include <string.h>

#include "san/lex.h"

#define GROUP 48

struct counted {
    char word[SAN_KNOWN_WORD_BYTES + 1];
    uint32_t n;
};
struct counts {
    struct counted *slot; /* open-addressed, n 0 is free */
    size_t cap, used;
};

static struct counted *find(const struct counts *c, const char *w)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (const char *p = w; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
    size_t i = (size_t)(h ^ h >> 29) & (c->cap - 1);
    while (c->slot[i].n && strcmp(c->slot[i].word, w)) i = (i + 1) & (c->cap - 1);
    return &c->slot[i];
}

static int grow(struct counts *c)
{
    struct counts big = {.cap = c->cap ? 2 * c->cap : 4096, .used = c->used};
    big.slot = calloc(big.cap, sizeof *big.slot);
    if (!big.slot) return 0;
    for (size_t i = 0; i < c->cap; i++)
        if (c->slot[i].n) *find(&big, c->slot[i].word) = c->slot[i];
    free(c->slot);
    *c = big;
    return 1;
}

static int count(struct counts *c, const char *query)
{
    struct san_word words[SAN_WORDS_MAX];
    int n = san_words(query, strlen(query), words, SAN_WORDS_MAX);
    for (int i = 0; i < n; i++) {
        char w[SAN_KNOWN_WORD_BYTES + 1];
        size_t len = (size_t)(words[i].end - words[i].begin);
        if (words[i].kind != SAN_WORD_LETTERS || len < 3 || len > SAN_KNOWN_WORD_BYTES) continue;
        san_fold(query + words[i].begin, len, w);
        if (strspn(w, "abcdefghijklmnopqrstuvwxyz") != len) continue;
        if (2 * c->used >= c->cap && !grow(c)) return 0;
        struct counted *at = find(c, w);
        if (!at->n) {
            memcpy(at->word, w, len + 1);
            c->used++;
        }
        at->n++;
    }
    return 1;
}

static int by_count(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->word, y->word);
}

static enum lt_err list_of(struct counts *c, struct san_known **out, struct lt_diag *diag)
{
    size_t n = 0;
    for (size_t i = 0; i < c->cap; i++)
        if (c->slot[i].n >= SAN_KNOWN_MIN_COUNT) c->slot[n++] = c->slot[i];
    if (n) qsort(c->slot, n, sizeof *c->slot, by_count);
    if (n > SAN_KNOWN_MAX) n = SAN_KNOWN_MAX;
    struct san_gguf_str *text = malloc((n + 1) * sizeof *text);
    if (!text) return lt_fail(diag, LT_ERR_NOMEM, "known words: out of memory");
    for (size_t i = 0; i < n; i++)
        text[i] = (struct san_gguf_str){c->slot[i].word, strlen(c->slot[i].word)};
    enum lt_err err = san_known_new(text, n, out, diag);
    free(text);
    return err;
}

enum lt_err san_known_count_words(const struct san_gen_options *o, uint64_t n_cases,
                                  struct san_known **out, struct lt_diag *diag)
{
    struct san_gen_options plain = *o;
    struct san_gen *g = NULL;
    struct counts c = {0};
    json_t *cases[GROUP];
    plain.plain = 1;
    enum lt_err err = san_gen_new(&plain, &g, diag);
    for (uint64_t made = 0; !err && made < n_cases; made += GROUP) {
        err = san_gen_group(g, GROUP, cases, diag);
        for (int i = 0; !err && i < GROUP; i++) {
            const char *query = json_string_value(json_object_get(cases[i], "query"));
            if (query && !count(&c, query))
                err = lt_fail(diag, LT_ERR_NOMEM, "known words: out of memory");
        }
        for (int i = 0; i < GROUP; i++) {
            json_decref(cases[i]);
            cases[i] = NULL;
        }
    }
    if (!err) err = list_of(&c, out, diag);
    free(c.slot);
    san_gen_free(g);
    return err;
}
