/* cmd_catalog.c - `lintel catalog`: show one, or check a file before it is sent to a site. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "lt/catalog.h"
#include "lt/json.h"

static const struct lt_cli_option options[] = {{"json", 0, NULL, "print JSON also on a terminal"}};
static const struct lt_cli_spec spec = {
    "lintel catalog show|check [FILE]",
    "show prints what a catalogue holds (default: the demo home); check says whether a gateway "
    "would take it.",
    options, 1};

static json_t *summary_of(const struct lt_catalog *c)
{
    json_t *tools = json_array(), *entities = json_array();
    for (size_t i = 0; i < lt_catalog_n_tools(c); i++)
        json_array_append(tools, json_object_get(lt_catalog_tool(c, i), "name"));
    for (size_t i = 0; i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        json_array_append_new(entities, json_pack("{s:s,s:s,s:s,s:s}", "name", e->name, "domain",
                                                  e->domain, "area", e->area, "floor", e->floor));
    }
    return json_pack("{s:s,s:o,s:o}", "hash", lt_catalog_hash(c), "tools", tools, "entities",
                     entities);
}

static int print_text(const struct lt_catalog *c)
{
    struct lt_table t = {0};
    const char *heads[] = {"entity", "domain", "class", "area", "floor"};
    printf("%zu tools:", lt_catalog_n_tools(c));
    for (size_t i = 0; i < lt_catalog_n_tools(c); i++)
        printf(" %s", json_string_value(json_object_get(lt_catalog_tool(c, i), "name")));
    printf("\n\n");
    lt_table_columns(&t, heads, 5);
    for (size_t i = 0; i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        const char *cells[] = {e->name, e->domain, e->device_class, e->area, e->floor};
        lt_table_row(&t, cells);
    }
    return lt_table_print(&t);
}

int lt_cmd_catalog(int argc, char **argv)
{
    const char *value[1], *path;
    char shipped[1024];
    struct lt_docs *docs = NULL;
    struct lt_catalog *catalog = NULL;
    json_t *json = NULL;
    struct lt_diag diag = {0};
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first >= argc) return lt_cli_usage(&spec, "show or check?");
    int is_check = !strcmp(argv[first], "check");
    if (!is_check && strcmp(argv[first], "show") != 0)
        return lt_cli_usage(&spec, "unknown '%s'", argv[first]);
    if (argc - first > 2) return lt_cli_usage(&spec, "one file at a time");
    path = argc - first == 2 ? argv[first + 1] : NULL;
    if (!path && is_check) return lt_cli_usage(&spec, "which file?");
    if (!path && lt_config_find_shipped("demo/catalog.json", shipped, sizeof shipped))
        path = shipped;
    if (!path) return lt_cli_usage(&spec, "the demo home is not installed; name a file");
    enum lt_err err = lt_docs_open(&docs, &diag);
    if (!err) err = lt_json_read_file(path, LT_DOC_MAX_BYTES_CATALOG, &json, &diag);
    if (!err && (err = lt_catalog_new(docs, json, &catalog, &diag))) {
        char inner[LT_DIAG_TEXT];
        snprintf(inner, sizeof inner, "%s", lt_diag_text(&diag, err));
        snprintf(diag.text, sizeof diag.text, "%.200s: %.300s", path, inner);
    }
    if (err) {
        status = lt_cli_fail(&spec, err, &diag);
    } else if (is_check) {
        status = printf("%s: good: %zu tools, %zu entities, hash %s\n", path,
                        lt_catalog_n_tools(catalog), lt_catalog_n_entities(catalog),
                        lt_catalog_hash(catalog)) < 0
                     ? LT_EXIT_FAILED
                     : LT_EXIT_DONE;
    } else {
        json_t *summary = lt_cli_wants_json(value[0]) ? summary_of(catalog) : NULL;
        status = (summary ? lt_cli_print_json(summary) : print_text(catalog)) ? LT_EXIT_DONE
                                                                              : LT_EXIT_FAILED;
        json_decref(summary);
    }
    lt_catalog_unref(catalog);
    json_decref(json);
    lt_docs_close(docs);
    return status;
}
