/* test_plain.c - plain commands: what is read, from every word, and what is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_home.h"
#include "plain.h"

/* A tool that takes anything is enough: the router checks calls later. */
#define TOOL(name)                                                                                 \
    "{\"name\":\"" name "\",\"description\":\"t\",\"parameters\":{\"type\":\"object\"}}"
#define THING(id, name, area, domain, class)                                                       \
    "{\"id\":\"" id "\",\"name\":\"" name "\",\"area\":\"" area "\",\"domain\":\"" domain          \
    "\",\"device_class\":\"" class "\"}"
/* clang-format off */
static const char home[] =
    "{\"tools\":["
    TOOL("HassTurnOn") "," TOOL("HassTurnOff") "," TOOL("HassLightSet") "," TOOL("HassSetPosition") ","
    TOOL("HassFanSetSpeed") "," TOOL("HassClimateSetTemperature") "," TOOL("HassGetState") ","
    TOOL("HassSetNumber") "," TOOL("HassSelectOption") "," TOOL("HassAlarmArm") "," TOOL("HassAlarmDisarm") ","
    TOOL("HassMediaNext") "," TOOL("HassMediaPause") "," TOOL("HassMediaUnpause") "," TOOL("HassSetVolumeRelative")
    "],\"home\":{\"areas\":[{\"name\":\"Kitchen\"},{\"name\":\"Bedroom\"},{\"name\":\"Garden\"}],\"entities\":["
    THING("light.a", "Ceiling Light", "Kitchen", "light", "") ","
    THING("light.b", "Ceiling Light", "Bedroom", "light", "") ","
    THING("light.c", "Café Lamp", "Bedroom", "light", "") ","
    THING("switch.p", "Pond Pump", "Garden", "switch", "") ","
    THING("cover.b", "Roller Blind", "Bedroom", "cover", "blind") ","
    THING("lock.d", "Front Door", "", "lock", "") ","
    THING("fan.f", "Ventilator", "Kitchen", "fan", "") ","
    THING("climate.r", "Radiator", "Bedroom", "climate", "") ","
    THING("sensor.h", "Air", "Bedroom", "sensor", "humidity") ","
    THING("number.c", "Charge Limit", "", "number", "") ","
    THING("media_player.r", "Radio", "Kitchen", "media_player", "") ","
    THING("media_player.t", "Television", "", "media_player", "tv") ","
    THING("media_player.s", "Turntable", "Bedroom", "media_player", "") ","
    THING("alarm_control_panel.h", "Intruder Alarm", "", "alarm_control_panel", "") ","
    "{\"id\":\"select.m\",\"name\":\"Garden Fountain Mode\",\"aliases\":[\"Fountain Mode\"],"
    "\"area\":\"Garden\",\"domain\":\"select\"}]}}";
/* clang-format on */

static int group_setup(void **state)
{
    (void)state;
    return open_home(home);
}

static const char *playing = ""; /* players' letters */

/* Lights at 40 %, the kitchen's off; the radiator at 20 degrees, the fan at 90 %. */
static int read_state(void *ctx, const char *id, struct lt_plain_state *out)
{
    (void)ctx;
    *out = (struct lt_plain_state){
        .is_on = strcmp(id, "light.a") != 0, .has_level = 1, .level = 40, .min = 0, .max = 100};
    if (!strcmp(id, "climate.r")) {
        out->level = 20;
        out->min = 5;
        out->max = 20.5;
    }
    if (!strcmp(id, "fan.f")) out->level = 90;
    if (!strncmp(id, "media_player.", 13)) out->is_on = strchr(playing, id[13]) != NULL;
    return strcmp(id, "light.c") != 0 || !ctx;
}

/* The calls as text, "" for none, "?" and the question. */
static const char *reads(const char *text, const char *here)
{
    static char out[1024];
    struct lt_words said;
    struct lt_plain p;
    lt_words_split(text, &said);
    lt_plain_read(NULL, catalog, &said, here, read_state, NULL, &p);
    out[0] = '\0';
    if (p.question.kind != LT_ASK_NOTHING) snprintf(out, sizeof out, "?%s", p.question.speech);
    for (size_t i = 0; i < json_array_size(p.calls); i++) {
        const json_t *call = json_array_get(p.calls, i);
        char *a = json_dumps(json_object_get(call, "arguments"), JSON_COMPACT | JSON_SORT_KEYS);
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s%s", i ? " " : "",
                 json_string_value(json_object_get(call, "name")) + 4, a);
        free(a);
    }
    lt_plain_free(&p);
    return out;
}

