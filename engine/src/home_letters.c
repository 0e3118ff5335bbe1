/* home_letters.c - trigrams, sorted, and counted. */
#include "home_letters.h"

#include <stdlib.h>
#include <string.h>

#include "lt/fold.h"

#define WORD_MAX    48   /* bytes of a word that are read */
#define WORD_MIN    4    /* shorter words look like too many */
#define GRAM_MOST   2048 /* a trigram of more terms than this tells nothing */
#define SHARE_LEAST 0.5f
#define WITHIN      0.8f /* of one word's trigrams within the other's: it stands there */

/* Trigrams of a folded word, each once; returns how many. */
static int grams_of(const char *text, size_t n, uint32_t out[WORD_MAX])
{
    char folded[WORD_MAX + 2] = " ";
    size_t len = lt_fold(text, n < WORD_MAX ? n : WORD_MAX, folded + 1, WORD_MAX) + 1;
    int count = 0;
    if (len < WORD_MIN + 1) return 0;
    if (folded[len - 1] == 's') len--; /* as words are stemmed */
    for (size_t i = 0; i + 3 <= len && count < WORD_MAX; i++) {
        const unsigned char *c = (const unsigned char *)folded + i;
        uint32_t gram = (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
        int is_new = 1;
        for (int k = 0; k < count && is_new; k++) is_new = out[k] != gram;
        if (is_new) out[count++] = gram;
    }
    return count;
}

enum lt_err san__letters_init(struct san__letters *l, int n_terms)
{
    *l = (struct san__letters){.n_terms = n_terms};
    l->len = calloc((size_t)n_terms + 1, 1);
    return l->len ? LT_OK : LT_ERR_NOMEM;
}

void san__letters_fini(struct san__letters *l)
{
    free(l->grams);
    free(l->len);
    *l = (struct san__letters){0};
}

enum lt_err san__letters_add(struct san__letters *l, int term, const char *text, size_t n)
{
    uint32_t gram[WORD_MAX];
    if (l->len[term]) return LT_OK;
    int k = grams_of(text, n, gram);
    if (l->n + (size_t)k > l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        struct san__gram *p = realloc(l->grams, cap * sizeof *p);
        if (!p) return LT_ERR_NOMEM;
        l->grams = p;
        l->cap = cap;
    }
    for (int i = 0; i < k; i++) l->grams[l->n++] = (struct san__gram){gram[i], term};
    l->len[term] = (uint8_t)k;
    return LT_OK;
}

static int by_gram(const void *a, const void *b)
{
    const struct san__gram *x = a, *y = b;
    if (x->gram != y->gram) return x->gram < y->gram ? -1 : 1;
    return x->term - y->term;
}

enum lt_err san__letters_done(struct san__letters *l)
{
    if (l->n) qsort(l->grams, l->n, sizeof *l->grams, by_gram);
    return LT_OK;
}

static size_t first_of(const struct san__letters *l, uint32_t gram)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (l->grams[mid].gram < gram)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int san__letters_find(const struct san__letters *l, const char *word, size_t n, uint8_t *count,
                      int *seen, struct san__alike out[SAN__ALIKE_MAX])
{
    uint32_t gram[WORD_MAX];
    int k = grams_of(word, n, gram), n_seen = 0, n_out = 0;
    for (int i = 0; i < k; i++) {
        size_t first = first_of(l, gram[i]), end = first_of(l, gram[i] + 1);
        if (end - first > GRAM_MOST) continue;
        for (size_t j = first; j < end; j++)
            if (!count[l->grams[j].term]++) seen[n_seen++] = l->grams[j].term;
    }
    for (int i = 0; i < n_seen; i++) {
        int term = seen[i], both = count[term], len = l->len[term];
        int shorter = len < k ? len : k;
        float share = 2.0f * (float)both / (float)(len + k);
        float within = WITHIN * (float)both / (float)(shorter > 2 ? shorter : 3);
        if (within >= WITHIN * WITHIN && within > share) share = within;
        count[term] = 0;
        if (share < SHARE_LEAST) continue;
        int at = n_out < SAN__ALIKE_MAX ? n_out++ : SAN__ALIKE_MAX;
        for (; at > 0 && (out[at - 1].share < share ||
                          (out[at - 1].share == share && out[at - 1].term > term));
             at--)
            if (at < SAN__ALIKE_MAX) out[at] = out[at - 1];
        if (at < SAN__ALIKE_MAX) out[at] = (struct san__alike){term, share};
    }
    return n_out;
}
