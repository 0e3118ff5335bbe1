/* test_tier.c - the cloud tier against servers that check each request as the vendors would: one
 * repair, results that go back, two endpoints at once, money under concurrency, and privacy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_loop.h"
#include "lt/json.h"
#include "stub_http.h"
#include "tier.h"
#include "vendor_answer.h"
#include "vendor_spec.h"

#define HOME                                                                                       \
    "{\"tools\":[{\"name\":\"light_set\",\"description\":\"Switch or dim one lamp.\","             \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\","           \
    "\"x-entity\":true},\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}},"          \
    "\"required\":[\"name\"]}},{\"name\":\"get_state\",\"description\":\"Read one device.\","      \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\","           \
    "\"x-entity\":true}},\"required\":[\"name\"]}}],\"home\":{\"areas\":[{\"name\":\"Hall\"}],"    \
    "\"entities\":[{\"id\":\"light.a\",\"name\":\"Anna's Lamp\",\"area\":\"Hall\","                \
    "\"domain\":\"light\"}]}}"
#define LAMP "\"name\":\"Anna's Lamp\""

struct world {
    struct http_loop loop;
    struct lt_config config;
    struct lt_budget budget;
    struct lt_docs *docs;
    struct lt_site_catalog *catalog;
    struct vendor_spec *spec;
    struct stub *stub, *other;
    struct lt_tier *tier;
    char *bodies[128];
    int n_bodies;
    /* what run was asked for */
    int n_runs;
    uint64_t ticket;
    char ran[256];
};

struct seen {
    int n;
    struct lt_tier_answer a;
};

static void on_answer(void *ctx, struct lt_tier_answer *a)
{
    struct seen *s = ctx;
    s->n++;
    s->a = *a;
    memset(a, 0, sizeof *a);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct lt_diag d = {0};
    json_object_seed(1);
    http_loop_init(&w->loop);
    w->catalog = calloc(1, sizeof *w->catalog);
    w->catalog->n_refs = 1;
    if (lt_docs_open(&w->docs, &d) ||
        lt_catalog_parse(w->docs, HOME, strlen(HOME), &w->catalog->checked, &d))
        fail_msg("%s", d.text);
    w->spec = vendor_spec_load();
    w->stub = stub_start(vendor_spec_check, w->spec);
    w->other = stub_start(vendor_spec_check, w->spec);
    lt_budget_init(&w->budget, lt_now_unix_ms());
    *state = w;
    return 0;
}

static void end_tier(struct world *w)
{
    lt_tier_free(w->tier);
    w->tier = NULL;
    lt_config_free(&w->config);
}

static int teardown(void **state)
{
    struct world *w = *state;
    end_tier(w);
    lt_site_catalog_unref(w->catalog);
    lt_docs_close(w->docs);
    stub_stop(w->stub);
    stub_stop(w->other);
    vendor_spec_free(w->spec);
    int rc = http_loop_fini(&w->loop);
    for (int i = 0; i < w->n_bodies; i++) free(w->bodies[i]);
    free(w);
    return rc;
}

/* A tier of the given vendors (-1 ends), the first at `stub`, further ones at `other`. */
static void begin(struct world *w, const char *extra, int vendor, int second)
{
    char text[2048];
    struct lt_diag d = {0};
    end_tier(w);
    stub_clear(w->stub);
    stub_clear(w->other);
    int n = snprintf(text, sizeof text,
                     "sites: [home]\ncloud:\n  timeout_ms: 3000\n%s  endpoints:\n", extra);
    for (int i = 0; i < 2; i++) {
        int v = i ? second : vendor;
        if (v < 0) break;
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "    - provider: %s\n      base_url: http://127.0.0.1:%d%s\n%s",
                      vendor_names[v], stub_port(i ? w->other : w->stub), vendor_bases[v],
                      v == 3 ? "      model: gpt-6-luna\n      effort: none\n" : "");
    }
    if (lt_config_parse(text, strlen(text), "test.yaml", &w->config, &d) ||
        lt_tier_new(&w->loop.io.io, &w->config, &w->budget, &w->tier, &d))
        fail_msg("%s\n%s", d.text, text);
}

/* The stub answers this next; `body` is freed at the end. */
static void push(struct world *w, struct stub *s, int status, char *body)
{
    assert_true(w->n_bodies < 128);
    w->bodies[w->n_bodies++] = body;
    stub_push(s, (struct stub_reply){.status = status,
                                     .headers = "content-type: application/json\r\n",
                                     .body = body});
}

static void ask_within(struct world *w, const char *text, int64_t ms, lt_tier_run_fn run,
                       struct seen *s)
{
    static const int providers[] = {0, 1};
    struct lt_tier_question q = {.text = text,
                                 .site = "home",
                                 .catalog = w->catalog,
                                 .providers = providers,
                                 .n_providers = (int)w->config.cloud.n_endpoints,
                                 .deadline_us = lt_now_us() + ms * 1000,
                                 .run = run};
    assert_int_equal(lt_tier_ask(w->tier, &q, on_answer, s), LT_OK);
}

