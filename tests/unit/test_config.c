/* test_config.c - the configuration: defaults, every complaint with line and key, the sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "config_table.h"

static enum lt_err parse(const char *yaml, struct lt_config *c, struct lt_diag *d)
{
    memset(d, 0, sizeof *d);
    return lt_config_parse(yaml, strlen(yaml), "test.yaml", c, d);
}

static void test_config__empty_file__all_defaults(void **state)
{
    struct lt_config c;
    struct lt_diag d;
    (void)state;
    assert_int_equal(parse("", &c, &d), LT_OK);
    assert_int_equal(c.sites.n, 1);
    assert_string_equal(c.sites.v[0], "home");
    assert_string_equal(c.mqtt.host, "localhost");
    assert_int_equal(c.mqtt.port, 1883);
    assert_int_equal(c.mqtt.version, 5);
    assert_true(c.gate.threshold > 0.84 && c.gate.threshold < 0.86);
    assert_int_equal(c.cloud.n_endpoints, 0);
    lt_config_free(&c);
    assert_int_equal(parse("# only a comment\n", &c, &d), LT_OK);
    lt_config_free(&c);
    assert_int_equal(parse("mqtt:\ngate: ~\n", &c, &d), LT_OK);
    lt_config_free(&c);
}

static void test_config__values__are_read(void **state)
{
    struct lt_config c;
    struct lt_diag d;
    (void)state;
    assert_int_equal(parse("sites: [house, \"boat\"]\n"
                           "mqtt:\n  host: broker\n  port: 8883\n  tls: yes\n"
                           "  password: env:MQTT_PASSWORD\n"
                           "gate:\n  threshold: 0.5\n  sensitive_tools: [HassTurnOff]\n"
                           "cloud:\n  endpoints:\n"
                           "    - provider: anthropic\n      model: m1\n      key: file:/k\n"
                           "    - provider: openai-chat\n      base_url: http://127.0.0.1:1\n"
                           "      model: m2\n      hours: 22-6\n      kinds: [unsure, nothing]\n",
                           &c, &d),
                     LT_OK);
    assert_int_equal(c.sites.n, 2);
    assert_string_equal(c.sites.v[1], "boat");
    assert_true(lt_config_has_site(&c, "boat"));
    assert_false(lt_config_has_site(&c, "car"));
    assert_int_equal(c.mqtt.port, 8883);
    assert_int_equal(c.mqtt.tls, 1);
    assert_string_equal(c.gate.sensitive_tools.v[0], "HassTurnOff");
    assert_int_equal(c.cloud.n_endpoints, 2);
    assert_string_equal(c.cloud.endpoints[0].model, "m1");
    assert_string_equal(c.cloud.endpoints[1].base_url, "http://127.0.0.1:1");
    assert_int_equal(c.cloud.endpoints[1].max_tokens, 1024);
    lt_config_free(&c);
}

static void test_config__faults__name_line_and_key(void **state)
{
    static const struct {
        const char *yaml;
        enum lt_err err;
        const char *words[3]; /* all must be in the text */
    } rows[] = {
        {"mqtt:\n  hots: x\n", LT_ERR_INVALID, {"test.yaml:2", "mqtt.hots", "mqtt.host"}},
        {"\nsite: x\n", LT_ERR_INVALID, {"test.yaml:2", "'site'", "sites"}},
        {"host: x\n", LT_ERR_INVALID, {"test.yaml:1", "'host'", "mqtt.host"}},
        {"qqqqqqqqqqqqqqqqqq: 1\n", LT_ERR_INVALID, {"unknown key", "doctor --sample", ":1"}},
        {"mqtt:\n  port: 99999\n", LT_ERR_INVALID, {"test.yaml:2", "mqtt.port", "65535"}},
        {"mqtt:\n  port: 1.5\n", LT_ERR_INVALID, {"mqtt.port", "whole number", "1.5"}},
        {"mqtt:\n  port: abc\n", LT_ERR_INVALID, {"mqtt.port", "abc", ":2"}},
        {"mqtt:\n  tls: perhaps\n", LT_ERR_INVALID, {"mqtt.tls", "true", ":2"}},
        {"mqtt: 5\n", LT_ERR_INVALID, {"'mqtt'", "indented", ":1"}},
        {"mqtt:\n  port: [1]\n", LT_ERR_INVALID, {"mqtt.port", "one value", ":2"}},
        {"mqtt:\n  port: 1\n  port: 2\n", LT_ERR_INVALID, {"mqtt.port", "twice", ":3"}},
        {"mqtt:\n  prefix: a/+\n", LT_ERR_INVALID, {"mqtt.prefix", "'+'", "test.yaml:2"}},
        {"sites: [a/b]\n", LT_ERR_INVALID, {"sites", "one topic level", "test.yaml"}},
        {"sites: [a, a]\n", LT_ERR_INVALID, {"sites", "twice", "test.yaml:1"}},
        {"sites: []\n", LT_ERR_INVALID, {"sites", "at least one", "test.yaml"}},
        {"log:\n  level: loud\n", LT_ERR_INVALID, {"log.level", "loud", "warn"}},
        {"gate:\n  threshold: 1.2\n", LT_ERR_INVALID, {"gate.threshold", "1.2", ":2"}},
        {"gate:\n  threshold: nan\n", LT_ERR_INVALID, {"gate.threshold", "nan", ":2"}},
        {"cloud:\n  endpoints:\n    - model: x\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0]", "provider", ":3"}},
        {"cloud:\n  endpoints:\n    - provider: x\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].provider", "gemini", ":3"}},
        {"cloud:\n  endpoints:\n    - provider: gemini\n      kye: env:A\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].kye", "'key'", ":4"}},
        {"cloud:\n  endpoints:\n    - provider: openai-chat\n      base_url: http://h/v1\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].model", "needed", ":3"}},
        {"cloud:\n  endpoints:\n    - provider: openai-chat\n      model: m\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].base_url", "needed", ":3"}},
        {"cloud:\n  endpoints:\n    - provider: gemini\n      base_url: example.org\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].base_url", "https://", ":3"}},
        {"cloud:\n  endpoints:\n    - provider: gemini\n      hours: late\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].hours", "22-6", ":3"}},
        {"cloud:\n  endpoints:\n    - provider: gemini\n      kinds: [never]\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].kinds", "unsure", ":4"}},
        {"cloud:\n  endpoints:\n    - provider: gemini\n      sites: [home, garage]\n",
         LT_ERR_INVALID,
         {"cloud.endpoints[0].sites", "'garage'", ":3"}},
        {"sites: [a]\ncloud:\n  timeout_ms: 500\n  never_cloud_sites: [a, b]\n",
         LT_ERR_INVALID,
         {"cloud.never_cloud_sites", "'b' is none", ":4"}},
        {"wyoming:\n  site: hme\n", LT_ERR_INVALID, {"wyoming.site", "'hme' is none", ":2"}},
        {"hermes: {site: hme}\n", LT_ERR_INVALID, {"hermes.site", "'hme' is none", ":1"}},
        {"fleet:\n  share: [home, hme]\n", LT_ERR_INVALID, {"fleet.share", "'hme' is none", ":2"}},
        {"discovery:\n  roots: [hme=houses/home]\n",
         LT_ERR_INVALID,
         {"discovery.roots", "'hme' is none", ":2"}},
        {"discovery:\n  names: [light.desk]\n",
         LT_ERR_INVALID,
         {"discovery.names", "'light.desk' is no pair", ":2"}},
        {"discovery:\n  areas: ['=Office']\n",
         LT_ERR_INVALID,
         {"discovery.areas", "'=Office' is no pair", ":2"}},
        {"wyoming:\n  rooms: [Kitchen]\n", LT_ERR_INVALID, {"wyoming.rooms", "no pair", ":2"}},
        {"hermes:\n  rooms: [Kitchen]\n", LT_ERR_INVALID, {"hermes.rooms", "no pair", ":2"}},
        {"cloud:\n  redact: [faces]\n", LT_ERR_INVALID, {"cloud.redact", "addresses", ":2"}},
        {"a: [1\n", LT_ERR_PARSE, {"test.yaml:", "not YAML", ""}},
        {"- a\n", LT_ERR_PARSE, {"test.yaml:1", "keys", ""}},
        {"mqtt:\n  cert_file: /a\n", LT_ERR_INVALID, {"mqtt.key_file", "together", ""}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_config c;
        struct lt_diag d;
        assert_int_equal(parse(rows[i].yaml, &c, &d), rows[i].err);
        for (int w = 0; w < 3; w++)
            if (!strstr(d.text, rows[i].words[w]))
                fail_msg("row %zu: '%s' lacks '%s'", i, d.text, rows[i].words[w]);
        assert_null(strchr(d.text, '\n'));
        assert_null(c.mqtt.host); /* zeroed after a failure */
    }
}

