/* result.c - members in the order people read them. */
#include "result.h"

#include <stdio.h>
#include <string.h>

void lt_result_init(struct lt_result *r)
{
    memset(r, 0, sizeof *r);
    r->confidence = -1;
    r->total_us = r->encode_us = r->decode_us = r->cloud_us = -1;
}

/* Set `key` unless the value is absent; steals v. */
static int put(json_t *o, const char *key, json_t *v)
{
    return v ? json_object_set_new(o, key, v) : 0;
}

static int put_text(json_t *o, const char *key, const char *s)
{
    return s ? json_object_set_new(o, key, json_string(s)) : 0;
}

static int put_us(json_t *o, const char *key, int64_t us)
{
    return us >= 0 ? json_object_set_new(o, key, json_integer(us)) : 0;
}

json_t *lt_result_json(const struct lt_result *r)
{
    json_t *o = json_object(), *us = json_object(), *error = NULL;
    int bad = !o || !us;
    bad |= put_text(o, "id", r->id);
    bad |= put_text(o, "route", lt_route_word(r->route));
    bad |= put(o, "calls", r->calls ? json_deep_copy(r->calls) : json_array());
    if (r->confidence >= 0) bad |= put(o, "confidence", json_real(r->confidence));
    bad |= put_text(o, "model", r->model);
    bad |= put_text(o, "speech", r->speech && *r->speech ? r->speech : NULL);
    bad |= put_text(o, "trace", r->trace);
    bad |= put_us(us, "total", r->total_us);
    bad |= put_us(us, "encode", r->encode_us);
    bad |= put_us(us, "decode", r->decode_us);
    bad |= put_us(us, "cloud", r->cloud_us);
    if (json_object_size(us))
        bad |= put(o, "latency_us", us);
    else
        json_decref(us);
    if (r->cost_usd_micro > 0) bad |= put(o, "cost_usd_micro", json_integer(r->cost_usd_micro));
    bad |= put_text(o, "why", r->why);
    if (r->choices) bad |= put(o, "choices", json_deep_copy(r->choices));
    if (json_array_size(r->done)) bad |= put(o, "done", json_deep_copy(r->done));
    if (r->outcome) bad |= put(o, "outcome", json_deep_copy(r->outcome));
    if (r->error_code) {
        error = json_object();
        bad |= !error;
        bad |= put_text(error, "code", r->error_code);
        bad |= put_text(error, "field", r->error_field);
        bad |= put_text(error, "text", r->error_text ? r->error_text : "");
        bad |= put(o, "error", error);
    }
    if (!bad) return o;
    json_decref(o);
    return NULL;
}

/* "HassTurnOff Kitchen Light" for a call: its name and its arguments' values. */
void lt_result_call_words(const json_t *call, char *out, size_t cap)
{
    const char *key, *name = json_string_value(json_object_get(call, "name"));
    json_t *value;
    size_t n = (size_t)snprintf(out, cap, "%s", name ? name : "?");
    json_object_foreach(json_object_get(call, "arguments"), key, value)
    {
        if (n + 1 >= cap) return;
        if (json_is_string(value))
            n += (size_t)snprintf(out + n, cap - n, " %s", json_string_value(value));
        else if (json_is_number(value))
            n += (size_t)snprintf(out + n, cap - n, " %g", json_number_value(value));
    }
}

void lt_result_speech(enum lt_route route, const json_t *calls, char *out, size_t out_bytes)
{
    char words[160];
    *out = '\0';
    if (route == LT_ROUTE_CLARIFY && json_array_size(calls)) {
        lt_result_call_words(json_array_get(calls, 0), words, sizeof words);
        snprintf(out, out_bytes, "Did you mean: %s?", words);
    } else if (route == LT_ROUTE_CLARIFY) {
        snprintf(out, out_bytes, "What exactly shall I do?");
    } else if (route == LT_ROUTE_REFUSED) {
        snprintf(out, out_bytes, "Sorry, I did not do that.");
    } else if (route == LT_ROUTE_NONE) {
        snprintf(out, out_bytes, "I have nothing here that does this.");
    }
}
