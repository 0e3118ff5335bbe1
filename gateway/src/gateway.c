/* gateway.c - the composition of the serving process: what is opened in which order, signals,
 * timers, and the way out. */
#include "gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drift_watch.h"
#include "gateway_int.h"
#include "lt/log.h"
#include "model.h"
#include "sdnotify.h"

#define READY_MS         3000     /* systemd hears "ready" by then even without a broker */
#define PRUNE_FIRST_MS   60000    /* first look for old traces */
#define PRUNE_MS         86400000 /* and then once a day */
#define DRAIN_LOOK_MS    20       /* on the way out: how often it is looked at, besides every end */
#define STORE_CAP_FACTOR 2 /* the file may reach this multiple of store.max_mb between prunes */

/* ---- the store's group hooks, on the writer's thread ---- */

static enum lt_err group_begin(void *ctx, int is_durable, struct lt_diag *diag)
{
    struct lt_gateway *gw = ctx;
    return lt_store_begin(gw->store, is_durable, diag);
}

static enum lt_err group_end(void *ctx, struct lt_diag *diag)
{
    struct lt_gateway *gw = ctx;
    return lt_store_commit(gw->store, diag);
}

/* ---- opening ---- */

/* Make the folders above a file, as mkdir -p does for those who may. */
static enum lt_err make_folders(const char *file, struct lt_diag *diag)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", file);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) && errno != EEXIST)
            return lt_fail_errno(diag, "cannot make the folder %s for the database", path);
        *slash = '/';
    }
    return LT_OK;
}

/* One gateway has one database: two would carry out everything twice, and each would take what the other
 * has under way for what a crash left. The kernel gives the lock back however the process ends, and the
 * file stays: were it removed, two could hold locks on two files of one name. Where there can be no lock,
 * the store says why it cannot be written, or nothing is wrong but that. */
