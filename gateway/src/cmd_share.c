/* cmd_share.c - `lintel share`: the hub's side of a fleet (fleet.h).
 *
 * Traces go out in the order of their labels, one at a time; when the broker has acknowledged one, the
 * mark of its site (the label's number, a setting in the database) moves. Killed at any moment, the next
 * run goes on after the last acknowledged one; at worst one is sent again, which the collector knows by
 * its id. A label that comes later, or changes, has a greater number, so a look reads what is new alone.
 *
 *     IDLE --pending found--> SENDING --acknowledged--> (mark) --more----> SENDING
 *       ^                        | lost, refused            | none
 *       +------------------------+--------------------------+
 *
 * A network that comes is judged here, in this process: seconds of processor time at low priority. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "curate.h"
#include "fleet.h"
#include "lt/json.h"
#include "lt/log.h"
#include "lt/store_house.h"
#include "model.h"
#include "promote.h"

#define MARK      "fleet.mark" /* setting of a site: number of the last label that was dealt with */
#define SEEN      "fleet.network" /* setting: hash of the last network that was dealt with */
#define SETTLE_S  120 /* a label so young may still be taken back: "undo that" counts for a minute */
#define BATCH     256   /* labels that are looked at together */
#define LOOK_S    10    /* so often an idle run looks for new labels */
#define REFUSED_S 60    /* so long it waits when the broker refused a trace */
#define WAIT_MS   20000 /* --once: longest wait for the broker */

enum { OPT_CONFIG, OPT_DB, OPT_ONCE, OPT_KEEP, OPT_NICE, OPT_SETTLE, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration: broker, fleet.share, model.trust"},
    [OPT_DB] = {"db", 0, "FILE", "the database itself"},
    [OPT_ONCE] = {"once", 0, NULL, "end when all is sent and a waiting network dealt with"},
    [OPT_KEEP] = {"keep", 0, "N", "base cases that judge a network (default 600)"},
    [OPT_NICE] = {"nice", 0, "N", "niceness, 0 to 19 (default 10)"},
    [OPT_SETTLE] = {"settle", 0, "S", "leave labels younger than this for later (default 120)"},
};
static const struct lt_cli_spec spec = {
    "lintel share [options]",
    "The hub's side of a fleet: publishes the labelled traces of the sites in fleet.share, "
    "redacted, on\n"
    "<prefix>/<site>/trace, and takes networks from <prefix>/fleet/network that are signed with "
    "the key\n"
    "of model.trust and not worse here. Runs beside `lintel serve` until it is ended.",
    options, N_OPTIONS};

struct pending {
    int64_t label;
    char trace[LT_ULID_CAP];
};

struct share {
    struct lt_config config;
    const char *db, *folder;
    struct lt_store *store;
    struct lt_docs *docs;
    struct lt_fleet_link *link;
    struct lt_privacy_rules rules;
    const char **names, **areas; /* of the rules, NULL-terminated */
    size_t site;                 /* of config.fleet.share, whose traces are `queue` */
    struct pending queue[BATCH];
    size_t n_queue, next;
    int64_t mark;
    int sent_id; /* of the trace that waits for its acknowledgement; 0: none */
    int is_once, n_keep, has_failed;
    int is_quiet;      /* no network waits for us at the broker */
    int is_all_sent;   /* nothing to send was left when last looked */
    int64_t settle_ms; /* labels younger than this are left for later */
    int n_rest;        /* ticks until the next look */
    int64_t n_sent, n_withheld;
};

/* ---- the mark and what lies after it ---- */

static const char *site_of(const struct share *s)
{
    return s->config.fleet.share.v[s->site];
}

static enum lt_err move_mark(struct share *s, int64_t label, struct lt_diag *diag)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)label);
    enum lt_err err = lt_store_setting_put(s->store, site_of(s), MARK, text, diag);
    if (!err) s->mark = label;
    return err;
}

static int keep_pending(const struct lt_trace_row *r, void *user)
{
    struct share *s = user;
    struct pending *p = &s->queue[s->n_queue++];
    p->label = r->label_id;
    snprintf(p->trace, sizeof p->trace, "%.26s", r->trace);
    return 0;
}

