/* home.c - each site's catalogue from what its devices announce on the broker.
 *
 * Device topics have no site in them. The first site's devices speak on the plain topics; those of every
 * other site below a root of its own, "cabin/" for the site cabin unless discovery.roots says otherwise:
 * that is where a broker's bridge puts another house, or a base topic. The root is taken off what comes
 * in and put before what goes out, so that nothing behind this file and act.c knows of it.
 *
 * Announcements are fed to a discovery; when they have been quiet for a while the catalogue is made
 * anew and takes over, unless it is the one in use. Until the first of them comes, and while the
 * broker is away, the catalogue known before stays. Tools in catalog.file are the user's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define QUIET_MS 1500     /* announcements come in floods: the catalogue is made after them */
#define LATE_US  10000000 /* but not later than this after the first change */

/* Log what is wrong with devices that the user describes. */
static void report_described(const struct lt_gw_site *site)
{
    const struct lt_discovery_error *e;
    size_t n = lt_discovery_errors(site->discovery, &e);
    for (size_t i = 0; i < n; i++)
        if (!strncmp(e[i].topic, "devices/", 8))
            LT_LOG(WARN, "discovery.bad_device", LF_STR("site", site->name),
                   LF_STR("device", e[i].topic), LF_STR("why", e[i].reason));
}

enum lt_err lt_home_open(struct lt_gateway *gw, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    for (size_t i = 0; i < gw->n_sites && !err; i++) {
        struct lt_gw_site *site = &gw->sites[i];
        uv_timer_init(&gw->loop, &site->home_timer);
        site->home_timer.data = site;
        err = lt_home_root(&gw->started, site->name, site->root, sizeof site->root, diag);
        if (!err) err = lt_home_discovery(&gw->started, site->name, &site->discovery, diag);
        if (!err && site->discovery) report_described(site);
        if (!err && site->discovery) err = lt_act_new(site, &site->act);
    }
    return err;
}

void lt_home_close(struct lt_gateway *gw)
{
    for (size_t i = 0; i < gw->n_sites; i++) {
        lt_act_free(gw->sites[i].act);
        gw->sites[i].act = NULL;
        lt_discovery_free(gw->sites[i].discovery);
        gw->sites[i].discovery = NULL;
    }
}

/* The tools of catalog.file; NULL without. A new reference. */
static json_t *own_tools(const struct lt_gateway *gw)
{
    struct lt_diag diag = {0};
    json_t *file = NULL;
    if (!*gw->config.catalog.file) return NULL;
    if (lt_json_read_file(gw->config.catalog.file, (size_t)gw->config.limits.catalog_bytes, &file,
                          &diag)) {
        LT_LOG(WARN, "discovery.no_own_tools", LF_STR("why", diag.text));
        return NULL;
    }
    json_t *tools = json_incref(json_object_get(file, "tools"));
    json_decref(file);
    return tools;
}

static int is_in_use(const struct lt_gw_site *site, const char *text)
{
    char hash[LT_SHA256_HEX_CAP];
    struct lt_sha256 sha;
    lt_sha256_init(&sha);
    lt_sha256_add(&sha, text, strlen(text));
    lt_sha256_hex(&sha, hash);
    return !strcmp(hash, site->used_hash);
}

static void on_quiet(uv_timer_t *t)
{
    struct lt_gw_site *site = t->data;
    struct lt_gateway *gw = site->gw;
    site->home_changed_us = 0;
    if (gw->is_draining) return;
    if (site->is_told) { /* the user's own word */
        lt_act_listen(site->act, 0);
        return;
    }
    json_t *own = own_tools(gw);
    json_t *catalog = lt_discovery_catalog(site->discovery, own);
    char *text = catalog ? lt_json_dump_sorted(catalog) : NULL;
    json_decref(own);
    json_decref(catalog);
    if (!text)
        LT_LOG(ERROR, "discovery.failed", LF_STR("site", site->name),
               LF_STR("why", "out of memory"));
    else if (!is_in_use(site, text))
        lt_front_set_catalog(gw, site, text, strlen(text), "discovery");
    lt_act_listen(site->act, 0);
    free(text);
}

