/* bench_swap.c - does a request wait because another network takes over? Prints JSON.
 *
 * A steady rate of requests against the real gateway, broker and disk. Meanwhile the active network is
 * exchanged again and again, between the shipped one as F16 and the same as Q8_0. A request counts as "during" when
 * it was under way between the start of `lintel models activate` and AFTER_MS after the gateway had
 * exchanged them, else as "outside": the machine's own hiccups show there as well, and the difference is the
 * swap's. "held_us" is what the gateway says that the exchange itself kept the network waiting.
 *
 *     bench_swap [REQUESTS] [RATE per second] [SWAPS]
 *
 * Exit status 1 when a request was lost or called twice. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <mosquitto.h>
#include <pthread.h>

#include "harness.h"

#define MAX_REQUESTS 20000
#define MAX_SWAPS    64
#define AFTER_MS     300 /* freeing the old network, first answers of the new one */
#define LATE_US      50000

/* Written by the client's thread, read when all have come or time is up. */
static int64_t sent_us[MAX_REQUESTS], called_us[MAX_REQUESTS];
static int n_calls_of[MAX_REQUESTS];
static volatile int n_called;

struct swapper {
    struct env *e;
    char hash[2][65], db[512];
    int n, pause_ms;
    int64_t from_us[MAX_SWAPS], to_us[MAX_SWAPS];
};

static const char *const said[] = {
    "turn off the kitchen light",  "turn on the floor lamp",   "close the living room blinds",
    "turn on the bedroom fan",     "start the robot vacuum",   "turn off the hallway light",
    "turn off the coffee machine", "turn on the mirror light", "open the bedroom curtain",
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The call names its session, and the session is the request's number. */
static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *msg)
{
    (void)m, (void)user;
    int64_t now = now_us();
    const char *at = msg->payload ? strstr(msg->payload, "\"session\":\"") : NULL;
    int i = at ? atoi(at + 11) : -1;
    if (i < 0 || i >= MAX_REQUESTS || !strstr(msg->payload, "\"index\":0")) return;
    if (n_calls_of[i]++) return;
    called_us[i] = now;
    __atomic_add_fetch(&n_called, 1, __ATOMIC_RELEASE);
}

static void *swap_all(void *arg)
{
    struct swapper *s = arg;
    for (int i = 0; i < s->n; i++) {
        sleep_ms(s->pause_ms);
        s->from_us[i] = now_us();
        int rc =
            run_lintel(NULL, 0, NULL, 0, "models", "activate", s->hash[i % 2], "--db", s->db, NULL);
        gateway_signal(s->e, SIGHUP); /* look now */
        for (int waited = 0; !rc && waited < WAIT_MS; waited += 20) {
            if (gateway_log_count(s->e, "model.swapped") > i) break;
            sleep_ms(20);
        }
        s->to_us[i] = now_us() + AFTER_MS * 1000;
    }
    return NULL;
}

static int is_during(const struct swapper *s, int i)
{
    for (int k = 0; k < s->n; k++)
        if (sent_us[i] < s->to_us[k] && called_us[i] > s->from_us[k]) return 1;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const struct swapper *s, int n, int during, const char *name)
{
    static int64_t took[MAX_REQUESTS];
    int k = 0, n_late = 0;
    for (int i = 0; i < n; i++)
        if (called_us[i] && is_during(s, i) == during) took[k++] = called_us[i] - sent_us[i];
    qsort(took, (size_t)k, sizeof *took, by_value);
    for (int i = 0; i < k; i++) n_late += took[i] > LATE_US;
    printf(
        ",\"%s\":{\"requests\":%d,\"p50_us\":%lld,\"p95_us\":%lld,\"p99_us\":%lld,\"max_us\":%lld,"
        "\"over_50_ms\":%d}",
        name, k, k ? (long long)took[k / 2] : 0, k ? (long long)took[k * 95 / 100] : 0,
        k ? (long long)took[k * 99 / 100] : 0, k ? (long long)took[k - 1] : 0, n_late);
}

