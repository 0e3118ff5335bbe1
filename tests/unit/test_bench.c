/* The benchmark: its statistics, the work it counts, and that a run over a real engine adds up.
 * How fast anything is, is no subject of a test. */
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
#include "san/bench.h"
#include "san/bench_step.h"
#include "san/model_file.h"
#include "san/plan.h"
#include "tiny_lang.h"

static char path[] = "/tmp/test_bench_XXXXXX";
static struct san_engine *engine;

static int setup(void **state)
{
    (void)state;
    struct san_tokenizer *tokenizer = tiny_tokenizer(600, NULL);
    struct san_hparams h = {.n_vocab = san_tokenizer_n_vocab(tokenizer),
                            .width = 32,
                            .n_head = 4,
                            .n_kv_head = 2,
                            .n_enc = 2,
                            .n_dec = 1,
                            .n_ctx = 512,
                            .n_flag = SAN_N_FLAG,
                            .n_class = SAN_CLASS_COUNT,
                            .n_feat = SAN_N_FEAT,
                            .rope_base = 10000,
                            .rms_eps = 1e-6f,
                            .mask = SAN_MASK_BLOCK,
                            .render = SAN_RENDER_LINTEL,
                            .grammar = SAN_GRAMMAR};
    struct san_params p = {0};
    struct lt_diag diag = {0};
    int fd = mkstemp(path);
    if (fd < 0) return -1;
    close(fd);
    tiny_check(san_params_new(&h, &p), &diag);
    san_params_init(&p, &h, 3);
    tiny_check(san_model_save(path, &h, &p, tokenizer, NULL, 0, SAN_TYPE_F32, &diag), &diag);
    tiny_check(san_engine_open(path, &engine, &diag), &diag);
    san_params_free(&p);
    san_tokenizer_free(tokenizer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    san_engine_close(engine);
    return unlink(path);
}

static void test_stat__known_samples__gives_their_percentiles(void **state)
{
    (void)state;
    double one[] = {5}, many[101];
    for (int i = 0; i < 101; i++) many[i] = (i * 37) % 101; /* 0..100 in disorder */
    struct san_bench_stat s = san_bench_stat_of(many, 101);
    assert_true(s.median == 50 && s.low == 10 && s.high == 90 && s.p99 == 99 && s.best == 100);
    assert_int_equal(s.n, 101);
    double two[] = {4, 2};
    s = san_bench_stat_of(two, 2);
    assert_true(s.median == 3 && s.low == 2 && s.best == 4);
    s = san_bench_stat_of(one, 1);
    assert_true(s.median == 5 && s.low == 5 && s.high == 5 && s.p99 == 5);
    s = san_bench_stat_of(one, 0);
    assert_true(s.n == 0 && s.median == 0);
}

static void test_machine__short_run__peak_is_no_less_than_what_was_seen(void **state)
{
    (void)state;
    struct san_bench_machine m;
    assert_int_equal(san_bench_machine(1000, &m, NULL), LT_OK);
    assert_true(m.fma.n >= 3 && m.sgemm.n >= 3 && m.triad.n >= 3);
    assert_true(m.fma.best > 0 && m.bytes.best > 0 && m.pairs.best > 0 && m.triad.median > 0);
    assert_true(san_bench_peak_gflops(&m) >= m.sgemm.best);
    assert_true(san_bench_peak_gflops(&m) >= m.fma.best);
    assert_true(san_bench_read_gbs(1) > 0);
}

/* A machine of which all limits are known. */
static const struct san_bench_machine known = {
    .fma = {.best = 100}, .sgemm = {.best = 90}, .bytes = {.best = 400}, .pairs = {.best = 200}};

static void test_joint__small_network__counts_the_products(void **state)
{
    (void)state;
    struct san_hparams h = san_bench_joint_hparams();
    assert_true(h.width == 512 && h.n_enc == 12 && h.n_dec == 8 && h.n_vocab == 8192);
    h.n_vocab = 300;
    h.width = 64;
    h.n_enc = 2;
    h.n_dec = 1;
    struct san_bench_joint j;
    struct lt_diag diag = {0};
    if (san_bench_joint(&h, SAN_TYPE_F32, &known, 1000, &j, &diag)) fail_msg("%s", diag.text);
    const int least = LT_EMULATED ? 1 : 3; /* rounds, of as many as fit the time */
    assert_true(j.prefill.per_s.n >= least && j.decode.per_s.n >= least);
    /* by hand: q and o 64*64 each, k and v 32*64 each; two encoder layers and the cross keys and
     * values of one decoder layer; attention 4*64 for each of 256 keys and two layers */
    double flop = 2 * (2 * 12288 + 4096) + 2 * 4 * 64 * 256;
    double done = j.prefill.gflops * 1e9 / j.prefill.per_s.median;
    assert_true(done > flop * 0.999999 && done < flop * 1.000001);
    assert_string_equal(j.prefill.bound, "compute");
    assert_true(j.prefill.limit_per_s > 0.999999 * 100e9 / flop);
    assert_true(j.prefill.limit_per_s < 1.000001 * 100e9 / flop);
    /* a step: self 12288 weights, cross q and o 8192, output 300*64; keys and values of 256 source
     * tokens and of 32.5 steps; each weight 4 bytes */
    double bytes = 4 * (12288 + 8192 + 300 * 64 + 2 * 32 * (256 + 32.5));
    done = j.decode.gbs * 1e9 / j.decode.per_s.median;
    assert_true(done > bytes * 0.999999 && done < bytes * 1.000001);
    /* with weights of a byte and a 32nd of a scale, products are judged by the peak of bytes and
     * attention by that of pairs */
    if (san_bench_joint(&h, SAN_TYPE_Q8_0, &known, 1000, &j, &diag)) fail_msg("%s", diag.text);
    double seconds = 2.0 * 4 * 64 * 256 / 200e9 + 2.0 * (2 * 12288 + 4096) / 400e9;
    assert_true(j.prefill.limit_per_s * seconds > 0.999999);
    assert_true(j.prefill.limit_per_s * seconds < 1.000001);
    /* the source's keys and values are halves where the processor converts them */
    bytes = 1.0625 * (12288 + 8192 + 300 * 64) + 2 * 32 * (2 * 256 + 4 * 32.5);
    const double with_floats = bytes + 2 * 32 * 2 * 256;
    done = j.decode.gbs * 1e9 / j.decode.per_s.median;
    assert_true((done > bytes * 0.999999 && done < bytes * 1.000001) ||
                (done > with_floats * 0.999999 && done < with_floats * 1.000001));
}

static void test_calls__made_up_catalogue__every_utterance_is_timed(void **state)
{
    (void)state;
    static const char *const texts[] = {"turn the light on", "stop lamp 3", "what is the time"};
    struct san_bench_calls_plan plan = {
        .texts = texts, .n_texts = 3, .max_us = 1000, .max_catalogue_us = 1000};
    struct lt_buf json;
    struct lt_diag diag = {0};
    struct san_bench_calls small, large;
    lt_buf_init(&json, 1 << 20);
    assert_int_equal(san_bench_catalog(7, 5, &json), LT_OK);
    if (san_bench_calls(engine, json.p, json.n, &plan, &known, &small, &diag))
        fail_msg("%s", diag.text);
    assert_true(small.n_tools == 7 && small.n_entities == 5);
    assert_true(small.n_blocks >= 7 + 5 + 10); /* and areas */
    assert_true(small.n_block_tokens > small.n_blocks && small.block_bytes > 0);
    assert_true(small.encode.per_s.n >= 3 && small.catalogue.per_s.n >= 3);
    assert_int_equal(small.call_us.n, 3 * small.encode.per_s.n);
    assert_true(small.decisions_per_call >= 1 && small.call_us.p99 >= small.call_us.median);
    assert_true(small.encode.limit_per_s > 0 && small.decide.limit_per_s > 0);

    lt_buf_reset(&json);
    assert_int_equal(san_bench_catalog(70, 50, &json), LT_OK);
    plan.max_catalogue_us = 0;
    if (san_bench_calls(engine, json.p, json.n, &plan, &known, &large, &diag))
        fail_msg("%s", diag.text);
    assert_true(large.n_tools == 70 && large.n_entities == 50);
    assert_int_equal(large.catalogue.per_s.n, 0);
    /* the guess by which too large a catalogue is left out is of the right size */
    size_t guess = san_bench_catalog_bytes(engine, 70, 50);
    assert_true(guess > large.block_bytes / 2 && guess < large.block_bytes * 2);
    lt_buf_free(&json);
}

static void test_sites__few_and_many__share_tools_and_restore_the_budget(void **state)
{
    (void)state;
    static const char *const texts[] = {"start lamp 3", "stop lamp 3", "what is the time"};
    struct san_bench_sites_plan plan = {
        .n_sites = 1, .n_threads = 1, .texts = texts, .n_texts = 3, .max_us = 1000};
    struct san_bench_sites one, six;
    struct san_cache_stats s;
    struct lt_diag diag = {0};
    san_engine_cache_limit(engine, 12345678);
    if (san_bench_sites(engine, &plan, &one, &diag)) fail_msg("%s", diag.text);
    plan.n_sites = 6;
    plan.n_threads = 2;
    if (san_bench_sites(engine, &plan, &six, &diag)) fail_msg("%s", diag.text);
    assert_true(one.per_s.n >= 3 && six.per_s.n >= 3 && six.per_s.median > 0);
    assert_true(six.n_sites == 6 && six.n_threads == 2);
    assert_true(six.site_bytes > 0 && six.site_bytes < one.site_bytes);
    san_engine_cache_stats(engine, &s);
    assert_int_equal(s.n_bytes_most, 12345678);
}

static void test_calls__bad_catalogue__is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"x"};
    struct san_bench_calls_plan plan = {.texts = texts, .n_texts = 1};
    struct san_bench_calls out;
    struct lt_diag diag = {0};
    assert_int_equal(san_bench_calls(engine, "{]", 2, &plan, &known, &out, &diag), LT_ERR_PARSE);
    struct lt_buf json;
    lt_buf_init(&json, 100);
    assert_int_equal(san_bench_catalog(10, 10, &json), LT_ERR_LIMIT);
    lt_buf_free(&json);
}

