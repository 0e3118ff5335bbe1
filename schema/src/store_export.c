/* store_export.c - see lt/store_export.h. */
#include "lt/store_export.h"

#include <string.h>

#include "store_impl.h"

/* ?1 which, ?2 the site: a trace of the file that is asked for. */
#define WHICH                                                                                      \
    "(?1 = 2 OR (?1 = 0 AND x.site = ?2) OR (?1 = 1 AND NOT EXISTS "                               \
    "(SELECT 1 FROM trace t WHERE t.id = x.trace)))"

enum lt_err lt_store_export_put(struct lt_store *s, const struct lt_export_new *e, int64_t *id,
                                struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    if (!e->is_appended)
        err = lt__db_run(s->db, diag, "DELETE FROM export WHERE path = ?1", "t", e->path);
    if (!err)
        err = lt__db_run(s->db, diag,
                         "INSERT INTO export (path, filters, at_unix_ms) VALUES (?1, ?2, ?3) "
                         "ON CONFLICT (path) DO UPDATE SET filters = ?2, at_unix_ms = ?3",
                         "tti", e->path, e->filters_json, e->now_unix_ms);
    if (!err)
        err = lt__db_int(s->db, diag, 0, id,
                         "SELECT max(id) FROM export WHERE path = ?1 OR (?1 IS NULL AND path IS "
                         "NULL)",
                         "t", e->path);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_export_add(struct lt_store *s, int64_t id, const char *trace,
                                struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT OR REPLACE INTO export_trace (export, trace, site) "
                     "SELECT ?1, id, site FROM trace WHERE id = ?2",
                     "it", id, trace);
    if (!err && !lt__db_changes(s->db))
        err = lt_fail(diag, LT_ERR_NOTFOUND, "there is no trace %s", trace);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_export_list(struct lt_store *s, enum lt_export_of of, const char *site,
                                 lt_export_fn fn, void *user, struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 1;
    enum lt_err err = lt__db_query(
        s->db, diag, &r,
        "SELECT e.id, e.path, e.filters, e.at_unix_ms, count(*) FROM export e "
        "JOIN export_trace x ON x.export = e.id WHERE " WHICH " GROUP BY e.id ORDER BY e.id",
        "it", (int64_t)of, site);
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row) {
        struct lt_export_row row = {.id = lt__col_int(r, 0),
                                    .path = lt__col_text(r, 1),
                                    .filters_json = lt__col_text(r, 2),
                                    .at_unix_ms = lt__col_int(r, 3),
                                    .n_traces = lt__col_int(r, 4)};
        if (!fn(&row, user)) continue;
        lt__db_done(r);
        break;
    }
    return err;
}

enum lt_err lt_store_export_traces(struct lt_store *s, int64_t id, enum lt_export_of of,
                                   const char *site, lt_export_trace_fn fn, void *user,
                                   struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 1;
    enum lt_err err = lt__db_query(
        s->db, diag, &r, "SELECT x.trace FROM export_trace x WHERE x.export = ?3 AND " WHICH, "iti",
        (int64_t)of, site, id);
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row) {
        if (!fn(lt__col_text(r, 0), user)) continue;
        lt__db_done(r);
        break;
    }
    return err;
}

enum lt_err lt_store_export_forget(struct lt_store *s, int64_t id, enum lt_export_of of,
                                   const char *site, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag, "DELETE FROM export_trace AS x WHERE x.export = ?3 AND " WHICH,
                     "iti", (int64_t)of, site, id);
    if (!err)
        err = lt__db_run(s->db, diag,
                         "DELETE FROM export WHERE id = ?1 AND NOT EXISTS "
                         "(SELECT 1 FROM export_trace WHERE export = ?1)",
                         "i", id);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_export_forget_path(struct lt_store *s, const char *path, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 1, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag, "DELETE FROM export WHERE path = ?1", "t", path);
    return lt__leave(s, err, diag);
}

/* ---- what was erased ---- */

static void mark_of(const char *trace, char hex[LT_SHA256_HEX_CAP])
{
    struct lt_sha256 h;
    lt_sha256_init(&h);
    lt_sha256_add(&h, trace, strlen(trace));
    lt_sha256_hex(&h, hex);
}

/* A collector's traces go by their ids at the hub, which stand behind "fleet/". */
enum lt_err lt__store_mark_erased(struct lt_store *s, const char *site, struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 1;
    char hex[LT_SHA256_HEX_CAP];
    enum lt_err err = lt__db_query(s->db, diag, &r,
                                   "SELECT trace FROM export_trace WHERE site = ?1 UNION "
                                   "SELECT substr(request_id, 7) FROM trace WHERE site = ?1 AND "
                                   "source = 'import' AND request_id GLOB 'fleet/*'",
                                   "t", site);
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row) {
        mark_of(lt__col_text(r, 0), hex);
        err = lt__db_run(s->db, diag, "INSERT OR IGNORE INTO erased (mark) VALUES (?1)", "t", hex);
        if (err) lt__db_done(r);
    }
    return err;
}

enum lt_err lt_store_is_erased(struct lt_store *s, const char *trace, int *is_erased,
                               struct lt_diag *diag)
{
    char hex[LT_SHA256_HEX_CAP];
    int64_t n = 0;
    mark_of(trace, hex);
    enum lt_err err =
        lt__db_int(s->db, diag, 0, &n, "SELECT count(*) FROM erased WHERE mark = ?1", "t", hex);
    *is_erased = n > 0;
    return err;
}
