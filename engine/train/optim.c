/* optim.c - Muon for matrices, AdamW for the rest, clipping and an average of the weights.
 *
 * Matrices are stepped in a parallel loop, one matrix per thread with single-threaded products:
 * they are small, and there are dozens of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim_int.h"

/* The gradient's norm is summed in chunks of this many floats and the chunks in order, so that it
 * does not depend on the number of threads. */
#define CHUNK 65536

struct san_optim_opts san_optim_opts_default(void)
{
    return (struct san_optim_opts){.muon_lr = 0.02f,
                                   .muon_momentum = 0.95f,
                                   .muon_decay = 0.01f,
                                   .adam_lr = 2e-3f,
                                   .adam_beta1 = 0.9f,
                                   .adam_beta2 = 0.98f,
                                   .adam_eps = 1e-8f,
                                   .adam_decay = 0.01f,
                                   .clip_norm = 1.0f,
                                   .ema_decay = 0.0f,
                                   .n_threads = 0};
}

static enum lt_err check_opts(const struct san_optim_opts *o, struct lt_diag *diag)
{
    const struct {
        const char *name;
        float value, below; /* 0 <= value < below */
    } rows[] = {
        {"muon_lr", o->muon_lr, 10},       {"muon_momentum", o->muon_momentum, 1},
        {"muon_decay", o->muon_decay, 10}, {"adam_lr", o->adam_lr, 10},
        {"adam_beta1", o->adam_beta1, 1},  {"adam_beta2", o->adam_beta2, 1},
        {"adam_eps", o->adam_eps, 1},      {"adam_decay", o->adam_decay, 10},
        {"clip_norm", o->clip_norm, 1e9f}, {"ema_decay", o->ema_decay, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(rows[i].value >= 0 && rows[i].value < rows[i].below))
            return lt_fail(diag, LT_ERR_INVALID, "optimiser: %s is %g, must be from 0 to below %g",
                           rows[i].name, (double)rows[i].value, (double)rows[i].below);
    return LT_OK;
}

enum lt_err san_optim_new(const struct san_hparams *h, const struct san_optim_opts *opts,
                          struct san_optim **out, struct lt_diag *diag)
{
    struct san_optim *o;
    enum lt_err err = san_hparams_check(h, diag);

    if (!err) err = check_opts(opts, diag);
    if (err) return err;
    if (opts->is_bf16 && !san__bf16_is_available())
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "optimiser: this build has no bfloat16 products; train in fp32");
    o = calloc(1, sizeof *o);
    if (!o) return lt_fail(diag, LT_ERR_NOMEM, "optimiser: out of memory");
    o->h = *h;
    o->opts = *opts;
    o->nt = opts->n_threads > 0 ? opts->n_threads : omp_get_max_threads();
    err = san_params_new(h, &o->m);
    if (!err) err = san_params_new(h, &o->v);
    for (int i = 0; i < SAN_T_COUNT && !err; i++) {
        const struct san_tensor_info *t = &o->m.info[i];

        if (t->layers > 0 && san__is_muon(t)) {
            const size_t n = san__muon_scratch_floats(t->rows, t->cols);

            o->n_work = n > o->n_work ? n : o->n_work;
        }
    }
    if (!err) {
        o->part = calloc(o->m.n / CHUNK + 1, sizeof *o->part);
        o->work = calloc((size_t)o->nt * o->n_work + 1, sizeof *o->work);
        if (opts->is_bf16) o->bf16 = aligned_alloc(64, (size_t)o->nt * san__bf16_bytes());
        if (opts->ema_decay > 0) o->ema = calloc(o->m.n, sizeof *o->ema);
        if (!o->part || !o->work || (opts->ema_decay > 0 && !o->ema) || (opts->is_bf16 && !o->bf16))
            err = LT_ERR_NOMEM;
    }
    if (err) {
        san_optim_free(o);
        return lt_fail(diag, err, "optimiser: no memory for the state of the network");
    }
    *out = o;
    return LT_OK;
}

void san_optim_free(struct san_optim *o)
{
    if (!o) return;
    san_params_free(&o->m);
    san_params_free(&o->v);
    free(o->ema);
    free(o->part);
    free(o->work);
    free(o->bf16);
    free(o);
}

const float *san_optim_ema(const struct san_optim *o)
{
    return o->n_done > 0 ? o->ema : NULL;
}

static double norm_of(const struct san_optim *o, const float *g, size_t n)
{
    const int n_chunk = (int)((n + CHUNK - 1) / CHUNK);
    double sum = 0;

#pragma omp parallel for num_threads(o->nt) schedule(static)
    for (int i = 0; i < n_chunk; i++) {
        const size_t end = (size_t)(i + 1) * CHUNK < n ? (size_t)(i + 1) * CHUNK : n;
        double s = 0;

#pragma omp simd reduction(+ : s)
        for (size_t k = (size_t)i * CHUNK; k < end; k++) s += (double)g[k] * (double)g[k];
        o->part[i] = s;
    }
    for (int i = 0; i < n_chunk; i++) sum += o->part[i];
    return sqrt(sum);
}

