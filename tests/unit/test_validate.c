/* test_validate.c - every keyword, the paths of errors, patterns, hostile schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/clock.h"
#include "lt/json.h"
#include "lt/pattern.h"
#include "lt/validate.h"

/* JSON with ' for ", to be readable in C. */
static json_t *J(const char *text)
{
    char copy[2000];
    size_t n = strlen(text);
    assert_true(n < sizeof copy);
    for (size_t i = 0; i <= n; i++) copy[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    json_t *v = NULL;
    struct lt_diag d = {0};
    if (lt_json_parse(copy, n, sizeof copy, &v, &d)) fail_msg("%s: %s", text, d.text);
    return v;
}

/* schema, value, NULL when it fits or the exact error */
static const struct {
    const char *schema, *value, *error;
} cases[] = {
    {"true", "1", NULL},
    {"false", "1", "/: is not allowed here"},
    {"{}", "[1,{'a':null}]", NULL},
    {"{'type':'string'}", "'x'", NULL},
    {"{'type':'string'}", "3", "/: expected string, got integer"},
    {"{'type':'integer'}", "3.0", NULL},
    {"{'type':'integer'}", "3.5", "/: expected integer, got number"},
    {"{'type':'number'}", "3", NULL},
    {"{'type':'boolean'}", "null", "/: expected boolean, got null"},
    {"{'type':'null'}", "null", NULL},
    {"{'type':'object'}", "[]", "/: expected object, got array"},
    {"{'type':'array'}", "{}", "/: expected array, got object"},
    {"{'type':['string','null']}", "null", NULL},
    {"{'type':['string','null']}", "true", "/: expected string or null, got boolean"},
    {"{'enum':['on','off',1]}", "1.0", NULL},
    {"{'enum':['on','off']}", "'blue'", "/: \"blue\" is not one of [\"on\",\"off\"]"},
    {"{'const':{'a':[1]}}", "{'a':[1.0]}", NULL},
    {"{'const':5}", "6", "/: 6 is not 5"},
    {"{'properties':{'a':{'type':'string'}}}", "{'a':1}", "/a: expected string, got integer"},
    {"{'properties':{'a':{'type':'string'}}}", "{'b':1}", NULL},
    {"{'properties':{'a/b~':{'type':'string'}}}", "{'a/b~':1}",
     "/a~1b~0: expected string, got integer"},
    {"{'required':['a','b']}", "{'a':1}", "/b: is required"},
    {"{'additionalProperties':false,'properties':{'a':{}}}", "{'a':1}", NULL},
    {"{'additionalProperties':false,'properties':{'a':{}}}", "{'ab':1}", "/ab: is not a known key"},
    {"{'additionalProperties':{'type':'integer'}}", "{'x':'y'}",
     "/x: expected integer, got string"},
    {"{'patternProperties':{'^x-':{'type':'integer'}},'additionalProperties':false}", "{'x-a':1}",
     NULL},
    {"{'patternProperties':{'^x-':{'type':'integer'}}}", "{'x-a':'1'}",
     "/x-a: expected integer, got string"},
    {"{'propertyNames':{'maxLength':2}}", "{'abc':1}", "/abc: has 3 characters, more than 2"},
    {"{'minProperties':2}", "{'a':1}", "/: has 1 keys, fewer than 2"},
    {"{'maxProperties':0}", "{'a':1}", "/: has 1 keys, more than 0"},
    {"{'items':{'type':'string'}}", "['a',2]", "/1: expected string, got integer"},
    {"{'items':false,'prefixItems':[{'type':'string'}]}", "['a']", NULL},
    {"{'items':false,'prefixItems':[{'type':'string'}]}", "['a',1]", "/1: is not allowed here"},
    {"{'prefixItems':[{'type':'string'}]}", "[1]", "/0: expected string, got integer"},
    {"{'minItems':1}", "[]", "/: has 0 items, fewer than 1"},
    {"{'maxItems':1}", "[1,2]", "/: has 2 items, more than 1"},
    {"{'uniqueItems':true}", "[1,'1',{'a':1}]", NULL},
    {"{'uniqueItems':true}", "[{'a':1},2,{'a':1.0}]", "/: items 0 and 2 are the same"},
    {"{'minimum':0}", "0", NULL},
    {"{'minimum':0}", "-1", "/: -1 is less than 0"},
    {"{'maximum':100}", "140", "/: 140 is more than 100"},
    {"{'maximum':9007199254740993}", "9007199254740994",
     "/: 9007199254740994 is more than 9007199254740993"},
    {"{'exclusiveMinimum':0}", "0", "/: 0 is not more than 0"},
    {"{'exclusiveMaximum':1.5}", "1.5", "/: 1.5 is not less than 1.5"},
    {"{'multipleOf':5}", "25", NULL},
    {"{'multipleOf':5}", "7", "/: 7 is not a multiple of 5"},
    {"{'multipleOf':0.1}", "0.3", NULL},
    {"{'multipleOf':0.5}", "0.7", "/: 0.69999999999999996 is not a multiple of 0.5"},
    {"{'minLength':2}", "'\xC3\xA9'", "/: has 1 characters, fewer than 2"},
    {"{'maxLength':1}", "'\xF0\x9F\x98\x80'", NULL},
    {"{'maxLength':1}", "'ab'", "/: has 2 characters, more than 1"},
    {"{'pattern':'^[a-z]+$'}", "'abc'", NULL},
    {"{'pattern':'^[a-z]+$'}", "'aBc'", "/: \"aBc\" does not match ^[a-z]+$"},
    {"{'minimum':5,'minLength':3,'minItems':2}", "true", NULL}, /* other types are not concerned */
    {"{'anyOf':[{'type':'string'},{'minimum':3}]}", "5", NULL},
    {"{'anyOf':[{'type':'string'},{'type':'integer','minimum':3}]}", "2", "/: 2 is less than 3"},
    {"{'anyOf':[{'const':1},{'const':2}]}", "3", "/: fits none of the 2 forms allowed"},
    {"{'oneOf':[{'minimum':3},{'maximum':1}]}", "5", NULL},
    {"{'oneOf':[{'minimum':3},{'minimum':1}]}", "5",
     "/: fits 2 of the forms of which it must fit one"},
    {"{'allOf':[{'minimum':3},{'maximum':4}]}", "5", "/: 5 is more than 4"},
    {"{'not':{'type':'string'}}", "1", NULL},
    {"{'not':{'type':'string'}}", "'x'", "/: has a form that is excluded"},
    {"{'if':{'required':['a']},'then':{'required':['b']},'else':{'required':['c']}}",
     "{'a':1,'b':1}", NULL},
    {"{'if':{'required':['a']},'then':{'required':['b']},'else':{'required':['c']}}", "{'a':1}",
     "/b: is required"},
    {"{'if':{'required':['a']},'then':{'required':['b']},'else':{'required':['c']}}", "{}",
     "/c: is required"},
    {"{'$ref':'#/$defs/n','$defs':{'n':{'type':'integer'}}}", "'x'",
     "/: expected integer, got string"},
    {"{'$ref':'#/definitions/n','definitions':{'n':{'type':'integer'}}}", "3", NULL},
    {"{'properties':{'next':{'$ref':'#'},'v':{'type':'integer'}}}", "{'next':{'next':{'v':'x'}}}",
     "/next/next/v: expected integer, got string"},
    {"{'title':'t','description':'d','default':1,'examples':[2],'format':'date','$comment':'c',"
     "'deprecated':true,'readOnly':true,'writeOnly':false,'x-note':{}}",
     "'anything'", NULL},
    {"{'properties':{'home':{'properties':{'entities':{'items':{'properties':{'name':{'type':"
     "'string'}}}}}}}}",
     "{'home':{'entities':[{'name':'a'},{'name':3}]}}",
     "/home/entities/1/name: expected string, got integer"},
};

static void test_validate__every_keyword__verdict_and_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *schema = J(cases[i].schema), *value = J(cases[i].value);
        struct lt_schema *s = NULL;
        struct lt_diag d = {0};
        if (lt_schema_compile(schema, NULL, NULL, &s, &d))
            fail_msg("row %zu does not compile: %s", i, d.text);
        json_decref(schema); /* the schema keeps what it needs */
        enum lt_err err = lt_schema_validate(s, value, "", &d);
        if (err != (cases[i].error ? LT_ERR_INVALID : LT_OK))
            fail_msg("row %zu %s: %s %s", i, cases[i].schema, lt_err_name(err), d.text);
        if (cases[i].error) assert_string_equal(d.text, cases[i].error);
        lt_schema_free(s);
        json_decref(value);
    }
}

