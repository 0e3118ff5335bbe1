/* Requantising: everything but the matrices survives byte by byte, and errors stay where the
 * formats put them. */
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

#include "san/model_file.h"
#include "san/requantize.h"
#include "small_net.h"

static char folder[] = "/tmp/test_requantize_XXXXXX";
static char path_in[64], path_out[64];

static const struct san_hparams small =
    SMALL_NET(.width = 64, .n_enc = 12 /* layers of two digits */,
              .ret_hidden = 24 /* columns that no block fits */, .ret_dim = 5);

/* A network with keys of every kind and a tensor that is none of its own. */
static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path_in, sizeof path_in, "%s/in.gguf", folder);
    snprintf(path_out, sizeof path_out, "%s/out.gguf", folder);
    static const float weights[] = {1.5f, -0.25f};
    const struct san_extra extra[] = {{.key = "general.name", .str = "small"},
                                      {.key = "san.confidence.weight", .f32 = weights, .n = 2}};
    struct san_params p = {0};
    assert_int_equal(san_params_new(&small, &p), LT_OK);
    san_params_init(&p, &small, 7);
    assert_int_equal(
        san_model_save(path_in, &small, &p, NULL, extra, 2, SAN_TYPE_F32, &(struct lt_diag){0}),
        LT_OK);
    san_params_free(&p);

    static const float odd[] = {1, 2, 3};
    static const uint64_t odd_dims[] = {3};
    static const struct san_gguf_str words[] = {{"a", 1}, {"", 0}, {"b\0c", 3}};
    struct san_gguf *g = NULL;
    struct san_gguf_writer *w = san_gguf_writer_new();
    assert_int_equal(san_gguf_open(path_in, &g, NULL), LT_OK);
    san_gguf_add_u32(w, "general.alignment", 32);
    for (size_t i = 0; i < san_gguf_n_keys(g); i++) san_gguf_add_copy(w, g, san_gguf_key_at(g, i));
    san_gguf_add_bool(w, "other.bool", 1);
    san_gguf_add_u64(w, "other.u64", UINT64_C(1) << 40);
    san_gguf_add_str_array(w, "other.words", words, 3);
    san_gguf_add_i32_array(w, "other.nothing", NULL, 0);
    for (size_t i = 0; i < san_gguf_n_tensors(g); i++) {
        const struct san_gguf_tensor *t = san_gguf_tensor_at(g, i);
        san_gguf_add_tensor(w, t->name, t->type, t->n_dims, t->dims, t->data);
    }
    san_gguf_add_tensor(w, "enc.blk.1.other", SAN_TYPE_F32, 1, odd_dims, odd);
    assert_int_equal(san_gguf_write(w, path_in, NULL), LT_OK);
    san_gguf_writer_free(w);
    san_gguf_close(g);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path_in);
    unlink(path_out);
    return rmdir(folder);
}

static void requantize(const char *in, enum san_type type, struct san_requantize_report *r)
{
    struct lt_diag diag = {0};
    if (san_model_requantize(in, path_out, type, r, &diag)) fail_msg("%s", diag.text);
}

static struct san_gguf *open_file(const char *path)
{
    struct san_gguf *g = NULL;
    struct lt_diag diag = {0};
    if (san_gguf_open(path, &g, &diag)) fail_msg("%s", diag.text);
    return g;
}

