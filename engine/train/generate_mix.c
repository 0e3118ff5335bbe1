/* generate_mix.c - reading the table of sources and weights (engine/train/mix.json). */
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

/* Weights of an object into a list by the names of `keys`. Unknown keys are mistakes. */
static enum lt_err weights(const json_t *root, const char *section, const char *const *keys, int n,
                           double *out, const char *path, struct lt_diag *diag)
{
    json_t *o = json_object_get(root, section), *v;
    const char *key;
    double sum = 0;
    if (!json_is_object(o))
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"%s\" must be an object", path, section);
    for (int i = 0; i < n; i++) out[i] = 0;
    json_object_foreach(o, key, v)
    {
        int at = 0;
        while (at < n && strcmp(keys[at], key)) at++;
        if (at == n || !json_is_number(v) || json_number_value(v) < 0)
            return lt_fail(diag, LT_ERR_INVALID, "%s: %s.%s is %s", path, section, key,
                           at == n ? "unknown" : "no number of 0 or more");
        out[at] = json_number_value(v);
        sum += out[at];
    }
    if (sum <= 0)
        return lt_fail(diag, LT_ERR_INVALID, "%s: all weights of \"%s\" are 0", path, section);
    return LT_OK;
}

static enum lt_err share(const json_t *root, const char *key, double *out, const char *path,
                         struct lt_diag *diag)
{
    const json_t *v = json_object_get(root, key);
    *out = json_number_value(v);
    if (!json_is_number(v) || *out < 0 || *out > 1)
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"%s\" must be a number from 0 to 1", path, key);
    return LT_OK;
}

static enum lt_err sources(struct gen_mix *m, const json_t *root, const char *path,
                           struct lt_diag *diag)
{
    json_t *list = json_object_get(root, "sources"), *v;
    const json_t *homes = json_object_get(root, "homes");
    const char *key;
    double sum = 0;
    if (!json_is_object(list))
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"sources\" must be an object", path);
    json_object_foreach(list, key, v)
    {
        double w = json_number_value(v);
        if (!json_is_number(v) || w < 0)
            return lt_fail(diag, LT_ERR_INVALID, "%s: sources.%s is no number of 0 or more", path,
                           key);
        sum += w;
        if (!strcmp(key, "teacher-functions")) {
            m->teacher_functions = w;
        } else if (!strcmp(key, "teacher-home")) {
            m->teacher_home = w;
        } else {
            if (m->n_files == GEN_FILES_MAX)
                return lt_fail(diag, LT_ERR_LIMIT, "%s: more than %d files", path, GEN_FILES_MAX);
            struct gen_mix_file *f = &m->file[m->n_files++];
            const char *prefix = json_string_value(json_object_get(homes, key));
            if (strlen(key) >= sizeof f->name || strchr(key, '/') ||
                (prefix && strlen(prefix) >= sizeof f->prefix))
                return lt_fail(diag, LT_ERR_INVALID, "%s: \"%.60s\" is no name of a data file",
                               path, key);
            snprintf(f->name, sizeof f->name, "%s", key);
            snprintf(f->prefix, sizeof f->prefix, "%s", prefix ? prefix : "");
            f->is_home = prefix != NULL;
            f->weight = w;
        }
    }
    if (sum <= 0) return lt_fail(diag, LT_ERR_INVALID, "%s: all sources have weight 0", path);
    return LT_OK;
}

enum lt_err gen_mix_load(struct gen_mix *m, const char *path, struct lt_diag *diag)
{
    static const char *const fn[] = {"call",     "two",     "absent",    "nothing",
                                     "escalate", "missing", "condition", "three"};
    static const char *const home[] = {"call",     "two",        "no_tool",   "no_device",
                                       "no_area",  "empty_area", "ambiguous", "nothing",
                                       "escalate", "condition",  "three"};
    static const char *const styles[] = {"original", "terse", "reworded", "renamed"};
    _Static_assert(sizeof fn / sizeof *fn == GEN_FN_FAMILIES, "one name for each family");
    _Static_assert(sizeof home / sizeof *home == GEN_HOME_FAMILIES, "one name for each family");
    memset(m, 0, sizeof *m);
    json_error_t je;
    json_t *root = json_load_file(path, 0, &je);
    if (!root) {
        FILE *f = fopen(path, "rb");
        if (!f) return lt_fail_errno(diag, "mix %s", path);
        fclose(f);
        return lt_fail(diag, LT_ERR_PARSE, "mix %s, line %d: %s", path, je.line, je.text);
    }
    enum lt_err err = sources(m, root, path, diag);
    if (!err)
        err = weights(root, "function_families", fn, GEN_FN_FAMILIES, m->fn_family, path, diag);
    if (!err)
        err = weights(root, "home_families", home, GEN_HOME_FAMILIES, m->home_family, path, diag);
    if (!err) err = weights(root, "home_styles", styles, 4, m->home_style, path, diag);
    if (!err) err = weights(root, "function_styles", styles, 4, m->fn_style, path, diag);
    if (!err) err = share(root, "random_home_share", &m->random_home, path, diag);
    if (!err) err = share(root, "noise_share", &m->noise, path, diag);
    if (!err) err = share(root, "renamed_files_share", &m->renamed_files, path, diag);
    if (!err) err = share(root, "swapped_spans_share", &m->swapped_spans, path, diag);
    if (!err) err = share(root, "made_values_share", &m->made_values, path, diag);
    if (!err) err = share(root, "composed_share", &m->composed, path, diag);
    if (!err) err = share(root, "absent_files_share", &m->absent_files, path, diag);
    if (!err && json_object_get(root, "own_abroad_share"))
        err = share(root, "own_abroad_share", &m->own_abroad, path, diag);
    const json_t *pool = json_object_get(root, "pool");
    m->pool = (int)json_integer_value(pool);
    if (!err && (!json_is_integer(pool) || m->pool < 2 || m->pool > GEN_POOL_MAX))
        err = lt_fail(diag, LT_ERR_INVALID, "%s: \"pool\" must be a whole number from 2 to %d",
                      path, GEN_POOL_MAX);
    json_decref(root);
    return err;
}
