/* bench_step.c - steps of training over generated cases, timed, and the work that is in them. */
#include "san/bench_step.h"

#include <stdlib.h>
#include <string.h>

#include "bench_impl.h"
#include "san/batch_build.h"
#include "san/generate.h"
#include "san/model_file.h"
#include "san/train_run.h"
#include "san/train_step.h"

#define BATCH   48
#define BATCHES 4 /* different ones, used in turn */

struct step {
    struct san_hparams h;
    struct san_params params, grads;
    struct san_tokenizer *tokenizer;
    struct san_pieces pieces;
    struct san_gen *gen;
    struct san_trainer *trainer;
    struct san_optim *optim;
    struct san_batch_builder *builder[BATCHES];
    json_t *cases[BATCHES][BATCH];
    struct san_batch batch[BATCHES];
    struct san__bench_run run, optim_run;
};

static enum lt_err make_batch(struct step *s, int k, const struct san_train_options *o,
                              struct lt_diag *diag)
{
    enum lt_err err = san_batch_builder_new(&s->pieces, &o->weights, &s->builder[k]);
    if (!err) err = san_gen_group_at(s->gen, (uint64_t)k, BATCH, s->cases[k], diag);
    if (err) return err;
    san_batch_builder_retrieve(s->builder[k], s->h.ret_dim > 0);
    for (int i = 0; i < BATCH && !err; i++) {
        enum san_gold_reason reason;
        struct lt_diag ignored = {0}; /* an odd case is left out, as in a run */
        if (san_batch_builder_add(s->builder[k], s->cases[k][i], &reason, &ignored) == LT_ERR_NOMEM)
            err = LT_ERR_NOMEM;
    }
    s->batch[k] = san_batch_builder_view(s->builder[k]);
    if (!err && !s->batch[k].n_step)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED, "no generated case can be learnt by this network");
    return err;
}

static enum lt_err open_all(struct step *s, const struct san_bench_step_plan *plan, int is_bf16,
                            struct lt_diag *diag)
{
    const struct san_train_options o = san_train_options_default();
    const struct san_gen_options gen = {.tree_dir = plan->tree, .mix_path = plan->mix, .seed = 1};
    const struct san_trainer_opts topts = {.n_threads = 1, .is_bf16 = is_bf16};
    struct san_optim_opts oopts = o.optim;
    oopts.n_threads = 1;
    oopts.is_bf16 = is_bf16;
    enum lt_err err = san_model_load(plan->model, &s->h, &s->params, &s->tokenizer, NULL, diag);
    if (!err && !s->tokenizer)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED, "%s: without a vocabulary", plan->model);
    if (!err) err = san_pieces_init(&s->pieces, s->tokenizer, s->h.grammar, diag);
    if (!err) err = san_params_new(&s->h, &s->grads);
    if (!err) err = san_trainer_new(&s->h, &topts, &s->trainer, diag);
    if (!err) err = san_optim_new(&s->h, &oopts, &s->optim, diag);
    if (!err) err = san_gen_new(&gen, &s->gen, diag);
    for (int k = 0; k < BATCHES && !err; k++) err = make_batch(s, k, &o, diag);
    return err;
}

static void close_all(struct step *s)
{
    for (int k = 0; k < BATCHES; k++) {
        san_batch_builder_free(s->builder[k]);
        for (int i = 0; i < BATCH; i++) json_decref(s->cases[k][i]);
    }
    san_gen_free(s->gen);
    san_trainer_free(s->trainer);
    san_optim_free(s->optim);
    san_params_free(&s->grads);
    san_params_free(&s->params);
    san_tokenizer_free(s->tokenizer);
}

/* Add the work of one batch: every token meets the encoder's weights, every decision the decoder's;
 * backward is the same products twice more. */
