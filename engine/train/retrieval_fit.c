/* retrieval_fit.c - pooled cases, and the head fitted on them. */
#include "san/retrieval_fit.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "retrieval_head.h"
#include "san/rand.h"
#include "san/retrieve.h"

#define GROUP 48 /* cases of a group */
/* The generator's stream of training begins at group 0, calibration's at 10^9. */
#define FIRST_GROUP UINT64_C(2000000000)
#define RATE        1e-3f
#define DECAY       1e-2f
#define TOOLS_MAX   512 /* different tools of one group */

struct group {
    float *q, *t;   /* (n_q, C), (n_t, C) pooled */
    uint8_t *right; /* (n_q, n_t) */
    int n_q, n_t;
};

struct collect {
    const struct san_pieces *v;
    struct san_session *session;
    struct san_utterance u;
    int width;
    const json_t *tool[TOOLS_MAX]; /* of the group, by address */
    int n_tool;
};

struct san_retrieval_fit_options san_retrieval_fit_default(void)
{
    return (struct san_retrieval_fit_options){
        .hidden = 256, .dim = 128, .n_groups = 400, .n_epochs = 12, .seed = 1};
}

static int tool_number(struct collect *c, const json_t *tool)
{
    for (int i = 0; i < c->n_tool; i++)
        if (c->tool[i] == tool) return i;
    if (c->n_tool == TOOLS_MAX) return -1;
    c->tool[c->n_tool] = tool;
    return c->n_tool++;
}

static const char *name_of(const json_t *o)
{
    const char *s = json_string_value(json_object_get(o, "name"));
    return s ? s : "";
}

static enum lt_err pool_tools(struct collect *c, struct group *g, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    g->t = calloc((size_t)c->n_tool + 1, (size_t)c->width * sizeof *g->t);
    if (!g->t) return LT_ERR_NOMEM;
    g->n_t = c->n_tool;
    for (int i = 0; i < c->n_tool && !err; i++) {
        struct san_tool_plan *plan = NULL;
        err = san_tool_plan_new(c->v, c->tool[i], "tool", &plan, diag);
        if (!err)
            err = san_retrieve_pool(c->session, plan->block.tok, plan->block.n_tok,
                                    g->t + (size_t)i * (size_t)c->width, diag);
        san_tool_plan_unref(plan);
    }
    return err;
}

/* Utterances that call something, and which of the group's tools that is. */
static enum lt_err pool_queries(struct collect *c, json_t *const *cases, struct group *g,
                                struct lt_diag *diag)
{
    int32_t tok[SAN_BLOCK_MAX_TOKENS];
    enum lt_err err = LT_OK;
    g->q = calloc(GROUP, (size_t)c->width * sizeof *g->q);
    g->right = calloc(GROUP, (size_t)c->n_tool + 1);
    if (!g->q || !g->right) return LT_ERR_NOMEM;
    for (int i = 0; i < GROUP && !err; i++) {
        const json_t *answers = json_object_get(cases[i], "answers");
        const json_t *tools = json_object_get(cases[i], "tools"), *answer, *tool;
        if (!json_array_size(answers)) continue;
        uint8_t *right = g->right + (size_t)g->n_q * (size_t)c->n_tool;
        size_t a, k;
        json_array_foreach((json_t *)(uintptr_t)answers, a, answer)
            json_array_foreach((json_t *)(uintptr_t)tools, k, tool)
        {
            int at = strcmp(name_of(answer), name_of(tool)) ? -1 : tool_number(c, tool);
            if (at >= 0) right[at] = 1;
        }
        int n = 0;
        const char *query = json_string_value(json_object_get(cases[i], "query"));
        err = san_retrieve_tokens(&c->u, c->v, query ? query : "", tok, &n, diag);
        if (!err)
            err = san_retrieve_pool(c->session, tok, n, g->q + (size_t)g->n_q * (size_t)c->width,
                                    diag);
        g->n_q++;
    }
    return err;
}

