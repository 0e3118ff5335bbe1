/* Where labels come from, with the real broker and gateway: taken back, imported, taken away again; and a
 * network that answers beside the active one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness.h"

#define OUT     65536
#define NO_FILE "model:\n  file: \"\"\nlimits:\n  deadline_ms: 300000\n"
#define TOOLS                                                                                      \
    "[{\"name\":\"bell_ring\",\"description\":\"Ring a "                                           \
    "bell\",\"parameters\":{\"type\":\"object\","                                                  \
    "\"properties\":{\"strokes\":{\"type\":\"integer\",\"maximum\":24}}}}]"

static char out[OUT], err[OUT], db[300], other[300], lines[300];

static int setup(void **state)
{
    *state = env_start();
    client_wait_connected(*state);
    snprintf(db, sizeof db, "%s", env_path(*state, "lintel.db"));
    snprintf(other, sizeof other, "%s", env_path(*state, "other.gguf"));
    snprintf(lines, sizeof lines, "%s", env_path(*state, "lines.jsonl"));
    return 0;
}

static int teardown(void **state)
{
    env_stop(*state);
    return 0;
}

#define LINTEL(...) run_lintel(out, OUT, err, OUT, __VA_ARGS__, "--db", db, NULL)

static json_t *parsed(void)
{
    json_error_t e;
    json_t *j = json_loads(out, 0, &e);
    if (!j) fail_msg("no JSON: %s\n%s\n%s", e.text, out, err);
    return j;
}

static json_int_t number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static void test_undo__of_a_call__labels_the_trace_wrong_and_teaches_nothing(void **state)
{
    struct env *e = *state;
    gateway_start(e, NO_FILE);
    client_say(e, "{\"id\":\"first\",\"text\":\"turn on the kitchen light\",\"session\":\"s\"}");
    db_wait(e, "select count(*) from trace where request_id = 'first' and state = 'executed'", 1);
    client_say(e, "{\"id\":\"second\",\"text\":\"undo that\",\"session\":\"s\"}");
    db_wait(e,
            "select count(*) from label l join trace t on t.id = l.trace where t.request_id = "
            "'first' and l.source = 'undo' and l.is_correct = 0",
            1);
    assert_int_equal(db_int(e, "select count(*) from label"), 1);
    assert_int_equal(LINTEL("traces", "export", "--silence"), 0);
    assert_string_equal(out, "");
    /* whoever runs the house has the last word, and can take it back */
    char id[64];
    assert_int_equal(LINTEL("traces", "list", "--json"), 0);
    json_t *rows = parsed();
    *id = '\0';
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *text = json_string_value(json_object_get(row, "text"));
        if (text && !strcmp(text, "turn on the kitchen light"))
            snprintf(id, sizeof id, "%s", json_string_value(json_object_get(row, "trace")));
    }
    json_decref(rows);
    assert_true(*id);
    assert_int_equal(LINTEL("traces", "label", id, "--correct"), 0);
    assert_int_equal(LINTEL("traces", "export"), 0);
    if (!strstr(out, "\"trace.console\"")) fail_msg("trace %s exported as:\n%s%s", id, out, err);
    assert_int_equal(LINTEL("traces", "label", id, "--wrong", "--calls",
                            "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Moon\"}}]"),
                     1);
    assert_non_null(strstr(err, "Moon")); /* no such device: such a label is refused */
    assert_int_equal(LINTEL("traces", "label", id, "--remove", "all"), 0);
    assert_string_equal(out, "2 labels removed\n");
    assert_int_equal(db_int(e, "select count(*) from label"), 0);
}

