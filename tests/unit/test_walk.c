/* Walks through the grammar: whatever is chosen at each decision, what comes out is a valid answer;
 * and following the expected answer of a case gives that answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "lt/catalog.h"
#include "san/gold.h"
#include "san/rand.h"
#include "san/score.h"
#include "san/walk.h"
#include "tiny_lang.h"

/* More decisions than any answer of these catalogues can have: 4 calls of at most 12 parameters,
 * each a list of 8 items of at most 18 decisions. */
#define DECISIONS_MAX (4 * 12 * 8 * 18)

static struct san_tokenizer *tokenizer;
static struct san_pieces pieces;
static struct lt_docs *docs;
static struct san_lookup *lookup;
static struct san_cases cases;

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    tokenizer = tiny_tokenizer(700, NULL);
    cases = tiny_cases(&lookup);
    return san_pieces_init(&pieces, tokenizer, SAN_GRAMMAR, &diag) != LT_OK ||
           lt_docs_open(&docs, &diag) != LT_OK;
}

static int teardown(void **state)
{
    (void)state;
    lt_docs_close(docs);
    san_cases_free(&cases);
    san_lookup_free(lookup);
    san_tokenizer_free(tokenizer);
    return 0;
}

/* A catalogue twice: as the engine plans it and as the schema library checks it. */
struct scene {
    json_t *json;
    struct san_plan plan;
    struct lt_catalog *catalog;
    struct san_utterance u;
    struct san_walk walk;
    struct lt_buf out;
};

static void scene_open(struct scene *s, json_t *json)
{
    struct lt_diag diag = {0};
    s->json = json;
    if (san_plan_init(&s->plan, &pieces, json, &diag) ||
        lt_catalog_new(docs, json, &s->catalog, &diag))
        fail_msg("%s", diag.text);
    san_utterance_init(&s->u);
    san_walk_init(&s->walk);
    lt_buf_init(&s->out, 1 << 20);
}

static void scene_close(struct scene *s)
{
    lt_buf_free(&s->out);
    san_walk_fini(&s->walk);
    san_utterance_fini(&s->u);
    lt_catalog_unref(s->catalog);
    san_plan_fini(&s->plan);
    json_decref(s->json);
}

static void scene_say(struct scene *s, const char *text)
{
    struct lt_diag diag = {0};
    if (san_utterance_set(&s->u, &pieces, &s->plan, text, NULL, &diag)) fail_msg("%s", diag.text);
}

/* ---- what a decision may look like ---- */

static void check_candidates(const struct san_walk *w)
{
    assert_true(w->n_cand >= 2);
    assert_non_null(w->kind_name);
    assert_int_equal(san_token_type(tokenizer, w->kind), SAN_TOKEN_CONTROL);
    for (int i = 0; i < w->n_cand; i++) {
        const struct san_candidate *c = &w->cand[i];
        switch (c->from) {
        case SAN_FROM_VOCAB:
            assert_in_range(c->id, 0, san_tokenizer_n_vocab(tokenizer) - 1);
            break;
        case SAN_FROM_TOOL:
            assert_in_range(c->tool, 0, w->plan->n_tools - 1);
            assert_in_range(c->item, 0, w->plan->tools[c->tool]->n_items - 1);
            assert_null(w->plan->tools[c->tool]->unusable_why);
            break;
        case SAN_FROM_HOME:
            assert_in_range(c->item, 0, w->plan->home->n_items - 1);
            break;
        default:
            assert_in_range(c->item, 1, w->u->n_tok - 1);
        }
        if (c->from != SAN_FROM_VOCAB) {
            assert_non_null(c->feat);
            assert_in_range(c->cls, 0, SAN_CLASS_COUNT - 1);
        }
        for (int k = 0; k < i && w->n_cand < 40; k++)
            assert_false(c->from == w->cand[k].from && c->id == w->cand[k].id &&
                         c->tool == w->cand[k].tool && c->item == w->cand[k].item &&
                         c->cls == w->cand[k].cls);
    }
}

/* ---- entities, resolved from the arguments alone ---- */

static int fits(const json_t *args, const char *key, const char *have)
{
    const json_t *want = key ? json_object_get(args, key) : NULL;
    if (json_is_array(want)) want = json_array_get(want, 0);
    return !want || (have && !strcasecmp(json_string_value(want), have));
}

static const char *floor_of(const json_t *home, const char *area)
{
    size_t i;
    json_t *a;
    json_array_foreach(
        json_object_get(home, "areas"), i,
        a) if (area &&
               !strcasecmp(area,
                           json_string_value(json_object_get(
                               a, "name")))) return json_string_value(json_object_get(a, "floor"));
    return NULL;
}

