/* generate_load.c - the teacher's phrases: loading them, and filling their slots.
 *
 * engine/data/teacher/README.md tells the format and its traps. One of them lives here: which
 * parameters take values that are not said literally ("half past six" -> "06:30"), whose
 * descriptions a variant must keep. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate_internal.h"

/* ---- loading --------------------------------------------------------------------------------- */

/* Which parameters of a schema take string values that are not said as they are passed. */
static json_t *coded_parameters(const struct gen_category *c, const struct gen_function *f,
                                const json_t *schema)
{
    json_t *coded = json_object(), *u;
    const json_t *map = json_object_get(schema, "map");
    size_t i;
    json_array_foreach(f->utterances, i, u)
    {
        const char *canonical;
        json_t *v;
        json_object_foreach(json_object_get(u, "args"), canonical, v)
        {
            const char *p = json_string_value(json_object_get(map, canonical));
            if (p && json_is_string(v)) json_object_set_new(coded, p, json_true());
        }
        const char *text =
            json_is_string(u) ? json_string_value(u) : json_string_value(json_object_get(u, "u"));
        for (const char *at = text; at && (at = strchr(at, '{')); at++) {
            char slot[64] = "";
            size_t n = strcspn(at + 1, "}"), m = strcspn(at + 1, ":}");
            if (m >= sizeof slot || n >= 2 * sizeof slot) continue;
            memcpy(slot, at + 1, m);
            slot[m] = 0;
            const json_t *values = json_object_get(c->slots, slot);
            const json_t *first = json_array_get(values, 0);
            int differs = 0;
            for (size_t k = 0; k < json_array_size(values) && !differs; k++) {
                first = json_array_get(values, k);
                const char *say = json_string_value(json_object_get(first, "say"));
                const char *val = json_string_value(json_object_get(first, "value"));
                differs = say && val && strcmp(say, val);
            }
            if (!differs) continue;
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)(n - (n > m ? m + 1 : 0)),
                     at + 1 + (n > m ? m + 1 : 0));
            const char *p = json_string_value(json_object_get(map, name));
            if (p) json_object_set_new(coded, p, json_true());
        }
    }
    return coded;
}

