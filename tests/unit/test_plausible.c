/* test_plausible.c - calls whose thing the words contradict, and many whose thing they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_home.h"
#include "plausible.h"

static const char home[] =
    "{\"tools\":["
    "{\"name\":\"HassTurnOn\",\"description\":\"Turns on, opens or presses a device\","
    "\"parameters\":{\"type\":\"object\"}},"
    "{\"name\":\"HassGetState\",\"description\":\"State of a device\","
    "\"parameters\":{\"type\":\"object\"}},"
    "{\"name\":\"HassHumidifierSetpoint\",\"description\":\"Set target humidity level\","
    "\"parameters\":{\"type\":\"object\"}},"
    "{\"name\":\"HassLawnMowerStartMowing\",\"description\":\"Starts a lawn mower\","
    "\"parameters\":{\"type\":\"object\"}}],"
    "\"home\":{\"areas\":[{\"name\":\"Bathroom\"},{\"name\":\"Lounge\"},{\"name\":\"Garden\"}],"
    "\"entities\":["
    "{\"id\":\"light.m\",\"name\":\"Bathroom Mirror\",\"area\":\"Bathroom\",\"domain\":\"light\"},"
    "{\"id\":\"light.l\",\"name\":\"Lounge\",\"area\":\"Lounge\",\"domain\":\"light\"},"
    "{\"id\":\"light.r\",\"name\":\"Reading Corner\",\"aliases\":[\"Leselampe\"],"
    "\"area\":\"Lounge\",\"domain\":\"light\"},"
    "{\"id\":\"humidifier.h\",\"name\":\"Humidifier\",\"area\":\"Lounge\","
    "\"domain\":\"humidifier\"},"
    "{\"id\":\"lawn_mower.m\",\"name\":\"Lawn Mower\",\"area\":\"Garden\","
    "\"domain\":\"lawn_mower\"},"
    "{\"id\":\"switch.s\",\"name\":\"Lawn Sprinkler\",\"area\":\"Garden\",\"domain\":\"switch\"},"
    "{\"id\":\"valve.w\",\"name\":\"Water Valve\",\"area\":\"Garden\",\"domain\":\"valve\"},"
    "{\"id\":\"sensor.w\",\"name\":\"Weather Mast\",\"area\":\"Garden\",\"domain\":\"sensor\"},"
    "{\"id\":\"cover.g\",\"name\":\"Café Blind\",\"area\":\"Lounge\",\"domain\":\"cover\"}]}}";

static struct lt_plausible_home *names;

static int group_setup(void **state)
{
    (void)state;
    return open_home(home) || lt_plausible_home_new(catalog, &names);
}

static int group_teardown(void **state)
{
    lt_plausible_home_free(names);
    return close_home(state);
}

static const struct lt_entity *rival;

static enum lt_plausible judge(const char *text, const char *calls)
{
    struct lt_words said;
    json_t *v = json_loads(calls, 0, NULL);
    assert_non_null(v);
    lt_words_split(text, &said);
    enum lt_plausible p = lt_plausible_judge(names, &said, v, &rival);
    json_decref(v);
    return p;
}

#define CALL(tool, thing) "[{\"name\":\"" tool "\",\"arguments\":{\"name\":\"" thing "\"}}]"

static void test_judge__another_is_named_in_full__doubted(void **state)
{
    (void)state;
    assert_int_equal(
        judge("bathroom mirror to 80 percent", CALL("HassHumidifierSetpoint", "Humidifier")),
        LT_PLAUSIBLE_OTHER);
    assert_string_equal(rival->id, "light.m");
    assert_int_equal(judge("leselampe an", CALL("HassTurnOn", "Bathroom Mirror")),
                     LT_PLAUSIBLE_OTHER);
    assert_string_equal(rival->id, "light.r");
    assert_int_equal(judge("open the cafe blind", CALL("HassTurnOn", "Humidifier")),
                     LT_PLAUSIBLE_OTHER);
}

static void test_judge__words_end_with_the_opposite__doubted(void **state)
{
    (void)state;
    static const char off[] = CALL("HassTurnOff", "Bathroom Mirror");
    static const char on[] = CALL("HassTurnOn", "Bathroom Mirror");

    assert_int_equal(judge("only leave the bathroom mirror on", off), LT_PLAUSIBLE_CONTRARY);
    assert_null(rival);
    assert_int_equal(judge("only leave the bathroom mirror on", on), LT_PLAUSIBLE);
    assert_int_equal(judge("the bathroom mirror must not stay off", on), LT_PLAUSIBLE_CONTRARY);
    assert_int_equal(judge("turn off the bathroom mirror that is on", off), LT_PLAUSIBLE);
    assert_int_equal(judge("bathroom mirror aus", on), LT_PLAUSIBLE_CONTRARY);
    assert_int_equal(judge("robot go home", "[{\"name\":\"HassVacuumStart\",\"arguments\":{}}]"),
                     LT_PLAUSIBLE_CONTRARY);
    assert_int_equal(judge("hoover the home", "[{\"name\":\"HassVacuumStart\",\"arguments\":{}}]"),
                     LT_PLAUSIBLE);
}

static void test_judge__word_is_left_where_two_share_a_name__doubted(void **state)
{
    (void)state;
    assert_int_equal(judge("water the lawn", CALL("HassLawnMowerStartMowing", "Lawn Mower")),
                     LT_PLAUSIBLE_LEFT);
    assert_string_equal(rival->id, "switch.s");
    assert_int_equal(
        judge("water the lawn", "[{\"name\":\"HassLawnMowerStartMowing\",\"arguments\":{}}]"),
        LT_PLAUSIBLE_LEFT);
    assert_string_equal(rival->id, "switch.s");
    assert_int_equal(judge("fertilise the lawn", CALL("HassTurnOn", "Lawn Sprinkler")),
                     LT_PLAUSIBLE_LEFT);
    assert_string_equal(rival->id, "lawn_mower.m");
}

static void test_judge__words_belong_to_the_thing_or_its_tool__kept(void **state)
{
    (void)state;
    assert_int_equal(judge("mow the lawn", CALL("HassLawnMowerStartMowing", "Lawn Mower")),
                     LT_PLAUSIBLE);
    assert_int_equal(judge("sprinkle the lawn", CALL("HassTurnOn", "Lawn Sprinkler")),
                     LT_PLAUSIBLE);
    assert_int_equal(
        judge("get going with the lawn mower", CALL("HassLawnMowerStartMowing", "Lawn Mower")),
        LT_PLAUSIBLE);
    assert_int_equal(judge("set the humidity to 50", CALL("HassHumidifierSetpoint", "Humidifier")),
                     LT_PLAUSIBLE);
    assert_int_equal(judge("i can't see myself shaving", CALL("HassTurnOn", "Bathroom Mirror")),
                     LT_PLAUSIBLE);
    assert_null(rival);
}

static void test_judge__only_a_room_is_said__kept(void **state)
{
    (void)state; /* the light that is called as its room is not "named in full" by the room */
    assert_int_equal(judge("moister air in the lounge", CALL("HassTurnOn", "Humidifier")),
                     LT_PLAUSIBLE);
}

