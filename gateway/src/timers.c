/* timers.c - the timer tools: which timer is meant, and what becomes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "house_int.h"

#define LISTED_MAX 8 /* most timers named in one answer */

enum verb { START, CANCEL, CANCEL_ALL, INCREASE, DECREASE, PAUSE, UNPAUSE, STATUS, N_VERBS };
static const char *const verbs[N_VERBS] = {"StartTimer",    "CancelTimer",   "CancelAllTimers",
                                           "IncreaseTimer", "DecreaseTimer", "PauseTimer",
                                           "UnpauseTimer",  "TimerStatus"};

static int verb_of(const char *word)
{
    for (int i = 0; i < N_VERBS; i++)
        if (!strcmp(verbs[i], word)) return i;
    return -1;
}

int lt__timers_is_ours(const char *verb)
{
    return verb_of(verb) >= 0;
}

int64_t lt_house_span_ms(const json_t *arguments, const char *prefix)
{
    static const char *const keys[] = {"hours", "minutes", "seconds"};
    static const int64_t unit[] = {3600000, 60000, 1000};
    double ms = 0;
    int has_any = 0;
    for (int i = 0; i < 3; i++) {
        char key[24];
        snprintf(key, sizeof key, "%s%s", prefix, keys[i]);
        const json_t *v = json_object_get(arguments, key);
        if (!json_is_number(v)) continue;
        has_any = 1;
        ms += json_number_value(v) * (double)unit[i];
    }
    return has_any && ms >= 0 && ms <= 1e12 ? (int64_t)ms : -1;
}

static int64_t left_ms(const struct lt_timer_row *t, int64_t now)
{
    int64_t ms = t->due_unix_ms ? t->due_unix_ms - now : t->left_ms;
    return ms > 0 ? ms : 0;
}

/* ---- which one ---- */

/* Indexes of the site's timers that the arguments allow. More than one: those of the same
 * conversation, then those of the same room, if there are such. */
static size_t find(const struct lt_house *h, const struct lt_house_ask *ask,
                   const json_t *arguments, int is_paused, size_t *out, size_t cap)
{
    char name[LT_HOUSE_NAME_MAX + 1], area[LT_HOUSE_NAME_MAX + 1];
    int64_t start_ms = lt_house_span_ms(arguments, "start_");
    size_t n = 0;
    lt__house_text(arguments, "name", name, sizeof name);
    lt__house_text(arguments, "area", area, sizeof area);
    for (size_t i = 0; i < h->n_timers && n < cap; i++) {
        const struct lt_timer_row *t = h->timers + i;
        if (strcmp(t->site, ask->site) != 0 || (*name && !lt__house_same(t->name, name)) ||
            (*area && !lt__house_same(t->area, area)) ||
            (start_ms > 0 && t->total_ms != start_ms) ||
            (is_paused >= 0 && is_paused != !t->due_unix_ms))
            continue;
        out[n++] = i;
    }
    for (int pass = 0; pass < 2 && n > 1; pass++) {
        const char *want = pass ? ask->area : ask->session;
        size_t kept = 0, nearer[LT_HOUSE_TIMERS_MAX];
        for (size_t k = 0; want && *want && k < n; k++) {
            const struct lt_timer_row *t = h->timers + out[k];
            if (lt__house_same(pass ? t->area : t->session, want)) nearer[kept++] = out[k];
        }
        if (kept) memcpy(out, nearer, (n = kept) * sizeof *out);
    }
    return n;
}

/* ---- in words ---- */

static void timer_words(const struct lt_house_ask *ask, const struct lt_timer_row *t, char *out,
                        size_t cap)
{
    lt_say_timer(ask->tongue, t->name, t->total_ms, out, cap);
}

static enum lt_house_end no_memory(const struct lt_house_ask *ask, struct lt_house_answer *out)
{
    return lt__house_say(ask, LT_HOUSE_FAILED, "no_memory", NULL, out);
}

static void say_none(const struct lt_house *h, const struct lt_house_ask *ask,
                     const json_t *arguments, struct lt_house_answer *out)
{
    char name[LT_HOUSE_NAME_MAX + 1], words[256];
    lt__house_text(arguments, "name", name, sizeof name);
    lt_say_timer(ask->tongue, name, 0, words, sizeof words);
    lt_say(ask->tongue,
           !*name && lt_house_n_timers(h, ask->site) ? "timer.none_such" : "timer.none",
           *name ? LT_HOLES({"timer", words}) : NULL, out->speech, sizeof out->speech);
}

