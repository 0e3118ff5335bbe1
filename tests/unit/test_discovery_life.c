/* test_discovery_life.c - announcements that come again, in another order, renamed, moved or taken
 * back: the order of messages leaves no trace. */
#include "discovery_home.h"

/* ---- the order of messages leaves no trace ---- */

static void test_catalog__messages_backwards_and_twice__same_text(void **state)
{
    static const char *const names[] = {"ha-lights", "ha-home", "ha-device", "z2m-home"};
    struct lt_discovery *forth = open_both(), *back = open_both();
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        json_t *f = fixture(names[i]), *m;
        size_t k;
        json_array_foreach(json_object_get(f, "messages"), k, m)
        {
            (void)feed_message(forth, m);
        }
        json_decref(f);
    }
    for (size_t i = 4; i-- > 0;) {
        json_t *f = fixture(names[i]);
        const json_t *list = json_object_get(f, "messages");
        for (size_t k = json_array_size(list); k-- > 0;) {
            (void)feed_message(back, json_array_get(list, k));
            (void)feed_message(back, json_array_get(list, k));
        }
        json_decref(f);
    }
    char *a = catalog_text(forth, NULL), *b = catalog_text(back, NULL);
    assert_string_equal(a, b);
    free(a);
    free(b);
    lt_discovery_free(forth);
    lt_discovery_free(back);
}

static void test_ids__same_name_in_any_order__numbers_by_topic(void **state)
{
    static const char *const topics[] = {"homeassistant/switch/c/config",
                                         "homeassistant/switch/a/config",
                                         "homeassistant/switch/b/config"};
    struct lt_discovery *d = open_both();
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"name\":\"Lamp\",\"cmd_t\":\"%c\"}", topics[i][21]);
        assert_int_equal(feed(d, topics[i], text), 1);
    }
    feed(d, "homeassistant/switch/d/config", "{\"name\":\"Lamp 2\",\"cmd_t\":\"d\"}");
    assert_string_equal(lt_discovery_find(d, "switch.lamp")->features[0].command_topic, "a");
    assert_string_equal(lt_discovery_find(d, "switch.lamp_2")->features[0].command_topic, "d");
    assert_string_equal(lt_discovery_find(d, "switch.lamp_3")->features[0].command_topic, "b");
    assert_string_equal(lt_discovery_find(d, "switch.lamp_4")->features[0].command_topic, "c");
    lt_discovery_free(d);
}

static void test_unique_id__twice__the_first_topic_has_it(void **state)
{
    struct lt_discovery *d = open_both();
    const struct lt_discovery_error *e;
    (void)state;
    feed(d, "homeassistant/switch/b/config", "{\"name\":\"B\",\"cmd_t\":\"b\",\"uniq_id\":\"u\"}");
    feed(d, "homeassistant/switch/a/config", "{\"name\":\"A\",\"cmd_t\":\"a\",\"uniq_id\":\"u\"}");
    assert_int_equal(lt_discovery_n_things(d), 1);
    assert_string_equal(lt_discovery_thing(d, 0)->name, "A");
    assert_int_equal(lt_discovery_errors(d, &e), 1);
    assert_string_equal(e[0].topic, "homeassistant/switch/b/config");
    assert_non_null(strstr(e[0].reason, "\"u\" is taken by homeassistant/switch/a/config"));
    lt_discovery_free(d);
}

/* ---- life of an announcement ---- */

static void test_feed__the_same_again__no_change(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    assert_int_equal(feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\"}"), 1);
    assert_int_equal(feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\"}"), 0);
    assert_int_equal(feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"m\"}"), 1);
    assert_string_equal(lt_discovery_thing(d, 0)->features[0].command_topic, "m");
    assert_int_equal(lt_discovery_n_things(d), 1);
    lt_discovery_free(d);
}

static void test_feed__renamed_and_taken_back__follows(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\"}");
    assert_int_equal(feed(d, LAMP, "{\"name\":\"Spot\",\"cmd_t\":\"l\"}"), 1);
    assert_null(lt_discovery_find(d, "light.lamp"));
    assert_string_equal(lt_discovery_find(d, "light.spot")->name, "Spot");
    assert_int_equal(feed(d, LAMP, ""), 1);
    assert_int_equal(lt_discovery_n_things(d), 0);
    assert_int_equal(feed(d, LAMP, ""), 0);
    lt_discovery_free(d);
}

static void test_feed__migration__gone_until_it_comes_back(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\",\"uniq_id\":\"u\"}");
    assert_int_equal(feed(d, LAMP, "{\"migr_discvry\": true}"), 1);
    assert_int_equal(lt_discovery_n_things(d), 0);
    feed(d, "homeassistant/device/lamp/config",
         "{\"dev\":{\"ids\":\"x\",\"name\":\"Lamp\"},\"o\":{\"name\":\"o\"},\"cmps\":{\"l\":{\"p\":"
         "\"light\",\"cmd_t\":\"l\",\"uniq_id\":\"u\",\"name\":null}}}");
    feed(d, LAMP, "");
    assert_int_equal(lt_discovery_n_things(d), 1);
    assert_string_equal(lt_discovery_thing(d, 0)->id, "light.lamp");
    assert_int_equal(lt_discovery_n_bad(d), 0);
    lt_discovery_free(d);
}

static void test_feed__becomes_diagnostic__leaves_the_home(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\"}");
    assert_int_equal(feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\",\"ent_cat\":\"config\"}"),
                     1);
    assert_int_equal(lt_discovery_n_things(d), 0);
    lt_discovery_free(d);
}

