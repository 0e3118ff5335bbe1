/* The engine from file to answer: what it refuses, that equal questions get equal answers, and that
 * what the trainer computes and learns is what inference computes and answers. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "emulated.h"
#include "san/batch_build.h"
#include "san/engine.h"
#include "san/model_file.h"
#include "san/rand.h"
#include "san/score.h"
#include "san/train_run.h"
#include "tiny_lang.h"

enum {
    N_RANDOM = LT_EMULATED ? 1 : 3, /* networks of random weights compared */
    N_ASKED = LT_EMULATED ? 4 : 12  /* questions, each over a catalogue of its own */
};

static struct san_tokenizer *tokenizer;
static struct san_pieces pieces;
static struct san_lookup *lookup;
static struct san_cases samples;
static struct san_hparams hp;
static char dir[] = "/tmp/test_engine_XXXXXX";
static char random_path[64], path[64]; /* a network of random weights; a scratch file */

static struct san_params random_params(uint64_t seed)
{
    struct san_params p;
    assert_int_equal(san_params_new(&hp, &p), LT_OK);
    san_params_init(&p, &hp, seed);
    struct san_rand r; /* start values of 0 would hide a mistake in what they scale */
    san_rand_seed(&r, seed);
    for (int i = 0; i < SAN_CLASS_COUNT * SAN_N_FEAT; i++)
        p.ptr_feat[i] = (float)san_rand_normal(&r);
    for (int i = 0; i < SAN_N_FLAG * hp.width; i++)
        p.flag_embd[i] = 0.1f * (float)san_rand_normal(&r);
    p.ptr_scale[0] = 0.3f;
    p.ptr_scale[1] = -0.2f;
    return p;
}

static void save(const char *to, const struct san_hparams *h, const struct san_params *p,
                 const struct san_tokenizer *t)
{
    const struct san_extra name = {.key = "general.name", .str = "tiny"};
    struct lt_diag diag = {0};
    if (san_model_save(to, h, p, t, &name, 1, SAN_TYPE_F32, &diag)) fail_msg("%s", diag.text);
}

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    if (!mkdtemp(dir)) return -1;
    snprintf(random_path, sizeof random_path, "%s/random.gguf", dir);
    snprintf(path, sizeof path, "%s/scratch.gguf", dir);
    tokenizer = tiny_tokenizer(700, NULL);
    samples = tiny_cases(&lookup);
    hp = san_train_options_default().h;
    hp.n_vocab = san_tokenizer_n_vocab(tokenizer);
    hp.width = 32;
    hp.n_head = 4;
    hp.n_kv_head = 2;
    hp.n_enc = 2;
    hp.n_dec = 2;
    struct san_params p = random_params(1);
    save(random_path, &hp, &p, tokenizer);
    san_params_free(&p);
    return san_pieces_init(&pieces, tokenizer, SAN_GRAMMAR, &diag) != LT_OK;
}

static int teardown(void **state)
{
    (void)state;
    unlink(random_path);
    unlink(path);
    rmdir(dir);
    san_cases_free(&samples);
    san_lookup_free(lookup);
    san_tokenizer_free(tokenizer);
    return 0;
}

static struct san_engine *open_engine(const char *from)
{
    struct san_engine *e = NULL;
    struct lt_diag diag = {0};
    if (san_engine_open(from, &e, &diag)) fail_msg("%s", diag.text);
    return e;
}

static struct san_catalog *load(struct san_engine *e, const char *json)
{
    struct san_catalog *c = NULL;
    struct lt_diag diag = {0};
    if (san_catalog_new(e, json, strlen(json), &c, &diag)) fail_msg("%s", diag.text);
    return c;
}

static struct san_answer call(struct san_engine *e, struct san_catalog *c, const char *text,
                              const char *here)
{
    struct san_answer a;
    struct lt_diag diag = {0};
    const struct san_request req = {.text = text, .here = here};
    if (san_call(e, c, &req, &a, &diag)) fail_msg("\"%s\": %s", text, diag.text);
    return a;
}

