/* validate.c - walk a value beside the compiled schema and say where they part.
 *
 * The first fault is reported. Branches that may fail without harm (anyOf, oneOf, not, if) are
 * tried in silence; when only one branch of anyOf or oneOf fits the value's type, its own complaint
 * is given, since that is the branch that was meant. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"
#include "validate_node.h"

#define MAX_DEPTH        400 /* nesting of value and $refs: stops a schema that refers to itself */
#define MAX_STEPS        20000000 /* sub-schemas visited: stops a schema that multiplies itself */
#define MAX_UNIQUE_ITEMS 2000     /* uniqueItems compares every pair */
#define SHOWN_VALUE_MAX  60       /* bytes of a value that an error shows */

struct walk {
    struct lt_diag *diag;
    enum lt_err err; /* first fault that was reported */
    int quiet;       /* > 0: only the verdict counts */
    int depth;
    long steps;
    lt_name_check_fn check;
    void *user;
    char path[LT_SCHEMA_PATH_MAX + 4];
    size_t path_len;
};

static int walk(struct walk *w, const struct node *n, const json_t *v);

/* Append "/key" with JSON pointer's escapes; too long a path ends in "...". */
static size_t push(struct walk *w, const char *key)
{
    size_t before = w->path_len, n = before;
    if (w->quiet || n >= LT_SCHEMA_PATH_MAX) return before;
    w->path[n++] = '/';
    for (; *key && n < LT_SCHEMA_PATH_MAX - 1; key++) {
        if (*key == '~' || *key == '/') {
            w->path[n++] = '~';
            w->path[n++] = *key == '~' ? '0' : '1';
        } else {
            w->path[n++] = *key;
        }
    }
    if (*key) {
        memcpy(w->path + LT_SCHEMA_PATH_MAX - 1, "...", 3);
        n = LT_SCHEMA_PATH_MAX + 2;
    }
    w->path[n] = '\0';
    w->path_len = n;
    return before;
}

static size_t push_index(struct walk *w, size_t i)
{
    char text[24];
    if (w->quiet) return w->path_len;
    snprintf(text, sizeof text, "%zu", i);
    return push(w, text);
}

static void pop(struct walk *w, size_t before)
{
    w->path_len = before;
    w->path[before] = '\0';
}

/* Report a fault at the present path; 0 so that a check can end with `return fault(...)`. */
static int fault(struct walk *w, const char *fmt, ...) LT_PRINTF(2, 3);
static int fault(struct walk *w, const char *fmt, ...)
{
    if (w->quiet || w->err) return 0;
    char text[LT_DIAG_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    w->err = lt_fail(w->diag, LT_ERR_INVALID, "%s: %s", w->path_len ? w->path : "/", text);
    return 0;
}

static const char *shown(const json_t *v, char out[SHOWN_VALUE_MAX + 8])
{
    char *text = lt_json_dump(v);
    snprintf(out, SHOWN_VALUE_MAX + 1, "%s", text ? text : "value");
    if (text && strlen(text) > SHOWN_VALUE_MAX) {
        size_t n = SHOWN_VALUE_MAX; /* not in the middle of a character */
        while (n && ((unsigned char)text[n] & 0xC0) == 0x80) n--;
        memcpy(out + n, "...", 4);
    }
    free(text);
    return out;
}

/* ---- values ---- */

static int compare_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        return x < y ? -1 : x > y;
    }
    double x = json_number_value(a), y = json_number_value(b);
    return x < y ? -1 : x > y;
}

/* Equal as JSON Schema has it: 1 equals 1.0. */
static int is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) return compare_numbers(a, b) == 0;
    if (json_typeof(a) != json_typeof(b)) return 0;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b)) return 0;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!is_equal(json_array_get(a, i), json_array_get(b, i))) return 0;
        return 1;
    }
    if (json_is_object(a)) {
        if (json_object_size(a) != json_object_size(b)) return 0;
        void *it = json_object_iter((json_t *)(uintptr_t)a);
        for (; it; it = json_object_iter_next((json_t *)(uintptr_t)a, it)) {
            const json_t *other = json_object_get(b, json_object_iter_key(it));
            if (!other || !is_equal(json_object_iter_value(it), other)) return 0;
        }
        return 1;
    }
    return json_equal(a, b);
}