static enum lt_err pool_group(struct collect *c, json_t *const *cases, struct group *g,
                              struct lt_diag *diag)
{
    c->n_tool = 0;
    for (int i = 0; i < GROUP; i++) {
        const json_t *tools = json_object_get(cases[i], "tools"), *tool;
        size_t k;
        json_array_foreach((json_t *)(uintptr_t)tools, k, tool)(void) tool_number(c, tool);
    }
    enum lt_err err = pool_tools(c, g, diag);
    return err ? err : pool_queries(c, cases, g, diag);
}

static enum lt_err collect(const struct san_retrieval_fit_options *o,
                           const struct san_gen_options *gen_options, struct collect *c,
                           struct group *groups, struct lt_diag *diag)
{
    struct san_gen *gen = NULL;
    json_t *cases[GROUP];
    enum lt_err err = san_gen_new(gen_options, &gen, diag);
    for (int i = 0; i < o->n_groups && !err; i++) {
        err = san_gen_group_at(gen, FIRST_GROUP + (uint64_t)i, GROUP, cases, diag);
        if (err) break;
        err = pool_group(c, cases, &groups[i], diag);
        for (int k = 0; k < GROUP; k++) json_decref(cases[k]);
    }
    san_gen_free(gen);
    return err;
}

/* Rank of the best right tool of each utterance, into the report. */
static void measure(struct san__ret_head *head, const struct group *groups, int n,
                    struct san_retrieval_fit_report *out)
{
    double top1 = 0, top5 = 0, tools = 0;
    out->least_norm = INFINITY;
    for (int i = 0; i < n; i++) {
        const struct group *g = &groups[i];
        const float *score = san__ret_scores(head, g->q, g->n_q, g->t, g->n_t);
        for (int q = 0; q < g->n_q; q++) {
            const uint8_t *right = g->right + (size_t)q * (size_t)g->n_t;
            const float *s = score + (size_t)q * (size_t)g->n_t;
            float best = -INFINITY;
            int rank = 0;
            for (int t = 0; t < g->n_t; t++)
                if (right[t]) best = fmaxf(best, s[t]);
            for (int t = 0; t < g->n_t; t++) rank += !right[t] && s[t] >= best;
            top1 += rank < 1;
            top5 += rank < 5;
            tools += g->n_t;
            out->n_kept++;
        }
        out->least_norm = fmin(out->least_norm, san__ret_least_norm(head));
    }
    if (!out->n_kept) return;
    out->top1 = top1 / out->n_kept;
    out->top5 = top5 / out->n_kept;
    out->mean_tools = tools / out->n_kept;
}

static void shuffle(struct san_rand *r, int *order, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)(san_rand_u64(r) % (uint64_t)(i + 1)), x = order[i];
        order[i] = order[k];
        order[k] = x;
    }
}

/* AdamW on one matrix or vector. */
static void adam(float *w, float *g, float *m1, float *m2, size_t n, float rate, float c1, float c2)
{
    for (size_t i = 0; i < n; i++) {
        m1[i] = 0.9f * m1[i] + 0.1f * g[i];
        m2[i] = 0.999f * m2[i] + 0.001f * g[i] * g[i];
        w[i] -= rate * (m1[i] / c1 / (sqrtf(m2[i] / c2) + 1e-8f) + DECAY * w[i]);
        g[i] = 0;
    }
}

static struct san__ret_weights weights_of(const struct san_params *p)
{
    return (struct san__ret_weights){p->ret_w1, p->ret_b1, p->ret_w2};
}

