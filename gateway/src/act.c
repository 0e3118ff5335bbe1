/* act.c - runs of calls over the broker.
 *
 *            publish                 all expected reports are there
 *  (call) --------------> WAITING ------------------------------------> ended: fn
 *     | nothing to wait for  |  actuate.confirm_ms passed                ^  ^
 *     |                      +-------------------------------------------+  |
 *     +---------------------------------------------------------------------+ (next turn of the loop)
 */
#include "act.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "act_command.h"
#include "act_known.h"
#include "act_target.h"
#include "gateway_int.h"
#include "lt/log.h"
#include "template.h"

#define SPEECH_BYTES 400
#define TOPIC_BYTES  (LT_TOPIC_MAX_BYTES + LT_DISCOVERY_MAX_TOPIC_BYTES + 2)

/* What is waited for, with copies: the discovery's own may go meanwhile. */
struct wait {
    struct lt_act_expect expect;
    struct lt_feature feature;
    char *state_topic, *state_template, *key;
    int is_met;
};

struct device {
    json_t *row; /* of the outcome; borrowed from it */
    struct wait wait[LT_ACT_SENDS_MAX];
    int n_wait;
    /* a cover on its way: it takes longer than anybody waits, so moving is an answer too */
    struct wait way;   /* its position; state_topic NULL: none */
    double last;       /* position before; NAN: not known */
    double goal;       /* where it goes; NAN: no cover */
    const char *going; /* "opening", "closing", or NULL: it does not move yet */
};

struct run {
    struct lt_act *act;
    struct run *next, **prev;
    uv_timer_t timer;
    json_t *outcome;
    struct device *devices;
    size_t n_devices, cap_devices;
    struct lt_tongue tongue;
    char trouble[SPEECH_BYTES]; /* what went wrong first, in words */
    char speech[SPEECH_BYTES];  /* answers to questions, then all of it */
    lt_act_fn fn;
    void *ctx;
};

struct lt_act {
    struct lt_gateway *gw;
    struct lt_gw_site *site;
    json_t *states;  /* topic -> last payload; null for topics that are listened to and silent */
    json_t *filters; /* those of them that are filters: "+/+/BTtoMQTT/A4C1" -> true */
    json_t *wholes;  /* topics whose objects are parts of one state -> the topic it is kept under */
    struct run *runs;
};

enum lt_err lt_act_new(struct lt_gw_site *site, struct lt_act **out)
{
    struct lt_act *a = calloc(1, sizeof *a);
    if (a) {
        a->states = json_object();
        a->wholes = json_object();
        a->filters = json_object();
    }
    if (!a || !a->states || !a->wholes || !a->filters) {
        lt_act_free(a);
        return LT_ERR_NOMEM;
    }
    a->gw = site->gw;
    a->site = site;
    *out = a;
    return LT_OK;
}

/* ---- listening ---- */

/* Without the site's root: announcements may name topics with it (a device that was told of it) or
 * without (behind a bridge that puts it in front). */
static const char *local(const struct lt_act *a, const char *topic)
{
    size_t n = strlen(a->site->root);
    return topic && !strncmp(topic, a->site->root, n) ? topic + n : topic;
}

/* As it is on the broker. */
static const char *global(const struct lt_act *a, const char *topic, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s", a->site->root, local(a, topic));
    return out;
}

/* 1 when this is new. */
static int listen_to(struct lt_act *a, const char *topic)
{
    char whole[TOPIC_BYTES];
    topic = local(a, topic);
    if (!topic || json_object_get(a->states, topic)) return 0;
    if (lt_mqtt_subscribe(a->gw->mqtt, global(a, topic, whole, sizeof whole), 1, 0, NULL))
        return 0; /* down: lt_act_listen comes again */
    if (strpbrk(topic, "+#") && json_object_set_new(a->filters, topic, json_true())) return 0;
    return !json_object_set_new(a->states, topic, json_null());
}

static int listen_to_feature(struct lt_act *a, const struct lt_feature *f)
{
    if (f->state_topic && f->full_topic) {
        const char *part = local(a, f->state_topic);
        (void)json_object_set_new(a->wholes, local(a, f->full_topic), json_string(part));
        (void)json_object_set_new(a->wholes, part, json_string(part));
    }
    return listen_to(a, f->full_topic) | listen_to(a, f->state_topic);
}