static struct seen ask(struct world *w, const char *text)
{
    struct seen s = {0};
    ask_within(w, text, 3000, NULL, &s);
    http_loop_until(&w->loop, &s.n);
    if (*stub_complaint(w->stub)) fail_msg("%s", stub_complaint(w->stub));
    return s;
}

static int level_of(const struct seen *s, size_t i)
{
    const json_t *call = json_array_get(s->a.calls, i);
    return (int)json_integer_value(json_object_get(json_object_get(call, "arguments"), "level"));
}

/* ---- repair ---- */

static void test_tier__wrong_call__repaired_once_with_the_reason(void **state)
{
    static const struct {
        const char *name, *args, *reason;
    } wrong[] = {
        {"light_set", "{" LAMP ",\"level\":500}", "500"},
        {"light_set", "{\"name\":\"Garage\",\"level\":5}", "Garage"},
        {"light_switch", "{" LAMP "}", "light_switch"},
        {"light_set", "{\"level\":5}", "name"},
        {"light_set", "{" LAMP ",", "JSON"}, /* OpenAI kinds only */
    };
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            if (v < 2 && i == 4) continue;
            begin(w, "", v, -1);
            push(w, w->stub, 200, vendor_call(v, wrong[i].name, wrong[i].args));
            push(w, w->stub, 200, vendor_call(v, "light_set", "{" LAMP ",\"level\":50}"));
            struct seen s = ask(w, "dim the lamp");
            assert_int_equal(s.a.outcome, LT_OUTCOME_ANSWERED);
            assert_int_equal(json_array_size(s.a.calls), 1);
            assert_int_equal(level_of(&s, 0), 50);
            assert_int_equal(stub_n_requests(w->stub), 2);
            const char *sent = stub_request(w->stub, 1)->body;
            if (!strstr(sent, wrong[i].reason)) fail_msg("no %s in %s", wrong[i].reason, sent);
            /* what must be echoed went back as it came */
            static const char *const echo[] = {"c2lnbmF0dXJl", "c2ln", "b3BhcXVl", "call_1"};
            assert_non_null(strstr(sent, echo[v]));
            assert_int_equal(s.a.n_attempts, 2);
            lt_tier_answer_fini(&s.a);
        }
}

static void test_tier__wrong_twice__given_to_the_judge_and_asked_no_more(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        begin(w, "", v, -1);
        for (int k = 0; k < 3; k++)
            push(w, w->stub, 200, vendor_call(v, "light_set", "{" LAMP ",\"level\":101}"));
        struct seen s = ask(w, "dim the lamp");
        assert_int_equal(s.a.outcome, LT_OUTCOME_ANSWERED);
        assert_int_equal(level_of(&s, 0), 101);
        assert_int_equal(stub_n_requests(w->stub), 2);
        lt_tier_answer_fini(&s.a);
    }
}

static void test_tier__no_steps_left__not_repaired(void **state)
{
    struct world *w = *state;
    begin(w, "  max_steps: 1\n", 0, -1);
    push(w, w->stub, 200, vendor_call(0, "light_set", "{" LAMP ",\"level\":101}"));
    struct seen s = ask(w, "dim the lamp");
    assert_int_equal(stub_n_requests(w->stub), 1);
    lt_tier_answer_fini(&s.a);
}

/* ---- results go back ---- */

struct running {
    struct seen seen; /* first, since it is what the tier is given */
    struct world *w;
};

static enum lt_tier_run on_run(void *ctx, const json_t *calls, uint64_t ticket, json_t **results)
{
    struct running *r = ctx;
    (void)results;
    char *text = json_dumps(calls, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(r->w->ran, sizeof r->w->ran, "%s", text);
    free(text);
    r->w->n_runs++;
    r->w->ticket = ticket;
    return LT_TIER_RUN_LATER;
}

static void run_until(struct world *w, const struct running *r, int n_runs)
{
    while (!r->seen.n && w->n_runs < n_runs) uv_run(&w->loop.loop, UV_RUN_ONCE);
}

static void test_tier__read__result_goes_back_until_the_model_speaks(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        struct running r = {.w = w};
        w->n_runs = 0;
        begin(w, "", v, -1);
        push(w, w->stub, 200, vendor_call(v, "get_state", "{" LAMP "}"));
        push(w, w->stub, 200, vendor_text(v, "It is on."));
        ask_within(w, "is the lamp on", 60000, on_run, &r.seen);
        run_until(w, &r, 1);
        assert_non_null(strstr(w->ran, "get_state"));
        json_t *results = json_pack("[{s:{s:s}}]", "output", "state", "on-and-42");
        lt_tier_ran(w->tier, w->ticket + 7, results); /* nobody's ticket */
        lt_tier_ran(w->tier, w->ticket, results);
        lt_tier_ran(w->tier, w->ticket, results); /* twice: once is enough */
        json_decref(results);
        http_loop_until(&w->loop, &r.seen.n);
        if (*stub_complaint(w->stub)) fail_msg("%s", stub_complaint(w->stub));
        assert_int_equal(r.seen.a.outcome, LT_OUTCOME_ANSWERED);
        assert_string_equal(r.seen.a.speech, "It is on.");
        assert_int_equal(r.seen.a.n_done, 1);
        assert_int_equal(json_array_size(r.seen.a.calls), 1);
        assert_int_equal(stub_n_requests(w->stub), 2);
        assert_non_null(strstr(stub_request(w->stub, 1)->body, "on-and-42"));
        lt_tier_answer_fini(&r.seen.a);
    }
}

