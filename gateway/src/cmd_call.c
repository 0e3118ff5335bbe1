/* cmd_call.c - `lintel call`: one utterance, answered here, with the gate as configured. Nothing is
 * sent anywhere: what the gateway would ask the cloud is reported with route "cloud" and the local
 * calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "model.h"
#include "policy.h"
#include "result.h"
#include "site.h"

enum { OPT_CATALOG, OPT_MODEL, OPT_HERE, OPT_CONFIG, OPT_JSON, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_CATALOG] = {"catalog", 0, "FILE", "tools and home (default: the demo home)"},
    [OPT_MODEL] = {"model", 0, "FILE", "network (default: the shipped one)"},
    [OPT_HERE] = {"here", 0, "AREA", "area of the speaker"},
    [OPT_CONFIG] = {"config", 'c', "FILE", "take gate and model from this configuration"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel call [--catalog FILE] [--model FILE] [--here AREA] TEXT",
    "Answer one utterance and print the result. Nothing is carried out or sent anywhere.\n"
    "Exit status 3 when nothing is to be called.",
    options, N_OPTIONS};

struct call {
    struct lt_config config;
    struct lt_gateway_policy policy;
    struct lt_docs *docs;
    struct lt_answers *answers; /* NULL: the shipped ones */
    struct lt_site_engine *engine;
    struct lt_site_catalog *catalog;
    struct san_answer answer;
    json_t *calls, *result;
    lt_us started_us;
};

static enum lt_err open_all(struct call *c, const char *const *value, struct lt_diag *diag)
{
    char model[1024] = "", catalog[1024] = "";
    json_t *json = NULL;
    enum lt_err err = value[OPT_CONFIG] ? lt_config_load(value[OPT_CONFIG], &c->config, diag)
                                        : lt_config_parse("", 0, "defaults", &c->config, diag);
    if (err) return err;
    const char *model_file = value[OPT_MODEL] ? value[OPT_MODEL] : c->config.model.file;
    const char *catalog_file = value[OPT_CATALOG] ? value[OPT_CATALOG] : c->config.catalog.file;
    if (!*model_file) {
        if (!lt_config_find_shipped(LT_MODEL_SHIPPED, model, sizeof model))
            return lt_fail(diag, LT_ERR_NOTFOUND,
                           "no network: " LT_MODEL_SHIPPED
                           " is not installed; name one with --model");
        model_file = model;
    }
    if (!*catalog_file) {
        if (!lt_config_find_shipped("demo/catalog.json", catalog, sizeof catalog))
            return lt_fail(diag, LT_ERR_NOTFOUND,
                           "no catalogue: the demo home is not installed; name one with --catalog");
        catalog_file = catalog;
    }
    err = lt_gateway_policy_init(&c->policy, &c->config);
    if (!err) err = lt_docs_open(&c->docs, diag);
    if (!err && *c->config.talk.answers)
        err = lt_answers_open(c->config.talk.answers, &c->answers, diag);
    if (!err) err = lt_json_read_file(catalog_file, LT_DOC_MAX_BYTES_CATALOG, &json, diag);
    if (!err) err = lt_site_engine_open(model_file, &c->engine, diag);
    char *text = err ? NULL : lt_json_dump(json);
    json_decref(json);
    if (!err && !text) err = LT_ERR_NOMEM;
    if (!err) {
        err = lt_site_catalog_new(c->docs, c->engine, text, strlen(text), &c->catalog, diag);
        if (err) { /* a path inside the catalogue: say whose */
            char inner[LT_DIAG_TEXT];
            snprintf(inner, sizeof inner, "%s", diag->text);
            snprintf(diag->text, sizeof diag->text, "%.200s: %.300s", catalog_file, inner);
        }
    }
    free(text);
    return err;
}

