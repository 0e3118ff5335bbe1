/* cache_file.h - encoded blocks kept over a restart. Private to the engine.
 *
 * One file, written whole beside its final name and renamed over it. It belongs to one network and one
 * layout of blocks: its key is a hash of both, and a file of another key is as good as none. Numbers
 * are the machine's own; a file from a machine of another byte order has another magic.
 *
 *     struct head      magic, version, key, number of blocks, checksum of head and table
 *     struct row[n]    hash of the block's text, sizes, where its numbers lie, their checksum
 *     numbers          of each block, at multiples of 64
 *
 * Opened, the file is mapped; head and table are checked at once, a block's numbers when it is first
 * asked for. Whatever fails a check is as good as absent: blocks are then encoded again.
 * Threads: read-only once open. */
#ifndef SAN_CACHE_FILE_H
#define SAN_CACHE_FILE_H

#include <stdint.h>

#include "san/forward.h"

struct san__cache_file;

struct san__kept {
    uint64_t hash[2];
    struct san_block *block;
};

/* A quick hash of n bytes, of no use against an attacker. */
uint64_t san__quick_hash(uint64_t seed, const void *data, size_t n);

/* LT_ERR_NOTFOUND (no file), LT_ERR_INVALID (another network's or layout's), LT_ERR_PARSE (damaged),
 * LT_ERR_IO, LT_ERR_NOMEM. The net is borrowed. */
LT_NODISCARD enum lt_err san__cache_file_open(const char *path, uint64_t key,
                                              const struct san_net *net,
                                              struct san__cache_file **out, struct lt_diag *diag);
void san__cache_file_close(struct san__cache_file *f); /* NULL is fine */
/* The block of that text, one reference; NULL when it is not there or damaged. */
struct san_block *san__cache_file_get(const struct san__cache_file *f, const uint64_t hash[2]);
/* Write n blocks. LT_ERR_IO, LT_ERR_NOMEM; an older file is then untouched. */
LT_NODISCARD enum lt_err san__cache_file_write(const char *path, uint64_t key,
                                               const struct san__kept *kept, size_t n,
                                               struct lt_diag *diag);

#endif
