/* test_cloud_steps.c - a cloud model acts, hears what came of it, and goes on: the real gateway, broker and
 * store, devices that the test plays, and a server that checks each request as the vendors would. Each test
 * runs over all four wire forms. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud_home.h"
#include "vendor_answer.h"
#include "vendor_spec.h"

#define BASE "lintel/dev"
#define OFF  "{\"name\":\"kitchen plug\"}"
#define ON   "{\"name\":\"hall lamp\"}"
#define DOOR "{\"name\":\"hall door\"}"

#define DEVICE(ieee, name, type, on, off)                                                          \
    "{\"ieee_address\":\"" ieee "\",\"type\":\"Router\",\"friendly_name\":\"" name                 \
    "\",\"interview_state\":\"SUCCESSFUL\",\"definition\":{\"description\":\"D\",\"exposes\":[{"   \
    "\"type\":\"" type "\",\"features\":[{\"type\":\"binary\",\"name\":\"state\",\"property\":"    \
    "\"state\",\"access\":7,\"value_on\":\"" on "\",\"value_off\":\"" off "\"}]}]}}"

struct fixture {
    struct env *env;
    struct vendor_spec *spec;
    struct stub *stub;
    char *bodies[64];
    int n_bodies;
};

/* ---- a home of three devices ---- */

static void report(struct fixture *f, const char *device, const char *state)
{
    char topic[128], payload[64];
    snprintf(topic, sizeof topic, BASE "/%s", device);
    snprintf(payload, sizeof payload, "{\"state\":\"%s\"}", state);
    client_publish(
        f->env, (struct publish){.topic = topic, .payload = payload, .qos = 1, .is_retained = 1});
}

/* The device is told, and reports that it is so. */
static void expect_command(struct fixture *f, const char *device, const char *state, int reports)
{
    char topic[128], want[64];
    snprintf(topic, sizeof topic, BASE "/%s/set", device);
    snprintf(want, sizeof want, "{\"state\":\"%s\"}", state);
    struct message *m = client_take(f->env, topic, WAIT_MS);
    assert_string_equal(m->payload, want);
    message_free(m);
    if (reports) report(f, device, state);
}

/* Until the gateway knows its devices and hears them. */
static void wait_home(struct fixture *f)
{
    for (json_int_t k = 0; k != 3;) {
        json_t *s = take_json(f->env, "lintel/home/status", "status");
        k = json_integer_value(json_object_get(json_object_get(s, "catalog"), "entities"));
        json_decref(s);
    }
}

/* An endpoint of each wire form; the language of a request says whose turn it is. */
static const char *const langs[N_VENDORS] = {"en", "de", "fr", "es"};
static const char *const dones[N_VENDORS] = {"Done.", "Erledigt.", "C'est fait.", "Hecho."};

static void begin(struct fixture *f, const char *gate, const char *cloud)
{
    static const char devices[] =
        "[" DEVICE("0x1", "kitchen/plug", "switch", "ON", "OFF") "," DEVICE(
            "0x2", "hall/lamp", "light", "ON", "OFF") "," DEVICE("0x3", "hall/door", "lock", "LOCK",
                                                                 "UNLOCK") "]";
    char text[4096];
    f->env = env_start();
    client_publish(f->env, (struct publish){.topic = BASE "/bridge/devices",
                                            .payload = devices,
                                            .qos = 1,
                                            .is_retained = 1});
    int n = snprintf(
        text, sizeof text,
        "discovery:\n  zigbee2mqtt: true\n  z2m_base: " BASE "\nactuate:\n  enabled: true\n"
        "  confirm_ms: %s\ngate:\n  threshold: 1\n  nothing: 1\n  clarify: 1\n%s"
        "cloud:\n  timeout_ms: 60000\n%s%s  endpoints:\n",
        strstr(cloud, "# silent") ? "100" : "30000", *gate ? gate : "  no_answer: apologise\n",
        strstr(cloud, "usd_per_request") ? "" : "  usd_per_request: 0\n", cloud);
    for (int v = 0; v < N_VENDORS; v++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "    - provider: %s\n      languages: [%s]\n"
                      "      base_url: http://127.0.0.1:%d%s\n      key: env:LT_TEST_CLOUD_KEY\n%s",
                      vendor_names[v], langs[v], stub_port(f->stub), vendor_bases[v],
                      v == 3 ? "      model: gpt-6-luna\n      effort: none\n" : "");
    gateway_config(f->env, text);
    gateway_spawn(f->env);
    wait_home(f);
}

