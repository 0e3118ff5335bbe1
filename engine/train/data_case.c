/* data_case.c - one parsed line becomes a case in the full form, or a reason why it cannot. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "san/data.h"

static int refuse(char *reason, const char *fmt, ...) LT_PRINTF(2, 3);

/* Writes the reason and returns 0, so that a check can end with `return refuse(...)`. */
static int refuse(char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, SAN_DATA_REASON_BYTES, fmt, ap);
    va_end(ap);
    return 0;
}

static int type_matches(const char *type, const json_t *v)
{
    if (!strcmp(type, "string")) return json_is_string(v);
    if (!strcmp(type, "integer"))
        return json_is_integer(v) ||
               (json_is_real(v) && json_real_value(v) == floor(json_real_value(v)));
    if (!strcmp(type, "number")) return json_is_number(v);
    if (!strcmp(type, "boolean")) return json_is_boolean(v);
    if (!strcmp(type, "array")) return json_is_array(v);
    if (!strcmp(type, "object")) return json_is_object(v);
    if (!strcmp(type, "null")) return json_is_null(v);
    return 1; /* a type word of another dialect ("str", "any") says nothing that we could hold */
}

int san_schema_allows(const json_t *property, const json_t *value)
{
    const json_t *type = json_object_get(property, "type");
    if (json_is_string(type) && !type_matches(json_string_value(type), value)) return 0;
    if (json_is_array(type)) {
        size_t i;
        for (i = 0; i < json_array_size(type); i++) {
            const char *t = json_string_value(json_array_get(type, i));
            if (t && type_matches(t, value)) break;
        }
        if (i == json_array_size(type)) return 0;
    }
    const json_t *options = json_object_get(property, "enum");
    if (json_is_array(options) && !json_is_array(value)) {
        size_t i;
        for (i = 0; i < json_array_size(options); i++) {
            const json_t *o = json_array_get(options, i);
            if (json_equal(o, value)) break;
            if (json_is_number(o) && json_is_number(value) &&
                json_number_value(o) == json_number_value(value))
                break;
        }
        if (i == json_array_size(options)) return 0;
    }
    if (json_is_number(value)) {
        const json_t *lo = json_object_get(property, "minimum");
        const json_t *hi = json_object_get(property, "maximum");
        if (json_is_number(lo) && json_number_value(value) < json_number_value(lo)) return 0;
        if (json_is_number(hi) && json_number_value(value) > json_number_value(hi)) return 0;
    }
    return 1;
}

/* The flat form has neither "type": "object" nor "properties"; each value describes a parameter. */
json_t *san_schema_normal(json_t *parameters)
{
    if (!parameters || json_is_null(parameters))
        return json_pack("{s:s,s:{},s:[]}", "type", "object", "properties", "required");
    if (!json_is_object(parameters)) return NULL;
    json_t *props = json_object_get(parameters, "properties");
    if (json_is_object(props)) return json_incref(parameters);
    const json_t *type = json_object_get(parameters, "type");
    if (json_is_string(type) && !strcmp(json_string_value(type), "object"))
        return json_pack("{s:s,s:{},s:[]}", "type", "object", "properties", "required");

    json_t *out = json_pack("{s:s,s:{},s:[]}", "type", "object", "properties", "required");
    if (!out) return NULL;
    const char *key;
    json_t *p;
    json_object_foreach(parameters, key, p)
    {
        json_t *prop = json_is_string(p) ? json_pack("{s:O}", "type", p) : json_copy(p);
        if (!json_is_object(prop)) {
            json_decref(prop);
            json_decref(out);
            return NULL;
        }
        if (json_is_true(json_object_get(prop, "required")))
            json_array_append_new(json_object_get(out, "required"), json_string(key));
        json_object_del(prop, "required");
        const json_t *t = json_object_get(prop, "type");
        if (json_is_string(t)) { /* words that Needle's files use for JSON Schema's types */
            static const char *const same[][2] = {{"str", "string"},   {"int", "integer"},
                                                  {"float", "number"}, {"bool", "boolean"},
                                                  {"list", "array"},   {"dict", "object"}};
            for (size_t i = 0; i < sizeof same / sizeof *same; i++)
                if (!strcmp(json_string_value(t), same[i][0])) {
                    json_object_set_new(prop, "type", json_string(same[i][1]));
                    break;
                }
        }
        json_object_set_new(json_object_get(out, "properties"), key, prop);
    }
    return out;
}

json_t *san_case_tool(const json_t *c, const char *name)
{
    const json_t *tools = json_object_get(c, "tools");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        json_t *t = json_array_get(tools, i);
        const char *n = json_string_value(json_object_get(t, "name"));
        if (n && !strcmp(n, name)) return t;
    }
    return NULL;
}

