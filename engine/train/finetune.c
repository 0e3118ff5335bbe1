/* finetune.c - the run: learn, fit the heads, quantise, compare. */
#include "san/finetune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lt/sha256.h"
#include "san/calibrate.h"
#include "san/model_file.h"

#define PATH_BYTES 1200
/* Streams of base cases apart from training's (0..) and calibration's (1e9..). */
#define JUDGE_GROUP UINT64_C(2000000000)
#define GROUP       96
#define LOOKS_MAX   4000 /* groups looked at for base cases that judge */

struct san_finetune_options san_finetune_options_default(void)
{
    return (struct san_finetune_options){.steps = 150,
                                         .batch = 40,
                                         .share = 0.6,
                                         .rate = 0.2,
                                         .blend = 0.8,
                                         .n_fit = 400,
                                         .n_keep = 600,
                                         .n_groups = 0,
                                         .n_threads = 1,
                                         .seed = 1,
                                         .alpha = 0.02,
                                         .delta = 0.1,
                                         .base_loss = 0.005};
}

struct run {
    const struct san_finetune_options *o;
    struct san_finetune_report *out;
    struct san_tune_set *set;
    struct san_hparams h;
    char name[128];
    char state[PATH_BYTES], net[PATH_BYTES], dev[PATH_BYTES], done[PATH_BYTES], mixed[PATH_BYTES];
    json_t **judges; /* base cases, (o->n_keep) */
    int n_judges;
    FILE *dev_file;
    int lock; /* descriptor of the work folder; -1 */
};

static void stage(const struct run *r, const char *name)
{
    if (r->o->progress) r->o->progress(name, NULL, r->o->user);
}

/* ---- names that depend on what goes in ---- */

static enum lt_err hash_file(struct lt_sha256 *h, const char *path, struct lt_diag *diag)
{
    char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f) return lt_fail_errno(diag, "cannot read %s", path);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) lt_sha256_add(h, chunk, n);
    enum lt_err err = ferror(f) ? lt_fail_errno(diag, "cannot read %s", path) : LT_OK;
    fclose(f);
    return err;
}

