/* Calls as the devices' own messages, and what devices report as the calls' outcome: over announcements
 * of Zigbee2MQTT and of Home Assistant's discovery. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "act_command.h"
#include "act_target.h"

static struct lt_discovery *d;

static const char z2m[] =
    "[{'ieee_address':'0x1','type':'Router','friendly_name':'hall/"
    "lamp','interview_state':'SUCCESSFUL',"
    "'definition':{'exposes':[{'type':'light','features':["
    "{'type':'binary','name':'state','property':'state','access':7,'value_on':'ON','value_off':'"
    "OFF'},"
    "{'type':'numeric','name':'brightness','property':'brightness','access':7,'value_min':0,'value_"
    "max':254},"
    "{'type':'numeric','name':'color_temp','property':'color_temp','access':7,'unit':'mired','"
    "value_min':150,'value_max':500},"
    "{'type':'composite','name':'color_xy','property':'color','features':[{'name':'x','property':'"
    "x','access':7},{'name':'y','property':'y','access':7}]}]}]}},"
    "{'ieee_address':'0x2','type':'EndDevice','friendly_name':'hall/"
    "blind','interview_state':'SUCCESSFUL',"
    "'definition':{'exposes':[{'type':'cover','features':["
    "{'type':'enum','name':'state','property':'state','access':3,'values':['OPEN','CLOSE','STOP']},"
    "{'type':'numeric','name':'position','property':'position','access':7,'value_min':0,'value_max'"
    ":100}]}]}}]";

static void feed(const char *topic, const char *text)
{
    char *copy = strdup(text);
    for (char *p = copy; *p; p++)
        if (*p == '\'') *p = '"';
    if (!lt_discovery_feed(d, topic, copy, strlen(copy))) {
        const struct lt_discovery_error *e;
        size_t n = lt_discovery_errors(d, &e);
        fail_msg("%s: %s", topic, n ? e[n - 1].reason : "changed nothing");
    }
    free(copy);
}

static int setup(void **state)
{
    (void)state;
    struct lt_discovery_options o = {.ha_prefix = "homeassistant", .z2m_base = "zigbee2mqtt"};
    struct lt_diag diag = {0};
    if (lt_discovery_new(&o, &d, &diag)) return 1;
    feed("zigbee2mqtt/bridge/devices", z2m);
    feed("homeassistant/light/desk/config",
         "{'name':'Desk','cmd_t':'d/set','stat_t':'d','bri_cmd_t':'d/"
         "bri','bri_scl':100,'uniq_id':'d1',"
         "'rgb_cmd_t':'d/rgb','rgb_cmd_tpl':'{{ red }}-{{ green }}-{{ blue }}'}");
    feed("homeassistant/lock/front/config",
         "{'name':'Front Door','cmd_t':'f/set','stat_t':'f','val_tpl':'{{ value_json.lock "
         "}}','uniq_id':'f1'}");
    feed("homeassistant/alarm_control_panel/house/config",
         "{'name':'House Alarm','cmd_t':'a/set','stat_t':'a','cmd_tpl':'{{ action "
         "}}','uniq_id':'a1'}");
    feed("homeassistant/alarm_control_panel/shop/config",
         "{'name':'Shop Alarm','cmd_t':'s/set','stat_t':'s','pl_arm_away':'away','uniq_id':'a2',"
         "'sup_feat':['arm_away'],'code':'REMOTE_CODE','code_arm_required':false}");
    feed("homeassistant/climate/heat/config",
         "{'name':'Heating','temp_cmd_t':'h/t','temp_stat_t':'h','temp_stat_tpl':'{{ "
         "value_json.set }}',"
         "'min_temp':5,'max_temp':30,'mode_cmd_t':'h/m','modes':['off','heat'],'uniq_id':'h1'}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lt_discovery_free(d);
    return 0;
}

static const struct lt_thing *thing(const char *name)
{
    for (size_t i = 0; i < lt_discovery_n_things(d); i++)
        if (!strcmp(lt_discovery_thing(d, i)->name, name)) return lt_discovery_thing(d, i);
    fail_msg("no %s", name);
    return NULL;
}

static json_t *from(const char *text)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p; p++)
        if (*p == '\'') *p = '"';
    json_t *o = json_loads(copy, 0, NULL);
    assert_non_null(o);
    return o;
}

static void test_plan__calls__become_the_devices_messages(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tool, *args, *topic, *payload, *report;
    } rows[] = {
        {"Hall Lamp", "HassTurnOn", "{}", "zigbee2mqtt/hall/lamp/set", "{'state':'ON'}",
         "{'state':'ON'}"},
        {"Hall Lamp", "HassLightSet", "{'brightness':50}", "zigbee2mqtt/hall/lamp/set",
         "{'state':'ON','brightness':127}", "{'state':'ON','brightness':126}"},
        {"Hall Lamp", "HassLightSet", "{'brightness':0}", "zigbee2mqtt/hall/lamp/set",
         "{'state':'OFF'}", "{'state':'OFF'}"},
        {"Hall Lamp", "HassLightSet", "{'temperature':2700}", "zigbee2mqtt/hall/lamp/set",
         "{'state':'ON','color_temp':370}", "{'state':'ON','color_temp':370}"},
        {"Hall Lamp", "HassLightSet", "{'color':'red'}", "zigbee2mqtt/hall/lamp/set",
         "{'state':'ON','color':{'x':0.6401,'y':0.33}}", "{'state':'ON'}"},
        {"Hall Blind", "HassTurnOff", "{}", "zigbee2mqtt/hall/blind/set", "{'state':'CLOSE'}",
         NULL},
        {"Hall Blind", "HassSetPosition", "{'position':40}", "zigbee2mqtt/hall/blind/set",
         "{'position':40}", "{'position':41}"},
        {"Hall Blind", "HassStopMoving", "{}", "zigbee2mqtt/hall/blind/set", "{'state':'STOP'}",
         NULL},
        {"Desk", "HassTurnOff", "{}", "d/set", "OFF", "OFF"},
        {"Front Door", "HassLock", "{}", "f/set", "LOCK", "{'lock':'LOCKED'}"},
        {"Front Door", "HassTurnOff", "{}", "f/set", "UNLOCK", "{'lock':'UNLOCKED'}"},
        {"Heating", "HassClimateSetTemperature", "{'temperature':21.5}", "h/t", "21.5",
         "{'set':21.5}"},
        {"Heating", "HassTurnOff", "{}", "h/m", "off", NULL},
        {"House Alarm", "HassAlarmArm", "{}", "a/set", "ARM_AWAY", "armed_away"},
        {"House Alarm", "HassAlarmArm", "{'mode':'night'}", "a/set", "ARM_NIGHT", "armed_night"},
        {"House Alarm", "HassAlarmArm", "{'mode':'home'}", "a/set", "ARM_HOME", "arming"},
        {"House Alarm", "HassTurnOn", "{}", "a/set", "ARM_AWAY", "armed_away"},
        {"House Alarm", "HassAlarmDisarm", "{}", "a/set", "DISARM", "disarmed"},
        {"Shop Alarm", "HassAlarmArm", "{'mode':'away'}", "s/set", "away", "armed_away"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_act_plan p;
        struct lt_diag diag = {0};
        json_t *args = from(rows[i].args);
        if (lt_act_plan_call(thing(rows[i].name), rows[i].tool, args, &p, &diag))
            fail_msg("row %zu: %s", i, diag.text);
        json_decref(args);
        char want[256];
        snprintf(want, sizeof want, "%s", rows[i].payload);
        for (char *q = want; *q; q++)
            if (*q == '\'') *q = '"';
        assert_int_equal(p.n_sends, 1);
        assert_string_equal(p.sends[0].topic, rows[i].topic);
        if (strcmp(p.sends[0].payload, want)) fail_msg("row %zu: %s", i, p.sends[0].payload);
        for (int k = 0; rows[i].report && k < p.n_expects; k++) {
            char report[128];
            snprintf(report, sizeof report, "%s", rows[i].report);
            for (char *q = report; *q; q++)
                if (*q == '\'') *q = '"';
            if (!lt_act_is_met(&p.expects[k], report))
                fail_msg("row %zu: not met by %s", i, report);
            assert_false(lt_act_is_met(&p.expects[k], "{\"state\":\"?\",\"lock\":\"?\"}"));
        }
        if (rows[i].report) assert_true(p.n_expects > 0);
    }
}

static void test_plan__several_topics__one_message_each_in_order(void **state)
{
    (void)state;
    struct lt_act_plan p;
    json_t *args = from("{'brightness':30,'color':'blue'}");
    assert_int_equal(lt_act_plan_call(thing("Desk"), "HassLightSet", args, &p, NULL), LT_OK);
    json_decref(args);
    assert_int_equal(p.n_sends, 3);
    assert_string_equal(p.sends[0].topic, "d/bri"); /* on_command_type "last" is the default */
    assert_string_equal(p.sends[0].payload, "30");
    assert_string_equal(p.sends[1].topic, "d/rgb");
    assert_string_equal(p.sends[1].payload, "0-0-255");
    assert_string_equal(p.sends[2].topic, "d/set");
}

