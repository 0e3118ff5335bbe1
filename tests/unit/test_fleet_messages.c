/* Messages of a fleet as they come from outside: traces at a collector, networks at a hub. The way over a
 * broker is tests/integration/test_fleet.c. */
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

#include "fleet.h"
#include "sign.h"

#define NETWORK SOURCE_DIR "/engine/models/lintel-home-7.gguf"
#define ID      "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define TOOLS                                                                                      \
    "[{\"name\":\"ring\",\"description\":\"Ring\",\"parameters\":{\"type\":\"object\","            \
    "\"properties\":{\"n\":{\"type\":\"integer\",\"maximum\":20}},\"required\":[\"n\"]}}]"
#define LINE(id, source, answers)                                                                  \
    "{\"id\":\"" id "\",\"source\":\"" source "\",\"query\":\"ring it\",\"tools\":" TOOLS          \
    ",\"answers\":" answers "}"
#define RING(n) "[{\"name\":\"ring\",\"arguments\":{\"n\":" #n "}}]"

struct bed {
    char folder[64], db[96], net[96], key[96], pub[112], file[96];
    struct lt_store *s;
    struct lt_docs *docs;
    char *message; /* of the shipped network, signed with key; NULL: built without libcrypto */
    size_t n;
};

static struct lt_diag diag;

static void ok(enum lt_err err)
{
    if (err) fail_msg("%s: %s", lt_strerror(err), diag.text);
}

static void copy_file(const char *from, const char *to)
{
    static char chunk[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, in)) > 0;)
        assert_int_equal(fwrite(chunk, 1, n, out), n);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state)
{
    struct bed *b = *state = calloc(1, sizeof *b);
    assert_non_null(b);
    snprintf(b->folder, sizeof b->folder, "/tmp/test_fleet_XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->db, sizeof b->db, "%s/db", b->folder);
    snprintf(b->net, sizeof b->net, "%s/net", b->folder);
    snprintf(b->key, sizeof b->key, "%s/key", b->folder);
    snprintf(b->pub, sizeof b->pub, "%s.pub", b->key);
    snprintf(b->file, sizeof b->file, "%s/file", b->folder);
    struct lt_store_options o = {.path = b->db};
    ok(lt_docs_open(&b->docs, &diag));
    ok(lt_store_open(&o, &b->s, &diag));
    enum lt_err err = lt_sign_keygen(b->key, &diag);
    if (err == LT_ERR_UNSUPPORTED) return 0;
    ok(err);
    copy_file(NETWORK, b->file);
    ok(lt_fleet_pack(b->file, b->key, &b->message, &b->n, &diag));
    return 0;
}

static int teardown(void **state)
{
    struct bed *b = *state;
    static const char *const names[] = {"db",      "db-wal", "db-shm",  "key",
                                        "key.pub", "file",   "file.sig"};
    char path[128];
    lt_store_close(b->s);
    lt_docs_close(b->docs);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", b->folder, names[i]);
        unlink(path);
    }
    rmdir(b->net);
    assert_int_equal(rmdir(b->folder), 0); /* nothing else was left */
    free(b->message);
    free(b);
    return 0;
}

/* ---- traces ---- */

static enum lt_err take(struct bed *b, const char *text, int *is_known)
{
    diag = (struct lt_diag){0};
    return lt_fleet_take(b->s, b->docs, "north", text, strlen(text), is_known, &diag);
}

static int count(const struct lt_trace_row *r, void *user)
{
    int *n = user;
    assert_string_equal(r->site, "north");
    ++*n;
    return 0;
}

static int n_traces(struct bed *b)
{
    struct lt_trace_filter all = {0};
    int n = 0;
    ok(lt_store_trace_list(b->s, &all, count, &n, &diag));
    return n;
}

static void test_take__bad_messages__refused_with_the_reason_and_nothing_stored(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", ""},
        {"nonsense", ""},
        {"[]", ""},
        {LINE("x", "trace.user", "[]"), "/id: no id of a trace"},
        {LINE(ID "A", "trace.user", "[]"), "/id: no id of a trace"},
        {LINE(ID, "trace.silence", "[]"), "/source: no source of a label"},
        {LINE(ID, "user", "[]"), "/source: no source of a label"},
        {LINE(ID, "trace.user", RING(21)), "/0/arguments/n"},
        {LINE(ID, "trace.user", "[{\"name\":\"dance\",\"arguments\":{}}]"), "dance"},
        {LINE(ID, "trace.user", "\"[]\""), "must be spelt out"},
    };
    struct bed *b = *state;
    int is_known;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum lt_err err = take(b, bad[i].text, &is_known);
        if (err != LT_ERR_PARSE && err != LT_ERR_INVALID && err != LT_ERR_LIMIT)
            fail_msg("%s: %s", bad[i].text, lt_err_name(err));
        if (!strstr(lt_diag_text(&diag, err), bad[i].why))
            fail_msg("'%s', not '%s'", diag.text, bad[i].why);
    }
    assert_int_equal(n_traces(b), 0);
}

static void test_take__longer_than_the_limit__refused(void **state)
{
    struct bed *b = *state;
    int is_known;
    char *text = malloc(LT_FLEET_TRACE_MAX + 2);
    assert_non_null(text);
    memset(text, ' ', LT_FLEET_TRACE_MAX + 1);
    text[LT_FLEET_TRACE_MAX + 1] = '\0';
    memcpy(text, LINE(ID, "trace.user", "[]"), strlen(LINE(ID, "trace.user", "[]")));
    assert_int_equal(take(b, text, &is_known), LT_ERR_LIMIT);
    text[LT_FLEET_TRACE_MAX] = '\0'; /* exactly the limit */
    ok(take(b, text, &is_known));
    free(text);
    assert_int_equal(n_traces(b), 1);
}

