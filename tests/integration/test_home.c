/* test_home.c - the catalogue from the broker: a gateway that is told nothing finds the devices that
 * are announced before it starts and later, follows removals, and comes back with the same home. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#define CONFIG  "discovery:\n  home_assistant: true\n  zigbee2mqtt: true\n"
#define DEVICES "zigbee2mqtt/bridge/devices"
#define LAMP    "homeassistant/light/lamp/config"
#define BLIND   "homeassistant/cover/blind/config"

static const char z2m[] =
    "[{\"ieee_address\":\"0x1\",\"type\":\"Router\",\"friendly_name\":\"kitchen/plug\","
    "\"interview_state\":\"SUCCESSFUL\",\"definition\":{\"description\":\"Plug\",\"exposes\":["
    "{\"type\":\"switch\",\"features\":[{\"type\":\"binary\",\"name\":\"state\",\"property\":"
    "\"state\",\"access\":7,\"value_on\":\"ON\",\"value_off\":\"OFF\"}]}]}}]";

static void announce(struct env *e, const char *topic, const char *payload)
{
    client_publish(
        e, (struct publish){.topic = topic, .payload = payload, .qos = 1, .is_retained = 1});
}

/* Wait for a status whose catalogue has so many entities; the hash to `hash`. */
static void wait_entities(struct env *e, int n, char hash[65])
{
    for (int i = 0; i < 20; i++) {
        json_t *s = take_json(e, "lintel/home/status", "status");
        const json_t *c = json_object_get(s, "catalog");
        const char *text = json_string_value(json_object_get(c, "hash"));
        int got = (int)json_integer_value(json_object_get(c, "entities"));
        snprintf(hash, 65, "%s", text ? text : "");
        json_decref(s);
        if (got == n) return;
    }
    fail_msg("no catalogue of %d entities", n);
}

