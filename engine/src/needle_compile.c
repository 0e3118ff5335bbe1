/* needle_compile.c - a catalogue's tools become the grammar of their calls.
 *
 * A schema is compiled depth first. Each function gives the node's index, or UNFIT when the schema
 * has a rule that the grammar cannot hold a value to, or NO_MEMORY. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "needle_grammar_impl.h"
#include "san/engine.h"

enum { UNFIT = -1, NO_MEMORY = -2 };

struct compiler {
    struct san__grammar *g;
    const json_t *home;
    san__g_writable_fn is_writable;
    void *user;
};

/* Texts collected before they are sorted and moved to the grammar. */
struct list {
    struct san__g_text *p;
    int n, cap;
};

static void list_free(struct list *l)
{
    for (int i = 0; i < l->n; i++) free(l->p[i].s);
    free(l->p);
    *l = (struct list){0};
}

/* Add text `s` (taken, NULL is out of memory). Texts that cannot be written are dropped: UNFIT. */
static int list_add(struct compiler *c, struct list *l, char *s, int node)
{
    if (!s) return NO_MEMORY;
    size_t n = strlen(s);
    if (!n || !c->is_writable(s, n, c->user)) {
        free(s);
        return UNFIT;
    }
    if (l->n == l->cap) {
        int cap = l->cap ? l->cap * 2 : 8;
        struct san__g_text *p = realloc(l->p, (size_t)cap * sizeof *p);
        if (!p) {
            free(s);
            return NO_MEMORY;
        }
        l->p = p;
        l->cap = cap;
    }
    l->p[l->n++] = (struct san__g_text){s, n, node};
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(((const struct san__g_text *)a)->s, ((const struct san__g_text *)b)->s);
}

/* Sort, drop repetitions and move to the grammar; *first and *n say where they are. */
static int list_move(struct compiler *c, struct list *l, int *first, int *n)
{
    struct san__grammar *g = c->g;
    if (l->n) qsort(l->p, (size_t)l->n, sizeof *l->p, by_bytes);
    if (g->n_texts + l->n > g->cap_texts) {
        int cap = (g->n_texts + l->n) * 2;
        struct san__g_text *p = realloc(g->texts, (size_t)cap * sizeof *p);
        if (!p) {
            list_free(l);
            return NO_MEMORY;
        }
        g->texts = p;
        g->cap_texts = cap;
    }
    *first = g->n_texts;
    for (int i = 0; i < l->n; i++) {
        if (i + 1 < l->n && !strcmp(l->p[i].s, l->p[i + 1].s))
            free(l->p[i].s); /* the next one stays */
        else
            g->texts[g->n_texts++] = l->p[i];
    }
    *n = g->n_texts - *first;
    free(l->p);
    *l = (struct list){0};
    return 0;
}

static int new_node(struct compiler *c, struct san__g_node n)
{
    struct san__grammar *g = c->g;
    if (g->n_nodes == g->cap_nodes) {
        int cap = g->cap_nodes ? g->cap_nodes * 2 : 64;
        struct san__g_node *p = realloc(g->nodes, (size_t)cap * sizeof *p);
        if (!p) return NO_MEMORY;
        g->nodes = p;
        g->cap_nodes = cap;
    }
    g->nodes[g->n_nodes] = n;
    return g->n_nodes++;
}

static int words_node(struct compiler *c, struct list *l)
{
    struct san__g_node n = {.kind = SAN__G_WORDS};
    if (list_move(c, l, &n.first, &n.n)) return NO_MEMORY;
    return n.n ? new_node(c, n) : UNFIT;
}

/* ---- schemas ---- */

/* Does `schema` say nothing but notes and the keys of `known`? */
static int has_only(const json_t *schema, const char *const *known)
{
    static const char *const notes[] = {"title",    "description", "default",    "examples",
                                        "format",   "$schema",     "$id",        "$comment",
                                        "readOnly", "writeOnly",   "deprecated", NULL};
    for (void *it = json_object_iter((json_t *)(uintptr_t)schema); it;
         it = json_object_iter_next((json_t *)(uintptr_t)schema, it)) {
        const char *key = json_object_iter_key(it);
        int is_known = !strncmp(key, "x-", 2);
        for (int i = 0; notes[i] && !is_known; i++) is_known = !strcmp(key, notes[i]);
        for (int i = 0; known[i] && !is_known; i++) is_known = !strcmp(key, known[i]);
        if (!is_known) return 0;
    }
    return 1;
}

