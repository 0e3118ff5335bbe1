/* bench_machine.c - the machine's own limits: multiply-adds in registers, of floats and of bytes, a
 * BLIS product, reads. */
#include <stdlib.h>
#include <string.h>

#include "bench_impl.h"
#include "kernels.h"

#define PEAK_ROUNDS 2000000L
#define GEMM_SIDE   512
#define TRIAD_BYTES ((size_t)64 << 20) /* of each of three arrays */
#define READ_MIN    ((size_t)64 << 10)
#define READ_MAX    ((size_t)256 << 20)
#define READ_US     60000 /* time for one read bandwidth */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct san_bench_stat san_bench_stat_of(double *x, int n)
{
    if (n <= 0) return (struct san_bench_stat){0};
    qsort(x, (size_t)n, sizeof *x, by_size);
    return (struct san_bench_stat){.median = n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2,
                                   .low = x[(n - 1) / 10],
                                   .high = x[(n - 1) * 9 / 10],
                                   .p99 = x[(n - 1) * 99 / 100],
                                   .best = x[n - 1],
                                   .n = n};
}

int san__bench_goes_on(const struct san__bench_run *r)
{
    if (r->n < r->n_min) return 1;
    return r->n < SAN_BENCH_SAMPLES_MAX && lt_now_us() - r->start < r->max_us;
}

static void measure_floats(struct san__bench_run *r)
{
    volatile float factor = 0.5f;
    while (san__bench_goes_on(r)) {
        lt_us t0 = lt_thread_us();
        double flop = san__peak_floats(PEAK_ROUNDS, factor);
        r->x[r->n++] = flop / 1e3 / (double)(lt_thread_us() - t0 + 1);
    }
}

static void measure_bytes(struct san__bench_run *r)
{
    volatile int32_t factor = 0x01020304;
    while (san__bench_goes_on(r)) {
        lt_us t0 = lt_thread_us();
        double ops = san__peak_bytes(PEAK_ROUNDS / 2, factor);
        r->x[r->n++] = ops / 1e3 / (double)(lt_thread_us() - t0 + 1);
    }
}

static void measure_pairs(struct san__bench_run *r)
{
    volatile float factor = 0.5f;
    while (san__bench_goes_on(r)) {
        lt_us t0 = lt_thread_us();
        double flop = san__peak_pairs(PEAK_ROUNDS / 2, factor);
        r->x[r->n++] = flop / 1e3 / (double)(lt_thread_us() - t0 + 1);
    }
}

static enum lt_err measure_sgemm(struct san__bench_run *r)
{
    size_t n = (size_t)GEMM_SIDE * GEMM_SIDE;
    float *mem = malloc(3 * n * sizeof *mem);
    if (!mem) return LT_ERR_NOMEM;
    for (size_t i = 0; i < 3 * n; i++) mem[i] = (float)(i % 17) / 16;
    while (san__bench_goes_on(r)) {
        lt_us t0 = lt_thread_us();
        san__gemm(mem, mem + n, mem + 2 * n, GEMM_SIDE, GEMM_SIDE, GEMM_SIDE, 1, 0);
        double flop = 2.0 * GEMM_SIDE * GEMM_SIDE * GEMM_SIDE;
        r->x[r->n++] = flop / 1e3 / (double)(lt_thread_us() - t0 + 1);
    }
    free(mem);
    return LT_OK;
}

static void triad(float *restrict a, const float *restrict b, const float *restrict c, float s,
                  size_t n)
{
    for (size_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}

static enum lt_err measure_triad(struct san__bench_run *r)
{
    size_t n = TRIAD_BYTES / sizeof(float);
    float *mem = malloc(3 * n * sizeof *mem);
    volatile float sink;
    if (!mem) return LT_ERR_NOMEM;
    for (size_t i = 0; i < 3 * n; i++) mem[i] = (float)(i & 15);
    while (san__bench_goes_on(r)) {
        lt_us t0 = lt_thread_us();
        triad(mem, mem + n, mem + 2 * n, 0.5f + (float)r->n, n);
        r->x[r->n++] = 3.0 * (double)TRIAD_BYTES / 1e3 / (double)(lt_thread_us() - t0 + 1);
        sink = mem[(size_t)r->n * 4099 % n];
    }
    (void)sink;
    free(mem);
    return LT_OK;
}

enum lt_err san_bench_machine(lt_us max_us, struct san_bench_machine *out, struct lt_diag *diag)
{
    struct san__bench_run *r = malloc(sizeof *r);
    if (!r) return lt_fail(diag, LT_ERR_NOMEM, "bench: out of memory");
    *out = (struct san_bench_machine){.isa = san__isa_now()};
#ifdef __OPTIMIZE__
    out->is_optimised = 1;
#endif
    san__bench_start(r, 3, max_us / 5);
    measure_floats(r);
    out->fma = san_bench_stat_of(r->x, r->n);
    san__bench_start(r, 3, max_us / 5);
    measure_bytes(r);
    out->bytes = san_bench_stat_of(r->x, r->n);
    san__bench_start(r, 3, max_us / 5);
    measure_pairs(r);
    out->pairs = san_bench_stat_of(r->x, r->n);
    san__bench_start(r, 3, max_us / 5);
    enum lt_err err = measure_sgemm(r);
    out->sgemm = san_bench_stat_of(r->x, r->n);
    san__bench_start(r, 3, max_us / 5);
    if (!err) err = measure_triad(r);
    out->triad = san_bench_stat_of(r->x, r->n);
    free(r);
    return err ? lt_fail(diag, err, "bench: out of memory") : LT_OK;
}

double san_bench_peak_gflops(const struct san_bench_machine *m)
{
    return m->fma.best > m->sgemm.best ? m->fma.best : m->sgemm.best;
}

double san_bench_read_gbs(size_t n_bytes)
{
    if (n_bytes < READ_MIN) n_bytes = READ_MIN;
    if (n_bytes > READ_MAX) n_bytes = READ_MAX;
    size_t n = n_bytes / sizeof(float);
    int repeats = (int)(((size_t)4 << 20) / n_bytes) + 1; /* so that the clock's tick is small */
    float *p = malloc(n * sizeof *p);
    volatile float sink;
    double best = 0;
    if (!p) return 0;
    for (size_t i = 0; i < n; i++) p[i] = (float)(i & 7);
    lt_us start = lt_now_us();
    for (int round = 0; round < 4 || lt_now_us() - start < READ_US; round++) {
        lt_us t0 = lt_thread_us();
        for (int k = 0; k < repeats; k++) {
            sink = san__peak_read(p, n);
            __asm__ volatile("" ::: "memory"); /* the next one reads again */
        }
        double gbs = (double)n_bytes * repeats / 1e3 / (double)(lt_thread_us() - t0 + 1);
        if (gbs > best) best = gbs;
    }
    (void)sink;
    free(p);
    return best;
}
