/* talk.c - a request in its conversation. */
#include "talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act_restore.h"
#include "doubt.h"
#include "gateway_int.h"
#include "lt/fold.h"
#include "lt/json.h"
#include "lt/log.h"
#include "plain.h"
#include "plausible.h"

#define PLAIN_HEARD 0.85 /* least share of what a recogniser heard that is read strictly */
#define UNSURE_P                                                                                   \
    0.7f /* a target chosen with less than this is asked about, if several fit the words */

#define MAX_HEAT_CELSIUS 45 /* a limit from here on is in Fahrenheit */

/* ---- opening ---- */

static void options_of(const struct lt_config *c, struct lt_talk_options *o)
{
    const struct lt_strings *lists[LT_PHRASE_COUNT] = {[LT_PHRASE_YES] = &c->talk.yes,
                                                       [LT_PHRASE_NO] = &c->talk.no,
                                                       [LT_PHRASE_NEVER_MIND] = &c->talk.never_mind,
                                                       [LT_PHRASE_UNDO] = &c->talk.undo,
                                                       [LT_PHRASE_OTHER] = &c->talk.other,
                                                       [LT_PHRASE_ALL] = &c->talk.all};
    memset(o, 0, sizeof *o);
    o->question_us = c->talk.question_s * 1000000;
    o->undo_us = c->talk.undo_s * 1000000;
    for (int i = 0; i < LT_PHRASE_COUNT; i++) {
        o->phrases.extra[i] = (const char *const *)lists[i]->v;
        o->phrases.n_extra[i] = lists[i]->n;
    }
}

enum lt_err lt_gw_talk_open(struct lt_gateway *gw, struct lt_diag *diag)
{
    struct lt_talk_options o;
    options_of(&gw->config, &o);
    lt_ulid_init(&gw->house_ids);
    gw->house = lt_house_new();
    gw->talk = lt_talk_new(&o);
    gw->doubt = lt_doubt_new();
    if (!gw->house || !gw->talk || !gw->doubt) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    enum lt_err err = lt_safety_new(&gw->config, &gw->safety, diag);
    const char *file = gw->started.talk.answers;
    if (!err && *file) { /* the shipped sentences are part of the program */
        struct lt_diag why = {0};
        err = lt_answers_open(file, &gw->answers, &why);
        if (err) lt_fail(diag, err, "talk.answers: %s", lt_diag_text(&why, err));
    }
    return err ? err : lt_house_load(gw->house, gw->store, diag);
}

void lt_gw_talk_close(struct lt_gateway *gw)
{
    lt_bells_close(gw);
    lt_answers_free(gw->answers);
    lt_house_free(gw->house);
    lt_talk_free(gw->talk);
    lt_doubt_free(gw->doubt);
    lt_safety_free(gw->safety);
}

void lt_gw_talk_reload(struct lt_gateway *gw)
{
    struct lt_talk_options o;
    struct lt_diag diag = {0};
    options_of(&gw->config, &o);
    lt_talk_set(gw->talk, &o);
    if (lt_safety_reload(gw->safety, &gw->config, &diag))
        LT_LOG(ERROR, "safety.not_reloaded", LF_STR("why", diag.text),
               LF_STR("effect", "the rules before stay"));
}

void lt_gw_talk_up(struct lt_gateway *gw)
{
    for (size_t i = 0; i < gw->n_sites; i++) lt_bells_show(gw, gw->sites[i].name);
    lt_bells_arm(gw);
}

void lt_gw_talk_delivered(struct lt_gateway *gw, int publish_id)
{
    lt_bells_delivered(gw, publish_id);
}

/* ---- arriving ---- */

/* Our answers carry "route", our calls and events "trace" or "x-lintel": no request has these. Whatever
 * bridge or automation sends them back, no answer may go out, or it would come back again. */
int lt_gw_talk_is_own(const struct lt_mqtt_message *msg)
{
    json_t *o = NULL;
    if (msg->payload[0] != '{') return 0;
    if (lt_json_parse(msg->payload, msg->payload_len, LT_DOC_MAX_BYTES_REQUEST, &o, NULL)) return 0;
    int is_own = json_object_get(o, "x-lintel") ||
                 (json_object_get(o, "trace") && json_object_get(o, "route")) ||
                 (json_object_get(o, "route") && json_object_get(o, "calls"));
    json_decref(o);
    return is_own;
}

