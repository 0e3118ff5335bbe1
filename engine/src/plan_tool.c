/* plan_tool.c - one tool's JSON becomes a block of tokens and a list of parameters.
 *
 * Block:  <tool> name words, description  [<t_target> domains]
 *         then per parameter  <param> [<req>] <type> name words, description  {<val> value words}
 * Target parameters (entity, area, floor of the home) have no marker: their values are blocks of
 * the home. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "needle_grammar.h"
#include "plan_build.h"

#define NAME_MAX_BYTES 256 /* longest name of a tool or parameter */

/* Values that people say for open string parameters of the home tools, offered beside the words
 * of the utterance. A schema says the same with "examples". */
static const struct {
    const char *tool, *param;
    const char *values[24];
} known_examples[] = {
    {"HassLightSet",
     "color",
     {"white", "red", "green", "blue", "yellow", "orange", "purple", "pink", "cyan", "magenta",
      "turquoise", "violet", "gold", "lime", "teal", "brown", "black", NULL}},
    {"HassGetState", "state", {"on",       "off",      "open",    "closed", "locked", "unlocked",
                               "home",     "not_home", "playing", "paused", "idle",   "docked",
                               "cleaning", "charging", "heat",    "cool",   "low",    "wet",
                               "dry",      "detected", NULL}},
    {"HassSetVolumeRelative", "volume_step", {"up", "down", NULL}},
};

struct build {
    const struct san_pieces *v;
    struct san_tool_plan *t;
    struct san__names names;
    const char *path; /* of the tool, for errors */
    const char *description;
    const json_t **schema; /* (n_params) each parameter's schema, borrowed */
    struct lt_diag *diag;
    int n_groups;
    int has_home_param; /* some parameter is bound to the home */
    struct san_tok_work work;
};

static char *copy_text(const char *s)
{
    size_t n = strlen(s);
    char *p = malloc(n + 1);
    if (p) memcpy(p, s, n + 1);
    return p;
}

/* First type of "type", looking through anyOf/oneOf with null; sets the schema that holds. */
static const char *schema_type(const json_t **schema, int *is_list_or_one)
{
    for (int depth = 0; depth < 4; depth++) {
        const json_t *type = json_object_get(*schema, "type");
        if (json_is_string(type)) return json_string_value(type);
        if (json_is_array(type)) {
            const char *found = NULL;
            int has_array = 0;
            size_t i;
            json_t *x;
            json_array_foreach(type, i, x)
            {
                const char *s = json_string_value(x);
                if (!s || !strcmp(s, "null")) continue;
                if (!strcmp(s, "array"))
                    has_array = 1;
                else if (!found)
                    found = s;
            }
            if (found && has_array) *is_list_or_one = 1;
            return found ? found : has_array ? "array" : "null";
        }
        const json_t *any = json_object_get(*schema, "anyOf");
        if (!any) any = json_object_get(*schema, "oneOf");
        const json_t *next = NULL;
        size_t i;
        json_t *x;
        json_array_foreach(any, i, x)
        {
            const char *s = json_string_value(json_object_get(x, "type"));
            if (!(s && !strcmp(s, "null")) && !next) next = x;
        }
        if (!next) break;
        *schema = next;
    }
    return json_object_get(*schema, "properties") ? "object"
           : json_object_get(*schema, "items")    ? "array"
                                                  : "string";
}

/* Does any of the NULL-terminated keys stand in the schema? */
static int has_any(const json_t *schema, const char *const *keys)
{
    for (; *keys; keys++)
        if (json_object_get(schema, *keys)) return 1;
    return 0;
}

/* Has the schema rules that the walk does not know? Alternatives are known alone: the first that is
 * not null is taken, so nothing may stand beside them, and oneOf may have only that one. */
