/* generate_file.c - cases from data files: kept small in memory, catalogues drawn anew.
 *
 * A line is kept as its query, its answers as text and the numbers of its tools and home, so that
 * a quarter of a million lines fit beside everything else. Lines of a home are found by home:
 * a group takes its lines from one. Where the answer is [], the catalogue may only shrink, because
 * the tool that was left out must stay out; else right tools are kept and others drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generate_internal.h"

/* ---- loading --------------------------------------------------------------------------------- */

static const char *intern(struct san_gen *g, const char *s)
{
    if (!s) return NULL;
    json_t *known = json_object_get(g->interned, s);
    if (!known) {
        known = json_string(s);
        if (!known || json_object_set_new(g->interned, s, known)) return NULL;
    }
    return json_string_value(known);
}

struct pointer_at { /* finds the number of a shared object by its address */
    const void *p;
    int at;
};

static int by_pointer(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct pointer_at *)a)->p;
    uintptr_t y = (uintptr_t)((const struct pointer_at *)b)->p;
    return (x > y) - (x < y);
}

static int find_pointer(const struct pointer_at *table, int n, const void *p)
{
    struct pointer_at key = {p, 0};
    const struct pointer_at *hit = bsearch(&key, table, (size_t)n, sizeof *table, by_pointer);
    return hit ? hit->at : -1;
}

struct index { /* of the tools and homes of the lookup */
    struct pointer_at *tool, *home;
};

static int keep_line(struct san_gen *g, const struct index *x, json_t *c, struct gen_line *out)
{
    memset(out, 0, sizeof *out);
    const json_t *tools = json_object_get(c, "tools"), *home = json_object_get(c, "home");
    const json_t *answers = json_object_get(c, "answers");
    size_t n = json_array_size(tools);
    if (!home &&
        !gen_spans_learn(&g->spans, json_string_value(json_object_get(c, "query")), answers))
        return 0;
    out->home = home ? find_pointer(x->home, g->n_homes, json_object_get(home, "entities")) : -1;
    out->kind = intern(g, json_string_value(json_object_get(c, "kind")));
    out->here = intern(g, json_string_value(json_object_get(home, "here")));
    out->query = strdup(json_string_value(json_object_get(c, "query")));
    out->tools = calloc(n + 1, sizeof *out->tools);
    if (json_array_size(answers)) out->answers = json_dumps(answers, JSON_COMPACT);
    if (!out->query || !out->tools || (json_array_size(answers) && !out->answers)) return 0;
    for (size_t i = 0; i < n; i++) {
        int at = find_pointer(x->tool, g->n_tool_at, json_array_get(tools, i));
        if (at >= 0) out->tools[out->n_tools++] = (uint16_t)at;
    }
    return 1;
}

static void free_line(struct gen_line *l)
{
    free(l->query);
    free(l->answers);
    free(l->tools);
}

static void sort_by_home(struct gen_file *f, int n_homes)
{
    f->by_home = calloc((size_t)f->n + 1, sizeof *f->by_home);
    f->by_home_off = calloc((size_t)n_homes + 2, sizeof *f->by_home_off);
    if (!f->by_home || !f->by_home_off) return;
    for (int i = 0; i < f->n; i++)
        if (f->line[i].home >= 0) f->by_home_off[f->line[i].home + 1]++;
    for (int i = 0; i < n_homes; i++) f->by_home_off[i + 1] += f->by_home_off[i];
    int *at = calloc((size_t)n_homes + 1, sizeof *at);
    for (int i = 0; at && i < f->n; i++) {
        int home = f->line[i].home;
        if (home >= 0) f->by_home[f->by_home_off[home] + at[home]++] = i;
    }
    free(at);
}

static void add_note(struct san_gen *g, const char *text)
{
    size_t old = g->notes ? strlen(g->notes) : 0, n = strlen(text);
    char *p = realloc(g->notes, old + n + 2);
    if (!p) return;
    memcpy(p + old, text, n);
    memcpy(p + old + n, "\n", 2);
    g->notes = p;
}

