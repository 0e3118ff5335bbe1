/* cmd_finetune.c - `lintel finetune`: the network learns what this house says.
 *
 * A process of its own that stays out of the way: lowest priority, few threads, a cap on memory, and
 * it waits while requests arrive at the gateway. The active network is changed by --promote alone,
 * and only when the comparison allows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/store.h"
#include "model.h"
#include "promote.h"
#include "san/finetune.h"

#define QUIET_MS      3000      /* the gateway counts as busy so long after a request */
#define LOOK_US       1000000   /* how often that is looked at */
#define WAIT_US       500000    /* and how long is waited each time */
#define SNAPSHOT_S    86400     /* so long a killed run's traces are gone on with */
#define WAIT_LIMIT_US 600000000 /* a house that never rests must not stop learning for good */

enum {
    OPT_CONFIG,
    OPT_DB,
    OPT_TRACES,
    OPT_DATA,
    OPT_SITE,
    OPT_DAYS,
    OPT_MODEL,
    OPT_OUT,
    OPT_WORK,
    OPT_NAME,
    OPT_STEPS,
    OPT_BATCH,
    OPT_SHARE,
    OPT_RATE,
    OPT_BLEND,
    OPT_FIT,
    OPT_KEEP,
    OPT_RETRIEVAL,
    OPT_THREADS,
    OPT_MEMORY,
    OPT_NICE,
    OPT_SEED,
    OPT_ALPHA,
    OPT_DELTA,
    OPT_TREE,
    OPT_MIX,
    OPT_PROMOTE,
    OPT_JSON,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration that names the database"},
    [OPT_DB] = {"db", 0, "FILE", "the database itself"},
    [OPT_TRACES] = {"from-traces", 0, NULL, "learn from the labelled traces of the database"},
    [OPT_DATA] = {"data", 'd', "FILE", "learn from data lines; further files may follow"},
    [OPT_SITE] = {"site", 0, "NAME", "traces of this site only"},
    [OPT_DAYS] = {"days", 0, "N", "traces of the last N days only"},
    [OPT_MODEL] = {"model", 'm', "FILE", "network to start from (default: the active one)"},
    [OPT_OUT] = {"out", 'o', "FILE", "network to write"},
    [OPT_WORK] = {"work", 0, "DIR", "folder for checkpoints (default: OUT.work)"},
    [OPT_NAME] = {"name", 0, "NAME", "general.name of the new network"},
    [OPT_STEPS] = {"steps", 0, "N", "batches to learn from (default 150)"},
    [OPT_BATCH] = {"batch", 0, "N", "examples of a batch (default 40)"},
    [OPT_SHARE] = {"share", 0, "X", "of the own examples in a batch (default 0.6)"},
    [OPT_RATE] = {"rate", 0, "X", "of learning, 1 as from nothing (default 0.2)"},
    [OPT_BLEND] = {"blend", 0, "X", "of the learnt weights, the rest stays (default 0.8)"},
    [OPT_FIT] = {"fit", 0, "N", "base cases to fit the confidence (default 400)"},
    [OPT_KEEP] = {"keep", 0, "N", "base cases to judge old and new (default 600)"},
    [OPT_RETRIEVAL] = {"retrieval", 0, "N",
                       "groups of cases to refit the retrieval head (default 0)"},
    [OPT_THREADS] = {"threads", 0, "N", "cores (default 1)"},
    [OPT_MEMORY] = {"memory-mb", 0, "N", "most memory, MiB (default 600)"},
    [OPT_NICE] = {"nice", 0, "N", "how far to stand back, 0 to 19 (default 19)"},
    [OPT_SEED] = {"seed", 0, "N", "of all that is drawn (default 1)"},
    [OPT_ALPHA] = {"alpha", 0, "X", "largest share of wrong local answers (default 0.02)"},
    [OPT_DELTA] = {"delta", 0, "X", "largest probability that this is broken (default 0.1)"},
    [OPT_TREE] = {"tree", 0, "DIR", "the base data (default: as installed)"},
    [OPT_MIX] = {"mix", 0, "FILE", "its sources and weights (default: as installed)"},
    [OPT_PROMOTE] = {"promote", 0, NULL,
                     "register the new network and, if it is not worse, use it"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel finetune --from-traces|--data FILE --out FILE [options] [FILE...]",
    "Go on training the network with examples of this house, beside base cases so that nothing is\n"
    "forgotten; fit its confidence, quantise it, and compare it with the old one. Runs at the\n"
    "lowest priority and waits while requests arrive. Killed, it goes on where it was when "
    "started\n"
    "again in the same way. Exit status 1 when the new network must not be promoted.",
    options, N_OPTIONS};

struct watch {
    const char *db;
    struct lt_progress progress;
    lt_us looked_us, waited_us;
    int is_learning;
};

static int any(const struct lt_trace_row *row, void *user)
{
    (void)row;
    *(int *)user = 1;
    return 1;
}

/* Did a request arrive just now? A database that cannot be read makes nobody wait. */
static int is_busy(const char *db)
{
    struct lt_store_options o = {.path = db, .is_readonly = 1};
    struct lt_trace_filter f = {.since_unix_ms = lt_now_unix_ms() - QUIET_MS, .limit = 1};
    struct lt_store *s = NULL;
    struct lt_diag ignored = {0};
    int found = 0;
    if (access(db, R_OK) || lt_store_open(&o, &s, &ignored)) return 0;
    if (lt_store_trace_list(s, &f, any, &found, &ignored)) found = 0;
    lt_store_close(s);
    return found;
}

static void progress(const char *stage, const struct san_train_report *t, void *user)
{
    struct watch *w = user;
    if (!t) {
        if (w->is_learning) lt_progress_end(&w->progress, NULL);
        w->is_learning = 0;
        fprintf(stderr, "%s\n", stage);
        return;
    }
    char note[64];
    if (!w->is_learning) lt_progress_start(&w->progress, "learning", "batches", (int64_t)t->steps);
    w->is_learning = 1;
    snprintf(note, sizeof note, "loss %.3f, %.0f examples/s", t->loss, t->examples_per_s);
    lt_progress_update(&w->progress, (int64_t)t->step, note);
    if (lt_now_us() - w->looked_us < LOOK_US) return;
    while (w->waited_us < WAIT_LIMIT_US && is_busy(w->db)) {
        usleep(WAIT_US);
        w->waited_us += WAIT_US;
    }
    w->looked_us = lt_now_us();
}

static int read_numbers(const char *const *value, struct san_finetune_options *o,
                        int64_t *memory_mb, int64_t *days)
{
    int64_t steps = (int64_t)o->steps, batch = o->batch, fit = o->n_fit, keep = o->n_keep;
    int64_t groups = o->n_groups, threads = 1, seed = (int64_t)o->seed;
    if (!lt_cli_int(&spec, "steps", value[OPT_STEPS], 1, 1000000, &steps) ||
        !lt_cli_int(&spec, "batch", value[OPT_BATCH], 1, SAN_GEN_GROUP_MAX, &batch) ||
        !lt_cli_num(&spec, "share", value[OPT_SHARE], 0.01, 1, &o->share) ||
        !lt_cli_num(&spec, "rate", value[OPT_RATE], 1e-6, 1, &o->rate) ||
        !lt_cli_num(&spec, "blend", value[OPT_BLEND], 0.05, 1, &o->blend) ||
        !lt_cli_int(&spec, "fit", value[OPT_FIT], 100, 100000, &fit) ||
        !lt_cli_int(&spec, "keep", value[OPT_KEEP], 1, 100000, &keep) ||
        !lt_cli_int(&spec, "retrieval", value[OPT_RETRIEVAL], 0, 100000, &groups) ||
        !lt_cli_int(&spec, "threads", value[OPT_THREADS], 1, 16, &threads) ||
        !lt_cli_int(&spec, "memory-mb", value[OPT_MEMORY], 100, 1 << 20, memory_mb) ||
        !lt_cli_int(&spec, "days", value[OPT_DAYS], 1, 36500, days) ||
        !lt_cli_int(&spec, "seed", value[OPT_SEED], 0, INT64_MAX, &seed) ||
        !lt_cli_num(&spec, "alpha", value[OPT_ALPHA], 0.0001, 0.5, &o->alpha) ||
        !lt_cli_num(&spec, "delta", value[OPT_DELTA], 0.0001, 0.5, &o->delta))
        return 0;
    o->steps = (uint64_t)steps;
    o->batch = (int)batch;
    o->n_fit = (int)fit;
    o->n_keep = (int)keep;
    o->n_groups = (int)groups;
    o->n_threads = (int)threads;
    o->seed = o->gen.seed = (uint64_t)seed;
    return 1;
}

/* Lowest priority and a cap on memory, for this process and all of its threads. */
static enum lt_err step_aside(int64_t memory_mb, int64_t niceness, struct lt_diag *diag)
{
    struct rlimit cap = {(rlim_t)memory_mb << 20, (rlim_t)memory_mb << 20};
    /* lowering one's own is always allowed; 0 leaves it as it was started */
    if (niceness) (void)setpriority(PRIO_PROCESS, 0, (int)niceness);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)cap; /* a sanitizer's shadow memory alone is terabytes */
    (void)diag;
    return LT_OK;
#else
    return setrlimit(RLIMIT_DATA, &cap) ? lt_fail_errno(diag, "cannot limit the memory") : LT_OK;
#endif
}

