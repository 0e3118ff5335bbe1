/* pieces.c - ids of the special tokens. */
#include "san/pieces.h"

#include "san/tokenizer.h"

static const char *const special_pieces[] = {
#define SPECIAL_PIECE(f, piece) piece,
    SAN_SPECIALS(SPECIAL_PIECE)
#undef SPECIAL_PIECE
};

const char *const *san_pieces_list(int *n)
{
    *n = (int)(sizeof special_pieces / sizeof special_pieces[0]);
    return special_pieces;
}

static enum lt_err find(const struct san_tokenizer *t, const char *piece, int32_t *id,
                        struct lt_diag *diag)
{
    *id = san_token_id(t, piece);
    if (*id >= 0) return LT_OK;
    return lt_fail(diag, LT_ERR_UNSUPPORTED,
                   "the network's vocabulary lacks the piece %s: it was made for another version "
                   "or render; train a vocabulary with `lintel tokenize`",
                   piece);
}

enum lt_err san_pieces_init(struct san_pieces *v, const struct san_tokenizer *tokenizer,
                            int grammar, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    v->tokenizer = tokenizer;
    v->has_unsaid = grammar >= 2;
#define SPECIAL_FIND(f, piece)                                                                     \
    if (!err) err = find(tokenizer, piece, &v->f, diag);
    SAN_SPECIALS(SPECIAL_FIND)
#undef SPECIAL_FIND
    for (int i = 0; !err && i < (int)sizeof SAN_SPELL_ALPHABET - 1; i++) {
        char c[2] = {SAN_SPELL_ALPHABET[i], '\0'};
        err = find(tokenizer, c, &v->spell_char[i], diag);
    }
    return err;
}
