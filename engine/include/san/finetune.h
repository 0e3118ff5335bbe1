/* san/finetune.h - a network that learns a household's own examples without forgetting the rest.
 *
 * A run starts from any network file (quantised ones are dequantised), mixes the household's data
 * lines with cases of the generator (the base data that ships with the tree: replay), trains all
 * weights, fits both heads on utterances that were kept back, quantises, and compares old and new:
 *
 *     load -> train (checkpoints) -> blend -> calibrate, quantise -> compare -> promote or refuse
 *
 * Blending: the weights between the old and the learnt ones forget less than the learnt ones do, and
 * keep nearly all of what was learnt (docs/flywheel.md has the figures).
 *
 * Every utterance belongs to one split by the hash of its words alone, so that the split stays the
 * same while the data grows: eight tenths are learnt, one tenth fits the heads, one tenth judges.
 *
 * Each example is drawn afresh every time: values that stand in the words are swapped for others of
 * the same parameter, entities for others of the same domain, words are mistyped and misheard, the
 * catalogue is shuffled, cut and mixed with tools of the base cases, and now and then the right tool is
 * taken out. Examples are drawn tool by tool, so a flood of lines for one tool gains it nothing.
 *
 * Interruption: all that is written before the end lies in the work folder under names made from
 * the inputs; files appear whole by rename. The same call goes on where a killed one stopped, a
 * call with other inputs starts anew. The starting network is only read.
 * Threads: the run owns its threads; callbacks come on the caller's. */
#ifndef SAN_FINETUNE_H
#define SAN_FINETUNE_H

#include <jansson.h>

#include "san/data.h"
#include "san/train_run.h"

#define SAN_FINETUNE_FILES_MAX 16    /* data files of a run */
#define SAN_FINETUNE_LINES_MAX 20000 /* examples kept; further ones are refused */
#define SAN_FINETUNE_TOOLS_MAX 256   /* tools that examples may call */
#define SAN_FINETUNE_LEAST     8     /* fewer examples to learn from are refused */
#define SAN_FINETUNE_TOOL      10    /* a tool with so many examples counts as learnt */

#define SAN_FINETUNE_WEAK "trace.silence" /* "source" of lines that teach but never judge */

enum san_split { SAN_SPLIT_TRAIN, SAN_SPLIT_DEV, SAN_SPLIT_TEST };

/* Hash of an utterance's words: case, punctuation and spacing do not count. */
uint64_t san_query_hash(const char *query);
/* The split of an utterance, by that hash: 8 in 10, 1 in 10, 1 in 10. */
enum san_split san_split_of(const char *query);

/* ---- the examples ---- */

struct san_tune_set; /* opaque */

struct san_tune_counts {
    int n_lines;    /* good lines read */
    int n_bad;      /* lines refused: malformed, or a call that breaks its schema */
    int n_same;     /* the same utterance over the same tools with the same answer again */
    int n_contrary; /* the same with another answer: the later line counts */
    int n[3];       /* examples by split */
    int n_tools;    /* tools that the examples call */
};

/* Read data lines of the full form. Bad lines are counted, and described in `report`. LT_ERR_LIMIT,
 * LT_ERR_INVALID (too few examples). On LT_OK *out is the caller's. */
LT_NODISCARD enum lt_err san_tune_set_load(const char *const *files, int n_files,
                                           struct san_tune_set **out,
                                           struct san_data_report *report, struct lt_diag *diag);
void san_tune_set_free(struct san_tune_set *s); /* NULL is fine */
/* Object {name: examples} of the tools that at least `least` learning examples call; a new reference. */
json_t *san_tune_set_tools(const struct san_tune_set *s, int least);
const struct san_tune_counts *san_tune_set_counts(const struct san_tune_set *s);
/* The examples of a split, in order; borrowed. *n receives how many. */
json_t *const *san_tune_set_cases(const struct san_tune_set *s, enum san_split split, int *n);
/* Replace about `share` of the n cases by examples drawn from the learning split, and show tools of
 * the household to some of the others. Depends only on seed, index and the set. */
