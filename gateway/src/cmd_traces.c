/* cmd_traces.c - `lintel traces`: what was asked, what was answered, and what would have been right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "curate.h"
#include "drift.h"
#include "exports.h"
#include "label.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "lt/store.h"
#include "replay.h"

#define DAY_MS 86400000LL

enum {
    OPT_CONFIG,
    OPT_DB,
    OPT_SITE,
    OPT_STATE,
    OPT_ROUTE,
    OPT_DAYS,
    OPT_LIMIT,
    OPT_OUT,
    OPT_CORRECT,
    OPT_WRONG,
    OPT_CALLS,
    OPT_NOTE,
    OPT_MAX_MB,
    OPT_POLICY,
    OPT_LABEL,
    OPT_SPLIT,
    OPT_PER_TOOL,
    OPT_MIN,
    OPT_MAX,
    OPT_REPEATS,
    OPT_SILENCE,
    OPT_WEEKS,
    OPT_ALPHA,
    OPT_DELTA,
    OPT_REMOVE,
    OPT_EXPORTS,
    OPT_JSON,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration that names the database"},
    [OPT_DB] = {"db", 0, "FILE", "the database itself"},
    [OPT_SITE] = {"site", 0, "NAME", "only this site"},
    [OPT_STATE] = {"state", 0, "STATE",
                   "list: accepted, decided, answered, executed, failed, refused"},
    [OPT_ROUTE] = {"route", 0, "ROUTE",
                   "list, export: local, cloud, cache, clarify, refused, none"},
    [OPT_DAYS] = {"days", 0, "N", "only the last N days; prune: remove what is older"},
    [OPT_LIMIT] = {"limit", 'n', "N", "list: most rows (default 20)"},
    [OPT_OUT] = {"out", 'o', "FILE", "export: where to (default stdout)"},
    [OPT_CORRECT] = {"correct", 0, NULL, "label: the answer was right"},
    [OPT_WRONG] = {"wrong", 0, NULL, "label: the answer was wrong"},
    [OPT_CALLS] = {"calls", 0, "JSON", "label: what would have been right, [] for nothing"},
    [OPT_NOTE] = {"note", 0, "TEXT", "label: a remark"},
    [OPT_MAX_MB] = {"max-mb", 0, "N", "prune: remove the oldest until the database is this small"},
    [OPT_POLICY] = {"policy", 0, "FILE", "replay: configuration whose gate and cloud are tried"},
    [OPT_LABEL] = {"label", 0, "SOURCE",
                   "export: only labels of console, user, import, cloud or silence"},
    [OPT_SPLIT] = {"split", 0, "NAME", "export: only train, dev or test"},
    [OPT_PER_TOOL] = {"per-tool", 0, "N", "export: at most N lines of each tool, the newest"},
    [OPT_MIN] = {"min-confidence", 0, "X", "export: only answers at least so sure"},
    [OPT_MAX] = {"max-confidence", 0, "X", "export: only answers at most so sure"},
    [OPT_SILENCE] = {"silence", 0, NULL,
                     "export: also what the network did by itself and nobody minded for a day"},
    [OPT_WEEKS] = {"weeks", 0, "N", "stats: weeks that are compared (default 4)"},
    [OPT_ALPHA] = {"alpha", 0, "X",
                   "stats: largest share of wrong local answers to promise (default 0.02)"},
    [OPT_DELTA] = {"delta", 0, "X", "stats: largest probability that this is broken (default 0.1)"},
    [OPT_REMOVE] = {"remove", 0, "SOURCE",
                    "label: take back the label of console, user, undo, rephrase, import, cloud; "
                    "or all"},
    [OPT_EXPORTS] = {"exports", 0, NULL,
                     "prune: take what is removed, now and before, out of exported files too"},
    [OPT_REPEATS] = {"repeats", 0, NULL, "export: also what was said before with the same answer"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel traces list|show ID|stats|label ID|export|exports|import FILE|prune|erase|replay "
    "[options]",
    "list    newest first        show ID   everything about one        stats   counts and times\n"
    "label   say whether an answer was right (--correct, or --wrong with --calls)\n"
    "        (--note exclude keeps a trace from learning, --remove SOURCE takes a label back)\n"
    "export  labelled traces as training lines        prune   remove old ones\n"
    "import  data lines as traces of --site, labelled \"import\"\n"
    "exports which files hold exported traces\n"
    "erase   all of --site: traces, labels, catalogue, spend, its lines in exported files; the "
    "bytes are\n"
    "        overwritten. Exit status 1 names the files that could not be rewritten\n"
    "replay  what another policy would have decided, and what it would have cost",
    options, N_OPTIONS};

struct listing {
    struct lt_table table;
    json_t *json; /* array, or NULL for a table */
};

