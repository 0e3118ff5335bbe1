/* cmd_bench.c - `lintel bench`: how fast the engine is here, beside this machine's own limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "model.h"
#include "promote.h"
#include "san/bench.h"
#include "san/bench_step.h"

enum { OPT_JSON, OPT_MODEL, OPT_CATALOG, OPT_QUICK, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
    [OPT_MODEL] = {"model", 'm', "FILE", "network (default: the shipped one)"},
    [OPT_CATALOG] = {"catalog", 0, "FILE", "tools and home (default: the demo home)"},
    [OPT_QUICK] = {"quick", 0, NULL, "a third of the time: fewer rounds, no large catalogue"},
};
static const struct lt_cli_spec spec = {
    "lintel bench [--json] [--quick] [--model FILE] [--catalog FILE] [TEXT...]",
    "Measure the engine on one core, beside what this machine could do (measured in the same\n"
    "run): multiply-adds, a BLIS product, memory. TEXTs replace the twelve utterances that are\n"
    "answered over the catalogue. What one thread does is measured by its processor time, so\n"
    "that other programs do not count; what several do, by the clock on the wall. Takes about\n"
    "half a minute on a quiet machine.",
    options, N_OPTIONS};

static const char *const utterances[] = {
    "turn on the kitchen light",
    "switch off all the lights in the living room",
    "dim the floor lamp to 30 percent",
    "make the bedside lamp warm white",
    "is the front door locked",
    "set the thermostat to 21 degrees",
    "close the blinds",
    "could you please open the bedroom curtain half way",
    "pause the television",
    "set a timer for ten minutes for the pasta",
    "add milk and eggs to the shopping list",
    "what is the capital of france",
};
#define N_UTTERANCES (int)(sizeof utterances / sizeof utterances[0])

/* tools, entities: more of the one, of the other, of both; the first is what the others are compared with */
static const int sizes[][2] = {{10, 10},   {100, 10},   {1000, 10},   {10, 100},
                               {10, 1000}, {10, 10000}, {1000, 10000}};
#define N_SIZES      (int)(sizeof sizes / sizeof sizes[0])
#define GROWTH_TEXTS 4
#define GROWTH_QUICK 4                  /* so many of them with --quick */
#define CATALOG_MAX  ((size_t)16 << 20) /* bytes of a made-up catalogue */
#define MEMORY_SHARE 0.5                /* of what is free that a catalogue may take */

/* homes, answered on one thread; then so many on 2, 4, ... threads and on one for each core */
static const int homes[] = {1, 10, 100, 1000};
#define N_HOMES       (int)(sizeof homes / sizeof homes[0])
#define THREADS_HOMES 100
#define LOADS_MAX     (N_HOMES + 8) /* SAN_BATCH_THREADS_MAX is no more than 2^8 */
#define QUICK_MOST    100           /* homes */
#define LOAD_US       600000

#define MACHINE_US   2400000
#define JOINT_US     5000000
#define CALLS_US     3000000
#define CATALOGUE_US 1500000
#define GROWTH_US    700000
#define STEP_US      4000000
#define QUICK        20 /* --quick divides the times by this */

/* The headline network is measured as each of these. */
static const enum san_type types[] = {SAN_TYPE_F32, SAN_TYPE_Q8_0, SAN_TYPE_Q4_0};
#define N_TYPES (int)(sizeof types / sizeof types[0])

struct bench {
    int is_quick;
    const char *model, *catalog;
    const char *const *texts;
    int n_texts;
    struct san_bench_machine machine;
    struct san_bench_joint joint[N_TYPES];
    int has_calls;
    char name[128];
    struct san_bench_calls calls;
    double resident_mib, resident_before_mib; /* with the network and its catalogue; before */
    int n_growth;
    struct san_bench_calls growth[N_SIZES];
    int n_loads;
    struct san_bench_sites loads[LOADS_MAX];
    int has_step;
    struct san_bench_step step;
    double peak_mib;
};

static lt_us time_for(const struct bench *b, lt_us us)
{
    return b->is_quick ? us / QUICK : us;
}