static int is_inexpressible(const json_t *schema)
{
    static const char *const never[] = {
        "$ref",          "allOf",         "not",           "if",          "patternProperties",
        "propertyNames", "minProperties", "maxProperties", "prefixItems", NULL};
    static const char *const beside[] = {
        "type",       "enum",        "const",    "minimum",          "maximum",
        "properties", "items",       "pattern",  "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minItems",    "maxItems", "minLength",        "maxLength",
        "required",   "uniqueItems", NULL};
    if (has_any(schema, never)) return 1;
    const json_t *any = json_object_get(schema, "anyOf"), *one = json_object_get(schema, "oneOf");
    if (!any && !one) return 0;
    if ((any && one) || has_any(schema, beside)) return 1;
    const json_t *first = NULL;
    int n = 0;
    size_t i;
    json_t *x;
    json_array_foreach(any ? any : one, i, x)
    {
        const char *s = json_string_value(json_object_get(x, "type"));
        if (s && !strcmp(s, "null")) continue;
        if (!first) first = x;
        n++;
    }
    return !json_is_object(first) || (one && n > 1) || is_inexpressible(first);
}

static enum lt_err string_list(const json_t *json, char ***out, int *n)
{
    *out = NULL;
    *n = 0;
    size_t count = json_is_array(json) ? json_array_size(json) : json_is_string(json) ? 1 : 0;
    if (!count) return LT_OK;
    char **list = calloc(count, sizeof *list);
    if (!list) return LT_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *x = json_is_array(json) ? json_array_get(json, i) : json;
        if (!json_is_string(x)) continue;
        list[*n] = copy_text(json_string_value(x));
        if (list[*n]) ++*n;
    }
    *out = list;
    return LT_OK;
}

static double number_or(const json_t *schema, const char *key, double otherwise)
{
    const json_t *x = json_object_get(schema, key);
    return json_is_number(x) ? json_number_value(x) : otherwise;
}

static int is_unusable(struct build *b, const char *why)
{
    if (!b->t->unusable_why) b->t->unusable_why = copy_text(why);
    return 1;
}

/* The optional objects around a parameter, outermost first. */
struct nest {
    int group[SAN_NEST_MAX], n;
    int depth; /* objects around it, required ones included */
};

static enum lt_err add_param(struct build *b, const char *path, const json_t *schema,
                             int is_required, struct nest nest);

static enum lt_err add_object(struct build *b, const char *prefix, const json_t *schema,
                              struct nest nest)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    const char *key;
    json_t *value;
    size_t k_required;
    json_array_foreach(required, k_required, value)
    {
        const char *s = json_string_value(value);
        if (s && !json_object_get(properties, s))
            is_unusable(b, "a required property is not listed");
    }
    /* jansson's iteration macros want a mutable object; nothing is changed */
    void *it = json_object_iter((json_t *)(uintptr_t)properties);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)properties, it)) {
        key = json_object_iter_key(it);
        value = json_object_iter_value(it);
        int is_required = 0;
        size_t i;
        json_t *r;
        json_array_foreach(required, i, r) is_required |=
            json_is_string(r) && !strcmp(json_string_value(r), key);
        char path[NAME_MAX_BYTES * 2];
        size_t n = strlen(prefix), k = strlen(key);
        if (n + k + 2 > sizeof path || k >= NAME_MAX_BYTES)
            return lt_fail(b->diag, LT_ERR_LIMIT,
                           "%s/parameters: a property name is longer than %d bytes", b->path,
                           NAME_MAX_BYTES);
        memcpy(path, prefix, n);
        if (n) path[n++] = '\x1f'; /* unit separator: no property name holds it */
        memcpy(path + n, key, k + 1);
        enum lt_err err = add_param(b, path, value, is_required, nest);
        if (err) return err;
    }
    return LT_OK;
}

/* An object's properties become parameters. A required object must come to be written, so one of
 * its properties must be required too. */
static enum lt_err add_nested(struct build *b, const char *path, const json_t *schema,
                              int is_required, struct nest nest)
{
    struct san_tool_plan *t = b->t;
    int first = t->n_params, has_required = 0;
    if (nest.depth >= SAN_NEST_MAX || !json_object_size(json_object_get(schema, "properties"))) {
        if (is_required)
            is_unusable(b, "a required object without properties, or nested too deeply");
        return LT_OK;
    }
    nest.depth++;
    if (!is_required) nest.group[nest.n++] = b->n_groups++;
    enum lt_err err = add_object(b, path, schema, nest);
    for (int i = first; i < t->n_params; i++)
        has_required |= t->params[i].is_required && t->params[i].n_groups == nest.n;
    if (!err && is_required && !has_required)
        is_unusable(b, "a required object without a required property");
    return err;
}

