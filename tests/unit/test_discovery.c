/* test_discovery.c - what devices announce becomes the catalogue it should, whatever the order of the
 * messages, and nothing a message says can break what was known. Fixtures in tests/data/discovery hold
 * messages and what must come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "discovery_int.h"
#include "lt/catalog.h"
#include "lt/json.h"

static struct lt_docs *docs;

static int group_setup(void **state)
{
    struct lt_diag diag = {0};
    (void)state;
    return lt_docs_open(&docs, &diag) != LT_OK;
}

static int group_teardown(void **state)
{
    (void)state;
    lt_docs_close(docs);
    return 0;
}

/* ---- help ---- */

static struct lt_discovery *open_both(void)
{
    struct lt_diag diag = {0};
    struct lt_discovery *d = NULL;
    struct lt_discovery_options o = {.ha_prefix = "homeassistant", .z2m_base = "zigbee2mqtt"};
    if (lt_discovery_new(&o, &d, &diag)) fail_msg("%s", diag.text);
    return d;
}

static int feed(struct lt_discovery *d, const char *topic, const char *payload)
{
    return lt_discovery_feed(d, topic, payload, strlen(payload));
}

static json_t *fixture(const char *name)
{
    char path[512];
    json_t *v = NULL;
    struct lt_diag diag = {0};
    snprintf(path, sizeof path, "%s/discovery/%s.json", TEST_DATA_DIR, name);
    if (lt_json_read_file(path, 1 << 20, &v, &diag)) fail_msg("%s", diag.text);
    return v;
}

static int feed_message(struct lt_discovery *d, const json_t *m)
{
    const char *raw = json_string_value(json_object_get(m, "raw"));
    char *text = raw ? strdup(raw) : lt_json_dump(json_object_get(m, "payload"));
    assert_non_null(text);
    int changed = feed(d, json_string_value(json_object_get(m, "topic")), text);
    free(text);
    return changed;
}

/* The catalogue, checked as every catalogue is; the caller frees the text. */
static char *catalog_text(struct lt_discovery *d, const json_t *own)
{
    struct lt_catalog *c = NULL;
    struct lt_diag diag = {0};
    json_t *json = lt_discovery_catalog(d, own);
    assert_non_null(json);
    if (lt_catalog_new(docs, json, &c, &diag)) fail_msg("%s", diag.text);
    char *text = strdup(lt_catalog_text(c));
    lt_catalog_unref(c);
    json_decref(json);
    assert_non_null(text);
    return text;
}

static json_t *catalog_json(struct lt_discovery *d)
{
    json_t *v = NULL;
    struct lt_diag diag = {0};
    char *text = catalog_text(d, NULL);
    if (lt_json_parse(text, strlen(text), LT_DOC_MAX_BYTES_CATALOG, &v, &diag))
        fail_msg("%s", diag.text);
    free(text);
    return v;
}

static const json_t *entity(const json_t *catalog, const char *id)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(json_object_get(catalog, "home"), "entities"), i, e)
    {
        if (!strcmp(json_string_value(json_object_get(e, "id")), id)) return e;
    }
    return NULL;
}

static const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (!strcmp(json_string_value(json_object_get(v, "name")), name)) return v;
    }
    return NULL;
}

static void expect_text(const char *id, const char *what, const char *got, const json_t *want)
{
    if (!want) return;
    if (!got || strcmp(got, json_string_value(want)) != 0)
        fail_msg("%s: %s is \"%s\", not \"%s\"", id, what, got ? got : "(absent)",
                 json_string_value(want));
}

static void expect_number(const char *id, const char *what, double got, const json_t *want)
{
    if (!want) return;
    double miss = got - json_number_value(want);
    if (miss > 1e-9 || miss < -1e-9)
        fail_msg("%s: %s is %g, not %g", id, what, got, json_number_value(want));
}

static void expect_json(const char *id, const char *what, const json_t *got, const json_t *want)
{
    if (!want || (got && json_equal(got, want))) return;
    char *a = got ? lt_json_dump(got) : NULL, *b = lt_json_dump(want);
    print_message("%s: %s is %s, not %s\n", id, what, a ? a : "(absent)", b);
    free(a);
    free(b);
    fail();
}

