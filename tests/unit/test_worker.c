/* test_worker.c - jobs run in order on another thread, in groups, and come back to the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker.h"

#define N_JOBS 200

/* One job of a test, and what is seen of it. */
struct task {
    struct lt_job job;
    struct record *record;
    int number;
    enum lt_err result;
};

struct record {
    uv_loop_t loop;
    struct lt_worker *worker;
    uv_sem_t gate; /* the first job waits for it when is_gated */
    int is_gated;
    int ran[N_JOBS], n_ran; /* worker's thread */
    int done[N_JOBS], n_done;
    int n_begin, n_end, n_durable, group_sizes[N_JOBS]; /* worker's thread */
    enum lt_err end_result;
    uv_thread_t loop_thread;
    int is_wrong_thread;
};

static enum lt_err run(struct lt_job *job, struct lt_diag *diag)
{
    struct task *t = (struct task *)job;
    uv_thread_t self = uv_thread_self();
    if (t->record->is_gated && t->number == 0) uv_sem_wait(&t->record->gate);
    if (uv_thread_equal(&self, &t->record->loop_thread)) t->record->is_wrong_thread = 1;
    t->record->ran[t->record->n_ran++] = t->number;
    if (t->record->n_begin) t->record->group_sizes[t->record->n_begin - 1]++;
    return t->result ? lt_fail(diag, t->result, "job %d", t->number) : LT_OK;
}

static void done(struct lt_job *job)
{
    struct task *t = (struct task *)job;
    uv_thread_t self = uv_thread_self();
    if (!uv_thread_equal(&self, &t->record->loop_thread)) t->record->is_wrong_thread = 1;
    t->record->done[t->record->n_done++] = t->number;
}

static enum lt_err group_begin(void *ctx, int is_durable, struct lt_diag *diag)
{
    struct record *r = ctx;
    (void)diag;
    r->n_begin++;
    r->n_durable += is_durable;
    return LT_OK;
}

static enum lt_err group_end(void *ctx, struct lt_diag *diag)
{
    struct record *r = ctx;
    r->n_end++;
    return r->end_result ? lt_fail(diag, r->end_result, "the disk is full") : LT_OK;
}

static void start(struct record *r, struct task *tasks, int n, int queue_max, int group_max)
{
    struct lt_worker_group group = {r, group_begin, group_end, group_max};
    struct lt_diag diag = {0};
    memset(r, 0, sizeof *r);
    r->loop_thread = uv_thread_self();
    uv_sem_init(&r->gate, 0);
    uv_loop_init(&r->loop);
    for (int i = 0; i < n; i++)
        tasks[i] = (struct task){.job = {.run = run, .done = done}, .record = r, .number = i};
    assert_int_equal(
        lt_worker_start(&r->loop, "test", queue_max, group_max ? &group : NULL, &r->worker, &diag),
        LT_OK);
}

static void stop(struct record *r)
{
    lt_worker_stop(r->worker);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    uv_sem_destroy(&r->gate);
    assert_false(r->is_wrong_thread);
}

static void test_worker__many_jobs__run_and_done_in_order(void **state)
{
    static struct record r;
    static struct task tasks[N_JOBS];
    (void)state;
    start(&r, tasks, N_JOBS, N_JOBS, 0);
    for (int i = 0; i < N_JOBS; i++)
        assert_int_equal(lt_worker_submit(r.worker, &tasks[i].job), LT_OK);
    while (lt_worker_pending(r.worker)) uv_run(&r.loop, UV_RUN_ONCE);
    for (int i = 0; i < N_JOBS; i++) {
        assert_int_equal(r.ran[i], i);
        assert_int_equal(r.done[i], i);
    }
    stop(&r);
}

static void test_worker__queue_full__busy_and_the_job_untouched(void **state)
{
    static struct record r;
    static struct task tasks[8];
    int accepted = 0;
    (void)state;
    start(&r, tasks, 8, 3, 0);
    r.is_gated = 1; /* the first job blocks the thread, with it or not in the queue */
    for (int i = 0; i < 8; i++) accepted += !lt_worker_submit(r.worker, &tasks[i].job);
    assert_in_range(accepted, 3, 4);
    assert_int_equal(lt_worker_pending(r.worker), accepted);
    lt_worker_follow(r.worker, &tasks[7].job); /* what belongs to an accepted job always fits */
    uv_sem_post(&r.gate);
    stop(&r);
    assert_int_equal(r.n_done, accepted + 1);
    assert_int_equal(r.done[accepted], 7);
}

static void test_worker__group__shares_begin_and_end(void **state)
{
    static struct record r;
    static struct task tasks[41];
    (void)state;
    start(&r, tasks, 41, 100, 16);
    r.is_gated = 1;
    tasks[0].job.is_durable = 1;
    for (int i = 0; i < 41; i++) assert_int_equal(lt_worker_submit(r.worker, &tasks[i].job), LT_OK);
    uv_sem_post(&r.gate);
    stop(&r);
    assert_int_equal(r.n_done, 41);
    assert_int_equal(r.n_begin, r.n_end);
    assert_int_equal(r.n_durable, 1);
    for (int i = 0; i < r.n_begin; i++) assert_in_range(r.group_sizes[i], 1, 16);
    assert_true(r.n_begin <= 5); /* at most one alone, then 16 at a time */
}

static void test_worker__end_fails__every_job_of_the_group_hears_it(void **state)
{
    static struct record r;
    static struct task tasks[5];
    (void)state;
    start(&r, tasks, 5, 100, 16);
    r.end_result = LT_ERR_IO;
    for (int i = 0; i < 5; i++) assert_int_equal(lt_worker_submit(r.worker, &tasks[i].job), LT_OK);
    stop(&r);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tasks[i].job.err, LT_ERR_IO);
        assert_string_equal(tasks[i].job.diag.text, "the disk is full");
    }
}

static void test_worker__one_job_fails__the_others_do_not(void **state)
{
    static struct record r;
    static struct task tasks[3];
    (void)state;
    start(&r, tasks, 3, 100, 16);
    tasks[1].result = LT_ERR_NOTFOUND;
    for (int i = 0; i < 3; i++) assert_int_equal(lt_worker_submit(r.worker, &tasks[i].job), LT_OK);
    stop(&r);
    assert_int_equal(tasks[0].job.err, LT_OK);
    assert_int_equal(tasks[1].job.err, LT_ERR_NOTFOUND);
    assert_string_equal(tasks[1].job.diag.text, "job 1");
    assert_int_equal(tasks[2].job.err, LT_OK);
}

static void test_worker__job_alone__has_no_group(void **state)
{
    static struct record r;
    static struct task tasks[3];
    (void)state;
    start(&r, tasks, 3, 100, 16);
    r.is_gated = 1;
    tasks[1].job.is_alone = 1;
    for (int i = 0; i < 3; i++) assert_int_equal(lt_worker_submit(r.worker, &tasks[i].job), LT_OK);
    uv_sem_post(&r.gate);
    stop(&r);
    assert_int_equal(r.n_begin, 2); /* around the first and the third */
    assert_int_equal(r.n_done, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker__many_jobs__run_and_done_in_order),
        cmocka_unit_test(test_worker__queue_full__busy_and_the_job_untouched),
        cmocka_unit_test(test_worker__group__shares_begin_and_end),
        cmocka_unit_test(test_worker__end_fails__every_job_of_the_group_hears_it),
        cmocka_unit_test(test_worker__one_job_fails__the_others_do_not),
        cmocka_unit_test(test_worker__job_alone__has_no_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