/* The home as it was, and nothing asked yet. */
static void turn_to(struct fixture *f)
{
    if (*stub_complaint(f->stub)) fail_msg("%s", stub_complaint(f->stub));
    stub_clear(f->stub);
    while (f->n_bodies) free(f->bodies[--f->n_bodies]);
    report(f, "kitchen/plug", "ON");
    report(f, "hall/lamp", "OFF");
    report(f, "hall/door", "LOCK");
    client_forget(f->env);
}

/* `more`: further members of the request. */
static void say(struct fixture *f, int vendor, const char *text, const char *more)
{
    char payload[512];
    snprintf(payload, sizeof payload, "{\"text\":\"%s\",\"lang\":\"%s\"%s}", text, langs[vendor],
             more);
    client_say(f->env, payload);
}

static void end(struct fixture *f)
{
    if (*stub_complaint(f->stub)) fail_msg("%s", stub_complaint(f->stub));
    assert_int_equal(gateway_stop(f->env), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    setenv("LT_TEST_CLOUD_KEY", CLOUD_KEY, 1);
    f->spec = vendor_spec_load();
    f->stub = stub_start(vendor_spec_check, f->spec);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->env) env_stop(f->env);
    stub_stop(f->stub);
    vendor_spec_free(f->spec);
    while (f->n_bodies) free(f->bodies[--f->n_bodies]);
    free(f);
    return 0;
}

/* The model's next turn; `body` is freed at the end. */
static void answer(struct fixture *f, char *body)
{
    f->bodies[f->n_bodies++] = body;
    stub_push(f->stub, (struct stub_reply){.status = 200,
                                           .headers = "content-type: application/json\r\n",
                                           .body = body});
}

static json_t *take_result(struct fixture *f)
{
    return take_json(f->env, "lintel/home/response", "result");
}

static size_t size_of(const json_t *o, const char *key)
{
    return json_array_size(json_object_get(o, key));
}

/* Counts rows of `from` that belong to the result's trace; `more`: " and …". */
static int rows_of(struct fixture *f, const char *from, const json_t *result, const char *more)
{
    char sql[512];
    snprintf(sql, sizeof sql, "select count(*) from %s where %s = '%s'%s", from,
             strcmp(from, "trace") ? "trace" : "id",
             json_string_value(json_object_get(result, "trace")), more);
    return (int)db_int(f->env, sql);
}

static void wait_executed(struct fixture *f, const json_t *result, const char *more)
{
    char sql[512];
    snprintf(sql, sizeof sql, "select count(*) from trace where state = 'executed' and id = '%s'%s",
             json_string_value(json_object_get(result, "trace")), more);
    db_wait(f->env, sql, 1);
}

static void assert_sent(struct fixture *f, size_t i, const char *text)
{
    const struct stub_request *q = stub_request(f->stub, i);
    assert_non_null(q);
    if (!strstr(q->body, text)) fail_msg("no %s in %s", text, q->body);
}

/* ---- until the model is done ---- */

