/* bench_swap.c - does a request wait because another network takes over? Prints JSON.
 *
 * A steady rate of requests against the real gateway, broker and disk. Meanwhile the active network is
 * exchanged again and again, between the shipped one as F16 and the same as Q8_0. A request counts as "during" when
 * it was under way between the start of `lintel models activate` and AFTER_MS after the gateway had
 * exchanged them, else as "outside": the machine's own hiccups show there as well, and the difference is the
 * swap's. "held_us" is what the gateway says that the exchange itself kept the network waiting, "cpu_ms" the processor
 * time of preparing one, "gateway_cpu_ms" that of the gateway for all of it.
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
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "asker.h"

#define MAX_SWAPS 64
#define AFTER_MS  300 /* freeing the old network, first answers of the new one */

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

static void *swap_all(void *arg)
{
    struct swapper *s = arg;
    for (int i = 0; i < s->n; i++) {
        sleep_ms(s->pause_ms);
        s->from_us[i] = asker_now_us();
        int rc =
            run_lintel(NULL, 0, NULL, 0, "models", "activate", s->hash[i % 2], "--db", s->db, NULL);
        gateway_signal(s->e, SIGHUP); /* look now */
        for (int waited = 0; !rc && waited < WAIT_MS; waited += 20) {
            if (gateway_log_count(s->e, "model.swapped") > i) break;
            sleep_ms(20);
        }
        s->to_us[i] = asker_now_us() + AFTER_MS * 1000;
    }
    return NULL;
}

static int is_during(int i, const void *user)
{
    const struct swapper *s = user;
    for (int k = 0; k < s->n; k++)
        if (asker.sent_us[i] < s->to_us[k] && asker.called_us[i] > s->from_us[k]) return 1;
    return 0;
}

static int is_outside(int i, const void *user)
{
    return !is_during(i, user);
}

/* The largest of a number that the gateway's log tells of every exchange. */
static long most_of(struct env *e, const char *key)
{
    FILE *f = fopen(env_path(e, "gateway.log"), "r");
    char line[2048];
    long most = 0;
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "model.swapped") ? strstr(line, key) : NULL;
        if (at && atol(at + strlen(key)) > most) most = atol(at + strlen(key));
    }
    if (f) fclose(f);
    return most;
}

/* Processor time of the gateway so far, milliseconds; 0 when the system does not tell. */
static double cpu_ms_of(pid_t pid)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    int n =
        f ? fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel)
          : 0;
    if (f) fclose(f);
    return n == 2 ? 1000.0 * (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK) : 0;
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
    int64_t start = asker_now_us();
    asker_start();
    for (int i = 0; i < n; i++) {
        asker_pace(m, start, i, rate);
        asker_ask(m, i, said[i % (int)(sizeof said / sizeof said[0])]);
    }
    asker_wait(m, n, 60000);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 4000, rate = argc > 2 ? atoi(argv[2]) : 200;
    static struct swapper s;
    pthread_t thread;
    s.n = argc > 3 ? atoi(argv[3]) : 6;
    if (n < 1 || n > ASKER_MAX || rate < 1 || s.n < 1 || s.n > MAX_SWAPS) {
        fprintf(stderr, "usage: bench_swap [REQUESTS 1..%d] [RATE] [SWAPS 1..%d]\n", ASKER_MAX,
                MAX_SWAPS);
        return 2;
    }
    struct env *e = s.e = env_start_as_served();
    gateway_start(e, "model:\n  file: \"\"\nlimits:\n  deadline_ms: 300000\n");
    add_networks(&s);
    s.pause_ms = (int)((int64_t)n * 1000 / rate / (s.n + 1));
    client_leave(e);
    struct mosquitto *m = asker_connect(e);
    pthread_create(&thread, NULL, swap_all, &s);
    double cpu_ms = cpu_ms_of(gateway_pid(e));
    int64_t start = asker_now_us();
    ask_all(m, n, rate);
    double took_s = (double)(asker_now_us() - start) / 1e6;
    cpu_ms = cpu_ms_of(gateway_pid(e)) - cpu_ms;
    pthread_join(thread, NULL);
    int n_lost = 0, n_twice = 0;
    for (int i = 0; i < n; i++) n_lost += !asker.n_calls[i], n_twice += asker.n_calls[i] > 1;
    printf("{\"requests\":%d,\"asked_per_s\":%d,\"answered_per_s\":%.0f,\"lost\":%d,\"twice\":%d,"
           "\"swaps\":%d,\"held_us\":%ld,\"cpu_ms\":%ld,"
           "\"gateway_cpu_ms\":%.0f,",
           n, rate, n / took_s, n_lost, n_twice, gateway_log_count(e, "model.swapped"),
           most_of(e, " held_us="), most_of(e, " cpu_ms="), cpu_ms);
    asker_print("outside", n, is_outside, &s);
    printf(",");
    asker_print("during", n, is_during, &s);
    printf("}\n");
    asker_close(m);
    env_stop(e);
    return n_lost || n_twice;
}
