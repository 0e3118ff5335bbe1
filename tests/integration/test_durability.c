/* test_durability.c - nothing accepted is lost and nothing is carried out twice: the gateway is
 * killed at the worst moments, the broker goes away and comes back. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#define UTTERANCE "turn off the kitchen light"

static int setup(void **state)
{
    *state = env_start();
    return 0;
}

static int teardown(void **state)
{
    env_stop(*state);
    return 0;
}

/* Take every call message that waits; fail when a (trace, index) comes twice. Returns their number. */
struct seen {
    char keys[4096][48];
    int n;
};
static struct seen seen;

static void take_calls(struct env *e, int wait_ms)
{
    struct message *m;
    while ((m = client_try(e, "lintel/home/call/", wait_ms)) != NULL) {
        char key[48];
        json_t *o = json_loads(m->payload, 0, NULL);
        snprintf(key, sizeof key, "%s/%d", text_of(o, "trace"),
                 (int)json_integer_value(json_object_get(o, "index")));
        for (int i = 0; i < seen.n; i++)
            if (!strcmp(seen.keys[i], key)) fail_msg("carried out twice: %s", key);
        assert_true(seen.n < 4096);
        strcpy(seen.keys[seen.n++], key);
        json_decref(o);
        message_free(m);
    }
}

static void test_kill__between_receipt_and_commit__redelivered_and_carried_out_once(void **state)
{
    struct env *e = *state;
    gateway_start(e, NULL);
    client_forget(e);
    seen.n = 0;
    db_lock(e); /* the commit cannot happen now */
    client_say(e, UTTERANCE);
    client_say(e, "{\"id\":\"with-id\",\"text\":\"" UTTERANCE "\"}");
    gateway_log_wait(e, "from=arrived to=working");
    sleep_ms(300); /* time for an acknowledgement that must not come */
    /* received, and the broker has no acknowledgement for either */
    assert_int_equal(broker_log_count(e, "Received PUBACK from gw"), 0);
    assert_int_equal(client_count(e, "lintel/home/call/"), 0);
    assert_int_equal(client_count(e, "lintel/home/response"), 0);
    gateway_kill(e);
    db_unlock(e);
    assert_int_equal(db_int(e, "select count(*) from trace"), 0);
    gateway_spawn(e);
    json_t *a = take_json(e, "lintel/home/response", "result");
    json_t *b = take_json(e, "lintel/home/response", "result");
    assert_string_not_equal(text_of(a, "trace"), text_of(b, "trace"));
    take_calls(e, 300);
    assert_int_equal(seen.n, json_array_size(json_object_get(a, "calls")) +
                                 json_array_size(json_object_get(b, "calls")));
    assert_true(seen.n >= 2);
    db_wait(e, "select count(*) from trace where state = 'executed'", 2);
    assert_int_equal(db_int(e, "select count(*) from trace"), 2);
    assert_true(broker_log_count(e, "Received PUBACK from gw") >= 2);
    json_decref(a);
    json_decref(b);
}

static void test_puback__commit_delayed__comes_after_the_commit(void **state)
{
    struct env *e = *state;
    gateway_start(e, NULL);
    client_forget(e);
    db_lock(e);
    client_say(e, UTTERANCE);
    sleep_ms(300);
    assert_int_equal(broker_log_count(e, "Received PUBACK from gw"), 0);
    db_unlock(e);
    json_decref(take_json(e, "lintel/home/response", "result"));
    db_wait(e, "select count(*) from trace", 1);
    for (int ms = 0; ms < WAIT_MS && !broker_log_count(e, "Received PUBACK from gw"); ms += 10)
        sleep_ms(10);
    assert_true(broker_log_count(e, "Received PUBACK from gw") >= 1);
}

/* The store lags behind: what is asked meanwhile belongs to the catalogue it was decided with. */
static void test_catalog__stored_late__trace_names_it(void **state)
{
    struct env *e = *state;
    gateway_start(e, NULL);
    client_forget(e);
    json_t *home = json_load_file(test_catalog(), 0, NULL);
    json_t *rows = json_object_get(json_object_get(home, "home"), "entities");
    json_object_set_new(json_array_get(rows, 0), "name", json_string("Newcomer"));
    char *text = json_dumps(home, JSON_COMPACT);
    db_lock(e);
    client_publish(e, (struct publish){.topic = "lintel/home/catalog", .payload = text, .qos = 1});
    for (int waited = 0; gateway_log_count(e, "catalog.taken") < 2; waited += 10) {
        if (waited >= WAIT_MS) fail_msg("the catalogue is not taken");
        sleep_ms(10);
    }
    client_say(e, UTTERANCE);
    gateway_log_wait(e, "from=arrived to=working");
    db_unlock(e);
    json_decref(take_json(e, "lintel/home/response", "result"));
    assert_int_equal(db_int(e, "select count(*) from trace join catalog on hash = catalog where "
                               "catalog.text like '%Newcomer%'"),
                     1);
    json_decref(home);
    free(text);
}