static enum lt_err lock_store(struct lt_gateway *gw, const char *database, struct lt_diag *diag)
{
    char path[1100], text[24] = "";
    snprintf(path, sizeof path, "%s.lock", database);
    gw->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (gw->lock_fd < 0) return LT_OK;
    if (flock(gw->lock_fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        ssize_t n = pread(gw->lock_fd, text, sizeof text - 1, 0);
        text[n > 0 ? strspn(text, "0123456789") : 0] = '\0';
        return lt_fail(
            diag, LT_ERR_BUSY,
            "%s: another gateway%s%s works with this database; stop it, or give this one "
            "a store.path and an mqtt.client_id of its own",
            database, *text ? ", process " : "", text);
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(gw->lock_fd, 0) || pwrite(gw->lock_fd, text, (size_t)n, 0) != n)
        LT_LOG(DEBUG, "store.lock_unnamed", LF_STR("path", path)); /* held all the same */
    return LT_OK;
}

static enum lt_err open_store(struct lt_gateway *gw, struct lt_diag *diag)
{
    char path[1024];
    const struct lt_config *c = &gw->started;
    lt_config_store_path(c, path, sizeof path);
    snprintf(gw->session_path, sizeof gw->session_path, "%s.session", path);
    struct lt_store_options o = {.path = path,
                                 .text_mode = (enum lt_text_mode)lt_text_mode_parse(c->store.text),
                                 .dedupe_window_ms = c->limits.dedupe_s * 1000,
                                 .max_bytes = c->store.max_mb * STORE_CAP_FACTOR * 1048576};
    enum lt_err err = make_folders(path, diag);
    if (!err) err = lock_store(gw, path, diag);
    if (!err) err = lt_store_open(&o, &gw->store, diag);
    if (err) return err;
    FILE *f = fopen(gw->session_path, "re");
    if (f && fread(gw->session, 1, LT_ULID_CAP - 1, f) != LT_ULID_CAP - 1) gw->session[0] = '\0';
    if (f) fclose(f);
    if (!lt_ulid_is_valid(gw->session)) gw->session[0] = '\0';
    return LT_OK;
}

static enum lt_err open_engine(struct lt_gateway *gw, struct lt_diag *diag)
{
    char path[1024];
    enum lt_err err = lt_model_choose(&gw->started, gw->store, path, sizeof path, diag);
    if (!err) err = lt_site_engine_open(path, &gw->engine, diag);
    if (!err) err = lt_model_says_of(gw->store, path, &gw->engine->says, diag);
    if (!err)
        snprintf(gw->model_name, sizeof gw->model_name, "%s",
                 san_engine_model_name(gw->engine->engine));
    return err;
}

static enum lt_err open_sites(struct lt_gateway *gw)
{
    const struct lt_strings *names = &gw->started.sites;
    gw->sites = calloc(names->n, sizeof *gw->sites);
    if (!gw->sites) return LT_ERR_NOMEM;
    for (size_t i = 0; i < names->n; i++) {
        gw->sites[i].name = names->v[i];
        gw->sites[i].gw = gw;
        uv_mutex_init(&gw->sites[i].lock);
        gw->n_sites++;
    }
    return LT_OK;
}

/* What was spent before this start counts against the caps. */
static enum lt_err open_budget(struct lt_gateway *gw, struct lt_diag *diag)
{
    int64_t now = lt_now_unix_ms();
    lt_budget_init(&gw->budget, now);
    lt_gateway_budget_caps(&gw->budget, &gw->config);
    enum lt_err err = lt_store_spend_sum(gw->store, NULL, LT_SPEND_DAY, now,
                                         &gw->budget.day_spent_usd_micro, diag);
    return err ? err
               : lt_store_spend_sum(gw->store, NULL, LT_SPEND_MONTH, now,
                                    &gw->budget.month_spent_usd_micro, diag);
}

static void name_client(struct lt_gateway *gw)
{
    char host[64] = "host", safe[160];
    struct lt_ulid_gen gen;
    gethostname(host, sizeof host - 1);
    if (*gw->started.mqtt.client_id)
        snprintf(gw->client_id, sizeof gw->client_id, "%s", gw->started.mqtt.client_id);
    else
        snprintf(gw->client_id, sizeof gw->client_id, "lintel-%s-%.64s", host, gw->sites[0].name);
    snprintf(safe, sizeof safe, "%s", gw->client_id);
    for (char *p = safe; *p; p++)
        if (strchr("/+#", *p) || (unsigned char)*p < 0x20) *p = '-';
    char rest[200];
    snprintf(rest, sizeof rest, "gateway/%s", safe);
    if (lt_topic_build(gw->started.mqtt.prefix, gw->sites[0].name, LT_TOPIC_REPLY, rest,
                       gw->barrier_topic))
        gw->barrier_topic[0] = '\0';
    lt_ulid_init(&gen);
    lt_ulid_next(&gen, lt_now_unix_ms(), gw->barrier);
}

static enum lt_err open_mqtt(struct lt_gateway *gw, struct lt_diag *diag)
{
    const struct lt_config *c = &gw->started;
    struct lt_mqtt_handlers handlers = lt__front_handlers;
    char will_topic[LT_TOPIC_MAX_BYTES + 1], will[256];
    enum lt_err err = LT_OK;
    if (*c->mqtt.password) err = lt_secret_read(c->mqtt.password, &gw->password, diag);
    if (!err)
        err = lt_topic_build(c->mqtt.prefix, gw->sites[0].name, LT_TOPIC_STATUS, NULL, will_topic);
    if (err) return lt_fail(diag, err, "mqtt.prefix and sites make too long a topic");
    snprintf(will, sizeof will, "{\"state\":\"offline\",\"version\":\"%s\"}", LINTEL_VERSION);
    struct lt_mqtt_options o = lt_mqtt_options_of(c, gw->password, gw->client_id);
    o.session_expiry_s = (uint32_t)c->mqtt.session_expiry_s;
    o.will_topic = will_topic;
    o.will_payload = will;
    handlers.ctx = gw;
    return lt_mqtt_new(&gw->loop, &o, &handlers, &gw->mqtt, diag);
}

/* ---- catalogues known before anybody sends one ---- */

static int catalog_from_store(struct lt_gateway *gw, struct lt_gw_site *site)
{
    char hash[LT_SHA256_HEX_CAP], *text = NULL;
    struct lt_diag diag = {0};
    if (lt_store_site_catalog(gw->store, site->name, hash, &diag) ||
        lt_store_catalog_get(gw->store, hash, &text, &diag))
        return 0;
    lt_front_set_catalog(gw, site, text, strlen(text), "store");
    free(text);
    return 1;
}

static void catalog_from_file(struct lt_gateway *gw, struct lt_gw_site *site)
{
    struct lt_buf text;
    char chunk[16384];
    size_t n;
    const char *path = gw->config.catalog.file;
    enum lt_err err = LT_OK;
    lt_buf_init(&text, (size_t)gw->config.limits.catalog_bytes);
    FILE *f = fopen(path, "re");
    while (f && !err && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        err = lt_buf_add(&text, chunk, n);
    if (!f || err || ferror(f)) {
        snprintf(site->error, sizeof site->error, "cannot read catalog.file %.300s: %s", path,
                 err ? lt_strerror(err) : strerror(errno));
        LT_LOG(ERROR, "catalog.refused", LF_STR("site", site->name), LF_STR("why", site->error));
    } else {
        lt_front_set_catalog(gw, site, lt_buf_str(&text), text.n, "file");
    }
    if (f) fclose(f);
    lt_buf_free(&text);
}

/* A site keeps the catalogue it was sent last; the file is for those that were sent none. */
static void first_catalogs(struct lt_gateway *gw)
{
    for (size_t i = 0; i < gw->n_sites; i++)
        if (!catalog_from_store(gw, &gw->sites[i]) && *gw->config.catalog.file)
            catalog_from_file(gw, &gw->sites[i]);
}

/* ---- timers and signals ---- */

static void on_stats_timer(uv_timer_t *t)
{
    struct lt_gateway *gw = t->data;
    struct lt_diag diag = {0};
    const char *file = gw->started.metrics.file;
    lt_front_stats(gw);
    if (*file && lt_metrics_write(gw, file, &diag))
        LT_LOG(ERROR, "metrics.unwritten", LF_STR("why", diag.text));
}
static void on_watchdog(uv_timer_t *t)
{
    (void)t;
    lt_sd_notify("WATCHDOG=1");
}

static enum lt_err run_prune(struct lt_job *job, struct lt_diag *diag)
{
    struct lt_gateway *gw =
        (struct lt_gateway *)((char *)job - offsetof(struct lt_gateway, prune_job));
    int64_t n = 0;
    enum lt_err err = lt_store_prune(gw->store, &gw->prune, &n, diag);
    if (!err && n) LT_LOG(INFO, "store.pruned", LF_INT("traces", n));
    return err;
}

static void prune_done(struct lt_job *job)
{
    struct lt_gateway *gw =
        (struct lt_gateway *)((char *)job - offsetof(struct lt_gateway, prune_job));
    gw->is_pruning = 0;
    if (job->err)
        LT_LOG(ERROR, "store.failed", LF_STR("what", "prune"), LF_STR("why", job->diag.text));
    lt_gw_check_drained(gw);
}

static void on_prune_timer(uv_timer_t *t)
{
    struct lt_gateway *gw = t->data;
    if (gw->is_pruning || gw->is_draining) return;
    gw->is_pruning = 1;
    int64_t days = gw->config.store.retention_days;
    gw->prune =
        (struct lt_prune){.older_than_unix_ms = days ? lt_now_unix_ms() - days * 86400000 : 0,
                          .max_bytes = gw->config.store.max_mb * 1048576,
                          .keep_labelled = 1};
    gw->prune_job = (struct lt_job){.run = run_prune, .done = prune_done, .is_alone = 1};
    lt_worker_follow(gw->writer, &gw->prune_job);
}

static void on_ready_timer(uv_timer_t *t)
{
    struct lt_gateway *gw = t->data;
    char text[512];
    if (gw->is_ready) return;
    gw->is_ready = 1;
    snprintf(text, sizeof text, "READY=1\nSTATUS=%.400s", lt_mqtt_fault(gw->mqtt));
    lt_sd_notify(text);
}

struct reload_note {
    int n_changed, n_kept;
};

static void note_change(const char *key, int is_reloadable, void *user)
{
    struct reload_note *n = user;
    if (is_reloadable)
        n->n_changed++;
    else
        n->n_kept++;
    LT_LOG(WARN, "config.changed", LF_STR("key", key),
           LF_STR("effect", is_reloadable ? "now" : "at the next start"));
}

/* SIGHUP. A bad file changes nothing. */
static void reload(struct lt_gateway *gw)
{
    struct lt_config fresh;
    struct lt_gateway_policy policy;
    struct lt_diag diag = {0};
    struct reload_note n = {0, 0};
    lt_sd_notify("RELOADING=1");
    enum lt_err err = lt_config_load(gw->config_path, &fresh, &diag);
    if (!err) err = lt_gateway_policy_init(&policy, &fresh);
    if (err) {
        LT_LOG(ERROR, "config.refused", LF_STR("why", lt_diag_text(&diag, err)));
        lt_config_free(&fresh);
        lt_sd_notify("READY=1");
        return;
    }
    lt_config_compare(&gw->config, &fresh, note_change, &n);
    lt_gateway_policy_fini(&gw->policy);
    lt_config_free(&gw->config);
    gw->config = fresh;
    gw->policy = policy;
    gw->policy.policy.providers = gw->policy.providers; /* the array moved with the struct */
    lt_tier_set_private_areas(gw->tier, gw->policy.policy.never_cloud_areas);
    lt_gw_talk_reload(gw);
    for (size_t i = 0; i < gw->n_sites; i++) lt_home_reload(gw, &gw->sites[i]);
    lt_gateway_budget_caps(&gw->budget, &gw->config);
    lt_log_set_level((enum lt_log_level)lt_log_level_parse(gw->config.log.level));
    lt_mqtt_set_reconnect_max(gw->mqtt, gw->config.mqtt.reconnect_max_s * 1000);
    uv_timer_set_repeat(&gw->stats_timer, (uint64_t)gw->config.stats.interval_s * 1000);
    if (*gw->config.catalog.file)
        for (size_t i = 0; i < gw->n_sites; i++) {
            struct lt_discovery *d = gw->sites[i].discovery;
            if (!d || !lt_discovery_n_things(d)) /* else its home is what devices announce */
                catalog_from_file(gw, &gw->sites[i]);
        }
    LT_LOG(INFO, "config.reloaded", LF_INT("changed", n.n_changed), LF_INT("kept", n.n_kept));
    lt_sd_notify("READY=1");
}

static void on_hup(uv_signal_t *s, int signum)
{
    (void)signum;
    reload(s->data);
    lt_swap_look(s->data);
}

/* ---- the way out ----
 *
 * SIGTERM: reading stops, so that nothing new is accepted; what was accepted is finished. Calls that
 * wait for the broker's acknowledgement need reading again; what comes in with it is finished too. */

static void on_mqtt_stopped(void *ctx)
{
    struct lt_gateway *gw = ctx;
    gw->is_stopped = 1;
    uv_stop(&gw->loop);
}

static void leave(struct lt_gateway *gw)
{
    if (gw->is_draining > 1) return;
    gw->is_draining = 2;
    uv_timer_stop(&gw->drain_timer);
    lt_metrics_close(gw->metrics);
    gw->metrics = NULL;
    for (size_t i = 0; i < gw->n_sites; i++) lt_front_status(gw, &gw->sites[i], 0);
    if (!lt_mqtt_stop(gw->mqtt, on_mqtt_stopped)) uv_stop(&gw->loop);
}

static void on_drain_timer(uv_timer_t *t)
{
    struct lt_gateway *gw = t->data;
    if (lt_now_us() < gw->drain_until_us) {
        lt_gw_check_drained(gw);
        return;
    }
    LT_LOG(WARN, "gateway.drain_timeout", LF_INT("unfinished", gw->n_requests));
    leave(gw); /* the store has what is unfinished; the next start goes on with it */
}

void lt_gw_check_drained(struct lt_gateway *gw)
{
    int n_waiting = 0, n_working = 0;
    if (gw->is_draining != 1) return;
    for (const struct lt_req *r = gw->requests; r; r = r->next) {
        if (r->state == LT_REQ_DELIVERING && !r->n_busy)
            n_waiting++;
        else if (r->state == LT_REQ_UNSENT)
            n_waiting += lt_mqtt_is_up(gw->mqtt); /* for room; without a broker it stays */
        else if (r->state != LT_REQ_RECOVERING)
            n_working++;
    }
    lt_mqtt_pause(gw->mqtt, n_working || !n_waiting);
    if (!n_working && !n_waiting && !gw->is_pruning) leave(gw);
}

static void on_stop_signal(uv_signal_t *s, int signum)
{
    struct lt_gateway *gw = s->data;
    if (gw->is_draining) return;
    LT_LOG(INFO, "gateway.stopping", LF_INT("signal", signum), LF_INT("in_flight", gw->n_requests));
    lt_sd_notify("STOPPING=1");
    gw->is_draining = 1;
    lt_wyoming_stop(gw->wyoming);
    gw->drain_until_us = lt_now_us() + LT_GW_DRAIN_MS * 1000;
    uv_timer_start(&gw->drain_timer, on_drain_timer, DRAIN_LOOK_MS, DRAIN_LOOK_MS);
    lt_gw_check_drained(gw);
}

static void start_timer(struct lt_gateway *gw, uv_timer_t *t, uv_timer_cb fn, int64_t first_ms,
                        int64_t repeat_ms)
{
    uv_timer_init(&gw->loop, t);
    t->data = gw;
    if (fn && first_ms > 0) uv_timer_start(t, fn, (uint64_t)first_ms, (uint64_t)repeat_ms);
}

static void start_signal(struct lt_gateway *gw, uv_signal_t *s, uv_signal_cb fn, int signum)
{
    uv_signal_init(&gw->loop, s);
    s->data = gw;
    uv_signal_start(s, fn, signum);
}

static void start_handles(struct lt_gateway *gw)
{
    int64_t watchdog_ms = lt_sd_watchdog_ms(), stats_ms = gw->config.stats.interval_s * 1000;
    start_timer(gw, &gw->stats_timer, on_stats_timer, stats_ms, stats_ms);
    start_timer(gw, &gw->watchdog_timer, on_watchdog, watchdog_ms, watchdog_ms);
    start_timer(gw, &gw->prune_timer, on_prune_timer, PRUNE_FIRST_MS, PRUNE_MS);
    start_timer(gw, &gw->ready_timer, on_ready_timer, READY_MS, 0);
    start_timer(gw, &gw->drain_timer, NULL, 0, 0);
    start_timer(gw, &gw->barrier_timer, NULL, 0, 0);
    start_timer(gw, &gw->bell_timer, NULL, 0, 0);
    start_timer(gw, &gw->self_timer, NULL, 0, 0);
    lt_swap_start(gw);
    lt_drift_watch_start(gw);
    lt_warm_start(gw);
    start_signal(gw, &gw->on_term, on_stop_signal, SIGTERM);
    start_signal(gw, &gw->on_int, on_stop_signal, SIGINT);
    start_signal(gw, &gw->on_hup, on_hup, SIGHUP);
}

/* ---- closing ---- */

static void close_handle(uv_handle_t *h, void *user)
{
    (void)user;
    if (!uv_is_closing(h)) uv_close(h, NULL);
}

/* Requests that never finished: their rows are in the store. */
static void forget_requests(struct lt_gateway *gw)
{
    gw->is_draining = 2;
    for (struct lt_req *r = gw->requests, *next; r; r = next) {
        next = r->next;
        r->n_busy = 0;
        r->state = LT_REQ_DONE;
        lt_req_settle(r);
    }
}

static void close_all(struct lt_gateway *gw)
{
    lt_metrics_close(gw->metrics);
    lt_swap_stop(gw);
    lt_drift_watch_stop(gw);
    lt_worker_stop(gw->infer); /* each in turn: what it finishes may still use those below */
    lt_tier_free(gw->tier);
    lt_worker_stop(gw->writer);
    lt_wyoming_close(gw->wyoming);
    lt_audio_close(gw);
    lt_hermes_dialogue_close(gw);
    lt_hermes_audio_close(gw);
    lt_speech_close(gw->speech);
    gw->speech = NULL;
    uv_walk(&gw->loop, close_handle, NULL);
    uv_run(&gw->loop, UV_RUN_DEFAULT);
    lt_swap_free(gw);
    lt_drift_watch_free(gw);
    lt_mqtt_free(gw->mqtt);
    forget_requests(gw);
    lt_gw_talk_close(gw);
    lt_home_close(gw); /* what belongs to sites, before them */
    for (size_t i = 0; i < gw->n_sites; i++) {
        lt_site_catalog_unref(gw->sites[i].catalog);
        uv_mutex_destroy(&gw->sites[i].lock);
    }
    free(gw->sites);
    lt_warm_close(gw);
    lt_site_engine_unref(gw->engine);
    lt_store_close(gw->store);
    if (gw->lock_fd >= 0) close(gw->lock_fd); /* after the store */
    lt_docs_close(gw->docs);
    lt_secret_free(gw->password);
    lt_gateway_policy_fini(&gw->policy);
    lt_config_free(&gw->config);
    lt_config_free(&gw->started);
    uv_loop_close(&gw->loop);
    free(gw);
}

static enum lt_err open_all(struct lt_gateway *gw, struct lt_diag *diag)
{
    struct lt_worker_group group = {gw, group_begin, group_end, 0};
    enum lt_err err = lt_config_load(gw->config_path, &gw->started, diag);
    if (!err) err = lt_config_load(gw->config_path, &gw->config, diag);
    if (err) return err;
    lt_log_set_level((enum lt_log_level)lt_log_level_parse(gw->config.log.level));
    group.group_max = (int)gw->started.store.commit_max;
    err = lt_gateway_policy_init(&gw->policy, &gw->config);
    if (!err) err = lt_docs_open(&gw->docs, diag);
    if (!err) err = open_sites(gw);
    if (!err) err = open_store(gw, diag);
    if (!err) err = open_engine(gw, diag);
    if (!err) lt_warm_open(gw);
    if (!err) err = open_budget(gw, diag);
    if (!err) err = lt_home_open(gw, diag);
    if (!err) err = lt_gw_talk_open(gw, diag);
    if (!err) err = lt_self_open(gw, diag);
    if (err) return err;
    name_client(gw);
    lt_io_uv_init(&gw->io, &gw->loop);
    err = lt_tier_new(&gw->io.io, &gw->started, &gw->budget, &gw->tier, diag);
    if (!err) err = open_mqtt(gw, diag);
    if (!err) err = lt_recover_load(gw, diag);
    if (!err)
        err = lt_worker_start(&gw->loop, "lintel-infer", (int)gw->started.limits.queue, NULL,
                              &gw->infer, diag);
    if (!err)
        err = lt_worker_start(&gw->loop, "lintel-store", (int)gw->started.limits.queue, &group,
                              &gw->writer, diag);
    if (!err) err = lt_tier_book(gw->tier, gw->store, gw->writer, diag);
    if (!err) lt_tier_set_private_areas(gw->tier, gw->policy.policy.never_cloud_areas);
    if (!err && gw->started.metrics.port)
        err = lt_metrics_listen(gw, (int)gw->started.metrics.port, &gw->metrics, diag);
    if (!err) err = lt_speech_open(gw, &gw->speech, diag);
    if (!err) err = lt_wyoming_open(gw, &gw->wyoming, diag);
    if (!err) first_catalogs(gw); /* reads the store, while its writer has no job yet */
    return err;
}

enum lt_err lt_gateway_run(const char *config_path, struct lt_diag *diag)
{
    struct lt_gateway *gw = calloc(1, sizeof *gw);
    if (!gw) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    lt_index_init(&gw->index);
    gw->config_path = config_path;
    gw->lock_fd = -1;
    gw->started_us = lt_now_us();
    signal(SIGPIPE, SIG_IGN);
    lt_secret_forbid_dumps(); /* words of people are in here, with or without keys */
    json_object_seed(0);      /* before any thread makes an object */
    uv_loop_init(&gw->loop);
    enum lt_err err = open_all(gw, diag);
    if (err) {
        lt_fail(diag, err, "out of memory");
        close_all(gw);
        return err;
    }
    start_handles(gw);
    LT_LOG(INFO, "gateway.started", LF_STR("version", LINTEL_VERSION),
           LF_STR("model", gw->model_name), LF_INT("sites", gw->n_sites));
    lt_mqtt_start(gw->mqtt);
    uv_run(&gw->loop, UV_RUN_DEFAULT);
    LT_LOG(INFO, "gateway.stopped", LF_INT("uptime_s", (lt_now_us() - gw->started_us) / 1000000));
    if (!gw->is_stopped) {
        /* a connection attempt still blocks a pool thread, which would be waited for at exit: see
         * the store safe and leave */
        lt_worker_stop(gw->writer);
        lt_store_close(gw->store);
        _exit(0);
    }
    close_all(gw);
    return LT_OK;
}
