/* test_stream_http.c - streamed answers over real sockets, against a server that checks each request as
 * the vendor would: whole, in small pieces, cut, silent, only kept warm, answered otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "http_loop.h"
#include "lt/cloud.h"
#include "vendor_answer.h"
#include "vendor_spec.h"

#define EVENTS "content-type: text/event-stream; charset=utf-8\r\n"
#define TOOLS                                                                                      \
    "[{\"name\":\"light_set\",\"description\":\"Dim.\",\"parameters\":{\"type\":\"object\","       \
    "\"properties\":{\"area\":{\"type\":\"string\"},\"on\":{\"type\":\"boolean\"},"                \
    "\"brightness_pct\":{\"type\":\"integer\"}},\"required\":[\"area\"]}},"                        \
    "{\"name\":\"get_state\",\"description\":\"Read.\",\"parameters\":{\"type\":\"object\","       \
    "\"properties\":{\"entity_id\":{\"type\":\"string\"}},\"required\":[\"entity_id\"]}}]"

static const struct vendor {
    const char *path, *text, *calls; /* streams */
    const char *ask;                 /* what the request must hold; NULL: the path says it */
    int64_t text_cost, calls_cost;   /* by hand, as in test_adapters.c */
} VENDOR[N_VENDORS] = {
    {"/v1/messages", "anthropic/text.stream.sse", "anthropic/tool.stream.sse", "\"stream\":true", 0,
     130},
    {"/v1beta/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse", "gemini/text.stream.sse",
     "gemini/tool.stream.sse", NULL, 0, 248},
    {"/v1/responses", "openai/responses.text.stream.sse", "openai/responses.tool.stream.sse",
     "\"stream\":true,\"stream_options\":{\"include_obfuscation\":false}", 0, 75},
    {"/v1/chat/completions", "openai/chat.text.stream.sse", "openai/chat.tool.stream.sse",
     "\"stream\":true,\"stream_options\":{\"include_usage\":true}", 33, 46},
};

struct world {
    struct http_loop loop;
    struct lt_prices *prices;
    struct lt_cloud *cloud;
    struct lt_cloud_tools *tools;
    struct vendor_spec *spec;
    struct stub *stub;
    char base[N_VENDORS][64];
    char *text[N_VENDORS], *calls[N_VENDORS]; /* streams */
};

static int setup(void **state)
{
    struct world *w = *state = calloc(1, sizeof *w);
    char path[128];
    http_loop_init(&w->loop);
    assert_int_equal(lt_prices_load(NULL, &w->prices, NULL), LT_OK);
    assert_int_equal(lt_cloud_new(&w->loop.io.io, NULL, w->prices, 7, &w->cloud, NULL), LT_OK);
    assert_int_equal(lt_cloud_tools_new(TOOLS, strlen(TOOLS), &w->tools, NULL), LT_OK);
    w->spec = vendor_spec_load();
    w->stub = stub_start(vendor_spec_check, w->spec);
    for (int v = 0; v < N_VENDORS; v++) {
        snprintf(w->base[v], sizeof w->base[v], "http://127.0.0.1:%d%s", stub_port(w->stub),
                 vendor_bases[v]);
        snprintf(path, sizeof path, "fixtures/%s", VENDOR[v].text);
        w->text[v] = spec_file(path);
        snprintf(path, sizeof path, "fixtures/%s", VENDOR[v].calls);
        w->calls[v] = spec_file(path);
    }
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    lt_cloud_free(w->cloud);
    int rc = http_loop_fini(&w->loop);
    stub_stop(w->stub);
    vendor_spec_free(w->spec);
    lt_cloud_tools_unref(w->tools);
    lt_prices_free(w->prices);
    for (int v = 0; v < N_VENDORS; v++) free(w->text[v]), free(w->calls[v]);
    free(w);
    return rc;
}

struct seen {
    int n, n_said, n_void, n_said_first; /* said before the first void */
    char said[1024], text[1024], why[512], code[64];
    enum lt_cloud_class cls;
    size_t n_tries, n_calls;
    int64_t cost, output_tokens;
    struct lt_cloud_ask *ask; /* cancelled at the first word when is_cancelling */
    int is_cancelling;
};

static void on_words(void *ctx, const char *text)
{
    struct seen *s = ctx;
    assert_int_equal(s->n, 0); /* never after the answer */
    if (!text) {
        s->n_void++;
        s->said[0] = '\0';
        return;
    }
    s->n_said++;
    if (!s->n_void) s->n_said_first++;
    strncat(s->said, text, sizeof s->said - strlen(s->said) - 1);
    if (!s->is_cancelling) return;
    lt_cloud_cancel(s->ask); /* from inside, as a speaker that is talked over would */
    s->is_cancelling = 0;
    s->n = 1;
}