/* What the tool calls its name, area and floor. */
struct keys {
    const char *name, *area, *floor;
};

/* How many entities the arguments leave; *which is the last of them. */
static int resolve(const json_t *home, const json_t *args, const struct keys *keys, int *which)
{
    const char *name = json_string_value(json_object_get(args, keys->name));
    int n = 0;
    size_t i, k;
    json_t *e, *alias;
    json_array_foreach(json_object_get(home, "entities"), i, e)
    {
        const char *area = json_string_value(json_object_get(e, "area"));
        const char *domain = json_string_value(json_object_get(e, "domain"));
        int is_named = !strcasecmp(name, json_string_value(json_object_get(e, "name")));
        json_array_foreach(json_object_get(e, "aliases"), k, alias) is_named |=
            !strcasecmp(name, json_string_value(alias));
        if (!is_named || !fits(args, keys->area, area) || !fits(args, "domain", domain) ||
            !fits(args, keys->floor, floor_of(home, area)) ||
            !fits(args, "device_class", json_string_value(json_object_get(e, "device_class"))))
            continue;
        *which = (int)i;
        n++;
    }
    return n;
}

static int takes_kind(const struct san_tool_plan *t, int is_class, const char *kind)
{
    for (int i = 0; i < t->n_params; i++) {
        const struct san_param *p = &t->params[i];
        int is_listed = p->n_filter == 0;
        if (p->kind != SAN_PARAM_KIND || p->kind_is_class != is_class) continue;
        for (int k = 0; kind && k < p->n_filter; k++) is_listed |= !strcmp(p->filter[k], kind);
        int fits_alone = !p->is_list || p->is_list_or_one || p->min_items < 2;
        return kind && is_listed && fits_alone;
    }
    return 0;
}

/* The call means exactly the chosen entity, or nothing that the tool takes could tell it apart. */
static void check_entity(const struct scene *s, const struct san_call_plan *c, const json_t *args)
{
    const struct san_tool_plan *t = s->plan.tools[c->tool];
    const json_t *home = json_object_get(s->json, "home");
    const json_t *e = json_array_get(json_object_get(home, "entities"), (size_t)c->target_ref);
    struct keys keys = {.name = t->params[t->target_entity].path};
    if (t->target_area >= 0) keys.area = t->params[t->target_area].path;
    if (t->target_floor >= 0) keys.floor = t->params[t->target_floor].path;
    int which = -1;
    assert_string_equal(json_string_value(json_object_get(args, keys.name)),
                        json_string_value(json_object_get(e, "name")));
    if (resolve(home, args, &keys, &which) == 1) {
        assert_int_equal(which, c->target_ref);
        return;
    }
    json_t *all = json_copy((json_t *)(uintptr_t)args);
    const json_t *area = json_object_get(e, "area"), *domain = json_object_get(e, "domain");
    const json_t *cls = json_object_get(e, "device_class");
    const char *floor = floor_of(home, json_string_value(area));
    if (keys.area && area) json_object_set(all, keys.area, (json_t *)(uintptr_t)area);
    if (keys.floor && floor) json_object_set_new(all, keys.floor, json_string(floor));
    if (takes_kind(t, 0, json_string_value(domain)))
        json_object_set(all, "domain", (json_t *)(uintptr_t)domain);
    if (takes_kind(t, 1, json_string_value(cls)))
        json_object_set(all, "device_class", (json_t *)(uintptr_t)cls);
    if (resolve(home, all, &keys, &which) == 1)
        fail_msg("entity %d could be told apart, %s does not", c->target_ref, lt_buf_str(&s->out));
    json_decref(all);
}

/* ---- random walks ---- */

static void random_walk(struct scene *s, struct san_rand *r, int *n_calls)
{
    struct san_walk *w = &s->walk;
    struct lt_diag diag = {0};
    int n = 0;
    san_walk_begin(w, &pieces, &s->plan, &s->u);
    while (san_walk_next(w)) {
        check_candidates(w);
        san_walk_take(w, (int)san_rand_below(r, (uint64_t)w->n_cand));
        if (++n > DECISIONS_MAX) fail_msg("\"%s\": no end", s->u.text);
    }
    assert_false(w->is_nomem);
    assert_in_range(w->n_calls, 0, SAN_CALLS_MAX);
    lt_buf_reset(&s->out);
    assert_int_equal(san_walk_write(w, &s->out), LT_OK);
    json_error_t where;
    json_t *calls = json_loads(lt_buf_str(&s->out), JSON_REJECT_DUPLICATES, &where);
    if (!calls) fail_msg("%s: %s", lt_buf_str(&s->out), where.text);
    assert_int_equal(json_array_size(calls), w->n_calls);
    if (lt_catalog_check_calls(s->catalog, calls, &diag))
        fail_msg("\"%s\": %s: %s", s->u.text, lt_buf_str(&s->out), diag.text);
    for (int i = 0; i < w->n_calls; i++)
        if (w->calls[i].target == SAN_TARGET_ENTITY)
            check_entity(s, &w->calls[i],
                         json_object_get(json_array_get(calls, (size_t)i), "arguments"));
    json_decref(calls);
    *n_calls += w->n_calls;
}

