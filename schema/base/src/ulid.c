/* ulid.c - 48 bits of time, 80 random bits, Crockford base 32. */
#include "lt/ulid.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
#define TIME_CHARS  10
#define MAX_UNIX_MS 0xFFFFFFFFFFFFLL /* 48 bits */

void lt_ulid_init(struct lt_ulid_gen *g)
{
    *g = (struct lt_ulid_gen){0};
}

/* getrandom cannot fail for so few bytes once the pool is ready; should it ever, clock and process
 * id still keep identifiers of one machine apart. */
static void fill_random(uint8_t out[10])
{
    if (getrandom(out, 10, 0) == 10) return;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    uint64_t mix = (uint64_t)ts.tv_nsec * 0x9E3779B97F4A7C15u + (uint64_t)getpid();
    memset(out, 0, 10);
    memcpy(out, &mix, sizeof mix);
}

/* Add one to the random part; 0 when it wrapped (then the time part moves on). */
static int count_up(uint8_t random[10])
{
    for (int i = 9; i >= 0; i--)
        if (++random[i]) return 1;
    return 0;
}

void lt_ulid_next(struct lt_ulid_gen *g, int64_t now_unix_ms, char out[LT_ULID_CAP])
{
    if (now_unix_ms < 0) now_unix_ms = 0;
    if (now_unix_ms > MAX_UNIX_MS) now_unix_ms = MAX_UNIX_MS;
    if (now_unix_ms > g->last_unix_ms) {
        g->last_unix_ms = now_unix_ms;
        fill_random(g->random);
        g->random[0] &= 0x7f; /* room to count up */
    } else if (!count_up(g->random)) {
        g->last_unix_ms++;
    }
    uint64_t t = (uint64_t)g->last_unix_ms;
    for (int i = TIME_CHARS - 1; i >= 0; i--, t >>= 5) out[i] = alphabet[t & 31];
    unsigned bits = 0, acc = 0;
    int o = TIME_CHARS;
    for (int i = 0; i < 10; i++) {
        acc = (acc << 8 | g->random[i]) & 0xfff; /* at most 4 bits wait */
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            out[o++] = alphabet[acc >> bits & 31];
        }
    }
    out[o] = '\0';
}

int lt_ulid_is_valid(const char *s)
{
    if (!s || strlen(s) != LT_ULID_CAP - 1 || s[0] > '7')
        return 0; /* 8… needs more than 128 bits */
    for (; *s; s++)
        if (!strchr(alphabet, *s)) return 0;
    return 1;
}

int64_t lt_ulid_unix_ms(const char *s)
{
    if (!lt_ulid_is_valid(s)) return -1;
    int64_t t = 0;
    for (int i = 0; i < TIME_CHARS; i++) t = t << 5 | (int64_t)(strchr(alphabet, s[i]) - alphabet);
    return t;
}
