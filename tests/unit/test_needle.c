/* Published networks behind the engine: whatever a network of random weights writes is a valid call
 * of the catalogue's tools. Two vocabularies: single characters, and one that SentencePiece learnt,
 * with byte fallback. Calls are judged by the validator of schema/, which shares no code with the
 * grammar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "emulated.h"
#include "lt/catalog.h"
#include "lt/docs.h"
#include "needle_grammar.h"
#include "san/engine.h"
#include "san/model_file.h"
#include "san/rand.h"

enum { VOCAB_MAX = 4096 };
/* networks that call something; most random ones say nothing at all */
static const uint64_t seeds[] = {3, 7, 11};
enum { N_SEED = LT_EMULATED ? 1 : 3 };

static struct lt_docs *docs;
static char dir[] = "/tmp/test_needle_XXXXXX", path[64];

/* Everything the grammar can hold a value to, and rules it cannot. */
static const char rich[] =
    "{'tools':[{'name':'HassTurnOn','description':'Switch on','parameters':{'type':'object',"
    "'properties':{'name':{'type':'string','x-entity':{'domain':['light']}},'area':{'type':'string'"
    ",'x-area':true},'floor':{'type':'string','x-floor':true}},'required':['name']}},"
    "{'name':'set-level','parameters':{'type':'object','properties':{'percent':{'type':'integer',"
    "'minimum':-5,'maximum':120,'multipleOf':5},'ratio':{'type':'number','exclusiveMinimum':0,"
    "'maximum':2.5,'multipleOf':0.25},'mode':{'enum':['eco','\\u00fcber \\\"q\\\"',3,30,null]},"
    "'tags':{'type':'array','items':{'enum':['a','b']},'minItems':2,'maxItems':3},"
    "'code':{'type':'string','pattern':'^[0-9]+$'},'deep':{'type':'object','properties':{'x':{"
    "'type':'boolean'},'y':{'type':'array','items':{'type':'object','properties':{'z':{'type':"
    "'string','minLength':3,'maxLength':5}},'required':['z']}}},'required':['x']}},"
    "'required':['percent','deep'],'additionalProperties':false}},"
    "{'name':'setLevel','parameters':{'text':{'type':'string','description':'flat','required':true}"
    ","
    "'n':{'type':'integer'}}},"
    "{'name':'must-match','parameters':{'type':'object','properties':{'code':{'type':'string',"
    "'pattern':'^[0-9]+$'}},'required':['code']}},"
    "{'name':'maybe','parameters':{'type':'object','properties':{'v':{'anyOf':[{'type':'null'},{"
    "'type':'integer','minimum':7,'maximum':7}]},'list':{'type':'array','items':{'type':'string',"
    "'x-entity':true},'uniqueItems':true}}}},{'name':'ping'}],"
    "'home':{'areas':[{'name':'Kitchen','floor':'Ground'},{'name':'Attic','floor':'Up'}],"
    "'entities':[{'id':'light.a','name':'Lamp','area':'Kitchen','domain':'light'},{'id':'light.b',"
    "'name':'L\\u00e4mpchen','area':'Attic','domain':'light'},{'id':'fan.a','name':'Fan','area':"
    "'Attic','domain':'fan'}]}}";

static char *json_of(const char *single_quoted)
{
    char *s = strdup(single_quoted);
    assert_non_null(s);
    for (char *c = s; *c; c++)
        if (*c == '\'') *c = '"';
    return s;
}

/* ---- vocabularies and networks ---- */

struct vocab {
    struct san_gguf_str text[VOCAB_MAX];
    float score[VOCAB_MAX];
    int32_t type[VOCAB_MAX];
    int n;
    char room[VOCAB_MAX * 8];
    size_t used;
};

static void add(struct vocab *v, const char *piece, int type)
{
    size_t n = strlen(piece);
    assert_true(v->n < VOCAB_MAX && v->used + n < sizeof v->room);
    memcpy(v->room + v->used, piece, n);
    v->text[v->n] = (struct san_gguf_str){v->room + v->used, n};
    v->type[v->n] = type;
    v->score[v->n] = type == SAN_TOKEN_NORMAL ? (float)-v->n : 0;
    v->n++;
    v->used += n;
}

static struct san_tokenizer *finish(struct vocab *v, int eos)
{
    struct lt_diag diag = {0};
    struct san_tokenizer *t = NULL;
    const struct san_vocab raw = {.n = v->n,
                                  .text = v->text,
                                  .score = v->score,
                                  .type = v->type,
                                  .add_space_prefix = 1,
                                  .bos = -1,
                                  .eos = eos,
                                  .pad = -1};
    if (san_tokenizer_new(&raw, &t, &diag)) fail_msg("%s", diag.text);
    free(v);
    return t;
}

