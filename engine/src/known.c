/* known.c - words by rank, and an open-addressed table from word to rank. */
#include "san/known.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct san_known {
    int n;
    uint32_t mask;
    int32_t *slot; /* (mask+1) 1 + rank, 0 free */
    char (*word)[SAN_KNOWN_WORD_BYTES + 1];
};

static uint32_t hash(const char *s, size_t n)
{
    uint32_t h = 2166136261u; /* FNV-1a, then mixed since its low bits alone are weak */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The slot that holds the word, or the free one where it belongs. */
static uint32_t find(const struct san_known *k, const char *s, size_t n)
{
    uint32_t i = hash(s, n) & k->mask;
    for (; k->slot[i]; i = (i + 1) & k->mask) {
        const char *w = k->word[k->slot[i] - 1];
        if (!strncmp(w, s, n) && !w[n]) break;
    }
    return i;
}

enum lt_err san_known_new(const struct san_gguf_str *words, size_t n, struct san_known **out,
                          struct lt_diag *diag)
{
    if (n > SAN_KNOWN_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "known words: %zu, at most %d are taken", n,
                       SAN_KNOWN_MAX);
    struct san_known *k = calloc(1, sizeof *k);
    if (!k) return lt_fail(diag, LT_ERR_NOMEM, "known words: out of memory");
    uint32_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    k->mask = slots - 1;
    k->slot = calloc(slots, sizeof *k->slot);
    k->word = calloc(n + 1, sizeof *k->word);
    enum lt_err err = LT_OK;
    if (!k->slot || !k->word) err = lt_fail(diag, LT_ERR_NOMEM, "known words: out of memory");
    for (size_t i = 0; !err && i < n; i++) {
        size_t len = words[i].n;
        if (!len || len > SAN_KNOWN_WORD_BYTES || memchr(words[i].p, 0, len)) {
            err = lt_fail(diag, LT_ERR_INVALID,
                          "known words: word %zu has %zu bytes; 1 to %d, none of them 0, are taken",
                          i, len, SAN_KNOWN_WORD_BYTES);
            break;
        }
        uint32_t at = find(k, words[i].p, len);
        if (k->slot[at])
            err =
                lt_fail(diag, LT_ERR_INVALID, "known words: \"%.*s\" twice", (int)len, words[i].p);
        memcpy(k->word[i], words[i].p, len);
        k->slot[at] = (int32_t)i + 1;
        k->n++;
    }
    if (err)
        san_known_free(k);
    else
        *out = k;
    return err;
}

void san_known_free(struct san_known *k)
{
    if (!k) return;
    free(k->slot);
    free(k->word);
    free(k);
}

int san_known_count(const struct san_known *k)
{
    return k ? k->n : 0;
}

const char *san_known_word(const struct san_known *k, int rank)
{
    return k->word[rank];
}

int san_known_rank(const struct san_known *k, const char *word, size_t n)
{
    return k && n && n <= SAN_KNOWN_WORD_BYTES ? k->slot[find(k, word, n)] - 1 : -1;
}
