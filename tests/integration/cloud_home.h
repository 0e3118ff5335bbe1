/* cloud_home.h - a home with one cloud model: the harness's broker and gateway, and a server at the other end
 * of the model's address that says what the test has told it to. */
#ifndef TEST_CLOUD_HOME_H
#define TEST_CLOUD_HOME_H

#include "harness.h"
#include "stub_http.h"

/* In the variable LT_TEST_CLOUD_KEY, and to be seen nowhere but in the header of a request. */
#define CLOUD_KEY "sk-not-to-be-seen"

/* A line of `cloud`. Nobody waits that long: what a test times out sets its own. */
#define CLOUD_PATIENT "  timeout_ms: 60000\n"

struct cloud_home {
    struct env *env;
    struct stub *stub;
};

/* CMocka's set-up and tear-down of a test; *state is the home. The gateway does not run yet. */
int cloud_setup(void **state);
int cloud_teardown(void **state);

/* The gateway with an OpenAI-compatible model, "big-1", that costs nothing, and a gate that nothing passes:
 * every request goes up. `extra`: lines of `cloud`. */
void cloud_begin(struct cloud_home *h, const char *extra);
/* The server's next answer; `body`, JSON, must stay until it is given. */
void cloud_answer(struct cloud_home *h, int status, const char *body);
/* Until the server has been sent n requests. */
void cloud_wait_requests(struct stub *stub, size_t n);

#endif