static void test_judge__other_is_called_too_or_only_tells__kept(void **state)
{
    (void)state;
    assert_int_equal(
        judge("bathroom mirror and moister air",
              "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Bathroom Mirror\"}},"
              "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Humidifier\"}}]"),
        LT_PLAUSIBLE);
    assert_int_equal(judge("the weather mast says it is dry", CALL("HassTurnOn", "Humidifier")),
                     LT_PLAUSIBLE);
}

static void test_judge__listed_and_left_out__doubted(void **state)
{
    (void)state;
    static const char two[] =
        "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Lawn Sprinkler\"}},"
        "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Café Blind\"}}]";
    assert_int_equal(judge("the humidifier, the lawn sprinkler and the cafe blind on", two),
                     LT_PLAUSIBLE_OUT);
    assert_string_equal(rival->id, "humidifier.h");
    assert_int_equal(judge("turn on the reading corner and the humidifier",
                           CALL("HassTurnOn", "Reading Corner")),
                     LT_PLAUSIBLE_OUT);
    /* nothing is listed; all that is has a call; a word that is passed on names nothing */
    assert_int_equal(judge("the cafe blind and the lawn sprinkler please", two), LT_PLAUSIBLE);
    assert_int_equal(
        judge("the reading corner, not the humidifier", CALL("HassTurnOn", "Reading Corner")),
        LT_PLAUSIBLE);
    assert_int_equal(judge("reading corner and write down humidifier",
                           "[{\"name\":\"HassTurnOn\",\"arguments\":"
                           "{\"name\":\"Reading Corner\",\"item\":\"humidifier\"}}]"),
                     LT_PLAUSIBLE);
}

static void test_judge__queries_and_broken_calls__left_alone(void **state)
{
    (void)state;
    assert_int_equal(judge("bathroom mirror", CALL("HassGetState", "Humidifier")), LT_PLAUSIBLE);
    assert_int_equal(judge("bathroom mirror", CALL("HassTurnOn", "Nobody")), LT_PLAUSIBLE);
    assert_int_equal(judge("bathroom mirror", "[1,{},{\"name\":7},{\"arguments\":[]}]"),
                     LT_PLAUSIBLE);
    assert_int_equal(judge("", CALL("HassTurnOn", "Humidifier")), LT_PLAUSIBLE);
}

