/* ngram.c - counts in open hash tables, keyed by up to three word numbers of 21 bits. */
#include "lt/ngram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BITS  21
#define MASK  ((1ull << BITS) - 1)
#define BEGIN 1u /* <s>; 0 stands for "no word" in keys */
#define END   2u /* </s> */

struct run {
    uint64_t key; /* 0: free */
    double n;     /* times seen */
    double after; /* times something followed */
    double kinds; /* distinct words that followed */
};

struct table {
    struct run *v;
    size_t cap, n;
};

struct lt_ngram {
    char **words; /* 0 unused, 1 <s>, 2 </s> */
    size_t n_words, cap_words;
    uint32_t *index; /* hash of words: number, 0 free */
    size_t cap_index;
    struct table by_order[3]; /* runs of one, two, three */
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static struct run *find(const struct table *t, uint64_t key)
{
    if (!t->cap) return NULL;
    size_t i = mix(key) & (t->cap - 1);
    while (t->v[i].key && t->v[i].key != key) i = (i + 1) & (t->cap - 1);
    return &t->v[i];
}

static int grow(struct table *t)
{
    struct table bigger = {NULL, t->cap ? t->cap * 2 : 1024, t->n};
    bigger.v = calloc(bigger.cap, sizeof *bigger.v);
    if (!bigger.v) return 0;
    for (size_t i = 0; i < t->cap; i++)
        if (t->v[i].key) *find(&bigger, t->v[i].key) = t->v[i];
    free(t->v);
    *t = bigger;
    return 1;
}

/* The run's entry, made when new; NULL: no memory or the bound is reached. */
static struct run *get(struct table *t, uint64_t key)
{
    struct run *r = find(t, key);
    if (r && r->key) return r;
    if (t->n >= LT_NGRAM_MAX_RUNS) return NULL;
    if (t->n * 4 >= t->cap * 3) {
        if (!grow(t)) return NULL;
        r = find(t, key);
    }
    r->key = key;
    t->n++;
    return r;
}

static uint64_t hash_text(const char *s, size_t n)
{
    uint64_t h = 1469598103934665603ull; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211ull;
    return mix(h);
}

static int index_words(struct lt_ngram *m, size_t cap)
{
    uint32_t *index = calloc(cap, sizeof *index);
    if (!index) return 0;
    for (size_t w = 1; w < m->n_words; w++) {
        size_t i = hash_text(m->words[w], strlen(m->words[w])) & (cap - 1);
        while (index[i]) i = (i + 1) & (cap - 1);
        index[i] = (uint32_t)w;
    }
    free(m->index);
    m->index = index;
    m->cap_index = cap;
    return 1;
}

/* The word's number, made when new; 0: no memory or too many. */
static uint32_t word_number(struct lt_ngram *m, const char *s, size_t n)
{
    size_t i = hash_text(s, n) & (m->cap_index - 1);
    for (; m->index[i]; i = (i + 1) & (m->cap_index - 1)) {
        const char *w = m->words[m->index[i]];
        if (!strncmp(w, s, n) && !w[n]) return m->index[i];
    }
    if (m->n_words >= LT_NGRAM_MAX_WORDS) return 0;
    if (m->n_words == m->cap_words) {
        char **more = realloc(m->words, m->cap_words * 2 * sizeof *more);
        if (!more) return 0;
        m->words = more;
        m->cap_words *= 2;
    }
    if (!(m->words[m->n_words] = strndup(s, n))) return 0;
    m->index[i] = (uint32_t)m->n_words++;
    uint32_t number = m->index[i];
    if (m->n_words * 2 > m->cap_index && !index_words(m, m->cap_index * 2)) return 0;
    return number;
}

struct lt_ngram *lt_ngram_new(void)
{
    struct lt_ngram *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->cap_words = 1024;
    m->words = calloc(m->cap_words, sizeof *m->words);
    m->n_words = 1;
    if (!m->words || !index_words(m, 4096) || word_number(m, "<s>", 3) != BEGIN ||
        word_number(m, "</s>", 4) != END) {
        lt_ngram_free(m);
        return NULL;
    }
    return m;
}

void lt_ngram_free(struct lt_ngram *m)
{
    if (!m) return;
    for (size_t i = 1; m->words && i < m->n_words; i++) free(m->words[i]);
    free(m->words);
    free(m->index);
    for (int k = 0; k < 3; k++) free(m->by_order[k].v);
    free(m);
}

/* Count word c after a and b (0: none before). */
static enum lt_err count(struct lt_ngram *m, uint64_t a, uint64_t b, uint64_t c, unsigned times)
{
    const uint64_t keys[3] = {c, b << BITS | c, a << 2 * BITS | b << BITS | c};
    const uint64_t contexts[3] = {0, b, a << BITS | b};
    for (int k = 0; k < 3; k++) {
        if ((k == 1 && !b) || (k == 2 && !a)) break;
        struct run *r = get(&m->by_order[k], keys[k]);
        if (!r) return m->by_order[k].n >= LT_NGRAM_MAX_RUNS ? LT_ERR_LIMIT : LT_ERR_NOMEM;
        int is_new = r->n == 0;
        r->n += times;
        if (!k) continue;
        struct run *context = get(&m->by_order[k - 1], contexts[k]);
        if (!context) return LT_ERR_NOMEM;
        context->after += times;
        context->kinds += is_new;
    }
    return LT_OK;
}

enum lt_err lt_ngram_add(struct lt_ngram *m, const char *sentence, unsigned times)
{
    uint64_t a = 0, b = BEGIN;
    if (!*sentence || !times) return LT_OK;
    struct run *begin = get(&m->by_order[0], BEGIN);
    if (!begin) return LT_ERR_NOMEM;
    for (const char *p = sentence; *p;) {
        size_t n = strcspn(p, " ");
        if (n) {
            uint64_t c = word_number(m, p, n);
            if (!c) return m->n_words >= LT_NGRAM_MAX_WORDS ? LT_ERR_LIMIT : LT_ERR_NOMEM;
            enum lt_err err = count(m, a, b, c, times);
            if (err) return err;
            a = b;
            b = c;
        }
        p += n + (p[n] == ' ');
    }
    return count(m, a, b, END, times);
}

size_t lt_ngram_n_words(const struct lt_ngram *m)
{
    return m->n_words - 3;
}

const char *lt_ngram_word(const struct lt_ngram *m, size_t i)
{
    return m->words[i + 3];
}

/* ---- writing ---- */

struct writer {
    const struct lt_ngram *m;
    double openness, total; /* words counted */
};

/* Share of a context's probability that goes to what was not seen after it. */
static double rest_of(const struct writer *w, const struct run *context)
{
    double open = context->kinds * w->openness;
    return context->after > 0 ? open / (open + context->after) : 1;
}

static double p_one(const struct writer *w, uint64_t c)
{
    const struct run *r = find(&w->m->by_order[0], c);
    double kinds = (double)w->m->by_order[0].n * w->openness, rest = kinds / (kinds + w->total);
    double seen = r && r->key ? r->n / w->total : 0;
    return (1 - rest) * seen + rest / (double)w->m->by_order[0].n;
}

static double p_two(const struct writer *w, uint64_t b, uint64_t c)
{
    const struct run *r = find(&w->m->by_order[1], b << BITS | c);
    const struct run *context = find(&w->m->by_order[0], b);
    double rest = context && context->key ? rest_of(w, context) : 1;
    double seen = r && r->key && context->after > 0 ? r->n / context->after : 0;
    return (1 - rest) * seen + rest * p_one(w, c);
}

static double p_three(const struct writer *w, const struct run *r)
{
    uint64_t ab = r->key >> BITS, b = ab & MASK, c = r->key & MASK;
    const struct run *context = find(&w->m->by_order[1], ab);
    double rest = rest_of(w, context);
    return (1 - rest) * r->n / context->after + rest * p_two(w, b, c);
}

static double log_of(double p)
{
    return p > 0 ? log10(p) : -99;
}

static void write_run(const struct writer *w, int order, const struct run *r, FILE *out)
{
    const uint64_t a = r->key >> 2 * BITS, b = r->key >> BITS & MASK, c = r->key & MASK;
    char *const *words = w->m->words;
    if (order == 0)
        fprintf(out, "%.4f %s %.4f\n", c == BEGIN ? -99.0 : log_of(p_one(w, c)), words[c],
                log_of(rest_of(w, r)));
    else if (order == 1)
        fprintf(out, "%.4f %s %s %.4f\n", log_of(p_two(w, b, c)), words[b], words[c],
                log_of(rest_of(w, r)));
    else
        fprintf(out, "%.4f %s %s %s\n", log_of(p_three(w, r)), words[a], words[b], words[c]);
}

enum lt_err lt_ngram_write(const struct lt_ngram *m, double openness, FILE *out)
{
    struct writer w = {m, openness, 0};
    for (size_t i = 0; i < m->by_order[0].cap; i++) w.total += m->by_order[0].v[i].n;
    if (w.total <= 0) return LT_ERR_INVALID;
    fprintf(out, "\\data\\\n");
    for (int k = 0; k < 3; k++) fprintf(out, "ngram %d=%zu\n", k + 1, m->by_order[k].n);
    for (int k = 0; k < 3; k++) {
        fprintf(out, "\n\\%d-grams:\n", k + 1);
        for (size_t i = 0; i < m->by_order[k].cap; i++)
            if (m->by_order[k].v[i].key) write_run(&w, k, &m->by_order[k].v[i], out);
    }
    fprintf(out, "\n\\end\\\n");
    return fflush(out) || ferror(out) ? LT_ERR_IO : LT_OK;
}
