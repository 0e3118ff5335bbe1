/* test_adapters.c - every adapter against a server that checks each request as the vendor would and
 * then answers well, badly or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "bad_answers.h"
#include "http_loop.h"
#include "lt/cloud.h"
#include "vendor_spec.h"

#define UTTERANCE "Dim the kitchen to 30 percent and tell me whether the back door is locked."
#define SYSTEM    "You control a home. Call tools; answer in one short sentence."
#define TOOLS                                                                                      \
    "[{\"name\":\"light_set\",\"description\":\"Switch or dim the lights of one area.\","          \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"area\":{\"type\":\"string\","           \
    "\"description\":\"room or zone name\",\"x-area\":true},\"on\":{\"type\":\"boolean\"},"        \
    "\"brightness_pct\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}},"                    \
    "\"required\":[\"area\",\"on\"]}},"                                                            \
    "{\"name\":\"get_state\",\"description\":\"Read one entity.\",\"parameters\":{"                \
    "\"type\":\"object\",\"properties\":{\"entity_id\":{\"type\":\"string\"}},"                    \
    "\"required\":[\"entity_id\"],\"additionalProperties\":false}}]"

/* One row per adapter, in the order of bad_answers.h. */
struct vendor {
    const char *name, *base, *model, *path;
    unsigned caps;
    const char *turn1, *turn2, *turn2_request; /* fixtures */
    const char *list;                          /* where the conversation is in a request */
    int64_t cost1, cost2;                      /* by hand from the fixtures' usage */
};

static const struct vendor VENDOR[N_ADAPTERS] = {
    /* 41*0.1 + 655*0.125 + 131*0.5 = 151.475;  203*0.1 + 655*0.01 + 19*0.5 = 36.35 */
    {"anthropic", "", NULL, "/v1/messages", 0, "anthropic/turn1.response.json",
     "anthropic/turn2.response.json", "anthropic/turn2.request.json", "messages", 152, 37},
    /* 210*0.3 + (44+30)*2.5 = 248;  330*0.3 + (16+8)*2.5 = 159 */
    {"gemini", "/v1beta", NULL, "/v1beta/models/gemini-3.5-flash-lite:generateContent", 0,
     "gemini/turn1.response.json", "gemini/turn2.response.json", "gemini/turn2.request.json",
     "contents", 248, 159},
    /* 300*0.1 + 90*0.5 = 75;  420*0.1 + 20*0.5 = 52 */
    {"openai", "/v1", NULL, "/v1/responses", 0, "openai/responses.turn1.response.json",
     "openai/responses.turn2.response.json", "openai/responses.turn2.request.json", "input", 75,
     52},
    /* 155*0.1 + 60*0.5 = 45.5;  240*0.1 + 18*0.5 = 33 */
    {"openai-chat", "/v1", "gpt-6-luna", "/v1/chat/completions",
     LT_CHAT_EXPLICIT | LT_CHAT_COMPLETION_TOKENS | LT_CHAT_DEVELOPER | LT_CHAT_STRICT |
         LT_CHAT_PARALLEL | LT_CHAT_EFFORT,
     "openai/chat.turn1.response.json", "openai/chat.turn2.response.json",
     "openai/chat.turn2.request.json", "messages", 46, 33},
};

struct world {
    struct http_loop loop;
    struct lt_http *http;
    struct lt_prices *prices;
    struct lt_cloud *cloud;
    struct lt_secret *key;
    struct lt_cloud_tools *tools;
    struct vendor_spec *spec;
    struct stub *stub;
    char base[N_ADAPTERS][64];
    char *files[64]; /* fixtures in use by the stub */
    size_t n_files;
};

/* What a callback saw, copied. */
struct seen {
    int n;
    enum lt_cloud_class cls;
    size_t n_tries, n_calls;
    struct lt_cloud_try tries[LT_CLOUD_MAX_TRIES];
    char name[4][64], args[4][256], id[4][64];
    int is_known[4];
    char text[256], why[512];
    char *raw_turn, *sent;
    struct lt_cloud_usage usage;
    int64_t cost, retry_after_ms;
    int is_price_known;
};

static struct world W;