static unsigned type_bits(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return TYPE_OBJECT;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_INTEGER:
        return TYPE_INTEGER | TYPE_NUMBER;
    case JSON_REAL:
        return json_real_value(v) == floor(json_real_value(v)) ? TYPE_INTEGER | TYPE_NUMBER
                                                               : TYPE_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOLEAN;
    case JSON_NULL:
        return TYPE_NULL;
    }
    return 0;
}

static int check_type(struct walk *w, const struct node *n, const json_t *v)
{
    if (!n->types || n->types & type_bits(v)) return 1;
    if (w->quiet) return 0;
    static const char *const names[] = {"object", "array",   "string", "integer",
                                        "number", "boolean", "null"};
    char want[80] = "";
    for (unsigned i = 0; i < 7; i++) {
        if (!(n->types >> i & 1)) continue;
        size_t len = strlen(want);
        snprintf(want + len, sizeof want - len, "%s%s", len ? " or " : "", names[i]);
    }
    return fault(w, "expected %s, got %s", want, lt_json_type_name(v));
}

static int check_enum(struct walk *w, const struct node *n, const json_t *v)
{
    char a[SHOWN_VALUE_MAX + 8];
    if (n->const_value && !is_equal(n->const_value, v)) {
        char b[SHOWN_VALUE_MAX + 8];
        if (w->quiet) return 0;
        return fault(w, "%s is not %s", shown(v, a), shown(n->const_value, b));
    }
    if (!n->enum_values) return 1;
    for (size_t i = 0; i < json_array_size(n->enum_values); i++)
        if (is_equal(json_array_get(n->enum_values, i), v)) return 1;
    if (w->quiet) return 0;
    char *list = lt_json_dump(n->enum_values);
    fault(w, "%s is not one of %.200s%s", shown(v, a), list ? list : "the values allowed",
          list && strlen(list) > 200 ? "..." : "");
    free(list);
    return 0;
}

static int check_number(struct walk *w, const struct node *n, const json_t *v)
{
    char a[SHOWN_VALUE_MAX + 8], b[SHOWN_VALUE_MAX + 8];
#define RULE(field, is_bad, words)                                                                 \
    if (n->field && (is_bad))                                                                      \
        return w->quiet ? 0 : fault(w, "%s " words " %s", shown(v, a), shown(n->field, b));
    RULE(minimum, compare_numbers(v, n->minimum) < 0, "is less than")
    RULE(maximum, compare_numbers(v, n->maximum) > 0, "is more than")
    RULE(exclusive_minimum, compare_numbers(v, n->exclusive_minimum) <= 0, "is not more than")
    RULE(exclusive_maximum, compare_numbers(v, n->exclusive_maximum) >= 0, "is not less than")
    if (!n->multiple_of) return 1;
    int is_multiple;
    if (json_is_integer(v) && json_is_integer(n->multiple_of)) {
        is_multiple = json_integer_value(v) % json_integer_value(n->multiple_of) == 0;
    } else {
        /* 0.3 counts as a multiple of 0.1 although neither is exact in binary */
        double q = json_number_value(v) / json_number_value(n->multiple_of);
        is_multiple = isfinite(q) && fabs(q - round(q)) <= 1e-9 * fmax(1, fabs(q));
    }
    RULE(multiple_of, !is_multiple, "is not a multiple of")
#undef RULE
    return 1;
}

/* Names of the home: the value, or each string of a list. */
static int check_names(struct walk *w, const struct node *n, const json_t *v)
{
    if (!w->check || (!n->x_entity && !n->is_area && !n->is_floor)) return 1;
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            size_t before = push_index(w, i);
            int ok = check_names(w, n, json_array_get(v, i));
            pop(w, before);
            if (!ok) return 0;
        }
        return 1;
    }
    const char *name = json_string_value(v);
    if (!name) return 1;
    static const char *const what[] = {"device", "area", "floor"};
    enum lt_name_kind kind = n->x_entity  ? LT_NAME_ENTITY
                             : n->is_area ? LT_NAME_AREA
                                          : LT_NAME_FLOOR;
    if (w->check(kind, n->x_entity, name, w->user)) return 1;
    char a[SHOWN_VALUE_MAX + 8];
    if (w->quiet) return 0;
    return fault(w, "%s is no %s of this home that fits here", shown(v, a), what[kind]);
}