static enum lt_err name_files(struct run *r, struct lt_diag *diag)
{
    const struct san_finetune_options *o = r->o;
    struct lt_sha256 h;
    char hex[LT_SHA256_HEX_CAP], text[256];
    lt_sha256_init(&h);
    enum lt_err err = hash_file(&h, o->init_path, diag);
    for (int i = 0; i < o->n_files && !err; i++) err = hash_file(&h, o->files[i], diag);
    if (err) return err;
    snprintf(text, sizeof text, "%llu %d %g %g %llu", (unsigned long long)o->steps, o->batch,
             o->share, o->rate, (unsigned long long)o->seed);
    lt_sha256_add(&h, text, strlen(text));
    lt_sha256_hex(&h, hex);
    if (mkdir(o->work_dir, 0700) && errno != EEXIST)
        return lt_fail_errno(diag, "cannot make the work folder %s", o->work_dir);
    r->lock =
        open(o->work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a killed run lets go of it */
    if (r->lock < 0) return lt_fail_errno(diag, "cannot open the work folder %s", o->work_dir);
    if (flock(r->lock, LOCK_EX | LOCK_NB))
        return lt_fail(diag, LT_ERR_BUSY, "another run works in %s; wait for its end", o->work_dir);
    snprintf(r->state, sizeof r->state, "%s/%.16s.state", o->work_dir, hex);
    snprintf(r->net, sizeof r->net, "%s/%.16s.f32.gguf", o->work_dir, hex);
    snprintf(r->mixed, sizeof r->mixed, "%s/%.16s.mixed.gguf", o->work_dir, hex);
    snprintf(r->done, sizeof r->done, "%s/%.16s.trained", o->work_dir, hex);
    snprintf(r->dev, sizeof r->dev, "%s/%.16s.dev.jsonl", o->work_dir, hex);
    return LT_OK;
}

/* ---- the stages ---- */

static enum lt_err mix(void *user, uint64_t group, int n, json_t **cases, struct lt_diag *diag)
{
    struct run *r = user;
    return san_tune_set_mix(r->set, r->o->seed, group, r->o->share, n, cases, diag);
}

static void report(const struct san_train_report *t, void *user)
{
    struct run *r = user;
    if (r->o->progress) r->o->progress("learning", t, r->o->user);
}

static enum lt_err learn(struct run *r, struct lt_diag *diag)
{
    const struct san_finetune_options *o = r->o;
    struct san_train_options t = san_train_options_default();
    if (!access(r->done, R_OK) && !access(r->net, R_OK)) { /* learnt by a run that ended later */
        r->out->is_resumed = 1;
        return LT_OK;
    }
    t.h = r->h;
    t.gen = o->gen;
    t.gen.seed = o->seed;
    t.tokenizer_path = t.init_path = o->init_path;
    t.out_path = r->net;
    t.state_path = r->state;
    t.is_resume = r->out->is_resumed = !access(r->state, R_OK);
    t.batch = o->batch;
    t.steps = o->steps;
    t.warmup = (int)(o->steps / 15);
    t.decay_share = 0.6;
    t.optim.muon_lr *= (float)o->rate;
    t.optim.adam_lr *= (float)o->rate;
    t.optim.n_threads = t.n_threads = o->n_threads;
    t.report_every = 1;
    t.valid_every = 0;
    t.save_every = 50;
    t.name = r->name;
    t.note = "fine-tuned on a household's examples";
    t.seed = o->seed;
    t.is_bf16 = 1;
    t.mix = mix;
    t.mix_user = r;
    enum lt_err err = san_train_run(&t, report, r, diag);
    FILE *f = err ? NULL : fopen(r->done, "we");
    if (!err && (!f || fclose(f))) err = lt_fail_errno(diag, "cannot write %s", r->done);
    return err;
}

/* The weights between the old and the learnt network, in r->mixed. */
static enum lt_err blend(struct run *r, struct lt_diag *diag)
{
    struct san_hparams h, old_h;
    struct san_params learnt = {0}, old = {0};
    struct san_tokenizer *tok = NULL;
    struct san_gguf *file = NULL;
    const float share = (float)r->o->blend;
    enum lt_err err = san_model_load(r->net, &h, &learnt, &tok, &file, diag);
    if (!err) err = san_model_load(r->o->init_path, &old_h, &old, NULL, NULL, diag);
    if (!err && old.n != learnt.n)
        err = lt_fail(diag, LT_ERR_INVALID, "%s and what was learnt from it differ in size",
                      r->o->init_path);
    for (size_t i = 0; !err && i < old.n; i++)
        learnt.mem[i] = share * learnt.mem[i] + (1 - share) * old.mem[i];
    const struct san_extra extra[] = {
        {.key = "general.name", .str = r->name},
        {.key = "general.license", .str = san_gguf_str_or(file, "general.license", "apache-2.0")},
        {.key = "general.training", .str = san_gguf_str_or(file, "general.training", "")},
    };
    if (!err)
        err = san_model_save(r->mixed, &h, &learnt, tok, extra, sizeof extra / sizeof extra[0],
                             SAN_TYPE_F32, diag);
    san_params_free(&old);
    san_params_free(&learnt);
    san_tokenizer_free(tok);
    san_gguf_close(file);
    return err;
}

/* The dev cases in a file that has no name any more: killed or not, nothing that was said lies about. */
static enum lt_err write_dev(struct run *r, struct lt_diag *diag)
{
    int n, failed = 0;
    json_t *const *c = san_tune_set_cases(r->set, SAN_SPLIT_DEV, &n);
    r->dev_file = fopen(r->dev, "w+e");
    if (!r->dev_file || unlink(r->dev)) return lt_fail_errno(diag, "cannot write %s", r->dev);
    for (int i = 0; i < n; i++)
        failed |= json_dumpf(c[i], r->dev_file, JSON_COMPACT) || fputc('\n', r->dev_file) < 0;
    failed |= fflush(r->dev_file) != 0;
    if (failed) return lt_fail(diag, LT_ERR_IO, "cannot write %s; is the disk full?", r->dev);
    snprintf(r->dev, sizeof r->dev, "/proc/self/fd/%d", fileno(r->dev_file));
    return LT_OK;
}

static enum lt_err fit(struct run *r, struct lt_diag *diag)
{
    struct san_calibrate_options c = san_calibrate_options_default();
    struct san_calibrate_report report;
    const char *files[] = {r->dev};
    int n_dev = san_tune_set_counts(r->set)->n[SAN_SPLIT_DEV];
    int is_blended = r->o->blend < 1;
    enum lt_err err = is_blended ? blend(r, diag) : LT_OK;
    if (!err) err = write_dev(r, diag);
    c.model_path = is_blended ? r->mixed : r->net;
    c.out_path = r->o->out_path;
    c.type = SAN_TYPE_Q8_0;
    c.gen = r->o->gen;
    c.gen.seed = r->o->seed;
    c.n_cases = r->o->n_fit;
    c.files = files;
    c.n_files = n_dev > 0;
    c.n_threads = r->o->n_threads;
    c.retrieval.n_groups = r->o->n_groups;
    c.retrieval.seed = r->o->seed;
    return err ? err : san_calibrate_run(&c, &report, diag);
}

/* Everything in the work folder that a run made, and what a killed one left of the network it wrote. */
static void clear(const char *folder, const char *out_path)
{
    glob_t left;
    char pattern[PATH_BYTES];
    snprintf(pattern, sizeof pattern, "%s.tmp-??????", out_path);
    if (!glob(pattern, GLOB_NOSORT, NULL, &left)) {
        for (size_t i = 0; i < left.gl_pathc; i++) unlink(left.gl_pathv[i]);
        globfree(&left);
    }
    char path[1300];
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strspn(e->d_name, "0123456789abcdef") == 16 && e->d_name[16] == '.') {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            unlink(path);
        }
    if (d) closedir(d);
}

