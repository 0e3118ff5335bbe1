/* home_index.c - from words to devices. Documents are the entities, then the areas, then the floors. */
#include "home_index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "home_letters.h"

/* What a word is worth by where it stands; see the header. */
#define W_OWN    1.0f
#define W_LENGTH 0.4f /* of W_OWN, shared by the words of a name */
#define W_AREA   0.55f
#define W_FLOOR  0.3f
#define W_KIND   0.35f
#define W_ALIKE  0.7f /* of a word that only looks alike */
/* What the second look adds. */
#define W_SHARE 2.0f /* a name said as a whole */
#define W_HERE  4.0f /* the speaker's room */
#define W_WHOLE 4.0f /* each word of a name that stands there word for word */
#define W_PLACE 3.0f /* such a name of a device's area */

#define SECOND_LOOK                                                                                \
    120                /* documents looked at again; sorted without the library asking for memory */
#define TERMS_MAX   60 /* terms of one utterance */
#define PLACE_MOST  96 /* devices of one room that are looked at because of it */
#define WHOLE_WORDS 8  /* words of the longest name that is looked for word for word */
#define WHOLE_MOST  96 /* things of one name that are looked at because of it */

struct posting {
    int doc;
    float weight;
};

struct san__home_index {
    const struct san_home_plan *h;
    int n_docs;
    struct term {
        uint32_t hash;
        int first, n; /* postings */
    } * terms;        /* by hash */
    int n_terms;
    struct posting *postings;
    struct whole {
        uint64_t hash; /* of all words of a name */
        int doc;
    } * whole; /* by hash, then document */
    int n_whole;
    int *rare; /* profiles, those with the fewest entities first */
    struct san__letters letters;
};

struct entry {
    uint32_t hash;
    struct posting p;
};

struct entries {
    struct entry *p;
    size_t n, cap;
    int is_nomem;
};

/* ---- making it ---- */

static void put(struct entries *e, uint32_t hash, int doc, float weight)
{
    if (e->n == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 4096;
        struct entry *p = realloc(e->p, cap * sizeof *p);
        if (!p) {
            e->is_nomem = 1;
            return;
        }
        e->p = p;
        e->cap = cap;
    }
    e->p[e->n++] = (struct entry){hash, {doc, weight}};
}

/* The words of an item's names as terms of a document; is_own: they are its own names. */
static void put_item(struct entries *e, const struct san_home_plan *h, int item, int doc,
                     float weight, int is_own)
{
    const struct san_item *it = &h->items[item];
    for (int k = it->phrase; k < it->phrase + it->n_phrase; k++)
        for (int i = 0; i < h->phrases[k].n; i++)
            put(e, h->words[h->phrases[k].first + i], doc,
                is_own ? W_OWN - W_LENGTH + W_LENGTH / (float)h->phrases[k].n : weight);
}

/* Items of the kinds that a profile's domain and class are, -1 for none. */
static void kinds_of(const struct san_home_plan *h, const struct san_entity *e, int item[2])
{
    item[0] = item[1] = -1;
    for (int i = 0; i < h->n_kinds; i++) {
        const char *name = h->kinds[i].is_class ? e->device_class : e->domain;
        if (name && !strcmp(h->kinds[i].name, name)) item[h->kinds[i].is_class] = h->kinds[i].item;
    }
}

