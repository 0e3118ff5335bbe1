/* plan_build.c - blocks of tokens and lists of names. */
#include "plan_build.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX_BYTES 128 /* longer words are cut before they are tokenised */

void san__block_put(struct san__block *b, int32_t id)
{
    if (b->n_tok < SAN_BLOCK_MAX_TOKENS)
        b->tok[b->n_tok++] = id;
    else
        b->is_full = 1;
}

int san__block_mark(struct san__block *b, int32_t id)
{
    san__block_put(b, id);
    if (!b->is_full) b->marker[b->n_marker++] = b->n_tok - 1;
    return b->n_tok - 1;
}

int san__word_tokens(const struct san_pieces *v, struct san_tok_work *work, const char *text,
                     const struct san_word *w, int32_t *out, int cap)
{
    char buf[WORD_MAX_BYTES + 2];
    size_t n = (size_t)(w->end - w->begin);
    if (n > WORD_MAX_BYTES) n = WORD_MAX_BYTES;
    /* digits carry no mark of the space before them, so that "20" and "to 20%" share tokens with
     * what the network spells */
    size_t at = w->has_space && w->kind != SAN_WORD_DIGITS ? 1 : 0;
    if (at) buf[0] = ' ';
    san_fold(text + w->begin, n, buf + at);
    int k = san_tokenize(v->tokenizer, work, buf, n + at,
                         SAN_TOKENIZE_NO_USER | SAN_TOKENIZE_NO_PREFIX, out, NULL, cap);
    return k > cap ? cap : k < 0 ? 0 : k;
}

void san__block_words(struct san__block *b, const struct san_pieces *v, const char *text,
                      int max_words)
{
    struct san_word words[SAN_WORDS_MAX];
    int n = san_words(text, strlen(text), words, SAN_WORDS_MAX);
    for (int i = 0; i < n && i < max_words && !b->is_full; i++) {
        int32_t ids[WORD_MAX_BYTES + 8];
        int k = san__word_tokens(v, b->work, text, &words[i], ids, WORD_MAX_BYTES + 8);
        for (int j = 0; j < k; j++) san__block_put(b, ids[j]);
    }
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h ^= x + 0x9e3779b97f4a7c15u + (h << 12) + (h >> 4);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

enum lt_err san__block_finish(const struct san__block *b, struct san_block_text *out)
{
    *out = (struct san_block_text){.n_tok = b->n_tok, .n_marker = b->n_marker};
    out->tok = malloc((size_t)b->n_tok * sizeof *out->tok + 1);
    out->marker = malloc((size_t)b->n_marker * sizeof *out->marker + 1);
    if (!out->tok || !out->marker) {
        san__block_text_free(out);
        return LT_ERR_NOMEM;
    }
    memcpy(out->tok, b->tok, (size_t)b->n_tok * sizeof *out->tok);
    memcpy(out->marker, b->marker, (size_t)b->n_marker * sizeof *out->marker);
    uint64_t h0 = 1, h1 = 2;
    for (int i = 0; i < b->n_tok; i++) {
        h0 = mix(h0, (uint64_t)b->tok[i]);
        h1 = mix(h1, (uint64_t)b->tok[i] * 31 + 7);
    }
    for (int i = 0; i < b->n_marker; i++) {
        h0 = mix(h0, 0x10000u + (uint64_t)b->marker[i]);
        h1 = mix(h1, 0x20000u + (uint64_t)b->marker[i]);
    }
    out->hash[0] = h0;
    out->hash[1] = h1;
    return LT_OK;
}

void san__block_text_free(struct san_block_text *t)
{
    free(t->tok);
    free(t->marker);
    *t = (struct san_block_text){0};
}

static void *grow(void *p, int *cap, int need, size_t size)
{
    if (need <= *cap) return p;
    int c = *cap ? *cap * 2 : 32;
    if (c < need) c = need;
    void *q = realloc(p, (size_t)c * size);
    if (q) *cap = c;
    return q;
}

enum lt_err san__names_add(struct san__names *n, const char *text)
{
    struct san_word words[SAN_WORDS_MAX];
    int k = san_words(text, strlen(text), words, SAN_WORDS_MAX), used = 0;
    uint32_t *w = grow(n->words, &n->cap_words, n->n_words + k, sizeof *w);
    if (k && !w) return LT_ERR_NOMEM;
    if (w) n->words = w;
    for (int i = 0; i < k; i++)
        if (words[i].kind != SAN_WORD_PUNCT) n->words[n->n_words + used++] = words[i].hash;
    if (!used) return LT_OK;
    struct san_phrase *p = grow(n->phrases, &n->cap_phrases, n->n_phrases + 1, sizeof *p);
    if (!p) return LT_ERR_NOMEM;
    n->phrases = p;
    n->phrases[n->n_phrases++] = (struct san_phrase){n->n_words, used};
    n->n_words += used;
    return LT_OK;
}

void san__names_free(struct san__names *n)
{
    free(n->phrases);
    free(n->words);
    *n = (struct san__names){0};
}