/* Lengths of lists. 0 when they cannot be kept to. */
static int read_list_rules(struct san_param *p, const json_t *array)
{
    double least = number_or(array, "minItems", 0),
           most = number_or(array, "maxItems", SAN_LIST_MAX);
    p->is_unique = json_is_true(json_object_get(array, "uniqueItems"));
    if (least > SAN_LIST_MAX || most < 1 || least > most) return 0;
    p->min_items = least < 1 ? 1 : (int)least;
    p->max_items = most > SAN_LIST_MAX ? SAN_LIST_MAX : (int)most;
    if (p->min_items > 2) p->is_list_or_one = 0; /* between one and so many there is no value */
    return 1;
}

static enum lt_err add_param(struct build *b, const char *path, const json_t *schema,
                             int is_required, struct nest nest)
{
    static const char *const valued[] = {"enum",     "const",  "minimum", "maximum",
                                         "x-entity", "x-area", "x-floor", NULL};
    struct san_tool_plan *t = b->t;
    if (!json_is_object(schema))
        return lt_fail(b->diag, LT_ERR_INVALID, "%s/parameters/properties/%s: expected an object",
                       b->path, path);
    int is_list = 0, is_list_or_one = 0, ignored = 0;
    const json_t *annotated = schema;
    int is_odd = is_inexpressible(schema);
    const char *type = schema_type(&schema, &is_list_or_one);
    const json_t *array = schema, *items = json_object_get(schema, "items");
    if (is_list_or_one && (json_object_get(schema, "enum") || json_object_get(schema, "const")))
        is_list_or_one = 0; /* only single values are listed */
    else if (is_list_or_one && json_is_object(items)) {
        const json_t *inner = items;
        if (strcmp(schema_type(&inner, &ignored), type) || has_any(inner, valued)) {
            type = "array"; /* items have rules that a single value has not: always a list */
            is_list_or_one = 0;
        }
    }
    if (!strcmp(type, "array")) {
        is_list = 1;
        if (json_is_object(items)) {
            schema = items;
            is_odd |= is_inexpressible(schema);
            type = schema_type(&schema, &ignored);
        } else {
            type = "string";
        }
        is_odd |= !strcmp(type, "array") || !strcmp(type, "object");
    }
    double step = number_or(schema, "multipleOf", 0);
    is_odd |= !strcmp(type, "null") ||
              (step != 0 && (step * 1000 != round(step * 1000) || step * 1000 > 1e12));
    if (is_odd) {
        if (is_required) is_unusable(b, "a required parameter with rules that are not supported");
        return LT_OK;
    }
    if (!strcmp(type, "object")) return add_nested(b, path, schema, is_required, nest);
    if (t->n_params == SAN_TOOL_MAX_PARAMS) {
        if (is_required) is_unusable(b, "more parameters than are supported");
        return LT_OK;
    }
    struct san_param *p = &t->params[t->n_params];
    *p = (struct san_param){.is_required = (uint8_t)is_required,
                            .is_list = (uint8_t)(is_list || is_list_or_one),
                            .is_list_or_one = (uint8_t)is_list_or_one,
                            .group = nest.n ? nest.group[nest.n - 1] : -1,
                            .n_groups = nest.n,
                            .min_items = 1,
                            .max_items = SAN_LIST_MAX,
                            .step = step,
                            .min = -INFINITY,
                            .max = INFINITY,
                            .item = -1};
    memcpy(p->groups, nest.group, sizeof p->groups);
    if (p->is_list && !read_list_rules(p, array)) {
        if (is_required) is_unusable(b, "a required list of a length that is not supported");
        return LT_OK;
    }
    b->schema[t->n_params] = annotated;
    p->path = copy_text(path);
    if (!p->path) return LT_ERR_NOMEM;
    t->n_params++;
    const json_t *entity = json_object_get(schema, "x-entity");
    if (!entity) entity = json_object_get(array, "x-entity");
    if (!entity) entity = json_object_get(annotated, "x-entity");
    const json_t *values = json_object_get(schema, "enum");
    json_t *one = json_object_get(schema, "const");
    if (entity && !json_is_false(entity)) {
        p->kind = SAN_PARAM_ENTITY;
        b->has_home_param = 1;
        enum lt_err err = string_list(json_object_get(entity, "domain"), &p->filter, &p->n_filter);
        if (!err)
            err = string_list(json_object_get(entity, "device_class"), &p->filter_class,
                              &p->n_filter_class);
        return err;
    }
    if (json_is_true(json_object_get(schema, "x-area")) ||
        json_is_true(json_object_get(annotated, "x-area"))) {
        p->kind = SAN_PARAM_AREA;
        b->has_home_param = 1;
        return LT_OK;
    }
    if (json_is_true(json_object_get(schema, "x-floor")) ||
        json_is_true(json_object_get(annotated, "x-floor"))) {
        p->kind = SAN_PARAM_FLOOR;
        b->has_home_param = 1;
        return LT_OK;
    }
    if (json_array_size(values) || one) {
        p->kind = SAN_PARAM_ENUM;
    } else if (!strcmp(type, "boolean")) {
        p->kind = SAN_PARAM_BOOLEAN;
    } else if (!strcmp(type, "integer") || !strcmp(type, "number")) {
        p->kind = type[0] == 'i' ? SAN_PARAM_INTEGER : SAN_PARAM_NUMBER;
        p->min = number_or(schema, "minimum", -INFINITY);
        p->max = number_or(schema, "maximum", INFINITY);
        double above = number_or(schema, "exclusiveMinimum", -INFINITY);
        double below = number_or(schema, "exclusiveMaximum", INFINITY);
        if (isfinite(above) && above >= p->min)
            p->min = p->kind == SAN_PARAM_INTEGER ? floor(above) + 1 : nextafter(above, INFINITY);
        if (isfinite(below) && below <= p->max)
            p->max = p->kind == SAN_PARAM_INTEGER ? ceil(below) - 1 : nextafter(below, -INFINITY);
    } else {
        p->kind = SAN_PARAM_STRING;
    }
    return LT_OK;
}

