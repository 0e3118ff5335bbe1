/* test_stream.c - streamed answers without a network: events however they were cut, and each vendor's
 * stream put together to the answer that would have come in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "stream.h"
#include "vendor_spec.h"

/* ---- events ---- */

struct heard {
    char text[4096];
    size_t n;
};

static int on_event(void *ctx, const char *name, const char *data, size_t len)
{
    struct heard *h = ctx;
    assert_int_equal(strlen(data), len);
    h->n += (size_t)snprintf(h->text + h->n, sizeof h->text - h->n, "%s|%s;", name, data);
    return strcmp(data, "stop") == 0;
}

static void test_sse__every_way_of_writing__same_events(void **state)
{
    static const struct {
        const char *bytes, *events;
    } rows[] = {
        {"data: a\n\n", "|a;"},
        {"data: a\r\n\r\n", "|a;"},
        {"data: a\r\r", "|a;"},
        {"data: a\r\n\rdata: b\n\r", "|a;|b;"},
        {"data:a\n\ndata:  b\n\n", "|a;| b;"},
        {"\xef\xbb\xbf"
         "data: a\n\n",
         "|a;"},
        {"event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;"},
        {"data: a\ndata: b\ndata:\ndata\ndata: c\n\n", "|a\nb\n\n\nc;"},
        {": comment\n:\n\ndata: a\n: comment\n\n", "|a;"},
        {"event: only a name\n\n\n\n", ""},
        {"id: 1\nretry: 5\ndatax: no\ndat: no\ndata: a\n\n", "|a;"},
        {"data: a\n\ndata: no empty line", "|a;|no empty line;"},
        {"data: a\n\ndata: no empty line\r\n", "|a;|no empty line;"},
        {"data: K\xc3\xbc"
         "che \xf0\x9f\x92\xa1\n\n",
         "|K\xc3\xbc"
         "che \xf0\x9f\x92\xa1;"},
        {"data:\n\n", "|;"},
        {"\n\r\n\r", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].bytes);
        for (size_t cut = 0; cut <= n + 1; cut++) { /* in two at each place; last: byte by byte */
            struct heard h = {.n = 0};
            struct lt_sse s;
            lt_sse_init(&s, on_event, &h);
            if (cut <= n) {
                assert_int_equal(lt_sse_feed(&s, rows[i].bytes, cut), LT_OK);
                assert_int_equal(lt_sse_feed(&s, rows[i].bytes + cut, n - cut), LT_OK);
            } else {
                for (size_t k = 0; k < n; k++)
                    assert_int_equal(lt_sse_feed(&s, rows[i].bytes + k, 1), LT_OK);
            }
            assert_int_equal(lt_sse_end(&s), LT_OK);
            if (strcmp(h.text, rows[i].events) != 0)
                fail_msg("row %zu cut at %zu: %s", i, cut, h.text);
            lt_sse_fini(&s);
        }
    }
}

static void test_sse__giant_events__are_refused(void **state)
{
    static char big[LT_SSE_MAX_EVENT_BYTES];
    (void)state;
    memset(big, 'x', sizeof big);
    for (int is_lines = 0; is_lines < 2; is_lines++) {
        struct heard h = {.n = 0};
        struct lt_sse s;
        enum lt_err err = LT_OK;
        lt_sse_init(&s, on_event, &h);
        for (int i = 0; !err && i < 3; i++) {
            err = lt_sse_feed(&s, "data: ", is_lines ? 6 : 0);
            if (!err) err = lt_sse_feed(&s, big, sizeof big / 2);
            if (!err) err = lt_sse_feed(&s, "\n", is_lines ? 1 : 0);
        }
        assert_int_equal(err, LT_ERR_LIMIT);
        assert_int_equal(h.n, 0);
        lt_sse_fini(&s);
    }
}

static void test_sse__reader_wants_no_more__is_told_nothing_further(void **state)
{
    struct heard h = {.n = 0};
    struct lt_sse s;
    (void)state;
    lt_sse_init(&s, on_event, &h);
    assert_int_equal(lt_sse_feed(&s, "data: stop\n\ndata: b\n\n", 20), LT_ERR_INVALID);
    assert_string_equal(h.text, "|stop;");
    lt_sse_fini(&s);
}

/* ---- answers ---- */

static const char TOOLS[] =
    "[{\"name\":\"light_set\",\"description\":\"Dim.\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"area\":{\"type\":\"string\"},\"on\":{\"type\":\"boolean\"},"
    "\"brightness_pct\":{\"type\":\"integer\"}}}},{\"name\":\"get_state\",\"description\":\"Read."
    "\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"entity_id\":{\"type\":\"string\"}}}}]";