static enum lt_err collect(const struct san_home_plan *h, struct entries *e)
{
    int(*kind)[2] = calloc((size_t)h->n_profiles + 1, sizeof *kind);
    if (!kind) return LT_ERR_NOMEM;
    for (int p = 0; p < h->n_profiles; p++)
        kinds_of(h, &h->entities[h->profiles[p].entity], kind[p]);
    for (int i = 0; i < h->n_entities; i++) {
        const struct san_entity *x = &h->entities[i];
        put_item(e, h, x->item, i, 0, 1);
        for (int k = 0; k < 2; k++)
            if (kind[x->profile][k] >= 0) put_item(e, h, kind[x->profile][k], i, W_KIND, 0);
        if (x->area < 0) continue;
        put_item(e, h, h->areas[x->area].item, i, W_AREA, 0);
        int floor = h->areas[x->area].floor;
        if (floor >= 0) put_item(e, h, h->floors[floor].item, i, W_FLOOR, 0);
    }
    for (int i = 0; i < h->n_areas; i++) {
        put_item(e, h, h->areas[i].item, h->n_entities + i, 0, 1);
        if (h->areas[i].floor >= 0)
            put_item(e, h, h->floors[h->areas[i].floor].item, h->n_entities + i, W_FLOOR, 0);
    }
    for (int i = 0; i < h->n_floors; i++)
        put_item(e, h, h->floors[i].item, h->n_entities + h->n_areas + i, 0, 1);
    free(kind);
    return e->is_nomem ? LT_ERR_NOMEM : LT_OK;
}

static int by_entry(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    if (x->p.doc != y->p.doc) return x->p.doc - y->p.doc;
    return (x->p.weight < y->p.weight) - (x->p.weight > y->p.weight);
}

/* Sorted entries become terms with their postings; of a word that a document has twice, the heavier
 * stays. */
static enum lt_err invert(struct san__home_index *x, struct entries *e)
{
    x->postings = malloc((e->n + 1) * sizeof *x->postings);
    x->terms = malloc((e->n + 1) * sizeof *x->terms);
    if (!x->postings || !x->terms) return LT_ERR_NOMEM;
    if (e->n) qsort(e->p, e->n, sizeof *e->p, by_entry);
    int n = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct entry *a = &e->p[i];
        int is_new = !i || a[-1].hash != a->hash;
        if (!is_new && a[-1].p.doc == a->p.doc) continue;
        if (is_new) x->terms[x->n_terms++] = (struct term){a->hash, n, 0};
        x->postings[n++] = a->p;
        x->terms[x->n_terms - 1].n++;
    }
    return LT_OK;
}

