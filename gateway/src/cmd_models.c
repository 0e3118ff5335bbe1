/* cmd_models.c - `lintel models`: the networks this installation knows, and which one is in use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/store.h"
#include "model.h"

enum { OPT_CONFIG, OPT_DB, OPT_JSON, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration that names the database"},
    [OPT_DB] = {"db", 0, "FILE", "the database itself"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel models list|add FILE|activate HASH|rollback [options]",
    "list      networks known here, the active one marked\n"
    "add       register a network file (it must open)\n"
    "activate  make the one whose hash begins so the active one; rollback goes back to the one "
    "before.\nA running gateway takes the active network within seconds, without losing a request, "
    "unless\nmodel.file names one.",
    options, N_OPTIONS};

struct listing {
    struct lt_table table;
    json_t *json;
    const char *prefix; /* activate: what the hash begins with */
    char found[LT_SHA256_HEX_CAP];
    int n_found;
};

static int each(const struct lt_model *m, void *user)
{
    struct listing *l = user;
    char mb[32];
    if (l->prefix) {
        if (strncmp(m->sha256, l->prefix, strlen(l->prefix)) != 0) return 0;
        snprintf(l->found, sizeof l->found, "%s", m->sha256);
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

static enum lt_err do_add(struct lt_store *s, const char *file, struct lt_diag *diag)
{
    char hash[LT_SHA256_HEX_CAP];
    enum lt_err err = lt_model_register(s, file, NULL, hash, diag);
    if (!err) printf("%s\n", hash);
    return err;
}

static enum lt_err do_activate(struct lt_store *s, const char *prefix, struct lt_diag *diag)
{
    struct listing l = {.prefix = prefix};
    enum lt_err err = lt_store_model_list(s, each, &l, diag);
    if (!err && l.n_found != 1)
        err = lt_fail(diag, l.n_found ? LT_ERR_INVALID : LT_ERR_NOTFOUND,
                      "%d networks have a hash that begins with '%.64s'; lintel models list shows "
                      "all",
                      l.n_found, prefix);
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
    int has_word = !strcmp(verb, "add") || !strcmp(verb, "activate");
    if (!has_word && strcmp(verb, "list") != 0 && strcmp(verb, "rollback") != 0)
        return lt_cli_usage(&spec, "list, add, activate or rollback?");
    if (argc - first != 1 + has_word)
        return lt_cli_usage(&spec, has_word ? "%s needs one word" : "%s takes no words", verb);
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &config, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    lt_config_store_path(&config, path, sizeof path);
    struct lt_store_options o = {.path = value[OPT_DB] ? value[OPT_DB] : path,
                                 .is_readonly = !strcmp(verb, "list")};
    err = lt_store_open(&o, &s, &diag);
    if (!err && !strcmp(verb, "list")) err = do_list(s, value[OPT_JSON], &diag);
    if (!err && !strcmp(verb, "add")) err = do_add(s, argv[first + 1], &diag);
    if (!err && !strcmp(verb, "activate")) err = do_activate(s, argv[first + 1], &diag);
    if (!err && !strcmp(verb, "rollback")) {
        err = lt_store_model_rollback(s, lt_now_unix_ms(), hash, &diag);
        if (!err) printf("%s\n", hash);
    }
    lt_store_close(s);
    lt_config_free(&config);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
