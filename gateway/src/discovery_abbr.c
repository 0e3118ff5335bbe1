/* discovery_abbr.c - the short keys of Home Assistant's discovery written out, and '~' replaced.
 *
 * Small devices save bytes: "cmd_t" stands for "command_topic", and '~' at either end of a topic for
 * the value of the key "~". Everything after this file sees long keys only. */
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"

#define TOPIC_BASE "~"

struct pair {
    const char *key, *full;
};

/* sorted by key, for bsearch */
/* clang-format off */
static const struct pair entity_keys[] = {
    {"act_stat_t", "activity_state_topic"},
    {"act_t", "action_topic"},
    {"act_tpl", "action_template"},
    {"act_val_tpl", "activity_value_template"},
    {"av_tones", "available_tones"},
    {"avty", "availability"},
    {"avty_mode", "availability_mode"},
    {"avty_t", "availability_topic"},
    {"avty_tpl", "availability_template"},
    {"b_tpl", "blue_template"},
    {"bri_cmd_t", "brightness_command_topic"},
    {"bri_cmd_tpl", "brightness_command_template"},
    {"bri_scl", "brightness_scale"},
    {"bri_stat_t", "brightness_state_topic"},
    {"bri_tpl", "brightness_template"},
    {"bri_val_tpl", "brightness_value_template"},
    {"cln_segmnts_cmd_t", "clean_segments_command_topic"},
    {"clr_temp_cmd_t", "color_temp_command_topic"},
    {"clr_temp_cmd_tpl", "color_temp_command_template"},
    {"clr_temp_k", "color_temp_kelvin"},
    {"clr_temp_stat_t", "color_temp_state_topic"},
    {"clr_temp_tpl", "color_temp_template"},
    {"clr_temp_val_tpl", "color_temp_value_template"},
    {"clrm_stat_t", "color_mode_state_topic"},
    {"clrm_val_tpl", "color_mode_value_template"},
    {"cmd_off_tpl", "command_off_template"},
    {"cmd_on_tpl", "command_on_template"},
    {"cmd_t", "command_topic"},
    {"cmd_tpl", "command_template"},
    {"cmps", "components"},
    {"cod_arm_req", "code_arm_required"},
    {"cod_dis_req", "code_disarm_required"},
    {"cod_form", "code_format"},
    {"curr_hum_t", "current_humidity_topic"},
    {"curr_hum_tpl", "current_humidity_template"},
    {"curr_temp_t", "current_temperature_topic"},
    {"curr_temp_tpl", "current_temperature_template"},
    {"def_ent_id", "default_entity_id"},
    {"dev", "device"},
    {"dev_cla", "device_class"},
    {"dir_cmd_t", "direction_command_topic"},
    {"dir_cmd_tpl", "direction_command_template"},
    {"dir_stat_t", "direction_state_topic"},
    {"dir_val_tpl", "direction_value_template"},
    {"dock_cmd_t", "dock_command_topic"},
    {"dock_cmd_tpl", "dock_command_template"},
    {"e", "encoding"},
    {"en", "enabled_by_default"},
    {"ent_cat", "entity_category"},
    {"exp_aft", "expire_after"},
    {"fan_mode_cmd_t", "fan_mode_command_topic"},
    {"fan_mode_cmd_tpl", "fan_mode_command_template"},
    {"fan_mode_stat_t", "fan_mode_state_topic"},
    {"fan_mode_stat_tpl", "fan_mode_state_template"},
    {"fan_mode_val_tpl", "fan_mode_value_template"},
    {"fanspd_lst", "fan_speed_list"},
    {"flsh", "flash"},
    {"flsh_tlng", "flash_time_long"},
    {"flsh_tsht", "flash_time_short"},
    {"fx_cmd_t", "effect_command_topic"},
    {"fx_cmd_tpl", "effect_command_template"},
    {"fx_list", "effect_list"},
    {"fx_stat_t", "effect_state_topic"},
    {"fx_tpl", "effect_template"},
    {"fx_val_tpl", "effect_value_template"},
    {"g_tpl", "green_template"},
    {"grp", "group"},
    {"hs_cmd_t", "hs_command_topic"},
    {"hs_cmd_tpl", "hs_command_template"},
    {"hs_stat_t", "hs_state_topic"},
    {"hs_val_tpl", "hs_value_template"},
    {"hum_cmd_t", "target_humidity_command_topic"},
    {"hum_cmd_tpl", "target_humidity_command_template"},
    {"hum_stat_t", "target_humidity_state_topic"},
    {"hum_state_tpl", "target_humidity_state_template"},
    {"hum_val_tpl", "target_humidity_value_template"},
    {"ic", "icon"},
    {"json_attr_t", "json_attributes_topic"},
    {"json_attr_tpl", "json_attributes_template"},
    {"max_hum", "max_humidity"},
    {"max_k", "max_kelvin"},
    {"max_mirs", "max_mireds"},
    {"migr_discvry", "migrate_discovery"},
    {"min_hum", "min_humidity"},
    {"min_k", "min_kelvin"},
    {"min_mirs", "min_mireds"},
    {"mode_cmd_t", "mode_command_topic"},
    {"mode_cmd_tpl", "mode_command_template"},
    {"mode_stat_t", "mode_state_topic"},
    {"mode_stat_tpl", "mode_state_template"},
    {"mode_val_tpl", "mode_value_template"},
    {"msg_exp_int", "message_expiry_interval"},
    {"o", "origin"},
    {"obj_id", "object_id"},
    {"on_cmd_type", "on_command_type"},
    {"ops", "options"},
    {"opt", "optimistic"},
    {"osc_cmd_t", "oscillation_command_topic"},
    {"osc_cmd_tpl", "oscillation_command_template"},
    {"osc_stat_t", "oscillation_state_topic"},
    {"osc_val_tpl", "oscillation_value_template"},
    {"p", "platform"},
    {"pause_cmd_t", "pause_command_topic"},
    {"pause_cmd_tpl", "pause_command_template"},
    {"pct_cmd_t", "percentage_command_topic"},
    {"pct_cmd_tpl", "percentage_command_template"},
    {"pct_stat_t", "percentage_state_topic"},
    {"pct_val_tpl", "percentage_value_template"},
    {"pl", "payload"},
    {"pl_arm_away", "payload_arm_away"},
    {"pl_arm_custom_b", "payload_arm_custom_bypass"},
    {"pl_arm_home", "payload_arm_home"},
    {"pl_arm_nite", "payload_arm_night"},
    {"pl_arm_vacation", "payload_arm_vacation"},
    {"pl_avail", "payload_available"},
    {"pl_cln_sp", "payload_clean_spot"},
    {"pl_cls", "payload_close"},
    {"pl_disarm", "payload_disarm"},
    {"pl_inst", "payload_install"},
    {"pl_loc", "payload_locate"},
    {"pl_lock", "payload_lock"},
    {"pl_not_avail", "payload_not_available"},
    {"pl_off", "payload_off"},
    {"pl_on", "payload_on"},
    {"pl_open", "payload_open"},
    {"pl_osc_off", "payload_oscillation_off"},
    {"pl_osc_on", "payload_oscillation_on"},
    {"pl_paus", "payload_pause"},
    {"pl_prs", "payload_press"},
    {"pl_ret", "payload_return_to_base"},
    {"pl_rst", "payload_reset"},
    {"pl_stop", "payload_stop"},
    {"pl_stop_tilt", "payload_stop_tilt"},
    {"pl_strt", "payload_start"},
    {"pl_trig", "payload_trigger"},
    {"pl_unlk", "payload_unlock"},
    {"pos", "reports_position"},
    {"pos_clsd", "position_closed"},
    {"pos_open", "position_open"},
    {"pos_t", "position_topic"},
    {"pos_tpl", "position_template"},
    {"pow_cmd_t", "power_command_topic"},
    {"pow_cmd_tpl", "power_command_template"},
    {"pr_mode_cmd_t", "preset_mode_command_topic"},
    {"pr_mode_cmd_tpl", "preset_mode_command_template"},
    {"pr_mode_stat_t", "preset_mode_state_topic"},
    {"pr_mode_val_tpl", "preset_mode_value_template"},
    {"pr_modes", "preset_modes"},
    {"ptrn", "pattern"},
    {"r_tpl", "red_template"},
    {"ret", "retain"},
    {"rgb_cmd_t", "rgb_command_topic"},
    {"rgb_cmd_tpl", "rgb_command_template"},
    {"rgb_stat_t", "rgb_state_topic"},
    {"rgb_val_tpl", "rgb_value_template"},
    {"rgbw_cmd_t", "rgbw_command_topic"},
    {"rgbw_cmd_tpl", "rgbw_command_template"},
    {"rgbw_stat_t", "rgbw_state_topic"},
    {"rgbw_val_tpl", "rgbw_value_template"},
    {"rgbww_cmd_t", "rgbww_command_topic"},
    {"rgbww_cmd_tpl", "rgbww_command_template"},
    {"rgbww_stat_t", "rgbww_state_topic"},
    {"rgbww_val_tpl", "rgbww_value_template"},
    {"send_cmd_t", "send_command_topic"},
    {"set_fan_spd_t", "set_fan_speed_topic"},
    {"set_pos_t", "set_position_topic"},
    {"set_pos_tpl", "set_position_template"},
    {"spd_rng_max", "speed_range_max"},
    {"spd_rng_min", "speed_range_min"},
    {"stat_cla", "state_class"},
    {"stat_closing", "state_closing"},
    {"stat_clsd", "state_closed"},
    {"stat_jam", "state_jammed"},
    {"stat_locked", "state_locked"},
    {"stat_locking", "state_locking"},
    {"stat_off", "state_off"},
    {"stat_on", "state_on"},
    {"stat_open", "state_open"},
    {"stat_opening", "state_opening"},
    {"stat_stopped", "state_stopped"},
    {"stat_t", "state_topic"},
    {"stat_tpl", "state_template"},
    {"stat_unlocked", "state_unlocked"},
    {"stat_unlocking", "state_unlocking"},
    {"stat_val_tpl", "state_value_template"},
    {"strt_mw_cmd_t", "start_mowing_command_topic"},
    {"strt_mw_cmd_tpl", "start_mowing_command_template"},
    {"sup_clrm", "supported_color_modes"},
    {"sup_dur", "support_duration"},
    {"sup_feat", "supported_features"},
    {"sup_vol", "support_volume_set"},
    {"swing_h_mode_cmd_t", "swing_horizontal_mode_command_topic"},
    {"swing_h_mode_cmd_tpl", "swing_horizontal_mode_command_template"},
    {"swing_h_mode_stat_t", "swing_horizontal_mode_state_topic"},
    {"swing_h_mode_stat_tpl", "swing_horizontal_mode_state_template"},
    {"swing_h_mode_val_tpl", "swing_horizontal_mode_value_template"},
    {"swing_h_modes", "swing_horizontal_modes"},
    {"swing_mode_cmd_t", "swing_mode_command_topic"},
    {"swing_mode_cmd_tpl", "swing_mode_command_template"},
    {"swing_mode_stat_t", "swing_mode_state_topic"},
    {"swing_mode_stat_tpl", "swing_mode_state_template"},
    {"swing_mode_val_tpl", "swing_mode_value_template"},
    {"t", "topic"},
    {"temp_cmd_t", "temperature_command_topic"},
    {"temp_cmd_tpl", "temperature_command_template"},
    {"temp_hi_cmd_t", "temperature_high_command_topic"},
    {"temp_hi_cmd_tpl", "temperature_high_command_template"},
    {"temp_hi_stat_t", "temperature_high_state_topic"},
    {"temp_hi_stat_tpl", "temperature_high_state_template"},
    {"temp_hi_val_tpl", "temperature_high_value_template"},
    {"temp_lo_cmd_t", "temperature_low_command_topic"},
    {"temp_lo_cmd_tpl", "temperature_low_command_template"},
    {"temp_lo_stat_t", "temperature_low_state_topic"},
    {"temp_lo_stat_tpl", "temperature_low_state_template"},
    {"temp_lo_val_tpl", "temperature_low_value_template"},
    {"temp_stat_t", "temperature_state_topic"},
    {"temp_stat_tpl", "temperature_state_template"},
    {"temp_unit", "temperature_unit"},
    {"temp_val_tpl", "temperature_value_template"},
    {"tilt_clsd_val", "tilt_closed_value"},
    {"tilt_cmd_t", "tilt_command_topic"},
    {"tilt_cmd_tpl", "tilt_command_template"},
    {"tilt_opnd_val", "tilt_opened_value"},
    {"tilt_opt", "tilt_optimistic"},
    {"tilt_status_t", "tilt_status_topic"},
    {"tilt_status_tpl", "tilt_status_template"},
    {"trns", "transition"},
    {"uniq_id", "unique_id"},
    {"unit_of_meas", "unit_of_measurement"},
    {"val_tpl", "value_template"},
    {"vis", "visible_by_default"},
    {"whit_cmd_t", "white_command_topic"},
    {"whit_scl", "white_scale"},
    {"xy_cmd_t", "xy_command_topic"},
    {"xy_cmd_tpl", "xy_command_template"},
    {"xy_stat_t", "xy_state_topic"},
    {"xy_val_tpl", "xy_value_template"},
};
/* clang-format on */
/* Inside "device" and "origin" the same letters mean something else. */
static const struct pair device_keys[] = {
    {"cns", "connections"},  {"cu", "configuration_url"},
    {"hw", "hw_version"},    {"ids", "identifiers"},
    {"mdl", "model"},        {"mdl_id", "model_id"},
    {"mf", "manufacturer"},  {"sa", "suggested_area"},
    {"sn", "serial_number"}, {"sw", "sw_version"},
};
static const struct pair origin_keys[] = {
    {"sw", "sw_version"},
    {"url", "support_url"},
};
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct pair *)row)->key);
}

