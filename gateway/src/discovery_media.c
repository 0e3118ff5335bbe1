/* discovery_media.c - media players, for which Home Assistant's MQTT integration has no words.
 *
 * The keys follow its manner. What a player can do is told by the topics and payloads that it has:
 *
 *     command_topic, command_template     where words go: payload_play (PLAY), payload_pause (PAUSE),
 *                                         payload_stop (STOP), payload_next (NEXT), payload_previous
 *                                         (PREVIOUS); null: it cannot. Only where they are given:
 *                                         payload_on, payload_off, payload_volume_up, payload_volume_down
 *     play_command_topic, …               the topic of one of those words, where each has its own
 *     state_topic, value_template         state_playing (playing), state_paused (paused), state_idle (idle),
 *                                         state_on (on), state_off (off)
 *     volume_command_topic, …_template    a number from volume_min (0) to volume_max (100)
 *     volume_state_topic, volume_value_template
 *     mute_command_topic, …_template      payload_mute (ON), payload_unmute (OFF)
 *     mute_state_topic, mute_value_template
 *     source_command_topic, source_list   with source_state_topic and templates: a selector beside the player
 *     search_command_topic, …_template    plays what is searched for: value, media_class
 *
 * Each word is a feature of its own name ("play"), whose one word is "do". */
#include <stdio.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/json.h"

struct reader {
    struct lt__thing *t;
    const json_t *c;
    struct lt_diag *diag;
    enum lt_err err;
};

static const char *text(struct reader *r, const char *key)
{
    const json_t *v = json_object_get(r->c, key);
    if (v && !json_is_null(v) && !json_is_string(v) && !r->err)
        r->err = lt_fail(r->diag, LT_ERR_INVALID, "%s: expected string, got %s", key,
                         lt_json_type_name(v));
    return json_string_value(v);
}

static const char *topic(struct reader *r, const char *key)
{
    const char *s = text(r, key);
    if (s && !r->err) r->err = lt__topic_check(s, key, r->diag);
    return s;
}

static const char *reports(struct reader *r, const char *key)
{
    const char *s = text(r, key);
    if (s && !r->err) r->err = lt__filter_check(s, key, r->diag);
    return s;
}

/* A payload as text; NULL for an explicit null, or for one that is absent and has no other. */
static const char *payload(struct reader *r, const char *key, const char *otherwise)
{
    const json_t *v = json_object_get(r->c, key);
    if (!v) return otherwise;
    if (json_is_string(v) || json_is_null(v)) return json_string_value(v);
    if (json_is_boolean(v)) return json_is_true(v) ? "true" : "false";
    if (json_is_integer(v)) return lt__keepf(r->t, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v)) return lt__keepf(r->t, "%.10g", json_real_value(v));
    if (!r->err)
        r->err = lt_fail(r->diag, LT_ERR_INVALID, "%s: expected a payload, got %s", key,
                         lt_json_type_name(v));
    return NULL;
}

static double number(struct reader *r, const char *key, double otherwise)
{
    const json_t *v = json_object_get(r->c, key);
    if (!v || json_is_null(v)) return otherwise;
    if (!json_is_number(v) && !r->err)
        r->err = lt_fail(r->diag, LT_ERR_INVALID, "%s: expected number, got %s", key,
                         lt_json_type_name(v));
    return json_number_value(v);
}

/* ---- what it does ---- */

static const struct {
    const char *name, *otherwise; /* NULL: only where it is told */
} verbs[] = {{"play", "PLAY"}, {"pause", "PAUSE"},       {"stop", "STOP"},
             {"next", "NEXT"}, {"previous", "PREVIOUS"}, {"on", NULL},
             {"off", NULL},    {"volume_up", NULL},      {"volume_down", NULL}};

static void add_verb(struct reader *r, const char *name, const char *otherwise)
{
    char topic_key[48], payload_key[48];
    snprintf(topic_key, sizeof topic_key, "%s_command_topic", name);
    snprintf(payload_key, sizeof payload_key, "payload_%s", name);
    const char *own = topic(r, topic_key), *common = topic(r, "command_topic");
    if (own && !otherwise) otherwise = ""; /* a topic of its own needs no word */
    const char *word = payload(r, payload_key, otherwise);
    if (!word || (!own && !common)) return;
    struct lt_feature *f = lt__feature_add(r->t, name, LT_FEATURE_WORD);
    if (!f) return;
    f->command_topic = own ? own : common;
    f->command_template = text(r, "command_template");
    f->words = lt__keep_new(r->t, json_pack("{s:s}", "do", word));
}

static const struct {
    const char *meaning, *key;
} states[] = {{"playing", "state_playing"},
              {"paused", "state_paused"},
              {"idle", "state_idle"},
              {"on", "state_on"},
              {"off", "state_off"}};

