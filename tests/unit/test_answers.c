/* test_answers.c - sentences of the shipped table, faults of an edited one, languages told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "answers.h"

static struct lt_answers *shipped(void)
{
    struct lt_answers *a = NULL;
    struct lt_diag diag = {0};
    assert_int_equal(lt_answers_open(SOURCE_DIR "/deploy/answers.json", &a, &diag), LT_OK);
    return a;
}

static void test_answers__questions__every_language_the_same_tools(void **state)
{
    static const struct {
        const char *lang, *what, *arguments, *says;
    } cases[] = {
        {"en", "HassGetState", "{\"name\":\"Washing Machine Leak\",\"state\":\"on\"}",
         "Shall I look whether the Washing Machine Leak is on?"},
        {"en", "HassTurnOn", "{\"name\":\"Lamp\"}", ""}, /* ask.c has the words */
        {"de", "unlock", "{\"name\":\"Haustür\"}", "Soll ich Haustür aufschließen?"},
        {"de", "HassTurnOff", "{\"area\":\"Küche\"}", "Soll ich in Küche alles ausschalten?"},
        {"fr", "HassLightSet", "{\"name\":\"Lampe\",\"color\":\"red\"}",
         "Dois-je mettre Lampe en rouge ?"},
        {"es", "open", "{\"name\":\"Puerta\"}", "¿Abro Puerta?"},
        {"nl", "HassCancelAllTimers", "{}", "Zal ik alle timers stoppen?"},
        {"it", "HassClimateSetTemperature", "{\"temperature\":21}", "Imposto 21 gradi?"},
        {"de", "unheard_of", "{}", ""},
    };
    static const char *const langs[] = {"de", "fr", "es", "nl", "it"};
    struct lt_answers *a = shipped();
    char out[200];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *arguments = json_loads(cases[i].arguments, 0, NULL);
        lt_answers_ask(a, cases[i].lang, cases[i].what, arguments, out, sizeof out);
        assert_string_equal(out, cases[i].says);
        json_decref(arguments);
    }
    lt_answers_free(a);
    /* what one language asks, each of them can */
    json_t *all = json_load_file(SOURCE_DIR "/deploy/answers.json", 0, NULL), *v;
    const char *key;
    json_object_foreach(json_object_get(all, "de"), key, v)
    {
        for (size_t i = 0; !strncmp(key, "ask.", 4) && i < sizeof langs / sizeof *langs; i++)
            if (!json_object_get(json_object_get(all, langs[i]), key))
                fail_msg("%s: no %s", langs[i], key);
    }
    json_decref(all);
}

static void test_answers__calls__first_sentence_whose_holes_are_filled(void **state)
{
    static const struct {
        const char *lang, *calls, *says;
    } cases[] = {
        {"en", "[{'name':'HassTurnOn','arguments':{'name':'Kitchen Light'}}]",
         "Kitchen Light is on."},
        {"en", "[{'name':'HassTurnOff','arguments':{'area':'Bedroom','domain':['light']}}]",
         "The light in the Bedroom is off."},
        {"en", "[{'name':'HassTurnOn','arguments':{}}]", "Done."},
        {"de", "[{'name':'HassLightSet','arguments':{'name':'Lampe','brightness':30}}]",
         "Lampe steht auf 30 Prozent."},
        {"de", "[{'name':'HassLightSet','arguments':{'name':'Lampe','color':'red'}}]",
         "Lampe ist jetzt rot."},
        {"fr", "[{'name':'HassMediaNext','arguments':{}},{'name':'HassMediaPause','arguments':{}}]",
         "Le suivant. En pause."},
        {"en", "[{'name':'HassTurnOn','arguments':{}},{'name':'unheard_of','arguments':{}}]", ""},
        {"xx", "[{'name':'HassTurnOn','arguments':{}}]", ""},
        {"en", "[]", ""},
    };
    struct lt_answers *a = shipped();
    char out[200];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        snprintf(text, sizeof text, "%s", cases[i].calls);
        for (char *p = text; *p; p++)
            if (*p == '\'') *p = '"';
        json_t *calls = json_loads(text, 0, NULL);
        assert_non_null(calls);
        lt_answers_done(a, cases[i].lang, calls, out, sizeof out);
        assert_string_equal(out, cases[i].says);
        lt_answers_done(a, cases[i].lang, calls, out, 6); /* cut, still a string */
        assert_true(strlen(out) < 6);
        json_decref(calls);
    }
    lt_answers_say(a, "es", "which", "A, B", out, sizeof out);
    assert_string_equal(out, "¿Cuál: A, B?");
    lt_answers_say(NULL, "es", "which", "A, B", out, sizeof out);
    assert_string_equal(out, "");
    lt_answers_free(a);
}

static void
test_answers__every_language_of_the_shipped_table__answers_what_english_does(void **state)
{
    static const char *const languages[] = {"de", "fr", "es", "nl", "it"};
    json_t *table = json_load_file(SOURCE_DIR "/deploy/answers.json", 0, NULL);
    const char *key;
    json_t *sentences;
    (void)state;
    json_object_foreach(json_object_get(table, "en"), key, sentences)
    {
        if (!strncmp(key, "HassLawn", 8)) continue;
        for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
            assert_non_null(json_object_get(json_object_get(table, languages[i]), key));
    }
    json_decref(table);
}

static void test_answers__edited_badly__place_is_named(void **state)
{
    static const char *const bad[][2] = {{"[]", "languages"},
                                         {"{\"en\": 1}", "/en"},
                                         {"{\"en\": {\"HassTurnOn\": \"on\"}}", "/en/HassTurnOn"},
                                         {"{\"en\": {\"x\": [1]}}", "/en/x/0"},
                                         {"{\"en\":", "line"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[] = "/tmp/lintel-answers-XXXXXX";
        struct lt_answers *a = NULL;
        struct lt_diag diag = {0};
        int fd = mkstemp(path);
        assert_true(write(fd, bad[i][0], strlen(bad[i][0])) > 0);
        close(fd);
        assert_int_equal(lt_answers_open(path, &a, &diag), LT_ERR_PARSE);
        assert_non_null(strstr(diag.text, path));
        if (i < 4) assert_non_null(strstr(diag.text, bad[i][1]));
        remove(path);
    }
}

static void test_language__given_or_told_by_small_words__or_left_open(void **state)
{
    static const char *const cases[][3] = {
        {"de-AT", "turn on the light", "de"},
        {"EN", "mach das licht an", "en"},
        {NULL, "turn on the kitchen light", "en"},
        {NULL, "Schalte das Licht im Wohnzimmer ein", "de"},
        {NULL, "mach die Küche aus bitte", "de"},
        {NULL, "allume la lumière du salon", "fr"},
        {NULL, "enciende la luz de la cocina", "es"},
        {NULL, "doe het licht in de keuken aan", "nl"},
        {NULL, "accendi la luce della cucina", "it"},
        {NULL, "Robbie, nach Hause", ""},
        {NULL, "turn on the Stehlampe im Wohnzimmer", "en"},
        {"english", "x", ""},
        {NULL, NULL, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[LT_LANG_CAP];
        lt_language_of(cases[i][0], cases[i][1], out);
        assert_string_equal(out, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers__questions__every_language_the_same_tools),
        cmocka_unit_test(test_answers__calls__first_sentence_whose_holes_are_filled),
        cmocka_unit_test(
            test_answers__every_language_of_the_shipped_table__answers_what_english_does),
        cmocka_unit_test(test_answers__edited_badly__place_is_named),
        cmocka_unit_test(test_language__given_or_told_by_small_words__or_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