static void count(struct step *s, const struct san_batch *b, int is_bf16, struct san__bench_work *w)
{
    const struct san_hparams *h = &s->h;
    double C = h->width, products = 0, attention = 0;
    products += 2.0 * b->n_tok * san__bench_enc_weights(h);
    products += 2.0 * b->n_step * san__bench_dec_weights(h);
    for (int i = 0; i < b->n_block; i++) {
        double n = b->block_off[i + 1] - b->block_off[i];
        attention += h->n_enc * 4 * C * n * n;
    }
    for (int x = 0; x < b->n_ex; x++) {
        double n = b->utt_off[x + 1] - b->utt_off[x], keys = n;
        double steps = b->step_off[x + 1] - b->step_off[x];
        for (int i = b->cat_off[x]; i < b->cat_off[x + 1]; i++) {
            int block = b->cat_block[i];
            keys += b->block_off[block + 1] - b->block_off[block];
        }
        attention += h->n_enc * 4 * C * n * keys + h->n_dec * 4 * C * steps * keys;
    }
    if (is_bf16)
        w->pairs += 3 * products;
    else
        w->flop += 3 * products;
    w->flop += 3 * attention;
    w->units += b->n_ex;
}

static enum lt_err step(struct step *s, int k, double *optim_ms, double *ms, struct lt_diag *diag)
{
    struct san_step_stats stats = {0};
    lt_us start = lt_thread_us(); /* one thread: see open_all */
    memset(s->grads.mem, 0, s->grads.n * sizeof *s->grads.mem);
    enum lt_err err =
        san_trainer_forward_backward(s->trainer, &s->params, &s->grads, &s->batch[k], &stats, diag);
    lt_us middle = lt_thread_us();
    /* at a rate of nearly nothing: the network stays what it is, the work is the same */
    if (!err) err = san_optim_step(s->optim, &s->params, &s->grads, 1e-6f, NULL, diag);
    lt_us end = lt_thread_us();
    *ms = (double)(end - start) / 1e3;
    *optim_ms = (double)(end - middle) / 1e3;
    return err;
}

enum lt_err san_bench_step(const struct san_bench_step_plan *plan,
                           const struct san_bench_machine *m, struct san_bench_step *out,
                           struct lt_diag *diag)
{
    memset(out, 0, sizeof *out);
    struct step *s = calloc(1, sizeof *s);
    double *per_s = calloc(SAN_BENCH_SAMPLES_MAX, sizeof *per_s);
    if (!s || !per_s) {
        free(s);
        free(per_s);
        return LT_ERR_NOMEM;
    }
    struct san__bench_work work = {0};
    int is_bf16 = san_trainer_has_bf16(), n_tokens = 0, n_ex = 0;
    enum lt_err err = open_all(s, plan, is_bf16, diag);
    for (int k = 0; k < BATCHES && !err; k++) { /* the first round warms up and counts */
        double ms, optim_ms;
        err = step(s, k, &optim_ms, &ms, diag);
        count(s, &s->batch[k], is_bf16, &work);
        n_tokens += s->batch[k].n_tok;
        n_ex += s->batch[k].n_ex;
    }
    work.units /= BATCHES;
    work.flop /= BATCHES;
    work.pairs /= BATCHES;
    work.bytes = (double)s->params.n * 4 * 4; /* weights, gradients, two moments, once a step */
    san__bench_start(&s->run, 3, plan->max_us);
    for (int k = 0; !err && san__bench_goes_on(&s->run); k = (k + 1) % BATCHES) {
        int i = s->run.n;
        err = step(s, k, &s->optim_run.x[i], &s->run.x[i], diag);
        per_s[i] = s->batch[k].n_ex * 1e3 / s->run.x[i];
        s->run.n = s->optim_run.n = i + 1;
    }
    if (!err) {
        out->n_params = s->params.n;
        out->n_cases = n_ex / BATCHES;
        out->n_tokens = n_tokens / BATCHES;
        out->is_bf16 = is_bf16;
        out->rate.per_s = san_bench_stat_of(per_s, s->run.n);
        out->ms = san_bench_stat_of(s->run.x, s->run.n);
        out->optimiser_ms = san_bench_stat_of(s->optim_run.x, s->optim_run.n).median;
        san__bench_limit(&out->rate, &work, m);
    }
    close_all(s);
    free(s);
    free(per_s);
    return err;
}
