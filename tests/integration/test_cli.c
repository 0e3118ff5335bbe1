/* test_cli.c - the commands as a person meets them: results, exit status, one-line errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

static char out[1 << 18], err[4096];
#define LINTEL(...) run_lintel(out, sizeof out, err, sizeof err, __VA_ARGS__, NULL)

/* One line on stderr that holds all of these words (NULL ends), and nothing on stdout. */
static void expect_error_line(const char *word, ...)
{
    size_t n = strlen(err);
    va_list ap;
    assert_string_equal(out, "");
    assert_true(n > 10 && err[n - 1] == '\n');
    assert_ptr_equal(strchr(err, '\n'), err + n - 1);
    va_start(ap, word);
    for (const char *w = word; w; w = va_arg(ap, const char *))
        if (!strstr(err, w)) fail_msg("'%s' lacks '%s'", err, w);
    va_end(ap);
}

static json_t *json_out(void)
{
    json_t *o = json_loads(out, 0, NULL);
    if (!o) fail_msg("not JSON: %s (%s)", out, err);
    return o;
}

static char *temp_file(const char *text, size_t n)
{
    static char path[64];
    strcpy(path, "/tmp/lintel-cli-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    close(fd);
    return path;
}

static void test_call__defaults__result_and_exit_status(void **state)
{
    (void)state;
    assert_int_equal(LINTEL("call", "turn", "off", "the", "kitchen", "light"), 0);
    json_t *r = json_out();
    const json_t *call = json_array_get(json_object_get(r, "calls"), 0);
    assert_string_equal(json_string_value(json_object_get(call, "name")), "HassTurnOff");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(call, "arguments"), "name")),
        "Kitchen Light");
    assert_string_equal(json_string_value(json_object_get(r, "route")), "local");
    /* the network calls itself as its file is called */
    const char *model = json_string_value(json_object_get(r, "model")), *file = test_model();
    const char *name = strrchr(file, '/') + 1;
    assert_int_equal(strlen(name), strlen(model) + strlen(".gguf"));
    assert_int_equal(strncmp(name, model, strlen(model)), 0);
    json_decref(r);
}

static void test_call__nothing_applies__status_3(void **state)
{
    (void)state;
    assert_int_equal(LINTEL("call", "who won the world cup in 1998"), 3);
    json_t *r = json_out();
    assert_int_equal(json_array_size(json_object_get(r, "calls")), 0);
    json_decref(r);
}

static void test_usage__faults__status_2_and_one_line(void **state)
{
    (void)state;
    assert_int_equal(LINTEL("call"), 2);
    expect_error_line("lintel call", "--help", NULL);
    assert_int_equal(LINTEL("call", "--no-such", "x"), 2);
    expect_error_line("--no-such", NULL);
    assert_int_equal(LINTEL("call", "--model"), 2);
    expect_error_line("--model", "FILE", NULL);
    assert_int_equal(LINTEL("nonsense"), 2);
    expect_error_line("nonsense", "--help", NULL);
    assert_int_equal(LINTEL("traces", "show"), 2);
    expect_error_line("trace id", NULL);
    assert_int_equal(LINTEL("traces", "list", "--limit", "many"), 2);
    expect_error_line("--limit", "many", NULL);
    assert_int_equal(LINTEL("catalog", "check"), 2);
    expect_error_line("file", NULL);
}

static void test_help__every_command__status_0(void **state)
{
    static const char *const commands[] = {"serve",  "call", "traces", "models", "catalog",
                                           "doctor", "eval", "train",  "bench",  "tokenize"};
    (void)state;
    assert_int_equal(LINTEL("--help"), 0);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        assert_int_equal(LINTEL(commands[i], "--help"), 0);
        assert_non_null(strstr(out, "usage: lintel"));
        assert_string_equal(err, "");
    }
}

static void test_model__foreign_truncated_or_missing__one_line(void **state)
{
    static char head[200000];
    (void)state;
    char *path = temp_file("not a network at all", 20);
    assert_int_equal(LINTEL("call", "--model", path, "x"), 1);
    expect_error_line(path, "GGUF", NULL);
    unlink(path);
    FILE *f = fopen(test_model(), "r");
    assert_non_null(f);
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    static const size_t cuts[] = {4, 24, 100, 1000, 20000, 199999};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        path = temp_file(head, cuts[i] < n ? cuts[i] : n);
        assert_int_equal(LINTEL("call", "--model", path, "x"), 1);
        expect_error_line(path, NULL);
        unlink(path);
    }
    assert_int_equal(LINTEL("call", "--model", "/nonexistent.gguf", "x"), 1);
    expect_error_line("/nonexistent.gguf", NULL);
}

static void test_serve__config_fault__one_line_with_line_and_key(void **state)
{
    static const char text[] = "mqtt:\n  hots: x\n";
    (void)state;
    char *path = temp_file(text, sizeof text - 1);
    assert_int_equal(LINTEL("serve", "-c", path), 1);
    expect_error_line(path, ":2:", "mqtt.hots", "mqtt.host", NULL);
    unlink(path);
    assert_int_equal(LINTEL("serve", "-c", "/nonexistent.yaml"), 1);
    expect_error_line("/nonexistent.yaml", NULL);
}

