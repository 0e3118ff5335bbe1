/* plausible_home.c - see plausible_home.h. */
#include "plausible_home.h"

#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "lt/fold.h"
#include "plausible.h"

_Static_assert(LT_WORDS_MAX <= 64, "a bit for each word said");

void lt__plausible_split(const char *text, struct lt_words *out)
{
    char open[LT_WORDS_BYTES];
    size_t n = 0;
    for (const char *p = text ? text : ""; *p && n + 2 < sizeof open; p++) {
        if (p > text && *p >= 'A' && *p <= 'Z' && p[-1] >= 'a' && p[-1] <= 'z') open[n++] = ' ';
        open[n++] = *p == '_' ? ' ' : *p;
    }
    open[n] = '\0';
    lt_words_split(open, out);
}

/* Words that are like each other have one key (not the other way round: "glass" and "glas"). */
static void key_of(const char *word, char out[LT_WORDS_BYTES])
{
    size_t n = lt_fold(word, strlen(word), out, LT_WORDS_BYTES);
    if (n > 3 && out[n - 1] == 's') out[n - 1] = '\0';
}

/* ---- making: every word at its place first, then the same ones together ---- */

struct maker {
    struct lt_plausible_home *h;
    size_t cap_words, cap_ids;
};

static int add_word(struct maker *m, const char *text)
{
    struct lt_plausible_home *h = m->h;
    char key[LT_WORDS_BYTES];
    if (h->n_words == m->cap_words) {
        size_t cap = m->cap_words ? 2 * m->cap_words : 256;
        struct lt__word *v = realloc(h->words, cap * sizeof *v);
        if (!v) return 0;
        h->words = v;
        m->cap_words = cap;
    }
    key_of(text, key);
    struct lt__word *w = h->words + h->n_words;
    *w = (struct lt__word){.text = strdup(text), .key = strdup(key), .at = (uint32_t)h->n_ids};
    h->n_words++;
    h->n_ids++;
    return w->text && w->key;
}

static int add_text(struct maker *m, const char *text, struct lt__run *out)
{
    struct lt_words w;
    lt__plausible_split(text, &w);
    *out = (struct lt__run){(uint32_t)m->h->n_ids, (uint32_t)w.n};
    for (int i = 0; i < w.n; i++)
        if (!add_word(m, w.v[i])) return 0;
    return 1;
}

/* The number of an area's or a floor's text, -1 for none, -2 when out of memory. */
static int32_t place_of(struct maker *m, const char *text, const struct lt_entity *of_area)
{
    struct lt_plausible_home *h = m->h;
    if (!text || !*text) return -1;
    for (size_t i = 0; i < h->n_places; i++) /* an area's text is the area's own, and thus one */
        if (of_area ? h->places[i].text == text
                    : !h->places[i].first && !strcmp(h->places[i].text, text))
            return (int32_t)i;
    if (!(h->n_places & (h->n_places + 1))) { /* full at 0, 1, 3, 7, ... */
        struct lt__place *v = realloc(h->places, (2 * h->n_places + 1) * sizeof *v);
        if (!v) return -2;
        h->places = v;
    }
    struct lt__place *p = h->places + h->n_places;
    *p = (struct lt__place){.text = text, .first = of_area};
    if (!add_text(m, text, &p->words)) return -2;
    return (int32_t)h->n_places++;
}

static int add_kind(struct lt_plausible_home *h, const struct lt_entity *e)
{
    for (size_t i = 0; i < h->n_kinds; i++)
        if (!strcmp(h->kinds[i].text, e->domain)) {
            h->kinds[i].n++;
            return 1;
        }
    if (!(h->n_kinds & (h->n_kinds + 1))) {
        struct lt__kind *v = realloc(h->kinds, (2 * h->n_kinds + 1) * sizeof *v);
        if (!v) return 0;
        h->kinds = v;
    }
    h->kinds[h->n_kinds++] = (struct lt__kind){.text = e->domain, .first = e, .n = 1};
    return 1;
}

static int add_thing(struct maker *m, size_t i)
{
    struct lt_plausible_home *h = m->h;
    const struct lt_entity *e = lt_catalog_entity(h->catalog, i);
    struct lt__thing *t = h->things + i;
    t->name = (uint32_t)h->n_names;
    t->n_names = 1 + (uint32_t)json_array_size(e->aliases);
    for (uint32_t k = 0; k < t->n_names; k++) {
        const char *name = k ? json_string_value(json_array_get(e->aliases, k - 1)) : e->name;
        if (!add_text(m, name, h->names + h->n_names++)) return 0;
    }
    t->area = place_of(m, e->area, e);
    t->floor = place_of(m, e->floor, NULL);
    return t->area > -2 && t->floor > -2 && add_kind(h, e);
}

