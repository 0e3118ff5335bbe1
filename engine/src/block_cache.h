/* block_cache.h - encoded blocks by what they say. Private to the engine.
 *
 * A block's key is the hash of its tokens, so equal tools of different catalogues, and of one catalogue
 * before and after a change elsewhere in it, are one block. Blocks stand in order of use; those that no
 * catalogue holds are dropped, oldest first, when the engine's byte budget is exceeded. Guarded by the
 * engine's lock. */
#ifndef SAN_BLOCK_CACHE_H
#define SAN_BLOCK_CACHE_H

#include <stdint.h>

#include "san/forward.h"

struct san__cached {
    uint64_t hash[2];
    struct san_block *block; /* one reference */
    struct san__cached *chain;
    struct san__cached *newer, *older;
};

struct san__cache {
    struct san__cached **rows;
    size_t n_rows; /* a power of two, or 0 */
    size_t n_blocks, n_bytes;
    struct san__cached *newest, *oldest;
    uint64_t n_evicted;
};

/* A new reference to the block of that hash, which is now the newest; NULL when it is not there. */
struct san_block *san__cache_find(struct san__cache *c, const uint64_t hash[2]);
/* Enter a block; the caller keeps its reference. When one of that hash is there already, *b becomes
 * that one and the caller's reference goes over to it. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__cache_add(struct san__cache *c, const uint64_t hash[2],
                                        struct san_block **b);
/* Drop blocks that nobody else holds, oldest first, until n_bytes is at most `most`. */
void san__cache_trim(struct san__cache *c, size_t most);
void san__cache_clear(struct san__cache *c);

#endif
