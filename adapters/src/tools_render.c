/* tools_render.c - one portable tool schema, said in each vendor's dialect.
 *
 * Two steps. lt__schema_normal() brings whatever a catalogue holds to a normal form every vendor
 * could follow: references are put in place, allOf is merged, oneOf becomes anyOf, unions at the
 * root become optional properties (no vendor takes a union there), objects are closed unless they
 * say otherwise. lt__schema_render() then writes the normal form in a dialect: it keeps the
 * keywords the vendor accepts and drops the rest, x-* included. Dropping a rule only widens what
 * the model may say; every answer is checked against the catalogue's own schema afterwards. A range
 * that is dropped is said in the description instead, where models do heed it.
 *
 * Keys come out in sorted order, so the same tool gives the same bytes: vendors cache prompts by
 * exact prefix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MAX_DEPTH        16  /* of a schema, references followed; deeper means recursion */
#define STRICT_MAX_DEPTH 5   /* strict compilers differ in what they bear; this suits all */
#define MAX_ENUM         250 /* longer lists make a request fail as a whole, so they go unsaid */

/* Which keywords a dialect keeps beside type, enum, description, properties and items. */
struct dialect {
    bool is_strict;       /* free-form values make the tool non-strict */
    bool all_required;    /* optional properties become nullable and required */
    bool has_range;       /* minimum, maximum */
    bool has_more_ranges; /* exclusive*, multipleOf */
    bool has_lengths;     /* minLength, maxLength, pattern */
    bool has_items_limits;
    bool has_format;
};

static const struct dialect DIALECT[LT_DIALECT_COUNT] = {
    [LT_DIALECT_PLAIN] = {.has_range = true,
                          .has_more_ranges = true,
                          .has_lengths = true,
                          .has_items_limits = true,
                          .has_format = true},
    [LT_DIALECT_OPENAI_STRICT] = {.is_strict = true,
                                  .all_required = true,
                                  .has_range = true,
                                  .has_more_ranges = true,
                                  .has_items_limits = true,
                                  .has_format = true},
    [LT_DIALECT_ANTHROPIC_STRICT] = {.is_strict = true, .has_format = true},
    [LT_DIALECT_GEMINI] = {.has_range = true, .has_items_limits = true},
};

/* Formats that all vendors which take `format` know. */
static const char *const FORMATS[] = {"date-time", "time", "date", "duration", "email",
                                      "hostname",  "ipv4", "ipv6", "uuid",     NULL};

/* ---- normal form ---------------------------------------------------------------------------- */

static json_t *normal_node(const json_t *root, const json_t *node, int depth, struct lt_diag *diag);

/* The node that a local reference names, or NULL. */
static const json_t *resolve(const json_t *root, const char *ref)
{
    static const char *const homes[] = {"#/$defs/", "#/definitions/"};
    static const char *const keys[] = {"$defs", "definitions"};
    for (int i = 0; i < 2; i++)
        if (lt__starts(ref, homes[i]))
            return json_object_get(json_object_get(root, keys[i]), ref + strlen(homes[i]));
    return NULL;
}

static bool has_string(const json_t *array, const char *s)
{
    size_t i;
    json_t *v;
    json_array_foreach(array, i, v) if (json_is_string(v) &&
                                        strcmp(json_string_value(v), s) == 0) return true;
    return false;
}

/* Add what `from` (normal form) says to `into`, unless it is said there already. Properties are
 * united; required ones stay so only when `keep_required`. */
static void merge(json_t *into, const json_t *from, bool keep_required)
{
    const char *key;
    json_t *v, *mine;
    size_t i;
    /* Jansson iterates a const tree only through a cast; nothing is changed. */
    json_t *src = (json_t *)(uintptr_t)from;
    json_object_foreach(src, key, v)
    {
        mine = json_object_get(into, key);
        if (strcmp(key, "required") == 0) {
            if (!keep_required) continue;
            if (!mine) {
                mine = json_array();
                json_object_set_new(into, key, mine);
            }
            json_t *name;
            json_array_foreach(v, i, name) if (!has_string(mine, json_string_value(name)))
                json_array_append(mine, name);
        } else if (strcmp(key, "properties") == 0 && mine) {
            json_object_update_missing(mine, v);
        } else if (!mine) {
            json_object_set(into, key, v);
        }
    }
}

/* Copy what describes a value and holds no sub-schema. */
static void copy_plain(json_t *out, const json_t *node)
{
    static const char *const plain[] = {"type",
                                        "description",
                                        "enum",
                                        "minimum",
                                        "maximum",
                                        "minLength",
                                        "exclusiveMinimum",
                                        "exclusiveMaximum",
                                        "maxLength",
                                        "pattern",
                                        "format",
                                        "multipleOf",
                                        "minItems",
                                        "maxItems",
                                        NULL};
    for (int i = 0; plain[i]; i++) {
        json_t *v = json_object_get(node, plain[i]);
        if (v) json_object_set(out, plain[i], v);
    }
    json_t *only = json_object_get(node, "const");
    if (only) json_object_set_new(out, "enum", json_pack("[O]", only));
}