static int setup(void **state)
{
    struct world *w = *state = &W;
    memset(w, 0, sizeof *w);
    setenv("LT_TEST_KEY", KEY, 1);
    http_loop_init(&w->loop);
    assert_int_equal(lt_secret_read("env:LT_TEST_KEY", &w->key, NULL), LT_OK);
    assert_int_equal(lt_prices_load(NULL, &w->prices, NULL), LT_OK);
    assert_int_equal(lt_http_new(&w->loop.io.io, NULL, &w->http, NULL), LT_OK);
    assert_int_equal(lt_cloud_new(&w->loop.io.io, w->http, w->prices, 7, &w->cloud, NULL), LT_OK);
    struct lt_diag d = {0};
    if (lt_cloud_tools_new(TOOLS, strlen(TOOLS), &w->tools, &d)) fail_msg("%s", d.text);
    w->spec = vendor_spec_load();
    w->stub = stub_start(vendor_spec_check, w->spec);
    for (int a = 0; a < N_ADAPTERS; a++)
        snprintf(w->base[a], sizeof w->base[a], "http://127.0.0.1:%d%s", stub_port(w->stub),
                 VENDOR[a].base);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    lt_cloud_free(w->cloud);
    lt_http_free(w->http);
    int rc = http_loop_fini(&w->loop);
    stub_stop(w->stub);
    vendor_spec_free(w->spec);
    lt_cloud_tools_unref(w->tools);
    lt_prices_free(w->prices);
    lt_secret_free(w->key);
    for (size_t i = 0; i < w->n_files; i++) free(w->files[i]);
    return rc;
}

static const char *fixture(struct world *w, const char *path)
{
    char full[128];
    snprintf(full, sizeof full, "fixtures/%s", path);
    if (w->n_files >= sizeof w->files / sizeof *w->files) {
        while (w->n_files) free(w->files[--w->n_files]);
    }
    return w->files[w->n_files++] = spec_file(full);
}

static struct lt_cloud_endpoint endpoint(struct world *w, int a)
{
    return (struct lt_cloud_endpoint){.adapter = VENDOR[a].name,
                                      .base_url = w->base[a],
                                      .model = VENDOR[a].model,
                                      .key = w->key,
                                      .chat_caps = VENDOR[a].caps,
                                      .first_ms = 120,
                                      .gap_ms = 120};
}

static struct lt_cloud_request request(struct world *w)
{
    return (struct lt_cloud_request){
        .system_text = SYSTEM, .tools = w->tools, .utterance = UTTERANCE};
}

static void on_done(void *ctx, const struct lt_cloud_result *r)
{
    struct seen *s = ctx;
    s->n++;
    s->cls = r->cls;
    s->n_tries = r->n_tries;
    memcpy(s->tries, r->tries, r->n_tries * sizeof *r->tries);
    s->n_calls = r->reply->n_calls;
    for (size_t i = 0; i < s->n_calls && i < 4; i++) {
        snprintf(s->id[i], sizeof s->id[i], "%s", r->reply->calls[i].id);
        snprintf(s->name[i], sizeof s->name[i], "%s", r->reply->calls[i].name);
        snprintf(s->args[i], sizeof s->args[i], "%s", r->reply->calls[i].arguments_json);
        s->is_known[i] = r->reply->calls[i].is_known;
    }
    snprintf(s->text, sizeof s->text, "%s", r->reply->text ? r->reply->text : "");
    snprintf(s->why, sizeof s->why, "%s", r->text);
    s->raw_turn = r->reply->raw_turn ? strdup(r->reply->raw_turn) : NULL;
    s->sent = strdup(r->sent_body);
    s->usage = r->reply->usage;
    s->cost = r->cost_usd_micro;
    s->is_price_known = r->is_price_known;
    s->retry_after_ms = r->retry_after_ms;
    /* Whatever happened, the key is in no text that could be stored or shown. */
    assert_null(strstr(r->text, KEY));
    assert_null(strstr(r->sent_body, KEY));
    for (size_t i = 0; i < r->n_tries; i++) assert_null(strstr(r->tries[i].text, KEY));
}