/* Base cases whose words no training run sees. */
static enum lt_err draw_judges(struct run *r, struct lt_diag *diag)
{
    struct san_gen *gen = NULL;
    json_t *cases[GROUP];
    enum lt_err err = san_gen_new(&r->o->gen, &gen, diag);
    if (!err && !(r->judges = calloc((size_t)r->o->n_keep + 1, sizeof(json_t *))))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    for (uint64_t g = 0; !err && g < LOOKS_MAX && r->n_judges < r->o->n_keep; g++) {
        err = san_gen_group_at(gen, JUDGE_GROUP + g, GROUP, cases, diag);
        for (int i = 0; i < GROUP && !err; i++) {
            const char *query = json_string_value(json_object_get(cases[i], "query"));
            if (query && san_train_is_held_out(query) && r->n_judges < r->o->n_keep)
                r->judges[r->n_judges++] = json_incref(cases[i]);
            json_decref(cases[i]);
        }
    }
    san_gen_free(gen);
    return err;
}

static enum lt_err compare(struct run *r, json_t *const *cases, int n, struct san_difference *d,
                           struct san_promise *before, struct san_promise *after,
                           struct lt_diag *diag)
{
    const struct san_finetune_options *o = r->o;
    struct san_answers old = {0}, fresh = {0};
    enum lt_err err = san_answers_of(o->init_path, cases, n, o->n_threads, &old, diag);
    if (!err) err = san_answers_of(o->out_path, cases, n, o->n_threads, &fresh, diag);
    if (!err) {
        *d = san_answers_compare(&old, &fresh);
        if (before) *before = san_promise_of(&old, o->alpha, o->delta);
        if (after) *after = san_promise_of(&fresh, o->alpha, o->delta);
    }
    san_answers_free(&old);
    san_answers_free(&fresh);
    return err;
}

static void decide(struct run *r)
{
    struct san_finetune_report *o = r->out;
    o->is_better = 1;
    if (o->own.n < SAN_FINETUNE_LEAST) {
        o->is_better = 0;
        snprintf(o->why, sizeof o->why, "only %d kept examples judge it, at least %d are needed",
                 o->own.n, SAN_FINETUNE_LEAST);
    } else if (o->own.mean < 0) {
        o->is_better = 0;
        snprintf(o->why, sizeof o->why, "worse on the household's kept examples: %d lost, %d won",
                 o->own.n_lost, o->own.n_won);
    } else if (o->base.mean + o->base.half < 0 ||
               (o->base.mean < -r->o->base_loss && o->own.mean <= 0)) {
        o->is_better = 0;
        snprintf(o->why, sizeof o->why,
                 "base skills fall by %.2f points (%d lost, %d won of %d): more replay or steps",
                 -100 * o->base.mean, o->base.n_lost, o->base.n_won, o->base.n);
    } else if (o->promise_old.is_kept && !o->promise_new.is_kept) {
        o->is_better = 0;
        snprintf(o->why, sizeof o->why,
                 "no gate keeps wrong local answers at %.1f %%, the old network had one",
                 100 * r->o->alpha);
    }
}

