/* test_store_admin.c - the store's lists, statistics, pruning, erasure, spend and models. */
#define _GNU_SOURCE /* memmem */
#include "store_place.h"

/* ---- lists, statistics, upkeep ---- */

/* n traces a second apart: the last is accepted, the one before decided, the two before answered,
 * the rest executed; every fourth answer came from the cloud. */
static void fill(struct lt_store *s, char traces[][LT_ULID_CAP], int n)
{
    for (int i = 0; i < n; i++) {
        put(s, NULL, T0 + i * 1000, traces[i]);
        if (i < n - 1) decide(s, traces[i]);
        if (i < n - 2) answer(s, traces[i], i % 4 == 3 ? "cloud" : "local", 100 * (i + 1));
        if (i < n - 4) MUST(lt_store_trace_executed(s, traces[i], NULL, T0, &diag));
    }
}

static void test_list__filters__the_right_rows_in_order(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[10][LT_ULID_CAP];
    fill(s, t, 10);
    assert_int_equal(count(s, (struct lt_trace_filter){0}), 10);
    assert_int_equal(count(s, (struct lt_trace_filter){.site = "cabin"}), 0);
    assert_int_equal(count(s, (struct lt_trace_filter){.route = "cloud"}), 2);
    assert_int_equal(count(s, (struct lt_trace_filter){.state = "executed"}), 6);
    assert_int_equal(count(s, (struct lt_trace_filter){.why = "gate.accepted"}), 9);
    assert_int_equal(count(s, (struct lt_trace_filter){.limit = 3}), 3);
    assert_int_equal(
        count(s, (struct lt_trace_filter){.since_unix_ms = T0 + 2000, .until_unix_ms = T0 + 4000}),
        2);
    /* accepted, decided, and two answered whose calls did not go out */
    assert_int_equal(count(s, (struct lt_trace_filter){.is_unfinished = 1}), 4);
    struct listed l = {.stop_after = 2};
    MUST(lt_store_trace_list(s, &(struct lt_trace_filter){.is_oldest_first = 1}, collect, &l,
                             &diag));
    assert_int_equal(l.n, 2);
    assert_string_equal(l.traces[0], t[0]);
    l = (struct listed){0};
    MUST(lt_store_trace_list(s, &(struct lt_trace_filter){0}, collect, &l, &diag));
    assert_string_equal(l.traces[0], t[9]);
    /* trust: console over user, newest of the same source */
    struct lt_label labels[] = {{.source = "cloud", .is_correct = 1},
                                {.source = "user", .is_correct = 0},
                                {.source = "console", .is_correct = 0},
                                {.source = "console", .is_correct = 1},
                                {.source = "user", .is_correct = 0}};
    for (size_t i = 0; i < 5; i++) MUST(lt_store_label_add(s, t[0], &labels[i], &diag));
    l = (struct listed){0};
    MUST(lt_store_trace_list(s, &(struct lt_trace_filter){.is_labelled = 1}, collect, &l, &diag));
    assert_int_equal(l.n, 1);
    assert_int_equal(l.last.label_is_correct, 1);
    lt_store_close(s);
}

static void test_stats__filled_store__counts_shares_percentiles(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[12][LT_ULID_CAP];
    fill(s, t, 12);
    json_t *o = NULL;
    MUST(lt_store_trace_stats(s, "home", 0, 0, &o, &diag));
    char *text = lt_json_dump_sorted(o);
    /* 10 answered: 2 by the cloud (the 4th and 8th); 100..1000 us; 1 more decided locally */
    assert_string_equal(
        text, "{\"cloud_attempts\":0,\"cost_usd_micro\":120,\"labels\":{},"
              "\"latency_us\":{\"max\":1000,\"n\":10,\"p50\":500,\"p95\":1000,\"p99\":1000},"
              "\"local_share\":0.81818181818181823,\"routes\":{\"cloud\":2,\"local\":9},"
              "\"states\":{\"accepted\":1,\"answered\":2,\"decided\":1,\"executed\":8},"
              "\"traces\":12,\"why\":{\"gate.accepted\":11}}");
    free(text);
    json_decref(o);
    MUST(lt_store_trace_stats(s, "cabin", 0, 0, &o, &diag));
    assert_true(json_integer_value(json_object_get(o, "traces")) == 0);
    assert_null(json_object_get(o, "local_share"));
    json_decref(o);
    lt_store_close(s);
}

