/* near.c - best first over a network, each beginning with its row of distances.
 *
 * A beginning of a sentence is a state and a row: row[j] is the least cost of making the beginning's phones
 * into the first j of those looked for. What an end costs from a state with j phones matched is known
 * exactly (to_go), so min(row[j] + to_go[state][j]) is the cost of its best whole sentence, and beginnings come
 * off the heap in the order of those. */
#include "lt/near.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORD_PHONES_MAX 60
#define SPAN_MORE       4 /* a word is compared with so many phones more than its own */
#define ROUNDS_MAX      40
#define FAR             1e6f

enum { VOWEL = 1, STOP, FRICATIVE, AFFRICATE, NASAL, GLIDE };

/* Manner, place (front to back) and voice of consonants; height and place of vowels. */
static const struct {
    char name[3];
    unsigned char manner, place, voice;
} table[] = {{"AA", VOWEL, 3, 3},     {"AE", VOWEL, 1, 3},     {"AH", VOWEL, 2, 2},
             {"AO", VOWEL, 3, 2},     {"AW", VOWEL, 2, 3},     {"AY", VOWEL, 2, 3},
             {"EH", VOWEL, 1, 2},     {"ER", VOWEL, 2, 2},     {"EY", VOWEL, 1, 2},
             {"IH", VOWEL, 1, 1},     {"IY", VOWEL, 1, 1},     {"OW", VOWEL, 3, 2},
             {"OY", VOWEL, 3, 2},     {"UH", VOWEL, 3, 1},     {"UW", VOWEL, 3, 1},
             {"P", STOP, 1, 0},       {"B", STOP, 1, 1},       {"T", STOP, 3, 0},
             {"D", STOP, 3, 1},       {"K", STOP, 5, 0},       {"G", STOP, 5, 1},
             {"F", FRICATIVE, 1, 0},  {"V", FRICATIVE, 1, 1},  {"TH", FRICATIVE, 2, 0},
             {"DH", FRICATIVE, 2, 1}, {"S", FRICATIVE, 3, 0},  {"Z", FRICATIVE, 3, 1},
             {"SH", FRICATIVE, 4, 0}, {"ZH", FRICATIVE, 4, 1}, {"HH", FRICATIVE, 6, 0},
             {"CH", AFFRICATE, 4, 0}, {"JH", AFFRICATE, 4, 1}, {"M", NASAL, 1, 1},
             {"N", NASAL, 3, 1},      {"NG", NASAL, 5, 1},     {"L", GLIDE, 3, 1},
             {"R", GLIDE, 4, 1},      {"W", GLIDE, 1, 1},      {"Y", GLIDE, 5, 1}};
#define N_PHONES (sizeof table / sizeof *table)

struct word {
    const char *text; /* borrowed from the arcs */
    unsigned char phones[WORD_PHONES_MAX];
    int n; /* -1: nobody knows how it is said */
};

struct lt_near {
    const struct lt_arcs *arcs;
    struct word *words; /* in the order of their texts */
    size_t n_words;
    int *word_of; /* of each arc; -1: a silent one */
    int *first, *order;
    float change[N_PHONES][N_PHONES], leave[N_PHONES];
};

static int phone_of(const char *p, size_t n)
{
    while (n && p[n - 1] >= '0' && p[n - 1] <= '9') n--; /* stress */
    for (size_t i = 0; i < N_PHONES; i++)
        if (strlen(table[i].name) == n && !strncmp(table[i].name, p, n)) return (int)i;
    return -1;
}

static int parse(const char *phones, unsigned char *out, int cap)
{
    int n = 0;
    for (const char *p = phones; *p && n < cap;) {
        size_t len = strcspn(p, " ");
        int phone = len ? phone_of(p, len) : -1;
        if (phone >= 0) out[n++] = (unsigned char)phone;
        p += len + (p[len] == ' ');
    }
    return n;
}

