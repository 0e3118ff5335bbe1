/* san/rand.h - the one random number generator of training, initialisation and data shuffling.
 *
 * xoshiro256** (Blackman and Vigna), its state filled from one 64-bit seed through splitmix64, so
 * that equal seeds give equal runs on every machine. Not for secrets. A generator has one owner;
 * copying the struct copies the stream. */
#ifndef SAN_RAND_H
#define SAN_RAND_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct san_rand {
    uint64_t s[4];
    double spare; /* second normal of a pair */
    int has_spare;
};

static inline void san_rand_seed(struct san_rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ (z >> 31);
    }
    r->spare = 0;
    r->has_spare = 0;
}

/* 64 uniform bits. */
static inline uint64_t san_rand_u64(struct san_rand *r)
{
    uint64_t *s = r->s;
    uint64_t x = s[1] * 5;
    uint64_t out = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return out;
}

/* Uniform in [0, 1), 53 bits. */
static inline double san_rand_double(struct san_rand *r)
{
    return (double)(san_rand_u64(r) >> 11) * 0x1.0p-53;
}

/* Uniform in 0..n-1 without modulo bias; 0 when n is 0. */
static inline uint64_t san_rand_below(struct san_rand *r, uint64_t n)
{
    if (n < 2) return 0;
    uint64_t reject_below = (UINT64_MAX - n + 1) % n;
    for (;;) {
        uint64_t x = san_rand_u64(r);
        if (x >= reject_below) return x % n;
    }
}

/* Normal with mean 0 and deviation 1 (polar method). */
static inline double san_rand_normal(struct san_rand *r)
{
    if (r->has_spare) {
        r->has_spare = 0;
        return r->spare;
    }
    double u, v, q;
    do {
        u = 2 * san_rand_double(r) - 1;
        v = 2 * san_rand_double(r) - 1;
        q = u * u + v * v;
    } while (q >= 1 || q == 0);
    double f = sqrt(-2 * log(q) / q);
    r->spare = v * f;
    r->has_spare = 1;
    return u * f;
}

#endif
