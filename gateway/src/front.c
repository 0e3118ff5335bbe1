/* front.c - the MQTT front door: what is subscribed, what each message sets going, and the status
 * that tells the world we are there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drift_watch.h"
#include "gateway_int.h"
#include "label.h"
#include "lt/json.h"
#include "lt/log.h"
#include "sdnotify.h"

struct lt_gw_site *lt_gw_find_site(struct lt_gateway *gw, const char *name)
{
    for (size_t i = 0; i < gw->n_sites; i++)
        if (!strcmp(gw->sites[i].name, name)) return &gw->sites[i];
    return NULL;
}

/* ---- status and stats ---- */

static void send_retained(struct lt_gateway *gw, const char *site, enum lt_topic_kind kind,
                          json_t *o, int is_retained)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    char *text = o ? lt_json_dump(o) : NULL;
    json_decref(o);
    if (text && !lt_topic_build(gw->started.mqtt.prefix, site, kind, NULL, topic)) {
        struct lt_mqtt_publish p = {.topic = topic,
                                    .payload = text,
                                    .payload_len = strlen(text),
                                    .qos = is_retained ? 1 : 0,
                                    .is_retained = is_retained};
        (void)!lt_mqtt_send(gw->mqtt, &p, NULL); /* down: it is sent again in on_up */
    }
    free(text);
}

void lt_front_status(struct lt_gateway *gw, struct lt_gw_site *site, int is_online)
{
    const char *fault = lt_tier_fault(gw->tier);
    json_t *catalog =
        json_pack("{s:s?,s:I,s:I}", "hash", site->used_hash[0] ? site->used_hash : NULL, "tools",
                  (json_int_t)site->n_tools, "entities", (json_int_t)site->n_entities);
    if (catalog && site->error[0]) json_object_set_new(catalog, "error", json_string(site->error));
    json_t *o = json_pack("{s:s,s:s,s:s,s:o}", "state", is_online ? "online" : "offline", "version",
                          LINTEL_VERSION, "model", gw->model_name, "catalog", catalog);
    if (o && *fault) json_object_set_new(o, "error", json_string(fault));
    send_retained(gw, site->name, LT_TOPIC_STATUS, o, 1);
}

static int64_t resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    if (f) fclose(f);
    if (!pages) { /* hidden /proc: the largest it ever was */
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        return (int64_t)u.ru_maxrss * 1024;
    }
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void lt_front_stats(struct lt_gateway *gw)
{
    for (size_t i = 0; i < gw->n_sites; i++) {
        json_t *o = lt_stats_json(&gw->sites[i].stats);
        if (!o) continue;
        json_object_set_new(o, "uptime_s", json_integer((lt_now_us() - gw->started_us) / 1000000));
        json_object_set_new(o, "in_flight", json_integer(gw->n_requests));
        json_object_set_new(o, "spend_usd_micro",
                            json_pack("{s:I,s:I}", "day",
                                      (json_int_t)gw->budget.day_spent_usd_micro, "month",
                                      (json_int_t)gw->budget.month_spent_usd_micro));
        const struct lt_stats *st = &gw->sites[i].stats;
        int64_t n_home = st->by_route[LT_ROUTE_LOCAL] + st->by_route[LT_ROUTE_CACHE];
        json_object_set_new(o, "cloud",
                            json_pack("{s:I}", "saved_usd_micro",
                                      (json_int_t)(n_home * lt_tier_typical_usd_micro(gw->tier))));
        json_object_set_new(o, "memory_bytes", json_integer(resident_bytes()));
        json_object_set_new(o, "cache_bytes", json_integer((json_int_t)gw->cache_bytes));
        json_object_set_new(o, "blocks", lt_warm_stats(gw));
        send_retained(gw, gw->sites[i].name, LT_TOPIC_STATS, o, 0);
    }
}

/* ---- catalogue ---- */

/* A catalogue on its way through the inference worker, then its text through the store writer. */
struct catalog_job {
    struct lt_job compile_job, put_job;
    struct lt_gateway *gw;
    struct lt_gw_site *site;
    char *text;
    size_t n;
    const char *origin;
    char hash[LT_SHA256_HEX_CAP];
    size_t n_tools, n_entities, cache_bytes;
};

static void catalog_job_free(struct catalog_job *c)
{
    free(c->text);
    free(c);
}

