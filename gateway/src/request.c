/* request.c - the life of one request.
 *
 *              lt_req_arrived              lt_req_advance: decide()       on_upper: judge
 *  (message) ---> ARRIVED ----> WORKING ----------+---------> ASKING ----------+
 *                                 | bad input,    | answered here              |
 *                                 | expired       v                            |
 *                                 +---------> RECORDING <----------------------+
 *                                                 | in the store: lt_req_deliver
 *                                  UNSENT <-------+ broker away, or takes no more now
 *                                     |           v
 *                                     +----> DELIVERING   calls and answer are out
 *      lt_recover_*   lt_req_resend               | PUBACK of every call (lt_req_delivered)
 *  (row) ---> RECOVERING -> WORKING, RECORDING    v
 *                           or DELIVERING        DONE  -> freed when no job needs it (lt_req_settle)
 *
 * WORKING runs two jobs at once: the store writer commits the trace (lt_req_accept) and the worker
 * runs the network (lt_req_infer). Nothing is published before that commit; the broker's
 * acknowledgement waits for it too (mqtt.h). RECORDING writes the answer down before it goes out, so
 * that after a crash a trace that is not answered was certainly not carried out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consult.h"
#include "gateway_int.h"
#include "lt/json.h"
#include "lt/log.h"
#include "result.h"
#include "speak.h"

static const char *const state_words[] = {
#define STATE_WORD(name, word) word,
    LT_REQ_STATE_MAP(STATE_WORD)
#undef STATE_WORD
};

/* Legal edges, a bit per next state. */
#define TO(s) (1u << LT_REQ_##s)
static const unsigned edges[] = {
    [LT_REQ_ARRIVED] = TO(WORKING) | TO(RECOVERING) | TO(DONE),
    [LT_REQ_WORKING] = TO(ASKING) | TO(RECORDING) | TO(DONE),
    [LT_REQ_ASKING] = TO(RECORDING),
    [LT_REQ_RECORDING] = TO(UNSENT) | TO(DELIVERING),
    [LT_REQ_UNSENT] = TO(DELIVERING) | TO(RECORDING),
    [LT_REQ_DELIVERING] = TO(DONE),
    [LT_REQ_RECOVERING] = TO(WORKING) | TO(RECORDING) | TO(UNSENT) | TO(DELIVERING),
    [LT_REQ_DONE] = 0,
};

struct lt_act *lt_req_act(const struct lt_req *r)
{
    return r->site ? r->site->act : NULL;
}

void lt_req_set_state(struct lt_req *r, enum lt_req_state next)
{
    if (!(edges[r->state] & (1u << next))) {
        LT_LOG(ERROR, "request.bad_edge", LF_STR("trace", r->trace),
               LF_STR("from", state_words[r->state]), LF_STR("to", state_words[next]));
        return;
    }
    LT_LOG(DEBUG, "request.state", LF_STR("trace", r->trace), LF_STR("from", state_words[r->state]),
           LF_STR("to", state_words[next]));
    r->state = next;
    lt_index_unsent(r, next == LT_REQ_UNSENT);
}

struct lt_req *lt_req_new(struct lt_gateway *gw, const char *site)
{
    struct lt_req *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->gw = gw;
    r->door = "mqtt";
    snprintf(r->site_name, sizeof r->site_name, "%s", site);
    r->site = lt_gw_find_site(gw, site);
    r->arrived_us = lt_now_us();
    r->received_unix_ms = lt_now_unix_ms();
    r->serial = ++gw->next_serial;
    r->next = gw->requests;
    r->prev = &gw->requests;
    if (r->next) r->next->prev = &r->next;
    gw->requests = r;
    gw->n_requests++;
    return r;
}

static void free_replies(struct lt_req *r)
{
    for (struct lt_gw_reply *next; r->replies; r->replies = next) {
        next = r->replies->next;
        free(r->replies->topic);
        free(r->replies->correlation);
        free(r->replies);
    }
}

