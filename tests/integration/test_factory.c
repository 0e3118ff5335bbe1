/* test_factory.c - `lintel generate --provider` against a local server that hands in good and bad
 * examples: only good ones are written, and a second run goes on. */
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
#include "lt/docs.h"
#include "lt/json.h"
#include "stub_http.h"
#include "vendor_answer.h"
#include "vendor_spec.h"

#define TOOLS                                                                                      \
    "[{\"name\":\"light_set\",\"description\":\"Dim.\",\"parameters\":{\"type\":\"object\","       \
    "\"properties\":{\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}},"             \
    "\"required\":[\"level\"]}},{\"name\":\"lock\",\"description\":\"Lock up.\",\"parameters\":{"  \
    "\"type\":\"object\",\"properties\":{}}}]"

struct world {
    struct stub *stub;
    struct vendor_spec *spec;
    char folder[64], config[96], tools[96], out[96];
    char *bodies[64];
    int n_bodies;
};

static char said[1 << 16], err[1 << 14];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char text[256];
    setenv("LT_TEST_CLOUD_KEY", "sk-not-to-be-seen", 1);
    w->spec = vendor_spec_load();
    w->stub = stub_start(vendor_spec_check, w->spec);
    snprintf(w->folder, sizeof w->folder, "/tmp/lintel-factory-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->config, sizeof w->config, "%s/lintel.yaml", w->folder);
    snprintf(w->tools, sizeof w->tools, "%s/tools.json", w->folder);
    snprintf(w->out, sizeof w->out, "%s/out.jsonl", w->folder);
    snprintf(text, sizeof text,
             "cloud:\n  endpoints:\n    - provider: anthropic\n      key: env:LT_TEST_CLOUD_KEY\n"
             "      base_url: http://127.0.0.1:%d\n",
             stub_port(w->stub));
    write_file(w->config, text);
    write_file(w->tools, TOOLS);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    stub_stop(w->stub);
    vendor_spec_free(w->spec);
    unlink(w->config);
    unlink(w->tools);
    unlink(w->out);
    rmdir(w->folder);
    for (int i = 0; i < w->n_bodies; i++) free(w->bodies[i]);
    free(w);
    return 0;
}

/* The stub hands in these examples next: pairs of query and calls, NULL ends. */
static void hand_in(struct world *w, const char *const *pairs)
{
    json_t *list = json_array();
    for (; *pairs; pairs += 2)
        json_array_append_new(list, json_pack("{s:s,s:o}", "query", pairs[0], "calls",
                                              json_loads(pairs[1], 0, NULL)));
    json_t *o = json_pack("{s:o}", "examples", list);
    char *args = json_dumps(o, 0);
    json_decref(o);
    w->bodies[w->n_bodies] = vendor_call(0, "submit_examples", args);
    free(args);
    stub_push(w->stub, (struct stub_reply){.status = 200,
                                           .headers = "content-type: application/json\r\n",
                                           .body = w->bodies[w->n_bodies++]});
}

static int generate(struct world *w, const char *n, const char *usd)
{
    int status = run_lintel(said, sizeof said, err, sizeof err, "generate", "-c", w->config,
                            "--tools", w->tools, "--provider", "anthropic", "--n", n, "--usd", usd,
                            "--out", w->out, NULL);
    if (*stub_complaint(w->stub)) fail_msg("%s", stub_complaint(w->stub));
    assert_null(strstr(err, "sk-not-to-be-seen"));
    return status;
}

/* Lines of the file, each checked against the data line's schema. */
static int n_lines(struct world *w)
{
    struct lt_docs *docs = NULL;
    struct lt_diag d = {0};
    static char line[1 << 16];
    int n = 0;
    FILE *f = fopen(w->out, "r");
    assert_non_null(f);
    assert_int_equal(lt_docs_open(&docs, &d), LT_OK);
    for (; fgets(line, sizeof line, f); n++) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o);
        if (lt_docs_check(docs, LT_DOC_DATA_LINE, o, &d)) fail_msg("%s", d.text);
        json_decref(o);
    }
    fclose(f);
    lt_docs_close(docs);
    return n;
}

#define DIM(n) "[{\"name\":\"light_set\",\"arguments_json\":\"{\\\"level\\\":" #n "}\"}]"
#define LOCK   "[{\"name\":\"lock\",\"arguments_json\":\"{}\"}]"

