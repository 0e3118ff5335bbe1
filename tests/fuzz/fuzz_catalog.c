/* fuzz_catalog.c - catalogues from outside: planned or refused; a plan's walks give calls.
 *
 * Input: JSON, NUL, utterance, NUL, choices of the walk (a byte each). Only what the schema library
 * accepts reaches the engine in a gateway, but the plan must stand more. */
#include "fuzz_lang.h"
#include "lt/catalog.h"
#include "lt/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lt_docs *docs;
    static struct san_utterance u; /* reused, as a gateway does */
    static struct san_walk walk;
    struct lt_diag diag = {0};
    size_t n_json = 0, n_rest = 0, n_text = 0, n_choice = 0;
    const uint8_t *rest = fuzz_cut(data, n, 0, &n_json, &n_rest);
    const uint8_t *choice = fuzz_cut(rest, n_rest, 0, &n_text, &n_choice);
    if (!docs) {
        fuzz_need(lt_docs_open(&docs, &diag), &diag);
        san_utterance_init(&u);
        san_walk_init(&walk);
    }
    json_t *json = NULL;
    if (lt_json_parse((const char *)data, n_json, LT_DOC_MAX_BYTES_CATALOG, &json, NULL)) return 0;

    struct lt_catalog *catalog = NULL;
    if (!lt_catalog_new(docs, json, &catalog, &diag)) {
        const struct lt_entity *targets[4];
        for (size_t i = 0; i < lt_catalog_n_tools(catalog); i++)
            (void)lt_catalog_targets(catalog, lt_catalog_tool_schema(catalog, i), targets, 4);
        lt_catalog_unref(catalog);
    } else {
        FUZZ_MUST(diag.text[0] && !catalog);
    }

    struct san_plan plan = {0};
    memset(&diag, 0, sizeof diag);
    if (!san_plan_init(&plan, fuzz_pieces(), json, &diag)) {
        char *text = n_text ? fuzz_text(rest, n_text)
                            : fuzz_text((const uint8_t *)"turn on the light 5", 19);
        if (!san_utterance_set(&u, fuzz_pieces(), &plan, text, NULL, NULL))
            fuzz_walk(&walk, &plan, &u, choice, n_choice);
        free(text);
        san_plan_fini(&plan);
    } else {
        FUZZ_MUST(diag.text[0]);
    }
    json_decref(json);
    return 0;
}
