/* store_house.c - timers, list items and settings of a site, row by row. */
#include "lt/store_house.h"

#include <stdio.h>
#include <string.h>

#include "store_impl.h"

static const char *or_null(const char *s)
{
    return *s ? s : NULL;
}

enum lt_err lt_store_timer_put(struct lt_store *s, const struct lt_timer_row *t,
                               struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT INTO timer (id, site, name, area, session, command, total_ms, "
                     "due_unix_ms, left_ms, started_unix_ms, lang) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                     "ON CONFLICT (id) DO UPDATE "
                     "SET name = ?3, area = ?4, session = ?5, command = ?6, total_ms = ?7, "
                     "due_unix_ms = ?8, left_ms = ?9, lang = ?11",
                     "ttttttiiiit", t->id, t->site, or_null(t->name), or_null(t->area),
                     or_null(t->session), or_null(t->command), t->total_ms, t->due_unix_ms,
                     t->left_ms, t->started_unix_ms, or_null(t->lang));
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_item_put(struct lt_store *s, const struct lt_item_row *t, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT INTO list_item (id, site, list, item, is_done, added_unix_ms) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE "
                     "SET list = ?3, item = ?4, is_done = ?5",
                     "ttttii", t->id, t->site, t->list, t->item, (int64_t)t->is_done,
                     t->added_unix_ms);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_timer_delete(struct lt_store *s, const char *id, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag, "DELETE FROM timer WHERE id = ?1", "t", id);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_item_delete(struct lt_store *s, const char *id, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag, "DELETE FROM list_item WHERE id = ?1", "t", id);
    return lt__leave(s, err, diag);
}

/* A column into a member; what does not fit is cut, NULL is "". */
static void take(struct lt__rows *r, int column, char *out, size_t cap)
{
    const char *s = lt__col_text(r, column);
    snprintf(out, cap, "%s", s ? s : "");
}

enum lt_err lt_store_timer_list(struct lt_store *s, lt_timer_row_fn fn, void *user,
                                struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    enum lt_err err =
        lt__db_query(s->db, diag, &r,
                     "SELECT id, site, name, area, session, command, total_ms, "
                     "due_unix_ms, left_ms, started_unix_ms, lang FROM timer ORDER BY id",
                     "");
    while (!err && !(err = lt__db_next(r, &has_row, diag)) && has_row) {
        struct lt_timer_row t = {.total_ms = lt__col_int(r, 6),
                                 .due_unix_ms = lt__col_int(r, 7),
                                 .left_ms = lt__col_int(r, 8),
                                 .started_unix_ms = lt__col_int(r, 9)};
        take(r, 0, t.id, sizeof t.id);
        take(r, 1, t.site, sizeof t.site);
        take(r, 2, t.name, sizeof t.name);
        take(r, 3, t.area, sizeof t.area);
        take(r, 4, t.session, sizeof t.session);
        take(r, 5, t.command, sizeof t.command);
        take(r, 10, t.lang, sizeof t.lang);
        if (!fn(&t, user)) continue;
        lt__db_done(r);
        break;
    }
    return err;
}

enum lt_err lt_store_item_list(struct lt_store *s, lt_item_row_fn fn, void *user,
                               struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    enum lt_err err =
        lt__db_query(s->db, diag, &r,
                     "SELECT id, site, list, item, is_done, added_unix_ms FROM list_item "
                     "ORDER BY id",
                     "");
    while (!err && !(err = lt__db_next(r, &has_row, diag)) && has_row) {
        struct lt_item_row t = {.is_done = (int)lt__col_int(r, 4),
                                .added_unix_ms = lt__col_int(r, 5)};
        take(r, 0, t.id, sizeof t.id);
        take(r, 1, t.site, sizeof t.site);
        take(r, 2, t.list, sizeof t.list);
        take(r, 3, t.item, sizeof t.item);
        if (!fn(&t, user)) continue;
        lt__db_done(r);
        break;
    }
    return err;
}

enum lt_err lt_store_setting_put(struct lt_store *s, const char *site, const char *key,
                                 const char *value, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT INTO setting (site, key, value) VALUES (?1, ?2, ?3) "
                     "ON CONFLICT (site, key) DO UPDATE SET value = ?3",
                     "ttt", site, key, value);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_setting_get(struct lt_store *s, const char *site, const char *key, char *out,
                                 size_t out_bytes, struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    *out = '\0';
    enum lt_err err = lt__db_query(
        s->db, diag, &r, "SELECT value FROM setting WHERE site = ?1 AND key = ?2", "tt", site, key);
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err || !has_row) return err;
    const char *value = lt__col_text(r, 0);
    if (value && strlen(value) >= out_bytes)
        err = lt_fail(diag, LT_ERR_LIMIT, "setting %s of site %s is longer than %zu bytes", key,
                      site, out_bytes - 1);
    else
        take(r, 0, out, out_bytes);
    lt__db_done(r);
    return err;
}
