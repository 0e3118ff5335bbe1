/* test_speech.c - audio by WAV over MQTT and over Wyoming, heard by a speech server and by the
 * recogniser inside; what is bad about audio and about servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "lt/recogniser.h"
#include "lt/wav.h"
#include "sound.h"
#include "speech_server.h"

static struct speech_server server;
static int port;

static struct env *start(const char *recogniser)
{
    char config[600];
    struct env *e = env_start();
    port = wy_free_port();
    snprintf(config, sizeof config,
             "wyoming: {port: %d, bind: 127.0.0.1}\n"
             "voice: {recogniser: %s, stt: '127.0.0.1:%d', tts: '127.0.0.1:%d'}\n",
             port, recogniser, server.port, server.port);
    gateway_start(e, config);
    return e;
}

static void
test_speech__wav_of_many_rates__server_hears_call_goes_out_and_answer_is_spoken(void **state)
{
    static const int rates[][2] = {{16000, 1}, {8000, 1}, {22050, 1}, {44100, 2}, {48000, 2}};
    static uint8_t wav[48000 * 4 + 100];
    struct env *e = start("server");
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        size_t n = make_wav(wav, rates[i][0], rates[i][1], LOUD);
        server.n_bytes = 0;
        send_wav(e, "lintel/home/audio/Kitchen", wav, n);
        message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
        json_decref(take_json(e, "lintel/home/response", "result"));
        struct message *m = client_take(e, "lintel/home/voice/Kitchen", WAIT_MS);
        struct lt_wav spoken;
        assert_int_equal(lt_wav_read(m->payload, m->payload_len, &spoken, NULL), LT_OK);
        assert_int_equal(spoken.rate, 22050);
        assert_int_equal(spoken.n, 4410);
        message_free(m);
        assert_true(server.n_bytes > 2 * 16000 * SECONDS * 9 / 10 &&
                    server.n_bytes <= 2 * 16000 * SECONDS + 2); /* at 16 kHz, whatever came */
    }
    assert_int_equal(db_int(e, "select count(*) from trace where source = 'audio' and here = "
                               "'Kitchen'"),
                     5);
    env_stop(e);
}

/* What is answered in a language is spoken by a voice of that language. */
static void test_speech__another_language__spoken_by_its_voice(void **state)
{
    static const struct {
        const char *words, *lang;
    } rows[] = {{"stelle bitte einen timer", "de"},
                {"turn on the kitchen light", "en"},
                {"włącz światło w kuchni", "pl"},
                {"qwertz", "pl"}}; /* tells none: the one before */
    static uint8_t wav[48000 * 4 + 100];
    const char *words = server.words;
    struct env *e = start("server");
    (void)state;
    size_t n = make_wav(wav, 16000, 1, LOUD);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        server.words = rows[i].words;
        send_wav(e, "lintel/home/audio/Kitchen", wav, n);
        json_t *r = take_json(e, "lintel/home/response", "result");
        assert_string_equal(json_string_value(json_object_get(r, "lang")), rows[i].lang);
        message_free(client_take(e, "lintel/home/voice/Kitchen", WAIT_MS));
        assert_string_equal(server.language, rows[i].lang);
        json_decref(r);
    }
    server.words = words;
    env_stop(e);
}

