/* lt/router.h - the decision: answer here, ask back, ask the cloud, or decline.
 *
 * Everything is a pure function of its arguments: no clock, no random number, no I/O, no state. So
 * a decision can be taken again from a trace, with another policy, and compared. The order of the
 * rules is the order of tests/unit/test_router.c's table:
 *
 *   1. a cached answer that still fits the catalogue is used: cache
 *   2. local calls that do not fit the catalogue count as no local answer; an answer with a blocked
 *      tool: refused
 *   3. an answer at or above its gate is carried out: local, or none for no call. The gate is the
 *      highest of those its calls ask for; sensitive calls have their own, and so has the answer
 *      "nothing applies"
 *   4. a sensitive answer under its gate, at or above the clarify bar, is asked back: clarify; with
 *      clarify_first any that is no mere question
 *   5. else the cloud, unless policy, deadline, budget or breakers forbid: cloud
 *   6. else, by policy, the best guess, a question or an apology: local, clarify, refused, none.
 *      What only looks something up is answered rather than asked back: the answer says of what
 *
 * The gateway then asks the providers in the order given and passes what came to lt_router_judge.
 * Threads: none of its own; arguments are read only. Memory: no allocation; strings are borrowed.
 */
#ifndef LT_ROUTER_H
#define LT_ROUTER_H

#include <jansson.h>
#include <stdint.h>

#include "lt/catalog.h"
#include "lt/err.h"

#define LT_ROUTER_MAX_PROVIDERS 8 /* most providers of a policy */

/* name, word in the result object */
#define LT_ROUTE_MAP(XX)                                                                           \
    XX(LOCAL, "local")                                                                             \
    XX(CLOUD, "cloud")                                                                             \
    XX(CACHE, "cache")                                                                             \
    XX(CLARIFY, "clarify")                                                                         \
    XX(REFUSED, "refused")                                                                         \
    XX(NONE, "none")

enum lt_route {
#define LT_ROUTE_ENUM(name, word) LT_ROUTE_##name,
    LT_ROUTE_MAP(LT_ROUTE_ENUM)
#undef LT_ROUTE_ENUM
        LT_ROUTE_COUNT
};

/* name, reason code in `why`, what it means */
#define LT_WHY_MAP(XX)                                                                             \
    XX(GATE_ACCEPTED, "gate.accepted", "the network's calls were sure enough")                     \
    XX(GATE_NOTHING, "gate.nothing", "the network is sure that no tool applies")                   \
    XX(GATE_NOTHING_ESCALATED, "gate.nothing_escalated",                                           \
       "no tool applies here, and policy asks the cloud about such requests")                      \
    XX(GATE_LOW_CONFIDENCE, "gate.low_confidence", "the network was not sure enough")              \
    XX(LOCAL_INVALID, "local.invalid", "the network's calls do not fit the catalogue")             \
    XX(LOCAL_FAILED, "local.failed", "no network answered")                                        \
    XX(CACHE_HIT, "cache.hit", "the same request was answered and confirmed before")               \
    XX(POLICY_SENSITIVE, "policy.sensitive",                                                       \
       "a sensitive action needs more certainty, or must not come from the cloud")                 \
    XX(POLICY_BLOCKED, "policy.blocked", "a tool that may never be called, whoever asks")          \
    XX(POLICY_NEVER_CLOUD, "policy.never_cloud", "this site or area never asks the cloud")         \
    XX(POLICY_NO_CLOUD, "policy.no_cloud", "no provider is configured for this request")           \
    XX(BUDGET_SPENT, "budget.spent", "the spend cap leaves too little for any provider")           \
    XX(BREAKER_OPEN, "breaker.open", "every provider failed lately and is being left alone")       \
    XX(DEADLINE_SHORT, "deadline.short", "too little time is left to ask any provider")            \
    XX(CLOUD_ANSWERED, "cloud.answered", "a cloud model answered")                                 \
    XX(CLOUD_FAILED, "cloud.failed", "no provider answered in time")                               \
    XX(CLOUD_REFUSED, "cloud.refused", "the cloud model declined to answer")                       \
    XX(CLOUD_INVALID, "cloud.invalid_call", "the cloud's calls do not fit the catalogue")          \
    XX(FALLBACK_GUESS, "fallback.guess", "no cloud answer; the best local guess was taken")        \
    XX(FALLBACK_QUESTION, "fallback.question",                                                     \
       "no cloud answer; looking something up needs no asking back")                               \
    XX(TALK_AMBIGUOUS, "talk.ambiguous",                                                           \
       "the words fit several things; the speaker is asked which")                                 \
    XX(TALK_INCOMPLETE, "talk.incomplete", "something was not said; the speaker is asked for it")  \
    XX(TALK_ANSWERED, "talk.answered", "the answer to a question of ours completed the request")   \
    XX(TALK_PLAIN, "talk.plain",                                                                   \
       "every word was read; the network was not sure, or has no words for it")                    \
    XX(TALK_DOUBTFUL, "talk.doubtful",                                                             \
       "what was said names another thing, or no less another; the speaker is asked")              \
    XX(TALK_REPEATED, "talk.repeated",                                                             \
       "the answer was not understood, or left several; asked again")                              \
    XX(TALK_DROPPED, "talk.dropped",                                                               \
       "the speaker wants nothing after all, or nothing can be done")                              \
    XX(TALK_UNDONE, "talk.undone", "what was done before is taken back")                           \
    XX(SAFETY_CONFIRM, "safety.confirm", "a guarded action waits for a spoken yes")                \
    XX(SAFETY_PIN, "safety.pin", "a guarded action waits for the code")                            \
    XX(SAFETY_REFUSED, "safety.refused",                                                           \
       "a guarded action may not be asked for from here, or too often")                            \
    XX(SAFETY_RATE, "safety.rate", "this source sends too many requests")                          \
    XX(HOUSE_FAILED, "house.failed", "the gateway could not do it; the speech says why")           \
    XX(REQUEST_INVALID, "request.invalid", "the request is malformed; the error says where")       \
    XX(REQUEST_UNKNOWN_SITE, "request.unknown_site", "this gateway does not serve that site")      \
    XX(REQUEST_DUPLICATE, "request.duplicate", "the same id came before and is being answered")    \
    XX(REQUEST_EXPIRED, "request.expired", "the deadline passed before the request was looked at") \
    XX(STORE_FAILED, "store.failed", "the trace could not be written")                             \
    XX(QUEUE_FULL, "queue.full", "too many requests wait")

