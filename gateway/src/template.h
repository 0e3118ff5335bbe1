/* template.h - the part of Jinja2 that device announcements use for one value.
 *
 * Home Assistant's discovery describes payloads with Jinja2 templates such as
 * "{{ value_json.temperature | float | round(1) }}" or
 * "{{ 'ON' if value_json.state == 1 else 'OFF' }}" (docs: Home Assistant, "Templating"; Jinja 3
 * "Template Designer Documentation"). Understood are: text around {{ }}; names, members (a.b, a['b'],
 * a[0]); numbers, 'text', "text", true, false, none; + - * / // % ~; comparisons, and, or, not; x if c
 * else y; "is defined"; filters int, float, round, abs, default, lower, upper, trim, string, tojson.
 * Also: lists, {'a': 1}[x], "in", split, get, lower, upper, strip; filters bool, iif, add, multiply, replace,
 * from_json, is_defined; statements if, elif, else, endif, set; comments. Loops, other calls and other
 * filters are refused, so that a device whose template is not understood is known to be so (discovery
 * tells topic and key), and nothing wrong is sent to it. Keys of objects are compared as texts.
 * Pure; any thread. */
#ifndef LT_TEMPLATE_H
#define LT_TEMPLATE_H

#include <jansson.h>
#include <stddef.h>

#include "lt/err.h"

#define LT_TEMPLATE_MAX_BYTES 4096 /* longest template */
#define LT_TEMPLATE_MAX_DEPTH 24   /* deepest nesting of an expression */

/* Can the text be evaluated at all (its names aside)? LT_ERR_UNSUPPORTED names what cannot. */
LT_NODISCARD enum lt_err lt_template_check(const char *text, struct lt_diag *diag);
/* Write the template's text with `vars` (an object: name -> value) into out (cap bytes with NUL).
 * LT_ERR_UNSUPPORTED as above; LT_ERR_NOTFOUND when a name or member that is absent is used as a value;
 * LT_ERR_LIMIT when the text does not fit; LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_template_eval(const char *text, const json_t *vars, char *out,
                                          size_t cap, struct lt_diag *diag);
/* The same for a reported payload: variables `value` (the text) and `value_json` (when it is JSON). */
LT_NODISCARD enum lt_err lt_template_value(const char *text, const char *payload, char *out,
                                           size_t cap, struct lt_diag *diag);

#endif