static void up(struct lt_gw_site *site, int has_session)
{
    struct lt_gateway *gw = site->gw;
    struct lt_discovery *fresh = NULL;
    struct lt_diag diag = {0};
    char filter[2 * LT_TOPIC_MAX_BYTES];
    if (!site->discovery) return;
    lt_act_listen(site->act, !has_session);
    if (!has_session && !lt_home_discovery(&gw->config, site->name, &fresh, &diag) && fresh) {
        /* what was taken back meanwhile nobody tells us: start from what is retained */
        lt_discovery_free(site->discovery);
        site->discovery = fresh;
    }
    for (const char *const *f = lt_discovery_subscriptions(site->discovery); *f; f++) {
        snprintf(filter, sizeof filter, "%s%s", site->root, *f);
        if (lt_mqtt_subscribe(gw->mqtt, filter, 1, 0, NULL))
            LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("filter", filter));
    }
    if (lt_discovery_n_things(site->discovery)) /* described ones announce nothing later */
        uv_timer_start(&site->home_timer, on_quiet, QUIET_MS, 0);
}

void lt_home_up(struct lt_gateway *gw, int has_session)
{
    for (size_t i = 0; i < gw->n_sites; i++) up(&gw->sites[i], has_session);
}

void lt_home_reload(struct lt_gateway *gw, struct lt_gw_site *site)
{
    struct lt_diag diag = {0};
    if (!site->discovery) return;
    if (lt_home_names(&gw->config, site->name, site->discovery, &diag))
        LT_LOG(ERROR, "discovery.not_reloaded", LF_STR("site", site->name),
               LF_STR("why", diag.text), LF_STR("effect", "names and rooms stay as before"));
    else if (lt_home_devices(&gw->config, site->name, site->discovery, &diag))
        LT_LOG(ERROR, "discovery.not_reloaded", LF_STR("site", site->name),
               LF_STR("why", diag.text), LF_STR("effect", "described devices stay as before"));
    report_described(site);
    if (lt_discovery_n_things(site->discovery)) uv_timer_start(&site->home_timer, on_quiet, 0, 0);
}

/* Log the faults of this topic that are new ones. */
static void report(const struct lt_gw_site *site, const char *topic)
{
    const struct lt_discovery_error *e;
    size_t n = lt_discovery_errors(site->discovery, &e);
    for (size_t i = 0; i < n; i++)
        if (e[i].n == 1 && !strcmp(e[i].topic, topic))
            LT_LOG(WARN, "discovery.bad_message", LF_STR("site", site->name),
                   LF_STR("topic", topic), LF_STR("why", e[i].reason));
}

static void announced(struct lt_gw_site *site, const char *topic, const struct lt_mqtt_message *msg)
{
    uint64_t n_bad = lt_discovery_n_bad(site->discovery);
    int is_changed = lt_discovery_feed(site->discovery, topic, msg->payload, msg->payload_len);
    if (lt_discovery_n_bad(site->discovery) != n_bad) report(site, topic);
    if (!is_changed) return;
    lt_us now_us = lt_now_us();
    if (!site->home_changed_us) site->home_changed_us = now_us;
    if (now_us - site->home_changed_us < LATE_US || !uv_is_active((uv_handle_t *)&site->home_timer))
        uv_timer_start(&site->home_timer, on_quiet, QUIET_MS, 0);
}

int lt_home_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg)
{
    int is_ours = 0, is_self = lt_self_is_own(gw, msg->topic); /* we are no device of the home */
    for (size_t i = 0; i < gw->n_sites; i++) {
        struct lt_gw_site *site = &gw->sites[i];
        size_t n = strlen(site->root);
        if (!site->discovery || strncmp(msg->topic, site->root, n) != 0) continue;
        is_ours = 1;
        (void)lt_act_message(site->act, msg->topic + n, msg);
        if (!is_self) announced(site, msg->topic + n, msg);
    }
    return is_ours;
}
