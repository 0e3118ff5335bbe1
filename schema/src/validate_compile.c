/* validate_compile.c - from JSON Schema text to nodes.
 *
 * Every keyword is a row of a table: an unknown word is thereby an error and not a silent hole.
 * A sub-schema that is the target of a $ref is compiled once and found again by its address, which
 * also closes the circle of recursive schemas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"
#include "validate_node.h"

#define MAX_DEPTH 200 /* nesting of sub-schemas, $refs included, while compiling */

struct target { /* a sub-schema that some $ref names */
    const json_t *json;
    struct node *node;
};

struct compiler {
    struct lt_schema *s;
    lt_schema_lookup_fn lookup;
    void *user;
    struct lt_diag *diag;
    const json_t *root; /* document that "#" means */
    struct target *targets;
    size_t n_targets, cap_targets;
    char path[LT_SCHEMA_PATH_MAX];
    size_t path_len;
    int depth;
};

static enum lt_err compile(struct compiler *c, const json_t *json, struct node **out);

/* Append "/key" to the path; the former length is returned for pop. */
static size_t push(struct compiler *c, const char *key)
{
    size_t before = c->path_len;
    int n = snprintf(c->path + before, sizeof c->path - before, "/%s", key);
    c->path_len =
        n < 0 || before + (size_t)n >= sizeof c->path ? sizeof c->path - 1 : before + (size_t)n;
    return before;
}

static size_t push_index(struct compiler *c, size_t i)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", i);
    return push(c, text);
}

static void pop(struct compiler *c, size_t before)
{
    c->path_len = before;
    c->path[before] = '\0';
}

static enum lt_err bad(struct compiler *c, enum lt_err err, const char *key, const char *what)
{
    return lt_fail(c->diag, err, "schema %s/%s: %s", c->path, key, what);
}

static enum lt_err no_memory(struct compiler *c)
{
    return lt_fail(c->diag, LT_ERR_NOMEM, "out of memory compiling a schema");
}

static enum lt_err node_new(struct compiler *c, struct node **out)
{
    struct lt_schema *s = c->s;
    if (s->all.n == LT_SCHEMA_MAX_NODES)
        return lt_fail(c->diag, LT_ERR_LIMIT, "schema %s: more than %d sub-schemas", c->path,
                       LT_SCHEMA_MAX_NODES);
    if (s->all.n == s->all_cap) {
        size_t cap = s->all_cap ? s->all_cap * 2 : 16;
        struct node **v = realloc(s->all.v, cap * sizeof *v);
        if (!v) return no_memory(c);
        s->all.v = v;
        s->all_cap = cap;
    }
    struct node *n = calloc(1, sizeof *n);
    if (!n) return no_memory(c);
    n->min_length = n->max_length = n->min_items = n->max_items = NO_LIMIT;
    n->min_properties = n->max_properties = NO_LIMIT;
    s->all.v[s->all.n++] = n;
    *out = n;
    return LT_OK;
}

/* ---- one function per shape of keyword ---- */

static enum lt_err one_type(struct compiler *c, const json_t *v, unsigned *types)
{
    static const struct {
        const char *name;
        unsigned bit;
    } rows[] = {{"object", TYPE_OBJECT},   {"array", TYPE_ARRAY},   {"string", TYPE_STRING},
                {"integer", TYPE_INTEGER}, {"number", TYPE_NUMBER}, {"boolean", TYPE_BOOLEAN},
                {"null", TYPE_NULL}};
    const char *name = json_string_value(v);
    for (size_t i = 0; name && i < sizeof rows / sizeof rows[0]; i++)
        if (!strcmp(name, rows[i].name)) {
            *types |= rows[i].bit;
            return LT_OK;
        }
    return bad(c, LT_ERR_INVALID, "type",
               "is none of object, array, string, integer, number, "
               "boolean, null");
}

static enum lt_err set_type(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_array(v)) return one_type(c, v, &n->types);
    if (!json_array_size(v)) return bad(c, LT_ERR_INVALID, "type", "is an empty list");
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < json_array_size(v); i++)
        err = one_type(c, json_array_get(v, i), &n->types);
    return err;
}

static enum lt_err set_enum(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_array(v) || !json_array_size(v))
        return bad(c, LT_ERR_INVALID, "enum", "expected a list with at least one value");
    n->enum_values = v;
    return LT_OK;
}

static enum lt_err set_const(struct compiler *c, const json_t *v, struct node *n)
{
    (void)c;
    n->const_value = v;
    return LT_OK;
}

static enum lt_err set_required(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_array(v)) return bad(c, LT_ERR_INVALID, "required", "expected a list of names");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i)))
            return bad(c, LT_ERR_INVALID, "required", "expected a list of names");
    n->required = v;
    return LT_OK;
}

