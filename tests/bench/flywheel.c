/* flywheel.c - a month of the flywheel, simulated: does less leave the house every week, and stays what
 * is done without asking right?
 *
 *     bench_flywheel --work DIR [--seed N] [--weeks N] [--homes N] [--wishes N] [--json]
 *
 * What is real: the shipped network and its engine, the router's decision, the store with its labels, the
 * curation, `finetune`'s run with its judgement, registering and activating a network. What is played:
 * the people (flywheel_world.h), the calendar, and the teacher: a cloud model that answers each request
 * handed to it, rightly 97 times in 100, for 1,600 micro-USD. Of wrong executions people notice 60 %: half
 * of these are told with the right calls (feedback), the others undone or said again. 3 % of the right ones
 * are praised. The rest is silence.
 *
 * The gate is 0.85 as configured, and tools that the network has not learnt are always handed on
 * (gate.new_tool 1). After each week all labelled traces so far are exported and learnt; a network that is
 * not refused is promoted, its tools count as learnt, and where the kept labels suffice for the promise
 * (alpha 2 %, delta 10 %) its gate is taken.
 * The table: requests, of these answered without the cloud, wrong ones among what was done so, wrong ones
 * among all that was done, spend; then what the week's learning came to. Deterministic by the seed; times
 * go to stderr. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "curate.h"
#include "flywheel_world.h"
#include "lt/catalog.h"
#include "lt/clock.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "lt/router.h"
#include "lt/store.h"
#include "model.h"
#include "san/engine.h"
#include "san/finetune.h"
#include "san/score.h"

#define T0        INT64_C(1767571200000) /* Monday 2026-01-05, 00:00 UTC */
#define DAY_MS    INT64_C(86400000)
#define WEEK_MS   (7 * DAY_MS)
#define COST      1600 /* micro-USD of one cloud answer */
#define TEACHER   97   /* of 100 answers are right */
#define NOTICED   60   /* of 100 wrong executions are complained about */
#define PRAISED   3    /* of 100 right ones */
#define GATE      0.85
#define ALPHA     0.02
#define WEEKS_MAX 12

struct week {
    int n, n_cloud, n_local, n_wrong_local, n_done, n_wrong, n_own, n_own_cloud;
    int64_t spent;
    double gate;
    char model[64];
    struct san_finetune_report learnt;
};

struct sim {
    uint64_t seed, steps; /* steps 0: as lintel finetune */
    int n_weeks, n_homes, n_wishes;
    const char *work, *tree, *mix;
    struct world *world;
    struct san_rand r; /* of teacher and people */
    struct lt_store *store;
    struct lt_docs *docs;
    struct san_engine *engine;
    struct san_catalog *compiled[WORLD_HOMES_MAX];
    struct lt_catalog *checked[WORLD_HOMES_MAX];
    char model[1024];
    json_t *unlearnt; /* tools that the network in use has not learnt */
    double gate;
    struct week weeks[WEEKS_MAX];
};

static void ok(enum lt_err err, const struct lt_diag *diag)
{
    if (!err) return;
    fprintf(stderr, "flywheel: %s\n", diag->text[0] ? diag->text : lt_strerror(err));
    exit(1);
}

static int chance(struct sim *s, int percent)
{
    return (int)(san_rand_u64(&s->r) % 100) < percent;
}

/* ---- the network in use ---- */

static void open_network(struct sim *s)
{
    struct lt_diag diag = {0};
    for (int i = 0; i < s->n_homes; i++) san_catalog_unref(s->compiled[i]);
    san_engine_close(s->engine);
    ok(san_engine_open(s->model, &s->engine, &diag), &diag);
    for (int i = 0; i < s->n_homes; i++) {
        const char *text = lt_catalog_text(s->checked[i]);
        ok(san_catalog_new(s->engine, text, strlen(text), &s->compiled[i], &diag), &diag);
    }
}

