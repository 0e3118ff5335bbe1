/* bench_net.c - the work that a network's sizes imply, and the headline network of random weights.
 *
 * Legend: C width, KC key/value width, V vocabulary, Le/Ld layers. */
#include <stdlib.h>

#include "bench_impl.h"
#include "packed.h"
#include "san/forward.h"

#define N_PROMPT 256 /* a query and a handful of tools */
#define N_DECODE 64  /* an answer of two calls written out */

double san__bench_enc_weights(const struct san_hparams *h)
{
    double C = h->width, KC = san_kv_width(h);
    double pointers = h->n_class > 0 ? 2 * C * C : 0;
    return h->n_enc * (2 * C * C + 2 * KC * C) + h->n_dec * 2 * KC * C + pointers;
}

double san__bench_dec_weights(const struct san_hparams *h)
{
    double C = h->width, KC = san_kv_width(h);
    return h->n_dec * (2 * C * C + 2 * KC * C + 2 * C * C);
}

void san__bench_limit(struct san_bench_rate *rate, const struct san__bench_work *work,
                      const struct san_bench_machine *m)
{
    double units_s = rate->per_s.median;
    rate->gflops = (work->flop + work->ops + work->pairs) / work->units * units_s / 1e9;
    rate->gbs = work->bytes / work->units * units_s / 1e9;
    rate->read_gbs = san_bench_read_gbs((size_t)work->bytes);
    double peak = san_bench_peak_gflops(m);
    double compute_s = peak > 0 ? work->flop / (peak * 1e9) : 0;
    if (m->pairs.best > 0) compute_s += work->pairs / (m->pairs.best * 1e9);
    if (m->bytes.best > 0) compute_s += work->ops / (m->bytes.best * 1e9);
    double memory_s = rate->read_gbs > 0 ? work->bytes / (rate->read_gbs * 1e9) : 0;
    double least_s = compute_s > memory_s ? compute_s : memory_s;
    rate->bound = compute_s > memory_s ? "compute" : "memory";
    rate->limit_per_s = least_s > 0 ? work->units / least_s : 0;
}

void san__bench_products(struct san__bench_work *w, const struct san_net *net, double macs)
{
    if (net->packed)
        w->ops += 2 * macs;
    else
        w->flop += 2 * macs;
}

void san__bench_attention(struct san__bench_work *w, const struct san_net *net, double flop)
{
    if (net->packed)
        w->pairs += flop;
    else
        w->flop += flop;
}

double san__bench_weight_bytes(const struct san_net *net)
{
    const struct san__mat *any = net->packed ? &net->packed->first[SAN_T_enc_q] : NULL;
    if (!any || !any->bits) return sizeof(float);
    return any->bits / 8.0 + (double)sizeof(uint16_t) / SAN__GROUP;
}

struct san_hparams san_bench_joint_hparams(void)
{
    return (struct san_hparams){.n_vocab = 8192,
                                .width = 512,
                                .n_head = 8,
                                .n_kv_head = 4,
                                .n_enc = 12,
                                .n_dec = 8,
                                .n_ctx = 1024,
                                .rope_base = 10000,
                                .rms_eps = 1e-6f,
                                .mask = SAN_MASK_JOINT,
                                .render = SAN_RENDER_NEEDLE_JSON};
}

/* Ids spread over the vocabulary; which ones does not matter to the time. */
static int32_t some_id(const struct san_hparams *h, int i)
{
    return (int32_t)((3 + (int64_t)i * 7919) % h->n_vocab);
}

static enum lt_err prefill(struct san_session *s, const struct san_hparams *h,
                           struct san__bench_run *r, struct lt_diag *diag)
{
    int32_t ids[N_PROMPT];
    for (int i = 0; i < N_PROMPT; i++) ids[i] = some_id(h, i);
    enum lt_err err = san_joint_encode(s, ids, N_PROMPT, diag); /* warms up */
    while (!err && san__bench_goes_on(r)) {
        lt_us t0 = lt_thread_us();
        err = san_joint_encode(s, ids, N_PROMPT, diag);
        r->x[r->n++] = N_PROMPT * 1e6 / (double)(lt_thread_us() - t0 + 1);
    }
    return err;
}