static void add_state(struct reader *r)
{
    const char *on = reports(r, "state_topic");
    struct lt_feature *f = on ? lt__feature_add(r->t, "state", LT_FEATURE_WORD) : NULL;
    if (!f) return;
    json_t *words = lt__keep_new(r->t, json_object());
    f->state_topic = on;
    f->state_template = text(r, "value_template");
    f->states = words;
    for (size_t i = 0; words && i < sizeof states / sizeof *states; i++) {
        const char *p = payload(r, states[i].key, states[i].meaning);
        if (p && json_object_set_new(words, states[i].meaning, json_string(p))) r->t->is_broken = 1;
    }
}

static struct lt_feature *add_value(struct reader *r, const char *name, enum lt_feature_type type)
{
    char key[4][48];
    snprintf(key[0], sizeof key[0], "%s_command_topic", name);
    snprintf(key[1], sizeof key[1], "%s_state_topic", name);
    snprintf(key[2], sizeof key[2], "%s_command_template", name);
    snprintf(key[3], sizeof key[3], "%s_value_template", name);
    const char *command = topic(r, key[0]), *state = reports(r, key[1]);
    struct lt_feature *f = command || state ? lt__feature_add(r->t, name, type) : NULL;
    if (!f) return NULL;
    f->command_topic = command;
    f->state_topic = state;
    f->command_template = text(r, key[2]);
    f->state_template = text(r, key[3]);
    return f;
}

static void add_volume(struct reader *r)
{
    struct lt_feature *f = add_value(r, "volume", LT_FEATURE_NUMBER);
    if (!f) return;
    f->has_range = 1;
    f->min = number(r, "volume_min", 0);
    f->max = number(r, "volume_max", 100);
    f->step = f->max - f->min > 2 ? 1 : 0.01; /* some count from 0 to 1 */
    if (!r->err && f->max <= f->min)
        r->err = lt_fail(r->diag, LT_ERR_INVALID, "volume_max: is not above volume_min");
}

static void add_mute(struct reader *r)
{
    struct lt_feature *f = add_value(r, "mute", LT_FEATURE_WORD);
    const char *on = payload(r, "payload_mute", "ON"), *off = payload(r, "payload_unmute", "OFF");
    if (!f || !on || !off) return;
    f->words = lt__keep_new(r->t, json_pack("{s:s,s:s}", "on", on, "off", off));
    f->states = f->words;
}

enum lt_err lt__media_lower(struct lt__thing *t, const json_t *config, struct lt_diag *diag)
{
    struct reader r = {.t = t, .c = config, .diag = diag};
    add_state(&r);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        add_verb(&r, verbs[i].name, verbs[i].otherwise);
    add_volume(&r);
    add_mute(&r);
    struct lt_feature *f = add_value(&r, "search", LT_FEATURE_TEXT);
    if (f) f->state_topic = NULL;
    if (!r.err && !t->pub.n_features && !t->is_broken)
        return lt_fail(diag, LT_ERR_INVALID, "no topic by which a media_player could be used");
    return r.err;
}

/* ---- its sources ---- */

static int copy(json_t *to, const char *as, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);
    return v && json_object_set(to, as, v);
}

enum lt_err lt__media_sources(const json_t *config, json_t **out, struct lt_diag *diag)
{
    static const char *const same[] = {"device",
                                       "availability",
                                       "availability_mode",
                                       "availability_topic",
                                       "availability_template",
                                       "payload_available",
                                       "payload_not_available",
                                       "qos",
                                       "retain"};
    static const char *const named[][2] = {{"command_topic", "source_command_topic"},
                                           {"command_template", "source_command_template"},
                                           {"state_topic", "source_state_topic"},
                                           {"value_template", "source_value_template"},
                                           {"options", "source_list"}};
    const char *name = json_string_value(json_object_get(config, "name"));
    const char *id = json_string_value(json_object_get(config, "unique_id"));
    *out = NULL;
    if (!json_object_get(config, "source_command_topic")) return LT_OK;
    json_t *c = json_object();
    int is_broken = !c;
    for (size_t i = 0; c && i < sizeof same / sizeof *same; i++)
        is_broken |= copy(c, same[i], config, same[i]);
    for (size_t i = 0; c && i < sizeof named / sizeof *named; i++)
        is_broken |= copy(c, named[i][0], config, named[i][1]);
    if (c) {
        json_t *own = name ? json_sprintf("%s Source", name) : json_string("Source");
        is_broken |= json_object_set_new(c, "name", own);
        if (id) is_broken |= json_object_set_new(c, "unique_id", json_sprintf("%s_source", id));
    }
    if (!is_broken) {
        *out = c;
        return LT_OK;
    }
    json_decref(c);
    return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a player's sources");
}
