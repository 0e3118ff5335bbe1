/* test_discovery_bad.c - nothing that a message says can break what was known, and each bad one is
 * told with its topic and key. */
#include "discovery_home.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed__malformed__reported_and_nothing_lost),
        cmocka_unit_test(test_feed__template_beyond_us__told_and_left_out),
        cmocka_unit_test(test_feed__too_long_too_deep_not_utf8__reported),
        cmocka_unit_test(test_errors__more_topics_than_remembered__newest_kept_all_counted),
        cmocka_unit_test(test_feed__entities_without_end__taken_up_to_the_cap),
        cmocka_unit_test(test_feed__damaged_messages__survived),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