/* `without` is left out; NULL for all. */
static struct san_tokenizer *characters(const char *without)
{
    static const char *const first[] = {"<pad>", "<eos>", "<unk>", "<tool_call>", "<tools>"};
    struct vocab *v = calloc(1, sizeof *v);
    assert_non_null(v);
    for (int i = 0; i < 5; i++)
        if (!without || strcmp(without, first[i]))
            add(v, first[i],
                i < 2    ? SAN_TOKEN_CONTROL
                : i == 2 ? SAN_TOKEN_UNKNOWN
                         : SAN_TOKEN_USER);
    add(v, "\xe2\x96\x81", SAN_TOKEN_NORMAL);
    add(v, "\xc3\xa4", SAN_TOKEN_NORMAL); /* of the home's names; no u with dots */
    for (char c[2] = "!"; c[0] < 127; c[0]++)
        if (!without || strcmp(without, c)) add(v, c, SAN_TOKEN_NORMAL);
    return finish(v, 1);
}

/* The pieces of SentencePiece's fixture (with byte fallback), and the two specials. */
static struct san_tokenizer *sentencepiece(void)
{
    struct lt_diag diag = {0};
    struct san_tokenizer *t = NULL;
    struct vocab *v = calloc(1, sizeof *v);
    assert_non_null(v);
    if (san_tokenizer_load(TEST_DATA_DIR "/sentencepiece-bytes.gguf", &t, &diag))
        fail_msg("%s", diag.text);
    int n = san_tokenizer_n_vocab(t), n_byte = 0, eos = san_tokenizer_eos(t);
    for (int i = 0; i < n; i++) {
        enum san_token_type type = san_token_type(t, i);
        n_byte += type == SAN_TOKEN_BYTE;
        add(v, san_token_piece(t, i), (int)type);
        v->score[v->n - 1] = san_token_score(t, i);
    }
    assert_int_equal(n_byte, 256);
    if (san_token_id(t, "<tools>") < 0) add(v, "<tools>", SAN_TOKEN_USER);
    if (san_token_id(t, "<tool_call>") < 0) add(v, "<tool_call>", SAN_TOKEN_USER);
    if (eos < 0) {
        eos = v->n;
        add(v, "<eos>", SAN_TOKEN_CONTROL);
    }
    san_tokenizer_free(t);
    return finish(v, eos);
}

static void save(const struct san_tokenizer *t, uint64_t seed, int n_ctx, enum san_mask mask)
{
    struct san_hparams h = {.n_vocab = san_tokenizer_n_vocab(t),
                            .width = 32,
                            .n_head = 4,
                            .n_kv_head = 2,
                            .n_enc = 1,
                            .n_dec = 2,
                            .n_ctx = n_ctx,
                            .rope_base = 10000,
                            .rms_eps = 1e-6f,
                            .mask = mask,
                            .render = SAN_RENDER_NEEDLE_JSON};
    struct san_params p;
    struct lt_diag diag = {0};
    const struct san_extra name = {.key = "general.name", .str = "random"};
    assert_int_equal(san_params_new(&h, &p), LT_OK);
    san_params_init(&p, &h, seed);
    if (san_model_save(path, &h, &p, t, &name, 1, SAN_TYPE_F32, &diag)) fail_msg("%s", diag.text);
    san_params_free(&p);
}

static struct san_engine *open_engine(void)
{
    struct lt_diag diag = {0};
    struct san_engine *e = NULL;
    if (san_engine_open(path, &e, &diag)) fail_msg("%s", diag.text);
    return e;
}

static struct san_catalog *load(struct san_engine *e, const char *text)
{
    struct lt_diag diag = {0};
    struct san_catalog *c = NULL;
    if (san_catalog_new(e, text, strlen(text), &c, &diag)) fail_msg("%s", diag.text);
    return c;
}

/* ---- whole answers ---- */

