/* Catalogues made ready: what each form of JSON Schema becomes, homes, blocks, and the features and
 * flags of utterances. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "san/engine.h"
#include "san/plan.h"
#include "tiny_lang.h"

static struct san_tokenizer *tokenizer;
static struct san_pieces pieces;

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    tokenizer = tiny_tokenizer(700, NULL);
    return san_pieces_init(&pieces, tokenizer, SAN_GRAMMAR, &diag) != LT_OK;
}

static int teardown(void **state)
{
    (void)state;
    san_tokenizer_free(tokenizer);
    return 0;
}

static struct san_tool_plan *tool_of(const char *text)
{
    struct san_tool_plan *t = NULL;
    struct lt_diag diag = {0};
    json_t *j = tiny_json(text);
    if (san_tool_plan_new(&pieces, j, "/tools/0", &t, &diag)) fail_msg("%s: %s", text, diag.text);
    json_decref(j);
    return t;
}

static struct san_plan plan_of(const char *text)
{
    struct san_plan p;
    struct lt_diag diag = {0};
    json_t *j = tiny_json(text);
    if (san_plan_init(&p, &pieces, j, &diag)) fail_msg("%s: %s", text, diag.text);
    json_decref(j);
    return p;
}

/* ---- tools ---- */

static void LT_PRINTF(2, 3) add(char *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = strlen(out);
    vsnprintf(out + n, 1024 - n, fmt, args);
    va_end(args);
}

/* One parameter in short: path:kind, ! required, * list, + list or one, @ target, ~ implied, #group,
 * {n..m items}, u unique, [min..max /step], (listed values), <domains>, <<classes>>. */
static void describe(const struct san_param *p, char *out)
{
    static const char *const kinds[] = {"str", "int",  "num",   "bool", "enum",
                                        "ent", "area", "floor", "kind"};
    for (const char *c = p->path; *c; c++) add(out, "%c", *c == '\x1f' ? '.' : *c);
    add(out, ":%s%s%s", kinds[p->kind], p->kind == SAN_PARAM_KIND && p->kind_is_class ? "2" : "",
        p->is_required ? "!" : "");
    add(out, "%s%s%s",
        p->is_list_or_one ? "+"
        : p->is_list      ? "*"
                          : "",
        p->is_target ? "@" : "", p->is_implied ? "~" : "");
    if (p->group >= 0) add(out, "#%d", p->group);
    if (p->is_list && (p->min_items > 1 || p->max_items < SAN_LIST_MAX))
        add(out, "{%d..%d}", p->min_items, p->max_items);
    if (p->is_unique) add(out, "u");
    if (isfinite(p->min) || isfinite(p->max) || p->step > 0) {
        add(out, "[%.10g..%.10g", p->min, p->max);
        if (p->step > 0) add(out, "/%g", p->step);
        add(out, "]");
    }
    for (int i = 0; i < p->n_value; i++)
        add(out, "%s%s%s", i ? "|" : "(", p->value_json[i], i + 1 == p->n_value ? ")" : "");
    for (int i = 0; i < p->n_filter; i++)
        add(out, "%s%s%s", i ? "|" : "<", p->filter[i], i + 1 == p->n_filter ? ">" : "");
    for (int i = 0; i < p->n_filter_class; i++)
        add(out, "%s%s%s", i ? "|" : "<<", p->filter_class[i],
            i + 1 == p->n_filter_class ? ">>" : "");
}

/* Markers ascend and stand where the special tokens stand; every item has one of its own kind. */
static void check_block(const struct san_tool_plan *t)
{
    const struct san_block_text *b = &t->block;
    assert_in_range(b->n_tok, 1, SAN_BLOCK_MAX_TOKENS);
    for (int i = 0; i < b->n_marker; i++) {
        if (i) assert_true(b->marker[i] > b->marker[i - 1]);
        int32_t tok = b->tok[b->marker[i]];
        assert_true(tok == (i ? pieces.param : pieces.tool) || (i && tok == pieces.val));
    }
    if (t->unusable_why) return;
    assert_int_equal(t->n_items, b->n_marker);
    for (int i = 0; i < t->n_items; i++) {
        const struct san_item *it = &t->items[i];
        assert_int_equal(it->marker, b->marker[i]);
        assert_int_equal(b->tok[it->marker], it->cls == SAN_CLASS_TOOL    ? pieces.tool
                                             : it->cls == SAN_CLASS_PARAM ? pieces.param
                                                                          : pieces.val);
    }
    for (int i = 0; i < t->n_params; i++) {
        const struct san_param *p = &t->params[i];
        if (p->is_target || p->is_implied) continue;
        assert_int_equal(t->items[p->item].cls, SAN_CLASS_PARAM);
        for (int k = 0; k < p->n_value; k++)
            assert_int_equal(t->items[p->value_item + k].cls, SAN_CLASS_VALUE);
    }
}