/* What a model is shown of a call is cut at 8 KB: between letters, not within one. */
static void test_tier__long_result__cut_between_letters(void **state)
{
    struct world *w = *state;
    char text[9001];
    for (int shift = 0; shift < 3; shift++) { /* 3 bytes a letter: each cut is met once */
        struct running r = {.w = w};
        size_t n = (size_t)shift;
        memset(text, 'x', n);
        for (; n + 3 < sizeof text; n += 3) memcpy(text + n, "\u30e9", 3);
        text[n] = '\0';
        w->n_runs = 0;
        begin(w, "", 0, -1);
        push(w, w->stub, 200, vendor_call(0, "get_state", "{" LAMP "}"));
        push(w, w->stub, 200, vendor_text(0, "It is on."));
        ask_within(w, "is the lamp on", 60000, on_run, &r.seen);
        run_until(w, &r, 1);
        json_t *results = json_pack("[{s:s}]", "output", text);
        lt_tier_ran(w->tier, w->ticket, results);
        json_decref(results);
        http_loop_until(&w->loop, &r.seen.n);
        assert_int_equal(r.seen.a.outcome, LT_OUTCOME_ANSWERED);
        json_t *sent = json_loads(stub_request(w->stub, 1)->body, 0, NULL);
        assert_non_null(sent);
        json_decref(sent);
        assert_non_null(strstr(stub_request(w->stub, 1)->body, "\u30e9\u30e9"));
        lt_tier_answer_fini(&r.seen.a);
    }
}

static enum lt_tier_run run_nothing(void *ctx, const json_t *calls, uint64_t ticket,
                                    json_t **results)
{
    (void)ctx, (void)calls, (void)ticket, (void)results;
    return LT_TIER_RUN_NOT;
}

static void test_tier__read_that_nobody_answers_or_mixed__is_the_answer(void **state)
{
    static const char *const names[] = {"get_state", "light_set"};
    static const char *const args[] = {"{" LAMP "}", "{" LAMP ",\"level\":5}"};
    struct world *w = *state;
    struct running r = {.w = w};
    w->n_runs = 0;
    begin(w, "", 0, -1);
    push(w, w->stub, 200, vendor_call(0, names[0], args[0]));
    ask_within(w, "is the lamp on", 60000, run_nothing, &r.seen);
    http_loop_until(&w->loop, &r.seen.n);
    assert_int_equal(json_array_size(r.seen.a.calls), 1);
    assert_int_equal(r.seen.a.n_done, 0);
    lt_tier_answer_fini(&r.seen.a);
    begin(w, "  follow_up: never\n", 0, -1);
    push(w, w->stub, 200, vendor_calls(0, 2, names, args));
    r.seen.n = 0;
    ask_within(w, "is the lamp on? dim it", 60000, on_run, &r.seen);
    http_loop_until(&w->loop, &r.seen.n);
    assert_int_equal(json_array_size(r.seen.a.calls), 2); /* one moves: nothing in between */
    assert_int_equal(w->n_runs, 0);
    lt_tier_answer_fini(&r.seen.a);
}