/* What a reader of a stream has at the end. */
struct result {
    char said[512]; /* as it came */
    int n_said;
    enum lt_cloud_class cls;
    size_t n_calls;
    char *reply; /* all of it as text; owned */
    struct lt_cloud_fault fault;
};

static struct lt_cloud_tools *tools;

/* Read n bytes of a stream, cut in pieces of `piece` bytes after the first `first`. */
static struct result read_stream(const char *adapter, const char *bytes, size_t n, size_t first,
                                 size_t piece)
{
    struct result out = {.said = ""};
    struct lt_http_response r = {.end = LT_HTTP_DONE,
                                 .status = 200,
                                 .body = "",
                                 .headers = "",
                                 .is_streamed = 1,
                                 .retry_after_ms = -1,
                                 .text = "answered"};
    struct lt_cloud_reply reply = {0};
    struct lt_stream *s = lt__stream_new(lt_adapter_find(adapter));
    struct lt_buf b;
    assert_non_null(s);
    enum lt_http_take take = LT_HTTP_TAKE_IDLE;
    for (size_t at = 0, k; at < n && take != LT_HTTP_TAKE_STOP; at += k) {
        k = at ? piece : first ? first : piece;
        if (k > n - at) k = n - at;
        take = lt__stream_take(s, bytes + at, k);
        size_t had = strlen(out.said);
        snprintf(out.said + had, sizeof out.said - had, "%s", lt_buf_str(&s->said));
        out.n_said += s->said.n > 0;
        lt_buf_reset(&s->said);
    }
    out.cls = lt__stream_read(s, tools, &r, &reply, &out.fault);
    lt__stream_free(s);
    out.n_calls = reply.n_calls;
    lt_buf_init(&b, 1 << 16);
    assert_int_equal(lt_buf_addf(&b, "%s\n%s\n", reply.text ? reply.text : "",
                                 reply.raw_turn ? reply.raw_turn : ""),
                     LT_OK);
    for (size_t i = 0; i < reply.n_calls; i++)
        assert_int_equal(lt_buf_addf(&b, "%s %s %s\n", reply.calls[i].id, reply.calls[i].name,
                                     reply.calls[i].arguments_json),
                         LT_OK);
    assert_int_equal(
        lt_buf_addf(&b, "in %lld cached %lld written %lld out %lld thought %lld %d",
                    (long long)reply.usage.input_tokens, (long long)reply.usage.cache_read_tokens,
                    (long long)reply.usage.cache_write_tokens, (long long)reply.usage.output_tokens,
                    (long long)reply.usage.reasoning_tokens, reply.usage.is_estimated),
        LT_OK);
    out.reply = lt_buf_take(&b);
    lt_cloud_reply_fini(&reply);
    return out;
}

static struct result read_all(const char *adapter, const char *text)
{
    return read_stream(adapter, text, strlen(text), 0, strlen(text));
}

static const struct {
    const char *adapter, *stream, *whole; /* whole: the same answer in one, or NULL */
    const char *said;
} STREAM[] = {
    {"anthropic", "anthropic/tool.stream.sse", "anthropic/turn1.response.json", ""},
    {"anthropic", "anthropic/text.stream.sse", NULL,
     "Die K\xc3\xbc"
     "che ist jetzt auf 30 %."},
    {"gemini", "gemini/tool.stream.sse", NULL, ""},
    {"gemini", "gemini/text.stream.sse", NULL, "The kitchen  is at 30 percent."},
    {"openai", "openai/responses.tool.stream.sse", NULL, ""},
    {"openai", "openai/responses.text.stream.sse", NULL, "The kitchen is at 30 percent."},
    {"openai-chat", "openai/chat.tool.stream.sse", "openai/chat.turn1.response.json", ""},
    {"openai-chat", "openai/chat.text.stream.sse", NULL, "The kitchen  is at 30 percent."},
};
enum { N_STREAMS = sizeof STREAM / sizeof *STREAM };

static char *fixture(const char *path)
{
    char full[128];
    snprintf(full, sizeof full, "fixtures/%s", path);
    return spec_file(full);
}

