/* test_privacy.c - what leaves the house carries no name that the rules hide, and what comes back
 * names the home's own things again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/json.h"
#include "privacy.h"

#define HOME                                                                                       \
    "{\"tools\":[{\"name\":\"light_set\",\"description\":\"Lights such as Anna's Lamp.\","         \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"enum\":[" \
    "\"Anna's Lamp\",\"TV\"]}}}}],\"home\":{\"areas\":[{\"name\":\"Nursery\",\"floor\":\"Upper "   \
    "Floor\",\"aliases\":[\"baby room\"]},{\"name\":\"Study\"}],\"entities\":["                    \
    "{\"id\":\"light.a\",\"name\":\"Anna's Lamp\",\"area\":\"Nursery\",\"domain\":\"light\","      \
    "\"aliases\":[\"night light\"]},{\"id\":\"media_player.t\",\"name\":\"TV\",\"area\":"          \
    "\"Study\",\"domain\":\"media_player\"}]}}"

struct world {
    struct lt_docs *docs;
    struct lt_catalog *catalog;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct lt_diag d = {0};
    if (lt_docs_open(&w->docs, &d) ||
        lt_catalog_parse(w->docs, HOME, strlen(HOME), &w->catalog, &d))
        fail_msg("%s", d.text);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    lt_catalog_unref(w->catalog);
    lt_docs_close(w->docs);
    free(w);
    return 0;
}

static struct lt_veil *veil(struct world *w, struct lt_privacy_rules rules,
                            struct lt_veil_home **home)
{
    struct lt_veil *v = NULL;
    assert_int_equal(lt_veil_home_new(w->catalog, &rules, home), LT_OK);
    assert_int_equal(lt_veil_new(*home, &rules, &v), LT_OK);
    return v;
}

static void end(struct lt_veil *v, struct lt_veil_home *home)
{
    lt_veil_free(v);
    lt_veil_home_unref(home);
}

static void test_veil__texts__hidden_and_shown_again(void **state)
{
    static const char *const names[] = {"Anna", "Tom Miller", NULL};
    static const struct {
        const char *said, *sent;
    } rows[] = {
        {"call Anna at 0171 555 1234", "call Person-1 at Number-1"},
        {"tell ANNA and tom miller hello", "tell Person-1 and Person-2 hello"},
        {"Annabel is not Anna", "Annabel is not Person-1"},
        {"write to a.b+c@example.co.uk.", "write to Address-1."},
        {"open https://example.org/x?y=1 now", "open Address-1 now"},
        {"navigate to 221b Baker Street", "navigate to Address-1"},
        {"fahr zur Hauptstra\xc3\x9f"
         "e 5",
         "fahr zur Address-1"},
        {"my card is 4111-1111-1111-1111, again 4111-1111-1111-1111",
         "my card is Number-1, again Number-1"},
        /* what a call needs stays */
        {"dim to 30 percent at 18:00", "dim to 30 percent at 18:00"},
        {"an alarm on 23.11.2026 and 2026-11-24", "an alarm on 23.11.2026 and 2026-11-24"},
        {"set it to 6500 kelvin", "set it to 6500 kelvin"},
        {"", ""},
    };
    struct lt_privacy_rules rules = {.hide = LT_HIDE_NAMES | LT_HIDE_NUMBERS | LT_HIDE_ADDRESSES,
                                     .names = names};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_veil_home *home = NULL;
        struct lt_veil *v = veil(*state, rules, &home);
        char *sent = lt_veil_hide(v, rows[i].said);
        assert_string_equal(sent, rows[i].sent);
        char *shown = lt_veil_show(v, sent);
        /* the first spelling stands for all, in whatever capitals */
        assert_int_equal(strlen(shown), strlen(rows[i].said));
        if (i != 1) assert_string_equal(shown, rows[i].said);
        free(shown);
        free(sent);
        end(v, home);
    }
}

static void test_veil__home__no_name_leaves_and_calls_resolve(void **state)
{
    static const char *const secrets[] = {"Anna", "Lamp",  "Nursery", "Study",
                                          "TV",   "Upper", "baby"};
    struct lt_privacy_rules rules = {.hide = LT_HIDE_HOME};
    struct lt_veil_home *home = NULL;
    struct world *w = *state;
    struct lt_veil *v = veil(w, rules, &home);
    struct lt_diag d = {0};
    char *sent = lt_veil_hide(v, "turn on anna's lamp and the night light in the baby room");
    assert_string_equal(sent, "turn on Device-1 and the Device-1 in the Area-1");
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        assert_null(strstr(sent, secrets[i]));
        assert_null(strstr(lt_veil_home_summary(home), secrets[i]));
    }
    assert_non_null(strstr(lt_veil_home_summary(home), "- Device-1 [light] in Area-1"));
    assert_non_null(lt_veil_home_tools(home, &d));
    json_t *call = json_pack("{s:s,s:[s],s:i}", "name", "device-1", "area", "AREA-2", "n", 3);
    json_t *shown = lt_veil_show_json(v, call);
    assert_string_equal(json_string_value(json_object_get(shown, "name")), "Anna's Lamp");
    assert_string_equal(json_string_value(json_array_get(json_object_get(shown, "area"), 0)),
                        "Study");
    assert_int_equal(json_integer_value(json_object_get(shown, "n")), 3);
    char *other = lt_veil_show(v, "Device-12 and XDevice-1 stay");
    assert_string_equal(other, "Device-12 and XDevice-1 stay");
    free(other);
    json_decref(call);
    json_decref(shown);
    free(sent);
    end(v, home);
}

static void test_veil__private_area__is_not_listed_and_not_asked_about(void **state)
{
    static const char *const areas[] = {"nursery", NULL};
    struct lt_privacy_rules rules = {.private_areas = areas};
    struct lt_veil_home *home = NULL;
    struct world *w = *state;
    struct lt_veil *v = veil(w, rules, &home);
    assert_null(strstr(lt_veil_home_summary(home), "Nursery"));
    assert_null(strstr(lt_veil_home_summary(home), "Anna"));
    assert_non_null(strstr(lt_veil_home_summary(home), "TV"));
    assert_true(lt_privacy_is_private(w->catalog, areas, "is the Nursery warm"));
    assert_true(lt_privacy_is_private(w->catalog, areas, "switch the night light on"));
    assert_false(lt_privacy_is_private(w->catalog, areas, "switch the night lights on"));
    assert_false(lt_privacy_is_private(w->catalog, areas, "the TV please"));
    assert_false(lt_privacy_is_private(w->catalog, NULL, "the Nursery"));
    end(v, home);
}

static void test_veil__more_than_the_limit__the_rest_stays(void **state)
{
    struct lt_privacy_rules rules = {.hide = LT_HIDE_NUMBERS};
    struct lt_veil_home *home = NULL;
    struct lt_veil *v = veil(*state, rules, &home);
    char text[16 * (LT_VEIL_MAX + 2)] = "";
    for (int i = 0; i < LT_VEIL_MAX + 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "a %d ", 100000 + i);
    char *sent = lt_veil_hide(v, text);
    assert_non_null(strstr(sent, "Number-128"));
    assert_null(strstr(sent, "Number-129"));
    char *shown = lt_veil_show(v, sent);
    assert_string_equal(shown, text);
    free(shown);
    free(sent);
    end(v, home);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_veil__texts__hidden_and_shown_again),
        TEST(test_veil__home__no_name_leaves_and_calls_resolve),
        TEST(test_veil__private_area__is_not_listed_and_not_asked_about),
        TEST(test_veil__more_than_the_limit__the_rest_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
