/* lt/catalog.h - a catalogue, checked and indexed: which tools there are and what the home calls
 * its things.
 *
 * It is made from the JSON of design 3.3 (tools and home). After lt_catalog_new every tool's
 * parameter schema is compiled, so that any call, wherever it came from, can be checked against it:
 * the tool exists, the arguments fit, and names of entities, areas and floors are names of this
 * home. Names are compared without regard to case, accents (lt/fold.h) and outer blanks; an entity answers to its
 * name, its aliases and its id. Threads: read-only after _new and may be shared; reference counted
 * (atomically). Memory: keeps a reference to the JSON. */
#ifndef LT_CATALOG_H
#define LT_CATALOG_H

#include <jansson.h>

#include "lt/docs.h"
#include "lt/err.h"
#include "lt/sha256.h"

#define LT_CATALOG_MAX_TOOLS    2000  /* as SAN_CATALOG_MAX_TOOLS */
#define LT_CATALOG_MAX_ENTITIES 20000 /* as SAN_CATALOG_MAX_ENTITIES */

struct lt_catalog; /* opaque */

/* One entity of the home; strings borrowed from the catalogue, "" where absent. */
struct lt_entity {
    const char *id, *name, *area, *domain, *device_class, *floor;
    const json_t *aliases; /* array of strings, or NULL */
    const json_t *json;    /* the whole object */
};

/* Check `json` against the catalogue's schema and its rules (tool names unique, parameter schemas
 * compile, an entity's area exists, area names unique) and index it. `docs` is used for this call
 * only. LT_ERR_INVALID, LT_ERR_UNSUPPORTED or LT_ERR_LIMIT with path and reason. On LT_OK *out
 * holds one reference. */
LT_NODISCARD enum lt_err lt_catalog_new(const struct lt_docs *docs, json_t *json,
                                        struct lt_catalog **out, struct lt_diag *diag);
/* The same from n bytes of text of at most LT_DOC_MAX_BYTES_CATALOG. */
LT_NODISCARD enum lt_err lt_catalog_parse(const struct lt_docs *docs, const char *text, size_t n,
                                          struct lt_catalog **out, struct lt_diag *diag);
struct lt_catalog *lt_catalog_ref(struct lt_catalog *c);
void lt_catalog_unref(struct lt_catalog *c); /* NULL is fine */

/* SHA-256 of the sorted dump: equal content, equal hash; borrowed. */
const char *lt_catalog_hash(const struct lt_catalog *c);
/* The JSON it was made from; borrowed, not to be changed. */
const json_t *lt_catalog_json(const struct lt_catalog *c);
/* The minified text with sorted keys, which is what the hash names and what is stored; borrowed. */
const char *lt_catalog_text(const struct lt_catalog *c);

/* Tools, in the order of the catalogue. */
size_t lt_catalog_n_tools(const struct lt_catalog *c);
/* The i-th tool's object ({"name","description","parameters"}); borrowed. */
const json_t *lt_catalog_tool(const struct lt_catalog *c, size_t i_tool);
/* The i-th tool's parameters as JSON Schema, whatever form the catalogue has; borrowed. */
const json_t *lt_catalog_tool_schema(const struct lt_catalog *c, size_t i_tool);
/* Index of the tool with exactly this name, or -1. */
long lt_catalog_find_tool(const struct lt_catalog *c, const char *name);

/* Entities of the home, and the i-th (i < n); borrowed. */
size_t lt_catalog_n_entities(const struct lt_catalog *c);
const struct lt_entity *lt_catalog_entity(const struct lt_catalog *c, size_t i_entity);

/* Which entities the arguments of a home tool mean: those that fit all of "name", "area", "floor",
 * "domain" and "device_class" that are present (strings or arrays of strings). No such argument
 * means none. Writes at most `cap` pointers, in the order of the catalogue, and returns how many there are in
 * all. Cost: with a name the things that bear it, else a few comparisons of numbers for each entity. */
size_t lt_catalog_targets(const struct lt_catalog *c, const json_t *arguments,
                          const struct lt_entity **out, size_t cap);

/* Check one call. LT_ERR_NOTFOUND: no such tool; LT_ERR_INVALID: the arguments do not fit, with the
 * path ("/brightness: 140 is more than 100"). NULL arguments count as {}. */
LT_NODISCARD enum lt_err lt_catalog_check_call(const struct lt_catalog *c, const char *name,
                                               const json_t *arguments, struct lt_diag *diag);
/* Check an array of {"name","arguments"}; paths begin with the index ("/1/arguments/area: …"). */
LT_NODISCARD enum lt_err lt_catalog_check_calls(const struct lt_catalog *c, const json_t *calls,
                                                struct lt_diag *diag);

#endif
