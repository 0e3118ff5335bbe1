/* Erasing a site reaches into the files that its traces were exported to, or says which it could not reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "curate.h"
#include "exports.h"
#include "lt/catalog.h"

#define T0     INT64_C(1767571200000)
#define NOBODY 65534
#define CATALOG                                                                                    \
    "{\"tools\":[{\"name\":\"ring\",\"description\":\"Ring\",\"parameters\":{\"type\":\"object\"," \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}}}]}"
#define CALLS "[{\"name\":\"ring\",\"arguments\":{\"n\":1}}]"

struct bed {
    char folder[64], inner[96], db[96], file[128];
    struct lt_store *s;
};

static struct lt_diag diag;
static char said[4096]; /* "what path n; " of every file of the last purge */
static int n_failed;

static void ok(enum lt_err err)
{
    if (err) fail_msg("%s: %s", lt_strerror(err), diag.text);
}

static int setup(void **state)
{
    struct bed *b = calloc(1, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "/tmp/test_exports_XXXXXX");
    if (!mkdtemp(b->folder)) return -1;
    snprintf(b->inner, sizeof b->inner, "%s/out", b->folder);
    snprintf(b->db, sizeof b->db, "%s/lintel.db", b->folder);
    snprintf(b->file, sizeof b->file, "%s/week.jsonl", b->inner);
    struct lt_store_options o = {.path = b->db};
    ok(lt_store_open(&o, &b->s, &diag));
    *state = b;
    return mkdir(b->inner, 0755);
}

static int teardown(void **state)
{
    struct bed *b = *state;
    char path[200];
    const char *const names[] = {"lintel.db", "lintel.db-wal",       "lintel.db-shm",
                                 "moved",     "out/week.jsonl.part", "out/week.jsonl",
                                 "out"};
    lt_store_close(b->s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", b->folder, names[i]);
        if (unlink(path)) (void)!rmdir(path);
    }
    int status = rmdir(b->folder);
    free(b);
    return status;
}

/* A trace of `site` with a label that teaches. */
static void add(struct bed *b, const char *site, const char *text)
{
    int is_duplicate;
    char trace[LT_ULID_CAP], hash[LT_SHA256_HEX_CAP];
    struct lt_docs *docs = NULL;
    struct lt_catalog *c = NULL;
    ok(lt_docs_open(&docs, &diag));
    ok(lt_catalog_parse(docs, CATALOG, strlen(CATALOG), &c, &diag));
    snprintf(hash, sizeof hash, "%s", lt_catalog_hash(c));
    ok(lt_store_catalog_put(b->s, hash, lt_catalog_text(c), T0, &diag));
    lt_catalog_unref(c);
    lt_docs_close(docs);
    struct lt_trace_new t = {.site = site,
                             .source = "mqtt",
                             .text = text,
                             .text_len = strlen(text),
                             .catalog_hash = hash,
                             .received_unix_ms = T0};
    struct lt_trace_decision d = {.route = "local", .why = "gate.accepted", .calls_json = CALLS};
    struct lt_trace_answer a = {
        .route = "local", .why = "gate.accepted", .calls_json = CALLS, .result_json = "{}"};
    struct lt_label l = {.source = "user", .is_correct = 1, .now_unix_ms = T0};
    ok(lt_store_trace_accept(b->s, &t, trace, &is_duplicate, &diag));
    ok(lt_store_trace_decided(b->s, trace, &d, &diag));
    ok(lt_store_trace_answered(b->s, trace, &a, &diag));
    ok(lt_store_trace_executed(b->s, trace, NULL, T0, &diag));
    ok(lt_store_label_add(b->s, trace, &l, &diag));
}

/* As `lintel traces export` does it. */
static void export_to(struct bed *b, const char *path, const char *mode)
{
    struct lt_curate c = {0};
    char *to = NULL;
    FILE *f = path ? fopen(path, mode) : popen("cat > /dev/null", "w");
    assert_non_null(f);
    c.is_noted = lt_exports_place_of(f, &to, &c.is_appended);
    assert_true(c.is_noted);
    c.to_path = to;
    ok(lt_curate_export(b->s, &c, f, &diag));
    assert_int_equal(path ? fclose(f) : pclose(f), 0);
    free(to);
}