/* What recognisers mix up, roughly: like manner of speaking is what counts most. */
static void fill_costs(struct lt_near *n)
{
    for (size_t i = 0; i < N_PHONES; i++) {
        int is_vowel = table[i].manner == VOWEL;
        n->leave[i] = is_vowel ? 0.8f : 0.6f;
        for (size_t k = 0; k < N_PHONES; k++) {
            int far = abs(table[i].place - table[k].place);
            if (i == k)
                n->change[i][k] = 0;
            else if (is_vowel != (table[k].manner == VOWEL))
                n->change[i][k] = 1.3f;
            else if (is_vowel)
                n->change[i][k] =
                    0.2f + 0.15f * (float)(far + abs(table[i].voice - table[k].voice));
            else
                n->change[i][k] = 0.25f + 0.1f * (float)(far > 3 ? 3 : far) +
                                  (table[i].voice != table[k].voice ? 0.1f : 0) +
                                  (table[i].manner != table[k].manner ? 0.3f : 0);
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static int find_word(const struct lt_near *n, const char *text)
{
    const struct word key = {.text = text};
    const struct word *w = bsearch(&key, n->words, n->n_words, sizeof *n->words, by_text);
    return w ? (int)(w - n->words) : -1;
}

static enum lt_err group(struct lt_near *n)
{
    const struct lt_arcs *a = n->arcs;
    n->first = calloc((size_t)a->n_states + 2, sizeof *n->first);
    n->order = malloc((a->n + 1) * sizeof *n->order);
    if (!n->first || !n->order) return LT_ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++) n->first[a->v[i].from + 2]++;
    for (int s = 2; s <= a->n_states + 1; s++) n->first[s] += n->first[s - 1];
    for (size_t i = 0; i < a->n; i++) n->order[n->first[a->v[i].from + 1]++] = (int)i;
    return LT_OK;
}

static enum lt_err learn_words(struct lt_near *n, lt_near_say_fn say, void *ctx)
{
    const struct lt_arcs *a = n->arcs;
    size_t n_all = 0;
    n->words = calloc(a->n + 1, sizeof *n->words);
    n->word_of = malloc((a->n + 1) * sizeof *n->word_of);
    if (!n->words || !n->word_of) return LT_ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].word) n->words[n_all++].text = a->v[i].word;
    qsort(n->words, n_all, sizeof *n->words, by_text);
    for (size_t i = 0; i < n_all; i++)
        if (!n->n_words || strcmp(n->words[n->n_words - 1].text, n->words[i].text) != 0)
            n->words[n->n_words++] = n->words[i];
    for (size_t i = 0; i < n->n_words; i++) {
        char *phones = say(ctx, n->words[i].text);
        n->words[i].n = phones ? parse(phones, n->words[i].phones, WORD_PHONES_MAX) : -1;
        free(phones);
    }
    for (size_t i = 0; i < a->n; i++)
        n->word_of[i] = a->v[i].word ? find_word(n, a->v[i].word) : -1;
    return LT_OK;
}

enum lt_err lt_near_new(const struct lt_arcs *arcs, lt_near_say_fn say, void *ctx,
                        struct lt_near **out)
{
    struct lt_near *n = calloc(1, sizeof *n);
    if (!n) return LT_ERR_NOMEM;
    n->arcs = arcs;
    fill_costs(n);
    enum lt_err err = learn_words(n, say, ctx);
    if (!err) err = group(n);
    if (err) {
        lt_near_free(n);
        return err;
    }
    *out = n;
    return LT_OK;
}

void lt_near_free(struct lt_near *n)
{
    if (!n) return;
    free(n->words);
    free(n->word_of);
    free(n->first);
    free(n->order);
    free(n);
}

/* ---- one search ---- */

struct start {
    int state, before, arc; /* before: the beginning it goes on from, -1 none */
    float cost;             /* of the best whole sentence */
    float *row;             /* NULL: the network's end was reached, this is a whole one */
};

struct looking {
    const struct lt_near *n;
    unsigned char phones[LT_NEAR_PHONES_MAX];
    int n_phones;
    float *to_go; /* state * (n_phones + 1) + phones matched */
    float *spans; /* word, from where, how many: cost */
    int n_span;
    struct start *v;
    size_t n_v, cap_v;
    int *heap;
    size_t n_heap, cap_heap;
};

/* The row after a word's phones, from the row before them, in place. */
static void extend(const struct looking *l, const struct word *w, float *row)
{
    for (int i = 0; i < w->n; i++) {
        const int p = w->phones[i];
        float diagonal = row[0];
        row[0] += l->n->leave[p];
        for (int j = 1; j <= l->n_phones; j++) {
            const int q = l->phones[j - 1];
            float best = diagonal + l->n->change[p][q], other = row[j] + l->n->leave[p];
            if (other < best) best = other;
            other = row[j - 1] + l->n->leave[q];
            if (other < best) best = other;
            diagonal = row[j];
            row[j] = best;
        }
    }
}