static void test_steps__two_actions__each_result_goes_back_and_the_model_speaks(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        answer(f, vendor_call(v, "HassTurnOff", OFF));
        answer(f, vendor_call(v, "HassTurnOn", ON));
        answer(f, vendor_text(v, "Both are done."));
        say(f, v, "make it cosy for a film", "");
        expect_command(f, "kitchen/plug", "OFF", 1);
        expect_command(f, "hall/lamp", "ON", 1);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "route"), "cloud");
        assert_string_equal(text_of(r, "why"), "cloud.answered");
        assert_string_equal(text_of(r, "speech"), "Both are done.");
        assert_int_equal(size_of(r, "calls"), 2);
        assert_int_equal(size_of(r, "outcome"), 2);
        assert_int_equal(stub_n_requests(f->stub), 3);
        /* Gemini takes results as JSON, the others as text */
        assert_sent(f, 1, v == 1 ? "\"outcome\":\"done\"" : "\\\"outcome\\\":\\\"done\\\"");
        assert_sent(f, 2, "hall lamp");
        for (int i = 0; i < 2; i++) { /* named on the call topics in order, once each */
            json_t *call = take_json(f->env, "lintel/home/call/", "call");
            assert_int_equal(json_integer_value(json_object_get(call, "index")), i);
            json_decref(call);
        }
        assert_int_equal(client_count(f->env, "lintel/home/call/"), 0);
        wait_executed(f, r, "");
        assert_int_equal(rows_of(f, "cloud_attempt", r, " and status = 'OK'"), 3);
        assert_int_equal(rows_of(f, "label", r,
                                 " and source = 'cloud' and calls like '%HassTurnOff%HassTurnOn%'"),
                         1);
        json_decref(r);
        /* and taken back as one deed, to how it was before the first step */
        client_say(f->env, "undo that");
        expect_command(f, "hall/lamp", "OFF", 1);
        expect_command(f, "kitchen/plug", "ON", 1);
        json_decref(take_result(f));
    }
    end(f);
}

static void test_steps__closing_words_and_all_done__no_further_turn(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        answer(f, vendor_said_call(v, "The plug is off.", "HassTurnOff", OFF));
        say(f, v, "make it cosy for a film", "");
        expect_command(f, "kitchen/plug", "OFF", 1);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "speech"), "The plug is off.");
        assert_int_equal(size_of(r, "calls"), 1);
        json_decref(r);
        assert_int_equal(stub_n_requests(f->stub), 1);
    }
    end(f);
}

static void test_steps__device_is_silent__model_hears_it_and_says_so(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "  follow_up: trouble # silent\n");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        answer(f, vendor_said_call(v, "The plug is off.", "HassTurnOff", OFF));
        answer(f, vendor_text(v, "The plug does not answer."));
        say(f, v, "make it cosy for a film", "");
        expect_command(f, "kitchen/plug", "OFF", 0);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "speech"), "The plug does not answer.");
        assert_sent(f, 1, "unconfirmed");
        wait_executed(f, r, "");
        assert_int_equal(rows_of(f, "label", r, ""), 0); /* nothing to learn from */
        json_decref(r);
    }
    end(f);
}

/* ---- what may not be done ---- */

static void test_steps__refused__the_reason_goes_back_and_nothing_moves(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "");
    for (int v = 0; v < N_VENDORS; v++) {
        static const char *const tools[] = {"HassTurnOff", "HassTurnOff"};
        static const char *const both[] = {OFF, DOOR};
        turn_to(f);
        answer(f, vendor_calls(v, 2, tools, both));
        answer(f, vendor_call(v, "HassTurnOff", OFF)); /* what it may do, it does */
        answer(f, vendor_text(v, "The plug is off, the door I may not open."));
        say(f, v, "open the house and save power", "");
        expect_command(f, "kitchen/plug", "OFF", 1);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "route"), "cloud");
        assert_string_equal(text_of(r, "why"), "policy.sensitive");
        assert_string_equal(text_of(r, "speech"), "The plug is off, the door I may not open.");
        assert_int_equal(size_of(r, "calls"), 1);
        json_decref(r);
        assert_sent(f, 1, "another call of this turn was refused");
        assert_sent(f, 1, "refused, do not try it again");
        /* with nothing else to do it is refused, in the model's words */
        stub_clear(f->stub);
        answer(f, vendor_call(v, "HassTurnOff", DOOR));
        answer(f, vendor_text(v, "I may not open doors."));
        say(f, v, "open the house", "");
        r = take_result(f);
        assert_string_equal(text_of(r, "route"), "refused");
        assert_string_equal(text_of(r, "why"), "policy.sensitive");
        assert_string_equal(text_of(r, "speech"), "I may not open doors.");
        assert_int_equal(size_of(r, "calls"), 0);
        json_decref(r);
        assert_int_equal(client_count(f->env, BASE "/hall/door/set"), 0);
    }
    end(f);
}