static enum lt_err set_unique(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_boolean(v)) return bad(c, LT_ERR_INVALID, "uniqueItems", "expected true or false");
    n->is_unique = json_is_true(v);
    return LT_OK;
}

static enum lt_err set_pattern(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_string(v)) return bad(c, LT_ERR_INVALID, "pattern", "expected a string");
    struct lt_diag inner = {0};
    enum lt_err err = lt_pattern_compile(json_string_value(v), &n->pattern, &inner);
    if (err) return bad(c, err, "pattern", lt_diag_text(&inner, err));
    n->pattern_text = json_string_value(v);
    return LT_OK;
}

static enum lt_err set_properties(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_object(v)) return bad(c, LT_ERR_INVALID, "properties", "expected an object");
    n->property_json = v;
    n->properties = calloc(json_object_size(v) + 1, sizeof *n->properties);
    if (!n->properties) return no_memory(c);
    size_t before = push(c, "properties");
    void *it = json_object_iter((json_t *)(uintptr_t)v);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        struct named_node *p = n->properties + n->n_properties;
        p->name = json_object_iter_key(it);
        size_t inner = push(c, p->name);
        enum lt_err err = compile(c, json_object_iter_value(it), &p->node);
        if (err) return err;
        n->n_properties++;
        pop(c, inner);
    }
    pop(c, before);
    return LT_OK;
}

static enum lt_err set_pattern_properties(struct compiler *c, const json_t *v, struct node *n)
{
    if (!json_is_object(v))
        return bad(c, LT_ERR_INVALID, "patternProperties", "expected an object");
    n->pattern_properties = calloc(json_object_size(v) + 1, sizeof *n->pattern_properties);
    if (!n->pattern_properties) return no_memory(c);
    size_t before = push(c, "patternProperties");
    void *it = json_object_iter((json_t *)(uintptr_t)v);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        struct named_node *p = n->pattern_properties + n->n_pattern_properties++;
        p->name = json_object_iter_key(it);
        struct lt_diag inner_diag = {0};
        enum lt_err err = lt_pattern_compile(p->name, &p->pattern, &inner_diag);
        if (err) return bad(c, err, p->name, lt_diag_text(&inner_diag, err));
        size_t inner = push(c, p->name);
        err = compile(c, json_object_iter_value(it), &p->node);
        if (err) return err;
        pop(c, inner);
    }
    pop(c, before);
    return LT_OK;
}

static enum lt_err set_list(struct compiler *c, const json_t *v, const char *key,
                            struct node_list *out)
{
    if (!json_is_array(v) || !json_array_size(v))
        return bad(c, LT_ERR_INVALID, key, "expected a list of schemas");
    out->v = calloc(json_array_size(v), sizeof *out->v);
    if (!out->v) return no_memory(c);
    size_t before = push(c, key);
    for (size_t i = 0; i < json_array_size(v); i++) {
        size_t inner = push_index(c, i);
        enum lt_err err = compile(c, json_array_get(v, i), &out->v[i]);
        if (err) return err;
        out->n++;
        pop(c, inner);
    }
    pop(c, before);
    return LT_OK;
}

/* Definitions that nothing refers to are compiled all the same, to find their mistakes. */
static enum lt_err check_defs(struct compiler *c, const json_t *v, const char *key);

static enum lt_err set_ref(struct compiler *c, const json_t *v, struct node *n);

static enum lt_err set_names(struct compiler *c, const char *key, const json_t *v, struct node *n)
{
    if (!strcmp(key, "x-entity")) {
        if (json_is_object(v)) {
            const char *rules[] = {"domain", "device_class"};
            for (size_t i = 0; i < 2; i++) {
                const json_t *list = json_object_get(v, rules[i]);
                if (list && !json_is_array(list) && !json_is_string(list))
                    return bad(c, LT_ERR_INVALID, key,
                               "domain and device_class are lists of words");
            }
        }
        if (!json_is_object(v) && !json_is_boolean(v))
            return bad(c, LT_ERR_INVALID, key, "expected an object or true");
        n->x_entity = json_is_false(v) ? NULL : v;
        return LT_OK;
    }
    if (!json_is_boolean(v)) return bad(c, LT_ERR_INVALID, key, "expected true or false");
    if (!strcmp(key, "x-area"))
        n->is_area = json_is_true(v);
    else
        n->is_floor = json_is_true(v);
    return LT_OK;
}

/* ---- the table ---- */