static void test_feedback__flood_or_calls_that_fit_nothing__bounded_and_refused(void **state)
{
    struct env *e = *state;
    char payload[300], id[64];
    gateway_start(e, NO_FILE);
    client_say(e, "{\"id\":\"first\",\"text\":\"turn on the kitchen light\"}");
    db_wait(e, "select count(*) from trace where state = 'executed'", 1);
    assert_int_equal(LINTEL("traces", "list", "--json"), 0);
    json_t *rows = parsed();
    snprintf(id, sizeof id, "%s",
             json_string_value(json_object_get(json_array_get(rows, 0), "trace")));
    json_decref(rows);
    snprintf(payload, sizeof payload,
             "{\"trace\":\"%s\",\"correct\":false,\"calls\":[{\"name\":\"HassTurnOn\","
             "\"arguments\":{\"name\":\"Moon\"}}]}",
             id);
    client_publish(e,
                   (struct publish){.topic = "lintel/home/feedback", .payload = payload, .qos = 1});
    gateway_log_wait(e, "feedback.refused");
    assert_int_equal(db_int(e, "select count(*) from label"), 0);
    snprintf(payload, sizeof payload, "{\"trace\":\"%s\",\"correct\":true}", id);
    /* 120 a minute are the limit; a disk that hangs may stretch 130 over two minutes: then again */
    for (int k = 0; k < 20 && !gateway_log_count(e, "feedback.flood"); k++) {
        for (int i = 0; i < 130; i++)
            client_publish(
                e, (struct publish){.topic = "lintel/home/feedback", .payload = payload, .qos = 1});
        for (int ms = 0; ms < 3000 && !gateway_log_count(e, "feedback.flood"); ms += 20)
            sleep_ms(20);
    }
    gateway_log_wait(e, "feedback.flood");
    db_wait(e, "select count(*) from label", 1); /* one of each source for a trace */
}