static struct seen ask(struct world *w, const struct lt_cloud_endpoint *e,
                       const struct lt_cloud_request *req, int64_t deadline_ms)
{
    struct seen s = {0};
    struct lt_diag d = {0};
    lt_us start = lt_now_us();
    if (lt_cloud_ask(w->cloud, e, req, start + deadline_ms * 1000, on_done, &s, NULL, &d))
        fail_msg("%s: %s", e->adapter, d.text);
    assert_int_equal(s.n, 0);
    http_loop_until(&w->loop, &s.n);
    /* far beyond what a slow machine adds: a deadline that is not kept at all */
    if (lt_now_us() - start > (deadline_ms + 10000) * 1000) fail_msg("%s: late", e->adapter);
    if (stub_complaint(w->stub)[0]) fail_msg("%s: %s", e->adapter, stub_complaint(w->stub));
    return s;
}

static void seen_free(struct seen *s)
{
    free(s->raw_turn);
    free(s->sent);
}

/* ---- good answers --------------------------------------------------------------------------- */

static void test_adapters__parallel_calls__are_read_with_usage_and_cost(void **state)
{
    struct world *w = *state;
    for (int a = 0; a < N_ADAPTERS; a++) {
        const struct vendor *v = &VENDOR[a];
        stub_clear(w->stub);
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = fixture(w, v->turn1)});
        struct lt_cloud_endpoint e = endpoint(w, a);
        struct lt_cloud_request req = request(w);
        struct seen s = ask(w, &e, &req, 30000);
        if (s.cls != LT_CLS_OK) fail_msg("%s: %s", v->name, s.why);
        assert_string_equal(stub_request(w->stub, 0)->path, v->path);
        assert_int_equal(s.n_calls, 2);
        assert_string_equal(s.name[0], "light_set");
        assert_string_equal(s.name[1], "get_state");
        assert_true(s.is_known[0] && s.is_known[1]);
        json_t *args = json_loads(s.args[0], 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(args, "brightness_pct")), 30);
        assert_true(json_is_true(json_object_get(args, "on")));
        json_decref(args);
        assert_string_equal(s.args[1], "{\"entity_id\":\"lock.back_door\"}");
        assert_int_equal(s.cost, v->cost1);
        assert_true(s.is_price_known);
        assert_int_equal(s.n_tries, 1);
        assert_int_equal(s.tries[0].n_calls, 2);
        assert_non_null(s.raw_turn);
        seen_free(&s);
    }
}

static void test_adapters__results_of_calls__go_back_as_the_vendor_wants_them(void **state)
{
    struct world *w = *state;
    for (int a = 0; a < N_ADAPTERS; a++) {
        const struct vendor *v = &VENDOR[a];
        stub_clear(w->stub);
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = fixture(w, v->turn1)});
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = fixture(w, v->turn2)});
        struct lt_cloud_endpoint e = endpoint(w, a);
        struct lt_cloud_request req = request(w);
        struct seen s1 = ask(w, &e, &req, 30000);
        assert_int_equal(s1.cls, LT_CLS_OK);
        struct lt_cloud_tool_result results[] = {
            {s1.id[0], s1.name[0], "ok", false},
            {s1.id[1], s1.name[1], "{\"state\":\"locked\"}", false}};
        struct lt_cloud_turn turns[] = {
            {.kind = LT_TURN_RAW, .text = s1.raw_turn},
            {.kind = LT_TURN_RESULTS, .results = results, .n_results = 2}};
        req.turns = turns;
        req.n_turns = 2;
        struct seen s2 = ask(w, &e, &req, 30000);
        assert_int_equal(s2.cls, LT_CLS_OK);
        assert_string_equal(s2.text, "The kitchen is at 30 percent and the back door is locked.");
        assert_int_equal(s2.n_calls, 0);
        assert_int_equal(s2.cost, v->cost2);
        /* The conversation as sent is the one of the worked example, raw turn and all. */
        json_t *sent = json_loads(s2.sent, 0, NULL);
        json_t *want = json_loads(fixture(w, v->turn2_request), 0, NULL);
        if (!json_equal(json_object_get(sent, v->list), json_object_get(want, v->list)))
            fail_msg("%s sent %s", v->name, s2.sent);
        json_decref(sent);
        json_decref(want);
        /* and what comes before it has not moved by a byte, so that the vendor's cache hits */
        json_t *b1 = json_loads(s1.sent, 0, NULL), *b2 = json_loads(s2.sent, 0, NULL);
        char *t1 = json_dumps(json_object_get(b1, "tools"), JSON_COMPACT);
        char *t2 = json_dumps(json_object_get(b2, "tools"), JSON_COMPACT);
        assert_string_equal(t1, t2);
        assert_non_null(strstr(s2.sent, t1));
        free(t1);
        free(t2);
        json_decref(b1);
        json_decref(b2);
        seen_free(&s1);
        seen_free(&s2);
    }
}

