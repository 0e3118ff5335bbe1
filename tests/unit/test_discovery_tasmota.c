/* test_discovery_tasmota.c - what Tasmota devices announce becomes things that can be worked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "act_command.h"
#include "discovery_int.h"

#define PREFIX "tasmota/discovery/"
#define PLUG   PREFIX "C049EF112233/config"
#define COMMON                                                                                     \
    "\"ft\":\"%prefix%/%topic%/\",\"tp\":[\"cmnd\",\"stat\",\"tele\"],\"ofln\":\"Offline\","       \
    "\"onln\":\"Online\",\"state\":[\"OFF\",\"ON\",\"TOGGLE\",\"HOLD\"],\"ver\":1"

static struct lt_discovery *open_tasmota(void)
{
    struct lt_diag diag = {0};
    struct lt_discovery *d = NULL;
    struct lt_discovery_options o = {.tasmota_prefix = "tasmota/discovery"};
    if (lt_discovery_new(&o, &d, &diag)) fail_msg("%s", diag.text);
    return d;
}

static int feed(struct lt_discovery *d, const char *topic, const char *payload)
{
    return lt_discovery_feed(d, topic, payload, strlen(payload));
}

static const struct lt_thing *find(struct lt_discovery *d, const char *id)
{
    const struct lt_thing *t = lt_discovery_find(d, id);
    if (!t) fail_msg("no %s", id);
    return t;
}

/* "topic payload|topic payload" of the call; the plan is left in *p. */
static const char *sent(const struct lt_thing *t, const char *tool, const char *args,
                        struct lt_act_plan *p)
{
    static char text[2048];
    struct lt_diag diag = {0};
    json_t *a = json_loads(args, 0, NULL);
    assert_non_null(a);
    if (lt_act_plan_call(t, tool, a, p, &diag)) fail_msg("%s", diag.text);
    json_decref(a);
    text[0] = '\0';
    for (int i = 0; i < p->n_sends; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%.200s %.200s", i ? "|" : "", p->sends[i].topic,
                 p->sends[i].payload);
    }
    return text;
}

static void test_tasmota__one_relay__switch_with_room_and_topics(void **state)
{
    struct lt_discovery *d = open_tasmota();
    struct lt_act_plan *p = calloc(1, sizeof *p);
    (void)state;
    assert_non_null(p);
    assert_int_equal(
        feed(d, PLUG,
             "{\"dn\":\"Plug\",\"fn\":[\"kitchen/coffee machine\",null],\"t\":\"plug\","
             "\"rl\":[1,0,0,0],\"lt_st\":0," COMMON "}"),
        1);
    const struct lt_thing *t = find(d, "switch.kitchen_coffee_machine");
    assert_string_equal(t->name, "Kitchen Coffee Machine");
    assert_string_equal(t->area, "Kitchen");
    assert_string_equal(t->availability[0].topic, "tele/plug/LWT");
    assert_string_equal(t->query_topic, "cmnd/plug/STATE");
    assert_string_equal(sent(t, "HassTurnOn", "{}", p), "cmnd/plug/POWER ON");
    assert_int_equal(p->n_expects, 1);
    assert_string_equal(p->expects[0].feature->state_topic, "stat/plug/RESULT");
    assert_string_equal(p->expects[0].feature->full_topic, "tele/plug/STATE");
    assert_true(lt_act_is_met(&p->expects[0], "{\"POWER\":\"ON\"}"));
    assert_false(lt_act_is_met(&p->expects[0], "{\"POWER\":\"OFF\"}"));
    assert_false(lt_act_is_met(&p->expects[0], "{\"Dimmer\":20}"));
    free(p);
    lt_discovery_free(d);
}

static void test_tasmota__many_relays__each_by_its_number(void **state)
{
    struct lt_discovery *d = open_tasmota();
    struct lt_act_plan *p = calloc(1, sizeof *p);
    (void)state;
    assert_non_null(p);
    assert_int_equal(feed(d, PLUG,
                          "{\"dn\":\"Strip\",\"fn\":[\"Lamp\",null],\"t\":\"strip\","
                          "\"rl\":[1,1],\"so\":{\"30\":1}," COMMON "}"),
                     1);
    assert_string_equal(sent(find(d, "light.lamp"), "HassTurnOff", "{}", p),
                        "cmnd/strip/POWER1 OFF");
    assert_string_equal(sent(find(d, "light.strip_2"), "HassTurnOn", "{}", p),
                        "cmnd/strip/POWER2 ON");
    free(p);
    lt_discovery_free(d);
}

static void test_tasmota__colour_light__dimmed_and_coloured(void **state)
{
    struct lt_discovery *d = open_tasmota();
    struct lt_act_plan *p = calloc(1, sizeof *p);
    (void)state;
    assert_non_null(p);
    assert_int_equal(
        feed(d, PLUG, "{\"dn\":\"Bedroom - Lamp\",\"t\":\"b\",\"rl\":[2],\"lt_st\":5," COMMON "}"),
        1);
    const struct lt_thing *t = find(d, "light.bedroom_lamp");
    assert_string_equal(t->area, "Bedroom");
    assert_string_equal(sent(t, "HassLightSet", "{\"brightness\":40}", p),
                        "cmnd/b/POWER ON|cmnd/b/Dimmer 40");
    assert_int_equal(p->n_expects, 2);
    assert_true(lt_act_is_met(&p->expects[1], "{\"POWER\":\"ON\",\"Dimmer\":40}"));
    assert_false(lt_act_is_met(&p->expects[1], "{\"POWER\":\"ON\",\"Dimmer\":60}"));
    assert_string_equal(sent(t, "HassLightSet", "{\"color\":\"blue\"}", p),
                        "cmnd/b/POWER ON|cmnd/b/Color2 0,0,255");
    assert_string_equal(sent(t, "HassLightSet", "{\"temperature\":2700}", p),
                        "cmnd/b/POWER ON|cmnd/b/CT 370");
    free(p);
    lt_discovery_free(d);
}

