/* test_store.c - the trace store on real SQLite files: states, groups, crashes, full and broken
 * disks, migrations. */
#define _GNU_SOURCE /* memmem */
#include "store_place.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- life of a trace ---- */

static void test_trace__whole_life__everything_is_kept(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char trace[LT_ULID_CAP];
    put(s, "r1", T0, trace);
    assert_true(lt_ulid_unix_ms(trace) == T0);
    decide(s, trace);
    struct lt_store_attempt a = {.provider = "claude",
                                 .model = "big",
                                 .status = "ok",
                                 .http_status = 200,
                                 .input_tokens = 900,
                                 .cached_tokens = 800,
                                 .output_tokens = 30,
                                 .cost_usd_micro = 12,
                                 .started_unix_ms = T0 + 5,
                                 .duration_us = 700000,
                                 .calls_json = CALLS,
                                 .sent_json = "{\"model\":\"big\"}"};
    MUST(lt_store_attempt_add(s, trace, &a, &diag));
    answer(s, trace, "local", 910);
    MUST(lt_store_trace_executed(s, trace, "[{\"device\":\"Lamp\",\"ok\":true}]", T0 + 9, &diag));
    struct lt_label l = {.source = "user", .is_correct = 1, .note = "yes", .now_unix_ms = T0 + 99};
    MUST(lt_store_label_add(s, trace, &l, &diag));

    json_t *o = NULL;
    MUST(lt_store_trace_show(s, trace, &o, &diag));
    assert_string_equal(json_string_value(json_object_get(o, "state")), "executed");
    assert_string_equal(json_string_value(json_object_get(o, "text")), "turn on the light");
    assert_string_equal(json_string_value(json_object_get(o, "id")), "r1");
    assert_string_equal(json_string_value(json_object_get(o, "model")), "m1");
    assert_true(json_real_value(json_object_get(o, "confidence")) == 0.97);
    assert_true(json_integer_value(json_object_get(o, "total_us")) == 910);
    assert_true(json_is_array(json_object_get(o, "local_calls")));
    assert_true(json_is_array(json_object_get(o, "decisions")));
    assert_true(json_is_array(json_object_get(o, "outcome")));
    const json_t *attempt = json_array_get(json_object_get(o, "cloud_attempts"), 0);
    assert_true(json_integer_value(json_object_get(attempt, "cached_tokens")) == 800);
    assert_true(json_is_object(json_object_get(attempt, "sent")));
    const json_t *label = json_array_get(json_object_get(o, "labels"), 0);
    assert_true(json_is_true(json_object_get(label, "correct")));
    json_decref(o);
    char *result = NULL;
    MUST(lt_store_trace_result(s, trace, &result, &diag));
    assert_string_equal(result, "{\"route\":\"local\",\"calls\":" CALLS "}");
    free(result);
    MUST(lt_store_check(s, &diag));
    lt_store_close(s);
}

/* The trace as JSON without what no two traces share. */
static char *row_of(struct lt_store *s, const char *trace)
{
    json_t *o = NULL;
    MUST(lt_store_trace_show(s, trace, &o, &diag));
    json_object_del(o, "id");
    json_object_del(o, "trace");
    char *text = json_dumps(o, JSON_SORT_KEYS);
    json_decref(o);
    return text;
}