static json_t *normal_properties(const json_t *root, json_t *props, int depth, struct lt_diag *diag)
{
    const char *key;
    json_t *v, *out = json_object();
    json_object_foreach(props, key, v)
    {
        json_t *n = normal_node(root, v, depth + 1, diag);
        if (!n) {
            json_decref(out);
            return NULL;
        }
        json_object_set_new(out, key, n);
    }
    return out;
}

/* Put the branches of anyOf, oneOf and allOf where they belong. */
static bool normal_branches(const json_t *root, const json_t *node, json_t *out, int depth,
                            struct lt_diag *diag)
{
    static const char *const kinds[] = {"allOf", "anyOf", "oneOf"};
    for (int k = 0; k < 3; k++) {
        size_t i;
        json_t *branch, *list = NULL;
        json_array_foreach(json_object_get(node, kinds[k]), i, branch)
        {
            json_t *n = normal_node(root, branch, depth + 1, diag);
            if (!n) {
                json_decref(list);
                return false;
            }
            if (k == 0 || depth == 0) {
                merge(out, n, k == 0);
                json_decref(n);
            } else {
                if (!list) list = json_array();
                json_array_append_new(list, n);
            }
        }
        if (list) json_object_set_new(out, "anyOf", list);
    }
    return true;
}

static json_t *normal_node(const json_t *root, const json_t *node, int depth, struct lt_diag *diag)
{
    const char *ref = lt__str(node, "$ref");
    json_t *part, *out;
    if (depth > MAX_DEPTH) {
        lt_fail(diag, LT_ERR_LIMIT, "parameters nest deeper than %d levels or refer to themselves",
                MAX_DEPTH);
        return NULL;
    }
    if (ref) {
        const json_t *target = resolve(root, ref);
        if (!target) {
            lt_fail(diag, LT_ERR_INVALID, "parameters refer to '%.80s', which is not there", ref);
            return NULL;
        }
        out = normal_node(root, target, depth + 1, diag);
        const char *words = lt__str(node, "description");
        if (out && words) json_object_set_new(out, "description", json_string(words));
        return out;
    }
    out = json_object();
    if (!out) {
        lt_fail(diag, LT_ERR_NOMEM, "no memory for tools");
        return NULL;
    }
    if (!json_is_object(node)) return out; /* `true`: anything goes */
    copy_plain(out, node);
    part = json_object_get(node, "properties");
    if (json_is_object(part)) {
        part = normal_properties(root, part, depth, diag);
        if (!part) goto fail;
        json_object_set_new(out, "properties", part);
        if (!json_object_get(out, "type")) json_object_set_new(out, "type", json_string("object"));
        json_t *required = json_object_get(node, "required");
        if (json_is_array(required)) json_object_set_new(out, "required", json_deep_copy(required));
    }
    part = json_object_get(node, "additionalProperties");
    if (json_is_object(part)) {
        part = normal_node(root, part, depth + 1, diag);
        if (!part) goto fail;
        json_object_set_new(out, "additionalProperties", part);
    } else if (json_is_true(part)) {
        json_object_set_new(out, "additionalProperties", json_true());
    }
    part = json_object_get(node, "items");
    if (json_is_object(part)) {
        part = normal_node(root, part, depth + 1, diag);
        if (!part) goto fail;
        json_object_set_new(out, "items", part);
    }
    if (!normal_branches(root, node, out, depth, diag)) goto fail;
    return out;
fail:
    json_decref(out);
    return NULL;
}

json_t *lt__schema_normal(const json_t *parameters, struct lt_diag *diag)
{
    json_t *out = normal_node(parameters, parameters, 0, diag);
    if (!out) return NULL;
    json_object_set_new(out, "type", json_string("object"));
    json_object_del(out, "enum"); /* refused at the root by every vendor */
    if (!json_object_get(out, "properties")) json_object_set_new(out, "properties", json_object());
    return out;
}

/* ---- dialects ------------------------------------------------------------------------------- */

struct render {
    const struct dialect *d;
    bool is_strict; /* still */
    int n_optional;
    int n_unions;
};

static json_t *render_node(struct render *r, const json_t *n, int depth);

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "0 to 100", for a range the dialect has no keyword for. */
static void range_words(const json_t *n, char *buf, size_t size)
{
    const json_t *lo = json_object_get(n, "minimum"), *hi = json_object_get(n, "maximum");
    buf[0] = 0;
    if (json_is_number(lo) && json_is_number(hi))
        snprintf(buf, size, "%.10g to %.10g", json_number_value(lo), json_number_value(hi));
    else if (json_is_number(lo))
        snprintf(buf, size, "at least %.10g", json_number_value(lo));
    else if (json_is_number(hi))
        snprintf(buf, size, "at most %.10g", json_number_value(hi));
}

