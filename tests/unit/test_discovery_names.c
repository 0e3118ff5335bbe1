/* test_discovery_names.c - what the user says about the home goes over what devices say, and the
 * tools that a home gets. */
#include "discovery_home.h"

/* ---- what the user says ---- */

static void test_overrides__names_areas_floors_hidden__in_the_catalogue(void **state)
{
    static const char *const bath[] = {"bath", "washroom"}, *const reading[] = {"reading lamp"};
    const struct lt_discovery_override overrides[] = {
        {.match = "light.floor_lamp",
         .name = "Big Lamp",
         .area = "Lounge",
         .aliases = reading,
         .n_aliases = 1},
        {.match = "homeassistant/switch/s/config", .is_hidden = 1},
        {.match = "uid-fan", .area = "washroom"},
        {.match = "0x00158d", .name = "Cellar Door"},
    };
    const struct lt_discovery_area areas[] = {
        {.name = "Bathroom", .floor = "Upstairs", .aliases = bath, .n_aliases = 2},
        {.name = "Winter Garden"},
    };
    struct lt_discovery *d = open_both();
    struct lt_diag diag = {0};
    (void)state;
    feed(d, LAMP, "{\"name\":\"Floor Lamp\",\"cmd_t\":\"l\"}");
    feed(d, "homeassistant/switch/s/config", "{\"name\":\"Switch\",\"cmd_t\":\"s\"}");
    feed(d, "homeassistant/fan/f/config",
         "{\"name\":\"Fan\",\"cmd_t\":\"f\",\"uniq_id\":\"uid-fan\"}");
    feed(d, "homeassistant/light/wg/config", "{\"name\":\"winter garden spots\",\"cmd_t\":\"w\"}");
    feed(d, "homeassistant/light/b/config", "{\"name\":\"Bath mirror\",\"cmd_t\":\"b\"}");
    feed(
        d, "zigbee2mqtt/bridge/devices",
        "[{\"ieee_address\":\"0x00158d\",\"friendly_name\":\"0x00158d\",\"definition\":{"
        "\"exposes\":"
        "[{\"type\":\"binary\",\"name\":\"contact\",\"label\":\"Contact\",\"property\":\"contact\","
        "\"access\":1,\"value_on\":false,\"value_off\":true}]}}]");
    assert_int_equal(lt_discovery_set_overrides(d, overrides, 4, areas, 2, &diag), LT_OK);
    json_t *c = catalog_json(d);
    const json_t *lamp = entity(c, "light.floor_lamp");
    assert_string_equal(json_string_value(json_object_get(lamp, "name")), "Big Lamp");
    assert_string_equal(json_string_value(json_object_get(lamp, "area")), "Lounge");
    assert_string_equal(json_string_value(json_array_get(json_object_get(lamp, "aliases"), 0)),
                        "reading lamp");
    assert_null(entity(c, "switch.switch"));
    assert_string_equal(json_string_value(json_object_get(entity(c, "fan.fan"), "area")),
                        "Bathroom"); /* an alias becomes the area's name */
    assert_string_equal(
        json_string_value(json_object_get(entity(c, "light.winter_garden_spots"), "area")),
        "Winter Garden");
    assert_string_equal(json_string_value(json_object_get(entity(c, "light.bath_mirror"), "area")),
                        "Bathroom");
    assert_string_equal(
        json_string_value(json_object_get(entity(c, "binary_sensor.0x00158d"), "name")),
        "Cellar Door");
    const json_t *list = json_object_get(json_object_get(c, "home"), "areas");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(json_string_value(json_object_get(named(list, "Bathroom"), "floor")),
                        "Upstairs");
    json_decref(c);
    /* taken back */
    assert_int_equal(lt_discovery_set_overrides(d, NULL, 0, NULL, 0, &diag), LT_OK);
    assert_string_equal(lt_discovery_find(d, "light.floor_lamp")->name, "Floor Lamp");
    assert_non_null(lt_discovery_find(d, "switch.switch"));
    lt_discovery_free(d);
}

