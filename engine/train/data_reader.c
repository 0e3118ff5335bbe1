/* data_reader.c - files of data lines, and the tools and homes that lines name.
 *
 * zlib reads plain files and gzip alike. A line is collected in one growing buffer; a line over
 * SAN_DATA_LINE_MAX_BYTES is read to its end and counted as bad, so that one broken line cannot
 * take the rest of the file, or the memory, with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "lt/buf.h"
#include "san/data.h"

#define READ_CHUNK_BYTES 65536

/* ---- tools and homes ------------------------------------------------------------------------ */

struct san_lookup {
    json_t *tools; /* {key: tool} */
    json_t *homes; /* {id: home} */
    json_t *views; /* {"id\nhere": home with here} */
};

static enum lt_err load_tools(struct san_lookup *l, const char *path, struct lt_diag *diag)
{
    json_error_t je;
    json_t *root = json_load_file(path, 0, &je);
    if (!root) {
        FILE *f = fopen(path, "rb");
        if (!f) return lt_fail_errno(diag, "tools file %s", path);
        fclose(f);
        return lt_fail(diag, LT_ERR_PARSE, "tools file %s, line %d: %s", path, je.line, je.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return lt_fail(diag, LT_ERR_PARSE, "tools file %s: an object {key: tool} is expected",
                       path);
    }
    const char *key;
    json_t *tool;
    void *tmp;
    json_object_foreach_safe(root, tmp, key, tool)
    {
        json_t *schema = san_schema_normal(json_object_get(tool, "parameters"));
        if (!schema || !json_is_string(json_object_get(tool, "name"))) {
            enum lt_err err = lt_fail(
                diag, LT_ERR_PARSE, "tools file %s: \"%s\" needs a name and parameters", path, key);
            json_decref(schema);
            json_decref(root);
            return err;
        }
        json_object_set_new(tool, "parameters", schema);
    }
    l->tools = root;
    return LT_OK;
}

static enum lt_err load_homes(struct san_lookup *l, const char *path, struct lt_diag *diag)
{
    gzFile f = gzopen(path, "rb");
    if (!f) return lt_fail_errno(diag, "homes file %s", path);
    enum lt_err err = LT_OK;
    char *line = malloc(SAN_DATA_LINE_MAX_BYTES);
    uint64_t number = 0;
    l->homes = json_object();
    if (!line || !l->homes) err = lt_fail(diag, LT_ERR_NOMEM, "homes file %s: out of memory", path);
    while (!err && gzgets(f, line, (int)SAN_DATA_LINE_MAX_BYTES)) {
        number++;
        json_error_t je;
        json_t *home = json_loads(line, 0, &je);
        const char *id = json_string_value(json_object_get(home, "id"));
        if (!id || !json_is_array(json_object_get(home, "entities")) ||
            !json_is_array(json_object_get(home, "areas")))
            err = lt_fail(diag, LT_ERR_PARSE,
                          "homes file %s, line %llu: an object with id, areas and entities is "
                          "expected",
                          path, (unsigned long long)number);
        else
            json_object_set(l->homes, id, home);
        json_decref(home);
    }
    free(line);
    gzclose(f);
    return err;
}

enum lt_err san_lookup_new(const char *tools_path, const char *homes_path, struct san_lookup **out,
                           struct lt_diag *diag)
{
    *out = NULL;
    struct san_lookup *l = calloc(1, sizeof *l);
    if (!l) return lt_fail(diag, LT_ERR_NOMEM, "data lookup: out of memory");
    l->views = json_object();
    enum lt_err err = LT_OK;
    if (tools_path) err = load_tools(l, tools_path, diag);
    if (!err && homes_path) err = load_homes(l, homes_path, diag);
    if (!l->tools) l->tools = json_object();
    if (!l->homes) l->homes = json_object();
    if (err) {
        san_lookup_free(l);
        return err;
    }
    *out = l;
    return LT_OK;
}

void san_lookup_free(struct san_lookup *l)
{
    if (!l) return;
    json_decref(l->tools);
    json_decref(l->homes);
    json_decref(l->views);
    free(l);
}

json_t *san_lookup_tool(const struct san_lookup *l, const char *key)
{
    return json_object_get(l->tools, key);
}

json_t *san_lookup_homes(const struct san_lookup *l)
{
    return l->homes;
}

json_t *san_lookup_home(struct san_lookup *l, const char *id, const char *here)
{
    json_t *home = json_object_get(l->homes, id);
    if (!home) return NULL;
    char key[512];
    snprintf(key, sizeof key, "%s\n%s", id, here ? here : "");
    json_t *view = json_object_get(l->views, key);
    if (view) return view;
    view = json_pack("{s:O,s:O}", "areas", json_object_get(home, "areas"), "entities",
                     json_object_get(home, "entities"));
    if (view && here) json_object_set_new(view, "here", json_string(here));
    if (json_object_set_new(l->views, key, view)) return NULL;
    return view;
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct san_reader {
    gzFile f;
    char *path;
    struct san_lookup *lookup;
    struct san_data_report *report;
    struct lt_buf line;
    uint64_t number;
};

double san_data_bad_share(const struct san_data_report *r)
{
    uint64_t n = r->n_good + r->n_bad;
    return n ? (double)r->n_bad / (double)n : 0.0;
}

static void report_bad(struct san_reader *r, const char *reason)
{
    struct san_data_report *rep = r->report;
    if (!rep) return;
    rep->n_bad++;
    if (rep->n_samples >= SAN_DATA_REPORT_SAMPLES) return;
    struct san_data_bad *b = &rep->sample[rep->n_samples++];
    size_t len = strlen(r->path); /* the end of a long path tells more than its beginning */
    snprintf(b->where, sizeof b->where, "%s:%llu", len > 130 ? r->path + len - 130 : r->path,
             (unsigned long long)r->number);
    snprintf(b->reason, sizeof b->reason, "%s", reason);
}

enum lt_err san_reader_open(const char *path, struct san_lookup *lookup,
                            struct san_data_report *report, struct san_reader **out,
                            struct lt_diag *diag)
{
    *out = NULL;
    struct san_reader *r = calloc(1, sizeof *r);
    if (!r) return lt_fail(diag, LT_ERR_NOMEM, "data file %s: out of memory", path);
    r->lookup = lookup;
    r->report = report;
    lt_buf_init(&r->line, SAN_DATA_LINE_MAX_BYTES);
    errno = 0;
    r->f = strcmp(path, "-") ? gzopen(path, "rb") : gzdopen(0, "rb");
    r->path = strdup(strcmp(path, "-") ? path : "standard input");
    if (!r->f || !r->path) {
        enum lt_err err = errno ? lt_fail_errno(diag, "data file %s", path)
                                : lt_fail(diag, LT_ERR_NOMEM, "data file %s: out of memory", path);
        san_reader_close(r);
        return err;
    }
    gzbuffer(r->f, READ_CHUNK_BYTES);
    *out = r;
    return LT_OK;
}

void san_reader_close(struct san_reader *r)
{
    if (!r) return;
    if (r->f) gzclose(r->f);
    lt_buf_free(&r->line);
    free(r->path);
    free(r);
}

uint64_t san_reader_line(const struct san_reader *r)
{
    return r->number;
}

enum line_state { LINE_GOOD, LINE_LONG, LINE_END };

/* The next line without its newline in r->line. */
static enum lt_err read_line(struct san_reader *r, enum line_state *state, struct lt_diag *diag)
{
    char chunk[4096];
    int any = 0, too_long = 0;
    lt_buf_reset(&r->line);
    for (;;) {
        if (!gzgets(r->f, chunk, sizeof chunk)) break;
        any = 1;
        size_t n = strlen(chunk);
        int end = n && chunk[n - 1] == '\n';
        size_t keep = end ? n - 1 : n;
        /* A NUL byte inside a line cuts gzgets' string short. No JSON has one, so the line is
         * taken as ending there and the parser reports what is left of it. */
        if (!end && n + 1 < sizeof chunk && !gzeof(r->f)) end = 1;
        if (!too_long) {
            enum lt_err err = lt_buf_add(&r->line, chunk, keep);
            if (err == LT_ERR_LIMIT)
                too_long = 1;
            else if (err)
                return lt_fail(diag, err, "data file %s:%llu: out of memory", r->path,
                               (unsigned long long)r->number + 1);
        }
        if (end) break;
    }
    int z = Z_OK;
    const char *message = gzerror(r->f, &z);
    if (z != Z_OK && z != Z_STREAM_END && (z != Z_BUF_ERROR || !any))
        return lt_fail(diag, LT_ERR_IO, "data file %s after line %llu: %s; is the file complete?",
                       r->path, (unsigned long long)r->number, message);
    if (!any) {
        *state = LINE_END;
        return LT_OK;
    }
    r->number++;
    *state = too_long ? LINE_LONG : LINE_GOOD;
    return LT_OK;
}

enum lt_err san_reader_next(struct san_reader *r, json_t **out, struct lt_diag *diag)
{
    char reason[SAN_DATA_REASON_BYTES];
    *out = NULL;
    for (;;) {
        enum line_state state = LINE_END;
        enum lt_err err = read_line(r, &state, diag);
        if (err || state == LINE_END) return err;
        if (state == LINE_LONG) {
            snprintf(reason, sizeof reason, "longer than %zu bytes", SAN_DATA_LINE_MAX_BYTES);
            report_bad(r, reason);
            continue;
        }
        const char *text = lt_buf_str(&r->line);
        if (!text[strspn(text, " \t\r")]) {
            if (r->report) r->report->n_blank++;
            continue;
        }
        json_error_t je;
        json_t *line = json_loadb(text, r->line.n, 0, &je);
        if (!line) {
            snprintf(reason, sizeof reason, "not JSON: %s at byte %d", je.text, je.position);
            report_bad(r, reason);
            continue;
        }
        char where[200];
        size_t len = strlen(r->path);
        snprintf(where, sizeof where, "%s:%llu", len > 150 ? r->path + len - 150 : r->path,
                 (unsigned long long)r->number);
        *out = san_case_from_line(line, r->lookup, where, reason);
        json_decref(line);
        if (*out) {
            if (r->report) r->report->n_good++;
            return LT_OK;
        }
        report_bad(r, reason);
    }
}

/* ---- all of a file -------------------------------------------------------------------------- */

enum lt_err san_cases_load(struct san_cases *c, const char *path, size_t limit,
                           struct san_lookup *lookup, struct san_data_report *report,
                           struct lt_diag *diag)
{
    struct san_reader *r;
    enum lt_err err = san_reader_open(path, lookup, report, &r, diag);
    for (size_t taken = 0; !err && (!limit || taken < limit); taken++) {
        json_t *one;
        err = san_reader_next(r, &one, diag);
        if (err || !one) break;
        if (c->n == c->alloc) {
            size_t alloc = c->alloc ? 2 * c->alloc : 1024;
            json_t **p = realloc(c->p, alloc * sizeof *p);
            if (!p) {
                json_decref(one);
                err = lt_fail(diag, LT_ERR_NOMEM, "data file %s: out of memory", path);
                break;
            }
            c->p = p;
            c->alloc = alloc;
        }
        c->p[c->n++] = one;
    }
    san_reader_close(r);
    return err;
}

void san_cases_free(struct san_cases *c)
{
    for (size_t i = 0; i < c->n; i++) json_decref(c->p[i]);
    free(c->p);
    memset(c, 0, sizeof *c);
}