static int by_key(const void *a, const void *b)
{
    const struct lt__word *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    return c ? c : strcmp(x->text, y->text);
}

/* The same words become one, and `ids` tells which stands where. */
static int number_words(struct lt_plausible_home *h)
{
    size_t n = 0;
    h->ids = malloc((h->n_ids + 1) * sizeof *h->ids);
    if (!h->ids) return 0;
    if (h->n_words) qsort(h->words, h->n_words, sizeof *h->words, by_key);
    for (size_t i = 0; i < h->n_words; i++) {
        struct lt__word *w = h->words + i;
        uint32_t at = w->at;
        if (n && !strcmp(h->words[n - 1].text, w->text)) {
            free(w->text);
            free(w->key);
        } else {
            h->words[n++] = *w;
        }
        h->ids[at] = (uint32_t)(n - 1);
    }
    h->n_words = n;
    return 1;
}

/* The words of one key that begin at `i` end before this. */
static size_t same_key_end(const struct lt_plausible_home *h, size_t i)
{
    size_t end = i + 1;
    while (end < h->n_words && !strcmp(h->words[end].key, h->words[i].key)) end++;
    return end;
}

static int judge_words(struct lt_plausible_home *h)
{
    unsigned char *of_place = calloc(h->n_words + 1, 1);
    if (!of_place) return 0;
    for (size_t p = 0; p < h->n_places; p++)
        for (uint32_t k = 0; k < h->places[p].words.n; k++)
            of_place[h->ids[h->places[p].words.from + k]] = 1;
    for (size_t i = 0, end; i < h->n_words; i = end) {
        end = same_key_end(h, i);
        for (size_t k = i; k < end; k++) {
            struct lt__word *w = h->words + k;
            for (size_t o = i; o < end && !w->is_place; o++)
                w->is_place = of_place[o] && lt__ask_is_like(w->text, h->words[o].text);
            w->is_own = !w->is_place && !lt_phrases_is_small(w->text) && !lt__ask_is_verb(w->text);
        }
    }
    free(of_place);
    return 1;
}

enum lt_err lt_plausible_home_new(struct lt_catalog *c, struct lt_plausible_home **out)
{
    size_t n = lt_catalog_n_entities(c), n_names = n;
    struct lt_plausible_home *h = calloc(1, sizeof *h);
    struct maker m = {.h = h};
    if (!h) return LT_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) n_names += json_array_size(lt_catalog_entity(c, i)->aliases);
    h->catalog = lt_catalog_ref(c);
    h->things = calloc(n + 1, sizeof *h->things);
    h->names = calloc(n_names + 1, sizeof *h->names);
    int ok = h->things && h->names;
    for (size_t i = 0; ok && i < n; i++) ok = add_thing(&m, i);
    if (!ok || !number_words(h) || !judge_words(h)) {
        lt_plausible_home_free(h);
        return LT_ERR_NOMEM;
    }
    *out = h;
    return LT_OK;
}

void lt_plausible_home_free(struct lt_plausible_home *h)
{
    if (!h) return;
    for (size_t i = 0; i < h->n_words; i++) {
        free(h->words[i].text);
        free(h->words[i].key);
    }
    free(h->words);
    free(h->ids);
    free(h->names);
    free(h->things);
    free(h->places);
    free(h->kinds);
    lt_catalog_unref(h->catalog);
    free(h);
}

/* ---- hearing ---- */

uint64_t *lt__heard(const struct lt_plausible_home *h, const struct lt_words *said)
{
    uint64_t *heard = calloc(h->n_words + 1, sizeof *heard);
    char key[LT_WORDS_BYTES];
    for (int i = 0; heard && i < said->n; i++) {
        size_t lo = 0, hi = h->n_words;
        key_of(said->v[i], key);
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (strcmp(h->words[mid].key, key) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        for (; lo < h->n_words && !strcmp(h->words[lo].key, key); lo++)
            if (lt__ask_is_like(h->words[lo].text, said->v[i])) heard[lo] |= 1ull << i;
    }
    return heard;
}