void lt_req_settle(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    if (r->n_busy || r->state != LT_REQ_DONE) {
        lt_gw_check_drained(gw);
        return;
    }
    if (r->on_answer) r->on_answer(r->on_answer_ctx, NULL); /* stopping: there will be none */
    char site[sizeof r->site_name], *session = r->session;
    memcpy(site, r->site_name, sizeof site);
    *r->prev = r->next;
    if (r->next) r->next->prev = r->prev;
    lt_index_leave(r);
    gw->n_requests--;
    free_replies(r);
    for (int i = 0; i < r->n_readings; i++) free(r->readings[i].text);
    free(r->id);
    free(r->key);
    free(r->text);
    free(r->here);
    free(r->lang);
    free(r->announce);
    lt_changes_free(&r->changes);
    json_decref(r->choices);
    free(r->first_result);
    free(r->decisions_json);
    free(r->speech);
    free(r->result);
    free(r->model);
    free(r->row_state);
    free(r->cached_json);
    json_decref(r->cached_calls);
    json_decref(r->local_calls);
    json_decref(r->calls);
    json_decref(r->outcome);
    json_decref(r->done);
    json_decref(r->done_restore);
    free(r->step_speech);
    san_answer_free(&r->answer);
    lt_tier_answer_fini(&r->upper);
    lt_site_catalog_unref(r->catalog);
    free(r);
    if (session) lt_gw_talk_next(gw, site, session);
    free(session);
    lt_gw_check_drained(gw);
}

/* ---- the decision ---- */

static void set_calls(struct lt_req *r, const json_t *calls)
{
    json_decref(r->calls);
    r->calls = calls ? json_deep_copy(calls) : json_array();
}

static void facts_of(const struct lt_req *r, struct lt_facts *f, int *is_open)
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    lt_budget_roll(&r->gw->budget, lt_now_unix_ms());
    int64_t left = lt_budget_left(&r->gw->budget);
    int64_t site_left = lt_tier_site_left(r->gw->tier, r->site_name);
    const struct lt_catalog *catalog = r->catalog ? r->catalog->checked : NULL;
    lt_tier_closed(r->gw->tier, lt_now_us(), is_open, LT_ROUTER_MAX_PROVIDERS);
    *f = (struct lt_facts){.site = r->site_name,
                           .here = r->here,
                           .lang = r->lang,
                           .hour = tm.tm_hour,
                           .is_dry_run = r->is_dry_run,
                           .left_ms = (r->deadline_us - lt_now_us()) / 1000,
                           .budget_left_usd_micro = site_left < left ? site_left : left,
                           .spent_usd_micro = r->gw->budget.day_spent_usd_micro,
                           .is_private = lt_privacy_is_private(
                               catalog, r->gw->policy.policy.never_cloud_areas, r->text),
                           .is_cloud_off = r->site && !r->site->self.is_cloud_on,
                           .is_open = is_open,
                           .new_tools = r->catalog ? r->catalog->new_tools : NULL,
                           .cached_calls = r->cached_calls};
}

/* The policy, with the gate that the network in use was measured to need. */
static struct lt_policy policy_of(const struct lt_req *r)
{
    struct lt_policy p = r->gw->policy.policy;
    if (r->gw->config.gate.automatic && r->catalog && r->catalog->engine->says.gate > 0)
        p.gate = r->catalog->engine->says.gate;
    return p;
}

static void take_decision(struct lt_req *r, const struct lt_decision *d)
{
    r->route = d->route;
    r->why = d->why;
    set_calls(r, d->calls);
}

/* The answer after steps (consult.h): no guess of the network stands beside them, and what was refused on
 * the way is told unless something else was done instead. */
static void after_steps(struct lt_req *r)
{
    int is_asking = r->route == LT_ROUTE_CLARIFY && r->why == LT_WHY_POLICY_SENSITIVE;
    int has_more = r->route == LT_ROUTE_CLOUD && json_array_size(r->calls) > 0;
    const char *words = NULL;
    char refusal[300];
    if (!r->done && !r->has_refusal) return;
    if (r->done && !is_asking && r->route != LT_ROUTE_CLOUD) {
        set_calls(r, NULL);
        r->route = LT_ROUTE_CLOUD;
    }
    if (r->has_refusal && !has_more && !is_asking) {
        if (!r->done) r->route = LT_ROUTE_REFUSED;
        set_calls(r, NULL);
        r->why = r->refusal;
        if (r->refusal_key &&
            lt_say(lt_req_tongue(r), r->refusal_key, NULL, refusal, sizeof refusal))
            words = refusal;
    } else if (r->done && (r->has_trouble || !has_more) && !is_asking) {
        words = r->step_speech;
    }
    if (words && !r->speech) r->speech = strdup(words);
}

static void settle_and_finish(struct lt_req *r)
{
    lt_gw_talk_settle(r);
    lt_req_finish(r);
}

