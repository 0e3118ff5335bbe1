/* gguf.c - the GGUF reader: map, check everything once, then hand out views.
 *
 * A cursor walks the file and is the only thing that reads it during parsing; its one take()
 * compares every length with what is left of the file. */
#include "san/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gguf_format.h"

struct value {
    char *key; /* own copy, NUL-terminated */
    uint32_t kind;
    uint64_t bits;             /* scalar: its bytes, zero-extended */
    char *str;                 /* GGUF_STR: own copy, NUL-terminated */
    uint32_t elem_kind;        /* GGUF_ARRAY */
    uint64_t n;                /* GGUF_ARRAY: elements */
    const uint8_t *elems;      /* GGUF_ARRAY of numbers: into the file, any alignment */
    struct san_gguf_str *strs; /* GGUF_ARRAY of strings: own array of views */
    const uint8_t *raw;        /* the value as it lies in the file, after its kind */
    size_t n_raw;
};

struct san_gguf {
    const uint8_t *data;
    size_t n_bytes;
    int is_mapped;
    char *name; /* for error texts */
    struct value *kv;
    size_t n_kv;
    struct san_gguf_tensor *tensors;
    char **tensor_names;
    size_t n_tensors;
};

struct cursor {
    const struct san_gguf *g;
    size_t at;
    struct lt_diag *diag;
};

static const uint8_t kind_bytes[GGUF_KIND_COUNT] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static enum lt_err fail_at(struct cursor *c, enum lt_err err, size_t at, const char *what)
{
    if (c->diag && c->diag->code == LT_OK) c->diag->offset_bytes = at;
    return lt_fail(c->diag, err, "%s: byte %zu: %s", c->g->name, at, what);
}

static enum lt_err fail_short(struct cursor *c)
{
    return fail_at(c, LT_ERR_PARSE, c->at, "the file ends too early; copy or download it again");
}

/* The next n bytes, or an error when the file has fewer. */
static enum lt_err take(struct cursor *c, uint64_t n, const uint8_t **out)
{
    if (n > c->g->n_bytes - c->at) return fail_short(c);
    *out = c->g->data + c->at;
    c->at += (size_t)n;
    return LT_OK;
}

static enum lt_err take_uint(struct cursor *c, size_t n, uint64_t *out)
{
    const uint8_t *p = NULL;
    enum lt_err err = take(c, n, &p);
    if (err) return err;
    *out = 0;
    memcpy(out, p, n);
    return LT_OK;
}

static enum lt_err take_u32(struct cursor *c, uint32_t *out)
{
    uint64_t v = 0;
    enum lt_err err = take_uint(c, 4, &v);
    if (!err) *out = (uint32_t)v;
    return err;
}

static enum lt_err take_str(struct cursor *c, uint64_t max, struct san_gguf_str *out)
{
    size_t at = c->at;
    uint64_t n = 0;
    const uint8_t *p = NULL;
    enum lt_err err = take_uint(c, 8, &n);
    if (err) return err;
    if (n > max) return fail_at(c, LT_ERR_LIMIT, at, "a string is too long; the file is corrupt");
    err = take(c, n, &p);
    if (err) return err;
    out->p = (const char *)p;
    out->n = (size_t)n;
    return LT_OK;
}

