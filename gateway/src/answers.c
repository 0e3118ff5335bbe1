/* answers.c - sentences from the table, and in which language somebody speaks. */
#include "answers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"
#include "phrases.h"

#define SENTENCES_MAX 3 /* an answer of more is not listened to */
#define EVIDENCE      2 /* small words of a language that prove it */

struct lt_answers {
    json_t *by_language;
};

static enum lt_err check(const json_t *o, struct lt_diag *diag)
{
    const char *lang, *key;
    json_t *table, *sentences, *s;
    size_t i;
    if (!json_is_object(o)) return lt_fail(diag, LT_ERR_PARSE, "not an object of languages");
    json_object_foreach((json_t *)(uintptr_t)o, lang, table)
    {
        if (!json_is_object(table))
            return lt_fail(diag, LT_ERR_PARSE, "/%s: not an object of sentences", lang);
        json_object_foreach(table, key, sentences)
        {
            if (!strcmp(key, "words") ? !json_is_object(sentences) : !json_is_array(sentences))
                return lt_fail(diag, LT_ERR_PARSE, "/%s/%s: not a list of sentences", lang, key);
            json_array_foreach(sentences, i, s)
            {
                if (!json_is_string(s))
                    return lt_fail(diag, LT_ERR_PARSE, "/%s/%s/%zu: not a sentence", lang, key, i);
            }
        }
    }
    return LT_OK;
}

enum lt_err lt_answers_open(const char *path, struct lt_answers **out, struct lt_diag *diag)
{
    json_t *o = NULL;
    struct lt_diag why = {0};
    enum lt_err err = lt_json_read_file(path, LT_ANSWERS_BYTES, &o, diag);
    if (!err && (err = check(o, &why))) lt_fail(diag, err, "%.200s: %.300s", path, why.text);
    struct lt_answers *a = err ? NULL : calloc(1, sizeof *a);
    if (!err && !a) err = LT_ERR_NOMEM;
    if (err) {
        json_decref(o);
        return err;
    }
    a->by_language = o;
    *out = a;
    return LT_OK;
}

void lt_answers_free(struct lt_answers *a)
{
    if (!a) return;
    json_decref(a->by_language);
    free(a);
}

/* ---- sentences ---- */

/* A value as it is said in the language. 0: none. */
static int value_words(const json_t *table, const char *key, const json_t *value, char *out,
                       size_t cap)
{
    const json_t *words = json_object_get(table, "words");
    const char *s = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
    int is_name = !strcmp(key, "name") || !strcmp(key, "area") || !strcmp(key, "floor");
    if (s && !is_name && json_object_get(words, s))
        s = json_string_value(json_object_get(words, s));
    if (s)
        snprintf(out, cap, "%s", s);
    else if (json_is_number(value))
        snprintf(out, cap, "%g", json_number_value(value));
    else
        return 0;
    return *out != '\0';
}

/* Fill the sentence's holes from the arguments; 0 when one is missing. */
static int fill(const json_t *table, const char *sentence, const json_t *arguments, char *out,
                size_t cap)
{
    size_t n = 0;
    *out = '\0';
    for (const char *p = sentence; *p && n + 1 < cap;) {
        char key[64], words[256];
        size_t len = *p == '{' ? strcspn(p, "}") : 0;
        if (!len || !p[len] || len > sizeof key) {
            out[n++] = *p++;
            out[n] = '\0';
            continue;
        }
        snprintf(key, sizeof key, "%.*s", (int)len - 1, p + 1);
        if (!value_words(table, key, json_object_get(arguments, key), words, sizeof words))
            return 0;
        int k = snprintf(out + n, cap - n, "%s", words);
        n = k < 0 || (size_t)k >= cap - n ? cap - 1 : n + (size_t)k;
        p += len + 1;
    }
    return n > 0;
}

