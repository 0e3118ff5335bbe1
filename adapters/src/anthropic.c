/* anthropic.c - Claude, through the Messages API (version 2026-10-21).
 *
 * A raw turn is the assistant message {"role":"assistant","content":[...]} with its content as it
 * came. The cached prefix is tools, then system: one mark on the last tool and one on the last
 * system block. Sampling parameters are never sent: this API version refuses their mere presence. */
#include <stdlib.h>
#include <string.h>

#include "stream.h"

static enum lt_err url(const struct lt_cloud_endpoint *e, const char *base, const char *model,
                       bool is_streamed, struct lt_buf *out, struct lt_diag *diag)
{
    (void)e, (void)model, (void)is_streamed;
    enum lt_err err = lt_buf_addf(out, "%s/v1/messages", base);
    return err ? lt_fail(diag, err, "address too long") : LT_OK;
}

static json_t *cache_mark(void)
{
    return json_pack("{s:s}", "type", "ephemeral");
}

static json_t *system_blocks(const struct lt_cloud_request *req)
{
    const char *text[2] = {req->system_text, req->home_summary};
    json_t *blocks = json_array(), *last = NULL;
    for (int i = 0; i < 2; i++) {
        if (!text[i] || !*text[i]) continue;
        last = json_pack("{s:s,s:s}", "type", "text", "text", text[i]);
        json_array_append_new(blocks, last);
    }
    if (last) json_object_set_new(last, "cache_control", cache_mark());
    return blocks;
}

static json_t *tool(const struct lt_tool_view *v, bool is_strict_said)
{
    (void)is_strict_said;
    json_t *item = json_pack("{s:s,s:s,s:O}", "name", v->name, "description", v->description,
                             "input_schema", v->schema);
    if (v->is_strict) json_object_set_new(item, "strict", json_true());
    return item;
}

static json_t *tool_list(const struct lt_cloud_endpoint *e, struct lt_cloud_tools *tools)
{
    enum lt_dialect dialect = e->is_strict_off ? LT_DIALECT_PLAIN : LT_DIALECT_ANTHROPIC_STRICT;
    json_t *list = lt__tool_list(tools, dialect, tool, false);
    if (list && json_array_size(list))
        json_object_set_new(json_array_get(list, json_array_size(list) - 1), "cache_control",
                            cache_mark());
    return list;
}

static void add_results(json_t *messages, const struct lt_cloud_tools *tools,
                        const struct lt_cloud_turn *t)
{
    (void)tools;
    json_t *blocks = json_array();
    for (size_t i = 0; i < t->n_results; i++) {
        const struct lt_cloud_tool_result *r = &t->results[i];
        json_t *b = json_pack("{s:s,s:s,s:s}", "type", "tool_result", "tool_use_id", r->call_id,
                              "content", r->output ? r->output : "");
        if (r->is_error) json_object_set_new(b, "is_error", json_true());
        json_array_append_new(blocks, b);
    }
    json_array_append_new(messages, json_pack("{s:s,s:o}", "role", "user", "content", blocks));
}

static json_t *message(bool is_user, const char *text)
{
    return json_pack("{s:s,s:s}", "role", is_user ? "user" : "assistant", "content", text);
}

static const struct lt_turn_form TURNS = {message, add_results, "content"};

/* The least thinking each model accepts: switched off where it may be, else low effort. */
static void add_thinking(json_t *body, const struct lt_cloud_endpoint *e, const char *model)
{
    bool is_none = e->effort && strcmp(e->effort, "none") == 0;
    const char *effort = is_none ? NULL : e->effort;
    const char *type = NULL;
    if (!e->effort || is_none) {
        if (lt__starts(model, "claude-haiku-5") || lt__starts(model, "claude-haiku-4"))
            type = "disabled";
        else if (lt__starts(model, "claude-sonnet-5-5"))
            type = "between_tools";
        else
            effort = "low";
    }
    if (type) json_object_set_new(body, "thinking", json_pack("{s:s}", "type", type));
    if (effort && !lt__starts(model, "claude-haiku-4"))
        json_object_set_new(body, "output_config", json_pack("{s:s}", "effort", effort));
}