static void test_import__good_bad_and_known_lines__counted_and_exported_again(void **state)
{
    struct env *e = *state;
    FILE *f = fopen(lines, "w");
    assert_non_null(f);
    for (int i = 1; i <= 5; i++)
        fprintf(f,
                "{\"id\":\"%d\",\"source\":\"t\",\"query\":\"ring it %d times\",\"tools\":" TOOLS
                ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":%d}}]}\n",
                i, i, i);
    fputs("not json\n", f);
    fputs("{\"id\":\"9\",\"source\":\"t\",\"query\":\"ring it 99 times\",\"tools\":" TOOLS
          ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":99}}]}\n",
          f);
    assert_int_equal(fclose(f), 0);
    (void)e;
    assert_int_equal(LINTEL("traces", "import", lines), 2); /* which site? */
    assert_int_equal(LINTEL("traces", "import", lines, "--site", "home"), 0);
    assert_non_null(strstr(err, "5 traces imported, 0 known already, 2 lines refused"));
    assert_int_equal(LINTEL("traces", "import", lines, "--site", "home"), 0);
    assert_non_null(strstr(err, "0 traces imported, 5 known already, 2 lines refused"));
    assert_int_equal(LINTEL("traces", "export"), 0);
    int n = 0;
    for (const char *s = out; (s = strstr(s, "\"trace.import\"")) != NULL; s++) n++;
    assert_int_equal(n, 5);
    assert_int_equal(LINTEL("traces", "stats"), 0);
    json_t *o = parsed();
    assert_int_equal(json_array_size(json_object_get(o, "weeks")), 4);
    assert_true(json_is_false(json_object_get(json_object_get(o, "promise"), "kept")));
    assert_int_equal(json_array_size(json_object_get(o, "drift")), 0);
    json_decref(o);
    f = fopen(lines, "w");
    assert_non_null(f);
    fputs("not json\n", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(LINTEL("traces", "import", lines, "--site", "home"), 1);
    assert_int_equal(db_int(e, "select count(*) from trace"), 5);
}

static void test_erase__exported_before__files_rewritten_or_named_and_import_refused(void **state)
{
    struct env *e = *state;
    char week[300], copy[300];
    snprintf(week, sizeof week, "%s", env_path(e, "week.jsonl"));
    snprintf(copy, sizeof copy, "%s", env_path(e, "copy.jsonl"));
    for (int k = 0; k < 2; k++) { /* one line each of two sites */
        FILE *f = fopen(lines, "w");
        assert_non_null(f);
        fprintf(f,
                "{\"id\":\"1\",\"source\":\"t\",\"query\":\"ring for %s\",\"tools\":" TOOLS
                ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":2}}]}\n",
                k ? "zebra" : "heron");
        assert_int_equal(fclose(f), 0);
        assert_int_equal(LINTEL("traces", "import", lines, "--site", k ? "cabin" : "home"), 0);
    }
    assert_int_equal(LINTEL("traces", "export", "--out", copy), 0);
    assert_int_equal(LINTEL("traces", "export", "--out", week), 0);
    assert_int_equal(LINTEL("traces", "exports", "--json"), 0);
    json_t *o = parsed();
    assert_int_equal(json_array_size(o), 2);
    assert_int_equal(number(json_array_get(o, 1), "lines"), 2);
    assert_non_null(
        strstr(json_string_value(json_object_get(json_array_get(o, 1), "path")), "week.jsonl"));
    json_decref(o);
    assert_int_equal(rename(copy, lines), 0);
    assert_int_equal(LINTEL("traces", "erase", "--site", "cabin"), 0);
    assert_non_null(strstr(err, "week.jsonl: 1 lines removed"));
    assert_non_null(strstr(err, "copy.jsonl: no longer there"));
    FILE *f = fopen(week, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, sizeof out - 1, f);
    fclose(f);
    out[n] = '\0';
    assert_null(strstr(out, "zebra"));
    assert_non_null(strstr(out, "heron"));
    assert_int_equal(LINTEL("traces", "import", lines, "--site", "garage"), 0);
    assert_non_null(strstr(err, "1 traces imported, 0 known already, 1 lines refused"));
    assert_non_null(strstr(err, "was erased here"));
    unlink(week); /* something in its place that is no file */
    assert_int_equal(mkdir(week, 0755), 0);
    assert_int_equal(LINTEL("traces", "erase", "--site", "home"), 1);
    assert_non_null(strstr(err, "week.jsonl: still holds 1 lines"));
    assert_int_equal(rmdir(week), 0);
    assert_int_equal(LINTEL("traces", "erase", "--site", "home"), 0);
    assert_int_equal(LINTEL("traces", "exports", "--json"), 0);
    o = parsed();
    assert_int_equal(json_array_size(o), 0);
    json_decref(o);
}

static void test_export__while_serving__whole_lines_and_no_request_lost(void **state)
{
    enum { LINES = 200, SAID = 60, EXPORTS = 4 };
    struct env *e = *state;
    char payload[128];
    FILE *f = fopen(lines, "w");
    assert_non_null(f);
    for (int i = 1; i <= LINES; i++)
        fprintf(f,
                "{\"id\":\"%d\",\"source\":\"t\",\"query\":\"ring for guest %d\",\"tools\":" TOOLS
                ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":%d}}]}\n",
                i, i, i % 24 + 1);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(LINTEL("traces", "import", lines, "--site", "home"), 0);
    gateway_start(e, "limits:\n  deadline_ms: 300000\n");
    for (int k = 0; k < EXPORTS; k++) {
        for (int i = 0; i < SAID / EXPORTS; i++) {
            snprintf(payload, sizeof payload,
                     "{\"id\":\"x-%d-%d\",\"text\":\"turn on the kitchen "
                     "light\"}",
                     k, i);
            client_say(e, payload);
        }
        assert_int_equal(LINTEL("traces", "export", "--out", lines), 0);
        int n = 0;
        char line[4096];
        assert_non_null(f = fopen(lines, "r"));
        while (fgets(line, sizeof line, f)) {
            json_t *o = json_loads(line, 0, NULL);
            assert_non_null(o);
            n++;
            json_decref(o);
        }
        assert_int_equal(fclose(f), 0);
        assert_int_equal(n, LINES);
    }
    db_wait(e, "select count(*) from trace where state = 'executed' and source = 'mqtt'", SAID);
    assert_int_equal(gateway_stop(e), 0);
}

static void test_shadow__another_network__answers_beside_without_consequences(void **state)
{
    struct env *e = *state;
    char hash[65], text[128];
    gateway_start(e, NO_FILE);
    assert_int_equal(LINTEL("models", "shadow"), 1); /* none runs */
    assert_int_equal(run_lintel(out, OUT, err, OUT, "quantize", "--model", test_model(), "--out",
                                other, "--type", "f16", NULL),
                     0);
    assert_int_equal(LINTEL("models", "add", other), 0);
    snprintf(hash, sizeof hash, "%.64s", out);
    assert_int_equal(LINTEL("models", "shadow", "0123"), 1); /* no such network */
    assert_int_equal(LINTEL("models", "shadow", hash), 0);
    gateway_log_wait(e, "shadow.set");
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "{\"id\":\"r-%d\",\"text\":\"turn on the kitchen light\"}", i);
        client_say(e, text);
        snprintf(text, sizeof text, "select count(*) >= %d from shadow", i + 1);
        db_wait(e, text, 1);
    }
    db_wait(e, "select count(*) from trace where state = 'executed'", 5);
    assert_int_equal(LINTEL("models", "shadow"), 0);
    json_t *o = parsed();
    assert_int_equal(number(o, "n"), 5);
    assert_int_equal(number(o, "same"), 5); /* the same weights */
    json_decref(o);
    assert_int_equal(LINTEL("models", "diff", test_model(), hash), 0);
    o = parsed();
    assert_int_equal(number(o, "n"), 5);
    assert_int_equal(number(o, "different"), json_array_size(json_object_get(o, "rows")));
    json_decref(o);
    assert_int_equal(LINTEL("models", "shadow", "off"), 0);
    assert_string_equal(out, "off\n");
    assert_int_equal(gateway_stop(e), 0);
}