enum shape { COUNT, NUMBER, CHILD, LIST, OTHER, NOTE };
struct keyword {
    const char *name;
    enum shape shape;
    size_t offset; /* of the field in struct node: COUNT, NUMBER, CHILD, LIST */
    enum lt_err (*set)(struct compiler *, const json_t *, struct node *); /* OTHER */
};
#define AT(field) offsetof(struct node, field), NULL
static const struct keyword keywords[] = {
    {"type", OTHER, 0, set_type},
    {"enum", OTHER, 0, set_enum},
    {"const", OTHER, 0, set_const},
    {"required", OTHER, 0, set_required},
    {"properties", OTHER, 0, set_properties},
    {"patternProperties", OTHER, 0, set_pattern_properties},
    {"additionalProperties", CHILD, AT(additional)},
    {"propertyNames", CHILD, AT(property_names)},
    {"minProperties", COUNT, AT(min_properties)},
    {"maxProperties", COUNT, AT(max_properties)},
    {"items", CHILD, AT(items)},
    {"prefixItems", LIST, AT(prefix)},
    {"minItems", COUNT, AT(min_items)},
    {"maxItems", COUNT, AT(max_items)},
    {"uniqueItems", OTHER, 0, set_unique},
    {"minLength", COUNT, AT(min_length)},
    {"maxLength", COUNT, AT(max_length)},
    {"pattern", OTHER, 0, set_pattern},
    {"minimum", NUMBER, AT(minimum)},
    {"maximum", NUMBER, AT(maximum)},
    {"exclusiveMinimum", NUMBER, AT(exclusive_minimum)},
    {"exclusiveMaximum", NUMBER, AT(exclusive_maximum)},
    {"multipleOf", NUMBER, AT(multiple_of)},
    {"anyOf", LIST, AT(any_of)},
    {"oneOf", LIST, AT(one_of)},
    {"allOf", LIST, AT(all_of)},
    {"not", CHILD, AT(negated)},
    {"if", CHILD, AT(cond)},
    {"then", CHILD, AT(then)},
    {"else", CHILD, AT(otherwise)},
    {"$ref", OTHER, 0, set_ref},
    {"title", NOTE, 0, NULL},
    {"description", NOTE, 0, NULL},
    {"default", NOTE, 0, NULL},
    {"examples", NOTE, 0, NULL},
    {"format", NOTE, 0, NULL},
    {"$schema", NOTE, 0, NULL},
    {"$id", NOTE, 0, NULL},
    {"$comment", NOTE, 0, NULL},
    {"$defs", NOTE, 0, NULL},
    {"definitions", NOTE, 0, NULL},
    {"deprecated", NOTE, 0, NULL},
    {"readOnly", NOTE, 0, NULL},
    {"writeOnly", NOTE, 0, NULL},
};
#undef AT

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (!strcmp(name, keywords[i].name)) return keywords + i;
    return NULL;
}

static enum lt_err set_keyword(struct compiler *c, const char *key, const json_t *v, struct node *n)
{
    if (!strcmp(key, "x-entity") || !strcmp(key, "x-area") || !strcmp(key, "x-floor"))
        return set_names(c, key, v, n);
    if (!strncmp(key, "x-", 2)) return LT_OK;
    const struct keyword *k = find_keyword(key);
    if (!k)
        return bad(c, LT_ERR_UNSUPPORTED, key,
                   "this keyword is not supported (a note of your own begins with \"x-\")");
    char *field = (char *)n + k->offset;
    size_t before;
    enum lt_err err;
    switch (k->shape) {
    case COUNT:
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return bad(c, LT_ERR_INVALID, key, "expected an integer of 0 or more");
        *(int64_t *)(void *)field = json_integer_value(v);
        return LT_OK;
    case NUMBER:
        if (!json_is_number(v)) return bad(c, LT_ERR_INVALID, key, "expected a number");
        if (!strcmp(key, "multipleOf") && json_number_value(v) <= 0)
            return bad(c, LT_ERR_INVALID, key, "expected a number above 0");
        *(const json_t **)(void *)field = v;
        return LT_OK;
    case CHILD:
        before = push(c, key);
        err = compile(c, v, (struct node **)(void *)field);
        if (!err) pop(c, before);
        return err;
    case LIST:
        return set_list(c, v, key, (struct node_list *)(void *)field);
    case OTHER:
        return k->set(c, v, n);
    case NOTE:
        if (!strcmp(key, "$defs") || !strcmp(key, "definitions")) return check_defs(c, v, key);
        return LT_OK;
    }
    return LT_OK;
}

/* ---- references ---- */

static struct node *find_target(const struct compiler *c, const json_t *json)
{
    for (size_t i = 0; i < c->n_targets; i++)
        if (c->targets[i].json == json) return c->targets[i].node;
    return NULL;
}

