/* test_tools_render.c - tool schemas in each vendor's dialect, and calls brought back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "internal.h"
#include "vendor_spec.h"

/* Everything a catalogue could hold that some vendor refuses. */
#define NAUGHTY                                                                                    \
    "[{\"name\":\"light.set\",\"parameters\":{\"type\":\"object\",\"properties\":{"                \
    "\"fan speed\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100,\"description\":"           \
    "\"how fast\"},\"fan_speed\":{\"type\":\"string\"},\"gr\\u00f6\\u00dfe\":{\"type\":"           \
    "\"number\",\"exclusiveMinimum\":0},\"3d\":{\"type\":\"boolean\",\"default\":true}},"          \
    "\"required\":[\"fan speed\"]}},"                                                              \
    "{\"name\":\"light_set\",\"description\":\"the safe one\"},"                                   \
    "{\"name\":\"light set\",\"description\":\"another\"},"                                        \
    "{\"name\":\"9lives\",\"description\":\"starts with a digit\"},"                               \
    "{\"name\":\"slurp/query_alarm_with_a_name_that_is_far_longer_than_any_vendor_would_take_it\"" \
    ",\"description\":\"long\"},"                                                                  \
    "{\"name\":\"union\",\"description\":\"union at the root\",\"parameters\":{\"type\":"          \
    "\"object\",\"oneOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]},"   \
    "{\"properties\":{\"b\":{\"type\":\"integer\"}},\"required\":[\"b\"]}]}},"                     \
    "{\"name\":\"refs\",\"description\":\"references\",\"parameters\":{\"type\":\"object\","       \
    "\"$defs\":{\"area\":{\"type\":\"string\",\"enum\":[\"Hall\",\"Kitchen\"]}},\"properties\":{"  \
    "\"from\":{\"$ref\":\"#/$defs/area\",\"description\":\"where\"},\"to\":{\"allOf\":[{\"$ref\":" \
    "\"#/$defs/area\"}]},\"mode\":{\"const\":\"eco\",\"type\":\"string\"},\"level\":{\"oneOf\":["  \
    "{\"type\":\"integer\"},{\"type\":\"string\",\"pattern\":\"^(?:up|down)$\"}]}},"               \
    "\"required\":[\"from\"]}},"                                                                   \
    "{\"name\":\"free\",\"description\":\"free-form\",\"parameters\":{\"type\":\"object\","        \
    "\"properties\":{\"data\":{\"type\":\"object\"},\"list\":{\"type\":\"array\"},\"map\":{"       \
    "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},\"any\":{},\"when\":{"    \
    "\"type\":\"string\",\"format\":\"date-time\",\"x-hint\":1,\"examples\":[\"now\"]}},"          \
    "\"if\":{\"required\":[\"data\"]},\"then\":{\"required\":[\"list\"]}}},"                       \
    "{\"name\":\"flat\",\"description\":\"Needle's form\",\"parameters\":{\"place\":{\"type\":"    \
    "\"string\",\"description\":\"where\",\"required\":true},\"count\":{\"type\":\"integer\","     \
    "\"description\":\"how many\",\"required\":false}}}]"

static struct vendor_spec *SPEC;

static int setup(void **state)
{
    (void)state;
    SPEC = vendor_spec_load();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vendor_spec_free(SPEC);
    return 0;
}

static struct lt_cloud_tools *tools_of(const char *json)
{
    struct lt_cloud_tools *t = NULL;
    struct lt_diag d = {0};
    if (lt_cloud_tools_new(json, strlen(json), &t, &d)) fail_msg("%s", d.text);
    return t;
}

