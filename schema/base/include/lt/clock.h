/* lt/clock.h - the two clocks, kept apart.
 *
 * Durations and deadlines use the monotonic clock in microseconds (`lt_us`); wall time appears
 * only as milliseconds since 1970 in names that end in `_unix_ms`. Both are read through
 * functions, so that a test can hold them still with lt_clock_fake(). */
#ifndef LT_CLOCK_H
#define LT_CLOCK_H

#include <stdint.h>

typedef int64_t lt_us; /* microseconds of the monotonic clock, or a duration in microseconds */

/* Monotonic microseconds (never set back; the zero is arbitrary), and wall time, which may jump. */
lt_us lt_now_us(void);
int64_t lt_now_unix_ms(void);
/* Processor time that the calling thread has used, microseconds: what others do meanwhile does not count.
 * For measuring; lt_clock_fake() leaves it alone. */
lt_us lt_thread_us(void);
/* For tests only: from now on both clocks return these values, until lt_clock_real(). */
void lt_clock_fake(lt_us now_us, int64_t now_unix_ms);
void lt_clock_real(void);

#endif