/* What a configuration names and is not there: one line that says which key, and where it looked. */
static void test_serve__named_file_missing__one_line_with_the_key(void **state)
{
    static const struct {
        const char *yaml, *says, *where;
    } rows[] = {
        {"mqtt: {username: u, password: 'file:/nonexistent/secret'}", "the secret",
         "/nonexistent/secret"},
        {"mqtt: {tls: true, ca_file: /nonexistent/ca.pem}", "mqtt.ca_file", "/nonexistent/ca.pem"},
        {"discovery: {devices: /nonexistent/devices.yaml}", "described devices",
         "/nonexistent/devices.yaml"},
        {"talk: {answers: /nonexistent/answers.json}", "talk.answers", "/nonexistent/answers.json"},
        {"cloud: {price_file: /nonexistent/prices.json}", "cloud.price_file",
         "/nonexistent/prices.json"},
        {"voice: {recogniser: server}", "voice.stt", "host:port"},
    };
    char dir[] = "/tmp/lintel-cli-XXXXXX", text[1024], db[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(db, sizeof db, "%s/lintel.db", dir);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "%s\nstore: {path: %s}\nmodel: {file: %s}\n", rows[i].yaml, db,
                 test_model());
        char *path = temp_file(text, strlen(text));
        assert_int_equal(LINTEL("serve", "-c", path), 1);
        expect_error_line(rows[i].says, rows[i].where, NULL);
        unlink(path);
    }
    unlink(db);
    snprintf(text, sizeof text, "%s.lock", db);
    unlink(text);
    assert_int_equal(rmdir(dir), 0); /* and nothing else is left beside the database */
}

