#include "cloud_home.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int cloud_setup(void **state)
{
    struct cloud_home *h = calloc(1, sizeof *h);
    setenv("LT_TEST_CLOUD_KEY", CLOUD_KEY, 1);
    h->env = env_start();
    h->stub = stub_start(NULL, NULL);
    *state = h;
    return 0;
}

int cloud_teardown(void **state)
{
    struct cloud_home *h = *state;
    env_stop(h->env);
    stub_stop(h->stub);
    free(h);
    return 0;
}

void cloud_begin(struct cloud_home *h, const char *extra)
{
    char text[1024];
    snprintf(text, sizeof text,
             "gate:\n  threshold: 1\n  nothing: 1\n  clarify: 1\n  no_answer: apologise\n"
             "cloud:\n  usd_per_request: 0\n%s%s  endpoints:\n"
             "    - provider: openai-chat\n      model: big-1\n      price_as: free\n"
             "      base_url: http://127.0.0.1:%d/v1\n      key: env:LT_TEST_CLOUD_KEY\n",
             strstr(extra, "timeout_ms") ? "" : CLOUD_PATIENT, extra, stub_port(h->stub));
    gateway_start(h->env, text);
    client_forget(h->env);
}

void cloud_answer(struct cloud_home *h, int status, const char *body)
{
    stub_push(h->stub, (struct stub_reply){.kind = STUB_ANSWER,
                                           .status = status,
                                           .headers = "content-type: application/json\r\n",
                                           .body = body});
}

void cloud_wait_requests(struct stub *stub, size_t n)
{
    for (int waited = 0; stub_n_requests(stub) < n; waited += 5) {
        if (waited >= WAIT_MS) fail_msg("%zu requests, not %zu", stub_n_requests(stub), n);
        sleep_ms(5);
    }
}