static void test_factory__good_and_bad_examples__only_good_ones_are_written(void **state)
{
    /* the first batch is plain, in focus is light_set */
    static const char *const first[] = {"dim to ten",
                                        DIM(10),
                                        "Dim to TEN!",
                                        DIM(10), /* repeated */
                                        "dim to 500",
                                        DIM(500), /* over the range */
                                        "lock up",
                                        LOCK, /* of another kind: light_set was in focus */
                                        "hello",
                                        "[]", /* the same */
                                        "make it 20",
                                        DIM(20),
                                        "x",
                                        "[{\"name\":\"open\",\"arguments_json\":\"{}\"}]",
                                        "y",
                                        "[{\"name\":\"light_set\",\"arguments_json\":\"{\"}]",
                                        "",
                                        DIM(1),
                                        NULL};
    /* then varied lags behind; lock has no line yet */
    static const char *const second[] = {"is the house safe for the night", LOCK, NULL};
    struct world *w = *state;
    unlink(w->out);
    hand_in(w, first);
    hand_in(w, second);
    assert_int_equal(generate(w, "3", "1"), 0);
    assert_int_equal(n_lines(w), 3);
    assert_non_null(strstr(err, "3 lines (3 new): plain 2 varied 1 near-miss 0 nothing 0"));
    assert_non_null(strstr(err, "4 invalid, 1 repeated, 2 of another kind"));
    assert_non_null(strstr(stub_request(w->stub, 0)->body, "the tool light_set does"));
    assert_non_null(strstr(stub_request(w->stub, 1)->body, "less direct"));
    assert_non_null(strstr(stub_request(w->stub, 1)->body, "the tool lock does"));
}

static void test_factory__again__goes_on_where_the_file_ends(void **state)
{
    static const char *const near_miss[] = {"dim the sun", "[]", "dim to ten", "[]", NULL};
    static const char *const talk[] = {"who are you", "[]", NULL};
    struct world *w = *state;
    FILE *f = fopen(w->out, "a");
    fputs("{\"query\":\"cut by a cr", f);
    fclose(f);
    stub_clear(w->stub);
    hand_in(w, near_miss);
    hand_in(w, talk);
    assert_int_equal(generate(w, "5", "1"), 0);
    assert_int_equal(n_lines(w), 5);
    assert_non_null(strstr(err, "5 lines (2 new): plain 2 varied 1 near-miss 1 nothing 1"));
    assert_non_null(strstr(err, "1 repeated"));
    assert_int_equal(generate(w, "5", "1"), 0); /* enough: nobody is asked */
    assert_int_equal(stub_n_requests(w->stub), 2);
}

static void test_factory__budget__asks_no_more_than_it_covers(void **state)
{
    static const char *const one[] = {"lock it", LOCK, NULL};
    struct world *w = *state;
    stub_clear(w->stub);
    hand_in(w, one);
    assert_int_equal(generate(w, "9", "0.001"), 0);
    assert_int_equal(stub_n_requests(w->stub), 0);
    assert_non_null(strstr(err, "stopped at the budget"));
}

static void test_factory__nothing_usable_or_bad_key__gives_up_with_the_reason(void **state)
{
    static const char *const bad[] = {"lock it", DIM(999), NULL};
    struct world *w = *state;
    stub_clear(w->stub);
    for (int i = 0; i < 6; i++) hand_in(w, bad);
    assert_int_equal(generate(w, "9", "1"), 1);
    assert_int_equal(stub_n_requests(w->stub), 5);
    assert_non_null(strstr(err, "999 is more than 100"));
    stub_clear(w->stub);
    stub_push(w->stub, (struct stub_reply){.status = 401, .body = "{}"});
    assert_int_equal(generate(w, "9", "1"), 1);
    assert_int_equal(stub_n_requests(w->stub), 1);
    assert_non_null(strstr(err, "check the key"));
    assert_int_equal(run_lintel(said, sizeof said, err, sizeof err, "generate", "-c", w->config,
                                "--tools", w->tools, "--provider", "gemini", "--n", "1", "--out",
                                w->out, NULL),
                     1);
    assert_non_null(strstr(err, "no endpoint of provider 'gemini'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factory__good_and_bad_examples__only_good_ones_are_written),
        cmocka_unit_test(test_factory__again__goes_on_where_the_file_ends),
        cmocka_unit_test(test_factory__budget__asks_no_more_than_it_covers),
        cmocka_unit_test(test_factory__nothing_usable_or_bad_key__gives_up_with_the_reason),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