static void test_compile__outside_the_subset__refused_with_path(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        enum lt_err err;
        const char *part;
    } rows[] = {
        {"3", LT_ERR_INVALID, "expected object, got integer"},
        {"{'type':'text'}", LT_ERR_INVALID, "/type: is none of"},
        {"{'type':[]}", LT_ERR_INVALID, "/type: is an empty list"},
        {"{'enum':[]}", LT_ERR_INVALID, "/enum"},
        {"{'required':'a'}", LT_ERR_INVALID, "/required"},
        {"{'required':[1]}", LT_ERR_INVALID, "/required"},
        {"{'minLength':-1}", LT_ERR_INVALID, "/minLength"},
        {"{'maxItems':1.5}", LT_ERR_INVALID, "/maxItems"},
        {"{'minimum':'1'}", LT_ERR_INVALID, "/minimum"},
        {"{'multipleOf':0}", LT_ERR_INVALID, "/multipleOf"},
        {"{'uniqueItems':1}", LT_ERR_INVALID, "/uniqueItems"},
        {"{'anyOf':[]}", LT_ERR_INVALID, "/anyOf"},
        {"{'allOf':{}}", LT_ERR_INVALID, "/allOf"},
        {"{'properties':[]}", LT_ERR_INVALID, "/properties"},
        {"{'properties':{'a':{'items':{'type':7}}}}", LT_ERR_INVALID, "/properties/a/items/type"},
        {"{'$dynamicRef':'#x'}", LT_ERR_UNSUPPORTED, "/$dynamicRef: this keyword"},
        {"{'unevaluatedProperties':false}", LT_ERR_UNSUPPORTED, "unevaluatedProperties"},
        {"{'maximun':3}", LT_ERR_UNSUPPORTED, "/maximun"},
        {"{'$ref':'#/$defs/x'}", LT_ERR_INVALID, "names no definition"},
        {"{'$ref':'http://example.org/x'}", LT_ERR_UNSUPPORTED, "$ref"},
        {"{'$ref':'other.json#/$defs/x'}", LT_ERR_UNSUPPORTED, "not known"},
        {"{'$ref':'#/properties/a'}", LT_ERR_UNSUPPORTED, "$ref"},
        {"{'pattern':'(?=a)'}", LT_ERR_UNSUPPORTED, "look-around"},
        {"{'pattern':'['}", LT_ERR_INVALID, "/pattern"},
        {"{'patternProperties':{'(':{}}}", LT_ERR_INVALID, "/patternProperties"},
        {"{'$defs':{'unused':{'type':'x'}}}", LT_ERR_INVALID, "/$defs/unused/type"},
        {"{'x-entity':3}", LT_ERR_INVALID, "/x-entity"},
        {"{'x-area':'yes'}", LT_ERR_INVALID, "/x-area"},
        {"{'x-entity':{'domain':3}}", LT_ERR_INVALID, "/x-entity"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *schema = J(rows[i].schema);
        struct lt_schema *s = NULL;
        struct lt_diag d = {0};
        enum lt_err err = lt_schema_compile(schema, NULL, NULL, &s, &d);
        if (err != rows[i].err || !strstr(d.text, rows[i].part))
            fail_msg("row %zu %s: %s \"%s\"", i, rows[i].schema, lt_err_name(err), d.text);
        assert_null(s);
        json_decref(schema);
    }
}

