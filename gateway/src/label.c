/* label.c - the check is the one that every call passes. */
#include "label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/catalog.h"
#include "lt/json.h"

static int take_hash(const struct lt_trace_row *r, void *user)
{
    char *hash = user;
    snprintf(hash, LT_SHA256_HEX_CAP, "%s", r->catalog_hash ? r->catalog_hash : "");
    return 1;
}

static enum lt_err check(struct lt_store *s, const struct lt_docs *docs, const char *trace,
                         const char *calls_json, struct lt_diag *diag)
{
    struct lt_trace_filter f = {.trace = trace, .limit = 1};
    struct lt_catalog *catalog = NULL;
    json_t *calls = NULL;
    char hash[LT_SHA256_HEX_CAP] = "", *text = NULL;
    enum lt_err err = lt_store_trace_list(s, &f, take_hash, hash, diag);
    if (err || !hash[0]) return err; /* without a catalogue nothing is learnt from it anyway */
    err = lt_json_parse(calls_json, strlen(calls_json), LT_DOC_MAX_BYTES_REQUEST, &calls, diag);
    if (!err) err = lt_store_catalog_get(s, hash, &text, diag);
    if (!err) err = lt_catalog_parse(docs, text, strlen(text), &catalog, diag);
    if (!err && (err = lt_catalog_check_calls(catalog, calls, diag)) != LT_OK) err = LT_ERR_INVALID;
    lt_catalog_unref(catalog);
    json_decref(calls);
    free(text);
    return err;
}

enum lt_err lt_label_put(struct lt_store *s, const struct lt_docs *docs, const char *trace,
                         const struct lt_label *label, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    if (label->calls_json) err = check(s, docs, trace, label->calls_json, diag);
    return err ? err : lt_store_label_add(s, trace, label, diag);
}