/* Tools and home of a case, as text; free() it. */
static char *catalog_of(const json_t *c)
{
    json_t *root = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
    json_t *home = json_object_get(c, "home");
    if (json_is_object(home)) json_object_set(root, "home", home);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static const char *query_of(const json_t *c)
{
    return json_string_value(json_object_get(c, "query"));
}

static void check_same(const struct san_answer *a, const struct san_answer *b)
{
    assert_string_equal(a->calls_json, b->calls_json);
    assert_true(a->confidence == b->confidence);
    assert_int_equal(a->n_decisions, b->n_decisions);
    assert_int_equal(a->n_calls, b->n_calls);
    assert_int_equal(a->n_tokens, b->n_tokens);
    for (int i = 0; i < a->n_decisions; i++) {
        assert_string_equal(a->decisions[i].kind, b->decisions[i].kind);
        assert_true(a->decisions[i].p == b->decisions[i].p);
        assert_true(a->decisions[i].margin == b->decisions[i].margin);
        assert_int_equal(a->decisions[i].n_options, b->decisions[i].n_options);
    }
}

/* ---- what is refused ---- */

static void test_open__files_that_are_no_network_of_ours__refused_with_reason(void **state)
{
    (void)state;
    struct san_engine *e = NULL;
    struct lt_diag none = {0}, needle = {0}, lacks = {0}, classes = {0}, bare = {0}, narrow = {0};
    assert_int_equal(san_engine_open("/nonexistent/x.gguf", &e, &none), LT_ERR_NOTFOUND);
    assert_non_null(strstr(none.text, "/nonexistent/x.gguf"));
    assert_int_equal(san_engine_open(TEST_DATA_DIR "/san-tiny.gguf", &e, &needle),
                     LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(needle.text, "needle-json"));

    struct san_tokenizer *other = tiny_tokenizer(700, "<q_more>");
    struct san_hparams h = hp;
    struct san_params p;
    h.n_vocab = san_tokenizer_n_vocab(other);
    assert_int_equal(san_params_new(&h, &p), LT_OK);
    save(path, &h, &p, other);
    assert_int_equal(san_engine_open(path, &e, &lacks), LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(lacks.text, "<q_more>"));
    san_params_free(&p);
    san_tokenizer_free(other);

    h = hp;
    h.n_class = 9;
    assert_int_equal(san_params_new(&h, &p), LT_OK);
    save(path, &h, &p, tokenizer);
    assert_int_equal(san_engine_open(path, &e, &classes), LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(classes.text, "9 classes"));
    san_params_free(&p);

    p = random_params(1);
    save(path, &hp, &p, NULL);
    assert_int_equal(san_engine_open(path, &e, &bare), LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(bare.text, "tokenizer"));
    h = hp;
    h.n_ctx = 128;
    save(path, &h, &p, tokenizer);
    assert_int_equal(san_engine_open(path, &e, &narrow), LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(narrow.text, "128"));
    san_params_free(&p);
    assert_null(e);
}

static void test_open__truncated_at_any_length__refused(void **state)
{
    (void)state;
    FILE *f = fopen(random_path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(n);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, n, f), n);
    fclose(f);
    /* every length near the start, where structure is; then ever larger steps; and the last byte */
    for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : cut < n / 50 ? 211 : n / 60 + 1) {
        struct san_engine *e = NULL;
        struct lt_diag diag = {0};
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(data, 1, cut, f), cut);
        fclose(f);
        if (san_engine_open(path, &e, &diag) == LT_OK)
            fail_msg("%zu of %zu bytes were enough", cut, n);
        assert_true(diag.text[0] && !e);
    }
    struct san_engine *e = NULL;
    struct lt_diag diag = {0};
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n - 1, f), n - 1);
    fclose(f);
    assert_int_equal(san_engine_open(path, &e, &diag), LT_ERR_PARSE);
    free(data);
}

