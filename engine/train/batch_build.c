/* batch_build.c - plans shared by pointer, blocks shared by content, decisions along the walk. */
#include "san/batch_build.h"

#include <stdlib.h>
#include <string.h>

#define UTTERANCE_BASE (1 << 28) /* positions in the utterances until the blocks' total is known */

struct vec {
    void *p;
    size_t n, cap, size;
};

struct plan_entry { /* a plan by the JSON object it was made of */
    const json_t *key;
    struct san_tool_plan *tool;
    struct san_home_plan *home;
    int *block; /* batch index of each of its blocks */
};

struct block_key {
    uint64_t hash[2];
    int block;
};

struct san_batch_builder {
    const struct san_pieces *pieces;
    struct san_loss_weights weights;
    struct vec tok, flag, block_off, utt_tok, utt_flag, utt_off, cat_off, cat_block;
    struct vec step_off, step_kind, step_prev, step_weight, cand_off, cand, cls, feat, right;
    struct vec plans, keys, tools;
    struct vec ret_block, ret_right_off, ret_right, ret_tool;
    int has_retrieval;
    struct san_utterance utterance;
    struct san_walk walk;
    struct san_gold gold;
    uint8_t *mark;
    size_t cap_mark;
    int is_joined; /* utterances appended to the blocks */
};

static void *vec_add(struct vec *v, size_t k)
{
    if (v->n + k > v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 1024;
        while (cap < v->n + k) cap *= 2;
        void *p = realloc(v->p, cap * v->size);
        if (!p) return NULL;
        v->p = p;
        v->cap = cap;
    }
    void *at = (char *)v->p + v->n * v->size;
    v->n += k;
    return at;
}

static int vec_push_i32(struct vec *v, int32_t x)
{
    int32_t *p = vec_add(v, 1);
    if (p) *p = x;
    return p != NULL;
}

static struct vec *const *all_vecs(struct san_batch_builder *b, size_t *n)
{
    static _Thread_local struct vec *list[24];
    struct vec *v[] = {&b->tok,       &b->flag,          &b->block_off, &b->utt_tok,  &b->utt_flag,
                       &b->utt_off,   &b->cat_off,       &b->cat_block, &b->step_off, &b->step_kind,
                       &b->step_prev, &b->step_weight,   &b->cand_off,  &b->cand,     &b->cls,
                       &b->feat,      &b->right,         &b->plans,     &b->keys,     &b->tools,
                       &b->ret_block, &b->ret_right_off, &b->ret_right, &b->ret_tool};
    memcpy(list, v, sizeof v);
    *n = sizeof v / sizeof v[0];
    return list;
}

enum lt_err san_batch_builder_new(const struct san_pieces *pieces,
                                  const struct san_loss_weights *weights,
                                  struct san_batch_builder **out)
{
    struct san_batch_builder *b = calloc(1, sizeof *b);
    if (!b) return LT_ERR_NOMEM;
    b->pieces = pieces;
    b->weights = *weights;
    size_t n;
    struct vec *const *v = all_vecs(b, &n);
    for (size_t i = 0; i < n; i++) v[i]->size = sizeof(int32_t);
    b->step_weight.size = b->feat.size = sizeof(float);
    b->cls.size = b->right.size = 1;
    b->plans.size = sizeof(struct plan_entry);
    b->keys.size = sizeof(struct block_key);
    b->tools.size = sizeof(struct san_tool_plan *);
    san_utterance_init(&b->utterance);
    san_walk_init(&b->walk);
    san_batch_builder_reset(b);
    *out = b;
    return LT_OK;
}

void san_batch_builder_reset(struct san_batch_builder *b)
{
    struct plan_entry *e = b->plans.p;
    for (size_t i = 0; i < b->plans.n; i++) {
        san_tool_plan_unref(e[i].tool);
        san_home_plan_unref(e[i].home);
        free(e[i].block);
    }
    size_t n;
    struct vec *const *v = all_vecs(b, &n);
    for (size_t i = 0; i < n; i++) v[i]->n = 0;
    b->is_joined = 0;
}

