/* test_serve.c - the journey of a request through the real gateway: what goes in on MQTT, what comes
 * out, what the store has afterwards. One broker and one gateway serve all tests of this file. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "one_env.h"

#define UTTERANCE "turn off the kitchen light"

static int group_setup(void **state)
{
    (void)state;
    return open_env(NULL);
}

/* The calls that a response announces come, each once, in order, with their index and trace. */
static void expect_calls(const json_t *response)
{
    size_t i;
    json_t *call;
    json_array_foreach(json_object_get(response, "calls"), i, call)
    {
        char topic[128];
        snprintf(topic, sizeof topic, "lintel/home/call/%s", text_of(call, "name"));
        json_t *got = take_json(env, topic, "call");
        assert_true(
            json_equal(json_object_get(got, "arguments"), json_object_get(call, "arguments")));
        assert_string_equal(text_of(got, "trace"), text_of(response, "trace"));
        assert_int_equal(json_integer_value(json_object_get(got, "index")), i);
        json_decref(got);
    }
    assert_null(client_try(env, "lintel/home/call/", 100));
}

static void expect_error(const char *topic, const char *code, const char *field, const char *why)
{
    char sql[256];
    json_t *r = take_json(env, topic, "result");
    const json_t *error = json_object_get(r, "error");
    assert_string_equal(text_of(r, "route"), "refused");
    assert_string_equal(text_of(r, "why"), why);
    assert_string_equal(text_of(error, "code"), code);
    assert_string_equal(text_of(error, "field"), field);
    assert_true(strlen(text_of(error, "text")) > 5);
    assert_null(strchr(text_of(error, "text"), '\n'));
    assert_int_equal(json_array_size(json_object_get(r, "calls")), 0);
    snprintf(sql, sizeof sql,
             "select count(*) from trace where id = '%s' and state = 'refused' and why = '%s'",
             text_of(r, "trace"), why);
    db_wait(env, sql, 1);
    assert_null(client_try(env, "lintel/home/call/", 50));
    json_decref(r);
}

static void test_request__plain_text__response_and_calls(void **state)
{
    char sql[128];
    (void)state;
    client_say(env, UTTERANCE);
    json_t *r = take_json(env, "lintel/home/response", "result");
    assert_string_equal(text_of(r, "route"), "local");
    assert_true(json_array_size(json_object_get(r, "calls")) >= 1);
    expect_calls(r);
    snprintf(sql, sizeof sql, "select count(*) from trace where id = '%s' and state = 'executed'",
             text_of(r, "trace"));
    db_wait(env, sql, 1);
    json_decref(r);
}

static void test_request__response_topic__answer_there_with_correlation_and_expiry(void **state)
{
    (void)state;
    client_publish(env, (struct publish){.topic = "lintel/home/request",
                                         .payload = "{\"id\":\"r-1\",\"text\":\"" UTTERANCE "\"}",
                                         .qos = 1,
                                         .response_topic = "lintel/home/reply/panel",
                                         .correlation = "\x01\x02 abc"});
    struct message *m = client_take(env, "lintel/home/reply/panel", WAIT_MS);
    json_t *r = json_loads(m->payload, 0, NULL);
    assert_string_equal(m->correlation, "\x01\x02 abc");
    assert_true(m->expiry_s > 0 && m->expiry_s <= 60);
    assert_string_equal(text_of(r, "id"), "r-1");
    assert_null(client_try(env, "lintel/home/response", 50));
    struct message *call = client_take(env, "lintel/home/call/", WAIT_MS);
    assert_true(call->expiry_s > 0 && call->expiry_s <= 20);
    assert_false(call->is_retained);
    message_free(call);
    message_free(m);
    json_decref(r);
}

static void test_request__response_topic_elsewhere__is_not_honoured(void **state)
{
    static const char *const topics[] = {"lintel/home/call/HassTurnOn", "lintel/other/reply/x",
                                         "zigbee2mqtt/door/set", "lintel/home/reply/"};
    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        client_publish(env, (struct publish){.topic = "lintel/home/request",
                                             .payload = "{\"text\":\"x\",\"bad\":1}",
                                             .qos = 1,
                                             .response_topic = topics[i]});
        expect_error("lintel/home/response", "invalid", "/bad", "request.invalid");
        assert_null(client_try(env, topics[i], 20));
    }
    assert_true(gateway_log_count(env, "request.reply_topic_ignored") >= 4);
}