int lt_gw_talk_arrived(struct lt_req *r)
{
    lt_talk_key(r->site_name, r->session, r->here, r->door, r->talk_key);
    lt_index_session(r);
    if (!lt_safety_may_ask(r->gw->safety, r->door, r->talk_key, lt_now_us())) return 0;
    if (!r->n_readings) lt_gw_talk_hide(r);
    return 1;
}

void lt_gw_talk_hide(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    lt_us now = lt_now_us();
    char *hidden = NULL;
    if (!r->text) return; /* that of a bad request is kept too, so it is looked at as well */
    int is_asked = lt_talk_wants_pin(gw->talk, r->talk_key, now);
    r->is_pin_right = lt_safety_scan(gw->safety, r->site_name, r->text, is_asked, now, &hidden);
    if (hidden) {
        memset(r->text, 0, r->text_len);
        free(r->text);
        r->text = hidden;
        r->text_len = strlen(hidden);
        r->is_text_hidden = 1;
    }
}

/* ---- order ---- */

static int is_same_session(const struct lt_req *a, const char *site, const char *session)
{
    return a->session && !strcmp(a->session, session) && !strcmp(a->site_name, site);
}

int lt_gw_talk_must_wait(const struct lt_req *r)
{
    if (!r->session || r->is_dry_run) return 0;
    const struct lt_req *a = lt_index_of_session(&r->gw->index, r->site_name, r->session);
    for (; a; a = LIST_NEXT(a, links.session))
        if (a != r && a->serial < r->serial && !a->is_duplicate && !a->is_dry_run &&
            a->state != LT_REQ_DONE && is_same_session(a, r->site_name, r->session))
            return 1;
    return 0;
}

void lt_gw_talk_next(struct lt_gateway *gw, const char *site, const char *session)
{
    struct lt_req *next = NULL;
    if (gw->is_draining > 1) return;
    struct lt_req *a = lt_index_of_session(&gw->index, site, session);
    for (; a; a = LIST_NEXT(a, links.session))
        if (a->is_waiting && is_same_session(a, site, session) &&
            (!next || a->serial < next->serial))
            next = a;
    if (next) lt_req_advance(next);
}

/* ---- the turn ---- */

static void say(struct lt_req *r, const char *text)
{
    free(r->speech);
    r->speech = *text ? strdup(text) : NULL;
}

/* The sentence under a key of the table. */
static void say_key(struct lt_req *r, const char *key)
{
    char text[LT_ASK_SPEECH];
    lt_say(lt_req_tongue(r), key, NULL, text, sizeof text);
    say(r, text);
}

static void set(struct lt_req *r, enum lt_route route, enum lt_why why, const json_t *calls)
{
    json_t *copy = calls ? json_deep_copy(calls) : json_array();
    json_decref(r->calls);
    r->calls = copy;
    r->route = route;
    r->why = why;
}

static void set_choices(struct lt_req *r, const json_t *labels)
{
    json_decref(r->choices);
    r->choices = json_array_size(labels) ? json_deep_copy(labels) : NULL;
}

/* Is the network sure of a call for these words by themselves? */
static int is_command(const struct lt_req *r)
{
    return json_array_size(r->local_calls) > 0 && r->answer.confidence >= r->gw->policy.policy.gate;
}

/* Calls that the conversation gave are held against catalogue and policy like any others. */
static void take_calls(struct lt_req *r, const struct lt_turn *turn)
{
    struct lt_facts facts = {.site = r->site_name, .here = r->here, .left_ms = INT64_MAX};
    struct lt_local local = {turn->calls, 1.0};
    struct lt_decision d;
    struct lt_diag detail = {0};
    if (!json_array_size(turn->calls)) { /* only the house's own rows go back */
        set(r, LT_ROUTE_LOCAL, LT_WHY_TALK_UNDONE, NULL);
        return;
    }
    facts.is_cloud_off = 1;
    lt_router_decide(&r->gw->policy.policy, r->catalog->checked, &facts, &local, &d, &detail);
    if (detail.code)
        LT_LOG(WARN, "talk.calls_refused", LF_STR("trace", r->trace), LF_STR("why", detail.text));
    if (d.route == LT_ROUTE_LOCAL)
        d.why = turn->is_undo ? LT_WHY_TALK_UNDONE : LT_WHY_TALK_ANSWERED;
    set(r, d.route, d.why, d.calls);
}