static void test_adapters__history_place_and_choice__fit_every_vendor(void **state)
{
    struct world *w = *state;
    static const struct lt_cloud_turn history[] = {
        {.kind = LT_TURN_USER, .text = "Good morning"},
        {.kind = LT_TURN_ASSISTANT, .text = "Good morning!"}};
    for (int a = 0; a < N_ADAPTERS; a++)
        for (int choice = LT_CHOICE_AUTO; choice <= LT_CHOICE_NONE; choice++) {
            stub_clear(w->stub);
            stub_push(w->stub,
                      (struct stub_reply){.status = 200, .body = fixture(w, VENDOR[a].turn2)});
            struct lt_cloud_endpoint e = endpoint(w, a);
            e.is_strict_off = choice == LT_CHOICE_MUST;
            e.user_hash = "0123abcd";
            struct lt_cloud_request req = request(w);
            req.home_summary = "Areas: Kitchen, Hall";
            req.context = "It is Tuesday.";
            req.here = "Hall";
            req.history = history;
            req.n_history = 2;
            req.choice = (enum lt_cloud_tool_choice)choice;
            req.is_one_call_only = choice == LT_CHOICE_AUTO;
            req.max_tokens = 5;
            struct seen s = ask(w, &e, &req, 30000);
            assert_int_equal(s.cls, LT_CLS_OK);
            assert_non_null(
                strstr(s.sent, "It is Tuesday.\\n\\nSpeaking from: Hall\\n\\nDim the kitchen"));
            assert_non_null(strstr(s.sent, "Areas: Kitchen, Hall"));
            assert_null(strstr(s.sent, "temperature"));
            seen_free(&s);
        }
}

static void test_adapters__no_tools__sends_none(void **state)
{
    struct world *w = *state;
    for (int a = 0; a < N_ADAPTERS; a++) {
        stub_clear(w->stub);
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = fixture(w, VENDOR[a].turn2)});
        struct lt_cloud_endpoint e = endpoint(w, a);
        struct lt_cloud_request req = {.utterance = "hello"};
        struct seen s = ask(w, &e, &req, 30000);
        assert_int_equal(s.cls, LT_CLS_OK);
        assert_null(strstr(s.sent, "tool"));
        seen_free(&s);
    }
}

static void test_adapters__defaults__are_small_models_that_think_little(void **state)
{
    static const struct {
        int a;
        const char *model, *effort, *has;
    } rows[] = {
        {A_ANTHROPIC, NULL, NULL, "\"thinking\":{\"type\":\"disabled\"}"},
        {A_ANTHROPIC, "claude-sonnet-5-5", NULL, "\"thinking\":{\"type\":\"between_tools\"}"},
        {A_ANTHROPIC, "claude-opus-5-5", NULL, "\"output_config\":{\"effort\":\"low\"}"},
        {A_ANTHROPIC, NULL, "high", "\"output_config\":{\"effort\":\"high\"}"},
        {A_ANTHROPIC, NULL, NULL, "\"cache_control\":{\"type\":\"ephemeral\"}"},
        {A_GEMINI, NULL, NULL, "\"thinkingLevel\":\"minimal\""},
        {A_GEMINI, "gemini-3.8-flash", NULL, "\"thinkingLevel\":\"low\""},
        {A_GEMINI, NULL, NULL, "\"mode\":\"VALIDATED\""},
        {A_OPENAI, NULL, NULL, "\"reasoning\":{\"effort\":\"none\"}"},
        {A_OPENAI, "gpt-6.2-sol", NULL, "\"reasoning\":{\"effort\":\"low\"}"},
        {A_OPENAI, NULL, NULL, "\"store\":false"},
        {A_OPENAI, NULL, NULL, "\"prompt_cache_key\":\"lintel-"},
        {A_CHAT, NULL, NULL, "\"reasoning_effort\":\"none\""},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stub_clear(w->stub);
        stub_push(w->stub,
                  (struct stub_reply){.status = 200, .body = fixture(w, VENDOR[rows[i].a].turn2)});
        struct lt_cloud_endpoint e = endpoint(w, rows[i].a);
        if (rows[i].model) e.model = rows[i].model;
        e.effort = rows[i].effort;
        struct lt_cloud_request req = request(w);
        struct seen s = ask(w, &e, &req, 30000);
        if (!strstr(s.sent, rows[i].has)) fail_msg("no %s in %s", rows[i].has, s.sent);
        seen_free(&s);
    }
}

