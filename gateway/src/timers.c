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

static void span_words(int64_t ms, int is_adjective, char *out, size_t cap)
{
    int64_t s = (ms + 500) / 1000, part[3] = {s / 3600, s / 60 % 60, s % 60};
    static const char *const word[3] = {"hour", "minute", "second"};
    size_t n = 0;
    *out = '\0';
    for (int i = 0; i < 3; i++)
        if (part[i] && n < cap)
            n += (size_t)snprintf(out + n, cap - n, "%s%lld %s%s", n ? " " : "", (long long)part[i],
                                  word[i], part[i] == 1 || is_adjective ? "" : "s");
    if (!n) snprintf(out, cap, "0 seconds");
}

void lt_house_span_words(int64_t ms, char *out, size_t cap)
{
    span_words(ms, 0, out, cap);
}

void lt_house_timer_words(const struct lt_timer_row *t, char *out, size_t cap)
{
    char span[64];
    span_words(t->total_ms, 1, span, sizeof span);
    snprintf(out, cap, "%s timer", *t->name ? t->name : span);
}

/* hours, minutes, seconds (with a prefix) as milliseconds; -1 when none is given or one is absurd. */
static int64_t span_of(const json_t *arguments, const char *prefix)
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
    int64_t start_ms = span_of(arguments, "start_");
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

static void say_none(const struct lt_house *h, const struct lt_house_ask *ask,
                     const json_t *arguments, struct lt_house_answer *out)
{
    char name[LT_HOUSE_NAME_MAX + 1];
    lt__house_text(arguments, "name", name, sizeof name);
    if (*name)
        snprintf(out->speech, sizeof out->speech, "There is no %s timer.", name);
    else
        snprintf(out->speech, sizeof out->speech, "There is no %stimer.",
                 lt_house_n_timers(h, ask->site) ? "such " : "");
}

/* Which of these? A choice is made by the name, or by the length where there is none. */
static enum lt_house_end ask_which(const struct lt_house *h, const size_t *found, size_t n,
                                   struct lt_house_answer *out)
{
    size_t used = (size_t)snprintf(out->speech, sizeof out->speech, "Which timer: ");
    out->choices = json_array();
    for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
        const struct lt_timer_row *t = h->timers + found[i];
        char words[160];
        lt_house_timer_words(t, words, sizeof words);
        json_t *arguments =
            *t->name
                ? json_pack("{s:s}", "name", t->name)
                : json_pack("{s:I,s:I,s:I}", "start_hours", (json_int_t)(t->total_ms / 3600000),
                            "start_minutes", (json_int_t)(t->total_ms / 60000 % 60),
                            "start_seconds", (json_int_t)(t->total_ms / 1000 % 60));
        json_array_append_new(out->choices,
                              json_pack("{s:s,s:o}", "label", words, "arguments", arguments));
        if (used < sizeof out->speech)
            used += (size_t)snprintf(out->speech + used, sizeof out->speech - used, "%s%s",
                                     !i           ? "the "
                                     : i + 1 == n ? " or the "
                                                  : ", the ",
                                     words);
    }
    if (used < sizeof out->speech) snprintf(out->speech + used, sizeof out->speech - used, "?");
    return LT_HOUSE_ASKS;
}

/* ---- what becomes of it ---- */

static enum lt_house_end no_memory(struct lt_house_answer *out)
{
    snprintf(out->speech, sizeof out->speech, "Sorry, there is no memory left for that.");
    return LT_HOUSE_FAILED;
}

static enum lt_house_end start(struct lt_house *h, const struct lt_house_ask *ask,
                               const json_t *arguments, struct lt_house_answer *out)
{
    struct lt_timer_row t = {.total_ms = span_of(arguments, ""),
                             .started_unix_ms = ask->now_unix_ms};
    char span[64];
    if (t.total_ms <= 0) {
        snprintf(out->speech, sizeof out->speech, "For how long?");
        return LT_HOUSE_ASKS;
    }
    if (t.total_ms > LT_HOUSE_TIMER_MS) {
        snprintf(out->speech, sizeof out->speech, "A timer can run for 100 hours at most.");
        return LT_HOUSE_FAILED;
    }
    if (lt_house_n_timers(h, ask->site) >= LT_HOUSE_TIMERS_MAX) {
        snprintf(out->speech, sizeof out->speech, "There are %d timers already; cancel one first.",
                 LT_HOUSE_TIMERS_MAX);
        return LT_HOUSE_FAILED;
    }
    lt_ulid_next(ask->ids, ask->now_unix_ms, t.id);
    snprintf(t.site, sizeof t.site, "%s", ask->site);
    lt__house_text(arguments, "name", t.name, sizeof t.name);
    lt__house_text(arguments, "conversation_command", t.command, sizeof t.command);
    snprintf(t.area, sizeof t.area, "%s", ask->area ? ask->area : "");
    snprintf(t.session, sizeof t.session, "%.128s", ask->session ? ask->session : "");
    t.due_unix_ms = ask->now_unix_ms + t.total_ms;
    if (!lt__house_change_timer(h, out, NULL, &t)) return no_memory(out);
    lt_house_span_words(t.total_ms, span, sizeof span);
    if (*t.command)
        snprintf(out->speech, sizeof out->speech, "In %s: %s.", span, t.command);
    else if (*t.name)
        snprintf(out->speech, sizeof out->speech, "%s timer set for %s.", t.name, span);
    else
        snprintf(out->speech, sizeof out->speech, "Timer set for %s.", span);
    if (out->speech[0] >= 'a' && out->speech[0] <= 'z') out->speech[0] -= 32;
    return LT_HOUSE_DONE;
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
        if (!lt__house_change_timer(h, out, &t, NULL)) return no_memory(out);
        n++;
    }
    if (!n)
        snprintf(out->speech, sizeof out->speech, "There is no timer.");
    else
        snprintf(out->speech, sizeof out->speech, "%zu timer%s cancelled.", n, n == 1 ? "" : "s");
    return LT_HOUSE_DONE;
}