static void test_plan__what_a_device_cannot_do__is_said(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tool, *args, *text;
        enum lt_err err;
    } rows[] = {
        {"Desk", "HassSetPosition", "{'position':10}", "only be opened", LT_ERR_UNSUPPORTED},
        {"Desk", "HassLightSet", "{'temperature':3000}", "warmer or colder", LT_ERR_UNSUPPORTED},
        {"Hall Lamp", "HassLightSet", "{'color':'sludge'}", "unknown colour", LT_ERR_INVALID},
        {"Heating", "HassClimateSetTemperature", "{'temperature':60}", "5 to 30", LT_ERR_INVALID},
        {"Front Door", "HassStopMoving", "{}", "cannot do that", LT_ERR_UNSUPPORTED},
        {"Desk", "HassStartTimer", "{}", "works no devices", LT_ERR_UNSUPPORTED},
        {"Shop Alarm", "HassAlarmArm", "{'mode':'night'}", "cannot be armed so",
         LT_ERR_UNSUPPORTED},
        {"Shop Alarm", "HassAlarmDisarm", "{}", "cannot be disarmed from here", LT_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_act_plan p;
        struct lt_diag diag = {0};
        json_t *args = from(rows[i].args);
        assert_int_equal(lt_act_plan_call(thing(rows[i].name), rows[i].tool, args, &p, &diag),
                         rows[i].err);
        json_decref(args);
        if (!strstr(diag.text, rows[i].text)) fail_msg("row %zu: %s", i, diag.text);
    }
}