static void test_trace__settled_at_once__is_the_row_of_decided_and_answered(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char steps[LT_ULID_CAP], once[LT_ULID_CAP];
    struct lt_trace_decision d = {.route = "cloud",
                                  .why = "gate.low_confidence",
                                  .model = "m1",
                                  .calls_json = "[]",
                                  .confidence = 0.25,
                                  .decisions_json = "[{\"kind\":\"tool\",\"p\":0.99}]",
                                  .n_tokens = 6,
                                  .encode_us = 310,
                                  .decode_us = 420};
    struct lt_trace_answer a = {.route = "cloud",
                                .why = "cloud.answered",
                                .calls_json = CALLS,
                                .speech = "Done",
                                .result_json = "{\"route\":\"cloud\",\"calls\":" CALLS "}",
                                .total_us = 910,
                                .cost_usd_micro = 12};
    put(s, NULL, T0, steps);
    put(s, NULL, T0, once);
    MUST(lt_store_trace_decided(s, steps, &d, &diag));
    MUST(lt_store_trace_answered(s, steps, &a, &diag));
    MUST(lt_store_trace_settled(s, once, &d, &a, &diag));
    char *apart = row_of(s, steps), *together = row_of(s, once);
    assert_string_equal(together, apart);
    assert_non_null(strstr(together, "\"answered\""));
    free(apart);
    free(together);
    MUST_FAIL(LT_ERR_INVALID, "is answered and cannot become answered",
              lt_store_trace_settled(s, once, &d, &a, &diag));
    MUST(lt_store_trace_executed(s, once, NULL, T0, &diag));
    lt_store_close(s);
}

static void test_trace__failing_write_in_a_group__leaves_the_others(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[LT_ULID_CAP], u[LT_ULID_CAP];
    struct lt_trace_decision d = {.route = "local", .why = "x.y"};
    put(s, NULL, T0, u);
    decide(s, u);
    MUST(lt_store_begin(s, 1, &diag));
    put(s, NULL, T0, t);
    MUST_FAIL(LT_ERR_INVALID, "is decided and cannot become decided",
              lt_store_trace_decided(s, u, &d, &diag));
    decide(s, t);
    MUST(lt_store_commit(s, &diag));
    answer(s, t, "local", 1); /* as decided ones are */
    answer(s, u, "local", 1);
    lt_store_close(s);
}

static void test_trace__illegal_edge__refused_and_unchanged(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[LT_ULID_CAP], u[LT_ULID_CAP], v[LT_ULID_CAP];
    struct lt_trace_answer a = {
        .route = "local", .why = "x.y", .calls_json = "[]", .result_json = "{}"};
    struct lt_trace_decision d = {.route = "local", .why = "x.y"};
    put(s, NULL, T0, t);
    MUST_FAIL(LT_ERR_INVALID, "is accepted and cannot become answered",
              lt_store_trace_answered(s, t, &a, &diag));
    MUST_FAIL(LT_ERR_INVALID, "is accepted and cannot become executed",
              lt_store_trace_executed(s, t, NULL, T0, &diag));
    decide(s, t);
    MUST_FAIL(LT_ERR_INVALID, "is decided and cannot become decided",
              lt_store_trace_decided(s, t, &d, &diag));
    answer(s, t, "local", 1);
    MUST_FAIL(LT_ERR_INVALID, "is answered and cannot become refused",
              lt_store_trace_refused(s, t, "a.b", "no", NULL, &diag));
    MUST(lt_store_trace_executed(s, t, NULL, T0, &diag));
    MUST_FAIL(LT_ERR_INVALID, "is executed and cannot become executed",
              lt_store_trace_executed(s, t, NULL, T0, &diag));
    MUST_FAIL(LT_ERR_INVALID, "is executed and cannot become failed",
              lt_store_trace_failed(s, t, "a.b", "no", NULL, &diag));
    put(s, NULL, T0, u);
    MUST(lt_store_trace_refused(s, u, "request.invalid", "/text: is required", "{}", &diag));
    MUST_FAIL(LT_ERR_INVALID, "is refused and cannot become decided",
              lt_store_trace_decided(s, u, &d, &diag));
    put(s, NULL, T0, v);
    decide(s, v);
    answer(s, v, "local", 1);
    MUST(lt_store_trace_failed(s, v, "store.failed", "publish failed", NULL, &diag));
    /* the published result stays beside the failure */
    char *result = NULL;
    MUST(lt_store_trace_result(s, v, &result, &diag));
    assert_non_null(result);
    free(result);
    MUST_FAIL(LT_ERR_NOTFOUND, "no trace 01ARZ",
              lt_store_trace_decided(s, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &d, &diag));
    struct lt_label l = {.source = "user"};
    MUST_FAIL(LT_ERR_NOTFOUND, "no trace X", lt_store_label_add(s, "X", &l, &diag));
    l.source = "rumour";
    MUST_FAIL(LT_ERR_INVALID, "CHECK", lt_store_label_add(s, t, &l, &diag));
    MUST_FAIL(LT_ERR_INVALID, "site and a source",
              accept_at(s, NULL, NULL, "x", T0, t, &(int){0}, &diag));
    lt_store_close(s);
}

