/* test_router.c - the decision as a table: one row for each rule and each way round it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/budget.h"
#include "lt/json.h"
#include "lt/router.h"

/* JSON with ' for ", to be readable in C. */
static json_t *J(const char *text)
{
    char copy[4000];
    size_t n = strlen(text);
    assert_true(n < sizeof copy);
    for (size_t i = 0; i <= n; i++) copy[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    json_t *v = NULL;
    struct lt_diag d = {0};
    if (lt_json_parse(copy, n, sizeof copy, &v, &d)) fail_msg("%s: %s", text, d.text);
    return v;
}

static const char home[] =
    "{'tools':["
    "{'name':'HassTurnOn','parameters':{'type':'object','properties':{'name':{'type':'string',"
    "'x-entity':{}},'area':{'type':'string','x-area':true},'domain':{'type':'string'},"
    "'device_class':{'type':'string'}}}},"
    "{'name':'HassTurnOff','parameters':{'type':'object','properties':{'name':{'type':'string',"
    "'x-entity':{}},'area':{'type':'string','x-area':true},'domain':{'type':'string'}}}},"
    "{'name':'pay'},{'name':'pay_later'},{'name':'HassGetState'},{'name':'read_meter',"
    "'annotations':{'readOnlyHint':true}},{'name':'HassGetPaid','annotations':{'readOnlyHint':"
    "false}}],"
    "'home':{'areas':[{'name':'Hall'},{'name':'Kitchen'}],'entities':["
    "{'name':'Lamp','area':'Kitchen','domain':'light'},"
    "{'name':'Front Door','area':'Hall','domain':'lock'},"
    "{'name':'Hall Light','area':'Hall','domain':'light'},"
    "{'name':'Garage','domain':'cover','device_class':'garage'},"
    "{'name':'Blind','area':'Kitchen','domain':'cover','device_class':'blind'}]}}";

#define LAMP     "[{'name':'HassTurnOn','arguments':{'name':'Lamp'}}]"
#define UNLOCK   "[{'name':'HassTurnOff','arguments':{'name':'Front Door'}}]"
#define NOTHING  "[]"
#define UNKNOWN  "[{'name':'HassTurnOn','arguments':{'name':'Piano'}}]"
#define PAY      "[{'name':'pay','arguments':{}}]"
#define LOOK     "[{'name':'HassGetState','arguments':{}}]"
#define METER    "[{'name':'read_meter','arguments':{}}]"
#define GET_PAID "[{'name':'HassGetPaid','arguments':{}}]"
#define LOOK_AND_LIGHT                                                                             \
    "[{'name':'HassGetState','arguments':{}},{'name':'HassTurnOn','arguments':{'name':'Lamp'}}]"

static const char *const german[] = {"de", NULL};
static const char *const my_site[] = {"home", NULL};
static const char *const nursery[] = {"Nursery", NULL};
static const char *const no_pay[] = {"pay*", NULL};
static const int all_open[] = {1, 1, 1};
static const int first_open[] = {1, 0, 0};

static struct lt_catalog *catalog;

/* What a row changes against the base: gate 0.85, default rules, three providers (A 1000 micro-USD,
 * B 5000 and German only, C free and slow), request from site home, area Kitchen, English, noon, 8 s,
 * enough money. */
enum change {
    BASE,
    NO_LOCAL,
    NO_PROVIDERS,
    NEVER,
    NEVER_SITE,
    NEVER_AREA,
    OTHER_AREA,
    GERMAN,
    GERMAN_AT,
    NO_LANG,
    NIGHT,
    SHORT,
    VERY_SHORT,
    POOR,
    BROKE,
    FIRST_OPEN,
    ALL_OPEN,
    DRY_RUN,
    CACHED,
    CACHED_STALE,
    CACHED_DOOR,
    CACHED_BLOCKED,
    ESCALATE_NOTHING,
    ESCALATE_NOTHING_NEVER,
    CLARIFY_FIRST,
    GUESS,
    GUESS_OPEN,
    GUESS_OPEN_DOOR,
    GUESS_NEVER,
    APOLOGISE,
    BLOCKED,
    NO_CATALOG,
    OWN_RULE,
    NO_RULES
};

static const struct {
    enum change change;
    const char *calls;
    double confidence;
    enum lt_route route;
    enum lt_why why;
    const char *chain; /* providers in order, "" for none */
} rows[] = {
    /* 1: cache */
    {CACHED, LAMP, 0.2, LT_ROUTE_CACHE, LT_WHY_CACHE_HIT, ""},
    {CACHED, NOTHING, 0.99, LT_ROUTE_CACHE, LT_WHY_CACHE_HIT, ""},
    {CACHED_STALE, LAMP, 0.9, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {CACHED_DOOR, LAMP, 0.2, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {CACHED_BLOCKED, LAMP, 0.9, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    /* 2: no local answer, or one that does not fit */
    {NO_LOCAL, NULL, 0, LT_ROUTE_CLOUD, LT_WHY_LOCAL_FAILED, "AC"},
    {BASE, UNKNOWN, 0.99, LT_ROUTE_CLOUD, LT_WHY_LOCAL_INVALID, "AC"},
    {BASE, "[{'name':'HassDance','arguments':{}}]", 0.99, LT_ROUTE_CLOUD, LT_WHY_LOCAL_INVALID,
     "AC"},
    {NO_CATALOG, LAMP, 0.99, LT_ROUTE_CLOUD, LT_WHY_LOCAL_INVALID, "AC"},
    {NO_CATALOG, NOTHING, 0.99, LT_ROUTE_NONE, LT_WHY_GATE_NOTHING, ""},
    {BLOCKED, PAY, 0.99, LT_ROUTE_REFUSED, LT_WHY_POLICY_BLOCKED, ""},
    {BLOCKED, "[{'name':'pay_later','arguments':{}}]", 0.1, LT_ROUTE_REFUSED, LT_WHY_POLICY_BLOCKED,
     ""},
    {BLOCKED, LAMP, 0.9, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    /* 3: the gate */
    {BASE, LAMP, 0.85, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {BASE, LAMP, 0.8499, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {NEVER, LAMP, 0.85, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {BASE, NOTHING, 0.85, LT_ROUTE_NONE, LT_WHY_GATE_NOTHING, ""},
    {BASE, NOTHING, 0.84, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {ESCALATE_NOTHING, NOTHING, 0.99, LT_ROUTE_CLOUD, LT_WHY_GATE_NOTHING_ESCALATED, "AC"},
    {ESCALATE_NOTHING, LAMP, 0.99, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {ESCALATE_NOTHING_NEVER, NOTHING, 0.99, LT_ROUTE_NONE, LT_WHY_GATE_NOTHING, ""},
    {OWN_RULE, PAY, 0.98, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {OWN_RULE, PAY, 0.99, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {OWN_RULE, LAMP, 0.85, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    /* the strictest call of several counts */
    {OWN_RULE, "[{'name':'HassTurnOn','arguments':{'name':'Lamp'}},{'name':'pay','arguments':{}}]",
     0.95, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    /* 4: sensitive */
    {BASE, UNLOCK, 0.97, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {BASE, UNLOCK, 0.96, LT_ROUTE_CLARIFY, LT_WHY_POLICY_SENSITIVE, ""},
    {BASE, UNLOCK, 0.40, LT_ROUTE_CLARIFY, LT_WHY_POLICY_SENSITIVE, ""},
    {BASE, UNLOCK, 0.39, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {NO_RULES, UNLOCK, 0.90, LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    /* locking is no danger; a whole room with a lock in it is; its lights alone are not */
    {BASE, "[{'name':'HassTurnOn','arguments':{'name':'Front Door'}}]", 0.90, LT_ROUTE_LOCAL,
     LT_WHY_GATE_ACCEPTED, ""},
    {BASE, "[{'name':'HassTurnOff','arguments':{'area':'Hall'}}]", 0.90, LT_ROUTE_CLARIFY,
     LT_WHY_POLICY_SENSITIVE, ""},
    {BASE, "[{'name':'HassTurnOff','arguments':{'area':'Hall','domain':'light'}}]", 0.90,
     LT_ROUTE_LOCAL, LT_WHY_GATE_ACCEPTED, ""},
    {BASE, "[{'name':'HassTurnOff','arguments':{'area':'Kitchen'}}]", 0.90, LT_ROUTE_LOCAL,
     LT_WHY_GATE_ACCEPTED, ""},
    {BASE, "[{'name':'HassTurnOn','arguments':{'name':'Garage'}}]", 0.90, LT_ROUTE_CLARIFY,
     LT_WHY_POLICY_SENSITIVE, ""},
    {BASE, "[{'name':'HassTurnOn','arguments':{'device_class':'garage'}}]", 0.90, LT_ROUTE_CLARIFY,
     LT_WHY_POLICY_SENSITIVE, ""},
    {BASE, "[{'name':'HassTurnOn','arguments':{'name':'Blind'}}]", 0.90, LT_ROUTE_LOCAL,
     LT_WHY_GATE_ACCEPTED, ""},
    {CLARIFY_FIRST, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_GATE_LOW_CONFIDENCE, ""},
    {CLARIFY_FIRST, LAMP, 0.3, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {CLARIFY_FIRST, NOTHING, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    /* 5: who may be asked, in which order */
    {GERMAN, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "ABC"},
    {GERMAN_AT, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "ABC"},
    {NO_LANG, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "ABC"},
    {NIGHT, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "C"},
    {SHORT, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "A"},
    {POOR, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "C"},
    {FIRST_OPEN, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "C"},
    {DRY_RUN, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, ""},
    {OTHER_AREA, LAMP, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    /* 6: nobody may be asked: a question when the guess is not hopeless */
    {NEVER, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_POLICY_NEVER_CLOUD, ""},
    {NEVER_SITE, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_POLICY_NEVER_CLOUD, ""},
    {NEVER_AREA, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_POLICY_NEVER_CLOUD, ""},
    {NEVER, LAMP, 0.39, LT_ROUTE_REFUSED, LT_WHY_POLICY_NEVER_CLOUD, ""},
    {NEVER, NOTHING, 0.5, LT_ROUTE_NONE, LT_WHY_POLICY_NEVER_CLOUD, ""},
    {NEVER, UNKNOWN, 0.99, LT_ROUTE_REFUSED, LT_WHY_POLICY_NEVER_CLOUD, ""},
    {NO_PROVIDERS, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_POLICY_NO_CLOUD, ""},
    {VERY_SHORT, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_DEADLINE_SHORT, ""},
    {BROKE, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_BUDGET_SPENT, ""},
    {ALL_OPEN, LAMP, 0.5, LT_ROUTE_CLARIFY, LT_WHY_BREAKER_OPEN, ""},
    {APOLOGISE, LAMP, 0.84, LT_ROUTE_REFUSED, LT_WHY_BREAKER_OPEN, ""},
    {GUESS, LAMP, 0.75, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {GUESS_OPEN, LAMP, 0.70, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_GUESS, ""},
    {GUESS_OPEN, LAMP, 0.69, LT_ROUTE_CLARIFY, LT_WHY_BREAKER_OPEN, ""},
    {GUESS_OPEN, NOTHING, 0.80, LT_ROUTE_NONE, LT_WHY_BREAKER_OPEN, ""},
    {GUESS_OPEN_DOOR, LAMP, 0.39, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_GUESS, ""},
    {GUESS_OPEN_DOOR, UNLOCK, 0.39, LT_ROUTE_REFUSED, LT_WHY_BREAKER_OPEN, ""},
    {GUESS_NEVER, LAMP, 0.80, LT_ROUTE_CLARIFY, LT_WHY_POLICY_NEVER_CLOUD, ""},
    /* what only looks something up is answered where an action would be asked about */
    {BASE, LOOK, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
    {ALL_OPEN, LOOK, 0.40, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_QUESTION, ""},
    {ALL_OPEN, LOOK, 0.39, LT_ROUTE_REFUSED, LT_WHY_BREAKER_OPEN, ""},
    {ALL_OPEN, METER, 0.5, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_QUESTION, ""},
    {ALL_OPEN, GET_PAID, 0.5, LT_ROUTE_CLARIFY, LT_WHY_BREAKER_OPEN, ""},
    {ALL_OPEN, LOOK_AND_LIGHT, 0.5, LT_ROUTE_CLARIFY, LT_WHY_BREAKER_OPEN, ""},
    {NEVER, LOOK, 0.5, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_QUESTION, ""},
    {APOLOGISE, LOOK, 0.84, LT_ROUTE_REFUSED, LT_WHY_BREAKER_OPEN, ""},
    {CLARIFY_FIRST, LOOK, 0.5, LT_ROUTE_CLOUD, LT_WHY_GATE_LOW_CONFIDENCE, "AC"},
};

static const struct lt_gate_rule pay_rule[] = {{"pay", NULL, NULL, 0.99, 0}};

/* Everything a row may point at. */
struct scene {
    struct lt_policy policy;
    struct lt_facts facts;
    const struct lt_catalog *catalog;
    json_t *cached;
    struct lt_provider_rule providers[3];
};

static void set_scene(struct scene *s, enum change c)
{
    *s = (struct scene){.catalog = catalog};
    s->providers[0] = (struct lt_provider_rule){
        .name = "A", .estimate_usd_micro = 1000, .min_ms = 500, .hour_from = 6, .hour_to = 22};
    s->providers[1] = (struct lt_provider_rule){.name = "B",
                                                .estimate_usd_micro = 5000,
                                                .min_ms = 500,
                                                .langs = german,
                                                .sites = my_site,
                                                .hour_from = 6,
                                                .hour_to = 22};
    s->providers[2] =
        (struct lt_provider_rule){.name = "C", .min_ms = 3000, .hour_from = 20, .hour_to = 18};
    struct lt_policy *p = &s->policy;
    struct lt_facts *f = &s->facts;
    lt_policy_init(p);
    p->rules = lt_policy_default_rules(&p->n_rules);
    p->providers = s->providers;
    p->n_providers = 3;
    *f = (struct lt_facts){.site = "home",
                           .here = "Kitchen",
                           .lang = "en",
                           .hour = 12,
                           .left_ms = 8000,
                           .budget_left_usd_micro = LT_BUDGET_UNLIMITED};
    switch (c) {
    case BASE:
    case NO_LOCAL:
        break;
    case NO_PROVIDERS:
        p->n_providers = 0;
        break;
    case NEVER:
        p->is_never_cloud = 1;
        break;
    case NEVER_SITE:
        p->never_cloud_sites = my_site;
        break;
    case NEVER_AREA:
        p->never_cloud_areas = nursery;
        f->here = "nursery";
        break;
    case OTHER_AREA:
        p->never_cloud_areas = nursery;
        break;
    case GERMAN:
        f->lang = "de";
        break;
    case GERMAN_AT:
        f->lang = "de-AT";
        break;
    case NO_LANG:
        f->lang = NULL;
        break;
    case NIGHT:
        f->hour = 23;
        f->lang = "de";
        break;
    case SHORT:
        f->left_ms = 600;
        break;
    case VERY_SHORT:
        f->left_ms = 100;
        break;
    case POOR:
        f->budget_left_usd_micro = 999;
        break;
    case BROKE:
        f->budget_left_usd_micro = 0;
        p->n_providers = 2;
        break;
    case FIRST_OPEN:
        f->is_open = first_open;
        break;
    case ALL_OPEN:
        f->is_open = all_open;
        break;
    case DRY_RUN:
        f->is_dry_run = 1;
        break;
    case CACHED:
        s->cached = J(LAMP);
        break;
    case CACHED_STALE:
        s->cached = J(UNKNOWN);
        break;
    case CACHED_DOOR:
        s->cached = J(UNLOCK);
        break;
    case CACHED_BLOCKED:
        s->cached = J(PAY);
        p->blocked_tools = no_pay;
        break;
    case ESCALATE_NOTHING:
        p->is_nothing_escalated = 1;
        break;
    case ESCALATE_NOTHING_NEVER:
        p->is_nothing_escalated = p->is_never_cloud = 1;
        break;
    case CLARIFY_FIRST:
        p->is_clarify_first = 1;
        break;
    case GUESS:
        p->no_answer = LT_NO_ANSWER_GUESS;
        break;
    case GUESS_OPEN_DOOR:
        p->guess = 0.2; /* fall through */
    case GUESS_OPEN:
        p->no_answer = LT_NO_ANSWER_GUESS;
        f->is_open = all_open;
        break;
    case GUESS_NEVER:
        p->no_answer = LT_NO_ANSWER_GUESS;
        p->is_never_cloud = 1;
        break;
    case APOLOGISE:
        p->no_answer = LT_NO_ANSWER_APOLOGISE;
        f->is_open = all_open;
        break;
    case BLOCKED:
        p->blocked_tools = no_pay;
        break;
    case NO_CATALOG:
        s->catalog = NULL;
        break;
    case OWN_RULE:
        p->rules = pay_rule;
        p->n_rules = 1;
        break;
    case NO_RULES:
        p->n_rules = 0;
        break;
    }
    f->cached_calls = s->cached;
}

static void test_decide__table__route_why_and_chain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        set_scene(&s, rows[i].change);
        json_t *calls = rows[i].calls ? J(rows[i].calls) : NULL;
        struct lt_local local = {calls, rows[i].confidence};
        struct lt_decision d, again;
        lt_router_decide(&s.policy, s.catalog, &s.facts, &local, &d, NULL);
        char chain[LT_ROUTER_MAX_PROVIDERS + 1] = "";
        for (int k = 0; k < d.n_providers; k++) chain[k] = *s.providers[d.providers[k]].name;
        if (d.route != rows[i].route || d.why != rows[i].why || strcmp(chain, rows[i].chain))
            fail_msg("row %zu (%s %.2f): %s, %s, \"%s\"", i, rows[i].calls ? rows[i].calls : "-",
                     rows[i].confidence, lt_route_word(d.route), lt_why_code(d.why), chain);
        /* what is carried out or asked about is exactly what was proposed */
        const json_t *want = d.route == LT_ROUTE_CACHE                                  ? s.cached
                             : d.route == LT_ROUTE_LOCAL || d.route == LT_ROUTE_CLARIFY ? calls
                             : d.route == LT_ROUTE_NONE                                 ? d.calls
                                                                                        : NULL;
        assert_ptr_equal(d.calls, want);
        assert_int_equal(json_array_size(d.calls) > 0, d.route == LT_ROUTE_CACHE ||
                                                           d.route == LT_ROUTE_LOCAL ||
                                                           d.route == LT_ROUTE_CLARIFY);
        lt_router_decide(&s.policy, s.catalog, &s.facts, &local, &again, NULL);
        assert_memory_equal(&d, &again, sizeof d); /* pure */
        json_decref(calls);
        json_decref(s.cached);
    }
}

static void test_decide__bad_confidence__never_local(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, BASE);
    json_t *calls = J(LAMP);
    const double bad[] = {-1, 0, (double)NAN};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lt_local local = {calls, bad[i]};
        struct lt_decision d;
        lt_router_decide(&s.policy, s.catalog, &s.facts, &local, &d, NULL);
        assert_int_equal(d.route, LT_ROUTE_CLOUD);
    }
    json_decref(calls);
}

static void test_decide__tool_not_learnt__own_gate_also_for_nothing(void **state)
{
    (void)state;
    struct scene s;
    json_t *calls = J(LAMP), *nothing = json_array();
    const char *tool = json_string_value(json_object_get(json_array_get(calls, 0), "name"));
    json_t *unlearnt = json_pack("{s:b}", tool, 1), *other = json_pack("{s:b}", "kiln_fire", 1);
    const struct {
        const json_t *calls, *new_tools;
        double gate_new;
        enum lt_route route;
    } cases[] = {
        {calls, NULL, 1, LT_ROUTE_LOCAL},     {calls, unlearnt, 1, LT_ROUTE_CLOUD},
        {calls, unlearnt, 0, LT_ROUTE_LOCAL}, {calls, unlearnt, 0.95, LT_ROUTE_LOCAL},
        {calls, other, 1, LT_ROUTE_LOCAL},    {nothing, NULL, 1, LT_ROUTE_NONE},
        {nothing, other, 1, LT_ROUTE_CLOUD},  {nothing, other, 0, LT_ROUTE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lt_local local = {cases[i].calls, 0.97};
        struct lt_decision d;
        set_scene(&s, BASE);
        s.policy.gate_new = cases[i].gate_new;
        s.facts.new_tools = cases[i].new_tools;
        lt_router_decide(&s.policy, s.catalog, &s.facts, &local, &d, NULL);
        if (d.route != cases[i].route) fail_msg("row %zu: %s", i, lt_route_word(d.route));
    }
    json_decref(calls);
    json_decref(nothing);
    json_decref(unlearnt);
    json_decref(other);
}

static void test_decide__calls_do_not_fit__detail_says_where(void **state)
{
    (void)state;
    struct scene s;
    set_scene(&s, BASE);
    json_t *calls = J(UNKNOWN);
    struct lt_local local = {calls, 0.99};
    struct lt_decision d;
    struct lt_diag detail = {0};
    lt_router_decide(&s.policy, s.catalog, &s.facts, &local, &d, &detail);
    assert_string_equal(detail.text,
                        "/0/arguments/name: \"Piano\" is no device of this home that fits here");
    json_decref(calls);
}

/* ---- judging the cloud ---- */

static const struct {
    enum change change;
    double confidence; /* of the local LAMP */
    enum lt_outcome outcome;
    const char *calls, *speech;
    int is_sensitive_ok;
    enum lt_route route;
    enum lt_why why;
    char from; /* whose calls: 'c'loud, 'l'ocal, '-' none */
} verdicts[] = {
    {BASE, 0.5, LT_OUTCOME_ANSWERED, LAMP, NULL, 0, LT_ROUTE_CLOUD, LT_WHY_CLOUD_ANSWERED, 'c'},
    {BASE, 0.5, LT_OUTCOME_ANSWERED, LAMP, "Done", 0, LT_ROUTE_CLOUD, LT_WHY_CLOUD_ANSWERED, 'c'},
    {BASE, 0.5, LT_OUTCOME_ANSWERED, NULL, "It is 3", 0, LT_ROUTE_CLOUD, LT_WHY_CLOUD_ANSWERED,
     '-'},
    {BASE, 0.5, LT_OUTCOME_ANSWERED, "[]", NULL, 0, LT_ROUTE_NONE, LT_WHY_CLOUD_ANSWERED, '-'},
    {BASE, 0.5, LT_OUTCOME_ANSWERED, NULL, "", 0, LT_ROUTE_NONE, LT_WHY_CLOUD_ANSWERED, '-'},
    /* calls that do not fit are never carried out */
    {BASE, 0.5, LT_OUTCOME_ANSWERED, UNKNOWN, NULL, 0, LT_ROUTE_CLARIFY, LT_WHY_CLOUD_INVALID, 'l'},
    {BASE, 0.1, LT_OUTCOME_ANSWERED, UNKNOWN, NULL, 0, LT_ROUTE_REFUSED, LT_WHY_CLOUD_INVALID, '-'},
    {GUESS, 0.8, LT_OUTCOME_ANSWERED, UNKNOWN, NULL, 0, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_GUESS, 'l'},
    {BASE, 0.1, LT_OUTCOME_ANSWERED, "[{'name':'rm','arguments':{}}]", NULL, 0, LT_ROUTE_REFUSED,
     LT_WHY_CLOUD_INVALID, '-'},
    {BASE, 0.1, LT_OUTCOME_ANSWERED, "[{'name':'pay','arguments':{'to':'x'}}]", NULL, 0,
     LT_ROUTE_REFUSED, LT_WHY_CLOUD_INVALID, '-'},
    {NO_CATALOG, 0.9, LT_OUTCOME_ANSWERED, LAMP, NULL, 0, LT_ROUTE_REFUSED, LT_WHY_CLOUD_INVALID,
     '-'},
    /* sensitive and blocked */
    {BASE, 0.1, LT_OUTCOME_ANSWERED, UNLOCK, NULL, 0, LT_ROUTE_CLARIFY, LT_WHY_POLICY_SENSITIVE,
     'c'},
    {BASE, 0.1, LT_OUTCOME_ANSWERED, UNLOCK, NULL, 1, LT_ROUTE_CLOUD, LT_WHY_CLOUD_ANSWERED, 'c'},
    {APOLOGISE, 0.1, LT_OUTCOME_ANSWERED, UNLOCK, NULL, 0, LT_ROUTE_REFUSED,
     LT_WHY_POLICY_SENSITIVE, '-'},
    {BLOCKED, 0.9, LT_OUTCOME_ANSWERED, PAY, NULL, 1, LT_ROUTE_REFUSED, LT_WHY_POLICY_BLOCKED, '-'},
    /* policy changed meanwhile */
    {NEVER, 0.5, LT_OUTCOME_ANSWERED, LAMP, NULL, 0, LT_ROUTE_CLARIFY, LT_WHY_POLICY_NEVER_CLOUD,
     'l'},
    /* no answer */
    {BASE, 0.5, LT_OUTCOME_FAILED, NULL, NULL, 0, LT_ROUTE_CLARIFY, LT_WHY_CLOUD_FAILED, 'l'},
    {BASE, 0.3, LT_OUTCOME_FAILED, NULL, NULL, 0, LT_ROUTE_REFUSED, LT_WHY_CLOUD_FAILED, '-'},
    {GUESS, 0.7, LT_OUTCOME_FAILED, NULL, NULL, 0, LT_ROUTE_LOCAL, LT_WHY_FALLBACK_GUESS, 'l'},
    {APOLOGISE, 0.8, LT_OUTCOME_FAILED, NULL, NULL, 0, LT_ROUTE_REFUSED, LT_WHY_CLOUD_FAILED, '-'},
    {NO_LOCAL, 0, LT_OUTCOME_FAILED, NULL, NULL, 0, LT_ROUTE_REFUSED, LT_WHY_CLOUD_FAILED, '-'},
    {BASE, 0.5, LT_OUTCOME_REFUSED, NULL, NULL, 0, LT_ROUTE_CLARIFY, LT_WHY_CLOUD_REFUSED, 'l'},
};

static void test_judge__table__route_why_and_whose_calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        struct scene s;
        set_scene(&s, verdicts[i].change);
        s.policy.is_sensitive_cloud_ok = verdicts[i].is_sensitive_ok;
        json_t *mine = verdicts[i].change == NO_LOCAL ? NULL : J(LAMP);
        json_t *theirs = verdicts[i].calls ? J(verdicts[i].calls) : NULL;
        struct lt_local local = {mine, verdicts[i].confidence};
        struct lt_upper_answer answer = {verdicts[i].outcome, theirs, verdicts[i].speech};
        struct lt_decision d;
        lt_router_judge(&s.policy, s.catalog, &s.facts, &local, &answer, &d, NULL);
        const json_t *want = verdicts[i].from == 'c'   ? theirs
                             : verdicts[i].from == 'l' ? mine
                                                       : NULL;
        if (d.route != verdicts[i].route || d.why != verdicts[i].why || d.calls != want)
            fail_msg("row %zu: %s, %s", i, lt_route_word(d.route), lt_why_code(d.why));
        assert_int_equal(d.n_providers, 0);
        json_decref(mine);
        json_decref(theirs);
    }
}

static void test_words__every_route_and_why__documented(void **state)
{
    (void)state;
    assert_string_equal(lt_route_word(LT_ROUTE_CLARIFY), "clarify");
    for (int i = 0; i < LT_WHY_COUNT; i++) {
        const char *code = lt_why_code((enum lt_why)i);
        const char *dot = strchr(code, '.');
        assert_non_null(dot);
        assert_true(strspn(code, "abcdefghijklmnopqrstuvwxyz_.") == strlen(code));
        assert_true(strlen(lt_why_text((enum lt_why)i)) > 10);
        for (int j = 0; j < i; j++) assert_string_not_equal(code, lt_why_code((enum lt_why)j));
    }
}

static int setup(void **state)
{
    (void)state;
    struct lt_docs *docs = NULL;
    struct lt_diag d = {0};
    json_t *json = J(home);
    if (lt_docs_open(&docs, &d) || lt_catalog_new(docs, json, &catalog, &d)) {
        fprintf(stderr, "%s\n", d.text);
        return -1;
    }
    json_decref(json);
    lt_docs_close(docs);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lt_catalog_unref(catalog);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide__table__route_why_and_chain),
        cmocka_unit_test(test_decide__bad_confidence__never_local),
        cmocka_unit_test(test_decide__tool_not_learnt__own_gate_also_for_nothing),
        cmocka_unit_test(test_decide__calls_do_not_fit__detail_says_where),
        cmocka_unit_test(test_judge__table__route_why_and_whose_calls),
        cmocka_unit_test(test_words__every_route_and_why__documented),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