static void test_models__signed_network__taken_only_with_the_right_key(void **state)
{
    struct env *e = *state;
    char key[300], key_pub[304], stranger[300], sig[304];
    snprintf(key, sizeof key, "%s", env_path(e, "hub.key"));
    snprintf(key_pub, sizeof key_pub, "%s.pub", key);
    snprintf(stranger, sizeof stranger, "%s", env_path(e, "stranger.key"));
    snprintf(sig, sizeof sig, "%s.sig", other);
#define MODELS(...) run_lintel(out, OUT, err, OUT, "models", __VA_ARGS__, NULL)
    if (MODELS("keygen", key)) { /* built without libcrypto: says so, and what to install */
        assert_non_null(strstr(err, "libssl-dev"));
        return;
    }
    assert_int_equal(MODELS("keygen", key), 1); /* never over an old key */
    assert_int_equal(MODELS("keygen", stranger), 0);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "quantize", "--model", test_model(), "--out",
                                other, "--type", "q4_0", NULL),
                     0);
    assert_int_equal(LINTEL("models", "add", other, "--trust", key_pub), 1);
    assert_non_null(strstr(err, "is not signed"));
    assert_int_equal(MODELS("sign", other), 2);
    assert_int_equal(MODELS("sign", other, "--key", stranger), 0);
    assert_int_equal(LINTEL("models", "add", other, "--trust", key_pub), 1);
    assert_non_null(strstr(err, "was not signed with the key"));
    assert_int_equal(MODELS("sign", other, "--key", key), 0);
    assert_int_equal(LINTEL("models", "add", other, "--trust", key_pub), 0);
    FILE *f = fopen(other, "r+b"); /* one byte is changed after the signing */
    assert_non_null(f);
    assert_int_equal(fseek(f, -100, SEEK_END), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -100, SEEK_END), 0);
    fputc(c ^ 1, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(LINTEL("models", "add", other, "--trust", key_pub), 1);
    assert_int_equal(truncate(sig, 20), 0);
    assert_int_equal(LINTEL("models", "add", other, "--trust", key_pub), 1);
    assert_non_null(strstr(err, "no signature"));
    assert_int_equal(db_int(e, "select count(*) from model"), 1);
    assert_int_equal(LINTEL("models", "add", other, "--trust", other), 1); /* no key at all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_undo__of_a_call__labels_the_trace_wrong_and_teaches_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_feedback__flood_or_calls_that_fit_nothing__bounded_and_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_export__while_serving__whole_lines_and_no_request_lost,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_import__good_bad_and_known_lines__counted_and_exported_again, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_erase__exported_before__files_rewritten_or_named_and_import_refused, setup,
            teardown),
        cmocka_unit_test_setup_teardown(
            test_shadow__another_network__answers_beside_without_consequences, setup, teardown),
        cmocka_unit_test_setup_teardown(test_models__signed_network__taken_only_with_the_right_key,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
