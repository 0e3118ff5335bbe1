/* openai_chat.c - any server with OpenAI's Chat Completions: Ollama, llama.cpp, vLLM, LM Studio,
 * OpenRouter, and OpenAI itself.
 *
 * Servers differ in which settings they know; `chat_caps` of the endpoint says it, and by default
 * OpenAI's own host gets OpenAI's settings and every other host the old common core (role system,
 * max_tokens, no strict). Local servers also differ in how they answer: arguments may be an object,
 * ids may be missing or repeated, and a call may arrive as text between <tool_call> tags when the
 * server did not recognise it.
 * A raw turn is the assistant message with the keys a request may hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define CAPS_OPENAI                                                                                \
    (LT_CHAT_COMPLETION_TOKENS | LT_CHAT_DEVELOPER | LT_CHAT_STRICT | LT_CHAT_PARALLEL |           \
     LT_CHAT_EFFORT)
#define TAG_OPEN  "<tool_call>"
#define TAG_CLOSE "</tool_call>"

unsigned lt__chat_caps(const struct lt_cloud_endpoint *e)
{
    if (e->chat_caps & LT_CHAT_EXPLICIT) return e->chat_caps;
    return lt__starts(e->base_url, "https://api.openai.com/") ? CAPS_OPENAI : 0;
}

static enum lt_err url(const struct lt_cloud_endpoint *e, const char *base, const char *model,
                       bool is_streamed, struct lt_buf *out, struct lt_diag *diag)
{
    (void)e, (void)model, (void)is_streamed;
    enum lt_err err = lt_buf_addf(out, "%s/chat/completions", base);
    return err ? lt_fail(diag, err, "address too long") : LT_OK;
}

static json_t *tool(const struct lt_tool_view *v, bool is_strict_said)
{
    json_t *f = json_pack("{s:s,s:s,s:O}", "name", v->name, "description", v->description,
                          "parameters", v->schema);
    if (is_strict_said) json_object_set_new(f, "strict", json_boolean(v->is_strict));
    return json_pack("{s:s,s:o}", "type", "function", "function", f);
}

static json_t *tool_list(const struct lt_cloud_endpoint *e, struct lt_cloud_tools *tools)
{
    bool has_strict = (lt__chat_caps(e) & LT_CHAT_STRICT) && !e->is_strict_off;
    return lt__tool_list(tools, has_strict ? LT_DIALECT_OPENAI_STRICT : LT_DIALECT_PLAIN, tool,
                         has_strict);
}

static json_t *said_by(const char *role, const char *text)
{
    return json_pack("{s:s,s:s}", "role", role, "content", text);
}

static json_t *message(bool is_user, const char *text)
{
    return said_by(is_user ? "user" : "assistant", text);
}

static void add_results(json_t *messages, const struct lt_cloud_tools *tools,
                        const struct lt_cloud_turn *t)
{
    (void)tools;
    for (size_t i = 0; i < t->n_results; i++)
        json_array_append_new(messages, json_pack("{s:s,s:s,s:o}", "role", "tool", "tool_call_id",
                                                  t->results[i].call_id, "content",
                                                  lt__result_text(&t->results[i])));
}

static const struct lt_turn_form TURNS = {message, add_results, "role"};

static enum lt_err build(const struct lt_cloud_endpoint *e, const char *model,
                         const struct lt_cloud_request *req, struct lt_buf *out,
                         struct lt_diag *diag)
{
    static const char *const choice[] = {"auto", "required", "none"};
    unsigned caps = lt__chat_caps(e);
    const char *effort = e->effort;
    char *text = NULL, *words = NULL;
    json_t *body, *part, *messages;
    enum lt_err err = lt__check_request(req, diag);
    if (err) return err;
    err = LT_ERR_NOMEM; /* until the texts and tools are there */
    body = json_pack("{s:s}", "model", model);
    words = lt__system_text(req);
    text = lt__user_text(req);
    if (!words || !text) goto end;
    /* OpenAI's models refuse tools on this route unless told not to reason. */
    if (!effort && (caps & LT_CHAT_EFFORT)) effort = "none";
    if (effort) json_object_set_new(body, "reasoning_effort", json_string(effort));
    messages = json_array();
    json_object_set_new(body, "messages", messages);
    if (*words)
        json_array_append_new(messages,
                              said_by(caps & LT_CHAT_DEVELOPER ? "developer" : "system", words));
    err = lt__add_turns(messages, &TURNS, req->tools, req->history, req->n_history, diag);
    json_array_append_new(messages, message(true, text));
    if (!err) err = lt__add_turns(messages, &TURNS, req->tools, req->turns, req->n_turns, diag);
    if (lt_cloud_tools_count(req->tools) > 0) {
        part = tool_list(e, req->tools);
        if (!part) {
            err = LT_ERR_NOMEM;
            goto end;
        }
        json_object_set_new(body, "tools", part);
        json_object_set_new(body, "tool_choice", json_string(choice[req->choice]));
        if (caps & LT_CHAT_PARALLEL)
            json_object_set_new(body, "parallel_tool_calls", json_boolean(!req->is_one_call_only));
    }
    json_object_set_new(body,
                        caps & LT_CHAT_COMPLETION_TOKENS ? "max_completion_tokens" : "max_tokens",
                        json_integer(req->max_tokens > 0 ? req->max_tokens : LT_CLOUD_MAX_TOKENS));
    if (e->user_hash && (caps & LT_CHAT_COMPLETION_TOKENS))
        json_object_set_new(body, "safety_identifier", json_string(e->user_hash));
    if (lt__is_streamed(e, req)) {
        json_object_set_new(body, "stream", json_true());
        if (!(caps & LT_CHAT_NO_STREAM_USAGE))
            json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
    }
