/* ask_which.c - several things answer to what was said: which one?
 *
 * The nouns of an utterance are what is left without verbs, numbers and small words. The candidates are
 * the entities whose name, aliases, room or kind have all of them. */
#include <string.h>
#include <strings.h>

#include "ask.h"

static const char *const verbs[] = {
    "turn",    "switch",  "put",      "make",     "set",    "on",     "off",   "open",
    "close",   "shut",    "dim",      "brighten", "lock",   "unlock", "start", "stop",
    "pause",   "mute",    "can",      "could",    "you",    "would",  "me",    "now",
    "schalte", "schalt",  "mach",     "mache",    "ein",    "aus",    "an",    "zu",
    "auf",     "öffne",   "schließe", "allume",   "éteins", "ouvre",  "ferme", "enciende",
    "apaga",   "abre",    "cierra",   "włącz",    "wyłącz", "zgaś",   "zapal", "otwórz",
    "zamknij", "percent", "prozent",  "degrees",  "grad",   "down",   "up"};
static const char *const wholes[] = {"all",    "every", "everything", "both",  "alle",     "alles",
                                     "toutes", "tous",  "todas",      "todos", "wszystkie"};
/* what a kind of device is called */
static const struct {
    const char *word, *domain;
} kinds[] = {
    {"light", "light"},        {"licht", "light"},     {"lumière", "light"},
    {"luz", "light"},          {"światło", "light"},   {"blind", "cover"},
    {"shutter", "cover"},      {"curtain", "cover"},   {"rollo", "cover"},
    {"volet", "cover"},        {"persiana", "cover"},  {"fan", "fan"},
    {"ventilator", "fan"},     {"lock", "lock"},       {"plug", "switch"},
    {"socket", "switch"},      {"outlet", "switch"},   {"heating", "climate"},
    {"thermostat", "climate"}, {"tv", "media_player"}, {"speaker", "media_player"},
    {"vacuum", "vacuum"},
};
/* verbs and the tool they stand for, when the network has none */
static const struct {
    const char *a, *b, *tool, *domain;
} commands[] = {
    {"on", "turn|switch|put", "HassTurnOn", ""},
    {"off", "turn|switch|put", "HassTurnOff", ""},
    {"open", "", "HassTurnOn", "cover"},
    {"close", "", "HassTurnOff", "cover"},
    {"shut", "", "HassTurnOff", "cover"},
    {"an", "schalte|schalt|mach|mache", "HassTurnOn", ""},
    {"ein", "schalte|schalt", "HassTurnOn", ""},
    {"aus", "schalte|schalt|mach|mache", "HassTurnOff", ""},
    {"allume", "", "HassTurnOn", ""},
    {"éteins", "", "HassTurnOff", ""},
    {"enciende", "", "HassTurnOn", ""},
    {"apaga", "", "HassTurnOff", ""},
    {"włącz", "", "HassTurnOn", ""},
    {"wyłącz", "", "HassTurnOff", ""},
};
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static int is_in(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], word)) return 1;
    return 0;
}

int lt__ask_is_verb(const char *word)
{
    return is_in(verbs, N_OF(verbs), word);
}

int lt__ask_is_kind(const char *domain, const char *word)
{
    for (size_t i = 0; i < N_OF(kinds); i++)
        if ((!domain || !strcmp(kinds[i].domain, domain)) && lt__ask_is_like(kinds[i].word, word))
            return 1;
    return 0;
}

/* The nouns; 0 when all things are meant, or there is no noun. */
static int nouns_of(const struct lt_words *said, struct lt_words *out)
{
    double v;
    out->n = 0;
    out->is_cut = said->is_cut;
    for (int i = 0; i < said->n; i++) {
        int k = lt_phrases_number(said, i, &v);
        if (is_in(wholes, N_OF(wholes), said->v[i])) return 0;
        if (k) {
            i += k - 1;
            continue;
        }
        if (lt_phrases_is_small(said->v[i]) || lt__ask_is_verb(said->v[i])) continue;
        out->v[out->n++] = said->v[i];
    }
    return out->n && !out->is_cut;
}

/* "lights": all of them, as far as the words go. */
static int is_plural(const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < N_OF(kinds); i++)
        if (!strncmp(kinds[i].word, word, strlen(kinds[i].word)) &&
            n == strlen(kinds[i].word) + 1 && word[n - 1] == 's')
            return 1;
    return 0;
}

static int answers_to(const struct lt_entity *e, const json_t *choice, const struct lt_words *nouns)
{
    struct lt_words has;
    char all[512];
    const char *words = json_string_value(json_object_get(choice, "words"));
    strncpy(all, words ? words : "", sizeof all - 1);
    all[sizeof all - 1] = '\0';
    lt_words_split(all, &has);
    for (int i = 0; i < nouns->n; i++) {
        int ok =
            lt__ask_has_word(&has, nouns->v[i]) || lt__ask_is_like(e->device_class, nouns->v[i]);
        if (!ok && !lt__ask_is_kind(e->domain, nouns->v[i])) return 0;
    }
    return 1;
}

