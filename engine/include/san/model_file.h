/* san/model_file.h - a whole network to and from one GGUF file (architecture "san").
 *
 * The file holds sizes (san.*), tensors (names and shapes of SAN_TENSORS in san/net.h), the
 * tokenizer (tokenizer.ggml.*) and whatever the caller adds (general.*, san.confidence.*).
 * san_model_load turns every tensor into fp32; san_model_load_packed keeps quantised matrices as
 * they are, in the layout that inference multiplies with. Keys:
 *
 *   san.embedding_length  san.encoder.block_count  san.decoder.block_count  san.context_length
 *   san.attention.head_count  san.attention.head_count_kv  san.attention.layer_norm_rms_epsilon
 *   san.rope.freq_base  san.encoder.mask ("joint", "block")
 *   san.render ("needle-json", "lintel")  san.retrieval.hidden  san.retrieval.dim
 *   san.pointer.flag_count  san.pointer.class_count  san.pointer.feature_count
 *
 * The vocabulary's size is the number of rows of token_embd.weight. */
#ifndef SAN_MODEL_FILE_H
#define SAN_MODEL_FILE_H

#include "lt/err.h"
#include "san/gguf.h"
#include "san/net.h"
#include "san/packed.h"
#include "san/tokenizer.h"

/* One additional key of a saved file. Exactly one of str, f32 and i32 is set; a single number is
 * an array of one. */
struct san_extra {
    const char *key;
    const char *str;
    const float *f32;
    const int32_t *i32;
    size_t n; /* of f32 or i32 */
};

/* Save. Matrices and embeddings take `type` (SAN_TYPE_F32, _F16, _Q8_0 or _Q4_0; F16 instead of a
 * quantised type where the columns are no multiple of 32); vectors, gates, norms and the feature
 * table stay F32. `tok` may be NULL. general.architecture and general.file_type are
 * written here, other general.* keys come from the extras. Atomic, see san_gguf_write. */
LT_NODISCARD enum lt_err san_model_save(const char *path, const struct san_hparams *h,
                                        const struct san_params *p, const struct san_tokenizer *tok,
                                        const struct san_extra *extra, size_t n_extra,
                                        enum san_type type, struct lt_diag *diag);

/* How san_model_save stores a tensor of the list when `wanted` is asked for. */
enum san_type san_model_stored_type(const struct san_tensor_info *t, enum san_type wanted);
/* general.file_type of a file whose matrices are of `type`, as GGML numbers it. */
uint32_t san_model_file_type(enum san_type type);

/* Sizes of an open file. LT_ERR_UNSUPPORTED (another architecture, mask or render),
 * LT_ERR_NOTFOUND, LT_ERR_INVALID. */
LT_NODISCARD enum lt_err san_model_hparams(const struct san_gguf *g, struct san_hparams *out,
                                           struct lt_diag *diag);
/* All tensors of an open file as fp32. A tensor that is missing or has another shape is refused by
 * name. On LT_OK *out is freed with san_params_free. */
LT_NODISCARD enum lt_err san_model_params(const struct san_gguf *g, const struct san_hparams *h,
                                          struct san_params *out, struct lt_diag *diag);

/* Open, sizes, parameters and tokenizer at once. `tok` (may be NULL) gets NULL when the file has
 * no tokenizer. `file` (may be NULL) gets the open file, to read further keys from and to close;
 * otherwise it is closed here. On failure all outputs are as they were. */
LT_NODISCARD enum lt_err san_model_load(const char *path, struct san_hparams *h,
                                        struct san_params *p, struct san_tokenizer **tok,
                                        struct san_gguf **file, struct lt_diag *diag);
/* The same for inference: parameters as san_packed_load gives them. */
LT_NODISCARD enum lt_err san_model_load_packed(const char *path, struct san_hparams *h,
                                               struct san_params *p, struct san_packed **packed,
                                               struct san_tokenizer **tok, struct san_gguf **file,
                                               struct lt_diag *diag);

#endif
