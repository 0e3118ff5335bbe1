/* san/engine.h - an utterance and a catalogue in, tool calls and a confidence out.
 *
 * An engine holds one network (a memory-mapped GGUF file) and the blocks it has encoded so far. A
 * catalogue (tools and a home, JSON of the shape of design 3.3) is compiled once: every tool,
 * entity, area and floor becomes a block whose keys and values are encoded once and shared by all
 * catalogues that hold the same block. A call then costs the utterance's own tokens and a handful
 * of decisions.
 *
 * Threads: an engine may be used from several threads; compiling a catalogue and calling take
 * internal locks where they touch shared state. A catalogue is read-only after san_catalog_new
 * and may be shared. Memory: san_catalog_new and the first call on a thread allocate; the answer
 * is the caller's. The engine knows nothing of MQTT, HTTP or SQL. */
#ifndef SAN_ENGINE_H
#define SAN_ENGINE_H

#include <stdint.h>

#include "lt/err.h"

/* A catalogue of more tools than SAN_PICK_FROM shows each utterance only the SAN_PICK_TOOLS that the
 * retrieval head and shared words rank first, if the network has that head: what an utterance costs
 * then no longer grows with the tools. Up to SAN_PICK_FROM all take part. */
#define SAN_PICK_FROM  24
#define SAN_PICK_TOOLS 16
/* Likewise a home of more than SAN_SHOW_FROM entities shows an utterance so many of its entities, areas
 * and floors, found by an index of words; up to SAN_SHOW_FROM all take part. */
#define SAN_SHOW_FROM            48
#define SAN_SHOW_ENTITIES        24
#define SAN_SHOW_AREAS           8
#define SAN_SHOW_FLOORS          3
#define SAN_TEXT_MAX_BYTES       2000  /* longest utterance, UTF-8 bytes */
#define SAN_CATALOG_MAX_TOOLS    2000  /* most tools of one catalogue */
#define SAN_CATALOG_MAX_ENTITIES 20000 /* most entities of one catalogue */
#define SAN_CALLS_MAX            4     /* most calls of one answer */

struct san_engine;  /* opaque: san_engine_open makes it, san_engine_close releases it */
struct san_catalog; /* opaque, reference counted: san_catalog_new, _ref, _unref */

/* Open the network in the GGUF file `path`: one of Lintel's own (mask "block", render "lintel") or
 * a published one (mask "joint", render "needle-json"; its confidence is the bare product of what
 * was chosen, not calibrated, and a prompt longer than its context is LT_ERR_LIMIT). LT_ERR_NOTFOUND, LT_ERR_PARSE (truncated, foreign or
 * corrupt file; the text says at which byte or tensor), LT_ERR_UNSUPPORTED (another architecture,
 * mask or tensor type). On LT_OK *out is the caller's. */
LT_NODISCARD enum lt_err san_engine_open(const char *path, struct san_engine **out,
                                         struct lt_diag *diag);
void san_engine_close(struct san_engine *e); /* NULL is fine; catalogues must be released first */

/* general.name of the network, "" when it has none; borrowed. */
const char *san_engine_model_name(const struct san_engine *e);
/* ---- encoded blocks: shared by all catalogues, within a budget ---- */

#define SAN_CACHE_BYTES ((size_t)64 << 20) /* the budget of an engine just opened */

/* Bytes held by encoded blocks and by catalogues' joined copies of them. */
size_t san_engine_cache_bytes(struct san_engine *e);
/* The most that may be: over it, blocks that no catalogue holds go first, then catalogues let go of
 * theirs, the longest unused first; their next call makes them again. What calls under way hold stays,
 * so one catalogue larger than the budget still answers. */
void san_engine_cache_limit(struct san_engine *e, size_t n_bytes);

struct san_cache_stats {
    size_t n_bytes, n_bytes_most;            /* held, and the budget */
    size_t n_blocks;                         /* different ones */
    size_t n_catalogs;                       /* catalogues whose blocks are there */
    uint64_t n_found, n_encoded, n_restored; /* blocks asked for: there, made anew, from the file */
    uint64_t n_evicted;                      /* blocks dropped */
    uint64_t n_let_go;                       /* catalogues that gave theirs up */
};
void san_engine_cache_stats(struct san_engine *e, struct san_cache_stats *out);

/* Look blocks up in the file that an earlier run saved, too; once for an engine, before its catalogues
 * come. LT_ERR_NOTFOUND, LT_ERR_INVALID (of another network or version), LT_ERR_PARSE (damaged),
 * LT_ERR_IO, LT_ERR_NOMEM; the engine then works without it. */