static void test_prune__by_age_and_size__oldest_finished_go(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[LT_ULID_CAP], labelled[LT_ULID_CAP];
    MUST(lt_store_catalog_put(s, "h1", "{}", T0, &diag));
    MUST(lt_store_begin(s, 0, &diag));
    for (int i = 0; i < 1000; i++) {
        put(s, NULL, T0 + i * MINUTE, t);
        if (i == 10) memcpy(labelled, t, sizeof t);
        decide(s, t);
        answer(s, t, "local", 5);
    }
    MUST(lt_store_commit(s, &diag));
    put(s, "open", T0, t);
    struct lt_label l = {.source = "user", .is_correct = 1};
    MUST(lt_store_label_add(s, labelled, &l, &diag));
    int64_t n = 0;
    MUST(lt_store_prune(
        s, &(struct lt_prune){.older_than_unix_ms = T0 + 300 * MINUTE, .keep_labelled = 1}, &n,
        &diag));
    assert_true(n == 299);
    assert_int_equal(count(s, (struct lt_trace_filter){0}),
                     702); /* with the open and labelled one */
    char *text = NULL;
    MUST_FAIL(LT_ERR_NOTFOUND, "h1", lt_store_catalog_get(s, "h1", &text, &diag));
    int64_t before = lt_store_used_bytes(s);
    assert_true(before > 0);
    MUST(lt_store_prune(s, &(struct lt_prune){.max_bytes = before / 2, .keep_labelled = 1}, &n,
                        &diag));
    assert_true(n > 0 && lt_store_used_bytes(s) <= before / 2);
    assert_int_equal(count(s, (struct lt_trace_filter){.is_labelled = 1}), 1);
    /* an impossible size: everything finished goes, the open one stays, and it ends */
    MUST(lt_store_prune(s, &(struct lt_prune){.max_bytes = 1, .keep_labelled = 1}, &n, &diag));
    assert_int_equal(count(s, (struct lt_trace_filter){0}), 1);
    assert_int_equal(count(s, (struct lt_trace_filter){.is_unfinished = 1}), 1);
    MUST(lt_store_check(s, &diag));
    struct stat st;
    assert_int_equal(stat(p->db, &st), 0);
    assert_true(st.st_size < before); /* pages went back to the file system */
    MUST(lt_store_begin(s, 0, &diag));
    MUST_FAIL(LT_ERR_INVALID, "group", lt_store_prune(s, &(struct lt_prune){0}, NULL, &diag));
    lt_store_close(s);
}

