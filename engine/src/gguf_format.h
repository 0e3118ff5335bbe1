/* gguf_format.h - numbers of the GGUF v3 format that reader and writer share. */
#ifndef SAN_GGUF_FORMAT_H
#define SAN_GGUF_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF files are read and written in place: a little-endian machine is needed"
#endif

#define GGUF_MAGIC         0x46554747u /* "GGUF" */
#define GGUF_VERSION       3u
#define GGUF_ALIGN_DEFAULT 32u
#define GGUF_ALIGN_MAX     65536u
#define GGUF_HEADER_BYTES  24 /* magic, version, tensor count, key count */

enum gguf_kind {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STR,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_KIND_COUNT
};

struct san_gguf;
/* The value of `key` as it lies in the file, borrowed; 0 when there is no such key. */
int san__gguf_raw(const struct san_gguf *g, const char *key, enum gguf_kind *kind, const void **p,
                  size_t *n);

#endif