enum lt_err gen_teacher_add(struct gen_teacher *t, json_t *root, const char *path,
                            struct lt_diag *diag)
{
    if (t->n_cat == GEN_CATEGORIES_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: more than %d categories", path, GEN_CATEGORIES_MAX);
    json_t *list = json_object_get(root, "functions");
    struct gen_function *fn =
        realloc(t->fn, ((size_t)t->n_fn + json_array_size(list)) * sizeof *fn);
    if (!fn) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    t->fn = fn;
    struct gen_category *c = &t->cat[t->n_cat];
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%s", json_string_value(json_object_get(root, "category")));
    c->slots = json_object_get(root, "slots");
    c->nothing = json_object_get(root, "nothing");
    c->first = t->n_fn;
    const json_t *weight = json_object_get(root, "weight");
    c->weight = weight ? (int)json_integer_value(weight) : 1;
    if ((weight && !json_is_integer(weight)) || c->weight < 1 || c->weight > GEN_WEIGHT_MAX)
        return lt_fail(diag, LT_ERR_PARSE, "%s: \"weight\" must be a whole number from 1 to %d",
                       path, GEN_WEIGHT_MAX);
    size_t i, k;
    json_t *f, *schema;
    json_array_foreach(list, i, f)
    {
        struct gen_function *one = &t->fn[t->n_fn];
        memset(one, 0, sizeof *one);
        one->id = json_string_value(json_object_get(f, "id"));
        one->category = t->n_cat;
        one->schemas = json_object_get(f, "schemas");
        one->utterances = json_object_get(f, "utterances");
        size_t n_schemas = json_array_size(one->schemas);
        if (!one->id || !n_schemas || n_schemas > 3 || !json_array_size(one->utterances))
            return lt_fail(diag, LT_ERR_PARSE,
                           "%s: functions[%zu] needs id, 1 to 3 schemas and utterances", path, i);
        json_array_foreach(one->schemas, k, schema)
        {
            json_t *normal = san_schema_normal(json_object_get(schema, "parameters"));
            if (!normal || !json_is_string(json_object_get(schema, "name")) ||
                !json_is_object(json_object_get(schema, "map"))) {
                json_decref(normal);
                return lt_fail(diag, LT_ERR_PARSE,
                               "%s: functions[%zu].schemas[%zu] needs name, parameters and map",
                               path, i, k);
            }
            json_object_set_new(schema, "parameters", normal);
            one->coded[k] = coded_parameters(c, one, schema);
        }
        t->n_fn++;
        c->n++;
    }
    c->root = json_incref(root);
    t->n_cat++;
    return LT_OK;
}

static enum lt_err add_entries(struct gen_teacher *t, json_t *root, const char *path,
                               struct lt_diag *diag)
{
    if (t->n_home_root == 4)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: more than 4 files of home phrases", path);
    json_t *list = json_object_get(root, "entries"), *e;
    struct gen_entry *entry =
        realloc(t->entry, ((size_t)t->n_entry + json_array_size(list)) * sizeof *entry);
    if (!entry) return lt_fail(diag, LT_ERR_NOMEM, "%s: out of memory", path);
    t->entry = entry;
    size_t i;
    json_array_foreach(list, i, e)
    {
        struct gen_entry *one = &t->entry[t->n_entry];
        memset(one, 0, sizeof *one);
        one->json = e;
        one->tool = json_string_value(json_object_get(e, "tool"));
        one->domain = json_string_value(json_object_get(e, "domain"));
        one->device_class = json_string_value(json_object_get(e, "device_class"));
        one->note = json_string_value(json_object_get(e, "note"));
        one->args = json_object_get(e, "args");
        one->slots = json_object_get(root, "slots");
        one->here_adds_nothing = json_object_get(e, "here_adds") != NULL;
        one->any_kind = json_is_true(json_object_get(e, "any_kind"));
        one->unsure = json_is_true(json_object_get(e, "unsure"));
        one->with_name = json_object_get(e, "with") != NULL;
        if (!one->tool)
            return lt_fail(diag, LT_ERR_PARSE, "%s: entries[%zu] names no tool", path, i);
        t->n_entry++;
    }
    json_array_extend(t->home_nothing, json_object_get(root, "nothing"));
    t->home_root[t->n_home_root++] = json_incref(root);
    return LT_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum lt_err load_file(struct gen_teacher *t, const char *path, const char *const *exclude,
                             int n_exclude, struct lt_diag *diag)
{
    json_error_t je;
    json_t *root = json_load_file(path, 0, &je);
    if (!root) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    enum lt_err err = LT_OK;
    const char *category = json_string_value(json_object_get(root, "category"));
    int out = 0;
    for (int i = 0; category && i < n_exclude; i++) out |= !strcmp(category, exclude[i]);
    if (!category)
        err = lt_fail(diag, LT_ERR_PARSE, "%s: \"category\" is missing", path);
    else if (out)
        ;
    else if (json_object_get(root, "functions"))
        err = gen_teacher_add(t, root, path, diag);
    else if (json_object_get(root, "entries"))
        err = add_entries(t, root, path, diag);
    else if (json_object_get(root, "nothing"))
        json_array_extend(t->escalate, json_object_get(root, "nothing"));
    json_decref(root);
    return err;
}

enum lt_err gen_teacher_load(struct gen_teacher *t, const char *dir, const char *const *exclude,
                             int n_exclude, struct lt_diag *diag)
{
    char *names[GEN_CATEGORIES_MAX + 8];
    int n = 0;
    enum lt_err err = LT_OK;
    t->home_nothing = json_array();
    t->escalate = json_array();
    DIR *d = opendir(dir);
    if (!d) return lt_fail_errno(diag, "teacher folder %s", dir);
    for (struct dirent *e; !err && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len < 6 || strcmp(e->d_name + len - 5, ".json")) continue;
        if (n == GEN_CATEGORIES_MAX + 8)
            err = lt_fail(diag, LT_ERR_LIMIT, "teacher folder %s: more than %d files", dir,
                          GEN_CATEGORIES_MAX + 8);
        else if (!(names[n] = strdup(e->d_name)))
            err = lt_fail(diag, LT_ERR_NOMEM, "teacher folder %s: out of memory", dir);
        else
            n++;
    }
    closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name); /* the stream must not depend on the disk */
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (!err) err = load_file(t, path, exclude, n_exclude, diag);
        free(names[i]);
    }
    if (!err && !t->n_fn && !t->n_entry)
        err = lt_fail(diag, LT_ERR_NOTFOUND, "teacher folder %s holds no phrases", dir);
    return err;
}

