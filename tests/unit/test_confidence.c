/* The confidence head: its features, fitting it, and reading it from a model file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "san/confidence.h"
#include "san/gguf.h"
#include "san/model_file.h"
#include "san/plan.h"
#include "san/rand.h"

#define WIDTH 16

static void test_features__extreme_answers__finite(void **state)
{
    (void)state;
    static const float probability[] = {0, 1e-30f, 0.5f, 1, 1.0000001f};
    static const char *const kinds[] = {"tool",  "argument", "target", "value",
                                        "digit", "start",    "end"};
    float h[WIDTH], f[SAN_CONFIDENCE_N_BASE + WIDTH];
    struct san_decision d[200];
    for (int i = 0; i < WIDTH; i++) h[i] = (float)i;
    for (int p = 0; p < 5; p++)
        for (int n = 0; n <= 200; n += n < 3 ? 1 : 197) {
            for (int i = 0; i < n; i++)
                d[i] =
                    (struct san_decision){kinds[i % 7], probability[p], probability[p], 2 + i * 9};
            for (int n_calls = 0; n_calls < 3; n_calls++) {
                struct san_confidence_input in = {.decisions = d,
                                                  .n_decisions = n,
                                                  .n_calls = n_calls,
                                                  .n_words = n_calls * 7,
                                                  .n_known_words = n_calls,
                                                  .state = h,
                                                  .width = WIDTH};
                for (size_t k = 0; k < sizeof f / sizeof *f; k++) f[k] = NAN;
                san_confidence_features(&in, f);
                for (size_t k = 0; k < sizeof f / sizeof *f; k++)
                    if (!isfinite(f[k]))
                        fail_msg("feature %zu, p %g, n %d", k, (double)probability[p], n);
                assert_true(f[0] == 1);
                assert_memory_equal(f + SAN_CONFIDENCE_N_BASE, h, sizeof h);
            }
        }
    assert_int_equal(san_confidence_n_feature(WIDTH), SAN_CONFIDENCE_N_BASE + WIDTH);
}

static void test_features__three_decisions__as_their_comment_says(void **state)
{
    (void)state;
    const struct san_decision d[] = {
        {"tool", 0.5f, 0.25f, 8}, {"target", 0.25f, 0.1f, 4}, {"value", 0.8f, 0.7f, 2}};
    float h[1] = {3}, f[SAN_CONFIDENCE_N_BASE + 1];
    struct san_confidence_input in = {.decisions = d,
                                      .n_decisions = 3,
                                      .n_calls = 1,
                                      .n_words = 4,
                                      .n_known_words = 3,
                                      .has_target = 1,
                                      .target_match = 1,
                                      .target_share = 0.75f,
                                      .state = h,
                                      .width = 1};
    san_confidence_features(&in, f);
    assert_true(fabsf(f[1] - logf(0.1f)) < 1e-6f); /* sum of logs */
    assert_true(fabsf(f[2] - logf(0.25f)) < 1e-6f);
    assert_true(f[3] == 0.1f && f[5] == 0.25f);
    assert_true(fabsf(f[4] - logf(0.5f)) < 1e-6f);
    assert_true(fabsf(f[6] - logf(0.25f)) < 1e-6f && f[7] == 0);
    assert_true(fabsf(f[8] - logf(0.8f)) < 1e-6f && f[9] == 0);
    assert_true(f[12] == 0 && f[16] == 0 && f[18] == 0.25f && f[21] == 1 && f[22] == 0.75f);
    assert_true(f[SAN_CONFIDENCE_N_BASE] == 3);
    struct san_confidence none = {0}; /* no head: the product of the probabilities */
    assert_true(fabs(san_confidence_of(&none, f) - 0.1) < 1e-6);
}

/* n rows of k features, feature 0 being 1, and outcomes drawn from a logistic model. */
static void draw(float *x, uint8_t *y, int n, int k, const double *w, uint64_t seed)
{
    struct san_rand r;
    san_rand_seed(&r, seed);
    for (int i = 0; i < n; i++) {
        double z = 0;
        for (int j = 0; j < k; j++) {
            /* features of very different place and size */
            double v = j ? san_rand_normal(&r) : 1;
            x[i * k + j] = (float)(j ? v * (j % 3 ? 1 : 20) + (j % 2 ? 5 : 0) : 1);
            z += w[j] * v;
        }
        y[i] = san_rand_double(&r) < 1 / (1 + exp(-z));
    }
}

static void test_fit__drawn_from_a_logistic_model__recovers_it(void **state)
{
    (void)state;
    enum { N = 8000, K = 9 };
    static const double w[K] = {0.5, 1.5, -1, 0, 0.7, 0, -2, 0.2, 0};
    static float x[N * K];
    static uint8_t y[N];
    struct san_confidence c;
    struct lt_diag diag = {0};
    draw(x, y, N, K, w, 7);
    assert_int_equal(san_confidence_fit(&c, x, y, N, K, 0.1, &diag), LT_OK);
    assert_int_equal(c.n, K);
    for (int j = 1; j < K; j++) assert_true(fabs((double)c.weight[j] - w[j]) < 0.15);
    static float x2[N * K]; /* fresh rows: the probabilities agree */
    static uint8_t y2[N];
    double off = 0, sum = 0, right = 0;
    draw(x2, y2, N, K, w, 8);
    for (int i = 0; i < N; i++) {
        double z = w[0], p = san_confidence_of(&c, x2 + i * K);
        for (int j = 1; j < K; j++)
            z += w[j] * ((double)x2[i * K + j] - (j % 2 ? 5 : 0)) / (j % 3 ? 1 : 20);
        off += fabs(p - 1 / (1 + exp(-z)));
        sum += p;
        right += y2[i];
    }
    assert_true(off / N < 0.02);
    assert_true(fabs(sum - right) / N < 0.02);
    san_confidence_free(&c);
    assert_int_equal(c.n, 0);
}

