/* needle.h - published networks (mask "joint", render "needle-json") behind the engine's one door.
 *
 * Such a network reads the request, <tools> and the tools as minified JSON in one sequence, and
 * writes <tool_call> and the JSON array of calls piece by piece (docs/network.md section 2). The
 * prompt is encoded anew for every call. What it writes is held to the grammar of the catalogue
 * (needle_grammar.h): bytes that must come are fed in one batch, and only where several pieces may
 * come is the network asked. */
#ifndef SAN_NEEDLE_H
#define SAN_NEEDLE_H

#include <jansson.h>

#include "lt/buf.h"
#include "san/forward.h"
#include "san/tokenizer.h"

#define SAN__NEEDLE_MAX_STEPS 1024 /* most pieces of one answer */

struct san__needle;         /* the vocabulary by its bytes; of an engine */
struct san__needle_catalog; /* prompt and grammar of a catalogue */
struct san__worker;
struct san_request;

/* LT_ERR_UNSUPPORTED: the vocabulary lacks <tools>, <tool_call> or EOS, or cannot write JSON. */
LT_NODISCARD enum lt_err san__needle_new(const struct san_tokenizer *t, struct san__needle **out,
                                         struct lt_diag *diag);
void san__needle_free(struct san__needle *n); /* NULL is fine */
/* What a session needs. */
void san__needle_limits(const struct san_hparams *h, struct san_limits *out);

/* LT_ERR_INVALID (a tool without a name, two of one name), LT_ERR_LIMIT (the tools alone are more
 * than the network reads), LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san__needle_catalog_new(const struct san__needle *n,
                                                 const struct san_hparams *h, const json_t *catalog,
                                                 struct san__needle_catalog **out,
                                                 struct lt_diag *diag);
void san__needle_catalog_free(struct san__needle_catalog *c); /* NULL is fine */

/* One answer: calls (JSON array, tools under their own names) into `json`, choices into the
 * worker's decisions. *p is their product; 0, with no call, when the answer found no end. *t_us
 * receives when decoding began. */
LT_NODISCARD enum lt_err san__needle_call(const struct san__needle *n, const struct san_hparams *h,
                                          const struct san__needle_catalog *c,
                                          struct san__worker *w, const char *text,
                                          struct lt_buf *json, int *n_calls, int *n_tokens,
                                          double *p, int64_t *t_us, struct lt_diag *diag);

#endif
