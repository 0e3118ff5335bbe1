/* Every fast kernel against its reference, over sizes that do and do not fill its vectors. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels.h"
#include "san/rand.h"

#define ROUNDING      2e-5 /* sums of up to 600 terms of size 1 in another order */
#define ROUNDING_TINY 1e-3 /* products of scales that are denormal: some 17 bits are left */
#define ROUNDING_BF16 0.05 /* scores of up to 10 to |q| |k| / 256 at worst, values to 1/512 */
#define ROUNDING_MANY 2e-4 /* of some 20,000 terms, the reference\'s own sum included */

static float *random_floats(struct san_rand *r, size_t n)
{
    float *p = malloc((n ? n : 1) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = (float)san_rand_normal(r);
    return p;
}

static void assert_close(const float *a, const float *b, int n, double tolerance)
{
    for (int i = 0; i < n; i++) {
        double scale = fabs((double)b[i]) > 1 ? fabs((double)b[i]) : 1;
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance * scale))
            fail_msg("element %d: %g, expected %g", i, (double)a[i], (double)b[i]);
    }
}

static void test_matvec__any_size__equals_reference(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 5}, {4, 16}, {7, 33}, {96, 64}, {130, 200}};
    struct san_rand r;
    san_rand_seed(&r, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int n_out = sizes[i][0], n_in = sizes[i][1];
        float *w = random_floats(&r, (size_t)n_out * (size_t)n_in);
        float *x = random_floats(&r, (size_t)n_in);
        float *y = random_floats(&r, (size_t)n_out), *y_ref = calloc((size_t)n_out, sizeof *y_ref);
        assert_non_null(y_ref);
        for (int o = 0; o < n_out; o++) y_ref[o] = y[o];
        san__matvec(y, w, x, n_out, n_in, 0.5f, 2);
        san__matvec_ref(y_ref, w, x, n_out, n_in, 0.5f, 2);
        assert_close(y, y_ref, n_out, ROUNDING);
        for (int o = 0; o < n_out; o++) y[o] = NAN; /* beta 0 must not read y */
        san__matvec(y, w, x, n_out, n_in, 1, 0);
        san__matvec_ref(y_ref, w, x, n_out, n_in, 1, 0);
        assert_close(y, y_ref, n_out, ROUNDING);
        free(w), free(x), free(y), free(y_ref);
    }
}

static void test_gemm__several_rows__equals_matvec_of_each(void **state)
{
    (void)state;
    enum { N = 48, K = 96, M_MAX = 70 };
    static const int rows[] = {1, 2, 3, 12, 70};
    struct san_rand r;
    san_rand_seed(&r, 2);
    float *w = random_floats(&r, N * K), *x = random_floats(&r, M_MAX * K);
    float *y = random_floats(&r, M_MAX * N), y_ref[N];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float before = y[0];
        int m = rows[i];
        san__gemm(y, x, w, m, N, K, 0.25f, 1);
        san__matvec_ref(y_ref, w, x, 1, K, 0.25f, 0);
        assert_close(y, &(float){before + y_ref[0]}, 1, ROUNDING);
        san__gemm(y, x, w, m, N, K, 1, 0);
        for (int t = 0; t < m; t++) {
            san__matvec_ref(y_ref, w, x + (size_t)t * K, N, K, 1, 0);
            assert_close(y + (size_t)t * N, y_ref, N, ROUNDING);
        }
    }
    free(w), free(x), free(y);
}

static void test_zcn__row__equals_reference(void **state)
{
    (void)state;
    static const int sizes[] = {8, 16, 24, 64, 192, 250};
    struct san_rand r;
    san_rand_seed(&r, 3);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int n = sizes[i];
        float *x = random_floats(&r, (size_t)n), *g = random_floats(&r, (size_t)n), ref[250];
        san__zcn_ref(ref, x, g, n, 1e-6f);
        san__zcn(x, x, g, n, 1e-6f);
        assert_close(x, ref, n, ROUNDING);
        for (int c = 0; c < n; c++) x[c] = 0;
        san__zcn(x, x, g, n, 1e-6f);
        for (int c = 0; c < n; c++) assert_true(x[c] == 0);
        free(x), free(g);
    }
}