/* What a model hears of actions: cloud.follow_up, whether it said closing words, and how they went. */
static void test_tier__action__heard_of_as_configured(void **state)
{
    static const struct {
        const char *follow_up;
        int has_words, is_failed, n_requests;
    } rows[] = {
        {"auto", 0, 0, 2},    {"auto", 1, 0, 1},    {"auto", 1, 1, 2},  {"always", 1, 0, 2},
        {"trouble", 0, 0, 1}, {"trouble", 0, 1, 2}, {"never", 0, 0, 1}, {"never", 0, 1, 1},
    };
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct running r = {.w = w};
            char extra[64];
            int is_asked = strcmp(rows[i].follow_up, "never") != 0;
            w->n_runs = 0;
            snprintf(extra, sizeof extra, "  follow_up: %s\n", rows[i].follow_up);
            begin(w, extra, v, -1);
            push(w, w->stub, 200,
                 rows[i].has_words
                     ? vendor_said_call(v, "It is dim.", "light_set", "{" LAMP ",\"level\":5}")
                     : vendor_call(v, "light_set", "{" LAMP ",\"level\":5}"));
            push(w, w->stub, 200, vendor_text(v, "So it is."));
            ask_within(w, "dim the lamp", 60000, on_run, &r.seen);
            if (is_asked) {
                run_until(w, &r, 1);
                json_t *results = json_pack("[{s:s,s:b}]", "output", "what-came-of-it", "failed",
                                            rows[i].is_failed);
                lt_tier_ran(w->tier, w->ticket, results);
                json_decref(results);
            }
            http_loop_until(&w->loop, &r.seen.n);
            if (*stub_complaint(w->stub)) fail_msg("%s", stub_complaint(w->stub));
            assert_int_equal(r.seen.a.outcome, LT_OUTCOME_ANSWERED);
            assert_int_equal(r.seen.a.n_done, is_asked);
            assert_int_equal(json_array_size(r.seen.a.calls), 1);
            assert_int_equal(stub_n_requests(w->stub), rows[i].n_requests);
            const char *words = rows[i].n_requests > 1 ? "So it is."
                                : rows[i].has_words    ? "It is dim."
                                                       : "";
            assert_string_equal(r.seen.a.speech ? r.seen.a.speech : "", words);
            if (rows[i].n_requests > 1)
                assert_non_null(strstr(stub_request(w->stub, 1)->body, "what-came-of-it"));
            lt_tier_answer_fini(&r.seen.a);
        }
}

static void test_tier__deadline_while_acting__answered_with_what_was_begun(void **state)
{
    struct world *w = *state;
    struct running r = {.w = w};
    w->n_runs = 0;
    for (int64_t ms = 500; !w->n_runs; ms *= 2) { /* longer where the first turn takes longer */
        assert_true(ms < 60000);
        begin(w, "", 0, -1);
        push(w, w->stub, 200, vendor_call(0, "light_set", "{" LAMP ",\"level\":5}"));
        r.seen.n = 0;
        lt_tier_answer_fini(&r.seen.a);
        ask_within(w, "dim the lamp", ms, on_run, &r.seen);
        http_loop_until(&w->loop, &r.seen.n); /* nobody says what came of it */
    }
    assert_int_equal(r.seen.a.outcome, LT_OUTCOME_ANSWERED);
    assert_int_equal(r.seen.a.n_done, 1);
    json_t *results = json_pack("[{s:s}]", "output", "done");
    lt_tier_ran(w->tier, w->ticket, results); /* too late: ignored */
    json_decref(results);
    lt_tier_answer_fini(&r.seen.a);
}

static void test_tier__reads_for_ever__made_to_speak_at_the_last_step(void **state)
{
    static const char *const forbidden[] = {"\"tool_choice\":{\"type\":\"none\"}",
                                            "\"mode\":\"NONE\"", "\"tool_choice\":\"none\"",
                                            "\"tool_choice\":\"none\""};
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        struct running r = {.w = w};
        w->n_runs = 0;
        begin(w, "  max_steps: 3\n", v, -1);
        for (int k = 0; k < 4; k++)
            push(w, w->stub, 200, vendor_call(v, "get_state", "{" LAMP "}"));
        ask_within(w, "is the lamp on", 60000, on_run, &r.seen);
        json_t *results = json_pack("[{s:s}]", "output", "on");
        for (int k = 1; k <= 2; k++) {
            run_until(w, &r, k);
            lt_tier_ran(w->tier, w->ticket, results);
        }
        json_decref(results);
        http_loop_until(&w->loop, &r.seen.n);
        assert_int_equal(w->n_runs, 2);
        assert_int_equal(stub_n_requests(w->stub), 3);
        assert_null(strstr(stub_request(w->stub, 1)->body, forbidden[v]));
        assert_non_null(strstr(stub_request(w->stub, 2)->body, forbidden[v]));
        lt_tier_answer_fini(&r.seen.a);
    }
}

static void test_tier__fails_after_a_call_was_carried_out__nobody_else_is_asked(void **state)
{
    struct world *w = *state;
    struct running r = {.w = w};
    begin(w, "", 0, 2);
    push(w, w->stub, 200, vendor_call(0, "get_state", "{" LAMP "}"));
    push(w, w->stub, 401, strdup("{}"));
    ask_within(w, "is the lamp on", 60000, on_run, &r.seen);
    run_until(w, &r, 1);
    json_t *results = json_pack("[{s:s}]", "output", "on");
    lt_tier_ran(w->tier, w->ticket, results);
    json_decref(results);
    http_loop_until(&w->loop, &r.seen.n);
    assert_int_equal(r.seen.a.outcome, LT_OUTCOME_ANSWERED);
    assert_int_equal(r.seen.a.n_done, 1);
    assert_int_equal(stub_n_requests(w->other), 0);
    lt_tier_answer_fini(&r.seen.a);
}