/* ---- bad answers ---------------------------------------------------------------------------- */

static void test_adapters__bad_answers__have_their_class_and_retries(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        for (int a = 0; a < N_ADAPTERS; a++) {
            const struct bad *b = &BAD[i];
            struct stub_reply reply = b->reply;
            if (b->a != ALL && b->a != a) continue;
            if (b->file) reply.body = fixture(w, b->file);
            struct lt_cloud_endpoint e = endpoint(w, a);
            struct lt_cloud_request req = request(w);
            struct seen s;
            /* So little time that the pause before a retry is the shortest one; more where a machine is so
             * slow that no retry fits. */
            for (int ms = 900;; ms *= 4) {
                stub_clear(w->stub);
                for (int k = 0; k < 3; k++) stub_push(w->stub, reply);
                s = ask(w, &e, &req, ms);
                if ((s.cls == b->cls && s.n_tries == b->n_tries) || ms > 10000) break;
                seen_free(&s);
            }
            if (s.cls != b->cls || s.n_tries != b->n_tries)
                fail_msg("%s, %s: %s after %zu tries (%s)", VENDOR[a].name, b->what,
                         lt_cloud_class_name(s.cls), s.n_tries, s.why);
            assert_int_equal(stub_n_requests(w->stub), b->n_tries);
            if (b->code && strcmp(s.tries[0].code, b->code) != 0)
                fail_msg("%s, %s: code '%s'", VENDOR[a].name, b->what, s.tries[0].code);
            /* nothing to carry out: a call is kept only to tell its maker that it is no JSON */
            for (size_t k = 0; k < s.n_calls; k++) assert_null(json_loads(s.args[k], 0, NULL));
            assert_int_equal(s.n_calls, strcmp(b->what, "bad arguments") == 0);
            assert_true(s.why[0]);
            if (s.n_tries == 2)
                assert_in_range(s.tries[1].wait_ms, LT_CLOUD_BACKOFF_MIN_MS,
                                LT_CLOUD_BACKOFF_MAX_MS);
            seen_free(&s);
        }
}

static void test_adapters__nobody_listens__is_network(void **state)
{
    struct world *w = *state;
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%d/v1", stub_dead_port());
    for (int a = 0; a < N_ADAPTERS; a++) {
        struct lt_cloud_endpoint e = endpoint(w, a);
        e.base_url = base;
        struct lt_cloud_request req = request(w);
        struct seen s = ask(w, &e, &req, 5000);
        assert_int_equal(s.cls, LT_CLS_NETWORK);
        assert_int_equal(s.n_tries, 2);
        assert_int_equal(s.tries[0].http_status, 0);
        seen_free(&s);
    }
}

static void test_adapters__no_such_host_or_no_tls__is_network_for_every_vendor(void **state)
{
    struct world *w = *state;
    char plain[64];
    snprintf(plain, sizeof plain, "https://127.0.0.1:%d", stub_port(w->stub));
    const char *const bases[] = {"https://no-such-host.invalid", plain};
    for (int a = 0; a < N_ADAPTERS; a++)
        for (int i = 0; i < 2; i++) {
            struct lt_cloud_endpoint e = endpoint(w, a);
            e.base_url = bases[i];
            struct lt_cloud_request req = request(w);
            struct seen s = ask(w, &e, &req, 900);
            /* a resolver that takes its time, or a server that waits for more, is a time-out */
            assert_true(s.cls == LT_CLS_NETWORK || s.cls == LT_CLS_TIMEOUT);
            assert_int_equal(s.tries[0].http_status, 0);
            assert_int_equal(s.n_calls, 0);
            seen_free(&s);
        }
}

