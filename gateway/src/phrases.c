/* phrases.c - tables and the readers over them. Umlauts and accents are kept; where speech-to-text
 * leaves them out ("zweite", "segundo") the plain form is in the table too. */
#include "phrases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fillers[] = {"please", "um",     "uh",   "er",   "well", "oh",
                                      "bitte",  "äh",     "hm",   "hmm",  "eh",   "proszę",
                                      "euh",    "thanks", "just", "sorry"};

static const char *const small_words[] = {
    "the",  "a",     "an",     "one",  "ones", "in",   "on",    "at",    "of",   "i",
    "mean", "meant", "to",     "that", "this", "it",   "its",   "is",    "my",   "our",
    "and",  "with",  "for",    "der",  "die",  "das",  "den",   "dem",   "im",   "am",
    "ich",  "meine", "meinte", "le",   "la",   "les",  "celui", "celle", "dans", "du",
    "de",   "el",    "los",    "las",  "en",   "del",  "ta",    "w",     "na",   "room",
    "s",    "het",   "een",    "il",   "nel",  "nella"};

/* kind, the words, as lt_words_split leaves them */
static const struct {
    enum lt_phrase kind;
    const char *words;
} table[] = {
    {LT_PHRASE_YES, "yes"},
    {LT_PHRASE_YES, "yeah"},
    {LT_PHRASE_YES, "yep"},
    {LT_PHRASE_YES, "yes do it"},
    {LT_PHRASE_YES, "do it"},
    {LT_PHRASE_YES, "go ahead"},
    {LT_PHRASE_YES, "yes go ahead"},
    {LT_PHRASE_YES, "ok"},
    {LT_PHRASE_YES, "okay"},
    {LT_PHRASE_YES, "sure"},
    {LT_PHRASE_YES, "correct"},
    {LT_PHRASE_YES, "right"},
    {LT_PHRASE_YES, "thats right"},
    {LT_PHRASE_YES, "confirm"},
    {LT_PHRASE_YES, "i confirm"},
    {LT_PHRASE_YES, "yes i am sure"},
    {LT_PHRASE_YES, "ja"},
    {LT_PHRASE_YES, "jawohl"},
    {LT_PHRASE_YES, "ja mach das"},
    {LT_PHRASE_YES, "genau"},
    {LT_PHRASE_YES, "oui"},
    {LT_PHRASE_YES, "daccord"},
    {LT_PHRASE_YES, "vas y"},
    {LT_PHRASE_YES, "sí"},
    {LT_PHRASE_YES, "si"},
    {LT_PHRASE_YES, "vale"},
    {LT_PHRASE_YES, "tak"},
    {LT_PHRASE_YES, "dobrze"},
    {LT_PHRASE_YES, "ja graag"},
    {LT_PHRASE_YES, "doe maar"},
    {LT_PHRASE_YES, "ja doe maar"},
    {LT_PHRASE_YES, "klopt"},
    {LT_PHRASE_YES, "sì"},
    {LT_PHRASE_YES, "sì grazie"},
    {LT_PHRASE_YES, "va bene"},
    {LT_PHRASE_YES, "certo"},
    {LT_PHRASE_NO, "no"},
    {LT_PHRASE_NO, "nope"},
    {LT_PHRASE_NO, "no thank you"},
    {LT_PHRASE_NO, "dont"},
    {LT_PHRASE_NO, "do not"},
    {LT_PHRASE_NO, "no dont"},
    {LT_PHRASE_NO, "nein"},
    {LT_PHRASE_NO, "nee"},
    {LT_PHRASE_NO, "non"},
    {LT_PHRASE_NO, "nie"},
    {LT_PHRASE_NO, "nee dank je"},
    {LT_PHRASE_NO, "no grazie"},
    {LT_PHRASE_NO, "nie dziękuję"},
    {LT_PHRASE_NO, "no gracias"},
    {LT_PHRASE_NO, "non merci"},
    {LT_PHRASE_NO, "nein danke"},
    {LT_PHRASE_NEVER_MIND, "never mind"},
    {LT_PHRASE_NEVER_MIND, "nevermind"},
    {LT_PHRASE_NEVER_MIND, "no never mind"},
    {LT_PHRASE_NEVER_MIND, "forget it"},
    {LT_PHRASE_NEVER_MIND, "forget about it"},
    {LT_PHRASE_NEVER_MIND, "cancel"},
    {LT_PHRASE_NEVER_MIND, "cancel that"},
    {LT_PHRASE_NEVER_MIND, "stop"},
    {LT_PHRASE_NEVER_MIND, "leave it"},
    {LT_PHRASE_NEVER_MIND, "nothing"},
    {LT_PHRASE_NEVER_MIND, "vergiss es"},
    {LT_PHRASE_NEVER_MIND, "schon gut"},
    {LT_PHRASE_NEVER_MIND, "abbrechen"},
    {LT_PHRASE_NEVER_MIND, "laisse tomber"},
    {LT_PHRASE_NEVER_MIND, "oublie"},
    {LT_PHRASE_NEVER_MIND, "annule"},
    {LT_PHRASE_NEVER_MIND, "olvídalo"},
    {LT_PHRASE_NEVER_MIND, "olvidalo"},
    {LT_PHRASE_NEVER_MIND, "cancela"},
    {LT_PHRASE_NEVER_MIND, "nieważne"},
    {LT_PHRASE_NEVER_MIND, "anuluj"},
    {LT_PHRASE_NEVER_MIND, "laat maar"},
    {LT_PHRASE_NEVER_MIND, "vergeet het"},
    {LT_PHRASE_NEVER_MIND, "annuleer"},
    {LT_PHRASE_NEVER_MIND, "lascia stare"},
    {LT_PHRASE_NEVER_MIND, "lascia perdere"},
    {LT_PHRASE_NEVER_MIND, "non importa"},
    {LT_PHRASE_NEVER_MIND, "annulla"},
    {LT_PHRASE_UNDO, "undo"},
    {LT_PHRASE_UNDO, "undo that"},
    {LT_PHRASE_UNDO, "undo it"},
    {LT_PHRASE_UNDO, "no undo that"},
    {LT_PHRASE_UNDO, "put it back"},
    {LT_PHRASE_UNDO, "put that back"},
    {LT_PHRASE_UNDO, "change it back"},
    {LT_PHRASE_UNDO, "change that back"},
    {LT_PHRASE_UNDO, "take that back"},
    {LT_PHRASE_UNDO, "revert"},
    {LT_PHRASE_UNDO, "revert that"},
    {LT_PHRASE_UNDO, "mach das rückgängig"},
    {LT_PHRASE_UNDO, "rückgängig"},
    {LT_PHRASE_UNDO, "rückgängig machen"},
    {LT_PHRASE_UNDO, "défais ça"},
    {LT_PHRASE_UNDO, "reviens en arrière"},
    {LT_PHRASE_UNDO, "deshacer"},
    {LT_PHRASE_UNDO, "deshazlo"},
    {LT_PHRASE_UNDO, "cofnij"},
    {LT_PHRASE_UNDO, "cofnij to"},
    {LT_PHRASE_UNDO, "maak dat ongedaan"},
    {LT_PHRASE_UNDO, "ongedaan maken"},
    {LT_PHRASE_UNDO, "draai dat terug"},
    {LT_PHRASE_UNDO, "disfa"},
    {LT_PHRASE_UNDO, "disfalo"},
    {LT_PHRASE_UNDO, "rimetti comera"},
    {LT_PHRASE_OTHER, "other one"},
    {LT_PHRASE_OTHER, "the other one"},
    {LT_PHRASE_OTHER, "no the other one"},
    {LT_PHRASE_OTHER, "no other one"},
    {LT_PHRASE_OTHER, "not that one"},
    {LT_PHRASE_OTHER, "no not that one"},
    {LT_PHRASE_OTHER, "not that one the other one"},
    {LT_PHRASE_OTHER, "no not that one the other one"},
    {LT_PHRASE_OTHER, "i meant the other one"},
    {LT_PHRASE_OTHER, "no i meant the other one"},
    {LT_PHRASE_OTHER, "wrong one"},
    {LT_PHRASE_OTHER, "the wrong one"},
    {LT_PHRASE_OTHER, "nein die andere"},
    {LT_PHRASE_OTHER, "nein das andere"},
    {LT_PHRASE_OTHER, "nein den anderen"},
    {LT_PHRASE_OTHER, "die andere"},
    {LT_PHRASE_OTHER, "das andere"},
    {LT_PHRASE_OTHER, "non lautre"},
    {LT_PHRASE_OTHER, "lautre"},
    {LT_PHRASE_OTHER, "no la otra"},
    {LT_PHRASE_OTHER, "no el otro"},
    {LT_PHRASE_OTHER, "la otra"},
    {LT_PHRASE_OTHER, "nie to drugie"},
    {LT_PHRASE_OTHER, "nie ta druga"},
    {LT_PHRASE_OTHER, "nee de andere"},
    {LT_PHRASE_OTHER, "nee die andere"},
    {LT_PHRASE_OTHER, "de andere"},
    {LT_PHRASE_OTHER, "no laltra"},
    {LT_PHRASE_OTHER, "no laltro"},
    {LT_PHRASE_OTHER, "laltra"},
    {LT_PHRASE_OTHER, "laltro"},
    {LT_PHRASE_ALL, "all"},
    {LT_PHRASE_ALL, "all of them"},
    {LT_PHRASE_ALL, "both"},
    {LT_PHRASE_ALL, "both of them"},
    {LT_PHRASE_ALL, "everything"},
    {LT_PHRASE_ALL, "alle"},
    {LT_PHRASE_ALL, "beide"},
    {LT_PHRASE_ALL, "toutes"},
    {LT_PHRASE_ALL, "tous"},
    {LT_PHRASE_ALL, "les deux"},
    {LT_PHRASE_ALL, "todas"},
    {LT_PHRASE_ALL, "todos"},
    {LT_PHRASE_ALL, "wszystkie"},
    {LT_PHRASE_ALL, "oba"},
    {LT_PHRASE_ALL, "allemaal"},
    {LT_PHRASE_ALL, "allebei"},
    {LT_PHRASE_ALL, "tutte"},
    {LT_PHRASE_ALL, "tutti"},
    {LT_PHRASE_ALL, "entrambe"},
    {LT_PHRASE_ALL, "entrambi"},
};