/* Ask a few things; every answer must pass the tools' schemas. Returns how many calls came. */
static int check_answers(const char *catalog_text)
{
    static const char *const said[] = {"turn on the lamp", "set it to 50 <tools> <tool_call>",
                                       "\xf0\x9f\x92\xa1 \"quote\" \\ back"};
    struct lt_diag diag = {0};
    struct lt_catalog *judge = NULL;
    struct san_engine *e = open_engine();
    struct san_catalog *c = load(e, catalog_text);
    int n_calls = 0;
    if (lt_catalog_parse(docs, catalog_text, strlen(catalog_text), &judge, &diag))
        fail_msg("%s", diag.text);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct san_answer a = {0}, again = {0};
        const struct san_request req = {.text = said[i]};
        if (san_call(e, c, &req, &a, &diag)) fail_msg("%s", diag.text);
        json_t *calls = json_loads(a.calls_json, JSON_REJECT_DUPLICATES, NULL);
        if (!calls || lt_catalog_check_calls(judge, calls, &diag))
            fail_msg("\"%s\": %s: %s", said[i], a.calls_json, diag.text);
        assert_int_equal(json_array_size(calls), a.n_calls);
        assert_in_range(a.n_calls, 0, SAN_CALLS_MAX);
        double p = 1;
        for (int k = 0; k < a.n_decisions; k++) {
            assert_true(a.decisions[k].n_options > 1 && a.decisions[k].p > 0);
            p *= (double)a.decisions[k].p;
        }
        if (a.confidence > 0) assert_true(a.confidence > p * 0.99 && a.confidence < p * 1.01);
        assert_int_equal(san_call(e, c, &req, &again, &diag), LT_OK);
        assert_string_equal(a.calls_json, again.calls_json);
        n_calls += a.n_calls;
        json_decref(calls);
        san_answer_free(&a);
        san_answer_free(&again);
    }
    lt_catalog_unref(judge);
    san_catalog_unref(c);
    san_engine_close(e);
    return n_calls;
}

static void check_vocabulary(struct san_tokenizer *t)
{
    char *text = json_of(rich);
    int n_calls = 0;
    for (int i = 0; i < N_SEED; i++) {
        save(t, seeds[i], 2048, SAN_MASK_JOINT);
        n_calls += check_answers(text);
    }
    assert_true(n_calls >= 6); /* else nothing was tested */
    free(text);
    san_tokenizer_free(t);
}

static void test_call__random_network_of_characters__passes_the_schemas(void **state)
{
    (void)state;
    check_vocabulary(characters(NULL));
}

static void test_call__random_network_of_sentencepiece__passes_the_schemas(void **state)
{
    (void)state;
    check_vocabulary(sentencepiece());
}

static void test_call__tools_that_cannot_be_called__nothing_for_certain(void **state)
{
    (void)state;
    struct san_tokenizer *t = characters(NULL);
    char *text = json_of("{'tools':[{'name':'a','parameters':{'type':'object','properties':{'p':{"
                         "'type':'string','pattern':'^x+$'}},'required':['p']}},{'name':'b',"
                         "'parameters':{'type':'object','properties':{'p':{'type':'string',"
                         "'x-entity':true}},'required':['p']}}]}");
    save(t, 3, 1024, SAN_MASK_JOINT);
    struct san_engine *e = open_engine();
    struct san_catalog *c = load(e, text);
    struct san_answer a = {0};
    assert_int_equal(san_call(e, c, &(struct san_request){.text = "x"}, &a, NULL), LT_OK);
    assert_string_equal(a.calls_json, "[]");
    san_answer_free(&a);
    san_catalog_unref(c);
    san_engine_close(e);
    san_tokenizer_free(t);
    free(text);
}

static void test_prompt__longer_than_the_context__refused_with_the_numbers(void **state)
{
    (void)state;
    struct san_tokenizer *t = characters(NULL);
    struct lt_diag diag = {0};
    struct san_catalog *c = NULL;
    char *text = json_of(rich), *one = json_of("{'tools':[{'name':'ping'}]}");
    save(t, 1, 64, SAN_MASK_JOINT);
    struct san_engine *e = open_engine();
    assert_int_equal(san_catalog_new(e, text, strlen(text), &c, &diag), LT_ERR_LIMIT);
    assert_non_null(strstr(diag.text, "this network reads 64"));
    c = load(e, one);
    struct san_answer a = {0};
    const struct san_request longer = {
        .text = "this is a request that does not fit into the sixty four tokens of it"};
    diag = (struct lt_diag){0};
    assert_int_equal(san_call(e, c, &longer, &a, &diag), LT_ERR_LIMIT);
    assert_non_null(strstr(diag.text, "this network reads 64"));
    assert_int_equal(san_call(e, c, &(struct san_request){.text = "hi"}, &a, &diag), LT_OK);
    san_answer_free(&a);
    assert_int_equal(san_call(e, c, &(struct san_request){.text = "\xff"}, &a, NULL),
                     LT_ERR_INVALID);
    san_catalog_unref(c);
    san_engine_close(e);
    san_tokenizer_free(t);
    free(text);
    free(one);
}

