/* store_trace.c - the life of a trace: accepted, decided, answered, executed; attempts and labels.
 */
#include <stdlib.h>
#include <string.h>

#include "store_impl.h"

static enum lt_err find(struct lt_store *s, const char *site, const char *request_id,
                        int64_t since_unix_ms, char trace[LT_ULID_CAP], int *is_found,
                        struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    *is_found = 0;
    enum lt_err err =
        lt__db_query(s->db, diag, &r,
                     "SELECT id FROM trace WHERE site = ?1 AND request_id = ?2 "
                     "AND received_unix_ms >= ?3 ORDER BY received_unix_ms DESC, id DESC LIMIT 1",
                     "tti", site, request_id, since_unix_ms);
    if (!err) err = lt__db_next(r, is_found, diag);
    if (!err && *is_found) {
        const char *id = lt__col_text(r, 0);
        size_t n = id ? strlen(id) : 0;
        if (n >= LT_ULID_CAP) n = LT_ULID_CAP - 1;
        memcpy(trace, id ? id : "", n);
        trace[n] = '\0';
        lt__db_done(r);
    }
    return err;
}

static enum lt_err insert(struct lt_store *s, const struct lt_trace_new *t, const char *trace,
                          struct lt_diag *diag)
{
    char *text = NULL;
    enum lt_err err = lt_redact_text(s->text_mode, t->text, t->text_len, &text);
    if (err) return lt_fail(diag, err, "cannot prepare a text for the store: %s", lt_strerror(err));
    err =
        lt__db_run(s->db, diag,
                   "INSERT INTO trace (id, site, source, request_id, state, received_unix_ms, "
                   "deadline_ms, is_dry_run, text, here, lang, session, catalog, reply_topic, "
                   "correlation) VALUES (?1,?2,?3,?4,'accepted',?5,?6,?7,?8,?9,?10,?11,"
                   "(SELECT hash FROM catalog WHERE hash = ?12),?13,?14)",
                   "ttttiiittttttb", trace, t->site, t->source, t->request_id, t->received_unix_ms,
                   t->deadline_ms, (int64_t) !!t->is_dry_run, text, t->here, t->lang, t->session,
                   t->catalog_hash, t->reply_topic, t->correlation, t->correlation_len);
    free(text);
    return err;
}

enum lt_err lt_store_trace_accept(struct lt_store *s, const struct lt_trace_new *t,
                                  char trace[LT_ULID_CAP], int *is_duplicate, struct lt_diag *diag)
{
    *is_duplicate = 0;
    if (!t->site || !t->source)
        return lt_fail(diag, LT_ERR_INVALID, "a trace needs a site and a source");
    if (t->request_id && strlen(t->request_id) > LT_STORE_REQUEST_ID_MAX)
        return lt_fail(diag, LT_ERR_INVALID, "/id: longer than %d bytes", LT_STORE_REQUEST_ID_MAX);
    enum lt_err err = lt__enter_single(s, 1, diag);
    if (err) return err;
    if (t->request_id)
        err = find(s, t->site, t->request_id, t->received_unix_ms - s->dedupe_window_ms, trace,
                   is_duplicate, diag);
    if (!err && !*is_duplicate) {
        lt_ulid_next(&s->ids, t->received_unix_ms, trace);
        err = insert(s, t, trace, diag);
    }
    return lt__leave_single(s, err, diag);
}

enum lt_err lt_store_trace_find(struct lt_store *s, const char *site, const char *request_id,
                                int64_t since_unix_ms, char trace[LT_ULID_CAP],
                                struct lt_diag *diag)
{
    int is_found;
    enum lt_err err = find(s, site, request_id, since_unix_ms, trace, &is_found, diag);
    if (!err && !is_found)
        err =
            lt_fail(diag, LT_ERR_NOTFOUND, "site %s has no trace of request %s", site, request_id);
    return err;
}

/* After an UPDATE that allows only legal edges: nothing changed means a wrong id or a wrong state.
 */
static enum lt_err explain_unchanged(struct lt_store *s, const char *trace, const char *state,
                                     struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    enum lt_err err =
        lt__db_query(s->db, diag, &r, "SELECT state FROM trace WHERE id = ?1", "t", trace);
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    if (!has_row) return lt_fail(diag, LT_ERR_NOTFOUND, "there is no trace %s", trace);
    err = lt_fail(diag, LT_ERR_INVALID, "trace %s is %s and cannot become %s", trace,
                  lt__col_text(r, 0), state);
    lt__db_done(r);
    return err;
}

