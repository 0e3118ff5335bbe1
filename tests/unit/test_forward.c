/* The forward pass against the formulas of docs/network.md, written out below once more in double
 * precision over one dense sequence with a mask, and without any of the engine's kernels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emulated.h"
#include "san/forward.h"
#include "san/rand.h"

/* Single precision through 5 layers of unit-variance states stays two digits below this. */
#define TOLERANCE 5e-5
/* Blocks' keys and values at 11 bits: each state is off by 2^-11 of its size at most, scores of
 * sharp attention by a few times that. */
#define HALF_TOLERANCE 2e-3
/* The same products summed in another order. */
#define REORDERED 1e-5

/* ---- malloc is counted (linked with --wrap) ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t k, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

static int n_alloc;

void *__wrap_malloc(size_t n)
{
    n_alloc++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t k, size_t n)
{
    n_alloc++;
    return __real_calloc(k, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    n_alloc++;
    return __real_aligned_alloc(align, n);
}

/* ---- the formulas ---- */

enum { TOK_MAX = 160, STEP_MAX = 24, WIDTH_MAX = 256 };

/* A dense sequence: token t belongs to segment seg[t]; segment -1 is the utterance. */
struct dense {
    int n;
    int id[TOK_MAX], seg[TOK_MAX], pos[TOK_MAX];
    uint32_t flag[TOK_MAX];
    double e[TOK_MAX][WIDTH_MAX];
};

struct steps {
    int n;
    double in[STEP_MAX][WIDTH_MAX], h[STEP_MAX][WIDTH_MAX];
};

typedef double row[WIDTH_MAX];
/* Rows of the largest sequence; tests run one after another. */
static row naive_h[TOK_MAX], naive_q[TOK_MAX], naive_k[TOK_MAX], naive_v[TOK_MAX], naive_x[TOK_MAX];

static void naive_zcn(double *out, const double *x, const float *g, int n, double eps)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    for (int i = 0; i < n; i++) out[i] = (1 + (double)g[i]) * x[i] / sqrt(sum / n + eps);
}

static void naive_mul(double *y, const float *w, const double *x, int n_out, int n_in)
{
    for (int o = 0; o < n_out; o++) {
        y[o] = 0;
        for (int i = 0; i < n_in; i++) y[o] += (double)w[o * n_in + i] * x[i];
    }
}

static void naive_heads(const struct san_hparams *h, double *x, int n_head, const float *g, int pos)
{
    int D = san_head_width(h);
    for (int i = 0; i < n_head; i++) {
        double *u = x + i * D;
        naive_zcn(u, u, g, D, (double)h->rms_eps);
        for (int j = 0; pos >= 0 && j < D / 2; j++) {
            double angle = pos * pow((double)h->rope_base, -2.0 * j / D);
            double a = u[j], b = u[j + D / 2];
            u[j] = a * cos(angle) - b * sin(angle);
            u[j + D / 2] = a * sin(angle) + b * cos(angle);
        }
    }
}

/* x_t += sigmoid(gate) * Wo·softmax over the n_key keys that sees[j] admits */
static void naive_attend(const struct san_hparams *h, double *x, const double *q, int n_key,
                         const char *sees, const float *wo, float gate)
{
    int D = san_head_width(h), C = h->width;
    row att = {0}, y;
    for (int i = 0; i < h->n_head; i++) {
        int at = i / (h->n_head / h->n_kv_head) * D;
        double score[TOK_MAX], max = -INFINITY, sum = 0;
        for (int j = 0; j < n_key; j++) {
            score[j] = 0;
            for (int d = 0; d < D; d++) score[j] += q[i * D + d] * naive_k[j][at + d];
            score[j] /= sqrt(D);
            if (sees[j] && score[j] > max) max = score[j];
        }
        for (int j = 0; j < n_key; j++) {
            if (!sees[j]) continue;
            double p = exp(score[j] - max);
            sum += p;
            for (int d = 0; d < D; d++) att[i * D + d] += p * naive_v[j][at + d];
        }
        for (int d = 0; d < D; d++) att[i * D + d] /= sum;
    }
    naive_mul(y, wo, att, C, C);
    for (int c = 0; c < C; c++) x[c] += y[c] / (1 + exp(-(double)gate));
}

