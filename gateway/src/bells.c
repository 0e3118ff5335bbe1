/* bells.c - the clock of the timers, and announcements. */
#include "bells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define LOOK_MS 30000 /* longest sleep: the wall clock may be set */

/* A timer that rang and whose row is still in the store. */
struct lt_ring {
    struct lt_ring *next;
    struct lt_gateway *gw;
    struct lt_job job;
    int publish_id; /* 0 when acknowledged */
    char id[LT_ULID_CAP];
};

static enum lt_err send_to(struct lt_gateway *gw, const char *site, enum lt_topic_kind kind,
                           json_t *o, int is_retained, int *publish_id)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    char *text = o ? lt_json_dump(o) : NULL;
    enum lt_err err = text ? LT_OK : LT_ERR_NOMEM;
    json_decref(o);
    if (!err) err = lt_topic_build(gw->started.mqtt.prefix, site, kind, NULL, topic);
    if (!err) {
        struct lt_mqtt_publish p = {.topic = topic,
                                    .payload = text,
                                    .payload_len = strlen(text),
                                    .qos = 1,
                                    .is_retained = is_retained};
        err = lt_mqtt_send(gw->mqtt, &p, publish_id);
    }
    free(text);
    return err;
}

static json_t *event_of(const struct lt_timer_row *t, const char *event, int64_t now)
{
    int64_t left = t->due_unix_ms ? t->due_unix_ms - now : t->left_ms;
    json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:s}", "event", event, "id", t->id, "total_s",
                          (json_int_t)(t->total_ms / 1000), "left_s",
                          (json_int_t)(left > 0 ? (left + 500) / 1000 : 0), "x-lintel", "timer");
    if (o && *t->name) json_object_set_new(o, "name", json_string(t->name));
    if (o && *t->area) json_object_set_new(o, "area", json_string(t->area));
    return o;
}

void lt_bells_tell(struct lt_gateway *gw, const struct lt_change *c)
{
    if (c->kind != LT_CHANGE_TIMER || (!c->has_before && !c->has_after)) return;
    const struct lt_timer_row *a = c->has_after ? &c->after.timer : &c->before.timer;
    const char *event = !c->has_before                                   ? "started"
                        : !c->has_after                                  ? "cancelled"
                        : c->before.timer.due_unix_ms && !a->due_unix_ms ? "paused"
                        : !c->before.timer.due_unix_ms && a->due_unix_ms ? "resumed"
                                                                         : "changed";
    (void)!send_to(gw, a->site, LT_TOPIC_TIMER, event_of(a, event, lt_now_unix_ms()), 0, NULL);
}

void lt_bells_show(struct lt_gateway *gw, const char *site)
{
    if (!gw->config.house.tools) return;
    (void)!send_to(gw, site, LT_TOPIC_HOUSE, lt_house_json(gw->house, site, lt_now_unix_ms()), 1,
                   NULL);
}

/* ---- announcements ---- */

void lt_announce(struct lt_gateway *gw, const char *site, const char *area, const char *lang,
                 const char *text)
{
    json_t *o = json_pack("{s:s,s:s}", "text", text, "x-lintel", "announce");
    if (o && area && *area) json_object_set_new(o, "area", json_string(area));
    if (o && lang && *lang) json_object_set_new(o, "lang", json_string(lang));
    enum lt_err err = send_to(gw, site, LT_TOPIC_ANNOUNCE, o, 0, NULL);
    if (err) LT_LOG(WARN, "announce.unsent", LF_STR("site", site), LF_STR("why", lt_strerror(err)));
}

/* ---- ringing ---- */

static enum lt_err run_delete(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_ring *ring = (struct lt_ring *)((char *)job - offsetof(struct lt_ring, job));
    return lt_store_timer_delete(ring->gw->store, ring->id, diag);
}

static void delete_done(struct lt_job *job)
{
    struct lt_ring *ring = (struct lt_ring *)((char *)job - offsetof(struct lt_ring, job));
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("what", "timer"), LF_STR("why", job->diag.text));
    free(ring);
}

void lt_bells_delivered(struct lt_gateway *gw, int publish_id)
{
    for (struct lt_ring **at = &gw->rings, *ring; (ring = *at) != NULL; at = &ring->next) {
        if (ring->publish_id != publish_id) continue;
        *at = ring->next;
        ring->job.run = run_delete;
        ring->job.done = delete_done;
        ring->job.is_durable = 1;
        lt_worker_follow(gw->writer, &ring->job);
        return;
    }
}

