/* pick.c - of many tools and devices those that an utterance may be about.
 *
 * Devices are found by words (home_index.h). Tools are ranked by the cosine of the retrieval head's vectors (san/retrieve.h) and, since names said word for
 * word are the surest sign, by words that stand in the utterance and in a tool's names. The picked keep
 * the catalogue's order, so that the same utterance gives the same answer. */
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"
#include "kernels.h"
#include "san/retrieve.h"

#define WORD_WEIGHT 0.04f /* of a shared word beside a cosine */
#define WORDS_MOST  4     /* further shared words tell nothing new */

static int by_word(const void *a, const void *b)
{
    const struct san__tool_word *x = a, *y = b;
    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : x->tool - y->tool;
}

/* All tools' words with the tools that have them, each pair once. */
static enum lt_err list_words(struct san_catalog *c)
{
    size_t n = 0;
    for (int i = 0; i < c->plan.n_tools; i++) n += (size_t)c->plan.tools[i]->n_words;
    struct san__tool_word *p = malloc((n + 1) * sizeof *p);
    if (!p) return LT_ERR_NOMEM;
    c->tool_words = p;
    n = 0;
    for (int i = 0; i < c->plan.n_tools; i++)
        for (int k = 0; k < c->plan.tools[i]->n_words; k++)
            p[n++] = (struct san__tool_word){c->plan.tools[i]->words[k], i};
    qsort(p, n, sizeof *p, by_word);
    for (size_t i = 0; i < n; i++)
        if (!i || by_word(&p[i - 1], &p[i])) p[c->n_tool_words++] = p[i];
    return LT_OK;
}

enum lt_err san__pick_prepare(struct san_catalog *c, struct san__worker *w, struct lt_diag *diag)
{
    enum { CHUNK = 64 };
    struct san_engine *e = c->engine;
    const struct san_block_text *texts[CHUNK];
    struct san_block *got[CHUNK];
    size_t dim = c->picks_tools ? (size_t)e->h.ret_dim : 0;
    if (!dim) return LT_OK;
    c->tool_vec = calloc((size_t)c->plan.n_tools, dim * sizeof *c->tool_vec);
    enum lt_err err = c->tool_vec ? list_words(c) : LT_ERR_NOMEM;
    for (int first = 0; first < c->plan.n_tools && !err; first += CHUNK) {
        int n = c->plan.n_tools - first < CHUNK ? c->plan.n_tools - first : CHUNK;
        for (int i = 0; i < n; i++) texts[i] = san__catalog_text(c, first + i);
        err = san__blocks_get(e, w, texts, n, got, diag);
        for (int i = 0; i < n && !err; i++)
            err = san_retrieval_vector(w->session, got[i]->e, got[i]->n,
                                       c->tool_vec + (size_t)(first + i) * dim, diag);
        for (int i = 0; i < n; i++) san_block_unref(got[i]);
    }
    return err;
}