static void test_tool__forms_of_parameters__planned_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *parameters, *plan; /* plan: parameters, then "; why" when unusable */
    } rows[] = {
        {"null", ""},
        {"{}", ""},
        {"{'type':'object'}", ""},
        {"{'type':'object','properties':{}}", ""},
        {"{'type':'object','properties':{'a':{'type':'string'},'b':{'type':'integer'},'c':{'type':"
         "'number'},'d':{'type':'boolean'}},'required':['b']}",
         "a:str b:int! c:num d:bool"},
        {"{'a':{'type':'string','description':'d','required':true},'b':{'type':'number'}}",
         "a:str! b:num"},
        {"{'type':{'type':'string'}}", "type:str"},
        {"{'properties':{'a':{}}}", "a:str"},
        {"{'properties':{'a':{'type':['string','null']},'b':{'type':['null','integer']}}}",
         "a:str b:int"},
        {"{'properties':{'a':{'anyOf':[{'type':'integer','minimum':2},{'type':'null'}]}}}",
         "a:int[2..inf]"},
        {"{'properties':{'a':{'oneOf':[{'type':'null'},{'type':'boolean'}]}}}", "a:bool"},
        {"{'properties':{'a':{'anyOf':[{'type':'string'},{'type':'null'}],'x-area':true}}}",
         "a:area@"},
        {"{'properties':{'a':{'enum':['x','y']},'b':{'type':'integer','enum':[1,2]},'c':{'const':"
         "'only'},'d':{'type':'number','enum':[0.5,true,null,'s']}}}",
         "a:enum(\"x\"|\"y\") b:enum(1|2) c:enum(\"only\") d:enum(0.5|true|\"s\")"},
        {"{'properties':{'a':{'type':'string','examples':['red','blue']}}}",
         "a:str(\"red\"|\"blue\")"},
        {"{'properties':{'a':{'type':'integer','minimum':0,'maximum':100},'b':{'type':'number',"
         "'minimum':-1.5},'c':{'type':'integer','exclusiveMinimum':0,'exclusiveMaximum':10}}}",
         "a:int[0..100] b:num[-1.5..inf] c:int[1..9]"},
        {"{'properties':{'a':{'type':'number','exclusiveMinimum':0,'exclusiveMaximum':1}}}",
         "a:num[4.940656458e-324..1]"},
        {"{'properties':{'a':{'type':'integer','multipleOf':5},'b':{'type':'number','multipleOf':"
         "0.5}}}",
         "a:int[-inf..inf/5] b:num[-inf..inf/0.5]"},
        {"{'properties':{'a':{'type':'array','items':{'type':'string'}},'b':{'type':'array'},'c':{"
         "'type':'array','items':{'enum':['x','y']},'uniqueItems':true,'minItems':1,'maxItems':2}}"
         "}",
         "a:str* b:str* c:enum*{1..2}u(\"x\"|\"y\")"},
        {"{'properties':{'a':{'type':['string','array'],'items':{'type':'string'}}}}", "a:str+"},
        {"{'properties':{'a':{'type':['array','string'],'items':{'enum':['x','y']}}}}",
         "a:enum*(\"x\"|\"y\")"},
        {"{'properties':{'a':{'type':['string','array'],'enum':['x','y']}}}",
         "a:enum(\"x\"|\"y\")"},
        {"{'properties':{'a':{'type':'array','items':{'type':'integer'},'minItems':2,'maxItems':3"
         "}}}",
         "a:int*{2..3}"},
        {"{'properties':{'a':{'type':'array','minItems':9}},'required':['a']}",
         "; a required list of a length that is not supported"},
        {"{'properties':{'z':{'type':'object','properties':{'name':{'type':'string'},'n':{'type':"
         "'integer'}},'required':['name']}},'required':['z']}",
         "z.name:str! z.n:int"},
        {"{'properties':{'z':{'type':'object','properties':{'a':{'type':'string'},'y':{'type':"
         "'object','properties':{'b':{'type':'string'}},'required':['b']}},'required':['a']},'q':{"
         "'type':'string'}}}",
         "z.a:str!#0 z.y.b:str!#1 q:str"},
        {"{'properties':{'z':{'type':'object','properties':{'y':{'type':'object','properties':{'b':"
         "{'type':'string'}},'required':['b']}},'required':['y']}}}",
         "z.y.b:str!#0"},
        {"{'properties':{'z':{'properties':{'y':{'properties':{'x':{'properties':{'w':{'properties'"
         ":{'v':{'type':'string'}}}}}}}}}}}",
         "z.y.x.w.v:str#3"},
        {"{'properties':{'z':{'properties':{'y':{'properties':{'x':{'properties':{'w':{'properties'"
         ":{'v':{'properties':{'u':{'type':'string'}}}}}}}}}}}}}",
         ""},
        /* places */
        {"{'properties':{'n':{'type':'string','x-entity':{'domain':['light','fan'],'device_class':"
         "'tv'}},'area':{'type':'string','x-area':true},'floor':{'type':'string','x-floor':true},"
         "'domain':{'type':'string','enum':['light','fan']},'device_class':{'type':'string'}}}",
         "n:ent@<light|fan><<tv>> area:area@ floor:floor@ domain:kind<light|fan> "
         "device_class:kind2"},
        {"{'properties':{'n':{'type':'string','x-entity':true},'domain':{'enum':['light']}}}",
         "n:ent@ domain:kind~<light>"},
        {"{'properties':{'n':{'x-entity':{}},'domain':{'type':'array','items':{'enum':['light',"
         "'fan']}}}}",
         "n:ent@ domain:kind*<light|fan>"},
        {"{'properties':{'domain':{'type':'string'}}}", "domain:str"},
        {"{'properties':{'n':{'x-entity':{}},'area':{'x-area':true}},'required':['area']}",
         "n:ent area:area!@"},
        {"{'properties':{'n':{'x-entity':{}},'area':{'x-area':true}},'required':['n']}",
         "n:ent!@ area:area@"},
        {"{'properties':{'n':{'type':'array','items':{'type':'string','x-entity':{}}}}}", "n:ent*"},
        {"{'properties':{'z':{'properties':{'n':{'x-entity':{}}},'required':['n']}},'required':['z'"
         "]}",
         "z.n:ent!"},
        {"{'properties':{'a':{'x-entity':false,'type':'string'}}}", "a:str"},
        {"{'properties':{'a':{'x-entity':{}},'b':{'x-entity':{}}}}", "a:ent@ b:ent"},
        /* what cannot be expressed is left out, or makes the tool unusable */
        {"{'properties':{'a':{'type':'array','items':{'type':'object'}},'b':{'type':'string'}}}",
         "b:str"},
        {"{'properties':{'a':{'type':'array','items':{'type':'object'}}},'required':['a']}",
         "; a required parameter with rules that are not supported"},
        {"{'properties':{'a':{'type':'object'}},'required':['a']}",
         "; a required object without properties, or nested too deeply"},
        {"{'properties':{'a':{'type':'object','properties':{'b':{'type':'string'}}}},'required':["
         "'a']}",
         "a.b:str; a required object without a required property"},
        {"{'properties':{'a':{'$ref':'#/$defs/x'}},'$defs':{'x':{'type':'string'}}}", ""},
        {"{'properties':{'a':{'allOf':[{'type':'string'}]}},'required':['a']}",
         "; a required parameter with rules that are not supported"},
        {"{'properties':{'a':{'type':'string','anyOf':[{'enum':['x']}]}}}", ""},
        {"{'properties':{'a':{'oneOf':[{'type':'integer'},{'type':'number'}]}}}", ""},
        {"{'properties':{'a':{'type':'null'}}}", ""},
        {"{'properties':{'a':{'type':'number','multipleOf':0.0003}}}", ""},
        {"{'properties':{'a':{'enum':[null,{}]}},'required':['a']}",
         "a:enum!; a required parameter without a usable value"},
        {"{'properties':{'a':{'type':'string'}},'required':['b']}",
         "a:str; a required property is not listed"},
        {"{'type':'object','properties':{'a':{'type':'string'}},'minProperties':1}",
         "a:str; parameters with rules that are not supported"},
        {"{'type':'object','properties':{'a':{'type':'string'}},'anyOf':[{'required':['a']}]}",
         "a:str; parameters with rules that are not supported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[2048], got[1024] = "";
        snprintf(text, sizeof text, "{'name':'tool','parameters':%s}", rows[i].parameters);
        struct san_tool_plan *t = tool_of(text);
        for (int k = 0; k < t->n_params; k++) {
            if (k) add(got, " ");
            describe(&t->params[k], got);
        }
        if (t->unusable_why) add(got, "; %s", t->unusable_why);
        if (strcmp(got, rows[i].plan))
            fail_msg("%s:\n  %s, not\n  %s", rows[i].parameters, got, rows[i].plan);
        check_block(t);
        san_tool_plan_unref(t);
    }
}

