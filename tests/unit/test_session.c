/* test_session.c - two turns over a small home: what is asked, what an answer means, what is undone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_home.h"
#include "session.h"

#define S       1000000
#define KEY     "home\ns:1"
#define CALLS_L "[{\"name\":\"HassTurnOff\",\"arguments\":{\"domain\":\"light\"}}]"

static const char home[] =
    "{\"tools\":["
    "{\"name\":\"HassTurnOn\",\"description\":\"on\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"area\":{\"type\":\"string\"},\"domain\":{\"type\":\"string\"}"
    "}}},"
    "{\"name\":\"HassTurnOff\",\"description\":\"off\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"area\":{\"type\":\"string\"},\"domain\":{\"type\":\"string\"}"
    "}}},"
    "{\"name\":\"HassLightSet\",\"description\":\"set\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"brightness\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":"
    "100}}}},"
    "{\"name\":\"HassSetVolume\",\"description\":\"volume\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"volume_level\":{\"type\":\"integer\",\"minimum\":0,"
    "\"maximum\":100}}}},"
    "{\"name\":\"HassStartTimer\",\"description\":\"timer\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{"
    "\"hours\":{\"type\":\"integer\"},\"minutes\":{\"type\":\"integer\"},\"seconds\":{\"type\":"
    "\"integer\"}}}},"
    "{\"name\":\"HassShoppingListAddItem\",\"description\":\"list\",\"parameters\":{\"type\":"
    "\"object\","
    "\"properties\":{\"item\":{\"type\":\"string\"}}}}],"
    "\"home\":{\"areas\":[{\"name\":\"Kitchen\"},{\"name\":\"Bedroom\"}],\"entities\":["
    "{\"id\":\"light.a\",\"name\":\"Ceiling Light\",\"area\":\"Kitchen\",\"domain\":\"light\"},"
    "{\"id\":\"light.b\",\"name\":\"Ceiling Light\",\"area\":\"Bedroom\",\"domain\":\"light\"},"
    "{\"id\":\"light.c\",\"name\":\"Reading Lamp\",\"aliases\":[\"book "
    "lamp\"],\"area\":\"Bedroom\","
    "\"domain\":\"light\"},"
    "{\"id\":\"media_player.tv\",\"name\":\"Television\",\"area\":\"Bedroom\",\"domain\":\"media_"
    "player\"}]}}";

static struct lt_talk *talk;
static struct lt_turn turn;
static lt_us now;

static int group_setup(void **state)
{
    (void)state;
    return open_home(home);
}

static int each_setup(void **state)
{
    struct lt_talk_options o = {.question_us = 30 * S, .undo_us = 60 * S};
    (void)state;
    now = 100 * S;
    talk = lt_talk_new(&o);
    return !talk;
}

static int each_teardown(void **state)
{
    (void)state;
    lt_turn_free(&turn);
    lt_talk_free(talk);
    return 0;
}

static enum lt_turn_kind say_as(const char *key, const char *text, int is_command)
{
    struct lt_turn_in in = {
        .key = key, .text = text, .catalog = catalog, .now_us = now, .is_command = is_command};
    lt_turn_free(&turn);
    lt_talk_turn(talk, &in, 0, &turn);
    return turn.kind;
}

static void expect_calls(const char *text, const char *calls)
{
    json_t *want = json_loads(calls, 0, NULL);
    enum lt_turn_kind kind = say_as(KEY, text, 0);
    if (kind != LT_TURN_CALLS || !json_equal(want, turn.calls))
        fail_msg("\"%s\": %d %s %s", text, (int)kind, turn.speech,
                 turn.calls ? json_dumps(turn.calls, 0) : "-");
    json_decref(want);
}

static void ask_which(const char *calls)
{
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    json_t *list = json_loads(calls, 0, NULL);
    lt_ask_unclear(NULL, catalog, list, &q);
    assert_int_equal(q.kind, LT_ASK_CHOICE);
    lt_talk_ask(talk, KEY, &q, now);
    json_decref(list);
}

/* A question about what was said; the network's calls may be "[]". */
static enum lt_ask_kind ask_about(const char *text, const char *calls)
{
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    struct lt_words said;
    json_t *list = json_loads(calls, 0, NULL);
    lt_words_split(text, &said);
    if (json_array_size(list))
        lt_ask_missing(NULL, &said, list, &q);
    else
        lt_ask_opener(NULL, catalog, &said, &q);
    enum lt_ask_kind kind = q.kind;
    if (kind != LT_ASK_NOTHING) lt_talk_ask(talk, KEY, &q, now);
    json_decref(list);
    lt_question_free(&q);
    return kind;
}

