/* san/bench.h - how fast the engine is here, and how fast this machine could be.
 *
 * A figure alone says little: 400 decisions a second may be slow on one processor and all that
 * another can do. So every rate is given beside a limit measured in the same run on the same
 * core: the time that the rate's work would take at the processor's peak (products with quantised
 * matrices at its peak of byte products, such a network's attention at that of bfloat16 pairs, all
 * other at that of floats), or the time that its bytes would take to be read from memory once,
 * whichever is longer. Bytes are judged by a buffer of their own size, so that what fits a cache is
 * compared with that cache.
 * Work is counted from the network's sizes (products and attention; norms and table look-ups are
 * left out), so a share of the limit is never flattered.
 *
 * Everything but san_bench_sites with several threads runs on the calling thread and is measured by that
 * thread's processor time: waiting for a core that others use does not count, sharing its caches does. Rates are
 * medians over rounds with the 10th and 90th percentile; on a busy machine these two lie far apart. Memory: freed before each call returns. */
#ifndef SAN_BENCH_H
#define SAN_BENCH_H

#include "lt/buf.h"
#include "lt/clock.h"
#include "san/engine.h"
#include "san/net.h"
#include "san/quant.h"

#define SAN_BENCH_SAMPLES_MAX 8192 /* most rounds (or calls) of one figure */

/* Median and spread of n samples. */
struct san_bench_stat {
    double median, low, high; /* low, high: 10th and 90th percentile */
    double p99, best;         /* 99th percentile; largest sample */
    int n;
};
/* Sorts x. n 0 gives zeroes. */
struct san_bench_stat san_bench_stat_of(double *x, int n);

/* What one core of this machine can do. */
struct san_bench_machine {
    const char *isa;             /* instruction set of the kernels in use; static */
    int is_optimised;            /* 0: a build without optimisation, figures mean nothing */
    struct san_bench_stat fma;   /* GFLOP/s of fused multiply-adds in registers */
    struct san_bench_stat bytes; /* 10^9 operations a second of products of bytes, likewise */
    struct san_bench_stat pairs; /* GFLOP/s of sums of bfloat16 pairs; fma where there are none */
    struct san_bench_stat sgemm; /* GFLOP/s of a 512 x 512 x 512 product, one thread */
    struct san_bench_stat triad; /* GB/s of a = b + s * c over arrays larger than the caches */
};
/* `max_us` is the time to spend. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_bench_machine(lt_us max_us, struct san_bench_machine *out,
                                           struct lt_diag *diag);
/* The peak that work is judged by: the best of both, because a busy machine may spoil one. */
double san_bench_peak_gflops(const struct san_bench_machine *m);
/* GB/s of reading a buffer of n_bytes again and again (at least 64 KiB, at most 256 MiB are
 * used). 0 when there is no memory for it. */
double san_bench_read_gbs(size_t n_bytes);

/* A rate beside its limit. */
struct san_bench_rate {
    struct san_bench_stat per_s; /* units a second; n 0: not measured */
    double gflops, gbs;          /* done at the median, operations on bytes counted too */
    double read_gbs;             /* GB/s that this working set can be read with */
    double limit_per_s;          /* units a second that the limit allows */
    const char *bound;           /* "compute" or "memory": which limit that is; static */
};

/* The headline network: random weights, mask "joint", 12 + 8 layers of width 512 with 8 query and 4
 * key/value heads and a vocabulary of 8192; its matrices fp32, Q8_0 or Q4_0. */
struct san_bench_joint {
    enum san_type type;
    size_t n_params;
    int n_prompt;                  /* source tokens */
    int n_decode;                  /* tokens of a decoding round, fed one at a time */
    struct san_bench_rate prefill; /* source tokens, san_joint_encode */
    struct san_bench_rate decode;  /* output tokens, san_joint_feed with logits of all pieces */
};
struct san_hparams san_bench_joint_hparams(void);
LT_NODISCARD enum lt_err san_bench_joint(const struct san_hparams *h, enum san_type type,
                                         const struct san_bench_machine *m, lt_us max_us,
                                         struct san_bench_joint *out, struct lt_diag *diag);

/* A network with a tokenizer answering utterances over one catalogue. */
struct san_bench_calls {
    int n_tools, n_entities;
    int n_blocks, n_block_tokens;
    size_t block_bytes;              /* memory of the encoded blocks, joined copy included */
    double compile_ms;               /* san_catalog_new; blocks known already are not encoded */
    struct san_bench_rate catalogue; /* block tokens encoded, 0 samples unless asked for */
    struct san_bench_rate encode;    /* utterance tokens: tokenizer, names, encoder */
    struct san_bench_rate decide;    /* decisions: walk, decoder, scores, writing the answer */
    struct san_bench_stat call_us;   /* whole calls */
    double decisions_per_call;
};
struct san_bench_calls_plan {
    const char *const *texts; /* utterances, n_texts of them, at least 1 */
    int n_texts;
    lt_us max_us;           /* for the calls */
    lt_us max_catalogue_us; /* for encoding the catalogue again and again; 0: not */
};
/* Errors as of san_catalog_new and san_call. */
LT_NODISCARD enum lt_err san_bench_calls(struct san_engine *e, const char *catalog, size_t n,
                                         const struct san_bench_calls_plan *plan,
                                         const struct san_bench_machine *m,
                                         struct san_bench_calls *out, struct lt_diag *diag);

#define SAN_BENCH_SITES_CACHE ((size_t)1 << 30) /* the cache's budget meanwhile */

/* Requests of several homes, answered in batches (san_call_batch) of up to 32 different ones. Homes share 20 made-up tools
 * and have 20 devices of their own each. */
struct san_bench_sites {
    int n_sites, n_threads;
    double compile_ms; /* of a home's catalogue, mean */
    size_t site_bytes; /* blocks and joined copies that the cache holds, a home's share */
    int is_over;       /* 1: they do not fit the cache, and devices are encoded again and again */
    struct san_bench_stat
        per_s; /* answers a second: of one thread's processor time, of time for several */
};
struct san_bench_sites_plan {
    int n_sites, n_threads; /* at least 1 */
    const char *const *texts;
    int n_texts;
    lt_us max_us;
};
/* Errors as of san_catalog_new and san_call. */
LT_NODISCARD enum lt_err san_bench_sites(struct san_engine *e,
                                         const struct san_bench_sites_plan *plan,
                                         struct san_bench_sites *out, struct lt_diag *diag);

/* Write a catalogue with so many made-up tools and entities (each with a name of its own) as JSON,
 * to see what size costs. LT_ERR_LIMIT over the buffer's cap. */
LT_NODISCARD enum lt_err san_bench_catalog(int n_tools, int n_entities, struct lt_buf *out);
/* Bytes that the encoded blocks of such a catalogue take with this network, roughly, without the
 * joined copy that a small one has. */
size_t san_bench_catalog_bytes(const struct san_engine *e, int n_tools, int n_entities);

#endif
