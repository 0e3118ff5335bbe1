/* san/retrieval_fit.h - train the retrieval head of a finished network.
 *
 * The network stays as it is; utterances and tools of generated cases are pooled once, and the head
 * (two matrices) learns to bring an utterance nearer to its own tool than to the other tools of its
 * group: contrastive, softmax over cosines / 0.05 (van den Oord et al. 2018, "InfoNCE"), AdamW.
 * A group's tools are different functions, so that no negative is secretly right. The last tenth of
 * the groups is kept back to measure. One thread; a few minutes at most. */
#ifndef SAN_RETRIEVAL_FIT_H
#define SAN_RETRIEVAL_FIT_H

#include "san/generate.h"
#include "san/net.h"
#include "san/pieces.h"

struct san_retrieval_fit_options {
    int hidden, dim; /* of the head */
    int n_groups;    /* groups of 48 cases looked at */
    int n_epochs;
    uint64_t seed;
};

struct san_retrieval_fit_report {
    int n_queries, n_tools; /* that were learnt from */
    int n_kept;             /* utterances kept back */
    double mean_tools;      /* tools to choose from, for those, on average */
    double top1, top5;      /* share whose tool is the first, or among the first five */
    double least_norm;      /* smallest length of a tool's vector before it is scaled: a dead head
                                  * has 0 */
};

/* The sizes and rates with which the shipped head was made. */
struct san_retrieval_fit_options san_retrieval_fit_default(void);

/* Fit a head for the network `h`/`p` (without or with one, which is replaced): *out_h and *out_p are
 * the network with the new head; the caller frees *out_p. LT_ERR_INVALID (no utterance to learn
 * from), LT_ERR_NOMEM, and the generator's. */
LT_NODISCARD enum lt_err
san_retrieval_fit(const struct san_retrieval_fit_options *o, const struct san_gen_options *gen,
                  const struct san_hparams *h, const struct san_params *p,
                  const struct san_pieces *v, struct san_hparams *out_h, struct san_params *out_p,
                  struct san_retrieval_fit_report *out, struct lt_diag *diag);

#endif