/* Resident memory now, 0 where /proc is not there. */
static double resident_mib(void)
{
    unsigned long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%lu %lu", &all, &resident) != 2) resident = 0;
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static double free_bytes(void)
{
    unsigned long kib = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lu", &kib) == 1) break;
    fclose(f);
    return (double)kib * 1024;
}

static double peak_mib(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (double)u.ru_maxrss / 1024;
}

/* ---- measuring ---- */

static enum lt_err grow(struct bench *b, struct san_engine *e, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    struct san_bench_calls_plan plan = {.texts = b->texts,
                                        .n_texts =
                                            b->n_texts < GROWTH_TEXTS ? b->n_texts : GROWTH_TEXTS,
                                        .max_us = time_for(b, GROWTH_US)};
    int n_sizes = b->is_quick ? GROWTH_QUICK : N_SIZES;
    for (int i = 0; i < n_sizes && !err; i++) {
        size_t need = san_bench_catalog_bytes(e, sizes[i][0], sizes[i][1]);
        if ((double)need > MEMORY_SHARE * free_bytes()) {
            fprintf(stderr, "lintel bench: %d tools + %d entities would take %zu MiB: left out\n",
                    sizes[i][0], sizes[i][1], need >> 20);
            break;
        }
        struct lt_buf json;
        lt_buf_init(&json, CATALOG_MAX);
        err = san_bench_catalog(sizes[i][0], sizes[i][1], &json);
        if (!err) err = san_bench_calls(e, json.p, json.n, &plan, &b->machine, &b->growth[i], diag);
        if (!err) b->n_growth++;
        lt_buf_free(&json);
    }
    return err;
}

static enum lt_err load_one(struct bench *b, struct san_engine *e, int n_homes, int n_threads,
                            struct lt_diag *diag)
{
    struct san_bench_sites_plan plan = {.n_sites = n_homes,
                                        .n_threads = n_threads,
                                        .texts = b->texts,
                                        .n_texts = b->n_texts,
                                        .max_us = time_for(b, LOAD_US)};
    if (b->is_quick && n_homes > QUICK_MOST) return LT_OK;
    enum lt_err err = san_bench_sites(e, &plan, &b->loads[b->n_loads], diag);
    if (!err) b->n_loads++;
    return err;
}

static enum lt_err load(struct bench *b, struct san_engine *e, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores > SAN_BATCH_THREADS_MAX) cores = SAN_BATCH_THREADS_MAX;
    for (int i = 0; i < N_HOMES && !err; i++) err = load_one(b, e, homes[i], 1, diag);
    for (int n = 2; n < cores && !err; n *= 2) err = load_one(b, e, THREADS_HOMES, n, diag);
    if (!err && cores > 1) err = load_one(b, e, THREADS_HOMES, (int)cores, diag);
    return err;
}

static enum lt_err with_network(struct bench *b, struct lt_diag *diag)
{
    struct san_engine *e = NULL;
    json_t *json = NULL;
    char *text = NULL;
    struct san_bench_calls_plan plan = {.texts = b->texts,
                                        .n_texts = b->n_texts,
                                        .max_us = time_for(b, CALLS_US),
                                        .max_catalogue_us = time_for(b, CATALOGUE_US)};
    b->resident_before_mib = resident_mib();
    enum lt_err err = san_engine_open(b->model, &e, diag);
    if (!err) err = lt_json_read_file(b->catalog, LT_DOC_MAX_BYTES_CATALOG, &json, diag);
    if (!err && !(text = lt_json_dump(json))) err = LT_ERR_NOMEM;
    json_decref(json);
    if (!err) err = san_bench_calls(e, text, strlen(text), &plan, &b->machine, &b->calls, diag);
    free(text);
    if (!err) {
        b->resident_mib = resident_mib();
        b->has_calls = 1;
        snprintf(b->name, sizeof b->name, "%s", san_engine_model_name(e));
        err = grow(b, e, diag);
    }
    if (!err) err = load(b, e, diag);
    san_engine_close(e);
    return err;
}

