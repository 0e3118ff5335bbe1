/* config.c - YAML to struct lt_config through the table, with line and key in every complaint. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "config_table.h"

#define KEY_MAX_BYTES   256 /* a dotted key that is longer cannot be one of ours */
#define SUGGEST_MAX_GAP 4   /* a key more edits away than this is no typing error */

static void *field(const struct lt_config_row *row, void *base)
{
    return (char *)base + row->offset;
}

static void strings_free(struct lt_strings *s)
{
    for (size_t i = 0; i < s->n; i++) free(s->v[i]);
    free(s->v);
    s->v = NULL;
    s->n = 0;
}

static void rows_free(const struct lt_config_row *rows, size_t n, void *base)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type == LT_CFG_STR) {
            char **s = field(&rows[i], base);
            free(*s);
            *s = NULL;
        } else if (rows[i].type == LT_CFG_LIST) {
            strings_free(field(&rows[i], base));
        }
    }
}

void lt_config_free(struct lt_config *c)
{
    if (!c) return;
    rows_free(lt__config_rows, lt__config_n_rows, c);
    for (size_t i = 0; i < c->cloud.n_endpoints; i++)
        rows_free(lt__config_endpoint_rows, lt__config_n_endpoint_rows, &c->cloud.endpoints[i]);
    free(c->cloud.endpoints);
    memset(c, 0, sizeof *c);
}

/* Where a value came from, for the text of errors. */
struct place {
    const char *file; /* or "environment" */
    size_t line;      /* from 1; 0 when there is none */
    const char *key;  /* full dotted key */
    struct lt_diag *diag;
};

static enum lt_err bad(const struct place *at, const char *what)
{
    if (at->line)
        return lt_fail(at->diag, LT_ERR_INVALID, "%s:%zu: key '%s': %s", at->file, at->line,
                       at->key, what);
    return lt_fail(at->diag, LT_ERR_INVALID, "%s: key '%s': %s", at->file, at->key, what);
}

static int is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *c = choices; c && *c;) {
        const char *end = strchr(c, '|');
        size_t len = end ? (size_t)(end - c) : strlen(c);
        if (len == n && !memcmp(c, value, n)) return 1;
        c = end ? end + 1 : NULL;
    }
    return 0;
}

static int is_reference(const char *s)
{
    return !*s || !strncmp(s, "env:", 4) || !strncmp(s, "file:", 5) ||
           !strncmp(s, "credential:", 11);
}

static enum lt_err set_string(const struct lt_config_row *row, void *base, const char *value,
                              const struct place *at)
{
    char what[KEY_MAX_BYTES];
    size_t n = strlen(value);
    if (row->flags & LT_CFG_SECRET && !is_reference(value)) /* never echo what may be the secret */
        return bad(at, "a secret is given by reference: env:NAME, file:/path or credential:NAME");
    if ((double)n > row->max || (double)n < row->min) {
        snprintf(what, sizeof what, "text of %zu bytes, allowed are %.0f to %.0f", n, row->min,
                 row->max);
        return bad(at, what);
    }
    if (row->choices && !is_choice(row->choices, value)) {
        snprintf(what, sizeof what, "'%.40s' is not one of %s", value, row->choices);
        return bad(at, what);
    }
    char *copy = strdup(value);
    if (!copy) return lt_fail(at->diag, LT_ERR_NOMEM, "out of memory");
    char **slot = field(row, base);
    free(*slot);
    *slot = copy;
    return LT_OK;
}

static enum lt_err set_number(const struct lt_config_row *row, void *base, const char *value,
                              const struct place *at)
{
    char what[KEY_MAX_BYTES], *end = NULL;
    errno = 0;
    double d = strtod(value, &end);
    int is_whole = row->type != LT_CFG_INT || (isfinite(d) && floor(d) == d);
    if (end == value || *end || errno || !isfinite(d) || !is_whole) {
        snprintf(what, sizeof what, "'%.40s' is not a %snumber", value,
                 row->type == LT_CFG_INT ? "whole " : "");
        return bad(at, what);
    }
    if (d < row->min || d > row->max) {
        snprintf(what, sizeof what, "%.15g is outside %.15g to %.15g%s%s", d, row->min, row->max,
                 *row->unit ? " " : "", row->unit);
        return bad(at, what);
    }
    if (row->type == LT_CFG_INT)
        *(int64_t *)field(row, base) = (int64_t)d;
    else
        *(double *)field(row, base) = d;
    return LT_OK;
}

