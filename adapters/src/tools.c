/* tools.c - a catalogue's tools as a set that every vendor can be shown, and the way back.
 *
 * The set is sorted by name and each tool has a safe name, its own where the vendors' rule admits
 * it. Renderings are made on first use and kept: a catalogue serves thousands of requests.
 * On the way back (lt__tools_take_call) a call gets the catalogue's names again and the small
 * liberties that models take are undone: other capitals in an enum, 30.0 for an integer, null or ""
 * for an argument that may be absent. Whether the call then fits the schema is the router's to
 * judge; nothing here makes a wrong value right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"
#include "lt/validate.h"

#define MAX_CATALOGUE_BYTES (4u << 20)
/* Vendor limits on one request of Anthropic's, summed over the strict tools. */
#define ANTHROPIC_STRICT_TOOLS    20
#define ANTHROPIC_STRICT_OPTIONAL 24
#define ANTHROPIC_STRICT_UNIONS   16

struct rendering {
    json_t *schema; /* NULL until asked for */
    bool is_strict;
};

struct tool {
    char *name;
    char *description;
    json_t *normal; /* parameters, catalogue's names */
    struct rendering view[LT_DIALECT_COUNT];
};

struct lt_cloud_tools {
    int refs;
    size_t n;
    struct tool *tool; /* sorted by name */
    char (*safe)[LT_NAME_MAX_BYTES + 1];
    uint64_t hash;
    bool has_anthropic_views;
};

static void tool_fini(struct tool *t)
{
    free(t->name);
    free(t->description);
    json_decref(t->normal);
    for (int d = 0; d < LT_DIALECT_COUNT; d++) json_decref(t->view[d].schema);
}

struct lt_cloud_tools *lt_cloud_tools_ref(struct lt_cloud_tools *t)
{
    if (t) t->refs++;
    return t;
}

void lt_cloud_tools_unref(struct lt_cloud_tools *t)
{
    if (!t || --t->refs > 0) return;
    for (size_t i = 0; i < t->n; i++) tool_fini(&t->tool[i]);
    free(t->tool);
    free(t->safe);
    free(t);
}

size_t lt_cloud_tools_count(const struct lt_cloud_tools *t)
{
    return t ? t->n : 0;
}

uint64_t lt__tools_hash(const struct lt_cloud_tools *t)
{
    return t ? t->hash : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tool *)a)->name, ((const struct tool *)b)->name);
}

/* FNV-1a over the text and its NUL: names a set, guards nothing. */
static uint64_t hash_text(uint64_t h, const char *s)
{
    do h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    while (*s++);
    return h;
}

static enum lt_err tool_init(struct tool *t, const json_t *item, size_t i, struct lt_diag *diag)
{
    struct lt_diag inner = {0};
    const char *name = lt__str(item, "name"), *words = lt__str(item, "description");
    json_t *parameters = NULL;
    if (!name || !*name) return lt_fail(diag, LT_ERR_INVALID, "/tools/%zu: a tool needs a name", i);
    enum lt_err err =
        lt_schema_from_parameters(json_object_get(item, "parameters"), &parameters, &inner);
    if (!err) {
        t->normal = lt__schema_normal(parameters, &inner);
        err = t->normal ? LT_OK : inner.code;
    }
    json_decref(parameters);
    if (err) return lt_fail(diag, err, "tool '%.80s': %s", name, lt_diag_text(&inner, err));
    t->name = strdup(name);
    t->description = strdup(words && *words ? words : name); /* Gemini refuses none */
    return t->name && t->description ? LT_OK : lt_fail(diag, LT_ERR_NOMEM, "no memory for tools");
}

