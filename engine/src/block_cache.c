/* block_cache.c - a hash table whose entries also stand in a list by age. */
#include "block_cache.h"

#include <stdlib.h>

#include "forward_impl.h"

static struct san__cached **row_of(const struct san__cache *c, const uint64_t hash[2])
{
    return &c->rows[(size_t)hash[0] & (c->n_rows - 1)];
}

static struct san__cached *find(const struct san__cache *c, const uint64_t hash[2])
{
    struct san__cached *x = c->n_rows ? *row_of(c, hash) : NULL;
    while (x && (x->hash[0] != hash[0] || x->hash[1] != hash[1])) x = x->chain;
    return x;
}

static void unlink_age(struct san__cache *c, struct san__cached *x)
{
    *(x->newer ? &x->newer->older : &c->newest) = x->older;
    *(x->older ? &x->older->newer : &c->oldest) = x->newer;
}

static void link_newest(struct san__cache *c, struct san__cached *x)
{
    x->newer = NULL;
    x->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = x;
    c->newest = x;
}

struct san_block *san__cache_find(struct san__cache *c, const uint64_t hash[2])
{
    struct san__cached *x = find(c, hash);
    if (!x) return NULL;
    if (x != c->newest) {
        unlink_age(c, x);
        link_newest(c, x);
    }
    return san_block_ref(x->block);
}

static enum lt_err grow(struct san__cache *c)
{
    if (c->n_blocks < c->n_rows) return LT_OK;
    struct san__cache bigger = {.n_rows = c->n_rows ? c->n_rows * 2 : 256};
    bigger.rows = calloc(bigger.n_rows, sizeof *bigger.rows);
    if (!bigger.rows) return LT_ERR_NOMEM;
    for (struct san__cached *x = c->newest; x; x = x->older) {
        struct san__cached **row = row_of(&bigger, x->hash);
        x->chain = *row;
        *row = x;
    }
    free(c->rows);
    c->rows = bigger.rows;
    c->n_rows = bigger.n_rows;
    return LT_OK;
}

enum lt_err san__cache_add(struct san__cache *c, const uint64_t hash[2], struct san_block **b)
{
    struct san__cached *x = find(c, hash);
    if (x) { /* somebody was faster; theirs is the same */
        if (x->block != *b) {
            san_block_unref(*b);
            *b = san_block_ref(x->block);
        }
        return LT_OK;
    }
    enum lt_err err = grow(c);
    x = err ? NULL : malloc(sizeof *x);
    if (!x) return LT_ERR_NOMEM;
    struct san__cached **row = row_of(c, hash);
    *x =
        (struct san__cached){.hash = {hash[0], hash[1]}, .block = san_block_ref(*b), .chain = *row};
    *row = x;
    link_newest(c, x);
    c->n_blocks++;
    c->n_bytes += x->block->n_bytes;
    return LT_OK;
}

static void drop(struct san__cache *c, struct san__cached *x)
{
    struct san__cached **at = row_of(c, x->hash);
    while (*at != x) at = &(*at)->chain;
    *at = x->chain;
    unlink_age(c, x);
    c->n_blocks--;
    c->n_bytes -= x->block->n_bytes;
    san_block_unref(x->block);
    free(x);
}

void san__cache_trim(struct san__cache *c, size_t most)
{
    for (struct san__cached *x = c->oldest, *next; x && c->n_bytes > most; x = next) {
        next = x->newer;
        if (atomic_load(&((struct san__block *)x->block)->refs) > 1) continue;
        drop(c, x);
        c->n_evicted++;
    }
}

void san__cache_clear(struct san__cache *c)
{
    while (c->newest) drop(c, c->newest);
    free(c->rows);
    *c = (struct san__cache){0};
}