static void test_accept__same_id__first_within_the_window(void **state)
{
    struct place *p = *state;
    struct lt_store *s =
        open_with(p->db, (struct lt_store_options){.dedupe_window_ms = 5 * MINUTE});
    char first[LT_ULID_CAP], again[LT_ULID_CAP], other[LT_ULID_CAP];
    int duplicate = 0;
    put(s, "r1", T0, first);
    MUST(accept_at(s, "home", "r1", "something else", T0 + 5 * MINUTE, again, &duplicate, &diag));
    assert_true(duplicate);
    assert_string_equal(first, again);
    char *result = "unset";
    MUST(lt_store_trace_result(s, again, &result, &diag));
    assert_null(result); /* being answered */
    assert_int_equal(count(s, (struct lt_trace_filter){0}), 1);
    MUST(accept_at(s, "cabin", "r1", "x", T0, other, &duplicate, &diag));
    assert_false(duplicate); /* another site */
    MUST(accept_at(s, "home", "r1", "x", T0 + 5 * MINUTE + 1, other, &duplicate, &diag));
    assert_false(duplicate); /* past the window */
    MUST(accept_at(s, "home", NULL, "x", T0, other, &duplicate, &diag));
    MUST(accept_at(s, "home", NULL, "x", T0, other, &duplicate, &diag));
    assert_false(duplicate); /* no id, no twins */
    MUST(lt_store_trace_find(s, "home", "r1", T0, other, &diag));
    assert_string_not_equal(other, first); /* the newest */
    MUST_FAIL(LT_ERR_NOTFOUND, "r2", lt_store_trace_find(s, "home", "r2", 0, other, &diag));
    char long_id[LT_STORE_REQUEST_ID_MAX + 2];
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    MUST_FAIL(LT_ERR_INVALID, "/id",
              accept_at(s, "home", long_id, "x", T0, other, &duplicate, &diag));
    lt_store_close(s);
}

static void test_accept__text_modes__only_what_is_allowed_is_written(void **state)
{
    struct place *p = *state;
    static const char secret[] = "call 555 123 4567 for jo@example.org";
    static const struct {
        enum lt_text_mode mode;
        const char *text;
    } rows[] = {{LT_TEXT_REDACT, "call <number> for <email>"}, {LT_TEXT_NONE, "(null)"}};
    for (size_t i = 0; i < 2; i++) {
        struct lt_store *s = open_with(p->db, (struct lt_store_options){.text_mode = rows[i].mode});
        char t[LT_ULID_CAP];
        MUST(accept_at(s, "home", NULL, secret, T0 + (int64_t)i, t, &(int){0}, &diag));
        struct lt_trace_decision d = {
            .route = "local",
            .why = "gate.accepted",
            .calls_json = "[{\"name\":\"Call\",\"arguments\":{\"to\":\"555 123 4567\"}}]"};
        MUST(lt_store_trace_decided(s, t, &d, &diag));
        struct listed l = {0};
        MUST(lt_store_trace_list(s, &(struct lt_trace_filter){.trace = t}, collect, &l, &diag));
        assert_string_equal(l.text, rows[i].text);
        lt_store_close(s);
    }
    /* not in any page of the file, not in its log */
    static const char *const suffixes[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", p->db, suffixes[i]);
        FILE *f = fopen(path, "rb");
        if (!f) continue;
        static char bytes[1 << 20];
        size_t n = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        assert_null(memmem(bytes, n, "123 4567", 8));
        assert_null(memmem(bytes, n, "jo@example", 10));
    }
}