static enum lt_err build(const struct lt_cloud_endpoint *e, const char *model,
                         const struct lt_cloud_request *req, struct lt_buf *out,
                         struct lt_diag *diag)
{
    static const char *const choice[] = {"auto", "any", "none"};
    json_t *body, *part, *messages = NULL;
    char *text = NULL;
    enum lt_err err = lt__check_request(req, diag);
    if (err) return err;
    err = LT_ERR_NOMEM; /* until the texts and tools are there */
    body = json_pack("{s:s,s:i}", "model", model, "max_tokens",
                     req->max_tokens > 0 ? req->max_tokens : LT_CLOUD_MAX_TOKENS);
    part = system_blocks(req);
    if (json_array_size(part) > 0) json_object_set(body, "system", part);
    json_decref(part);
    if (lt_cloud_tools_count(req->tools) > 0) {
        part = tool_list(e, req->tools);
        if (!part) goto end;
        json_object_set_new(body, "tools", part);
        part = json_pack("{s:s}", "type", choice[req->choice]);
        if (req->is_one_call_only && req->choice != LT_CHOICE_NONE)
            json_object_set_new(part, "disable_parallel_tool_use", json_true());
        json_object_set_new(body, "tool_choice", part);
    }
    add_thinking(body, e, model);
    if (e->user_hash)
        json_object_set_new(body, "metadata", json_pack("{s:s}", "user_id", e->user_hash));
    if (lt__is_streamed(e, req)) json_object_set_new(body, "stream", json_true());
    messages = json_array();
    json_object_set_new(body, "messages", messages);
    text = lt__user_text(req);
    if (!text) goto end;
    err = lt__add_turns(messages, &TURNS, req->tools, req->history, req->n_history, diag);
    json_array_append_new(messages, message(true, text));
    if (!err) err = lt__add_turns(messages, &TURNS, req->tools, req->turns, req->n_turns, diag);
end:
    free(text);
    return lt__end_body(body, err, out, diag);
}

/* Input counts exclude what was read from and written to the cache. */
static void read_usage(const json_t *u, struct lt_cloud_usage *out)
{
    const json_t *kinds = json_object_get(u, "cache_creation");
    out->price_percent = 100;
    out->is_estimated = !json_is_object(u);
    out->input_tokens = lt__int(u, "input_tokens");
    out->cache_read_tokens = lt__int(u, "cache_read_input_tokens");
    out->cache_write_1h_tokens = lt__int(kinds, "ephemeral_1h_input_tokens");
    out->cache_write_tokens =
        lt__int(u, "cache_creation_input_tokens") - out->cache_write_1h_tokens;
    if (out->cache_write_tokens < 0) out->cache_write_tokens = 0;
    out->output_tokens = lt__int(u, "output_tokens");
    out->reasoning_tokens = lt__int(json_object_get(u, "output_tokens_details"), "thinking_tokens");
}

static enum lt_cloud_class class_of_error(const char *type, enum lt_cloud_class otherwise)
{
    static const struct {
        const char *type;
        enum lt_cloud_class cls;
    } table[] = {
        {"authentication_error", LT_CLS_AUTH},
        {"permission_error", LT_CLS_AUTH},
        {"billing_error", LT_CLS_QUOTA},
        {"not_found_error", LT_CLS_NOT_FOUND},
        {"rate_limit_error", LT_CLS_RATE},
        {"overloaded_error", LT_CLS_OVERLOADED},
        {"api_error", LT_CLS_OVERLOADED},
        {"timeout_error", LT_CLS_OVERLOADED},
        {"conflict_error", LT_CLS_OVERLOADED},
        {"request_too_large", LT_CLS_INVALID_REQUEST},
        {"invalid_request_error", LT_CLS_INVALID_REQUEST},
    };
    for (size_t i = 0; type && i < sizeof table / sizeof *table; i++)
        if (strcmp(type, table[i].type) == 0) return table[i].cls;
    return otherwise;
}

static void read_error(const json_t *error, bool is_delay_stated, struct lt_cloud_fault *f)
{
    const char *type = lt__str(error, "type"), *message = lt__str(error, "message");
    const char *code = lt__str(json_object_get(error, "details"), "error_code");
    f->cls = class_of_error(type, f->cls);
    /* A spend cap looks like a rate limit that names no time, or like a bad request. */
    if ((f->cls == LT_CLS_RATE && (code || !is_delay_stated)) ||
        lt__starts(message, "You have reached your specified API usage limits"))
        f->cls = LT_CLS_QUOTA;
    lt__fault_message(f, code ? code : type, message);
}

static void classify(const struct lt_http_response *r, struct lt_cloud_fault *f)
{
    json_t *body = lt__parse(r->body, r->body_len); /* the edge may answer without JSON */
    const json_t *error = json_object_get(body, "error");
    if (json_is_object(error)) read_error(error, r->retry_after_ms >= 0, f);
    json_decref(body);
}