/* "0x0017880100000006=Cellar Door": what the bridge calls it may be another name. */
static void test_overrides__address_of_the_device__its_name(void **state)
{
    struct lt_discovery *d = open_both();
    struct lt_diag diag = {0};
    const struct lt_discovery_override o = {.match = "0x0017880100000006", .name = "Cellar Door"};
    (void)state;
    feed(d, "zigbee2mqtt/bridge/devices",
         "[{\"ieee_address\":\"0x0017880100000006\",\"type\":\"Router\",\"friendly_name\":\"Plug "
         "7\","
         "\"interview_state\":\"SUCCESSFUL\",\"definition\":{\"exposes\":["
         "{\"type\":\"switch\",\"features\":[{\"type\":\"binary\",\"name\":\"state\",\"property\":"
         "\"state\",\"access\":7,\"value_on\":\"ON\",\"value_off\":\"OFF\"}]},"
         "{\"type\":\"numeric\",\"name\":\"power\",\"property\":\"power\",\"access\":1,"
         "\"unit\":\"W\"}]}}]");
    assert_int_equal(lt_discovery_set_overrides(d, &o, 1, NULL, 0, &diag), LT_OK);
    assert_string_equal(lt_discovery_find(d, "switch.plug_7")->name, "Cellar Door");
    assert_string_equal(lt_discovery_find(d, "sensor.plug_7_power")->name, "Cellar Door Power");
    lt_discovery_free(d);
}

static void test_overrides__wrong__refused_and_the_old_stay(void **state)
{
    static const char *const kitchen[] = {"kitchen"};
    const struct lt_discovery_override good = {.match = "light.lamp", .name = "Spot"};
    const struct {
        struct lt_discovery_override o[2];
        size_t n_o;
        struct lt_discovery_area a[2];
        size_t n_a;
        enum lt_err err;
    } rows[] = {
        {{{.match = "light.lamp", .name = " "}}, 1, {{0}}, 0, LT_ERR_INVALID},
        {{{.match = "light.lamp", .name = "a\nb"}}, 1, {{0}}, 0, LT_ERR_INVALID},
        {{{.match = ""}}, 1, {{0}}, 0, LT_ERR_INVALID},
        {{{.match = "x"}, {.match = "x"}}, 2, {{0}}, 0, LT_ERR_EXISTS},
        {{{0}}, 0, {{.name = "Kitchen"}, {.name = " kitchen "}}, 2, LT_ERR_EXISTS},
        {{{0}},
         0,
         {{.name = "Kitchen"}, {.name = "Bar", .aliases = kitchen, .n_aliases = 1}},
         2,
         LT_ERR_EXISTS},
        {{{0}}, 0, {{.name = NULL}}, 1, LT_ERR_INVALID},
    };
    struct lt_discovery *d = open_both();
    struct lt_diag diag = {0};
    (void)state;
    feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\"}");
    assert_int_equal(lt_discovery_set_overrides(d, &good, 1, NULL, 0, &diag), LT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_diag why = {0};
        assert_int_equal(
            lt_discovery_set_overrides(d, rows[i].o, rows[i].n_o, rows[i].a, rows[i].n_a, &why),
            rows[i].err);
        assert_true(strlen(why.text) > 5);
        assert_string_equal(lt_discovery_thing(d, 0)->name, "Spot");
    }
    lt_discovery_free(d);
}

static void test_areas__two_spellings__one_area(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    feed(d, "homeassistant/light/a/config",
         "{\"name\":\"A\",\"cmd_t\":\"a\",\"dev\":{\"ids\":\"1\",\"sa\":\"kitchen\"}}");
    feed(d, "homeassistant/light/b/config",
         "{\"name\":\"B\",\"cmd_t\":\"b\",\"dev\":{\"ids\":\"2\",\"sa\":\"Kitchen \"}}");
    json_t *c = catalog_json(d);
    assert_int_equal(json_array_size(json_object_get(json_object_get(c, "home"), "areas")), 1);
    assert_string_equal(lt_discovery_find(d, "light.a")->area,
                        lt_discovery_find(d, "light.b")->area);
    json_decref(c);
    lt_discovery_free(d);
}

/* ---- tools ---- */

