/* ask.c - questions about calls that lack something. */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lt/fold.h"

void lt_question_free(struct lt_question *q)
{
    json_decref(q->calls);
    json_decref(q->choices);
    memset(q, 0, sizeof *q);
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* ---- choices ---- */

/* The fewest arguments that name exactly this entity. */
static json_t *arguments_of(const struct lt_catalog *c, const struct lt_entity *e)
{
    const struct lt_entity *two[2];
    json_t *a = json_pack("{s:s}", "name", e->name);
    if (lt_catalog_targets(c, a, two, 2) == 1) return a;
    json_object_set_new(a, "domain", json_string(e->domain));
    if (lt_catalog_targets(c, a, two, 2) == 1) return a;
    if (*e->area) json_object_set_new(a, "area", json_string(e->area));
    json_t *without = json_copy(a);
    json_object_del(without, "domain");
    if (lt_catalog_targets(c, without, two, 2) == 1) {
        json_decref(a);
        return without;
    }
    json_decref(without);
    return a;
}

json_t *lt__ask_choice(const struct lt_catalog *c, const struct lt_entity *e)
{
    char words[512];
    size_t n =
        (size_t)snprintf(words, sizeof words, "%s %s %s %s", e->name, e->area, e->floor, e->domain);
    for (size_t i = 0; i < json_array_size(e->aliases) && n < sizeof words; i++)
        n += (size_t)snprintf(words + n, sizeof words - n, " %s",
                              json_string_value(json_array_get(e->aliases, i)));
    if (n >= sizeof words) { /* cut, but not inside a letter */
        size_t end = sizeof words - 1;
        while (end && ((unsigned char)words[end - 1] & 0xc0) == 0x80) end--;
        if (end && (unsigned char)words[end - 1] >= 0xc0) end--;
        words[end] = '\0';
    }
    return json_pack("{s:s,s:o,s:s,s:s}", "label", e->name, "arguments", arguments_of(c, e),
                     "words", words, "area", e->area);
}

static json_t *choices_of(const struct lt_catalog *c, const struct lt_entity *const *e, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && i < LT_ASK_CHOICES_MAX; i++)
        json_array_append_new(list, lt__ask_choice(c, e[i]));
    return list;
}

/* Equal, or but for a plural s. */
int lt__ask_is_like(const char *a, const char *b)
{
    char x[LT_WORDS_BYTES], y[LT_WORDS_BYTES];
    size_t na = lt_fold(a, strlen(a), x, sizeof x), nb = lt_fold(b, strlen(b), y, sizeof y);
    a = x;
    b = y;
    if (na > 3 && a[na - 1] == 's' && nb && b[nb - 1] != 's') na--;
    if (nb > 3 && b[nb - 1] == 's' && na && a[na - 1] != 's') nb--;
    return na == nb && !memcmp(a, b, na);
}

int lt__ask_has_word(const struct lt_words *w, const char *word)
{
    for (int i = 0; i < w->n; i++)
        if (lt__ask_is_like(w->v[i], word)) return 1;
    return 0;
}

/* Is a word of the list this number, whatever way it is written ("10" for "ten")? */
static int has_number(const struct lt_words *w, double value)
{
    double v;
    for (int i = 0; i < w->n; i++)
        if (lt_phrases_number(w, i, &v) && v == value) return 1;
    return 0;
}

/* Does the choice have every word that was said, from the i-th? At least one must say something. */
static int covers(const json_t *choice, const struct lt_words *said, int first)
{
    struct lt_words has;
    char all[512];
    int n_said = 0;
    double value;
    snprintf(all, sizeof all, "%s", text_at(choice, "words"));
    lt_words_split(*all ? all : text_at(choice, "label"), &has);
    for (int i = first; i < said->n; i++) {
        int n = lt_phrases_is_small(said->v[i]) ? 0 : lt_phrases_number(said, i, &value);
        if (n && has_number(&has, value)) {
            n_said++;
            i += n - 1;
        } else if (lt__ask_has_word(&has, said->v[i])) {
            n_said += !lt_phrases_is_small(said->v[i]);
        } else if (!lt_phrases_is_small(said->v[i])) {
            return 0;
        }
    }
    return n_said > 0;
}

/* Is what was said exactly the choice's label? */
static int is_label(const json_t *choice, const struct lt_words *said, int first)
{
    struct lt_words label;
    int i = first, k = 0;
    lt_words_split(text_at(choice, "label"), &label);
    for (; i < said->n; i++) {
        if (k < label.n && lt__ask_is_like(label.v[k], said->v[i]))
            k++;
        else if (!lt_phrases_is_small(said->v[i]))
            return 0;
    }
    return label.n && k == label.n;
}

json_t *lt_ask_match(const json_t *choices, const struct lt_words *said)
{
    json_t *found = json_array(), *exact = json_array();
    size_t n = json_array_size(choices);
    int first = lt_phrases_begins_with_no(said) ? 1 : 0;
    int at = lt_phrases_ordinal(said);
    if (said->is_cut) goto out;
    if (at < 0) at = (int)n + 1 + at;
    if (at > 0 && (size_t)at <= n) {
        json_array_append(found, json_array_get(choices, (size_t)at - 1));
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        json_t *choice = json_array_get(choices, i);
        if (covers(choice, said, first)) json_array_append(found, choice);
        if (is_label(choice, said, first)) json_array_append(exact, choice);
    }
out:
    if (json_array_size(exact) == 1) {
        json_decref(found);
        return exact;
    }
    json_decref(exact);
    return found;
}

