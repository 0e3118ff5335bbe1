/* stub_http.h - a small HTTP server that misbehaves on command.
 *
 * It listens on 127.0.0.1 on a free port, with a thread of its own and one per connection. The test
 * pushes replies; each request takes the oldest one. Requests are kept for the test to look at, and
 * a check may refuse them: then the client gets 400 and the stub counts it.
 * Threads: all functions from the test's thread. Strings given in a reply must outlive the stub. */
#ifndef STUB_HTTP_H
#define STUB_HTTP_H

#include <stddef.h>

enum stub_kind {
    STUB_ANSWER,  /* status, headers, body */
    STUB_CHUNKED, /* the same in chunks of 7 bytes, written one by one */
    STUB_STALL,   /* headers, then nothing until the client goes */
    STUB_SILENT,  /* not even headers */
    STUB_HALF,    /* headers and half the body, then nothing until the client goes */
    STUB_DRIP,    /* headers, then a byte every 20 ms */
    STUB_CUT,     /* headers and half the body, then the connection is closed */
    STUB_DROP,    /* the connection is closed without a byte */
    STUB_PIECES,  /* as STUB_CHUNKED, with `piece` bytes in a chunk and 1 ms between them */
    STUB_WARM,    /* headers and body, then a comment every 20 ms until the client goes */
};

struct stub_reply {
    enum stub_kind kind;
    int status;
    const char
        *headers; /* further lines, each with \r\n; NULL: none. When they begin with content-type,
                            the default is left out */
    const char *body; /* NULL: none */
    size_t fill;      /* with a NULL body: this many bytes of blanks */
    size_t piece;     /* STUB_PIECES, 0: 7; STUB_CUT, STUB_HALF: bytes before the end, 0: half */
};

struct stub_request {
    char *method;
    char *path;
    char *headers; /* raw lines */
    char *body;
    size_t body_len;
};

/* Looks at a request in the server's thread. Writes why it is wrong and returns non-zero. */
typedef int (*stub_check_fn)(void *ctx, const struct stub_request *r, char *why, size_t why_bytes);

struct stub;

struct stub *stub_start(stub_check_fn check, void *ctx); /* never NULL: aborts on failure */
void stub_stop(struct stub *s);                          /* NULL is fine */
int stub_port(const struct stub *s);
void stub_push(struct stub *s, struct stub_reply reply);
void stub_clear(struct stub *s); /* forget replies and requests */
size_t stub_n_requests(struct stub *s);
size_t stub_n_connections(struct stub *s);
/* Request number i, valid until stub_clear or stub_stop; NULL when there is none. */
const struct stub_request *stub_request(struct stub *s, size_t i);
/* Why the check refused a request, or "" when it refused none. */
const char *stub_complaint(struct stub *s);
/* Value of a request header (any case) in `buf`, or NULL. */
const char *stub_header(const struct stub_request *r, const char *name, char *buf, size_t size);
/* A port of 127.0.0.1 where nobody listens. */
int stub_dead_port(void);

#endif
