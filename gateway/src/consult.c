/* consult.c - one run of act.h for each call, so that each has its own result. */
#include "consult.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act_restore.h"
#include "gateway_int.h"
#include "lt/log.h"
#include "safety.h"
#include "talk.h"

struct consult {
    struct lt_req *r; /* kept alive by n_busy */
    uint64_t ticket;
    int n_left;   /* calls whose result is awaited; one more while they are being started */
    size_t first; /* of r->done: where this turn's deeds begin */
    json_t *calls, *results;
};

struct part {
    struct consult *c;
    size_t i;
    int is_deed;
};

static void forget(struct consult *c)
{
    json_decref(c->calls);
    json_decref(c->results);
    free(c);
}

static void finish(struct consult *c)
{
    if (--c->n_left) return;
    struct lt_req *r = c->r;
    lt_tier_ran(r->gw->tier, c->ticket, c->results);
    forget(c);
    r->n_busy--;
    lt_req_settle(r); /* the ask may be over long since */
}

/* ---- what came of a call ---- */

/* Rows of an outcome as the model may see them: without what only we need, and without private rooms. */
static json_t *rows_to_show(const struct lt_req *r, const json_t *outcome)
{
    const char *const *areas = r->gw->policy.policy.never_cloud_areas;
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)outcome, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name && lt_privacy_is_private(r->catalog->checked, areas, name)) continue;
        json_t *copy = json_copy(row);
        json_object_del(copy, "call");
        json_object_del(copy, "id");
        json_array_append_new(rows, copy);
    }
    return rows;
}

static int is_good(const json_t *outcome)
{
    const json_t *row;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)outcome, i, row)
    {
        const char *what = json_string_value(json_object_get(row, "outcome"));
        if (what && strcmp(what, "done") != 0 && strcmp(what, "sent") != 0) return 0;
    }
    return json_array_size(outcome) > 0;
}

/* The request remembers what happened, for its own answer. */
static void note_deed(struct lt_req *r, const json_t *outcome, const char *speech, int is_failed)
{
    json_t *more = json_deep_copy(outcome);
    if (!r->outcome) r->outcome = json_array();
    json_array_extend(r->outcome, more);
    json_decref(more);
    if (!r->step_speech || (is_failed && !r->has_trouble)) { /* what went wrong comes first */
        free(r->step_speech);
        r->step_speech = *speech ? strdup(speech) : NULL;
    }
    r->has_trouble |= is_failed;
}

static void on_outcome(void *ctx, const json_t *outcome, const char *speech)
{
    struct part *p = ctx;
    struct consult *c = p->c;
    int is_failed = p->is_deed && !is_good(outcome);
    if (p->is_deed) note_deed(c->r, outcome, speech, is_failed);
    json_array_set_new(
        c->results, p->i,
        json_pack("{s:o,s:b}", "output", rows_to_show(c->r, outcome), "failed", is_failed));
    free(p);
    finish(c);
}

/* ---- carrying out ---- */

/* c->n_left is one too many when this returns, so that nothing ends meanwhile. */
static void carry_out(struct consult *c)
{
    struct lt_req *r = c->r;
    size_t i;
    json_t *call;
    c->n_left = 1;
    lt_req_send_done(r, c->first);
    json_array_foreach(c->calls, i, call)
    {
        int is_deed = !lt_act_is_question(call);
        json_t *one = json_pack("[O]", call);
        struct part *p = malloc(sizeof *p);
        if (p) *p = (struct part){c, i, is_deed};
        json_array_append_new(c->results, is_deed
                                              ? json_pack("{s:s}", "output", "sent")
                                              : json_pack("{s:s}", "error", "cannot be read now"));
        if (p && one &&
            !lt_act_start(lt_req_act(r), one, 0, lt_req_tongue(r), r->trace, on_outcome, p))
            c->n_left++;
        else
            free(p);
        json_decref(one);
    }
}

/* The turn's deeds were not done after all. */
static void undo_note(struct consult *c)
{
    struct lt_req *r = c->r;
    while (json_array_size(r->done) > c->first)
        json_array_remove(r->done, json_array_size(r->done) - 1);
    if (c->first) return;
    json_decref(r->done);
    r->done = NULL;
}

static void on_recorded(void *ctx, enum lt_err err)
{
    struct consult *c = ctx;
    struct lt_req *r = c->r;
    if (!err && !r->is_cancelled && lt_mqtt_is_up(r->gw->mqtt)) {
        carry_out(c);
        finish(c);
        return;
    }
    undo_note(c);
    r->has_trouble = 1;
    for (size_t i = 0; i < json_array_size(c->calls); i++)
        json_array_append_new(
            c->results, json_pack("{s:s}", "error", "not carried out: the home cannot be reached"));
    c->n_left = 1;
    finish(c);
}

/* ---- may they be carried out? ---- */

static struct lt_decision judge(const struct lt_req *r, const json_t *calls)
{
    struct lt_facts facts = {.site = r->site_name, .here = r->here};
    struct lt_local none = {NULL, 0};
    struct lt_upper_answer answer = {LT_OUTCOME_ANSWERED, calls, NULL};
    struct lt_decision d;
    lt_router_judge(&r->gw->policy.policy, r->catalog->checked, &facts, &none, &answer, &d, NULL);
    return d;
}

