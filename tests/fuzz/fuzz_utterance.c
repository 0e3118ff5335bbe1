/* fuzz_utterance.c - what people say, against the demo home: words, numbers, tokens, a walk.
 *
 * Input: text, NUL, area ("" for none), NUL, choices of the walk. */
#include "fuzz_lang.h"
#include "lt/docs.h"
#include "lt/json.h"

static struct san_plan demo_plan(void)
{
    struct san_plan plan = {0};
    struct lt_diag diag = {0};
    json_t *json = NULL;
    fuzz_need(lt_json_read_file(SOURCE_DIR "/deploy/demo/catalog.json", LT_DOC_MAX_BYTES_CATALOG,
                                &json, &diag),
              &diag);
    fuzz_need(san_plan_init(&plan, fuzz_pieces(), json, &diag), &diag);
    json_decref(json);
    return plan;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct san_plan plan;
    static struct san_utterance u;
    static struct san_walk walk;
    size_t n_text = 0, n_rest = 0, n_area = 0, n_choice = 0;
    const uint8_t *rest = fuzz_cut(data, n, 0, &n_text, &n_rest);
    const uint8_t *choice = fuzz_cut(rest, n_rest, 0, &n_area, &n_choice);
    if (!plan.n_tools) {
        plan = demo_plan();
        san_utterance_init(&u);
        san_walk_init(&walk);
    }
    char *text = fuzz_text(data, n_text), *area = fuzz_text(rest, n_area);
    struct lt_diag diag = {0};
    if (!san_utterance_set(&u, fuzz_pieces(), &plan, text, n_rest ? area : NULL, &diag)) {
        FUZZ_MUST(lt_utf8_is_valid(text, strlen(text), NULL) && text[0]);
        FUZZ_MUST(u.n_tok >= 1 && u.n_tok <= SAN_BLOCK_MAX_TOKENS);
        for (int i = 0; i < u.n_words; i++)
            FUZZ_MUST(u.word_first[i] <= u.word_last[i] && u.word_last[i] < u.n_tok);
        fuzz_walk(&walk, &plan, &u, choice, n_choice);
    } else {
        FUZZ_MUST(diag.text[0]);
    }
    free(text);
    free(area);
    return 0;
}
