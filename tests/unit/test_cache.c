/* Blocks in a budget and over a restart, devices found in large homes, batches, and calls that allocate
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "home_index.h"
#include "san/bench.h"
#include "san/engine.h"
#include "san/model_file.h"
#include "san/rand.h"
#include "san/train_run.h"
#include "tiny_lang.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t k, size_t n);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

static int n_alloc;

void *__wrap_malloc(size_t n)
{
    __atomic_add_fetch(&n_alloc, 1, __ATOMIC_RELAXED);
    return __real_malloc(n);
}
void *__wrap_calloc(size_t k, size_t n)
{
    __atomic_add_fetch(&n_alloc, 1, __ATOMIC_RELAXED);
    return __real_calloc(k, n);
}
void *__wrap_realloc(void *p, size_t n)
{
    __atomic_add_fetch(&n_alloc, 1, __ATOMIC_RELAXED);
    return __real_realloc(p, n);
}
void *__wrap_aligned_alloc(size_t align, size_t n)
{
    __atomic_add_fetch(&n_alloc, 1, __ATOMIC_RELAXED);
    return __real_aligned_alloc(align, n);
}

static struct san_tokenizer *tokenizer;
static struct san_hparams hp;
static char dir[] = "/tmp/test_cache_XXXXXX";
static char model[64], other[64], blocks[64];

static const char *const asked[] = {"start the lamp", "set kitchen lamp 7 to 30 percent",
                                    "close garage gate 12", "order it", "reset bedroom pump 22"};
enum { N_ASKED = sizeof asked / sizeof asked[0] };

static void save_random(const char *to, uint64_t seed)
{
    struct san_params p;
    struct lt_diag diag = {0};
    assert_int_equal(san_params_new(&hp, &p), LT_OK);
    san_params_init(&p, &hp, seed);
    struct san_rand r;
    san_rand_seed(&r, seed);
    for (int i = 0; i < SAN_CLASS_COUNT * SAN_N_FEAT; i++)
        p.ptr_feat[i] = (float)san_rand_normal(&r);
    enum lt_err err = san_model_save(to, &hp, &p, tokenizer, NULL, 0, SAN_TYPE_F32, &diag);
    tiny_check(err, &diag);
    san_params_free(&p);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return -1;
    snprintf(model, sizeof model, "%s/a.gguf", dir);
    snprintf(other, sizeof other, "%s/b.gguf", dir);
    snprintf(blocks, sizeof blocks, "%s/blocks", dir);
    tokenizer = tiny_tokenizer(700, NULL);
    hp = san_train_options_default().h;
    hp.n_vocab = san_tokenizer_n_vocab(tokenizer);
    hp.width = 32;
    hp.n_head = 4;
    hp.n_kv_head = 2;
    hp.n_enc = 2;
    hp.n_dec = 2;
    hp.ret_dim = 16;
    hp.ret_hidden = 32;
    save_random(model, 1);
    save_random(other, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(model);
    unlink(other);
    unlink(blocks);
    rmdir(dir);
    san_tokenizer_free(tokenizer);
    return 0;
}

static struct san_engine *open_engine(const char *path)
{
    struct san_engine *e = NULL;
    struct lt_diag diag = {0};
    tiny_check(san_engine_open(path, &e, &diag), &diag);
    return e;
}

static struct san_catalog *load(struct san_engine *e, int n_tools, int n_entities)
{
    struct san_catalog *c = NULL;
    struct lt_diag diag = {0};
    struct lt_buf json;
    lt_buf_init(&json, (size_t)16 << 20);
    assert_int_equal(san_bench_catalog(n_tools, n_entities, &json), LT_OK);
    tiny_check(san_catalog_new(e, json.p, json.n, &c, &diag), &diag);
    lt_buf_free(&json);
    return c;
}

static struct san_answer call(struct san_engine *e, struct san_catalog *c, const char *text)
{
    struct san_answer a;
    struct lt_diag diag = {0};
    const struct san_request req = {.text = text};
    tiny_check(san_call(e, c, &req, &a, &diag), &diag);
    return a;
}

static void check_same(const struct san_answer *a, const struct san_answer *b)
{
    assert_string_equal(a->calls_json, b->calls_json);
    assert_int_equal(a->n_decisions, b->n_decisions);
    assert_float_equal(a->confidence, b->confidence, 1e-4);
}

static struct san_cache_stats stats_of(struct san_engine *e)
{
    struct san_cache_stats s;
    san_engine_cache_stats(e, &s);
    return s;
}

static void test_cache__many_catalogues__stays_within_budget_and_answers_the_same(void **state)
{
    (void)state;
    enum { N = 12, BUDGET = 600 << 10 };
    struct san_engine *e = open_engine(model);
    struct san_catalog *c[N];
    struct san_answer first[N];
    for (int i = 0; i < N; i++) {
        c[i] = load(e, 3 + i, 20 + 10 * i);
        first[i] = call(e, c[i], asked[i % N_ASKED]);
    }
    size_t all = san_engine_cache_bytes(e);
    assert_true(all > BUDGET);
    san_engine_cache_limit(e, BUDGET);
    assert_true(san_engine_cache_bytes(e) <= BUDGET);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            struct san_answer a = call(e, c[i], asked[i % N_ASKED]);
            check_same(&first[i], &a);
            san_answer_free(&a);
        }
    struct san_cache_stats s = stats_of(e);
    assert_true(s.n_let_go > 0);
    assert_true(s.n_catalogs < N);
    for (int i = 0; i < N; i++) {
        san_answer_free(&first[i]);
        san_catalog_unref(c[i]);
    }
    assert_int_equal(stats_of(e).n_catalogs, 0);
    san_engine_close(e);
}

static void test_cache__a_little_too_much__joined_copies_go_and_blocks_stay(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(model);
    struct san_catalog *c[] = {load(e, 3, 20), load(e, 4, 30)};
    struct san_answer first[] = {call(e, c[0], asked[0]), call(e, c[1], asked[1])};
    struct san_cache_stats all = stats_of(e), less;
    san_engine_cache_limit(e, all.n_bytes - 1); /* the copy of the one that was used before */
    less = stats_of(e);
    assert_true(less.n_bytes < all.n_bytes);
    assert_true(less.n_catalogs == 2 && less.n_let_go == 0 && less.n_blocks == all.n_blocks);
    for (int i = 0; i < 2; i++) {
        struct san_answer a = call(e, c[i], asked[i]);
        check_same(&first[i], &a);
        san_answer_free(&a);
    }
    assert_true(stats_of(e).n_encoded == all.n_encoded);
    for (int i = 0; i < 2; i++) {
        san_answer_free(&first[i]);
        san_catalog_unref(c[i]);
    }
    san_engine_close(e);
}