static int check_string(struct walk *w, const struct node *n, const json_t *v)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (n->min_length != NO_LIMIT || n->max_length != NO_LIMIT) {
        int64_t count = (int64_t)lt_utf8_count(s, len);
        if (n->min_length != NO_LIMIT && count < n->min_length)
            return fault(w, "has %lld characters, fewer than %lld", (long long)count,
                         (long long)n->min_length);
        if (n->max_length != NO_LIMIT && count > n->max_length)
            return fault(w, "has %lld characters, more than %lld", (long long)count,
                         (long long)n->max_length);
    }
    if (n->pattern) {
        int m = lt_pattern_match(n->pattern, s, len);
        if (m < 0 && !w->err) w->err = lt_fail(w->diag, LT_ERR_NOMEM, "out of memory matching");
        char a[SHOWN_VALUE_MAX + 8];
        if (m <= 0)
            return w->quiet ? 0
                            : fault(w, "%s does not match %.120s", shown(v, a), n->pattern_text);
    }
    return 1;
}

/* ---- containers ---- */

static int check_array(struct walk *w, const struct node *n, const json_t *v)
{
    size_t size = json_array_size(v);
    if (n->min_items != NO_LIMIT && (int64_t)size < n->min_items)
        return fault(w, "has %zu items, fewer than %lld", size, (long long)n->min_items);
    if (n->max_items != NO_LIMIT && (int64_t)size > n->max_items)
        return fault(w, "has %zu items, more than %lld", size, (long long)n->max_items);
    for (size_t i = 0; i < size; i++) {
        const struct node *child = i < n->prefix.n ? n->prefix.v[i] : n->items;
        if (!child) continue;
        size_t before = push_index(w, i);
        int ok = walk(w, child, json_array_get(v, i));
        pop(w, before);
        if (!ok) return 0;
    }
    if (!n->is_unique) return 1;
    if (size > MAX_UNIQUE_ITEMS)
        return fault(w, "has %zu items, too many to compare (%d)", size, MAX_UNIQUE_ITEMS);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < i; j++)
            if (is_equal(json_array_get(v, i), json_array_get(v, j)))
                return fault(w, "items %zu and %zu are the same", j, i);
    return 1;
}

/* One member against properties, patternProperties and additionalProperties. */
static int check_member(struct walk *w, const struct node *n, const char *key, const json_t *v)
{
    int is_known = json_object_get(n->property_json, key) != NULL;
    for (size_t i = 0; i < n->n_pattern_properties; i++) {
        const struct named_node *p = n->pattern_properties + i;
        int m = lt_pattern_match(p->pattern, key, strlen(key));
        if (m < 0 && !w->err) w->err = lt_fail(w->diag, LT_ERR_NOMEM, "out of memory matching");
        if (m < 0) return 0;
        if (!m) continue;
        is_known = 1;
        if (!walk(w, p->node, v)) return 0;
    }
    if (is_known || !n->additional) return 1;
    if (n->additional->is_never) return fault(w, "is not a known key");
    return walk(w, n->additional, v);
}

static int check_object(struct walk *w, const struct node *n, const json_t *v)
{
    int64_t size = (int64_t)json_object_size(v);
    if (n->min_properties != NO_LIMIT && size < n->min_properties)
        return fault(w, "has %lld keys, fewer than %lld", (long long)size,
                     (long long)n->min_properties);
    if (n->max_properties != NO_LIMIT && size > n->max_properties)
        return fault(w, "has %lld keys, more than %lld", (long long)size,
                     (long long)n->max_properties);
    for (size_t i = 0; i < json_array_size(n->required); i++) {
        const char *key = json_string_value(json_array_get(n->required, i));
        if (json_object_get(v, key)) continue;
        size_t before = push(w, key);
        fault(w, "is required");
        pop(w, before);
        return 0;
    }
    for (size_t i = 0; i < n->n_properties; i++) {
        const json_t *child = json_object_get(v, n->properties[i].name);
        if (!child) continue;
        size_t before = push(w, n->properties[i].name);
        int ok = walk(w, n->properties[i].node, child);
        pop(w, before);
        if (!ok) return 0;
    }
    if (!n->additional && !n->n_pattern_properties && !n->property_names) return 1;
    void *it = json_object_iter((json_t *)(uintptr_t)v);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        const char *key = json_object_iter_key(it);
        size_t before = push(w, key);
        int ok = check_member(w, n, key, json_object_iter_value(it));
        if (ok && n->property_names) {
            json_t *name = json_string(key);
            ok = name && walk(w, n->property_names, name);
            json_decref(name);
        }
        pop(w, before);
        if (!ok) return 0;
    }
    return 1;
}

