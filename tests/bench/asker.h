/* asker.h - somebody who asks the gateway many things and keeps the time: what bench_serve and bench_swap
 * share.
 *
 * Every request carries its number as its session, and the call that comes back names the session; so one
 * connection can have many requests under way and knows of each when it was sent and when its first call came.
 * No thread and no naps, as broker and gateway share the cores with it: answers are taken in while asker_pace
 * and asker_wait sleep on the socket.
 *
 *     asker_connect -> asker_start (forgets the last run) -> asker_ask ... -> asker_wait -> asker_print
 *
 * Times are microseconds of the monotonic clock. One run at a time; it ends the program when the broker
 * cannot be reached. */
#ifndef ASKER_H
#define ASKER_H

#include <stdint.h>

#include <mosquitto.h>

#include "harness.h"

#define ASKER_MAX     20000 /* requests of a run */
#define ASKER_LATE_US 50000 /* an answer that took longer is counted as late */

struct asker {
    int64_t sent_us[ASKER_MAX], called_us[ASKER_MAX]; /* 0: not yet */
    int n_calls[ASKER_MAX]; /* answers that came, 1 each when all is well */
    int n_called;           /* requests that were answered */
};
extern struct asker asker;

int64_t asker_now_us(void);
/* A client that hears every call of site "home". */
struct mosquitto *asker_connect(struct env *e);
void asker_start(void);
/* Send request number `i` in the words of `text`. */
void asker_ask(struct mosquitto *m, int i, const char *text);
/* Until the time for request `i` of a steady rate that began at start_us. */
void asker_pace(struct mosquitto *m, int64_t start_us, int i, int rate);
/* Until n requests are answered, or limit_ms are over. */
void asker_wait(struct mosquitto *m, int n, int limit_ms);
/* "name":{"requests":...,"called":...,percentiles,"over_50_ms":...} of the requests below n that `is_wanted`
 * (NULL: all) says yes to. */
void asker_print(const char *name, int n, int (*is_wanted)(int i, const void *user),
                 const void *user);
void asker_close(struct mosquitto *m);

#endif
