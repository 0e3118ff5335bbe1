/* Tests of the optimiser: Muon and AdamW against their formulas in double precision, clipping, the
 * average of the weights, and state files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "san/rand.h"
#include "san/train_step.h"

/* fp32 against double after a few steps of values near 1. */
#define TOL 2e-5

struct rig {
    struct san_hparams h;
    struct san_params p, g;
    struct san_optim *o;
    char path[128];
};

static struct san_hparams sizes(void)
{
    return (struct san_hparams){.n_vocab = 30,
                                .width = 32,
                                .n_head = 4,
                                .n_kv_head = 2,
                                .n_enc = 2,
                                .n_dec = 1,
                                .n_ctx = 64,
                                .n_flag = 2,
                                .n_class = 2,
                                .n_feat = 3,
                                .rope_base = 100.0f,
                                .rms_eps = 1e-6f,
                                .mask = SAN_MASK_BLOCK,
                                .render = SAN_RENDER_LINTEL};
}

static void rig_make_sized(struct rig *r, struct san_optim_opts opts, int width)
{
    struct lt_diag diag = {0};

    memset(r, 0, sizeof *r);
    r->h = sizes();
    r->h.width = width;
    opts.n_threads = 2;
    assert_int_equal(san_params_new(&r->h, &r->p), LT_OK);
    assert_int_equal(san_params_new(&r->h, &r->g), LT_OK);
    san_params_init(&r->p, &r->h, 3);
    assert_int_equal(san_optim_new(&r->h, &opts, &r->o, &diag), LT_OK);
    snprintf(r->path, sizeof r->path, "test_optim.%ld.state", (long)getpid());
}

static void rig_make(struct rig *r, struct san_optim_opts opts)
{
    rig_make_sized(r, opts, 32);
}

static void rig_free(struct rig *r)
{
    remove(r->path);
    san_optim_free(r->o);
    san_params_free(&r->p);
    san_params_free(&r->g);
}

/* The gradient of step `n`: the same for every rig. */
static void make_gradient(struct rig *r, int n)
{
    struct san_rand rnd;

    san_rand_seed(&rnd, 100 + (uint64_t)n);
    for (size_t i = 0; i < r->g.n; i++) r->g.mem[i] = (float)san_rand_normal(&rnd);
}

static void step(struct rig *r, int n, float lr_scale, struct san_optim_stats *st)
{
    struct lt_diag diag = {0};

    make_gradient(r, n);
    assert_int_equal(san_optim_step(r->o, &r->p, &r->g, lr_scale, st, &diag), LT_OK);
}

/* x(n,m) after the five steps of the quintic, in double. */
static void newton_schulz(double *x, int n, int m)
{
    double *a = calloc((size_t)(n * n), sizeof *a), *b = calloc((size_t)(n * n), sizeof *b);
    double *y = calloc((size_t)(n * m), sizeof *y);

    if (!a || !b || !y) abort();
    for (int s = 0; s < 5; s++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                a[i * n + j] = 0;
                for (int k = 0; k < m; k++) a[i * n + j] += x[i * m + k] * x[j * m + k];
            }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                b[i * n + j] = -4.7750 * a[i * n + j];
                for (int k = 0; k < n; k++) b[i * n + j] += 2.0315 * a[i * n + k] * a[k * n + j];
            }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < m; j++) {
                y[i * m + j] = 3.4445 * x[i * m + j];
                for (int k = 0; k < n; k++) y[i * m + j] += b[i * n + k] * x[k * m + j];
            }
        memcpy(x, y, (size_t)(n * m) * sizeof *x);
    }
    free(a), free(b), free(y);
}

