/* test_act.c - devices move: commands go out in the device's own words, what they report decides what is
 * answered, and a device that is silent or away is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

/* The devices live under the prefix that the test's client listens to. */
#define BASE "lintel/dev"
#define CONFIG                                                                                     \
    "discovery:\n  zigbee2mqtt: true\n  z2m_base: " BASE "\nactuate:\n  enabled: true\n"           \
    "  confirm_ms: 1500\n"

#define SWITCH(name)                                                                               \
    "{\"ieee_address\":\"0x" name "\",\"type\":\"Router\",\"friendly_name\":\"" name               \
    "/plug\",\"interview_state\":\"SUCCESSFUL\",\"definition\":{\"description\":\"Plug\","         \
    "\"exposes\":["                                                                                \
    "{\"type\":\"switch\",\"features\":[{\"type\":\"binary\",\"name\":\"state\",\"property\":"     \
    "\"state\",\"access\":7,\"value_on\":\"ON\",\"value_off\":\"OFF\"}]}]}}"
static const char devices[] = "[" SWITCH("kitchen") "," SWITCH("garage") "]";

static void say_state(struct env *e, const char *topic, const char *payload, int is_retained)
{
    client_publish(
        e,
        (struct publish){.topic = topic, .payload = payload, .qos = 1, .is_retained = is_retained});
}

static struct env *home_of(const char *topic, const char *announcement, const char *config)
{
    struct env *e = env_start();
    say_state(e, topic, announcement, 1);
    gateway_config(e, config);
    gateway_spawn(e);
    for (int i = 0; i < 20; i++) {
        json_t *s = take_json(e, "lintel/home/status", "status");
        json_int_t n =
            json_integer_value(json_object_get(json_object_get(s, "catalog"), "entities"));
        json_decref(s);
        if (n == 2) return e;
    }
    fail_msg("no catalogue of two devices");
    return e;
}

static struct env *home(void)
{
    return home_of(BASE "/bridge/devices", devices, CONFIG);
}

/* The next response; its first outcome must be `want`. */
static json_t *answer(struct env *e, const char *want)
{
    json_t *r = take_json(e, "lintel/home/response", "result");
    const json_t *row = json_array_get(json_object_get(r, "outcome"), 0);
    const char *have = json_string_value(json_object_get(row, "outcome"));
    if (!have || strcmp(have, want)) {
        char *text = json_dumps(r, 0);
        fail_msg("not %s: %s", want, text);
    }
    return r;
}

static void expect_command(struct env *e, const char *topic, const char *payload)
{
    struct message *m = client_take(e, topic, 5000);
    assert_string_equal(m->topic, topic);
    assert_string_equal(m->payload, payload);
    message_free(m);
}