/* ---- retries -------------------------------------------------------------------------------- */

static void test_adapters__stated_delay_that_fits__is_waited_for(void **state)
{
    static const char gemini[] =
        "{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\","
        "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":"
        "\"0.08s\"}]}}";
    struct world *w = *state;
    for (int a = 0; a < N_ADAPTERS; a++) {
        stub_clear(w->stub);
        stub_push(w->stub,
                  (struct stub_reply){.status = 429,
                                      .headers = a == A_GEMINI ? NULL : "retry-after-ms: 80\r\n",
                                      .body = a == A_GEMINI ? gemini : "{}"});
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = fixture(w, VENDOR[a].turn1)});
        struct lt_cloud_endpoint e = endpoint(w, a);
        struct lt_cloud_request req = request(w);
        struct seen s = ask(w, &e, &req, 30000);
        if (s.cls != LT_CLS_OK) fail_msg("%s: %s", VENDOR[a].name, s.why);
        assert_int_equal(s.n_tries, 2);
        assert_int_equal(s.tries[0].cls, LT_CLS_RATE);
        assert_int_equal(s.tries[0].retry_after_ms, 80);
        assert_int_equal(s.tries[1].wait_ms, 80);
        assert_int_equal(s.n_calls, 2);
        assert_int_equal(s.cost, VENDOR[a].cost1);
        seen_free(&s);
    }
}

static void test_adapters__stated_delay_too_long__is_reported_instead(void **state)
{
    struct world *w = *state;
    for (int a = 0; a < N_ADAPTERS; a++) {
        stub_clear(w->stub);
        stub_push(w->stub, (struct stub_reply){
                               .status = 429, .headers = "Retry-After: 30\r\n", .body = "{}"});
        struct lt_cloud_endpoint e = endpoint(w, a);
        struct lt_cloud_request req = request(w);
        struct seen s = ask(w, &e, &req, 2000);
        assert_int_equal(s.cls, LT_CLS_RATE);
        assert_int_equal(s.n_tries, 1);
        assert_int_equal(s.retry_after_ms, 30000);
        seen_free(&s);
    }
}

static void test_adapters__billed_failure_then_success__costs_both(void **state)
{
    struct world *w = *state;
    struct lt_cloud_endpoint e = endpoint(w, A_GEMINI);
    struct lt_cloud_request req = request(w);
    stub_push(w->stub,
              (struct stub_reply){.status = 200,
                                  .body = fixture(w, "gemini/malformed-call.response.json")});
    stub_push(w->stub,
              (struct stub_reply){.status = 200, .body = fixture(w, VENDOR[A_GEMINI].turn1)});
    struct seen s = ask(w, &e, &req, 30000);
    assert_int_equal(s.cls, LT_CLS_OK);
    assert_int_equal(s.tries[0].cost_usd_micro, 63); /* 210 * 0.3 */
    assert_int_equal(s.cost, 63 + VENDOR[A_GEMINI].cost1);
    assert_in_range(s.tries[1].wait_ms, LT_CLOUD_BACKOFF_MIN_MS, LT_CLOUD_BACKOFF_MAX_MS);
    seen_free(&s);
}

static void test_adapters__refusal_before_output__is_free(void **state)
{
    struct world *w = *state;
    struct lt_cloud_endpoint e = endpoint(w, A_ANTHROPIC);
    struct lt_cloud_request req = request(w);
    stub_push(w->stub, (struct stub_reply){.status = 200,
                                           .body = fixture(w, "anthropic/refusal.response.json")});
    struct seen s = ask(w, &e, &req, 30000);
    assert_int_equal(s.cls, LT_CLS_REFUSED);
    assert_int_equal(s.cost, 0);
    assert_true(s.is_price_known);
    seen_free(&s);
}

