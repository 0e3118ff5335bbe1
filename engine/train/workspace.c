/* workspace.c - the trainer's memory, and a batch seen as attention jobs.
 *
 * Everything lies in one allocation that grows by a quarter beyond what a batch needs. lay_out is
 * run twice: once with a NULL base to measure, once to set the pointers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer_int.h"

#define ALIGN_BYTES 64

struct carver {
    char *base; /* NULL while measuring */
    size_t at;
};

static void *carve(struct carver *c, size_t n, size_t size)
{
    void *p = c->base ? c->base + c->at : NULL;

    c->at += (n * size + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    return p;
}

static float *floats(struct carver *c, size_t rows, size_t cols)
{
    return carve(c, rows * cols, sizeof(float));
}

static void lay_out_acts(struct carver *m, const struct san_trainer *t, struct san__acts *a,
                         size_t n, size_t n_key, int is_cross)
{
    const size_t c = (size_t)t->h.width, kc = (size_t)san_kv_width(&t->h);
    struct san__acts v = {0};

    v.h = floats(m, n, c);
    v.inv_h = floats(m, n, 1);
    v.inv_q = floats(m, n, (size_t)t->h.n_head);
    v.inv_k = floats(m, n_key, (size_t)t->h.n_kv_head);
    v.o = floats(m, n, c);
    v.lse = floats(m, n, (size_t)t->h.n_head);
    if (is_cross) {
        v.ldq_raw = v.ldq = (int)c;
        v.ldkv_raw = (int)(2 * kc);
        v.ldk = (int)kc;
        v.q_raw = floats(m, n, c);
        v.q = floats(m, n, c);
        v.kv_raw = floats(m, n_key, 2 * kc);
        v.k = floats(m, n_key, kc);
    } else {
        v.ldq_raw = v.ldkv_raw = (int)(c + 2 * kc);
        v.ldq = v.ldk = (int)(c + kc);
        v.q_raw = floats(m, n, c + 2 * kc);
        v.q = floats(m, n, c + kc);
        if (m->base) {
            v.kv_raw = v.q_raw + c;
            v.k = v.q + c;
        }
    }
    if (m->base) *a = v;
}

static void lay_out_jobs(struct carver *m, struct san_trainer *t)
{
    const size_t n_ex = (size_t)t->cap_ex, n_block = (size_t)t->cap_block;

    t->pos_enc = carve(m, (size_t)t->cap_tok, sizeof *t->pos_enc);
    t->pos_dec = carve(m, (size_t)t->cap_step, sizeof *t->pos_dec);
    t->block_span = carve(m, n_block, sizeof *t->block_span);
    t->ex_span = carve(m, n_ex + (size_t)t->cap_cat, sizeof *t->ex_span);
    t->step_span = carve(m, n_ex, sizeof *t->step_span);
    t->job_block = carve(m, n_block, sizeof *t->job_block);
    t->job_utt = carve(m, n_ex, sizeof *t->job_utt);
    t->job_self = carve(m, n_ex, sizeof *t->job_self);
    t->job_cross = carve(m, n_ex, sizeof *t->job_cross);
    t->ptr_step = carve(m, (size_t)t->cap_step, sizeof *t->ptr_step);
}

static void lay_out_activations(struct carver *m, struct san_trainer *t)
{
    const size_t s = (size_t)t->cap_tok, n = (size_t)t->cap_step, c = (size_t)t->h.width;

    for (int l = 0; l <= t->h.n_enc; l++) t->x_enc[l] = floats(m, s, c);
    for (int l = 0; l <= 2 * t->h.n_dec; l++) t->x_dec[l] = floats(m, n, c);
    for (int l = 0; l < t->h.n_enc; l++) lay_out_acts(m, t, t->enc + l, s, s, 0);
    for (int l = 0; l < t->h.n_dec; l++) {
        lay_out_acts(m, t, t->self + l, n, n, 0);
        lay_out_acts(m, t, t->cross + l, n, s, 1);
    }
    t->e = floats(m, s, c);
    t->inv_e = floats(m, s, 1);
    t->hd = floats(m, n, c);
    t->inv_hd = floats(m, n, 1);
    t->u = floats(m, n, c);
    t->e_ptr = floats(m, n, c);
    t->logit = floats(m, (size_t)t->cap_cand, 1);
    t->dot = floats(m, (size_t)t->cap_cand, 1);
}

static void lay_out_gradients(struct carver *m, struct san_trainer *t)
{
    const size_t s = (size_t)t->cap_tok, n = (size_t)t->cap_step, c = (size_t)t->h.width;
    const size_t kc = (size_t)san_kv_width(&t->h), most = s > n ? s : n;

    t->dx_enc = floats(m, s, c);
    t->dx_dec = floats(m, n, c);
    t->de = floats(m, s, c);
    t->dhd = floats(m, n, c);
    t->du = floats(m, n, c);
    t->de_ptr = floats(m, n, c);
    t->dlogit = floats(m, (size_t)t->cap_cand, 1);
    t->dout = floats(m, most, c);
    t->dqkv = floats(m, most, c + 2 * kc);
    t->dq_cross = floats(m, n, c);
    t->delta = floats(m, most, (size_t)t->h.n_head);
    t->ldt = (int)((most + 15) / 16 * 16 + SAN__SLACK + 16);
    t->kt = floats(m, kc, (size_t)t->ldt);
    t->vt = floats(m, kc, (size_t)t->ldt);
    t->wqkv = floats(m, 2 * (c + 2 * kc), c); /* parameters, then their gradients */
    t->part = floats(m, (size_t)t->nt, c);
    if (t->team.bf16_bytes) t->team.bf16 = carve(m, (size_t)t->nt, t->team.bf16_bytes);
    t->gemm_part = floats(m, SAN__PARTS * (c + 2 * kc), c);
    t->scratch = floats(m, (size_t)t->nt, t->cap_scratch);
}

static size_t lay_out(struct san_trainer *t, char *base)
{
    struct carver m = {base, 0};

    lay_out_jobs(&m, t);
    lay_out_activations(&m, t);
    lay_out_gradients(&m, t);
    return m.at;
}

static int more(int cap, int need)
{
    return need <= cap ? cap : need + need / 4;
}

static size_t scratch_needed(const struct san_trainer *t, const struct san_batch *b)
{
    const int d = san_head_width(&t->h), rep = t->h.n_head / t->h.n_kv_head;
    size_t most = 0, n;

    for (int i = 0; i < b->n_block; i++) {
        const int len = b->block_off[i + 1] - b->block_off[i];

        n = san__attn_scratch_floats(d, rep * len, len);
        most = n > most ? n : most;
    }
    for (int x = 0; x < b->n_ex; x++) {
        const int n_utt = b->utt_off[x + 1] - b->utt_off[x];
        const int n_step = b->step_off[x + 1] - b->step_off[x];
        int n_key = n_utt;

        for (int i = b->cat_off[x]; i < b->cat_off[x + 1]; i++)
            n_key += b->block_off[b->cat_block[i] + 1] - b->block_off[b->cat_block[i]];
        if (n_key < n_step) n_key = n_step; /* the decoder's self-attention */
        n = san__attn_scratch_floats(d, rep * (n_utt > n_step ? n_utt : n_step), n_key);
        most = n > most ? n : most;
    }
    return most;
}

static enum lt_err reserve(struct san_trainer *t, const struct san_batch *b, struct lt_diag *diag)
{
    const int n_cand = b->cand_off[b->n_step], n_cat = b->cat_off[b->n_ex];
    const size_t scratch = scratch_needed(t, b);

    if (t->arena && b->n_tok <= t->cap_tok && b->n_ex <= t->cap_ex && b->n_block <= t->cap_block &&
        b->n_step <= t->cap_step && n_cand <= t->cap_cand && n_cat <= t->cap_cat &&
        scratch <= t->cap_scratch)
        return LT_OK;
    struct san_trainer old = *t;
    t->cap_tok = more(t->cap_tok, b->n_tok);
    t->cap_ex = more(t->cap_ex, b->n_ex);
    t->cap_block = more(t->cap_block, b->n_block);
    t->cap_step = more(t->cap_step, b->n_step);
    t->cap_cand = more(t->cap_cand, n_cand);
    t->cap_cat = more(t->cap_cat, n_cat);
    if (scratch > t->cap_scratch) t->cap_scratch = scratch + scratch / 4;
    t->cap_scratch = (t->cap_scratch + 15) / 16 * 16;
    const size_t bytes = lay_out(t, NULL);
    free(t->arena);
    t->arena = aligned_alloc(ALIGN_BYTES, bytes);
    if (!t->arena) {
        old.arena = NULL;
        *t = old;
        return lt_fail(diag, LT_ERR_NOMEM,
                       "trainer: no memory for a workspace of %zu MiB (%d tokens, %d steps); use "
                       "smaller batches",
                       bytes >> 20, b->n_tok, b->n_step);
    }
    memset(t->arena, 0, bytes); /* kernels read slack that nothing else ever writes */
    lay_out(t, t->arena);
    return LT_OK;
}

static enum lt_err grow_rope(struct san_trainer *t, int n_pos, struct lt_diag *diag)
{
    const int half = san_head_width(&t->h) / 2;
    const int n = n_pos + n_pos / 4;
    float *cs, *sn;

    if (n_pos <= t->n_rope) return LT_OK;
    cs = malloc((size_t)n * (size_t)half * sizeof *cs);
    sn = malloc((size_t)n * (size_t)half * sizeof *sn);
    if (!cs || !sn) {
        free(cs);
        free(sn);
        return lt_fail(diag, LT_ERR_NOMEM, "trainer: no memory for %d rotations", n);
    }
    for (int p = 0; p < n; p++) {
        for (int i = 0; i < half; i++) {
            const double angle = p * pow((double)t->h.rope_base, -(double)i / half);

            cs[p * half + i] = (float)cos(angle);
            sn[p * half + i] = (float)sin(angle);
        }
    }
    free(t->rope_cs);
    free(t->rope_sn);
    t->rope_cs = cs;
    t->rope_sn = sn;
    t->n_rope = n;
    return LT_OK;
}

/* Positions within the segment for the tokens [start, start+n). */
static int number(int32_t *pos, int start, int n)
{
    for (int i = 0; i < n; i++) pos[start + i] = i;
    return n;
}

/* Keys of example x: its catalogue's blocks, then its utterance; neighbours become one span. */
static struct san__job example_job(const struct san_batch *b, int x, struct san__span *span)
{
    struct san__job j = {b->utt_off[x], b->utt_off[x + 1] - b->utt_off[x], 0, 0, span, 0};

    for (int i = b->cat_off[x]; i <= b->cat_off[x + 1]; i++) {
        const int is_utt = i == b->cat_off[x + 1];
        const int start = is_utt ? b->utt_off[x] : b->block_off[b->cat_block[i]];
        const int end = is_utt ? b->utt_off[x + 1] : b->block_off[b->cat_block[i] + 1];

        if (j.n_span > 0 && span[j.n_span - 1].start + span[j.n_span - 1].len == start)
            span[j.n_span - 1].len += end - start;
        else
            span[j.n_span++] = (struct san__span){start, end - start};
        j.n_key += end - start;
    }
    return j;
}

enum lt_err san__workspace_prepare(struct san_trainer *t, const struct san_batch *b,
                                   struct lt_diag *diag)
{
    enum lt_err err = reserve(t, b, diag);
    int longest = 1, len;
    struct san__span *span;

    if (err) return err;
    for (int i = 0; i < b->n_block; i++) {
        const int start = b->block_off[i];

        len = number(t->pos_enc, start, b->block_off[i + 1] - start);
        longest = len > longest ? len : longest;
        t->block_span[i] = (struct san__span){start, len};
        t->job_block[i] = (struct san__job){start, len, 1, len, t->block_span + i, 0};
    }
    span = t->ex_span;
    for (int x = 0; x < b->n_ex; x++) {
        const int s0 = b->step_off[x], n_step = b->step_off[x + 1] - s0;

        len = number(t->pos_enc, b->utt_off[x], b->utt_off[x + 1] - b->utt_off[x]);
        longest = len > longest ? len : longest;
        t->job_utt[x] = t->job_cross[x] = example_job(b, x, span);
        span += t->job_utt[x].n_span;
        t->job_cross[x].q0 = s0;
        t->job_cross[x].n_q = n_step;
        len = number(t->pos_dec, s0, n_step);
        longest = len > longest ? len : longest;
        t->step_span[x] = (struct san__span){s0, n_step};
        t->job_self[x] = (struct san__job){s0, n_step, 1, n_step, t->step_span + x, 1};
    }
    t->n_ptr = 0;
    for (int i = 0; i < b->n_step; i++)
        if (b->step_prev[i] <= -2) t->ptr_step[t->n_ptr++] = i;
    return grow_rope(t, longest, diag);
}

void san__workspace_free(struct san_trainer *t)
{
    free(t->arena);
    free(t->rope_cs);
    free(t->rope_sn);
    t->arena = NULL;
    t->rope_cs = t->rope_sn = NULL;
}
