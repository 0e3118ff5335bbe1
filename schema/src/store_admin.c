/* store_admin.c - sites, catalogues, money, networks, upkeep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_impl.h"

#define PRUNE_BATCH                                                                                \
    200 /* traces deleted in one transaction: readers and writers get a turn between */

/* ---- sites and catalogues ---- */

enum lt_err lt_store_catalog_put(struct lt_store *s, const char *hash, const char *text,
                                 int64_t now_unix_ms, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT INTO catalog (hash, text, added_unix_ms) VALUES (?1, ?2, ?3) "
                     "ON CONFLICT (hash) DO NOTHING",
                     "tti", hash, text, now_unix_ms);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_catalog_get(struct lt_store *s, const char *hash, char **text,
                                 struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    enum lt_err err =
        lt__db_query(s->db, diag, &r, "SELECT text FROM catalog WHERE hash = ?1", "t", hash);
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    if (!has_row) return lt_fail(diag, LT_ERR_NOTFOUND, "there is no catalogue %s", hash);
    char *copy = strdup(lt__col_text(r, 0));
    lt__db_done(r);
    if (!copy) return lt_fail(diag, LT_ERR_NOMEM, "out of memory reading catalogue %s", hash);
    *text = copy;
    return LT_OK;
}

enum lt_err lt_store_site_put(struct lt_store *s, const char *site, const char *catalog_hash,
                              int64_t now_unix_ms, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT INTO site (name, catalog, added_unix_ms, changed_unix_ms) "
                     "VALUES (?1, ?2, ?3, ?3) ON CONFLICT (name) DO UPDATE SET "
                     "changed_unix_ms = CASE WHEN ?2 IS NOT NULL AND catalog IS NOT ?2 "
                     "THEN ?3 ELSE changed_unix_ms END, catalog = coalesce(?2, catalog)",
                     "tti", site, catalog_hash, now_unix_ms);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_site_catalog(struct lt_store *s, const char *site,
                                  char hash[LT_SHA256_HEX_CAP], struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    enum lt_err err =
        lt__db_query(s->db, diag, &r,
                     "SELECT catalog FROM site WHERE name = ?1 AND catalog IS NOT NULL", "t", site);
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    if (!has_row) return lt_fail(diag, LT_ERR_NOTFOUND, "site %s has no catalogue yet", site);
    snprintf(hash, LT_SHA256_HEX_CAP, "%s", lt__col_text(r, 0));
    lt__db_done(r);
    return LT_OK;
}

static enum lt_err drop_unused_catalogs(struct lt_store *s, struct lt_diag *diag)
{
    return lt__db_run(s->db, diag,
                      "DELETE FROM catalog WHERE "
                      "NOT EXISTS (SELECT 1 FROM trace WHERE trace.catalog = catalog.hash) AND "
                      "NOT EXISTS (SELECT 1 FROM site WHERE site.catalog = catalog.hash)",
                      "");
}

/* Give free pages back and empty the log; nothing is lost when a reader prevents the latter. */
static enum lt_err give_back_pages(struct lt_store *s, struct lt_diag *diag)
{
    enum lt_err err = lt__db_run(s->db, diag, "PRAGMA incremental_vacuum", "");
    if (!err) err = lt__db_run(s->db, diag, "PRAGMA wal_checkpoint(TRUNCATE)", "");
    return err;
}

static enum lt_err not_in_group(struct lt_store *s, struct lt_diag *diag)
{
    return s->is_group ? lt_fail(diag, LT_ERR_INVALID, "not possible while a group is open")
                       : LT_OK;
}

