/* lt/ulid.h - identifiers that sort by the time they were made.
 *
 * A ULID is 26 characters of Crockford base 32: 48 bits of wall time in milliseconds, then 80
 * random bits. A generator never goes backwards: within one millisecond (or when the wall clock
 * is set back) it counts the random part up, so that identifiers of one generator sort in the
 * order in which they were made. Threads: one generator, one thread. Memory: none. */
#ifndef LT_ULID_H
#define LT_ULID_H

#include <stdint.h>

#define LT_ULID_CAP 27 /* 26 characters and the NUL */

struct lt_ulid_gen {
    int64_t last_unix_ms; /* time part of the newest identifier, 0 before the first */
    uint8_t random[10];   /* its random part, big-endian */
};

/* A generator that has made nothing yet. Random bits come from the system (getrandom). */
void lt_ulid_init(struct lt_ulid_gen *g);
/* Write the next identifier. `now_unix_ms` is the wall clock; negative counts as 0. */
void lt_ulid_next(struct lt_ulid_gen *g, int64_t now_unix_ms, char out[LT_ULID_CAP]);
/* Is `s` 26 characters of the alphabet (upper case) that fit 128 bits? NULL gives 0. */
int lt_ulid_is_valid(const char *s);
/* Wall time inside a valid identifier; -1 for any other string. */
int64_t lt_ulid_unix_ms(const char *s);

#endif