static void test_tasmota__shutter__two_relays_are_one_cover(void **state)
{
    struct lt_discovery *d = open_tasmota();
    struct lt_act_plan *p = calloc(1, sizeof *p);
    (void)state;
    assert_non_null(p);
    assert_int_equal(feed(d, PLUG,
                          "{\"dn\":\"Office Blind\",\"fn\":[\"Office Blind\"],\"t\":\"s\","
                          "\"rl\":[3,3],\"sho\":[0]," COMMON "}"),
                     1);
    assert_int_equal(lt_discovery_n_things(d), 1);
    const struct lt_thing *t = find(d, "cover.office_blind");
    assert_string_equal(sent(t, "HassTurnOff", "{}", p), "cmnd/s/Backlog ShutterClose1");
    assert_true(lt_act_is_met(&p->expects[0], "{\"Shutter1\":{\"Position\":0,\"Target\":0}}"));
    assert_false(lt_act_is_met(&p->expects[0], "{\"Shutter1\":{\"Position\":7,\"Target\":0}}"));
    assert_false(lt_act_is_met(&p->expects[0], "{\"Backlog\":\"Done\"}"));
    assert_string_equal(sent(t, "HassSetPosition", "{\"position\":30}", p),
                        "cmnd/s/ShutterPosition1 30");
    assert_true(lt_act_is_met(&p->expects[0], "{\"Shutter1\":{\"Position\":30}}"));
    free(p);
    lt_discovery_free(d);
}

static void test_tasmota__sensors__readings_of_the_device_in_any_order(void **state)
{
    static const char sensors[] = "{\"sn\":{\"Time\":\"2026-01-01T00:00:00\",\"AM2301\":"
                                  "{\"Temperature\":20.5,\"Humidity\":51},\"TempUnit\":\"F\"}}";
    static const char config[] = "{\"dn\":\"Attic\",\"t\":\"a\",\"rl\":[0]," COMMON "}";
    (void)state;
    for (int sensors_first = 0; sensors_first < 2; sensors_first++) {
        struct lt_discovery *d = open_tasmota();
        (void)feed(d, sensors_first ? PREFIX "C049EF112233/sensors" : PLUG,
                   sensors_first ? sensors : config);
        assert_int_equal(feed(d, sensors_first ? PLUG : PREFIX "C049EF112233/sensors",
                              sensors_first ? config : sensors),
                         1);
        assert_int_equal(lt_discovery_n_things(d), 2);
        const struct lt_thing *t = find(d, "sensor.attic_temperature");
        char meaning[32];
        double x = 0;
        assert_string_equal(t->unit, "°F");
        assert_int_equal(lt_act_read(lt_thing_feature(t, "state"),
                                     "{\"AM2301\":{\"Temperature\":68.5}}", meaning, sizeof meaning,
                                     &x),
                         LT_OK);
        assert_float_equal(x, 68.5, 1e-9);
        assert_int_equal(feed(d, PLUG, ""), 1); /* taken back */
        assert_int_equal(lt_discovery_n_things(d), 0);
        lt_discovery_free(d);
    }
}

static void test_tasmota__bad_message__fault_names_key_and_device_stays(void **state)
{
    static const struct {
        const char *payload, *reason;
    } bad[] = {
        {"{", ""},
        {"[1]", "object"},
        {"{\"dn\":\"X\",\"rl\":[1]}", "t:"},
        {"{\"t\":\"x\",\"rl\":[1]}", "dn:"},
        {"{\"dn\":\"X\",\"t\":\"a/#\",\"rl\":[1]}", "ft:"},
        {"{\"dn\":\"X\",\"t\":\"a\",\"ft\":\"%what%/\",\"rl\":[1]}", "ft:"},
        {"{\"dn\":\"X\",\"t\":\"a\",\"rl\":7}", "rl:"},
        {"{\"dn\":\"X\",\"t\":\"a\",\"rl\":[1],\"fn\":[\"a\\u0007b\"]}", "fn:"},
    };
    struct lt_discovery *d = open_tasmota();
    const struct lt_discovery_error *e = NULL;
    (void)state;
    static const char good[] = "{\"dn\":\"Plug\",\"t\":\"plug\",\"rl\":[1]}";
    assert_int_equal(feed(d, PLUG, good), 1);
    assert_int_equal(feed(d, PLUG, good), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(feed(d, PLUG, bad[i].payload), 0);
        assert_int_equal(lt_discovery_errors(d, &e), 1);
        assert_string_equal(e->topic, PLUG);
        if (!strstr(e->reason, bad[i].reason)) fail_msg("%zu: %s", i, e->reason);
        (void)find(d, "switch.plug");
    }
    (void)feed(d, PLUG, good);
    assert_int_equal(lt_discovery_errors(d, &e), 0);
    assert_int_equal(feed(d, PREFIX "nothing/config", good), 0);
    assert_int_equal(feed(d, PREFIX "C049EF112233/other", good), 0);
    lt_discovery_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasmota__one_relay__switch_with_room_and_topics),
        cmocka_unit_test(test_tasmota__many_relays__each_by_its_number),
        cmocka_unit_test(test_tasmota__colour_light__dimmed_and_coloured),
        cmocka_unit_test(test_tasmota__shutter__two_relays_are_one_cover),
        cmocka_unit_test(test_tasmota__sensors__readings_of_the_device_in_any_order),
        cmocka_unit_test(test_tasmota__bad_message__fault_names_key_and_device_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
