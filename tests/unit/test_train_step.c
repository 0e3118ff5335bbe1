/* Tests of the training step: values and gradients against the naive double-precision reference of
 * support/train_ref.h, and what a training loop relies on (learning, repeatability, limits). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emulated.h"
#include "san/train_step.h"
#include "train_batch.h"
#include "train_ref.h"

/* fp32 sums of up to some hundred terms through four layers: 1e-5 is seen, 1e-3 would be a bug. */
#define LOGP_TOL 5e-5
/* A gradient is compared in units of its tensor's norm; 1e-4 is seen with near-cancelling sums. */
#define GRAD_TOL 1e-3
/* Single entries and further layers are looked at where that takes seconds. */
enum { N_ENTRY = LT_EMULATED ? 0 : 2, N_LAYER = LT_EMULATED ? 1 : 100 };
/* Central differences in double: the truncation error is of order EPS^2. */
#define EPS 1e-5

static struct san_hparams tiny(int width, int n_head, int n_kv)
{
    return (struct san_hparams){.n_vocab = 40,
                                .width = width,
                                .n_head = n_head,
                                .n_kv_head = n_kv,
                                .n_enc = 2,
                                .n_dec = 2,
                                .n_ctx = 256,
                                .n_flag = 3,
                                .n_class = 3,
                                .n_feat = 4,
                                .rope_base = 100.0f,
                                .rms_eps = 1e-6f,
                                .mask = SAN_MASK_BLOCK,
                                .render = SAN_RENDER_LINTEL};
}

/* 3 blocks shared by 3 examples. */
static const struct train_batch_plan SMALL = {3, 3, 9, 3, 2, 6, 2, 3, 1, 4, 2, 7};
/* Keys beyond one tile of the kernels, rows beyond one tile, catalogues with gaps. */
static const struct train_batch_plan LARGE = {6, 1, 75, 4, 1, 19, 1, 5, 0, 6, 1, 20};

struct net {
    struct san_hparams h;
    struct san_params p, g;
    struct san_trainer *t;
    struct san_batch b;
};

/* Random parameters everywhere: gains, gates and scales of 0 would hide mistakes. */
static void net_make(struct net *n, struct san_hparams h, const struct train_batch_plan *plan,
                     int n_threads)
{
    const struct san_trainer_opts opts = {n_threads, 0};
    struct lt_diag diag = {0};
    struct san_rand r;

    memset(n, 0, sizeof *n);
    n->h = h;
    assert_int_equal(san_params_new(&h, &n->p), LT_OK);
    assert_int_equal(san_params_new(&h, &n->g), LT_OK);
    san_params_init(&n->p, &h, 7);
    san_rand_seed(&r, 11);
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *ti = &n->p.info[i];

        for (size_t k = 0; k < (size_t)ti->layers * (size_t)ti->rows * (size_t)ti->cols; k++)
            if (ti->group == SAN_GROUP_N)
                n->p.mem[ti->offset + k] = 0.4f * (float)san_rand_normal(&r);
    }
    train_batch_make(&n->b, &h, plan, 5);
    assert_int_equal(san_trainer_new(&h, &opts, &n->t, &diag), LT_OK);
}

static void net_free(struct net *n)
{
    san_trainer_free(n->t);
    train_batch_free(&n->b);
    san_params_free(&n->p);
    san_params_free(&n->g);
}

static double *to_double(const struct san_params *p)
{
    double *d = ref_new((int)p->n);

    for (size_t i = 0; i < p->n; i++) d[i] = (double)p->mem[i];
    return d;
}

/* Derivative of the reference's loss along `dir`, which is not zero in n values from mem[at]. */
static double slope(struct ref *r, double *mem, size_t at, const double *dir, size_t n,
                    const struct san_batch *b)
{
    double loss[2];

    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < n; i++) mem[at + i] += (s ? -2 : 1) * EPS * dir[i];
        loss[s] = ref_loss(r, b, NULL);
    }
    for (size_t i = 0; i < n; i++) mem[at + i] += EPS * dir[i];
    return (loss[0] - loss[1]) / (2 * EPS);
}

/* One layer of one tensor: along a random direction of signs, which involves every entry, and by
 * its first and its largest entry. */
