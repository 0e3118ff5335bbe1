/* san/train_run.h - a whole training run: data in, a GGUF out, resumable.
 *
 * Groups of cases come from the generator (a second thread prepares the next batch while the
 * current one is computed), every `hold_out`-th utterance (by hash of its words, so that all its
 * variants go together) is kept from training and serves to fit the confidence. The learning rate
 * rises over `warmup` steps, stays, and falls linearly to 1 % over the last 40 %. Validation cases
 * are scored by teacher forcing: an answer counts as right when every decision's best candidate
 * is right.
 * Threads: the run owns its threads; the report callback is called on the caller's. */
#ifndef SAN_TRAIN_RUN_H
#define SAN_TRAIN_RUN_H

#include "san/batch_build.h"
#include "san/generate.h"
#include "san/train_step.h"

/* Change the n cases of a group before they are learnt from (references are handed over); called on
 * the run's own thread, and must depend on `group` alone, so that a run can be resumed. */
typedef enum lt_err (*san_train_mix_fn)(void *user, uint64_t group, int n, json_t **cases,
                                        struct lt_diag *diag);

/* One utterance in so many is kept from training. */
#define SAN_HOLD_OUT 50

struct san_train_options {
    struct san_hparams h; /* n_vocab is taken from the tokenizer */
    struct san_optim_opts optim;
    struct san_loss_weights weights;
    struct san_gen_options gen;
    const char *tokenizer_path; /* GGUF with the vocabulary */
    const char *valid_path;     /* data lines of the full form, or NULL */
    int valid_limit;            /* cases of it that are used, 0: all */
    int batch;                  /* cases of a step */
    uint64_t steps;
    int warmup;
    double decay_share; /* share of the steps over which the rate falls at the end (0.4) */
    uint64_t report_every, valid_every, save_every; /* steps; 0: never */
    const char *state_path; /* checkpoint to resume from and to write, or NULL */
    int is_resume;
    const char *out_path;  /* GGUF written at the end and at every checkpoint */
    const char *init_path; /* GGUF whose weights are started from, or NULL */
    const char *name;      /* general.name */
    const char *note;      /* general.training: how it was made */
    uint64_t seed;
    int n_threads;        /* 0: all */
    int is_bf16;          /* products of the layers in bfloat16, where the processor has it */
    san_train_mix_fn mix; /* or NULL */
    void *mix_user;
    double max_seconds; /* stop (after the decay is pulled in) by then; 0: no limit */
};

/* Numbers of the run so far, for whoever shows progress. */
struct san_train_report {
    uint64_t step, steps;
    double loss;           /* mean since the last report */
    double retrieval_loss; /* likewise */
    double step_ok;        /* share of decisions right, likewise */
    double lr_scale;
    double grad_norm;
    double examples_per_s;
    double eta_s;
    uint64_t n_examples, n_left_out; /* since the start of this process */
    double valid_right;              /* share of validation answers right, < 0: not measured now */
    double valid_step_ok;
    double valid_loss;
};
typedef void (*san_train_report_fn)(const struct san_train_report *r, void *user);

/* What `lintel train` uses where an option is not given; paths are NULL. */
struct san_train_options san_train_options_default(void);
/* Train as the options say until steps or seconds are over, reporting to `fn` (may be NULL; on this thread)
 * now and then, and write the network. Takes up a run that was stopped where its state is found. The errors
 * of the data and the network read, LT_ERR_INVALID (an option), LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_train_run(const struct san_train_options *o, san_train_report_fn fn,
                                       void *user, struct lt_diag *diag);
/* Is this utterance kept from training? */
int san_train_is_held_out(const char *query);

#endif
