/* net.c - sizes of a network and its one flat parameter buffer (legend: docs/network.md). */
#include "san/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "san/rand.h"

#define ALIGN_FLOATS 16 /* tensors begin on 64-byte lines, the width of the widest vector load */

/* Largest sizes taken: far above what a hub can run, far below what overflows an int product. */
#define VOCAB_MAX  262144
#define WIDTH_MAX  8192
#define HEADS_MAX  128
#define LAYERS_MAX 128
#define CTX_MAX    65536
#define RET_MAX    8192
#define FLAG_MAX   32 /* flags are bits of a uint32_t */
#define CLASS_MAX  256
#define FEAT_MAX   1024

static enum lt_err check_range(const char *what, int v, int lo, int hi, struct lt_diag *diag)
{
    if (v >= lo && v <= hi) return LT_OK;
    return lt_fail(diag, LT_ERR_INVALID, "network: %s is %d, must be %d..%d", what, v, lo, hi);
}

static enum lt_err check_relations(const struct san_hparams *h, struct lt_diag *diag)
{
    if (h->width % h->n_head)
        return lt_fail(diag, LT_ERR_INVALID, "network: width %d is no multiple of %d heads",
                       h->width, h->n_head);
    if (san_head_width(h) % 2)
        return lt_fail(diag, LT_ERR_INVALID, "network: head width %d must be even for RoPE",
                       san_head_width(h));
    if (h->n_head % h->n_kv_head)
        return lt_fail(diag, LT_ERR_INVALID, "network: %d key/value heads do not divide %d heads",
                       h->n_kv_head, h->n_head);
    if ((h->ret_dim > 0) != (h->ret_hidden > 0))
        return lt_fail(diag, LT_ERR_INVALID,
                       "network: retrieval hidden %d and dim %d must both be set or both be 0",
                       h->ret_hidden, h->ret_dim);
    if ((h->n_class > 0) != (h->n_feat > 0))
        return lt_fail(diag, LT_ERR_INVALID,
                       "network: pointer classes %d and features %d must both be set or both be 0",
                       h->n_class, h->n_feat);
    if (!(h->rope_base > 1) || !isfinite(h->rope_base))
        return lt_fail(diag, LT_ERR_INVALID, "network: RoPE base %g must be above 1",
                       (double)h->rope_base);
    if (!(h->rms_eps > 0) || !(h->rms_eps < 1))
        return lt_fail(diag, LT_ERR_INVALID, "network: norm epsilon %g must be between 0 and 1",
                       (double)h->rms_eps);
    if (h->mask != SAN_MASK_JOINT && h->mask != SAN_MASK_BLOCK)
        return lt_fail(diag, LT_ERR_INVALID, "network: unknown mask %d", (int)h->mask);
    if (h->render != SAN_RENDER_NEEDLE_JSON && h->render != SAN_RENDER_LINTEL)
        return lt_fail(diag, LT_ERR_INVALID, "network: unknown render %d", (int)h->render);
    return LT_OK;
}

