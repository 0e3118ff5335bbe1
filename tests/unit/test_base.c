/* test_base.c - the helpers everything stands on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lt/buf.h"
#include "lt/clock.h"
#include "lt/fold.h"
#include "lt/log.h"
#include "lt/secret.h"
#include "lt/sha256.h"
#include "lt/ulid.h"

static void test_err__every_code__has_name_and_text(void **state)
{
    (void)state;
    for (int e = LT_OK; e <= LT_ERR_INTERNAL; e++) {
        assert_true(strlen(lt_err_name((enum lt_err)e)) > 0);
        assert_true(strlen(lt_strerror((enum lt_err)e)) > 0);
    }
    assert_string_equal(lt_err_name(LT_ERR_NOMEM), "NOMEM");
    assert_string_equal(lt_err_name((enum lt_err)9999), "INTERNAL");
    assert_true(lt_err_is_retryable(LT_ERR_TIMEOUT));
    assert_false(lt_err_is_retryable(LT_ERR_INVALID));
}

static void test_err__second_failure__first_text_stays(void **state)
{
    (void)state;
    struct lt_diag d = {0};
    assert_int_equal(lt_fail(&d, LT_ERR_PARSE, "byte %d", 7), LT_ERR_PARSE);
    assert_int_equal(lt_fail(&d, LT_ERR_IO, "outer"), LT_ERR_IO);
    assert_int_equal(d.code, LT_ERR_PARSE);
    assert_string_equal(lt_diag_text(&d, LT_ERR_IO), "byte 7");
    assert_int_equal(lt_fail(NULL, LT_ERR_IO, "nobody listens"), LT_ERR_IO);
    assert_string_equal(lt_diag_text(NULL, LT_ERR_IO), lt_strerror(LT_ERR_IO));
}

static void test_buf__over_cap__fails_and_keeps_content(void **state)
{
    (void)state;
    struct lt_buf b;
    lt_buf_init(&b, 8);
    assert_string_equal(lt_buf_str(&b), "");
    assert_int_equal(lt_buf_adds(&b, "12345"), LT_OK);
    assert_int_equal(lt_buf_adds(&b, "6789"), LT_ERR_LIMIT);
    assert_int_equal(lt_buf_add(&b, "x", (size_t)-1), LT_ERR_LIMIT);
    assert_string_equal(lt_buf_str(&b), "12345");
    assert_int_equal(lt_buf_addf(&b, "%d", 678), LT_OK);
    assert_string_equal(lt_buf_str(&b), "12345678");
    char *taken = lt_buf_take(&b);
    assert_string_equal(taken, "12345678");
    free(taken);
    assert_int_equal(b.n, 0);
    lt_buf_free(&b);
}

static void test_ulid__same_millisecond__rises_and_decodes(void **state)
{
    (void)state;
    struct lt_ulid_gen g;
    lt_ulid_init(&g);
    char before[LT_ULID_CAP] = "", now[LT_ULID_CAP];
    for (int i = 0; i < 5000; i++) {
        /* the clock stands, jumps ahead, and is set back */
        int64_t ms = 1700000000000 + (i % 100 == 99 ? 5 : i % 70 == 69 ? -9000 : 0);
        lt_ulid_next(&g, ms, now);
        assert_true(lt_ulid_is_valid(now));
        assert_true(strcmp(before, now) < 0);
        memcpy(before, now, sizeof now);
    }
    lt_ulid_init(&g);
    lt_ulid_next(&g, 1700000000123, now);
    assert_true(lt_ulid_unix_ms(now) == 1700000000123);
    struct lt_ulid_gen other;
    lt_ulid_init(&other);
    lt_ulid_next(&other, 1700000000123, before);
    assert_string_not_equal(before, now); /* random parts differ */
}

static void test_ulid__random_part_full__time_moves_on(void **state)
{
    (void)state;
    struct lt_ulid_gen g = {.last_unix_ms = 1000};
    memset(g.random, 0xff, sizeof g.random);
    char a[LT_ULID_CAP], b[LT_ULID_CAP];
    lt_ulid_next(&g, 1000, a);
    lt_ulid_next(&g, 1000, b);
    assert_true(lt_ulid_unix_ms(a) == 1001);
    assert_true(strcmp(a, b) < 0);
}

