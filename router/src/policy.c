/* policy.c - words of the decision, defaults, and which gate a call needs. */
#include <string.h>
#include <strings.h>

#include "policy.h"

#define GATE_SENSITIVE 0.97 /* doors: one mistake in thirty would be one too many */

static const char *const route_words[] = {
#define ROUTE_WORD(name, word) word,
    LT_ROUTE_MAP(ROUTE_WORD)
#undef ROUTE_WORD
};
static const struct {
    const char *code, *text;
} whys[] = {
#define WHY_ROW(name, code, text) {code, text},
    LT_WHY_MAP(WHY_ROW)
#undef WHY_ROW
};

const char *lt_route_word(enum lt_route route)
{
    return route_words[route];
}
const char *lt_why_code(enum lt_why why)
{
    return whys[why].code;
}
const char *lt_why_text(enum lt_why why)
{
    return whys[why].text;
}

void lt_policy_init(struct lt_policy *p)
{
    *p = (struct lt_policy){.gate = 0.85,
                            .gate_nothing = 0.85,
                            .clarify = 0.40,
                            .guess = 0.70,
                            .no_answer = LT_NO_ANSWER_ASK};
}

const struct lt_gate_rule *lt_policy_default_rules(int *n)
{
    /* HassTurnOff unlocks and HassTurnOn opens there; locking and closing need no special care */
    static const struct lt_gate_rule rules[] = {
        {"HassTurnOff", "lock", NULL, GATE_SENSITIVE, 1},
        {"HassUnlock", NULL, NULL, GATE_SENSITIVE, 1},
        {"HassTurnOn", "cover", "garage", GATE_SENSITIVE, 1},
        {"HassTurnOn", "cover", "gate", GATE_SENSITIVE, 1},
        {"HassTurnOn", "cover", "door", GATE_SENSITIVE, 1},
        {"HassOpen*", "cover", "garage", GATE_SENSITIVE, 1},
        {"HassOpen*", "cover", "gate", GATE_SENSITIVE, 1},
        {"HassOpen*", "cover", "door", GATE_SENSITIVE, 1},
        {"HassSetPosition", "cover", "garage", GATE_SENSITIVE, 1},
        {"HassSetPosition", "cover", "gate", GATE_SENSITIVE, 1},
        {"HassSetPosition", "cover", "door", GATE_SENSITIVE, 1},
        {"HassTurnOff", "alarm_control_panel", NULL, GATE_SENSITIVE, 1},
        {"HassAlarmDisarm", NULL, NULL, GATE_SENSITIVE, 1},
    };
    *n = (int)(sizeof rules / sizeof rules[0]);
    return rules;
}

static int fits_pattern(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);
    return n && pattern[n - 1] == '*' ? !strncmp(pattern, name, n - 1) : !strcmp(pattern, name);
}

int lt__policy_is_blocked(const struct lt_policy *p, const json_t *calls)
{
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(calls, i), "name"));
        for (const char *const *b = p->blocked_tools; name && b && *b; b++)
            if (fits_pattern(*b, name)) return 1;
    }
    return 0;
}

int lt__policy_is_question(const struct lt_catalog *catalog, const json_t *calls)
{
    static const char *const known[] = {"HassGet*", "HassClimateGetTemperature", "HassTimerStatus"};
    const size_t n = json_array_size(calls);

    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(calls, i), "name"));
        const long tool = name && catalog ? lt_catalog_find_tool(catalog, name) : -1;
        const json_t *says = NULL;
        int is_known = 0;

        for (size_t k = 0; name && k < sizeof known / sizeof known[0]; k++)
            is_known |= fits_pattern(known[k], name);
        if (tool >= 0)
            says = json_object_get(
                json_object_get(lt_catalog_tool(catalog, (size_t)tool), "annotations"),
                "readOnlyHint");
        if (says ? !json_is_true(says) : !is_known) return 0;
    }
    return n > 0;
}

/* Is the argument `key` this word? Absent: no. */
static int argument_is(const json_t *arguments, const char *key, const char *word)
{
    const json_t *v = json_object_get(arguments, key);
    if (json_is_string(v)) return !strcasecmp(json_string_value(v), word);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *s = json_string_value(json_array_get(v, i));
        if (s && !strcasecmp(s, word)) return 1;
    }
    return 0;
}