int lt_gw_talk_before(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    struct lt_turn turn = {.kind = LT_TURN_NEW};
    struct lt_turn_in in = {.key = r->talk_key,
                            .text = r->text,
                            .tongue = lt_req_tongue(r),
                            .catalog = r->catalog->checked,
                            .now_us = lt_now_us(),
                            .is_command = is_command(r)};
    if (r->is_dry_run || !r->text) return 0;
    lt_talk_turn(gw->talk, &in, r->is_pin_right, &turn);
    switch (turn.kind) {
    case LT_TURN_NEW:
        return 0;
    case LT_TURN_ASK:
        set(r, LT_ROUTE_CLARIFY, LT_WHY_TALK_REPEATED, turn.calls);
        set_choices(r, turn.choices);
        r->has_question = 1;
        break;
    case LT_TURN_DROP:
        set(r, LT_ROUTE_NONE, LT_WHY_TALK_DROPPED, NULL);
        break;
    case LT_TURN_CALLS:
        take_calls(r, &turn);
        r->is_confirmed = turn.is_confirmed;
        r->is_pin_right = turn.is_pin || r->is_pin_right;
        if (turn.undo && r->route == LT_ROUTE_LOCAL) {
            lt_changes_revert(gw->house, turn.undo, lt_now_unix_ms(), &r->changes);
            if (!r->changes.n && !json_array_size(r->calls))
                lt_say(in.tongue, "undo.late", NULL, turn.speech, sizeof turn.speech);
        }
        break;
    }
    /* whether devices went back, they say themselves */
    int is_told = turn.kind == LT_TURN_CALLS && lt_act_takes(lt_req_act(r), r->calls, 0);
    if (turn.speech[0] && !is_told) say(r, turn.speech);
    r->first_route = r->route;
    r->first_why = r->why;
    lt_turn_free(&turn);
    return 1;
}

static void ask(struct lt_req *r, enum lt_why why, struct lt_question *q)
{
    json_t *labels = NULL;
    set(r, LT_ROUTE_CLARIFY, why, q->calls);
    say(r, q->speech);
    if (q->kind == LT_ASK_CHOICE) {
        labels = json_array();
        for (size_t i = 0; i < json_array_size(q->choices); i++)
            json_array_append(labels, json_object_get(json_array_get(q->choices, i), "label"));
    }
    set_choices(r, labels);
    json_decref(labels);
    r->has_question = 1;
    if (r->is_dry_run)
        lt_question_free(q);
    else
        lt_talk_ask(r->gw->talk, r->talk_key, q, lt_now_us());
}

/* Was there a target that the network hardly preferred to others? */
static int is_target_unsure(const struct lt_req *r)
{
    for (int i = 0; i < r->answer.n_decisions; i++) {
        const struct san_decision *d = &r->answer.decisions[i];
        if (!strcmp(d->kind, "target") && d->p < UNSURE_P) return 1;
    }
    return 0;
}

/* Is it one call, for a thing by name, and could the same words have meant the others as well? */
static int is_one_of_choices(const json_t *calls, const struct lt_question *q)
{
    const json_t *args = json_object_get(json_array_get(calls, 0), "arguments");
    const char *name = json_string_value(json_object_get(args, "name"));
    if (!name || json_array_size(calls) != 1 || q->kind != LT_ASK_CHOICE) return 0;
    for (size_t i = 0; i < json_array_size(q->choices); i++) {
        const json_t *a = json_object_get(json_array_get(q->choices, i), "arguments");
        const char *other = json_string_value(json_object_get(a, "name"));
        if (other && lt_fold_same(name, other)) return 1;
    }
    return 0;
}