static void test_speech__bad_wavs__error_that_says_so_and_the_next_is_heard(void **state)
{
    static uint8_t wav[48000 * 4 + 100];
    struct env *e = start("server");
    (void)state;
    size_t n = make_wav(wav, 16000, 1, LOUD);
    send_wav(e, "lintel/home/audio", wav, 20); /* half a header */
    expect_error(e, "not_wav");
    send_wav(e, "lintel/home/audio", (const uint8_t *)"hello", 5);
    expect_error(e, "not_wav");
    send_wav(e, "lintel/home/audio", wav, n / 2);
    expect_error(e, "truncated");
    wav[20] = 6; /* A-law */
    send_wav(e, "lintel/home/audio", wav, n);
    expect_error(e, "unsupported");
    wav[20] = 1;
    wav[24] = wav[25] = 0xff;
    wav[26] = 0xff; /* 16 million Hz */
    send_wav(e, "lintel/home/audio", wav, n);
    expect_error(e, "unsupported");
    n = make_wav(wav, 16000, 1, 0);
    send_wav(e, "lintel/home/audio", wav, n);
    expect_error(e, "no_words");
    assert_null(client_try(e, "lintel/home/call", 200));
    n = make_wav(wav, 16000, 1, LOUD);
    memcpy(wav + 40, "\xff\xff\xff\x7f", 4); /* 2 GB: a recorder that wrote to a pipe */
    send_wav(e, "lintel/home/audio", wav, n);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    env_stop(e);
}

static void test_speech__server_that_fails__error_and_the_next_is_heard(void **state)
{
    static const enum speech_fault faults[] = {SPEECH_DIES, SPEECH_SAYS_ERROR,
                                               SPEECH_IS_NO_WYOMING};
    static uint8_t wav[48000 * 4 + 100];
    struct env *e = start("server");
    size_t n = make_wav(wav, 16000, 1, LOUD);
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        server.fault = faults[i];
        send_wav(e, "lintel/home/audio", wav, n);
        expect_error(e, "recogniser");
        server.fault = SPEECH_WELL;
        send_wav(e, "lintel/home/audio", wav, n);
        message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
        json_decref(take_json(e, "lintel/home/response", "result"));
    }
    env_stop(e);
}

static void test_speech__wyoming_audio__transcript_and_with_transcribe_nothing_more(void **state)
{
    static uint8_t wav[48000 * 4 + 100];
    struct env *e = start("server");
    (void)state;
    size_t n = make_wav(wav, 22050, 1, LOUD);
    for (int is_asr = 0; is_asr < 2; is_asr++) {
        int fd = wy_connect(port);
        if (is_asr) assert_true(wy_send(fd, "transcribe", "{\"language\": \"en\"}"));
        assert_true(wy_send(fd, "audio-start", "{\"rate\": 22050, \"width\": 2, \"channels\": 1}"));
        for (size_t i = LT_WAV_HEADER_BYTES; i < n; i += 1000)
            send_chunk(fd, 22050, wav + i, n - i < 1000 ? n - i : 1000);
        assert_true(wy_send(fd, "audio-stop", NULL));
        expect_event(fd, "transcript", "turn on the kitchen light");
        if (!is_asr) {
            expect_event(fd, "handled", NULL);
            message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
        }
        close(fd);
    }
    assert_null(client_try(e, "lintel/home/call", 200));
    env_stop(e);
}

static void
test_speech__wyoming_endless_silent_and_odd_audio__ended_and_everybody_served(void **state)
{
    static uint8_t wav[48000 * 4 + 100];
    struct env *e = start("server");
    (void)state;
    size_t n = make_wav(wav, 16000, 1, LOUD);
    int fd = wy_connect(port), silent = wy_connect(port), odd = wy_connect(port);
    const char *form = "{\"rate\": 16000, \"width\": 2, \"channels\": 1}";
    assert_true(wy_send(fd, "audio-start", form) && wy_send(silent, "audio-start", form) &&
                wy_send(odd, "audio-start", form));
    for (int s = 0; s < 35; s++) /* no audio-stop ever */
        send_chunk(fd, 16000, wav + LT_WAV_HEADER_BYTES, n - LT_WAV_HEADER_BYTES);
    expect_event(fd, "transcript", "turn on the kitchen light");
    expect_event(fd, "handled", NULL);
    memset(wav, 0, sizeof wav);
    send_chunk(silent, 16000, wav, 64000);
    assert_true(wy_send(silent, "audio-stop", NULL));
    expect_event(silent, "transcript", "");
    expect_event(silent, "not-recognized", NULL);
    send_chunk(odd, 16000, wav, 64000);
    send_chunk(odd, 8000, wav, 64000); /* another rate in the middle */
    expect_event(odd, "error", NULL);
    close(odd); /* one that just leaves */
    int gone = wy_connect(port);
    assert_true(wy_send(gone, "audio-start", form));
    send_chunk(gone, 16000, wav, 64000);
    close(gone);
    assert_true(wy_send(silent, "ping", "{\"text\":\"x\"}"));
    expect_event(silent, "pong", "x");
    close(silent);
    close(fd);
    env_stop(e);
}

