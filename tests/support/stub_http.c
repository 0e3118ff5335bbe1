/* stub_http.c - see stub_http.h. */
#include "stub_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNS    1024
#define MAX_REQUESTS 256
#define MAX_REPLIES  256
#define MAX_REQUEST  (8u << 20)

struct conn {
    struct stub *stub;
    pthread_t thread;
    int fd;
};

struct stub {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock; /* guards everything below */
    int is_stopping;
    struct conn conn[MAX_CONNS];
    size_t n_conns;
    struct stub_request request[MAX_REQUESTS];
    size_t n_requests;
    struct stub_reply reply[MAX_REPLIES];
    size_t n_replies, next_reply;
    char complaint[1024];
    stub_check_fn check;
    void *ctx;
};

static void die(const char *what)
{
    perror(what);
    abort();
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static int is_stopping(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    int v = s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return v;
}

/* ---- one connection ------------------------------------------------------------------------- */

static int send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return -1;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

/* Until the client goes away or the test ends. */
static void wait_for_client(struct stub *s, int fd)
{
    char buf[256];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!is_stopping(s))
        if (poll(&p, 1, 20) > 0 && recv(fd, buf, sizeof buf, 0) <= 0) return;
}

/* Read one request; 0 when the connection ended. Strings are malloc'ed. */
static int read_request(struct stub *s, int fd, struct stub_request *r)
{
    size_t n = 0, cap = 1 << 16, want = 0;
    char *buf = malloc(cap), *head_end = NULL, value[32];
    memset(r, 0, sizeof *r);
    while (buf && n < MAX_REQUEST) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (is_stopping(s)) break;
        if (poll(&p, 1, 20) <= 0) continue;
        if (n + 1 >= cap) buf = realloc(buf, cap *= 2);
        ssize_t k = buf ? recv(fd, buf + n, cap - n - 1, 0) : -1;
        if (k <= 0) break;
        n += (size_t)k;
        buf[n] = 0;
        if (!head_end && (head_end = strstr(buf, "\r\n\r\n"))) {
            size_t head = (size_t)(head_end - buf) + 4;
            char *line_end = strstr(buf, "\r\n"), *sp = memchr(buf, ' ', head);
            char *sp2 = sp ? strchr(sp + 1, ' ') : NULL;
            if (!sp || !sp2 || sp2 > line_end) break;
            r->method = strndup(buf, (size_t)(sp - buf));
            r->path = strndup(sp + 1, (size_t)(sp2 - sp - 1));
            r->headers = strndup(line_end + 2, head - (size_t)(line_end + 2 - buf));
            want = head;
            if (stub_header(r, "content-length", value, sizeof value))
                want += (size_t)strtoull(value, NULL, 10);
            head_end = buf + head - 4;
        }
        if (want && n >= want) {
            size_t head = strlen(r->method) + strlen(r->path) + strlen(" HTTP/1.1\r\n") + 1 +
                          strlen(r->headers);
            r->body_len = want - head;
            r->body = strndup(buf + head, r->body_len);
            free(buf);
            return 1;
        }
        if (head_end) head_end = buf; /* only "seen" matters: buf may move */
    }
    free(buf);
    free(r->method);
    free(r->path);
    free(r->headers);
    return 0;
}

/* As one chunk of a body without length, or as it is. */
static int send_part(int fd, const char *p, size_t n, bool is_chunk)
{
    char size[20];
    if (!is_chunk || !n) return send_all(fd, p, n);
    snprintf(size, sizeof size, "%zx\r\n", n);
    return send_all(fd, size, strlen(size)) || send_all(fd, p, n) || send_all(fd, "\r\n", 2) ? -1
                                                                                             : 0;
}

/* Returns 0 when the connection may be used again. */
static int answer(struct stub *s, int fd, const struct stub_reply *reply)
{
    char head[2048];
    size_t len = reply->body ? strlen(reply->body) : reply->fill;
    char *body = malloc(len + 1);
    int err = -1;
    if (!body) return -1;
    if (reply->body)
        memcpy(body, reply->body, len);
    else
        memset(body, ' ', len);
    if (reply->kind == STUB_SILENT) wait_for_client(s, fd);
    if (reply->kind == STUB_SILENT || reply->kind == STUB_DROP) goto out;

    const char *more = reply->headers ? reply->headers : "";
    size_t piece = reply->piece ? reply->piece : reply->kind == STUB_PIECES ? 7 : len / 2;
    bool is_open_ended = reply->kind == STUB_CHUNKED || reply->kind == STUB_PIECES ||
                         reply->kind == STUB_WARM || reply->piece;
    int n = snprintf(
        head, sizeof head, "HTTP/1.1 %d Stub\r\n%s%s", reply->status,
        strncasecmp(more, "content-type:", 13) == 0 ? "" : "content-type: application/json\r\n",
        more);
    n += is_open_ended
             ? snprintf(head + n, sizeof head - (size_t)n, "transfer-encoding: chunked\r\n\r\n")
             : snprintf(head + n, sizeof head - (size_t)n, "content-length: %zu\r\n\r\n", len);
    if (piece > len) piece = len;
    if (send_all(fd, head, (size_t)n)) goto out;
    switch (reply->kind) {
    case STUB_STALL:
        wait_for_client(s, fd);
        break;
    case STUB_HALF:
        if (!send_part(fd, body, piece, is_open_ended)) wait_for_client(s, fd);
        break;
    case STUB_CUT:
        send_part(fd, body, piece, is_open_ended);
        break;
    case STUB_WARM:
        for (int k = send_part(fd, body, len, true); !k && !is_stopping(s); pause_ms(20))
            k = send_part(fd, ": warm\n\n", 8, true);
        break;
    case STUB_PIECES:
        for (size_t i = 0; i < len; i += piece) {
            if (send_part(fd, body + i, len - i < piece ? len - i : piece, true)) goto out;
            pause_ms(1);
        }
        err = send_all(fd, "0\r\n\r\n", 5);
        break;
    case STUB_DRIP:
        for (size_t i = 0; i < len && !is_stopping(s); i++) {
            if (send_all(fd, body + i, 1)) break;
            pause_ms(20);
        }
        break;
    case STUB_CHUNKED:
        for (size_t i = 0; i < len; i += 7) {
            if (send_part(fd, body + i, len - i < 7 ? len - i : 7, true)) goto out;
        }
        err = send_all(fd, "0\r\n\r\n", 5);
        break;
    default:
        err = send_all(fd, body, len);
    }
out:
    free(body);
    return err;
}