static void did(const char *calls)
{
    json_t *list = json_loads(calls, 0, NULL);
    lt_talk_executed(talk, KEY, list, NULL, NULL, now);
    json_decref(list);
}

static void test_choice__answers__the_entity_named_exactly(void **state)
{
    static const struct {
        const char *text, *arguments;
    } rows[] = {
        {"the one in the kitchen", "{\"name\":\"Ceiling Light\",\"area\":\"Kitchen\"}"},
        {"Kitchen!", "{\"name\":\"Ceiling Light\",\"area\":\"Kitchen\"}"},
        {"bedroom ceiling light", "{\"name\":\"Ceiling Light\",\"area\":\"Bedroom\"}"},
        {"the reading lamp, please", "{\"name\":\"Reading Lamp\"}"},
        {"book lamp", "{\"name\":\"Reading Lamp\"}"},
        {"I mean the reading one", "{\"name\":\"Reading Lamp\"}"},
        {"the third", "{\"name\":\"Reading Lamp\"}"},
        {"the last one", "{\"name\":\"Reading Lamp\"}"},
        {"2", "{\"name\":\"Ceiling Light\",\"area\":\"Bedroom\"}"},
    };
    char calls[200];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask_which(CALLS_L);
        snprintf(calls, sizeof calls, "[{\"name\":\"HassTurnOff\",\"arguments\":%s}]",
                 rows[i].arguments);
        expect_calls(rows[i].text, calls);
        lt_talk_forget(talk, KEY);
    }
    ask_which(CALLS_L);
    assert_int_equal(say_as(KEY, "all of them", 0), LT_TURN_CALLS);
    assert_int_equal(json_array_size(turn.calls), 3);
}

static void test_choice__not_an_answer__asked_again_twice_then_left(void **state)
{
    (void)state;
    ask_which(CALLS_L);
    assert_int_equal(say_as(KEY, "banana", 0), LT_TURN_ASK);
    assert_int_equal(json_array_size(turn.choices), 3);
    assert_int_equal(say_as(KEY, "the ceiling light", 0), LT_TURN_ASK); /* two of them */
    assert_int_equal(json_array_size(turn.choices), 2);
    assert_non_null(strstr(turn.speech, "in the Kitchen"));
    assert_int_equal(say_as(KEY, "banana", 0), LT_TURN_DROP);
    assert_int_equal(say_as(KEY, "kitchen", 0), LT_TURN_NEW);
}

static void test_choice__command_time_and_session__question_is_over(void **state)
{
    (void)state;
    ask_which(CALLS_L);
    assert_int_equal(say_as("home\ns:2", "the kitchen", 0), LT_TURN_NEW);
    assert_int_equal(say_as(KEY, "turn on the television", 1), LT_TURN_NEW);
    assert_int_equal(say_as(KEY, "kitchen", 0), LT_TURN_NEW);
    ask_which(CALLS_L);
    now += 31 * S;
    assert_int_equal(say_as(KEY, "kitchen", 0), LT_TURN_NEW);
    ask_which(CALLS_L);
    assert_int_equal(say_as(KEY, "never mind", 1), LT_TURN_DROP);
    assert_int_equal(say_as(KEY, "kitchen", 0), LT_TURN_NEW);
}

static void test_missing__span_number_text__filled_and_checked(void **state)
{
    (void)state;
    assert_int_equal(ask_about("set a timer", "[{\"name\":\"HassStartTimer\",\"arguments\":{}}]"),
                     LT_ASK_SPAN);
    expect_calls("an hour and a half",
                 "[{\"name\":\"HassStartTimer\",\"arguments\":{\"hours\":1,\"minutes\":30}}]");
    lt_talk_forget(talk, KEY);
    /* the network had to say some number; nobody said one */
    assert_int_equal(
        ask_about("set the brightness of the reading lamp",
                  "[{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"Reading Lamp\","
                  "\"brightness\":1}}]"),
        LT_ASK_NUMBER);
    assert_int_equal(say_as(KEY, "150 percent", 0), LT_TURN_ASK); /* the schema says no */
    expect_calls("to fifty percent",
                 "[{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"Reading "
                 "Lamp\",\"brightness\":50}}]");
    lt_talk_forget(talk, KEY);
    assert_int_equal(
        ask_about("dim the reading lamp",
                  "[{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"Reading Lamp\","
                  "\"brightness\":1}}]"),
        LT_ASK_NOTHING);
    assert_int_equal(
        ask_about("add to the shopping list",
                  "[{\"name\":\"HassShoppingListAddItem\",\"arguments\":{\"item\":\"to "
                  "the shopping\"}}]"),
        LT_ASK_TEXT);
    assert_int_equal(say_as(KEY, "turn on the television", 1), LT_TURN_NEW);
    assert_int_equal(ask_about("put something on the shopping list", "[]"), LT_ASK_TEXT);
    expect_calls("oat milk", "[{\"name\":\"HassShoppingListAddItem\",\"arguments\":{\"item\":\"oat "
                             "milk\"}}]");
    lt_talk_forget(talk, KEY);
    assert_int_equal(ask_about("set the volume", "[]"), LT_ASK_NUMBER);
    expect_calls("half", "[{\"name\":\"HassSetVolume\",\"arguments\":{\"name\":\"Television\","
                         "\"volume_level\":50}}]");
    assert_int_equal(ask_about("set the volume of history", "[]"), LT_ASK_NOTHING);
    assert_int_equal(ask_about("the volume", "[]"), LT_ASK_NOTHING);
}