/* ---- words ---- */

static void ask(struct env *e, const char *data, const char *type, const char *says)
{
    int fd = wy_connect(port);
    (void)e;
    assert_true(fd >= 0 && wy_send(fd, "transcript", data));
    expect_event(fd, type, says);
    close(fd);
}

static void
test_speech__answers__say_what_was_done_and_foreign_requests_are_not_guessed(void **state)
{
    struct env *e = start("none");
    (void)state;
    ask(e, "{\"text\": \"turn on the kitchen light\"}", "handled", "Kitchen Light is on.");
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    ask(e, "{\"text\": \"turn on the kitchen light\", \"language\": \"de\"}", "not-handled",
        "Das habe ich leider nicht verstanden.");
    ask(e, "{\"text\": \"allume la lumière du salon\"}", "not-handled",
        "Désolé, je n'ai pas compris.");
    assert_null(client_try(e, "lintel/home/call", 200));
    int fd = wy_connect(port); /* nobody hears here */
    assert_true(wy_send(fd, "audio-start", "{\"rate\": 16000, \"width\": 2, \"channels\": 1}"));
    expect_event(fd, "error", NULL);
    close(fd);
    env_stop(e);
}

/* A request by MQTT that is refused, and nothing is called. */
static void expect_refused(struct env *e, const char *payload)
{
    if (payload) client_say(e, payload);
    json_t *r = take_json(e, "lintel/home/response", "result");
    if (strcmp(text_of(r, "route"), "refused") != 0)
        fail_msg("%s: %s", payload ? payload : "audio", json_dumps(r, 0));
    json_decref(r);
    assert_int_equal(client_count(e, "lintel/home/call"), 0);
}

/* The network of the tests knows English: what is in another language, given, told by the words, by their letters
 * or by the server that heard them, is refused where no cloud is, whichever way it comes. */
static void test_speech__another_language__guessed_at_no_door(void **state)
{
    static uint8_t wav[48000 * 4 + 100];
    char config[700];
    struct env *e = env_start();
    (void)state;
    port = wy_free_port();
    snprintf(config, sizeof config,
             "wyoming: {port: %d, bind: 127.0.0.1}\nhermes: {enabled: true}\n"
             "voice: {recogniser: server, stt: '127.0.0.1:%d'}\n",
             port, server.port);
    gateway_start(e, config);
    /* MQTT, as JSON and as plain words */
    expect_refused(e, "{\"text\": \"turn on the kitchen light\", \"lang\": \"de-AT\"}");
    expect_refused(e, "{\"text\": \"включи свет на кухне\", \"lang\": \"en\"}");
    expect_refused(e, "acende a luz da cozinha");
    expect_refused(e, "打开 Kitchen Light");
    /* Wyoming, words */
    ask(e, "{\"text\": \"turn on the kitchen light\", \"language\": \"sv\"}", "not-handled", NULL);
    ask(e, "{\"text\": \"släck alla lampor\"}", "not-handled", NULL);
    /* Hermes */
    tell(e, "hermes/nlu/query",
         "{\"input\":\"turn on the kitchen light\",\"siteId\":\"bed\",\"lang\":\"nl_NL\"}");
    json_decref(take(e, "hermes/nlu/intentNotRecognized"));
    tell(e, "hermes/nlu/query", "{\"input\":\"tænd lyset i stuen\",\"siteId\":\"bed\"}");
    json_decref(take(e, "hermes/nlu/intentNotRecognized"));
    /* sound: the language given, or what the server says it heard where the words do not tell */
    size_t n = make_wav(wav, 16000, 1, LOUD);
    int fd = wy_connect(port);
    assert_true(wy_send(fd, "audio-start",
                        "{\"rate\": 16000, \"width\": 2, \"channels\": 1, \"language\": \"it\"}"));
    send_chunk(fd, 16000, wav + LT_WAV_HEADER_BYTES, n - LT_WAV_HEADER_BYTES);
    assert_true(wy_send(fd, "audio-stop", NULL));
    expect_event(fd, "transcript", "turn on the kitchen light");
    expect_event(fd, "not-handled", NULL);
    close(fd);
    server.words = "television uit";
    server.hears = "nl";
    send_wav(e, "lintel/home/audio", wav, n);
    expect_refused(e, NULL);
    server.words = "turn on the kitchen light";
    send_wav(e, "lintel/home/audio", wav, n); /* it was sure to hear Dutch; the words are English */
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    server.hears = NULL;
    env_stop(e);
}