/* Such devices retain nothing: ask how they are. */
static void query(struct lt_act *a, const struct lt_thing *t)
{
    char topic[TOPIC_BYTES];
    struct lt_mqtt_publish p = {.topic = global(a, t->query_topic, topic, sizeof topic),
                                .payload = t->query_payload,
                                .payload_len = strlen(t->query_payload),
                                .is_text = 1};
    p.expiry_s = (uint32_t)a->gw->config.mqtt.call_expiry_s;
    if (!*t->query_topic || !a->gw->config.actuate.enabled) return;
    if (lt_mqtt_send(a->gw->mqtt, &p, NULL))
        LT_LOG(WARN, "act.not_asked", LF_STR("topic", t->query_topic));
}

void lt_act_listen(struct lt_act *a, int is_new_session)
{
    if (!a || !a->site->discovery || !lt_mqtt_is_up(a->gw->mqtt)) return;
    if (is_new_session) {
        json_object_clear(a->states);
        json_object_clear(a->filters);
    }
    size_t n = lt_discovery_n_things(a->site->discovery);
    for (size_t i = 0; i < n; i++) {
        const struct lt_thing *t = lt_discovery_thing(a->site->discovery, i);
        int is_new = 0;
        for (size_t k = 0; k < t->n_features; k++) is_new |= listen_to_feature(a, &t->features[k]);
        for (size_t k = 0; k < t->n_availability; k++) (void)listen_to(a, t->availability[k].topic);
        if (is_new) query(a, t);
    }
}

static const char *last_payload(const struct lt_act *a, const char *topic)
{
    return topic ? json_string_value(json_object_get(a->states, local(a, topic))) : NULL;
}

const char *lt_act_last(const struct lt_act *a, const char *topic)
{
    return last_payload(a, topic);
}

struct lt_discovery *lt_act_discovery(const struct lt_act *a)
{
    return a->site->discovery;
}

/* ---- what is known of a device ---- */

/* -1: away; 1: there, or nothing says otherwise. */
static int is_available(const struct lt_act *a, const struct lt_thing *t)
{
    int n_away = 0, n_there = 0;
    for (size_t i = 0; i < t->n_availability; i++) {
        const struct lt_thing_availability *v = &t->availability[i];
        const char *payload = last_payload(a, v->topic);
        char text[256];
        if (!payload) continue;
        snprintf(text, sizeof text, "%s", payload);
        if (v->template_text &&
            lt_template_value(v->template_text, payload, text, sizeof text, NULL))
            snprintf(text, sizeof text, "%s", payload);
        n_away += v->payload_not_available && !strcmp(text, v->payload_not_available);
        n_there += v->payload_available && !strcmp(text, v->payload_available);
    }
    if (!n_away) return 1;
    return t->availability_mode && !strcmp(t->availability_mode, "any") && n_there ? 1 : -1;
}

static double percent_of(const struct lt_feature *f, double x);

/* A cover that stands still tells no more than where: 0 is closed, the rest open. 0: not known. */
static int state_by_position(const struct lt_act *a, const struct lt_thing *t, char *out,
                             size_t cap)
{
    char word[64];
    double x;
    if (strcmp(t->domain, "cover") != 0 && strcmp(t->domain, "valve") != 0) return 0;
    const struct lt_feature *f = lt_thing_feature(t, "position");
    const char *payload = f ? last_payload(a, f->state_topic) : NULL;
    if (!payload || lt_act_read(f, payload, word, sizeof word, &x) || isnan(x)) return 0;
    snprintf(out, cap, "%s", percent_of(f, x) < 0.5 ? "closed" : "open");
    return 1;
}

/* The device's main state as a word ("on", "closed", "21.5"); 0 when nothing is known. */
static int state_of(const struct lt_act *a, const struct lt_thing *t, const char *feature,
                    char *out, size_t cap, double *number)
{
    const struct lt_feature *f = lt_thing_feature(t, feature);
    const char *payload = f ? last_payload(a, f->state_topic) : NULL;
    int is_known = payload && !lt_act_read(f, payload, out, cap, number);
    return !strcmp(feature, "state") && (!is_known || !strcmp(out, "stopped"))
               ? state_by_position(a, t, out, cap) || is_known
               : is_known;
}