static void test_exp16__non_positive__equals_libm(void **state)
{
    (void)state;
    for (int i = 0; i < 8700; i += 16) {
        float p[16];
        for (int j = 0; j < 16; j++) p[j] = -(float)(i + j) / 100;
        san__exp16(p);
        for (int j = 0; j < 16 && i + j < 8700; j++) {
            double expected = exp((double)(-(float)(i + j) / 100));
            assert_true(fabs((double)p[j] - expected) <= 3e-7 * expected);
        }
    }
    float edge[16] = {0, -87.5f, -1000, -INFINITY};
    san__exp16(edge);
    assert_true(edge[0] == 1);
    assert_true(edge[1] == 0 && edge[2] == 0 && edge[3] == 0);
}

/* ROUNDED: gathered, and bfloat16 allowed. */
enum way { DIRECT, GATHERED, ROUNDED, N_WAYS };

/* What a piece of halves holds: the reference is given the same. */
static void round_to_halves(float *x, int n)
{
    for (int i = 0; i < n; i++) {
        uint16_t h;
        san__to_half(&h, &x[i], 1);
        san__from_half(&x[i], &h, 1);
    }
}

/* Attention over pieces added one by one against the dense reference over all keys. */
static void check_attention(struct san_rand *r, int D, int n_row, const int *piece_n, int n_piece,
                            int is_bounded, enum way way, int is_half)
{
    int n = 0;
    for (int i = 0; i < n_piece; i++) n += piece_n[i];
    float *k = random_floats(r, (size_t)(n * D)), *v = random_floats(r, (size_t)(n * D));
    float *q = random_floats(r, (size_t)(n_row * D)), *o = random_floats(r, (size_t)(n_row * D));
    float *ref = random_floats(r, (size_t)(n_row * D)), *score = random_floats(r, (size_t)n);
    float *m = random_floats(r, (size_t)n_row), *l = random_floats(r, (size_t)n_row * 16);
    struct san__span span = {.mem = random_floats(r, san__span_size(D))};
    for (int i = 0; i < n_row * D; i++) q[i] *= 0.5f;
    for (int i = 0; i < n_row; i++) m[i] = SAN__BOUND_MAX; /* true of these scores, and far off */
    if (is_half) {
        round_to_halves(k, n * D);
        round_to_halves(v, n * D);
    }
    struct san__attn a = {n_row, D, q, o, m, l, is_bounded, way == ROUNDED};
    san__attn_begin(&a);
    for (int i = 0, at = 0; i < n_piece; at += piece_n[i++]) {
        int cap = piece_n[i] + i % 7; /* a piece may be made for more keys than it holds */
        size_t size = san__piece_size(cap, D);
        float *piece = calloc(size, sizeof *piece);
        uint16_t *half = calloc(size, sizeof *half);
        assert_true(piece && half);
        for (int j = 0; j < piece_n[i]; j++)
            san__kv_put(piece, cap, j, k + (size_t)((at + j) * D), v + (size_t)((at + j) * D), D);
        san__to_half(half, piece, size);
        const void *p = is_half ? (const void *)half : piece;
        if (way != DIRECT)
            san__attn_gather(&a, &span, p, is_half, cap, piece_n[i]);
        else
            san__attn_add(&a, p, is_half, cap, piece_n[i]);
        free(piece);
        free(half);
    }
    san__attn_flush(&a, &span); /* nothing waits when nothing was gathered */
    san__attn_end(&a);
    san__attn_ref(ref, q, k, v, n_row, n, D, NULL, score);
    double rounding = n > 600 ? ROUNDING_MANY : ROUNDING;
    assert_close(o, ref, n_row * D,
                 way == ROUNDED && san__pairs_are_fast() ? ROUNDING_BF16 : rounding);
    free(k), free(v), free(q), free(o), free(ref), free(score), free(m), free(l), free(span.mem);
}

