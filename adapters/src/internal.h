/* internal.h - what the files of this folder share: tool sets seen from inside, helpers that every
 * vendor's file uses, and the error reading that the two OpenAI adapters have in common. */
#ifndef LT_ADAPTERS_INTERNAL_H
#define LT_ADAPTERS_INTERNAL_H

#include "lt/json.h"

#include "lt/adapter.h"

/* ---- tools.c, tools_render.c ---------------------------------------------------------------- */

/* The rule of names that all vendors accept: [A-Za-z_][A-Za-z0-9_-]*, up to this many bytes. */
#define LT_NAME_MAX_BYTES 64

/* Begins the ids that are made up for calls which came without one; the vendor never sees it. */
#define LT_MADE_UP_ID "lt-call-"

/* What a vendor's schema language can say; each is a row of the table in tools_render.c. */
enum lt_dialect {
    LT_DIALECT_PLAIN,            /* JSON Schema, not enforced by the vendor */
    LT_DIALECT_OPENAI_STRICT,    /* every property required, optional ones nullable */
    LT_DIALECT_ANTHROPIC_STRICT, /* optional stays optional; limits per request */
    LT_DIALECT_GEMINI,           /* parametersJsonSchema */
    LT_DIALECT_COUNT
};

/* One tool as a vendor is shown it. Borrowed from the set. */
struct lt_tool_view {
    const char *name; /* safe name */
    const char *description;
    json_t *schema; /* parameters */
    bool is_strict; /* the dialect's strict rules hold for `schema` */
};

/* Tool number i of the set in that dialect. Rendered once and kept. false when out of memory. */
bool lt__tool_view(struct lt_cloud_tools *t, size_t i, enum lt_dialect dialect,
                   struct lt_tool_view *out);
/* The safe name of a catalogue name; `name` itself when the set has no such tool. */
const char *lt__tool_safe_name(const struct lt_cloud_tools *t, const char *name);
/* Hash of all names, descriptions and parameters: equal sets have equal hashes. 0 for NULL. */
uint64_t lt__tools_hash(const struct lt_cloud_tools *t);
/* Bring a vendor's call back to the catalogue's words: names, enum capitals, 30.0 for an integer,
 * and null or "" for what may be absent. `args` is a JSON object, borrowed; `id` may be NULL.
 * LT_ERR_LIMIT over LT_CLOUD_MAX_CALLS, LT_ERR_NOMEM. */
enum lt_err lt__tools_take_call(const struct lt_cloud_tools *t, struct lt_cloud_reply *reply,
                                const char *id, const char *name, const json_t *args);

/* Keep a call whose arguments are no JSON object as it came, so that its maker can be told. */
enum lt_err lt__tools_keep_call(const struct lt_cloud_tools *t, struct lt_cloud_reply *reply,
                                const char *id, const char *name, const char *text);

/* Parameters in normal form: $ref replaced, allOf merged, oneOf as anyOf, no union at the root.
 * NULL with `diag` when it cannot be (recursion, not an object). New reference. */
json_t *lt__schema_normal(const json_t *parameters, struct lt_diag *diag);
/* A normal form in a vendor's dialect. *is_strict and the counts of optional and union parameters
 * are filled. NULL when out of memory. New reference. */
json_t *lt__schema_render(const json_t *normal, enum lt_dialect dialect, bool *is_strict,
                          int *n_optional, int *n_unions);

/* Property names of a schema node in sorted order with their safe twins. */
struct lt_props {
    size_t n;
    const char **name; /* borrowed from the node */
    char (*safe)[LT_NAME_MAX_BYTES + 1];
};
bool lt__props_init(struct lt_props *p, const json_t *properties);
void lt__props_fini(struct lt_props *p);
bool lt__is_safe_name(const char *name);
/* Make `name` safe and different from the n names in `taken` ("" for free places). */
void lt__safe_name(const char *name, char (*taken)[LT_NAME_MAX_BYTES + 1], size_t n,
                   char out[LT_NAME_MAX_BYTES + 1]);

/* ---- common.c ------------------------------------------------------------------------------- */