static void open_homes(struct sim *s, const json_t *demo)
{
    struct lt_diag diag = {0};
    char name[24];
    s->world = world_new(s->seed, s->n_homes, demo);
    if (!s->world) exit(1);
    s->unlearnt = json_deep_copy(world_new_tools(s->world));
    for (int i = 0; i < s->n_homes; i++) {
        json_t *copy = json_deep_copy(world_catalog(s->world, i));
        snprintf(name, sizeof name, "home-%d", i + 1);
        ok(lt_catalog_new(s->docs, copy, &s->checked[i], &diag), &diag);
        ok(lt_store_catalog_put(s->store, lt_catalog_hash(s->checked[i]),
                                lt_catalog_text(s->checked[i]), T0, &diag),
           &diag);
        ok(lt_store_site_put(s->store, name, lt_catalog_hash(s->checked[i]), T0, &diag), &diag);
        json_decref(copy);
    }
}

/* ---- one request ---- */

struct request {
    int home;
    int64_t at;
    struct wish wish;
    json_t *local, *done; /* the network's calls; those carried out */
    char *local_text;
    double confidence;
    struct lt_decision d;
    int is_right;
    char trace[LT_ULID_CAP];
};

static int is_right(struct sim *s, const struct request *q, const json_t *calls)
{
    json_t *c = json_pack("{s:s,s:O,s:O}", "query", q->wish.text, "answers", q->wish.answers,
                          "home", json_object_get(world_catalog(s->world, q->home), "home"));
    int right = san_judge(c, calls).equiv;
    json_decref(c);
    return right;
}

static void decide(struct sim *s, struct request *q)
{
    static const struct lt_provider_rule teacher = {.name = "teacher", .estimate_usd_micro = COST};
    struct lt_diag diag = {0};
    struct san_answer a = {0};
    struct san_request ask = {.text = q->wish.text};
    struct lt_policy policy;
    ok(san_call(s->engine, s->compiled[q->home], &ask, &a, &diag), &diag);
    ok(lt_json_parse(a.calls_json, strlen(a.calls_json), LT_DOC_MAX_BYTES_REQUEST, &q->local,
                     &diag),
       &diag);
    q->local_text = strdup(a.calls_json);
    q->confidence = a.confidence;
    lt_policy_init(&policy);
    policy.gate = policy.gate_nothing = s->gate;
    policy.gate_new = 1;
    policy.providers = &teacher;
    policy.n_providers = 1;
    struct lt_facts facts = {.site = "home",
                             .left_ms = INT64_MAX,
                             .budget_left_usd_micro = INT64_MAX,
                             .new_tools = s->unlearnt};
    struct lt_local local = {q->local, q->confidence};
    lt_router_decide(&policy, s->checked[q->home], &facts, &local, &q->d, NULL);
    san_answer_free(&a);
}

/* The trace as the gateway writes it. */
static void record(struct sim *s, struct request *q)
{
    struct lt_diag diag = {0};
    char site[24], *done = lt_json_dump(q->done);
    int is_cloud = q->d.route == LT_ROUTE_CLOUD, is_new;
    snprintf(site, sizeof site, "home-%d", q->home + 1);
    struct lt_trace_new t = {.site = site,
                             .source = "mqtt",
                             .text = q->wish.text,
                             .text_len = strlen(q->wish.text),
                             .catalog_hash = lt_catalog_hash(s->checked[q->home]),
                             .received_unix_ms = q->at};
    ok(lt_store_trace_accept(s->store, &t, q->trace, &is_new, &diag), &diag);
    struct lt_trace_decision d = {.route = lt_route_word(q->d.route),
                                  .why = lt_why_code(q->d.why),
                                  .model = san_engine_model_name(s->engine),
                                  .calls_json = q->local_text,
                                  .confidence = q->confidence};
    ok(lt_store_trace_decided(s->store, q->trace, &d, &diag), &diag);
    if (is_cloud) {
        struct lt_store_attempt a = {.provider = "teacher",
                                     .model = "teacher",
                                     .status = "ok",
                                     .http_status = 200,
                                     .cost_usd_micro = COST,
                                     .started_unix_ms = q->at,
                                     .calls_json = done};
        struct lt_label l = {.source = "cloud",
                             .is_correct = json_equal(q->local, q->done),
                             .calls_json = done,
                             .now_unix_ms = q->at};
        ok(lt_store_attempt_add(s->store, q->trace, &a, &diag), &diag);
        ok(lt_store_spend_add(s->store, site, "teacher", q->at, COST, 0, 0, &diag), &diag);
        ok(lt_store_label_add(s->store, q->trace, &l, &diag), &diag);
    }
    struct lt_trace_answer a = {.route = lt_route_word(q->d.route),
                                .why = lt_why_code(q->d.why),
                                .calls_json = done,
                                .result_json = "{}",
                                .cost_usd_micro = is_cloud ? COST : 0};
    ok(lt_store_trace_answered(s->store, q->trace, &a, &diag), &diag);
    if (json_array_size(q->done))
        ok(lt_store_trace_executed(s->store, q->trace, NULL, q->at, &diag), &diag);
    free(done);
}