static enum lt_err set_bool(const struct lt_config_row *row, void *base, const char *value,
                            const struct place *at)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    for (int i = 0; i < 3; i++) {
        if (!strcmp(value, yes[i])) return *(int *)field(row, base) = 1, LT_OK;
        if (!strcmp(value, no[i])) return *(int *)field(row, base) = 0, LT_OK;
    }
    return bad(at, "neither true nor false");
}

static enum lt_err list_add(const struct lt_config_row *row, struct lt_strings *list,
                            const char *value, size_t n, const struct place *at)
{
    if (list->n >= LT_CONFIG_MAX_LIST) return bad(at, "more than 256 items");
    if (!n || (double)n > row->max) return bad(at, "an item is empty or too long");
    if (row->flags & LT_CFG_PAIR && (*value == '=' || !memchr(value, '=', n))) {
        char what[KEY_MAX_BYTES];
        snprintf(what, sizeof what, "'%.*s' is no pair with a '=' between its two parts",
                 n < 64 ? (int)n : 64, value);
        return bad(at, what);
    }
    if (row->choices) {
        char word[64], what[KEY_MAX_BYTES];
        snprintf(word, sizeof word, "%.*s", (int)n, value);
        snprintf(what, sizeof what, "'%.40s' is not one of %s", word, row->choices);
        if (!is_choice(row->choices, word)) return bad(at, what);
    }
    char **grown = realloc(list->v, (list->n + 1) * sizeof *grown);
    if (!grown) return lt_fail(at->diag, LT_ERR_NOMEM, "out of memory");
    list->v = grown;
    char *copy = strndup(value, n);
    if (!copy) return lt_fail(at->diag, LT_ERR_NOMEM, "out of memory");
    list->v[list->n++] = copy;
    return LT_OK;
}

/* A list as one text, "a, b": the form of defaults and of the environment. */
static enum lt_err set_list_text(const struct lt_config_row *row, void *base, const char *value,
                                 const struct place *at)
{
    struct lt_strings *list = field(row, base);
    strings_free(list);
    while (*value) {
        value += strspn(value, ", ");
        size_t n = strcspn(value, ",");
        size_t next = n;
        while (n && value[n - 1] == ' ') n--;
        enum lt_err err = n ? list_add(row, list, value, n, at) : LT_OK;
        if (err) return err;
        value += next;
    }
    return LT_OK;
}

static enum lt_err set_scalar(const struct lt_config_row *row, void *base, const char *value,
                              const struct place *at)
{
    switch (row->type) {
    case LT_CFG_STR:
        return set_string(row, base, value, at);
    case LT_CFG_INT:
    case LT_CFG_NUM:
        return set_number(row, base, value, at);
    case LT_CFG_BOOL:
        return set_bool(row, base, value, at);
    case LT_CFG_LIST:
        return set_list_text(row, base, value, at);
    }
    return LT_ERR_INTERNAL;
}

/* Defaults are set without the checks of set_string: an endpoint's provider has none and must be
 * written by the user. */
static enum lt_err set_defaults(const struct lt_config_row *rows, size_t n, void *base,
                                struct lt_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        struct place at = {"default", 0, rows[i].key, diag};
        enum lt_err err = LT_OK;
        if (rows[i].type == LT_CFG_STR && !*rows[i].def) {
            char **s = field(&rows[i], base);
            if (!(*s = strdup(""))) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
        } else {
            err = set_scalar(&rows[i], base, rows[i].def, &at);
        }
        if (err) return err;
    }
    return LT_OK;
}

