/* stream.h - an answer that comes in pieces, put together to what it would have been in one.
 *
 *   bytes --sse.c--> events --the vendor's `stream` hook--> parts, and words said on the way
 *                                 | says WHOLE (the vendor's terminal event)
 *                                 v
 *                    the vendor's `whole` hook makes `body`, and its `parse` reads that
 *
 * So calls, usage, refusals and raw turns of streamed and other answers are read by the same code, and
 * nothing of a stream that lacks its terminal event is ever read: what broke off is one fault, with no call.
 * Words are told as they come, until the first call begins: what a model says behind its calls may be about
 * something that has not happened.
 * Threads: the loop's. */
#ifndef LT_ADAPTERS_STREAM_H
#define LT_ADAPTERS_STREAM_H

#include "internal.h"
#include "sse.h"

#define LT_STREAM_MAX_PARTS 32                        /* blocks, items or calls of one answer */
#define LT_STREAM_MAX_BYTES LT_CLOUD_MAX_ANSWER_BYTES /* of one part's words or arguments */

/* One block, item or call, in the order of the answer. */
struct lt_stream_part {
    json_t *shell;      /* as it began, or as it ended; NULL: not begun */
    struct lt_buf text; /* its words, or its arguments, so far */
    struct lt_buf more; /* what comes beside: a signature, a refusal */
    bool is_ended;
};

struct lt_stream {
    const struct lt_adapter *adapter;
    struct lt_sse sse;
    json_t *body; /* the answer as it would have come in one; the hooks' to fill */
    struct lt_stream_part parts[LT_STREAM_MAX_PARTS];
    size_t n_parts;
    size_t n_shown;  /* for a hook that holds words back: how many are out */
    size_t n_bytes;  /* of words and arguments, where nobody counts tokens */
    bool is_calling; /* a call has begun: no more words are told */
    bool is_whole, is_bad, is_begun, has_told;
    bool is_useful; /* of the bytes being taken */
    struct lt_cloud_fault fault;
    struct lt_buf
        said; /* words of the bytes being taken: for who took them to tell, and to reset */
};

struct lt_stream *lt__stream_new(const struct lt_adapter *a); /* NULL when out of memory */
void lt__stream_free(struct lt_stream *s);                    /* NULL is fine */
/* Take the next bytes; what they say is then in s->said. */
enum lt_http_take lt__stream_take(struct lt_stream *s, const char *bytes, size_t n);
/* The response is over: read what came of it, as lt_adapter_read does. */
enum lt_cloud_class lt__stream_read(struct lt_stream *s, struct lt_cloud_tools *tools,
                                    const struct lt_http_response *r, struct lt_cloud_reply *reply,
                                    struct lt_cloud_fault *f);

/* ---- for the vendors' hooks ---- */

/* Part number i; NULL, and a fault, past LT_STREAM_MAX_PARTS. */
struct lt_stream_part *lt__stream_part(struct lt_stream *s, int64_t i);
/* Append to a part; counts the bytes. BAD, with its fault, when it grows too large. NULL adds nothing. */
enum lt_stream_step lt__stream_add(struct lt_stream *s, struct lt_buf *to, const char *text);
/* Words to be told, unless a call has begun. NULL and "" tell nothing. */
void lt__stream_say(struct lt_stream *s, const char *text);
/* The stream makes no sense; returns BAD. */
enum lt_stream_step lt__stream_bad(struct lt_stream *s, const char *fmt, ...) LT_PRINTF(2, 3);
/* Have `value` (borrowed) be the whole body; returns WHOLE. */
enum lt_stream_step lt__stream_body(struct lt_stream *s, json_t *value);

#endif