static void render_description(struct render *r, const json_t *n, json_t *out)
{
    const char *words = lt__str(n, "description");
    char range[64] = "";
    if (!r->d->has_range) range_words(n, range, sizeof range);
    if (words && range[0])
        json_object_set_new(out, "description", json_sprintf("%s (%s)", words, range));
    else if (words || range[0])
        json_object_set_new(out, "description", json_string(words ? words : range));
}

static void keep(const json_t *n, json_t *out, const char *key)
{
    json_t *v = json_object_get(n, key);
    if (v) json_object_set(out, key, v);
}

static void render_limits(struct render *r, const json_t *n, json_t *out)
{
    if (r->d->has_range) {
        keep(n, out, "minimum");
        keep(n, out, "maximum");
    }
    if (r->d->has_more_ranges) {
        keep(n, out, "exclusiveMinimum");
        keep(n, out, "exclusiveMaximum");
        keep(n, out, "multipleOf");
    }
    if (r->d->has_lengths) {
        keep(n, out, "minLength");
        keep(n, out, "maxLength");
        keep(n, out, "pattern");
    }
    if (r->d->has_items_limits) {
        keep(n, out, "minItems");
        keep(n, out, "maxItems");
    }
    const char *format = lt__str(n, "format");
    for (int i = 0; format && r->d->has_format && FORMATS[i]; i++)
        if (strcmp(format, FORMATS[i]) == 0) keep(n, out, "format");
}

/* Let `node` also be null; it is ours alone. */
static void make_nullable(json_t *node)
{
    json_t *type = json_object_get(node, "type"), *any = json_object_get(node, "anyOf");
    json_t *list = json_object_get(node, "enum");
    if (any) {
        json_array_append_new(any, json_pack("{s:s}", "type", "null"));
    } else if (json_is_string(type)) {
        if (strcmp(json_string_value(type), "null") != 0)
            json_object_set_new(node, "type", json_pack("[Os]", type, "null"));
    } else if (json_is_array(type) && !has_string(type, "null")) {
        type = json_copy(type);
        json_array_append_new(type, json_string("null"));
        json_object_set_new(node, "type", type);
    }
    if (list) {
        size_t i;
        json_t *v;
        json_array_foreach(list, i, v) if (json_is_null(v)) return;
        list = json_copy(list);
        json_array_append_new(list, json_null());
        json_object_set_new(node, "enum", list);
    }
}

static bool render_object(struct render *r, const json_t *n, json_t *out, int depth)
{
    struct lt_props p;
    json_t *required = json_object_get(n, "required"), *names, *props;
    if (!lt__props_init(&p, json_object_get(n, "properties"))) return false;
    names = json_array();
    props = json_object();
    for (size_t i = 0; i < p.n; i++) {
        bool is_required = has_string(required, p.name[i]);
        const json_t *child = json_object_get(json_object_get(n, "properties"), p.name[i]);
        json_t *v = render_node(r, child, depth + 1);
        if (!is_required) {
            r->n_optional++;
            if (r->d->all_required) make_nullable(v);
        }
        if (is_required || r->d->all_required) json_array_append_new(names, json_string(p.safe[i]));
        if (json_object_get(v, "anyOf") || json_is_array(json_object_get(v, "type"))) r->n_unions++;
        json_object_set_new(props, p.safe[i], v);
    }
    lt__props_fini(&p);
    json_object_set_new(out, "properties", props);
    json_object_set_new(out, "required", names);
    return true;
}

static json_t *render_node(struct render *r, const json_t *n, int depth)
{
    json_t *out = json_object(), *v;
    const char *type = lt__str(n, "type");
    size_t i;
    json_t *branch;
    if (depth > STRICT_MAX_DEPTH) r->is_strict = false;

    v = json_object_get(n, "additionalProperties");
    if (type && strcmp(type, "object") == 0) {
        bool is_open = v != NULL || !json_object_get(n, "properties");
        if (is_open) r->is_strict = false; /* free-form: no strict compiler takes it */
        if (json_is_object(v))
            json_object_set_new(out, "additionalProperties", render_node(r, v, depth + 1));
        else
            json_object_set_new(out, "additionalProperties", json_boolean(is_open));
    }
    v = json_object_get(n, "anyOf");
    if (v) {
        json_t *list = json_array();
        json_array_foreach(v, i, branch)
            json_array_append_new(list, render_node(r, branch, depth + 1));
        json_object_set_new(out, "anyOf", list);
    }
    render_description(r, n, out);
    v = json_object_get(n, "enum");
    if (json_array_size(v) > 0 && json_array_size(v) <= MAX_ENUM) keep(n, out, "enum");
    if (type && strcmp(type, "array") == 0) {
        v = json_object_get(n, "items");
        if (!v) r->is_strict = false;
        json_object_set_new(out, "items", v ? render_node(r, v, depth + 1) : json_object());
    }
    render_limits(r, n, out);
    if (json_is_object(json_object_get(n, "properties")) && !render_object(r, n, out, depth)) {
        json_decref(out);
        return NULL;
    }
    keep(n, out, "type");
    if (!json_object_get(n, "type") && !json_object_get(n, "anyOf")) r->is_strict = false;
    return out;
}