static void test_walk__random_choices_on_sample_catalogues__always_valid(void **state)
{
    (void)state;
    struct san_rand r;
    int n_calls = 0;
    san_rand_seed(&r, 1);
    for (size_t i = 0; i < cases.n; i++) {
        json_t *home = json_object_get(cases.p[i], "home");
        json_t *catalog = json_pack("{s:O}", "tools", json_object_get(cases.p[i], "tools"));
        struct scene s;
        if (json_is_object(home)) json_object_set(catalog, "home", home);
        scene_open(&s, catalog);
        scene_say(&s, json_string_value(json_object_get(cases.p[i], "query")));
        for (int k = 0; k < 30; k++) random_walk(&s, &r, &n_calls);
        scene_close(&s);
    }
    assert_true(n_calls > 10000);
}

static void test_walk__random_choices_on_the_demo_home__always_valid(void **state)
{
    (void)state;
    static const char *const texts[] = {"turn on the kitchen light and set it to 50 percent",
                                        "remind me in seven minutes to water the plants"};
    struct san_rand r;
    int n_calls = 0;
    struct scene s;
    json_t *catalog = json_load_file(SOURCE_DIR "/deploy/demo/catalog.json", 0, NULL);
    assert_non_null(catalog);
    san_rand_seed(&r, 2);
    scene_open(&s, catalog);
    for (size_t i = 0; i < 2; i++) {
        scene_say(&s, texts[i]);
        for (int k = 0; k < 1000; k++) random_walk(&s, &r, &n_calls);
    }
    scene_close(&s);
    assert_true(n_calls > 1000);
}

#define HOME                                                                                       \
    "{'areas':[{'name':'Kitchen','floor':'Ground'},{'name':'Bath \\u0022A\\u0022 "                 \
    "\\\\','floor':'Up'},"                                                                         \
    "{'name':'K\\u00fcche','floor':'Up','aliases':['cook room']},{'name':'Shed'}],'entities':["    \
    "{'id':'light.1','name':'Lamp','area':'Kitchen','domain':'light'},"                            \
    "{'id':'light.2','name':'lamp','area':'Shed','domain':'light'},"                               \
    "{'id':'switch.3','name':'LAMP','area':'Kitchen','domain':'switch','device_class':'outlet'},"  \
    "{'id':'cover.4','name':'Opener','area':'Shed','domain':'cover','device_class':'garage'},"     \
    "{'id':'cover.5','name':'Opener','area':'Shed','domain':'cover','device_class':'gate'},"       \
    "{'id':'cover.6','name':'Gate','domain':'cover','device_class':'gate','aliases':['opener']},"  \
    "{'id':'light.7','name':'Twin','area':'K\\u00fcche','domain':'light'},"                        \
    "{'id':'light.8','name':'twin','area':'K\\u00fcche','domain':'light'},"                        \
    "{'id':'fan.9','name':'The \\u0022big\\u0022 fan \\\\ "                                        \
    "\\u00e4','domain':'fan','aliases':['f']},"                                                    \
    "{'id':'light.10','name':'Only','area':'Bath \\u0022A\\u0022 "                                 \
    "\\\\','domain':'light'}],'here':'Shed'}"

#define ENT   "{'type':'string','x-entity':{}}"
#define AREA  "{'type':'string','x-area':true}"
#define FLOOR "{'type':'string','x-floor':true}"

