/* fuzz_vendor.c - answers of model vendors: a reply that can be used, or a fault that says why.
 *
 * Input: adapter, blank, status ("gemini 200"), line feed, body. A reply that offers its turn for
 * the next step must be accepted there. */
#include "fuzz_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lt_cloud_tools *tools;
    char name[32] = "";
    int status = 0;
    size_t n_head = 0, n_body = 0;
    if (!tools) tools = home_tools();
    const uint8_t *bytes = fuzz_cut(data, n, '\n', &n_head, &n_body);
    char *head = fuzz_text(data, n_head);
    int n_read = sscanf(head, "%31s %3d", name, &status);
    free(head);
    const struct lt_adapter *a = lt_adapter_find(name);
    if (n_read != 2 || !a || n_body > LT_CLOUD_MAX_ANSWER_BYTES) return 0;
    char *body = malloc(n_body + 1); /* http.c hands out bodies with a NUL behind them */
    if (!body) abort();
    if (n_body) memcpy(body, bytes, n_body);
    body[n_body] = '\0';

    struct lt_http_response r = {.end = LT_HTTP_DONE,
                                 .status = status,
                                 .body = body,
                                 .body_len = n_body,
                                 .headers = "",
                                 .retry_after_ms = -1,
                                 .should_retry = -1,
                                 .text = "answered"};
    struct lt_cloud_reply reply = {0};
    struct lt_cloud_fault fault = {.retry_after_ms = -1};
    enum lt_cloud_class cls = lt_adapter_read(a, tools, &r, &reply, &fault);
    if (cls == LT_CLS_OK)
        check_reply(a, tools, &reply);
    else
        FUZZ_MUST(fault.cls == cls && fault.text[0] && memchr(fault.text, 0, sizeof fault.text));
    lt_cloud_reply_fini(&reply);
    free(body);
    return 0;
}