static void test_attention__pieces_of_any_size__equals_dense(void **state)
{
    (void)state;
    static const int widths[] = {6, 8, 16, 24, 32, 48, 64}, rows[] = {1, 2, 3, 6, 7, 16, 17};
    static const int pieces[] = {5, 16, 1, 33, 40, 17, 130};
    static const int one[] = {7}, full[] = {64, 64}, long_one[] = {150};
    struct san_rand r;
    san_rand_seed(&r, 4);
    for (size_t d = 0; d < sizeof widths / sizeof widths[0]; d++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            for (int k = 0; k < 2 * N_WAYS * 2; k++) {
                int is_bounded = k & 1, is_half = k >> 1 & 1, D = widths[d], n = rows[i];
                enum way way = (enum way)(k >> 2);
                check_attention(&r, D, n, pieces, 7, is_bounded, way, is_half);
                check_attention(&r, D, n, one, 1, is_bounded, way, is_half);
                check_attention(&r, D, n, full, 2, is_bounded, way, is_half);
                check_attention(&r, D, n, long_one, 1, is_bounded, way, is_half);
            }
}

/* What an utterance sees does not depend on how many heads or tokens are computed together. */
static void test_attention__row_alone__gives_the_same_bits(void **state)
{
    (void)state;
    enum { ROWS = 37, D_MAX = 64 };
    static const int widths[] = {16, 32, 48, 64}, keys[] = {1, 15, 31, 64, 65, 200};
    struct san_rand r;
    san_rand_seed(&r, 10);
    for (size_t k = 0; k < sizeof keys / sizeof keys[0] * 8; k++) {
        int n = keys[k / 8], D = widths[k / 2 % 4], is_bounded = k % 2;
        float *piece = random_floats(&r, san__piece_size(n, D));
        float *q = random_floats(&r, ROWS * D_MAX), *all = random_floats(&r, ROWS * D_MAX);
        float one[D_MAX], m[ROWS], l[ROWS * 16];
        struct san__span span = {.mem = random_floats(&r, san__span_size(D))};
        for (int i = 0; i < ROWS * D; i++) q[i] *= 0.5f;
        for (int i = 0; i < ROWS; i++) m[i] = SAN__BOUND_MAX;
        struct san__attn a = {ROWS, D, q, all, m, l, is_bounded, 1};
        san__attn_begin(&a);
        san__attn_gather(&a, &span, piece, 0, n, n);
        san__attn_flush(&a, &span);
        san__attn_end(&a);
        for (int i = 0; i < ROWS; i++) {
            float bound = SAN__BOUND_MAX;
            struct san__attn b = {1, D, q + i * D, one, &bound, l, is_bounded, 1};
            san__attn_begin(&b);
            san__attn_gather(&b, &span, piece, 0, n, n);
            san__attn_flush(&b, &span);
            san__attn_end(&b);
            assert_memory_equal(one, all + i * D, (size_t)D * sizeof *one);
        }
        free(piece), free(q), free(all), free(span.mem);
    }
}

/* Values of any size, and scores as small and as far apart as floats can tell. */
static void test_attention__gathered_extremes__stay_what_they_are(void **state)
{
    (void)state;
    enum { D = 32, N = 70, ROWS = 19 };
    static const float sizes[] = {1e-41f, 1e-30f, 1, 1e30f};
    float *piece = calloc(san__piece_size(N, D), sizeof *piece);
    float *q = calloc(ROWS * D, sizeof *q), *o = calloc(ROWS * D, sizeof *o);
    float m[ROWS], l[ROWS * 16], mem[(SAN__SPAN + SAN__TILE + SAN__SPAN) * D];
    assert_true(piece && q && o);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct san__span span = {.mem = mem};
        memset(mem, 0xff, sizeof mem); /* not a number, were it read */
        for (int j = 0; j < N; j++) {
            float key[D] = {j == 66 ? 300.0f : -300.0f, 1e-41f}, value[D];
            for (int d = 0; d < D; d++) value[d] = j == 66 ? sizes[k] : -sizes[k] * (float)(j % 3);
            san__kv_put(piece, N, j, key, value, D);
        }
        for (int r = 0; r < ROWS; r++) q[r * D] = r == 7 ? 0 : 1; /* row 7 sees all the same */
        struct san__attn a = {ROWS, D, q, o, m, l, 0, 1};
        san__attn_begin(&a);
        san__attn_gather(&a, &span, piece, 0, N, N);
        san__attn_flush(&a, &span);
        san__attn_end(&a);
        for (int r = 0; r < ROWS;
             r++) { /* 70 keys: values 23 times -1 and -2, once 0 less, 1 more */
            double expected =
                r == 7 ? (double)sizes[k] * (1.0 - 23 - 2 * 23) / N : (double)sizes[k];
            for (int d = 0; d < D; d++)
                assert_true(fabs((double)o[r * D + d] - expected) <=
                            ROUNDING_BF16 * fabs(expected) + FLT_MIN);
        }
    }
    free(piece), free(q), free(o);
}

