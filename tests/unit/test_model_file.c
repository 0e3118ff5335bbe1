/* Model files: networks survive saving, and files that lie about their content are refused. */
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

#include "guard.h"
#include "san/model_file.h"
#include "small_net.h"

static char folder[] = "/tmp/test_model_XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static const struct san_hparams small =
    SMALL_NET(.width = 32, .n_enc = 2, .ret_hidden = 32, .ret_dim = 5);

/* Random values everywhere, also where initialisation leaves zeroes. */
static struct san_params make_params(const struct san_hparams *h)
{
    struct san_params p = {0};
    assert_int_equal(san_params_new(h, &p), LT_OK);
    san_params_init(&p, h, 1);
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *t = &p.info[i];
        for (int k = 0; k < t->layers * t->rows * t->cols; k++)
            if (p.mem[t->offset + (size_t)k] == 0)
                p.mem[t->offset + (size_t)k] = (float)(k % 17) / 16 - 0.4f;
    }
    return p;
}

static void save(enum san_type type)
{
    static const float calibration[] = {1.5f, -0.25f};
    static const int32_t layers[] = {3};
    const struct san_extra extra[] = {
        {.key = "general.name", .str = "small"},
        {.key = "san.confidence.calibration", .f32 = calibration, .n = 2},
        {.key = "san.confidence.layers", .i32 = layers, .n = 1},
    };
    struct lt_diag diag = {0};
    struct san_params p = make_params(&small);
    enum lt_err err = san_model_save(path, &small, &p, NULL, extra, 3, type, &diag);
    if (err) fprintf(stderr, "%s\n", diag.text);
    assert_int_equal(err, LT_OK);
    san_params_free(&p);
}

/* Compare with what was saved: exactly in F32, else within `tolerance` of the tensor's largest. */
static void check(double tolerance)
{
    struct lt_diag diag = {0};
    struct san_hparams h;
    struct san_params q = {0}, p = make_params(&small);
    struct san_tokenizer *tok = NULL;
    struct san_gguf *file = NULL;
    assert_int_equal(san_model_load(path, &h, &q, &tok, &file, &diag), LT_OK);
    assert_null(tok);
    assert_true(h.n_vocab == 40 && h.width == 32 && h.n_head == 4 && h.n_kv_head == 2);
    assert_true(h.n_enc == 2 && h.n_dec == 1 && h.n_ctx == 64 && h.ret_hidden == 32);
    assert_true(h.ret_dim == 5 && h.n_flag == 3 && h.n_class == 4 && h.n_feat == 6);
    assert_true(h.rope_base == 10000 && h.rms_eps == 1e-6f);
    assert_true(h.mask == SAN_MASK_BLOCK && h.render == SAN_RENDER_LINTEL);
    assert_int_equal(p.n, q.n);
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *t = &p.info[i];
        size_t n = (size_t)t->layers * (size_t)t->rows * (size_t)t->cols;
        double top = 0;
        for (size_t k = 0; k < n; k++) {
            const double size = fabs((double)p.mem[t->offset + k]);
            if (size > top) top = size;
        }
        if (t->group == SAN_GROUP_N) top = 0; /* vectors are exact in every type */
        for (size_t k = 0; k < n; k++)
            assert_true(fabs((double)p.mem[t->offset + k] - (double)q.mem[t->offset + k]) <=
                        top * tolerance);
    }
    assert_string_equal(san_gguf_str_or(file, "general.name", ""), "small");
    float *cal = NULL;
    size_t n = 0;
    assert_int_equal(san_gguf_get_f32_array(file, "san.confidence.calibration", &cal, &n, &diag),
                     LT_OK);
    assert_true(n == 2 && cal[1] == -0.25f);
    free(cal);
    san_gguf_close(file);
    san_params_free(&p);
    san_params_free(&q);
}

static void test_model__saved_in_each_type__loads_within_the_types_error(void **state)
{
    (void)state;
    static const struct {
        enum san_type type;
        double tolerance; /* see san_quantize() */
    } rows[] = {{SAN_TYPE_F32, 0},
                {SAN_TYPE_F16, 0x1p-11},
                {SAN_TYPE_Q8_0, 1.0 / 254 + 0x1p-10},
                {SAN_TYPE_Q4_0, 1.0 / 8 + 0x1p-10}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        save(rows[i].type);
        check(rows[i].tolerance);
        struct san_gguf *g = NULL;
        assert_int_equal(san_gguf_open(path, &g, NULL), LT_OK);
        assert_int_equal(san_gguf_tensor(g, "enc.blk.1.attn_q.weight")->type, rows[i].type);
        assert_int_equal(san_gguf_tensor(g, "enc.blk.1.attn_norm.weight")->type, SAN_TYPE_F32);
        assert_int_equal(san_gguf_tensor(g, "pointer.feature.weight")->type, SAN_TYPE_F32);
        san_gguf_close(g);
    }
}