static const struct {
    const char *word;
    int value;
} numbers[] = {
    {"zero", 0},         {"one", 1},           {"two", 2},         {"three", 3},
    {"four", 4},         {"five", 5},          {"six", 6},         {"seven", 7},
    {"eight", 8},        {"nine", 9},          {"ten", 10},        {"eleven", 11},
    {"twelve", 12},      {"thirteen", 13},     {"fourteen", 14},   {"fifteen", 15},
    {"sixteen", 16},     {"seventeen", 17},    {"eighteen", 18},   {"nineteen", 19},
    {"twenty", 20},      {"thirty", 30},       {"forty", 40},      {"fifty", 50},
    {"sixty", 60},       {"seventy", 70},      {"eighty", 80},     {"ninety", 90},
    {"null", 0},         {"eins", 1},          {"zwei", 2},        {"drei", 3},
    {"vier", 4},         {"fünf", 5},          {"sechs", 6},       {"sieben", 7},
    {"acht", 8},         {"neun", 9},          {"zehn", 10},       {"elf", 11},
    {"zwölf", 12},       {"fünfzehn", 15},     {"zwanzig", 20},    {"dreißig", 30},
    {"vierzig", 40},     {"fünfzig", 50},      {"sechzig", 60},    {"deux", 2},
    {"trois", 3},        {"quatre", 4},        {"cinq", 5},        {"sept", 7},
    {"huit", 8},         {"neuf", 9},          {"dix", 10},        {"onze", 11},
    {"douze", 12},       {"quinze", 15},       {"vingt", 20},      {"trente", 30},
    {"quarante", 40},    {"cinquante", 50},    {"soixante", 60},   {"dos", 2},
    {"tres", 3},         {"cuatro", 4},        {"cinco", 5},       {"seis", 6},
    {"siete", 7},        {"ocho", 8},          {"nueve", 9},       {"diez", 10},
    {"once", 11},        {"doce", 12},         {"veinte", 20},     {"treinta", 30},
    {"cuarenta", 40},    {"cincuenta", 50},    {"sesenta", 60},    {"jeden", 1},
    {"dwa", 2},          {"dwie", 2},          {"trzy", 3},        {"cztery", 4},
    {"pięć", 5},         {"sześć", 6},         {"siedem", 7},      {"osiem", 8},
    {"dziewięć", 9},     {"dziesięć", 10},     {"piętnaście", 15}, {"dwadzieścia", 20},
    {"trzydzieści", 30}, {"czterdzieści", 40}, {"twee", 2},        {"drie", 3},
    {"vijf", 5},         {"zes", 6},           {"zeven", 7},       {"negen", 9},
    {"tien", 10},        {"twaalf", 12},       {"vijftien", 15},   {"twintig", 20},
    {"dertig", 30},      {"veertig", 40},      {"vijftig", 50},    {"zestig", 60},
    {"uno", 1},          {"due", 2},           {"tre", 3},         {"quattro", 4},
    {"cinque", 5},       {"sei", 6},           {"sette", 7},       {"otto", 8},
    {"nove", 9},         {"dieci", 10},        {"undici", 11},     {"dodici", 12},
    {"quindici", 15},    {"venti", 20},        {"trenta", 30},     {"quaranta", 40},
    {"cinquanta", 50},   {"sessanta", 60},
};