/* A tool with its parameters in the JSON Schema form: the same object where it is already. */
static json_t *tool_normal(json_t *tool, size_t index, char *reason)
{
    const char *name = json_string_value(json_object_get(tool, "name"));
    if (!name || !*name) {
        refuse(reason, "tools[%zu] has no name", index);
        return NULL;
    }
    json_t *given = json_object_get(tool, "parameters");
    json_t *schema = san_schema_normal(given);
    if (!schema) {
        refuse(reason, "tools[%zu] \"%.60s\": parameters is neither a JSON Schema nor a flat list",
               index, name);
        return NULL;
    }
    if (schema == given) {
        json_decref(schema);
        return json_incref(tool);
    }
    json_t *out = json_copy(tool);
    if (!out || json_object_set_new(out, "parameters", schema)) {
        json_decref(out);
        refuse(reason, "out of memory");
        return NULL;
    }
    return out;
}

/* `value` itself, or what the JSON in the string `value` says; new reference, NULL if malformed. */
static json_t *unwrap(json_t *value)
{
    if (!json_is_string(value)) return json_incref(value);
    return json_loads(json_string_value(value), 0, NULL);
}

static json_t *resolve_tools(json_t *line, const struct san_lookup *lookup, char *reason)
{
    json_t *raw = json_object_get(line, "tools");
    json_t *list = raw ? unwrap(raw) : json_array();
    json_t *out = NULL;
    if (!json_is_array(list)) {
        refuse(reason, "tools is neither a list nor a string that holds one");
        goto fail;
    }
    if (json_array_size(list) > SAN_DATA_TOOLS_MAX) {
        refuse(reason, "%zu tools, at most %d are allowed", json_array_size(list),
               SAN_DATA_TOOLS_MAX);
        goto fail;
    }
    out = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *t = json_array_get(list, i);
        json_t *full = NULL;
        if (json_is_string(t)) {
            full = json_incref(lookup ? san_lookup_tool(lookup, json_string_value(t)) : NULL);
            if (!full) refuse(reason, "no tool \"%.80s\" in the tools file", json_string_value(t));
        } else if (json_is_object(t)) {
            json_t *fn = json_object_get(t, "function"); /* the wrapped form of chat APIs */
            full = tool_normal(json_is_object(fn) ? fn : t, i, reason);
        } else {
            refuse(reason, "tools[%zu] is neither an object nor a key", i);
        }
        if (!full) goto fail;
        json_array_append_new(out, full);
    }
    json_decref(list);
    return out;
fail:
    json_decref(list);
    json_decref(out);
    return NULL;
}

static json_t *resolve_answers(json_t *line, char *reason)
{
    json_t *raw = json_object_get(line, "answers");
    json_t *list = raw ? unwrap(raw) : NULL;
    if (!json_is_array(list)) {
        json_decref(list);
        refuse(reason, raw ? "answers is neither a list nor a string that holds one"
                           : "answers is missing");
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *call = json_array_get(list, i);
        if (json_is_object(call) && !json_object_get(call, "arguments"))
            json_object_set_new(call, "arguments", json_object());
    }
    return list;
}

/* 1 and *out (a new reference, or NULL for no home), or 0 with the reason. */
static int resolve_home(json_t *line, struct san_lookup *lookup, json_t **out, char *reason)
{
    json_t *home = json_object_get(line, "home");
    const char *here = json_string_value(json_object_get(line, "here"));
    *out = NULL;
    if (!home || json_is_null(home)) return 1;
    if (json_is_string(home)) {
        *out = json_incref(lookup ? san_lookup_home(lookup, json_string_value(home), here) : NULL);
        if (!*out)
            return refuse(reason, "no home \"%.80s\" in the homes file", json_string_value(home));
        return 1;
    }
    if (!json_is_object(home)) return refuse(reason, "home is neither an object nor an id");
    const json_t *areas = json_object_get(home, "areas");
    const json_t *entities = json_object_get(home, "entities");
    if ((areas && !json_is_array(areas)) || (entities && !json_is_array(entities)))
        return refuse(reason, "home.areas and home.entities must be lists");
    if (json_array_size(entities) > SAN_DATA_ENTITIES_MAX)
        return refuse(reason, "%zu entities, at most %d are allowed", json_array_size(entities),
                      SAN_DATA_ENTITIES_MAX);
    for (size_t i = 0; i < json_array_size(entities); i++)
        if (!json_is_string(json_object_get(json_array_get(entities, i), "name")) ||
            !json_is_string(json_object_get(json_array_get(entities, i), "domain")))
            return refuse(reason, "home.entities[%zu] needs name and domain", i);
    for (size_t i = 0; i < json_array_size(areas); i++)
        if (!json_is_string(json_object_get(json_array_get(areas, i), "name")))
            return refuse(reason, "home.areas[%zu] has no name", i);
    if (here && !json_object_get(home, "here")) {
        *out = json_copy(home);
        if (!*out) return refuse(reason, "out of memory");
        json_object_set_new(*out, "here", json_string(here));
    } else {
        *out = json_incref(home);
    }
    return 1;
}