static void test_fit__awkward_data__stays_finite(void **state)
{
    (void)state;
    enum { N = 100, K = 4 };
    float x[N * K];
    uint8_t y[N];
    struct lt_diag diag = {0};
    for (int i = 0; i < N; i++) {
        x[i * K] = 1;
        x[i * K + 1] = (float)(i < 50 ? -1 : 1); /* tells the outcome for certain */
        x[i * K + 2] = 42;                       /* says nothing */
        x[i * K + 3] = x[i * K + 1] * 1e6f;      /* the same again, scaled */
        y[i] = i >= 50;
    }
    struct san_confidence c;
    assert_int_equal(san_confidence_fit(&c, x, y, N, K, 1, &diag), LT_OK);
    for (int i = 0; i < N; i++) {
        double p = san_confidence_of(&c, x + i * K);
        assert_true(p > 0 && p < 1 && (p > 0.9) == (y[i] == 1) && (p < 0.1) == (y[i] == 0));
    }
    san_confidence_free(&c);
}

static void test_fit__too_few_or_one_sided__refused(void **state)
{
    (void)state;
    float x[60 * 2];
    uint8_t y[60];
    for (int i = 0; i < 60; i++) {
        x[2 * i] = 1;
        x[2 * i + 1] = (float)i;
        y[i] = i % 2;
    }
    struct san_confidence c;
    struct lt_diag diag = {0};
    assert_int_equal(san_confidence_fit(&c, x, y, 49, 2, 1, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "50"));
    for (int all = 0; all < 2; all++) {
        struct lt_diag d = {0};
        memset(y, all, sizeof y);
        assert_int_equal(san_confidence_fit(&c, x, y, 60, 2, 1, &d), LT_ERR_INVALID);
        assert_non_null(strstr(d.text, "60 cases"));
    }
}

/* ---- in a model file ---- */

static enum lt_err load(size_t n_weight, size_t n_mean, size_t n_scale, struct san_confidence *c,
                        struct lt_diag *diag)
{
    const struct san_hparams h = {.n_vocab = 8,
                                  .width = WIDTH,
                                  .n_head = 2,
                                  .n_kv_head = 1,
                                  .n_enc = 1,
                                  .n_dec = 1,
                                  .n_ctx = 16,
                                  .n_flag = SAN_N_FLAG,
                                  .n_class = SAN_CLASS_COUNT,
                                  .n_feat = SAN_N_FEAT,
                                  .rope_base = 10000,
                                  .rms_eps = 1e-6f,
                                  .mask = SAN_MASK_BLOCK,
                                  .render = SAN_RENDER_LINTEL};
    struct san_params p;
    float v[3][100];
    char path[] = "/tmp/test_confidence_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < 300; i++) v[i / 100][i % 100] = (float)i / 8;
    assert_int_equal(san_params_new(&h, &p), LT_OK);
    const struct san_extra extra[] = {{.key = "san.confidence.weight", .f32 = v[0], .n = n_weight},
                                      {.key = "san.confidence.mean", .f32 = v[1], .n = n_mean},
                                      {.key = "san.confidence.scale", .f32 = v[2], .n = n_scale}};
    size_t n_extra = !n_weight ? 0 : !n_mean ? 1 : 3;
    if (san_model_save(path, &h, &p, NULL, extra, n_extra, SAN_TYPE_F32, diag))
        fail_msg("%s", diag->text);
    struct san_gguf *g = NULL;
    if (san_gguf_open(path, &g, diag)) fail_msg("%s", diag->text);
    enum lt_err err = san_confidence_load(c, g, WIDTH, diag);
    san_gguf_close(g);
    san_params_free(&p);
    unlink(path);
    return err;
}

static void test_load__lengths__only_those_of_the_width(void **state)
{
    (void)state;
    const size_t n = SAN_CONFIDENCE_N_BASE + WIDTH;
    struct san_confidence c;
    struct lt_diag none = {0};
    assert_int_equal(load(0, 0, 0, &c, &none), LT_OK);
    assert_int_equal(c.n, 0);
    struct lt_diag whole = {0};
    assert_int_equal(load(n, n, n, &c, &whole), LT_OK);
    assert_int_equal(c.n, n);
    assert_true(c.weight[1] == 0.125f && c.mean[0] == 12.5f && c.scale[2] == 25.25f);
    san_confidence_free(&c);
    const size_t wrong[][3] = {{n - 1, n, n}, {n, n + 1, n}, {n, n, 1}, {n + 1, n + 1, n + 1}};
    for (int i = 0; i < 4; i++) {
        struct lt_diag diag = {0};
        assert_int_equal(load(wrong[i][0], wrong[i][1], wrong[i][2], &c, &diag), LT_ERR_INVALID);
        assert_non_null(strstr(diag.text, "calibrate"));
        assert_int_equal(c.n, 0);
        assert_null(c.weight);
    }
    struct lt_diag missing = {0};
    assert_int_not_equal(load(n, 0, 0, &c, &missing), LT_OK);
    assert_non_null(strstr(missing.text, "san.confidence.mean"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features__extreme_answers__finite),
        cmocka_unit_test(test_features__three_decisions__as_their_comment_says),
        cmocka_unit_test(test_fit__drawn_from_a_logistic_model__recovers_it),
        cmocka_unit_test(test_fit__awkward_data__stays_finite),
        cmocka_unit_test(test_fit__too_few_or_one_sided__refused),
        cmocka_unit_test(test_load__lengths__only_those_of_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
