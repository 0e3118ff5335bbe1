/* generate_nothing.c - cases over a home: single calls, two calls joined, and the families for
 * which nothing is to be called. The hard ones are near misses: the right tool missing among its
 * siblings, a room that exists but has no such device, a plain command under a condition. */
#include <math.h>
#include <string.h>

#include "generate_internal.h"

/* Of the cases with two calls, those where one command is said of two places or devices; of the
 * others, those where a question may be one of the two. */
#define PAIR_SHARE 0.3
#define ASK_SHARE  0.25

/* ---- conditions and joined commands ---------------------------------------------------------- */

#define DURATION_SHARE 0.3 /* of the commands under a condition or at a time that are for a time */

static const char *const conditions[] = {"if it rains",
                                         "if nobody is home",
                                         "when i get home",
                                         "when everyone has left",
                                         "as soon as the film is over",
                                         "once the washing is done",
                                         "unless it is still light outside",
                                         "if it gets too warm",
                                         "only if somebody is in there",
                                         "whenever the doorbell rings",
                                         "when the sun goes down",
                                         "if the window is open",
                                         "in case i fall asleep",
                                         "as soon as it gets dark",
                                         "unless the baby is asleep",
                                         "when my alarm goes off",
                                         "if the battery is low",
                                         "provided that nobody is watching tv",
                                         "once dinner is ready",
                                         "as long as it is cold outside",
                                         "if the temperature drops below eighteen",
                                         "every time someone walks past",
                                         "until i say stop",
                                         "after the news",
                                         "when i leave",
                                         "if it is dark",
                                         "when the timer ends",
                                         "if we are not back in time",
                                         "when she comes home",
                                         "unless i tell you otherwise",
                                         "as soon as the guests arrive",
                                         "while i am on the phone",
                                         "if it's dark",
                                         "if it's raining",
                                         "if it's cold",
                                         "if it's still on",
                                         "if it gets cold",
                                         "if it's after ten",
                                         "if i'm not home",
                                         "if i'm asleep",
                                         "if anyone is in the room",
                                         "if there's nobody there",
                                         "if there's someone at the door",
                                         "if the door opens",
                                         "if the sun is out",
                                         "if the alarm goes off",
                                         "if the humidity is above sixty percent",
                                         "if it's hotter than twenty five degrees",
                                         "if nobody answers",
                                         "if mum calls",
                                         "but only if it's dark",
                                         "but not if i'm watching tv",
                                         "only when we're in",
                                         "only if it isn't already on",
                                         "when i say so",
                                         "when it's dark",
                                         "when it gets light",
                                         "when the film starts",
                                         "when we're asleep",
                                         "when somebody comes in",
                                         "when the dog barks",
                                         "when the washing machine is finished",
                                         "when it's time for bed",
                                         "when i leave the house",
                                         "when i arrive",
                                         "when the kids are in bed",
                                         "whenever it rains",
                                         "whenever i open the door",
                                         "every time the door opens",
                                         "as long as nobody is home",
                                         "as soon as i'm home",
                                         "as soon as the door closes",
                                         "once it's dark",
                                         "once everyone is asleep",
                                         "once i've left",
                                         "after i leave",
                                         "after we've gone to bed",
                                         "before i get home",
                                         "before the guests come",
                                         "unless it's raining",
                                         "unless someone's home",
                                         "until it's warm enough",
                                         "until i come back",
                                         "while we're away",
                                         "while it's raining",
                                         "in case someone comes",
                                         "should it get too hot",
                                         "provided it's not too late",
                                         "assuming nobody's asleep"};

static const char *const times[] = {"at seven",
                                    "at half past six in the morning",
                                    "tomorrow morning",
                                    "every evening",
                                    "every weekday at six thirty",
                                    "on sunday",
                                    "at midnight",
                                    "tonight at ten",
                                    "before sunrise",
                                    "at sunset",
                                    "next monday",
                                    "from monday on",
                                    "every other day",
                                    "at 22:30",
                                    "at 7 am",
                                    "in the afternoon",
                                    "daily at noon",
                                    "on weekends",
                                    "by nine o'clock",
                                    "after eight tonight",
                                    "at quarter past five",
                                    "the day after tomorrow",
                                    "between ten and twelve"};