/* The schema that a parameter's single values keep to. */
static const json_t *value_schema(const struct san_param *p, const json_t *schema)
{
    int ignored = 0;
    (void)schema_type(&schema, &ignored);
    if (p->is_list && json_is_object(json_object_get(schema, "items"))) {
        schema = json_object_get(schema, "items");
        (void)schema_type(&schema, &ignored);
    }
    return schema;
}

/* Listed values of parameter p as JSON texts; the schema's enum, const or examples. */
static enum lt_err collect_values(struct build *b, struct san_param *p, const json_t *annotated,
                                  const char *tool_name)
{
    const json_t *schema = value_schema(p, annotated);
    const json_t *values = json_object_get(schema, "enum");
    json_t *one = json_object_get(schema, "const");
    json_t *made = NULL;
    if (p->kind == SAN_PARAM_STRING) {
        values = json_object_get(schema, "examples");
        p->is_open = 1;
        if (!json_array_size(values)) {
            values = NULL;
            for (size_t k = 0; k < sizeof known_examples / sizeof known_examples[0]; k++) {
                if (strcmp(known_examples[k].tool, tool_name) ||
                    strcmp(known_examples[k].param, p->path))
                    continue;
                made = json_array();
                for (int i = 0; known_examples[k].values[i]; i++)
                    json_array_append_new(made, json_string(known_examples[k].values[i]));
                values = made;
            }
        }
    } else if (p->kind != SAN_PARAM_ENUM) {
        return LT_OK;
    } else if (!json_array_size(values) && one) {
        made = json_pack("[O]", one);
        values = made;
    }
    size_t n = json_array_size(values);
    enum lt_err err = LT_OK;
    p->value_json = n ? calloc(n, sizeof *p->value_json) : NULL;
    if (n && !p->value_json) err = LT_ERR_NOMEM;
    for (size_t i = 0; i < n && !err; i++) {
        const json_t *x = json_array_get(values, i);
        if (json_is_null(x) || json_is_object(x) || json_is_array(x)) continue;
        if (p->n_value == SAN_PARAM_MAX_VALUES) {
            if (p->is_required && p->kind == SAN_PARAM_ENUM)
                is_unusable(b, "a required parameter with more listed values than are supported");
            break;
        }
        char *text = json_dumps(x, JSON_ENCODE_ANY | JSON_COMPACT);
        if (!text)
            err = LT_ERR_NOMEM;
        else
            p->value_json[p->n_value++] = text;
    }
    json_decref(made);
    if (!err && p->kind == SAN_PARAM_ENUM && !p->n_value && p->is_required)
        is_unusable(b, "a required parameter without a usable value");
    return err;
}