static enum lt_err note_target(struct compiler *c, const json_t *json, struct node *n)
{
    if (c->n_targets == c->cap_targets) {
        size_t cap = c->cap_targets ? c->cap_targets * 2 : 16;
        struct target *t = realloc(c->targets, cap * sizeof *t);
        if (!t) return no_memory(c);
        c->targets = t;
        c->cap_targets = cap;
    }
    c->targets[c->n_targets++] = (struct target){json, n};
    return LT_OK;
}

static enum lt_err fill(struct compiler *c, const json_t *json, struct node *n)
{
    void *it = json_object_iter((json_t *)(uintptr_t)json);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)json, it)) {
        enum lt_err err = set_keyword(c, json_object_iter_key(it), json_object_iter_value(it), n);
        if (err) return err;
    }
    return LT_OK;
}

/* Compile a $ref's target, or find it. It is noted before it is filled: a circle finds itself. */
static enum lt_err compile_target(struct compiler *c, const json_t *json, struct node **out)
{
    *out = find_target(c, json);
    if (*out) return LT_OK;
    if (!json_is_object(json)) return compile(c, json, out);
    if (++c->depth > MAX_DEPTH)
        return lt_fail(c->diag, LT_ERR_LIMIT, "schema %s: nested too deeply", c->path);
    enum lt_err err = node_new(c, out);
    if (!err) err = note_target(c, json, *out);
    if (!err) err = fill(c, json, *out);
    c->depth--;
    return err;
}

static enum lt_err check_defs(struct compiler *c, const json_t *v, const char *key)
{
    if (!json_is_object(v)) return bad(c, LT_ERR_INVALID, key, "expected an object");
    size_t before = push(c, key);
    void *it = json_object_iter((json_t *)(uintptr_t)v);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        struct node *n;
        size_t inner = push(c, json_object_iter_key(it));
        enum lt_err err = compile_target(c, json_object_iter_value(it), &n);
        if (err) return err;
        pop(c, inner);
    }
    pop(c, before);
    return LT_OK;
}

static enum lt_err set_ref(struct compiler *c, const json_t *v, struct node *n)
{
    const char *ref = json_string_value(v);
    const char *hash = ref ? strchr(ref, '#') : NULL;
    if (!hash)
        return bad(
            c, LT_ERR_UNSUPPORTED, "$ref",
            "expected \"#\", \"#/$defs/X\", \"#/definitions/X\" or the same after a file name");
    const json_t *root = c->root;
    if (hash != ref) {
        char file[128];
        int n_file = snprintf(file, sizeof file, "%.*s", (int)(hash - ref), ref);
        root = c->lookup && n_file < (int)sizeof file ? c->lookup(file, c->user) : NULL;
        if (!root) return bad(c, LT_ERR_UNSUPPORTED, "$ref", "names a document that is not known");
    }
    const json_t *target = root;
    const char *name = NULL, *kind = NULL;
    if (!strncmp(hash, "#/$defs/", 8)) {
        kind = "$defs";
        name = hash + 8;
    } else if (!strncmp(hash, "#/definitions/", 14)) {
        kind = "definitions";
        name = hash + 14;
    } else if (hash[1]) {
        return bad(c, LT_ERR_UNSUPPORTED, "$ref",
                   "only \"#\", \"#/$defs/X\" and \"#/definitions/X\" are supported");
    }
    if (name) target = json_object_get(json_object_get(root, kind), name);
    if (!target) return bad(c, LT_ERR_INVALID, "$ref", "names no definition");
    const json_t *outer = c->root;
    c->root = root;
    size_t before = push(c, "$ref");
    enum lt_err err = compile_target(c, target, &n->ref);
    if (!err) pop(c, before);
    c->root = outer;
    return err;
}

static enum lt_err compile(struct compiler *c, const json_t *json, struct node **out)
{
    struct node *n;
    if (json_is_object(json) && (n = find_target(c, json)) != NULL) {
        *out = n;
        return LT_OK;
    }
    if (!json_is_object(json) && !json_is_boolean(json))
        return lt_fail(c->diag, LT_ERR_INVALID, "schema %s: expected object, got %s",
                       c->path_len ? c->path : "/", lt_json_type_name(json));
    if (++c->depth > MAX_DEPTH)
        return lt_fail(c->diag, LT_ERR_LIMIT, "schema %s: nested too deeply", c->path);
    enum lt_err err = node_new(c, &n);
    if (!err) {
        *out = n;
        if (json_is_boolean(json))
            n->is_never = json_is_false(json);
        else
            err = fill(c, json, n);
    }
    c->depth--;
    return err;
}