/* Per cent of a feature's range, as act_command.c counts it. */
static double percent_of(const struct lt_feature *f, double x)
{
    double low = f->has_range ? f->min : 0, high = f->has_range ? f->max : 100;
    if (!strcmp(f->name, "percentage")) return 100 * (x - low + 1) / (high - low + 1);
    return high == low ? NAN : 100 * (x - low) / (high - low);
}

int lt_act_plain_state(void *ctx, const char *id, struct lt_plain_state *out)
{
    const struct lt_act *a = ctx;
    const struct lt_thing *t =
        a && a->site->discovery ? lt_discovery_find(a->site->discovery, id) : NULL;
    char word[64];
    double x;
    *out = (struct lt_plain_state){.is_on = -1, .level = NAN};
    if (!t) return 0;
    int is_climate = !strcmp(t->domain, "climate") || !strcmp(t->domain, "water_heater");
    const char *level = is_climate                  ? "temperature"
                        : !strcmp(t->domain, "fan") ? "percentage"
                                                    : "brightness";
    if (state_of(a, t, "state", word, sizeof word, &x))
        out->is_on = !strcmp(word, "on") ? 1 : !strcmp(word, "off") ? 0 : -1;
    if (!strcmp(t->domain, "media_player") && state_of(a, t, "state", word, sizeof word, &x))
        out->is_on = !strcmp(word, "playing");
    const struct lt_feature *f = lt_thing_feature(t, level);
    if (!f || !f->command_topic) return 1;
    out->has_level = 1;
    out->min = is_climate && f->has_range ? f->min : 0;
    out->max = is_climate && f->has_range ? f->max : 100;
    out->is_fahrenheit = is_climate && f->unit && strchr(f->unit, 'F') != NULL;
    if (state_of(a, t, level, word, sizeof word, &x) && !isnan(x))
        out->level = is_climate ? x : percent_of(f, x);
    return 1;
}

int lt_act_is_fahrenheit(const struct lt_act *a, const json_t *call)
{
    size_t targets[LT_ACT_DEVICES_MAX];
    const char *tool = json_string_value(json_object_get(call, "name"));
    if (!a || !a->site->discovery || !tool || strcmp(tool, "HassClimateSetTemperature")) return 0;
    size_t n = lt_act_targets(a->site->discovery, NULL, tool, json_object_get(call, "arguments"),
                              targets, LT_ACT_DEVICES_MAX);
    for (size_t i = 0; i < n && i < LT_ACT_DEVICES_MAX; i++) {
        const struct lt_feature *f =
            lt_thing_feature(lt_discovery_thing(a->site->discovery, targets[i]), "temperature");
        if (f && f->unit && strchr(f->unit, 'F')) return 1;
    }
    return 0;
}

/* ---- ending ---- */

static void wait_free(struct wait *w)
{
    free(w->state_topic);
    free(w->state_template);
    free(w->key);
    json_decref((json_t *)(uintptr_t)w->feature.states);
    json_decref((json_t *)(uintptr_t)w->feature.words);
}

static void on_closed(uv_handle_t *h)
{
    struct run *r = h->data;
    for (size_t i = 0; i < r->n_devices; i++)
        for (int k = 0; k < r->devices[i].n_wait; k++) wait_free(&r->devices[i].wait[k]);
    for (size_t i = 0; i < r->n_devices; i++) wait_free(&r->devices[i].way);
    free(r->devices);
    json_decref(r->outcome);
    free(r);
}

static void unlink_run(struct run *r)
{
    *r->prev = r->next;
    if (r->next) r->next->prev = r->prev;
    uv_timer_stop(&r->timer);
}

static const char *outcome_of(const json_t *row)
{
    const char *s = json_string_value(json_object_get(row, "outcome"));
    return s ? s : "";
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));
    return s ? s : "";
}

