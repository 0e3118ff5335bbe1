/* gguf_write.c - the GGUF writer: keys are serialised as they come, tensors remembered, and the
 * whole is written to a temporary file that replaces the old one by rename. */
#include "san/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gguf_format.h"
#include "lt/buf.h"

#define META_CAP_BYTES ((size_t)1 << 30) /* keys with their values, tensor table */

struct tensor {
    char *name;
    enum san_type type;
    int n_dims;
    uint64_t dims[SAN_GGUF_DIMS_MAX];
    size_t n_bytes;
    const void *data;
};

struct san_gguf_writer {
    struct lt_buf kv;
    char *keys[SAN_GGUF_KV_MAX];
    size_t n_kv;
    struct tensor *tensors;
    size_t n_tensors, cap_tensors;
    struct lt_diag first; /* first failure */
};

struct san_gguf_writer *san_gguf_writer_new(void)
{
    struct san_gguf_writer *w = calloc(1, sizeof *w);
    if (w) lt_buf_init(&w->kv, META_CAP_BYTES);
    return w;
}

void san_gguf_writer_free(struct san_gguf_writer *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n_kv; i++) free(w->keys[i]);
    for (size_t i = 0; i < w->n_tensors; i++) free(w->tensors[i].name);
    free(w->tensors);
    lt_buf_free(&w->kv);
    free(w);
}

static void put(struct san_gguf_writer *w, const void *p, size_t n)
{
    enum lt_err err = lt_buf_add(&w->kv, p, n);
    if (err) lt_fail(&w->first, err, "GGUF keys: %s", lt_strerror(err));
}

static void put_u32(struct san_gguf_writer *w, uint32_t v)
{
    put(w, &v, sizeof v);
}
static void put_u64(struct san_gguf_writer *w, uint64_t v)
{
    put(w, &v, sizeof v);
}

static void put_str(struct san_gguf_writer *w, const char *p, size_t n)
{
    if (n > SAN_GGUF_STR_MAX)
        lt_fail(&w->first, LT_ERR_LIMIT, "GGUF: a string of %zu bytes is over the limit of %u", n,
                SAN_GGUF_STR_MAX);
    put_u64(w, n);
    put(w, p, n);
}

static int is_name_ok(struct san_gguf_writer *w, const char *name)
{
    size_t n = strlen(name);
    if (n > 0 && n <= SAN_GGUF_NAME_MAX) return 1;
    lt_fail(&w->first, LT_ERR_INVALID, "GGUF: name of %zu bytes, must be 1..%d", n,
            SAN_GGUF_NAME_MAX);
    return 0;
}

/* Begin a key; 0 when it cannot be taken and nothing must follow. */
static int put_key(struct san_gguf_writer *w, const char *key, enum gguf_kind kind)
{
    if (w->first.code || !is_name_ok(w, key)) return 0;
    for (size_t i = 0; i < w->n_kv; i++)
        if (strcmp(w->keys[i], key) == 0) {
            lt_fail(&w->first, LT_ERR_EXISTS, "GGUF: key %s is given twice", key);
            return 0;
        }
    if (w->n_kv == SAN_GGUF_KV_MAX) {
        lt_fail(&w->first, LT_ERR_LIMIT, "GGUF: more than %d keys", SAN_GGUF_KV_MAX);
        return 0;
    }
    char *copy = strdup(key);
    if (!copy) {
        lt_fail(&w->first, LT_ERR_NOMEM, "GGUF: out of memory");
        return 0;
    }
    w->keys[w->n_kv++] = copy;
    put_str(w, key, strlen(key));
    put_u32(w, kind);
    return 1;
}

void san_gguf_add_u32(struct san_gguf_writer *w, const char *key, uint32_t v)
{
    if (put_key(w, key, GGUF_U32)) put_u32(w, v);
}

void san_gguf_add_u64(struct san_gguf_writer *w, const char *key, uint64_t v)
{
    if (put_key(w, key, GGUF_U64)) put_u64(w, v);
}

void san_gguf_add_f32(struct san_gguf_writer *w, const char *key, float v)
{
    if (put_key(w, key, GGUF_F32)) put(w, &v, sizeof v);
}