void san_batch_builder_free(struct san_batch_builder *b)
{
    if (!b) return;
    san_batch_builder_reset(b);
    size_t n;
    struct vec *const *v = all_vecs(b, &n);
    for (size_t i = 0; i < n; i++) free(v[i]->p);
    san_utterance_fini(&b->utterance);
    san_walk_fini(&b->walk);
    free(b->mark);
    free(b);
}

/* Batch index of the block with that text; adds it when it is new. -1 when out of memory. */
static int block_index(struct san_batch_builder *b, const struct san_block_text *t)
{
    struct block_key *k = b->keys.p;
    for (size_t i = 0; i < b->keys.n; i++)
        if (k[i].hash[0] == t->hash[0] && k[i].hash[1] == t->hash[1]) return k[i].block;
    int index = (int)b->keys.n;
    struct block_key *key = vec_add(&b->keys, 1);
    int32_t *tok = vec_add(&b->tok, (size_t)t->n_tok);
    uint32_t *flag = vec_add(&b->flag, (size_t)t->n_tok);
    if (!key || !tok || !flag || !vec_push_i32(&b->block_off, (int32_t)b->tok.n - t->n_tok))
        return -1;
    *key = (struct block_key){{t->hash[0], t->hash[1]}, index};
    memcpy(tok, t->tok, (size_t)t->n_tok * sizeof *tok);
    memset(flag, 0, (size_t)t->n_tok * sizeof *flag);
    return index;
}

static int find_plan(struct san_batch_builder *b, const json_t *key)
{
    struct plan_entry *e = b->plans.p;
    for (size_t i = 0; i < b->plans.n; i++)
        if (e[i].key == key) return (int)i;
    return -1;
}

/* Index of the plan of tool or home `json`, made on first sight; < 0 on failure. */
static enum lt_err plan_of(struct san_batch_builder *b, const json_t *key, const json_t *tool,
                           const json_t *home, int *index, struct lt_diag *diag)
{
    *index = find_plan(b, key);
    if (*index >= 0) return LT_OK;
    struct plan_entry e = {.key = key};
    enum lt_err err = tool ? san_tool_plan_new(b->pieces, tool, "/tools", &e.tool, diag)
                           : san_home_plan_new(b->pieces, home, &e.home, diag);
    if (err) return err;
    int n = tool ? 1 : e.home->n_blocks;
    const struct san_block_text *blocks = tool ? &e.tool->block : e.home->blocks;
    e.block = malloc(((size_t)n + 1) * sizeof *e.block);
    struct plan_entry *out = e.block ? vec_add(&b->plans, 1) : NULL;
    int is_ok = out != NULL;
    for (int i = 0; i < n && is_ok; i++) {
        e.block[i] = block_index(b, &blocks[i]);
        is_ok = e.block[i] >= 0;
    }
    if (out) {
        *out = e;
    } else {
        free(e.block);
        san_tool_plan_unref(e.tool);
        san_home_plan_unref(e.home);
    }
    *index = (int)b->plans.n - 1;
    return is_ok ? LT_OK : LT_ERR_NOMEM;
}

static float weight_of(const struct san_batch_builder *b)
{
    const struct san_walk *w = &b->walk;
    switch (w->phase) {
    case SAN_WALK_TOOL:
        return b->weights.tool;
    case SAN_WALK_TARGET:
        return b->weights.target;
    case SAN_WALK_KEY:
        return b->weights.key;
    case SAN_WALK_VALUE:
        return b->weights.value;
    case SAN_WALK_END:
        return b->weights.end;
    default:
        return b->weights.spell;
    }
}

/* Encoder position of a candidate as the batch writes it (see batch.h), or its vocabulary id. */
static int32_t position_of(const struct san_batch_builder *b, const struct san_candidate *c,
                           const int *tool_plan, int home_plan, int32_t utt_base)
{
    const struct plan_entry *e = b->plans.p;
    const int32_t *off = b->block_off.p;
    if (c->from == SAN_FROM_VOCAB) return c->id;
    if (c->from == SAN_FROM_UTTERANCE) return -2 - (UTTERANCE_BASE + utt_base + c->item);
    const struct plan_entry *p = &e[c->from == SAN_FROM_TOOL ? tool_plan[c->tool] : home_plan];
    const struct san_item *it =
        c->from == SAN_FROM_TOOL ? &p->tool->items[c->item] : &p->home->items[c->item];
    return -2 - (off[p->block[it->block]] + it->marker);
}