static void test_attention__thousands_of_pieces__equals_dense(void **state)
{
    (void)state;
    enum { N = 3000 };
    static int pieces[N];
    struct san_rand r;
    san_rand_seed(&r, 6);
    for (int i = 0; i < N; i++) pieces[i] = 1 + (int)(san_rand_u64(&r) % 12);
    for (int k = 0; k < N_WAYS * 2; k++) {
        check_attention(&r, 16, 2, pieces, N, 0, (enum way)(k / 2), k % 2);
        check_attention(&r, 32, 10, pieces, N, 1, (enum way)(k / 2), k % 2);
    }
}

static void test_half__every_finite_one__survives_and_neighbours_round_to_even(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x7c00; bits++) {
        uint16_t back[8], h[8] = {(uint16_t)bits, (uint16_t)(bits | 0x8000)};
        float x[8], y[8] = {0};
        san__from_half(x, h, 8);
        double expected = ldexp((double)(bits & 0x3ff) + (bits >= 0x400 ? 1024 : 0),
                                (bits >= 0x400 ? (int)(bits >> 10) : 1) - 25);
        assert_true((double)x[0] == expected && (double)x[1] == -expected);
        san__to_half(back, x, 8); /* eight at once and one by one are two paths */
        assert_int_equal(back[0], bits);
        assert_int_equal(back[1], bits | 0x8000);
        if (bits == 0x7bff) break;
        float next;
        h[0] = (uint16_t)(bits + 1);
        san__from_half(&next, h, 1);
        y[0] = (x[0] + next) / 2;      /* halfway: to the even one */
        y[1] = nextafterf(y[0], next); /* just above: up */
        y[2] = nextafterf(y[0], x[0]); /* just below: down */
        san__to_half(back, y, 8);
        assert_int_equal(back[0], bits + (bits & 1));
        assert_int_equal(back[1], bits + 1);
        assert_int_equal(back[2], bits);
        for (int i = 0; i < 3; i++) {
            san__to_half(&back[3], &y[i], 1);
            assert_int_equal(back[3], back[i]);
        }
    }
    const float large[8] = {65504, 65519, 65520, 1e6f, -1e30f, 3e38f, -70000, 0};
    uint16_t h[8], one;
    san__to_half(h, large, 8);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(h[i], large[i] < 0 ? 0xfbff : 0x7bff);
        san__to_half(&one, &large[i], 1);
        assert_int_equal(one, h[i]);
    }
}