static enum lt_cloud_class class_of_stop(const char *stop, struct lt_cloud_fault *f)
{
    if (!stop) return lt__fault(f, LT_CLS_MALFORMED, "", "answer has no stop_reason");
    if (strcmp(stop, "end_turn") == 0 || strcmp(stop, "tool_use") == 0 ||
        strcmp(stop, "stop_sequence") == 0)
        return LT_CLS_OK;
    if (strcmp(stop, "max_tokens") == 0 || strcmp(stop, "model_context_window_exceeded") == 0)
        return lt__fault(f, LT_CLS_TRUNCATED, stop, "answer cut: %s", stop);
    if (strcmp(stop, "refusal") == 0)
        return lt__fault(f, LT_CLS_REFUSED, stop, "the model refused");
    f->is_final = true;
    return lt__fault(f, LT_CLS_MALFORMED, stop, "unknown stop_reason '%s'", stop);
}

static enum lt_cloud_class parse(struct lt_cloud_tools *tools, const char *text, size_t len,
                                 struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    enum lt_cloud_class cls;
    json_t *body = lt__parse(text, len), *content, *block, *raw;
    const char *model;
    bool is_ok = true;
    size_t i;
    content = json_object_get(body, "content");
    if (json_is_object(json_object_get(body, "error"))) {
        f->cls = LT_CLS_OVERLOADED;
        read_error(json_object_get(body, "error"), false, f);
        cls = f->cls;
        goto out;
    }
    if (!json_is_array(content)) {
        cls = lt__fault(f, LT_CLS_MALFORMED, "", body ? "answer has no content" : "not JSON");
        goto out;
    }
    read_usage(json_object_get(body, "usage"), &reply->usage);
    model = lt__str(body, "model");
    if (model) reply->model = strdup(model);
    cls = class_of_stop(lt__str(body, "stop_reason"), f);
    if (cls == LT_CLS_REFUSED && json_array_size(content) == 0)
        reply->usage.price_percent = 0; /* refused before any output: not billed */
    json_array_foreach(content, i, block)
    {
        const char *type = lt__str(block, "type"), *name = lt__str(block, "name");
        const json_t *input = json_object_get(block, "input");
        if (type && strcmp(type, "text") == 0)
            is_ok = is_ok && lt__add_text(reply, lt__str(block, "text"));
        if (!type || strcmp(type, "tool_use") != 0 || cls != LT_CLS_OK) continue;
        if (!name || !json_is_object(input) ||
            lt__tools_take_call(tools, reply, lt__str(block, "id"), name, input))
            cls =
                lt__fault(f, LT_CLS_MALFORMED, "tool_use", "tool_use block %zu not understood", i);
    }
    raw = json_pack("{s:s,s:O}", "role", "assistant", "content", content);
    reply->raw_turn = raw ? lt_json_dump(raw) : NULL;
    json_decref(raw);
    if (!is_ok || !reply->raw_turn)
        cls = lt__fault(f, LT_CLS_MALFORMED, "", "no memory for the answer");
out:
    json_decref(body);
    return cls;
}

/* ---- streamed: blocks that begin, grow and end ------------------------------------------------- */

static enum lt_stream_step begin_block(struct lt_stream *s, const json_t *data)
{
    struct lt_stream_part *p = lt__stream_part(s, lt__int(data, "index"));
    json_t *block = json_object_get(data, "content_block");
    if (!p) return LT_STREAM_BAD;
    if (p->shell || !json_is_object(block) || !lt__str(block, "type"))
        return lt__stream_bad(s, "block %d begins twice, or not at all",
                              (int)lt__int(data, "index"));
    p->shell = json_deep_copy(block);
    if (strcmp(lt__str(block, "type"), "tool_use") == 0) s->is_calling = true;
    if (strcmp(lt__str(block, "type"), "text") != 0) return LT_STREAM_IDLE;
    lt__stream_say(s, lt__str(block, "text"));
    return lt__stream_add(s, &p->text, lt__str(block, "text"));
}

static enum lt_stream_step grow_block(struct lt_stream *s, const json_t *data)
{
    struct lt_stream_part *p = lt__stream_part(s, lt__int(data, "index"));
    const json_t *delta = json_object_get(data, "delta");
    const char *text = lt__str(delta, "text"), *more = lt__str(delta, "signature");
    if (!p) return LT_STREAM_BAD;
    if (!p->shell || p->is_ended) return lt__stream_bad(s, "a piece of a block that is not open");
    lt__stream_say(s, text);
    if (!text) text = lt__str(delta, "partial_json");
    if (!text) text = lt__str(delta, "thinking");
    return more ? lt__stream_add(s, &p->more, more) : lt__stream_add(s, &p->text, text);
}

