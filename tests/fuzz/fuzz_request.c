/* fuzz_request.c - MQTT messages: topics are taken apart and put together, payloads are checked
 * against every document's schema.
 *
 * Input: topic, line feed, payload. */
#include "fuzz.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "lt/redact.h"
#include "topics.h"

static void check_topic(const char *prefix, const char *text)
{
    struct lt_topic t;
    char built[LT_TOPIC_MAX_BYTES + 1], shared[LT_TOPIC_MAX_BYTES + 1];
    lt_topic_parse(prefix, text, &t);
    FUZZ_MUST(strlen(t.site) <= LT_SITE_MAX_BYTES && t.rest);
    if (t.kind != LT_TOPIC_OTHER &&
        !lt_topic_build(prefix, t.site, t.kind, t.rest[0] ? t.rest : NULL, built))
        FUZZ_MUST(!strcmp(built, text));
    if (lt_topic_may_reply(prefix, t.site, text)) {
        FUZZ_MUST(t.kind == LT_TOPIC_REPLY && t.rest[0] && strlen(text) <= LT_TOPIC_MAX_BYTES);
        FUZZ_MUST(!strpbrk(text, "+#"));
    }
    if (t.kind != LT_TOPIC_OTHER) FUZZ_MUST(lt_topic_is_site(t.site));
    if (!lt_topic_share("group", text, shared)) FUZZ_MUST(strstr(shared, text));
}

static void check_document(const struct lt_docs *docs, const char *text, size_t n)
{
    struct lt_diag diag = {0};
    json_t *v = NULL, *again = NULL;
    if (lt_json_parse(text, n, LT_DOC_MAX_BYTES_REQUEST, &v, &diag)) {
        FUZZ_MUST(diag.text[0] && !v);
        return;
    }
    for (int d = 0; d < LT_DOC_COUNT; d++) {
        memset(&diag, 0, sizeof diag);
        if (lt_docs_check(docs, (enum lt_doc)d, v, &diag)) FUZZ_MUST(diag.text[0]);
    }
    char *dump = lt_json_dump(v), *sorted = lt_json_dump_sorted(v);
    FUZZ_MUST(dump && sorted && strlen(dump) == strlen(sorted));
    FUZZ_MUST(!lt_json_parse(dump, strlen(dump), strlen(dump), &again, NULL));
    FUZZ_MUST(json_equal(v, again));
    free(dump);
    free(sorted);
    json_decref(v);
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lt_docs *docs;
    struct lt_diag diag = {0};
    size_t n_topic = 0, n_payload = 0;
    if (!docs) fuzz_need(lt_docs_open(&docs, &diag), &diag);
    const uint8_t *payload = fuzz_cut(data, n, '\n', &n_topic, &n_payload);
    char *topic = fuzz_text(data, n_topic);
    check_topic("lintel", topic);
    check_topic("fleet/7", topic);
    free(topic);

    char *exact = malloc(n_payload ? n_payload : 1); /* a payload has no NUL behind it */
    if (!exact) abort();
    if (n_payload) memcpy(exact, payload, n_payload);
    check_document(docs, exact, n_payload);
    char *redacted = NULL;
    if (!lt_redact_text(LT_TEXT_REDACT, exact, n_payload, &redacted)) free(redacted);
    free(exact);
    char *json = fuzz_text(payload, n_payload);
    redacted = NULL;
    if (!lt_redact_json(LT_TEXT_REDACT, json, &redacted)) free(redacted);
    free(json);
    return 0;
}