/* A step of fine-tuning, from the base data that fine-tuning on the hub uses too. */
static enum lt_err learn(struct bench *b, struct lt_diag *diag)
{
    char tree[1024], mix[1024];
    lt_promote_tree(tree, sizeof tree, mix, sizeof mix);
    if (access(mix, R_OK)) {
        fprintf(stderr, "lintel bench: %s is not there: the training step is left out\n", mix);
        return LT_OK;
    }
    struct san_bench_step_plan plan = {
        .model = b->model, .tree = tree, .mix = mix, .max_us = time_for(b, STEP_US)};
    enum lt_err err = san_bench_step(&plan, &b->machine, &b->step, diag);
    if (err == LT_ERR_UNSUPPORTED) {
        fprintf(stderr, "lintel bench: %s: the training step is left out\n", diag->text);
        return LT_OK;
    }
    b->has_step = !err;
    return err;
}

static enum lt_err measure(struct bench *b, struct lt_diag *diag)
{
    struct san_hparams h = san_bench_joint_hparams();
    enum lt_err err = san_bench_machine(time_for(b, MACHINE_US), &b->machine, diag);
    if (!err && b->model) err = with_network(b, diag);
    if (!err && b->model) err = learn(b, diag);
    for (int i = 0; i < N_TYPES && !err; i++)
        err = san_bench_joint(&h, types[i], &b->machine, time_for(b, JOINT_US / N_TYPES),
                              &b->joint[i], diag);
    b->peak_mib = peak_mib();
    return err;
}

/* ---- JSON ---- */

static json_t *json_stat(const struct san_bench_stat *s)
{
    return json_pack("{s:f, s:f, s:f, s:i}", "median", s->median, "p10", s->low, "p90", s->high,
                     "samples", s->n);
}

static json_t *json_rate(const struct san_bench_rate *r)
{
    if (!r->per_s.n) return json_null();
    return json_pack("{s:o, s:f, s:f, s:f, s:f, s:f, s:s}", "per_s", json_stat(&r->per_s), "gflops",
                     r->gflops, "gb_s", r->gbs, "readable_gb_s", r->read_gbs, "limit_per_s",
                     r->limit_per_s, "of_limit",
                     r->limit_per_s > 0 ? r->per_s.median / r->limit_per_s : 0, "bound",
                     r->bound ? r->bound : "");
}

static json_t *json_calls(const struct san_bench_calls *c)
{
    json_t *us = json_stat(&c->call_us);
    json_object_set_new(us, "p99", json_real(c->call_us.p99));
    return json_pack("{s:i, s:i, s:i, s:i, s:I, s:f, s:o, s:o, s:o, s:o, s:f}", "tools", c->n_tools,
                     "entities", c->n_entities, "blocks", c->n_blocks, "block_tokens",
                     c->n_block_tokens, "block_bytes", (json_int_t)c->block_bytes, "compile_ms",
                     c->compile_ms, "catalogue_tokens", json_rate(&c->catalogue),
                     "utterance_tokens", json_rate(&c->encode), "decisions", json_rate(&c->decide),
                     "call_us", us, "decisions_per_call", c->decisions_per_call);
}

static json_t *json_step(const struct bench *b)
{
    const struct san_bench_step *x = &b->step;
    if (!b->has_step) return json_null();
    return json_pack("{s:I, s:i, s:i, s:b, s:o, s:o, s:f}", "parameters", (json_int_t)x->n_params,
                     "cases", x->n_cases, "tokens", x->n_tokens, "is_bf16", x->is_bf16,
                     "cases_per_s", json_rate(&x->rate), "step_ms", json_stat(&x->ms),
                     "optimiser_ms", x->optimiser_ms);
}

/* How many times what the smallest home's call takes. */
static double to_smallest(const struct bench *b, int i)
{
    double least = b->growth[0].call_us.median;
    return least > 0 ? b->growth[i].call_us.median / least : 0;
}

static const char *clock_of(const struct san_bench_sites *x)
{
    return x->n_threads > 1 ? "wall" : "cpu";
}