static const struct term *term_of(const struct san__home_index *x, uint32_t hash)
{
    int low = 0, high = x->n_terms;
    while (low < high) {
        int mid = (low + high) / 2;
        if (x->terms[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return low < x->n_terms && x->terms[low].hash == hash ? &x->terms[low] : NULL;
}

static enum lt_err add_text(struct san__home_index *x, const char *text)
{
    struct san_word w[SAN_WORDS_MAX];
    int n = san_words(text, strlen(text), w, SAN_WORDS_MAX);
    enum lt_err err = LT_OK;
    for (int i = 0; i < n && !err; i++) {
        const struct term *t = w[i].kind == SAN_WORD_LETTERS ? term_of(x, w[i].hash) : NULL;
        if (t)
            err = san__letters_add(&x->letters, (int)(t - x->terms), text + w[i].begin,
                                   (size_t)(w[i].end - w[i].begin));
    }
    return err;
}

static enum lt_err add_letters(struct san__home_index *x)
{
    const struct san_home_plan *h = x->h;
    enum lt_err err = san__letters_init(&x->letters, x->n_terms);
    for (int i = 0; i < h->n_entities && !err; i++) {
        err = add_text(x, h->entities[i].name);
        for (int k = 0; k < h->entities[i].n_alias && !err; k++)
            err = add_text(x, h->entities[i].alias[k]);
    }
    for (int i = 0; i < h->n_areas && !err; i++) err = add_text(x, h->areas[i].name);
    for (int i = 0; i < h->n_floors && !err; i++) err = add_text(x, h->floors[i].name);
    for (int i = 0; i < h->n_kinds && !err; i++) {
        char buf[256];
        san_identifier_words(h->kinds[i].name, buf, sizeof buf);
        err = add_text(x, buf);
    }
    return err ? err : san__letters_done(&x->letters);
}

static uint64_t add_word(uint64_t h, uint32_t word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 31);
}

static int by_whole(const void *a, const void *b)
{
    const struct whole *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->doc - y->doc;
}

static void put_whole(struct san__home_index *x, int item, int doc)
{
    const struct san_home_plan *h = x->h;
    const struct san_item *it = &h->items[item];
    for (int k = it->phrase; k < it->phrase + it->n_phrase; k++) {
        uint64_t hash = 1;
        for (int i = 0; i < h->phrases[k].n; i++)
            hash = add_word(hash, h->words[h->phrases[k].first + i]);
        x->whole[x->n_whole++] = (struct whole){hash, doc};
    }
}

/* Names word for word. */
static enum lt_err list_names(struct san__home_index *x)
{
    const struct san_home_plan *h = x->h;
    x->whole = malloc(((size_t)h->n_phrases + 1) * sizeof *x->whole); /* a phrase has one owner */
    if (!x->whole) return LT_ERR_NOMEM;
    for (int i = 0; i < h->n_entities; i++) put_whole(x, h->entities[i].item, i);
    for (int i = 0; i < h->n_areas; i++) put_whole(x, h->areas[i].item, h->n_entities + i);
    for (int i = 0; i < h->n_floors; i++)
        put_whole(x, h->floors[i].item, h->n_entities + h->n_areas + i);
    if (x->n_whole) qsort(x->whole, (size_t)x->n_whole, sizeof *x->whole, by_whole);
    return LT_OK;
}

struct rarity {
    int n, profile;
};

static int by_rarity(const void *a, const void *b)
{
    const struct rarity *x = a, *y = b;
    return x->n != y->n ? x->n - y->n : x->profile - y->profile;
}

static enum lt_err sort_profiles(struct san__home_index *x)
{
    const struct san_home_plan *h = x->h;
    struct rarity *r = malloc(((size_t)h->n_profiles + 1) * sizeof *r);
    x->rare = malloc(((size_t)h->n_profiles + 1) * sizeof *x->rare);
    if (r && x->rare) {
        for (int i = 0; i < h->n_profiles; i++) r[i] = (struct rarity){h->profiles[i].n, i};
        qsort(r, (size_t)h->n_profiles, sizeof *r, by_rarity);
        for (int i = 0; i < h->n_profiles; i++) x->rare[i] = r[i].profile;
    }
    free(r);
    return r && x->rare ? LT_OK : LT_ERR_NOMEM;
}

enum lt_err san__home_index_new(const struct san_home_plan *h, struct san__home_index **out)
{
    struct entries e = {0};
    struct san__home_index *x = calloc(1, sizeof *x);
    enum lt_err err = x ? LT_OK : LT_ERR_NOMEM;
    if (!err) {
        x->h = h;
        x->n_docs = h->n_entities + h->n_areas + h->n_floors;
        err = collect(h, &e);
    }
    if (!err) err = invert(x, &e);
    if (!err) err = list_names(x);
    if (!err) err = sort_profiles(x);
    if (!err) err = add_letters(x);
    free(e.p);
    if (err) {
        san__home_index_free(x);
        return err;
    }
    *out = x;
    return LT_OK;
}

void san__home_index_free(struct san__home_index *x)
{
    if (!x) return;
    san__letters_fini(&x->letters);
    free(x->terms);
    free(x->postings);
    free(x->whole);
    free(x->rare);
    free(x);
}

/* ---- looking things up ---- */

void san__home_pick_free(struct san__home_pick *p)
{
    free(p->items);
    free(p->score);
    free(p->touched);
    free(p->mark);
    *p = (struct san__home_pick){0};
}

static enum lt_err reserve(struct san__home_pick *p, const struct san__home_index *x)
{
    size_t need = (size_t)x->h->n_items + (size_t)x->n_docs + (size_t)x->n_terms + 1;
    if (need <= p->cap) return LT_OK;
    san__home_pick_free(p);
    p->items = calloc(need, sizeof *p->items);
    p->score = calloc(need, sizeof *p->score);
    p->touched = calloc(need, sizeof *p->touched);
    p->mark = calloc(need, 1);
    if (!p->items || !p->score || !p->touched || !p->mark) {
        san__home_pick_free(p);
        return LT_ERR_NOMEM;
    }
    p->cap = need;
    return LT_OK;
}

struct wanted {
    const struct term *term;
    float weight; /* 1 for the word itself, less for one that looks alike */
};

struct query {
    const struct san__home_index *x;
    struct san__home_pick *p;
    struct wanted want[TERMS_MAX];
    int n_want, n_touched, here;
};

static void want(struct query *q, const struct term *t, float weight)
{
    for (int i = 0; i < q->n_want; i++)
        if (q->want[i].term == t) {
            if (weight > q->want[i].weight) q->want[i].weight = weight;
            return;
        }
    if (q->n_want < TERMS_MAX) q->want[q->n_want++] = (struct wanted){t, weight};
}

static void want_alike(struct query *q, const char *word, size_t n)
{
    struct san__alike alike[SAN__ALIKE_MAX];
    int k = san__letters_find(&q->x->letters, word, n, q->p->mark, q->p->touched, alike);
    for (int i = 0; i < k; i++) want(q, &q->x->terms[alike[i].term], W_ALIKE * alike[i].share);
}

static void read_words(struct query *q, const char *text, const struct san_word *w, int n)
{
    struct san_mention mention[32];
    for (int i = 0; i < n; i++) {
        if (w[i].kind == SAN_WORD_PUNCT) continue;
        const struct term *t = term_of(q->x, w[i].hash);
        if (t)
            want(q, t, 1);
        else if (w[i].kind == SAN_WORD_LETTERS)
            want_alike(q, text + w[i].begin, (size_t)(w[i].end - w[i].begin));
    }
    int n_mention = san_mentions(text, w, n, mention, 32);
    for (int i = 0; i < n_mention; i++) { /* "room three" is Room 3 */
        char digits[24];
        struct san_word said;
        if (!mention[i].is_integer || mention[i].value < 0 || mention[i].value > 1e9) continue;
        int len = snprintf(digits, sizeof digits, "%.0f", mention[i].value);
        if (san_words(digits, (size_t)len, &said, 1) != 1) continue;
        const struct term *t = term_of(q->x, said.hash);
        if (t) want(q, t, 1);
    }
}

static int by_frequency(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    if (x->term->n != y->term->n) return x->term->n - y->term->n;
    return x->term < y->term ? -1 : x->term > y->term;
}

static void touch(struct query *q, int doc, float score)
{
    if (q->p->score[doc] == 0) q->p->touched[q->n_touched++] = doc;
    q->p->score[doc] += score;
}

static void score_docs(struct query *q)
{
    const struct san__home_index *x = q->x;
    int left = SAN_INDEX_POSTINGS_MAX;
    qsort(q->want, (size_t)q->n_want, sizeof *q->want, by_frequency);
    for (int i = 0; i < q->n_want && left > 0; i++) {
        const struct term *t = q->want[i].term;
        float idf = logf(1 + (float)x->n_docs / (float)t->n) * q->want[i].weight;
        int n = t->n < left ? t->n : left;
        left -= n;
        for (int k = t->first; k < t->first + n; k++)
            touch(q, x->postings[k].doc, idf * x->postings[k].weight);
    }
}

/* The devices of an area, some of them where there are very many. */
static void touch_area(struct query *q, int area, float score)
{
    const int *off = q->x->h->area_entity_off;
    int end = off[area + 1] < off[area] + PLACE_MOST ? off[area + 1] : off[area] + PLACE_MOST;
    for (int k = off[area]; k < end; k++) touch(q, q->x->h->area_entity[k], score);
}

/* Names that stand in the utterance word for word. */
static void score_names(struct query *q, const struct san_word *w, int n)
{
    const struct san__home_index *x = q->x;
    int first_area = x->h->n_entities, first_floor = first_area + x->h->n_areas;
    for (int i = 0; i < n; i++) {
        uint64_t hash = 1;
        for (int k = i, len = 0; k < n && len < WHOLE_WORDS; k++) {
            if (w[k].kind == SAN_WORD_PUNCT) continue;
            hash = add_word(hash, w[k].hash);
            len++;
            int low = 0, high = x->n_whole;
            while (low < high) {
                int mid = (low + high) / 2;
                if (x->whole[mid].hash < hash)
                    low = mid + 1;
                else
                    high = mid;
            }
            for (int m = 0; low < x->n_whole && x->whole[low].hash == hash && m < WHOLE_MOST;
                 low++, m++) {
                int doc = x->whole[low].doc;
                touch(q, doc, W_WHOLE * (float)len);
                if (doc >= first_area && doc < first_floor)
                    touch_area(q, doc - first_area, W_PLACE * (float)len);
            }
        }
    }
}

static void score_here(struct query *q)
{
    if (q->here < 0) return;
    touch_area(q, q->here, W_HERE);
    touch(q, q->x->h->n_entities + q->here, 2 * W_HERE);
}

struct found {
    float score;
    int doc;
};

/* Is a ranked behind b? */
static int is_less(const struct found *a, const struct found *b)
{
    return a->score != b->score ? a->score < b->score : a->doc > b->doc;
}

static int by_rank(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return is_less(x, y) ? 1 : is_less(y, x) ? -1 : 0;
}

static void sift(struct found *heap, int n, int i)
{
    for (int k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && is_less(&heap[k + 1], &heap[k])) k++;
        if (!is_less(&heap[k], &heap[i])) return;
        struct found swap = heap[i];
        heap[i] = heap[k];
        heap[k] = swap;
    }
}

/* The best `most` of the touched documents in [from, to), in no order: the worst stands first. */
static int best_of(const struct query *q, int from, int to, int most, struct found *out)
{
    int n = 0;
    for (int i = 0; i < q->n_touched; i++) {
        int doc = q->p->touched[i];
        struct found f = {q->p->score[doc], doc};
        if (doc < from || doc >= to) continue;
        if (n < most) {
            out[n++] = f;
            for (int k = n / 2 - 1; n == most && k >= 0; k--) sift(out, n, k);
        } else if (is_less(&out[0], &f)) {
            out[0] = f;
            sift(out, n, 0);
        }
    }
    return n;
}

static int is_wanted(const struct query *q, uint32_t hash)
{
    for (int i = 0; i < q->n_want; i++)
        if (q->want[i].term->hash == hash) return 1;
    return 0;
}

/* Largest share of one of the item's names that was said. */
static float share_said(const struct query *q, int item)
{
    const struct san_home_plan *h = q->x->h;
    const struct san_item *it = &h->items[item];
    float best = 0;
    for (int k = it->phrase; k < it->phrase + it->n_phrase; k++) {
        int n = 0;
        for (int i = 0; i < h->phrases[k].n; i++)
            n += is_wanted(q, h->words[h->phrases[k].first + i]);
        float share = (float)n / (float)h->phrases[k].n;
        if (share > best) best = share;
    }
    return best;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int has(const int *list, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (list[i] == x) return 1;
    return 0;
}

static void add(int *list, int *n, int most, int x)
{
    if (x >= 0 && *n < most && !has(list, *n, x)) list[(*n)++] = x;
}

static void show_entities(struct query *q)
{
    const struct san__home_index *x = q->x;
    const struct san_home_plan *h = x->h;
    struct san_shown *s = &q->p->shown;
    struct found f[SECOND_LOOK];
    int n = best_of(q, 0, h->n_entities, SECOND_LOOK, f);
    for (int i = 0; i < n; i++) {
        const struct san_entity *e = &h->entities[f[i].doc];
        float share = share_said(q, e->item);
        f[i].score += W_SHARE * share * share;
    }
    qsort(f, (size_t)n, sizeof *f, by_rank);
    int *list = q->p->entities;
    s->n_entities = 0;
    for (int i = 0; i < n; i++) add(list, &s->n_entities, SAN_SHOW_ENTITIES, f[i].doc);
    for (int i = 0; i < h->n_profiles && s->n_entities < SAN_SHOW_ENTITIES; i++)
        add(list, &s->n_entities, SAN_SHOW_ENTITIES, h->profiles[x->rare[i]].entity);
}

/* Places that were said, the speaker's, and those of the entities shown while there is room. */
static void show_places(struct query *q)
{
    const struct san_home_plan *h = q->x->h;
    struct san_shown *s = &q->p->shown;
    struct found f[SAN_SHOW_AREAS];
    int first = h->n_entities, n = best_of(q, first, first + h->n_areas, SAN_SHOW_AREAS, f);
    int *areas = q->p->areas, *floors = q->p->floors;
    s->n_areas = s->n_floors = 0;
    qsort(f, (size_t)n, sizeof *f, by_rank);
    for (int i = 0; i < n; i++) add(areas, &s->n_areas, SAN_SHOW_AREAS, f[i].doc - first);
    for (int i = 0; i < s->n_entities; i++)
        add(areas, &s->n_areas, SAN_SHOW_AREAS, h->entities[q->p->entities[i]].area);
    first += h->n_areas;
    n = best_of(q, first, first + h->n_floors, SAN_SHOW_FLOORS, f);
    qsort(f, (size_t)n, sizeof *f, by_rank);
    for (int i = 0; i < n; i++) add(floors, &s->n_floors, SAN_SHOW_FLOORS, f[i].doc - first);
    for (int i = 0; i < s->n_areas; i++)
        add(floors, &s->n_floors, SAN_SHOW_FLOORS, h->areas[areas[i]].floor);
    for (int i = 0; i < h->n_floors && s->n_floors < SAN_SHOW_FLOORS; i++)
        add(floors, &s->n_floors, SAN_SHOW_FLOORS, i);
    qsort(q->p->entities, (size_t)s->n_entities, sizeof(int), by_number);
    qsort(areas, (size_t)s->n_areas, sizeof(int), by_number);
    qsort(floors, (size_t)s->n_floors, sizeof(int), by_number);
}

static void add_item(struct query *q, int item)
{
    if (q->p->mark[item]) return;
    q->p->mark[item] = 1;
    q->p->items[q->p->shown.n_items++] = item;
}

static void add_area_item(struct query *q, int area)
{
    const struct san_home_plan *h = q->x->h;
    if (area < 0) return;
    add_item(q, h->areas[area].item);
    if (h->areas[area].floor >= 0) add_item(q, h->floors[h->areas[area].floor].item);
}

static void list_items(struct query *q)
{
    const struct san_home_plan *h = q->x->h;
    struct san__home_pick *p = q->p;
    struct san_shown *s = &p->shown;
    s->n_items = 0;
    for (int i = 0; i < s->n_entities; i++) {
        add_item(q, h->entities[p->entities[i]].item);
        add_area_item(q, h->entities[p->entities[i]].area);
    }
    for (int i = 0; i < s->n_areas; i++) add_area_item(q, p->areas[i]);
    for (int i = 0; i < s->n_floors; i++) add_item(q, h->floors[p->floors[i]].item);
    for (int i = 0; i < h->n_kinds; i++) add_item(q, h->kinds[i].item);
    for (int i = 0; i < s->n_items; i++) p->mark[p->items[i]] = 0;
    qsort(p->items, (size_t)s->n_items, sizeof *p->items, by_number);
    s->items = p->items;
    s->entities = p->entities;
    s->areas = p->areas;
    s->floors = p->floors;
}

enum lt_err san__home_pick(const struct san__home_index *x, const char *text,
                           const struct san_word *words, int n, int here, struct san__home_pick *p)
{
    struct query q = {.x = x, .p = p, .here = here};
    enum lt_err err = reserve(p, x);
    if (err) return err;
    read_words(&q, text, words, n);
    score_docs(&q);
    score_names(&q, words, n);
    score_here(&q);
    show_entities(&q);
    show_places(&q);
    list_items(&q);
    for (int i = 0; i < q.n_touched; i++) p->score[p->touched[i]] = 0;
    return LT_OK;
}