/* A stream of requests while the gateway is killed again and again, at random moments. In the end
 * every id was answered, carried out completely, and nothing twice. */
static void test_kill__many_times_under_load__every_request_once(void **state)
{
    enum { N_REQUESTS = 150, N_KILLS = 10 };
    struct env *e = *state;
    char payload[128];
    unsigned dice = 12345;
    int sent = 0;
    seen.n = 0;
    gateway_start(e, "limits:\n  deadline_ms: 300000\nmqtt:\n  call_expiry_s: 300\n");
    client_forget(e);
    for (int kill = 0; kill <= N_KILLS; kill++) {
        int until = N_REQUESTS * (kill + 1) / (N_KILLS + 1);
        for (; sent < until; sent++) {
            snprintf(payload, sizeof payload, "{\"id\":\"k-%d\",\"text\":\"" UTTERANCE "\"}", sent);
            client_say(e, payload);
        }
        if (kill == N_KILLS) break;
        dice = dice * 1103515245u + 12345u;
        sleep_ms((int)(dice >> 16) % 60);
        gateway_kill(e);
        gateway_spawn(e);
        dice = dice * 1103515245u + 12345u;
        sleep_ms(100 + (int)(dice >> 16) % 150); /* some kills hit the recovery itself */
    }
    db_wait(e, "select count(distinct request_id) from trace where state = 'executed'", N_REQUESTS);
    assert_int_equal(db_int(e, "select count(*) from trace"), N_REQUESTS);
    assert_int_equal(db_int(e, "select count(*) from trace where state <> 'executed'"), 0);
    take_calls(e, 500);
    /* every call of every trace came, each once (take_calls fails on a repetition) */
    assert_int_equal(seen.n, db_int(e, "select sum(json_array_length(calls)) from trace"));
}

static void test_kill__after_the_calls_went_out__not_carried_out_again(void **state)
{
    struct env *e = *state;
    seen.n = 0;
    gateway_start(e, NULL);
    client_forget(e);
    client_say(e, UTTERANCE);
    db_wait(e, "select count(*) from trace where state = 'executed'", 1);
    client_say(e, UTTERANCE);
    /* the second's call has left, its record waits for the lock or is just being written */
    struct message *m = client_take(e, "lintel/home/response", WAIT_MS);
    message_free(m);
    m = client_take(e, "lintel/home/response", WAIT_MS);
    gateway_kill(e);
    message_free(m);
    gateway_spawn(e);
    db_wait(e, "select count(*) from trace where state = 'executed'", 2);
    take_calls(e, 500);
    assert_int_equal(seen.n, db_int(e, "select sum(json_array_length(calls)) from trace"));
}

static void test_sigterm__requests_under_way__finished_and_offline(void **state)
{
    enum { N = 8 }; /* so few that the slowest machine ends them in the time that a stop has */
    struct env *e = *state;
    char payload[128];
    seen.n = 0;
    gateway_start(e, NULL);
    client_forget(e);
    for (int i = 0; i < N; i++) {
        snprintf(payload, sizeof payload, "{\"id\":\"t-%d\",\"text\":\"" UTTERANCE "\"}", i);
        client_say(e, payload);
    }
    message_free(client_take(e, "lintel/home/response", WAIT_MS));
    assert_int_equal(gateway_stop(e), 0);
    /* what was accepted is finished: every trace is answered and carried out */
    assert_int_equal(db_int(e, "select count(*) from trace where state <> 'executed'"), 0);
    take_calls(e, 200);
    assert_int_equal(seen.n, db_int(e, "select sum(json_array_length(calls)) from trace"));
    json_t *s = NULL;
    do {
        json_decref(s);
        s = take_json(e, "lintel/home/status", "status");
    } while (!strcmp(text_of(s, "state"), "online"));
    assert_string_equal(text_of(s, "state"), "offline");
    json_decref(s);
    /* and what was not accepted waits at the broker for the next start */
    gateway_spawn(e);
    db_wait(e, "select count(*) from trace where state = 'executed'", N);
    take_calls(e, 300);
    assert_int_equal(seen.n, db_int(e, "select sum(json_array_length(calls)) from trace"));
}

static void test_will__gateway_killed__status_offline(void **state)
{
    struct env *e = *state;
    gateway_start(e, NULL);
    client_forget(e);
    gateway_kill(e);
    json_t *s = take_json(e, "lintel/home/status", "status");
    assert_string_equal(text_of(s, "state"), "offline");
    json_decref(s);
}

