/* json.c - Jansson with limits, positions and paths.
 *
 * Jansson recurses once per level, so the depth is measured over the raw bytes before it sees them;
 * everything else about the syntax is Jansson's business. */
#include "lt/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/buf.h"

/* Deepest nesting of brackets outside strings; *offset is where it first passed LT_JSON_MAX_DEPTH.
 */
static int depth_of(const char *s, size_t n, size_t *offset)
{
    int depth = 0, deepest = 0, in_string = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = 0;
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) deepest = depth;
            if (depth == LT_JSON_MAX_DEPTH + 1) {
                *offset = i;
                return depth;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return deepest;
}

static enum lt_err parse_named(const char *what, const char *text, size_t n, size_t max_bytes,
                               json_t **out, struct lt_diag *diag)
{
    if (n > max_bytes)
        return lt_fail(diag, LT_ERR_LIMIT, "%sJSON of %zu bytes is longer than the %zu allowed",
                       what, n, max_bytes);
    size_t offset = 0;
    if (depth_of(text, n, &offset) > LT_JSON_MAX_DEPTH) {
        if (diag && !diag->code) diag->offset_bytes = offset;
        return lt_fail(diag, LT_ERR_LIMIT, "%sJSON is nested deeper than %d levels at byte %zu",
                       what, LT_JSON_MAX_DEPTH, offset);
    }
    json_error_t e;
    json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!v) {
        if (json_error_code(&e) == json_error_out_of_memory)
            return lt_fail(diag, LT_ERR_NOMEM, "%sout of memory reading JSON", what);
        if (diag && !diag->code) diag->offset_bytes = e.position > 0 ? (size_t)e.position : 0;
        return lt_fail(diag, LT_ERR_PARSE, "%sline %d, column %d (byte %d): %s", what, e.line,
                       e.column, e.position, e.text);
    }
    *out = v;
    return LT_OK;
}

enum lt_err lt_json_parse(const char *text, size_t n, size_t max_bytes, json_t **out,
                          struct lt_diag *diag)
{
    return parse_named("", text, n, max_bytes, out, diag);
}

enum lt_err lt_json_read_file(const char *path, size_t max_bytes, json_t **out,
                              struct lt_diag *diag)
{
    FILE *f = fopen(path, "rb");
    if (!f) return lt_fail_errno(diag, "cannot open %s", path);
    struct lt_buf b;
    lt_buf_init(&b, max_bytes);
    char chunk[16384], what[300];
    enum lt_err err = LT_OK;
    size_t n;
    while (!err && (n = fread(chunk, 1, sizeof chunk, f)) > 0) err = lt_buf_add(&b, chunk, n);
    if (err == LT_ERR_LIMIT)
        lt_fail(diag, err, "%s is longer than the %zu bytes allowed", path, max_bytes);
    else if (err)
        lt_fail(diag, err, "out of memory reading %s", path);
    else if (ferror(f))
        err = lt_fail_errno(diag, "cannot read %s", path);
    fclose(f);
    snprintf(what, sizeof what, "%s: ", path);
    if (!err) err = parse_named(what, lt_buf_str(&b), b.n, max_bytes, out, diag);
    lt_buf_free(&b);
    return err;
}

char *lt_json_dump(const json_t *v)
{
    return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *lt_json_dump_sorted(const json_t *v)
{
    return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
}

const char *lt_json_type_name(const json_t *v)
{
    if (!v) return "nothing";
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

/* Bytes of the well-formed sequence at s (1..4), 0 when it is not well-formed. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80) return 1;
    size_t len = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                 : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                 : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                : 0;
    if (!len || len > n) return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0; /* overlong, surrogate, above U+10FFFF */
    return len;
}

int lt_utf8_is_valid(const char *s, size_t n, size_t *offset)
{
    for (size_t i = 0; i < n;) {
        size_t len = utf8_len((const unsigned char *)s + i, n - i);
        if (!len) {
            if (offset) *offset = i;
            return 0;
        }
        i += len;
    }
    return 1;
}

size_t lt_utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}