/* The longest time that an exchange kept the inference worker, by the gateway's log. */
static long held_us(struct env *e)
{
    FILE *f = fopen(env_path(e, "gateway.log"), "r");
    char line[2048];
    long most = 0;
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "held_us=");
        if (at && atol(at + 8) > most) most = atol(at + 8);
    }
    if (f) fclose(f);
    return most;
}

/* The shipped network and itself in another type of numbers, registered. */
static void add_networks(struct swapper *s)
{
    static const char *const types[2] = {"f16", "q8_0"};
    char out[4096], path[512];
    snprintf(s->db, sizeof s->db, "%s", env_path(s->e, "lintel.db"));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s", env_path(s->e, types[i]));
        if (run_lintel(NULL, 0, NULL, 0, "quantize", "--model", test_model(), "--out", path,
                       "--type", types[i], NULL) ||
            run_lintel(out, sizeof out, NULL, 0, "models", "add", path, "--db", s->db, NULL)) {
            fprintf(stderr, "bench_swap: cannot make another network\n");
            exit(1);
        }
        snprintf(s->hash[i], sizeof s->hash[i], "%.64s", out);
    }
}

static void ask_all(struct mosquitto *m, int n, int rate)
{
    char payload[256];
    int64_t start = now_us();
    for (int i = 0; i < n; i++) {
        while (now_us() < start + (int64_t)i * 1000000 / rate) {
            struct timespec t = {0, 50000};
            nanosleep(&t, NULL);
        }
        int len = snprintf(payload, sizeof payload, "{\"text\":\"%s\",\"session\":\"%d\"}",
                           said[i % (int)(sizeof said / sizeof said[0])], i);
        sent_us[i] = now_us();
        mosquitto_publish(m, NULL, "lintel/home/request", len, payload, 1, false);
    }
    for (int64_t end = now_us() + 60000000; n_called < n && now_us() < end;) sleep_ms(1);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 4000, rate = argc > 2 ? atoi(argv[2]) : 200;
    static struct swapper s;
    pthread_t thread;
    s.n = argc > 3 ? atoi(argv[3]) : 6;
    if (n < 1 || n > MAX_REQUESTS || rate < 1 || s.n < 1 || s.n > MAX_SWAPS) {
        fprintf(stderr, "usage: bench_swap [REQUESTS 1..%d] [RATE] [SWAPS 1..%d]\n", MAX_REQUESTS,
                MAX_SWAPS);
        return 2;
    }
    struct env *e = s.e = env_start();
    gateway_start(e, "model:\n  file: \"\"\nlimits:\n  deadline_ms: 300000\n");
    add_networks(&s);
    s.pause_ms = (int)((int64_t)n * 1000 / rate / (s.n + 1));
    struct mosquitto *m = mosquitto_new("bench", true, NULL);
    mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, 1000);
    mosquitto_message_callback_set(m, on_message);
    if (mosquitto_connect(m, "127.0.0.1", env_port(e), 60) || mosquitto_loop_start(m) ||
        mosquitto_subscribe(m, NULL, "lintel/home/call/#", 0)) {
        fprintf(stderr, "bench_swap: cannot reach the broker\n");
        return 1;
    }
    sleep_ms(300);
    pthread_create(&thread, NULL, swap_all, &s);
    int64_t start = now_us();
    ask_all(m, n, rate);
    double took_s = (double)(now_us() - start) / 1e6;
    pthread_join(thread, NULL);
    int n_lost = 0, n_twice = 0;
    for (int i = 0; i < n; i++) n_lost += !n_calls_of[i], n_twice += n_calls_of[i] > 1;
    printf("{\"requests\":%d,\"asked_per_s\":%d,\"answered_per_s\":%.0f,\"lost\":%d,\"twice\":%d,"
           "\"swaps\":%d,\"held_us\":%ld",
           n, rate, n / took_s, n_lost, n_twice, gateway_log_count(e, "model.swapped"), held_us(e));
    report(&s, n, 0, "outside");
    report(&s, n, 1, "during");
    printf("}\n");
    mosquitto_disconnect(m);
    mosquitto_loop_stop(m, true);
    mosquitto_destroy(m);
    env_stop(e);
    return n_lost || n_twice;
}