/* One sentence, "" when all went well: what went wrong comes before what went well. */
static void compose(struct run *r)
{
    size_t i;
    json_t *row;
    int n_good = 0;
    char others[200];
    if (*r->speech) return; /* a question's answer */
    json_array_foreach(r->outcome, i, row)
    {
        const char *what = outcome_of(row), *name = text_of(row, "name");
        if (!strcmp(what, "done") || !strcmp(what, "sent"))
            n_good++;
        else if (*r->speech)
            continue;
        else if (!strcmp(what, "unconfirmed"))
            lt_say(&r->tongue, "act.silent", LT_HOLES({"name", name}), r->speech, sizeof r->speech);
        else if (!strcmp(what, "unavailable"))
            lt_say(&r->tongue, "act.away", LT_HOLES({"name", name}), r->speech, sizeof r->speech);
        else if (*r->trouble)
            snprintf(r->speech, sizeof r->speech, "%s", r->trouble);
        else
            lt_say(&r->tongue, "failed", NULL, r->speech, sizeof r->speech);
    }
    if (!n_good || !*r->speech) return;
    lt_say_count(&r->tongue, "act.others", n_good, NULL, others, sizeof others);
    lt_say_join(&r->tongue, "sentences", others, r->speech, sizeof r->speech);
}

