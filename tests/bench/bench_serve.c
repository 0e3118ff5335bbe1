/* bench_serve.c - how long from MQTT in to call out, with a real broker, a real disk and the shipped
 * network. Prints JSON: one request at a time, then a steady rate, then the same rate while another network
 * takes over a third of the way in. The gateway logs as it does by default; cpu_us is its processor time a request.
 *
 *     bench_serve [REQUESTS] [RATE per second] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "asker.h"

#define WAIT_ALL_MS 30000

static const char *const said[] = {
    "turn off the kitchen light",  "turn on the floor lamp",   "close the living room blinds",
    "set the floor lamp to forty", "turn on the bedroom fan",  "turn off the hallway light",
    "start the robot vacuum",      "set the thermostat to 21", "turn on the mirror light",
    "turn off the coffee machine", "open the bedroom curtain", "dim the bedside lamp to ten",
};

static void ask(struct mosquitto *m, int i)
{
    asker_ask(m, i, said[i % (int)(sizeof said / sizeof said[0])]);
}

/* Processor time of the gateway so far, us: user and system (proc(5)). */
static int64_t gateway_cpu_us(const struct env *e)
{
    char path[64];
    long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)gateway_pid(e));
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    int n = fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
                   &kernel);
    fclose(f);
    return n == 2 ? (user + kernel) * (1000000 / sysconf(_SC_CLK_TCK)) : 0;
}

/* A steady rate; `hash` (or NULL) names a network that is activated a third of the way in. */
static void steady(struct env *e, struct mosquitto *m, int n, int rate, const char *name,
                   const char *hash, const char *end)
{
    pid_t child = 0;
    int64_t cpu = gateway_cpu_us(e);
    asker_start();
    int64_t start = asker_now_us();
    for (int i = 0; i < n; i++) {
        if (hash && i == n / 3 && !(child = fork())) {
            const char *db = env_path(e, "lintel.db");
            _exit(run_lintel(NULL, 0, NULL, 0, "models", "activate", hash, "--db", db, NULL));
        }
        asker_pace(start, i, rate);
        ask(m, i);
    }
    asker_wait(n, WAIT_ALL_MS);
    double took_s = (double)(asker_now_us() - start) / 1e6;
    cpu = gateway_cpu_us(e) - cpu;
    if (child) waitpid(child, NULL, 0);
    asker_print(name, n, NULL, NULL);
    printf(",\"%s_per_s\":%.0f,\"%s_cpu_us\":%.0f%s", name, n / took_s, name, (double)cpu / n, end);
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
    if (n < 1 || n > ASKER_MAX || rate < 1) {
        fprintf(stderr, "usage: bench_serve [REQUESTS 1..%d] [RATE]\n", ASKER_MAX);
        return 2;
    }
    struct env *e = env_start();
    char hash[65];
    gateway_start(e, "model:\n  file: \"\"\nlog:\n  level: info\n"); /* as it is served */
    add_other(e, hash);
    struct mosquitto *m = asker_connect(e);
    asker_start();
    for (int i = 0; i < n; i++) { /* one at a time: the next when the last was called */
        ask(m, i);
        asker_wait(i + 1, WAIT_ALL_MS);
    }
    printf("{");
    asker_print("one_at_a_time", n, NULL, NULL);
    printf(",");
    steady(e, m, n, rate, "steady", NULL, ",");
    steady(e, m, n, rate, "while_swapping", hash, "");
    printf(",\"swaps\":%d}\n", gateway_log_count(e, "model.swapped"));
    asker_close(m);
    env_stop(e);
    return 0;
}
