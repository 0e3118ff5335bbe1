/* config_table.c - every key of the configuration. To add one: a field in config.h, a row here,
 * and `lintel doctor --sample > deploy/lintel.yaml`. */
#include "config_table.h"

#define AT(field)      offsetof(struct lt_config, field)
#define PATH_MAX_BYTES 1024
#define NAME_MAX_BYTES 128

/* clang-format off */
const struct lt_config_row lt__config_rows[] = {
    {"sites", LT_CFG_LIST, "", 1, 64, "home", NULL, 0, AT(sites),
     "Sites served, one topic level each; a request for another site is answered with an error"},

    {"mqtt.host", LT_CFG_STR, "", 1, 255, "localhost", NULL, 0, AT(mqtt.host),
     "Broker's host name or address"},
    {"mqtt.port", LT_CFG_INT, "", 1, 65535, "1883", NULL, 0, AT(mqtt.port), "Broker's port (8883 is usual with TLS)"},
    {"mqtt.username", LT_CFG_STR, "", 0, NAME_MAX_BYTES, "", NULL, 0, AT(mqtt.username), "User name, empty for none"},
    {"mqtt.password", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, LT_CFG_SECRET, AT(mqtt.password),
     "Password by reference: env:NAME, file:/path or credential:NAME"},
    {"mqtt.client_id", LT_CFG_STR, "", 0, NAME_MAX_BYTES, "", NULL, 0, AT(mqtt.client_id),
     "Client id; empty makes lintel-<host name>-<first site>. No two clients may share one"},
    {"mqtt.version", LT_CFG_INT, "", 4, 5, "5", NULL, 0, AT(mqtt.version),
     "Protocol: 5, or 4 for MQTT 3.1.1 (then without response topics, correlation and expiry)"},
    {"mqtt.tls", LT_CFG_BOOL, "", 0, 1, "false", NULL, 0, AT(mqtt.tls), "Encrypt the connection (TLS 1.2 or later)"},
    {"mqtt.ca_file", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(mqtt.ca_file),
     "Certificates trusted for the broker; empty takes the system's"},
    {"mqtt.cert_file", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(mqtt.cert_file), "Our certificate, where the broker asks for one"},
    {"mqtt.key_file", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(mqtt.key_file), "Its private key"},
    {"mqtt.tls_insecure", LT_CFG_BOOL, "", 0, 1, "false", NULL, 0, AT(mqtt.tls_insecure),
     "Accept a certificate of another host name (for trials only)"},
    {"mqtt.prefix", LT_CFG_STR, "", 1, NAME_MAX_BYTES, "lintel", NULL, 0, AT(mqtt.prefix), "First levels of every topic"},
    {"mqtt.share_group", LT_CFG_STR, "", 0, 64, "", NULL, 0, AT(mqtt.share_group),
     "Several gateways with the same group share the requests of their sites; empty for one gateway"},
    {"mqtt.keepalive_s", LT_CFG_INT, "s", 5, 3600, "30", NULL, 0, AT(mqtt.keepalive_s), "Longest silence before the broker is probed"},
    {"mqtt.session_expiry_s", LT_CFG_INT, "s", 0, 4294967294.0, "3600", NULL, 0, AT(mqtt.session_expiry_s),
     "How long the broker keeps unacknowledged requests for us while we are away; 0 for not at all"},
    {"mqtt.receive_maximum", LT_CFG_INT, "", 1, 65535, "256", NULL, 0, AT(mqtt.receive_maximum),
     "Most requests the broker may send before the first of them is committed"},
    {"mqtt.reconnect_max_s", LT_CFG_INT, "s", 1, 3600, "30", NULL, LT_CFG_RELOAD, AT(mqtt.reconnect_max_s),
     "Longest wait between two attempts to connect; waits grow from 0.2 s and are jittered"},
    {"mqtt.call_expiry_s", LT_CFG_INT, "s", 1, 3600, "20", NULL, LT_CFG_RELOAD, AT(mqtt.call_expiry_s),
     "A call not delivered within this time is dropped by the broker: no late surprise"},
    {"mqtt.response_expiry_s", LT_CFG_INT, "s", 1, 3600, "60", NULL, LT_CFG_RELOAD, AT(mqtt.response_expiry_s), "The same for responses"},
    {"mqtt.unknown_site", LT_CFG_STR, "", 0, 16, "answer", "answer|ignore", 0, AT(mqtt.unknown_site),
     "Requests for a site not in `sites`: answer with an error, or ignore (where gateways share a broker)"},

    {"catalog.file", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, LT_CFG_RELOAD, AT(catalog.file),
     "Catalogue (tools and home) of the sites that have sent none on <prefix>/<site>/catalog"},

    {"discovery.home_assistant", LT_CFG_BOOL, "", 0, 1, "false", NULL, 0, AT(discovery.home_assistant),
     "The first site's catalogue from Home Assistant's MQTT discovery; tools in catalog.file come beside"},
    {"discovery.ha_prefix", LT_CFG_STR, "", 1, 128, "homeassistant", NULL, 0, AT(discovery.ha_prefix), "First level of its topics"},
    {"discovery.zigbee2mqtt", LT_CFG_BOOL, "", 0, 1, "false", NULL, 0, AT(discovery.zigbee2mqtt),
     "The same from Zigbee2MQTT's lists of devices and groups"},
    {"discovery.z2m_base", LT_CFG_STR, "", 1, 128, "zigbee2mqtt", NULL, 0, AT(discovery.z2m_base), "Zigbee2MQTT's base topic"},

    {"model.file", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(model.file), "Network (GGUF); empty takes the shipped one"},

    {"store.path", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(store.path),
     "SQLite database; empty: $STATE_DIRECTORY, /var/lib/lintel or ~/.local/state/lintel, file lintel.db"},
    {"store.retention_days", LT_CFG_INT, "days", 0, 36500, "90", NULL, LT_CFG_RELOAD, AT(store.retention_days),
     "Traces older than this are removed once a day; 0 keeps them for ever"},
    {"store.max_mb", LT_CFG_INT, "MiB", 0, 1048576, "512", NULL, LT_CFG_RELOAD, AT(store.max_mb),
     "Oldest traces are removed when the database grows past this; 0 for no limit"},
    {"store.text", LT_CFG_STR, "", 0, 8, "keep", "keep|redact|none", 0, AT(store.text),
     "What is stored of what people said: all, with numbers and addresses masked, or nothing"},
    {"store.commit_max", LT_CFG_INT, "", 1, 4096, "256", NULL, 0, AT(store.commit_max), "Most changes committed as one group"},

    {"gate.threshold", LT_CFG_NUM, "", 0, 1, "0.85", NULL, LT_CFG_RELOAD, AT(gate.threshold),
     "Confidence from which a local answer is carried out"},
    {"gate.nothing", LT_CFG_NUM, "", 0, 1, "0.85", NULL, LT_CFG_RELOAD, AT(gate.nothing),
     "Confidence from which the answer \"nothing applies\" is believed"},
    {"gate.clarify", LT_CFG_NUM, "", 0, 1, "0.40", NULL, LT_CFG_RELOAD, AT(gate.clarify),
     "Confidence from which it makes sense to ask the speaker back"},
    {"gate.guess", LT_CFG_NUM, "", 0, 1, "0.70", NULL, LT_CFG_RELOAD, AT(gate.guess),
     "With no_answer: guess, confidence from which the best guess stands in for a missing cloud answer"},
    {"gate.no_answer", LT_CFG_STR, "", 0, 16, "ask", "ask|guess|apologise", LT_CFG_RELOAD, AT(gate.no_answer),
     "What to do with an unsure answer when no cloud can be asked"},
    {"gate.nothing_escalated", LT_CFG_BOOL, "", 0, 1, "false", NULL, LT_CFG_RELOAD, AT(gate.nothing_escalated),
     "Ask the cloud also where the network is sure that no tool applies"},
    {"gate.clarify_first", LT_CFG_BOOL, "", 0, 1, "false", NULL, LT_CFG_RELOAD, AT(gate.clarify_first),
     "Ask the speaker before the cloud"},
    {"gate.default_rules", LT_CFG_BOOL, "", 0, 1, "true", NULL, LT_CFG_RELOAD, AT(gate.default_rules),
     "Guard unlocking, and opening doors, gates and garages, with a gate of 0.97"},
    {"gate.sensitive_tools", LT_CFG_LIST, "", 0, NAME_MAX_BYTES, "", NULL, LT_CFG_RELOAD, AT(gate.sensitive_tools),
     "Further tools to guard; a name may end with *"},
    {"gate.sensitive_threshold", LT_CFG_NUM, "", 0, 1, "0.97", NULL, LT_CFG_RELOAD, AT(gate.sensitive_threshold),
     "Confidence that sensitive_tools need"},
    {"gate.sensitive_cloud", LT_CFG_BOOL, "", 0, 1, "false", NULL, LT_CFG_RELOAD, AT(gate.sensitive_cloud),
     "Let the cloud alone decide guarded calls"},

    {"cloud.never_cloud", LT_CFG_BOOL, "", 0, 1, "false", NULL, LT_CFG_RELOAD, AT(cloud.never_cloud),
     "Nothing leaves the house, whatever endpoints are listed"},
    {"cloud.never_cloud_sites", LT_CFG_LIST, "", 0, 64, "", NULL, LT_CFG_RELOAD, AT(cloud.never_cloud_sites), "The same for single sites"},
    {"cloud.never_cloud_areas", LT_CFG_LIST, "", 0, NAME_MAX_BYTES, "", NULL, LT_CFG_RELOAD, AT(cloud.never_cloud_areas),
     "The same for what is said in these areas"},
    {"cloud.timeout_ms", LT_CFG_INT, "ms", 100, 600000, "8000", NULL, 0, AT(cloud.timeout_ms), "Longest wait for one endpoint"},
    {"cloud.price_file", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(cloud.price_file), "Price list (JSON); empty takes the built-in one"},
    {"cloud.usd_per_request", LT_CFG_NUM, "USD", 0, 1e6, "0.05", NULL, LT_CFG_RELOAD, AT(cloud.usd_per_request),
     "Most one request may be expected to cost; 0 for no limit"},
    {"cloud.usd_per_day", LT_CFG_NUM, "USD", 0, 1e6, "1.00", NULL, LT_CFG_RELOAD, AT(cloud.usd_per_day),
     "Most spent on cloud answers a day (UTC); 0 for no limit"},
    {"cloud.usd_per_month", LT_CFG_NUM, "USD", 0, 1e6, "10.00", NULL, LT_CFG_RELOAD, AT(cloud.usd_per_month), "The same for a month"},

    {"limits.text_bytes", LT_CFG_INT, "bytes", 1, 2000, "2000", NULL, LT_CFG_RELOAD, AT(limits.text_bytes), "Longest utterance"},
    {"limits.payload_bytes", LT_CFG_INT, "bytes", 64, 1048576, "65536", NULL, LT_CFG_RELOAD, AT(limits.payload_bytes), "Longest request or feedback message"},
    {"limits.catalog_bytes", LT_CFG_INT, "bytes", 1024, 67108864, "8388608", NULL, LT_CFG_RELOAD, AT(limits.catalog_bytes), "Longest catalogue"},
    {"limits.deadline_ms", LT_CFG_INT, "ms", 10, 600000, "15000", NULL, LT_CFG_RELOAD, AT(limits.deadline_ms),
     "Time to answer a request that names no deadline_ms; later it is answered with an error and nothing is called"},
    {"limits.queue", LT_CFG_INT, "", 1, 100000, "1024", NULL, 0, AT(limits.queue), "Most requests under way; the next is answered with error \"busy\""},
    {"limits.dedupe_s", LT_CFG_INT, "s", 1, 86400, "600", NULL, 0, AT(limits.dedupe_s),
     "The same request id within this time is answered from the first and carried out once"},

    {"log.level", LT_CFG_STR, "", 0, 8, "info", "error|warn|info|debug|trace", LT_CFG_RELOAD, AT(log.level),
     "What is logged; what people said appears at debug only"},
    {"stats.interval_s", LT_CFG_INT, "s", 1, 86400, "60", NULL, LT_CFG_RELOAD, AT(stats.interval_s), "How often <prefix>/<site>/stats is published"},
};
const size_t lt__config_n_rows = sizeof lt__config_rows / sizeof lt__config_rows[0];

