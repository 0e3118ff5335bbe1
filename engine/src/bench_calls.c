/* bench_calls.c - utterances answered over a catalogue, and what the answers had to read.
 *
 * Legend: C width, KC key/value width, Le/Ld layers, K key tokens of the catalogue. */
#include <stdlib.h>
#include <string.h>

#include "bench_impl.h"
#include "engine_impl.h"

#define PANEL_TOKENS 512 /* as engine.c encodes: weights are read once a panel */

struct calls {
    struct san_engine *e;
    struct san_catalog *c;
    const struct san_bench_calls_plan *plan;
    const struct san_bench_machine *m;
    struct san_bench_calls *out;
    struct san__bench_run *encode, *decide, *whole; /* rounds, rounds, single calls */
    struct san__bench_work encode_work, decide_work;
    double n_decisions; /* of a round */
};

/* ---- calls ---- */

/* Work of one answer: its tokens through the encoder, its decisions through the decoder. */
static void count(struct calls *b, const struct san_answer *a)
{
    const struct san_hparams *h = &b->e->h;
    double C = h->width, KC = san_kv_width(h), n = a->n_tokens, d = a->n_decisions;
    double key = b->e->net.has_half_keys ? 2 : 4; /* bytes of a component of a block's key */
    double K = a->n_seen_tokens, enc = san__bench_enc_weights(h);
    double dec = san__bench_dec_weights(h), keys = K + n + (d + 1) / 2;
    b->encode_work.units += n;
    double size = san__bench_weight_bytes(&b->e->net);
    san__bench_attention(&b->encode_work, &b->e->net, n * h->n_enc * 4 * C * (K + n));
    san__bench_products(&b->encode_work, &b->e->net, n * enc);
    b->encode_work.bytes += size * enc + h->n_enc * 2 * KC * (key * K + 4 * n);
    b->decide_work.units += d;
    san__bench_attention(&b->decide_work, &b->e->net, d * h->n_dec * 4 * C * keys);
    san__bench_products(&b->decide_work, &b->e->net, d * dec);
    b->decide_work.bytes += d * (size * dec + h->n_dec * 2 * KC * (key * K + 4 * (keys - K)));
    b->n_decisions += d;
}

/* Answer every text once. Round 0 warms up and counts the work. */
static enum lt_err one_round(struct calls *b, int round, struct lt_diag *diag)
{
    double tokens = 0, decisions = 0, encode_us = 0, decode_us = 0;
    enum lt_err err = LT_OK;
    for (int i = 0; i < b->plan->n_texts && !err; i++) {
        struct san_request req = {.text = b->plan->texts[i]};
        struct san_answer a = {0};
        lt_us wall = lt_now_us(), t0 = lt_thread_us();
        err = san_call(b->e, b->c, &req, &a, diag);
        lt_us us = lt_thread_us() - t0;
        wall = lt_now_us() - wall;
        if (err) break;
        if (!round) count(b, &a);
        if (round && b->whole->n < SAN_BENCH_SAMPLES_MAX) b->whole->x[b->whole->n++] = (double)us;
        /* the engine's own two times are by the clock on the wall */
        double share = wall > us ? (double)us / (double)wall : 1;
        tokens += a.n_tokens;
        decisions += a.n_decisions;
        encode_us += share * (double)a.encode_us;
        decode_us += share * (double)a.decode_us;
        san_answer_free(&a);
    }
    if (err || !round) return err;
    b->encode->x[b->encode->n++] = tokens * 1e6 / (encode_us + 1);
    b->decide->x[b->decide->n++] = decisions * 1e6 / (decode_us + 1);
    return LT_OK;
}

/* A round reads the same weights and keys for every utterance and decision: what competes for the
 * caches is one utterance's share, so the limit is taken for an average one. */
static void per_unit_of(struct san__bench_work *w, double parts)
{
    if (parts <= 0) return;
    w->units /= parts;
    w->flop /= parts;
    w->ops /= parts;
    w->pairs /= parts;
    w->bytes /= parts;
}