/* Which of these? A choice is made by the name, or by the length where there is none. */
static enum lt_house_end ask_which(const struct lt_house *h, const struct lt_house_ask *ask,
                                   const size_t *found, size_t n, struct lt_house_answer *out)
{
    char list[LT_HOUSE_SPEECH] = "";
    out->choices = json_array();
    for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
        const struct lt_timer_row *t = h->timers + found[i];
        char words[256], one[300];
        timer_words(ask, t, words, sizeof words);
        json_t *arguments =
            *t->name
                ? json_pack("{s:s}", "name", t->name)
                : json_pack("{s:I,s:I,s:I}", "start_hours", (json_int_t)(t->total_ms / 3600000),
                            "start_minutes", (json_int_t)(t->total_ms / 60000 % 60),
                            "start_seconds", (json_int_t)(t->total_ms / 1000 % 60));
        json_array_append_new(out->choices,
                              json_pack("{s:s,s:o}", "label", words, "arguments", arguments));
        lt_say_part(ask->tongue, "choice.timer", LT_HOLES({"timer", words}), one, sizeof one);
        lt_say_join(ask->tongue, i + 1 == n ? "or" : "comma", one, list, sizeof list);
    }
    return lt__house_say(ask, LT_HOUSE_ASKS, "timer.which", LT_HOLES({"it", list}), out);
}

static enum lt_house_end too_long(const struct lt_house_ask *ask, struct lt_house_answer *out)
{
    char most[64];
    lt_say_span(ask->tongue, LT_HOUSE_TIMER_MS, most, sizeof most);
    return lt__house_say(ask, LT_HOUSE_FAILED, "timer.too_long", LT_HOLES({"span", most}), out);
}

/* ---- what becomes of it ---- */

static enum lt_house_end start(struct lt_house *h, const struct lt_house_ask *ask,
                               const json_t *arguments, struct lt_house_answer *out)
{
    struct lt_timer_row t = {.total_ms = lt_house_span_ms(arguments, ""),
                             .started_unix_ms = ask->now_unix_ms};
    char span[128];
    if (t.total_ms <= 0) return lt__house_say(ask, LT_HOUSE_ASKS, "need.HassStartTimer", NULL, out);
    if (t.total_ms > LT_HOUSE_TIMER_MS) return too_long(ask, out);
    if (lt_house_n_timers(h, ask->site) >= LT_HOUSE_TIMERS_MAX) {
        lt_say_count(ask->tongue, "timer.too_many", LT_HOUSE_TIMERS_MAX, NULL, out->speech,
                     sizeof out->speech);
        return LT_HOUSE_FAILED;
    }
    lt_ulid_next(ask->ids, ask->now_unix_ms, t.id);
    snprintf(t.site, sizeof t.site, "%s", ask->site);
    lt__house_text(arguments, "name", t.name, sizeof t.name);
    lt__house_text(arguments, "conversation_command", t.command, sizeof t.command);
    snprintf(t.area, sizeof t.area, "%s", ask->area ? ask->area : "");
    snprintf(t.session, sizeof t.session, "%.128s", ask->session ? ask->session : "");
    snprintf(t.lang, sizeof t.lang, "%s", ask->tongue ? ask->tongue->lang : "");
    t.due_unix_ms = ask->now_unix_ms + t.total_ms;
    if (!lt__house_change_timer(h, out, NULL, &t)) return no_memory(ask, out);
    lt_say_span(ask->tongue, t.total_ms, span, sizeof span);
    return lt__house_say(
        ask, LT_HOUSE_DONE, "HassStartTimer",
        LT_HOLES({"span", span}, {"name", t.name}, {"conversation_command", t.command}), out);
}

static enum lt_house_end cancel_all(struct lt_house *h, const struct lt_house_ask *ask,
                                    const json_t *arguments, struct lt_house_answer *out)
{
    char area[LT_HOUSE_NAME_MAX + 1];
    size_t n = 0;
    lt__house_text(arguments, "area", area, sizeof area);
    for (size_t i = h->n_timers; i-- > 0;) {
        struct lt_timer_row t = h->timers[i];
        if (strcmp(t.site, ask->site) != 0 || (*area && !lt__house_same(t.area, area))) continue;
        if (!lt__house_change_timer(h, out, &t, NULL)) return no_memory(ask, out);
        n++;
    }
    if (!n) return lt__house_say(ask, LT_HOUSE_DONE, "timer.none", NULL, out);
    lt_say_count(ask->tongue, "HassCancelAllTimers", (int64_t)n, NULL, out->speech,
                 sizeof out->speech);
    return LT_HOUSE_DONE;
}