static void test_config__secret_by_value__refused_without_echo(void **state)
{
    struct lt_config c;
    struct lt_diag d;
    (void)state;
    assert_int_equal(parse("mqtt:\n  password: hunter2hunter2\n", &c, &d), LT_ERR_INVALID);
    assert_non_null(strstr(d.text, "env:NAME"));
    assert_null(strstr(d.text, "hunter2"));
}

static void test_config__print__masks_secrets(void **state)
{
    struct lt_config c;
    struct lt_diag d;
    struct lt_buf out;
    (void)state;
    setenv("LT_TEST_SECRET", "do-not-show", 1);
    assert_int_equal(parse("mqtt:\n  password: env:LT_TEST_SECRET\n"
                           "cloud:\n  endpoints:\n    - provider: gemini\n"
                           "      key: env:LT_TEST_NOT_SET\n",
                           &c, &d),
                     LT_OK);
    lt_buf_init(&out, 1 << 20);
    assert_int_equal(lt_config_print(&c, &out), LT_OK);
    assert_null(strstr(lt_buf_str(&out), "do-not-show"));
    assert_non_null(strstr(lt_buf_str(&out), "mqtt.password: env:LT_TEST_SECRET (set)"));
    assert_non_null(strstr(lt_buf_str(&out), "[0].key: env:LT_TEST_NOT_SET (missing)"));
    lt_buf_free(&out);
    lt_config_free(&c);
    unsetenv("LT_TEST_SECRET");
}

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (!f || !text) fail_msg("cannot read %s", path);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

