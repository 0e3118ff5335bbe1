/* curate_import.c - data lines become traces that were executed long ago. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curate.h"
#include "lt/catalog.h"
#include "lt/clock.h"
#include "lt/json.h"
#include "lt/sha256.h"
#include "lt/store_export.h"
#include "san/data.h"

/* The line's catalogue, put into the store. LT_ERR_INVALID: its calls do not fit it. */
static enum lt_err take_catalog(struct lt_store *s, const struct lt_docs *docs, const json_t *c,
                                char hash[LT_SHA256_HEX_CAP], struct lt_diag *diag)
{
    struct lt_catalog *catalog = NULL;
    json_t *home = json_copy(json_object_get(c, "home"));
    json_t *root = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
    if (json_is_object(home)) {
        json_object_del(home, "here"); /* the room belongs to the request */
        json_object_set(root, "home", home);
    }
    json_decref(home);
    enum lt_err err = lt_catalog_new(docs, root, &catalog, diag);
    json_decref(root);
    if (!err && lt_catalog_check_calls(catalog, json_object_get(c, "answers"), diag))
        err = LT_ERR_INVALID;
    if (!err) {
        snprintf(hash, LT_SHA256_HEX_CAP, "%s", lt_catalog_hash(catalog));
        err = lt_store_catalog_put(s, hash, lt_catalog_text(catalog), lt_now_unix_ms(), diag);
    }
    lt_catalog_unref(catalog);
    return err;
}

/* "import/" and a hash of what the line says: the same line again is the same request. */
static void id_of(const json_t *c, const char *hash, char out[LT_STORE_REQUEST_ID_MAX])
{
    struct lt_sha256 h;
    char hex[LT_SHA256_HEX_CAP], *answers = lt_json_dump(json_object_get(c, "answers"));
    const char *here = json_string_value(json_object_get(json_object_get(c, "home"), "here"));
    const char *parts[] = {json_string_value(json_object_get(c, "query")), answers, here, hash};
    lt_sha256_init(&h);
    for (int i = 0; i < 4; i++)
        lt_sha256_add(&h, parts[i] ? parts[i] : "", parts[i] ? strlen(parts[i]) + 1 : 1);
    lt_sha256_hex(&h, hex);
    snprintf(out, LT_STORE_REQUEST_ID_MAX, "import/%s", hex);
    free(answers);
}

