/* spoken.c - text as spoken words, and phrasings filled from a catalogue. */
#include "lt/spoken.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN      "\001" /* between words of a filling, inside this file: comes out as '_' */
#define MAX_FILLS 400    /* most names, rooms or floors considered for one phrase group */

/* ---- words ---- */

static const char *const ones[] = {"zero",    "one",     "two",       "three",    "four",
                                   "five",    "six",     "seven",     "eight",    "nine",
                                   "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                   "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};

struct words {
    char *out;
    size_t n, cap;
    int in_word;
};

static void put(struct words *w, const char *s)
{
    for (; *s && w->n + 1 < w->cap; s++) w->out[w->n++] = *s;
}

static void gap(struct words *w)
{
    if (w->n && w->out[w->n - 1] != ' ') put(w, " ");
    w->in_word = 0;
}

static void put_word(struct words *w, const char *s)
{
    gap(w);
    put(w, s);
    gap(w);
}

static void put_number(struct words *w, long v)
{
    if (v >= 1000) {
        put_number(w, v / 1000);
        put_word(w, "thousand");
        if (!(v %= 1000)) return;
    }
    if (v >= 100) {
        put_number(w, v / 100);
        put_word(w, "hundred");
        if (!(v %= 100)) return;
        put_word(w, "and");
    }
    if (v >= 20) {
        put_word(w, tens[v / 10]);
        if (v % 10) put_word(w, ones[v % 10]);
    } else {
        put_word(w, ones[v]);
    }
}

/* A run of digits, "21.5" or "7:30" included; returns its bytes. */
static size_t number(struct words *w, const char *p)
{
    char *end;
    size_t digits = strspn(p, "0123456789");
    if (digits > 6) { /* digit by digit, as a code */
        for (size_t i = 0; i < digits; i++) put_word(w, ones[p[i] - '0']);
        return digits;
    }
    put_number(w, strtol(p, &end, 10));
    if (*end == '.' && isdigit((unsigned char)end[1])) {
        put_word(w, "point");
        for (end++; isdigit((unsigned char)*end); end++) put_word(w, ones[*end - '0']);
    }
    return (size_t)(end - p);
}

/* ASCII letter for the two UTF-8 bytes of a Latin letter with a mark; 0 for none. */
static char plain_letter(unsigned char a, unsigned char b)
{
    static const char latin1[] =
        "aaaaaaaceeeeiiiidnooooo*ouuuuyts"; /* U+00E0 and, folded, U+00C0 */
    static const char latin_a[] =           /* U+0100 to U+017F */
        "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllll"
        "nnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
    unsigned c = (a & 0x1fu) << 6 | (b & 0x3fu);
    if (c >= 0xc0 && c < 0x100) return latin1[(c - 0xc0) & 0x1f];
    if (c >= 0x100 && c < 0x100 + sizeof latin_a - 1) return latin_a[c - 0x100];
    return 0;
}

size_t lt_spoken_words(const char *text, char *out, size_t cap)
{
    struct words w = {out, 0, cap, 0};
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        char letter[2] = {0, 0};
        if (isdigit(*p)) {
            p += number(&w, (const char *)p);
        } else if (isalpha(*p)) {
            letter[0] = (char)tolower(*p++);
        } else if (*p == '\'' && w.in_word && (isalpha(p[1]) || p[1] >= 0xc3)) {
            letter[0] = (char)*p++;
        } else if (p[0] == 0xe2 && p[1] == 0x80 && p[2] == 0x99 && w.in_word && isalpha(p[3])) {
            letter[0] = '\''; /* typographic apostrophe */
            p += 3;
        } else if (*p == JOIN[0] && w.in_word) {
            letter[0] = '_';
            p++;
        } else if ((*p & 0xe0) == 0xc0 && p[1]) {
            if (p[0] == 0xc2 && p[1] == 0xb0) put_word(&w, "degrees");
            letter[0] = plain_letter(p[0], p[1]);
            p += 2;
        } else {
            if (*p == '%') put_word(&w, "percent");
            if (*p == '&') put_word(&w, "and");
            gap(&w);
            p++;
        }
        if (letter[0]) {
            put(&w, letter);
            w.in_word = 1;
        }
    }
    while (w.n && out[w.n - 1] == ' ') w.n--;
    out[w.n] = '\0';
    return w.n;
}