static void test_stream__whole__is_the_answer_that_would_have_come_in_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_STREAMS; i++) {
        char *text = fixture(STREAM[i].stream);
        struct result r = read_all(STREAM[i].adapter, text);
        if (r.cls != LT_CLS_OK) fail_msg("%s: %s", STREAM[i].stream, r.fault.text);
        assert_string_equal(r.said, STREAM[i].said);
        if (!*STREAM[i].said) {
            assert_true(r.n_calls >= 1);
            assert_non_null(strstr(r.reply, " light_set {"));
            assert_non_null(strstr(r.reply, "\"brightness_pct\":30"));
        }
        assert_string_equal(r.reply + strlen(r.reply) - 2, " 0"); /* counted, not estimated */
        if (STREAM[i].whole) {
            char *one = fixture(STREAM[i].whole);
            struct lt_http_response h = {.end = LT_HTTP_DONE,
                                         .status = 200,
                                         .body = one,
                                         .body_len = strlen(one),
                                         .headers = ""};
            struct lt_cloud_reply reply = {0};
            struct lt_cloud_fault f = {0};
            assert_int_equal(
                lt_adapter_read(lt_adapter_find(STREAM[i].adapter), tools, &h, &reply, &f),
                LT_CLS_OK);
            assert_in_range(r.n_calls, 1, reply.n_calls);
            for (size_t k = 0; k < r.n_calls; k++)
                assert_non_null(strstr(r.reply, reply.calls[k].arguments_json));
            if (!strcmp(STREAM[i].adapter, "anthropic")) /* what must be sent back is there */
                assert_non_null(strstr(r.reply, "\"signature\":\"EpABfakeSignatureDoNotParse==\""));
            lt_cloud_reply_fini(&reply);
            free(one);
        }
        free(r.reply);
        free(text);
    }
}

/* `text` with its line ends written as `eol`, and a comment before each event. Owned. */
static char *rewritten(const char *text, const char *eol)
{
    struct lt_buf b;
    lt_buf_init(&b, 1 << 20);
    for (const char *s = text; *s; s++) {
        if (*s == '\r') continue;
        enum lt_err err = *s == '\n' ? lt_buf_adds(&b, eol) : lt_buf_add(&b, s, 1);
        if (!err && *s == '\n' && (s[1] == 'd' || s[1] == 'e'))
            err = lt_buf_addf(&b, ": \xc3\xbc%s", eol);
        assert_int_equal(err, LT_OK);
    }
    return lt_buf_take(&b);
}

static void test_stream__cut_into_pieces_anywhere__the_same_answer(void **state)
{
    static const char *const eols[] = {"\n", "\r\n", "\r"};
    (void)state;
    for (size_t i = 0; i < N_STREAMS; i++) {
        char *text = fixture(STREAM[i].stream);
        struct result want = read_all(STREAM[i].adapter, text);
        for (int e = 0; e < 3; e++) {
            char *other = rewritten(text, eols[e]);
            size_t n = strlen(other);
            for (size_t first = 1; first < n; first += first < 200 ? 1 : 37) {
                struct result r = read_stream(STREAM[i].adapter, other, n, first, n);
                assert_int_equal(r.cls, LT_CLS_OK);
                assert_string_equal(r.reply, want.reply);
                assert_string_equal(r.said, want.said);
                free(r.reply);
            }
            struct result r = read_stream(STREAM[i].adapter, other, n, 1, 1); /* splits UTF-8 too */
            assert_string_equal(r.reply, want.reply);
            free(r.reply);
            free(other);
        }
        free(want.reply);
        free(text);
    }
}

static void test_stream__breaks_off__one_fault_and_no_call_unless_it_was_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_STREAMS; i++) {
        char *text = fixture(STREAM[i].stream);
        size_t n = strlen(text), n_whole = 0;
        struct result want = read_all(STREAM[i].adapter, text);
        for (size_t cut = 0; cut < n; cut += 5) {
            struct result r = read_stream(STREAM[i].adapter, text, cut, 0, n);
            if (r.cls == LT_CLS_OK) { /* counts and [DONE] may be lost behind the end */
                n_whole++;
                assert_int_equal(r.n_calls, want.n_calls);
                assert_true(n - cut < 1000);
            } else {
                assert_int_equal(r.cls, LT_CLS_MALFORMED);
                assert_int_equal(r.n_calls, 0);
                assert_string_equal(r.fault.code, "stream");
                assert_true(r.fault.text[0]);
                assert_false(r.fault.is_final); /* asking again may help */
                assert_int_equal(n_whole, 0);
            }
            assert_memory_equal(r.said, want.said, strlen(r.said));
            free(r.reply);
        }
        free(want.reply);
        free(text);
    }
}

#define START                                                                                      \
    "data: {\"type\":\"message_start\",\"message\":{\"role\":\"assistant\",\"content\":[]}}\n\n"
#define BLOCK                                                                                      \
    "data: "                                                                                       \
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","      \
    "\"id\":"                                                                                      \
    "\"a\",\"name\":\"get_state\",\"input\":{}}}\n\n"