static void test_steps__to_be_confirmed_in_the_middle__asked_and_only_that_is_left(void **state)
{
    struct fixture *f = *state;
    begin(f, "  no_answer: ask\n", "");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        answer(f, vendor_call(v, "HassTurnOff", OFF));
        answer(f, vendor_call(v, "HassTurnOff", DOOR));
        say(f, v, "let the visitors in and save power", ",\"session\":\"s\"");
        expect_command(f, "kitchen/plug", "OFF", 1);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "route"), "clarify");
        assert_string_equal(text_of(r, "why"), "policy.sensitive");
        assert_int_equal(size_of(r, "calls"), 1);
        assert_int_equal(size_of(r, "done"), 1);
        assert_non_null(strstr(text_of(r, "speech"), "hall door"));
        assert_int_equal(client_count(f->env, BASE "/hall/door/set"), 0);
        wait_executed(f, r, " and calls like '%kitchen plug%'");
        json_decref(r);
        client_forget(f->env);
        client_say(f->env, "{\"text\":\"yes\",\"session\":\"s\"}");
        expect_command(f, "hall/door", "UNLOCK", 1);
        r = take_result(f);
        assert_string_equal(text_of(r, "why"), "talk.answered");
        json_decref(r);
        assert_int_equal(client_count(f->env, BASE "/kitchen/plug/set"), 0);
        assert_int_equal(stub_n_requests(f->stub), 2);
    }
    end(f);
}

/* ---- limits ---- */

static void test_steps__no_steps_left__made_to_speak_and_asked_no_more(void **state)
{
    static const char *const forbidden[] = {"\"tool_choice\":{\"type\":\"none\"}",
                                            "\"mode\":\"NONE\"", "\"tool_choice\":\"none\"",
                                            "\"tool_choice\":\"none\""};
    struct fixture *f = *state;
    begin(f, "", "  max_steps: 2\n");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        answer(f, vendor_call(v, "HassTurnOff", OFF));
        answer(f, vendor_call(v, "HassTurnOn",
                              ON)); /* it does not obey: carried out, and that is it */
        say(f, v, "make it cosy for a film", "");
        expect_command(f, "kitchen/plug", "OFF", 1);
        expect_command(f, "hall/lamp", "ON", 1);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "why"), "cloud.answered");
        assert_int_equal(size_of(r, "calls"), 2);
        assert_int_equal(size_of(r, "outcome"), 2);
        assert_sent(f, 1, forbidden[v]);
        assert_int_equal(stub_n_requests(f->stub), 2);
        wait_executed(f, r, "");
        json_decref(r);
    }
    end(f);
}

static void test_steps__money_spent_midway__answered_with_what_was_done(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "  usd_per_request: 0.30\n  usd_per_day: 0\n  usd_per_month: 0\n");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        char *turn = vendor_call(v, "HassTurnOff", OFF), *costly = malloc(strlen(turn) + 16);
        char *at = strstr(turn, ":100,"); /* tokens of the prompt: 20 million of them */
        assert_non_null(at);
        sprintf(costly, "%.*s:20000000,%s", (int)(at - turn), turn, at + 5);
        free(turn);
        answer(f, costly);
        answer(f, vendor_text(v, "Not to be asked for."));
        say(f, v, "make it cosy for a film", "");
        expect_command(f, "kitchen/plug", "OFF", 1);
        json_t *r = take_result(f);
        assert_string_equal(text_of(r, "why"), "cloud.answered");
        assert_string_equal(text_of(r, "speech"), dones[v]);
        assert_int_equal(size_of(r, "calls"), 1);
        assert_int_equal(stub_n_requests(f->stub), 1);
        wait_executed(f, r, "");
        json_decref(r);
    }
    end(f);
}

