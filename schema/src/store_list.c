/* store_list.c - reading traces: lists, one in full, statistics. */
#include <string.h>

#include "lt/json.h"
#include "store_impl.h"

#define STORED_JSON_MAX_BYTES (64u * 1024 * 1024) /* what a column may hold */

/* The label that counts: the most trusted source's. A cloud answer teaches when it was carried out, or
 * when there was nothing to carry out. */
#define LABEL_THAT_COUNTS                                                                          \
    "l.id = (SELECT id FROM label WHERE trace = t.id AND (source <> 'cloud' "                      \
    "OR t.state = 'executed' OR (t.state = 'answered' AND t.calls = '[]')) ORDER BY "              \
    "CASE source WHEN 'console' THEN 0 WHEN 'user' THEN 1 WHEN 'undo' THEN 2 "                     \
    "WHEN 'rephrase' THEN 3 WHEN 'import' THEN 4 ELSE 5 END LIMIT 1) "
#define LABEL_JOIN "LEFT JOIN label l ON " LABEL_THAT_COUNTS
/* Nobody minded: the network's own calls were carried out, so long ago that a complaint would be here. */
#define SILENT                                                                                     \
    "(?10 > 0 AND t.state = 'executed' AND t.route = 'local' AND t.why = 'gate.accepted' AND "     \
    "t.received_unix_ms < ?10)"
#define ROW_COLUMNS                                                                                \
    "SELECT t.id, t.site, t.source, t.request_id, t.state, t.text, t.here, t.lang, t.session, "    \
    "t.catalog, t.reply_topic, t.correlation, t.is_dry_run, t.received_unix_ms, t.deadline_ms, "   \
    "t.model, t.route, t.why, t.local_calls, t.calls, t.speech, t.result, t.error, t.confidence, " \
    "t.total_us, t.encode_us, t.decode_us, t.cost_usd_micro, "                                     \
    "CASE WHEN l.id IS NULL AND " SILENT " THEN 'silence' ELSE l.source END, "                     \
    "CASE WHEN l.id IS NULL THEN " SILENT " ELSE l.is_correct END, l.calls, t.calls_sent, "        \
    "l.note, l.added_unix_ms, l.id "
#define ROW_FILTER                                                                                 \
    "(?1 IS NULL OR t.site = ?1) AND (?2 IS NULL OR t.state = ?2) AND "                            \
    "(?3 IS NULL OR t.route = ?3) AND (?4 IS NULL OR t.why = ?4) AND "                             \
    "(?5 IS NULL OR t.id = ?5) AND t.received_unix_ms >= ?6 AND "                                  \
    "(?7 = 0 OR t.received_unix_ms < ?7) AND (?8 = 0 OR l.id IS NOT NULL OR " SILENT ") "
/* Spelled as the partial index trace_unfinished spells it, so that it is used. */
#define UNFINISHED                                                                                 \
    "t.state IN ('accepted', 'decided', 'answered') AND (t.state <> 'answered' OR "                \
    "(t.calls <> '[]' AND t.is_dry_run = 0 AND t.route IN ('local', 'cloud', 'cache'))) AND "

static void read_row(struct lt__rows *r, struct lt_trace_row *row)
{
    *row = (struct lt_trace_row){
        .trace = lt__col_text(r, 0),
        .site = lt__col_text(r, 1),
        .source = lt__col_text(r, 2),
        .request_id = lt__col_text(r, 3),
        .state = lt__col_text(r, 4),
        .text = lt__col_text(r, 5),
        .here = lt__col_text(r, 6),
        .lang = lt__col_text(r, 7),
        .session = lt__col_text(r, 8),
        .catalog_hash = lt__col_text(r, 9),
        .reply_topic = lt__col_text(r, 10),
        .is_dry_run = (int)lt__col_int(r, 12),
        .received_unix_ms = lt__col_int(r, 13),
        .deadline_ms = lt__col_int(r, 14),
        .model = lt__col_text(r, 15),
        .route = lt__col_text(r, 16),
        .why = lt__col_text(r, 17),
        .local_calls_json = lt__col_text(r, 18),
        .calls_json = lt__col_text(r, 19),
        .speech = lt__col_text(r, 20),
        .result_json = lt__col_text(r, 21),
        .error = lt__col_text(r, 22),
        .confidence = lt__col_is_null(r, 23) ? -1 : lt__col_real(r, 23),
        .total_us = lt__col_int(r, 24),
        .encode_us = lt__col_int(r, 25),
        .decode_us = lt__col_int(r, 26),
        .cost_usd_micro = lt__col_int(r, 27),
        .label_source = lt__col_text(r, 28),
        .label_is_correct = (int)lt__col_int(r, 29),
        .label_calls_json = lt__col_text(r, 30),
        .calls_sent = (int)lt__col_int(r, 31),
        .label_note = lt__col_text(r, 32),
        .label_unix_ms = lt__col_int(r, 33),
        .label_id = lt__col_int(r, 34),
    };
    row->correlation = lt__col_blob(r, 11, &row->correlation_len);
}