static const char *long_key(const struct pair *table, size_t n, const char *key)
{
    const struct pair *p = bsearch(key, table, n, sizeof *table, compare);
    return p ? p->full : key;
}

const char *lt__ha_long_key(const char *key)
{
    return long_key(entity_keys, COUNT(entity_keys), key);
}

int lt__ha_abbreviations_are_sorted(void)
{
    for (size_t i = 1; i < COUNT(entity_keys); i++)
        if (strcmp(entity_keys[i - 1].key, entity_keys[i].key) >= 0) return 0;
    return 1;
}

/* A shallow copy with long keys. NULL when out of memory. */
static json_t *expand(const struct pair *table, size_t n, const json_t *o)
{
    json_t *out = json_object();
    void *at = out ? json_object_iter((json_t *)(uintptr_t)o) : NULL; /* only reads */
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)o, at)) {
        const char *key = long_key(table, n, json_object_iter_key(at));
        if (json_object_set(out, key, json_object_iter_value(at))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* Put the expanded form of a member in its place; another type is left for the reader to refuse. */
static int expand_member(json_t *o, const char *key, const struct pair *table, size_t n)
{
    const json_t *v = json_object_get(o, key);
    return !json_is_object(v) || !json_object_set_new(o, key, expand(table, n, v));
}

static int ends_with_topic(const char *key)
{
    size_t n = strlen(key);
    return n >= 5 && !strcmp(key + n - 5, "topic");
}

/* `v` with '~' replaced when it is at either end; a new reference. */
static json_t *with_base(json_t *v, const char *base)
{
    const char *s = json_string_value(v);
    size_t n = s ? strlen(s) : 0;
    int at_start = n && s[0] == '~', at_end = n > (size_t)at_start && s[n - 1] == '~';
    if (!at_start && !at_end) return json_incref(v);
    return json_sprintf("%s%.*s%s", at_start ? base : "", (int)(n - (size_t)(at_start + at_end)),
                        s + at_start, at_end ? base : "");
}

static int replace_base(json_t *o, const char *base)
{
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(o, next, key, v)
    {
        if (ends_with_topic(key) && json_is_string(v) &&
            json_object_set_new(o, key, with_base(v, base)))
            return 0;
    }
    return 1;
}

/* "availability" is a list of objects, or one object. */
static int expand_availability(json_t *o, const char *base)
{
    const json_t *list = json_object_get(o, "availability");
    size_t n = json_is_array(list) ? json_array_size(list) : 1;
    if (!json_is_array(list) && !json_is_object(list)) return 1;
    json_t *out = json_array();
    for (size_t i = 0; out && i < n; i++) {
        const json_t *v = json_is_array(list) ? json_array_get(list, i) : list;
        json_t *e = json_is_object(v) ? expand(entity_keys, COUNT(entity_keys), v)
                                      : json_incref((json_t *)(uintptr_t)v);
        int is_ok = e && (!base || !json_is_object(e) || replace_base(e, base));
        if (!is_ok) json_decref(e);
        if (!is_ok || json_array_append_new(out, e)) {
            json_decref(out);
            return 0;
        }
    }
    return out && !json_object_set_new(o, "availability", out);
}

json_t *lt__ha_expand(const json_t *config)
{
    json_t *o = expand(entity_keys, COUNT(entity_keys), config);
    if (!o) return NULL;
    const char *base = json_string_value(json_object_get(o, TOPIC_BASE));
    if (expand_member(o, "device", device_keys, COUNT(device_keys)) &&
        expand_member(o, "origin", origin_keys, COUNT(origin_keys)) &&
        expand_availability(o, base) && (!base || replace_base(o, base)))
        return o;
    json_decref(o);
    return NULL;
}