static char *copy_str(struct san_gguf_str s)
{
    char *p = malloc(s.n + 1);
    if (!p) return NULL;
    memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

/* A key or tensor name: not empty, no NUL inside, so that it can be a C string. */
static enum lt_err take_name(struct cursor *c, char **out)
{
    size_t at = c->at;
    struct san_gguf_str s = {0};
    enum lt_err err = take_str(c, SAN_GGUF_NAME_MAX, &s);
    if (err) return err;
    if (s.n == 0 || memchr(s.p, 0, s.n))
        return fail_at(c, LT_ERR_PARSE, at, "a name is empty or holds a NUL; the file is corrupt");
    *out = copy_str(s);
    return *out ? LT_OK : LT_ERR_NOMEM;
}

static enum lt_err take_array(struct cursor *c, struct value *v)
{
    size_t at = c->at;
    enum lt_err err = take_u32(c, &v->elem_kind);
    if (!err) err = take_uint(c, 8, &v->n);
    if (err) return err;
    if (v->elem_kind >= GGUF_KIND_COUNT || v->elem_kind == GGUF_ARRAY)
        return fail_at(c, LT_ERR_UNSUPPORTED, at, "array of arrays or of an unknown kind");
    if (v->elem_kind != GGUF_STR) {
        uint64_t size = kind_bytes[v->elem_kind];
        if (v->n > (c->g->n_bytes - c->at) / size) return fail_short(c);
        return take(c, v->n * size, &v->elems);
    }
    /* every string has at least its 8 length bytes, so this bounds the allocation by the file */
    if (v->n > (c->g->n_bytes - c->at) / 8) return fail_short(c);
    v->strs = malloc((size_t)(v->n ? v->n : 1) * sizeof *v->strs);
    if (!v->strs) return LT_ERR_NOMEM;
    for (uint64_t i = 0; i < v->n; i++) {
        err = take_str(c, SAN_GGUF_STR_MAX, &v->strs[i]);
        if (err) return err;
    }
    return LT_OK;
}

/* The value after its kind, which was read already. */
static enum lt_err take_value(struct cursor *c, struct value *v)
{
    if (v->kind >= GGUF_KIND_COUNT)
        return fail_at(c, LT_ERR_PARSE, c->at - sizeof v->kind,
                       "unknown kind of value; the file is corrupt or newer");
    if (v->kind == GGUF_ARRAY) return take_array(c, v);
    if (v->kind != GGUF_STR) return take_uint(c, kind_bytes[v->kind], &v->bits);
    struct san_gguf_str s = {0};
    enum lt_err err = take_str(c, SAN_GGUF_STR_MAX, &s);
    if (err) return err;
    v->str = copy_str(s);
    return v->str ? LT_OK : LT_ERR_NOMEM;
}

static const struct value *find(const struct san_gguf *g, const char *key)
{
    for (size_t i = 0; i < g->n_kv; i++)
        if (strcmp(g->kv[i].key, key) == 0) return &g->kv[i];
    return NULL;
}

static enum lt_err parse_header(struct cursor *c, uint64_t *n_tensors, uint64_t *n_kv)
{
    uint32_t magic = 0, version = 0;
    enum lt_err err = take_u32(c, &magic);
    if (!err && magic != GGUF_MAGIC)
        return fail_at(c, LT_ERR_PARSE, 0, "not a GGUF file (it does not begin with \"GGUF\")");
    if (!err) err = take_u32(c, &version);
    if (err) return err;
    if (version != GGUF_VERSION)
        return fail_at(c, LT_ERR_UNSUPPORTED, 4,
                       version == 0x03000000u ? "big-endian GGUF; convert it to little-endian"
                                              : "GGUF version is not 3; convert the file");
    err = take_uint(c, 8, n_tensors);
    if (!err) err = take_uint(c, 8, n_kv);
    if (err) return err;
    if (*n_tensors > SAN_GGUF_TENSOR_MAX)
        return fail_at(c, LT_ERR_LIMIT, 8, "more tensors than are supported; the file is corrupt");
    if (*n_kv > SAN_GGUF_KV_MAX)
        return fail_at(c, LT_ERR_LIMIT, 16, "more keys than are supported; the file is corrupt");
    return LT_OK;
}

static enum lt_err parse_kv(struct cursor *c, struct san_gguf *g, uint64_t n)
{
    g->kv = calloc((size_t)n + 1, sizeof *g->kv);
    if (!g->kv) return LT_ERR_NOMEM;
    for (uint64_t i = 0; i < n; i++) {
        struct value *v = &g->kv[i];
        size_t at = c->at;
        enum lt_err err = take_name(c, &v->key);
        if (err) return err;
        int is_twice = find(g, v->key) != NULL;
        g->n_kv++; /* from here on it is freed with the rest */
        if (is_twice) return fail_at(c, LT_ERR_PARSE, at, "a key appears twice");
        err = take_u32(c, &v->kind);
        size_t start = c->at;
        if (!err) err = take_value(c, v);
        if (err) return err;
        v->raw = c->g->data + start;
        v->n_raw = c->at - start;
    }
    return LT_OK;
}

/* Shape, type and offset of one tensor; its data pointer is set once the data section is known,
 * until then n_bytes is known and *offset is relative to that section. */
static enum lt_err parse_tensor(struct cursor *c, struct san_gguf_tensor *t, char **name,
                                uint64_t *offset)
{
    size_t at = c->at;
    uint32_t n_dims = 0, type = 0;
    enum lt_err err = take_name(c, name);
    if (err) return err;
    t->name = *name;
    err = take_u32(c, &n_dims);
    if (err) return err;
    if (n_dims < 1 || n_dims > SAN_GGUF_DIMS_MAX)
        return lt_fail(c->diag, LT_ERR_PARSE, "%s: byte %zu: tensor %s has %u dimensions",
                       c->g->name, at, t->name, n_dims);
    t->n_dims = (int)n_dims;
    t->n_items = 1;
    for (uint32_t d = 0; d < SAN_GGUF_DIMS_MAX; d++) {
        t->dims[d] = 1;
        if (d < n_dims) err = take_uint(c, 8, &t->dims[d]);
        if (err) return err;
        if (t->dims[d] == 0 || t->dims[d] > SIZE_MAX / t->n_items)
            return lt_fail(c->diag, LT_ERR_PARSE, "%s: byte %zu: tensor %s has an impossible shape",
                           c->g->name, at, t->name);
        t->n_items *= (size_t)t->dims[d];
    }
    err = take_u32(c, &type);
    if (!err) err = take_uint(c, 8, offset);
    if (err) return err;
    const struct san_type_traits *tr = san_type_traits(type);
    if (!tr)
        return lt_fail(c->diag, LT_ERR_UNSUPPORTED,
                       "%s: tensor %s has type %u; use F32, F16, BF16, Q8_0 or Q4_0", c->g->name,
                       t->name, type);
    t->type = tr->type;
    if (t->dims[0] % tr->block_items)
        return lt_fail(c->diag, LT_ERR_PARSE, "%s: tensor %s: rows of %llu are no multiple of %zu",
                       c->g->name, t->name, (unsigned long long)t->dims[0], tr->block_items);
    t->n_bytes = san_type_bytes(t->type, t->n_items);
    if (t->n_bytes == 0)
        return lt_fail(c->diag, LT_ERR_PARSE, "%s: tensor %s has an impossible size", c->g->name,
                       t->name);
    return LT_OK;
}

static enum lt_err parse_tensors(struct cursor *c, struct san_gguf *g, uint64_t n)
{
    g->tensors = calloc((size_t)n + 1, sizeof *g->tensors);
    g->tensor_names = calloc((size_t)n + 1, sizeof *g->tensor_names);
    uint64_t *offsets = calloc((size_t)n + 1, sizeof *offsets);
    enum lt_err err = LT_ERR_NOMEM;
    if (!g->tensors || !g->tensor_names || !offsets) goto out;
    uint32_t align = GGUF_ALIGN_DEFAULT;
    err = LT_OK;
    if (find(g, "general.alignment"))
        err = san_gguf_get_u32(g, "general.alignment", &align, c->diag);
    if (err) goto out;
    if (align < 8 || align > GGUF_ALIGN_MAX || (align & (align - 1))) {
        err = lt_fail(c->diag, LT_ERR_PARSE, "%s: general.alignment %u is no power of two in 8..%u",
                      g->name, align, GGUF_ALIGN_MAX);
        goto out;
    }
    for (uint64_t i = 0; i < n; i++) {
        struct san_gguf_tensor *t = &g->tensors[i];
        err = parse_tensor(c, t, &g->tensor_names[i], &offsets[i]);
        if (err) goto out;
        if (san_gguf_tensor(g, t->name)) {
            err = lt_fail(c->diag, LT_ERR_PARSE, "%s: tensor %s appears twice", g->name, t->name);
            goto out;
        }
        g->n_tensors++;
    }
    if (n == 0) goto out;
    size_t start = c->at;
    if (start % align) start += align - start % align;
    for (uint64_t i = 0; i < n; i++) {
        struct san_gguf_tensor *t = &g->tensors[i];
        if (offsets[i] % align || start > g->n_bytes || offsets[i] > g->n_bytes - start ||
            t->n_bytes > g->n_bytes - start - (size_t)offsets[i]) {
            err = lt_fail(c->diag, LT_ERR_PARSE,
                          "%s: tensor %s (%zu bytes at offset %llu) is unaligned or lies beyond "
                          "the file's end; copy or download it again",
                          g->name, t->name, t->n_bytes, (unsigned long long)offsets[i]);
            goto out;
        }
        t->data = g->data + start + (size_t)offsets[i];
    }
out:
    free(offsets);
    return err;
}

/* Parse what g->data holds; on failure g is closed. */
static enum lt_err parse(struct san_gguf *g, struct san_gguf **out, struct lt_diag *diag)
{
    struct cursor c = {.g = g, .diag = diag};
    uint64_t n_tensors = 0, n_kv = 0;
    enum lt_err err = parse_header(&c, &n_tensors, &n_kv);
    if (!err) err = parse_kv(&c, g, n_kv);
    if (!err) err = parse_tensors(&c, g, n_tensors);
    if (err) {
        san_gguf_close(g);
        return lt_fail(diag, err, "GGUF file: %s", lt_strerror(err));
    }
    *out = g;
    return LT_OK;
}

enum lt_err san_gguf_open(const char *path, struct san_gguf **out, struct lt_diag *diag)
{
    enum lt_err err = LT_ERR_NOMEM;
    int fd = -1;
    struct stat st;
    struct san_gguf *g = calloc(1, sizeof *g);
    if (!g) goto out;
    g->name = strdup(path);
    if (!g->name) goto out;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err = lt_fail_errno(diag, "model file %s: cannot open", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        err = lt_fail(diag, LT_ERR_INVALID, "model file %s: not a regular file", path);
        goto out;
    }
    if (st.st_size < GGUF_HEADER_BYTES) {
        err = lt_fail(diag, LT_ERR_PARSE, "model file %s: too short for a GGUF file (%lld bytes)",
                      path, (long long)st.st_size);
        goto out;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        err = lt_fail_errno(diag, "model file %s: cannot map", path);
        goto out;
    }
    g->data = map;
    g->n_bytes = (size_t)st.st_size;
    g->is_mapped = 1;
    close(fd);
    return parse(g, out, diag);
out:
    if (fd >= 0) close(fd);
    san_gguf_close(g);
    return lt_fail(diag, err, "model file %s: %s", path, lt_strerror(err));
}

enum lt_err san_gguf_open_memory(const void *data, size_t n, const char *name,
                                 struct san_gguf **out, struct lt_diag *diag)
{
    struct san_gguf *g = calloc(1, sizeof *g);
    if (g) g->name = strdup(name);
    if (!g || !g->name) {
        san_gguf_close(g);
        return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", name);
    }
    g->data = data;
    g->n_bytes = n;
    return parse(g, out, diag);
}

void san_gguf_close(struct san_gguf *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->n_kv; i++) {
        free(g->kv[i].key);
        free(g->kv[i].str);
        free(g->kv[i].strs);
    }
    /* names are filled one by one and end with NULL, also when parsing stopped halfway */
    for (size_t i = 0; g->tensor_names && g->tensor_names[i]; i++) free(g->tensor_names[i]);
    free(g->kv);
    free(g->tensors);
    free(g->tensor_names);
    if (g->is_mapped) {
        union {
            const void *from;
            void *to;
        } map = {.from = g->data}; /* munmap takes no const */
        munmap(map.to, g->n_bytes);
    }
    free(g->name);
    free(g);
}