/* ---- said while it comes ---- */

#define EVENTS "content-type: text/event-stream\r\n"

struct speaking {
    struct seen seen; /* first, since it is what the tier is given */
    char said[512];   /* sentences, with | behind each */
};

static void on_say(void *ctx, const char *sentence)
{
    struct speaking *s = ctx;
    size_t n = strlen(s->said);
    assert_int_equal(s->seen.n, 0);
    snprintf(s->said + n, sizeof s->said - n, "%s|", sentence);
}

static void push_stream(struct world *w, struct stub *s, enum stub_kind kind, char *body,
                        size_t piece)
{
    assert_true(w->n_bodies < 128);
    w->bodies[w->n_bodies++] = body;
    stub_push(s, (struct stub_reply){
                     .kind = kind, .status = 200, .headers = EVENTS, .body = body, .piece = piece});
}

static void hear(struct world *w, const char *text, struct speaking *s)
{
    static const int providers[] = {0, 1};
    struct lt_tier_question q = {.text = text,
                                 .site = "home",
                                 .catalog = w->catalog,
                                 .providers = providers,
                                 .n_providers = (int)w->config.cloud.n_endpoints,
                                 .deadline_us = lt_now_us() + 3000000,
                                 .say = on_say};
    assert_int_equal(lt_tier_ask(w->tier, &q, on_answer, s), LT_OK);
    http_loop_until(&w->loop, &s->seen.n);
    if (*stub_complaint(w->stub)) fail_msg("%s", stub_complaint(w->stub));
}

static const char *const words[] = {"Perso", "n-1 left at", " 5.30. The lamp", " is on! And",
                                    " it rains"};

static void test_tier__streamed_words__given_out_by_sentence_with_the_homes_words(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        struct speaking s = {.said = ""};
        begin(w, "  redact_names: [Tom]\n", v, -1);
        push_stream(w, w->stub, STUB_PIECES, vendor_stream(v, 5, words, NULL, NULL, 0), 40);
        hear(w, "when did Tom leave", &s);
        assert_string_equal(s.said, "Tom left at 5.30.|The lamp is on!|");
        assert_int_equal(s.seen.a.outcome, LT_OUTCOME_ANSWERED);
        assert_int_equal(s.seen.a.n_said, 2);
        assert_string_equal(s.seen.a.speech, "Tom left at 5.30. The lamp is on! And it rains");
        assert_string_equal(s.seen.a.rest, "And it rains");
        lt_tier_answer_fini(&s.seen.a);
    }
}

static void test_tier__stream_breaks_off_or_is_refused__what_was_said_does_not_stand(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        struct speaking s = {.said = ""};
        begin(w, "", v, -1);
        char *cut = vendor_stream(v, 5, words, NULL, NULL, 1);
        push_stream(w, w->stub, STUB_CUT, cut, strlen(cut));
        push_stream(w, w->stub, STUB_ANSWER, vendor_stream(v, 1, &words[4], NULL, NULL, 0), 0);
        hear(w, "hello", &s);
        assert_non_null(strstr(s.said, "The lamp is on!|"));
        assert_null(strstr(s.said, "rains")); /* the second try is silent */
        assert_int_equal(s.seen.a.outcome, LT_OUTCOME_ANSWERED);
        assert_string_equal(s.seen.a.speech, " it rains");
        assert_int_equal(s.seen.a.n_said, 2);
        assert_null(s.seen.a.rest);
        assert_int_equal(s.seen.a.n_attempts, 2);
        assert_true(s.seen.a.cost_usd_micro > 0);
        lt_tier_answer_fini(&s.seen.a);
    }
}

static void test_tier__streamed_call_that_does_not_fit__repaired_and_never_half(void **state)
{
    static const char *const sure[] = {"I will do that. ", "Now"};
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        struct speaking s = {.said = ""};
        begin(w, "", v, -1);
        push_stream(w, w->stub, STUB_CHUNKED,
                    vendor_stream(v, 2, sure, "light_set", "{" LAMP ",\"level\":500}", 0), 0);
        push_stream(w, w->stub, STUB_CHUNKED,
                    vendor_stream(v, 0, NULL, "light_set", "{" LAMP ",\"level\":50}", 0), 0);
        hear(w, "dim the lamp", &s);
        assert_string_equal(s.said, "I will do that.|");
        assert_int_equal(json_array_size(s.seen.a.calls), 1);
        assert_int_equal(level_of(&s.seen, 0), 50);
        assert_null(s.seen.a.rest); /* the last turn said nothing */
        lt_tier_answer_fini(&s.seen.a);
        /* the same call in a stream that ends before its end: nothing */
        begin(w, "", v, -1);
        for (int k = 0; k < 2; k++) {
            char *whole = vendor_stream(v, 2, sure, "light_set", "{" LAMP ",\"level\":50}", 0);
            char *name = strstr(whole, "light_set");
            push_stream(w, w->stub, STUB_CUT, whole, (size_t)(name - whole) + 12);
        }
        struct speaking t = {.said = ""};
        hear(w, "dim the lamp", &t);
        assert_int_equal(t.seen.a.outcome, LT_OUTCOME_FAILED);
        assert_int_equal(json_array_size(t.seen.a.calls), 0);
        lt_tier_answer_fini(&t.seen.a);
    }
}