enum lt_err lt_store_site_erase(struct lt_store *s, const char *site, struct lt_diag *diag)
{
    enum lt_err err = not_in_group(s, diag);
    if (!err) err = lt__db_script(s->db, "PRAGMA secure_delete = ON", diag);
    if (err) return err;
    err = lt__enter(s, 1, diag);
    if (!err) {
        err = lt__store_mark_erased(s, site, diag);
        if (!err) err = lt__db_run(s->db, diag, "DELETE FROM trace WHERE site = ?1", "t", site);
        if (!err) err = lt__db_run(s->db, diag, "DELETE FROM spend WHERE site = ?1", "t", site);
        if (!err) err = lt__db_run(s->db, diag, "DELETE FROM timer WHERE site = ?1", "t", site);
        if (!err) err = lt__db_run(s->db, diag, "DELETE FROM list_item WHERE site = ?1", "t", site);
        if (!err) err = lt__db_run(s->db, diag, "DELETE FROM setting WHERE site = ?1", "t", site);
        if (!err) err = lt__db_run(s->db, diag, "DELETE FROM site WHERE name = ?1", "t", site);
        if (!err) err = drop_unused_catalogs(s, diag);
        err = lt__leave(s, err, diag);
    }
    if (!err) err = give_back_pages(s, diag);
    enum lt_err off = lt__db_script(s->db, "PRAGMA secure_delete = OFF", err ? NULL : diag);
    return err ? err : off;
}

/* ---- upkeep ---- */

enum lt_err lt_store_check(struct lt_store *s, struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    enum lt_err err = lt__db_query(s->db, diag, &r, "PRAGMA integrity_check(1)", "");
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    if (has_row && strcmp(lt__col_text(r, 0), "ok"))
        err = lt_fail(diag, LT_ERR_PARSE, "the database is damaged: %s; restore a copy",
                      lt__col_text(r, 0));
    if (has_row) lt__db_done(r);
    if (err) return err;
    err = lt__db_query(s->db, diag, &r, "PRAGMA foreign_key_check", "");
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err || !has_row) return err;
    err = lt_fail(diag, LT_ERR_PARSE, "the database is damaged: a row of %s refers to a missing %s",
                  lt__col_text(r, 0), lt__col_text(r, 2));
    lt__db_done(r);
    return err;
}

static enum lt_err used_bytes(struct lt_store *s, int64_t *out, struct lt_diag *diag)
{
    int64_t pages = 0, free_pages = 0, page_bytes = 0;
    enum lt_err err = lt__db_int(s->db, diag, 0, &pages, "PRAGMA page_count", "");
    if (!err) err = lt__db_int(s->db, diag, 0, &free_pages, "PRAGMA freelist_count", "");
    if (!err) err = lt__db_int(s->db, diag, 4096, &page_bytes, "PRAGMA page_size", "");
    if (!err) *out = (pages - free_pages) * page_bytes;
    return err;
}

int64_t lt_store_used_bytes(struct lt_store *s)
{
    int64_t n = -1;
    return used_bytes(s, &n, NULL) ? -1 : n;
}

/* Delete up to PRUNE_BATCH of the oldest finished traces received before `before_unix_ms`. */
static enum lt_err delete_batch(struct lt_store *s, int64_t before_unix_ms, int keep_labelled,
                                int64_t *n, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "DELETE FROM trace WHERE id IN (SELECT id FROM trace WHERE "
                     "received_unix_ms < ?1 AND state NOT IN ('accepted', 'decided') AND "
                     "(?2 = 0 OR NOT EXISTS (SELECT 1 FROM label WHERE label.trace = trace.id)) "
                     "ORDER BY received_unix_ms LIMIT ?3)",
                     "iii", before_unix_ms, (int64_t) !!keep_labelled, (int64_t)PRUNE_BATCH);
    if (!err) *n = lt__db_changes(s->db);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_prune(struct lt_store *s, const struct lt_prune *p, int64_t *n_deleted,
                           struct lt_diag *diag)
{
    int64_t total = 0, n = 0, used = 0;
    enum lt_err err = not_in_group(s, diag);
    if (!err && p->older_than_unix_ms) do {
            err = delete_batch(s, p->older_than_unix_ms, p->keep_labelled, &n, diag);
            if (!err) total += n;
        } while (!err && n);
    int keep_labelled = p->keep_labelled;
    if (!err && p->max_bytes) err = used_bytes(s, &used, diag);
    while (!err && p->max_bytes && used > p->max_bytes) {
        err = delete_batch(s, INT64_MAX, keep_labelled, &n, diag);
        if (!err) total += n;
        if (!err && !n && !keep_labelled) break; /* nothing finished is left */
        if (!err && !n) keep_labelled = 0;
        if (!err) err = used_bytes(s, &used, diag);
    }
    if (!err && total) {
        err = lt__enter(s, 0, diag);
        if (!err) err = lt__leave(s, drop_unused_catalogs(s, diag), diag);
        if (!err) err = give_back_pages(s, diag);
    }
    if (n_deleted) *n_deleted = total;
    return err;
}

