/* lt/adapter.h - one question to a cloud model, in words that belong to no vendor.
 *
 * The caller fills a `struct lt_cloud_request`; an adapter turns it into a vendor's JSON and turns
 * the answer back into a `struct lt_cloud_reply` or an error class. Each vendor is one file with
 * one `struct lt_adapter`; the registry finds it by name. Most callers want lt/cloud.h, which sends
 * the request, retries and counts the cost; this page has the words both share.
 * Invariant: a vendor's own turn is kept as it came (`raw_turn`) and sent back unchanged in the
 * next step, because signatures and thinking blocks in it must survive.
 * Threads: adapters and tool sets are read-only after they are made, except that a tool set keeps
 * renderings it has made: use one from the loop's thread only. */
#ifndef LT_ADAPTER_H
#define LT_ADAPTER_H

#include <stdbool.h>
#include <stdint.h>

#include "lt/buf.h"
#include "lt/err.h"
#include "lt/http.h"
#include "lt/secret.h"

#define LT_CLOUD_MAX_CALLS        16         /* calls taken from one answer; more is MALFORMED */
#define LT_CLOUD_MAX_TOOLS        128        /* what every vendor accepts */
#define LT_CLOUD_MAX_BODY_BYTES   (4u << 20) /* ceiling of a request body */
#define LT_CLOUD_MAX_ANSWER_BYTES (1u << 20) /* ceiling of an answer's body */
#define LT_CLOUD_MAX_STREAM_BYTES (4u << 20) /* the same of a streamed one, with its frames */
#define LT_CLOUD_MAX_TOKENS       1024       /* default output limit */

/* How an attempt or a whole request ended: name, may the same request succeed soon?, text. */
#define LT_CLOUD_CLASS_MAP(XX)                                                                     \
    XX(OK, 0, "answered")                                                                          \
    XX(AUTH, 0, "credentials refused: check the key")                                              \
    XX(QUOTA, 0, "spend limit or quota used up")                                                   \
    XX(RATE, 1, "too many requests")                                                               \
    XX(OVERLOADED, 1, "vendor overloaded or failing")                                              \
    XX(INVALID_REQUEST, 0, "vendor refused the form of the request")                               \
    XX(NOT_FOUND, 0, "unknown model or address")                                                   \
    XX(REFUSED, 0, "model or safety filter refused")                                               \
    XX(TIMEOUT, 1, "no answer in time")                                                            \
    XX(NETWORK, 1, "vendor not reachable")                                                         \
    XX(MALFORMED, 1, "answer not understood")                                                      \
    XX(TRUNCATED, 0, "answer cut at the output limit")

enum lt_cloud_class {
#define LT_CLOUD_CLASS_ENUM(name, retry, text) LT_CLS_##name,
    LT_CLOUD_CLASS_MAP(LT_CLOUD_CLASS_ENUM)
#undef LT_CLOUD_CLASS_ENUM
};

const char *lt_cloud_class_name(enum lt_cloud_class c); /* "RATE"; never NULL */
const char *lt_cloud_class_text(enum lt_cloud_class c);
bool lt_cloud_class_is_retryable(enum lt_cloud_class c);

/* ---- tools ---------------------------------------------------------------------------------- */

struct lt_cloud_tools; /* opaque, reference-counted: a catalogue's tools, ready for every vendor */

/* Read a catalogue's tools: a JSON array of {"name","description","parameters"}, parameters as JSON
 * Schema or in the flat form. Names a vendor would refuse get a safe twin that is mapped back in
 * answers; keywords a vendor does not know (x-* among them) are left out of what it is sent. Tools
 * are sorted by name, so the same set gives the same bytes. On LT_OK *out holds one reference.
 * LT_ERR_PARSE, LT_ERR_INVALID (names the tool), LT_ERR_LIMIT over LT_CLOUD_MAX_TOOLS,
 * LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_cloud_tools_new(const char *json, size_t len,
                                            struct lt_cloud_tools **out, struct lt_diag *diag);
struct lt_cloud_tools *lt_cloud_tools_ref(struct lt_cloud_tools *t); /* returns t */
void lt_cloud_tools_unref(struct lt_cloud_tools *t);                 /* NULL is fine */
size_t lt_cloud_tools_count(const struct lt_cloud_tools *t);         /* 0 for NULL */

/* ---- what is asked -------------------------------------------------------------------------- */

enum lt_cloud_turn_kind {
    LT_TURN_USER,      /* `text` the user said */
    LT_TURN_ASSISTANT, /* `text` some assistant answered: finished turns, any vendor */
    LT_TURN_RAW,       /* `text` is a reply's raw_turn of the same adapter and model */
    LT_TURN_RESULTS,   /* `results` of every call of the LT_TURN_RAW before it */
};

struct lt_cloud_tool_result {
    const char *call_id; /* lt_cloud_call.id */
    const char *name;    /* lt_cloud_call.name */
    const char *output;  /* text or JSON text; what the tool returned */
    bool is_error;       /* `output` says what went wrong */
};

