/* openai_responses.c - GPT, through the Responses API.
 *
 * Nothing is stored at the vendor (`store` false), so a next step sends the earlier output items
 * back. A raw turn is the answer's `output` array as it came, reasoning items with their encrypted
 * content included. Calls and results pair by call_id. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define MIN_OUTPUT_TOKENS 16 /* the API refuses less */

static enum lt_err url(const struct lt_cloud_endpoint *e, const char *base, const char *model,
                       bool is_streamed, struct lt_buf *out, struct lt_diag *diag)
{
    (void)e, (void)model, (void)is_streamed;
    enum lt_err err = lt_buf_addf(out, "%s/responses", base);
    return err ? lt_fail(diag, err, "address too long") : LT_OK;
}

/* `strict` is always said: left out, the server rewrites the schema in its own way. */
static json_t *tool(const struct lt_tool_view *v, bool is_strict_said)
{
    (void)is_strict_said;
    return json_pack("{s:s,s:s,s:s,s:O,s:b}", "type", "function", "name", v->name, "description",
                     v->description, "parameters", v->schema, "strict", (int)v->is_strict);
}

static json_t *message(bool is_user, const char *text)
{
    return json_pack("{s:s,s:s}", "role", is_user ? "user" : "assistant", "content", text);
}

static void add_results(json_t *input, const struct lt_cloud_tools *tools,
                        const struct lt_cloud_turn *t)
{
    (void)tools;
    for (size_t i = 0; i < t->n_results; i++)
        json_array_append_new(input, json_pack("{s:s,s:s,s:o}", "type", "function_call_output",
                                               "call_id", t->results[i].call_id, "output",
                                               lt__result_text(&t->results[i])));
}

static const struct lt_turn_form TURNS = {message, add_results, NULL};

static enum lt_err build(const struct lt_cloud_endpoint *e, const char *model,
                         const struct lt_cloud_request *req, struct lt_buf *out,
                         struct lt_diag *diag)
{
    static const char *const choice[] = {"auto", "required", "none"};
    int limit = req->max_tokens > 0 ? req->max_tokens : LT_CLOUD_MAX_TOKENS;
    const char *effort = lt__openai_effort(e, model);
    char *text = NULL, *words = NULL, key[40];
    json_t *body, *part, *input;
    enum lt_err err = lt__check_request(req, diag);
    if (err) return err;
    err = LT_ERR_NOMEM; /* until the texts and tools are there */
    body = json_pack("{s:s,s:b}", "model", model, "store", 0);
    words = lt__system_text(req);
    text = lt__user_text(req);
    if (!words || !text) goto end;
    if (*words) json_object_set_new(body, "instructions", json_string(words));
    if (lt_cloud_tools_count(req->tools) > 0) {
        part = lt__tool_list(
            req->tools, e->is_strict_off ? LT_DIALECT_PLAIN : LT_DIALECT_OPENAI_STRICT, tool, true);
        if (!part) goto end;
        json_object_set_new(body, "tools", part);
        json_object_set_new(body, "tool_choice", json_string(choice[req->choice]));
        json_object_set_new(body, "parallel_tool_calls", json_boolean(!req->is_one_call_only));
        /* Requests with the same prefix should meet the same cache. */
        snprintf(key, sizeof key, "lintel-%016" PRIx64, lt__tools_hash(req->tools));
        json_object_set_new(body, "prompt_cache_key", json_string(key));
    }
    if (effort) {
        json_object_set_new(body, "reasoning", json_pack("{s:s}", "effort", effort));
        json_object_set_new(body, "text", json_pack("{s:s}", "verbosity", "low"));
    }
    json_object_set_new(body, "max_output_tokens",
                        json_integer(limit < MIN_OUTPUT_TOKENS ? MIN_OUTPUT_TOKENS : limit));
    if (e->user_hash) json_object_set_new(body, "safety_identifier", json_string(e->user_hash));
    if (lt__is_streamed(e, req)) {
        json_object_set_new(body, "stream", json_true());
        json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_obfuscation", 0));
    }
    input = json_array();
    json_object_set_new(body, "input", input);
    err = lt__add_turns(input, &TURNS, req->tools, req->history, req->n_history, diag);
    json_array_append_new(input, message(true, text));
    if (!err) err = lt__add_turns(input, &TURNS, req->tools, req->turns, req->n_turns, diag);
end:
    free(words);
    free(text);
    return lt__end_body(body, err, out, diag);
}

