/* vendor_spec.c - see vendor_spec.h. */
#include "vendor_spec.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/validate.h"

enum { ANTHROPIC, GEMINI, RESPONSES, CHAT, N_APIS };
enum { BODY, LIMITS, LINT, N_KINDS };

static const char *const FILES[N_APIS][N_KINDS] = {
    {"anthropic/messages.request.schema.json", "anthropic/messages.request.limits.schema.json",
     "lint/anthropic-strict.schema.json"},
    {"gemini/generate-content.request.schema.json",
     "gemini/generate-content.request.limits.schema.json", "lint/gemini-json-schema.schema.json"},
    {"openai/responses.request.schema.json", "openai/requests.limits.schema.json",
     "lint/openai-strict.schema.json"},
    {"openai/chat-completions.request.schema.json", "openai/requests.limits.schema.json",
     "lint/openai-strict.schema.json"},
};

struct vendor_spec {
    struct lt_schema *schema[N_APIS][N_KINDS];
};

char *spec_file(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/specs/%s", TEST_DATA_DIR, path);
    FILE *f = fopen(full, "rb");
    if (!f) {
        perror(full);
        abort();
    }
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)n + 1);
    if (!text || fread(text, 1, (size_t)n, f) != (size_t)n) abort();
    fclose(f);
    return text;
}

struct vendor_spec *vendor_spec_load(void)
{
    struct vendor_spec *s = calloc(1, sizeof *s);
    if (!s) abort();
    json_object_seed(0); /* before threads: the first object would do it otherwise */
    for (int a = 0; a < N_APIS; a++)
        for (int k = 0; k < N_KINDS; k++) {
            struct lt_diag d = {0};
            char *text = spec_file(FILES[a][k]);
            json_t *v = json_loads(text, 0, NULL);
            if (lt_schema_compile(v, NULL, NULL, &s->schema[a][k], &d)) {
                fprintf(stderr, "%s: %s\n", FILES[a][k], d.text);
                abort();
            }
            json_decref(v);
            free(text);
        }
    return s;
}

void vendor_spec_free(struct vendor_spec *s)
{
    if (!s) return;
    for (int a = 0; a < N_APIS; a++)
        for (int k = 0; k < N_KINDS; k++) lt_schema_free(s->schema[a][k]);
    free(s);
}

/* Strict rules that a schema cannot say: every property required; counts over the request. */
struct tally {
    int n_strict, n_optional, n_unions;
};

static int all_required(const json_t *node)
{
    const char *key;
    json_t *v;
    size_t i;
    json_t *props = json_object_get(node, "properties");
    if (props && json_object_size(props) != json_array_size(json_object_get(node, "required")))
        return 0;
    json_object_foreach(props, key, v) if (!all_required(v)) return 0;
    json_array_foreach(json_object_get(node, "anyOf"), i, v) if (!all_required(v)) return 0;
    v = json_object_get(node, "items");
    return !v || all_required(v);
}

static void count(const json_t *node, struct tally *t)
{
    const char *key;
    json_t *v;
    json_t *props = json_object_get(node, "properties");
    t->n_optional +=
        (int)(json_object_size(props) - json_array_size(json_object_get(node, "required")));
    json_object_foreach(props, key, v)
    {
        if (json_object_get(v, "anyOf") || json_is_array(json_object_get(v, "type"))) t->n_unions++;
        count(v, t);
    }
    v = json_object_get(node, "items");
    if (v) count(v, t);
}

