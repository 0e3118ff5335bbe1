/* retrieval_eval.c - ranks of the right tools among many. */
#include "san/retrieval_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "san/rand.h"
#include "san/retrieve.h"

#define K1           1.2 /* BM25's usual constants */
#define B            0.75
#define WORDS_WEIGHT 0.03 /* of a BM25 point beside a cosine */

struct tool {
    const json_t *json;
    const char *name;
    char *text; /* to see equal ones */
    float *vec;
    int32_t *tok; /* sorted */
    int n_tok;
};

struct set {
    struct tool *tool;
    int n, cap;
    json_t *known; /* text -> number + 1 */
    int *order;    /* (n) */
    int *df;       /* (n_vocab) tools that have the token */
    double mean_len;
};

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static enum lt_err add_tool(struct set *s, const json_t *tool)
{
    char *text = json_dumps(tool, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text) return LT_ERR_NOMEM;
    if (json_object_get(s->known, text)) {
        free(text);
        return LT_OK;
    }
    if (s->n == s->cap) {
        int cap = s->cap ? 2 * s->cap : 256;
        struct tool *p = realloc(s->tool, (size_t)cap * sizeof *p);
        if (!p) {
            free(text);
            return LT_ERR_NOMEM;
        }
        s->tool = p;
        s->cap = cap;
    }
    json_object_set_new(s->known, text, json_integer(s->n));
    s->tool[s->n++] = (struct tool){
        .json = tool, .name = json_string_value(json_object_get(tool, "name")), .text = text};
    return LT_OK;
}

static enum lt_err encode_tool(struct san_session *session, const struct san_pieces *v,
                               const struct san_hparams *h, struct tool *t, struct lt_diag *diag)
{
    struct san_tool_plan *plan = NULL;
    enum lt_err err = san_tool_plan_new(v, t->json, t->name, &plan, diag);
    if (err) return err;
    t->vec = calloc((size_t)h->ret_dim, sizeof *t->vec);
    t->tok = calloc((size_t)plan->block.n_tok + 1, sizeof *t->tok);
    err = t->vec && t->tok
              ? san_retrieve_vector(session, plan->block.tok, plan->block.n_tok, t->vec, diag)
              : LT_ERR_NOMEM;
    if (!err) {
        t->n_tok = plan->block.n_tok;
        memcpy(t->tok, plan->block.tok, (size_t)t->n_tok * sizeof *t->tok);
        qsort(t->tok, (size_t)t->n_tok, sizeof *t->tok, by_id);
    }
    san_tool_plan_unref(plan);
    return err;
}

static int count_in(const struct tool *t, int32_t id)
{
    const int32_t *hit = bsearch(&id, t->tok, (size_t)t->n_tok, sizeof id, by_id);
    int n = 0;
    if (!hit) return 0;
    while (hit > t->tok && hit[-1] == id) hit--;
    for (; hit + n < t->tok + t->n_tok && hit[n] == id; n++) {
    }
    return n;
}

static double bm25(const struct set *s, const struct tool *t, const int32_t *tok, int n)
{
    double sum = 0;
    for (int i = 1; i < n; i++) { /* <utt> stands first */
        int tf = count_in(t, tok[i]), df = s->df[tok[i]];
        if (!tf) continue;
        double idf = log(1 + (s->n - df + 0.5) / (df + 0.5));
        sum += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * t->n_tok / s->mean_len));
    }
    return sum;
}

/* Other tools than the case's own, drawn by the case's number: the same for every network. */
static int draw(const struct set *s, const json_t *tools, uint64_t seed, int n_tools, int *out)
{
    struct san_rand r;
    int n = 0;
    size_t k;
    json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, k, tool)
    {
        char *text = json_dumps(tool, JSON_COMPACT | JSON_SORT_KEYS);
        if (text && n < n_tools)
            out[n++] = (int)json_integer_value(json_object_get(s->known, text));
        free(text);
    }
    san_rand_seed(&r, seed);
    for (int i = 0; i < s->n; i++) s->order[i] = i;
    for (int i = 0; i < s->n && n < n_tools; i++) {
        int pick = i + (int)san_rand_below(&r, (uint64_t)(s->n - i)), at = s->order[pick];
        int is_new = 1;
        s->order[pick] = s->order[i];
        for (int j = 0; j < n && is_new; j++)
            is_new = out[j] != at && strcmp(s->tool[out[j]].name, s->tool[at].name);
        if (is_new) out[n++] = at;
    }
    return n;
}

