/* test_devices_file.c - devices described by hand: the file as values, what is wrong with it, and the media
 * players and others that come of it, with the shipped example. */
#include "discovery_home.h"

#include "act_command.h"
#include "act_target.h"
#include "devices_file.h"

static void test_parse__values__as_written(void **state)
{
    static const char text[] = "switch:\n  - {name: Pump, payload_on: ON, payload_off: \"false\", "
                               "retain: true, qos: 1, min: 0.5, none: ~, deep: [1, {a: b}]}\n";
    struct lt_diag diag = {0};
    json_t *v = NULL, *want = json_loads("{\"switch\":[{\"name\":\"Pump\",\"payload_on\":\"ON\","
                                         "\"payload_off\":\"false\",\"retain\":true,\"qos\":1,"
                                         "\"min\":0.5,\"none\":null,\"deep\":[1,{\"a\":\"b\"}]}]}",
                                         0, NULL);
    (void)state;
    if (lt_devices_file_parse(text, sizeof text - 1, "t", &v, &diag)) fail_msg("%s", diag.text);
    assert_true(json_equal(v, want));
    json_decref(v);
    json_decref(want);
}

static void test_parse__not_a_list_of_devices__line_and_what_is_expected(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"- a\n", "t:1: kinds of devices are expected"},
        {"switch:\n  name: x\n", "t:2: a list of devices is expected"},
        {"switch:\n  - x\n", "t:2: a device is expected"},
        {"switch:\n  - name: x\n    name: y\n", "t:3: this key is there twice"},
        {"switch:\n  - {[a]: x}\n", "a key that is no text"},
        {"switch: [\n", "not YAML"},
        {"switch:\n  - a: [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\n", "nested too deeply"},
        {"switch:\n  - a: \"\\xff\\xfe\"\n    b: !!binary |\n      \xff\n", "not YAML"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_diag diag = {0};
        json_t *v = NULL;
        assert_int_not_equal(
            lt_devices_file_parse(rows[i].text, strlen(rows[i].text), "t", &v, &diag), LT_OK);
        assert_null(v);
        if (!strstr(diag.text, rows[i].says)) fail_msg("row %zu: %s", i, diag.text);
    }
}

/* An anchor that doubles fourteen times is a million values in a few lines. */
static void test_parse__anchors_that_multiply__limit(void **state)
{
    char text[2048] = "a0: &a0 [{x: 1}, {x: 2}]\n";
    struct lt_diag diag = {0};
    json_t *v = NULL;
    (void)state;
    for (int i = 1; i < 9; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "a%d: &a%d [{v: *a%d}, {v: *a%d}, {v: *a%d}, {v: *a%d}]\n", i, i, i - 1, i - 1,
                 i - 1, i - 1);
    assert_int_equal(lt_devices_file_parse(text, strlen(text), "t", &v, &diag), LT_ERR_LIMIT);
    assert_null(v);
}

static void test_read__no_such_file__named(void **state)
{
    struct lt_diag diag = {0};
    json_t *v = NULL;
    (void)state;
    assert_int_equal(lt_devices_file_read("/nowhere/devices.yaml", &v, &diag), LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, "/nowhere/devices.yaml"));
}

/* ---- what comes of it ---- */

static struct lt_discovery *described(const char *yaml)
{
    struct lt_diag diag = {0};
    struct lt_discovery *d = NULL;
    struct lt_discovery_options o = {.ha_prefix = NULL};
    json_t *v = NULL;
    assert_int_equal(lt_discovery_new(&o, &d, &diag), LT_OK);
    enum lt_err err = yaml ? lt_devices_file_parse(yaml, strlen(yaml), "t", &v, &diag)
                           : lt_devices_file_read(SOURCE_DIR "/deploy/devices.yaml", &v, &diag);
    if (err) fail_msg("%s", diag.text);
    assert_int_equal(lt_discovery_set_devices(d, v), LT_OK);
    json_decref(v);
    return d;
}

/* The messages of a call as "topic payload|…"; the refusal when there is one. */
static const char *said(struct lt_discovery *d, const char *id, const char *tool, const char *args)
{
    static struct lt_act_plan p;
    static char out[512];
    static struct lt_diag diag;
    json_t *a = json_loads(args, 0, NULL);
    memset(&diag, 0, sizeof diag); /* it keeps its first error */
    assert_non_null(a);
    const struct lt_thing *t = lt_discovery_find(d, id);
    if (!t) fail_msg("no %s", id);
    enum lt_err err = lt_act_plan_call(t, tool, a, &p, &diag);
    json_decref(a);
    out[0] = '\0';
    for (int i = 0; i < p.n_sends && !err; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s %s", i ? "|" : "",
                 p.sends[i].topic, p.sends[i].payload);
    return err ? diag.text : out;
}