static void test_erase__site__nothing_of_it_is_left(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[LT_ULID_CAP];
    MUST(lt_store_catalog_put(s, "h1", "{\"tools\":[]}", T0, &diag));
    MUST(lt_store_site_put(s, "cabin", "h1", T0, &diag));
    for (int i = 0; i < 20; i++)
        MUST(accept_at(s, "cabin", NULL, "zebra crossing words", T0 + i, t, &(int){0}, &diag));
    put(s, "other", T0, t);
    MUST(lt_store_spend_add(s, "cabin", "x", T0, 5, 1, 1, &diag));
    MUST(lt_store_site_erase(s, "cabin", &diag));
    assert_int_equal(count(s, (struct lt_trace_filter){.site = "cabin"}), 0);
    assert_int_equal(count(s, (struct lt_trace_filter){.site = "home"}), 1);
    char hash[LT_SHA256_HEX_CAP];
    MUST_FAIL(LT_ERR_NOTFOUND, "cabin", lt_store_site_catalog(s, "cabin", hash, &diag));
    lt_store_close(s);
    static char bytes[1 << 20];
    FILE *f = fopen(p->db, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(n > 0 && n < sizeof bytes);
    assert_null(memmem(bytes, n, "zebra", 5));
}

static void test_site__catalogue__by_hash(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char hash[LT_SHA256_HEX_CAP], *text = NULL;
    MUST_FAIL(LT_ERR_NOTFOUND, "no catalogue", lt_store_site_catalog(s, "home", hash, &diag));
    MUST(lt_store_site_put(s, "home", NULL, T0, &diag));
    MUST_FAIL(LT_ERR_NOTFOUND, "no catalogue", lt_store_site_catalog(s, "home", hash, &diag));
    MUST_FAIL(LT_ERR_INVALID, "FOREIGN", lt_store_site_put(s, "home", "h9", T0, &diag));
    MUST(lt_store_catalog_put(s, "h1", "one", T0, &diag));
    MUST(lt_store_catalog_put(s, "h1", "one", T0, &diag));
    MUST(lt_store_site_put(s, "home", "h1", T0, &diag));
    MUST(lt_store_site_put(s, "home", NULL, T0, &diag)); /* seen again: the catalogue stays */
    MUST(lt_store_site_catalog(s, "home", hash, &diag));
    assert_string_equal(hash, "h1");
    MUST(lt_store_catalog_get(s, "h1", &text, &diag));
    assert_string_equal(text, "one");
    free(text);
    lt_store_close(s);
}

static void test_spend__days_and_months__utc(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    int64_t v = -1;
    MUST(lt_store_spend_sum(s, NULL, LT_SPEND_DAY, T0, &v, &diag));
    assert_true(v == 0);
    MUST(lt_store_spend_add(s, "home", "claude", T0, 100, 10, 1, &diag));
    MUST(lt_store_spend_add(s, "home", "claude", T0, -40, 0, 0, &diag)); /* estimate corrected */
    MUST(lt_store_spend_add(s, "cabin", "gpt", T0, 7, 1, 1, &diag));
    MUST(lt_store_spend_add(s, "home", "claude", T0 + 2 * DAY, 1000, 1, 1, &diag)); /* 31 January */
    MUST(lt_store_spend_add(s, "home", "claude", T0 + 3 * DAY, 5000, 1, 1, &diag)); /* 1 February */
    MUST(lt_store_spend_sum(s, "home", LT_SPEND_DAY, T0 + 11 * 3600000, &v, &diag));
    assert_true(v == 60);
    MUST(lt_store_spend_sum(s, NULL, LT_SPEND_DAY, T0, &v, &diag));
    assert_true(v == 67);
    MUST(lt_store_spend_sum(s, NULL, LT_SPEND_MONTH, T0, &v, &diag));
    assert_true(v == 1067);
    MUST(lt_store_spend_sum(s, NULL, LT_SPEND_MONTH, T0 + 3 * DAY, &v, &diag));
    assert_true(v == 5000);
    lt_store_close(s);
}

struct models {
    int n;
    char active[8];
};
static int see_model(const struct lt_model *m, void *user)
{
    struct models *seen = user;
    seen->n++;
    if (m->is_active) snprintf(seen->active, sizeof seen->active, "%s", m->sha256);
    return 0;
}

static void test_models__activate_and_roll_back__one_active(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    static const char *const hashes[] = {"a", "b", "c"};
    char hash[LT_SHA256_HEX_CAP];
    MUST_FAIL(LT_ERR_NOTFOUND, "before", lt_store_model_rollback(s, T0, hash, &diag));
    for (int i = 0; i < 3; i++) {
        struct lt_model m = {.name = "m", .path = "/m", .sha256 = hashes[i], .n_bytes = 5};
        MUST(lt_store_model_put(s, &m, &diag));
        MUST(lt_store_model_activate(s, hashes[i], T0 + i, &diag));
        MUST(lt_store_model_activate(s, hashes[i], T0 + i, &diag)); /* again: nothing */
    }
    MUST_FAIL(LT_ERR_NOTFOUND, "no model z", lt_store_model_activate(s, "z", T0, &diag));
    struct models seen = {0};
    MUST(lt_store_model_list(s, see_model, &seen, &diag));
    assert_int_equal(seen.n, 3);
    assert_string_equal(seen.active, "c"); /* the failed one changed nothing */
    MUST(lt_store_model_rollback(s, T0 + 9, hash, &diag));
    assert_string_equal(hash, "b");
    MUST(lt_store_model_rollback(s, T0 + 9, hash, &diag));
    assert_string_equal(hash, "a");
    MUST(lt_store_model_rollback(s, T0 + 9, hash, &diag)); /* to where none was: the shipped one */
    assert_string_equal(hash, "");
    seen = (struct models){0};
    MUST(lt_store_model_list(s, see_model, &seen, &diag));
    assert_int_equal(seen.n, 3);
    assert_string_equal(seen.active, "");
    MUST_FAIL(LT_ERR_NOTFOUND, "before", lt_store_model_rollback(s, T0, hash, &diag));
    MUST(lt_store_evaluation_add(s, "a", "dev", 2000, "{\"whole\":0.7}", T0, &diag));
    MUST_FAIL(LT_ERR_NOTFOUND, "no model z",
              lt_store_evaluation_add(s, "z", "dev", 1, "{}", T0, &diag));
    lt_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_list__filters__the_right_rows_in_order),
        UNIT(test_stats__filled_store__counts_shares_percentiles),
        UNIT(test_prune__by_age_and_size__oldest_finished_go),
        UNIT(test_erase__site__nothing_of_it_is_left),
        UNIT(test_site__catalogue__by_hash),
        UNIT(test_spend__days_and_months__utc),
        UNIT(test_models__activate_and_roll_back__one_active),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
