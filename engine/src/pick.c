/* pick.c - of many tools those that an utterance may be about.
 *
 * Ranked by the cosine of the retrieval head's vectors (san/retrieve.h) and, since names said word for
 * word are the surest sign, by words that stand in the utterance and in a tool's names. The picked keep
 * the catalogue's order, so that the same utterance gives the same answer. */
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"
#include "san/retrieve.h"

#define WORD_WEIGHT 0.04f /* of a shared word beside a cosine */
#define WORDS_MOST  4     /* further shared words tell nothing new */

enum lt_err san__pick_prepare(struct san_catalog *c, struct lt_diag *diag)
{
    struct san_engine *e = c->engine;
    struct san__worker *w = NULL;
    int dim = e->h.ret_dim;
    if (dim <= 0 || c->plan.n_tools <= SAN_PICK_FROM) return LT_OK;
    c->tool_vec = calloc((size_t)c->plan.n_tools, (size_t)dim * sizeof *c->tool_vec);
    enum lt_err err = c->tool_vec ? san__worker_get(e, &w, diag) : LT_ERR_NOMEM;
    for (int i = 0; i < c->plan.n_tools && !err; i++)
        err = san_retrieval_vector(w->session, c->blocks[i]->e, c->blocks[i]->n,
                                   c->tool_vec + (size_t)i * (size_t)dim, diag);
    if (w) san__worker_put(e, w);
    return err;
}

/* Words of the utterance among the tool's names. */
static int shared_words(const struct san_utterance *u, const struct san_tool_plan *t)
{
    int n = 0;
    for (int i = 0; i < u->n_words && n < WORDS_MOST; i++) {
        if (u->words[i].kind == SAN_WORD_PUNCT || u->words[i].end - u->words[i].begin < 3) continue;
        for (int k = 0; k < t->n_words; k++)
            if (t->words[k] == u->words[i].hash) {
                n++;
                break;
            }
    }
    return n;
}

struct ranked {
    float score;
    int tool;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->tool - y->tool;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static enum lt_err rank(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                        const char *text, struct ranked *out, struct lt_diag *diag)
{
    int32_t tok[SAN_BLOCK_MAX_TOKENS];
    int n_tok = 0, dim = e->h.ret_dim;
    float *vec = calloc((size_t)dim, sizeof *vec);
    enum lt_err err = vec ? san_retrieve_tokens(&w->utterance, &e->pieces, text, tok, &n_tok, diag)
                          : LT_ERR_NOMEM;
    if (!err) err = san_retrieve_vector(w->session, tok, n_tok, vec, diag);
    for (int i = 0; i < c->plan.n_tools && !err; i++) {
        const float *t = c->tool_vec + (size_t)i * (size_t)dim;
        float dot = 0;
        for (int d = 0; d < dim; d++) dot += vec[d] * t[d];
        out[i] = (struct ranked){
            dot + WORD_WEIGHT * (float)shared_words(&w->utterance, c->plan.tools[i]), i};
    }
    free(vec);
    return err;
}

enum lt_err san__pick(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                      const char *text, struct san_block *const **seen, int *n_seen,
                      struct lt_diag *diag)
{
    w->plan = c->plan;
    w->n_pick = 0;
    *seen = c->seen;
    *n_seen = c->n_seen;
    if (!c->tool_vec) return LT_OK;
    size_t need = (size_t)c->n_seen + SAN_PICK_TOOLS;
    if (w->cap_seen < need) {
        struct san_block **p = realloc(w->seen, need * sizeof(struct san_block *));
        if (!p) return LT_ERR_NOMEM;
        w->seen = p;
        w->cap_seen = need;
    }
    struct ranked *r = malloc((size_t)c->plan.n_tools * sizeof *r);
    enum lt_err err = r ? rank(e, c, w, text, r, diag) : LT_ERR_NOMEM;
    if (!err) {
        qsort(r, (size_t)c->plan.n_tools, sizeof *r, by_score);
        w->n_pick = SAN_PICK_TOOLS;
        for (int i = 0; i < w->n_pick; i++) w->pick[i] = r[i].tool;
        qsort(w->pick, (size_t)w->n_pick, sizeof *w->pick, by_number);
        int n = 0;
        for (int i = 0; i < w->n_pick; i++) {
            struct san_block *b = c->blocks[w->pick[i]];
            int is_repeated = 0;
            for (int k = 0; k < n && !is_repeated; k++) is_repeated = w->seen[k] == b;
            if (!is_repeated) w->seen[n++] = b;
            w->picked_tools[i] = c->plan.tools[w->pick[i]];
        }
        for (int i = 0; i < c->n_seen; i++) w->seen[n++] = c->seen[i];
        w->plan.tools = w->picked_tools;
        w->plan.n_tools = w->n_pick;
        *seen = w->seen;
        *n_seen = n;
    }
    free(r);
    return err;
}