void gen_add_condition(struct gen_rng *r, struct gen_text *t, int with_times)
{
    const char *c =
        with_times && gen_chance(r, 0.45) ? GEN_PICK(r, times) : GEN_PICK(r, conditions);
    if (gen_chance(r, 0.35)) {
        gen_text_insert(t, 0, gen_chance(r, 0.6) ? ", " : " ");
        gen_text_insert(t, 0, c);
    } else {
        gen_text_adds(t, " ");
        gen_text_adds(t, c);
    }
}

/* "for fifteen minutes": no home tool ends again what it began. */
static void add_duration(struct gen_rng *r, struct gen_text *t)
{
    static const char *const spans[] = {
        "ten minutes",        "fifteen minutes",      "half an hour",        "an hour",
        "two hours",          "a quarter of an hour", "thirty seconds",      "twenty minutes",
        "five minutes",       "the next hour",        "one minute",          "three hours",
        "an hour and a half", "forty five minutes",   "the next ten minutes"};
    char text[64];

    if (gen_chance(r, 0.4))
        snprintf(text, sizeof text, " for %u %s", 2 + gen_below(r, 58),
                 gen_chance(r, 0.85) ? "minutes" : "seconds");
    else
        snprintf(text, sizeof text, " %s %s", gen_chance(r, 0.85) ? "for" : "for about",
                 GEN_PICK(r, spans));
    gen_text_adds(t, text);
}

/* Does the tool change something that could go back by itself later? */
static int is_for_a_time(const char *tool)
{
    static const char *const tools[] = {"HassTurnOn",      "HassTurnOff",
                                        "HassLightSet",    "HassSetPosition",
                                        "HassFanSetSpeed", "HassClimateSetTemperature",
                                        "HassSetVolume",   "HassMediaPlayerMute"};
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (!strcmp(tools[i], tool)) return 1;
    return 0;
}

int gen_join(struct gen_rng *r, struct gen_draft *d, struct gen_draft *parts, int n)
{
    static const char *const two[] = {" and ", " and ",  " and then ",    ", then ", " and also ",
                                      ", ",    ", and ", ", after that ", " then ",  " plus "};
    static const char *const last[] = {" and ", " and then ", " and finally ", ", then ", ", and "};
    static const char *const middle[] = {", ", ", then ", " and then ", " and "};
    gen_text_clear(&d->text);
    for (int i = 0; i < n; i++) {
        if (i)
            gen_text_adds(&d->text, n == 2       ? GEN_PICK(r, two)
                                    : i + 1 == n ? GEN_PICK(r, last)
                                                 : GEN_PICK(r, middle));
        size_t len = parts[i].text.n;
        while (len && strchr(".!? ", parts[i].text.s[len - 1])) len--;
        gen_text_add(&d->text, parts[i].text.s, len);
        if (parts[i].n_calls != 1 || d->n_calls == GEN_CALLS_MAX) return 0;
        d->calls[d->n_calls++] = parts[i].calls[0];
        parts[i].n_calls = 0; /* handed over */
    }
    return !d->text.over;
}

int gen_phrase_can_join(const struct gen_draft *d, int may_ask)
{
    static const char *const questions[] = {"HassGetState", "HassClimateGetTemperature",
                                            "HassTimerStatus"};
    static const char *const never[] = {"HassGetWeather", "HassGetCurrentTime",
                                        "HassGetCurrentDate", "HassBroadcast", "HassNevermind"};
    const char *tool = d->calls[0].v->original;
    if (d->text.n > GEN_PART_BYTES || json_object_get(d->calls[0].args, "conversation_command"))
        return 0;
    for (size_t i = 0; i < sizeof questions / sizeof *questions && !may_ask; i++)
        if (!strcmp(tool, questions[i])) return 0;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (!strcmp(tool, never[i])) return 0;
    return !gen_find_words(d->text.s, "and") && !gen_find_words(d->text.s, "then") &&
           !strchr(d->text.s, '?');
}

/* ---- the tools of a home --------------------------------------------------------------------- */

int gen_home_offers(const struct san_gen *g, const struct gen_home *h, const char *tool)
{
    if (h->has_shopping_todo && strstr(tool, "HassShoppingList")) return 0;
    const json_t *needs = json_object_get(g->home_needs, tool);
    size_t i;
    json_t *domain;
    json_array_foreach(
        (json_t *)(uintptr_t)needs, i,
        domain) if (gen_home_count(h, json_string_value(domain), NULL, "", "", NULL)) return 1;
    return !json_array_size(needs);
}

