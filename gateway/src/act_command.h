/* act_command.h - what must be sent to a device so that a call comes true, and how one sees that it has.
 *
 * A plan is made from a tool call and what discovery knows of one device (discovery.h): messages to
 * publish, and what the device's state topics should report afterwards. The rules are Home Assistant's
 * (turning a cover, valve or lock "on" opens or locks it; docs of the MQTT integrations) and
 * Zigbee2MQTT's (one JSON object a message). Values are converted to the device's own: per cent to its
 * brightness or speed range, kelvin to mired, colour names to what it takes.
 * Pure; threads: any, as long as nobody feeds the discovery that owns the thing. */
#ifndef LT_ACT_COMMAND_H
#define LT_ACT_COMMAND_H

#include <jansson.h>

#include "answers.h"
#include "discovery.h"

#define LT_ACT_SENDS_MAX     6    /* most messages of one device and call */
#define LT_ACT_PAYLOAD_BYTES 1024 /* longest payload */
#define LT_ACT_REFUSAL_BYTES 300  /* longest sentence that tells why not */

struct lt_act_send {
    const char *topic; /* the thing's */
    char payload[LT_ACT_PAYLOAD_BYTES];
};
/* What a feature should report. */
struct lt_act_expect {
    const struct lt_feature *feature; /* the thing's; with a state topic */
    char meaning[64];                 /* "on", "closed", an option; "" for a number */
    double number, tolerance;
};
/* Why a device cannot do what was asked: a key (answers.h) and what fills its sentence. */
struct lt_act_refusal {
    const char *key;         /* NULL: only the error's text tells */
    const char *word;        /* colour or option; borrowed from the call's arguments, or NULL */
    double low, high, value; /* a range, and what was asked for */
};
struct lt_act_plan {
    struct lt_act_send sends[LT_ACT_SENDS_MAX];
    int n_sends;
    struct lt_act_expect expects[LT_ACT_SENDS_MAX];
    int n_expects;                 /* 0: the device reports nothing that could confirm the call */
    struct lt_act_refusal refusal; /* with an error */
};

/* Does this tool work devices (HassTurnOn, HassLightSet, …)? */
int lt_act_is_for_devices(const char *tool);
/* Domains that the tool works on, ends with NULL; NULL: any. */
const char *const *lt_act_domains(const char *tool);
/* Plan `tool` with `args` for the thing. LT_ERR_UNSUPPORTED (the device cannot do it), LT_ERR_INVALID (a
 * value out of its range), LT_ERR_LIMIT; the text says what, in English, out->refusal in any tongue. */
LT_NODISCARD enum lt_err lt_act_plan_call(const struct lt_thing *t, const char *tool,
                                          const json_t *args, struct lt_act_plan *out,
                                          struct lt_diag *diag);

/* Say why not, of the thing called `name`. 0, and nothing written, without a key. */
int lt_act_say_refusal(const struct lt_tongue *t, const char *name,
                       const struct lt_act_refusal *why, char *out, size_t cap);

/* What a feature reports: its meaning ("on") or text to `meaning`, a number to *number (NAN for none).
 * LT_ERR_NOTFOUND when the payload says nothing about the feature, LT_ERR_UNSUPPORTED. */
LT_NODISCARD enum lt_err lt_act_read(const struct lt_feature *f, const char *payload, char *meaning,
                                     size_t cap, double *number);
/* Does the payload of the expectation's state topic fulfil it? */
int lt_act_is_met(const struct lt_act_expect *e, const char *payload);

#endif
