/* month.h - a month of made-up traces, for trying policies on the past without having one.
 *
 * Trace i came i / n of the month ago; confidences run from 0.40 to 0.99 in turn. The gate of then was 0.85:
 * what was below went to the cloud at 200 millionths of a dollar. A seventh was said in the bedroom, the rest
 * in the kitchen. Every tenth is labelled, and of these the ones below 0.70 were wrong. */
#ifndef MONTH_H
#define MONTH_H

#include <stdio.h>

#include "lt/catalog.h"
#include "lt/json.h"
#include "lt/store.h"

#define MONTH_TRACES 3000
#define MONTH_MS     (30 * 86400000LL)
#define MONTH_CALLS  "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Kitchen Light\"}}]"
#define MONTH_OTHER  "[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Kitchen Light\"}}]"

static inline enum lt_err month_put(struct lt_store *s, int i, int n, const char *hash, int64_t now,
                                    struct lt_diag *d)
{
    char trace[LT_ULID_CAP], text[64];
    int is_repeated = 0;
    double confidence = 0.40 + (double)(i % 60) / 100;
    int is_local = confidence >= 0.85;
    const char *route = is_local ? "local" : "cloud";
    snprintf(text, sizeof text, "kitchen light on, number %d", i);
    struct lt_trace_new t = {.site = "home",
                             .source = "mqtt",
                             .text = text,
                             .text_len = strlen(text),
                             .here = i % 7 ? "Kitchen" : "Bedroom",
                             .catalog_hash = hash,
                             .received_unix_ms = now - MONTH_MS + (int64_t)i * MONTH_MS / n,
                             .deadline_ms = 15000};
    struct lt_trace_decision dec = {.route = route,
                                    .why = is_local ? "gate.accepted" : "gate.low_confidence",
                                    .model = "test",
                                    .calls_json = MONTH_CALLS,
                                    .confidence = confidence};
    struct lt_trace_answer a = {.route = route,
                                .why = is_local ? "gate.accepted" : "cloud.answered",
                                .calls_json = MONTH_CALLS,
                                .result_json = "{}",
                                .total_us = is_local ? 20000 : 900000,
                                .cost_usd_micro = is_local ? 0 : 200};
    struct lt_label l = {.source = "user",
                         .is_correct = 1,
                         .calls_json = confidence < 0.7 ? MONTH_OTHER : MONTH_CALLS,
                         .now_unix_ms = now};
    enum lt_err err = lt_store_trace_accept(s, &t, trace, &is_repeated, d);
    if (!err) err = lt_store_trace_decided(s, trace, &dec, d);
    if (!err) err = lt_store_trace_answered(s, trace, &a, d);
    if (!err && i % 10 == 0) err = lt_store_label_add(s, trace, &l, d);
    return err;
}

/* Write n traces that end now into the database `path`, of the home in the catalogue file. */
static inline enum lt_err month_write(const char *path, const char *catalog, int n, int64_t now,
                                      struct lt_diag *d)
{
    struct lt_store_options o = {.path = path};
    struct lt_store *s = NULL;
    struct lt_docs *docs = NULL;
    struct lt_catalog *c = NULL;
    json_t *json = NULL;
    enum lt_err err = lt_docs_open(&docs, d);
    if (!err) err = lt_json_read_file(catalog, 1 << 24, &json, d);
    if (!err) err = lt_catalog_new(docs, json, &c, d);
    if (!err) err = lt_store_open(&o, &s, d);
    if (!err) err = lt_store_catalog_put(s, lt_catalog_hash(c), lt_catalog_text(c), now, d);
    if (!err) err = lt_store_begin(s, 0, d);
    for (int i = 0; !err && i < n; i++) err = month_put(s, i, n, lt_catalog_hash(c), now, d);
    if (!err) err = lt_store_commit(s, d);
    lt_store_close(s);
    lt_catalog_unref(c);
    json_decref(json);
    lt_docs_close(docs);
    return err;
}

#endif