static enum lt_err after_update(struct lt_store *s, enum lt_err err, const char *trace,
                                const char *state, struct lt_diag *diag)
{
    if (!err && !lt__db_changes(s->db)) err = explain_unchanged(s, trace, state, diag);
    return lt__leave_single(s, err, diag);
}

enum lt_err lt_store_trace_decided(struct lt_store *s, const char *trace,
                                   const struct lt_trace_decision *d, struct lt_diag *diag)
{
    char *calls = NULL;
    enum lt_err err = lt__store_json(s, d->calls_json, &calls, diag);
    if (!err) err = lt__enter_single(s, 0, diag);
    if (!err) {
        err =
            lt__db_run(s->db, diag,
                       "UPDATE trace SET state = 'decided', route = ?2, why = ?3, model = ?4, "
                       "local_calls = ?5, confidence = CASE WHEN ?5 IS NULL THEN NULL ELSE ?6 END, "
                       "decisions = ?7, n_tokens = ?8, encode_us = ?9, decode_us = ?10 "
                       "WHERE id = ?1 AND state = 'accepted'",
                       "tttttrtiii", trace, d->route, d->why, d->model, calls, d->confidence,
                       d->decisions_json, (int64_t)d->n_tokens, d->encode_us, d->decode_us);
        err = after_update(s, err, trace, "decided", diag);
    }
    free(calls);
    return err;
}

enum lt_err lt_store_trace_answered(struct lt_store *s, const char *trace,
                                    const struct lt_trace_answer *a, struct lt_diag *diag)
{
    char *calls = NULL, *speech = NULL, *result = NULL;
    if (!a->calls_json || !a->result_json)
        return lt_fail(diag, LT_ERR_INVALID, "an answer needs calls and a result");
    enum lt_err err = lt__store_json(s, a->calls_json, &calls, diag);
    if (!err) err = lt__store_text(s, a->speech, &speech, diag);
    if (!err) err = lt__store_json(s, a->result_json, &result, diag);
    if (!err) err = lt__enter_single(s, 0, diag);
    if (!err) {
        err = lt__db_run(s->db, diag,
                         "UPDATE trace SET state = 'answered', route = ?2, why = ?3, calls = ?4, "
                         "speech = ?5, result = ?6, total_us = ?7, cost_usd_micro = ?8 "
                         "WHERE id = ?1 AND state = ?9",
                         "ttttttiit", trace, a->route, a->why, calls, speech, result, a->total_us,
                         a->cost_usd_micro, a->is_more ? "answered" : "decided");
        err = after_update(s, err, trace, "answered", diag);
    }
    free(calls);
    free(speech);
    free(result);
    return err;
}

enum lt_err lt_store_trace_settled(struct lt_store *s, const char *trace,
                                   const struct lt_trace_decision *d,
                                   const struct lt_trace_answer *a, struct lt_diag *diag)
{
    char *local = NULL, *calls = NULL, *speech = NULL, *result = NULL;
    if (!a->calls_json || !a->result_json || a->is_more)
        return lt_fail(diag, LT_ERR_INVALID, "an answer needs calls and a result, and to be whole");
    enum lt_err err = lt__store_json(s, d->calls_json, &local, diag);
    if (!err) err = lt__store_json(s, a->calls_json, &calls, diag);
    if (!err) err = lt__store_text(s, a->speech, &speech, diag);
    if (!err) err = lt__store_json(s, a->result_json, &result, diag);
    if (!err) err = lt__enter_single(s, 0, diag);
    if (!err) {
        err =
            lt__db_run(s->db, diag,
                       "UPDATE trace SET state = 'answered', route = ?2, why = ?3, model = ?4, "
                       "local_calls = ?5, confidence = CASE WHEN ?5 IS NULL THEN NULL ELSE ?6 END, "
                       "decisions = ?7, n_tokens = ?8, encode_us = ?9, decode_us = ?10, "
                       "calls = ?11, speech = ?12, result = ?13, total_us = ?14, "
                       "cost_usd_micro = ?15 WHERE id = ?1 AND state = 'accepted'",
                       "tttttrtiiitttii", trace, a->route, a->why, d->model, local, d->confidence,
                       d->decisions_json, (int64_t)d->n_tokens, d->encode_us, d->decode_us, calls,
                       speech, result, a->total_us, a->cost_usd_micro);
        err = after_update(s, err, trace, "answered", diag);
    }
    free(local);
    free(calls);
    free(speech);
    free(result);
    return err;
}