/* ---- Hermes ---- */

static struct env *start_dialogue(void)
{
    char config[600];
    struct env *e = env_start();
    snprintf(config, sizeof config,
             "hermes: {enabled: true, role: dialogue, services: [asr, tts], rooms: [bed=Bedroom]}\n"
             "voice: {recogniser: server, stt: '127.0.0.1:%d', tts: '127.0.0.1:%d'}\n",
             server.port, server.port);
    gateway_start(e, config);
    return e;
}

static void
test_speech__hermes_dialogue__wake_word_frames_call_answer_played_and_ended(void **state)
{
    struct env *e = start_dialogue();
    char played[300];
    (void)state;
    char *session = wake(e);
    send_frames(e, "other", LOUD); /* nobody listens there */
    send_frames(e, "bed", LOUD);
    send_frames(e, "bed", 0); /* the speaker stops */
    json_t *o = take(e, "hermes/asr/textCaptured");
    assert_string_equal(json_string_value(json_object_get(o, "text")), "turn on the kitchen light");
    assert_string_equal(json_string_value(json_object_get(o, "sessionId")), session);
    json_decref(o);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    json_decref(take(e, "hermes/intent/HassTurnOn"));
    json_decref(take(e, "hermes/tts/say"));
    struct message *m = client_take(e, "hermes/audioServer/bed/playBytes/", WAIT_MS);
    struct lt_wav wav;
    assert_int_equal(lt_wav_read(m->payload, m->payload_len, &wav, NULL), LT_OK);
    snprintf(played, sizeof played, "{\"id\":\"%s\",\"siteId\":\"bed\"}",
             strrchr(m->topic, '/') + 1);
    message_free(m);
    tell(e, "hermes/audioServer/bed/playFinished", played);
    json_decref(take(e, "hermes/tts/sayFinished"));
    expect_end(e, session, "nominal");
    free(session);
    assert_int_equal(
        db_int(e, "select count(*) from trace where source = 'hermes' and here = 'Bedroom'"), 1);
    env_stop(e);
}

static void test_speech__hermes_silence_and_a_dead_server__told_and_ended_once(void **state)
{
    struct env *e = start_dialogue();
    (void)state;
    char *session = wake(e);
    for (int i = 0; i < 7; i++) send_frames(e, "bed", 0); /* nobody speaks */
    json_t *o = take(e, "hermes/asr/textCaptured");
    assert_string_equal(json_string_value(json_object_get(o, "text")), "");
    json_decref(o);
    json_decref(take(e, "hermes/dialogueManager/intentNotRecognized"));
    expect_end(e, session, "intentNotRecognized");
    free(session);
    session = wake(e);
    server.fault = SPEECH_DIES;
    send_frames(e, "bed", LOUD);
    send_frames(e, "bed", 0);
    json_decref(take(e, "hermes/error/asr"));
    expect_end(e, session, "intentNotRecognized");
    free(session);
    server.fault = SPEECH_WELL;
    session = wake(e);
    tell(e, "hermes/hotword/default/detected", "{\"siteId\":\"bed\"}"); /* once more */
    json_decref(take(e, "hermes/error/dialogueManager"));
    char end[200];
    snprintf(end, sizeof end, "{\"sessionId\":\"%s\"}", session);
    tell(e, "hermes/dialogueManager/endSession", end);
    expect_end(e, session, "nominal");
    free(session);
    assert_null(client_try(e, "lintel/home/call", 200));
    env_stop(e);
}