/* What the people say about it. */
static void complain(struct sim *s, const struct request *q)
{
    struct lt_diag diag = {0};
    struct lt_label l = {.source = "user", .now_unix_ms = q->at + 5000};
    char *right = NULL;
    if (q->is_right) {
        if (!chance(s, PRAISED)) return;
        l.is_correct = 1;
    } else {
        if (!chance(s, NOTICED)) return;
        int how = (int)(san_rand_u64(&s->r) % 10);
        if (how < 5)
            l.calls_json = right = lt_json_dump(q->wish.answers);
        else
            l.source = how < 8 ? "undo" : "rephrase";
    }
    ok(lt_store_label_add(s->store, q->trace, &l, &diag), &diag);
    free(right);
}

static void one(struct sim *s, struct week *w, int week, int i)
{
    struct request q = {.home = i % s->n_homes,
                        .at = T0 + week * WEEK_MS + i * (WEEK_MS / (s->n_wishes * s->n_homes))};
    world_wish(s->world, q.home, &q.wish);
    decide(s, &q);
    int is_cloud = q.d.route == LT_ROUTE_CLOUD, is_own = !strcmp(q.wish.kind, "own");
    if (is_cloud)
        q.done = chance(s, TEACHER) ? json_incref(q.wish.answers)
                                    : world_mistake(s->world, q.home, q.wish.answers);
    else
        q.done = q.d.calls ? json_deep_copy(q.d.calls) : json_array();
    q.is_right = is_right(s, &q, q.done);
    record(s, &q);
    complain(s, &q);
    w->n++;
    w->n_own += is_own;
    w->n_own_cloud += is_own && is_cloud;
    w->n_cloud += is_cloud;
    w->n_local += !is_cloud;
    w->n_wrong_local += !is_cloud && !q.is_right;
    w->n_wrong += !q.is_right;
    w->spent += is_cloud ? COST : 0;
    if (getenv("FLYWHEEL_ERRORS") && !is_cloud && !q.is_right)
        fprintf(stderr, "wrong: %s %d \"%s\": %s (%.3f)\n", q.wish.kind, q.wish.template_no,
                q.wish.text, q.local_text, q.confidence);
    json_decref(q.wish.answers);
    json_decref(q.local);
    json_decref(q.done);
    free(q.local_text);
}

/* ---- the week's end ---- */

static void say(const char *stage, const struct san_train_report *t, void *user)
{
    (void)user;
    if (!t)
        fprintf(stderr, "  %s\n", stage);
    else if (t->step % 25 == 0)
        fprintf(stderr, "  learning: %llu of %llu\n", (unsigned long long)t->step,
                (unsigned long long)t->steps);
}

