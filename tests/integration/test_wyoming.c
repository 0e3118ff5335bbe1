/* test_wyoming.c - the Wyoming server as Home Assistant meets it, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "wyoming_client.h"

#define MANY 50

static int port;

static struct env *start(const char *more)
{
    char config[512];
    struct env *e = env_start();
    port = wy_free_port();
    snprintf(config, sizeof config, "wyoming:\n  port: %d\n  bind: 127.0.0.1\n%s", port, more);
    gateway_start(e, config);
    return e;
}

static const char *event_text(const json_t *event)
{
    const char *s = json_string_value(json_object_get(json_object_get(event, "data"), "text"));
    return s ? s : "";
}

static const char *type_of(const json_t *event)
{
    const char *s = json_string_value(json_object_get(event, "type"));
    return s ? s : "(nothing)";
}

static void expect(int fd, const char *type)
{
    json_t *e = wy_take(fd);
    assert_string_equal(type_of(e), type);
    json_decref(e);
}

/* Nobody else is affected by what a bad client did. */
static void still_serves(void)
{
    int fd = wy_connect(port);
    assert_true(fd >= 0 && wy_send(fd, "ping", "{\"text\":\"x\"}"));
    json_t *pong = wy_take(fd);
    assert_string_equal(type_of(pong), "pong");
    assert_string_equal(event_text(pong), "x");
    json_decref(pong);
    close(fd);
}

static void test_wyoming__describe_and_half_close__info_with_a_handle_program(void **state)
{
    struct env *e = start("");
    int fd = wy_connect(port);
    (void)state;
    assert_true(wy_send(fd, "describe", NULL));
    shutdown(fd, SHUT_WR);
    json_t *info = wy_take(fd), *data = json_object_get(info, "data");
    const json_t *program = json_array_get(json_object_get(data, "handle"), 0);
    assert_string_equal(type_of(info), "info");
    assert_true(json_is_true(json_object_get(program, "installed")));
    assert_true(json_is_true(json_object_get(program, "supports_home_control")));
    assert_non_null(json_object_get(json_object_get(program, "attribution"), "url"));
    const json_t *model = json_array_get(json_object_get(program, "models"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(model, "languages"), 0)),
                        "en");
    assert_int_equal(json_array_size(json_object_get(data, "intent")), 0);
    json_decref(info);
    assert_null(wy_take(fd));
    close(fd);
    env_stop(e);
}

static void test_wyoming__transcript_in_handle_mode__call_published_and_handled(void **state)
{
    struct env *e = start("  rooms: [assist_satellite.bed=Bedroom]\n");
    int fd = wy_connect(port);
    (void)state;
    assert_true(wy_send(fd, "transcript",
                        "{\"text\":\"turn on the kitchen light\",\"language\":\"en\",\"context\":{"
                        "\"conversation_id\":\"c1\"}}"));
    json_t *answer = wy_take(fd);
    assert_string_equal(type_of(answer), "handled");
    assert_string_equal(event_text(answer), "Kitchen Light is on.");
    json_decref(answer);
    struct message *call = client_take(e, "lintel/home/call/HassTurnOn", WAIT_MS);
    assert_non_null(strstr(call->payload, "Kitchen Light"));
    message_free(call);
    db_wait(e, "select count(*) from trace where source = 'wyoming' and state = 'executed'", 1);
    close(fd);
    /* the satellite's room comes from the map */
    fd = wy_connect(port);
    assert_true(wy_send(fd, "transcript",
                        "{\"text\":\"turn off the light\",\"language\":null,\"context\":{"
                        "\"satellite_id\":\"assist_satellite.bed\"}}"));
    expect(fd, "handled");
    assert_int_equal(db_int(e, "select count(*) from trace where here = 'Bedroom'"), 1);
    close(fd);
    env_stop(e);
}

static void test_wyoming__transcript_in_intent_mode__intent_and_nothing_published(void **state)
{
    struct env *e = start("  mode: intent\n");
    int fd = wy_connect(port);
    (void)state;
    client_forget(e);
    assert_true(wy_send(fd, "transcript", "{\"text\":\"turn on the kitchen light\"}"));
    json_t *intent = wy_take(fd), *data = json_object_get(intent, "data");
    assert_string_equal(type_of(intent), "intent");
    assert_string_equal(json_string_value(json_object_get(data, "name")), "HassTurnOn");
    json_t *slot = json_array_get(json_object_get(data, "entities"), 0);
    assert_string_equal(json_string_value(json_object_get(slot, "name")), "name");
    assert_string_equal(json_string_value(json_object_get(slot, "value")), "Kitchen Light");
    assert_int_equal(json_object_size(slot), 2);
    json_decref(intent);
    /* the whole house is never switched by Home Assistant for us */
    assert_true(wy_send(fd, "transcript", "{\"text\":\"all lights off\"}"));
    expect(fd, "not-handled");
    close(fd);
    assert_null(client_try(e, "lintel/home/call", 300));
    env_stop(e);
}