/* Parameters of tools that are hard to answer rightly; with a ! those that cannot be answered. */
static const char *const odd[] = {
    "{}",
    "{'type':'object','additionalProperties':false}",
    /* objects in objects */
    "{'type':'object','properties':{'z':{'type':'object','properties':{'a':{'type':'boolean'},'y':{"
    "'type':'object','properties':{'b':{'type':'boolean'},'c':{'type':'boolean'}},'required':['b']}"
    "},"
    "'required':['a']},'q':{'type':'boolean'}},'required':['q']}",
    "{'type':'object','properties':{'z':{'type':'object','properties':{'y':{'type':'object',"
    "'properties':{'c':{'type':'boolean'},'b':{'type':'boolean'}},'required':['b']},'a':{'type':"
    "'boolean'}},'required':['a']}}}",
    "{'type':'object','properties':{'z':{'type':'object','properties':{'y':{'type':'object',"
    "'properties':{'b':{'type':'integer'}},'required':['b']}},'required':['y']},'e':{'type':'"
    "object',"
    "'properties':{'x':{'type':'boolean'},'w':{'type':'boolean'}}}},'required':['z']}",
    "{'type':'object','properties':{'z':{'type':'object','properties':{'o':{'type':'boolean'},'n':{"
    "'type':'integer','minimum':5,'maximum':4}},'required':['n']}}}",
    "!{'type':'object','properties':{'z':{'type':'object','properties':{'o':{'type':'boolean'}}}},"
    "'required':['z']}",
    "{'type':'object','properties':{'z':{'type':'object','properties':{'area':" AREA ",'name':" ENT
    "},'required':['name']}},'required':['z']}",
    /* lists */
    "{'type':'object','properties':{'a':{'type':'array','items':{'type':'string'}},'b':{'type':"
    "'array'},'c':{'type':'array','items':{'type':'integer','minimum':1,'maximum':12}}}}",
    "{'type':'object','properties':{'a':{'type':'array','items':{'enum':['x','y','z','w']},"
    "'minItems':2,'maxItems':3,'uniqueItems':true},'b':{'type':'array','items':{'type':'boolean'},"
    "'uniqueItems':true},'c':{'type':'array','items':{'type':'number'},'minItems':2,'maxItems':2}},"
    "'required':['a','c']}",
    "{'type':'object','properties':{'a':{'type':'array','items':{'type':'integer','minimum':0,"
    "'maximum':3},'uniqueItems':true},'s':{'type':'array','items':{'type':'string','examples':['"
    "one'"
    ",'5']},'uniqueItems':true}},'required':['a','s']}",
    "{'type':'object','properties':{'a':{'type':['string','array'],'items':{'type':'string'},"
    "'minItems':2},'b':{'type':['array','string'],'items':{'enum':['x','y']}},'c':{'type':['string'"
    ","
    "'array'],'items':{'type':'string'},'minItems':3},'d':{'type':['string','array'],'enum':['p','"
    "q'"
    "]}}}",
    "!{'type':'object','properties':{'a':{'type':'array','items':{'enum':['x']},'minItems':2}},"
    "'required':['a']}",
    "{'type':'object','properties':{'a':{'type':'array','items':{'type':'object'}},'b':{'type':"
    "'array','maxItems':0},'c':{'type':'array','minItems':20}}}",
    /* numbers */
    "{'type':'object','properties':{'a':{'type':'integer','minimum':1,'maximum':9},'b':{'type':"
    "'integer','minimum':10,'maximum':12},'c':{'type':'integer','minimum':5}},'required':['a','b','"
    "c'"
    "]}",
    "{'type':'object','properties':{'a':{'type':'integer','minimum':-10,'maximum':-5},'b':{'type':"
    "'integer','minimum':-1,'maximum':1},'c':{'type':'integer','maximum':-100}},'required':['a','b'"
    ","
    "'c']}",
    "{'type':'object','properties':{'a':{'type':'number','minimum':0.5,'maximum':0.7},'b':{'type':"
    "'number','minimum':0.001,'maximum':0.002},'c':{'type':'number','minimum':-0.5,'maximum':-0.25}"
    "},"
    "'required':['a','b','c']}",
    "{'type':'object','properties':{'a':{'type':'number','exclusiveMinimum':0,'exclusiveMaximum':1}"
    ","
    "'b':{'type':'integer','exclusiveMinimum':2,'exclusiveMaximum':5},'c':{'type':'number',"
    "'exclusiveMinimum':-1,'maximum':0}},'required':['a','b','c']}",
    "{'type':'object','properties':{'a':{'type':'integer','minimum':3,'maximum':22,'multipleOf':5},"
    "'b':{'type':'number','minimum':16,'maximum':30,'multipleOf':0.5},'c':{'type':'integer',"
    "'multipleOf':25}},'required':['a','b','c']}",
    "{'type':'object','properties':{'a':{'type':'integer','minimum':7,'maximum':7},'b':{'type':"
    "'integer','minimum':1000,'maximum':100000},'c':{'type':'number'},'d':{'type':'integer'}},"
    "'required':['a','b','c','d']}",
    "{'type':'object','properties':{'a':{'type':'integer','minimum':5,'maximum':4},'b':{'type':"
    "'number','minimum':0.0001,'maximum':0.0002},'c':{'type':'integer','minimum':2.2,'maximum':2.8}"
    ","
    "'d':{'type':'number','multipleOf':0.0003},'e':{'type':'integer','minimum':1e20}}}",
    "!{'type':'object','properties':{'a':{'type':'integer','minimum':5,'maximum':4}},'required':['"
    "a'"
    "]}",
    "{'type':'object','properties':{'a':{'type':'integer','minimum':100000000000000},'b':{'type':"
    "'number','minimum':99999,'exclusiveMaximum':100000}},'required':['a','b']}",
    "{'type':'object','properties':{'a':{'type':['integer','null'],'minimum':1},'b':{'anyOf':[{"
    "'type':'number','maximum':3},{'type':'null'}]},'c':{'type':['string','integer']}},'required':["
    "'a','b','c']}",
    /* listed values */
    "{'type':'object','properties':{'a':{'enum':[1,2.5,-3]},'b':{'enum':['x',true,null,7]},'c':{"
    "'const':'only'},'d':{'type':'number','enum':[0.1,0.30000000000000004]}},'required':['a','b','"
    "c',"
    "'d']}",
    "{'type':'object','properties':{'a':{'enum':[null,{}]},'b':{'enum':['q\\u0022uote','"
    "back\\\\slash"
    "']}},'required':['b']}",
    "!{'type':'object','properties':{'a':{'enum':[null]}},'required':['a']}",
    "{'a':{'type':'string','description':'flat','required':true},'b':{'type':'integer'}}",
    /* schemas with rules of other sorts */
    "{'type':'object','properties':{'a':{'$ref':'#/$defs/n'},'b':{'allOf':[{'type':'integer'},{"
    "'minimum':4}]},'c':{'not':{'type':'string'}},'d':{'oneOf':[{'type':'integer'},{'type':'number'"
    "}"
    "]}},'$defs':{'n':{'type':'integer'}}}",
    "!{'type':'object','properties':{'a':{'$ref':'#/$defs/"
    "n'}},'required':['a'],'$defs':{'n':{'type':"
    "'integer'}}}",
    "{'type':'object','properties':{'a':{'type':'null'},'b':{'type':'string','anyOf':[{'enum':['x']"
    "}"
    ",{'enum':['y']}]},'c':{'anyOf':[{'const':4},{'type':'null'}]}}}",
    "!{'type':'object','properties':{'a':{'type':'string'}},'minProperties':1}",
    "!{'type':'object','properties':{'a':{'type':'string'},'b':{'type':'string'}},'anyOf':[{'"
    "required'"
    ":['a']},{'required':['b']}]}",
    /* the home */
    "{'type':'object','properties':{'name':" ENT ",'area':" AREA ",'floor':" FLOOR
    ",'domain':{'type':'string'},'device_class':{'type':'string'}}}",
    "{'type':'object','properties':{'name':" ENT ",'area':" AREA ",'floor':" FLOOR
    ",'domain':{'type':'array','items':{'enum':['light','cover','fan']}},'device_class':{'type':["
    "'string','array'],'items':{'type':'string'}}}}",
    "{'type':'object','properties':{'name':" ENT ",'area':" AREA
    ",'domain':{'type':'array','items':{'type':'string'},'minItems':2},'device_class':{'type':"
    "'array','items':{'type':'string'},'minItems':2}}}",
    "{'type':'object','properties':{'name':" ENT
    ",'domain':{'type':'array','items':{'type':'string'},'minItems':2}},'required':['domain']}",
    "!{'type':'object','properties':{'name':" ENT
    ",'domain':{'type':'array','items':{'type':'string'},'minItems':2}},'required':['name','domain'"
    "]}",
    "{'type':'object','properties':{'name':" ENT ",'domain':{'enum':['light','switch']}}}",
    "{'type':'object','properties':{'name':" ENT
    ",'domain':{'enum':['light','switch']}},'required':["
    "'domain']}",
    "{'type':'object','properties':{'name':" ENT ",'device_class':{'type':'array','items':{'enum':["
    "'gate','garage']}}},'required':['name','device_class']}",
    "!{'type':'object','properties':{'name':" ENT
    ",'device_class':{'enum':['awning']}},'required':["
    "'name','device_class']}",
    "{'type':'object','properties':{'name':" ENT ",'area':" AREA "},'required':['area']}",
    "{'type':'object','properties':{'name':" ENT ",'area':" AREA ",'floor':" FLOOR
    "},'required':['name','area','floor']}",
    "{'type':'object','properties':{'name':" ENT ",'area':" AREA "},'required':['name']}",
    "{'type':'object','properties':{'floor':" FLOOR ",'area':" AREA "},'required':['floor']}",
    "{'type':'object','properties':{'name':{'type':'array','items':" ENT
    ",'minItems':2,'maxItems':3},'to':" ENT ",'rooms':{'type':'array','items':" AREA
    "}},'required':['name']}",
    "!{'type':'object','properties':{'name':{'type':'string','x-entity':{'domain':['vacuum']}}},"
    "'required':['name']}",
    "{'type':'object','properties':{'name':{'type':'string','x-entity':{'domain':['cover'],"
    "'device_class':['gate']}},'position':{'type':'integer','minimum':0,'maximum':100}},'required':"
    "["
    "'position']}",
    "{'type':'object','properties':{'where':{'anyOf':[{'type':'string','x-area':true},{'type':'"
    "null'"
    "}]},'who':{'anyOf':[{'type':'string','x-entity':{}},{'type':'null'}]}}}",
};
#define N_ODD (sizeof odd / sizeof odd[0])

