/* test_same_calls.c - two ways to say the same are one call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/docs.h"
#include "same_calls.h"

static const char home[] =
    "{\"tools\":[{\"name\":\"HassTurnOn\",\"description\":\"Turns on\","
    "\"parameters\":{\"type\":\"object\"}}],"
    "\"home\":{\"areas\":[{\"name\":\"Hall\"},{\"name\":\"Kitchen\"}],\"entities\":["
    "{\"id\":\"light.h\",\"name\":\"Hall Lamp\",\"area\":\"Hall\",\"domain\":\"light\"},"
    "{\"id\":\"fan.h\",\"name\":\"Hall Fan\",\"area\":\"Hall\",\"domain\":\"fan\"},"
    "{\"id\":\"light.k\",\"name\":\"Counter\",\"area\":\"Kitchen\",\"domain\":\"light\"},"
    "{\"id\":\"light.t\",\"name\":\"Table\",\"area\":\"Kitchen\",\"domain\":\"light\"},"
    "{\"id\":\"light.n\",\"name\":\"Nowhere\",\"domain\":\"light\"}]}}";

static struct lt_docs *docs;
static struct lt_catalog *catalog;

static int group_setup(void **state)
{
    struct lt_diag diag = {0};
    (void)state;
    assert_int_equal(lt_docs_open(&docs, &diag), LT_OK);
    if (lt_catalog_parse(docs, home, strlen(home), &catalog, &diag)) fail_msg("%s", diag.text);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    lt_catalog_unref(catalog);
    lt_docs_close(docs);
    return 0;
}

static int is_same(const char *a, const char *b)
{
    char *x = lt_same_calls_key(catalog, a), *y = lt_same_calls_key(catalog, b);
    assert_true(x && y);
    int is = !strcmp(x, y);
    free(x);
    free(y);
    return is;
}

#define CALL(tool, args) "[{\"name\":\"" tool "\",\"arguments\":{" args "}}]"

static void test_same_calls_key__only_light_of_a_room__is_the_room(void **state)
{
    (void)state;
    const char *lamp = CALL("HassTurnOn", "\"name\":\"Hall Lamp\"");
    assert_true(is_same(lamp, CALL("HassTurnOn", "\"area\":\"hall\",\"domain\":\"light\"")));
    assert_true(is_same(lamp, CALL("HassTurnOn", "\"domain\":[\"light\"],\"area\":\"Hall\"")));
    assert_true(is_same(CALL("HassLightSet", "\"brightness\":20,\"name\":\"Hall Lamp\""),
                        CALL("HassLightSet", "\"area\":\"Hall\",\"brightness\":20")));
}

static void test_same_calls_key__several_or_other__differ(void **state)
{
    (void)state;
    const char *lamp = CALL("HassTurnOn", "\"name\":\"Hall Lamp\"");
    assert_false(is_same(lamp, CALL("HassTurnOff", "\"name\":\"Hall Lamp\"")));
    assert_false(is_same(lamp, CALL("HassTurnOn", "\"area\":\"Hall\",\"domain\":\"fan\"")));
    assert_false(is_same(lamp, CALL("HassTurnOn", "\"area\":\"Hall\"")));
    assert_false(is_same(CALL("HassTurnOn", "\"name\":\"Counter\""),
                         CALL("HassTurnOn", "\"area\":\"Kitchen\",\"domain\":\"light\"")));
    assert_false(is_same(CALL("HassLightSet", "\"area\":\"Hall\",\"brightness\":20"),
                         CALL("HassLightSet", "\"area\":\"Hall\",\"brightness\":30")));
}

static void test_same_calls_key__odd_or_broken__kept_or_null(void **state)
{
    (void)state;
    assert_true(is_same("[]", " [ ] "));
    assert_true(is_same("[{\"name\":1}]", "[{\"name\":1}]"));
    assert_true(is_same("[{\"name\":\"a\",\"arguments\":{\"area\":7,\"domain\":[]}}]",
                        "[{\"arguments\":{\"domain\":[],\"area\":7},\"name\":\"a\"}]"));
    assert_null(lt_same_calls_key(catalog, "[{"));
    assert_null(lt_same_calls_key(catalog, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_calls_key__only_light_of_a_room__is_the_room),
        cmocka_unit_test(test_same_calls_key__several_or_other__differ),
        cmocka_unit_test(test_same_calls_key__odd_or_broken__kept_or_null),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
