/* fuzz_discovery.c - announcements from outside: a home, or a fault that names the topic.
 *
 * Input: lines of "topic payload", fed in order. Whatever came, the catalogue is one that the gateway
 * accepts; every thing can be planned for, and reading a state never goes wrong. */
#include "act_command.h"
#include "discovery.h"
#include "fuzz.h"
#include "lt/catalog.h"
#include "lt/json.h"

static void work(const struct lt_thing *t)
{
    static const char *const tools[] = {"HassTurnOn", "HassTurnOff", "HassLightSet",
                                        "HassSetPosition", "HassClimateSetTemperature"};
    static struct lt_act_plan plan;
    json_t *args = json_pack("{s:i,s:i,s:i,s:s}", "brightness", 40, "position", 40, "temperature",
                             21, "color", "red");
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        struct lt_diag diag = {0};
        enum lt_err err = lt_act_plan_call(t, tools[i], args, &plan, &diag);
        FUZZ_MUST(!err || diag.text[0]);
        for (int k = 0; !err && k < plan.n_expects; k++)
            (void)lt_act_is_met(&plan.expects[k], "{\"state\":\"ON\"}");
    }
    for (size_t i = 0; i < t->n_features; i++) {
        char meaning[64];
        double x;
        (void)!lt_act_read(&t->features[i], "{\"state\":\"ON\",\"brightness\":3}", meaning,
                           sizeof meaning, &x);
    }
    json_decref(args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lt_docs *docs;
    struct lt_diag diag = {0};
    struct lt_discovery *d = NULL;
    struct lt_discovery_options o = {.ha_prefix = "homeassistant",
                                     .z2m_base = "zigbee2mqtt",
                                     .tasmota_prefix = "tasmota/discovery"};
    if (!docs) fuzz_need(lt_docs_open(&docs, &diag), &diag);
    fuzz_need(lt_discovery_new(&o, &d, &diag), &diag);
    while (n) {
        size_t n_line = 0, n_rest = 0, n_topic = 0, n_payload = 0;
        const uint8_t *rest = fuzz_cut(data, n, '\n', &n_line, &n_rest);
        const uint8_t *payload = fuzz_cut(data, n_line, ' ', &n_topic, &n_payload);
        char *topic = fuzz_text(data, n_topic);
        uint64_t n_bad = lt_discovery_n_bad(d);
        (void)lt_discovery_feed(d, topic, payload, n_payload);
        const struct lt_discovery_error *e;
        FUZZ_MUST(lt_discovery_n_bad(d) == n_bad || lt_discovery_errors(d, &e) > 0);
        free(topic);
        data = rest;
        n = n_rest;
    }
    struct lt_catalog *catalog = NULL;
    json_t *json = lt_discovery_catalog(d, NULL);
    FUZZ_MUST(json);
    memset(&diag, 0, sizeof diag);
    enum lt_err err = lt_catalog_new(docs, json, &catalog, &diag);
    if (err) fprintf(stderr, "%s\n", diag.text);
    FUZZ_MUST(!err);
    lt_catalog_unref(catalog);
    json_decref(json);
    for (size_t i = 0; i < lt_discovery_n_things(d); i++) work(lt_discovery_thing(d, i));
    lt_discovery_free(d);
    return 0;
}
