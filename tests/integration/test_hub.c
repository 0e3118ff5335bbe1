/* test_hub.c - the hub without Home Assistant: simulated homes (sim_home.h), slow covers, names of the
 * user's, and restarts of broker, bridge and gateway one after the other in every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "harness.h"
#include "sim_home.h"

#define HOME SOURCE_DIR "/tests/data/homes/flat.json"
#define N    25 /* its entities */

struct hub {
    struct env *e;
    struct sim *s;
};

static struct hub hub_start(const char *extra)
{
    struct hub h = {.e = env_start()};
    h.s = sim_start(env_port(h.e), HOME);
    FILE *f = fopen(env_path(h.e, "lintel.yaml"), "w");
    assert_non_null(f);
    fprintf(f, "mqtt: {port: %d, client_id: gw, reconnect_max_s: 1}\nstore: {path: %s}\n",
            env_port(h.e), env_path(h.e, "lintel.db"));
    fprintf(f, "model: {file: %s}\nactuate: {enabled: true}\ndiscovery:\n  zigbee2mqtt: true\n%s",
            test_model(), extra);
    assert_false(fclose(f));
    gateway_spawn(h.e);
    return h;
}

static void hub_stop(struct hub *h)
{
    assert_int_equal(gateway_stop(h->e), 0);
    sim_stop(h->s);
    env_stop(h->e);
}

static void wait_home(struct hub *h, int n)
{
    assert_int_equal(sim_wait_catalog(h->s, n), n);
    sim_settle(h->s, 200);
}

/* Say it; the first outcome must be `want`. */
static json_t *told(struct hub *h, const char *text, const char *want)
{
    json_t *a = sim_ask(h->s, text, NULL, NULL);
    const json_t *row = json_array_get(json_object_get(a, "outcome"), 0);
    const char *have = json_string_value(json_object_get(row, "outcome"));
    if (!have || strcmp(have, want) != 0) {
        char *whole = json_dumps(a, 0);
        fail_msg("\"%s\": not %s: %s", text, want, whole);
    }
    return a;
}

static void expect_state(struct hub *h, const char *then)
{
    char why[256] = "";
    json_t *t = json_loads(then, 0, NULL);
    assert_non_null(t);
    if (!sim_is(h->s, NULL, t, why)) fail_msg("%s", why);
    json_decref(t);
}

static void test_hub__cover_moves_for_long__answered_when_it_has_begun(void **state)
{
    struct hub h = hub_start("");
    (void)state;
    wait_home(&h, N);
    sim_set_travel_ms(h.s, 20000);
    json_t *a = told(&h, "close the bedroom shutter", "done");
    const json_t *row = json_array_get(json_object_get(a, "outcome"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "state")), "closing");
    json_decref(a);
    const json_t *shutter = json_object_get(sim_states(h.s), "Bedroom Shutter");
    assert_true(json_integer_value(json_object_get(shutter, "position")) > 0); /* on its way */
    hub_stop(&h);
}

static void test_hub__already_so__done_without_a_report(void **state)
{
    struct hub h = hub_start("");
    (void)state;
    wait_home(&h, N);
    json_decref(told(&h, "turn on the sofa light", "done"));
    sim_silence(h.s, "Sofa Light", 1);
    json_decref(told(&h, "turn on the sofa light", "done"));
    json_decref(told(&h, "turn off the sofa light", "unconfirmed"));
    hub_stop(&h);
}

static void test_hub__names_of_the_user__are_understood(void **state)
{
    struct hub h = hub_start("  names: [Sofa Light=Reading Corner]\n  areas: [Dishwasher=Kitchen]\n"
                             "  aliases: [Desk Lamp=work light|Schreibtischlampe]\n"
                             "  hide: [Nightstand Left]\n  floors: [Kitchen=Ground Floor]\n");
    (void)state;
    wait_home(&h, N - 1);
    json_decref(told(&h, "turn on the reading corner", "done"));
    json_decref(told(&h, "switch on the work light", "done"));
    expect_state(&h, "{\"Sofa Light\":{\"state\":\"ON\"},\"Desk Lamp\":{\"state\":\"ON\"}}");
    hub_stop(&h);
}

