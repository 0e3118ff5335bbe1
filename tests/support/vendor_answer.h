/* vendor_answer.h - answers as each vendor words them, for tests that care what is said and not how.
 *
 * Adapters are numbered as in bad_answers.h: anthropic, gemini, openai, openai-chat. Every answer is
 * billed as 100 tokens in and 10 out. Results are malloc'ed. */
#ifndef VENDOR_ANSWER_H
#define VENDOR_ANSWER_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_VENDORS 4
static const char *const vendor_names[N_VENDORS] = {"anthropic", "gemini", "openai", "openai-chat"};
/* Behind http://127.0.0.1:<port>. */
static const char *const vendor_bases[N_VENDORS] = {"", "/v1beta", "/v1", "/v1"};

static inline char *vendor_dump(json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!text) abort();
    return text;
}

/* Calls of `names[i]` with `args[i]` (JSON text; for the OpenAI kinds it need not be JSON). */
static inline char *vendor_calls(int vendor, int n, const char *const *names,
                                 const char *const *args)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        char id[24];
        snprintf(id, sizeof id, "call_%d", i + 1);
        json_t *input = vendor < 2 ? json_loads(args[i], 0, NULL) : NULL;
        if (vendor == 0)
            json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o}", "type", "tool_use", "id", id,
                                                  "name", names[i], "input", input));
        else if (vendor == 1)
            json_array_append_new(list, json_pack("{s:{s:s,s:o,s:s},s:s}", "functionCall", "name",
                                                  names[i], "args", input, "id", id,
                                                  "thoughtSignature", "c2ln"));
        else if (vendor == 2)
            json_array_append_new(list,
                                  json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "type", "function_call",
                                            "id", "fc_1", "call_id", id, "name", names[i],
                                            "arguments", args[i], "status", "completed"));
        else
            json_array_append_new(list,
                                  json_pack("{s:s,s:s,s:{s:s,s:s}}", "id", id, "type", "function",
                                            "function", "name", names[i], "arguments", args[i]));
    }
    if (vendor == 0) {
        json_array_insert_new(list, 0,
                              json_pack("{s:s,s:s,s:s}", "type", "thinking", "thinking", "",
                                        "signature", "c2lnbmF0dXJl"));
        return vendor_dump(json_pack("{s:s,s:s,s:s,s:s,s:o,s:s,s:{s:i,s:i}}", "id", "msg_1", "type",
                                     "message", "role", "assistant", "model", "claude-haiku-5-5",
                                     "content", list, "stop_reason", "tool_use", "usage",
                                     "input_tokens", 100, "output_tokens", 10));
    }
    if (vendor == 1)
        return vendor_dump(json_pack("{s:[{s:{s:s,s:o},s:s}],s:{s:i,s:i}}", "candidates", "content",
                                     "role", "model", "parts", list, "finishReason", "STOP",
                                     "usageMetadata", "promptTokenCount", 100,
                                     "candidatesTokenCount", 10));
    if (vendor == 2) {
        json_array_insert_new(list, 0,
                              json_pack("{s:s,s:s,s:[],s:s}", "type", "reasoning", "id", "rs_1",
                                        "summary", "encrypted_content", "b3BhcXVl"));
        return vendor_dump(json_pack("{s:s,s:o,s:{s:i,s:i}}", "status", "completed", "output", list,
                                     "usage", "input_tokens", 100, "output_tokens", 10));
    }
    return vendor_dump(json_pack("{s:[{s:i,s:{s:s,s:n,s:o},s:s}],s:{s:i,s:i}}", "choices", "index",
                                 0, "message", "role", "assistant", "content", "tool_calls", list,
                                 "finish_reason", "tool_calls", "usage", "prompt_tokens", 100,
                                 "completion_tokens", 10));
}

static inline char *vendor_call(int vendor, const char *name, const char *args)
{
    return vendor_calls(vendor, 1, &name, &args);
}

