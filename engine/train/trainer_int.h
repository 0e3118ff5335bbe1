/* trainer_int.h - the trainer's workspace and the pieces a step is made of.
 *
 * Legend as in train_int.h; R rows of a sub-layer (S or T). A sub-layer is one gated attention with
 * its norm: every encoder layer is one, every decoder layer two (self, then cross). */
#ifndef SAN_TRAINER_INT_H
#define SAN_TRAINER_INT_H

#include "lt/clock.h"
#include "san/train_step.h"
#include "train_int.h"

struct san__ret_head;

/* What a sub-layer's forward pass leaves for its backward pass. In self-attention `raw` holds
 * q|k|v (R, C+2KC), kv points at its k, and qk holds normed q|k (R, C+KC), k at its k. In
 * cross-attention they are apart, because q has T rows and k, v have S. */
struct san__acts {
    float *h, *inv_h;     /* (R,C) normed input; (R) */
    float *q_raw;         /* (R, ldq_raw) */
    float *kv_raw;        /* (keys, ldkv_raw), v lies KC behind k */
    float *q, *k;         /* normed and rotated */
    float *inv_q, *inv_k; /* (R,H); (keys,G) */
    float *o, *lse;       /* (R,C); (R,H) */
    int ldq_raw, ldkv_raw, ldq, ldk;
};

/* A sub-layer's tensors: parameters, or with the same names gradients. */
struct san__sub {
    float *norm, *q, *k, *v, *o, *q_norm, *k_norm, *gate;
};

struct san_trainer {
    struct san_hparams h;
    int nt;
    struct san__team team;  /* for the layers' products */
    struct san__team exact; /* for decisions and decoder inputs: always fp32, they are small */
    int64_t phase_us[SAN_PHASE_COUNT];

    /* capacities of the workspace, which is one allocation */
    int cap_tok, cap_ex, cap_block, cap_step, cap_cand, cap_cat;
    size_t cap_scratch;
    void *arena;
    int ldt; /* row distance of kt and vt */

    /* rotation table, grown apart */
    float *rope_cs, *rope_sn;
    int n_rope;

    /* the batch as jobs */
    int32_t *pos_enc, *pos_dec;
    struct san__span *block_span, *ex_span, *step_span;
    struct san__job *job_block, *job_utt, *job_self, *job_cross;
    int32_t *ptr_step; /* steps whose previous choice is an encoder position */
    int n_ptr;

    /* activations */
    struct san__acts *enc, *self, *cross; /* by layer */
    float **x_enc;                        /* Le+1 inputs of layers, the last one the output */
    float **x_dec;                        /* 2*Ld+1 */
    float *e, *inv_e;                     /* (S,C) encoder output after its norm */
    float *hd, *inv_hd;                   /* (T,C) decoder output after its norm */
    float *u;                             /* (T,C) hd · Wp */
    float *e_ptr;                         /* (n_ptr,C) rows of e read by decoder inputs */
    float *logit, *dot;                   /* (cand) score; its part before features */

    /* gradients of activations and other scratch */
    float *dx_enc, *dx_dec, *de, *dhd, *du, *de_ptr, *dlogit;
    float *dout;      /* (max(S,T), C) */
    float *dqkv;      /* (max(S,T), C+2KC) */
    float *dq_cross;  /* (T,C) */
    float *delta;     /* (max(S,T), H) */
    float *kt, *vt;   /* (KC, ldt) */
    float *wqkv;      /* (C+2KC, C) one layer's projections on top of each other */
    float *part;      /* (nt, C) */
    float *gemm_part; /* (SAN__PARTS, C+2KC, C) */
    float *scratch;   /* (nt, cap_scratch) */

    struct san__ret_head *ret; /* room for the retrieval head; NULL until it is needed */
};

/* workspace.c: make room for `b` and describe it as jobs. LT_ERR_NOMEM leaves the trainer usable
 * for smaller batches. */
LT_NODISCARD enum lt_err san__workspace_prepare(struct san_trainer *t, const struct san_batch *b,
                                                struct lt_diag *diag);
void san__workspace_free(struct san_trainer *t);

/* sublayer.c. Forward: x_out = x_in + sigmoid(gate) * Wo·Attn(...); keys come from `e` when it is
 * not NULL (cross-attention, no rotation), else from the sub-layer's own rows. */
struct san__sub_io {
    const struct san__sub *w;  /* parameters (read only) */
    const struct san__sub *dw; /* gradients, NULL in the forward pass */
    struct san__acts *a;
    int n;          /* rows R */
    const float *e; /* (n_key, C) or NULL */
    int n_key;      /* rows of e; n in self-attention */
    int n_owned;    /* the first keys, each written by exactly one job of `own` */
    float *de;      /* gradient of e, added to; cross-attention's backward pass only */
    const struct san__rope *rope; /* NULL for none */
    /* jobs that own their keys, and jobs that share keys with others */
    const struct san__job *own, *shared;
    int n_own, n_shared;
    enum san_phase own_phase, shared_phase;
};
void san__sub_forward(struct san_trainer *t, float *x_out, const float *x_in,
                      const struct san__sub_io *io);
/* dx(R,C): in the gradient of x_out, out that of x_in. */
void san__sub_backward(struct san_trainer *t, float *dx, const float *x_in,
                       const struct san__sub_io *io);

/* retrieval_train.c: add the gradient of the retrieval loss to g and de (assigned before); *loss
 * receives the mean, 0 when batch or network has no retrieval part. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__retrieval_step(struct san_trainer *t, const struct san_params *p,
                                             struct san_params *g, const struct san_batch *b,
                                             double *loss);

/* decide.c. Scores, loss and stats from hd and e; with is_training also dlogit. */
void san__decide_forward(struct san_trainer *t, const struct san_params *p,
                         const struct san_batch *b, struct san_step_stats *stats, int is_training);
/* From dlogit: dhd and de assigned (de zero where no candidate stands), gradients added. */
void san__decide_backward(struct san_trainer *t, const struct san_params *p, struct san_params *g,
                          const struct san_batch *b);

/* Add the time since *since to a phase and set *since to now. */
static inline void san__phase(struct san_trainer *t, enum san_phase phase, lt_us *since)
{
    const lt_us now = lt_now_us();

    t->phase_us[phase] += now - *since;
    *since = now;
}

#endif
