/* packed.c - see san/packed.h; loading from a file is model_file.c's. */
#include "packed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

void *san__large_alloc(size_t n)
{
    if (n < LARGE_PAGE) return aligned_alloc(64, (n + 63) / 64 * 64);
    void *mem = NULL;
    if (posix_memalign(&mem, LARGE_PAGE, n)) return NULL;
#ifdef MADV_HUGEPAGE
    /* whole ones only, so that the last takes no more memory than it has; a refusal costs nothing
     * but speed */
    (void)madvise(mem, n / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
    return mem;
}

int san__packed_takes(const struct san_tensor_info *t, enum san_type type)
{
    return (type == SAN_TYPE_Q8_0 || type == SAN_TYPE_Q4_0) && t->layers > 0 &&
           t->cols % SAN__GROUP == 0 &&
           (t->group == SAN_GROUP_M || t->group == SAN_GROUP_P ||
            strcmp(t->name, "token_embd.weight") == 0);
}

enum lt_err san__packed_new(const struct san_tensor_info *info, const uint8_t *bits,
                            struct san_packed **out)
{
    struct san_packed *k = calloc(1, sizeof *k);
    if (!k) return LT_ERR_NOMEM;
    size_t at[SAN_T_COUNT];
    for (int i = 0; i < SAN_T_COUNT; i++) {
        at[i] = k->n_bytes;
        if (!bits[i]) continue;
        k->first[i] =
            (struct san__mat){.n_out = info[i].rows, .n_in = info[i].cols, .bits = bits[i]};
        k->n_bytes += (size_t)info[i].layers * san__mat_bytes(info[i].rows, info[i].cols, bits[i]);
    }
    k->mem = san__large_alloc(k->n_bytes);
    if (!k->mem) {
        free(k);
        return LT_ERR_NOMEM;
    }
    for (int i = 0; i < SAN_T_COUNT; i++)
        if (bits[i]) k->first[i].mem = k->mem + at[i];
    *out = k;
    return LT_OK;
}

enum lt_err san_packed_of(const struct san_params *p, enum san_type type, struct san_packed **out,
                          struct lt_diag *diag)
{
    uint8_t bits[SAN_T_COUNT] = {0};
    size_t most = 0; /* bytes of the largest layer */

    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *t = &p->info[i];
        if (!san__packed_takes(t, type)) continue;
        bits[i] = type == SAN_TYPE_Q8_0 ? 8 : 4;
        size_t n = san_type_bytes(type, (size_t)t->rows * (size_t)t->cols);
        if (n > most) most = n;
    }
    if (!most)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "network: no matrix can be quantised (Q8_0 or Q4_0, columns a multiple of "
                       "%d)",
                       SAN__GROUP);
    uint8_t *blocks = malloc(most);
    enum lt_err err = blocks ? san__packed_new(p->info, bits, out) : LT_ERR_NOMEM;
    for (int i = 0; i < SAN_T_COUNT && !err; i++)
        for (int l = 0; bits[i] && l < p->info[i].layers; l++) {
            size_t n = (size_t)p->info[i].rows * (size_t)p->info[i].cols;
            struct san__mat w = san__packed_mat(*out, (enum san_tensor_id)i, l);
            san_quantize(blocks, p->mem + p->info[i].offset + (size_t)l * n, type, n);
            san__mat_pack(&w, blocks);
        }
    free(blocks);
    return err ? lt_fail(diag, err, "network: no memory for its matrices") : LT_OK;
}

void san_packed_free(struct san_packed *k)
{
    if (k) free(k->mem);
    free(k);
}
