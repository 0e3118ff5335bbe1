/* test_speech_bad.c - what is bad about sound, about those who send it and about speech servers: who sent
 * it is told, nothing stays open, and everybody else is served. Each door, with real sockets. */
#include <dirent.h>

#include "sound.h"
#include "speech_server.h"

#define MANY 50
#define FORM "{\"rate\": 16000, \"width\": 2, \"channels\": 1}"

static struct speech_server server;
static int port;
static const char words[] = "turn on the kitchen light";

static struct env *start(const char *services)
{
    char config[700];
    struct env *e = env_start();
    port = wy_free_port();
    snprintf(config, sizeof config,
             "wyoming: {port: %d, bind: 127.0.0.1}\n"
             "hermes: {enabled: true, role: dialogue, services: [%s]}\n"
             "voice: {recogniser: server, stt: '127.0.0.1:%d', tts: '127.0.0.1:%d'}\n",
             port, services, server.port, server.port);
    gateway_start(e, config);
    return e;
}

/* A second of speech, as samples. */
static const uint8_t *speech(size_t *n)
{
    static uint8_t wav[16000 * 2 * SECONDS + LT_WAV_HEADER_BYTES];
    *n = make_wav(wav, 16000, 1, LOUD) - LT_WAV_HEADER_BYTES;
    return wav + LT_WAV_HEADER_BYTES;
}

static void say(int fd)
{
    size_t n;
    const uint8_t *pcm = speech(&n);
    assert_true(wy_send(fd, "audio-start", FORM));
    send_chunk(fd, 16000, pcm, n);
}

/* Somebody speaks and is answered. */
static void is_served(struct env *e)
{
    int fd = wy_connect(port);
    assert_true(fd >= 0);
    say(fd);
    assert_true(wy_send(fd, "audio-stop", NULL));
    expect_event(fd, "transcript", words);
    expect_event(fd, "handled", NULL);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    close(fd);
}

static int n_sockets(struct env *e)
{
    char path[64], link[400], to[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)gateway_pid(e));
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *f; (f = readdir(folder));) {
        snprintf(link, sizeof link, "%s/%s", path, f->d_name);
        ssize_t k = readlink(link, to, sizeof to - 1);
        n += k > 7 && !memcmp(to, "socket:", 7);
    }
    closedir(folder);
    return n;
}

/* Until the gateway has no more connections than `before`. */
static void await_sockets(struct env *e, int before)
{
    for (int ms = 0; n_sockets(e) > before; ms += 20) {
        assert_true(ms < WAIT_MS);
        sleep_ms(20);
    }
}

static void test_speech_bad__fifty_speak_at_once__each_answered_and_nothing_stays_open(void **state)
{
    struct env *e = start("");
    int fd[MANY], before = n_sockets(e);
    (void)state;
    for (int i = 0; i < MANY; i++) assert_true((fd[i] = wy_connect(port)) >= 0);
    for (int i = 0; i < MANY; i++) say(fd[i]); /* nobody has ended yet */
    for (int i = 0; i < MANY; i++) assert_true(wy_send(fd[i], "audio-stop", NULL));
    for (int i = 0; i < MANY; i++) {
        expect_event(fd[i], "transcript", words);
        expect_event(fd[i], "handled", NULL);
    }
    for (int i = 0; i < MANY; i++) say(fd[i]); /* once more, and all leave in the middle */
    for (int i = 0; i < MANY; i++) close(fd[i]);
    await_sockets(e, before);
    is_served(e);
    await_sockets(e, before);
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

static void test_speech_bad__odd_wyoming_sound__error_and_everybody_served(void **state)
{
    static const char *const ending[] = {
        "{\"type\": \"audio-chunk\", \"data\": " FORM ", \"payload_length\": 2147483648}\n",
        "{\"type\": \"audio-chunk\", \"data\": " FORM ", \"payload_length\": 4194305}\n",
        "{\"type\": \"audio-chunk\", \"data\": " FORM ", \"payload_length\": -2}\n",
    };
    static const char *const refused[] = {
        "{\"rate\": 1, \"width\": 2, \"channels\": 1}",
        "{\"rate\": 2147483647, \"width\": 2, \"channels\": 1}",
        "{\"rate\": 16000, \"width\": 9, \"channels\": 1}",
        "{\"rate\": 16000, \"width\": 2, \"channels\": 0}",
        "{\"rate\": \"16000\"}",
    };
    struct env *e = start("");
    int before = n_sockets(e);
    (void)state;
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        int fd = wy_connect(port);
        say(fd);
        assert_true(wy_send_bytes(fd, ending[i], strlen(ending[i])));
        expect_event(fd, "error", NULL);
        assert_null(wy_take(fd)); /* nobody knows where the next event begins */
        close(fd);
    }
    int fd = wy_connect(port);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char header[200];
        int n = snprintf(header, sizeof header,
                         "{\"type\": \"audio-chunk\", \"data\": %s, \"payload_length\": 4}\nabcd",
                         refused[i]);
        assert_true(wy_send(fd, "audio-start", FORM) && wy_send_bytes(fd, header, (size_t)n));
        expect_event(fd, "error", NULL);
    }
    send_chunk(fd, 16000, "abcd", 4); /* nobody listens: no audio-start */
    assert_true(wy_send(fd, "audio-stop", NULL) && wy_send(fd, "ping", "{\"text\":\"x\"}"));
    expect_event(fd, "pong", "x");
    int half = wy_connect(port); /* half a chunk, and gone */
    say(half);
    assert_true(wy_send_bytes(half, ending[1], strlen(ending[1]) / 2));
    is_served(e);
    close(half);
    close(fd);
    await_sockets(e, before);
    env_stop(e);
}

