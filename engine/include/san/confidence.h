/* san/confidence.h - how sure the network is that its whole answer is right.
 *
 * A logistic model over the decisions' probabilities and margins and the decoder's state at the
 * first decision, fitted on cases that the network was not trained on and stored in the model
 * file. Its output is a probability that the whole answer is right. Without a fitted head the
 * product of the decisions' probabilities is given, which is known to be too sure.
 *
 * GGUF keys: san.confidence.weight (f32, san_confidence_n_feature(C)), and
 * san.confidence.mean / .scale (f32, same length), with which features are normalised. */
#ifndef SAN_CONFIDENCE_H
#define SAN_CONFIDENCE_H

#include "lt/err.h"
#include "san/engine.h"

struct san_gguf;

#define SAN_CONFIDENCE_N_BASE 24 /* features that are no state; confidence.c lists them */

struct san_confidence {
    int n;         /* features, 0 when there is no head */
    float *weight; /* (n) */
    float *mean;   /* (n) */
    float *scale;  /* (n) */
};

/* What the features are computed from. */
struct san_confidence_input {
    const struct san_decision *decisions;
    int n_decisions;
    int n_calls;
    int n_words;        /* of the utterance */
    int n_known_words;  /* of them, those that occur in some name of the catalogue */
    float target_match; /* features 0, 2 and 5 of the chosen target, 0 without one */
    float target_share;
    float target_whole;
    int has_target;
    const float *state; /* (width) */
    int width;
};

/* Number of features for a network of that width. */
int san_confidence_n_feature(int width);
void san_confidence_features(const struct san_confidence_input *in, float *f);
/* Read the head of an open model file; n stays 0 when it has none. LT_ERR_INVALID when its length
 * does not fit the width. */
LT_NODISCARD enum lt_err san_confidence_load(struct san_confidence *c, const struct san_gguf *g,
                                             int width, struct lt_diag *diag);
void san_confidence_free(struct san_confidence *c);
/* Probability that the answer is right, 0..1. */
double san_confidence_of(const struct san_confidence *c, const float *features);

/* Fit by L2-regularised logistic regression (Newton's method) on n rows of features (n, k) and
 * outcomes y (n, 0 or 1). `l2` is the penalty on normalised weights. Fills out (arrays are
 * allocated). LT_ERR_INVALID with fewer than 50 rows or one outcome only. */
LT_NODISCARD enum lt_err san_confidence_fit(struct san_confidence *out, const float *features,
                                            const uint8_t *y, int n, int k, double l2,
                                            struct lt_diag *diag);

#endif
