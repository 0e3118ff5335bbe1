/* test_topics.c - topics are built and taken apart as the table in topics.h says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "topics.h"

static void test_topic_parse__table__kind_site_and_rest(void **state)
{
    static const struct {
        const char *topic;
        enum lt_topic_kind kind;
        const char *site, *rest;
    } rows[] = {
        {"lintel/home/request", LT_TOPIC_REQUEST, "home", ""},
        {"lintel/home/feedback", LT_TOPIC_FEEDBACK, "home", ""},
        {"lintel/home/catalog", LT_TOPIC_CATALOG, "home", ""},
        {"lintel/home/reply/panel/1", LT_TOPIC_REPLY, "home", "panel/1"},
        {"lintel/home/call/HassTurnOn", LT_TOPIC_CALL, "home", "HassTurnOn"},
        {"lintel/my house/status", LT_TOPIC_STATUS, "my house", ""},
        {"lintel/home/request/more", LT_TOPIC_OTHER, "", ""},
        {"lintel/home/reply", LT_TOPIC_OTHER, "", ""},
        {"lintel/home/reply/", LT_TOPIC_OTHER, "", ""},
        {"lintel//request", LT_TOPIC_OTHER, "", ""},
        {"lintel/home", LT_TOPIC_OTHER, "", ""},
        {"lintel/home/", LT_TOPIC_OTHER, "", ""},
        {"lintels/home/request", LT_TOPIC_OTHER, "", ""},
        {"lintel/home/unheard", LT_TOPIC_OTHER, "", ""},
        {"lintel/#/reply/x", LT_TOPIC_OTHER, "", ""},
        {"lintel/+/request", LT_TOPIC_OTHER, "", ""},
        {"lintel/$SYS/request", LT_TOPIC_OTHER, "", ""},
        {"lintel/a\nb/request", LT_TOPIC_OTHER, "", ""},
        {"", LT_TOPIC_OTHER, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_topic t;
        lt_topic_parse("lintel", rows[i].topic, &t);
        assert_int_equal(t.kind, rows[i].kind);
        assert_string_equal(t.site, rows[i].site);
        assert_string_equal(t.rest, rows[i].rest);
    }
}

static void test_topic_parse__prefix_of_two_levels__is_taken_off(void **state)
{
    struct lt_topic t;
    (void)state;
    lt_topic_parse("fleet/7", "fleet/7/car/request", &t);
    assert_int_equal(t.kind, LT_TOPIC_REQUEST);
    assert_string_equal(t.site, "car");
}

static void test_topic_parse__site_of_65_bytes__is_other(void **state)
{
    struct lt_topic t;
    char topic[128];
    (void)state;
    memset(topic, 0, sizeof topic);
    memcpy(topic, "lintel/", 7);
    memset(topic + 7, 'a', 65);
    memcpy(topic + 7 + 65, "/request", 9);
    lt_topic_parse("lintel", topic, &t);
    assert_int_equal(t.kind, LT_TOPIC_OTHER);
    memcpy(topic + 7 + 64, "/request", 9);
    lt_topic_parse("lintel", topic, &t);
    assert_int_equal(t.kind, LT_TOPIC_REQUEST);
}

static void test_topic_build__all_kinds__parse_back(void **state)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    struct lt_topic t;
    (void)state;
    for (int kind = LT_TOPIC_REQUEST; kind <= LT_TOPIC_STATS; kind++) {
        const char *rest = kind == LT_TOPIC_REPLY || kind == LT_TOPIC_CALL ? "x" : NULL;
        assert_int_equal(lt_topic_build("p", "s", (enum lt_topic_kind)kind, rest, topic), LT_OK);
        lt_topic_parse("p", topic, &t);
        assert_int_equal(t.kind, kind);
    }
}

static void test_topic_build__bad_rest__is_refused(void **state)
{
    char topic[LT_TOPIC_MAX_BYTES + 1], longest[LT_TOPIC_MAX_BYTES + 1];
    (void)state;
    assert_int_equal(lt_topic_build("p", "s", LT_TOPIC_CALL, "a+b", topic), LT_ERR_INVALID);
    assert_int_equal(lt_topic_build("p", "s", LT_TOPIC_CALL, "a#", topic), LT_ERR_INVALID);
    assert_int_equal(lt_topic_build("p", "s", LT_TOPIC_CALL, "", topic), LT_ERR_INVALID);
    assert_int_equal(lt_topic_build("p", "s", LT_TOPIC_CALL, "+", topic), LT_OK);
    assert_string_equal(topic, "p/s/call/+");
    memset(longest, 'a', sizeof longest);
    longest[LT_TOPIC_MAX_BYTES] = '\0';
    assert_int_equal(lt_topic_build("p", "s", LT_TOPIC_CALL, longest, topic), LT_ERR_LIMIT);
}

static void test_topic_share__group_or_none__filter(void **state)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    (void)state;
    assert_int_equal(lt_topic_share("", "a/b", topic), LT_OK);
    assert_string_equal(topic, "a/b");
    assert_int_equal(lt_topic_share("g", "a/b", topic), LT_OK);
    assert_string_equal(topic, "$share/g/a/b");
}

static void test_topic_may_reply__only_below_reply__of_the_same_site(void **state)
{
    static const struct {
        const char *topic;
        int may;
    } rows[] = {
        {"lintel/home/reply/a", 1},        {"lintel/home/reply/a/b", 1},
        {"zigbee2mqtt/front_door/set", 0}, {"lintel/home/call/HassTurnOff", 0},
        {"lintel/other/reply/a", 0},       {"lintel/home/reply/", 0},
        {"lintel/home/reply", 0},          {"lintel/home/reply/+", 0},
        {"lintel/home/reply/#", 0},        {"lintel/home/reply/a\nb", 0},
        {"lintel/home/reply//a", 0},       {"lintel/home/reply/a/", 0},
        {"lintel/home/request", 0},        {"", 0},
        {"$SYS/lintel/home/reply/a", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(lt_topic_may_reply("lintel", "home", rows[i].topic), rows[i].may);
}

static void test_topic_is_site__table__one_plain_level(void **state)
{
    (void)state;
    assert_true(lt_topic_is_site("home"));
    assert_false(lt_topic_is_site(""));
    assert_false(lt_topic_is_site("a/b"));
    assert_false(lt_topic_is_site("+"));
    assert_false(lt_topic_is_site("$SYS"));
    assert_false(lt_topic_is_site("a\tb"));
}

static void test_topic_matches__table__as_mqtt_says(void **state)
{
    static const struct {
        const char *filter, *topic;
        int is;
    } rows[] = {{"a/b", "a/b", 1},     {"a/b", "a/bc", 0},   {"a/b", "a", 0},
                {"+/+/c", "a/b/c", 1}, {"+/c", "a/b/c", 0},  {"a/+", "a/", 1},
                {"a/+", "a", 0},       {"a/#", "a/b/c", 1},  {"a/#", "a", 1},
                {"a/#", "ab", 0},      {"+/+/x", "a//x", 1}, {"+", "", 1},
                {"a/+/c", "a/b/d", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (lt_topic_matches(rows[i].filter, rows[i].topic) != rows[i].is)
            fail_msg("%s, %s", rows[i].filter, rows[i].topic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topic_parse__table__kind_site_and_rest),
        cmocka_unit_test(test_topic_parse__prefix_of_two_levels__is_taken_off),
        cmocka_unit_test(test_topic_parse__site_of_65_bytes__is_other),
        cmocka_unit_test(test_topic_build__all_kinds__parse_back),
        cmocka_unit_test(test_topic_build__bad_rest__is_refused),
        cmocka_unit_test(test_topic_share__group_or_none__filter),
        cmocka_unit_test(test_topic_may_reply__only_below_reply__of_the_same_site),
        cmocka_unit_test(test_topic_is_site__table__one_plain_level),
        cmocka_unit_test(test_topic_matches__table__as_mqtt_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
