/* san/calibrate.h - fit the heads of a network: the confidence on cases it was not trained on, and the
 * retrieval head (san/retrieval_fit.h).
 *
 * The cases are the utterances that every training run keeps back (san_train_is_held_out), drawn
 * from the generator, and data lines given beside them. Half of them (by hash) fit the head, the
 * other half says how good it is; then all fit the head that is stored. Several threads may
 * answer at the same time; the result does not depend on their number. */
#ifndef SAN_CALIBRATE_H
#define SAN_CALIBRATE_H

#include "san/generate.h"
#include "san/quant.h"
#include "san/retrieval_fit.h"

struct san_calibrate_options {
    const char *model_path; /* network to read */
    const char *out_path;   /* network to write: the same with the head */
    enum san_type type;     /* of the matrices written */
    struct san_gen_options gen;
    int n_cases;              /* held-out cases from the generator, 0: none */
    const char *const *files; /* further data lines of the full form */
    int n_files;
    double l2;
    int n_threads;                              /* at least 1 */
    struct san_retrieval_fit_options retrieval; /* n_groups 0: the head stays as it is */
};

struct san_calibrate_report {
    int n;                        /* cases */
    double right;                 /* share answered right */
    double ece_before, ece_after; /* on the half that did not fit */
    double brier_before, brier_after;
    double cover99_before, cover99_after; /* share kept at 99 % precision */
    struct san_retrieval_fit_report retrieval;
};

/* What `lintel calibrate` uses where an option is not given; paths and lists are empty. */
struct san_calibrate_options san_calibrate_options_default(void);
/* Fit the confidence of the network in a file and write the network with it, as the options say. `out`
 * holds the scores before and after, on cases that did not fit it. LT_ERR_UNSUPPORTED (a
 * network without that head), LT_ERR_INVALID (too few cases), LT_ERR_IO, LT_ERR_NOMEM, and the errors of
 * reading the network and the data. Takes minutes. */
LT_NODISCARD enum lt_err san_calibrate_run(const struct san_calibrate_options *o,
                                           struct san_calibrate_report *out, struct lt_diag *diag);

#endif
