/* model_file.c - sizes, tensors and tokenizer of a network to and from a GGUF file. */
#include "san/model_file.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packed.h"

#define ARCHITECTURE "san"
#define TENSOR_NAME  256 /* longest tensor name with its layer number */

static const char *const mask_names[] = {[SAN_MASK_JOINT] = "joint", [SAN_MASK_BLOCK] = "block"};
static const char *const render_names[] = {
    [SAN_RENDER_NEEDLE_JSON] = "needle-json", [SAN_RENDER_LINTEL] = "lintel"};

/* Keys of the integer sizes, in the order in which they are written. */
static const struct {
    const char *key;
    size_t offset; /* of an int in struct san_hparams */
    int is_required;
} size_keys[] = {
    {"san.embedding_length", offsetof(struct san_hparams, width), 1},
    {"san.encoder.block_count", offsetof(struct san_hparams, n_enc), 1},
    {"san.decoder.block_count", offsetof(struct san_hparams, n_dec), 1},
    {"san.attention.head_count", offsetof(struct san_hparams, n_head), 1},
    {"san.attention.head_count_kv", offsetof(struct san_hparams, n_kv_head), 1},
    {"san.context_length", offsetof(struct san_hparams, n_ctx), 1},
    {"san.retrieval.hidden", offsetof(struct san_hparams, ret_hidden), 0},
    {"san.retrieval.dim", offsetof(struct san_hparams, ret_dim), 0},
    {"san.grammar", offsetof(struct san_hparams, grammar), 0},
    {"san.pointer.flag_count", offsetof(struct san_hparams, n_flag), 0},
    {"san.pointer.class_count", offsetof(struct san_hparams, n_class), 0},
    {"san.pointer.feature_count", offsetof(struct san_hparams, n_feat), 0},
};
#define N_SIZE_KEYS (sizeof size_keys / sizeof size_keys[0])

/* "%d" in a name replaced by the layer. */
static void tensor_name(char out[TENSOR_NAME], const struct san_tensor_info *t, int layer)
{
    const char *mark = strstr(t->name, "%d");
    if (!mark)
        snprintf(out, TENSOR_NAME, "%s", t->name);
    else
        snprintf(out, TENSOR_NAME, "%.*s%d%s", (int)(mark - t->name), t->name, layer, mark + 2);
}

static size_t layer_items(const struct san_tensor_info *t)
{
    return (size_t)t->rows * (size_t)t->cols;
}

/* ---- save ---- */

static void add_hparams(struct san_gguf_writer *w, const struct san_hparams *h)
{
    for (size_t i = 0; i < N_SIZE_KEYS; i++) {
        int v;
        memcpy(&v, (const char *)h + size_keys[i].offset, sizeof v);
        if (v > 0 || size_keys[i].is_required) san_gguf_add_u32(w, size_keys[i].key, (uint32_t)v);
    }
    san_gguf_add_f32(w, "san.attention.layer_norm_rms_epsilon", h->rms_eps);
    san_gguf_add_f32(w, "san.rope.freq_base", h->rope_base);
    san_gguf_add_str(w, "san.encoder.mask", mask_names[h->mask]);
    san_gguf_add_str(w, "san.render", render_names[h->render]);
}

uint32_t san_model_file_type(enum san_type type)
{
    return type == SAN_TYPE_F16    ? 1
           : type == SAN_TYPE_Q4_0 ? 2
           : type == SAN_TYPE_Q8_0 ? 7
           : type == SAN_TYPE_BF16 ? 32
                                   : 0;
}

static void add_extras(struct san_gguf_writer *w, const struct san_extra *extra, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct san_extra *x = &extra[i];
        if (x->str)
            san_gguf_add_str(w, x->key, x->str);
        else if (x->f32)
            san_gguf_add_f32_array(w, x->key, x->f32, x->n);
        else
            san_gguf_add_i32_array(w, x->key, x->i32, x->i32 ? x->n : 0);
    }
}

enum san_type san_model_stored_type(const struct san_tensor_info *t, enum san_type wanted)
{
    if (t->group == SAN_GROUP_N || t->rows == 1) return SAN_TYPE_F32;
    const struct san_type_traits *tr = san_type_traits((uint32_t)wanted);
    return (size_t)t->cols % tr->block_items ? SAN_TYPE_F16 : wanted;
}