static void rank(const struct set *s, const json_t *answers, const int *set, int n,
                 const double *score, double *top1, double *top5, double *top20)
{
    double best = -INFINITY;
    int better = 0;
    const char *want = json_string_value(json_object_get(json_array_get(answers, 0), "name"));
    for (int i = 0; i < n; i++)
        if (want && !strcmp(s->tool[set[i]].name, want)) best = fmax(best, score[i]);
    for (int i = 0; i < n; i++)
        better += (!want || strcmp(s->tool[set[i]].name, want)) && score[i] >= best;
    *top1 += better < 1;
    *top5 += better < 5;
    *top20 += better < 20;
}

enum lt_err san_retrieval_eval(const struct san_hparams *h, const struct san_params *p,
                               const struct san_pieces *v, const struct san_cases *cases,
                               int n_tools, struct san_retrieval_score *out, struct lt_diag *diag)
{
    const struct san_limits limits = {
        .n_source = SAN_BLOCK_MAX_TOKENS, .n_panel = 512, .n_step = 4};
    struct set s = {.known = json_object(), .df = calloc((size_t)h->n_vocab, sizeof(int))};
    struct san_net net = {0};
    struct san_session *session = NULL;
    struct san_utterance u;
    int32_t tok[SAN_BLOCK_MAX_TOKENS];
    int *chosen = calloc((size_t)n_tools + 1, sizeof *chosen);
    double *score[3] = {0};
    float *vec = calloc((size_t)h->ret_dim + 1, sizeof *vec);
    *out = (struct san_retrieval_score){0};
    san_utterance_init(&u);
    for (int i = 0; i < 3; i++) score[i] = calloc((size_t)n_tools + 1, sizeof *score[i]);
    enum lt_err err = s.known && s.df && chosen && vec && score[2] ? LT_OK : LT_ERR_NOMEM;
    if (!err && !h->ret_dim)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED, "the network has no retrieval head");
    if (!err) err = san_net_init(&net, h, p, diag);
    if (!err) err = san_session_new(&net, &limits, &session, diag);
    for (size_t i = 0; i < cases->n && !err; i++) {
        size_t k;
        json_t *tool;
        json_array_foreach(json_object_get(cases->p[i], "tools"), k, tool) if (!err) err =
            add_tool(&s, tool);
    }
    if (!err && !(s.order = calloc((size_t)s.n + 1, sizeof *s.order))) err = LT_ERR_NOMEM;
    for (int i = 0; i < s.n && !err; i++) {
        err = encode_tool(session, v, h, &s.tool[i], diag);
        if (err) break;
        s.mean_len += (double)s.tool[i].n_tok / s.n;
        for (int k = 0; k < s.tool[i].n_tok; k++)
            s.df[s.tool[i].tok[k]] += !k || s.tool[i].tok[k] != s.tool[i].tok[k - 1];
    }
    for (size_t i = 0; i < cases->n && !err; i++) {
        const json_t *answers = json_object_get(cases->p[i], "answers");
        int n_tok;
        if (!json_array_size(answers)) continue;
        const char *query = json_string_value(json_object_get(cases->p[i], "query"));
        err = san_retrieve_tokens(&u, v, query, tok, &n_tok, diag);
        if (!err) err = san_retrieve_vector(session, tok, n_tok, vec, diag);
        if (err) break;
        int n = draw(&s, json_object_get(cases->p[i], "tools"), i + 1, n_tools, chosen);
        for (int k = 0; k < n; k++) {
            const struct tool *t = &s.tool[chosen[k]];
            double dot = 0;
            for (int d = 0; d < h->ret_dim; d++) dot += (double)(vec[d] * t->vec[d]);
            score[SAN_BY_VECTOR][k] = dot;
            score[SAN_BY_WORDS][k] = bm25(&s, t, tok, n_tok);
            score[SAN_BY_BOTH][k] = dot + WORDS_WEIGHT * score[SAN_BY_WORDS][k];
        }
        for (int b = 0; b < 3; b++)
            rank(&s, answers, chosen, n, score[b], &out->top1[b], &out->top5[b], &out->top20[b]);
        out->mean_tools += n;
        out->n++;
    }
    for (int b = 0; b < 3 && out->n; b++) {
        out->top1[b] /= out->n;
        out->top5[b] /= out->n;
        out->top20[b] /= out->n;
    }
    if (out->n) out->mean_tools /= out->n;
    for (int i = 0; i < s.n; i++) {
        free(s.tool[i].text);
        free(s.tool[i].vec);
        free(s.tool[i].tok);
    }
    for (int i = 0; i < 3; i++) free(score[i]);
    free(s.tool);
    free(s.df);
    free(s.order);
    free(chosen);
    free(vec);
    json_decref(s.known);
    san_session_free(session);
    san_net_fini(&net);
    san_utterance_fini(&u);
    return err;
}
