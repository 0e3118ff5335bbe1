/* result.h - the result object: what `lintel call`, a response and a line of `lintel eval` share.
 *
 * One struct of facts becomes the JSON of schema/json/result.schema.json. Pure functions. */
#ifndef LT_RESULT_H
#define LT_RESULT_H

#include <jansson.h>
#include <stdint.h>

#include "ask.h"
#include "lt/err.h"
#include "lt/router.h"

/* Borrowed for the call. NULL (and -1 for numbers) leaves a member out. */
struct lt_result {
    const char *id;
    enum lt_route route;
    const char *why;     /* reason code */
    const json_t *calls; /* NULL gives [] */
    double confidence;   /* -1: the network did not answer */
    const char *model, *speech, *trace;
    const char *lang;                                 /* of the speech: two letters, or NULL */
    int64_t total_us, encode_us, decode_us, cloud_us; /* -1: absent */
    const json_t *choices;                            /* labels to choose from, NULL: absent */
    int64_t cost_usd_micro;                           /* 0: absent */
    const json_t *outcome;                            /* what happened to each device, or NULL */
    const json_t *done; /* clarify: calls that were carried out before the question, or NULL */
    const char *error_code, *error_field, *error_text; /* error_code NULL: no error */
};

/* All absent: -1 where -1 means that. */
void lt_result_init(struct lt_result *r);
/* The object; a new reference, NULL when out of memory. */
json_t *lt_result_json(const struct lt_result *r);
/* What to say of a route when nobody supplied words: a question for clarify, an apology for refused and none,
 * "" else. */
void lt_result_speech(const struct lt_tongue *t, const struct lt_catalog *c, enum lt_route route,
                      const json_t *calls, char *out, size_t cap);

#endif