static void test_request__bad_input__error_names_the_field(void **state)
{
    static char longest[2100], huge[70000];
    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    memset(huge, 'a', sizeof huge - 1);
    static const struct {
        const char *payload;
        size_t n;
        const char *content_type, *code, *field;
    } rows[] = {
        {"turn \xff\xfe on", 0, NULL, "not_utf8", "/text"},
        {"{\"text\":\"x\"", 0, NULL, "not_json", "/"},
        {"hello", 0, "application/json", "not_json", "/"},
        {"[1]", 0, "application/json", "invalid", "/"},
        {"{\"text\":5}", 0, NULL, "invalid", "/text"},
        {"{\"id\":\"a\"}", 0, NULL, "invalid", "/text"},
        {"{\"text\":\"x\",\"dry_run\":\"yes\"}", 0, NULL, "invalid", "/dry_run"},
        {"{\"text\":\"x\",\"deadline_ms\":0}", 0, NULL, "invalid", "/deadline_ms"},
        {"   ", 0, NULL, "empty", "/text"},
        {"{\"text\":\"\"}", 0, NULL, "invalid", "/text"},
        {"a\0b", 3, NULL, "not_text", "/text"},
        {longest, 0, NULL, "too_long", "/text"},
        {huge, 0, NULL, "too_long", "/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_publish(env, (struct publish){.topic = "lintel/home/request",
                                             .payload = rows[i].payload,
                                             .payload_len = rows[i].n,
                                             .qos = 1,
                                             .content_type = rows[i].content_type});
        expect_error("lintel/home/response", rows[i].code, rows[i].field, "request.invalid");
    }
    assert_true(gateway_is_running(env));
}

static void test_request__unknown_site__error_names_the_site(void **state)
{
    (void)state;
    client_publish(env,
                   (struct publish){.topic = "lintel/boat/request", .payload = "hello", .qos = 1});
    expect_error("lintel/boat/response", "unknown_site", "site", "request.unknown_site");
    client_publish(env,
                   (struct publish){.topic = "lintel/boat/request", .payload = "\xff", .qos = 1});
    expect_error("lintel/boat/response", "unknown_site", "site", "request.unknown_site");
}

static void test_request__same_id_twice__answered_twice_carried_out_once(void **state)
{
    struct publish p = {.topic = "lintel/home/request",
                        .payload = "{\"id\":\"twice\",\"text\":\"" UTTERANCE "\"}",
                        .qos = 1};
    (void)state;
    client_publish(env, p);
    client_publish(env, p); /* while the first is under way */
    json_t *a = take_json(env, "lintel/home/response", "result");
    json_t *b = take_json(env, "lintel/home/response", "result");
    assert_string_equal(text_of(a, "trace"), text_of(b, "trace"));
    expect_calls(a);
    db_wait(env, "select count(*) from trace where request_id = 'twice' and state = 'executed'", 1);
    client_publish(env, p); /* after it */
    json_t *c = take_json(env, "lintel/home/response", "result");
    assert_true(json_equal(a, c));
    assert_null(client_try(env, "lintel/home/call/", 100));
    assert_int_equal(db_int(env, "select count(*) from trace where request_id = 'twice'"), 1);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

static void test_request__same_id_other_reply_topic__both_get_the_answer(void **state)
{
    struct publish p = {.topic = "lintel/home/request",
                        .payload = "{\"id\":\"two-panels\",\"text\":\"" UTTERANCE "\"}",
                        .qos = 1,
                        .response_topic = "lintel/home/reply/a"};
    (void)state;
    client_publish(env, p);
    p.response_topic = "lintel/home/reply/b";
    client_publish(env, p);
    json_t *a = take_json(env, "lintel/home/reply/a", "result");
    json_t *b = take_json(env, "lintel/home/reply/b", "result");
    assert_true(json_equal(a, b));
    expect_calls(a);
    json_decref(a);
    json_decref(b);
}

static void test_request__dry_run__answer_without_calls_sent(void **state)
{
    (void)state;
    client_publish(env, (struct publish){.topic = "lintel/home/request",
                                         .payload = "{\"text\":\"" UTTERANCE "\",\"dry_run\":true}",
                                         .qos = 1});
    json_t *r = take_json(env, "lintel/home/response", "result");
    assert_true(json_array_size(json_object_get(r, "calls")) >= 1);
    assert_null(client_try(env, "lintel/home/call/", 150));
    json_decref(r);
}

static void test_request__retained__is_ignored(void **state)
{
    int before = gateway_log_count(env, "request.retained_ignored");
    (void)state;
    client_publish(
        env, (struct publish){
                 .topic = "lintel/home/request", .payload = UTTERANCE, .qos = 1, .is_retained = 1});
    /* sent live it is a request like any other, and stays behind at the broker */
    json_t *r = take_json(env, "lintel/home/response", "result");
    json_decref(r);
    client_forget(env);
    assert_int_equal(gateway_stop(env), 0);
    gateway_start(env, NULL);
    assert_null(client_try(env, "lintel/home/response", 300));
    assert_null(client_try(env, "lintel/home/call/", 10));
    client_publish(env, (struct publish){.topic = "lintel/home/request",
                                         .payload = "",
                                         .qos = 1,
                                         .is_retained = 1}); /* clears it */
    (void)before; /* version 5 does not even send it; version 4 does: test_broker.c */
    json_decref(take_json(env, "lintel/home/response", "result"));
}

static void test_request__qos0__is_answered(void **state)
{
    (void)state;
    client_publish(env, (struct publish){.topic = "lintel/home/request", .payload = UTTERANCE});
    json_t *r = take_json(env, "lintel/home/response", "result");
    expect_calls(r);
    json_decref(r);
}

static void test_request__burst__all_answered(void **state)
{
    char payload[128];
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(payload, sizeof payload, "{\"id\":\"burst-%d\",\"text\":\"" UTTERANCE "\"}", i);
        client_publish(
            env, (struct publish){.topic = "lintel/home/request", .payload = payload, .qos = 1});
    }
    for (int i = 0; i < 100; i++) message_free(client_take(env, "lintel/home/response", WAIT_MS));
    db_wait(env,
            "select count(*) from trace where request_id like 'burst-%' and state = 'executed'",
            100);
}

