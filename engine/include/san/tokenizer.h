/* san/tokenizer.h - text to vocabulary ids and back, as SentencePiece's BPE does it.
 *
 * A vocabulary is a list of pieces with a score and a type each. Text is cut into characters
 * (spaces become U+2581, and one such mark is put in front if the vocabulary says so); then the
 * neighbouring pair whose joined text is the piece with the highest score is merged, leftmost
 * first, until no pair joins to a piece (pieces of type unused are never made). Characters that are no piece become one <0xXX> piece per
 * byte, or the unknown piece when the vocabulary has no byte pieces. Nothing else is normalised.
 * Bytes that are not UTF-8 are taken as single bytes, so with byte pieces every text survives the
 * round trip, except that U+2581 itself reads back as a space.
 *
 * User-defined pieces are found whole before anything is merged; control pieces only when asked,
 * so that what a person says cannot forge one.
 *
 * Threads: a tokenizer is read-only after it was made and may be shared; a workspace has one
 * owner. Memory: tokenizing allocates only when the workspace has to grow. */
#ifndef SAN_TOKENIZER_H
#define SAN_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"
#include "san/gguf.h"
#include "san/known.h"

#define SAN_VOCAB_MAX          (1 << 20) /* most pieces of a vocabulary */
#define SAN_PIECE_MAX_BYTES    1024      /* longest piece */
#define SAN_TOKENIZE_MAX_BYTES (1 << 20) /* longest text of one call */

/* As in tokenizer.ggml.token_type. */
enum san_token_type {
    SAN_TOKEN_NORMAL = 1,
    SAN_TOKEN_UNKNOWN = 2,
    SAN_TOKEN_CONTROL = 3,
    SAN_TOKEN_USER = 4,
    SAN_TOKEN_UNUSED = 5,
    SAN_TOKEN_BYTE = 6,
};

struct san_tokenizer; /* opaque: _new or _from_gguf makes it, _free releases it */

/* What a tokenizer is made from; everything is borrowed for the call. */
struct san_vocab {
    int n;
    const struct san_gguf_str *text; /* (n) UTF-8, spaces written as U+2581, no two alike */
    const float *score;              /* (n) higher merges earlier */
    const int32_t *type;             /* (n) enum san_token_type */
    int add_space_prefix;            /* put a space mark in front of the text */
    int remove_extra_spaces;         /* strip outer spaces, collapse runs to one */
    int bos, eos, pad;               /* ids, or -1 */
};

/* LT_ERR_INVALID names the piece (empty, twice, no UTF-8, byte piece misspelt, no unknown piece
 * where byte pieces are not complete), LT_ERR_LIMIT, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_tokenizer_new(const struct san_vocab *v, struct san_tokenizer **out,
                                           struct lt_diag *diag);
void san_tokenizer_free(struct san_tokenizer *t); /* NULL is fine */

/* From the tokenizer.ggml.* keys of an open file, and into a file being written (LT_ERR_NOMEM). */
LT_NODISCARD enum lt_err san_tokenizer_from_gguf(const struct san_gguf *g,
                                                 struct san_tokenizer **out, struct lt_diag *diag);
LT_NODISCARD enum lt_err san_tokenizer_to_gguf(const struct san_tokenizer *t,
                                               struct san_gguf_writer *w);
/* A file that holds a tokenizer and nothing else, or any model file that contains one. */
LT_NODISCARD enum lt_err san_tokenizer_load(const char *path, struct san_tokenizer **out,
                                            struct lt_diag *diag);
LT_NODISCARD enum lt_err san_tokenizer_save(const struct san_tokenizer *t, const char *path,
                                            struct lt_diag *diag);

/* Scratch memory of one thread. Zero-initialise; grows as needed and is reused. */
struct san_tok_work {
    void *mem;
    size_t cap_bytes;
};
void san_tok_work_free(struct san_tok_work *w);

/* Where a token came from: bytes [begin, end) of the text. The mark put in front of the text has
 * begin == end. Tokens of one text lie in order and do not overlap. */
struct san_span {
    uint32_t begin, end;
};

enum san_tokenize_flags {
    SAN_TOKENIZE_CONTROL = 1,   /* find control pieces in the text too: trusted text only */
    SAN_TOKENIZE_NO_USER = 2,   /* find no user-defined pieces */
    SAN_TOKENIZE_NO_PREFIX = 4, /* no space mark in front, for text that continues other text */
};

/* Tokenize n bytes. Writes at most `cap` ids, and spans when `spans` is not NULL, and returns the
 * full count, which may exceed cap; or -LT_ERR_NOMEM, -LT_ERR_LIMIT (negative) when the text is
 * longer than SAN_TOKENIZE_MAX_BYTES. No bos or eos is added. */
int san_tokenize(const struct san_tokenizer *t, struct san_tok_work *w, const char *text, size_t n,
                 unsigned flags, int32_t *ids, struct san_span *spans, int cap);

/* Text of n ids into out, as snprintf: returns the length without NUL that is needed, writes at
 * most cap bytes including a NUL. Control pieces and ids out of range give nothing, the unknown
 * piece gives U+2047 between spaces, the space mark put in front of a text is taken off again. */
size_t san_detokenize(const struct san_tokenizer *t, const int32_t *ids, size_t n, char *out,
                      size_t cap);

/* The words that training has shown, beside the pieces; NULL when the vocabulary has no such list. _set
 * takes ownership, before the tokenizer is shared. */
void san_tokenizer_set_known(struct san_tokenizer *t, struct san_known *known);
const struct san_known *san_tokenizer_known(const struct san_tokenizer *t);

/* Pieces of the vocabulary; ids are 0 to one less. */
int san_tokenizer_n_vocab(const struct san_tokenizer *t);
/* Id of a piece spelt as in the vocabulary ("<tools>", "\xe2\x96\x81the", "<0x0A>"), or -1. */
int san_token_id(const struct san_tokenizer *t, const char *piece);
/* Piece of an id, NUL-terminated and borrowed; NULL when the id is out of range. */
const char *san_token_piece(const struct san_tokenizer *t, int id);
float san_token_score(const struct san_tokenizer *t, int id);
enum san_token_type san_token_type(const struct san_tokenizer *t, int id);
/* Byte piece of byte b, or -1. */
int san_token_of_byte(const struct san_tokenizer *t, uint8_t b);
int san_tokenizer_bos(const struct san_tokenizer *t); /* -1 when there is none; so below */
int san_tokenizer_eos(const struct san_tokenizer *t);
int san_tokenizer_pad(const struct san_tokenizer *t);
int san_tokenizer_unk(const struct san_tokenizer *t);
int san_tokenizer_adds_prefix(const struct san_tokenizer *t);
int san_tokenizer_removes_spaces(const struct san_tokenizer *t);

#endif
