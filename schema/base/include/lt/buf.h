/* lt/buf.h - a growing byte buffer with a ceiling.
 *
 * Every buffer that holds input from outside is born with the most it may ever hold
 * (`cap_bytes`); an append past it fails with LT_ERR_LIMIT and leaves the content as it was. The
 * content is always followed by a NUL that is not counted, so text can be read as a C string.
 * Memory: lt_buf_init allocates nothing; lt_buf_free may be called on a zeroed struct. */
#ifndef LT_BUF_H
#define LT_BUF_H

#include "lt/err.h"

struct lt_buf {
    char *p;          /* content, NUL-terminated; NULL while empty and never written */
    size_t n;         /* bytes of content */
    size_t alloc;     /* bytes allocated */
    size_t cap_bytes; /* most content bytes allowed */
};

/* Empty, no memory taken; content never grows beyond cap_bytes. */
void lt_buf_init(struct lt_buf *b, size_t cap_bytes);
void lt_buf_free(struct lt_buf *b);  /* releases and keeps the cap */
void lt_buf_reset(struct lt_buf *b); /* n = 0, memory kept */
/* Append n bytes. LT_ERR_LIMIT over the cap, LT_ERR_NOMEM; content unchanged on failure. */
LT_NODISCARD enum lt_err lt_buf_add(struct lt_buf *b, const void *data, size_t n);
LT_NODISCARD enum lt_err lt_buf_adds(struct lt_buf *b, const char *s);
LT_NODISCARD enum lt_err lt_buf_addf(struct lt_buf *b, const char *fmt, ...) LT_PRINTF(2, 3);
/* Hand the content to the caller, who frees it with free(); the buffer is empty again. An empty
 * buffer gives "". NULL when out of memory. */
char *lt_buf_take(struct lt_buf *b);
/* The content as a C string, "" when nothing was written; borrowed until the next append. */
const char *lt_buf_str(const struct lt_buf *b);

#endif
