/* docs.c - the embedded schemas, compiled together so that they may refer to each other. */
#include "lt/docs.h"

#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "lt/json.h"
#include "lt/validate.h"

#define SCHEMA_MAX_BYTES (256 * 1024) /* our own files are far smaller */

struct lt_docs {
    json_t *json[LT_DOC_COUNT];
    struct lt_schema *schema[LT_DOC_COUNT];
};

static const char *const names[] = {
#define DOC_NAME(name, file, what) file,
    LT_DOC_MAP(DOC_NAME)
#undef DOC_NAME
};

static json_t *lookup(const char *file, void *user)
{
    const struct lt_docs *d = user;
    for (int i = 0; i < LT_DOC_COUNT; i++)
        if (!strcmp(file, lt__embedded_json[i].name)) return d->json[i];
    return NULL;
}

enum lt_err lt_docs_open(struct lt_docs **out, struct lt_diag *diag)
{
    struct lt_docs *d = calloc(1, sizeof *d);
    if (!d) return lt_fail(diag, LT_ERR_NOMEM, "out of memory reading the schemas");
    enum lt_err err = LT_OK;
    for (int i = 0; !err && i < LT_DOC_COUNT; i++)
        err = lt_json_parse(lt__embedded_json[i].text, lt__embedded_json[i].n, SCHEMA_MAX_BYTES,
                            &d->json[i], diag);
    for (int i = 0; !err && i < LT_DOC_COUNT; i++)
        err = lt_schema_compile(d->json[i], lookup, d, &d->schema[i], diag);
    if (err) {
        lt_docs_close(d);
        return err;
    }
    *out = d;
    return LT_OK;
}

enum lt_err lt_docs_check(const struct lt_docs *d, enum lt_doc doc, const json_t *value,
                          struct lt_diag *diag)
{
    return lt_schema_validate(d->schema[doc], value, "", diag);
}

void lt_docs_close(struct lt_docs *d)
{
    if (!d) return;
    for (int i = 0; i < LT_DOC_COUNT; i++) {
        lt_schema_free(d->schema[i]);
        json_decref(d->json[i]);
    }
    free(d);
}

const char *lt_doc_text(enum lt_doc doc)
{
    return lt__embedded_json[doc].text;
}
const char *lt_doc_name(enum lt_doc doc)
{
    return names[doc];
}