static void refused(const char *reason)
{
    struct lt_diag diag = {0};
    struct san_engine *e = NULL;
    assert_int_equal(san_engine_open(path, &e, &diag), LT_ERR_UNSUPPORTED);
    if (!strstr(diag.text, reason)) fail_msg("\"%s\" does not say \"%s\"", diag.text, reason);
}

static void test_open__other_mask_or_vocabulary__refused_with_reason(void **state)
{
    (void)state;
    static const char *const missing[][2] = {
        {"<tools>", "no <tools>"}, {"<tool_call>", "no <tool_call>"}, {"{", "cannot write '{'"}};
    struct san_tokenizer *t = characters(NULL);
    save(t, 1, 64, SAN_MASK_BLOCK);
    refused("render \"needle-json\" with mask \"block\"");
    san_tokenizer_free(t);
    for (size_t i = 0; i < 3; i++) {
        t = characters(missing[i][0]);
        save(t, 1, 64, SAN_MASK_JOINT);
        refused(missing[i][1]);
        san_tokenizer_free(t);
    }
}

static void test_catalog__twin_or_nameless_tools__refused_or_told_apart(void **state)
{
    (void)state;
    struct san_tokenizer *t = characters(NULL);
    struct san_catalog *c = NULL;
    struct lt_diag diag = {0};
    char *twice = json_of("{'tools':[{'name':'a'},{'name':'a'}]}");
    char *none = json_of("{'tools':[{'description':'a'}]}");
    char *alike =
        json_of("{'tools':[{'name':'setLevel'},{'name':'set_level'},{'name':'SetLevel'}]}");
    save(t, 1, 512, SAN_MASK_JOINT);
    struct san_engine *e = open_engine();
    assert_int_equal(san_catalog_new(e, twice, strlen(twice), &c, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "/tools/1/name"));
    assert_int_equal(san_catalog_new(e, none, strlen(none), &c, NULL), LT_ERR_INVALID);
    san_catalog_unref(load(e, alike));
    san_engine_close(e);
    san_tokenizer_free(t);
    free(twice);
    free(none);
    free(alike);
}

/* ---- the grammar itself ---- */

static int any_text(const char *text, size_t n, void *user)
{
    (void)text, (void)n, (void)user;
    return 1;
}

/* Does the grammar of `rich` take the whole text and end there? */
static int takes(const struct san__grammar *g, const char *single_quoted)
{
    struct san__g_state s;
    char *text = json_of(single_quoted);
    int ok = 1;
    san__g_begin(g, &s);
    for (char *p = text; *p && ok; p++) ok = san__g_step(g, &s, (uint8_t)*p);
    free(text);
    return ok && s.depth == 0;
}

#define SET(arguments) "[{'name':'set_level','arguments':{" arguments "}}]"
#define FLAT(text)     "[{'name':'set_level_2','arguments':{'text':" text "}}]"

