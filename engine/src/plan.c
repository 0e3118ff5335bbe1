/* plan.c - a whole catalogue: its tools and its home. */
#include "san/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "san/engine.h"

static int by_name(const void *a, const void *b)
{
    const struct san_tool_plan *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* LT_ERR_INVALID when two tools have one name. */
static enum lt_err check_names(const struct san_plan *p, struct lt_diag *diag)
{
    struct san_tool_plan **sorted =
        malloc(((size_t)p->n_tools + 1) * sizeof(struct san_tool_plan *));
    if (!sorted) return LT_ERR_NOMEM;
    memcpy(sorted, p->tools, (size_t)p->n_tools * sizeof(struct san_tool_plan *));
    qsort(sorted, (size_t)p->n_tools, sizeof(struct san_tool_plan *), by_name);
    enum lt_err err = LT_OK;
    for (int i = 1; i < p->n_tools && !err; i++)
        if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
            err = lt_fail(diag, LT_ERR_INVALID, "/tools: two tools are named \"%s\"",
                          sorted[i]->name);
    free(sorted);
    return err;
}

enum lt_err san_plan_init(struct san_plan *p, const struct san_pieces *v, const json_t *catalog,
                          struct lt_diag *diag)
{
    *p = (struct san_plan){0};
    const json_t *tools = json_object_get(catalog, "tools");
    const json_t *home = json_object_get(catalog, "home");
    if (!json_is_array(tools)) return lt_fail(diag, LT_ERR_INVALID, "/tools: expected an array");
    size_t n = json_array_size(tools);
    if (n > SAN_CATALOG_MAX_TOOLS)
        return lt_fail(diag, LT_ERR_LIMIT, "/tools: %zu tools are more than the %d supported", n,
                       SAN_CATALOG_MAX_TOOLS);
    if (json_array_size(json_object_get(home, "entities")) > SAN_CATALOG_MAX_ENTITIES)
        return lt_fail(diag, LT_ERR_LIMIT, "/home/entities: more than the %d supported",
                       SAN_CATALOG_MAX_ENTITIES);
    enum lt_err err = LT_OK;
    p->tools = calloc(n + 1, sizeof *p->tools);
    if (!p->tools) return lt_fail(diag, LT_ERR_NOMEM, "out of memory planning the catalogue");
    for (size_t i = 0; i < n && !err; i++) {
        char path[32];
        snprintf(path, sizeof path, "/tools/%zu", i);
        err = san_tool_plan_new(v, json_array_get(tools, i), path, &p->tools[p->n_tools], diag);
        if (!err) p->n_tools++;
    }
    if (!err) err = check_names(p, diag);
    if (!err && home && !json_is_null(home)) err = san_home_plan_new(v, home, &p->home, diag);
    if (err) san_plan_fini(p);
    return err;
}

void san_plan_fini(struct san_plan *p)
{
    for (int i = 0; i < p->n_tools; i++) san_tool_plan_unref(p->tools[i]);
    free(p->tools);
    san_home_plan_unref(p->home);
    *p = (struct san_plan){0};
}
