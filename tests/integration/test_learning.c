/* The learning commands as a person runs them, one after the other with the real binary: examples,
 * a vocabulary, a tiny network, a smaller file of it, and the benchmark over that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness.h"

#define TREE SOURCE_DIR "/engine/data"
#define MIX  SOURCE_DIR "/engine/train/mix.json"
#define OUT  65536

static char folder[] = "/tmp/test_learning_XXXXXX";
static char vocab[64], network[64], smaller[64], lines[64], again[64];
static char out[OUT], err[OUT];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(vocab, sizeof vocab, "%s/vocab.gguf", folder);
    snprintf(network, sizeof network, "%s/network.gguf", folder);
    snprintf(smaller, sizeof smaller, "%s/smaller.gguf", folder);
    snprintf(lines, sizeof lines, "%s/a.jsonl", folder);
    snprintf(again, sizeof again, "%s/b.jsonl", folder);
    return make_network(vocab, network);
}

static int teardown(void **state)
{
    (void)state;
    const char *const files[] = {vocab, network, smaller, lines, again};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) unlink(files[i]);
    return rmdir(folder);
}

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    if (!j) fail_msg("no JSON: %s\n%s\n%s", e.text, text, err);
    return j;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 4 << 20);
    assert_non_null(text);
    size_t n = fread(text, 1, (4 << 20) - 1, f);
    assert_true(n > 0 && feof(f));
    fclose(f);
    return text;
}

static void test_generate__same_seed__writes_the_same_lines(void **state)
{
    (void)state;
    const char *const files[] = {lines, again};
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_lintel(out, OUT, err, OUT, "generate", "--grammar", "--n", "60",
                                    "--seed", "4", "--tree", TREE, "--mix", MIX, "--exclude",
                                    "car_cabin,food_recipes", "--out", files[i], NULL),
                         0);
    assert_string_equal(out, "");
    char *a = read_file(lines), *b = read_file(again), *rest = NULL;
    assert_string_equal(a, b);
    int n = 0;
    for (char *s = strtok_r(a, "\n", &rest); s; s = strtok_r(NULL, "\n", &rest)) {
        json_t *c = parse(s);
        assert_true(json_is_string(json_object_get(c, "query")));
        assert_true(json_is_array(json_object_get(c, "answers")));
        json_decref(c);
        n++;
    }
    assert_int_equal(n, 60);
    free(a);
    free(b);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "generate", "--grammar", "--n", "1", "--tree",
                                TREE, "--mix", MIX, NULL),
                     0);
    json_decref(parse(out)); /* on standard output */
}

static void
test_generate__neither_grammar_nor_provider__says_in_one_line_what_is_missing(void **state)
{
    (void)state;
    assert_int_equal(run_lintel(out, OUT, err, OUT, "generate", "--n", "5", NULL), 2);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "--provider P"));
    assert_int_equal(strcspn(err, "\n"), strlen(err) - 1);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "generate", "--grammar", NULL), 2);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "generate", "--grammar", "--n", "5", "--tree",
                                "/nowhere", "--mix", MIX, "--out", again, NULL),
                     1);
    char part[80];
    snprintf(part, sizeof part, "%s.part", again);
    assert_int_equal(access(part, F_OK), -1);
}

static void test_quantize__a_network__is_smaller_and_still_answers(void **state)
{
    (void)state;
    assert_int_equal(run_lintel(out, OUT, err, OUT, "quantize", "--model", network, "--type",
                                "q8_0", "--out", smaller, "--json", NULL),
                     0);
    json_t *r = parse(out), *m = json_object_get(json_object_get(r, "groups"), "attention");
    assert_true(json_integer_value(json_object_get(r, "file_bytes_out")) <
                json_integer_value(json_object_get(r, "file_bytes_in")));
    double error = json_number_value(json_object_get(m, "error_max"));
    assert_true(error > 0 && error < 1.0 / 200);
    json_decref(r);
    int status = run_lintel(out, OUT, err, OUT, "call", "--json", "--model", smaller, "--catalog",
                            test_catalog(), "turn on the kitchen light", NULL);
    assert_true(status == 0 || status == 3); /* two steps teach it little */
    r = parse(out);
    assert_true(json_is_string(json_object_get(r, "route")));
    json_decref(r);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "quantize", "--model", network, "--type",
                                "q5_k", "--out", smaller, NULL),
                     2);
    assert_non_null(strstr(err, "q5_k"));
}

static void check_rate(const json_t *parent, const char *name)
{
    const json_t *r = json_object_get(parent, name);
    double median = json_number_value(json_object_get(json_object_get(r, "per_s"), "median"));
    double limit = json_number_value(json_object_get(r, "limit_per_s"));
    double share = json_number_value(json_object_get(r, "of_limit"));
    if (!(median > 0 && limit > 0)) fail_msg("%s: %f of %f", name, median, limit);
    assert_true(share > 0.999 * median / limit && share < 1.001 * median / limit);
}

static void test_bench__with_a_network__gives_rates_beside_limits(void **state)
{
    (void)state;
    assert_int_equal(run_lintel(out, OUT, err, OUT, "bench", "--quick", "--json", "--model",
                                network, "--catalog", test_catalog(), NULL),
                     0);
    json_t *r = parse(out);
    const json_t *net = json_object_get(r, "network");
    const json_t *growth = json_object_get(r, "growth");
    assert_true(json_number_value(json_object_get(json_object_get(r, "machine"), "peak_gflops")) >
                0);
    static const char *const types[] = {"F32", "Q8_0", "Q4_0"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const json_t *joint = json_object_get(json_object_get(r, "joint_26m"), types[i]);
        assert_true(json_integer_value(json_object_get(joint, "parameters")) > 26000000);
        check_rate(joint, "prefill_tokens");
        check_rate(joint, "decode_tokens");
    }
    check_rate(net, "utterance_tokens");
    check_rate(net, "decisions");
    check_rate(net, "catalogue_tokens");
    static const int sizes[][2] = {{10, 10}, {100, 10}, {1000, 10}, {10, 100}};
    assert_int_equal(json_array_size(growth), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *row = json_array_get(growth, i);
        assert_int_equal(json_integer_value(json_object_get(row, "tools")), sizes[i][0]);
        assert_int_equal(json_integer_value(json_object_get(row, "entities")), sizes[i][1]);
    }
    assert_true(json_number_value(json_object_get(r, "peak_rss_mib")) > 100); /* 26M fp32 */
    json_decref(r);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "bench", "--quick", "--model", vocab,
                                "--catalog", test_catalog(), NULL),
                     1);
    assert_non_null(strstr(err, vocab));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate__same_seed__writes_the_same_lines),
        cmocka_unit_test(
            test_generate__neither_grammar_nor_provider__says_in_one_line_what_is_missing),
        cmocka_unit_test(test_quantize__a_network__is_smaller_and_still_answers),
        cmocka_unit_test(test_bench__with_a_network__gives_rates_beside_limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