#ifdef LT_HAVE_POCKETSPHINX
/* espeak-ng says it, a gateway with the recogniser inside hears it: the result. */
static json_t *hear_spoken(struct env *e, const char *phrase)
{
    static uint8_t wav[400000];
    char command[300];
    snprintf(command, sizeof command, "espeak-ng -v en-us -s 150 --stdout '%s'", phrase);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(wav, 1, sizeof wav, f); /* its header, for a pipe, tells no length */
    assert_int_equal(pclose(f), 0);
    send_wav(e, "lintel/home/audio", wav, n);
    return take_json(e, "lintel/home/response", "result");
}

/* The tool of the first call that was carried out, or NULL. */
static const char *carried_out(const json_t *result)
{
    const json_t *call = json_array_get(json_object_get(result, "calls"), 0);
    const char *route = json_string_value(json_object_get(result, "route"));
    return route && !strcmp(route, "local") ? json_string_value(json_object_get(call, "name"))
                                            : NULL;
}

/* It hears English alone, says so, and does not make English of another language. */
static void test_speech__embedded_recogniser__other_languages_refused(void **state)
{
    static uint8_t wav[48000 * 4 + 100];
    struct lt_diag diag = {0};
    (void)state;
    if (!lt_recogniser_is_there(NULL, &diag)) skip();
    struct env *e = env_start();
    char config[300];
    port = wy_free_port();
    snprintf(config, sizeof config,
             "wyoming: {port: %d, bind: 127.0.0.1, languages: [en, de]}\n"
             "voice: {recogniser: embedded}\n",
             port);
    gateway_start(e, config);
    int fd = wy_connect(port);
    assert_true(wy_send(fd, "describe", NULL));
    json_t *info = wy_take(fd);
    json_t *languages = NULL, *handled = NULL;
    assert_int_equal(json_unpack(info, "{s:{s:[{s:[{s:o}]}],s:[{s:[{s:o}]}]}}", "data", "asr",
                                 "models", "languages", &languages, "handle", "models", "languages",
                                 &handled),
                     0);
    assert_int_equal(json_array_size(languages), 1);
    assert_string_equal(json_string_value(json_array_get(languages, 0)), "en");
    assert_int_equal(json_array_size(handled), 2); /* words come in both */
    json_decref(info);
    size_t n = make_wav(wav, 16000, 1, LOUD);
    assert_true(wy_send(fd, "transcribe", "{\"language\": \"de-DE\"}"));
    assert_true(wy_send(fd, "audio-start", "{\"rate\": 16000, \"width\": 2, \"channels\": 1}"));
    send_chunk(fd, 16000, wav + LT_WAV_HEADER_BYTES, n - LT_WAV_HEADER_BYTES);
    assert_true(wy_send(fd, "audio-stop", NULL));
    json_t *error = wy_take(fd);
    assert_string_equal(text_of(error, "type"), "error");
    assert_non_null(strstr(text_of(json_object_get(error, "data"), "text"),
                           "hears English, not 'de'; name a speech server in voice.stt"));
    json_decref(error);
    close(fd);
    env_stop(e);
}

/* What is said goes to the recogniser inside, which hears most of it and asks where it is not sure; talk that
 * is no command is not acted on. The whole suites are tests/bench/spoken.sh. */