/* Tools that could carry out what another one was asked for. */
static const char *const doubles[][2] = {{"HassTurnOn", "HassLightSet"},
                                         {"HassTurnOn", "HassVacuumStart"},
                                         {"HassTurnOn", "HassSetPosition"},
                                         {"HassTurnOff", "HassSetPosition"},
                                         {"HassTurnOff", "HassMediaPause"},
                                         {"HassTurnOff", "HassVacuumReturnToBase"},
                                         {"HassTurnOn", "HassFanSetSpeed"},
                                         {"HassTurnOn", "HassLawnMowerStartMowing"},
                                         {"HassTurnOff", "HassLawnMowerDock"},
                                         {"HassTurnOn", "HassMediaUnpause"},
                                         {"HassGetState", "HassClimateGetTemperature"},
                                         {"HassGetState", "HassTimerStatus"},
                                         {"HassGetState", "HassGetWeather"},
                                         {"HassVacuumStart", "HassVacuumCleanArea"},
                                         {"HassSetVolume", "HassSetVolumeRelative"},
                                         {"HassSetVolume", "HassMediaPlayerMute"},
                                         {"HassSetVolumeRelative", "HassMediaPlayerMute"},
                                         {"HassSetVolume", "HassMediaPlayerUnmute"},
                                         {"HassSetVolumeRelative", "HassMediaPlayerUnmute"},
                                         {"HassMediaUnpause", "HassMediaSearchAndPlay"},
                                         {"HassListCompleteItem", "HassListRemoveItem"},
                                         {"HassShoppingListAddItem", "HassListAddItem"},
                                         {"HassShoppingListCompleteItem", "HassListCompleteItem"},
                                         {"HassShoppingListCompleteItem", "HassListRemoveItem"},
                                         {"HassCancelTimer", "HassCancelAllTimers"},
                                         {"HassCancelTimer", "HassPauseTimer"},
                                         {"HassNevermind", "HassCancelTimer"},
                                         {"HassStopMoving", "HassSetPosition"},
                                         {"HassIncreaseTimer", "HassStartTimer"}};

static int could_stand_in(const char *a, const char *b)
{
    if (!strcmp(a, b)) return 1;
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        if ((!strcmp(a, doubles[i][0]) && !strcmp(b, doubles[i][1])) ||
            (!strcmp(b, doubles[i][0]) && !strcmp(a, doubles[i][1])))
            return 1;
    return 0;
}

int gen_catalogue_size(struct gen_rng *r, int max)
{
    /* Log-uniform over 1..max with little weight on the very small. */
    double x = gen_unit(r);
    if (x < 0.06) return 1 + (int)gen_below(r, 3);
    int n = 4, span = max - 4;
    double u = gen_unit(r);
    n += (int)(u * sqrt(u) * (span + 1));
    return n > max ? max : n;
}

void gen_home_catalogue(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d,
                        const char *without)
{
    const struct san_gen *g = gg->g;
    int order[GEN_HOME_TOOLS_MAX], size = gen_chance(&gg->r, 0.5)
                                              ? g->n_home_tools
                                              : gen_catalogue_size(&gg->r, g->n_home_tools);
    if (without && size < 3) size = 3;
    for (int i = 0; i < d->n_calls; i++) gen_draft_show(d, d->calls[i].v);
    for (int i = 0; i < g->n_home_tools; i++) order[i] = i;
    gen_shuffle_ints(&gg->r, order, g->n_home_tools);
    for (int i = 0; i < g->n_home_tools && d->n_cat < size; i++) {
        const char *name = json_string_value(json_object_get(g->home_tool[order[i]], "name"));
        if ((without && could_stand_in(without, name)) || !gen_home_offers(g, h, name)) continue;
        gen_draft_show(d, gen_home_tool(gg, name));
    }
    /* A user's own functions may stand beside: kinds that no home tool overlaps with. */
    if (gg->n_pool && gen_chance(&gg->r, 0.12)) {
        int n = 1 + (int)gen_below(&gg->r, 5);
        for (int i = 0; i < n; i++) {
            const struct gen_variant *v = &gg->pool[gen_below(&gg->r, (size_t)gg->n_pool)];
            if (g->teacher.fn[v->function].is_remote) gen_draft_show(d, v);
        }
    }
}

/* ---- drafts ---------------------------------------------------------------------------------- */

static void forget_calls(struct gen_draft *d)
{
    for (int i = 0; i < d->n_calls; i++) json_decref(d->calls[i].args);
    d->n_calls = 0;
}

