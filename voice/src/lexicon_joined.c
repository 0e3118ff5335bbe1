/* lexicon_joined.c - pronunciations of words joined from others. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lt/lexicon.h"

struct part { /* one pronunciation */
    const char *word, *phones;
};

static int by_word(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int order = strcmp(x->word, y->word);
    return order ? order : (x->phones > y->phones) - (x->phones < y->phones); /* as in the file */
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first of those for `word`, or NULL. */
static const struct part *find(const struct part *v, size_t n, const char *word, size_t len)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = strncmp(v[mid].word, word, len);
        if (!order && v[mid].word[len]) order = 1;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && !strncmp(v[lo].word, word, len) && !v[lo].word[len] ? &v[lo] : NULL;
}

/* Cut the text of a dictionary into its entries; "word(2)" is an entry of "word". */
static struct part *entries_of(char *text, size_t *n)
{
    size_t cap = 0;
    struct part *v = NULL;
    *n = 0;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end) *end++ = '\0';
        char *phones = strchr(line, ' ');
        if (!phones) continue;
        *phones++ = '\0';
        line[strcspn(line, "(")] = '\0';
        if (*n == cap) {
            struct part *more = realloc(v, (cap = cap ? cap * 2 : 256) * sizeof *more);
            if (!more) {
                free(v);
                return NULL;
            }
            v = more;
        }
        v[(*n)++] = (struct part){line, phones};
    }
    if (v) qsort(v, *n, sizeof *v, by_word);
    return v;
}

/* Write every combination; the first ones first. */
static void write_joined(const struct part *v, size_t n, const char *word, FILE *out)
{
    char so_far[LT_LEXICON_VARIANTS][LT_LEXICON_PHONES_BYTES] = {""};
    size_t n_far = 1;
    for (const char *p = word; *p;) {
        char next[LT_LEXICON_VARIANTS][LT_LEXICON_PHONES_BYTES];
        size_t len = strcspn(p, "_"), n_next = 0;
        const struct part *first = len ? find(v, n, p, len) : NULL;
        for (const struct part *e = first; e && e < v + n && !strcmp(e->word, first->word); e++)
            for (size_t i = 0; i < n_far && n_next < LT_LEXICON_VARIANTS; i++)
                if (strlen(so_far[i]) + strlen(e->phones) + 2 < LT_LEXICON_PHONES_BYTES) {
                    snprintf(next[n_next++], LT_LEXICON_PHONES_BYTES, "%.120s%s%.120s", so_far[i],
                             *so_far[i] ? " " : "", e->phones);
                }
        if (n_next) {
            memcpy(so_far, next, n_next * sizeof *next);
            n_far = n_next;
        }
        p += len + (p[len] == '_');
    }
    for (size_t i = 0; i < n_far; i++) {
        if (i)
            fprintf(out, "%s(%zu) %s\n", word, i + 1, so_far[i]);
        else
            fprintf(out, "%s %s\n", word, so_far[i]);
    }
}

/* All words, the parts of joined ones in their place, each once. Strings are the caller's. */
static char **plain_words(const char *const *words, size_t n, size_t *n_out)
{
    size_t cap = n, count = 0;
    for (size_t i = 0; i < n; i++)
        for (const char *p = words[i]; *p; p++) cap += *p == '_';
    char **v = calloc(cap ? cap : 1, sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        for (const char *p = words[i]; *p;) {
            size_t len = strcspn(p, "_");
            if (len && (v[count] = strndup(p, len))) count++;
            p += len + (p[len] == '_');
        }
    if (!v) return NULL;
    qsort(v, count, sizeof *v, by_text);
    *n_out = 0;
    for (size_t i = 0; i < count; i++) {
        if (*n_out && !strcmp(v[*n_out - 1], v[i]))
            free(v[i]);
        else
            v[(*n_out)++] = v[i];
    }
    return v;
}

enum lt_err lt_lexicon_write_joined(const char *const *words, size_t n, const char *dictionary_path,
                                    FILE *out, size_t *n_unknown, struct lt_diag *diag)
{
    size_t n_plain = 0, n_bytes = 0, n_parts = 0;
    char **plain = plain_words(words, n, &n_plain), *text = NULL;
    struct part *parts = NULL;
    FILE *f = plain ? open_memstream(&text, &n_bytes) : NULL;
    enum lt_err err = f ? LT_OK : LT_ERR_NOMEM;
    if (!err)
        err = lt_lexicon_write((const char *const *)plain, n_plain, dictionary_path, f, n_unknown,
                               diag);
    if (f && fclose(f) && !err) err = LT_ERR_NOMEM;
    if (!err) {
        fputs(text, out);
        parts = entries_of(text, &n_parts);
        if (!parts && n_plain) err = LT_ERR_NOMEM;
    }
    for (size_t i = 0; !err && i < n; i++)
        if (strchr(words[i], '_')) write_joined(parts, n_parts, words[i], out);
    if (!err && (fflush(out) || ferror(out))) err = LT_ERR_IO;
    for (size_t i = 0; i < n_plain; i++) free(plain[i]);
    free(plain);
    free(parts);
    free(text);
    return err;
}