enum lt_err lt_schema_compile(const json_t *schema, lt_schema_lookup_fn lookup, void *user,
                              struct lt_schema **out, struct lt_diag *diag)
{
    struct lt_schema *s = calloc(1, sizeof *s);
    if (!s) return lt_fail(diag, LT_ERR_NOMEM, "out of memory compiling a schema");
    struct compiler c = {.s = s, .lookup = lookup, .user = user, .diag = diag, .root = schema};
    s->json = json_incref((json_t *)(uintptr_t)schema); /* counting references is not a change */
    enum lt_err err = json_is_object(schema) ? compile_target(&c, schema, &s->root)
                                             : compile(&c, schema, &s->root);
    free(c.targets);
    if (err) {
        lt_schema_free(s);
        return err;
    }
    *out = s;
    return LT_OK;
}

static void free_named(struct named_node *v, size_t n)
{
    for (size_t i = 0; v && i < n; i++) lt_pattern_free(v[i].pattern);
    free(v);
}

void lt_schema_free(struct lt_schema *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->all.n; i++) {
        struct node *n = s->all.v[i];
        lt_pattern_free(n->pattern);
        free_named(n->properties, n->n_properties);
        free_named(n->pattern_properties, n->n_pattern_properties);
        free(n->prefix.v);
        free(n->any_of.v);
        free(n->one_of.v);
        free(n->all_of.v);
        free(n);
    }
    free(s->all.v);
    json_decref(s->json);
    free(s);
}

/* ---- parameters of tools ---- */

static enum lt_err flat_parameter(json_t *properties, json_t *required, const char *name,
                                  const json_t *p, struct lt_diag *diag)
{
    if (!json_is_object(p))
        return lt_fail(diag, LT_ERR_INVALID, "/%s: expected object, got %s", name,
                       lt_json_type_name(p));
    json_t *copy = json_copy((json_t *)(uintptr_t)p); /* shallow */
    const json_t *need = json_object_get(p, "required");
    if (need && !json_is_boolean(need) && !json_is_array(need)) {
        json_decref(copy);
        return lt_fail(diag, LT_ERR_INVALID, "/%s/required: expected boolean, got %s", name,
                       lt_json_type_name(need));
    }
    int is_failed = !copy;
    if (copy && json_is_boolean(need)) is_failed = json_object_del(copy, "required");
    if (!is_failed && json_is_true(need))
        is_failed = json_array_append_new(required, json_string(name));
    /* takes the reference, also on failure */
    is_failed |= json_object_set_new(properties, name, copy);
    return is_failed ? lt_fail(diag, LT_ERR_NOMEM, "out of memory reading parameters") : LT_OK;
}

enum lt_err lt_schema_from_parameters(const json_t *parameters, json_t **out, struct lt_diag *diag)
{
    json_t *schema, *properties, *required;
    if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
        return lt_fail(diag, LT_ERR_INVALID, "/: expected object, got %s",
                       lt_json_type_name(parameters));
    const json_t *type = json_object_get(parameters, "type");
    /* A flat parameter's value is an object; JSON Schema's "type" is text. */
    if (json_is_string(type) || json_is_array(type) ||
        (!type && json_is_object(json_object_get(parameters, "properties")) &&
         !json_is_string(json_object_get(json_object_get(parameters, "properties"), "type")))) {
        if (json_is_string(type) && strcmp(json_string_value(type), "object"))
            return lt_fail(diag, LT_ERR_INVALID, "/type: expected \"object\" for parameters");
        schema = json_copy((json_t *)(uintptr_t)parameters);
        if (!schema || (!json_object_get(schema, "additionalProperties") &&
                        json_object_set_new(schema, "additionalProperties", json_false()))) {
            json_decref(schema);
            return lt_fail(diag, LT_ERR_NOMEM, "out of memory reading parameters");
        }
        *out = schema;
        return LT_OK;
    }
    properties = json_object();
    required = json_array();
    enum lt_err err = LT_OK;
    void *it = parameters ? json_object_iter((json_t *)(uintptr_t)parameters) : NULL;
    for (; !err && it; it = json_object_iter_next((json_t *)(uintptr_t)parameters, it))
        err = flat_parameter(properties, required, json_object_iter_key(it),
                             json_object_iter_value(it), diag);
    schema = err ? NULL
                 : json_pack("{s:s,s:O,s:O,s:b}", "type", "object", "properties", properties,
                             "required", required, "additionalProperties", 0);
    json_decref(properties);
    json_decref(required);
    if (!err && !schema) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory reading parameters");
    if (!err) *out = schema;
    return err;
}