static enum lt_err answer(struct call *c, const char *text, const char *here, struct lt_diag *diag)
{
    struct san_request req = {.text = text, .here = here};
    struct lt_decision d;
    struct lt_result out;
    char speech[LT_ASK_SPEECH];
    char lang[LT_LANG_CAP];
    c->started_us = lt_now_us();
    enum lt_err err = san_call(c->engine->engine, c->catalog->compiled, &req, &c->answer, diag);
    if (!err)
        err = lt_json_parse(c->answer.calls_json, strlen(c->answer.calls_json),
                            LT_DOC_MAX_BYTES_REQUEST, &c->calls, diag);
    if (err) return err;
    struct lt_facts facts = {.site = c->config.sites.v[0],
                             .here = here,
                             .is_dry_run = 1,
                             .left_ms = INT64_MAX,
                             .budget_left_usd_micro = LT_BUDGET_UNLIMITED};
    struct lt_local local = {c->calls, c->answer.confidence};
    lt_router_decide(&c->policy.policy, c->catalog->checked, &facts, &local, &d, NULL);
    lt_result_init(&out);
    out.route = d.route;
    out.why = lt_why_code(d.why);
    out.calls = d.calls ? d.calls : d.route == LT_ROUTE_CLOUD ? c->calls : NULL;
    out.confidence = c->answer.confidence;
    out.model = san_engine_model_name(c->engine->engine);
    lt_language_of(NULL, text, lang);
    const struct lt_tongue tongue = lt_tongue_of(c->answers, lang);
    lt_result_speech(&tongue, c->catalog->checked, d.route, d.calls, speech, sizeof speech);
    out.speech = speech;
    out.lang = tongue.lang;
    out.total_us = lt_now_us() - c->started_us;
    out.encode_us = c->answer.encode_us;
    out.decode_us = c->answer.decode_us;
    c->result = lt_result_json(&out);
    return c->result ? LT_OK : LT_ERR_NOMEM;
}

/* "HassTurnOff {"name":"Kitchen Light"}   (0.97, local, gate.accepted, 0.9 ms)" */
static int print_text(const json_t *r)
{
    size_t i;
    json_t *call;
    json_array_foreach(json_object_get(r, "calls"), i, call)
    {
        char *arguments = lt_json_dump(json_object_get(call, "arguments"));
        printf("%s %s\n", json_string_value(json_object_get(call, "name")),
               arguments ? arguments : "{}");
        free(arguments);
    }
    const char *speech = json_string_value(json_object_get(r, "speech"));
    if (speech) printf("%s\n", speech);
    const json_t *us = json_object_get(json_object_get(r, "latency_us"), "total");
    printf("(%s, %s, confidence %.2f, %.2f ms)\n", json_string_value(json_object_get(r, "route")),
           json_string_value(json_object_get(r, "why")),
           json_number_value(json_object_get(r, "confidence")),
           (double)json_integer_value(us) / 1000.0);
    return !fflush(stdout);
}

int lt_cmd_call(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    char text[SAN_TEXT_MAX_BYTES + 1] = "";
    struct call c = {.result = NULL};
    struct lt_diag diag = {0};
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first >= argc) return lt_cli_usage(&spec, "what was said is missing");
    size_t n = 0;
    for (int i = first; i < argc; i++) { /* several words need no quotes */
        size_t len = strlen(argv[i]);
        if (n + len + 2 > sizeof text)
            return lt_cli_usage(&spec, "the text is longer than %d bytes", SAN_TEXT_MAX_BYTES);
        if (n) text[n++] = ' ';
        memcpy(text + n, argv[i], len + 1);
        n += len;
    }
    enum lt_err err = open_all(&c, value, &diag);
    if (!err) err = answer(&c, text, value[OPT_HERE], &diag);
    if (err) {
        status = lt_cli_fail(&spec, err, &diag);
    } else {
        int ok =
            lt_cli_wants_json(value[OPT_JSON]) ? lt_cli_print_json(c.result) : print_text(c.result);
        status = !ok                                                   ? LT_EXIT_FAILED
                 : json_array_size(json_object_get(c.result, "calls")) ? LT_EXIT_DONE
                                                                       : LT_EXIT_NO_CALL;
    }
    json_decref(c.result);
    json_decref(c.calls);
    san_answer_free(&c.answer);
    lt_site_catalog_unref(c.catalog);
    lt_site_engine_unref(c.engine);
    lt_docs_close(c.docs);
    lt_answers_free(c.answers);
    lt_gateway_policy_fini(&c.policy);
    lt_config_free(&c.config);
    return status;
}