static void test_ulid__malformed__refused(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "0",
                         "81ARZ3NDEKTSV4RRFFQ69G5FAV",
                         "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
                         "01arz3ndektsv4rrffq69g5fav",
                         "01ARZ3NDEKTSV4RRFFQ69G5FIL"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(lt_ulid_is_valid(bad[i]));
        assert_true(lt_ulid_unix_ms(bad[i]) == -1);
    }
    assert_false(lt_ulid_is_valid(NULL));
    assert_true(lt_ulid_is_valid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
}

static void test_sha256__known_inputs__known_digests(void **state)
{
    (void)state;
    static const struct {
        const char *in, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[LT_SHA256_HEX_CAP];
    struct lt_sha256 c;
    for (size_t i = 0; i < 3; i++) {
        lt_sha256_init(&c);
        for (const char *p = rows[i].in; *p; p++) lt_sha256_add(&c, p, 1);
        lt_sha256_hex(&c, hex);
        assert_string_equal(hex, rows[i].hex);
    }
    lt_sha256_init(&c);
    char a[1000];
    memset(a, 'a', sizeof a);
    for (int i = 0; i < 1000; i++) lt_sha256_add(&c, a, sizeof a);
    lt_sha256_hex(&c, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* A child that has read a secret crashes, where a core would be allowed. */
static void test_secret__crash_after_reading__dumps_no_core(void **state)
{
    struct rlimit limit;
    int status = 0;
    (void)state;
    setenv("LT_TEST_SECRET", "from-env", 1);
    pid_t pid = fork();
    if (!pid) {
        struct lt_secret *s = NULL;
        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_CORE, &limit);
        signal(SIGABRT, SIG_DFL);
        if (lt_secret_read("env:LT_TEST_SECRET", &s, NULL)) _exit(1);
        getrlimit(RLIMIT_CORE, &limit);
        if (limit.rlim_cur > 1 || limit.rlim_max > 1) _exit(2);
#ifndef __SANITIZE_ADDRESS__
        if (prctl(PR_GET_DUMPABLE)) _exit(3);
#endif
        abort();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_false(WCOREDUMP(status));
}

static void test_secret__each_reference__value_or_clear_error(void **state)
{
    (void)state;
    char path[] = "/tmp/lintel-test-secret-XXXXXX", ref[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "from-file\n", 10), 10);
    close(fd);
    snprintf(ref, sizeof ref, "file:%s", path);
    setenv("LINTEL_TEST_SECRET", "from-env", 1);
    static const struct {
        const char *ref;
        enum lt_err err;
    } rows[] = {{"env:LINTEL_TEST_SECRET", LT_OK},
                {"env:LINTEL_TEST_UNSET", LT_ERR_NOTFOUND},
                {"file:/nonexistent/secret", LT_ERR_NOTFOUND},
                {"sk-plain-text-key", LT_ERR_INVALID}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lt_secret *s = NULL;
        struct lt_diag d = {0};
        assert_int_equal(lt_secret_read(rows[i].ref, &s, &d), rows[i].err);
        if (!rows[i].err) assert_string_equal(lt_secret_reveal(s), "from-env");
        if (rows[i].err) assert_true(strlen(d.text) > 0);
        lt_secret_free(s);
    }
    struct lt_secret *s = NULL;
    assert_int_equal(lt_secret_read(ref, &s, NULL), LT_OK);
    assert_string_equal(lt_secret_reveal(s), "from-file");
    lt_secret_free(s);
    lt_secret_free(NULL);
    unlink(path);
}

static void test_log__level_off__arguments_not_evaluated(void **state)
{
    (void)state;
    int n = 0;
    lt_log_set_level(LT_LOG_WARN);
    LT_LOG(DEBUG, "test.event", LF_INT("n", ++n));
    assert_int_equal(n, 0);
    assert_true(lt_log_is_on(LT_LOG_WARN));
    assert_false(lt_log_is_on(LT_LOG_INFO));
    assert_int_equal(lt_log_level_parse("trace"), LT_LOG_TRACE);
    assert_int_equal(lt_log_level_parse("loud"), -1);
    lt_log_set_level(LT_LOG_INFO);
}

static void test_log__hostile_value__one_quoted_line(void **state)
{
    (void)state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    LT_LOG(WARN, "test.event", LF_STR("name", "a\nb=\"c\""), LF_INT("n", -3), LF_STR("none", NULL));
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipe_fds[1]);
    char line[256];
    ssize_t n = read(pipe_fds[0], line, sizeof line - 1);
    close(pipe_fds[0]);
    assert_true(n > 0);
    line[n] = '\0';
    assert_string_equal(line, "<4>warn test.event name=\"a\\x0ab=\\\"c\\\"\" n=-3 none=\"\"\n");
}

static void test_clock__faked__stands_until_real(void **state)
{
    (void)state;
    lt_clock_fake(5, 7);
    assert_true(lt_now_us() == 5 && lt_now_unix_ms() == 7);
    lt_clock_real();
    assert_true(lt_now_unix_ms() > 1600000000000);
    lt_us a = lt_now_us();
    assert_true(lt_now_us() >= a);
    lt_clock_fake(5, 7); /* what a thread has used is no clock */
    for (a = lt_thread_us(); lt_thread_us() == a;) continue;
    assert_true(lt_thread_us() > a);
    lt_clock_real();
}

static void test_fold__every_spelling__one_form(void **state)
{
    static const char *const rows[][2] = {{"KÜCHE", "kuche"},
                                          {"Küche", "kuche"},
                                          {"Ku\xcc\x88"
                                           "che",
                                           "kuche"},
                                          {"Straße", "strasse"},
                                          {"CAFÉ", "cafe"},
                                          {"Łazienka", "lazienka"},
                                          {"Ærø", "aero"},
                                          {"Phòng Khách", "phong khach"},
                                          {"Κουζίνα", "κουζινα"},
                                          {"ΚΟΥΖΊΝΑ", "κουζινα"},
                                          {"Ёлка", "елка"},
                                          {"台所", "台所"},
                                          {"2×4", "2×4"},
                                          {"", ""}};
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = lt_fold(rows[i][0], strlen(rows[i][0]), out, sizeof out);
        assert_string_equal(out, rows[i][1]);
        assert_int_equal(n, strlen(rows[i][1]));
        assert_true(n <= strlen(rows[i][0]));
        assert_true(lt_fold_same(rows[i][0], rows[i][1]));
    }
    assert_false(lt_fold_same("Küche", "Kuchen"));
    assert_false(lt_fold_same("Küche", ""));
    assert_false(lt_fold_same(NULL, NULL));
}