/* Does any entity that the call means have this domain and class? The arguments' own words count
 * too, so that a rule holds where the home has no such entity listed. */
static int means_kind(const struct lt_catalog *catalog, const json_t *arguments,
                      const struct lt_gate_rule *rule)
{
    if ((!rule->domain || argument_is(arguments, "domain", rule->domain)) &&
        (!rule->device_class || argument_is(arguments, "device_class", rule->device_class)))
        return 1;
    if (!catalog) return 0;
    const struct lt_entity *few[64];
    size_t n = lt_catalog_targets(catalog, arguments, few, sizeof few / sizeof few[0]);
    /* too many to list: a call that wide is taken to mean the kind, unless it says another */
    if (n > sizeof few / sizeof few[0])
        return (!rule->domain || !json_object_get(arguments, "domain")) &&
               (!rule->device_class || !json_object_get(arguments, "device_class"));
    for (size_t i = 0; i < n; i++)
        if ((!rule->domain || !strcasecmp(few[i]->domain, rule->domain)) &&
            (!rule->device_class || !strcasecmp(few[i]->device_class, rule->device_class)))
            return 1;
    return 0;
}

double lt_router_gate(const struct lt_policy *policy, const struct lt_catalog *catalog,
                      const json_t *calls, int *is_sensitive)
{
    size_t n = json_array_size(calls);
    double gate = n ? policy->gate : policy->gate_nothing;
    int sensitive = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *call = json_array_get(calls, i);
        const char *name = json_string_value(json_object_get(call, "name"));
        const json_t *arguments = json_object_get(call, "arguments");
        for (int r = 0; name && r < policy->n_rules; r++) {
            const struct lt_gate_rule *rule = policy->rules + r;
            if (rule->tool && !fits_pattern(rule->tool, name)) continue;
            if ((rule->domain || rule->device_class) && !means_kind(catalog, arguments, rule))
                continue;
            if (rule->gate > gate) gate = rule->gate;
            sensitive |= rule->is_sensitive;
        }
    }
    if (is_sensitive) *is_sensitive = sensitive;
    return gate;
}

enum lt_err lt_router_validate_calls(const struct lt_catalog *catalog, const json_t *calls,
                                     struct lt_diag *diag)
{
    if (catalog) return lt_catalog_check_calls(catalog, calls, diag);
    if (json_is_array(calls) && !json_array_size(calls)) return LT_OK;
    return lt_fail(diag, LT_ERR_NOTFOUND, "the site has no catalogue, so nothing can be called");
}

static int is_in(const char *const *list, const char *word)
{
    for (; word && list && *list; list++)
        if (!strcasecmp(*list, word)) return 1;
    return 0;
}

int lt__policy_is_never_cloud(const struct lt_policy *p, const struct lt_facts *f)
{
    return p->is_never_cloud || f->is_cloud_off || f->is_private ||
           is_in(p->never_cloud_sites, f->site) || is_in(p->never_cloud_areas, f->here);
}

/* "de" covers "de-AT"; a request that names no language fits any. */
static int fits_lang(const char *const *langs, const char *lang)
{
    if (!langs || !lang || !*lang) return 1;
    for (; *langs; langs++) {
        size_t n = strlen(*langs);
        if (!strncasecmp(*langs, lang, n) && (!lang[n] || lang[n] == '-' || lang[n] == '_'))
            return 1;
    }
    return 0;
}

int lt__policy_applies(const struct lt_provider_rule *r, const struct lt_facts *f, unsigned kind,
                       double confidence)
{
    if (r->kinds && !(r->kinds & kind)) return 0;
    if (r->confidence_max > 0 && (confidence < r->confidence_min || confidence > r->confidence_max))
        return 0;
    if (r->spent_below_usd_micro && f->spent_usd_micro >= r->spent_below_usd_micro) return 0;
    if (!fits_lang(r->langs, f->lang) || (r->sites && !is_in(r->sites, f->site))) return 0;
    if (r->hour_from == r->hour_to) return 1;
    return r->hour_from < r->hour_to ? f->hour >= r->hour_from && f->hour < r->hour_to
                                     : f->hour >= r->hour_from || f->hour < r->hour_to;
}