static void test_tool__input_schema__read_as_parameters(void **state)
{
    (void)state;
    struct san_tool_plan *t = tool_of(
        "{'name':'t','input_schema':{'type':'object','properties':{'a':{'type':'string'}}}}");
    assert_int_equal(t->n_params, 1);
    assert_int_equal(t->target_entity, -1);
    san_tool_plan_unref(t);
}

static void test_tool__known_home_tools__have_values_people_say(void **state)
{
    (void)state;
    struct san_tool_plan *t = tool_of("{'name':'HassLightSet','parameters':{'properties':{'color':{"
                                      "'type':'string'},'temperature':{'type':'integer'}}}}");
    assert_int_equal(t->params[0].n_value, 17);
    assert_string_equal(t->params[0].value_json[1], "\"red\"");
    assert_true(t->params[0].is_open);
    assert_int_equal(t->params[1].n_value, 0);
    check_block(t);
    san_tool_plan_unref(t);
}

static void test_tool__more_than_the_limits__unusable_or_cut(void **state)
{
    (void)state;
    char *text = malloc(200000);
    assert_non_null(text);
    /* one parameter too many: the last is left out, and missed only when it is required */
    for (int is_required = 0; is_required < 2; is_required++) {
        int n = sprintf(text, "{'name':'t','parameters':{'properties':{");
        for (int i = 0; i <= SAN_TOOL_MAX_PARAMS; i++)
            n += sprintf(text + n, "%s'p%d':{'type':'string'}", i ? "," : "", i);
        sprintf(text + n, "},'required':[%s'p%d'%s]}}", "", is_required ? SAN_TOOL_MAX_PARAMS : 0,
                "");
        struct san_tool_plan *t = tool_of(text);
        assert_int_equal(t->n_params, SAN_TOOL_MAX_PARAMS);
        assert_int_equal(t->unusable_why != NULL, is_required);
        check_block(t);
        san_tool_plan_unref(t);
    }
    /* likewise listed values */
    for (int is_required = 0; is_required < 2; is_required++) {
        int n = sprintf(text, "{'name':'t','parameters':{'properties':{'a':{'enum':[");
        for (int i = 0; i <= SAN_PARAM_MAX_VALUES; i++)
            n += sprintf(text + n, "%s%d", i ? "," : "", i);
        sprintf(text + n, "]}},'required':[%s]}}", is_required ? "'a'" : "");
        struct san_tool_plan *t = tool_of(text);
        assert_int_equal(t->params[0].n_value, SAN_PARAM_MAX_VALUES);
        assert_int_equal(t->unusable_why != NULL, is_required);
        san_tool_plan_unref(t);
    }
    /* more than a block holds, even without descriptions */
    int n = sprintf(text, "{'name':'t','parameters':{'properties':{");
    for (int i = 0; i < 40; i++)
        n += sprintf(text + n, "%s'a rather long name of a parameter number %d':{'type':'string'}",
                     i ? "," : "", i);
    sprintf(text + n, "}}}");
    struct san_tool_plan *t = tool_of(text);
    assert_non_null(t->unusable_why);
    assert_non_null(strstr(t->unusable_why, "block"));
    check_block(t);
    san_tool_plan_unref(t);
    free(text);
}

static void test_tool__long_descriptions__shortened_to_fit(void **state)
{
    (void)state;
    char *text = malloc(200000);
    assert_non_null(text);
    int n = sprintf(text, "{'name':'t','description':'");
    for (int i = 0; i < 500; i++) n += sprintf(text + n, "word%d ", i);
    n += sprintf(text + n, "','parameters':{'properties':{");
    for (int i = 0; i < 12; i++) {
        n += sprintf(text + n, "%s'p%c':{'type':'string','description':'", i ? "," : "", 'a' + i);
        for (int k = 0; k < 100; k++) n += sprintf(text + n, "say%d ", k);
        n += sprintf(text + n, "'}");
    }
    sprintf(text + n, "}}}");
    struct san_tool_plan *t = tool_of(text);
    assert_null(t->unusable_why);
    assert_int_equal(t->block.n_marker, 13);
    check_block(t);
    san_tool_plan_unref(t);
    free(text);
}

