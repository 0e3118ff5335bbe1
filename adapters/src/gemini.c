/* gemini.c - Gemini, through generateContent.
 *
 * A raw turn is the candidate's content {"role":"model","parts":[...]} as it came: thought
 * signatures sit on its parts and must go back in place. Calls are told from words by the parts,
 * since finishReason is STOP for both. Refusals come in two shapes: a finish reason of the safety
 * family, or no candidate at all and a block reason for the prompt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

static enum lt_err url(const struct lt_cloud_endpoint *e, const char *base, const char *model,
                       bool is_streamed, struct lt_buf *out, struct lt_diag *diag)
{
    (void)e;
    if (strpbrk(model, "/?#%& "))
        return lt_fail(diag, LT_ERR_INVALID, "model '%.80s': write the bare id", model);
    enum lt_err err =
        lt_buf_addf(out, "%s/models/%s:%s", base, model,
                    is_streamed ? "streamGenerateContent?alt=sse" : "generateContent");
    return err ? lt_fail(diag, err, "address too long") : LT_OK;
}

static json_t *text_part(const char *text)
{
    return json_pack("{s:s}", "text", text);
}

static json_t *text_turn(bool is_user, const char *text)
{
    return json_pack("{s:s,s:[o]}", "role", is_user ? "user" : "model", "parts", text_part(text));
}

static json_t *declaration(const struct lt_tool_view *v, bool is_strict_said)
{
    (void)is_strict_said;
    return json_pack("{s:s,s:s,s:O}", "name", v->name, "description", v->description,
                     "parametersJsonSchema", v->schema);
}

static void add_results(json_t *contents, const struct lt_cloud_tools *tools,
                        const struct lt_cloud_turn *t)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < t->n_results; i++) {
        const struct lt_cloud_tool_result *r = &t->results[i];
        const char *text = r->output ? r->output : "";
        json_t *value = lt__parse(text, strlen(text)), *answer;
        if (!value) value = json_string(text);
        answer = json_pack("{s:s,s:{s:o}}", "name", lt__tool_safe_name(tools, r->name), "response",
                           r->is_error ? "error" : "output", value);
        if (!lt__starts(r->call_id, LT_MADE_UP_ID))
            json_object_set_new(answer, "id", json_string(r->call_id));
        json_array_append_new(parts, json_pack("{s:o}", "functionResponse", answer));
    }
    json_array_append_new(contents, json_pack("{s:s,s:o}", "role", "user", "parts", parts));
}

static const struct lt_turn_form TURNS = {text_turn, add_results, "parts"};

/* The 3.x models cannot be told not to think; the Lite ones know "minimal". */
static const char *thinking_level(const struct lt_cloud_endpoint *e, const char *model)
{
    if (e->effort) return e->effort;
    if (lt__starts(model, "gemini-1") || lt__starts(model, "gemini-2")) return NULL;
    return strstr(model, "flash-lite") ? "minimal" : "low";
}

static enum lt_err build(const struct lt_cloud_endpoint *e, const char *model,
                         const struct lt_cloud_request *req, struct lt_buf *out,
                         struct lt_diag *diag)
{
    static const char *const mode[] = {"VALIDATED", "ANY", "NONE"};
    const char *level = thinking_level(e, model);
    json_t *body = NULL, *part, *contents;
    char *text = NULL;
    enum lt_err err = lt__check_request(req, diag);
    if (err) return err;
    err = LT_ERR_NOMEM; /* until the texts and tools are there */
    body = json_object();
    part = json_array();
    if (req->system_text && *req->system_text)
        json_array_append_new(part, text_part(req->system_text));
    if (req->home_summary && *req->home_summary)
        json_array_append_new(part, text_part(req->home_summary));
    if (json_array_size(part) > 0)
        json_object_set_new(body, "systemInstruction", json_pack("{s:O}", "parts", part));
    json_decref(part);
    if (lt_cloud_tools_count(req->tools) > 0) {
        const char *word = mode[req->choice];
        if (e->is_strict_off && req->choice == LT_CHOICE_AUTO) word = "AUTO";
        part = lt__tool_list(req->tools, LT_DIALECT_GEMINI, declaration, false);
        if (!part) goto end;
        json_object_set_new(body, "tools", json_pack("[{s:o}]", "functionDeclarations", part));
        json_object_set_new(body, "toolConfig",
                            json_pack("{s:{s:s}}", "functionCallingConfig", "mode", word));
    }
    part = json_pack("{s:i}", "maxOutputTokens",
                     req->max_tokens > 0 ? req->max_tokens : LT_CLOUD_MAX_TOKENS);
    if (level)
        json_object_set_new(part, "thinkingConfig", json_pack("{s:s}", "thinkingLevel", level));
    json_object_set_new(body, "generationConfig", part);
    contents = json_array();
    json_object_set_new(body, "contents", contents);
    text = lt__user_text(req);
    if (!text) goto end;
    err = lt__add_turns(contents, &TURNS, req->tools, req->history, req->n_history, diag);
    json_array_append_new(contents, text_turn(true, text));
    if (!err) err = lt__add_turns(contents, &TURNS, req->tools, req->turns, req->n_turns, diag);
end:
    free(text);
    return lt__end_body(body, err, out, diag);
}

