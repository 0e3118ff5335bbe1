/* lt/json.h - reading JSON from outside with care, and writing it back small.
 *
 * Jansson's json_t is the currency of trees in Lintel; this module adds what input from a network
 * or a file needs: a cap on bytes and on depth, refusal of duplicate keys, errors that give line,
 * column and byte, and typed getters whose errors name the path ("/home/entities/3/name").
 * Paths are JSON pointers; the empty string is the document itself.
 * Threads: nothing is shared; a json_t tree has one owner at a time. Memory: as Jansson's,
 * reference counted; dumps are malloc'ed. */
#ifndef LT_JSON_H
#define LT_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"

#define LT_JSON_MAX_DEPTH 64 /* deepest nesting of arrays and objects that is read */

/* Parse n bytes (need not be NUL-terminated) into any JSON value. LT_ERR_LIMIT over `max_bytes` or
 * LT_JSON_MAX_DEPTH; LT_ERR_PARSE with line, column and diag->offset_bytes for malformed text, text
 * that is not UTF-8, duplicate keys and trailing text; LT_ERR_NOMEM. *out is a new reference. */
LT_NODISCARD enum lt_err lt_json_parse(const char *text, size_t n, size_t max_bytes, json_t **out,
                                       struct lt_diag *diag);
/* As lt_json_parse for the file `path`, which starts every error text. LT_ERR_NOTFOUND, LT_ERR_IO.
 */
LT_NODISCARD enum lt_err lt_json_read_file(const char *path, size_t max_bytes, json_t **out,
                                           struct lt_diag *diag);

/* The value as minified UTF-8 text, keys in their order. The caller frees it with free(). NULL when
 * out of memory. */
char *lt_json_dump(const json_t *v);
/* The same with keys sorted: equal values give equal bytes, so it can be hashed. */
char *lt_json_dump_sorted(const json_t *v);

/* "object", "array", "string", "integer", "number", "boolean", "null"; "nothing" for NULL. */
const char *lt_json_type_name(const json_t *v);
/* Is the text well-formed UTF-8 (shortest forms, no surrogates, up to U+10FFFF)? On 0, *offset (if
 * not NULL) is the first bad byte. */
int lt_utf8_is_valid(const char *s, size_t n, size_t *offset);
/* Code points of well-formed UTF-8. */
size_t lt_utf8_count(const char *s, size_t n);

#endif
