/* needle_grammar.h - which bytes may come next in the JSON that a published network writes.
 *
 * A grammar is compiled from a catalogue's tools; it accepts exactly
 *
 *     [{"name":"<tool>","arguments":{"<key>":<value>,…}},…]      at most SAN_CALLS_MAX calls
 *
 * without spaces (one in front is allowed, as some vocabularies put it there), with values that
 * pass the tool's schema. What it cannot hold values to is not admitted: an optional parameter
 * with such a rule is never written, a tool with a required one never called.
 *
 *     held to       type, enum, const, properties, required, items, minItems, maxItems,
 *                   minLength, maxLength, minimum, maximum, exclusive*, multipleOf, anyOf (its
 *                   first expressible branch), x-entity, x-area, x-floor (names of the home)
 *     left out      pattern, oneOf, allOf, not, if, $ref, uniqueItems of several, and any other
 *
 * A state is a value: copy it to try a continuation. Threads: a grammar is read-only once made. */
#ifndef SAN_NEEDLE_GRAMMAR_H
#define SAN_NEEDLE_GRAMMAR_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"

#define SAN__G_DEPTH            12  /* deepest nesting of values, the list of calls included */
#define SAN__G_KEYS             64  /* most keys of an object */
#define SAN__G_STRING_MAX_BYTES 200 /* longest free string */
#define SAN__G_LIST_MAX         8   /* most items of a list */

struct san__grammar; /* opaque */

struct san__g_state {
    struct {
        int32_t node;
        uint16_t count; /* calls or items written */
        uint8_t phase;
        uint64_t used; /* keys written */
    } frame[SAN__G_DEPTH];
    int depth;      /* 0: everything is written */
    int lo, hi, at; /* words under way: candidates [lo, hi), bytes of them written */
    int n_bytes, n_chars;
    int hex; /* value of the digits of an escape */
    uint8_t is_escape, hex_left;
    uint8_t utf8_left, utf8_lo, utf8_hi; /* bytes of a character to come, bounds of the next */
    int64_t digits;                      /* of the number under way, without sign and point */
    uint8_t n_int, n_dec, is_negative, has_point;
    uint8_t is_closing; /* set by the caller: only what brings the end nearer is admitted */
};

/* Can the vocabulary write this text? */
typedef int (*san__g_writable_fn)(const char *text, size_t n, void *user);

/* Compile {"tools":[…],"home":{…}}. `names` (n_tools) are what the tools are called in the text.
 * LT_ERR_NOMEM. A catalogue without a usable tool gives a grammar of "[]" alone. */
LT_NODISCARD enum lt_err san__grammar_new(const json_t *catalog, char *const *names,
                                          san__g_writable_fn is_writable, void *user,
                                          struct san__grammar **out);
void san__grammar_free(struct san__grammar *g); /* NULL is fine */

void san__g_begin(const struct san__grammar *g, struct san__g_state *s);
/* Take one byte. 0: it may not come here, and the state is spoilt. */
int san__g_step(const struct san__grammar *g, struct san__g_state *s, uint8_t byte);
/* The bytes that must come, as far as there is no choice; at most cap. `s` is as it was. */
int san__g_forced(const struct san__grammar *g, const struct san__g_state *s, char *out, int cap);
/* What is being written, in the words of san_decision.kind. */
const char *san__g_kind(const struct san__grammar *g, const struct san__g_state *s);

/* Needle's flat parameters as a JSON Schema (plan_tool.c). A new reference. */
json_t *san__flat_to_schema(const json_t *flat);

#endif