static void end(struct run *r)
{
    for (size_t i = 0; i < r->n_devices; i++) {
        struct device *d = &r->devices[i];
        int n_met = 0;
        for (int k = 0; k < d->n_wait; k++) n_met += d->wait[k].is_met;
        if (d->going && n_met < d->n_wait) {
            json_object_set_new(d->row, "state", json_string(d->going));
            n_met = d->n_wait;
        }
        if (d->n_wait)
            json_object_set_new(d->row, "outcome",
                                json_string(n_met == d->n_wait ? "done" : "unconfirmed"));
    }
    compose(r);
    unlink_run(r);
    r->fn(r->ctx, r->outcome, r->speech);
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

static void on_time(uv_timer_t *t)
{
    end(t->data);
}

void lt_act_free(struct lt_act *a)
{
    if (!a) return;
    while (a->runs) {
        struct run *r = a->runs;
        unlink_run(r);
        uv_close((uv_handle_t *)&r->timer, on_closed);
    }
    json_decref(a->states);
    json_decref(a->wholes);
    json_decref(a->filters);
    free(a);
}

/* ---- reports ---- */

static int is_complete(const struct run *r)
{
    for (size_t i = 0; i < r->n_devices; i++)
        for (int k = 0; k < r->devices[i].n_wait && !r->devices[i].going; k++)
            if (!r->devices[i].wait[k].is_met) return 0;
    return 1;
}

/* The two payloads as one object, the newer's members before the older's; the newer where one of
 * them is no object. Takes over `newer`. */
static json_t *merged(const char *older, json_t *newer)
{
    json_t *o = older ? json_loads(older, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *n = json_loads(json_string_value(newer), JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(o) && json_is_object(n) && !json_object_update(o, n)) {
        char *text = json_dumps(o, JSON_COMPACT);
        json_t *both = text ? json_string(text) : NULL;
        free(text);
        if (both) {
            json_decref(newer);
            newer = both;
        }
    }
    json_decref(o);
    json_decref(n);
    return newer;
}

/* Does the report say that the cover has begun to go where it was told? */
static void look_at_way(struct device *d, const char *topic, const char *payload)
{
    char word[64];
    double x;
    if (isnan(d->goal) || d->going) return;
    for (int k = 0; k < d->n_wait; k++) {
        const struct wait *w = &d->wait[k];
        if (strcmp(w->state_topic, topic) != 0 ||
            lt_act_read(&w->feature, payload, word, sizeof word, &x))
            continue;
        if (!strcmp(word, "opening") && d->goal > 50) d->going = "opening";
        if (!strcmp(word, "closing") && d->goal < 50) d->going = "closing";
    }
    if (!d->way.state_topic || strcmp(d->way.state_topic, topic) != 0 ||
        lt_act_read(&d->way.feature, payload, word, sizeof word, &x) || isnan(x))
        return;
    x = percent_of(&d->way.feature, x);
    if (fabs(x - d->goal) < 2) /* it is there; some have no other word for it */
        d->going = d->goal > 50 ? "open" : "closed";
    else if (!isnan(d->last) && fabs(x - d->goal) < fabs(d->last - d->goal) - 0.5)
        d->going = d->goal > d->last ? "opening" : "closing";
    d->last = x;
}

/* A report on a topic, or on one that a filter stands for: `on` is how features name it. */
static void report(struct lt_act *a, const char *on, const struct lt_mqtt_message *msg, int is_part)
{
    json_t *payload = json_stringn(msg->payload, msg->payload_len);
    if (!payload) return; /* not UTF-8: a picture or the like, no state */
    const char *topic = on, *whole = json_string_value(json_object_get(a->wholes, on));
    if (whole || is_part) {
        if (whole) topic = whole;
        payload = merged(json_string_value(json_object_get(a->states, topic)), payload);
    }
    json_object_set_new(a->states, topic, payload);
    for (struct run *r = a->runs, *next; r; r = next) {
        next = r->next;
        for (size_t i = 0; i < r->n_devices; i++) {
            if (!msg->is_retained) look_at_way(&r->devices[i], topic, msg->payload);
            for (int k = 0; k < r->devices[i].n_wait; k++) {
                struct wait *w = &r->devices[i].wait[k];
                if (!w->is_met && !strcmp(w->state_topic, topic) && !msg->is_retained)
                    w->is_met = lt_act_is_met(&w->expect, msg->payload);
            }
        }
        if (is_complete(r)) end(r);
    }
}

/* Several may report on a filter, each a part (OpenMQTTGateway): their members are kept together. */
int lt_act_message(struct lt_act *a, const char *on, const struct lt_mqtt_message *msg)
{
    const char *filter;
    json_t *v;
    int is_ours = 0;
    if (!a) return 0;
    if (json_object_get(a->states, on)) {
        report(a, on, msg, 0);
        is_ours = 1;
    }
    json_object_foreach(a->filters, filter, v)
    {
        if (!lt_topic_matches(filter, on)) continue;
        report(a, filter, msg, 1);
        is_ours = 1;
    }
    return is_ours;
}

/* ---- commands ---- */

static struct device *add_device(struct run *r, const json_t *call, const struct lt_thing *t)
{
    if (r->n_devices == r->cap_devices) {
        size_t cap = r->cap_devices ? 2 * r->cap_devices : 8;
        struct device *p = realloc(r->devices, cap * sizeof *p);
        if (!p) return NULL;
        r->devices = p;
        r->cap_devices = cap;
    }
    json_t *row = json_pack("{s:O,s:s,s:s,s:s}", "call", json_object_get(call, "name"), "id", t->id,
                            "name", t->name, "outcome", "failed");
    if (!row || json_array_append_new(r->outcome, row)) return NULL;
    struct device *d = &r->devices[r->n_devices++];
    memset(d, 0, sizeof *d);
    d->row = row;
    d->last = d->goal = NAN;
    return d;
}

/* A copy of what is expected; without a state topic there is nothing in it. */
static void fill_wait(const struct lt_act *a, struct wait *w, const struct lt_act_expect *e)
{
    *w = (struct wait){.expect = *e, .feature = *e->feature};
    w->state_topic = strdup(local(a, e->feature->state_topic));
    w->state_template = e->feature->state_template ? strdup(e->feature->state_template) : NULL;
    w->key = e->feature->key ? strdup(e->feature->key) : NULL;
    w->feature.states = json_incref((json_t *)(uintptr_t)e->feature->states);
    w->feature.words = json_incref((json_t *)(uintptr_t)e->feature->words);
    w->feature.state_topic = w->state_topic;
    w->feature.state_template = w->state_template;
    w->feature.key = w->key;
    if (w->state_topic) return;
    wait_free(w);
    *w = (struct wait){0};
}

static void add_wait(const struct lt_act *a, struct device *d, const struct lt_act_expect *e)
{
    fill_wait(a, &d->wait[d->n_wait], e);
    if (d->wait[d->n_wait].state_topic) d->n_wait++;
}

/* Where a cover or valve was told to go, and where it is. */
static void add_way(struct lt_act *a, struct device *d, const struct lt_thing *t)
{
    const struct lt_feature *f = lt_thing_feature(t, "position");
    char word[64];
    double x;
    if (strcmp(t->domain, "cover") != 0 && strcmp(t->domain, "valve") != 0) return;
    for (int k = 0; k < d->n_wait; k++) {
        const struct lt_act_expect *e = &d->wait[k].expect;
        if (!strcmp(e->meaning, "open")) d->goal = 100;
        if (!strcmp(e->meaning, "closed")) d->goal = 0;
        if (!*e->meaning && f) d->goal = percent_of(f, e->number);
    }
    if (!f || !f->state_topic || isnan(d->goal)) return;
    fill_wait(a, &d->way, &(struct lt_act_expect){.feature = f});
    if (state_of(a, t, "position", word, sizeof word, &x) && !isnan(x)) d->last = percent_of(f, x);
}

/* feature pointers of expectations, once the devices no longer move in memory */
static void fix_pointers(struct run *r)
{
    for (size_t i = 0; i < r->n_devices; i++)
        for (int k = 0; k < r->devices[i].n_wait; k++)
            r->devices[i].wait[k].expect.feature = &r->devices[i].wait[k].feature;
}

static void command(struct run *r, const json_t *call, const struct lt_thing *t)
{
    struct lt_act *a = r->act;
    struct lt_diag diag = {0};
    struct lt_act_plan *plan = malloc(sizeof *plan);
    struct device *d = plan ? add_device(r, call, t) : NULL;
    if (!d) {
        free(plan);
        return;
    }
    /* right after a start its topics may not be listened to yet, and its report would be missed */
    for (size_t k = 0; k < t->n_features; k++) (void)listen_to_feature(a, &t->features[k]);
    const char *tool = json_string_value(json_object_get(call, "name"));
    json_t *args = lt_act_known_arguments(a, t, tool, json_object_get(call, "arguments"));
    enum lt_err err = lt_act_plan_call(t, tool, args, plan, &diag);
    if (err) {
        json_object_set_new(d->row, "why", json_string(diag.text));
        if (!*r->trouble &&
            !lt_act_say_refusal(&r->tongue, t->name, &plan->refusal, r->trouble, sizeof r->trouble))
            lt_say(&r->tongue, "cannot.do", LT_HOLES({"name", t->name}), r->trouble,
                   sizeof r->trouble);
    } else if (is_available(a, t) < 0) {
        json_object_set_new(d->row, "outcome", json_string("unavailable"));
        plan->n_sends = 0;
    }
    for (int i = 0; i < plan->n_sends && !err; i++) {
        char topic[TOPIC_BYTES];
        struct lt_mqtt_publish p = {.topic = global(a, plan->sends[i].topic, topic, sizeof topic),
                                    .payload = plan->sends[i].payload,
                                    .payload_len = strlen(plan->sends[i].payload),
                                    .qos = t->qos,
                                    .is_retained = t->is_retained,
                                    .expiry_s = (uint32_t)a->gw->config.mqtt.call_expiry_s,
                                    .is_text = 1};
        err = lt_mqtt_send(a->gw->mqtt, &p, NULL);
        if (!err) {
            json_object_set_new(d->row, "outcome", json_string("sent"));
            continue;
        }
        json_object_set_new(d->row, "why", json_string("the broker did not take the command"));
        if (!*r->trouble) lt_say(&r->tongue, "act.lost", NULL, r->trouble, sizeof r->trouble);
    }
    for (int i = 0; i < plan->n_expects && !err && plan->n_sends; i++)
        add_wait(a, d, &plan->expects[i]);
    if (plan->n_sends && !err) add_way(a, d, t);
    /* what is so already will not be reported again by every device */
    for (int i = 0; i < d->n_wait; i++) {
        const char *payload = last_payload(a, d->wait[i].state_topic);
        d->wait[i].expect.feature = &d->wait[i].feature;
        d->wait[i].is_met = payload && lt_act_is_met(&d->wait[i].expect, payload);
    }
    json_decref(args);
    free(plan);
}

/* ---- questions ---- */

static int is_question(const char *tool)
{
    return !strcmp(tool, "HassGetState") || !strcmp(tool, "HassClimateGetTemperature");
}

/* "on" and "off" of a sensor as people say it. */
static const char *spoken_state(const struct lt_thing *t, const char *state)
{
    static const struct {
        const char *device_class, *on, *off;
    } words[] = {{"door", "open", "closed"},         {"window", "open", "closed"},
                 {"garage_door", "open", "closed"},  {"opening", "open", "closed"},
                 {"lock", "unlocked", "locked"},     {"moisture", "wet", "dry"},
                 {"motion", "detected", "clear"},    {"occupancy", "occupied", "clear"},
                 {"presence", "home", "away"},       {"smoke", "detected", "clear"},
                 {"gas", "detected", "clear"},       {"carbon_monoxide", "detected", "clear"},
                 {"vibration", "detected", "clear"}, {"battery", "low", "normal"},
                 {"problem", "a problem", "ok"}};
    static const char *const armed[][2] = {{"armed_away", "armed"},
                                           {"armed_home", "armed for people at home"},
                                           {"armed_night", "armed for the night"},
                                           {"armed_vacation", "armed for the holidays"},
                                           {"pending", "about to go off"},
                                           {"triggered", "going off"}};
    int is_on = !strcmp(state, "on");
    for (size_t i = 0; i < sizeof armed / sizeof *armed; i++)
        if (!strcmp(t->domain, "alarm_control_panel") && !strcmp(armed[i][0], state))
            return armed[i][1];
    if (strcmp(t->domain, "binary_sensor") || (!is_on && strcmp(state, "off"))) return state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].device_class, t->device_class))
            return is_on ? words[i].on : words[i].off;
    return state;
}