void san_gguf_add_bool(struct san_gguf_writer *w, const char *key, int v)
{
    uint8_t b = v != 0;
    if (put_key(w, key, GGUF_BOOL)) put(w, &b, 1);
}

void san_gguf_add_str(struct san_gguf_writer *w, const char *key, const char *v)
{
    if (put_key(w, key, GGUF_STR)) put_str(w, v, strlen(v));
}

static int put_array(struct san_gguf_writer *w, const char *key, enum gguf_kind elem, size_t n)
{
    if (!put_key(w, key, GGUF_ARRAY)) return 0;
    put_u32(w, elem);
    put_u64(w, n);
    return 1;
}

void san_gguf_add_f32_array(struct san_gguf_writer *w, const char *key, const float *v, size_t n)
{
    if (put_array(w, key, GGUF_F32, n) && n) put(w, v, n * sizeof *v);
}

void san_gguf_add_i32_array(struct san_gguf_writer *w, const char *key, const int32_t *v, size_t n)
{
    if (put_array(w, key, GGUF_I32, n) && n) put(w, v, n * sizeof *v);
}

void san_gguf_add_str_array(struct san_gguf_writer *w, const char *key,
                            const struct san_gguf_str *v, size_t n)
{
    if (!put_array(w, key, GGUF_STR, n)) return;
    for (size_t i = 0; i < n; i++) put_str(w, v[i].p, v[i].n);
}

void san_gguf_add_copy(struct san_gguf_writer *w, const struct san_gguf *from, const char *key)
{
    enum gguf_kind kind;
    const void *p;
    size_t n;
    if (!san__gguf_raw(from, key, &kind, &p, &n)) {
        lt_fail(&w->first, LT_ERR_NOTFOUND, "GGUF: there is no key %s to copy", key);
        return;
    }
    if (put_key(w, key, kind)) put(w, p, n);
}

void san_gguf_add_tensor(struct san_gguf_writer *w, const char *name, enum san_type type,
                         int n_dims, const uint64_t *dims, const void *data)
{
    if (w->first.code || !is_name_ok(w, name)) return;
    const struct san_type_traits *tr = san_type_traits((uint32_t)type);
    struct tensor t = {.type = type, .n_dims = n_dims, .data = data};
    size_t n_items = 1;
    int is_ok = tr && n_dims >= 1 && n_dims <= SAN_GGUF_DIMS_MAX && dims[0] % tr->block_items == 0;
    for (int d = 0; is_ok && d < n_dims; d++) {
        t.dims[d] = dims[d];
        is_ok = dims[d] > 0 && dims[d] <= SIZE_MAX / n_items;
        if (is_ok) n_items *= (size_t)dims[d];
    }
    t.n_bytes = is_ok ? san_type_bytes(type, n_items) : 0;
    if (t.n_bytes == 0) {
        lt_fail(&w->first, LT_ERR_INVALID, "GGUF: tensor %s: shape or type cannot be stored", name);
        return;
    }
    for (size_t i = 0; i < w->n_tensors; i++)
        if (strcmp(w->tensors[i].name, name) == 0) {
            lt_fail(&w->first, LT_ERR_EXISTS, "GGUF: tensor %s is given twice", name);
            return;
        }
    if (w->n_tensors == SAN_GGUF_TENSOR_MAX) {
        lt_fail(&w->first, LT_ERR_LIMIT, "GGUF: more than %d tensors", SAN_GGUF_TENSOR_MAX);
        return;
    }
    if (w->n_tensors == w->cap_tensors) {
        size_t cap = w->cap_tensors ? 2 * w->cap_tensors : 64;
        struct tensor *more = realloc(w->tensors, cap * sizeof *more);
        if (more) {
            w->tensors = more;
            w->cap_tensors = cap;
        }
    }
    t.name = strdup(name);
    if (w->n_tensors == w->cap_tensors || !t.name) {
        free(t.name);
        lt_fail(&w->first, LT_ERR_NOMEM, "GGUF: out of memory");
        return;
    }
    w->tensors[w->n_tensors++] = t;
}

static size_t align_up(size_t n)
{
    return (n + GGUF_ALIGN_DEFAULT - 1) / GGUF_ALIGN_DEFAULT * GGUF_ALIGN_DEFAULT;
}