static enum lt_cloud_class class_of_status(const json_t *body, struct lt_cloud_fault *f)
{
    const char *status = lt__str(body, "status");
    if (!status) return lt__fault(f, LT_CLS_MALFORMED, "", "answer has no status");
    if (strcmp(status, "completed") == 0) return LT_CLS_OK;
    if (strcmp(status, "incomplete") == 0) {
        const char *why = lt__str(json_object_get(body, "incomplete_details"), "reason");
        if (why && strcmp(why, "content_filter") == 0)
            return lt__fault(f, LT_CLS_REFUSED, why, "answer stopped: %s", why);
        return lt__fault(f, LT_CLS_TRUNCATED, why, "answer cut: %s", why ? why : "no reason given");
    }
    if (strcmp(status, "failed") == 0) {
        f->cls = LT_CLS_OVERLOADED;
        lt__openai_error(json_object_get(body, "error"), f);
        return f->cls;
    }
    return lt__fault(f, LT_CLS_MALFORMED, status, "answer ended as '%s'", status);
}

/* Words and refusals of one message item. */
static enum lt_cloud_class take_message(const json_t *item, struct lt_cloud_reply *reply,
                                        enum lt_cloud_class cls, struct lt_cloud_fault *f)
{
    json_t *part;
    size_t i;
    json_array_foreach(json_object_get(item, "content"), i, part)
    {
        const char *type = lt__str(part, "type");
        if (type && strcmp(type, "refusal") == 0) {
            if (!lt__add_text(reply, lt__str(part, "refusal")))
                return lt__fault(f, LT_CLS_MALFORMED, "", "no memory for the answer");
            if (cls == LT_CLS_OK)
                cls = lt__fault(f, LT_CLS_REFUSED, "refusal", "the model refused");
        } else if (type && strcmp(type, "output_text") == 0 &&
                   !lt__add_text(reply, lt__str(part, "text"))) {
            return lt__fault(f, LT_CLS_MALFORMED, "", "no memory for the answer");
        }
    }
    return cls;
}

static enum lt_cloud_class take_call(struct lt_cloud_tools *tools, const json_t *item,
                                     struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    const char *name = lt__str(item, "name"), *text = lt__str(item, "arguments");
    /* No arguments at all come as an empty string from some servers. */
    json_t *args = text && !*text ? json_object() : text ? lt__parse(text, strlen(text)) : NULL;
    enum lt_cloud_class cls = LT_CLS_OK;
    if (!name || !json_is_object(args) ||
        lt__tools_take_call(tools, reply, lt__str(item, "call_id"), name, args)) {
        cls = lt__fault(f, LT_CLS_MALFORMED, "function_call", "call of '%.64s' not understood",
                        name ? name : "?");
        if (name && text && !json_is_object(args)) /* whoever asked may tell the model */
            (void)!lt__tools_keep_call(tools, reply, lt__str(item, "call_id"), name, text);
    }
    json_decref(args);
    return cls;
}

static enum lt_cloud_class parse(struct lt_cloud_tools *tools, const char *text, size_t len,
                                 struct lt_cloud_reply *reply, struct lt_cloud_fault *f)
{
    enum lt_cloud_class cls;
    json_t *body = lt__parse(text, len), *item;
    json_t *output = json_object_get(body, "output");
    const char *model = lt__str(body, "model");
    size_t i;
    if (!json_is_object(body)) {
        cls = lt__fault(f, LT_CLS_MALFORMED, "", body ? "answer is no object" : "not JSON");
        goto out;
    }
    lt__openai_usage(body, "input", "output", &reply->usage);
    if (model) reply->model = strdup(model);
    cls = class_of_status(body, f);
    if (cls == LT_CLS_OK && !json_is_array(output))
        cls = lt__fault(f, LT_CLS_MALFORMED, "", "answer has no output");
    json_array_foreach(output, i, item)
    {
        const char *type = lt__str(item, "type"), *phase = lt__str(item, "phase");
        if (type && strcmp(type, "message") == 0) {
            if (!phase || strcmp(phase, "commentary") != 0) /* thinking aloud is not the answer */
                cls = take_message(item, reply, cls, f);
        } else if (type && strcmp(type, "function_call") == 0 &&
                   (cls == LT_CLS_OK || reply->n_calls > 0)) {
            enum lt_cloud_class one = take_call(tools, item, reply, f);
            if (one != LT_CLS_OK) cls = one;
        }
    }
    if (json_array_size(output) > 0) reply->raw_turn = lt_json_dump(output);
out:
    json_decref(body);
    return cls;
}