/* The cost of each word against each run of the phones. */
static enum lt_err measure_words(struct looking *l)
{
    const struct lt_near *n = l->n;
    const int P = l->n_phones;
    int longest = 0;
    for (size_t w = 0; w < n->n_words; w++)
        if (n->words[w].n > longest) longest = n->words[w].n;
    l->n_span = longest + SPAN_MORE + 1;
    l->spans = malloc(n->n_words * (size_t)(P + 1) * (size_t)l->n_span * sizeof *l->spans + 1);
    if (!l->spans) return LT_ERR_NOMEM;
    for (size_t w = 0; w < n->n_words; w++)
        for (int j = 0; j <= P; j++) {
            struct looking part = {.n = n, .n_phones = l->n_span - 1};
            float row[WORD_PHONES_MAX + SPAN_MORE + 2];
            float *out = l->spans + ((size_t)w * (size_t)(P + 1) + (size_t)j) * (size_t)l->n_span;
            if (part.n_phones > P - j) part.n_phones = P - j;
            memcpy(part.phones, l->phones + j, (size_t)part.n_phones);
            row[0] = 0;
            for (int k = 1; k <= part.n_phones; k++)
                row[k] = row[k - 1] + n->leave[part.phones[k - 1]];
            extend(&part, &n->words[w], row);
            for (int k = 0; k < l->n_span; k++) out[k] = k <= part.n_phones ? row[k] : FAR;
        }
    return LT_OK;
}

/* What is left to pay from each state, by going over the arcs until nothing gets cheaper. */
static enum lt_err measure_ends(struct looking *l)
{
    const struct lt_arcs *a = l->n->arcs;
    const int P = l->n_phones, width = P + 1;
    l->to_go = malloc((size_t)a->n_states * (size_t)width * sizeof *l->to_go);
    if (!l->to_go) return LT_ERR_NOMEM;
    for (size_t i = 0; i < (size_t)a->n_states * (size_t)width; i++) l->to_go[i] = FAR;
    float *end = l->to_go + width; /* of state 1 */
    end[P] = 0;
    for (int j = P - 1; j >= 0; j--) end[j] = end[j + 1] + l->n->leave[l->phones[j]];
    int is_changed = 1;
    for (int round = 0; is_changed && round < ROUNDS_MAX; round++) {
        is_changed = 0;
        for (size_t i = a->n; i-- > 0;) { /* what is laid later is nearer to the end, mostly */
            const int w = l->n->word_of[i];
            float *from = l->to_go + (size_t)a->v[i].from * (size_t)width;
            const float *to = l->to_go + (size_t)a->v[i].to * (size_t)width;
            if (w >= 0 && l->n->words[w].n < 0) continue;
            for (int j = 0; j <= P; j++) {
                float best = from[j];
                if (w < 0) {
                    if (to[j] < best) best = to[j];
                } else {
                    const float *span =
                        l->spans + ((size_t)w * (size_t)width + (size_t)j) * (size_t)l->n_span;
                    for (int k = 0; k < l->n_span && j + k <= P; k++)
                        if (span[k] + to[j + k] < best) best = span[k] + to[j + k];
                }
                if (best < from[j] - 1e-5f) {
                    from[j] = best;
                    is_changed = 1;
                }
            }
        }
    }
    return LT_OK;
}

