/* train_run.c - the loop of a training run and the thread that feeds it. */
#include "san/train_run.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/clock.h"
#include "san/data.h"
#include "san/model_file.h"

#define FINAL_LR 0.01 /* the rate at the very end, relative to its height */

struct san_train_options san_train_options_default(void)
{
    return (struct san_train_options){
        .h = {.width = 256,
              .n_head = 8,
              .n_kv_head = 4,
              .n_enc = 6,
              .n_dec = 3,
              .n_ctx = SAN_BLOCK_MAX_TOKENS,
              .rope_base = 10000,
              .rms_eps = 1e-6f,
              .mask = SAN_MASK_BLOCK,
              .render = SAN_RENDER_LINTEL,
              .grammar = SAN_GRAMMAR,
              .n_flag = SAN_N_FLAG,
              .n_class = SAN_CLASS_COUNT,
              .n_feat = SAN_N_FEAT,
              .ret_hidden = 256,
              .ret_dim = 128},
        .optim = san_optim_opts_default(),
        .weights = {2, 2, 1.5f, 1.5f, 1.5f, 1},
        .batch = 48,
        .steps = 10000,
        .warmup = 150,
        .decay_share = 0.4,
        .report_every = 20,
        .valid_every = 500,
        .save_every = 500,
        .name = "lintel-home",
        .seed = 1,
    };
}

int san_train_is_held_out(const char *query)
{
    struct san_word words[SAN_WORDS_MAX];
    int n = san_words(query, strlen(query), words, SAN_WORDS_MAX);
    uint64_t h = 1469598103934665603u;
    for (int i = 0; i < n; i++)
        if (words[i].kind != SAN_WORD_PUNCT) h = (h ^ words[i].hash) * 1099511628211u;
    h ^= h >> 29;
    return h % SAN_HOLD_OUT == 0;
}

/* ---- the feeder: one batch ahead, on a thread of its own ---- */

struct slot {
    struct san_batch_builder *builder;
    json_t **cases;
    int n_cases;
    struct san_batch batch;
    uint64_t group;
    uint64_t n_left_out;
    int is_full;
};

struct feeder {
    struct san_gen *gen;
    int batch;
    san_train_mix_fn mix;
    void *mix_user;
    uint64_t next_group;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slot slot[2];
    int is_stopped;
    enum lt_err err;
    struct lt_diag diag;
    uint64_t reasons[SAN_GOLD_COUNT];
};

static void slot_clear(struct slot *s)
{
    san_batch_builder_reset(s->builder);
    for (int i = 0; i < s->n_cases; i++) json_decref(s->cases[i]);
    s->n_cases = 0;
}

static enum lt_err slot_fill(struct feeder *f, struct slot *s, uint64_t group)
{
    slot_clear(s);
    s->group = group;
    s->n_left_out = 0;
    enum lt_err err = san_gen_group_at(f->gen, group, f->batch, s->cases, &f->diag);
    if (err) return err;
    s->n_cases = f->batch;
    if (f->mix) err = f->mix(f->mix_user, group, s->n_cases, s->cases, &f->diag);
    for (int i = 0; i < s->n_cases && !err; i++) {
        const char *query = json_string_value(json_object_get(s->cases[i], "query"));
        enum san_gold_reason reason = SAN_GOLD_OK;
        if (query && san_train_is_held_out(query)) continue;
        struct lt_diag ignored = {0}; /* one odd case does not end a run: it is counted */
        enum lt_err one = san_batch_builder_add(s->builder, s->cases[i], &reason, &ignored);
        if (one == LT_ERR_NOMEM) err = one;
        if (one || reason) s->n_left_out++;
        f->reasons[reason]++;
    }
    if (!err) s->batch = san_batch_builder_view(s->builder);
    return err;
}

static void *feed(void *arg)
{
    struct feeder *f = arg;
    for (int i = 0;; i ^= 1) {
        pthread_mutex_lock(&f->lock);
        while (f->slot[i].is_full && !f->is_stopped) pthread_cond_wait(&f->changed, &f->lock);
        int is_stopped = f->is_stopped;
        uint64_t group = f->next_group;
        pthread_mutex_unlock(&f->lock);
        if (is_stopped) return NULL;
        enum lt_err err = slot_fill(f, &f->slot[i], group);
        pthread_mutex_lock(&f->lock);
        f->next_group = group + 1;
        f->err = err;
        f->slot[i].is_full = 1;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
        if (err) return NULL;
    }
}