static enum lt_err measure_calls(struct calls *b, struct lt_diag *diag)
{
    enum lt_err err = one_round(b, 0, diag);
    san__bench_start(b->encode, 3, b->plan->max_us);
    san__bench_start(b->decide, 3, b->plan->max_us);
    san__bench_start(b->whole, 3, b->plan->max_us);
    for (int round = 1; !err && san__bench_goes_on(b->encode); round++)
        err = one_round(b, round, diag);
    if (err) return err;
    b->out->encode.per_s = san_bench_stat_of(b->encode->x, b->encode->n);
    b->out->decide.per_s = san_bench_stat_of(b->decide->x, b->decide->n);
    b->out->call_us = san_bench_stat_of(b->whole->x, b->whole->n);
    b->out->decisions_per_call = b->n_decisions / b->plan->n_texts;
    per_unit_of(&b->encode_work, b->plan->n_texts);
    per_unit_of(&b->decide_work, b->n_decisions);
    san__bench_limit(&b->out->encode, &b->encode_work, b->m);
    if (b->n_decisions > 0) san__bench_limit(&b->out->decide, &b->decide_work, b->m);
    return LT_OK;
}

/* ---- the catalogue ---- */

static void sources(const struct san_catalog *c, struct san_block_src *src)
{
    for (int i = 0; i < c->n_blocks; i++) {
        const struct san_block_text *t = san__catalog_text(c, i);
        src[i] = (struct san_block_src){
            .ids = t->tok, .n = t->n_tok, .marks = t->marker, .n_mark = t->n_marker};
    }
}

static struct san__bench_work catalogue_work(const struct san_net *net,
                                             const struct san_block_src *src, int n_blocks)
{
    const struct san_hparams *h = &net->h;
    double C = h->width, KC = san_kv_width(h), enc = san__bench_enc_weights(h);
    double key = net->has_half_keys ? 2 : 4;
    double pointers = h->n_class > 0 ? 2 * C * C : 0, per_token = enc - pointers;
    struct san__bench_work w = {0};
    for (int i = 0; i < n_blocks; i++) {
        double n = src[i].n;
        w.units += n;
        san__bench_attention(&w, net, n * h->n_enc * 4 * C * n);
        san__bench_products(&w, net, n * per_token + pointers * src[i].n_mark);
        w.bytes += n * ((h->n_enc + h->n_dec) * 2 * KC * key + 4 * C);
    }
    w.bytes += san__bench_weight_bytes(net) * enc * (w.units / PANEL_TOKENS + 1);
    return w;
}

static enum lt_err measure_catalogue(struct calls *b, struct lt_diag *diag)
{
    int n = b->c->n_blocks;
    struct san__worker *w = NULL;
    struct san_block_src *src = malloc(((size_t)n + 1) * sizeof *src);
    struct san_block **made = calloc((size_t)n + 1, sizeof *made);
    enum lt_err err = src && made ? san__worker_get(b->e, &w, diag) : LT_ERR_NOMEM;
    if (!err) sources(b->c, src);
    san__bench_start(b->encode, 3, b->plan->max_catalogue_us);
    while (!err && san__bench_goes_on(b->encode)) {
        lt_us t0 = lt_thread_us();
        err = san_blocks_encode(w->session, src, n, made, diag);
        double s = (double)(lt_thread_us() - t0 + 1) / 1e6;
        b->encode->x[b->encode->n++] = b->out->n_block_tokens / s;
        for (int i = 0; i < n && !err; i++) san_block_unref(made[i]);
    }
    if (!err) {
        struct san__bench_work work = catalogue_work(&b->e->net, src, n);
        b->out->catalogue.per_s = san_bench_stat_of(b->encode->x, b->encode->n);
        san__bench_limit(&b->out->catalogue, &work, b->m);
    }
    if (w) san__worker_put(b->e, w);
    free(src);
    free(made);
    return err;
}