/* ---- results ---- */

static enum lt_err promote(const char *db, const char *out_path, const char *metrics,
                           struct lt_diag *diag)
{
    struct lt_store_options o = {.path = db};
    struct lt_store *s = NULL;
    char hash[LT_SHA256_HEX_CAP];
    enum lt_err err = lt_store_open(&o, &s, diag);
    if (!err) err = lt_model_register(s, out_path, metrics, hash, diag);
    if (!err) err = lt_store_model_activate(s, hash, lt_now_unix_ms(), diag);
    lt_store_close(s);
    return err;
}

/* The traces to learn from, in a file beside the network that is to come. What a run left that was killed, or
 * that had no room, is used again, since its checkpoint belongs to these very lines; a day later they are
 * taken anew. */
static enum lt_err snapshot(const char *out_path, const char *site, const char *db, int64_t days,
                            char *path, size_t cap, struct lt_diag *diag)
{
    struct stat st;
    snprintf(path, cap, "%s.traces%s%s-%lld.jsonl", out_path, site ? "-" : "", site ? site : "",
             (long long)days);
    if (!stat(path, &st) && lt_now_unix_ms() / 1000 - st.st_mtime < SNAPSHOT_S) {
        fprintf(stderr, "goes on with the traces of a run that did not end (%s)\n", path);
        return LT_OK;
    }
    return lt_promote_export(db, site, days, path, diag);
}