/* Do the names of the home contradict what the network is sure of? Asked before it is done. */
static int is_contradicted(const struct lt_req *r, const struct lt_decision *d,
                           const struct lt_words *said)
{
    static const char *const why[] = {[LT_PLAUSIBLE_OTHER] = "another thing is named",
                                      [LT_PLAUSIBLE_LEFT] = "a word is left",
                                      [LT_PLAUSIBLE_OUT] = "a thing is left out",
                                      [LT_PLAUSIBLE_ROOM] = "another room is named",
                                      [LT_PLAUSIBLE_KIND] = "another kind is named",
                                      [LT_PLAUSIBLE_CONTRARY] = "the opposite is said"};
    const struct lt_entity *rival = NULL;
    enum lt_plausible p = LT_PLAUSIBLE;
    if (d->route == LT_ROUTE_LOCAL && json_array_size(r->local_calls))
        p = lt_plausible_judge(r->catalog->names, said, r->local_calls, &rival);
    if (p == LT_PLAUSIBLE) return 0;
    LT_LOG(INFO, "talk.doubtful", LF_STR("trace", r->trace),
           LF_STR("other", rival ? rival->id : ""), LF_STR("why", why[p]));
    return 1;
}

/* What a strict reading of the words gives, where it knows better: relative requests, which the
 * network has no tool for, and plain commands that it was not sure of, or whose words contradict it
 * (is_doubtful). Guarded actions stay its own.
 * Returns 1 when it decided. */
static int take_plain(struct lt_req *r, struct lt_decision *d, const struct lt_words *said,
                      int is_doubtful)
{
    struct lt_gateway *gw = r->gw;
    struct lt_plain p;
    int is_guarded = 0, has_devices = lt_act_serves(lt_req_act(r));
    if (!gw->config.talk.plain) return 0;
    /* the words are plain, but were they said? */
    if (r->n_readings && r->heard < PLAIN_HEARD) return 0;
    lt_plain_read(lt_req_tongue(r), r->catalog->checked, said, r->here,
                  has_devices ? lt_act_plain_state : NULL, lt_req_act(r), &p);
    int is_wanted = p.is_relative || d->route != LT_ROUTE_LOCAL || is_doubtful;
    if (p.calls && is_wanted)
        lt_router_gate(&gw->policy.policy, r->catalog->checked, p.calls, &is_guarded);
    /* several things are called so: better asked than "nothing here does this", or than one of them
     * picked by the network, which had no more to go by */
    int is_picked = d->route == LT_ROUTE_LOCAL && is_one_of_choices(r->local_calls, &p.question);
    int is_asked = p.question.calls &&
                   (p.is_relative || is_picked || is_doubtful || !json_array_size(r->local_calls));
    is_wanted |= is_asked;
    if (is_asked)
        lt_router_gate(&gw->policy.policy, r->catalog->checked, p.question.calls, &is_guarded);
    int is_taken = is_wanted && !is_guarded && (p.calls || is_asked);
    if (is_taken && p.calls) {
        struct lt_facts facts = {
            .site = r->site_name, .here = r->here, .left_ms = INT64_MAX, .is_cloud_off = 1};
        struct lt_local local = {p.calls, 1.0};
        struct lt_decision plain;
        struct lt_diag detail = {0};
        lt_router_decide(&gw->policy.policy, r->catalog->checked, &facts, &local, &plain, &detail);
        is_taken = plain.route == LT_ROUTE_LOCAL;
        if (detail.code)
            LT_LOG(WARN, "plain.calls_refused", LF_STR("trace", r->trace),
                   LF_STR("why", detail.text));
        if (is_taken) {
            set(r, LT_ROUTE_LOCAL, LT_WHY_TALK_PLAIN, p.calls);
            d->route = LT_ROUTE_LOCAL;
            d->why = LT_WHY_TALK_PLAIN;
        }
    } else if (is_taken) {
        ask(r, LT_WHY_TALK_AMBIGUOUS, &p.question);
        d->route = LT_ROUTE_CLARIFY;
        d->why = LT_WHY_TALK_AMBIGUOUS;
    }
    if (is_taken) d->n_providers = 0;
    lt_plain_free(&p);
    return is_taken;
}