/* Bind "domain" and "device_class" beside home parameters to the kinds the home has. */
static void bind_kinds(struct build *b)
{
    if (!b->has_home_param) return;
    for (int i = 0; i < b->t->n_params; i++) {
        struct san_param *p = &b->t->params[i];
        int is_domain = !strcmp(p->path, "domain"), is_class = !strcmp(p->path, "device_class");
        if ((!is_domain && !is_class) || (p->kind != SAN_PARAM_STRING && p->kind != SAN_PARAM_ENUM))
            continue;
        p->kind = SAN_PARAM_KIND;
        p->kind_is_class = (uint8_t)is_class;
    }
}

/* One value at the top level of the arguments? */
static int is_plain(const struct san_param *p)
{
    return !p->is_list && !strchr(p->path, '\x1f');
}

/* Entity, area and floor are one decision, unless one of the places is required: then that one is
 * the target and the others are arguments like any other. */
static void pick_target(struct san_tool_plan *t)
{
    int must = -1; /* kind of the required place */
    t->target_entity = t->target_area = t->target_floor = -1;
    for (int i = 0; i < t->n_params; i++) {
        struct san_param *p = &t->params[i];
        int is_place = p->kind == SAN_PARAM_AREA || p->kind == SAN_PARAM_FLOOR;
        if (is_place && p->is_required && is_plain(p)) must = (int)p->kind;
    }
    for (int i = 0; i < t->n_params; i++) {
        struct san_param *p = &t->params[i];
        int *slot = p->kind == SAN_PARAM_ENTITY  ? &t->target_entity
                    : p->kind == SAN_PARAM_AREA  ? &t->target_area
                    : p->kind == SAN_PARAM_FLOOR ? &t->target_floor
                                                 : NULL;
        if (!slot || *slot >= 0 || !is_plain(p)) continue;
        if (must >= 0 && (int)p->kind != must) continue;
        *slot = i;
        p->is_target = 1;
    }
}

static char *value_words(const char *json_text, char *buf, size_t cap)
{
    size_t n = strlen(json_text);
    char plain[NAME_MAX_BYTES];
    if (json_text[0] == '"' && n >= 2) json_text++, n -= 2;
    if (n >= sizeof plain) n = sizeof plain - 1;
    memcpy(plain, json_text, n);
    plain[n] = '\0';
    san_identifier_words(plain, buf, cap);
    return buf;
}

static enum lt_err put_item(struct build *b, int cls, int marker, const char *names)
{
    struct san_tool_plan *t = b->t;
    struct san_item *it = &t->items[t->n_items++];
    *it = (struct san_item){.cls = (uint8_t)cls, .marker = marker, .phrase = b->names.n_phrases};
    enum lt_err err = san__names_add(&b->names, names);
    it->n_phrase = b->names.n_phrases - it->phrase;
    return err;
}

/* A parameter's description, or that of the alternative taken. */
static const char *description_of(const json_t *schema)
{
    const char *s = json_string_value(json_object_get(schema, "description"));
    int ignored = 0;
    if (s) return s;
    (void)schema_type(&schema, &ignored);
    return json_string_value(json_object_get(schema, "description"));
}

