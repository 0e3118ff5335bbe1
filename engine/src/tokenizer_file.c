/* tokenizer_file.c - a tokenizer to and from the tokenizer.ggml.* keys of a GGUF file. */
#include <stdlib.h>
#include <string.h>

#include "san/tokenizer.h"

#define KEY(name) "tokenizer.ggml." name
#define MODEL     "llama" /* GGUF's word for SentencePiece BPE with scores */
#define WORDS     "tokenizer.lintel.words"

static int optional_id(const struct san_gguf *g, const char *key)
{
    uint32_t v = san_gguf_u32_or(g, key, UINT32_MAX);
    return v <= INT32_MAX ? (int)v : -1;
}

enum lt_err san_tokenizer_from_gguf(const struct san_gguf *g, struct san_tokenizer **out,
                                    struct lt_diag *diag)
{
    const struct san_gguf_str *text = NULL;
    float *score = NULL;
    int32_t *type = NULL;
    const char *model = NULL;
    size_t n = 0, n_score = 0, n_type = 0;
    enum lt_err err = san_gguf_get_str(g, KEY("model"), &model, diag);
    if (!err && strcmp(model, MODEL) != 0)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED,
                      "tokenizer of kind \"%s\"; only SentencePiece BPE (\"" MODEL "\") is read",
                      model);
    if (!err) err = san_gguf_get_str_array(g, KEY("tokens"), &text, &n, diag);
    if (!err) err = san_gguf_get_f32_array(g, KEY("scores"), &score, &n_score, diag);
    if (!err) err = san_gguf_get_i32_array(g, KEY("token_type"), &type, &n_type, diag);
    if (!err && (n != n_score || n != n_type || n > SAN_VOCAB_MAX))
        err = lt_fail(diag, LT_ERR_INVALID,
                      "tokenizer: %zu tokens, %zu scores and %zu types must be as many and at most "
                      "%d",
                      n, n_score, n_type, SAN_VOCAB_MAX);
    if (!err) {
        struct san_vocab v = {
            .n = (int)n,
            .text = text,
            .score = score,
            .type = type,
            .add_space_prefix = san_gguf_bool_or(g, KEY("add_space_prefix"), 1),
            .remove_extra_spaces = san_gguf_bool_or(g, KEY("remove_extra_whitespaces"), 0),
            .bos = optional_id(g, KEY("bos_token_id")),
            .eos = optional_id(g, KEY("eos_token_id")),
            .pad = optional_id(g, KEY("padding_token_id")),
        };
        err = san_tokenizer_new(&v, out, diag);
    }
    free(score);
    free(type);
    if (!err && san_gguf_has(g, WORDS)) {
        struct san_known *known = NULL;
        err = san_gguf_get_str_array(g, WORDS, &text, &n, diag);
        if (!err) err = san_known_new(text, n, &known, diag);
        if (err) {
            san_tokenizer_free(*out);
            *out = NULL;
        } else {
            san_tokenizer_set_known(*out, known);
        }
    }
    return err;
}

static enum lt_err add_known(struct san_gguf_writer *w, const struct san_known *k)
{
    int n = san_known_count(k);
    if (!n) return LT_OK;
    struct san_gguf_str *text = malloc((size_t)n * sizeof *text);
    if (!text) return LT_ERR_NOMEM;
    for (int i = 0; i < n; i++)
        text[i] = (struct san_gguf_str){san_known_word(k, i), strlen(san_known_word(k, i))};
    san_gguf_add_str_array(w, WORDS, text, (size_t)n);
    free(text);
    return LT_OK;
}

static void add_id(struct san_gguf_writer *w, const char *key, int id)
{
    if (id >= 0) san_gguf_add_u32(w, key, (uint32_t)id);
}

enum lt_err san_tokenizer_to_gguf(const struct san_tokenizer *t, struct san_gguf_writer *w)
{
    size_t n = (size_t)san_tokenizer_n_vocab(t);
    struct san_gguf_str *text = malloc(n * sizeof *text);
    float *score = malloc(n * sizeof *score);
    int32_t *type = malloc(n * sizeof *type);
    enum lt_err err = LT_ERR_NOMEM;
    if (!text || !score || !type) goto out;
    err = LT_OK;
    for (size_t i = 0; i < n; i++) {
        const char *p = san_token_piece(t, (int)i);
        text[i] = (struct san_gguf_str){p, strlen(p)};
        score[i] = san_token_score(t, (int)i);
        type[i] = (int32_t)san_token_type(t, (int)i);
    }
    san_gguf_add_str(w, KEY("model"), MODEL);
    san_gguf_add_str_array(w, KEY("tokens"), text, n);
    san_gguf_add_f32_array(w, KEY("scores"), score, n);
    san_gguf_add_i32_array(w, KEY("token_type"), type, n);
    add_id(w, KEY("bos_token_id"), san_tokenizer_bos(t));
    add_id(w, KEY("eos_token_id"), san_tokenizer_eos(t));
    add_id(w, KEY("padding_token_id"), san_tokenizer_pad(t));
    add_id(w, KEY("unknown_token_id"), san_tokenizer_unk(t));
    san_gguf_add_bool(w, KEY("add_space_prefix"), san_tokenizer_adds_prefix(t));
    san_gguf_add_bool(w, KEY("remove_extra_whitespaces"), san_tokenizer_removes_spaces(t));
    err = add_known(w, san_tokenizer_known(t));
out:
    free(text);
    free(score);
    free(type);
    return err;
}

enum lt_err san_tokenizer_load(const char *path, struct san_tokenizer **out, struct lt_diag *diag)
{
    struct san_gguf *g = NULL;
    enum lt_err err = san_gguf_open(path, &g, diag);
    if (!err) err = san_tokenizer_from_gguf(g, out, diag);
    san_gguf_close(g);
    return err;
}

enum lt_err san_tokenizer_save(const struct san_tokenizer *t, const char *path,
                               struct lt_diag *diag)
{
    struct san_gguf_writer *w = san_gguf_writer_new();
    if (!w) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    san_gguf_add_str(w, "general.architecture", "san");
    san_gguf_add_str(w, "general.type", "tokenizer");
    enum lt_err err = san_tokenizer_to_gguf(t, w);
    if (!err) err = san_gguf_write(w, path, diag);
    san_gguf_writer_free(w);
    return err ? lt_fail(diag, err, "%s: %s", path, lt_strerror(err)) : LT_OK;
}