static void when(int64_t unix_ms, char *out, size_t cap)
{
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(out, cap, "%Y-%m-%d %H:%M:%S", &tm);
}

static int list_row(const struct lt_trace_row *r, void *user)
{
    struct listing *l = user;
    char time_text[32], ms[32] = "", confidence[32] = "";
    if (l->json) {
        json_array_append_new(
            l->json, json_pack("{s:s,s:s,s:s,s:I,s:s?,s:s?,s:s?,s:f,s:s?,s:I}", "trace", r->trace,
                               "site", r->site, "state", r->state, "received_unix_ms",
                               (json_int_t)r->received_unix_ms, "text", r->text, "route", r->route,
                               "why", r->why, "confidence", r->confidence, "calls", r->calls_json,
                               "total_us", (json_int_t)r->total_us));
        return 0;
    }
    when(r->received_unix_ms, time_text, sizeof time_text);
    if (r->total_us > 0) snprintf(ms, sizeof ms, "%.1f", (double)r->total_us / 1000);
    if (r->confidence >= 0) snprintf(confidence, sizeof confidence, "%.2f", r->confidence);
    const char *cells[] = {r->trace,   time_text, r->state, r->route,
                           confidence, ms,        r->text,  r->calls_json};
    lt_table_row(&l->table, cells);
    return 0;
}

static enum lt_err do_list(struct lt_store *s, const char *const *value, int64_t limit,
                           int64_t since_ms, struct lt_diag *diag)
{
    static const char *const heads[] = {"trace",       "received", "state", "route",
                                        ">confidence", ">ms",      "text",  "calls"};
    struct listing l = {.json = lt_cli_wants_json(value[OPT_JSON]) ? json_array() : NULL};
    struct lt_trace_filter f = {.site = value[OPT_SITE],
                                .state = value[OPT_STATE],
                                .route = value[OPT_ROUTE],
                                .since_unix_ms = since_ms,
                                .limit = limit};
    if (!l.json) lt_table_columns(&l.table, heads, 8);
    enum lt_err err = lt_store_trace_list(s, &f, list_row, &l, diag);
    int ok = l.json ? lt_cli_print_json(l.json) : lt_table_print(&l.table);
    json_decref(l.json);
    return err ? err : ok ? LT_OK : lt_fail(diag, LT_ERR_IO, "cannot write the listing");
}

static enum lt_err print_and_free(json_t *o, enum lt_err err, struct lt_diag *diag)
{
    char *text = err ? NULL : json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    if (text && puts(text) < 0) err = lt_fail(diag, LT_ERR_IO, "cannot write to stdout");
    if (!err && !text) err = LT_ERR_NOMEM;
    free(text);
    json_decref(o);
    return err;
}

static enum lt_err do_label(struct lt_store *s, const char *trace, const char *const *value,
                            struct lt_diag *diag)
{
    json_t *calls = NULL;
    struct lt_docs *docs = NULL;
    const char *text = value[OPT_CALLS];
    enum lt_err err = lt_docs_open(&docs, diag);
    if (!err && text)
        err = lt_json_parse(text, strlen(text), LT_DOC_MAX_BYTES_REQUEST, &calls, diag);
    if (!err && text) { /* the shape of the feedback message's calls */
        json_t *o = json_pack("{s:s,s:b,s:O}", "trace", trace, "correct", 0, "calls", calls);
        err = lt_docs_check(docs, LT_DOC_FEEDBACK, o, diag);
        json_decref(o);
    }
    struct lt_label label = {.source = "console",
                             .is_correct = value[OPT_CORRECT] != NULL,
                             .calls_json = text,
                             .note = value[OPT_NOTE],
                             .now_unix_ms = lt_now_unix_ms()};
    if (!err) err = lt_label_put(s, docs, trace, &label, diag);
    json_decref(calls);
    lt_docs_close(docs);
    return err;
}

static enum lt_err do_remove_label(struct lt_store *s, const char *trace, const char *source,
                                   struct lt_diag *diag)
{
    int64_t n = 0;
    enum lt_err err =
        lt_store_label_remove(s, trace, !strcmp(source, "all") ? NULL : source, &n, diag);
    if (!err) printf("%lld labels removed\n", (long long)n);
    return err;
}