static void test_cache__one_device_more__encodes_one_block(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(model);
    struct san_catalog *a = load(e, 10, 40);
    uint64_t before = stats_of(e).n_encoded;
    struct san_catalog *b = load(e, 10, 41);
    assert_int_equal(stats_of(e).n_encoded, before + 1);
    san_catalog_unref(a);
    san_catalog_unref(b);
    san_engine_close(e);
}

static void test_cache__saved_and_loaded__encodes_nothing_and_answers_the_same(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_engine *e = open_engine(model);
    struct san_catalog *c = load(e, 10, 40);
    struct san_answer want[N_ASKED];
    for (int i = 0; i < N_ASKED; i++) want[i] = call(e, c, asked[i]);
    tiny_check(san_engine_cache_save(e, blocks, &diag), &diag);
    san_catalog_unref(c);
    san_engine_close(e);

    e = open_engine(model);
    tiny_check(san_engine_cache_load(e, blocks, &diag), &diag);
    c = load(e, 10, 40);
    assert_int_equal(stats_of(e).n_encoded, 0);
    assert_true(stats_of(e).n_restored > 50);
    for (int i = 0; i < N_ASKED; i++) {
        struct san_answer a = call(e, c, asked[i]);
        assert_string_equal(a.calls_json, want[i].calls_json);
        assert_true(a.confidence == want[i].confidence);
        san_answer_free(&a);
    }
    san_catalog_unref(c);
    san_engine_close(e);

    e = open_engine(other); /* another network's blocks are none */
    assert_int_equal(san_engine_cache_load(e, blocks, &diag), LT_ERR_INVALID);
    assert_int_equal(san_engine_cache_load(e, "/nonexistent/blocks", &diag), LT_ERR_NOTFOUND);
    san_engine_close(e);
    for (int i = 0; i < N_ASKED; i++) san_answer_free(&want[i]);
}

