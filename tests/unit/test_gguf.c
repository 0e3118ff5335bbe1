/* GGUF files: what is written reads back, and no damaged file does worse than be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"
#include "san/gguf.h"

static char folder[] = "/tmp/test_gguf_XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a.gguf", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when a temporary file was left behind */
}

static const float matrix[6] = {1, 2, 3, 4, 5, 6};

static struct san_gguf_writer *sample(void)
{
    static const float floats[] = {0.5f, -1};
    static const int32_t ints[] = {-7, 8, 9};
    static const struct san_gguf_str strs[] = {{"one", 3}, {"", 0}, {"three", 5}};
    static const uint8_t q8[34] = {0, 0x3c, 1, 2, 3};
    struct san_gguf_writer *w = san_gguf_writer_new();
    assert_non_null(w);
    san_gguf_add_u32(w, "k.u32", 4000000000u);
    san_gguf_add_u64(w, "k.u64", UINT64_C(1) << 40);
    san_gguf_add_f32(w, "k.f32", 2.5f);
    san_gguf_add_bool(w, "k.bool", 1);
    san_gguf_add_str(w, "k.str", "hello");
    san_gguf_add_f32_array(w, "k.floats", floats, 2);
    san_gguf_add_i32_array(w, "k.ints", ints, 3);
    san_gguf_add_i32_array(w, "k.none", NULL, 0);
    san_gguf_add_str_array(w, "k.strs", strs, 3);
    san_gguf_add_tensor(w, "t.f32", SAN_TYPE_F32, 2, (uint64_t[]){3, 2}, matrix);
    san_gguf_add_tensor(w, "t.q8", SAN_TYPE_Q8_0, 1, (uint64_t[]){32}, q8);
    return w;
}

static void write_sample(void)
{
    struct lt_diag diag = {0};
    struct san_gguf_writer *w = sample();
    assert_int_equal(san_gguf_write(w, path, &diag), LT_OK);
    san_gguf_writer_free(w);
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

/* Use everything a reader offers, so that a wrong view would be touched. */
static unsigned touch(const struct san_gguf *g)
{
    unsigned sum = 0;
    for (size_t i = 0; i < san_gguf_n_keys(g); i++) {
        const char *key = san_gguf_key_at(g, i);
        float *f = NULL;
        int32_t *v = NULL;
        const struct san_gguf_str *s = NULL;
        size_t n = 0;
        sum += san_gguf_u32_or(g, key, 1) + (unsigned)san_gguf_bool_or(g, key, 0);
        sum += san_gguf_f32_or(g, key, 0) > 1;
        sum += (unsigned)strlen(san_gguf_str_or(g, key, ""));
        if (san_gguf_get_f32_array(g, key, &f, &n, NULL) == LT_OK) sum += (unsigned)n;
        if (san_gguf_get_i32_array(g, key, &v, &n, NULL) == LT_OK) sum += (unsigned)n;
        if (san_gguf_get_str_array(g, key, &s, &n, NULL) == LT_OK)
            for (size_t k = 0; k < n; k++)
                for (size_t b = 0; b < s[k].n; b++) sum += (uint8_t)s[k].p[b];
        free(f);
        free(v);
    }
    for (size_t i = 0; i < san_gguf_n_tensors(g); i++) {
        const struct san_gguf_tensor *t = san_gguf_tensor_at(g, i);
        for (size_t b = 0; b < t->n_bytes; b++) sum += ((const uint8_t *)t->data)[b];
    }
    return sum;
}

static void test_gguf__everything_written__reads_back(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    struct san_gguf *g = NULL;
    write_sample();
    assert_int_equal(san_gguf_open(path, &g, &diag), LT_OK);
    uint32_t u = 0;
    int b = 0;
    size_t n = 0;
    float f = 0, *fa = NULL;
    int32_t *ia = NULL;
    const char *s = NULL;
    const struct san_gguf_str *sa = NULL;
    assert_int_equal(san_gguf_get_u32(g, "k.u32", &u, &diag), LT_OK);
    assert_int_equal(u, 4000000000u);
    assert_int_equal(san_gguf_get_f32(g, "k.f32", &f, &diag), LT_OK);
    assert_true(f == 2.5f);
    assert_int_equal(san_gguf_get_bool(g, "k.bool", &b, &diag), LT_OK);
    assert_int_equal(b, 1);
    assert_int_equal(san_gguf_get_str(g, "k.str", &s, &diag), LT_OK);
    assert_string_equal(s, "hello");
    assert_int_equal(san_gguf_get_f32_array(g, "k.floats", &fa, &n, &diag), LT_OK);
    assert_true(n == 2 && fa[0] == 0.5f && fa[1] == -1);
    assert_int_equal(san_gguf_get_i32_array(g, "k.ints", &ia, &n, &diag), LT_OK);
    assert_true(n == 3 && ia[0] == -7 && ia[2] == 9);
    free(ia);
    assert_int_equal(san_gguf_get_i32_array(g, "k.none", &ia, &n, &diag), LT_OK);
    assert_true(n == 0 && !ia);
    assert_int_equal(san_gguf_get_str_array(g, "k.strs", &sa, &n, &diag), LT_OK);
    assert_true(n == 3 && sa[1].n == 0 && sa[2].n == 5 && memcmp(sa[2].p, "three", 5) == 0);
    free(fa);
    const struct san_gguf_tensor *t = san_gguf_tensor(g, "t.f32");
    assert_non_null(t);
    assert_true(t->dims[0] == 3 && t->dims[1] == 2 && t->n_dims == 2 && t->n_items == 6);
    assert_int_equal((uintptr_t)t->data % 32, 0);
    assert_memory_equal(t->data, matrix, sizeof matrix);
    assert_int_equal(san_gguf_tensor(g, "t.q8")->n_bytes, 34);
    assert_null(san_gguf_tensor(g, "t"));
    san_gguf_close(g);
}

static void test_getters__missing_or_other_kind__say_which_key(void **state)
{
    (void)state;
    struct san_gguf *g = NULL;
    uint32_t u = 0;
    size_t n = 0;
    float *fa = NULL;
    write_sample();
    assert_int_equal(san_gguf_open(path, &g, NULL), LT_OK);
    struct lt_diag diag = {0};
    assert_int_equal(san_gguf_get_u32(g, "k.absent", &u, &diag), LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, "k.absent"));
    assert_int_equal(san_gguf_get_u32(g, "k.u64", &u, NULL), LT_ERR_INVALID); /* does not fit */
    assert_int_equal(san_gguf_get_u32(g, "k.str", &u, NULL), LT_ERR_INVALID);
    assert_int_equal(san_gguf_get_f32_array(g, "k.ints", &fa, &n, NULL), LT_ERR_INVALID);
    assert_int_equal(san_gguf_u32_or(g, "k.str", 5), 5);
    assert_string_equal(san_gguf_str_or(g, "k.u32", "x"), "x");
    san_gguf_close(g);
}