end:
    free(words);
    free(text);
    return lt__end_body(body, err, out, diag);
}

/* Arguments as an object: most servers send a string, some the object itself. New reference. */
static json_t *arguments_of(const json_t *function)
{
    json_t *v = json_object_get(function, "arguments");
    if (json_is_string(v))
        return json_string_length(v) ? lt__parse(json_string_value(v), json_string_length(v))
                                     : json_object();
    return v ? json_incref(v) : json_object();
}

static bool has_id(const struct lt_cloud_reply *reply, const char *id)
{
    for (size_t i = 0; i < reply->n_calls; i++)
        if (strcmp(reply->calls[i].id, id) == 0) return true;
    return false;
}

static enum lt_cloud_class take_calls(struct lt_cloud_tools *tools, json_t *calls,
                                      struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    enum lt_cloud_class cls = LT_CLS_OK;
    json_t *call;
    size_t i;
    json_array_foreach(calls, i, call)
    {
        const json_t *function = json_object_get(call, "function");
        const char *id = lt__str(call, "id"), *name = lt__str(function, "name");
        json_t *args = arguments_of(function);
        if (id && has_id(reply, id)) id = NULL; /* repeated: make one up */
        enum lt_err err = LT_ERR_PARSE;
        if (name && json_is_object(args)) err = lt__tools_take_call(tools, reply, id, name, args);
        json_decref(args);
        if (err) {
            const char *text = lt__str(function, "arguments");
            cls = lt__fault(f, LT_CLS_MALFORMED, "tool_calls", "call of '%.64s' not understood",
                            name ? name : "?");
            /* kept, so that whoever asked may tell the model */
            if (err != LT_ERR_PARSE || !name || !text ||
                lt__tools_keep_call(tools, reply, id, name, text))
                return cls;
        }
        if (!id || !*id) /* the raw turn must name what the results will name */
            json_object_set_new(call, "id", json_string(reply->calls[i].id));
    }
    return cls;
}

/* Calls that the server passed on as text; `calls` gets them in the usual shape. Returns the text
 * without them, or NULL when there is none. free() it. */
static char *calls_in_text(const char *text, json_t *calls)
{
    struct lt_buf rest;
    const char *open;
    enum lt_err err = LT_OK;
    lt_buf_init(&rest, LT_CLOUD_MAX_ANSWER_BYTES);
    while (!err && (open = strstr(text, TAG_OPEN))) {
        const char *body = open + strlen(TAG_OPEN), *close = strstr(body, TAG_CLOSE);
        size_t len = close ? (size_t)(close - body) : strlen(body);
        json_t *call = lt__parse(body, len);
        if (!lt__str(call, "name")) {
            json_decref(call);
            break;
        }
        json_t *args = json_object_get(call, "arguments");
        if (json_is_object(args)) { /* the usual shape has them as a string */
            char *as_text = lt_json_dump(args);
            json_object_set_new(call, "arguments", json_string(as_text ? as_text : "{}"));
            free(as_text);
        }
        json_array_append_new(calls, json_pack("{s:s,s:o}", "type", "function", "function", call));
        err = lt_buf_add(&rest, text, (size_t)(open - text));
        text = body + len + (close ? strlen(TAG_CLOSE) : 0);
    }
    if (!err) err = lt_buf_adds(&rest, text);
    char *out = err || strspn(lt_buf_str(&rest), " \r\n\t") == rest.n ? NULL : lt_buf_take(&rest);
    lt_buf_free(&rest);
    return out;
}