struct lt_cloud_turn {
    enum lt_cloud_turn_kind kind;
    const char *text;
    const struct lt_cloud_tool_result *results;
    size_t n_results;
};

enum lt_cloud_tool_choice {
    LT_CHOICE_AUTO, /* the model decides */
    LT_CHOICE_MUST, /* at least one call */
    LT_CHOICE_NONE, /* no call: the model must speak */
};

/* What the model says, piece by piece while it comes, as UTF-8 that may end in the middle of a word but not
 * of a character. NULL: what was said before does not stand, since the attempt failed. */
typedef void (*lt_cloud_say_fn)(void *ctx, const char *text);

/* All pointers are borrowed for the call they are passed to. NULL text means none. Order of what is
 * sent: tools, system_text, home_summary (these three are the cached prefix: keep clock, states and
 * ids out of them), history, then one user message of context, here and utterance, then turns. */
struct lt_cloud_request {
    const char *system_text;      /* how to behave */
    const char *home_summary;     /* names of areas and devices; changes only with the catalogue */
    struct lt_cloud_tools *tools; /* NULL: no tools */
    const struct lt_cloud_turn *history; /* earlier turns of the session, oldest first */
    size_t n_history;
    const char *context;               /* what changes: device states, clock */
    const char *here;                  /* area of the speaking device */
    const char *utterance;             /* required */
    const struct lt_cloud_turn *turns; /* after the utterance: RAW, RESULTS, RAW, RESULTS ... */
    size_t n_turns;
    enum lt_cloud_tool_choice choice;
    bool is_one_call_only; /* at most one call, where the vendor can promise it */
    int max_tokens;        /* output limit, thinking included; 0: LT_CLOUD_MAX_TOKENS */
    lt_cloud_say_fn
        say;       /* NULL: the answer comes in one; else it is streamed where that is possible, and
                              its words are told before lt_cloud_ask's callback runs */
    void *say_ctx; /* valid until then */
};

/* ---- whom ----------------------------------------------------------------------------------- */

/* What an OpenAI-compatible server understands; LT_CHAT_AUTO chooses by host. */
#define LT_CHAT_AUTO              0u
#define LT_CHAT_EXPLICIT          (1u << 0) /* take the bits below as they are */
#define LT_CHAT_COMPLETION_TOKENS (1u << 1) /* max_completion_tokens, not max_tokens */
#define LT_CHAT_DEVELOPER         (1u << 2) /* role developer, not system */
#define LT_CHAT_STRICT            (1u << 3) /* strict tools */
#define LT_CHAT_PARALLEL          (1u << 4) /* parallel_tool_calls */
#define LT_CHAT_EFFORT            (1u << 5) /* reasoning_effort */
#define LT_CHAT_NO_STREAM_USAGE   (1u << 6) /* it does not know stream_options.include_usage */

/* All borrowed; the caller keeps an endpoint alive while a request to it is in flight. */
struct lt_cloud_endpoint {
    const char *adapter;         /* "anthropic", "gemini", "openai", "openai-chat" */
    const char *base_url;        /* NULL: the vendor's own. Without trailing slash; with the version
                                    ("https://host/v1") except for anthropic ("https://host") */
    const char *model;           /* NULL: the adapter's default; required for openai-chat */
    const struct lt_secret *key; /* NULL: none is sent (local servers) */
    const char *effort;          /* thinking effort in the vendor's word; NULL: the least it has */
    const char *user_hash;       /* opaque hash of this hub for abuse reports; NULL: none */
    const char *price_as;        /* provider in the price file; NULL: the adapter's own; "free" */
    unsigned chat_caps;          /* LT_CHAT_*; openai-chat only */
    unsigned adapted;            /* of them, changed by lt_cloud_endpoint_adapt; start at 0 */
    bool is_strict_off;          /* never ask for schema-constrained calls */
    bool is_stream_off;          /* never ask for a streamed answer */
    bool is_plain_key_ok;        /* key may go over http:// beyond loopback */
    int64_t connect_ms;          /* 0: 3 s */
    int64_t first_ms;            /* until the answer begins; 0: 15 s */
    int64_t gap_ms;              /* 0: 10 s */
};

/* An endpoint's server has refused the form of a request (INVALID_REQUEST) with these words: switch
 * off, or over, the one setting they name (strict tools, max_tokens, role developer, parallel calls,
 * reasoning effort, streaming). Returns whether something was changed, so that asking again makes sense; each
 * setting changes once. */
bool lt_cloud_endpoint_adapt(struct lt_cloud_endpoint *e, const char *text);

/* ---- what came back ------------------------------------------------------------------------- */

struct lt_cloud_call {
    char *id;             /* for the result; made up where the vendor sent none */
    char *name;           /* the catalogue's name; the vendor's word when is_known is false */
    char *arguments_json; /* a JSON object, names mapped back; not yet checked against the schema */
    bool is_known;        /* the tool is in the request's set */
};