static const struct {
    const char *word;
    int value;
} ordinals[] = {
    {"first", 1},    {"second", 2},   {"third", 3},     {"fourth", 4},   {"fifth", 5},
    {"last", -1},    {"1st", 1},      {"2nd", 2},       {"3rd", 3},      {"4th", 4},
    {"erste", 1},    {"ersten", 1},   {"zweite", 2},    {"zweiten", 2},  {"dritte", 3},
    {"dritten", 3},  {"vierte", 4},   {"letzte", -1},   {"letzten", -1}, {"premier", 1},
    {"première", 1}, {"deuxième", 2}, {"troisième", 3}, {"dernier", -1}, {"dernière", -1},
    {"primero", 1},  {"primera", 1},  {"segundo", 2},   {"segunda", 2},  {"tercero", 3},
    {"tercera", 3},  {"último", -1},  {"última", -1},   {"pierwszy", 1}, {"pierwsza", 1},
    {"drugi", 2},    {"druga", 2},    {"trzeci", 3},    {"trzecia", 3},  {"ostatni", -1},
    {"eerste", 1},   {"tweede", 2},   {"derde", 3},     {"laatste", -1}, {"primo", 1},
    {"prima", 1},    {"secondo", 2},  {"seconda", 2},   {"terzo", 3},    {"terza", 3},
    {"ultimo", -1},  {"ultima", -1},
};