static enum lt_err load_one(struct san_gen *g, const struct index *x, const char *path,
                            struct gen_file *f, struct lt_diag *diag)
{
    struct san_data_report report = {0};
    struct san_reader *r;
    enum lt_err err = san_reader_open(path, g->lookup, &report, &r, diag);
    int alloc = 0;
    while (!err) {
        json_t *c;
        err = san_reader_next(r, &c, diag);
        if (err || !c) break;
        if (f->n == alloc) {
            alloc = alloc ? 2 * alloc : 4096;
            struct gen_line *p = realloc(f->line, (size_t)alloc * sizeof *p);
            if (p)
                f->line = p;
            else
                err = lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
        }
        /* "Turn off the lamp" over a home with several: which call that is, the line does not say, and
         * without it the counting (san/gold.h) cannot be learnt. The generator makes such cases. */
        const char *kind = json_string_value(json_object_get(c, "kind"));
        if (!err && kind && !strcmp(kind, "ambiguous")) {
            json_decref(c);
            continue;
        }
        if (!err && !keep_line(g, x, c, &f->line[f->n++]))
            err = lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
        json_decref(c);
    }
    san_reader_close(r);
    if (!err && report.n_bad) {
        char note[1600];
        snprintf(note, sizeof note, "%s: %llu of %llu lines are bad, the first at %s: %s", path,
                 (unsigned long long)report.n_bad,
                 (unsigned long long)(report.n_bad + report.n_good), report.sample[0].where,
                 report.sample[0].reason);
        add_note(g, note);
        if (san_data_bad_share(&report) > SAN_DATA_BAD_SHARE_MAX && !g->allow_bad)
            err = lt_fail(diag, LT_ERR_PARSE,
                          "%s; at most %.0f %% may be bad, unless told so with --allow-bad", note,
                          100 * SAN_DATA_BAD_SHARE_MAX);
    }
    return err;
}

static enum lt_err build_index(struct san_gen *g, struct index *x, struct lt_diag *diag)
{
    const json_t *homes = san_lookup_homes(g->lookup);
    size_t n_homes = json_object_size(homes);
    x->tool = calloc((size_t)g->n_tool_at + 1, sizeof *x->tool);
    x->home = calloc(n_homes + 1, sizeof *x->home);
    g->home_id = calloc(n_homes + 1, sizeof *g->home_id);
    if (!x->tool || !x->home || !g->home_id)
        return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    for (int i = 0; i < g->n_tool_at; i++) x->tool[i] = (struct pointer_at){g->tool_at[i], i};
    qsort(x->tool, (size_t)g->n_tool_at, sizeof *x->tool, by_pointer);
    void *it = json_object_iter((json_t *)(uintptr_t)homes);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)homes, it)) {
        g->home_id[g->n_homes] = json_object_iter_key(it);
        x->home[g->n_homes] = (struct pointer_at){
            json_object_get(json_object_iter_value(it), "entities"), g->n_homes};
        g->n_homes++;
    }
    qsort(x->home, n_homes, sizeof *x->home, by_pointer);
    return LT_OK;
}

enum lt_err gen_files_load(struct san_gen *g, const char *dir, const char *const *exclude,
                           int n_exclude, struct lt_diag *diag)
{
    struct index x = {0};
    enum lt_err err = build_index(g, &x, diag);
    for (int i = 0; !err && i < g->mix.n_files; i++) {
        const struct gen_mix_file *m = &g->mix.file[i];
        char path[1024], note[1100];
        int out = 0;
        for (int k = 0; k < n_exclude; k++) out |= !strcmp(exclude[k], m->name);
        if (out || m->weight <= 0) continue;
        snprintf(path, sizeof path, "%s/%s.jsonl.gz", dir ? dir : "", m->name);
        if (dir && access(path, R_OK)) snprintf(path, sizeof path, "%s/%s.jsonl", dir, m->name);
        if (!dir || access(path, R_OK)) {
            snprintf(note, sizeof note, "data file %s is absent, the other sources grow instead",
                     m->name);
            add_note(g, note);
            continue;
        }
        struct gen_file *f = &g->file[g->n_files++];
        f->mix = m;
        err = load_one(g, &x, path, f, diag);
        if (!err) sort_by_home(f, g->n_homes);
        if (!err && (!f->by_home || !f->by_home_off))
            err = lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    }
    free(x.tool);
    free(x.home);
    return err;
}