static void test_cache__damaged_file__is_ignored(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_engine *e = open_engine(model);
    struct san_catalog *c = load(e, 2, 3);
    struct san_answer want = call(e, c, asked[0]);
    tiny_check(san_engine_cache_save(e, blocks, &diag), &diag);
    san_catalog_unref(c);
    san_engine_close(e);
    FILE *f = fopen(blocks, "rb");
    assert_non_null(f);
    static char all[1 << 20];
    size_t n = fread(all, 1, sizeof all, f);
    fclose(f);
    assert_true(n > 1000 && n < sizeof all);
    for (int i = 0; i < 40; i++) {
        int is_cut = i % 4 == 3;
        size_t at = i < 12 ? (size_t)i * 7 : n * (size_t)i / 40;
        f = fopen(blocks, "wb");
        assert_non_null(f);
        all[at] = (char)(all[at] ^ 0x41);
        fwrite(all, 1, is_cut ? at : n, f);
        all[at] = (char)(all[at] ^ 0x41);
        fclose(f);
        e = open_engine(model);
        enum lt_err err = san_engine_cache_load(e, blocks, &diag);
        assert_true(err == LT_OK || err == LT_ERR_PARSE || err == LT_ERR_INVALID);
        c = load(e, 2, 3);
        struct san_answer a = call(e, c, asked[0]);
        check_same(&want, &a);
        san_answer_free(&a);
        san_catalog_unref(c);
        san_engine_close(e);
    }
    san_answer_free(&want);
}

static void test_call_again__steady_state__allocates_nothing(void **state)
{
    (void)state;
    static const int sizes[][2] = {{10, 30}, {100, 30}, {10, 600}, {100, 600}};
    struct san_engine *e = open_engine(model);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct san_catalog *c = load(e, sizes[k][0], sizes[k][1]);
        struct san_answer a = {0};
        struct lt_diag diag = {0};
        int before = 0;
        for (int round = 0; round < 3; round++) {
            if (round == 2) before = n_alloc;
            for (int i = 0; i < N_ASKED; i++) {
                const struct san_request req = {.text = asked[i]};
                tiny_check(san_call_again(e, c, &req, &a, &diag), &diag);
            }
        }
        assert_int_equal(n_alloc, before);
        san_answer_free(&a);
        san_catalog_unref(c);
    }
    san_engine_close(e);
}

static void test_call_batch__any_threads__answers_as_alone(void **state)
{
    (void)state;
    enum { N = 40 };
    struct san_engine *e = open_engine(model);
    struct san_catalog *c[2] = {load(e, 10, 30), load(e, 70, 300)};
    struct san_answer want[2][N_ASKED];
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < N_ASKED; i++) want[k][i] = call(e, c[k], asked[i]);
    for (int threads = 1; threads <= 4; threads += 3) {
        static struct san_batch_call calls[N];
        for (int i = 0; i < N; i++)
            calls[i] = (struct san_batch_call){
                .catalog = c[i % 2], .request = {.text = i == 7 ? "\xff" : asked[i / 2 % N_ASKED]}};
        san_call_batch(calls, N, threads);
        for (int i = 0; i < N; i++) {
            if (i == 7) {
                assert_int_equal(calls[i].err, LT_ERR_INVALID);
                continue;
            }
            assert_int_equal(calls[i].err, LT_OK);
            check_same(&want[i % 2][i / 2 % N_ASKED], &calls[i].answer);
            san_answer_free(&calls[i].answer);
        }
    }
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < N_ASKED; i++) san_answer_free(&want[k][i]);
        san_catalog_unref(c[k]);
    }
    san_engine_close(e);
}

/* ---- large homes ---- */

struct large {
    struct san_pieces pieces;
    struct san_plan plan;
    struct san__home_index *index;
    struct san__home_pick pick;
};

static void large_open(struct large *l, int n)
{
    struct lt_diag diag = {0};
    struct lt_buf json;
    lt_buf_init(&json, (size_t)16 << 20);
    assert_int_equal(san_bench_catalog(1, n, &json), LT_OK);
    json_t *root = json_loadb(json.p, json.n, 0, NULL);
    memset(l, 0, sizeof *l);
    tiny_check(san_pieces_init(&l->pieces, tokenizer, SAN_GRAMMAR, &diag), &diag);
    tiny_check(san_plan_init(&l->plan, &l->pieces, root, &diag), &diag);
    assert_int_equal(san__home_index_new(l->plan.home, &l->index), LT_OK);
    json_decref(root);
    lt_buf_free(&json);
}

