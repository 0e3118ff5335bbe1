/* san/train_step.h - one step of training: loss, gradients, and the optimiser that uses them.
 *
 * A trainer computes, for a packed batch (san/batch.h), the loss of docs/network.md section 3 and
 * its gradient with respect to every parameter, in fp32, forward and backward by hand on BLIS.
 * An optimiser turns gradients into a step: Muon for the attention and pointer matrices (groups M
 * and P), AdamW for everything else. A training loop is
 *
 *     san_trainer_new, san_optim_new
 *     repeat: memset(grads.mem, 0, grads.n * sizeof(float));
 *             san_trainer_forward_backward(trainer, &params, &grads, &batch, &stats, diag);
 *             san_optim_step(optim, &params, &grads, lr_scale, &ostats, diag);
 *
 * Only the render "lintel" with the mask "block" is trained here; the retrieval
 * head learns beside it, where the network has one and the batch a retrieval part: its loss's
 * gradient is added with a weight of 0.25, the loss itself is told apart.
 * Threads: a trainer or an optimiser is used by one thread at a time and spreads its work over
 * n_threads of OpenMP. Results repeat bit for bit for the same number of threads.
 * Memory: the trainer's workspace grows to the largest batch seen and is then reused; about
 * 1.7 KB * width/64 per encoder token and layer. Nothing is allocated between batches that fit. */
#ifndef SAN_TRAIN_STEP_H
#define SAN_TRAIN_STEP_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"
#include "san/batch.h"
#include "san/net.h"

/* Widths of a head (width / n_head) that the attention kernels are compiled for. */
#define SAN_TRAIN_HEAD_WIDTHS "8, 16, 24, 32, 48 or 64"

/* Where the time of forward_backward goes; san_trainer_phase_us reads the sums. */
#define SAN_PHASES(XX)                                                                             \
    XX(EMBED, "embedding")                                                                         \
    XX(GEMM, "matrix products")                                                                    \
    XX(NORM, "norms and rope")                                                                     \
    XX(ATTN_BLOCK, "attention in blocks")                                                          \
    XX(ATTN_UTT, "attention of utterances")                                                        \
    XX(ATTN_DEC, "attention of the decoder")                                                       \
    XX(LOSS, "decisions and loss")

enum san_phase {
#define SAN_PHASE_ENUM(name, text) SAN_PHASE_##name,
    SAN_PHASES(SAN_PHASE_ENUM)
#undef SAN_PHASE_ENUM
        SAN_PHASE_COUNT
};

struct san_trainer; /* opaque: _new makes it, _free releases it */
struct san_optim;   /* opaque: _new makes it, _free releases it */

struct san_trainer_opts {
    int n_threads; /* 0: all the machine has */
    /* Round the operands of the layers' matrix products to bfloat16, with sums in fp32: the products
     * take half the time, gradients differ by a percent or so. Needs AVX512-BF16 and
     * LINTEL_NATIVE, see san_trainer_has_bf16. */
    int is_bf16;
};

/* What a batch gave. The caller owns the arrays and sets them before the call; NULL skips one. */
struct san_step_stats {
    float *step_logp; /* in, (n_step): receives log(sum of p over the right candidates) */
    uint8_t *step_ok; /* in, (n_step): receives 1 where the best-scored candidate is right */
    double loss;      /* out: sum of weight * -logp over the steps, divided by `weight` */
    double weight;    /* out: sum of the steps' weights; with 0 loss and gradients are 0 */
    double
        retrieval_loss; /* out: mean contrastive loss of the batch's retrieval part; 0 without one or
                            * without gradients */
    int n_step;         /* out: steps of the batch */
    int n_ok;           /* out: steps whose best candidate is right, whatever their weight */
};

/* Check every size, offset and index of `b` against `h`, in time linear in the batch.
 * LT_ERR_INVALID or LT_ERR_LIMIT names the first fault and where it is. */
LT_NODISCARD enum lt_err san_batch_check(const struct san_hparams *h, const struct san_batch *b,
                                         struct lt_diag *diag);

/* Make a trainer for networks of sizes `h` (copied). LT_ERR_UNSUPPORTED for another render or
 * mask, bfloat16 without the instructions, or a head width that is not in SAN_TRAIN_HEAD_WIDTHS; LT_ERR_INVALID; LT_ERR_NOMEM. On
 * LT_OK *out is the caller's, otherwise it is untouched. */
