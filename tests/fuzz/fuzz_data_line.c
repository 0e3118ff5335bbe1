/* fuzz_data_line.c - lines of training data: a case that can be used, or a reason. */
#include "fuzz_lang.h"
#include "san/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct san_lookup *lookup;
    static struct san_utterance u;
    static struct san_gold gold;
    struct lt_diag diag = {0};
    char reason[SAN_DATA_REASON_BYTES] = "";
    if (!lookup) {
        fuzz_need(san_lookup_new(SOURCE_DIR "/engine/data/tools.json",
                                 SOURCE_DIR "/engine/data/homes.jsonl.gz", &lookup, &diag),
                  &diag);
        san_utterance_init(&u);
    }
    json_t *line = json_loadb((const char *)data, n, 0, NULL); /* as the reader of files does */
    if (!line) return 0;
    json_t *c = san_case_from_line(line, lookup, "fuzz:1", reason);
    json_decref(line);
    if (!c) {
        FUZZ_MUST(memchr(reason, 0, sizeof reason) && reason[0]);
        return 0;
    }
    struct san_plan plan = {0};
    const char *query = json_string_value(json_object_get(c, "query"));
    FUZZ_MUST(query && san_case_check(c, reason));
    if (!san_plan_init(&plan, fuzz_pieces(), c, NULL)) {
        if (!san_utterance_set(&u, fuzz_pieces(), &plan, query, NULL, NULL))
            (void)san_gold_init(&gold, &plan, &u, json_object_get(c, "answers"));
        san_plan_fini(&plan);
    }
    json_decref(c);
    return 0;
}
