/* gateway_int.h - what the files of the serving process share: the gateway, its sites, a request.
 *
 * Everything belongs to the loop's thread except what a comment says otherwise. A request is written
 * by the loop; while a job of it runs, the job's thread owns the members named there. */
#ifndef LT_GATEWAY_INT_H
#define LT_GATEWAY_INT_H

#include <jansson.h>
#include <uv.h>

#include "act.h"
#include "answers.h"
#include "audio.h"
#include "bells.h"
#include "config.h"
#include "discovery.h"
#include "hermes.h"
#include "hermes_audio.h"
#include "hermes_dialogue.h"
#include "io_uv.h"
#include "lt/budget.h"
#include "lt/clock.h"
#include "lt/docs.h"
#include "lt/store.h"
#include "metrics.h"
#include "mqtt.h"
#include "policy.h"
#include "request_index.h"
#include "safety.h"
#include "san/engine.h"
#include "self.h"
#include "session.h"
#include "site.h"
#include "speech.h"
#include "stats.h"
#include "submit.h"
#include "talk.h"
#include "tier.h"
#include "topics.h"
#include "warm.h"
#include "worker.h"
#include "wyoming.h"

#define LT_GW_CALLS_MAX   64   /* most calls of one answer that are carried out */
#define LT_INFER_MANY     32   /* most requests answered together */
#define LT_GW_DRAIN_MS    8000 /* on SIGTERM: longest wait for what was accepted */
#define LT_GW_BARRIER_MS  5000 /* longest wait for our own barrier after a restart */
#define LT_GW_TEXT_BYTES  512  /* one-line error texts */
#define LT_GW_FIELD_BYTES 64
#define LT_GW_KEY_PREFIX  "~mqtt/" /* request ids made from packet ids begin so */

struct lt_gateway;
struct lt_swap;
struct lt_drift_watch;

struct lt_gw_site {
    const char *name; /* borrowed from the configuration at start */
    uv_mutex_t lock;  /* guards `catalog` between the inference worker and the loop */
    struct lt_site_catalog *catalog;   /* under lock; NULL: none yet */
    char used_hash[LT_SHA256_HEX_CAP]; /* of the catalogue in use; "" for none */
    int is_told; /* somebody published a catalogue: it stands before what devices announce */
    /* home.c: what its devices announce, and how they are worked */
    struct lt_gateway *gw;
    struct lt_act *act;                /* NULL: devices are not worked */
    struct lt_discovery *discovery;    /* NULL: announcements are not read */
    char root[LT_TOPIC_MAX_BYTES + 1]; /* "cabin/": its devices' topics lie below; "" for none */
    uv_timer_t home_timer;
    lt_us home_changed_us;        /* first change that the catalogue does not show yet; 0: none */
    size_t n_tools, n_entities;   /* of the catalogue in use */
    char error[LT_GW_TEXT_BYTES]; /* why the last catalogue sent was not taken; "" */
    struct lt_stats stats;
    struct lt_self self;
    lt_us feedback_us; /* when the present minute of feedback began */
    int n_feedback;    /* in it */
};

struct lt_ring; /* bells.c */

struct lt_gateway {
    uv_loop_t loop;
    struct lt_io_uv io;
    const char *config_path;  /* for SIGHUP */
    struct lt_config started; /* as at the start: what cannot change while running */
    struct lt_config config;  /* as last loaded: what can */
    struct lt_gateway_policy policy;
    struct lt_budget budget;
    struct lt_docs *docs;          /* read-only, any thread */
    struct lt_site_engine *engine; /* inference worker, which changes it too (swap.c) */
    char model_name[128];
    int64_t call_us;      /* what an answer of the network takes, of late; see model.batch_ms */
    struct lt_warm *warm; /* warm.c: encoded blocks over restarts */
    size_t cache_bytes;   /* of encoded blocks, when the last catalogue was taken */
    struct lt_tier *tier;
    struct lt_metrics *metrics; /* NULL: no endpoint */
    struct lt_store *store;     /* writer's thread once it runs */
    struct lt_worker *writer, *infer;
    struct lt_mqtt *mqtt;
    struct lt_secret *password;
    struct lt_gw_site *sites;
    size_t n_sites;
    char client_id[160];
    int lock_fd;               /* held while the database is ours; -1: not locked */
    char session_path[1100];   /* file that names the broker session, beside the database */
    char session[LT_ULID_CAP]; /* name of the broker session: packet ids mean something in it */
    char barrier_topic[LT_TOPIC_MAX_BYTES + 1], barrier[LT_ULID_CAP];