static size_t edit_gap(const char *a, const char *b)
{
    size_t row[KEY_MAX_BYTES + 1], n = strlen(b);
    if (n > KEY_MAX_BYTES) return KEY_MAX_BYTES;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (*a != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

static enum lt_err unknown(const struct lt_config_row *rows, size_t n, const char *short_key,
                           const struct place *at)
{
    size_t best = SUGGEST_MAX_GAP + 1;
    const char *near = NULL;
    char what[KEY_MAX_BYTES];
    const char *leaf = strrchr(short_key, '.') ? strrchr(short_key, '.') + 1 : short_key;
    for (size_t i = 0; i < n; i++) {
        const char *row_leaf =
            strrchr(rows[i].key, '.') ? strrchr(rows[i].key, '.') + 1 : rows[i].key;
        size_t gap = edit_gap(short_key, rows[i].key);
        /* the right name in the wrong section is nearer than any typing error */
        if (!strcmp(leaf, row_leaf) && gap > 1) gap = 1;
        if (gap < best) best = gap, near = rows[i].key;
    }
    if (near)
        snprintf(what, sizeof what, "unknown key; did you mean '%s'?", near);
    else
        snprintf(what, sizeof what,
                 "unknown key; `lintel doctor --sample` prints all keys that there are");
    return bad(at, what);
}

struct reader {
    yaml_document_t doc;
    const char *file;
    struct lt_diag *diag;
};

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* An unquoted null or nothing after the colon: keep the default. */
static int is_null(const yaml_node_t *node)
{
    const char *s = scalar(node);
    return s && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*s || !strcmp(s, "~") || !strcmp(s, "null"));
}

static enum lt_err read_value(struct reader *r, const struct lt_config_row *row, void *base,
                              const yaml_node_t *node, const struct place *at)
{
    if (is_null(node)) return LT_OK;
    if (row->type == LT_CFG_LIST && node->type == YAML_SEQUENCE_NODE) {
        struct lt_strings *list = field(row, base);
        strings_free(list);
        for (yaml_node_item_t *i = node->data.sequence.items.start;
             i < node->data.sequence.items.top; i++) {
            const yaml_node_t *item = yaml_document_get_node(&r->doc, *i);
            const char *s = scalar(item);
            enum lt_err err =
                s ? list_add(row, list, s, strlen(s), at) : bad(at, "an item is not a text");
            if (err) return err;
        }
        return LT_OK;
    }
    const char *s = scalar(node);
    if (!s)
        return bad(at, row->type == LT_CFG_LIST ? "a list is expected" : "one value is expected");
    if (strlen(s) != node->data.scalar.length) return bad(at, "the value holds a NUL byte");
    return set_scalar(row, base, s, at);
}

static const struct lt_config_row *find_row(const struct lt_config_row *rows, size_t n,
                                            const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rows[i].key, key)) return &rows[i];
    return NULL;
}

static int is_section(const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < lt__config_n_rows; i++)
        if (!strncmp(lt__config_rows[i].key, key, n) && lt__config_rows[i].key[n] == '.') return 1;
    return 0;
}

static int is_repeated(const struct reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair,
                       const char *key)
{
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        yaml_document_t *doc = (yaml_document_t *)(uintptr_t)&r->doc; /* libyaml lacks const */
        const char *other = scalar(yaml_document_get_node(doc, p->key));
        if (other && !strcmp(other, key)) return 1;
    }
    return 0;
}

int lt_config_hours(const char *text, int *from, int *to)
{
    char end;
    *from = *to = 0;
    return !*text || (sscanf(text, "%2d-%2d%c", from, to, &end) == 2 && *from >= 0 && *from <= 23 &&
                      *to >= 0 && *to <= 24 && *from != *to);
}

static enum lt_err read_endpoint(struct reader *r, const yaml_node_t *node,
                                 struct lt_config_endpoint *ep, size_t index)
{
    char full[KEY_MAX_BYTES];
    snprintf(full, sizeof full, "cloud.endpoints[%zu]", index);
    struct place at = {r->file, node->start_mark.line + 1, full, r->diag};
    if (node->type != YAML_MAPPING_NODE) return bad(&at, "an endpoint is a group of keys");
    enum lt_err err =
        set_defaults(lt__config_endpoint_rows, lt__config_n_endpoint_rows, ep, r->diag);
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         !err && p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
        const char *name = scalar(key) ? scalar(key) : "";
        snprintf(full, sizeof full, "cloud.endpoints[%zu].%.100s", index, name);
        at.line = key->start_mark.line + 1;
        const struct lt_config_row *row =
            find_row(lt__config_endpoint_rows, lt__config_n_endpoint_rows, name);
        if (is_repeated(r, node, p, name))
            err = bad(&at, "written twice");
        else if (!row)
            err = unknown(lt__config_endpoint_rows, lt__config_n_endpoint_rows, name, &at);
        else
            err = read_value(r, row, ep, yaml_document_get_node(&r->doc, p->value), &at);
    }
    ep->line = (int64_t)node->start_mark.line + 1;
    if (!err && !*ep->provider) {
        snprintf(full, sizeof full, "cloud.endpoints[%zu]", index);
        at.line = node->start_mark.line + 1;
        err = bad(&at, "a provider is needed");
    }
    return err;
}