size_t san_gguf_n_tensors(const struct san_gguf *g)
{
    return g->n_tensors;
}

const struct san_gguf_tensor *san_gguf_tensor_at(const struct san_gguf *g, size_t i)
{
    return i < g->n_tensors ? &g->tensors[i] : NULL;
}

const struct san_gguf_tensor *san_gguf_tensor(const struct san_gguf *g, const char *name)
{
    for (size_t i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensors[i].name, name) == 0) return &g->tensors[i];
    return NULL;
}

size_t san_gguf_n_keys(const struct san_gguf *g)
{
    return g->n_kv;
}

const char *san_gguf_key_at(const struct san_gguf *g, size_t i)
{
    return i < g->n_kv ? g->kv[i].key : NULL;
}

int san_gguf_has(const struct san_gguf *g, const char *key)
{
    return find(g, key) != NULL;
}

int san__gguf_raw(const struct san_gguf *g, const char *key, enum gguf_kind *kind, const void **p,
                  size_t *n)
{
    const struct value *v = find(g, key);
    if (!v) return 0;
    *kind = (enum gguf_kind)v->kind;
    *p = v->raw;
    *n = v->n_raw;
    return 1;
}

/* An integer of any width from its bytes. Returns 0 when the kind is none or the value leaves
 * -2^63..2^63-1. */