enum lt_err lt_store_trace_sent(struct lt_store *s, const char *trace, int n_calls,
                                struct lt_diag *diag)
{
    enum lt_err err = lt__enter_single(s, 0, diag);
    if (err) return err;
    err = lt__db_run(s->db, diag, "UPDATE trace SET calls_sent = max(calls_sent, ?2) WHERE id = ?1",
                     "ti", trace, (int64_t)n_calls);
    return after_update(s, err, trace, "sent", diag);
}

enum lt_err lt_store_trace_executed(struct lt_store *s, const char *trace, const char *outcome_json,
                                    int64_t now_unix_ms, struct lt_diag *diag)
{
    char *outcome = NULL;
    enum lt_err err = lt__store_json(s, outcome_json, &outcome, diag);
    if (!err) err = lt__enter_single(s, 0, diag);
    if (!err) {
        err = lt__db_run(s->db, diag,
                         "UPDATE trace SET state = 'executed', outcome = ?2, executed_unix_ms = ?3 "
                         "WHERE id = ?1 AND state = 'answered'",
                         "tti", trace, outcome, now_unix_ms);
        err = after_update(s, err, trace, "executed", diag);
    }
    free(outcome);
    return err;
}

/* failed may follow any unfinished state, refused only what was not answered yet */
static enum lt_err end(struct lt_store *s, const char *trace, int is_refused, const char *why,
                       const char *error, const char *result_json, struct lt_diag *diag)
{
    char *text = NULL, *result = NULL;
    enum lt_err err = lt__store_text(s, error, &text, diag);
    if (!err) err = lt__store_json(s, result_json, &result, diag);
    if (!err) err = lt__enter_single(s, 0, diag);
    if (!err) {
        err = lt__db_run(s->db, diag,
                         "UPDATE trace SET state = CASE WHEN ?6 THEN 'refused' ELSE 'failed' END, "
                         "route = CASE WHEN ?6 THEN 'refused' ELSE coalesce(route, 'refused') END, "
                         "why = ?2, error = ?3, result = coalesce(?4, result), "
                         "calls = coalesce(calls, '[]') WHERE id = ?1 AND "
                         "(state IN ('accepted', 'decided') OR (state = ?5 AND NOT ?6))",
                         "ttttti", trace, why, text, result, "answered", (int64_t) !!is_refused);
        err = after_update(s, err, trace, is_refused ? "refused" : "failed", diag);
    }
    free(text);
    free(result);
    return err;
}

enum lt_err lt_store_trace_failed(struct lt_store *s, const char *trace, const char *why,
                                  const char *error, const char *result_json, struct lt_diag *diag)
{
    return end(s, trace, 0, why, error, result_json, diag);
}

enum lt_err lt_store_trace_refused(struct lt_store *s, const char *trace, const char *why,
                                   const char *error, const char *result_json, struct lt_diag *diag)
{
    return end(s, trace, 1, why, error, result_json, diag);
}

enum lt_err lt_store_trace_result(struct lt_store *s, const char *trace, char **result_json,
                                  struct lt_diag *diag)
{
    struct lt__rows *r = NULL;
    int has_row = 0;
    *result_json = NULL;
    enum lt_err err =
        lt__db_query(s->db, diag, &r, "SELECT result FROM trace WHERE id = ?1", "t", trace);
    if (!err) err = lt__db_next(r, &has_row, diag);
    if (err) return err;
    if (!has_row) return lt_fail(diag, LT_ERR_NOTFOUND, "there is no trace %s", trace);
    const char *text = lt__col_text(r, 0);
    if (text) {
        *result_json = strdup(text);
        if (!*result_json)
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory reading trace %s", trace);
    }
    lt__db_done(r);
    return err;
}

