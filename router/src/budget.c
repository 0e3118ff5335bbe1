/* budget.c - caps, reservations and prices in whole micro-USD. */
#include "lt/budget.h"

#include <time.h>

#define MS_PER_DAY 86400000

static int32_t month_of(int64_t unix_ms)
{
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&t, &tm);
    return (int32_t)((tm.tm_year - 70) * 12 + tm.tm_mon);
}

void lt_budget_init(struct lt_budget *b, int64_t now_unix_ms)
{
    *b = (struct lt_budget){.request_cap_usd_micro = LT_BUDGET_UNLIMITED,
                            .day_cap_usd_micro = LT_BUDGET_UNLIMITED,
                            .month_cap_usd_micro = LT_BUDGET_UNLIMITED,
                            .day_number = (int32_t)(now_unix_ms / MS_PER_DAY),
                            .month_number = month_of(now_unix_ms)};
}

void lt_budget_roll(struct lt_budget *b, int64_t now_unix_ms)
{
    int32_t day = (int32_t)(now_unix_ms / MS_PER_DAY), month = month_of(now_unix_ms);
    if (day > b->day_number) { /* a clock that was set back frees no money */
        b->day_number = day;
        b->day_spent_usd_micro = 0;
    }
    if (month > b->month_number) {
        b->month_number = month;
        b->month_spent_usd_micro = 0;
    }
}

/* cap - spent - reserved, not below 0; no cap stays no cap. */
static int64_t room(int64_t cap, int64_t spent, int64_t reserved)
{
    if (cap == LT_BUDGET_UNLIMITED) return cap;
    if (spent < 0) spent = 0;
    if (cap <= spent) return 0;
    return cap - spent > reserved ? cap - spent - reserved : 0;
}

int64_t lt_budget_left(const struct lt_budget *b)
{
    int64_t day = room(b->day_cap_usd_micro, b->day_spent_usd_micro, b->reserved_usd_micro);
    int64_t month = room(b->month_cap_usd_micro, b->month_spent_usd_micro, b->reserved_usd_micro);
    int64_t left = day < month ? day : month;
    return left < b->request_cap_usd_micro ? left : b->request_cap_usd_micro;
}

static int64_t add(int64_t a, int64_t b)
{
    return b > 0 && a > INT64_MAX - b ? INT64_MAX : a + b;
}

int lt_budget_reserve(struct lt_budget *b, int64_t estimate_usd_micro)
{
    if (estimate_usd_micro < 0) estimate_usd_micro = 0;
    int64_t left = lt_budget_left(b);
    if (left <= 0 || estimate_usd_micro > left) return 0;
    b->reserved_usd_micro = add(b->reserved_usd_micro, estimate_usd_micro);
    return 1;
}

void lt_budget_settle(struct lt_budget *b, int64_t estimate_usd_micro, int64_t cost_usd_micro)
{
    if (estimate_usd_micro < 0) estimate_usd_micro = 0;
    if (cost_usd_micro < 0) cost_usd_micro = 0;
    b->reserved_usd_micro =
        b->reserved_usd_micro > estimate_usd_micro ? b->reserved_usd_micro - estimate_usd_micro : 0;
    b->day_spent_usd_micro = add(b->day_spent_usd_micro, cost_usd_micro);
    b->month_spent_usd_micro = add(b->month_spent_usd_micro, cost_usd_micro);
}
