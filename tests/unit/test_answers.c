/* test_answers.c - the shipped sentences tool by tool and language by language, a user's own before them,
 * faults of an edited table, languages told apart. */
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
#include "ask.h"

#define TABLE   SOURCE_DIR "/deploy/answers.json"
#define N_LANGS (sizeof langs / sizeof *langs)

static const char *const langs[] = {"en", "de", "fr", "es", "nl", "it", "pl"};
static json_t *table; /* the shipped file */

static int group_setup(void **state)
{
    (void)state;
    table = json_load_file(TABLE, JSON_REJECT_DUPLICATES, NULL);
    return !table;
}

static int group_teardown(void **state)
{
    (void)state;
    json_decref(table);
    return 0;
}

static struct lt_tongue tongue_of(const char *lang)
{
    struct lt_tongue t = {.own = NULL};
    snprintf(t.lang, sizeof t.lang, "%s", lang);
    return t;
}

static json_t *from(const char *text)
{
    char json[600];
    snprintf(json, sizeof json, "%s", text);
    for (char *p = json; *p; p++)
        if (*p == '\'') *p = '"';
    json_t *o = json_loads(json, 0, NULL);
    if (!o) fail_msg("%s", json);
    return o;
}

/* A file with this text; `out` is opened, or the error is told. */
static enum lt_err open_text(const char *text, struct lt_answers **out, struct lt_diag *diag)
{
    char path[] = "/tmp/lintel-answers-XXXXXX";
    int fd = mkstemp(path);
    assert_true(write(fd, text, strlen(text)) > 0);
    close(fd);
    enum lt_err err = lt_answers_open(path, out, diag);
    if (err) assert_non_null(strstr(diag->text, path));
    remove(path);
    return err;
}

/* ---- every sentence of every language ---- */

/* The holes of a sentence as an object {name: "<name>"}. */
static json_t *holes_of(const char *sentence)
{
    json_t *holes = json_object();
    for (const char *p = sentence; (p = strchr(p, '{')) != NULL;) {
        char name[64], value[70];
        size_t n = strcspn(++p, "}");
        assert_true(p[n] && n && n < sizeof name);
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        snprintf(value, sizeof value, "<%s>", name);
        json_object_set_new(holes, name, json_string(value));
        p += n;
    }
    return holes;
}

/* Said with what the English sentence names, the language names the same. */
static void check_said(const char *lang, const char *key, const json_t *holes)
{
    struct lt_tongue t = tongue_of(lang);
    char out[600];
    const char *name;
    json_t *value;
    if (!lt_say_call(&t, key, holes, NULL, NULL, out, sizeof out))
        fail_msg("%s: %s: nothing", lang, key);
    if (strpbrk(out, "{}")) fail_msg("%s: %s: %s", lang, key, out);
    json_object_foreach((json_t *)(uintptr_t)holes, name, value)
    {
        int is_grammar = !strcmp(name, "kind"); /* "which light": others agree in gender with it */
        if (!is_grammar && !strstr(out, json_string_value(value)))
            fail_msg("%s: %s: \"%s\" does not say {%s}", lang, key, out, name);
    }
}

static int is_form(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot && (!strcmp(dot, ".in_name") || !strcmp(dot, ".few") || !strcmp(dot, ".one"));
}

static void test_answers__every_sentence__says_in_each_language_what_english_says(void **state)
{
    const char *key;
    json_t *sentences, *sentence;
    size_t i;
    (void)state;
    json_object_foreach(json_object_get(table, "en"), key, sentences)
    {
        if (!strcmp(key, "words")) continue;
        json_array_foreach(sentences, i, sentence)
        {
            json_t *holes = holes_of(json_string_value(sentence));
            for (size_t l = 0; l < N_LANGS; l++)
                if (!is_form(key)) check_said(langs[l], key, holes);
            json_decref(holes);
        }
    }
}

