/* test_schemas.c - good and bad examples of every document, and the rules of a catalogue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/catalog.h"
#include "lt/docs.h"
#include "lt/json.h"

/* JSON with ' for ", to be readable in C. */
static json_t *J(const char *text)
{
    char copy[4000];
    size_t n = strlen(text);
    assert_true(n < sizeof copy);
    for (size_t i = 0; i <= n; i++) copy[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    json_t *v = NULL;
    struct lt_diag d = {0};
    if (lt_json_parse(copy, n, sizeof copy, &v, &d)) fail_msg("%s: %s", text, d.text);
    return v;
}

#define TRACE "'01ARZ3NDEKTSV4RRFFQ69G5FAV'"

/* document, value, NULL when it fits or the start of the error */
static const struct {
    enum lt_doc doc;
    const char *value, *error;
} cases[] = {
    {LT_DOC_REQUEST, "{'text':'turn on the light'}", NULL},
    {LT_DOC_REQUEST,
     "{'id':'r1','text':'x','here':'Kitchen','lang':'de-AT','session':'s','dry_run':true,"
     "'deadline_ms':500,'x-mine':1}",
     NULL},
    {LT_DOC_REQUEST, "{'text':'x','here':null,'lang':null}", NULL},
    {LT_DOC_REQUEST, "{'id':'r1'}", "/text: is required"},
    {LT_DOC_REQUEST, "{'text':''}", "/text: has 0 characters, fewer than 1"},
    {LT_DOC_REQUEST, "{'text':5}", "/text: expected string, got integer"},
    {LT_DOC_REQUEST, "{'text':'x','deadline_ms':0}", "/deadline_ms: 0 is less than 1"},
    {LT_DOC_REQUEST, "{'text':'x','lang':'english please'}", "/lang: \"english please\" does not"},
    {LT_DOC_REQUEST, "{'text':'x','txet':'y'}", "/txet: is not a known key"},
    {LT_DOC_REQUEST, "['x']", "/: expected object, got array"},

    {LT_DOC_RESULT, "{'route':'none','calls':[]}", NULL},
    {LT_DOC_RESULT,
     "{'id':'a','route':'local','calls':[{'name':'T','arguments':{'b':1}}],'confidence':0.97,"
     "'model':'m','speech':'ok','trace':" TRACE
     ",'latency_us':{'total':910,'encode':310,'decode':420},'why':'gate.accepted'}",
     NULL},
    {LT_DOC_RESULT,
     "{'route':'refused','calls':[],'why':'request.invalid','error':{'code':'INVALID','field':"
     "'/text','text':'is required'}}",
     NULL},
    {LT_DOC_RESULT, "{'route':'maybe','calls':[]}", "/route: \"maybe\" is not one of"},
    {LT_DOC_RESULT, "{'route':'local','calls':[{'name':'T'}]}", "/calls/0/arguments: is required"},
    {LT_DOC_RESULT, "{'route':'local','calls':[],'confidence':1.5}", "/confidence: 1.5 is more"},
    {LT_DOC_RESULT, "{'route':'local','calls':[],'why':'because'}", "/why: \"because\" does not"},
    {LT_DOC_RESULT, "{'route':'local','calls':[],'latency_us':{'total':-1}}",
     "/latency_us/total: -1 is less"},
    {LT_DOC_RESULT, "{'route':'local','calls':[],'error':{'code':'X'}}",
     "/error/text: is required"},

    {LT_DOC_CALL, "{'arguments':{'area':'Kitchen'},'trace':" TRACE ",'route':'local'}", NULL},
    {LT_DOC_CALL, "{'arguments':[],'trace':'t','route':'local'}", "/arguments: expected object"},
    {LT_DOC_CALL, "{'arguments':{},'trace':'t','route':'none'}", "/route: \"none\" is not one of"},
    {LT_DOC_CALL, "{'arguments':{},'route':'local'}", "/trace: is required"},

    {LT_DOC_FEEDBACK, "{'trace':" TRACE ",'correct':true}", NULL},
    {LT_DOC_FEEDBACK, "{'trace':" TRACE ",'correct':false,'calls':[{'name':'T','arguments':{}}]}",
     NULL},
    {LT_DOC_FEEDBACK, "{'trace':'x','correct':true}", "/trace: \"x\" does not match"},
    {LT_DOC_FEEDBACK, "{'trace':" TRACE ",'correct':'yes'}", "/correct: expected boolean"},
    {LT_DOC_FEEDBACK, "{'trace':" TRACE ",'correct':false,'calls':[{'arguments':{}}]}",
     "/calls/0/name: is required"},

    {LT_DOC_STATUS, "{'state':'online','version':'0.1.0','model':'lintel-home-7'}", NULL},
    {LT_DOC_STATUS, "{'state':'offline'}", NULL},
    {LT_DOC_STATUS,
     "{'state':'online','catalog':{'hash':null,'error':'/tools/0/name: is required'}}", NULL},
    {LT_DOC_STATUS, "{'state':'away'}", "/state: \"away\" is not one of"},
    {LT_DOC_STATUS, "{'version':'1'}", "/state: is required"},

    {LT_DOC_STATS,
     "{'uptime_s':60,'requests':3,'routes':{'local':3},'latency_us':{'n':3,'p50':900},"
     "'spend_usd_micro':{'day':0,'month':12}}",
     NULL},
    {LT_DOC_STATS, "{'uptime_s':60,'requests':-3}", "/requests: -3 is less than 0"},
    {LT_DOC_STATS, "{'uptime_s':60,'requests':3,'latency_us':{'p51':1}}",
     "/latency_us/p51: is not a known key"},

    {LT_DOC_DRIFT,
     "{'state':'steady','signs':{'disagreement':false,'new_words':false,'calibration':false},"
     "'drift':[],'weeks':[{'from_unix_ms':1,'traces':2,'labelled':1,'disagreement':0.0,"
     "'calibration':-0.1}],'promise':{'kept':false,'labels':1,'least':169,'alpha':0.02,'delta':0.1}"
     "}",
     NULL},
    {LT_DOC_DRIFT, "{'state':'fine','signs':{},'drift':[],'weeks':[],'promise':{}}", "/state"},

    {LT_DOC_TIMER,
     "{'event':'finished','id':'01HZZZZZZZZZZZZZZZZZZZZZZZ','total_s':5,'left_s':0,'x-lintel':'"
     "timer'}",
     NULL},
    {LT_DOC_TIMER, "{'event':'exploded','id':'01HZZZZZZZZZZZZZZZZZZZZZZZ','total_s':5,'left_s':0}",
     "/event"},
    {LT_DOC_ANNOUNCE, "{'text':'dinner','area':'Kitchen'}", NULL},
    {LT_DOC_ANNOUNCE, "{'area':'Kitchen'}", "/text: is required"},
    {LT_DOC_SPEECH,
     "{'trace':'01HZZZZZZZZZZZZZZZZZZZZZZZ','seq':1,'text':'It "
     "rains.','final':false,'replaces':false,"
     "'here':'Kitchen'}",
     NULL},
    {LT_DOC_SPEECH, "{'trace':'a','seq':0,'text':'','final':true,'replaces':true}", "/seq"},

    {LT_DOC_DATA_LINE, "{'query':'x','answers':[]}", NULL},
    {LT_DOC_DATA_LINE,
     "{'id':1,'query':'x','tools':['A','B'],'home':'home-000','here':'Kitchen','answers':'[]'}",
     NULL},
    {LT_DOC_DATA_LINE,
     "{'query':'x','tools':[{'name':'A','parameters':{'p':{'type':'string','required':true}}}],"
     "'home':{'areas':[{'name':'Kitchen','floor':'Ground','aliases':[]}],'entities':[{'id':'l.k',"
     "'name':'Lamp','aliases':[],'area':'Kitchen','domain':'light','device_class':null,'state':"
     "'off'}],'here':'Kitchen'},'answers':[{'name':'A','arguments':{'p':'x'}}],'extra':1}",
     NULL},
    {LT_DOC_DATA_LINE, "{'query':'x'}", "/answers: is required"},
    {LT_DOC_DATA_LINE, "{'query':'','answers':[]}", "/query: has 0 characters"},
    {LT_DOC_DATA_LINE, "{'query':'x','answers':[{'arguments':{}}]}",
     "/answers/0/name: is required"},
    {LT_DOC_DATA_LINE, "{'query':'x','answers':[],'home':{'entities':[{'name':'a','domain':3}]}}",
     "/home/entities/0/domain: expected string, got integer"},

    {LT_DOC_CONFIG, "{}", NULL},
    {LT_DOC_CONFIG, "null", NULL},
    {LT_DOC_CONFIG,
     "{'sites':['home'],'mqtt':{'host':'broker','port':8883,'password':'file:/etc/lintel/pw'},"
     "'cloud':{'endpoints':[{'provider':'anthropic','key':'env:ANTHROPIC_API_KEY'}]}}",
     NULL},
    {LT_DOC_CONFIG, "{'mqtt':{'hots':'x'}}", "/mqtt/hots: is not a known key"},
    {LT_DOC_CONFIG, "{'mqtt':{'port':70000}}", "/mqtt/port: 70000 is more than 65535"},
    {LT_DOC_CONFIG, "{'mqtt':{'password':'hunter2'}}",
     "/mqtt/password: \"hunter2\" does not match"},
    {LT_DOC_CONFIG, "{'cloud':{'endpoints':[{'model':'x'}]}}",
     "/cloud/endpoints/0/provider: is required"},

    {LT_DOC_CATALOG, "{'tools':[]}", NULL},
    {LT_DOC_CATALOG, "{'home':{}}", "/tools: is required"},
    {LT_DOC_CATALOG, "{'tools':[{'description':'x'}]}", "/tools/0/name: is required"},
    {LT_DOC_CATALOG, "{'tools':[{'name':'a/b'}]}", "/tools/0/name: \"a/b\" does not match"},
    {LT_DOC_CATALOG,
     "{'tools':[],'home':{'entities':[{'name':'a','domain':'light'},{'name':3,"
     "'domain':'light'}]}}",
     "/home/entities/1/name: expected string, got integer"},
    {LT_DOC_CATALOG, "{'tools':[],'home':{'areas':[{'name':'a\\u0007b'}]}}", "/home/areas/0/name"},
};

static struct lt_docs *docs;

static void test_docs__examples__verdict_and_path(void **state)
{
    (void)state;
    int n_good[LT_DOC_COUNT] = {0}, n_bad[LT_DOC_COUNT] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *v = J(cases[i].value);
        struct lt_diag d = {0};
        enum lt_err err = lt_docs_check(docs, cases[i].doc, v, &d);
        const char *want = cases[i].error;
        if (err != (want ? LT_ERR_INVALID : LT_OK) ||
            (want && strncmp(d.text, want, strlen(want)) != 0))
            fail_msg("row %zu (%s): %s \"%s\"", i, lt_doc_name(cases[i].doc), lt_err_name(err),
                     d.text);
        ++(want ? n_bad : n_good)[cases[i].doc];
        json_decref(v);
    }
    for (int doc = 0; doc < LT_DOC_COUNT; doc++) {
        assert_true(n_good[doc] && n_bad[doc]); /* the table leaves no document out */
        json_t *schema = NULL;
        assert_int_equal(lt_json_parse(lt_doc_text((enum lt_doc)doc),
                                       strlen(lt_doc_text((enum lt_doc)doc)), 1 << 20, &schema,
                                       NULL),
                         LT_OK);
        char id[64];
        snprintf(id, sizeof id, "%s.schema.json", lt_doc_name((enum lt_doc)doc));
        assert_string_equal(json_string_value(json_object_get(schema, "$id")), id);
        json_decref(schema);
    }
}

