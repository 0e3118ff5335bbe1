/* sublayer.c - one gated attention with its norm, forward and backward.
 *
 *     h = ZCN(x)   q|k|v = h·W^T (k, v from e in cross-attention)   q, k = RoPE(ZCN(.)) by head
 *     o = Attn(q, k, v)   x' = x + s * o·Wo^T,  s = sigmoid(gate)
 *
 * backward, from dx':  do = s * dx'·Wo;  dWo = s * dx'^T·o;  dgate = (1-s) * sum(do * o), since
 * sum(do * o) = s * sum(dx' * o·Wo^T);  then attention, norms and projections in reverse; dx' also
 * passes straight through to dx. */
#include <math.h>
#include <string.h>

#include "trainer_int.h"

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static float *thread_scratch(const struct san_trainer *t)
{
    return t->scratch + (size_t)omp_get_thread_num() * t->cap_scratch;
}

static void attend_forward(struct san_trainer *t, const struct san__attn *a,
                           const struct san__job *jobs, int n_job)
{
    const int n_task = n_job * a->n_kv;

#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 1)
    for (int i = 0; i < n_task; i++) {
        if (jobs[i / a->n_kv].n_q > 0)
            san__attn_forward(a, jobs + i / a->n_kv, i % a->n_kv, thread_scratch(t));
    }
}

static void attend_backward_own(struct san_trainer *t, const struct san__attn *a,
                                const struct san__job *jobs, int n_job)
{
    const int n_task = n_job * a->n_kv;

#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 1)
    for (int i = 0; i < n_task; i++) {
        if (jobs[i / a->n_kv].n_q > 0)
            san__attn_backward(a, jobs + i / a->n_kv, i % a->n_kv, thread_scratch(t));
    }
}

/* Jobs share keys, so a key/value head belongs to one thread, which adds in the jobs' order. */
static void attend_backward_shared(struct san_trainer *t, const struct san__attn *a,
                                   const struct san__job *jobs, int n_job)
{
#pragma omp parallel for num_threads(t->nt) schedule(dynamic, 1)
    for (int g = 0; g < a->n_kv; g++) {
        for (int i = 0; i < n_job; i++)
            if (jobs[i].n_q > 0) san__attn_backward(a, jobs + i, g, thread_scratch(t));
    }
}

static struct san__attn operands(const struct san_trainer *t, const struct san__acts *a)
{
    struct san__attn v = {0};

    v.n_head = t->h.n_head;
    v.n_kv = t->h.n_kv_head;
    v.d = san_head_width(&t->h);
    v.q = a->q;
    v.ldq = a->ldq;
    v.k = a->k;
    v.ldk = a->ldk;
    v.v = a->kv_raw + san_kv_width(&t->h);
    v.ldv = a->ldkv_raw;
    v.kt = t->kt;
    v.vt = t->vt;
    v.ldt = t->ldt;
    v.o = a->o;
    v.lse = a->lse;
    v.is_bf16 = t->team.bf16 != NULL;
    return v;
}

/* Whether this attention reads no transposed keys. */
static int is_by_tiles(const struct san__attn *a)
{
    return a->is_bf16 && san__attn_amx_is_supported(a->d);
}

/* q, k and v of one layer on top of each other, so that one product makes all three. */
static void fuse(float *wqkv, const struct san__sub *w, size_t c, size_t kc)
{
    memcpy(wqkv, w->q, c * c * sizeof *wqkv);
    memcpy(wqkv + c * c, w->k, kc * c * sizeof *wqkv);
    memcpy(wqkv + (c + kc) * c, w->v, kc * c * sizeof *wqkv);
}

static void add(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] += from[i];
}