/* Would each vendor take a request with these tools? Returns the body for `name`; free() it. */
static char *check_all(struct lt_cloud_tools *t, const char *name)
{
    static const struct {
        const char *adapter, *model, *path, *headers;
        unsigned caps;
    } apis[] = {
        {"anthropic", "claude-haiku-5-5", "/v1/messages",
         "content-type: application/json\r\nanthropic-version: 2026-10-21\r\n", 0},
        {"gemini", "gemini-3.5-flash-lite", "/v1beta/models/x:generateContent",
         "content-type: application/json\r\n", 0},
        {"openai", "gpt-6-luna", "/v1/responses", "content-type: application/json\r\n", 0},
        {"openai-chat", "gpt-6-luna", "/v1/chat/completions", "content-type: application/json\r\n",
         LT_CHAT_EXPLICIT | LT_CHAT_STRICT | LT_CHAT_EFFORT | LT_CHAT_COMPLETION_TOKENS},
        {"openai-chat", "qwen", "/v1/chat/completions", "content-type: application/json\r\n", 0},
    };
    char *out = NULL;
    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        struct lt_cloud_endpoint e = {.adapter = apis[i].adapter, .chat_caps = apis[i].caps};
        struct lt_cloud_request req = {.utterance = "hello", .tools = t};
        struct lt_diag d = {0};
        struct lt_buf body;
        char why[1024] = "";
        lt_buf_init(&body, 1 << 22);
        if (lt_adapter_find(e.adapter)->build(&e, apis[i].model, &req, &body, &d))
            fail_msg("%s: %s", e.adapter, d.text);
        struct stub_request r = {"POST", strdup(apis[i].path), strdup(apis[i].headers), body.p,
                                 body.n};
        if (vendor_spec_check(SPEC, &r, why, sizeof why))
            fail_msg("%s: %s in %s", e.adapter, why, body.p);
        free(r.path);
        free(r.headers);
        if (strcmp(name, e.adapter) == 0 && !out) out = strdup(lt_buf_str(&body));
        lt_buf_free(&body);
    }
    return out;
}

static size_t count_of(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, word)); p += strlen(word)) n++;
    return n;
}

static void test_render__home_tools__fit_every_vendor(void **state)
{
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/adapters/home-tools.json", TEST_DATA_DIR);
    json_t *file = json_load_file(path, 0, NULL);
    assert_non_null(file);
    char *json = json_dumps(json_object_get(file, "tools"), JSON_COMPACT);
    struct lt_cloud_tools *t = tools_of(json);
    assert_true(lt_cloud_tools_count(t) > 30);
    char *body = check_all(t, "openai");
    /* closed schemas all through: every tool can be strict with OpenAI */
    assert_int_equal(count_of(body, "\"strict\":true"), lt_cloud_tools_count(t));
    assert_int_equal(count_of(body, "x-area"), 0);
    free(body);
    body = check_all(t, "anthropic");
    /* as many as the limits of a request bear, the rest without */
    assert_in_range(count_of(body, "\"strict\":true"), 4, 20);
    assert_int_equal(count_of(body, "cache_control"), 1); /* one mark: the last tool */
    free(body);
    lt_cloud_tools_unref(t);
    free(json);
    json_decref(file);
}

static void test_render__naughty_catalogue__fits_every_vendor(void **state)
{
    (void)state;
    struct lt_cloud_tools *t = tools_of(NAUGHTY);
    assert_int_equal(lt_cloud_tools_count(t), 9);
    char *body = check_all(t, "gemini");
    assert_int_equal(count_of(body, "x-hint"), 0);
    assert_int_equal(count_of(body, "$ref"), 0);
    free(body);
    lt_cloud_tools_unref(t);
}

static void test_render__one_tool__reads_as_written_in_each_dialect(void **state)
{
    static const char tool[] =
        "[{\"name\":\"dim\",\"description\":\"d\",\"parameters\":{\"type\":\"object\","
        "\"properties\":{\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},\"area\":{"
        "\"type\":\"string\",\"x-area\":true,\"minLength\":1},\"mode\":{\"type\":\"string\","
        "\"enum\":[\"a\",\"b\"]}},\"required\":[\"area\"]}}]";
    static const char *const want[LT_DIALECT_COUNT] = {
        [LT_DIALECT_PLAIN] =
            "{\"additionalProperties\":false,\"properties\":{\"area\":{\"minLength\":1,\"type\":"
            "\"string\"},\"level\":{\"maximum\":100,\"minimum\":0,\"type\":\"integer\"},\"mode\":{"
            "\"enum\":[\"a\",\"b\"],\"type\":\"string\"}},\"required\":[\"area\"],\"type\":"
            "\"object\"}",
        [LT_DIALECT_OPENAI_STRICT] =
            "{\"additionalProperties\":false,\"properties\":{\"area\":{\"type\":\"string\"},"
            "\"level\":{\"maximum\":100,\"minimum\":0,\"type\":[\"integer\",\"null\"]},\"mode\":{"
            "\"enum\":[\"a\",\"b\",null],\"type\":[\"string\",\"null\"]}},\"required\":[\"area\","
            "\"level\",\"mode\"],\"type\":\"object\"}",
        [LT_DIALECT_ANTHROPIC_STRICT] =
            "{\"additionalProperties\":false,\"properties\":{\"area\":{\"type\":\"string\"},"
            "\"level\":{\"description\":\"0 to 100\",\"type\":\"integer\"},\"mode\":{\"enum\":["
            "\"a\",\"b\"],\"type\":\"string\"}},\"required\":[\"area\"],\"type\":\"object\"}",
        [LT_DIALECT_GEMINI] =
            "{\"additionalProperties\":false,\"properties\":{\"area\":{\"type\":\"string\"},"
            "\"level\":{\"maximum\":100,\"minimum\":0,\"type\":\"integer\"},\"mode\":{\"enum\":["
            "\"a\",\"b\"],\"type\":\"string\"}},\"required\":[\"area\"],\"type\":\"object\"}",
    };
    (void)state;
    struct lt_cloud_tools *t = tools_of(tool);
    for (int d = 0; d < LT_DIALECT_COUNT; d++) {
        struct lt_tool_view v;
        assert_true(lt__tool_view(t, 0, (enum lt_dialect)d, &v));
        char *text = json_dumps(v.schema, JSON_COMPACT);
        assert_string_equal(text, want[d]);
        free(text);
    }
    lt_cloud_tools_unref(t);
}