#define ARGS(text)                                                                                 \
    "data: "                                                                                       \
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","      \
    "\"partial_json\":\"" text "\"}}\n\n"
#define STOP "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
#define WHY                                                                                        \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{"       \
    "\"output_tokens\":3}}\n\ndata: {\"type\":\"message_stop\"}\n\n"
#define CHAT(delta, why)                                                                           \
    "data: {\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":" why "}]}\n\n"

static void test_stream__nonsense__is_malformed_with_no_call(void **state)
{
    static const struct {
        const char *adapter, *text, *why;
    } rows[] = {
        {"anthropic", "data: {\"ty\n\n", "not JSON"},
        {"anthropic", "data: <html>\n\n", "not JSON"},
        {"anthropic", "data: {\"a\":1,\"a\":2}\n\n", "not JSON"},
        {"anthropic", "hello\n\n", "ended in the middle"},
        {"anthropic", START START, "begins twice"},
        {"anthropic", BLOCK BLOCK, "begins twice"},
        {"anthropic", START ARGS("{}"), "not open"},
        {"anthropic", START STOP, "not open"},
        {"anthropic", START BLOCK STOP STOP, "not open"},
        {"anthropic", START BLOCK STOP ARGS("{}"), "not open"},
        {"anthropic", START BLOCK ARGS("{\\\"a") STOP, "no JSON object"},
        {"anthropic", START BLOCK ARGS("[1]") STOP, "no JSON object"},
        {"anthropic", WHY, "no beginning"},
        {"anthropic", START BLOCK WHY, "parts missing"},
        {"anthropic", START BLOCK, "ended in the middle"},
        {"anthropic", START "data: {\"type\":\"content_block_start\",\"index\":99}\n\n", "at most"},
        {"anthropic", START "data: {\"type\":\"content_block_start\",\"index\":-1}\n\n", "part -1"},
        {"anthropic", START "data: {\"type\":\"content_block_start\",\"index\":1e300}\n\n",
         "begins"},
        {"gemini", "data: 17\n\n", "no object"},
        {"gemini", "data: {\"usageMetadata\":{}}\n\n", "ended in the middle"},
        {"openai", "data: {\"type\":\"response.completed\"}\n\n", "no answer"},
        {"openai", "data: {\"type\":\"response.output_item.done\",\"item\":{}}\n\n",
         "without type"},
        {"openai",
         "data: "
         "{\"type\":\"response.output_item.added\",\"output_index\":40,\"item\":{\"type\":\"x\"}}"
         "\n\n",
         "at most"},
        {"openai-chat", "data: [DONE]\n\n", "no beginning"},
        {"openai-chat", "data: []\n\n", "no object"},
        {"openai-chat",
         CHAT("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]", "\"stop\""),
         "parts missing"},
        {"openai-chat", CHAT("\"tool_calls\":[{\"index\":50,\"id\":\"a\"}]", "null"), "at most"},
        {"openai-chat", CHAT("\"content\":\"Hello\"", "null"), "ended in the middle"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r = read_all(rows[i].adapter, rows[i].text);
        if (r.cls != LT_CLS_MALFORMED || !strstr(r.fault.text, rows[i].why))
            fail_msg("row %zu: %s: %s", i, lt_cloud_class_name(r.cls), r.fault.text);
        assert_int_equal(r.n_calls, 0);
        free(r.reply);
    }
}

static void test_stream__vendors_own_errors__keep_their_class(void **state)
{
    static const struct {
        const char *adapter, *text;
        enum lt_cloud_class cls;
        const char *code;
    } rows[] = {
        {"anthropic",
         START "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
         LT_CLS_OVERLOADED, "overloaded_error"},
        {"gemini", "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n",
         LT_CLS_OVERLOADED, "UNAVAILABLE"},
        {"gemini", "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", LT_CLS_REFUSED,
         "SAFETY"},
        {"openai", "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\"}\n\n",
         LT_CLS_OVERLOADED, "server_error"},
        {"openai",
         "data: "
         "{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
         "\"rate_limit_exceeded\"}}}\n\n",
         LT_CLS_RATE, "rate_limit_exceeded"},
        {"openai",
         "data: "
         "{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"output\":[],"
         "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}\n\n",
         LT_CLS_TRUNCATED, "max_output_tokens"},
        {"openai-chat",
         CHAT("\"content\":\"Hello\"", "null") "data: {\"error\":{\"code\":502,\"message\":\"x\"},"
                                               "\"choices\":[]}\n\ndata: [DONE]\n\n",
         LT_CLS_OVERLOADED, "502"},
        {"openai-chat", CHAT("\"content\":\"The\"", "\"length\""), LT_CLS_TRUNCATED, "length"},
        {"openai-chat", CHAT("\"refusal\":\"No.\"", "\"stop\""), LT_CLS_REFUSED, "refusal"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r = read_all(rows[i].adapter, rows[i].text);
        if (r.cls != rows[i].cls)
            fail_msg("row %zu: %s: %s", i, lt_cloud_class_name(r.cls), r.fault.text);
        assert_string_equal(r.fault.code, rows[i].code);
        assert_int_equal(r.n_calls, 0);
        free(r.reply);
    }
}

static void test_stream__ways_of_compatible_servers__are_taken(void **state)
{
    static const struct {
        const char *text, *reply, *said;
    } rows[] = {
        /* a call in one piece without index or id, arguments as an object; no reason, only [DONE] */
        {CHAT("\"tool_calls\":[{\"function\":{\"name\":\"get_state\",\"arguments\":{\"entity_id\":"
              "\"a\"}}}]",
              "null")
             CHAT("\"tool_calls\":[{\"function\":{\"name\":\"light_set\",\"arguments\":\"{}\"}}]",
                  "null") "data: [DONE]\n\n",
         " light_set {}", ""},
        /* pieces without index belong to the call that was named last */
        {CHAT("\"tool_calls\":[{\"id\":\"k\",\"function\":{\"name\":\"get_state\",\"arguments\":"
              "\"\"}}]",
              "null")
             CHAT("\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"entity_id\\\":\"}}]", "null")
                 CHAT("\"tool_calls\":[{\"function\":{\"arguments\":\"\\\"a\\\"}\"}}]",
                      "\"tool_calls\""),
         "k get_state {\"entity_id\":\"a\"}", ""},
        /* a call as text between tags is not read out */
        {CHAT("\"content\":\"Sure. <to\"", "null")
             CHAT("\"content\":\"ol_call>{\\\"name\\\":\\\"get_state\\\",\\\"arguments\\\":{}}</"
                  "tool_call>\"",
                  "\"stop\""),
         " get_state {}", "Sure. "},
        /* what only looks like one is */
        {CHAT("\"content\":\"1 <\"", "null") CHAT("\"content\":\" 2 <tom>\"", "\"stop\""),
         "1 < 2 <tom>", "1 < 2 <tom>"},
        /* thinking aloud is no answer */
        {CHAT("\"reasoning_content\":\"hm\"", "null") CHAT("\"content\":\"Yes.\"", "\"stop\""),
         "Yes.", "Yes."},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r = read_all("openai-chat", rows[i].text);
        if (r.cls != LT_CLS_OK || !strstr(r.reply, rows[i].reply))
            fail_msg("row %zu: %s %s", i, r.fault.text, r.reply);
        assert_string_equal(r.said, rows[i].said);
        free(r.reply);
    }
}

static void test_stream__words_behind_a_call__are_not_told(void **state)
{
    (void)state;
    struct result r = read_all("anthropic", START BLOCK ARGS("{}") STOP
                               "data: "
                               "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{"
                               "\"type\":\"text\",\"text\":\"\"}}\n\n"
                               "data: "
                               "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
                               "\"text_delta\",\"text\":\"Done.\"}}\n\n"
                               "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n" WHY);
    assert_int_equal(r.cls, LT_CLS_OK);
    assert_int_equal(r.n_calls, 1);
    assert_int_equal(r.n_said, 0);
    assert_non_null(strstr(r.reply, "Done."));
    free(r.reply);
}

static int setup(void **state)
{
    (void)state;
    return lt_cloud_tools_new(TOOLS, strlen(TOOLS), &tools, NULL) != LT_OK;
}

static int teardown(void **state)
{
    (void)state;
    lt_cloud_tools_unref(tools);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse__every_way_of_writing__same_events),
        cmocka_unit_test(test_sse__giant_events__are_refused),
        cmocka_unit_test(test_sse__reader_wants_no_more__is_told_nothing_further),
        cmocka_unit_test(test_stream__whole__is_the_answer_that_would_have_come_in_one),
        cmocka_unit_test(test_stream__cut_into_pieces_anywhere__the_same_answer),
        cmocka_unit_test(test_stream__breaks_off__one_fault_and_no_call_unless_it_was_complete),
        cmocka_unit_test(test_stream__nonsense__is_malformed_with_no_call),
        cmocka_unit_test(test_stream__vendors_own_errors__keep_their_class),
        cmocka_unit_test(test_stream__ways_of_compatible_servers__are_taken),
        cmocka_unit_test(test_stream__words_behind_a_call__are_not_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