static void test_requantize__each_type__errors_stay_within_the_format(void **state)
{
    (void)state;
    static const struct {
        enum san_type type;
        double max; /* see san_quantize(); d is rounded to fp16 too */
    } rows[] = {{SAN_TYPE_F32, 0},
                {SAN_TYPE_F16, 0x1p-11},
                {SAN_TYPE_Q8_0, 1.0 / 254 + 0x1p-11},
                {SAN_TYPE_Q4_0, 1.0 / 8 + 0x1p-10}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_requantize_report r;
        struct san_hparams h;
        struct san_params was = {0}, is = {0};
        requantize(path_in, rows[i].type, &r);
        assert_int_equal(san_model_load(path_in, &h, &was, NULL, NULL, NULL), LT_OK);
        assert_int_equal(san_model_load(path_out, &h, &is, NULL, NULL, NULL), LT_OK);
        assert_int_equal(was.n, is.n);
        double seen[SAN_N_GROUP] = {0}, old2[SAN_N_GROUP] = {0}, error2[SAN_N_GROUP] = {0};
        for (int t = 0; t < SAN_T_COUNT; t++) {
            const struct san_tensor_info *info = &was.info[t];
            size_t n = (size_t)info->rows * (size_t)info->cols;
            for (int l = 0; l < info->layers; l++) {
                const float *a = was.mem + info->offset + (size_t)l * n;
                const float *b = is.mem + info->offset + (size_t)l * n;
                double top = 0, worst = 0;
                for (size_t k = 0; k < n; k++) {
                    top = fmax(top, fabs((double)a[k]));
                    double e = fabs((double)a[k] - (double)b[k]);
                    worst = fmax(worst, e);
                    old2[info->group] += (double)a[k] * (double)a[k];
                    error2[info->group] += e * e;
                }
                assert_true(worst <= top * rows[i].max);
                if (top > 0) seen[info->group] = fmax(seen[info->group], worst / top);
            }
        }
        for (int g = 0; g < SAN_N_GROUP; g++) { /* the report says what a reader finds */
            assert_true(fabs(r.group[g].error_max - seen[g]) < 1e-12);
            double rms = old2[g] > 0 ? sqrt(error2[g] / old2[g]) : 0;
            assert_true(fabs(r.group[g].error_rms - rms) < 1e-12);
            assert_true((r.group[g].error_max > 0) ==
                        (rows[i].type != SAN_TYPE_F32 && g != SAN_GROUP_N));
        }
        assert_int_equal(r.group[SAN_GROUP_M].n_tensors, 12 * 4 + 8);
        assert_int_equal(r.n_unknown, 1);
        assert_int_equal(r.has_confidence, 1);
        san_params_free(&was);
        san_params_free(&is);
    }
}

static void test_requantize__any_type__keeps_all_other_keys_and_tensors(void **state)
{
    (void)state;
    requantize(path_in, SAN_TYPE_Q8_0, NULL);
    struct san_gguf *in = open_file(path_in), *out = open_file(path_out);
    assert_false(san_gguf_has(out, "general.alignment")); /* the new file is aligned anew */
    assert_int_equal(san_gguf_n_keys(out), san_gguf_n_keys(in) - 1);
    for (size_t i = 0; i < san_gguf_n_keys(in); i++)
        if (strcmp(san_gguf_key_at(in, i), "general.alignment") != 0)
            assert_true(san_gguf_has(out, san_gguf_key_at(in, i)));
    assert_int_equal(san_gguf_u32_or(in, "general.file_type", 99), 0);
    assert_int_equal(san_gguf_u32_or(out, "general.file_type", 99), 7);
    assert_string_equal(san_gguf_str_or(out, "general.name", ""), "small");
    assert_int_equal(san_gguf_bool_or(out, "other.bool", 0), 1);
    const struct san_gguf_str *words = NULL;
    size_t n = 9;
    assert_int_equal(san_gguf_get_str_array(out, "other.words", &words, &n, NULL), LT_OK);
    assert_true(n == 3 && words[1].n == 0 && !memcmp(words[2].p, "b\0c", 3));
    float *f = NULL;
    assert_int_equal(san_gguf_get_f32_array(out, "san.confidence.weight", &f, &n, NULL), LT_OK);
    assert_true(n == 2 && f[0] == 1.5f && f[1] == -0.25f);
    free(f);
    uint32_t u;
    assert_int_equal(san_gguf_get_u32(out, "other.u64", &u, NULL), LT_ERR_INVALID); /* too large */
    assert_int_equal(san_gguf_n_tensors(out), san_gguf_n_tensors(in));
    for (size_t i = 0; i < san_gguf_n_tensors(in); i++) {
        const struct san_gguf_tensor *a = san_gguf_tensor_at(in, i);
        const struct san_gguf_tensor *b = san_gguf_tensor_at(out, i);
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->dims, b->dims, sizeof a->dims);
        if (b->type == SAN_TYPE_F32) assert_memory_equal(a->data, b->data, a->n_bytes);
    }
    assert_int_equal(san_gguf_tensor(out, "enc.blk.11.attn_q.weight")->type, SAN_TYPE_Q8_0);
    assert_int_equal(san_gguf_tensor(out, "retrieval.hidden.weight")->type, SAN_TYPE_Q8_0);
    assert_int_equal(san_gguf_tensor(out, "retrieval.proj.weight")->type, SAN_TYPE_F16);
    assert_int_equal(san_gguf_tensor(out, "enc.blk.1.other")->type, SAN_TYPE_F32);
    san_gguf_close(in);
    san_gguf_close(out);
}

