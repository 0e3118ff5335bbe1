/* self.c - the device's description and its state. Keys are those of Home Assistant's MQTT discovery
 * (https://www.home-assistant.io/integrations/mqtt, "device discovery payload"). */
#include "self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define SHOW_MS 1000 /* changes of this time go out together */
#define CLOUD   "cloud"

void lt_self_id(const char *site, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "lintel_");
    for (; *site && n + 1 < cap; site++) {
        int is_plain = (*site >= '0' && *site <= '9') || (*site >= 'a' && *site <= 'z') ||
                       (*site >= 'A' && *site <= 'Z') || *site == '-';
        out[n++] = is_plain ? *site : '_';
    }
    out[n < cap ? n : cap - 1] = '\0';
}

/* key, kind of component, name, template's path, further keys as JSON */
static const struct part {
    const char *key, *kind, *name, *path, *more;
} parts[] = {
    {"requests", "sensor", "Requests", "requests",
     "{\"stat_cla\":\"total_increasing\",\"ic\":\"mdi:message-text\"}"},
    {"local", "sensor", "Answered here", "local",
     "{\"stat_cla\":\"total_increasing\",\"ic\":\"mdi:home\"}"},
    {"escalated", "sensor", "Answered by the cloud", "escalated",
     "{\"stat_cla\":\"total_increasing\",\"ic\":\"mdi:cloud\"}"},
    {"errors", "sensor", "Errors", "errors",
     "{\"stat_cla\":\"total_increasing\",\"ent_cat\":\"diagnostic\"}"},
    {"spend", "sensor", "Cloud spend today", "spend_usd",
     "{\"unit_of_meas\":\"USD\",\"dev_cla\":\"monetary\",\"sug_dsp_prc\":4}"},
    {"route", "sensor", "Last route", "route", "{\"ic\":\"mdi:directions-fork\"}"},
    {"confidence", "sensor", "Last confidence", "confidence",
     "{\"unit_of_meas\":\"%\",\"stat_cla\":\"measurement\",\"sug_dsp_prc\":0}"},
    {"timers", "sensor", "Timers", "timers", "{\"ic\":\"mdi:timer\"}"},
    {"utterance", "sensor", "Last utterance", "utterance", "{\"ic\":\"mdi:account-voice\"}"},
};

json_t *lt_self_describe(const char *prefix, const char *site, int has_utterance)
{
    char id[96], name[96], topic[LT_TOPIC_MAX_BYTES + 1], text[160];
    lt_self_id(site, id, sizeof id);
    snprintf(name, sizeof name, "Lintel (%s)", site);
    json_t *components = json_object();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strcmp(parts[i].key, "utterance") && !has_utterance) {
            /* only its platform: Home Assistant then removes one it knew */
            json_object_set_new(components, parts[i].key, json_pack("{s:s}", "p", parts[i].kind));
            continue;
        }
        json_t *c = json_pack("{s:s,s:s}", "p", parts[i].kind, "name", parts[i].name);
        json_t *more = json_loads(parts[i].more, 0, NULL);
        if (c && more) json_object_update(c, more);
        json_decref(more);
        snprintf(text, sizeof text, "%s_%s", id, parts[i].key);
        json_object_set_new(c, "uniq_id", json_string(text));
        snprintf(text, sizeof text, "{{ value_json.%s }}", parts[i].path);
        json_object_set_new(c, "val_tpl", json_string(text));
        json_object_set_new(components, parts[i].key, c);
    }
    snprintf(text, sizeof text, "%s_" CLOUD, id);
    json_t *cloud =
        json_pack("{s:s,s:s,s:s,s:s,s:s}", "p", "switch", "name", "Ask the cloud", "uniq_id", text,
                  "val_tpl", "{{ value_json.cloud }}", "ic", "mdi:cloud-question");
    if (!lt_topic_build(prefix, site, LT_TOPIC_CLOUD, NULL, topic))
        json_object_set_new(cloud, "cmd_t", json_string(topic));
    json_object_set_new(components, CLOUD, cloud);
    json_t *o = json_pack("{s:{s:[s],s:s,s:s,s:s},s:{s:s,s:s},s:o,s:i}", "dev", "ids", id, "name",
                          name, "mf", "Lintel", "sw", LINTEL_VERSION, "o", "name", "lintel", "sw",
                          LINTEL_VERSION, "cmps", components, "qos", 1);
    if (!o) return NULL;
    if (!lt_topic_build(prefix, site, LT_TOPIC_SELF, NULL, topic))
        json_object_set_new(o, "stat_t", json_string(topic));
    if (!lt_topic_build(prefix, site, LT_TOPIC_STATUS, NULL, topic))
        json_object_set_new(o, "avty_t", json_string(topic));
    json_object_set_new(o, "avty_tpl", json_string("{{ value_json.state }}"));
    json_object_set_new(o, "pl_avail", json_string("online"));
    json_object_set_new(o, "pl_not_avail", json_string("offline"));
    return o;
}

