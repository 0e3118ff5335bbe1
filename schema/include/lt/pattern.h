/* lt/pattern.h - the regular expressions of JSON Schema, in linear time.
 *
 * Understood is the common part of ECMA-262: characters, ".", "|", groups "(…)" and "(?:…)",
 * classes "[a-z]" and "[^…]", the quantifiers "*", "+", "?", "{m}", "{m,}", "{m,n}" (also with the
 * lazy "?"), the anchors "^" and "$", "\b" and "\B", \d \D \w \W \s \S, \t \n \r \f \v, \xHH,
 * \uHHHH and escaped punctuation. Refused: look-ahead and look-behind, back references, named
 * groups, \p{…}, \c. A pattern matches anywhere in the text unless it is anchored. Matching is by
 * code point and takes time proportional to text times pattern, whatever either holds, because
 * tools' schemas come from outside. Threads: read-only after compile. Memory: one allocation per
 * match. */
#ifndef LT_PATTERN_H
#define LT_PATTERN_H

#include "lt/err.h"

#define LT_PATTERN_MAX_OPS    4000 /* most instructions after {m,n} was written out */
#define LT_PATTERN_MAX_REPEAT 1000 /* greatest m or n of {m,n} */

struct lt_pattern; /* opaque */

/* Compile the NUL-terminated UTF-8 `text`. LT_ERR_INVALID (malformed), LT_ERR_UNSUPPORTED (outside
 * the subset), LT_ERR_LIMIT; the text gives the byte. */
LT_NODISCARD enum lt_err lt_pattern_compile(const char *text, struct lt_pattern **out,
                                            struct lt_diag *diag);
/* 1 when the pattern matches somewhere in the n bytes of UTF-8, 0 when not, -1 when out of memory.
 */
int lt_pattern_match(const struct lt_pattern *p, const char *s, size_t n);
void lt_pattern_free(struct lt_pattern *p); /* NULL is fine */

#endif