static void check_tensor(struct net *n, struct ref *r, double *mem, const char *name, size_t at,
                         size_t size)
{
    const float *g = n->g.mem + at;
    double *dir = ref_new((int)size), norm = 0, along = 0, seen;
    struct san_rand rnd;
    size_t best = 0;

    san_rand_seed(&rnd, at + 1);
    for (size_t i = 0; i < size; i++) {
        dir[i] = san_rand_below(&rnd, 2) ? 1 : -1;
        norm += (double)g[i] * (double)g[i];
        along += dir[i] * (double)g[i];
        if (fabsf(g[i]) > fabsf(g[best])) best = i;
    }
    norm = sqrt(norm);
    if (!(norm > 1e-7)) fail_msg("%s: gradient is zero", name);
    seen = slope(r, mem, at, dir, size, &n->b);
    if (fabs(seen - along) > GRAD_TOL * norm)
        fail_msg("%s: along signs %.8g, differences give %.8g, norm %g", name, along, seen, norm);
    for (int k = 0; k < N_ENTRY; k++) {
        const size_t i = k ? best : 0;
        const double one = 1;

        seen = slope(r, mem, at + i, &one, 1, &n->b);
        if (fabs(seen - (double)g[i]) > GRAD_TOL * norm)
            fail_msg("%s[%zu]: %.8g, differences give %.8g, norm %g", name, i, (double)g[i], seen,
                     norm);
    }
    free(dir);
}

static void check_net(struct san_hparams h, const struct train_batch_plan *plan, int n_threads)
{
    struct net n;
    struct san_step_stats st = {0};
    struct lt_diag diag = {0};

    net_make(&n, h, plan, n_threads);
    double *mem = to_double(&n.p), *logp = ref_new(n.b.n_step);
    float *got = calloc((size_t)n.b.n_step, sizeof *got);
    struct ref r = {&n.h, &n.p, mem};
    st.step_logp = got;
    const enum lt_err err = san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &st, &diag);
    if (err) fail_msg("%s", lt_diag_text(&diag, err));
    assert_true(fabs(ref_loss(&r, &n.b, logp) - st.loss) < LOGP_TOL);
    for (int i = 0; i < n.b.n_step; i++)
        if (fabs(logp[i] - (double)got[i]) > LOGP_TOL)
            fail_msg("step %d: log p %.7g, reference %.7g", i, (double)got[i], logp[i]);
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *ti = &n.p.info[i];
        const size_t size = (size_t)ti->rows * (size_t)ti->cols;

        for (int l = 0; l < ti->layers && l < N_LAYER; l++)
            check_tensor(&n, &r, mem, ti->name, ti->offset + (size_t)l * size, size);
    }
    free(mem), free(logp), free(got);
    net_free(&n);
}

static void test_step__tiny_net__matches_reference_and_differences(void **state)
{
    (void)state;
    check_net(tiny(32, 4, 2), &SMALL, 1);
}

static void test_step__long_catalogues__match_reference_and_differences(void **state)
{
    (void)state;
    check_net(tiny(32, 4, 2), &LARGE, 2);
}

static void test_step__every_head_width__matches_reference_and_differences(void **state)
{
    (void)state;
    check_net(tiny(32, 2, 1), &SMALL, 1);
    check_net(tiny(48, 2, 2), &SMALL, 1);
    check_net(tiny(96, 3, 1), &SMALL, 1);
    check_net(tiny(48, 1, 1), &SMALL, 1);
    check_net(tiny(64, 1, 1), &SMALL, 1);
}

/* Loss of decisions plus the weighted one of retrieval: what the gradient is of. */
static double whole_loss(struct net *n, struct san_params *g)
{
    struct san_step_stats st = {0};
    struct lt_diag diag = {0};
    memset(g->mem, 0, g->n * sizeof(float));
    enum lt_err err = san_trainer_forward_backward(n->t, &n->p, g, &n->b, &st, &diag);
    if (err) fail_msg("%s", lt_diag_text(&diag, err));
    assert_true(st.retrieval_loss > 0);
    return st.loss + 0.25 * st.retrieval_loss;
}