/* Is one of "a|b|c" said? "" is always. */
static int says_one_of(const struct lt_words *said, const char *group)
{
    if (!*group) return 1;
    for (const char *p = group; *p;) {
        size_t n = strcspn(p, "|");
        for (int i = 0; i < said->n; i++)
            if (strlen(said->v[i]) == n && !memcmp(said->v[i], p, n)) return 1;
        p += n;
        p += *p == '|';
    }
    return 0;
}

/* "dim the light to 20 percent": the number that is said, as a brightness. */
static json_t *dimming_of(const struct lt_catalog *c, const struct lt_words *said)
{
    double v;
    if (!says_one_of(said, "dim|set|brighten|dimme|stelle") ||
        lt_catalog_find_tool(c, "HassLightSet") < 0)
        return NULL;
    for (int i = 0; i < said->n; i++)
        if (!lt_phrases_is_small(said->v[i]) && lt_phrases_number(said, i, &v) && v >= 0 &&
            v <= 100)
            return json_pack("[{s:s,s:{s:i}}]", "name", "HassLightSet", "arguments", "brightness",
                             (int)(v + 0.5));
    return NULL;
}

/* A call for verb and kind alone, or NULL. */
static json_t *command_of(const struct lt_catalog *c, const struct lt_words *said,
                          const char **domain)
{
    json_t *dimming = dimming_of(c, said);
    if (dimming) {
        *domain = "light";
        return dimming;
    }
    for (size_t i = 0; i < N_OF(commands); i++) {
        if (!says_one_of(said, commands[i].a) || !says_one_of(said, commands[i].b) ||
            lt_catalog_find_tool(c, commands[i].tool) < 0)
            continue;
        *domain = commands[i].domain;
        return json_pack("[{s:s,s:{}}]", "name", commands[i].tool, "arguments");
    }
    return NULL;
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* Choices of one kind, those of the speaker's room alone if it has any. */
static json_t *candidates(const struct lt_catalog *c, const struct lt_words *nouns,
                          const char *domain, const char *here)
{
    json_t *all = json_array(), *near = json_array();
    for (size_t i = 0; i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        if (*domain && strcmp(domain, e->domain) != 0) continue;
        if (json_array_size(all) > LT_ASK_CHOICES_MAX) break;
        json_t *choice = lt__ask_choice(c, e);
        if (choice && answers_to(e, choice, nouns)) {
            json_array_append(all, choice);
            if (here && !strcasecmp(here, e->area)) json_array_append(near, choice);
        }
        json_decref(choice);
    }
    if (!json_array_size(near)) {
        json_decref(near);
        return all;
    }
    json_decref(all);
    return near;
}

void lt_ask_which(const struct lt_tongue *t, const struct lt_catalog *c,
                  const struct lt_words *said, const char *here, const json_t *calls,
                  struct lt_question *out)
{
    const struct lt_entity *one[1];
    struct lt_words nouns;
    const char *domain = "";
    json_t *open = NULL;
    if (json_array_size(calls) > 1 || !nouns_of(said, &nouns)) return;
    if (is_plural(nouns.v[nouns.n - 1])) return;
    if (json_array_size(calls)) {
        const json_t *arguments = json_object_get(json_array_get(calls, 0), "arguments");
        if (!*text_at(arguments, "name") || lt_catalog_targets(c, arguments, one, 1) < 1) return;
        domain = one[0]->domain;
        open = json_deep_copy(calls); /* but for the target that was guessed */
        json_object_del(json_object_get(json_array_get(open, 0), "arguments"), "name");
        json_object_del(json_object_get(json_array_get(open, 0), "arguments"), "area");
    } else {
        open = command_of(c, said, &domain);
    }
    json_t *choices = open ? candidates(c, &nouns, domain, here) : NULL;
    size_t n = json_array_size(choices), n_exact = 0;
    for (size_t i = 0; i < n; i++) { /* "kitchen light" where one is called just so */
        struct lt_words label;
        int is_exact;
        char text[160];
        strncpy(text, text_at(json_array_get(choices, i), "label"), sizeof text - 1);
        text[sizeof text - 1] = '\0';
        lt_words_split(text, &label);
        is_exact = label.n == nouns.n;
        for (int k = 0; k < nouns.n && is_exact; k++)
            is_exact = lt__ask_has_word(&label, nouns.v[k]);
        n_exact += (size_t)is_exact;
    }
    if (n >= 2 && n <= LT_ASK_CHOICES_MAX && n_exact != 1) {
        out->kind = LT_ASK_CHOICE;
        out->calls = json_incref(open);
        out->choices = json_incref(choices);
        lt_ask_word_which(t, nouns.v[nouns.n - 1], choices, out->speech, sizeof out->speech);
    }
    json_decref(choices);
    json_decref(open);
}