    struct lt_talk *talk;       /* conversations: talk.c */
    struct lt_doubt *doubt;     /* the last deed of each: talk.c */
    struct lt_answers *answers; /* the user's own sentences; NULL: none */
    struct lt_house *house;
    struct lt_safety *safety;
    struct lt_ulid_gen house_ids;
    struct lt_ring *rings; /* timers that rang and are not acknowledged */
    uv_timer_t bell_timer, self_timer;

    struct lt_req *requests; /* all that live */
    struct lt_index index;   /* of them */
    uint64_t next_serial;
    int n_requests;
    uint64_t last_ticket;                      /* of submit.h */
    struct lt_wyoming *wyoming;                /* NULL: off */
    struct lt_speech *speech;                  /* NULL: neither hears nor speaks */
    struct lt_audio *audio;                    /* utterances from the audio topic */
    struct lt_hermes_ear *hermes_ears;         /* satellites being listened to */
    struct lt_hermes_play *hermes_plays;       /* answers being spoken for satellites */
    struct lt_hermes_session *hermes_sessions; /* dialogues of ours */
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t stats_timer, watchdog_timer, drain_timer, barrier_timer, prune_timer, ready_timer;
    lt_us started_us, drain_until_us;
    int is_draining, is_ready, is_barrier_out, is_stopped;
    struct lt_job prune_job;
    struct lt_swap *swap;         /* swap.c; NULL before it is watched */
    struct lt_drift_watch *drift; /* drift_watch.c; NULL: not watched */
    struct lt_shadow *shadow;     /* shadow.c; NULL while none was ever named */
    struct lt_prune prune;        /* the writer's while is_pruning */
    int is_pruning;
};

/* Where an answer goes. */
struct lt_gw_reply {
    struct lt_gw_reply *next;
    char *topic; /* NULL: <site>/response */
    void *correlation;
    size_t correlation_len;
    int qos;
};

/* A request's life; request.c draws it. */
#define LT_REQ_STATE_MAP(XX)                                                                       \
    XX(ARRIVED, "arrived")                                                                         \
    XX(WORKING, "working")                                                                         \
    XX(ASKING, "asking")                                                                           \
    XX(RECORDING, "recording")                                                                     \
    XX(UNSENT, "unsent")                                                                           \
    XX(DELIVERING, "delivering")                                                                   \
    XX(RECOVERING, "recovering")                                                                   \
    XX(DONE, "done")
enum lt_req_state {
#define LT_REQ_ENUM(name, word) LT_REQ_##name,
    LT_REQ_STATE_MAP(LT_REQ_ENUM)
#undef LT_REQ_ENUM
};

struct lt_req {
    struct lt_gateway *gw;
    struct lt_req *next, **prev;
    struct lt_index_links links;
    enum lt_req_state state;
    int n_busy;      /* jobs and asks under way: the struct must stay */
    uint64_t serial; /* order of arrival */
    int is_waiting;  /* for an earlier request of its session */

    /* as it came; read-only once submitted */
    const char *door;        /* where it came in; static */
    struct lt_gw_site *site; /* NULL: not ours */
    char site_name[LT_SITE_MAX_BYTES + 1];
    char *id;  /* the caller's, or NULL */
    char *key; /* what the store knows it by: id, or made from the packet id; NULL for neither */
    char *text;
    size_t text_len;
    char *here, *lang, *session;
    struct lt_tongue tongue; /* lt_req_tongue */
    char talk_key[LT_TALK_KEY_MAX + 1];
    int is_text_hidden; /* it held the code, which is cut out */
    int is_pin_right;   /* and it was right */
    int is_dry_run;
    int64_t deadline_ms, received_unix_ms;
    lt_us arrived_us, deadline_us;
    struct lt_gw_reply *replies;
    char catalog_hash[LT_SHA256_HEX_CAP];
    /* from a door inside the process, submit.h */
    struct {
        char *text;
        double share;
    } readings[LT_SUBMIT_MAX_ALTERNATIVES]; /* of a recogniser */
    int n_readings;
    int is_hands_off;
    uint64_t ticket;        /* 0: none */
    lt_submit_fn on_answer; /* NULL: none, or called already */
    void *on_answer_ctx;
    int is_cancelled; /* nobody waits any more: what has not acted will not */

    /* what is wrong with it; bad_code NULL: nothing */
    enum lt_why bad_why;
    const char *bad_code;
    char bad_field[LT_GW_FIELD_BYTES], bad_text[LT_GW_TEXT_BYTES];

    struct lt_job accept_job; /* writer: new_trace, is_repeated, first_result */
    char new_trace[LT_ULID_CAP];
    int is_repeated;
    char trace[LT_ULID_CAP]; /* the loop's copies, once the job is done; "" before */
    int is_duplicate;
    char *first_result;
    lt_us committed_us;