int lt_ask_fill_choice(json_t *call, const json_t *choice, int is_joining)
{
    static const char *const target_keys[] = {"name", "area", "floor", "domain", "device_class"};
    json_t *arguments = json_object_get(call, "arguments");
    if (!arguments) return 0;
    for (size_t i = 0; !is_joining && i < sizeof target_keys / sizeof target_keys[0]; i++)
        json_object_del(arguments, target_keys[i]);
    json_t *more = json_deep_copy(json_object_get(choice, "arguments"));
    int bad = !more || json_object_update(arguments, more);
    json_decref(more);
    return !bad;
}

/* ---- which one ---- */

void lt_ask_unclear(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *unclear,
                    struct lt_question *out)
{
    const struct lt_entity *e[LT_ASK_CHOICES_MAX];
    size_t i;
    json_t *call;
    json_array_foreach(unclear, i, call)
    {
        const json_t *arguments = json_object_get(call, "arguments");
        if (json_object_get(arguments, "name")) continue; /* this one is named */
        size_t n = lt_catalog_targets(c, arguments, e, LT_ASK_CHOICES_MAX);
        if (n < 2 || n > LT_ASK_CHOICES_MAX) continue;
        const char *kind = text_at(arguments, "device_class");
        if (!*kind) kind = text_at(arguments, "domain");
        out->kind = LT_ASK_CHOICE;
        out->index = i;
        out->calls = json_deep_copy(unclear);
        out->choices = choices_of(c, e, n);
        lt_ask_word_which(t, kind, out->choices, out->speech, sizeof out->speech);
        return;
    }
}

json_t *lt_ask_others(const struct lt_catalog *c, const json_t *call)
{
    const struct lt_entity *mine[2], *e[LT_ASK_CHOICES_MAX];
    const json_t *arguments = json_object_get(call, "arguments");
    json_t *list = json_array();
    if (lt_catalog_targets(c, arguments, mine, 2) != 1) return list;
    for (int pass = 0; pass < 2 && !json_array_size(list); pass++) { /* this room, then all */
        json_t *kind = json_pack("{s:s}", "domain", mine[0]->domain);
        if (!pass && *mine[0]->area) json_object_set_new(kind, "area", json_string(mine[0]->area));
        size_t n = lt_catalog_targets(c, kind, e, LT_ASK_CHOICES_MAX);
        json_decref(kind);
        for (size_t i = 0; i < n && i < LT_ASK_CHOICES_MAX; i++)
            if (e[i] != mine[0]) json_array_append_new(list, lt__ask_choice(c, e[i]));
    }
    return list;
}

void lt_ask_offered(const json_t *calls, size_t index, const char *speech, const json_t *choices,
                    struct lt_question *out)
{
    out->kind = LT_ASK_CHOICE;
    out->calls = json_deep_copy(calls);
    out->index = index;
    out->choices = json_deep_copy(choices);
    out->is_joining = 1;
    snprintf(out->speech, sizeof out->speech, "%s", speech);
}

/* ---- what is missing ---- */

/* Tools with what they need; asked for by the sentence "need." and the tool. `opener`: the words of a command that stops short, any of each group
 * (groups are parted by blanks, words of a group by bars); NULL: the network has a call for it. */
static const struct need {
    const char *tool, *slot;
    enum lt_ask_kind kind;
    const char *opener;
} needs[] = {
    {"HassStartTimer", "hours|minutes|seconds", LT_ASK_SPAN,
     "timer|stoppuhr|minuteur|temporizador|minutnik set|start|create|stelle|starte|mets|pon|ustaw"},
    {"HassIncreaseTimer", "hours|minutes|seconds", LT_ASK_SPAN, NULL},
    {"HassDecreaseTimer", "hours|minutes|seconds", LT_ASK_SPAN, NULL},
    {"HassLightSet", "brightness|color|temperature", LT_ASK_NUMBER, NULL},
    {"HassSetPosition", "position", LT_ASK_NUMBER, NULL},
    {"HassFanSetSpeed", "percentage", LT_ASK_NUMBER, NULL},
    {"HassSetVolume", "volume_level", LT_ASK_NUMBER,
     "volume|lautstärke|volumen|głośność set|change|stelle|ustaw|pon"},
    {"HassClimateSetTemperature", "temperature", LT_ASK_NUMBER,
     "thermostat|temperature|heating|heizung|temperatur set|change|adjust|stelle|pon|ustaw"},
    {"HassShoppingListAddItem", "item", LT_ASK_TEXT,
     "shopping|einkaufsliste add|put|write|schreib"},
    {"HassBroadcast", "message", LT_ASK_TEXT, "announce|announcement|broadcast"},
};
#define N_NEEDS (sizeof needs / sizeof needs[0])