/* A schema that multiplies or eats itself must end with an error, soon. */
static void test_validate__hostile_schema__ends_in_bounded_time(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{'$ref':'#'}",
        "{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/a'}}}",
        "{'anyOf':[{'$ref':'#'},{'$ref':'#'}]}",
        "{'oneOf':[{'$ref':'#'},{'$ref':'#'},{'$ref':'#'}]}",
        "{'not':{'$ref':'#'}}",
    };
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        json_t *schema = J(schemas[i]), *value = json_integer(1);
        struct lt_schema *s = NULL;
        struct lt_diag d = {0};
        assert_int_equal(lt_schema_compile(schema, NULL, NULL, &s, &d), LT_OK);
        lt_us start = lt_now_us();
        assert_int_equal(lt_schema_validate(s, value, "", &d), LT_ERR_LIMIT);
        assert_true(lt_now_us() - start < 20000000);
        lt_schema_free(s);
        json_decref(schema);
        json_decref(value);
    }
}

static int is_kitchen(enum lt_name_kind kind, const json_t *rule, const char *name, void *user)
{
    ++*(int *)user;
    if (kind == LT_NAME_ENTITY)
        return !strcmp(name, "lamp") && json_object_get(rule, "domain") != NULL;
    return kind == LT_NAME_AREA && !strcmp(name, "Kitchen");
}

