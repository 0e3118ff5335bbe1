/* cache_file.c - writing blocks down, and finding them again. */
#include "cache_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forward_impl.h"

#define VERSION    1
#define MAGIC      0x31686361634e4153u /* "SANcach1" on a little-endian machine */
#define ALIGN      64
#define BLOCKS_MAX 4000000u

struct head {
    uint64_t magic, version, key, n, table_sum;
};

struct row {
    uint64_t hash[2];
    uint64_t at, n_bytes, sum; /* of its numbers */
    int32_t n, n_mark;
};

struct san__cache_file {
    const struct san_net *net;
    const uint8_t *data;
    size_t n_bytes;
    const struct row *rows; /* in data, sorted by hash */
    size_t n;
};

uint64_t san__quick_hash(uint64_t seed, const void *data, size_t n)
{
    const uint8_t *p = data;
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t lane[4] = {seed + 1, seed ^ k, seed + 3 * k, ~seed}, w[4], last[4] = {0};
    for (; n >= 32; n -= 32, p += 32) {
        memcpy(w, p, 32);
        for (int i = 0; i < 4; i++) {
            lane[i] = (lane[i] ^ w[i]) * k;
            lane[i] ^= lane[i] >> 29;
        }
    }
    memcpy(last, p, n);
    uint64_t h = n * k;
    for (int i = 0; i < 4; i++) {
        h = (h ^ lane[i]) * 0xff51afd7ed558ccdu;
        h = (h ^ (h >> 33) ^ last[i]) * 0xc4ceb9fe1a85ec53u;
    }
    return h ^ (h >> 29);
}

/* ---- the numbers of a block: all behind its struct ---- */

static size_t behind(const struct san__block *b)
{
    return (size_t)((const char *)b->self - (const char *)b);
}

static size_t count_bytes(const struct san__block *b)
{
    return b->pub.n_bytes - behind(b);
}

static int by_hash(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b; /* a struct begins with its hash */
    if (x[0] != y[0]) return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

/* ---- reading ---- */

static enum lt_err map(struct san__cache_file *f, const char *path, struct lt_diag *diag)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lt_fail_errno(diag, "cannot read %s", path);
    enum lt_err err = fstat(fd, &st) ? lt_fail_errno(diag, "cannot read %s", path) : LT_OK;
    if (!err && (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct head)))
        err = lt_fail(diag, LT_ERR_PARSE, "%s: shorter than its head", path);
    if (!err) {
        f->n_bytes = (size_t)st.st_size;
        void *p = mmap(NULL, f->n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            err = lt_fail_errno(diag, "cannot map %s", path);
        else
            f->data = p;
    }
    close(fd);
    return err;
}

static enum lt_err check(struct san__cache_file *f, const char *path, uint64_t key,
                         struct lt_diag *diag)
{
    struct head h;
    memcpy(&h, f->data, sizeof h);
    if (h.magic != MAGIC || h.version != VERSION)
        return lt_fail(diag, LT_ERR_INVALID, "%s: not of this version", path);
    if (h.key != key) return lt_fail(diag, LT_ERR_INVALID, "%s: of another network", path);
    if (h.n > BLOCKS_MAX || h.n > (f->n_bytes - sizeof h) / sizeof(struct row))
        return lt_fail(diag, LT_ERR_PARSE, "%s: %llu blocks do not fit into %zu bytes", path,
                       (unsigned long long)h.n, f->n_bytes);
    f->n = (size_t)h.n;
    f->rows = (const struct row *)(const void *)(f->data + sizeof h);
    if (san__quick_hash(key, f->rows, f->n * sizeof *f->rows) != h.table_sum)
        return lt_fail(diag, LT_ERR_PARSE, "%s: its table fails the checksum", path);
    return LT_OK;
}

enum lt_err san__cache_file_open(const char *path, uint64_t key, const struct san_net *net,
                                 struct san__cache_file **out, struct lt_diag *diag)
{
    struct san__cache_file *f = calloc(1, sizeof *f);
    if (!f) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    f->net = net;
    enum lt_err err = map(f, path, diag);
    if (!err) err = check(f, path, key, diag);
    if (err) {
        san__cache_file_close(f);
        return err;
    }
    *out = f;
    return LT_OK;
}