static void which(const char *text, const char *here, const char *calls, size_t n)
{
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    struct lt_words said;
    json_t *list = json_loads(calls, 0, NULL);
    lt_words_split(text, &said);
    lt_ask_which(NULL, catalog, &said, here, list, &q);
    if (json_array_size(q.choices) != n)
        fail_msg("%s: %zu choices, %s", text, json_array_size(q.choices), q.speech);
    json_decref(list);
    lt_question_free(&q);
}

static void test_which__nouns_said__as_many_as_have_them(void **state)
{
    (void)state;
    which("turn off the light", NULL, "[]", 3);
    which("turn off the light", "Bedroom", "[]", 2);
    which("turn off the lights", NULL, "[]", 0);
    which("turn off all the light", NULL, "[]", 0);
    which("turn off the ceiling light", NULL, "[]", 2);
    which("turn off the reading lamp", NULL, "[]", 0);
    which("turn off my brain", NULL, "[]", 0);
    which("light", NULL, "[]", 0);
    which("schalte das licht aus", NULL, "[]", 3);
    which("turn off the light", NULL,
          "[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Reading Lamp\"}}]", 3);
    which("dim the light to twenty percent", NULL, "[]", 3);
    which("set the light to 2000", NULL, "[]", 0);
    which("", NULL, "[]", 0);
}

static void test_undo__opposites_once_within_the_minute(void **state)
{
    (void)state;
    assert_int_equal(say_as(KEY, "undo that", 0), LT_TURN_DROP);
    did("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Television\"}},"
        "{\"name\":\"HassMediaPause\",\"arguments\":{}}]");
    expect_calls("undo that",
                 "[{\"name\":\"HassMediaUnpause\",\"arguments\":{}},"
                 "{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Television\"}}]");
    assert_true(turn.is_undo);
    did("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Television\"}}]");
    now += 61 * S;
    assert_int_equal(say_as(KEY, "undo that", 0), LT_TURN_DROP);
    did("[{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"Reading Lamp\",\"brightness\":5}}]");
    assert_int_equal(say_as(KEY, "undo that", 0), LT_TURN_DROP);
    assert_non_null(strstr(turn.speech, "how it was"));
    json_t *deed = json_loads("[{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"Reading "
                              "Lamp\",\"brightness\":5}}]",
                              0, NULL);
    json_t *before = json_loads("[{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"Reading "
                                "Lamp\",\"brightness\":80}}]",
                                0, NULL);
    lt_talk_executed(talk, KEY, deed, before, NULL, now);
    assert_int_equal(say_as(KEY, "undo that", 0), LT_TURN_CALLS);
    assert_true(json_equal(turn.calls, before));
    json_decref(deed);
    json_decref(before);
}

static void test_other__one_or_several__done_or_asked(void **state)
{
    (void)state;
    did("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Reading Lamp\"}}]");
    expect_calls("no, the other one",
                 "[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Reading Lamp\"}},"
                 "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Ceiling "
                 "Light\",\"area\":\"Bedroom\"}}]");
    did("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Ceiling "
        "Light\",\"area\":\"Kitchen\"}}]");
    assert_int_equal(say_as(KEY, "no, the other one", 0), LT_TURN_ASK);
    assert_int_equal(json_array_size(turn.choices), 2);
    expect_calls("the reading lamp",
                 "[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Ceiling "
                 "Light\",\"area\":\"Kitchen\"}},"
                 "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Reading Lamp\"}}]");
    did("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Ceiling "
        "Light\",\"area\":\"Kitchen\"}}]");
    expect_calls("no, the reading lamp",
                 "[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Ceiling "
                 "Light\",\"area\":\"Kitchen\"}},"
                 "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Reading Lamp\"}}]");
    did("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Television\"}}]");
    assert_int_equal(say_as(KEY, "the other one", 0), LT_TURN_DROP);
    assert_int_equal(say_as(KEY, "no more ice cream", 0), LT_TURN_NEW);
}