static enum lt_err feeder_start(struct feeder *f, const struct san_train_options *o,
                                const struct san_pieces *pieces, uint64_t group,
                                struct lt_diag *diag)
{
    f->batch = o->batch;
    f->mix = o->mix;
    f->mix_user = o->mix_user;
    f->next_group = group;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    enum lt_err err = san_gen_new(&o->gen, &f->gen, diag);
    for (int i = 0; i < 2 && !err; i++) {
        f->slot[i].cases = calloc((size_t)o->batch, sizeof(json_t *));
        err = f->slot[i].cases ? san_batch_builder_new(pieces, &o->weights, &f->slot[i].builder)
                               : LT_ERR_NOMEM;
        if (!err) san_batch_builder_retrieve(f->slot[i].builder, o->h.ret_dim > 0);
    }
    if (!err && pthread_create(&f->thread, NULL, feed, f)) err = LT_ERR_NOMEM;
    if (err && f->gen) {
        san_gen_free(f->gen);
        f->gen = NULL;
    }
    return err;
}

static struct slot *feeder_take(struct feeder *f, int i, struct lt_diag *diag)
{
    pthread_mutex_lock(&f->lock);
    while (!f->slot[i].is_full) pthread_cond_wait(&f->changed, &f->lock);
    enum lt_err err = f->err;
    pthread_mutex_unlock(&f->lock);
    if (!err) return &f->slot[i];
    lt_fail(diag, err, "making training cases failed: %s", lt_diag_text(&f->diag, err));
    return NULL;
}

