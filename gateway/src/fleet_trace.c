/* fleet_trace.c - a labelled trace as others may see it, and how a collector takes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "curate.h"
#include "fleet.h"
#include "lt/catalog.h"
#include "lt/json.h"

/* ---- what leaves ---- */

static int is_in_json(json_t *v, const char *word)
{
    const char *key;
    json_t *x;
    size_t i;
    if (json_is_string(v)) return !strcasecmp(json_string_value(v), word);
    json_array_foreach(v, i, x) if (is_in_json(x, word)) return 1;
    json_object_foreach(v, key, x) if (is_in_json(x, word)) return 1;
    return 0;
}

static int is_private(const struct lt_privacy_rules *rules, const char *area)
{
    for (const char *const *p = rules->private_areas; area && p && *p; p++)
        if (!strcasecmp(*p, area)) return 1;
    return 0;
}

static const char *str_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static json_t *few_tools(const json_t *tools, json_t *answers)
{
    json_t *out = json_array(), *t;
    size_t i;
    int n_others = 0;
    json_array_foreach(tools, i, t)
    {
        const char *name = str_of(t, "name");
        if ((name && is_in_json(answers, name)) || n_others++ < LT_FLEET_TOOLS)
            json_array_append(out, t);
    }
    return out;
}

/* Is the thing named in the answers, by any of its names, or by its room? */
static int is_named(const json_t *thing, json_t *answers)
{
    static const char *const keys[] = {"id", "name", "area"};
    const json_t *alias;
    size_t i;
    for (i = 0; i < 3; i++)
        if (str_of(thing, keys[i]) && is_in_json(answers, str_of(thing, keys[i]))) return 1;
    json_array_foreach(json_object_get(thing, "aliases"), i,
                       alias) if (is_in_json(answers, json_string_value(alias))) return 1;
    return 0;
}

static json_t *small_home(const json_t *home, json_t *answers, const struct lt_privacy_rules *rules)
{
    json_t *areas = json_array(), *entities = json_array(), *x;
    size_t i;
    int n_others = 0;
    json_array_foreach(json_object_get(home, "areas"), i,
                       x) if (!is_private(rules, str_of(x, "name"))) json_array_append(areas, x);
    json_array_foreach(json_object_get(home, "entities"), i, x)
    {
        if (is_private(rules, str_of(x, "area"))) continue;
        if (!is_named(x, answers) && n_others++ >= LT_FLEET_ENTITIES) continue;
        json_t *copy = json_copy(x);
        json_object_del(copy, "state"); /* what is on at home is nobody's business */
        json_array_append_new(entities, copy);
    }
    return json_pack("{s:o,s:o}", "areas", areas, "entities", entities);
}

/* A copy of the value with every string that is a value hidden, but for names of tools and kinds. */
static json_t *hidden(struct lt_veil *v, json_t *value)
{
    const char *key;
    json_t *x;
    size_t i;
    if (json_is_string(value)) {
        char *text = lt_veil_hide(v, json_string_value(value));
        json_t *s = text ? json_string(text) : NULL;
        free(text);
        return s;
    }
    json_t *out = json_is_array(value)    ? json_array()
                  : json_is_object(value) ? json_object()
                                          : json_deep_copy(value);
    json_array_foreach(value, i, x) json_array_append_new(out, hidden(v, x));
    json_object_foreach(value, key, x)
    {
        int is_kind = !strcmp(key, "domain") || !strcmp(key, "device_class");
        json_object_set_new(out, key, is_kind ? json_incref(x) : hidden(v, x));
    }
    return out;
}

static json_t *hidden_calls(struct lt_veil *v, const json_t *calls)
{
    json_t *out = json_array(), *c;
    size_t i;
    json_array_foreach(calls, i, c) json_array_append_new(
        out, json_pack("{s:O,s:o}", "name", json_object_get(c, "name"), "arguments",
                       hidden(v, json_object_get(c, "arguments"))));
    return out;
}

/* Does the line hold together by itself? */
static int fits(const struct lt_docs *docs, const json_t *line, struct lt_diag *why)
{
    struct lt_catalog *c = NULL;
    json_t *home = json_copy(json_object_get(line, "home"));
    json_t *root = json_pack("{s:O}", "tools", json_object_get(line, "tools"));
    if (home) json_object_del(home, "here");
    if (home) json_object_set_new(root, "home", home);
    int ok = !lt_catalog_new(docs, root, &c, why) &&
             !lt_catalog_check_calls(c, json_object_get(line, "answers"), why);
    lt_catalog_unref(c);
    json_decref(root);
    return ok;
}