static void test_grammar__texts__taken_and_refused(void **state)
{
    (void)state;
    static const char *const good[] = {
        "[]",
        " []",
        "[{'name':'ping','arguments':{}}]",
        "[{'name':'hass_turn_on','arguments':{'name':'Lamp'}},{'name':'ping','arguments':{}}]",
        "[{'name':'hass_turn_on','arguments':{'floor':'Up','name':'L\xc3\xa4mpchen','area':'Attic'}"
        "}]",
        SET("'percent':-5,'deep':{'x':true}"),
        SET("'deep':{'y':[],'x':false},'percent':0"),
        SET("'percent':120,'mode':3,'deep':{'x':true}"),
        SET("'percent':5,'mode':30,'ratio':2.5,'deep':{'x':true}"),
        SET("'percent':5,'ratio':0.25,'tags':['a','a'],'mode':null,'deep':{'x':true}"),
        SET("'percent':5,'deep':{'x':true,'y':[{'z':'abc'},{'z':'"
            "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac'}]}"),
        FLAT("''"),
        FLAT("'a\\n\\u00e4\\ud7ff'"),
        FLAT("'x','n':-12"),
        "[{'name':'maybe','arguments':{'v':7}}]",
        "[{'name':'maybe','arguments':{'list':['Fan']}}]"};
    static const char *const bad[] = {
        "",
        "[",
        "{}",
        "  []",
        "[] ",
        "[{'name':'pong','arguments':{}}]",
        "[{'name':'ping'}]",
        "[{'name':'must_match','arguments':{'code':'1'}}]",
        "[{'name':'hass_turn_on','arguments':{}}]",
        "[{'name':'hass_turn_on','arguments':{'name':'Fan'}}]",
        "[{'name':'hass_turn_on','arguments':{'name':'Lamp','name':'Lamp'}}]",
        SET("'percent':5"),
        SET("'percent':7,'deep':{'x':true}"),
        SET("'percent':125,'deep':{'x':true}"),
        SET("'percent':-10,'deep':{'x':true}"),
        SET("'percent':05,'deep':{'x':true}"),
        SET("'percent':5.0,'deep':{'x':true}"),
        SET("'percent':5,'ratio':0,'deep':{'x':true}"),
        SET("'percent':5,'ratio':0.3,'deep':{'x':true}"),
        SET("'percent':5,'ratio':2.75,'deep':{'x':true}"),
        SET("'percent':5,'mode':4,'deep':{'x':true}"),
        SET("'percent':5,'code':'1','deep':{'x':true}"),
        SET("'percent':5,'tags':['a'],'deep':{'x':true}"),
        SET("'percent':5,'tags':['a','b','a','b'],'deep':{'x':true}"),
        SET("'percent':5,'deep':{'x':1}"),
        SET("'percent':5,'deep':{'x':true,'y':[{}]}"),
        SET("'percent':5,'deep':{'x':true,'y':[{'z':'ab'}]}"),
        SET("'percent':5,'deep':{'x':true,'y':[{'z':'abcdef'}]}"),
        FLAT("'\\u0000'"),
        FLAT("'\\ud800'"),
        FLAT("'\xc0\x80'"),
        FLAT("'\xed\xa0\x80'"),
        FLAT("'\n'"),
        FLAT("'\\x'"),
        "[{'name':'maybe','arguments':{'list':['Fan','Fan']}}]",
        "[{'name':'maybe','arguments':{'v':8}}]"};
    static char *names[] = {"hass_turn_on", "set_level", "set_level_2",
                            "must_match",   "maybe",     "ping"};
    char *text = json_of(rich);
    json_t *catalog = json_loads(text, 0, NULL);
    struct san__grammar *g = NULL;
    assert_non_null(catalog);
    assert_int_equal(san__grammar_new(catalog, names, any_text, NULL, &g), LT_OK);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!takes(g, good[i])) fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (takes(g, bad[i])) fail_msg("taken: %s", bad[i]);
    san__grammar_free(g);
    json_decref(catalog);
    free(text);
}

/* However a text goes on, there is always a way on, and with is_closing it comes to an end. */
static void test_grammar__random_walks__never_stuck_and_always_end(void **state)
{
    (void)state;
    static char *names[] = {"hass_turn_on", "set_level", "set_level_2",
                            "must_match",   "maybe",     "ping"};
    char *text = json_of(rich);
    json_t *catalog = json_loads(text, 0, NULL);
    struct san__grammar *g = NULL;
    struct san_rand r;
    assert_int_equal(san__grammar_new(catalog, names, any_text, NULL, &g), LT_OK);
    san_rand_seed(&r, 1);
    for (int walk = 0; walk < (LT_EMULATED ? 40 : 150); walk++) {
        struct san__g_state s;
        char said[4096];
        int n = 0;
        san__g_begin(g, &s);
        while (s.depth) {
            int n_open = 0;
            struct san__g_state chosen = s;
            s.is_closing = n > 300;
            for (int b = 0; b < 256; b++) {
                struct san__g_state next = s;
                if (!san__g_step(g, &next, (uint8_t)b)) continue;
                if (san_rand_below(&r, (uint32_t)++n_open)) continue;
                chosen = next;
                said[n] = (char)b;
            }
            if (!n_open || n > 2000) fail_msg("%d ways on after: %.*s", n_open, n, said);
            s = chosen;
            n++;
        }
        json_t *calls = json_loadb(said, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
        if (!calls) fail_msg("no JSON: %.*s", n, said);
        json_decref(calls);
    }
    san__grammar_free(g);
    json_decref(catalog);
    free(text);
}

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    if (!mkdtemp(dir) || lt_docs_open(&docs, &diag)) return -1;
    snprintf(path, sizeof path, "%s/net.gguf", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(dir);
    lt_docs_close(docs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar__texts__taken_and_refused),
        cmocka_unit_test(test_grammar__random_walks__never_stuck_and_always_end),
        cmocka_unit_test(test_call__random_network_of_characters__passes_the_schemas),
        cmocka_unit_test(test_call__random_network_of_sentencepiece__passes_the_schemas),
        cmocka_unit_test(test_call__tools_that_cannot_be_called__nothing_for_certain),
        cmocka_unit_test(test_prompt__longer_than_the_context__refused_with_the_numbers),
        cmocka_unit_test(test_open__other_mask_or_vocabulary__refused_with_reason),
        cmocka_unit_test(test_catalog__twin_or_nameless_tools__refused_or_told_apart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
