/* store.c - opening, migrating, grouping. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "store_impl.h"

#define APPLICATION_ID 0x4C4E544C /* "LNTL", to know our own files */
#define TEXT_OF(x)     TEXT_OF_(x)
#define TEXT_OF_(x)    #x

int lt_store_version_known(void)
{
    int n = 0;
    while (lt__embedded_sql[n].name) n++;
    return n;
}

/* ---- migrations ---- */

static enum lt_err read_version(struct lt_store *s, struct lt_diag *diag)
{
    int64_t v = 0, id = 0, n_tables = 0;
    enum lt_err err = lt__db_int(s->db, diag, 0, &v, "PRAGMA user_version", "");
    if (!err) err = lt__db_int(s->db, diag, 0, &id, "PRAGMA application_id", "");
    if (!err) err = lt__db_int(s->db, diag, 0, &n_tables, "SELECT count(*) FROM sqlite_schema", "");
    if (err) return err;
    if (id != APPLICATION_ID && (v || n_tables))
        return lt_fail(
            diag, LT_ERR_PARSE,
            "the database belongs to another program; set store.path to a file of its own");
    if (v > lt_store_version_known())
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "the database has version %lld, this program knows %d; install the newer "
                       "Lintel again or use another store.path",
                       (long long)v, lt_store_version_known());
    s->version = (int)v;
    return LT_OK;
}

/* One step: the script and the new version number in one transaction. */
static enum lt_err migrate_step(struct lt_store *s, struct lt_diag *diag)
{
    const struct lt__embedded *m = lt__embedded_sql + s->version;
    char set_version[64];
    snprintf(set_version, sizeof set_version, "PRAGMA user_version = %d", s->version + 1);
    enum lt_err err = lt__db_script(s->db, "BEGIN IMMEDIATE", diag);
    if (err) return err;
    int before = s->version;
    err = read_version(s, diag); /* another program may have been here first */
    if (!err && s->version == before) {
        err = lt__db_script(s->db, m->text, diag);
        if (!err)
            err = lt__db_script(s->db, "PRAGMA application_id = " TEXT_OF(APPLICATION_ID), diag);
        if (!err) err = lt__db_script(s->db, set_version, diag);
        if (!err) s->version = before + 1;
    }
    if (!err) err = lt__db_script(s->db, "COMMIT", diag);
    if (err) {
        s->version = before;
        if (lt__db_in_transaction(s->db) && lt__db_script(s->db, "ROLLBACK", NULL))
            s->version = before; /* closing the file undoes it */
    }
    return err;
}

static enum lt_err prepare_writing(struct lt_store *s, const struct lt_store_options *o,
                                   struct lt_diag *diag)
{
    /* auto_vacuum must come before the first table; it does nothing later */
    enum lt_err err = lt__db_script(s->db, "PRAGMA auto_vacuum = INCREMENTAL", diag);
    if (!err) err = read_version(s, diag);
    if (!err) err = lt__db_script(s->db, "PRAGMA journal_mode = WAL", diag);
    if (!err) err = lt__db_script(s->db, "PRAGMA synchronous = FULL", diag);
    s->is_sync_full = 1;
    if (!err) err = lt__db_script(s->db, "PRAGMA wal_autocheckpoint = 1000", diag);
    /* a log that grew under a long reader shrinks again */
    if (!err) err = lt__db_script(s->db, "PRAGMA journal_size_limit = 8388608", diag);
    while (!err && s->version < lt_store_version_known()) err = migrate_step(s, diag);
    if (!err && o->max_bytes > 0) {
        int64_t page = 4096;
        char sql[80];
        err = lt__db_int(s->db, diag, 4096, &page, "PRAGMA page_size", "");
        snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld",
                 (long long)(o->max_bytes / page > 0 ? o->max_bytes / page : 1));
        if (!err) err = lt__db_script(s->db, sql, diag);
    }
    return err;
}

enum lt_err lt_store_open(const struct lt_store_options *o, struct lt_store **out,
                          struct lt_diag *diag)
{
    if (o->is_readonly || o->is_existing) {
        FILE *f = fopen(o->path, "rb");
        if (!f && errno == ENOENT)
            return lt_fail(diag, LT_ERR_NOTFOUND,
                           "%s: no database there; `lintel serve` makes one, --db or store.path "
                           "names another",
                           o->path);
        if (!f) return lt_fail_errno(diag, "%s", o->path);
        fclose(f);
    }
    struct lt_store *s = calloc(1, sizeof *s);
    if (!s) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", o->path);
    lt_ulid_init(&s->ids);
    s->text_mode = o->text_mode;
    s->dedupe_window_ms = o->dedupe_window_ms ? o->dedupe_window_ms : LT_STORE_DEDUPE_WINDOW_MS;
    struct lt_diag inner = {0};
    enum lt_err err = lt__db_open(
        o->path, o->is_readonly ? LT__DB_READONLY : 0,
        o->busy_timeout_ms ? o->busy_timeout_ms : LT_STORE_BUSY_TIMEOUT_MS, &s->db, &inner);
    if (!err) err = lt__db_script(s->db, "PRAGMA foreign_keys = ON", &inner);
    if (!err) err = o->is_readonly ? read_version(s, &inner) : prepare_writing(s, o, &inner);
    if (!err && s->version != lt_store_version_known())
        err =
            lt_fail(&inner, LT_ERR_UNSUPPORTED,
                    "the database has version %d, this program needs %d; start `lintel serve` once",
                    s->version, lt_store_version_known());
    if (err) {
        const char *text = lt_diag_text(&inner, err);
        int has_path = !strncmp(text, o->path, strlen(o->path));
        lt_fail(diag, err, "%s%s%s", has_path ? "" : o->path, has_path ? "" : ": ", text);
        lt_store_close(s);
        return err;
    }
    *out = s;
    return LT_OK;
}