static void test_tier__first_speaks_slowly__nobody_is_asked_beside_it(void **state)
{
    struct world *w = *state;
    struct speaking s = {.said = ""};
    begin(w, "  hedge_ms: 100\n", 0, 1);
    push_stream(w, w->stub, STUB_PIECES, vendor_stream(0, 5, words, NULL, NULL, 0),
                4); /* 1 ms each */
    push_stream(w, w->other, STUB_ANSWER, vendor_stream(1, 5, words, NULL, NULL, 0), 0);
    hear(w, "hello", &s);
    assert_int_equal(s.seen.a.outcome, LT_OUTCOME_ANSWERED);
    /* whoever answered, one voice was heard and no sentence twice */
    char *first = strstr(s.said, "The lamp is on!|");
    assert_true(!first || !strstr(first + 1, "The lamp is on!|"));
    lt_tier_answer_fini(&s.seen.a);
}

static void test_tier__server_without_tools_in_streams__asked_in_one_from_then_on(void **state)
{
    struct world *w = *state;
    begin(w, "", 3, -1);
    push(w, w->stub, 500,
         strdup("{\"error\":{\"code\":500,\"message\":\"Cannot use tools with stream\",\"type\":"
                "\"server_error\"}}"));
    for (int k = 0; k < 2; k++) push(w, w->stub, 200, vendor_text(3, "Hello."));
    for (int k = 0; k < 2; k++) {
        struct speaking s = {.said = ""};
        hear(w, "hello", &s);
        assert_string_equal(s.seen.a.speech, "Hello.");
        lt_tier_answer_fini(&s.seen.a);
    }
    assert_int_equal(stub_n_requests(w->stub), 3);
    assert_non_null(strstr(stub_request(w->stub, 0)->body, "\"stream\":true"));
    for (size_t k = 1; k < 3; k++)
        assert_null(strstr(stub_request(w->stub, k)->body, "\"stream\""));
}

static void test_tier__stream_switched_off__asked_in_one(void **state)
{
    struct world *w = *state;
    struct speaking s = {.said = ""};
    begin(w, "", 3, -1);
    w->config.cloud.endpoints[0].stream = 0;
    lt_tier_free(w->tier);
    assert_int_equal(lt_tier_new(&w->loop.io.io, &w->config, &w->budget, &w->tier, NULL), LT_OK);
    push(w, w->stub, 200, vendor_text(3, "One. Two."));
    hear(w, "hello", &s);
    assert_string_equal(s.seen.a.speech, "One. Two.");
    assert_null(strstr(stub_request(w->stub, 0)->body, "stream"));
    assert_int_equal(s.seen.a.n_said, 0);
    lt_tier_answer_fini(&s.seen.a);
}

/* ---- the chain ---- */

static void test_tier__first_fails__second_answers(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        begin(w, "", v, (v + 1) % N_VENDORS);
        push(w, w->stub, 403, strdup("{}"));
        push(w, w->other, 200, vendor_text((v + 1) % N_VENDORS, "Hello."));
        struct seen s = ask(w, "hello");
        assert_string_equal(s.a.speech, "Hello.");
        assert_int_equal(s.a.n_attempts, 2);
        lt_tier_answer_fini(&s.a);
    }
}

static void test_tier__first_is_slow__second_is_asked_beside_it(void **state)
{
    struct world *w = *state;
    begin(w, "  hedge_ms: 30\n", 0, 1);
    stub_push(w->stub, (struct stub_reply){.kind = STUB_SILENT});
    push(w, w->other, 200, vendor_text(1, "Here."));
    struct seen s = ask(w, "hello");
    assert_string_equal(s.a.speech, "Here.");
    assert_true(s.a.total_us < 2500000); /* far from the first one's time-out */
    assert_int_equal(w->budget.reserved_usd_micro, 0);
    assert_true(w->budget.day_spent_usd_micro > 0); /* the loser's prompt counts too */
    assert_true(s.a.cost_usd_micro == w->budget.day_spent_usd_micro);
    lt_tier_answer_fini(&s.a);
}

