/* respell.c - every word one mistake away, looked up by hash among the catalogue's words and by text
 * among the known ones: some 450 candidates for a word of eight letters, and only for words that
 * nobody knows. */
#include "respell.h"

#include <ctype.h>
#include <string.h>

#define WORD_MIN   4    /* letters of a word that is looked at */
#define WORD_MAX   24   /* likewise */
#define SHORT      4    /* up to here letters are not exchanged for others */
#define CANDIDATES 1408 /* 54 * WORD_MAX + 26, and some */
#define SLOTS      4096

enum mistake { EXCHANGED, TOO_MANY, MISSING, WRONG };

struct candidate {
    uint32_t hash;
    char word[WORD_MAX + 2];
    uint8_t n, mistake;
};
struct candidates {
    struct candidate c[CANDIDATES];
    int n;
    int16_t slot[SLOTS]; /* 1 + index, 0 free; equal hashes: the first mistake of the order */
};

static void add(struct candidates *cs, const char *w, int n, enum mistake m)
{
    if (cs->n == CANDIDATES) return;
    struct candidate *c = &cs->c[cs->n];
    memcpy(c->word, w, (size_t)n);
    c->n = (uint8_t)n;
    c->mistake = (uint8_t)m;
    c->hash = san__word_hash(w, (size_t)n);
    uint32_t s = c->hash & (SLOTS - 1);
    for (; cs->slot[s]; s = (s + 1) & (SLOTS - 1))
        if (cs->c[cs->slot[s] - 1].hash == c->hash) break;
    cs->n++;
    if (!cs->slot[s]) cs->slot[s] = (int16_t)cs->n;
}

static void make(struct candidates *cs, const char *w, int n)
{
    char x[WORD_MAX + 2];
    cs->n = 0;
    memset(cs->slot, 0, sizeof cs->slot);
    for (int i = 0; i + 1 < n; i++) {
        if (w[i] == w[i + 1]) continue;
        memcpy(x, w, (size_t)n);
        x[i] = w[i + 1];
        x[i + 1] = w[i];
        add(cs, x, n, EXCHANGED);
    }
    for (int i = 1; i < n && n > SHORT; i++) {
        memcpy(x, w, (size_t)i);
        memcpy(x + i, w + i + 1, (size_t)(n - i - 1));
        add(cs, x, n - 1, TOO_MANY);
    }
    for (int i = 1; i <= n; i++)
        for (char c = 'a'; c <= 'z'; c++) {
            memcpy(x, w, (size_t)i);
            x[i] = c;
            memcpy(x + i + 1, w + i, (size_t)(n - i));
            add(cs, x, n + 1, MISSING);
        }
    for (int i = 1; i < n && n > SHORT; i++)
        for (char c = 'a'; c <= 'z'; c++) {
            if (c == w[i]) continue;
            memcpy(x, w, (size_t)n);
            x[i] = c;
            add(cs, x, n, WRONG);
        }
}

/* "dimming", "dimmed", "lamps" of a known "dim", "lamp"; "closing" of "close". */
static int is_known(const struct san_known *k, const char *w, int n)
{
    static const char *const endings[] = {"s", "es", "ed", "d", "ing", "er", "ly", "y"};
    if (san_known_rank(k, w, (size_t)n) >= 0) return 1;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        int e = (int)strlen(endings[i]), base = n - e;
        if (base < 3 || memcmp(w + base, endings[i], (size_t)e)) continue;
        if (san_known_rank(k, w, (size_t)base) >= 0) return 1;
        char x[WORD_MAX + 2];
        memcpy(x, w, (size_t)base);
        x[base] = 'e';
        if (san_known_rank(k, x, (size_t)base + 1) >= 0) return 1;
        if (base > 3 && w[base - 1] == w[base - 2] && san_known_rank(k, w, (size_t)base - 1) >= 0)
            return 1;
    }
    return 0;
}

struct search {
    const struct san_known *known;
    const struct candidates *cs;
    uint32_t self; /* hash of the word itself */
    int is_self;   /* the catalogue has it: nothing to mend */
    int best;      /* index of the candidate, -1 none */
    long cost;
};

