/* cmd_models.c - `lintel models`: the networks this installation knows, and which one is in use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/store.h"
#include "lt/store_house.h"
#include "model.h"
#include "models_diff.h"
#include "promote.h"
#include "shadow.h"
#include "sign.h"

enum {
    OPT_CONFIG,
    OPT_DB,
    OPT_DATA,
    OPT_SITE,
    OPT_LIMIT,
    OPT_KEY,
    OPT_TRUST,
    OPT_CHECK,
    OPT_KEEP,
    OPT_JSON,
    N_OPTIONS
};
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration that names the database"},
    [OPT_DB] = {"db", 0, "FILE", "the database itself"},
    [OPT_DATA] = {"data", 'd', "FILE", "diff: over data lines instead of the newest traces"},
    [OPT_SITE] = {"site", 0, "NAME", "diff: traces of this site only"},
    [OPT_LIMIT] = {"limit", 'n', "N", "diff, shadow: most requests (default 500)"},
    [OPT_KEY] = {"key", 'k', "FILE", "sign: the private key"},
    [OPT_TRUST] = {"trust", 0, "FILE",
                   "add: take only what was signed with this public key (default: model.trust)"},
    [OPT_CHECK] = {"check", 0, NULL, "activate: only if not worse here than the one in use"},
    [OPT_KEEP] = {"keep", 0, "N", "activate --check: base cases that judge (default 600)"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel models list|add FILE|activate HASH|rollback|diff A B|shadow [HASH|off]|keygen FILE|"
    "sign FILE [options]",
    "list      networks known here, the active one marked\n"
    "add       register a network file (it must open)\n"
    "activate  make the one whose hash begins so the active one, without comparing unless "
    "--check is\n          given; rollback goes back to the one before.\nA running gateway takes "
    "the active network within seconds, without losing a request, "
    "unless\nmodel.file names one.\n"
    "diff      where two networks (hashes or files) answer differently\n"
    "shadow    let a network answer beside the active one without consequences, or end that;\n"
    "          without a word: how often they disagreed\n"
    "keygen    make a key and, as FILE.pub, its public half; sign writes FILE.sig",
    options, N_OPTIONS};

struct listing {
    struct lt_table table;
    json_t *json;
    const char *prefix; /* activate: what the hash begins with */
    char found[LT_SHA256_HEX_CAP], path[1024];
    int n_found;
};

static int each(const struct lt_model *m, void *user)
{
    struct listing *l = user;
    char mb[32];
    if (l->prefix) {
        if (strncmp(m->sha256, l->prefix, strlen(l->prefix)) != 0) return 0;
        snprintf(l->found, sizeof l->found, "%s", m->sha256);
        snprintf(l->path, sizeof l->path, "%s", m->path);
        l->n_found++;
    } else if (l->json) {
        json_array_append_new(l->json, json_pack("{s:s,s:s,s:s,s:I,s:b,s:s?}", "name", m->name,
                                                 "path", m->path, "sha256", m->sha256, "bytes",
                                                 (json_int_t)m->n_bytes, "active", m->is_active,
                                                 "metrics", m->metrics_json));
    } else {
        snprintf(mb, sizeof mb, "%.1f", (double)m->n_bytes / 1048576);
        const char *cells[] = {m->is_active ? "*" : "", m->name, mb, m->sha256, m->path};
        lt_table_row(&l->table, cells);
    }
    return 0;
}

static enum lt_err do_list(struct lt_store *s, const char *json, struct lt_diag *diag)
{
    static const char *const heads[] = {"", "name", ">MiB", "hash", "file"};
    struct listing l = {.json = lt_cli_wants_json(json) ? json_array() : NULL};
    if (!l.json) lt_table_columns(&l.table, heads, 5);
    enum lt_err err = lt_store_model_list(s, each, &l, diag);
    int ok = l.json ? lt_cli_print_json(l.json) : lt_table_print(&l.table);
    json_decref(l.json);
    return err ? err : ok ? LT_OK : lt_fail(diag, LT_ERR_IO, "cannot write the listing");
}

/* `trust`: public key that it must be signed with; "" for none. */
static enum lt_err do_add(struct lt_store *s, const char *file, const char *trust,
                          struct lt_diag *diag)
{
    char hash[LT_SHA256_HEX_CAP];
    enum lt_err err = *trust ? lt_sign_check(file, trust, diag) : LT_OK;
    if (!err) err = lt_model_register(s, file, NULL, hash, diag);
    if (!err) printf("%s\n", hash);
    return err;
}

/* The one network whose hash begins so. */
static enum lt_err find(struct lt_store *s, const char *prefix, struct listing *l,
                        struct lt_diag *diag)
{
    *l = (struct listing){.prefix = prefix};
    enum lt_err err = lt_store_model_list(s, each, l, diag);
    if (!err && l->n_found != 1)
        err = lt_fail(diag, l->n_found ? LT_ERR_INVALID : LT_ERR_NOTFOUND,
                      "%d networks have a hash that begins with '%.64s'; lintel models list shows "
                      "all",
                      l->n_found, prefix);
    return err;
}

