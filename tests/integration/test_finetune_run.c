/* `lintel finetune` as a person runs it, with a tiny network: it ends with a network beside the old
 * one; killed, or out of room on the disk, it leaves nothing half done and goes on when started again. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness.h"
#include "lt/sha256.h"

#define TREE SOURCE_DIR "/engine/data"
#define MIX  SOURCE_DIR "/engine/train/mix.json"
#define OUT  65536
#define TOOLS                                                                                      \
    "[{\"name\":\"bell_ring\",\"description\":\"Ring a "                                           \
    "bell\",\"parameters\":{\"type\":\"object\","                                                  \
    "\"properties\":{\"strokes\":{\"type\":\"integer\"}},\"required\":[\"strokes\"]}}]"

static char folder[] = "/tmp/test_finetune_XXXXXX";
static char vocab[64], network[64], fresh[64], copied[64], few[64], work[80], lines[64], db[64];
static char out[OUT], err[OUT];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(vocab, sizeof vocab, "%s/vocab.gguf", folder);
    snprintf(network, sizeof network, "%s/network.gguf", folder);
    snprintf(fresh, sizeof fresh, "%s/fresh.gguf", folder);
    snprintf(work, sizeof work, "%s/fresh.gguf.work", folder);
    snprintf(lines, sizeof lines, "%s/lines.jsonl", folder);
    snprintf(few, sizeof few, "%s/few.jsonl", folder);
    snprintf(copied, sizeof copied, "%s/copied.gguf", folder);
    snprintf(db, sizeof db, "%s/none.db", folder);
    FILE *f = fopen(lines, "w");
    for (int i = 1; f && i <= 60; i++)
        fprintf(
            f,
            "{\"id\":\"%d\",\"source\":\"t\",\"query\":\"ring the bell %d times\",\"tools\":" TOOLS
            ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":%d}}]}\n",
            i, i, i);
    if (!f || fclose(f)) return -1;
    return make_network(vocab, network);
}

static int teardown(void **state)
{
    (void)state;
    char path[80];
    const char *const files[] = {vocab, network, fresh, lines, db};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) unlink(files[i]);
    snprintf(path, sizeof path, "%s-wal", db);
    unlink(path);
    snprintf(path, sizeof path, "%s-shm", db);
    unlink(path);
    return rmdir(folder);
}

static int is_from_traces; /* learn from the database, not from the file of lines */

/* Start the run; `room` limits the size of every file it writes, 0 for none. */
static pid_t start(rlim_t room)
{
    pid_t pid = fork();
    if (pid) return pid;
    if (!freopen("/dev/null", "w", stderr) || !freopen(out, "w", stdout)) _exit(9);
    if (room) {
        struct rlimit limit = {room, room};
        signal(SIGXFSZ, SIG_IGN); /* then a write past it fails, as on a full disk */
        if (setrlimit(RLIMIT_FSIZE, &limit)) _exit(9);
    }
    const char *source = is_from_traces ? "--from-traces" : "--data";
    /* clang-format off */
    char *const args[] = {LINTEL_BIN, "finetune", "--db", db, "--model", network, "--out", fresh,
                          "--tree", TREE, "--mix", MIX, "--steps", "60", "--batch", "4",
                          "--fit", "200", "--keep", "10", "--nice", "0",
                          (char *)(uintptr_t)source, is_from_traces ? NULL : lines, NULL};
    /* clang-format on */
    execv(LINTEL_BIN, args);
    _exit(9);
}

static int wait_for(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs to the end; 0 or 1 by how the two compare, which chance decides for so small a network. */
static json_t *finish(void)
{
    snprintf(out, sizeof out, "%s/report.json", folder);
    int status = wait_for(start(0));
    assert_in_range(status, 0, 1);
    json_t *j = json_load_file(out, 0, NULL);
    assert_non_null(j);
    unlink(out);
    assert_int_equal(json_is_true(json_object_get(j, "better")), !status);
    assert_int_equal(access(fresh, R_OK), 0);
    assert_int_equal(access(work, F_OK), -1); /* nothing is left to resume */
    return j;
}

static long long size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long long)st.st_size;
}

/* The SHA-256 of the network that is started from: nothing may touch it. */
static void read_hash(char hex[LT_SHA256_HEX_CAP])
{
    struct lt_sha256 h;
    char chunk[65536];
    size_t n;
    FILE *f = fopen(network, "r");
    assert_non_null(f);
    lt_sha256_init(&h);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) lt_sha256_add(&h, chunk, n);
    fclose(f);
    lt_sha256_hex(&h, hex);
}

/* Is there a file in the work folder whose name ends so? Any file for "". */
static int has_work(const char *suffix)
{
    int found = 0;
    size_t n = strlen(suffix);
    DIR *d = opendir(work);
    for (const struct dirent *e; d && !found && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        found = e->d_name[0] != '.' && len >= n && !strcmp(e->d_name + len - n, suffix);
    }
    if (d) closedir(d);
    return found;
}

/* What is there is whole: the new network is absent, or one that opens. */
static void check_whole(const char *before)
{
    char now[LT_SHA256_HEX_CAP];
    read_hash(now);
    assert_string_equal(now, before);
    if (!access(fresh, F_OK))
        assert_int_equal(run_lintel(out, OUT, err, OUT, "quantize", "--model", fresh, "--out",
                                    copied, "--type", "f16", NULL),
                         0);
    unlink(copied);
}

/* Killed as soon as its first checkpoint, its learnt weights, the blended ones, or the new network appear. On a
 * machine that is so fast that the run is over by then, what it left is checked just so. */