static void test_model__converted_checkpoint__loads(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_hparams h;
    struct san_params p = {0};
    struct san_tokenizer *tok = NULL;
    enum lt_err err = san_model_load(TEST_DATA_DIR "/san-tiny.gguf", &h, &p, &tok, NULL, &diag);
    if (err) fprintf(stderr, "%s\n", diag.text);
    assert_int_equal(err, LT_OK);
    assert_true(h.n_vocab == 96 && h.width == 64 && h.n_enc == 3 && h.n_dec == 2);
    assert_true(h.ret_dim == 16 && h.ret_hidden > 0);
    assert_true(h.mask == SAN_MASK_JOINT && h.render == SAN_RENDER_NEEDLE_JSON);
    /* enc q_proj kernel (in, out): [0][0][1] is row 1, column 0 here */
    assert_true(fabsf(p.enc_q[0] - 0.24667739868164062f) < 1e-7f);
    assert_true(fabsf(p.enc_q[h.width] - -0.3204686641693115f) < 1e-7f);
    assert_true(fabsf(p.enc_gate[2] - -0.23801840841770172f) < 1e-7f);
    assert_int_equal(san_token_id(tok, "<tools>"), 4);
    san_tokenizer_free(tok);
    san_params_free(&p);
}

/* Copy the saved file without tensor `skip`, or with it in another shape. */
static void rewrite(const char *skip, int is_reshaped)
{
    struct san_gguf *g = NULL;
    static const int sizes[] = {32, 2, 1, 4, 2, 64};
    static const char *const keys[] = {"san.embedding_length",        "san.encoder.block_count",
                                       "san.decoder.block_count",     "san.attention.head_count",
                                       "san.attention.head_count_kv", "san.context_length"};
    save(SAN_TYPE_F32);
    assert_int_equal(san_gguf_open(path, &g, NULL), LT_OK);
    struct san_gguf_writer *w = san_gguf_writer_new();
    san_gguf_add_str(w, "general.architecture", "san");
    for (int i = 0; i < 6; i++) san_gguf_add_u32(w, keys[i], (uint32_t)sizes[i]);
    san_gguf_add_f32(w, "san.attention.layer_norm_rms_epsilon", 1e-6f);
    san_gguf_add_f32(w, "san.rope.freq_base", 10000);
    san_gguf_add_str(w, "san.encoder.mask", "block");
    san_gguf_add_str(w, "san.render", "lintel");
    for (size_t i = 0; i < san_gguf_n_tensors(g); i++) {
        const struct san_gguf_tensor *t = san_gguf_tensor_at(g, i);
        uint64_t turned[2] = {t->dims[1], t->dims[0]};
        if (strcmp(t->name, skip) != 0)
            san_gguf_add_tensor(w, t->name, t->type, t->n_dims, t->dims, t->data);
        else if (is_reshaped)
            san_gguf_add_tensor(w, t->name, t->type, 2, turned, t->data);
    }
    assert_int_equal(san_gguf_write(w, path, NULL), LT_OK);
    san_gguf_writer_free(w);
    san_gguf_close(g);
}

static void test_load__missing_or_misshaped_tensor__is_refused_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"enc.blk.1.attn_k.weight", "dec.blk.0.cross_k.weight"};
    for (int i = 0; i < 4; i++) {
        struct lt_diag diag = {0};
        struct san_hparams h;
        struct san_params p = {0};
        rewrite(names[i / 2], i % 2);
        enum lt_err want = i % 2 ? LT_ERR_INVALID : LT_ERR_NOTFOUND;
        assert_int_equal(san_model_load(path, &h, &p, NULL, NULL, &diag), want);
        assert_non_null(strstr(diag.text, names[i / 2]));
        assert_non_null(strstr(diag.text, "16 x 32")); /* the shape that is expected */
        assert_null(p.mem);
    }
}