struct answer {
    const char *wanted; /* state that was asked for, or NULL */
    int n_known, n_match;
};

static void add_answer(struct run *r, const json_t *call, const struct lt_thing *t,
                       const char *feature, struct answer *a)
{
    char state[128];
    double number = NAN;
    json_t *row = json_pack("{s:O,s:s,s:s,s:s}", "call", json_object_get(call, "name"), "id", t->id,
                            "name", t->name, "outcome", "unknown");
    if (!row) return;
    if (state_of(r->act, t, feature, state, sizeof state, &number)) {
        const char *said = spoken_state(t, state);
        json_object_set_new(row, "outcome", json_string("done"));
        json_object_set_new(row, "state", json_string(said));
        a->n_known++;
        int is_armed = a->wanted && !strcasecmp(a->wanted, "armed") && !strncmp(state, "armed_", 6);
        a->n_match += is_armed || (a->wanted &&
                                   (!strcasecmp(a->wanted, said) || !strcasecmp(a->wanted, state)));
        if (!a->wanted || a->n_known == 1) {
            char one[SPEECH_BYTES];
            lt_say(&r->tongue, "state",
                   LT_HOLES({"name", t->name}, {"state", said}, {"unit", t->unit}), one,
                   sizeof one);
            lt_say_join(&r->tongue, "sentences", one, r->speech, sizeof r->speech);
        }
    }
    json_array_append_new(r->outcome, row);
}