static enum lt_err fill(struct share *s, struct lt_diag *diag)
{
    char text[32];
    int64_t last = 0;
    s->n_queue = s->next = 0;
    enum lt_err err = lt_store_setting_get(s->store, site_of(s), MARK, text, sizeof text, diag);
    if (err) return err;
    s->mark = strtoll(text, NULL, 10);
    struct lt_label_filter f = {.site = site_of(s),
                                .after_id = s->mark,
                                .now_unix_ms = lt_now_unix_ms(),
                                .settle_ms = s->settle_ms,
                                .limit = BATCH};
    err = lt_store_label_list(s->store, &f, keep_pending, s, &last, diag);
    /* labels of others are not looked at again either */
    if (!err && !s->n_queue && last > s->mark) err = move_mark(s, last, diag);
    return err;
}

/* ---- sending ---- */

struct line {
    struct share *s;
    json_t *line;
    enum lt_err err;
    struct lt_diag *diag;
};

static int make_line(const struct lt_trace_row *r, void *user)
{
    struct line *l = user;
    char *catalog = NULL;
    if (!r->catalog_hash || !r->text || !r->label_source) return 1;
    l->err = lt_store_catalog_get(l->s->store, r->catalog_hash, &catalog, l->diag);
    if (!l->err) l->err = lt_fleet_line(l->s->docs, &l->s->rules, r, catalog, &l->line, l->diag);
    free(catalog);
    return 1;
}

static enum lt_err publish(struct share *s, const json_t *line, struct lt_diag *diag)
{
    char topic[LT_TOPIC_MAX_BYTES + 1], *text = lt_json_dump(line);
    enum lt_err err =
        text ? lt_topic_build(s->config.mqtt.prefix, site_of(s), LT_TOPIC_TRACE, NULL, topic)
             : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    struct lt_mqtt_publish p = {
        .topic = topic, .payload = text, .payload_len = text ? strlen(text) : 0, .qos = 1};
    if (!err) err = lt_mqtt_send(lt_fleet_mqtt(s->link), &p, &s->sent_id);
    free(text);
    return err;
}

/* The next trace of the queue that may leave; those that may not are passed over. */
static enum lt_err send_next(struct share *s, struct lt_diag *diag)
{
    while (s->next < s->n_queue && !s->sent_id) {
        struct line l = {.s = s, .diag = diag};
        struct lt_trace_filter f = {.trace = s->queue[s->next].trace};
        enum lt_err err = lt_store_trace_list(s->store, &f, make_line, &l, diag);
        if (!err) err = l.err;
        if (!err && l.line) err = publish(s, l.line, diag);
        if (!err && !l.line) {
            err = move_mark(s, s->queue[s->next].label, diag);
            s->next++;
            s->n_withheld++;
        }
        json_decref(l.line);
        if (err) return err == LT_ERR_NETWORK ? LT_OK : err; /* down: on_up begins anew */
    }
    return LT_OK;
}

static void fail(struct share *s, const char *what, enum lt_err err, const struct lt_diag *diag)
{
    s->has_failed = 1;
    LT_LOG(ERROR, "share.failed", LF_STR("what", what), LF_STR("why", lt_diag_text(diag, err)));
}

/* --once is done when nothing is left in either direction, or when it cannot be. */
static void end_if_done(struct share *s)
{
    if (s->is_once && !s->sent_id && ((s->is_quiet && s->is_all_sent) || s->has_failed))
        lt_fleet_stop(s->link);
}

static void go_on(struct share *s)
{
    struct lt_diag diag = {0};
    enum lt_err err = LT_OK;
    size_t n_sites = s->config.fleet.share.n, n_empty = 0;
    s->n_rest = LOOK_S;
    while (n_empty < n_sites && !err && !s->sent_id) {
        if (s->next == s->n_queue) {
            s->site = (s->site + 1) % n_sites;
            err = fill(s, &diag);
            n_empty = s->n_queue ? 0 : n_empty + 1;
        }
        if (!err) err = send_next(s, &diag);
        if (!s->sent_id && s->next < s->n_queue) break; /* the broker is away */
    }
    s->is_all_sent = !err && !s->sent_id && s->next == s->n_queue;
    if (err) fail(s, "send", err, &diag);
    end_if_done(s);
}