static void expect_feature(const char *id, const struct lt_feature *f, const json_t *want)
{
    static const struct {
        const char *key;
        size_t offset;
    } texts[] = {
        {"command_topic", offsetof(struct lt_feature, command_topic)},
        {"command_template", offsetof(struct lt_feature, command_template)},
        {"state_topic", offsetof(struct lt_feature, state_topic)},
        {"state_template", offsetof(struct lt_feature, state_template)},
        {"key", offsetof(struct lt_feature, key)},
        {"unit", offsetof(struct lt_feature, unit)},
    };
    char where[256];
    snprintf(where, sizeof where, "%s/%s", id, f->name);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *got;
        memcpy(&got, (const char *)f + texts[i].offset, sizeof got);
        expect_text(where, texts[i].key, got, json_object_get(want, texts[i].key));
    }
    if (json_object_get(want, "max")) assert_true(f->has_range);
    expect_number(where, "min", f->min, json_object_get(want, "min"));
    expect_number(where, "max", f->max, json_object_get(want, "max"));
    expect_number(where, "step", f->step, json_object_get(want, "step"));
    expect_json(where, "choices", f->choices, json_object_get(want, "choices"));
    expect_json(where, "words", f->words, json_object_get(want, "words"));
    expect_json(where, "states", f->states, json_object_get(want, "states"));
}

static void expect_thing(const struct lt_thing *t, const json_t *want)
{
    static const char *const kinds[] = {"ha", "ha_json", "ha_template", "z2m"};
    const json_t *features = json_object_get(want, "features");
    const json_t *availability = json_object_get(want, "availability");
    const char *key;
    json_t *v;
    expect_text(t->id, "name", t->name, json_object_get(want, "name"));
    expect_text(t->id, "area", t->area, json_object_get(want, "area"));
    expect_text(t->id, "device_class", t->device_class, json_object_get(want, "device_class"));
    expect_text(t->id, "kind", kinds[t->kind], json_object_get(want, "kind"));
    if (json_object_get(want, "qos")) assert_int_equal(t->qos, 1);
    if (json_object_get(want, "is_retained")) assert_true(t->is_retained);
    assert_non_null(t->config);
    json_object_foreach((json_t *)(uintptr_t)features, key, v)
    {
        const struct lt_feature *f = lt_thing_feature(t, key);
        if (!f) fail_msg("%s: has no feature %s", t->id, key);
        expect_feature(t->id, f, v);
    }
    for (size_t i = 0; i < t->n_features; i++)
        if (!json_object_get(features, t->features[i].name))
            fail_msg("%s: feature %s was not expected", t->id, t->features[i].name);
    if (!availability) return;
    assert_int_equal(t->n_availability, json_array_size(availability));
    for (size_t i = 0; i < t->n_availability; i++)
        expect_text(t->id, "availability", t->availability[i].topic,
                    json_array_get(availability, i));
}

/* Everything that a fixture expects, and no more entities than that. */
static void check_fixture(struct lt_discovery *d, const json_t *f)
{
    const json_t *want = json_object_get(f, "entities");
    json_t *catalog = catalog_json(d);
    for (size_t i = 0; i < lt_discovery_n_things(d); i++) {
        const struct lt_thing *t = lt_discovery_thing(d, i);
        const char *id = json_string_value(json_object_get(json_array_get(want, i), "id"));
        if (!id || strcmp(id, t->id) != 0)
            fail_msg("entity %zu is %s, not %s", i, t->id, id ? id : "absent");
        const json_t *w = json_array_get(want, i), *e = entity(catalog, id);
        assert_non_null(e);
        expect_thing(t, w);
        assert_ptr_equal(lt_discovery_find(d, id), t);
        expect_json(id, "aliases", json_object_get(e, "aliases"), json_object_get(w, "aliases"));
        assert_string_equal(json_string_value(json_object_get(e, "name")), t->name);
        assert_string_equal(json_string_value(json_object_get(e, "domain")), t->domain);
        if (*t->area)
            assert_string_equal(json_string_value(json_object_get(e, "area")), t->area);
        else
            assert_true(json_is_null(json_object_get(e, "area")));
    }
    assert_int_equal(lt_discovery_n_things(d), json_array_size(want));
    json_decref(catalog);
}