/* ---- drawing ---- */

struct draw {
    uint64_t state;
    struct lt_ngram *m;
    const struct lt_spoken_options *o;
    const json_t *slots;
};

static unsigned below(struct draw *d, size_t n)
{
    d->state += 0x9e3779b97f4a7c15ull; /* splitmix64 */
    uint64_t z = d->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return n ? (unsigned)((z ^ (z >> 31)) % n) : 0;
}

struct fills {
    const char *v[MAX_FILLS];
    size_t n;
};

static void add_fill(struct fills *f, const char *s)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->v[i], s)) return;
    if (f->n < MAX_FILLS) f->v[f->n++] = s;
}

static void add_fills(struct fills *f, const json_t *thing)
{
    size_t i;
    json_t *alias;
    const char *name = json_string_value(json_object_get(thing, "name"));
    if (name) add_fill(f, name);
    json_array_foreach(json_object_get(thing, "aliases"), i, alias)
    {
        if (json_is_string(alias)) add_fill(f, json_string_value(alias));
    }
}

/* Write one value of a slot. */
static size_t join(const char *text, char *out, size_t cap);
static size_t put_slot(struct draw *d, const char *slot, size_t slot_n, char *out, size_t cap)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)(slot_n < 63 ? slot_n : 63), slot);
    const json_t *values = json_object_get(d->slots, key);
    const json_t *v =
        json_is_array(values) ? json_array_get(values, below(d, json_array_size(values))) : values;
    const json_t *range = json_object_get(v, "int"), *real = json_object_get(v, "float");
    const char *say = json_string_value(json_object_get(v, "say"));
    char number_text[64] = "";
    if (json_is_string(v)) return (size_t)snprintf(out, cap, "%s", json_string_value(v));
    if (json_is_integer(v))
        return (size_t)snprintf(out, cap, "%lld", (long long)json_integer_value(v));
    if (range || real) {
        long lo = (long)json_number_value(json_array_get(range ? range : real, 0));
        long hi = (long)json_number_value(json_array_get(range ? range : real, 1));
        long span = hi > lo ? hi - lo + 1 : 1, value = lo + (long)below(d, (size_t)span);
        char digits[32];
        if (range && below(d, 2)) value -= (value - lo) % 5; /* round numbers are said more often */
        if (real && below(d, 3) == 0)
            snprintf(digits, sizeof digits, "%ld.5", value);
        else
            snprintf(digits, sizeof digits, "%ld", value);
        join(digits, number_text, sizeof number_text);
    }
    if (!say) return (size_t)snprintf(out, cap, "%s", number_text);
    const char *hole = strstr(say, "{}");
    if (!hole) return (size_t)snprintf(out, cap, "%s", say);
    return (size_t)snprintf(out, cap, "%.*s%s%s", (int)(hole - say), say, number_text, hole + 2);
}

/* The same text as spoken words that belong together: "Living Room" is one word to the language
 * model, so that what follows it is known by more than its last word. */
static size_t join(const char *text, char *out, size_t cap)
{
    char words[LT_SPOKEN_MAX_BYTES];
    size_t n = lt_spoken_words(text, words, sizeof words < cap ? sizeof words : cap);
    for (size_t i = 0; i < n; i++) out[i] = words[i] == ' ' ? JOIN[0] : words[i];
    out[n] = '\0';
    return n;
}

struct places {
    struct fills names, areas, floors;
};

static const char *pick(struct draw *d, const struct fills *f)
{
    return f->n ? f->v[below(d, f->n)] : NULL;
}