static int int_of(uint32_t kind, uint64_t bits, int64_t *out)
{
    switch (kind) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
        *out = (int64_t)bits;
        return 1;
    case GGUF_U64:
        *out = (int64_t)bits;
        return bits <= INT64_MAX;
    case GGUF_I8:
        *out = (int8_t)bits;
        return 1;
    case GGUF_I16:
        *out = (int16_t)bits;
        return 1;
    case GGUF_I32:
        *out = (int32_t)bits;
        return 1;
    case GGUF_I64:
        *out = (int64_t)bits;
        return 1;
    default:
        return 0;
    }
}

static int float_of(uint32_t kind, uint64_t bits, float *out)
{
    if (kind == GGUF_F32) {
        uint32_t b = (uint32_t)bits;
        memcpy(out, &b, sizeof b);
        return 1;
    }
    if (kind == GGUF_F64) {
        double d;
        memcpy(&d, &bits, sizeof d);
        *out = (float)d;
        return 1;
    }
    return 0;
}

static enum lt_err lookup(const struct san_gguf *g, const char *key, const struct value **out,
                          struct lt_diag *diag)
{
    *out = find(g, key);
    return *out ? LT_OK : lt_fail(diag, LT_ERR_NOTFOUND, "%s: key %s is missing", g->name, key);
}

