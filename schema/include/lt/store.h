/* lt/store.h - the trace store: what was asked, what each tier said, what came of it.
 *
 * One SQLite file (WAL, STRICT tables, foreign keys; schema/sql/ holds the tables with a comment
 * per column). A request becomes a trace the moment it arrives and walks through states:
 *
 *     accepted --_decided--> decided --_answered--> answered --_executed--> executed
 *         \________________________\_______________________\----_failed---> failed
 *          \________________________\----------------------------_refused-> refused
 *
 * Another edge is refused with LT_ERR_INVALID and changes nothing. lt_store_trace_accept is durable
 * when the transaction it is part of has been committed: acknowledge a message only after that.
 *
 * Threads: a store has ONE thread at a time. The gateway gives the writing store to one thread (a
 * commit waits for the disk); other threads and programs open their own, read-only where they only
 * read. WAL lets readers go on while the writer writes.
 * Groups: between lt_store_begin and lt_store_commit any number of writes share one commit (and one
 * disk flush). Without a group every write is its own transaction. Each write is whole or absent,
 * in a group too; when a commit fails, nothing of the group was written. Errors: LT_ERR_IO for a
 * full or read-only disk (the text says which and what to do; retrying later makes sense),
 * LT_ERR_PARSE for a file that is damaged or no database, LT_ERR_UNSUPPORTED for one written by a
 * newer Lintel, LT_ERR_BUSY when another writer kept the lock past the busy time-out. Texts pass
 * through lt/redact.h before they are written. Money is in micro-USD, times are Unix milliseconds
 * or microseconds as the names say. Strings passed in are borrowed for the call. */
#ifndef LT_STORE_H
#define LT_STORE_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"
#include "lt/redact.h"
#include "lt/sha256.h"
#include "lt/ulid.h"

#define LT_STORE_BUSY_TIMEOUT_MS 5000 /* default wait for another writer's lock */
#define LT_STORE_DEDUPE_WINDOW_MS                                                                  \
    (10 * 60000)                    /* default window in which an id counts as the same */
#define LT_STORE_REQUEST_ID_MAX 128 /* longest request id, bytes */

struct lt_store; /* opaque: _open makes it, _close releases it */

/* ---- opening ---- */

struct lt_store_options {
    const char *path;            /* database file; its folder must exist */
    int is_readonly;             /* refuse all writes; an absent file is LT_ERR_NOTFOUND */
    int is_existing;             /* do not make an absent file: LT_ERR_NOTFOUND */
    enum lt_text_mode text_mode; /* what may be stored of texts; 0 is "keep" */
    int64_t dedupe_window_ms;    /* 0: LT_STORE_DEDUPE_WINDOW_MS */
    int64_t max_bytes;           /* the file may not grow past this; 0: no limit of ours */
    int busy_timeout_ms;         /* 0: LT_STORE_BUSY_TIMEOUT_MS */
};

/* Open, create if absent, and bring an older file up to date (each step in a transaction; data is
 * kept). A read-only
 * open changes nothing and needs a file of the present version. */
LT_NODISCARD enum lt_err lt_store_open(const struct lt_store_options *o, struct lt_store **out,
                                       struct lt_diag *diag);
void lt_store_close(struct lt_store *s); /* NULL is fine; an open group is rolled back */

/* Version of the tables in the file, and the newest this program knows. */
int lt_store_version(const struct lt_store *s);
int lt_store_version_known(void);
/* Full integrity and foreign key check, for `lintel doctor`. LT_ERR_PARSE with the first fault. */
LT_NODISCARD enum lt_err lt_store_check(struct lt_store *s, struct lt_diag *diag);
/* Bytes of the file in use (pages less free pages); -1 when it cannot be read. */
int64_t lt_store_used_bytes(struct lt_store *s);

/* ---- groups ---- */

/* Start a group. is_durable: the commit waits until the data is on the disk (needed when the group
 * holds a trace_accept); else it survives a crash of the program but not of the machine. */
LT_NODISCARD enum lt_err lt_store_begin(struct lt_store *s, int is_durable, struct lt_diag *diag);
/* LT_OK: all of the group is written. Any error: nothing of it is. The group is over either way. */
LT_NODISCARD enum lt_err lt_store_commit(struct lt_store *s, struct lt_diag *diag);
void lt_store_rollback(struct lt_store *s); /* harmless without a group */

