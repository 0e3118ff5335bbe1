/* test_request_index.c - requests found by session, trace, and by what they wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway_int.h"

#define N 3000 /* several in each bucket */

static struct lt_req *all;
static struct lt_gateway *gw;

static int set_up(void **state)
{
    (void)state;
    gw = calloc(1, sizeof *gw);
    all = calloc(N, sizeof *all);
    assert_non_null(gw);
    assert_non_null(all);
    lt_index_init(&gw->index);
    for (int i = 0; i < N; i++) {
        char session[16];
        all[i].gw = gw;
        snprintf(all[i].site_name, sizeof all[i].site_name, "%s", i % 2 ? "home" : "hut");
        snprintf(session, sizeof session, "s%d", i / 4);
        all[i].session = strdup(session);
        snprintf(all[i].trace, sizeof all[i].trace, "T%025d", i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        lt_index_leave(&all[i]);
        free(all[i].session);
    }
    for (int i = 0; i < LT_INDEX_BUCKETS; i++) {
        assert_true(LIST_EMPTY(&gw->index.by_session[i]));
        assert_true(LIST_EMPTY(&gw->index.by_trace[i]));
    }
    assert_true(LIST_EMPTY(&gw->index.unacknowledged));
    assert_true(TAILQ_EMPTY(&gw->index.unsent));
    free(all);
    free(gw);
    return 0;
}

/* How many of the bucket are of the session, told apart as the callers do. */
static int count(const char *site, const char *session)
{
    int n = 0;
    const struct lt_req *r = lt_index_of_session(&gw->index, site, session);
    for (; r; r = LIST_NEXT(r, links.session))
        n += !strcmp(r->session, session) && !strcmp(r->site_name, site);
    return n;
}

static void test_index__many_requests__found_by_session_and_trace_until_they_leave(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++)
        for (int twice = 0; twice < 2; twice++) {
            lt_index_session(&all[i]);
            lt_index_trace(&all[i]);
        }
    for (int i = 0; i < N; i++) {
        assert_int_equal(count(all[i].site_name, all[i].session), 2);
        assert_ptr_equal(lt_index_of_trace(&gw->index, all[i].trace), &all[i]);
    }
    assert_int_equal(count("elsewhere", "s7"), 0);
    assert_null(lt_index_of_trace(&gw->index, "T"));
    lt_index_leave(&all[28]);
    lt_index_leave(&all[28]);
    assert_int_equal(count("hut", "s7"), 1);
    assert_int_equal(count("home", "s7"), 2);
    assert_null(lt_index_of_trace(&gw->index, all[28].trace));
    all[29].is_duplicate = 1;
    assert_null(lt_index_of_trace(&gw->index, all[29].trace));
    all[29].is_duplicate = 0;
}

static void test_index__no_session_no_trace__in_no_list(void **state)
{
    (void)state;
    char *session = all[0].session;
    all[0].session = NULL;
    all[1].trace[0] = 0;
    lt_index_session(&all[0]);
    lt_index_trace(&all[1]);
    all[0].session = session;
    assert_int_equal(count("hut", "s0"), 0);
    assert_null(lt_index_of_trace(&gw->index, ""));
}

static void test_index__waiting_for_room__longest_first_also_after_one_left(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) lt_index_unsent(&all[i], 1);
    lt_index_unsent(&all[0], 1); /* stays where it is */
    assert_ptr_equal(TAILQ_FIRST(&gw->index.unsent), &all[0]);
    lt_index_unsent(&all[1], 0);
    lt_index_leave(&all[0]);
    assert_ptr_equal(TAILQ_FIRST(&gw->index.unsent), &all[2]);
    lt_index_unsent(&all[2], 0);
    lt_index_unsent(&all[2], 1); /* again: behind the others */
    assert_ptr_equal(TAILQ_FIRST(&gw->index.unsent), &all[3]);
    assert_ptr_equal(TAILQ_LAST(&gw->index.unsent, lt_req_queue), &all[2]);
}

static void test_index__unacknowledged__joined_and_left(void **state)
{
    (void)state;
    const struct lt_req *r;
    int n = 0;
    for (int i = 0; i < 6; i++) lt_index_unacknowledged(&all[i], 1);
    lt_index_unacknowledged(&all[3], 1);
    lt_index_unacknowledged(&all[4], 0);
    lt_index_unacknowledged(&all[4], 0);
    LIST_FOREACH(r, &gw->index.unacknowledged, links.unacknowledged)
    {
        assert_ptr_not_equal(r, &all[4]);
        n++;
    }
    assert_int_equal(n, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_index__many_requests__found_by_session_and_trace_until_they_leave, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_index__no_session_no_trace__in_no_list, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_index__waiting_for_room__longest_first_also_after_one_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_index__unacknowledged__joined_and_left, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