static void test_render__same_tools_in_another_order__are_the_same_bytes(void **state)
{
    (void)state;
    json_t *list = json_loads(NAUGHTY, 0, NULL), *turned = json_array();
    for (size_t i = json_array_size(list); i-- > 0;)
        json_array_append(turned, json_array_get(list, i));
    char *json = json_dumps(turned, JSON_COMPACT | JSON_SORT_KEYS);
    struct lt_cloud_tools *a = tools_of(NAUGHTY), *b = tools_of(json);
    static const char *const names[] = {"anthropic", "gemini", "openai"};
    for (int i = 0; i < 3; i++) {
        char *x = check_all(a, names[i]), *y = check_all(b, names[i]);
        assert_string_equal(x, y);
        free(x);
        free(y);
    }
    assert_true(lt__tools_hash(a) == lt__tools_hash(b));
    struct lt_cloud_tools *other = tools_of("[{\"name\":\"x\"}]");
    assert_true(lt__tools_hash(a) != lt__tools_hash(other));
    lt_cloud_tools_unref(other);
    lt_cloud_tools_unref(a);
    lt_cloud_tools_unref(b);
    free(json);
    json_decref(list);
    json_decref(turned);
}

static void test_tools__every_name__comes_back(void **state)
{
    (void)state;
    struct lt_cloud_tools *t = tools_of(NAUGHTY);
    json_t *list = json_loads(NAUGHTY, 0, NULL), *item, *none = json_object();
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *safe = lt__tool_safe_name(t, name);
        struct lt_cloud_reply r = {0};
        assert_true(lt__is_safe_name(safe));
        assert_int_equal(lt__tools_take_call(t, &r, "id", safe, none), LT_OK);
        assert_string_equal(r.calls[0].name, name);
        assert_true(r.calls[0].is_known);
        lt_cloud_reply_fini(&r);
    }
    /* a name that is safe already keeps itself, whatever its neighbours become */
    assert_string_equal(lt__tool_safe_name(t, "light_set"), "light_set");
    assert_string_not_equal(lt__tool_safe_name(t, "light set"), lt__tool_safe_name(t, "light.set"));
    json_decref(none);
    json_decref(list);
    lt_cloud_tools_unref(t);
}