static int check_call(const json_t *c, const json_t *call, size_t i, char *reason)
{
    const char *name = json_string_value(json_object_get(call, "name"));
    const json_t *args = json_object_get(call, "arguments");
    if (!name) return refuse(reason, "answers[%zu] has no name", i);
    if (!json_is_object(args)) return refuse(reason, "answers[%zu].arguments is no object", i);
    const json_t *tool = san_case_tool(c, name);
    if (!tool)
        return refuse(reason, "answers[%zu] names \"%.60s\", which is not in tools", i, name);
    const json_t *schema = json_object_get(tool, "parameters");
    const json_t *props = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    for (size_t k = 0; k < json_array_size(required); k++) {
        const char *r = json_string_value(json_array_get(required, k));
        if (r && !json_object_get(args, r))
            return refuse(reason, "answers[%zu] %.60s lacks the required \"%.60s\"", i, name, r);
    }
    void *it = json_object_iter((json_t *)(uintptr_t)args); /* the iterator only reads */
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)args, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *prop = json_object_get(props, key);
        if (!prop)
            return refuse(reason, "answers[%zu] %.60s has no parameter \"%.60s\"", i, name, key);
        if (!san_schema_allows(prop, json_object_iter_value(it)))
            return refuse(reason, "answers[%zu] %.60s.%.60s: the schema refuses the value", i, name,
                          key);
    }
    return 1;
}

static const char *tool_name(const json_t *tools, size_t i)
{
    return json_string_value(json_object_get(json_array_get(tools, i), "name"));
}

/* No two tools of one name. Small catalogues, the usual case, are compared pair by pair. */
static int names_differ(const json_t *tools, char *reason)
{
    size_t n = json_array_size(tools);
    const char *names[64];
    if (n <= sizeof names / sizeof *names) {
        for (size_t i = 0; i < n; i++) {
            names[i] = tool_name(tools, i);
            for (size_t k = 0; k < i; k++)
                if (!strcmp(names[i], names[k]))
                    return refuse(reason, "two tools are called \"%.60s\"", names[i]);
        }
        return 1;
    }
    json_t *seen = json_object();
    int ok = seen != NULL;
    if (!ok) refuse(reason, "out of memory");
    for (size_t i = 0; ok && i < n; i++) {
        const char *name = tool_name(tools, i);
        if (json_object_get(seen, name))
            ok = refuse(reason, "two tools are called \"%.60s\"", name);
        json_object_set_new(seen, name, json_true());
    }
    json_decref(seen);
    return ok;
}

int san_case_check(const json_t *c, char *reason)
{
    const char *query = json_string_value(json_object_get(c, "query"));
    if (!query) return refuse(reason, "query is missing or no string");
    if (!*query) return refuse(reason, "query is empty");
    if (strlen(query) > SAN_DATA_QUERY_MAX_BYTES)
        return refuse(reason, "query of %zu bytes, at most %d are allowed", strlen(query),
                      SAN_DATA_QUERY_MAX_BYTES);
    const json_t *tools = json_object_get(c, "tools");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const char *name = json_string_value(json_object_get(tool, "name"));
        if (!name || !*name) return refuse(reason, "tools[%zu] has no name", i);
        if (!json_is_object(json_object_get(json_object_get(tool, "parameters"), "properties")))
            return refuse(reason, "tools[%zu] \"%.60s\" has no parameter schema", i, name);
    }
    if (!names_differ(tools, reason)) return 0;
    const json_t *answers = json_object_get(c, "answers");
    if (json_array_size(answers) > SAN_DATA_ANSWERS_MAX)
        return refuse(reason, "%zu answers, at most %d are allowed", json_array_size(answers),
                      SAN_DATA_ANSWERS_MAX);
    for (size_t i = 0; i < json_array_size(answers); i++)
        if (!check_call(c, json_array_get(answers, i), i, reason)) return 0;
    return 1;
}

json_t *san_case_from_line(json_t *line, struct san_lookup *lookup, const char *where, char *reason)
{
    if (!json_is_object(line)) {
        refuse(reason, "the line is no JSON object");
        return NULL;
    }
    json_t *out = json_object(), *home = NULL;
    json_t *tools = resolve_tools(line, lookup, reason);
    json_t *answers = tools ? resolve_answers(line, reason) : NULL;
    if (!out || !tools || !answers || !resolve_home(line, lookup, &home, reason)) goto fail;
    static const char *const copied[] = {"id", "source", "kind", "query", "escalate", "unsaid", "meant"};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        json_t *v = json_object_get(line, copied[i]);
        if (v) json_object_set(out, copied[i], v);
    }
    if (!json_object_get(out, "id")) json_object_set_new(out, "id", json_string(where));
    if (home) json_object_set_new(out, "home", home);
    home = NULL;
    json_object_set_new(out, "tools", tools);
    json_object_set_new(out, "answers", answers);
    tools = answers = NULL;
    if (!san_case_check(out, reason)) goto fail;
    return out;
fail:
    json_decref(tools);
    json_decref(answers);
    json_decref(home);
    json_decref(out);
    return NULL;
}