static void test_open__file_cut_at_any_length__is_refused(void **state)
{
    (void)state;
    size_t n;
    struct guard guard = {0};
    write_sample();
    uint8_t *good = read_file(&n);
    assert_int_equal(guard_open(&guard, n), 0);
    int n_refused = 0;
    for (size_t cut = 0; cut < n; cut++) {
        struct san_gguf *g = NULL;
        struct lt_diag diag = {0};
        enum lt_err err = san_gguf_open_memory(guard_put(&guard, good, cut), cut, "cut", &g, &diag);
        if (err) {
            assert_true(diag.text[0] != 0);
            assert_null(g);
            n_refused++;
        } else {
            touch(g); /* the padding after the last tensor may be missing */
            san_gguf_close(g);
        }
    }
    assert_true((size_t)n_refused > n - 32);
    guard_close(&guard);
    free(good);
}

static void test_open__any_byte_changed__is_refused_or_read_safely(void **state)
{
    (void)state;
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    size_t n;
    struct guard guard = {0};
    write_sample();
    uint8_t *good = read_file(&n);
    assert_int_equal(guard_open(&guard, n), 0);
    unsigned sum = 0;
    int n_refused = 0;
    for (size_t at = 0; at < n; at++)
        for (size_t m = 0; m < sizeof masks; m++) {
            struct san_gguf *g = NULL;
            uint8_t *bad = guard_put(&guard, good, n);
            bad[at] ^= masks[m];
            if (san_gguf_open_memory(bad, n, "bad", &g, NULL) == LT_OK) {
                sum += touch(g);
                san_gguf_close(g);
            } else {
                n_refused++;
            }
        }
    assert_true(sum > 0 && n_refused > 100);
    guard_close(&guard);
    free(good);
}

/* A header that promises more than there is. */
static void test_open__huge_counts__are_refused_without_allocating_them(void **state)
{
    (void)state;
    struct {
        uint32_t magic, version;
        uint64_t n_tensors, n_kv;
        uint64_t name_len;
        char name[4];
        uint32_t kind, elem;
        uint64_t n_elem;
        uint64_t rest[4];
    } __attribute__((packed)) file = {0x46554747u, 3, 0, 1, 4, "list", 9, 8, UINT64_MAX, {0}};
    static const struct {
        uint64_t n_tensors, n_kv, n_elem;
        uint32_t elem;
    } rows[] = {
        {0, 1, UINT64_MAX, 8}, {0, 1, UINT64_MAX / 8 + 2, 10},
        {0, 1, 1u << 30, 4},   {0, UINT64_MAX, 0, 4},
        {UINT64_MAX, 1, 0, 4}, {4000, 1, 0, 4},
        {0, 4000, 0, 4},       {0, 1, 1, 9},
        {0, 1, 1, 99},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct san_gguf *g = NULL;
        struct lt_diag diag = {0};
        file.n_tensors = rows[i].n_tensors;
        file.n_kv = rows[i].n_kv;
        file.n_elem = rows[i].n_elem;
        file.elem = rows[i].elem;
        assert_int_not_equal(san_gguf_open_memory(&file, sizeof file, "huge", &g, &diag), LT_OK);
        assert_true(diag.text[0] != 0);
    }
}