static void test_catalog__invalid__old_one_stays_and_status_says_why(void **state)
{
    static const struct {
        const char *payload, *path;
    } rows[] = {
        {"{\"tools\":[{\"description\":\"no name\"}],\"home\":{\"areas\":[],\"entities\":[]}}",
         "/tools/0"},
        {"{\"tools\":5}", "/tools"},
        {"{", "line 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_publish(
            env,
            (struct publish){.topic = "lintel/home/catalog", .payload = rows[i].payload, .qos = 1});
        json_t *s = take_json(env, "lintel/home/status", "status");
        const json_t *catalog = json_object_get(s, "catalog");
        if (!strstr(text_of(catalog, "error"), rows[i].path))
            fail_msg("'%s' lacks %s", text_of(catalog, "error"), rows[i].path);
        assert_int_equal(json_integer_value(json_object_get(catalog, "entities")), 15);
        json_decref(s);
        assert_true(gateway_log_count(env, "catalog.refused") > 0);
    }
    client_say(env, UTTERANCE); /* the old one still answers */
    json_t *r = take_json(env, "lintel/home/response", "result");
    expect_calls(r);
    json_decref(r);
}

static void test_catalog__new_one__takes_over_and_survives_a_restart(void **state)
{
    static const char small[] =
        "{\"tools\":[{\"name\":\"open_roof\",\"description\":\"Open the roof\",\"parameters\":"
        "{\"type\":\"object\",\"properties\":{}}}],\"home\":{\"areas\":[],\"entities\":[]}}";
    (void)state;
    client_publish(
        env, (struct publish){
                 .topic = "lintel/home/catalog", .payload = small, .qos = 1, .is_retained = 1});
    json_t *s = take_json(env, "lintel/home/status", "status");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(s, "catalog"), "tools")),
                     1);
    json_decref(s);
    db_wait(env, "select count(*) from catalog", 2);
    client_publish(env, (struct publish){.topic = "lintel/home/catalog",
                                         .payload = "",
                                         .qos = 1,
                                         .is_retained = 1}); /* the broker forgets it */
    assert_int_equal(gateway_stop(env), 0);
    client_forget(env);
    gateway_spawn(env);
    for (int tools = 0; tools != 1;) {
        s = take_json(env, "lintel/home/status", "status");
        tools = (int)json_integer_value(json_object_get(json_object_get(s, "catalog"), "tools"));
        json_decref(s);
    }
    FILE *f = fopen(test_catalog(), "r"); /* the demo home again, for the tests after this one */
    char *text = calloc(1, 1 << 20);
    assert_non_null(f);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    client_publish(env,
                   (struct publish){.topic = "lintel/home/catalog", .payload = text, .qos = 1});
    free(text);
    s = take_json(env, "lintel/home/status", "status");
    json_decref(s);
}

