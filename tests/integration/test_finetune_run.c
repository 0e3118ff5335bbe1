/* `lintel finetune` as a person runs it, with a tiny network: it ends with a network beside the old
 * one; killed, or out of room on the disk, it leaves nothing half done and goes on when started again. */
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

#define TREE SOURCE_DIR "/engine/data"
#define MIX  SOURCE_DIR "/engine/train/mix.json"
#define OUT  65536
#define TOOLS                                                                                      \
    "[{\"name\":\"bell_ring\",\"description\":\"Ring a "                                           \
    "bell\",\"parameters\":{\"type\":\"object\","                                                  \
    "\"properties\":{\"strokes\":{\"type\":\"integer\"}},\"required\":[\"strokes\"]}}]"

static char folder[] = "/tmp/test_finetune_XXXXXX";
static char vocab[64], network[64], fresh[64], work[80], lines[64], db[64];
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
    snprintf(db, sizeof db, "%s/none.db", folder);
    FILE *f = fopen(lines, "w");
    for (int i = 1; f && i <= 60; i++)
        fprintf(
            f,
            "{\"id\":\"%d\",\"source\":\"t\",\"query\":\"ring the bell %d times\",\"tools\":" TOOLS
            ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":%d}}]}\n",
            i, i, i);
    if (!f || fclose(f)) return -1;
    int status = run_lintel(out, OUT, err, OUT, "tokenize", "--out", vocab, "--vocab", "700",
                            "--cases", "300", "--tree", TREE, "--mix", MIX, NULL);
    if (!status)
        status = run_lintel(out, OUT, err, OUT, "train", "--tokenizer", vocab, "--out", network,
                            "--tree", TREE, "--mix", MIX, "--width", "64", "--heads", "4",
                            "--kv-heads", "2", "--encoder", "1", "--decoder", "1", "--steps", "2",
                            "--batch", "4", "--valid-every", "0", "--threads", "1", NULL);
    if (status) fputs(err, stderr);
    return status;
}

static int teardown(void **state)
{
    (void)state;
    const char *const files[] = {vocab, network, fresh, lines};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) unlink(files[i]);
    return rmdir(folder);
}

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
    execl(LINTEL_BIN, LINTEL_BIN, "finetune", "--db", db, "--model", network, "--data", lines,
          "--out", fresh, "--tree", TREE, "--mix", MIX, "--steps", "60", "--batch", "4", "--fit",
          "200", "--keep", "10", "--nice", "0", (char *)NULL);
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

static void
test_finetune__killed_then_started_again__ends_and_old_network_is_untouched(void **state)
{
    (void)state;
    long long before = size_of(network);
    snprintf(out, sizeof out, "%s/report.json", folder);
    pid_t pid = start(0);
    for (int i = 0; i < 3000 && access(work, F_OK); i++) sleep_ms(10);
    sleep_ms(300);
    kill(pid, SIGKILL);
    wait_for(pid);
    assert_int_equal(access(fresh, F_OK), -1);
    json_t *j = finish();
    assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "examples"), "lines")),
                     60);
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory and a shadow of all */
    assert_true(json_number_value(json_object_get(j, "peak_mb")) < 600);
#endif
    json_decref(j);
    assert_int_equal(size_of(network), before);
    assert_int_equal(unlink(fresh), 0);
}

static void test_finetune__disk_full__fails_and_goes_on_with_room(void **state)
{
    (void)state;
    snprintf(out, sizeof out, "%s/report.json", folder);
    assert_int_equal(wait_for(start(20000)), 1);
    assert_int_equal(access(fresh, F_OK), -1);
    json_decref(finish());
}

static void test_finetune__start_is_truncated_or_lines_too_few__refused(void **state)
{
    (void)state;
    char broken[80], few[80];
    snprintf(broken, sizeof broken, "%s/broken.gguf", folder);
    snprintf(few, sizeof few, "%s/few.jsonl", folder);
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
            test_finetune__killed_then_started_again__ends_and_old_network_is_untouched),
        cmocka_unit_test(test_finetune__disk_full__fails_and_goes_on_with_room),
        cmocka_unit_test(test_finetune__start_is_truncated_or_lines_too_few__refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