/* Tokens as they are billed: the kinds do not overlap. */
struct lt_cloud_usage {
    int64_t input_tokens;       /* prompt, without the three cache kinds */
    int64_t cache_read_tokens;  /* prompt, read from the vendor's cache */
    int64_t cache_write_tokens; /* prompt, written to the short-lived cache */
    int64_t cache_write_1h_tokens;
    int64_t output_tokens;    /* all output billed, thinking included */
    int64_t reasoning_tokens; /* of output_tokens */
    int price_percent;        /* 100; another tier answered: 50 flex, 200 priority */
    bool is_estimated;        /* no usage came: counted from bytes */
};

struct lt_cloud_reply {
    struct lt_cloud_call calls[LT_CLOUD_MAX_CALLS]; /* in the order to carry out */
    size_t n_calls;
    char *text;     /* what to say; NULL when nothing was said */
    char *raw_turn; /* the vendor's turn as JSON, for LT_TURN_RAW; NULL when there is none */
    char *model;    /* model that answered, as it names itself; NULL when not said */
    struct lt_cloud_usage usage;
    int64_t cost_usd_micro; /* millionths of a dollar, rounded up; 0 when the price is unknown */
    bool is_price_known;
};

/* Releases the content, not the struct; a zeroed one is fine. */
void lt_cloud_reply_fini(struct lt_cloud_reply *r);

/* What a failed attempt means. Zero-initialise. */
struct lt_cloud_fault {
    enum lt_cloud_class cls;
    int64_t retry_after_ms; /* stated by the vendor; -1: not said */
    bool is_final;          /* do not retry, although the class may be retried in general */
    char code[64];          /* the vendor's word ("rate_limit_error"), "" when none */
    char text[256];         /* one line for people */
};

/* ---- the vendors ---------------------------------------------------------------------------- */

struct lt_stream; /* opaque: a streamed answer being put together, src/stream.h */
struct json_t;    /* Jansson's */

/* What an event of a stream means. */
enum lt_stream_step {
    LT_STREAM_IDLE,  /* nothing that shows progress: a ping, an empty piece */
    LT_STREAM_MORE,  /* a piece of the answer */
    LT_STREAM_WHOLE, /* the vendor's terminal event: everything that is needed has come */
    LT_STREAM_BAD,   /* makes no sense: the stream is given up */
};

/* Hooks get text, never a socket: build before sending, parse after. MUST: all but those marked
 * MAY (NULL allowed). */
struct lt_adapter {
    const char *name;              /* in lt_cloud_endpoint.adapter */
    const char *provider;          /* in the price file */
    const char *default_url;       /* NULL: the endpoint must say */
    const char *default_model;     /* NULL: the endpoint must say */
    const char *key_header;        /* "x-api-key" */
    const char *key_prefix;        /* MAY: "Bearer " */
    const char *request_id_header; /* MAY */
    const char *model_path;        /* MAY: behind the address, before a model's id: asking it is
                                           free and proves both key and model */
    const struct lt_http_header *extra; /* MAY: fixed headers (API version); name NULL ends */

    /* Append the address to `out`. `model` is never NULL. */
    enum lt_err (*url)(const struct lt_cloud_endpoint *e, const char *base, const char *model,
                       bool is_streamed, struct lt_buf *out, struct lt_diag *diag);
    /* Append the request body. LT_ERR_INVALID (utterance missing, a raw turn that is not this
     * vendor's), LT_ERR_LIMIT, LT_ERR_NOMEM. */
    enum lt_err (*build)(const struct lt_cloud_endpoint *e, const char *model,
                         const struct lt_cloud_request *req, struct lt_buf *out,
                         struct lt_diag *diag);
    /* Understand a 2xx body. Fills `reply` as far as it goes (usage also when the answer is of no
     * use) and returns the class: OK, REFUSED, TRUNCATED, MALFORMED, or what an error inside a 200
     * means, with `fault` filled unless OK. */
    enum lt_cloud_class (*parse)(struct lt_cloud_tools *tools, const char *body, size_t len,
                                 struct lt_cloud_reply *reply, struct lt_cloud_fault *fault);
    /* Take one event of a streamed answer; `data` is NULL for OpenAI's "[DONE]". */
    enum lt_stream_step (*stream)(struct lt_stream *s, const char *name, struct json_t *data);
    /* MAY: make the body that `parse` reads from the parts that came; false when some are missing. */
    bool (*whole)(struct lt_stream *s);
    /* Understand an answer that is not 2xx; `fault` holds what the status alone says already. */
    void (*classify)(const struct lt_http_response *r, struct lt_cloud_fault *fault);
};

/* The adapter of that name, or NULL. */
const struct lt_adapter *lt_adapter_find(const char *name);
/* Adapter number i, or NULL past the last; for help texts. */
const struct lt_adapter *lt_adapter_at(size_t i);

/* Turn any response into a reply or a fault: what lt/cloud.h does after each attempt. */
enum lt_cloud_class lt_adapter_read(const struct lt_adapter *a, struct lt_cloud_tools *tools,
                                    const struct lt_http_response *r, struct lt_cloud_reply *reply,
                                    struct lt_cloud_fault *fault);

#endif