static void test_accept__text_is_no_utf8__stored_as_valid_text(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[LT_ULID_CAP];
    MUST(accept_at(s, "nowhere", NULL,
                   "a\xFF"
                   "b",
                   T0, t, &(int){0}, &diag));
    MUST(lt_store_trace_refused(s, t, "request.invalid", "/text: is not UTF-8", "{}", &diag));
    struct listed l = {0};
    MUST(lt_store_trace_list(s, &(struct lt_trace_filter){.state = "refused"}, collect, &l, &diag));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.text, "a\xEF\xBF\xBD"
                                "b");
    lt_store_close(s);
}

/* ---- groups ---- */

static void test_group__one_bad_write__others_stand(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db), *reader;
    char a[LT_ULID_CAP], b[LT_ULID_CAP];
    MUST(lt_store_begin(s, 1, &diag));
    MUST_FAIL(LT_ERR_INVALID, "open already", lt_store_begin(s, 1, &diag));
    put(s, "a", T0, a);
    /* a catalogue that is not stored: the foreign key refuses this one alone */
    MUST_FAIL(LT_ERR_INVALID, "FOREIGN KEY", lt_store_site_put(s, "home", "none", T0, &diag));
    put(s, "b", T0, b);
    /* a reader sees nothing before the commit, all after */
    reader = open_with(p->db, (struct lt_store_options){.is_readonly = 1});
    assert_int_equal(count(reader, (struct lt_trace_filter){0}), 0);
    MUST(lt_store_commit(s, &diag));
    assert_int_equal(count(reader, (struct lt_trace_filter){0}), 2);
    MUST_FAIL(LT_ERR_INVALID, "no group", lt_store_commit(s, &diag));
    MUST(lt_store_begin(s, 0, &diag));
    decide(s, a);
    lt_store_rollback(s);
    assert_int_equal(count(s, (struct lt_trace_filter){.state = "decided"}), 0);
    lt_store_close(reader);
    lt_store_close(s);
}

static void test_group__readers_meanwhile__never_blocked(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    struct lt_store *reader =
        open_with(p->db, (struct lt_store_options){.is_readonly = 1, .busy_timeout_ms = 1});
    char t[LT_ULID_CAP];
    for (int group = 0; group < 20; group++) {
        MUST(lt_store_begin(s, 1, &diag));
        for (int i = 0; i < 25; i++) put(s, NULL, T0 + group, t);
        assert_int_equal(count(reader, (struct lt_trace_filter){0}), group * 25);
        MUST(lt_store_commit(s, &diag));
    }
    MUST_FAIL(LT_ERR_IO, "read-only",
              accept_at(reader, "home", NULL, "x", T0, t, &(int){0}, &diag));
    /* a second writer is told, not left hanging */
    struct lt_store *rival = open_with(p->db, (struct lt_store_options){.busy_timeout_ms = 50});
    MUST(lt_store_begin(s, 0, &diag));
    MUST_FAIL(LT_ERR_BUSY, "locked", accept_at(rival, "home", NULL, "x", T0, t, &(int){0}, &diag));
    lt_store_rollback(s);
    MUST(accept_at(rival, "home", NULL, "x", T0, t, &(int){0}, &diag));
    lt_store_close(rival);
    lt_store_close(reader);
    lt_store_close(s);
}

/* ---- faults ---- */