static enum lt_stream_step end_block(struct lt_stream *s, const json_t *data)
{
    struct lt_stream_part *p = lt__stream_part(s, lt__int(data, "index"));
    const char *type = lt__str(p ? p->shell : NULL, "type");
    if (!p) return LT_STREAM_BAD;
    if (!type || p->is_ended) return lt__stream_bad(s, "a block that was not open ends");
    p->is_ended = true;
    if (strcmp(type, "tool_use") == 0) { /* its "input" so far was a placeholder */
        json_t *input = p->text.n ? lt__parse(p->text.p, p->text.n) : json_object();
        if (!json_is_object(input)) {
            json_decref(input);
            return lt__stream_bad(s, "arguments of '%.64s' are no JSON object",
                                  lt__str(p->shell, "name") ? lt__str(p->shell, "name") : "?");
        }
        json_object_set_new(p->shell, "input", input);
    } else if (strcmp(type, "text") == 0 || strcmp(type, "thinking") == 0) {
        json_object_set_new(p->shell, type, json_string(lt_buf_str(&p->text)));
        if (p->more.n) json_object_set_new(p->shell, "signature", json_string(p->more.p));
    }
    return LT_STREAM_IDLE;
}

/* Why it stopped, and the counts, which stand for the whole answer and not for this event. */
static enum lt_stream_step take_message_delta(struct lt_stream *s, const json_t *data)
{
    json_t *usage = json_object_get(s->body, "usage"), *v;
    const char *key;
    if (!s->body) return lt__stream_bad(s, "it has no beginning");
    json_object_set(s->body, "stop_reason",
                    json_object_get(json_object_get(data, "delta"), "stop_reason"));
    if (!usage) json_object_set_new(s->body, "usage", usage = json_object());
    json_object_foreach(json_object_get(data, "usage"), key, v)
    {
        if (!json_is_null(v)) json_object_set(usage, key, v);
    }
    return LT_STREAM_MORE;
}

static enum lt_stream_step stream(struct lt_stream *s, const char *name, json_t *data)
{
    const char *type = lt__str(data, "type");
    (void)name; /* the data says the same */
    if (!type || s->is_whole) return LT_STREAM_IDLE;
    if (strcmp(type, "message_start") == 0) {
        json_t *message = json_object_get(data, "message");
        if (s->body || !json_is_object(message)) return lt__stream_bad(s, "it begins twice");
        s->body = json_deep_copy(message);
        return LT_STREAM_IDLE;
    }
    if (strcmp(type, "content_block_start") == 0) return begin_block(s, data);
    if (strcmp(type, "content_block_delta") == 0) return grow_block(s, data);
    if (strcmp(type, "content_block_stop") == 0) return end_block(s, data);
    if (strcmp(type, "message_delta") == 0) return take_message_delta(s, data);
    if (strcmp(type, "error") == 0) return lt__stream_body(s, data);
    if (strcmp(type, "message_stop") != 0) return LT_STREAM_IDLE; /* ping, and what is new */
    return s->body ? LT_STREAM_WHOLE : lt__stream_bad(s, "it has no beginning");
}

static bool whole(struct lt_stream *s)
{
    json_t *content = json_array();
    bool is_whole = true;
    if (json_object_get(s->body, "error")) {
        json_decref(content);
        return true;
    }
    for (size_t i = 0; i < s->n_parts; i++) {
        is_whole = is_whole && s->parts[i].is_ended;
        if (s->parts[i].is_ended) json_array_append(content, s->parts[i].shell);
    }
    json_object_set_new(s->body, "content", content);
    return is_whole;
}

static const struct lt_http_header HEADERS[] = {{"anthropic-version", "2026-10-21"}, {NULL, NULL}};

const struct lt_adapter lt__anthropic = {
    .name = "anthropic",
    .provider = "anthropic",
    .default_url = "https://api.anthropic.com",
    .default_model = "claude-haiku-5-5",
    .key_header = "x-api-key",
    .request_id_header = "request-id",
    .extra = HEADERS,
    .model_path = "/v1/models/",
    .url = url,
    .build = build,
    .parse = parse,
    .stream = stream,
    .whole = whole,
    .classify = classify,
};