static void on_delivered(void *ctx, int publish_id, int reason)
{
    struct share *s = ctx;
    struct lt_diag diag = {0};
    if (publish_id != s->sent_id) return;
    s->sent_id = 0;
    if (reason >= 128) { /* the broker's access list: it stays, and is tried again */
        LT_LOG(ERROR, "share.refused", LF_STR("site", site_of(s)), LF_INT("reason", reason));
        s->has_failed = 1;
        s->n_queue = s->next = 0;
        s->n_rest = REFUSED_S;
        end_if_done(s);
        return;
    }
    enum lt_err err = move_mark(s, s->queue[s->next].label, &diag);
    if (err) { /* without the mark it will be sent again */
        fail(s, "mark", err, &diag);
        s->n_queue = s->next = 0;
        end_if_done(s);
        return;
    }
    s->next++;
    s->n_sent++;
    go_on(s);
}

/* ---- networks ---- */

static void told(const char *event, const char *hash, const char *why)
{
    LT_LOG(WARN, event, LF_STR("sha256", hash), LF_STR("why", why));
}

/* The rules of promotion; registered either way, so that a person may look at it and activate it. */
static enum lt_err judge(struct share *s, const char *path, const char *active, const char *hash,
                         struct lt_diag *diag)
{
    struct lt_promote p;
    char registered[LT_SHA256_HEX_CAP];
    enum lt_err err = lt_promote_compare(s->db, active, path, s->n_keep, &p, diag);
    if (err == LT_ERR_INVALID) { /* too few labels to judge by */
        told("network.waits", hash, diag->text);
        lt_promote_free(&p);
        return lt_model_register(s->store, path, NULL, registered, diag);
    }
    if (!err) err = lt_model_register(s->store, path, p.metrics, registered, diag);
    if (!err && !p.report.is_better) {
        LT_LOG(WARN, "network.refused", LF_STR("sha256", hash), LF_STR("why", p.report.why),
               LF_STR("report", p.metrics));
    } else if (!err && !s->config.fleet.promote) {
        told("network.registered", hash, "not worse here; fleet.promote is off");
    } else if (!err) {
        err = lt_store_model_activate(s->store, registered, lt_now_unix_ms(), diag);
        if (!err)
            LT_LOG(INFO, "network.promoted", LF_STR("sha256", hash), LF_STR("report", p.metrics));
    }
    lt_promote_free(&p);
    return err;
}

static void on_message(void *ctx, const struct lt_mqtt_message *msg)
{
    struct share *s = ctx;
    struct lt_diag diag = {0};
    char hash[LT_SHA256_HEX_CAP], seen[LT_SHA256_HEX_CAP] = "", active[1024], path[1200];
    if (!msg->payload_len) return; /* withdrawn */
    lt_fleet_hash(msg->payload, msg->payload_len, hash);
    enum lt_err err = lt_store_setting_get(s->store, "", SEEN, seen, sizeof seen, &diag);
    if (!err && *hash && !strcmp(hash, seen)) return; /* it was dealt with */
    if (!err) err = lt_model_choose(&s->config, s->store, active, sizeof active, &diag);
    if (err) {
        fail(s, "network", err, &diag);
        return;
    }
    err = lt_fleet_unpack(msg->payload, msg->payload_len, s->config.model.trust, active, s->folder,
                          path, sizeof path, &diag);
    if (err == LT_ERR_IO) { /* a full disk: it is retained, the next start tries again */
        fail(s, "network", err, &diag);
        return;
    }
    if (err) { /* not remembered: its hash may be another's, told falsely */
        told("network.refused", hash, lt_diag_text(&diag, err));
        return;
    }
    err = judge(s, path, active, hash, &diag);
    if (!err) err = lt_store_setting_put(s->store, "", SEEN, hash, &diag);
    if (err) fail(s, "network", err, &diag);
}

/* ---- the run ---- */

static void on_up(void *ctx)
{
    struct share *s = ctx;
    char topic[LT_TOPIC_MAX_BYTES + 1];
    s->sent_id = 0;
    s->n_queue = s->next = 0; /* what was not acknowledged is found again */
    s->is_quiet = !*s->config.model.trust;
    snprintf(topic, sizeof topic, "%s/" LT_FLEET_NETWORK, s->config.mqtt.prefix);
    if (!s->is_quiet && lt_fleet_subscribe(s->link, topic))
        LT_LOG(ERROR, "share.failed", LF_STR("what", "subscribe"));
    go_on(s);
}

static void on_tick(void *ctx)
{
    struct share *s = ctx;
    if (--s->n_rest <= 0 && !s->sent_id) go_on(s);
}