static void on_upper(void *ctx, struct lt_tier_answer *a)
{
    struct lt_req *r = ctx;
    struct lt_facts facts;
    struct lt_decision d;
    struct lt_diag detail = {0};
    int is_open[LT_ROUTER_MAX_PROVIDERS];
    struct lt_local local = {r->local_calls, r->answer.confidence};
    r->n_busy--;
    r->upper = *a;
    memset(a, 0, sizeof *a);
    /* what the model read on the way stands with its attempts, what it did in r->done: neither is to be
     * called again */
    int is_late = lt_now_us() > r->deadline_us;
    for (size_t i = 0; i < r->upper.n_done; i++) json_array_remove(r->upper.calls, 0);
    if (is_late && r->done && r->upper.calls) json_array_clear(r->upper.calls);
    r->has_trouble |= is_late;
    struct lt_upper_answer answer = {r->upper.outcome, r->upper.calls, r->upper.speech};
    facts_of(r, &facts, is_open);
    struct lt_policy policy = policy_of(r);
    lt_router_judge(&policy, r->catalog->checked, &facts, &local, &answer, &d, &detail);
    if (detail.code)
        LT_LOG(WARN, "cloud.calls_refused", LF_STR("trace", r->trace), LF_STR("why", detail.text));
    take_decision(r, &d);
    if (d.route == LT_ROUTE_CLOUD || d.why == LT_WHY_CLOUD_ANSWERED) {
        r->speech = r->upper.speech ? strdup(r->upper.speech) : NULL;
        r->model = r->upper.model ? strdup(r->upper.model) : NULL;
    }
    after_steps(r);
    if (is_late && !r->done)
        lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                    "the cloud's answer came after the deadline; nothing was called");
    else
        settle_and_finish(r);
}

static void decide(struct lt_req *r)
{
    struct lt_facts facts;
    struct lt_decision d;
    struct lt_diag detail = {0};
    int is_open[LT_ROUTER_MAX_PROVIDERS];
    if (lt_gw_talk_before(r)) {
        settle_and_finish(r);
        return;
    }
    if (lt_req_is_foreign(r)) { /* what the network made of it is a guess */
        json_decref(r->local_calls);
        r->local_calls = NULL;
        r->answer.confidence = 0;
    }
    struct lt_local local = {r->local_calls, r->answer.confidence};
    if (r->cached_json && !r->cached_calls)
        (void)!lt_json_parse(r->cached_json, strlen(r->cached_json), LT_DOC_MAX_BYTES_REQUEST,
                             &r->cached_calls, NULL);
    facts_of(r, &facts, is_open);
    struct lt_policy policy = policy_of(r);
    lt_router_decide(&policy, r->catalog->checked, &facts, &local, &d, &detail);
    if (detail.code)
        LT_LOG(WARN, "local.calls_refused", LF_STR("trace", r->trace), LF_STR("why", detail.text));
    take_decision(r, &d);
    lt_gw_talk_after(r, &d);
    r->first_route = d.route;
    r->first_why = d.why;
    if (d.route != LT_ROUTE_CLOUD || !d.n_providers) {
        settle_and_finish(r);
        return;
    }
    struct lt_tier_question q = {.text = r->text,
                                 .here = r->here,
                                 .site = r->site_name,
                                 .catalog = r->catalog,
                                 .providers = d.providers,
                                 .n_providers = d.n_providers,
                                 .deadline_us = r->deadline_us,
                                 .run = r->is_dry_run ? NULL : lt_consult,
                                 .say = lt_speak_wanted(r) ? lt_speak : NULL};
    r->was_asked = 1;
    r->n_busy++;
    lt_req_set_state(r, LT_REQ_ASKING);
    if (lt_tier_ask(r->gw->tier, &q, on_upper, r)) {
        struct lt_tier_answer none = {.outcome = LT_OUTCOME_FAILED};
        on_upper(r, &none);
    }
}

void lt_req_advance(struct lt_req *r)
{
    if (!r->is_committed || !r->is_inferred || r->state != LT_REQ_WORKING) {
        lt_req_settle(r);
        return;
    }
    r->is_waiting = lt_gw_talk_must_wait(r); /* commands of a session stay in order */
    if (r->is_waiting) return;
    if (r->bad_code)
        lt_req_finish(r);
    else if (r->infer_job.err == LT_ERR_TIMEOUT || lt_now_us() > r->deadline_us)
        lt_req_fail(r, LT_WHY_REQUEST_EXPIRED, "expired", NULL,
                    "the deadline passed before the request was looked at; nothing was called");
    else if (!r->catalog)
        lt_req_fail(r, LT_WHY_LOCAL_FAILED, "no_catalog", "site",
                    "the site has no catalogue; publish one, retained, on its catalog topic");
    else {
        if (r->infer_job.err)
            LT_LOG(ERROR, "local.failed", LF_STR("trace", r->trace),
                   LF_STR("why", r->infer_job.diag.text));
        decide(r);
    }
}
