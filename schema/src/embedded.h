/* embedded.h - files of schema/json and schema/sql as parts of the library. */
#ifndef LT_EMBEDDED_H
#define LT_EMBEDDED_H

#include <stddef.h>

struct lt__embedded {
    const char *name; /* file name without folders */
    const char *text; /* NUL-terminated */
    size_t n;         /* bytes without the NUL */
};

extern const struct lt__embedded lt__embedded_json[]; /* in the order of LT_DOC_MAP */
extern const struct lt__embedded lt__embedded_sql[];  /* migrations, first to last */

#endif