static void test_speech__embedded_recogniser__spoken_phrases_become_calls(void **state)
{
    static const char *const phrases[][2] = {
        {"turn on the kitchen light", "HassTurnOn"},
        {"change the kitchen light to green", "HassLightSet"},
        {"set the kitchen light to fifty percent", "HassLightSet"},
        {"turn on the coffee machine", "HassTurnOn"},
        {"turn off the bedside lamp", "HassTurnOff"},
        {"open the living room blinds", "HassTurnOn"},
        {"set a timer for ten minutes", "HassStartTimer"},
        {"what time is it", "HassGetCurrentTime"},
        {"lights on in the kitchen", "HassTurnOn"},
        {"turn on the television", "HassTurnOn"},
    };
    const size_t n_phrases = sizeof phrases / sizeof *phrases;
    static const char *const talk[] = {
        "the children are playing in the garden", "let us talk about the plans for the holidays",
        "i have to write an email to my boss", "the football match ended with a draw",
        "that book was much better than the film"};
    struct lt_diag diag = {0};
    size_t n_right = 0, n_wrong = 0, n_acted = 0;
    (void)state;
    if (!lt_recogniser_is_there(NULL, &diag) || system("espeak-ng --version > /dev/null 2>&1"))
        skip();
    struct env *e = start("embedded");
    for (size_t i = 0; i < n_phrases; i++) {
        json_t *r = hear_spoken(e, phrases[i][0]);
        const char *name = carried_out(r);
        if (name) {
            int is_right = !strcmp(name, phrases[i][1]);
            n_right += (size_t)is_right;
            n_wrong += (size_t)!is_right;
            if (!is_right) print_message("\"%s\" was carried out as %s\n", phrases[i][0], name);
        }
        json_decref(r);
    }
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) {
        json_t *r = hear_spoken(e, talk[i]);
        const char *name = carried_out(r);
        if (name) print_message("\"%s\" was carried out as %s\n", talk[i], name);
        n_acted += name != NULL;
        json_decref(r);
    }
    /* of six voices and speeds each said all ten right; four of them had one of the five sentences of talk
     * acted on, this one none, so that another version of the voice may */
    assert_true(n_right >= 9);
    assert_int_equal(n_wrong, 0);
    assert_true(n_acted <= 1);
    static uint8_t tone[48000 * 4 + 100];
    size_t n = make_wav(tone, 16000, 1, 0);
    client_forget(e);
    send_wav(e, "lintel/home/audio", tone, n);
    expect_error(e, "no_words");
    env_stop(e);
}
#endif

static int setup(void **state)
{
    (void)state;
    speech_server_start(&server, "turn on the kitchen light");
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
        cmocka_unit_test(
            test_speech__wav_of_many_rates__server_hears_call_goes_out_and_answer_is_spoken),
        cmocka_unit_test(test_speech__another_language__spoken_by_its_voice),
        cmocka_unit_test(test_speech__bad_wavs__error_that_says_so_and_the_next_is_heard),
        cmocka_unit_test(test_speech__server_that_fails__error_and_the_next_is_heard),
        cmocka_unit_test(test_speech__wyoming_audio__transcript_and_with_transcribe_nothing_more),
        cmocka_unit_test(
            test_speech__wyoming_endless_silent_and_odd_audio__ended_and_everybody_served),
        cmocka_unit_test(
            test_speech__answers__say_what_was_done_and_foreign_requests_are_not_guessed),
        cmocka_unit_test(test_speech__another_language__guessed_at_no_door),
        cmocka_unit_test(
            test_speech__hermes_dialogue__wake_word_frames_call_answer_played_and_ended),
        cmocka_unit_test(test_speech__hermes_silence_and_a_dead_server__told_and_ended_once),
#ifdef LT_HAVE_POCKETSPHINX
        cmocka_unit_test(test_speech__embedded_recogniser__other_languages_refused),
        cmocka_unit_test(test_speech__embedded_recogniser__spoken_phrases_become_calls),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