static int is_of_type(const json_t *v, const char *type)
{
    return !strcmp(type, "string")    ? json_is_string(v)
           : !strcmp(type, "integer") ? json_is_integer(v)
           : !strcmp(type, "number")  ? json_is_number(v)
           : !strcmp(type, "boolean") ? json_is_boolean(v)
           : !strcmp(type, "null")    ? json_is_null(v)
           : !strcmp(type, "array")   ? json_is_array(v)
                                      : json_is_object(v);
}

static int has_type(const json_t *type, const json_t *v)
{
    if (!type) return 1;
    if (json_is_string(type)) return is_of_type(v, json_string_value(type));
    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *t = json_string_value(json_array_get(type, i));
        if (t && is_of_type(v, t)) return 1;
    }
    return 0;
}

static int listed(struct compiler *c, const json_t *schema)
{
    static const char *const known[] = {"type", "enum", "const", NULL};
    const json_t *values = json_object_get(schema, "enum"), *type = json_object_get(schema, "type");
    json_t *one = json_object_get(schema, "const");
    struct list l = {0};
    if (!has_only(schema, known)) return UNFIT;
    size_t n = values ? json_array_size(values) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = values ? json_array_get(values, i) : one;
        if (!has_type(type, v) || (one && !json_equal(one, v))) continue;
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        if (list_add(c, &l, text, -1) == NO_MEMORY) {
            list_free(&l);
            return NO_MEMORY;
        }
    }
    return words_node(c, &l);
}

static int is_in(const json_t *rule, const char *word)
{
    if (!rule) return 1;
    if (!word) return 0;
    if (json_is_string(rule)) return !strcmp(json_string_value(rule), word);
    for (size_t i = 0; i < json_array_size(rule); i++) {
        const char *s = json_string_value(json_array_get(rule, i));
        if (s && !strcmp(s, word)) return 1;
    }
    return 0;
}

/* Names of the home's entities, areas or floors. */
static int names_of_home(struct compiler *c, const char *what, const char *key, const json_t *rule)
{
    struct list l = {0};
    size_t i;
    json_t *x;
    json_array_foreach(json_object_get(c->home, what), i, x)
    {
        json_t *name = json_object_get(x, key);
        if (!json_is_string(name) || !*json_string_value(name)) continue;
        if (!is_in(json_object_get(rule, "domain"),
                   json_string_value(json_object_get(x, "domain"))) ||
            !is_in(json_object_get(rule, "device_class"),
                   json_string_value(json_object_get(x, "device_class"))))
            continue;
        if (list_add(c, &l, json_dumps(name, JSON_ENCODE_ANY), -1) == NO_MEMORY) {
            list_free(&l);
            return NO_MEMORY;
        }
    }
    return words_node(c, &l);
}

