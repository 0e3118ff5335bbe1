/* san/score.h - is an answer right? and how good are many answers?
 *
 * An answer is compared with the expected one call by call, in any order. `exact` wants the same
 * names and arguments (strings without regard to case and outer blanks, numbers by value, a list
 * of one as its item); `equiv` drops first what changes nothing: a domain that the tool implies,
 * and domain, area, device class or floor beside a name that means one device anyway.
 * A tally adds up cases and gives accuracy, calibration (expected calibration error over 15 bins
 * of equal width, Brier score) and the risk-coverage table: the largest share of cases, taken in
 * order of falling confidence, that holds a precision.
 * Threads: pure functions; a tally has one owner. */
#ifndef SAN_SCORE_H
#define SAN_SCORE_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"

struct san_judgement {
    uint8_t name; /* the right tools, as a multiset */
    uint8_t exact;
    uint8_t equiv;
    uint8_t is_nothing_expected;
    uint8_t is_nothing_answered;
};

/* Judge `calls` (array) against the case's "answers"; the case's "home" resolves names. */
struct san_judgement san_judge(const json_t *c, const json_t *calls);

struct san_tally {
    int n, name, exact, equiv;
    int n_call, call_equiv;                   /* cases whose expected answer is not [] */
    int n_nothing, nothing_hit, nothing_made; /* [] expected, found, answered */
    int n_local, local_right;                 /* routed local or none, and right */
    double *confidence;                       /* (n) */
    uint8_t *right;                           /* (n) equiv */
    int cap;
};

void san_tally_free(struct san_tally *t); /* zeroes it */
/* Count one judged case. `confidence` in [0, 1]; is_local: it was answered here. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_tally_add(struct san_tally *t, const struct san_judgement *j,
                                       double confidence, int is_local);
/* Share of all cases that can be kept at `precision` (0..1); ties in confidence go together. */
double san_tally_coverage(const struct san_tally *t, double precision);
double san_tally_ece(const struct san_tally *t);
double san_tally_brier(const struct san_tally *t);

#endif