static void test_adapters__cancelled__never_calls_back(void **state)
{
    struct world *w = *state;
    struct lt_cloud_endpoint e = endpoint(w, A_ANTHROPIC);
    struct lt_cloud_request req = request(w);
    struct lt_cloud_ask *ask_ = NULL;
    struct seen s = {0};
    /* in flight */
    stub_push(w->stub, (struct stub_reply){.kind = STUB_SILENT});
    assert_int_equal(
        lt_cloud_ask(w->cloud, &e, &req, lt_now_us() + 2000000, on_done, &s, &ask_, NULL), LT_OK);
    http_loop_for(&w->loop, 40);
    lt_cloud_cancel(ask_);
    /* waiting for its retry */
    stub_push(w->stub, (struct stub_reply){.status = 529, .body = ""});
    assert_int_equal(
        lt_cloud_ask(w->cloud, &e, &req, lt_now_us() + 2000000, on_done, &s, &ask_, NULL), LT_OK);
    http_loop_for(&w->loop, 100);
    lt_cloud_cancel(ask_);
    http_loop_for(&w->loop, 100);
    assert_int_equal(s.n, 0);
    /* and one that is still open when the client goes, which teardown checks */
    stub_push(w->stub, (struct stub_reply){.kind = STUB_SILENT});
    assert_int_equal(
        lt_cloud_ask(w->cloud, &e, &req, lt_now_us() + 2000000, on_done, &s, NULL, NULL), LT_OK);
    http_loop_for(&w->loop, 20);
}

/* ---- oddities of compatible servers --------------------------------------------------------- */

static struct seen ask_local(struct world *w, const char *body)
{
    struct lt_cloud_endpoint e = endpoint(w, A_CHAT);
    e.model = "qwen3.5:2b";
    e.chat_caps = LT_CHAT_AUTO;
    e.key = NULL;
    e.price_as = "free";
    stub_clear(w->stub);
    stub_push(w->stub, (struct stub_reply){.status = 200, .body = body});
    struct lt_cloud_request req = request(w);
    return ask(w, &e, &req, 5000);
}

static void test_adapters__local_server__gets_the_common_core_without_key(void **state)
{
    struct world *w = *state;
    char v[64];
    struct seen s = ask_local(w, fixture(w, VENDOR[A_CHAT].turn2));
    assert_int_equal(s.cls, LT_CLS_OK);
    assert_int_equal(s.cost, 0);
    assert_true(s.is_price_known);
    assert_non_null(strstr(s.sent, "\"role\":\"system\""));
    assert_non_null(strstr(s.sent, "\"max_tokens\":1024"));
    assert_null(strstr(s.sent, "strict"));
    assert_null(strstr(s.sent, "parallel_tool_calls"));
    assert_null(stub_header(stub_request(w->stub, 0), "authorization", v, sizeof v));
    seen_free(&s);
}

static void test_adapters__arguments_as_object_and_missing_ids__are_taken(void **state)
{
    struct world *w = *state;
    struct seen s = ask_local(
        w, "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
           "{\"function\":{\"name\":\"light_set\",\"arguments\":{\"area\":\"hall\",\"on\":true,"
           "\"brightness_pct\":30.0}}},"
           "{\"id\":\"1\",\"function\":{\"name\":\"get_state\",\"arguments\":\"{\\\"entity_id\\\":"
           "\\\"a\\\"}\"}},{\"id\":\"1\",\"function\":{\"name\":\"unheard_of\"}}]},"
           "\"finish_reason\":\"stop\"}]}");
    assert_int_equal(s.cls, LT_CLS_OK);
    assert_int_equal(s.n_calls, 3);
    assert_string_equal(s.args[0], "{\"area\":\"hall\",\"on\":true,\"brightness_pct\":30}");
    assert_string_equal(s.id[1], "1");
    assert_string_not_equal(s.id[2], "1"); /* repeated, so replaced */
    assert_false(s.is_known[2]);
    assert_string_equal(s.args[2], "{}");
    assert_non_null(strstr(s.raw_turn, s.id[0])); /* results will name what the raw turn names */
    assert_true(s.usage.is_estimated);
    assert_true(s.usage.input_tokens > 0 && s.usage.output_tokens > 0);
    seen_free(&s);
}

static void test_adapters__call_as_text__is_found(void **state)
{
    struct world *w = *state;
    struct seen s = ask_local(
        w, "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"Sure. <tool_call>\\n"
           "{\\\"name\\\":\\\"get_state\\\",\\\"arguments\\\":{\\\"entity_id\\\":\\\"x\\\"}}\\n"
           "</tool_call>\"},\"finish_reason\":\"stop\"}]}");
    assert_int_equal(s.cls, LT_CLS_OK);
    assert_int_equal(s.n_calls, 1);
    assert_string_equal(s.args[0], "{\"entity_id\":\"x\"}");
    assert_string_equal(s.text, "Sure. ");
    assert_non_null(strstr(s.raw_turn, "tool_calls"));
    seen_free(&s);
}