static void test_tool__equal_and_other_tools__block_hashes_tell(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{'name':'t','description':'d','parameters':{'properties':{'a':{'type':'string'}}}}",
        "{'name':'t','description':'d','parameters':{'properties':{'a':{'type':'integer'}}}}",
        ("{'name':'t','description':'d','parameters':{'properties':{'a':{'type':'string'}},"
         "'required':['a']}}"),
        "{'name':'t','description':'e','parameters':{'properties':{'a':{'type':'string'}}}}",
        "{'name':'u','description':'d','parameters':{'properties':{'a':{'type':'string'}}}}",
        "{'name':'t','description':'d','parameters':{'properties':{'b':{'type':'string'}}}}",
    };
    enum { N = sizeof texts / sizeof texts[0] };
    struct san_tool_plan *t[N], *again[N];
    for (int i = 0; i < N; i++) t[i] = tool_of(texts[i]), again[i] = tool_of(texts[i]);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            assert_int_equal(t[i]->block.hash[0] == again[k]->block.hash[0] &&
                                 t[i]->block.hash[1] == again[k]->block.hash[1],
                             i == k);
    /* a minified copy with members in another order is the same tool */
    struct san_tool_plan *other =
        tool_of("{'parameters':{'required':[],'type':'object','properties':{'a':{"
                "'type':'string'}}},'description':'d','name':'t'}");
    assert_memory_equal(other->block.hash, t[0]->block.hash, 16);
    san_tool_plan_unref(other);
    for (int i = 0; i < N; i++) san_tool_plan_unref(t[i]), san_tool_plan_unref(again[i]);
}

static void test_tool__what_people_write__cannot_forge_marks(void **state)
{
    (void)state;
    struct san_tool_plan *t = tool_of("{'name':'<param>','description':'<val> <tool> <ent>',"
                                      "'parameters':{'properties':{'<val>':{'type':'string'}}}}");
    int n_special = 0;
    for (int i = 0; i < t->block.n_tok; i++)
        n_special += san_token_type(tokenizer, t->block.tok[i]) == SAN_TOKEN_CONTROL;
    assert_int_equal(n_special, 4); /* <tool> <str> <param> <str> */
    san_tool_plan_unref(t);
}

/* ---- catalogues that are refused ---- */