/* Every key of the gateway's table is a key of the schema and the other way round. */
static int is_config_key(const json_t *config, const char *key)
{
    char part[128];
    snprintf(part, sizeof part, "%s", key);
    char *dot = strchr(part, '.');
    if (dot) *dot = '\0';
    const json_t *v = json_object_get(json_object_get(config, "properties"), part);
    return !dot ? v != NULL : json_object_get(json_object_get(v, "properties"), dot + 1) != NULL;
}

static void test_config__keys_of_the_gateway__all_described(void **state)
{
    (void)state;
    FILE *f = fopen(SOURCE_DIR "/gateway/src/config_table.c", "rb");
    assert_non_null(f);
    json_t *config = NULL;
    const char *text = lt_doc_text(LT_DOC_CONFIG);
    assert_int_equal(lt_json_parse(text, strlen(text), 1 << 20, &config, NULL), LT_OK);
    const json_t *endpoint = json_object_get(
        json_object_get(
            json_object_get(
                json_object_get(json_object_get(json_object_get(config, "properties"), "cloud"),
                                "properties"),
                "endpoints"),
            "items"),
        "properties");
    assert_non_null(endpoint);
    char line[1024], key[128];
    int n = 0, in_endpoints = 0;
    while (fgets(line, sizeof line, f)) {
        if (strstr(line, "lt__config_endpoint_rows[]")) in_endpoints = 1;
        if (sscanf(line, "    {\"%127[a-z0-9_.]\", LT_CFG_", key) != 1) continue;
        n++;
        if (in_endpoints ? !json_object_get(endpoint, key) : !is_config_key(config, key))
            fail_msg("describe the key %s in schema/json/config.schema.json", key);
    }
    fclose(f);
    assert_true(n > 30);
    int n_schema = (int)json_object_size(endpoint);
    const char *name;
    json_t *v;
    json_object_foreach(json_object_get(config, "properties"), name, v)
    {
        const json_t *inner = json_object_get(v, "properties");
        n_schema += inner ? (int)json_object_size(inner) : 1;
    }
    assert_int_equal(n_schema - 1, n); /* cloud.endpoints is the list itself */
    json_decref(config);
}