static void test_adapters__too_many_calls__is_malformed(void **state)
{
    struct world *w = *state;
    char body[4096];
    size_t n = (size_t)snprintf(body, sizeof body, "{\"choices\":[{\"message\":{\"tool_calls\":[");
    for (int i = 0; i < LT_CLOUD_MAX_CALLS + 1; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "%s{\"function\":{\"name\":\"get_state\"}}", i ? "," : "");
    snprintf(body + n, sizeof body - n, "]}}]}");
    struct seen s = ask_local(w, body);
    assert_int_equal(s.cls, LT_CLS_MALFORMED);
    assert_int_equal(s.n_tries, 1);
    seen_free(&s);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void test_adapters__unusable_requests__are_refused_at_once(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    struct lt_cloud_turn bad_raw = {.kind = LT_TURN_RAW, .text = "17"};
    struct lt_cloud_turn lone = {.kind = LT_TURN_RESULTS};
    for (int a = 0; a < N_ADAPTERS; a++) {
        lt_us soon = lt_now_us() + 1000000;
        struct lt_cloud_endpoint e = endpoint(w, a);
        struct lt_cloud_request req = request(w);
        struct lt_diag d = {0};
        req.utterance = "";
        assert_int_equal(lt_cloud_ask(w->cloud, &e, &req, soon, on_done, &s, NULL, &d),
                         LT_ERR_INVALID);
        assert_true(d.text[0]);
        req = request(w);
        req.n_turns = 1;
        req.turns = &bad_raw;
        assert_int_equal(lt_cloud_ask(w->cloud, &e, &req, soon, on_done, &s, NULL, NULL),
                         LT_ERR_INVALID);
        req.turns = &lone;
        assert_int_equal(lt_cloud_ask(w->cloud, &e, &req, soon, on_done, &s, NULL, NULL),
                         LT_ERR_INVALID);
        req = request(w);
        assert_int_equal(lt_cloud_ask(w->cloud, &e, &req, lt_now_us(), on_done, &s, NULL, NULL),
                         LT_ERR_TIMEOUT);
    }
    struct lt_cloud_endpoint e = {.adapter = "oracle"};
    struct lt_cloud_request req = request(w);
    struct lt_diag d = {0};
    assert_int_equal(lt_cloud_ask(w->cloud, &e, &req, lt_now_us() + 1000000, on_done, &s, NULL, &d),
                     LT_ERR_NOTFOUND);
    assert_non_null(strstr(d.text, "anthropic"));
    e.adapter = "openai-chat";
    assert_int_equal(
        lt_cloud_ask(w->cloud, &e, &req, lt_now_us() + 1000000, on_done, &s, NULL, NULL),
        LT_ERR_INVALID);
    assert_int_equal(stub_n_requests(w->stub), 0);
    assert_int_equal(s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(test_adapters__parallel_calls__are_read_with_usage_and_cost),
        T(test_adapters__results_of_calls__go_back_as_the_vendor_wants_them),
        T(test_adapters__history_place_and_choice__fit_every_vendor),
        T(test_adapters__no_tools__sends_none),
        T(test_adapters__defaults__are_small_models_that_think_little),
        T(test_adapters__bad_answers__have_their_class_and_retries),
        T(test_adapters__nobody_listens__is_network),
        T(test_adapters__no_such_host_or_no_tls__is_network_for_every_vendor),
        T(test_adapters__stated_delay_that_fits__is_waited_for),
        T(test_adapters__stated_delay_too_long__is_reported_instead),
        T(test_adapters__billed_failure_then_success__costs_both),
        T(test_adapters__refusal_before_output__is_free),
        T(test_adapters__cancelled__never_calls_back),
        T(test_adapters__local_server__gets_the_common_core_without_key),
        T(test_adapters__arguments_as_object_and_missing_ids__are_taken),
        T(test_adapters__call_as_text__is_found),
        T(test_adapters__too_many_calls__is_malformed),
        T(test_adapters__unusable_requests__are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
