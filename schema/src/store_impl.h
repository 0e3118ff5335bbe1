/* store_impl.h - what the store's files share. */
#ifndef LT_STORE_IMPL_H
#define LT_STORE_IMPL_H

#include "db.h"
#include "lt/store.h"

struct lt_store {
    struct lt__db *db;
    struct lt_ulid_gen ids;
    enum lt_text_mode text_mode;
    int64_t dedupe_window_ms;
    int version;
    int is_group;       /* between begin and commit */
    enum lt_err broken; /* the group lost its transaction (disk full, …): nothing of it stands */
    int is_sync_full;   /* PRAGMA synchronous as it stands */
};

/* Brackets of one write: a savepoint inside a group, a transaction of its own outside. lt__leave
 * keeps the write when err is LT_OK, else undoes it; it returns what the write came to. */
enum lt_err lt__enter(struct lt_store *s, int is_durable, struct lt_diag *diag);
enum lt_err lt__leave(struct lt_store *s, enum lt_err err, struct lt_diag *diag);

/* The same for a write of one statement, which SQLite undoes by itself when it fails: a group then needs no
 * savepoint, which would copy every page before its first change. */
enum lt_err lt__enter_single(struct lt_store *s, int is_durable, struct lt_diag *diag);
enum lt_err lt__leave_single(struct lt_store *s, enum lt_err err, struct lt_diag *diag);

/* Redacted copies for the columns of one write; release with free(). */
enum lt_err lt__store_text(struct lt_store *s, const char *text, char **out, struct lt_diag *diag);
enum lt_err lt__store_json(struct lt_store *s, const char *json, char **out, struct lt_diag *diag);

/* Part of label_add: keep or forget the answer that the label judges (store_answer.c). */
enum lt_err lt__store_answer_learn(struct lt_store *s, const char *trace, const struct lt_label *l,
                                   struct lt_diag *diag);

/* Part of site_erase, before its rows go: remember what others may have lines of (store_export.c). */
enum lt_err lt__store_mark_erased(struct lt_store *s, const char *site, struct lt_diag *diag);

#endif
