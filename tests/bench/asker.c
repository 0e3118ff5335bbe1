/* asker.c - see asker.h. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <cmocka.h>

#include "asker.h"

#define KEEP_ALIVE_S 3600 /* longer than a run: nobody looks after it */

struct asker asker;

int64_t asker_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *msg)
{
    (void)m, (void)user;
    int64_t now = asker_now_us();
    const char *at = msg->payload ? strstr(msg->payload, "\"session\":\"") : NULL;
    int i = at ? atoi(at + 11) : -1;
    /* an answer of several calls counts once */
    if (i < 0 || i >= ASKER_MAX || !strstr(msg->payload, "\"index\":0")) return;
    if (asker.n_calls[i]++) return;
    asker.called_us[i] = now;
    asker.n_called++;
}

static void give_up(const char *what)
{
    fprintf(stderr, "%s the broker\n", what);
    exit(1);
}

/* Take what comes in until end_us or until n requests are answered, asleep in between. */
static void pump(struct mosquitto *m, int64_t end_us, int n)
{
    while (asker.n_called < n) {
        int64_t left = end_us - asker_now_us();
        if (left <= 0) return;
        struct timespec t = {left / 1000000, left % 1000000 * 1000};
        struct pollfd p = {.fd = mosquitto_socket(m), .events = POLLIN};
        if (mosquitto_want_write(m)) p.events |= POLLOUT;
        if (ppoll(&p, 1, &t, NULL) <= 0) continue;
        if ((p.revents & POLLOUT) && mosquitto_loop_write(m, 1)) give_up("cannot write to");
        if ((p.revents & ~POLLOUT) && mosquitto_loop_read(m, 1)) give_up("cannot read from");
    }
}

static int is_subscribed;

static void on_subscribe(struct mosquitto *m, void *user, int mid, int n, const int *granted)
{
    (void)m, (void)user, (void)mid, (void)n, (void)granted;
    is_subscribed = 1;
}

struct mosquitto *asker_connect(struct env *e)
{
    struct mosquitto *m = mosquitto_new("bench", true, NULL);
    mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, 1000);
    mosquitto_message_callback_set(m, on_message);
    mosquitto_subscribe_callback_set(m, on_subscribe);
    prctl(PR_SET_TIMERSLACK, 1000); /* ns: a request goes out when it is due */
    if (mosquitto_connect(m, "127.0.0.1", env_port(e), KEEP_ALIVE_S) ||
        mosquitto_subscribe(m, NULL, "lintel/home/call/#", 0))
        give_up("cannot reach");
    asker_start();
    is_subscribed = 0;
    while (!is_subscribed) pump(m, asker_now_us() + 10000, 1);
    return m;
}

void asker_start(void)
{
    memset(&asker, 0, sizeof asker);
}

void asker_ask(struct mosquitto *m, int i, const char *text)
{
    char payload[256];
    int n = snprintf(payload, sizeof payload, "{\"text\":\"%s\",\"session\":\"%d\"}", text, i);
    asker.sent_us[i] = asker_now_us();
    mosquitto_publish(m, NULL, "lintel/home/request", n, payload, 1, false);
}

void asker_pace(struct mosquitto *m, int64_t start_us, int i, int rate)
{
    pump(m, start_us + (int64_t)i * 1000000 / rate, ASKER_MAX + 1);
}

void asker_wait(struct mosquitto *m, int n, int limit_ms)
{
    pump(m, asker_now_us() + (int64_t)limit_ms * 1000, n);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void asker_print(const char *name, int n, int (*is_wanted)(int i, const void *user),
                 const void *user)
{
    static int64_t took[ASKER_MAX];
    int k = 0, n_asked = 0, n_late = 0;
    for (int i = 0; i < n; i++) {
        if (is_wanted && !is_wanted(i, user)) continue;
        n_asked++;
        if (asker.called_us[i]) took[k++] = asker.called_us[i] - asker.sent_us[i];
    }
    qsort(took, (size_t)k, sizeof *took, by_value);
    for (int i = 0; i < k; i++) n_late += took[i] > ASKER_LATE_US;
    printf("\"%s\":{\"requests\":%d,\"called\":%d,\"p50_us\":%lld,\"p95_us\":%lld,\"p99_us\":%lld,"
           "\"max_us\":%lld,\"over_50_ms\":%d}",
           name, n_asked, k, k ? (long long)took[k / 2] : 0, k ? (long long)took[k * 95 / 100] : 0,
           k ? (long long)took[k * 99 / 100] : 0, k ? (long long)took[k - 1] : 0, n_late);
}

void asker_close(struct mosquitto *m)
{
    mosquitto_disconnect(m);
    mosquitto_destroy(m);
}
