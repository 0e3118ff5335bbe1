/* openai_common.c - what the Responses and the Chat Completions adapter share: error bodies,
 * service tiers, and how little a model may be told to think. */
#include <stdio.h>
#include <string.h>

#include "internal.h"

void lt__openai_error(const json_t *error, struct lt_cloud_fault *f)
{
    /* Compatible servers send a bare string, or a number as the code. */
    const char *message =
        json_is_string(error) ? json_string_value(error) : lt__str(error, "message");
    const char *code = lt__str(error, "code"), *type = lt__str(error, "type");
    const char *word = code ? code : type ? type : "";
    const json_t *number = json_object_get(error, "code");
    char digits[24];
    if (json_is_integer(number)) {
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(number));
        word = type ? type : digits;
    }
    if (message && strstr(message, "tools with stream")) /* older llama.cpp, as a 500 */
        f->cls = LT_CLS_INVALID_REQUEST;
    else if ((code && strcmp(code, "insufficient_quota") == 0) ||
             (type && strcmp(type, "insufficient_quota") == 0))
        f->cls = LT_CLS_QUOTA;
    else if (strcmp(word, "model_not_found") == 0)
        f->cls = LT_CLS_NOT_FOUND;
    else if (strcmp(word, "invalid_api_key") == 0)
        f->cls = LT_CLS_AUTH;
    else if (strcmp(word, "content_policy_violation") == 0 || strcmp(word, "content_filter") == 0)
        f->cls = LT_CLS_REFUSED;
    else if (strcmp(word, "server_error") == 0 || strcmp(word, "slow_down") == 0)
        f->cls = LT_CLS_OVERLOADED;
    else if (strcmp(word, "rate_limit_exceeded") == 0)
        f->cls = LT_CLS_RATE;
    lt__fault_message(f, word, message);
}

void lt__openai_classify(const struct lt_http_response *r, struct lt_cloud_fault *f)
{
    json_t *body = lt__parse(r->body, r->body_len);
    const json_t *error = json_object_get(body, "error");
    if (error) lt__openai_error(error, f);
    json_decref(body);
}

static int price_percent(const char *service_tier)
{
    if (!service_tier) return 100;
    if (strcmp(service_tier, "flex") == 0) return 50;
    if (strcmp(service_tier, "priority") == 0 || strcmp(service_tier, "fast") == 0) return 200;
    return 100;
}

/* "input" and "_tokens" to "input_tokens". */
static const char *name_of(const char *kind, const char *tail, char name[48])
{
    snprintf(name, 48, "%.20s%.27s", kind, tail);
    return name;
}

void lt__openai_usage(const json_t *body, const char *in, const char *out, struct lt_cloud_usage *u)
{
    const json_t *usage = json_object_get(body, "usage");
    char name[48];
    const json_t *read = json_object_get(usage, name_of(in, "_tokens_details", name));
    const json_t *said = json_object_get(usage, name_of(out, "_tokens_details", name));
    u->price_percent = price_percent(lt__str(body, "service_tier"));
    u->is_estimated = !json_is_object(usage);
    u->cache_read_tokens = lt__int(read, "cached_tokens");
    u->cache_write_tokens = lt__int(read, "cache_write_tokens");
    u->input_tokens =
        lt__int(usage, name_of(in, "_tokens", name)) - u->cache_read_tokens - u->cache_write_tokens;
    if (u->input_tokens < 0) u->input_tokens = 0;
    u->output_tokens = lt__int(usage, name_of(out, "_tokens", name));
    u->reasoning_tokens = lt__int(said, "reasoning_tokens");
}

const char *lt__openai_effort(const struct lt_cloud_endpoint *e, const char *model)
{
    static const char *const none_ok[] = {
        "gpt-6-luna", "gpt-6.1-luna", "gpt-6.1-terra", "gpt-5.6-", "gpt-6-terra", "gpt-5.4-", NULL};
    if (e->effort) return e->effort;
    if (!lt__starts(model, "gpt-5") && !lt__starts(model, "gpt-6")) return NULL;
    for (int i = 0; none_ok[i]; i++)
        if (lt__starts(model, none_ok[i])) return "none";
    return "low"; /* the larger ones refuse "none" */
}