static void test_act__device_reports__the_answer_says_done_and_not_before(void **state)
{
    (void)state;
    struct env *e = home();
    client_say(e, "turn on the kitchen plug");
    expect_command(e, BASE "/kitchen/plug/set", "{\"state\":\"ON\"}");
    assert_null(client_try(e, "lintel/home/response", 300)); /* told is not done */
    say_state(e, BASE "/kitchen/plug", "{\"state\":\"ON\",\"linkquality\":80}", 0);
    json_t *r = answer(e, "done");
    assert_string_equal(json_string_value(json_object_get(r, "speech")), "Done.");
    json_decref(r);
    assert_null(client_try(e, BASE "/garage/plug/set", 100)); /* nobody meant that one */
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

static void test_act__device_is_silent__named_in_the_answer(void **state)
{
    (void)state;
    struct env *e = home();
    client_say(e, "turn on the kitchen plug");
    expect_command(e, BASE "/kitchen/plug/set", "{\"state\":\"ON\"}");
    say_state(e, BASE "/kitchen/plug", "{\"state\":\"OFF\"}", 0); /* a report of something else */
    json_t *r = answer(e, "unconfirmed");
    assert_non_null(strstr(json_string_value(json_object_get(r, "speech")), "did not answer"));
    json_decref(r);
    db_wait(e, "SELECT count(*) FROM trace WHERE state = 'executed'", 1);
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

static void test_act__device_is_away__nothing_is_sent(void **state)
{
    (void)state;
    struct env *e = home();
    say_state(e, BASE "/kitchen/plug/availability", "{\"state\":\"offline\"}", 1);
    sleep_ms(300);
    client_say(e, "turn on the kitchen plug");
    json_t *r = answer(e, "unavailable");
    assert_non_null(strstr(json_string_value(json_object_get(r, "speech")), "not available"));
    json_decref(r);
    assert_null(client_try(e, BASE "/kitchen/plug/set", 100));
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

/* What devices came to, in the speaker's language: silent, away, cannot do it, done; and how they are. */
static void test_act__another_language__outcomes_and_states_in_it(void **state)
{
    static const struct {
        const char *text, *lang, *outcome, *speech;
    } rows[] = {
        {"turn on the kitchen plug", "de", "unconfirmed", "Kitchen Plug hat nicht geantwortet."},
        {"turn on the kitchen plug", "pl", "unconfirmed", "Kitchen Plug nie odpowiada."},
        {"turn on the garage plug", "fr", "unavailable", "Garage Plug n'est pas disponible."},
        {"is the kitchen plug on", "de", "done", "Nein, Kitchen Plug ist aus."},
        {"is the kitchen plug on", "pl", "done", "Nie, Kitchen Plug: wyłączone."},
        {"is the garage plug on", "it", "unknown", "Non lo so ancora."},
        {"turn off the kitchen plug", "nl", "done", "Gedaan."},
    };
    (void)state;
    struct env *e = home_of(BASE "/bridge/devices", devices,
                            CONFIG "talk:\n  languages: [en, de, fr, nl, it, pl]\n");
    say_state(e, BASE "/garage/plug/availability", "{\"state\":\"offline\"}", 1);
    say_state(e, BASE "/kitchen/plug", "{\"state\":\"OFF\"}", 0);
    sleep_ms(300);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char payload[200];
        snprintf(payload, sizeof payload, "{\"text\":\"%s\",\"lang\":\"%s\"}", rows[i].text,
                 rows[i].lang);
        client_say(e, payload);
        json_t *r = answer(e, rows[i].outcome);
        assert_string_equal(json_string_value(json_object_get(r, "speech")), rows[i].speech);
        json_decref(r);
    }
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

static void test_act__undone__the_state_before_comes_back(void **state)
{
    (void)state;
    struct env *e = home();
    say_state(e, BASE "/kitchen/plug", "{\"state\":\"ON\"}", 0);
    say_state(e, BASE "/garage/plug", "{\"state\":\"OFF\"}", 0);
    sleep_ms(300);
    client_say(e, "turn on the kitchen plug"); /* it is on: there is nothing to go back to but on */
    expect_command(e, BASE "/kitchen/plug/set", "{\"state\":\"ON\"}");
    json_decref(answer(e, "done"));
    client_say(e, "undo that");
    expect_command(e, BASE "/kitchen/plug/set", "{\"state\":\"ON\"}");
    json_decref(answer(e, "done"));
    client_say(e, "turn on the garage plug");
    expect_command(e, BASE "/garage/plug/set", "{\"state\":\"ON\"}");
    say_state(e, BASE "/garage/plug", "{\"state\":\"ON\"}", 0);
    json_decref(answer(e, "done"));
    client_say(e, "undo that");
    expect_command(e, BASE "/garage/plug/set", "{\"state\":\"OFF\"}");
    say_state(e, BASE "/garage/plug", "{\"state\":\"OFF\"}", 0);
    json_decref(answer(e, "done"));
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

/* One device with two relays, each report about one of them only. */
static void test_act__tasmota__asked_how_it_is_worked_and_remembered(void **state)
{
    (void)state;
    struct env *e =
        home_of(BASE "/tasmota/C049EF112233/config",
                "{\"dn\":\"Strip\",\"fn\":[\"kitchen/plug\",\"garage/plug\"],\"t\":\"strip\","
                "\"ft\":\"" BASE "/%prefix%/%topic%/\",\"rl\":[1,1]}",
                "discovery:\n  tasmota: true\n  tasmota_prefix: " BASE "/tasmota\nactuate:\n"
                "  enabled: true\n  confirm_ms: 1500\n");
    expect_command(e, BASE "/cmnd/strip/STATE", "");
    say_state(e, BASE "/tele/strip/STATE", "{\"POWER1\":\"OFF\",\"POWER2\":\"ON\"}", 0);
    client_say(e, "turn on the kitchen plug");
    expect_command(e, BASE "/cmnd/strip/POWER1", "ON");
    say_state(e, BASE "/stat/strip/RESULT", "{\"POWER1\":\"ON\"}", 0);
    json_decref(answer(e, "done"));
    /* the other relay's state is still known, so nobody waits for a report */
    client_say(e, "turn on the garage plug");
    expect_command(e, BASE "/cmnd/strip/POWER2", "ON");
    json_decref(answer(e, "done"));
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_act__device_reports__the_answer_says_done_and_not_before),
        cmocka_unit_test(test_act__device_is_silent__named_in_the_answer),
        cmocka_unit_test(test_act__device_is_away__nothing_is_sent),
        cmocka_unit_test(test_act__another_language__outcomes_and_states_in_it),
        cmocka_unit_test(test_act__undone__the_state_before_comes_back),
        cmocka_unit_test(test_act__tasmota__asked_how_it_is_worked_and_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