/* Each token is the likeliest after the one before, as when an answer is written. */
static enum lt_err decode(struct san_session *s, const struct san_hparams *h, float *logits,
                          struct san__bench_run *r, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    while (!err && san__bench_goes_on(r)) {
        int32_t id = some_id(h, 0);
        lt_us t0 = lt_thread_us();
        san_dec_begin(s);
        for (int i = 0; i < N_DECODE && !err; i++) {
            err = san_joint_feed(s, &id, 1, logits, 1, diag);
            int best = 0;
            for (int v = 1; v < h->n_vocab; v++)
                if (logits[v] > logits[best]) best = v;
            id = best;
        }
        r->x[r->n++] = N_DECODE * 1e6 / (double)(lt_thread_us() - t0 + 1);
    }
    return err;
}

static void limits(const struct san_net *net, const struct san_bench_machine *m,
                   struct san_bench_joint *out)
{
    const struct san_hparams *h = &net->h;
    double C = h->width, KC = san_kv_width(h), n = N_PROMPT, steps = N_DECODE;
    double enc = san__bench_enc_weights(h), size = san__bench_weight_bytes(net),
           dec = san__bench_dec_weights(h) + (double)h->n_vocab * C;
    struct san__bench_work prefill_work = {.units = n, .bytes = size * enc};
    san__bench_attention(&prefill_work, net, n * h->n_enc * 4 * C * n);
    san__bench_products(&prefill_work, net, n * enc);
    /* a step sees the source, kept in halves beside quantised matrices, and on average half of the
     * steps */
    double keys = n + (steps + 1) / 2, source = net->packed && net->has_half_keys ? 2 : 4;
    double key_bytes = source * n + 4 * (steps + 1) / 2;
    struct san__bench_work decode_work = {.units = 1,
                                          .bytes = size * dec + h->n_dec * 2 * KC * key_bytes};
    san__bench_attention(&decode_work, net, h->n_dec * 4 * C * keys);
    san__bench_products(&decode_work, net, dec);
    san__bench_limit(&out->prefill, &prefill_work, m);
    san__bench_limit(&out->decode, &decode_work, m);
}

enum lt_err san_bench_joint(const struct san_hparams *h, enum san_type type,
                            const struct san_bench_machine *m, lt_us max_us,
                            struct san_bench_joint *out, struct lt_diag *diag)
{
    const struct san_limits session_limits = {
        .n_source = N_PROMPT, .n_panel = 1, .n_step = N_DECODE};
    struct san_params p = {0};
    struct san_net net = {0};
    struct san_packed *packed = NULL;
    struct san_session *s = NULL;
    struct san__bench_run *r = malloc(sizeof *r);
    float *logits = malloc((size_t)h->n_vocab * sizeof *logits);
    *out = (struct san_bench_joint){.type = type, .n_prompt = N_PROMPT, .n_decode = N_DECODE};
    enum lt_err err = r && logits ? san_params_new(h, &p) : LT_ERR_NOMEM;
    if (!err) {
        san_params_init(&p, h, 1);
        out->n_params = p.n;
        err = san_net_init(&net, h, &p, diag);
        if (!err && type != SAN_TYPE_F32) err = san_packed_of(&p, type, &packed, diag);
        net.packed = packed;
    }
    if (!err) err = san_session_new(&net, &session_limits, &s, diag);
    if (!err) {
        san__bench_start(r, 3, max_us / 2);
        err = prefill(s, h, r, diag);
        if (!err) out->prefill.per_s = san_bench_stat_of(r->x, r->n);
    }
    if (!err) {
        san__bench_start(r, 3, max_us / 2);
        err = decode(s, h, logits, r, diag);
        if (!err) out->decode.per_s = san_bench_stat_of(r->x, r->n);
    }
    if (!err) limits(&net, m, out);
    san_session_free(s);
    san_net_fini(&net);
    san_packed_free(packed);
    san_params_free(&p);
    free(logits);
    free(r);
    return err ? lt_fail(diag, err, "bench of a random network: %s", lt_strerror(err)) : LT_OK;
}