/* ---- sending ---- */

static void send_to(struct lt_gateway *gw, const char *topic, const char *text)
{
    struct lt_mqtt_publish p = {
        .topic = topic, .payload = text, .payload_len = strlen(text), .qos = 1, .is_retained = 1};
    (void)!lt_mqtt_send(gw->mqtt, &p, NULL); /* down: it is sent again in _up */
}

static void description_topic(const struct lt_gateway *gw, const char *site, char *out, size_t cap)
{
    char id[96];
    lt_self_id(site, id, sizeof id);
    snprintf(out, cap, "%s/device/%s/config", gw->started.discovery.ha_prefix, id);
}

int lt_self_is_own(const struct lt_gateway *gw, const char *topic)
{
    char own[LT_TOPIC_MAX_BYTES + 1];
    for (size_t i = 0; i < gw->n_sites; i++) {
        description_topic(gw, gw->sites[i].name, own, sizeof own);
        if (!strcmp(own, topic)) return 1;
    }
    return 0;
}

static void show(struct lt_gateway *gw, struct lt_gw_site *site)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    const struct lt_self *s = &site->self;
    const struct lt_stats *n = &site->stats;
    json_t *o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:f,s:I}", "cloud", s->is_cloud_on ? "ON" : "OFF",
                          "requests", (json_int_t)n->n_requests, "local",
                          (json_int_t)(n->by_route[LT_ROUTE_LOCAL] + n->by_route[LT_ROUTE_CACHE]),
                          "escalated", (json_int_t)n->by_route[LT_ROUTE_CLOUD], "errors",
                          (json_int_t)n->n_errors, "spend_usd",
                          (double)gw->budget.day_spent_usd_micro / 1e6, "timers",
                          (json_int_t)lt_house_n_timers(gw->house, site->name));
    if (o && s->has_answer) {
        json_object_set_new(o, "route", json_string(lt_route_word(s->route)));
        json_object_set_new(o, "why", json_string(lt_why_code(s->why)));
        if (s->confidence >= 0)
            json_object_set_new(o, "confidence", json_integer((json_int_t)(s->confidence * 100)));
        if (gw->config.self.last_utterance && s->text[0])
            json_object_set_new(o, "utterance", json_string(s->text));
    }
    if (o) json_object_set_new(o, "x-lintel", json_string("self"));
    char *text = o ? lt_json_dump(o) : NULL;
    json_decref(o);
    if (text && !lt_topic_build(gw->started.mqtt.prefix, site->name, LT_TOPIC_SELF, NULL, topic))
        send_to(gw, topic, text);
    free(text);
    site->self.is_dirty = 0;
}

static void on_show(uv_timer_t *timer)
{
    struct lt_gateway *gw = timer->data;
    for (size_t i = 0; i < gw->n_sites; i++)
        if (gw->sites[i].self.is_dirty) show(gw, &gw->sites[i]);
}