static void test_fold__broken_text_or_little_room__no_half_letter(void **state)
{
    char out[8];
    (void)state;
    assert_int_equal(lt_fold("a\xc3", 2, out, sizeof out), 2); /* half a letter stays as it is */
    assert_int_equal(lt_fold("\xff\xfe\xe2\x82", 4, out, sizeof out), 4);
    assert_int_equal(lt_fold("aß", 3, out, 3), 1); /* "ss" does not fit */
    assert_string_equal(out, "a");
    assert_int_equal(lt_fold("台所", 6, out, 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err__every_code__has_name_and_text),
        cmocka_unit_test(test_err__second_failure__first_text_stays),
        cmocka_unit_test(test_buf__over_cap__fails_and_keeps_content),
        cmocka_unit_test(test_ulid__same_millisecond__rises_and_decodes),
        cmocka_unit_test(test_ulid__random_part_full__time_moves_on),
        cmocka_unit_test(test_ulid__malformed__refused),
        cmocka_unit_test(test_sha256__known_inputs__known_digests),
        cmocka_unit_test(test_secret__crash_after_reading__dumps_no_core),
        cmocka_unit_test(test_secret__each_reference__value_or_clear_error),
        cmocka_unit_test(test_log__level_off__arguments_not_evaluated),
        cmocka_unit_test(test_log__hostile_value__one_quoted_line),
        cmocka_unit_test(test_fold__every_spelling__one_form),
        cmocka_unit_test(test_fold__broken_text_or_little_room__no_half_letter),
        cmocka_unit_test(test_clock__faked__stands_until_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
