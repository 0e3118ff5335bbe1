/* asker.c - see asker.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "asker.h"

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
    __atomic_add_fetch(&asker.n_called, 1, __ATOMIC_RELEASE);
}

struct mosquitto *asker_connect(struct env *e)
{
    struct mosquitto *m = mosquitto_new("bench", true, NULL);
    mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, 1000);
    mosquitto_message_callback_set(m, on_message);
    if (mosquitto_connect(m, "127.0.0.1", env_port(e), 60) || mosquitto_loop_start(m) ||
        mosquitto_subscribe(m, NULL, "lintel/home/call/#", 0)) {
        fprintf(stderr, "cannot reach the broker\n");
        exit(1);
    }
    sleep_ms(300);
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

static void nap(void)
{
    struct timespec t = {0, 50000};
    nanosleep(&t, NULL);
}

void asker_pace(int64_t start_us, int i, int rate)
{
    while (asker_now_us() < start_us + (int64_t)i * 1000000 / rate) nap();
}

void asker_wait(int n, int limit_ms)
{
    int64_t end = asker_now_us() + (int64_t)limit_ms * 1000;
    while (__atomic_load_n(&asker.n_called, __ATOMIC_ACQUIRE) < n && asker_now_us() < end) nap();
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
    mosquitto_loop_stop(m, false);
    mosquitto_destroy(m);
}