static void test_describe__any_tool__words(void **state)
{
    static const struct {
        const char *call, *words;
    } rows[] = {
        {"{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Reading Lamp\"}}",
         "turn on the Reading Lamp"},
        {"{\"name\":\"HassStartTimer\",\"arguments\":{\"minutes\":5,\"conversation_command\":"
         "\"turn off the tv\"}}",
         "do this in 5 minutes: turn off the tv"},
        {"{\"name\":\"HassClimateSetTemperature\",\"arguments\":{\"area\":\"Kitchen\","
         "\"temperature\":40}}",
         "set the temperature in the Kitchen to 40 degrees"},
        {"{\"name\":\"open_roof\",\"arguments\":{}}", "do this: open roof"},
    };
    char words[200], tiny[12];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *call = json_loads(rows[i].call, 0, NULL);
        lt_ask_describe(NULL, catalog, call, words, sizeof words);
        assert_string_equal(words, rows[i].words);
        lt_ask_describe(NULL, catalog, call, tiny, sizeof tiny); /* cut, never past the end */
        assert_true(strlen(tiny) < sizeof tiny);
        json_decref(call);
    }
}

static void test_match__numbers__however_written(void **state)
{
    struct lt_words said;
    json_t *choices =
        json_loads("[{\"label\":\"10 minute timer\"},{\"label\":\"5 minute timer\"}]", 0, NULL);
    (void)state;
    lt_words_split("the ten minute one", &said);
    json_t *found = lt_ask_match(choices, &said);
    assert_int_equal(json_array_size(found), 1);
    json_decref(found);
    json_decref(choices);
}

static void test_confirm__yes_no_other__one_answer_counts(void **state)
{
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    json_t *calls =
        json_loads("[{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"Television\"}}]", 0, NULL);
    (void)state;
    lt_ask_confirm(NULL, catalog, calls, 0, &q);
    assert_string_equal(q.speech, "Shall I turn off the Television?");
    lt_talk_ask(talk, KEY, &q, now);
    assert_int_equal(say_as(KEY, "ja", 0), LT_TURN_CALLS);
    assert_true(turn.is_confirmed);
    lt_ask_confirm(NULL, catalog, calls, 0, &q);
    lt_talk_ask(talk, KEY, &q, now);
    assert_int_equal(say_as(KEY, "maybe", 0), LT_TURN_NEW); /* no yes: over */
    assert_int_equal(say_as(KEY, "yes", 0), LT_TURN_NEW);
    lt_ask_confirm(NULL, catalog, calls, 1, &q);
    lt_talk_ask(talk, KEY, &q, now);
    assert_true(lt_talk_wants_pin(talk, KEY, now));
    assert_false(lt_talk_wants_pin(talk, KEY, now + 31 * S));
    assert_int_equal(say_as(KEY, "yes", 0), LT_TURN_DROP); /* a yes is no code */
    json_decref(calls);
}

static void test_memory__many_sessions__the_silent_one_goes(void **state)
{
    char key[LT_TALK_KEY_MAX + 1], session[16];
    json_t *calls =
        json_loads("[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Television\"}}]", 0, NULL);
    (void)state;
    for (int i = 0; i <= LT_TALK_SESSIONS_MAX; i++) {
        snprintf(session, sizeof session, "%d", i);
        lt_talk_key("home", session, NULL, "mqtt", key);
        lt_talk_executed(talk, key, calls, NULL, NULL, now + i);
    }
    assert_int_equal(say_as(key, "undo that", 0), LT_TURN_CALLS);
    lt_talk_key("home", "0", NULL, "mqtt", key);
    assert_int_equal(say_as(key, "undo that", 0), LT_TURN_DROP);
    json_decref(calls);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, each_setup, each_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_choice__answers__the_entity_named_exactly),
        TEST(test_choice__not_an_answer__asked_again_twice_then_left),
        TEST(test_choice__command_time_and_session__question_is_over),
        TEST(test_missing__span_number_text__filled_and_checked),
        TEST(test_which__nouns_said__as_many_as_have_them),
        TEST(test_undo__opposites_once_within_the_minute),
        TEST(test_other__one_or_several__done_or_asked),
        TEST(test_describe__any_tool__words),
        TEST(test_match__numbers__however_written),
        TEST(test_confirm__yes_no_other__one_answer_counts),
        TEST(test_memory__many_sessions__the_silent_one_goes),
    };
    return cmocka_run_group_tests(tests, group_setup, close_home);
}
