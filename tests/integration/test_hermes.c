/* test_hermes.c - a Hermes dialogue as a dialogue manager sees it, over a real broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

static void query(struct env *e, const char *topic, const char *payload)
{
    client_publish(e, (struct publish){.topic = topic, .payload = payload, .qos = 1});
}

static json_t *take(struct env *e, const char *topic)
{
    struct message *m = client_take(e, topic, WAIT_MS);
    json_t *o = json_loadb(m->payload, m->payload_len, 0, NULL);
    message_free(m);
    assert_non_null(o);
    return o;
}

static void has_text(json_t *o, const char *key, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(o, key)), value);
}

static struct env *start(const char *extra)
{
    struct env *e = env_start();
    gateway_start(e, extra);
    return e;
}

static void test_hermes__query_in_a_session__parsed_called_and_ended_once(void **state)
{
    struct env *e = start("hermes:\n  enabled: true\n  rooms: [bed=Bedroom]\n");
    (void)state;
    query(e, "hermes/nlu/query",
          "{\"input\":\"turn on the kitchen light\",\"siteId\":\"bed\",\"sessionId\":\"s1\","
          "\"id\":\"q\",\"customData\":\"{}\",\"intentFilter\":null}");
    json_t *parsed = take(e, "hermes/nlu/intentParsed");
    has_text(parsed, "siteId", "bed");
    has_text(parsed, "sessionId", "s1");
    has_text(parsed, "customData", "{}");
    has_text(json_object_get(parsed, "intent"), "intentName", "HassTurnOn");
    json_t *slot = json_array_get(json_object_get(parsed, "slots"), 0);
    has_text(slot, "slotName", "name");
    has_text(json_object_get(slot, "value"), "value", "Kitchen Light");
    json_decref(parsed);
    json_decref(take(e, "hermes/intent/HassTurnOn"));
    json_t *end = take(e, "hermes/dialogueManager/endSession");
    has_text(end, "sessionId", "s1");
    json_decref(end);
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    assert_int_equal(db_int(e, "select count(*) from trace where source = 'hermes' and here = "
                               "'Bedroom'"),
                     1);
    assert_null(client_try(e, "hermes/dialogueManager", 200));
    env_stop(e);
}

static void test_hermes__filtered_empty_or_not_json__not_recognised_and_nothing_called(void **state)
{
    struct env *e = start("hermes:\n  enabled: true\n");
    (void)state;
    query(e, "hermes/nlu/query", "{\"input\":");
    query(e, "hermes/nlu/query", "[1,2]");
    query(e, "hermes/nlu/query", "{\"input\":\"  \",\"siteId\":\"x\",\"sessionId\":\"s0\"}");
    json_t *none = take(e, "hermes/nlu/intentNotRecognized");
    has_text(none, "sessionId", "s0");
    json_decref(none);
    query(e, "hermes/nlu/query",
          "{\"input\":\"turn on the kitchen light\",\"sessionId\":\"s2\",\"intentFilter\":["
          "\"HassSetVolume\"]}");
    none = take(e, "hermes/nlu/intentNotRecognized");
    has_text(none, "sessionId", "s2");
    has_text(none, "siteId", "default");
    json_decref(none);
    assert_null(client_try(e, "lintel/home/call", 200));
    query(e, "hermes/nlu/query",
          "{\"input\":\"turn on the kitchen light\",\"sessionId\":\"s3\",\"intentFilter\":["
          "\"HassTurnOn\"]}");
    json_decref(take(e, "hermes/dialogueManager/endSession"));
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    env_stop(e);
}

static void test_hermes__listener__captured_text_called_and_spoken_to(void **state)
{
    struct env *e = start("hermes:\n  enabled: true\n  role: listener\n  site_ids: [a]\n");
    (void)state;
    query(e, "hermes/asr/textCaptured",
          "{\"text\":\"turn on the kitchen light\",\"likelihood\":1,\"seconds\":1,\"siteId\":"
          "\"b\"}");
    assert_null(client_try(e, "lintel/home/call", 300)); /* not our satellite */
    query(e, "hermes/asr/textCaptured",
          "{\"text\":\"turn on the kitchen light\",\"likelihood\":0.9,\"seconds\":1,\"siteId\":"
          "\"a\"}");
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    env_stop(e);
}

/* ---- Lintel as the dialogue manager; the words come from somebody else's recogniser ---- */

static void hear(struct env *e, const char *session, const char *text)
{
    char payload[300];
    snprintf(
        payload, sizeof payload,
        "{\"text\":\"%s\",\"likelihood\":1,\"seconds\":1,\"siteId\":\"bed\",\"sessionId\":\"%s\"}",
        text, session);
    query(e, "hermes/asr/textCaptured", payload);
}

static char *take_session(struct env *e, const char *topic)
{
    json_t *o = take(e, topic);
    char *id = strdup(json_string_value(json_object_get(o, "sessionId")));
    json_decref(o);
    return id;
}

static void expect_end(struct env *e, const char *session, const char *reason)
{
    json_t *o = take(e, "hermes/dialogueManager/sessionEnded");
    has_text(o, "sessionId", session);
    has_text(json_object_get(o, "termination"), "reason", reason);
    json_decref(o);
}