static void question(struct run *r, const json_t *call, const size_t *targets, size_t n)
{
    const json_t *args = json_object_get(call, "arguments");
    const char *tool = json_string_value(json_object_get(call, "name"));
    struct answer a = {.wanted = json_string_value(json_object_get(args, "state"))};
    int is_warmth = strcmp(tool, "HassGetState") != 0;
    for (size_t i = 0; i < n; i++) {
        const struct lt_thing *t = lt_discovery_thing(r->act->site->discovery, targets[i]);
        const char *feature =
            is_warmth && !strcmp(t->domain, "climate") ? "current_temperature" : "state";
        if (is_warmth && strcmp(t->domain, "climate") && strcmp(t->device_class, "temperature"))
            continue;
        add_answer(r, call, t, feature, &a);
    }
    if (!a.n_known) {
        lt_say(&r->tongue, "state.unknown", NULL, r->speech, sizeof r->speech);
    } else if (a.wanted && a.n_known == 1) {
        char text[SPEECH_BYTES];
        snprintf(text, sizeof text, "%s", r->speech);
        lt_say(&r->tongue, a.n_match ? "state.yes" : "state.no", LT_HOLES({"it", text}), r->speech,
               sizeof r->speech);
    } else if (a.wanted) {
        char total[16];
        snprintf(total, sizeof total, "%d", a.n_known);
        lt_say_count(&r->tongue, "state.count", a.n_match,
                     LT_HOLES({"total", total}, {"state", a.wanted}), r->speech, sizeof r->speech);
    }
}

