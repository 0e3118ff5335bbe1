/* test_doctor_speech.c - what `lintel doctor` tells of speech servers: real ones on sockets, written from the
 * protocol page, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "speech_server.h"

#define WHISPER                                                                                    \
    "{\"asr\": [{\"name\": \"faster-whisper\", \"installed\": true, \"models\": [{\"name\": "      \
    "\"small-int8\", \"installed\": true, \"languages\": [\"en\", \"de\"]}]}], \"tts\": []}"
#define PIPER                                                                                      \
    "{\"tts\": [{\"name\": \"piper\", \"installed\": true, \"voices\": [{\"name\": "               \
    "\"en_GB-alba-medium\", \"languages\": [\"en_GB\"]}, {\"name\": \"v2\", \"languages\": "       \
    "[\"en_GB\"]}, {\"name\": \"v3\"}, {\"name\": \"v4\\nv\"}, {\"name\": \"v5\"}, {\"name\": "    \
    "\"v6\", \"installed\": false}]}]}"

static struct speech_server server;
static char out[65536];

/* The finding of one check of `lintel doctor` with these lines of configuration; "" when there is none. */
static const char *finding(const char *config, const char *check, int *is_ok)
{
    static char text[1024];
    struct env *e = env_start();
    const char *path = env_path(e, "doctor.yaml");
    size_t i;
    json_t *one;
    FILE *to = fopen(path, "w");
    fputs(config, to);
    fclose(to);
    (void)run_lintel(out, sizeof out, NULL, 0, "doctor", "-c", path, "--json", NULL);
    env_stop(e);
    json_t *o = json_loads(out, 0, NULL);
    assert_non_null(o);
    *text = '\0';
    *is_ok = -1;
    json_array_foreach(json_object_get(o, "checks"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "check")), check) != 0) continue;
        assert_string_equal(text, ""); /* one line for each */
        snprintf(text, sizeof text, "%s", json_string_value(json_object_get(one, "text")));
        *is_ok = json_is_true(json_object_get(one, "ok"));
    }
    json_decref(o);
    return text;
}

static void expect(const char *config, const char *check, int is_ok, const char *says)
{
    int got;
    const char *text = finding(config, check, &got);
    if (got != is_ok || (says ? !strstr(text, says) : *text))
        fail_msg("%s: %s (%d): %s; not: %s", config, check, got, text, says ? says : "nothing");
    assert_null(strchr(text, '\n'));
}

static const char *hears(const char *languages)
{
    static char text[200];
    snprintf(text, sizeof text,
             "voice: {recogniser: server, stt: '127.0.0.1:%d'}\ntalk: {languages: [%s]}\n",
             server.port, languages);
    return text;
}

static const char *speaks(void)
{
    static char text[200];
    snprintf(text, sizeof text, "voice: {tts: '127.0.0.1:%d'}\n", server.port);
    return text;
}

static void test_doctor_speech__servers_that_serve__programs_models_and_languages(void **state)
{
    (void)state;
    server.info = WHISPER;
    expect(hears("en"), "voice.stt", 1, ": faster-whisper, model small-int8, for en, de");
    server.info = PIPER;
    expect(speaks(), "voice.tts", 1,
           ": piper, voices en_GB-alba-medium, v2, v3, v4 v and 1 more, for en_GB");
}

static void test_doctor_speech__servers_of_no_use__what_to_change(void **state)
{
    static const struct {
        const char *info, *languages, *says;
    } rows[] = {
        {PIPER, "en", "is no speech-to-text server, it does text-to-speech; give the address"},
        {"{}", "en", "is no speech-to-text server; give the address of one (wyoming-f"},
        {"{\"asr\": [{\"name\": \"w\", \"models\": [{\"name\": \"m\", \"installed\": false}]}]}",
         "en", "w has no model installed (1 it could have); install one there"},
        {WHISPER, "pl, fr", "its models are for en, de, and talk.languages has none of these"},
        {"{\"asr\": 7, \"tts\": \"x\"}", "en", "is no speech-to-text server; give"},
        {"{\"asr\": [7, {\"models\": [null, {\"languages\": [1]}]}]}", "en",
         "unnamed, unnamed, models unnamed, unnamed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        server.info = rows[i].info;
        expect(hears(rows[i].languages), "voice.stt", strstr(rows[i].says, "unnamed") != NULL,
               rows[i].says);
    }
}

static void test_doctor_speech__nobody_answers__reason_and_key(void **state)
{
    char config[200];
    (void)state;
    server.info = NULL; /* it takes the question and is silent */
    expect(hears("en"), "voice.stt", 0,
           "no answer to \"describe\" in 5 s; start the server or "
           "correct voice.stt");
    server.fault = SPEECH_IS_NO_WYOMING;
    expect(speaks(), "voice.tts", 0, "start the server or correct voice.tts");
    server.fault = SPEECH_WELL;
    snprintf(config, sizeof config, "voice: {tts: '127.0.0.1:%d'}\n", wy_free_port());
    expect(config, "voice.tts", 0, "connection refused; start the server");
    expect("voice: {tts: 'nobody.invalid:10200'}\n", "voice.tts", 0, "speech server nobody.inv");
    expect("voice: {tts: '127.0.0.1'}\n", "voice.tts", 0, "write host:port");
}

static void test_doctor_speech__keys_that_do_not_fit__told(void **state)
{
    (void)state;
    expect("voice: {recogniser: server}\n", "voice.stt", 0, "voice.stt is empty");
    expect("voice: {stt: '127.0.0.1:1'}\n", "voice.stt", 0,
           "is not asked while voice.recogniser is none; set that to server");
    expect("voice: {recogniser: embedded, model_folder: /nowhere}\n", "voice.recogniser", 0,
           "install");
    expect("sites: [home]\n", "voice.stt", -1, NULL);
    expect("sites: [home]\n", "voice.tts", -1, NULL);
    expect("sites: [home]\n", "voice.recogniser", -1, NULL);
}

static int setup(void **state)
{
    (void)state;
    speech_server_start(&server, "hello");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    speech_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doctor_speech__servers_that_serve__programs_models_and_languages),
        cmocka_unit_test(test_doctor_speech__servers_of_no_use__what_to_change),
        cmocka_unit_test(test_doctor_speech__nobody_answers__reason_and_key),
        cmocka_unit_test(test_doctor_speech__keys_that_do_not_fit__told),
    };
    return cmocka_run_group_tests_name("doctor_speech", tests, setup, teardown);
}