enum lt_err lt_store_trace_list(struct lt_store *s, const struct lt_trace_filter *f,
                                lt_trace_row_fn fn, void *user, struct lt_diag *diag)
{
    static const char newest[] =
        ROW_COLUMNS "FROM trace t " LABEL_JOIN "WHERE " ROW_FILTER "ORDER BY t.id DESC LIMIT ?9";
    static const char oldest[] =
        ROW_COLUMNS "FROM trace t " LABEL_JOIN "WHERE " ROW_FILTER "ORDER BY t.id LIMIT ?9";
    static const char unfinished_newest[] =
        ROW_COLUMNS "FROM trace t " LABEL_JOIN "WHERE " UNFINISHED ROW_FILTER "ORDER BY t.id DESC LIMIT ?9";
    static const char unfinished_oldest[] =
        ROW_COLUMNS "FROM trace t " LABEL_JOIN "WHERE " UNFINISHED ROW_FILTER "ORDER BY t.id LIMIT ?9";
    const char *sql = f->is_unfinished ? f->is_oldest_first ? unfinished_oldest : unfinished_newest
                      : f->is_oldest_first ? oldest
                                           : newest;
    struct lt__rows *r = NULL;
    enum lt_err err =
        lt__db_query(s->db, diag, &r, sql, "tttttiiiii", f->site, f->state, f->route, f->why,
                     f->trace, f->since_unix_ms, f->until_unix_ms, (int64_t) !!f->is_labelled,
                     f->limit > 0 ? f->limit : (int64_t)-1, f->silent_before_unix_ms);
    int has_row = 1;
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row) {
        struct lt_trace_row row;
        read_row(r, &row);
        if (!fn(&row, user)) continue;
        lt__db_done(r);
        break;
    }
    return err;
}

/* By the labels' numbers, so that what was listed before is not looked at again. A label waits while its trace
 * is on its way (a cloud answer counts once it was carried out), and those after it wait with it. */
enum lt_err lt_store_label_list(struct lt_store *s, const struct lt_label_filter *f,
                                lt_trace_row_fn fn, void *user, int64_t *last_id,
                                struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int64_t end = 0, before = 0;
    int has_row = 1;
    enum lt_err err = lt__db_int(s->db, diag, f->after_id, &end,
                                 "SELECT max(id) FROM label WHERE id > ?1", "i", f->after_id);
    if (!err)
        err = lt__db_int(s->db, diag, end + 1, &before,
                         "SELECT min(l.id) FROM trace t JOIN label l ON l.trace = t.id "
                         "WHERE " UNFINISHED "t.site = ?1 AND l.id > ?2 AND l.id <= ?3 AND "
                         "t.received_unix_ms > ?4",
                         "tiii", f->site, f->after_id, end, f->now_unix_ms - LT_STORE_UNDERWAY_MS);
    if (!err)
        err = lt__db_int(s->db, diag, before, &before,
                         "SELECT min(id) FROM label WHERE id > ?1 AND id < ?2 AND "
                         "added_unix_ms > ?3",
                         "iii", f->after_id, before, f->now_unix_ms - f->settle_ms);
    *last_id = f->after_id;
    if (!err)
        err =
            lt__db_query(s->db, diag, &r,
                         ROW_COLUMNS "FROM label l CROSS JOIN trace t ON t.id = l.trace "
                                     "WHERE l.id > ?1 AND l.id < ?2 AND t.site = ?3 "
                                     "AND " LABEL_THAT_COUNTS "AND ?10 = 0 ORDER BY l.id LIMIT ?4",
                         "iitinnnnni", f->after_id, before, f->site,
                         f->limit > 0 ? f->limit : (int64_t)-1, (int64_t)0);
    int is_all = 1;
    for (int64_t n = 0; !err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row; n++) {
        struct lt_trace_row row;
        read_row(r, &row);
        *last_id = row.label_id;
        is_all = !fn(&row, user) && n + 1 != f->limit;
        if (is_all) continue;
        lt__db_done(r);
        break;
    }
    if (!err && is_all) *last_id = before - 1;
    return err;
}