/* Two Muon steps on one matrix (rows, cols) whose values lie at `at`, from the formulas. */
static void check_muon(int id, int layer)
{
    struct rig r;

    rig_make(&r, san_optim_opts_default());
    const struct san_tensor_info *t = &r.p.info[id];
    const int rows = t->rows, cols = t->cols, size = rows * cols;
    const size_t at = t->offset + (size_t)layer * (size_t)size;
    double *w = calloc((size_t)size, sizeof *w), *m = calloc((size_t)size, sizeof *m);
    double *u = calloc((size_t)size, sizeof *u);

    if (!w || !m || !u) abort();
    for (int i = 0; i < size; i++) w[i] = (double)r.p.mem[at + (size_t)i];
    for (int s = 0; s < 2; s++) {
        double norm = 0, all = 0;

        step(&r, s, 0.5f, NULL);
        for (size_t i = 0; i < r.g.n; i++) all += (double)r.g.mem[i] * (double)r.g.mem[i];
        for (int i = 0; i < size; i++) { /* the norm is far above clip_norm = 1 */
            const double g = (double)r.g.mem[at + (size_t)i] / sqrt(all);

            m[i] = 0.95 * m[i] + g;
            u[i] = g + 0.95 * m[i];
            norm += u[i] * u[i];
        }
        for (int i = 0; i < size; i++) u[i] /= sqrt(norm);
        if (rows <= cols) {
            newton_schulz(u, rows, cols);
        } else { /* on the transpose, which gives the same matrix */
            double *v = calloc((size_t)size, sizeof *v);

            if (!v) abort();
            for (int i = 0; i < size; i++) v[i % cols * rows + i / cols] = u[i];
            newton_schulz(v, cols, rows);
            for (int i = 0; i < size; i++) u[i] = v[i % cols * rows + i / cols];
            free(v);
        }
        for (int i = 0; i < size; i++)
            w[i] -= 0.01 * (fmax(1, sqrt((double)rows / cols)) * u[i] + 0.01 * w[i]);
    }
    for (int i = 0; i < size; i++)
        if (fabs(w[i] - (double)r.p.mem[at + (size_t)i]) > TOL)
            fail_msg("%s[%d]: %.8g, formula %.8g", t->name, i, (double)r.p.mem[at + (size_t)i],
                     w[i]);
    free(w), free(m), free(u);
    rig_free(&r);
}

static void test_optim__matrices__follow_muon(void **state)
{
    (void)state;
    check_muon(SAN_T_enc_q, 1);
    check_muon(SAN_T_enc_k, 0); /* wide */
    check_muon(SAN_T_ptr_key, 0);
}

static void test_optim__matrix_update__is_nearly_orthogonal(void **state)
{
    struct san_optim_opts opts = san_optim_opts_default();
    struct rig r;
    double before[32 * 32], gram;

    (void)state;
    opts.muon_decay = 0;
    rig_make(&r, opts);
    float *w = r.p.enc_o;
    for (int i = 0; i < 32 * 32; i++) before[i] = (double)w[i];
    step(&r, 0, 1, NULL);
    for (int i = 0; i < 32; i++) {
        gram = 0;
        for (int k = 0; k < 32; k++) gram += pow(((double)w[i * 32 + k] - before[i * 32 + k]), 2);
        /* a row of 0.02 * (a matrix with singular values in about [0.7, 1.2]) */
        assert_true(sqrt(gram) > 0.02 * 0.5 && sqrt(gram) < 0.02 * 1.3);
    }
    rig_free(&r);
}

/* Rounded products give nearly the same update of every matrix (2.5 % off is seen); what is not a
 * matrix is the same. */
static void test_optim__bfloat16__updates_agree_with_fp32(void **state)
{
    struct san_optim_opts opts = san_optim_opts_default();
    struct rig r;
    struct lt_diag diag = {0};
    struct san_optim *o = NULL;
    struct san_params before, exact;

    (void)state;
    rig_make_sized(&r, opts, 104); /* tiles of 8, 16 and 32 run over the end of rows and columns */
    opts.is_bf16 = 1;
    if (!san_trainer_has_bf16()) {
        assert_int_equal(san_optim_new(&r.h, &opts, &o, &diag), LT_ERR_UNSUPPORTED);
        rig_free(&r);
        return;
    }
    assert_int_equal(san_optim_new(&r.h, &opts, &o, &diag), LT_OK);
    assert_int_equal(san_params_new(&r.h, &before), LT_OK);
    assert_int_equal(san_params_new(&r.h, &exact), LT_OK);
    memcpy(before.mem, r.p.mem, r.p.n * sizeof *r.p.mem);
    step(&r, 0, 1, NULL);
    memcpy(exact.mem, r.p.mem, r.p.n * sizeof *r.p.mem);
    memcpy(r.p.mem, before.mem, r.p.n * sizeof *r.p.mem);
    assert_int_equal(san_optim_step(o, &r.p, &r.g, 1, NULL, &diag), LT_OK);
    for (int id = 0; id < SAN_T_COUNT; id++) {
        const struct san_tensor_info *t = &r.p.info[id];
        const int is_matrix = t->group == SAN_GROUP_M || t->group == SAN_GROUP_P;
        double same = 0, off = 0;

        for (size_t i = 0; i < (size_t)t->layers * (size_t)t->rows * (size_t)t->cols; i++) {
            const size_t at = t->offset + i;
            const double x = (double)exact.mem[at] - (double)before.mem[at];
            const double y = (double)r.p.mem[at] - (double)before.mem[at];

            same += x * x;
            off += (x - y) * (x - y);
        }
        if (is_matrix ? off > 0.05 * 0.05 * same : off > 0)
            fail_msg("%s: off by %g", t->name, sqrt(off / same));
        if (is_matrix) assert_true(off > 0);
    }
    san_optim_free(o);
    san_params_free(&before);
    san_params_free(&exact);
    rig_free(&r);
}