static void test_device__bad_component_later__the_known_one_stays(void **state)
{
    const struct lt_discovery_error *e;
    struct lt_discovery *d = open_both();
    (void)state;
    feed(d, DEVICE, DEVICE_TEXT(LAMP_OK, RELAY_OK));
    assert_int_equal(lt_discovery_n_things(d), 2);
    feed(d, DEVICE,
         DEVICE_TEXT("{\"p\":\"light\",\"cmd_t\":5,\"uniq_id\":\"u1\",\"name\":\"New\"}",
                     "{\"p\":\"switch\",\"cmd_t\":\"r\",\"uniq_id\":\"u2\",\"name\":\"Plug\"}"));
    assert_int_equal(lt_discovery_n_things(d), 2);
    assert_string_equal(lt_discovery_find(d, "light.dev_lamp")->features[0].command_topic, "l");
    assert_non_null(lt_discovery_find(d, "switch.dev_plug"));
    assert_int_equal(lt_discovery_errors(d, &e), 1);
    assert_non_null(strstr(e[0].reason, "components/l/command_topic: expected string"));
    feed(d, DEVICE, DEVICE_TEXT("{\"p\":\"light\"}", RELAY_OK)); /* lamp taken back */
    assert_int_equal(lt_discovery_n_things(d), 1);
    assert_int_equal(lt_discovery_errors(d, &e), 0);
    feed(d, DEVICE, "{\"dev\":{\"ids\":\"x\"},\"o\":{\"name\":\"o\"},\"cmps\":{}}");
    assert_int_equal(lt_discovery_n_things(d), 0); /* in it no more: gone */
    lt_discovery_free(d);
}

static void z2m_switch(char *out, size_t out_bytes, const char *ieee, const char *friendly)
{
    snprintf(out, out_bytes,
             "{\"ieee_address\":\"%s\",\"friendly_name\":\"%s\",\"definition\":{\"exposes\":"
             "[{\"type\":\"switch\",\"features\":[{\"type\":\"binary\",\"name\":\"state\","
             "\"property\":\"state\",\"access\":7,\"value_on\":\"ON\",\"value_off\":\"OFF\"}]}]}}",
             ieee, friendly);
}

static void test_z2m__renamed_removed_and_cleared__follows(void **state)
{
    struct lt_discovery *d = open_both();
    char text[1024], one[400], two[400];
    (void)state;
    z2m_switch(one, sizeof one, "0x1", "kitchen/plug");
    z2m_switch(two, sizeof two, "0x2", "heater");
    snprintf(text, sizeof text, "[%s,%s]", one, two);
    assert_int_equal(feed(d, "zigbee2mqtt/bridge/devices", text), 1);
    assert_int_equal(feed(d, "zigbee2mqtt/bridge/devices", text), 0);
    assert_non_null(lt_discovery_find(d, "switch.kitchen_plug"));
    assert_non_null(lt_discovery_find(d, "switch.heater"));
    z2m_switch(one, sizeof one, "0x1", "bath/plug");
    snprintf(text, sizeof text, "[%s]", one); /* one renamed, the other gone */
    assert_int_equal(feed(d, "zigbee2mqtt/bridge/devices", text), 1);
    assert_int_equal(lt_discovery_n_things(d), 1);
    const struct lt_thing *t = lt_discovery_find(d, "switch.bath_plug");
    assert_string_equal(t->features[0].command_topic, "zigbee2mqtt/bath/plug/set");
    /* the device's entry is wrong now: what was known of it stays, and the new one is taken */
    snprintf(text, sizeof text,
             "[{\"ieee_address\":\"0x1\",\"friendly_name\":\"a+b\",\"definition\":"
             "{\"exposes\":[]}},%s]",
             two);
    assert_int_equal(feed(d, "zigbee2mqtt/bridge/devices", text), 1);
    assert_non_null(lt_discovery_find(d, "switch.bath_plug"));
    assert_non_null(lt_discovery_find(d, "switch.heater"));
    const struct lt_discovery_error *e;
    assert_int_equal(lt_discovery_errors(d, &e), 1);
    assert_string_equal(e[0].topic, "zigbee2mqtt/bridge/devices");
    assert_non_null(strstr(e[0].reason, "/0/friendly_name"));
    assert_int_equal(feed(d, "zigbee2mqtt/bridge/devices", ""), 1);
    assert_int_equal(lt_discovery_n_things(d), 0);
    lt_discovery_free(d);
}

static void test_z2m__list_comes_and_goes__its_form_in_discovery_gives_way(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    feed(d, LAMP,
         "{\"name\":null,\"cmd_t\":\"zigbee2mqtt/lamp/set\",\"uniq_id\":\"u\",\"dev\":"
         "{\"ids\":[\"zigbee2mqtt_0x9\"],\"name\":\"lamp\"}}");
    assert_int_equal(lt_discovery_n_things(d), 1);
    feed(d, "zigbee2mqtt/bridge/devices", "[]");
    assert_int_equal(lt_discovery_n_things(d), 0);
    feed(d, "zigbee2mqtt/bridge/devices", "");
    assert_int_equal(lt_discovery_n_things(d), 1);
    lt_discovery_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog__messages_backwards_and_twice__same_text),
        cmocka_unit_test(test_ids__same_name_in_any_order__numbers_by_topic),
        cmocka_unit_test(test_unique_id__twice__the_first_topic_has_it),
        cmocka_unit_test(test_feed__the_same_again__no_change),
        cmocka_unit_test(test_feed__renamed_and_taken_back__follows),
        cmocka_unit_test(test_feed__migration__gone_until_it_comes_back),
        cmocka_unit_test(test_feed__becomes_diagnostic__leaves_the_home),
        cmocka_unit_test(test_device__bad_component_later__the_known_one_stays),
        cmocka_unit_test(test_z2m__renamed_removed_and_cleared__follows),
        cmocka_unit_test(test_z2m__list_comes_and_goes__its_form_in_discovery_gives_way),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
