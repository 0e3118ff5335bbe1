/* config.h - the configuration of the gateway: one table of keys, one struct of values.
 *
 * Every key is a row: dotted name, type, unit, least and greatest value, default, flags and a
 * one-line explanation. The table reads /etc/lintel/lintel.yaml (or -c), checks it, prints the
 * effective configuration for `lintel doctor`, and writes the annotated example deploy/lintel.yaml,
 * so the four never disagree. An empty file is a valid file. A value may be overridden by the
 * environment: LINTEL_ and the key in capitals with '_' for '.', as LINTEL_MQTT_HOST.
 *
 * Loading fills a fresh struct and checks it whole; a reader never sees a half-loaded one. Secrets
 * are held by reference ("env:NAME", "file:/path", "credential:NAME", lt/secret.h), never by
 * value. Threads: a loaded configuration is read-only. Memory: lt_config_free releases all. */
#ifndef LT_CONFIG_H
#define LT_CONFIG_H

#include <stdint.h>

#include "lt/buf.h"
#include "lt/err.h"

#define LT_CONFIG_DEFAULT_PATH  "/etc/lintel/lintel.yaml"
#define LT_CONFIG_MAX_BYTES     (1 << 20) /* a longer configuration file is refused */
#define LT_CONFIG_MAX_LIST      256       /* most items of one list */
#define LT_CONFIG_MAX_ENDPOINTS 8         /* most cloud endpoints */

struct lt_strings {
    char **v;
    size_t n;
};

/* One model in the cloud (or any OpenAI-compatible server), tried in the order written. */
struct lt_config_endpoint {
    char *provider; /* name of an adapter: "anthropic", "gemini", "openai", "openai-chat" */
    char *model;
    char *base_url; /* "" is the provider's own */
    char *key;      /* reference of the API key, "" for none */
    char *effort;
    int64_t timeout_ms;
    int64_t max_tokens;
    char *price_as;
    double estimate_usd;
    int64_t min_ms;
    struct lt_strings languages, sites, kinds;
    char *hours; /* "22-6": from, to; "" always */
    double confidence_min, confidence_max, spent_below_usd;
    int plain_key, stream;
    int64_t line; /* of the file where it begins; 0: not from a file */
};

struct lt_config {
    struct lt_strings sites;

    struct {
        char *host;
        int64_t port;
        char *username;
        char *password; /* reference */
        char *client_id;
        int64_t version; /* 5, or 4 for MQTT 3.1.1 */
        int tls;
        char *ca_file, *cert_file, *key_file;
        int tls_insecure;
        char *prefix;
        char *share_group;
        int64_t keepalive_s, session_expiry_s, receive_maximum, reconnect_max_s;
        int64_t call_expiry_s, response_expiry_s;
        char *unknown_site; /* "answer" or "ignore" */
    } mqtt;

    struct {
        char *file;
    } catalog;
    struct {
        int home_assistant, zigbee2mqtt, tasmota;
        char *ha_prefix, *z2m_base, *tasmota_prefix, *devices;
        struct lt_strings names, areas, aliases, hide, floors, area_aliases, roots;
    } discovery;
    struct {
        int enabled;
        int64_t confirm_ms;
    } actuate;
    struct {
        int64_t port; /* 0: off */
        char *bind, *mode, *site;
        struct lt_strings rooms, languages; /* rooms: "id=Room" */
        int64_t clients;
    } wyoming;
    struct {
        int enabled;
        char *role, *site; /* role: "nlu", "listener" or "dialogue" */
        struct lt_strings site_ids, rooms, services;
    } hermes;
    struct {
        char *recogniser; /* "none", "embedded", "server" */
        char *stt, *tts;  /* host:port, "" for none */
        char *model_folder;
    } voice;
    struct {
        char *file, *trust;
        int64_t cache_mb, threads, batch_ms;
    } model;

    struct {
        char *path;
        char *text; /* "keep", "redact", "none" */
        int64_t retention_days, max_mb, commit_max;
    } store;

    struct {
        int automatic; /* gate.auto */
        double threshold, nothing, new_tool, clarify, guess, sensitive_threshold;
        char *no_answer; /* "ask", "guess", "apologise" */
        int nothing_escalated, clarify_first, default_rules, sensitive_cloud;
        struct lt_strings sensitive_tools;
    } gate;