#define IN(tool, room, domain)                                                                     \
    "{\"name\":\"" tool "\",\"arguments\":{\"area\":\"" room "\",\"domain\":\"" domain "\"}}"

static void test_judge__another_room_is_named__doubted(void **state)
{
    (void)state;
    /* it stands elsewhere */
    assert_int_equal(
        judge("turn on the humidifier in the bathroom", CALL("HassTurnOn", "Humidifier")),
        LT_PLAUSIBLE_ROOM);
    assert_int_equal(judge("bathroom lights on", "[" IN("HassTurnOn", "Lounge", "light") "]"),
                     LT_PLAUSIBLE_ROOM);
    /* one of two rooms has no call, or a second call is for a room that nobody named */
    assert_int_equal(
        judge("bathroom and lounge lights on", "[" IN("HassTurnOn", "Lounge", "light") "]"),
        LT_PLAUSIBLE_ROOM);
    assert_int_equal(judge("bathroom light on and make it red",
                           "[" IN("HassTurnOn", "Bathroom", "light") "," IN("HassTurnOn", "Lounge",
                                                                            "light") "]"),
                     LT_PLAUSIBLE_ROOM);
}

static void test_judge__rooms_as_the_calls_have_them__kept(void **state)
{
    (void)state;
    assert_int_equal(
        judge("turn on the humidifier in the lounge", CALL("HassTurnOn", "Humidifier")),
        LT_PLAUSIBLE);
    assert_int_equal(judge("bathroom and lounge lights on",
                           "[" IN("HassTurnOn", "Lounge", "light") "," IN("HassTurnOn", "Bathroom",
                                                                          "light") "]"),
                     LT_PLAUSIBLE);
    assert_int_equal(judge("lights on", "[" IN("HassTurnOn", "Lounge", "light") "]"), LT_PLAUSIBLE);
    /* no room is named but in what is passed on; what wanders has no room */
    assert_int_equal(judge("put lounge chair on the list",
                           "[{\"name\":\"HassTurnOn\",\"arguments\":"
                           "{\"name\":\"Bathroom Mirror\",\"item\":\"lounge chair\"}}]"),
                     LT_PLAUSIBLE);
    assert_int_equal(judge("mow beside the lounge", CALL("HassLawnMowerStartMowing", "Lawn Mower")),
                     LT_PLAUSIBLE);
    assert_int_equal(judge("is it damp in the bathroom", CALL("HassGetState", "Humidifier")),
                     LT_PLAUSIBLE);
}

static void test_judge__another_kind_is_named__doubted(void **state)
{
    (void)state;
    assert_int_equal(judge("bathroom fan on", "[" IN("HassTurnOn", "Bathroom", "light") "]"),
                     LT_PLAUSIBLE_KIND);
    assert_int_equal(judge("bathroom light on", "[" IN("HassTurnOn", "Bathroom", "light") "]"),
                     LT_PLAUSIBLE);
    assert_int_equal(
        judge("it is dark in the bathroom", "[" IN("HassTurnOn", "Bathroom", "light") "]"),
        LT_PLAUSIBLE);
}

static void test_judge__text_too_long__left_alone(void **state)
{
    char text[2 * LT_WORDS_BYTES] = "bathroom mirror";
    (void)state;
    while (strlen(text) < LT_WORDS_BYTES + 20) strcat(text, " quickly");
    assert_int_equal(judge(text, CALL("HassTurnOn", "Humidifier")), LT_PLAUSIBLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__another_is_named_in_full__doubted),
        cmocka_unit_test(test_judge__words_end_with_the_opposite__doubted),
        cmocka_unit_test(test_judge__word_is_left_where_two_share_a_name__doubted),
        cmocka_unit_test(test_judge__words_belong_to_the_thing_or_its_tool__kept),
        cmocka_unit_test(test_judge__only_a_room_is_said__kept),
        cmocka_unit_test(test_judge__other_is_called_too_or_only_tells__kept),
        cmocka_unit_test(test_judge__listed_and_left_out__doubted),
        cmocka_unit_test(test_judge__queries_and_broken_calls__left_alone),
        cmocka_unit_test(test_judge__another_room_is_named__doubted),
        cmocka_unit_test(test_judge__rooms_as_the_calls_have_them__kept),
        cmocka_unit_test(test_judge__another_kind_is_named__doubted),
        cmocka_unit_test(test_judge__text_too_long__left_alone),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
