/* test_discovery.c - what devices announce becomes the catalogue it should. Fixtures in
 * tests/data/discovery hold messages and what must come of them. */
#include "discovery_home.h"

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
        (void)feed_message(d, m); /* updates change nothing */
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
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