static enum lt_err judge(struct run *r, struct lt_diag *diag)
{
    int n;
    json_t *const *own = san_tune_set_cases(r->set, SAN_SPLIT_TEST, &n);
    enum lt_err err =
        compare(r, own, n, &r->out->own, &r->out->promise_old, &r->out->promise_new, diag);
    if (!err) err = draw_judges(r, diag);
    if (!err) err = compare(r, r->judges, r->n_judges, &r->out->base, NULL, NULL, diag);
    if (!err) decide(r);
    return err;
}

static enum lt_err open_start(struct run *r, struct lt_diag *diag)
{
    struct san_params p = {0};
    struct san_tokenizer *tok = NULL;
    struct san_gguf *file = NULL;
    enum lt_err err = san_model_load(r->o->init_path, &r->h, &p, &tok, &file, diag);
    if (err) return err;
    snprintf(r->name, sizeof r->name, "%s",
             r->o->name ? r->o->name : san_gguf_str_or(file, "general.name", "lintel-home"));
    if (!tok) err = lt_fail(diag, LT_ERR_UNSUPPORTED, "%s: holds no vocabulary", r->o->init_path);
    san_params_free(&p);
    san_tokenizer_free(tok);
    san_gguf_close(file);
    return err;
}

enum lt_err san_finetune_judge(const struct san_finetune_options *o,
                               struct san_finetune_report *out, struct lt_diag *diag)
{
    struct run r = {.o = o, .out = out, .lock = -1};
    struct san_data_report lines = {0};
    *out = (struct san_finetune_report){0};
    enum lt_err err = san_tune_set_load(o->files, o->n_files, &r.set, &lines, diag);
    if (!err) {
        out->counts = *san_tune_set_counts(r.set);
        out->learnt = san_tune_set_tools(r.set, SAN_FINETUNE_TOOL);
        err = judge(&r, diag);
    }
    if (err) {
        json_decref(out->learnt);
        out->learnt = NULL;
    }
    for (int i = 0; i < r.n_judges; i++) json_decref(r.judges[i]);
    free(r.judges);
    san_tune_set_free(r.set);
    return err;
}

enum lt_err san_finetune_run(const struct san_finetune_options *o, struct san_finetune_report *out,
                             struct lt_diag *diag)
{
    struct run r = {.o = o, .out = out, .lock = -1};
    struct san_data_report lines = {0};
    *out = (struct san_finetune_report){0};
    enum lt_err err = open_start(&r, diag);
    if (!err) err = san_tune_set_load(o->files, o->n_files, &r.set, &lines, diag);
    for (int i = 0; i < lines.n_samples && o->progress; i++) {
        char text[400];
        snprintf(text, sizeof text, "left out %s: %s", lines.sample[i].where,
                 lines.sample[i].reason);
        stage(&r, text);
    }
    if (!err) {
        out->counts = *san_tune_set_counts(r.set);
        out->learnt = san_tune_set_tools(r.set, SAN_FINETUNE_TOOL);
        err = name_files(&r, diag);
    }
    if (!err) stage(&r, "learning");
    if (!err) err = learn(&r, diag);
    if (!err) stage(&r, "fitting the heads");
    if (!err) err = fit(&r, diag);
    if (!err) stage(&r, "comparing");
    if (!err) err = judge(&r, diag);
    if (!err) { /* done: nothing is to be resumed, of this run or of one before with other lines */
        clear(o->work_dir, o->out_path);
        (void)!rmdir(o->work_dir);
    }
    if (err) {
        json_decref(out->learnt);
        out->learnt = NULL;
    }
    for (int i = 0; i < r.n_judges; i++) json_decref(r.judges[i]);
    free(r.judges);
    san_tune_set_free(r.set);
    if (r.dev_file) fclose(r.dev_file);
    if (r.lock >= 0) close(r.lock);
    return err;
}
