/* wyoming_frame.c - one buffer per part; a header is parsed when its newline is there. */
#include "wyoming_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"

#ifndef LINTEL_VERSION
#define LINTEL_VERSION "0"
#endif

enum part { HEADER, DATA, PAYLOAD, BROKEN };

struct lt_wyoming_reader {
    enum part part;
    enum lt_err broken;
    struct lt_buf header, block, payload;
    size_t data_len, payload_len;
    json_t *event, *data; /* of the event under way */
};

struct lt_wyoming_reader *lt_wyoming_reader_new(void)
{
    struct lt_wyoming_reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    lt_buf_init(&r->header, LT_WYOMING_HEADER_MAX);
    lt_buf_init(&r->block, LT_WYOMING_DATA_MAX);
    lt_buf_init(&r->payload, LT_WYOMING_PAYLOAD_MAX);
    return r;
}

static void forget_event(struct lt_wyoming_reader *r)
{
    json_decref(r->event);
    json_decref(r->data);
    r->event = r->data = NULL;
    lt_buf_free(&r->header);
    lt_buf_free(&r->block);
    lt_buf_free(&r->payload);
    lt_buf_init(&r->header, LT_WYOMING_HEADER_MAX);
    lt_buf_init(&r->block, LT_WYOMING_DATA_MAX);
    lt_buf_init(&r->payload, LT_WYOMING_PAYLOAD_MAX);
    r->data_len = r->payload_len = 0;
    r->part = HEADER;
}

void lt_wyoming_reader_free(struct lt_wyoming_reader *r)
{
    if (!r) return;
    forget_event(r);
    free(r);
}

/* A length member: absent, null and 0 mean none. */
static enum lt_err take_length(const json_t *header, const char *key, size_t most, size_t *out,
                               struct lt_diag *diag)
{
    const json_t *v = json_object_get(header, key);
    *out = 0;
    if (!v || json_is_null(v)) return LT_OK;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return lt_fail(diag, LT_ERR_PARSE, "%s is not a whole number of bytes", key);
    if ((unsigned long long)json_integer_value(v) > most)
        return lt_fail(diag, LT_ERR_LIMIT, "%s is %lld; at most %zu bytes are taken", key,
                       (long long)json_integer_value(v), most);
    *out = (size_t)json_integer_value(v);
    return LT_OK;
}

static enum lt_err take_header(struct lt_wyoming_reader *r, struct lt_diag *diag)
{
    enum lt_err err =
        lt_json_parse(lt_buf_str(&r->header), r->header.n, LT_WYOMING_HEADER_MAX, &r->event, diag);
    if (!err && !json_is_string(json_object_get(r->event, "type")))
        err = lt_fail(diag, LT_ERR_PARSE, "the header has no \"type\"");
    if (!err) err = take_length(r->event, "data_length", LT_WYOMING_DATA_MAX, &r->data_len, diag);
    if (!err)
        err =
            take_length(r->event, "payload_length", LT_WYOMING_PAYLOAD_MAX, &r->payload_len, diag);
    if (err) return err;
    json_t *inline_data = json_object_get(r->event, "data");
    r->data = json_is_object(inline_data) ? json_incref(inline_data) : json_object();
    r->part = DATA;
    return r->data ? LT_OK : LT_ERR_NOMEM;
}

static enum lt_err take_block(struct lt_wyoming_reader *r, struct lt_diag *diag)
{
    json_t *block = NULL;
    enum lt_err err = LT_OK;
    if (r->data_len) {
        err = lt_json_parse(lt_buf_str(&r->block), r->block.n, LT_WYOMING_DATA_MAX, &block, diag);
        if (!err && !json_is_object(block))
            err = lt_fail(diag, LT_ERR_PARSE, "the data block is no JSON object");
        if (!err && json_object_update(r->data, block)) err = LT_ERR_NOMEM;
        json_decref(block);
    }
    r->part = PAYLOAD;
    return err;
}

/* Move bytes into a part until it has `want`. */
static enum lt_err fill(struct lt_buf *b, size_t want, const char **p, size_t *n)
{
    size_t missing = want - b->n, k = *n < missing ? *n : missing;
    enum lt_err err = k ? lt_buf_add(b, *p, k) : LT_OK;
    *p += k;
    *n -= k;
    return err;
}

static enum lt_err step(struct lt_wyoming_reader *r, const char **p, size_t *n, lt_wyoming_fn fn,
                        void *ctx, struct lt_diag *diag, int *is_stopped)
{
    enum lt_err err = LT_OK;
    if (r->part == HEADER) {
        const char *end = memchr(*p, '\n', *n);
        size_t k = end ? (size_t)(end - *p) : *n;
        if (r->header.n + k > LT_WYOMING_HEADER_MAX)
            return lt_fail(diag, LT_ERR_LIMIT, "a header of more than %d bytes",
                           LT_WYOMING_HEADER_MAX);
        err = lt_buf_add(&r->header, *p, k);
        *p += k + (end != NULL);
        *n -= k + (end != NULL);
        if (err || !end) return err;
        if ((err = take_header(r, diag))) return err;
    }
    if (r->part == DATA) {
        if ((err = fill(&r->block, r->data_len, p, n))) return err;
        if (r->block.n < r->data_len) return LT_OK;
        if ((err = take_block(r, diag))) return err;
    }
    if ((err = fill(&r->payload, r->payload_len, p, n))) return err;
    if (r->payload.n < r->payload_len) return LT_OK;
    struct lt_wyoming_event e = {json_string_value(json_object_get(r->event, "type")), r->data,
                                 r->payload_len ? lt_buf_str(&r->payload) : "", r->payload_len};
    *is_stopped = fn(ctx, &e);
    forget_event(r);
    return LT_OK;
}

enum lt_err lt_wyoming_read(struct lt_wyoming_reader *r, const char *bytes, size_t n,
                            lt_wyoming_fn fn, void *ctx, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    int is_stopped = 0;
    if (r->part == BROKEN) return lt_fail(diag, r->broken, "the stream is broken");
    while (n && !err && !is_stopped) err = step(r, &bytes, &n, fn, ctx, diag, &is_stopped);
    if (!err) return LT_OK;
    forget_event(r);
    r->part = BROKEN;
    r->broken = err;
    return lt_fail(diag, err, "%s", lt_strerror(err));
}

enum lt_err lt_wyoming_write(struct lt_buf *out, const char *type, const json_t *data,
                             const void *payload, size_t payload_len)
{
    char *block = data && json_object_size(data) ? json_dumps(data, JSON_COMPACT) : NULL;
    json_t *header = json_pack("{s:s,s:s}", "type", type, "version", LINTEL_VERSION);
    int bad = !header || (data && json_object_size(data) && !block);
    if (block)
        bad |= json_object_set_new(header, "data_length", json_integer((json_int_t)strlen(block)));
    if (payload_len)
        bad |= json_object_set_new(header, "payload_length", json_integer((json_int_t)payload_len));
    char *line = bad ? NULL : json_dumps(header, JSON_COMPACT);
    enum lt_err err = line ? lt_buf_add(out, line, strlen(line)) : LT_ERR_NOMEM;
    if (!err) err = lt_buf_add(out, "\n", 1);
    if (!err && block) err = lt_buf_add(out, block, strlen(block));
    if (!err && payload_len) err = lt_buf_add(out, payload, payload_len);
    free(line);
    free(block);
    json_decref(header);
    return err;
}
