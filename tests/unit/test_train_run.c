/* A whole training run: what it writes, that it can be taken up again, and what is kept from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "san/engine.h"
#include "san/model_file.h"
#include "san/train_run.h"
#include "tiny_lang.h"

static char dir[] = "/tmp/test_train_run_XXXXXX";
static char words_path[64], valid_path[64], state_path[64], out_path[64], other_path[64];

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_lookup *lookup = NULL;
    if (!mkdtemp(dir)) return -1;
    snprintf(words_path, sizeof words_path, "%s/words.gguf", dir);
    snprintf(valid_path, sizeof valid_path, "%s/valid.jsonl", dir);
    snprintf(state_path, sizeof state_path, "%s/state", dir);
    snprintf(out_path, sizeof out_path, "%s/out.gguf", dir);
    snprintf(other_path, sizeof other_path, "%s/other.gguf", dir);
    struct san_tokenizer *t = tiny_tokenizer(700, NULL);
    tiny_check(san_tokenizer_save(t, words_path, &diag), &diag);
    san_tokenizer_free(t);
    struct san_cases cases = tiny_cases(&lookup);
    FILE *f = fopen(valid_path, "w");
    if (!f) return -1;
    for (size_t i = 0; i < cases.n; i += 10) {
        json_dumpf(cases.p[i], f, JSON_COMPACT);
        fputc('\n', f);
    }
    fclose(f);
    san_cases_free(&cases);
    san_lookup_free(lookup);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(words_path);
    unlink(valid_path);
    unlink(state_path);
    unlink(out_path);
    unlink(other_path);
    return rmdir(dir);
}

static struct san_train_options options(uint64_t steps)
{
    struct san_train_options o = san_train_options_default();
    o.h.width = 32;
    o.h.n_head = 4;
    o.h.n_kv_head = 2;
    o.h.n_enc = 1;
    o.h.n_dec = 1;
    o.gen = (struct san_gen_options){.tree_dir = SOURCE_DIR "/engine/data",
                                     .data_dir = TEST_DATA_DIR "/generate",
                                     .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                     .seed = 3};
    o.tokenizer_path = words_path;
    o.batch = 6;
    o.steps = steps;
    o.warmup = 2;
    o.decay_share = 0; /* so that the rate of a step does not depend on how many there are */
    o.report_every = 1;
    o.valid_every = o.save_every = 0;
    o.out_path = out_path;
    o.note = "a test";
    o.n_threads = 1;
    return o;
}

struct seen {
    int n, n_valid;
    struct san_train_report last;
};

static void see(const struct san_train_report *r, void *user)
{
    struct seen *s = user;
    s->n++;
    s->n_valid += r->valid_right >= 0;
    assert_true(r->step >= 1 && r->step <= r->steps);
    assert_true(r->step_ok >= 0 && r->step_ok <= 1);
    s->last = *r;
}

static void run(const struct san_train_options *o, struct seen *s)
{
    struct lt_diag diag = {0};
    *s = (struct seen){0};
    if (san_train_run(o, see, s, &diag)) fail_msg("%s", diag.text);
}

static void test_run__four_steps__reports_and_a_network_that_answers(void **state)
{
    (void)state;
    struct san_train_options o = options(4);
    struct seen s;
    o.valid_path = valid_path;
    o.valid_every = 2;
    o.name = "small";
    run(&o, &s);
    assert_int_equal(s.last.step, 4);
    assert_int_equal(s.n, 5); /* every step, and once more at the end */
    assert_int_equal(s.n_valid, 3);
    assert_true(s.last.n_examples > 12 && s.last.n_examples + s.last.n_left_out <= 4 * 6);
    assert_true(s.last.valid_right >= 0 && s.last.valid_right <= 1 && s.last.valid_loss > 0);
    struct san_engine *e = NULL;
    struct san_catalog *c = NULL;
    struct san_answer a;
    struct lt_diag diag = {0};
    static const char tools[] = "{\"tools\":[{\"name\":\"turn_on\"},{\"name\":\"turn_off\"}]}";
    const struct san_request ask = {.text = "turn on the light"};
    assert_int_equal(san_engine_open(out_path, &e, &diag), LT_OK);
    assert_string_equal(san_engine_model_name(e), "small");
    assert_int_equal(san_catalog_new(e, tools, strlen(tools), &c, &diag), LT_OK);
    assert_int_equal(san_call(e, c, &ask, &a, &diag), LT_OK);
    assert_true(a.n_decisions >= 1);
    san_answer_free(&a);
    san_catalog_unref(c);
    san_engine_close(e);
}