static void test_catalog__bad_ones__refused_with_place(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(random_path);
    static const struct {
        const char *json;
        enum lt_err err;
        const char *says;
        size_t offset; /* LT_ERR_PARSE: near which byte */
    } rows[] = {
        {"", LT_ERR_PARSE, "JSON", 0},
        {"{\"tools\":[,]}", LT_ERR_PARSE, "JSON", 11},
        {"{\"tools\":[]} x", LT_ERR_PARSE, "JSON", 14},
        {"{\"tools\":[{\"name\":\"a\",\"name\":\"b\"}]}", LT_ERR_PARSE, "duplicate", 28},
        {"[]", LT_ERR_INVALID, "object", 0},
        {"{}", LT_ERR_INVALID, "/tools", 0},
        {"{\"tools\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", LT_ERR_INVALID, "\"a\"", 0},
        {"{\"tools\":[{\"name\":\"a\"},{}]}", LT_ERR_INVALID, "/tools/1/name", 0},
        {"{\"tools\":[],\"home\":{\"entities\":[{}]}}", LT_ERR_INVALID, "/home/entities/0", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_catalog *c = NULL;
        struct lt_diag diag = {0};
        assert_int_equal(san_catalog_new(e, rows[i].json, strlen(rows[i].json), &c, &diag),
                         rows[i].err);
        if (!strstr(diag.text, rows[i].says)) fail_msg("%s: %s", rows[i].json, diag.text);
        if (rows[i].err == LT_ERR_PARSE)
            assert_in_range(diag.offset_bytes + 4, rows[i].offset, rows[i].offset + 8);
        assert_null(c);
    }
    assert_int_equal(san_engine_cache_bytes(e), 0);
    san_engine_close(e);
    san_engine_close(NULL);
    san_catalog_unref(NULL);
}

static void test_call__bad_texts__refused_and_the_next_is_answered(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(random_path);
    struct san_catalog *c = load(e, "{\"tools\":[{\"name\":\"turn_on\"}]}");
    char longest[SAN_TEXT_MAX_BYTES + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const struct {
        const char *text;
        enum lt_err err;
    } rows[] = {{"", LT_ERR_INVALID},
                {"  \t ", LT_ERR_INVALID},
                {"on \xff", LT_ERR_INVALID},
                {"\xc3", LT_ERR_INVALID},
                {longest, LT_ERR_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_answer a;
        struct lt_diag diag = {0};
        const struct san_request req = {.text = rows[i].text};
        memset(&a, 0x5a, sizeof a);
        assert_int_equal(san_call(e, c, &req, &a, &diag), rows[i].err);
        assert_non_null(strstr(diag.text, "text"));
        assert_true(!a.calls_json && !a.decisions && !a.n_decisions);
        struct san_answer good = call(e, c, "turn on", "no such room");
        assert_int_equal(good.n_decisions >= 1, 1);
        san_answer_free(&good);
        assert_null(good.calls_json);
        san_answer_free(&good);
    }
    longest[SAN_TEXT_MAX_BYTES] = '\0';
    struct san_answer a = call(e, c, longest, NULL);
    san_answer_free(&a);
    san_catalog_unref(c);
    san_engine_close(e);
}

static void test_call__nothing_to_call__nothing_for_certain(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(random_path);
    struct san_catalog *c = load(e, "{\"tools\":[]}");
    struct san_answer a = call(e, c, "turn on the light", NULL);
    assert_string_equal(a.calls_json, "[]");
    assert_int_equal(a.n_calls, 0);
    assert_int_equal(a.n_decisions, 0);
    assert_true(a.confidence == 1);
    assert_string_equal(san_engine_model_name(e), "tiny");
    san_answer_free(&a);
    san_catalog_unref(c);
    san_engine_close(e);
}

/* ---- equal questions, equal answers ---- */

static const json_t *asked(size_t i)
{
    return samples.p[i * 73 % samples.n];
}

static void test_call__cold_warm_and_another_engine__same_bits(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(random_path), *other = open_engine(random_path);
    for (size_t i = 0; i < N_ASKED; i++) {
        char *text = catalog_of(asked(i));
        struct san_catalog *cold = load(e, text), *warm = load(e, text);
        size_t bytes = san_engine_cache_bytes(e);
        struct san_answer a = call(e, cold, query_of(asked(i)), NULL);
        struct san_answer b = call(e, cold, query_of(asked(i)), NULL);
        struct san_answer c = call(e, warm, query_of(asked(i)), NULL);
        check_same(&a, &b);
        check_same(&a, &c);
        assert_int_equal(san_engine_cache_bytes(e), bytes);
        assert_true(bytes > 0 && a.confidence >= 0 && a.confidence <= 1);
        for (int k = 0; k < a.n_decisions; k++) {
            const struct san_decision *d = &a.decisions[k];
            assert_true(d->p >= 0 && d->p <= 1.000001f && d->margin >= 0 && d->margin <= d->p);
            assert_true(d->n_options >= 2);
        }
        san_answer_free(&b);
        san_answer_free(&c);
        /* a fresh engine encodes the blocks in other panels: to rounding */
        struct san_catalog *fresh = load(other, text);
        c = call(other, fresh, query_of(asked(i)), NULL);
        assert_int_equal(a.n_decisions > 0, c.n_decisions > 0);
        if (a.n_decisions) assert_true(fabsf(a.decisions[0].p - c.decisions[0].p) < 1e-4f);
        san_answer_free(&a);
        san_answer_free(&c);
        san_catalog_unref(fresh);
        san_catalog_unref(san_catalog_ref(cold));
        san_catalog_unref(cold);
        san_catalog_unref(warm);
        free(text);
    }
    san_engine_close(e);
    san_engine_close(other);
}

struct crowd {
    struct san_engine *engine;
    char **text;
    const struct san_answer *want;
    int is_right[4];
};
struct caller {
    struct crowd *crowd;
    int i;
};

/* Each thread compiles the catalogues in an order of its own and asks. */
static void *ask_all(void *arg)
{
    const struct caller *me = arg;
    struct crowd *w = me->crowd;
    int is_right = 1;
    for (size_t k = 0; k < N_ASKED; k++) {
        size_t i = (k * (me->i % 2 ? 5 : 7) + (size_t)me->i * 3) % N_ASKED;
        struct san_catalog *c = NULL;
        struct san_answer a = {0};
        const struct san_request req = {.text = query_of(asked(i))};
        is_right &= !san_catalog_new(w->engine, w->text[i], strlen(w->text[i]), &c, NULL);
        for (int round = 0; round < 2 && is_right; round++) {
            is_right &= !san_call(w->engine, c, &req, &a, NULL);
            is_right = is_right && !strcmp(a.calls_json, w->want[i].calls_json) &&
                       a.n_decisions == w->want[i].n_decisions &&
                       fabs(a.confidence - w->want[i].confidence) < 1e-4;
            san_answer_free(&a);
        }
        san_catalog_unref(c);
    }
    w->is_right[me->i] = is_right;
    return NULL;
}

static void test_call__four_threads_at_once__answers_of_one(void **state)
{
    (void)state;
    struct san_answer want[N_ASKED];
    char *text[N_ASKED];
    struct san_engine *e = open_engine(random_path);
    for (size_t i = 0; i < N_ASKED; i++) {
        text[i] = catalog_of(asked(i));
        struct san_catalog *c = load(e, text[i]);
        want[i] = call(e, c, query_of(asked(i)), NULL);
        san_catalog_unref(c);
    }
    san_engine_close(e);
    struct crowd crowd = {open_engine(random_path), text, want, {0}};
    struct caller caller[4];
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        caller[i] = (struct caller){&crowd, i};
        assert_int_equal(pthread_create(&thread[i], NULL, ask_all, &caller[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < 4; i++) assert_true(crowd.is_right[i]);
    san_engine_close(crowd.engine);
    for (size_t i = 0; i < N_ASKED; i++) {
        san_answer_free(&want[i]);
        free(text[i]);
    }
}

/* The words that a network knows come with its file; what was mended is told, alone and in a batch. */
static void test_call__mistyped_word__read_and_told_as_it_was_meant(void **state)
{
    (void)state;
    static const char catalog[] =
        "{\"tools\":[{\"name\":\"open_gate\",\"description\":\"Open a gate.\",\"parameters\":"
        "{\"type\":\"object\",\"properties\":{}}}],\"home\":{\"areas\":[{\"name\":\"Kitchen\"}],"
        "\"entities\":[]}}";
    static const struct san_gguf_str words[] = {{"turn", 4}, {"the", 3}, {"off", 3}};
    struct lt_diag diag = {0};
    struct san_known *known = NULL;
    if (san_known_new(words, 3, &known, &diag)) fail_msg("%s", diag.text);
    struct san_params p = random_params(1);
    san_tokenizer_set_known(tokenizer, known);
    save(path, &hp, &p, tokenizer);
    san_tokenizer_set_known(tokenizer, NULL);
    san_params_free(&p);
    struct san_engine *e = open_engine(path);
    struct san_catalog *c = load(e, catalog);
    struct san_answer typed = call(e, c, "turn the kichen off", NULL),
                      meant = call(e, c, "turn the kitchen off", NULL);
    assert_string_equal(typed.mended, "turn the kitchen off");
    assert_null(meant.mended);
    assert_int_equal(typed.n_tokens, meant.n_tokens);
    assert_true(typed.confidence == meant.confidence);
    struct san_batch_call b[3] = {{.catalog = c, .request = {.text = "turn the kichen off"}},
                                  {.catalog = c, .request = {.text = "turn the kichen off"}},
                                  {.catalog = c, .request = {.text = "turn the kitchen off"}}};
    san_call_batch(b, 3, 1);
    for (int i = 0; i < 3; i++) assert_int_equal(b[i].err, LT_OK);
    assert_string_equal(b[0].answer.mended, typed.mended);
    assert_string_equal(b[1].answer.mended, typed.mended);
    assert_ptr_not_equal(b[0].answer.mended, b[1].answer.mended);
    assert_null(b[2].answer.mended);
    for (int i = 0; i < 3; i++) san_answer_free(&b[i].answer);
    /* an answer that is used again forgets it */
    const struct san_request req = {.text = "turn the kitchen off"};
    assert_int_equal(san_call_again(e, c, &req, &typed, &diag), LT_OK);
    assert_null(typed.mended);
    san_answer_free(&typed);
    san_answer_free(&meant);
    san_catalog_unref(c);
    san_engine_close(e);
}

/* n tools without arguments, each about something of its own. */
static char *many_tools(int n)
{
    json_t *tools = json_array();
    for (int i = 0; i < n; i++) {
        char name[32], about[64];
        snprintf(name, sizeof name, "act_%d_%c%c", i, 'a' + i % 26, 'a' + i / 26 % 26);
        snprintf(about, sizeof about, "Does thing number %d of the machine", i);
        json_array_append_new(tools,
                              json_pack("{s:s,s:s,s:{s:s,s:{}}}", "name", name, "description",
                                        about, "parameters", "type", "object", "properties"));
    }
    json_t *root = json_pack("{s:o}", "tools", tools);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static void test_call__more_tools_than_are_shown__some_are_picked_the_same_each_time(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(random_path);
    char *all = many_tools(SAN_PICK_FROM), *more = many_tools(3 * SAN_PICK_FROM);
    struct san_catalog *x = load(e, all), *y = load(e, more);
    struct san_answer a = call(e, x, "do thing number 7", NULL);
    struct san_answer b = call(e, y, "do thing number 7", NULL);
    struct san_answer again = call(e, y, "do thing number 7", NULL);
    assert_int_equal(a.decisions[0].n_options, SAN_PICK_FROM + 1); /* and nothing */
    assert_int_equal(b.decisions[0].n_options, SAN_PICK_TOOLS + 1);
    check_same(&b, &again);
    san_answer_free(&a);
    san_answer_free(&b);
    san_answer_free(&again);
    san_catalog_unref(x);
    san_catalog_unref(y);
    san_engine_close(e);
    free(all);
    free(more);
}

static void test_call__tools_in_another_order__same_answer(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(random_path);
    int n_compared = 0;
    for (size_t i = 0; i < N_ASKED; i++) {
        json_t *c = json_copy((json_t *)(uintptr_t)asked(i)), *turned = json_array();
        json_t *tools = json_object_get(c, "tools");
        for (size_t k = json_array_size(tools); k > 0; k--)
            json_array_append(turned, json_array_get(tools, k - 1));
        char *first = catalog_of(c);
        json_object_set_new(c, "tools", turned);
        char *second = catalog_of(c);
        struct san_catalog *x = load(e, first), *y = load(e, second);
        struct san_answer a = call(e, x, query_of(c), NULL), b = call(e, y, query_of(c), NULL);
        int is_clear = 1; /* no decision so close that rounding may turn it */
        for (int k = 0; k < a.n_decisions; k++) is_clear &= a.decisions[k].margin > 1e-3f;
        if (is_clear) {
            assert_string_equal(a.calls_json, b.calls_json);
            assert_int_equal(a.n_decisions, b.n_decisions);
            for (int k = 0; k < a.n_decisions; k++)
                assert_true(fabsf(a.decisions[k].p - b.decisions[k].p) < 1e-4f);
            n_compared++;
        }
        san_answer_free(&a);
        san_answer_free(&b);
        san_catalog_unref(x);
        san_catalog_unref(y);
        free(first);
        free(second);
        json_decref(c);
    }
    assert_true(n_compared > N_ASKED / 2);
    san_engine_close(e);
}

/* ---- trainer and inference ---- */

static const struct san_loss_weights weights = {1, 1, 1, 1, 1, 1};

/* Take what the engine answers as the expected answer: then the trainer's walk is the one that
 * inference took, and both must give the same probabilities. *n_decisions adds up what was
 * compared. */
static void compare(struct san_engine *e, const struct san_params *p, struct san_trainer *trainer,
                    const json_t *sample, int *n_decisions, int *n_cases)
{
    struct lt_diag diag = {0};
    /* of a larger catalogue inference sees a part */
    if (json_array_size(json_object_get(sample, "tools")) > SAN_PICK_FROM) return;
    json_t *c = json_copy((json_t *)(uintptr_t)sample);
    char *text = catalog_of(c);
    struct san_catalog *catalog = load(e, text);
    struct san_answer a = call(e, catalog, query_of(c), NULL);
    struct san_batch_builder *b = NULL;
    enum san_gold_reason reason;
    json_object_set_new(c, "answers", json_loads(a.calls_json, 0, NULL));
    if (a.unclear_json) json_object_set_new(c, "meant", json_loads(a.unclear_json, 0, NULL));
    assert_int_equal(san_batch_builder_new(&pieces, &weights, &b), LT_OK);
    if (san_batch_builder_add(b, c, &reason, &diag)) fail_msg("%s", diag.text);
    struct san_batch batch = san_batch_builder_view(b);
    float logp[512];
    uint8_t ok[512];
    struct san_step_stats stats = {.step_logp = logp, .step_ok = ok};
    if (!reason && batch.n_step) {
        assert_in_range(batch.n_step, 1, 512);
        if (san_trainer_forward_backward(trainer, p, NULL, &batch, &stats, &diag))
            fail_msg("%s", diag.text);
        *n_cases += 1;
    }
    for (int i = 0; !reason && i < batch.n_step && i < a.n_decisions; i++) {
        const struct san_decision *d = &a.decisions[i];
        int n_right = 0, n_number = 0;
        assert_int_equal(batch.cand_off[i + 1] - batch.cand_off[i], d->n_options);
        for (int k = batch.cand_off[i]; k < batch.cand_off[i + 1]; k++) {
            n_right += batch.cand_right[k];
            n_number +=
                batch.cand_right[k] && batch.cand[k] < 0 && batch.cand_class[k] == SAN_CLASS_NUMBER;
        }
        /* a text said twice or listed too: the walk may have gone another way to the same answer */
        if (n_right > 1 && n_number < n_right) break;
        if (!ok[i] && d->margin > 1e-3f) break; /* so it did: a number said, and spelled */
        if (fabs((double)logp[i] - log((double)d->p)) > 1e-3)
            fail_msg("\"%s\": decision %d (%s): trainer %g, inference %g", query_of(c), i, d->kind,
                     (double)logp[i], log((double)d->p));
        *n_decisions += 1;
        if (n_right > 1) break; /* the decoder may have been fed the other occurrence */
    }
    san_batch_builder_free(b);
    san_answer_free(&a);
    san_catalog_unref(catalog);
    free(text);
    json_decref(c);
}

static struct san_trainer *new_trainer(void)
{
    struct san_trainer *t = NULL;
    struct lt_diag diag = {0};
    const struct san_trainer_opts o = {.n_threads = 1};
    if (san_trainer_new(&hp, &o, &t, &diag)) fail_msg("%s", diag.text);
    return t;
}

static void test_trainer__random_networks__probabilities_of_inference(void **state)
{
    (void)state;
    struct san_trainer *trainer = new_trainer();
    int n_decisions = 0, n_cases = 0;
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        struct san_params p = random_params(seed);
        save(path, &hp, &p, tokenizer);
        struct san_engine *e = open_engine(path);
        for (size_t i = (size_t)seed; i < samples.n; i += 11)
            compare(e, &p, trainer, samples.p[i], &n_decisions, &n_cases);
        san_engine_close(e);
        san_params_free(&p);
    }
    assert_true(n_cases > 10 * N_RANDOM);
    assert_true(n_decisions > 40 * N_RANDOM);
    san_trainer_free(trainer);
}

/* A home with everything that is hard: two rooms, shared names, two devices no block tells apart. */
#define HOME                                                                                       \
    "{'areas':[{'name':'Kitchen','floor':'Ground'},{'name':'Attic','floor':'Up'}],'entities':["    \
    "{'id':'light.1','name':'Lamp','area':'Kitchen','domain':'light'},{'id':'light.2','name':"     \
    "'Lamp','area':'Attic','domain':'light'},{'id':'fan.1','name':'Fan','area':'Attic','domain':"  \
    "'fan','aliases':['blower']},{'id':'light.3','name':'Twin','area':'Attic','domain':'light'},"  \
    "{'id':'light.4','name':'Twin','area':'Attic','domain':'light'}]"
#define TOOLS                                                                                      \
    "[{'name':'turn_on','description':'Switch on','parameters':{'type':'object','properties':{"    \
    "'name':{'type':'string','x-entity':{}},'area':{'type':'string','x-area':true},'domain':{"     \
    "'type':'string'}}}},{'name':'turn_off','description':'Switch off','parameters':{'type':"      \
    "'object','properties':{'name':{'type':'string','x-entity':{}},'area':{'type':'string',"       \
    "'x-area':true}}}},{'name':'set_level','description':'Brightness','parameters':{'type':"       \
    "'object','properties':{'name':{'type':'string','x-entity':{'domain':['light']}},'area':{"     \
    "'type':'string','x-area':true},'percent':{'type':'integer','minimum':0,'maximum':100},"       \
    "'slow':{'type':'boolean'}},'required':['percent']}},{'name':'note','parameters':{'type':"     \
    "'object','properties':{'text':{'type':'string'},'list':{'enum':['work','shopping']},'tags':{" \
    "'type':'array','items':{'type':'string'}}},'required':['text']}}]"

static const char *const lessons[][3] = {
    /* query, here, answers */
    {"turn on the lamp", "Kitchen",
     "[{'name':'turn_on','arguments':{'name':'Lamp','area':'Kitchen'}}]"},
    {"turn on the lamp", "Attic",
     "[{'name':'turn_on','arguments':{'name':'Lamp','area':'Attic'}}]"},
    {"turn on the lamp", NULL, "[]"},
    {"fan off", NULL, "[{'name':'turn_off','arguments':{'name':'Fan'}}]"},
    {"start the blower", "Attic", "[{'name':'turn_on','arguments':{'name':'Fan'}}]"},
    {"lights on in the kitchen", NULL,
     "[{'name':'turn_on','arguments':{'area':'Kitchen','domain':'light'}}]"},
    {"everything off in the attic", "Kitchen",
     "[{'name':'turn_off','arguments':{'area':'Attic'}}]"},
    {"kitchen to twenty five percent", NULL,
     "[{'name':'set_level','arguments':{'area':'Kitchen','percent':25}}]"},
    {"set it to 40 slowly", "Attic",
     "[{'name':'set_level','arguments':{'area':'Attic','percent':40,'slow':true}}]"},
    {"make the kitchen half as bright", NULL,
     "[{'name':'set_level','arguments':{'area':'Kitchen','percent':50}}]"},
    {"write down buy more milk", NULL, "[{'name':'note','arguments':{'text':'buy more milk'}}]"},
    {"put eggs on the shopping list", NULL,
     "[{'name':'note','arguments':{'text':'eggs','list':'shopping'}}]"},
    {"note call mum tagged family and phone", NULL,
     "[{'name':'note','arguments':{'text':'call mum','tags':['family','phone']}}]"},
    {"fan on and lamp in the attic off", NULL,
     "[{'name':'turn_on','arguments':{'name':'Fan'}},{'name':'turn_off','arguments':{'name':'Lamp',"
     "'area':'Attic'}}]"},
    {"what is the weather like", NULL, "[]"},
    {"sing me a song", "Kitchen", "[]"},
};
#define N_LESSONS (sizeof lessons / sizeof lessons[0])

/* Cases share tools, areas and entities, and differ in "here", as those of the generator do. */
static void lesson_cases(json_t **out)
{
    json_t *tools = tiny_json(TOOLS), *home = tiny_json(HOME "}");
    for (size_t i = 0; i < N_LESSONS; i++) {
        json_t *view = json_copy(home);
        if (lessons[i][1]) json_object_set_new(view, "here", json_string(lessons[i][1]));
        out[i] = json_pack("{s:s, s:O, s:o, s:o}", "query", lessons[i][0], "tools", tools, "home",
                           view, "answers", tiny_json(lessons[i][2]));
        assert_non_null(out[i]);
    }
    json_decref(tools);
    json_decref(home);
}

static void add_all(struct san_batch_builder *b, json_t *const *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum san_gold_reason reason;
        struct lt_diag diag = {0};
        if (san_batch_builder_add(b, c[i], &reason, &diag)) fail_msg("%s", diag.text);
        if (reason) fail_msg("\"%s\": %s", query_of(c[i]), san_gold_reason_text(reason));
    }
}

static void test_training__sixteen_cases__learnt_by_heart_and_answered(void **state)
{
    (void)state;
    if (LT_QEMU) skip(); /* a whole training; its steps are compared above and in test_train_step */
    struct lt_diag diag = {0};
    json_t *c[N_LESSONS];
    struct san_batch_builder *b = NULL;
    struct san_params p, g;
    struct san_optim *optim = NULL;
    struct san_optim_opts o = san_optim_opts_default();
    struct san_trainer *trainer = new_trainer();
    lesson_cases(c);
    o.n_threads = 1;
    assert_int_equal(san_batch_builder_new(&pieces, &weights, &b), LT_OK);
    add_all(b, c, N_LESSONS);
    struct san_batch batch = san_batch_builder_view(b);
    assert_int_equal(batch.n_ex, N_LESSONS);
    /* 4 tools, 2 floors, 2 areas, 2 domains, 5 entities of which 2 are alike: shared by all */
    assert_int_equal(batch.n_block, 14);
    assert_int_equal(san_batch_check(&hp, &batch, &diag), LT_OK);

    assert_int_equal(san_params_new(&hp, &p), LT_OK);
    assert_int_equal(san_params_new(&hp, &g), LT_OK);
    san_params_init(&p, &hp, 5);
    assert_int_equal(san_optim_new(&hp, &o, &optim, &diag), LT_OK);
    struct san_step_stats stats = {0};
    int step = 0;
    for (; step < 1000 && (stats.n_ok < batch.n_step || stats.loss > 0.004); step++) {
        memset(g.mem, 0, g.n * sizeof(float));
        if (san_trainer_forward_backward(trainer, &p, &g, &batch, &stats, &diag) ||
            san_optim_step(optim, &p, &g, 1, NULL, &diag))
            fail_msg("%s", diag.text);
        if (step == 0) assert_true(stats.loss > 0.5);
    }
    if (stats.n_ok < batch.n_step)
        fail_msg("%d of %d decisions after %d steps, loss %g", stats.n_ok, batch.n_step, step,
                 stats.loss);

    save(path, &hp, &p, tokenizer);
    struct san_engine *e = open_engine(path);
    int n_decisions = 0, n_cases = 0;
    for (size_t i = 0; i < N_LESSONS; i++) {
        char *text = catalog_of(c[i]);
        struct san_catalog *catalog = load(e, text);
        struct san_answer a = call(e, catalog, query_of(c[i]), NULL);
        json_t *calls = json_loads(a.calls_json, 0, NULL);
        assert_non_null(calls);
        if (!san_judge(c[i], calls).equiv)
            fail_msg("\"%s\" (%s): %s", query_of(c[i]), lessons[i][1] ? lessons[i][1] : "-",
                     a.calls_json);
        assert_int_equal(a.n_decisions, batch.step_off[i + 1] - batch.step_off[i]);
        if (a.confidence < 0.5)
            fail_msg("\"%s\": %g sure after %d steps, loss %g", query_of(c[i]), a.confidence, step,
                     stats.loss);
        json_decref(calls);
        san_answer_free(&a);
        san_catalog_unref(catalog);
        free(text);
        compare(e, &p, trainer, c[i], &n_decisions, &n_cases);
    }
    assert_int_equal(n_cases, N_LESSONS);
    assert_true(n_decisions >= batch.n_step - 4);
    /* the room may also come with the request, on a catalogue that says nothing about it */
    char *text = catalog_of(c[2]);
    struct san_catalog *catalog = load(e, text);
    for (size_t i = 0; i < 3; i++) {
        struct san_answer a = call(e, catalog, lessons[i][0], lessons[i][1]);
        json_t *calls = json_loads(a.calls_json, 0, NULL);
        assert_true(san_judge(c[i], calls).equiv);
        json_decref(calls);
        san_answer_free(&a);
    }
    san_catalog_unref(catalog);
    free(text);
    san_engine_close(e);

    for (size_t i = 0; i < N_LESSONS; i++) json_decref(c[i]);
    san_batch_builder_free(b);
    san_trainer_free(trainer);
    san_optim_free(optim);
    san_params_free(&p);
    san_params_free(&g);
}

/* Of cases that share a home, each has the room that it says itself, in whatever order they come. */
static void test_batch__shared_home__each_case_keeps_its_room(void **state)
{
    (void)state;
    json_t *c[N_LESSONS];
    struct san_batch_builder *b = NULL;
    lesson_cases(c);
    assert_int_equal(san_batch_builder_new(&pieces, &weights, &b), LT_OK);
    for (int turn = 0; turn < 2; turn++) {
        san_batch_builder_reset(b);
        json_t *order[2] = {c[turn ? 2 : 0], c[turn ? 0 : 2]}; /* in the kitchen, and nowhere */
        add_all(b, order, 2);
        struct san_batch batch = san_batch_builder_view(b);
        for (int x = 0; x < 2; x++) {
            int has_here = 0;
            for (int i = batch.utt_off[x]; i < batch.utt_off[x + 1]; i++)
                has_here += batch.tok[i] == pieces.here;
            assert_int_equal(has_here, order[x] == c[0]);
        }
    }
    san_batch_builder_free(b);
    for (size_t i = 0; i < N_LESSONS; i++) json_decref(c[i]);
}

/* What cannot be learnt is left out and leaves no trace. */
static void test_batch__cases_left_out__batch_as_without_them(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[{'name':'nobody','arguments':{}}]",
        "[{'name':'note','arguments':{'text':'words that were not said'}}]",
        "[{'name':'set_level','arguments':{'area':'Attic'}}]", /* found out only on the way */
    };
    json_t *c[N_LESSONS];
    struct san_batch_builder *with = NULL, *without = NULL;
    struct lt_diag diag = {0};
    lesson_cases(c);
    assert_int_equal(san_batch_builder_new(&pieces, &weights, &with), LT_OK);
    assert_int_equal(san_batch_builder_new(&pieces, &weights, &without), LT_OK);
    json_t *odd[3];
    add_all(without, c, 3);
    add_all(with, c, 1);
    for (int i = 0; i < 3; i++) {
        enum san_gold_reason reason;
        odd[i] = json_copy(c[4]);
        json_object_set_new(odd[i], "answers", tiny_json(bad[i]));
        assert_int_equal(san_batch_builder_add(with, odd[i], &reason, &diag), LT_OK);
        assert_int_not_equal(reason, SAN_GOLD_OK);
    }
    add_all(with, c + 1, 2);
    struct san_batch x = san_batch_builder_view(with), y = san_batch_builder_view(without);
    assert_int_equal(x.n_tok, y.n_tok);
    assert_int_equal(x.n_ex, y.n_ex);
    assert_int_equal(x.n_step, y.n_step);
    assert_memory_equal(x.tok, y.tok, (size_t)x.n_tok * sizeof *x.tok);
    assert_memory_equal(x.cand_off, y.cand_off, ((size_t)x.n_step + 1) * sizeof *x.cand_off);
    assert_memory_equal(x.cand, y.cand, (size_t)x.cand_off[x.n_step] * sizeof *x.cand);
    assert_memory_equal(x.cand_right, y.cand_right, (size_t)x.cand_off[x.n_step]);
    assert_memory_equal(x.step_prev, y.step_prev, (size_t)x.n_step * sizeof *x.step_prev);
    assert_int_equal(san_batch_check(&hp, &x, &diag), LT_OK);
    san_batch_builder_free(with);
    san_batch_builder_free(without);
    for (int i = 0; i < 3; i++) json_decref(odd[i]);
    for (size_t i = 0; i < N_LESSONS; i++) json_decref(c[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open__files_that_are_no_network_of_ours__refused_with_reason),
        cmocka_unit_test(test_open__truncated_at_any_length__refused),
        cmocka_unit_test(test_catalog__bad_ones__refused_with_place),
        cmocka_unit_test(test_call__bad_texts__refused_and_the_next_is_answered),
        cmocka_unit_test(test_call__nothing_to_call__nothing_for_certain),
        cmocka_unit_test(test_call__cold_warm_and_another_engine__same_bits),
        cmocka_unit_test(test_call__four_threads_at_once__answers_of_one),
        cmocka_unit_test(test_call__mistyped_word__read_and_told_as_it_was_meant),
        cmocka_unit_test(test_call__more_tools_than_are_shown__some_are_picked_the_same_each_time),
        cmocka_unit_test(test_call__tools_in_another_order__same_answer),
        cmocka_unit_test(test_trainer__random_networks__probabilities_of_inference),
        cmocka_unit_test(test_training__sixteen_cases__learnt_by_heart_and_answered),
        cmocka_unit_test(test_batch__shared_home__each_case_keeps_its_room),
        cmocka_unit_test(test_batch__cases_left_out__batch_as_without_them),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