/* A copy with the keys of every object in sorted order. */
static json_t *sorted(const json_t *v)
{
    json_t *out = NULL, *item;
    size_t i;
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, item) json_array_append_new(out, sorted(item));
    } else if (json_is_object(v)) {
        const char **keys = calloc(json_object_size(v) + 1, sizeof *keys), *key;
        size_t n = 0;
        if (!keys) return NULL;
        json_object_foreach((json_t *)(uintptr_t)v, key, item) keys[n++] = key;
        qsort(keys, n, sizeof *keys, by_text);
        out = json_object();
        for (i = 0; i < n; i++)
            json_object_set_new(out, keys[i], sorted(json_object_get(v, keys[i])));
        free(keys);
    } else {
        out = json_deep_copy(v);
    }
    return out;
}

json_t *lt__schema_render(const json_t *normal, enum lt_dialect dialect, bool *is_strict,
                          int *n_optional, int *n_unions)
{
    struct render r = {.d = &DIALECT[dialect], .is_strict = DIALECT[dialect].is_strict};
    json_t *tree = render_node(&r, normal, 0), *out;
    if (!tree) return NULL;
    out = sorted(tree);
    json_decref(tree);
    *is_strict = r.is_strict;
    *n_optional = r.n_optional;
    *n_unions = r.n_unions;
    return out;
}

/* ---- names ---------------------------------------------------------------------------------- */

bool lt__is_safe_name(const char *s)
{
    if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_')) return false;
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return s[n] == 0 && n <= LT_NAME_MAX_BYTES;
}

static bool is_taken(const char *s, char (*taken)[LT_NAME_MAX_BYTES + 1], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(taken[i], s) == 0) return true;
    return false;
}

void lt__safe_name(const char *name, char (*taken)[LT_NAME_MAX_BYTES + 1], size_t n,
                   char out[LT_NAME_MAX_BYTES + 1])
{
    char base[LT_NAME_MAX_BYTES + 1];
    size_t len = 0;
    char first[2] = {name[0], 0};
    if (!lt__is_safe_name(first)) base[len++] = '_'; /* a name begins with a letter or _ */
    for (const char *s = name; *s && len < LT_NAME_MAX_BYTES; s++) {
        char c[3] = {'_', *s, 0};
        if (((unsigned char)*s & 0xc0) == 0x80) continue; /* one _ for one character */
        base[len++] = lt__is_safe_name(c) ? *s : '_';
    }
    base[len] = 0;
    /* `out` may itself be one of `taken`, so it is written last. */
    char free_one[LT_NAME_MAX_BYTES + 1];
    snprintf(free_one, sizeof free_one, "%s", base);
    for (int k = 2; is_taken(free_one, taken, n); k++) /* n is small: a tool set or one object */
        snprintf(free_one, sizeof free_one, "%.*s_%d", LT_NAME_MAX_BYTES - 12, base, k);
    memcpy(out, free_one, sizeof free_one);
}

bool lt__props_init(struct lt_props *p, const json_t *properties)
{
    const char *key;
    json_t *v;
    size_t n = json_object_size(properties), k = 0;
    memset(p, 0, sizeof *p);
    p->name = calloc(n + 1, sizeof *p->name);
    p->safe = calloc(n + 1, sizeof *p->safe);
    if (!p->name || !p->safe) {
        lt__props_fini(p);
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)properties, key, v) p->name[p->n++] = key;
    qsort(p->name, p->n, sizeof *p->name, by_text);
    /* Names that are safe keep themselves, whatever their neighbours turn into. */
    for (size_t i = 0; i < p->n; i++)
        if (lt__is_safe_name(p->name[i])) snprintf(p->safe[i], sizeof p->safe[i], "%s", p->name[i]);
    for (k = 0; k < p->n; k++)
        if (!p->safe[k][0]) lt__safe_name(p->name[k], p->safe, p->n, p->safe[k]);
    return true;
}

void lt__props_fini(struct lt_props *p)
{
    free(p->name);
    free(p->safe);
    memset(p, 0, sizeof *p);
}