static int check_tool(const struct vendor_spec *s, int api, const json_t *tool, struct tally *t,
                      char *why, size_t size)
{
    struct lt_diag d = {0};
    const json_t *f = api == CHAT ? json_object_get(tool, "function") : tool;
    const char *name = json_string_value(json_object_get(f, "name"));
    const json_t *p = json_object_get(f, api == ANTHROPIC ? "input_schema"
                                         : api == GEMINI  ? "parametersJsonSchema"
                                                          : "parameters");
    int is_strict = json_is_true(json_object_get(f, "strict"));
    if (!p) {
        snprintf(why, size, "tool %s has no parameters", name);
        return 1;
    }
    if ((is_strict || api == GEMINI) && lt_schema_validate(s->schema[api][LINT], p, NULL, &d)) {
        snprintf(why, size, "tool %s: %s", name, d.text);
        return 1;
    }
    if (is_strict && (api == RESPONSES || api == CHAT) && !all_required(p)) {
        snprintf(why, size, "tool %s: strict, and not every property is required", name);
        return 1;
    }
    if (is_strict) {
        t->n_strict++;
        count(p, t);
    }
    return 0;
}

static int check_headers(int api, const struct stub_request *r, char *why, size_t size)
{
    static const char *const key[] = {"x-api-key", "x-goog-api-key", "authorization",
                                      "authorization"};
    char v[256];
    const char *type = stub_header(r, "content-type", v, sizeof v);
    if (!type || strcmp(type, "application/json") != 0) {
        snprintf(why, size, "content-type is not application/json");
        return 1;
    }
    if (api == ANTHROPIC) {
        const char *version = stub_header(r, "anthropic-version", v, sizeof v);
        if (!version || strcmp(version, "2026-10-21") != 0) {
            snprintf(why, size, "anthropic-version is missing or old");
            return 1;
        }
    }
    for (int a = 0; a < N_APIS; a++)
        if (strcmp(key[a], key[api]) != 0 && stub_header(r, key[a], v, sizeof v)) {
            snprintf(why, size, "another vendor's key header: %s", key[a]);
            return 1;
        }
    const char *value = stub_header(r, key[api], v, sizeof v);
    if (value && api >= RESPONSES && strncmp(value, "Bearer ", 7) != 0) {
        snprintf(why, size, "authorization is not a bearer token");
        return 1;
    }
    if (strstr(r->path, "key=")) {
        snprintf(why, size, "key in the address");
        return 1;
    }
    return 0;
}

int vendor_spec_check(void *ctx, const struct stub_request *r, char *why, size_t size)
{
    const struct vendor_spec *s = ctx;
    struct lt_diag d = {0};
    struct tally t = {0};
    json_t *tools, *tool;
    size_t i;
    int api, bad = 0;
    if (strcmp(r->path, "/v1/messages") == 0)
        api = ANTHROPIC;
    else if (strncmp(r->path, "/v1beta/models/", 15) == 0 &&
             (strstr(r->path, ":generateContent") ||
              strstr(r->path, ":streamGenerateContent?alt=sse")))
        api = GEMINI;
    else if (strcmp(r->path, "/v1/responses") == 0)
        api = RESPONSES;
    else if (strcmp(r->path, "/v1/chat/completions") == 0)
        api = CHAT;
    else {
        snprintf(why, size, "no API at %s", r->path);
        return 1;
    }
    if (check_headers(api, r, why, size)) return 1;
    json_t *body = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);
    if (!body) {
        snprintf(why, size, "body is not JSON");
        return 1;
    }
    for (int k = BODY; k <= LIMITS && !bad; k++) {
        bad = lt_schema_validate(s->schema[api][k], body, NULL, &d) != LT_OK;
        if (bad) snprintf(why, size, "%s: %s", FILES[api][k], d.text);
    }
    tools = json_object_get(body, "tools");
    if (api == GEMINI) tools = json_object_get(json_array_get(tools, 0), "functionDeclarations");
    json_array_foreach(tools, i, tool) if (!bad) bad = check_tool(s, api, tool, &t, why, size);
    if (!bad && api == ANTHROPIC && (t.n_strict > 20 || t.n_optional > 24 || t.n_unions > 16)) {
        snprintf(why, size, "%d strict tools, %d optional, %d unions: over the limits", t.n_strict,
                 t.n_optional, t.n_unions);
        bad = 1;
    }
    json_decref(body);
    return bad;
}
