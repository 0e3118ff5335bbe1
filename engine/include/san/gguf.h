/* san/gguf.h - reading and writing GGUF version 3 files.
 *
 * A GGUF file is a list of typed key/value pairs, a table of tensors and the tensors' bytes, all
 * little-endian. The reader maps the file read-only and checks every length, count and offset
 * against the file's real size before it is used, so a truncated, corrupt or foreign file gives an
 * error and nothing else. The tensor bytes are used in place. Replace a model file by renaming a
 * new one over it (as the writer does); a file that is cut short while mapped would fault.
 *
 * Threads: a reader is read-only after opening and may be shared; a writer has one thread.
 * Memory: strings and tensors got from a reader are borrowed until san_gguf_close. */
#ifndef SAN_GGUF_H
#define SAN_GGUF_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"
#include "san/quant.h"

#define SAN_GGUF_KV_MAX     4096       /* most key/value pairs */
#define SAN_GGUF_TENSOR_MAX 4096       /* most tensors */
#define SAN_GGUF_NAME_MAX   255        /* longest key or tensor name, bytes */
#define SAN_GGUF_STR_MAX    (1u << 20) /* longest string value, bytes */
#define SAN_GGUF_DIMS_MAX   4

struct san_gguf;        /* opaque: an open file */
struct san_gguf_writer; /* opaque: a file to be */

/* A tensor of an open file. dims[0] is the fastest-running one: a (rows, cols) matrix has
 * dims = {cols, rows}. */
struct san_gguf_tensor {
    const char *name;
    enum san_type type;
    int n_dims;
    uint64_t dims[SAN_GGUF_DIMS_MAX]; /* 1 beyond n_dims */
    size_t n_items, n_bytes;
    const void *data; /* into the mapping, aligned as the file says (32 bytes by default) */
};

/* Open `path`. LT_ERR_NOTFOUND, LT_ERR_IO, LT_ERR_PARSE (offset_bytes is where), LT_ERR_UNSUPPORTED
 * (another version or tensor type), LT_ERR_LIMIT, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_gguf_open(const char *path, struct san_gguf **out,
                                       struct lt_diag *diag);
/* The same from n bytes in memory, which must outlive the reader and be aligned to 32 bytes if
 * tensors are to be read in place. `name` is used in error texts. */
LT_NODISCARD enum lt_err san_gguf_open_memory(const void *data, size_t n, const char *name,
                                              struct san_gguf **out, struct lt_diag *diag);
void san_gguf_close(struct san_gguf *g); /* NULL is fine */

/* How many tensors the file has, and the i-th, in the file's order; i < n; borrowed. */
size_t san_gguf_n_tensors(const struct san_gguf *g);
const struct san_gguf_tensor *san_gguf_tensor_at(const struct san_gguf *g, size_t i);
/* By name; NULL when there is none. */
const struct san_gguf_tensor *san_gguf_tensor(const struct san_gguf *g, const char *name);

/* The same of keys, and whether one is there (exact name). */
size_t san_gguf_n_keys(const struct san_gguf *g);
const char *san_gguf_key_at(const struct san_gguf *g, size_t i);
int san_gguf_has(const struct san_gguf *g, const char *key);

/* Required values: LT_ERR_NOTFOUND when the key is absent, LT_ERR_INVALID when it holds another
 * kind or a number out of range; the text names file and key. Any integer type of the file is
 * taken for u32 when its value fits, f64 is taken for f32. */
LT_NODISCARD enum lt_err san_gguf_get_u32(const struct san_gguf *g, const char *key, uint32_t *out,
                                          struct lt_diag *diag);
LT_NODISCARD enum lt_err san_gguf_get_f32(const struct san_gguf *g, const char *key, float *out,
                                          struct lt_diag *diag);
LT_NODISCARD enum lt_err san_gguf_get_bool(const struct san_gguf *g, const char *key, int *out,
                                           struct lt_diag *diag);
LT_NODISCARD enum lt_err san_gguf_get_str(const struct san_gguf *g, const char *key,
                                          const char **out, struct lt_diag *diag);
/* Values with a default, which is also given when the key holds another kind. */
uint32_t san_gguf_u32_or(const struct san_gguf *g, const char *key, uint32_t fallback);
float san_gguf_f32_or(const struct san_gguf *g, const char *key, float fallback);
int san_gguf_bool_or(const struct san_gguf *g, const char *key, int fallback);
const char *san_gguf_str_or(const struct san_gguf *g, const char *key, const char *fallback);

/* Arrays. Numbers are copied into *out, which the caller frees with free() (*out is NULL for an
 * empty array). Integer arrays of any width are taken as i32 when every value fits. */
LT_NODISCARD enum lt_err san_gguf_get_f32_array(const struct san_gguf *g, const char *key,
                                                float **out, size_t *n, struct lt_diag *diag);
LT_NODISCARD enum lt_err san_gguf_get_i32_array(const struct san_gguf *g, const char *key,
                                                int32_t **out, size_t *n, struct lt_diag *diag);
/* Strings of an array: not NUL-terminated, borrowed. */
struct san_gguf_str {
    const char *p;
    size_t n;
};
LT_NODISCARD enum lt_err san_gguf_get_str_array(const struct san_gguf *g, const char *key,
                                                const struct san_gguf_str **out, size_t *n,
                                                struct lt_diag *diag);

/* Writer. The add functions copy keys and values (tensor bytes are borrowed until the write) and
 * never fail visibly: the first failure is kept and returned by san_gguf_write. NULL when out of
 * memory. */
struct san_gguf_writer *san_gguf_writer_new(void);
void san_gguf_writer_free(struct san_gguf_writer *w); /* NULL is fine */
void san_gguf_add_u32(struct san_gguf_writer *w, const char *key, uint32_t v);
void san_gguf_add_u64(struct san_gguf_writer *w, const char *key, uint64_t v);
void san_gguf_add_f32(struct san_gguf_writer *w, const char *key, float v);
void san_gguf_add_bool(struct san_gguf_writer *w, const char *key, int v);
void san_gguf_add_str(struct san_gguf_writer *w, const char *key, const char *v);
void san_gguf_add_f32_array(struct san_gguf_writer *w, const char *key, const float *v, size_t n);
void san_gguf_add_i32_array(struct san_gguf_writer *w, const char *key, const int32_t *v, size_t n);
void san_gguf_add_str_array(struct san_gguf_writer *w, const char *key,
                            const struct san_gguf_str *v, size_t n);
/* Key and value of an open file as they are, whatever the kind. */
void san_gguf_add_copy(struct san_gguf_writer *w, const struct san_gguf *from, const char *key);
/* dims as in struct san_gguf_tensor; data holds san_type_bytes() of the product of dims. */
void san_gguf_add_tensor(struct san_gguf_writer *w, const char *name, enum san_type type,
                         int n_dims, const uint64_t *dims, const void *data);
/* Write everything to a temporary file beside `path`, flush it to the disk and rename it over
 * `path`: a reader sees the old file or the new one, whole. LT_ERR_IO, LT_ERR_NOMEM,
 * LT_ERR_EXISTS (a key or tensor twice), LT_ERR_INVALID (a name too long, a tensor whose size is
 * no multiple of its block), LT_ERR_LIMIT. */
LT_NODISCARD enum lt_err san_gguf_write(struct san_gguf_writer *w, const char *path,
                                        struct lt_diag *diag);

#endif
