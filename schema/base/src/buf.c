/* buf.c - growing byte buffer with a ceiling. */
#include "lt/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lt_buf_init(struct lt_buf *b, size_t cap_bytes)
{
    *b = (struct lt_buf){.cap_bytes = cap_bytes};
}

void lt_buf_free(struct lt_buf *b)
{
    free(b->p);
    *b = (struct lt_buf){.cap_bytes = b->cap_bytes};
}

void lt_buf_reset(struct lt_buf *b)
{
    b->n = 0;
    if (b->p) b->p[0] = '\0';
}

static enum lt_err reserve(struct lt_buf *b, size_t n)
{
    if (n > b->cap_bytes || b->n > b->cap_bytes - n) return LT_ERR_LIMIT;
    size_t need = b->n + n + 1;
    if (need <= b->alloc) return LT_OK;
    size_t alloc = b->alloc ? b->alloc : 64;
    while (alloc < need) alloc = alloc > (size_t)-1 / 2 ? need : alloc * 2;
    char *p = realloc(b->p, alloc);
    if (!p) return LT_ERR_NOMEM;
    b->p = p;
    b->alloc = alloc;
    return LT_OK;
}

enum lt_err lt_buf_add(struct lt_buf *b, const void *data, size_t n)
{
    enum lt_err err = reserve(b, n);
    if (err) return err;
    if (n) memcpy(b->p + b->n, data, n);
    b->n += n;
    b->p[b->n] = '\0';
    return LT_OK;
}

enum lt_err lt_buf_adds(struct lt_buf *b, const char *s) { return lt_buf_add(b, s, strlen(s)); }

enum lt_err lt_buf_addf(struct lt_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    enum lt_err err = n < 0 ? LT_ERR_INVALID : reserve(b, (size_t)n);
    if (!err) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return err;
}

char *lt_buf_take(struct lt_buf *b)
{
    char *p = b->p ? b->p : calloc(1, 1);
    *b = (struct lt_buf){.cap_bytes = b->cap_bytes};
    return p;
}

const char *lt_buf_str(const struct lt_buf *b) { return b->p ? b->p : ""; }