static void naive_encode(const struct san_net *net, struct dense *s)
{
    const struct san_hparams *h = &net->h;
    const struct san_params *p = &net->p;
    int C = h->width, KC = san_kv_width(h), D = san_head_width(h);
    for (int t = 0; t < s->n; t++)
        for (int c = 0; c < C; c++) {
            double sum = (double)p->tok_embd[s->id[t] * C + c];
            for (int f = 0; f < h->n_flag; f++)
                if (s->flag[t] & (1u << f)) sum += (double)p->flag_embd[f * C + c];
            naive_x[t][c] = sqrt(C) * sum;
        }
    for (int l = 0; l < h->n_enc; l++) {
        for (int t = 0; t < s->n; t++) {
            naive_zcn(naive_h[t], naive_x[t], p->enc_norm + l * C, C, (double)h->rms_eps);
            naive_mul(naive_q[t], p->enc_q + l * C * C, naive_h[t], C, C);
            naive_mul(naive_k[t], p->enc_k + l * KC * C, naive_h[t], KC, C);
            naive_mul(naive_v[t], p->enc_v + l * KC * C, naive_h[t], KC, C);
            naive_heads(h, naive_q[t], h->n_head, p->enc_q_norm + l * D, s->pos[t]);
            naive_heads(h, naive_k[t], h->n_kv_head, p->enc_k_norm + l * D, s->pos[t]);
        }
        for (int t = 0; t < s->n; t++) {
            char sees[TOK_MAX];
            for (int j = 0; j < s->n; j++) sees[j] = s->seg[t] == -1 || s->seg[t] == s->seg[j];
            naive_attend(h, naive_x[t], naive_q[t], s->n, sees, p->enc_o + l * C * C,
                         p->enc_gate[l]);
        }
    }
    for (int t = 0; t < s->n; t++)
        naive_zcn(s->e[t], naive_x[t], p->enc_out_norm, C, (double)h->rms_eps);
}

static void naive_decode(const struct san_net *net, const struct dense *s, struct steps *d)
{
    const struct san_hparams *h = &net->h;
    const struct san_params *p = &net->p;
    int C = h->width, KC = san_kv_width(h), D = san_head_width(h);
    memcpy(naive_x, d->in, sizeof d->in);
    for (int l = 0; l < h->n_dec; l++) {
        for (int t = 0; t < d->n; t++) {
            naive_zcn(naive_h[t], naive_x[t], p->dec_norm + l * C, C, (double)h->rms_eps);
            naive_mul(naive_q[t], p->dec_q + l * C * C, naive_h[t], C, C);
            naive_mul(naive_k[t], p->dec_k + l * KC * C, naive_h[t], KC, C);
            naive_mul(naive_v[t], p->dec_v + l * KC * C, naive_h[t], KC, C);
            naive_heads(h, naive_q[t], h->n_head, p->dec_q_norm + l * D, t);
            naive_heads(h, naive_k[t], h->n_kv_head, p->dec_k_norm + l * D, t);
        }
        for (int t = 0; t < d->n; t++) {
            char sees[TOK_MAX];
            for (int j = 0; j < d->n; j++) sees[j] = j <= t;
            naive_attend(h, naive_x[t], naive_q[t], d->n, sees, p->dec_o + l * C * C,
                         p->dec_gate[l]);
        }
        for (int j = 0; j < s->n; j++) {
            naive_mul(naive_k[j], p->cross_k + l * KC * C, s->e[j], KC, C);
            naive_mul(naive_v[j], p->cross_v + l * KC * C, s->e[j], KC, C);
            naive_heads(h, naive_k[j], h->n_kv_head, p->cross_k_norm + l * D, -1);
        }
        for (int t = 0; t < d->n; t++) {
            char sees[TOK_MAX];
            memset(sees, 1, sizeof sees);
            naive_zcn(naive_h[t], naive_x[t], p->cross_norm + l * C, C, (double)h->rms_eps);
            naive_mul(naive_q[t], p->cross_q + l * C * C, naive_h[t], C, C);
            naive_heads(h, naive_q[t], h->n_head, p->cross_q_norm + l * D, -1);
            naive_attend(h, naive_x[t], naive_q[t], s->n, sees, p->cross_o + l * C * C,
                         p->cross_gate[l]);
        }
    }
    for (int t = 0; t < d->n; t++)
        naive_zcn(d->h[t], naive_x[t], p->dec_out_norm, C, (double)h->rms_eps);
}

/* ---- a random network with a random catalogue ---- */

enum { N_BLOCK = 7, N_UTT = 11, N_VOCAB = 50 };
static const int block_len[N_BLOCK] = {5, 16, 1, 17, 9, 3, 35};

struct fixture {
    struct san_net net;
    struct san_session *s;
    struct san_rand rand;
    struct dense dense; /* blocks in order, then the utterance */
    int32_t id[TOK_MAX], mark[TOK_MAX];
    struct san_block_src src[N_BLOCK];
    struct san_block *blocks[N_BLOCK];
    int utt; /* first token of the utterance */
};

static void make_net(struct fixture *f, int head_width, enum san_render render)
{
    struct san_hparams h = {.n_vocab = N_VOCAB,
                            .width = 4 * head_width,
                            .n_head = 4,
                            .n_kv_head = 2,
                            .n_enc = 3,
                            .n_dec = 2,
                            .n_ctx = 64,
                            .ret_hidden = 12,
                            .ret_dim = 10,
                            .n_flag = 3,
                            .n_class = 4,
                            .n_feat = 5,
                            .rope_base = 10000,
                            .rms_eps = 1e-6f,
                            .mask = SAN_MASK_BLOCK,
                            .render = render};
    struct san_params p;
    assert_int_equal(san_params_new(&h, &p), LT_OK);
    san_params_init(&p, &h, 7);
    for (int id = 0; id < SAN_T_COUNT; id++) { /* what starts at 0 must not stay at 0 here */
        const struct san_tensor_info *info = &p.info[id];
        size_t n = (size_t)info->layers * (size_t)info->rows * (size_t)info->cols;
        if (info->group == SAN_GROUP_N || id == SAN_T_ret_b1)
            for (size_t i = 0; i < n; i++)
                p.mem[info->offset + i] = 0.5f * (float)san_rand_normal(&f->rand);
    }
    assert_int_equal(san_net_init(&f->net, &h, &p, NULL), LT_OK);
    f->net.has_half_keys = 0;
}