static enum lt_house_end say_status(const struct lt_house *h, const struct lt_house_ask *ask,
                                    const size_t *found, size_t n, struct lt_house_answer *out)
{
    size_t used = 0;
    for (size_t i = 0; i < n && i < LISTED_MAX && used < sizeof out->speech; i++) {
        const struct lt_timer_row *t = h->timers + found[i];
        char words[160], span[64];
        lt_house_timer_words(t, words, sizeof words);
        lt_house_span_words(left_ms(t, ask->now_unix_ms), span, sizeof span);
        used += (size_t)snprintf(out->speech + used, sizeof out->speech - used,
                                 "%s%s left on the %s%s.", i ? " " : "", span, words,
                                 t->due_unix_ms ? "" : ", which is paused");
    }
    return LT_HOUSE_DONE;
}

/* One timer, changed by verb. */
static enum lt_house_end change(struct lt_house *h, const struct lt_house_ask *ask, int verb,
                                const struct lt_timer_row *t, int64_t by_ms,
                                struct lt_house_answer *out)
{
    struct lt_timer_row after = *t;
    char words[160], span[64];
    int64_t left = left_ms(t, ask->now_unix_ms);
    lt_house_timer_words(t, words, sizeof words);
    switch (verb) {
    case CANCEL:
        if (!lt__house_change_timer(h, out, t, NULL)) return no_memory(out);
        snprintf(out->speech, sizeof out->speech, "The %s is cancelled.", words);
        return LT_HOUSE_DONE;
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
        if (left <= 0) { /* rings at once */
            left = t->due_unix_ms ? 0 : 1;
        } else if (left > LT_HOUSE_TIMER_MS) {
            snprintf(out->speech, sizeof out->speech, "A timer can run for 100 hours at most.");
            return LT_HOUSE_FAILED;
        }
        if (t->due_unix_ms)
            after.due_unix_ms = ask->now_unix_ms + left;
        else
            after.left_ms = left;
    }
    struct lt_timer_row before = *t; /* t may move */
    if (!lt__house_change_timer(h, out, &before, &after)) return no_memory(out);
    lt_house_span_words(left, span, sizeof span);
    snprintf(out->speech, sizeof out->speech,
             verb == PAUSE ? "The %s is paused with %s left." : "The %s has %s left.", words, span);
    return LT_HOUSE_DONE;
}

enum lt_house_end lt__timers_call(struct lt_house *h, const struct lt_house_ask *ask,
                                  const char *word, const json_t *arguments,
                                  struct lt_house_answer *out)
{
    size_t found[LT_HOUSE_TIMERS_MAX];
    int verb = verb_of(word);
    if (verb < 0) return LT_HOUSE_NOT_OURS;
    if (verb == START) return start(h, ask, arguments, out);
    if (verb == CANCEL_ALL) return cancel_all(h, ask, arguments, out);
    int64_t by_ms = span_of(arguments, "");
    if ((verb == INCREASE || verb == DECREASE) && by_ms <= 0) {
        snprintf(out->speech, sizeof out->speech, "By how much?");
        return LT_HOUSE_ASKS;
    }
    int is_paused = verb == UNPAUSE ? 1 : verb == PAUSE ? 0 : -1;
    size_t n = find(h, ask, arguments, is_paused, found, LT_HOUSE_TIMERS_MAX);
    if (!n) {
        say_none(h, ask, arguments, out);
        return verb == STATUS ? LT_HOUSE_DONE : LT_HOUSE_FAILED;
    }
    if (verb == STATUS) return say_status(h, ask, found, n, out);
    if (n > 1) return ask_which(h, found, n, out);
    return change(h, ask, verb, h->timers + found[0], by_ms, out);
}
