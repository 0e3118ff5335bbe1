/* bench_cloud.c - the cloud tier under load and faults: is a request lost, answered twice or late, what
 * does our side add to the network's time, and how much memory do many in flight take?
 *
 *     bench_cloud [REQUESTS] [IN_FLIGHT] [FAULT_PERCENT] [stream]      default 10000 100 20
 *
 * Two endpoints (anthropic, then openai) live in a child process that answers over real sockets after
 * 5 ms. That share of the requests meets a fault, at each vendor for itself: 503, 429 with a wait, a
 * connection dropped or cut in the middle, no JSON, a call that fits no schema, or silence. The breakers are
 * set so wide that they leave nothing out. With `stream` the answers come in pieces, words and then the call.
 * Prints JSON; fails when a request was lost or answered twice, or spoken after its answer. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "http_loop.h"
#include "lt/json.h"
#include "lt/log.h"
#include "tier.h"
#include "vendor_answer.h"

#define DEADLINE_MS 1500
#define SERVER_MS   5
#define HOME                                                                                       \
    "{\"tools\":[{\"name\":\"light_set\",\"description\":\"Dim one lamp.\",\"parameters\":{"       \
    "\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"x-entity\":true},"        \
    "\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}},\"required\":[\"name\"]}}],"  \
    "\"home\":{\"areas\":[{\"name\":\"Hall\"}],\"entities\":[{\"id\":\"light.a\",\"name\":"        \
    "\"Lamp\",\"area\":\"Hall\",\"domain\":\"light\"}]}}"

static int fault_percent = 20, is_streaming;

/* ---- the vendors, in a process of their own ---- */

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void put(int fd, const char *s, size_t n)
{
    while (n) {
        ssize_t k = send(fd, s, n, MSG_NOSIGNAL);
        if (k <= 0) return;
        s += k;
        n -= (size_t)k;
    }
}

static void answer(int fd, int status, const char *headers, const char *body, size_t n_body)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d X\r\ncontent-type: %s\r\n%scontent-length: %zu\r\n\r\n", status,
                     strncmp(body, "data:", 5) ? "application/json" : "text/event-stream", headers,
                     strlen(body));
    put(fd, head, (size_t)n);
    put(fd, body, n_body);
}

/* Which fault request `i` meets: -1 none. */
static int fault_of(unsigned i)
{
    unsigned h = (i + 1) * 2654435761u;
    h ^= h >> 15;
    return (int)(h % 100) < fault_percent ? (int)(h / 100 % 7) : -1;
}

/* 0: the connection ends. */
static int respond(int fd, const char *request)
{
    int vendor = strstr(request, "/v1/responses") ? 2 : 0;
    const char *at = strstr(request, "request number ");
    int fault = fault_of((at ? (unsigned)atoi(at + 15) : 0) * 2 + (vendor == 2));
    /* a repaired call is right the second time */
    int is_wrong = fault == 5 && !strstr(request, "is more than 100");
    static const char *const words[] = {"I will ", "dim it now. ", "There"};
    const char *args =
        is_wrong ? "{\"name\":\"Lamp\",\"level\":500}" : "{\"name\":\"Lamp\",\"level\":5}";
    char *good = strstr(request, "\"stream\":true")
                     ? vendor_stream(vendor, 3, words, "light_set", args, 0)
                     : vendor_call(vendor, "light_set", args);
    int is_open = 1;
    pause_ms(SERVER_MS);
    if (fault == 0)
        answer(fd, 503, "", "{}", 2);
    else if (fault == 1)
        answer(fd, 429, "retry-after-ms: 100\r\n", "{}", 2);
    else if (fault == 2)
        is_open = 0;
    else if (fault == 3)
        answer(fd, 200, "", good, strlen(good) / 2), is_open = 0;
    else if (fault == 4)
        answer(fd, 200, "", "<html>", 6);
    else if (fault == 6)
        pause_ms(DEADLINE_MS * 2), is_open = 0;
    else
        answer(fd, 200, "", good, strlen(good));
    free(good);
    return is_open;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg, one = 1;
    static const size_t cap = 1 << 16;
    char *buf = malloc(cap);
    size_t n = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (;;) {
        ssize_t k = recv(fd, buf + n, cap - 1 - n, 0);
        if (k <= 0) break;
        n += (size_t)k;
        buf[n] = '\0';
        char *body = strstr(buf, "\r\n\r\n");
        const char *length = body ? strcasestr(buf, "content-length:") : NULL;
        if (!length || n < (size_t)(body + 4 - buf) + (size_t)atol(length + 15)) continue;
        if (!respond(fd, buf)) break;
        n = 0;
    }
    close(fd);
    free(buf);
    return NULL;
}

