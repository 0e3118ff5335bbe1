/* lt/redact.h - what may be written of what people said.
 *
 * Applied by the store before anything is written. "keep" writes texts as they came. "redact" masks
 * e-mail addresses ("<email>"), numbers of seven digits or more with or without separators
 * ("<number>"), and every other digit of a text ("#"); in calls and results only string values are
 * touched, and single digits stay ("Lamp 2" is a name). "none" writes no text, and every string
 * value of arguments as "<text>". Bytes that are not UTF-8 become U+FFFD in every mode. Pure
 * functions; results are malloc'ed. */
#ifndef LT_REDACT_H
#define LT_REDACT_H

#include <jansson.h>

#include "lt/err.h"

enum lt_text_mode { LT_TEXT_KEEP, LT_TEXT_REDACT, LT_TEXT_NONE };

/* "keep", "redact", "none"; -1 for another word. */
int lt_text_mode_parse(const char *name);
/* What may be stored of a text: *out is malloc'ed, or NULL for "store none". LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_redact_text(enum lt_text_mode mode, const char *s, size_t n,
                                        char **out);
/* The same for JSON text (calls, results): string values that are arguments, "speech" or "text" are
 * treated, names of tools and keys stay. Text that is not JSON is treated as text. */
LT_NODISCARD enum lt_err lt_redact_json(enum lt_text_mode mode, const char *json, char **out);

#endif