static enum lt_err read_endpoints(struct reader *r, const yaml_node_t *node, struct lt_config *c,
                                  const struct place *at)
{
    if (is_null(node)) return LT_OK;
    if (node->type != YAML_SEQUENCE_NODE) return bad(at, "a list of endpoints is expected");
    size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n > LT_CONFIG_MAX_ENDPOINTS) return bad(at, "more than 8 endpoints");
    if (!n) return LT_OK;
    c->cloud.endpoints = calloc(n, sizeof *c->cloud.endpoints);
    if (!c->cloud.endpoints) return lt_fail(r->diag, LT_ERR_NOMEM, "out of memory");
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < n; i++) {
        c->cloud.n_endpoints = i + 1;
        err = read_endpoint(r, yaml_document_get_node(&r->doc, node->data.sequence.items.start[i]),
                            &c->cloud.endpoints[i], i);
    }
    return err;
}

/* The keys of one mapping; `section` is "" at the top and "mqtt" below `mqtt:`. */
static enum lt_err read_map(struct reader *r, const yaml_node_t *map, const char *section,
                            struct lt_config *c)
{
    enum lt_err err = LT_OK;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         !err && p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
        const yaml_node_t *value = yaml_document_get_node(&r->doc, p->value);
        const char *name = scalar(key) ? scalar(key) : "";
        char full[KEY_MAX_BYTES];
        snprintf(full, sizeof full, "%s%s%.100s", section, *section ? "." : "", name);
        struct place at = {r->file, key->start_mark.line + 1, full, r->diag};
        const struct lt_config_row *row = find_row(lt__config_rows, lt__config_n_rows, full);
        if (is_repeated(r, map, p, name))
            err = bad(&at, "written twice");
        else if (!strcmp(full, "cloud.endpoints"))
            err = read_endpoints(r, value, c, &at);
        else if (row)
            err = read_value(r, row, c, value, &at);
        else if (*section || !is_section(full))
            err = unknown(lt__config_rows, lt__config_n_rows, full, &at);
        else if (value->type == YAML_MAPPING_NODE)
            err = read_map(r, value, full, c);
        else if (!is_null(value))
            err = bad(&at, "a group of keys is expected below it, indented");
    }
    return err;
}

/* Line of "section.key", or of a key at the top; 0 when it is not written there. */
static size_t line_of(void *ctx, const char *full)
{
    struct reader *r = ctx;
    const yaml_node_t *map = yaml_document_get_root_node(&r->doc);
    for (const char *part = full; map && map->type == YAML_MAPPING_NODE;) {
        size_t n = strcspn(part, ".");
        const yaml_node_t *value = NULL;
        for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
             p++) {
            const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
            const char *name = scalar(key);
            if (!name || strlen(name) != n || memcmp(name, part, n) != 0) continue;
            if (!part[n]) return key->start_mark.line + 1;
            value = yaml_document_get_node(&r->doc, p->value);
        }
        map = value;
        part += part[n] ? n + 1 : n;
    }
    return 0;
}

static enum lt_err apply_environment(struct lt_config *c, struct lt_diag *diag)
{
    for (size_t i = 0; i < lt__config_n_rows; i++) {
        char name[KEY_MAX_BYTES] = "LINTEL_";
        size_t n = strlen(name);
        for (const char *k = lt__config_rows[i].key; *k && n + 1 < sizeof name; k++)
            name[n++] = *k == '.' ? '_' : (char)toupper((unsigned char)*k);
        name[n] = '\0';
        const char *value = getenv(name);
        struct place at = {"environment", 0, name, diag};
        enum lt_err err = value ? set_scalar(&lt__config_rows[i], c, value, &at) : LT_OK;
        if (err) return err;
    }
    return LT_OK;
}