/* Worker: the new catalogue takes over here, so that requests queued behind it find it. */
static enum lt_err run_compile(struct lt_job *job, struct lt_diag *diag)
{
    struct catalog_job *c = (struct catalog_job *)job;
    struct lt_site_catalog *fresh = NULL, *old;
    enum lt_err err = lt_site_catalog_new(c->gw->docs, c->gw->engine, c->text, c->n, &fresh, diag);
    if (err) return err;
    memcpy(c->hash, lt_catalog_hash(fresh->checked), sizeof c->hash);
    c->n_tools = lt_catalog_n_tools(fresh->checked);
    c->n_entities = lt_catalog_n_entities(fresh->checked);
    c->cache_bytes = san_engine_cache_bytes(c->gw->engine->engine);
    char *canonical = strdup(lt_catalog_text(fresh->checked)); /* what the store keeps */
    if (canonical) {
        free(c->text);
        c->text = canonical;
    }
    uv_mutex_lock(&c->site->lock);
    old = c->site->catalog;
    c->site->catalog = fresh;
    uv_mutex_unlock(&c->site->lock);
    lt_site_catalog_unref(old);
    return LT_OK;
}

static enum lt_err run_put(struct lt_job *job, struct lt_diag *diag)
{
    struct catalog_job *c =
        (struct catalog_job *)((char *)job - offsetof(struct catalog_job, put_job));
    int64_t now = lt_now_unix_ms();
    enum lt_err err = lt_store_catalog_put(c->gw->store, c->hash, c->text, now, diag);
    return err ? err : lt_store_site_put(c->gw->store, c->site->name, c->hash, now, diag);
}

static void put_done(struct lt_job *job)
{
    struct catalog_job *c =
        (struct catalog_job *)((char *)job - offsetof(struct catalog_job, put_job));
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("what", "catalogue"), LF_STR("why", job->diag.text));
    catalog_job_free(c);
}

static void compile_done(struct lt_job *job)
{
    struct catalog_job *c = (struct catalog_job *)job;
    struct lt_gw_site *site = c->site;
    if (job->err) {
        snprintf(site->error, sizeof site->error, "%s: %.400s", c->origin, job->diag.text);
        LT_LOG(ERROR, "catalog.refused", LF_STR("site", site->name), LF_STR("origin", c->origin),
               LF_STR("why", job->diag.text),
               LF_STR("in_use", site->used_hash[0] ? site->used_hash : "none"));
        lt_front_status(c->gw, site, 1);
        catalog_job_free(c);
        return;
    }
    site->error[0] = '\0';
    if (!strcmp(c->origin, "topic")) site->is_told = 1;
    memcpy(site->used_hash, c->hash, sizeof c->hash);
    c->gw->cache_bytes = c->cache_bytes;
    site->n_tools = c->n_tools;
    site->n_entities = c->n_entities;
    LT_LOG(INFO, "catalog.taken", LF_STR("site", site->name), LF_STR("origin", c->origin),
           LF_INT("tools", c->n_tools), LF_INT("entities", c->n_entities));
    lt_front_status(c->gw, site, 1);
    /* one writer in order: a request that comes from now on is written after the catalogue it names */
    c->put_job.run = run_put;
    c->put_job.done = put_done;
    lt_worker_follow(c->gw->writer, &c->put_job);
}

void lt_front_set_catalog(struct lt_gateway *gw, struct lt_gw_site *site, const char *text,
                          size_t n, const char *origin)
{
    struct catalog_job *c = calloc(1, sizeof *c);
    if (!c || !(c->text = malloc(n + 1))) {
        free(c);
        LT_LOG(ERROR, "catalog.refused", LF_STR("site", site->name),
               LF_STR("why", "out of memory"));
        return;
    }
    memcpy(c->text, text, n);
    c->text[n] = '\0';
    c->n = n;
    c->gw = gw;
    c->site = site;
    c->origin = origin;
    c->compile_job.run = run_compile;
    c->compile_job.done = compile_done;
    lt_worker_follow(gw->infer, &c->compile_job);
}

static void on_catalog(struct lt_gateway *gw, const struct lt_topic *topic,
                       const struct lt_mqtt_message *msg)
{
    struct lt_gw_site *site = lt_gw_find_site(gw, topic->site);
    if (!site) return;
    if (!msg->payload_len) {
        LT_LOG(WARN, "catalog.cleared", LF_STR("site", site->name),
               LF_STR("in_use", site->used_hash[0] ? site->used_hash : "none"));
        site->is_told = 0;
        lt_home_reload(gw, site); /* what devices announce stands again */
    } else if ((int64_t)msg->payload_len > gw->config.limits.catalog_bytes) {
        snprintf(site->error, sizeof site->error,
                 "/: catalogue of %zu bytes; at most %lld are taken", msg->payload_len,
                 (long long)gw->config.limits.catalog_bytes);
        LT_LOG(ERROR, "catalog.refused", LF_STR("site", site->name), LF_STR("why", site->error));
        lt_front_status(gw, site, 1);
    } else {
        lt_front_set_catalog(gw, site, msg->payload, msg->payload_len, "topic");
    }
}