static void test_media__shipped_example__every_tool_its_message(void **state)
{
    static const struct {
        const char *id, *tool, *args, *want;
    } rows[] = {
        {"living_room_speaker", "HassMediaPause", "{}",
         "snapcast/living/set {\"command\": \"pause\"}"},
        {"living_room_speaker", "HassTurnOn", "{}", "snapcast/living/set {\"command\": \"play\"}"},
        {"living_room_speaker", "HassTurnOff", "{}",
         "snapcast/living/set {\"command\": \"pause\"}"},
        {"living_room_speaker", "HassSetVolume", "{\"volume_level\":30}",
         "snapcast/living/volume/set 30"},
        {"living_room_speaker", "HassMediaPlayerMute", "{}", "snapcast/living/mute/set true"},
        {"living_room_speaker", "HassMediaPlayerUnmute", "{}", "snapcast/living/mute/set false"},
        {"living_room_speaker", "HassSetVolumeRelative", "{\"volume_step\":\"up\"}",
         "Living Room Speaker has not told its volume yet"},
        {"living_room_speaker", "HassSetVolumeRelative",
         "{\"volume_step\":\"up\",\"volume_level\":55}", "snapcast/living/volume/set 55"},
        {"living_room_speaker", "HassMediaSearchAndPlay", "{\"search_query\":\"jazz\"}",
         "Living Room Speaker cannot search for that"},
        {"kitchen_radio", "HassMediaNext", "{}", "shairport/kitchen/remote nextitem"},
        {"kitchen_radio", "HassMediaPrevious", "{}", "shairport/kitchen/remote previtem"},
        {"kitchen_radio", "HassTurnOff", "{}", "shairport/kitchen/remote stop"},
        {"kitchen_radio", "HassSetVolumeRelative", "{\"volume_step\":\"down\"}",
         "shairport/kitchen/remote volumedown"},
        {"kitchen_radio", "HassSetVolumeRelative", "{\"volume_step\":-5}",
         "shairport/kitchen/remote volumedown"},
        {"kitchen_radio", "HassSetVolume", "{\"volume_level\":10}",
         "Kitchen Radio takes no volume"},
        {"kitchen_radio", "HassMediaPlayerMute", "{}", "Kitchen Radio cannot be muted"},
        {"study_player", "HassMediaUnpause", "{}", "mpd/study/play PLAY"},
        {"study_player", "HassSetVolume", "{\"volume_level\":35}", "mpd/study/volume/set 0.35"},
        {"study_player", "HassMediaSearchAndPlay", "{\"search_query\":\"some jazz\"}",
         "mpd/study/search some jazz"},
    };
    struct lt_discovery *d = described(NULL);
    const struct lt_discovery_error *e;
    char id[64];
    (void)state;
    assert_int_equal(lt_discovery_errors(d, &e), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(id, sizeof id, "media_player.%s", rows[i].id);
        const char *have = said(d, id, rows[i].tool, rows[i].args);
        if (strcmp(have, rows[i].want) != 0) fail_msg("row %zu: %s", i, have);
    }
    assert_string_equal(
        said(d, "select.living_room_speaker_source", "HassSelectOption", "{\"option\":\"radio\"}"),
        "snapcast/living/stream/set Radio");
    assert_string_equal(said(d, "switch.pond_pump", "HassTurnOn", "{}"), "pond/pump/set ON");
    assert_string_equal(lt_discovery_find(d, "media_player.study_player")->area, "Study");
    json_t *c = catalog_json(d); /* the media tools come with the players */
    assert_non_null(named(json_object_get(c, "tools"), "HassSetVolumeRelative"));
    json_decref(c);
    lt_discovery_free(d);
}

static void test_media__reports__their_meaning(void **state)
{
    static const struct {
        const char *id, *feature, *payload, *means;
    } rows[] = {
        {"living_room_speaker", "state", "{\"playback\":\"paused\"}", "paused"},
        {"living_room_speaker", "volume", "{\"volume\":40}", "40"},
        {"living_room_speaker", "mute", "{\"muted\":true}", "on"},
        {"kitchen_radio", "state", "1", "playing"},
        {"study_player", "state", "stop", "idle"},
    };
    struct lt_discovery *d = described(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[64], meaning[64] = "";
        double number;
        snprintf(id, sizeof id, "media_player.%s", rows[i].id);
        const struct lt_feature *f = lt_thing_feature(lt_discovery_find(d, id), rows[i].feature);
        assert_non_null(f);
        assert_int_equal(lt_act_read(f, rows[i].payload, meaning, sizeof meaning, &number), LT_OK);
        assert_string_equal(meaning, rows[i].means);
    }
    lt_discovery_free(d);
}

static void test_set_devices__one_is_wrong__named_and_the_others_count(void **state)
{
    struct lt_discovery *d = described("light:\n  - name: Good\n    command_topic: a/set\n"
                                       "  - name: Bad\n  - command_topic: b/set\n"
                                       "teapot:\n  - name: Pot\n"
                                       "media_player:\n  - name: Box\n    command_topic: c/+\n"
                                       "  - name: Loud\n    volume_command_topic: d\n"
                                       "    volume_max: -1\n  - name: Mute\n");
    static const char *const want[] = {"devices/light/2",        "devices/light/3",
                                       "devices/teapot/1",       "devices/media_player/1",
                                       "devices/media_player/2", "devices/media_player/3"};
    const struct lt_discovery_error *e;
    (void)state;
    assert_int_equal(lt_discovery_errors(d, &e), 6);
    for (int i = 0; i < 6; i++) assert_string_equal(e[i].topic, want[i]);
    assert_non_null(strstr(e[0].reason, "command_topic"));
    assert_int_equal(lt_discovery_n_things(d), 1);
    assert_int_equal(lt_discovery_set_devices(d, NULL), LT_OK); /* none any more */
    assert_int_equal(lt_discovery_n_things(d), 0);
    assert_int_equal(lt_discovery_errors(d, &e), 0);
    lt_discovery_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__values__as_written),
        cmocka_unit_test(test_parse__not_a_list_of_devices__line_and_what_is_expected),
        cmocka_unit_test(test_parse__anchors_that_multiply__limit),
        cmocka_unit_test(test_read__no_such_file__named),
        cmocka_unit_test(test_media__shipped_example__every_tool_its_message),
        cmocka_unit_test(test_media__reports__their_meaning),
        cmocka_unit_test(test_set_devices__one_is_wrong__named_and_the_others_count),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
