/* walk.c - tokens over a network of words, each word the states of its phones. */
#include "walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATES     LT_COARSE_STATES
#define FAR        1000000000 /* nobody is there; scores added to it in an utterance do not overflow */
#define BEAM       1200       /* of scores; the right sentence is rarely so far behind on its way */
#define ROUNDS_MAX 16         /* arcs without a word one after the other */
#define MAX_WORDS  64         /* of a sentence */

struct token {
    int32_t cost, past; /* past: the last whole word, -1: none */
};

/* A word that was gone through. */
struct past {
    int32_t before, arc;
};

struct way {    /* one pronunciation of a word, on one arc */
    int arc;    /* of the network */
    int first;  /* of its tokens */
    int n;      /* states */
    int phones; /* where they begin in `phones` */
    int is_on;
    int32_t best;
};

struct lt_walk {
    const struct lt_arcs *arcs;
    struct lt_coarse *coarse;
    int32_t *prices; /* of each arc: how seldom it is taken */
    struct way *ways;
    size_t n_ways, cap_ways;
    uint8_t *phones;
    size_t n_phones, cap_phones;
    int *silent; /* arcs without a word */
    size_t n_silent, n_tokens;
    struct token *tokens;
    struct token *ends, *at;          /* of each state: before and after an optional silence */
    struct token (*silences)[STATES]; /* of each state */
    struct past *pasts;
    size_t n_pasts, cap_pasts;
};

/* ---- making one ---- */

/* Room for one more. */
static void *grown(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return v;
    size_t more = *cap ? *cap * 2 : 1024;
    void *bigger = realloc(v, more * size);
    if (bigger) *cap = more;
    return bigger;
}

/* The ways of an arc: one a pronunciation. A word that nobody can say has none. */
static enum lt_err add_ways(struct lt_walk *w, int arc)
{
    uint8_t phones[LT_COARSE_IN_WORD];
    for (int variant = 1; variant <= LT_COARSE_VARIANTS; variant++) {
        int n = lt_coarse_phones(w->coarse, w->arcs->v[arc].word, variant, phones);
        if (n < 0) break;
        if (!n) continue;
        struct way *ways = grown(w->ways, w->n_ways, &w->cap_ways, sizeof *ways);
        if (!ways) return LT_ERR_NOMEM;
        w->ways = ways;
        ways[w->n_ways++] =
            (struct way){arc, (int)w->n_tokens, n * STATES, (int)w->n_phones, 0, FAR};
        w->n_tokens += (size_t)n * STATES;
        for (int i = 0; i < n; i++) {
            uint8_t *all = grown(w->phones, w->n_phones, &w->cap_phones, sizeof *all);
            if (!all) return LT_ERR_NOMEM;
            w->phones = all;
            all[w->n_phones++] = phones[i];
        }
    }
    return LT_OK;
}

static enum lt_err make(struct lt_walk *w, double chance_unit)
{
    const struct lt_arcs *a = w->arcs;
    size_t n_states = (size_t)a->n_states;
    w->prices = calloc(a->n + 1, sizeof *w->prices);
    w->silent = calloc(a->n + 1, sizeof *w->silent);
    w->ends = calloc(n_states + 1, sizeof *w->ends);
    w->at = calloc(n_states + 1, sizeof *w->at);
    w->silences = calloc(n_states + 1, sizeof *w->silences);
    if (!w->prices || !w->silent || !w->ends || !w->at || !w->silences) return LT_ERR_NOMEM;
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < a->n; i++) {
        w->prices[i] = (int32_t)(-chance_unit * log(a->v[i].share + 1e-9));
        if (a->v[i].word)
            err = add_ways(w, (int)i);
        else
            w->silent[w->n_silent++] = (int)i;
    }
    if (!err && !(w->tokens = malloc((w->n_tokens + 1) * sizeof *w->tokens))) err = LT_ERR_NOMEM;
    return err;
}

enum lt_err lt_walk_new(const struct lt_arcs *arcs, struct lt_coarse *coarse, double chance_unit,
                        struct lt_walk **out)
{
    struct lt_walk *w = calloc(1, sizeof *w);
    if (!w) return LT_ERR_NOMEM;
    w->arcs = arcs;
    w->coarse = coarse;
    enum lt_err err = make(w, chance_unit);
    if (err)
        lt_walk_free(w);
    else
        *out = w;
    return err;
}

void lt_walk_free(struct lt_walk *w)
{
    if (!w) return;
    free(w->prices);
    free(w->ways);
    free(w->phones);
    free(w->silent);
    free(w->tokens);
    free(w->ends);
    free(w->at);
    free(w->silences);
    free(w->pasts);
    free(w);
}

/* ---- one utterance ---- */

static const struct token nobody = {FAR, -1};

static void better(struct token *to, struct token from)
{
    if (from.cost < to->cost) *to = from;
}

static void clear(struct lt_walk *w)
{
    for (int s = 0; s < w->arcs->n_states; s++) {
        w->ends[s] = nobody;
        for (int k = 0; k < STATES; k++) w->silences[s][k] = nobody;
    }
    for (size_t i = 0; i < w->n_ways; i++) w->ways[i].is_on = 0;
    w->n_pasts = 0;
    w->ends[w->arcs->start].cost = 0;
}

