/* bench_serve.c - how long from MQTT in to call out, with a real broker, a real disk and the shipped
 * network. Prints JSON: one request at a time, then a steady rate, then the same rate while another network
 * takes over a third of the way in.
 *
 *     bench_serve [REQUESTS] [RATE per second] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <mosquitto.h>

#include "harness.h"

#define MAX_REQUESTS 20000

/* Written by the client's thread under its callback, read when all have come. */
struct run {
    int64_t sent_us[MAX_REQUESTS], took_us[MAX_REQUESTS];
    volatile int n_called;
};
static struct run run;
static const char *const said[] = {
    "turn off the kitchen light",  "turn on the floor lamp",   "close the living room blinds",
    "set the floor lamp to forty", "turn on the bedroom fan",  "turn off the hallway light",
    "start the robot vacuum",      "set the thermostat to 21", "turn on the mirror light",
    "turn off the coffee machine", "open the bedroom curtain", "dim the bedside lamp to ten",
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
    if (i < 0 || i >= MAX_REQUESTS || run.took_us[i]) return; /* further calls of one answer */
    run.took_us[i] = now - run.sent_us[i];
    __atomic_add_fetch(&run.n_called, 1, __ATOMIC_RELEASE);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void ask(struct mosquitto *m, int i)
{
    char payload[256];
    int n = snprintf(payload, sizeof payload, "{\"text\":\"%s\",\"session\":\"%d\"}",
                     said[i % (int)(sizeof said / sizeof said[0])], i);
    run.sent_us[i] = now_us();
    mosquitto_publish(m, NULL, "lintel/home/request", n, payload, 1, false);
}

static void wait_for_calls(int n)
{
    for (int64_t end = now_us() + 30000000; run.n_called < n && now_us() < end;) {
        struct timespec t = {0, 50000};
        nanosleep(&t, NULL);
    }
}

static void report(const char *name, int n, double rate, const char *end)
{
    int64_t sorted[MAX_REQUESTS];
    int k = 0;
    for (int i = 0; i < n; i++)
        if (run.took_us[i]) sorted[k++] = run.took_us[i];
    qsort(sorted, (size_t)k, sizeof *sorted, by_value);
    int n_late = 0;
    for (int i = 0; i < k; i++) n_late += sorted[i] > 50000;
    printf("\"%s\":{\"requests\":%d,\"called\":%d,\"per_s\":%.0f,\"p50_us\":%lld,\"p95_us\":%lld,"
           "\"p99_us\":%lld,\"max_us\":%lld,\"over_50_ms\":%d}%s",
           name, n, k, rate, k ? (long long)sorted[k / 2] : 0,
           k ? (long long)sorted[k * 95 / 100] : 0, k ? (long long)sorted[k * 99 / 100] : 0,
           k ? (long long)sorted[k - 1] : 0, n_late, end);
}

/* A steady rate; `hash` (or NULL) names a network that is activated a third of the way in. */
static void steady(struct env *e, struct mosquitto *m, int n, int rate, const char *name,
                   const char *hash, const char *end)
{
    pid_t child = 0;
    memset(&run, 0, sizeof run);
    int64_t start = now_us();
    for (int i = 0; i < n; i++) {
        int64_t due = start + (int64_t)i * 1000000 / rate;
        if (hash && i == n / 3 && !(child = fork())) {
            const char *db = env_path(e, "lintel.db");
            _exit(run_lintel(NULL, 0, NULL, 0, "models", "activate", hash, "--db", db, NULL));
        }
        while (now_us() < due) {
            struct timespec t = {0, 50000};
            nanosleep(&t, NULL);
        }
        ask(m, i);
    }
    wait_for_calls(n);
    double took_s = (double)(now_us() - start) / 1e6;
    if (child) waitpid(child, NULL, 0);
    report(name, n, n / took_s, end);
}

/* The shipped network as another file, registered; its hash. */
static void add_other(struct env *e, char hash[65])
{
    char out[4096], path[512], db[512];
    snprintf(path, sizeof path, "%s", env_path(e, "other.gguf"));
    snprintf(db, sizeof db, "%s", env_path(e, "lintel.db"));
    if (run_lintel(NULL, 0, NULL, 0, "quantize", "--model", test_model(), "--out", path, "--type",
                   "f16", NULL) ||
        run_lintel(out, sizeof out, NULL, 0, "models", "add", path, "--db", db, NULL)) {
        fprintf(stderr, "bench_serve: cannot make another network\n");
        exit(1);
    }
    snprintf(hash, 65, "%.64s", out);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1000, rate = argc > 2 ? atoi(argv[2]) : 200;
    if (n < 1 || n > MAX_REQUESTS || rate < 1) {
        fprintf(stderr, "usage: bench_serve [REQUESTS 1..%d] [RATE]\n", MAX_REQUESTS);
        return 2;
    }
    struct env *e = env_start();
    char hash[65];
    gateway_start(e, "model:\n  file: \"\"\n");
    add_other(e, hash);
    struct mosquitto *m = mosquitto_new("bench", true, NULL);
    mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, 1000);
    mosquitto_message_callback_set(m, on_message);
    if (mosquitto_connect(m, "127.0.0.1", env_port(e), 60) || mosquitto_loop_start(m) ||
        mosquitto_subscribe(m, NULL, "lintel/home/call/#", 0)) {
        fprintf(stderr, "bench_serve: cannot reach the broker\n");
        return 1;
    }
    sleep_ms(300);
    for (int i = 0; i < n; i++) { /* one at a time: the next when the last was called */
        ask(m, i);
        wait_for_calls(i + 1);
    }
    printf("{");
    report("one_at_a_time", n, 0, ",");
    steady(e, m, n, rate, "steady", NULL, ",");
    steady(e, m, n, rate, "while_swapping", hash, "");
    printf(",\"swaps\":%d}\n", gateway_log_count(e, "model.swapped"));
    mosquitto_disconnect(m);
    mosquitto_loop_stop(m, true);
    mosquitto_destroy(m);
    env_stop(e);
    return 0;
}
