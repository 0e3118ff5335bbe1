/* models_diff.c - gather the requests, answer them twice, put the answers side by side. */
#include "models_diff.h"

#include <stdlib.h>
#include <string.h>

#include "lt/docs.h"
#include "lt/json.h"
#include "san/data.h"
#include "san/engine.h"
#include "san/score.h"

/* Requests as objects {"query","tools","home","answers"?}: the form of a data line, answers where known. */
struct gathering {
    struct lt_store *store;
    json_t *cases;
    json_t *catalogs; /* {hash: catalogue} */
    struct lt_diag *diag;
};

static json_t *catalog_of(struct gathering *g, const char *hash)
{
    json_t *known = json_object_get(g->catalogs, hash);
    char *text = NULL;
    struct lt_diag ignored = {0};
    if (known) return known;
    if (lt_store_catalog_get(g->store, hash, &text, &ignored)) return NULL;
    json_t *c = NULL;
    if (!lt_json_parse(text, strlen(text), LT_DOC_MAX_BYTES_CATALOG, &c, &ignored))
        json_object_set_new(g->catalogs, hash, c);
    free(text);
    return c;
}

static int gather(const struct lt_trace_row *r, void *user)
{
    struct gathering *g = user;
    const char *right = r->label_calls_json   ? r->label_calls_json
                        : r->label_is_correct ? r->calls_json
                                              : NULL;
    json_t *catalog = r->catalog_hash && r->text ? catalog_of(g, r->catalog_hash) : NULL, *answers;
    if (!catalog || (r->why && !strncmp(r->why, "talk.", 5))) return 0;
    json_t *home = json_copy(json_object_get(catalog, "home"));
    if (home && r->here) json_object_set_new(home, "here", json_string(r->here));
    json_t *c =
        json_pack("{s:s,s:O}", "query", r->text, "tools", json_object_get(catalog, "tools"));
    if (home) json_object_set_new(c, "home", home);
    if (right && r->label_source &&
        !lt_json_parse(right, strlen(right), LT_DOC_MAX_BYTES_REQUEST, &answers, NULL))
        json_object_set_new(c, "answers", answers);
    json_array_append_new(g->cases, c);
    return 0;
}

static enum lt_err load(struct gathering *g, const struct lt_models_diff *o, struct lt_diag *diag)
{
    struct san_cases cases = {0};
    struct san_data_report report = {0};
    enum lt_err err = san_cases_load(&cases, o->data_path, (size_t)o->limit, NULL, &report, diag);
    for (size_t i = 0; i < cases.n && !err; i++) json_array_append(g->cases, cases.p[i]);
    san_cases_free(&cases);
    return err;
}

/* ---- answering ---- */

/* One network's answers: [{"calls","confidence"}], one for each case. Catalogues that follow each other
 * and are equal are compiled once. */
static enum lt_err answer(const char *path, const json_t *cases, json_t *out, struct lt_diag *diag)
{
    struct san_engine *engine = NULL;
    struct san_catalog *compiled = NULL;
    char *last = NULL;
    const json_t *c;
    size_t i;
    enum lt_err err = san_engine_open(path, &engine, diag);
    for (i = 0; !err && i < json_array_size(cases); i++) {
        c = json_array_get(cases, i);
        json_t *home = json_copy(json_object_get(c, "home"));
        const char *here = json_string_value(json_object_get(home, "here"));
        struct san_request ask = {.text = json_string_value(json_object_get(c, "query")),
                                  .here = here};
        struct san_answer a = {0};
        json_t *calls = NULL, *root = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
        json_t *room = json_incref(json_object_get(home, "here"));
        if (home) {
            json_object_del(home, "here");
            json_object_set(root, "home", home);
        }
        if (room) ask.here = json_string_value(room);
        char *text = lt_json_dump(root);
        if (!last || !text || strcmp(last, text) != 0) {
            san_catalog_unref(compiled);
            compiled = NULL;
            err =
                text ? san_catalog_new(engine, text, strlen(text), &compiled, diag) : LT_ERR_NOMEM;
            free(last);
            last = text;
        } else {
            free(text);
        }
        if (!err) err = san_call(engine, compiled, &ask, &a, diag);
        if (!err)
            err = lt_json_parse(a.calls_json, strlen(a.calls_json), LT_DOC_MAX_BYTES_REQUEST,
                                &calls, diag);
        if (!err)
            json_array_append_new(
                out, json_pack("{s:o,s:f}", "calls", calls, "confidence", a.confidence));
        san_answer_free(&a);
        json_decref(room);
        json_decref(home);
        json_decref(root);
    }
    free(last);
    san_catalog_unref(compiled);
    san_engine_close(engine);
    return err;
}

static json_t *compare(const json_t *cases, const json_t *a, const json_t *b)
{
    json_t *rows = json_array();
    int n_same = 0, n_known = 0, right[2] = {0, 0};
    size_t n = json_array_size(cases);
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(cases, i), *x = json_array_get(a, i),
                     *y = json_array_get(b, i);
        json_t *answers = json_object_get(c, "answers");
        if (answers) {
            n_known++;
            right[0] += san_judge(c, json_object_get(x, "calls")).equiv;
            right[1] += san_judge(c, json_object_get(y, "calls")).equiv;
        }
        if (json_equal(json_object_get(x, "calls"), json_object_get(y, "calls"))) {
            n_same++;
            continue;
        }
        json_t *row = json_pack("{s:O,s:O,s:O,s:O,s:O}", "text", json_object_get(c, "query"), "a",
                                json_object_get(x, "calls"), "b", json_object_get(y, "calls"),
                                "a_confidence", json_object_get(x, "confidence"), "b_confidence",
                                json_object_get(y, "confidence"));
        if (answers) json_object_set(row, "right", answers);
        json_array_append_new(rows, row);
    }
    return json_pack("{s:I,s:i,s:I,s:i,s:i,s:i,s:o}", "n", (json_int_t)n, "same", n_same,
                     "different", (json_int_t)json_array_size(rows), "known", n_known, "a_right",
                     right[0], "b_right", right[1], "rows", rows);
}

enum lt_err lt_models_diff(struct lt_store *s, const struct lt_models_diff *o, json_t **out,
                           struct lt_diag *diag)
{
    struct gathering g = {
        .store = s, .cases = json_array(), .catalogs = json_object(), .diag = diag};
    struct lt_trace_filter f = {.site = o->site, .limit = o->limit};
    json_t *a = json_array(), *b = json_array();
    enum lt_err err =
        o->data_path ? load(&g, o, diag) : lt_store_trace_list(s, &f, gather, &g, diag);
    if (!err && !json_array_size(g.cases))
        err = lt_fail(diag, LT_ERR_NOTFOUND,
                      "there is nothing to compare the networks over; name data lines with --data");
    if (!err) err = answer(o->a, g.cases, a, diag);
    if (!err) err = answer(o->b, g.cases, b, diag);
    if (!err) *out = compare(g.cases, a, b);
    json_decref(a);
    json_decref(b);
    json_decref(g.cases);
    json_decref(g.catalogs);
    return err;
}
