/* test_integrations_live.c - the announcements of tests/data/integrations, all of them retained on one real
 * broker as in one large home: the running gateway finds what each file expects, words become the device's
 * own messages, its reports the answer, and questions are answered from them.
 *
 * The network is kept out of it (gate.threshold 1): commands are read by the words alone (plain.h), so that
 * another network changes nothing here. Every wait is for a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "integration_file.h"
#include "wire.h"

#define TRIES  80 /* of a question, a quarter of a second apart */
#define FOLDER SOURCE_DIR "/tests/data/integrations"

struct home {
    struct env *e;
    struct wire *w; /* hears every topic */
    json_t *files;  /* array of {"name", "file"} */
};

static void say_list(struct home *h, const json_t *list, int is_retained)
{
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)(uintptr_t)list, i, m)
    {
        char *payload = integration_payload(m);
        wire_publish(h->w, json_string_value(json_array_get(m, 0)), payload, is_retained);
        free(payload);
    }
}

static struct home start(void)
{
    struct home h = {.e = env_start(), .files = json_array()};
    char names[INTEGRATION_FILES_MAX][128], path[1024];
    int n = integration_files(FOLDER, names);
    h.w = wire_open(env_port(h.e));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, FOLDER "/%.100s", names[i]);
        json_t *f = json_load_file(path, 0, NULL);
        assert_non_null(f);
        say_list(&h, json_object_get(f, "announce"), 1);
        say_list(&h, json_object_get(f, "reports"), 1);
        json_array_append_new(h.files, json_pack("{s:s,s:o}", "name", names[i], "file", f));
    }
    FILE *f = fopen(env_path(h.e, "lintel.yaml"), "w");
    assert_non_null(f);
    fprintf(f, "mqtt: {port: %d, client_id: gw}\nstore: {path: %s}\nmodel: {file: %s}\n",
            env_port(h.e), env_path(h.e, "lintel.db"), test_model());
    fprintf(f, "actuate: {enabled: true, confirm_ms: 20000}\ngate: {threshold: 1}\n"
               "discovery: {zigbee2mqtt: true, home_assistant: true, tasmota: true}\n");
    assert_false(fclose(f));
    gateway_spawn(h.e);
    return h;
}

static void stop(struct home *h)
{
    assert_int_equal(gateway_stop(h->e), 0);
    wire_close(h->w);
    json_decref(h->files);
    env_stop(h->e);
}

/* Until the catalogue that the gateway tells has every entity of every file. */
static void wait_catalog(struct home *h)
{
    size_t n = 0, i;
    json_t *one;
    json_array_foreach(h->files, i, one)
    {
        n += json_array_size(json_object_get(json_object_get(one, "file"), "entities"));
    }
    for (;;) {
        json_t *s = take_json(h->e, "lintel/home/status", "status");
        json_int_t have =
            json_integer_value(json_object_get(json_object_get(s, "catalog"), "entities"));
        json_decref(s);
        if (have == (json_int_t)n) return;
    }
}

/* What the words must publish: it is taken off the wire in order. */
static void expect_sends(struct home *h, const char *file, const json_t *call)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(call, "sends"), i, m)
    {
        char *payload = wire_take(h->w, json_string_value(json_array_get(m, 0)));
        if (!payload)
            fail_msg("%s: \"%s\": nothing on %s", file, integration_text(call, "say"),
                     json_string_value(json_array_get(m, 0)));
        if (!integration_is(payload, json_array_get(m, 1)))
            fail_msg("%s: \"%s\": %s", file, integration_text(call, "say"), payload);
        free(payload);
    }
}

static void check_call(struct home *h, const char *file, const json_t *call)
{
    const char *outcome = integration_text(call, "outcome");
    if (!json_object_get(call, "say")) return;
    wire_forget(h->w);
    client_say(h->e, integration_text(call, "say"));
    expect_sends(h, file, call);
    say_list(h, json_object_get(call, "then"), 0);
    json_t *a = take_json(h->e, "lintel/home/response", "result");
    const json_t *row = json_array_get(json_object_get(a, "outcome"), 0);
    const char *call_name =
        integration_text(json_array_get(json_object_get(a, "calls"), 0), "name");
    if (strcmp(integration_text(row, "outcome"), *outcome ? outcome : "done") != 0 ||
        strcmp(call_name, integration_text(call, "name")) != 0 ||
        json_array_size(json_object_get(a, "outcome")) != 1) {
        char *text = json_dumps(a, 0);
        fail_msg("%s: \"%s\": %s", file, integration_text(call, "say"), text);
    }
    json_decref(a);
}

/* Questions come first: the files' reports are what is asked about. They may reach the gateway after the
 * first question does, so it is asked until the answer is there. */
static void check_answer(struct home *h, const char *file, const json_t *question)
{
    for (int i = 0;; i++) {
        client_say(h->e, integration_text(question, "say"));
        json_t *a = take_json(h->e, "lintel/home/response", "result");
        int is = strstr(integration_text(a, "speech"), integration_text(question, "holds")) != NULL;
        if (!is && i == TRIES) {
            char *text = json_dumps(a, 0);
            fail_msg("%s: \"%s\": %s", file, integration_text(question, "say"), text);
        }
        json_decref(a);
        if (is) return;
        sleep_ms(250);
    }
}

static void test_integrations__one_home_of_all__found_worked_and_asked(void **state)
{
    struct home h = start();
    size_t i, k;
    json_t *one, *v;
    (void)state;
    wait_catalog(&h);
    json_array_foreach(h.files, i, one)
    {
        json_array_foreach(json_object_get(json_object_get(one, "file"), "answers"), k, v)
        {
            check_answer(&h, integration_text(one, "name"), v);
        }
    }
    json_array_foreach(h.files, i, one)
    {
        json_array_foreach(json_object_get(json_object_get(one, "file"), "calls"), k, v)
        {
            check_call(&h, integration_text(one, "name"), v);
        }
    }
    stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integrations__one_home_of_all__found_worked_and_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