static const struct {
    const char *stem; /* the word begins so */
    size_t longest;   /* and has at most so many bytes */
    int64_t ms;
} units[] = {
    {"hour", 5, 3600000},  {"hr", 3, 3600000},   {"h", 1, 3600000},      {"stunde", 7, 3600000},
    {"heure", 6, 3600000}, {"hora", 5, 3600000}, {"godzin", 7, 3600000}, {"minut", 7, 60000},
    {"min", 4, 60000},     {"m", 1, 60000},      {"second", 8, 1000},    {"sec", 4, 1000},
    {"uur", 3, 3600000},   {"ora", 3, 3600000},  {"ore", 3, 3600000},    {"minuut", 6, 60000},
    {"sekund", 8, 1000},   {"seg", 8, 1000},     {"s", 1, 1000},
};

static const char *const amounts[] = {
    "half",    "quarter", "third",  "full",    "fully",  "maximum", "max",    "minimum", "min",
    "low",     "lower",   "high",   "higher",  "medium", "dim",     "dimmer", "bright",  "brighter",
    "up",      "down",    "warmer", "cooler",  "hotter", "colder",  "louder", "quieter", "all",
    "hundred", "halb",    "heller", "dunkler", "wärmer", "kälter",  "lauter", "leiser",  "open",
    "closed",  "slow",    "fast",   "faster",  "slower", "more",    "less",   "bit",     "darker",
    "lowest",  "highest", "dimly",  "shut",    "halfway"};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static int is_one_of(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], word)) return 1;
    return 0;
}