static const char *const odd_texts[] = {
    "set it to 5 and 12 and 0.6 then -7 or twenty five",
    "play \"song\" by x's, at 21,5 no. 7 \\ \xe2\x80\x9c\xc3\xa4\xe2\x80\x9d",
    "?!",
    "a",
    "1 2 3 4 5 6 7 8 9 10 99999.999999 0.0005",
    "one 1 one 1 5 five \x7f x",
};

static json_t *odd_catalog(size_t from, size_t n, int has_home)
{
    json_t *tools = json_array(), *catalog = json_pack("{s:o}", "tools", tools);
    for (size_t i = from; i < from + n; i++) {
        char name[32];
        snprintf(name, sizeof name, "tool%zu", i);
        json_array_append_new(tools, json_pack("{s:s, s:o}", "name", name, "parameters",
                                               tiny_json(odd[i] + (odd[i][0] == '!'))));
    }
    if (has_home) json_object_set_new(catalog, "home", tiny_json(HOME));
    return catalog;
}

static void test_walk__random_choices_on_odd_schemas__always_valid(void **state)
{
    (void)state;
    struct san_rand r;
    san_rand_seed(&r, 3);
    for (size_t i = 0; i < N_ODD; i++) {
        struct scene s;
        int n_calls = 0;
        scene_open(&s, odd_catalog(i, 1, 1));
        for (size_t k = 0; k < sizeof odd_texts / sizeof odd_texts[0]; k++) {
            scene_say(&s, odd_texts[k]);
            for (int j = 0; j < 400; j++) random_walk(&s, &r, &n_calls);
        }
        assert_int_equal(n_calls > 0, odd[i][0] != '!');
        scene_close(&s);
    }
    struct scene s; /* all at once, and without a home */
    for (int has_home = 0; has_home < 2; has_home++) {
        int n_calls = 0;
        scene_open(&s, odd_catalog(0, N_ODD, has_home));
        scene_say(&s, odd_texts[0]);
        for (int j = 0; j < 1500; j++) random_walk(&s, &r, &n_calls);
        assert_true(n_calls > 1000);
        scene_close(&s);
    }
}