static json_t *build(struct lt_veil *v, const struct lt_privacy_rules *rules,
                     const struct lt_trace_row *row, const json_t *catalog, json_t *answers)
{
    char source[32];
    const json_t *home = json_object_get(catalog, "home");
    char *text = lt_veil_hide(v, row->text);
    snprintf(source, sizeof source, "trace.%.20s", row->label_source);
    json_t *line =
        text ? json_pack("{s:s,s:s,s:s,s:o,s:o}", "id", row->trace, "source", source, "query", text,
                         "tools", few_tools(json_object_get(catalog, "tools"), answers), "answers",
                         hidden_calls(v, answers))
             : NULL;
    free(text);
    if (!line || !json_is_object(home)) return line;
    json_t *small = small_home(home, answers, rules), *out = hidden(v, small);
    char *here = row->here ? lt_veil_hide(v, row->here) : NULL;
    if (here) json_object_set_new(out, "here", json_string(here));
    json_object_set_new(line, "home", out);
    free(here);
    json_decref(small);
    return line;
}

enum lt_err lt_fleet_line(const struct lt_docs *docs, const struct lt_privacy_rules *rules,
                          const struct lt_trace_row *row, const char *catalog, json_t **out,
                          struct lt_diag *diag)
{
    struct lt_privacy_rules own = *rules;
    struct lt_catalog *c = NULL;
    struct lt_veil_home *home = NULL;
    struct lt_veil *v = NULL;
    *out = NULL;
    own.hide &= ~(unsigned)LT_HIDE_HOME; /* "Device-4" would teach nothing */
    json_t *answers = lt_curate_right_calls(row);
    if (!answers || (row->label_note && !strcmp(row->label_note, LT_CURATE_EXCLUDE)) ||
        is_private(rules, row->here)) {
        json_decref(answers);
        return LT_OK;
    }
    enum lt_err err = lt_catalog_parse(docs, catalog, strlen(catalog), &c, diag);
    if (!err && !lt_privacy_is_private(c, rules->private_areas, row->text)) {
        err = lt_veil_home_new(c, &own, &home);
        if (!err) err = lt_veil_new(home, &own, &v);
        if (!err && !(*out = build(v, rules, row, lt_catalog_json(c), answers))) err = LT_ERR_NOMEM;
        if (!err && !fits(docs, *out, NULL)) {
            json_decref(*out);
            *out = NULL;
        }
    }
    lt_veil_free(v);
    lt_veil_home_unref(home);
    lt_catalog_unref(c);
    json_decref(answers);
    return err;
}

/* ---- what a collector takes ---- */

/* The hub's own console is a user to those who gather: only theirs has the last word here. */
static const char *source_of(const json_t *line)
{
    static const char *const known[][2] = {{"trace.console", "user"},
                                           {"trace.user", "user"},
                                           {"trace.import", "import"},
                                           {"trace.cloud", "cloud"}};
    const char *source = str_of(line, "source");
    for (size_t i = 0; source && i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(source, known[i][0])) return known[i][1];
    return NULL;
}

enum lt_err lt_fleet_take(struct lt_store *s, const struct lt_docs *docs, const char *site,
                          const char *payload, size_t n, int *is_known, struct lt_diag *diag)
{
    json_t *line = NULL;
    char key[LT_STORE_REQUEST_ID_MAX];
    *is_known = 0;
    enum lt_err err = lt_json_parse(payload, n, LT_FLEET_TRACE_MAX, &line, diag);
    if (!err) err = lt_docs_check(docs, LT_DOC_DATA_LINE, line, diag);
    const char *id = err ? NULL : str_of(line, "id"), *source = err ? NULL : source_of(line);
    if (!err && (!id || !lt_ulid_is_valid(id)))
        err = lt_fail(diag, LT_ERR_INVALID, "/id: no id of a trace");
    if (!err && !source) err = lt_fail(diag, LT_ERR_INVALID, "/source: no source of a label");
    if (!err && (!json_is_array(json_object_get(line, "tools")) ||
                 !json_is_array(json_object_get(line, "answers")) ||
                 json_is_string(json_object_get(line, "home"))))
        err = lt_fail(diag, LT_ERR_INVALID, "tools, home and answers must be spelt out");
    if (!err) {
        snprintf(key, sizeof key, "fleet/%s", id);
        err = lt_curate_take(s, docs, site, key, source, line, is_known, diag);
    }
    json_decref(line);
    return err;
}