/* As many satellites answer: with the id of what was said and no session. */
static void finish_saying(struct env *e, const char *says)
{
    char payload[200];
    json_t *o = take(e, "hermes/tts/say");
    if (says) has_text(o, "text", says);
    snprintf(payload, sizeof payload, "{\"id\":\"%s\",\"siteId\":\"bed\"}",
             json_string_value(json_object_get(o, "id")));
    json_decref(o);
    query(e, "hermes/tts/sayFinished", payload);
    json_decref(
        take(e, "hermes/tts/sayFinished")); /* its topic begins as that of what is said next */
}

static void
test_hermes__sessions_of_a_satellite__filtered_told_queued_and_each_ended_once(void **state)
{
    struct env *e = start("hermes: {enabled: true, role: dialogue, rooms: [bed=Bedroom]}\n");
    char text[300];
    (void)state;
    query(e, "hermes/dialogueManager/startSession",
          "{\"siteId\":\"bed\",\"customData\":\"mine\",\"init\":{\"type\":\"action\",\"text\":"
          "\"Louder?\","
          "\"intentFilter\":[\"HassSetVolume\"],\"sendIntentNotRecognized\":true}}");
    char *first = take_session(e, "hermes/dialogueManager/sessionStarted");
    /* others wait, or are refused where they do not want to */
    query(e, "hermes/dialogueManager/startSession",
          "{\"siteId\":\"bed\",\"init\":{\"type\":\"notification\",\"text\":\"Rain.\"}}");
    char *second = take_session(e, "hermes/dialogueManager/sessionQueued");
    query(e, "hermes/dialogueManager/startSession",
          "{\"siteId\":\"bed\",\"init\":{\"type\":\"action\",\"canBeEnqueued\":false}}");
    json_decref(take(e, "hermes/error/dialogueManager"));
    finish_saying(e, "Louder?");
    json_t *o = take(e, "hermes/asr/startListening");
    assert_int_equal(json_array_size(json_object_get(o, "intentFilter")), 1);
    json_decref(o);
    hear(e, first, "turn on the kitchen light"); /* not what it may be now */
    o = take(e, "hermes/dialogueManager/intentNotRecognized");
    has_text(o, "sessionId", first);
    json_decref(o);
    snprintf(text, sizeof text,
             "{\"sessionId\":\"%s\",\"text\":\"What else?\",\"customData\":\"yours\"}", first);
    query(e, "hermes/dialogueManager/continueSession", text);
    finish_saying(e, "What else?");
    o = take(e, "hermes/asr/startListening");
    assert_null(json_object_get(o, "intentFilter"));
    json_decref(o);
    assert_null(client_try(e, "lintel/home/call", 100));
    hear(e, first, "turn on the kitchen light");
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    finish_saying(e, NULL);
    o = take(e, "hermes/dialogueManager/sessionEnded");
    has_text(o, "sessionId", first);
    has_text(o, "customData", "yours");
    json_decref(o);
    char *started = take_session(e, "hermes/dialogueManager/sessionStarted"); /* its turn */
    assert_string_equal(started, second);
    finish_saying(e, "Rain.");
    expect_end(e, second, "nominal");
    free(started);
    free(first);
    free(second);
    env_stop(e);
}

static void
test_hermes__wake_word_while_an_answer_is_spoken__that_session_ends_and_a_new_one_listens(
    void **state)
{
    struct env *e = start("hermes: {enabled: true, role: dialogue}\n");
    (void)state;
    query(e, "hermes/dialogueManager/startSession",
          "{\"siteId\":\"bed\",\"init\":{\"type\":\"notification\",\"text\":\"A long one.\"}}");
    char *first = take_session(e, "hermes/dialogueManager/sessionStarted");
    json_decref(take(e, "hermes/tts/say"));
    query(e, "hermes/hotword/default/detected", "{\"siteId\":\"bed\",\"modelId\":\"default\"}");
    expect_end(e, first, "abortedByUser");
    char *second = take_session(e, "hermes/dialogueManager/sessionStarted");
    assert_string_not_equal(first, second);
    json_decref(take(e, "hermes/asr/startListening"));
    hear(e, first, "turn on the kitchen light"); /* too late */
    hear(e, second, "turn on the kitchen light");
    message_free(client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS));
    finish_saying(e, NULL);
    expect_end(e, second, "nominal");
    free(first);
    free(second);
    assert_int_equal(db_int(e, "select count(*) from trace where source = 'hermes'"), 1);
    env_stop(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hermes__query_in_a_session__parsed_called_and_ended_once),
        cmocka_unit_test(
            test_hermes__filtered_empty_or_not_json__not_recognised_and_nothing_called),
        cmocka_unit_test(test_hermes__listener__captured_text_called_and_spoken_to),
        cmocka_unit_test(
            test_hermes__sessions_of_a_satellite__filtered_told_queued_and_each_ended_once),
        cmocka_unit_test(
            test_hermes__wake_word_while_an_answer_is_spoken__that_session_ends_and_a_new_one_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
