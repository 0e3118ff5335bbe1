/* one_home.h - a catalogue that all tests of a file share: its text is parsed before them, as a gateway would,
 * and refused with a reason where it would be. */
#ifndef ONE_HOME_H
#define ONE_HOME_H

#include <stdio.h>
#include <string.h>

#include "lt/catalog.h"
#include "lt/docs.h"

static struct lt_docs *docs;
static struct lt_catalog *catalog;

static inline int open_home(const char *text)
{
    struct lt_diag diag = {0};
    enum lt_err err = lt_docs_open(&docs, &diag);
    if (!err) err = lt_catalog_parse(docs, text, strlen(text), &catalog, &diag);
    if (err) fprintf(stderr, "%s\n", lt_diag_text(&diag, err));
    return err ? -1 : 0;
}

static inline int close_home(void **state)
{
    (void)state;
    lt_catalog_unref(catalog);
    lt_docs_close(docs);
    return 0;
}

#endif