/* ---- runs ---- */

int lt_act_is_question(const json_t *call)
{
    const char *tool = json_string_value(json_object_get(call, "name"));
    return tool && is_question(tool);
}

static int takes(const struct lt_act *a, const json_t *call)
{
    const char *tool = json_string_value(json_object_get(call, "name"));
    return a && tool && a->gw->config.actuate.enabled && a->site->discovery &&
           (lt_act_is_for_devices(tool) || is_question(tool));
}

int lt_act_serves(const struct lt_act *a)
{
    return a && a->gw->config.actuate.enabled && a->site->discovery;
}

int lt_act_takes(const struct lt_act *a, const json_t *calls, size_t first)
{
    for (size_t i = first; i < json_array_size(calls); i++)
        if (takes(a, json_array_get(calls, i))) return 1;
    return 0;
}

static void one_call(struct run *r, const json_t *call)
{
    struct lt_act *a = r->act;
    size_t targets[LT_ACT_DEVICES_MAX];
    const char *tool = json_string_value(json_object_get(call, "name"));
    const json_t *args = json_object_get(call, "arguments");
    json_t *catalog = json_object_get(args, "floor") /* only floors need more than the devices */
                          ? lt_discovery_catalog(a->site->discovery, NULL)
                          : NULL;
    const json_t *areas = json_object_get(json_object_get(catalog, "home"), "areas");
    size_t n = lt_act_targets(a->site->discovery, areas, tool, args, targets, LT_ACT_DEVICES_MAX);
    json_decref(catalog);
    if (n <= LT_ACT_DEVICES_MAX) n = lt_act_known_players(a, tool, args, targets, n);
    if (!n || n > LT_ACT_DEVICES_MAX) {
        const char *key = n ? "act.many" : "act.none";
        char why[SPEECH_BYTES];
        lt_say_count(NULL, key, (int64_t)n, NULL, why, sizeof why);
        json_array_append_new(
            r->outcome, json_pack("{s:s,s:s,s:s}", "call", tool, "outcome", "failed", "why", why));
        if (!*r->trouble)
            lt_say_count(&r->tongue, key, (int64_t)n, NULL, r->trouble, sizeof r->trouble);
    } else if (is_question(tool)) {
        question(r, call, targets, n);
    } else {
        for (size_t i = 0; i < n; i++)
            command(r, call, lt_discovery_thing(a->site->discovery, targets[i]));
    }
}

enum lt_err lt_act_start(struct lt_act *a, const json_t *calls, size_t first,
                         const struct lt_tongue *tongue, const char *trace, lt_act_fn fn, void *ctx)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r || !(r->outcome = json_array())) {
        free(r);
        return LT_ERR_NOMEM;
    }
    r->act = a;
    r->tongue = *tongue;
    r->fn = fn;
    r->ctx = ctx;
    uv_timer_init(&a->gw->loop, &r->timer);
    r->timer.data = r;
    r->next = a->runs;
    r->prev = &a->runs;
    if (r->next) r->next->prev = &r->next;
    a->runs = r;
    for (size_t i = first; i < json_array_size(calls); i++)
        if (takes(a, json_array_get(calls, i))) one_call(r, json_array_get(calls, i));
    fix_pointers(r);
    LT_LOG(DEBUG, "act.started", LF_STR("trace", trace), LF_INT("devices", r->n_devices));
    uv_timer_start(&r->timer, on_time,
                   is_complete(r) ? 0 : (uint64_t)a->gw->config.actuate.confirm_ms, 0);
    return LT_OK;
}