/* Attempts and labels hang on a trace: a clear word when it is not there. */
static enum lt_err need_trace(struct lt_store *s, const char *trace, struct lt_diag *diag)
{
    int64_t n = 0;
    enum lt_err err =
        lt__db_int(s->db, diag, 0, &n, "SELECT count(*) FROM trace WHERE id = ?1", "t", trace);
    if (!err && !n) err = lt_fail(diag, LT_ERR_NOTFOUND, "there is no trace %s", trace);
    return err;
}

enum lt_err lt_store_attempt_add(struct lt_store *s, const char *trace,
                                 const struct lt_store_attempt *a, struct lt_diag *diag)
{
    char *calls = NULL, *error = NULL, *sent = NULL;
    enum lt_err err = lt__store_json(s, a->calls_json, &calls, diag);
    if (!err) err = lt__store_text(s, a->error, &error, diag);
    if (!err) err = lt__store_json(s, a->sent_json, &sent, diag);
    if (!err) err = lt__enter(s, 0, diag);
    if (!err) {
        err = need_trace(s, trace, diag);
        if (!err)
            err = lt__db_run(
                s->db, diag,
                "INSERT INTO cloud_attempt (trace, provider, model, status, http_status, "
                "input_tokens, cached_tokens, output_tokens, cost_usd_micro, "
                "started_unix_ms, duration_us, calls, error, sent) "
                "VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
                "ttttiiiiiiittt", trace, a->provider, a->model, a->status, (int64_t)a->http_status,
                a->input_tokens, a->cached_tokens, a->output_tokens, a->cost_usd_micro,
                a->started_unix_ms, a->duration_us, calls, error, sent);
        err = lt__leave(s, err, diag);
    }
    free(calls);
    free(error);
    free(sent);
    return err;
}

enum lt_err lt_store_label_add(struct lt_store *s, const char *trace, const struct lt_label *l,
                               struct lt_diag *diag)
{
    char *calls = NULL, *note = NULL;
    enum lt_err err = lt__store_json(s, l->calls_json, &calls, diag);
    if (!err) err = lt__store_text(s, l->note, &note, diag);
    if (!err) err = lt__enter(s, 0, diag);
    if (!err) {
        err = need_trace(s, trace, diag);
        if (!err)
            err = lt__db_run(
                s->db, diag,
                "INSERT OR REPLACE INTO label (trace, source, is_correct, calls, note, "
                "added_unix_ms) VALUES (?1,?2,?3,?4,?5,?6)",
                "ttitti", trace, l->source, (int64_t) !!l->is_correct, calls, note, l->now_unix_ms);
        if (!err) err = lt__store_answer_learn(s, trace, l, diag);
        err = lt__leave(s, err, diag);
    }
    free(calls);
    free(note);
    return err;
}

enum lt_err lt_store_label_remove(struct lt_store *s, const char *trace, const char *source,
                                  int64_t *n_removed, struct lt_diag *diag)
{
    enum lt_err err = lt__enter(s, 0, diag);
    if (err) return err;
    err = need_trace(s, trace, diag);
    if (!err)
        err = lt__db_run(s->db, diag,
                         "DELETE FROM label WHERE trace = ?1 AND (?2 IS NULL OR source = ?2)", "tt",
                         trace, source);
    if (!err && n_removed) *n_removed = lt__db_changes(s->db);
    /* an answer that was remembered because of the label goes with it */
    if (!err && (!source || !strcmp(source, "user") || !strcmp(source, "console")))
        err = lt__db_run(s->db, diag, "DELETE FROM confirmed_answer WHERE trace = ?1", "t", trace);
    return lt__leave(s, err, diag);
}

enum lt_err lt_store_shadow_add(struct lt_store *s, const char *trace, const char *model_sha256,
                                const char *calls_json, double confidence, int is_same,
                                int64_t now_unix_ms, struct lt_diag *diag)
{
    char *calls = NULL;
    enum lt_err err = lt__store_json(s, calls_json, &calls, diag);
    if (!err) err = lt__enter(s, 0, diag);
    if (!err) {
        err = need_trace(s, trace, diag);
        if (!err)
            err = lt__db_run(s->db, diag,
                             "INSERT OR REPLACE INTO shadow (trace, model, calls, confidence, "
                             "is_same, added_unix_ms) VALUES (?1,?2,?3,?4,?5,?6)",
                             "tttrii", trace, model_sha256, calls, confidence, (int64_t) !!is_same,
                             now_unix_ms);
        err = lt__leave(s, err, diag);
    }
    free(calls);
    return err;
}
