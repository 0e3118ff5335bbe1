/* The reader of data lines: what is taken, what is refused and how it is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "san/data.h"

#define TOOL                                                                                       \
    "{\"name\":\"dim\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{" \
    "\"room\":{\"type\":\"string\"},\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":"    \
    "100}},\"required\":[\"level\"]}}"

static char path[] = "/tmp/test_data_XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    if (fd < 0) return -1;
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_plain(const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct san_data_report read_all(struct san_cases *c, struct san_lookup *lookup)
{
    struct san_data_report report = {0};
    struct lt_diag diag = {0};
    memset(c, 0, sizeof *c);
    assert_int_equal(san_cases_load(c, path, 0, lookup, &report, &diag), LT_OK);
    return report;
}

static struct san_lookup *tree_lookup(void)
{
    struct san_lookup *l;
    struct lt_diag diag = {0};
    assert_int_equal(san_lookup_new(SOURCE_DIR "/engine/data/tools.json",
                                    SOURCE_DIR "/engine/data/homes.jsonl.gz", &l, &diag),
                     LT_OK);
    return l;
}

static void test_reader__bad_lines__counted_with_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reason;
    } bad[] = {
        {"{\"query\":\"x\",\"tools\":[", "not JSON"},
        {"[1,2]", "no JSON object"},
        {"{\"query\":\"x\",\"tools\":[{\"description\":\"d\"}],\"answers\":[]}",
         "tools[0] has no name"},
        {"{\"query\":\"x\",\"tools\":[" TOOL "," TOOL "],\"answers\":[]}", "two tools"},
        {"{\"query\":\"x\",\"tools\":[" TOOL
         "],\"answers\":[{\"name\":\"other\",\"arguments\":{}}]}",
         "not in tools"},
        {"{\"query\":\"x\",\"tools\":[" TOOL
         "],\"answers\":[{\"name\":\"dim\",\"arguments\":{\"room\":\"a\"}}]}",
         "required \"level\""},
        {"{\"query\":\"x\",\"tools\":[" TOOL
         "],\"answers\":[{\"name\":\"dim\",\"arguments\":{\"level\":1,\"hue\":2}}]}",
         "no parameter \"hue\""},
        {"{\"query\":\"x\",\"tools\":[" TOOL
         "],\"answers\":[{\"name\":\"dim\",\"arguments\":{\"level\":101}}]}",
         "refuses the value"},
        {"{\"query\":\"x\",\"tools\":[" TOOL
         "],\"answers\":[{\"name\":\"dim\",\"arguments\":{\"level\":\"10\"}}]}",
         "refuses the value"},
        {"{\"query\":\"x\",\"tools\":[" TOOL "]}", "answers is missing"},
        {"{\"tools\":[],\"answers\":[]}", "query is missing"},
        {"{\"query\":\"\",\"tools\":[],\"answers\":[]}", "query is empty"},
        {"{\"query\":\"x\",\"tools\":[\"nowhere/tool\"],\"answers\":[]}",
         "no tool \"nowhere/tool\""},
        {"{\"query\":\"x\",\"tools\":[],\"home\":\"home-none\",\"answers\":[]}",
         "no home \"home-none\""},
        {"{\"query\":\"x\",\"tools\":[],\"home\":{\"entities\":[{\"name\":\"a\"}]},\"answers\":[]}",
         "entities[0]"},
        {"{\"query\":\"x\",\"tools\":\"[{\",\"answers\":[]}", "tools is neither"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[4096], where[64];
        snprintf(text, sizeof text,
                 "{\"query\":\"ok\",\"tools\":[],\"answers\":[]}\n\n%s\n{\"query\":\"ok\","
                 "\"tools\":[],\"answers\":[]}\n",
                 bad[i].line);
        write_plain(text);
        struct san_cases c;
        struct san_data_report r = read_all(&c, NULL);
        assert_int_equal(r.n_good, 2);
        assert_int_equal(r.n_bad, 1);
        assert_int_equal(r.n_blank, 1);
        assert_int_equal(r.n_samples, 1);
        snprintf(where, sizeof where, "%s:3", path);
        assert_string_equal(r.sample[0].where, where);
        if (!strstr(r.sample[0].reason, bad[i].reason))
            fail_msg("line %zu: \"%s\" does not say \"%s\"", i, r.sample[0].reason, bad[i].reason);
        assert_true(san_data_bad_share(&r) > 0.33 && san_data_bad_share(&r) < 0.34);
        san_cases_free(&c);
    }
}

static void test_reader__line_over_the_limit__skipped_and_the_next_is_read(void **state)
{
    (void)state;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("{\"query\":\"", f);
    for (int i = 0; i < 10 * 1024 * 1024; i++) fputc('x', f);
    fputs("\",\"tools\":[],\"answers\":[]}\n{\"query\":\"after\",\"tools\":[],\"answers\":[]}", f);
    fclose(f);
    struct san_cases c;
    struct san_data_report r = read_all(&c, NULL);
    assert_int_equal(r.n_bad, 1);
    assert_non_null(strstr(r.sample[0].reason, "longer than"));
    assert_int_equal(c.n, 1);
    assert_string_equal(json_string_value(json_object_get(c.p[0], "query")), "after");
    san_cases_free(&c);
}

static void test_reader__gzip_and_json_in_strings_and_flat_form__full_case(void **state)
{
    (void)state;
    const char *line =
        "{\"query\":\"dim to 10\",\"tools\":\"[{\\\"name\\\":\\\"dim\\\",\\\"parameters\\\":{"
        "\\\"level\\\":{\\\"type\\\":\\\"int\\\",\\\"description\\\":\\\"percent\\\","
        "\\\"required\\\":true},"
        "\\\"room\\\":{\\\"type\\\":\\\"str\\\",\\\"required\\\":false}}}]\","
        "\"answers\":\"[{\\\"name\\\":\\\"dim\\\",\\\"arguments\\\":{\\\"level\\\":10}}]\"}\n";
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    gzputs(f, line);
    gzclose(f);
    struct san_cases c;
    struct san_data_report r = read_all(&c, NULL);
    assert_int_equal(r.n_bad, 0);
    assert_int_equal(c.n, 1);
    json_t *expect = json_loads("{\"type\":\"object\",\"properties\":{\"level\":{\"type\":"
                                "\"integer\",\"description\":\"percent\"},"
                                "\"room\":{\"type\":\"string\"}},\"required\":[\"level\"]}",
                                0, NULL);
    assert_true(json_equal(json_object_get(san_case_tool(c.p[0], "dim"), "parameters"), expect));
    assert_int_equal(json_array_size(json_object_get(c.p[0], "answers")), 1);
    json_decref(expect);
    san_cases_free(&c);
}

static void test_reader__truncated_gzip__error_and_not_silence(void **state)
{
    (void)state;
    gzFile g = gzopen(path, "wb");
    unsigned x = 1;
    for (int i = 0; i < 2000; i++, x = x * 1103515245u + 12345u)
        gzprintf(g, "{\"query\":\"line %u\",\"tools\":[],\"answers\":[]}\n", x);
    gzclose(g);
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    fclose(f);
    assert_int_equal(truncate(path, n / 2), 0);
    struct san_cases c = {0};
    struct lt_diag diag = {0};
    assert_int_equal(san_cases_load(&c, path, 0, NULL, NULL, &diag), LT_ERR_IO);
    assert_non_null(strstr(diag.text, path));
    san_cases_free(&c);
}

static void test_reader__no_file_and_empty_file__said_and_read(void **state)
{
    (void)state;
    struct san_reader *r;
    struct lt_diag diag = {0};
    assert_int_equal(san_reader_open("/nonexistent/data.jsonl", NULL, NULL, &r, &diag),
                     LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, "/nonexistent/data.jsonl"));
    write_plain("");
    struct san_cases c;
    struct san_data_report report = read_all(&c, NULL);
    assert_int_equal(c.n, 0);
    assert_true(san_data_bad_share(&report) == 0.0);
    san_cases_free(&c);
}

static void test_lookup__same_home_and_tools__same_pointers(void **state)
{
    (void)state;
    write_plain(
        "{\"query\":\"a\",\"tools\":[\"HassTurnOn\",\"car/"
        "wipers\"],\"home\":\"home-000\",\"here\":\"Deck\",\"answers\":[{\"name\":\"HassTurnOn\","
        "\"arguments\":{\"name\":\"Nanoleaf\"}}]}\n"
        "{\"query\":\"b\",\"tools\":[\"HassTurnOn\"],\"home\":\"home-000\",\"here\":\"Deck\","
        "\"answers\":[]}\n"
        "{\"query\":\"c\",\"tools\":[\"HassTurnOn\"],\"home\":\"home-000\",\"answers\":[]}\n");
    struct san_lookup *l = tree_lookup();
    struct san_cases c;
    struct san_data_report r = read_all(&c, l);
    assert_int_equal(r.n_bad, 0);
    assert_int_equal(c.n, 3);
    assert_ptr_equal(san_case_tool(c.p[0], "HassTurnOn"), san_case_tool(c.p[1], "HassTurnOn"));
    const json_t *h0 = json_object_get(c.p[0], "home"), *h2 = json_object_get(c.p[2], "home");
    assert_ptr_equal(h0, json_object_get(c.p[1], "home"));
    assert_ptr_not_equal(h0, h2);
    assert_ptr_equal(json_object_get(h0, "entities"), json_object_get(h2, "entities"));
    assert_string_equal(json_string_value(json_object_get(h0, "here")), "Deck");
    assert_null(json_object_get(h2, "here"));
    san_cases_free(&c);
    san_lookup_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader__bad_lines__counted_with_place_and_reason),
        cmocka_unit_test(test_reader__line_over_the_limit__skipped_and_the_next_is_read),
        cmocka_unit_test(test_reader__gzip_and_json_in_strings_and_flat_form__full_case),
        cmocka_unit_test(test_reader__truncated_gzip__error_and_not_silence),
        cmocka_unit_test(test_reader__no_file_and_empty_file__said_and_read),
        cmocka_unit_test(test_lookup__same_home_and_tools__same_pointers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