/* A child that dies without closing: what was committed is there, what was not is not. */
static void test_crash__killed_in_mid_group__committed_part_survives(void **state)
{
    struct place *p = *state;
    char trace[LT_ULID_CAP];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct lt_store_options o = {.path = p->db};
        struct lt_store *s = NULL;
        char t[LT_ULID_CAP], u[LT_ULID_CAP];
        int duplicate;
        if (lt_store_open(&o, &s, NULL) || lt_store_begin(s, 1, NULL) ||
            accept_at(s, "home", "kept", "x", T0, t, &duplicate, NULL) ||
            lt_store_commit(s, NULL) || lt_store_begin(s, 1, NULL) ||
            accept_at(s, "home", "lost", "x", T0, u, &duplicate, NULL) ||
            write(fds[1], t, sizeof t) != (ssize_t)sizeof t)
            _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(fds[0], trace, sizeof trace), sizeof trace);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(fds[0]);
    close(fds[1]);

    struct lt_store *s = open_store(p->db);
    MUST(lt_store_check(s, &diag));
    struct listed l = {0};
    MUST(lt_store_trace_list(s, &(struct lt_trace_filter){.is_unfinished = 1}, collect, &l, &diag));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.traces[0], trace);
    assert_string_equal(l.state, "accepted");
    char found[LT_ULID_CAP];
    MUST_FAIL(LT_ERR_NOTFOUND, "lost", lt_store_trace_find(s, "home", "lost", 0, found, &diag));
    lt_store_close(s);
}

static void test_full_disk__group_fails_whole_and_store_lives_on(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_with(p->db, (struct lt_store_options){.max_bytes = 400 * 1024});
    static char text[8000];
    memset(text, 'x', sizeof text - 1);
    char t[LT_ULID_CAP];
    int64_t n_committed = 0;
    enum lt_err err = LT_OK, commit = LT_OK;
    struct lt_diag full = {0};
    for (int group = 0; group < 100 && !err && !commit; group++) {
        MUST(lt_store_begin(s, 1, &diag));
        for (int i = 0; i < 5 && !err; i++)
            err = accept_at(s, "home", NULL, text, T0 + group, t, &(int){0}, &full);
        commit = lt_store_commit(s, NULL);
        if (!commit) n_committed += 5;
    }
    assert_int_equal(err, LT_ERR_IO);
    assert_non_null(strstr(full.text, "no room for more"));
    assert_non_null(strstr(full.text, p->db));
    /* the transaction may survive the one refused write; then the others of its group stand */
    int64_t n = count(s, (struct lt_trace_filter){0});
    assert_true(n >= n_committed - 5 && n <= n_committed && n > 20);
    MUST(lt_store_check(s, &diag));
    /* room is made: it works again */
    MUST(lt_store_prune(s, &(struct lt_prune){.older_than_unix_ms = T0 + DAY}, NULL, &diag));
    assert_int_equal(count(s, (struct lt_trace_filter){0}), n); /* accepted ones are not pruned */
    MUST(lt_store_site_erase(s, "home", &diag));
    MUST(accept_at(s, "home", NULL, text, T0, t, &(int){0}, &diag));
    lt_store_close(s);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void test_open__foreign_damaged_or_absent__clear_error(void **state)
{
    struct place *p = *state;
    struct lt_store *s = NULL;
    struct lt_store_options o = {.path = p->db};
    /* no database at all */
    static const char noise[] =
        "this is a shopping list, not a database; it is long enough to be one";
    write_file(p->db, noise, sizeof noise);
    MUST_FAIL(LT_ERR_PARSE, p->db, lt_store_open(&o, &s, &diag));
    FILE *f = fopen(p->db, "rb");
    char back[sizeof noise];
    assert_int_equal(fread(back, 1, sizeof back, f), sizeof back);
    fclose(f);
    assert_memory_equal(back, noise, sizeof noise); /* untouched */
    unlink(p->db);
    /* another program's */
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    MUST_FAIL(LT_ERR_PARSE, "another program", lt_store_open(&o, &s, &diag));
    unlink(p->db);
    /* from the future */
    lt_store_close(open_store(p->db));
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    MUST_FAIL(LT_ERR_UNSUPPORTED, "version 999", lt_store_open(&o, &s, &diag));
    unlink(p->db);
    /* absent */
    o.is_readonly = 1;
    MUST_FAIL(LT_ERR_NOTFOUND, p->db, lt_store_open(&o, &s, &diag));
    o = (struct lt_store_options){.path = p->db, .is_existing = 1};
    MUST_FAIL(LT_ERR_NOTFOUND, "no database there", lt_store_open(&o, &s, &diag));
    assert_int_equal(access(p->db, F_OK), -1); /* and it was not made */
    o = (struct lt_store_options){.path = "/nonexistent/lintel.db"};
    MUST_FAIL(LT_ERR_IO, "folder", lt_store_open(&o, &s, &diag));
    assert_null(s);
}

/* No room for a file beside the database, its shared memory, is no failure of the disk. */
static void test_open__no_room_beside_it__says_so(void **state)
{
    struct place *p = *state;
    struct lt_store *s = NULL;
    struct lt_diag diag = {0};
    struct lt_store_options o = {.path = p->db};
    struct rlimit before, small = {.rlim_cur = 16384};
    lt_store_close(open_store(p->db));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum lt_err err = lt_store_open(&o, &s, &diag);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(err, LT_ERR_IO);
    if (!strstr(diag.text, "no room for more")) fail_msg("'%s'", diag.text);
    lt_store_close(open_store(p->db)); /* nothing was harmed */
}

static void test_check__pages_overwritten__damage_is_found(void **state)
{
    struct place *p = *state;
    struct lt_store *s = open_store(p->db);
    char t[LT_ULID_CAP];
    MUST(lt_store_begin(s, 0, &diag));
    for (int i = 0; i < 2000; i++) put(s, NULL, T0 + i, t);
    MUST(lt_store_commit(s, &diag));
    lt_store_close(s); /* the last one out folds the log into the file */
    int fd = open(p->db, O_RDWR);
    static char junk[64 * 1024];
    memset(junk, 0xA5, sizeof junk);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size > 4 * (off_t)sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, st.st_size / 2), sizeof junk);
    close(fd);
    s = open_store(p->db);
    struct lt_diag found = {0};
    assert_int_equal(lt_store_check(s, &found), LT_ERR_PARSE);
    assert_non_null(strstr(found.text, "restore a copy"));
    lt_store_close(s);
}