static void test_load__other_kinds_of_model__are_unsupported(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_hparams h;
    struct san_params p = {0};
    struct san_gguf_writer *w = san_gguf_writer_new();
    san_gguf_add_str(w, "general.architecture", "llama");
    assert_int_equal(san_gguf_write(w, path, NULL), LT_OK);
    san_gguf_writer_free(w);
    assert_int_equal(san_model_load(path, &h, &p, NULL, NULL, &diag), LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(diag.text, "llama"));
}

static uint8_t *read_file(size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *p = malloc(*n);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

static enum lt_err load_memory(const uint8_t *p, size_t n)
{
    struct san_gguf *g = NULL;
    struct san_hparams h;
    struct san_params params = {0};
    struct san_tokenizer *tok = NULL;
    enum lt_err err = san_gguf_open_memory(p, n, "memory", &g, NULL);
    if (!err) err = san_model_hparams(g, &h, NULL);
    if (!err) err = san_model_params(g, &h, &params, NULL);
    if (!err && san_gguf_has(g, "tokenizer.ggml.model"))
        err = san_tokenizer_from_gguf(g, &tok, NULL);
    san_tokenizer_free(tok);
    san_params_free(&params);
    san_gguf_close(g);
    return err;
}

static void test_load__damaged_files__never_crash(void **state)
{
    (void)state;
    size_t n;
    struct guard guard = {0};
    save(SAN_TYPE_Q4_0);
    uint8_t *good = read_file(&n);
    assert_int_equal(guard_open(&guard, n), 0);
    int n_refused = 0;
    for (size_t cut = 0; cut + 32 < n; cut += 7)
        assert_int_not_equal(load_memory(guard_put(&guard, good, cut), cut), LT_OK);
    for (size_t at = 0; at < 4000 && at < n; at++) { /* keys and tensor table */
        uint8_t *bad = guard_put(&guard, good, n);
        bad[at] ^= at % 2 ? 0x81 : 0x7f;
        n_refused += load_memory(bad, n) != LT_OK;
    }
    assert_true(n_refused > 500);
    guard_close(&guard);
    free(good);
}

static void test_hparams__out_of_range__are_named(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_hparams h = small;
    assert_int_equal(san_hparams_check(&h, &diag), LT_OK);
    h.n_kv_head = 3;
    assert_int_equal(san_hparams_check(&h, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "3 key/value heads"));
    memset(&diag, 0, sizeof diag);
    h = small;
    h.width = -32;
    assert_int_equal(san_hparams_check(&h, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "width"));
    h = small;
    h.n_flag = 33;
    assert_int_equal(san_hparams_check(&h, NULL), LT_ERR_INVALID);
    h = small;
    h.rms_eps = NAN;
    assert_int_equal(san_hparams_check(&h, NULL), LT_ERR_INVALID);
    h = small;
    h.n_head = 0;
    assert_int_equal(san_hparams_check(&h, NULL), LT_ERR_INVALID);
}

static void test_init__same_seed__gives_same_parameters_of_unit_scale(void **state)
{
    (void)state;
    struct san_params a = {0}, b = {0};
    assert_int_equal(san_params_new(&small, &a), LT_OK);
    assert_int_equal(san_params_new(&small, &b), LT_OK);
    san_params_init(&a, &small, 42);
    san_params_init(&b, &small, 42);
    assert_memory_equal(a.mem, b.mem, a.n * sizeof(float));
    san_params_init(&b, &small, 43);
    assert_memory_not_equal(a.enc_q, b.enc_q, 32 * 32 * sizeof(float));
    double sum = 0;
    for (int i = 0; i < 2 * 32 * 32; i++) sum += (double)a.enc_q[i] * (double)a.enc_q[i];
    assert_true(fabs(sum / 64 - 1) < 0.1); /* 64 rows of expected square length 1 */
    for (int i = 0; i < 32; i++) assert_true(a.enc_norm[i] == 0);
    assert_true(a.ptr_feat[0] == 0 && a.enc_gate[0] == 0 && a.ret_b1[0] == 0);
    assert_int_equal((uintptr_t)a.ptr_key % 64, 0);
    san_params_free(&a);
    san_params_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model__saved_in_each_type__loads_within_the_types_error),
        cmocka_unit_test(test_model__converted_checkpoint__loads),
        cmocka_unit_test(test_load__missing_or_misshaped_tensor__is_refused_by_name),
        cmocka_unit_test(test_load__other_kinds_of_model__are_unsupported),
        cmocka_unit_test(test_load__damaged_files__never_crash),
        cmocka_unit_test(test_hparams__out_of_range__are_named),
        cmocka_unit_test(test_init__same_seed__gives_same_parameters_of_unit_scale),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
