/* fuzz_schema.c - tools' schemas and patterns from outside: compiled or refused, and then applied.
 *
 * Input: either "/", a pattern, line feed, text to match; or a schema, NUL, a value (JSON). */
#include "fuzz.h"
#include "lt/json.h"
#include "lt/pattern.h"
#include "lt/validate.h"

#define JSON_MAX_BYTES 65536

static void check_pattern(const uint8_t *data, size_t n)
{
    size_t n_pattern = 0, n_text = 0;
    const uint8_t *text = fuzz_cut(data, n, '\n', &n_pattern, &n_text);
    char *pattern = fuzz_text(data, n_pattern);
    struct lt_pattern *p = NULL;
    struct lt_diag diag = {0};
    if (n_text > 2048) n_text = 2048; /* linear, but times 4000 instructions */
    if (lt_pattern_compile(pattern, &p, &diag)) {
        FUZZ_MUST(diag.text[0] && !p);
    } else if (lt_utf8_is_valid((const char *)text, n_text, NULL)) {
        char *exact = malloc(n_text ? n_text : 1);
        if (!exact) abort();
        if (n_text) memcpy(exact, text, n_text);
        int is_match = lt_pattern_match(p, exact, n_text);
        FUZZ_MUST(is_match == 0 || is_match == 1);
        free(exact);
    }
    lt_pattern_free(p);
    free(pattern);
}

static int no_name(enum lt_name_kind kind, const json_t *rule, const char *name, void *user)
{
    (void)kind;
    (void)user;
    return rule && name[0] == 'a';
}

static void check_schema(const json_t *schema, const json_t *value)
{
    struct lt_schema *s = NULL;
    struct lt_diag diag = {0};
    if (lt_schema_compile(schema, NULL, NULL, &s, &diag)) {
        FUZZ_MUST(diag.text[0] && !s);
        return;
    }
    if (value && lt_schema_validate(s, value, "/x", &diag))
        FUZZ_MUST(diag.text[0]);
    else if (value)
        (void)!lt_schema_validate_names(s, value, NULL, no_name, NULL, NULL);
    lt_schema_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n && data[0] == '/') {
        check_pattern(data + 1, n - 1);
        return 0;
    }
    size_t n_schema = 0, n_value = 0;
    const uint8_t *text = fuzz_cut(data, n, 0, &n_schema, &n_value);
    json_t *schema = NULL, *value = NULL, *whole = NULL;
    if (lt_json_parse((const char *)data, n_schema, JSON_MAX_BYTES, &schema, NULL)) return 0;
    (void)!lt_json_parse((const char *)text, n_value, JSON_MAX_BYTES, &value, NULL);
    check_schema(schema, value);
    struct lt_diag diag = {0};
    if (!lt_schema_from_parameters(schema, &whole, &diag)) {
        check_schema(whole, value);
        json_decref(whole);
    } else {
        FUZZ_MUST(diag.text[0]);
    }
    json_decref(schema);
    json_decref(value);
    return 0;
}