/* A path mistyped must not look like a database with nothing in it, and must not become one. */
static void test_db__missing__one_line_and_none_is_made(void **state)
{
    char dir[] = "/tmp/lintel-cli-XXXXXX", db[64], out_path[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(db, sizeof db, "%s/lintle.db", dir);
    snprintf(out_path, sizeof out_path, "%s/week.gguf", dir);
    assert_int_equal(LINTEL("traces", "list", "--db", db), 1);
    expect_error_line(db, "no database there", "lintel serve", NULL);
    assert_int_equal(LINTEL("traces", "prune", "--days", "7", "--db", db), 1);
    expect_error_line(db, "no database there", NULL);
    assert_int_equal(LINTEL("traces", "erase", "--site", "home", "--db", db), 1);
    expect_error_line(db, "no database there", NULL);
    assert_int_equal(LINTEL("models", "rollback", "--db", db), 1);
    expect_error_line(db, "no database there", NULL);
    assert_int_equal(LINTEL("finetune", "--from-traces", "--out", out_path, "--db", db), 1);
    expect_error_line(db, "no database there", NULL);
    assert_int_equal(rmdir(dir), 0);
}

static void test_catalog__check__good_and_bad(void **state)
{
    static const char bad[] = "{\"tools\":[{\"name\":\"a\"},{\"name\":\"a\"}]}";
    (void)state;
    assert_int_equal(LINTEL("catalog", "check", test_catalog()), 0);
    assert_non_null(strstr(out, "15 entities"));
    char *path = temp_file(bad, sizeof bad - 1);
    assert_int_equal(LINTEL("catalog", "check", path), 1);
    expect_error_line(path, "/tools/1", NULL);
    unlink(path);
    assert_int_equal(LINTEL("catalog", "show"), 0);
    json_t *o = json_out();
    assert_int_equal(json_array_size(json_object_get(o, "entities")), 15);
    json_decref(o);
}

static void test_doctor__faults__named_and_secrets_masked(void **state)
{
    static const char text[] = "mqtt:\n  host: 127.0.0.1\n  port: 1\n  password: env:LT_TEST_PW\n";
    (void)state;
    setenv("LT_TEST_PW", "tell-nobody", 1);
    char *path = temp_file(text, sizeof text - 1);
    assert_int_equal(LINTEL("doctor", "-c", path), 1);
    assert_null(strstr(out, "tell-nobody"));
    assert_non_null(strstr(out, "env:LT_TEST_PW (set)"));
    json_t *o = json_out(), *check;
    size_t i;
    int is_broker_down = 0;
    json_array_foreach(json_object_get(o, "checks"), i, check) is_broker_down |=
        !strcmp(json_string_value(json_object_get(check, "check")), "broker") &&
        json_is_false(json_object_get(check, "ok")) &&
        strstr(json_string_value(json_object_get(check, "text")), "mqtt.port");
    assert_true(is_broker_down);
    json_decref(o);
    unlink(path);
    unsetenv("LT_TEST_PW");
    assert_int_equal(LINTEL("doctor", "--sample"), 0);
    assert_non_null(strstr(out, "#sites: [home]"));
}

/* A short life of a gateway, then everything `traces` can do with what it left. */
static void test_traces__after_a_request__list_show_label_export_stats(void **state)
{
    struct env *e = env_start();
    char db[128], id[64], path[128];
    json_t *o, *show;
    (void)state;
    gateway_start(e, NULL);
    client_say(e, "turn off the kitchen light");
    json_decref(take_json(e, "lintel/home/response", "result"));
    db_wait(e, "select count(*) from trace where state = 'executed'", 1);
    assert_int_equal(gateway_stop(e), 0);
    snprintf(db, sizeof db, "%s", env_path(e, "lintel.db"));
    assert_int_equal(LINTEL("traces", "list", "--db", db), 0);
    o = json_out();
    assert_int_equal(json_array_size(o), 1);
    snprintf(id, sizeof id, "%s",
             json_string_value(json_object_get(json_array_get(o, 0), "trace")));
    json_decref(o);
    assert_int_equal(LINTEL("traces", "show", id, "--db", db), 0);
    show = json_out();
    assert_string_equal(json_string_value(json_object_get(show, "text")),
                        "turn off the kitchen light");
    json_decref(show);
    assert_int_equal(LINTEL("traces", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--db", db), 1);
    expect_error_line("01ARZ3NDEKTSV4RRFFQ69G5FAV", NULL);
    assert_int_equal(LINTEL("traces", "label", id, "--wrong", "--calls", "[]", "--db", db), 0);
    assert_int_equal(LINTEL("traces", "label", id, "--wrong", "--calls", "[{\"x\":1}]", "--db", db),
                     1);
    assert_int_equal(LINTEL("traces", "stats", "--db", db), 0);
    json_decref(json_out());
    snprintf(path, sizeof path, "%s", env_path(e, "catalog.json"));
    assert_int_equal(LINTEL("traces", "export", "--db", db, "--out", path), 0);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fgets(out, sizeof out, f) != NULL);
    fclose(f);
    o = json_out(); /* a data line: what the label says is right, with the whole catalogue */
    assert_int_equal(json_array_size(json_object_get(o, "answers")), 0);
    assert_true(json_array_size(json_object_get(o, "tools")) > 20);
    assert_int_equal(json_array_size(json_object_get(json_object_get(o, "home"), "entities")), 15);
    json_decref(o);
    assert_int_equal(LINTEL("traces", "prune", "--days", "0", "--db", db), 2);
    assert_int_equal(LINTEL("traces", "prune", "--days", "1", "--db", db), 0);
    env_stop(e);
}

static void test_models__add_list_activate_rollback(void **state)
{
    char db[] = "/tmp/lintel-cli-models-XXXXXX", hash[65];
    (void)state;
    close(mkstemp(db));
    unlink(db);
    assert_int_equal(LINTEL("models", "add", test_model(), "--db", db), 0);
    snprintf(hash, sizeof hash, "%.64s", out);
    assert_int_equal(LINTEL("models", "activate", hash, "--db", db), 0);
    assert_int_equal(LINTEL("models", "list", "--db", db), 0);
    json_t *o = json_out();
    assert_true(json_is_true(json_object_get(json_array_get(o, 0), "active")));
    json_decref(o);
    char text[256]; /* and it is the one that a gateway on this database would use */
    snprintf(text, sizeof text, "store:\n  path: %s\n", db);
    char *config = temp_file(text, strlen(text));
    LINTEL("doctor", "-c", config);
    assert_non_null(strstr(out, test_model()));
    unlink(config);
    assert_int_equal(LINTEL("models", "activate", "ffff", "--db", db), 1);
    expect_error_line("ffff", NULL);
    assert_int_equal(LINTEL("models", "rollback", "--db", db), 0); /* to the shipped one */
    assert_non_null(strstr(out, "shipped"));
    assert_int_equal(LINTEL("models", "rollback", "--db", db), 1);
    unlink(db);
    char side[80];
    snprintf(side, sizeof side, "%s-wal", db);
    unlink(side);
    snprintf(side, sizeof side, "%s-shm", db);
    unlink(side);
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test while looking for a fault */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call__defaults__result_and_exit_status),
        cmocka_unit_test(test_call__nothing_applies__status_3),
        cmocka_unit_test(test_usage__faults__status_2_and_one_line),
        cmocka_unit_test(test_help__every_command__status_0),
        cmocka_unit_test(test_model__foreign_truncated_or_missing__one_line),
        cmocka_unit_test(test_serve__config_fault__one_line_with_line_and_key),
        cmocka_unit_test(test_serve__named_file_missing__one_line_with_the_key),
        cmocka_unit_test(test_db__missing__one_line_and_none_is_made),
        cmocka_unit_test(test_catalog__check__good_and_bad),
        cmocka_unit_test(test_doctor__faults__named_and_secrets_masked),
        cmocka_unit_test(test_traces__after_a_request__list_show_label_export_stats),
        cmocka_unit_test(test_models__add_list_activate_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