void san__cache_file_close(struct san__cache_file *f)
{
    if (!f) return;
    if (f->data) munmap((void *)(uintptr_t)f->data, f->n_bytes);
    free(f);
}

struct san_block *san__cache_file_get(const struct san__cache_file *f, const uint64_t hash[2])
{
    const struct row *r = f->n ? bsearch(hash, f->rows, f->n, sizeof *f->rows, by_hash) : NULL;
    if (!r || r->n < 1 || r->n > f->net->h.n_ctx || r->n_mark < 0 || r->n_mark > r->n) return NULL;
    if (r->at > f->n_bytes || r->n_bytes > f->n_bytes - r->at) return NULL;
    struct san__block *b = san__block_alloc(f->net, r->n, r->n, r->n_mark);
    if (!b) return NULL;
    if (count_bytes(b) != r->n_bytes ||
        san__quick_hash(r->hash[0], f->data + r->at, r->n_bytes) != r->sum) {
        san_block_unref(&b->pub);
        return NULL;
    }
    memcpy((char *)b + behind(b), f->data + r->at, r->n_bytes);
    return &b->pub;
}

/* ---- writing ---- */

static int put(FILE *out, const void *p, size_t n)
{
    return n && fwrite(p, 1, n, out) != n;
}

static int put_all(FILE *out, const struct head *h, const struct row *rows,
                   const struct san__kept *kept, size_t n)
{
    static const char zero[ALIGN];
    size_t at = sizeof *h + n * sizeof *rows;
    int bad = put(out, h, sizeof *h) || put(out, rows, n * sizeof *rows);
    for (size_t i = 0; i < n && !bad; i++) {
        const struct san__block *b = (const struct san__block *)kept[i].block;
        bad = put(out, zero, (size_t)rows[i].at - at) || put(out, b->self, count_bytes(b));
        at = (size_t)(rows[i].at + rows[i].n_bytes);
    }
    return bad || fflush(out) || fsync(fileno(out));
}

enum lt_err san__cache_file_write(const char *path, uint64_t key, const struct san__kept *kept,
                                  size_t n, struct lt_diag *diag)
{
    char tmp[1100];
    struct row *rows = calloc(n + 1, sizeof *rows);
    struct san__kept *sorted = malloc((n + 1) * sizeof *sorted);
    if (!rows || !sorted || n > BLOCKS_MAX) {
        free(rows);
        free(sorted);
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    if (n) {
        memcpy(sorted, kept, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_hash);
    }
    uint64_t at = sizeof(struct head) + n * sizeof *rows;
    for (size_t i = 0; i < n; i++) {
        const struct san__block *b = (const struct san__block *)sorted[i].block;
        at = (at + ALIGN - 1) / ALIGN * ALIGN;
        rows[i] = (struct row){.hash = {sorted[i].hash[0], sorted[i].hash[1]},
                               .at = at,
                               .n_bytes = count_bytes(b),
                               .sum = san__quick_hash(sorted[i].hash[0], b->self, count_bytes(b)),
                               .n = b->pub.n,
                               .n_mark = b->pub.n_mark};
        at += rows[i].n_bytes;
    }
    struct head h = {.magic = MAGIC,
                     .version = VERSION,
                     .key = key,
                     .n = n,
                     .table_sum = san__quick_hash(key, rows, n * sizeof *rows)};
    enum lt_err err = LT_OK;
    int len = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    FILE *out = len > 0 && (size_t)len < sizeof tmp ? fopen(tmp, "wbe") : NULL;
    if (!out) {
        err = lt_fail_errno(diag, "cannot write %s", path);
    } else {
        int bad = put_all(out, &h, rows, sorted, n);
        bad = fclose(out) || bad;
        if (bad || rename(tmp, path)) {
            err = lt_fail_errno(diag, "cannot write %s", path);
            unlink(tmp);
        }
    }
    free(rows);
    free(sorted);
    return err;
}