/* ---- diff and shadow ---- */

static void short_json(const json_t *v, char *out, size_t cap)
{
    char *text = json_dumps(v, JSON_COMPACT);
    snprintf(out, cap, "%.*s", (int)cap - 1, text ? text : "");
    free(text);
}

static int print_rows(const json_t *rows)
{
    static const char *const heads[] = {"text", "a", ">sure", "b", ">sure", "right"};
    struct lt_table t;
    const json_t *row;
    size_t i;
    memset(&t, 0, sizeof t);
    lt_table_columns(&t, heads, 6);
    json_array_foreach(rows, i, row)
    {
        char x[200], y[200], right[200] = "", p[16], q[16];
        short_json(json_object_get(row, "a"), x, sizeof x);
        short_json(json_object_get(row, "b"), y, sizeof y);
        if (json_object_get(row, "right"))
            short_json(json_object_get(row, "right"), right, sizeof right);
        snprintf(p, sizeof p, "%.2f", json_number_value(json_object_get(row, "a_confidence")));
        snprintf(q, sizeof q, "%.2f", json_number_value(json_object_get(row, "b_confidence")));
        const char *cells[] = {json_string_value(json_object_get(row, "text")), x, p, y, q, right};
        lt_table_row(&t, cells);
    }
    return lt_table_print(&t);
}

static enum lt_err print_difference(json_t *o, const char *json, struct lt_diag *diag)
{
    int is_ok;
    if (lt_cli_wants_json(json)) {
        is_ok = lt_cli_print_json(o);
    } else {
        is_ok = print_rows(json_object_get(o, "rows"));
        printf("%d requests, %d answered alike, %d not; of %d with a label a had %d right, b %d\n",
               (int)json_integer_value(json_object_get(o, "n")),
               (int)json_integer_value(json_object_get(o, "same")),
               (int)json_integer_value(json_object_get(o, "different")),
               (int)json_integer_value(json_object_get(o, "known")),
               (int)json_integer_value(json_object_get(o, "a_right")),
               (int)json_integer_value(json_object_get(o, "b_right")));
    }
    json_decref(o);
    return is_ok ? LT_OK : lt_fail(diag, LT_ERR_IO, "cannot write the difference");
}

/* A file, or the file of the network whose hash begins so. */
static enum lt_err path_of(struct lt_store *s, const char *word, char *out, size_t cap,
                           struct lt_diag *diag)
{
    struct listing l;
    if (!access(word, R_OK)) {
        snprintf(out, cap, "%s", word);
        return LT_OK;
    }
    enum lt_err err = find(s, word, &l, diag);
    if (!err) snprintf(out, cap, "%s", l.path);
    return err;
}

static enum lt_err do_diff(struct lt_store *s, char **words, const char *const *value,
                           int64_t limit, struct lt_diag *diag)
{
    char a[1024], b[1024];
    json_t *o = NULL;
    struct lt_models_diff d = {
        .a = a, .b = b, .data_path = value[OPT_DATA], .site = value[OPT_SITE], .limit = limit};
    enum lt_err err = path_of(s, words[0], a, sizeof a, diag);
    if (!err) err = path_of(s, words[1], b, sizeof b, diag);
    if (!err) err = lt_models_diff(s, &d, &o, diag);
    return err ? err : print_difference(o, value[OPT_JSON], diag);
}

static enum lt_err do_shadow(struct lt_store *s, const char *word, const char *const *value,
                             int64_t limit, struct lt_diag *diag)
{
    struct listing l = {0};
    char hash[LT_SHA256_HEX_CAP];
    json_t *o = NULL;
    enum lt_err err = LT_OK;
    if (!word) {
        err = lt_store_setting_get(s, "", LT_MODEL_SHADOW, hash, sizeof hash, diag);
        if (!err && !hash[0])
            err =
                lt_fail(diag, LT_ERR_NOTFOUND,
                        "no network runs beside the active one; lintel models shadow HASH begins");
        if (!err) err = lt_store_shadow_report(s, hash, limit, &o, diag);
        return err ? err : print_difference(o, value[OPT_JSON], diag);
    }
    if (strcmp(word, "off") != 0) err = find(s, word, &l, diag);
    if (!err) err = lt_store_setting_put(s, "", LT_MODEL_SHADOW, l.found, diag);
    if (!err) printf("%s\n", l.found[0] ? l.found : "off");
    return err;
}