/* p: the network with the head's start values; g, m1, m2 in its layout, zeroed. */
static enum lt_err learn(const struct san_retrieval_fit_options *o, struct san__ret_head *head,
                         const struct group *groups, int n_fit, struct san_params *p,
                         struct san_params *g, struct san_params *m1, struct san_params *m2)
{
    struct san_rand r;
    const int ids[] = {SAN_T_ret_w1, SAN_T_ret_b1, SAN_T_ret_w2};
    const struct san__ret_weights w = weights_of(p), dw = weights_of(g);
    int *order = malloc(((size_t)n_fit + 1) * sizeof *order);
    if (!order) return LT_ERR_NOMEM;
    san_rand_seed(&r, o->seed);
    for (int i = 0; i < n_fit; i++) order[i] = i;
    san__ret_bind(head, &w, &dw);
    int n_steps = o->n_epochs * n_fit;
    for (int step = 0; step < n_steps; step++) {
        if (step % n_fit == 0) shuffle(&r, order, n_fit);
        const struct group *one = &groups[order[step % n_fit]];
        const float *dq, *dt;
        if (!one->n_q || one->n_t < 2) continue;
        san__ret_gradient(head, one->q, one->n_q, one->t, one->n_t, one->right, 1, &dq, &dt);
        float rate = RATE * (1 - (float)step / (float)n_steps);
        float c1 = 1 - powf(0.9f, (float)step + 1), c2 = 1 - powf(0.999f, (float)step + 1);
        for (int i = 0; i < 3; i++) {
            const struct san_tensor_info *t = &p->info[ids[i]];
            adam(p->mem + t->offset, g->mem + t->offset, m1->mem + t->offset, m2->mem + t->offset,
                 (size_t)t->rows * (size_t)t->cols, rate, c1, c2);
        }
    }
    free(order);
    return LT_OK;
}

enum lt_err san_retrieval_fit(const struct san_retrieval_fit_options *o,
                              const struct san_gen_options *gen, const struct san_hparams *h,
                              const struct san_params *p, const struct san_pieces *v,
                              struct san_hparams *out_h, struct san_params *out_p,
                              struct san_retrieval_fit_report *out, struct lt_diag *diag)
{
    struct collect c = {.v = v, .width = h->width};
    struct san_net net = {0};
    struct san__ret_head *head = NULL;
    const struct san_limits limits = {
        .n_source = SAN_BLOCK_MAX_TOKENS, .n_panel = 512, .n_step = 4};
    struct group *groups = calloc((size_t)o->n_groups + 1, sizeof *groups);
    *out = (struct san_retrieval_fit_report){0};
    *out_h = *h;
    out_h->ret_hidden = o->hidden;
    out_h->ret_dim = o->dim;
    san_utterance_init(&c.u);
    enum lt_err err = groups ? san_hparams_check(out_h, diag) : LT_ERR_NOMEM;
    if (!err) err = san_net_init(&net, h, p, diag);
    if (!err) err = san_session_new(&net, &limits, &c.session, diag);
    if (!err) err = collect(o, gen, &c, groups, diag);
    int n_fit = o->n_groups - (o->n_groups + 9) / 10;
    for (int i = 0; i < n_fit && !err; i++) {
        out->n_queries += groups[i].n_q;
        out->n_tools += groups[i].n_t;
    }
    if (!err && !out->n_queries)
        err = lt_fail(diag, LT_ERR_INVALID, "retrieval: no utterance to learn from");
    if (!err) err = san__ret_new(h->width, o->hidden, o->dim, GROUP, TOOLS_MAX, &head);
    struct san_params made = {0}, g = {0}, m1 = {0}, m2 = {0};
    if (!err) err = san_params_new(out_h, &made);
    if (!err) err = san_params_new(out_h, &g);
    if (!err) err = san_params_new(out_h, &m1);
    if (!err) err = san_params_new(out_h, &m2);
    if (!err) {
        san_params_init(&made, out_h, o->seed);
        san_params_take(&made, p); /* a head of these sizes is where learning begins */
        err = learn(o, head, groups, n_fit, &made, &g, &m1, &m2);
    }
    if (!err) {
        measure(head, groups + n_fit, o->n_groups - n_fit, out);
        *out_p = made;
        made = (struct san_params){0};
    }
    san_params_free(&made);
    san_params_free(&g);
    san_params_free(&m1);
    san_params_free(&m2);
    for (int i = 0; groups && i < o->n_groups; i++) {
        free(groups[i].q);
        free(groups[i].t);
        free(groups[i].right);
    }
    free(groups);
    san__ret_free(head);
    san_session_free(c.session);
    san_net_fini(&net);
    san_utterance_fini(&c.u);
    return err;
}