static void project(struct san_trainer *t, const struct san__sub_io *io)
{
    const int c = t->h.width, kc = san_kv_width(&t->h);
    struct san__acts *a = io->a;

    fuse(t->wqkv, io->w, (size_t)c, (size_t)kc);
    if (!io->e) {
        san__sgemm(&t->team, SAN__N, SAN__T, io->n, c + 2 * kc, c, 1, a->h, c, t->wqkv, c, 0,
                   a->q_raw, a->ldq_raw);
        return;
    }
    san__sgemm(&t->team, SAN__N, SAN__T, io->n, c, c, 1, a->h, c, t->wqkv, c, 0, a->q_raw, c);
    san__sgemm(&t->team, SAN__N, SAN__T, io->n_key, 2 * kc, c, 1, io->e, c, t->wqkv + c * c, c, 0,
               a->kv_raw, a->ldkv_raw);
}

void san__sub_forward(struct san_trainer *t, float *x_out, const float *x_in,
                      const struct san__sub_io *io)
{
    const int c = t->h.width, kc = san_kv_width(&t->h), d = san_head_width(&t->h);
    struct san__acts *a = io->a;
    lt_us now = lt_now_us();

    san__zcn_forward(a->h, a->inv_h, x_in, io->w->norm, io->n, c, t->h.rms_eps, t->nt);
    memcpy(x_out, x_in, (size_t)io->n * (size_t)c * sizeof *x_out);
    san__phase(t, SAN_PHASE_NORM, &now);
    project(t, io);
    san__phase(t, SAN_PHASE_GEMM, &now);
    san__heads_forward(a->q, a->ldq, a->inv_q, a->q_raw, a->ldq_raw, io->w->q_norm, io->n,
                       t->h.n_head, d, io->rope, t->h.rms_eps, t->nt);
    san__heads_forward(a->k, a->ldk, a->inv_k, a->kv_raw, a->ldkv_raw, io->w->k_norm, io->n_key,
                       t->h.n_kv_head, d, io->rope, t->h.rms_eps, t->nt);
    const struct san__attn v = operands(t, a);
    if (!is_by_tiles(&v)) san__transpose(t->kt, t->ldt, a->k, a->ldk, io->n_key, kc, t->nt);
    san__phase(t, SAN_PHASE_NORM, &now);
    attend_forward(t, &v, io->own, io->n_own);
    san__phase(t, io->own_phase, &now);
    attend_forward(t, &v, io->shared, io->n_shared);
    san__phase(t, io->shared_phase, &now);
    san__sgemm(&t->team, SAN__N, SAN__T, io->n, c, c, sigmoid(io->w->gate[0]), a->o, c, io->w->o, c,
               1, x_out, c);
    san__phase(t, SAN_PHASE_GEMM, &now);
}

/* Attention's backward pass: dq(R, lddq), dk|dv(keys, lddkv) from t->dout. Keys that jobs
 * share start from zero. */
static void attend_backward(struct san_trainer *t, const struct san__sub_io *io, float *dq,
                            int lddq, float *dk, int lddkv)
{
    const int kc = san_kv_width(&t->h);
    struct san__attn v = operands(t, io->a);
    lt_us now = lt_now_us();

    v.dout = t->dout;
    v.delta = t->delta;
    v.dq = dq;
    v.lddq = lddq;
    v.dk = dk;
    v.dv = dk + kc;
    v.lddkv = lddkv;
    if (!is_by_tiles(&v)) {
        san__transpose(t->kt, t->ldt, io->a->k, io->a->ldk, io->n_key, kc, t->nt);
        san__transpose(t->vt, t->ldt, v.v, v.ldv, io->n_key, kc, t->nt);
    }
    for (int r = io->n_owned; r < io->n_key; r++)
        memset(dk + (size_t)r * (size_t)lddkv, 0, 2 * (size_t)kc * sizeof *dk);
    san__phase(t, SAN_PHASE_NORM, &now);
    attend_backward_own(t, &v, io->own, io->n_own);
    san__phase(t, io->own_phase, &now);
    v.is_accumulated = 1;
    attend_backward_shared(t, &v, io->shared, io->n_shared);
    san__phase(t, io->shared_phase, &now);
}