static void test_answers__every_language__no_key_no_hole_and_no_word_of_its_own(void **state)
{
    const json_t *english = json_object_get(table, "en");
    (void)state;
    assert_int_equal(json_object_size(table), N_LANGS);
    for (size_t l = 1; l < N_LANGS; l++) {
        const char *key, *hole;
        json_t *sentences, *sentence, *value;
        size_t i;
        json_object_foreach(json_object_get(table, langs[l]), key, sentences)
        {
            char plain[LT_ANSWERS_KEY], braced[80];
            snprintf(plain, sizeof plain, "%s", key);
            if (is_form(key)) *strrchr(plain, '.') = '\0';
            const json_t *model = json_object_get(english, plain);
            if (!model) fail_msg("%s: %s: English has none", langs[l], key);
            json_array_foreach(sentences, i, sentence)
            {
                json_t *holes = holes_of(json_string_value(sentence));
                json_object_foreach(holes, hole, value)
                {
                    char *all = json_dumps(model, 0);
                    snprintf(braced, sizeof braced, "{%s}", hole);
                    if (!strstr(all, braced)) fail_msg("%s: %s: {%s}", langs[l], key, hole);
                    free(all);
                }
                json_decref(holes);
            }
        }
        json_t *words = json_object_get(json_object_get(table, langs[l]), "words");
        const char *const sample[] = {"light", "red", "locked", "Monday", "March", "lawn_mower"};
        for (size_t w = 0; w < sizeof sample / sizeof *sample; w++)
            if (!json_object_get(words, sample[w])) fail_msg("%s: %s", langs[l], sample[w]);
    }
}

/* ---- every tool ---- */

/* An argument as a call may have it. */
static json_t *value_for(const char *key, const json_t *schema)
{
    const json_t *kind = json_object_get(schema, "enum"), *type = json_object_get(schema, "type");
    if (json_array_size(kind)) return json_incref(json_array_get(kind, 0));
    if (json_is_array(type)) type = json_array_get(type, 0);
    if (!strcmp(json_string_value(type), "string")) return json_pack("s+", "<", key);
    return json_integer(7);
}

static void check_tool(const char *lang, const char *tool, const json_t *arguments)
{
    struct lt_tongue t = tongue_of(lang);
    for (int is_pin = 0; is_pin < 2; is_pin++) {
        struct lt_question q = {.kind = LT_ASK_NOTHING};
        json_t *calls = json_pack("[{s:s,s:O}]", "name", tool, "arguments", arguments);
        char generic[64], key[LT_ANSWERS_KEY];
        lt_ask_confirm(&t, NULL, calls, is_pin, &q);
        lt_say_part(&t, "do", LT_HOLES({"tool", "|"}), generic, sizeof generic);
        generic[strcspn(generic, "|")] = '\0';
        snprintf(key, sizeof key, "do.%s", lt_ask_verb(NULL, json_array_get(calls, 0)));
        if (!*q.speech || strpbrk(q.speech, "{}")) fail_msg("%s: %s: \"%s\"", lang, tool, q.speech);
        const json_t *words = json_object_get(json_object_get(table, lang), key);
        if (!words) fail_msg("%s: no %s", lang, key);
        if (json_object_size(arguments) && strstr(q.speech, generic) &&
            !strstr(json_string_value(json_array_get(words, 0)), generic))
            fail_msg("%s: %s has no words of its own: %s", lang, tool, q.speech);
        const char *const named[] = {"name", "area", "item"};
        for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
            const char *value = json_string_value(json_object_get(arguments, named[i]));
            if (value && !strstr(q.speech, value))
                fail_msg("%s: %s: \"%s\" does not name %s", lang, tool, q.speech, value);
        }
        lt_question_free(&q);
        json_decref(calls);
    }
}

/* With what it needs and one of name and room; what is answered by a state has no sentence when done. */
static void check_tools_of(const char *file)
{
    static const char *const answered[] = {"HassGetState", "HassClimateGetTemperature",
                                           "HassGetWeather"};
    json_t *all = json_load_file(file, 0, NULL), *tool, *schema;
    size_t i;
    assert_non_null(all);
    json_array_foreach(json_object_get(all, "tools"), i, tool)
    {
        const char *name = json_string_value(json_object_get(tool, "name")), *key;
        json_t *properties = json_object_get(json_object_get(tool, "parameters"), "properties");
        json_t *required = json_object_get(json_object_get(tool, "parameters"), "required");
        int is_answered = 0;
        for (size_t k = 0; k < sizeof answered / sizeof *answered; k++)
            is_answered |= !strcmp(answered[k], name);
        for (int with = 0; with < 3; with++) {
            const char *place = with == 0 ? "" : with == 1 ? "name" : "area";
            if (with && !json_object_get(properties, place)) continue;
            json_t *arguments = json_object();
            json_object_foreach(properties, key, schema)
            {
                int is_in = !strcmp(key, place);
                for (size_t k = 0; k < json_array_size(required); k++)
                    is_in |= !strcmp(key, json_string_value(json_array_get(required, k)));
                if (is_in) json_object_set_new(arguments, key, value_for(key, schema));
            }
            if (!strcmp(name, "HassStartTimer"))
                json_object_set_new(arguments, "minutes", json_integer(7));
            if (!strcmp(name, "HassIncreaseTimer") || !strcmp(name, "HassDecreaseTimer"))
                json_object_set_new(arguments, "minutes", json_integer(7));
            if (!strcmp(name, "HassLightSet"))
                json_object_set_new(arguments, "brightness", json_integer(7));
            for (size_t l = 0; l < N_LANGS; l++) {
                if (with || json_object_size(arguments)) check_tool(langs[l], name, arguments);
                const json_t *done = json_object_get(json_object_get(table, langs[l]), name);
                if (!is_answered && !done)
                    fail_msg("%s: %s is never said to be done", langs[l], name);
            }
            json_decref(arguments);
        }
    }
    json_decref(all);
}