/* ---- feedback ---- */

struct feedback_job {
    struct lt_job job;
    struct lt_gateway *gw;
    char trace[LT_ULID_CAP];
    int is_correct;
    char *calls, *note;
};

static enum lt_err run_feedback(struct lt_job *job, struct lt_diag *diag)
{
    struct feedback_job *f = (struct feedback_job *)job;
    struct lt_label label = {.source = "user",
                             .is_correct = f->is_correct,
                             .calls_json = f->calls,
                             .note = f->note,
                             .now_unix_ms = lt_now_unix_ms()};
    return lt_label_put(f->gw->store, f->gw->docs, f->trace, &label, diag);
}

static void feedback_done(struct lt_job *job)
{
    struct feedback_job *f = (struct feedback_job *)job;
    if (job->err)
        LT_LOG(WARN, "feedback.refused", LF_STR("trace", f->trace), LF_STR("why", job->diag.text));
    else
        LT_LOG(INFO, "feedback.taken", LF_STR("trace", f->trace), LF_INT("correct", f->is_correct));
    lt_mqtt_release(f->gw->mqtt);
    free(f->calls);
    free(f->note);
    free(f);
}

/* A flood is not written down: 1 when this minute had enough. */
static int is_flood(struct lt_gw_site *site)
{
    lt_us now = lt_now_us();
    if (!site->n_feedback || now - site->feedback_us > 60000000) {
        site->feedback_us = now;
        site->n_feedback = 0;
    }
    return ++site->n_feedback > LT_LABEL_FEEDBACK_PER_MINUTE;
}

static void on_feedback(struct lt_gateway *gw, const struct lt_topic *topic,
                        const struct lt_mqtt_message *msg)
{
    struct lt_gw_site *site = lt_gw_find_site(gw, topic->site);
    json_t *o = NULL;
    struct lt_diag diag = {0};
    if (msg->is_retained) {
        LT_LOG(WARN, "feedback.retained_ignored", LF_STR("topic", msg->topic));
        return;
    }
    if (site && is_flood(site)) {
        if (site->n_feedback == LT_LABEL_FEEDBACK_PER_MINUTE + 1)
            LT_LOG(WARN, "feedback.flood", LF_STR("site", site->name),
                   LF_INT("per_minute", LT_LABEL_FEEDBACK_PER_MINUTE));
        return;
    }
    enum lt_err err = lt_json_parse(msg->payload, msg->payload_len,
                                    (size_t)gw->config.limits.payload_bytes, &o, &diag);
    if (!err) err = lt_docs_check(gw->docs, LT_DOC_FEEDBACK, o, &diag);
    struct feedback_job *f = err ? NULL : calloc(1, sizeof *f);
    if (!f) {
        LT_LOG(WARN, "feedback.refused", LF_STR("topic", msg->topic),
               LF_STR("why", err ? diag.text : "out of memory"));
        json_decref(o);
        return;
    }
    json_t *calls = json_object_get(o, "calls");
    const char *note = json_string_value(json_object_get(o, "note"));
    f->gw = gw;
    snprintf(f->trace, sizeof f->trace, "%s", json_string_value(json_object_get(o, "trace")));
    f->is_correct = json_is_true(json_object_get(o, "correct"));
    f->calls = calls ? lt_json_dump(calls) : NULL;
    f->note = note ? strdup(note) : NULL;
    json_decref(o);
    f->job.run = run_feedback;
    f->job.done = feedback_done;
    f->job.is_durable = 1;
    lt_mqtt_hold(gw->mqtt);
    lt_worker_follow(gw->writer, &f->job);
}

/* ---- the broker ---- */

/* A new broker session: packet ids start again, so keys made from them must not meet old ones. */
static void begin_session(struct lt_gateway *gw)
{
    struct lt_ulid_gen gen;
    char temporary[sizeof gw->session_path + 8];
    lt_ulid_init(&gen);
    lt_ulid_next(&gen, lt_now_unix_ms(), gw->session);
    snprintf(temporary, sizeof temporary, "%s.new", gw->session_path);
    FILE *f = fopen(temporary, "we");
    int ok = f && fputs(gw->session, f) >= 0;
    if (f) ok = !fclose(f) && ok;
    if (!ok || rename(temporary, gw->session_path))
        LT_LOG(WARN, "session.unsaved", LF_STR("path", gw->session_path),
               LF_STR("what_to_do", "check space and rights beside the database"));
}

