/* san/retrieval_eval.h - how well the right tool is found among many.
 *
 * For each case that calls something: its own tools and others of the data, up to n_tools different
 * ones, ranked by the retrieval head's cosine, by shared words alone (Okapi BM25 over the blocks'
 * tokens), and by both together as the engine does it. */
#ifndef SAN_RETRIEVAL_EVAL_H
#define SAN_RETRIEVAL_EVAL_H

#include "san/data.h"
#include "san/net.h"
#include "san/pieces.h"

struct san_retrieval_score {
    int n; /* cases */
    double mean_tools;
    double top1[3], top5[3], top20[3]; /* shares, by san_retrieval_by */
};
enum san_retrieval_by { SAN_BY_VECTOR, SAN_BY_WORDS, SAN_BY_BOTH };

/* LT_ERR_UNSUPPORTED when the network has no head, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_retrieval_eval(const struct san_hparams *h, const struct san_params *p,
                                            const struct san_pieces *v,
                                            const struct san_cases *cases, int n_tools,
                                            struct san_retrieval_score *out, struct lt_diag *diag);

#endif