/* ---- catalogue ---- */

static const char demo[] =
    "{'tools':["
    "{'name':'HassTurnOn','parameters':{'type':'object','properties':{'name':{'type':'string',"
    "'x-entity':{}},'area':{'type':'string','x-area':true},'floor':{'type':'string','x-floor':true}"
    ","
    "'domain':{'type':'string','enum':['light','cover']}}}},"
    "{'name':'HassLightSet','parameters':{'type':'object','properties':{'name':{'type':'string',"
    "'x-entity':{'domain':['light']}},'brightness':{'type':'integer','minimum':0,'maximum':100}},"
    "'required':['brightness']}},"
    "{'name':'weather','parameters':{'city':{'type':'string','required':true}}},"
    "{'name':'stop'}],"
    "'home':{'areas':[{'name':'Kitchen','floor':'Ground','aliases':['Galley']},"
    "{'name':'Bedroom','floor':'Upper'}],'entities':["
    "{'id':'light.k','name':'Kitchen Light','aliases':['Big "
    "Lamp'],'area':'Kitchen','domain':'light'},"
    "{'id':'light.b','name':'Bedside','area':'Bedroom','domain':'light'},"
    "{'id':'cover.k','name':'Blind','area':'Galley','domain':'cover','device_class':'blind'},"
    "{'name':'Alarm','domain':'siren','area':null}]}}";