static void
test_finetune__killed_at_each_stage__whole_files_only_and_the_next_run_ends(void **state)
{
    static const char *const stages[] = {"", ".state", ".trained", ".mixed.gguf", NULL};
    char before[LT_SHA256_HEX_CAP];
    (void)state;
    read_hash(before);
    snprintf(out, sizeof out, "%s/report.json", folder);
    for (int i = 0; i < 5; i++) {
        snprintf(out, sizeof out, "%s/report.json", folder);
        pid_t pid = start(0);
        int status = 0, is_over = 0;
        while (!is_over && !(stages[i] ? has_work(stages[i]) : !access(fresh, F_OK))) {
            is_over = waitpid(pid, &status, WNOHANG) == pid;
            sleep_ms(2);
        }
        if (!is_over) {
            kill(pid, SIGKILL);
            assert_int_equal(waitpid(pid, &status, 0), pid);
        }
        check_whole(before);
    }
    json_t *j = finish();
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "examples"), "lines")),
                     60);
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory and a shadow of all */
    assert_true(json_number_value(json_object_get(j, "peak_mb")) < 600);
#endif
    json_decref(j);
    check_whole(before);
    assert_int_equal(unlink(fresh), 0);
}

/* No room for the checkpoint, for the learnt weights, for the blended ones or for the new network: the sizes of
 * these grow in this order no further than the largest, so every limit stops the run somewhere else or not at
 * all; and once there is room, it ends. */
static void test_finetune__disk_full_at_each_stage__fails_and_goes_on_with_room(void **state)
{
    static const int percent[] = {1, 20, 60, 99};
    char before[LT_SHA256_HEX_CAP];
    long long largest = 0;
    int n_failed = 0;
    (void)state;
    read_hash(before);
    largest = 4 * size_of(network); /* a checkpoint has weights and two moments */
    for (size_t i = 0; i < sizeof percent / sizeof percent[0]; i++) {
        snprintf(out, sizeof out, "%s/report.json", folder);
        int status = wait_for(start((rlim_t)(largest * percent[i] / 100)));
        n_failed += status == 1 && access(fresh, F_OK);
        check_whole(before);
        unlink(fresh);
    }
    assert_true(n_failed >= 1);
    json_decref(finish());
    check_whole(before);
}

static void test_finetune__from_traces_and_killed__goes_on_with_the_same_lines(void **state)
{
    (void)state;
    char snapshot[96];
    snprintf(snapshot, sizeof snapshot, "%s.traces-0.jsonl", fresh);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "traces", "import", lines, "--site", "home",
                                "--db", db, NULL),
                     0);
    is_from_traces = 1;
    snprintf(out, sizeof out, "%s/report.json", folder);
    pid_t pid = start(0);
    int status = 0, is_over = 0;
    while (!is_over && !has_work(".state")) {
        is_over = waitpid(pid, &status, WNOHANG) == pid;
        sleep_ms(2);
    }
    if (!is_over) {
        /* stopped first, so that the file is looked at while the run is surely under way */
        kill(pid, SIGSTOP);
        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        is_over = !WIFSTOPPED(status);
    }
    if (!is_over) {
        struct stat st;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!stat(snapshot, &st)) { /* not when it ended between the checkpoint and the stop */
            assert_int_equal(st.st_mode & 0777, 0600);
            assert_int_equal(
                run_lintel(out, OUT, err, OUT, "traces", "exports", "--json", "--db", db, NULL), 0);
            assert_non_null(strstr(out, ".traces-0.jsonl"));
            /* a trace that comes now is for the next time */
            FILE *f = fopen(few, "w");
            fputs("{\"id\":\"x\",\"source\":\"t\",\"query\":\"one more please\",\"tools\":" TOOLS
                  ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":1}}]}\n",
                  f);
            assert_int_equal(fclose(f), 0);
            assert_int_equal(run_lintel(out, OUT, err, OUT, "traces", "import", few, "--site",
                                        "home", "--db", db, NULL),
                             0);
            unlink(few);
        }
    }
    json_t *j = finish();
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "examples"), "lines")),
                     60);
    json_decref(j);
    is_from_traces = 0;
    assert_int_equal(access(snapshot, F_OK), -1); /* what was said stays in the database alone */
    assert_int_equal(
        run_lintel(out, OUT, err, OUT, "traces", "exports", "--json", "--db", db, NULL), 0);
    assert_null(strstr(out, "path"));
    unlink(fresh);
}

static void test_finetune__start_is_truncated_or_lines_too_few__refused(void **state)
{
    (void)state;
    char broken[80];
    snprintf(broken, sizeof broken, "%s/broken.gguf", folder);
    FILE *f = fopen(broken, "w");
    fputs("GGUF", f);
    fclose(f);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "finetune", "--db", db, "--model", broken,
                                "--data", lines, "--out", fresh, NULL),
                     1);
    assert_non_null(strstr(err, "broken.gguf"));
    f = fopen(few, "w");
    fputs("{\"query\":\"hello\",\"tools\":[],\"answers\":[]}\nnot json\n", f);
    fclose(f);
    assert_int_equal(run_lintel(out, OUT, err, OUT, "finetune", "--db", db, "--model", network,
                                "--data", few, "--out", fresh, NULL),
                     1);
    assert_non_null(strstr(err, "at least 8 are needed"));
    assert_int_equal(run_lintel(out, OUT, err, OUT, "finetune", "--db", db, "--model", network,
                                "--data", lines, "--out", network, NULL),
                     2); /* never over the network it starts from */
    unlink(broken);
    unlink(few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_finetune__killed_at_each_stage__whole_files_only_and_the_next_run_ends),
        cmocka_unit_test(test_finetune__from_traces_and_killed__goes_on_with_the_same_lines),
        cmocka_unit_test(test_finetune__disk_full_at_each_stage__fails_and_goes_on_with_room),
        cmocka_unit_test(test_finetune__start_is_truncated_or_lines_too_few__refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