static void test_attention__causal__equals_dense_with_visible_prefix(void **state)
{
    (void)state;
    enum { TOKENS = 21, REP = 2, ROWS = TOKENS * REP, CAP = 64 };
    static const int widths[] = {8, 16, 24, 32}, bases[] = {0, 1, 15, 40};
    struct san_rand r;
    san_rand_seed(&r, 5);
    for (size_t d = 0; d < sizeof widths / sizeof widths[0]; d++)
        for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
            int D = widths[d], n = bases[b] + TOKENS, visible[ROWS];
            float *k = random_floats(&r, (size_t)(n * D)), *v = random_floats(&r, (size_t)(n * D));
            float *q = random_floats(&r, (size_t)(ROWS * D)), *o = calloc((size_t)(ROWS * D), 4);
            float ref[ROWS * 32], score[CAP], m[ROWS], l[ROWS * 16];
            float *piece = calloc(san__piece_size(CAP, D), sizeof *piece);
            assert_true(o && piece);
            for (int j = 0; j < n; j++)
                san__kv_put(piece, CAP, j, k + (size_t)(j * D), v + (size_t)(j * D), D);
            for (int i = 0; i < ROWS; i++) visible[i] = bases[b] + i / REP + 1;
            struct san__attn a = {ROWS, D, q, o, m, l, 0, 0};
            san__attn_begin(&a);
            san__attn_add_causal(&a, piece, CAP, bases[b], REP);
            san__attn_end(&a);
            san__attn_ref(ref, q, k, v, ROWS, n, D, visible, score);
            assert_close(o, ref, ROWS * D, ROUNDING);
            free(k), free(v), free(q), free(o), free(piece);
        }
}

static void test_attention__scores_far_apart__stays_finite(void **state)
{
    (void)state;
    enum { D = 16, N = 40 };
    float *piece = calloc(san__piece_size(N, D), sizeof *piece);
    assert_non_null(piece);
    float q[D] = {1}, o[D], m[1], l[16];
    for (int j = 0; j < N; j++) {
        float k[D] = {j == 20 ? 300.0f : -300.0f}, v[D] = {(float)j};
        san__kv_put(piece, N, j, k, v, D);
    }
    struct san__attn a = {1, D, q, o, m, l, 0, 0};
    san__attn_begin(&a);
    san__attn_add(&a, piece, 0, N, N);
    san__attn_end(&a);
    assert_true(o[0] == 20.0f);
    free(piece);
}

/* ---- quantised products ---- */

struct rows {
    struct san__qrows q;
    float *x;
};

static struct rows rows_new(int n, int n_in)
{
    size_t size = (size_t)n * (size_t)n_in, n_group = size / SAN__GROUP;
    struct rows r = {.x = malloc(size * sizeof *r.x)};
    r.q = (struct san__qrows){.n_in = n_in,
                              .q = malloc(size),
                              .d = malloc(n_group * sizeof(float)),
                              .sum = malloc(n_group * sizeof(int32_t))};
    assert_true(r.x && r.q.q && r.q.d && r.q.sum);
    return r;
}

static void rows_free(struct rows *r)
{
    free(r->x), free(r->q.q), free(r->q.d), free(r->q.sum);
}

static struct san__mat mat_new(struct san_rand *r, int n_out, int n_in, int bits, int is_extreme)
{
    enum san_type type = bits == 8 ? SAN_TYPE_Q8_0 : SAN_TYPE_Q4_0;
    size_t n = (size_t)n_out * (size_t)n_in;
    struct san__mat w = {n_out, n_in, bits, aligned_alloc(64, san__mat_bytes(n_out, n_in, bits))};
    float *x = random_floats(r, n);
    uint8_t *blocks = malloc(san_type_bytes(type, n));
    assert_true(w.mem && blocks);
    for (size_t i = 0; is_extreme && i < n; i++) x[i] = i % 3 ? 7.0f : -7.0f;
    san_quantize(blocks, x, type, n);
    san__mat_pack(&w, blocks);
    /* what was packed reads back as the file's numbers */
    float *plain = malloc(n * sizeof *plain), *row = malloc((size_t)n_in * sizeof *row);
    assert_true(plain && row);
    san_dequantize(plain, blocks, type, n);
    for (int o = 0; o < n_out; o++) {
        san__mat_row(&w, o, row);
        assert_memory_equal(row, plain + (size_t)o * (size_t)n_in, (size_t)n_in * sizeof *row);
    }
    free(x), free(blocks), free(plain), free(row);
    return w;
}