struct mark { /* lengths to return to when a case turns out not to be expressible */
    size_t kind, prev, weight, cand_off, cand, cls, feat, right;
};

static enum lt_err add_steps(struct san_batch_builder *b, const int *tool_plan, int home_plan,
                             int32_t utt_base, int *is_off)
{
    struct san_walk *w = &b->walk;
    *is_off = 0;
    while (san_walk_next(w)) {
        size_t n = (size_t)w->n_cand;
        if (n > b->cap_mark) {
            uint8_t *m = realloc(b->mark, n * 2);
            if (!m) return LT_ERR_NOMEM;
            b->mark = m;
            b->cap_mark = n * 2;
        }
        int follow = san_gold_mark(&b->gold, w, b->mark);
        if (follow < 0) {
            *is_off = 1;
            return LT_OK;
        }
        float *weight = vec_add(&b->step_weight, 1);
        int32_t *cand = vec_add(&b->cand, n);
        uint8_t *cls = vec_add(&b->cls, n), *right = vec_add(&b->right, n);
        float *feat = vec_add(&b->feat, n * SAN_N_FEAT);
        int32_t prev = w->has_prev ? position_of(b, &w->prev, tool_plan, home_plan, utt_base) : -1;
        if (!weight || !cand || !cls || !right || !feat || !vec_push_i32(&b->step_kind, w->kind) ||
            !vec_push_i32(&b->step_prev, prev))
            return LT_ERR_NOMEM;
        *weight = weight_of(b);
        for (size_t i = 0; i < n; i++) {
            const struct san_candidate *c = &w->cand[i];
            cand[i] = position_of(b, c, tool_plan, home_plan, utt_base);
            cls[i] = c->cls;
            right[i] = b->mark[i];
            if (c->feat)
                memcpy(feat + i * SAN_N_FEAT, c->feat, SAN_N_FEAT * sizeof *feat);
            else
                memset(feat + i * SAN_N_FEAT, 0, SAN_N_FEAT * sizeof *feat);
        }
        if (!vec_push_i32(&b->cand_off, (int32_t)b->cand.n)) return LT_ERR_NOMEM;
        san_walk_take(w, follow);
    }
    if (w->is_nomem) return LT_ERR_NOMEM;
    *is_off = w->n_calls != b->gold.n_calls;
    for (int i = 0; i < w->n_calls && !*is_off; i++)
        *is_off = w->calls[i].tool != b->gold.calls[i].tool ||
                  w->calls[i].n_args != b->gold.calls[i].n_args;
    return LT_OK;
}

void san_batch_builder_retrieve(struct san_batch_builder *b, int is_on)
{
    b->has_retrieval = is_on;
}

/* The utterance alone, and the tools that it calls. */
static enum lt_err add_retrieval(struct san_batch_builder *b, const int *tool_plan)
{
    const struct san_utterance *u = &b->utterance;
    const struct plan_entry *e = b->plans.p;
    struct san_block_text alone = {.tok = (int32_t *)(uintptr_t)u->tok,
                                   .hash = {UINT64_C(1469598103934665603), 1}};
    while (alone.n_tok < u->n_tok && u->tok[alone.n_tok] != b->pieces->here) alone.n_tok++;
    for (int i = 0; i < alone.n_tok; i++)
        alone.hash[0] = (alone.hash[0] ^ (uint64_t)u->tok[i]) * UINT64_C(1099511628211);
    int block = block_index(b, &alone);
    if (block < 0 || !vec_push_i32(&b->ret_block, block) ||
        !vec_push_i32(&b->ret_right_off, (int32_t)b->ret_right.n))
        return LT_ERR_NOMEM;
    for (int i = 0; i < b->gold.n_calls; i++)
        if (!vec_push_i32(&b->ret_right, e[tool_plan[b->gold.calls[i].tool]].block[0]))
            return LT_ERR_NOMEM;
    return LT_OK;
}

