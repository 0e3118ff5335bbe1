/* db.c - the one place that talks to SQLite. */
#include "db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_STATEMENTS 128 /* distinct SQL texts of the store; a constant of the program */

struct lt__rows {
    struct lt__db *db;
    const char *sql;
    sqlite3_stmt *stmt;
};

struct lt__db {
    sqlite3 *db;
    char *path;
    struct lt__rows statements[MAX_STATEMENTS];
    int n_statements;
    int busy_timeout_ms;
    struct timespec busy_since;
};

#define BUSY_STEP_NS 1000000 /* how late a lock that came free may be noticed */
#define BUSY_SOON_MS 50      /* so long it is looked at so often, then five times less */

/* Another writer has the lock. SQLite's own handler sleeps in ever longer steps of up to 100 ms, which a
 * request would wait for although the other was done long before. */
static int wait_for_lock(void *user, int n_before)
{
    struct lt__db *db = user;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!n_before) db->busy_since = now;
    int64_t waited_ms = (int64_t)(now.tv_sec - db->busy_since.tv_sec) * 1000 +
                        (now.tv_nsec - db->busy_since.tv_nsec) / 1000000;
    if (waited_ms >= db->busy_timeout_ms) return 0;
    struct timespec step = {0, waited_ms < BUSY_SOON_MS ? BUSY_STEP_NS : 5 * BUSY_STEP_NS};
    nanosleep(&step, NULL);
    return 1;
}

/* Is it for want of room? SQLite calls only some of these full: that its shared memory, a file too, cannot
 * grow is an I/O error to it. */