static void test_speech_bad__server_dies_in_midstream__error_and_the_next_is_served(void **state)
{
    struct env *e = start("");
    int before = n_sockets(e), fd = wy_connect(port);
    size_t n;
    const uint8_t *pcm = speech(&n);
    (void)state;
    server.fault = SPEECH_DIES;
    say(fd);
    expect_event(fd, "error", NULL);
    send_chunk(fd, 16000, pcm, n); /* it goes on as if nothing were */
    assert_true(wy_send(fd, "audio-stop", NULL) && wy_send(fd, "ping", "{\"text\":\"x\"}"));
    expect_event(fd, "pong", "x");
    server.fault = SPEECH_WELL;
    say(fd);
    assert_true(wy_send(fd, "audio-stop", NULL));
    expect_event(fd, "transcript", words);
    expect_event(fd, "handled", NULL);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    close(fd);
    /* the one that speaks: what was said is done, and told in writing */
    server.fault = SPEECH_DIES_SPEAKING;
    send_wav(e, "lintel/home/audio/Kitchen", pcm - LT_WAV_HEADER_BYTES, LT_WAV_HEADER_BYTES + n);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    json_decref(take_json(e, "lintel/home/response", "result"));
    gateway_log_wait(e, "audio.not_spoken");
    assert_int_equal(client_count(e, "lintel/home/voice"), 0);
    server.fault = SPEECH_WELL;
    send_wav(e, "lintel/home/audio/Kitchen", pcm - LT_WAV_HEADER_BYTES, LT_WAV_HEADER_BYTES + n);
    message_free(client_take(e, "lintel/home/voice/Kitchen", WAIT_MS));
    await_sockets(e, before);
    env_stop(e);
}

static void test_speech_bad__wavs_without_end__told_or_cut(void **state)
{
    enum { LONG_S = 40, TOO_MANY = (16 << 20) + 1000 };
    struct env *e = start("");
    uint8_t *wav = calloc(1, TOO_MANY);
    size_t n;
    (void)state;
    assert_non_null(wav);
    lt_wav_header(wav, 16000, 1, 0x80000000u);
    send_wav(e, "lintel/home/audio", wav, TOO_MANY);
    expect_error(e, "too_long");
    const uint8_t *pcm = speech(&n);
    for (size_t i = 0; i < LONG_S; i++) memcpy(wav + LT_WAV_HEADER_BYTES + i * n, pcm, n);
    server.n_bytes = 0;
    send_wav(e, "lintel/home/audio", wav, LT_WAV_HEADER_BYTES + LONG_S * n);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    assert_in_range(server.n_bytes, 32000 * 25, 32000 * 30); /* half a minute, and no more */
    free(wav);
    env_stop(e);
}