static void step_matrices(struct san_optim *o, struct san_params *p, const struct san_params *g,
                          float k, float lr)
{
    int n_matrix = 0;

    for (int i = 0; i < SAN_T_COUNT; i++)
        if (san__is_muon(&p->info[i])) n_matrix += p->info[i].layers;
#pragma omp parallel for num_threads(o->nt) schedule(dynamic, 1)
    for (int i = 0; i < n_matrix; i++) {
        int id = 0, l = i;

        while (!san__is_muon(&p->info[id]) || l >= p->info[id].layers) {
            if (san__is_muon(&p->info[id])) l -= p->info[id].layers;
            id++;
        }
        const struct san_tensor_info *t = &p->info[id];
        const size_t at = t->offset + (size_t)l * (size_t)t->rows * (size_t)t->cols;
        san__muon_step(p->mem + at, o->m.mem + at, g->mem + at, k, t->rows, t->cols, lr,
                       o->opts.muon_momentum, o->opts.muon_decay,
                       o->work + (size_t)omp_get_thread_num() * o->n_work,
                       o->bf16 ? o->bf16 + (size_t)omp_get_thread_num() * san__bf16_bytes() : NULL);
    }
}

static void step_others(struct san_optim *o, struct san_params *p, const struct san_params *g,
                        float k, float lr)
{
    const float b1 = o->opts.adam_beta1, b2 = o->opts.adam_beta2, eps = o->opts.adam_eps;
    const double t = (double)o->n_done + 1;
    const float fix1 = (float)(1 / (1 - pow((double)b1, t)));
    const float fix2 = (float)(1 / (1 - pow((double)b2, t)));

    for (int id = 0; id < SAN_T_COUNT; id++) {
        const struct san_tensor_info *ti = &p->info[id];
        const int64_t n = (int64_t)ti->layers * ti->rows * ti->cols;
        const float keep = ti->group == SAN_GROUP_N ? 1.0f : 1.0f - lr * o->opts.adam_decay;
        float *restrict w = p->mem + ti->offset, *restrict m = o->m.mem + ti->offset;
        float *restrict v = o->v.mem + ti->offset;
        const float *restrict gr = g->mem + ti->offset;

        if (san__is_muon(ti)) continue;
#pragma omp parallel for simd num_threads(o->nt) schedule(static) if (n > CHUNK)
        for (int64_t i = 0; i < n; i++) {
            const float gi = k * gr[i];

            m[i] = b1 * m[i] + (1 - b1) * gi;
            v[i] = b2 * v[i] + (1 - b2) * gi * gi;
            w[i] = keep * w[i] - lr * (m[i] * fix1) / (sqrtf(v[i] * fix2) + eps);
        }
    }
}

static void average(struct san_optim *o, const struct san_params *p)
{
    const double t = (double)o->n_done;
    const double early = (1 + t) / (10 + t), most = (double)o->opts.ema_decay;
    const float d = (float)(early < most ? early : most);

    if (o->n_done == 0) {
        memcpy(o->ema, p->mem, p->n * sizeof *o->ema);
        return;
    }
#pragma omp parallel for simd num_threads(o->nt) schedule(static)
    for (size_t i = 0; i < p->n; i++) o->ema[i] = d * o->ema[i] + (1 - d) * p->mem[i];
}

enum lt_err san_optim_step(struct san_optim *o, struct san_params *params,
                           const struct san_params *grads, float lr_scale,
                           struct san_optim_stats *stats, struct lt_diag *diag)
{
    if (params->n != o->m.n || grads->n != o->m.n)
        return lt_fail(diag, LT_ERR_INVALID, "optimiser: made for another network");
    const double norm = norm_of(o, grads->mem, grads->n);
    if (stats) *stats = (struct san_optim_stats){norm, o->n_done};
    if (!isfinite(norm))
        return lt_fail(diag, LT_ERR_INVALID,
                       "optimiser: the gradient is not finite after %llu steps",
                       (unsigned long long)o->n_done);
    const double clip = (double)o->opts.clip_norm;
    const float k = clip > 0 && norm > clip ? (float)(clip / norm) : 1.0f;
    step_matrices(o, params, grads, k, lr_scale * o->opts.muon_lr);
    step_others(o, params, grads, k, lr_scale * o->opts.adam_lr);
    if (o->ema) average(o, params);
    o->n_done++;
    if (stats) stats->n_done = o->n_done;
    return LT_OK;
}
