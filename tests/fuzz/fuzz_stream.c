/* fuzz_stream.c - streamed answers of model vendors: events, then the answer put together from them.
 *
 * Input: adapter, blank, length of the first piece ("gemini 17"), line feed, bytes of the stream. Read in
 * one, cut behind that piece, and byte by byte, it must come to the same; and a call is never read from a
 * stream that lacks its end. */
#include "fuzz_reply.h"
#include "stream.h"

struct outcome {
    enum lt_cloud_class cls;
    struct lt_cloud_reply reply;
    struct lt_buf said;
};

static void read_stream(const struct lt_adapter *a, struct lt_cloud_tools *tools, const char *bytes,
                        size_t n, size_t first, size_t piece, struct outcome *out)
{
    struct lt_http_response r = {.end = LT_HTTP_DONE,
                                 .status = 200,
                                 .body = "",
                                 .headers = "",
                                 .is_streamed = 1,
                                 .retry_after_ms = -1,
                                 .should_retry = -1,
                                 .text = "answered"};
    struct lt_cloud_fault fault = {.retry_after_ms = -1};
    struct lt_stream *s = lt__stream_new(a);
    enum lt_http_take take = LT_HTTP_TAKE_IDLE;
    if (!s) abort();
    lt_buf_init(&out->said, 64u << 20);
    for (size_t at = 0, k; at < n && take != LT_HTTP_TAKE_STOP; at += k) {
        k = at || !first ? piece : first;
        if (k > n - at) k = n - at;
        take = lt__stream_take(s, bytes + at, k);
        FUZZ_MUST(!lt_buf_adds(&out->said, lt_buf_str(&s->said)));
        lt_buf_reset(&s->said);
    }
    out->cls = lt__stream_read(s, tools, &r, &out->reply, &fault);
    if (out->cls == LT_CLS_OK)
        check_reply(a, tools, &out->reply);
    else
        FUZZ_MUST(fault.cls == out->cls && fault.text[0]);
    if (!s->is_whole) FUZZ_MUST(out->reply.n_calls == 0 && out->cls != LT_CLS_OK);
    lt__stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lt_cloud_tools *tools;
    char name[32] = "";
    unsigned first = 0;
    size_t n_head = 0, n_body = 0;
    struct outcome o[3];
    if (!tools) tools = home_tools();
    const uint8_t *bytes = fuzz_cut(data, n, '\n', &n_head, &n_body);
    char *head = fuzz_text(data, n_head);
    int n_read = sscanf(head, "%31s %5u", name, &first);
    free(head);
    const struct lt_adapter *a = lt_adapter_find(name);
    if (n_read != 2 || !a || n_body > LT_CLOUD_MAX_STREAM_BYTES) return 0;
    memset(o, 0, sizeof o);
    read_stream(a, tools, (const char *)bytes, n_body, 0, n_body, &o[0]);
    read_stream(a, tools, (const char *)bytes, n_body, first, n_body, &o[1]);
    read_stream(a, tools, (const char *)bytes, n_body, 1, 1, &o[2]);
    for (int i = 1; i < 3; i++) {
        FUZZ_MUST(o[i].cls == o[0].cls && o[i].reply.n_calls == o[0].reply.n_calls);
        FUZZ_MUST(!o[i].reply.text == !o[0].reply.text);
        FUZZ_MUST(!o[0].reply.text || !strcmp(o[i].reply.text, o[0].reply.text));
        FUZZ_MUST(!strcmp(lt_buf_str(&o[i].said), lt_buf_str(&o[0].said)));
    }
    for (int i = 0; i < 3; i++) {
        lt_cloud_reply_fini(&o[i].reply);
        lt_buf_free(&o[i].said);
    }
    return 0;
}
