/* engine_impl.h - what an engine and a catalogue are made of. Private to the engine. */
#ifndef SAN_ENGINE_IMPL_H
#define SAN_ENGINE_IMPL_H

#include <pthread.h>

#include "needle.h"
#include "san/confidence.h"
#include "san/engine.h"
#include "san/forward.h"
#include "san/gguf.h"
#include "san/plan.h"
#include "san/walk.h"

#define SAN__MAX_STEPS 160 /* decisions of one answer; an answer that wants more is given up */

/* Encoded blocks by the hash of their text. Holds one reference of each; catalogues hold more.
 * Guarded by the engine's lock. */
struct san__cache {
    struct san__cache_row {
        uint64_t hash[2];
        struct san_block *block; /* NULL: free row */
    } * rows;
    size_t n_rows; /* a power of two, or 0 */
    size_t n_used;
    size_t n_bytes;
};

/* Everything one call needs; kept in the engine's free list between calls. */
struct san__worker {
    struct san_session *session;
    struct san_utterance utterance;
    struct san_walk walk;
    float *h;       /* (C) */
    float *h_first; /* (C) of the first decision */
    float *score;
    const float **key;
    uint8_t *cls;
    float *feat;
    int32_t *id;
    int cap_cand;
    struct san_decision *decisions;
    int n_decisions, cap_decisions;
    /* the tools of the call under way: all of the catalogue, or those picked (pick.c) */
    struct san_plan plan;     /* tools point into `picked_tools` when some were picked */
    int pick[SAN_PICK_TOOLS]; /* their numbers in the catalogue, ascending */
    int n_pick;               /* 0: all take part */
    struct san_tool_plan *picked_tools[SAN_PICK_TOOLS];
    struct san_block **seen; /* (cap_seen) what the utterance attends to when some were picked */
    size_t cap_seen;
    struct san__worker *next;
};

struct san_engine {
    struct san_hparams h;
    struct san_params p;
    struct san_packed *packed;
    struct san_net net;
    struct san_tokenizer *tokenizer;
    struct san_pieces pieces;
    struct san_confidence confidence;
    char *name;
    pthread_mutex_t lock;       /* guards cache and workers */
    struct san__needle *needle; /* render "needle-json": its vocabulary; else NULL */
    struct san__cache cache;
    struct san__worker *workers;
};

struct san_catalog {
    struct san_engine *engine;
    struct san_plan plan;
    struct san_block **blocks; /* tools' blocks, then the home's */
    int n_blocks;
    struct san_block **seen; /* the same without repetitions: what an utterance attends to;
                              * the home's alone where tools are picked */
    int n_seen;
    float *tool_vec;          /* (n_tools, ret_dim) where tools are picked; NULL: all take part */
    struct san_block *joined; /* NULL, or the only one of `seen`: all of it in one piece */
    struct san__needle_catalog *needle; /* render "needle-json": all it has; else NULL */
    int refs;
};

/* Block of tool t, or of the home's block b. */
static inline const struct san_block *san__tool_block(const struct san_catalog *c, int t)
{
    return c->blocks[t];
}
static inline const struct san_block *san__home_block(const struct san_catalog *c, int b)
{
    return c->blocks[c->plan.n_tools + b];
}

/* pick.c: vectors of the tools, when there are so many that an utterance shall not see all. */
LT_NODISCARD enum lt_err san__pick_prepare(struct san_catalog *c, struct lt_diag *diag);
/* Choose the tools that `text` may be about: w->plan, w->pick, and the blocks to attend to. */
LT_NODISCARD enum lt_err san__pick(struct san_engine *e, const struct san_catalog *c,
                                   struct san__worker *w, const char *text,
                                   struct san_block *const **seen, int *n_seen,
                                   struct lt_diag *diag);
/* Number in the catalogue of tool t of the call under way. */
static inline int san__picked(const struct san__worker *w, int t)
{
    return w->n_pick ? w->pick[t] : t;
}

/* As san_call; with `features` not NULL also the confidence head's input
 * (san_confidence_n_feature floats). */
LT_NODISCARD enum lt_err san__call(struct san_engine *e, struct san_catalog *c,
                                   const struct san_request *req, struct san_answer *out,
                                   float *features, struct lt_diag *diag);
/* A worker from the engine's free list, or a new one; and back. */
LT_NODISCARD enum lt_err san__worker_get(struct san_engine *e, struct san__worker **out,
                                         struct lt_diag *diag);
void san__worker_put(struct san_engine *e, struct san__worker *w);
void san__worker_free(struct san__worker *w);
/* Note one more decision of the answer under way. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__worker_decision(struct san__worker *w, const struct san_decision *d);

#endif
