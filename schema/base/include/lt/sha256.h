/* lt/sha256.h - SHA-256 (FIPS 180-4), to name catalogues and model files by their content.
 *
 * For naming and comparing only: nothing here is constant-time. Threads: a context has one owner.
 * Memory: none. */
#ifndef LT_SHA256_H
#define LT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define LT_SHA256_HEX_CAP 65 /* 64 hexadecimal digits and the NUL */

struct lt_sha256 {
    uint32_t h[8];
    uint64_t n_bytes;  /* bytes taken so far */
    uint8_t block[64]; /* the unfinished block */
};

/* Begin; add bytes in as many pieces as it takes. */
void lt_sha256_init(struct lt_sha256 *c);
void lt_sha256_add(struct lt_sha256 *c, const void *data, size_t n);
/* Finish and write 64 lower-case hexadecimal digits; the context must be initialised again. */
void lt_sha256_hex(struct lt_sha256 *c, char out[LT_SHA256_HEX_CAP]);

#endif
