/* retrieve.c - sequences as one vector each. */
#include "san/retrieve.h"

#include <string.h>

#include "forward_impl.h"

enum lt_err san_retrieve_tokens(struct san_utterance *u, const struct san_pieces *v,
                                const char *text, int32_t *tok, int *n, struct lt_diag *diag)
{
    const struct san_plan nothing = {0};
    enum lt_err err = san_utterance_set(u, v, &nothing, text, "", diag);
    *n = err ? 0 : u->n_tok;
    if (!err) memcpy(tok, u->tok, (size_t)u->n_tok * sizeof *tok);
    return err;
}

static enum lt_err encode(struct san_session *s, const int32_t *tok, int n, struct san_block **out,
                          struct lt_diag *diag)
{
    const struct san_block_src src = {.ids = tok, .n = n};
    return san_blocks_encode(s, &src, 1, out, diag);
}

enum lt_err san_retrieve_pool(struct san_session *s, const int32_t *tok, int n, float *mean,
                              struct lt_diag *diag)
{
    struct san_block *b = NULL;
    enum lt_err err = encode(s, tok, n, &b, diag);
    if (err) return err;
    const int width = s->net->h.width;
    memset(mean, 0, (size_t)width * sizeof *mean);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < width; c++) mean[c] += b->e[(size_t)t * (size_t)width + (size_t)c];
    for (int c = 0; c < width; c++) mean[c] /= (float)n;
    san_block_unref(b);
    return LT_OK;
}

/* An utterance that sees no blocks is what a block alone is; a session encodes it without allocating,
 * and without the keys and pointers that only decisions read. */
enum lt_err san_retrieve_vector(struct san_session *s, const int32_t *tok, int n, float *out,
                                struct lt_diag *diag)
{
    const float *e = NULL;
    enum lt_err err = san_retrieval_encode(s, tok, n, &e, diag);
    return err ? err : san_retrieval_vector(s, e, n, out, diag);
}