/* So that "always valid" is not "never called". */
static void test_walk__odd_schemas__offered_unless_they_cannot_be_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ODD; i++) {
        struct scene s;
        scene_open(&s, odd_catalog(i, 1, 1));
        scene_say(&s, odd_texts[0]);
        san_walk_begin(&s.walk, &pieces, &s.plan, &s.u);
        int is_offered = san_walk_next(&s.walk) && s.walk.phase == SAN_WALK_TOOL;
        if (is_offered != (odd[i][0] != '!'))
            fail_msg("%s: %s", odd[i], is_offered ? "offered" : "not offered");
        scene_close(&s);
    }
}

/* ---- expected answers ---- */

/* Follow the expected answer; 0 when the grammar does not lead there. */
static int follow(struct scene *s, const struct san_gold *g)
{
    uint8_t *right = NULL;
    int is_found = 1;
    san_walk_begin(&s->walk, &pieces, &s->plan, &s->u);
    while (is_found && san_walk_next(&s->walk)) {
        right = realloc(right, (size_t)s->walk.n_cand);
        assert_non_null(right);
        int i = san_gold_mark(g, &s->walk, right), n_right = 0;
        for (int k = 0; k < s->walk.n_cand; k++) n_right += right[k];
        assert_int_equal(i >= 0, n_right > 0);
        is_found = i >= 0;
        if (is_found) {
            assert_true(right[i]);
            san_walk_take(&s->walk, i);
        }
    }
    free(right);
    return is_found;
}