static void test_catalog__calls__checked_against_tools_and_home(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments, *error;
        enum lt_err err;
    } rows[] = {
        {"HassTurnOn", "{'name':'Kitchen Light'}", NULL, LT_OK},
        {"HassTurnOn", "{'name':' kitchen LIGHT '}", NULL, LT_OK},
        {"HassTurnOn", "{'name':'big lamp'}", NULL, LT_OK},
        {"HassTurnOn", "{'name':'light.b'}", NULL, LT_OK},
        {"HassTurnOn", "{'area':'galley','domain':'light'}", NULL, LT_OK},
        {"HassTurnOn", "{'floor':'upper'}", NULL, LT_OK},
        {"HassTurnOn", "{'name':'Kitchen Ligh'}", "/name: \"Kitchen Ligh\" is no device",
         LT_ERR_INVALID},
        {"HassTurnOn", "{'name':''}", "/name: \"\" is no device", LT_ERR_INVALID},
        {"HassTurnOn", "{'area':'Ground'}", "/area: \"Ground\" is no area", LT_ERR_INVALID},
        {"HassTurnOn", "{'floor':'Kitchen'}", "/floor: \"Kitchen\" is no floor", LT_ERR_INVALID},
        {"HassTurnOn", "{'domain':'lock'}", "/domain: \"lock\" is not one of", LT_ERR_INVALID},
        {"HassTurnOn", "{'colour':'red'}", "/colour: is not a known key", LT_ERR_INVALID},
        {"HassLightSet", "{'name':'Bedside','brightness':40}", NULL, LT_OK},
        {"HassLightSet", "{'name':'Blind','brightness':40}", "/name: \"Blind\" is no device",
         LT_ERR_INVALID},
        {"HassLightSet", "{'brightness':140}", "/brightness: 140 is more than 100", LT_ERR_INVALID},
        {"HassLightSet", "{}", "/brightness: is required", LT_ERR_INVALID},
        {"weather", "{'city':'Paris'}", NULL, LT_OK},
        {"weather", "{}", "/city: is required", LT_ERR_INVALID},
        {"stop", NULL, NULL, LT_OK},
        {"stop", "{'now':true}", "/now: is not a known key", LT_ERR_INVALID},
        {"hassturnon", "{}", "/: the catalogue has no tool", LT_ERR_NOTFOUND},
    };
    json_t *json = J(demo);
    struct lt_catalog *c = NULL;
    struct lt_diag d = {0};
    if (lt_catalog_new(docs, json, &c, &d)) fail_msg("%s", d.text);
    json_decref(json);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *args = rows[i].arguments ? J(rows[i].arguments) : NULL;
        d = (struct lt_diag){0};
        enum lt_err err = lt_catalog_check_call(c, rows[i].name, args, &d);
        if (err != rows[i].err ||
            (rows[i].error && strncmp(d.text, rows[i].error, strlen(rows[i].error))))
            fail_msg("row %zu: %s \"%s\"", i, lt_err_name(err), d.text);
        json_decref(args);
    }
    json_t *calls = J("[{'name':'stop','arguments':{}},{'name':'HassLightSet','arguments':{'name':"
                      "'Nope','brightness':1}}]");
    d = (struct lt_diag){0};
    assert_int_equal(lt_catalog_check_calls(c, calls, &d), LT_ERR_INVALID);
    assert_true(!strncmp(d.text, "/1/arguments/name: \"Nope\" is no device", 38));
    json_decref(calls);
    static const char *const malformed[] = {"{}", "[{}]", "[3]",
                                            "[{'name':'stop','arguments':[]}]"};
    for (size_t i = 0; i < 4; i++) {
        calls = J(malformed[i]);
        assert_int_equal(lt_catalog_check_calls(c, calls, NULL), LT_ERR_INVALID);
        json_decref(calls);
    }
    assert_int_equal(lt_catalog_n_tools(c), 4);
    assert_true(lt_catalog_find_tool(c, "weather") == 2);
    assert_string_equal(lt_catalog_entity(c, 2)->area, "Kitchen"); /* written as an alias */
    assert_string_equal(lt_catalog_entity(c, 0)->floor, "Ground");
    lt_catalog_unref(c);
}