static void promote(struct sim *s, const char *path, struct week *w)
{
    struct lt_diag diag = {0};
    char hash[LT_SHA256_HEX_CAP];
    const char *tool;
    json_t *n;
    ok(lt_model_register(s->store, path, NULL, hash, &diag), &diag);
    ok(lt_store_model_activate(s->store, hash, T0, &diag), &diag);
    snprintf(s->model, sizeof s->model, "%s", path);
    json_object_foreach(w->learnt.learnt, tool, n) json_object_del(s->unlearnt, tool);
    s->gate = w->learnt.promise_new.is_kept ? w->learnt.promise_new.gate : GATE;
    open_network(s);
}

static void learn(struct sim *s, struct week *w, int week)
{
    struct lt_diag diag = {0};
    char lines[600], out[600], work[600], name[64];
    struct lt_curate c = {.silent_before_unix_ms = T0 + (week + 1) * WEEK_MS - DAY_MS};
    struct san_finetune_options o = san_finetune_options_default();
    const char *files[] = {lines};
    snprintf(lines, sizeof lines, "%s/week-%d.jsonl", s->work, week + 1);
    snprintf(out, sizeof out, "%s/week-%d.gguf", s->work, week + 1);
    snprintf(work, sizeof work, "%s/week-%d.work", s->work, week + 1);
    snprintf(name, sizeof name, "week-%d", week + 1);
    FILE *f = fopen(lines, "w");
    if (!f) exit(1);
    ok(lt_curate_export(s->store, &c, f, &diag), &diag);
    fclose(f);
    fprintf(stderr, "week %d: %lld lines\n", week + 1, (long long)c.n_written);
    o.init_path = s->model;
    o.out_path = out;
    o.work_dir = work;
    o.files = files;
    o.n_files = 1;
    o.gen.tree_dir = s->tree;
    o.gen.mix_path = s->mix;
    o.gen.seed = o.seed = s->seed + (uint64_t)week;
    o.alpha = ALPHA;
    if (s->steps) o.steps = s->steps;
    o.name = name;
    o.progress = say;
    lt_us t0 = lt_now_us();
    ok(san_finetune_run(&o, &w->learnt, &diag), &diag);
    fprintf(stderr, "  %.0f s; %s\n", (double)(lt_now_us() - t0) / 1e6,
            w->learnt.is_better ? "promoted" : w->learnt.why);
    if (w->learnt.is_better) promote(s, out, w);
}

/* ---- the table ---- */

static double share(int k, int n)
{
    return n ? 100.0 * k / n : 0;
}