static void test_step__retrieval_part__gradient_matches_differences(void **state)
{
    static const int32_t alone[] = {0, 2, 1}, off[] = {0, 1, 3, 4}, right[] = {1, 2, 1, 0},
                         tools[] = {0, 1, 2};
    static const int tensors[] = {SAN_T_ret_w1, SAN_T_ret_b1,   SAN_T_ret_w2, SAN_T_tok_embd,
                                  SAN_T_enc_q,  SAN_T_enc_norm, SAN_T_enc_out_norm};
    struct san_hparams h = tiny(32, 4, 2);
    struct san_params other = {0};
    struct net n;
    (void)state;
    h.ret_hidden = 24;
    h.ret_dim = 8;
    net_make(&n, h, &SMALL, 1);
    assert_int_equal(san_params_new(&h, &other), LT_OK);
    for (int i = 0; i < h.ret_hidden; i++) n.p.ret_b1[i] = 0.1f;
    n.b.n_ret = 3;
    n.b.ret_block = alone;
    n.b.ret_right_off = off;
    n.b.ret_right = right;
    n.b.n_ret_tool = 3;
    n.b.ret_tool = tools;
    (void)whole_loss(&n, &n.g);
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        const struct san_tensor_info *t = &n.p.info[tensors[i]];
        size_t size = (size_t)t->layers * (size_t)t->rows * (size_t)t->cols;
        float *w = n.p.mem + t->offset;
        const float *g = n.g.mem + t->offset;
        double norm = 0, loss[2];
        for (size_t k = 0; k < size; k++) norm += (double)g[k] * (double)g[k];
        norm = sqrt(norm);
        if (!(norm > 1e-5)) fail_msg("%s: gradient is zero", t->name);
        float *was = malloc(size * sizeof *was);
        assert_non_null(was);
        memcpy(was, w, size * sizeof *was);
        const double step = 2e-3; /* along the gradient; fp32 losses are good to about 1e-6 */
        for (int side = 0; side < 2; side++) {
            for (size_t k = 0; k < size; k++)
                w[k] = was[k] + (float)((side ? -step : step) * (double)g[k] / norm);
            loss[side] = whole_loss(&n, &other);
        }
        memcpy(w, was, size * sizeof *was);
        free(was);
        double seen = (loss[0] - loss[1]) / (2 * step);
        if (fabs(seen - norm) > 0.02 * norm + 2e-3)
            fail_msg("%s: slope %.6g, gradient %.6g", t->name, seen, norm);
    }
    n.b.ret_block = n.b.ret_right_off = n.b.ret_right = n.b.ret_tool = NULL; /* not the batch's own */
    san_params_free(&other);
    net_free(&n);
}

static void test_step__no_gradients_wanted__evaluates_the_same(void **state)
{
    struct net n;
    struct san_step_stats a = {0}, b = {0};
    struct lt_diag diag = {0};
    uint8_t ok[64];
    int n_ok = 0;

    (void)state;
    net_make(&n, tiny(32, 4, 2), &SMALL, 1);
    assert_true(n.b.n_step <= 64);
    a.step_ok = ok;
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, NULL, &n.b, &a, &diag), LT_OK);
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &b, &diag), LT_OK);
    assert_true(a.loss == b.loss && a.weight == b.weight && a.n_ok == b.n_ok);
    for (int i = 0; i < a.n_step; i++) n_ok += ok[i];
    assert_int_equal(n_ok, a.n_ok);
    net_free(&n);
}

static void test_step__second_call__adds_gradients(void **state)
{
    struct net n;
    struct san_step_stats st = {0};
    struct lt_diag diag = {0};

    (void)state;
    net_make(&n, tiny(32, 4, 2), &SMALL, 1);
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &st, &diag), LT_OK);
    double *once = to_double(&n.g);
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &st, &diag), LT_OK);
    for (size_t i = 0; i < n.g.n; i++)
        assert_true(fabs((double)n.g.mem[i] - 2 * once[i]) <= 1e-4 * fabs(once[i]) + 1e-6);
    free(once);
    net_free(&n);
}

