/* Tensor types: exact where the format is exact, within the documented error elsewhere. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "san/quant.h"
#include "san/rand.h"

static void test_f16__every_pattern__survives_the_round_trip(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float x = san_f16_to_f32((uint16_t)h);
        if (isnan(x)) {
            assert_true(isnan(san_f16_to_f32(san_f32_to_f16(x))));
            continue;
        }
        assert_int_equal(san_f32_to_f16(x), h);
    }
}

static void test_f16__values_between_two_patterns__go_to_the_nearer_and_ties_to_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        double lo = (double)san_f16_to_f32((uint16_t)h),
               hi = (double)san_f16_to_f32((uint16_t)(h + 1));
        double mid = (lo + hi) / 2; /* exact in fp32 */
        assert_int_equal(san_f32_to_f16((float)mid), h % 2 ? h + 1 : h);
        assert_int_equal(san_f32_to_f16(nextafterf((float)mid, 0)), h);
        assert_int_equal(san_f32_to_f16(nextafterf((float)mid, 1e9f)), h + 1);
        assert_int_equal(san_f32_to_f16(-(float)hi), (h + 1) | 0x8000u);
    }
    assert_int_equal(san_f32_to_f16(65519.9f), 0x7bff);
    assert_int_equal(san_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(san_f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(san_f32_to_f16(-1e30f), 0xfc00);
}

static void test_bf16__reading_and_writing__keeps_the_upper_half(void **state)
{
    (void)state;
    float x[4] = {1.0f, -3.140625f, 1.00390625f /* a tie: down to even */, 0}, y[4];
    uint16_t raw[4];
    san_quantize(raw, x, SAN_TYPE_BF16, 4);
    san_dequantize(y, raw, SAN_TYPE_BF16, 4);
    assert_true(y[0] == 1.0f && y[1] == -3.140625f && y[2] == 1.0f && y[3] == 0);
    assert_int_equal(raw[0], 0x3f80);
}

/* Largest error of a block in parts of its largest magnitude: half a step, or for Q4_0 a whole
 * step at the end without a code, and fp16's rounding of the scale (2^-11 of every value). */
static void check_error(enum san_type type, double steps)
{
    enum { N = 64 * SAN_QBLOCK };
    static float x[N], y[N];
    static uint8_t raw[N * 4];
    struct san_rand r;
    san_rand_seed(&r, 11);
    for (int i = 0; i < N; i++)
        x[i] = (float)(san_rand_normal(&r) * pow(10, i / SAN_QBLOCK % 7 - 3));
    san_quantize(raw, x, type, N);
    san_dequantize(y, raw, type, N);
    for (int b = 0; b < N; b += SAN_QBLOCK) {
        double top = 0;
        for (int i = 0; i < SAN_QBLOCK; i++) {
            const double size = fabs((double)x[b + i]);
            if (size > top) top = size;
        }
        for (int i = 0; i < SAN_QBLOCK; i++)
            assert_true(fabs((double)x[b + i] - (double)y[b + i]) <= top * (steps + 0x1p-10));
    }
}

static void test_quantize__random_blocks__stay_within_the_documented_error(void **state)
{
    (void)state;
    check_error(SAN_TYPE_Q8_0, 1.0 / 254);
    check_error(SAN_TYPE_Q4_0, 1.0 / 8);
    check_error(SAN_TYPE_F16, 0);
}

static void test_quantize__zero_and_odd_blocks__give_finite_numbers(void **state)
{
    (void)state;
    const enum san_type types[] = {SAN_TYPE_Q8_0, SAN_TYPE_Q4_0};
    for (int t = 0; t < 2; t++) {
        float x[SAN_QBLOCK] = {0}, y[SAN_QBLOCK];
        uint8_t raw[64];
        san_quantize(raw, x, types[t], SAN_QBLOCK);
        san_dequantize(y, raw, types[t], SAN_QBLOCK);
        for (int i = 0; i < SAN_QBLOCK; i++) assert_true(y[i] == 0);
        x[3] = 1e-30f; /* too small for an fp16 scale */
        x[4] = NAN;
        x[5] = INFINITY;
        san_quantize(raw, x, types[t], SAN_QBLOCK);
        san_dequantize(y, raw, types[t], SAN_QBLOCK);
        for (int i = 0; i < SAN_QBLOCK; i++) assert_true(y[i] == 0);
        x[6] = 4;
        san_quantize(raw, x, types[t], SAN_QBLOCK);
        san_dequantize(y, raw, types[t], SAN_QBLOCK);
        assert_true(fabsf(y[6] - 4) < 0.01f && y[4] == 0 && y[5] == 0);
    }
}

static void test_q4_0__layout__is_ggmls(void **state)
{
    (void)state;
    struct san_block_q4_0 blk = {.d = 0x3800 /* 0.5 */};
    blk.q[0] = 0xf1; /* item 0: 1, item 16: 15 */
    float y[SAN_QBLOCK];
    san_dequantize(y, &blk, SAN_TYPE_Q4_0, SAN_QBLOCK);
    assert_true(y[0] == (1 - 8) * 0.5f && y[16] == (15 - 8) * 0.5f && y[1] == -4.0f);
}

static void test_type_bytes__odd_sizes__are_refused(void **state)
{
    (void)state;
    assert_int_equal(san_type_bytes(SAN_TYPE_Q8_0, 64), 68);
    assert_int_equal(san_type_bytes(SAN_TYPE_Q4_0, 32), 18);
    assert_int_equal(san_type_bytes(SAN_TYPE_Q4_0, 33), 0);
    assert_int_equal(san_type_bytes(SAN_TYPE_F32, SIZE_MAX / 2), 0);
    assert_null(san_type_traits(3));
    assert_int_equal(san_type_from_name("q8_0"), SAN_TYPE_Q8_0);
    assert_int_equal(san_type_from_name("q3"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16__every_pattern__survives_the_round_trip),
        cmocka_unit_test(test_f16__values_between_two_patterns__go_to_the_nearer_and_ties_to_even),
        cmocka_unit_test(test_bf16__reading_and_writing__keeps_the_upper_half),
        cmocka_unit_test(test_quantize__random_blocks__stay_within_the_documented_error),
        cmocka_unit_test(test_quantize__zero_and_odd_blocks__give_finite_numbers),
        cmocka_unit_test(test_q4_0__layout__is_ggmls),
        cmocka_unit_test(test_type_bytes__odd_sizes__are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