static void test_gold__every_sample_case__followed_gives_its_answer(void **state)
{
    (void)state;
    size_t n_refused = 0, n_off = 0;
    for (size_t i = 0; i < cases.n; i++) {
        const json_t *c = cases.p[i];
        const char *query = json_string_value(json_object_get(c, "query"));
        json_t *home = json_object_get(c, "home"), *answers = json_object_get(c, "answers");
        json_t *catalog = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
        struct scene s;
        struct san_gold g;
        struct lt_diag diag = {0};
        if (json_is_object(home)) json_object_set(catalog, "home", home);
        scene_open(&s, catalog);
        scene_say(&s, query);
        enum san_gold_reason reason = san_gold_init_case(&g, &pieces, &s.plan, &s.u, c);
        if (reason) {
            n_refused++;
        } else if (!follow(&s, &g)) {
            n_off++;
        } else {
            lt_buf_reset(&s.out);
            assert_int_equal(san_walk_write(&s.walk, &s.out), LT_OK);
            json_t *calls = json_loads(lt_buf_str(&s.out), 0, NULL);
            assert_non_null(calls);
            if (!san_judge(c, calls).equiv) {
                char *want = json_dumps(answers, 0);
                fail_msg("\"%s\": %s, not %s", query, lt_buf_str(&s.out), want);
            }
            if (lt_catalog_check_calls(s.catalog, calls, &diag))
                fail_msg("\"%s\": %s", query, diag.text);
            json_decref(calls);
        }
        scene_close(&s);
    }
    assert_true(n_refused + n_off < cases.n / 25); /* most of the data can be learnt from */
}

static void test_gold__answers_that_cannot_be_given__refused_with_reason(void **state)
{
    (void)state;
#define ANSWER(args) "[{'name':'act','arguments':" args "}]"
    static const struct {
        const char *answers;
        enum san_gold_reason reason; /* OFF_WALK: accepted, but no way leads there */
    } rows[] = {
        {"[]", SAN_GOLD_OK},
        {ANSWER("{'name':'Only','n':5}"), SAN_GOLD_OK},
        {ANSWER("{'name':'only','n':'5'}"), SAN_GOLD_OK},
        {ANSWER("{'name':'light.10','n':17}"), SAN_GOLD_OK},
        {ANSWER("{'name':'Lamp','area':'Shed','n':5}"), SAN_GOLD_OK},
        {ANSWER("{'name':'lamp','domain':'switch','n':5}"), SAN_GOLD_OK},
        {ANSWER("{'area':'cook room','n':5}"), SAN_GOLD_OK},
        {ANSWER("{'floor':'up','domain':'light','n':5}"), SAN_GOLD_OK},
        {ANSWER("{'n':5,'s':'the words','e':'X','f':null}"), SAN_GOLD_OK},
        {ANSWER("{'n':5,'s':'12:30'}"), SAN_GOLD_OK},
        {ANSWER("{'n':5,'l':['the','words']}"), SAN_GOLD_OK},
        {ANSWER("{'n':5,'l':'words'}"), SAN_GOLD_OK},
        {ANSWER("{'n':5,'f':true}"), SAN_GOLD_OK},
        {"[{'name':'act','arguments':{'n':5}},{'name':'act','arguments':{'n':5,'name':'Only'}}]",
         SAN_GOLD_OK},
        {"[{'name':'plain'},{'name':'plain'},{'name':'plain'},{'name':'plain'}]", SAN_GOLD_OK},
        {"[{'name':'plain'},{'name':'plain'},{'name':'plain'},{'name':'plain'},{'name':'plain'}]",
         SAN_GOLD_TOO_MANY_CALLS},
        {"[{'name':'other','arguments':{}}]", SAN_GOLD_NO_TOOL},
        {"[{'name':'broken','arguments':{}}]", SAN_GOLD_NO_TOOL},
        {"[{'arguments':{}}]", SAN_GOLD_NO_TOOL},
        {ANSWER("{'n':5,'q':1}"), SAN_GOLD_NO_PARAM},
        {ANSWER("{'n':5,'name':'Nobody'}"), SAN_GOLD_NO_ENTITY},
        {ANSWER("{'n':5,'name':'Only','domain':'fan'}"), SAN_GOLD_NO_ENTITY},
        {ANSWER("{'n':5,'name':'Lamp'}"), SAN_GOLD_AMBIGUOUS},
        {ANSWER("{'n':5,'area':'Moon'}"), SAN_GOLD_NO_PLACE},
        {ANSWER("{'n':5,'floor':'Moon'}"), SAN_GOLD_NO_PLACE},
        {ANSWER("{'n':5,'domain':'rocket'}"), SAN_GOLD_NO_PLACE},
        {ANSWER("{'n':500}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':5.5}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':'five'}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':5,'e':'z'}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':5,'f':'yes'}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':5,'s':'other words'}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':5,'s':['the','words']}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'n':5,'l':['1','2','3','4','5','6','7','8','9']}"), SAN_GOLD_NO_VALUE},
        {ANSWER("{'name':'Only'}"), SAN_GOLD_OFF_WALK},
    };
    json_t *catalog = tiny_json(
        "{'tools':[{'name':'act','parameters':{'type':'object','properties':{'name':" ENT
        ",'area':" AREA ",'floor':" FLOOR
        ",'domain':{'type':'string'},'n':{'type':'integer','minimum':0,'maximum':99},'s':{'type':"
        "'string'},'e':{'enum':['x','y']},'f':{'type':'boolean'},'l':{'type':'array','items':{'"
        "type':"
        "'string'}}},'required':['n']}},{'name':'plain'},{'name':'broken','parameters':{'type':"
        "'object','properties':{'a':{'type':'object'}},'required':['a']}}],'home':" HOME "}");
    struct scene s;
    scene_open(&s, catalog);
    scene_say(&s, "Say The Words 5 times");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_gold g;
        json_t *answers = tiny_json(rows[i].answers);
        enum san_gold_reason r = san_gold_init(&g, &s.plan, &s.u, answers);
        int is_off = rows[i].reason == SAN_GOLD_OFF_WALK;
        if (r != (is_off ? SAN_GOLD_OK : rows[i].reason))
            fail_msg("%s: %s", rows[i].answers, san_gold_reason_text(r));
        if (r == SAN_GOLD_OK) assert_int_equal(follow(&s, &g), !is_off);
        if (r == SAN_GOLD_OK && !is_off) {
            lt_buf_reset(&s.out);
            assert_int_equal(san_walk_write(&s.walk, &s.out), LT_OK);
            json_t *calls = json_loads(lt_buf_str(&s.out), 0, NULL);
            assert_int_equal(json_array_size(calls), json_array_size(answers));
            json_decref(calls);
        }
        json_decref(answers);
    }
    for (int r = 0; r < SAN_GOLD_COUNT; r++) assert_non_null(san_gold_reason_text(r));
    scene_close(&s);
}