/* ---- combinations ---- */

static int try_node(struct walk *w, const struct node *n, const json_t *v)
{
    w->quiet++;
    int ok = walk(w, n, v);
    w->quiet--;
    return ok;
}

static int fits_type(const struct node *n, const json_t *v)
{
    for (int hops = 0; n->ref && !n->types && hops < 8; hops++) n = n->ref;
    return !n->is_never && (!n->types || n->types & type_bits(v));
}

static int check_one_or_any(struct walk *w, const struct node_list *list, int is_one,
                            const json_t *v)
{
    size_t n_fit = 0, n_typed = 0, i_typed = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (fits_type(list->v[i], v)) {
            n_typed++;
            i_typed = i;
        }
        n_fit += (size_t)try_node(w, list->v[i], v);
        if (n_fit && !is_one) return 1;
    }
    if (n_fit == 1) return 1;
    if (n_fit) return fault(w, "fits %zu of the forms of which it must fit one", n_fit);
    if (w->quiet) return 0;
    if (n_typed == 1) return walk(w, list->v[i_typed], v);
    return fault(w, "fits none of the %zu forms allowed", list->n);
}

static int check_combinations(struct walk *w, const struct node *n, const json_t *v)
{
    if (n->ref && !walk(w, n->ref, v)) return 0;
    for (size_t i = 0; i < n->all_of.n; i++)
        if (!walk(w, n->all_of.v[i], v)) return 0;
    if (n->any_of.n && !check_one_or_any(w, &n->any_of, 0, v)) return 0;
    if (n->one_of.n && !check_one_or_any(w, &n->one_of, 1, v)) return 0;
    if (n->negated && try_node(w, n->negated, v)) return fault(w, "has a form that is excluded");
    if (n->cond) {
        const struct node *branch = try_node(w, n->cond, v) ? n->then : n->otherwise;
        if (branch && !walk(w, branch, v)) return 0;
    }
    return 1;
}

/* Does v fit? With quiet = 0 a fault has been reported when it does not. */
static int walk(struct walk *w, const struct node *n, const json_t *v)
{
    if (w->err) return 0; /* over: nothing more is looked at */
    if (n->is_never) return fault(w, "is not allowed here");
    if (++w->steps > MAX_STEPS) {
        w->err = lt_fail(w->diag, LT_ERR_LIMIT, "%s: takes too long to check",
                         w->path_len ? w->path : "/");
        return 0;
    }
    if (++w->depth > MAX_DEPTH) {
        w->err =
            lt_fail(w->diag, LT_ERR_LIMIT, "%s: nested too deeply", w->path_len ? w->path : "/");
        w->depth--;
        return 0;
    }
    int ok = check_type(w, n, v) && check_enum(w, n, v);
    if (ok && json_is_number(v)) ok = check_number(w, n, v);
    if (ok && json_is_string(v)) ok = check_string(w, n, v);
    if (ok && json_is_array(v)) ok = check_array(w, n, v);
    if (ok && json_is_object(v)) ok = check_object(w, n, v);
    ok = ok && check_combinations(w, n, v) && check_names(w, n, v);
    w->depth--;
    return ok;
}

enum lt_err lt_schema_validate_names(const struct lt_schema *s, const json_t *value,
                                     const char *root, lt_name_check_fn check, void *user,
                                     struct lt_diag *diag)
{
    struct walk w = {.diag = diag, .check = check, .user = user};
    if (!value) return lt_fail(diag, LT_ERR_INVALID, "%s: is required", root && *root ? root : "/");
    if (root) {
        snprintf(w.path, LT_SCHEMA_PATH_MAX, "%s", root);
        w.path_len = strlen(w.path);
    }
    int ok = walk(&w, s->root, value);
    if (w.err) return w.err;
    return ok ? LT_OK : lt_fail(diag, LT_ERR_INVALID, "%s: is not valid", w.path);
}

enum lt_err lt_schema_validate(const struct lt_schema *s, const json_t *value, const char *root,
                               struct lt_diag *diag)
{
    return lt_schema_validate_names(s, value, root, NULL, NULL, diag);
}