static void feeder_give(struct feeder *f, struct slot *s)
{
    pthread_mutex_lock(&f->lock);
    s->is_full = 0;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void feeder_stop(struct feeder *f)
{
    if (!f->gen) return;
    pthread_mutex_lock(&f->lock);
    f->is_stopped = 1;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    for (int i = 0; i < 2; i++) {
        slot_clear(&f->slot[i]);
        san_batch_builder_free(f->slot[i].builder);
        free(f->slot[i].cases);
    }
    san_gen_free(f->gen);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
}

/* ---- the run ---- */

/* What a checkpoint keeps beside weights and optimiser. */
struct position {
    uint64_t magic; /* POSITION_MAGIC */
    uint64_t step;
    uint64_t group;
};
#define POSITION_MAGIC UINT64_C(0x4c494e54454c3031)

struct run {
    const struct san_train_options *o;
    struct san_hparams h;
    struct san_params params, grads;
    struct san_trainer *trainer;
    struct san_optim *optim;
    struct san_tokenizer *tokenizer;
    struct san_pieces pieces;
    struct feeder feeder;
    struct san_cases valid;
    struct position at;
    lt_us started;
    uint64_t first_step;
};

/* Learning rate of a step, 0..1. With a time limit, the end of the run is where time runs out. */
static double lr_scale(const struct run *r, double progress)
{
    const struct san_train_options *o = r->o;
    uint64_t since = r->at.step;
    double rise = o->warmup ? ((double)since + 1) / o->warmup : 1;
    double fall = progress > 1 - o->decay_share ? (1 - progress) / o->decay_share : 1;
    double s = rise < fall ? rise : fall;
    return s < FINAL_LR ? FINAL_LR : s > 1 ? 1 : s;
}

static double progress_of(const struct run *r)
{
    double by_step = (double)r->at.step / (double)r->o->steps;
    double by_time =
        r->o->max_seconds > 0 ? (double)(lt_now_us() - r->started) / 1e6 / r->o->max_seconds : 0;
    return by_step > by_time ? by_step : by_time;
}

static enum lt_err save_model(struct run *r, struct lt_diag *diag)
{
    const struct san_train_options *o = r->o;
    if (!o->out_path) return LT_OK;
    struct san_params averaged = r->params;
    const float *ema = san_optim_ema(r->optim);
    struct san_params copy = {0};
    if (ema) {
        enum lt_err err = san_params_new(&r->h, &copy);
        if (err) return err;
        memcpy(copy.mem, ema, copy.n * sizeof(float));
        averaged = copy;
    }
    const struct san_extra extra[] = {
        {.key = "general.name", .str = o->name},
        {.key = "general.license", .str = "apache-2.0"},
        {.key = "general.training", .str = o->note ? o->note : ""},
    };
    enum lt_err err =
        san_model_save(o->out_path, &r->h, &averaged, r->tokenizer, extra, 3, SAN_TYPE_F32, diag);
    san_params_free(&copy);
    return err;
}

static enum lt_err save(struct run *r, struct lt_diag *diag)
{
    enum lt_err err = save_model(r, diag);
    if (!err && r->o->state_path)
        err = san_optim_save(r->optim, &r->params, &r->at, sizeof r->at, r->o->state_path, diag);
    return err;
}

/* Teacher-forced score of the validation cases under the averaged weights, where there are any. */
static enum lt_err validate(struct run *r, struct san_train_report *rep, struct lt_diag *diag)
{
    struct san_batch_builder *b = NULL;
    struct san_params p = r->params, copy = {0};
    size_t n_right = 0, n_cases = 0;
    double n_ok = 0, n_step = 0, loss = 0, weight = 0;
    enum lt_err err = san_batch_builder_new(&r->pieces, &r->o->weights, &b);
    const float *ema = san_optim_ema(r->optim);
    if (!err && ema && !(err = san_params_new(&r->h, &copy))) {
        memcpy(copy.mem, ema, copy.n * sizeof(float));
        p = copy;
    }
    for (size_t i = 0; i < r->valid.n && !err;) {
        san_batch_builder_reset(b);
        for (int k = 0; k < 16 && i < r->valid.n && !err; k++, i++) {
            enum san_gold_reason reason;
            err = san_batch_builder_add(b, r->valid.p[i], &reason, diag);
            n_cases++; /* a case that cannot be expressed counts as wrong */
        }
        if (err) break;
        struct san_batch batch = san_batch_builder_view(b);
        if (!batch.n_step) continue;
        uint8_t *ok = malloc((size_t)batch.n_step);
        struct san_step_stats stats = {.step_ok = ok};
        err = ok ? san_trainer_forward_backward(r->trainer, &p, NULL, &batch, &stats, diag)
                 : LT_ERR_NOMEM;
        for (int x = 0; x < batch.n_ex && !err; x++) {
            int all = 1;
            for (int s = batch.step_off[x]; s < batch.step_off[x + 1]; s++) all &= ok[s];
            n_right += (size_t)all;
        }
        n_ok += stats.n_ok;
        n_step += stats.n_step;
        loss += stats.loss * stats.weight;
        weight += stats.weight;
        free(ok);
    }
    san_batch_builder_free(b);
    san_params_free(&copy);
    if (n_cases) {
        rep->valid_right = (double)n_right / (double)n_cases;
        rep->valid_step_ok = n_ok / n_step;
        rep->valid_loss = loss / weight;
    }
    return err;
}

/* Where the decisions start from: scores of vocabulary candidates on the scale of pointers'
 * (ptr_scale), and names that stand in the utterance preferred. Both are learnt from there; from 0
 * they would take AdamW thousands of steps. */
static void set_priors(struct san_params *p, const struct san_hparams *h)
{
    static const float prior[SAN_CLASS_COUNT][SAN_N_FEAT] = {
        [SAN_CLASS_TOOL] = {0.5f, 0, 1},
        [SAN_CLASS_PARAM] = {0.25f, 0, 0.5f},
        [SAN_CLASS_VALUE] = {2, 0.5f, 1},
        [SAN_CLASS_ENTITY] = {1, 0.5f, 1, 0.5f, 0.25f, 2, 0, 0.5f},
        [SAN_CLASS_AREA] = {1, 0.5f, 1, 0.5f, 0, 2, 0, 0.25f},
        [SAN_CLASS_FLOOR] = {1, 0.5f, 1, 0, 0, 2},
        [SAN_CLASS_KIND] = {1, 0, 1},
    };
    p->ptr_scale[0] = logf(sqrtf((float)h->width));
    memcpy(p->ptr_feat, prior, sizeof prior);
}

static enum lt_err prepare(struct run *r, struct lt_diag *diag)
{
    const struct san_train_options *o = r->o;
    struct san_trainer_opts topts = {.n_threads = o->n_threads,
                                     .is_bf16 = o->is_bf16 && san_trainer_has_bf16()};
    enum lt_err err = san_tokenizer_load(o->tokenizer_path, &r->tokenizer, diag);
    if (!err) err = san_pieces_init(&r->pieces, r->tokenizer, o->h.grammar, diag);
    if (err) return err;
    r->h = o->h;
    r->h.n_vocab = san_tokenizer_n_vocab(r->tokenizer);
    err = san_hparams_check(&r->h, diag);
    if (!err) err = san_params_new(&r->h, &r->params);
    if (!err) err = san_params_new(&r->h, &r->grads);
    if (!err) san_params_init(&r->params, &r->h, o->seed);
    if (!err) set_priors(&r->params, &r->h);
    if (!err && o->init_path) {
        struct san_hparams h;
        struct san_params p = {0};
        err = san_model_load(o->init_path, &h, &p, NULL, NULL, diag);
        if (!err && (h.n_vocab != r->h.n_vocab || h.width != r->h.width ||
                     h.n_head != r->h.n_head || h.n_enc != r->h.n_enc || h.n_dec != r->h.n_dec))
            err = lt_fail(diag, LT_ERR_INVALID, "%s: has other sizes than this run", o->init_path);
        if (!err) (void)san_params_take(&r->params, &p); /* a head it lacks starts anew */
        san_params_free(&p);
    }
    if (!err) err = san_trainer_new(&r->h, &topts, &r->trainer, diag);
    struct san_optim_opts oopts = o->optim;
    oopts.is_bf16 = topts.is_bf16;
    if (!err) err = san_optim_new(&r->h, &oopts, &r->optim, diag);
    r->at.magic = POSITION_MAGIC;
    if (!err && o->is_resume) {
        size_t n = 0;
        err = san_optim_load(r->optim, &r->params, &r->at, sizeof r->at, &n, o->state_path, diag);
        if (!err && (n != sizeof r->at || r->at.magic != POSITION_MAGIC))
            err = lt_fail(diag, LT_ERR_PARSE, "%s: no checkpoint of a training run", o->state_path);
    }
    struct san_data_report report = {0};
    if (!err && o->valid_path)
        err = san_cases_load(&r->valid, o->valid_path, (size_t)o->valid_limit, NULL, &report, diag);
    if (!err) err = feeder_start(&r->feeder, o, &r->pieces, r->at.group, diag);
    return err;
}

static enum lt_err loop(struct run *r, san_train_report_fn fn, void *user, struct lt_diag *diag)
{
    const struct san_train_options *o = r->o;
    struct san_train_report rep = {.steps = o->steps};
    double loss = 0, ret_loss = 0, ok = 0, n_dec = 0, n_steps = 0;
    lt_us since = lt_now_us();
    uint64_t ex_since = 0;
    enum lt_err err = LT_OK;
    for (int i = 0; r->at.step < o->steps && !err; i ^= 1) {
        double progress = progress_of(r);
        if (progress >= 1) break;
        struct slot *s = feeder_take(&r->feeder, i, diag);
        if (!s) return LT_ERR_INTERNAL;
        struct san_step_stats stats = {0};
        struct san_optim_stats ostats = {0};
        memset(r->grads.mem, 0, r->grads.n * sizeof(float));
        if (s->batch.n_ex && s->batch.n_step) {
            err = san_trainer_forward_backward(r->trainer, &r->params, &r->grads, &s->batch, &stats,
                                               diag);
            rep.lr_scale = lr_scale(r, progress);
            if (!err)
                err = san_optim_step(r->optim, &r->params, &r->grads, (float)rep.lr_scale, &ostats,
                                     diag);
        }
        rep.n_examples += (uint64_t)s->batch.n_ex;
        rep.n_left_out += s->n_left_out;
        ex_since += (uint64_t)s->batch.n_ex;
        r->at.group = s->group + 1;
        feeder_give(&r->feeder, s);
        if (err) break;
        r->at.step++;
        rep.step = r->at.step;
        rep.grad_norm = ostats.grad_norm;
        loss += stats.loss;
        ret_loss += stats.retrieval_loss;
        ok += stats.n_ok;
        n_dec += stats.n_step;
        n_steps++;
        int is_valid = o->valid_every && r->valid.n && r->at.step % o->valid_every == 0;
        if ((o->report_every && r->at.step % o->report_every == 0) || is_valid) {
            double dt = (double)(lt_now_us() - since) / 1e6;
            rep.loss = loss / n_steps;
            rep.retrieval_loss = ret_loss / n_steps;
            rep.step_ok = n_dec > 0 ? ok / n_dec : 0;
            rep.examples_per_s = dt > 0 ? (double)ex_since / dt : 0;
            double used = (double)(lt_now_us() - r->started) / 1e6;
            rep.eta_s =
                used / (double)(r->at.step - r->first_step) * (double)(o->steps - r->at.step);
            if (o->max_seconds > 0 && rep.eta_s > o->max_seconds - used)
                rep.eta_s = o->max_seconds - used;
            rep.valid_right = -1;
            if (is_valid) err = validate(r, &rep, diag);
            if (fn) fn(&rep, user);
            loss = ret_loss = ok = n_dec = n_steps = 0;
            ex_since = 0;
            since = lt_now_us();
        }
        if (!err && o->save_every && r->at.step % o->save_every == 0) err = save(r, diag);
    }
    if (!err) err = save(r, diag);
    if (!err && r->valid.n) {
        rep.valid_right = -1;
        err = validate(r, &rep, diag);
        if (!err && fn) fn(&rep, user);
    }
    return err;
}

enum lt_err san_train_run(const struct san_train_options *o, san_train_report_fn fn, void *user,
                          struct lt_diag *diag)
{
    struct run r = {.o = o};
    enum lt_err err = prepare(&r, diag);
    r.started = lt_now_us();
    r.first_step = r.at.step;
    if (!err) err = loop(&r, fn, user, diag);
    feeder_stop(&r.feeder);
    san_cases_free(&r.valid);
    san_optim_free(r.optim);
    san_trainer_free(r.trainer);
    san_params_free(&r.params);
    san_params_free(&r.grads);
    san_tokenizer_free(r.tokenizer);
    return err ? lt_fail(diag, err, "training stopped: %s", lt_strerror(err)) : LT_OK;
}