enum lt_err san_bench_calls(struct san_engine *e, const char *catalog, size_t n,
                            const struct san_bench_calls_plan *plan,
                            const struct san_bench_machine *m, struct san_bench_calls *out,
                            struct lt_diag *diag)
{
    struct san__bench_run *runs = malloc(3 * sizeof *runs);
    struct calls b = {.e = e, .plan = plan, .m = m, .out = out};
    *out = (struct san_bench_calls){0};
    if (!runs) return lt_fail(diag, LT_ERR_NOMEM, "bench: out of memory");
    b.encode = runs;
    b.decide = runs + 1;
    b.whole = runs + 2;
    lt_us t0 = lt_thread_us();
    enum lt_err err = san_catalog_new(e, catalog, n, &b.c, diag);
    out->compile_ms = (double)(lt_thread_us() - t0) / 1e3;
    if (!err) {
        out->n_tools = b.c->plan.n_tools;
        out->n_entities = b.c->plan.home ? b.c->plan.home->n_entities : 0;
        out->n_blocks = b.c->n_blocks;
        for (int i = 0; i < b.c->n_blocks; i++) {
            out->n_block_tokens += san__catalog_text(b.c, i)->n_tok;
            out->block_bytes += b.c->blocks[i] ? b.c->blocks[i]->n_bytes : 0;
        }
        if (b.c->joined) out->block_bytes += b.c->joined->n_bytes;
        err = measure_calls(&b, diag);
    }
    if (!err && plan->max_catalogue_us > 0 && out->n_blocks) err = measure_catalogue(&b, diag);
    san_catalog_unref(b.c);
    free(runs);
    return err ? lt_fail(diag, err, "bench: %s", lt_strerror(err)) : LT_OK;
}

/* ---- catalogues of any size ---- */

static const char *const verbs[] = {"start", "stop",   "open",  "close", "set",
                                    "reset", "report", "check", "plan",  "order"};
static const char *const things[] = {"lamp",   "heater", "pump",  "gate",    "speaker",
                                     "camera", "kettle", "meter", "shutter", "sensor"};
static const char *const rooms[] = {"Kitchen", "Hallway", "Bedroom", "Bathroom", "Cellar",
                                    "Attic",   "Garage",  "Garden",  "Office",   "Nursery"};
#define N_WORDS 10 /* of each list */

static enum lt_err add_tool(struct lt_buf *out, int i)
{
    const char *verb = verbs[i % N_WORDS], *thing = things[i / N_WORDS % N_WORDS];
    return lt_buf_addf(
        out,
        "%s{\"name\":\"%s_%s_%d\",\"description\":\"%s the %s of line %d at a level\","
        "\"parameters\":{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":\"string\",\"x-entity\":{}},"
        "\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},"
        "\"mode\":{\"type\":\"string\",\"enum\":[\"eco\",\"normal\",\"boost\"]}}}}",
        i ? "," : "", verb, thing, i, verb, thing, i);
}

static enum lt_err add_entity(struct lt_buf *out, int i, int follows)
{
    const char *room = rooms[i % N_WORDS];
    return lt_buf_addf(out,
                       "%s{\"id\":\"light.l%d\",\"name\":\"%s %s %d\",\"area\":\"%s\","
                       "\"domain\":\"light\"}",
                       follows ? "," : "", i, room, things[i / N_WORDS % N_WORDS], i, room);
}

enum lt_err san_bench_catalog(int n_tools, int n_entities, struct lt_buf *out)
{
    return san__bench_catalog(n_tools, n_entities, 0, out);
}

enum lt_err san__bench_catalog(int n_tools, int n_entities, int first, struct lt_buf *out)
{
    enum lt_err err = lt_buf_adds(out, "{\"tools\":[");
    for (int i = 0; i < n_tools && !err; i++) err = add_tool(out, i);
    if (!err) err = lt_buf_adds(out, "],\"home\":{\"areas\":[");
    for (int i = 0; i < N_WORDS && !err; i++)
        err = lt_buf_addf(out, "%s{\"name\":\"%s\"}", i ? "," : "", rooms[i]);
    if (!err) err = lt_buf_adds(out, "],\"entities\":[");
    for (int i = 0; i < n_entities && !err; i++) err = add_entity(out, first + i, i > 0);
    if (!err) err = lt_buf_adds(out, "]}}");
    return err;
}

size_t san_bench_catalog_bytes(const struct san_engine *e, int n_tools, int n_entities)
{
    enum { TOOL_TOKENS = 56, TOOL_MARKS = 8, ENTITY_TOKENS = 16 }; /* with padding of key tiles */
    const struct san_hparams *h = &e->h;
    size_t C = (size_t)h->width, layers = (size_t)(h->n_enc + h->n_dec);
    size_t key = e->net.has_half_keys ? sizeof(uint16_t) : sizeof(float);
    size_t token = layers * 2 * (size_t)san_kv_width(h) * key + C * sizeof(float);
    size_t mark = 2 * C * sizeof(float);
    return (size_t)n_tools * (TOOL_TOKENS * token + TOOL_MARKS * mark) +
           (size_t)n_entities * (ENTITY_TOKENS * token + mark);
}
