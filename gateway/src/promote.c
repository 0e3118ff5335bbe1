/* promote.c - what a network must pass before it is used, wherever it comes from. */
#include "promote.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli.h"
#include "config.h"
#include "curate.h"
#include "exports.h"
#include "lt/log.h"
#include "lt/store.h"

#define DAY_MS 86400000LL

static json_t *difference_json(const struct san_difference *d)
{
    double n = d->n ? d->n : 1;
    return json_pack("{s:i,s:f,s:f,s:i,s:i,s:f,s:f}", "n", d->n, "old", d->n_old / n, "new",
                     d->n_new / n, "lost", d->n_lost, "won", d->n_won, "difference", d->mean,
                     "half_interval", d->half);
}

static json_t *promise_json(const struct san_promise *p)
{
    return p->is_kept ? json_pack("{s:b,s:f,s:f,s:f,s:i}", "kept", 1, "gate", p->gate, "local",
                                  p->local, "wrong", p->wrong, "n", p->n)
                      : json_pack("{s:b,s:i,s:i}", "kept", 0, "n", p->n, "n_needed", p->n_needed);
}

json_t *lt_promote_json(const struct san_finetune_report *r, double seconds, double peak_mb)
{
    const struct san_tune_counts *c = &r->counts;
    return json_pack("{s:{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i},s:o,s:o,s:o,s:o,s:b,s:s,s:f,s:f,s:O?}",
                     "examples", "lines", c->n_lines, "bad", c->n_bad, "same", c->n_same,
                     "contradictory", c->n_contrary, "learnt", c->n[0], "fitted", c->n[1], "judged",
                     c->n[2], "tools", c->n_tools, "own", difference_json(&r->own), "base",
                     difference_json(&r->base), "promise_old", promise_json(&r->promise_old),
                     "promise_new", promise_json(&r->promise_new), "better", r->is_better, "why",
                     r->why, "seconds", seconds, "peak_mb", peak_mb, "learnt", r->learnt);
}

static void print_difference(const char *name, const struct san_difference *d)
{
    double n = d->n ? d->n : 1;
    printf("%-16s %5d  %6.1f %6.1f  %+6.1f ± %-5.1f %5d %5d\n", name, d->n, 100 * d->n_old / n,
           100 * d->n_new / n, 100 * d->mean, 100 * d->half, d->n_lost, d->n_won);
}

void lt_promote_print(const struct san_finetune_options *o, const struct san_finetune_report *r,
                      double seconds, double peak_mb)
{
    const struct san_tune_counts *c = &r->counts;
    const struct san_promise *p = &r->promise_new;
    printf("%d examples of %d tools learnt, %d fit the heads, %d judge (%d bad lines, %d repeated, "
           "%d contradictory)\n",
           c->n[0], c->n_tools, c->n[1], c->n[2], c->n_bad, c->n_same, c->n_contrary);
    printf("whole call right     n   old %%  new %%  difference      lost   won\n");
    print_difference("this house", &r->own);
    print_difference("base cases", &r->base);
    if (p->is_kept)
        printf("promise: at gate %.3f at most %.1f %% of local answers are wrong (confidence %.0f "
               "%%); %.0f %% stay local\n",
               p->gate, 100 * o->alpha, 100 * (1 - o->delta), 100 * p->local);
    else
        printf("no promise: %d kept examples are too few or too often wrong; %d right ones are the "
               "least\n",
               p->n, p->n_needed);
    printf("%.0f s, %.0f MiB at most\n%s%s\n", seconds, peak_mb,
           r->is_better ? "not worse: may be promoted" : "refused: ", r->why);
}

enum lt_err lt_promote_export(const char *db, const char *site, int64_t days, const char *to,
                              struct lt_diag *diag)
{
    struct lt_store_options o = {.path = db, .is_existing = 1};
    struct lt_store *s = NULL;
    struct lt_curate c = {.site = site,
                          .is_noted = 1,
                          .silent_before_unix_ms = lt_now_unix_ms() - LT_CURATE_HOURS * 3600000LL,
                          .since_unix_ms = days ? lt_now_unix_ms() - days * DAY_MS : 0};
    enum lt_err err = lt_store_open(&o, &s, diag);
    char part[1200], *path = NULL;
    snprintf(part, sizeof part, "%s" LT_EXPORTS_PART, to);
    int fd = err ? -1 : open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!err && !f) err = lt_fail_errno(diag, "cannot write %s", part);
    if (!err) lt_exports_place_of(f, &path, &c.is_appended);
    if (path) path[strlen(path) - strlen(LT_EXPORTS_PART)] = '\0'; /* noted by the name it gets */
    c.to_path = path;
    if (!err) err = lt_curate_export(s, &c, f, diag);
    if (f && fclose(f) && !err) err = lt_fail_errno(diag, "cannot write %s", part);
    if (!err && rename(part, to)) err = lt_fail_errno(diag, "cannot write %s", to);
    if (err && f) unlink(part);
    lt_store_close(s);
    free(path);
    return err;
}

void lt_promote_export_end(const char *db, const char *file)
{
    struct lt_store_options o = {.path = db};
    struct lt_store *s = NULL;
    struct lt_diag ignored = {0};
    char *path = realpath(file, NULL);
    unlink(file);
    if (path && !lt_store_open(&o, &s, &ignored) && lt_store_export_forget_path(s, path, &ignored))
        LT_LOG(WARN, "export.noted", LF_STR("path", path), LF_STR("why", ignored.text));
    lt_store_close(s);
    free(path);
}

void lt_promote_tree(char *tree, size_t tree_bytes, char *mix, size_t mix_bytes)
{
    if (!lt_config_find_shipped("data/home-tools.json", tree, tree_bytes))
        snprintf(tree, tree_bytes, "engine/data/home-tools.json");
    *strrchr(tree, '/') = '\0';
    if (!lt_config_find_shipped("train/mix.json", mix, mix_bytes))
        snprintf(mix, mix_bytes, "engine/train/mix.json");
}

enum lt_err lt_promote_compare(const char *db, const char *old_path, const char *new_path,
                               int n_keep, struct lt_promote *out, struct lt_diag *diag)
{
    struct san_finetune_options o = san_finetune_options_default();
    char tree[1024], mix[1024], lines[1100];
    const char *files[] = {lines};
    struct rusage usage;
    lt_us t0 = lt_now_us();
    *out = (struct lt_promote){0};
    lt_promote_tree(tree, sizeof tree, mix, sizeof mix);
    snprintf(lines, sizeof lines, "%s.judge-%ld.jsonl", db, (long)getpid());
    o.init_path = old_path;
    o.out_path = new_path;
    o.gen.tree_dir = tree;
    o.gen.mix_path = mix;
    o.files = files;
    o.n_files = 1;
    o.n_keep = n_keep;
    o.n_threads = 1;
    enum lt_err err = lt_promote_export(db, NULL, 0, lines, diag);
    if (!err) err = san_finetune_judge(&o, &out->report, diag);
    lt_promote_export_end(db, lines); /* what was said stays in the database alone */
    if (err) return err;
    getrusage(RUSAGE_SELF, &usage);
    json_t *j = lt_promote_json(&out->report, (double)(lt_now_us() - t0) / 1e6,
                                (double)usage.ru_maxrss / 1024);
    out->metrics = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(j);
    return out->metrics ? LT_OK : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
}

void lt_promote_free(struct lt_promote *p)
{
    free(p->metrics);
    json_decref(p->report.learnt);
    *p = (struct lt_promote){0};
}