/* ---- one trace in full ---- */

enum column_kind { TEXT, INT, REAL, BOOL, JSON, HEX };
struct column {
    const char *key;
    enum column_kind kind;
};

static json_t *hex(const unsigned char *p, size_t n)
{
    char out[2 * 256 + 1];
    if (n > 256) n = 256; /* correlation data is short; a person needs no more */
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    return json_stringn(out, 2 * n);
}

static json_t *column_value(struct lt__rows *r, int i, enum column_kind kind)
{
    json_t *v = NULL;
    const char *text;
    size_t n;
    const void *blob;
    switch (kind) {
    case INT:
        return json_integer(lt__col_int(r, i));
    case REAL:
        return json_real(lt__col_real(r, i));
    case BOOL:
        return json_boolean(lt__col_int(r, i));
    case HEX:
        blob = lt__col_blob(r, i, &n);
        return hex(blob, n);
    case JSON:
        text = lt__col_text(r, i);
        if (text && !lt_json_parse(text, strlen(text), STORED_JSON_MAX_BYTES, &v, NULL)) return v;
        return text ? json_string(text) : NULL; /* redacted beyond JSON: shown as it is */
    case TEXT:
        break;
    }
    text = lt__col_text(r, i);
    return text ? json_string(text) : NULL;
}

/* The present row as an object; SQL NULLs are left out. NULL when out of memory. */
static json_t *row_object(struct lt__rows *r, const struct column *columns, int n)
{
    json_t *o = json_object();
    for (int i = 0; o && i < n; i++) {
        if (lt__col_is_null(r, i)) continue;
        if (json_object_set_new(o, columns[i].key, column_value(r, i, columns[i].kind))) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static enum lt_err add_rows(struct lt_store *s, json_t *to, const char *key, const char *sql,
                            const char *trace, const struct column *columns, int n,
                            struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    json_t *list = json_array();
    enum lt_err err = lt__db_query(s->db, diag, &r, sql, "t", trace);
    int has_row = 1;
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row)
        if (json_array_append_new(list, row_object(r, columns, n))) {
            lt__db_done(r);
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory reading trace %s", trace);
        }
    if (err)
        json_decref(list);
    else if (json_object_set_new(to, key, list))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory reading trace %s", trace);
    return err;
}

static const struct column trace_columns[] = {
    {"trace", TEXT},
    {"site", TEXT},
    {"source", TEXT},
    {"id", TEXT},
    {"state", TEXT},
    {"text", TEXT},
    {"here", TEXT},
    {"lang", TEXT},
    {"session", TEXT},
    {"catalog", TEXT},
    {"reply_topic", TEXT},
    {"correlation", HEX},
    {"dry_run", BOOL},
    {"received_unix_ms", INT},
    {"deadline_ms", INT},
    {"model", TEXT},
    {"route", TEXT},
    {"why", TEXT},
    {"local_calls", JSON},
    {"calls", JSON},
    {"speech", TEXT},
    {"result", JSON},
    {"error", TEXT},
    {"confidence", REAL},
    {"total_us", INT},
    {"encode_us", INT},
    {"decode_us", INT},
    {"cost_usd_micro", INT},
    {"decisions", JSON},
    {"n_tokens", INT},
    {"executed_unix_ms", INT},
    {"outcome", JSON},
};
static const struct column attempt_columns[] = {
    {"provider", TEXT},     {"model", TEXT},         {"status", TEXT},
    {"http_status", INT},   {"input_tokens", INT},   {"cached_tokens", INT},
    {"output_tokens", INT}, {"cost_usd_micro", INT}, {"started_unix_ms", INT},
    {"duration_us", INT},   {"calls", JSON},         {"error", TEXT},
    {"sent", JSON},
};
static const struct column label_columns[] = {
    {"source", TEXT}, {"correct", BOOL}, {"calls", JSON}, {"note", TEXT}, {"added_unix_ms", INT},
};
#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum lt_err lt_store_trace_show(struct lt_store *s, const char *trace, json_t **out,
                                struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    json_t *o = NULL;
    int has_row = 0;
    enum lt_err err = lt__db_query(
        s->db, diag, &r,
        "SELECT id, site, source, request_id, state, text, here, lang, session, catalog, "
        "reply_topic, "
        "correlation, is_dry_run, received_unix_ms, deadline_ms, model, route, why, local_calls, "
        "calls, speech, result, error, confidence, total_us, encode_us, decode_us, cost_usd_micro, "
        "decisions, n_tokens, executed_unix_ms, outcome FROM trace WHERE id = ?1",
        "t", trace);
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    if (!has_row) return lt_fail(diag, LT_ERR_NOTFOUND, "there is no trace %s", trace);
    o = row_object(r, trace_columns, N(trace_columns));
    lt__db_done(r);
    if (!o) return lt_fail(diag, LT_ERR_NOMEM, "out of memory reading trace %s", trace);
    err =
        add_rows(s, o, "cloud_attempts",
                 "SELECT provider, model, status, http_status, input_tokens, cached_tokens, "
                 "output_tokens, cost_usd_micro, started_unix_ms, duration_us, calls, error, sent "
                 "FROM cloud_attempt WHERE trace = ?1 ORDER BY id",
                 trace, attempt_columns, N(attempt_columns), diag);
    if (!err)
        err = add_rows(s, o, "labels",
                       "SELECT source, is_correct, calls, note, added_unix_ms FROM label "
                       "WHERE trace = ?1 ORDER BY id",
                       trace, label_columns, N(label_columns), diag);
    if (err)
        json_decref(o);
    else
        *out = o;
    return err;
}