/* ---- words ---- */

/* Length of what is no part of a word at s: a blank, a sign, an apostrophe (then *is_joint). 0 for a
 * byte of a word. */
static size_t gap_at(const unsigned char *s, int *is_joint)
{
    *is_joint = 0;
    if (*s == '\'' || *s == '`') {
        *is_joint = 1;
        return 1;
    }
    if (s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0x80) { /* general punctuation: U+2000..U+203F */
        *is_joint = s[2] == 0x98 || s[2] == 0x99;
        return 3;
    }
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0xbf) return 2; /* ¡ ¿ « » and the like */
    if (*s >= 0x80) return 0;
    if ((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')) return 0;
    return 1;
}

/* "21.5" is one word: a point between digits belongs to it. */
static int is_decimal(const unsigned char *s, const char *word, size_t n)
{
    return (*s == '.' || *s == ',') && n && word[n - 1] >= '0' && word[n - 1] <= '9' &&
           s[1] >= '0' && s[1] <= '9';
}

/* A letter of two bytes as its small one, where it is Polish: in this page odd and even letters take turns in
 * being small. Returns 1, the bytes to skip. */
static int lower_polish(unsigned char *p)
{
    static const unsigned char capitals[] = {0xc4, 0x84, 0xc4, 0x86, 0xc4, 0x98, 0xc5, 0x81,
                                             0xc5, 0x83, 0xc5, 0x9a, 0xc5, 0xb9, 0xc5, 0xbb};
    for (size_t i = 0; i < sizeof capitals; i += 2)
        if (p[0] == capitals[i] && p[1] == capitals[i + 1]) {
            p[1]++;
            break;
        }
    return 1;
}

/* Lower case of ASCII, of the letters À to Þ, and of Polish. */
static void lower(char *word)
{
    for (unsigned char *p = (unsigned char *)word; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (unsigned char)(*p + 32);
        else if (*p == 0xc3 && p[1] >= 0x80 && p[1] <= 0x9e && p[1] != 0x97)
            p[1] = (unsigned char)(p[1] + 0x20), p++;
        else if ((*p == 0xc4 || *p == 0xc5) && p[1] >= 0x80)
            p += lower_polish(p);
    }
}

void lt_words_split(const char *text, struct lt_words *out)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0;
    out->n = out->is_cut = 0;
    out->text[0] = '\0';
    while (*s) {
        char *word = out->text + used;
        size_t n = 0, gap = 0;
        int is_joint = 0;
        for (; *s; s += gap) {
            if (is_decimal(s, word, n))
                gap = 0;
            else
                gap = gap_at(s, &is_joint);
            if (gap && !is_joint) break;
            if (gap) continue; /* "don't" is "dont" */
            if (used + n + 2 > sizeof out->text || out->n == LT_WORDS_MAX) {
                out->is_cut = 1;
                return;
            }
            word[n++] = *s == ',' ? '.' : (char)*s;
            gap = 1;
        }
        s += *s ? gap : 0;
        word[n] = '\0';
        lower(word);
        if (!n || is_one_of(fillers, N_OF(fillers), word)) continue;
        out->v[out->n++] = word;
        used += n + 1;
    }
}

/* Do the words spell the phrase? */
static int spells(const struct lt_words *w, const char *phrase)
{
    struct lt_words p;
    lt_words_split(phrase, &p);
    if (!p.n || p.n != w->n || w->is_cut) return 0;
    for (int i = 0; i < p.n; i++)
        if (strcmp(p.v[i], w->v[i]) != 0) return 0;
    return 1;
}