LT_NODISCARD enum lt_err san_engine_cache_load(struct san_engine *e, const char *path,
                                               struct lt_diag *diag);
/* Write the blocks held to `path`, beside it first, then over it: a reader finds the old or the new one.
 * Any thread; calls go on meanwhile. LT_ERR_IO, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_engine_cache_save(struct san_engine *e, const char *path,
                                               struct lt_diag *diag);

/* Compile and encode the catalogue in `json` (n bytes of UTF-8, an object with "tools" and
 * optionally "home"). LT_ERR_PARSE (JSON; offset_bytes is set), LT_ERR_INVALID (a tool without a
 * name, two tools of one name, a parameter schema that is no object; the text gives the path),
 * LT_ERR_LIMIT. On LT_OK *out holds one reference that the caller releases. */
LT_NODISCARD enum lt_err san_catalog_new(struct san_engine *e, const char *json, size_t n,
                                         struct san_catalog **out, struct lt_diag *diag);
struct san_catalog *san_catalog_ref(struct san_catalog *c);
void san_catalog_unref(struct san_catalog *c); /* NULL is fine */

/* What is asked. Strings are borrowed for the call. */
struct san_request {
    const char *text; /* the utterance, UTF-8 */
    const char *here; /* area of the speaking device, or NULL: the home's own "here", if any */
};

/* One decision of the network: where the grammar left more than one continuation. */
struct san_decision {
    const char *kind; /* "tool", "argument", "target", "value", "digit", "start", "end"; static */
    float p;          /* probability of what was chosen among the admissible, 0..1 */
    float margin;     /* p less the probability of the runner-up */
    int n_options;    /* how many were admissible */
};

/* The answer. Zero-initialise; release with san_answer_free. */
struct san_answer {
    char *calls_json; /* JSON array of {"name","arguments"}, "[]" for nothing; valid against the
                         catalogue's schemas */
    int n_calls;
    char
        *unclear_json; /* NULL, or, beside the answer "[]": the calls as far as they were said, when
                           one was for a kind of device ("the light") and the home has several, none
                           of them in the speaker's room: ask back which one */
    char *mended; /* NULL, or the text with its mistyped words as they were read (src/respell.h) */
    double confidence; /* calibrated probability that the whole answer is right, 0..1 */
    struct san_decision *decisions;
    int n_decisions;
    int n_tokens;                                 /* tokens of the utterance */
    int n_seen_tokens;                            /* tokens of the catalogue that it saw */
    int64_t encode_us;                            /* tokenizer and encoder */
    int64_t decode_us;                            /* decisions */
    size_t cap_calls, cap_unclear, cap_decisions; /* for san_call_again */
    char *unclear_memory, *mended_memory;
    size_t cap_mended;
};

/* Answer one utterance. LT_ERR_INVALID (text is not UTF-8 or empty), LT_ERR_LIMIT (longer than
 * SAN_TEXT_MAX_BYTES), LT_ERR_NOMEM. Deterministic: same network, catalogue and request, same
 * answer. */
LT_NODISCARD enum lt_err san_call(struct san_engine *e, struct san_catalog *c,
                                  const struct san_request *req, struct san_answer *out,
                                  struct lt_diag *diag);
/* The same into an answer that was zeroed, or filled by an earlier call, whose memory is used again: once
 * it has seen the largest answer, calls allocate nothing. */
LT_NODISCARD enum lt_err san_call_again(struct san_engine *e, struct san_catalog *c,
                                        const struct san_request *req, struct san_answer *out,
                                        struct lt_diag *diag);

#define SAN_BATCH_THREADS_MAX 16 /* threads that answer a batch, the caller's included */

/* One request of a batch. The caller sets catalog (of any engine) and request. */
struct san_batch_call {
    struct san_catalog *catalog;
    struct san_request request;
    struct san_answer answer; /* out; the caller frees it */
    enum lt_err err;          /* out: as of san_call */
    struct lt_diag diag;      /* out: its text */
    int same_as;              /* used inside */
};
/* Answer n requests that wait at the same moment, on up to n_threads threads. Equal ones are computed
 * once. Every answer is what san_call gives for that request alone. One batch at a time for an engine:
 * a second waits. */
void san_call_batch(struct san_batch_call *calls, int n, int n_threads);

void san_answer_free(struct san_answer *a); /* zeroes it; harmless on a zeroed one */

#endif