static void test_config__sample__is_the_shipped_file(void **state)
{
    struct lt_buf out;
    (void)state;
    lt_buf_init(&out, 1 << 20);
    assert_int_equal(lt_config_sample(&out), LT_OK);
    char *shipped = slurp(SOURCE_DIR "/deploy/lintel.yaml");
    assert_string_equal(lt_buf_str(&out), shipped);
    free(shipped);
    lt_buf_free(&out);
}

/* The sample with its comment marks in front of keys taken away is a valid file of defaults. */
static void test_config__sample_uncommented__gives_the_defaults(void **state)
{
    struct lt_buf out;
    struct lt_config c, defaults;
    struct lt_diag d;
    (void)state;
    lt_buf_init(&out, 1 << 20);
    assert_int_equal(lt_config_sample(&out), LT_OK);
    char *text = lt_buf_take(&out), *to = text;
    for (char *from = text; *from; from++) {
        int is_mark = *from == '#' && from[1] >= 'a' && from[1] <= 'z' &&
                      strncmp(from, "#endpoints", 10) != 0;
        if (!is_mark) *to++ = *from;
    }
    *to = '\0';
    assert_int_equal(parse(text, &c, &d), LT_OK);
    assert_int_equal(parse("", &defaults, &d), LT_OK);
    struct lt_buf a, b;
    lt_buf_init(&a, 1 << 20);
    lt_buf_init(&b, 1 << 20);
    assert_int_equal(lt_config_print(&c, &a), LT_OK);
    assert_int_equal(lt_config_print(&defaults, &b), LT_OK);
    assert_string_equal(lt_buf_str(&a), lt_buf_str(&b));
    lt_buf_free(&a);
    lt_buf_free(&b);
    free(text);
    lt_config_free(&c);
    lt_config_free(&defaults);
}