int lt_phrases_is(const struct lt_phrases *p, enum lt_phrase kind, const struct lt_words *w)
{
    if (!w->n || w->n > 8) return 0; /* none is longer */
    for (size_t i = 0; i < N_OF(table); i++)
        if (table[i].kind == kind && spells(w, table[i].words)) return 1;
    for (size_t i = 0; p && i < p->n_extra[kind]; i++)
        if (spells(w, p->extra[kind][i])) return 1;
    return 0;
}

int lt_phrases_begins_with_no(const struct lt_words *w)
{
    static const char *const noes[] = {"no", "nope", "not", "nein", "non", "nie", "nee"};
    return w->n > 1 && is_one_of(noes, N_OF(noes), w->v[0]);
}

int lt_phrases_is_small(const char *word)
{
    return is_one_of(small_words, N_OF(small_words), word);
}

/* ---- numbers ---- */

static int number_word(const char *word, int *value)
{
    for (size_t i = 0; i < N_OF(numbers); i++)
        if (!strcmp(numbers[i].word, word)) {
            *value = numbers[i].value;
            return 1;
        }
    return 0;
}

/* "fünfundzwanzig": a unit, "und", a ten. */
static int german_pair(const char *word, int *value)
{
    char unit[32];
    int ten = 0, one = 0;
    const char *und = strstr(word, "und");
    if (!und || und == word || (size_t)(und - word) >= sizeof unit) return 0;
    snprintf(unit, sizeof unit, "%.*s", (int)(und - word), word);
    if (!strcmp(unit, "ein")) strcpy(unit, "eins");
    if (!number_word(unit, &one) || one < 1 || one > 9) return 0;
    if (!number_word(und + 3, &ten) || ten < 20 || ten % 10) return 0;
    *value = ten + one;
    return 1;
}

/* A word of digits with at most one point; what follows the digits comes back in *rest ("20min"). */
static int digits(const char *word, double *out, const char **rest)
{
    double v = 0, scale = 1;
    int n = 0, has_point = 0;
    for (; (*word >= '0' && *word <= '9') || (*word == '.' && !has_point); word++) {
        if (*word == '.') {
            has_point = 1;
            continue;
        }
        if (++n > 9) return 0;
        v = v * 10 + (*word - '0');
        if (has_point) scale *= 10;
    }
    *out = v / scale;
    *rest = word;
    return n > 0;
}

int lt_phrases_number(const struct lt_words *w, int i, double *out)
{
    const char *rest;
    int a, b, used = 1;
    if (i >= w->n) return 0;
    if (digits(w->v[i], out, &rest)) return *rest ? 0 : 1;
    if (german_pair(w->v[i], &a)) {
        *out = a;
        return 1;
    }
    if (!strcmp(w->v[i], "hundred") || !strcmp(w->v[i], "hundert")) {
        *out = 100;
        return 1;
    }
    if (!number_word(w->v[i], &a)) {
        if (strcmp(w->v[i], "a") != 0 || i + 1 >= w->n || strcmp(w->v[i + 1], "hundred") != 0)
            return 0;
        a = 1;
    }
    if (a >= 1 && a <= 9 && i + used < w->n && !strcmp(w->v[i + used], "hundred")) {
        used++;
        *out = a * 100;
        if (i + used < w->n && !strcmp(w->v[i + used], "and")) {
            double more;
            int n = lt_phrases_number(w, i + used + 1, &more);
            if (n && more < 100) {
                *out += more;
                used += 1 + n;
            }
        }
        return used;
    }
    if (a >= 20 && a % 10 == 0 && i + 1 < w->n && number_word(w->v[i + 1], &b) && b >= 1 &&
        b <= 9) {
        a += b;
        used++;
    }
    *out = a;
    return used;
}

int lt_phrases_has_amount(const struct lt_words *w)
{
    double v;
    for (int i = 0; i < w->n; i++) {
        if (lt_phrases_number(w, i, &v) || strpbrk(w->v[i], "0123456789")) return 1;
        if (is_one_of(amounts, N_OF(amounts), w->v[i])) return 1;
    }
    return w->is_cut;
}