/* Three AdamW steps on entry `at`. */
static void check_adam(size_t at, double decay)
{
    struct san_optim_opts opts = san_optim_opts_default();
    struct rig r;
    double m = 0, v = 0, w;

    opts.clip_norm = 0;
    rig_make(&r, opts);
    r.p.mem[at] = 0.7f;
    w = (double)r.p.mem[at];
    for (int s = 0; s < 3; s++) {
        step(&r, s, 1, NULL);
        const double g = (double)r.g.mem[at];
        m = 0.9 * m + 0.1 * g;
        v = 0.98 * v + 0.02 * g * g;
        w -= 2e-3 *
             ((m / (1 - pow(0.9, s + 1))) / (sqrt(v / (1 - pow(0.98, s + 1))) + 1e-8) + decay * w);
    }
    assert_true(fabs(w - (double)r.p.mem[at]) < TOL);
    rig_free(&r);
}

static void test_optim__vectors_and_embeddings__follow_adamw(void **state)
{
    struct san_params p;
    const struct san_hparams h = sizes();

    (void)state;
    assert_int_equal(san_params_new(&h, &p), LT_OK);
    check_adam(p.info[SAN_T_tok_embd].offset + 17, 0.01);
    check_adam(p.info[SAN_T_flag_embd].offset, 0.01);
    check_adam(p.info[SAN_T_enc_norm].offset + 3, 0);
    check_adam(p.info[SAN_T_ptr_feat].offset + 2, 0);
    san_params_free(&p);
}

static void test_optim__gradient_not_finite__nothing_changes(void **state)
{
    struct rig r;
    struct lt_diag diag = {0};
    struct san_optim_stats st;

    (void)state;
    rig_make(&r, san_optim_opts_default());
    step(&r, 0, 1, NULL);
    float *before = malloc(r.p.n * sizeof *before);
    if (!before) abort();
    memcpy(before, r.p.mem, r.p.n * sizeof *before);
    r.g.mem[5] = NAN;
    assert_int_equal(san_optim_step(r.o, &r.p, &r.g, 1, &st, &diag), LT_ERR_INVALID);
    assert_memory_equal(before, r.p.mem, r.p.n * sizeof *before);
    assert_int_equal(st.n_done, 1);
    free(before);
    rig_free(&r);
}

static void test_optim__stats__tell_norm_and_count(void **state)
{
    struct rig r;
    struct san_optim_stats st;
    double all = 0;

    (void)state;
    rig_make(&r, san_optim_opts_default());
    for (int i = 0; i < 3; i++) step(&r, i, 1, &st);
    for (size_t i = 0; i < r.g.n; i++) all += (double)r.g.mem[i] * (double)r.g.mem[i];
    assert_true(fabs(st.grad_norm - sqrt(all)) < 1e-6 * st.grad_norm);
    assert_int_equal(st.n_done, 3);
    rig_free(&r);
}

static void test_optim__average__follows_the_weights(void **state)
{
    struct san_optim_opts opts = san_optim_opts_default();
    struct rig r;
    double avg = 0;

    (void)state;
    opts.ema_decay = 0.3f;
    rig_make(&r, opts);
    assert_null(san_optim_ema(r.o));
    for (int s = 0; s < 4; s++) {
        const double d = fmin(0.3, (1.0 + s) / (10.0 + s));

        step(&r, s, 1, NULL);
        avg = s == 0 ? (double)r.p.mem[9] : d * avg + (1 - d) * (double)r.p.mem[9];
    }
    assert_true(fabs(avg - (double)san_optim_ema(r.o)[9]) < 1e-6);
    rig_free(&r);
}

static void test_optim_save__then_load__goes_on_bit_for_bit(void **state)
{
    struct san_optim_opts opts = san_optim_opts_default();
    struct rig a, b;
    struct lt_diag diag = {0};
    char blob[16] = {0};
    size_t n = 0;

    (void)state;
    opts.ema_decay = 0.9f;
    rig_make(&a, opts);
    rig_make(&b, opts);
    for (int s = 0; s < 3; s++) step(&a, s, 1, NULL);
    assert_int_equal(san_optim_save(a.o, &a.p, "seed 42", 8, a.path, &diag), LT_OK);
    assert_int_equal(san_optim_load(b.o, &b.p, blob, sizeof blob, &n, a.path, &diag), LT_OK);
    assert_int_equal(n, 8);
    assert_string_equal(blob, "seed 42");
    for (int s = 3; s < 5; s++) {
        step(&a, s, 0.7f, NULL);
        step(&b, s, 0.7f, NULL);
    }
    assert_memory_equal(a.p.mem, b.p.mem, a.p.n * sizeof *a.p.mem);
    assert_memory_equal(san_optim_ema(a.o), san_optim_ema(b.o), a.p.n * sizeof *a.p.mem);
    rig_free(&a);
    rig_free(&b);
}