static void test_open__foreign_files__are_told_apart(void **state)
{
    (void)state;
    struct san_gguf *g = NULL;
    static const struct {
        uint8_t head[8];
        enum lt_err err;
    } rows[] = {
        {{'P', 'K', 3, 4, 0, 0, 0, 0}, LT_ERR_PARSE},
        {{'G', 'G', 'U', 'F', 2, 0, 0, 0}, LT_ERR_UNSUPPORTED},
        {{'G', 'G', 'U', 'F', 0, 0, 0, 3}, LT_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t file[64] = {0};
        memcpy(file, rows[i].head, 8);
        assert_int_equal(san_gguf_open_memory(file, sizeof file, "x", &g, NULL), rows[i].err);
    }
    assert_int_equal(san_gguf_open("/nonexistent/x.gguf", &g, NULL), LT_ERR_NOTFOUND);
    assert_int_equal(san_gguf_open(folder, &g, NULL), LT_ERR_INVALID);
}

static void test_write__bad_content__is_refused_and_the_old_file_stays(void **state)
{
    (void)state;
    write_sample();
    for (int i = 0; i < 5; i++) {
        struct lt_diag diag = {0};
        static const enum lt_err want[] = {LT_ERR_EXISTS, LT_ERR_EXISTS, LT_ERR_INVALID,
                                           LT_ERR_INVALID, LT_ERR_INVALID};
        struct san_gguf_writer *w = sample();
        if (i == 0) san_gguf_add_u32(w, "k.u32", 1);
        if (i == 1) san_gguf_add_tensor(w, "t.q8", SAN_TYPE_F32, 1, (uint64_t[]){6}, matrix);
        if (i == 2) san_gguf_add_tensor(w, "odd", SAN_TYPE_Q8_0, 1, (uint64_t[]){6}, matrix);
        if (i == 3) san_gguf_add_str(w, "", "no name");
        if (i == 4)
            san_gguf_add_tensor(w, "big", SAN_TYPE_F32, 2, (uint64_t[]){UINT64_MAX, 4}, matrix);
        assert_int_equal(san_gguf_write(w, path, &diag), want[i]);
        san_gguf_writer_free(w);
    }
    struct san_gguf_writer *w = sample();
    struct lt_diag diag = {0};
    assert_int_equal(san_gguf_write(w, "/nonexistent/a.gguf", &diag), LT_ERR_NOTFOUND);
    san_gguf_writer_free(w);
    struct san_gguf *g = NULL;
    assert_int_equal(san_gguf_open(path, &g, NULL), LT_OK);
    san_gguf_close(g);
}

static void test_write__over_an_open_file__leaves_the_reader_whole(void **state)
{
    (void)state;
    struct san_gguf *g = NULL;
    write_sample();
    assert_int_equal(san_gguf_open(path, &g, NULL), LT_OK);
    unsigned before = touch(g);
    struct san_gguf_writer *w = san_gguf_writer_new();
    san_gguf_add_u32(w, "only", 1);
    assert_int_equal(san_gguf_write(w, path, NULL), LT_OK);
    san_gguf_writer_free(w);
    assert_int_equal(touch(g), before);
    san_gguf_close(g);
    assert_int_equal(san_gguf_open(path, &g, NULL), LT_OK);
    assert_int_equal(san_gguf_n_keys(g), 1);
    assert_int_equal(san_gguf_n_tensors(g), 0);
    san_gguf_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf__everything_written__reads_back),
        cmocka_unit_test(test_getters__missing_or_other_kind__say_which_key),
        cmocka_unit_test(test_open__file_cut_at_any_length__is_refused),
        cmocka_unit_test(test_open__any_byte_changed__is_refused_or_read_safely),
        cmocka_unit_test(test_open__huge_counts__are_refused_without_allocating_them),
        cmocka_unit_test(test_open__foreign_files__are_told_apart),
        cmocka_unit_test(test_write__bad_content__is_refused_and_the_old_file_stays),
        cmocka_unit_test(test_write__over_an_open_file__leaves_the_reader_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
