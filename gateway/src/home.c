/* home.c - the first site's catalogue from what the home's devices announce on the broker.
 *
 * Announcements are fed to a discovery; when they have been quiet for a while the catalogue is made
 * anew and takes over, unless it is the one in use. Until the first of them comes, and while the
 * broker is away, the catalogue known before stays. Tools in catalog.file are the user's own. */
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"

#define QUIET_MS 1500     /* announcements come in floods: the catalogue is made after them */
#define LATE_US  10000000 /* but not later than this after the first change */

static enum lt_err discovery_new(const struct lt_gateway *gw, struct lt_discovery **out,
                                 struct lt_diag *diag)
{
    const struct lt_config *c = &gw->started;
    struct lt_discovery_options o = {
        .ha_prefix = c->discovery.home_assistant ? c->discovery.ha_prefix : NULL,
        .z2m_base = c->discovery.zigbee2mqtt ? c->discovery.z2m_base : NULL,
        .tasmota_prefix = c->discovery.tasmota ? c->discovery.tasmota_prefix : NULL};
    enum lt_err err = lt_discovery_new(&o, out, diag);
    if (!err) err = lt_home_names(&gw->config, *out, diag);
    if (err && *out) {
        lt_discovery_free(*out);
        *out = NULL;
    }
    return err;
}

enum lt_err lt_home_open(struct lt_gateway *gw, struct lt_diag *diag)
{
    const struct lt_config *c = &gw->started;
    if (!c->discovery.home_assistant && !c->discovery.zigbee2mqtt && !c->discovery.tasmota)
        return LT_OK;
    enum lt_err err = lt_act_new(gw, &gw->act);
    return err ? err : discovery_new(gw, &gw->discovery, diag);
}

void lt_home_close(struct lt_gateway *gw)
{
    lt_act_free(gw->act);
    gw->act = NULL;
    lt_discovery_free(gw->discovery);
    gw->discovery = NULL;
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
    struct lt_gateway *gw = t->data;
    gw->home_changed_us = 0;
    if (gw->is_draining) return;
    if (gw->sites[0].is_told) { /* the user's own word */
        lt_act_listen(gw->act, 0);
        return;
    }
    json_t *own = own_tools(gw);
    json_t *catalog = lt_discovery_catalog(gw->discovery, own);
    char *text = catalog ? lt_json_dump_sorted(catalog) : NULL;
    json_decref(own);
    json_decref(catalog);
    if (!text)
        LT_LOG(ERROR, "discovery.failed", LF_STR("why", "out of memory"));
    else if (!is_in_use(gw->sites, text))
        lt_front_set_catalog(gw, gw->sites, text, strlen(text), "discovery");
    lt_act_listen(gw->act, 0);
    free(text);
}

void lt_home_up(struct lt_gateway *gw, int has_session)
{
    struct lt_discovery *fresh = NULL;
    struct lt_diag diag = {0};
    if (!gw->discovery) return;
    lt_act_listen(gw->act, !has_session);
    if (!has_session && !discovery_new(gw, &fresh, &diag)) {
        /* what was taken back meanwhile nobody tells us: start from what is retained */
        lt_discovery_free(gw->discovery);
        gw->discovery = fresh;
    }
    for (const char *const *f = lt_discovery_subscriptions(gw->discovery); *f; f++)
        if (lt_mqtt_subscribe(gw->mqtt, *f, 1, 0, NULL))
            LT_LOG(ERROR, "mqtt.not_subscribed", LF_STR("filter", *f));
}

void lt_home_reload(struct lt_gateway *gw)
{
    struct lt_diag diag = {0};
    if (!gw->discovery) return;
    if (lt_home_names(&gw->config, gw->discovery, &diag))
        LT_LOG(ERROR, "discovery.not_reloaded", LF_STR("why", diag.text),
               LF_STR("effect", "names and rooms stay as before"));
    else if (lt_discovery_n_things(gw->discovery))
        uv_timer_start(&gw->home_timer, on_quiet, 0, 0);
}

/* Log the fault of this topic when it is a new one. */
static void report(const struct lt_gateway *gw, const char *topic)
{
    const struct lt_discovery_error *e;
    size_t n = lt_discovery_errors(gw->discovery, &e);
    for (size_t i = 0; i < n; i++)
        if (e[i].n == 1 && !strcmp(e[i].topic, topic))
            LT_LOG(WARN, "discovery.bad_message", LF_STR("topic", topic),
                   LF_STR("why", e[i].reason));
}

int lt_home_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg)
{
    if (!gw->discovery) return 0;
    if (lt_self_is_own(gw, msg->topic)) return 1; /* we are no device of the home */
    uint64_t n_bad = lt_discovery_n_bad(gw->discovery);
    int is_changed = lt_discovery_feed(gw->discovery, msg->topic, msg->payload, msg->payload_len);
    if (lt_discovery_n_bad(gw->discovery) != n_bad) report(gw, msg->topic);
    if (!is_changed) return 1;
    lt_us now_us = lt_now_us();
    if (!gw->home_changed_us) gw->home_changed_us = now_us;
    if (now_us - gw->home_changed_us < LATE_US || !uv_is_active((uv_handle_t *)&gw->home_timer))
        uv_timer_start(&gw->home_timer, on_quiet, QUIET_MS, 0);
    return 1;
}