LT_NODISCARD enum lt_err san_tune_set_mix(struct san_tune_set *s, uint64_t seed, uint64_t index,
                                          double share, int n, json_t **cases,
                                          struct lt_diag *diag);

/* ---- comparing two networks ---- */

/* What a network made of a list of cases; owned by the caller. */
struct san_answers {
    int n;
    uint8_t *right;
    double *confidence;
    int n_right;
};
void san_answers_free(struct san_answers *a); /* zeroes it */
/* Answer the cases with the network in `path`, n_threads at a time. */
LT_NODISCARD enum lt_err san_answers_of(const char *path, json_t *const *cases, int n,
                                        int n_threads, struct san_answers *out,
                                        struct lt_diag *diag);

/* Paired difference of the shares answered right (new less old) and half of its 95 % interval. */
struct san_difference {
    int n, n_old, n_new, n_lost, n_won;
    double mean, half;
};
struct san_difference san_answers_compare(const struct san_answers *old,
                                          const struct san_answers *fresh);

/* The gate that keeps a promise: among answers executed locally at most `alpha` are wrong, with
 * confidence 1 - delta. Fixed thresholds are tested with the exact binomial bound in three fixed
 * sequences (from 0.98, 0.93 and 0.85 downwards), each at delta / 3 and each up to its first failure, which
 * keeps the probability of any false acceptance under delta; the lowest that passes is taken. */
struct san_promise {
    int is_kept;  /* 0: no threshold passes */
    double gate;  /* least confidence to answer locally */
    double local; /* share of the cases that stay local at it */
    double wrong; /* wrong ones among them, as observed */
    int n;        /* cases seen */
    int n_needed; /* right local answers without one wrong that a promise takes at least */
};
struct san_promise san_promise_of(const struct san_answers *a, double alpha, double delta);
/* Upper confidence bound of a share: k of n seen, wrong with probability delta at most. */
double san_binomial_upper(int k, int n, double delta);

/* ---- the run ---- */

struct san_finetune_options {
    const char *init_path; /* network to start from */
    const char *out_path;  /* network to write */
    const char *work_dir;  /* folder for what lies between; created */
    const char *const *files;
    int n_files;
    struct san_gen_options gen; /* the base data */
    uint64_t steps;
    int batch;
    double share; /* of the household's examples in a batch */
    double rate;  /* of learning, relative to training from nothing */
    double blend; /* of the learnt weights in the new ones, the rest stays: 1 all of them */
    int n_fit;    /* base cases that fit the heads */
    int n_keep;   /* base cases that judge old and new */
    int n_groups; /* groups of cases for the retrieval head; 0: it stays */
    int n_threads;
    uint64_t seed;
    double alpha, delta; /* the promise */
    double base_loss;    /* largest fall on base cases that is accepted, as a share (0.005) */
    const char *name;    /* general.name, or NULL: the starting network's */
    void (*progress)(const char *stage, const struct san_train_report *r, void *user);
    void *user;
};
struct san_finetune_options san_finetune_options_default(void);

struct san_finetune_report {
    struct san_tune_counts counts;
    struct san_difference own, base;             /* on the examples that judge, and on base cases */
    struct san_promise promise_old, promise_new; /* on the household's kept examples */
    int is_better;                               /* may be promoted */
    char why[200];                               /* what speaks against it, "" */
    int is_resumed;
    json_t *learnt; /* object {tool: examples} of those with SAN_FINETUNE_TOOL or more; release it */
};
/* Compare o->out_path, which is there already, with o->init_path by the same rules: over the examples of
 * o->files that judge and n_keep base cases. Nothing is written. */
LT_NODISCARD enum lt_err san_finetune_judge(const struct san_finetune_options *o,
                                            struct san_finetune_report *out,
                                            struct lt_diag *diag);
LT_NODISCARD enum lt_err san_finetune_run(const struct san_finetune_options *o,
                                          struct san_finetune_report *out, struct lt_diag *diag);

#endif
