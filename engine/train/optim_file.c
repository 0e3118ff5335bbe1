/* optim_file.c - a training run on disk, so that it can go on after a stop.
 *
 * One file holds everything a step depends on:
 *
 *     struct head | parameters | m | v | average (if has_ema) | blob | u64 checksum of all before
 *
 * in the machine's own byte order: a state file is for resuming here, models travel as GGUF. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "optim_int.h"

#define MAGIC        UINT64_C(0x3154504f4e4153) /* "SANOPT1", read back on a machine of equal byte order */
#define PATH_LEN_MAX 4096

struct head {
    uint64_t magic, n_float, n_done, blob_len;
    int32_t size[14]; /* the network's sizes, see describe */
    int32_t has_ema, unused;
};
_Static_assert(sizeof(struct head) == 4 * 8 + 16 * 4, "no padding: the head is written as it is");

struct stream {
    FILE *f;
    uint64_t sum;
    int is_failed; /* short read or write */
};

/* FNV-1a over 8-byte words (the tail zero-padded): finds damage, guards against nobody. */
static uint64_t add_sum(uint64_t sum, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t w;

    for (; n > 0; n -= n < 8 ? n : 8, p += 8) {
        w = 0;
        memcpy(&w, p, n < 8 ? n : 8);
        sum = (sum ^ w) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    return sum;
}

static void put(struct stream *s, const void *data, size_t n)
{
    if (n > 0 && fwrite(data, 1, n, s->f) != n) s->is_failed = 1;
    s->sum = add_sum(s->sum, data, n);
}

static void get(struct stream *s, void *data, size_t n)
{
    if (n > 0 && fread(data, 1, n, s->f) != n) {
        s->is_failed = 1;
        return;
    }
    s->sum = add_sum(s->sum, data, n);
}

static struct head describe(const struct san_optim *o)
{
    const struct san_hparams *h = &o->h;
    struct head d = {.magic = MAGIC,
                     .n_float = o->m.n,
                     .n_done = o->n_done,
                     .size = {h->n_vocab, h->width, h->n_head, h->n_kv_head, h->n_enc, h->n_dec,
                              h->ret_hidden, h->ret_dim, h->n_flag, h->n_class, h->n_feat,
                              (int32_t)h->mask, (int32_t)h->render, 0},
                     .has_ema = o->ema != NULL};

    return d;
}

enum lt_err san_optim_save(const struct san_optim *o, const struct san_params *params,
                           const void *blob, size_t blob_len, const char *path,
                           struct lt_diag *diag)
{
    struct head head = describe(o);
    const size_t bytes = o->m.n * sizeof(float);
    struct stream s = {0};
    char tmp[PATH_LEN_MAX];
    uint64_t sum;

    if (blob_len > SAN_OPTIM_BLOB_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "state file: %zu bytes of caller state, at most %d",
                       blob_len, SAN_OPTIM_BLOB_MAX);
    if (params->n != o->m.n)
        return lt_fail(diag, LT_ERR_INVALID, "state file: parameters of another network");
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
        return lt_fail(diag, LT_ERR_LIMIT, "state file: path is too long");
    s.f = fopen(tmp, "wb");
    if (!s.f) return lt_fail_errno(diag, "state file %s", tmp);
    head.blob_len = blob_len;
    put(&s, &head, sizeof head);
    put(&s, params->mem, bytes);
    put(&s, o->m.mem, bytes);
    put(&s, o->v.mem, bytes);
    if (o->ema) put(&s, o->ema, bytes);
    put(&s, blob, blob_len);
    sum = s.sum;
    put(&s, &sum, sizeof sum);
    if (s.is_failed || fflush(s.f) || fsync(fileno(s.f))) s.is_failed = errno ? errno : EIO;
    if (fclose(s.f) && !s.is_failed) s.is_failed = errno;
    if (!s.is_failed && rename(tmp, path)) s.is_failed = errno;
    if (!s.is_failed) return LT_OK;
    errno = s.is_failed;
    const enum lt_err err = lt_fail_errno(diag, "state file %s: cannot write", path);
    remove(tmp);
    return err;
}

/* Everything behind the head, into `all` (4 * n_float floats) and `blob`. */
static enum lt_err read_body(struct stream *s, const struct head *head, float *all, void *blob,
                             const char *path, struct lt_diag *diag)
{
    const size_t bytes = (size_t)head->n_float * sizeof(float);
    uint64_t want, sum;

    get(s, all, 3 * bytes);
    if (head->has_ema) get(s, all + 3 * head->n_float, bytes);
    get(s, blob, (size_t)head->blob_len);
    sum = s->sum;
    get(s, &want, sizeof want);
    if (s->is_failed || sum != want || fgetc(s->f) != EOF)
        return lt_fail(diag, LT_ERR_PARSE, "state file %s is damaged or cut short", path);
    return LT_OK;
}

static enum lt_err check_head(const struct san_optim *o, const struct head *head, size_t blob_cap,
                              const char *path, struct lt_diag *diag)
{
    const struct head own = describe(o);

    if (head->magic != MAGIC)
        return lt_fail(diag, LT_ERR_PARSE, "%s is no state file of this version", path);
    if (head->n_float != own.n_float || memcmp(head->size, own.size, sizeof own.size) != 0)
        return lt_fail(diag, LT_ERR_INVALID, "state file %s is of a network of other sizes", path);
    if (head->blob_len > SAN_OPTIM_BLOB_MAX)
        return lt_fail(diag, LT_ERR_PARSE, "state file %s is damaged: %llu bytes of caller state",
                       path, (unsigned long long)head->blob_len);
    if (head->blob_len > blob_cap)
        return lt_fail(diag, LT_ERR_LIMIT,
                       "state file %s: %llu bytes of caller state, room for %zu", path,
                       (unsigned long long)head->blob_len, blob_cap);
    return LT_OK;
}

enum lt_err san_optim_load(struct san_optim *o, struct san_params *params, void *blob,
                           size_t blob_cap, size_t *blob_len, const char *path,
                           struct lt_diag *diag)
{
    const size_t n = o->m.n, bytes = n * sizeof(float);
    struct stream s = {0};
    struct head head;
    float *all = NULL;
    char *own_blob = NULL;
    enum lt_err err;

    if (params->n != n)
        return lt_fail(diag, LT_ERR_INVALID, "state file: parameters of another network");
    s.f = fopen(path, "rb");
    if (!s.f) return lt_fail_errno(diag, "state file %s", path);
    memset(&head, 0, sizeof head);
    get(&s, &head, sizeof head);
    err = check_head(o, &head, blob_cap, path, diag);
    if (err) goto out;
    all = malloc(4 * bytes);
    own_blob = malloc((size_t)head.blob_len + 1);
    if (!all || !own_blob) {
        err = lt_fail(diag, LT_ERR_NOMEM, "state file %s: out of memory", path);
        goto out;
    }
    err = read_body(&s, &head, all, own_blob, path, diag);
    if (err) goto out;
    memcpy(params->mem, all, bytes);
    memcpy(o->m.mem, all + n, bytes);
    memcpy(o->v.mem, all + 2 * n, bytes);
    if (o->ema) memcpy(o->ema, all + (head.has_ema ? 3 * n : 0), bytes);
    memcpy(blob, own_blob, (size_t)head.blob_len);
    *blob_len = (size_t)head.blob_len;
    o->n_done = head.n_done;
out:
    fclose(s.f);
    free(all);
    free(own_blob);
    return err;
}