/* Write the block with descriptions of at most tool_words and param_words words. */
static enum lt_err write_block(struct build *b, struct san__block *block, int tool_words,
                               int param_words)
{
    struct san_tool_plan *t = b->t;
    const struct san_pieces *v = b->v;
    char buf[NAME_MAX_BYTES * 2];
    *block = (struct san__block){.work = &b->work};
    san__names_free(&b->names);
    t->n_items = 0;
    san_identifier_words(t->name, buf, sizeof buf);
    int marker = san__block_mark(block, v->tool);
    enum lt_err err = put_item(b, SAN_CLASS_TOOL, marker, buf);
    san__block_words(block, v, buf, 16);
    if (tool_words && b->description) {
        san__block_put(block, v->t_str);
        san__block_words(block, v, b->description, tool_words);
    }
    if (t->target_entity >= 0 || t->target_area >= 0 || t->target_floor >= 0) {
        san__block_put(block, v->t_target);
        const struct san_param *p = t->target_entity >= 0 ? &t->params[t->target_entity] : NULL;
        for (int i = 0; p && i < p->n_filter; i++) {
            san_identifier_words(p->filter[i], buf, sizeof buf);
            san__block_words(block, v, buf, 4);
        }
    }
    for (int i = 0; i < t->n_params && !err; i++) {
        struct san_param *p = &t->params[i];
        if (p->is_target || p->is_implied) continue;
        p->item = t->n_items;
        marker = san__block_mark(block, v->param);
        if (p->is_required) san__block_put(block, v->req);
        if (p->is_list) san__block_put(block, v->t_list);
        san__block_put(block, p->kind == SAN_PARAM_INTEGER   ? v->t_int
                              : p->kind == SAN_PARAM_NUMBER  ? v->t_num
                              : p->kind == SAN_PARAM_BOOLEAN ? v->t_bool
                              : p->kind == SAN_PARAM_STRING  ? v->t_str
                              : p->kind == SAN_PARAM_ENUM    ? v->t_enum
                                                             : v->t_target);
        san_identifier_words(p->path, buf, sizeof buf);
        for (char *c = buf; *c; c++)
            if (*c == '\x1f') *c = ' ';
        err = put_item(b, SAN_CLASS_PARAM, marker, buf);
        san__block_words(block, v, buf, 12);
        const char *description = description_of(b->schema[i]);
        if (param_words && description) {
            san__block_put(block, v->t_str);
            san__block_words(block, v, description, param_words);
        }
        p->value_item = t->n_items;
        for (int k = 0; k < p->n_value && !err; k++) {
            value_words(p->value_json[k], buf, sizeof buf);
            marker = san__block_mark(block, v->val);
            err = put_item(b, SAN_CLASS_VALUE, marker, buf);
            san__block_words(block, v, buf, 8);
        }
    }
    return err;
}