static int has_three(const struct lt_trace_row *r, void *user)
{
    (void)user;
    assert_string_equal(r->label_source, "user");
    assert_non_null(strstr(r->label_calls_json, "\"n\":3"));
    return 0;
}

static void test_take__same_trace_again__known_and_its_label_replaced(void **state)
{
    struct bed *b = *state;
    int is_known = -1;
    ok(take(b, LINE(ID, "trace.user", RING(2)), &is_known));
    assert_int_equal(is_known, 0);
    ok(take(b, LINE(ID, "trace.user", RING(3)), &is_known));
    assert_int_equal(is_known, 1);
    assert_int_equal(n_traces(b), 1);
    struct lt_trace_filter all = {0};
    ok(lt_store_trace_list(b->s, &all, has_three, NULL, &diag));
}

/* ---- networks ---- */

static enum lt_err unpack(struct bed *b, const char *m, size_t n, char path[200])
{
    diag = (struct lt_diag){0};
    return lt_fleet_unpack(m, n, b->pub, NETWORK, b->net, path, 200, &diag);
}

static void refused(struct bed *b, const char *m, size_t n, const char *why)
{
    char path[200];
    enum lt_err err = unpack(b, m, n, path);
    assert_int_not_equal(err, LT_OK);
    if (!strstr(lt_diag_text(&diag, err), why)) fail_msg("'%s', not '%s'", diag.text, why);
}

static void test_unpack__what_was_packed__the_same_file_under_its_hash(void **state)
{
    struct bed *b = *state;
    struct stat was, is;
    char path[200], hash[LT_SHA256_HEX_CAP];
    if (!b->message) return;
    ok(unpack(b, b->message, b->n, path));
    lt_fleet_hash(b->message, b->n, hash);
    assert_non_null(strstr(path, hash));
    assert_int_equal(stat(NETWORK, &was) | stat(path, &is), 0);
    assert_int_equal(was.st_size, is.st_size);
    assert_int_equal(unlink(path), 0); /* and teardown finds nothing beside it */
}

static void test_unpack__cut_at_any_place__refused_and_nothing_left(void **state)
{
    struct bed *b = *state;
    if (!b->message) return;
    size_t head = (size_t)((char *)memchr(b->message, '\n', b->n) - b->message) + 1;
    for (size_t n = 0; n < head; n++) refused(b, b->message, n, "first line");
    refused(b, b->message, head, "truncated");
    refused(b, b->message, b->n / 2, "truncated");
    refused(b, b->message, b->n - 1, "truncated");
}

static void test_unpack__one_bit_changed__refused_and_nothing_left(void **state)
{
    struct bed *b = *state;
    if (!b->message) return;
    size_t head = (size_t)((char *)memchr(b->message, '\n', b->n) - b->message) + 1;
    for (size_t i = head; i < b->n; i += b->n / 7) {
        b->message[i] ^= 1;
        refused(b, b->message, b->n, "its hash is not what is said");
        b->message[i] ^= 1;
    }
    char *sig = strstr(b->message, "\"signature\":\"") + strlen("\"signature\":\"");
    *sig = *sig == 'a' ? 'b' : 'a';
    refused(b, b->message, b->n, "not signed with the key");
}

static void test_unpack__heads_that_lie__refused(void **state)
{
    static const char sig[] = "\"signature\":\"";
    struct bed *b = *state;
    char m[2200], hex[LT_SHA256_HEX_CAP], path[200];
    struct lt_sha256 h;
    lt_sha256_init(&h);
    lt_sha256_add(&h, "x", 1);
    lt_sha256_hex(&h, hex);
    refused(b, "{}\nx", 4, "first line");
    refused(b, "{\"lintel\":\"network\"}\nx", 23, "not signed");
    snprintf(m, sizeof m, "{\"lintel\":\"network\",\"bytes\":1,\"sha256\":\"%s\",%s%0128d\"}\nx",
             hex, sig, 0);
    assert_int_not_equal(unpack(b, m, strlen(m), path), LT_OK); /* signed by nobody */
    snprintf(m, sizeof m, "{\"lintel\":\"network\",\"bytes\":-1,\"sha256\":\"%s\",%s%0128d\"}\nx",
             hex, sig, 0);
    refused(b, m, strlen(m), "truncated");
    snprintf(m, sizeof m,
             "{\"lintel\":\"network\",\"bytes\":1,\"sha256\":\"../../x\",%s%0128d\"}\nx", sig, 0);
    lt_fleet_hash(m, strlen(m), hex);
    assert_string_equal(hex, "");
    refused(b, m, strlen(m), "hash");
    snprintf(m, sizeof m, "{\"lintel\":\"network\",\"pad\":\"%01500d\"}\nx", 0);
    refused(b, m, strlen(m), "first line");
    refused(b, m, (size_t)LT_FLEET_NETWORK_MAX + 2000, "longer than");
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_take__bad_messages__refused_with_the_reason_and_nothing_stored),
        TEST(test_take__longer_than_the_limit__refused),
        TEST(test_take__same_trace_again__known_and_its_label_replaced),
        TEST(test_unpack__what_was_packed__the_same_file_under_its_hash),
        TEST(test_unpack__cut_at_any_place__refused_and_nothing_left),
        TEST(test_unpack__one_bit_changed__refused_and_nothing_left),
        TEST(test_unpack__heads_that_lie__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
