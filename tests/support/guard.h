/* guard.h - test input that ends where the next page may not be read. */
#ifndef TEST_GUARD_H
#define TEST_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One mapping for inputs of up to `cap` bytes; the byte after an input faults. */
struct guard {
    uint8_t *map;
    size_t cap, map_bytes;
};

static inline int guard_open(struct guard *g, size_t cap)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g->cap = (cap + page - 1) / page * page;
    g->map_bytes = g->cap + page;
    void *p = mmap(NULL, g->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return -1;
    g->map = p;
    return mprotect(g->map + g->cap, page, PROT_NONE);
}

/* n bytes copied to the very end; valid until the next call. */
static inline uint8_t *guard_put(struct guard *g, const void *p, size_t n)
{
    uint8_t *at = g->map + g->cap - n;
    if (n) memcpy(at, p, n);
    return at;
}

static inline void guard_close(struct guard *g)
{
    munmap(g->map, g->map_bytes);
}

#endif
