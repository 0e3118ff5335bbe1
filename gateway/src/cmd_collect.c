/* cmd_collect.c - `lintel collect`: gathers what many sites share, and publishes what was learnt (fleet.h).
 *
 * A message is acknowledged after its trace is committed. When the store cannot take it (a full disk), the
 * process ends without an acknowledgement and with the reason; the broker keeps the message for the
 * session and brings it again. Messages that are no good are acknowledged, counted and told with the
 * reason: the same bytes will never be better. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "fleet.h"
#include "lt/log.h"

#define SESSION_S                                                                                  \
    (30 * 86400u)     /* so long does the broker keep traces for a collector that is away */
#define WAIT_MS 20000 /* --once and --publish: longest wait for the broker */
#define DAY_MS  86400000LL

enum { OPT_CONFIG, OPT_DB, OPT_ONCE, OPT_PUBLISH, OPT_KEY, OPT_WITHDRAW, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration: broker, database"},
    [OPT_DB] = {"db", 0, "FILE", "the database that gathers"},
    [OPT_ONCE] = {"once", 0, NULL, "end when nothing waits any more"},
    [OPT_PUBLISH] = {"publish", 0, "FILE", "publish this network to all hubs, and end"},
    [OPT_KEY] = {"key", 'k', "FILE", "publish: the private key (lintel models keygen)"},
    [OPT_WITHDRAW] = {"withdraw", 0, NULL, "take back the network that is published, and end"},
};
static const struct lt_cli_spec spec = {
    "lintel collect [options]",
    "Gathers the traces that hubs share (lintel share) in a database of its own, from which "
    "`lintel\n"
    "finetune --from-traces` learns; --publish signs a network and offers it to all hubs.",
    options, N_OPTIONS};

struct collect {
    struct lt_config config;
    struct lt_store *store;
    struct lt_docs *docs;
    struct lt_fleet_link *link;
    json_t *today; /* {site: traces taken}, of the day `day` */
    int64_t day;
    int is_once;
    char *network; /* publish: the message; "" withdraws */
    size_t network_n;
    int publish_id, is_published;
    int64_t n_new, n_known, n_refused;
    enum lt_err err; /* why it ended */
    struct lt_diag diag;
};

/* ---- gathering ---- */

/* Is the site over its share of the day? One that floods is bounded, the others are not disturbed. */
static int is_flood(struct collect *c, const char *site)
{
    int64_t day = lt_now_unix_ms() / DAY_MS;
    if (day != c->day) json_object_clear(c->today);
    c->day = day;
    return json_integer_value(json_object_get(c->today, site)) >= LT_FLEET_PER_DAY;
}

static void refuse(struct collect *c, const char *site, const char *why)
{
    c->n_refused++;
    LT_LOG(WARN, "collect.refused", LF_STR("site", site), LF_STR("why", why));
}

static int is_bad_message(enum lt_err err)
{
    return err == LT_ERR_PARSE || err == LT_ERR_INVALID || err == LT_ERR_LIMIT ||
           err == LT_ERR_UNSUPPORTED;
}

static void on_message(void *ctx, const struct lt_mqtt_message *msg)
{
    struct collect *c = ctx;
    struct lt_topic topic;
    struct lt_diag diag = {0};
    int is_known = 0;
    lt_topic_parse(c->config.mqtt.prefix, msg->topic, &topic);
    if (topic.kind != LT_TOPIC_TRACE) return;
    if (msg->is_retained) {
        refuse(c, topic.site, "a retained trace: they are sent once");
        return;
    }
    if (is_flood(c, topic.site)) {
        refuse(c, topic.site, "too many traces of this site today");
        return;
    }
    enum lt_err err = lt_fleet_take(c->store, c->docs, topic.site, msg->payload, msg->payload_len,
                                    &is_known, &diag);
    if (is_bad_message(err)) {
        refuse(c, topic.site, lt_diag_text(&diag, err));
    } else if (err) {
        c->err = err;
        c->diag = diag;
        lt_fleet_abort(c->link);
    } else {
        json_int_t n = json_integer_value(json_object_get(c->today, topic.site));
        json_object_set_new(c->today, topic.site, json_integer(n + 1));
        is_known ? c->n_known++ : c->n_new++;
        LT_LOG(DEBUG, "collect.taken", LF_STR("site", topic.site), LF_INT("known", is_known));
    }
}

/* ---- publishing ---- */