static void test_targets__conditions__all_must_hold(void **state)
{
    (void)state;
    static const struct {
        const char *tool, *args;
        size_t n;
    } rows[] = {
        {"HassTurnOn", "{'name':'hall lamp'}", 1},
        {"HassTurnOn", "{'area':'Hall'}", 1}, /* everything in the hall: not the blind */
        {"HassTurnOn", "{'area':'Hall','device_class':'blind'}", 0},
        {"HassTurnOn", "{'area':'Hall','domain':'cover'}", 1},
        {"HassTurnOff", "{'domain':'light'}", 2},
        {"HassTurnOff", "{'floor':'Upstairs','domain':'light'}", 1},
        {"HassLightSet", "{'area':'Hall','brightness':5}", 1},
        {"HassTurnOff", "{}", 0},
        {"HassTurnOn", "{'name':'nobody'}", 0},
        {"HassTurnOn", "{'name':'Desk','area':'Hall'}", 0},
    };
    json_t *areas = from("[{'name':'Hall','floor':'Upstairs'}]");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t out[8];
        json_t *args = from(rows[i].args);
        size_t n = lt_act_targets(d, areas, rows[i].tool, args, out, 8);
        if (n != rows[i].n) fail_msg("row %zu: %zu", i, n);
        json_decref(args);
    }
    json_decref(areas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__calls__become_the_devices_messages),
        cmocka_unit_test(test_plan__several_topics__one_message_each_in_order),
        cmocka_unit_test(test_plan__what_a_device_cannot_do__is_said),
        cmocka_unit_test(test_targets__conditions__all_must_hold),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
