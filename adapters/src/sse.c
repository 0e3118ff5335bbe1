/* sse.c - see sse.h. Bytes go to `line` until it ends, lines to `data` until the event does. */
#include "sse.h"

#include <stdio.h>
#include <string.h>

void lt_sse_init(struct lt_sse *s, lt_sse_fn fn, void *ctx)
{
    memset(s, 0, sizeof *s);
    lt_buf_init(&s->line, LT_SSE_MAX_EVENT_BYTES);
    lt_buf_init(&s->data, LT_SSE_MAX_EVENT_BYTES);
    s->fn = fn;
    s->ctx = ctx;
}

void lt_sse_fini(struct lt_sse *s)
{
    lt_buf_free(&s->line);
    lt_buf_free(&s->data);
}

static enum lt_err end_event(struct lt_sse *s)
{
    int is_told = s->has_data;
    s->has_data = 0;
    if (is_told && s->fn(s->ctx, s->name, lt_buf_str(&s->data), s->data.n)) return LT_ERR_INVALID;
    s->name[0] = '\0';
    lt_buf_reset(&s->data);
    return LT_OK;
}

static int is_field(const char *line, size_t n, const char *field)
{
    size_t k = strlen(field);
    return n >= k && memcmp(line, field, k) == 0 && (n == k || line[k] == ':');
}

static enum lt_err end_line(struct lt_sse *s)
{
    const char *line = lt_buf_str(&s->line);
    size_t n = s->line.n;
    enum lt_err err = LT_OK;
    if (!s->is_begun && n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        n -= 3;
    }
    s->is_begun = 1;
    if (n == 0) {
        err = end_event(s);
    } else if (line[0] != ':') { /* no comment */
        const char *colon = memchr(line, ':', n);
        size_t skip = colon ? (size_t)(colon - line) + 1 : n;
        if (skip < n && line[skip] == ' ') skip++;
        if (is_field(line, n, "data")) {
            if (s->has_data) err = lt_buf_add(&s->data, "\n", 1);
            if (!err) err = lt_buf_add(&s->data, line + skip, n - skip);
            s->has_data = 1;
        } else if (is_field(line, n, "event")) {
            size_t len = n - skip < LT_SSE_MAX_NAME_BYTES ? n - skip : LT_SSE_MAX_NAME_BYTES;
            snprintf(s->name, sizeof s->name, "%.*s", (int)len, line + skip);
        }
    }
    lt_buf_reset(&s->line);
    return err;
}

enum lt_err lt_sse_feed(struct lt_sse *s, const char *bytes, size_t n)
{
    enum lt_err err = LT_OK;
    while (!err && n) {
        if (s->is_after_cr && *bytes == '\n') { /* the second half of CRLF */
            s->is_after_cr = 0;
            bytes++;
            n--;
            continue;
        }
        s->is_after_cr = 0;
        size_t k = 0;
        while (k < n && bytes[k] != '\n' && bytes[k] != '\r') k++;
        err = k ? lt_buf_add(&s->line, bytes, k) : LT_OK;
        if (!err && k < n) {
            s->is_after_cr = bytes[k] == '\r';
            err = end_line(s);
            k++;
        }
        bytes += k;
        n -= k;
    }
    return err;
}

enum lt_err lt_sse_end(struct lt_sse *s)
{
    enum lt_err err = s->line.n ? end_line(s) : LT_OK;
    return err ? err : end_event(s);
}