#undef AT
#define AT(field) offsetof(struct lt_config_endpoint, field)
const struct lt_config_row lt__config_endpoint_rows[] = {
    {"provider", LT_CFG_STR, "", 1, 16, "", "anthropic|gemini|openai|openai-chat", 0, AT(provider),
     "anthropic (Messages), gemini (generateContent), openai (Responses), openai-chat (any OpenAI-compatible server)"},
    {"model", LT_CFG_STR, "", 0, NAME_MAX_BYTES, "", NULL, 0, AT(model), "Model as the provider names it; empty takes the provider's default"},
    {"base_url", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, 0, AT(base_url),
     "Address of the server, no trailing slash; empty takes the provider's own"},
    {"key", LT_CFG_STR, "", 0, PATH_MAX_BYTES, "", NULL, LT_CFG_SECRET, AT(key), "API key by reference: env:NAME, file:/path or credential:NAME"},
    {"effort", LT_CFG_STR, "", 0, 32, "", NULL, 0, AT(effort), "Thinking effort in the provider's word; empty takes the least there is"},
    {"timeout_ms", LT_CFG_INT, "ms", 0, 600000, "0", NULL, 0, AT(timeout_ms), "Longest wait for this endpoint; 0 takes cloud.timeout_ms"},
    {"max_tokens", LT_CFG_INT, "", 16, 65536, "1024", NULL, 0, AT(max_tokens), "Longest answer"},
    {"price_as", LT_CFG_STR, "", 0, 32, "", NULL, 0, AT(price_as), "Provider in the price list, or free for a server of your own"},
    {"estimate_usd", LT_CFG_NUM, "USD", 0, 100, "0.01", NULL, 0, AT(estimate_usd), "What one request is expected to cost at most, reserved while it runs"},
    {"min_ms", LT_CFG_INT, "ms", 0, 600000, "800", NULL, 0, AT(min_ms), "Least time left before the deadline that makes asking worthwhile"},
    {"languages", LT_CFG_LIST, "", 0, 16, "", NULL, 0, AT(languages), "Only for requests in these languages (en, de); empty for any"},
    {"sites", LT_CFG_LIST, "", 0, 64, "", NULL, 0, AT(sites), "Only for these sites; empty for any"},
    {"plain_key", LT_CFG_BOOL, "", 0, 1, "false", NULL, 0, AT(plain_key), "Send the key over http:// beyond this machine (for a server in your own network)"},
};
/* clang-format on */
const size_t lt__config_n_endpoint_rows =
    sizeof lt__config_endpoint_rows / sizeof lt__config_endpoint_rows[0];