static void test_tools__home_with_a_light__tools_that_need_more_are_absent(void **state)
{
    struct lt_discovery *d = open_both();
    (void)state;
    json_t *c = catalog_json(d);
    assert_null(named(json_object_get(c, "tools"), "HassLightSet"));
    assert_non_null(named(json_object_get(c, "tools"), "HassStartTimer"));
    json_decref(c);
    feed(d, LAMP, "{\"name\":\"Lamp\",\"cmd_t\":\"l\"}");
    c = catalog_json(d);
    const json_t *tools = json_object_get(c, "tools");
    assert_non_null(named(tools, "HassLightSet"));
    assert_null(named(tools, "HassVacuumStart"));
    assert_null(named(tools, "HassSetPosition"));
    feed(d, "homeassistant/valve/v/config", "{\"name\":\"Tap\",\"cmd_t\":\"v\"}");
    json_decref(c);
    c = catalog_json(d);
    assert_non_null(named(json_object_get(c, "tools"), "HassSetPosition"));
    json_decref(c);
    lt_discovery_free(d);
}

static void test_tools__own_ones__beside_and_before_the_home_ones(void **state)
{
    json_t *own = json_loads("[{\"name\":\"FeedCat\",\"description\":\"Feed the cat\"},"
                             "{\"name\":\"HassNevermind\",\"description\":\"mine\"}]",
                             0, NULL);
    struct lt_discovery *d = open_both();
    json_t *c = NULL;
    struct lt_diag diag = {0};
    (void)state;
    char *text = catalog_text(d, own);
    assert_int_equal(lt_json_parse(text, strlen(text), strlen(text), &c, &diag), LT_OK);
    const json_t *tools = json_object_get(c, "tools");
    assert_non_null(named(tools, "FeedCat"));
    assert_string_equal(
        json_string_value(json_object_get(named(tools, "HassNevermind"), "description")), "mine");
    free(text);
    json_decref(c);
    json_decref(own);
    lt_discovery_free(d);
}

static void test_catalog__names_of_the_home__bind_parameters(void **state)
{
    struct lt_discovery *d = open_both();
    struct lt_catalog *c = NULL;
    struct lt_diag diag = {0};
    (void)state;
    feed(d, LAMP, "{\"name\":\"Kitchen lamp\",\"cmd_t\":\"l\"}");
    json_t *json = lt_discovery_catalog(d, NULL);
    assert_int_equal(lt_catalog_new(docs, json, &c, &diag), LT_OK);
    json_t *good = json_pack("{s:s}", "name", "kitchen LAMP"),
           *bad = json_pack("{s:s}", "name", "x");
    json_t *area = json_pack("{s:s}", "area", "kitchen");
    assert_int_equal(lt_catalog_check_call(c, "HassTurnOn", good, &diag), LT_OK);
    assert_int_equal(lt_catalog_check_call(c, "HassTurnOn", area, &diag), LT_OK);
    assert_int_equal(lt_catalog_check_call(c, "HassTurnOn", bad, &diag), LT_ERR_INVALID);
    json_decref(good);
    json_decref(bad);
    json_decref(area);
    json_decref(json);
    lt_catalog_unref(c);
    lt_discovery_free(d);
}

static void test_new__prefix_that_is_no_topic__refused(void **state)
{
    static const char *const bad[] = {"", "a/+", "a/#", "a/", "$SYS"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lt_discovery *d = NULL;
        struct lt_diag diag = {0};
        struct lt_discovery_options o = {.ha_prefix = bad[i]};
        assert_int_equal(lt_discovery_new(&o, &d, &diag), LT_ERR_INVALID);
        assert_null(d);
        o = (struct lt_discovery_options){.z2m_base = bad[i]};
        assert_int_equal(lt_discovery_new(&o, &d, &diag), LT_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overrides__names_areas_floors_hidden__in_the_catalogue),
        cmocka_unit_test(test_overrides__address_of_the_device__its_name),
        cmocka_unit_test(test_overrides__wrong__refused_and_the_old_stay),
        cmocka_unit_test(test_areas__two_spellings__one_area),
        cmocka_unit_test(test_tools__home_with_a_light__tools_that_need_more_are_absent),
        cmocka_unit_test(test_tools__own_ones__beside_and_before_the_home_ones),
        cmocka_unit_test(test_catalog__names_of_the_home__bind_parameters),
        cmocka_unit_test(test_new__prefix_that_is_no_topic__refused),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