static void test_feedback__valid__becomes_a_label(void **state)
{
    char payload[256], sql[256];
    (void)state;
    client_say(env, UTTERANCE);
    json_t *r = take_json(env, "lintel/home/response", "result");
    snprintf(payload, sizeof payload, "{\"trace\":\"%s\",\"correct\":false,\"calls\":[]}",
             text_of(r, "trace"));
    client_publish(env,
                   (struct publish){.topic = "lintel/home/feedback", .payload = payload, .qos = 1});
    snprintf(sql, sizeof sql, "select count(*) from label where trace = '%s' and source = 'user'",
             text_of(r, "trace"));
    db_wait(env, sql, 1);
    client_publish(env, (struct publish){.topic = "lintel/home/feedback",
                                         .payload = "{\"trace\":\"x\"}",
                                         .qos = 1});
    gateway_log_wait(env, "feedback.refused");
    json_decref(r);
}

static void test_reload__threshold__takes_effect_and_a_bad_file_does_not(void **state)
{
    (void)state;
    gateway_config(env, "gate:\n  threshold: 1\n  nothing: 1\n  clarify: 0\n");
    gateway_signal(env, SIGHUP);
    gateway_log_wait(env, "config.reloaded");
    client_forget(env);
    client_say(env, UTTERANCE);
    json_t *r = take_json(env, "lintel/home/response", "result");
    assert_string_not_equal(text_of(r, "route"), "local");
    assert_null(client_try(env, "lintel/home/call/", 100));
    json_decref(r);
    gateway_config(env, "gate:\n  treshold: 0\n");
    gateway_signal(env, SIGHUP);
    gateway_log_wait(env, "config.refused");
    assert_true(gateway_log_count(env, "gate.threshold") > 0); /* what was meant */
    gateway_config(env, NULL);
    int before = gateway_log_count(env, "config.reloaded");
    gateway_signal(env, SIGHUP);
    while (gateway_log_count(env, "config.reloaded") == before) sleep_ms(10);
    client_say(env, UTTERANCE);
    r = take_json(env, "lintel/home/response", "result");
    assert_string_equal(text_of(r, "route"), "local");
    json_decref(r);
}

static void test_stats__interval__schema_and_counts(void **state)
{
    (void)state;
    assert_int_equal(gateway_stop(env), 0);
    client_forget(env);
    gateway_start(env, "stats:\n  interval_s: 1\n");
    client_say(env, UTTERANCE);
    json_decref(take_json(env, "lintel/home/response", "result"));
    json_int_t n = 0;
    for (int i = 0; i < 60 && n != 1; i++) { /* those sent before the request say 0 */
        json_t *s = take_json(env, "lintel/home/stats", "stats");
        n = json_integer_value(json_object_get(s, "requests"));
        json_decref(s);
    }
    assert_int_equal(n, 1);
}

#define TEST(t) cmocka_unit_test_setup(t, forget_waiting)
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test while looking for a fault */
    const struct CMUnitTest tests[] = {
        TEST(test_request__plain_text__response_and_calls),
        TEST(test_request__response_topic__answer_there_with_correlation_and_expiry),
        TEST(test_request__response_topic_elsewhere__is_not_honoured),
        TEST(test_request__bad_input__error_names_the_field),
        TEST(test_request__unknown_site__error_names_the_site),
        TEST(test_request__same_id_twice__answered_twice_carried_out_once),
        TEST(test_request__same_id_other_reply_topic__both_get_the_answer),
        TEST(test_request__dry_run__answer_without_calls_sent),
        TEST(test_request__retained__is_ignored),
        TEST(test_request__qos0__is_answered),
        TEST(test_request__burst__all_answered),
        TEST(test_catalog__invalid__old_one_stays_and_status_says_why),
        TEST(test_catalog__new_one__takes_over_and_survives_a_restart),
        TEST(test_feedback__valid__becomes_a_label),
        TEST(test_reload__threshold__takes_effect_and_a_bad_file_does_not),
        TEST(test_stats__interval__schema_and_counts),
    };
    return cmocka_run_group_tests(tests, group_setup, close_env);
}