static void test_open__folder_not_writable__says_so(void **state)
{
    struct place *p = *state;
    if (!geteuid()) { /* root may write anywhere: ask SQLite for a read-only handle instead */
        lt_store_close(open_store(p->db));
        struct lt_store *r = open_with(p->db, (struct lt_store_options){.is_readonly = 1});
        char t[LT_ULID_CAP];
        MUST_FAIL(LT_ERR_IO, "write access",
                  accept_at(r, "home", NULL, "x", T0, t, &(int){0}, &diag));
        MUST(lt_store_check(r, &diag));
        lt_store_close(r);
        return;
    }
    chmod(p->dir, 0500);
    struct lt_store *s = NULL;
    MUST_FAIL(LT_ERR_IO, p->db,
              lt_store_open(&(struct lt_store_options){.path = p->db}, &s, &diag));
}

/* ---- migrations ---- */

static char *read_sql(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/schema/sql/%s", SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 16);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

static void test_migrate__file_of_version_1__data_kept(void **state)
{
    struct place *p = *state;
    sqlite3 *db = NULL;
    char *sql = read_sql("0001_traces.sql");
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "PRAGMA application_id = 1280201804; PRAGMA user_version = 1;"
                     "INSERT INTO trace (id, site, source, state, received_unix_ms, text) VALUES "
                     "('01KG4000000000000000000000', 'home', 'mqtt', 'accepted', 1769688000000, "
                     "'old words');"
                     "INSERT INTO spend VALUES ('2026-01-29', 'home', 'claude', 1, 77, 1, 1);",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    free(sql);
    /* read-only never migrates */
    struct lt_store *s = NULL;
    MUST_FAIL(
        LT_ERR_UNSUPPORTED, "version 1",
        lt_store_open(&(struct lt_store_options){.path = p->db, .is_readonly = 1}, &s, &diag));
    s = open_store(p->db);
    assert_int_equal(lt_store_version(s), lt_store_version_known());
    assert_true(lt_store_version_known() >= 2);
    struct listed l = {0};
    MUST(lt_store_trace_list(s, &(struct lt_trace_filter){0}, collect, &l, &diag));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.text, "old words");
    int64_t spent = 0;
    MUST(lt_store_spend_sum(s, "home", LT_SPEND_DAY, T0, &spent, &diag));
    assert_true(spent == 77);
    struct lt_model m = {.name = "m", .path = "/m.gguf", .sha256 = "aa", .added_unix_ms = T0};
    MUST(lt_store_model_put(s, &m, &diag));
    lt_store_close(s);
    s = open_store(p->db); /* a second time nothing happens */
    assert_int_equal(count(s, (struct lt_trace_filter){0}), 1);
    lt_store_close(s);
}

