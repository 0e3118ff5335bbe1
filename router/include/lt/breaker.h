/* lt/breaker.h - stop asking a provider that does not answer, and try it again later.
 *
 *     closed --fail_max failures in a row--> open --open_us passed--> half open
 *        ^                                    ^                           |
 *        |                                    '--- the trial failed ------|  (waits twice as long)
 *        '----------------------------------------- the trial succeeded --'
 *
 * Half open lets one request through as a trial. A pure state machine: time is an argument, so it
 * can be replayed. One breaker per endpoint, one thread. Memory: the caller's. */
#ifndef LT_BREAKER_H
#define LT_BREAKER_H

#include "lt/clock.h"

enum lt_breaker_state { LT_BREAKER_CLOSED, LT_BREAKER_OPEN, LT_BREAKER_HALF_OPEN };

struct lt_breaker_config {
    int fail_max;      /* failures in a row that open it */
    lt_us open_us;     /* first wait */
    lt_us open_max_us; /* longest wait; each failed trial doubles the last one up to this */
    lt_us trial_us;    /* a trial with no outcome after this long no longer blocks another */
};
#define LT_BREAKER_DEFAULTS                                                                        \
    {                                                                                              \
        3, 10000000, 600000000, 60000000                                                           \
    } /* 3 failures, 10 s .. 10 min, 60 s */

struct lt_breaker {
    struct lt_breaker_config config;
    enum lt_breaker_state state;
    int n_failures; /* in a row while closed */
    int is_told;    /* open only because the server named a time; closed again when it is over */
    lt_us until_us; /* open: when the next trial may go; half open: when the trial is given up */
    lt_us wait_us;  /* length of the present wait */
};

/* Closed, no failure counted; the configuration is copied. */
void lt_breaker_init(struct lt_breaker *b, const struct lt_breaker_config *config);
/* May a request go now? Changes nothing. */
int lt_breaker_allows(const struct lt_breaker *b, lt_us now_us);
/* A request goes now: an open breaker whose wait is over becomes half open. Call it only after
 * lt_breaker_allows said yes. */
void lt_breaker_begin(struct lt_breaker *b, lt_us now_us);
/* What came of it. retry_after_us > 0 (the server's Retry-After) opens at once for that long, and
 * for at least that long when it was the last of fail_max. A refusal of our request's content (HTTP 400) is no failure of the endpoint: report
 * success. */
void lt_breaker_success(struct lt_breaker *b);
void lt_breaker_failure(struct lt_breaker *b, lt_us now_us, lt_us retry_after_us);

#endif