static void test_tools__calls__are_brought_back_to_the_catalogue(void **state)
{
    static const struct {
        const char *tool, *args, *want;
    } rows[] = {
        /* property names, one of them taken by a neighbour */
        {"light_set_3", "{\"fan_speed_2\":3,\"fan_speed\":\"x\",\"gr__e\":1.5,\"_3d\":true}",
         "{\"fan speed\":3,\"fan_speed\":\"x\",\"größe\":1.5,\"3d\":true}"},
        /* 30.0 for an integer; a half stays what it is, for the validator to refuse */
        {"light_set_3", "{\"fan_speed_2\":30.0}", "{\"fan speed\":30}"},
        {"light_set_3", "{\"fan_speed_2\":30.5}", "{\"fan speed\":30.5}"},
        /* null and "" where the argument may be absent; never where it is required */
        {"light_set_3", "{\"fan_speed_2\":1,\"fan_speed\":null,\"gr__e\":null}",
         "{\"fan speed\":1}"},
        {"light_set_3", "{\"fan_speed_2\":null,\"fan_speed\":\"\"}", "{\"fan speed\":null}"},
        /* capitals of an enum */
        {"refs", "{\"from\":\"HALL\",\"to\":\"kitchen\",\"mode\":\"Eco\"}",
         "{\"from\":\"Hall\",\"to\":\"Kitchen\",\"mode\":\"eco\"}"},
        {"refs", "{\"from\":\"Attic\"}", "{\"from\":\"Attic\"}"},
        /* branches of a union */
        {"refs", "{\"from\":\"Hall\",\"level\":\"up\"}", "{\"from\":\"Hall\",\"level\":\"up\"}"},
        /* what the schema does not know stays, for the validator to refuse */
        {"refs", "{\"from\":\"Hall\",\"bogus\":[1,{\"a\":null}]}",
         "{\"from\":\"Hall\",\"bogus\":[1,{\"a\":null}]}"},
        {"nobody", "{\"a\":1.0,\"b\":\"\"}", "{\"a\":1.0,\"b\":\"\"}"},
    };
    (void)state;
    struct lt_cloud_tools *t = tools_of(NAUGHTY);
    const char *fan = lt__tool_safe_name(t, "light.set");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_cloud_reply r = {0};
        json_t *args = json_loads(rows[i].args, 0, NULL);
        const char *name = strcmp(rows[i].tool, "light_set_3") == 0 ? fan : rows[i].tool;
        assert_int_equal(lt__tools_take_call(t, &r, NULL, name, args), LT_OK);
        json_t *got = json_loads(r.calls[0].arguments_json, 0, NULL);
        json_t *want = json_loads(rows[i].want, 0, NULL);
        if (!json_equal(got, want)) fail_msg("row %zu: %s", i, r.calls[0].arguments_json);
        assert_true(strncmp(r.calls[0].id, LT_MADE_UP_ID, strlen(LT_MADE_UP_ID)) == 0);
        json_decref(got);
        json_decref(want);
        json_decref(args);
        lt_cloud_reply_fini(&r);
    }
    lt_cloud_tools_unref(t);
}

static void test_tools__bad_catalogues__say_what_is_wrong(void **state)
{
    static const struct {
        const char *json, *says;
        enum lt_err err;
    } rows[] = {
        {"[", "", LT_ERR_PARSE},
        {"{}", "array", LT_ERR_INVALID},
        {"[{}]", "/tools/0", LT_ERR_INVALID},
        {"[{\"name\":\"a\"},{\"name\":\"a\"}]", "twice", LT_ERR_INVALID},
        {"[{\"name\":\"a\",\"parameters\":[1]}]", "'a'", LT_ERR_INVALID},
        {"[{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":"
         "\"#/$defs/gone\"}}}}]",
         "gone", LT_ERR_INVALID},
        {"[{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"$defs\":{\"n\":{\"type\":"
         "\"object\",\"properties\":{\"n\":{\"$ref\":\"#/$defs/n\"}}}},\"properties\":{\"n\":{"
         "\"$ref\":\"#/$defs/n\"}}}}]",
         "refer to themselves", LT_ERR_LIMIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_cloud_tools *t = NULL;
        struct lt_diag d = {0};
        enum lt_err err = lt_cloud_tools_new(rows[i].json, strlen(rows[i].json), &t, &d);
        if (err != rows[i].err || !strstr(d.text, rows[i].says) || !d.text[0] || t)
            fail_msg("row %zu: %s: %s", i, lt_err_name(err), d.text);
    }
    json_t *many = json_array();
    for (int i = 0; i <= LT_CLOUD_MAX_TOOLS; i++)
        json_array_append_new(many, json_pack("{s:o}", "name", json_sprintf("t%d", i)));
    char *json = json_dumps(many, 0);
    struct lt_cloud_tools *t = NULL;
    assert_int_equal(lt_cloud_tools_new(json, strlen(json), &t, NULL), LT_ERR_LIMIT);
    free(json);
    json_decref(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render__home_tools__fit_every_vendor),
        cmocka_unit_test(test_render__naughty_catalogue__fits_every_vendor),
        cmocka_unit_test(test_render__one_tool__reads_as_written_in_each_dialect),
        cmocka_unit_test(test_render__same_tools_in_another_order__are_the_same_bytes),
        cmocka_unit_test(test_tools__every_name__comes_back),
        cmocka_unit_test(test_tools__calls__are_brought_back_to_the_catalogue),
        cmocka_unit_test(test_tools__bad_catalogues__say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
