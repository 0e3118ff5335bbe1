/* train_curve.c - the C trainer's losses on batches that another trainer reads too. Run by
 * engine/convert/pretrain/compare.sh:
 *
 *     train_curve START.gguf BATCHES STEPS VOCAB.gguf [WIDTH ENCODER DECODER]
 *
 * writes a network of random weights (fp32) to START.gguf and STEPS generated batches to BATCHES,
 * then trains the network on them with the default optimiser and the trainer's own schedule of the
 * first steps (warm-up of 10), in fp32, and prints one "step loss gradient-norm" a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "san/batch_build.h"
#include "san/batch_file.h"
#include "san/model_file.h"
#include "san/rand.h"
#include "san/train_run.h"
#include "san/train_step.h"

enum { CASES = 16, WARMUP = 10 };

static int failed(const struct lt_diag *diag)
{
    fprintf(stderr, "train_curve: %s\n", diag->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct lt_diag diag = {0};
    if (argc != 5 && argc != 8) {
        fputs("usage: train_curve START.gguf BATCHES STEPS VOCAB.gguf [WIDTH ENCODER DECODER]\n",
              stderr);
        return 2;
    }
    const struct san_train_options o = san_train_options_default();
    const int steps = atoi(argv[3]);
    struct san_hparams h = o.h;
    struct san_tokenizer *tok = NULL;
    struct san_pieces pieces;
    if (san_tokenizer_load(argv[4], &tok, &diag) ||
        san_pieces_init(&pieces, tok, SAN_GRAMMAR, &diag))
        return failed(&diag);
    h.n_vocab = san_tokenizer_n_vocab(tok);
    h.ret_hidden = h.ret_dim = 0;
    h.width = argc == 8 ? atoi(argv[5]) : 64;
    h.n_enc = argc == 8 ? atoi(argv[6]) : 2;
    h.n_dec = argc == 8 ? atoi(argv[7]) : 2;
    struct san_params p, g;
    if (san_hparams_check(&h, &diag) || san_params_new(&h, &p) || san_params_new(&h, &g))
        return failed(&diag);
    san_params_init(&p, &h, 1);
    struct san_rand r; /* features count from the start, or their path would be proven late */
    san_rand_seed(&r, 2);
    for (int i = 0; i < h.n_class * h.n_feat; i++)
        p.ptr_feat[i] = 0.5f * (float)san_rand_normal(&r);
    if (san_model_save(argv[1], &h, &p, tok, NULL, 0, SAN_TYPE_F32, &diag)) return failed(&diag);

    const struct san_gen_options gen = {
        .tree_dir = "engine/data", .mix_path = "engine/train/mix.json", .seed = 7};
    const struct san_trainer_opts fp32 = {1, 0};
    struct san_optim_opts adam = san_optim_opts_default();
    struct san_gen *generator = NULL;
    struct san_batch_builder *b = NULL;
    struct san_trainer *trainer = NULL;
    struct san_optim *optim = NULL;
    FILE *out = fopen(argv[2], "wb");
    adam.n_threads = 1;
    if (!out || san_gen_new(&gen, &generator, &diag) ||
        san_batch_builder_new(&pieces, &o.weights, &b) ||
        san_trainer_new(&h, &fp32, &trainer, &diag) || san_optim_new(&h, &adam, &optim, &diag) ||
        san_batch_file_begin(out, &diag))
        return failed(&diag);
    for (int s = 0; s < steps; s++) {
        json_t *cases[CASES];
        struct san_step_stats stats = {0};
        struct san_optim_stats norm;
        if (san_gen_group_at(generator, (uint64_t)s, CASES, cases, &diag)) return failed(&diag);
        for (int i = 0; i < CASES; i++) {
            enum san_gold_reason reason;
            if (san_batch_builder_add(b, cases[i], &reason, &diag)) return failed(&diag);
        }
        const struct san_batch batch = san_batch_builder_view(b);
        memset(g.mem, 0, g.n * sizeof *g.mem);
        const float scale = s + 1 < WARMUP ? (float)(s + 1) / WARMUP : 1;
        if (san_batch_file_add(out, &batch, h.n_feat, &diag) ||
            san_trainer_forward_backward(trainer, &p, &g, &batch, &stats, &diag) ||
            san_optim_step(optim, &p, &g, scale, &norm, &diag))
            return failed(&diag);
        printf("%d %.7f %.6g\n", s, stats.loss, norm.grad_norm);
        san_batch_builder_reset(b);
        for (int i = 0; i < CASES; i++) json_decref(cases[i]);
    }
    if (fclose(out)) return 1;
    san_optim_free(optim);
    san_trainer_free(trainer);
    san_batch_builder_free(b);
    san_gen_free(generator);
    san_params_free(&p);
    san_params_free(&g);
    san_tokenizer_free(tok);
    return 0;
}