static int joined(struct gen_group *gg, const struct gen_home *h, const char *here, int n,
                  struct gen_draft *d)
{
    struct gen_draft parts[3];
    memset(parts, 0, sizeof parts);
    int ok = 1, may_ask = n == 2 && gen_chance(&gg->r, ASK_SHARE);
    for (int i = 0; i < n && ok; i++) {
        ok = 0;
        for (int tries = 0; tries < 10 && !ok; tries++) {
            gen_draft_clear(&parts[i]);
            ok = gen_phrase_call(gg, h, here, 0, &parts[i]) &&
                 gen_phrase_can_join(&parts[i], may_ask);
            for (int k = 0; ok && k < i; k++) /* the same thing twice is no second command */
                if (parts[k].calls[0].v == parts[i].calls[0].v &&
                    json_equal(parts[k].calls[0].args, parts[i].calls[0].args))
                    ok = 0;
        }
    }
    ok = ok && gen_join(&gg->r, d, parts, n);
    for (int i = 0; i < n; i++) gen_draft_clear(&parts[i]);
    return ok;
}

static const char *random_here(struct gen_rng *r, const struct gen_home *h)
{
    if (!h->n_area || gen_chance(r, 0.25)) return NULL;
    return h->area[gen_below(r, (size_t)h->n_area)].name;
}

int gen_home_draft(struct gen_group *gg, struct gen_draft *d)
{
    static const char *const kinds[GEN_HOME_FAMILIES] = {
        "home",          "home-two",        "home-no-tool",   "home-no-device",
        "home-no-area",  "home-empty-area", "home-ambiguous", "home-nothing",
        "home-escalate", "home-condition",  "home-three"};
    struct gen_rng *r = &gg->r;
    /* English phrases over the names of a German home are for the rare household that mixes. */
    double random = gg->filed_is_english ? gg->g->mix.random_home : 0.9;
    const struct gen_home *h = gg->filed.json && !gen_chance(r, random) ? &gg->filed : &gg->random;
    if (!h->json || !gg->g->teacher.n_entry) return 0;
    enum gen_home_family family =
        (enum gen_home_family)gen_weighted(r, gg->g->mix.home_family, GEN_HOME_FAMILIES);
    const char *here = random_here(r, h);
    const char *without = NULL;
    d->source = "teacher-home";
    d->kind = kinds[family];
    switch (family) {
    case GEN_HOME_CALL:
        if (!gen_phrase_call(gg, h, here, 0, d)) return 0;
        break;
    case GEN_HOME_TWO:
        if (!(gen_chance(r, PAIR_SHARE) ? gen_phrase_pair(gg, h, d) : joined(gg, h, here, 2, d)))
            return 0;
        break;
    case GEN_HOME_THREE:
        if (!joined(gg, h, here, 3, d)) return 0;
        for (int i = 0; i < d->n_calls; i++) gen_draft_show(d, d->calls[i].v);
        forget_calls(d);
        break;
    case GEN_HOME_NO_TOOL:
        if (!gen_phrase_call(gg, h, here, 0, d)) return 0;
        without = d->calls[0].v->original;
        forget_calls(d);
        break;
    case GEN_HOME_NO_DEVICE:
    case GEN_HOME_NO_AREA:
    case GEN_HOME_EMPTY_AREA:
        if (!gen_phrase_absent(gg, h, here, family, d)) return 0;
        break;
    case GEN_HOME_AMBIGUOUS:
        if (!gen_phrase_call(gg, h, here, 1, d)) return 0;
        break;
    case GEN_HOME_NOTHING:
        if (!gen_phrase_nothing(gg, h, d)) return 0;
        break;
    case GEN_HOME_ESCALATE: {
        const json_t *list = gg->g->teacher.escalate;
        size_t n = json_array_size(list);
        if (!n) return 0;
        gen_text_adds(&d->text, json_string_value(json_array_get(list, gen_below(r, n))));
        break;
    }
    case GEN_HOME_CONDITION: {
        if (!gen_phrase_call(gg, h, here, 0, d) || !gen_phrase_can_join(d, 0)) return 0;
        const int is_timed =
            is_for_a_time(d->calls[0].v->original) && gen_chance(r, DURATION_SHARE);

        gen_draft_show(d, d->calls[0].v);
        forget_calls(d);
        if (is_timed)
            add_duration(r, &d->text);
        else
            gen_add_condition(r, &d->text, 1);
        break;
    }
    default:
        return 0;
    }
    if (d->text.over) return 0;
    gen_home_catalogue(gg, h, d, without);
    d->home = gen_home_view(h, here);
    return d->home != NULL && d->n_cat > 0;
}
