/* lt/validate.h - JSON Schema, compiled once and checked often.
 *
 * The subset of draft 2020-12 that Lintel's own documents and tools' parameters need:
 *   type (one or several), enum, const, properties, required, additionalProperties,
 *   patternProperties, propertyNames, minProperties, maxProperties, items, prefixItems, minItems,
 *   maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
 *   minLength, maxLength (code points), pattern (lt/pattern.h tells the subset), anyOf, oneOf,
 *   allOf, not, if/then/else, $ref to #, #/$defs/X, #/definitions/X, and to the same of another
 *   embedded document ("catalog.schema.json#/$defs/home") where a lookup is given.
 * Notes are accepted and ignored: title, description, default, examples, format, $schema, $id,
 * $comment, $defs, definitions, deprecated, readOnly, writeOnly and everything that begins with
 * "x-" but for x-entity, x-area, x-floor (below). Any other keyword is refused at compile with its
 * path: a rule that is silently skipped is no rule. 1.0 is an integer, as the draft says.
 *
 * x-entity ({} or {"domain":[…],"device_class":[…]}), x-area and x-floor (true) say that a string
 * is a name of the home; they are checked when the caller passes a name check.
 *
 * Threads: a compiled schema is read-only and may be shared. Memory: the schema keeps a reference
 * to the JSON it was compiled from; validation allocates nothing on success. */
#ifndef LT_VALIDATE_H
#define LT_VALIDATE_H

#include <jansson.h>

#include "lt/err.h"

#define LT_SCHEMA_MAX_NODES 20000 /* most sub-schemas of one compiled schema */
#define LT_SCHEMA_PATH_MAX  256   /* longest JSON path in an error; a longer one ends with "..." */

struct lt_schema; /* opaque: _compile makes it, _free releases it */

/* Gives the root of another document by its file name ("catalog.schema.json"), borrowed for as long
 * as the compiled schema lives, or NULL when there is none. */
typedef json_t *(*lt_schema_lookup_fn)(const char *file, void *user);

enum lt_name_kind { LT_NAME_ENTITY, LT_NAME_AREA, LT_NAME_FLOOR };

/* Is `name` a name of the home? `rule` is the value of x-entity (or true). 0 when it is not. */
typedef int (*lt_name_check_fn)(enum lt_name_kind kind, const json_t *rule, const char *name,
                                void *user);

/* Compile `schema` (an object, or true/false). LT_ERR_INVALID names the path inside the schema and
 * what is wrong there; LT_ERR_UNSUPPORTED names a keyword, pattern or $ref outside the subset;
 * LT_ERR_LIMIT; LT_ERR_NOMEM. `lookup` may be NULL. *out is the caller's. */
LT_NODISCARD enum lt_err lt_schema_compile(const json_t *schema, lt_schema_lookup_fn lookup,
                                           void *user, struct lt_schema **out,
                                           struct lt_diag *diag);
/* Check `value`. LT_ERR_INVALID with the text "/home/entities/3/name: expected string, got
 * integer"; `root` is put before every path (NULL or "" for none); the document itself is "/". */
LT_NODISCARD enum lt_err lt_schema_validate(const struct lt_schema *s, const json_t *value,
                                            const char *root, struct lt_diag *diag);
/* The same, and every string under x-entity, x-area or x-floor is passed to `check`. */
LT_NODISCARD enum lt_err lt_schema_validate_names(const struct lt_schema *s, const json_t *value,
                                                  const char *root, lt_name_check_fn check,
                                                  void *user, struct lt_diag *diag);
void lt_schema_free(struct lt_schema *s); /* NULL is fine */

/* Parameters of a tool as JSON Schema. Needle's flat form {"p":{"type","description","required"}}
 * becomes {"type":"object","properties":{…},"required":[…],"additionalProperties":false}; a JSON
 * Schema object is returned as it is, with additionalProperties false where it says nothing; NULL
 * (no parameters) gives an empty object schema. LT_ERR_INVALID when it is neither. *out is a new
 * reference. */
LT_NODISCARD enum lt_err lt_schema_from_parameters(const json_t *parameters, json_t **out,
                                                   struct lt_diag *diag);

#endif