/* Everything that stands before the tensors' bytes. */
static enum lt_err build_head(const struct san_gguf_writer *w, struct lt_buf *b)
{
    struct {
        uint32_t magic, version;
        uint64_t n_tensors, n_kv;
    } head = {GGUF_MAGIC, GGUF_VERSION, w->n_tensors, w->n_kv};
    _Static_assert(sizeof head == GGUF_HEADER_BYTES, "no padding in the header");
    enum lt_err err = lt_buf_add(b, &head, sizeof head);
    if (!err && w->kv.n) err = lt_buf_add(b, w->kv.p, w->kv.n);
    uint64_t offset = 0;
    for (size_t i = 0; i < w->n_tensors && !err; i++) {
        const struct tensor *t = &w->tensors[i];
        uint64_t name_len = strlen(t->name);
        uint32_t n_dims = (uint32_t)t->n_dims, type = (uint32_t)t->type;
        err = lt_buf_add(b, &name_len, sizeof name_len);
        if (!err) err = lt_buf_add(b, t->name, (size_t)name_len);
        if (!err) err = lt_buf_add(b, &n_dims, sizeof n_dims);
        if (!err) err = lt_buf_add(b, t->dims, n_dims * sizeof t->dims[0]);
        if (!err) err = lt_buf_add(b, &type, sizeof type);
        if (!err) err = lt_buf_add(b, &offset, sizeof offset);
        offset += align_up(t->n_bytes);
    }
    return err;
}

static int write_padded(FILE *f, const void *p, size_t n)
{
    static const char zeroes[GGUF_ALIGN_DEFAULT];
    if (n && fwrite(p, 1, n, f) != n) return -1;
    size_t pad = align_up(n) - n;
    return pad && fwrite(zeroes, 1, pad, f) != pad ? -1 : 0;
}

static int write_all(FILE *f, const struct san_gguf_writer *w, const struct lt_buf *head)
{
    if (write_padded(f, head->p, head->n)) return -1;
    for (size_t i = 0; i < w->n_tensors; i++)
        if (write_padded(f, w->tensors[i].data, w->tensors[i].n_bytes)) return -1;
    return fflush(f) || fsync(fileno(f)) ? -1 : 0;
}

/* The rename itself must reach the disk too. A file system that cannot sync a folder is no reason
 * to fail: the file is there. */
static void sync_folder(const char *path)
{
    char *folder = strdup(path);
    if (!folder) return;
    char *slash = strrchr(folder, '/');
    if (slash == folder) slash++;
    if (slash) *slash = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

enum lt_err san_gguf_write(struct san_gguf_writer *w, const char *path, struct lt_diag *diag)
{
    static const char suffix[] = ".tmp-XXXXXX";
    if (w->first.code) return lt_fail(diag, w->first.code, "%s: %s", path, w->first.text);
    enum lt_err err = LT_ERR_NOMEM;
    FILE *f = NULL;
    int fd = -1;
    struct lt_buf head;
    lt_buf_init(&head, META_CAP_BYTES);
    char *tmp = malloc(strlen(path) + sizeof suffix);
    if (!tmp) goto out;
    memcpy(tmp, path, strlen(path));
    memcpy(tmp + strlen(path), suffix, sizeof suffix);
    err = build_head(w, &head);
    if (err) goto out;
    fd = mkstemp(tmp);
    if (fd < 0) {
        err = lt_fail_errno(diag, "%s: cannot create a file beside it", path);
        goto out;
    }
    /* mkstemp makes private files; a model is readable like any other file */
    if (fchmod(fd, 0644) == 0) f = fdopen(fd, "wb");
    if (f) fd = -1; /* now the stream's */
    int is_written = f && write_all(f, w, &head) == 0;
    if (f && fclose(f)) is_written = 0;
    if (!is_written || rename(tmp, path)) {
        err = lt_fail_errno(diag, "%s: cannot write (disk full?)", path);
        unlink(tmp);
        goto out;
    }
    sync_folder(path);
out:
    if (fd >= 0) close(fd);
    free(tmp);
    lt_buf_free(&head);
    return err ? lt_fail(diag, err, "%s: %s", path, lt_strerror(err)) : LT_OK;
}
