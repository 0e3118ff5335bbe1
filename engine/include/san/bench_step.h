/* san/bench_step.h - how fast a network learns here, beside what the machine could do.
 *
 * One step of fine-tuning as the hub makes it: a batch of generated cases (48, as in a training run),
 * forward and backward through all layers, and the optimiser; making the cases is left out of the
 * clock, since a run makes them on another thread. The limit is san/bench.h's: matrix products at the peak of the
 * numbers that they are made of (bfloat16 pairs where the processor has them), the rest at that of
 * floats. Counted are products and attention, three times the forward pass. */
#ifndef SAN_BENCH_STEP_H
#define SAN_BENCH_STEP_H

#include "san/bench.h"

struct san_bench_step {
    size_t n_params;
    int n_cases, n_tokens;      /* of a batch, means over the batches used */
    int is_bf16;                /* matrix products in bfloat16 */
    struct san_bench_rate rate; /* cases a second, optimiser included */
    struct san_bench_stat ms;   /* of a step */
    double optimiser_ms;        /* of it, median */
};
struct san_bench_step_plan {
    const char *model;      /* the network that learns; its file is not changed */
    const char *tree, *mix; /* what cases are made of (san/generate.h) */
    lt_us max_us;           /* for the steps, at least three of which are made */
};
/* On one thread. Errors as of san_model_load and san_gen_new; LT_ERR_UNSUPPORTED for a network that cannot be trained
 * here (san/train_step.h). */
LT_NODISCARD enum lt_err san_bench_step(const struct san_bench_step_plan *plan,
                                        const struct san_bench_machine *m,
                                        struct san_bench_step *out, struct lt_diag *diag);

#endif
