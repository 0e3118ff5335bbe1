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
        {"{{ value.split(',')[1] }}", "on,40,red", "40"},
        {"{{ value.split(',')[-1] | upper }}", "on,40,red", "RED"},
        {"{{ {0:'off', 1:'low', 2:'high'}[value] | default('') }}", "2", "high"},
        {"{{ {'a': 'x'}[value] | default('none') }}", "b", "none"},
        {"{% if value_json['p'] %}true{% else %}false{% endif %}", "{\"p\":0}", "false"},
        {"{% if value == 'a' %}1{% elif value == 'b' %}2{% else %}3{% endif %}", "b", "2"},
        {"{% if value == 'a' %}1{% elif value == 'b' %}2{% else %}3{% endif %}", "a", "1"},
        {"{% if 1 %}{% if value %}in{% endif %}{% else %}out{% endif %}", "x", "in"},
        {"{% if value %}{{ value }}{% else %}{{ value_json.nothing }}{% endif %}", "x", "x"},
        {"{% set x = value_json.t | float %}{{ x * 2 }}", "{\"t\":\"1.5\"}", "3"},
        {" {%- if 1 -%} a {%- endif -%} b ", "", "ab"},
        {"{# no #}{{ value in ['on', 'ON'] }}", "ON", "True"},
        {"{{ 'x' not in value }}", "abc", "True"},
        {"{{ value_json.get('a', 'n') }}{{ value_json.get('b', 'n') }}", "{\"a\":1}", "1n"},
        {"{{ value_json.on | iif('ON', 'OFF') }}", "{\"on\":false}", "OFF"},
        {"{{ value_json.v | is_defined | multiply(10) | round(0, 'floor') | int }}", "{\"v\":2.59}",
         "25"},
        {"{{ value | replace('-', '_') }}{{ value_json.x | float(default=3) }}", "a-b", "a_b3"},
        {"{\"h\": {{ value | int }}}", "240", "{\"h\": 240}"},
        {"{{ {'a': {'b': 1}}[value] }}}}", "a", "{\"b\": 1}}}"},
        {"{{ '}}' ~ value }}", "x", "}}x"},
        {"{{ '#%02x%02x%02X' | format(255, 165, value_json) }}", "10", "#ffa50A"},
        {"{{ '%s is %.1f %% of %d' | format('a', value_json, 3.7) }}", "2.25", "a is 2.2 % of 3"},
        {"{{ value[1:3] | int(base=16) }},{{ value[:1] }},{{ value[-2:] }}", "#FFA000", "255,#,00"},
        {"{{ value | int(7) }}{{ value | int(default=8) }}", "x", "78"},
        {"{{ min(value_json) }} {{ max(3, value_json[0], 2) }}", "[5,4]", "4 5"},
        {"{{ value_json.a is undefined or value_json.a.b is undefined }}", "{\"a\":{}}", "True"},
        {"{{ value_json is number }}{{ value is string }}", "5", "TrueTrue"},
        {"{{ int('12') + float('0.5') }} {{ iif(value == 'a', 1, 2) }}", "b", "12.5 2"},
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
        {"{% if value %}a", LT_ERR_UNSUPPORTED},
        {"a{% endif %}", LT_ERR_UNSUPPORTED},
        {"{% if value %}a{% else %}b{% else %}c{% endif %}", LT_ERR_UNSUPPORTED},
        {"{% for x in value %}a{% endfor %}", LT_ERR_UNSUPPORTED},
        {"{% set x %}", LT_ERR_UNSUPPORTED},
        {"{{ [1, 2 }}", LT_ERR_UNSUPPORTED},
        {"{{ {'a' 1}['a'] }}", LT_ERR_UNSUPPORTED},
        {"{# open", LT_ERR_UNSUPPORTED},
        {"{{ states('light.x') }}", LT_ERR_UNSUPPORTED},
        {"{{ value.title() }}", LT_ERR_UNSUPPORTED},
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
