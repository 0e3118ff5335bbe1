/* drift_watch.c - reads on a pool thread, tells on the loop.
 *
 *     resting --timer--> reading (pool thread) --> told --> resting
 *
 * One reading at a time; a failed one (a locked or missing database) is logged, leaves what was told
 * before, and is repeated at the next turn of the timer. */
#include "drift_watch.h"

#include <stdlib.h>
#include <string.h>

#include "drift.h"
#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define FIRST_MS 60000 /* after the start, unless drift.every_s is shorter: starting comes first */
#define ALPHA    0.02  /* of the promise; those of lintel traces stats */
#define DELTA    0.1

struct lt_drift_watch {
    struct lt_gateway *gw;
    uv_timer_t timer;
    uv_work_t work;
    int is_reading, is_stopped; /* is_stopped: atomic */
    json_t **found;             /* (n_sites) the last reports; NULL: none yet */
    /* the pool thread's while is_reading */
    char path[1100];
    json_t **fresh; /* (n_sites) */
    enum lt_err err;
    struct lt_diag diag;
};

static void tell(struct lt_gateway *gw, size_t site)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    char *text = lt_json_dump(gw->drift->found[site]);
    if (text && !lt_topic_build(gw->started.mqtt.prefix, gw->sites[site].name, LT_TOPIC_DRIFT, NULL,
                                topic)) {
        struct lt_mqtt_publish p = {.topic = topic,
                                    .payload = text,
                                    .payload_len = strlen(text),
                                    .qos = 1,
                                    .is_retained = 1};
        (void)!lt_mqtt_send(gw->mqtt, &p, NULL); /* down: it is sent again in _up */
    }
    free(text);
}

static const char *state_of(const json_t *report)
{
    const char *s = json_string_value(json_object_get(report, "state"));
    return s ? s : "unknown";
}

static void log_change(const char *site, const json_t *before, const json_t *now)
{
    int was = !strcmp(state_of(before), "drift"), is = !strcmp(state_of(now), "drift");
    const json_t *said;
    size_t i;
    if (is && !was)
        json_array_foreach(json_object_get(now, "drift"), i, said) LT_LOG(
            WARN, "drift.seen", LF_STR("site", site), LF_STR("what", json_string_value(said)));
    if (was && !is) LT_LOG(INFO, "drift.over", LF_STR("site", site), LF_STR("now", state_of(now)));
}

static void read_all(uv_work_t *work)
{
    struct lt_drift_watch *w = work->data;
    struct lt_store_options o = {.path = w->path, .is_readonly = 1};
    struct lt_store *s = NULL;
    w->diag = (struct lt_diag){0};
    w->err = lt_store_open(&o, &s, &w->diag);
    for (size_t i = 0; i < w->gw->n_sites && !w->err; i++) {
        struct lt_drift_options d = {.site = w->gw->sites[i].name,
                                     .n_weeks = LT_DRIFT_WATCH_WEEKS,
                                     .now_unix_ms = lt_now_unix_ms(),
                                     .alpha = ALPHA,
                                     .delta = DELTA,
                                     .is_stopped = &w->is_stopped};
        w->err = lt_drift_report(s, &d, &w->fresh[i], &w->diag);
    }
    lt_store_close(s);
}

static void read_done(uv_work_t *work, int status)
{
    struct lt_drift_watch *w = work->data;
    struct lt_gateway *gw = w->gw;
    w->is_reading = 0;
    if (!status && w->err && !w->is_stopped)
        LT_LOG(ERROR, "drift.unread", LF_STR("why", lt_diag_text(&w->diag, w->err)));
    for (size_t i = 0; i < gw->n_sites; i++) {
        if (status || w->err || w->is_stopped) {
            json_decref(w->fresh[i]);
        } else {
            log_change(gw->sites[i].name, w->found[i], w->fresh[i]);
            json_decref(w->found[i]);
            w->found[i] = w->fresh[i];
            tell(gw, i);
        }
        w->fresh[i] = NULL;
    }
}

static void on_timer(uv_timer_t *t)
{
    struct lt_drift_watch *w = t->data;
    if (w->is_reading || w->is_stopped || w->gw->is_draining) return;
    w->work.data = w;
    w->is_reading = !uv_queue_work(&w->gw->loop, &w->work, read_all, read_done);
}