struct row {
    const char *text, *here, *want;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *have = reads(rows[i].text, rows[i].here);
        if (strcmp(have, rows[i].want) != 0)
            fail_msg("\"%s\" reads %s, not %s", rows[i].text, have, rows[i].want);
    }
}

static void test_plain__commands__every_word_has_its_place(void **state)
{
    static const struct row rows[] = {
        {"Turn on the pond pump, please", NULL, "TurnOn{\"name\":\"Pond Pump\"}"},
        {"could you start the pump", NULL, "TurnOn{\"name\":\"Pond Pump\"}"},
        {"turn off the cafe lamp", NULL, "TurnOff{\"name\":\"Café Lamp\"}"},
        {"kitchen ceiling light off", NULL,
         "TurnOff{\"area\":\"Kitchen\",\"name\":\"Ceiling Light\"}"},
        {"close the blind", NULL, "TurnOff{\"name\":\"Roller Blind\"}"},
        {"raise the roller blind to 30 percent", NULL,
         "SetPosition{\"name\":\"Roller Blind\",\"position\":30}"},
        {"lock the front door", NULL, "TurnOn{\"name\":\"Front Door\"}"},
        {"unlock the front door", NULL, "TurnOff{\"name\":\"Front Door\"}"},
        {"cafe lamp to twenty percent", NULL, "LightSet{\"brightness\":20,\"name\":\"Café Lamp\"}"},
        {"dim the café lamp to 5", NULL, "LightSet{\"brightness\":5,\"name\":\"Café Lamp\"}"},
        {"set the charge limit to 80", NULL, "SetNumber{\"name\":\"Charge Limit\",\"value\":80}"},
        {"set the fountain mode to splash", NULL,
         "SelectOption{\"name\":\"Garden Fountain Mode\",\"option\":\"splash\"}"},
        {"turn on the pond pump and the café lamp", NULL,
         "TurnOn{\"name\":\"Pond Pump\"} TurnOn{\"name\":\"Café Lamp\"}"},
        {"turn everything off in the kitchen", NULL, "TurnOff{\"area\":\"Kitchen\"}"},
        {"is the front door locked?", NULL,
         "GetState{\"name\":\"Front Door\",\"state\":\"locked\"}"},
        {"how humid is it in the bedroom", NULL, "GetState{\"name\":\"Air\"}"},
        {"arm the alarm", NULL, "AlarmArm{\"name\":\"Intruder Alarm\"}"},
        {"please arm the house for the night", NULL,
         "AlarmArm{\"mode\":\"night\",\"name\":\"Intruder Alarm\"}"},
        {"arm the intruder alarm in home mode", NULL,
         "AlarmArm{\"mode\":\"home\",\"name\":\"Intruder Alarm\"}"},
        {"disarm the alarm", NULL, "AlarmDisarm{\"name\":\"Intruder Alarm\"}"},
        {"is the alarm armed", NULL, "GetState{\"name\":\"Intruder Alarm\",\"state\":\"armed\"}"},
    };
    (void)state;
    check(rows, sizeof rows / sizeof *rows);
}

static void test_plain__relative__from_what_was_reported(void **state)
{
    static const struct row rows[] = {
        {"make the cafe lamp a bit brighter", NULL,
         "LightSet{\"brightness\":55,\"name\":\"Café Lamp\"}"},
        {"dim the cafe lamp", NULL, "LightSet{\"brightness\":20,\"name\":\"Café Lamp\"}"},
        {"turn the cafe lamp down a lot", NULL,
         "LightSet{\"brightness\":1,\"name\":\"Café Lamp\"}"},
        {"it's too bright, turn the cafe lamp down a little", NULL,
         "LightSet{\"brightness\":25,\"name\":\"Café Lamp\"}"},
        {"brighter", "Kitchen",
         "LightSet{\"area\":\"Kitchen\",\"brightness\":60,\"name\":\"Ceiling Light\"}"},
        {"warmer", "Bedroom", "ClimateSetTemperature{\"name\":\"Radiator\",\"temperature\":20.5}"},
        {"it is too warm in the bedroom", NULL,
         "ClimateSetTemperature{\"name\":\"Radiator\",\"temperature\":19}"},
        {"lower the heating", NULL,
         "ClimateSetTemperature{\"name\":\"Radiator\",\"temperature\":19}"},
        {"turn the radiator down by 3 degrees", NULL,
         "ClimateSetTemperature{\"name\":\"Radiator\",\"temperature\":17}"},
        {"ventilator up", NULL, "FanSetSpeed{\"name\":\"Ventilator\",\"percentage\":100}"},
    };
    (void)state;
    check(rows, sizeof rows / sizeof *rows);
}