static void send_network(struct collect *c)
{
    char topic[LT_TOPIC_MAX_BYTES + 1];
    snprintf(topic, sizeof topic, "%s/" LT_FLEET_NETWORK, c->config.mqtt.prefix);
    struct lt_mqtt_publish p = {.topic = topic,
                                .payload = c->network,
                                .payload_len = c->network_n,
                                .qos = 1,
                                .is_binary = 1,
                                .is_retained = 1};
    enum lt_err err = lt_mqtt_send(lt_fleet_mqtt(c->link), &p, &c->publish_id);
    if (err == LT_ERR_NETWORK) return; /* down again: once more when it is up */
    if (err) {
        c->err = lt_fail(&c->diag, err,
                         "the broker takes no message of %zu bytes: see its "
                         "max_packet_size",
                         c->network_n);
        lt_fleet_stop(c->link);
    }
}

static void on_delivered(void *ctx, int publish_id, int reason)
{
    struct collect *c = ctx;
    if (!c->network || publish_id != c->publish_id) return;
    if (reason >= 128)
        c->err =
            lt_fail(&c->diag, LT_ERR_NETWORK, "the broker refuses the network: reason %d", reason);
    else
        c->is_published = 1;
    lt_fleet_stop(c->link);
}

/* ---- the run ---- */

static void on_up(void *ctx)
{
    struct collect *c = ctx;
    char filter[LT_TOPIC_MAX_BYTES + 1];
    if (c->network) {
        send_network(c);
        return;
    }
    if (lt_topic_build(c->config.mqtt.prefix, "+", LT_TOPIC_TRACE, NULL, filter) ||
        lt_fleet_subscribe(c->link, filter))
        LT_LOG(ERROR, "collect.failed", LF_STR("what", "subscribe"));
    else
        LT_LOG(INFO, "collect.listening", LF_STR("topic", filter));
}

static void on_tick(void *ctx)
{
    (void)ctx;
}

static void on_quiet(void *ctx, int is_allowed)
{
    struct collect *c = ctx;
    if (!is_allowed)
        c->err = lt_fail(&c->diag, LT_ERR_NETWORK,
                         "the broker does not let this user read what sites share: see its access "
                         "list");
    if (c->is_once || c->err) lt_fleet_stop(c->link);
}

static enum lt_err run(struct collect *c, const char *db, struct lt_diag *diag)
{
    const struct lt_fleet_hooks hooks = {c, on_up, on_message, on_delivered, on_tick, on_quiet};
    struct lt_store_options o = {.path = db};
    enum lt_err err = LT_OK;
    if (!c->network) {
        err = lt_docs_open(&c->docs, diag);
        if (!err) err = lt_store_open(&o, &c->store, diag);
        if (!err && !(c->today = json_object())) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    if (!err)
        err = lt_fleet_open(&c->config, c->network ? "publish" : "collect",
                            c->network ? 0 : SESSION_S, &hooks, &c->link, diag);
    if (!err) err = lt_fleet_run(c->link, c->is_once || c->network ? WAIT_MS : 0, diag);
    if (!err && c->err) {
        err = c->err;
        *diag = c->diag;
    }
    if (!err && c->network && !c->is_published)
        err = lt_fail(diag, LT_ERR_NETWORK, "ended before the broker took the network");
    lt_fleet_close(c->link);
    lt_store_close(c->store);
    lt_docs_close(c->docs);
    json_decref(c->today);
    return err;
}

int lt_cmd_collect(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    struct collect c = {0};
    struct lt_diag diag = {0};
    char path[1024];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first < argc) return lt_cli_usage(&spec, "takes no words");
    if (value[OPT_PUBLISH] && !value[OPT_KEY])
        return lt_cli_usage(&spec, "--publish needs --key FILE: hubs take only signed networks");
    if (value[OPT_PUBLISH] && value[OPT_WITHDRAW])
        return lt_cli_usage(&spec, "--publish or --withdraw?");
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &c.config, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    lt_log_set_level((enum lt_log_level)lt_log_level_parse(c.config.log.level));
    lt_config_store_path(&c.config, path, sizeof path);
    c.is_once = value[OPT_ONCE] != NULL;
    if (value[OPT_PUBLISH])
        err = lt_fleet_pack(value[OPT_PUBLISH], value[OPT_KEY], &c.network, &c.network_n, &diag);
    else if (value[OPT_WITHDRAW] && !(c.network = calloc(1, 1)))
        err = lt_fail(&diag, LT_ERR_NOMEM, "out of memory");
    if (!err) err = run(&c, value[OPT_DB] ? value[OPT_DB] : path, &diag);
    if (!err && c.network)
        printf("%s\n", c.network_n ? "published" : "withdrawn");
    else if (!err)
        printf("%lld traces taken, %lld known already, %lld refused\n", (long long)c.n_new,
               (long long)c.n_known, (long long)c.n_refused);
    free(c.network);
    lt_config_free(&c.config);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