static json_t *json_of(const struct bench *b)
{
    const struct san_bench_machine *m = &b->machine;
    json_t *growth = json_array(), *sites = json_array(), *network = json_null();
    for (int i = 0; i < b->n_loads; i++) {
        const struct san_bench_sites *x = &b->loads[i];
        json_array_append_new(
            sites, json_pack("{s:i, s:i, s:s, s:b, s:f, s:I, s:o}", "sites", x->n_sites, "threads",
                             x->n_threads, "clock", clock_of(x), "is_over_cache", x->is_over,
                             "compile_ms", x->compile_ms, "site_bytes", (json_int_t)x->site_bytes,
                             "answers_per_s", json_stat(&x->per_s)));
    }
    for (int i = 0; i < b->n_growth; i++) {
        json_t *row = json_calls(&b->growth[i]);
        json_object_set_new(row, "to_smallest", json_real(to_smallest(b, i)));
        json_array_append_new(growth, row);
    }
    if (b->has_calls) {
        network = json_calls(&b->calls);
        json_object_set_new(network, "name", json_string(b->name));
        json_object_set_new(network, "resident_mib",
                            json_real(b->resident_mib - b->resident_before_mib));
    }
    json_t *joint = json_object();
    for (int i = 0; i < N_TYPES; i++) {
        const struct san_bench_joint *j = &b->joint[i];
        json_object_set_new(
            joint, san_type_traits((uint32_t)j->type)->name,
            json_pack("{s:I, s:i, s:i, s:o, s:o}", "parameters", (json_int_t)j->n_params,
                      "prompt_tokens", j->n_prompt, "decoded_tokens", j->n_decode, "prefill_tokens",
                      json_rate(&j->prefill), "decode_tokens", json_rate(&j->decode)));
    }
    return json_pack(
        "{s:s, s:s, s:b, s:s, s:I, s:{s:o, s:o, s:o, s:o, s:f, s:o}, s:o, s:o, s:o, s:o, s:o, s:f}",
        "version", LINTEL_VERSION, "clock", "cpu", "is_optimised", m->is_optimised, "instructions",
        m->isa, "cores", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "machine", "fma_gflops",
        json_stat(&m->fma), "byte_gops", json_stat(&m->bytes), "pair_gflops", json_stat(&m->pairs),
        "sgemm_512_gflops", json_stat(&m->sgemm), "peak_gflops", san_bench_peak_gflops(m),
        "triad_gb_s", json_stat(&m->triad), "joint_26m", joint, "network", network, "growth",
        growth, "sites", sites, "training_step", json_step(b), "peak_rss_mib", b->peak_mib);
}

/* ---- tables ---- */

static void row_stat(struct lt_table *t, const char *what, const struct san_bench_stat *s,
                     const char *unit)
{
    char cell[3][32];
    snprintf(cell[0], sizeof cell[0], "%.1f", s->median);
    snprintf(cell[1], sizeof cell[1], "%.1f-%.1f", s->low, s->high);
    snprintf(cell[2], sizeof cell[2], "%s", unit);
    const char *row[] = {what, cell[0], cell[1], cell[2]};
    lt_table_row(t, row);
}

static void row_rate(struct lt_table *t, const char *what, const struct san_bench_rate *r)
{
    char cell[7][32];
    if (!r->per_s.n) return;
    snprintf(cell[0], sizeof cell[0], "%.0f", r->per_s.median);
    snprintf(cell[1], sizeof cell[1], "%.0f-%.0f", r->per_s.low, r->per_s.high);
    snprintf(cell[2], sizeof cell[2], "%.1f", r->gflops);
    snprintf(cell[3], sizeof cell[3], "%.1f", r->gbs);
    snprintf(cell[4], sizeof cell[4], "%.0f", r->limit_per_s);
    snprintf(cell[5], sizeof cell[5], "%.0f %%",
             r->limit_per_s > 0 ? 100 * r->per_s.median / r->limit_per_s : 0);
    const char *row[] = {what,    cell[0], cell[1], cell[2],
                         cell[3], cell[4], cell[5], r->bound ? r->bound : ""};
    lt_table_row(t, row);
}