/* Gradients of the projections: dW += dy^T·input, and the gradient of the input. */
static void project_backward(struct san_trainer *t, const struct san__sub_io *io, const float *dq)
{
    const int c = t->h.width, kc = san_kv_width(&t->h), ld = c + 2 * kc;
    const size_t cc = (size_t)c * (size_t)c, kcc = (size_t)kc * (size_t)c;
    float *dw = t->wqkv + cc + 2 * kcc;
    const struct san__acts *a = io->a;

    fuse(t->wqkv, io->w, (size_t)c, (size_t)kc);
    if (!io->e) {
        san__gemm_long(&t->team, ld, c, io->n, 1, t->dqkv, ld, a->h, c, 0, dw, c, t->gemm_part);
        add(io->dw->q, dw, cc);
        san__sgemm(&t->team, SAN__N, SAN__N, io->n, c, ld, 1, t->dqkv, ld, t->wqkv, c, 0, t->dout,
                   c);
    } else {
        san__sgemm(&t->team, SAN__T, SAN__N, c, c, io->n, 1, dq, c, a->h, c, 1, io->dw->q, c);
        san__gemm_long(&t->team, 2 * kc, c, io->n_key, 1, t->dqkv, 2 * kc, io->e, c, 0, dw + cc, c,
                       t->gemm_part);
        san__sgemm(&t->team, SAN__N, SAN__N, io->n_key, c, 2 * kc, 1, t->dqkv, 2 * kc, t->wqkv + cc,
                   c, 1, io->de, c);
        san__sgemm(&t->team, SAN__N, SAN__N, io->n, c, c, 1, dq, c, t->wqkv, c, 0, t->dout, c);
    }
    add(io->dw->k, dw + cc, kcc);
    add(io->dw->v, dw + cc + kcc, kcc);
}

void san__sub_backward(struct san_trainer *t, float *dx, const float *x_in,
                       const struct san__sub_io *io)
{
    const int c = t->h.width, kc = san_kv_width(&t->h), d = san_head_width(&t->h);
    const int lddkv = io->e ? 2 * kc : c + 2 * kc, lddq = io->e ? c : lddkv;
    float *dq = io->e ? t->dq_cross : t->dqkv, *dk = io->e ? t->dqkv : t->dqkv + c;
    const float s = sigmoid(io->w->gate[0]);
    const struct san__acts *a = io->a;
    double sum = 0;
    lt_us now = lt_now_us();

    san__sgemm(&t->team, SAN__N, SAN__N, io->n, c, c, s, dx, c, io->w->o, c, 0, t->dout, c);
    san__gemm_long(&t->team, c, c, io->n, s, dx, c, a->o, c, 1, io->dw->o, c, t->gemm_part);
    san__phase(t, SAN_PHASE_GEMM, &now);
    attend_backward(t, io, dq, lddq, dk, lddkv);
    now = lt_now_us();
    for (size_t i = 0; i < (size_t)io->n * (size_t)t->h.n_head; i++) sum += (double)t->delta[i];
    io->dw->gate[0] += (float)((1.0 - (double)s) * sum);
    san__heads_backward(dq, lddq, io->dw->q_norm, a->q_raw, a->ldq_raw, a->inv_q, io->w->q_norm,
                        io->n, t->h.n_head, d, io->rope, t->part, t->nt);
    san__heads_backward(dk, lddkv, io->dw->k_norm, a->kv_raw, a->ldkv_raw, a->inv_k, io->w->k_norm,
                        io->n_key, t->h.n_kv_head, d, io->rope, t->part, t->nt);
    san__phase(t, SAN_PHASE_NORM, &now);
    project_backward(t, io, dq);
    san__phase(t, SAN_PHASE_GEMM, &now);
    san__zcn_backward(dx, 1, io->dw->norm, t->dout, x_in, a->inv_h, io->w->norm, io->n, c, t->part,
                      t->nt);
    san__phase(t, SAN_PHASE_NORM, &now);
}