static enum lt_err put(struct lt_store *s, const char *site, const char *source, const json_t *c,
                       const char *hash, const char *id, struct lt_diag *diag)
{
    const char *query = json_string_value(json_object_get(c, "query"));
    char trace[LT_ULID_CAP], *calls = lt_json_dump(json_object_get(c, "answers"));
    int is_known = 0;
    if (!calls || !query) {
        free(calls);
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    struct lt_trace_new t = {
        .site = site,
        .source = "import",
        .request_id = id,
        .text = query,
        .text_len = strlen(query),
        .here = json_string_value(json_object_get(json_object_get(c, "home"), "here")),
        .catalog_hash = hash,
        .received_unix_ms = lt_now_unix_ms()};
    struct lt_trace_decision d = {.route = "none", .why = "import"};
    struct lt_trace_answer a = {
        .route = "none", .why = "import", .calls_json = calls, .result_json = "{}"};
    struct lt_label label = {
        .source = source, .is_correct = 1, .calls_json = calls, .now_unix_ms = t.received_unix_ms};
    enum lt_err err = lt_store_trace_accept(s, &t, trace, &is_known, diag);
    if (!err) err = lt_store_trace_decided(s, trace, &d, diag);
    if (!err) err = lt_store_trace_answered(s, trace, &a, diag);
    if (!err) err = lt_store_trace_executed(s, trace, NULL, t.received_unix_ms, diag);
    if (!err) err = lt_store_label_add(s, trace, &label, diag);
    free(calls);
    return err;
}

/* What was erased does not come back by a copy of its line. */
static enum lt_err check_not_erased(struct lt_store *s, const json_t *line, struct lt_diag *diag)
{
    const char *id = json_string_value(json_object_get(line, "id"));
    int is_erased = 0;
    enum lt_err err = id ? lt_store_is_erased(s, id, &is_erased, diag) : LT_OK;
    return err || !is_erased ? err
                             : lt_fail(diag, LT_ERR_INVALID, "/id: trace %s was erased here", id);
}

static enum lt_err take(struct lt_store *s, const struct lt_docs *docs, struct lt_curate_import *c,
                        const char *where, const json_t *line, struct lt_diag *diag)
{
    char hash[LT_SHA256_HEX_CAP], id[LT_STORE_REQUEST_ID_MAX], trace[LT_ULID_CAP];
    struct lt_diag why = {0};
    enum lt_err err = check_not_erased(s, line, &why);
    if (!err) err = take_catalog(s, docs, line, hash, &why);
    if (err == LT_ERR_INVALID || err == LT_ERR_UNSUPPORTED || err == LT_ERR_LIMIT) {
        c->n_refused++;
        if (c->refused) c->refused(where, why.text);
        return LT_OK;
    }
    if (err) {
        if (diag) *diag = why;
        return err;
    }
    id_of(line, hash, id);
    if (!lt_store_trace_find(s, c->site, id, 0, trace, NULL)) {
        c->n_known++;
        return LT_OK;
    }
    c->n_taken++;
    return put(s, c->site, "import", line, hash, id, diag);
}

enum lt_err lt_curate_take(struct lt_store *s, const struct lt_docs *docs, const char *site,
                           const char *request_id, const char *source, const json_t *line,
                           int *is_known, struct lt_diag *diag)
{
    char hash[LT_SHA256_HEX_CAP], trace[LT_ULID_CAP];
    *is_known = !lt_store_trace_find(s, site, request_id, 0, trace, NULL);
    enum lt_err err = lt_store_begin(s, 1, diag);
    if (err) return err;
    err = check_not_erased(s, line, diag);
    if (!err) err = take_catalog(s, docs, line, hash, diag);
    if (!err) err = lt_store_site_put(s, site, NULL, lt_now_unix_ms(), diag);
    if (!err && *is_known) {
        char *calls = lt_json_dump(json_object_get(line, "answers"));
        struct lt_label label = {.source = source,
                                 .is_correct = 1,
                                 .calls_json = calls,
                                 .now_unix_ms = lt_now_unix_ms()};
        err = calls ? lt_store_label_add(s, trace, &label, diag)
                    : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
        free(calls);
    } else if (!err) {
        err = put(s, site, source, line, hash, request_id, diag);
    }
    if (!err) return lt_store_commit(s, diag);
    lt_store_rollback(s);
    return err;
}

enum lt_err lt_curate_import(struct lt_store *s, const char *path, struct lt_curate_import *c,
                             struct lt_diag *diag)
{
    struct san_data_report report = {0};
    struct san_reader *reader = NULL;
    struct lt_docs *docs = NULL;
    json_t *line = NULL;
    char where[1100];
    enum lt_err err = lt_docs_open(&docs, diag);
    if (!err) err = san_reader_open(path, NULL, &report, &reader, diag);
    if (!err) err = lt_store_begin(s, 1, diag);
    int is_open = !err;
    if (!err) err = lt_store_site_put(s, c->site, NULL, lt_now_unix_ms(), diag);
    while (!err && !(err = san_reader_next(reader, &line, diag)) && line) {
        snprintf(where, sizeof where, "%s:%llu", path, (unsigned long long)san_reader_line(reader));
        err = take(s, docs, c, where, line, diag);
        json_decref(line);
    }
    for (int i = 0; i < report.n_samples && c->refused; i++)
        c->refused(report.sample[i].where, report.sample[i].reason);
    c->n_refused += (int64_t)report.n_bad;
    if (!err && !c->n_taken && !c->n_known)
        err = lt_fail(diag, LT_ERR_INVALID, "%s: not one line can be taken", path);
    if (is_open && !err)
        err = lt_store_commit(s, diag);
    else if (is_open)
        lt_store_rollback(s);
    san_reader_close(reader);
    lt_docs_close(docs);
    return err;
}