static void test_answers__every_tool__asked_and_told_in_every_language(void **state)
{
    (void)state;
    check_tools_of(SOURCE_DIR "/engine/data/home-tools.json");
    check_tools_of(SOURCE_DIR "/gateway/data/device-tools.json");
}

static void test_answers__questions__read_well(void **state)
{
    static const struct {
        const char *lang, *calls, *says;
    } cases[] = {
        {"en", "[{'name':'HassMediaPlayerMute','arguments':{'name':'Television'}}]",
         "Shall I mute the Television?"},
        {"en", "[{'name':'HassGetState','arguments':{'name':'Washing Machine Leak','state':'on'}}]",
         "Shall I look whether the Washing Machine Leak is on?"},
        {"en",
         "[{'name':'HassTurnOn','arguments':{'name':'Lamp'}},"
         "{'name':'HassUnlock','arguments':{'name':'Front Door'}},"
         "{'name':'HassCancelTimer','arguments':{'name':'pasta'}}]",
         "Shall I turn on the Lamp, unlock the Front Door and cancel the pasta timer?"},
        {"en", "[{'name':'open_roof','arguments':{'how_far':5}}]",
         "Shall I do this: open roof, how far 5?"},
        {"de", "[{'name':'HassUnlock','arguments':{'name':'Haustür'}}]",
         "Soll ich Haustür aufschließen?"},
        {"de", "[{'name':'HassTurnOff','arguments':{'area':'Küche'}}]",
         "Soll ich in Küche alles ausschalten?"},
        {"de", "[{'name':'HassTurnOn','arguments':{'area':'Küche','domain':'light'}}]",
         "Soll ich Licht in Küche einschalten?"},
        {"fr", "[{'name':'HassLightSet','arguments':{'name':'Lampe','color':'red'}}]",
         "Dois-je mettre Lampe en rouge ?"},
        {"es",
         "[{'name':'HassOpen','arguments':{'name':'Puerta'}},"
         "{'name':'HassTurnOff','arguments':{'name':'Luz'}}]",
         "¿Abro Puerta y apago Luz?"},
        {"nl", "[{'name':'HassCancelAllTimers','arguments':{}}]", "Zal ik alle timers stoppen?"},
        {"it", "[{'name':'HassClimateSetTemperature','arguments':{'temperature':21}}]",
         "Imposto 21 gradi?"},
        {"pl", "[{'name':'HassStartTimer','arguments':{'minutes':22}}]",
         "Czy mam ustawić minutnik na 22 minuty?"},
        {"pt", "[{'name':'HassTurnOn','arguments':{'name':'Lamp'}}]", "Shall I turn on the Lamp?"},
        /* a name that brings its own article, or a person's */
        {"en", "[{'name':'HassTurnOn','arguments':{'name':'Emma\\u0027s Lamp'}}]",
         "Shall I turn on Emma's Lamp?"},
        {"en", "[{'name':'HassTurnOn','arguments':{'name':'the Den Lamp'}}]",
         "Shall I turn on the Den Lamp?"},
        {"en", "[{'name':'HassTurnOff','arguments':{'domain':'light','area':'Noah\\u2019s Room'}}]",
         "Shall I turn off every light in Noah\u2019s Room?"},
        {"en", "[{'name':'HassTurnOff','arguments':{'floor':'Upstairs','domain':'light'}}]",
         "Shall I turn off every light, Upstairs?"},
        {"en", "[{'name':'HassLightSet','arguments':{'floor':'Upstairs','brightness':5}}]",
         "Shall I set every light to 5 percent, Upstairs?"},
        {"de", "[{'name':'HassLightSet','arguments':{'floor':'Oben','brightness':5}}]",
         "Soll ich alles Licht auf 5 Prozent stellen, Oben?"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lt_tongue t = tongue_of(cases[i].lang);
        struct lt_question q = {.kind = LT_ASK_NOTHING};
        json_t *calls = from(cases[i].calls);
        lt_ask_confirm(&t, NULL, calls, 0, &q);
        assert_string_equal(q.speech, cases[i].says);
        lt_question_free(&q);
        json_decref(calls);
    }
    struct lt_tongue t = tongue_of("es");
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    json_t *calls = from("[{'name':'HassUnlock','arguments':{'name':'Puerta'}}]");
    lt_ask_confirm(&t, NULL, calls, 1, &q);
    assert_string_equal(q.speech, "Di el código y desbloqueo Puerta.");
    lt_question_free(&q);
    json_decref(calls);
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
        {"en", "[{'name':'HassTurnOff','arguments':{'domain':'lock'}}]", "Unlocked."},
        {"en", "[{'name':'HassTurnOff','arguments':{'domain':'light'}}]", "Every light is off."},
        {"en", "[{'name':'HassTurnOff','arguments':{'domain':'light','floor':'Upstairs'}}]",
         "Upstairs: every light is off."},
        {"en", "[{'name':'HassLightSet','arguments':{'brightness':5,'floor':'Upstairs'}}]", ""},
        {"de", "[{'name':'HassLightSet','arguments':{'name':'Lampe','brightness':30}}]",
         "Lampe steht auf 30 Prozent."},
        {"de", "[{'name':'HassLightSet','arguments':{'name':'Lampe','color':'red'}}]",
         "Lampe ist jetzt rot."},
        {"de", "[{'name':'HassClimateSetTemperature','arguments':{'temperature':21.5}}]",
         "Auf 21,5 Grad gestellt."},
        {"de", "[{'name':'HassShoppingListAddItem','arguments':{'item':'orange'}}]",
         "Orange steht auf der Einkaufsliste."}, /* a word that was said stays */
        {"fr", "[{'name':'HassMediaNext','arguments':{}},{'name':'HassMediaPause','arguments':{}}]",
         "Le suivant. En pause."},
        {"pl", "[{'name':'HassLawnMowerDock','arguments':{'name':'Kosiarka'}}]",
         "Kosiarka wraca do bazy."},
        {"en", "[{'name':'HassTurnOn','arguments':{}},{'name':'unheard_of','arguments':{}}]", ""},
        {"xx", "[{'name':'HassTurnOn','arguments':{}}]", ""},
        {"en", "[]", ""},
    };
    char out[200];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lt_tongue t = tongue_of(cases[i].lang);
        json_t *calls = from(cases[i].calls);
        lt_ask_done(&t, NULL, calls, out, sizeof out);
        assert_string_equal(out, cases[i].says);
        lt_ask_done(&t, NULL, calls, out, 6); /* cut, still a string */
        assert_true(strlen(out) < 6);
        json_decref(calls);
    }
    struct lt_tongue t = tongue_of("de"); /* a letter of two bytes is not cut in half */
    lt_say(&t, "act.none", NULL, out, sizeof "Hier kann das kein Ger\xc3");
    assert_string_equal(out, "Hier kann das kein Ger");
}

