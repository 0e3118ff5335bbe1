/* lexicon_british.c - pronunciations without the R that only Americans, Scots and Irish say, and with the
 * vowels of "off" and "hot" as one, or the other way about, as people of many places say them; weak vowels and
 * open ones too. */
#include <stdlib.h>
#include <string.h>

#include "lt/lexicon.h"

#define MAX_VARIANTS 24
#define PHONE_BYTES  4

static int is_vowel(const char *phone)
{
    return *phone && strchr("AEIOU", *phone) != NULL;
}

static int is_one(const char *phone, const char *of)
{
    size_t n = strcspn(phone, " ");
    return n == strlen(of) && !strncmp(phone, of, n);
}

static const char *after(const char *phone)
{
    phone += strcspn(phone, " ");
    return phone + (*phone == ' ');
}

static void add(char *out, const char *phone)
{
    size_t n = strlen(out), len = strcspn(phone, " ");
    if (n + len + 2 >= LT_LEXICON_PHONES_BYTES) return;
    if (n) out[n++] = ' ';
    memcpy(out + n, phone, len);
    out[n + len] = '\0';
}

static void british(const char *phones, char out[LT_LEXICON_PHONES_BYTES])
{
    const char *before = "";
    *out = '\0';
    for (const char *p = phones; *p; before = p, p = after(p)) {
        int is_before_vowel = is_vowel(after(p));
        if (is_one(p, "R") && is_vowel(before) && !is_before_vowel) {
            if (is_one(before, "IH") || is_one(before, "EH") || is_one(before, "UH"))
                add(out, "AH");
        } else if (is_one(p, "ER")) {
            add(out, "AH");
            if (is_before_vowel) add(out, "R");
        } else {
            add(out, p);
        }
    }
}

/* One vowel for the other, where no R follows: "off" with that of "hot" (the cot-caught merger, common in
 * America), "hot" with that of "off" (nearer to the British one). */
static void merged(const char *phones, const char *from, const char *to,
                   char out[LT_LEXICON_PHONES_BYTES])
{
    *out = '\0';
    for (const char *p = phones; *p; p = after(p))
        add(out, is_one(p, from) && !is_one(after(p), "R") ? to : p);
}

/* The weak vowel of "television" and "minutes" as in "bit", as most people in Britain say it: after the
 * first vowel, before a consonant that is no N, M, L or R. */
static void weak(const char *phones, char out[LT_LEXICON_PHONES_BYTES])
{
    int n_vowels = 0;
    *out = '\0';
    for (const char *p = phones; *p; p = after(p)) {
        int is_weak = n_vowels && is_one(p, "AH") && *after(p) && !is_vowel(after(p)) &&
                      !strchr("NMLR", *after(p));
        add(out, is_weak ? "IH" : p);
        n_vowels += is_vowel(p);
    }
}

/* Vowels more open than the American model's, as in London's suburbs, in Australia, and by now in much of southern
 * Britain: FACE as PRICE, DRESS as TRAP, TRAP as in "father", GOAT and PRICE drawn out. Whoever says one of them
 * so says all of them so. */
static void opened(const char *phones, char out[LT_LEXICON_PHONES_BYTES])
{
    static const struct {
        const char *from, *to, *then;
    } vowels[] = {{"AE", "AA", ""},
                  {"EH", "AE", ""},
                  {"EY", "AY", ""},
                  {"OW", "AH", "UH"},
                  {"AY", "AA", "IY"}};
    *out = '\0';
    for (const char *p = phones; *p; p = after(p)) {
        size_t i = 0;
        while (i < sizeof vowels / sizeof *vowels && !is_one(p, vowels[i].from)) i++;
        if (i == sizeof vowels / sizeof *vowels || is_one(after(p), "R")) {
            add(out, p);
            continue;
        }
        add(out, vowels[i].to);
        if (*vowels[i].then) add(out, vowels[i].then);
    }
}

/* The variants of one word are written together, each name once: the library takes a name that comes twice amiss (it
 * may search for pronunciations for ever). */
struct word {
    char name[LT_LEXICON_PHONES_BYTES];
    char phones[MAX_VARIANTS][LT_LEXICON_PHONES_BYTES];
    int n;
};

static void take(struct word *w, const char *phones)
{
    for (int i = 0; i < w->n; i++)
        if (!strcmp(w->phones[i], phones)) return;
    if (w->n < MAX_VARIANTS && *phones)
        snprintf(w->phones[w->n++], LT_LEXICON_PHONES_BYTES, "%s", phones);
}

static void finish(struct word *w, FILE *out)
{
    char other[LT_LEXICON_PHONES_BYTES];
    int n_given = w->n;
    for (int i = 0; i < n_given; i++) {
        british(w->phones[i], other);
        take(w, other);
    }
    for (int i = 0; i < n_given; i++) {
        merged(w->phones[i], "AO", "AA", other);
        take(w, other);
        merged(w->phones[i], "AA", "AO", other);
        take(w, other);
        weak(w->phones[i], other);
        take(w, other);
    }
    for (int i = 0; i < n_given; i++) {
        char plain[LT_LEXICON_PHONES_BYTES];
        british(w->phones[i], plain);
        opened(plain, other);
        take(w, other);
    }
    for (int i = 0; i < w->n; i++) {
        fputs(w->name, out);
        if (i) fprintf(out, "(%d)", i + 1);
        fprintf(out, " %s\n", w->phones[i]);
    }
    w->n = 0;
}

/* A line of the dictionary. */
struct line {
    const char *word, *phones; /* word without the number of its variant */
    size_t at;
};

static int by_word(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = strcmp(x->word, y->word);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Cut the text, in place. NULL: no memory. */
static struct line *lines_of(char *text, size_t *n)
{
    size_t cap = 1;
    char *rest = NULL;
    for (const char *p = text; *p; p++) cap += *p == '\n';
    struct line *v = malloc(cap * sizeof *v);
    *n = 0;
    for (char *line = v ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *phones = strpbrk(line, " \t");
        if (!phones) continue;
        *phones++ = '\0';
        phones += strspn(phones, " \t");
        line[strcspn(line, "(")] = '\0';
        if (strlen(line) >= LT_LEXICON_PHONES_BYTES || strlen(phones) >= LT_LEXICON_PHONES_BYTES)
            continue;
        v[*n] = (struct line){line, phones, *n};
        (*n)++;
    }
    /* a dictionary has "can", "can't", "can(2)" in this order */
    if (v) qsort(v, *n, sizeof *v, by_word);
    return v;
}

enum lt_err lt_lexicon_add_british(const char *dictionary, FILE *out)
{
    size_t n = 0;
    char *text = strdup(dictionary);
    struct word *w = calloc(1, sizeof *w);
    struct line *v = text && w ? lines_of(text, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].word, w->name) != 0) {
            finish(w, out);
            snprintf(w->name, sizeof w->name, "%s", v[i].word);
        }
        take(w, v[i].phones);
    }
    if (v) finish(w, out);
    enum lt_err err = !v ? LT_ERR_NOMEM : fflush(out) || ferror(out) ? LT_ERR_IO : LT_OK;
    free(v);
    free(w);
    free(text);
    return err;
}