static void print(const struct sim *s)
{
    printf(
        "| week | network | gate | requests | local | own tools local | wrong of local | wrong of "
        "all | spend | learnt, kept examples right | base cases | then |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < s->n_weeks; i++) {
        const struct week *w = s->weeks + i;
        const struct san_difference *own = &w->learnt.own, *base = &w->learnt.base;
        printf(
            "| %d | %s | %.2f | %d | %.1f %% | %.1f %% | %.2f %% (%d of %d) | %.2f %% | $%.2f | ",
            i + 1, w->model, w->gate, w->n, share(w->n_local, w->n),
            share(w->n_own - w->n_own_cloud, w->n_own), share(w->n_wrong_local, w->n_local),
            w->n_wrong_local, w->n_local, share(w->n_wrong, w->n), (double)w->spent / 1e6);
        if (own->n)
            printf("%.1f -> %.1f %% of %d | %+.2f points of %d | %s%s |\n",
                   share(own->n_old, own->n), share(own->n_new, own->n), own->n, 100 * base->mean,
                   base->n, w->learnt.is_better ? "promoted" : "refused",
                   w->learnt.promise_new.is_kept ? ", gate promised" : "");
        else
            printf("| | |\n");
    }
    const struct week *a = s->weeks, *b = s->weeks + s->n_weeks - 1;
    double before = share(a->n_cloud, a->n), after = share(b->n_cloud, b->n);
    int n_over = 0;
    for (int i = 0; i < s->n_weeks; i++)
        n_over += share(s->weeks[i].n_wrong_local, s->weeks[i].n_local) > 100 * ALPHA;
    printf("\nThe cloud's share fell from %.1f %% to %.1f %%: by %.1f %%. Weeks with more than "
           "%.0f %% "
           "wrong of what was done here: %d of %d.\n",
           before, after, before > 0 ? 100 * (before - after) / before : 0, 100 * ALPHA, n_over,
           s->n_weeks);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"work", 1, NULL, 'w'},   {"seed", 1, NULL, 's'},
                                            {"weeks", 1, NULL, 'k'},  {"homes", 1, NULL, 'h'},
                                            {"wishes", 1, NULL, 'n'}, {"tree", 1, NULL, 't'},   {"mix", 1, NULL, 'm'},
        {"steps", 1, NULL, 'b'},  {NULL, 0, NULL, 0}};
    struct sim s = {.seed = 1,
                    .n_weeks = 4,
                    .n_homes = 6,
                    .n_wishes = 140,
                    .gate = GATE,
                    .tree = SOURCE_DIR "/engine/data",
                    .mix = SOURCE_DIR "/engine/train/mix.json"};
    struct lt_diag diag = {0};
    char db[600];
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'w')
            s.work = optarg;
        else if (c == 's')
            s.seed = strtoull(optarg, NULL, 10);
        else if (c == 'k')
            s.n_weeks = atoi(optarg);
        else if (c == 'h')
            s.n_homes = atoi(optarg);
        else if (c == 'n')
            s.n_wishes = atoi(optarg);
        else if (c == 't')
            s.tree = optarg;
        else if (c == 'm')
            s.mix = optarg;
        else if (c == 'b')
            s.steps = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    if (!s.work || s.n_weeks < 1 || s.n_weeks > WEEKS_MAX || s.n_homes < 1 ||
        s.n_homes > WORLD_HOMES_MAX || s.n_wishes < 1) {
        fprintf(stderr,
                "usage: %s --work DIR [--seed N] [--weeks 1..%d] [--homes 1..%d] [--wishes N]\n",
                argv[0], WEEKS_MAX, WORLD_HOMES_MAX);
        return 2;
    }
    if (mkdir(s.work, 0700)) {
        fprintf(stderr, "flywheel: %s must be a new folder\n", s.work);
        return 1;
    }
    snprintf(s.model, sizeof s.model, "%s/engine/" LT_MODEL_SHIPPED, SOURCE_DIR);
    snprintf(db, sizeof db, "%s/month.db", s.work);
    struct lt_store_options so = {.path = db};
    json_t *demo = json_load_file(SOURCE_DIR "/deploy/demo/catalog.json", 0, NULL);
    if (!demo) return 1;
    ok(lt_docs_open(&s.docs, &diag), &diag);
    ok(lt_store_open(&so, &s.store, &diag), &diag);
    san_rand_seed(&s.r, s.seed * 7919 + 1);
    open_homes(&s, demo);
    open_network(&s);
    for (int week = 0; week < s.n_weeks; week++) {
        struct week *w = s.weeks + week;
        w->gate = s.gate;
        snprintf(w->model, sizeof w->model, "%s", san_engine_model_name(s.engine));
        ok(lt_store_begin(s.store, 1, &diag), &diag);
        for (int i = 0; i < s.n_wishes * s.n_homes; i++) one(&s, w, week, i);
        ok(lt_store_commit(s.store, &diag), &diag);
        fprintf(stderr, "week %d: %.1f %% local, %.2f %% of it wrong\n", week + 1,
                share(w->n_local, w->n), share(w->n_wrong_local, w->n_local));
        if (week + 1 < s.n_weeks) learn(&s, w, week);
    }
    print(&s);
    for (int i = 0; i < s.n_homes; i++) {
        san_catalog_unref(s.compiled[i]);
        lt_catalog_unref(s.checked[i]);
    }
    for (int i = 0; i < s.n_weeks; i++) json_decref(s.weeks[i].learnt.learnt);
    san_engine_close(s.engine);
    lt_store_close(s.store);
    lt_docs_close(s.docs);
    world_free(s.world);
    json_decref(s.unlearnt);
    json_decref(demo);
    return 0;
}