static int is_shown(struct large *l, const char *text, const char *name)
{
    struct san_word w[SAN_WORDS_MAX];
    int n = san_words(text, strlen(text), w, SAN_WORDS_MAX), found = 0;
    assert_int_equal(san__home_pick(l->index, text, w, n, -1, &l->pick), LT_OK);
    const struct san_shown *s = &l->pick.shown;
    assert_true(s->n_entities <= SAN_SHOW_ENTITIES);
    for (int i = 0; i < s->n_entities; i++) {
        assert_true(!i || s->entities[i] > s->entities[i - 1]);
        found |= !strcmp(l->plan.home->entities[s->entities[i]].name, name);
    }
    return found;
}

static void large_close(struct large *l)
{
    san__home_index_free(l->index);
    san__home_pick_free(&l->pick);
    san_plan_fini(&l->plan);
}

static void test_home_pick__ten_thousand_devices__shows_the_one_that_was_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } rows[] = {{"turn on kitchen lamp 1300", "Kitchen lamp 1300"},
                {"please set the KITCHEN Lamps 1300 to 20 percent", "Kitchen lamp 1300"},
                {"kitchn lmap 1300 on", "Kitchen lamp 1300"},
                {"close attic gate four thousand and thirty five", "Attic gate 4035"},
                {"turn off garage camera 9956 and start office pump 8728", "Garage camera 9956"},
                {"turn off garage camera 9956 and start office pump 8728", "Office pump 8728"}};
    struct large l;
    large_open(&l, 10000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct san_home_plan *h = l.plan.home;
        int exists = 0;
        for (int k = 0; k < h->n_entities && !exists; k++)
            exists = !strcmp(h->entities[k].name, rows[i].name);
        if (!exists) fail_msg("the made-up home has no %s", rows[i].name);
        if (!is_shown(&l, rows[i].text, rows[i].name))
            fail_msg("\"%s\": %s is not shown", rows[i].text, rows[i].name);
    }
    is_shown(&l, "", "");
    is_shown(&l, "!?", "");
    large_close(&l);
}

static void test_home_pick__speakers_room__is_shown(void **state)
{
    (void)state;
    struct large l;
    struct san_word w[4];
    large_open(&l, 5000);
    int n = san_words("louder", 6, w, 4), garage = san_home_area(l.plan.home, "garage");
    assert_true(garage >= 0);
    assert_int_equal(san__home_pick(l.index, "louder", w, n, garage, &l.pick), LT_OK);
    int has_area = 0, has_device = 0;
    for (int i = 0; i < l.pick.shown.n_areas; i++) has_area |= l.pick.shown.areas[i] == garage;
    for (int i = 0; i < l.pick.shown.n_entities; i++)
        has_device |= l.plan.home->entities[l.pick.shown.entities[i]].area == garage;
    assert_true(has_area);
    assert_true(has_device);
    large_close(&l);
}

static void test_call__large_home__sees_few_tokens_and_the_named_device(void **state)
{
    (void)state;
    struct san_engine *e = open_engine(model);
    struct san_catalog *few = load(e, 2, 10), *many = load(e, 2, 4000);
    struct san_answer a = call(e, few, "start kitchen lamp 0"),
                      b = call(e, many, "start kitchen lamp 0");
    assert_true(b.n_seen_tokens < 6 * a.n_seen_tokens);
    struct san_answer again = call(e, many, "start kitchen lamp 0");
    check_same(&b, &again);
    san_answer_free(&a);
    san_answer_free(&b);
    san_answer_free(&again);
    san_catalog_unref(few);
    san_catalog_unref(many);
    san_engine_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache__many_catalogues__stays_within_budget_and_answers_the_same),
        cmocka_unit_test(test_cache__a_little_too_much__joined_copies_go_and_blocks_stay),
        cmocka_unit_test(test_cache__one_device_more__encodes_one_block),
        cmocka_unit_test(test_cache__saved_and_loaded__encodes_nothing_and_answers_the_same),
        cmocka_unit_test(test_cache__damaged_file__is_ignored),
        cmocka_unit_test(test_call_again__steady_state__allocates_nothing),
        cmocka_unit_test(test_call_batch__any_threads__answers_as_alone),
        cmocka_unit_test(test_home_pick__ten_thousand_devices__shows_the_one_that_was_named),
        cmocka_unit_test(test_home_pick__speakers_room__is_shown),
        cmocka_unit_test(test_call__large_home__sees_few_tokens_and_the_named_device),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
