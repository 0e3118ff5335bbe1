/* san/average.h - the weighted average of networks that come from one another by training.
 *
 * The average of two networks on one line of training often answers better than either ("model
 * soups", Wortsman et al. 2022, arXiv:2203.05482): what the newer one learnt is kept, and what it
 * forgot is mostly recovered. It only makes sense for networks of one shape, one vocabulary and one
 * ancestor; shape and vocabulary are checked here, ancestry cannot be. */
#ifndef SAN_AVERAGE_H
#define SAN_AVERAGE_H

#include "lt/err.h"

#define SAN_AVERAGE_MAX 16 /* most networks of one average */

struct san_average_part {
    const char *path;
    double weight; /* > 0; weights are divided by their sum */
};

/* Write the average of `n` networks (2 to SAN_AVERAGE_MAX) to `out`, matrices in fp32: start from
 * fp32 files, and quantise and calibrate the average afterwards (the files' confidence heads are left
 * out, being fitted to other answers). general.name becomes `name`, or the first file's when NULL;
 * general.training, in words, what was averaged. LT_ERR_INVALID (count, weight, another shape or
 * vocabulary: the text names file and difference); errors of san_model_load and san_model_save. On
 * failure nothing is written. */
LT_NODISCARD enum lt_err san_model_average(const struct san_average_part *part, int n,
                                           const char *name, const char *out, struct lt_diag *diag);

#endif