static int print_growth(const struct bench *b)
{
    static const char *const heads[] = {">tools",    ">entities", ">call, us", ">p99, us",
                                        ">to 10+10", ">tokens",   ">MiB",      ">compile, ms"};
    struct lt_table t = {0};
    if (!b->n_growth) return 1;
    printf("\nA call over larger homes: processor time, and how many times the smallest home's\n");
    lt_table_columns(&t, heads, sizeof heads / sizeof heads[0]);
    for (int i = 0; i < b->n_growth; i++) {
        const struct san_bench_calls *c = &b->growth[i];
        char cell[8][32];
        snprintf(cell[0], sizeof cell[0], "%d", c->n_tools);
        snprintf(cell[1], sizeof cell[1], "%d", c->n_entities);
        snprintf(cell[2], sizeof cell[2], "%.0f", c->call_us.median);
        snprintf(cell[3], sizeof cell[3], "%.0f", c->call_us.p99);
        snprintf(cell[4], sizeof cell[4], "%.1f", to_smallest(b, i));
        snprintf(cell[5], sizeof cell[5], "%d", c->n_block_tokens);
        snprintf(cell[6], sizeof cell[6], "%.1f", (double)c->block_bytes / 1048576);
        snprintf(cell[7], sizeof cell[7], "%.0f", c->compile_ms);
        const char *row[] = {cell[0], cell[1], cell[2], cell[3],
                             cell[4], cell[5], cell[6], cell[7]};
        lt_table_row(&t, row);
    }
    int ok = lt_table_print(&t);
    printf("tokens: of the catalogue; MiB: kept encoded, 0.0 where a home is so large that only "
           "what an\n"
           "utterance is shown is encoded; compile: once, when the catalogue arrives\n");
    return ok;
}

static int print_loads(const struct bench *b)
{
    static const char *const heads[] = {">homes",   ">threads",    ">answers a second",  ">p10-p90",
                                        "measured", ">KiB a home", ">compile, ms a home"};
    struct lt_table t = {0};
    int is_over = 0;
    if (!b->n_loads) return 1;
    printf("\nRequests of several homes in batches (20 tools shared, 20 devices each)\n");
    lt_table_columns(&t, heads, sizeof heads / sizeof heads[0]);
    for (int i = 0; i < b->n_loads; i++) {
        const struct san_bench_sites *x = &b->loads[i];
        char cell[6][32];
        is_over |= x->is_over;
        snprintf(cell[0], sizeof cell[0], "%d%s", x->n_sites, x->is_over ? " *" : "");
        snprintf(cell[1], sizeof cell[1], "%d", x->n_threads);
        snprintf(cell[2], sizeof cell[2], "%.0f", x->per_s.median);
        snprintf(cell[3], sizeof cell[3], "%.0f-%.0f", x->per_s.low, x->per_s.high);
        snprintf(cell[4], sizeof cell[4], "%.0f", (double)x->site_bytes / 1024);
        snprintf(cell[5], sizeof cell[5], "%.1f", x->compile_ms);
        const char *row[] = {cell[0], cell[1], cell[2], cell[3], clock_of(x), cell[4], cell[5]};
        lt_table_row(&t, row);
    }
    int ok = lt_table_print(&t);
    printf("cpu: by the thread's processor time; wall: by the clock, so other programs count\n");
    if (is_over)
        printf("* on purpose more than the cache holds (%zu MiB): devices are encoded again at "
               "each call\n",
               SAN_BENCH_SITES_CACHE >> 20);
    return ok;
}