static long cost_of(const struct search *s, const struct candidate *c)
{
    int rank = san_known_rank(s->known, c->word, c->n);
    return (long)c->mistake * SAN_KNOWN_MAX + (rank < 0 ? SAN_KNOWN_MAX - 1 : rank);
}

static void look_at(struct search *s, const uint32_t *hash, int n)
{
    for (int i = 0; i < n; i++) {
        s->is_self |= hash[i] == s->self;
        uint32_t at = hash[i] & (SLOTS - 1);
        while (s->cs->slot[at] && s->cs->c[s->cs->slot[at] - 1].hash != hash[i])
            at = (at + 1) & (SLOTS - 1);
        if (!s->cs->slot[at]) continue;
        int k = s->cs->slot[at] - 1;
        long cost = cost_of(s, &s->cs->c[k]);
        if (s->best >= 0 && cost >= s->cost) continue;
        s->best = k;
        s->cost = cost;
    }
}

static void look_at_home(struct search *s, const struct san_home_plan *h,
                         const struct san_shown *shown)
{
    if (!shown) {
        look_at(s, h->words, h->n_words);
        return;
    }
    for (int i = 0; i < shown->n_items; i++) {
        const struct san_item *it = &h->items[shown->items[i]];
        for (int k = 0; k < it->n_phrase; k++) {
            const struct san_phrase *p = &h->phrases[it->phrase + k];
            look_at(s, h->words + p->first, p->n);
        }
    }
}

static int is_name(const char *text, const struct san_word *words, int i)
{
    return i > 0 && isupper((unsigned char)text[words[i].begin]) &&
           islower((unsigned char)text[words[i].begin + 1]);
}

/* The word that word i is read as, or NULL where it stays. */
static const struct candidate *mend(const struct san_known *known, const struct san_plan *plan,
                                    const char *text, const struct san_word *words, int i,
                                    struct candidates *cs)
{
    const struct san_word *w = &words[i];
    int n = w->end - w->begin;
    char small[WORD_MAX + 2];
    if (w->kind != SAN_WORD_LETTERS || n < WORD_MIN || n > WORD_MAX) return NULL;
    for (int k = 0; k < n; k++) {
        unsigned char c = (unsigned char)text[w->begin + k];
        if (c >= 0x80) return NULL;
        small[k] = (char)tolower(c);
    }
    if (is_known(known, small, n)) return NULL;
    make(cs, small, n);
    struct search s = {.known = known, .cs = cs, .self = w->hash, .best = -1};
    if (plan->home) look_at_home(&s, plan->home, plan->shown);
    for (int t = 0; t < plan->n_tools; t++)
        look_at(&s, plan->tools[t]->words, plan->tools[t]->n_words);
    if (s.is_self) return NULL;
    if (s.best >= 0) return &cs->c[s.best];
    if (is_name(text, words, i)) return NULL;
    for (int k = 0; k < cs->n; k++) {
        if (san_known_rank(known, cs->c[k].word, cs->c[k].n) < 0) continue;
        long cost = cost_of(&s, &cs->c[k]);
        if (s.best >= 0 && cost >= s.cost) continue;
        s.best = k;
        s.cost = cost;
    }
    return s.best >= 0 ? &cs->c[s.best] : NULL;
}

int san__respell(const struct san_known *known, const struct san_plan *plan, const char *text,
                 const struct san_word *words, int n_words, char *out)
{
    struct candidates cs;
    int mended = 0, at = 0;
    size_t n = 0;
    if (!known) return 0;
    for (int i = 0; i < n_words && mended < SAN_RESPELL_MAX; i++) {
        const struct candidate *c = mend(known, plan, text, words, i, &cs);
        if (!c) continue;
        size_t before = (size_t)(words[i].begin - at);
        memcpy(out + n, text + at, before);
        memcpy(out + n + before, c->word, c->n);
        n += before + c->n;
        at = words[i].end;
        mended++;
    }
    if (mended) strcpy(out + n, text + at);
    return mended;
}
