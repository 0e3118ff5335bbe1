/* bench_impl.h - what the bench_*.c files share. Private to the engine. */
#ifndef SAN_BENCH_IMPL_H
#define SAN_BENCH_IMPL_H

#include "san/bench.h"
#include "san/forward.h"

/* One figure under way: rounds until the time is spent, n_min of them at least. */
struct san__bench_run {
    lt_us start, max_us;
    int n, n_min;
    double x[SAN_BENCH_SAMPLES_MAX];
};

static inline void san__bench_start(struct san__bench_run *r, int n_min, lt_us max_us)
{
    r->start = lt_now_us();
    r->max_us = max_us;
    r->n = 0;
    r->n_min = n_min;
}
/* Is another round due? */
int san__bench_goes_on(const struct san__bench_run *r);

/* What `units` of something cost at least. */
struct san__bench_work {
    double units;
    double flop;
    double ops;   /* on bytes: products with quantised matrices */
    double pairs; /* floating point, attention of networks with quantised matrices */
    double bytes; /* read from the network and its caches, each once */
};
/* Floats of the weights that a source token meets: encoder, cross keys and values, pointers. */
double san__bench_enc_weights(const struct san_hparams *h);
/* Floats of the weights that a decoder step meets, without the output layer. */
double san__bench_dec_weights(const struct san_hparams *h);
/* Add the products of `macs` weights that a row meets to the work: on bytes when matrices are
 * quantised. */
void san__bench_products(struct san__bench_work *w, const struct san_net *net, double macs);
/* Add the floating-point operations of attention. */
void san__bench_attention(struct san__bench_work *w, const struct san_net *net, double flop);
/* Bytes a weight takes in memory. */
double san__bench_weight_bytes(const struct san_net *net);
/* san_bench_catalog whose entities have names from number `first` on. */
enum lt_err san__bench_catalog(int n_tools, int n_entities, int first, struct lt_buf *out);
/* Fill everything beside rate->per_s, which is set already. */
void san__bench_limit(struct san_bench_rate *rate, const struct san__bench_work *work,
                      const struct san_bench_machine *m);

#endif
