/* lt/docs.h - the JSON documents of Lintel and their schemas.
 *
 * schema/json/<name>.schema.json describes each document that crosses a boundary; the texts are
 * part of the library. lt_docs_open compiles them once; the result is read-only and may be shared
 * by threads. schema/README.md tells who writes and who reads each document. */
#ifndef LT_DOCS_H
#define LT_DOCS_H

#include <jansson.h>

#include "lt/err.h"

/* name, file name without ".schema.json", what it is */
#define LT_DOC_MAP(XX)                                                                             \
    XX(REQUEST, "request", "lintel/<site>/request, when it is JSON")                               \
    XX(RESULT, "result", "lintel/<site>/response, lintel call, a line of lintel eval --out")       \
    XX(CALL, "call", "lintel/<site>/call/<tool>")                                                  \
    XX(FEEDBACK, "feedback", "lintel/<site>/feedback")                                             \
    XX(CATALOG, "catalog", "lintel/<site>/catalog and catalogue files")                            \
    XX(STATUS, "status", "lintel/<site>/status")                                                   \
    XX(STATS, "stats", "lintel/<site>/stats")                                                      \
    XX(CONFIG, "config", "lintel.yaml, read into JSON")                                            \
    XX(DATA_LINE, "data-line", "a line of a training, evaluation or export file")                  \
    XX(TIMER, "timer", "lintel/<site>/timer")                                                      \
    XX(ANNOUNCE, "announce", "lintel/<site>/announce")                                             \
    XX(SPEECH, "speech", "lintel/<site>/speech")                                                   \
    XX(DRIFT, "drift", "lintel/<site>/drift")

enum lt_doc {
#define LT_DOC_ENUM(name, file, what) LT_DOC_##name,
    LT_DOC_MAP(LT_DOC_ENUM)
#undef LT_DOC_ENUM
        LT_DOC_COUNT
};

#define LT_DOC_MAX_BYTES_REQUEST (64u * 1024)        /* cap for request and feedback messages */
#define LT_DOC_MAX_BYTES_CATALOG (32u * 1024 * 1024) /* cap for catalogues */
#define LT_DOC_MAX_BYTES_LINE    (4u * 1024 * 1024)  /* cap for one data line */

struct lt_docs; /* opaque: all schemas, compiled */

/* Compile all schemas. LT_ERR_NOMEM; any other error is a fault of the build. */
LT_NODISCARD enum lt_err lt_docs_open(struct lt_docs **out, struct lt_diag *diag);
/* Check a document. LT_ERR_INVALID: "/text: expected string, got integer". The catalogue's own
 * rules beyond its schema (unique names, areas that exist) are lt_catalog_new's (lt/catalog.h). */
LT_NODISCARD enum lt_err lt_docs_check(const struct lt_docs *d, enum lt_doc doc,
                                       const json_t *value, struct lt_diag *diag);
void lt_docs_close(struct lt_docs *d); /* NULL is fine */

/* The schema's text, for `--help`, a console, or a server that validates; static. */
const char *lt_doc_text(enum lt_doc doc);
/* "request", "result", …; static. */
const char *lt_doc_name(enum lt_doc doc);

#endif