static void test_plain__several_fit__asked_or_the_room_decides(void **state)
{
    static const struct row rows[] = {
        {"turn on the ceiling light", "Bedroom",
         "TurnOn{\"area\":\"Bedroom\",\"name\":\"Ceiling Light\"}"},
        {"turn on the ceiling light", NULL,
         "?Which light: the Ceiling Light in the Kitchen or the Ceiling Light in the Bedroom?"},
        {"turn on both ceiling lights", NULL,
         "TurnOn{\"area\":\"Kitchen\",\"name\":\"Ceiling Light\"} "
         "TurnOn{\"area\":\"Bedroom\",\"name\":\"Ceiling Light\"}"},
    };
    (void)state;
    check(rows, sizeof rows / sizeof *rows);
}

static void test_plain__one_word_too_many__nothing_is_read(void **state)
{
    static const char *const texts[] = {"",
                                        "turn",
                                        "on",
                                        "turn on",
                                        "don't turn on the pond pump",
                                        "turn on the pond pump tomorrow",
                                        "turn on the pond pump in ten minutes",
                                        "turn on the moon",
                                        "turn on and off the pond pump",
                                        "lock the pond pump",
                                        "open the cafe lamp",
                                        "set the cafe lamp",
                                        "it's too cold, make it colder",
                                        "play some jazz",
                                        "turn on the pump and",
                                        "and and and",
                                        "what is the pond",
                                        "is the front door",
                                        "set the fountain mode",
                                        "how",
                                        "set a timer",
                                        "turn off all the lights",
                                        "set the pond pump by 5",
                                        "the cafe lamp one",
                                        "set the cafe lamp to 20 degrees",
                                        "turn on the pond pump to 20 percent"};
    char longer[4000] = "turn on ";
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *have = reads(texts[i], NULL);
        if (*have && *have != '?') fail_msg("\"%s\" reads %s", texts[i], have);
    }
    for (int i = 0; i < 500; i++) strcat(longer, "the ");
    strcat(longer, "pond pump");
    assert_string_equal(reads(longer, NULL), "");
}

static void test_plain__players_unnamed__the_one_that_plays_is_meant(void **state)
{
    static const struct {
        const char *playing, *text, *here, *want;
    } rows[] = {
        {"t", "next song please", NULL, "MediaNext{\"name\":\"Television\"}"},
        {"t", "make it a bit louder", NULL, "?"}, /* not said of players alone */
        {"t", "can you turn the volume up", NULL,
         "SetVolumeRelative{\"name\":\"Television\",\"volume_step\":\"up\"}"},
        {"rt", "pause the music", NULL,
         "MediaPause{\"name\":\"Radio\"} MediaPause{\"name\":\"Television\"}"},
        {"rt", "skip this song", NULL, "?Which player: the Radio or the Television?"},
        {"", "quieter", NULL, "?Which player: the Radio, the Television or the Turntable?"},
        {"t", "skip", "Kitchen", "MediaNext{\"name\":\"Radio\"}"}, /* the room's own */
        {"rt", "resume", NULL, "MediaUnpause{\"name\":\"Turntable\"}"},
        {"t", "pause the pump", NULL, ""},
        {"t", "previous song", NULL, ""}, /* the catalogue has no such tool */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        playing = rows[i].playing;
        const char *have = reads(rows[i].text, rows[i].here);
        int same =
            !strcmp(rows[i].want, "?") ? !strstr(have, "Volume") : !strcmp(have, rows[i].want);
        if (!same) fail_msg("\"%s\" reads %s, not %s", rows[i].text, have, rows[i].want);
    }
    playing = "";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain__commands__every_word_has_its_place),
        cmocka_unit_test(test_plain__relative__from_what_was_reported),
        cmocka_unit_test(test_plain__several_fit__asked_or_the_room_decides),
        cmocka_unit_test(test_plain__players_unnamed__the_one_that_plays_is_meant),
        cmocka_unit_test(test_plain__one_word_too_many__nothing_is_read),
    };
    return cmocka_run_group_tests(tests, group_setup, close_home);
}