/* Fill the phrase's holes; 0 when one has nothing to go in. */
static int fill_phrase(struct draw *d, const char *phrase, const struct places *where, char *out,
                       size_t cap)
{
    size_t n = 0;
    for (const char *p = phrase; *p && n + 1 < cap;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (!end) {
            out[n++] = *p++;
            continue;
        }
        size_t slot_n = strcspn(p + 1, ":}");
        const char *name = NULL;
        int is_place = 1;
        if (slot_n == 4 && !strncmp(p + 1, "name", 4))
            name = pick(d, &where->names);
        else if (slot_n == 4 && !strncmp(p + 1, "area", 4))
            name = pick(d, &where->areas);
        else if (slot_n == 5 && !strncmp(p + 1, "floor", 5))
            name = pick(d, &where->floors);
        else
            is_place = 0;
        if (is_place && !name) return 0;
        n += is_place ? join(name, out + n, cap - n) : put_slot(d, p + 1, slot_n, out + n, cap - n);
        if (n > cap - 1) n = cap - 1;
        p = end + 1;
    }
    out[n < cap ? n : cap - 1] = '\0';
    return n > 0;
}

static enum lt_err say(struct draw *d, const char *text)
{
    static const char *const before[] = {"please",           "can you",        "could you",
                                         "could you please", "can you please", "hey"};
    char words[LT_SPOKEN_MAX_BYTES], polite[LT_SPOKEN_MAX_BYTES + 32];
    lt_spoken_words(text, words, sizeof words);
    if (below(d, 100) >= d->o->polite_share) return lt_ngram_add(d->m, words, 1);
    if (below(d, 2))
        snprintf(polite, sizeof polite, "%s please", words);
    else
        snprintf(polite, sizeof polite, "%s %s", before[below(d, 6)], words);
    return lt_ngram_add(d->m, polite, 1);
}

/* All phrases of one list, the first (the common ones) most often. */
static enum lt_err say_list(struct draw *d, const json_t *list, const struct places *where,
                            size_t n_places)
{
    size_t i;
    json_t *item;
    char text[LT_SPOKEN_MAX_BYTES];
    enum lt_err err = LT_OK;
    json_array_foreach(list, i, item)
    {
        const char *phrase =
            json_string_value(json_is_object(item) ? json_object_get(item, "u") : item);
        unsigned n_holes = 0;
        for (const char *p = phrase ? phrase : ""; *p; p++) n_holes += *p == '{';
        unsigned times = d->o->per_phrase * 8 / (8 + (unsigned)i) + 1;
        if (n_holes) times *= n_places < 12 ? (unsigned)n_places + n_holes : 12 + n_holes;
        for (unsigned k = 0; phrase && !err && k < times; k++)
            if (fill_phrase(d, phrase, where, text, sizeof text)) err = say(d, text);
    }
    return err;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* Names of the entities an entry speaks of. */
static void fit_names(const json_t *entry, const json_t *home, struct fills *out)
{
    size_t i;
    json_t *e;
    const char *domain = text_of(entry, "domain"), *class = text_of(entry, "device_class");
    json_array_foreach(json_object_get(home, "entities"), i, e)
    {
        if (*domain && strcmp(domain, text_of(e, "domain")) != 0) continue;
        if (*class && strcmp(class, text_of(e, "device_class")) != 0) continue;
        add_fills(out, e);
    }
}

static int has_tool(const json_t *catalog, const char *name)
{
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(catalog, "tools"), i, t)
    {
        if (!strcmp(text_of(t, "name"), name)) return 1;
    }
    return 0;
}

static void fit_places(const json_t *home, struct places *out)
{
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(home, "areas"), i, a)
    {
        const char *floor = text_of(a, "floor");
        add_fills(&out->areas, a);
        if (*floor) add_fill(&out->floors, floor);
    }
    json_array_foreach(json_object_get(home, "floors"), i, a)
    {
        if (json_is_object(a)) add_fills(&out->floors, a);
    }
}