/* ---- import ---- */

static void say_refused(const char *where, const char *why)
{
    fprintf(stderr, "left out %s: %s\n", where, why);
}

static enum lt_err do_import(struct lt_store *s, const char *path, const char *site,
                             struct lt_diag *diag)
{
    struct lt_curate_import c = {.site = site, .refused = say_refused};
    enum lt_err err = lt_curate_import(s, path, &c, diag);
    if (!err)
        fprintf(stderr, "%lld traces imported, %lld known already, %lld lines refused\n",
                (long long)c.n_taken, (long long)c.n_known, (long long)c.n_refused);
    return err;
}

/* ---- export ---- */

static enum lt_err do_export(struct lt_store *s, const char *const *value, struct lt_curate *c,
                             struct lt_diag *diag)
{
    FILE *to = stdout;
    c->site = value[OPT_SITE];
    c->route = value[OPT_ROUTE];
    c->label = value[OPT_LABEL];
    c->keep_repeats = value[OPT_REPEATS] != NULL;
    if (value[OPT_SILENCE] || (c->label && !strcmp(c->label, "silence")))
        c->silent_before_unix_ms = lt_now_unix_ms() - LT_CURATE_HOURS * 3600000LL;
    if (value[OPT_OUT] && !(to = fopen(value[OPT_OUT], "we")))
        return lt_fail_errno(diag, "cannot write %s", value[OPT_OUT]);
    char *path = NULL;
    c->is_noted = lt_exports_place_of(to, &path, &c->is_appended);
    c->to_path = path;
    enum lt_err err = lt_curate_export(s, c, to, diag);
    free(path);
    if (to != stdout && fclose(to) && !err) err = lt_fail_errno(diag, "cannot write the export");
    if (!err)
        fprintf(stderr,
                "%lld lines written; left out: %lld labelled traces without text, catalogue or "
                "right calls, %lld excluded, %lld repeated, %lld contradicted, %lld over what "
                "one tool or silence gives, %lld over what one source gives in a day\n",
                (long long)c->n_written, (long long)c->n_skipped, (long long)c->n_excluded,
                (long long)c->n_repeated, (long long)c->n_contrary, (long long)c->n_over,
                (long long)c->n_flood);
    return err;
}

static int export_row(const struct lt_export_row *r, void *user)
{
    struct listing *l = user;
    char time_text[32], n[32];
    if (l->json) {
        json_array_append_new(l->json,
                              json_pack("{s:s?,s:I,s:I,s:s}", "path", r->path, "at_unix_ms",
                                        (json_int_t)r->at_unix_ms, "lines", (json_int_t)r->n_traces,
                                        "filters", r->filters_json));
        return 0;
    }
    when(r->at_unix_ms, time_text, sizeof time_text);
    snprintf(n, sizeof n, "%lld", (long long)r->n_traces);
    const char *cells[] = {time_text, n, r->path ? r->path : "(a pipe)"};
    lt_table_row(&l->table, cells);
    return 0;
}

static enum lt_err do_exports(struct lt_store *s, const char *const *value, struct lt_diag *diag)
{
    static const char *const heads[] = {"exported", ">lines", "file"};
    struct listing l = {.json = lt_cli_wants_json(value[OPT_JSON]) ? json_array() : NULL};
    if (!l.json) lt_table_columns(&l.table, heads, 3);
    enum lt_err err =
        lt_store_export_list(s, value[OPT_SITE] ? LT_EXPORT_OF_SITE : LT_EXPORT_OF_ALL,
                             value[OPT_SITE], export_row, &l, diag);
    int ok = l.json ? lt_cli_print_json(l.json) : lt_table_print(&l.table);
    json_decref(l.json);
    return err ? err : ok ? LT_OK : lt_fail(diag, LT_ERR_IO, "cannot write the listing");
}

/* ---- removing, also from exported files ---- */

static void say_purged(const struct lt_exports_said *x)
{
    char at[32];
    long long n = (long long)x->n;
    when(x->at_unix_ms, at, sizeof at);
    if (!x->path)
        fprintf(stderr, "%lld lines went into a pipe at %s: what came of them is yours to remove\n",
                n, at);
    else if (!strcmp(x->what, "rewritten"))
        fprintf(stderr, "%s: %lld lines removed\n", x->path, n);
    else if (!strcmp(x->what, "gone"))
        fprintf(stderr, "%s: no longer there; copies of its %lld lines of %s are yours to remove\n",
                x->path, n, at);
    else
        fprintf(stderr, "%s: still holds %lld lines: %s\n", x->path, n, x->why);
}