static void test_quant_rows__any_values__equal_reference(void **state)
{
    (void)state;
    enum { N = 5, N_IN = 96, GROUPS = N * N_IN / SAN__GROUP };
    struct san_rand r;
    san_rand_seed(&r, 7);
    struct rows a = rows_new(N, N_IN), b = rows_new(N, N_IN);
    for (int i = 0; i < N * N_IN; i++) a.x[i] = (float)san_rand_normal(&r);
    for (int i = 0; i < SAN__GROUP; i++) a.x[i] = 0;                     /* nothing to scale by */
    for (int i = 32; i < 64; i++) a.x[i] = i % 2 ? 1e30f : -1e30f;       /* both ends */
    for (int i = 64; i < 96; i++) a.x[i] = (float)(i - 80) * 0.5f / 127; /* ties */
    a.x[64] = 1;
    san__quant_rows(&a.q, a.x, N);
    san__quant_rows_ref(&b.q, a.x, N);
    assert_memory_equal(a.q.q, b.q.q, N * N_IN);
    assert_memory_equal(a.q.d, b.q.d, GROUPS * sizeof(float));
    assert_memory_equal(a.q.sum, b.q.sum, GROUPS * sizeof(int32_t));
    rows_free(&a), rows_free(&b);
}

/* x is given: every row alone and all together, with and without what y held, are the same bits. */
static void check_qgemm(struct san_rand *r, const struct san__mat *w, struct rows *x, int m,
                        double scale, double rounding)
{
    int n_out = w->n_out, n_in = w->n_in;
    size_t n = (size_t)m * (size_t)n_out;
    float *y = random_floats(r, n), *ref = malloc(n * sizeof *ref), *alone = malloc(n * sizeof *y);
    assert_true(ref && alone);
    san__quant_rows(&x->q, x->x, m);
    for (int beta = 2; beta >= 0; beta -= 2) { /* beta 0 must not read y */
        for (size_t i = 0; i < n; i++) ref[i] = alone[i] = y[i] = beta ? y[i] * (float)scale : NAN;
        san__qgemm(y, w, &x->q, m, 0.5f, (float)beta);
        san__qgemm_ref(ref, w, &x->q, m, 0.5f, (float)beta);
        for (size_t i = 0; i < n; i++)
            if (!(fabs((double)y[i] - (double)ref[i]) <=
                  rounding * fmax(fabs((double)ref[i]), scale)))
                fail_msg("element %zu: %g, expected %g", i, (double)y[i], (double)ref[i]);
        for (int t = 0; t < m; t++) {
            struct san__qrows one = x->q;
            one.q += (size_t)t * (size_t)n_in;
            one.d += (size_t)t * (size_t)(n_in / SAN__GROUP);
            one.sum += (size_t)t * (size_t)(n_in / SAN__GROUP);
            san__qgemm(alone + (size_t)t * (size_t)n_out, w, &one, 1, 0.5f, (float)beta);
        }
        assert_memory_equal(alone, y, n * sizeof *y);
    }
    free(y), free(ref), free(alone);
}

enum kind { NORMAL, BOTH_ENDS, TINY, LARGE, N_KINDS };

static void check_qgemm_of(struct san_rand *r, int n_out, int n_in, int bits, int m, enum kind kind)
{
    struct san__mat w = mat_new(r, n_out, n_in, bits, kind == BOTH_ENDS);
    struct rows x = rows_new(m, n_in);
    /* a scale max|x|/127 of the smallest is a denormal number, as are the products of such rows */
    const double scale = kind == TINY ? 1e-36 : kind == LARGE ? 1e30 : 1;
    for (int i = 0; i < m * n_in; i++)
        x.x[i] = kind == BOTH_ENDS ? (i % 2 ? 1.0f : -1.0f) : (float)(scale * san_rand_normal(r));
    for (int i = 0; kind == LARGE && i < n_in; i++) x.x[i] = 0; /* beside a row of nothing */
    check_qgemm(r, &w, &x, m, scale, kind == TINY ? ROUNDING_TINY : ROUNDING);
    float *row = random_floats(r, (size_t)n_in), *plain = malloc((size_t)n_in * sizeof *plain);
    assert_non_null(plain);
    san__mat_row(&w, n_out - 1, plain);
    float dot = san__mat_dot(&w, n_out - 1, row), expected = san__dot_ref(plain, row, n_in);
    assert_close(&dot, &expected, 1, 1e-4);
    free(w.mem), free(row), free(plain);
    rows_free(&x);
}