void lt_store_close(struct lt_store *s)
{
    if (!s) return;
    if (s->db) lt_store_rollback(s);
    lt__db_close(s->db);
    free(s);
}

int lt_store_version(const struct lt_store *s)
{
    return s->version;
}

/* ---- groups and single writes ---- */

/* Prepared once, as every request needs them several times. */
static const char sql_begin[] = "BEGIN IMMEDIATE", sql_commit[] = "COMMIT",
                  sql_savepoint[] = "SAVEPOINT one", sql_release[] = "RELEASE one";

static enum lt_err begin(struct lt_store *s, int is_durable, struct lt_diag *diag)
{
    /* synchronous can only change between transactions */
    enum lt_err err = LT_OK;
    if (is_durable != s->is_sync_full) {
        err = lt__db_script(
            s->db, is_durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", diag);
        if (!err) s->is_sync_full = is_durable;
    }
    return err ? err : lt__db_run(s->db, diag, sql_begin, "");
}

/* Undo the transaction; when even that fails nothing was committed and the next begin says so. */
static void undo(struct lt_store *s)
{
    if (lt__db_in_transaction(s->db)) {
        enum lt_err err = lt__db_script(s->db, "ROLLBACK", NULL);
        (void)err;
    }
}

enum lt_err lt_store_begin(struct lt_store *s, int is_durable, struct lt_diag *diag)
{
    if (s->is_group) return lt_fail(diag, LT_ERR_INVALID, "a group is open already");
    enum lt_err err = begin(s, !!is_durable, diag);
    if (err) return err;
    s->is_group = 1;
    s->broken = LT_OK;
    return LT_OK;
}

enum lt_err lt_store_commit(struct lt_store *s, struct lt_diag *diag)
{
    if (!s->is_group) return lt_fail(diag, LT_ERR_INVALID, "no group is open");
    s->is_group = 0;
    if (s->broken || !lt__db_in_transaction(s->db)) {
        undo(s);
        return lt_fail(diag, s->broken ? s->broken : LT_ERR_IO,
                       "the group was undone by an earlier error; nothing of it was written");
    }
    enum lt_err err = lt__db_run(s->db, diag, sql_commit, "");
    if (err) undo(s);
    return err;
}

void lt_store_rollback(struct lt_store *s)
{
    s->is_group = 0;
    s->broken = LT_OK;
    undo(s);
}

/* Inside a group: does it still stand? */
static enum lt_err look_at_group(struct lt_store *s, struct lt_diag *diag)
{
    if (!s->broken && lt__db_in_transaction(s->db)) return LT_OK;
    if (!s->broken) s->broken = LT_ERR_IO;
    return lt_fail(diag, s->broken, "the group was undone by an earlier error");
}

enum lt_err lt__enter(struct lt_store *s, int is_durable, struct lt_diag *diag)
{
    if (!s->is_group) return begin(s, is_durable, diag);
    enum lt_err err = look_at_group(s, diag);
    return err ? err : lt__db_run(s->db, diag, sql_savepoint, "");
}

enum lt_err lt__leave(struct lt_store *s, enum lt_err err, struct lt_diag *diag)
{
    if (!s->is_group) {
        if (!err) err = lt__db_run(s->db, diag, sql_commit, "");
        if (err) undo(s);
        return err;
    }
    if (!lt__db_in_transaction(s->db)) { /* SQLite undid everything by itself */
        s->broken = err ? err : LT_ERR_IO;
        return lt_fail(diag, s->broken, "the group was undone");
    }
    enum lt_err end = err ? lt__db_script(s->db, "ROLLBACK TO one; RELEASE one", NULL)
                          : lt__db_run(s->db, diag, sql_release, "");
    if (end) s->broken = end;
    return err ? err : end;
}

enum lt_err lt__enter_single(struct lt_store *s, int is_durable, struct lt_diag *diag)
{
    return s->is_group ? look_at_group(s, diag) : begin(s, is_durable, diag);
}

enum lt_err lt__leave_single(struct lt_store *s, enum lt_err err, struct lt_diag *diag)
{
    if (!s->is_group || !lt__db_in_transaction(s->db)) return lt__leave(s, err, diag);
    return err;
}

/* ---- texts ---- */

enum lt_err lt__store_text(struct lt_store *s, const char *text, char **out, struct lt_diag *diag)
{
    *out = NULL;
    enum lt_err err = text ? lt_redact_text(s->text_mode, text, strlen(text), out) : LT_OK;
    return err ? lt_fail(diag, err, "cannot prepare a text for the store: %s", lt_strerror(err))
               : LT_OK;
}

enum lt_err lt__store_json(struct lt_store *s, const char *json, char **out, struct lt_diag *diag)
{
    enum lt_err err = lt_redact_json(s->text_mode, json, out);
    return err ? lt_fail(diag, err, "cannot prepare JSON for the store: %s", lt_strerror(err))
               : LT_OK;
}
