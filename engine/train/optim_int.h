/* optim_int.h - the optimiser's state, shared by the files that step it and keep it. */
#ifndef SAN_OPTIM_INT_H
#define SAN_OPTIM_INT_H

#include "san/train_step.h"
#include "train_int.h"

struct san_optim {
    struct san_hparams h;
    struct san_optim_opts opts;
    int nt;
    uint64_t n_done;
    struct san_params m; /* momentum of Muon, first moment of AdamW */
    struct san_params v; /* second moment of AdamW; 0 where Muon works */
    float *ema;          /* m.n floats, or NULL */
    double *part;        /* partial sums of the gradient's norm */
    float *work;         /* (nt, n_work) scratch of Muon */
    size_t n_work;
    char *bf16; /* (nt, san__bf16_bytes()) scratch of bfloat16 products, or NULL */
};

static inline int san__is_muon(const struct san_tensor_info *i)
{
    return i->group == SAN_GROUP_M || i->group == SAN_GROUP_P;
}

/* Floats of scratch for one (rows, cols) matrix. */
size_t san__muon_scratch_floats(int rows, int cols);
/* One matrix, one thread: m = momentum*m + k*g; w moves against the orthogonalised k*g + momentum*m
 * by lr * sqrt(max(1, rows/cols)) and shrinks by lr*decay. bf16: scratch for products through
 * bfloat16, or NULL for fp32. */
void san__muon_step(float *w, float *m, const float *g, float k, int rows, int cols, float lr,
                    float momentum, float decay, float *scratch, char *bf16);

#endif