/* ---- sites and catalogues ---- */

/* Store a catalogue's text under its hash (nothing happens when it is there already). */
LT_NODISCARD enum lt_err lt_store_catalog_put(struct lt_store *s, const char *hash,
                                              const char *text, int64_t now_unix_ms,
                                              struct lt_diag *diag);
/* LT_ERR_NOTFOUND. *text is malloc'ed. */
LT_NODISCARD enum lt_err lt_store_catalog_get(struct lt_store *s, const char *hash, char **text,
                                              struct lt_diag *diag);
/* Note that a site exists and, if catalog_hash is not NULL, that this stored catalogue is now its.
 */
LT_NODISCARD enum lt_err lt_store_site_put(struct lt_store *s, const char *site,
                                           const char *catalog_hash, int64_t now_unix_ms,
                                           struct lt_diag *diag);
/* Hash of the site's current catalogue; LT_ERR_NOTFOUND for an unknown site or one without. */
LT_NODISCARD enum lt_err lt_store_site_catalog(struct lt_store *s, const char *site,
                                               char hash[LT_SHA256_HEX_CAP], struct lt_diag *diag);
/* Erase a site: its traces with all that hangs on them, its spend, itself; the freed bytes are
 * overwritten and the log emptied. What is known of exported files stays until these are rewritten
 * (lt/store_export.h). Not inside a group. */
LT_NODISCARD enum lt_err lt_store_site_erase(struct lt_store *s, const char *site,
                                             struct lt_diag *diag);

/* ---- the life of a trace ---- */

/* A request as it arrived. NULL for what it did not have. */
struct lt_trace_new {
    const char *site;       /* required */
    const char *source;     /* front door: "mqtt", "cli", "http", "hermes", "wyoming"; required */
    const char *request_id; /* the caller's id, at most LT_STORE_REQUEST_ID_MAX bytes */
    const char *text;       /* what was said; text_len bytes, UTF-8 or not */
    size_t text_len;
    const char *here, *lang, *session;
    const char *catalog_hash; /* kept where that catalogue is stored */
    const char *reply_topic;  /* MQTT Response Topic */
    const void *correlation;  /* MQTT Correlation Data */
    size_t correlation_len;
    int is_dry_run;
    int64_t received_unix_ms;
    int64_t deadline_ms; /* time allowed from received_unix_ms; 0: none given */
};

/* Write the trace in state "accepted" and give its id. When the same (site, request_id) was
 * accepted within the window, nothing is written, `trace` is the first's id and *is_duplicate is 1:
 * answer from lt_store_trace_result and execute nothing. LT_ERR_INVALID (no site or source, id too
 * long). */
LT_NODISCARD enum lt_err lt_store_trace_accept(struct lt_store *s, const struct lt_trace_new *t,
                                               char trace[LT_ULID_CAP], int *is_duplicate,
                                               struct lt_diag *diag);

/* What the engine and the router said. */
struct lt_trace_decision {
    const char *route, *why;    /* as in the result object; required */
    const char *model;          /* name of the network, NULL when none answered */
    const char *calls_json;     /* the network's calls, "[]" for nothing, NULL when none answered */
    double confidence;          /* 0..1; ignored when calls_json is NULL */
    const char *decisions_json; /* the network's decisions with their probabilities, or NULL */
    int n_tokens;               /* tokens of the utterance */
    int64_t encode_us, decode_us;
};
LT_NODISCARD enum lt_err lt_store_trace_decided(struct lt_store *s, const char *trace,
                                                const struct lt_trace_decision *d,
                                                struct lt_diag *diag);

/* The answer that goes out; route and why may have changed since the decision. */
struct lt_trace_answer {
    const char *route, *why; /* required */
    const char *calls_json;  /* final calls; required, "[]" for none */
    const char *speech;      /* or NULL */
    const char *result_json; /* the whole result object as published; required */
    int64_t total_us;        /* from receipt to answer */
    int64_t cost_usd_micro;  /* of all cloud attempts */
    int is_more;             /* it was answered before, in part, and these calls begin with those */
};
LT_NODISCARD enum lt_err lt_store_trace_answered(struct lt_store *s, const char *trace,
                                                 const struct lt_trace_answer *a,
                                                 struct lt_diag *diag);
