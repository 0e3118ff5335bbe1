/* cmd_train.c - `lintel train`: a network from data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "san/train_run.h"

enum {
    OPT_DATA,
    OPT_TREE,
    OPT_MIX,
    OPT_EXCLUDE,
    OPT_TOKENIZER,
    OPT_OUT,
    OPT_STATE,
    OPT_RESUME,
    OPT_INIT,
    OPT_VALID,
    OPT_VALID_LIMIT,
    OPT_NAME,
    OPT_NOTE,
    OPT_STEPS,
    OPT_SECONDS,
    OPT_BATCH,
    OPT_WIDTH,
    OPT_HEADS,
    OPT_KV_HEADS,
    OPT_ENCODER,
    OPT_DECODER,
    OPT_MUON,
    OPT_ADAM,
    OPT_EMA,
    OPT_WARMUP,
    OPT_DECAY,
    OPT_SEED,
    OPT_THREADS,
    OPT_VALID_EVERY,
    OPT_SAVE_EVERY,
    OPT_REPORT_EVERY,
    OPT_BF16,
    OPT_ALLOW_BAD,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_DATA] = {"data", 0, "DIR", "folder of data files (*.jsonl.gz); absent ones are left out"},
    [OPT_TREE] = {"tree", 0, "DIR", "the tree's own data (default engine/data)"},
    [OPT_MIX] = {"mix", 0, "FILE", "sources and weights (default engine/train/mix.json)"},
    [OPT_EXCLUDE] = {"exclude", 0, "A,B", "teacher categories or data files to leave out"},
    [OPT_TOKENIZER] = {"tokenizer", 0, "FILE", "GGUF with the vocabulary (lintel tokenize)"},
    [OPT_OUT] = {"out", 0, "FILE", "network to write, at every checkpoint and at the end"},
    [OPT_STATE] = {"state", 0, "FILE", "checkpoint: weights, optimiser, position"},
    [OPT_RESUME] = {"resume", 0, NULL, "go on from --state"},
    [OPT_INIT] = {"init", 0, "FILE", "start from this network's weights"},
    [OPT_VALID] = {"valid", 0, "FILE", "data lines to watch, scored by teacher forcing"},
    [OPT_VALID_LIMIT] = {"valid-limit", 0, "N", "use its first N lines (default all)"},
    [OPT_NAME] = {"name", 0, "NAME", "general.name of the network (default lintel-home)"},
    [OPT_NOTE] = {"note", 0, "TEXT", "general.training: how it was made"},
    [OPT_STEPS] = {"steps", 0, "N", "steps (default 10000)"},
    [OPT_SECONDS] = {"seconds", 0, "S",
                     "end after S seconds at the latest, the rate brought down in time"},
    [OPT_BATCH] = {"batch", 0, "N", "cases of a step (default 48)"},
    [OPT_WIDTH] = {"width", 0, "N", "width (default 256)"},
    [OPT_HEADS] = {"heads", 0, "N", "query heads (default 8)"},
    [OPT_KV_HEADS] = {"kv-heads", 0, "N", "key/value heads (default 4)"},
    [OPT_ENCODER] = {"encoder", 0, "N", "encoder layers (default 6)"},
    [OPT_DECODER] = {"decoder", 0, "N", "decoder layers (default 3)"},
    [OPT_MUON] = {"muon-lr", 0, "X", "rate of the matrices (default 0.02)"},
    [OPT_ADAM] = {"adam-lr", 0, "X", "rate of the rest (default 0.002)"},
    [OPT_EMA] = {"ema", 0, "X", "keep an average of the weights with this decay (default 0: none)"},
    [OPT_WARMUP] = {"warmup", 0, "N", "steps of rising rate (default 150)"},
    [OPT_DECAY] = {"decay", 0, "X", "share of the run over which the rate falls (default 0.4)"},
    [OPT_SEED] = {"seed", 0, "N", "of weights and data (default 1)"},
    [OPT_THREADS] = {"threads", 0, "N", "cores (default all)"},
    [OPT_VALID_EVERY] = {"valid-every", 0, "N", "steps (default 500; 0: never)"},
    [OPT_SAVE_EVERY] = {"save-every", 0, "N", "steps (default 500; 0: at the end alone)"},
    [OPT_REPORT_EVERY] = {"report-every", 0, "N", "steps (default 20)"},
    [OPT_ALLOW_BAD] = {"allow-bad", 0, NULL,
                       "go on though more than 1 % of a file's lines are bad"},
    [OPT_BF16] = {"bf16", 0, NULL, "products in bfloat16, where the processor has it"},
};
static const struct lt_cli_spec spec = {"lintel train --tokenizer FILE --out FILE [options]",
                                        "Train a network on generated cases and on data files.",
                                        options, N_OPTIONS};

static void report(const struct san_train_report *r, void *user)
{
    (void)user;
    int minutes = (int)(r->eta_s / 60), seconds = (int)r->eta_s % 60;
    if (r->valid_right >= 0)
        fprintf(stderr,
                "step %llu  validation: answers right %.2f %%  decisions %.2f %%  loss %.4f\n",
                (unsigned long long)r->step, 100 * r->valid_right, 100 * r->valid_step_ok,
                r->valid_loss);
    else
        fprintf(stderr,
                "step %llu/%llu  loss %.4f  retrieval %.3f  decisions %.2f %%  rate %.3f  norm "
                "%.2f  %.0f "
                "examples/s  eta %d:%02d\n",
                (unsigned long long)r->step, (unsigned long long)r->steps, r->loss,
                r->retrieval_loss, 100 * r->step_ok, r->lr_scale, r->grad_norm, r->examples_per_s,
                minutes, seconds);
}

/* Numbers of the options: option, field, least and greatest value. */
static int read_numbers(const char *const *value, struct san_train_options *o)
{
    struct {
        int option;
        double low, high, x;
    } row[] = {
        {OPT_VALID_LIMIT, 0, 1e9, o->valid_limit},
        {OPT_STEPS, 1, 1e12, (double)o->steps},
        {OPT_SECONDS, 1, 1e9, o->max_seconds},
        {OPT_BATCH, 1, SAN_GEN_GROUP_MAX, o->batch},
        {OPT_WIDTH, 8, 8192, o->h.width},
        {OPT_HEADS, 1, 256, o->h.n_head},
        {OPT_KV_HEADS, 1, 256, o->h.n_kv_head},
        {OPT_ENCODER, 1, 64, o->h.n_enc},
        {OPT_DECODER, 1, 64, o->h.n_dec},
        {OPT_MUON, 1e-6, 1, o->optim.muon_lr},
        {OPT_ADAM, 1e-6, 1, o->optim.adam_lr},
        {OPT_EMA, 0, 0.99999, o->optim.ema_decay},
        {OPT_WARMUP, 0, 1e9, o->warmup},
        {OPT_DECAY, 0.001, 1, o->decay_share},
        {OPT_SEED, 0, 9e15, (double)o->seed},
        {OPT_THREADS, 0, 1024, 0},
        {OPT_VALID_EVERY, 0, 1e12, (double)o->valid_every},
        {OPT_SAVE_EVERY, 0, 1e12, (double)o->save_every},
        {OPT_REPORT_EVERY, 0, 1e12, (double)o->report_every},
    };
    enum { N = sizeof row / sizeof row[0] };
    for (int i = 0; i < N; i++)
        if (!lt_cli_num(&spec, options[row[i].option].name, value[row[i].option], row[i].low,
                        row[i].high, &row[i].x))
            return 0;
    o->valid_limit = (int)row[0].x;
    o->steps = (uint64_t)row[1].x;
    o->max_seconds = value[OPT_SECONDS] ? row[2].x : 0;
    o->batch = (int)row[3].x;
    o->h.width = (int)row[4].x;
    o->h.n_head = (int)row[5].x;
    o->h.n_kv_head = (int)row[6].x;
    o->h.n_enc = (int)row[7].x;
    o->h.n_dec = (int)row[8].x;
    o->optim.muon_lr = (float)row[9].x;
    o->optim.adam_lr = (float)row[10].x;
    o->optim.ema_decay = (float)row[11].x;
    o->warmup = (int)row[12].x;
    o->decay_share = row[13].x;
    o->seed = o->gen.seed = (uint64_t)row[14].x;
    o->n_threads = o->optim.n_threads = (int)row[15].x;
    o->valid_every = (uint64_t)row[16].x;
    o->save_every = (uint64_t)row[17].x;
    o->report_every = (uint64_t)row[18].x;
    return 1;
}