/* What a larger batch left in the workspace must not show in a smaller one. */
static void test_step__workspace_used_before__gives_the_same_bits(void **state)
{
    struct net n, fresh;
    struct san_batch large;
    struct san_step_stats a = {0}, b = {0};
    struct lt_diag diag = {0};

    (void)state;
    net_make(&n, tiny(32, 4, 2), &SMALL, 2);
    net_make(&fresh, tiny(32, 4, 2), &SMALL, 2);
    train_batch_make(&large, &n.h, &LARGE, 9);
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &large, &a, &diag), LT_OK);
    memset(n.g.mem, 0, n.g.n * sizeof *n.g.mem);
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &a, &diag), LT_OK);
    assert_int_equal(san_trainer_forward_backward(fresh.t, &fresh.p, &fresh.g, &fresh.b, &b, &diag),
                     LT_OK);
    assert_true(a.loss == b.loss);
    assert_memory_equal(n.g.mem, fresh.g.mem, n.g.n * sizeof *n.g.mem);
    train_batch_free(&large);
    net_free(&n);
    net_free(&fresh);
}

/* Trains on one batch; returns the last loss. */
static double overfit(struct net *n, int n_steps)
{
    struct san_optim_opts o = san_optim_opts_default();
    struct san_optim *optim = NULL;
    struct san_step_stats st = {0};
    struct lt_diag diag = {0};

    o.n_threads = 2;
    assert_int_equal(san_optim_new(&n->h, &o, &optim, &diag), LT_OK);
    for (int i = 0; i < n_steps; i++) {
        memset(n->g.mem, 0, n->g.n * sizeof *n->g.mem);
        assert_int_equal(san_trainer_forward_backward(n->t, &n->p, &n->g, &n->b, &st, &diag),
                         LT_OK);
        assert_int_equal(san_optim_step(optim, &n->p, &n->g, 1, NULL, &diag), LT_OK);
    }
    san_optim_free(optim);
    return st.loss;
}

static void test_step__one_batch_forty_times__is_learnt(void **state)
{
    struct net n;

    (void)state;
    net_make(&n, tiny(32, 4, 2), &SMALL, 2);
    const double first = overfit(&n, 1);
    assert_true(first > 0.4); /* about a uniform choice among two to five candidates */
    assert_true(overfit(&n, 40) < 0.1 * first);
    net_free(&n);
}

static void test_step__same_seed_twice__gives_the_same_bits(void **state)
{
    struct net a, b;

    (void)state;
    net_make(&a, tiny(32, 4, 2), &LARGE, 2);
    net_make(&b, tiny(32, 4, 2), &LARGE, 2);
    assert_true(overfit(&a, 5) == overfit(&b, 5));
    assert_memory_equal(a.p.mem, b.p.mem, a.p.n * sizeof *a.p.mem);
    net_free(&a);
    net_free(&b);
}

static void test_step__weights_all_zero__loss_and_gradients_are_zero(void **state)
{
    struct net n;
    struct san_step_stats st = {0};
    struct lt_diag diag = {0};
    const float zero[64] = {0};

    (void)state;
    net_make(&n, tiny(32, 4, 2), &SMALL, 1);
    const float *old = n.b.step_weight;
    n.b.step_weight = zero;
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &st, &diag), LT_OK);
    assert_true(st.loss == 0 && st.weight == 0);
    for (size_t i = 0; i < n.g.n; i++) assert_true(n.g.mem[i] == 0);
    n.b.step_weight = old;
    net_free(&n);
}

/* Rounding to 8 bits of mantissa: 0.4 % per operand, averaged over sums. Gradients must point the
 * same way, tensor by tensor. */
