/* breaker.c - the circuit breaker's state machine. */
#include "lt/breaker.h"

void lt_breaker_init(struct lt_breaker *b, const struct lt_breaker_config *config)
{
    *b = (struct lt_breaker){.config = *config, .wait_us = config->open_us};
}

int lt_breaker_allows(const struct lt_breaker *b, lt_us now_us)
{
    /* closed has no wait; open and half open wait for the same moment, each for its own reason */
    return b->state == LT_BREAKER_CLOSED || now_us >= b->until_us;
}

void lt_breaker_begin(struct lt_breaker *b, lt_us now_us)
{
    if (b->state == LT_BREAKER_CLOSED) return;
    if (b->is_told) { /* it kept still as it was told to: no trial is needed */
        b->state = LT_BREAKER_CLOSED;
        b->is_told = 0;
        return;
    }
    b->state = LT_BREAKER_HALF_OPEN;
    b->until_us = now_us + b->config.trial_us;
}

void lt_breaker_success(struct lt_breaker *b)
{
    b->state = LT_BREAKER_CLOSED;
    b->n_failures = 0;
    b->is_told = 0;
    b->wait_us = b->config.open_us;
}

static void open_for(struct lt_breaker *b, lt_us now_us, lt_us wait_us)
{
    b->state = LT_BREAKER_OPEN;
    b->n_failures = 0;
    b->is_told = 0;
    b->until_us = now_us + wait_us;
}

void lt_breaker_failure(struct lt_breaker *b, lt_us now_us, lt_us retry_after_us)
{
    enum lt_breaker_state before = b->state;
    int is_shut = before != LT_BREAKER_CLOSED && !b->is_told;
    if (before == LT_BREAKER_HALF_OPEN) {
        b->wait_us =
            b->wait_us > b->config.open_max_us / 2 ? b->config.open_max_us : b->wait_us * 2;
    } else if (!is_shut && ++b->n_failures < b->config.fail_max) {
        /* the server says how long it wants to be left alone: that long, and no longer */
        if (retry_after_us <= 0 || (b->is_told && now_us + retry_after_us <= b->until_us)) return;
        b->state = LT_BREAKER_OPEN;
        b->is_told = 1;
        b->until_us = now_us + retry_after_us;
        return;
    }
    lt_us wait_us = retry_after_us > b->wait_us ? retry_after_us : b->wait_us;
    /* an answer that was under way when it opened must not shorten the wait */
    if (before == LT_BREAKER_OPEN && is_shut && now_us + wait_us <= b->until_us) return;
    open_for(b, now_us, wait_us);
}