static int is_full(int rc, int os_errno)
{
    int is_io = (rc & 0xff) == SQLITE_IOERR;
    return (rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE ||
           (is_io && (os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EFBIG));
}

/* Turn SQLite's code into ours and a line for people. */
static enum lt_err db_fail(struct lt__db *db, int rc, struct lt_diag *diag)
{
    const char *path = db->path;
    int os_errno = db->db ? sqlite3_system_errno(db->db) : 0;
    if (diag && !diag->code) diag->os_errno = os_errno;
    switch (is_full(rc, os_errno) ? SQLITE_FULL : rc & 0xff) {
    case SQLITE_FULL:
        return lt_fail(diag, LT_ERR_IO,
                       "%s: no room for more; free space on its file system or raise store.max_mb",
                       path);
    case SQLITE_READONLY:
        return lt_fail(
            diag, LT_ERR_IO,
            "%s: read-only; give the user who runs this write access to it and its folder", path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return lt_fail(diag, LT_ERR_PARSE,
                       "%s: damaged or no database (%s); restore a copy or move the file away",
                       path, sqlite3_errstr(rc));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return lt_fail(diag, LT_ERR_BUSY, "%s: another program keeps it locked; try again", path);
    case SQLITE_CANTOPEN:
        return lt_fail(diag, LT_ERR_IO,
                       "%s: cannot be opened; does its folder exist, may we write?", path);
    case SQLITE_NOMEM:
        return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    case SQLITE_CONSTRAINT:
        return lt_fail(diag, LT_ERR_INVALID, "%s: %s", path, sqlite3_errmsg(db->db));
    case SQLITE_IOERR:
    case SQLITE_PERM:
        return lt_fail(diag, LT_ERR_IO, "%s: the disk failed (%s); look at the system's log", path,
                       sqlite3_errstr(rc));
    default:
        return lt_fail(diag, LT_ERR_INTERNAL, "%s: %s", path,
                       db->db ? sqlite3_errmsg(db->db) : sqlite3_errstr(rc));
    }
}

enum lt_err lt__db_open(const char *path, int flags, int busy_timeout_ms, struct lt__db **out,
                        struct lt_diag *diag)
{
    struct lt__db *db = calloc(1, sizeof *db);
    if (db) db->path = strdup(path);
    if (!db || !db->path) {
        free(db);
        return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    }
    int mode =
        flags & LT__DB_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    /* one thread at a time is the store's rule, so SQLite's own locks are not needed */
    int rc = sqlite3_open_v2(path, &db->db, mode | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_extended_result_codes(db->db, 1);
    if (rc == SQLITE_OK) {
        db->busy_timeout_ms = busy_timeout_ms;
        rc = sqlite3_busy_handler(db->db, wait_for_lock, db);
    }
    if (rc == SQLITE_OK) {
        sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    }
    if (rc != SQLITE_OK) {
        enum lt_err err = db_fail(db, rc, diag);
        lt__db_close(db);
        return err;
    }
    *out = db;
    return LT_OK;
}

void lt__db_close(struct lt__db *db)
{
    if (!db) return;
    for (int i = 0; i < db->n_statements; i++) sqlite3_finalize(db->statements[i].stmt);
    sqlite3_close(db->db);
    free(db->path);
    free(db);
}

enum lt_err lt__db_script(struct lt__db *db, const char *sql, struct lt_diag *diag)
{
    int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? LT_OK : db_fail(db, rc, diag);
}

static enum lt_err prepare(struct lt__db *db, const char *sql, struct lt__rows **out,
                           struct lt_diag *diag)
{
    for (int i = 0; i < db->n_statements; i++)
        if (db->statements[i].sql == sql) {
            *out = db->statements + i;
            sqlite3_reset((*out)->stmt);
            return LT_OK;
        }
    if (db->n_statements == MAX_STATEMENTS)
        return lt_fail(diag, LT_ERR_INTERNAL, "%s: more than %d kinds of statement", db->path,
                       MAX_STATEMENTS);
    struct lt__rows r = {.db = db, .sql = sql};
    int rc = sqlite3_prepare_v3(db->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &r.stmt, NULL);
    if (rc != SQLITE_OK) return db_fail(db, rc, diag);
    db->statements[db->n_statements] = r;
    *out = db->statements + db->n_statements++;
    return LT_OK;
}

static int bind_all(sqlite3_stmt *stmt, const char *fmt, va_list ap)
{
    int rc = SQLITE_OK;
    for (int i = 1; *fmt && rc == SQLITE_OK; fmt++, i++) {
        const void *p;
        size_t n;
        switch (*fmt) {
        case 't':
            rc = sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 'i':
            rc = sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
            break;
        case 'r':
            rc = sqlite3_bind_double(stmt, i, va_arg(ap, double));
            break;
        case 'b':
            p = va_arg(ap, const void *);
            n = va_arg(ap, size_t);
            rc = p ? sqlite3_bind_blob64(stmt, i, p, n, SQLITE_TRANSIENT)
                   : sqlite3_bind_null(stmt, i);
            break;
        default:
            rc = sqlite3_bind_null(stmt, i);
        }
    }
    return rc;
}

static enum lt_err start(struct lt__db *db, struct lt_diag *diag, struct lt__rows **out,
                         const char *sql, const char *fmt, va_list ap)
{
    enum lt_err err = prepare(db, sql, out, diag);
    if (err) return err;
    int rc = bind_all((*out)->stmt, fmt, ap);
    return rc == SQLITE_OK ? LT_OK : db_fail(db, rc, diag);
}

enum lt_err lt__db_query(struct lt__db *db, struct lt_diag *diag, struct lt__rows **out,
                         const char *sql, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *out = NULL;
    enum lt_err err = start(db, diag, out, sql, fmt, ap);
    va_end(ap);
    return err;
}

enum lt_err lt__db_next(struct lt__rows *r, int *has_row, struct lt_diag *diag)
{
    int rc = sqlite3_step(r->stmt);
    *has_row = rc == SQLITE_ROW;
    if (*has_row) return LT_OK;
    enum lt_err err = rc == SQLITE_DONE ? LT_OK : db_fail(r->db, rc, diag);
    lt__db_done(r);
    return err;
}

void lt__db_done(struct lt__rows *r)
{
    if (!r) return;
    sqlite3_reset(r->stmt);
    sqlite3_clear_bindings(r->stmt); /* what people said does not linger in memory */
}

enum lt_err lt__db_run(struct lt__db *db, struct lt_diag *diag, const char *sql, const char *fmt,
                       ...)
{
    struct lt__rows *r = NULL;
    va_list ap;
    va_start(ap, fmt);
    enum lt_err err = start(db, diag, &r, sql, fmt, ap);
    va_end(ap);
    int has_row = 1;
    while (!err && has_row) err = lt__db_next(r, &has_row, diag);
    return err;
}

enum lt_err lt__db_int(struct lt__db *db, struct lt_diag *diag, int64_t none, int64_t *out,
                       const char *sql, const char *fmt, ...)
{
    struct lt__rows *r = NULL;
    va_list ap;
    va_start(ap, fmt);
    enum lt_err err = start(db, diag, &r, sql, fmt, ap);
    va_end(ap);
    int has_row = 0;
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    *out = none;
    if (has_row) {
        if (!lt__col_is_null(r, 0)) *out = lt__col_int(r, 0);
        lt__db_done(r);
    }
    return LT_OK;
}

const char *lt__col_text(struct lt__rows *r, int i)
{
    return (const char *)sqlite3_column_text(r->stmt, i);
}
int64_t lt__col_int(struct lt__rows *r, int i)
{
    return sqlite3_column_int64(r->stmt, i);
}
double lt__col_real(struct lt__rows *r, int i)
{
    return sqlite3_column_double(r->stmt, i);
}
int lt__col_is_null(struct lt__rows *r, int i)
{
    return sqlite3_column_type(r->stmt, i) == SQLITE_NULL;
}
const void *lt__col_blob(struct lt__rows *r, int i, size_t *n)
{
    const void *p = sqlite3_column_blob(r->stmt, i);
    *n = (size_t)sqlite3_column_bytes(r->stmt, i);
    return p;
}

int64_t lt__db_changes(struct lt__db *db)
{
    return sqlite3_changes(db->db);
}
int lt__db_in_transaction(struct lt__db *db)
{
    return !sqlite3_get_autocommit(db->db);
}
