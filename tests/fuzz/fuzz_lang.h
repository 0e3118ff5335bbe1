/* fuzz_lang.h - a vocabulary made at start, and walks whose choices the input takes.
 *
 * The vocabulary has the special pieces, all byte pieces, the printable ASCII characters and a few
 * words, which is all that plans and utterances need. */
#ifndef FUZZ_LANG_H
#define FUZZ_LANG_H

#include <jansson.h>

#include "fuzz.h"
#include "san/gold.h"
#include "san/pieces.h"
#include "san/plan.h"
#include "san/tokenizer.h"
#include "san/walk.h"

#define FUZZ_VOCAB_MAX 512

/* More decisions than an answer can have: calls of parameters of list items of characters. */
#define FUZZ_DECISIONS_MAX (SAN_CALLS_MAX * SAN_ARGS_MAX * SAN_LIST_MAX * (SAN_SPELL_MAX + 2))

/* The vocabulary; lives until the process ends. */
static inline struct san_tokenizer *fuzz_tokenizer(void)
{
    static const char *const words[] = {
        "\xe2\x96\x81", "th", "the", "\xe2\x96\x81the", "on", "ur", "urn", "li", "gh", "ght"};
    static char names[FUZZ_VOCAB_MAX][16];
    struct san_gguf_str text[FUZZ_VOCAB_MAX];
    float score[FUZZ_VOCAB_MAX];
    int32_t type[FUZZ_VOCAB_MAX];
    int n = 0, n_special = 0;
    const char *const *special = san_pieces_list(&n_special);
    for (int i = 0; i < 1 + n_special; i++, n++) {
        type[n] = i ? SAN_TOKEN_CONTROL : SAN_TOKEN_UNKNOWN;
        text[n].p = i ? special[i - 1] : "<unk>";
    }
    for (int b = 0; b < 256; b++, n++) {
        snprintf(names[n], sizeof names[n], "<0x%02X>", (unsigned)b);
        type[n] = SAN_TOKEN_BYTE;
        text[n].p = names[n];
    }
    for (int c = '!'; c <= '~'; c++, n++) {
        names[n][0] = (char)c;
        type[n] = SAN_TOKEN_NORMAL;
        text[n].p = names[n];
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++, n++) {
        type[n] = SAN_TOKEN_NORMAL;
        text[n].p = words[i];
    }
    for (int i = 0; i < n; i++) {
        text[i].n = strlen(text[i].p);
        score[i] = (float)-i;
    }
    struct san_vocab v = {.n = n,
                          .text = text,
                          .score = score,
                          .type = type,
                          .add_space_prefix = 1,
                          .bos = -1,
                          .eos = -1,
                          .pad = -1};
    struct san_tokenizer *t = NULL;
    struct lt_diag diag = {0};
    fuzz_need(san_tokenizer_new(&v, &t, &diag), &diag);
    return t;
}

/* The special pieces of that vocabulary. */
static inline const struct san_pieces *fuzz_pieces(void)
{
    static struct san_pieces pieces;
    if (!pieces.tokenizer) {
        struct lt_diag diag = {0};
        fuzz_need(san_pieces_init(&pieces, fuzz_tokenizer(), SAN_GRAMMAR, &diag), &diag);
    }
    return &pieces;
}

/* Walk an answer whose i-th choice is byte i of `choice` (0 beyond), write it, and check that it is
 * an array of calls of the plan's usable tools which leads through the walk again. */
static inline void fuzz_walk(struct san_walk *w, const struct san_plan *plan,
                             const struct san_utterance *u, const uint8_t *choice, size_t n_choice)
{
    struct lt_buf out;
    size_t i = 0;
    lt_buf_init(&out, (size_t)4 << 20);
    san_walk_begin(w, fuzz_pieces(), plan, u);
    for (; san_walk_next(w); i++) {
        FUZZ_MUST(w->n_cand >= 2 && i < FUZZ_DECISIONS_MAX);
        san_walk_take(w, (int)((i < n_choice ? choice[i] : 0u) % (unsigned)w->n_cand));
    }
    FUZZ_MUST(!w->is_nomem && w->n_calls <= SAN_CALLS_MAX);
    if (!san_walk_write(w, &out)) {
        json_t *calls = json_loads(lt_buf_str(&out), JSON_REJECT_DUPLICATES, NULL), *call;
        size_t k;
        FUZZ_MUST(json_array_size(calls) == (size_t)w->n_calls && json_is_array(calls));
        json_array_foreach(calls, k, call)
        {
            const struct san_tool_plan *tool = plan->tools[w->calls[k].tool];
            FUZZ_MUST(!tool->unusable_why);
            FUZZ_MUST(!strcmp(json_string_value(json_object_get(call, "name")), tool->name));
            FUZZ_MUST(json_is_object(json_object_get(call, "arguments")));
        }
        static struct san_gold gold; /* large */
        (void)san_gold_init(&gold, plan, u, calls);
        json_decref(calls);
    }
    lt_buf_free(&out);
}

#endif
