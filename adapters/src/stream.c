/* stream.c - see stream.h. */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lt__is_streamed(const struct lt_cloud_endpoint *e, const struct lt_cloud_request *req)
{
    return req->say && !e->is_stream_off;
}

enum lt_stream_step lt__stream_bad(struct lt_stream *s, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!s->is_bad) lt__fault(&s->fault, LT_CLS_MALFORMED, "stream", "streamed answer: %s", text);
    s->is_bad = true;
    return LT_STREAM_BAD;
}

struct lt_stream_part *lt__stream_part(struct lt_stream *s, int64_t i)
{
    if (i < 0 || i >= LT_STREAM_MAX_PARTS) {
        lt__stream_bad(s, "part %lld, at most %d are taken", (long long)i, LT_STREAM_MAX_PARTS);
        return NULL;
    }
    for (; s->n_parts <= (size_t)i; s->n_parts++) {
        lt_buf_init(&s->parts[s->n_parts].text, LT_STREAM_MAX_BYTES);
        lt_buf_init(&s->parts[s->n_parts].more, LT_STREAM_MAX_BYTES);
    }
    return &s->parts[i];
}

enum lt_stream_step lt__stream_add(struct lt_stream *s, struct lt_buf *to, const char *text)
{
    if (!text || !*text) return LT_STREAM_IDLE;
    if (lt_buf_adds(to, text)) return lt__stream_bad(s, "over %u bytes", LT_STREAM_MAX_BYTES);
    s->n_bytes += strlen(text);
    return LT_STREAM_MORE;
}

void lt__stream_say(struct lt_stream *s, const char *text)
{
    if (!text || !*text || s->is_calling) return;
    s->has_told = true;
    if (lt_buf_adds(&s->said, text)) lt__stream_bad(s, "over %u bytes", LT_STREAM_MAX_BYTES);
}

enum lt_stream_step lt__stream_body(struct lt_stream *s, json_t *value)
{
    json_incref(value);
    json_decref(s->body);
    s->body = value;
    return LT_STREAM_WHOLE;
}

/* One event; 1 ends the reading. */
static int on_event(void *ctx, const char *name, const char *text, size_t len)
{
    struct lt_stream *s = ctx;
    bool is_end = strcmp(text, "[DONE]") == 0; /* the one event that is no JSON */
    json_t *data = is_end ? NULL : lt__parse(text, len);
    enum lt_stream_step step;
    if (!is_end && !data)
        step = lt__stream_bad(s, "an event is not JSON");
    else
        step = s->adapter->stream(s, name, data);
    json_decref(data);
    s->is_useful |= step != LT_STREAM_IDLE;
    s->is_whole |= step == LT_STREAM_WHOLE;
    return step == LT_STREAM_BAD;
}

struct lt_stream *lt__stream_new(const struct lt_adapter *a)
{
    struct lt_stream *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->adapter = a;
    lt_buf_init(&s->said, LT_STREAM_MAX_BYTES);
    lt_sse_init(&s->sse, on_event, s);
    return s;
}

void lt__stream_free(struct lt_stream *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_parts; i++) {
        json_decref(s->parts[i].shell);
        lt_buf_free(&s->parts[i].text);
        lt_buf_free(&s->parts[i].more);
    }
    json_decref(s->body);
    lt_buf_free(&s->said);
    lt_sse_fini(&s->sse);
    free(s);
}

/* The event reader stopped: because a hook said so, or for a limit of its own. */
static void note_end(struct lt_stream *s, enum lt_err err)
{
    if (err == LT_ERR_LIMIT)
        lt__stream_bad(s, "an event over %u bytes", LT_SSE_MAX_EVENT_BYTES);
    else if (err)
        lt__stream_bad(s, "no memory for it"); /* unless a hook has said more */
}

enum lt_http_take lt__stream_take(struct lt_stream *s, const char *bytes, size_t n)
{
    if (s->is_bad) return LT_HTTP_TAKE_STOP;
    s->is_useful = false;
    note_end(s, lt_sse_feed(&s->sse, bytes, n));
    if (s->is_bad) return LT_HTTP_TAKE_STOP;
    s->is_begun |= s->is_useful;
    return s->is_whole    ? LT_HTTP_TAKE_ENOUGH
           : s->is_useful ? LT_HTTP_TAKE_USEFUL
                          : LT_HTTP_TAKE_IDLE;
}

enum lt_cloud_class lt__stream_read(struct lt_stream *s, struct lt_cloud_tools *tools,
                                    const struct lt_http_response *r, struct lt_cloud_reply *reply,
                                    struct lt_cloud_fault *f)
{
    bool was_whole = s->is_whole && !s->is_bad;
    if (!s->is_bad && r->end == LT_HTTP_DONE) note_end(s, lt_sse_end(&s->sse));
    if (was_whole) s->is_bad = false; /* only what follows the end may be cut: counts, [DONE] */
    if (!s->is_bad && s->is_whole && s->adapter->whole && !s->adapter->whole(s))
        lt__stream_bad(s, "it ended with parts missing");
    char *text = s->is_whole && !s->is_bad && s->body ? lt_json_dump(s->body) : NULL;
    f->retry_after_ms = r->retry_after_ms;
    if (text) { /* whatever became of the connection after the last event */
        f->cls = LT_CLS_OK;
        f->cls = s->adapter->parse(tools, text, strlen(text), reply, f);
        free(text);
        return f->cls;
    }
    if (s->is_begun) { /* what came was billed, but nobody told how much it was */
        reply->usage.price_percent = 100;
        reply->usage.is_estimated = true;
    }
    if (s->is_bad) return lt__fault(f, s->fault.cls, s->fault.code, "%s", s->fault.text);
    if (r->end != LT_HTTP_DONE) return lt_adapter_read(s->adapter, tools, r, reply, f);
    return lt__fault(f, LT_CLS_MALFORMED, "stream", "streamed answer: it ended in the middle");
}