static void check_file(const char *name)
{
    struct lt_discovery *d = open_both();
    json_t *f = fixture(name), *m;
    size_t i;
    json_array_foreach(json_object_get(f, "messages"), i, m)
    {
        assert_int_equal(feed_message(d, m), 1);
    }
    check_fixture(d, f);
    assert_int_equal(lt_discovery_n_bad(d), json_integer_value(json_object_get(f, "n_bad")));
    json_decref(f);
    lt_discovery_free(d);
}

/* ---- what announcements become ---- */

static void test_ha__lights_of_three_schemas__features(void **state)
{
    (void)state;
    check_file("ha-lights");
}

static void test_ha__every_component__features_and_defaults(void **state)
{
    (void)state;
    json_t *f = fixture("ha-home"), *m;
    struct lt_discovery *d = open_both();
    size_t i;
    json_array_foreach(json_object_get(f, "messages"), i, m)
    {
        (void)feed_message(d, m); /* updates and alarm panels change nothing */
    }
    check_fixture(d, f);
    assert_int_equal(lt_discovery_n_bad(d), 0);
    json_decref(f);
    lt_discovery_free(d);
}

static void test_ha__device_form__components_share_and_bad_ones_are_reported(void **state)
{
    (void)state;
    check_file("ha-device");
}

static void test_z2m__devices_and_groups__entities(void **state)
{
    (void)state;
    check_file("z2m-home");
}

static void test_abbreviations__table__sorted_and_written_out(void **state)
{
    static const char *const rows[][2] = {
        {"cmd_t", "command_topic"},
        {"bri_val_tpl", "brightness_value_template"},
        {"cmps", "components"},
        {"temp_stat_tpl", "temperature_state_template"},
        {"sup_clrm", "supported_color_modes"},
        {"xy_cmd_t", "xy_command_topic"},
        {"act_t", "action_topic"},
        {"avty", "availability"},
        {"schema", "schema"},
        {"unheard_of", "unheard_of"},
    };
    (void)state;
    assert_true(lt__ha_abbreviations_are_sorted());
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(lt__ha_long_key(rows[i][0]), rows[i][1]);
}

static void test_slug__names__as_home_assistant_makes_ids(void **state)
{
    static const char *const rows[][2] = {
        {"Kitchen Light", "kitchen_light"},
        {"  --Front  Door!", "front_door"},
        {"Küche Straße", "kuche_strasse"},
        {"Čeština ŁódŹ", "cestina_lodz"},
        {"Anna's lamp", "annas_lamp"},
        {"客厅", ""},
        {"Ærø 2", "aero_2"},
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lt__slug(rows[i][0], out, sizeof out);
        assert_string_equal(out, rows[i][1]);
    }
}

static void test_subscriptions__both_sources__filters(void **state)
{
    static const char *const want[] = {"homeassistant/+/+/config", "homeassistant/+/+/+/config",
                                       "zigbee2mqtt/bridge/devices", "zigbee2mqtt/bridge/groups"};
    struct lt_discovery *d = open_both();
    const char *const *got = lt_discovery_subscriptions(d);
    (void)state;
    for (size_t i = 0; i < 4; i++) assert_string_equal(got[i], want[i]);
    assert_null(got[4]);
    lt_discovery_free(d);
}

static void test_feed__other_topics__nothing(void **state)
{
    static const char *const topics[] = {"homeassistant/status",
                                         "homeassistant/light/config",
                                         "homeassistant/light/a b/config",
                                         "homeassistant/light/a/b/c/config",
                                         "homeassistants/light/a/config",
                                         "zigbee2mqtt/bridge/info",
                                         "zigbee2mqtt/lamp",
                                         "homeassistant/light/a/configure",
                                         ""};
    struct lt_discovery *d = open_both();
    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        assert_int_equal(feed(d, topics[i], "{\"cmd_t\":\"x\",\"name\":\"X\"}"), 0);
    assert_int_equal(lt_discovery_n_things(d), 0);
    assert_int_equal(lt_discovery_n_bad(d), 0);
    lt_discovery_free(d);
}

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

