/* train_int.h - what the files of the trainer share; nothing outside engine/train includes it.
 *
 * Legend: S encoder tokens of a batch, T decoder steps, C width, H query heads, G key/value heads,
 * KC = G*D, D head width. Matrices are row-major; "ld" is the distance between rows in floats.
 * Outputs come first. Every function here works on nt OpenMP threads unless it says otherwise. */
#ifndef SAN_TRAIN_INT_H
#define SAN_TRAIN_INT_H

#include <stddef.h>
#include <stdint.h>

#include "san/net.h"

#ifdef _OPENMP
#include <omp.h>
#else /* one thread: the pragmas are ignored */
static inline int omp_get_thread_num(void)
{
    return 0;
}
static inline int omp_get_max_threads(void)
{
    return 1;
}
#endif

/* --- gemm_train.c: the one file of the trainer that knows BLIS ------------------------------- */

enum san__trans { SAN__N, SAN__T };

/* Who computes a product and how: nt threads, and with `bf16` not NULL through bfloat16, for which
 * each thread has bf16_bytes there (gemm_bf16.c). */
struct san__team {
    int nt;
    char *bf16;
    size_t bf16_bytes;
};

/* C(m,n) = alpha * op(A)·op(B) + beta * C, op transposing where asked; with nt == 1 it may be
 * called inside a parallel region. beta 0 overwrites C, whatever it held. */
void san__sgemm(const struct san__team *team, enum san__trans ta, enum san__trans tb, int m, int n,
                int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                float *c, int ldc);
/* C(m,n) = alpha * A^T·B + beta * C for A(k,m), B(k,n) with a long k: pieces of k are summed apart
 * and then in order. part holds SAN__PARTS * m * n floats. */
#define SAN__PARTS 12
void san__gemm_long(const struct san__team *team, int m, int n, int k, float alpha, const float *a,
                    int lda, const float *b, int ldb, float beta, float *c, int ldc, float *part);
/* As san__sgemm for a symmetric (n,n) result (and a symmetric C, if beta is not 0), of which only the
 * lower triangle is computed and then copied; on the calling thread, whatever team->nt says. */
void san__gemm_symmetric(const struct san__team *team, enum san__trans ta, enum san__trans tb,
                         int n, int k, float alpha, const float *a, int lda, const float *b,
                         int ldb, float beta, float *c, int ldc);

/* --- gemm_bf16.c: the same product with operands rounded to bfloat16 --------------------------- */

int san__bf16_is_available(void);
size_t san__bf16_bytes(void); /* of scratch per thread; a multiple of 64 */
void san__gemm_bf16(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                    const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc,
                    void *buf);
/* As san__gemm_symmetric. */
void san__gemm_bf16_symmetric(enum san__trans ta, enum san__trans tb, int n, int k, float alpha,
                              const float *a, int lda, const float *b, int ldb, float beta,
                              float *c, int ldc, void *buf);

/* --- gemm_amx.c: the same by tiles, where the processor has them and the system lets us --------- */

/* Of a thread, before its first tile and after its last. */
void san__amx_begin(void);
void san__amx_end(void);

int san__amx_is_available(void);
void san__amx_allow(int is_allowed); /* for tests: as on a processor without, or asked anew */
size_t san__amx_bytes(void);         /* of scratch per thread; a multiple of 64 */
/* is_lower: of a symmetric result; what lies above the diagonal's tiles is not stored. */
void san__gemm_amx(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc,
                   void *buf, int is_lower);

/* --- norm_train.c: ZCN over rows, ZCN over heads with rotation -------------------------------- */

/* y = (1+g) * x * inv, inv = 1/sqrt(mean(x^2)+eps) for each of the n rows of width c. */
void san__zcn_forward(float *restrict y, float *restrict inv, const float *x, const float *g, int n,
                      int c, float eps, int nt);
/* dx += (beta 1) or = (beta 0) gradient through the norm; dg += . part holds nt*c floats. */
void san__zcn_backward(float *restrict dx, float beta, float *dg, const float *dy, const float *x,
                       const float *inv, const float *g, int n, int c, float *part, int nt);

/* Rotation table: cos and sin of pos * base^(-2i/D), (n_pos, D/2) each; NULL cs for no rotation. */
struct san__rope {
    const float *cs, *sn;
    const int32_t *pos; /* position of each row */
};

/* y(n, n_head*D) = RoPE(ZCN(x)) head by head; inv is (n, n_head). */
void san__heads_forward(float *y, int ldy, float *inv, const float *x, int ldx, const float *g,
                        int n, int n_head, int d, const struct san__rope *rope, float eps, int nt);
/* In place: dy, the gradient of y, becomes the gradient of x; dg += . part holds nt*d floats. */
void san__heads_backward(float *dy, int lddy, float *dg, const float *x, int ldx, const float *inv,
                         const float *g, int n, int n_head, int d, const struct san__rope *rope,
                         float *part, int nt);

/* --- attn_train.c: softmax attention over lists of spans -------------------------------------- */

struct san__span {
    int start, len;
};

/* Rows [q0, q0+n_q) of the queries attend to the keys in `span`. Causal: row t to the first t+1
 * keys (one span only). */
struct san__job {
    int q0, n_q, n_span, n_key;
    const struct san__span *span;
    int is_causal;
};

/* One attention: all its operands. Backward fields are read by san__attn_backward alone. */
struct san__attn {
    int n_head, n_kv, d; /* H, G, D */
    const float *q;      /* (n, H*D) normed and rotated */
    int ldq;
    const float *k; /* (S, G*D) normed and rotated */
    int ldk;
    const float *v; /* (S, G*D) */
    int ldv;
    const float *kt, *vt; /* (G*D, ldt): k and v transposed, SAN__SLACK readable floats behind */
    int ldt;
    float *o;          /* (n, H*D) */
    float *lse;        /* (n, H) log of the sum of exp of the scaled scores */
    const float *dout; /* (n, H*D) gradient of o */
    float *delta;      /* (n, H) receives sum(dout * o) */
    float *dq;         /* (n, H*D), assigned */
    int lddq;
    float *dk, *dv; /* (S, G*D) */
    int lddkv;
    int is_accumulated; /* dk, dv += instead of = */
    int is_bf16; /* products may be made in bfloat16; kt and vt are not read where they are */
};

/* Floats behind a transposed row, and behind panels, that kernels may read and ignore. */
#define SAN__SLACK 64

/* Floats of scratch that a job of n_row query rows (n_q * H/G) and n_key keys needs. */
size_t san__attn_scratch_floats(int d, int n_row, int n_key);
int san__attn_is_supported(int d);
/* One job and one key/value head, on the calling thread. */
void san__attn_forward(const struct san__attn *a, const struct san__job *j, int g, float *scratch);
void san__attn_backward(const struct san__attn *a, const struct san__job *j, int g, float *scratch);

/* --- attn_amx.c: the same with products by tiles ------------------------------------------------ */

int san__attn_amx_is_supported(int d);
size_t san__attn_amx_scratch_floats(int d, int n_row, int n_key); /* 0 where it is not supported */
void san__attn_amx_forward(const struct san__attn *a, const struct san__job *j, int g,
                           float *scratch);
void san__attn_amx_backward(const struct san__attn *a, const struct san__job *j, int g,
                            float *scratch);
/* xt(d_all, ldt) = transpose of x(n, d_all), SAN__SLACK columns behind it zeroed. */
void san__transpose(float *xt, int ldt, const float *x, int ldx, int n, int d_all, int nt);

#endif