static void test_broker__restarted__gateway_comes_back_by_itself(void **state)
{
    struct env *e = *state;
    gateway_start(e, "mqtt:\n  reconnect_max_s: 1\n");
    broker_stop(e);
    gateway_log_wait(e, "mqtt.down");
    sleep_ms(300);
    broker_start(e, NULL);
    client_wait_connected(e);
    client_forget(e);
    for (int ms = 0; ms < WAIT_MS && broker_log_count(e, "as gw ") < 2; ms += 20) sleep_ms(20);
    client_say(e, UTTERANCE);
    json_decref(take_json(e, "lintel/home/response", "result"));
    assert_true(gateway_is_running(e));
    assert_int_equal(gateway_stop(e), 0);
}

static void test_broker__absent_at_start__gateway_waits_for_it(void **state)
{
    struct env *e = *state;
    broker_stop(e);
    gateway_config(e, "mqtt:\n  reconnect_max_s: 1\n");
    gateway_spawn(e);
    gateway_log_wait(e, "mqtt.down");
    assert_true(gateway_log_count(e, "is the broker running") >= 1);
    assert_true(gateway_is_running(e));
    broker_start(e, NULL);
    client_wait_connected(e);
    json_t *s = NULL;
    do {
        json_decref(s);
        s = take_json(e, "lintel/home/status", "status");
    } while (strcmp(text_of(s, "state"), "online") != 0);
    json_decref(s);
    client_say(e, UTTERANCE);
    json_decref(take_json(e, "lintel/home/response", "result"));
}

static void test_broker__absent__sigterm_ends_the_gateway(void **state)
{
    struct env *e = *state;
    broker_stop(e);
    gateway_config(e, NULL);
    gateway_spawn(e);
    gateway_log_wait(e, "mqtt.down");
    assert_int_equal(gateway_stop(e), 0);
}

static void test_broker__refuses_the_password__gateway_outlives_it(void **state)
{
    struct env *e = *state;
    char extra[256], *path;
    broker_stop(e);
    path = strdup(env_path(e, "passwords"));
    FILE *f = fopen(path, "w"); /* nobody is known */
    assert_non_null(f);
    fclose(f);
    snprintf(extra, sizeof extra, "allow_anonymous false\npassword_file %s\n", path);
    free(path);
    broker_start(e, extra);
    gateway_config(e, "mqtt:\n  reconnect_max_s: 1\n");
    gateway_spawn(e);
    gateway_log_wait(e, "connection refused by the broker");
    for (int ms = 0; ms < WAIT_MS; ms += 10) { /* tried again */
        if (gateway_log_count(e, "connection refused by the broker") >= 2) break;
        sleep_ms(10);
    }
    assert_true(gateway_log_count(e, "connection refused by the broker") >= 2);
    broker_stop(e);
    broker_start(e, NULL);
    client_restart(e);
    json_t *s = NULL;
    do {
        json_decref(s);
        s = take_json(e, "lintel/home/status", "status");
    } while (strcmp(text_of(s, "state"), "online") != 0);
    json_decref(s);
}

static void test_second_gateway__same_database__refused_in_one_line(void **state)
{
    struct env *e = *state;
    char out[64], err[1024], config[256], pid[32];
    gateway_start(e, NULL);
    snprintf(config, sizeof config, "%s", env_path(e, "lintel.yaml"));
    snprintf(pid, sizeof pid, "process %ld ", (long)gateway_pid(e));
    assert_int_equal(run_lintel(out, sizeof out, err, sizeof err, "serve", "-c", config, NULL), 1);
    if (!strstr(err, "lintel.db: another gateway") || !strstr(err, pid) ||
        !strstr(err, "store.path") || strchr(err, '\n') != err + strlen(err) - 1)
        fail_msg("'%s'", err);
    client_forget(e); /* the first has noticed nothing */
    client_say(e, UTTERANCE);
    json_decref(take_json(e, "lintel/home/response", "result"));
    gateway_kill(e); /* and a killed one holds nothing up */
    gateway_start(e, NULL);
}

static void test_client_id__used_by_another__is_told(void **state)
{
    struct env *e = *state;
    char command[160];
    gateway_start(e, "mqtt:\n  reconnect_max_s: 1\n");
    snprintf(command, sizeof command, "exec mosquitto_sub -p %d -i gw -t none -E", env_port(e));
    /* thrown out as soon as it is back; it is told after three times, of which a slow machine may need more */
    for (int n_up = 1; !gateway_log_count(e, "client id"); n_up++) {
        for (int waited = 0; gateway_log_count(e, "mqtt.up") < n_up; waited += 20) {
            if (waited > WAIT_MS) fail_msg("not connected for the time %d", n_up);
            sleep_ms(20);
        }
        assert_int_equal(system(command), 0);
        for (int waited = 0; gateway_log_count(e, "mqtt.down") < n_up; waited += 20) {
            if (waited > WAIT_MS) fail_msg("not thrown out for the time %d", n_up);
            sleep_ms(20);
        }
    }
    client_forget(e); /* alone again, it is back */
    struct message *m;
    do client_say(e, UTTERANCE);
    while (!(m = client_try(e, "lintel/home/response", 1000)));
    message_free(m);
}

