/* db.h - SQLite behind a handful of functions; private to schema/src.
 *
 * The only file that includes sqlite3.h is db.c. Statements are prepared once for each SQL text
 * (the texts are static, the address is the key) and kept. Arguments are given by a format string:
 *     t  const char *, NULL is SQL NULL     i  int64_t     r  double     n  NULL (no argument)
 *     b  const void *, size_t (NULL pointer is SQL NULL)
 * Every error becomes one line that says what, where and what to do. */
#ifndef LT_DB_H
#define LT_DB_H

#include <stdint.h>

#include "lt/err.h"

struct lt__db;
struct lt__rows; /* a running query; owned by the db, one at a time for each SQL text */

enum { LT__DB_READONLY = 1 };

enum lt_err lt__db_open(const char *path, int flags, int busy_timeout_ms, struct lt__db **out,
                        struct lt_diag *diag);
void lt__db_close(struct lt__db *db);

/* Run SQL text of several statements without arguments. */
enum lt_err lt__db_script(struct lt__db *db, const char *sql, struct lt_diag *diag);
/* Run one statement that gives no rows. */
enum lt_err lt__db_run(struct lt__db *db, struct lt_diag *diag, const char *sql, const char *fmt,
                       ...);
/* Start a query; then lt__db_next until *has_row is 0, or lt__db_done before. */
enum lt_err lt__db_query(struct lt__db *db, struct lt_diag *diag, struct lt__rows **out,
                         const char *sql, const char *fmt, ...);
enum lt_err lt__db_next(struct lt__rows *r, int *has_row, struct lt_diag *diag);
void lt__db_done(struct lt__rows *r); /* NULL is fine */
/* First column of the first row as an integer; `none` when there is no row or it is NULL. */
enum lt_err lt__db_int(struct lt__db *db, struct lt_diag *diag, int64_t none, int64_t *out,
                       const char *sql, const char *fmt, ...);

/* Columns of the present row, from 0; texts and blobs are borrowed until the next step. */
const char *lt__col_text(struct lt__rows *r, int i); /* NULL for SQL NULL */
int64_t lt__col_int(struct lt__rows *r, int i);
double lt__col_real(struct lt__rows *r, int i);
int lt__col_is_null(struct lt__rows *r, int i);
const void *lt__col_blob(struct lt__rows *r, int i, size_t *n);

/* Rows that the last INSERT, UPDATE or DELETE changed. */
int64_t lt__db_changes(struct lt__db *db);
int lt__db_in_transaction(struct lt__db *db);

#endif