    struct {
        char *confirm; /* "gate", "ask", "pin" */
        char *pin;     /* reference */
        struct lt_strings allow_sources, allow_areas;
        double max_heat; /* 0: no limit */
        int64_t per_minute, sensitive_per_minute, lock_s;
    } safety;
    struct {
        int plain;
        int64_t question_s, undo_s, rephrase_s;
        struct lt_strings yes, no, never_mind, undo, other, all, languages;
        char *answers;
    } talk;
    struct {
        int tools;
    } house;
    struct {
        int announce, last_utterance;
    } self;

    struct {
        int never_cloud;
        struct lt_strings never_cloud_sites, never_cloud_areas;
        int64_t timeout_ms;
        char *price_file, *ca_file;
        double usd_per_request, usd_per_day, usd_per_month, usd_per_site_day; /* 0: no limit */
        struct lt_strings redact, redact_names, read_tools;
        int64_t hedge_ms, max_steps, breaker_failures, breaker_wait_ms;
        char *follow_up;
        int cache, stream;
        struct lt_config_endpoint *endpoints;
        size_t n_endpoints;
    } cloud;

    struct {
        int64_t text_bytes, payload_bytes, catalog_bytes, deadline_ms, queue, dedupe_s;
    } limits;

    struct {
        struct lt_strings share;
        int promote;
    } fleet;
    struct {
        int64_t every_s; /* 0: never */
    } drift;
    struct {
        char *level;
    } log;
    struct {
        int64_t interval_s;
    } stats;
    struct {
        char *file;
        int64_t port;
    } metrics;
};

/* Read and check `path`. NULL means LT_CONFIG_DEFAULT_PATH, which may be missing (all defaults);
 * a named file must exist. LT_ERR_NOTFOUND, LT_ERR_PARSE, LT_ERR_INVALID, LT_ERR_LIMIT: the text
 * gives file, line and key. On LT_OK *out is the caller's to free, otherwise it is zeroed. */
LT_NODISCARD enum lt_err lt_config_load(const char *path, struct lt_config *out,
                                        struct lt_diag *diag);
/* The same from n bytes of YAML; `name` stands for the file in errors. The environment is not
 * consulted. */
LT_NODISCARD enum lt_err lt_config_parse(const char *yaml, size_t n, const char *name,
                                         struct lt_config *out, struct lt_diag *diag);
void lt_config_free(struct lt_config *c); /* zeroes it; harmless on a zeroed one */

/* Non-zero when `site` is one of c->sites. */
int lt_config_has_site(const struct lt_config *c, const char *site);

/* What one request to the endpoint is expected to cost at most; 0 for one that costs nothing. */
int64_t lt_config_estimate_usd_micro(const struct lt_config_endpoint *e);
/* "22-6" as hours [from, to); "" gives 0 and 0, always. 0 when it is neither. */
int lt_config_hours(const char *text, int *from, int *to);

/* Append the annotated example: every key with its explanation, commented out at its default. */
LT_NODISCARD enum lt_err lt_config_sample(struct lt_buf *out);
/* Append the effective configuration, `key: value` a line, references of secrets shown with
 * "(set)" or "(missing)" and never their values. */
LT_NODISCARD enum lt_err lt_config_print(const struct lt_config *c, struct lt_buf *out);

/* Called by lt_config_compare for every key whose value differs. */
typedef void (*lt_config_diff_fn)(const char *key, int is_reloadable, void *user);
/* Compare two configurations, the running and a freshly loaded one. Cloud endpoints count as one
 * key, "cloud.endpoints". */
void lt_config_compare(const struct lt_config *a, const struct lt_config *b, lt_config_diff_fn fn,
                       void *user);

/* Where relative things are looked for: the shipped network and demo catalogue lie beside the
 * binary's prefix, in /usr/share/lintel, or in the source tree. Writes the first path that exists
 * for `relative` ("models/lintel-home-7.gguf", "demo/catalog.json") to out (out_bytes > 0) and
 * returns 1; 0 and "" when there is none. */
int lt_config_find_shipped(const char *relative, char *out, size_t out_bytes);
/* store.path when set; else $STATE_DIRECTORY/lintel.db, /var/lib/lintel/lintel.db for root, or
 * $XDG_STATE_HOME/lintel/lintel.db (~/.local/state without it). */
void lt_config_store_path(const struct lt_config *c, char *out, size_t out_bytes);

#endif