/* ---- statistics ---- */

struct span {
    const char *site;
    int64_t since, until;
};
#define SPAN                                                                                       \
    " WHERE (?1 IS NULL OR site = ?1) AND received_unix_ms >= ?2 AND "                             \
    "(?3 = 0 OR received_unix_ms < ?3) "

/* {"value": count} of one grouped query. */
static enum lt_err add_counts(struct lt_store *s, json_t *to, const char *key, const char *sql,
                              const struct span *p, struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    json_t *counts = json_object();
    enum lt_err err = lt__db_query(s->db, diag, &r, sql, "tii", p->site, p->since, p->until);
    int has_row = 1;
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row)
        if (json_object_set_new(counts, lt__col_text(r, 0), json_integer(lt__col_int(r, 1)))) {
            lt__db_done(r);
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory counting traces");
        }
    if (err)
        json_decref(counts);
    else if (json_object_set_new(to, key, counts))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory counting traces");
    return err;
}

static enum lt_err add_latency(struct lt_store *s, json_t *to, const struct span *p,
                               struct lt_diag *diag)
{
    static const struct {
        const char *key;
        int permille;
    } points[] = {{"p50", 500}, {"p95", 950}, {"p99", 990}, {"max", 1000}};
    int64_t n = 0;
    enum lt_err err =
        lt__db_int(s->db, diag, 0, &n, "SELECT count(*) FROM trace" SPAN "AND total_us IS NOT NULL",
                   "tii", p->site, p->since, p->until);
    json_t *o = json_object();
    if (!err && json_object_set_new(o, "n", json_integer(n))) err = LT_ERR_NOMEM;
    for (size_t i = 0; !err && n && i < sizeof points / sizeof points[0]; i++) {
        int64_t v = 0, at = (n * points[i].permille + 999) / 1000 - 1; /* nearest rank */
        err = lt__db_int(s->db, diag, 0, &v,
                         "SELECT total_us FROM trace" SPAN "AND total_us IS NOT NULL "
                         "ORDER BY total_us LIMIT 1 OFFSET ?4",
                         "tiii", p->site, p->since, p->until, at);
        if (!err && json_object_set_new(o, points[i].key, json_integer(v))) err = LT_ERR_NOMEM;
    }
    if (err)
        json_decref(o);
    else if (json_object_set_new(to, "latency_us", o))
        err = LT_ERR_NOMEM;
    return err ? lt_fail(diag, err, "cannot compute latencies: %s", lt_strerror(err)) : LT_OK;
}

static enum lt_err add_number(struct lt_store *s, json_t *to, const char *key, const char *sql,
                              const struct span *p, struct lt_diag *diag)
{
    int64_t n = 0;
    enum lt_err err = lt__db_int(s->db, diag, 0, &n, sql, "tii", p->site, p->since, p->until);
    if (!err && json_object_set_new(to, key, json_integer(n)))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory counting traces");
    return err;
}