static void *serve(void *arg)
{
    struct conn *c = arg;
    struct stub *s = c->stub;
    struct stub_request r;
    while (read_request(s, c->fd, &r)) {
        struct stub_reply reply = {.kind = STUB_ANSWER, .status = 599, .body = "no reply left"};
        char why[512] = "";
        int is_bad = s->check ? s->check(s->ctx, &r, why, sizeof why) : 0;
        pthread_mutex_lock(&s->lock);
        if (s->next_reply < s->n_replies) reply = s->reply[s->next_reply++];
        if (is_bad) {
            if (!s->complaint[0]) snprintf(s->complaint, sizeof s->complaint, "%s", why);
            reply = (struct stub_reply){.kind = STUB_ANSWER, .status = 400, .body = "refused"};
        }
        if (s->n_requests >= MAX_REQUESTS) abort();
        s->request[s->n_requests++] = r;
        pthread_mutex_unlock(&s->lock);
        if (answer(s, c->fd, &reply)) break;
    }
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct stub *s = arg;
    while (!is_stopping(s)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        int one = 1;
        if (poll(&p, 1, 20) <= 0) continue;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_mutex_lock(&s->lock);
        if (s->n_conns >= MAX_CONNS) abort();
        struct conn *c = &s->conn[s->n_conns];
        c->stub = s;
        c->fd = fd;
        if (pthread_create(&c->thread, NULL, serve, c)) abort();
        s->n_conns++;
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* ---- for the test --------------------------------------------------------------------------- */

static int listen_free(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) die("socket");
    if (bind(fd, (struct sockaddr *)&a, sizeof a)) die("bind");
    if (getsockname(fd, (struct sockaddr *)&a, &n)) die("getsockname");
    *port = ntohs(a.sin_port);
    return fd;
}

int stub_dead_port(void)
{
    int port;
    close(listen_free(&port)); /* bound but never listening: connections are refused */
    return port;
}

struct stub *stub_start(stub_check_fn check, void *ctx)
{
    struct stub *s = calloc(1, sizeof *s);
    if (!s) die("calloc");
    s->check = check;
    s->ctx = ctx;
    s->fd = listen_free(&s->port);
    if (listen(s->fd, 64)) die("listen");
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, accept_all, s)) die("pthread_create");
    return s;
}

void stub_clear(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_requests; i++) {
        free(s->request[i].method);
        free(s->request[i].path);
        free(s->request[i].headers);
        free(s->request[i].body);
    }
    s->n_requests = s->n_replies = s->next_reply = 0;
    s->complaint[0] = 0;
    pthread_mutex_unlock(&s->lock);
}

void stub_stop(struct stub *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = 1;
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->n_conns; i++) {
        pthread_join(s->conn[i].thread, NULL);
        close(s->conn[i].fd);
    }
    stub_clear(s);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int stub_port(const struct stub *s)
{
    return s->port;
}

void stub_push(struct stub *s, struct stub_reply reply)
{
    pthread_mutex_lock(&s->lock);
    if (s->n_replies >= MAX_REPLIES) abort();
    s->reply[s->n_replies++] = reply;
    pthread_mutex_unlock(&s->lock);
}

size_t stub_n_requests(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_requests;
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t stub_n_connections(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n_conns;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const struct stub_request *stub_request(struct stub *s, size_t i)
{
    pthread_mutex_lock(&s->lock);
    const struct stub_request *r = i < s->n_requests ? &s->request[i] : NULL;
    pthread_mutex_unlock(&s->lock);
    return r;
}

const char *stub_complaint(struct stub *s)
{
    pthread_mutex_lock(&s->lock);
    const char *c = s->complaint;
    pthread_mutex_unlock(&s->lock);
    return c;
}

const char *stub_header(const struct stub_request *r, const char *name, char *buf, size_t size)
{
    size_t n = strlen(name);
    for (const char *line = r->headers; line && *line && *line != '\r';) {
        const char *end = strstr(line, "\r\n");
        if (!end) break;
        if ((size_t)(end - line) > n && line[n] == ':' && strncasecmp(line, name, n) == 0) {
            const char *v = line + n + 1 + strspn(line + n + 1, " ");
            snprintf(buf, size, "%.*s", (int)(end - v), v);
            return buf;
        }
        line = end + 2;
    }
    return NULL;
}