static void test_config__table__is_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < lt__config_n_rows; i++) {
        assert_true(strlen(lt__config_rows[i].doc) > 5);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(lt__config_rows[i].key, lt__config_rows[j].key);
            assert_true(lt__config_rows[i].offset != lt__config_rows[j].offset);
        }
    }
}

struct seen {
    char text[512];
};

static void note(const char *key, int is_reloadable, void *user)
{
    struct seen *s = user;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s%s ", key, is_reloadable ? "" : "!");
}

static void test_config_compare__changes__tell_what_can_be_reloaded(void **state)
{
    struct lt_config a, b;
    struct lt_diag d;
    struct seen s = {""};
    (void)state;
    assert_int_equal(parse("", &a, &d), LT_OK);
    assert_int_equal(parse("mqtt:\n  host: other\ngate:\n  threshold: 0.9\n"
                           "cloud:\n  endpoints:\n    - provider: gemini\n",
                           &b, &d),
                     LT_OK);
    lt_config_compare(&a, &b, note, &s);
    assert_string_equal(s.text, "mqtt.host! gate.threshold cloud.endpoints! ");
    lt_config_free(&a);
    lt_config_free(&b);
}

static void test_config_load__missing_named_file__is_an_error(void **state)
{
    struct lt_config c;
    struct lt_diag d = {0};
    (void)state;
    assert_int_equal(lt_config_load("/nonexistent/lintel.yaml", &c, &d), LT_ERR_NOTFOUND);
    assert_non_null(strstr(d.text, "/nonexistent/lintel.yaml"));
}

static void test_config_load__environment__overrides_the_file(void **state)
{
    struct lt_config c;
    struct lt_diag d = {0};
    char path[] = "/tmp/lt-config-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "mqtt:\n  host: a\n", 16), 16);
    close(fd);
    setenv("LINTEL_MQTT_HOST", "b", 1);
    setenv("LINTEL_SITES", "x, y", 1);
    assert_int_equal(lt_config_load(path, &c, &d), LT_OK);
    assert_string_equal(c.mqtt.host, "b");
    assert_int_equal(c.sites.n, 2);
    assert_string_equal(c.sites.v[1], "y");
    lt_config_free(&c);
    setenv("LINTEL_MQTT_PORT", "none", 1);
    assert_int_equal(lt_config_load(path, &c, &d), LT_ERR_INVALID);
    assert_non_null(strstr(d.text, "LINTEL_MQTT_PORT"));
    unsetenv("LINTEL_MQTT_HOST");
    unsetenv("LINTEL_MQTT_PORT");
    unsetenv("LINTEL_SITES");
    unlink(path);
}

static void test_config_store_path__order__config_state_home(void **state)
{
    struct lt_config c;
    struct lt_diag d;
    char path[256];
    (void)state;
    assert_int_equal(parse("store:\n  path: /x/y.db\n", &c, &d), LT_OK);
    lt_config_store_path(&c, path, sizeof path);
    assert_string_equal(path, "/x/y.db");
    lt_config_free(&c);
    assert_int_equal(parse("", &c, &d), LT_OK);
    setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
    lt_config_store_path(&c, path, sizeof path);
    assert_string_equal(path, "/var/lib/a/lintel.db");
    unsetenv("STATE_DIRECTORY");
    lt_config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__empty_file__all_defaults),
        cmocka_unit_test(test_config__values__are_read),
        cmocka_unit_test(test_config__faults__name_line_and_key),
        cmocka_unit_test(test_config__secret_by_value__refused_without_echo),
        cmocka_unit_test(test_config__print__masks_secrets),
        cmocka_unit_test(test_config__sample__is_the_shipped_file),
        cmocka_unit_test(test_config__sample_uncommented__gives_the_defaults),
        cmocka_unit_test(test_config__table__is_in_order),
        cmocka_unit_test(test_config_compare__changes__tell_what_can_be_reloaded),
        cmocka_unit_test(test_config_load__missing_named_file__is_an_error),
        cmocka_unit_test(test_config_load__environment__overrides_the_file),
        cmocka_unit_test(test_config_store_path__order__config_state_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
