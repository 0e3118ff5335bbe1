/* Averaging networks: every number the weighted mean, and what cannot be averaged is refused by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "san/average.h"
#include "san/model_file.h"
#include "small_net.h"

static char folder[] = "/tmp/test_average_XXXXXX";
static char path[4][64], path_out[64];

static const struct san_hparams small = SMALL_NET(.width = 64, .n_enc = 2);

/* A random network with a vocabulary of 40 tokens, of which the last is `last`. */
static void write_network(const char *to, const struct san_hparams *h, uint64_t seed,
                          const char *last)
{
    static const float weights[] = {1.5f, -0.25f};
    const struct san_extra extra[] = {{.key = "general.name", .str = "small"},
                                      {.key = "san.confidence.weight", .f32 = weights, .n = 2}};
    char token[40][16];
    struct san_gguf_str text[40];
    float score[40] = {0};
    int32_t type[40];
    for (int i = 0; i < 40; i++) {
        snprintf(token[i], sizeof token[i], "t%d", i);
        text[i] = (struct san_gguf_str){token[i], strlen(token[i])};
        type[i] = i ? 1 : 2; /* normal; the first is the unknown */
    }
    text[39] = (struct san_gguf_str){last, strlen(last)};
    struct san_vocab v = {
        .n = 40, .text = text, .score = score, .type = type, .bos = -1, .eos = -1, .pad = -1};
    struct san_tokenizer *tok = NULL;
    struct san_params p = {0};
    struct lt_diag diag = {0};
    if (san_tokenizer_new(&v, &tok, &diag)) fail_msg("%s", diag.text);
    assert_int_equal(san_params_new(h, &p), LT_OK);
    san_params_init(&p, h, seed);
    assert_int_equal(san_model_save(to, h, &p, tok, extra, 2, SAN_TYPE_F32, NULL), LT_OK);
    san_params_free(&p);
    san_tokenizer_free(tok);
}

static int setup(void **state)
{
    (void)state;
    struct san_hparams wide = small;
    wide.width = 128;
    if (!mkdtemp(folder)) return -1;
    for (int i = 0; i < 4; i++) snprintf(path[i], sizeof path[i], "%s/%d.gguf", folder, i);
    snprintf(path_out, sizeof path_out, "%s/out.gguf", folder);
    write_network(path[0], &small, 1, "last");
    write_network(path[1], &small, 2, "last");
    write_network(path[2], &wide, 3, "last");
    write_network(path[3], &small, 4, "other");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) unlink(path[i]);
    unlink(path_out);
    return rmdir(folder);
}

static void test_average__two_networks__every_number_is_the_weighted_mean(void **state)
{
    (void)state;
    const struct san_average_part part[] = {{path[0], 3}, {path[1], 1}}; /* 0.75 and 0.25 */
    struct san_hparams h;
    struct san_params a = {0}, b = {0}, mean = {0};
    struct san_gguf *file = NULL;
    struct lt_diag diag = {0};
    if (san_model_average(part, 2, "mixed", path_out, &diag)) fail_msg("%s", diag.text);
    assert_int_equal(san_model_load(path[0], &h, &a, NULL, NULL, NULL), LT_OK);
    assert_int_equal(san_model_load(path[1], &h, &b, NULL, NULL, NULL), LT_OK);
    assert_int_equal(san_model_load(path_out, &h, &mean, NULL, &file, NULL), LT_OK);
    assert_true(mean.n == a.n && mean.n > 1000);
    int differ = 0;
    for (size_t i = 0; i < mean.n; i++) {
        assert_true(fabs((double)mean.mem[i] - 0.75 * (double)a.mem[i] - 0.25 * (double)b.mem[i]) <
                    1e-6);
        differ += fabs((double)a.mem[i] - (double)b.mem[i]) > 1e-3;
    }
    assert_true(differ > 1000);
    assert_string_equal(san_gguf_str_or(file, "general.name", ""), "mixed");
    assert_string_equal(san_gguf_str_or(file, "general.training", ""),
                        "average of 0.75 0.gguf, 0.25 1.gguf");
    assert_true(san_gguf_has(file, "tokenizer.ggml.tokens"));
    assert_false(san_gguf_has(file, "san.confidence.weight")); /* fitted to other answers */
    san_params_free(&a);
    san_params_free(&b);
    san_params_free(&mean);
    san_gguf_close(file);
}

static void test_average__what_does_not_fit__refused_by_name_and_nothing_written(void **state)
{
    (void)state;
    const struct {
        struct san_average_part part[2];
        int n;
        enum lt_err err;
        const char *says;
    } rows[] = {{{{path[0], 1}, {path[2], 1}}, 2, LT_ERR_INVALID, "another width"},
                {{{path[0], 1}, {path[3], 1}}, 2, LT_ERR_INVALID, "another vocabulary"},
                {{{path[0], 1}, {path[1], 0}}, 2, LT_ERR_INVALID, "weight 0"},
                {{{path[0], 1}, {path[1], -1}}, 2, LT_ERR_INVALID, "weight -1"},
                {{{path[0], 1}, {path[1], (double)NAN}}, 2, LT_ERR_INVALID, "weight"},
                {{{path[0], 1}, {path[1], 1}}, 1, LT_ERR_INVALID, "takes 2 to 16"},
                {{{path[0], 1}, {"/nowhere/x.gguf", 1}}, 2, LT_ERR_NOTFOUND, "/nowhere/x.gguf"}};
    unlink(path_out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_diag diag = {0};
        assert_int_equal(san_model_average(rows[i].part, rows[i].n, NULL, path_out, &diag),
                         rows[i].err);
        if (!strstr(diag.text, rows[i].says))
            fail_msg("\"%s\" does not say %s", diag.text, rows[i].says);
        assert_int_equal(access(path_out, F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average__two_networks__every_number_is_the_weighted_mean),
        cmocka_unit_test(test_average__what_does_not_fit__refused_by_name_and_nothing_written),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