/* Is `word` one of "a|b|c"? */
static int is_in_group(const char *group, size_t n, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = group, *end = group + n; p < end;) {
        const char *bar = memchr(p, '|', (size_t)(end - p));
        size_t k = (size_t)((bar ? bar : end) - p);
        if (k == len && !memcmp(p, word, k)) return 1;
        p += k + 1;
    }
    return 0;
}

static int has_slot(const json_t *arguments, const char *slot)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)arguments, key, v)
    {
        if (is_in_group(slot, strlen(slot), key) && !json_is_null(v)) return 1;
    }
    return 0;
}

/* The network copies an item or a message from what was said; where nothing was said it copies the
 * words of the command itself. */
static int is_command_itself(const json_t *arguments, const char *slot)
{
    static const char *const own[] = {"announce",  "announcement", "broadcast", "shopping", "list",
                                      "something", "add",          "put",       "an",       "a",
                                      "make",      "item"};
    struct lt_words w;
    lt_words_split(text_at(arguments, slot), &w);
    for (int i = 0; i < w.n; i++) {
        int is_own = lt_phrases_is_small(w.v[i]);
        for (size_t k = 0; k < sizeof own / sizeof own[0]; k++) is_own |= !strcmp(own[k], w.v[i]);
        if (!is_own) return 0;
    }
    return 1;
}

static void fill(const struct lt_tongue *t, struct lt_question *out, const struct need *need,
                 json_t *calls, size_t index)
{
    char key[LT_ANSWERS_KEY];
    size_t n = strcspn(need->slot, "|");
    out->kind = need->kind;
    out->calls = calls;
    out->index = index;
    snprintf(out->slot, sizeof out->slot, "%.*s", (int)n, need->slot);
    snprintf(key, sizeof key, "need.%s", need->tool);
    lt_say(t, key, NULL, out->speech, sizeof out->speech);
}

void lt_ask_missing(const struct lt_tongue *t, const struct lt_words *said, const json_t *calls,
                    struct lt_question *out)
{
    size_t i;
    json_t *call;
    json_array_foreach(calls, i, call)
    {
        const char *tool = text_at(call, "name");
        const json_t *arguments = json_object_get(call, "arguments");
        for (size_t k = 0; k < N_NEEDS; k++) {
            const struct need *need = needs + k;
            if (strcmp(need->tool, tool) != 0) continue;
            int is_missing = !has_slot(arguments, need->slot);
            size_t n = strcspn(need->slot, "|");
            char slot[32];
            snprintf(slot, sizeof slot, "%.*s", (int)n, need->slot);
            if (need->kind == LT_ASK_NUMBER && json_is_number(json_object_get(arguments, slot)))
                is_missing = !lt_phrases_has_amount(said); /* the network had to say some number */
            else if (need->kind == LT_ASK_TEXT)
                is_missing = is_missing || is_command_itself(arguments, slot);
            if (!is_missing) continue;
            fill(t, out, need, json_deep_copy(calls), i);
            json_t *open = json_object_get(json_array_get(out->calls, i), "arguments");
            json_object_del(open, slot);
            return;
        }
    }
}

/* Every group of the opener is said, and nothing else but small words. */
static int is_opener(const struct need *need, const struct lt_words *said)
{
    static const char *const with[] = {"list", "something", "make", "an", "new", "level", "up"};
    int covered[LT_WORDS_MAX] = {0};
    for (const char *g = need->opener; *g;) {
        size_t n = strcspn(g, " ");
        int has = 0;
        for (int i = 0; i < said->n; i++)
            if (is_in_group(g, n, said->v[i])) has = covered[i] = 1;
        if (!has) return 0;
        g += n;
        g += *g == ' ';
    }
    for (int i = 0; i < said->n; i++) {
        if (covered[i] || lt_phrases_is_small(said->v[i])) continue;
        int is_with = 0;
        for (size_t k = 0; k < sizeof with / sizeof with[0]; k++)
            is_with |= !strcmp(with[k], said->v[i]);
        if (!is_with) return 0;
    }
    return !said->is_cut;
}

void lt_ask_opener(const struct lt_tongue *t, const struct lt_catalog *c,
                   const struct lt_words *said, struct lt_question *out)
{
    for (size_t k = 0; k < N_NEEDS; k++) {
        const struct need *need = needs + k;
        if (!need->opener || lt_catalog_find_tool(c, need->tool) < 0) continue;
        if (!is_opener(need, said)) continue;
        json_t *arguments = json_object();
        if (!strcmp(need->tool, "HassClimateSetTemperature") ||
            !strcmp(need->tool, "HassSetVolume")) { /* whose? the only one there is */
            const struct lt_entity *one[2];
            json_t *kind =
                json_pack("{s:s}", "domain", need->tool[4] == 'C' ? "climate" : "media_player");
            if (lt_catalog_targets(c, kind, one, 2) == 1) {
                json_decref(arguments);
                arguments = arguments_of(c, one[0]);
            }
            json_decref(kind);
        }
        fill(t, out, need, json_pack("[{s:s,s:o}]", "name", need->tool, "arguments", arguments), 0);
        return;
    }
}