void gen_files_free(struct san_gen *g)
{
    for (int i = 0; i < g->n_files; i++) {
        for (int k = 0; k < g->file[i].n; k++) free_line(&g->file[i].line[k]);
        free(g->file[i].line);
        free(g->file[i].by_home);
        free(g->file[i].by_home_off);
    }
    free(g->home_id);
}

/* ---- drafts ---------------------------------------------------------------------------------- */

/* Variant of a tool of the table; home tools have theirs already. */
static const struct gen_variant *file_variant(struct gen_group *gg, int at)
{
    struct gen_variant *v = &gg->file_tool[at];
    const char *name = json_string_value(json_object_get(gg->g->tool_at[at], "name"));
    const struct gen_variant *home = gen_home_tool(gg, name);
    if (home) return home;
    if (!v->tool &&
        !gen_variant_make(&gg->r, gg->file_style, gg->g->tool_at[at], NULL, 0, NULL, 0, v))
        return NULL;
    return v;
}

/* Distractors of the group's lines without a home: a sample of the tools of one family. */
void gen_file_pool(struct gen_group *gg)
{
    gg->n_file_pool = 0;
    gg->file_style = !gg->g->plain && gen_chance(&gg->r, gg->g->mix.renamed_files)
                         ? GEN_STYLE_RENAMED
                         : GEN_STYLE_ORIGINAL;
}

/* Lines of one file have the tools of one family: the first use of a file fixes the pool. */
static void fill_file_pool(struct gen_group *gg, const struct gen_line *l)
{
    if (gg->n_file_pool || !l->n_tools) return;
    const json_t *keys = gg->g->tool_table;
    const char *key = json_string_value(json_array_get(keys, l->tools[0]));
    size_t n = key ? strcspn(key, "/") + 1 : 0;
    int all[512], m = 0;
    for (int i = 0; i < gg->g->n_tool_at && m < 512; i++) {
        const char *other = json_string_value(json_array_get(keys, (size_t)i));
        if (other && key && !strncmp(other, key, n)) all[m++] = i;
    }
    gen_shuffle_ints(&gg->r, all, m);
    for (int i = 0; i < m && gg->n_file_pool < 24; i++) gg->file_pool[gg->n_file_pool++] = all[i];
}

static int in_line(const struct gen_line *l, int tool)
{
    for (int i = 0; i < l->n_tools; i++)
        if (l->tools[i] == tool) return 1;
    return 0;
}

static int line_calls(struct gen_group *gg, const struct gen_line *l, struct gen_draft *d)
{
    if (!l->answers) return 1;
    json_t *answers = json_loads(l->answers, 0, NULL), *call;
    size_t i;
    int ok = json_array_size(answers) <= GEN_CALLS_MAX;
    json_array_foreach(answers, i, call)
    {
        const char *name = json_string_value(json_object_get(call, "name"));
        const struct gen_variant *v = NULL;
        for (int k = 0; ok && !v && k < l->n_tools; k++)
            if (!strcmp(json_string_value(json_object_get(gg->g->tool_at[l->tools[k]], "name")),
                        name))
                v = file_variant(gg, l->tools[k]);
        if (!v) {
            ok = 0;
            break;
        }
        d->calls[d->n_calls].v = v;
        d->calls[d->n_calls++].args = json_incref(json_object_get(call, "arguments"));
    }
    json_decref(answers);
    return ok;
}