static void test_catalog__targets__as_the_home_resolves(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        size_t n;
        const char *first;
    } rows[] = {
        {"{}", 0, NULL},
        {"{'brightness':3}", 0, NULL},
        {"{'name':'bedside'}", 1, "Bedside"},
        {"{'name':'BIG lamp'}", 1, "Kitchen Light"},
        {"{'area':'Kitchen'}", 2, "Kitchen Light"},
        {"{'area':'galley','domain':'cover'}", 1, "Blind"},
        {"{'area':['Kitchen','Bedroom'],'domain':['light']}", 2, "Kitchen Light"},
        {"{'floor':'upper'}", 1, "Bedside"},
        {"{'domain':'light'}", 2, "Kitchen Light"},
        {"{'device_class':'blind'}", 1, "Blind"},
        {"{'name':'Bedside','area':'Kitchen'}", 0, NULL},
        {"{'area':''}", 0, NULL},
        {"{'area':'Attic'}", 0, NULL},
        {"{'name':['bedside','BLIND ','nobody'],'area':null}", 2, "Bedside"},
        {"{'name':'Bedside','floor':'upper','domain':['fan','light'],'device_class':null}", 1,
         "Bedside"},
        {"{'domain':['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q','LIGHT']}",
         2, "Kitchen Light"},
        {"{'area':['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q','galley']}",
         2, "Kitchen Light"},
        {"{'domain':3}", 0, NULL},
        {"{'name':null}", 4, "Kitchen Light"},
    };
    json_t *json = J(demo);
    struct lt_catalog *c = NULL;
    assert_int_equal(lt_catalog_new(docs, json, &c, NULL), LT_OK);
    json_decref(json);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct lt_entity *out[1] = {NULL};
        json_t *args = J(rows[i].arguments);
        size_t n = lt_catalog_targets(c, args, out, 1);
        if (n != rows[i].n) fail_msg("row %zu: %zu", i, n);
        if (n) assert_string_equal(out[0]->name, rows[i].first);
        json_decref(args);
    }
    lt_catalog_unref(c);
}