enum lt_err lt_store_trace_stats(struct lt_store *s, const char *site, int64_t since_unix_ms,
                                 int64_t until_unix_ms, json_t **out, struct lt_diag *diag)
{
    struct span p = {site, since_unix_ms, until_unix_ms};
    static const struct {
        const char *key, *sql;
    } groups[] = {
        {"states", "SELECT state, count(*) FROM trace" SPAN "GROUP BY state"},
        {"routes", "SELECT route, count(*) FROM trace" SPAN "AND route IS NOT NULL GROUP BY route"},
        {"why", "SELECT why, count(*) FROM trace" SPAN "AND why IS NOT NULL GROUP BY why"},
        {"labels", "SELECT CASE l.is_correct WHEN 1 THEN 'correct' ELSE 'wrong' END, count(*) "
                   "FROM label l JOIN trace ON trace.id = l.trace" SPAN "GROUP BY 1"},
    };
    static const struct {
        const char *key, *sql;
    } numbers[] = {
        {"traces", "SELECT count(*) FROM trace" SPAN},
        {"cloud_attempts",
         "SELECT count(*) FROM cloud_attempt a JOIN trace ON trace.id = a.trace" SPAN},
        {"cost_usd_micro", "SELECT coalesce(sum(cost_usd_micro), 0) FROM trace" SPAN},
    };
    json_t *o = json_object();
    if (!o) return lt_fail(diag, LT_ERR_NOMEM, "out of memory counting traces");
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < sizeof numbers / sizeof numbers[0]; i++)
        err = add_number(s, o, numbers[i].key, numbers[i].sql, &p, diag);
    for (size_t i = 0; !err && i < sizeof groups / sizeof groups[0]; i++)
        err = add_counts(s, o, groups[i].key, groups[i].sql, &p, diag);
    if (!err) err = add_latency(s, o, &p, diag);
    if (!err) {
        /* of all that got a route, what never left the house */
        json_t *routes = json_object_get(o, "routes"), *v;
        const char *route;
        json_int_t n = 0, cloud = 0;
        json_object_foreach(routes, route, v)
        {
            n += json_integer_value(v);
            if (!strcmp(route, "cloud")) cloud = json_integer_value(v);
        }
        if (n && json_object_set_new(o, "local_share", json_real((double)(n - cloud) / (double)n)))
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory counting traces");
    }
    if (err)
        json_decref(o);
    else
        *out = o;
    return err;
}

/* ---- two networks side by side ---- */

static json_t *parsed(const char *text)
{
    json_t *v = NULL;
    if (text && lt_json_parse(text, strlen(text), STORED_JSON_MAX_BYTES, &v, NULL)) v = NULL;
    return v;
}

enum lt_err lt_store_shadow_report(struct lt_store *s, const char *model_sha256, int64_t limit,
                                   json_t **out, struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    json_t *rows = json_array();
    int n = 0, n_same = 0, n_known = 0, n_right[2] = {0, 0}, has_row = 1;
    enum lt_err err =
        lt__db_query(s->db, diag, &r,
                     "SELECT t.text, t.local_calls, t.confidence, h.calls, h.confidence, "
                     "h.is_same, l.calls, l.is_correct, t.calls FROM shadow h JOIN trace t ON "
                     "t.id = h.trace " LABEL_JOIN "WHERE h.model = ?1 ORDER BY t.id DESC LIMIT ?2",
                     "ti", model_sha256, limit);
    while (!err && (err = lt__db_next(r, &has_row, diag)) == LT_OK && has_row) {
        json_t *a = parsed(lt__col_text(r, 1)), *b = parsed(lt__col_text(r, 3));
        const char *told = lt__col_text(r, 6);
        json_t *right = parsed(told ? told : lt__col_int(r, 7) ? lt__col_text(r, 8) : NULL);
        n++;
        n_same += lt__col_int(r, 5) != 0;
        if (right) {
            n_known++;
            n_right[0] += json_equal(a, right);
            n_right[1] += json_equal(b, right);
        }
        if (!lt__col_int(r, 5)) {
            json_t *row = json_pack("{s:s?,s:O?,s:O?,s:f,s:f,s:O*}", "text", lt__col_text(r, 0),
                                    "a", a, "b", b, "a_confidence", lt__col_real(r, 2),
                                    "b_confidence", lt__col_real(r, 4), "right", right);
            json_array_append_new(rows, row);
        }
        json_decref(a);
        json_decref(b);
        json_decref(right);
    }
    if (!err)
        *out = json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:O}", "n", n, "same", n_same, "different",
                         n - n_same, "known", n_known, "a_right", n_right[0], "b_right", n_right[1],
                         "rows", rows);
    json_decref(rows);
    return err;
}
