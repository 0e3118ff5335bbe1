/* bench_serve.c - how long from MQTT in to call out, with a real broker, a real disk and the shipped
 * network. Prints JSON: one request at a time, then a steady rate, then the same rate while another network
 * takes over a third of the way in. Broker and gateway run with their defaults. cpu_us is processor time a
 * request: the gateway's, of it what the loop, the network's worker and the store's writer took, then the
 * broker's and that of asking.
 *
 *     bench_serve [REQUESTS] [RATE per second] */
#include <dirent.h>
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

/* Processor time so far, us (schedstat of proc(5)): of the gateway's threads, whose loop is named `lintel`, and
 * of the others. */
enum { ALL, LOOP, INFER, STORE, BROKER, ASKER, N_TIMES };
static const char *const thread_names[N_TIMES] = {"all", "lintel", "lintel-infer", "lintel-store"};

struct times {
    double us[N_TIMES];
};

static int read_line(int pid, const char *tid, const char *file, char *out, size_t cap)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task/%s/%s", pid, tid, file);
    FILE *f = fopen(path, "r");
    int ok = f && fgets(out, (int)cap, f);
    if (f) fclose(f);
    if (ok) out[strcspn(out, "\n")] = '\0';
    return ok;
}

/* Of a process, its threads that have ended included. */
static double process_us(pid_t pid)
{
    clockid_t clock;
    struct timespec t = {0, 0};
    if (!clock_getcpuclockid(pid, &clock)) clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1000;
}

static struct times times_now(const struct env *e)
{
    struct times t = {{0}};
    char path[64], name[64], stat[128];
    int pid = (int)gateway_pid(e);
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    for (struct dirent *x; d && (x = readdir(d));) {
        if (*x->d_name == '.' || !read_line(pid, x->d_name, "comm", name, sizeof name) ||
            !read_line(pid, x->d_name, "schedstat", stat, sizeof stat))
            continue;
        for (int i = LOOP; i <= STORE; i++)
            if (!strcmp(name, thread_names[i])) t.us[i] += strtod(stat, NULL) / 1000;
    }
    if (d) closedir(d);
    t.us[ALL] = process_us(gateway_pid(e));
    t.us[BROKER] = process_us(broker_pid(e));
    t.us[ASKER] = process_us(getpid());
    return t;
}

/* What each took of it since `from`, a request. */
static void print_times(struct env *e, const char *name, int n, const struct times *from)
{
    static const char *const keys[N_TIMES] = {"all", "loop", "infer", "store", "broker", "asker"};
    struct times now = times_now(e);
    printf(",\"%s_cpu_us\":{", name);
    for (int i = 0; i < N_TIMES; i++)
        printf("%s\"%s\":%.0f", i ? "," : "", keys[i], (now.us[i] - from->us[i]) / n);
    printf("}");
}

/* A steady rate; `hash` (or NULL) names a network that is activated a third of the way in. */
static void steady(struct env *e, struct mosquitto *m, int n, int rate, const char *name,
                   const char *hash, const char *end)
{
    pid_t child = 0;
    struct times before = times_now(e);
    asker_start();
    int64_t start = asker_now_us();
    for (int i = 0; i < n; i++) {
        if (hash && i == n / 3 && !(child = fork())) {
            const char *db = env_path(e, "lintel.db");
            _exit(run_lintel(NULL, 0, NULL, 0, "models", "activate", hash, "--db", db, NULL));
        }
        asker_pace(m, start, i, rate);
        ask(m, i);
    }
    asker_wait(m, n, WAIT_ALL_MS);
    double took_s = (double)(asker_now_us() - start) / 1e6;
    if (child) waitpid(child, NULL, 0);
    asker_print(name, n, NULL, NULL);
    printf(",\"%s_per_s\":%.0f", name, n / took_s);
    print_times(e, name, n, &before);
    printf("%s", end);
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
    struct env *e = env_start_as_served();
    char hash[65];
    gateway_start(e, "model:\n  file: \"\"\nlog:\n  level: info\n"); /* as it is served */
    add_other(e, hash);
    client_leave(e);
    struct mosquitto *m = asker_connect(e);
    struct times before = times_now(e);
    asker_start();
    for (int i = 0; i < n; i++) { /* one at a time: the next when the last was called */
        ask(m, i);
        asker_wait(m, i + 1, WAIT_ALL_MS);
    }
    printf("{");
    asker_print("one_at_a_time", n, NULL, NULL);
    print_times(e, "one_at_a_time", n, &before);
    printf(",");
    steady(e, m, n, rate, "steady", NULL, ",");
    steady(e, m, n, rate, "while_swapping", hash, "");
    printf(",\"swaps\":%d}\n", gateway_log_count(e, "model.swapped"));
    asker_close(m);
    env_stop(e);
    return 0;
}