void lt_gw_talk_after(struct lt_req *r, struct lt_decision *d)
{
    const struct lt_catalog *c = r->catalog->checked;
    const struct lt_tongue *tongue = lt_req_tongue(r);
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    struct lt_words said;
    json_t *unclear = NULL;
    enum lt_why why = LT_WHY_TALK_INCOMPLETE;
    if (d->why == LT_WHY_POLICY_BLOCKED || !r->local_calls || !r->text) return;
    lt_words_split(r->answer.mended ? r->answer.mended : r->text, &said);
    int is_doubtful = is_contradicted(r, d, &said);
    if (take_plain(r, d, &said, is_doubtful)) return;
    if (is_doubtful) {
        lt_ask_confirm(tongue, c, r->local_calls, 0, &q);
        ask(r, LT_WHY_TALK_DOUBTFUL, &q);
        d->route = LT_ROUTE_CLARIFY;
        d->why = LT_WHY_TALK_DOUBTFUL;
        d->n_providers = 0;
        return;
    }
    if (json_array_size(r->local_calls) && d->route != LT_ROUTE_LOCAL && is_target_unsure(r))
        lt_ask_which(tongue, c, &said, r->here, r->local_calls, &q);
    if (q.kind != LT_ASK_NOTHING) {
        why = LT_WHY_TALK_AMBIGUOUS;
    } else if (json_array_size(r->local_calls)) {
        if (r->answer.confidence >= r->gw->policy.policy.clarify && d->route != LT_ROUTE_REFUSED)
            lt_ask_missing(tongue, &said, r->local_calls, &q);
    } else if (r->answer.unclear_json &&
               !lt_json_parse(r->answer.unclear_json, strlen(r->answer.unclear_json),
                              LT_DOC_MAX_BYTES_REQUEST, &unclear, NULL)) {
        lt_ask_unclear(tongue, c, unclear, &q);
        why = LT_WHY_TALK_AMBIGUOUS;
    } else {
        lt_ask_which(tongue, c, &said, r->here, NULL, &q);
        if (q.kind != LT_ASK_NOTHING)
            why = LT_WHY_TALK_AMBIGUOUS;
        else
            lt_ask_opener(tongue, c, &said, &q);
    }
    json_decref(unclear);
    if (q.kind == LT_ASK_NOTHING) return;
    ask(r, why, &q);
    d->route = LT_ROUTE_CLARIFY; /* the cloud is not asked what only the speaker knows */
    d->why = why;
    d->n_providers = 0;
}

/* ---- before it is carried out ---- */

static int is_acting(const struct lt_req *r)
{
    return !r->bad_code && json_array_size(r->calls) &&
           (r->route == LT_ROUTE_LOCAL || r->route == LT_ROUTE_CLOUD || r->route == LT_ROUTE_CACHE);
}

/* safety.max_heat is in Celsius unless it is a Fahrenheit home's (then above what Celsius could mean):
 * temperatures of devices that announce Fahrenheit are judged in its unit. A new reference. */
static json_t *in_celsius(const struct lt_req *r, const json_t *calls)
{
    const struct lt_gateway *gw = r->gw;
    json_t *copy = json_deep_copy(calls);
    if (gw->config.safety.max_heat >= MAX_HEAT_CELSIUS) return copy;
    for (size_t i = 0; i < json_array_size(copy); i++) {
        json_t *arguments = json_object_get(json_array_get(copy, i), "arguments");
        const json_t *t = json_object_get(arguments, "temperature");
        if (!json_is_number(t) || json_number_value(t) < MAX_HEAT_CELSIUS ||
            !lt_act_is_fahrenheit(lt_req_act(r), json_array_get(copy, i)))
            continue;
        json_object_set_new(arguments, "temperature",
                            json_real((json_number_value(t) - 32) * 5 / 9));
    }
    return copy;
}

enum lt_verdict lt_gw_talk_verdict(const struct lt_req *r, const json_t *calls, int is_look,
                                   const char **why)
{
    struct lt_gateway *gw = r->gw;
    int is_sensitive = 0;
    lt_router_gate(&gw->policy.policy, r->catalog->checked, calls, &is_sensitive);
    json_t *judged = in_celsius(r, calls);
    struct lt_safety_question s = {.site = r->site_name,
                                   .source = r->door,
                                   .key = r->talk_key,
                                   .here = r->here,
                                   .calls = judged,
                                   .is_sensitive = is_sensitive,
                                   .is_cloud = r->route == LT_ROUTE_CLOUD,
                                   .is_confirmed = r->is_confirmed,
                                   .is_pin = r->is_pin_right,
                                   .is_look = is_look,
                                   .now_us = lt_now_us()};
    enum lt_verdict v = lt_safety_judge(gw->safety, &s, why);
    json_decref(judged);
    return v;
}