static enum lt_err fail_kind(const struct san_gguf *g, const char *key, const char *want,
                             struct lt_diag *diag)
{
    return lt_fail(diag, LT_ERR_INVALID, "%s: key %s is not %s", g->name, key, want);
}

enum lt_err san_gguf_get_u32(const struct san_gguf *g, const char *key, uint32_t *out,
                             struct lt_diag *diag)
{
    const struct value *v = NULL;
    int64_t i;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    if (!int_of(v->kind, v->bits, &i) || i < 0 || i > UINT32_MAX)
        return fail_kind(g, key, "an integer of 32 bits", diag);
    *out = (uint32_t)i;
    return LT_OK;
}

enum lt_err san_gguf_get_f32(const struct san_gguf *g, const char *key, float *out,
                             struct lt_diag *diag)
{
    const struct value *v = NULL;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    return float_of(v->kind, v->bits, out) ? LT_OK : fail_kind(g, key, "a float", diag);
}

enum lt_err san_gguf_get_bool(const struct san_gguf *g, const char *key, int *out,
                              struct lt_diag *diag)
{
    const struct value *v = NULL;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    if (v->kind != GGUF_BOOL) return fail_kind(g, key, "a bool", diag);
    *out = v->bits != 0;
    return LT_OK;
}

enum lt_err san_gguf_get_str(const struct san_gguf *g, const char *key, const char **out,
                             struct lt_diag *diag)
{
    const struct value *v = NULL;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    if (v->kind != GGUF_STR) return fail_kind(g, key, "a string", diag);
    *out = v->str;
    return LT_OK;
}