    struct lt_job infer_job; /* worker: catalog, answer, local_calls, decisions_json, reading */
    int reading;             /* which of the readings won */
    double heard;            /* share of all readings with its calls */
    struct lt_site_catalog *catalog;
    struct san_answer answer;
    json_t *local_calls; /* NULL: the network did not answer */
    int is_cache_used;   /* memory may be asked */
    char *cached_json;   /* writer: confirmed calls for the same words */
    json_t *cached_calls;
    char *decisions_json;

    int has_hold, is_committed, is_inferred;
    enum lt_route first_route; /* the decision before the cloud was asked */
    enum lt_why first_why;
    struct lt_tier_answer upper;
    int was_asked;
    /* carried out while the model is still being asked, step by step; consult.h */
    json_t *done;         /* calls, or NULL; joined with `calls` when the answer stands */
    json_t *done_restore; /* calls that take them back, or NULL: not known */
    int is_stepped;       /* the store has them: the answer's record adds to them */
    int has_trouble;      /* something did not go as it was meant */
    int has_refusal;      /* the model was told once that calls are refused, for this reason: */
    enum lt_why refusal;
    const char *refusal_key; /* of what is said when the model says nothing; static, or NULL */
    char *step_speech;       /* what to say of them when the model says nothing, or NULL */
    int n_spoken;            /* messages of speak.h so far */

    /* the answer */
    enum lt_route route;
    enum lt_why why;
    json_t *calls;
    char *speech, *result;
    json_t *choices;          /* clarify: labels of what may be answered, or NULL */
    int has_question;         /* clarify: the question is remembered */
    int is_confirmed;         /* the speaker said yes to these calls */
    const char *doubt_source; /* "undo", "rephrase": the trace `doubted` was wrong; NULL: nothing */
    char doubted[LT_ULID_CAP];
    struct lt_changes changes; /* of the house's timers and lists; the writer's while recording */
    char *announce;            /* words for all speakers, or NULL */
    char *model;
    lt_us total_us;

    struct lt_job record_job, executed_job;
    int publish_ids[LT_GW_CALLS_MAX];
    int n_calls_sent, n_undelivered, refused_reason;
    int is_executed_out;  /* executed_job was submitted */
    int is_executed_done; /* and is through */
    int n_echo_holds;     /* echoes whose acknowledgement waits for executed_job */
    int is_acting;        /* devices are being worked: the answer waits */
    int is_told;          /* the answer is out */
    json_t *outcome;      /* what happened to each device, or NULL */
    int is_recorded;      /* the answer is in the store */
    int n_sent;           /* recovering: calls that are known to be out, from the first */
    char *row_state;      /* recovering: state in the store */
};

/* ---- request.c, request_take.c, request_infer.c, request_send.c ---- */
void lt_req_arrived(struct lt_gateway *gw, const struct lt_topic *topic,
                    const struct lt_mqtt_message *msg);
struct lt_req *lt_req_new(struct lt_gateway *gw, const char *site);
/* What works the devices of its site; NULL: nothing. */
struct lt_act *lt_req_act(const struct lt_req *r);
/* Free it if nothing holds it any more. */
void lt_req_settle(struct lt_req *r);
void lt_req_set_state(struct lt_req *r, enum lt_req_state next);
/* Note what is wrong with a request; the first fault counts. `code` is static, the texts are copied. */
void lt_req_set_bad(struct lt_req *r, enum lt_why why, const char *code, const char *field,
                    const char *text);
/* Run the network over it; the outcome goes on by itself. */
void lt_req_infer(struct lt_req *r);
/* Go on when both the commit and the network are done. */
void lt_req_advance(struct lt_req *r);
/* End with an error object. */
void lt_req_fail(struct lt_req *r, enum lt_why why, const char *code, const char *field,
                 const char *text);
/* The answer stands: build the result, write it down, then deliver. */
/* Name of the network that answered: the one its catalogue was compiled for, also after a swap. */
const char *lt_req_network(const struct lt_req *r);
void lt_req_finish(struct lt_req *r);
/* Send calls and answer, now or when the broker is back. */
void lt_req_deliver(struct lt_req *r);
void lt_req_delivered(struct lt_gateway *gw, int publish_id, int reason);
void lt_req_resend(struct lt_gateway *gw); /* the broker is back */
/* Publish the calls of r->done from number `first` on, while r is ASKING. */
void lt_req_send_done(struct lt_req *r, size_t first);
/* The broker takes n more messages now. */
int lt_req_has_room(const struct lt_req *r, int n);
/* Build r->result from what is known. */
void lt_req_build_result(struct lt_req *r);
/* Send r->result (or `result`) to the replies of r. */
void lt_req_send_result(struct lt_req *r, const char *result);

/* ---- wording.c ---- */
int lt_req_is_foreign(const struct lt_req *r);
const char *lt_req_speech(struct lt_req *r, enum lt_route route, char *out, size_t cap);
/* In which language `speech`, of the request's answer, is: two letters in `out` or borrowed from the request;
 * NULL where it cannot be told. */