/* Where words may begin: after a silence or without one, and beyond arcs without a word. */
static void arrive(struct lt_walk *w)
{
    int is_changed = 1;
    for (int s = 0; s < w->arcs->n_states; s++) {
        w->at[s] = w->ends[s];
        better(&w->at[s], w->silences[s][STATES - 1]);
    }
    for (int round = 0; is_changed && round < ROUNDS_MAX; round++) {
        is_changed = 0;
        for (size_t i = 0; i < w->n_silent; i++) {
            const struct lt_arc *a = &w->arcs->v[w->silent[i]];
            struct token t = w->at[a->from];
            if (t.cost >= FAR || (t.cost += w->prices[w->silent[i]]) >= w->at[a->to].cost) continue;
            w->at[a->to] = t;
            is_changed = 1;
        }
    }
}

/* One moment in a way's states; its best cost. */
static int32_t step(struct token *t, int n, const uint8_t *phones, struct token enter,
                    const int16_t *scores)
{
    int32_t best = FAR;
    for (int i = n - 1; i >= 0; i--) {
        better(&t[i], i ? t[i - 1] : enter);
        t[i].cost += scores[phones[i / STATES] * STATES + i % STATES];
        if (t[i].cost < best) best = t[i].cost;
        if (t[i].cost > FAR) t[i].cost = FAR;
    }
    return best;
}

/* The silence after each state; the best cost in any. */
static int32_t keep_silent(struct lt_walk *w, const int16_t *scores)
{
    const uint8_t silence = (uint8_t)lt_coarse_silence(w->coarse);
    int32_t best = FAR;
    for (int s = 0; s < w->arcs->n_states; s++) {
        struct token *t = w->silences[s];
        if (w->ends[s].cost >= FAR && t[0].cost >= FAR && t[1].cost >= FAR && t[2].cost >= FAR)
            continue;
        int32_t here = step(t, STATES, &silence, w->ends[s], scores);
        if (here < best) best = here;
    }
    return best;
}

/* One moment everywhere; nothing that is dearer than `most` goes on. Returns the best cost. */
static int32_t go_on(struct lt_walk *w, const int16_t *scores, int32_t most)
{
    int32_t best = keep_silent(w, scores);
    for (int s = 0; s < w->arcs->n_states; s++) w->ends[s] = nobody;
    for (size_t i = 0; i < w->n_ways; i++) {
        struct way *way = &w->ways[i];
        struct token *t = w->tokens + way->first, enter = w->at[w->arcs->v[way->arc].from];
        if (enter.cost < FAR) enter.cost += w->prices[way->arc];
        if (way->is_on && way->best > most) way->is_on = 0;
        if (!way->is_on && enter.cost > most) continue;
        if (!way->is_on)
            for (int k = 0; k < way->n; k++) t[k] = nobody;
        way->is_on = 1;
        way->best = step(t, way->n, w->phones + way->phones, enter, scores);
        if (way->best < best) best = way->best;
        struct token last = t[way->n - 1];
        struct token *end = &w->ends[w->arcs->v[way->arc].to];
        if (last.cost >= end->cost) continue;
        *end = last;
        end->past = -2 - (int32_t)i; /* through this way; see note_words */
    }
    return best;
}

/* The words that ended at this moment become part of the past of their tokens. */
static enum lt_err note_words(struct lt_walk *w)
{
    for (int s = 0; s < w->arcs->n_states; s++) {
        if (w->ends[s].cost >= FAR) continue;
        struct way *way = &w->ways[-2 - w->ends[s].past];
        struct past *pasts = grown(w->pasts, w->n_pasts, &w->cap_pasts, sizeof *pasts);
        if (!pasts) return LT_ERR_NOMEM;
        w->pasts = pasts;
        pasts[w->n_pasts] = (struct past){w->tokens[way->first + way->n - 1].past, way->arc};
        w->ends[s].past = (int32_t)w->n_pasts++;
    }
    return LT_OK;
}

static void words_of(const struct lt_walk *w, int32_t past, char out[LT_COMMANDS_TEXT_MAX])
{
    const char *words[MAX_WORDS];
    int n = 0;
    size_t len = 0;
    for (; past >= 0 && n < MAX_WORDS; past = w->pasts[past].before)
        words[n++] = w->arcs->v[w->pasts[past].arc].word;
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

enum lt_err lt_walk_find(struct lt_walk *w, char words[LT_COMMANDS_TEXT_MAX])
{
    const int16_t *scores;
    int32_t most = BEAM;
    *words = '\0';
    clear(w);
    for (size_t t = 0; (scores = lt_coarse_moment(w->coarse, t)); t++) {
        arrive(w);
        int32_t best = go_on(w, scores, most);
        if (best >= FAR) return LT_OK;
        most = best + BEAM;
        enum lt_err err = note_words(w);
        if (err) return err;
    }
    arrive(w);
    if (w->at[1].cost < FAR) words_of(w, w->at[1].past, words);
    return LT_OK;
}