/* promptTokenCount includes cached tokens; candidatesTokenCount excludes thoughts. */
static void read_usage(const json_t *u, struct lt_cloud_usage *out)
{
    out->price_percent = 100;
    out->is_estimated = !json_is_object(u);
    out->cache_read_tokens = lt__int(u, "cachedContentTokenCount");
    out->input_tokens = lt__int(u, "promptTokenCount") - out->cache_read_tokens +
                        lt__int(u, "toolUsePromptTokenCount");
    if (out->input_tokens < 0) out->input_tokens = 0;
    out->reasoning_tokens = lt__int(u, "thoughtsTokenCount");
    out->output_tokens = lt__int(u, "candidatesTokenCount") + out->reasoning_tokens;
}

/* "27s" or "1.5s" in milliseconds, -1 for anything else. */
static int64_t duration_ms(const char *s)
{
    char *end = NULL;
    double v = s ? strtod(s, &end) : -1;
    return s && end != s && *end == 's' && v >= 0 && v < 1e6 ? (int64_t)(v * 1000) : -1;
}

static void read_error(const json_t *error, struct lt_cloud_fault *f)
{
    const char *status = lt__str(error, "status"), *reason, *quota;
    bool is_key = false, is_daily = false;
    json_t *detail, *violation;
    size_t i, k;
    json_array_foreach(json_object_get(error, "details"), i, detail)
    {
        int64_t ms = duration_ms(lt__str(detail, "retryDelay"));
        if (ms >= 0 && f->retry_after_ms < 0) f->retry_after_ms = ms;
        reason = lt__str(detail, "reason");
        if (reason && strcmp(reason, "API_KEY_INVALID") == 0) is_key = true;
        json_array_foreach(json_object_get(detail, "violations"), k, violation)
        {
            quota = lt__str(violation, "quotaId");
            if (quota && strstr(quota, "PerDay")) is_daily = true;
        }
    }
    if (is_key || (status && strcmp(status, "FAILED_PRECONDITION") == 0))
        f->cls = LT_CLS_AUTH; /* a wrong key, or a key without region or billing */
    else if (f->cls == LT_CLS_RATE && is_daily)
        f->cls = LT_CLS_QUOTA;
    lt__fault_message(f, is_key ? "API_KEY_INVALID" : status, lt__str(error, "message"));
}

static void classify(const struct lt_http_response *r, struct lt_cloud_fault *f)
{
    json_t *body = lt__parse(r->body, r->body_len);
    const json_t *top = json_is_array(body) ? json_array_get(body, 0) : body;
    const json_t *error = json_object_get(top, "error");
    if (json_is_object(error)) read_error(error, f);
    json_decref(body);
}

static enum lt_cloud_class class_of_finish(const char *why, struct lt_cloud_fault *f)
{
    static const char *const refused[] = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT",
                                          "SPII",   "LANGUAGE",   NULL};
    if (!why) return lt__fault(f, LT_CLS_MALFORMED, "", "answer has no finishReason");
    if (strcmp(why, "STOP") == 0) return LT_CLS_OK;
    if (strcmp(why, "MAX_TOKENS") == 0 || strcmp(why, "CONTINUATION") == 0)
        return lt__fault(f, LT_CLS_TRUNCATED, why, "answer cut: %s", why);
    for (int i = 0; refused[i]; i++)
        if (strcmp(why, refused[i]) == 0)
            return lt__fault(f, LT_CLS_REFUSED, why, "answer stopped: %s", why);
    /* MALFORMED_*, UNEXPECTED_TOOL_CALL, OTHER: the same request often passes the second time. */
    return lt__fault(f, LT_CLS_MALFORMED, why, "answer failed: %s", why);
}

static enum lt_cloud_class take_parts(struct lt_cloud_tools *tools, const json_t *parts,
                                      struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    json_t *part, *none = json_object();
    enum lt_cloud_class cls = LT_CLS_OK;
    size_t i;
    json_array_foreach(parts, i, part)
    {
        const json_t *call = json_object_get(part, "functionCall");
        const json_t *args = json_object_get(call, "args");
        if (call) {
            const char *name = lt__str(call, "name");
            if (!args) args = none; /* a call without arguments may lack the key */
            if (!name || !json_is_object(args) ||
                lt__tools_take_call(tools, reply, lt__str(call, "id"), name, args))
                cls = lt__fault(f, LT_CLS_MALFORMED, "functionCall", "call %zu not understood", i);
        } else if (!json_is_true(json_object_get(part, "thought")) &&
                   !lt__add_text(reply, lt__str(part, "text"))) {
            cls = lt__fault(f, LT_CLS_MALFORMED, "", "no memory for the answer");
        }
    }
    json_decref(none);
    return cls;
}