/* LT_ERR_INVALID with the reason when the labelled traces speak against it; the table goes to stdout. */
static enum lt_err check(const struct lt_config *c, struct lt_store *s, const char *db,
                         const char *path, int n_keep, struct lt_diag *diag)
{
#ifdef LT_HAVE_CMD_FINETUNE
    struct san_finetune_options o = san_finetune_options_default();
    struct lt_promote p = {0};
    char active[1024];
    lt_us t0 = lt_now_us();
    enum lt_err err = lt_model_choose(c, s, active, sizeof active, diag);
    if (!err) err = lt_promote_compare(db, active, path, n_keep, &p, diag);
    if (!err) lt_promote_print(&o, &p.report, (double)(lt_now_us() - t0) / 1e6, 0);
    if (!err && !p.report.is_better)
        err = lt_fail(diag, LT_ERR_INVALID, "not activated: %s", p.report.why);
    lt_promote_free(&p);
    return err;
#else
    (void)c, (void)s, (void)db, (void)path, (void)n_keep;
    return lt_fail(diag, LT_ERR_UNSUPPORTED, "this lintel was built without learning");
#endif
}

static enum lt_err do_activate(const struct lt_config *c, struct lt_store *s, const char *db,
                               const char *prefix, int is_checked, int n_keep, struct lt_diag *diag)
{
    struct listing l;
    enum lt_err err = find(s, prefix, &l, diag);
    if (!err && is_checked) err = check(c, s, db, l.path, n_keep, diag);
    if (!err && !is_checked)
        fputs("lintel models: not compared with the network in use; --check does\n", stderr);
    if (!err) err = lt_store_model_activate(s, l.found, lt_now_unix_ms(), diag);
    if (!err) printf("%s\n", l.found);
    return err;
}

int lt_cmd_models(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    struct lt_config config;
    struct lt_store *s = NULL;
    struct lt_diag diag = {0};
    char path[1024], hash[LT_SHA256_HEX_CAP];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    const char *verb = first < argc ? argv[first] : "";
    static const struct {
        const char *name;
        int least, most, is_reading; /* words after it */
    } verbs[] = {{"list", 0, 0, 1},     {"add", 1, 1, 0},  {"activate", 1, 1, 0},
                 {"rollback", 0, 0, 0}, {"diff", 2, 2, 1}, {"shadow", 0, 1, 0},
                 {"keygen", 1, 1, 0},   {"sign", 1, 1, 0}};
    enum { N_VERBS = sizeof verbs / sizeof verbs[0] };
    int64_t limit = 500, keep = 600;
    int v = 0, n_words = argc - first - 1;
    while (v < N_VERBS && strcmp(verbs[v].name, verb) != 0) v++;
    if (v == N_VERBS)
        return lt_cli_usage(&spec, "list, add, activate, rollback, diff, shadow, keygen or sign?");
    if (n_words < verbs[v].least || n_words > verbs[v].most)
        return lt_cli_usage(&spec,
                            verbs[v].least == 2  ? "%s needs two networks"
                            : verbs[v].least     ? "%s needs one word"
                            : verbs[v].most == 0 ? "%s takes no words"
                                                 : "%s takes one word at most",
                            verb);
    if (!lt_cli_int(&spec, "limit", value[OPT_LIMIT], 1, LT_MODELS_DIFF_MAX, &limit) ||
        !lt_cli_int(&spec, "keep", value[OPT_KEEP], 1, 100000, &keep))
        return LT_EXIT_USAGE;
    int is_keygen = !strcmp(verb, "keygen");
    if (is_keygen || !strcmp(verb, "sign")) { /* neither configuration nor store */
        if (!is_keygen && !value[OPT_KEY]) return lt_cli_usage(&spec, "sign needs --key FILE");
        enum lt_err failed = is_keygen ? lt_sign_keygen(argv[first + 1], &diag)
                                       : lt_sign_file(argv[first + 1], value[OPT_KEY], &diag);
        return failed ? lt_cli_fail(&spec, failed, &diag) : LT_EXIT_DONE;
    }
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &config, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    lt_config_store_path(&config, path, sizeof path);
    struct lt_store_options o = {.path = value[OPT_DB] ? value[OPT_DB] : path,
                                 .is_readonly =
                                     verbs[v].is_reading || (!strcmp(verb, "shadow") && !n_words),
                                 .is_existing = strcmp(verb, "add") != 0};
    err = lt_store_open(&o, &s, &diag);
    if (!err && !strcmp(verb, "list")) err = do_list(s, value[OPT_JSON], &diag);
    if (!err && !strcmp(verb, "add"))
        err = do_add(s, argv[first + 1], value[OPT_TRUST] ? value[OPT_TRUST] : config.model.trust,
                     &diag);
    if (!err && !strcmp(verb, "activate"))
        err = do_activate(&config, s, value[OPT_DB] ? value[OPT_DB] : path, argv[first + 1],
                          value[OPT_CHECK] != NULL, (int)keep, &diag);
    if (!err && !strcmp(verb, "diff")) err = do_diff(s, argv + first + 1, value, limit, &diag);
    if (!err && !strcmp(verb, "shadow"))
        err = do_shadow(s, n_words ? argv[first + 1] : NULL, value, limit, &diag);
    if (!err && !strcmp(verb, "rollback")) {
        err = lt_store_model_rollback(s, lt_now_unix_ms(), hash, &diag);
        if (!err) printf("%s\n", *hash ? hash : "none: the shipped network is used");
    }
    lt_store_close(s);
    lt_config_free(&config);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