static void test_qgemm__any_size__equals_reference_and_row_alone(void **state)
{
    (void)state;
    static const int outs[] = {1, 7, 16, 17, 64, 100}, ins[] = {32, 96, 256};
    static const int rows[] = {1, 2, 3, 5, 8, 13, 15, 16, 17, 33, 70};
    struct san_rand r;
    san_rand_seed(&r, 8);
    for (size_t o = 0; o < sizeof outs / sizeof outs[0]; o++)
        for (size_t i = 0; i < sizeof ins / sizeof ins[0]; i++)
            for (size_t m = 0; m < sizeof rows / sizeof rows[0]; m++)
                for (int k = 0; k < 2 * (outs[o] == 17 ? N_KINDS : TINY); k++)
                    check_qgemm_of(&r, outs[o], ins[i], k & 1 ? 4 : 8, rows[m],
                                   (enum kind)(k >> 1));
    check_qgemm_of(&r, 17, 2048, 8, 20, NORMAL); /* a row of many groups, and of one more */
    check_qgemm_of(&r, 17, 2080, 8, 20, NORMAL);
}

static void test_isa__every_set__is_named_and_the_best_is_chosen(void **state)
{
    (void)state;
    int n = 0;
    while (san__isa_name(n)) n++;
    assert_true(n >= 1);
    assert_string_equal(san__isa_name(0), "base");
    san__isa_use(n); /* there is none: nothing changes */
    assert_string_equal(san__isa_now(), san__isa_name(n - 1));
    san__isa_use(0);
    assert_string_equal(san__isa_now(), "base");
    san__isa_use(-1);
    assert_string_equal(san__isa_now(), san__isa_name(n - 1));
}

static void test_peaks__counted__do_some_work(void **state)
{
    (void)state;
    float x[64] = {[0] = 1, [63] = 2};
    assert_true(san__peak_floats(10, 0.5f) >= 2.0 * 10 * 12 * 4);
    assert_true(san__peak_bytes(10, 1) >= 2.0 * 4 * 10 * 12 * 4);
    assert_true(san__peak_pairs(10, 0.5f) >= 2.0 * 10 * 12 * 4);
    assert_true(san__peak_read(x, 64) <= 3);
}

/* All the rest, under each instruction set that this processor has. */
int main(void)
{
    const struct CMUnitTest first[] = {
        cmocka_unit_test(test_isa__every_set__is_named_and_the_best_is_chosen),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quant_rows__any_values__equal_reference),
        cmocka_unit_test(test_qgemm__any_size__equals_reference_and_row_alone),
        cmocka_unit_test(test_peaks__counted__do_some_work),
        cmocka_unit_test(test_matvec__any_size__equals_reference),
        cmocka_unit_test(test_gemm__several_rows__equals_matvec_of_each),
        cmocka_unit_test(test_zcn__row__equals_reference),
        cmocka_unit_test(test_exp16__non_positive__equals_libm),
        cmocka_unit_test(test_attention__pieces_of_any_size__equals_dense),
        cmocka_unit_test(test_attention__row_alone__gives_the_same_bits),
        cmocka_unit_test(test_attention__gathered_extremes__stay_what_they_are),
        cmocka_unit_test(test_attention__thousands_of_pieces__equals_dense),
        cmocka_unit_test(test_half__every_finite_one__survives_and_neighbours_round_to_even),
        cmocka_unit_test(test_attention__causal__equals_dense_with_visible_prefix),
        cmocka_unit_test(test_attention__scores_far_apart__stays_finite),
    };
    int failed = cmocka_run_group_tests(first, NULL, NULL);
    for (int i = 0; san__isa_name(i); i++) {
        san__isa_use(i);
        failed += cmocka_run_group_tests_name(san__isa_now(), tests, NULL, NULL);
    }
    return failed;
}