static void test_step__bfloat16__agrees_with_fp32(void **state)
{
    const struct san_trainer_opts opts = {2, 1};
    struct net n;
    struct san_trainer *t = NULL;
    struct san_step_stats a = {0}, b = {0};
    struct lt_diag diag = {0};

    (void)state;
    net_make(&n, tiny(96, 3, 1), &LARGE, 2);
    if (!san_trainer_has_bf16()) {
        assert_int_equal(san_trainer_new(&n.h, &opts, &t, &diag), LT_ERR_UNSUPPORTED);
        net_free(&n);
        return;
    }
    assert_int_equal(san_trainer_new(&n.h, &opts, &t, &diag), LT_OK);
    assert_int_equal(san_trainer_forward_backward(n.t, &n.p, &n.g, &n.b, &a, &diag), LT_OK);
    double *exact = to_double(&n.g);
    memset(n.g.mem, 0, n.g.n * sizeof *n.g.mem);
    assert_int_equal(san_trainer_forward_backward(t, &n.p, &n.g, &n.b, &b, &diag), LT_OK);
    assert_true(fabs(a.loss - b.loss) < 0.01 && a.loss != b.loss);
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *ti = &n.p.info[i];
        double same = 0, off = 0;

        for (size_t k = 0; k < (size_t)ti->layers * (size_t)ti->rows * (size_t)ti->cols; k++) {
            const double x = exact[ti->offset + k], y = (double)n.g.mem[ti->offset + k];

            same += x * x;
            off += (x - y) * (x - y);
        }
        if (off > 0.05 * 0.05 * same) fail_msg("%s: off by %g", ti->name, sqrt(off / same));
    }
    free(exact);
    san_trainer_free(t);
    net_free(&n);
}

static void test_batch_check__faults__are_named(void **state)
{
    struct net n;
    struct lt_diag diag;
    static const int32_t far_off[] = {0, 1, 2, 1 << 20};
    static const int32_t ones[64] = {1, 1, 1};
    static const int32_t big[64] = {1000, 1000};
    static const int32_t minus[64] = {-1, -1};
    static const uint8_t none[64] = {0};

    (void)state;
    net_make(&n, tiny(32, 4, 2), &SMALL, 1);
    const struct san_batch good = n.b;
    struct san_batch bad[9];
    const char *word[] = {"n_tok",    "block_off", "utt_off", "cat_block", "token",
                          "previous", "candidate", "right",   "n_step"};
    for (int i = 0; i < 9; i++) bad[i] = good;
    bad[0].n_tok = 0;
    bad[1].block_off = far_off;
    bad[2].utt_off = ones;
    bad[3].cat_block = big;
    bad[4].tok = big;
    bad[5].step_prev = big;
    bad[6].cand = minus;
    bad[7].cand_right = none;
    bad[8].n_step = 0;
    assert_int_equal(san_batch_check(&n.h, &good, NULL), LT_OK);
    for (int i = 0; i < 9; i++) {
        memset(&diag, 0, sizeof diag);
        assert_int_not_equal(san_batch_check(&n.h, &bad[i], &diag), LT_OK);
        if (!strstr(diag.text, word[i])) fail_msg("case %d: \"%s\"", i, diag.text);
    }
    net_free(&n);
}

static void test_trainer_new__other_render_or_head__is_unsupported(void **state)
{
    struct san_hparams h = tiny(32, 4, 2);
    struct san_trainer *t = NULL;
    struct lt_diag diag = {0};

    (void)state;
    h.render = SAN_RENDER_NEEDLE_JSON;
    assert_int_equal(san_trainer_new(&h, NULL, &t, &diag), LT_ERR_UNSUPPORTED);
    h = tiny(40, 2, 1);
    memset(&diag, 0, sizeof diag);
    assert_int_equal(san_trainer_new(&h, NULL, &t, &diag), LT_ERR_UNSUPPORTED);
    assert_non_null(strstr(diag.text, "head width 20"));
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step__tiny_net__matches_reference_and_differences),
        cmocka_unit_test(test_step__long_catalogues__match_reference_and_differences),
        cmocka_unit_test(test_step__every_head_width__matches_reference_and_differences),
        cmocka_unit_test(test_step__retrieval_part__gradient_matches_differences),
        cmocka_unit_test(test_step__no_gradients_wanted__evaluates_the_same),
        cmocka_unit_test(test_step__second_call__adds_gradients),
        cmocka_unit_test(test_step__workspace_used_before__gives_the_same_bits),
        cmocka_unit_test(test_step__one_batch_forty_times__is_learnt),
        cmocka_unit_test(test_step__same_seed_twice__gives_the_same_bits),
        cmocka_unit_test(test_step__weights_all_zero__loss_and_gradients_are_zero),
        cmocka_unit_test(test_step__bfloat16__agrees_with_fp32),
        cmocka_unit_test(test_batch_check__faults__are_named),
        cmocka_unit_test(test_trainer_new__other_render_or_head__is_unsupported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