static enum lt_err purge(struct lt_store *s, enum lt_export_of of, const char *site,
                         struct lt_diag *diag)
{
    int n_failed = 0;
    enum lt_err err = lt_exports_purge(s, of, site, say_purged, &n_failed, diag);
    if (!err && n_failed)
        err = lt_fail(diag, LT_ERR_IO,
                      "%d exported file%s could not be rewritten; mend it and run this again",
                      n_failed, n_failed == 1 ? "" : "s");
    return err;
}

static enum lt_err do_erase(struct lt_store *s, const char *site, struct lt_diag *diag)
{
    enum lt_err err = lt_store_site_erase(s, site, diag);
    return err ? err : purge(s, LT_EXPORT_OF_SITE, site, diag);
}

static int read_split(const char *text, int *out)
{
    static const char *const names[] = {"train", "dev", "test"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, names[i])) return *out = i + 1;
    return 0;
}

static enum lt_err do_prune(struct lt_store *s, int64_t since_ms, int64_t max_mb, int has_exports,
                            struct lt_diag *diag)
{
    int64_t n = 0;
    struct lt_prune p = {
        .older_than_unix_ms = since_ms, .max_bytes = max_mb * 1048576, .keep_labelled = 1};
    enum lt_err err = lt_store_prune(s, &p, &n, diag);
    if (!err) printf("%lld traces removed\n", (long long)n);
    return err || !has_exports ? err : purge(s, LT_EXPORT_OF_REMOVED, NULL, diag);
}

/* What staying at home saved, priced by the configuration that serves. */
static void add_saved(json_t *stats, const char *config_path)
{
    struct lt_config config;
    if (lt_config_load(config_path, &config, NULL)) return;
    lt_stats_add_saved(stats, &config);
    lt_config_free(&config);
}

/* Weeks, drift and the promise go beside the counts. */
static enum lt_err add_drift(struct lt_store *s, json_t *stats, const struct lt_drift_options *o,
                             struct lt_diag *diag)
{
    json_t *report = NULL;
    enum lt_err err = lt_drift_report(s, o, &report, diag);
    if (!err) json_object_update(stats, report);
    json_decref(report);
    return err;
}

/* Only an import may make the database: anywhere else a path mistyped would be taken for an empty one. */
static enum lt_err open_store(const char *const *value, int is_readonly, int is_import,
                              struct lt_store **out, struct lt_diag *diag)
{
    struct lt_config config;
    char path[1024];
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &config, diag);
    if (err) return err;
    lt_config_store_path(&config, path, sizeof path);
    struct lt_store_options o = {.path = value[OPT_DB] ? value[OPT_DB] : path,
                                 .is_readonly = is_readonly,
                                 .is_existing = !is_import,
                                 .text_mode =
                                     (enum lt_text_mode)lt_text_mode_parse(config.store.text)};
    err = lt_store_open(&o, out, diag);
    lt_config_free(&config);
    return err;
}

