/* cost.c - the price list and the one formula.
 *
 * A price of p dollars per million tokens is p millionths of a dollar per token, so tokens times
 * price is the cost in the unit we keep. A kind without a price of its own costs as much as plain
 * input, which errs on the dear side for reads and is the vendor's rule for writes. */
#include "lt/cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "prices_data.h"

#define MAX_FILE_BYTES (1u << 20)

struct lt_prices {
    json_t *root;
};

static enum lt_err check_row(const json_t *row, size_t i, struct lt_diag *diag)
{
    static const char *const words[] = {"provider", "id"};
    static const char *const numbers[] = {"input", "output"};
    const char *id = lt__str(row, "id");
    for (int k = 0; k < 2; k++)
        if (!lt__str(row, words[k]))
            return lt_fail(diag, LT_ERR_INVALID, "price list: /models/%zu has no %s", i, words[k]);
    for (int k = 0; k < 2; k++) {
        double v = json_number_value(json_object_get(row, numbers[k]));
        if (!json_is_number(json_object_get(row, numbers[k])) || v < 0)
            return lt_fail(diag, LT_ERR_INVALID, "price list: '%s' needs a price for %s", id,
                           numbers[k]);
    }
    return LT_OK;
}

enum lt_err lt_prices_load(const char *path, struct lt_prices **out, struct lt_diag *diag)
{
    struct lt_prices *p = calloc(1, sizeof *p);
    json_t *row;
    size_t i;
    enum lt_err err;
    if (!p) return lt_fail(diag, LT_ERR_NOMEM, "no memory for the price list");
    err = path ? lt_json_read_file(path, MAX_FILE_BYTES, &p->root, diag)
               : lt_json_parse(LT_PRICES_JSON, sizeof LT_PRICES_JSON - 1, MAX_FILE_BYTES, &p->root,
                               diag);
    if (!err && (!lt__str(p->root, "as_of") || !json_is_array(json_object_get(p->root, "models"))))
        err = lt_fail(diag, LT_ERR_INVALID, "%s: a price list has \"as_of\" and \"models\"",
                      path ? path : "built-in prices");
    if (!err) json_array_foreach(json_object_get(p->root, "models"), i, row)
        {
            err = check_row(row, i, diag);
            if (err) break;
        }
    if (err) {
        lt_prices_free(p);
        return err;
    }
    *out = p;
    return LT_OK;
}

void lt_prices_free(struct lt_prices *p)
{
    if (!p) return;
    json_decref(p->root);
    free(p);
}

const char *lt_prices_as_of(const struct lt_prices *p)
{
    return lt__str(p->root, "as_of");
}

/* The row of a model or of the model whose dated form this is; the longest id wins. */
static const json_t *find(const struct lt_prices *p, const char *provider, const char *model)
{
    const json_t *best = NULL;
    json_t *row;
    size_t i, best_len = 0;
    json_array_foreach(json_object_get(p->root, "models"), i, row)
    {
        const char *id = lt__str(row, "id");
        size_t n = strlen(id);
        if (strcmp(lt__str(row, "provider"), provider) != 0 || !lt__starts(model, id)) continue;
        bool is_dated = model[n] == '-' && model[n + 1] >= '0' && model[n + 1] <= '9';
        if ((model[n] && !is_dated) || n < best_len) continue;
        best = row;
        best_len = n;
    }
    return best;
}

/* Price of the first of the keys that a row or the plain row names; `otherwise` when none does. */
static double price(const json_t *row, const char *key, const char *also, double otherwise)
{
    const json_t *v = json_object_get(row, key);
    if (!json_is_number(v) && also) v = json_object_get(row, also);
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

bool lt_cost_of(const struct lt_prices *p, const char *provider, const char *model,
                const struct lt_cloud_usage *u, int64_t now_unix_ms, int64_t *out_usd_micro)
{
    int64_t prompt =
        u->input_tokens + u->cache_read_tokens + u->cache_write_tokens + u->cache_write_1h_tokens;
    *out_usd_micro = 0;
    if (provider && strcmp(provider, "free") == 0) return true;
    const json_t *row = provider && model ? find(p, provider, model) : NULL, *step;
    if (!row) return false;

    time_t now_s = (time_t)(now_unix_ms / 1000);
    struct tm tm;
    char today[16];
    const char *until = lt__str(row, "valid_until");
    gmtime_r(&now_s, &tm);
    strftime(today, sizeof today, "%Y-%m-%d", &tm);
    if (until && strcmp(today, until) > 0 && json_object_get(row, "then"))
        row = json_object_get(row, "then");
    step = json_object_get(row, "above");
    if (step && prompt > lt__int(step, "prompt_tokens")) row = step;

    double in = price(row, "input", NULL, 0);
    double read = price(row, "cache_read", NULL, in);
    double write = price(row, "cache_write_5m", "cache_write_30m", in);
    double write_long = price(row, "cache_write_1h", "cache_write_12h", write);
    double out = price(row, "output", NULL, 0);
    double cost = (double)u->input_tokens * in + (double)u->cache_read_tokens * read +
                  (double)u->cache_write_tokens * write +
                  (double)u->cache_write_1h_tokens * write_long + (double)u->output_tokens * out;
    cost *= u->price_percent / 100.0;
    *out_usd_micro = (int64_t)ceil(cost - 1e-6); /* binary fractions must not add a whole unit */
    return true;
}

bool lt_cost_ceiling(const struct lt_prices *p, const char *provider, const char *model,
                     size_t request_bytes, int64_t max_tokens, int64_t now_unix_ms,
                     int64_t *out_usd_micro)
{
    struct lt_cloud_usage u = {.cache_write_tokens = (int64_t)(request_bytes / 2) + 1,
                               .output_tokens = max_tokens,
                               .price_percent = 100};
    struct lt_cloud_usage plain = {
        .input_tokens = u.cache_write_tokens, .output_tokens = max_tokens, .price_percent = 100};
    int64_t other;
    if (!lt_cost_of(p, provider, model, &u, now_unix_ms, out_usd_micro)) return false;
    (void)lt_cost_of(p, provider, model, &plain, now_unix_ms, &other);
    if (other > *out_usd_micro) *out_usd_micro = other;
    return true;
}