static void test_catalog__faulty__refused_with_path(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum lt_err err;
        const char *error;
    } rows[] = {
        {"{'tools':[{'name':'a'},{'name':'b'},{'name':'A'}]}", LT_ERR_INVALID,
         "/tools/2/name: \"A\" is the name of tool 0 too"},
        {"{'tools':[{'name':'a','parameters':{'type':'object','properties':{'x':{'type':'txt'}}}}]"
         "}",
         LT_ERR_INVALID, "/tools/0/parameters (a): schema /properties/x/type: is none of"},
        {"{'tools':[{'name':'a','parameters':{'type':'object','$dynamicRef':'#'}}]}",
         LT_ERR_UNSUPPORTED, "/tools/0/parameters (a): schema /$dynamicRef"},
        {"{'tools':[{'name':'a','parameters':{'p':'string'}}]}", LT_ERR_INVALID,
         "/tools/0/parameters (a): /p: expected object"},
        {"{'tools':[],'home':{'areas':[{'name':'Hall'},{'name':'Den','aliases':['hall']}]}}",
         LT_ERR_INVALID, "/home/areas/1: \"hall\" is a name of area 0 too"},
        {"{'tools':[],'home':{'areas':[{'name':'Hall'}],'entities':[{'name':'a','domain':'light',"
         "'area':'Attic'}]}}",
         LT_ERR_INVALID, "/home/entities/0/area: \"Attic\" is not among /home/areas"},
        {"[]", LT_ERR_INVALID, "/: expected object, got array"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *json = J(rows[i].json);
        struct lt_catalog *c = NULL;
        struct lt_diag d = {0};
        enum lt_err err = lt_catalog_new(docs, json, &c, &d);
        if (err != rows[i].err || strncmp(d.text, rows[i].error, strlen(rows[i].error)))
            fail_msg("row %zu: %s \"%s\"", i, lt_err_name(err), d.text);
        assert_null(c);
        json_decref(json);
    }
}

static void test_catalog__same_content__same_hash(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"tools\":[{\"name\":\"a\",\"description\":\"x\"}]}",
        " { \"tools\" : [ {\"description\":\"x\",\"name\":\"a\"} ] } ",
        "{\"tools\":[{\"name\":\"a\",\"description\":\"y\"}]}"};
    struct lt_catalog *c[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(lt_catalog_parse(docs, texts[i], strlen(texts[i]), &c[i], NULL), LT_OK);
    assert_int_equal(strlen(lt_catalog_hash(c[0])), 64);
    assert_string_equal(lt_catalog_hash(c[0]), lt_catalog_hash(c[1]));
    assert_string_not_equal(lt_catalog_hash(c[0]), lt_catalog_hash(c[2]));
    assert_ptr_equal(lt_catalog_ref(c[0]), c[0]);
    lt_catalog_unref(c[0]);
    for (int i = 0; i < 3; i++) lt_catalog_unref(c[i]);
    lt_catalog_unref(NULL);
    struct lt_diag d = {0};
    struct lt_catalog *none = NULL;
    assert_int_equal(lt_catalog_parse(docs, "{\"tools\":", 9, &none, &d), LT_ERR_PARSE);
}

static int setup(void **state)
{
    (void)state;
    struct lt_diag d = {0};
    if (!lt_docs_open(&docs, &d)) return 0;
    fprintf(stderr, "%s\n", d.text);
    return -1;
}

static int teardown(void **state)
{
    (void)state;
    lt_docs_close(docs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docs__examples__verdict_and_path),
        cmocka_unit_test(test_config__keys_of_the_gateway__all_described),
        cmocka_unit_test(test_catalog__calls__checked_against_tools_and_home),
        cmocka_unit_test(test_catalog__targets__as_the_home_resolves),
        cmocka_unit_test(test_catalog__faulty__refused_with_path),
        cmocka_unit_test(test_catalog__same_content__same_hash),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
