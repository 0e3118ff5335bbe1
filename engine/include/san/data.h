/* san/data.h - data lines: one utterance with its catalogue and the answer expected of it.
 *
 * A data file holds one JSON object a line, plain or gzip. This module turns each line into a
 * *case*, the full form of design section 3.2 as a json_t object:
 *
 *     {"id","source","kind"?,"query","tools":[schemas],"home":{"areas","entities","here"?}?,
 *      "answers":[{"name","arguments"}]}
 *
 * Lines may abbreviate: `tools` as keys of a tools file, `home` as an id of a homes file with
 * `here` beside it, `tools` and `answers` as JSON-encoded strings, parameters in the flat form
 * {"p":{"type","description","required"}}, which becomes JSON Schema. What is not a usable case
 * is counted and reported with file and line, and skipped; the caller decides from the report
 * whether to go on.
 *
 * Memory: a case is a json_t with one reference owned by whoever received it. Tools, areas,
 * entities and whole homes that were named are shared between cases (the same pointers), so that
 * a batch can tell equal blocks by their address; treat them as read-only. Threads: a lookup is
 * filled by its first uses and therefore belongs to one thread; so does a reader. */
#ifndef SAN_DATA_H
#define SAN_DATA_H

#include <stdint.h>

#include <jansson.h>

#include "lt/err.h"

#define SAN_DATA_LINE_MAX_BYTES  ((size_t)4 << 20) /* a longer line is bad and is skipped */
#define SAN_DATA_QUERY_MAX_BYTES 2000              /* a longer query is bad (SAN_TEXT_MAX_BYTES) */
#define SAN_DATA_TOOLS_MAX       2000              /* most tools of one case */
#define SAN_DATA_ENTITIES_MAX    20000             /* most entities of one case */
#define SAN_DATA_ANSWERS_MAX     16                /* most calls of one answer */
#define SAN_DATA_REPORT_SAMPLES  20                /* bad lines that a report describes */
#define SAN_DATA_REASON_BYTES    200
#define SAN_DATA_BAD_SHARE_MAX   0.01 /* above it, training refuses to start unless told to go on */

/* One bad line. */
struct san_data_bad {
    char where[160]; /* "FILE:LINE" */
    char reason[SAN_DATA_REASON_BYTES];
};

/* What reading gave so far; may be shared by several readers one after another. Zero-initialise. */
struct san_data_report {
    uint64_t n_good;
    uint64_t n_bad;
    uint64_t n_blank; /* empty lines, neither good nor bad */
    int n_samples;
    struct san_data_bad sample[SAN_DATA_REPORT_SAMPLES]; /* the first bad lines */
};

/* Share of bad lines among all that are not blank, 0 when there are none. */
double san_data_bad_share(const struct san_data_report *r);

/* Tools and homes that lines name. */
struct san_lookup;
/* Both paths may be NULL: lines that name a tool or home are then bad. `tools_path` is a JSON
 * object {key: tool}; `homes_path` has one home a line and may be gzip. LT_ERR_NOTFOUND,
 * LT_ERR_PARSE, LT_ERR_NOMEM. On LT_OK *out is the caller's. */
LT_NODISCARD enum lt_err san_lookup_new(const char *tools_path, const char *homes_path,
                                        struct san_lookup **out, struct lt_diag *diag);
void san_lookup_free(struct san_lookup *l); /* NULL is fine */
/* The tool of this key, in JSON Schema form, or NULL; borrowed. */
json_t *san_lookup_tool(const struct san_lookup *l, const char *key);
/* The home of this id with `here` set (NULL: no "here"), or NULL; borrowed. Equal arguments give
 * the same pointer, and homes that differ only in `here` share areas and entities. */
json_t *san_lookup_home(struct san_lookup *l, const char *id, const char *here);
/* Object {id: home without "here"}, borrowed; never NULL. */
json_t *san_lookup_homes(const struct san_lookup *l);

struct san_reader;
/* Read `path`, plain or gzip ("-" is standard input). `lookup` may be NULL; `lookup` and `report`
 * must outlive the reader. LT_ERR_NOTFOUND, LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_reader_open(const char *path, struct san_lookup *lookup,
                                         struct san_data_report *report, struct san_reader **out,
                                         struct lt_diag *diag);
/* The next good case in *out (the caller's reference), or NULL at the end of the file. Bad lines
 * are reported and passed over. LT_ERR_IO when the file cannot be read on (a broken gzip). */
LT_NODISCARD enum lt_err san_reader_next(struct san_reader *r, json_t **out, struct lt_diag *diag);
/* Number of the line that san_reader_next() gave last, from 1. */
uint64_t san_reader_line(const struct san_reader *r);
void san_reader_close(struct san_reader *r); /* NULL is fine */

/* Cases in memory; san_cases_free releases them. Zero-initialise. */
struct san_cases {
    json_t **p;
    size_t n;
    size_t alloc;
};
/* Append up to `limit` cases of the file (0: all of them). */
LT_NODISCARD enum lt_err san_cases_load(struct san_cases *c, const char *path, size_t limit,
                                        struct san_lookup *lookup, struct san_data_report *report,
                                        struct lt_diag *diag);
void san_cases_free(struct san_cases *c);

/* A case of the full form from one parsed line. On failure NULL, and the reason in `reason`
 * (SAN_DATA_REASON_BYTES). `where` names the case if the line has no id. */
json_t *san_case_from_line(json_t *line, struct san_lookup *lookup, const char *where,
                           char *reason);
/* 1 if the case can be used as it is, else 0 with the reason: query a string, every tool has a
 * name of its own and an object schema, answers name tools of the catalogue, use only properties
 * that the schema has, fill the required ones, and keep to its types, enums and ranges. */
int san_case_check(const json_t *c, char *reason);
/* 1 if `value` satisfies a property schema: type (one or a list), enum, minimum, maximum. */
int san_schema_allows(const json_t *property, const json_t *value);
/* Parameters in the flat form as JSON Schema (new reference); a schema comes back as it is with
 * one more reference. NULL when it is neither. */
json_t *san_schema_normal(json_t *parameters);
/* The tool of that name in the case's catalogue, or NULL; borrowed. */
json_t *san_case_tool(const json_t *c, const char *name);

#endif