static void subscribe(struct lt_gateway *gw, const char *site, enum lt_topic_kind kind,
                      const char *rest, const char *group, int is_live_only)
{
    char filter[LT_TOPIC_MAX_BYTES + 1], topic[LT_TOPIC_MAX_BYTES + 1];
    enum lt_err err = lt_topic_build(gw->started.mqtt.prefix, site, kind, rest, filter);
    if (!err) err = lt_topic_share(group, filter, topic);
    if (!err) err = lt_mqtt_subscribe(gw->mqtt, topic, 1, is_live_only, NULL);
    if (err)
        LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("site", site), LF_STR("why", lt_strerror(err)));
}

static void say_ready(struct lt_gateway *gw, const char *status)
{
    char text[512];
    snprintf(text, sizeof text, "%sSTATUS=%.400s", gw->is_ready ? "" : "READY=1\n", status);
    gw->is_ready = 1;
    lt_sd_notify(text);
}

static void on_up(void *ctx, int has_session)
{
    struct lt_gateway *gw = ctx;
    const char *group = gw->started.mqtt.share_group;
    int is_keeping = gw->started.mqtt.session_expiry_s > 0;
    if (!has_session || !gw->session[0]) begin_session(gw);
    if (!strcmp(gw->started.mqtt.unknown_site, "answer") && !*group)
        subscribe(gw, "+", LT_TOPIC_REQUEST, NULL, "", 1);
    for (size_t i = 0; i < gw->n_sites; i++) {
        const char *site = gw->sites[i].name;
        if (strcmp(gw->started.mqtt.unknown_site, "answer") != 0 || *group)
            subscribe(gw, site, LT_TOPIC_REQUEST, NULL, group, 1);
        subscribe(gw, site, LT_TOPIC_FEEDBACK, NULL, group, 1);
        subscribe(gw, site, LT_TOPIC_CATALOG, NULL, "", 0);
        subscribe(gw, site, LT_TOPIC_CLOUD, NULL, "", 1);
        if (is_keeping) subscribe(gw, site, LT_TOPIC_CALL, "+", "", 1);
        lt_front_status(gw, &gw->sites[i], 1);
    }
    if (is_keeping) (void)!lt_mqtt_subscribe(gw->mqtt, gw->barrier_topic, 1, 1, NULL);
    lt_home_up(gw, has_session);
    lt_self_up(gw);
    lt_drift_watch_up(gw);
    lt_gw_talk_up(gw);
    lt_hermes_up(gw);
    lt_audio_up(gw);
    lt_recover_up(gw, has_session);
    lt_req_resend(gw);
    say_ready(gw, "serving");
}

static void on_down(void *ctx, const char *why)
{
    struct lt_gateway *gw = ctx;
    uv_timer_stop(&gw->barrier_timer);
    gw->is_barrier_out = 0;
    say_ready(gw, why);
}

static void on_message(void *ctx, const struct lt_mqtt_message *msg)
{
    struct lt_gateway *gw = ctx;
    struct lt_topic topic;
    if (lt_recover_barrier(gw, msg)) return;
    lt_topic_parse(gw->started.mqtt.prefix, msg->topic, &topic);
    switch (topic.kind) {
    case LT_TOPIC_REQUEST:
        lt_req_arrived(gw, &topic, msg);
        break;
    case LT_TOPIC_FEEDBACK:
        on_feedback(gw, &topic, msg);
        break;
    case LT_TOPIC_CATALOG:
        on_catalog(gw, &topic, msg);
        break;
    case LT_TOPIC_CLOUD:
        lt_self_message(gw, &topic, msg);
        break;
    case LT_TOPIC_CALL:
        lt_recover_echo(gw, &topic, msg);
        break;
    case LT_TOPIC_AUDIO:
        lt_audio_message(gw, &topic, msg);
        break;
    default:
        if (lt_hermes_message(gw, msg)) break;
        if (lt_home_message(gw, msg)) break;
        LT_LOG(DEBUG, "mqtt.unexpected", LF_STR("topic", msg->topic));
        break;
    }
}

static void on_delivered(void *ctx, int publish_id, int reason)
{
    lt_gw_talk_delivered(ctx, publish_id);
    lt_req_delivered(ctx, publish_id, reason);
}

static void on_subscribed(void *ctx, int subscribe_id, int granted)
{
    (void)ctx;
    (void)subscribe_id;
    if (granted >= 128)
        LT_LOG(ERROR, "mqtt.subscription_refused", LF_INT("reason", granted),
               LF_STR("what_to_do", "allow us to read request, feedback, catalog and call/# at the "
                                    "broker"));
}

const struct lt_mqtt_handlers lt__front_handlers = {.on_up = on_up,
                                                    .on_down = on_down,
                                                    .on_message = on_message,
                                                    .on_delivered = on_delivered,
                                                    .on_subscribed = on_subscribed};
