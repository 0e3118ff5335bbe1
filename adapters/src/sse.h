/* sse.h - server-sent events from bytes, however they were cut on their way.
 *
 * A stream is lines; "data: ..." lines of one event are joined by a line feed, an empty line ends the
 * event, ":" begins a comment, "event:" names it, other fields mean nothing to us. Lines end with LF, CR or
 * CRLF, the blank after the colon may be missing, a byte order mark may lead. Events without data are not
 * told (the form of https://html.spec.whatwg.org/multipage/server-sent-events.html). Since bytes are only
 * collected until an event is whole, a UTF-8 character may be cut anywhere.
 * A last event whose empty line is missing is told at the end too, as servers that close early send it; one
 * that was cut is then no JSON, which its reader finds out.
 * Threads: one thread at a time. */
#ifndef LT_SSE_H
#define LT_SSE_H

#include "lt/buf.h"

#define LT_SSE_MAX_EVENT_BYTES (1u << 20) /* of one event's data, and of one line */
#define LT_SSE_MAX_NAME_BYTES  64         /* of an event's name; a longer one is cut */

/* `name` is "" when the event has none; `data` is NUL-terminated. Returns 0 to go on; anything else ends
 * the reading. */
typedef int (*lt_sse_fn)(void *ctx, const char *name, const char *data, size_t len);

struct lt_sse {
    struct lt_buf line; /* begun, not yet ended */
    struct lt_buf data; /* lines of the event so far */
    char name[LT_SSE_MAX_NAME_BYTES + 1];
    int has_data, is_after_cr, is_begun; /* begun: the place for a byte order mark is behind us */
    lt_sse_fn fn;
    void *ctx;
};

void lt_sse_init(struct lt_sse *s, lt_sse_fn fn, void *ctx);
void lt_sse_fini(struct lt_sse *s);
/* Take the next bytes; events that became whole are told from inside. LT_ERR_LIMIT (a line or an event over
 * LT_SSE_MAX_EVENT_BYTES), LT_ERR_NOMEM, LT_ERR_INVALID (the callback wants no more): then the reader is
 * of no further use. */
LT_NODISCARD enum lt_err lt_sse_feed(struct lt_sse *s, const char *bytes, size_t n);
/* The stream is at its end: tell what still waits for its empty line. The same errors. */
LT_NODISCARD enum lt_err lt_sse_end(struct lt_sse *s);

#endif