static void hear(const struct lt_exports_said *x)
{
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s %lld;", x->what, (long long)x->n);
}

/* Take the lines of a site (NULL: of what was pruned) out of the files; what was said of them. */
static const char *purge(struct bed *b, const char *site)
{
    said[0] = '\0';
    ok(lt_exports_purge(b->s, site ? LT_EXPORT_OF_SITE : LT_EXPORT_OF_REMOVED, site, hear,
                        &n_failed, &diag));
    return said;
}

static int count_one(const struct lt_export_row *row, void *user)
{
    *(int64_t *)user += row->n_traces;
    return 0;
}

/* Lines that the index knows of, in all files. */
static int64_t n_noted(struct bed *b)
{
    int64_t n = 0;
    ok(lt_store_export_list(b->s, LT_EXPORT_OF_ALL, NULL, count_one, &n, &diag));
    return n;
}

static const char *text_of(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static int n_lines(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

static void fill(struct bed *b)
{
    add(b, "cabin", "zebra one");
    add(b, "cabin", "zebra two");
    add(b, "home", "heron");
}

static void test_erase__exported_file__lines_of_the_site_go_others_stay(void **state)
{
    struct bed *b = *state;
    fill(b);
    export_to(b, b->file, "w");
    assert_int_equal(chmod(b->file, 0640), 0);
    FILE *f = fopen(b->file, "a");
    fputs("{\"id\":\"mine\",\"query\":\"added by hand\"}\nno json at all\n", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n_lines(text_of(b->file)), 5);
    assert_true(n_noted(b) == 3);
    ok(lt_store_site_erase(b->s, "cabin", &diag));
    assert_true(n_noted(b) == 3); /* until the file is rewritten */
    assert_string_equal(purge(b, "cabin"), "rewritten 2;");
    const char *text = text_of(b->file);
    assert_null(strstr(text, "zebra"));
    assert_non_null(strstr(text, "heron"));
    assert_non_null(strstr(text, "added by hand"));
    assert_non_null(strstr(text, "no json at all"));
    assert_int_equal(n_lines(text), 3);
    struct stat st;
    assert_int_equal(stat(b->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_true(n_noted(b) == 1);
    assert_string_equal(purge(b, "cabin"), "");
    ok(lt_store_site_erase(b->s, "home", &diag));
    assert_string_equal(purge(b, "home"), "rewritten 1;");
    assert_int_equal(n_lines(text_of(b->file)), 2);
    assert_true(n_noted(b) == 0);
}

/* The old bytes are overwritten, but not those of another name that somebody gave them. */
static void test_erase__file_with_another_name__the_other_is_left_alone(void **state)
{
    struct bed *b = *state;
    char other[128];
    snprintf(other, sizeof other, "%s/moved", b->folder);
    fill(b);
    export_to(b, b->file, "w");
    FILE *open_before = fopen(b->file, "r"); /* still sees the old file, which has no name then */
    assert_non_null(open_before);
    ok(lt_store_site_erase(b->s, "cabin", &diag));
    assert_string_equal(purge(b, "cabin"), "rewritten 2;");
    char bytes[4096];
    size_t n = fread(bytes, 1, sizeof bytes, open_before);
    fclose(open_before);
    assert_true(n > 100);
    for (size_t i = 0; i < n; i++) assert_int_equal(bytes[i], 0);
    assert_int_equal(link(b->file, other), 0);
    ok(lt_store_site_erase(b->s, "home", &diag));
    assert_string_equal(purge(b, "home"), "rewritten 1;");
    assert_string_equal(text_of(b->file), "");
    assert_non_null(strstr(text_of(other), "heron"));
}

static void test_erase__moved_file__said_and_its_lines_are_not_taken_back(void **state)
{
    struct bed *b = *state;
    char moved[128];
    struct lt_curate_import c = {.site = "garage"};
    snprintf(moved, sizeof moved, "%s/moved", b->folder);
    fill(b);
    export_to(b, b->file, "w");
    assert_int_equal(rename(b->file, moved), 0);
    ok(lt_store_site_erase(b->s, "cabin", &diag));
    assert_string_equal(purge(b, "cabin"), "gone 2;");
    assert_int_equal(n_failed, 0);
    assert_true(n_noted(b) == 1);
    assert_int_equal(n_lines(text_of(moved)), 3);
    ok(lt_curate_import(b->s, moved, &c, &diag));
    assert_true(c.n_refused == 2 && c.n_taken == 1);
}

static void test_erase__file_cannot_be_rewritten__said_and_done_the_next_time(void **state)
{
    struct bed *b = *state;
    fill(b);
    export_to(b, b->file, "w");
    ok(lt_store_site_erase(b->s, "cabin", &diag));
    /* nobody may make a file in the folder; root may, so it is somebody else for a moment */
    int is_root = !geteuid();
    assert_int_equal(chmod(b->inner, 0555), 0);
    int is_kept_out = !is_root || !seteuid(NOBODY); /* not every container knows another user */
    if (is_kept_out) purge(b, "cabin");
    if (is_root && is_kept_out) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(b->inner, 0755), 0);
    if (is_kept_out) {
        assert_string_equal(said, "failed 2;");
        assert_int_equal(n_failed, 1);
    }
    assert_int_equal(n_lines(text_of(b->file)), 3);
    assert_true(n_noted(b) == 3);
    assert_string_equal(purge(b, "cabin"), "rewritten 2;");
    assert_int_equal(n_failed, 0);
    /* something else stands in its place */
    assert_int_equal(unlink(b->file), 0);
    assert_int_equal(mkdir(b->file, 0755), 0);
    ok(lt_store_site_erase(b->s, "home", &diag));
    assert_string_equal(purge(b, "home"), "failed 1;");
    assert_int_equal(rmdir(b->file), 0);
    assert_string_equal(purge(b, "home"), "gone 1;");
    assert_true(n_noted(b) == 0);
}

static void test_erase__pipe_appended_and_half_written__each_in_its_way(void **state)
{
    struct bed *b = *state;
    char part[140];
    snprintf(part, sizeof part, "%s" LT_EXPORTS_PART, b->file);
    add(b, "cabin", "zebra one");
    export_to(b, NULL, NULL);
    export_to(b, b->file, "w");
    add(b, "home", "heron");
    export_to(b, b->file, "a");                 /* zebra twice, heron once */
    assert_int_equal(rename(b->file, part), 0); /* as a run leaves it that was killed */
    ok(lt_store_site_erase(b->s, "cabin", &diag));
    assert_string_equal(purge(b, "cabin"), "pipe 1;rewritten 2;");
    const char *text = text_of(part);
    assert_null(strstr(text, "zebra"));
    assert_int_equal(n_lines(text), 1);
    export_to(b, b->file, "w"); /* a new file at the same place: the old one is forgotten */
    assert_true(n_noted(b) == 1);
}

static void test_prune__exports_too__only_what_is_in_the_store_stays(void **state)
{
    struct bed *b = *state;
    struct lt_prune all = {.older_than_unix_ms = T0 + 1};
    fill(b);
    export_to(b, b->file, "w");
    assert_string_equal(purge(b, NULL), "");
    ok(lt_store_prune(b->s, &all, NULL, &diag));
    assert_int_equal(n_lines(text_of(b->file)), 3); /* an export outlives its traces */
    assert_string_equal(purge(b, NULL), "rewritten 3;");
    assert_string_equal(text_of(b->file), "");
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_erase__exported_file__lines_of_the_site_go_others_stay),
        UNIT(test_erase__file_with_another_name__the_other_is_left_alone),
        UNIT(test_erase__moved_file__said_and_its_lines_are_not_taken_back),
        UNIT(test_erase__file_cannot_be_rewritten__said_and_done_the_next_time),
        UNIT(test_erase__pipe_appended_and_half_written__each_in_its_way),
        UNIT(test_prune__exports_too__only_what_is_in_the_store_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