static void test_home__announced_before_and_after_start__found(void **state)
{
    struct env *e = env_start();
    char first[65], hash[65];
    (void)state;
    announce(e, LAMP, "{\"name\":\"Kitchen lamp\",\"cmd_t\":\"l\",\"uniq_id\":\"l1\"}");
    announce(e, DEVICES, z2m);
    gateway_config(e, CONFIG);
    gateway_spawn(e);
    wait_entities(e, 2, first);
    /* one more comes, one that is wrong, and one goes */
    announce(e, BLIND, "{\"name\":\"Blind\",\"cmd_t\":\"b\",\"uniq_id\":\"b1\"}");
    wait_entities(e, 3, hash);
    assert_string_not_equal(hash, first);
    announce(e, LAMP, "{\"name\":\"Kitchen lamp\"}");
    gateway_log_wait(e, "command_topic: is missing");
    announce(e, BLIND, "");
    wait_entities(e, 2, hash);
    assert_string_equal(hash, first); /* the wrong one changed nothing */
    /* the store has it: after a restart it is used at once, and not taken again */
    assert_int_equal(gateway_stop(e), 0);
    announce(e, LAMP, "{\"name\":\"Kitchen lamp\",\"cmd_t\":\"l\",\"uniq_id\":\"l1\"}");
    client_forget(e);
    gateway_spawn(e);
    wait_entities(e, 2, hash);
    assert_string_equal(hash, first);
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

/* The number of tools in the next status whose catalogue has n entities. */
static int tools_with(struct env *e, int n)
{
    for (int i = 0; i < 20; i++) {
        json_t *s = take_json(e, "lintel/home/status", "status");
        const json_t *c = json_object_get(s, "catalog");
        int entities = (int)json_integer_value(json_object_get(c, "entities"));
        int tools = (int)json_integer_value(json_object_get(c, "tools"));
        json_decref(s);
        if (entities == n) return tools;
    }
    fail_msg("no catalogue of %d entities", n);
    return 0;
}

static void test_home__a_light_comes__its_tool_comes_and_goes_with_it(void **state)
{
    struct env *e = env_start();
    (void)state;
    announce(e, DEVICES, z2m);
    gateway_config(e, CONFIG);
    gateway_spawn(e);
    int without = tools_with(e, 1);
    announce(e, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\",\"uniq_id\":\"l1\"}");
    assert_int_equal(tools_with(e, 2), without + 1); /* HassLightSet */
    announce(e, LAMP, "");
    assert_int_equal(tools_with(e, 1), without);
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

/* Two houses on one broker: the cabin's devices lie below cabin/, one of them names its topics with that and
 * one without, as a bridge between brokers leaves them. What is said to a house moves nothing in the other. */
static void test_home__two_sites__each_finds_and_works_its_own(void **state)
{
    static const char *const messages[][2] = {
        {LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"lintel/t/lamp/set\",\"uniq_id\":\"l1\"}"},
        {"lintel/t/cabin/homeassistant/switch/heater/config",
         "{\"name\":\"Heater\",\"cmd_t\":\"lintel/t/cabin/heater/set\",\"uniq_id\":\"h1\"}"},
        {"lintel/t/cabin/homeassistant/switch/pump/config",
         "{\"name\":\"Pump\",\"cmd_t\":\"pump/set\",\"stat_t\":\"pump/state\",\"uniq_id\":\"p1\"}"},
    };
    struct env *e = env_start();
    char hash[65];
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        announce(e, messages[i][0], messages[i][1]);
    gateway_config(
        e, "sites: [home, cabin]\nactuate: {enabled: true}\ndiscovery:\n  home_assistant: true\n"
           "  roots: [cabin=lintel/t/cabin]\n"
           "  names: ['cabin:switch.heater=Stove', 'home:switch.pump=Wrong']\n");
    gateway_spawn(e);
    for (int i = 0; i < 20; i++) {
        json_t *s = take_json(e, "lintel/cabin/status", "status");
        int n = (int)json_integer_value(json_object_get(json_object_get(s, "catalog"), "entities"));
        json_decref(s);
        if (n == 2) break;
        if (i == 19) fail_msg("the cabin is not found");
    }
    wait_entities(e, 1, hash);
    client_publish(e, (struct publish){.topic = "lintel/cabin/request",
                                       .qos = 1,
                                       .payload = "turn on the stove"});
    struct message *m = client_take(e, "lintel/t/cabin/heater/set", 5000);
    assert_string_equal(m->payload, "ON");
    message_free(m);
    json_decref(take_json(e, "lintel/cabin/response", "result"));
    client_publish(
        e,
        (struct publish){.topic = "lintel/cabin/request", .qos = 1, .payload = "turn on the pump"});
    m = client_take(e, "lintel/t/cabin/pump/set", 5000);
    message_free(m);
    client_publish(
        e, (struct publish){.topic = "lintel/t/cabin/pump/state", .payload = "ON", .qos = 1});
    json_t *r = take_json(e, "lintel/cabin/response", "result");
    const json_t *row = json_array_get(json_object_get(r, "outcome"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "outcome")), "done");
    json_decref(r);
    client_say(e, "turn on the lamp");
    m = client_take(e, "lintel/t/lamp/set", 5000);
    assert_string_equal(m->payload, "ON");
    message_free(m);
    json_decref(take_json(e, "lintel/home/response", "result"));
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

/* What devices announce wrongly stands in `lintel doctor`, with topic and key, without a gateway running. */
static void test_doctor__bad_announcements__topic_and_key(void **state)
{
    struct env *e = env_start();
    char out[65536];
    (void)state;
    announce(e, LAMP, "{\"name\":\"Kitchen lamp\",\"cmd_t\":\"l\",\"uniq_id\":\"l1\"}");
    gateway_config(e, CONFIG);
    (void)run_lintel(out, sizeof out, NULL, 0, "doctor", "--json", "-c", env_path(e, "lintel.yaml"),
                     NULL);
    assert_non_null(strstr(out, "home: things announced: 1"));
    announce(e, BLIND, "{\"name\":\"Blind\",\"uniq_id\":\"b1\",\"cmd_t\":7}");
    announce(e, "homeassistant/fan/attic/config",
             "{\"name\":\"Fan\",\"uniq_id\":\"f1\",\"cmd_t\":\"f\",\"pct_cmd_t\":\"f/p\","
             "\"pct_cmd_tpl\":\"{{ value | hex }}\"}");
    assert_int_equal(run_lintel(out, sizeof out, NULL, 0, "doctor", "--json", "-c",
                                env_path(e, "lintel.yaml"), NULL),
                     1);
    assert_non_null(strstr(out, "home: things announced: 2"));
    assert_non_null(strstr(out, "home: homeassistant/cover/blind/config: command_topic: "));
    assert_non_null(
        strstr(out, "home: homeassistant/fan/attic/config: percentage_command_template: "));
    announce(e, LAMP, "");
    announce(e, BLIND, "");
    announce(e, "homeassistant/fan/attic/config", "");
    (void)run_lintel(out, sizeof out, NULL, 0, "doctor", "--json", "-c", env_path(e, "lintel.yaml"),
                     NULL);
    assert_non_null(strstr(out, "home: nothing is announced on homeassistant/+/+/config"));
    env_stop(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_home__announced_before_and_after_start__found),
        cmocka_unit_test(test_home__a_light_comes__its_tool_comes_and_goes_with_it),
        cmocka_unit_test(test_home__two_sites__each_finds_and_works_its_own),
        cmocka_unit_test(test_doctor__bad_announcements__topic_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
