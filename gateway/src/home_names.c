/* home_names.c - what the user says about discovered devices: discovery.names, .areas, .aliases, .hide,
 * .floors and .area_aliases become the overrides of discovery.h. A row that begins with the name of a site
 * and a colon, "cabin:light.desk=Desk Lamp", holds for that site alone. */
#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/log.h"

/* Everything that was said of one thing or area; texts live in `text`. */
struct said {
    const char *match, *name, *area, *floor;
    const char *aliases[LT_DISCOVERY_MAX_ALIASES];
    size_t n_aliases;
    int is_hidden;
};
struct book {
    struct said *v;
    size_t n, cap;
    char **text; /* copies of the configuration's strings, cut up */
    size_t n_text;
    const struct lt_strings *sites; /* all */
    const char *site;               /* whose rows are taken */
};

static void book_free(struct book *b)
{
    for (size_t i = 0; i < b->n_text; i++) free(b->text[i]);
    free(b->text);
    free(b->v);
}

/* The entry of this match, made when there is none; NULL: out of memory. */
static struct said *entry(struct book *b, const char *match)
{
    for (size_t i = 0; i < b->n; i++)
        if (!strcmp(b->v[i].match, match)) return &b->v[i];
    if (b->n == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 16;
        struct said *v = realloc(b->v, cap * sizeof *v);
        if (!v) return NULL;
        b->v = v;
        b->cap = cap;
    }
    b->v[b->n] = (struct said){.match = match};
    return &b->v[b->n++];
}

/* "match=value" in two; value "" where there is no '='. NULL: out of memory. */
static struct said *cut(struct book *b, const char *row, char **value)
{
    char **text = realloc(b->text, (b->n_text + 1) * sizeof *text);
    if (!text) return NULL;
    b->text = text;
    char *copy = strdup(row);
    if (!copy) return NULL;
    b->text[b->n_text++] = copy;
    *value = strrchr(copy, '=');
    if (*value)
        *(*value)++ = '\0';
    else
        *value = copy + strlen(copy);
    return entry(b, copy);
}

enum key { NAME, AREA, ALIASES, HIDE, FLOOR };

/* The row without the site's name; NULL: it is another site's. */
static const char *own_row(const struct book *b, const char *row)
{
    for (size_t i = 0; i < b->sites->n; i++) {
        size_t n = strlen(b->sites->v[i]);
        if (!strncmp(row, b->sites->v[i], n) && row[n] == ':')
            return strcmp(b->sites->v[i], b->site) ? NULL : row + n + 1;
    }
    return row;
}

static enum lt_err take(struct book *b, const struct lt_strings *rows, enum key key,
                        const char *name, struct lt_diag *diag)
{
    for (size_t i = 0; i < rows->n; i++) {
        char *value, *save = NULL;
        const char *row = own_row(b, rows->v[i]);
        if (!row) continue;
        struct said *s = cut(b, row, &value);
        if (!s) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for %s", name);
        if (!*s->match || (key != HIDE && !*value && key != AREA))
            return lt_fail(diag, LT_ERR_INVALID,
                           "%s: \"%.100s\" is no pair like light.desk=Desk Lamp", name, rows->v[i]);
        if (key == NAME) s->name = value;
        if (key == AREA) s->area = value;
        if (key == FLOOR) s->floor = value;
        if (key == HIDE) s->is_hidden = 1;
        for (char *p = key == ALIASES ? strtok_r(value, "|", &save) : NULL; p;
             p = strtok_r(NULL, "|", &save)) {
            if (s->n_aliases == LT_DISCOVERY_MAX_ALIASES)
                return lt_fail(diag, LT_ERR_LIMIT, "%s: %.100s has more than %d aliases", name,
                               s->match, LT_DISCOVERY_MAX_ALIASES);
            s->aliases[s->n_aliases++] = p;
        }
    }
    return LT_OK;
}

enum lt_err lt_home_names(const struct lt_config *c, const char *site, struct lt_discovery *d,
                          struct lt_diag *diag)
{
    struct book things = {.sites = &c->sites, .site = site}, areas = things;
    enum lt_err err = take(&things, &c->discovery.names, NAME, "discovery.names", diag);
    if (!err) err = take(&things, &c->discovery.areas, AREA, "discovery.areas", diag);
    if (!err) err = take(&things, &c->discovery.aliases, ALIASES, "discovery.aliases", diag);
    if (!err) err = take(&things, &c->discovery.hide, HIDE, "discovery.hide", diag);
    if (!err) err = take(&areas, &c->discovery.floors, FLOOR, "discovery.floors", diag);
    if (!err)
        err = take(&areas, &c->discovery.area_aliases, ALIASES, "discovery.area_aliases", diag);
    struct lt_discovery_override *o = calloc(things.n + 1, sizeof *o);
    struct lt_discovery_area *a = calloc(areas.n + 1, sizeof *a);
    if (!err && (!o || !a)) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory for names");
    for (size_t i = 0; !err && i < things.n; i++) {
        const struct said *s = &things.v[i];
        o[i] = (struct lt_discovery_override){.match = s->match,
                                              .name = s->name,
                                              .area = s->area,
                                              .aliases = s->aliases,
                                              .n_aliases = s->n_aliases,
                                              .is_hidden = s->is_hidden};
    }
    for (size_t i = 0; !err && i < areas.n; i++) {
        const struct said *s = &areas.v[i];
        a[i] = (struct lt_discovery_area){
            .name = s->match, .floor = s->floor, .aliases = s->aliases, .n_aliases = s->n_aliases};
    }
    if (!err) err = lt_discovery_set_overrides(d, o, things.n, a, areas.n, diag);
    free(o);
    free(a);
    book_free(&things);
    book_free(&areas);
    return err;
}
