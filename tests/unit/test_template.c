/* Templates as they stand in device announcements, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "template.h"

static void test_value__templates_of_devices__give_their_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *payload, *want;
    } rows[] = {
        {"{{ value }}", "ON", "ON"},
        {"{{ value_json.state }}", "{\"state\":\"ON\"}", "ON"},
        {"{{value_json['a b'].c[1]}}", "{\"a b\":{\"c\":[1,2.5]}}", "2.5"},
        {"{{ value_json.t | float | round(1) }}", "{\"t\":\"21.57\"}", "21.6"},
        {"{{ value_json.t | int }}", "{\"t\":21.9}", "21"},
        {"{{ (value_json.b / 255 * 100) | round | int }}", "{\"b\":128}", "50"},
        {"{{ 'ON' if value_json.state == 1 else 'OFF' }}", "{\"state\":0}", "OFF"},
        {"{{ value_json.x | default('none') }}", "{}", "none"},
        {"{{ value_json.x if value_json.x is defined else 7 }}", "{}", "7"},
        {"{{ value | upper }}-{{ value | lower }}", "On", "ON-on"},
        {"{{ value_json.a and not value_json.b }}", "{\"a\":true,\"b\":false}", "True"},
        {"{{ value_json.a ~ '/' ~ value_json.b }}", "{\"a\":1,\"b\":\"x\"}", "1/x"},
        {"{{ 7 // 2 }} {{ 7 % 2 }} {{ -3 + 1 }}", "", "3 1 -2"},
        {"{{ value_json | tojson }}", "{\"a\":1}", "{\"a\": 1}"},
        {"{{- value -}}", "x", "x"},
        {"plain", "x", "plain"},
        {"{{ value_json.on }}", "{\"on\":true}", "True"},
        {"{{ value_json.a != 'b' or value_json.a > 3 }}", "{\"a\":\"b\"}", "False"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[128];
        struct lt_diag diag = {0};
        if (lt_template_value(rows[i].text, rows[i].payload, out, sizeof out, &diag))
            fail_msg("%s: %s", rows[i].text, diag.text);
        if (strcmp(out, rows[i].want)) fail_msg("%s: \"%s\"", rows[i].text, out);
    }
}

static void test_value__not_understood_or_absent__refused_by_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum lt_err err;
    } rows[] = {
        {"{% if value %}a{% endif %}", LT_ERR_UNSUPPORTED},
        {"{{ states('light.x') }}", LT_ERR_UNSUPPORTED},
        {"{{ value.split(',') }}", LT_ERR_UNSUPPORTED},
        {"{{ value | regex_replace('a','b') }}", LT_ERR_UNSUPPORTED},
        {"{{ value", LT_ERR_UNSUPPORTED},
        {"{{ }}", LT_ERR_UNSUPPORTED},
        {"{{ value value }}", LT_ERR_UNSUPPORTED},
        {"{{ 'open }}", LT_ERR_UNSUPPORTED},
        {"{{ ((((((((((((((((((((((((((value)))))))))))))))))))))))))) }}", LT_ERR_UNSUPPORTED},
        {"{{ value_json.nothing }}", LT_ERR_NOTFOUND},
        {"{{ 1 / 0 }}", LT_ERR_NOTFOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        struct lt_diag diag = {0};
        enum lt_err err = lt_template_value(rows[i].text, "{\"a\":1}", out, sizeof out, &diag);
        if (err != rows[i].err) fail_msg("%s: %d, %s", rows[i].text, err, diag.text);
        if (err == LT_ERR_UNSUPPORTED) assert_int_equal(lt_template_check(rows[i].text, NULL), err);
    }
    char small[4];
    assert_int_equal(lt_template_value("{{ value }}", "long text", small, sizeof small, NULL),
                     LT_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__templates_of_devices__give_their_text),
        cmocka_unit_test(test_value__not_understood_or_absent__refused_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