static void on_quiet(void *ctx, int is_allowed)
{
    struct share *s = ctx;
    s->is_quiet = 1;
    s->has_failed |= !is_allowed;
    end_if_done(s);
}

static const char **list_of(const struct lt_strings *l)
{
    const char **out = calloc(l->n + 1, sizeof *out);
    for (size_t i = 0; out && i < l->n; i++) out[i] = l->v[i];
    return out;
}

static enum lt_err check_allowed(const struct lt_config *c, struct lt_diag *diag)
{
    if (!c->fleet.share.n && !*c->model.trust)
        return lt_fail(diag, LT_ERR_INVALID,
                       "nothing to do: fleet.share names no site and model.trust no key");
    for (size_t i = 0; i < c->fleet.share.n; i++) {
        const char *site = c->fleet.share.v[i];
        int is_kept = c->cloud.never_cloud;
        for (size_t k = 0; k < c->cloud.never_cloud_sites.n; k++)
            is_kept |= !strcmp(c->cloud.never_cloud_sites.v[k], site);
        if (is_kept)
            return lt_fail(diag, LT_ERR_INVALID,
                           "fleet.share names '%.64s', but cloud.never_cloud keeps it in the house",
                           site);
        if (!lt_topic_is_site(site))
            return lt_fail(diag, LT_ERR_INVALID, "fleet.share: '%.64s' can be no site", site);
    }
    return LT_OK;
}

static enum lt_err run(struct share *s, struct lt_diag *diag)
{
    const struct lt_fleet_hooks hooks = {s, on_up, on_message, on_delivered, on_tick, on_quiet};
    enum lt_err err = lt_docs_open(&s->docs, diag);
    struct lt_store_options o = {.path = s->db};
    s->names = list_of(&s->config.cloud.redact_names);
    s->areas = list_of(&s->config.cloud.never_cloud_areas);
    if (!err && (!s->names || !s->areas)) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    /* for others to read: all that can be hidden is, whatever the cloud may be told */
    s->rules =
        (struct lt_privacy_rules){.hide = LT_HIDE_NAMES | LT_HIDE_NUMBERS | LT_HIDE_ADDRESSES,
                                  .names = s->names,
                                  .private_areas = s->areas};
    if (!err) err = lt_store_open(&o, &s->store, diag);
    if (!err) err = lt_fleet_open(&s->config, "share", 0, &hooks, &s->link, diag);
    if (!err) err = lt_fleet_run(s->link, s->is_once ? WAIT_MS : 0, diag);
    lt_fleet_close(s->link);
    lt_store_close(s->store);
    lt_docs_close(s->docs);
    free(s->names);
    free(s->areas);
    return err;
}

int lt_cmd_share(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    struct share s = {0};
    struct lt_diag diag = {0};
    char path[1024], folder[1100];
    int64_t keep = LT_PROMOTE_KEEP, settle = SETTLE_S, niceness = 10;
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first < argc) return lt_cli_usage(&spec, "takes no words");
    if (!lt_cli_int(&spec, "keep", value[OPT_KEEP], 1, 100000, &keep) ||
        !lt_cli_int(&spec, "nice", value[OPT_NICE], 0, 19, &niceness) ||
        !lt_cli_int(&spec, "settle", value[OPT_SETTLE], 0, 86400, &settle))
        return LT_EXIT_USAGE;
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &s.config, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    lt_log_set_level((enum lt_log_level)lt_log_level_parse(s.config.log.level));
    lt_config_store_path(&s.config, path, sizeof path);
    s.db = value[OPT_DB] ? value[OPT_DB] : path;
    snprintf(folder, sizeof folder, "%s.networks", s.db);
    s.folder = folder;
    s.is_once = value[OPT_ONCE] != NULL;
    s.n_keep = (int)keep;
    s.settle_ms = settle * 1000;
    if (niceness) (void)setpriority(PRIO_PROCESS, 0, (int)niceness); /* requests come first */
    err = check_allowed(&s.config, &diag);
    if (!err) err = run(&s, &diag);
    if (!err && s.is_once)
        printf("%lld traces sent, %lld stay here\n", (long long)s.n_sent, (long long)s.n_withheld);
    lt_config_free(&s.config);
    if (err) return lt_cli_fail(&spec, err, &diag);
    return s.is_once && s.has_failed ? LT_EXIT_FAILED : LT_EXIT_DONE;
}
