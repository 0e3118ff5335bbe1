/* Parity with the published SAN: tests/data/san-tiny.gguf is a tiny random network of that layout,
 * san-tiny-cases.json what the original computes with it. Sources may end in padding (token 0),
 * which the original masks and the engine is not given. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "san/forward.h"
#include "san/model_file.h"

#define TOLERANCE 1e-4 /* the original's own figures are rounded to 1e-6 */

enum { TOKENS_MAX = 64, PAD = 0 };

struct golden {
    struct san_net net;
    struct san_params params;
    struct san_session *s;
    json_t *cases;
};

static int setup(void **state)
{
    struct golden *g = calloc(1, sizeof *g);
    struct san_hparams h;
    struct lt_diag diag = {0};
    json_error_t error;
    const struct san_limits limits = {TOKENS_MAX, TOKENS_MAX, TOKENS_MAX};
    assert_non_null(g);
    if (san_model_load(TEST_DATA_DIR "/san-tiny.gguf", &h, &g->params, NULL, NULL, &diag) ||
        san_net_init(&g->net, &h, &g->params, &diag) ||
        san_session_new(&g->net, &limits, &g->s, &diag))
        fail_msg("%s", diag.text);
    g->cases = json_load_file(TEST_DATA_DIR "/san-tiny-cases.json", 0, &error);
    if (!g->cases) fail_msg("%s", error.text);
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    struct golden *g = *state;
    json_decref(g->cases);
    san_session_free(g->s);
    san_net_fini(&g->net);
    san_params_free(&g->params);
    free(g);
    return 0;
}

static int read_ids(const json_t *c, const char *key, int32_t *ids)
{
    const json_t *a = json_object_get(c, key);
    int n = (int)json_array_size(a);
    assert_in_range(n, 1, TOKENS_MAX);
    for (int t = 0; t < n; t++) ids[t] = (int32_t)json_integer_value(json_array_get(a, (size_t)t));
    return n;
}

static int read_source(const json_t *c, int32_t *ids)
{
    int n = read_ids(c, "src", ids);
    while (n > 1 && ids[n - 1] == PAD) n--;
    return n;
}

static void assert_row(const float *got, const json_t *expected, int n, const char *what, int row)
{
    assert_int_equal(json_array_size(expected), n);
    for (int i = 0; i < n; i++) {
        double e = json_number_value(json_array_get(expected, (size_t)i));
        if (!(fabs((double)got[i] - e) <= TOLERANCE))
            fail_msg("%s row %d, component %d: %g, expected %g", what, row, i, (double)got[i], e);
    }
}

static void assert_logits(const struct golden *g, const json_t *c, const float *logits, int n)
{
    const json_t *expected = json_object_get(c, "logits");
    int V = g->net.h.n_vocab;
    assert_int_equal(json_array_size(expected), n);
    for (int t = 0; t < n; t++)
        assert_row(logits + t * V, json_array_get(expected, (size_t)t), V, "logits", t);
}

static void test_encoder__golden_sources__gives_their_states(void **state)
{
    struct golden *g = *state;
    size_t i;
    json_t *c;
    assert_int_equal(json_array_size(g->cases), 3);
    json_array_foreach(g->cases, i, c)
    {
        int32_t src[TOKENS_MAX];
        int n = read_source(c, src), C = g->net.h.width;
        assert_int_equal(san_joint_encode(g->s, src, n, NULL), LT_OK);
        const float *e = san_session_source(g->s).e;
        const json_t *expected = json_object_get(c, "encoder_out");
        for (int t = 0; t < n; t++)
            assert_row(e + t * C, json_array_get(expected, (size_t)t), C, "encoder output", t);
    }
}

static void test_decoder__golden_targets__gives_their_logits(void **state)
{
    struct golden *g = *state;
    size_t i;
    json_t *c;
    json_array_foreach(g->cases, i, c)
    {
        int32_t src[TOKENS_MAX], tgt[TOKENS_MAX];
        int n = read_source(c, src), T = read_ids(c, "tgt", tgt), V = g->net.h.n_vocab;
        float *logits = malloc((size_t)(T * V) * sizeof *logits);
        assert_non_null(logits);
        assert_int_equal(san_joint_encode(g->s, src, n, NULL), LT_OK);
        san_dec_begin(g->s);
        assert_int_equal(san_joint_feed(g->s, tgt, T, logits, T, NULL), LT_OK);
        assert_logits(g, c, logits, T);
        san_dec_begin(g->s);
        for (int t = 0; t < T; t++)
            assert_int_equal(san_joint_feed(g->s, tgt + t, 1, logits + t * V, 1, NULL), LT_OK);
        assert_logits(g, c, logits, T);
        free(logits);
    }
}

static void test_retrieval__golden_sources__gives_their_vectors(void **state)
{
    struct golden *g = *state;
    size_t i;
    json_t *c;
    json_array_foreach(g->cases, i, c)
    {
        int32_t src[TOKENS_MAX];
        int n = read_source(c, src), R = g->net.h.ret_dim;
        float *v = malloc((size_t)R * sizeof *v);
        assert_non_null(v);
        assert_int_equal(san_joint_encode(g->s, src, n, NULL), LT_OK);
        const float *e = san_session_source(g->s).e;
        assert_int_equal(san_retrieval_vector(g->s, e, n, v, NULL), LT_OK);
        assert_row(v, json_object_get(c, "contrastive"), R, "retrieval vector", (int)i);
        free(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoder__golden_sources__gives_their_states),
        cmocka_unit_test(test_decoder__golden_targets__gives_their_logits),
        cmocka_unit_test(test_retrieval__golden_sources__gives_their_vectors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