static enum lt_err run(struct san_finetune_options *o, const char *const *value, const char *db,
                       int64_t days, int *is_better, struct lt_diag *diag)
{
    struct san_finetune_report report;
    struct watch w = {.db = db};
    struct rusage usage;
    char traces[1100];
    const char *files[SAN_FINETUNE_FILES_MAX + 1];
    lt_us t0 = lt_now_us();
    enum lt_err err = LT_OK;
    for (int i = 0; i < o->n_files; i++) files[i] = o->files[i];
    if (value[OPT_TRACES]) {
        err = snapshot(o->out_path, value[OPT_SITE], db, days, traces, sizeof traces, diag);
        files[o->n_files++] = traces;
    }
    o->files = files;
    o->progress = progress;
    o->user = &w;
    if (!err) err = san_finetune_run(o, &report, diag);
    /* What was said stays in the database alone, but for a run that can be gone on with. */
    if (value[OPT_TRACES] && err != LT_ERR_IO && err != LT_ERR_BUSY)
        lt_promote_export_end(db, traces);
    if (err) return err;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(lt_now_us() - t0) / 1e6, peak = (double)usage.ru_maxrss / 1024;
    json_t *j = lt_promote_json(&report, seconds, peak);
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (lt_cli_wants_json(value[OPT_JSON]))
        (void)lt_cli_print_json(j);
    else
        lt_promote_print(o, &report, seconds, peak);
    *is_better = report.is_better;
    if (value[OPT_PROMOTE] && report.is_better) err = promote(db, o->out_path, text, diag);
    free(text);
    json_decref(j);
    json_decref(report.learnt);
    return err;
}

int lt_cmd_finetune(int argc, char **argv)
{
    const char *value[N_OPTIONS], *files[SAN_FINETUNE_FILES_MAX];
    struct san_finetune_options o = san_finetune_options_default();
    struct lt_config config;
    struct lt_diag diag = {0};
    char path[1024], db[1024], model[1024], work[1100], tree[1024], mix[1024];
    int64_t memory_mb = 600, days = 0, niceness = 19;
    int first, is_better = 0, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (value[OPT_DATA]) files[o.n_files++] = value[OPT_DATA];
    for (; first < argc; first++) {
        if (o.n_files == SAN_FINETUNE_FILES_MAX)
            return lt_cli_usage(&spec, "at most %d files", SAN_FINETUNE_FILES_MAX);
        files[o.n_files++] = argv[first];
    }
    o.files = files;
    if (!value[OPT_OUT]) return lt_cli_usage(&spec, "--out FILE is needed");
    if (!o.n_files && !value[OPT_TRACES])
        return lt_cli_usage(&spec, "--from-traces or --data FILE is needed");
    if (!read_numbers(value, &o, &memory_mb, &days) ||
        !lt_cli_int(&spec, "nice", value[OPT_NICE], 0, 19, &niceness))
        return LT_EXIT_USAGE;
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &config, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    lt_config_store_path(&config, path, sizeof path);
    snprintf(db, sizeof db, "%s", value[OPT_DB] ? value[OPT_DB] : path);
    struct lt_store_options so = {.path = db, .is_readonly = 1};
    struct lt_store *s = NULL;
    if (!value[OPT_MODEL] && !access(db, R_OK)) err = lt_store_open(&so, &s, &diag);
    if (!err && !value[OPT_MODEL]) err = lt_model_choose(&config, s, model, sizeof model, &diag);
    lt_store_close(s);
    lt_config_free(&config);
    snprintf(work, sizeof work, "%s.work", value[OPT_OUT]);
    lt_promote_tree(tree, sizeof tree, mix, sizeof mix);
    o.init_path = value[OPT_MODEL] ? value[OPT_MODEL] : model;
    o.out_path = value[OPT_OUT];
    o.work_dir = value[OPT_WORK] ? value[OPT_WORK] : work;
    o.name = value[OPT_NAME];
    o.gen.tree_dir = value[OPT_TREE] ? value[OPT_TREE] : tree;
    o.gen.mix_path = value[OPT_MIX] ? value[OPT_MIX] : mix;
    if (!err && !strcmp(o.init_path, o.out_path))
        return lt_cli_usage(&spec, "--out must not be the network that is started from");
    if (!err) err = step_aside(memory_mb, niceness, &diag);
    if (!err) err = run(&o, value, db, days, &is_better, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    return is_better ? LT_EXIT_DONE : LT_EXIT_FAILED;
}