static int start_server(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &n))
        abort();
    *port = ntohs(a.sin_port);
    pid_t pid = fork();
    if (pid) {
        close(fd);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    json_object_seed(1);
    for (;;) {
        pthread_t t;
        int c = accept(fd, NULL, NULL);
        if (c >= 0 && !pthread_create(&t, NULL, serve, (void *)(intptr_t)c)) pthread_detach(t);
    }
}

/* ---- our side ---- */

struct request {
    lt_us asked_us, deadline_us, late_us;
    int64_t added_us; /* what we added to the network's time; -1: not one clean attempt */
    int n_answers, n_attempts, n_said, n_said_late;
    enum lt_outcome outcome;
};

struct bench {
    struct http_loop loop;
    struct lt_tier *tier;
    struct lt_site_catalog *catalog;
    struct request *requests;
    int n, n_started, n_done, n_flying;
    long base_kb, peak_kb;
};
static struct bench B;

static long resident_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    if (f) fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void start_one(void);

static void on_answer(void *ctx, struct lt_tier_answer *a)
{
    struct request *r = ctx;
    lt_us now = lt_now_us();
    r->n_answers++;
    r->outcome = a->outcome;
    r->late_us = now - r->deadline_us;
    r->n_attempts = (int)a->n_attempts;
    r->added_us = a->n_attempts == 1 && a->outcome == LT_OUTCOME_ANSWERED
                      ? now - r->asked_us - a->attempts[0].row.duration_us
                      : -1;
    B.n_done++;
    B.n_flying--;
    if (B.n_done % 64 == 0) {
        long kb = resident_kb();
        if (kb > B.peak_kb) B.peak_kb = kb;
    }
}

static void on_say(void *ctx, const char *sentence)
{
    struct request *r = ctx;
    r->n_said++;
    r->n_said_late += r->n_answers > 0 || strcmp(sentence, "I will dim it now.") != 0;
}