/* A call with words beside it. */
static inline char *vendor_said_call(int vendor, const char *words, const char *name,
                                     const char *args)
{
    char *plain = vendor_call(vendor, name, args);
    json_t *o = json_loads(plain, 0, NULL), *at;
    free(plain);
    if (vendor == 0)
        json_array_insert_new(json_object_get(o, "content"), 1,
                              json_pack("{s:s,s:s}", "type", "text", "text", words));
    if (vendor == 1) {
        at = json_object_get(json_array_get(json_object_get(o, "candidates"), 0), "content");
        json_array_insert_new(json_object_get(at, "parts"), 0, json_pack("{s:s}", "text", words));
    }
    if (vendor == 2)
        json_array_insert_new(json_object_get(o, "output"), 1,
                              json_pack("{s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:[]}]}", "type", "message",
                                        "id", "msg_1", "role", "assistant", "status", "completed",
                                        "content", "type", "output_text", "text", words,
                                        "annotations"));
    if (vendor == 3) {
        at = json_object_get(json_array_get(json_object_get(o, "choices"), 0), "message");
        json_object_set_new(at, "content", json_string(words));
    }
    return vendor_dump(o);
}

static inline char *vendor_text(int vendor, const char *text)
{
    if (vendor == 0)
        return vendor_dump(json_pack("{s:s,s:s,s:s,s:[{s:s,s:s}],s:s,s:{s:i,s:i}}", "id", "msg_2",
                                     "type", "message", "role", "assistant", "content", "type",
                                     "text", "text", text, "stop_reason", "end_turn", "usage",
                                     "input_tokens", 100, "output_tokens", 10));
    if (vendor == 1)
        return vendor_dump(json_pack("{s:[{s:{s:s,s:[{s:s}]},s:s}],s:{s:i,s:i}}", "candidates",
                                     "content", "role", "model", "parts", "text", text,
                                     "finishReason", "STOP", "usageMetadata", "promptTokenCount",
                                     100, "candidatesTokenCount", 10));
    if (vendor == 2)
        return vendor_dump(json_pack("{s:s,s:[{s:s,s:[{s:s,s:s}]}],s:{s:i,s:i}}", "status",
                                     "completed", "output", "type", "message", "content", "type",
                                     "output_text", "text", text, "usage", "input_tokens", 100,
                                     "output_tokens", 10));
    return vendor_dump(json_pack("{s:[{s:i,s:{s:s,s:s},s:s}],s:{s:i,s:i}}", "choices", "index", 0,
                                 "message", "role", "assistant", "content", text, "finish_reason",
                                 "stop", "usage", "prompt_tokens", 100, "completion_tokens", 10));
}

/* One event of a stream; `o` is consumed, `end` written behind it. */
static inline void vendor_event(FILE *f, json_t *o, const char *end)
{
    char *text = vendor_dump(o);
    fprintf(f, "data: %s%s", text, end);
    free(text);
}