static void make_tokens(struct fixture *f)
{
    struct dense *d = &f->dense;
    for (int b = 0; b <= N_BLOCK; b++) {
        int n = b < N_BLOCK ? block_len[b] : N_UTT;
        if (b == N_BLOCK) f->utt = d->n;
        int32_t *ids = f->id + d->n, *marks = f->mark + d->n;
        uint32_t *flags = d->flag + d->n;
        int n_mark = 0;
        for (int t = 0; t < n; t++, d->n++) {
            d->id[d->n] = ids[t] = (int32_t)(san_rand_u64(&f->rand) % N_VOCAB);
            d->seg[d->n] = b < N_BLOCK ? b : -1;
            d->pos[d->n] = t;
            flags[t] = b % 2 ? (uint32_t)(san_rand_u64(&f->rand) % 8) : 0;
            if (b != 2 && t % 4 == 1) marks[n_mark++] = t;
        }
        if (b < N_BLOCK)
            f->src[b] = (struct san_block_src){ids, b % 2 ? flags : NULL, n, marks, n_mark};
    }
}

static struct fixture *fixture_new(int head_width, enum san_render render, int n_panel)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    san_rand_seed(&f->rand, 11);
    make_net(f, head_width, render);
    make_tokens(f);
    const struct san_limits limits = {.n_source = 40, .n_panel = n_panel, .n_step = STEP_MAX};
    assert_int_equal(san_session_new(&f->net, &limits, &f->s, NULL), LT_OK);
    if (render == SAN_RENDER_LINTEL)
        assert_int_equal(san_blocks_encode(f->s, f->src, N_BLOCK, f->blocks, NULL), LT_OK);
    return f;
}

static void fixture_free(struct fixture *f)
{
    for (int b = 0; b < N_BLOCK; b++) san_block_unref(f->blocks[b]);
    san_session_free(f->s);
    struct san_params p = f->net.p;
    san_net_fini(&f->net);
    san_params_free(&p);
    free(f);
}

static void encode(struct fixture *f, struct san_block *const *blocks, int n_block)
{
    assert_int_equal(san_utter_encode(f->s, f->id + f->utt, f->dense.flag + f->utt, N_UTT, blocks,
                                      n_block, NULL),
                     LT_OK);
}

static void assert_near(const float *a, const double *b, int n, double tolerance, const char *what)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= tolerance))
            fail_msg("%s, component %d: %g, expected %g", what, i, (double)a[i], b[i]);
}

static void assert_row(const float *a, const double *b, int n, const char *what)
{
    assert_near(a, b, n, TOLERANCE, what);
}

static void assert_same(const float *a, const float *b, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance))
            fail_msg("component %d: %g and %g", i, (double)a[i], (double)b[i]);
}

/* From now on the blocks keep keys and values as halves, or not. */
static void encode_blocks_again(struct fixture *f, int is_half)
{
    f->net.has_half_keys = is_half;
    for (int b = 0; b < N_BLOCK; b++) san_block_unref(f->blocks[b]);
    assert_int_equal(san_blocks_encode(f->s, f->src, N_BLOCK, f->blocks, NULL), LT_OK);
}

/* A decoding that takes every kind of previous choice; writes the steps' h (STEP_MAX, C). */
static int decode(struct fixture *f, float *h)
{
    int C = f->net.h.width;
    struct san_source u = san_session_source(f->s);
    const float *in[] = {NULL, NULL, f->blocks[3]->ptr_in + C, u.ptr_in + 2 * C, NULL};
    const int32_t kind[] = {3, 7, 7, 9, 4}, prev[] = {-1, 12, -1, -1, 31};
    san_dec_begin(f->s);
    for (int t = 0; t < 5; t++)
        assert_int_equal(san_dec_step(f->s, kind[t], prev[t], in[t], h + t * C, NULL), LT_OK);
    return 5;
}

static void naive_decode_same(struct fixture *f, struct steps *d)
{
    const struct san_params *p = &f->net.p;
    int C = f->net.h.width;
    const int kind[] = {3, 7, 7, 9, 4}, prev[] = {-1, 12, -1, -1, 31};
    /* mark 1 of block 3, and utterance token 2, as positions of the dense sequence */
    const int at[] = {-1, -1, 5 + 16 + 1 + f->src[3].marks[1], f->utt + 2, -1};
    d->n = 5;
    for (int t = 0; t < d->n; t++) {
        row r = {0};
        if (at[t] >= 0) naive_mul(r, p->ptr_in, f->dense.e[at[t]], C, C);
        for (int c = 0; c < C; c++) {
            if (prev[t] >= 0) r[c] = sqrt(C) * (double)p->tok_embd[prev[t] * C + c];
            d->in[t][c] = sqrt(C) * (double)p->tok_embd[kind[t] * C + c] + r[c];
        }
    }
    naive_decode(&f->net, &f->dense, d);
}