/* Both at once, for what is decided and answered in one go; `answer`'s route and why stand, its is_more must be
 * 0. The same row as by decided and answered after each other. */
LT_NODISCARD enum lt_err lt_store_trace_settled(struct lt_store *s, const char *trace,
                                                const struct lt_trace_decision *decision,
                                                const struct lt_trace_answer *answer,
                                                struct lt_diag *diag);
/* The first n calls of the answer are known to have gone out: after a crash only the others are to be
 * sent. Never goes down. LT_ERR_NOTFOUND. */
LT_NODISCARD enum lt_err lt_store_trace_sent(struct lt_store *s, const char *trace, int n_calls,
                                             struct lt_diag *diag);
/* The calls went out. outcome_json tells what happened to each device, or NULL. */
LT_NODISCARD enum lt_err lt_store_trace_executed(struct lt_store *s, const char *trace,
                                                 const char *outcome_json, int64_t now_unix_ms,
                                                 struct lt_diag *diag);
/* Ended without an answer that could be carried out: our fault (failed) or the request's (refused).
 * `why` is the reason code, `error` one line for people, result_json what was published or NULL. */
LT_NODISCARD enum lt_err lt_store_trace_failed(struct lt_store *s, const char *trace,
                                               const char *why, const char *error,
                                               const char *result_json, struct lt_diag *diag);
LT_NODISCARD enum lt_err lt_store_trace_refused(struct lt_store *s, const char *trace,
                                                const char *why, const char *error,
                                                const char *result_json, struct lt_diag *diag);

/* The published result of a trace: *result_json is malloc'ed, or NULL while it is not answered (its
 * state is then still "accepted" or "decided"). LT_ERR_NOTFOUND. With a text mode other than "keep"
 * it is what that mode let through. */
LT_NODISCARD enum lt_err lt_store_trace_result(struct lt_store *s, const char *trace,
                                               char **result_json, struct lt_diag *diag);
/* The newest trace of (site, request_id) received at or after since_unix_ms. LT_ERR_NOTFOUND. */
LT_NODISCARD enum lt_err lt_store_trace_find(struct lt_store *s, const char *site,
                                             const char *request_id, int64_t since_unix_ms,
                                             char trace[LT_ULID_CAP], struct lt_diag *diag);

/* One request that was sent to a cloud provider. */
struct lt_store_attempt {
    const char *provider, *model; /* required */
    const char *status; /* "ok", "timeout", "auth", "rate_limit", "network", "invalid", … */
    int http_status;    /* 0 when there was none */
    int64_t input_tokens, cached_tokens, output_tokens;
    int64_t cost_usd_micro;
    int64_t started_unix_ms, duration_us;
    const char *calls_json; /* what it answered, or NULL */
    const char *error;      /* or NULL */
    const char *sent_json;  /* exactly the body that was sent, or NULL */
};
LT_NODISCARD enum lt_err lt_store_attempt_add(struct lt_store *s, const char *trace,
                                              const struct lt_store_attempt *a,
                                              struct lt_diag *diag);

/* A judgement about a trace. The most trusted source's counts: "console" (who runs the house), "user"
 * (feedback), "undo" and "rephrase" (the speaker took it back, or said it again at once: wrong, the
 * right calls unknown), "import", "cloud" (the teacher; only once its calls were carried out, or there
 * were none). One of each source: a later one replaces it. LT_ERR_NOTFOUND for an unknown trace. */
struct lt_label {
    const char *source;     /* one of the above */
    int is_correct;         /* were the answer's calls right? */
    const char *calls_json; /* the right calls, or NULL when not told */
    const char *note;       /* or NULL */
    int64_t now_unix_ms;
};
LT_NODISCARD enum lt_err lt_store_label_add(struct lt_store *s, const char *trace,
                                            const struct lt_label *l, struct lt_diag *diag);
