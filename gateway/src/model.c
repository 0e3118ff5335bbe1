/* model.c - three places, in order. */
#include "model.h"

#include <stdio.h>
#include <unistd.h>

#include "lt/log.h"

struct active {
    char *path;
    size_t cap;
};

static int take_active(const struct lt_model *m, void *user)
{
    struct active *a = user;
    if (!m->is_active) return 0;
    snprintf(a->path, a->cap, "%s", m->path);
    return 1;
}

enum lt_err lt_model_choose(const struct lt_config *c, struct lt_store *store, char *out,
                            size_t out_bytes, struct lt_diag *diag)
{
    struct active a = {out, out_bytes};
    *out = '\0';
    if (*c->model.file) {
        snprintf(out, out_bytes, "%s", c->model.file);
        return LT_OK;
    }
    enum lt_err err = store ? lt_store_model_list(store, take_active, &a, diag) : LT_OK;
    if (err) return err;
    if (*out && !access(out, R_OK)) return LT_OK;
    if (*out)
        LT_LOG(
            ERROR, "model.missing", LF_STR("path", out),
            LF_STR("what_to_do", "activate another with lintel models; the shipped one is used"));
    if (lt_config_find_shipped(LT_MODEL_SHIPPED, out, out_bytes)) return LT_OK;
    return lt_fail(diag, LT_ERR_NOTFOUND,
                   "no network: " LT_MODEL_SHIPPED " is not installed; name one with model.file");
}
