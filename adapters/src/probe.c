/* probe.c - one free question to an endpoint: is the key good, is the model there?
 *
 * Asks the vendor's list of models, which costs nothing and proves key and name, not capacity. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "lt/cloud.h"

#define MAX_URL_BYTES  1024
#define MAX_LIST_BYTES (4u << 20) /* routers list thousands of models */

struct probe {
    const struct lt_adapter *adapter;
    char *model;
    lt_cloud_probe_fn fn;
    void *ctx;
};

/* Is the model in {"data":[{"id"}]}? A server that lists nothing cannot say. */
static bool is_listed(const json_t *list, const char *model)
{
    const json_t *data = json_object_get(list, "data");
    json_t *row;
    size_t i;
    if (json_array_size(data) == 0) return true;
    json_array_foreach(data, i, row)
    {
        const char *id = lt__str(row, "id");
        /* Ollama lists "llama3:latest" for what is asked as "llama3" */
        if (id && lt__starts(id, model) && (!id[strlen(model)] || id[strlen(model)] == ':'))
            return true;
    }
    return false;
}

static void on_answer(void *ctx, const struct lt_http_response *r)
{
    struct probe *p = ctx;
    struct lt_cloud_fault f = {.retry_after_ms = -1};
    struct lt_cloud_reply reply;
    memset(&reply, 0, sizeof reply);
    if (r->end == LT_HTTP_DONE && r->status >= 200 && r->status < 300) {
        json_t *list = lt__parse(r->body, r->body_len);
        f.cls = LT_CLS_OK;
        if (!p->adapter->model_path)
            f.cls = is_listed(list, p->model) ? LT_CLS_OK : LT_CLS_NOT_FOUND;
        snprintf(f.text, sizeof f.text, "%s",
                 f.cls == LT_CLS_OK ? "" : "the server does not list this model");
        json_decref(list);
    } else {
        (void)lt_adapter_read(p->adapter, NULL, r, &reply, &f);
        lt_cloud_reply_fini(&reply);
    }
    p->fn(p->ctx, f.cls, f.text);
    free(p->model);
    free(p);
}

enum lt_err lt_cloud_probe(struct lt_http *http, const struct lt_cloud_endpoint *e, int64_t wait_ms,
                           lt_cloud_probe_fn fn, void *ctx, struct lt_diag *diag)
{
    const struct lt_adapter *a = lt_adapter_find(e->adapter);
    const char *base = e->base_url ? e->base_url : a ? a->default_url : NULL;
    const char *model = e->model ? e->model : a ? a->default_model : NULL;
    char url[MAX_URL_BYTES];
    if (!base || !model) return lt_fail(diag, LT_ERR_INVALID, "no address or no model");
    struct probe *p = calloc(1, sizeof *p);
    if (!p || !(p->model = strdup(model))) {
        free(p);
        return lt_fail(diag, LT_ERR_NOMEM, "no memory for a request");
    }
    p->adapter = a;
    p->fn = fn;
    p->ctx = ctx;
    snprintf(url, sizeof url, "%s%s%s", base, a->model_path ? a->model_path : "/models",
             a->model_path ? model : "");
    struct lt_http_request req = {.method = "GET",
                                  .url = url,
                                  .headers = a->extra,
                                  .secret_header = a->key_header,
                                  .secret_prefix = a->key_prefix,
                                  .secret = e->key,
                                  .is_plain_secret_ok = e->is_plain_key_ok,
                                  .connect_ms = wait_ms,
                                  .first_ms = wait_ms,
                                  .total_ms = wait_ms,
                                  .cap_bytes = MAX_LIST_BYTES};
    for (const struct lt_http_header *h = a->extra; h && h->name; h++) req.n_headers++;
    enum lt_err err = lt_http_send(http, &req, on_answer, p, NULL, diag);
    if (err) {
        free(p->model);
        free(p);
    }
    return err;
}