/* ---- money ---- */

/* "YYYY-MM-DD" of the UTC day that holds the moment. */
static void day_of(int64_t unix_ms, char out[16])
{
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 16, "%Y-%m-%d", &tm);
}

enum lt_err lt_store_spend_add(struct lt_store *s, const char *site, const char *provider,
                               int64_t now_unix_ms, int64_t cost_usd_micro, int64_t input_tokens,
                               int64_t output_tokens, struct lt_diag *diag)
{
    char day[16];
    day_of(now_unix_ms, day);
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag,
                     "INSERT INTO spend (day, site, provider, n_bookings, cost_usd_micro, "
                     "input_tokens, output_tokens) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6) "
                     "ON CONFLICT (day, site, provider) DO UPDATE SET n_bookings = n_bookings + 1, "
                     "cost_usd_micro = cost_usd_micro + ?4, input_tokens = input_tokens + ?5, "
                     "output_tokens = output_tokens + ?6",
                     "tttiii", day, site, provider, cost_usd_micro, input_tokens, output_tokens);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_spend_sum(struct lt_store *s, const char *site, enum lt_spend_span span,
                               int64_t now_unix_ms, int64_t *cost_usd_micro, struct lt_diag *diag)
{
    char from[16], to[16];
    day_of(now_unix_ms, from);
    memcpy(to, from, sizeof to);
    if (span == LT_SPEND_MONTH) {
        memcpy(from + 8, "01", 2);
        memcpy(to + 8, "31", 2); /* as text no day of the month is greater */
    }
    return lt__db_int(s->db, diag, 0, cost_usd_micro,
                      "SELECT sum(cost_usd_micro) FROM spend WHERE day BETWEEN ?2 AND ?3 "
                      "AND (?1 IS NULL OR site = ?1)",
                      "ttt", site, from, to);
}

/* ---- networks ---- */

enum lt_err lt_store_model_put(struct lt_store *s, const struct lt_model *m, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err = lt__db_run(
        s->db, diag,
        "INSERT INTO model (sha256, name, path, n_bytes, metrics, added_unix_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (sha256) DO UPDATE SET name = ?2, "
        "path = ?3, n_bytes = ?4, metrics = coalesce(?5, metrics)",
        "tttiti", m->sha256, m->name, m->path, m->n_bytes, m->metrics_json, m->added_unix_ms);
    return lt__leave(s, err, diag);
}

static enum lt_err set_active(struct lt_store *s, const char *sha256, int64_t now_unix_ms,
                              struct lt_diag *diag)
{
    enum lt_err err =
        lt__db_run(s->db, diag, "UPDATE model SET is_active = 0 WHERE is_active = 1", "");
    if (!err)
        err = lt__db_run(s->db, diag,
                         "UPDATE model SET is_active = 1, activated_unix_ms = ?2 WHERE sha256 = ?1",
                         "ti", sha256, now_unix_ms);
    if (!err && lt__db_changes(s->db) != 1)
        err = lt_fail(diag, LT_ERR_NOTFOUND,
                      "there is no model %s; `lintel models list` shows them", sha256);
    return err;
}

/* On the disk, and without the lock that writers take turns with: a gateway that serves would wait for our
 * flush. A checkpoint flushes the log and lets them write on. What cannot be flushed now is flushed with the
 * next trace; the write itself stands. */
static void flush_beside(struct lt_store *s)
{
    if (!s->is_group) (void)!lt__db_run(s->db, NULL, "PRAGMA wal_checkpoint(PASSIVE)", "");
}