static enum lt_err push(struct looking *l, int i)
{
    if (l->n_heap == l->cap_heap) {
        size_t cap = l->cap_heap ? l->cap_heap * 2 : 256;
        int *more = realloc(l->heap, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        l->heap = more;
        l->cap_heap = cap;
    }
    size_t at = l->n_heap++;
    for (; at && l->v[l->heap[(at - 1) / 2]].cost > l->v[i].cost; at = (at - 1) / 2)
        l->heap[at] = l->heap[(at - 1) / 2];
    l->heap[at] = i;
    return LT_OK;
}

static int pop(struct looking *l)
{
    int top = l->heap[0], last = l->heap[--l->n_heap];
    size_t at = 0;
    for (size_t next = 1; next < l->n_heap; next = at * 2 + 1) {
        if (next + 1 < l->n_heap && l->v[l->heap[next + 1]].cost < l->v[l->heap[next]].cost) next++;
        if (l->v[l->heap[next]].cost >= l->v[last].cost) break;
        l->heap[at] = l->heap[next];
        at = next;
    }
    if (l->n_heap) l->heap[at] = last;
    return top;
}

/* A beginning with a row of its own (copied from `row`), or a whole sentence (row NULL). */
static enum lt_err add_start(struct looking *l, struct start s, const float *row)
{
    const size_t width = (size_t)l->n_phones + 1;
    if (l->n_v == l->cap_v) {
        size_t cap = l->cap_v ? l->cap_v * 2 : 256;
        struct start *more = realloc(l->v, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        l->v = more;
        l->cap_v = cap;
    }
    s.row = NULL;
    if (row) {
        if (!(s.row = malloc(width * sizeof *row))) return LT_ERR_NOMEM;
        memcpy(s.row, row, width * sizeof *row);
    }
    l->v[l->n_v] = s;
    return push(l, (int)l->n_v++);
}

/* All that may follow a beginning, none of it dearer than `most`. */
static enum lt_err go_on(struct looking *l, int i, float most)
{
    const struct lt_near *n = l->n;
    const int P = l->n_phones;
    const int state = l->v[i].state;
    float row[LT_NEAR_PHONES_MAX + 1];
    enum lt_err err = LT_OK;
    if (state == 1 && l->v[i].row[P] <= most)
        err = add_start(l, (struct start){1, i, -1, l->v[i].row[P], NULL}, NULL);
    for (int k = n->first[state]; !err && k < n->first[state + 1]; k++) {
        const struct lt_arc *arc = &n->arcs->v[n->order[k]];
        const int w = n->word_of[n->order[k]];
        if (w >= 0 && n->words[w].n < 0) continue;
        memcpy(row, l->v[i].row, ((size_t)P + 1) * sizeof *row);
        if (w >= 0) extend(l, &n->words[w], row);
        const float *to_go = l->to_go + (size_t)arc->to * ((size_t)P + 1);
        float cost = FLT_MAX;
        for (int j = 0; j <= P; j++)
            if (row[j] + to_go[j] < cost) cost = row[j] + to_go[j];
        if (cost <= most)
            err = add_start(l, (struct start){arc->to, i, n->order[k], cost, NULL}, row);
    }
    return err;
}

/* The words of a whole sentence and how likely it is; empty when they do not fit. */
static void words_of(const struct looking *l, int i, char out[LT_COMMANDS_TEXT_MAX], float *chance)
{
    const char *words[LT_NEAR_PHONES_MAX];
    int n = 0;
    size_t len = 0;
    *chance = 0;
    for (; i >= 0; i = l->v[i].before) {
        if (l->v[i].arc >= 0) *chance += logf((float)l->n->arcs->v[l->v[i].arc].share + 1e-9f);
        const char *w = l->v[i].arc < 0 ? NULL : l->n->arcs->v[l->v[i].arc].word;
        if (w && n < LT_NEAR_PHONES_MAX) words[n++] = w;
    }
    *out = '\0';
    while (n-- > 0) {
        size_t more = strlen(words[n]);
        if (len + more + 2 > LT_COMMANDS_TEXT_MAX) break;
        if (len) out[len++] = ' ';
        memcpy(out + len, words[n], more + 1);
        len += more;
    }
    if (n >= 0) *out = '\0';
}

static enum lt_err look(struct looking *l, float distance, size_t max, struct lt_near_sentence *out,
                        size_t *n_out)
{
    float row[LT_NEAR_PHONES_MAX + 1];
    row[0] = 0;
    for (int j = 1; j <= l->n_phones; j++) row[j] = row[j - 1] + l->n->leave[l->phones[j - 1]];
    enum lt_err err = add_start(l, (struct start){l->n->arcs->start, -1, -1, 0, NULL}, row);
    for (int step = 0; !err && l->n_heap && *n_out < max && step < LT_NEAR_STEPS_MAX; step++) {
        int i = pop(l);
        if (l->v[i].row) {
            err = go_on(l, i, distance);
            free(l->v[i].row);
            l->v[i].row = NULL;
            continue;
        }
        struct lt_near_sentence *s = &out[*n_out];
        s->distance = l->v[i].cost;
        words_of(l, i, s->words, &s->chance);
        int is_new = *s->words != '\0';
        for (size_t k = 0; k < *n_out && is_new; k++)
            is_new = !lt_commands_is_same(out[k].words, s->words);
        *n_out += (size_t)is_new;
    }
    return err;
}

enum lt_err lt_near_find(const struct lt_near *n, const char *phones, float distance, size_t max,
                         struct lt_near_sentence *out, size_t *n_out)
{
    struct looking *l = calloc(1, sizeof *l);
    *n_out = 0;
    if (!l) return LT_ERR_NOMEM;
    l->n = n;
    l->n_phones = parse(phones, l->phones, LT_NEAR_PHONES_MAX);
    enum lt_err err = measure_words(l);
    if (!err) err = measure_ends(l);
    if (!err) err = look(l, distance, max > LT_NEAR_MAX ? LT_NEAR_MAX : max, out, n_out);
    for (size_t i = 0; i < l->n_v; i++) free(l->v[i].row);
    free(l->v);
    free(l->heap);
    free(l->to_go);
    free(l->spans);
    free(l);
    return err;
}
