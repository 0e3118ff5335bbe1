/* plan_build.h - what the makers of tool and home plans share: a growing block of tokens with
 * markers, and growing lists of phrases and word hashes. Private to the engine. */
#ifndef SAN_PLAN_BUILD_H
#define SAN_PLAN_BUILD_H

#include "san/plan.h"
#include "san/tokenizer.h"

/* Tokens of one block while it is being written. `is_full` is set when a token did not fit. */
struct san__block {
    int32_t tok[SAN_BLOCK_MAX_TOKENS];
    int n_tok;
    int32_t marker[SAN_BLOCK_MAX_TOKENS];
    int n_marker;
    int is_full;
    struct san_tok_work *work; /* borrowed scratch of the tokenizer */
};

/* Phrases and word hashes of a plan while it is being written. */
struct san__names {
    struct san_phrase *phrases;
    int n_phrases, cap_phrases;
    uint32_t *words;
    int n_words, cap_words;
};

void san__block_put(struct san__block *b, int32_t id);
/* A marker token; returns its index in the block. */
int san__block_mark(struct san__block *b, int32_t id);
/* The folded words of text, at most max_words; word by word, so that the utterance's words get
 * the same tokens. */
void san__block_words(struct san__block *b, const struct san_pieces *v, const char *text,
                      int max_words);
LT_NODISCARD enum lt_err san__block_finish(const struct san__block *b, struct san_block_text *out);
void san__block_text_free(struct san_block_text *t);

/* Add the words of `text` as one phrase (punctuation and 's left out). A text without words adds
 * none. */
LT_NODISCARD enum lt_err san__names_add(struct san__names *n, const char *text);
void san__names_free(struct san__names *n);
/* Group the home's entities once all are there (plan_group.c): likes, profiles, names. LT_ERR_NOMEM. */
enum lt_err san__home_group(struct san_home_plan *h);
void san__home_group_free(struct san_home_plan *h);
/* First of the *n owners of that name (compared without regard to case). */
int san__home_named(const struct san_home_plan *h, const char *name, int *n);
/* Tokens of one word of a text into out; returns how many (at most cap). */
int san__word_tokens(const struct san_pieces *v, struct san_tok_work *work, const char *text,
                     const struct san_word *w, int32_t *out, int cap);

#endif