#define LAMP "homeassistant/light/lamp/config"

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

#define DEVICE "homeassistant/device/dev/config"
#define DEVICE_TEXT(lamp, relay)                                                                   \
    "{\"dev\":{\"ids\":\"x\",\"name\":\"Dev\"},\"o\":{\"name\":\"o\"},\"cmps\":{\"l\":" lamp       \
    ",\"r\":" relay "}}"
#define LAMP_OK  "{\"p\":\"light\",\"cmd_t\":\"l\",\"uniq_id\":\"u1\",\"name\":\"Lamp\"}"
#define RELAY_OK "{\"p\":\"switch\",\"cmd_t\":\"r\",\"uniq_id\":\"u2\",\"name\":\"Relay\"}"

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

/* ---- bad messages ---- */

static void test_feed__malformed__reported_and_nothing_lost(void **state)
{
    json_t *f = fixture("malformed"), *m;
    struct lt_discovery *d = open_both();
    size_t i;
    (void)state;
    feed(d, "homeassistant/light/x/config", "{\"name\":\"Good\",\"cmd_t\":\"good\"}");
    feed(d, "homeassistant/device/x/config", DEVICE_TEXT(LAMP_OK, RELAY_OK));
    json_t *before = catalog_json(d);
    json_array_foreach(json_object_get(f, "messages"), i, m)
    {
        const struct lt_discovery_error *e;
        const char *topic = json_string_value(json_object_get(m, "topic"));
        const char *reason = json_string_value(json_object_get(m, "reason"));
        if (feed_message(d, m)) fail_msg("message %zu changed something", i);
        if (lt_discovery_n_bad(d) != i + 1) fail_msg("message %zu was not reported", i);
        size_t n = lt_discovery_errors(d, &e), k = 0;
        while (k < n && strcmp(e[k].topic, topic) != 0) k++;
        if (k == n) fail_msg("message %zu: no error for %s", i, topic);
        if (!strstr(e[k].reason, reason))
            fail_msg("message %zu: \"%s\" does not say \"%s\"", i, e[k].reason, reason);
        assert_null(strchr(e[k].reason, '\n'));
    }
    json_t *after = catalog_json(d);
    assert_true(json_equal(before, after));
    /* a good one ends the fault, even when it is the one known already */
    const struct lt_discovery_error *e;
    size_t n = lt_discovery_errors(d, &e);
    assert_int_equal(
        feed(d, "homeassistant/light/x/config", "{\"name\":\"Good\",\"cmd_t\":\"good\"}"), 0);
    assert_int_equal(lt_discovery_errors(d, &e), n - 1);
    json_decref(before);
    json_decref(after);
    json_decref(f);
    lt_discovery_free(d);
}

/* A template that we cannot evaluate is told with topic and key when it is announced, and what it was for
 * is not there; the rest of the device is. */
