/* clock.c - monotonic and wall clock, replaceable by a test. */
#include "lt/clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_int is_fake;
static _Atomic lt_us fake_us;
static _Atomic int64_t fake_unix_ms;

lt_us lt_now_us(void)
{
    if (atomic_load(&is_fake)) return atomic_load(&fake_us);
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (lt_us)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t lt_now_unix_ms(void)
{
    if (atomic_load(&is_fake)) return atomic_load(&fake_unix_ms);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

lt_us lt_thread_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (lt_us)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void lt_clock_fake(lt_us now_us, int64_t now_unix_ms)
{
    atomic_store(&fake_us, now_us);
    atomic_store(&fake_unix_ms, now_unix_ms);
    atomic_store(&is_fake, 1);
}

void lt_clock_real(void)
{
    atomic_store(&is_fake, 0);
}
