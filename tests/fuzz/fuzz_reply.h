/* fuzz_reply.h - what every reply of a model vendor must fulfil, streamed or not. */
#ifndef FUZZ_REPLY_H
#define FUZZ_REPLY_H

#include <jansson.h>

#include "fuzz.h"
#include "lt/adapter.h"
#include "lt/json.h"

static struct lt_cloud_tools *home_tools(void)
{
    struct lt_cloud_tools *tools = NULL;
    struct lt_diag diag = {0};
    json_t *json = NULL;
    fuzz_need(lt_json_read_file(TEST_DATA_DIR "/adapters/home-tools.json", 1u << 20, &json, &diag),
              &diag);
    json_t *list = json_is_object(json) ? json_object_get(json, "tools") : json;
    char *text = lt_json_dump(list);
    fuzz_need(lt_cloud_tools_new(text, strlen(text), &tools, &diag), &diag);
    free(text);
    json_decref(json);
    return tools;
}

/* The reply goes back with a result for each of its calls. */
static void next_step(const struct lt_adapter *a, struct lt_cloud_tools *tools,
                      const struct lt_cloud_reply *reply)
{
    struct lt_cloud_tool_result results[LT_CLOUD_MAX_CALLS];
    for (size_t i = 0; i < reply->n_calls; i++)
        results[i] = (struct lt_cloud_tool_result){
            .call_id = reply->calls[i].id, .name = reply->calls[i].name, .output = "done"};
    struct lt_cloud_turn turns[] = {
        {.kind = LT_TURN_RAW, .text = reply->raw_turn},
        {.kind = LT_TURN_RESULTS, .results = results, .n_results = reply->n_calls}};
    struct lt_cloud_request req = {
        .tools = tools, .utterance = "hello", .turns = turns, .n_turns = reply->n_calls ? 2 : 1};
    struct lt_cloud_endpoint e = {.adapter = a->name, .base_url = "http://localhost", .model = "m"};
    struct lt_diag diag = {0};
    struct lt_buf body;
    lt_buf_init(&body, LT_CLOUD_MAX_BODY_BYTES);
    enum lt_err err = a->build(&e, "m", &req, &body, &diag);
    if (err) fprintf(stderr, "%s\n", diag.text);
    FUZZ_MUST(!err);
    json_t *json = json_loads(lt_buf_str(&body), JSON_REJECT_DUPLICATES, NULL);
    FUZZ_MUST(json_is_object(json));
    json_decref(json);
    lt_buf_free(&body);
}

static void check_reply(const struct lt_adapter *a, struct lt_cloud_tools *tools,
                        const struct lt_cloud_reply *reply)
{
    FUZZ_MUST(reply->n_calls <= LT_CLOUD_MAX_CALLS);
    for (size_t i = 0; i < reply->n_calls; i++) {
        const struct lt_cloud_call *c = &reply->calls[i];
        FUZZ_MUST(c->id && c->name && c->arguments_json);
        json_t *arguments = json_loads(c->arguments_json, 0, NULL);
        FUZZ_MUST(json_is_object(arguments));
        json_decref(arguments);
    }
    if (reply->raw_turn) next_step(a, tools, reply);
}

#endif