static enum lt_cloud_class class_of_finish(const json_t *choice, bool has_calls,
                                           struct lt_cloud_fault *f)
{
    const char *why = lt__str(choice, "finish_reason");
    const char *refusal = lt__str(json_object_get(choice, "message"), "refusal");
    if (why && strcmp(why, "length") == 0)
        return lt__fault(f, LT_CLS_TRUNCATED, why, "answer cut at the output limit");
    if (why && strcmp(why, "content_filter") == 0)
        return lt__fault(f, LT_CLS_REFUSED, why, "answer stopped: %s", why);
    if (why && strcmp(why, "error") == 0)
        return lt__fault(f, LT_CLS_OVERLOADED, why, "server failed in the middle of the answer");
    if (refusal && *refusal && !has_calls)
        return lt__fault(f, LT_CLS_REFUSED, "refusal", "the model refused");
    return LT_CLS_OK;
}

/* Keep what a request may hold; servers add much else. */
static char *raw_turn(json_t *content, json_t *calls)
{
    json_t *raw = json_pack("{s:s}", "role", "assistant");
    json_object_set_new(raw, "content", content);
    if (json_array_size(calls) > 0) json_object_set(raw, "tool_calls", calls);
    char *text = lt_json_dump(raw);
    json_decref(raw);
    return text;
}

static enum lt_cloud_class parse(struct lt_cloud_tools *tools, const char *text, size_t len,
                                 struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    enum lt_cloud_class cls;
    json_t *body = lt__parse(text, len), *calls, *own = NULL;
    const json_t *choice = json_array_get(json_object_get(body, "choices"), 0);
    const json_t *said = json_object_get(choice, "message");
    const json_t *error = json_object_get(body, "error");
    const char *model = lt__str(body, "model"), *words = lt__str(said, "content");
    char *rest = NULL;
    if (!json_is_object(body)) {
        cls = lt__fault(f, LT_CLS_MALFORMED, "", body ? "answer is no object" : "not JSON");
        goto out;
    }
    if (error && !json_is_null(error)) { /* routers report an upstream failure under status 200 */
        f->cls = LT_CLS_OVERLOADED;
        lt__openai_error(error, f);
        cls = f->cls;
        goto out;
    }
    lt__openai_usage(body, "prompt", "completion", &reply->usage);
    if (model) reply->model = strdup(model);
    if (!json_is_object(said)) {
        cls = lt__fault(f, LT_CLS_MALFORMED, "", "answer has no message");
        goto out;
    }
    calls = json_object_get(said, "tool_calls");
    if (json_array_size(calls) == 0 && words && strstr(words, TAG_OPEN)) {
        calls = own = json_array();
        rest = calls_in_text(words, own);
        words = rest;
    }
    cls = class_of_finish(choice, json_array_size(calls) > 0, f);
    if (cls == LT_CLS_OK) cls = take_calls(tools, calls, reply, f);
    if (cls == LT_CLS_REFUSED && !words) words = lt__str(said, "refusal");
    if (!lt__add_text(reply, words))
        cls = lt__fault(f, LT_CLS_MALFORMED, "", "no memory for the answer");
    if (cls != LT_CLS_REFUSED) {
        json_t *content = own ? json_string(words) : json_incref(json_object_get(said, "content"));
        reply->raw_turn = raw_turn(content ? content : json_null(), calls);
    }
out:
    free(rest);
    json_decref(own);
    json_decref(body);
    return cls;
}

/* ---- streamed: part 0 holds the words (and in `more` the refusal), the others a call each ------- */

/* How far may words be told? Not into what may become a call between tags. */
static size_t tellable(const char *text, size_t from)
{
    size_t i = from;
    for (; text[i]; i++)
        if (text[i] == '<' && (strncmp(text + i, TAG_OPEN, strlen(TAG_OPEN)) == 0 ||
                               strncmp(TAG_OPEN, text + i, strlen(text + i)) == 0))
            break;
    return i;
}

static enum lt_stream_step take_words(struct lt_stream *s, const char *text)
{
    struct lt_stream_part *p = lt__stream_part(s, 0);
    enum lt_stream_step step = lt__stream_add(s, &p->text, text);
    if (step != LT_STREAM_MORE) return step;
    size_t to = tellable(p->text.p, s->n_shown);
    char kept = p->text.p[to];
    p->text.p[to] = '\0';
    lt__stream_say(s, p->text.p + s->n_shown);
    p->text.p[to] = kept;
    s->n_shown = to;
    return step;
}

/* Which call does this piece belong to? Servers that give no index send a call in one piece, or name it
 * in the first only. */
static struct lt_stream_part *call_of(struct lt_stream *s, const json_t *piece)
{
    const json_t *index = json_object_get(piece, "index");
    bool is_new = lt__str(piece, "id") || lt__str(json_object_get(piece, "function"), "name");
    size_t last = s->n_parts > 1 ? s->n_parts - 1 : 0;
    if (json_is_integer(index)) return lt__stream_part(s, json_integer_value(index) + 1);
    return lt__stream_part(s, (int64_t)(is_new || !last ? last + 1 : last));
}

