/* test_media.c - media players over a real broker, with the shipped deploy/devices.yaml: spoken words
 * become the players' messages, their reports decide what is answered, "louder" counts from what they told,
 * and a room's "pause" means the one that plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "wire.h"

#define SPEAKER "snapcast/living"

struct room {
    struct env *e;
    struct wire *w;
};

/* A gateway that knows what this file describes; not yet started. */
static struct room start(const char *devices)
{
    struct room r = {.e = env_start()};
    r.w = wire_open(env_port(r.e));
    FILE *f = fopen(env_path(r.e, "lintel.yaml"), "w");
    assert_non_null(f);
    fprintf(f, "mqtt: {port: %d, client_id: gw}\nstore: {path: %s}\n", env_port(r.e),
            env_path(r.e, "lintel.db"));
    fprintf(f, "discovery: {devices: %s}\nmodel: {file: %s}\n",
            *devices == '/' ? devices : env_path(r.e, devices), test_model());
    fprintf(f, "actuate: {enabled: true, confirm_ms: 20000}\ngate: {threshold: 0, nothing: 0}\n"
               "talk: {plain: false}\n");
    assert_false(fclose(f));
    return r;
}

static void wait_entities(struct room *r, json_int_t n)
{
    for (json_int_t have = -1; have != n;) {
        json_t *s = take_json(r->e, "lintel/home/status", "status");
        have = json_integer_value(json_object_get(json_object_get(s, "catalog"), "entities"));
        json_decref(s);
    }
}

static void stop(struct room *r)
{
    assert_int_equal(gateway_stop(r->e), 0);
    wire_close(r->w);
    env_stop(r->e);
}

/* The answer to the words; the device says `then` on `on` after it was told `payload` on `topic`. */
static json_t *tell(struct room *r, const char *words, const char *topic, const char *payload,
                    const char *on, const char *then)
{
    wire_forget(r->w);
    client_say(r->e, words);
    char *have = wire_take(r->w, topic);
    if (!have || strcmp(have, payload) != 0)
        fail_msg("\"%s\": %s on %s", words, have ? have : "nothing", topic);
    free(have);
    if (on) wire_publish(r->w, on, then, 1);
    return take_json(r->e, "lintel/home/response", "result");
}

static void expect_outcome(json_t *answer, const char *want)
{
    const json_t *row = json_array_get(json_object_get(answer, "outcome"), 0);
    const char *have = json_string_value(json_object_get(row, "outcome"));
    if (!have || strcmp(have, want) != 0) {
        char *text = json_dumps(answer, 0);
        fail_msg("not %s: %s", want, text);
    }
    json_decref(answer);
}

/* Until the gateway has heard it: a question about it is answered so. */
static void wait_known(struct room *r, const char *question, const char *holds)
{
    for (int i = 0; i < 80; i++) {
        client_say(r->e, question);
        json_t *a = take_json(r->e, "lintel/home/response", "result");
        const char *speech = json_string_value(json_object_get(a, "speech"));
        int is = speech && strstr(speech, holds);
        json_decref(a);
        if (is) return;
        sleep_ms(250);
    }
    fail_msg("\"%s\" is not answered with %s", question, holds);
}

static void test_media__shipped_example__worked_by_voice(void **state)
{
    struct room r = start(SOURCE_DIR "/deploy/devices.yaml");
    (void)state;
    gateway_spawn(r.e);
    wait_entities(&r, 5);
    wire_publish(r.w, SPEAKER,
                 "{\"playback\":\"playing\",\"volume\":40,\"muted\":false,\"stream\":\"Radio\"}",
                 1);
    wait_known(&r, "is the living room speaker playing?", "Yes");
    expect_outcome(tell(&r, "set the volume of the living room speaker to 30 percent",
                        SPEAKER "/volume/set", "30", SPEAKER,
                        "{\"playback\":\"playing\",\"volume\":30,\"muted\":false}"),
                   "done");
    expect_outcome(tell(&r, "turn up the volume of the living room speaker", SPEAKER "/volume/set",
                        "40", SPEAKER, "{\"playback\":\"playing\",\"volume\":40,\"muted\":false}"),
                   "done");
    expect_outcome(tell(&r, "mute the living room speaker", SPEAKER "/mute/set", "true", SPEAKER,
                        "{\"playback\":\"playing\",\"volume\":40,\"muted\":true}"),
                   "done");
    expect_outcome(tell(&r, "pause the living room speaker", SPEAKER "/set",
                        "{\"command\": \"pause\"}", SPEAKER,
                        "{\"playback\":\"paused\",\"volume\":40,\"muted\":true}"),
                   "done");
    expect_outcome(
        tell(&r, "turn up the kitchen radio", "shairport/kitchen/remote", "volumeup", NULL, NULL),
        "sent");
    stop(&r);
}

/* Two players in one room: what is said to the room is meant for the one that plays. */
static void test_media__two_in_a_room__the_playing_one_is_meant(void **state)
{
    struct room r = start("devices.yaml");
    static const char yaml[] =
        "media_player:\n"
        "  - {name: Kitchen Radio, area: Kitchen, command_topic: radio/set,"
        " state_topic: radio/state}\n"
        "  - {name: Kitchen Screen, area: Kitchen, command_topic: screen/set,"
        " state_topic: screen/state}\n";
    (void)state;
    FILE *f = fopen(env_path(r.e, "devices.yaml"), "w");
    assert_non_null(f);
    fputs(yaml, f);
    assert_false(fclose(f));
    gateway_spawn(r.e);
    wait_entities(&r, 2);
    wire_publish(r.w, "radio/state", "paused", 1);
    wire_publish(r.w, "screen/state", "playing", 1);
    wait_known(&r, "is the kitchen screen playing?", "Yes");
    wait_known(&r, "is the kitchen radio paused?", "Yes");
    json_t *a =
        tell(&r, "pause the music in the kitchen", "screen/set", "PAUSE", "screen/state", "paused");
    assert_int_equal(json_array_size(json_object_get(a, "outcome")), 1);
    expect_outcome(a, "done");
    /* the file changes: taken up by SIGHUP */
    f = fopen(env_path(r.e, "devices.yaml"), "a");
    assert_non_null(f);
    fputs("switch:\n  - {name: Pond Pump, command_topic: pond/set}\n", f);
    assert_false(fclose(f));
    assert_int_equal(gateway_signal(r.e, 1), 0);
    wait_entities(&r, 3);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media__shipped_example__worked_by_voice),
        cmocka_unit_test(test_media__two_in_a_room__the_playing_one_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