/* Bytes of all tensors that are not stored as they lie in memory. */
static size_t converted_bytes(const struct san_params *p, enum san_type wanted)
{
    size_t n = 0;
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *t = &p->info[i];
        enum san_type type = san_model_stored_type(t, wanted);
        if (t->layers && type != SAN_TYPE_F32)
            n += (size_t)t->layers * san_type_bytes(type, layer_items(t));
    }
    return n;
}

static void add_tensors(struct san_gguf_writer *w, const struct san_params *p, enum san_type wanted,
                        uint8_t *converted)
{
    for (int i = 0; i < SAN_T_COUNT; i++) {
        const struct san_tensor_info *t = &p->info[i];
        enum san_type type = san_model_stored_type(t, wanted);
        size_t n = layer_items(t);
        for (int l = 0; l < t->layers; l++) {
            const float *src = p->mem + t->offset + (size_t)l * n;
            const void *data = src;
            if (type != SAN_TYPE_F32) {
                san_quantize(converted, src, type, n);
                data = converted;
                converted += san_type_bytes(type, n);
            }
            char name[TENSOR_NAME];
            tensor_name(name, t, l);
            uint64_t dims[2] = {(uint64_t)t->cols, (uint64_t)t->rows};
            int is_vector = t->rows == 1 && t->group != SAN_GROUP_E;
            san_gguf_add_tensor(w, name, type, is_vector ? 1 : 2, dims, data);
        }
    }
}

enum lt_err san_model_save(const char *path, const struct san_hparams *h,
                           const struct san_params *p, const struct san_tokenizer *tok,
                           const struct san_extra *extra, size_t n_extra, enum san_type type,
                           struct lt_diag *diag)
{
    uint8_t *converted = NULL;
    struct san_gguf_writer *w = NULL;
    enum lt_err err = san_hparams_check(h, diag);
    if (err) return err;
    if (!san_type_traits((uint32_t)type))
        return lt_fail(diag, LT_ERR_INVALID, "%s: unknown tensor type %d", path, (int)type);
    if (tok && san_tokenizer_n_vocab(tok) != h->n_vocab)
        return lt_fail(diag, LT_ERR_INVALID, "%s: tokenizer has %d pieces, the network %d", path,
                       san_tokenizer_n_vocab(tok), h->n_vocab);
    err = LT_ERR_NOMEM;
    w = san_gguf_writer_new();
    converted = malloc(converted_bytes(p, type) + 1);
    if (!w || !converted) goto out;
    san_gguf_add_str(w, "general.architecture", ARCHITECTURE);
    san_gguf_add_u32(w, "general.file_type", san_model_file_type(type));
    add_hparams(w, h);
    add_extras(w, extra, n_extra);
    err = tok ? san_tokenizer_to_gguf(tok, w) : LT_OK;
    if (err) goto out;
    add_tensors(w, p, type, converted);
    err = san_gguf_write(w, path, diag);
out:
    free(converted);
    san_gguf_writer_free(w);
    return err ? lt_fail(diag, err, "%s: %s", path, lt_strerror(err)) : LT_OK;
}

/* ---- load ---- */

static enum lt_err get_name(const struct san_gguf *g, const char *key, const char *const *names,
                            int *out, struct lt_diag *diag)
{
    const char *s = NULL;
    enum lt_err err = san_gguf_get_str(g, key, &s, diag);
    if (err) return err;
    for (int i = 0; i < 2; i++)
        if (strcmp(s, names[i]) == 0) {
            *out = i;
            return LT_OK;
        }
    return lt_fail(diag, LT_ERR_UNSUPPORTED, "%s is \"%s\"; known are \"%s\" and \"%s\"", key, s,
                   names[0], names[1]);
}

static enum lt_err get_size(const struct san_gguf *g, size_t i, struct san_hparams *h,
                            struct lt_diag *diag)
{
    uint32_t v = 0;
    if (!size_keys[i].is_required && !san_gguf_has(g, size_keys[i].key)) return LT_OK;
    enum lt_err err = san_gguf_get_u32(g, size_keys[i].key, &v, diag);
    if (err) return err;
    if (v > INT32_MAX)
        return lt_fail(diag, LT_ERR_INVALID, "key %s: %u is too large", size_keys[i].key, v);
    int value = (int)v;
    memcpy((char *)h + size_keys[i].offset, &value, sizeof value);
    return LT_OK;
}