static void test_answers__numbers__as_each_language_counts(void **state)
{
    static const struct {
        const char *lang;
        int64_t ms;
        const char *says;
    } cases[] = {{"en", 3600000, "1 hour"},    {"en", 5461000, "1 hour 31 minutes 1 second"},
                 {"de", 120000, "2 Minuten"},  {"pl", 60000, "1 minutę"},
                 {"pl", 180000, "3 minuty"},   {"pl", 720000, "12 minut"},
                 {"pl", 1380000, "23 minuty"}, {"fr", 0, "0 seconde"},
                 {"en", 0, "0 seconds"},       {"nl", 7200000, "2 uur"}};
    char out[100];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lt_tongue t = tongue_of(cases[i].lang);
        lt_say_span(&t, cases[i].ms, out, sizeof out);
        assert_string_equal(out, cases[i].says);
    }
    lt_say_timer(NULL, "", 600000, out, sizeof out);
    assert_string_equal(out, "10 minute timer");
}

/* ---- a user's own ---- */

static void test_answers__own_table__before_ours_and_in_the_language(void **state)
{
    static const struct {
        const char *lang, *key, *says;
    } cases[] = {
        {"de", "done", "Passt scho."}, /* the user's */
        {"de", "ok", "Gut."},          /* ours, before the user's English */
        {"en", "ok", "Righto."},       /* the user's English */
        {"pt", "ok", "Righto."},       /* a language of nobody: English */
        {"en", "nothing", "I have nothing here that does this."}, /* ours */
        {"sv", "done", "Klart."},                                 /* a language of the user's */
        {"sv", "sorry", "Sorry?"},
    };
    struct lt_answers *own = NULL;
    struct lt_diag diag = {0};
    char out[200];
    (void)state;
    assert_int_equal(
        open_text("{\"de\": {\"done\": [\"Passt scho.\"], \"HassTurnOn\": [\"{name} "
                  "brennt.\"], \"ask.HassTurnOn\": [\"{name} an?\"],"
                  "\"words\": {\"light\": \"Lampe\"}},"
                  " \"en\": {\"ok\": [\"Righto.\"]}, \"sv\": {\"done\": [\"Klart.\"]}}",
                  &own, &diag),
        LT_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lt_tongue t = tongue_of(cases[i].lang);
        t.own = own;
        assert_true(lt_say(&t, cases[i].key, NULL, out, sizeof out));
        assert_string_equal(out, cases[i].says);
    }
    struct lt_tongue t = tongue_of("de");
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    t.own = own;
    json_t *calls = from("[{'name':'HassTurnOn','arguments':{'name':'Sofa'}}]");
    lt_ask_done(&t, NULL, calls, out, sizeof out);
    assert_string_equal(out, "Sofa brennt.");
    lt_ask_confirm(&t, NULL, calls, 0, &q); /* a question of its own */
    assert_string_equal(q.speech, "Sofa an?");
    lt_question_free(&q);
    json_decref(calls);
    /* what the user's sentence cannot name, ours does, in the user's words */
    calls = from("[{'name':'HassTurnOn','arguments':{'area':'Bad','domain':'light'}}]");
    lt_ask_done(&t, NULL, calls, out, sizeof out);
    assert_string_equal(out, "Lampe in Bad ist an.");
    json_decref(calls);
    lt_answers_free(own);
}

