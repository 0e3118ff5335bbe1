/* cmd_calibrate.c - `lintel calibrate`: fit a network's confidence on cases it was not trained on. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "san/calibrate.h"

enum {
    OPT_MODEL,
    OPT_OUT,
    OPT_TYPE,
    OPT_DATA,
    OPT_TREE,
    OPT_MIX,
    OPT_CASES,
    OPT_SEED,
    OPT_L2,
    OPT_RETRIEVAL,
    OPT_THREADS,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_MODEL] = {"model", 'm', "FILE", "network to read"},
    [OPT_OUT] = {"out", 'o', "FILE", "network to write (may be the same)"},
    [OPT_TYPE] = {"type", 0, "TYPE", "of the matrices written: f32, f16, q8_0, q4_0 (default f16)"},
    [OPT_DATA] = {"data", 0, "DIR", "folder of data files for the generator"},
    [OPT_TREE] = {"tree", 0, "DIR", "the tree's own data (default engine/data)"},
    [OPT_MIX] = {"mix", 0, "FILE", "sources and weights (default engine/train/mix.json)"},
    [OPT_CASES] = {"cases", 0, "N", "held-out cases from the generator (default 4000; 0: none)"},
    [OPT_SEED] = {"seed", 0, "N", "of the generator (default 1)"},
    [OPT_L2] = {"l2", 0, "X", "penalty on the head's weights (default 3000)"},
    [OPT_RETRIEVAL] = {"retrieval", 0, "N",
                       "groups of cases for the retrieval head (default 400; 0: leave it)"},
    [OPT_THREADS] = {"threads", 0, "N", "cases answered at the same time (default 1)"},
};
static const struct lt_cli_spec spec = {
    "lintel calibrate --model FILE --out FILE [options] [DATAFILE...]",
    "Fit the heads of a network and store them in its file: the confidence, on utterances that\n"
    "training keeps back (one in fifty of the generator's) and on data lines; the retrieval head,\n"
    "which ranks the tools of a large catalogue. Prints how well they hold.",
    options, N_OPTIONS};

static int read_type(const char *text, enum san_type *out)
{
    static const struct {
        const char *name;
        enum san_type type;
    } types[] = {{"f32", SAN_TYPE_F32},
                 {"f16", SAN_TYPE_F16},
                 {"q8_0", SAN_TYPE_Q8_0},
                 {"q4_0", SAN_TYPE_Q4_0}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(types[i].name, text)) {
            *out = types[i].type;
            return 1;
        }
    return 0;
}

int lt_cmd_calibrate(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (!value[OPT_MODEL] || !value[OPT_OUT])
        return lt_cli_usage(&spec, "--model and --out are needed");
    struct san_calibrate_options o = san_calibrate_options_default();
    int64_t n_cases = o.n_cases, seed = 1, n_threads = 1, n_groups = o.retrieval.n_groups;
    if (value[OPT_TYPE] && !read_type(value[OPT_TYPE], &o.type))
        return lt_cli_usage(&spec, "--type: expected f32, f16, q8_0 or q4_0, got \"%s\"",
                            value[OPT_TYPE]);
    if (!lt_cli_int(&spec, "cases", value[OPT_CASES], 0, 1000000, &n_cases) ||
        !lt_cli_int(&spec, "seed", value[OPT_SEED], 0, INT64_MAX, &seed) ||
        !lt_cli_num(&spec, "l2", value[OPT_L2], 0, 1e9, &o.l2) ||
        !lt_cli_int(&spec, "retrieval", value[OPT_RETRIEVAL], 0, 100000, &n_groups) ||
        !lt_cli_int(&spec, "threads", value[OPT_THREADS], 1, 64, &n_threads))
        return LT_EXIT_USAGE;
    o.gen = (struct san_gen_options){.tree_dir = value[OPT_TREE] ? value[OPT_TREE] : "engine/data",
                                     .data_dir = value[OPT_DATA],
                                     .mix_path =
                                         value[OPT_MIX] ? value[OPT_MIX] : "engine/train/mix.json",
                                     .seed = (uint64_t)seed};
    o.model_path = value[OPT_MODEL];
    o.out_path = value[OPT_OUT];
    o.n_cases = (int)n_cases;
    o.n_threads = (int)n_threads;
    o.retrieval.n_groups = (int)n_groups;
    o.retrieval.seed = (uint64_t)seed;
    o.files = (const char *const *)argv + first;
    o.n_files = argc - first;
    struct lt_diag diag = {0};
    struct san_calibrate_report r;
    enum lt_err err = san_calibrate_run(&o, &r, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    printf("%d held-out cases, %.2f %% answered right\n"
           "                        before   after\n"
           "calibration error        %.4f  %.4f\n"
           "Brier score              %.4f  %.4f\n"
           "share at 99 %% precision %6.2f %% %6.2f %%\n",
           r.n, 100 * r.right, r.ece_before, r.ece_after, r.brier_before, r.brier_after,
           100 * r.cover99_before, 100 * r.cover99_after);
    if (n_groups)
        printf("retrieval: learnt from %d utterances; of %d others the tool is first of %.0f in "
               "%.2f %%, among the first 5 in %.2f %%; shortest vector %.3f\n",
               r.retrieval.n_queries, r.retrieval.n_kept, r.retrieval.mean_tools,
               100 * r.retrieval.top1, 100 * r.retrieval.top5, r.retrieval.least_norm);
    return LT_EXIT_DONE;
}