uint32_t san_gguf_u32_or(const struct san_gguf *g, const char *key, uint32_t fallback)
{
    uint32_t v = 0;
    return san_gguf_get_u32(g, key, &v, NULL) ? fallback : v;
}

float san_gguf_f32_or(const struct san_gguf *g, const char *key, float fallback)
{
    float v = 0;
    return san_gguf_get_f32(g, key, &v, NULL) ? fallback : v;
}

int san_gguf_bool_or(const struct san_gguf *g, const char *key, int fallback)
{
    int v = 0;
    return san_gguf_get_bool(g, key, &v, NULL) ? fallback : v;
}

const char *san_gguf_str_or(const struct san_gguf *g, const char *key, const char *fallback)
{
    const char *v = NULL;
    return san_gguf_get_str(g, key, &v, NULL) ? fallback : v;
}

static uint64_t elem_bits(const struct value *v, size_t i)
{
    uint64_t bits = 0;
    size_t size = kind_bytes[v->elem_kind];
    memcpy(&bits, v->elems + i * size, size);
    return bits;
}

enum lt_err san_gguf_get_f32_array(const struct san_gguf *g, const char *key, float **out,
                                   size_t *n, struct lt_diag *diag)
{
    const struct value *v = NULL;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    if (v->kind != GGUF_ARRAY || (v->elem_kind != GGUF_F32 && v->elem_kind != GGUF_F64))
        return fail_kind(g, key, "an array of floats", diag);
    float *a = NULL;
    if (v->n && !(a = malloc((size_t)v->n * sizeof *a)))
        return lt_fail(diag, LT_ERR_NOMEM, "%s: key %s: out of memory", g->name, key);
    for (size_t i = 0; i < v->n; i++) float_of(v->elem_kind, elem_bits(v, i), &a[i]);
    *out = a;
    *n = (size_t)v->n;
    return LT_OK;
}

enum lt_err san_gguf_get_i32_array(const struct san_gguf *g, const char *key, int32_t **out,
                                   size_t *n, struct lt_diag *diag)
{
    const struct value *v = NULL;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    if (v->kind != GGUF_ARRAY || v->elem_kind == GGUF_STR)
        return fail_kind(g, key, "an array of integers", diag);
    int32_t *a = NULL;
    if (v->n && !(a = malloc((size_t)v->n * sizeof *a)))
        return lt_fail(diag, LT_ERR_NOMEM, "%s: key %s: out of memory", g->name, key);
    for (size_t i = 0; i < v->n; i++) {
        int64_t x;
        if (!int_of(v->elem_kind, elem_bits(v, i), &x) || x < INT32_MIN || x > INT32_MAX) {
            free(a);
            return fail_kind(g, key, "an array of integers of 32 bits", diag);
        }
        a[i] = (int32_t)x;
    }
    *out = a;
    *n = (size_t)v->n;
    return LT_OK;
}

enum lt_err san_gguf_get_str_array(const struct san_gguf *g, const char *key,
                                   const struct san_gguf_str **out, size_t *n, struct lt_diag *diag)
{
    const struct value *v = NULL;
    enum lt_err err = lookup(g, key, &v, diag);
    if (err) return err;
    if (v->kind != GGUF_ARRAY || v->elem_kind != GGUF_STR)
        return fail_kind(g, key, "an array of strings", diag);
    *out = v->strs;
    *n = (size_t)v->n;
    return LT_OK;
}