const char *lt_req_speech_language(struct lt_req *r, const char *speech, char out[LT_LANG_CAP]);
/* The tongue in which the request is answered: the language given with it, told by its words, or spoken last
 * in the conversation; else the first of talk.languages. Borrowed from the request. */
const struct lt_tongue *lt_req_tongue(struct lt_req *r);
/* The tongue for what is said without a request; `lang` "" or NULL: the first of talk.languages. */
struct lt_tongue lt_gw_tongue(const struct lt_gateway *gw, const char *lang);

/* ---- record.c: jobs of the store writer ---- */
void lt_req_accept(struct lt_req *r);
void lt_req_record(struct lt_req *r);
/* Before calls are carried out of which the model is to hear: the store has them (r->done)
 * as answered, so that after a crash they are neither repeated nor forgotten. fn runs on the loop; `err`: they
 * are not to be carried out. 0: no memory, fn does not run. */
typedef void (*lt_req_step_fn)(void *ctx, enum lt_err err);
int lt_req_record_step(struct lt_req *r, lt_req_step_fn fn, void *ctx);
/* The broker has shown that the first n calls are out: the store hears of it, and what is acknowledged
 * to the broker waits until it has. */
void lt_req_confirm(struct lt_req *r, int n);
/* Once; later calls do nothing. */
void lt_req_executed(struct lt_req *r);

/* ---- recover.c ---- */
LT_NODISCARD enum lt_err lt_recover_load(struct lt_gateway *gw, struct lt_diag *diag);
void lt_recover_up(struct lt_gateway *gw, int has_session);
void lt_recover_echo(struct lt_gateway *gw, const struct lt_topic *topic,
                     const struct lt_mqtt_message *msg);
/* 1 when the message was our barrier. */
int lt_recover_barrier(struct lt_gateway *gw, const struct lt_mqtt_message *msg);

/* ---- front.c: MQTT handlers, catalogue, feedback, status ---- */
extern const struct lt_mqtt_handlers lt__front_handlers; /* ctx is filled by the gateway */
/* swap.c: another network takes over while requests go on. */
void lt_swap_start(struct lt_gateway *gw); /* begin to watch which network is active */
void lt_swap_look(struct lt_gateway *gw);  /* look now (SIGHUP) */
void lt_swap_stop(struct lt_gateway *gw);  /* before the workers end */
void lt_swap_free(struct lt_gateway *gw);  /* after the loop has run out */

void lt_front_status(struct lt_gateway *gw, struct lt_gw_site *site, int is_online);
void lt_front_stats(struct lt_gateway *gw);
/* The site's catalogue from text, off the loop. `origin` is for the log. Text is copied. */
void lt_front_set_catalog(struct lt_gateway *gw, struct lt_gw_site *site, const char *text,
                          size_t n, const char *origin);
struct lt_gw_site *lt_gw_find_site(struct lt_gateway *gw, const char *name);

/* ---- home.c: catalogues from what devices announce ---- */
LT_NODISCARD enum lt_err lt_home_open(struct lt_gateway *gw, struct lt_diag *diag);
void lt_home_up(struct lt_gateway *gw, int has_session); /* the broker is back: subscribe */
/* An announcement or a report? 0: neither. */
int lt_home_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg);
void lt_home_close(struct lt_gateway *gw);
/* Make the catalogue anew: names and rooms may be others, or nobody publishes one any more. */
void lt_home_reload(struct lt_gateway *gw, struct lt_gw_site *site);
/* home_names.c: what the configuration says about devices and rooms. LT_ERR_INVALID, _EXISTS, _LIMIT name the key. */
LT_NODISCARD enum lt_err lt_home_names(const struct lt_config *c, const char *site,
                                       struct lt_discovery *d, struct lt_diag *diag);
/* home_open.c: the devices of discovery.devices; on an error those known before stay. */
LT_NODISCARD enum lt_err lt_home_devices(const struct lt_config *c, const char *site,
                                         struct lt_discovery *d, struct lt_diag *diag);
/* home_open.c: a discovery for the site as configured, *out NULL where announcements are not read; and
 * where its devices' topics lie: "" or a prefix that ends in '/'. Shared with `lintel doctor`. */
LT_NODISCARD enum lt_err lt_home_discovery(const struct lt_config *c, const char *site,
                                           struct lt_discovery **out, struct lt_diag *diag);
LT_NODISCARD enum lt_err lt_home_root(const struct lt_config *c, const char *site, char *out,
                                      size_t cap, struct lt_diag *diag);

/* ---- gateway.c ---- */
/* Called whenever something ended: in a drain it may be time to go. */
void lt_gw_check_drained(struct lt_gateway *gw);

#endif