static void test_steps__deadline_midway__answered_with_what_was_done(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "  breaker_failures: 100\n");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        json_t *r = NULL;
        for (int ms = 1500; !r; ms *= 2) { /* longer where the first turn takes longer */
            char text[128];
            assert_true(ms < WAIT_MS);
            stub_clear(f->stub);
            report(f, "kitchen/plug", "ON");
            answer(f, vendor_call(v, "HassTurnOff", OFF));
            stub_push(f->stub, (struct stub_reply){.kind = STUB_SILENT});
            stub_push(f->stub, (struct stub_reply){.kind = STUB_SILENT});
            snprintf(text, sizeof text, ",\"deadline_ms\":%d", ms);
            say(f, v, "make it cosy for a film", text);
            struct message *m;
            do { /* the answer, or first the command */
                m = client_try(f->env, BASE "/kitchen/plug/set", 5);
                if (m) report(f, "kitchen/plug", "OFF");
                message_free(m);
            } while (!client_count(f->env, "lintel/home/response"));
            r = take_result(f);
            if (stub_n_requests(f->stub) == 2) break; /* it ended in the second turn */
            json_decref(r);
            r = NULL;
        }
        assert_string_equal(text_of(r, "route"), "cloud");
        assert_null(json_object_get(r, "error"));
        assert_string_equal(text_of(r, "speech"), dones[v]);
        assert_int_equal(size_of(r, "calls"), 1);
        json_decref(r);
    }
    end(f);
}

/* ---- crashes ---- */

static void test_steps__killed_in_the_second_turn__neither_repeated_nor_lost(void **state)
{
    struct fixture *f = *state;
    begin(f, "", "");
    for (int v = 0; v < N_VENDORS; v++) {
        turn_to(f);
        answer(f, vendor_call(v, "HassTurnOff", OFF));
        stub_push(f->stub, (struct stub_reply){.kind = STUB_SILENT});
        say(f, v, "make it cosy for a film", "");
        expect_command(f, "kitchen/plug", "OFF", 1);
        json_decref(take_json(f->env, "lintel/home/call/HassTurnOff", "call"));
        cloud_wait_requests(f->stub, 2);
        gateway_kill(f->env);
        client_forget(f->env);
        gateway_spawn(f->env);
        wait_home(f);
        json_t *r = take_result(f); /* what stood in the store */
        assert_string_equal(text_of(r, "route"), "cloud");
        assert_int_equal(size_of(r, "calls"), 1);
        wait_executed(f, r, "");
        json_decref(r);
        assert_int_equal(client_count(f->env, "lintel/home/call/"), 0);
        assert_int_equal(client_count(f->env, BASE "/kitchen/plug/set"), 0);
        assert_int_equal(stub_n_requests(f->stub), 2);
    }
    end(f);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST(test_steps__two_actions__each_result_goes_back_and_the_model_speaks),
        TEST(test_steps__closing_words_and_all_done__no_further_turn),
        TEST(test_steps__device_is_silent__model_hears_it_and_says_so),
        TEST(test_steps__refused__the_reason_goes_back_and_nothing_moves),
        TEST(test_steps__to_be_confirmed_in_the_middle__asked_and_only_that_is_left),
        TEST(test_steps__no_steps_left__made_to_speak_and_asked_no_more),
        TEST(test_steps__money_spent_midway__answered_with_what_was_done),
        TEST(test_steps__deadline_midway__answered_with_what_was_done),
        TEST(test_steps__killed_in_the_second_turn__neither_repeated_nor_lost),
    };
    signal(SIGPIPE, SIG_IGN); /* the stub writes to a killed gateway */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