/* ---- tests ---- */

/* `sharp`: gains so large that the scores' bound is of no use and running maxima take over. */
static void check_block_mode(int head_width, int sharp, int is_half)
{
    double tolerance = is_half ? HALF_TOLERANCE : TOLERANCE;
    struct fixture *f = fixture_new(head_width, SAN_RENDER_LINTEL, 64);
    int C = f->net.h.width;
    if (sharp) {
        f->net.p.enc_k_norm[1] = 12;
        f->net.p.cross_k_norm[1] = -14;
    }
    encode_blocks_again(f, is_half);
    static struct steps d;
    row v;
    naive_encode(&f->net, &f->dense);
    for (int b = 0, t = 0; b < N_BLOCK; t += block_len[b++]) {
        const struct san_block *block = f->blocks[b];
        assert_int_equal(block->n, block_len[b]);
        for (int i = 0; i < block->n; i++)
            assert_row(block->e + i * C, f->dense.e[t + i], C, "block output");
        for (int m = 0; m < block->n_mark; m++) {
            naive_mul(v, f->net.p.ptr_key, f->dense.e[t + f->src[b].marks[m]], C, C);
            assert_row(block->ptr_key + m * C, v, C, "block pointer key");
            naive_mul(v, f->net.p.ptr_in, f->dense.e[t + f->src[b].marks[m]], C, C);
            assert_row(block->ptr_in + m * C, v, C, "block pointer input");
        }
    }
    encode(f, f->blocks, N_BLOCK);
    struct san_source u = san_session_source(f->s);
    assert_int_equal(u.n, N_UTT);
    for (int t = 0; t < N_UTT; t++) {
        assert_near(u.e + t * C, f->dense.e[f->utt + t], C, tolerance, "utterance output");
        naive_mul(v, f->net.p.ptr_key, f->dense.e[f->utt + t], C, C);
        assert_near(u.ptr_key + t * C, v, C, tolerance, "utterance pointer key");
    }
    float h[STEP_MAX * WIDTH_MAX];
    int n = decode(f, h);
    naive_decode_same(f, &d);
    for (int t = 0; t < n; t++) assert_near(h + t * C, d.h[t], C, tolerance, "decoder output");
    fixture_free(f);
}

static void test_block_mode__any_head_width__equals_masked_dense(void **state)
{
    (void)state;
    static const int widths[] = {6, 8, 16, 24, 32, 64};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) check_block_mode(widths[i], 0, 0);
}

static void test_block_mode__sharp_attention__equals_masked_dense(void **state)
{
    (void)state;
    check_block_mode(8, 1, 0);
    check_block_mode(16, 1, 0);
}

static void test_block_mode__keys_as_halves__nearly_equals_masked_dense(void **state)
{
    (void)state;
    static const int widths[] = {6, 16, 24, 32, 64};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) check_block_mode(widths[i], 0, 1);
    check_block_mode(16, 1, 1);
}

static void test_blocks__as_halves__are_smaller_and_equal_otherwise(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(32, SAN_RENDER_LINTEL, 64);
    int C = f->net.h.width;
    struct san_block *as_float[N_BLOCK];
    for (int b = 0; b < N_BLOCK; b++) as_float[b] = san_block_ref(f->blocks[b]);
    encode_blocks_again(f, 1);
    for (int b = 0; b < N_BLOCK; b++) {
        const struct san_block *x = as_float[b], *y = f->blocks[b];
        assert_true(y->n_bytes < x->n_bytes);
        assert_memory_equal(x->e, y->e, (size_t)(x->n * C) * sizeof *x->e);
        assert_memory_equal(x->ptr_in, y->ptr_in, (size_t)(x->n_mark * C) * sizeof *x->ptr_in);
    }
    /* both sorts side by side, and either alone, tell nearly the same */
    struct san_block *mixed[N_BLOCK];
    float h[STEP_MAX * WIDTH_MAX], h_mixed[STEP_MAX * WIDTH_MAX];
    for (int b = 0; b < N_BLOCK; b++) mixed[b] = b % 2 ? as_float[b] : f->blocks[b];
    encode(f, as_float, N_BLOCK);
    int n = decode(f, h);
    encode(f, mixed, N_BLOCK);
    decode(f, h_mixed);
    assert_same(h, h_mixed, n * C, HALF_TOLERANCE);
    for (int b = 0; b < N_BLOCK; b++) san_block_unref(as_float[b]);
    fixture_free(f);
}