int lt_phrases_ordinal(const struct lt_words *w)
{
    int found = 0;
    double v;
    for (int i = 0; i < w->n; i++) {
        int value = 0;
        for (size_t k = 0; k < N_OF(ordinals) && !value; k++)
            if (!strcmp(ordinals[k].word, w->v[i])) value = ordinals[k].value;
        if (!value && !strcmp(w->v[i], "number") && lt_phrases_number(w, i + 1, &v)) {
            value = (int)v;
            i++;
        }
        if (!value && w->n == 1 && strcmp(w->v[i], "one") && lt_phrases_number(w, i, &v))
            value = (int)v;
        if (value) {
            if (found) return 0;
            found = value;
        } else if (!lt_phrases_is_small(w->v[i])) {
            return 0;
        }
    }
    return w->is_cut || found > 99 ? 0 : found;
}

/* ---- durations ---- */

static int64_t unit_ms(const char *word)
{
    for (size_t i = 0; i < N_OF(units); i++)
        if (!strncmp(word, units[i].stem, strlen(units[i].stem)) &&
            strlen(word) <= units[i].longest)
            return units[i].ms;
    return 0;
}

static int is_word(const struct lt_words *w, int i, const char *a, const char *b)
{
    return i < w->n && (!strcmp(w->v[i], a) || !strcmp(w->v[i], b));
}

/* The factor that begins at word i ("half an", "a quarter of an", "an", a number); words it takes. */
static int factor_at(const struct lt_words *w, int i, double *out)
{
    int n = i;
    if (is_word(w, n, "half", "halbe") || is_word(w, n, "eine", "une")) {
        *out = is_word(w, n, "half", "halbe") ? 0.5 : 1;
        n++;
        if (is_word(w, n, "halbe", "demi")) {
            *out = 0.5;
            n++;
        }
        if (is_word(w, n, "a", "an")) n++;
        return n - i;
    }
    if (is_word(w, n, "a", "an") && is_word(w, n + 1, "quarter", "quarter")) n++;
    if (is_word(w, n, "quarter", "viertel")) {
        *out = 0.25;
        n++;
        if (is_word(w, n, "of", "of")) n++;
        if (is_word(w, n, "a", "an")) n++;
        return n - i;
    }
    if ((is_word(w, n, "a", "an") || is_word(w, n, "una", "un")) && n + 1 < w->n &&
        unit_ms(w->v[n + 1])) {
        *out = 1;
        return 1;
    }
    return lt_phrases_number(w, i, out);
}

int64_t lt_phrases_duration_ms(const struct lt_words *w)
{
    double total = 0, last_unit = 0;
    const char *rest;
    int n_parts = 0;
    if (w->is_cut) return 0;
    for (int i = 0; i < w->n;) {
        double f;
        if (n_parts && (is_word(w, i, "and", "und") || is_word(w, i, "et", "y"))) {
            i++;
            if (is_word(w, i, "a", "a") && is_word(w, i + 1, "half", "half") && last_unit > 0 &&
                i + 2 == w->n) { /* "an hour and a half" */
                total += last_unit / 2;
                i += 2;
            }
            continue;
        }
        if (!n_parts && (is_word(w, i, "for", "in") || is_word(w, i, "für", "pour") ||
                         is_word(w, i, "make", "it"))) {
            i++;
            continue;
        }
        if (digits(w->v[i], &f, &rest) && *rest && unit_ms(rest)) { /* "20min" */
            last_unit = (double)unit_ms(rest);
            total += f * last_unit;
            n_parts++, i++;
            continue;
        }
        int n = factor_at(w, i, &f);
        if (!n) return 0;
        i += n;
        if (i < w->n && unit_ms(w->v[i])) {
            last_unit = (double)unit_ms(w->v[i++]);
        } else if (i == w->n && last_unit >= 60000) {
            last_unit /= 60; /* "1 hour 20" */
        } else if (i == w->n && !n_parts) {
            last_unit = 60000;
        } else {
            return 0;
        }
        total += f * last_unit;
        n_parts++;
    }
    return n_parts && total >= 1 && total <= 100.0 * 3600000 ? (int64_t)(total + 0.5) : 0;
}