static void test_tier__setting_refused__left_out_from_then_on(void **state)
{
    static const char refusal[] =
        "{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens' is "
        "not supported with this model. Use 'max_completion_tokens'.\","
        "\"type\":\"invalid_request_error\"}}";
    struct world *w = *state;
    begin(w, "", 3, -1);
    push(w, w->stub, 400, strdup(refusal));
    push(w, w->stub, 200, vendor_text(3, "Hello."));
    push(w, w->stub, 200, vendor_text(3, "Again."));
    struct seen s = ask(w, "hello");
    assert_string_equal(s.a.speech, "Hello.");
    lt_tier_answer_fini(&s.a);
    assert_null(strstr(stub_request(w->stub, 0)->body, "max_completion_tokens"));
    assert_non_null(strstr(stub_request(w->stub, 1)->body, "max_completion_tokens"));
    s = ask(w, "hello again");
    assert_non_null(strstr(stub_request(w->stub, 2)->body, "max_completion_tokens"));
    lt_tier_answer_fini(&s.a);
}

static void test_tier__told_to_wait__waits_and_asks_again(void **state)
{
    struct world *w = *state;
    begin(w, "", 0, -1);
    for (int i = 0; i < 2; i++) /* the attempt and its retry */
        stub_push(w->stub, (struct stub_reply){
                               .status = 429, .headers = "retry-after-ms: 120\r\n", .body = "{}"});
    push(w, w->stub, 200, vendor_text(0, "First."));
    push(w, w->stub, 200, vendor_text(0, "Second."));
    struct seen a = ask(w, "hello"); /* is its endpoint's last: nobody else to ask */
    assert_int_equal(a.a.outcome, LT_OUTCOME_FAILED);
    lt_tier_answer_fini(&a.a);
    int is_open = 1;
    lt_tier_closed(w->tier, lt_now_us(), &is_open, 1);
    assert_false(is_open); /* so short that it is worth while */
    a = ask(w, "hello again");
    assert_string_equal(a.a.speech, "First.");
    assert_true(a.a.total_us > 50000);
    lt_tier_answer_fini(&a.a);
    a = ask(w, "and again"); /* no trial is needed */
    assert_string_equal(a.a.speech, "Second.");
    lt_tier_answer_fini(&a.a);
}

/* ---- money ---- */

static void test_tier__many_at_once__cap_holds(void **state)
{
    enum { N = 30 };
    struct world *w = *state;
    struct seen s[N] = {{0}};
    int n_answered = 0;
    begin(w, "", 0, -1);
    /* 100 * 0.1 + 10 * 0.5 = 15 micro-USD each; 10,000 are reserved while one is under way */
    w->budget.day_cap_usd_micro = 50000;
    for (int i = 0; i < N; i++) push(w, w->stub, 200, vendor_text(0, "Hello."));
    for (int i = 0; i < N; i++) ask_within(w, "hello", 5000, NULL, &s[i]);
    for (int i = 0; i < N; i++) http_loop_until(&w->loop, &s[i].n);
    for (int i = 0; i < N; i++) {
        n_answered += s[i].a.outcome == LT_OUTCOME_ANSWERED;
        lt_tier_answer_fini(&s[i].a);
    }
    assert_int_equal(n_answered, 5); /* the rest found no room beside these */
    assert_int_equal(stub_n_requests(w->stub), 5);
    assert_int_equal(w->budget.reserved_usd_micro, 0);
    assert_int_equal(w->budget.day_spent_usd_micro, 75);
}

static void test_tier__no_price__counts_as_its_estimate_and_is_told(void **state)
{
    struct world *w = *state;
    struct lt_diag d = {0};
    char text[512];
    begin(w, "", 0, -1);
    end_tier(w);
    snprintf(text, sizeof text,
             "sites: [home]\ncloud:\n  endpoints:\n    - provider: anthropic\n      model: "
             "claude-next-9\n"
             "      estimate_usd: 0.02\n      base_url: http://127.0.0.1:%d\n",
             stub_port(w->stub));
    if (lt_config_parse(text, strlen(text), "test.yaml", &w->config, &d) ||
        lt_tier_new(&w->loop.io.io, &w->config, &w->budget, &w->tier, &d))
        fail_msg("%s", d.text);
    assert_non_null(strstr(lt_tier_fault(w->tier), "line 4: cloud.endpoints[0].model"));
    push(w, w->stub, 200, vendor_text(0, "Hello."));
    struct seen s = ask(w, "hello");
    assert_int_equal(w->budget.day_spent_usd_micro, 20000);
    assert_int_equal(s.a.cost_usd_micro, 20000);
    lt_tier_answer_fini(&s.a);
    push(w, w->stub, 401, strdup("{}"));
    s = ask(w, "hello"); /* refused, so not billed */
    assert_int_equal(w->budget.day_spent_usd_micro, 20000);
    assert_int_equal(w->budget.reserved_usd_micro, 0);
    lt_tier_answer_fini(&s.a);
}