static void test_answers__edited_badly__file_place_and_reason_are_named(void **state)
{
    static const char *const bad[][2] = {
        {"[]", "languages"},
        {"{\"en\": 1}", "/en: "},
        {"{\"english\": {}}", "/english: not a language"},
        {"{\"en\": {\"HassTurnOn\": \"on\"}}", "/en/HassTurnOn: not a list"},
        {"{\"en\": {\"HassTurnOn\": []}}", "/en/HassTurnOn: not a list"},
        {"{\"en\": {\"x\": [1]}}", "/en/x/0: "},
        {"{\"de\": {\"HassTurnOn\": [\"Ja.\", \"{nam} ist an.\"]}}",
         "/de/HassTurnOn/1: nothing fills {nam}"},
        {"{\"de\": {\"timer.up\": [\"{name} klingelt.\"]}}",
         "/de/timer.up/0: nothing fills {name}"},
        {"{\"de\": {\"timer.up\": [\"{timer klingelt.\"]}}", "no closing brace"},
        {"{\"de\": {\"words\": {\"light\": 1}}}", "/de/words/light"},
        {"{\"de\": {\"words\": [\"light\"]}}", "/de/words: "},
        {"{\"en\":", "line"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lt_answers *a = NULL;
        struct lt_diag diag = {0};
        assert_int_equal(open_text(bad[i][0], &a, &diag), LT_ERR_PARSE);
        if (!strstr(diag.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], diag.text);
    }
    struct lt_diag diag = {0};
    struct lt_answers *a =
        NULL; /* arguments that no shipped sentence names, and a tool of the user's */
    assert_int_equal(
        open_text("{\"en\": {\"HassTurnOn\": [\"{device_class}, {floor}: on.\"], "
                  "\"open\": [\"{domain} {floor} open.\"], \"open_roof\": [\"Roof {how_far}.\"]}}",
                  &a, &diag),
        LT_OK);
    lt_answers_free(a);
}

/* One byte more than a limit, then just at it. */
static void test_answers__longest_key_and_file__at_the_limit_and_over(void **state)
{
    char *text = malloc(LT_ANSWERS_BYTES + 40), key[LT_ANSWERS_KEY + 1];
    (void)state;
    assert_non_null(text);
    memset(key, 'k', LT_ANSWERS_KEY);
    key[LT_ANSWERS_KEY] = '\0';
    for (int over = 1; over >= 0; over--) {
        const char *const keys[] = {key + 1 - over, "k"}; /* long, or in a long file */
        for (size_t i = 0; i < 2; i++) {
            struct lt_answers *a = NULL;
            struct lt_diag diag = {0};
            int n = i ? LT_ANSWERS_BYTES - (int)strlen("{\"en\": {\"k\": [\"\"]}}") + over : 1;
            snprintf(text, LT_ANSWERS_BYTES + 40, "{\"en\": {\"%s\": [\"%*s\"]}}", keys[i], n, "x");
            enum lt_err err = open_text(text, &a, &diag);
            if ((err == LT_OK) == over) fail_msg("%zu, over %d: %s", i, over, diag.text);
            lt_answers_free(a);
        }
    }
    free(text);
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
        {NULL, "włącz światło w kuchni", "pl"},
        {NULL, "ustaw minutnik na dziesięć minut", "pl"},
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

static void test_language__known_ones__given_told_or_by_their_letters(void **state)
{
    static const char *const english[] = {"en"}, *const east[] = {"en-GB", "ru", "ja"};
    static const struct {
        const char *given, *text;
        int is_english, is_east; /* known to those */
    } rows[] = {
        {NULL, "turn on the kitchen light", 1, 1},
        {NULL, "Stehlampe", 1, 1}, /* it cannot be told */
        {"de", "turn on the kitchen light", 0, 0},
        {"ru", "turn on the kitchen light", 0, 1},
        {"fil", "Stehlampe", 1, 1}, /* three letters: told by the words */
        {NULL, "включи свет на кухне", 0, 1},
        {"en", "включи свет на кухне", 0, 1},
        {NULL, "打开 Living Room Lamp", 0, 1},
        {NULL, "キッチンの電気をつけて", 0, 1},
        {NULL, "부엌 불 켜줘", 0, 0},
        {NULL, "הדלק את האור במטבח", 0, 0},
        {NULL, "turn on the Лампа", 1, 1}, /* a thing's name */
        {NULL, "set it to 21 °C – “cosy” 🙂", 1, 1},
        {NULL, "acende a luz da cozinha", 0, 0},
        {NULL, "desliga a televisão do quarto", 0, 0},
        {NULL, "släck alla lampor", 0, 0},
        {NULL, "tænd lyset i køkkenet", 0, 0},
        {NULL, "skru av lyset på kjøkkenet", 0, 0},
        {NULL, "sammuta kaikki valot", 0, 0},
        {NULL, "rozsviť světlo v kuchyni", 0, 0},
        {NULL, "kapcsold fel a konyhai lámpát", 0, 0},
        {NULL, "aprinde lumina din bucătărie", 0, 0},
        {NULL, "mutfak ışığını aç", 0, 0},
        {NULL, "\xd0", 1, 1}, /* half a letter */
        {NULL, NULL, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (lt_language_is_known(rows[i].given, rows[i].text, english, 1) != rows[i].is_english ||
            lt_language_is_known(rows[i].given, rows[i].text, east, 3) != rows[i].is_east)
            fail_msg("%s", rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers__every_sentence__says_in_each_language_what_english_says),
        cmocka_unit_test(test_answers__every_language__no_key_no_hole_and_no_word_of_its_own),
        cmocka_unit_test(test_answers__every_tool__asked_and_told_in_every_language),
        cmocka_unit_test(test_answers__questions__read_well),
        cmocka_unit_test(test_answers__calls__first_sentence_whose_holes_are_filled),
        cmocka_unit_test(test_answers__numbers__as_each_language_counts),
        cmocka_unit_test(test_answers__own_table__before_ours_and_in_the_language),
        cmocka_unit_test(test_answers__edited_badly__file_place_and_reason_are_named),
        cmocka_unit_test(test_answers__longest_key_and_file__at_the_limit_and_over),
        cmocka_unit_test(test_language__given_or_told_by_small_words__or_left_open),
        cmocka_unit_test(test_language__known_ones__given_told_or_by_their_letters),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