/* Encode and decode over the blocks and over their join; the states agree to rounding. */
static void check_join(struct fixture *f, struct san_block *const *blocks, int n_block)
{
    int C = f->net.h.width, n_tok = 0;
    struct san_block *joined = NULL;
    float h[STEP_MAX * WIDTH_MAX], h_joined[STEP_MAX * WIDTH_MAX], again[STEP_MAX * WIDTH_MAX];
    static float e[N_UTT * WIDTH_MAX];
    for (int b = 0; b < n_block; b++) n_tok += blocks[b]->n;
    int before = n_alloc;
    assert_int_equal(san_blocks_join(&f->net, blocks, n_block, &joined, NULL), LT_OK);
    assert_int_equal(n_alloc, before + 1);
    assert_int_equal(joined->n, n_tok);
    assert_int_equal(joined->n_mark, 0);
    assert_null(joined->e);
    encode(f, blocks, n_block);
    memcpy(e, san_session_source(f->s).e, (size_t)(N_UTT * C) * sizeof *e);
    int n = decode(f, h);
    encode(f, &joined, 1);
    assert_same(e, san_session_source(f->s).e, N_UTT * C, REORDERED);
    decode(f, h_joined);
    assert_same(h, h_joined, n * C, REORDERED);
    encode(f, &joined, 1);
    decode(f, again);
    assert_memory_equal(h_joined, again, (size_t)(n * C) * sizeof *again);
    san_block_unref(joined);
}

static void test_join__any_blocks__equals_the_blocks_themselves(void **state)
{
    (void)state;
    static const int widths[] = {6, 16, 24, 32, 64};
    for (size_t i = 0; i < 2 * (sizeof widths / sizeof widths[0]); i++) {
        struct fixture *f = fixture_new(widths[i / 2], SAN_RENDER_LINTEL, 64);
        encode_blocks_again(f, (int)i % 2);
        check_join(f, f->blocks, N_BLOCK);
        check_join(f, f->blocks + 2, 1); /* one token */
        check_join(f, f->blocks + 1, 1); /* one full tile */
        check_join(f, f->blocks + 3, 3);
        fixture_free(f);
    }
}

static void test_join__thousands_of_blocks__equals_the_blocks_themselves(void **state)
{
    (void)state;
    enum { COPIES = LT_EMULATED ? 100 : 400 };
    static const int widths[] = {16, 32};
    static struct san_block *many[COPIES * N_BLOCK];
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct fixture *f = fixture_new(widths[i], SAN_RENDER_LINTEL, 64);
        encode_blocks_again(f, 1);
        for (int k = 0; k < COPIES * N_BLOCK; k++) many[k] = f->blocks[k % N_BLOCK];
        check_join(f, many, COPIES * N_BLOCK);
        fixture_free(f);
    }
}

static void test_join__nothing_or_two_sorts__is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    struct san_block *joined = f->blocks[0];
    assert_int_equal(san_blocks_join(&f->net, f->blocks, 0, &joined, NULL), LT_ERR_INVALID);
    assert_null(joined);
    f->net.has_half_keys = 1; /* the blocks are of floats */
    assert_int_equal(san_blocks_join(&f->net, f->blocks, 2, &joined, NULL), LT_ERR_INVALID);
    fixture_free(f);
}

static void test_scores__of_candidates__equal_the_formula(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    const struct san_params *p = &f->net.p;
    int C = f->net.h.width, F = f->net.h.n_feat;
    encode(f, f->blocks, N_BLOCK);
    float h[STEP_MAX * WIDTH_MAX], out[3], feat[3 * 5];
    decode(f, h);
    const int32_t ids[3] = {0, 17, N_VOCAB - 1};
    san_score_vocab(&f->net, h, ids, 3, out);
    for (int i = 0; i < 3; i++) {
        double dot = 0;
        for (int c = 0; c < C; c++) dot += (double)h[c] * (double)p->tok_embd[ids[i] * C + c];
        double expected = dot / sqrt(C) * exp((double)p->ptr_scale[0]);
        assert_row(&out[i], &expected, 1, "vocabulary score");
    }
    struct san_source u = san_session_source(f->s);
    const float *keys[3] = {f->blocks[1]->ptr_key, u.ptr_key + 4 * C, f->blocks[6]->ptr_key + C};
    const uint8_t cls[3] = {3, 0, 1};
    for (int i = 0; i < 3 * F; i++) feat[i] = (float)san_rand_normal(&f->rand);
    san_score_pointer(&f->net, h, keys, cls, feat, 3, out);
    for (int i = 0; i < 3; i++) {
        double dot = 0, lexical = 0;
        for (int c = 0; c < C; c++) dot += (double)h[c] * (double)keys[i][c];
        for (int k = 0; k < F; k++)
            lexical += (double)p->ptr_feat[cls[i] * F + k] * (double)feat[i * F + k];
        double expected = dot / sqrt(C) * exp((double)p->ptr_scale[1]) + lexical;
        assert_row(&out[i], &expected, 1, "pointer score");
    }
    fixture_free(f);
}