static void test_validate__names_of_the_home__asked_for(void **state)
{
    (void)state;
    json_t *schema = J("{'properties':{'name':{'type':'string','x-entity':{'domain':['light']}},"
                       "'areas':{'type':'array','items':{'type':'string','x-area':true}},"
                       "'list':{'x-area':true},'floor':{'x-floor':true},'off':{'x-area':false}}}");
    struct lt_schema *s = NULL;
    assert_int_equal(lt_schema_compile(schema, NULL, NULL, &s, NULL), LT_OK);
    static const struct {
        const char *value, *error;
    } rows[] = {
        {"{'name':'lamp','areas':['Kitchen'],'off':'nowhere'}", NULL},
        {"{'name':'fan'}", "/1/arguments/name: \"fan\" is no device of this home that fits here"},
        {"{'areas':['Kitchen','Moon']}",
         "/1/arguments/areas/1: \"Moon\" is no area of this home that fits here"},
        {"{'list':['Kitchen','Mars']}",
         "/1/arguments/list/1: \"Mars\" is no area of this home that fits here"},
        {"{'floor':'Roof'}",
         "/1/arguments/floor: \"Roof\" is no floor of this home that fits here"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *v = J(rows[i].value);
        int n_asked = 0;
        struct lt_diag d = {0};
        enum lt_err err = lt_schema_validate_names(s, v, "/1/arguments", is_kitchen, &n_asked, &d);
        assert_int_equal(err, rows[i].error ? LT_ERR_INVALID : LT_OK);
        if (rows[i].error) assert_string_equal(d.text, rows[i].error);
        assert_true(n_asked > 0);
        /* without a check names are just strings */
        assert_int_equal(lt_schema_validate(s, v, "", NULL), LT_OK);
        json_decref(v);
    }
    lt_schema_free(s);
    json_decref(schema);
}

static void test_validate__long_path__cut_not_overrun(void **state)
{
    (void)state;
    json_t *schema = J("{'additionalProperties':{'$ref':'#'},'maxProperties':1}");
    struct lt_schema *s = NULL;
    assert_int_equal(lt_schema_compile(schema, NULL, NULL, &s, NULL), LT_OK);
    json_t *v = J("{'a':1,'b':2}");
    char key[100];
    memset(key, '/', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    for (int i = 0; i < 8; i++) {
        json_t *outer = json_object();
        json_object_set_new(outer, key, v);
        v = outer;
    }
    struct lt_diag d = {0};
    assert_int_equal(lt_schema_validate(s, v, "", &d), LT_ERR_INVALID);
    assert_non_null(strstr(d.text, "..."));
    assert_non_null(strstr(d.text, "has 2 keys"));
    lt_schema_free(s);
    json_decref(schema);
    json_decref(v);
}

static void test_parameters__flat_and_schema__become_schema(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{'city':{'type':'string','description':'where','required':true},'n':{'type':'integer'}}",
         "{\"additionalProperties\":false,\"properties\":{\"city\":{\"description\":\"where\","
         "\"type\":\"string\"},\"n\":{\"type\":\"integer\"}},\"required\":[\"city\"],"
         "\"type\":\"object\"}"},
        {"{}",
         "{\"additionalProperties\":false,\"properties\":{},\"required\":[],\"type\":\"object\"}"},
        {"{'type':'object','properties':{}}",
         "{\"additionalProperties\":false,\"properties\":{},\"type\":\"object\"}"},
        {"{'type':'object','additionalProperties':true}",
         "{\"additionalProperties\":true,\"type\":\"object\"}"},
        /* a flat parameter that is called "type" */
        {"{'type':{'type':'string'}}",
         "{\"additionalProperties\":false,\"properties\":{\"type\":{\"type\":\"string\"}},"
         "\"required\":[],\"type\":\"object\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *in = J(rows[i].in), *out = NULL;
        assert_int_equal(lt_schema_from_parameters(in, &out, NULL), LT_OK);
        char *text = lt_json_dump_sorted(out);
        assert_string_equal(text, rows[i].out);
        free(text);
        json_decref(in);
        json_decref(out);
    }
    json_t *none = NULL, *bad = J("{'city':'string'}"), *list = J("[]"),
           *wrong = J("{'type':'array'}");
    assert_int_equal(lt_schema_from_parameters(NULL, &none, NULL), LT_OK);
    json_decref(none);
    struct lt_diag d = {0};
    assert_int_equal(lt_schema_from_parameters(bad, &none, &d), LT_ERR_INVALID);
    assert_string_equal(d.text, "/city: expected object, got string");
    assert_int_equal(lt_schema_from_parameters(list, &none, NULL), LT_ERR_INVALID);
    assert_int_equal(lt_schema_from_parameters(wrong, &none, NULL), LT_ERR_INVALID);
    json_decref(bad);
    json_decref(list);
    json_decref(wrong);
}

static void test_pattern__table__matches(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        int is_match;
    } rows[] = {
        {"", "", 1},
        {"abc", "xxabcxx", 1},
        {"^abc$", "xabc", 0},
        {"a.c",
         "a\xC3\xA9"
         "c",
         1},
        {"a.c", "a\nc", 0},
        {"^(a|bc|)d$", "bcd", 1},
        {"^(a|bc|)d$", "d", 1},
        {"^(?:ab)+$", "ababab", 1},
        {"^(?:ab)+$", "aba", 0},
        {"^a{3}$", "aaa", 1},
        {"^a{3}$", "aa", 0},
        {"^a{2,}$", "aaaaa", 1},
        {"^a{2,}$", "a", 0},
        {"^a{0,2}$", "aaa", 0},
        {"^a{0,2}$", "", 1},
        {"^(ab?){2}$", "aab", 1},
        {"^a*?b+?c??$", "aabb", 1},
        {"^[a-c]+$", "abcd", 0},
        {"^[^a-c]+$", "xyz", 1},
        {"^[^a-c]+$", "xya", 0},
        {"^[-a]+$", "a-a", 1},
        {"^[a-]+$", "a-a", 1},
        {"^[\\]\\\\]+$", "]\\", 1},
        {"^\\d{2}:\\d{2}$", "07:30", 1},
        {"^\\D+$", "abc1", 0},
        {"^[\\w.]+@\\w+$", "a_b.c@d", 1},
        {"^[\\D]$", "5", 0},
        {"\\s",
         "a\xC2\xA0"
         "b",
         1},
        {"^\\S+$", "a b", 0},
        {"\\bcat\\b", "a cat sat", 1},
        {"\\bcat\\b", "concat", 0},
        {"\\Bcat", "concat", 1},
        {"^\\u00e9\\x41$",
         "\xC3\xA9"
         "A",
         1},
        {"^[\\u00e0-\\u00ff]$", "\xC3\xA9", 1},
        {"^\xC3\xA9+$", "\xC3\xA9\xC3\xA9", 1},
        {"\\/\\.\\-", "/.-", 1},
        {"^\\t\\n$", "\t\n", 1},
        {"^a{x}$", "a{x}", 1}, /* no quantifier: a plain brace */
        {"a||b", "", 1},
        {"^(a*)*$", "aaaa", 1},
        {"^(a|a)*$", "aaab", 0},
        {"^a{0}b$", "b", 1},
        {"x$|^y", "yz", 1},
        {"^(){0,302}$", "", 1}, /* nothing, many times */
        {"^(){3,}a$", "a", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_pattern *p = NULL;
        struct lt_diag d = {0};
        enum lt_err err = lt_pattern_compile(rows[i].pattern, &p, &d);
        if (err) fail_msg("row %zu %s: %s", i, rows[i].pattern, d.text);
        int m = lt_pattern_match(p, rows[i].text, strlen(rows[i].text));
        if (m != rows[i].is_match)
            fail_msg("row %zu /%s/ on \"%s\": %d", i, rows[i].pattern, rows[i].text, m);
        lt_pattern_free(p);
    }
}

static void test_pattern__outside_the_subset__refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        enum lt_err err;
    } rows[] = {
        {"(", LT_ERR_INVALID},
        {")", LT_ERR_INVALID},
        {"a)", LT_ERR_INVALID},
        {"[a", LT_ERR_INVALID},
        {"[b-a]", LT_ERR_INVALID},
        {"*a", LT_ERR_INVALID},
        {"a**", LT_ERR_INVALID},
        {"^*", LT_ERR_INVALID},
        {"a{3,2}", LT_ERR_INVALID},
        {"\\", LT_ERR_INVALID},
        {"\\u12", LT_ERR_INVALID},
        {"(?=a)", LT_ERR_UNSUPPORTED},
        {"(?<n>a)", LT_ERR_UNSUPPORTED},
        {"(a)\\1", LT_ERR_UNSUPPORTED},
        {"\\p{L}", LT_ERR_UNSUPPORTED},
        {"\\u{1F600}", LT_ERR_UNSUPPORTED},
        {"\\ud83d", LT_ERR_UNSUPPORTED},
        {"a{1001}", LT_ERR_LIMIT},
        {"(a{1000}){1000}", LT_ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_pattern *p = NULL;
        struct lt_diag d = {0};
        enum lt_err err = lt_pattern_compile(rows[i].pattern, &p, &d);
        if (err != rows[i].err) fail_msg("%s: %s %s", rows[i].pattern, lt_err_name(err), d.text);
        assert_null(p);
    }
    char deep[400];
    memset(deep, '(', 399);
    deep[399] = '\0';
    struct lt_pattern *p = NULL;
    assert_int_equal(lt_pattern_compile(deep, &p, NULL), LT_ERR_LIMIT);
}

static void test_pattern__classic_bomb__linear(void **state)
{
    (void)state;
    char text[20001];
    memset(text, 'a', 20000);
    text[20000] = '\0';
    struct lt_pattern *p = NULL;
    assert_int_equal(lt_pattern_compile("^(a+)+(a|aa)*$", &p, NULL), LT_OK);
    text[19999] = 'b';
    lt_us start = lt_now_us();
    assert_int_equal(lt_pattern_match(p, text, 20000), 0);
    assert_true(lt_now_us() - start < 5000000);
    lt_pattern_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate__every_keyword__verdict_and_path),
        cmocka_unit_test(test_compile__outside_the_subset__refused_with_path),
        cmocka_unit_test(test_validate__hostile_schema__ends_in_bounded_time),
        cmocka_unit_test(test_validate__names_of_the_home__asked_for),
        cmocka_unit_test(test_validate__long_path__cut_not_overrun),
        cmocka_unit_test(test_parameters__flat_and_schema__become_schema),
        cmocka_unit_test(test_pattern__table__matches),
        cmocka_unit_test(test_pattern__outside_the_subset__refused),
        cmocka_unit_test(test_pattern__classic_bomb__linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