/* A microphone that nobody turns off, and those that nobody speaks into. */
static void test_speech_bad__wyoming_sound_without_end_or_words__cut_or_not_recognized(void **state)
{
    enum { LONG_S = 40 };
    static uint8_t silence[16000 * 2 * SECONDS + LT_WAV_HEADER_BYTES];
    struct env *e = start("");
    int before = n_sockets(e), fd = wy_connect(port);
    size_t n;
    const uint8_t *pcm = speech(&n);
    (void)state;
    server.n_bytes = 0;
    say(fd);
    for (int i = 1; i < LONG_S; i++) send_chunk(fd, 16000, pcm, n);
    expect_event(fd, "transcript", words); /* without an audio-stop */
    expect_event(fd, "handled", NULL);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    long n_heard = server.n_bytes;
    assert_in_range(n_heard, 32000 * 25, 32000 * 30); /* half a minute, and no more */
    send_chunk(fd, 16000, pcm, n);                    /* and it still goes on */
    assert_true(wy_send(fd, "audio-stop", NULL) && wy_send(fd, "ping", "{\"text\":\"x\"}"));
    expect_event(fd, "pong", "x");
    (void)make_wav(silence, 16000, 1, 0);
    for (int is_empty = 0; is_empty < 2; is_empty++) { /* silence, then no sound at all */
        assert_true(wy_send(fd, "audio-start", FORM));
        if (!is_empty) send_chunk(fd, 16000, silence + LT_WAV_HEADER_BYTES, n);
        assert_true(wy_send(fd, "audio-stop", NULL));
        expect_event(fd, "transcript", "");
        expect_event(fd, "not-recognized", NULL);
    }
    assert_int_equal(server.n_bytes, n_heard); /* nobody was asked what it might mean */
    assert_null(client_try(e, "lintel/home/call", 200));
    is_served(e);
    close(fd);
    await_sockets(e, before);
    env_stop(e);
}

/* ---- Hermes ---- */

static const char frames[] = "hermes/audioServer/bed/audioFrame";

/* A frame that cannot be heard: told, and the session ends instead of waiting for its time. */
static void bad_frame(struct env *e, const void *bytes, size_t n)
{
    char *session = wake(e);
    send_frames(e, "bed", 0);
    send_wav(e, frames, bytes, n);
    json_t *o = take(e, "hermes/error/asr");
    assert_true(strlen(text_of(o, "error")) > 10);
    assert_string_equal(text_of(o, "sessionId"), session);
    json_decref(o);
    o = take(e, "hermes/asr/textCaptured");
    assert_string_equal(text_of(o, "text"), "");
    json_decref(o);
    expect_end(e, session, "intentNotRecognized");
    free(session);
}

/* Words were heard and done; the satellite has said the answer. */
static void expect_done(struct env *e, const char *session)
{
    char said[200];
    json_t *o = take(e, "hermes/asr/textCaptured");
    assert_string_equal(text_of(o, "text"), words);
    json_decref(o);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    json_decref(take(e, "hermes/tts/say"));
    snprintf(said, sizeof said, "{\"id\":\"%s\",\"siteId\":\"bed\"}", session);
    tell(e, "hermes/tts/sayFinished", said);
    expect_end(e, session, "nominal");
}

static void test_speech_bad__hermes_frames__told_and_ended_and_the_next_is_heard(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t n, cut;
    } cases[] = {
        {0, "RIFX", 4, 0},
        {0, "", 0, 100}, /* truncated */
        {0, "", 0, FRAME_BYTES + 20} /* half a header */,
        {20, "\x06\0", 2, 0},       /* A-law */
        {24, "\x10\0\0\0", 4, 0},   /* 16 Hz */
        {24, "\x40\x1f\0\0", 4, 0}, /* 8 kHz, after 16 */
        {34, "\x0c\0", 2, 0},       /* 12 bits */
    };
    uint8_t wav[LT_WAV_HEADER_BYTES + FRAME_BYTES] = {0};
    struct env *e = start("asr");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_wav_header(wav, 16000, 1, FRAME_BYTES);
        memcpy(wav + cases[i].at, cases[i].bytes, cases[i].n);
        bad_frame(e, wav, sizeof wav - cases[i].cut);
    }
    char *session = wake(e); /* a frame of "2 GB", as recorders write into pipes */
    lt_wav_header(wav, 16000, 1, 0x80000000u);
    send_wav(e, frames, wav, sizeof wav);
    send_frames(e, "bed", LOUD);
    send_frames(e, "bed", 0);
    expect_done(e, session);
    free(session);
    session = wake(e); /* somebody who never stops */
    for (int s = 0; s < 17; s++) send_frames(e, "bed", LOUD);
    expect_done(e, session);
    free(session);
    env_stop(e);
}

static int setup(void **state)
{
    (void)state;
    speech_server_start(&server, words);
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
            test_speech_bad__fifty_speak_at_once__each_answered_and_nothing_stays_open),
        cmocka_unit_test(test_speech_bad__odd_wyoming_sound__error_and_everybody_served),
        cmocka_unit_test(test_speech_bad__server_dies_in_midstream__error_and_the_next_is_served),
        cmocka_unit_test(test_speech_bad__wavs_without_end__told_or_cut),
        cmocka_unit_test(
            test_speech_bad__wyoming_sound_without_end_or_words__cut_or_not_recognized),
        cmocka_unit_test(test_speech_bad__hermes_frames__told_and_ended_and_the_next_is_heard),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