static enum lt_cloud_class parse(struct lt_cloud_tools *tools, const char *text, size_t len,
                                 struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    enum lt_cloud_class cls;
    json_t *body = lt__parse(text, len);
    const json_t *candidate = json_array_get(json_object_get(body, "candidates"), 0);
    json_t *content = json_object_get(candidate, "content");
    const char *blocked = lt__str(json_object_get(body, "promptFeedback"), "blockReason");
    const char *model = lt__str(body, "modelVersion");
    if (!json_is_object(body)) {
        cls = lt__fault(f, LT_CLS_MALFORMED, "", body ? "answer is no object" : "not JSON");
        goto out;
    }
    if (json_is_object(json_object_get(body, "error"))) {
        f->cls = LT_CLS_OVERLOADED;
        read_error(json_object_get(body, "error"), f);
        cls = f->cls;
        goto out;
    }
    read_usage(json_object_get(body, "usageMetadata"), &reply->usage);
    if (model) reply->model = strdup(model);
    if (!candidate) {
        cls = blocked ? lt__fault(f, LT_CLS_REFUSED, blocked, "prompt blocked: %s", blocked)
                      : lt__fault(f, LT_CLS_MALFORMED, "", "answer has no candidate");
        goto out;
    }
    cls = class_of_finish(lt__str(candidate, "finishReason"), f);
    if (cls == LT_CLS_OK) cls = take_parts(tools, json_object_get(content, "parts"), reply, f);
    if (json_array_size(json_object_get(content, "parts")) > 0) {
        if (!json_object_get(content, "role"))
            json_object_set_new(content, "role", json_string("model"));
        reply->raw_turn = lt_json_dump(content);
    }
out:
    json_decref(body);
    return cls;
}

/* ---- streamed: every event is an answer of its own, with the next parts ----------------------- */

static void take_whole_members(json_t *body, json_t *data)
{
    static const char *const members[] = {"usageMetadata", "modelVersion", "promptFeedback", NULL};
    for (int i = 0; members[i]; i++) {
        json_t *v = json_object_get(data, members[i]);
        if (v) json_object_set(body, members[i], v); /* the last one counts */
    }
}

/* Parts stay as they came, since signatures sit on them; an empty one without any is left out. */
static enum lt_stream_step take_stream_parts(struct lt_stream *s, json_t *list, json_t *parts)
{
    enum lt_stream_step step = LT_STREAM_IDLE;
    json_t *part;
    size_t i;
    json_array_foreach(parts, i, part)
    {
        const char *text = lt__str(part, "text");
        if (text && !*text && json_object_size(part) == 1) continue;
        step = LT_STREAM_MORE;
        s->n_bytes += text ? strlen(text) : 0;
        if (json_object_get(part, "functionCall")) s->is_calling = true;
        if (!json_is_true(json_object_get(part, "thought"))) lt__stream_say(s, text);
        json_array_append(list, part);
    }
    return step;
}

static enum lt_stream_step stream(struct lt_stream *s, const char *name, json_t *data)
{
    json_t *candidate, *mine, *content, *why, *parts;
    (void)name;
    if (json_is_array(data)) data = json_array_get(data, 0); /* errors may come so */
    if (json_object_get(data, "error")) return lt__stream_body(s, data);
    if (!json_is_object(data)) return lt__stream_bad(s, "an event is no object");
    if (!s->body)
        s->body =
            json_pack("{s:[{s:{s:s,s:[]}}]}", "candidates", "content", "role", "model", "parts");
    take_whole_members(s->body, data);
    candidate = json_array_get(json_object_get(data, "candidates"), 0);
    if (!candidate) { /* the prompt was blocked, or only counts came */
        if (!lt__str(json_object_get(data, "promptFeedback"), "blockReason")) return LT_STREAM_IDLE;
        json_object_del(s->body, "candidates");
        return LT_STREAM_WHOLE;
    }
    mine = json_array_get(json_object_get(s->body, "candidates"), 0);
    content = json_object_get(mine, "content");
    parts = json_object_get(json_object_get(candidate, "content"), "parts");
    enum lt_stream_step step = take_stream_parts(s, json_object_get(content, "parts"), parts);
    why = json_object_get(candidate, "finishReason");
    if (!json_is_string(why)) return step;
    json_object_set(mine, "finishReason", why);
    return LT_STREAM_WHOLE;
}

const struct lt_adapter lt__gemini = {
    .name = "gemini",
    .provider = "gemini",
    .default_url = "https://generativelanguage.googleapis.com/v1beta",
    .default_model = "gemini-3.5-flash-lite",
    .key_header = "x-goog-api-key",
    .model_path = "/models/",
    .url = url,
    .build = build,
    .parse = parse,
    .stream = stream,
    .classify = classify,
};
