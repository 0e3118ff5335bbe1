/* generate_teacher.c - which of the teacher's functions serve the same request.
 *
 * Functions of different categories are each other's distractors in a catalogue, which is wrong
 * where both could answer: the table of clashes (clashes.json) keeps such pairs apart, and two short
 * lists in it tell which functions a home's tools or the escalation list may meet. Who adds a category
 * adds its rows there; engine/data/teacher/README.md tells more of the traps.
 *
 * All of it names functions by patterns, "category" or "category/function". One that means nothing is
 * a mistake of writing and refused, since the pair it was to keep apart would meet; it may mean what
 * the options leave out. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generate_internal.h"

/* What a pattern is read against, and where it stands, for errors. */
struct clash_reader {
    struct gen_teacher *t;
    const char *path, *teacher_dir;
    int *left, *right; /* functions of a pattern: n_fn each */
};

/* Whether the category is meant by the first n characters of a pattern; those composed are
 * lexicon_media_3 and meant by lexicon_media. */
static int is_category(const struct gen_category *c, const char *pattern, size_t n)
{
    size_t own = strlen(c->name);
    if (c->is_composed) {
        while (own && c->name[own - 1] != '_') own--;
        own -= own > 0;
    }
    return own == n && !strncmp(pattern, c->name, n);
}

/* Whether a category that is not loaded may be meant: composed ones are drawn by the seed, and files
 * may be excluded. */
static int may_be_absent(const struct clash_reader *r, const char *category, size_t n)
{
    static const char composed[] = "lexicon_";
    if (!strncmp(category, composed, sizeof composed - 1)) return 1;
    char path[1024];
    snprintf(path, sizeof path, "%s/%.*s.json", r->teacher_dir, (int)n, category);
    return !access(path, F_OK);
}

/* List the functions that a pattern means; `where` names its place in the file for the error. */
static enum lt_err read_pattern(const struct clash_reader *r, const json_t *entry,
                                const char *where, int *list, int *n_list, struct lt_diag *diag)
{
    const char *pattern = json_string_value(entry);
    if (!pattern) return lt_fail(diag, LT_ERR_INVALID, "%s: %s must list texts", r->path, where);
    size_t n = strcspn(pattern, "/");
    const char *function = pattern[n] ? pattern + n + 1 : NULL;
    int has_category = 0;
    *n_list = 0;
    for (int c = 0; c < r->t->n_cat; c++) {
        const struct gen_category *category = &r->t->cat[c];
        if (!is_category(category, pattern, n)) continue;
        has_category = 1;
        for (int f = category->first; f < category->first + category->n; f++)
            if (!function || !strcmp(r->t->fn[f].id, function)) list[(*n_list)++] = f;
    }
    if (has_category ? function && !*n_list : !may_be_absent(r, pattern, n))
        return lt_fail(diag, LT_ERR_INVALID, "%s: %s: the teacher has no %s \"%s\"", r->path, where,
                       has_category ? "function" : "category", pattern);
    return LT_OK;
}

static void set_clash(struct gen_teacher *t, int a, int b)
{
    size_t at = (size_t)a * (size_t)t->n_fn + (size_t)b;
    t->clash[at / 8] |= (uint8_t)(1u << (at % 8));
}

static enum lt_err read_clashes(const struct clash_reader *r, json_t *clashes, struct lt_diag *diag)
{
    const char *key;
    json_t *list, *entry;
    json_object_foreach(clashes, key, list)
    {
        json_t *name = json_string(key);
        int n_left = 0, n_right = 0;
        enum lt_err err = name ? read_pattern(r, name, "\"clashes\"", r->left, &n_left, diag)
                               : lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
        json_decref(name);
        if (!err && !json_array_size(list))
            err = lt_fail(diag, LT_ERR_INVALID, "%s: \"%s\" must be a list", r->path, key);
        size_t i;
        json_array_foreach(list, i, entry)
        {
            if (!err) err = read_pattern(r, entry, key, r->right, &n_right, diag);
            if (err) break;
            for (int a = 0; a < n_left; a++)
                for (int b = 0; b < n_right; b++) {
                    set_clash(r->t, r->left[a], r->right[b]);
                    set_clash(r->t, r->right[b], r->left[a]);
                }
        }
        if (err) return err;
    }
    return LT_OK;
}

/* The three lists beside the clashes, by what a function in them becomes. */
enum mark { MARK_REMOTE, MARK_NOT_REMOTE, MARK_KNOWS };

static enum lt_err read_marks(const struct clash_reader *r, const json_t *root, const char *name,
                              enum mark mark, struct lt_diag *diag)
{
    const json_t *list = json_object_get(root, name), *entry;
    if (!json_is_array(list))
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"%s\" must be a list", r->path, name);
    size_t i;
    json_array_foreach(list, i, entry)
    {
        int n = 0;
        enum lt_err err = read_pattern(r, entry, name, r->left, &n, diag);
        if (err) return err;
        for (int k = 0; k < n; k++) {
            struct gen_function *f = &r->t->fn[r->left[k]];
            if (mark == MARK_KNOWS)
                f->knows = 1;
            else
                f->is_remote = mark == MARK_REMOTE;
        }
    }
    return LT_OK;
}

enum lt_err gen_clashes_load(struct gen_teacher *t, const char *path, const char *teacher_dir,
                             struct lt_diag *diag)
{
    json_error_t je;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
    if (!root) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    size_t n = (size_t)t->n_fn;
    struct clash_reader r = {t, path, teacher_dir, calloc(2 * n + 1, sizeof *r.left), NULL};
    r.right = r.left ? r.left + n : NULL;
    t->clash = calloc(n * n / 8 + 1, 1);
    json_t *clashes = json_object_get(root, "clashes");
    enum lt_err err = LT_OK;
    if (!r.left || !t->clash)
        err = lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    else if (!json_is_object(clashes))
        err = lt_fail(diag, LT_ERR_INVALID, "%s: \"clashes\" must be an object", path);
    if (!err) err = read_clashes(&r, clashes, diag);
    if (!err) err = read_marks(&r, root, "beside_home", MARK_REMOTE, diag);
    if (!err) err = read_marks(&r, root, "not_beside_home", MARK_NOT_REMOTE, diag);
    if (!err) err = read_marks(&r, root, "knowing", MARK_KNOWS, diag);
    free(r.left);
    json_decref(root);
    return err;
}

int gen_functions_clash(const struct gen_teacher *t, int a, int b)
{
    if (a < 0 || b < 0) return 0;
    size_t at = (size_t)a * (size_t)t->n_fn + (size_t)b;
    return t->clash[at / 8] >> (at % 8) & 1;
}