/* What a client hears, in its language. */
static void hear(int fd, const char *lang, const char *text, const char *type, const char *says)
{
    char data[300];
    snprintf(data, sizeof data, "{\"text\":\"%s\",\"language\":\"%s\"}", text, lang);
    assert_true(wy_send(fd, "transcript", data));
    json_t *e = wy_take(fd);
    if (strcmp(type_of(e), type) != 0 || strcmp(event_text(e), says) != 0)
        fail_msg("%s, %s: %s", text, lang, json_dumps(e, 0));
    json_decref(e);
}

static void test_wyoming__languages__what_was_done_and_what_is_missing(void **state)
{
    struct env *e = start("talk:\n  languages: [en, de, fr, es, nl, it, pl]\n");
    int fd = wy_connect(port);
    (void)state;
    hear(fd, "de", "turn on the kitchen light", "handled", "Kitchen Light ist an.");
    hear(fd, "fr", "turn off the kitchen light", "handled", "J'ai éteint Kitchen Light.");
    hear(fd, "es", "turn on the tv", "handled", "He encendido Television.");
    hear(fd, "it", "turn off the tv", "handled", "Ho spento Television.");
    hear(fd, "nl", "lock the front door", "handled", "Front Door is op slot.");
    hear(fd, "pl", "open the living room blinds", "handled", "Otwieram: Living Room Blinds.");
    hear(fd, "en", "turn on the bedroom fan", "handled", "Bedroom Fan is on.");
    hear(fd, "pt", "turn on the bedroom fan", "not-handled", "Sorry, I did not understand that.");
    close(fd);
    env_stop(e);
    e = start("  mode: intent\ntalk:\n  languages: [en, de]\n");
    fd = wy_connect(port);
    hear(fd, "de", "all lights off", "not-handled",
         "Dafür brauche ich den Namen von Gerät oder Raum.");
    close(fd);
    env_stop(e);
}

static void test_wyoming__bad_streams__error_and_everybody_else_served(void **state)
{
    static const char *const bad[] = {
        "{\"type\": \"transcript\", \"data_length\": 2147483648}\n",
        "{\"type\": \"transcript\", \"payload_length\": -1}\n",
        "{\"type\": \"transcript\", \"data_length\": 1.5}\n",
        "not json\n",
        "{\"version\": \"1\"}\n",
        "{\"type\": \"transcript\", \"data_length\": 4}\n[1] ",
    };
    struct env *e = start("");
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = wy_connect(port);
        assert_true(wy_send_bytes(fd, bad[i], strlen(bad[i])));
        expect(fd, "error");
        assert_null(wy_take(fd));
        close(fd);
    }
    int half = wy_connect(port); /* half a header, and gone */
    assert_true(wy_send_bytes(half, "{\"type\": \"tran", 14));
    still_serves();
    close(half);
    int endless = wy_connect(port); /* a header without an end */
    char filler[4096];
    memset(filler, 'x', sizeof filler);
    for (int i = 0; i < 17; i++)
        if (!wy_send_bytes(endless, filler, sizeof filler)) break;
    expect(endless, "error");
    close(endless);
    int silent = wy_connect(port);
    assert_true(wy_send(silent, "transcript", "{\"text\":\"\"}"));
    expect(silent, "error");
    assert_true(wy_send(silent, "something-new", "{\"a\":null}"));
    assert_true(wy_send(silent, "ping", NULL));
    expect(silent, "pong");
    close(silent);
    still_serves();
    assert_int_equal(gateway_stop(e), 0);
    env_stop(e);
}

static void test_wyoming__fifty_clients_at_once__each_answered(void **state)
{
    struct env *e = start("");
    int fd[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++) assert_true((fd[i] = wy_connect(port)) >= 0);
    for (int i = 0; i < MANY; i++)
        assert_true(wy_send(fd[i], "transcript", "{\"text\":\"turn on the kitchen light\"}"));
    for (int i = 0; i < MANY; i++) {
        expect(fd[i], "handled");
        close(fd[i]);
    }
    db_wait(e, "select count(*) from trace where source = 'wyoming' and state = 'executed'", MANY);
    env_stop(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wyoming__describe_and_half_close__info_with_a_handle_program),
        cmocka_unit_test(test_wyoming__transcript_in_handle_mode__call_published_and_handled),
        cmocka_unit_test(test_wyoming__transcript_in_intent_mode__intent_and_nothing_published),
        cmocka_unit_test(test_wyoming__languages__what_was_done_and_what_is_missing),
        cmocka_unit_test(test_wyoming__bad_streams__error_and_everybody_else_served),
        cmocka_unit_test(test_wyoming__fifty_clients_at_once__each_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