/* A number that is said is copied, one that is not is spelled; a text said twice may be either. */
static void test_gold__numbers_and_texts__all_right_candidates_are_marked(void **state)
{
    (void)state;
    json_t *catalog =
        tiny_json("{'tools':[{'name':'act','parameters':{'type':'object','properties':{"
                  "'n':{'type':'integer'},'s':{'type':'string'}},'required':['n','s']}}]}");
    struct scene s;
    scene_open(&s, catalog);
    scene_say(&s, "five go 5 go");
    static const struct {
        const char *answers;
        int n_right[2]; /* at the first decisions about n and s */
    } rows[] = {
        {"[{'name':'act','arguments':{'n':5,'s':'go'}}]", {2, 2}},
        {"[{'name':'act','arguments':{'n':6,'s':'five go'}}]", {1, 1}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct san_gold g;
        json_t *answers = tiny_json(rows[i].answers);
        assert_int_equal(san_gold_init(&g, &s.plan, &s.u, answers), SAN_GOLD_OK);
        san_walk_begin(&s.walk, &pieces, &s.plan, &s.u);
        int seen = 0;
        uint8_t right[64];
        while (san_walk_next(&s.walk)) {
            int k = san_gold_mark(&g, &s.walk, right), n = 0;
            assert_true(k >= 0);
            for (int j = 0; j < s.walk.n_cand; j++) n += right[j];
            if (s.walk.phase == SAN_WALK_VALUE) assert_int_equal(n, rows[i].n_right[seen++]);
            san_walk_take(&s.walk, k);
        }
        assert_int_equal(seen, 2);
        json_decref(answers);
    }
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk__random_choices_on_sample_catalogues__always_valid),
        cmocka_unit_test(test_walk__random_choices_on_the_demo_home__always_valid),
        cmocka_unit_test(test_walk__random_choices_on_odd_schemas__always_valid),
        cmocka_unit_test(test_walk__odd_schemas__offered_unless_they_cannot_be_answered),
        cmocka_unit_test(test_gold__every_sample_case__followed_gives_its_answer),
        cmocka_unit_test(test_gold__answers_that_cannot_be_given__refused_with_reason),
        cmocka_unit_test(test_gold__numbers_and_texts__all_right_candidates_are_marked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