const char *lt__str(const json_t *o, const char *key); /* NULL unless a string */
int64_t lt__int(const json_t *o, const char *key);     /* 0 unless a number */
json_t *lt__parse(const char *text, size_t len);       /* NULL unless JSON; refuses duplicates */
/* The user's words with context and place in front. NULL when out of memory; free() it. */
char *lt__user_text(const struct lt_cloud_request *req);
/* system_text and home_summary as one text. NULL when out of memory; free() it. */
char *lt__system_text(const struct lt_cloud_request *req);
/* All tools in a dialect, each as `form` writes it (new references). NULL when out of memory. */
typedef json_t *(*lt_tool_form)(const struct lt_tool_view *v, bool is_strict_said);
json_t *lt__tool_list(struct lt_cloud_tools *tools, enum lt_dialect dialect, lt_tool_form form,
                      bool is_strict_said);
/* How a vendor writes the turns of a conversation. */
struct lt_turn_form {
    json_t *(*text)(bool is_user, const char *text); /* what one of the two said; new reference */
    /* append the results of a turn's calls */
    void (*results)(json_t *list, const struct lt_cloud_tools *tools,
                    const struct lt_cloud_turn *t);
    const char *raw_member; /* a raw turn is an object with this member; NULL: an array of items */
};
/* Append n turns. LT_ERR_INVALID for a raw turn that is not this vendor's. */
enum lt_err lt__add_turns(json_t *list, const struct lt_turn_form *form,
                          const struct lt_cloud_tools *tools, const struct lt_cloud_turn *t,
                          size_t n, struct lt_diag *diag);
/* A result's text, with "error: " in front where the vendor has no other place for that. New reference. */
json_t *lt__result_text(const struct lt_cloud_tool_result *r);
/* Append `body` as compact JSON and release it. NULL `body` counts as out of memory. */
enum lt_err lt__emit(json_t *body, struct lt_buf *out, struct lt_diag *diag);
/* End of every builder: emit `body`, or release it and return `err`, whose text is there unless it is
 * LT_ERR_NOMEM. */
enum lt_err lt__end_body(json_t *body, enum lt_err err, struct lt_buf *out, struct lt_diag *diag);
/* Check what no builder can do without. */
enum lt_err lt__check_request(const struct lt_cloud_request *req, struct lt_diag *diag);
/* Is the answer to be streamed? */
bool lt__is_streamed(const struct lt_cloud_endpoint *e, const struct lt_cloud_request *req);
/* Append to the reply's text. NULL adds nothing; false when out of memory. */
bool lt__add_text(struct lt_cloud_reply *reply, const char *text);
/* Record and return a class; `fmt` makes the line for people. */
enum lt_cloud_class lt__fault(struct lt_cloud_fault *f, enum lt_cloud_class cls, const char *code,
                              const char *fmt, ...) LT_PRINTF(4, 5);
/* Text for the class that `f` holds: our words and the vendor's message behind them, cut, one line;
 * the message is dropped for AUTH, where vendors echo keys. `code` and `message` may be NULL. */
void lt__fault_message(struct lt_cloud_fault *f, const char *code, const char *message);
bool lt__starts(const char *s, const char *prefix); /* false for NULL */

/* ---- openai_common.c ------------------------------------------------------------------------ */

void lt__openai_classify(const struct lt_http_response *r, struct lt_cloud_fault *f);
/* Read an OpenAI-like error object (or string) into `f`, whose class holds the status's meaning. */
void lt__openai_error(const json_t *error, struct lt_cloud_fault *f);
/* Usage of an answer whose counts are called "<in>_tokens" and "<out>_tokens": input includes what came
 * from and went to the cache, output includes reasoning. */
void lt__openai_usage(const json_t *body, const char *in, const char *out,
                      struct lt_cloud_usage *u);
/* Least effort the model takes, or what the endpoint says; NULL for models without the setting. */
const char *lt__openai_effort(const struct lt_cloud_endpoint *e, const char *model);

/* What the endpoint's server understands, LT_CHAT_* with AUTO resolved (openai_chat.c). */
unsigned lt__chat_caps(const struct lt_cloud_endpoint *e);

extern const struct lt_adapter lt__anthropic, lt__gemini, lt__openai_responses, lt__openai_chat;

#endif