/* A vendor without a key, and one whose key is nowhere: left out and told, before anything is sent. */
static void test_tier__no_key__left_out_and_told(void **state)
{
    static const char *const rows[][2] = {
        {"anthropic", "cloud endpoint 1 (anthropic) is left out: it has no key"},
        {"gemini\n      key: file:/nonexistent/key", "/nonexistent/key"},
    };
    struct world *w = *state;
    struct lt_diag d = {0};
    char text[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(w, "", 0, -1);
        end_tier(w);
        snprintf(text, sizeof text, "cloud:\n  endpoints:\n    - provider: %s\n", rows[i][0]);
        if (lt_config_parse(text, strlen(text), "test.yaml", &w->config, &d) ||
            lt_tier_new(&w->loop.io.io, &w->config, &w->budget, &w->tier, &d))
            fail_msg("%s", d.text);
        const char *fault = lt_tier_fault(w->tier);
        if (!strstr(fault, rows[i][1])) fail_msg("'%s' lacks '%s'", fault, rows[i][1]);
        int is_open = 0; /* as a breaker: no request is offered to it */
        lt_tier_closed(w->tier, lt_now_us(), &is_open, 1);
        assert_true(is_open);
    }
}

/* ---- privacy ---- */

static void test_tier__hidden_names__never_sent_and_calls_resolve(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        begin(w, "  redact: [names, numbers, addresses, home]\n  redact_names: [Tom]\n", v, -1);
        push(w, w->stub, 200, vendor_call(v, "light_set", "{\"name\":\"Device-1\",\"level\":500}"));
        push(w, w->stub, 200, vendor_call(v, "light_set", "{\"name\":\"Device-1\",\"level\":5}"));
        struct seen s = ask(w, "Tom wants Anna's Lamp at 5 percent, call 0171 5551234");
        assert_int_equal(json_array_size(s.a.calls), 1);
        const json_t *args = json_object_get(json_array_get(s.a.calls, 0), "arguments");
        assert_string_equal(json_string_value(json_object_get(args, "name")), "Anna's Lamp");
        for (size_t i = 0; i < 2; i++) {
            const char *body = stub_request(w->stub, i)->body;
            assert_null(strstr(body, "Anna"));
            assert_null(strstr(body, "Hall"));
            assert_null(strstr(body, "Tom"));
            assert_null(strstr(body, "5551234"));
            assert_non_null(strstr(body, "Device-1 at 5 percent, call Number-1"));
            assert_string_equal(s.a.attempts[i].sent, body); /* the owner may read all of it */
        }
        lt_tier_answer_fini(&s.a);
    }
}

static void test_tier__freed_while_asking__no_callback(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    begin(w, "", 0, -1);
    stub_push(w->stub, (struct stub_reply){.kind = STUB_SILENT});
    ask_within(w, "hello", 3000, NULL, &s);
    http_loop_for(&w->loop, 50);
    end_tier(w);
    http_loop_for(&w->loop, 20);
    assert_int_equal(s.n, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST(test_tier__wrong_call__repaired_once_with_the_reason),
        TEST(test_tier__wrong_twice__given_to_the_judge_and_asked_no_more),
        TEST(test_tier__no_steps_left__not_repaired),
        TEST(test_tier__read__result_goes_back_until_the_model_speaks),
        TEST(test_tier__long_result__cut_between_letters),
        TEST(test_tier__read_that_nobody_answers_or_mixed__is_the_answer),
        TEST(test_tier__action__heard_of_as_configured),
        TEST(test_tier__deadline_while_acting__answered_with_what_was_begun),
        TEST(test_tier__reads_for_ever__made_to_speak_at_the_last_step),
        TEST(test_tier__fails_after_a_call_was_carried_out__nobody_else_is_asked),
        TEST(test_tier__streamed_words__given_out_by_sentence_with_the_homes_words),
        TEST(test_tier__stream_breaks_off_or_is_refused__what_was_said_does_not_stand),
        TEST(test_tier__streamed_call_that_does_not_fit__repaired_and_never_half),
        TEST(test_tier__first_speaks_slowly__nobody_is_asked_beside_it),
        TEST(test_tier__server_without_tools_in_streams__asked_in_one_from_then_on),
        TEST(test_tier__stream_switched_off__asked_in_one),
        TEST(test_tier__first_fails__second_answers),
        TEST(test_tier__first_is_slow__second_is_asked_beside_it),
        TEST(test_tier__setting_refused__left_out_from_then_on),
        TEST(test_tier__told_to_wait__waits_and_asks_again),
        TEST(test_tier__many_at_once__cap_holds),
        TEST(test_tier__no_price__counts_as_its_estimate_and_is_told),
        TEST(test_tier__no_key__left_out_and_told),
        TEST(test_tier__hidden_names__never_sent_and_calls_resolve),
        TEST(test_tier__freed_while_asking__no_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
