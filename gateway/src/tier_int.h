/* tier_int.h - what tier.c (who is asked, and who next) and tier_leg.c (one conversation) share. */
#ifndef LT_TIER_INT_H
#define LT_TIER_INT_H

#include "tier.h"

struct endpoint {
    struct lt_cloud_endpoint e;
    struct lt_secret *key;
    struct lt_breaker breaker;
    int64_t timeout_ms, estimate_usd_micro;
    int max_tokens, is_unusable;
    struct lt_tier_counts counts;
};

/* A site's own spend today, for its cap. */
struct site_budget {
    const char *site;
    struct lt_budget budget;
};

struct lt_tier {
    struct lt_io *io;
    const struct lt_config *config;
    struct lt_budget *budget;
    struct site_budget *sites;
    struct lt_prices *prices;
    struct lt_http *http;
    struct lt_cloud *cloud;
    struct lt_store *store;
    struct lt_worker *writer;
    struct endpoint endpoints[LT_CONFIG_MAX_ENDPOINTS];
    int n_endpoints;
    struct lt_tier_ask *asks;
    struct lt_privacy_rules rules;
    const char **names; /* of rules, NULL-terminated */
    int rules_version;
    uint64_t last_ticket;
    char fault[LT_DIAG_TEXT];
};

/* A conversation with one endpoint, turn by turn; tier_leg.c draws it. */
struct leg {
    struct lt_tier_ask *ask; /* NULL while idle */
    struct endpoint *endpoint;
    struct lt_cloud_ask *flight;
    struct booking *booking; /* being committed before the turn goes */
    int64_t reserved_usd_micro;
    size_t request_bytes; /* of the turn under way, about */
    uint64_t ticket;      /* calls being carried out; 0: none */
    json_t *wanted;       /* these calls, with the ids of `ids` */
    char *words;          /* what the turn with these calls said beside them, or NULL */
    const char *ids[LT_CLOUD_MAX_CALLS];
    void **owned; /* what the turns and ids point to */
    size_t n_owned;
    struct lt_cloud_turn turns[2 * LT_TIER_MAX_STEPS];
    size_t n_turns;
    int n_steps;                              /* turns asked so far */
    int is_repaired, is_adapted, is_speaking; /* speaking: no further call is allowed */
};

enum { N_LEGS = 2 };

/* What an ask has said so far, sentence by sentence; tier_say.c. */
struct voice {
    const struct leg *leg; /* who speaks; NULL: nobody yet */
    struct lt_buf heard;   /* of the turn, as the model said it: with placeholders */
    size_t n_said;         /* bytes of it that went out */
    int n_sentences;       /* that went out, of all turns */
    int is_void;           /* some do not stand: nothing further goes out */
};

struct lt_tier_ask {
    struct lt_tier *tier;
    struct lt_tier_ask *next, **prev;
    char *text, *here; /* as sent: with placeholders */
    const char *site;
    struct lt_site_catalog *catalog;
    struct lt_veil_home *home;
    struct lt_veil *veil;
    int providers[LT_ROUTER_MAX_PROVIDERS];
    int n_providers, i_next;
    struct leg legs[N_LEGS];
    lt_us started_us, deadline_us;
    struct lt_tier_answer answer;
    struct voice voice;
    lt_tier_say_fn say;
    lt_tier_run_fn run;
    lt_tier_fn fn;
    void *ctx;
    struct lt_io_timer *timer; /* first start, then hedging, or waiting */
    int is_started, is_waiting;
    int later[LT_ROUTER_MAX_PROVIDERS]; /* asked to be left alone for a short time */
    int n_later;
};

/* ---- tier_leg.c ---- */
void lt__leg_start(struct leg *l, struct lt_tier_ask *ask, struct endpoint *e);
/* End it without a word; what may have been billed is booked. An idle one is fine. */
void lt__leg_stop(struct leg *l);
void lt__leg_ran(struct leg *l, const json_t *results);
/* The deadline is here and what came of its calls is not: they are the answer. */
void lt__leg_late(struct leg *l);

/* ---- tier_say.c ---- */
void lt__leg_say(void *ctx, const char *text); /* an lt_cloud_say_fn */
void lt__voice_turn(struct leg *l); /* a turn begins: what earlier ones said stays said */
/* What of the answer `text` has not been said; NULL when nothing was said or that does not stand. */
char *lt__voice_rest(const struct leg *l, const char *text);
void lt__voice_leave(struct leg *l); /* the leg ends */
void lt__voice_void(struct leg *l);  /* what it said does not stand: its calls were refused */
void lt__voice_reset(struct voice *v);

/* ---- tier.c ---- */
/* The leg has an answer (in ask->answer): the ask is over. */
void lt__ask_answered(struct lt_tier_ask *ask);
/* The leg has none and is idle again: the next endpoint's turn. */
void lt__ask_next(struct lt_tier_ask *ask, struct leg *l);
struct lt_budget *lt__tier_site_budget(struct lt_tier *t, const char *site); /* NULL: no cap */

#endif