/* Add a block to the case's catalogue, once: blocks of equal text are one block. */
static int add_block(struct san_batch_builder *b, size_t first, int block)
{
    const int32_t *p = b->cat_block.p;
    for (size_t i = first; i < b->cat_block.n; i++)
        if (p[i] == block) return 1;
    return vec_push_i32(&b->cat_block, block);
}

enum lt_err san_batch_builder_add(struct san_batch_builder *b, const json_t *c,
                                  enum san_gold_reason *reason, struct lt_diag *diag)
{
    const json_t *tools = json_object_get(c, "tools"), *home = json_object_get(c, "home");
    const char *query = json_string_value(json_object_get(c, "query"));
    size_t n_tools = json_array_size(tools);
    int home_plan = -1;
    enum lt_err err = LT_OK;
    *reason = SAN_GOLD_OK;
    if (!query) return lt_fail(diag, LT_ERR_INVALID, "/query: expected a string");
    /* the plans, by pointer; tool_plan[i] indexes b->plans */
    int *tool_plan = malloc((n_tools + 1) * sizeof *tool_plan);
    if (!tool_plan) return LT_ERR_NOMEM;
    for (size_t i = 0; i < n_tools && !err; i++) {
        const json_t *t = json_array_get(tools, i);
        err = plan_of(b, t, t, NULL, &tool_plan[i], diag);
    }
    if (!err && json_is_object(home)) {
        const json_t *key = json_object_get(home, "entities");
        err = plan_of(b, key ? key : home, NULL, home, &home_plan, diag);
    }
    if (err) goto out;
    struct plan_entry *e = b->plans.p;
    b->tools.n = 0;
    struct san_tool_plan **list = vec_add(&b->tools, n_tools + 1);
    if (!list) {
        err = LT_ERR_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < n_tools; i++) list[i] = e[tool_plan[i]].tool;
    struct san_plan plan = {list, (int)n_tools, home_plan >= 0 ? e[home_plan].home : NULL, NULL};
    const char *here = json_string_value(json_object_get(home, "here"));
    err = san_utterance_set(&b->utterance, b->pieces, &plan, query, here ? here : "", diag);
    if (err) goto out;
    *reason = san_gold_init_case(&b->gold, b->pieces, &plan, &b->utterance, c);
    if (*reason) goto out;

    struct mark m = {b->step_kind.n, b->step_prev.n, b->step_weight.n, b->cand_off.n,
                     b->cand.n,      b->cls.n,       b->feat.n,        b->right.n};
    int32_t utt_base = (int32_t)b->utt_tok.n;
    int is_off = 0;
    san_walk_begin(&b->walk, b->pieces, &plan, &b->utterance);
    err = add_steps(b, tool_plan, home_plan, utt_base, &is_off);
    if (!err && is_off) {
        *reason = SAN_GOLD_OFF_WALK;
        b->step_kind.n = m.kind;
        b->step_prev.n = m.prev;
        b->step_weight.n = m.weight;
        b->cand_off.n = m.cand_off;
        b->cand.n = m.cand;
        b->cls.n = m.cls;
        b->feat.n = m.feat;
        b->right.n = m.right;
    }
    if (err || is_off) goto out;
    const struct san_utterance *u = &b->utterance;
    int32_t *tok = vec_add(&b->utt_tok, (size_t)u->n_tok);
    uint32_t *flag = vec_add(&b->utt_flag, (size_t)u->n_tok);
    int is_ok = tok && flag && vec_push_i32(&b->utt_off, utt_base) &&
                vec_push_i32(&b->cat_off, (int32_t)b->cat_block.n) &&
                vec_push_i32(&b->step_off, (int32_t)m.kind);
    if (is_ok) {
        memcpy(tok, u->tok, (size_t)u->n_tok * sizeof *tok);
        memcpy(flag, u->flag, (size_t)u->n_tok * sizeof *flag);
    }
    size_t first = b->cat_block.n;
    for (size_t i = 0; i < n_tools && is_ok; i++)
        is_ok = add_block(b, first, e[tool_plan[i]].block[0]);
    for (int i = 0; home_plan >= 0 && i < plan.home->n_blocks && is_ok; i++)
        is_ok = add_block(b, first, e[home_plan].block[i]);
    if (!is_ok) err = LT_ERR_NOMEM;
    if (!err && b->has_retrieval && b->gold.n_calls) err = add_retrieval(b, tool_plan);
out:
    free(tool_plan);
    return err ? lt_fail(diag, err, "cannot add a case: %s", lt_strerror(err)) : LT_OK;
}

