/* bench_train_step.c - examples per second of the trainer, on a batch of the size it meets.
 *
 *     bench_train_step [threads] [repeats] [width] [bf16]
 *
 * 48 examples with about 5,000 encoder tokens, catalogues of some 55 blocks (1,300 key tokens) and
 * six steps each, through 6 encoder and 3 decoder layers. Prints one JSON object; times are the
 * median of the repeats, the split by phase is their mean. */
#include <stdio.h>
#include <stdlib.h>

#include "lt/clock.h"
#include "san/train_step.h"
#include "train_batch.h"

#define REPEATS_MAX 1000

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int key_tokens(const struct san_batch *b)
{
    int n = 0;

    for (int i = 0; i < b->cat_off[b->n_ex]; i++)
        n += b->block_off[b->cat_block[i] + 1] - b->block_off[b->cat_block[i]];
    return n;
}

static void bench(const struct san_hparams *h, int n_threads, int n_repeat, int is_bf16)
{
    static const struct train_batch_plan plan = {180, 10, 38, 48, 8, 20, 50, 60, 4, 8, 2, 60};
    struct san_trainer_opts topts = {n_threads, is_bf16};
    struct san_optim_opts oopts = san_optim_opts_default();
    struct san_params p = {0}, g = {0};
    struct san_trainer *t = NULL;
    struct san_optim *o = NULL;
    struct san_step_stats st = {0};
    struct lt_diag diag = {0};
    struct san_batch b;
    int64_t us[REPEATS_MAX], opt_us[REPEATS_MAX];
    enum lt_err err;

    oopts.n_threads = n_threads;
    train_batch_make(&b, h, &plan, 1);
    err = san_params_new(h, &p);
    if (!err) err = san_params_new(h, &g);
    if (!err) err = san_trainer_new(h, &topts, &t, &diag);
    if (!err) err = san_optim_new(h, &oopts, &o, &diag);
    if (!err) san_params_init(&p, h, 1);
    for (int i = -1; i < n_repeat && !err; i++) { /* the first run warms up */
        memset(g.mem, 0, g.n * sizeof *g.mem);
        const lt_us start = lt_now_us();
        err = san_trainer_forward_backward(t, &p, &g, &b, &st, &diag);
        const lt_us middle = lt_now_us();
        if (!err) err = san_optim_step(o, &p, &g, 1, NULL, &diag);
        if (i < 0) {
            san_trainer_phase_reset(t);
            continue;
        }
        us[i] = middle - start;
        opt_us[i] = lt_now_us() - middle;
    }
    if (err) {
        fprintf(stderr, "bench_train_step: %s\n", lt_diag_text(&diag, err));
        exit(1);
    }
    qsort(us, (size_t)n_repeat, sizeof *us, by_size);
    qsort(opt_us, (size_t)n_repeat, sizeof *opt_us, by_size);
    const double step_s = (double)us[n_repeat / 2] * 1e-6;
    const double opt_s = (double)opt_us[n_repeat / 2] * 1e-6;
    printf(
        "{\"threads\": %d, \"width\": %d, \"parameters\": %zu, \"examples\": %d, \"tokens\": %d, "
        "\"keys_per_example\": %.0f, \"steps\": %d,\n",
        n_threads, h->width, p.n, b.n_ex, b.n_tok, (double)key_tokens(&b) / b.n_ex, b.n_step);
    printf(" \"step_ms\": %.1f, \"best_step_ms\": %.1f, \"optimiser_ms\": %.1f, "
           "\"examples_per_s\": %.1f, \"examples_per_s_with_optimiser\": %.1f,\n \"phase_ms\": {",
           step_s * 1e3, (double)us[0] * 1e-3, opt_s * 1e3, b.n_ex / step_s,
           b.n_ex / (step_s + opt_s));
    for (int i = 0; i < SAN_PHASE_COUNT; i++)
        printf("%s\"%s\": %.1f", i ? ", " : "", san_phase_name((enum san_phase)i),
               (double)san_trainer_phase_us(t, (enum san_phase)i) * 1e-3 / n_repeat);
    printf("}}\n");
    train_batch_free(&b);
    san_trainer_free(t);
    san_optim_free(o);
    san_params_free(&p);
    san_params_free(&g);
}

int main(int argc, char **argv)
{
    const int n_threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2;
    const int n_repeat = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 9;
    const int width = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 256;
    const struct san_hparams h = {.n_vocab = 4096,
                                  .width = width,
                                  .n_head = 8,
                                  .n_kv_head = 4,
                                  .n_enc = 6,
                                  .n_dec = 3,
                                  .n_ctx = 512,
                                  .n_flag = 4,
                                  .n_class = 4,
                                  .n_feat = 12,
                                  .rope_base = 10000.0f,
                                  .rms_eps = 1e-6f,
                                  .mask = SAN_MASK_BLOCK,
                                  .render = SAN_RENDER_LINTEL};

    if (n_threads < 1 || n_repeat < 1 || n_repeat > REPEATS_MAX || width < 64 || width % 64) {
        fprintf(stderr, "usage: bench_train_step [threads] [repeats 1..%d] [width, 64 n] [bf16]\n",
                REPEATS_MAX);
        return 2;
    }
    bench(&h, n_threads, n_repeat, argc > 4);
    return 0;
}