/* Two are called so: whatever the network makes of it, one is asked for and the other stays. */
static void test_hub__name_of_two__asked_which_and_that_one_moves(void **state)
{
    struct hub h = hub_start("");
    (void)state;
    wait_home(&h, N);
    json_t *a = sim_ask(h.s, "turn on the nightstand", NULL, "bed");
    assert_string_equal(json_string_value(json_object_get(a, "route")), "clarify");
    assert_int_equal(json_array_size(json_object_get(a, "choices")), 2);
    json_decref(a);
    json_decref(sim_ask(h.s, "the left one", NULL, "bed"));
    expect_state(&h, "{\"Nightstand Left\":{\"state\":\"ON\"}}");
    hub_stop(&h);
}

/* One restart of each, in all six orders; a timer of an hour, a list and the traces outlive them all. */
static void test_hub__restarts_in_every_order__home_timer_list_and_traces_stay(void **state)
{
    static const char orders[6][4] = {"bzg", "bgz", "zbg", "zgb", "gbz", "gzb"};
    struct hub h = hub_start("");
    (void)state;
    wait_home(&h, N);
    json_decref(sim_ask(h.s, "set a timer for one hour", NULL, NULL));
    json_decref(sim_ask(h.s, "add milk to the shopping list", NULL, NULL));
    int64_t n_traces = 0; /* answered so far, as far as the database had them at a restart */
    for (int i = 0; i < 6; i++) {
        for (const char *p = orders[i]; *p; p++) {
            if (*p == 'b') {
                broker_stop(h.e);
                broker_start(h.e, NULL);
            } else if (*p == 'z') {
                sim_bridge_down(h.s);
                sim_bridge_up(h.s);
            } else {
                assert_int_equal(gateway_stop(h.e), 0);
                int64_t n = db_int(h.e, "select count(*) from trace");
                assert_true(n >= n_traces + 2); /* nothing went, and what was said since is there */
                n_traces = n;
                gateway_spawn(h.e);
            }
        }
        sim_bridge_up(h.s); /* the double lost the broker too: it announces itself again */
        sim_reset(h.s, NULL);
        gateway_log_wait(h.e, "catalog");
        json_t *a = NULL;
        for (int k = 0; k < 40; k++) { /* until everybody is back */
            json_decref(a);
            sim_settle(h.s, 250);
            a = sim_ask(h.s, "turn on the desk lamp", NULL, NULL);
            const json_t *row = json_array_get(json_object_get(a, "outcome"), 0);
            const char *outcome = json_string_value(json_object_get(row, "outcome"));
            if (outcome && !strcmp(outcome, "done")) break;
        }
        json_decref(a);
        expect_state(&h, "{\"Desk Lamp\":{\"state\":\"ON\"}}");
        json_decref(told(&h, "turn off the desk lamp", "done"));
    }
    json_t *a = sim_ask(h.s, "how much time is left on the timer", NULL, NULL);
    const char *speech = json_string_value(json_object_get(a, "speech"));
    if (!speech || !strstr(speech, "minutes")) fail_msg("the timer is lost: %s", speech);
    json_decref(a);
    assert_true(db_int(h.e, "select count(*) from trace") >= n_traces);
    assert_int_equal(db_int(h.e, "select count(*) from list_item where item = 'milk'"), 1);
    assert_int_equal(db_int(h.e, "select count(*) from timer"), 1);
    hub_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hub__cover_moves_for_long__answered_when_it_has_begun),
        cmocka_unit_test(test_hub__already_so__done_without_a_report),
        cmocka_unit_test(test_hub__names_of_the_user__are_understood),
        cmocka_unit_test(test_hub__name_of_two__asked_which_and_that_one_moves),
        cmocka_unit_test(test_hub__restarts_in_every_order__home_timer_list_and_traces_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