static int print_all(const struct bench *b)
{
    static const char *const limits[] = {"this machine, one core", ">median", ">p10-p90", ""};
    static const char *const rates[] = {"a second", ">median", ">p10-p90", ">GOP/s",
                                        ">GB/s",    ">limit",  ">reached", "bound by"};
    const struct san_bench_calls *c = &b->calls;
    struct lt_table t = {0};
    printf("Measured by this thread's processor time, where no other clock is named.\n\n");
    lt_table_columns(&t, limits, 4);
    row_stat(&t, "fused multiply-adds", &b->machine.fma, "GFLOP/s");
    row_stat(&t, "products of bytes, summed", &b->machine.bytes, "GOP/s");
    row_stat(&t, "sums of bfloat16 pairs", &b->machine.pairs, "GFLOP/s");
    row_stat(&t, "BLIS product 512^3", &b->machine.sgemm, "GFLOP/s");
    row_stat(&t, "memory, triad", &b->machine.triad, "GB/s");
    int ok = lt_table_print(&t);
    printf("kernels: %s. The limits below follow from the best seen (%.1f GFLOP/s on floats, %.1f\n"
           "GOP/s on bytes, %.1f GFLOP/s on bfloat16 pairs) or from reading what is touched once\n",
           b->machine.isa, san_bench_peak_gflops(&b->machine), b->machine.bytes.best,
           b->machine.pairs.best);
    printf("\nNetwork of %.1f million random weights (%d tokens in, %d out)\n",
           (double)b->joint[0].n_params / 1e6, b->joint[0].n_prompt, b->joint[0].n_decode);
    lt_table_columns(&t, rates, 8);
    for (int i = 0; i < N_TYPES; i++) {
        const char *type = san_type_traits((uint32_t)b->joint[i].type)->name;
        char what[32];
        snprintf(what, sizeof what, "%s prefill tokens", type);
        row_rate(&t, what, &b->joint[i].prefill);
        snprintf(what, sizeof what, "%s decode tokens", type);
        row_rate(&t, what, &b->joint[i].decode);
    }
    ok = lt_table_print(&t) && ok;
    if (b->has_calls) {
        printf("\nNetwork %s over %d tools and %d entities (%d blocks, %d tokens, %.1f MiB)\n",
               b->name, c->n_tools, c->n_entities, c->n_blocks, c->n_block_tokens,
               (double)c->block_bytes / 1048576);
        lt_table_columns(&t, rates, 8);
        row_rate(&t, "utterance tokens", &c->encode);
        row_rate(&t, "decisions", &c->decide);
        row_rate(&t, "catalogue tokens", &c->catalogue);
        ok = lt_table_print(&t) && ok;
        printf("whole call: p50 %.0f us, p99 %.0f us over %d calls, %.1f decisions a call\n"
               "network and catalogue: %.1f MiB resident; catalogue compiled in %.1f ms\n",
               c->call_us.median, c->call_us.p99, c->call_us.n, c->decisions_per_call,
               b->resident_mib - b->resident_before_mib, c->compile_ms);
        ok = print_growth(b) && ok;
        ok = print_loads(b) && ok;
    }
    if (b->has_step) {
        const struct san_bench_step *x = &b->step;
        printf("\nFine-tuning it: batches of %d cases, %d encoder tokens, %s products\n",
               x->n_cases, x->n_tokens, x->is_bf16 ? "bfloat16" : "fp32");
        lt_table_columns(&t, rates, 8);
        row_rate(&t, "cases", &x->rate);
        ok = lt_table_print(&t) && ok;
        printf("a step: %.0f ms (p10-p90 %.0f-%.0f), the optimiser %.0f of them\n", x->ms.median,
               x->ms.low, x->ms.high, x->optimiser_ms);
    }
    printf("\npeak resident memory of this run: %.0f MiB\n", b->peak_mib);
    return ok && !fflush(stdout);
}

int lt_cmd_bench(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    char model[1024], catalog[1024];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    struct bench b = {.is_quick = value[OPT_QUICK] != NULL,
                      .model = value[OPT_MODEL],
                      .catalog = value[OPT_CATALOG],
                      .texts = first < argc ? (const char *const *)(argv + first) : utterances,
                      .n_texts = first < argc ? argc - first : N_UTTERANCES};
    if (!b.model && lt_config_find_shipped(LT_MODEL_SHIPPED, model, sizeof model)) b.model = model;
    if (!b.catalog && lt_config_find_shipped("demo/catalog.json", catalog, sizeof catalog))
        b.catalog = catalog;
    if (b.model && !b.catalog)
        return lt_cli_usage(&spec, "the demo home is not installed; name one with --catalog");
    if (!b.model)
        fprintf(stderr, "lintel bench: no network is installed: what needs one is left out; name "
                        "one with --model\n");
    struct lt_diag diag = {0};
    enum lt_err err = measure(&b, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    if (!b.machine.is_optimised)
        fprintf(stderr, "lintel bench: this build is not optimised; its figures mean little\n");
    json_t *json = lt_cli_wants_json(value[OPT_JSON]) ? json_of(&b) : NULL;
    int ok = json ? lt_cli_print_json(json) : print_all(&b);
    json_decref(json);
    return ok ? LT_EXIT_DONE : LT_EXIT_FAILED;
}
