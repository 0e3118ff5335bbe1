/* Batches for another trainer: the file holds what the builder made, and ends where it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "san/batch_file.h"
#include "san/plan.h"

#define VOCAB SOURCE_DIR "/engine/models/lintel-home-7.gguf"

static char *write_all(uint64_t n_batches, size_t *n)
{
    const struct san_gen_options gen = {.tree_dir = SOURCE_DIR "/engine/data",
                                        .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                        .seed = 5};
    struct lt_diag diag = {0};
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, n);
    assert_non_null(out);
    if (san_batches_write(&gen, VOCAB, 6, n_batches, out, NULL, NULL, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(fclose(out), 0);
    return bytes;
}

/* n words at *at, which moves behind them. */
static const int32_t *take(const char **at, const char *end, size_t n)
{
    const int32_t *p = (const int32_t *)(const void *)*at;
    assert_true((size_t)(end - *at) >= 4 * n);
    *at += 4 * n;
    return p;
}

static void check_batch(const char **at, const char *end)
{
    const int32_t *c = take(at, end, 7);
    const int n_tok = c[0], n_block = c[1], n_ex = c[2], n_step = c[4], n_cand = c[5];
    assert_true(n_tok > 0 && n_block > 0 && n_ex > 0 && n_ex <= 6 && n_step >= n_ex);
    assert_int_equal(c[6], SAN_N_FEAT);
    take(at, end, (size_t)n_tok * 2); /* tokens and flags */
    const int32_t *block_off = take(at, end, (size_t)n_block + 1);
    const int32_t *utt_off = take(at, end, (size_t)n_ex + 1);
    const int32_t *cat_off = take(at, end, (size_t)n_ex + 1);
    const int32_t *cat_block = take(at, end, (size_t)c[3]);
    assert_int_equal(block_off[0], 0);
    assert_int_equal(block_off[n_block], utt_off[0]);
    assert_int_equal(utt_off[n_ex], n_tok);
    assert_int_equal(cat_off[n_ex], c[3]);
    for (int i = 0; i < c[3]; i++) assert_in_range(cat_block[i], 0, n_block - 1);
    const int32_t *step_off = take(at, end, (size_t)n_ex + 1);
    assert_int_equal(step_off[n_ex], n_step);
    take(at, end, (size_t)n_step * 2);
    const float *weight = (const float *)(const void *)take(at, end, (size_t)n_step);
    const int32_t *cand_off = take(at, end, (size_t)n_step + 1);
    const int32_t *cand = take(at, end, (size_t)n_cand);
    const int32_t *cls = take(at, end, (size_t)n_cand);
    const int32_t *right = take(at, end, (size_t)n_cand);
    assert_int_equal(cand_off[n_step], n_cand);
    for (int s = 0; s < n_step; s++) {
        int n_right = 0;
        for (int i = cand_off[s]; i < cand_off[s + 1]; i++) {
            n_right += right[i] != 0;
            assert_true(cand[i] >= 0 || -2 - cand[i] < n_tok);
            assert_in_range(cls[i], 0, SAN_CLASS_COUNT - 1);
        }
        assert_true(n_right > 0 && weight[s] > 0);
    }
    take(at, end, (size_t)n_cand * SAN_N_FEAT);
}

static void test_batches__of_the_generator__are_whole_and_repeat(void **state)
{
    (void)state;
    size_t n = 0, again = 0;
    char *bytes = write_all(3, &n), *twin = write_all(3, &again);
    const char *at = bytes + 8, *end = bytes + n;
    assert_memory_equal(bytes, SAN_BATCH_FILE_MAGIC, 8);
    for (int i = 0; i < 3; i++) check_batch(&at, end);
    assert_ptr_equal(at, end);
    assert_int_equal(n, again);
    assert_memory_equal(bytes, twin, n);
    free(bytes);
    free(twin);
}

static void test_batches__no_vocabulary_or_a_full_disk__is_refused(void **state)
{
    (void)state;
    const struct san_gen_options gen = {.tree_dir = SOURCE_DIR "/engine/data",
                                        .mix_path = SOURCE_DIR "/engine/train/mix.json"};
    struct lt_diag diag = {0};
    FILE *full = fopen("/dev/full", "wb");
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(san_batches_write(&gen, VOCAB, 6, 1, full, NULL, NULL, &diag), LT_ERR_IO);
    fclose(full);
    assert_int_equal(san_batches_write(&gen, "/nonexistent", 6, 1, stderr, NULL, NULL, NULL),
                     LT_ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches__of_the_generator__are_whole_and_repeat),
        cmocka_unit_test(test_batches__no_vocabulary_or_a_full_disk__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