/* Take back the label of one source, or all (NULL). *n_removed may be NULL. LT_ERR_NOTFOUND for an
 * unknown trace; a label that is not there is no error. */
LT_NODISCARD enum lt_err lt_store_label_remove(struct lt_store *s, const char *trace,
                                               const char *source, int64_t *n_removed,
                                               struct lt_diag *diag);

/* What a network that runs beside the active one would have called. Once for a trace and network. */
LT_NODISCARD enum lt_err lt_store_shadow_add(struct lt_store *s, const char *trace,
                                             const char *model_sha256, const char *calls_json,
                                             double confidence, int is_same, int64_t now_unix_ms,
                                             struct lt_diag *diag);

/* What the two said where they differ, newest first, as lt_models_diff has it (lintel models diff): "a" is
 * the active network at the time, "b" the one beside it. *out is a new reference. */
LT_NODISCARD enum lt_err lt_store_shadow_report(struct lt_store *s, const char *model_sha256,
                                                int64_t limit, json_t **out, struct lt_diag *diag);

/* The calls that a person confirmed for the same words (lt_text_normal) said at the same place, while
 * the site had the same catalogue: *calls_json is malloc'ed, NULL when there are none. Requests of a
 * conversation (with a session) must not ask: their words mean another thing each time. */
LT_NODISCARD enum lt_err lt_store_answer_find(struct lt_store *s, const char *site,
                                              const char *catalog_hash, const char *text,
                                              const char *here, char **calls_json,
                                              struct lt_diag *diag);
/* Words without what does not matter: ASCII letters small, one blank between words, no punctuation but
 * the point inside a number. malloc'ed; NULL when out of memory. */
char *lt_text_normal(const char *text);

/* ---- reading traces ---- */

/* One row; strings are borrowed until the callback returns, NULL where absent. */
struct lt_trace_row {
    const char *trace, *site, *source, *request_id, *state;
    const char *text, *here, *lang, *session, *catalog_hash;
    const char *reply_topic;
    const void *correlation;
    size_t correlation_len;
    int is_dry_run;
    int64_t received_unix_ms, deadline_ms;
    const char *model, *route, *why, *local_calls_json, *calls_json, *speech, *result_json, *error;
    double confidence; /* -1 when the network did not answer */
    int64_t total_us, encode_us, decode_us, cost_usd_micro;
    int calls_sent; /* of the answer's calls, from the first; only what is known */
    const char
        *label_source; /* of the label that counts, NULL when unlabelled; "silence": see filter */
    int label_is_correct;
    const char *label_calls_json, *label_note;
    int64_t label_unix_ms; /* when it was given; 0 for silence */
    int64_t label_id; /* its number: a later or changed label has a greater one; 0 for silence */
};
/* Return non-zero to stop the listing; it then ends with LT_OK. The store must not be written to
 * from inside. */
typedef int (*lt_trace_row_fn)(const struct lt_trace_row *row, void *user);

/* Which traces. Zero or NULL means any. */
struct lt_trace_filter {
    const char *site, *state, *route, *why, *trace;
    int64_t since_unix_ms, until_unix_ms; /* received in [since, until) */
    int is_labelled;                      /* only those with a label */
    /* Without a label, the network's own calls that were carried out before this count as right, by
     * the source "silence": nobody minded. 0: they do not. */
    int64_t silent_before_unix_ms;
    int is_unfinished; /* accepted or decided, or answered with calls not yet executed (no dry run)
                        */
    int is_oldest_first;
    int64_t limit; /* most rows; 0: no limit */
};
LT_NODISCARD enum lt_err lt_store_trace_list(struct lt_store *s, const struct lt_trace_filter *f,
                                             lt_trace_row_fn fn, void *user, struct lt_diag *diag);
/* Labels that count (one of a trace), in the order in which they came, after number after_id: reads these
 * alone, however many traces there are. It stops before a label younger than settle_ms, and before one whose
 * trace is still on its way, if that arrived less than LT_STORE_UNDERWAY_MS ago. *last_id: what to give as after_id next time. */