static void start_one(void)
{
    static const int providers[] = {0, 1};
    char text[64];
    struct request *r = &B.requests[B.n_started];
    snprintf(text, sizeof text, "dim the lamp, request number %d", B.n_started++);
    r->asked_us = lt_now_us();
    r->deadline_us = r->asked_us + DEADLINE_MS * 1000;
    struct lt_tier_question q = {.text = text,
                                 .site = "home",
                                 .catalog = B.catalog,
                                 .providers = providers,
                                 .n_providers = 2,
                                 .deadline_us = r->deadline_us,
                                 .say = is_streaming ? on_say : NULL};
    if (lt_tier_ask(B.tier, &q, on_answer, r)) abort();
    B.n_flying++;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* 0 when one was lost or answered twice, or money was left set aside; times are for people to judge. */
static int report(const struct lt_budget *budget)
{
    int64_t *added = calloc((size_t)B.n, sizeof *added), worst_late = INT64_MIN;
    int n = 0, lost = 0, twice = 0, answered = 0, late = 0, said = 0, said_late = 0;
    for (int i = 0; i < B.n; i++) {
        const struct request *r = &B.requests[i];
        lost += r->n_answers == 0;
        twice += r->n_answers > 1;
        said += r->n_said > 0;
        said_late += r->n_said_late;
        answered += r->outcome == LT_OUTCOME_ANSWERED;
        late += r->late_us > 50000;
        if (r->late_us > worst_late) worst_late = r->late_us;
        if (r->added_us >= 0) added[n++] = r->added_us;
    }
    qsort(added, (size_t)n, sizeof *added, by_value);
    printf(
        "{\"requests\":%d,\"answered\":%d,\"unanswered\":%d,\"lost\":%d,\"twice\":%d,\"spoken\":%d,"
        "\"over_deadline_by_50ms\":%d,\"worst_over_deadline_ms\":%.1f,\"added_ms\":{\"p50\":%.3f,"
        "\"p95\":%.3f,\"p99\":%.3f},\"memory_mb\":%.1f,\"spent_usd\":%.4f,\"still_reserved\":%lld}"
        "\n",
        B.n, answered, B.n - answered, lost, twice, said, late, (double)worst_late / 1e3,
        (double)added[n / 2] / 1e3, (double)added[n * 95 / 100] / 1e3,
        (double)added[n * 99 / 100] / 1e3, (double)(B.peak_kb - B.base_kb) / 1024,
        (double)budget->day_spent_usd_micro / 1e6, (long long)budget->reserved_usd_micro);
    free(added);
    return !lost && !twice && !said_late && !budget->reserved_usd_micro;
}

int main(int argc, char **argv)
{
    int in_flight = argc > 2 ? atoi(argv[2]) : 100, port;
    char yaml[512];
    struct lt_config config;
    struct lt_budget budget;
    struct lt_docs *docs = NULL;
    struct lt_diag d = {0};
    B.n = argc > 1 ? atoi(argv[1]) : 10000;
    if (argc > 3) fault_percent = atoi(argv[3]);
    is_streaming = argc > 4 && !strcmp(argv[4], "stream");
    if (B.n < 1 || in_flight < 1 || fault_percent < 0 || fault_percent > 100) return 2;
    int server = start_server(&port);
    B.requests = calloc((size_t)B.n, sizeof *B.requests);
    B.catalog = calloc(1, sizeof *B.catalog);
    lt_log_set_level(LT_LOG_ERROR);
    json_object_seed(1);
    snprintf(yaml, sizeof yaml,
             "sites: [home]\ncloud:\n  timeout_ms: %d\n  breaker_failures: 1000\n  usd_per_day: "
             "0\n  endpoints:\n    - provider: anthropic\n"
             "      base_url: http://127.0.0.1:%d\n    - provider: openai\n"
             "      base_url: http://127.0.0.1:%d/v1\n",
             DEADLINE_MS / 2, port, port);
    lt_budget_init(&budget, lt_now_unix_ms());
    http_loop_init(&B.loop);
    B.catalog->n_refs = 1;
    if (lt_docs_open(&docs, &d) ||
        lt_catalog_parse(docs, HOME, strlen(HOME), &B.catalog->checked, &d) ||
        lt_config_parse(yaml, strlen(yaml), "bench.yaml", &config, &d) ||
        lt_tier_new(&B.loop.io.io, &config, &budget, &B.tier, &d)) {
        fprintf(stderr, "%s\n", d.text);
        return 1;
    }
    B.base_kb = B.peak_kb = resident_kb();
    while (B.n_done < B.n) {
        while (B.n_flying < in_flight && B.n_started < B.n) start_one();
        uv_run(&B.loop.loop, UV_RUN_ONCE);
    }
    http_loop_for(&B.loop, 200); /* a second answer would come now */
    int ok = report(&budget);
    lt_tier_free(B.tier);
    lt_config_free(&config);
    lt_site_catalog_unref(B.catalog);
    lt_docs_close(docs);
    http_loop_fini(&B.loop);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    free(B.requests);
    return !ok;
}