void lt_drift_watch_start(struct lt_gateway *gw)
{
    uint64_t every_ms = (uint64_t)gw->started.drift.every_s * 1000;
    if (!every_ms) return;
    struct lt_drift_watch *w = calloc(1, sizeof *w);
    if (w) {
        w->found = calloc(gw->n_sites, sizeof *w->found);
        w->fresh = calloc(gw->n_sites, sizeof *w->fresh);
    }
    if (!w || !w->found || !w->fresh) {
        LT_LOG(ERROR, "drift.unwatched", LF_STR("why", "out of memory"));
        if (w) free(w->found), free(w->fresh);
        free(w);
        return;
    }
    w->gw = gw;
    lt_config_store_path(&gw->started, w->path, sizeof w->path);
    gw->drift = w;
    uv_timer_init(&gw->loop, &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_timer, every_ms < FIRST_MS ? every_ms : FIRST_MS, every_ms);
}

void lt_drift_watch_up(struct lt_gateway *gw)
{
    for (size_t i = 0; gw->drift && i < gw->n_sites; i++)
        if (gw->drift->found[i]) tell(gw, i);
}

void lt_drift_watch_stop(struct lt_gateway *gw)
{
    if (!gw->drift) return;
    __atomic_store_n(&gw->drift->is_stopped, 1, __ATOMIC_RELAXED);
    uv_timer_stop(&gw->drift->timer);
}

void lt_drift_watch_free(struct lt_gateway *gw)
{
    struct lt_drift_watch *w = gw->drift;
    for (size_t i = 0; w && i < gw->n_sites; i++)
        json_decref(w->found[i]), json_decref(w->fresh[i]);
    if (w) free(w->found), free(w->fresh);
    free(w);
    gw->drift = NULL;
}

/* ---- gauges ---- */

static const char *const signs[] = {"disagreement", "new_words", "calibration"};

static enum lt_err add_signs(const char *site, const json_t *report, struct lt_buf *out)
{
    enum lt_err err = LT_OK;
    for (size_t i = 0; i < 3 && !err; i++)
        err =
            lt_buf_addf(out, "lintel_drift{site=\"%s\",sign=\"%s\"} %d\n", site, signs[i],
                        json_is_true(json_object_get(json_object_get(report, "signs"), signs[i])));
    return err;
}

/* Of every week that has it; weeks_ago 0 is the last seven days. */
static enum lt_err add_weeks(const char *site, const json_t *report, const char *sign,
                             struct lt_buf *out)
{
    const json_t *weeks = json_object_get(report, "weeks"), *week;
    enum lt_err err = LT_OK;
    size_t i, n = json_array_size(weeks);
    json_array_foreach(weeks, i, week)
    {
        const json_t *v = json_object_get(week, sign);
        if (v && !err)
            err = lt_buf_addf(out, "lintel_drift_%s{site=\"%s\",weeks_ago=\"%zu\"} %.6f\n", sign,
                              site, n - 1 - i, json_number_value(v));
    }
    return err;
}

enum lt_err lt_drift_watch_metrics(const struct lt_gateway *gw, struct lt_buf *out)
{
    static const char *const help[] = {
        "Share of labelled requests in which network and label disagree, by week.",
        "Share of words never said in the weeks before, by week.",
        "Mean confidence less the share that was right, by week."};
    const struct lt_drift_watch *w = gw->drift;
    char site[LT_SITE_MAX_BYTES * 2 + 8];
    if (!w) return LT_OK;
    enum lt_err err = lt_buf_adds(out, "# HELP lintel_drift 1 where the last seven days are worse "
                                       "than chance explains.\n# TYPE lintel_drift gauge\n");
    for (size_t i = 0; i < gw->n_sites && !err; i++)
        if (w->found[i])
            err =
                add_signs(lt_metrics_label(gw->sites[i].name, site, sizeof site), w->found[i], out);
    for (size_t k = 0; k < 3 && !err; k++) {
        err = lt_buf_addf(out, "# HELP lintel_drift_%s %s\n# TYPE lintel_drift_%s gauge\n",
                          signs[k], help[k], signs[k]);
        for (size_t i = 0; i < gw->n_sites && !err; i++)
            if (w->found[i])
                err = add_weeks(lt_metrics_label(gw->sites[i].name, site, sizeof site), w->found[i],
                                signs[k], out);
    }
    return err;
}