enum lt_err san_hparams_check(const struct san_hparams *h, struct lt_diag *diag)
{
    const struct {
        const char *what;
        int v, lo, hi;
    } rows[] = {
        {"vocabulary", h->n_vocab, 1, VOCAB_MAX},
        {"width", h->width, 2, WIDTH_MAX},
        {"heads", h->n_head, 1, HEADS_MAX},
        {"key/value heads", h->n_kv_head, 1, HEADS_MAX},
        {"encoder layers", h->n_enc, 1, LAYERS_MAX},
        {"decoder layers", h->n_dec, 1, LAYERS_MAX},
        {"context length", h->n_ctx, 1, CTX_MAX},
        {"retrieval hidden", h->ret_hidden, 0, RET_MAX},
        {"retrieval dim", h->ret_dim, 0, RET_MAX},
        {"pointer flags", h->n_flag, 0, FLAG_MAX},
        {"pointer classes", h->n_class, 0, CLASS_MAX},
        {"pointer features", h->n_feat, 0, FEAT_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum lt_err err = check_range(rows[i].what, rows[i].v, rows[i].lo, rows[i].hi, diag);
        if (err) return err;
    }
    return check_relations(h, diag);
}

/* Fill the table; offsets are rounded up so that every tensor (not every layer) is aligned. Tensors
 * whose number is set in `without` (may be NULL) take no room. */
static size_t lay_out(const struct san_hparams *h, const uint8_t *without,
                      struct san_tensor_info info[SAN_T_COUNT])
{
    size_t at = 0;
#define ROW(f, gguf_name, n_layers, n_rows, n_cols, g)                                             \
    info[SAN_T_##f] = (struct san_tensor_info){.name = gguf_name,                                  \
                                               .layers = (n_layers),                               \
                                               .rows = (n_rows),                                   \
                                               .cols = (n_cols),                                   \
                                               .group = SAN_GROUP_##g};
    SAN_TENSORS(ROW)
#undef ROW
    for (int i = 0; i < SAN_T_COUNT; i++) {
        struct san_tensor_info *t = &info[i];
        t->is_layered = strstr(t->name, "%d") != NULL;
        t->offset = at;
        if (without && without[i]) continue;
        at += (size_t)t->layers * (size_t)t->rows * (size_t)t->cols;
        at = (at + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    }
    return at;
}

void san_params_layout(const struct san_hparams *h, struct san_params *out)
{
    memset(out, 0, sizeof *out);
    out->n = lay_out(h, NULL, out->info);
}

enum lt_err san_params_new(const struct san_hparams *h, struct san_params *out)
{
    return san_params_new_without(h, NULL, out);
}

enum lt_err san_params_new_without(const struct san_hparams *h, const uint8_t *without,
                                   struct san_params *out)
{
    struct san_params p = {0};
    p.n = lay_out(h, without, p.info);
    if (p.n == 0 || p.n > SIZE_MAX / sizeof(float)) return LT_ERR_NOMEM;
    p.mem = aligned_alloc(ALIGN_FLOATS * sizeof(float), p.n * sizeof(float));
    if (!p.mem) return LT_ERR_NOMEM;
    memset(p.mem, 0, p.n * sizeof(float));
#define FIELD(f, name, layers, rows, cols, group)                                                  \
    if (!without || !without[SAN_T_##f]) p.f = p.mem + p.info[SAN_T_##f].offset;
    SAN_TENSORS(FIELD)
#undef FIELD
    *out = p;
    return LT_OK;
}

void san_params_free(struct san_params *p)
{
    free(p->mem);
    memset(p, 0, sizeof *p);
}

void san_params_init(struct san_params *p, const struct san_hparams *h, uint64_t seed)
{
    struct san_rand rnd;
    san_rand_seed(&rnd, seed);
    memset(p->mem, 0, p->n * sizeof(float));
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *t = &p->info[i];
        /* gains, gates, biases, scales and the feature table start at 0 */
        if (t->group == SAN_GROUP_N || i == SAN_T_ret_b1) continue;
        double dev = 1 / sqrt(t->group == SAN_GROUP_E ? (double)h->width : (double)t->cols);
        size_t n = (size_t)t->layers * (size_t)t->rows * (size_t)t->cols;
        for (size_t k = 0; k < n; k++) p->mem[t->offset + k] = (float)(dev * san_rand_normal(&rnd));
    }
}

int san_params_take(struct san_params *dst, const struct san_params *src)
{
    int n_left = 0;
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *to = &dst->info[i], *from = &src->info[i];
        size_t n = (size_t)to->layers * (size_t)to->rows * (size_t)to->cols;
        if (!n) continue;
        if (to->layers == from->layers && to->rows == from->rows && to->cols == from->cols)
            memcpy(dst->mem + to->offset, src->mem + from->offset, n * sizeof(float));
        else
            n_left++;
    }
    return n_left;
}
