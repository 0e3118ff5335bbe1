/* speak.c - see speak.h. */
#include "speak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

int lt_speak_wanted(const struct lt_req *r)
{
    return r->gw->config.cloud.stream && r->replies && !r->on_answer;
}

/* 0 when an earlier reply goes to the same place: a request that came twice is answered twice, and spoken
 * once. */
static int is_first(const struct lt_req *r, const struct lt_gw_reply *to)
{
    for (const struct lt_gw_reply *other = r->replies; other != to; other = other->next)
        if (!strcmp(other->topic ? other->topic : "", to->topic ? to->topic : "")) return 0;
    return 1;
}

static void publish(struct lt_req *r, const char *text, int is_final, int is_replacing)
{
    struct lt_gateway *gw = r->gw;
    char topic[LT_TOPIC_MAX_BYTES + 1];
    json_t *o = json_pack("{s:s,s:i,s:s,s:b,s:b}", "trace", r->trace, "seq", ++r->n_spoken, "text",
                          text, "final", is_final, "replaces", is_replacing);
    if (o && r->id) json_object_set_new(o, "id", json_string(r->id));
    if (o && r->session) json_object_set_new(o, "session", json_string(r->session));
    if (o && r->here) json_object_set_new(o, "here", json_string(r->here));
    char *payload = o ? lt_json_dump(o) : NULL;
    json_decref(o);
    for (const struct lt_gw_reply *to = r->replies; payload && to; to = to->next) {
        int n = to->topic ? snprintf(topic, sizeof topic, "%s/speech", to->topic) : 0;
        if (!is_first(r, to) || n >= (int)sizeof topic ||
            (!to->topic &&
             lt_topic_build(gw->started.mqtt.prefix, r->site_name, LT_TOPIC_SPEECH, NULL, topic)))
            continue;
        struct lt_mqtt_publish p = {.topic = topic,
                                    .payload = payload,
                                    .payload_len = strlen(payload),
                                    .expiry_s = (uint32_t)gw->config.mqtt.response_expiry_s,
                                    .correlation = to->correlation,
                                    .correlation_len = to->correlation_len};
        enum lt_err err = lt_mqtt_send(gw->mqtt, &p, NULL);
        if (err)
            LT_LOG(DEBUG, "speech.unsent", LF_STR("trace", r->trace),
                   LF_STR("why", lt_strerror(err)));
    }
    free(payload);
}

void lt_speak(void *req, const char *sentence)
{
    struct lt_req *r = req;
    if (lt_now_us() <= r->deadline_us && !r->is_cancelled) publish(r, sentence, 0, 0);
}

void lt_speak_end(struct lt_req *r)
{
    if (!r->n_spoken) return;
    const struct lt_tier_answer *a = &r->upper;
    json_t *result = r->result ? json_loads(r->result, 0, NULL) : NULL;
    const char *speech = json_string_value(json_object_get(result, "speech"));
    int stands =
        a->rest && a->speech && speech && !strcmp(a->speech, speech) && a->n_said == r->n_spoken;
    publish(r, stands ? a->rest : speech ? speech : "", 1, !stands);
    json_decref(result);
    r->n_spoken = 0;
}
