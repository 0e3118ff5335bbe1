/* Another network takes over in a serving gateway, with the real broker: no request is lost, each is
 * carried out once, and a file that is no network changes nothing. */
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
#include <jansson.h>

#include "harness.h"

#define UTTERANCE "turn on the kitchen light"
#define NO_FILE   "model:\n  file: \"\"\nlimits:\n  deadline_ms: 300000\n"

static char out[4096], err[4096], db[300], other[300];

static int setup(void **state)
{
    *state = env_start();
    client_wait_connected(*state);
    snprintf(db, sizeof db, "%s", env_path(*state, "lintel.db"));
    snprintf(other, sizeof other, "%s", env_path(*state, "other.gguf"));
    return 0;
}

static int teardown(void **state)
{
    env_stop(*state);
    return 0;
}

/* The same network in another file, registered; its hash in `hash`. */
static void add_other(char hash[65])
{
    assert_int_equal(run_lintel(out, sizeof out, err, sizeof err, "quantize", "--model",
                                test_model(), "--out", other, "--type", "f16", NULL),
                     0);
    assert_int_equal(
        run_lintel(out, sizeof out, err, sizeof err, "models", "add", other, "--db", db, NULL), 0);
    snprintf(hash, 65, "%.64s", out);
}

static void say(struct env *e, int from, int to)
{
    char payload[128];
    for (int i = from; i < to; i++) {
        snprintf(payload, sizeof payload, "{\"id\":\"s-%d\",\"text\":\"" UTTERANCE "\"}", i);
        client_say(e, payload);
        sleep_ms(5);
    }
}

static void test_swap__under_load__every_request_once(void **state)
{
    struct env *e = *state;
    char hash[65];
    gateway_start(e, NO_FILE);
    add_other(hash);
    client_forget(e);
    say(e, 0, 60);
    assert_int_equal(
        run_lintel(out, sizeof out, err, sizeof err, "models", "activate", hash, "--db", db, NULL),
        0);
    gateway_signal(e, SIGHUP); /* look now */
    say(e, 60, 200);
    gateway_log_wait(e, "model.swapped");
    say(e, 200, 240);
    db_wait(e, "select count(distinct request_id) from trace where state = 'executed'", 240);
    assert_int_equal(db_int(e, "select count(*) from trace"), 240);
    assert_int_equal(db_int(e, "select count(distinct calls) from trace"), 1);
    assert_int_equal(gateway_log_count(e, "model.swapped"), 1);
    assert_int_equal(gateway_stop(e), 0);
}

static void test_swap__rolled_back_network_is_gone__the_shipped_one_is_used(void **state)
{
    struct env *e = *state;
    char hash[65];
    gateway_start(e, NO_FILE);
    add_other(hash);
    assert_int_equal(
        run_lintel(out, sizeof out, err, sizeof err, "models", "activate", hash, "--db", db, NULL),
        0);
    gateway_log_wait(e, "model.swapped");
    assert_int_equal(unlink(other), 0);
    gateway_log_wait(e, "model.missing");
    client_forget(e);
    say(e, 0, 3);
    db_wait(e, "select count(*) from trace where state = 'executed'", 3);
}

static void test_swap__truncated_file__refused_and_nothing_changes(void **state)
{
    struct env *e = *state;
    char hash[65];
    gateway_start(e, NO_FILE);
    add_other(hash);
    assert_int_equal(truncate(other, 100000), 0);
    assert_int_not_equal(
        run_lintel(out, sizeof out, err, sizeof err, "models", "add", other, "--db", db, NULL), 0);
    assert_non_null(strstr(err, "other.gguf"));
    /* it was whole when it was registered: the gateway finds out */
    assert_int_equal(
        run_lintel(out, sizeof out, err, sizeof err, "models", "activate", hash, "--db", db, NULL),
        0);
    gateway_log_wait(e, "model.refused");
    client_forget(e);
    say(e, 0, 3);
    db_wait(e, "select count(*) from trace where state = 'executed'", 3);
    assert_int_equal(gateway_log_count(e, "model.swapped"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_swap__under_load__every_request_once, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_swap__rolled_back_network_is_gone__the_shipped_one_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(test_swap__truncated_file__refused_and_nothing_changes,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
