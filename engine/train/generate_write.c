/* generate_write.c - the stream as data lines, and as plain text for the vocabulary trainer. */
#include <string.h>

#include "generate_internal.h"

static enum lt_err broken(struct lt_diag *diag)
{
    return lt_fail_errno(diag, "writing cases");
}

enum lt_err san_gen_write_lines(struct san_gen *g, uint64_t n_cases, int group, FILE *out,
                                struct lt_diag *diag)
{
    json_t *c[SAN_GEN_GROUP_MAX];
    enum lt_err err = LT_OK;
    for (uint64_t done = 0; !err && done < n_cases;) {
        int n = n_cases - done < (uint64_t)group ? (int)(n_cases - done) : group;
        err = san_gen_group(g, n, c, diag);
        for (int i = 0; !err && i < n; i++) {
            if (json_dumpf(c[i], out, JSON_COMPACT) || fputc('\n', out) == EOF) err = broken(diag);
            json_decref(c[i]);
            if (err)
                for (int k = i + 1; k < n; k++) json_decref(c[k]);
        }
        done += (uint64_t)n;
    }
    if (!err && fflush(out)) err = broken(diag);
    return err;
}

static void put(FILE *out, const char *s)
{
    if (!s || !*s) return;
    for (; *s; s++) fputc(*s == '\n' || *s == '\r' ? ' ' : *s, out); /* one piece a line */
    fputc('\n', out);
}

static void put_tool(FILE *out, const json_t *t)
{
    put(out, json_string_value(json_object_get(t, "name")));
    put(out, json_string_value(json_object_get(t, "description")));
    const char *key;
    json_t *p, *v;
    size_t i;
    json_object_foreach(json_object_get(json_object_get(t, "parameters"), "properties"), key, p)
    {
        put(out, key);
        put(out, json_string_value(json_object_get(p, "description")));
        json_array_foreach(json_object_get(p, "enum"), i, v) put(out, json_string_value(v));
    }
}

static void put_home(FILE *out, const json_t *home)
{
    size_t i, k;
    json_t *one, *alias;
    json_array_foreach(json_object_get(home, "areas"), i, one)
    {
        put(out, json_string_value(json_object_get(one, "name")));
        put(out, json_string_value(json_object_get(one, "floor")));
    }
    json_array_foreach(json_object_get(home, "entities"), i, one)
    {
        put(out, json_string_value(json_object_get(one, "name")));
        put(out, json_string_value(json_object_get(one, "domain")));
        put(out, json_string_value(json_object_get(one, "device_class")));
        json_array_foreach(json_object_get(one, "aliases"), k, alias)
            put(out, json_string_value(alias));
    }
}

/* Remembers what a group has shown already, by address. */
struct seen {
    const void *p[2048];
    int n;
};

static int is_new(struct seen *s, const void *p)
{
    for (int i = 0; i < s->n; i++)
        if (s->p[i] == p) return 0;
    if (s->n < (int)(sizeof s->p / sizeof *s->p)) s->p[s->n++] = p;
    return 1;
}

enum lt_err san_gen_corpus(struct san_gen *g, uint64_t n_cases, FILE *out, struct lt_diag *diag)
{
    enum { GROUP = 48 };
    json_t *c[GROUP];
    enum lt_err err = LT_OK;
    for (uint64_t done = 0; !err && done < n_cases;) {
        int n = n_cases - done < GROUP ? (int)(n_cases - done) : GROUP;
        struct seen seen = {.n = 0};
        err = san_gen_group(g, n, c, diag);
        for (int i = 0; !err && i < n; i++) {
            put(out, json_string_value(json_object_get(c[i], "query")));
            size_t k;
            json_t *t;
            json_array_foreach(json_object_get(c[i], "tools"), k, t) if (is_new(&seen, t))
                put_tool(out, t);
            const json_t *home = json_object_get(c[i], "home");
            if (home && is_new(&seen, json_object_get(home, "entities"))) put_home(out, home);
        }
        for (int i = 0; !err && i < n; i++) json_decref(c[i]);
        done += (uint64_t)n;
    }
    if (!err && (fflush(out) || ferror(out))) err = broken(diag);
    return err;
}