/* 0: it must not be carried out now. */
static int is_allowed(struct lt_req *r)
{
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    const char *why = "";
    enum lt_verdict v = lt_gw_talk_verdict(r, r->calls, 0, &why);
    if (v == LT_VERDICT_GO) return 1;
    LT_LOG(INFO, "safety.held", LF_STR("trace", r->trace), LF_STR("source", r->door),
           LF_STR("verdict", v == LT_VERDICT_ASK   ? "ask"
                             : v == LT_VERDICT_PIN ? "code"
                                                   : "refused"));
    if (v == LT_VERDICT_REFUSE) {
        set(r, LT_ROUTE_REFUSED, LT_WHY_SAFETY_REFUSED, NULL);
        say_key(r, why);
        return 0;
    }
    lt_ask_confirm(lt_req_tongue(r), r->catalog->checked, r->calls, v == LT_VERDICT_PIN, &q);
    ask(r, v == LT_VERDICT_PIN ? LT_WHY_SAFETY_PIN : LT_WHY_SAFETY_CONFIRM, &q);
    return 0;
}

/* "Set for ten minutes. Added milk." */
static void add_speech(struct lt_req *r, const char *text)
{
    char all[LT_HOUSE_SPEECH];
    snprintf(all, sizeof all, "%s", r->speech ? r->speech : "");
    if (*text) lt_say_join(lt_req_tongue(r), "sentences", text, all, sizeof all);
    say(r, all);
}

static int add_changes(struct lt_changes *to, const struct lt_changes *from)
{
    if (!from->n) return 1;
    struct lt_change *v = realloc(to->v, (to->n + from->n) * sizeof *v);
    if (!v) return 0;
    memcpy(v + to->n, from->v, from->n * sizeof *v);
    to->v = v;
    to->n += from->n;
    return 1;
}

/* Carry out what the gateway itself does. A call that lacks something, or fails, ends it: what was done
 * before is taken back, so that an answer is carried out whole or not at all. */
static void keep_house(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    struct lt_house_ask a = {.site = r->site_name,
                             .area = r->here,
                             .session = r->session,
                             .tongue = lt_req_tongue(r),
                             .now_unix_ms = lt_now_unix_ms(),
                             .ids = &gw->house_ids};
    size_t i;
    json_t *call;
    if (!gw->config.house.tools || r->is_dry_run || r->is_hands_off) return;
    json_array_foreach(r->calls, i, call)
    {
        const char *tool = json_string_value(json_object_get(call, "name"));
        struct lt_house_answer out = {.speech = ""};
        enum lt_house_end end = lt_house_call(gw->house, &a, tool ? tool : "",
                                              json_object_get(call, "arguments"), &out);
        int ok = add_changes(&r->changes, &out.changes);
        if (!ok) end = LT_HOUSE_FAILED;
        if (end == LT_HOUSE_DONE && out.announce[0]) {
            free(r->announce);
            r->announce = strdup(out.announce);
        }
        if (end == LT_HOUSE_DONE) add_speech(r, out.speech);
        if (end == LT_HOUSE_FAILED || end == LT_HOUSE_ASKS) {
            lt_changes_revert(gw->house, &r->changes, a.now_unix_ms, NULL);
            lt_changes_free(&r->changes);
            free(r->announce);
            r->announce = NULL;
            struct lt_question q = {.kind = LT_ASK_NOTHING};
            if (end == LT_HOUSE_ASKS && out.choices)
                lt_ask_offered(r->calls, i, out.speech, out.choices, &q);
            if (q.kind != LT_ASK_NOTHING) {
                ask(r, LT_WHY_TALK_AMBIGUOUS, &q);
            } else {
                set(r, LT_ROUTE_NONE, LT_WHY_HOUSE_FAILED, NULL);
                say(r, out.speech);
            }
            lt_house_answer_free(&out);
            return;
        }
        lt_house_answer_free(&out);
    }
}