int lt_cmd_traces(int argc, char **argv)
{
    static const struct {
        const char *name;
        int has_id, is_writing;
    } verbs[] = {{"list", 0, 0},   {"show", 1, 0},   {"stats", 0, 0}, {"label", 1, 1},
                 {"export", 0, 1}, {"prune", 0, 1},  {"erase", 0, 1}, {"replay", 0, 0},
                 {"import", 1, 1}, {"exports", 0, 0}};
    enum { LIST, SHOW, STATS, LABEL, EXPORT, PRUNE, ERASE, REPLAY, IMPORT, EXPORTS, N_VERBS };
    struct lt_curate curate = {0};
    struct lt_drift_options drift = {.now_unix_ms = lt_now_unix_ms(), .alpha = 0.02, .delta = 0.1};
    int64_t per_tool = 0, weeks = 4;
    const char *value[N_OPTIONS];
    struct lt_store *s = NULL;
    struct lt_diag diag = {0};
    json_t *o = NULL;
    int64_t days = 0, limit = 20, max_mb = 0;
    int verb = 0, first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first >= argc)
        return lt_cli_usage(&spec, "list, show, stats, label, export, exports, import, prune, "
                                   "erase or replay?");
    while (verb < N_VERBS && strcmp(verbs[verb].name, argv[first]) != 0) verb++;
    if (verb == N_VERBS) return lt_cli_usage(&spec, "unknown '%s'", argv[first]);
    if (argc - first != 1 + verbs[verb].has_id)
        return lt_cli_usage(&spec,
                            verb == IMPORT       ? "%s needs one file"
                            : verbs[verb].has_id ? "%s needs one trace id"
                                                 : "%s takes no words",
                            verbs[verb].name);
    if (!lt_cli_int(&spec, "days", value[OPT_DAYS], 0, 36500, &days) ||
        !lt_cli_int(&spec, "limit", value[OPT_LIMIT], 1, INT64_MAX, &limit) ||
        !lt_cli_int(&spec, "max-mb", value[OPT_MAX_MB], 1, 1 << 30, &max_mb))
        return LT_EXIT_USAGE;
    if (!lt_cli_int(&spec, "weeks", value[OPT_WEEKS], 1, LT_DRIFT_WEEKS_MAX, &weeks) ||
        !lt_cli_num(&spec, "alpha", value[OPT_ALPHA], 0.0001, 0.5, &drift.alpha) ||
        !lt_cli_num(&spec, "delta", value[OPT_DELTA], 0.0001, 0.5, &drift.delta))
        return LT_EXIT_USAGE;
    drift.site = value[OPT_SITE];
    drift.n_weeks = (int)weeks;
    if (!lt_cli_int(&spec, "per-tool", value[OPT_PER_TOOL], 1, INT32_MAX, &per_tool) ||
        !lt_cli_num(&spec, "min-confidence", value[OPT_MIN], 0, 1, &curate.min_confidence) ||
        !lt_cli_num(&spec, "max-confidence", value[OPT_MAX], 0, 1, &curate.max_confidence))
        return LT_EXIT_USAGE;
    if (value[OPT_SPLIT] && !read_split(value[OPT_SPLIT], &curate.split))
        return lt_cli_usage(&spec, "--split: train, dev or test?");
    if (verb == ERASE && !value[OPT_SITE]) return lt_cli_usage(&spec, "erase needs --site NAME");
    if (verb == LABEL && !!value[OPT_CORRECT] + !!value[OPT_WRONG] + !!value[OPT_REMOVE] != 1)
        return lt_cli_usage(&spec, "label needs --correct, --wrong or --remove");
    if (verb == IMPORT && !value[OPT_SITE]) return lt_cli_usage(&spec, "import needs --site NAME");
    if (verb == PRUNE && !days && !max_mb)
        return lt_cli_usage(&spec, "prune needs --days or --max-mb");
    if (verb == REPLAY && !value[OPT_POLICY])
        return lt_cli_usage(&spec, "replay needs --policy FILE");
    const char *id = verbs[verb].has_id ? argv[first + 1] : NULL;
    int64_t since_ms = days ? lt_now_unix_ms() - days * DAY_MS : 0;
    enum lt_err err = open_store(value, !verbs[verb].is_writing, verb == IMPORT, &s, &diag);
    if (!err) switch (verb) {
        case LIST:
            err = do_list(s, value, limit, since_ms, &diag);
            break;
        case SHOW:
            err = lt_store_trace_show(s, id, &o, &diag);
            err = print_and_free(o, err, &diag);
            break;
        case STATS:
            err = lt_store_trace_stats(s, value[OPT_SITE], since_ms, 0, &o, &diag);
            if (!err) err = add_drift(s, o, &drift, &diag);
            if (!err) add_saved(o, value[OPT_CONFIG]);
            err = print_and_free(o, err, &diag);
            break;
        case LABEL:
            err = value[OPT_REMOVE] ? do_remove_label(s, id, value[OPT_REMOVE], &diag)
                                    : do_label(s, id, value, &diag);
            break;
        case IMPORT:
            err = do_import(s, id, value[OPT_SITE], &diag);
            break;
        case EXPORT:
            curate.since_unix_ms = since_ms;
            curate.per_tool = (int)per_tool;
            err = do_export(s, value, &curate, &diag);
            break;
        case PRUNE:
            err = do_prune(s, since_ms, max_mb, value[OPT_EXPORTS] != NULL, &diag);
            break;
        case ERASE:
            err = do_erase(s, value[OPT_SITE], &diag);
            break;
        case EXPORTS:
            err = do_exports(s, value, &diag);
            break;
        case REPLAY:
            err = lt_replay_run(s, value[OPT_POLICY], value[OPT_SITE], since_ms,
                                lt_cli_wants_json(value[OPT_JSON]), &diag);
            break;
        }
    lt_store_close(s);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