static void on_done(void *ctx, const struct lt_cloud_result *r)
{
    struct seen *s = ctx;
    s->n++;
    s->cls = r->cls;
    s->n_tries = r->n_tries;
    s->n_calls = r->reply->n_calls;
    s->cost = r->cost_usd_micro;
    s->output_tokens = r->reply->usage.output_tokens;
    snprintf(s->text, sizeof s->text, "%s", r->reply->text ? r->reply->text : "");
    snprintf(s->why, sizeof s->why, "%s", r->text);
    snprintf(s->code, sizeof s->code, "%s", r->tries[r->n_tries - 1].code);
}

static struct lt_cloud_endpoint endpoint(struct world *w, int v)
{
    return (struct lt_cloud_endpoint){.adapter = vendor_names[v],
                                      .base_url = w->base[v],
                                      .model = v == 3 ? "gpt-6-luna" : NULL,
                                      .effort = v == 3 ? "none" : NULL,
                                      .first_ms = 150,
                                      .gap_ms = 150};
}

static void start(struct world *w, const struct lt_cloud_endpoint *e, int64_t deadline_ms,
                  struct seen *s)
{
    struct lt_diag d = {0};
    struct lt_cloud_request req = {
        .tools = w->tools, .utterance = "How is the kitchen?", .say = on_words, .say_ctx = s};
    if (lt_cloud_ask(w->cloud, e, &req, lt_now_us() + deadline_ms * 1000, on_done, s, &s->ask, &d))
        fail_msg("%s: %s", e->adapter, d.text);
}

static struct seen ask(struct world *w, int v, int64_t deadline_ms)
{
    struct seen s = {0};
    struct lt_cloud_endpoint e = endpoint(w, v);
    lt_us begun = lt_now_us();
    start(w, &e, deadline_ms, &s);
    http_loop_until(&w->loop, &s.n);
    if (lt_now_us() - begun > (deadline_ms + 400) * 1000) fail_msg("%s: late", e.adapter);
    if (stub_complaint(w->stub)[0]) fail_msg("%s: %s", e.adapter, stub_complaint(w->stub));
    return s;
}

static void push(struct world *w, enum stub_kind kind, const char *body, size_t piece)
{
    stub_push(w->stub,
              (struct stub_reply){
                  .kind = kind, .status = 200, .headers = EVENTS, .body = body, .piece = piece});
}

static void test_stream_http__words__told_while_they_come_and_whole_at_the_end(void **state)
{
    static const char *const said[] = {"Die K\xc3\xbc"
                                       "che ist jetzt auf 30 %.",
                                       "The kitchen  is at 30 percent.",
                                       "The kitchen is at 30 percent.",
                                       "The kitchen  is at 30 percent."};
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++)
        for (size_t piece = 5; piece < 8000; piece = piece * 7 + 1) {
            char accept[64];
            stub_clear(w->stub);
            push(w, STUB_PIECES, w->text[v], piece);
            struct lt_cloud_endpoint slow = endpoint(w, v);
            struct seen s = {0};
            slow.first_ms = slow.gap_ms = 5000; /* many pieces on a busy machine */
            start(w, &slow, 20000, &s);
            http_loop_until(&w->loop, &s.n);
            if (s.cls != LT_CLS_OK) fail_msg("%s: %s", vendor_names[v], s.why);
            assert_string_equal(s.said, said[v]);
            assert_in_range(s.n_said, piece < 50 ? 3 : 1, 3); /* as many as the vendor sent */
            if (v != 2) assert_string_equal(s.text, said[v]);
            assert_int_equal(s.n_void, 0);
            if (VENDOR[v].text_cost) assert_int_equal(s.cost, VENDOR[v].text_cost);
            const struct stub_request *r = stub_request(w->stub, 0);
            assert_string_equal(r->path, VENDOR[v].path);
            if (VENDOR[v].ask && !strstr(r->body, VENDOR[v].ask)) fail_msg("%s", r->body);
            assert_non_null(stub_header(r, "accept", accept, sizeof accept));
            assert_non_null(strstr(accept, "text/event-stream"));
        }
}