static void test_run__stopped_and_taken_up_again__as_if_never_stopped(void **state)
{
    (void)state;
    struct seen s;
    struct san_train_options o = options(6);
    run(&o, &s);
    double loss = s.last.loss;
    o = options(3);
    o.out_path = other_path;
    o.state_path = state_path;
    run(&o, &s);
    assert_int_equal(s.n, 3);
    o.steps = 6;
    o.is_resume = 1;
    run(&o, &s);
    assert_int_equal(s.n, 3); /* steps 4, 5 and 6 */
    assert_int_equal(s.last.step, 6);
    assert_true(s.last.loss == loss);
    struct san_hparams h, h2;
    struct san_params p, p2;
    struct lt_diag diag = {0};
    assert_int_equal(san_model_load(out_path, &h, &p, NULL, NULL, &diag), LT_OK);
    assert_int_equal(san_model_load(other_path, &h2, &p2, NULL, NULL, &diag), LT_OK);
    assert_int_equal(p.n, p2.n);
    assert_memory_equal(p.mem, p2.mem, p.n * sizeof *p.mem);
    san_params_free(&p);
    san_params_free(&p2);
    run(&o, &s); /* nothing is left to do */
    assert_int_equal(s.n, 0);
}

static void test_run__from_another_network__begins_with_its_weights(void **state)
{
    (void)state;
    struct seen first, again;
    struct san_train_options o = options(5);
    run(&o, &first);
    o = options(1);
    o.init_path = out_path;
    o.out_path = other_path;
    o.optim.adam_lr = o.optim.muon_lr = 0;
    run(&o, &again);
    struct san_hparams h;
    struct san_params p, p2;
    struct lt_diag diag = {0};
    assert_int_equal(san_model_load(out_path, &h, &p, NULL, NULL, &diag), LT_OK);
    assert_int_equal(san_model_load(other_path, &h, &p2, NULL, NULL, &diag), LT_OK);
    for (size_t i = 0; i < p.n; i++) assert_true(p.mem[i] == p2.mem[i]);
    san_params_free(&p);
    san_params_free(&p2);
    o = options(1);
    o.init_path = out_path;
    o.h.n_dec = 2;
    assert_int_equal(san_train_run(&o, NULL, NULL, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, out_path));
}

static void test_run__what_it_needs_is_missing__refused(void **state)
{
    (void)state;
    static const char *const missing = "/nonexistent/file";
    for (int i = 0; i < 5; i++) {
        struct san_train_options o = options(2);
        struct lt_diag diag = {0};
        if (i == 0) o.tokenizer_path = missing;
        if (i == 1) o.valid_path = missing;
        if (i == 2) o.init_path = missing;
        if (i == 3) o.state_path = missing, o.is_resume = 1;
        if (i == 4) o.gen.tree_dir = missing;
        assert_int_not_equal(san_train_run(&o, NULL, NULL, &diag), LT_OK);
        if (!strstr(diag.text, missing)) fail_msg("%s", diag.text);
    }
    struct san_train_options o = options(2);
    struct lt_diag diag = {0};
    o.h.n_head = 5;
    assert_int_equal(san_train_run(&o, NULL, NULL, &diag), LT_ERR_INVALID);
}

static void test_held_out__utterances__one_in_fifty_with_all_its_variants(void **state)
{
    (void)state;
    int n = 0;
    enum { N = 20000 };
    for (int i = 0; i < N; i++) {
        char text[64], variant[64];
        snprintf(text, sizeof text, "turn lights %d on in room %d", i % 200, i / 200);
        snprintf(variant, sizeof variant, "  Turn LIGHT %d on, in room %d!", i % 200, i / 200);
        int is_held_out = san_train_is_held_out(text);
        assert_int_equal(is_held_out, san_train_is_held_out(variant));
        n += is_held_out;
    }
    assert_in_range(n, N / SAN_HOLD_OUT / 2, N / SAN_HOLD_OUT * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__four_steps__reports_and_a_network_that_answers),
        cmocka_unit_test(test_run__stopped_and_taken_up_again__as_if_never_stopped),
        cmocka_unit_test(test_run__from_another_network__begins_with_its_weights),
        cmocka_unit_test(test_run__what_it_needs_is_missing__refused),
        cmocka_unit_test(test_held_out__utterances__one_in_fifty_with_all_its_variants),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