/* What the command came to is said where the timer was started. */
struct told {
    struct lt_gateway *gw;
    char site[65], area[LT_HOUSE_NAME_MAX + 1];
};

static void on_result(void *ctx, const json_t *result)
{
    struct told *told = ctx;
    const char *speech = json_string_value(json_object_get(result, "speech"));
    const char *lang = json_string_value(json_object_get(result, "lang"));
    if (speech) lt_announce(told->gw, told->site, told->area, lang, speech);
    free(told);
}

static void run_command(struct lt_gateway *gw, const struct lt_timer_row *t, const char *id)
{
    struct lt_diag diag = {0};
    struct told *told = calloc(1, sizeof *told);
    struct lt_submission s = {.site = t->site,
                              .door = "timer",
                              .text = t->command,
                              .here = *t->area ? t->area : NULL,
                              .lang = *t->lang ? t->lang : NULL,
                              .id = id};
    if (told) {
        told->gw = gw;
        memcpy(told->site, t->site, sizeof told->site);
        memcpy(told->area, t->area, sizeof told->area);
    }
    if (!told || lt_submit(gw, &s, on_result, told, NULL, &diag)) {
        LT_LOG(ERROR, "timer.command_lost", LF_STR("id", t->id), LF_STR("why", diag.text));
        free(told);
    }
}

/* One timer rings. 0: the broker does not take it now. */
static int ring_one(struct lt_gateway *gw, const struct lt_timer_row *t, int64_t now)
{
    char words[256], text[400], id[LT_ULID_CAP + 8];
    struct lt_ring *ring = calloc(1, sizeof *ring);
    json_t *o = event_of(t, "finished", now);
    if (o && now - t->due_unix_ms > 1000)
        json_object_set_new(o, "late_s", json_integer((now - t->due_unix_ms) / 1000));
    if (!ring || send_to(gw, t->site, LT_TOPIC_TIMER, o, 0, &ring->publish_id)) {
        free(ring);
        return 0;
    }
    ring->gw = gw;
    memcpy(ring->id, t->id, sizeof ring->id);
    ring->next = gw->rings;
    gw->rings = ring;
    LT_LOG(INFO, "timer.finished", LF_STR("site", t->site), LF_STR("id", t->id));
    if (*t->command) {
        snprintf(id, sizeof id, "timer/%s", t->id);
        run_command(gw, t, id);
    } else {
        struct lt_tongue tongue = lt_gw_tongue(gw, t->lang);
        lt_say_timer(&tongue, t->name, t->total_ms, words, sizeof words);
        lt_say(&tongue, "timer.up", LT_HOLES({"timer", words}), text, sizeof text);
        lt_announce(gw, t->site, *t->area ? t->area : NULL, tongue.lang, text);
    }
    lt_bells_show(gw, t->site);
    return 1;
}

static void on_bell(uv_timer_t *timer)
{
    struct lt_gateway *gw = timer->data;
    struct lt_timer_row t;
    int64_t now = lt_now_unix_ms();
    while (!gw->is_draining && lt_mqtt_is_up(gw->mqtt) && lt_house_take_due(gw->house, now, &t)) {
        if (ring_one(gw, &t, now)) continue;
        lt_house_put_back(gw->house, &t);
        break;
    }
    lt_bells_arm(gw);
}

void lt_bells_arm(struct lt_gateway *gw)
{
    int64_t due = lt_house_next_due(gw->house), now = lt_now_unix_ms();
    uv_timer_stop(&gw->bell_timer);
    if (!due || gw->is_draining || !lt_mqtt_is_up(gw->mqtt)) return; /* on_up comes back to it */
    int64_t wait = due > now ? due - now : 0;
    if (due <= now && gw->rings) wait = 50;
    uv_timer_start(&gw->bell_timer, on_bell, (uint64_t)(wait < LOOK_MS ? wait : LOOK_MS), 0);
}

void lt_bells_close(struct lt_gateway *gw)
{
    for (struct lt_ring *ring; (ring = gw->rings) != NULL;) {
        gw->rings = ring->next;
        free(ring);
    }
}