void gen_teacher_free(struct gen_teacher *t)
{
    for (int i = 0; i < t->n_cat; i++) json_decref(t->cat[i].root);
    for (int i = 0; i < t->n_home_root; i++) json_decref(t->home_root[i]);
    for (int i = 0; i < t->n_fn; i++)
        for (int k = 0; k < 3; k++) json_decref(t->fn[i].coded[k]);
    json_decref(t->home_nothing);
    json_decref(t->escalate);
    free(t->fn);
    free(t->entry);
    free(t->clash);
    memset(t, 0, sizeof *t);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static json_t *random_int(struct gen_rng *r, const json_t *range)
{
    json_int_t a = json_integer_value(json_array_get(range, 0));
    json_int_t b = json_integer_value(json_array_get(range, 1));
    json_int_t span = b >= a ? b - a + 1 : 1, v = a + gen_below(r, (size_t)span);
    if (span > 20 && gen_chance(r, 0.4)) { /* people like round numbers */
        v = v / 5 * 5;
        if (v < a) v += 5;
    }
    return json_integer(v);
}

/* Draw a value of a slot: its text into `text`; returns the passed value (new reference). */
static json_t *draw_slot(struct gen_rng *r, const struct gen_values *made, const char *name,
                         const json_t *slot, struct gen_text *text)
{
    const json_t *one =
        json_is_array(slot) ? json_array_get(slot, gen_below(r, json_array_size(slot))) : slot;
    if (json_is_string(one)) {
        const char *said = json_string_value(one);
        char other[GEN_TEXT_BYTES];
        if (made->root && gen_chance(r, made->share) &&
            gen_value_make(r, made, name, said, other, sizeof other))
            said = other;
        gen_text_adds(text, said);
        return json_string(made->root ? gen_value_passed(made, name, said) : said);
    }
    const json_t *range = json_object_get(one, "int");
    const json_t *reals = json_object_get(one, "float");
    const char *say = json_string_value(json_object_get(one, "say"));
    char number[32];
    json_t *value = NULL;
    if (range) {
        value = random_int(r, range);
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (reals) {
        double a = json_number_value(json_array_get(reals, 0));
        double b = json_number_value(json_array_get(reals, 1));
        double v = round((a + gen_unit(r) * (b - a)) * 10) / 10;
        value = v == floor(v) ? json_integer((json_int_t)v) : json_real(v);
        snprintf(number, sizeof number, "%.10g", v);
    }
    if (value) {
        const char *hole = say ? strstr(say, "{}") : NULL;
        if (hole) {
            gen_text_add(text, say, (size_t)(hole - say));
            gen_text_adds(text, number);
            gen_text_adds(text, hole + 2);
        } else {
            gen_text_adds(text, number);
        }
        return value;
    }
    if (!say) return NULL;
    gen_text_adds(text, say);
    return json_incref(json_object_get(one, "value"));
}

/* "the the garden", "my the garden": what was filled in at `from` brings its own article. */
static void drop_article(struct gen_text *t, size_t from)
{
    static const char *const articles[] = {"the ", "my ", "your ", "a "};
    if (strncmp(t->s + from, "the ", 4) && strncmp(t->s + from, "The ", 4) &&
        strncmp(t->s + from, "my ", 3))
        return;
    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
        size_t n = strlen(articles[i]);
        if (from < n || strncmp(t->s + from - n, articles[i], n)) continue;
        if (from > n && t->s[from - n - 1] != ' ') continue;
        gen_text_erase(t, from - n, n);
        return;
    }
}

/* Set an argument (takes v). Two different values for one, as in "{person} and {person}", make a
 * list; the same value twice is no list and no good phrase. */
static int add_value(json_t *args, const char *canonical, json_t *v)
{
    json_t *old = json_object_get(args, canonical);
    size_t i;
    json_t *one;
    if (!old) return !json_object_set_new(args, canonical, v);
    int same = json_equal(old, v);
    json_array_foreach(old, i, one) same |= json_equal(one, v);
    if (same) {
        json_decref(v);
        return 0;
    }
    json_t *list = json_is_array(old) ? json_incref(old) : json_pack("[O]", old);
    int bad = json_array_append_new(list, v) != 0;
    return !json_object_set_new(args, canonical, list) && !bad;
}

int gen_fill(struct gen_rng *r, const struct gen_values *made, const json_t *slots,
             const char *phrase, gen_fill_fn fill, void *ctx, json_t *args, struct gen_text *text)
{
    for (const char *p = phrase; *p;) {
        size_t n = strcspn(p, "{");
        gen_text_add(text, p, n);
        p += n;
        if (!*p) break;
        size_t len = strcspn(p + 1, "}"), m = strcspn(p + 1, ":}");
        if (p[1 + len] != '}' || len >= 100) return 0;
        char slot[104], canonical[104];
        snprintf(slot, sizeof slot, "%.*s", (int)m, p + 1);
        snprintf(canonical, sizeof canonical, "%.*s", (int)(len > m ? len - m - 1 : m),
                 len > m ? p + 2 + m : p + 1);
        p += len + 2;
        const json_t *values = json_object_get(slots, slot);
        if (!values) {
            if (!fill || !fill(ctx, slot, text)) return 0;
            continue;
        }
        size_t from = text->n;
        json_t *v = draw_slot(r, made, slot, values, text);
        drop_article(text, from);
        if (!v) return 0;
        if (!*canonical) { /* "{item:}": said, but no argument */
            json_decref(v);
            continue;
        }
        if (!add_value(args, canonical, v)) return 0;
    }
    return !text->over;
}