/* Needle's flat form {"p":{"type","description","required":bool}} as a JSON Schema. New ref. */
json_t *san__flat_to_schema(const json_t *flat)
{
    json_t *properties = json_object(), *required = json_array();
    void *it = json_object_iter((json_t *)(uintptr_t)flat);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)flat, it)) {
        json_t *p = json_object_iter_value(it);
        json_t *copy = json_is_object(p) ? json_copy(p) : json_object();
        if (json_is_true(json_object_get(copy, "required")))
            json_array_append_new(required, json_string(json_object_iter_key(it)));
        json_object_del(copy, "required");
        json_object_set_new(properties, json_object_iter_key(it), copy);
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

static enum lt_err build_tool(struct build *b, const json_t *tool)
{
    struct san_tool_plan *t = b->t;
    const char *name = json_string_value(json_object_get(tool, "name"));
    if (!json_is_object(tool) || !name || !*name)
        return lt_fail(b->diag, LT_ERR_INVALID, "%s/name: expected a non-empty string", b->path);
    if (strlen(name) >= NAME_MAX_BYTES)
        return lt_fail(b->diag, LT_ERR_LIMIT, "%s/name: longer than %d bytes", b->path,
                       NAME_MAX_BYTES - 1);
    t->name = copy_text(name);
    b->description = json_string_value(json_object_get(tool, "description"));
    t->params = calloc(SAN_TOOL_MAX_PARAMS, sizeof *t->params);
    b->schema = calloc(SAN_TOOL_MAX_PARAMS, sizeof *b->schema);
    if (!t->name || !t->params || !b->schema) return LT_ERR_NOMEM;
    const json_t *parameters = json_object_get(tool, "parameters");
    if (!parameters) parameters = json_object_get(tool, "input_schema");
    if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
        return lt_fail(b->diag, LT_ERR_INVALID, "%s/parameters: expected a JSON Schema object",
                       b->path);
    json_t *made = NULL;
    if (json_is_object(parameters) && !json_object_get(parameters, "properties") &&
        !json_is_string(json_object_get(parameters, "type"))) {
        made = san__flat_to_schema(parameters);
        parameters = made;
    }
    enum lt_err err = parameters ? add_object(b, "", parameters, (struct nest){0}) : LT_OK;
    if (is_inexpressible(parameters))
        is_unusable(b, "parameters with rules that are not supported");
    bind_kinds(b);
    pick_target(t);
    int n_items = 1;
    for (int i = 0; i < t->n_params && !err; i++) {
        struct san_param *p = &t->params[i];
        if (p->kind == SAN_PARAM_KIND) {
            const json_t *s = value_schema(p, b->schema[i]), *one = json_object_get(s, "const");
            err = string_list(one ? one : json_object_get(s, "enum"), &p->filter, &p->n_filter);
            p->is_implied = p->n_filter == 1 && !p->is_required;
        } else {
            err = collect_values(b, p, b->schema[i], t->name);
        }
        n_items += 1 + p->n_value;
    }
    t->items = calloc((size_t)n_items, sizeof *t->items);
    if (!t->items) err = LT_ERR_NOMEM;
    static const int words[][2] = {
        {SAN_DESCRIPTION_MAX_WORDS, SAN_PARAM_MAX_WORDS}, {16, 6}, {10, 0}, {0, 0}};
    struct san__block block;
    for (int i = 0; i < 4 && !err; i++) {
        err = write_block(b, &block, words[i][0], words[i][1]);
        if (!block.is_full) break;
    }
    if (!err && block.is_full) is_unusable(b, "more parameters and values than fit into a block");
    if (!err) err = san__block_finish(&block, &t->block);
    t->phrases = b->names.phrases;
    t->n_phrases = b->names.n_phrases;
    t->words = b->names.words;
    t->n_words = b->names.n_words;
    b->names = (struct san__names){0};
    json_decref(made);
    return err;
}

enum lt_err san_tool_plan_new(const struct san_pieces *v, const json_t *tool, const char *path,
                              struct san_tool_plan **out, struct lt_diag *diag)
{
    struct build b = {.v = v, .path = path, .diag = diag};
    b.t = calloc(1, sizeof *b.t);
    if (!b.t) return lt_fail(diag, LT_ERR_NOMEM, "out of memory planning the tool %s", path);
    b.t->refs = 1;
    enum lt_err err = build_tool(&b, tool);
    free(b.schema);
    san__names_free(&b.names);
    san_tok_work_free(&b.work);
    if (err) {
        san_tool_plan_unref(b.t);
        return lt_fail(diag, err, "cannot plan the tool %s: %s", path, lt_strerror(err));
    }
    *out = b.t;
    return LT_OK;
}

struct san_tool_plan *san_tool_plan_ref(struct san_tool_plan *t)
{
    __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

static void free_list(char **list, int n)
{
    for (int i = 0; i < n; i++) free(list[i]);
    free(list);
}

void san_tool_plan_unref(struct san_tool_plan *t)
{
    if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL)) return;
    for (int i = 0; i < t->n_params; i++) {
        struct san_param *p = &t->params[i];
        free(p->path);
        free_list(p->value_json, p->n_value);
        free_list(p->filter, p->n_filter);
        free_list(p->filter_class, p->n_filter_class);
    }
    free(t->params);
    free(t->items);
    free(t->phrases);
    free(t->words);
    san__block_text_free(&t->block);
    free(t->unusable_why);
    free(t->name);
    free(t);
}