int lt_cmd_train(int argc, char **argv)
{
    const char *value[N_OPTIONS], *exclude[SAN_GEN_EXCLUDE_MAX];
    int first, n_exclude = 0, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first < argc) return lt_cli_usage(&spec, "unexpected argument \"%s\"", argv[first]);
    if (!value[OPT_TOKENIZER] || !value[OPT_OUT])
        return lt_cli_usage(&spec, "--tokenizer and --out are needed");
    if (value[OPT_RESUME] && !value[OPT_STATE])
        return lt_cli_usage(&spec, "--resume needs --state FILE");
    char *names = value[OPT_EXCLUDE] ? strdup(value[OPT_EXCLUDE]) : NULL, *rest = NULL;
    for (char *s = names ? strtok_r(names, ",", &rest) : NULL; s; s = strtok_r(NULL, ",", &rest)) {
        if (n_exclude == SAN_GEN_EXCLUDE_MAX) {
            free(names);
            return lt_cli_usage(&spec, "--exclude: at most %d names", SAN_GEN_EXCLUDE_MAX);
        }
        exclude[n_exclude++] = s;
    }
    struct san_train_options o = san_train_options_default();
    o.gen = (struct san_gen_options){.tree_dir = value[OPT_TREE] ? value[OPT_TREE] : "engine/data",
                                     .data_dir = value[OPT_DATA],
                                     .mix_path =
                                         value[OPT_MIX] ? value[OPT_MIX] : "engine/train/mix.json",
                                     .seed = o.seed,
                                     .exclude = exclude,
                                     .n_exclude = n_exclude};
    o.tokenizer_path = value[OPT_TOKENIZER];
    o.valid_path = value[OPT_VALID];
    o.state_path = value[OPT_STATE];
    o.is_resume = value[OPT_RESUME] != NULL;
    o.out_path = value[OPT_OUT];
    o.init_path = value[OPT_INIT];
    if (value[OPT_NAME]) o.name = value[OPT_NAME];
    o.note = value[OPT_NOTE];
    o.is_bf16 = value[OPT_BF16] != NULL;
    o.gen.allow_bad = value[OPT_ALLOW_BAD] != NULL;
    status = LT_EXIT_USAGE;
    if (read_numbers(value, &o)) {
        struct lt_diag diag = {0};
        enum lt_err err = san_train_run(&o, report, NULL, &diag);
        status = err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
    }
    free(names);
    return status;
}