static int home_line(struct gen_group *gg, const struct gen_file *f, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    if (gg->filed_home < 0) return 0;
    int from = f->by_home_off[gg->filed_home], to = f->by_home_off[gg->filed_home + 1];
    if (from == to) return 0;
    if (gg->g->abroad && !gg->filed_is_english && gen_chance(r, gg->g->mix.own_abroad))
        return gen_abroad_draft(gg, d);
    const struct gen_line *l = &f->line[f->by_home[from + (int)gen_below(r, (size_t)(to - from))]];
    d->kind = l->kind;
    gen_text_adds(&d->text, l->query);
    if (!line_calls(gg, l, d)) return 0;
    if (d->n_calls && gen_chance(r, 0.7)) {
        gen_home_catalogue(gg, &gg->filed, d, NULL);
    } else {
        int order[256], n = l->n_tools < 256 ? l->n_tools : 256;
        int size = gen_chance(r, 0.6) ? n : gen_catalogue_size(r, n > 5 ? n : 5);
        for (int i = 0; i < d->n_calls; i++) gen_draft_show(d, d->calls[i].v);
        for (int i = 0; i < n; i++) order[i] = l->tools[i];
        gen_shuffle_ints(r, order, n);
        for (int i = 0; i < n && d->n_cat < size; i++) {
            const struct gen_variant *v = file_variant(gg, order[i]);
            if (v) gen_draft_show(d, v);
        }
    }
    d->home = gen_home_view(&gg->filed, l->here);
    return d->home && !d->text.over;
}

static int pool_line(struct gen_group *gg, const struct gen_file *f, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    const struct gen_line *l = &f->line[gen_below(r, (size_t)f->n)];
    d->kind = l->kind;
    gen_text_adds(&d->text, l->query);
    fill_file_pool(gg, l);
    if (!line_calls(gg, l, d)) return 0;
    if (!gg->g->plain && gen_chance(r, gg->g->mix.swapped_spans)) gen_spans_swap(gg, d);
    if (d->n_calls == 1 && l->n_tools > 3 && gen_chance(r, gg->g->mix.absent_files)) {
        /* the line's other tools were chosen to leave out what overlaps with its own */
        const struct gen_variant *own = d->calls[0].v;
        json_decref(d->calls[0].args);
        d->n_calls = 0;
        d->kind = "absent";
        int at[256], n = l->n_tools < 256 ? l->n_tools : 256;
        for (int i = 0; i < n; i++) at[i] = l->tools[i];
        gen_shuffle_ints(r, at, n);
        for (int i = 0; i < n; i++) {
            const struct gen_variant *v = file_variant(gg, at[i]);
            if (v && v != own) gen_draft_show(d, v);
        }
        return d->n_cat > 0 && !d->text.over;
    }
    for (int i = 0; i < d->n_calls; i++) gen_draft_show(d, d->calls[i].v);
    int order[GEN_POOL_MAX], size = gen_catalogue_size(r, 24);
    memcpy(order, gg->file_pool, sizeof(int) * (size_t)gg->n_file_pool);
    gen_shuffle_ints(r, order, gg->n_file_pool);
    /* The line's own tools first: they were chosen to leave out what overlaps. */
    for (int own = 1; own >= 0; own--) {
        if (!own && !d->n_calls) break; /* what a [] line leaves out stays out */
        for (int i = 0; i < gg->n_file_pool && d->n_cat < size; i++)
            if (in_line(l, order[i]) == own) {
                const struct gen_variant *v = file_variant(gg, order[i]);
                if (v) gen_draft_show(d, v);
            }
    }
    for (int i = 0; i < l->n_tools && d->n_cat < 3; i++) {
        const struct gen_variant *v = file_variant(gg, l->tools[i]);
        if (v) gen_draft_show(d, v);
    }
    return d->n_cat > 0 && !d->text.over;
}

int gen_file_draft(struct gen_group *gg, int file, struct gen_draft *d)
{
    const struct gen_file *f = &gg->g->file[file];
    d->source = f->mix->name;
    if (!f->n) return 0;
    return f->mix->is_home ? home_line(gg, f, d) : pool_line(gg, f, d);
}