static void touch(struct lt_gateway *gw, struct lt_gw_site *site)
{
    site->self.is_dirty = 1;
    if (gw->started.self.announce && !uv_is_active((uv_handle_t *)&gw->self_timer))
        uv_timer_start(&gw->self_timer, on_show, SHOW_MS, 0);
}

void lt_self_up(struct lt_gateway *gw)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    for (size_t i = 0; i < gw->n_sites && gw->started.self.announce; i++) {
        struct lt_gw_site *site = &gw->sites[i];
        description_topic(gw, site->name, topic, sizeof topic);
        json_t *o =
            lt_self_describe(gw->started.mqtt.prefix, site->name, gw->config.self.last_utterance);
        char *text = o ? lt_json_dump(o) : NULL;
        json_decref(o);
        if (text) send_to(gw, topic, text);
        free(text);
        show(gw, site);
    }
}

/* A letter of several bytes is not cut in its middle. */
static void copy_text(char *out, size_t cap, const char *text)
{
    size_t n = strlen(text);
    if (n >= cap)
        for (n = cap - 1; n && ((unsigned char)text[n] & 0xc0) == 0x80;) n--;
    memcpy(out, text, n);
    out[n] = '\0';
}

void lt_self_note(const struct lt_req *r)
{
    if (!r->site) return;
    struct lt_self *s = &r->site->self;
    s->has_answer = 1;
    s->route = r->bad_code ? LT_ROUTE_REFUSED : r->route;
    s->why = r->bad_code ? r->bad_why : r->why;
    s->confidence = r->local_calls ? r->answer.confidence : -1;
    s->text[0] = '\0';
    if (r->gw->config.self.last_utterance && r->text && !r->bad_code)
        copy_text(s->text, sizeof s->text, r->text);
    touch(r->gw, r->site);
}

/* ---- the switch ---- */

enum lt_err lt_self_open(struct lt_gateway *gw, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    char value[8];
    for (size_t i = 0; !err && i < gw->n_sites; i++) {
        err = lt_store_setting_get(gw->store, gw->sites[i].name, CLOUD, value, sizeof value, diag);
        gw->sites[i].self.is_cloud_on = strcmp(value, "off") != 0;
    }
    return err;
}

struct switch_job {
    struct lt_job job;
    struct lt_gateway *gw;
    const char *site; /* of the gateway's */
    int is_on;
};

static enum lt_err run_switch(struct lt_job *job, struct lt_diag *diag)
{
    struct switch_job *s = (struct switch_job *)job;
    return lt_store_setting_put(s->gw->store, s->site, CLOUD, s->is_on ? "on" : "off", diag);
}

static void switch_done(struct lt_job *job)
{
    struct switch_job *s = (struct switch_job *)job;
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("what", "cloud switch"),
               LF_STR("why", job->diag.text));
    lt_mqtt_release(s->gw->mqtt);
    free(s);
}

void lt_self_message(struct lt_gateway *gw, const struct lt_topic *topic,
                     const struct lt_mqtt_message *msg)
{
    struct lt_gw_site *site = lt_gw_find_site(gw, topic->site);
    int is_on = !strcmp(msg->payload, "ON"), is_off = !strcmp(msg->payload, "OFF");
    if (!site || msg->is_retained) return;
    if (!is_on && !is_off) {
        LT_LOG(WARN, "cloud.bad_switch", LF_STR("topic", msg->topic),
               LF_STR("what_to_do", "send ON or OFF"));
        return;
    }
    site->self.is_cloud_on = is_on;
    LT_LOG(INFO, "cloud.switched", LF_STR("site", site->name), LF_STR("to", is_on ? "on" : "off"));
    touch(gw, site);
    struct switch_job *s = calloc(1, sizeof *s);
    if (!s) return; /* it holds until the next start */
    s->gw = gw;
    s->site = site->name;
    s->is_on = is_on;
    s->job.run = run_switch;
    s->job.done = switch_done;
    s->job.is_durable = 1;
    lt_mqtt_hold(gw->mqtt); /* acknowledged when it is kept */
    lt_worker_follow(gw->writer, &s->job);
}