static long file_size(const char *path)
{
    FILE *f = fopen(path, "rb");
    long n;

    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    n = ftell(f);
    fclose(f);
    return n;
}

static void flip_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    int c;

    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 0x10, f);
    fclose(f);
}

static void test_optim_load__damaged_file__is_refused_and_nothing_changes(void **state)
{
    struct rig r;
    struct lt_diag diag = {0};
    char blob[16];
    size_t n;

    (void)state;
    rig_make(&r, san_optim_opts_default());
    step(&r, 0, 1, NULL);
    assert_int_equal(san_optim_save(r.o, &r.p, "x", 1, r.path, &diag), LT_OK);
    float *before = malloc(r.p.n * sizeof *before);
    if (!before) abort();
    step(&r, 1, 1, NULL);
    memcpy(before, r.p.mem, r.p.n * sizeof *before);
    const long size = file_size(r.path), places[] = {0, size / 2, size - 12, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip_byte(r.path, places[i]);
        assert_int_equal(san_optim_load(r.o, &r.p, blob, sizeof blob, &n, r.path, NULL),
                         LT_ERR_PARSE);
        flip_byte(r.path, places[i]);
    }
    assert_int_equal(truncate(r.path, size - 100), 0);
    assert_int_equal(san_optim_load(r.o, &r.p, blob, sizeof blob, &n, r.path, NULL), LT_ERR_PARSE);
    assert_memory_equal(before, r.p.mem, r.p.n * sizeof *before);
    free(before);
    rig_free(&r);
}

static void test_optim_load__wrong_use__is_named(void **state)
{
    struct rig r;
    struct lt_diag diag = {0};
    struct san_hparams other = sizes();
    struct san_optim_opts opts = san_optim_opts_default();
    struct san_optim *o = NULL;
    struct san_params p;
    char blob[16];
    size_t n;
    static char big[SAN_OPTIM_BLOB_MAX + 1];

    (void)state;
    rig_make(&r, opts);
    assert_int_equal(san_optim_load(r.o, &r.p, blob, sizeof blob, &n, r.path, NULL),
                     LT_ERR_NOTFOUND);
    assert_int_equal(san_optim_save(r.o, &r.p, big, sizeof big, r.path, NULL), LT_ERR_LIMIT);
    assert_int_equal(san_optim_save(r.o, &r.p, big, 17, r.path, NULL), LT_OK);
    assert_int_equal(san_optim_load(r.o, &r.p, blob, sizeof blob, &n, r.path, NULL), LT_ERR_LIMIT);
    other.n_feat = 4;
    assert_int_equal(san_params_new(&other, &p), LT_OK);
    assert_int_equal(san_optim_new(&other, &opts, &o, &diag), LT_OK);
    assert_int_equal(san_optim_load(o, &p, blob, sizeof blob, &n, r.path, &diag), LT_ERR_INVALID);
    assert_int_equal(san_optim_save(r.o, &r.p, "", 0, "no/such/folder/x", NULL), LT_ERR_NOTFOUND);
    san_optim_free(o);
    o = NULL;
    opts.adam_beta1 = 1.0f;
    memset(&diag, 0, sizeof diag);
    assert_int_equal(san_optim_new(&other, &opts, &o, &diag), LT_ERR_INVALID);
    assert_non_null(strstr(diag.text, "adam_beta1"));
    san_params_free(&p);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optim__matrices__follow_muon),
        cmocka_unit_test(test_optim__matrix_update__is_nearly_orthogonal),
        cmocka_unit_test(test_optim__bfloat16__updates_agree_with_fp32),
        cmocka_unit_test(test_optim__vectors_and_embeddings__follow_adamw),
        cmocka_unit_test(test_optim__gradient_not_finite__nothing_changes),
        cmocka_unit_test(test_optim__stats__tell_norm_and_count),
        cmocka_unit_test(test_optim__average__follows_the_weights),
        cmocka_unit_test(test_optim_save__then_load__goes_on_bit_for_bit),
        cmocka_unit_test(test_optim_load__damaged_file__is_refused_and_nothing_changes),
        cmocka_unit_test(test_optim_load__wrong_use__is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