enum lt_err lt_cloud_tools_new(const char *json, size_t len, struct lt_cloud_tools **out,
                               struct lt_diag *diag)
{
    struct lt_cloud_tools *t = NULL;
    json_t *list = NULL, *item;
    size_t i;
    enum lt_err err = lt_json_parse(json, len, MAX_CATALOGUE_BYTES, &list, diag);
    if (err) return err;
    if (!json_is_array(list)) {
        err = lt_fail(diag, LT_ERR_INVALID, "tools are not a list: give an array of objects");
        goto out;
    }
    if (json_array_size(list) > LT_CLOUD_MAX_TOOLS) {
        err = lt_fail(diag, LT_ERR_LIMIT, "%zu tools, and vendors take %d: choose fewer",
                      json_array_size(list), LT_CLOUD_MAX_TOOLS);
        goto out;
    }
    err = LT_ERR_NOMEM;
    t = calloc(1, sizeof *t);
    if (!t) goto out;
    t->refs = 1;
    t->tool = calloc(json_array_size(list) + 1, sizeof *t->tool);
    t->safe = calloc(json_array_size(list) + 1, sizeof *t->safe);
    if (!t->tool || !t->safe) goto out;
    json_array_foreach(list, i, item)
    {
        t->n++;
        err = tool_init(&t->tool[i], item, i, diag);
        if (err) goto out;
    }
    qsort(t->tool, t->n, sizeof *t->tool, by_name);
    t->hash = 0xcbf29ce484222325u;
    for (i = 0; i < t->n; i++) {
        if (i > 0 && strcmp(t->tool[i].name, t->tool[i - 1].name) == 0) {
            err = lt_fail(diag, LT_ERR_INVALID, "tool '%.80s' is there twice", t->tool[i].name);
            goto out;
        }
        char *text = json_dumps(t->tool[i].normal, JSON_COMPACT | JSON_SORT_KEYS);
        err = text ? LT_OK : LT_ERR_NOMEM;
        if (err) goto out;
        t->hash = hash_text(t->hash, t->tool[i].name);
        t->hash = hash_text(t->hash, t->tool[i].description);
        t->hash = hash_text(t->hash, text);
        free(text);
    }
    /* Two passes: safe names keep themselves, the others find one that is free. */
    for (i = 0; i < t->n; i++)
        if (lt__is_safe_name(t->tool[i].name))
            snprintf(t->safe[i], sizeof t->safe[i], "%s", t->tool[i].name);
    for (i = 0; i < t->n; i++)
        if (!t->safe[i][0]) lt__safe_name(t->tool[i].name, t->safe, t->n, t->safe[i]);
    *out = t;
    t = NULL;
out:
    if (err == LT_ERR_NOMEM) lt_fail(diag, err, "no memory for tools");
    lt_cloud_tools_unref(t);
    json_decref(list);
    return err;
}

/* ---- to the vendor -------------------------------------------------------------------------- */

const char *lt__tool_safe_name(const struct lt_cloud_tools *t, const char *name)
{
    for (size_t i = 0; t && i < t->n; i++)
        if (strcmp(t->tool[i].name, name) == 0) return t->safe[i];
    return name;
}

/* Anthropic counts over the request, so strictness is dealt out in order until it is used up. */
static bool render_anthropic(struct lt_cloud_tools *t)
{
    int n_tools = 0, n_optional = 0, n_unions = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct rendering *v = &t->tool[i].view[LT_DIALECT_ANTHROPIC_STRICT];
        int opt, uni;
        bool is_strict;
        json_t *schema = lt__schema_render(t->tool[i].normal, LT_DIALECT_ANTHROPIC_STRICT,
                                           &is_strict, &opt, &uni);
        if (!schema) return false;
        if (is_strict && n_tools < ANTHROPIC_STRICT_TOOLS &&
            n_optional + opt <= ANTHROPIC_STRICT_OPTIONAL &&
            n_unions + uni <= ANTHROPIC_STRICT_UNIONS) {
            n_tools++;
            n_optional += opt;
            n_unions += uni;
        } else { /* what strict cannot say may be said again */
            json_decref(schema);
            schema = lt__schema_render(t->tool[i].normal, LT_DIALECT_PLAIN, &is_strict, &opt, &uni);
            if (!schema) return false;
        }
        json_decref(v->schema);
        v->schema = schema;
        v->is_strict = is_strict;
    }
    t->has_anthropic_views = true;
    return true;
}

bool lt__tool_view(struct lt_cloud_tools *t, size_t i, enum lt_dialect dialect,
                   struct lt_tool_view *out)
{
    struct rendering *v = &t->tool[i].view[dialect];
    int opt, uni;
    if (dialect == LT_DIALECT_ANTHROPIC_STRICT) {
        if (!t->has_anthropic_views && !render_anthropic(t)) return false;
    } else if (!v->schema) {
        v->schema = lt__schema_render(t->tool[i].normal, dialect, &v->is_strict, &opt, &uni);
        if (!v->schema) return false;
        if (dialect == LT_DIALECT_OPENAI_STRICT && !v->is_strict) {
            json_decref(v->schema);
            v->schema =
                lt__schema_render(t->tool[i].normal, LT_DIALECT_PLAIN, &v->is_strict, &opt, &uni);
            if (!v->schema) return false;
        }
    }
    out->name = t->safe[i];
    out->description = t->tool[i].description;
    out->schema = v->schema;
    out->is_strict = v->is_strict;
    return true;
}

/* ---- and back ------------------------------------------------------------------------------- */

static json_t *back(const json_t *n, const json_t *v);