static void test_plan__bad_catalogues__refused_with_path(void **state)
{
    (void)state;
    char longer[400];
    snprintf(longer, sizeof longer, "{'tools':[{'name':'%0300d'}]}", 1);
    const struct {
        const char *text;
        enum lt_err err;
        const char *says;
    } rows[] = {
        {"{}", LT_ERR_INVALID, "/tools"},
        {"{'tools':{}}", LT_ERR_INVALID, "/tools"},
        {"{'tools':[3]}", LT_ERR_INVALID, "/tools/0/name"},
        {"{'tools':[{'name':'a'},{'description':'x'}]}", LT_ERR_INVALID, "/tools/1/name"},
        {"{'tools':[{'name':''}]}", LT_ERR_INVALID, "/tools/0/name"},
        {longer, LT_ERR_LIMIT, "/tools/0/name"},
        {"{'tools':[{'name':'a','parameters':[]}]}", LT_ERR_INVALID, "/tools/0/parameters"},
        {"{'tools':[{'name':'a','parameters':{'properties':{'x':4}}}]}", LT_ERR_INVALID,
         "/tools/0/parameters/properties/x"},
        {"{'tools':[{'name':'same'},{'name':'b'},{'name':'same'}]}", LT_ERR_INVALID, "\"same\""},
        {"{'tools':[],'home':[]}", LT_ERR_INVALID, "/home"},
        {"{'tools':[],'home':{'areas':{}}}", LT_ERR_INVALID, "/home/areas"},
        {"{'tools':[],'home':{'areas':[{'name':'a'},{}]}}", LT_ERR_INVALID, "/home/areas/1/name"},
        {"{'tools':[],'home':{'entities':5}}", LT_ERR_INVALID, "/home/entities"},
        {"{'tools':[],'home':{'entities':[{'domain':'light'}]}}", LT_ERR_INVALID,
         "/home/entities/0/name"},
        {"{'tools':[],'home':{'areas':[{'name':'a'}],'entities':[{'name':'x','domain':'light','"
         "area'"
         ":'a'},{'name':'y'}]}}",
         LT_ERR_INVALID, "/home/entities/1/domain"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_plan p;
        struct lt_diag diag = {0};
        json_t *j = tiny_json(rows[i].text);
        assert_int_equal(san_plan_init(&p, &pieces, j, &diag), rows[i].err);
        if (!strstr(diag.text, rows[i].says)) fail_msg("%s: %s", rows[i].text, diag.text);
        assert_int_equal(diag.code, rows[i].err);
        json_decref(j);
    }
}

static void test_plan__too_many_tools__limit(void **state)
{
    (void)state;
    json_t *tools = json_array(), *catalog = json_pack("{s:o}", "tools", tools);
    for (int i = 0; i <= SAN_CATALOG_MAX_TOOLS; i++) json_array_append_new(tools, json_object());
    struct san_plan p;
    struct lt_diag diag = {0};
    assert_int_equal(san_plan_init(&p, &pieces, catalog, &diag), LT_ERR_LIMIT);
    json_decref(catalog);
}

/* ---- homes ---- */

#define HOME                                                                                       \
    "{'areas':[{'name':'Kitchen','floor':'Ground Floor','aliases':['Cook Room','Mum\\u0027s "      \
    "Den']},{'name':'Hall','floor':'ground floor'},{'name':'Attic','floor':'Upstairs'},{'name':"   \
    "'Shed'}],'entities':["                                                                        \
    "{'id':'light.k','name':'Kitchen Light','aliases':['spots'],'area':'Kitchen','domain':'light'" \
    "},{'id':'light.a','name':'Lamp','area':'Attic','domain':'light'},"                            \
    "{'id':'switch.a','name':'lamp','area':'attic','domain':'switch','device_class':'outlet'},"    \
    "{'id':'cover.d','name':'Door','area':'Shed','device_class':'garage'},"                        \
    "{'id':'fan.x','name':'Fan','domain':'fan','aliases':['SPOTS','']},"                           \
    "{'name':'Big Kitchen Light','domain':'light','area':'cook room'}],'here':'mum\\u0027s den'}"

/* What floor a text means by its name alone; -1 for none. */
static int floor_meant(const struct san_home_plan *h, const char *text)
{
    struct san_word words[SAN_WORDS_MAX];
    const int n = san_words(text, strlen(text), words, SAN_WORDS_MAX);
    int meant = -1;

    for (int f = 0; f < h->n_floors; f++) {
        const struct san_item *it = &h->items[h->floors[f].item];

        for (int k = 0; k < it->n_phrase; k++) {
            const struct san_phrase *p = &h->phrases[it->phrase + k];
            int same = p->n == n;

            for (int i = 0; same && i < n; i++) same = h->words[p->first + i] == words[i].hash;
            if (!same) continue;
            assert_int_equal(meant, -1);
            meant = f;
        }
    }
    return meant;
}

static void test_home__floors__answer_to_what_people_call_them(void **state)
{
    static const struct {
        const char *areas, *text;
        int floor;
    } cases[] = {
        {"{'name':'a','floor':'Ground Floor'},{'name':'b','floor':'First Floor'}", "upstairs", 1},
        {"{'name':'a','floor':'Ground Floor'},{'name':'b','floor':'First Floor'}", "downstairs", 0},
        {"{'name':'a','floor':'Erdgeschoss'},{'name':'b','floor':'Obergeschoss'}", "oben", 1},
        /* Americans count from one */
        {"{'name':'a','floor':'First Floor'},{'name':'b','floor':'Second Floor'}", "downstairs", 0},
        {"{'name':'a','floor':'First Floor'},{'name':'b','floor':'Second Floor'}", "upstairs", 1},
        /* two above: which one is not known; an attic is not meant where there is another */
        {"{'name':'a','floor':'Ground Floor'},{'name':'b','floor':'First Floor'},{'name':'c',"
         "'floor':'Second Floor'}",
         "upstairs", -1},
        {"{'name':'a','floor':'Ground Floor'},{'name':'b','floor':'First Floor'},{'name':'c',"
         "'floor':'Attic'}",
         "upstairs", 1},
        {"{'name':'a','floor':'Ground Floor'},{'name':'c','floor':'Attic'}", "upstairs", 1},
        {"{'name':'a','floor':'Ground Floor'},{'name':'c','floor':'Attic'}", "loft", 1},
        /* its own name goes to who has it, be it a room */
        {"{'name':'a','floor':'Ground Floor'},{'name':'b','floor':'Upstairs'}", "upstairs", 1},
        {"{'name':'Loft','floor':'Attic'},{'name':'b','floor':'Ground Floor'}", "loft", -1},
        /* a floor of unknown height may be the one that is meant */
        {"{'name':'a','floor':'Ground Floor'},{'name':'b','floor':'Mezzanine'}", "upstairs", -1},
        {"{'name':'a','floor':'First Floor'}", "upstairs", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[400];

        snprintf(text, sizeof text, "{'tools':[],'home':{'areas':[%s],'entities':[]}}",
                 cases[i].areas);
        struct san_plan p = plan_of(text);
        const int got = floor_meant(p.home, cases[i].text);

        if (got != cases[i].floor)
            fail_msg("%s: %s is floor %d", cases[i].areas, cases[i].text, got);
        san_plan_fini(&p);
    }
}

static void test_home__areas_floors_entities_kinds__as_written(void **state)
{
    (void)state;
    struct san_plan p = plan_of("{'tools':[],'home':" HOME "}");
    const struct san_home_plan *h = p.home;
    assert_int_equal(h->n_floors, 2); /* case is no difference */
    assert_int_equal(h->n_areas, 4);
    assert_int_equal(h->areas[0].floor, 0);
    assert_int_equal(h->areas[1].floor, 0);
    assert_int_equal(h->areas[2].floor, 1);
    assert_int_equal(h->areas[3].floor, -1);
    assert_int_equal(h->here, 0); /* by an alias with an 's in it */
    assert_int_equal(h->n_entities, 6);
    static const int area[] = {0, 2, 2, 3, -1, 0};
    static const char *const domain[] = {"light", "light", "switch", "cover", "fan", "light"};
    static const char *const id[] = {"light.k", "light.a", "switch.a",
                                     "cover.d", "fan.x",   "Big Kitchen Light"};
    static const int like[] = {3, 3, 1, 1, 1, 3}, like_here[] = {2, 1, 1, 1, 1, 2};
    /* "lamp" is Lamp; "spots" are aliases of two, but nobody's name */
    static const int is_shared[] = {0, 1, 1, 0, 0, 0};
    for (int i = 0; i < 6; i++) {
        const struct san_entity *e = &h->entities[i];
        assert_int_equal(e->area, area[i]);
        assert_string_equal(e->domain, domain[i]);
        assert_string_equal(e->id, id[i]);
        assert_int_equal(e->n_like, like[i]);
        assert_int_equal(e->n_like_here, like_here[i]);
        assert_int_equal(e->is_name_shared, is_shared[i]);
        assert_int_equal(h->items[e->item].cls, SAN_CLASS_ENTITY);
    }
    assert_int_equal(h->entities[4].n_alias, 1);
    assert_int_equal(h->n_kinds, 6); /* light switch outlet cover garage fan */
    int n_class = 0;
    for (int i = 0; i < h->n_kinds; i++) n_class += h->kinds[i].is_class;
    assert_int_equal(n_class, 2);
    assert_int_equal(h->n_blocks, 2 + 4 + 6 + 6);
    assert_int_equal(h->n_items, h->n_blocks);
    for (int i = 0; i < h->n_items; i++) {
        const struct san_item *it = &h->items[i];
        const struct san_block_text *b = &h->blocks[it->block];
        assert_int_equal(it->block, i);
        assert_int_equal(b->n_marker, 1);
        assert_int_equal(it->marker, b->marker[0]);
        assert_int_equal(b->tok[0], it->cls == SAN_CLASS_ENTITY  ? pieces.ent
                                    : it->cls == SAN_CLASS_AREA  ? pieces.area
                                    : it->cls == SAN_CLASS_FLOOR ? pieces.floor
                                                                 : pieces.kind);
        assert_in_range(b->n_tok, 2, SAN_BLOCK_MAX_TOKENS);
    }
    san_plan_fini(&p);
}

static void test_home__names_of_areas__found_in_any_case_and_by_alias(void **state)
{
    (void)state;
    struct san_plan p = plan_of("{'tools':[],'home':" HOME "}");
    static const struct {
        const char *name;
        int area;
    } rows[] = {{"Kitchen", 0}, {"kitchen", 0}, {"COOK ROOM", 0}, {"Mum's Den", 0}, {"hall", 1},
                {"Cellar", -1}, {"", -1},       {"?", -1},        {"cook", -1},     {"Attics", 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(san_home_area(p.home, rows[i].name), rows[i].area);
    san_plan_fini(&p);
}

static void test_home__collisions_by_alias__flagged_on_whose_name_it_is(void **state)
{
    (void)state;
    struct san_plan p = plan_of(
        "{'tools':[],'home':{'entities':[{'name':'A','domain':'x','aliases':['a','A']},{'name':'B',"
        "'domain':'x','aliases':['A']},{'name':'C','domain':'x','aliases':['b']},{'name':'D',"
        "'domain':'x','aliases':['e','f']},{'name':'G','domain':'x','aliases':['E','g']}]}}");
    static const int is_shared[] = {1, 1, 0, 0, 0};
    for (int i = 0; i < 5; i++) assert_int_equal(p.home->entities[i].is_name_shared, is_shared[i]);
    san_plan_fini(&p);
}

static void test_home__listed_floors__joined_with_those_of_areas(void **state)
{
    (void)state;
    struct san_plan p =
        plan_of("{'tools':[],'home':{'floors':['Cellar',{'name':'Roof'},{}],'areas':["
                "{'name':'A','floor':'roof'},{'name':'B','floor':'Up'},'C']}}");
    const struct san_home_plan *h = p.home;
    static const char *const names[] = {"Cellar", "Roof", "Up"};
    assert_int_equal(h->n_floors, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(h->floors[i].name, names[i]);
    assert_int_equal(h->areas[0].floor, 1);
    assert_int_equal(h->areas[1].floor, 2);
    assert_string_equal(h->areas[2].name, "C");
    assert_int_equal(h->here, -1);
    san_plan_fini(&p);
}

static void test_home__equal_entities__equal_blocks(void **state)
{
    (void)state;
    struct san_plan p =
        plan_of("{'tools':[],'home':{'entities':[{'id':'light.a','name':'Lamp',"
                "'domain':'light'},{'id':'light.b','name':'lamp','domain':'light'},{"
                "'id':'light.c','name':'lamp','domain':'fan'}]}}");
    const struct san_home_plan *h = p.home;
    const struct san_block_text *a = &h->blocks[h->items[h->entities[0].item].block];
    const struct san_block_text *b = &h->blocks[h->items[h->entities[1].item].block];
    const struct san_block_text *c = &h->blocks[h->items[h->entities[2].item].block];
    assert_memory_equal(a->hash, b->hash, sizeof a->hash);
    assert_memory_not_equal(a->hash, c->hash, sizeof a->hash);
    san_plan_fini(&p);
}

static void test_home__long_names_and_many_aliases__block_fits(void **state)
{
    (void)state;
    char name[201];
    memset(name, 'q', 200);
    name[200] = '\0';
    for (int i = 5; i < 200; i += 6) name[i] = ' ';
    json_t *aliases = json_array();
    for (int i = 0; i < 100; i++) json_array_append_new(aliases, json_string(name));
    json_t *home = json_pack("{s:[{s:s,s:s,s:O}],s:[{s:s,s:s,s:s,s:O,s:s}]}", "areas", "name", name,
                             "floor", name, "aliases", aliases, "entities", "name", name, "domain",
                             name, "device_class", name, "aliases", aliases, "area", name);
    struct san_home_plan *h = NULL;
    struct lt_diag diag = {0};
    assert_int_equal(san_home_plan_new(&pieces, home, &h, &diag), LT_OK);
    for (int i = 0; i < h->n_blocks; i++)
        assert_in_range(h->blocks[i].n_tok, 2, SAN_BLOCK_MAX_TOKENS);
    assert_int_equal(h->entities[0].n_alias, 16);
    san_home_plan_unref(h);
    json_decref(home);
    json_decref(aliases);
}

/* ---- utterances ---- */

#define TOOLS                                                                                      \
    "[{'name':'HassTurnOn','parameters':{'properties':{'name':{'x-entity':{}},'area':{'x-area':"   \
    "true},'speed':{'enum':['very fast','slow']}}}},{'name':'start_timer'}]"

struct scene {
    struct san_plan plan;
    struct san_utterance u;
};

static void scene_open(struct scene *s, const char *text, const char *here)
{
    struct lt_diag diag = {0};
    s->plan = plan_of("{'tools':" TOOLS ",'home':" HOME "}");
    san_utterance_init(&s->u);
    if (san_utterance_set(&s->u, &pieces, &s->plan, text, here, &diag))
        fail_msg("%s: %s", text, diag.text);
}

static void scene_close(struct scene *s)
{
    san_utterance_fini(&s->u);
    san_plan_fini(&s->plan);
}

/* Features of an item as "0:1 2:0.5", zeros left out. */
static const char *features(const float *row)
{
    static char out[256];
    out[0] = '\0';
    for (int i = 0; i < SAN_N_FEAT; i++)
        if (row[i] != 0) {
            size_t n = strlen(out);
            snprintf(out + n, sizeof out - n, "%s%d:%.4g", n ? " " : "", i, (double)row[i]);
        }
    return out;
}

static const float *home_row(const struct scene *s, int item)
{
    return s->u.home_feat + (size_t)item * SAN_N_FEAT;
}

static void test_utterance__features__as_utterance_c_says(void **state)
{
    (void)state;
    enum { ENTITY, AREA, FLOOR, TOOL_ITEM };
    static const struct {
        const char *text, *here;
        int what, index;
        const char *feat;
    } rows[] = {
        /* whole name; words/4; share; only one of its domain in its room; uncovered; 1/found; room */
        {"turn on the fan", "", ENTITY, 4, "0:1 1:0.25 2:1 4:1 5:1 6:1"},
        {"turn on the big kitchen lights", "", ENTITY, 5, "0:1 1:0.75 2:1 5:1 6:0.5 7:1"},
        /* covered by the longer name */
        {"turn on the big kitchen lights", "", ENTITY, 0, "0:1 1:0.5 2:1 6:0.5 7:1"},
        {"turn on the big kitchen lights", "", AREA, 0, "0:1 1:0.25 2:1 6:1"},
        {"turn on the kitchen light", "", ENTITY, 5, "2:0.6667 7:1"},
        {"kitchen", "", ENTITY, 0, "2:0.5 7:1"},
        {"SPOTS on", "", ENTITY, 0, "0:1 1:0.25 2:1 5:1 6:0.5"},
        {"SPOTS on", "", ENTITY, 4, "0:1 1:0.25 2:1 4:1 5:1 6:0.5"},
        {"lamp", "", ENTITY, 1, "0:1 1:0.25 2:1 4:0.5 5:1 6:0.5"},
        {"lamp", "Attic", ENTITY, 1, "0:1 1:0.25 2:1 3:1 4:0.5 5:1 6:0.5"},
        {"hello", "Attic", ENTITY, 2, "3:1 4:1"},
        {"hello", "Attic", ENTITY, 3, "4:1"},
        {"hello", "Attic", AREA, 2, "3:1"},
        {"hello", "Attic", FLOOR, 1, "3:1"},
        {"hello", "Attic", FLOOR, 0, ""},
        {"hello", "Shed", AREA, 3, "3:1"},
        {"upstairs", "", FLOOR, 1, "0:1 1:0.25 2:1 5:1 6:1"},
        {"upstairs", "", AREA, 2, "7:1"},
        {"upstairs", "", ENTITY, 1, "4:0.5 7:1"},
        {"ground floor please", "", AREA, 0, "7:1"},
        {"cook room", "", AREA, 0, "0:1 1:0.5 2:1 5:1 6:1"},
        {"mum's den", "", AREA, 0, "0:1 1:0.5 2:1 5:1 6:1"},
        {"mum's room", "", AREA, 0, "2:0.5"},
        {"kitchen hall", "", AREA, 1, "0:1 1:0.25 2:1 5:1 6:0.5"},
        {"hello", NULL, AREA, 0, "3:1"}, /* the home's own here */
        {"hello", "", AREA, 0, ""},      /* none */
        {"hello", "Moon", AREA, 0, ""},  /* unknown */
        {"hello", "HALL", AREA, 1, "3:1"},
        /* tools: item 0 the tool, 1 the parameter speed, 2 and 3 its values */
        {"hass turn on", "", TOOL_ITEM, 0, "0:1 1:0.75 2:1 5:1 6:1"},
        {"turn it on", "", TOOL_ITEM, 0, "2:0.6667"},
        {"speed very fast", "", TOOL_ITEM, 1, "0:1 1:0.25 2:1 5:1"},
        {"speed very fast", "", TOOL_ITEM, 2, "0:1 1:0.5 2:1 5:1"},
        {"fast and very", "", TOOL_ITEM, 2, "2:1"},
        {"slow", "", TOOL_ITEM, 3, "0:1 1:0.25 2:1 5:1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        scene_open(&s, rows[i].text, rows[i].here);
        const struct san_home_plan *h = s.plan.home;
        int k = rows[i].index;
        const float *row = rows[i].what == ENTITY  ? home_row(&s, h->entities[k].item)
                           : rows[i].what == AREA  ? home_row(&s, h->areas[k].item)
                           : rows[i].what == FLOOR ? home_row(&s, h->floors[k].item)
                                                   : s.u.tool_feat + (size_t)k * SAN_N_FEAT;
        if (strcmp(features(row), rows[i].feat))
            fail_msg("\"%s\" here \"%s\" (%d %d): %s, not %s", rows[i].text,
                     rows[i].here ? rows[i].here : "-", rows[i].what, k, features(row),
                     rows[i].feat);
        scene_close(&s);
    }
}

static void test_utterance__flags__as_utterance_c_says(void **state)
{
    (void)state;
    /* flags of each word's tokens, in hexadecimal: 1 entity 2 area 4 floor 8 kind 10 home word
     * 20 tool word 40 number 80 value */
    static const struct {
        const char *text, *flags;
    } rows[] = {
        {"zebra", "0"},
        {"the spots", "0 11"},
        {"kitchen", "12"},
        {"kitchen light", "13 19"}, /* "light" is also the domain */
        {"cook it", "10 0"},
        {"upstairs", "14"},
        {"garage", "18"},
        {"turn slow", "20 a0"},
        {"very slow", "20 a0"},
        {"very fast", "a0 a0"},
        {"fast very", "20 20"},
        {"hass turn on", "20 20 20"},
        {"20 twenty five", "40 40 40"},
        {"mum's den!", "12 0 12 0"},
        {"ground zero", "10 40"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        char got[256] = "";
        scene_open(&s, rows[i].text, "");
        for (int w = 0; w < s.u.n_words; w++) {
            assert_true(s.u.word_first[w] > 0 && s.u.word_last[w] < s.u.n_tok);
            for (int t = s.u.word_first[w]; t <= s.u.word_last[w]; t++)
                assert_int_equal(s.u.flag[t], s.u.flag[s.u.word_first[w]]);
            add(got, "%s%x", w ? " " : "", s.u.flag[s.u.word_first[w]]);
        }
        assert_int_equal(s.u.tok[0], pieces.utt);
        assert_int_equal(s.u.flag[0], 0);
        if (strcmp(got, rows[i].flags))
            fail_msg("\"%s\": %s, not %s", rows[i].text, got, rows[i].flags);
        scene_close(&s);
    }
}

static void test_utterance__room__stands_at_the_end(void **state)
{
    (void)state;
    struct scene with, without;
    scene_open(&with, "lamp", "Attic");
    scene_open(&without, "lamp", "");
    int n = without.u.n_tok;
    assert_true(with.u.n_tok > n);
    assert_memory_equal(with.u.tok, without.u.tok, (size_t)n * sizeof with.u.tok[0]);
    assert_int_equal(with.u.tok[n], pieces.here);
    scene_close(&with);
    scene_close(&without);
}

static void test_utterance__too_long__later_words_are_cut_and_room_kept(void **state)
{
    (void)state;
    char text[2001];
    struct scene s;
    for (int i = 0; i < 2000; i += 5) memcpy(text + i, "lamp ", 5);
    text[2000] = '\0';
    scene_open(&s, text, "Attic");
    assert_int_equal(s.u.n_words, 400);
    assert_in_range(s.u.n_tok, SAN_BLOCK_MAX_TOKENS / 2, SAN_BLOCK_MAX_TOKENS);
    assert_true(s.u.word_first[0] == 1 && s.u.word_first[399] == -1 && s.u.word_last[399] == -1);
    int has_here = 0, is_cut = 0;
    for (int i = 0; i < s.u.n_tok; i++) has_here += s.u.tok[i] == pieces.here;
    assert_int_equal(has_here, 1);
    for (int i = 0; i < s.u.n_words; i++) { /* nothing comes back behind the cut */
        if (s.u.word_first[i] < 0) is_cut = 1;
        assert_int_equal(s.u.word_first[i] < 0, is_cut);
    }
    scene_close(&s);
    for (int i = 0; i < 2000; i++) text[i] = (char)('a' + i % 26); /* one word of 2000 letters */
    scene_open(&s, text, "");
    assert_int_equal(s.u.n_words, 1);
    assert_in_range(s.u.n_tok, 2, SAN_BLOCK_MAX_TOKENS);
    scene_close(&s);
}

static void test_utterance__empty_or_no_utf8__refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "   ", "\t\n", "a\xff", "\xc3", "\xed\xa0\x80"};
    struct san_plan p = plan_of("{'tools':[]}");
    struct san_utterance u;
    san_utterance_init(&u);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct lt_diag diag = {0};
        assert_int_equal(san_utterance_set(&u, &pieces, &p, texts[i], NULL, &diag), LT_ERR_INVALID);
        assert_non_null(strstr(diag.text, "text"));
    }
    struct lt_diag diag = {0};
    assert_int_equal(san_utterance_set(&u, &pieces, &p, "good again", NULL, &diag), LT_OK);
    san_utterance_fini(&u);
    san_plan_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tool__forms_of_parameters__planned_as_listed),
        cmocka_unit_test(test_tool__input_schema__read_as_parameters),
        cmocka_unit_test(test_tool__known_home_tools__have_values_people_say),
        cmocka_unit_test(test_tool__more_than_the_limits__unusable_or_cut),
        cmocka_unit_test(test_tool__long_descriptions__shortened_to_fit),
        cmocka_unit_test(test_tool__equal_and_other_tools__block_hashes_tell),
        cmocka_unit_test(test_tool__what_people_write__cannot_forge_marks),
        cmocka_unit_test(test_plan__bad_catalogues__refused_with_path),
        cmocka_unit_test(test_plan__too_many_tools__limit),
        cmocka_unit_test(test_home__floors__answer_to_what_people_call_them),
        cmocka_unit_test(test_home__areas_floors_entities_kinds__as_written),
        cmocka_unit_test(test_home__names_of_areas__found_in_any_case_and_by_alias),
        cmocka_unit_test(test_home__collisions_by_alias__flagged_on_whose_name_it_is),
        cmocka_unit_test(test_home__listed_floors__joined_with_those_of_areas),
        cmocka_unit_test(test_home__equal_entities__equal_blocks),
        cmocka_unit_test(test_home__long_names_and_many_aliases__block_fits),
        cmocka_unit_test(test_utterance__features__as_utterance_c_says),
        cmocka_unit_test(test_utterance__flags__as_utterance_c_says),
        cmocka_unit_test(test_utterance__room__stands_at_the_end),
        cmocka_unit_test(test_utterance__too_long__later_words_are_cut_and_room_kept),
        cmocka_unit_test(test_utterance__empty_or_no_utf8__refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
