/* call.c - one utterance answered: encode, decide along the walk, write the calls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"
#include "lt/clock.h"

static enum lt_err reserve_candidates(struct san__worker *w, int n)
{
    if (n <= w->cap_cand) return LT_OK;
    size_t cap = (size_t)n * 2;
    float *score = realloc(w->score, cap * sizeof *score);
    if (score) w->score = score;
    const float **key = realloc(w->key, cap * sizeof *key);
    if (key) w->key = key;
    uint8_t *cls = realloc(w->cls, cap);
    if (cls) w->cls = cls;
    float *feat = realloc(w->feat, cap * SAN_N_FEAT * sizeof *feat);
    if (feat) w->feat = feat;
    int32_t *id = realloc(w->id, cap * sizeof *id);
    if (id) w->id = id;
    if (!score || !key || !cls || !feat || !id) return LT_ERR_NOMEM;
    w->cap_cand = (int)cap;
    return LT_OK;
}

/* Row of a marker among its block's marked tokens. */
static int mark_row(const struct san_block_text *t, int marker)
{
    int low = 0, high = t->n_marker - 1;
    while (low < high) {
        int mid = (low + high) / 2;
        if (t->marker[mid] < marker)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Pointer key (or decoder input) of a candidate that stands in the encoder's output. */
static const float *pointer_row(const struct san_catalog *c, const struct san__worker *w,
                                const struct san_source *src, const struct san_candidate *x,
                                int width, int is_input)
{
    size_t row;
    if (x->from == SAN_FROM_UTTERANCE) {
        row = (size_t)x->item * (size_t)width;
        return (is_input ? src->ptr_in : src->ptr_key) + row;
    }
    const struct san_plan *p = &w->plan;
    const struct san_item *it =
        x->from == SAN_FROM_TOOL ? &p->tools[x->tool]->items[x->item] : &p->home->items[x->item];
    const struct san_block_text *t =
        x->from == SAN_FROM_TOOL ? &p->tools[x->tool]->block : &p->home->blocks[it->block];
    const struct san_block *b = x->from == SAN_FROM_TOOL ? san__tool_block(c, w, x->tool)
                                                         : san__home_block(c, w, it->block);
    row = (size_t)mark_row(t, it->marker) * (size_t)width;
    return (is_input ? b->ptr_in : b->ptr_key) + row;
}

/* Scores of the walk's candidates under state h, into w->score. */
static void score(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                  const struct san_source *src)
{
    const struct san_walk *walk = &w->walk;
    int n = walk->n_cand, n_vocab = 0, n_ptr = 0;
    for (int i = 0; i < n; i++) {
        const struct san_candidate *x = &walk->cand[i];
        if (x->from == SAN_FROM_VOCAB) {
            w->id[n_vocab++] = x->id;
            continue;
        }
        w->key[n_ptr] = pointer_row(c, w, src, x, e->h.width, 0);
        w->cls[n_ptr] = x->cls;
        memcpy(w->feat + (size_t)n_ptr * SAN_N_FEAT, x->feat, SAN_N_FEAT * sizeof(float));
        n_ptr++;
    }
    /* scores of the two sorts go to the upper half, then back into the candidates' order */
    float *vocab = w->score + n, *ptr = w->score + n + n_vocab;
    san_score_vocab(&e->net, w->h, w->id, n_vocab, vocab);
    san_score_pointer(&e->net, w->h, w->key, w->cls, w->feat, n_ptr, ptr);
    int v = 0, q = 0;
    for (int i = 0; i < n; i++)
        w->score[i] = walk->cand[i].from == SAN_FROM_VOCAB ? vocab[v++] : ptr[q++];
}

static int is_same_choice(const struct san_walk *w, int a, int b)
{
    const struct san_candidate *x = &w->cand[a], *y = &w->cand[b];
    return x->from == SAN_FROM_UTTERANCE && y->from == SAN_FROM_UTTERANCE &&
           x->cls == SAN_CLASS_NUMBER && y->cls == SAN_CLASS_NUMBER &&
           w->u->mentions[x->ref].value == w->u->mentions[y->ref].value;
}

/* Softmax over w->score; the best candidate, its probability and its lead over the next. A
 * number said twice is one choice: its occurrences' probabilities are summed. */
static int pick(const struct san__worker *w, struct san_decision *d)
{
    const struct san_walk *walk = &w->walk;
    int n = walk->n_cand, best = 0;
    double sum = 0, p_best, p_next = 0;
    for (int i = 1; i < n; i++)
        if (w->score[i] > w->score[best]) best = i;
    for (int i = 0; i < n; i++) sum += exp((double)w->score[i] - (double)w->score[best]);
    p_best = 0;
    for (int i = 0; i < n; i++) {
        double p = exp((double)w->score[i] - (double)w->score[best]) / sum;
        if (i == best || is_same_choice(walk, i, best))
            p_best += p;
        else if (p > p_next)
            p_next = p;
    }
    *d = (struct san_decision){.kind = walk->kind_name,
                               .p = (float)p_best,
                               .margin = (float)(p_best - p_next),
                               .n_options = n};
    return best;
}

enum lt_err san__worker_decision(struct san__worker *w, const struct san_decision *d)
{
    if (w->n_decisions == w->cap_decisions) {
        int cap = w->cap_decisions ? w->cap_decisions * 2 : 32;
        struct san_decision *p = realloc(w->decisions, (size_t)cap * sizeof *p);
        if (!p) return LT_ERR_NOMEM;
        w->decisions = p;
        w->cap_decisions = cap;
    }
    w->decisions[w->n_decisions++] = *d;
    return LT_OK;
}

static enum lt_err decide(struct san_engine *e, const struct san_catalog *c, struct san__worker *w,
                          struct san_confidence_input *conf, struct lt_diag *diag)
{
    struct san_walk *walk = &w->walk;
    struct san_source src = san_session_source(w->session);
    size_t width = (size_t)e->h.width;
    enum lt_err err = LT_OK;
    san_walk_begin(walk, &e->pieces, &w->plan, &w->utterance);
    san_dec_begin(w->session);
    w->n_decisions = 0;
    memset(w->h_first, 0, width * sizeof(float));
    while (!err && san_walk_next(walk)) {
        if (w->n_decisions == SAN__MAX_STEPS - 1) { /* rambling: nothing, and surely not sure */
            struct san_decision given_up = {.kind = walk->kind_name, .n_options = walk->n_cand};
            walk->n_calls = 0;
            err = san__worker_decision(w, &given_up);
            break;
        }
        const float *prev_in = NULL;
        int32_t prev_id = -1;
        if (walk->has_prev && walk->prev.from == SAN_FROM_VOCAB)
            prev_id = walk->prev.id;
        else if (walk->has_prev)
            prev_in = pointer_row(c, w, &src, &walk->prev, e->h.width, 1);
        err = reserve_candidates(w, walk->n_cand * 2);
        if (!err) err = san_dec_step(w->session, walk->kind, prev_id, prev_in, w->h, diag);
        if (err) break;
        if (!w->n_decisions) memcpy(w->h_first, w->h, width * sizeof(float));
        score(e, c, w, &src);
        struct san_decision d;
        int i = pick(w, &d);
        err = san__worker_decision(w, &d);
        const struct san_candidate *x = &walk->cand[i];
        if (walk->phase == SAN_WALK_TARGET && x->feat && !conf->has_target) {
            conf->has_target = 1;
            conf->target_match = x->feat[0];
            conf->target_share = x->feat[2];
            conf->target_whole = x->feat[5];
        }
        san_walk_take(walk, i);
    }
    return err ? err : walk->is_nomem ? LT_ERR_NOMEM : LT_OK;
}

static void count_words(const struct san_utterance *u, struct san_confidence_input *conf)
{
    for (int i = 0; i < u->n_words; i++) {
        if (u->words[i].kind == SAN_WORD_PUNCT) continue;
        conf->n_words++;
        conf->n_known_words += u->word_first[i] >= 0 && u->flag[u->word_first[i]] != 0;
    }
}

/* Make room for n bytes in memory that an answer keeps. */
static enum lt_err reserve(void **p, size_t *cap, size_t n)
{
    if (n <= *cap) return LT_OK;
    void *q = realloc(*p, n);
    if (!q) return LT_ERR_NOMEM;
    *p = q;
    *cap = n;
    return LT_OK;
}

static enum lt_err keep_text(const struct lt_buf *json, char **to, size_t *cap)
{
    void *p = *to;
    enum lt_err err = reserve(&p, cap, json->n + 1);
    *to = p;
    if (!err) memcpy(*to, lt_buf_str(json), json->n + 1);
    return err;
}

static enum lt_err keep_decisions(const struct san__worker *w, struct san_answer *out)
{
    size_t bytes = (size_t)w->n_decisions * sizeof *out->decisions;
    void *p = out->decisions;
    enum lt_err err = reserve(&p, &out->cap_decisions, bytes + 1);
    out->decisions = p;
    if (err) return err;
    if (bytes) memcpy(out->decisions, w->decisions, bytes);
    out->n_decisions = w->n_decisions;
    return LT_OK;
}

static enum lt_err fill_answer(struct san_engine *e, struct san__worker *w,
                               struct san_confidence_input *conf, struct san_answer *out,
                               float *features)
{
    lt_buf_reset(&w->json);
    enum lt_err err = san_walk_write(&w->walk, &w->json);
    if (!err) err = keep_text(&w->json, &out->calls_json, &out->cap_calls);
    if (!err) err = keep_decisions(w, out);
    if (!err && w->walk.n_unclear) {
        lt_buf_reset(&w->json);
        err = san_walk_write_unclear(&w->walk, &w->json);
        if (!err) err = keep_text(&w->json, &out->unclear_memory, &out->cap_unclear);
        out->unclear_json = err ? NULL : out->unclear_memory;
    }
    if (err) return err;
    out->n_calls = w->walk.n_calls;
    out->n_tokens = w->utterance.n_tok;
    conf->decisions = w->decisions;
    conf->n_decisions = w->n_decisions;
    conf->n_calls = w->walk.n_calls;
    conf->state = w->h_first;
    conf->width = e->h.width;
    san_confidence_features(conf, w->conf_features);
    out->confidence = san_confidence_of(&e->confidence, w->conf_features);
    size_t n = (size_t)san_confidence_n_feature(e->h.width);
    if (features) memcpy(features, w->conf_features, n * sizeof *features);
    return LT_OK;
}

/* The answer of a published network, which has no confidence head: the product is all there is. */
static enum lt_err call_needle(struct san_engine *e, struct san_catalog *c,
                               const struct san_request *req, struct san_answer *out,
                               struct lt_diag *diag)
{
    struct san__worker *w = NULL;
    int64_t t0 = lt_now_us(), t1 = t0;
    enum lt_err err = san__worker_get(e, &w, diag);
    if (err) return err;
    lt_buf_reset(&w->json);
    err = san__needle_call(e->needle, &e->h, c->needle, w, req->text, &w->json, &out->n_calls,
                           &out->n_tokens, &out->confidence, &t1, diag);
    if (!err) err = keep_decisions(w, out);
    if (!err) err = keep_text(&w->json, &out->calls_json, &out->cap_calls);
    out->encode_us = t1 - t0;
    out->decode_us = lt_now_us() - t1;
    san__worker_put(e, w);
    if (err) {
        san_answer_free(out);
        return lt_fail(diag, err, "cannot answer: %s", lt_strerror(err));
    }
    return LT_OK;
}

/* The utterance as it was read, where that differs from what was typed. */
static enum lt_err keep_mended(const struct san_utterance *u, struct san_answer *out)
{
    if (!u->is_mended) return LT_OK;
    size_t n = strlen(u->read) + 1;
    if (n > out->cap_mended) {
        char *p = realloc(out->mended_memory, n);
        if (!p) return LT_ERR_NOMEM;
        out->mended_memory = p;
        out->cap_mended = n;
    }
    out->mended = memcpy(out->mended_memory, u->read, n);
    return LT_OK;
}

/* Forget what the answer says, not its memory. */
static void answer_reset(struct san_answer *a)
{
    struct san_answer kept = {.calls_json = a->calls_json,
                              .cap_calls = a->cap_calls,
                              .unclear_memory = a->unclear_memory,
                              .cap_unclear = a->cap_unclear,
                              .mended_memory = a->mended_memory,
                              .cap_mended = a->cap_mended,
                              .decisions = a->decisions,
                              .cap_decisions = a->cap_decisions};
    *a = kept;
}

enum lt_err san__call(struct san_engine *e, struct san_catalog *c, const struct san_request *req,
                      struct san_answer *out, float *features, struct lt_diag *diag)
{
    struct san__worker *w = NULL;
    struct san_confidence_input conf = {0};
    answer_reset(out);
    if (strlen(req->text) > SAN_TEXT_MAX_BYTES)
        return lt_fail(diag, LT_ERR_LIMIT, "text: longer than %d bytes", SAN_TEXT_MAX_BYTES);
    if (e->needle && features)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "a network of the render \"needle-json\" has no confidence head");
    if (e->needle) return call_needle(e, c, req, out, diag);
    enum lt_err err = san__worker_get(e, &w, diag);
    if (err) return err;
    lt_us t0 = lt_now_us();
    const char *here = req->here && *req->here ? req->here : NULL;
    struct san_block *const *seen = NULL;
    int n_seen = 0;
    err = san__catalog_enter(c, w, diag);
    int has_entered = !err;
    if (!err) err = san__pick(e, c, w, req->text, here, &seen, &n_seen, diag);
    if (!err) err = san_utterance_set(&w->utterance, &e->pieces, &w->plan, req->text, here, diag);
    if (!err)
        err = san_utter_encode(w->session, w->utterance.tok, w->utterance.flag, w->utterance.n_tok,
                               seen, n_seen, diag);
    lt_us t1 = lt_now_us();
    if (!err) err = decide(e, c, w, &conf, diag);
    if (!err) count_words(&w->utterance, &conf);
    if (!err) err = fill_answer(e, w, &conf, out, features);
    if (!err) err = keep_mended(&w->utterance, out);
    for (int i = 0; i < n_seen; i++) out->n_seen_tokens += seen[i]->n;
    if (has_entered) {
        san__pick_done(w);
        san__catalog_leave(c);
    }
    out->encode_us = t1 - t0;
    out->decode_us = lt_now_us() - t1;
    san__worker_put(e, w);
    if (err) {
        san_answer_free(out);
        return lt_fail(diag, err, "cannot answer: %s", lt_strerror(err));
    }
    return LT_OK;
}

enum lt_err san_call(struct san_engine *e, struct san_catalog *c, const struct san_request *req,
                     struct san_answer *out, struct lt_diag *diag)
{
    *out = (struct san_answer){0};
    return san__call(e, c, req, out, NULL, diag);
}

enum lt_err san_call_again(struct san_engine *e, struct san_catalog *c,
                           const struct san_request *req, struct san_answer *out,
                           struct lt_diag *diag)
{
    return san__call(e, c, req, out, NULL, diag);
}

void san_answer_free(struct san_answer *a)
{
    free(a->calls_json);
    free(a->unclear_memory);
    free(a->mended_memory);
    free(a->decisions);
    *a = (struct san_answer){0};
}