#define LT_STORE_UNDERWAY_MS 3600000
struct lt_label_filter {
    const char *site; /* required */
    int64_t after_id, now_unix_ms, settle_ms;
    int64_t limit; /* most rows; 0: no limit */
};
LT_NODISCARD enum lt_err lt_store_label_list(struct lt_store *s, const struct lt_label_filter *f,
                                             lt_trace_row_fn fn, void *user, int64_t *last_id,
                                             struct lt_diag *diag);
/* Everything about one trace, with its attempts and labels, as an object. LT_ERR_NOTFOUND. *out is
 * a new reference. */
LT_NODISCARD enum lt_err lt_store_trace_show(struct lt_store *s, const char *trace, json_t **out,
                                             struct lt_diag *diag);
/* Counts by route, why and state, local share, latency percentiles, spend, labels, of the traces
 * received in [since, until) (0: open end) of one site (NULL: all). *out is a new reference. */
LT_NODISCARD enum lt_err lt_store_trace_stats(struct lt_store *s, const char *site,
                                              int64_t since_unix_ms, int64_t until_unix_ms,
                                              json_t **out, struct lt_diag *diag);

/* Delete finished traces: those received before older_than_unix_ms (0: none by age), then the
 * oldest until the file uses at most max_bytes (0: any size); labelled ones go last by size and
 * stay by age when keep_labelled. Unused catalogues go too, and freed pages return to the file
 * system. Not inside a group. *n_deleted may be NULL. */
struct lt_prune {
    int64_t older_than_unix_ms, max_bytes;
    int keep_labelled;
};
LT_NODISCARD enum lt_err lt_store_prune(struct lt_store *s, const struct lt_prune *p,
                                        int64_t *n_deleted, struct lt_diag *diag);

/* ---- money ---- */

/* Book micro-USD on (day of now in UTC, site, provider). May be negative to correct an estimate. */
LT_NODISCARD enum lt_err lt_store_spend_add(struct lt_store *s, const char *site,
                                            const char *provider, int64_t now_unix_ms,
                                            int64_t cost_usd_micro, int64_t input_tokens,
                                            int64_t output_tokens, struct lt_diag *diag);
enum lt_spend_span { LT_SPEND_DAY, LT_SPEND_MONTH };
/* Spend of the UTC day or month that holds now; site NULL: all sites. */
LT_NODISCARD enum lt_err lt_store_spend_sum(struct lt_store *s, const char *site,
                                            enum lt_spend_span span, int64_t now_unix_ms,
                                            int64_t *cost_usd_micro, struct lt_diag *diag);

/* ---- networks ---- */

struct lt_model {
    const char *name, *path, *sha256; /* required; the hash names the model */
    int64_t n_bytes;
    const char *metrics_json;                 /* or NULL */
    int is_active;                            /* read only */
    int64_t added_unix_ms, activated_unix_ms; /* 0: never active */
};
typedef int (*lt_model_fn)(const struct lt_model *m, void *user); /* non-zero stops */

/* Register (or update path, name and metrics of) a model file. */
LT_NODISCARD enum lt_err lt_store_model_put(struct lt_store *s, const struct lt_model *m,
                                            struct lt_diag *diag);
/* Make it the only active one. LT_ERR_NOTFOUND. */
LT_NODISCARD enum lt_err lt_store_model_activate(struct lt_store *s, const char *sha256,
                                                 int64_t now_unix_ms, struct lt_diag *diag);
/* Make the one that was active before the present one active again, and give its hash: "" when there was
 * none, so that none is active and the shipped network counts. LT_ERR_NOTFOUND when none is active. */
LT_NODISCARD enum lt_err lt_store_model_rollback(struct lt_store *s, int64_t now_unix_ms,
                                                 char sha256[LT_SHA256_HEX_CAP],
                                                 struct lt_diag *diag);
/* All models, newest first. */
LT_NODISCARD enum lt_err lt_store_model_list(struct lt_store *s, lt_model_fn fn, void *user,
                                             struct lt_diag *diag);
/* Note a score of a registered model on a data set. */
LT_NODISCARD enum lt_err lt_store_evaluation_add(struct lt_store *s, const char *sha256,
                                                 const char *data, int64_t n_cases,
                                                 const char *metrics_json, int64_t now_unix_ms,
                                                 struct lt_diag *diag);

#endif