static void test_stream_http__calls__put_together_with_usage_and_cost(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        stub_clear(w->stub);
        push(w, STUB_CHUNKED, w->calls[v], 0);
        struct seen s = ask(w, v, 5000);
        if (s.cls != LT_CLS_OK) fail_msg("%s: %s", vendor_names[v], s.why);
        assert_true(s.n_calls >= 1);
        assert_int_equal(s.n_said, 0);
        assert_int_equal(s.cost, VENDOR[v].calls_cost);
        assert_int_equal(s.n_tries, 1);
    }
}

/* Just enough time for one try: a stream that is cut behind any of its events. */
static void test_stream_http__cut_at_every_event__one_fault_and_no_call(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        const char *const streams[] = {w->calls[v], w->text[v]};
        for (int k = 0; k < 2; k++) {
            int was_whole = 0;
            const char *text = streams[k], *gap = v == 1 ? "\r\n\r\n" : "\n\n";
            for (const char *at = text; (at = strstr(at, gap)) && at[strlen(gap)];) {
                at += strlen(gap);
                stub_clear(w->stub);
                push(w, STUB_CUT, text, (size_t)(at - text));
                struct seen s = ask(w, v, 450);
                assert_int_equal(stub_n_requests(w->stub), 1);
                if (s.cls == LT_CLS_OK) { /* behind the last word; counts may be lost */
                    was_whole = 1;
                    continue;
                }
                assert_int_equal(was_whole, 0);
                assert_int_equal(s.cls, LT_CLS_NETWORK);
                assert_string_equal(s.code, "BROKEN");
                assert_int_equal(s.n_calls, 0);
                assert_int_equal(s.n_void, s.n_said > 0);
            }
        }
    }
}

static void test_stream_http__cut_then_whole__asked_again_and_what_was_said_is_void(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        const char *second = strstr(w->text[v], v == 0   ? " auf 30"
                                                : v == 2 ? " 30 percent"
                                                         : "  is at");
        stub_clear(w->stub);
        push(w, STUB_CUT, w->text[v], (size_t)(second - w->text[v]));
        push(w, STUB_ANSWER, w->text[v], 0);
        struct seen s = ask(w, v, 1500);
        if (s.cls != LT_CLS_OK) fail_msg("%s: %s", vendor_names[v], s.why);
        assert_int_equal(s.n_tries, 2);
        assert_true(s.n_said_first >= 1);
        assert_int_equal(s.n_void, 1);
        if (v != 2) assert_string_equal(s.said, s.text);
        assert_true(s.cost > 0); /* the broken one counts as an estimate */
    }
}

static void test_stream_http__stalls__each_clock_ends_it(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        const char *second = strstr(w->text[v], v == 0   ? " auf 30"
                                                : v == 2 ? " 30 percent"
                                                         : "  is at");
        const struct {
            enum stub_kind kind;
            const char *body, *code;
            size_t piece;
        } rows[] = {
            {STUB_STALL, w->text[v], "TIMEOUT_FIRST", 0},
            {STUB_WARM, ": only warm\n\n", "TIMEOUT_FIRST", 0}, /* bytes that are no answer */
            {STUB_HALF, w->text[v], "TIMEOUT_GAP", (size_t)(second - w->text[v])},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            stub_clear(w->stub);
            push(w, rows[i].kind, rows[i].body, rows[i].piece);
            struct seen s = ask(w, v, 550); /* no time for a second try */
            assert_int_equal(s.cls, LT_CLS_TIMEOUT);
            if (strcmp(s.code, rows[i].code) != 0)
                fail_msg("%s %zu: %s", vendor_names[v], i, s.code);
            assert_int_equal(s.n_calls, 0);
        }
        /* a complete answer is taken although the server keeps the line open */
        stub_clear(w->stub);
        push(w, STUB_WARM, w->text[v], 0);
        struct seen s = ask(w, v, 5000);
        if (s.cls != LT_CLS_OK) fail_msg("%s: %s", vendor_names[v], s.why);
    }
}

static void test_stream_http__trickles_past_the_deadline__ended_by_it(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        stub_clear(w->stub);
        push(w, STUB_DRIP, w->text[v], 0); /* 20 ms a byte */
        struct lt_cloud_endpoint e = endpoint(w, v);
        struct seen s = {0};
        e.first_ms = e.gap_ms = 60000;
        start(w, &e, 300, &s);
        http_loop_until(&w->loop, &s.n);
        assert_int_equal(s.cls, LT_CLS_TIMEOUT);
        assert_string_equal(s.code, "TIMEOUT_TOTAL");
    }
}

