/* test_breaker.c - circuit breaker and budget, with time and money passed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/breaker.h"
#include "lt/budget.h"

#define S 1000000 /* a second in microseconds */

static struct lt_breaker fresh(void)
{
    const struct lt_breaker_config config = LT_BREAKER_DEFAULTS;
    struct lt_breaker b;
    lt_breaker_init(&b, &config);
    return b;
}

static void fail_n(struct lt_breaker *b, int n, lt_us now_us)
{
    for (int i = 0; i < n; i++) lt_breaker_failure(b, now_us, 0);
}

static void test_breaker__failures_in_a_row__opens_at_the_limit(void **state)
{
    (void)state;
    struct lt_breaker b = fresh();
    fail_n(&b, 2, 0);
    assert_true(lt_breaker_allows(&b, 0));
    lt_breaker_success(&b); /* the row is broken */
    fail_n(&b, 2, 0);
    assert_int_equal(b.state, LT_BREAKER_CLOSED);
    fail_n(&b, 1, 0);
    assert_int_equal(b.state, LT_BREAKER_OPEN);
    assert_false(lt_breaker_allows(&b, 10 * S - 1));
    assert_true(lt_breaker_allows(&b, 10 * S));
}

static void test_breaker__half_open__one_trial_at_a_time(void **state)
{
    (void)state;
    struct lt_breaker b = fresh();
    fail_n(&b, 3, 0);
    lt_breaker_begin(&b, 10 * S);
    assert_int_equal(b.state, LT_BREAKER_HALF_OPEN);
    assert_false(lt_breaker_allows(&b, 11 * S));
    lt_breaker_success(&b);
    assert_int_equal(b.state, LT_BREAKER_CLOSED);
    assert_true(lt_breaker_allows(&b, 11 * S));
}

static void test_breaker__trial_without_outcome__another_may_go(void **state)
{
    (void)state;
    struct lt_breaker b = fresh();
    fail_n(&b, 3, 0);
    lt_breaker_begin(&b, 10 * S);
    assert_false(lt_breaker_allows(&b, 70 * S - 1));
    assert_true(lt_breaker_allows(&b, 70 * S));
}

static void test_breaker__trials_fail__waits_double_to_a_ceiling(void **state)
{
    (void)state;
    static const int waits_s[] = {20, 40, 80, 160, 320, 600, 600};
    struct lt_breaker b = fresh();
    fail_n(&b, 3, 0);
    lt_us now = 10 * S;
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        assert_true(lt_breaker_allows(&b, now));
        lt_breaker_begin(&b, now);
        lt_breaker_failure(&b, now, 0);
        assert_false(lt_breaker_allows(&b, now + (lt_us)waits_s[i] * S - 1));
        now += (lt_us)waits_s[i] * S;
    }
    assert_true(lt_breaker_allows(&b, now));
    lt_breaker_begin(&b, now);
    lt_breaker_success(&b); /* forgiven: the next row of failures waits the first time again */
    fail_n(&b, 3, now);
    assert_true(lt_breaker_allows(&b, now + 10 * S));
}

static void test_breaker__retry_after__opens_at_once_for_that_long(void **state)
{
    (void)state;
    struct lt_breaker b = fresh();
    lt_breaker_failure(&b, 0, 30 * S);
    assert_int_equal(b.state, LT_BREAKER_OPEN);
    assert_false(lt_breaker_allows(&b, 30 * S - 1));
    /* late answers of requests under way neither shorten the wait nor count as trials */
    lt_breaker_failure(&b, 1 * S, 0);
    assert_false(lt_breaker_allows(&b, 30 * S - 1));
    assert_true(lt_breaker_allows(&b, 30 * S));
}

static void test_budget__caps__least_room_counts(void **state)
{
    (void)state;
    struct lt_budget b;
    lt_budget_init(&b, 0);
    assert_true(lt_budget_left(&b) == LT_BUDGET_UNLIMITED);
    b.request_cap_usd_micro = 500;
    b.day_cap_usd_micro = 1000;
    b.month_cap_usd_micro = 5000;
    assert_true(lt_budget_left(&b) == 500);
    b.day_spent_usd_micro = 700;
    assert_true(lt_budget_left(&b) == 300);
    b.month_spent_usd_micro = 4900;
    assert_true(lt_budget_left(&b) == 100);
    b.month_spent_usd_micro = 9999;
    assert_true(lt_budget_left(&b) == 0);
    assert_false(lt_budget_reserve(&b, 0)); /* nothing left: not even a free one by this path */
}

static void test_budget__in_flight_together__cap_holds(void **state)
{
    (void)state;
    struct lt_budget b;
    lt_budget_init(&b, 0);
    b.day_cap_usd_micro = 1000;
    int n = 0;
    while (lt_budget_reserve(&b, 300)) n++;
    assert_int_equal(n, 3);
    lt_budget_settle(&b, 300, 120); /* cheaper than feared */
    assert_true(lt_budget_left(&b) == 1000 - 120 - 600);
    lt_budget_settle(&b, 300, 0); /* never sent */
    assert_true(lt_budget_left(&b) == 1000 - 120 - 300);
    lt_budget_settle(&b, 300, 5000); /* dearer: booked in full */
    assert_true(lt_budget_left(&b) == 0);
    assert_true(b.day_spent_usd_micro == 5120);
    lt_budget_settle(&b, -5, -5);
    assert_true(b.reserved_usd_micro == 0 && b.day_spent_usd_micro == 5120);
}

static void test_budget__new_day_and_month__figures_begin_again(void **state)
{
    (void)state;
    const int64_t day_ms = 86400000, jan30 = 1769731200000; /* 2026-01-30 00:00 UTC */
    struct lt_budget b;
    lt_budget_init(&b, jan30);
    b.day_spent_usd_micro = 10;
    b.month_spent_usd_micro = 20;
    lt_budget_roll(&b, jan30 + day_ms - 1);
    assert_true(b.day_spent_usd_micro == 10);
    lt_budget_roll(&b, jan30 + day_ms);
    assert_true(b.day_spent_usd_micro == 0 && b.month_spent_usd_micro == 20);
    b.day_spent_usd_micro = 5;
    lt_budget_roll(&b, jan30); /* the clock is set back: nothing is forgiven */
    assert_true(b.day_spent_usd_micro == 5);
    lt_budget_roll(&b, jan30 + 2 * day_ms);
    assert_true(b.day_spent_usd_micro == 0 && b.month_spent_usd_micro == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaker__failures_in_a_row__opens_at_the_limit),
        cmocka_unit_test(test_breaker__half_open__one_trial_at_a_time),
        cmocka_unit_test(test_breaker__trial_without_outcome__another_may_go),
        cmocka_unit_test(test_breaker__trials_fail__waits_double_to_a_ceiling),
        cmocka_unit_test(test_breaker__retry_after__opens_at_once_for_that_long),
        cmocka_unit_test(test_budget__caps__least_room_counts),
        cmocka_unit_test(test_budget__in_flight_together__cap_holds),
        cmocka_unit_test(test_budget__new_day_and_month__figures_begin_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