static bool has_type(const json_t *n, const char *type)
{
    json_t *t = json_object_get(n, "type"), *item;
    size_t i;
    if (json_is_string(t)) return strcmp(json_string_value(t), type) == 0;
    json_array_foreach(t, i, item) if (json_is_string(item) &&
                                       strcmp(json_string_value(item), type) == 0) return true;
    return false;
}

static bool is_required(const json_t *n, const char *name)
{
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(n, "required"), i,
                       item) if (strcmp(json_string_value(item), name) == 0) return true;
    return false;
}

static bool enum_has(const json_t *n, const json_t *v)
{
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(n, "enum"), i, item) if (json_equal(item, v)) return true;
    return false;
}

/* Did the model only say "left out"? */
static bool says_absent(const json_t *n, const json_t *v)
{
    if (json_is_null(v)) return !has_type(n, "null");
    return json_is_string(v) && json_string_length(v) == 0 && !enum_has(n, v);
}

static json_t *back_object(const json_t *n, const json_t *v)
{
    json_t *props = json_object_get(n, "properties"), *out = json_object(), *item;
    const char *key;
    struct lt_props p;
    if (!out || !lt__props_init(&p, props)) {
        json_decref(out);
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, item)
    {
        const char *name = key;
        for (size_t i = 0; i < p.n; i++)
            if (strcmp(p.safe[i], key) == 0) name = p.name[i];
        const json_t *node = json_object_get(props, name);
        if (node && !is_required(n, name) && says_absent(node, item)) continue;
        json_object_set_new(out, name, back(node, item));
    }
    lt__props_fini(&p);
    return out;
}

/* The branch of an anyOf that the value seems to follow. */
static const json_t *branch_of(const json_t *n, const json_t *v)
{
    const char *type = lt_json_type_name(v);
    json_t *branch;
    size_t i;
    json_array_foreach(json_object_get(n, "anyOf"), i,
                       branch) if (has_type(branch, type)) return branch;
    return n;
}

static json_t *back(const json_t *n, const json_t *v)
{
    json_t *item, *out;
    size_t i;
    if (json_object_get(n, "anyOf")) n = branch_of(n, v);
    if (json_is_object(v)) return back_object(n, v);
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, item)
            json_array_append_new(out, back(json_object_get(n, "items"), item));
        return out;
    }
    if (json_is_string(v) && !enum_has(n, v))
        json_array_foreach(json_object_get(n, "enum"), i,
                           item) if (json_is_string(item) &&
                                     strcasecmp(json_string_value(item), json_string_value(v)) ==
                                         0) return json_copy(item);
    if (json_is_real(v) && has_type(n, "integer")) {
        double d = json_real_value(v);
        if (d == floor(d) && fabs(d) < 9e15) return json_integer((json_int_t)d);
    }
    return json_deep_copy(v);
}

enum lt_err lt__tools_take_call(const struct lt_cloud_tools *t, struct lt_cloud_reply *reply,
                                const char *id, const char *name, const json_t *args)
{
    if (reply->n_calls >= LT_CLOUD_MAX_CALLS) return LT_ERR_LIMIT;
    struct lt_cloud_call *c = &reply->calls[reply->n_calls];
    const struct tool *tool = NULL;
    char made_up[24];
    for (size_t i = 0; t && i < t->n; i++)
        if (strcmp(t->safe[i], name) == 0) tool = &t->tool[i];
    json_t *plain = back(tool ? tool->normal : NULL, args);
    snprintf(made_up, sizeof made_up, LT_MADE_UP_ID "%zu", reply->n_calls);
    memset(c, 0, sizeof *c);
    reply->n_calls++; /* counted at once, so that a half-filled call is released with the reply */
    c->id = strdup(id && *id ? id : made_up);
    c->name = strdup(tool ? tool->name : name);
    c->arguments_json = plain ? json_dumps(plain, JSON_COMPACT) : NULL;
    c->is_known = tool != NULL;
    json_decref(plain);
    return c->id && c->name && c->arguments_json ? LT_OK : LT_ERR_NOMEM;
}

enum lt_err lt__tools_keep_call(const struct lt_cloud_tools *t, struct lt_cloud_reply *reply,
                                const char *id, const char *name, const char *text)
{
    json_t *nothing = json_object();
    enum lt_err err = nothing ? lt__tools_take_call(t, reply, id, name, nothing) : LT_ERR_NOMEM;
    json_decref(nothing);
    if (err) return err;
    struct lt_cloud_call *c = &reply->calls[reply->n_calls - 1];
    free(c->arguments_json);
    c->arguments_json = strdup(text);
    return c->arguments_json ? LT_OK : LT_ERR_NOMEM;
}
