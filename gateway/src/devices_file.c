/* devices_file.c - a YAML document as JSON, with limits; what it means is discovery's to say. */
#include "devices_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_document_t doc;
    const char *name;
    int n_nodes;
    struct lt_diag *diag;
    enum lt_err err;
};

static json_t *refuse(struct reader *r, enum lt_err err, const yaml_node_t *node, const char *what)
{
    if (!r->err)
        r->err = lt_fail(r->diag, err, "%s:%zu: %s", r->name,
                         node ? node->start_mark.line + 1 : (size_t)1, what);
    return NULL;
}

static int is_any_of(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(s, *words)) return 1;
    return 0;
}

/* A decimal number, whole of the text; 0: none. */
static json_t *number(const char *s)
{
    char *end;
    if (!*s || strspn(s, "+-0123456789.eE") != strlen(s)) return NULL;
    errno = 0;
    long long i = strtoll(s, &end, 10);
    if (!*end && !errno) return json_integer(i);
    double x = strtod(s, &end);
    return !*end && isfinite(x) ? json_real(x) : NULL;
}

static json_t *scalar(struct reader *r, const yaml_node_t *node)
{
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    static const char *const none[] = {"", "~", "null", "Null", "NULL", NULL};
    const char *s = (const char *)node->data.scalar.value;
    json_t *v = NULL;
    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (is_any_of(s, none)) return json_null();
        if (is_any_of(s, yes)) return json_true();
        if (is_any_of(s, no)) return json_false();
        v = number(s);
    }
    if (!v) v = json_stringn(s, node->data.scalar.length);
    return v ? v : refuse(r, LT_ERR_PARSE, node, "a text that is not UTF-8");
}

static json_t *value(struct reader *r, int id, int depth);

static json_t *map(struct reader *r, const yaml_node_t *node, int depth)
{
    json_t *o = json_object();
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         o && !r->err && p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
        const char *k =
            key && key->type == YAML_SCALAR_NODE ? (char *)key->data.scalar.value : NULL;
        if (!k)
            refuse(r, LT_ERR_PARSE, key ? key : node, "a key that is no text");
        else if (json_object_get(o, k))
            refuse(r, LT_ERR_PARSE, key, "this key is there twice");
        else if (json_object_set_new(o, k, value(r, p->value, depth)))
            refuse(r, LT_ERR_PARSE, key, "a key or value that is not UTF-8");
    }
    if (o && !r->err) return o;
    json_decref(o);
    return NULL;
}

static json_t *value(struct reader *r, int id, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(&r->doc, id);
    if (!node || ++r->n_nodes > LT_DEVICES_FILE_MAX_NODES)
        return refuse(r, LT_ERR_LIMIT, node, "too many values for one file of devices");
    if (depth == LT_DEVICES_FILE_MAX_DEPTH)
        return refuse(r, LT_ERR_LIMIT, node, "nested too deeply");
    if (node->type == YAML_SCALAR_NODE) return scalar(r, node);
    if (node->type == YAML_MAPPING_NODE) return map(r, node, depth + 1);
    json_t *a = json_array();
    for (yaml_node_item_t *i = node->data.sequence.items.start;
         a && !r->err && i < node->data.sequence.items.top; i++)
        if (json_array_append_new(a, value(r, *i, depth + 1)))
            refuse(r, LT_ERR_NOMEM, node, "out of memory");
    if (a && !r->err) return a;
    json_decref(a);
    return NULL;
}

/* Every key a kind of device, every value a list of them. */
static enum lt_err check(struct reader *r, const yaml_node_t *root)
{
    if (root->type != YAML_MAPPING_NODE)
        refuse(r, LT_ERR_PARSE, root, "kinds of devices are expected, as media_player:");
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start;
         !r->err && p < root->data.mapping.pairs.top; p++) {
        const yaml_node_t *list = yaml_document_get_node(&r->doc, p->value);
        if (!list || list->type != YAML_SEQUENCE_NODE)
            refuse(r, LT_ERR_PARSE, list ? list : root,
                   "a list of devices is expected, each beginning with '-'");
        for (yaml_node_item_t *i = list ? list->data.sequence.items.start : NULL;
             !r->err && i < list->data.sequence.items.top; i++) {
            const yaml_node_t *one = yaml_document_get_node(&r->doc, *i);
            if (!one || one->type != YAML_MAPPING_NODE)
                refuse(r, LT_ERR_PARSE, one, "a device is expected, as name: Radio");
        }
    }
    return r->err;
}

enum lt_err lt_devices_file_parse(const char *yaml, size_t n, const char *name, json_t **out,
                                  struct lt_diag *diag)
{
    struct reader r = {.name = name, .diag = diag};
    yaml_parser_t parser;
    *out = NULL;
    if (!yaml_parser_initialize(&parser)) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, n);
    if (!yaml_parser_load(&parser, &r.doc)) {
        enum lt_err err =
            lt_fail(diag, LT_ERR_PARSE, "%s:%zu: not YAML: %s; check indentation and quotes", name,
                    parser.problem_mark.line + 1, parser.problem ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return err;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&r.doc); /* NULL for an empty file */
    if (!root)
        *out = json_object();
    else if (!check(&r, root))
        *out = value(&r, 1, 0);
    yaml_document_delete(&r.doc);
    yaml_parser_delete(&parser);
    if (!*out && !r.err) r.err = lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", name);
    return r.err;
}

enum lt_err lt_devices_file_read(const char *path, json_t **out, struct lt_diag *diag)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(LT_DEVICES_FILE_MAX_BYTES + 1) : NULL;
    enum lt_err err = LT_OK;
    *out = NULL;
    if (!f) return lt_fail_errno(diag, "cannot read the described devices %s", path);
    size_t n = text ? fread(text, 1, LT_DEVICES_FILE_MAX_BYTES + 1, f) : 0;
    if (!text)
        err = lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    else if (ferror(f))
        err = lt_fail(diag, LT_ERR_IO, "%s: cannot be read", path);
    else if (n > LT_DEVICES_FILE_MAX_BYTES)
        err = lt_fail(diag, LT_ERR_LIMIT, "%s: longer than %d bytes", path,
                      LT_DEVICES_FILE_MAX_BYTES);
    else
        err = lt_devices_file_parse(text, n, path, out, diag);
    (void)fclose(f); /* only read */
    free(text);
    return err;
}