static enum lt_err parse(const char *yaml, size_t n, const char *name, int with_environment,
                         struct lt_config *out, struct lt_diag *diag)
{
    struct reader r = {.file = name, .diag = diag};
    yaml_parser_t parser;
    memset(out, 0, sizeof *out);
    if (!yaml_parser_initialize(&parser)) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, n);
    enum lt_err err = LT_OK;
    if (!yaml_parser_load(&parser, &r.doc)) {
        err =
            lt_fail(diag, LT_ERR_PARSE, "%s:%zu: not YAML: %s; check indentation and quotes", name,
                    parser.problem_mark.line + 1, parser.problem ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return err;
    }
    err = set_defaults(lt__config_rows, lt__config_n_rows, out, diag);
    const yaml_node_t *root = yaml_document_get_root_node(&r.doc); /* NULL for an empty file */
    if (!err && root && !is_null(root)) {
        if (root->type == YAML_MAPPING_NODE)
            err = read_map(&r, root, "", out);
        else
            err =
                lt_fail(diag, LT_ERR_PARSE, "%s:%zu: keys with values are expected, as site: home",
                        name, root->start_mark.line + 1);
    }
    if (!err && with_environment) err = apply_environment(out, diag);
    if (!err) err = lt__config_check(out, name, line_of, &r, diag);
    yaml_document_delete(&r.doc);
    yaml_parser_delete(&parser);
    if (err) lt_config_free(out);
    return err;
}

enum lt_err lt_config_parse(const char *yaml, size_t n, const char *name, struct lt_config *out,
                            struct lt_diag *diag)
{
    return parse(yaml, n, name, 0, out, diag);
}

enum lt_err lt_config_load(const char *path, struct lt_config *out, struct lt_diag *diag)
{
    const char *file = path ? path : LT_CONFIG_DEFAULT_PATH;
    struct lt_buf text;
    char chunk[8192];
    enum lt_err err = LT_OK;
    memset(out, 0, sizeof *out);
    lt_buf_init(&text, LT_CONFIG_MAX_BYTES);
    FILE *f = fopen(file, "re");
    if (!f && (path || errno != ENOENT)) {
        err = lt_fail_errno(diag, "cannot read the configuration %s", file);
        goto out;
    }
    while (f && !err) {
        size_t n = fread(chunk, 1, sizeof chunk, f);
        if (n) err = lt_buf_add(&text, chunk, n);
        if (err) lt_fail(diag, err, "%s: longer than %d bytes", file, LT_CONFIG_MAX_BYTES);
        if (!err && ferror(f)) err = lt_fail_errno(diag, "cannot read the configuration %s", file);
        if (n < sizeof chunk) break;
    }
    if (!err) err = parse(lt_buf_str(&text), text.n, file, 1, out, diag);
out:
    if (f) fclose(f);
    lt_buf_free(&text);
    return err;
}

int64_t lt_config_estimate_usd_micro(const struct lt_config_endpoint *e)
{
    return strcmp(e->price_as, "free") ? (int64_t)(e->estimate_usd * 1e6) : 0;
}

int lt_config_has_site(const struct lt_config *c, const char *site)
{
    for (size_t i = 0; i < c->sites.n; i++)
        if (!strcmp(c->sites.v[i], site)) return 1;
    return 0;
}

int lt_config_find_shipped(const char *relative, char *out, size_t out_bytes)
{
    char self[1024];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? (size_t)n : 0] = '\0';
    /* from the binary's folder upwards: <prefix>/bin beside <prefix>/share, then the source tree
     * around build/<preset>/gateway/ where models lie in engine/ and the demo in deploy/ */
    for (char *slash = strrchr(self, '/'); slash; slash = strrchr(self, '/')) {
        static const char *const below[] = {"share/lintel", "engine", "deploy"};
        *slash = '\0';
        for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
            snprintf(out, out_bytes, "%s/%s/%s", self, below[i], relative);
            if (!access(out, R_OK)) return 1;
        }
    }
    snprintf(out, out_bytes, "/usr/share/lintel/%s", relative);
    if (!access(out, R_OK)) return 1;
    *out = '\0';
    return 0;
}

void lt_config_store_path(const struct lt_config *c, char *out, size_t out_bytes)
{
    const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (c && *c->store.path)
        snprintf(out, out_bytes, "%s", c->store.path);
    else if (state && *state)
        snprintf(out, out_bytes, "%.*s/lintel.db", (int)strcspn(state, ":"), state);
    else if (!geteuid())
        snprintf(out, out_bytes, "/var/lib/lintel/lintel.db");
    else if (xdg && *xdg)
        snprintf(out, out_bytes, "%s/lintel/lintel.db", xdg);
    else
        snprintf(out, out_bytes, "%s/.local/state/lintel/lintel.db", home && *home ? home : ".");
}