enum lt_err lt_store_model_activate(struct lt_store *s, const char *sha256, int64_t now_unix_ms,
                                    struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    int64_t is_active = 0;
    err = lt__db_int(s->db, diag, 0, &is_active, "SELECT is_active FROM model WHERE sha256 = ?1",
                     "t", sha256);
    if (!err && !is_active) {
        err = lt__db_run(s->db, diag,
                         "INSERT INTO activation (model, previous, at_unix_ms) SELECT sha256, "
                         "(SELECT sha256 FROM model WHERE is_active = 1), ?2 FROM model "
                         "WHERE sha256 = ?1",
                         "ti", sha256, now_unix_ms);
        if (!err) err = set_active(s, sha256, now_unix_ms, diag);
    }
    err = lt__leave(s, err, diag);
    if (!err) flush_beside(s);
    return err;
}

enum lt_err lt_store_model_rollback(struct lt_store *s, int64_t now_unix_ms,
                                    char sha256[LT_SHA256_HEX_CAP], struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    int64_t id = 0;
    char before[LT_SHA256_HEX_CAP] = "";
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err =
        lt__db_query(s->db, diag, &r,
                     "SELECT a.id, a.previous FROM activation a JOIN model m ON m.sha256 = a.model "
                     "WHERE m.is_active = 1 ORDER BY a.id DESC LIMIT 1",
                     "");
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (!err && has_row) {
        id = lt__col_int(r, 0);
        const char *previous = lt__col_text(r, 1);
        snprintf(before, sizeof before, "%s", previous ? previous : "");
        lt__db_done(r);
    } else if (!err) {
        err = lt_fail(diag, LT_ERR_NOTFOUND, "no model was active before the present one");
    }
    /* a stack: what is rolled back is forgotten, so a second rollback goes one further */
    if (!err) err = lt__db_run(s->db, diag, "DELETE FROM activation WHERE id >= ?1", "i", id);
    if (!err && *before) err = set_active(s, before, now_unix_ms, diag);
    if (!err && !*before)
        err = lt__db_run(s->db, diag, "UPDATE model SET is_active = 0 WHERE is_active = 1", "");
    err = lt__leave(s, err, diag);
    if (!err) flush_beside(s);
    if (!err) memcpy(sha256, before, sizeof before);
    return err;
}

enum lt_err lt_store_model_list(struct lt_store *s, lt_model_fn fn, void *user,
                                struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    enum lt_err err = lt__db_query(s->db, diag, &r,
                                   "SELECT name, path, sha256, n_bytes, metrics, is_active, "
                                   "added_unix_ms, activated_unix_ms FROM model "
                                   "ORDER BY added_unix_ms DESC, sha256",
                                   "");
    int has_row = 1;
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row) {
        struct lt_model m = {.name = lt__col_text(r, 0),
                             .path = lt__col_text(r, 1),
                             .sha256 = lt__col_text(r, 2),
                             .n_bytes = lt__col_int(r, 3),
                             .metrics_json = lt__col_text(r, 4),
                             .is_active = (int)lt__col_int(r, 5),
                             .added_unix_ms = lt__col_int(r, 6),
                             .activated_unix_ms = lt__col_int(r, 7)};
        if (!fn(&m, user)) continue;
        lt__db_done(r);
        break;
    }
    return err;
}

enum lt_err lt_store_evaluation_add(struct lt_store *s, const char *sha256, const char *data,
                                    int64_t n_cases, const char *metrics_json, int64_t now_unix_ms,
                                    struct lt_diag *diag)
{
    int64_t n = 0;
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err =
        lt__db_int(s->db, diag, 0, &n, "SELECT count(*) FROM model WHERE sha256 = ?1", "t", sha256);
    if (!err && !n) err = lt_fail(diag, LT_ERR_NOTFOUND, "there is no model %s", sha256);
    if (!err)
        err = lt__db_run(s->db, diag,
                         "INSERT INTO evaluation (model, data, n_cases, metrics, at_unix_ms) "
                         "VALUES (?1, ?2, ?3, ?4, ?5)",
                         "ttiti", sha256, data, n_cases, metrics_json, now_unix_ms);
    return lt__leave(s, err, diag);
}