/* ---- streamed: items that begin, grow and end; the last event holds the answer ------------------ */

static bool is_commentary(const json_t *item)
{
    const char *phase = lt__str(item, "phase");
    return phase && strcmp(phase, "commentary") == 0;
}

static enum lt_stream_step take_item(struct lt_stream *s, const json_t *data, bool is_ended)
{
    struct lt_stream_part *p = lt__stream_part(s, lt__int(data, "output_index"));
    json_t *item = json_object_get(data, "item");
    const char *type = lt__str(item, "type"), *arguments = lt__str(item, "arguments");
    if (!p) return LT_STREAM_BAD;
    if (!type) return lt__stream_bad(s, "an item without type");
    if (p->is_ended || (p->shell && !is_ended))
        return lt__stream_bad(s, "item %d comes twice", (int)lt__int(data, "output_index"));
    json_decref(p->shell);
    p->shell = json_deep_copy(item);
    p->is_ended = is_ended;
    if (strcmp(type, "function_call") != 0) return is_ended ? LT_STREAM_MORE : LT_STREAM_IDLE;
    s->is_calling = true;
    if (is_ended && p->text.n && (!arguments || !*arguments)) /* only the pieces had them */
        json_object_set_new(p->shell, "arguments", json_string(p->text.p));
    return LT_STREAM_MORE;
}

static enum lt_stream_step take_delta(struct lt_stream *s, const json_t *data, bool is_spoken)
{
    struct lt_stream_part *p = lt__stream_part(s, lt__int(data, "output_index"));
    const char *delta = lt__str(data, "delta");
    if (!p) return LT_STREAM_BAD;
    if (p->is_ended) return lt__stream_bad(s, "a piece of an item that has ended");
    if (is_spoken && !is_commentary(p->shell)) lt__stream_say(s, delta);
    return lt__stream_add(s, &p->text, delta);
}

static enum lt_stream_step stream(struct lt_stream *s, const char *name, json_t *data)
{
    const char *type = lt__str(data, "type");
    json_t *response = json_object_get(data, "response");
    (void)name; /* the data says the same */
    if (!type || s->is_whole) return LT_STREAM_IDLE;
    if (strcmp(type, "response.output_text.delta") == 0) return take_delta(s, data, true);
    if (strcmp(type, "response.function_call_arguments.delta") == 0)
        return take_delta(s, data, false);
    if (strcmp(type, "response.output_item.added") == 0) return take_item(s, data, false);
    if (strcmp(type, "response.output_item.done") == 0) return take_item(s, data, true);
    if (strcmp(type, "error") == 0) {
        json_t *body = json_pack(
            "{s:s,s:O}", "status", "failed", "error",
            json_is_object(json_object_get(data, "error")) ? json_object_get(data, "error") : data);
        (void)lt__stream_body(s, body);
        json_decref(body);
        return LT_STREAM_WHOLE;
    }
    if (strcmp(type, "response.completed") == 0 || strcmp(type, "response.incomplete") == 0 ||
        strcmp(type, "response.failed") == 0)
        return json_is_object(response) ? lt__stream_body(s, response)
                                        : lt__stream_bad(s, "its last event has no answer");
    return strstr(type, ".delta") ? LT_STREAM_MORE : LT_STREAM_IDLE; /* thoughts, refusals */
}

/* The items as they ended hold more than the last event repeats (encrypted thoughts). */
static bool whole(struct lt_stream *s)
{
    json_t *output = json_object_get(s->body, "output"), *items;
    const char *status = lt__str(s->body, "status");
    size_t n_ended = 0;
    for (size_t i = 0; i < s->n_parts; i++) n_ended += s->parts[i].is_ended;
    if (!status || strcmp(status, "completed") != 0 || n_ended == 0) return true;
    if (json_array_size(output) > n_ended) return true; /* the last event tells more */
    items = json_array();
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i].is_ended) json_array_append(items, s->parts[i].shell);
    json_object_set_new(s->body, "output", items);
    return n_ended == s->n_parts;
}

const struct lt_adapter lt__openai_responses = {
    .name = "openai",
    .provider = "openai",
    .default_url = "https://api.openai.com/v1",
    .default_model = "gpt-6-luna",
    .key_header = "authorization",
    .key_prefix = "Bearer ",
    .request_id_header = "x-request-id",
    .model_path = "/models/",
    .url = url,
    .build = build,
    .parse = parse,
    .stream = stream,
    .whole = whole,
    .classify = lt__openai_classify,
};