static void test_blocks__in_a_batch__equal_one_by_one(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 160); /* all in one panel */
    struct fixture *g = fixture_new(16, SAN_RENDER_LINTEL, 35);  /* several panels */
    int C = f->net.h.width;
    for (int b = 0; b < N_BLOCK; b++) {
        struct san_block *one = NULL;
        assert_int_equal(san_blocks_encode(f->s, &f->src[b], 1, &one, NULL), LT_OK);
        const struct san_block *all[] = {f->blocks[b], g->blocks[b]};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(all[i]->n_bytes, one->n_bytes);
            assert_same(all[i]->e, one->e, one->n * C, REORDERED);
            assert_same(all[i]->ptr_key, one->ptr_key, one->n_mark * C, REORDERED);
            assert_same(all[i]->ptr_in, one->ptr_in, one->n_mark * C, REORDERED);
        }
        san_block_unref(f->blocks[b]);
        f->blocks[b] = one;
    }
    float h_f[STEP_MAX * WIDTH_MAX], h_g[STEP_MAX * WIDTH_MAX];
    encode(f, f->blocks, N_BLOCK);
    encode(g, g->blocks, N_BLOCK);
    int n = decode(f, h_f);
    decode(g, h_g);
    assert_same(h_f, h_g, n * C, REORDERED);
    fixture_free(f);
    fixture_free(g);
}

static void test_utterance__blocks_in_another_order__gives_the_same(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    int C = f->net.h.width;
    encode_blocks_again(f, 1);
    struct san_block *reversed[N_BLOCK];
    for (int b = 0; b < N_BLOCK; b++) reversed[b] = f->blocks[N_BLOCK - 1 - b];
    float h[STEP_MAX * WIDTH_MAX], h_reversed[STEP_MAX * WIDTH_MAX], e[N_UTT * WIDTH_MAX];
    encode(f, f->blocks, N_BLOCK);
    memcpy(e, san_session_source(f->s).e, (size_t)(N_UTT * C) * sizeof *e);
    int n = decode(f, h);
    encode(f, reversed, N_BLOCK);
    assert_same(e, san_session_source(f->s).e, N_UTT * C, REORDERED);
    decode(f, h_reversed);
    assert_same(h, h_reversed, n * C, REORDERED);
    fixture_free(f);
}

static void test_cached_block__used_by_two_utterances__gives_identical_bits(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    int C = f->net.h.width;
    float h[STEP_MAX * WIDTH_MAX], again[STEP_MAX * WIDTH_MAX];
    encode_blocks_again(f, 1);
    unsigned char *copy = malloc(f->blocks[3]->n_bytes);
    assert_non_null(copy);
    memcpy(copy, f->blocks[3], f->blocks[3]->n_bytes);
    encode(f, f->blocks, N_BLOCK);
    int n = decode(f, h);
    encode(f, f->blocks + 2, 3); /* another utterance over some of them */
    struct san_block *unrelated = NULL;
    assert_int_equal(san_blocks_encode(f->s, &f->src[6], 1, &unrelated, NULL), LT_OK);
    encode(f, f->blocks, N_BLOCK);
    decode(f, again);
    assert_memory_equal(h, again, (size_t)(n * C) * sizeof *h);
    assert_memory_equal(copy, f->blocks[3], f->blocks[3]->n_bytes);
    san_block_unref(unrelated);
    free(copy);
    fixture_free(f);
}

static void test_blocks__encoded_while_decoding__leave_the_decoder_alone(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    int C = f->net.h.width;
    float h[2 * WIDTH_MAX], again[2 * WIDTH_MAX];
    encode(f, f->blocks, N_BLOCK);
    for (int run = 0; run < 2; run++) {
        float *to = run ? again : h;
        struct san_block *other = NULL;
        san_dec_begin(f->s);
        assert_int_equal(san_dec_step(f->s, 3, -1, NULL, to, NULL), LT_OK);
        if (run) assert_int_equal(san_blocks_encode(f->s, &f->src[6], 1, &other, NULL), LT_OK);
        assert_int_equal(san_dec_step(f->s, 5, 8, NULL, to + C, NULL), LT_OK);
        san_block_unref(other);
    }
    assert_memory_equal(h, again, (size_t)(2 * C) * sizeof *h);
    fixture_free(f);
}

static void test_rewind__to_an_earlier_step__decodes_as_if_never_gone_on(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    int C = f->net.h.width;
    float straight[WIDTH_MAX], other[WIDTH_MAX];
    encode(f, f->blocks, N_BLOCK);
    san_dec_begin(f->s);
    assert_int_equal(san_dec_step(f->s, 3, -1, NULL, other, NULL), LT_OK);
    assert_int_equal(san_dec_step(f->s, 4, 20, NULL, straight, NULL), LT_OK);
    san_dec_rewind(f->s, 1);
    assert_int_equal(san_dec_step(f->s, 4, 21, NULL, other, NULL), LT_OK);
    assert_int_equal(san_dec_step(f->s, 9, 2, NULL, other, NULL), LT_OK);
    san_dec_rewind(f->s, 1);
    assert_int_equal(san_dec_n_step(f->s), 1);
    assert_int_equal(san_dec_step(f->s, 4, 20, NULL, other, NULL), LT_OK);
    assert_memory_equal(straight, other, (size_t)C * sizeof *other);
    fixture_free(f);
}