static void test_step__tiny_network__counts_what_it_did(void **state)
{
    (void)state;
    struct san_bench_machine m;
    struct san_bench_step out;
    struct lt_diag diag = {0};
    struct san_bench_step_plan plan = {.model = path,
                                       .tree = SOURCE_DIR "/engine/data",
                                       .mix = SOURCE_DIR "/engine/train/mix.json",
                                       .max_us = 1};
    assert_int_equal(san_bench_machine(1, &m, &diag), LT_OK);
    tiny_check(san_bench_step(&plan, &m, &out, &diag), &diag);
    assert_int_equal(out.rate.per_s.n, 3);
    assert_int_equal(out.ms.n, 3);
    assert_true(out.n_cases > 24 && out.n_cases <= 48);
    assert_true(out.n_tokens > 10 * out.n_cases);
    assert_true(out.ms.low > 0 && out.optimiser_ms < out.ms.best);
    /* one figure is the other one turned round, but for batches of fewer cases */
    double cases = out.rate.per_s.best * out.ms.low / 1e3;
    assert_true(cases > 0.5 * out.n_cases && cases < 2 * out.n_cases);
    assert_true(out.rate.gflops > 0 && out.rate.limit_per_s > 0);
    plan.model = "/nowhere/x.gguf";
    assert_int_not_equal(san_bench_step(&plan, &m, &out, &diag), LT_OK);
    assert_non_null(strstr(diag.text, "/nowhere/x.gguf"));
    assert_int_equal(out.rate.per_s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat__known_samples__gives_their_percentiles),
        cmocka_unit_test(test_machine__short_run__peak_is_no_less_than_what_was_seen),
        cmocka_unit_test(test_joint__small_network__counts_the_products),
        cmocka_unit_test(test_calls__made_up_catalogue__every_utterance_is_timed),
        cmocka_unit_test(test_sites__few_and_many__share_tools_and_restore_the_budget),
        cmocka_unit_test(test_calls__bad_catalogue__is_refused),
        cmocka_unit_test(test_step__tiny_network__counts_what_it_did),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