LT_NODISCARD enum lt_err san_trainer_new(const struct san_hparams *h,
                                         const struct san_trainer_opts *opts,
                                         struct san_trainer **out, struct lt_diag *diag);
void san_trainer_free(struct san_trainer *t); /* NULL is fine */
/* Non-zero when opts.is_bf16 is supported by this build. */
int san_trainer_has_bf16(void);

/* Loss of `b` under `params`, and with `grads` (same layout as `params`) not NULL the gradient of
 * stats->loss is added to it: zero it before the first batch. With `grads` NULL the batch is only
 * evaluated. `b` is checked first with san_batch_check. LT_ERR_INVALID also when the loss is not
 * finite (grads are then spoilt and must be zeroed); LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err
san_trainer_forward_backward(struct san_trainer *t, const struct san_params *params,
                             struct san_params *grads, const struct san_batch *b,
                             struct san_step_stats *stats, struct lt_diag *diag);

/* Microseconds spent in `phase` since the trainer was made or the sums were last reset. */
int64_t san_trainer_phase_us(const struct san_trainer *t, enum san_phase phase);
void san_trainer_phase_reset(struct san_trainer *t);
const char *san_phase_name(enum san_phase phase); /* never NULL */

/* Settings of the optimiser; start from san_optim_opts_default. */
struct san_optim_opts {
    float muon_lr, muon_momentum, muon_decay; /* 0.02, 0.95 (Nesterov), 0.01 */
    float adam_lr, adam_beta1, adam_beta2;    /* 2e-3, 0.9, 0.98 */
    float adam_eps, adam_decay;               /* 1e-8, 0.01; group N is never decayed */
    float clip_norm; /* scale the gradient down to this L2 norm over all tensors; 0: never (1.0) */
    float ema_decay; /* keep an average of the weights: avg = d*avg + (1-d)*w; 0: none (0) */
    int n_threads;   /* 0: all the machine has */
    /* Muon's products in bfloat16, as its authors run them: an update differs by about a percent.
     * LT_ERR_UNSUPPORTED without san_trainer_has_bf16 (0). */
    int is_bf16;
};

struct san_optim_stats {
    double grad_norm; /* L2 over all tensors, before clipping */
    uint64_t n_done;  /* steps made so far, this one included */
};

/* The numbers in brackets above. */
struct san_optim_opts san_optim_opts_default(void);
/* LT_ERR_INVALID names the option that is out of range; LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_optim_new(const struct san_hparams *h,
                                       const struct san_optim_opts *opts, struct san_optim **out,
                                       struct lt_diag *diag);
void san_optim_free(struct san_optim *o); /* NULL is fine */

/* Move `params` one step against `grads` (read only; not zeroed) with both learning rates times
 * `lr_scale`. LT_ERR_INVALID when the gradient's norm is not finite: nothing has changed then.
 * `stats` may be NULL. */
LT_NODISCARD enum lt_err san_optim_step(struct san_optim *o, struct san_params *params,
                                        const struct san_params *grads, float lr_scale,
                                        struct san_optim_stats *stats, struct lt_diag *diag);

/* The averaged weights, in the layout of san_params.mem, borrowed until the next step. NULL when
 * ema_decay is 0 or before the first step. Early on the decay used is at most
 * (1+step)/(10+step), so that the start values are forgotten. */
const float *san_optim_ema(const struct san_optim *o);

/* Most bytes of the caller's own state (seed, position in the data, ...) in a state file. */
#define SAN_OPTIM_BLOB_MAX 65536

/* Write parameters, optimiser state and `blob` to `path`, through `path`.tmp and a rename, so that
 * a crash leaves the old file. LT_ERR_LIMIT for a larger blob; LT_ERR_IO; LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_optim_save(const struct san_optim *o, const struct san_params *params,
                                        const void *blob, size_t blob_len, const char *path,
                                        struct lt_diag *diag);
/* Read what san_optim_save wrote; the network's sizes must be the same, the options may differ.
 * `blob` holds up to blob_cap bytes, *blob_len receives how many there are. On failure `o` and
 * `params` are unchanged. LT_ERR_NOTFOUND, LT_ERR_IO, LT_ERR_PARSE (damaged file), LT_ERR_INVALID
 * (another network), LT_ERR_LIMIT (blob_cap too small), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_optim_load(struct san_optim *o, struct san_params *params, void *blob,
                                        size_t blob_cap, size_t *blob_len, const char *path,
                                        struct lt_diag *diag);

#endif
