/* test_json.c - parsing with limits, getters with paths, UTF-8, redaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"
#include "lt/json.h"
#include "lt/redact.h"

static void test_parse__good_and_bad_text__code_and_position(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum lt_err err;
        const char *part; /* of the error's text */
    } rows[] = {
        {"{\"a\":[1,2.5,true,null,\"\xC3\xA9\"]}", LT_OK, NULL},
        {"\"text\"", LT_OK, NULL},
        {" 7 ", LT_OK, NULL},
        {"", LT_ERR_PARSE, "line 1"},
        {"{\"a\":1,\n \"b\":}", LT_ERR_PARSE, "line 2, column 6"},
        {"{\"a\":1,\"a\":2}", LT_ERR_PARSE, "duplicate"},
        {"[1] x", LT_ERR_PARSE, "line 1, column"},
        {"[1", LT_ERR_PARSE, "line 1"},
        {"[\"\xFF\"]", LT_ERR_PARSE, "unable to decode byte 0xff"},
        {"[\"a\\u0000b\"]", LT_ERR_PARSE, "line 1"},
        {"{\"a\":99999999999999999999}", LT_ERR_PARSE, "too big"},
        {"[1e999]", LT_ERR_PARSE, "overflow"},
    };
    struct guard g = {0};
    assert_int_equal(guard_open(&g, 4096), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].text);
        const char *text = (const char *)guard_put(&g, rows[i].text, n); /* no NUL follows */
        json_t *v = NULL;
        struct lt_diag d = {0};
        enum lt_err err = lt_json_parse(text, n, 4096, &v, &d);
        if (err != rows[i].err || (rows[i].part && !strstr(d.text, rows[i].part)))
            fail_msg("row %zu: %s \"%s\"", i, lt_err_name(err), d.text);
        json_decref(v);
    }
    guard_close(&g);
}

static void test_parse__limits__refused_before_work(void **state)
{
    (void)state;
    char deep[400];
    json_t *v = NULL;
    struct lt_diag d = {0};
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    assert_int_equal(lt_json_parse(deep, 400, 4096, &v, &d), LT_ERR_LIMIT);
    assert_int_equal(d.offset_bytes, LT_JSON_MAX_DEPTH);
    memset(deep, '[', LT_JSON_MAX_DEPTH);
    memset(deep + LT_JSON_MAX_DEPTH, ']', LT_JSON_MAX_DEPTH);
    assert_int_equal(lt_json_parse(deep, 2 * LT_JSON_MAX_DEPTH, 4096, &v, NULL), LT_OK);
    json_decref(v);
    /* brackets in strings are no depth */
    char text[400] = "[\"\\\"";
    memset(text + 4, '[', 300);
    strcpy(text + 304, "\"]");
    assert_int_equal(lt_json_parse(text, strlen(text), 4096, &v, NULL), LT_OK);
    json_decref(v);
    d = (struct lt_diag){0};
    assert_int_equal(lt_json_parse("[1,2]", 5, 4, &v, &d), LT_ERR_LIMIT);
    assert_non_null(strstr(d.text, "5 bytes"));
}

static void test_read_file__missing_and_long__named(void **state)
{
    (void)state;
    json_t *v = NULL;
    struct lt_diag d = {0};
    assert_int_equal(lt_json_read_file("/nonexistent/x.json", 10, &v, &d), LT_ERR_NOTFOUND);
    assert_non_null(strstr(d.text, "/nonexistent/x.json"));
    char path[] = "/tmp/lintel-test-json-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "{\"a\":\n x}", 9), 9);
    close(fd);
    d = (struct lt_diag){0};
    assert_int_equal(lt_json_read_file(path, 100, &v, &d), LT_ERR_PARSE);
    assert_true(!strncmp(d.text, path, strlen(path)));
    assert_non_null(strstr(d.text, "line 2"));
    d = (struct lt_diag){0};
    assert_int_equal(lt_json_read_file(path, 8, &v, &d), LT_ERR_LIMIT);
    unlink(path);
}