/* 1: refused, with the reason and the key of what is said, or NULL. Calls that must be confirmed are not: their turn ends with the question. */
static int is_refused(const struct lt_req *r, const json_t *calls, enum lt_why *why,
                      const char **key)
{
    struct lt_decision d = judge(r, calls);
    *key = NULL;
    *why = d.why;
    if (d.route == LT_ROUTE_REFUSED)
        return d.why == LT_WHY_POLICY_BLOCKED || d.why == LT_WHY_POLICY_SENSITIVE;
    if (d.route != LT_ROUTE_CLOUD || lt_gw_talk_verdict(r, calls, 1, key) != LT_VERDICT_REFUSE)
        return 0;
    *why = LT_WHY_SAFETY_REFUSED;
    return 1;
}

/* Which of the calls was refused and why; the others were not carried out either. */
static json_t *refusals(const struct lt_req *r, const json_t *calls)
{
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(calls); i++) {
        json_t *one = json_pack("[O]", json_array_get(calls, i));
        const char *key = NULL;
        char text[300], words[200] = "";
        enum lt_why why;
        if (is_refused(r, one, &why, &key)) {
            if (key) lt_say(NULL, key, NULL, words, sizeof words); /* models are told in English */
            snprintf(text, sizeof text, "refused, do not try it again: %s",
                     *words ? words : lt_why_text(why));
        } else {
            snprintf(text, sizeof text,
                     "not carried out, because another call of this turn was refused");
        }
        json_array_append_new(results, json_pack("{s:s}", "error", text));
        json_decref(one);
    }
    return results;
}

static int is_ours(const struct lt_req *r, const json_t *calls, int *n_deeds)
{
    *n_deeds = 0;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        json_t *one = json_pack("[O]", json_array_get(calls, i));
        int is_taken = one && lt_act_takes(lt_req_act(r), one, 0);
        json_decref(one);
        if (!is_taken) return 0;
        *n_deeds += !lt_act_is_question(json_array_get(calls, i));
    }
    return 1;
}

/* Deeds go out now, or not in this way. */
static int may_act(const struct lt_req *r, const json_t *calls, int n_deeds)
{
    const char *key;
    return !r->is_hands_off && !r->is_cancelled && lt_mqtt_is_up(r->gw->mqtt) &&
           lt_req_has_room(r, n_deeds) &&
           json_array_size(r->done) + json_array_size(calls) + LT_CLOUD_MAX_CALLS <=
               LT_GW_CALLS_MAX &&
           lt_gw_talk_verdict(r, calls, 0, &key) == LT_VERDICT_GO;
}

/* Note the turn's deeds as done, and how it was before them. */
static void note_deeds(struct lt_req *r, const json_t *calls)
{
    json_t *deeds = json_array();
    for (size_t i = 0; i < json_array_size(calls); i++)
        if (!lt_act_is_question(json_array_get(calls, i)))
            json_array_append_new(deeds, json_deep_copy(json_array_get(calls, i)));
    json_t *restore = lt_act_restore(lt_req_act(r), r->catalog->checked, deeds);
    if (!r->done) {
        r->done = json_array();
        r->done_restore = restore;
    } else { /* the oldest state last, so that it stands */
        if (restore && r->done_restore)
            json_array_extend(restore, r->done_restore);
        else
            restore = (json_decref(restore), NULL);
        json_decref(r->done_restore);
        r->done_restore = restore;
    }
    json_array_extend(r->done, deeds);
    json_decref(deeds);
}

enum lt_tier_run lt_consult(void *req, const json_t *calls, uint64_t ticket, json_t **results)
{
    struct lt_req *r = req;
    const char *key;
    enum lt_why why;
    int n_deeds;
    if (!r->has_refusal && is_refused(r, calls, &why, &key)) {
        LT_LOG(INFO, "cloud.refused_calls", LF_STR("trace", r->trace),
               LF_STR("why", lt_why_code(why)));
        r->has_refusal = 1;
        r->refusal = why;
        r->refusal_key = key;
        *results = refusals(r, calls);
        return *results ? LT_TIER_RUN_REFUSED : LT_TIER_RUN_NOT;
    }
    if (!is_ours(r, calls, &n_deeds) || judge(r, calls).route != LT_ROUTE_CLOUD)
        return LT_TIER_RUN_NOT;
    if (n_deeds && !may_act(r, calls, n_deeds)) return LT_TIER_RUN_NOT;
    struct consult *c = calloc(1, sizeof *c);
    if (!c) return LT_TIER_RUN_NOT;
    LT_LOG(DEBUG, "cloud.consults", LF_STR("trace", r->trace),
           LF_INT("calls", (int64_t)json_array_size(calls)), LF_INT("deeds", n_deeds));
    *c = (struct consult){.r = r,
                          .ticket = ticket,
                          .first = json_array_size(r->done),
                          .calls = json_deep_copy(calls),
                          .results = json_array()};
    int is_begun;
    if (n_deeds) {
        note_deeds(r, calls);
        is_begun = lt_req_record_step(r, on_recorded, c);
        if (!is_begun) undo_note(c);
    } else {
        carry_out(c);
        is_begun = --c->n_left > 0;
    }
    if (!is_begun) { /* memory is out: no results will come */
        forget(c);
        return LT_TIER_RUN_NOT;
    }
    r->n_busy++;
    return LT_TIER_RUN_LATER;
}