/* Does this request say that the one before it was wrong? The store hears of it with the answer. */
static void judge_last(struct lt_req *r)
{
    const struct lt_config *c = &r->gw->config;
    int is_undo = r->why == LT_WHY_TALK_UNDONE;
    lt_us now = lt_now_us();
    r->doubt_source =
        lt_doubt_judge(r->gw->doubt, r->talk_key, r->text, r->calls, is_undo,
                       c->talk.undo_s * 1000000, c->talk.rephrase_s * 1000000, now, r->doubted);
    if (!is_undo && is_acting(r))
        lt_doubt_note(r->gw->doubt, r->talk_key, r->trace, r->text, r->calls, now);
}

/* What was carried out while a model was being asked becomes part of the answer, from its beginning. When the
 * rest of it only asks, it stays beside; when the rest was refused, it is all there is. */
static void join_done(struct lt_req *r)
{
    if (!r->done || r->route == LT_ROUTE_CLARIFY) return;
    json_t *calls = r->done;
    if (r->route == LT_ROUTE_CLOUD) json_array_extend(calls, r->calls);
    json_decref(r->calls);
    r->calls = calls;
    r->done = NULL;
    r->route = LT_ROUTE_CLOUD;
}

/* How it was before all that `r` does, NULL when that is not known of all. */
static json_t *restore_of(const struct lt_req *r, size_t n_done)
{
    json_t *rest = json_array();
    for (size_t i = n_done; i < json_array_size(r->calls); i++)
        json_array_append(rest, json_array_get(r->calls, i));
    json_t *restore = lt_act_restore(lt_req_act(r), r->catalog->checked, rest);
    json_decref(rest);
    if (!n_done) return restore;
    if (restore && r->done_restore) /* the oldest state last, so that it stands */
        json_array_extend(restore, r->done_restore);
    else if (r->done_restore && n_done == json_array_size(r->calls))
        restore = json_incref(r->done_restore);
    else
        restore = (json_decref(restore), NULL);
    return restore;
}

void lt_gw_talk_settle(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    size_t n_done = json_array_size(r->done);
    if (r->bad_code || !r->catalog) return;
    if (n_done) /* should the rest be asked about: it can be undone all the same */
        lt_talk_executed(gw->talk, r->talk_key, r->done, r->done_restore, NULL, lt_now_us());
    if (r->route == LT_ROUTE_CLARIFY && !r->has_question && json_array_size(r->calls)) {
        struct lt_question q = {.kind = LT_ASK_NOTHING};
        lt_ask_confirm(lt_req_tongue(r), r->catalog->checked, r->calls, 0, &q);
        ask(r, r->why, &q);
        return;
    }
    if (is_acting(r) && is_allowed(r)) keep_house(r);
    join_done(r);
    if (!r->is_dry_run) judge_last(r);
    if (r->is_dry_run || !(is_acting(r) || r->changes.n)) return;
    if (r->why == LT_WHY_TALK_UNDONE && !json_array_size(r->calls)) { /* no undoing of undoing */
        lt_talk_forget(gw->talk, r->talk_key);
        return;
    }
    struct lt_changes copy = {NULL, 0};
    (void)!add_changes(&copy, &r->changes);
    json_t *restore = restore_of(r, n_done);
    lt_talk_executed(gw->talk, r->talk_key, r->calls, restore, &copy, lt_now_us());
    json_decref(restore);
    lt_changes_free(&copy);
}

/* ---- the store ---- */

enum lt_err lt_gw_talk_write(struct lt_req *r, struct lt_diag *diag)
{
    return lt_changes_write(&r->changes, r->gw->store, diag);
}

void lt_gw_talk_unrecorded(struct lt_req *r)
{
    if (!r->changes.n) return;
    lt_changes_revert(r->gw->house, &r->changes, lt_now_unix_ms(), NULL);
    lt_changes_free(&r->changes);
    lt_talk_forget(r->gw->talk, r->talk_key);
}

void lt_gw_talk_recorded(struct lt_req *r)
{
    struct lt_gateway *gw = r->gw;
    for (size_t i = 0; i < r->changes.n; i++) lt_bells_tell(gw, &r->changes.v[i]);
    if (r->changes.n) {
        lt_bells_show(gw, r->site_name);
        lt_bells_arm(gw);
    }
    if (r->announce) lt_announce(gw, r->site_name, NULL, lt_req_tongue(r)->lang, r->announce);
    lt_self_note(r);
}