static void test_dump__sorted__same_for_equal_values(void **state)
{
    (void)state;
    json_t *a = json_pack("{s:i,s:[i,i]}", "b", 1, "a", 2, 3);
    json_t *b = json_pack("{s:[i,i],s:i}", "a", 2, 3, "b", 1);
    char *x = lt_json_dump(a), *y = lt_json_dump_sorted(a), *z = lt_json_dump_sorted(b);
    assert_string_equal(x, "{\"b\":1,\"a\":[2,3]}");
    assert_string_equal(y, z);
    free(x);
    free(y);
    free(z);
    json_decref(a);
    json_decref(b);
}

static void test_utf8__table__valid_and_counted(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int ok;
        size_t count_or_offset;
    } rows[] = {
        {"abc", 1, 3},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 1, 3},
        {"a\x80", 0, 1},            /* a continuation alone */
        {"ab\xC0\xAF", 0, 2},       /* overlong */
        {"\xE0\x80\x80", 0, 0},     /* overlong */
        {"\xED\xA0\x80", 0, 0},     /* surrogate */
        {"\xF4\x90\x80\x80", 0, 0}, /* above U+10FFFF */
        {"x\xE2\x82", 0, 1},        /* cut */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t offset = 99, n = strlen(rows[i].s);
        assert_int_equal(lt_utf8_is_valid(rows[i].s, n, &offset), rows[i].ok);
        if (rows[i].ok)
            assert_int_equal(lt_utf8_count(rows[i].s, n), rows[i].count_or_offset);
        else
            assert_int_equal(offset, rows[i].count_or_offset);
    }
}

static void test_redact__table__what_is_kept(void **state)
{
    (void)state;
    static const struct {
        enum lt_text_mode mode;
        const char *in, *out;
    } rows[] = {
        {LT_TEXT_KEEP, "call 555 1234567", "call 555 1234567"},
        {LT_TEXT_KEEP, "bad \xFF byte", "bad \xEF\xBF\xBD byte"},
        {LT_TEXT_REDACT, "call +49 (89) 555-12 34 now", "call <number> now"},
        {LT_TEXT_REDACT, "call 555 123 4567 for jo", "call <number> for jo"},
        {LT_TEXT_REDACT, "mail jo.x@example.org please", "mail <email> please"},
        {LT_TEXT_REDACT, "dim lamp 2 to 40", "dim lamp # to ##"},
        {LT_TEXT_REDACT, "at home @ 5", "at home @ #"},
        {LT_TEXT_NONE, "anything", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *out = NULL;
        assert_int_equal(lt_redact_text(rows[i].mode, rows[i].in, strlen(rows[i].in), &out), LT_OK);
        if (rows[i].out)
            assert_string_equal(out, rows[i].out);
        else
            assert_null(out);
        free(out);
    }
    static const struct {
        enum lt_text_mode mode;
        const char *in, *out;
    } docs[] = {
        {LT_TEXT_REDACT,
         "[{\"name\":\"Call\",\"arguments\":{\"name\":\"Lamp 2\",\"to\":\"+1 555 123 "
         "4567\",\"n\":3}}]",
         "[{\"name\":\"Call\",\"arguments\":{\"name\":\"Lamp 2\",\"to\":\"<number>\",\"n\":3}}]"},
        {LT_TEXT_NONE, "[{\"name\":\"Call\",\"arguments\":{\"name\":\"Lamp 2\",\"n\":3}}]",
         "[{\"name\":\"Call\",\"arguments\":{\"name\":\"<text>\",\"n\":3}}]"},
        {LT_TEXT_NONE, "{\"route\":\"local\",\"speech\":\"hello\"}",
         "{\"route\":\"local\",\"speech\":\"<text>\"}"},
        {LT_TEXT_REDACT, "not json a@b.de", "not json <email>"},
    };
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++) {
        char *out = NULL;
        assert_int_equal(lt_redact_json(docs[i].mode, docs[i].in, &out), LT_OK);
        assert_string_equal(out, docs[i].out);
        free(out);
    }
    assert_int_equal(lt_text_mode_parse("redact"), LT_TEXT_REDACT);
    assert_int_equal(lt_text_mode_parse("some"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__good_and_bad_text__code_and_position),
        cmocka_unit_test(test_parse__limits__refused_before_work),
        cmocka_unit_test(test_read_file__missing_and_long__named),
        cmocka_unit_test(test_dump__sorted__same_for_equal_values),
        cmocka_unit_test(test_utf8__table__valid_and_counted),
        cmocka_unit_test(test_redact__table__what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