static int number(struct compiler *c, const json_t *schema, int is_integer)
{
    static const char *const known[] = {
        "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL};
    if (!has_only(schema, known)) return UNFIT;
    struct san__g_node n = {.kind = SAN__G_NUMBER, .decimals = is_integer ? 0 : SAN__G_DECIMALS};
    const double scale = is_integer ? 1 : 1000, most = (double)SAN__G_NUMBER_MAX;
    double lo = -most, hi = most, step = 1;
    const json_t *v;
    if ((v = json_object_get(schema, "minimum")))
        lo = fmax(lo, ceil(json_number_value(v) * scale - 1e-6));
    if ((v = json_object_get(schema, "maximum")))
        hi = fmin(hi, floor(json_number_value(v) * scale + 1e-6));
    if ((v = json_object_get(schema, "exclusiveMinimum")))
        lo = fmax(lo, floor(json_number_value(v) * scale + 1e-6) + 1);
    if ((v = json_object_get(schema, "exclusiveMaximum")))
        hi = fmin(hi, ceil(json_number_value(v) * scale - 1e-6) - 1);
    if ((v = json_object_get(schema, "multipleOf"))) step = json_number_value(v) * scale;
    if (!(lo <= hi) || !(step >= 1) || step > most || step != floor(step)) return UNFIT;
    n.lo = (int64_t)lo;
    n.hi = (int64_t)hi;
    n.step = (int64_t)step;
    int64_t first = n.lo - n.lo % n.step + (n.lo > 0 && n.lo % n.step ? n.step : 0);
    return first <= n.hi ? new_node(c, n) : UNFIT;
}

static int integer_or(const json_t *schema, const char *key, int otherwise)
{
    const json_t *v = json_object_get(schema, key);
    if (!json_is_integer(v)) return otherwise;
    json_int_t i = json_integer_value(v);
    return i < 0 ? 0 : i > 100000 ? 100000 : (int)i;
}

static int string(struct compiler *c, const json_t *schema)
{
    static const char *const known[] = {"type", "minLength", "maxLength", NULL};
    struct san__g_node n = {.kind = SAN__G_STRING,
                            .min = integer_or(schema, "minLength", 0),
                            .max = integer_or(schema, "maxLength", SAN__G_STRING_MAX_BYTES)};
    if (!has_only(schema, known) || n.min > n.max || n.min > SAN__G_STRING_MAX_BYTES) return UNFIT;
    return new_node(c, n);
}

static int compile(struct compiler *c, const json_t *schema, const json_t *outer, int depth);

static int array(struct compiler *c, const json_t *schema, int depth)
{
    static const char *const known[] = {"type",     "items",       "minItems",
                                        "maxItems", "uniqueItems", NULL};
    struct san__g_node n = {.kind = SAN__G_ARRAY,
                            .min = integer_or(schema, "minItems", 0),
                            .max = integer_or(schema, "maxItems", SAN__G_LIST_MAX)};
    json_t *items = json_object_get(schema, "items");
    if (json_is_true(json_object_get(schema, "uniqueItems")) && n.max > 1) n.max = 1;
    if (!has_only(schema, known) || n.min > n.max || n.min > SAN__G_LIST_MAX) return UNFIT;
    if (n.max > SAN__G_LIST_MAX) n.max = SAN__G_LIST_MAX;
    if (n.max > 0) {
        json_t *any = items ? NULL : json_pack("{s:s}", "type", "string");
        n.item = compile(c, items ? items : any, schema, depth + 1);
        json_decref(any);
        if (n.item == UNFIT && !n.min) n.max = 0;
        if (n.item < 0 && n.max) return n.item;
    }
    return new_node(c, n);
}

static int is_listed(const json_t *list, const char *word)
{
    return list && is_in(list, word);
}

static int object(struct compiler *c, const json_t *schema, int depth)
{
    static const char *const known[] = {"type", "properties", "required", "additionalProperties",
                                        NULL};
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    struct san__g_node n = {.kind = SAN__G_OBJECT};
    struct list l = {0};
    size_t n_required = 0;
    if (!has_only(schema, known)) return UNFIT;
    for (void *it = json_object_iter((json_t *)(uintptr_t)properties); it;
         it = json_object_iter_next((json_t *)(uintptr_t)properties, it)) {
        const char *key = json_object_iter_key(it);
        int is_required = is_listed(required, key);
        int value =
            l.n < SAN__G_KEYS ? compile(c, json_object_iter_value(it), NULL, depth + 1) : UNFIT;
        if (value >= 0) {
            json_t *name = json_string(key);
            char *text = json_dumps(name, JSON_ENCODE_ANY), *with_colon = NULL;
            json_decref(name);
            if (text && (with_colon = malloc(strlen(text) + 2)))
                snprintf(with_colon, strlen(text) + 2, "%s:", text);
            free(text);
            int err = list_add(c, &l, with_colon, value);
            if (err < 0) value = err;
        }
        if (value == NO_MEMORY || (value == UNFIT && is_required)) {
            list_free(&l);
            return value;
        }
        n_required += (size_t)is_required;
    }
    if (n_required < json_array_size(required)) { /* something is required that is nowhere told */
        list_free(&l);
        return UNFIT;
    }
    if (list_move(c, &l, &n.first, &n.n)) return NO_MEMORY;
    for (int i = 0; i < n.n; i++) {
        const struct san__g_text *t = &c->g->texts[n.first + i];
        json_t *key = json_loadb(t->s, t->n - 1, JSON_DECODE_ANY, NULL);
        if (is_listed(required, json_string_value(key))) n.required |= (uint64_t)1 << i;
        json_decref(key);
    }
    return new_node(c, n);
}

/* The first branch that the grammar can hold, null last. */
static int any_of(struct compiler *c, const json_t *schema, int depth)
{
    static const char *const known[] = {"anyOf", NULL};
    const json_t *branches = json_object_get(schema, "anyOf");
    if (!has_only(schema, known)) return UNFIT;
    for (int is_null = 0; is_null < 2; is_null++) {
        for (size_t i = 0; i < json_array_size(branches); i++) {
            const json_t *b = json_array_get(branches, i);
            const char *type = json_string_value(json_object_get(b, "type"));
            if ((type && !strcmp(type, "null")) != is_null) continue;
            int node = compile(c, b, schema, depth);
            if (node != UNFIT) return node;
        }
    }
    return UNFIT;
}

/* `outer`: the list or choice it is inside of, whose x- words hold for it too; or NULL. */
static int compile(struct compiler *c, const json_t *schema, const json_t *outer, int depth)
{
    static const char *const bound[] = {"type", NULL};
    if (json_is_true(schema))
        return new_node(
            c, (struct san__g_node){.kind = SAN__G_STRING, .max = SAN__G_STRING_MAX_BYTES});
    if (!json_is_object(schema) || depth > SAN__G_DEPTH - 3) return UNFIT;
    const json_t *type = json_object_get(schema, "type");
    const char *word = json_string_value(type);
    for (size_t i = 0; json_is_array(type) && i < json_array_size(type); i++) {
        const char *t = json_string_value(json_array_get(type, i));
        if (t && (!word || !strcmp(word, "null"))) word = t;
    }
    if (json_object_get(schema, "anyOf")) return any_of(c, schema, depth);
    int is_text = !word || !strcmp(word, "string");
    for (int k = 0; k < 2 && is_text; k++) {
        const json_t *s = k ? outer : schema;
        json_t *entity = json_object_get(s, "x-entity");
        int is_area = json_is_true(json_object_get(s, "x-area"));
        int is_floor = json_is_true(json_object_get(s, "x-floor"));
        if ((!entity || json_is_false(entity)) && !is_area && !is_floor) continue;
        if (!has_only(schema, bound)) return UNFIT;
        return is_area    ? names_of_home(c, "areas", "name", NULL)
               : is_floor ? names_of_home(c, "areas", "floor", NULL)
                          : names_of_home(c, "entities", "name", entity);
    }
    if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
        return listed(c, schema);
    if (!word) word = json_object_get(schema, "properties") ? "object" : "string";
    if (!strcmp(word, "string")) return string(c, schema);
    if (!strcmp(word, "integer") || !strcmp(word, "number"))
        return number(c, schema, word[0] == 'i');
    if (!strcmp(word, "array")) return array(c, schema, depth);
    if (!strcmp(word, "object")) return object(c, schema, depth);
    if (strcmp(word, "boolean") && strcmp(word, "null")) return UNFIT;
    if (!has_only(schema, bound)) return UNFIT;
    struct list l = {0};
    int is_bool = word[0] == 'b';
    if (list_add(c, &l, strdup(is_bool ? "true" : "null"), -1) == NO_MEMORY ||
        (is_bool && list_add(c, &l, strdup("false"), -1) == NO_MEMORY)) {
        list_free(&l);
        return NO_MEMORY;
    }
    return words_node(c, &l);
}

/* {"name":"x","arguments": - and the node of what follows. */
static int add_tool(struct compiler *c, struct list *l, const json_t *tool, const char *name)
{
    json_t *parameters = json_object_get(tool, "parameters"), *made = NULL;
    if (!parameters) parameters = json_object_get(tool, "input_schema");
    if (!json_is_object(parameters)) {
        parameters = made = json_object();
    } else if (!json_object_get(parameters, "properties") &&
               !json_is_string(json_object_get(parameters, "type"))) {
        parameters = made = san__flat_to_schema(parameters);
    }
    int node = made || json_is_object(parameters) ? object(c, parameters, 1) : NO_MEMORY;
    json_decref(made);
    if (node < 0) return node;
    json_t *word = json_string(name);
    char *quoted = json_dumps(word, JSON_ENCODE_ANY), *text = NULL;
    json_decref(word);
    if (quoted) {
        size_t n = strlen(quoted) + 32;
        if ((text = malloc(n))) snprintf(text, n, "{\"name\":%s,\"arguments\":", quoted);
    }
    free(quoted);
    return list_add(c, l, text, node);
}

enum lt_err san__grammar_new(const json_t *catalog, char *const *names,
                             san__g_writable_fn is_writable, void *user, struct san__grammar **out)
{
    struct compiler c = {
        .home = json_object_get(catalog, "home"), .is_writable = is_writable, .user = user};
    struct list calls = {0};
    size_t i;
    json_t *tool;
    c.g = calloc(1, sizeof *c.g);
    int err = c.g ? new_node(&c, (struct san__g_node){.kind = SAN__G_CALLS}) : NO_MEMORY;
    json_array_foreach(json_object_get(catalog, "tools"), i, tool)
    {
        if (err != NO_MEMORY) err = add_tool(&c, &calls, tool, names[i]);
    }
    int first = 0, n = 0;
    if (err != NO_MEMORY && !list_move(&c, &calls, &first, &n)) {
        c.g->nodes[0] = (struct san__g_node){
            .kind = SAN__G_CALLS, .first = first, .n = n, .max = SAN_CALLS_MAX};
        *out = c.g;
        return LT_OK;
    }
    list_free(&calls);
    san__grammar_free(c.g);
    return LT_ERR_NOMEM;
}

void san__grammar_free(struct san__grammar *g)
{
    if (!g) return;
    for (int i = 0; i < g->n_texts; i++) free(g->texts[i].s);
    free(g->texts);
    free(g->nodes);
    free(g);
}