/* A streamed answer: n pieces of words (more to come when `is_cut`), then a call when `name` is not NULL. */
static inline char *vendor_stream(int vendor, int n, const char *const *words, const char *name,
                                  const char *args, int is_cut)
{
    static const char *const end[] = {"\n\n", "\r\n\r\n", "\n\n", "\n\n"};
    const char *e = end[vendor];
    char *out = NULL, *all;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size), *whole = open_memstream(&all, &size);
    for (int i = 0; i < n; i++) fputs(words[i], whole);
    fclose(whole);
    if (vendor == 0) {
        vendor_event(f,
                     json_pack("{s:s,s:{s:s,s:[],s:{s:i}}}", "type", "message_start", "message",
                               "role", "assistant", "content", "usage", "input_tokens", 100),
                     e);
        if (n)
            vendor_event(f,
                         json_pack("{s:s,s:i,s:{s:s,s:s}}", "type", "content_block_start", "index",
                                   0, "content_block", "type", "text", "text", ""),
                         e);
    }
    for (int i = 0; i < n; i++) {
        if (vendor == 0)
            vendor_event(f,
                         json_pack("{s:s,s:i,s:{s:s,s:s}}", "type", "content_block_delta", "index",
                                   0, "delta", "type", "text_delta", "text", words[i]),
                         e);
        else if (vendor == 1)
            vendor_event(f,
                         json_pack("{s:[{s:{s:s,s:[{s:s}]}}]}", "candidates", "content", "role",
                                   "model", "parts", "text", words[i]),
                         e);
        else if (vendor == 2)
            vendor_event(f,
                         json_pack("{s:s,s:i,s:s}", "type", "response.output_text.delta",
                                   "output_index", 0, "delta", words[i]),
                         e);
        else
            vendor_event(f,
                         json_pack("{s:[{s:i,s:{s:s}}]}", "choices", "index", 0, "delta", "content",
                                   words[i]),
                         e);
    }
    if (!is_cut && vendor == 0) {
        int at = n > 0;
        if (n) vendor_event(f, json_pack("{s:s,s:i}", "type", "content_block_stop", "index", 0), e);
        if (name) {
            vendor_event(f,
                         json_pack("{s:s,s:i,s:{s:s,s:s,s:s,s:{}}}", "type", "content_block_start",
                                   "index", at, "content_block", "type", "tool_use", "id", "call_1",
                                   "name", name, "input"),
                         e);
            vendor_event(f,
                         json_pack("{s:s,s:i,s:{s:s,s:s}}", "type", "content_block_delta", "index",
                                   at, "delta", "type", "input_json_delta", "partial_json", args),
                         e);
            vendor_event(f, json_pack("{s:s,s:i}", "type", "content_block_stop", "index", at), e);
        }
        vendor_event(f,
                     json_pack("{s:s,s:{s:s},s:{s:i}}", "type", "message_delta", "delta",
                               "stop_reason", name ? "tool_use" : "end_turn", "usage",
                               "output_tokens", 10),
                     e);
        vendor_event(f, json_pack("{s:s}", "type", "message_stop"), e);
    } else if (!is_cut && vendor == 1) {
        json_t *parts = name ? json_pack("[{s:{s:s,s:o}}]", "functionCall", "name", name, "args",
                                         json_loads(args, 0, NULL))
                             : json_array();
        vendor_event(f,
                     json_pack("{s:[{s:{s:s,s:o},s:s}],s:{s:i,s:i}}", "candidates", "content",
                               "role", "model", "parts", parts, "finishReason", "STOP",
                               "usageMetadata", "promptTokenCount", 100, "candidatesTokenCount",
                               10),
                     e);
    } else if (!is_cut && vendor == 2) {
        json_t *items = json_array();
        if (n)
            json_array_append_new(items, json_pack("{s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:[]}]}", "type",
                                                   "message", "id", "msg_1", "role", "assistant",
                                                   "status", "completed", "content", "type",
                                                   "output_text", "text", all, "annotations"));
        if (name)
            json_array_append_new(items,
                                  json_pack("{s:s,s:s,s:s,s:s}", "type", "function_call", "call_id",
                                            "call_1", "name", name, "arguments", args));
        vendor_event(f,
                     json_pack("{s:s,s:{s:s,s:o,s:{s:i,s:i}}}", "type", "response.completed",
                               "response", "status", "completed", "output", items, "usage",
                               "input_tokens", 100, "output_tokens", 10),
                     e);
    } else if (!is_cut) {
        if (name)
            vendor_event(f,
                         json_pack("{s:[{s:i,s:{s:[{s:i,s:s,s:{s:s,s:s}}]}}]}", "choices", "index",
                                   0, "delta", "tool_calls", "index", 0, "id", "call_1", "function",
                                   "name", name, "arguments", args),
                         e);
        vendor_event(f,
                     json_pack("{s:[{s:i,s:{},s:s}]}", "choices", "index", 0, "delta",
                               "finish_reason", name ? "tool_calls" : "stop"),
                     e);
        vendor_event(f,
                     json_pack("{s:[],s:{s:i,s:i}}", "choices", "usage", "prompt_tokens", 100,
                               "completion_tokens", 10),
                     e);
        fprintf(f, "data: [DONE]%s", e);
    }
    fclose(f);
    free(all);
    return out;
}

#endif