static void test_requantize__same_type_again_in_place__changes_no_byte(void **state)
{
    (void)state;
    struct san_requantize_report r;
    requantize(path_in, SAN_TYPE_Q4_0, &r);
    struct san_gguf *before = open_file(path_out); /* keeps the old file's mapping */
    size_t size = r.file_out;
    requantize(path_out, SAN_TYPE_Q4_0, &r);
    assert_int_equal(r.file_in, size);
    assert_int_equal(r.file_out, size);
    struct san_gguf *after = open_file(path_out);
    for (size_t i = 0; i < san_gguf_n_tensors(before); i++) {
        const struct san_gguf_tensor *a = san_gguf_tensor_at(before, i);
        const struct san_gguf_tensor *b = san_gguf_tensor_at(after, i);
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->data, b->data, a->n_bytes);
    }
    for (int g = 0; g < SAN_N_GROUP; g++) assert_true(r.group[g].error_max == 0);
    san_gguf_close(before);
    san_gguf_close(after);
}

static void test_requantize__smaller_type__makes_the_file_smaller(void **state)
{
    (void)state;
    struct san_requantize_report f16, q8, q4;
    requantize(path_in, SAN_TYPE_F16, &f16);
    requantize(path_in, SAN_TYPE_Q8_0, &q8);
    requantize(path_in, SAN_TYPE_Q4_0, &q4);
    assert_true(f16.file_out < f16.file_in && q8.file_out < f16.file_out);
    assert_true(q4.file_out < q8.file_out);
    const struct san_requantize_group *m = &q8.group[SAN_GROUP_M];
    assert_int_equal(m->bytes_in, m->n_items * 4);
    assert_int_equal(m->bytes_out, m->n_items / 32 * 34);
}

static void test_requantize__no_network__is_refused_and_writes_nothing(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    unlink(path_out);
    assert_int_equal(san_model_requantize("/nowhere/x.gguf", path_out, SAN_TYPE_F16, NULL, &diag),
                     LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, "/nowhere/x.gguf"));
    memset(&diag, 0, sizeof diag);
    assert_int_equal(san_model_requantize(TEST_DATA_DIR "/sentencepiece-plain.gguf", path_out,
                                          SAN_TYPE_F16, NULL, &diag),
                     LT_ERR_NOTFOUND); /* a vocabulary alone */
    assert_int_equal(access(path_out, F_OK), -1);
    memset(&diag, 0, sizeof diag);
    assert_int_equal(san_model_requantize(path_in, "/nowhere/x.gguf", SAN_TYPE_F16, NULL, &diag),
                     LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, "/nowhere/x.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requantize__each_type__errors_stay_within_the_format),
        cmocka_unit_test(test_requantize__any_type__keeps_all_other_keys_and_tensors),
        cmocka_unit_test(test_requantize__same_type_again_in_place__changes_no_byte),
        cmocka_unit_test(test_requantize__smaller_type__makes_the_file_smaller),
        cmocka_unit_test(test_requantize__no_network__is_refused_and_writes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