enum lt_err san_model_hparams(const struct san_gguf *g, struct san_hparams *out,
                              struct lt_diag *diag)
{
    struct san_hparams h = {0};
    int mask = 0, render = 0;
    const char *arch = NULL;
    enum lt_err err = san_gguf_get_str(g, "general.architecture", &arch, diag);
    if (err) return err;
    if (strcmp(arch, ARCHITECTURE) != 0)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "general.architecture is \"%s\"; only \"" ARCHITECTURE "\" can be run",
                       arch);
    for (size_t i = 0; i < N_SIZE_KEYS && !err; i++) err = get_size(g, i, &h, diag);
    if (!err) err = san_gguf_get_f32(g, "san.rope.freq_base", &h.rope_base, diag);
    if (!err) err = san_gguf_get_f32(g, "san.attention.layer_norm_rms_epsilon", &h.rms_eps, diag);
    if (!err) err = get_name(g, "san.encoder.mask", mask_names, &mask, diag);
    if (!err) err = get_name(g, "san.render", render_names, &render, diag);
    if (err) return err;
    h.mask = (enum san_mask)mask;
    h.render = (enum san_render)render;
    const struct san_gguf_tensor *embd = san_gguf_tensor(g, "token_embd.weight");
    if (!embd) return lt_fail(diag, LT_ERR_NOTFOUND, "tensor token_embd.weight is missing");
    h.n_vocab = embd->dims[1] <= INT32_MAX ? (int)embd->dims[1] : -1;
    err = san_hparams_check(&h, diag);
    if (!err) *out = h;
    return err;
}

/* Sizes in a file may lie: every tensor is looked at before memory is taken for it, so that a small
 * file cannot ask for an allocation of many gigabytes. */
static enum lt_err check_tensor(const struct san_gguf *g, const struct san_tensor_info *t,
                                int layer, struct lt_diag *diag)
{
    char name[TENSOR_NAME];
    tensor_name(name, t, layer);
    const struct san_gguf_tensor *x = san_gguf_tensor(g, name);
    if (!x)
        return lt_fail(diag, LT_ERR_NOTFOUND, "tensor %s (%d x %d) is missing", name, t->rows,
                       t->cols);
    if (x->dims[0] != (uint64_t)t->cols || x->dims[1] != (uint64_t)t->rows || x->dims[2] != 1 ||
        x->dims[3] != 1)
        return lt_fail(diag, LT_ERR_INVALID,
                       "tensor %s: expected %d x %d, the file has %llu x %llu x %llu x %llu", name,
                       t->rows, t->cols, (unsigned long long)x->dims[1],
                       (unsigned long long)x->dims[0], (unsigned long long)x->dims[2],
                       (unsigned long long)x->dims[3]);
    return LT_OK;
}

static const struct san_gguf_tensor *tensor_of(const struct san_gguf *g,
                                               const struct san_tensor_info *t, int layer)
{
    char name[TENSOR_NAME];
    tensor_name(name, t, layer);
    return san_gguf_tensor(g, name);
}

static enum lt_err check_tensors(const struct san_gguf *g, const struct san_hparams *h,
                                 struct san_params *layout, struct lt_diag *diag)
{
    enum lt_err err = san_hparams_check(h, diag);
    if (!err) san_params_layout(h, layout);
    for (int i = 0; i < SAN_T_COUNT && !err; i++)
        for (int l = 0; l < layout->info[i].layers && !err; l++)
            err = check_tensor(g, &layout->info[i], l, diag);
    return err;
}

/* Bits of the tensor's weights when all of its layers can be packed, else 0. */
static uint8_t packed_bits(const struct san_gguf *g, const struct san_tensor_info *t)
{
    enum san_type type = SAN_TYPE_F32;
    for (int l = 0; l < t->layers; l++) {
        enum san_type of_layer = tensor_of(g, t, l)->type;
        if ((l && of_layer != type) || !san__packed_takes(t, of_layer)) return 0;
        type = of_layer;
    }
    return type == SAN_TYPE_Q8_0 ? 8 : type == SAN_TYPE_Q4_0 ? 4 : 0;
}