enum lt_err lt_spoken_count(const json_t *phrasings, const json_t *catalog,
                            const struct lt_spoken_options *o, struct lt_ngram *m)
{
    static const char *const forms[] = {"by_name", "by_area", "by_floor", "here", "everywhere"};
    const json_t *entries = json_object_get(phrasings, "entries");
    const json_t *home = json_object_get(catalog, "home");
    struct draw d = {1, m, o, json_object_get(phrasings, "slots")};
    enum lt_err err = LT_OK;
    size_t i;
    json_t *entry;
    if (!json_is_array(entries)) return LT_ERR_INVALID;
    struct places *where = calloc(1, sizeof *where);
    if (!where) return LT_ERR_NOMEM;
    fit_places(home, where);
    json_array_foreach(entries, i, entry)
    {
        where->names.n = 0;
        fit_names(entry, home, &where->names);
        if (!has_tool(catalog, text_of(entry, "tool"))) continue;
        if (*text_of(entry, "domain") && !where->names.n) continue;
        for (size_t k = 0; !err && k < sizeof forms / sizeof *forms; k++) {
            size_t n = k == 0   ? where->names.n
                       : k == 1 ? where->areas.n
                       : k == 2 ? where->floors.n
                                : 1;
            if (n) err = say_list(&d, json_object_get(entry, forms[k]), where, n);
        }
    }
    json_array_foreach(json_object_get(phrasings, "nothing"), i, entry)
    {
        char words[LT_SPOKEN_MAX_BYTES];
        if (err || !json_is_string(entry) || strchr(json_string_value(entry), '{')) continue;
        lt_spoken_words(json_string_value(entry), words, sizeof words);
        err = lt_ngram_add(m, words, 1);
    }
    free(where);
    return err;
}

static enum lt_err count_fills(struct draw *d, const struct fills *f)
{
    char text[LT_SPOKEN_MAX_BYTES];
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < f->n; i++) {
        char joined[LT_SPOKEN_MAX_BYTES];
        join(f->v[i], joined, sizeof joined);
        lt_spoken_words(joined, text, sizeof text);
        err = lt_ngram_add(d->m, text, d->o->name_share);
    }
    return err;
}

enum lt_err lt_spoken_count_names(const json_t *catalog, const struct lt_spoken_options *o,
                                  struct lt_ngram *m)
{
    struct draw d = {1, m, o, NULL};
    const json_t *home = json_object_get(catalog, "home");
    enum lt_err err = LT_OK;
    size_t i;
    json_t *t;
    struct places *where = calloc(1, sizeof *where);
    if (!where) return LT_ERR_NOMEM;
    fit_places(home, where);
    fit_names(NULL, home, &where->names);
    err = count_fills(&d, &where->names);
    if (!err) err = count_fills(&d, &where->areas);
    if (!err) err = count_fills(&d, &where->floors);
    json_array_foreach(json_object_get(catalog, "tools"), i, t)
    {
        const char *name = text_of(t, "name"), *key;
        char words[LT_SPOKEN_MAX_BYTES];
        json_t *parameter;
        size_t k;
        if (err || !strncmp(name, "Hass", 4)) continue; /* the phrasings know those */
        lt_spoken_words(name, words, sizeof words);
        err = lt_ngram_add(m, words, 2);
        if (!err) {
            lt_spoken_words(text_of(t, "description"), words, sizeof words);
            err = lt_ngram_add(m, words, 1);
        }
        json_object_foreach(json_object_get(json_object_get(t, "parameters"), "properties"), key,
                            parameter)
        {
            json_t *value;
            json_array_foreach(json_object_get(parameter, "enum"), k, value)
            {
                if (err || !json_is_string(value)) continue;
                lt_spoken_words(json_string_value(value), words, sizeof words);
                err = lt_ngram_add(m, words, 2);
            }
        }
    }
    free(where);
    return err;
}

void lt_spoken_defaults(struct lt_spoken_options *o)
{
    *o = (struct lt_spoken_options){.per_phrase = 4, .polite_share = 15, .name_share = 3};
}
