/* engine_impl.h - what an engine and a catalogue are made of. Private to the engine. */
#ifndef SAN_ENGINE_IMPL_H
#define SAN_ENGINE_IMPL_H

#include <pthread.h>

#include "block_cache.h"
#include "cache_file.h"
#include "home_index.h"
#include "lt/buf.h"
#include "needle.h"
#include "san/confidence.h"
#include "san/engine.h"
#include "san/forward.h"
#include "san/gguf.h"
#include "san/plan.h"
#include "san/walk.h"

#define SAN__MAX_STEPS 160 /* decisions of one answer; an answer that wants more is given up */

#define SAN__ANSWER_MAX_BYTES 65536 /* longest answer, JSON bytes */

/* Most blocks that are picked for an utterance. */
#define SAN__PICK_BLOCKS (SAN_PICK_TOOLS + SAN_SHOW_ENTITIES + SAN_SHOW_AREAS + SAN_SHOW_FLOORS)

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
    /* the part of a large home that it sees */
    struct san__home_pick home_pick;
    int n_shown;                      /* 0: all of it */
    int shown_item[SAN__PICK_BLOCKS]; /* items of the home, ascending; an item is a block */
    struct san_block **shown;         /* their blocks, within `picked` */
    struct san_block
        *picked[SAN__PICK_BLOCKS]; /* one reference each, held for the call: tools, then
                                                 * the home's */
    int n_picked;
    struct san_block **seen; /* (cap_seen) what the utterance attends to when anything is picked */
    size_t cap_seen;
    int n_seen;
    float *ret_vec; /* (ret_dim) the utterance's vector */
    struct san__ranked {
        float score;
        int tool;
    } * ranked; /* (cap_ranked) */
    size_t cap_ranked;
    float *conf_features; /* (san_confidence_n_feature) */
    struct lt_buf json;   /* the answer being written */
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
    pthread_mutex_t lock;       /* guards what follows, and who is resident */
    struct san__needle *needle; /* render "needle-json": its vocabulary; else NULL */
    struct san__cache cache;
    struct san__cache_file *kept;        /* blocks of an earlier run, or NULL; set once */
    struct san_catalog *newest, *oldest; /* resident catalogues by use */
    size_t n_resident, joined_bytes, budget;
    uint64_t key, n_found, n_encoded, n_restored, n_let_go;
    struct san__worker *workers;
    pthread_mutex_t batch_lock; /* one batch at a time; guards `crew` */
    struct san__crew
        *crew; /* batch_call.c: threads that help with batches, NULL before the first */
};

struct san_catalog {
    struct san_engine *engine;
    struct san_plan plan;
    int picks_tools;               /* each utterance sees some of the tools */
    float *tool_vec;               /* (n_tools, ret_dim) where tools are picked */
    struct san__tool_word {
        uint32_t hash;
        int tool;
    } * tool_words; /* (n_tool_words) words of the tools' names, by hash, then tool */
    size_t n_tool_words;
    struct san__home_index *index; /* a large home, of which each utterance sees some; else NULL */
    int n_blocks;                  /* tools' blocks, then the home's */
    struct san__needle_catalog *needle; /* render "needle-json": all it has; else NULL */
    int refs;
    /* while resident; changed under `lock` by who makes it so, or under the engine's lock while there
     * are no users */
    pthread_mutex_t lock;
    struct san_block **blocks; /* (n_blocks) held ones; NULL those that are picked */
    struct san_block **seen;   /* held ones without repetitions: what every utterance attends to */
    int n_seen;
    struct san_block *joined; /* NULL, or the only one of `seen`: all of it in one piece */
    int n_apart;              /* the blocks it was made of, in `seen` behind it */
    /* under the engine's lock */
    int is_resident, n_users;
    struct san_catalog *newer, *older;
};

/* Text of block i: of a tool, or of the home's block i - n_tools. */
static inline const struct san_block_text *san__catalog_text(const struct san_catalog *c, int i)
{
    return i < c->plan.n_tools ? &c->plan.tools[i]->block
                               : &c->plan.home->blocks[i - c->plan.n_tools];
}

/* catalog.c: a call begins: what every utterance sees is there and stays until san__catalog_leave. */
LT_NODISCARD enum lt_err san__catalog_enter(struct san_catalog *c, struct san__worker *w,
                                            struct lt_diag *diag);
void san__catalog_leave(struct san_catalog *c);
/* Give up what a resident catalogue without users holds. The engine's lock is held. */
void san__catalog_let_go(struct san_catalog *c);
/* Give up its joined copy alone: its utterances read the blocks one by one. Bytes freed, 0 when it has
 * none. No users, the engine's lock is held. */
size_t san__catalog_part(struct san_catalog *c);

/* engine.c: blocks of n texts, one reference each; on failure all are NULL. */
LT_NODISCARD enum lt_err san__blocks_get(struct san_engine *e, struct san__worker *w,
                                         const struct san_block_text *const *texts, int n,
                                         struct san_block **out, struct lt_diag *diag);
/* Keep to the budget: blocks that nobody holds go first, then catalogues let go of theirs, the longest
 * unused first. The engine's lock is held. */
void san__trim(struct san_engine *e);

/* pick.c: vectors of the tools, when there are so many that an utterance shall not see all. */
LT_NODISCARD enum lt_err san__pick_prepare(struct san_catalog *c, struct san__worker *w,
                                           struct lt_diag *diag);
/* Choose what of the catalogue `text` may be about: w->plan, w->pick, w->shown_item, and the blocks to
 * attend to. The references to picked blocks go with san__pick_done. */
LT_NODISCARD enum lt_err san__pick(struct san_engine *e, const struct san_catalog *c,
                                   struct san__worker *w, const char *text, const char *here,
                                   struct san_block *const **seen, int *n_seen,
                                   struct lt_diag *diag);
void san__pick_done(struct san__worker *w);
/* Block of tool t, or of item i of the home, of the call under way. */
const struct san_block *san__tool_block(const struct san_catalog *c, const struct san__worker *w,
                                        int t);
const struct san_block *san__home_block(const struct san_catalog *c, const struct san__worker *w,
                                        int i);

/* As san_call; with `features` not NULL also the confidence head's input
 * (san_confidence_n_feature floats). */
LT_NODISCARD enum lt_err san__call(struct san_engine *e, struct san_catalog *c,
                                   const struct san_request *req, struct san_answer *out,
                                   float *features, struct lt_diag *diag);
void san__crew_free(struct san__crew *w); /* NULL is fine */
/* A worker from the engine's free list, or a new one; and back. */
LT_NODISCARD enum lt_err san__worker_get(struct san_engine *e, struct san__worker **out,
                                         struct lt_diag *diag);
void san__worker_put(struct san_engine *e, struct san__worker *w);
void san__worker_free(struct san__worker *w);
/* Note one more decision of the answer under way. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__worker_decision(struct san__worker *w, const struct san_decision *d);

#endif