static void test_feed__template_beyond_us__told_and_left_out(void **state)
{
    struct lt_discovery *d = open_both();
    const struct lt_discovery_error *e;
    (void)state;
    assert_int_equal(
        feed(d, "homeassistant/light/odd/config",
             "{\"name\":\"Odd\",\"uniq_id\":\"o1\",\"cmd_t\":\"o/set\",\"stat_t\":\"o\","
             "\"bri_cmd_t\":\"o/bri\",\"bri_cmd_tpl\":\"{{ states('x') }}\","
             "\"stat_val_tpl\":\"{% for x in value %}{{ x }}{% endfor %}\"}"),
        1);
    assert_int_equal(lt_discovery_errors(d, &e), 1);
    assert_string_equal(e[0].topic, "homeassistant/light/odd/config");
    assert_int_equal(e[0].n, 2);
    assert_int_equal(lt_discovery_n_bad(d), 2);
    assert_true(strstr(e[0].reason, "brightness_command_template: ") == e[0].reason ||
                strstr(e[0].reason, "state_value_template: ") == e[0].reason);
    const struct lt_thing *t = lt_discovery_find(d, "light.odd");
    assert_non_null(t);
    assert_non_null(lt_thing_feature(t, "state")->command_topic);
    assert_null(lt_thing_feature(t, "state")->state_topic);
    assert_null(lt_thing_feature(t, "brightness")->command_topic);
    /* in a component of a device; and a better announcement ends the fault */
    assert_int_equal(
        feed(d, "homeassistant/device/two/config",
             "{\"dev\":{\"ids\":[\"d\"],\"name\":\"Two\"},\"o\":{\"name\":\"x\"},\"cmps\":{\"s\":"
             "{\"p\":\"sensor\",\"uniq_id\":\"d_s\",\"stat_t\":\"d\","
             "\"val_tpl\":\"{{ value | hex }}\"}}}"),
        1);
    assert_int_equal(lt_discovery_errors(d, &e), 2);
    assert_non_null(strstr(e[1].reason, "components/s/value_template: "));
    assert_int_equal(feed(d, "homeassistant/light/odd/config",
                          "{\"name\":\"Odd\",\"uniq_id\":\"o1\",\"cmd_t\":\"o/set\"}"),
                     1);
    assert_int_equal(lt_discovery_errors(d, &e), 1);
    lt_discovery_free(d);
}

static void test_feed__too_long_too_deep_not_utf8__reported(void **state)
{
    struct lt_discovery *d = open_both();
    size_t n = LT_DISCOVERY_MAX_CONFIG_BYTES + 1;
    char *big = malloc(n), deep[400], name[300], text[400];
    (void)state;
    assert_non_null(big);
    memset(big, ' ', n);
    assert_int_equal(lt_discovery_feed(d, LAMP, big, n), 0);
    memset(deep, '[', sizeof deep);
    assert_int_equal(lt_discovery_feed(d, LAMP, deep, sizeof deep), 0);
    assert_int_equal(lt_discovery_feed(d, LAMP, "{\"name\":\"\xff\"}", 12), 0);
    assert_int_equal(lt_discovery_feed(d, LAMP, "{\"name\":\"\0\"}", 12), 0);
    memset(name, 'n', sizeof name);
    snprintf(text, sizeof text, "{\"cmd_t\":\"x\",\"name\":\"%.*s\"}", LT_DISCOVERY_MAX_NAME_BYTES,
             name);
    assert_int_equal(feed(d, LAMP, text), 1); /* as long as may be */
    snprintf(text, sizeof text, "{\"cmd_t\":\"x\",\"name\":\"%.*s\"}",
             LT_DISCOVERY_MAX_NAME_BYTES + 1, name);
    assert_int_equal(feed(d, LAMP, text), 0);
    assert_int_equal(lt_discovery_n_bad(d), 5);
    char *catalog = catalog_text(d, NULL); /* the longest name makes a valid catalogue */
    free(catalog);
    free(big);
    lt_discovery_free(d);
}

static void test_errors__more_topics_than_remembered__newest_kept_all_counted(void **state)
{
    struct lt_discovery *d = open_both();
    const struct lt_discovery_error *e;
    char topic[100];
    (void)state;
    for (int i = 0; i < LT_DISCOVERY_MAX_ERRORS + 10; i++) {
        snprintf(topic, sizeof topic, "homeassistant/light/l%d/config", i);
        feed(d, topic, "no");
        feed(d, topic, "no");
    }
    assert_int_equal(lt_discovery_errors(d, &e), LT_DISCOVERY_MAX_ERRORS);
    assert_string_equal(e[0].topic, "homeassistant/light/l10/config");
    assert_int_equal(e[0].n, 2);
    assert_int_equal(lt_discovery_n_bad(d), 2 * (LT_DISCOVERY_MAX_ERRORS + 10));
    feed(d, topic, "");
    assert_int_equal(lt_discovery_errors(d, &e), LT_DISCOVERY_MAX_ERRORS - 1);
    lt_discovery_free(d);
}