static void test_migrate__step_fails__file_stays_as_it_was(void **state)
{
    struct place *p = *state;
    sqlite3 *db = NULL;
    char *sql = read_sql("0001_traces.sql");
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    /* a table in the way of step 2, after which its first statements have run */
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA application_id = 1280201804; PRAGMA user_version = 1;"
                                  "CREATE TABLE evaluation (x);",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    free(sql);
    struct lt_store *s = NULL;
    struct lt_diag found = {0};
    assert_true(lt_store_open(&(struct lt_store_options){.path = p->db}, &s, &found) != LT_OK);
    assert_non_null(strstr(found.text, "evaluation"));
    assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT (SELECT user_version FROM pragma_user_version), "
                                        "(SELECT count(*) FROM sqlite_schema WHERE name = 'model')",
                                        -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(st, 0), 1);
    assert_int_equal(sqlite3_column_int(st, 1), 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* Every table and column has its comment, and every table is STRICT. */
static void test_sql__every_column__documented(void **state)
{
    (void)state;
    static const char *const files[] = {"0001_traces.sql", "0002_models.sql"};
    for (size_t i = 0; i < 2; i++) {
        char *sql = read_sql(files[i]);
        int in_table = 0, n = 0;
        for (char *line = strtok(sql, "\n"); line; line = strtok(NULL, "\n")) {
            if (!strncmp(line, "CREATE TABLE", 12)) in_table = 1;
            if (in_table && line[0] == ')') {
                assert_non_null(strstr(line, "STRICT"));
                in_table = 0;
            }
            if (!in_table || strncmp(line, "    ", 4) || line[4] < 'a' || line[4] > 'z') continue;
            n++;
            if (!strstr(line, "-- ") && !strstr(line, "REFERENCES") && !strstr(line, "CHECK"))
                fail_msg("%s: no comment: %s", files[i], line);
        }
        assert_true(n > 10);
        free(sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_trace__whole_life__everything_is_kept),
        UNIT(test_trace__settled_at_once__is_the_row_of_decided_and_answered),
        UNIT(test_trace__failing_write_in_a_group__leaves_the_others),
        UNIT(test_trace__illegal_edge__refused_and_unchanged),
        UNIT(test_accept__same_id__first_within_the_window),
        UNIT(test_accept__text_modes__only_what_is_allowed_is_written),
        UNIT(test_accept__text_is_no_utf8__stored_as_valid_text),
        UNIT(test_group__one_bad_write__others_stand),
        UNIT(test_group__readers_meanwhile__never_blocked),
        UNIT(test_crash__killed_in_mid_group__committed_part_survives),
        UNIT(test_full_disk__group_fails_whole_and_store_lives_on),
        UNIT(test_open__foreign_damaged_or_absent__clear_error),
        UNIT(test_open__no_room_beside_it__says_so),
        UNIT(test_check__pages_overwritten__damage_is_found),
        UNIT(test_open__folder_not_writable__says_so),
        UNIT(test_migrate__file_of_version_1__data_kept),
        UNIT(test_migrate__step_fails__file_stays_as_it_was),
        UNIT(test_sql__every_column__documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
