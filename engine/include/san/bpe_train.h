/* san/bpe_train.h - learning a BPE vocabulary from text.
 *
 * Feed text, then ask for a tokenizer. Text is cut at spaces, around every digit, around each
 * ASCII punctuation character, and where a lower-case letter meets an upper-case one; no piece
 * ever crosses such a cut. So "HassTurnOn", "turn_on" and "turn on" share their pieces, and
 * numbers are spelt digit by digit. The most frequent neighbouring pair becomes the next piece,
 * and its score is minus its rank, so that san_tokenize() cuts a text exactly as the training did.
 *
 * The vocabulary is, in id order: the specials, 256 byte pieces, the learnt pieces, single
 * characters. Characters too rare to be worth a piece are left to the byte pieces.
 * Same text, same options: same vocabulary. One thread. */
#ifndef SAN_BPE_TRAIN_H
#define SAN_BPE_TRAIN_H

#include "lt/err.h"
#include "san/tokenizer.h"

struct san_bpe_special {
    const char *text;         /* "<tools>" */
    enum san_token_type type; /* SAN_TOKEN_CONTROL, _USER or _UNKNOWN */
};

struct san_bpe_options {
    int n_vocab; /* size wanted; fewer come out when the text is too small */
    const struct san_bpe_special *specials;
    int n_specials;
    const char *bos, *eos, *pad; /* texts of specials, or NULL */
    int add_space_prefix;        /* of the tokenizer, and applied to every line added */
    int split_digits;            /* each digit its own piece */
    int split_camel;             /* cut between a lower-case and an upper-case letter */
    int max_piece_chars;         /* longest learnt piece, characters */
    int min_count;               /* pairs seen less often are not learnt */
    double char_coverage;        /* share of the text's characters that get pieces of their own */
};

/* n_vocab 4096, no specials, space prefix, digits and camel case split, pieces of at most 16
 * characters seen at least twice, 0.9998 of the characters covered. */
struct san_bpe_options san_bpe_options_default(void);

struct san_bpe_trainer;
/* Options and the specials' texts are borrowed until san_bpe_trainer_free. LT_ERR_INVALID names
 * the option. */
LT_NODISCARD enum lt_err san_bpe_trainer_new(const struct san_bpe_options *o,
                                             struct san_bpe_trainer **out, struct lt_diag *diag);
void san_bpe_trainer_free(struct san_bpe_trainer *t); /* NULL is fine */
/* Count n bytes of text `times` times. Bytes that are not UTF-8 and specials of type
 * SAN_TOKEN_USER are skipped. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_bpe_trainer_add(struct san_bpe_trainer *t, const char *text, size_t n,
                                             int64_t times);
/* Learn. May be called once. LT_ERR_INVALID when n_vocab has no room for specials, bytes and
 * characters (the text gives the least size). */
LT_NODISCARD enum lt_err san_bpe_trainer_finish(struct san_bpe_trainer *t,
                                                struct san_tokenizer **out, struct lt_diag *diag);

#endif