static void test_stream_http__answered_in_one__taken_as_that(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        char *body = vendor_text(v, "All is well.");
        stub_clear(w->stub);
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = body});
        struct seen s = ask(w, v, 2000);
        assert_int_equal(s.cls, LT_CLS_OK);
        assert_string_equal(s.text, "All is well.");
        assert_int_equal(s.n_said, 0);
        free(body);
    }
}

static void test_stream_http__errors_and_wrong_types__one_fault(void **state)
{
    static const struct {
        struct stub_reply reply;
        enum lt_cloud_class cls;
    } rows[] = {
        {{.status = 529, .headers = EVENTS, .body = "data: {}\n\n"}, LT_CLS_OVERLOADED},
        {{.status = 401, .headers = EVENTS, .body = ""}, LT_CLS_AUTH},
        {{.status = 200, .headers = "content-type: text/html\r\n", .body = "data: {}\n\n"},
         LT_CLS_MALFORMED},
        {{.status = 200, .headers = EVENTS, .body = ""}, LT_CLS_MALFORMED},
        {{.status = 200, .headers = EVENTS, .body = "<html>"}, LT_CLS_MALFORMED},
        {{.status = 200, .headers = EVENTS, .body = "data: {\"a\n\n"}, LT_CLS_MALFORMED},
        {{.status = 200, .headers = EVENTS, .fill = LT_CLOUD_MAX_STREAM_BYTES + 1},
         LT_CLS_MALFORMED},
    };
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            stub_clear(w->stub);
            stub_push(w->stub, rows[i].reply);
            struct lt_cloud_endpoint e = endpoint(w, v);
            struct seen s = {0};
            e.first_ms = e.gap_ms = 5000;
            start(w, &e, 540, &s);
            http_loop_until(&w->loop, &s.n);
            if (s.cls != rows[i].cls)
                fail_msg("%s %zu: %s %s", vendor_names[v], i, lt_cloud_class_name(s.cls), s.why);
            assert_int_equal(s.n_calls, 0);
            assert_true(s.why[0]);
        }
}

static void test_stream_http__cancelled_at_the_first_word__ends_there(void **state)
{
    struct world *w = *state;
    for (int v = 0; v < N_VENDORS; v++) {
        struct lt_cloud_endpoint e = endpoint(w, v);
        struct seen s = {.is_cancelling = 1};
        stub_clear(w->stub);
        push(w, STUB_ANSWER, w->text[v], 0);
        start(w, &e, 2000, &s);
        http_loop_until(&w->loop, &s.n);
        http_loop_for(&w->loop, 30);
        assert_int_equal(s.n_said, 1);
        assert_int_equal(s.n, 1); /* on_done never ran */
    }
}

static void test_stream_http__setting_unknown__learnt(void **state)
{
    static const struct {
        const char *text, *gone, *kept;
    } rows[] = {
        {"Unrecognized request argument: stream_options", "stream_options", "\"stream\":true"},
        {"tools are not supported with streaming", "\"stream\"", "\"tools\""},
    };
    struct world *w = *state;
    struct lt_cloud_endpoint e = endpoint(w, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *body = vendor_text(3, "Yes.");
        assert_true(lt_cloud_endpoint_adapt(&e, rows[i].text));
        stub_clear(w->stub);
        stub_push(w->stub, (struct stub_reply){.status = 200, .body = body});
        struct seen s = {0};
        start(w, &e, 2000, &s);
        http_loop_until(&w->loop, &s.n);
        assert_int_equal(s.cls, LT_CLS_OK);
        assert_null(strstr(stub_request(w->stub, 0)->body, rows[i].gone));
        assert_non_null(strstr(stub_request(w->stub, 0)->body, rows[i].kept));
        free(body);
    }
    assert_false(lt_cloud_endpoint_adapt(&e, rows[1].text)); /* once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(test_stream_http__words__told_while_they_come_and_whole_at_the_end),
        T(test_stream_http__calls__put_together_with_usage_and_cost),
        T(test_stream_http__cut_at_every_event__one_fault_and_no_call),
        T(test_stream_http__cut_then_whole__asked_again_and_what_was_said_is_void),
        T(test_stream_http__stalls__each_clock_ends_it),
        T(test_stream_http__trickles_past_the_deadline__ended_by_it),
        T(test_stream_http__answered_in_one__taken_as_that),
        T(test_stream_http__errors_and_wrong_types__one_fault),
        T(test_stream_http__cancelled_at_the_first_word__ends_there),
        T(test_stream_http__setting_unknown__learnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
