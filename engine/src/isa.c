/* isa.c - which instruction set's kernels are called (kernels.h). */
#include "isa.h"

#include <stdatomic.h>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1UL << 20)
#endif
#endif

extern const struct san__isa_table san__isa_table_base;
#if defined(__x86_64__)
extern const struct san__isa_table san__isa_table_avx2, san__isa_table_avx512,
    san__isa_table_avx512bf16, san__isa_table_amx;

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2");
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vnni");
}

static int has_avx512bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/* A process may use tiles once Linux has been asked (Documentation/arch/x86/xstate.rst); kernels before
 * 5.16, and sandboxes that do not know the request, refuse. Asking again costs a system call and
 * changes nothing. */
static int has_amx(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    return has_avx512bf16() && __builtin_cpu_supports("amx-tile") &&
           __builtin_cpu_supports("amx-int8") && __builtin_cpu_supports("amx-bf16") &&
           syscall(SYS_arch_prctl, REQ_XCOMP_PERM, XTILEDATA) == 0;
#else
    return 0;
#endif
}
#elif defined(__aarch64__)
extern const struct san__isa_table san__isa_table_dotprod;

static int has_dotprod(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
#endif

static int always(void)
{
    return 1;
}

/* Plainest first; what comes later is preferred. */
static const struct {
    const char *name;
    const struct san__isa_table *table;
    int (*is_here)(void);
} sets[] = {
    {"base", &san__isa_table_base, always},
#if defined(__x86_64__)
    {"avx2", &san__isa_table_avx2, has_avx2},
    {"avx512", &san__isa_table_avx512, has_avx512},
    {"avx512bf16", &san__isa_table_avx512bf16, has_avx512bf16},
    {"amx", &san__isa_table_amx, has_amx},
#elif defined(__aarch64__)
    {"dotprod", &san__isa_table_dotprod, has_dotprod},
#endif
};
#define N_SET ((int)(sizeof sets / sizeof sets[0]))

static _Atomic(const struct san__isa_table *) now;

/* Index into `sets` of the i-th that this processor has; the last one for i < 0, -1 for none. */
static int find(int i)
{
    int last = -1;
    for (int k = 0, n = 0; k < N_SET; k++) {
        if (!sets[k].is_here()) continue;
        if (n++ == i) return k;
        last = k;
    }
    return i < 0 ? last : -1;
}

const char *san__isa_name(int i)
{
    int k = i < 0 ? -1 : find(i);
    return k < 0 ? NULL : sets[k].name;
}

void san__isa_use(int i)
{
    int k = find(i);
    if (k >= 0) atomic_store(&now, sets[k].table);
}

static const struct san__isa_table *table(void)
{
    const struct san__isa_table *t = atomic_load_explicit(&now, memory_order_relaxed);
    if (t) return t;
    san__isa_use(-1); /* whoever else does it at once stores the same */
    return atomic_load_explicit(&now, memory_order_relaxed);
}

const char *san__isa_now(void)
{
    const struct san__isa_table *t = table();
    int k = N_SET - 1;
    while (k > 0 && sets[k].table != t) k--;
    return sets[k].name;
}

#define CALL(result, name, params, args)                                                           \
    result name params                                                                             \
    {                                                                                              \
        return table()->name##_fn args;                                                            \
    }
#define DO(name, params, args)                                                                     \
    void name params                                                                               \
    {                                                                                              \
        table()->name##_fn args;                                                                   \
    }
SAN__KERNELS(CALL)
SAN__KERNEL_ACTIONS(DO)
