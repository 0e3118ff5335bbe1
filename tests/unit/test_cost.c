/* test_cost.c - prices, steps, dates, and each vendor's way of counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lt/cost.h"

#define NOV_2026 1795305600000 /* 2026-11-22 */
#define DEC_31   1798761599000 /* 2026-12-31 23:59:59 */
#define JAN_2027 1798761600000 /* 2027-01-01 */

static struct lt_prices *P;

static int setup(void **state)
{
    (void)state;
    return lt_prices_load(NULL, &P, NULL);
}

static int teardown(void **state)
{
    (void)state;
    lt_prices_free(P);
    return 0;
}

static void test_cost__table_of_usages__gives_the_sum_by_hand(void **state)
{
    static const struct {
        const char *provider, *model;
        struct lt_cloud_usage u; /* input, read, write, write 1 h, output, reasoning, percent */
        int64_t now_unix_ms, want;
    } rows[] = {
        /* 1000*0.1 + 80*0.5 */
        {"anthropic", "claude-haiku-5-5", {1000, 0, 0, 0, 80, 0, 100, false}, NOV_2026, 140},
        /* 100*0.1 + 1000*0.01 + 2000*0.125 + 3000*0.2 + 10*0.5 = 10+10+250+600+5 */
        {"anthropic",
         "claude-haiku-5-5",
         {100, 1000, 2000, 3000, 10, 0, 100, false},
         NOV_2026,
         875},
        /* the step counts every kind of input: 100,000 is below, 100,001 above */
        {"anthropic", "claude-haiku-5-5", {90000, 10000, 0, 0, 0, 0, 100, false}, NOV_2026, 9100},
        {"anthropic", "claude-haiku-5-5", {90001, 10000, 0, 0, 0, 0, 100, false}, NOV_2026, 45501},
        /* a dated id has the price of its family */
        {"anthropic",
         "claude-haiku-4-5-20251001",
         {1000, 0, 0, 0, 0, 0, 100, false},
         NOV_2026,
         1000},
        /* thoughts are part of the output that is billed */
        {"gemini", "gemini-3.5-flash-lite", {210, 0, 0, 0, 74, 30, 100, false}, NOV_2026, 248},
        /* a price with an end date, its last second and the next */
        {"gemini", "gemini-3.8-flash", {1000, 0, 0, 0, 100, 0, 100, false}, DEC_31, 1125},
        {"gemini", "gemini-3.8-flash", {1000, 0, 0, 0, 100, 0, 100, false}, JAN_2027, 2250},
        /* flex costs half, priority double */
        {"openai", "gpt-6-luna", {1000, 0, 0, 0, 100, 0, 50, false}, NOV_2026, 75},
        {"openai", "gpt-6-luna", {1000, 0, 0, 0, 100, 0, 200, false}, NOV_2026, 300},
        {"openai", "gpt-6-luna", {0, 1000, 1000, 0, 0, 0, 100, false}, NOV_2026, 135},
        {"openai", "gpt-6-luna", {272001, 0, 0, 0, 1000, 0, 100, false}, NOV_2026, 55151},
        /* no price for cache kinds: as input */
        {"openai", "gpt-6.1-terra", {0, 500, 500, 0, 0, 0, 100, false}, NOV_2026, 1000},
        {"openai", "gpt-5.4-nano", {0, 0, 1000, 0, 0, 0, 100, false}, NOV_2026, 200},
        /* rounded up: 3*0.1 = 0.3 is not free */
        {"openai", "gpt-6-luna", {3, 0, 0, 0, 0, 0, 100, false}, NOV_2026, 1},
        {"openai", "gpt-6-luna", {0, 0, 0, 0, 0, 0, 100, false}, NOV_2026, 0},
        /* not billed at all */
        {"anthropic", "claude-haiku-5-5", {1000, 0, 0, 0, 80, 0, 0, false}, NOV_2026, 0},
        {"free", "qwen", {1000000, 0, 0, 0, 1000000, 0, 100, false}, NOV_2026, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = -1;
        assert_true(
            lt_cost_of(P, rows[i].provider, rows[i].model, &rows[i].u, rows[i].now_unix_ms, &got));
        if (got != rows[i].want)
            fail_msg("row %zu, %s: %lld, not %lld", i, rows[i].model, (long long)got,
                     (long long)rows[i].want);
    }
}

/* The four ways of counting end in kinds that do not overlap. */
static void test_cost__usage_of_each_vendor__is_split_into_billed_kinds(void **state)
{
    static const struct {
        const char *adapter, *body;
        struct lt_cloud_usage want;
    } rows[] = {
        /* input excludes the cache kinds; output includes thinking */
        {"anthropic",
         "{\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,"
         "\"cache_creation_input_tokens\":300,\"cache_read_input_tokens\":50,\"cache_creation\":{"
         "\"ephemeral_5m_input_tokens\":100,\"ephemeral_1h_input_tokens\":200},\"output_tokens\":9,"
         "\"output_tokens_details\":{\"thinking_tokens\":4}}}",
         {10, 50, 100, 200, 9, 4, 100, false}},
        /* prompt includes cached; candidates exclude thoughts; tool-use prompt comes on top */
        {"gemini",
         "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":"
         "100,"
         "\"cachedContentTokenCount\":60,\"toolUsePromptTokenCount\":5,\"candidatesTokenCount\":7,"
         "\"thoughtsTokenCount\":3}}",
         {45, 60, 0, 0, 10, 3, 100, false}},
        /* input includes both cache kinds; output includes reasoning; the tier sets the price */
        {"openai",
         "{\"status\":\"completed\",\"output\":[],\"service_tier\":\"flex\",\"usage\":{"
         "\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60,"
         "\"cache_write_tokens\":30},\"output_tokens\":20,\"output_tokens_details\":{"
         "\"reasoning_tokens\":15}}}",
         {10, 60, 30, 0, 20, 15, 50, false}},
        {"openai-chat",
         "{\"choices\":[{\"message\":{\"content\":\"a\"}}],\"service_tier\":\"priority\",\"usage\":"
         "{"
         "\"prompt_tokens\":100,\"prompt_tokens_details\":{\"cached_tokens\":60},"
         "\"completion_tokens\":20}}",
         {40, 60, 0, 0, 20, 0, 200, false}},
        {"openai-chat",
         "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}",
         {0, 0, 0, 0, 0, 0, 100, true}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_cloud_reply r = {0};
        struct lt_cloud_fault f = {0};
        const struct lt_cloud_usage *u = &r.usage, *w = &rows[i].want;
        if (lt_adapter_find(rows[i].adapter)
                ->parse(NULL, rows[i].body, strlen(rows[i].body), &r, &f) != LT_CLS_OK)
            fail_msg("row %zu: %s", i, f.text);
        assert_int_equal(u->input_tokens, w->input_tokens);
        assert_int_equal(u->cache_read_tokens, w->cache_read_tokens);
        assert_int_equal(u->cache_write_tokens, w->cache_write_tokens);
        assert_int_equal(u->cache_write_1h_tokens, w->cache_write_1h_tokens);
        assert_int_equal(u->output_tokens, w->output_tokens);
        assert_int_equal(u->reasoning_tokens, w->reasoning_tokens);
        assert_int_equal(u->price_percent, w->price_percent);
        assert_int_equal(u->is_estimated, w->is_estimated);
        lt_cloud_reply_fini(&r);
    }
}

static void test_cost__unknown_model__has_no_price(void **state)
{
    static const char *const pairs[][2] = {{"anthropic", "claude-haiku-9"},
                                           {"anthropic", "gpt-6-luna"},
                                           {"nobody", "claude-haiku-5-5"},
                                           {"openai", "gpt-6-lunatic"},
                                           {"openai", "gpt-6"},
                                           {"openai", ""}};
    struct lt_cloud_usage u = {.input_tokens = 1000, .price_percent = 100};
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int64_t got = -1;
        assert_false(lt_cost_of(P, pairs[i][0], pairs[i][1], &u, NOV_2026, &got));
        assert_int_equal(got, 0);
    }
}

static void test_cost__every_default_model__has_a_price(void **state)
{
    struct lt_cloud_usage u = {.input_tokens = 1000, .price_percent = 100};
    int64_t got;
    (void)state;
    for (size_t i = 0; lt_adapter_at(i); i++) {
        const struct lt_adapter *a = lt_adapter_at(i);
        if (a->default_model)
            assert_true(lt_cost_of(P, a->provider, a->default_model, &u, NOV_2026, &got));
    }
    assert_string_equal(lt_prices_as_of(P), "2026-11-22");
}

static enum lt_err load_text(const char *text, struct lt_diag *d)
{
    char path[] = "/tmp/lt-prices-XXXXXX";
    struct lt_prices *p = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    enum lt_err err = lt_prices_load(path, &p, d);
    unlink(path);
    lt_prices_free(p);
    return err;
}

static void test_cost__bad_files__say_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *says;
        enum lt_err err;
    } rows[] = {
        {"{\"as_of\":\"2026-01-01\",\"models\":[{\"provider\":\"a\",\"id\":\"m\",\"input\":1,"
         "\"output\":2}]}",
         "", LT_OK},
        {"{\"as_of\":", "line", LT_ERR_PARSE},
        {"{\"models\":[]}", "as_of", LT_ERR_INVALID},
        {"{\"as_of\":\"x\"}", "models", LT_ERR_INVALID},
        {"{\"as_of\":\"x\",\"models\":[{\"id\":\"m\"}]}", "provider", LT_ERR_INVALID},
        {"{\"as_of\":\"x\",\"models\":[{\"provider\":\"a\",\"id\":\"m\",\"input\":1}]}", "output",
         LT_ERR_INVALID},
        {"{\"as_of\":\"x\",\"models\":[{\"provider\":\"a\",\"id\":\"m\",\"input\":-1,\"output\":1}"
         "]}",
         "'m'", LT_ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lt_diag d = {0};
        enum lt_err err = load_text(rows[i].text, &d);
        if (err != rows[i].err || !strstr(d.text, rows[i].says))
            fail_msg("row %zu: %s: %s", i, lt_err_name(err), d.text);
    }
    struct lt_prices *p = NULL;
    assert_int_equal(lt_prices_load("/nonexistent/prices.json", &p, NULL), LT_ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost__table_of_usages__gives_the_sum_by_hand),
        cmocka_unit_test(test_cost__usage_of_each_vendor__is_split_into_billed_kinds),
        cmocka_unit_test(test_cost__unknown_model__has_no_price),
        cmocka_unit_test(test_cost__every_default_model__has_a_price),
        cmocka_unit_test(test_cost__bad_files__say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