static enum lt_stream_step take_piece(struct lt_stream *s, const json_t *piece)
{
    const json_t *function = json_object_get(piece, "function");
    json_t *arguments = json_object_get(function, "arguments");
    struct lt_stream_part *p = call_of(s, piece);
    const char *id = lt__str(piece, "id"), *name = lt__str(function, "name");
    if (!p) return LT_STREAM_BAD;
    s->is_calling = true;
    if (!p->shell) p->shell = json_pack("{s:s}", "type", "function");
    if (id && *id) json_object_set_new(p->shell, "id", json_string(id));
    if (name && *name) json_object_set_new(p->shell, "name", json_string(name));
    if (!json_is_object(arguments))
        return lt__stream_add(s, &p->text, json_string_value(arguments));
    char *text = lt_json_dump(arguments);
    enum lt_stream_step step = lt__stream_add(s, &p->text, text);
    free(text);
    return step;
}

static enum lt_stream_step stream(struct lt_stream *s, const char *name, json_t *data)
{
    const json_t *choice = json_array_get(json_object_get(data, "choices"), 0), *delta, *why;
    static const char *const members[] = {"model", "usage", "service_tier", NULL};
    enum lt_stream_step step = LT_STREAM_IDLE;
    json_t *piece, *v;
    size_t i;
    (void)name;
    if (!data) /* [DONE]; some servers say no reason before it */
        return s->body ? LT_STREAM_WHOLE : lt__stream_bad(s, "it has no beginning");
    if (!json_is_object(data)) return lt__stream_bad(s, "an event is no object");
    v = json_object_get(data, "error");
    if (v && !json_is_null(v)) return lt__stream_body(s, data);
    if (json_object_get(s->body, "error")) return LT_STREAM_WHOLE;
    if (!s->body) s->body = json_object();
    for (i = 0; members[i]; i++) {
        v = json_object_get(data, members[i]);
        if (v && !json_is_null(v)) json_object_set(s->body, members[i], v);
    }
    if (!lt__stream_part(s, 0)) return LT_STREAM_BAD;
    delta = json_object_get(choice, "delta");
    step = take_words(s, lt__str(delta, "content"));
    if (step != LT_STREAM_BAD && lt__str(delta, "refusal"))
        step = lt__stream_add(s, &s->parts[0].more, lt__str(delta, "refusal"));
    if (lt__str(delta, "reasoning_content") || lt__str(delta, "reasoning")) step = LT_STREAM_MORE;
    json_array_foreach(json_object_get(delta, "tool_calls"), i, piece)
    {
        if (step != LT_STREAM_BAD) step = take_piece(s, piece);
    }
    why = json_object_get(choice, "finish_reason");
    if (step == LT_STREAM_BAD || !json_is_string(why)) return step;
    json_object_set_new(s->body, "finish_reason", json_string(json_string_value(why)));
    return LT_STREAM_WHOLE;
}

static bool whole(struct lt_stream *s)
{
    json_t *calls = json_array(), *message = json_pack("{s:s}", "role", "assistant"), *why;
    bool is_whole = true;
    for (size_t i = 1; i < s->n_parts; i++) {
        const char *id = lt__str(s->parts[i].shell, "id"),
                   *name = lt__str(s->parts[i].shell, "name");
        is_whole = is_whole && name;
        json_array_append_new(calls, json_pack("{s:s?,s:s,s:{s:s?,s:s}}", "id", id, "type",
                                               "function", "function", "name", name, "arguments",
                                               lt_buf_str(&s->parts[i].text)));
    }
    json_object_set_new(message, "content",
                        s->n_parts && s->parts[0].text.n ? json_string(s->parts[0].text.p)
                                                         : json_null());
    if (s->n_parts && s->parts[0].more.n)
        json_object_set_new(message, "refusal", json_string(s->parts[0].more.p));
    if (json_array_size(calls)) json_object_set(message, "tool_calls", calls);
    json_decref(calls);
    why = json_object_get(s->body, "finish_reason");
    json_object_set_new(
        s->body, "choices",
        json_pack("[{s:o,s:O}]", "message", message, "finish_reason", why ? why : json_null()));
    return is_whole;
}

const struct lt_adapter lt__openai_chat = {
    .name = "openai-chat",
    .provider = "openai",
    .default_url = NULL,
    .default_model = NULL,
    .key_header = "authorization",
    .key_prefix = "Bearer ",
    .request_id_header = "x-request-id",
    .url = url,
    .build = build,
    .parse = parse,
    .stream = stream,
    .whole = whole,
    .classify = lt__openai_classify,
};