enum lt_why {
#define LT_WHY_ENUM(name, code, text) LT_WHY_##name,
    LT_WHY_MAP(LT_WHY_ENUM)
#undef LT_WHY_ENUM
        LT_WHY_COUNT
};

const char *lt_route_word(enum lt_route route); /* "local", …; static */
const char *lt_why_code(enum lt_why why);       /* "gate.accepted", …; static */
const char *lt_why_text(enum lt_why why);       /* what it means, for people; static */

/* ---- policy ---- */

/* Calls that need a gate of their own. All patterns that are not NULL must fit; a pattern is a
 * name, or a prefix that ends with "*". Domain and class are those of any entity the call means. */
struct lt_gate_rule {
    const char *tool;         /* "HassTurnOff", "Hass*"; NULL: any */
    const char *domain;       /* "lock"; NULL: any */
    const char *device_class; /* "garage"; NULL: any */
    double gate;              /* least confidence, 0..1 */
    int is_sensitive; /* never from the cloud alone unless allowed; asked back when unsure */
};

/* Kinds of request that go up, as bits of lt_provider_rule.kinds. */
enum { LT_KIND_UNSURE = 1, LT_KIND_NOTHING = 2, LT_KIND_FAILED = 4 };

/* A provider as the router sees it. */
struct lt_provider_rule {
    const char *name;
    int64_t estimate_usd_micro; /* what one request is expected to cost at most */
    int64_t min_ms;             /* least time left that makes asking worthwhile */
    const char *const *langs;   /* NULL-terminated list of "en", "de"; NULL: any */
    const char *const *sites;   /* NULL-terminated; NULL: any */
    int hour_from, hour_to;     /* local hours [from, to), may wrap over midnight; equal: always */
    unsigned kinds;             /* LT_KIND_*; 0: any */
    double confidence_min;      /* local confidence in [min, max]; max 0: any */
    double confidence_max;
    int64_t spent_below_usd_micro; /* only while the day's spend is below; 0: always */
};

enum lt_no_answer { LT_NO_ANSWER_ASK, LT_NO_ANSWER_GUESS, LT_NO_ANSWER_APOLOGISE };