/* First of the tools' words that is not below `hash`. */
static size_t first_of(const struct san_catalog *c, uint32_t hash)
{
    size_t low = 0, high = c->n_tool_words;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->tool_words[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Count, as each tool's score, the words of the utterance among its names: only tools that have one are
 * looked at. */
static void count_shared(const struct san_catalog *c, const struct san_utterance *u,
                         struct san__ranked *r)
{
    for (int i = 0; i < c->plan.n_tools; i++) r[i] = (struct san__ranked){0, i};
    for (int i = 0; i < u->n_words; i++) {
        const struct san_word *w = &u->words[i];
        if (w->kind == SAN_WORD_PUNCT || w->end - w->begin < 3) continue;
        for (size_t k = first_of(c, w->hash);
             k < c->n_tool_words && c->tool_words[k].hash == w->hash; k++) {
            struct san__ranked *x = &r[c->tool_words[k].tool];
            if (x->score < WORDS_MOST) x->score++;
        }
    }
}

static int by_score(const void *a, const void *b)
{
    const struct san__ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->tool - y->tool;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The utterance's vector and words against every tool. */
static enum lt_err rank(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                        const char *text, struct lt_diag *diag)
{
    int32_t tok[SAN_BLOCK_MAX_TOKENS];
    int n_tok = 0, dim = e->h.ret_dim;
    size_t n = (size_t)c->plan.n_tools;
    if (w->cap_ranked < n) {
        struct san__ranked *p = realloc(w->ranked, n * sizeof *p);
        if (!p) return LT_ERR_NOMEM;
        w->ranked = p;
        w->cap_ranked = n;
    }
    enum lt_err err = san_retrieve_tokens(&w->utterance, &e->pieces, text, tok, &n_tok, diag);
    if (!err) err = san_retrieve_vector(w->session, tok, n_tok, w->ret_vec, diag);
    if (!err) count_shared(c, &w->utterance, w->ranked);
    for (int i = 0; i < c->plan.n_tools && !err; i++) {
        const float *t = c->tool_vec + (size_t)i * (size_t)dim;
        float n_shared = w->ranked[i].score;
        w->ranked[i].score = san__dot(w->ret_vec, t, dim) + WORD_WEIGHT * n_shared;
    }
    return err;
}

/* Bring the best `most` to the front, in order: one comparison for nearly all of the others. */
static void best_first(struct san__ranked *r, int n, int most)
{
    qsort(r, (size_t)most, sizeof *r, by_score);
    for (int i = most; i < n; i++) {
        if (by_score(&r[i], &r[most - 1]) > 0) continue;
        struct san__ranked x = r[i];
        int at = most - 1;
        for (r[i] = r[at]; at > 0 && by_score(&x, &r[at - 1]) < 0; at--) r[at] = r[at - 1];
        r[at] = x;
    }
}

static enum lt_err pick_tools(struct san_engine *e, const struct san_catalog *c,
                              struct san__worker *w, const char *text, struct lt_diag *diag)
{
    enum lt_err err = rank(e, c, w, text, diag);
    if (err) return err;
    best_first(w->ranked, c->plan.n_tools, SAN_PICK_TOOLS);
    w->n_pick = SAN_PICK_TOOLS;
    for (int i = 0; i < w->n_pick; i++) w->pick[i] = w->ranked[i].tool;
    qsort(w->pick, (size_t)w->n_pick, sizeof *w->pick, by_number);
    for (int i = 0; i < w->n_pick; i++) w->picked_tools[i] = c->plan.tools[w->pick[i]];
    w->plan.tools = w->picked_tools;
    w->plan.n_tools = w->n_pick;
    return LT_OK;
}

static enum lt_err pick_home(const struct san_catalog *c, struct san__worker *w, const char *text,
                             const char *here, struct lt_diag *diag)
{
    const struct san_home_plan *h = c->plan.home;
    struct san_utterance *u =
        &w->utterance; /* its words are made anew once it is known who counts */
    size_t n = strlen(text);
    if (!san_utf8_is_valid(text, n)) return lt_fail(diag, LT_ERR_INVALID, "text: not valid UTF-8");
    u->n_words = san_words(text, n, u->words, SAN_WORDS_MAX);
    int area = here ? san_home_area(h, here) : h->here;
    enum lt_err err = san__home_pick(c->index, text, u->words, u->n_words, area, &w->home_pick);
    if (err) return err;
    const struct san_shown *s = &w->home_pick.shown;
    w->plan.shown = s;
    for (int i = 0; i < s->n_floors; i++)
        w->shown_item[w->n_shown++] = h->floors[s->floors[i]].item;
    for (int i = 0; i < s->n_areas; i++) w->shown_item[w->n_shown++] = h->areas[s->areas[i]].item;
    for (int i = 0; i < s->n_entities; i++)
        w->shown_item[w->n_shown++] = h->entities[s->entities[i]].item;
    qsort(w->shown_item, (size_t)w->n_shown, sizeof *w->shown_item, by_number);
    return LT_OK;
}

/* The blocks of what was picked, and all that the utterance attends to: each block once. */
static enum lt_err gather(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                          struct lt_diag *diag)
{
    const struct san_block_text *texts[SAN__PICK_BLOCKS];
    size_t need = (size_t)c->n_seen + SAN__PICK_BLOCKS;
    int n = 0, n_seen = 0;
    if (w->cap_seen < need) {
        struct san_block **p = realloc(w->seen, need * sizeof(struct san_block *));
        if (!p) return LT_ERR_NOMEM;
        w->seen = p;
        w->cap_seen = need;
    }
    for (int i = 0; i < w->n_pick; i++) texts[n++] = san__catalog_text(c, w->pick[i]);
    for (int i = 0; i < w->n_shown; i++)
        texts[n++] = san__catalog_text(c, c->plan.n_tools + w->shown_item[i]);
    enum lt_err err = san__blocks_get(e, w, texts, n, w->picked, diag);
    if (err) return err;
    w->n_picked = n;
    w->shown = w->picked + w->n_pick;
    for (int i = 0; i < n; i++) {
        int is_repeated = 0;
        for (int k = 0; k < n_seen && !is_repeated; k++) is_repeated = w->seen[k] == w->picked[i];
        if (!is_repeated) w->seen[n_seen++] = w->picked[i];
    }
    for (int i = 0; i < c->n_seen; i++) w->seen[n_seen++] = c->seen[i];
    w->n_seen = n_seen;
    return LT_OK;
}

enum lt_err san__pick(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                      const char *text, const char *here, struct san_block *const **seen,
                      int *n_seen, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    w->plan = c->plan;
    w->n_pick = w->n_shown = w->n_picked = 0;
    *seen = c->seen;
    *n_seen = c->n_seen;
    if (!c->tool_vec && !c->index) return LT_OK;
    if (c->tool_vec) err = pick_tools(e, c, w, text, diag);
    if (!err && c->index) err = pick_home(c, w, text, here, diag);
    if (!err) err = gather(e, c, w, diag);
    if (err) return err;
    *seen = w->seen;
    *n_seen = w->n_seen;
    return LT_OK;
}

void san__pick_done(struct san__worker *w)
{
    for (int i = 0; i < w->n_picked; i++) san_block_unref(w->picked[i]);
    w->n_picked = 0;
}

const struct san_block *san__tool_block(const struct san_catalog *c, const struct san__worker *w,
                                        int t)
{
    return w->n_pick ? w->picked[t] : c->blocks[t];
}

const struct san_block *san__home_block(const struct san_catalog *c, const struct san__worker *w,
                                        int i)
{
    const struct san_block *held = c->blocks[c->plan.n_tools + i];
    if (held) return held;
    const int *at = bsearch(&i, w->shown_item, (size_t)w->n_shown, sizeof i, by_number);
    return at ? w->shown[at - w->shown_item] : NULL; /* the walk offers nothing else */
}
