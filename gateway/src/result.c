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
    bad |= put_text(o, "lang", r->speech && *r->speech ? r->lang : NULL);
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

void lt_result_speech(const struct lt_tongue *t, const struct lt_catalog *c, enum lt_route route,
                      const json_t *calls, char *out, size_t cap)
{
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    const char *key = route == LT_ROUTE_CLARIFY   ? "what"
                      : route == LT_ROUTE_REFUSED ? "refused"
                      : route == LT_ROUTE_NONE    ? "nothing"
                                                  : NULL;
    *out = '\0';
    if (route == LT_ROUTE_CLARIFY && json_array_size(calls)) {
        lt_ask_confirm(t, c, calls, 0, &q);
        snprintf(out, cap, "%s", q.speech);
        lt_question_free(&q);
    } else if (key) {
        lt_say(t, key, NULL, out, cap);
    }
}