struct lt_policy {
    double gate;         /* least confidence to act locally, 0..1 */
    double gate_nothing; /* least confidence for "nothing applies" */
    double gate_new;     /* the same for tools that the network has not learnt, and for "nothing
                            applies" where there are such; counts where it is higher. 0: no matter */
    double clarify;      /* at or above this a question is sensible */
    double guess;        /* at or above this a best guess may stand in for a missing cloud answer */
    enum lt_no_answer no_answer; /* when no cloud answer can be had */
    int is_nothing_escalated;    /* a sure "nothing applies" is still asked of the cloud */
    int is_clarify_first;        /* ask the speaker before the cloud, at or above `clarify` */
    int is_sensitive_cloud_ok;   /* sensitive calls may come from the cloud alone */
    int is_never_cloud;
    const char *const *never_cloud_sites; /* NULL-terminated, or NULL */
    const char *const *never_cloud_areas; /* areas of the speaking device; the same */
    const struct lt_gate_rule *rules;     /* all that fit a call count; the highest gate wins */
    int n_rules;
    const char *const *blocked_tools; /* never called, whoever asks; patterns as in a gate rule */
    const struct lt_provider_rule *providers; /* in the order they are to be tried */
    int n_providers;                          /* at most LT_ROUTER_MAX_PROVIDERS */
};
/* Gate 0.85, nothing 0.85, clarify 0.40, guess 0.70, ask when no answer; no rules, no providers. */
void lt_policy_init(struct lt_policy *p);
/* The rules that guard doors by default: unlocking, opening garage doors, gates and doors,
 * disarming (gate 0.97, sensitive). *n is their count; static. */
const struct lt_gate_rule *lt_policy_default_rules(int *n);

/* ---- the request and what is known about it ---- */

struct lt_facts {
    const char *site;
    const char *here; /* or NULL */
    const char *lang; /* or NULL */
    int hour;         /* local hour 0..23 */
    int is_dry_run;   /* decided as usual, but no provider is named: nothing may be sent */
    int64_t left_ms;  /* time to the deadline; INT64_MAX: none */
    int64_t budget_left_usd_micro; /* lt_budget_left, LT_BUDGET_UNLIMITED */
    int64_t spent_usd_micro;       /* today, on all providers */
    int is_private;                /* the words name something that must not leave the house */
    const int *is_open; /* n_providers flags: the provider's breaker forbids it now; NULL: none */
    int is_cloud_off;   /* the site's cloud switch is off */
    const json_t *new_tools; /* object with a member for each tool that the network in use has not
                                   learnt, or NULL */
    const json_t *cached_calls; /* confirmed answer to the same request, or NULL */
};

/* What the network said. calls is an array of {"name","arguments"} or NULL when none answered. */
struct lt_local {
    const json_t *calls;
    double confidence; /* 0..1 */
};

/* ---- the decision ---- */

struct lt_decision {
    enum lt_route route;
    enum lt_why why;
    const json_t *calls; /* what to carry out (local, cache, cloud) or to ask about (clarify);
                            borrowed from the arguments; NULL: none */
    double gate;         /* the gate that the local answer was held against */
    int is_sensitive;    /* one of the local calls is sensitive */
    int providers[LT_ROUTER_MAX_PROVIDERS]; /* indexes of policy->providers, in order; for CLOUD */
    int n_providers;
};

/* Decide. `catalog` may be NULL when the site has none: local calls then never fit. `detail` (may
 * be NULL) receives what is wrong with calls that do not fit. */
void lt_router_decide(const struct lt_policy *policy, const struct lt_catalog *catalog,
                      const struct lt_facts *facts, const struct lt_local *local,
                      struct lt_decision *out, struct lt_diag *detail);

/* ---- after the cloud was asked ---- */

enum lt_outcome {
    LT_OUTCOME_ANSWERED, /* it answered: calls, speech or both */
    LT_OUTCOME_FAILED,   /* nobody answered, whatever the reason */
    LT_OUTCOME_REFUSED,  /* it declined (safety block, refusal) */
};
struct lt_upper_answer {
    enum lt_outcome outcome;
    const json_t *calls; /* array of {"name","arguments"}, or NULL */
    const char *speech;  /* or NULL */
};

/* Judge a cloud answer: calls must fit the catalogue and, unless policy allows it, must not be
 * sensitive. An answer with neither calls nor speech counts as "nothing applies" (route none). When
 * it cannot be used, policy's no_answer decides as in rule 6; `why` keeps the cause unless a guess
 * is taken. `local` is the network's answer to the same request. Where `facts` say that nothing may
 * leave the house (policy may have changed meanwhile), the cloud's answer is not used. */
void lt_router_judge(const struct lt_policy *policy, const struct lt_catalog *catalog,
                     const struct lt_facts *facts, const struct lt_local *local,
                     const struct lt_upper_answer *cloud, struct lt_decision *out,
                     struct lt_diag *detail);

/* The gate that these calls need under the policy, and (if not NULL) whether one is sensitive. */
double lt_router_gate(const struct lt_policy *policy, const struct lt_catalog *catalog,
                      const json_t *calls, int *is_sensitive);
/* Do all calls fit the catalogue? The same check for every source of calls. */
LT_NODISCARD enum lt_err lt_router_validate_calls(const struct lt_catalog *catalog,
                                                  const json_t *calls, struct lt_diag *diag);

#endif