/* 5,000 entities of one name come at once; then the home is full. */
static void test_feed__entities_without_end__taken_up_to_the_cap(void **state)
{
    struct lt_discovery *d = open_both();
    char topic[100], text[100];
    (void)state;
    for (int i = 0; i < LT_DISCOVERY_MAX_ENTITIES + 3; i++) {
        snprintf(topic, sizeof topic, "homeassistant/switch/s%d/config", i);
        snprintf(text, sizeof text, "{\"name\":\"Same\",\"cmd_t\":\"s/%d\"}", i);
        assert_int_equal(feed(d, topic, text), i < LT_DISCOVERY_MAX_ENTITIES);
        if (i == 5000) assert_int_equal(lt_discovery_n_things(d), 5001);
    }
    assert_int_equal(lt_discovery_n_bad(d), 3);
    assert_int_equal(lt_discovery_n_things(d), LT_DISCOVERY_MAX_ENTITIES);
    feed(d, "homeassistant/switch/s0/config", "");
    assert_int_equal(feed(d, topic, text), 1); /* room again */
    char *catalog = catalog_text(d, NULL);
    free(catalog);
    lt_discovery_free(d);
}

/* Every prefix of a good message, and every single byte changed, is survived. */
static void test_feed__damaged_messages__survived(void **state)
{
    static const char *const names[] = {"ha-device", "z2m-home"};
    struct lt_discovery *d = open_both();
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *f = fixture(names[i]);
        const json_t *m = json_array_get(json_object_get(f, "messages"), 0);
        const char *topic = json_string_value(json_object_get(m, "topic"));
        char *text = lt_json_dump(json_object_get(m, "payload"));
        size_t n = strlen(text);
        for (size_t k = 0; k < n; k++) {
            char *exact = malloc(k + 1); /* no byte behind it */
            assert_non_null(exact);
            memcpy(exact, text, k);
            (void)lt_discovery_feed(d, topic, exact, k);
            free(exact);
            char was = text[k];
            text[k] = was == '"' ? '[' : was == '{' ? '"' : (char)(was ^ 1);
            (void)lt_discovery_feed(d, topic, text, n);
            text[k] = was;
            if (k % 16 == 0) free(catalog_text(d, NULL));
        }
        free(text);
        json_decref(f);
    }
    lt_discovery_free(d);
}

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
        cmocka_unit_test(test_ha__lights_of_three_schemas__features),
        cmocka_unit_test(test_ha__every_component__features_and_defaults),
        cmocka_unit_test(test_ha__device_form__components_share_and_bad_ones_are_reported),
        cmocka_unit_test(test_z2m__devices_and_groups__entities),
        cmocka_unit_test(test_abbreviations__table__sorted_and_written_out),
        cmocka_unit_test(test_slug__names__as_home_assistant_makes_ids),
        cmocka_unit_test(test_subscriptions__both_sources__filters),
        cmocka_unit_test(test_feed__other_topics__nothing),
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
        cmocka_unit_test(test_feed__malformed__reported_and_nothing_lost),
        cmocka_unit_test(test_feed__template_beyond_us__told_and_left_out),
        cmocka_unit_test(test_feed__too_long_too_deep_not_utf8__reported),
        cmocka_unit_test(test_errors__more_topics_than_remembered__newest_kept_all_counted),
        cmocka_unit_test(test_feed__entities_without_end__taken_up_to_the_cap),
        cmocka_unit_test(test_feed__damaged_messages__survived),
        cmocka_unit_test(test_overrides__names_areas_floors_hidden__in_the_catalogue),
        cmocka_unit_test(test_overrides__wrong__refused_and_the_old_stay),
        cmocka_unit_test(test_areas__two_spellings__one_area),
        cmocka_unit_test(test_tools__home_with_a_light__tools_that_need_more_are_absent),
        cmocka_unit_test(test_tools__own_ones__beside_and_before_the_home_ones),
        cmocka_unit_test(test_catalog__names_of_the_home__bind_parameters),
        cmocka_unit_test(test_new__prefix_that_is_no_topic__refused),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