static void test_version4__request__answered_and_retained_ignored(void **state)
{
    struct env *e = *state;
    client_publish(
        e, (struct publish){
               .topic = "lintel/home/request", .payload = UTTERANCE, .qos = 1, .is_retained = 1});
    message_free(client_take(e, "lintel/home/request", WAIT_MS)); /* the broker has it */
    gateway_start(e, "mqtt:\n  version: 4\n");
    gateway_log_wait(e, "request.retained_ignored");
    client_forget(e);
    assert_null(client_try(e, "lintel/home/response", 200));
    client_say(e, UTTERANCE);
    json_decref(take_json(e, "lintel/home/response", "result"));
    gateway_kill(e); /* the session outlives it in version 3.1.1 too */
    client_say(e, UTTERANCE);
    client_forget(e);
    gateway_spawn(e);
    json_decref(take_json(e, "lintel/home/response", "result"));
}

static void test_disk__full__request_is_answered_with_an_error(void **state)
{
    struct env *e = *state;
    gateway_start(e, "limits:\n  deadline_ms: 30000\n");
    client_forget(e);
    db_lock(e); /* longer than the store's busy time-out: the commit fails */
    client_say(e, UTTERANCE);
    json_t *r = take_json(e, "lintel/home/response", "result");
    assert_string_equal(text_of(r, "why"), "store.failed");
    assert_string_equal(text_of(json_object_get(r, "error"), "code"), "store");
    json_decref(r);
    assert_null(client_try(e, "lintel/home/call/", 100));
    db_unlock(e);
    client_say(e, UTTERANCE);
    r = take_json(e, "lintel/home/response", "result");
    assert_string_equal(text_of(r, "route"), "local");
    json_decref(r);
}

static void test_queue__full__every_request_has_an_answer(void **state)
{
    enum { N = 30 };
    struct env *e = *state;
    int n_busy = 0, n_local = 0;
    gateway_start(e, "limits:\n  queue: 2\n");
    client_forget(e);
    db_lock(e); /* the first waits for its commit, the others at the broker */
    client_say(e, UTTERANCE);
    sleep_ms(200);
    int n_sent = broker_log_count(e, "Sending PUBLISH to gw");
    for (int i = 0; i < N; i++) client_say(e, UTTERANCE);
    for (int ms = 0; ms < WAIT_MS; ms += 10) { /* more of them are there than the queue holds */
        if (broker_log_count(e, "Sending PUBLISH to gw") >= n_sent + 4) break;
        sleep_ms(10);
    }
    sleep_ms(200);
    db_unlock(e);
    for (int i = 0; i < N + 1; i++) {
        json_t *r = take_json(e, "lintel/home/response", "result");
        n_busy += !strcmp(text_of(r, "why"), "queue.full");
        n_local += !strcmp(text_of(r, "route"), "local");
        json_decref(r);
    }
    assert_true(n_busy > 0);
    assert_true(n_local > 0);
    assert_int_equal(n_busy + n_local, N + 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test while looking for a fault */
    const struct CMUnitTest tests[] = {
        TEST(test_kill__between_receipt_and_commit__redelivered_and_carried_out_once),
        TEST(test_puback__commit_delayed__comes_after_the_commit),
        TEST(test_catalog__stored_late__trace_names_it),
        TEST(test_kill__after_the_calls_went_out__not_carried_out_again),
        TEST(test_kill__many_times_under_load__every_request_once),
        TEST(test_sigterm__requests_under_way__finished_and_offline),
        TEST(test_will__gateway_killed__status_offline),
        TEST(test_broker__restarted__gateway_comes_back_by_itself),
        TEST(test_broker__absent_at_start__gateway_waits_for_it),
        TEST(test_broker__absent__sigterm_ends_the_gateway),
        TEST(test_broker__refuses_the_password__gateway_outlives_it),
        TEST(test_second_gateway__same_database__refused_in_one_line),
        TEST(test_client_id__used_by_another__is_told),
        TEST(test_version4__request__answered_and_retained_ignored),
        TEST(test_disk__full__request_is_answered_with_an_error),
        TEST(test_queue__full__every_request_has_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