static void shift(int32_t *p, size_t n, int32_t by)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= -2 - UTTERANCE_BASE) p[i] = -2 - (-2 - p[i] - UTTERANCE_BASE + by);
}

/* Append the utterances behind the blocks and close the offset arrays. */
static void join(struct san_batch_builder *b)
{
    int32_t n_block_tok = (int32_t)b->tok.n;
    size_t n = b->utt_tok.n;
    int32_t *tok = vec_add(&b->tok, n);
    uint32_t *flag = vec_add(&b->flag, n);
    if (n && tok && flag) {
        memcpy(tok, b->utt_tok.p, n * sizeof *tok);
        memcpy(flag, b->utt_flag.p, n * sizeof *flag);
    }
    vec_push_i32(&b->block_off, n_block_tok);
    int32_t *off = b->utt_off.p;
    for (size_t i = 0; i < b->utt_off.n; i++) off[i] += n_block_tok;
    vec_push_i32(&b->utt_off, (int32_t)b->tok.n);
    vec_push_i32(&b->cat_off, (int32_t)b->cat_block.n);
    vec_push_i32(&b->step_off, (int32_t)b->step_kind.n);
    shift(b->cand.p, b->cand.n, n_block_tok);
    shift(b->step_prev.p, b->step_prev.n, n_block_tok);
    int32_t *first = vec_add(&b->cand_off, 1); /* offsets begin with 0 */
    if (first) {
        int32_t *c = b->cand_off.p;
        memmove(c + 1, c, (b->cand_off.n - 1) * sizeof *c);
        c[0] = 0;
    }
    vec_push_i32(&b->ret_right_off, (int32_t)b->ret_right.n);
    const struct plan_entry *e = b->plans.p;
    for (size_t i = 0; i < b->plans.n && b->has_retrieval; i++) {
        const int32_t *known = b->ret_tool.p;
        int is_new = e[i].tool != NULL;
        for (size_t k = 0; is_new && k < b->ret_tool.n; k++) is_new = known[k] != e[i].block[0];
        if (is_new) vec_push_i32(&b->ret_tool, e[i].block[0]);
    }
    b->is_joined = 1;
}

struct san_batch san_batch_builder_view(struct san_batch_builder *b)
{
    if (!b->is_joined) join(b);
    return (struct san_batch){
        .n_tok = (int)b->tok.n,
        .tok = b->tok.p,
        .flag = b->flag.p,
        .n_block = (int)b->block_off.n - 1,
        .block_off = b->block_off.p,
        .n_ex = (int)b->utt_off.n - 1,
        .utt_off = b->utt_off.p,
        .cat_off = b->cat_off.p,
        .cat_block = b->cat_block.p,
        .n_ret = (int)b->ret_block.n,
        .ret_block = b->ret_block.p,
        .ret_right_off = b->ret_right_off.p,
        .ret_right = b->ret_right.p,
        .n_ret_tool = (int)b->ret_tool.n,
        .ret_tool = b->ret_tool.p,
        .n_step = (int)b->step_kind.n,
        .step_off = b->step_off.p,
        .step_kind = b->step_kind.p,
        .step_prev = b->step_prev.p,
        .step_weight = b->step_weight.p,
        .cand_off = b->cand_off.p,
        .cand = b->cand.p,
        .cand_class = b->cls.p,
        .cand_feat = b->feat.p,
        .cand_right = b->right.p,
    };
}