static enum lt_house_end say_status(const struct lt_house *h, const struct lt_house_ask *ask,
                                    const size_t *found, size_t n, struct lt_house_answer *out)
{
    for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
        const struct lt_timer_row *t = h->timers + found[i];
        char words[256], left[128], one[512];
        timer_words(ask, t, words, sizeof words);
        lt_say_span(ask->tongue, left_ms(t, ask->now_unix_ms), left, sizeof left);
        lt_say(ask->tongue, t->due_unix_ms ? "HassTimerStatus" : "timer.is_paused",
               LT_HOLES({"timer", words}, {"left", left}), one, sizeof one);
        lt_say_join(ask->tongue, "sentences", one, out->speech, sizeof out->speech);
    }
    return LT_HOUSE_DONE;
}

/* One timer, changed by the verb of a tool. */
static enum lt_house_end change(struct lt_house *h, const struct lt_house_ask *ask, int verb,
                                const char *tool, const struct lt_timer_row *t, int64_t by_ms,
                                struct lt_house_answer *out)
{
    struct lt_timer_row after = *t;
    char words[256], span[128];
    int64_t left = left_ms(t, ask->now_unix_ms);
    timer_words(ask, t, words, sizeof words);
    switch (verb) {
    case CANCEL:
        if (!lt__house_change_timer(h, out, t, NULL)) return no_memory(ask, out);
        return lt__house_say(ask, LT_HOUSE_DONE, tool, LT_HOLES({"timer", words}), out);
    case PAUSE:
        after.due_unix_ms = 0;
        after.left_ms = left ? left : 1;
        break;
    case UNPAUSE:
        after.due_unix_ms = ask->now_unix_ms + left;
        after.left_ms = 0;
        break;
    default:
        if (verb == DECREASE) by_ms = -by_ms;
        left += by_ms;
        if (left <= 0) /* rings at once */
            left = t->due_unix_ms ? 0 : 1;
        else if (left > LT_HOUSE_TIMER_MS)
            return too_long(ask, out);
        if (t->due_unix_ms)
            after.due_unix_ms = ask->now_unix_ms + left;
        else
            after.left_ms = left;
    }
    struct lt_timer_row before = *t; /* t may move */
    if (!lt__house_change_timer(h, out, &before, &after)) return no_memory(ask, out);
    lt_say_span(ask->tongue, left, span, sizeof span);
    return lt__house_say(ask, LT_HOUSE_DONE, tool, LT_HOLES({"timer", words}, {"left", span}), out);
}

enum lt_house_end lt__timers_call(struct lt_house *h, const struct lt_house_ask *ask,
                                  const char *word, const json_t *arguments,
                                  struct lt_house_answer *out)
{
    size_t found[LT_HOUSE_TIMERS_MAX];
    char key[64];
    int verb = verb_of(word);
    if (verb < 0) return LT_HOUSE_NOT_OURS;
    if (verb == START) return start(h, ask, arguments, out);
    if (verb == CANCEL_ALL) return cancel_all(h, ask, arguments, out);
    int64_t by_ms = lt_house_span_ms(arguments, "");
    if ((verb == INCREASE || verb == DECREASE) && by_ms <= 0) {
        snprintf(key, sizeof key, "need.Hass%.32s", word);
        return lt__house_say(ask, LT_HOUSE_ASKS, key, NULL, out);
    }
    int is_paused = verb == UNPAUSE ? 1 : verb == PAUSE ? 0 : -1;
    size_t n = find(h, ask, arguments, is_paused, found, LT_HOUSE_TIMERS_MAX);
    if (!n) {
        say_none(h, ask, arguments, out);
        return verb == STATUS ? LT_HOUSE_DONE : LT_HOUSE_FAILED;
    }
    if (verb == STATUS) return say_status(h, ask, found, n, out);
    if (n > 1) return ask_which(h, ask, found, n, out);
    snprintf(key, sizeof key, "Hass%.32s", word);
    return change(h, ask, verb, key, h->timers + found[0], by_ms, out);
}