static void test_joint_mode__fed_at_once_or_stepwise__equals_naive(void **state)
{
    (void)state;
    enum { N = 30, T = 19 };
    struct fixture *f = fixture_new(16, SAN_RENDER_NEEDLE_JSON, 64);
    const struct san_params *p = &f->net.p;
    int C = f->net.h.width;
    static struct steps d;
    static float at_once[T * N_VOCAB], stepwise[T * N_VOCAB];
    f->dense.n = N;
    for (int t = 0; t < N; t++) {
        f->dense.seg[t] = -1;
        f->dense.pos[t] = t;
        f->dense.flag[t] = 0;
    }
    naive_encode(&f->net, &f->dense);
    assert_int_equal(san_joint_encode(f->s, f->id, N, NULL), LT_OK);
    struct san_source source = san_session_source(f->s);
    assert_null(source.ptr_key);
    for (int t = 0; t < N; t++) assert_row(source.e + t * C, f->dense.e[t], C, "joint output");

    const int32_t *ids = f->id + 50;
    d.n = T;
    for (int t = 0; t < T; t++)
        for (int c = 0; c < C; c++) d.in[t][c] = sqrt(C) * (double)p->tok_embd[ids[t] * C + c];
    naive_decode(&f->net, &f->dense, &d);
    san_dec_begin(f->s);
    assert_int_equal(san_joint_feed(f->s, ids, T, at_once, T, NULL), LT_OK);
    san_dec_begin(f->s);
    assert_int_equal(san_joint_feed(f->s, ids, 3, NULL, 0, NULL), LT_OK);
    for (int t = 3; t < T; t++)
        assert_int_equal(san_joint_feed(f->s, ids + t, 1, stepwise + t * N_VOCAB, 1, NULL), LT_OK);
    for (int t = 0; t < T; t++) {
        double logits[N_VOCAB];
        naive_mul(logits, p->tok_embd, d.h[t], N_VOCAB, C);
        assert_row(at_once + t * N_VOCAB, logits, N_VOCAB, "logits");
        if (t >= 3) assert_row(stepwise + t * N_VOCAB, logits, N_VOCAB, "logits of a step");
    }
    fixture_free(f);
}

static void test_retrieval__of_a_source__is_the_unit_vector_of_the_formula(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    const struct san_params *p = &f->net.p;
    int C = f->net.h.width;
    encode(f, f->blocks, N_BLOCK);
    struct san_source u = san_session_source(f->s);
    row mean = {0}, hidden, out;
    double norm = 0;
    float got[10];
    for (int t = 0; t < u.n; t++)
        for (int c = 0; c < C; c++) mean[c] += (double)u.e[t * C + c] / u.n;
    naive_mul(hidden, p->ret_w1, mean, 12, C);
    for (int i = 0; i < 12; i++) hidden[i] = fmax(hidden[i] + (double)p->ret_b1[i], 0);
    naive_mul(out, p->ret_w2, hidden, 10, 12);
    for (int i = 0; i < 10; i++) norm += out[i] * out[i];
    for (int i = 0; i < 10; i++) out[i] /= sqrt(norm);
    assert_int_equal(san_retrieval_vector(f->s, u.e, u.n, got, NULL), LT_OK);
    assert_row(got, out, 10, "retrieval vector");
    fixture_free(f);
}

static void test_retrieval_encode__of_tokens__the_encoders_bits_and_no_source(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    size_t n = (size_t)N_UTT * (size_t)f->net.h.width;
    float *whole = malloc(n * sizeof *whole), h[WIDTH_MAX];
    const float *e = NULL;
    assert_non_null(whole);
    assert_int_equal(san_utter_encode(f->s, f->id + f->utt, NULL, N_UTT, NULL, 0, NULL), LT_OK);
    memcpy(whole, san_session_source(f->s).e, n * sizeof *whole);
    encode(f, f->blocks, N_BLOCK); /* what stood there before does not matter */
    assert_int_equal(san_retrieval_encode(f->s, f->id + f->utt, N_UTT, &e, NULL), LT_OK);
    assert_memory_equal(e, whole, n * sizeof *whole);
    assert_int_equal(san_session_source(f->s).n, 0);
    san_dec_begin(f->s);
    assert_int_equal(san_dec_step(f->s, 1, -1, NULL, h, NULL), LT_ERR_INVALID);
    assert_int_equal(san_retrieval_encode(f->s, f->id, 0, &e, NULL), LT_ERR_INVALID);
    assert_null(e);
    free(whole);
    fixture_free(f);
}

static void test_warm_session__encode_and_decode__allocates_nothing(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    float h[STEP_MAX * WIDTH_MAX];
    int before = n_alloc;
    encode(f, f->blocks, N_BLOCK);
    decode(f, h);
    assert_int_equal(n_alloc, before);
    struct san_block *two[2] = {NULL};
    assert_int_equal(san_blocks_encode(f->s, f->src, 2, two, NULL), LT_OK);
    assert_int_equal(n_alloc, before + 2); /* one per block */
    san_block_unref(two[0]);
    san_block_unref(two[1]);
    fixture_free(f);
}