static int say(const struct lt_answers *a, const char *lang, const char *key,
               const json_t *arguments, char *out, size_t cap)
{
    const json_t *table = a ? json_object_get(a->by_language, lang) : NULL;
    size_t i;
    json_t *sentence;
    json_array_foreach(json_object_get(table, key), i, sentence)
    {
        if (!fill(table, json_string_value(sentence), arguments, out, cap)) continue;
        *out = (char)toupper((unsigned char)*out);
        return 1;
    }
    *out = '\0';
    return 0;
}

void lt_answers_done(const struct lt_answers *a, const char *lang, const json_t *calls, char *out,
                     size_t cap)
{
    size_t i, n = 0;
    json_t *call;
    *out = '\0';
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        const char *name = json_string_value(json_object_get(call, "name"));
        char one[400];
        if (i == SENTENCES_MAX) break;
        if (!name || !say(a, lang, name, json_object_get(call, "arguments"), one, sizeof one)) {
            *out = '\0'; /* half an answer would be wrong */
            return;
        }
        int k = snprintf(out + n, cap - n, "%s%s", n ? " " : "", one);
        if (k < 0 || (size_t)k >= cap - n) return;
        n += (size_t)k;
    }
}

void lt_answers_say(const struct lt_answers *a, const char *lang, const char *key, const char *said,
                    char *out, size_t cap)
{
    json_t *arguments = said && *said ? json_pack("{s:s}", "it", said) : NULL;
    say(a, lang, key, arguments, out, cap);
    json_decref(arguments);
}

void lt_answers_ask(const struct lt_answers *a, const char *lang, const char *what,
                    const json_t *arguments, char *out, size_t cap)
{
    char key[128];
    snprintf(key, sizeof key, "ask.%.100s", what);
    say(a, lang, key, arguments, out, cap);
}

/* ---- the language ---- */

/* Words that are frequent in requests and in no other of these languages. English comes first: where
 * two have as many, it is that. */
static const struct {
    const char lang[LT_LANG_CAP];
    const char *words;
} small_words[] = {
    {"en", " the turn on off please what whats is are to set my all lights light up down of it how "
           "at with for and this that make open close switch start stop "},
    {"de",
     " der das den dem ein eine einen im ist und bitte mach mache schalte schalt licht wie auf "
     "zu aus stell stelle alle wohnzimmer küche fenster öffne schließe ich wird uhr heizung "},
    {"fr", " le les la des du est dans allume éteins ouvre ferme lumière lumières mets quelle quel "
           "salon cuisine chambre sil te plaît et une au fais heure toutes combien règle "},
    {"es", " el los las del en enciende apaga abre cierra luz luces por favor qué cuál es una sala "
           "cocina dormitorio pon sube baja y la hora todas pone cuánto "},
    {"nl", " het een van zet doe lamp lampen aan uit naar woonkamer keuken slaapkamer alle graag "
           "alsjeblieft wat hoe laat open sluit licht de en op "},
    {"it", " il lo gli accendi spegni apri chiudi luce luci della del nel nella cucina soggiorno "
           "camera per favore che è una la di metti alza abbassa quanto tutte imposta "},
};

static int count_words(const struct lt_words *w, const char *list)
{
    int n = 0;
    for (int i = 0; i < w->n; i++) {
        char padded[64];
        snprintf(padded, sizeof padded, " %.60s ", w->v[i]);
        n += strstr(list, padded) != NULL;
    }
    return n;
}

void lt_language_of(const char *given, const char *text, char out[LT_LANG_CAP])
{
    struct lt_words w;
    int best = EVIDENCE - 1;
    memset(out, 0, LT_LANG_CAP);
    if (given && isalpha((unsigned char)given[0]) && isalpha((unsigned char)given[1]) &&
        !isalpha((unsigned char)given[2])) {
        out[0] = (char)tolower((unsigned char)given[0]);
        out[1] = (char)tolower((unsigned char)given[1]);
        return;
    }
    if (!text) return;
    lt_words_split(text, &w);
    for (size_t i = 0; i < sizeof small_words / sizeof *small_words; i++) {
        int n = count_words(&w, small_words[i].words);
        if (n <= best) continue;
        best = n;
        memcpy(out, small_words[i].lang, LT_LANG_CAP);
    }
}