/* Allocate what `bits` leaves as floats, and fill it. */
static enum lt_err load_floats(const struct san_gguf *g, const struct san_hparams *h,
                               const uint8_t *bits, struct san_params *p, struct lt_diag *diag)
{
    enum lt_err err = san_params_new_without(h, bits, p);
    if (err) return lt_fail(diag, err, "network: no memory for its parameters");
    for (int i = 0; i < SAN_T_COUNT; i++)
        for (int l = 0; !bits[i] && l < p->info[i].layers; l++) {
            const struct san_gguf_tensor *x = tensor_of(g, &p->info[i], l);
            size_t at = p->info[i].offset + (size_t)l * layer_items(&p->info[i]);
            san_dequantize(p->mem + at, x->data, x->type, x->n_items);
        }
    return LT_OK;
}

enum lt_err san_model_params(const struct san_gguf *g, const struct san_hparams *h,
                             struct san_params *out, struct lt_diag *diag)
{
    static const uint8_t none[SAN_T_COUNT];
    struct san_params layout;
    enum lt_err err = check_tensors(g, h, &layout, diag);
    return err ? err : load_floats(g, h, none, out, diag);
}

enum lt_err san_packed_load(const struct san_gguf *g, const struct san_hparams *h,
                            struct san_params *p, struct san_packed **out, struct lt_diag *diag)
{
    struct san_params layout;
    struct san_packed *k = NULL;
    uint8_t bits[SAN_T_COUNT] = {0}, is_any = 0;
    enum lt_err err = check_tensors(g, h, &layout, diag);
    if (err) return err;
    for (int i = 0; i < SAN_T_COUNT; i++) is_any |= bits[i] = packed_bits(g, &layout.info[i]);
    if (is_any) err = san__packed_new(layout.info, bits, &k);
    if (err) return lt_fail(diag, err, "network: no memory for its matrices");
    for (int i = 0; i < SAN_T_COUNT; i++)
        for (int l = 0; bits[i] && l < layout.info[i].layers; l++) {
            struct san__mat w = san__packed_mat(k, (enum san_tensor_id)i, l);
            san__mat_pack(&w, tensor_of(g, &layout.info[i], l)->data);
        }
    err = load_floats(g, h, bits, p, diag);
    if (err)
        san_packed_free(k);
    else
        *out = k;
    return err;
}

static enum lt_err load(const char *path, struct san_hparams *h, struct san_params *p,
                        struct san_packed **packed, struct san_tokenizer **tok,
                        struct san_gguf **file, struct lt_diag *diag)
{
    struct san_gguf *g = NULL;
    struct san_tokenizer *t = NULL;
    struct san_packed *k = NULL;
    struct san_hparams hp;
    struct san_params params = {0};
    struct lt_diag inner = {0};
    enum lt_err err = san_gguf_open(path, &g, diag);
    if (err) return err;
    err = san_model_hparams(g, &hp, &inner);
    if (!err && packed) err = san_packed_load(g, &hp, &params, &k, &inner);
    if (!err && !packed) err = san_model_params(g, &hp, &params, &inner);
    if (!err && tok && san_gguf_has(g, "tokenizer.ggml.model")) {
        err = san_tokenizer_from_gguf(g, &t, &inner);
        if (!err && san_tokenizer_n_vocab(t) != hp.n_vocab)
            err = lt_fail(&inner, LT_ERR_INVALID, "tokenizer has %d pieces, the network %d",
                          san_tokenizer_n_vocab(t), hp.n_vocab);
    }
    if (err) {
        san_tokenizer_free(t);
        san_params_free(&params);
        san_packed_free(k);
        san_gguf_close(g);
        return lt_fail(diag, err, "%s: %s; use another file or convert it again", path,
                       lt_diag_text(&inner, err));
    }
    *h = hp;
    *p = params;
    if (packed) *packed = k;
    if (tok) *tok = t;
    if (file)
        *file = g;
    else
        san_gguf_close(g);
    return LT_OK;
}

enum lt_err san_model_load(const char *path, struct san_hparams *h, struct san_params *p,
                           struct san_tokenizer **tok, struct san_gguf **file, struct lt_diag *diag)
{
    return load(path, h, p, NULL, tok, file, diag);
}

enum lt_err san_model_load_packed(const char *path, struct san_hparams *h, struct san_params *p,
                                  struct san_packed **packed, struct san_tokenizer **tok,
                                  struct san_gguf **file, struct lt_diag *diag)
{
    return load(path, h, p, packed, tok, file, diag);
}