static void test_reference__taken_twice__block_lives_until_the_last(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 64);
    struct san_block *b = san_block_ref(f->blocks[0]);
    assert_ptr_equal(b, f->blocks[0]);
    san_block_unref(f->blocks[0]);
    f->blocks[0] = NULL;
    assert_int_equal(b->n, block_len[0]);
    assert_true(isfinite(b->e[0])); /* read after free under ASan otherwise */
    san_block_unref(b);
    fixture_free(f);
}

static void test_bad_input__any__is_refused_with_its_code(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(16, SAN_RENDER_LINTEL, 35);
    float h[WIDTH_MAX];
    int32_t bad_id[2] = {1, N_VOCAB}, long_ids[41] = {0};
    const int32_t bad_mark[1] = {2};
    struct san_block *out[2];
    struct lt_diag diag = {0};

    assert_int_equal(san_dec_step(f->s, 3, -1, NULL, h, NULL), LT_ERR_INVALID); /* no source */
    assert_int_equal(san_utter_encode(f->s, bad_id, NULL, 2, NULL, 0, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "token 1 is 50"));
    assert_int_equal(san_session_source(f->s).n, 0);
    assert_int_equal(san_utter_encode(f->s, bad_id, NULL, 0, NULL, 0, NULL), LT_ERR_INVALID);
    assert_int_equal(san_utter_encode(f->s, long_ids, NULL, 41, NULL, 0, NULL), LT_ERR_LIMIT);

    struct san_block_src src[2] = {f->src[0], {.ids = bad_id, .n = 2}};
    assert_int_equal(san_blocks_encode(f->s, src, 2, out, NULL), LT_ERR_INVALID);
    assert_null(out[0]);
    assert_null(out[1]);
    src[1] = (struct san_block_src){.ids = bad_id, .n = 1, .marks = bad_mark, .n_mark = 1};
    assert_int_equal(san_blocks_encode(f->s, src, 2, out, NULL), LT_ERR_INVALID);
    src[1] = (struct san_block_src){.ids = long_ids, .n = 36};
    assert_int_equal(san_blocks_encode(f->s, src, 2, out, NULL), LT_ERR_LIMIT);
    src[1] = (struct san_block_src){.ids = long_ids, .n = 0};
    assert_int_equal(san_blocks_encode(f->s, src, 2, out, NULL), LT_ERR_INVALID);

    encode(f, NULL, 0); /* no blocks at all is fine */
    san_dec_begin(f->s);
    assert_int_equal(san_dec_step(f->s, N_VOCAB, -1, NULL, h, NULL), LT_ERR_INVALID);
    assert_int_equal(san_dec_step(f->s, 3, -2, NULL, h, NULL), LT_ERR_INVALID);
    assert_int_equal(san_dec_n_step(f->s), 0);
    for (int t = 0; t < STEP_MAX; t++)
        assert_int_equal(san_dec_step(f->s, 3, -1, NULL, h, NULL), LT_OK);
    assert_int_equal(san_dec_step(f->s, 3, -1, NULL, h, NULL), LT_ERR_LIMIT);

    struct san_session *none = NULL;
    const struct san_limits over = {.n_source = 65, .n_panel = 8, .n_step = 8}; /* n_ctx is 64 */
    assert_int_equal(san_session_new(&f->net, &over, &none, NULL), LT_ERR_INVALID);
    assert_null(none);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_mode__any_head_width__equals_masked_dense),
        cmocka_unit_test(test_block_mode__sharp_attention__equals_masked_dense),
        cmocka_unit_test(test_block_mode__keys_as_halves__nearly_equals_masked_dense),
        cmocka_unit_test(test_blocks__as_halves__are_smaller_and_equal_otherwise),
        cmocka_unit_test(test_join__any_blocks__equals_the_blocks_themselves),
        cmocka_unit_test(test_join__thousands_of_blocks__equals_the_blocks_themselves),
        cmocka_unit_test(test_join__nothing_or_two_sorts__is_refused),
        cmocka_unit_test(test_scores__of_candidates__equal_the_formula),
        cmocka_unit_test(test_blocks__in_a_batch__equal_one_by_one),
        cmocka_unit_test(test_utterance__blocks_in_another_order__gives_the_same),
        cmocka_unit_test(test_cached_block__used_by_two_utterances__gives_identical_bits),
        cmocka_unit_test(test_blocks__encoded_while_decoding__leave_the_decoder_alone),
        cmocka_unit_test(test_rewind__to_an_earlier_step__decodes_as_if_never_gone_on),
        cmocka_unit_test(test_joint_mode__fed_at_once_or_stepwise__equals_naive),
        cmocka_unit_test(test_retrieval__of_a_source__is_the_unit_vector_of_the_formula),
        cmocka_unit_test(test_retrieval_encode__of_tokens__the_encoders_bits_and_no_source),
        cmocka_unit_test(test_warm_session__encode_and_decode__allocates_nothing),
        cmocka_unit_test(test_reference__taken_twice__block_lives_until_the_last),
        cmocka_unit_test(test_bad_input__any__is_refused_with_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
